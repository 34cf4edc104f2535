"""The start of a waveform canvas: from a walk, gains along a random path through the reference, or
from a generator, a sample of its sound.
"""

import functools
import math
import os
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import audio, canvas, walk
from audio_texture.config import Recipe
from audio_texture.errors import ChoiceError
from audio_texture.layout import equaliser_of

# Of a walk through a reference, in seconds: the context in which two frames are compared before the
# walk jumps from one to the other, the shortest jump, the mean length of a piece between jumps.
WALK_CONTEXT, WALK_APART, WALK_PIECE = 0.5, 0.1, 0.25


def choose_init(
    recipe: Recipe,
    target_canvas: canvas.Canvas,
    references: Sequence[np.ndarray],
    rate: int,
    *,
    morphs: bool,
) -> Callable[[jax.Array], Any]:
    """The `init` that the recipe chooses: from a walk, from a generator, or the canvas's own.

    Args:
      recipe: the choices.
      target_canvas: the canvas.
      references: waves [C, N_i] at `rate`, those with a weight above 0.
      rate: of the modelled sound, in Hz.
      morphs: whether the sound changes from one of them to another.
    Raises:
      ChoiceError: as `generator_init`; start=generator for several references.
    """
    mixed = morphs or len(references) > 1
    if recipe.canvas.start == "generator":
        if mixed:
            raise ChoiceError(
                "start must not be generator for a mixture or morph: one style has no sample of "
                "several sounds.",
                field="start",
            )
        return generator_init(recipe, target_canvas, references[0], rate)
    # Only a single reference has an order of events to walk through; a mixture starts from noise.
    if starts_from_walk(recipe) and not mixed:
        return walk_init(recipe, target_canvas, references[0], rate)
    return target_canvas.init


def starts_from_walk(recipe: Recipe) -> bool:
    """Whether the recipe starts from a walk.

    It does not where all time scales are shorter than the context of jumps: such time scales ask
    for longer rhythms to be lost.
    """
    longest = max(recipe.analysis.time_scale, default=math.inf)
    return recipe.canvas.start == "walk" and longest >= 1000 * WALK_CONTEXT


def walk_init(
    recipe: Recipe, waveform: canvas.Canvas, reference: np.ndarray, rate: int
) -> Callable[[jax.Array], dict[str, jax.Array]]:
    """The `init` of a waveform canvas, with the gains of a random walk through a reference.

    Of several walks it takes the one whose stretches are most like the reference's.

    Args:
      recipe: the choices.
      waveform: the waveform canvas.
      reference: wave [C, N] at `rate`.
      rate: of the modelled sound, in Hz.
    """
    equaliser = equaliser_of(recipe, rate)
    gains = canvas.measure_gains(
        reference, coupled=waveform.constants["coupling"], sample_rate=rate, equaliser=equaliser
    )
    density = canvas.spectral_density(
        reference, sample_rate=rate, samples=4096, smoothing_hz=rate / 1024
    )
    model, piece = fit_walk(recipe, gains, rate, levels=canvas.part_levels(density))
    margin = equaliser.n_fft // equaliser.hop_length
    longest = max(recipe.analysis.time_scale, default=math.inf) / 1000
    seconds = min(recipe.matching.stretch_seconds, longest)
    stretch = round(seconds * rate / equaliser.hop_length)

    def init(key):
        noise_key, walk_key = jax.random.split(key)
        parameters = waveform.init(noise_key)
        frames = parameters["gain"].shape[1] - margin
        path = walk.sample_best_of_n(walk_key, model, frames, piece=piece, stretch=stretch)
        return {**parameters, "gain": jnp.asarray(gains[:, walk.prepend_lead_in(path, margin)])}

    return init


