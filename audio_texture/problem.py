"""A recipe applied to sounds, before it is run, and the sound that a run makes."""

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import jax
import numpy as np

from audio_texture import optimize
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
      compiled: functions that it shares with problems prepared by `prepare(..., like=it)`.
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
