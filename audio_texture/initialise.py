"""The start of a waveform canvas from a walk: gains along a random path through the reference."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import canvas, walk
from audio_texture.config import Recipe
from audio_texture.layout import equaliser_of

# Of a walk through a reference, in seconds: the context in which two frames are compared before the
# walk jumps from one to the other, the shortest jump, the mean length of a piece between jumps.
WALK_CONTEXT, WALK_APART, WALK_PIECE = 0.5, 0.1, 0.25


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
