"""The long-term spectrum of recordings, and noise that is filtered to it.

C channels, N samples, F frequencies of a whole wave, B mel bands.
"""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import scipy.ndimage

from audio_texture import audio, spectrogram
from audio_texture.base import Weights


def band_weights(filters: np.ndarray) -> np.ndarray:
    """Returns mel filters [F, B] as weights that add up to one over the bands for every bin.

    Bins beyond the centre of the lowest or highest band belong to that band alone.
    """
    filters = filters.copy()
    filters[: np.argmax(filters[:, 0]), 0] = 1
    filters[np.argmax(filters[:, -1]) :, -1] = 1
    return filters / filters.sum(axis=1, keepdims=True)


def colour_noise(noise: jax.Array, colour: jax.Array) -> jax.Array:
    """Returns irfft(A rfft(noise)), where A mixes the channels at every frequency.

    Args:
      noise: [C, N].
      colour: A, [N // 2 + 1, C, C], of `spectral_colour`.
    Returns:
      [C, N].
    Example:
      >>> colour_noise(jnp.array([[1.0, 2.0, -1.0, 0.5]]), jnp.full((3, 1, 1), 2.0)).tolist()
      [[2.0, 4.0, -2.0, 1.0]]
    """
    spectrum = jnp.einsum("fdc,cf->df", colour, jnp.fft.rfft(noise, axis=-1))
    return jnp.fft.irfft(spectrum, n=noise.shape[-1], axis=-1)


def whiten(wave: jax.Array, colour: jax.Array) -> jax.Array:
    """Inverse of `colour_noise`: wave [C, N] -> noise [C, N].

    Where the colour lies 80 dB under its mean, the wave is not amplified further.
    """
    diagonal = jnp.abs(jnp.diagonal(colour, axis1=1, axis2=2))
    lifted = jnp.maximum(1e-4 * jnp.sqrt(jnp.mean(diagonal**2)) - diagonal, 0.0)
    full = colour + lifted[:, :, None] * jnp.eye(len(wave))[None]
    # Forward substitution: `triangular_solve` calls BLAS for every frequency, and BLAS threads have
    # hung in a process forked from a process that used them.
    white = []
    for row, spectrum in enumerate(jnp.fft.rfft(wave, axis=-1)):
        predicted = [full[:, row, column] * part for column, part in enumerate(white)]
        white.append((spectrum - sum(predicted)) / full[:, row, row])
    return jnp.fft.irfft(jnp.stack(white), n=wave.shape[-1], axis=-1)


def match_band_levels(
    wave: np.ndarray, other: np.ndarray, *, sample_rate: int, bands: int = 32
) -> np.ndarray:
    """Filters a wave to another wave's long-term level in each mel band, without shifting phases.

    Within a band the wave keeps its own spectrum and so its tones. A band more than 50 dB under the
    wave's mean is raised as if it lay 50 dB under it.

    Args:
      wave: [C, N].
      other: [C, M].
      sample_rate: in Hz.
      bands: number of mel bands.
    Returns:
      [C, N] float32.
    Example:
      >>> wave = np.random.default_rng(0).standard_normal((1, 4096)).astype(np.float32)
      >>> louder = match_band_levels(wave, 2 * wave, sample_rate=8000)
      >>> round(audio.rms(louder) / audio.rms(wave), 2)
      2.0
    """
    filters = band_weights(spectrogram.mel_filters(sample_rate, 2048, bands))

    def band_powers(wave):
        density = spectral_density(
            wave, sample_rate=sample_rate, samples=2048, smoothing_hz=sample_rate / 2048
        )
        power = np.trace(density, axis1=1, axis2=2).real
        return power @ filters / filters.sum(axis=0)

    powers, wanted = band_powers(wave), band_powers(other)
    floor = 1e-5 * np.mean(powers) + np.finfo(np.float64).tiny
    gains = np.sqrt(wanted / np.maximum(powers, floor))
    spectrum = np.fft.rfft(wave)
    # Interpolated as logarithms, since the gains of bands may differ widely.
    curve = np.exp(filters @ np.log(gains + 1e-6 * np.max(gains)))
    response = np.interp(np.fft.rfftfreq(wave.shape[1]), np.fft.rfftfreq(2048), curve)
    return np.fft.irfft(spectrum * response, n=wave.shape[1]).astype(np.float32)


