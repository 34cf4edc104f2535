"""The two interfaces of the losses: an objective, and an entry in the registry of terms."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

# What `fit` returns: a pytree of arrays.
Target = Any
# Name of a term -> its weighted value, a scalar.
# Numbers, maybe traced: of the terms of a distance, and weights of references.
Terms = dict[str, Any]
Weights = Sequence[float] | np.ndarray | jax.Array


class Objective(NamedTuple):
    """A target that is fitted once to a reference, and a differentiable distance to it.

    Each objective states its input: usually a spectrogram [T, F] of T frames and F bins, or
    [T, S, F] of S streams. `combinators.precompose` turns it into an objective on waves [C, N] of C
    channels and N samples.

    Attributes:
      fit: reference -> target, a pytree that can be saved and used again.
      distance: (target, x) -> (scalar, named terms that add up to it).

    Example:
      >>> def distance(target, x):
      ...     value = (x.mean() - target) ** 2
      ...     return value, {"mean": value}
      >>> objective = Objective(fit=lambda reference: reference.mean(), distance=distance)
      >>> target = objective.fit(jax.numpy.array([[1.0, 3.0]]))
      >>> float(objective.distance(target, jax.numpy.zeros((1, 2)))[0])
      4.0
    """

    fit: Callable[[Any], Target]
    distance: Callable[[Target, Any], tuple[Any, Terms]]


class Term(NamedTuple):
    """One term of a loss: an entry of the registry `terms.TERMS`.

    Attributes:
      choices: the dataclass of its choices, a subclass of `choices.TermChoices`.
      build: function that returns its Objective. Arguments: (context) for inputs "wave";
        (context, view) for "features" and "envelope"; (context, view, index of the view) for
        "style" and "content"; (None) for "canvas". See `terms.Context` and `views.View`.
      inputs: what the objective takes: "wave" (a rendered wave [C, N]), "style" (spectrograms of
        a view), "features" (of an explicit network over a view), "content" or "envelope" (in a
        transfer, spectrograms of a view; fitted to content or style) or "canvas" (the canvas's
        values; nothing is fitted).
      summary: what it compares, for help texts.
      canvases: kinds of canvas that it works on.
      elsewhere: whether a weight above 0 on another canvas is "refused" or "ignored".
    """

    choices: Any
    build: Callable[..., Objective]
    inputs: str
    summary: str
    canvases: tuple[str, ...] = ("waveform", "spectrogram")
    elsewhere: str = "refused"

    @property
    def name(self) -> str:
        """Name of the term; its weight is the choice `NAME_weight`."""
        return self.choices.term
