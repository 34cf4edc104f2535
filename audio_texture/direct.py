"""Problems of recipes that optimise nothing: a classical method makes the sound in one pass.

Where other problems have parameters that an optimiser changes, these have the finished sound.
"""

import functools
import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import jax
import numpy as np

from audio_texture import audio, classical, optimize, references
from audio_texture.base import Optimizer, OptimizerState
from audio_texture.config import Recipe
from audio_texture.precision import single
from audio_texture.problem import CompiledFns, Problem, Texture


def _state_of(wave: Any, data: Any) -> OptimizerState:
    """The state of a run that has nothing to optimise; its loss is not a number."""
    loss, zero = np.float32(np.nan), np.int32(0)
    return OptimizerState(wave, loss, {}, zero, zero, np.bool_(False), None)  # type: ignore


# Level (RMS) of what methods take: the choice `level` of optimised recipes has no effect on them.
LEVEL = 0.1
# In place of an optimiser.
NO_STEPS = Optimizer(init=_state_of, step=lambda state, data: state)


def texture_problem(
    recipe: Recipe,
    sounds: Sequence[np.ndarray],
    key: Hashable,
    on_fit: Callable[[], None] = lambda: None,
    *,
    sample_rate: int,
    seconds: float,
    **mixture: Any,
) -> Problem:
    """The problem of a texture by a classical method.

    Args:
      recipe: with a method for textures.
      sounds: one reference, a wave [C, N].
      key: the `synthesis.compile_key`.
      on_fit: called once all is checked.
      sample_rate: of the reference and the result, in Hz.
      seconds: length of the result.
      **mixture: weights, morph_to and bands of `synthesis.prepare`.
    Raises:
      ValueError: as `references.preprocess`; several references; as the method itself.
    """
    rate = references.model_sample_rate(recipe, sample_rate)
    references.check_mixture(recipe, len(sounds), rate=rate, **mixture)
    folded, factors = audio.fold_channels(sounds)
    modelled = recipe.replace(level=LEVEL)
    _, (wave,), _ = references.preprocess(modelled, folded, sample_rate=sample_rate)
    samples = math.ceil(round(seconds * sample_rate) * rate / sample_rate)
    # Back to the recording's level. The result has no level of its own that should be matched: a
    # short one of rare events may hold none, and a path may ask for quiet grains.
    _, (unscaled,), _ = references.preprocess(
        recipe.replace(level=0), folded, sample_rate=sample_rate
    )
    gain = audio.rms(unscaled) / audio.rms(wave)

    function = classical.function_of(recipe.classical.method)
    make = functools.partial(function, wave=wave, sample_rate=rate, **recipe.options())
    # What a method refuses it refuses with any key: here, before anything is written.
    make(jax.random.key(0), samples=min(samples, rate // 20))
    make = functools.partial(make, samples=samples)

    def finish(made):
        result = audio.resample(factors @ made, rate, sample_rate)[
            :, : round(seconds * sample_rate)
        ]
        faded = audio.fade_ends(result, recipe.signal.fade_samples(sample_rate))
        return audio.lower_to_full_scale(gain * faded)

    on_fit()
    return _problem(recipe, make, finish, key, sample_rate)


def transfer_problem(
    recipe: Recipe,
    pair: Sequence[np.ndarray],
    factors: np.ndarray,
    content: np.ndarray,
    key: Hashable,
    sample_rate: int,
    on_fit: Callable[[], None] = lambda: None,
) -> Problem:
    """The problem of a transfer by a classical method.

    Args:
      recipe: with a method for transfers.
      pair: content and style with the channels that are modelled, waves [C, N] and [C, M].
      factors: of `audio.fold_channels`.
      content: wave, whose length and level the result has.
      key: the `style_transfer.compile_key`.
      sample_rate: of all, in Hz.
      on_fit: called once all is checked.
    Raises:
      ValueError: as `references.preprocess`; as the method itself.
    """
    rate = references.model_sample_rate(recipe, sample_rate)
    modelled = recipe.replace(level=LEVEL)
    _, waves, _ = references.preprocess(modelled, pair, sample_rate=sample_rate)
    level = audio.audible_rms(content, sample_rate=sample_rate)

    function = classical.function_of(recipe.classical.method)

    def make(key):
        return function(key, *waves, sample_rate=rate, **recipe.options())

    # As above.
    make(jax.random.key(0))

    def finish(made):
        result = audio.resample(factors @ made, rate, sample_rate)[:, : content.shape[1]]
        faded = audio.fade_ends(result, recipe.signal.fade_samples(sample_rate))
        return audio.match_level(faded, level, sample_rate=sample_rate)

    on_fit()
    return _problem(recipe, make, finish, key, sample_rate)


def run(problem: Problem, key: jax.Array) -> Texture:
    """The sound of a problem of this module; key: PRNG key."""
    made, data = problem.init(key)
    outcome = optimize.Outcome(problem.optimizer.init(made, data), "direct", [])
    return Texture(*problem.render_output(key, made), outcome)


def _problem(recipe, make, finish, key, sample_rate) -> Problem:
    """The problem of a method. make: key -> wave at the modelled rate; finish: of that, the result
    and the dB that its level was lowered by.
    """

    def unused(*_):
        raise AssertionError(f"The recipe {recipe.name} has nothing to compile.")

    return Problem(
        recipe,
        NO_STEPS,
        single(lambda key: (make(key), {})),
        single(lambda _, made: finish(np.asarray(made))),
        CompiledFns(key, unused, unused, unused),
        sample_rate,
    )
