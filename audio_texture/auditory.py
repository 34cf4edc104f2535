"""What the ear keeps of a texture: cochlear envelopes, their modulations, and the time averages of both.

The model of McDermott & Simoncelli 2011, "Sound texture perception via statistics of the auditory
periphery", Neuron 71 (below: MS11; symbols as in its Experimental Procedures):

        wave -half-cosine ERB bands-> subbands -|analytic|^0.3 at 400 Hz-> envelopes s_k(t)
                  -modulation bands-> b_{k,n}(t) -time averages-> Statistics

Shapes: N samples, K cochlear bands, F bins, M envelope frames, P pairs of bands, Q modulation bands.

Everything is linear filtering by multiplication in the frequency domain, so time is circular: a circular
shift of the wave changes no statistic, and a `weights` window takes the seam out where that matters.
What differs from MS11 is said where it differs. All functions are pure, differentiable and jit-able with
the keyword arguments static; gradients are finite at silence.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft

from audio_texture import spectrogram

ENVELOPE_RATE = 400.0  # Hz, MS11
CORRELATION_OFFSETS = (1, 2, 3, 5, 8, 11, 16, 21)  # bands apart, MS11: envelope correlations
MODULATION_OFFSETS = (1, 2)  # bands apart, MS11: C1

# A deviation smaller than this share of the mean is rounding and filter ripple, not modulation.
_RIPPLE = 3e-3


class Statistics(NamedTuple):
    """Time averages of one sound, or of many along leading axes.

    mean: [K] envelope means, >= 0, in wave units ** compression.
    variance: [K] variance / mean ** 2, >= 0.
    skewness, kurtosis: [K] third and fourth standardised moments (a constant envelope has 0 and 0).
    correlation: [P] envelope correlations of the band pairs CORRELATION_OFFSETS apart, in [-1, 1].
    modulation: [K, 20] power in each modulation band / variance of the envelope, >= 0.
    across: [P', 6] C1: correlations, per octave modulation band, of the band pairs MODULATION_OFFSETS apart.
    within: [K, 6, 2] C2: real and imaginary part of the correlation of neighbouring octaves, in [-1, 1].
    """

    mean: jax.Array
    variance: jax.Array
    skewness: jax.Array
    kurtosis: jax.Array
    correlation: jax.Array
    modulation: jax.Array
    across: jax.Array
    within: jax.Array


def erb_number(frequency):
    """Position on the ERB scale of a frequency in Hz: 9.265 ln(1 + f / (24.7 * 9.265)), Glasberg & Moore 1990."""
    return 9.265 * np.log1p(np.asarray(frequency, np.float64) / (24.7 * 9.265))


def erb_frequency(number):
    """Inverse of `erb_number`, in Hz."""
    return 24.7 * 9.265 * np.expm1(np.asarray(number, np.float64) / 9.265)


def cochlear_centers(sample_rate, *, bands=30, low=20.0, high=10000.0):
    """Centres in Hz of the cochlear bands below Nyquist: [<= bands] float64.

    `bands` centres equally spaced on the ERB scale strictly between `low` and `high` Hz; the defaults are
    those of MS11 (52 .. 8844 Hz). Bands centred at or above Nyquist are left out, so that a band means the
    same at every sample rate.
    """
    numbers = np.linspace(erb_number(low), erb_number(high), bands + 2)[1:-1]
    centers = erb_frequency(numbers)
    return centers[centers < sample_rate / 2]


def cochlear_filters(samples, sample_rate, *, bands=30, low=20.0, high=10000.0):
    """Half-cosine filters on the ERB scale, MS11: [K, samples // 2 + 1] float32 amplitude responses in [0, 1].

    Band k is cos(pi/2 (E(f) - E_k) / d) within one spacing d of its centre E_k, 0 outside; the first and the
    last row are the low-pass and high-pass ends (K = bands below Nyquist + 2). Squared responses sum to 1 at
    every frequency, so the bands together keep the energy. In float64, outside any trace.
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


def modulation_centers(*, bands=20, low=0.5, high=200.0):
    """Centres in Hz of the modulation bands, about half an octave apart, MS11: [bands] float64."""
    return np.geomspace(low, high, bands)


def modulation_filters(frequencies, *, bands=20, low=0.5, high=200.0, quality=2.0):
    """Constant-Q modulation filters, MS11: [bands, F] float64 amplitude responses.

    Half-cosines on a linear axis over f_n -+ f_n / quality, scaled by one number so that the squared responses
    sum to about 1 between the second lowest and the second highest centre. `frequencies`: [F] in Hz.
    """
    centers = modulation_centers(bands=bands, low=low, high=high)

    def response(f):
        width = centers[:, None] / quality
        return np.cos(np.pi / 2 * np.clip((f[None] - centers[:, None]) / width, -1, 1))

    # the scale is taken on a fixed fine grid: it must not depend on the length of the sound
    grid = np.geomspace(centers[1], centers[-2], 1000)
    return response(np.asarray(frequencies, np.float64)) / np.sqrt(
        np.mean(np.sum(response(grid) ** 2, 0))
    )


def octave_filters(frequencies, *, high=100.0, octaves=7):
    """Octave-spaced modulation filters for C1 and C2, MS11: [octaves, F] float64 in [0, 1].

    Half-cosines on a log axis, one octave to each side of 100, 50, .. 1.5625 Hz, in rising order.
    `frequencies`: [F] in Hz.
    """
    centers = high / 2.0 ** np.arange(octaves)[::-1]
    distance = np.log2(
        np.maximum(np.asarray(frequencies, np.float64), 1e-6)[None] / centers[:, None]
    )
    return np.cos(np.pi / 2 * np.clip(distance, -1, 1))


def envelopes(wave, *, sample_rate, bands=30, compression=0.3, floor=1e-5, oversampling=2.0):
    """Compressed cochlear envelopes s_k(t) = |subband_k + i H(subband_k)|^0.3 at 400 Hz, MS11.

    Differs: an envelope does not change when its subband is shifted to other frequencies, so that each is worked out at
    the lowest of a few rates that holds it rather than at the wave's. The power 0.3 makes overtones, some of which fold
    back: at twice the subband's width 1 to 2 % of the fluctuations, under 1e-3 of `distance`, for a fourth of the time at
    16 kHz and a twelfth at 44.1 kHz.

    Args:
        wave: [N] float32.
        sample_rate: of the wave, Hz, at least 800.
        bands: cochlear bands between 20 Hz and 10 kHz; those above Nyquist are left out.
        compression: exponent.
        floor: amplitude under which a subband counts as silent (1e-5 is 100 dB below full scale; a 16-bit file
            cannot say less). It bounds the gradient, which the power 0.3 would make infinite at silence.
        oversampling: least rate of a subband over its width; math.inf has the wave's own rate throughout.

    Returns:
        [K, M] float32 with M = round(N * 400 / sample_rate), low-passed at 200 Hz by cutting the spectrum (MS11
        resample with a short filter; the cut may undershoot 0 by a little).
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
    # One-sided spectra, doubled: the analytic subbands. 0 and Nyquist stay single.
    filters_KxF = 2 * cochlear_filters(samples, sample_rate, bands=bands)
    filters_KxF[:, 0] /= 2
    if samples % 2 == 0:
        filters_KxF[:, -1] /= 2
    spectrum_F = jnp.fft.rfft(wave)
    found, order = [], []
    for length, group in _subband_lengths(
        filters_KxF, samples, 4 * ENVELOPE_RATE / sample_rate, oversampling
    ).items():
        kept_GxF = np.zeros((len(group), min(length, filters_KxF.shape[1])), int)
        gains = np.zeros(kept_GxF.shape, np.float32)
        for row, (k, start, stop) in enumerate(group):
            kept_GxF[row, : stop - start] = np.arange(start, stop)
            gains[row, : stop - start] = filters_KxF[k, start:stop]
            order.append(k)
        subband = spectrum_F[kept_GxF] * gains
        # zeros beyond: the negative frequencies of an analytic signal
        analytic = spectrogram.ifft(jnp.pad(subband, ((0, 0), (0, length - subband.shape[1])))) * (
            length / samples
        )
        power = jnp.real(analytic) ** 2 + jnp.imag(analytic) ** 2
        envelope = (power + floor**2) ** (compression / 2)
        # strictly below 200 Hz: half of what lies at 200 Hz would have no phase left
        found.append(jnp.fft.rfft(envelope)[:, : (frames + 1) // 2] / length)
    return jnp.fft.irfft(jnp.concatenate(found)[np.argsort(order)], n=frames) * frames


def _subband_lengths(filters_KxF, samples, lowest, oversampling):
    """Samples to work a subband out at -> [(k, first bin, end of its bins)]: few lengths, lest compilation take long."""
    groups = {}
    for k, response in enumerate(filters_KxF):
        bins = np.flatnonzero(response > 1e-6)
        start, stop = (bins[0], bins[-1] + 1) if len(bins) else (0, 0)
        least = max(oversampling * (stop - start), lowest * samples)
        shrink = max(
            [factor for factor in (4, 8, 16, 32) if samples / factor >= least], default=None
        )
        length = scipy.fft.next_fast_len(-(-samples // shrink)) if shrink else samples
        groups.setdefault(length, []).append((k, start, stop))
    return groups


def band_pairs(bands, offsets):
    """Indices (j, k = j + offset) of the band pairs `offsets` apart: two int arrays [P]."""
    pairs = [(j, j + offset) for offset in offsets for j in range(bands - offset)]
    return np.array(pairs, int).reshape(-1, 2).T


def envelope_statistics(envelope, weights=None, *, envelope_rate=ENVELOPE_RATE):
    """Time averages of cochlear envelopes, MS11, Experimental Procedures ("Statistics").

    With <.> the average over time, weighted by w(t):
        mean        mu_k = <s_k>                              variance  <(s_k - mu_k)^2> / mu_k^2
        skewness    <(s_k - mu_k)^3> / sigma_k^3              kurtosis  <(s_k - mu_k)^4> / sigma_k^4
        correlation <(s_j - mu_j)(s_k - mu_k)> / (sigma_j sigma_k)
        modulation  <b_{k,n}^2> / sigma_k^2
        across      C1 = <b_{j,n} b_{k,n}> / (sigma_{j,n} sigma_{k,n})
        within      C2 = <d*_{k,m} a_{k,n}> / (sigma_{k,m} sigma_{k,n}),  a = b + i H(b),  d = a_m^2 / |a_m|
    where n is the octave above m: squaring doubles the phase of a_m, so that it can be set against a_n.

    Differs: the window multiplies the deviations (by the root of w) before the modulation filters rather than
    their outputs, so modulation and across are sums over frequencies (Parseval) and exact without a window;
    sigma in `within` is that of the analytic bands, which puts C2 in [-1, 1].

    Args:
        envelope: [K, M] float32.
        weights: [M] >= 0, or None for equal weights.
        envelope_rate: Hz.
    """
    bands, frames = envelope.shape
    weights = jnp.ones(frames, envelope.dtype) if weights is None else weights
    weights_1xM = (weights / jnp.sum(weights))[None]
    mean_K = jnp.sum(weights_1xM * envelope, 1)
    deviation_KxM = envelope - mean_K[:, None]
    moment = lambda order: jnp.sum(weights_1xM * deviation_KxM**order, 1)
    second_K = moment(2)
    # Never 0: a constant envelope then has moments 0 instead of noise / noise, and finite gradients.
    variance_K = second_K + (_RIPPLE * mean_K) ** 2
    sigma_K = jnp.sqrt(variance_K)

    j, k = band_pairs(bands, CORRELATION_OFFSETS)
    covariance_P = jnp.sum(weights_1xM * deviation_KxM[j] * deviation_KxM[k], 1)

    windowed_KxM = deviation_KxM * jnp.sqrt(weights_1xM)
    spectrum_KxF = jnp.fft.rfft(windowed_KxM)
    frequencies = np.fft.rfftfreq(frames, 1 / envelope_rate)
    # Parseval: sum_t x y = sum_f count(f) Re(X Y*) / M over the one-sided bins
    count = np.full(len(frequencies), 2.0)
    count[0] = 1.0
    if frames % 2 == 0:
        count[-1] = 1.0
    power = lambda filters: (filters**2 * count / frames).T.astype(np.float32)  # [F, Q]
    cross = lambda x, y: jnp.real(x) * jnp.real(y) + jnp.imag(x) * jnp.imag(y)
    total_KxF = cross(spectrum_KxF, spectrum_KxF)
    modulation_KxQ = total_KxF @ power(modulation_filters(frequencies)) / variance_K[:, None]

    octaves_QxF = octave_filters(frequencies)
    octave_power_KxQ = total_KxF @ power(octaves_QxF) + 1e-4 * variance_K[:, None]
    j, k = band_pairs(bands, MODULATION_OFFSETS)
    across_PxQ = cross(spectrum_KxF[j], spectrum_KxF[k]) @ power(octaves_QxF)
    across_PxQ = across_PxQ / jnp.sqrt(octave_power_KxQ[j] * octave_power_KxQ[k])

    octave_KxQxF = spectrum_KxF[:, None] * (octaves_QxF * count).astype(np.float32)[None]
    analytic_KxQxM = spectrogram.ifft(
        jnp.pad(octave_KxQxF, ((0, 0), (0, 0), (0, frames - octave_KxQxF.shape[2])))
    )
    low, high = analytic_KxQxM[:, :-1], analytic_KxQxM[:, 1:]
    # |a|^2 relative to its own band: the phase of a silent band is nothing, not 0 / 0
    scale = jnp.sqrt(
        2 * octave_power_KxQ
    )  # root of <|a|^2>; the window's weights are already inside
    size = jnp.sqrt(cross(low, low) + 1e-6 * scale[:, :-1, None] ** 2 / frames)
    doubled = low * low / size
    within_KxQ = jnp.sum(jnp.conj(doubled) * high, -1) / (scale[:, :-1] * scale[:, 1:])

    return Statistics(
        mean=mean_K,
        variance=second_K / (mean_K**2 + 1e-12),
        skewness=moment(3) / sigma_K**3,
        kurtosis=moment(4) / variance_K**2,
        correlation=covariance_P
        / (
            sigma_K[band_pairs(bands, CORRELATION_OFFSETS)[0]]
            * sigma_K[band_pairs(bands, CORRELATION_OFFSETS)[1]]
        ),
        modulation=modulation_KxQ,
        across=across_PxQ[:, 1:],
        within=jnp.stack([jnp.real(within_KxQ), jnp.imag(within_KxQ)], -1),
    )


def statistics(
    wave, weights=None, *, sample_rate, bands=30, compression=0.3, floor=1e-5, oversampling=2.0
):
    """The texture statistics of a sound, MS11.

    Args:
        wave: [N] float32 in [-1, 1]. The level is kept: a gain moves `mean` and, but for the floor, nothing else
            (MS11 first bring every sound to one level).
        weights: [N] >= 0, a window over the samples, or None. A window that falls to 0 at both ends takes out the
            seam where the end of a recording meets its beginning.
        sample_rate: Hz, at least 800. bands, compression, floor, oversampling: see `envelopes`.

    Returns:
        Statistics with K = bands below Nyquist + 2.
    """
    envelope = envelopes(
        wave,
        sample_rate=sample_rate,
        bands=bands,
        compression=compression,
        floor=floor,
        oversampling=oversampling,
    )
    frames = envelope.shape[1]
    if weights is not None:
        if weights.shape != wave.shape:
            raise ValueError(
                f"weights must have the wave's shape {wave.shape}, got {weights.shape}."
            )
        weights = jnp.interp(
            jnp.arange(frames) * (wave.shape[0] / frames), jnp.arange(wave.shape[0]), weights
        )
    return envelope_statistics(envelope, weights)


# One step that counts the same in every group: the median root-mean-square difference, after `comparable`, between the
# two halves of a recording (128 clips of ESC-10 in nine classes that are not mostly silence, halves of 2.5 s at 16 kHz).
UNITS = Statistics(
    mean=0.101,
    variance=0.283,
    skewness=0.316,
    kurtosis=0.224,
    correlation=0.13,
    modulation=0.64,
    across=0.199,
    within=0.225,
)


def comparable(values):
    """Statistics -> Statistics in units in which equal differences matter about equally.

    Positive and heavy-tailed ones go through a logarithm (mean, variance, kurtosis, modulation) or asinh
    (skewness), each with a floor under which differences fade; correlations stay as they are.
    """
    return values._replace(
        mean=jnp.log(values.mean + 1e-4),
        variance=jnp.log(values.variance + 1e-3),
        skewness=jnp.arcsinh(values.skewness),
        kurtosis=jnp.log(values.kurtosis + 1.0),
        modulation=jnp.log(values.modulation + 1e-3),
    )


def distance(target, values):
    """How far the statistics of a sound are from a target's: sum over groups of mean squared differences.

    distance = sum_g mean((c_g(values) - c_g(target))^2) / u_g^2 with c = `comparable` and u = UNITS, so each
    group of two halves of a typical recording contributes about 1. Squared, hence smooth at the target, where
    it and its gradient are 0; take the root of a term for a distance in the metric sense.

    Args:
        target, values: Statistics of equal shapes.

    Returns:
        (scalar, {group: scalar}), terms >= 0 that sum to the scalar.
    """
    terms = {}
    for name, a, b, unit in zip(Statistics._fields, comparable(target), comparable(values), UNITS):
        if a.shape != b.shape:
            raise ValueError(f"{name} must have the target's shape {a.shape}, got {b.shape}.")
        terms[name] = jnp.mean((a - b) ** 2) / unit**2
    return sum(terms.values()), terms
