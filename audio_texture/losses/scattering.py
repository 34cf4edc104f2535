"""Scattering moments (Bruna & Mallat 2013): wavelets, their envelopes, and wavelets of these.

N samples, C channels, K wavelets of the first order, J of the second, F bins, P pairs.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft
import scipy.signal.windows

from audio_texture import cochlea, spectrogram
from audio_texture.base import Objective

# Wavelets per octave of the first order, and the frequency in Hz below which they are spaced
# evenly, as constant-Q wavelets would be longer than the sounds.
FIRST_PER_OCTAVE, EVEN_BELOW = 8, 200.0
# Centres of the wavelets of the second order in Hz, one per octave.
SECOND_CENTERS = 256.0 / 2.0 ** np.arange(9)
# Amplitude below which a subband counts as silent, and the same of an envelope's subband: they
# bound the gradients at silence.
_FLOOR, _SECOND_FLOOR = 1e-5, 1e-6
# Ramps at both ends, in seconds, which hide the step from the end to the start.
_RAMP = 0.05
# Under it a subband is steady, whatever its fluctuation.
_LEAST_RATIO = 1e-2


def first_filters(samples: int, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the wavelets of the first order: spectra [K, F] float64 in [0, 1], widths [K] in Hz.

    A spectrum is a half-cosine from the centre of the wavelet before to that of the wavelet after,
    on the axis q = Q1 log2(1 + f / EVEN_BELOW), so that squared spectra add up to 1. Wavelets that
    reach beyond Nyquist are left out. A width is half of what a spectrum covers.

    Example:
      >>> spectra, widths = first_filters(800, 8000)
      >>> spectra.shape, widths[[0, -1]].round().tolist()
      ((34, 401), [19.0, 330.0])
    """
    frequencies = np.fft.rfftfreq(samples, 1 / sample_rate)
    positions = FIRST_PER_OCTAVE * np.log2(1 + frequencies / EVEN_BELOW)
    count = int(FIRST_PER_OCTAVE * np.log2(1 + sample_rate / 2 / EVEN_BELOW)) - 1
    numbers = np.arange(1, count + 1)
    spectra = np.cos(np.pi / 2 * np.clip(positions[None] - numbers[:, None], -1, 1))
    edges = EVEN_BELOW * (2.0 ** (np.arange(count + 2) / FIRST_PER_OCTAVE) - 1)
    return spectra, (edges[2:] - edges[:-2]) / 2


def second_filter(frequencies: np.ndarray, center: float) -> np.ndarray:
    """Returns the spectrum of a wavelet of the second order at frequencies in Hz, in [0, 1].

    It is a half-cosine over an octave to each side of the centre.

    Example:
      >>> second_filter(np.array([0.0, 4.0, 8.0, 16.0]), 8.0).round(3).tolist()
      [0.0, 0.0, 1.0, 0.0]
    """
    octaves = np.log2(np.maximum(frequencies, 1e-6) / center)
    return np.cos(np.pi / 2 * np.clip(octaves, -1, 1))


