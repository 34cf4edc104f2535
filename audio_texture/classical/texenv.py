"""Bands of noise under envelopes that are drawn anew.

C channels, K bands, F bins of a whole sound, T samples of an envelope.
"""

import math

import jax
import numpy as np
import scipy.fft

from audio_texture import cochlea
from audio_texture.classical.coherence import coherence_factors
from audio_texture.classical.randomness import generator_of

# Hz, the lowest band's lower end, as published.
_LOWEST = 20.0
# Samples of an envelope in a period of its fastest fluctuation.
_ENVELOPE_OVERSAMPLING = 4
# Times that envelopes are given the recording's spectra and its values in turn.
_ROUNDS = 8
_COHERENCE_FRAME = 1024  # samples


def texenv(
    key: jax.Array,
    wave: np.ndarray,
    *,
    samples: int,
    sample_rate: int,
    texenv_bands: int,
    texenv_rate_hz: float,
) -> np.ndarray:
    """Noise in bands, multiplied by new envelopes with the statistics of the recording's.

    TexEnv of E. Gutierrez, F. Font, X. Serra and L. Wyse (*A statistics-driven differentiable
    approach for sound texture synthesis and analysis*, DAFx 2025): white noise is split into bands
    of equal width on the ERB scale, each band is multiplied by an envelope that is a short sum of
    Fourier components, and the bands are added.

    1. The envelope of each band is the RMS of its subband over 1 / texenv_rate_hz.
    2. New envelopes are drawn: their Fourier coefficients have the recording's magnitudes and
       random phases. All bands and channels are turned by the same phases, so that their
       correlations stay. Then each band's values are exchanged for the recording's of the same
       rank, which brings back sparse peaks. Both steps take turns (the iterated surrogates of
       Schreiber & Schmitz, *Surrogate time series*, Physica D, 2000).
    3. White noise is split into the bands, its own envelopes are divided out, the new ones are
       imposed, and each band is filtered again and brought to the recording's power.

    Levels of the bands, and of each band the rates, distribution and correlation of fluctuations
    are kept, and no sample is copied. What is lost: pitch and the spectrum within a band; attacks
    that differ from decays, as turned phases know no direction of time; the order of events.

    What differs from the publication: there a network predicts the Fourier coefficients of one
    frame after the other, to resynthesise a recording or follow a control; here they are drawn from
    the recording. Dividing out the noise's own envelopes, step 2's exchange of values, and noise
    that is as coherent between channels as the recording are additions. The lowest and highest
    band reach to 0 Hz and Nyquist. The published 128 complex coefficients of 0.74 s reach 172 Hz,
    which is the default.

    Args:
      key: PRNG key.
      wave: [C, N] float32.
      samples: of the result.
      sample_rate: Hz.
      texenv_bands: K.
      texenv_rate_hz: fastest fluctuation of the envelopes; at most an eighth of the sample rate is
        used.

    Returns:
      [C, samples] float32.

    Example:
      >>> noise = np.random.default_rng(0).standard_normal((1, 4000)).astype(np.float32)
      >>> options = {"texenv_bands": 8, "texenv_rate_hz": 100.0}
      >>> texenv(jax.random.key(0), noise, samples=900, sample_rate=4000, **options).shape
      (1, 900)
    """
    rng = generator_of(key)
    recorded = wave.shape[1]
    # Everything has this length; the recording is followed by zeros.
    length = scipy.fft.next_fast_len(max(samples, recorded), real=True)
    seconds = length / sample_rate
    rate = min(texenv_rate_hz, sample_rate / (2 * _ENVELOPE_OVERSAMPLING))
    points = scipy.fft.next_fast_len(math.ceil(_ENVELOPE_OVERSAMPLING * rate * seconds), real=True)
    bands = _bands(length, sample_rate, texenv_bands)
    smoothing = _smoothing(points, seconds, rate)

    spectrum_CxF = scipy.fft.rfft(np.asarray(wave, np.float32), length)
    powers_CxKxT = np.stack(
        [_band_power(_subband(spectrum_CxF, *band), smoothing, points) for band in bands], axis=1
    )
    filled = max(2, math.floor(points * recorded / length))
    targets = np.sqrt(powers_CxKxT[:, :, :filled]).reshape(-1, filled)
    envelopes_CxKxT = draw_envelopes(rng, targets, points).reshape(powers_CxKxT.shape)

    noise_CxF = _coherent_noise(rng, wave, length)
    shaped = []
    for k, (start, gains) in enumerate(bands):
        carrier = _subband(noise_CxF, start, gains)
        own = _resample(np.sqrt(_band_power(carrier, smoothing, points)), carrier.shape[1])
        carrier *= _resample(envelopes_CxKxT[:, k], carrier.shape[1]) / own
        shaped.append(scipy.fft.fft(carrier)[:, : len(gains)] * gains)
    result = scipy.fft.irfft(_add_bands(shaped, bands, spectrum_CxF), length)[:, :samples]
    return (result * np.sqrt(length / recorded)).astype(np.float32)


