"""Canvases, which are what is optimised: a compressed spectrogram, or noise shaped into a waveform.

`init(key)` of a canvas draws the parameters to start from. `render(parameters, constants)` turns
them into the signal that the objective takes. `invert(signal, constants)` returns parameters that
render a given signal, to start from a sound. Constants are arguments, not closed over, so that one
compiled program serves every reference.

C channels, N samples, T frames, F bins, B mel bands.
"""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.ndimage

from audio_texture import morphing, spectrogram
from audio_texture.base import Canvas, Weights
from audio_texture.colour import (
    band_weights,
    cholesky,
    colour_noise,
    lost_level,
    match_band_levels,
    mix_densities,
    spectral_colour,
    spectral_density,
    whiten,
)

__all__ = [
    # Canvases.
    "Canvas",
    "KNOTS",
    "fading_colours",
    "fades_between",
    "loop_canvas",
    "spectrogram_canvas",
    "standard_spectrogram_canvas",
    "waveform_canvas",
    # Gains of waveform canvases.
    "Equaliser",
    "apply_gains",
    "coupling",
    "measure_gains",
    "part_levels",
    # The noise of waveform canvases, of colour.py.
    "colour_noise",
    "lost_level",
    "match_band_levels",
    "mix_densities",
    "spectral_colour",
    "spectral_density",
    "whiten",
]

# Number of points along a morph at which the noise has a colour of its own; it fades in between.
KNOTS = 9


def spectrogram_canvas(shape: Sequence[int]) -> Canvas:
    """Returns a canvas that is a compressed spectrogram; its start is uniform over [0, 0.1], as in
    the paper.

    shape: [T, C, F].

    Example:
      >>> spectrogram_canvas((3, 1, 5)).init(jax.random.key(0)).shape
      (3, 1, 5)
    """
    return Canvas(
        init=lambda key: jax.random.uniform(key, tuple(shape), maxval=0.1),
        render=lambda parameters, _: parameters,
        constants=(),
        invert=lambda signal, _: signal,
    )


def standard_spectrogram_canvas(frames: int, mean: jax.Array, std: jax.Array) -> Canvas:
    """Returns a canvas that is a standardised spectrogram [T, C, F]; its start is Gaussian noise.

    The standardisation is a preconditioner: loud and faint bins converge equally fast.

    Args:
      frames: T.
      mean: [C, F], over time, of a reference's compressed spectrogram.
      std: [C, F], over time, of the same.
    Example:
      >>> canvas = standard_spectrogram_canvas(2, jnp.full((1, 1), 3.0), jnp.full((1, 1), 2.0))
      >>> canvas.render(jnp.zeros((2, 1, 1)), canvas.constants).ravel().tolist()
      [3.0, 3.0]
    """
    return Canvas(
        init=lambda key: jax.random.normal(key, (frames, *mean.shape)),
        render=lambda parameters, constants: constants[0][None] + constants[1][None] * parameters,
        constants=(mean, std),
        invert=lambda signal, constants: (signal - constants[0][None]) / constants[1][None],
    )


class Equaliser(NamedTuple):
    """The grid of the gains of `waveform_canvas`.

    Attributes:
      n_fft: in samples.
      hop_length: in samples.
      bands: mel bands; 0 means no gains.
    """

    n_fft: int
    hop_length: int
    bands: int

    def frame_count(self, samples: int) -> int:
        """Returns the number of frames of the gains of a wave of `samples`.

        Example:
          >>> Equaliser(n_fft=512, hop_length=128, bands=24).frame_count(1024)
          9
        """
        return spectrogram.frame_count(samples, n_fft=self.n_fft, hop_length=self.hop_length)