def scattering_moments(
    wave: jax.Array, *, sample_rate: int, circular: bool = False
) -> dict[str, jax.Array]:
    """Returns E|x * psi_k| and E||x * psi_k| * psi_j| of a wave, Bruna & Mallat 2013.

    A pair (k, j) is left out where psi_j lies above the width of psi_k: such envelopes hardly
    change so quickly. Envelopes are kept at the lowest of a few rates that holds them.

    Args:
      wave: [N].
      sample_rate: in Hz.
      circular: whether the wave's end is followed by its beginning.
    Returns:
      first: [K] >= 0, in the wave's units.
      second: [P], the same units; for each j in turn the k in ascending order.
      owner: [P] the first-order moment of a pair's k.

    Example:
      >>> time = np.arange(8000) / 8000
      >>> wave = (1 + np.cos(2 * np.pi * 8 * time)) * np.sin(2 * np.pi * 1000 * time)
      >>> compiled = jax.jit(scattering_moments, static_argnames=("sample_rate", "circular"))
      >>> moments = compiled(jnp.asarray(wave), sample_rate=8000, circular=True)
      >>> round(float(jnp.max(moments["first"])), 2)
      0.88
    """
    samples = wave.shape[0]
    filters_KxF, widths_K = first_filters(samples, sample_rate)
    fastest = 2 * SECOND_CENTERS[0]
    bins = min(int(np.ceil(fastest * samples / sample_rate)), samples // 2) + 1
    first, spectra = [], []
    # Groups come in ascending order, as wider wavelets need higher rates.
    for _, subband in cochlea.subbands(
        jnp.fft.rfft(wave),
        (2 * filters_KxF).astype(np.float32),
        samples,
        min(1.0, 4 * fastest / sample_rate),
    ):
        envelope = _magnitude(subband, _FLOOR)
        length = envelope.shape[1]
        ramps = _ramps(length, samples / sample_rate, circular)
        mean = envelope @ ramps / np.sum(ramps)
        changes = jnp.fft.rfft((envelope - mean[:, None]) * ramps[None]) / np.sum(ramps)
        first.append(mean)
        spectra.append(changes)
    first = jnp.concatenate(first)
    bins = min(bins, *(len(changes[0]) for changes in spectra))
    spectrum_KxF = jnp.concatenate([changes[:, :bins] for changes in spectra])
    frequencies = np.arange(bins) * sample_rate / samples
    second, owner = [], []
    for center in SECOND_CENTERS:
        lowest = int(np.searchsorted(widths_K, center))
        if lowest == len(widths_K):
            continue
        moment = _envelope_moment(spectrum_KxF[lowest:], second_filter(frequencies, center))
        second.append(moment)
        owner.append(first[lowest:])
    return {"first": first, "second": jnp.concatenate(second), "owner": jnp.concatenate(owner)}


def _envelope_moment(spectrum_KxF, gains_F):
    """E|u * psi| of envelopes, [K], from their one-sided spectra and psi's."""
    (held,) = np.nonzero(gains_F > 1e-6)
    if not len(held):
        return jnp.full(len(spectrum_KxF), _SECOND_FLOOR)
    start, stop = held[0], held[-1] + 1
    length = scipy.fft.next_fast_len(2 * int(stop - start))
    gains = (2 * length * gains_F[start:stop]).astype(np.float32)
    subband = spectrum_KxF[:, start:stop] * gains[None]
    subband = spectrogram.ifft(jnp.pad(subband, ((0, 0), (0, length - subband.shape[1]))))
    return jnp.mean(_magnitude(subband, _SECOND_FLOOR), axis=1)


def _magnitude(z, floor):
    """|z|, with a floor that bounds its gradient."""
    return jnp.sqrt(jnp.real(z) ** 2 + jnp.imag(z) ** 2 + floor**2)


def _ramps(length, seconds, circular):
    """Weights over time [length]: ramps at both ends of what is not circular."""
    if circular:
        return np.ones(length, np.float32)
    return scipy.signal.windows.tukey(length, min(1.0, 2 * _RAMP / seconds)).astype(np.float32)


def scattering(sample_rate: int, *, circular: bool = False) -> Objective:
    """Scattering moments (Bruna & Mallat, "Audio texture synthesis with scattering moments", 2013,
    arXiv:1311.0407), of waves [N, C].

    mean_k (log S_k - log S_k of the reference)^2 + the same mean over pairs of log (S_kj / S_k),
    with S_k = E|x * psi_k|, 8 wavelets an octave, and S_kj = E||x * psi_k| * psi_j|, one an octave
    from 1 to 256 Hz: how loud each subband is, and how strongly it fluctuates at each rate.
    Differs: logarithms in place of a Euclidean distance, so that faint subbands count as loud ones.

    Args:
      sample_rate: in Hz.
      circular: whether x's end is followed by its beginning; the reference is not circular.
    """
    measure = functools.partial(_measure, sample_rate)

    def distance(target, x):
        moments = measure(x, circular)
        # Levels under -60 dB of the loudest subband are noise of the transform.
        floor = 1e-3 * jnp.max(target["first"], axis=1, keepdims=True) + 1e-6

        def logarithms(values):
            ratios = values["second"] / (values["owner"] + floor)
            return jnp.log(values["first"] + floor), jnp.log(ratios + _LEAST_RATIO)

        pairs = zip(logarithms(moments), logarithms(target), strict=True)
        total = sum(jnp.mean((own - wanted) ** 2) for own, wanted in pairs)
        return total, {"scattering": total}

    return Objective(measure, distance)


def _measure(sample_rate, wave, circular=False):
    """Moments of every channel of a wave [N, C]: [C, K] and [C, P]."""
    return jax.vmap(
        functools.partial(scattering_moments, sample_rate=sample_rate, circular=circular),
        in_axes=1,
    )(wave)
