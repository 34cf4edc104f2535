"""A recipe applied to sounds, before it is run, and the sound that a run makes."""

import collections
import threading
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import jax
import numpy as np

from audio_texture import features, optimize
from audio_texture.config import Recipe


class CompiledFns(NamedTuple):
    """The compiled functions of a recipe; all problems of one `compile_key` share them.

    Dynamic choices and samples are arguments of these functions, not compiled in.

    Attributes:
      key: the `compile_key`.
      fit: (waves, weights, hparams) -> target.
      loss: (parameters, data) -> (value, terms).
      to_wave: (key, parameters, constants) -> wave [C, N] at the modelled rate.
      start: transfers only. (key, wave [C, N], (a, b), colour, constants) -> (parameters that
        render noise of the colour, parameters that render a * wave + b * noise).
      terms: transfers only. Names of the distances with a weight above 0.
    """

    key: Hashable
    fit: Any
    loss: optimize.Loss
    to_wave: Callable[[jax.Array, Any, Any], jax.Array]
    start: Callable[..., tuple[Any, Any]] | None = None
    terms: tuple[str, ...] = ()


class Problem(NamedTuple):
    """A recipe applied to references: init, optimise, render_output.

    Attributes:
      recipe: as given to `prepare`, before kernels too long for the references are left out.
      optimizer: over the canvas's parameters.
      init: key -> (starting parameters, the loss's other arguments: target, constants, hparams,
        weights, scale).
      render_output: (key, parameters) -> (wave [C, samples] at the references' rate and level, dB
        that its level was lowered by to keep it from clipping).
      compiled: functions that it shares with other problems of its key.
      sample_rate: of the result, in Hz.
    """

    recipe: Recipe
    optimizer: optimize.Optimizer
    init: Callable[[jax.Array], tuple[Any, Any]]
    render_output: Callable[[jax.Array, Any], tuple[np.ndarray, float]]
    compiled: CompiledFns
    sample_rate: int

    def __repr__(self) -> str:
        return f"Problem({self.recipe!r}, sample_rate={self.sample_rate})"


class Texture(NamedTuple):
    """A new sound.

    Attributes:
      wave: [C, samples] float32.
      lowered_db: how far it is below the references' level, to keep it from clipping.
      outcome: of the optimiser.
    """

    wave: np.ndarray
    lowered_db: float
    outcome: optimize.Outcome


def check_like(like: Problem | None, key: Hashable, name: str) -> None:
    """Raises ValueError where `like` has another `compile_key`; name: of the new problem."""
    if like and like.compiled.key != key:
        raise ValueError(f"{name} needs other programs than the problem it is to be like.")


# Compiled functions of the latest problems, streams, loops and trainings, so that whoever prepares
# one like them waits for neither tracing nor compiling. As many as `optimize.compile_chunk` keeps.
_LATEST: collections.OrderedDict[Hashable, Any] = collections.OrderedDict()
_KEPT = 8
_LOCK = threading.Lock()


def keep(key: Hashable, make: Callable[[], Any]) -> tuple[Any, bool]:
    """What `make` returned for this key, and whether it was called: the latest eight are kept.

    key: all that the functions which `make` returns depend on.
    """
    with _LOCK:
        kept = _LATEST.pop(key, None)
    made = make() if kept is None else kept
    with _LOCK:
        _LATEST[key] = made
        while len(_LATEST) > _KEPT:
            _LATEST.popitem(last=False)
    return made, kept is None


def compiled_of(
    kind: str,
    key: Hashable,
    recipe: Recipe,
    like: Problem | None,
    compile_fns: Callable[[], CompiledFns],
) -> tuple[CompiledFns, optimize.Optimizer, bool]:
    """The compiled functions of a problem, the optimiser over their loss, and whether they are new:
    those of `like`, or of a recent problem of the same key, or new ones.

    Args:
      kind: "texture" or "transfer", whose keys can be equal.
      key: the `compile_key`.
      recipe: the choices.
      like: a problem of that key.
      compile_fns: makes new compiled functions.
    """
    if like:
        return like.compiled, like.optimizer, False

    def make():
        compiled = compile_fns()
        return compiled, optimizer_of(
            recipe, compiled.loss, learning_rate=lambda data: data["hparams"]["learning_rate"]
        )

    # They read a weights file when they are traced.
    (compiled, optimizer), is_new = keep((kind, features.weights_version(recipe), key), make)
    return compiled, optimizer, is_new


def optimizer_of(
    recipe: Recipe,
    loss: optimize.Loss,
    *,
    learning_rate: Callable[[Any], jax.Array] | None = None,
) -> optimize.Optimizer:
    """The recipe's optimiser, L-BFGS or Adam, for a loss.

    Args:
      recipe: the choices.
      loss: (parameters, data) -> (value, terms).
      learning_rate: data -> Adam's learning rate, in place of the recipe's own.
    """
    choices = recipe.optimiser
    if choices.kind == "lbfgs":
        return optimize.lbfgs(loss, history=choices.history)
    return optimize.adam(loss, learning_rate=learning_rate or choices.learning_rate)