def waveform_canvas(
    references: Sequence[np.ndarray],
    weights: Weights,
    *,
    sample_rate: int,
    samples: int,
    smoothing_hz: float,
    equaliser: Equaliser,
    course: morphing.Course | None = None,
) -> Canvas:
    """Returns a canvas of white noise that is filtered to the references' long-term spectrum and
    then multiplied by gains over time and frequency.

    Parameters: noise z [C, samples], and natural-log gains g [C, T, B] (factors e^g) over frames
    and mel bands, zero at first. The wave is istft(L e^g L^-1 stft(irfft(A rfft(z)))), with L the
    `coupling` of the channels. Both are preconditioners. Through A, gradients on z are those on the
    wave weighted by the spectrum, so loud and faint bands converge equally fast. Through g, whole
    regions grow loud or fall silent together, which takes hundreds of steps sample by sample. A
    also makes a good start: noise with the references' spectrum and correlations between channels.
    The canvas is circular in z and has edges in g.

    Args:
      references: waves [C, N_i].
      weights: of the references' power spectra.
      sample_rate: in Hz.
      samples: length of the canvas.
      smoothing_hz: width in Hz over which a power spectrum is averaged; keep it narrow for tones.
      equaliser: the grid of the gains.
      course: of a morph, in place of the weights; the noise's colour fades along it.
    """
    sizes = {"sample_rate": sample_rate, "samples": samples, "smoothing_hz": smoothing_hz}
    densities = [spectral_density(wave, **sizes) for wave in references]
    shares, fades = [weights], ()
    if course is not None:
        total = samples / sample_rate
        places = morphing.place_at(np.arange(samples) / sample_rate, total)
        knots, fades = fades_between(np.asarray(places), KNOTS)
        shares = np.asarray(course.shares_at(knots))
    mixed = [mix_densities(densities, knot) for knot in shares]
    coupled = coupling(np.mean(mixed, axis=0), sample_rate=sample_rate, equaliser=equaliser)
    channels = len(references[0])
    gains = (channels, equaliser.frame_count(samples), equaliser.bands)

    def init(key):
        return {"noise": jax.random.normal(key, (channels, samples)), "gain": jnp.zeros(gains)}

    def render(parameters, constants):
        return apply_gains(
            _fading_noise(parameters["noise"], constants["colours"]),
            parameters["gain"],
            coupled=constants["coupling"],
            sample_rate=sample_rate,
            equaliser=equaliser,
        )

    def invert(wave, constants):
        return {"noise": whiten(wave, constants["colours"][0][0]), "gain": jnp.zeros(gains)}

    constants = {"colours": fading_colours(mixed, fades), "coupling": jnp.asarray(coupled)}
    return Canvas(init, render, constants, invert if course is None else None)