def draw_envelopes(rng: np.random.Generator, envelopes: np.ndarray, points: int) -> np.ndarray:
    """New envelopes with the values, the spectra and the correlations of given ones.

    Args:
      rng: random generator.
      envelopes: [B, U], B envelopes at the same times.
      points: T >= U, the length of the new ones.

    Returns:
      [B, T]; the sorted values of each are those given, interpolated. The spectra and the
      correlations are near to those given.

    Example:
      >>> draw_envelopes(np.random.default_rng(0), np.array([[1.0, 2.0, 4.0]]), 3).tolist()
      [[1.0, 4.0, 2.0]]
    """
    centred = envelopes - np.mean(envelopes, axis=1, keepdims=True)
    centred /= np.maximum(np.std(centred, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    goal = scipy.fft.rfft(centred, points)
    middles = (np.arange(points) + 0.5) / points * envelopes.shape[1] - 0.5
    values, sorted_values = (
        np.stack([np.interp(middles, np.arange(len(row)), row) for row in np.sort(rows, axis=1)])
        for rows in (envelopes, centred)
    )
    turns = np.exp(2j * np.pi * rng.random(goal.shape[1]))
    for _ in range(_ROUNDS):
        ranks = np.argsort(scipy.fft.irfft(goal * turns, points), axis=1)
        exchanged = np.empty_like(sorted_values)
        np.put_along_axis(exchanged, ranks, sorted_values, axis=1)
        # The turns, common to all envelopes, that bring the goal nearest to these.
        product = np.sum(scipy.fft.rfft(exchanged) * np.conj(goal), axis=0)
        turns = product / np.maximum(np.abs(product), np.finfo(np.float64).tiny)
    drawn = np.empty_like(values)
    np.put_along_axis(drawn, ranks, values, axis=1)
    return drawn


def _bands(length: int, sample_rate: int, count: int) -> list[tuple[int, np.ndarray]]:
    """The first bin and the gains of each band; squared gains of all bands sum to 1 in every bin.

    A band falls like a cosine from its centre to the centres of its neighbours, which are equally
    spaced on the ERB scale. The first and the last do not fall at the ends.
    """
    ends = cochlea.erb_number([_LOWEST, sample_rate / 2])
    numbers = cochlea.erb_number(np.fft.rfftfreq(length, 1 / sample_rate))
    position = (numbers - ends[0]) / (ends[1] - ends[0]) * count - 0.5
    position = np.clip(position, 0, count - 1)
    bands = []
    for k in range(count):
        start, stop = np.searchsorted(position, [k - 1, k + 1], side="right")
        start = 0 if k <= 1 and count == 1 else start
        gains = np.cos(np.pi / 2 * (position[start:stop] - k))
        bands.append((int(start), gains.astype(np.float32)))
    return bands


def _subband(spectrum_CxF: np.ndarray, start: int, gains: np.ndarray) -> np.ndarray:
    """The analytic signal of a band, shifted to 0 Hz, at twice the rate that holds it: [C, n]."""
    band = spectrum_CxF[:, start : start + len(gains)] * gains
    return scipy.fft.ifft(band, scipy.fft.next_fast_len(2 * len(gains)))


def _smoothing(points: int, seconds: float, rate: float) -> np.ndarray:
    """The transform of a Hann window of 1 / rate seconds, which smooths a power: [T // 2 + 1]."""
    turns = np.arange(points // 2 + 1) / seconds / rate
    # At 1 and 2 turns sinc is 0; the limit at 1 is half.
    with np.errstate(divide="ignore", invalid="ignore"):
        response = np.sinc(turns) / (1 - turns**2)
    return np.where(np.abs(turns - 1) < 1e-6, 0.5, response) * (turns <= 2)


def _band_power(subband: np.ndarray, smoothing: np.ndarray, points: int) -> np.ndarray:
    """The smoothed power of a subband [C, n], at the times of the envelopes: [C, T], above 0."""
    spectrum = scipy.fft.rfft(np.abs(subband) ** 2)[:, : len(smoothing)]
    power = scipy.fft.irfft(spectrum * smoothing[: spectrum.shape[1]], points)
    power *= points / subband.shape[1]
    floor = 1e-8 * np.mean(power, axis=1, keepdims=True) + np.finfo(np.float32).tiny
    return np.maximum(power, floor)


def _resample(envelopes: np.ndarray, points: int) -> np.ndarray:
    """Envelopes [C, T] at `points` times; as they must not fall below 0, by straight lines."""
    times = np.arange(points) * (envelopes.shape[1] / points)
    known = np.arange(envelopes.shape[1])
    rows = [np.interp(times, known, row, period=len(row)) for row in envelopes]
    return np.stack(rows).astype(np.float32)


def _coherent_noise(rng: np.random.Generator, wave: np.ndarray, length: int) -> np.ndarray:
    """The spectrum of white noise with the coherence of the recording's channels: [C, F]."""
    shape = (len(wave), length // 2 + 1)
    noise = rng.standard_normal((2, *shape), dtype=np.float32)
    noise = noise[0] + 1j * noise[1]
    if len(wave) == 1:
        return noise
    frame = min(_COHERENCE_FRAME, wave.shape[1] // 4)
    frames = np.lib.stride_tricks.sliding_window_view(wave, frame, axis=1)[:, :: frame // 2]
    factors = coherence_factors(scipy.fft.rfft(frames * np.hanning(frame)).swapaxes(0, 1))
    nearest = np.round(np.linspace(0, len(factors) - 1, shape[1])).astype(int)
    coherent = np.zeros_like(noise)
    for c in range(len(wave)):
        for d in range(c + 1):
            coherent[c] += factors[nearest, c, d].astype(np.complex64) * noise[d]
    return coherent


def _add_bands(
    shaped: list[np.ndarray], bands: list[tuple[int, np.ndarray]], spectrum_CxF: np.ndarray
) -> np.ndarray:
    """The sum of bands [C, F], each with the gain that gives the sum the recording's band powers.

    Neighbours overlap, so gains depend on each other: they are found in a few rounds.
    """
    gain_KxC = np.ones((len(shaped), len(spectrum_CxF), 1), np.float32)
    goals = _powers(spectrum_CxF, bands)
    for _ in range(4):
        total = np.zeros_like(spectrum_CxF)
        for (start, _), band, gain in zip(bands, shaped, gain_KxC, strict=True):
            total[:, start : start + band.shape[1]] += gain * band
        powers = _powers(total, bands)
        gain_KxC *= np.sqrt(goals / np.maximum(powers, np.finfo(np.float32).tiny))
    return total


def _powers(spectrum_CxF: np.ndarray, bands: list[tuple[int, np.ndarray]]) -> np.ndarray:
    """The power of each band in each channel, [K, C, 1]."""
    return np.stack(
        [
            np.sum(
                np.abs(spectrum_CxF[:, start : start + len(gains)] * gains) ** 2,
                axis=1,
                keepdims=True,
            )
            for start, gains in bands
        ]
    )
