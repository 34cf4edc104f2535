"""A recipe's canvas for a result of a given length: its padding, and how it becomes a wave."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft

from audio_texture import canvas, morphing, phase, scales, spectrogram, views
from audio_texture.base import Weights
from audio_texture.config import Recipe
from audio_texture.views import View


class Layout(NamedTuple):
    """A canvas for results [C, N] of a given length N.

    Attributes:
      canvas: what is optimised.
      to_canvas_domain: wave [C, M] -> the signal that a canvas renders for it: the wave itself, or
        its compressed spectrogram.
      reflect_pad: wave [C, N] -> wave of the canvas's length, with mirror images at both ends.
      to_wave: (key, parameters, constants) -> wave [C, N].
    """

    canvas: canvas.Canvas
    to_canvas_domain: Callable[[Any], Any]
    reflect_pad: Callable[[np.ndarray], np.ndarray]
    to_wave: Callable[[jax.Array, Any, Any], jax.Array]


def lay_out(
    recipe: Recipe,
    references: Sequence[np.ndarray],
    weights: Weights,
    rate: int,
    samples: int,
    course: morphing.Course | None = None,
) -> Layout:
    """The recipe's canvas for results of `samples`, preconditioned by the references.

    Args:
      recipe: the choices.
      references: waves [C, N_i] at `rate`.
      weights: of the references.
      rate: of the modelled sound, in Hz.
      samples: length of the result.
      course: of a morph, for a waveform canvas.
    """
    if recipe.canvas.kind == "waveform":
        return _lay_out_waveform(recipe, references, weights, rate, samples, course)
    return _lay_out_spectrogram(recipe, references, weights, rate, samples)


def combine_bands(
    waves: Sequence[np.ndarray],
    weights: Weights,
    bands: Sequence[tuple[float, float]] | None,
) -> tuple[Sequence[np.ndarray], Weights]:
    """Waves and weights that precondition a canvas: where each wave has its own band, their sum."""
    if bands is None:
        return waves, weights
    length = min(wave.shape[1] for wave in waves)
    return [np.sum([wave[:, :length] for wave in waves], axis=0)], [1.0]


def equaliser_of(recipe: Recipe, rate: int) -> canvas.Equaliser:
    """The grid of the waveform canvas's gains. rate: of the modelled sound, in Hz.

    Example:
      >>> from audio_texture import recipes
      >>> equaliser_of(recipes.named("texture"), 16000)
      Equaliser(n_fft=512, hop_length=128, bands=24)
    """
    window_ms = recipe.canvas.gain_window_ms
    sizes = View(0, (1,), window_ms, window_ms / 4).sizes(rate)
    return canvas.Equaliser(**sizes, bands=recipe.canvas.gain_bands)


def longest_window(recipe: Recipe, rate: int) -> int:
    """Longest window, in samples, of the views, the patches and the gains. rate: in Hz."""
    patches = recipe.term("patches")
    chosen = (*recipe.analysis.views, *(patches.views if patches.weight else ()))
    windows = [view.sizes(rate)["n_fft"] for view in chosen]
    return max(equaliser_of(recipe, rate).n_fft, *windows, 0)


def _lay_out_waveform(recipe, references, weights, rate, samples, course) -> Layout:
    # A margin of one window is added at both ends and cut off again, so that whole windows cover
    # every sample of the result. It is the gains' window, not the longest one: the margin counts in
    # every statistic, and with a longer margin loud frames collected there.
    equaliser = equaliser_of(recipe, rate)
    margin = equaliser.n_fft
    shortest = max(samples + 2 * margin, scales.field_samples(recipe, rate))
    length = scipy.fft.next_fast_len(shortest, real=True)
    waveform = canvas.waveform_canvas(
        references,
        weights,
        sample_rate=rate,
        samples=length,
        smoothing_hz=recipe.canvas.smoothing_hz,
        equaliser=equaliser,
        course=course,
    )

    def to_wave(_, parameters, constants):
        return waveform.render(parameters, constants)[:, margin : margin + samples]

    def reflect_pad(wave):
        return np.pad(wave, ((0, 0), (margin, length - margin - samples)), "reflect")

    return Layout(waveform, lambda wave: wave, reflect_pad, to_wave)


def _lay_out_spectrogram(recipe, references, weights, rate, samples) -> Layout:
    """A canvas [T, C, F] of the compressed spectrograms of all channels."""
    view = dataclasses.replace(recipe.analysis.views[0], widths=(1,))
    if view.scale == "mel":
        view = dataclasses.replace(view, scale="linear", bands=0)
    sizes = view.sizes(rate)
    n_fft, hop = sizes["n_fft"], sizes["hop_length"]
    longest = max(recipe.longest_field(view) for view in recipe.analysis.views)
    frames, plan = max(1 + math.ceil(samples / hop), longest), None
    if view.scale == "cqt":
        # The transform is circular: one window more keeps the end away from the beginning.
        plan = views.constant_q_plan(view, rate, max(samples, frames * hop) + n_fft)
        frames = plan.frames

    def to_canvas_domain(wave):
        return jnp.stack([views.compressed(channel, view, rate) for channel in wave], axis=1)

    if recipe.canvas.start == "uniform":
        shape = jax.eval_shape(to_canvas_domain, references[0]).shape
        target_canvas = canvas.spectrogram_canvas((frames, *shape[1:]))
    else:
        measure = jax.jit(lambda wave: spectrogram.standardisation(to_canvas_domain(wave)))
        shares = jnp.asarray(weights)
        mean, std = (
            jnp.average(jnp.stack(values), axis=0, weights=shares)
            for values in zip(*map(measure, references), strict=True)
        )
        target_canvas = canvas.standard_spectrogram_canvas(frames, mean, std)
    recover, channels = _phase_recovery(recipe, view, rate, plan), len(references[0])

    def to_wave(key, parameters, constants):
        rendered = target_canvas.render(parameters, constants)
        return jnp.stack([recover(key, rendered[:, i])[:samples] for i in range(channels)])

    def reflect_pad(wave):
        # Frame t of the canvas is centred on sample t * hop_length; frame t of `to_canvas_domain`
        # begins there.
        after = n_fft + (frames - 1) * hop - n_fft // 2 - samples
        return np.pad(wave, ((0, 0), (n_fft // 2, after)), "reflect")

    return Layout(target_canvas, jax.jit(to_canvas_domain), reflect_pad, to_wave)


def _phase_recovery(recipe, view, rate, plan):
    """(key, compressed spectrogram [T, F]) -> wave [N], by the recipe's phase recovery."""
    options = {"iterations": recipe.phase.iterations, "momentum": recipe.phase.momentum}
    hop = view.sizes(rate)["hop_length"]

    def initial_phase(key, magnitude, single_pass):
        # The same key for all channels keeps them in phase where they are alike.
        if recipe.phase.start == "spsi":
            return single_pass()
        return phase.random_phase(key, magnitude)

    def recover(key, compressed):
        if plan is not None:
            magnitude = spectrogram.expand(compressed) / views.CONSTANT_Q_GAIN
            start = initial_phase(key, magnitude, lambda: phase.constant_q_phase(magnitude, plan))
            return phase.constant_q_griffin_lim(magnitude, start, plan, **options)
        if view.scale == "log":
            compressed = compressed @ views.log_map(view, rate).inverse
        magnitude = spectrogram.expand(compressed)
        start = initial_phase(key, magnitude, lambda: phase.spsi(magnitude, hop_length=hop))
        return phase.griffin_lim(magnitude, start, hop_length=hop, **options)

    return recover