def fit_walk(
    recipe: Recipe, gains: np.ndarray, rate: int, *, levels: np.ndarray
) -> tuple[walk.TransitionModel, float]:
    """The transitions between frames of gains [C, T, G], and the mean length of a piece in frames.

    Where time scales are given, pieces and the context of jumps are no longer than half the longest
    time scale, so that longer rhythms are lost.

    Args:
      recipe: the choices.
      gains: of `canvas.measure_gains`.
      rate: of the modelled sound, in Hz.
      levels: of `canvas.part_levels`; a faint part counts little in which frames are alike.
    """
    hop_length = equaliser_of(recipe, rate).hop_length
    longest = max(recipe.analysis.time_scale, default=math.inf) / 1000
    parts = [level * part for level, part in zip(levels, gains, strict=True)]
    model = walk.fit_transitions(
        np.concatenate(parts, axis=1),
        context=round(min(WALK_CONTEXT, longest / 2) * rate / hop_length),
        apart=round(WALK_APART * rate / hop_length),
    )
    return model, min(WALK_PIECE, longest / 2) * rate / hop_length


def generator_init(
    recipe: Recipe, waveform: canvas.Canvas, reference: np.ndarray, rate: int
) -> Callable[[jax.Array], dict[str, jax.Array]]:
    """The `init` of a waveform canvas that renders a sample of the recipe's generator.

    Gains are measured on the sample, and the noise is what is left without them: what the optimiser
    moves is scaled as in a start from a walk.

    Args:
      recipe: the choices, with start=generator.
      waveform: the waveform canvas.
      reference: wave [C, N] at `rate`, whose level the start has.
      rate: of the modelled sound, in Hz.
    Raises:
      ChoiceError: a file that is no generator, or one of another rate or number of channels; a
        style that it does not have.
    """
    # Here: it loads Flax, a second that other starts need not wait.
    from audio_texture import generators

    generator, weights = _read_generator(recipe, len(reference), rate)
    constants, level = waveform.constants, audio.audible_rms(reference, sample_rate=rate)
    grid = {"sample_rate": rate, "equaliser": equaliser_of(recipe, rate)}
    remove = jax.jit(
        lambda wave, gain, coupled: canvas.apply_gains(wave, -gain, coupled=coupled, **grid)
    )
    samples = jax.eval_shape(waveform.init, jax.random.key(0))["noise"].shape[1]

    def init(key):
        seed = int(jax.random.bits(key, dtype=jnp.uint32))
        wave = generators.first_seconds(generator, weights, seconds=samples / rate, seed=seed)
        made = audio.audible_rms(wave, sample_rate=rate)
        wave = wave * np.float32(level / max(made, np.finfo(np.float32).tiny))
        gain = canvas.measure_gains(wave, coupled=constants["coupling"], **grid)
        flat = remove(wave, gain, constants["coupling"])
        noise = canvas.whiten(flat, constants["colours"][0][0])
        return {"noise": noise, "gain": jnp.asarray(gain)}

    return init


def _read_generator(recipe, channels, rate):
    """The recipe's generator, and the weights of the style that the start has."""
    path, style = recipe.canvas.start_generator, recipe.canvas.start_style
    if not path:
        raise ChoiceError(
            "start_generator must be a file from launch.generate where start is generator, got "
            "none.",
            field="start_generator",
        )
    try:
        generator = _load_cached(path, os.path.getmtime(path) if os.path.exists(path) else None)
    except ValueError as error:
        raise ChoiceError(str(error), field="start_generator") from error
    config, names = generator.config, generator.styles.names
    if config.content_bands:
        reason = "follows a content, which a texture has not"
    elif config.sample_rate != rate:
        reason = (
            f"makes sound at {config.sample_rate} Hz, and this run models it at {rate} Hz: choose "
            f"sample_rate={config.sample_rate}"
        )
    elif config.channels != channels:
        reason = f"makes {config.channels} unlike channels, and the recording has {channels}"
    else:
        numbers = {str(number): number for number in range(len(names))}
        numbers |= {name: number for number, name in reversed([*enumerate(names)])}
        number = numbers.get(style) if style else 0
        if number is None:
            raise ChoiceError(
                f"start_style must be one of {', '.join(names)}, or a number from 0 to "
                f"{len(names) - 1}, got {style!r}.",
                field="start_style",
            )
        return generator, np.eye(len(names))[number].tolist()
    raise ChoiceError(f"{path!r} {reason}.", field="start_generator")


# Cached because runs of a batch begin with the same file; `modified` makes a changed file load
# again.
@functools.lru_cache(maxsize=2)
def _load_cached(path: str, modified: float | None) -> Any:
    from audio_texture import generators

    return generators.load(path)
