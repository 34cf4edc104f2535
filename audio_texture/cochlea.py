"""Cochlear bands on the ERB scale, and their compressed envelopes.

The first stage of the model of McDermott & Simoncelli 2011 (MS11), whose statistics auditory.py
computes. Shapes: N samples, K cochlear bands, F bins, M envelope frames, G subbands of one length.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft

from audio_texture import spectrogram

ENVELOPE_RATE = 400.0  # Hz, MS11


def erb_number(frequency):
    """Returns the place on the ERB scale of a frequency f in Hz, 9.265 ln(1 + f / (24.7 * 9.265))
    (Glasberg & Moore 1990).

    Example:
      >>> round(float(erb_number(1000.0)), 2)
      15.57
    """
    return 9.265 * np.log1p(np.asarray(frequency, np.float64) / (24.7 * 9.265))


def erb_frequency(number):
    """Inverse of `erb_number`: returns a frequency in Hz.

    Example:
      >>> round(float(erb_frequency(erb_number(1000.0))), 6)
      1000.0
    """
    return 24.7 * 9.265 * np.expm1(np.asarray(number, np.float64) / 9.265)


def cochlear_centers(sample_rate, *, bands=30, low=20.0, high=10000.0):
    """Returns the centres in Hz of the cochlear bands below Nyquist: [<= bands] float64.

    `bands` centres are equally spaced on the ERB scale strictly between `low` and `high` Hz; the
    defaults are those of MS11 (52 .. 8844 Hz). Bands centred at or above Nyquist are left out, so
    that a band means the same at every sample rate.

    Example:
      >>> [round(float(hertz)) for hertz in cochlear_centers(20000)[[0, -1]]]
      [52, 8844]
    """
    numbers = np.linspace(erb_number(low), erb_number(high), bands + 2)[1:-1]
    centers = erb_frequency(numbers)
    return centers[centers < sample_rate / 2]


def cochlear_filters(samples, sample_rate, *, bands=30, low=20.0, high=10000.0):
    """Returns half-cosine filters on the ERB scale, MS11: [K, samples // 2 + 1] float32 amplitude
    responses in [0, 1].

    Band k is cos(pi/2 (E(f) - E_k) / d) within one spacing d of its centre E_k, 0 outside. The
    first and the last row are the low-pass and high-pass ends (K = bands below Nyquist + 2).
    Squared responses sum to 1 at every frequency, so the bands together keep the energy. Computed
    in float64, outside any trace.

    Example:
      >>> cochlear_filters(800, 8000).shape
      (25, 401)
    """
    numbers = erb_number(cochlear_centers(sample_rate, bands=bands, low=low, high=high))
    spacing = (erb_number(high) - erb_number(low)) / (bands + 1)
    position = (erb_number(np.fft.rfftfreq(samples, 1 / sample_rate)) - numbers[0]) / spacing
    rows = [np.cos(np.pi / 2 * np.clip(position - k, -1, 1)) for k in range(len(numbers))]
    ends = [
        np.cos(np.pi / 2 * np.clip(position + 1, 0, 1)),
        np.cos(np.pi / 2 * np.clip(len(numbers) - position, 0, 1)),
    ]
    return np.stack([ends[0], *rows, ends[1]]).astype(np.float32)


def envelopes(wave, *, sample_rate, bands=30, compression=0.3, floor=1e-5, oversampling=2.0):
    """Returns cochlear envelopes s_k(t) = |subband_k + i H(subband_k)|^0.3 at 400 Hz, MS11.

    Differs from MS11: shifting a subband to other frequencies does not change its envelope, so each
    envelope is computed at the lowest of a few rates that holds the subband, not at the wave's
    rate. The power 0.3 makes overtones, some of which alias: at twice the subband's width 1 to 2 %
    of the fluctuations, less than 1e-3 of `auditory.distance`. This takes a quarter of the time at
    16 kHz and a twelfth at 44.1 kHz.

    Args:
      wave: [N] float32.
      sample_rate: of the wave, in Hz, at least 800.
      bands: cochlear bands between 20 Hz and 10 kHz; bands above Nyquist are left out.
      compression: exponent.
      floor: amplitude below which a subband counts as silent (1e-5 is 100 dB below full scale,
        which a 16-bit file cannot go below). It bounds the gradient, which the power 0.3 would make
        infinite at silence.
      oversampling: lowest sample rate of a subband, as a multiple of its bandwidth; math.inf keeps
        the wave's own rate.
    Returns:
      [K, M] float32 with M = round(N * 400 / sample_rate), low-passed at 200 Hz by cutting the
      spectrum. (MS11 resample with a short filter; the cut may undershoot 0 by a little.)
    Raises:
      ValueError: a wave that is not mono or too short, or too low a sample rate.
    Example:
      >>> envelopes(jnp.zeros(800), sample_rate=8000).shape
      (25, 40)
    """
    if wave.ndim != 1:
        raise ValueError(f"wave must be mono [samples], got shape {wave.shape}.")
    if sample_rate < 2 * ENVELOPE_RATE:
        raise ValueError(f"sample_rate={sample_rate} Hz must be at least {2 * ENVELOPE_RATE:.0f}.")
    samples = wave.shape[0]
    frames = round(samples * ENVELOPE_RATE / sample_rate)
    if frames < 2:
        raise ValueError(
            f"wave must last at least 2 / {ENVELOPE_RATE:.0f} s, got {samples} samples."
        )
    filters_KxF = _analytic_filters(samples, sample_rate, bands)
    spectrum_F = jnp.fft.rfft(wave)
    least_share = 4 * ENVELOPE_RATE / sample_rate
    spectra, order = [], []
    groups = subbands(spectrum_F, filters_KxF, samples, least_share, oversampling)
    for bands_of_group, analytic in groups:
        order += bands_of_group
        length = analytic.shape[1]
        power = jnp.real(analytic) ** 2 + jnp.imag(analytic) ** 2
        # A power on a CPU takes five times as long.
        envelope = jnp.exp(compression / 2 * jnp.log(power + floor**2))
        # Strictly below 200 Hz: half of what lies at 200 Hz would have no phase left.
        spectra.append(jnp.fft.rfft(envelope)[:, : (frames + 1) // 2] / length)
    return jnp.fft.irfft(take(jnp.concatenate(spectra), np.argsort(order)), n=frames) * frames


def subbands(spectrum_F, filters_KxF, samples, least_share, oversampling=2.0):
    """Yields subbands of a wave in groups of one length: band numbers and subbands [G, length].

    A subband is moved to 0 Hz, which keeps its envelope, so it is computed at the lowest of a few
    rates that holds it. Few different lengths are used, since every length takes compilation time.

    Args:
      spectrum_F: of the wave, one-sided.
      filters_KxF: constant filters, with the factor 2 of an analytic signal.
      samples: of the wave.
      least_share: lowest rate, as a share of the wave's.
      oversampling: lowest rate of a subband, as a multiple of its bandwidth.
    Example:
      >>> tone = jnp.fft.rfft(jnp.cos(jnp.pi / 4 * jnp.arange(64)))
      >>> filters = np.zeros((1, 33), np.float32)
      >>> filters[0, 6:11] = 2.0
      >>> [(bands, subband)] = subbands(tone, filters, 64, 0.1)
      >>> bands, subband.shape, round(float(jnp.abs(subband)[0, 3]), 3)
      ([0], (1, 16), 1.0)
    """
    for length, group in _subband_lengths(filters_KxF, samples, least_share, oversampling).items():
        bins_GxF = np.zeros((len(group), min(length, filters_KxF.shape[1])), int)
        gains_GxF = np.zeros(bins_GxF.shape, np.float32)
        for row, (k, start, stop) in enumerate(group):
            bins_GxF[row, : stop - start] = np.arange(start, stop)
            gains_GxF[row, : stop - start] = filters_KxF[k, start:stop]
        subband = take(spectrum_F, bins_GxF, used=gains_GxF > 0) * gains_GxF
        # Zeros beyond: the negative frequencies of an analytic signal.
        padded = jnp.pad(subband, ((0, 0), (0, length - subband.shape[1])))
        yield [k for k, *_ in group], spectrogram.ifft(padded) * (length / samples)


def take(x: jax.Array, index: np.ndarray, *, used: np.ndarray | None = None) -> jax.Array:
    """Returns x[index] for a constant index, with a gradient that is fast on a CPU.

    The gradient of an index is a scatter, which takes 0.1 us an element; here every element of x
    fetches the cotangents of the few places that it went to.

    Args:
      x: [F, ...].
      index: int array of any shape; the fewer repeats of an entry, the better.
      used: of index's shape; where it is False, the cotangent is 0.
    Example:
      >>> jax.grad(lambda x: jnp.sum(take(x, np.array([0, 2, 2])) * 3))(jnp.ones(3)).tolist()
      [3.0, 0.0, 6.0]
    """
    flat = index.ravel()
    places = np.flatnonzero(np.ones(flat.shape, bool) if used is None else used.ravel())
    places = places[np.argsort(flat[places], kind="stable")]
    entries = flat[places]
    turn = np.arange(len(entries)) - np.searchsorted(entries, entries)
    # Row r: where each entry of x went to for the r-th time; nowhere is the zero after the last.
    went_to = np.full((np.max(turn, initial=-1) + 1, x.shape[0]), len(flat))
    went_to[turn, entries] = places

    @jax.custom_vjp
    def take_constant(x):
        return x[index]

    def backward(_, cotangent):
        cotangent = cotangent.reshape(len(flat), *x.shape[1:])
        cotangent = jnp.concatenate([cotangent, jnp.zeros((1, *x.shape[1:]), cotangent.dtype)])
        return (sum((cotangent[row] for row in went_to), jnp.zeros_like(x)),)

    take_constant.defvjp(lambda x: (x[index], None), backward)
    return take_constant(x)


def _analytic_filters(samples, sample_rate, bands):
    """Returns filters [K, F] that turn a wave's one-sided spectrum into the spectra of its analytic
    subbands: they double every bin except 0 Hz and Nyquist.
    """
    filters_KxF = 2 * cochlear_filters(samples, sample_rate, bands=bands)
    filters_KxF[:, 0] /= 2
    if samples % 2 == 0:
        filters_KxF[:, -1] /= 2
    return filters_KxF


def _subband_lengths(filters_KxF, samples, least_share, oversampling):
    """Returns {samples of a subband: [(k, first bin, end of its bins)]}. There are few different
    lengths, since every length takes compilation time.

    least_share: of a subband's samples in the wave's.
    """
    groups = {}
    for k, response in enumerate(filters_KxF):
        bins = np.flatnonzero(response > 1e-6)
        start, stop = (bins[0], bins[-1] + 1) if len(bins) else (0, 0)
        least = max(oversampling * (stop - start) / samples, least_share)
        share = min([share for share in (least_share, 1 / 4) if share >= least], default=1.0)
        length = scipy.fft.next_fast_len(math.ceil(share * samples)) if share < 1 else samples
        groups.setdefault(length, []).append((k, start, stop))
    return groups
