"""Losses on a sound itself: auditory statistics, patches, onsets, levels, envelopes.

T frames, F bins, N samples, C channels. Spectrograms are [T, F], or [T, S, F]; S streams count as
more bins.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import scipy.signal.windows

from audio_texture import auditory, statistics
from audio_texture.base import Objective, Weights
from audio_texture.combinators import (
    flatten_frames,
    mixture,
    precompose,
    standardised,
    weighted_sum,
)


def auditory_statistics(sample_rate: int, *, circular: bool = False) -> Objective:
    """Distance of cochlear envelope statistics (McDermott & Simoncelli 2011) of waves [N, C].

    It is the mean over channels. The band above the highest cochlear band is left out: beyond the
    cut-off of a codec or resampler it holds rounding errors, whose skewness no canvas can match.

    Args:
      sample_rate: in Hz.
      circular: whether x's end is followed by its beginning; the reference is not circular.
    """
    measure = functools.partial(_measure_envelopes, auditory.envelope_statistics, sample_rate)

    def distance(target, x):
        totals, terms = jax.vmap(auditory.distance)(target, measure(x, circular))
        return jnp.mean(totals), {name: jnp.mean(values) for name, values in terms.items()}

    return Objective(measure, distance)


def _measure_envelopes(statistics_of, sample_rate, wave, circular=False):
    """Statistics of each channel's cochlear envelopes.

    statistics_of: (envelopes [bands, frames], weights [frames] or None) -> statistics.
    """
    ramps = None
    if not circular:
        # 50 ms ramps hide the step from the end to the start, since the filters are circular.
        frames = round(len(wave) * auditory.ENVELOPE_RATE / sample_rate)
        ramp = min(1.0, 0.1 * sample_rate / len(wave))
        ramps = scipy.signal.windows.tukey(frames, ramp).astype(np.float32)

    def of_channel(channel):
        envelopes = auditory.envelopes(channel, sample_rate=sample_rate)[:-1]
        return statistics_of(envelopes, ramps)

    return jax.vmap(of_channel, in_axes=1)(wave)


def texstat(sample_rate: int, *, circular: bool = False) -> Objective:
    """TexStat (Gutierrez, Font, Serra & Wyse, DAFx 2025): statistics of subbands, of waves [N, C].

    sum_k b_k sqrt(mean (S_k - S_k of the reference)^2), all b_k = 1, mean over channels, with
    S_1 the envelopes' moments (mean, variance / mean^2, skewness, kurtosis, weighted 1, 0.1, 0.01,
    0.001), S_2 the correlations of all pairs of subband envelopes, S_3 the std of each modulation
    band over its envelope's, S_4 and S_5 correlations of modulation bands across and within
    subbands. Differs: subbands, modulation bands and the pairs of S_4 and S_5 are those of
    `auditory.envelope_statistics` (30 subbands, 20 modulation bands; theirs 16 and 6).

    Args:
      sample_rate: in Hz.
      circular: whether x's end is followed by its beginning; the reference is not circular.
    """

    def statistics_of(envelopes, weights):
        values = auditory.envelope_statistics(envelopes, weights)
        moments = (values.mean, values.variance, values.skewness, values.kurtosis)
        scales = (1.0, 0.1, 0.01, 0.001)
        weights = jnp.ones(envelopes.shape[1]) if weights is None else weights
        centred = (envelopes - values.mean[:, None]) * jnp.sqrt(weights / jnp.sum(weights))[None]
        covariance = centred @ centred.T
        std = jnp.sqrt(jnp.diagonal(covariance) + 1e-5 * values.mean**2)
        return {
            "moments": jnp.stack([s * m for s, m in zip(scales, moments, strict=True)]),
            "correlations": covariance / (std[:, None] * std[None]),
            "modulation": jnp.sqrt(values.modulation + 1e-6),
            "across": values.across,
            "within": values.within,
        }

    measure = functools.partial(_measure_envelopes, statistics_of, sample_rate)

    def distance(target, x):
        squares = jax.tree.map(
            lambda a, b: jnp.mean((a - b) ** 2, axis=range(1, a.ndim)), target, measure(x, circular)
        )
        # The root's derivative at zero is infinite.
        total = jnp.mean(sum(jnp.sqrt(square + 1e-12) - 1e-6 for square in squares.values()))
        return total, {"texstat": total}

    return Objective(measure, distance)


def sliced_transport(*, widths: Sequence[int], directions: int) -> Objective:
    """Squared sliced 2-Wasserstein distance between sets of patches of [T, F], mean over widths.

    Rabin, Peyre, Delon & Bernot 2011; for features of textures, Heitz et al., CVPR 2021. A Gram
    distance weights a patch by the fourth power of its amplitude and hardly sees a background 40 dB
    below the events. Quantiles weight all patches equally.

    Args:
      widths: of the patches, in frames; widths over half of a sound are left out.
      directions: number of fixed random directions that patches are projected on.
    """

    def measure(x):
        x = flatten_frames(x)
        sizes = [width * x.shape[1] for width in sorted(widths) if 2 * width <= len(x)]
        drawn = [statistics.random_directions(size, directions, seed=size) for size in sizes]
        return statistics.sorted_projections(x, [along.astype(np.float32) for along in drawn])

    return Objective(measure, functools.partial(_common_distance, measure, "patches"))


def onset_statistics(
    *,
    step: int,
    lags: int,
    widths: Sequence[int] = (1, 4, 16),
    directions: int = 16,
    weights: Weights | None = None,
) -> Objective:
    """Distance of the onset strength of compressed spectrograms [T, F]: heights, shapes, rhythm.

    Onset strength is the mean over bins of the rise within `step` frames (half-wave rectified
    spectral flux, Dixon, DAFx 2006), in units of the reference's std; each stream of [T, S, F] has
    its own. Its patches are matched by sliced optimal transport, its rhythm by its autocorrelation.
    (Antognini, Hoffman & Weiss 2019 match the autocorrelation of every feature of a network, which
    fixes so many numbers that the result copies the reference.)

    Args:
      step: frames between a value and the one it is compared with.
      lags: longest lag of the autocorrelation, in frames.
      widths: of the patches, see `sliced_transport`.
      directions: see `sliced_transport`.
      weights: of several references, see `mixture`.
    """

    def strength(x):
        # The constant keeps the floor of the std above zero for a sound that never rises.
        rises = jnp.mean(jnp.maximum(x[step:] - x[:-step], 0.0), axis=-1)
        return 0.1 + rises.reshape(len(rises), -1)

    parts = {
        "patches": (1.0, sliced_transport(widths=widths, directions=directions)),
        "autocorrelation": (1.0, autocorrelation(lags=lags)),
    }
    total = weighted_sum(parts)
    if weights is not None:
        total = mixture(total, weights)
    return precompose(strength, standardised(total, weights))


def autocorrelation(*, lags: int) -> Objective:
    """Mean squared difference of the autocorrelations of x [T, F] over lags from 1.

    lags: the longest lag, in frames; at most half of the shorter sound is used.
    """

    def measure(x):
        return statistics.autocorrelation(x, min(lags, len(x) // 2))

    return Objective(measure, functools.partial(_common_distance, measure, "autocorrelation"))


def band_levels() -> Objective:
    """Mean squared difference of the log of each bin's mean power, for magnitudes [T, F].

    Networks see compressed magnitudes, in which a few loud frames count little. Without this term a
    texture of ticks loses its ticks, and its background gets louder when the result is brought to
    the reference's level.

    Example:
      >>> objective = band_levels()
      >>> x = jnp.ones((3, 2))
      >>> round(float(objective.distance(objective.fit(x), jnp.e * x)[0]), 3)
      4.0
    """

    def level(x, floor):
        return jnp.log(jnp.mean(x**2, axis=0) + floor)

    def fit(reference):
        # 60 dB below the mean: an almost empty band holds rounding errors, not sound.
        floor = 1e-6 * jnp.mean(reference**2) + jnp.finfo(jnp.float32).tiny
        return {"level": level(reference, floor), "floor": floor}

    def distance(target, x):
        total = jnp.mean((level(x, target["floor"]) - target["level"]) ** 2)
        return total, {"levels": total}

    return Objective(fit, distance)


def envelope(axis: str) -> Objective:
    """Relative squared difference of the envelopes of x [T, ..., F] (Verma & Smith 2018).

    It matches the course of energy in time, which a Gram forgets. Sounds of different lengths are
    compared over the shorter length.

    Args:
      axis: "time" or "frequency"; an envelope is the mean over the other axis.

    Example:
      >>> objective = envelope("time")
      >>> x = jnp.array([[1.0], [2.0]])
      >>> float(objective.distance(objective.fit(x), 2 * x)[0])
      1.0
    """

    def envelope_of(x):
        return jnp.mean(flatten_frames(x), axis=1) if axis == "time" else jnp.mean(x, axis=0)

    def distance(target, x):
        values = envelope_of(x)
        common = min(len(values), len(target))
        size = jnp.maximum(jnp.sum(target[:common] ** 2), jnp.finfo(jnp.float32).tiny)
        total = jnp.sum((values[:common] - target[:common]) ** 2) / size
        return total, {axis: total}

    return Objective(envelope_of, distance)


def _common_distance(measure, name, target, x):
    """Mean squared difference of measure(x) and target over the rows that both of them have."""
    values = measure(x)
    common = min(len(values), len(target))
    total = jnp.mean((values[:common] - target[:common]) ** 2)
    return total, {name: total}
