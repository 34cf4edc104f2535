"""What a term's objective is built for, and how objectives are laid over a mixture and a length."""

from typing import Any, NamedTuple

from audio_texture.base import Objective, Weights
from audio_texture.combinators import mixture
from audio_texture.views import View


class Context(NamedTuple):
    """What a term's objective is built for.

    Attributes:
      recipe: all choices.
      sample_rate: of the modelled sound, in Hz.
      weights: of the references whose list fit takes; None where fit takes a single reference. They
        may be traced.
      auditory_weights: the same for statistics of the ear, which balance references in another way.
      hparams: of `Recipe.dynamic_hparams`; they may be traced.
      circular: whether the end of x is followed by its beginning.
    """

    recipe: Any
    sample_rate: int
    weights: Weights | None
    auditory_weights: Weights | None
    hparams: dict[str, Any]
    circular: bool = False

    def mix(self, objective: Objective, *, auditory: bool = False) -> Objective:
        """The objective on a single reference as one on the references that fit takes.

        Args:
          objective: on a reference.
          auditory: whether it is balanced as statistics of the ear are.
        """
        weights = self.auditory_weights if auditory else self.weights
        return objective if weights is None else mixture(objective, weights)


def frames_in(seconds: float, view: View, overlap: int) -> int:
    """Frames of a block of a length, which must be longer than the overlap of two blocks."""
    return max(round(1000 * seconds / view.hop_ms), 2 * overlap + 1)
