"""Auditory texture statistics: cochlear envelopes, their modulations, and time averages of both.

The model of McDermott & Simoncelli 2011, "Sound texture perception via statistics of the auditory
periphery", Neuron 71 (below: MS11; symbols as in its Experimental Procedures):

        wave -half-cosine ERB bands-> subbands -|analytic|^0.3 at 400 Hz-> envelopes s_k(t)
                  -modulation bands-> b_{k,n}(t) -time averages-> Statistics

Shapes: N samples, K cochlear bands, F bins, M envelope frames, P pairs of bands, Q modulation
bands.

Everything is linear filtering by multiplication in the frequency domain, so time is circular: a
circular shift of the wave changes no statistic, and a `weights` window removes the seam where that
matters. Each function says where it differs from MS11. All functions are pure, differentiable and
jit-able with the keyword arguments static; gradients are finite at silence. cochlea.py has the
bands and their envelopes.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import spectrogram
from audio_texture.cochlea import ENVELOPE_RATE, envelopes, take
from audio_texture.cochlea import cochlear_centers as cochlear_centers

CORRELATION_OFFSETS = (1, 2, 3, 5, 8, 11, 16, 21)  # bands apart, MS11: envelope correlations
MODULATION_OFFSETS = (1, 2)  # bands apart, MS11: C1

# Fluctuations below this share of the mean are rounding and filter ripple, not modulation.
_RIPPLE = 3e-3


class Statistics(NamedTuple):
    """Time averages of one sound, or of many along leading axes.

    Attributes:
      mean: [K] envelope means, >= 0, in wave units ** compression.
      variance: [K] variance / mean ** 2, >= 0.
      skewness: [K] third standardised moment; 0 for a constant envelope.
      kurtosis: [K] fourth standardised moment; 0 for a constant envelope.
      correlation: [P] envelope correlations of the band pairs CORRELATION_OFFSETS apart, in
        [-1, 1].
      modulation: [K, 20] power in each modulation band / variance of the envelope, >= 0.
      across: [P', 6] C1: correlations, per octave modulation band, of the band pairs
        MODULATION_OFFSETS apart.
      within: [K, 6, 2] C2: real and imaginary part of the correlation of neighbouring octaves, in
        [-1, 1].
    """

    mean: jax.Array
    variance: jax.Array
    skewness: jax.Array
    kurtosis: jax.Array
    correlation: jax.Array
    modulation: jax.Array
    across: jax.Array
    within: jax.Array


def modulation_centers(*, bands=20, low=0.5, high=200.0):
    """Returns the centres in Hz of the modulation bands, about half an octave apart, MS11: [bands]
    float64.

    Example:
      >>> round(float(modulation_centers()[-1]))
      200
    """
    return np.geomspace(low, high, bands)


def modulation_filters(frequencies, *, bands=20, low=0.5, high=200.0, quality=2.0):
    """Returns constant-Q modulation filters, MS11: [bands, F] float64 amplitude responses at
    `frequencies` [F] in Hz.

    They are half-cosines on a linear axis over f_n -+ f_n / quality. A common factor makes the
    squared responses sum to about 1 between the second lowest and the second highest centre.

    Example:
      >>> modulation_filters([1.0, 2.0, 4.0]).shape
      (20, 3)
    """
    centers = modulation_centers(bands=bands, low=low, high=high)

    def response(f):
        width = centers[:, None] / quality
        return np.cos(np.pi / 2 * np.clip((f[None] - centers[:, None]) / width, -1, 1))

    # The factor comes from a fixed fine grid: it must not depend on the length of the sound.
    grid = np.geomspace(centers[1], centers[-2], 1000)
    return response(np.asarray(frequencies, np.float64)) / np.sqrt(
        np.mean(np.sum(response(grid) ** 2, 0))
    )


def octave_filters(frequencies, *, high=100.0, octaves=7):
    """Returns octave-spaced modulation filters for C1 and C2, MS11: [octaves, F] float64 in [0, 1]
    at `frequencies` [F] in Hz.

    They are half-cosines on a log axis, an octave to each side of 100, 50, .. 1.5625 Hz, in
    ascending order.

    Example:
      >>> octave_filters([50.0, 100.0])[-2:].round(3).tolist()
      [[1.0, 0.0], [0.0, 1.0]]
    """
    centers = high / 2.0 ** np.arange(octaves)[::-1]
    distance = np.log2(
        np.maximum(np.asarray(frequencies, np.float64), 1e-6)[None] / centers[:, None]
    )
    return np.cos(np.pi / 2 * np.clip(distance, -1, 1))


def band_pairs(bands, offsets):
    """Returns the indices (j, k = j + offset) of band pairs `offsets` apart: two int arrays [P].

    Example:
      >>> [index.tolist() for index in band_pairs(3, (1, 2))]
      [[0, 1, 0], [1, 2, 2]]
    """
    pairs = [(j, j + offset) for offset in offsets for j in range(bands - offset)]
    return np.array(pairs, int).reshape(-1, 2).T


def envelope_statistics(envelope, weights=None, *, envelope_rate=ENVELOPE_RATE):
    """Returns time averages of cochlear envelopes, MS11, Experimental Procedures ("Statistics").

    With <.> the average over time, weighted by w(t):
        mean        mu_k = <s_k>                              variance  <(s_k - mu_k)^2> / mu_k^2
        skewness    <(s_k - mu_k)^3> / sigma_k^3              kurtosis  <(s_k - mu_k)^4> / sigma_k^4
        correlation <(s_j - mu_j)(s_k - mu_k)> / (sigma_j sigma_k)
        modulation  <b_{k,n}^2> / sigma_k^2
        across      C1 = <b_{j,n} b_{k,n}> / (sigma_{j,n} sigma_{k,n})
        within      C2 = <d*_{k,m} a_{k,n}> / (sigma_{k,m} sigma_{k,n}),
                    a = b + i H(b),  d = a_m^2 / |a_m|
    where n is the octave above m: squaring doubles the phase of a_m, so that it can be compared
    with a_n.

    Differs: the root of the window multiplies s_k - mu_k before the modulation filters, not their
    outputs, so modulation and across are sums over frequencies (Parseval) and exact without a
    window. sigma in `within` is that of the analytic bands, which puts C2 in [-1, 1].

    Args:
      envelope: [K, M] float32.
      weights: [M] >= 0, or None for equal weights.
      envelope_rate: in Hz.
    Example:
      >>> jax.eval_shape(envelope_statistics, jnp.ones((3, 40))).correlation.shape
      (3,)
    """
    bands, frames = envelope.shape
    weights = jnp.ones(frames, envelope.dtype) if weights is None else weights
    weights_1xM = (weights / jnp.sum(weights))[None]
    mean_K = jnp.sum(weights_1xM * envelope, 1)
    centred_KxM = envelope - mean_K[:, None]

    def moment(order):
        return jnp.sum(weights_1xM * centred_KxM**order, 1)

    second_K = moment(2)
    # Never 0: the moments of a constant envelope are then 0, not noise / noise.
    variance_K = second_K + (_RIPPLE * mean_K) ** 2
    sigma_K = jnp.sqrt(variance_K)
    j, k = band_pairs(bands, CORRELATION_OFFSETS)
    covariance_P = ((weights_1xM * centred_KxM) @ centred_KxM.T)[j, k]
    windowed_KxM = centred_KxM * jnp.sqrt(weights_1xM)
    modulation_KxQ, across_PxQ, within_KxQ = _modulation_statistics(
        windowed_KxM, variance_K, envelope_rate
    )
    return Statistics(
        mean=mean_K,
        variance=second_K / (mean_K**2 + 1e-12),
        skewness=moment(3) / sigma_K**3,
        kurtosis=moment(4) / variance_K**2,
        correlation=covariance_P / (sigma_K[j] * sigma_K[k]),
        modulation=modulation_KxQ,
        across=across_PxQ[:, 1:],
        within=jnp.stack([jnp.real(within_KxQ), jnp.imag(within_KxQ)], -1),
    )


def _modulation_statistics(windowed_KxM, variance_K, envelope_rate):
    """Returns modulation power [K, 20], C1 [P', 7] and C2 [K, 6] complex of windowed envelopes."""
    bands, frames = windowed_KxM.shape
    spectrum_KxF = jnp.fft.rfft(windowed_KxM)
    frequencies = np.fft.rfftfreq(frames, 1 / envelope_rate)
    # Parseval: sum_t x y = sum_f count(f) Re(X Y*) / M over the one-sided bins.
    count = np.full(len(frequencies), 2.0)
    count[0] = 1.0
    if frames % 2 == 0:
        count[-1] = 1.0

    def power_weights(filters):
        """[Q, F] -> [F, Q]"""
        return (filters**2 * count / frames).T.astype(np.float32)

    total_KxF = _real_product(spectrum_KxF, spectrum_KxF)
    modulation_filters_FxQ = power_weights(modulation_filters(frequencies))
    modulation_KxQ = total_KxF @ modulation_filters_FxQ / variance_K[:, None]

    octaves_QxF = octave_filters(frequencies)
    octave_weights_FxQ = power_weights(octaves_QxF)
    octave_power_KxQ = total_KxF @ octave_weights_FxQ + 1e-4 * variance_K[:, None]
    j, k = band_pairs(bands, MODULATION_OFFSETS)
    across_PxQ = _real_product(take(spectrum_KxF, j), take(spectrum_KxF, k)) @ octave_weights_FxQ
    across_PxQ = across_PxQ / jnp.sqrt(octave_power_KxQ[j] * octave_power_KxQ[k])

    octave_KxQxF = spectrum_KxF[:, None] * (octaves_QxF * count).astype(np.float32)[None]
    padding = ((0, 0), (0, 0), (0, frames - octave_KxQxF.shape[2]))
    analytic_KxQxM = spectrogram.ifft(jnp.pad(octave_KxQxF, padding))
    low, high = analytic_KxQxM[:, :-1], analytic_KxQxM[:, 1:]
    # The root of <|a|^2>; the window's weights are already inside.
    scale = jnp.sqrt(2 * octave_power_KxQ)
    # The floor under |a|^2 is relative to the band: a silent band contributes 0, not 0 / 0.
    size = jnp.sqrt(_real_product(low, low) + 1e-6 * scale[:, :-1, None] ** 2 / frames)
    doubled = low * low / size
    within_KxQ = jnp.sum(jnp.conj(doubled) * high, -1) / (scale[:, :-1] * scale[:, 1:])
    return modulation_KxQ, across_PxQ, within_KxQ


def _real_product(x, y):
    """Returns Re(x y*)."""
    return jnp.real(x) * jnp.real(y) + jnp.imag(x) * jnp.imag(y)


def statistics(
    wave, weights=None, *, sample_rate, bands=30, compression=0.3, floor=1e-5, oversampling=2.0
):
    """Returns the texture statistics of a sound, MS11.

    Args:
      wave: [N] float32 in [-1, 1]. The level is kept: a gain changes `mean` and, apart from the
        floor, nothing else (MS11 first bring every sound to the same level).
      weights: [N] >= 0, a window over the samples, or None. A window that falls to 0 at both ends
        removes the seam where the end of a recording meets its beginning.
      sample_rate: in Hz, at least 800.
      bands: see `envelopes`.
      compression: see `envelopes`.
      floor: see `envelopes`.
      oversampling: see `envelopes`.
    Returns:
      Statistics with K = bands below Nyquist + 2.
    Example:
      >>> compiled = jax.jit(statistics, static_argnames="sample_rate")
      >>> compiled(jnp.zeros(800), sample_rate=8000).modulation.shape
      (25, 20)
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
        frame_samples = jnp.arange(frames) * (wave.shape[0] / frames)
        weights = jnp.interp(frame_samples, jnp.arange(wave.shape[0]), weights)
    return envelope_statistics(envelope, weights)


# The unit of every statistic in `distance`: the median root-mean-square difference, after
# `comparable`, between the two halves of a recording (128 clips of ESC-10 in nine classes that are
# not mostly silence, halves of 2.5 s at 16 kHz).
UNITS = Statistics(
    **dict[str, Any](
        mean=0.101,
        variance=0.283,
        skewness=0.316,
        kurtosis=0.224,
        correlation=0.13,
        modulation=0.64,
        across=0.199,
        within=0.225,
    )
)


def comparable(values):
    """Returns Statistics on scales where equal differences matter about equally.

    Positive and heavy-tailed statistics go through a logarithm (mean, variance, kurtosis,
    modulation), with a floor below which differences fade, and skewness goes through asinh.
    Correlations are not changed.

    Example:
      >>> round(float(comparable(Statistics(*jnp.ones(8))).kurtosis), 3)
      0.693
    """
    return values._replace(
        mean=jnp.log(values.mean + 1e-4),
        variance=jnp.log(values.variance + 1e-3),
        skewness=jnp.arcsinh(values.skewness),
        kurtosis=jnp.log(values.kurtosis + 1.0),
        modulation=jnp.log(values.modulation + 1e-3),
    )


def distance(target, values):
    """Returns how far the statistics of a sound are from a target's.

    distance = sum_g mean((c_g(values) - c_g(target))^2) / u_g^2 over the fields g of `Statistics`,
    with c = `comparable` and u = UNITS: between the halves of a typical recording every field
    contributes about 1. It is squared and so smooth at the target, where it and its gradient are 0.
    The root of a term is a distance in the metric sense.

    Args:
      target: Statistics.
      values: Statistics of the same shapes.
    Returns:
      (scalar, {field: scalar}), with terms >= 0 that sum to the scalar.
    Example:
      >>> compiled = jax.jit(statistics, static_argnames="sample_rate")
      >>> silent = compiled(jnp.zeros(800), sample_rate=8000)
      >>> float(distance(silent, silent)[0])
      0.0
    """
    terms = {}
    for name, a, b, unit in zip(
        Statistics._fields, comparable(target), comparable(values), UNITS, strict=True
    ):
        if a.shape != b.shape:
            raise ValueError(f"{name} must have the target's shape {a.shape}, got {b.shape}.")
        terms[name] = jnp.mean((a - b) ** 2) / unit**2
    return sum(terms.values()), terms
