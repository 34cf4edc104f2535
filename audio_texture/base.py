"""The four interfaces that carry everything: objective, canvas, optimiser, and a term of the loss.

A recipe is choices between them (config.py).
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

# What `fit` returns: a pytree of arrays.
Target = Any
# Name of a term -> its weighted value, a scalar.
Terms = dict[str, Any]
# Of references; they may be traced.
Weights = Sequence[float] | np.ndarray | jax.Array

# Any pytree of arrays.
Parameters = Any
Loss = Callable[[Parameters, Any], tuple[jax.Array, dict[str, jax.Array]]]


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


class Canvas(NamedTuple):
    """What is optimised, and how parameters become a signal.

    Attributes:
      init: key -> parameters.
      render: (parameters, constants) -> signal.
      constants: pytree of arrays.
      invert: (signal, constants) -> parameters, the inverse of `render`; None if there is none.
    """

    init: Callable[[jax.Array], Any]
    render: Callable[[Any, Any], jax.Array]
    constants: Any
    invert: Callable[[jax.Array, Any], Any] | None = None


class OptimizerState(NamedTuple):
    """What the next evaluation needs.

    Attributes:
      parameters: the last accepted ones; always finite.
      value: loss of these parameters; infinite before the first evaluation.
      terms: terms of that loss.
      evaluations: number spent so far.
      failed_at: number, from 1, of the evaluation that came out NaN or infinite when no shorter
        step was left to try; 0 if there was none.
      stuck: whether no step along the gradient lowers the loss any more.
      internal: the method's own state: search direction, step, history.
    """

    parameters: Parameters
    value: jax.Array
    terms: dict[str, jax.Array]
    evaluations: jax.Array
    failed_at: jax.Array
    stuck: jax.Array
    internal: Any


class Optimizer(NamedTuple):
    """A method of minimisation.

    Attributes:
      init: (parameters, data) -> OptimizerState.
      step: (state, data) -> OptimizerState, at one evaluation of the loss.
    """

    init: Callable[[Parameters, Any], OptimizerState]
    step: Callable[[OptimizerState, Any], OptimizerState]


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