def fades_between(places: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns evenly spread points of the part of a morph that a canvas is, and each one's part in
    each sample.

    Args:
      places: of the canvas's samples, of `morphing.place_at`, [N].
      count: number of points, K.
    Returns:
      Points, from the least to the greatest place, [K]; parts [K, N] float32, which add up to one.
    Example:
      >>> fades_between(np.array([0.0, 0.25, 0.5]), 2)[1].tolist()
      [[1.0, 0.5, 0.0], [0.0, 0.5, 1.0]]
    """
    knots = np.linspace(np.min(places), np.max(places), count)
    fades = np.stack([np.interp(places, knots, row) for row in np.eye(count)])
    return knots, fades.astype(np.float32)


def fading_colours(densities: Sequence[np.ndarray], fades: Any) -> tuple[Any, ...]:
    """Returns the filters of densities [F, C, C] with their fades, as canvases take them."""
    colours = [jnp.asarray(spectral_colour(density)) for density in densities]
    return (colours, jnp.asarray(fades)) if len(fades) else (colours,)


def _fading_noise(noise: jax.Array, colours: tuple[Any, ...]) -> jax.Array:
    """Returns noise [C, N] of one colour, or of several that fade into each other."""
    if len(colours) == 1:
        return colour_noise(noise, colours[0][0])
    pairs = zip(*colours, strict=True)
    layers = [fade[None] * colour_noise(noise, colour) for colour, fade in pairs]
    return functools.reduce(jnp.add, layers)


def loop_canvas(
    colours: tuple[Any, ...],
    coupled: np.ndarray,
    *,
    sample_rate: int,
    samples: int,
    equaliser: Equaliser,
) -> Canvas:
    """Returns a `waveform_canvas` of known colours whose gains are circular too: its end continues
    into its beginning.

    After the last frame of the gains the first one follows. If the length is not a multiple of the
    hop, it follows up to half a hop too early or too late, so the continuation past the end fades
    into the beginning over one window.

    Args:
      colours: of `fading_colours`, [samples // 2 + 1, C, C] each.
      coupled: of `coupling`.
      sample_rate: in Hz.
      samples: at least two windows.
      equaliser: the grid of the gains.
    """
    n_fft, hop = equaliser.n_fft, equaliser.hop_length
    channels, frames = coupled.shape[-1], max(1, round(samples / hop))
    # The margin is a whole number of hops, so that a frame is centred on the first sample.
    margin = -(-n_fft // hop) * hop
    padded = samples + margin + 2 * n_fft
    positions = (
        np.arange(spectrogram.frame_count(padded, n_fft=n_fft, hop_length=hop)) * hop - margin
    )
    frame_indices = np.round((positions % samples) / hop).astype(int) % frames
    fade = (np.cos(np.pi / 2 * (np.arange(n_fft) + 0.5) / n_fft) ** 2).astype(np.float32)[None]

    def init(key):
        return {
            "noise": jax.random.normal(key, (channels, samples)),
            "gain": jnp.zeros((channels, frames, equaliser.bands)),
        }

    def render(parameters, constants):
        wave = _fading_noise(parameters["noise"], constants["colours"])
        # Slices: their gradient is slices too.
        wave = jnp.concatenate([wave[:, samples - margin :], wave, wave[:, : 2 * n_fft]], axis=1)
        wave = apply_gains(
            wave,
            parameters["gain"][:, frame_indices],
            coupled=constants["coupling"],
            sample_rate=sample_rate,
            equaliser=equaliser,
        )[:, margin:]
        beginning = fade * wave[:, samples : samples + n_fft] + (1 - fade) * wave[:, :n_fft]
        return jnp.concatenate([beginning, wave[:, n_fft:samples]], axis=1)

    return Canvas(init, render, {"colours": colours, "coupling": jnp.asarray(coupled)})


def coupling(
    density: np.ndarray,
    *,
    sample_rate: int,
    equaliser: Equaliser,
    filters: np.ndarray | None = None,
) -> np.ndarray:
    """Returns the matrix that predicts each channel from those before it, at each frequency of an
    equaliser's transform.

    Gains act on uncorrelated parts: the first channel, the part of the second that the first does
    not predict, and so on. Gains on the channels themselves would have to agree to 0.1 % to keep a
    difference between channels at -60 dB. And where two channels are equal, changing one gain would
    make a difference that the recording does not have.

    Args:
      density: [F', C, C] cross-spectral density on any grid from 0 to Nyquist.
      sample_rate: in Hz.
      equaliser: the grid of the gains.
      filters: [n_fft // 2 + 1, B] of the gains' bands, in place of mel filters.
    Returns:
      [n_fft // 2 + 1, C, C] complex64, lower triangular with a diagonal of ones: this matrix
      times the parts gives the channels. The identity for one channel, and without gains.
    """
    bins, channels = equaliser.n_fft // 2 + 1, density.shape[-1]
    if channels == 1 or not equaliser.bands:
        return np.tile(np.eye(channels, dtype=np.complex64), (bins, 1, 1))
    # Averaged over the gains' bands: in a single bin even independent channels predict each other
    # by chance, differently in every bin.
    if filters is None:
        mel = spectrogram.mel_filters(sample_rate, equaliser.n_fft, equaliser.bands)
        filters = band_weights(mel)
    grids = np.linspace(0, 1, len(density)), np.linspace(0, 1, bins)
    shares = np.stack([np.interp(*grids, column) for column in filters.T])
    shares = shares / np.maximum(shares.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    factor = cholesky(np.tensordot(shares, density, 1))
    factor = factor / np.diagonal(factor, axis1=1, axis2=2)[:, None]
    return np.tensordot(filters, factor, 1).astype(np.complex64)


def part_levels(density: np.ndarray) -> np.ndarray:
    """Returns the amplitude of each part (see `coupling`), summed over channels and divided by that
    of the loudest part: density [F', C, C] -> [C] float32.
    """
    powers = np.sum(np.abs(cholesky(density)) ** 2, axis=(0, 1))
    return np.sqrt(powers / np.max(powers)).astype(np.float32)


def split_parts(spectra: Sequence[Any], coupled: Any) -> list[Any]:
    """Returns the spectra of the parts (see `coupling`) of C channels by forward substitution.

    spectra: [T, F] each, NumPy or JAX; the results are of the same type.
    """
    parts = []
    for row, spectrum in enumerate(spectra):
        predicted = [coupled[:, row, column][None] * part for column, part in enumerate(parts)]
        parts.append(spectrum - sum(predicted) if predicted else spectrum)
    return parts


def join_parts(parts: Sequence[jax.Array], coupled: jax.Array) -> list[jax.Array]:
    """Inverse of `split_parts`."""
    return [
        sum([coupled[:, row, column][None] * parts[column] for column in range(row)], part)
        for row, part in enumerate(parts)
    ]


def apply_gains(
    wave: jax.Array, gain: jax.Array, *, coupled: jax.Array, sample_rate: int, equaliser: Equaliser
) -> jax.Array:
    """Applies natural-log gains over frames and mel bands to the parts of a wave.

    Args:
      wave: [C, N].
      gain: [C, T, B].
      coupled: of `coupling`.
      sample_rate: in Hz.
      equaliser: the grid of the gains.
    Returns:
      [C, N].
    """
    if not equaliser.bands:
        return wave
    sizes = {"n_fft": equaliser.n_fft, "hop_length": equaliser.hop_length}
    filters = band_weights(spectrogram.mel_filters(sample_rate, equaliser.n_fft, equaliser.bands))
    spectra = jax.vmap(lambda channel: spectrogram.stft(channel, **sizes))(wave)
    factors = jnp.exp(gain @ filters.T)
    if len(wave) == 1:
        spectra = spectra * factors
    else:
        parts = [
            part * factor
            for part, factor in zip(split_parts(list(spectra), coupled), factors, strict=True)
        ]
        spectra = jnp.stack(join_parts(parts, coupled))
    return jax.vmap(lambda spectrum: spectrogram.istft(spectrum, **sizes, length=wave.shape[1]))(
        spectra
    )


def measure_gains(
    wave: np.ndarray, *, coupled: np.ndarray, sample_rate: int, equaliser: Equaliser
) -> np.ndarray:
    """Returns natural-log gains: the level of each band of a wave's parts in each frame, relative
    to its mean over time.

    Args:
      wave: [C, N].
      coupled: of `coupling`.
      sample_rate: in Hz.
      equaliser: the grid of the gains.
    Returns:
      [C, T, B] float32.
    """
    n_fft, hop = equaliser.n_fft, equaliser.hop_length
    frames = equaliser.frame_count(wave.shape[1])
    if not equaliser.bands:
        return np.zeros((len(wave), frames, 0), np.float32)
    filters = band_weights(spectrogram.mel_filters(sample_rate, equaliser.n_fft, equaliser.bands))
    spectra = [
        np.asarray(spectrogram.stft(jnp.asarray(channel), n_fft=n_fft, hop_length=hop))
        for channel in wave
    ]
    powers = np.stack(
        [np.abs(part) ** 2 @ filters for part in split_parts(spectra, np.asarray(coupled))]
    )
    # Averaged over five frames, since noise fluctuates by itself.
    powers = scipy.ndimage.uniform_filter1d(powers, 5, axis=1, mode="nearest")
    mean = np.mean(powers, axis=1, keepdims=True)
    tiny = np.finfo(np.float32).tiny
    return (0.5 * np.log((powers + 1e-6 * mean + tiny) / (mean + tiny))).astype(np.float32)
