"""The interfaces that everything meets at: an objective, and an entry in the registry of terms."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

Target = Any
Terms = dict[str, jax.Array]


class Objective(NamedTuple):
    """A target that is fitted once to a reference, and a differentiable distance to it.

    What both functions take is up to the objective: a spectrogram [T, F], or [T, S, F] of S
    streams, or a wave [C, N] once `combinators.precompose` puts a transform before it.

    Attributes:
      fit: reference -> target, a pytree that can be saved and used again.
      distance: (target, x) -> (scalar, named terms that add up to it).
    """

    fit: Callable[[Any], Target]
    distance: Callable[[Target, Any], tuple[jax.Array, Terms]]


class Term(NamedTuple):
    """One term of a loss, as terms.py registers it. A new statistic is one of these.

    Attributes:
      choices: dataclass of its choices (`choices.TermChoices`), whose weight comes first.
      build: (`terms.Context`) -> Objective; with the view, and for "style" and "content" its place
        among the views, as further arguments where the inputs are seen in views.
      inputs: what the objective takes: "wave" (a rendered wave [C, N]), "style" (spectrograms of
        a view), "features" (of an explicit network over a view), "content" or "envelope" (of a
        transfer, spectrograms of a view; fitted to content or style) or "canvas" (what the canvas
        holds; nothing is fitted).
      summary: what it compares, for help texts.
      canvases: kinds of canvas that it works on.
      elsewhere: whether a weight on another canvas is "refused" or "ignored".
    """

    choices: Any
    build: Callable[..., Objective]
    inputs: str
    summary: str
    canvases: tuple[str, ...] = ("waveform", "spectrogram")
    elsewhere: str = "refused"

    @property
    def name(self) -> str:
        """The name of the term, and with `_weight` of the choice of its weight."""
        return self.choices.term
