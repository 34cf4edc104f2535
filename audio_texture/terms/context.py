"""The context in which a term's objective is built, and the length of its blocks."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from audio_texture.base import Objective, Weights
from audio_texture.combinators import mixture
from audio_texture.morphing import Along
from audio_texture.views import View


class Context(NamedTuple):
    """All that the `build` of a term may use.

    Attributes:
      recipe: all choices.
      sample_rate: of the modelled sound, in Hz.
      weights: of the references whose list `fit` takes; None where `fit` takes a single reference.
        They may be traced.
      auditory_weights: the same for auditory statistics, see `mixing.balance`.
      hparams: of `Recipe.dynamic_hparams`; they may be traced.
      circular: whether the end of x is followed by its beginning.
      along: in a block of a morph, the weights along it before they are balanced; else None.
    """

    recipe: Any
    sample_rate: int
    weights: Weights | None
    auditory_weights: Weights | None
    hparams: dict[str, Any]
    circular: bool = False
    along: Along | None = None

    def along_frames(self, edge: float, *, auditory: bool = False) -> jax.Array | None:
        """In a morph, balanced weights evenly spread over a block but for its edges, [P, R].

        Args:
          edge: length of either edge, in seconds.
          auditory: whether to use the balance of `auditory_weights`.
        """
        if self.along is None:
            return None
        weights, kind = self.along(edge), "heard" if auditory else "spectrum"
        if "balance" in self.hparams:
            weights = weights * jnp.asarray(self.hparams["balance"][kind])[None]
        return weights / jnp.sum(weights, axis=1, keepdims=True)

    def unit_weights(self, view: View) -> Any:
        """Weights of the units of a view's magnitudes: in a morph, one for each frame."""
        # A frame's time is the middle of its window; no window reaches beyond the block.
        along = self.along_frames(view.window_ms / 2000)
        return self.weights if along is None else along

    def mix(self, objective: Objective, *, auditory: bool = False) -> Objective:
        """Turns an objective on one reference into one on all references, if there are several.

        Args:
          objective: on one reference.
          auditory: whether to use `auditory_weights`.
        """
        weights = self.auditory_weights if auditory else self.weights
        return objective if weights is None else mixture(objective, weights)


def frames_in(seconds: float, view: View, overlap: int) -> int:
    """Number of frames in a block of `seconds`; at least enough for an overlap on both sides.

    Example:
      >>> frames_in(1.0, View.parse("mel24@32/8:2"), overlap=1)
      125
    """
    return max(round(1000 * seconds / view.hop_ms), 2 * overlap + 1)