def spectral_density(
    wave: np.ndarray, *, sample_rate: int, samples: int, smoothing_hz: float
) -> np.ndarray:
    """Returns the cross-spectral density of a wave's channels, at the frequencies of a canvas of
    `samples`.

    It is a periodogram with a Hann window, which keeps sinusoids from leaking far, smoothed by a
    Gaussian. Of phases it holds only those between channels.

    Args:
      wave: [C, N].
      sample_rate: in Hz.
      samples: length of the canvas.
      smoothing_hz: equivalent noise bandwidth of the Gaussian.
    Returns:
      [samples // 2 + 1, C, C] complex128, positive semidefinite; power per sample of the canvas.
    Example:
      >>> wave = np.random.default_rng(0).standard_normal((2, 1000))
      >>> spectral_density(wave, sample_rate=1000, samples=64, smoothing_hz=20.0).shape
      (33, 2, 2)
    """
    channels, length = wave.shape
    window = np.hanning(length + 2)[1:-1]
    spectra = np.fft.rfft(wave * window, axis=1)
    periodogram = spectra[:, None] * np.conj(spectra[None]) / np.sum(window**2)
    # At least as wide as the canvas's bins: with less smoothing the canvas's frequencies would miss
    # some peaks and count others twice.
    width = max(smoothing_hz, 1.5 * sample_rate / samples)
    sigma = width / np.sqrt(4 * np.pi) / (sample_rate / length)
    # "mirror": the spectrum of a real wave is even about 0 and Nyquist.
    smooth = scipy.ndimage.gaussian_filter1d(periodogram, sigma, axis=-1, mode="mirror")
    from_grid, to_grid = np.fft.rfftfreq(length), np.fft.rfftfreq(samples)
    density = np.empty((len(to_grid), channels, channels), np.complex128)
    for row in range(channels):
        for column in range(channels):
            density[:, row, column] = np.interp(to_grid, from_grid, smooth[row, column])
    return density


def mix_densities(densities: Sequence[np.ndarray] | np.ndarray, weights: Weights) -> np.ndarray:
    """Returns the density [F, C, C] between several: at every frequency the geometric mean of their
    powers, since spectra are compared by their logarithm.

    Powers have a floor 60 dB under their mean: at equal weights of two, a sound loses 30 dB where
    the other is silent.

    Example:
      >>> quiet, loud = np.ones((1, 1, 1)), np.full((1, 1, 1), 16.0)
      >>> round(float(mix_densities([quiet, loud], [1, 1])[0, 0, 0]), 3)
      4.0
    """
    shares = np.divide(weights, sum(weights))
    mean = np.average(densities, axis=0, weights=shares)
    powers = [np.trace(density, axis1=1, axis2=2).real for density in densities]
    floored = [power + 1e-6 * np.mean(power) + np.finfo(np.float64).tiny for power in powers]
    geometric = np.exp(
        sum(share * np.log(power) for share, power in zip(shares, floored, strict=True))
    )
    arithmetic = sum(share * power for share, power in zip(shares, floored, strict=True))
    return mean * (geometric / arithmetic)[:, None, None]


def lost_level(
    densities: Sequence[np.ndarray] | np.ndarray, weights: Weights, *, sample_rate: float
) -> float:
    """Returns the level of `mix_densities` over that of the references' mean power, as an amplitude
    factor up to 1. It is small between two sounds of different bands.

    Only audible frequencies count (as in `audio.audible_rms`).

    Args:
      densities: [F, C, C] each.
      weights: of the densities.
      sample_rate: of the sounds, in Hz.
    """
    first = math.ceil(audio.LOWEST_AUDIBLE_HZ / (sample_rate / 2) * (len(densities[0]) - 1))

    def power(density):
        total = float(np.sum(np.trace(density[first:], axis1=1, axis2=2).real))
        return total + np.finfo(np.float64).tiny

    mean = np.average(densities, axis=0, weights=weights)
    return np.sqrt(power(mix_densities(densities, weights)) / power(mean))


def spectral_colour(density: np.ndarray) -> np.ndarray:
    """Returns the filter that gives white noise a density: its Cholesky factor at every frequency.

    Args:
      density: [F, C, C], positive semidefinite.
    Returns:
      [F, C, C], lower triangular; float32 for one channel, else complex64.
    Example:
      >>> spectral_colour(np.full((1, 1, 1), 4.0)).tolist()
      [[[2.0]]]
    """
    channels = density.shape[-1]
    if channels == 1:
        return np.sqrt(np.real(density)).astype(np.float32)
    return cholesky(density).astype(np.complex64)


def cholesky(density: np.ndarray) -> np.ndarray:
    """Returns the Cholesky factor of densities [F, C, C], complex128, with a diagonal above 0."""
    channels = density.shape[-1]
    # Linearly dependent channels make the density singular; a ridge of -120 dB keeps the factor
    # finite. A ridge of -80 dB made equal channels differ so much that the optimiser used it.
    power = np.trace(density, axis1=1, axis2=2).real
    ridge = 1e-12 * power / channels + 1e-14 * np.mean(power) + np.finfo(np.float64).tiny
    return np.linalg.cholesky(density + ridge[:, None, None] * np.eye(channels))
