"""Losses on a sound itself: the ear's statistics, patches, onsets, levels, envelopes.

Spectrograms are [T, F], or [T, S, F] of S streams, which count as more bins.
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
    """Distance of the ear's envelope statistics, McDermott & Simoncelli 2011, of waves [N, C].

    The mean over channels. The highest band, above the ear's own bands, is left out: beyond a
    codec's or resampler's cut-off it holds rounding errors, whose skewness no canvas reaches.

    Args:
      sample_rate: in Hz.
      circular: whether x's end is followed by its beginning. A reference has ends.
    """
    measure = functools.partial(_of_envelopes, auditory.envelope_statistics, sample_rate)

    def distance(target, x):
        totals, terms = jax.vmap(auditory.distance)(target, measure(x, circular))
        return jnp.mean(totals), {name: jnp.mean(values) for name, values in terms.items()}

    return Objective(measure, distance)


def _of_envelopes(statistics_of, sample_rate, wave, circular=False):
    """Statistics of each channel's cochlear envelopes; statistics_of: (envelopes, weights) ->."""
    ramps = None
    if not circular:
        # 50 ms ramps: the filters' circular time would see the step from the end to the start.
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
      circular: whether x's end is followed by its beginning. A reference has ends.
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

    measure = functools.partial(_of_envelopes, statistics_of, sample_rate)

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

    Rabin, Peyre, Delon & Bernot 2011; for features of textures, Heitz et al., CVPR 2021. The Gram
    counts a patch by the fourth power of its size: where events stand 40 dB over a ground, it
    hardly sees the ground. Quantiles count all patches alike.

    Args:
      widths: of the patches, in frames; those longer than half of the shorter sound are left out.
      directions: number of random directions that patches are projected on; they are fixed.
    """

    def measure(x):
        x = flatten_frames(x)
        sizes = [width * x.shape[1] for width in sorted(widths) if 2 * width <= len(x)]
        drawn = [np.random.default_rng(size).standard_normal((size, directions)) for size in sizes]
        units = [(along / np.linalg.norm(along, axis=0)).astype(np.float32) for along in drawn]
        return statistics.sorted_projections(x, units)

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
    its own. Its patches are matched by sliced optimal transport, its rhythm by its autocorrelation
    (Antognini, Hoffman & Weiss 2019 take that of every feature of a network: so many numbers that
    they copy).

    Args:
      step: frames between a value and the one it is compared with.
      lags: longest lag of the autocorrelation, in frames.
      widths: of the patches, see `sliced_transport`.
      directions: see `sliced_transport`.
      weights: of several references, see `mixture`.
    """

    def strength(x):
        # The constant keeps the floor of the std above zero for a sound without any rise.
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

    lags: the longest one, in frames; it is cut at half of the shorter sound.
    """

    def measure(x):
        return statistics.autocorrelation(x, min(lags, len(x) // 2))

    return Objective(measure, functools.partial(_common_distance, measure, "autocorrelation"))


def band_levels() -> Objective:
    """Mean squared difference of the log of each bin's mean power, magnitudes [T, F].

    Networks see compressed magnitudes, in which a few loud moments have little of their power:
    without this term a texture of ticks loses them, and its ground comes out louder when the result
    is brought to the reference's level.
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

    A Gram forgets how energy runs in time. Sounds of several lengths are compared over the length
    of the shortest.

    Args:
      axis: "time" or "frequency"; an envelope is the mean over the other axis.
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
    """Mean squared difference over the rows that a longer and a shorter sound have in common."""
    values = measure(x)
    common = min(len(values), len(target))
    total = jnp.mean((values[:common] - target[:common]) ** 2)
    return total, {name: total}
