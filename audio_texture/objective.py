"""Objectives: a target fitted once to a reference, and a differentiable distance to it.

`fit(reference) -> target` returns a pytree that can be saved and used again; `distance(target, x)
-> (scalar, terms)` is what the optimiser lowers, with its named parts. What the two take is up to
the objective: a spectrogram [T, F], or [T, S, F] of S streams (where only [T, F] is said, streams
count as more bins, but no bin has a neighbour in another stream), or a wave [C, N] once
`seen_through` put a transform before it. A cited system is another objective or another weight,
never a loop.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft
import scipy.signal

from audio_texture import auditory, infinite_width, spectrogram, statistics
from audio_texture.layer import Layer, receptive_field

Target = Any
Terms = dict[str, jax.Array]


class Objective(NamedTuple):
    """fit: reference -> target. distance: (target, x) -> (scalar, named terms that add up to it)."""

    fit: Callable[[Any], Target]
    distance: Callable[[Target, Any], tuple[jax.Array, Terms]]


def infinite_gram(
    networks: Sequence[Sequence[Layer]],
    *,
    weights: Sequence[float] | None = None,
    relative: bool = True,
    circular: bool = False,
) -> Objective:
    """Gram distance of 1-D CNNs with infinitely many filters, averaged over several networks side by side.

    Separate one-layer networks of different widths do better than one deep network (Antognini, Hoffman & Weiss 2019).

    Args:
      networks: each a sequence of layers; the Gram is that of the last one's output.
      weights: of the networks in the mean; equal by default.
      relative: divides each network's distance by the mean square of the target's own Gram.
      circular: whether x's last frame is followed by its first, of which each network then sees what it reaches; a reference
        has its ends.
    """
    reaches = [receptive_field(layers) - 1 if circular else 0 for layers in networks]
    shares = _shares(weights or [1.0] * len(networks))

    def fit(reference):
        reference = _flat(reference)
        products = infinite_width.frame_gram(reference)
        kernels = [infinite_width.self_kernel(products, layers) for layers in networks]
        return {
            "frames": reference,
            "variances": [kernel.variances for kernel in kernels],
            "sizes": [statistics.kernel_gram_size(kernel.values) for kernel in kernels],
        }

    def distance(target, x):
        frames, x = len(x), _flat(x)
        x = jnp.concatenate([x, x[: max(reaches)]])
        # One matmul each serves all networks: they differ only in how they sum along the diagonals.
        products, powers = infinite_width.frame_gram(x), jnp.mean(x * x, axis=1)
        cross_products = infinite_width.frame_products(x, target["frames"])
        total = 0.0
        for layers, share, reach, variances, size in zip(
            networks, shares, reaches, target["variances"], target["sizes"], strict=True
        ):
            seen = frames + reach
            gap = infinite_width.gram_distance_x_terms(
                products[:seen, :seen], powers[:seen], cross_products[:seen], variances, layers
            )
            total += share * (gap + size) / (size if relative else 1.0)
        return total, {"gram": total}

    return Objective(fit, distance)


def _flat(x: jax.Array) -> jax.Array:
    """All that stands in a frame as one row, streams side by side: [T, ..., F] -> [T, ... * F]."""
    return x.reshape(len(x), -1)


def _shares(weights: Sequence[float]) -> list[float]:
    return [weight / sum(weights) for weight in weights]


def infinite_content(
    networks: Sequence[Sequence[Layer]],
    *,
    weights: Sequence[float] | None = None,
    relative: bool = True,
) -> Objective:
    """How far activations are from the content's at every moment, of 1-D CNNs with infinitely many filters, averaged over the networks.

    `infinite_width.content_distance`; x has as many frames as the content. networks, weights: as of `infinite_gram`.
    relative: divides by the mean square of the content's own activations.
    """
    shares = _shares(weights or [1.0] * len(networks))

    def fit(content):
        content = _flat(content)
        # Of silence, whose activations are all zero, the distance is theirs: their mean square.
        sizes = [
            infinite_width.content_distance(jnp.zeros_like(content), content, layers)
            for layers in networks
        ]
        return {"frames": content, "sizes": sizes if relative else [1.0] * len(networks)}

    def distance(target, x):
        x = _flat(x)
        found = [
            infinite_width.content_distance(x, target["frames"], layers) for layers in networks
        ]
        total = sum(
            share * one / size
            for share, one, size in zip(shares, found, target["sizes"], strict=True)
        )
        return total, {"content": total}

    return Objective(fit, distance)


def content(*, relative: bool = True) -> Objective:
    """Mean squared difference of features, place by place (Gatys, Ecker & Bethge 2016, Eq. 1, as a mean).

    relative: divides by the mean square of the content's own.
    """

    def distance(target, x):
        if x.shape != target.shape:
            raise ValueError(
                f"x and content must have the same shape, got {x.shape} and {target.shape}."
            )
        total = jnp.mean((x - target) ** 2) / (jnp.mean(target**2) if relative else 1.0)
        return total, {"content": total}

    return Objective(lambda y: y, distance)


def of_network(
    init: Callable[[jax.Array, jax.Array], Any],
    features: Callable[[Any, jax.Array], Mapping[str, Any]],
    key: jax.Array,
    statistic: Objective,
    *,
    weights: Mapping[str, float] | None = None,
) -> Objective:
    """A statistic of an explicit network's taps, averaged over the taps.

    The network's weights are drawn when the target is fitted and are a part of it: a target goes with its filters.

    Args:
      init: (key, x [T, F]) -> weights.
      features: (weights, x [T, F]) -> the taps to match, name -> [..., C], the channels last.
      key: PRNG key of the weights.
      statistic: objective on features [..., C], such as `gram()`.
      weights: of the taps in the mean; equal by default.
    """

    def fit(reference):
        variables = init(key, reference)
        return {
            "weights": variables,
            "taps": {name: statistic.fit(y) for name, y in features(variables, reference).items()},
        }

    def distance(target, x):
        found = features(target["weights"], x)
        names = list(target["taps"])
        shares = _shares([weights[name] if weights else 1.0 for name in names])
        return _mean(
            [statistic.distance(target["taps"][name], found[name]) for name in names], shares
        )

    return Objective(fit, distance)


def gram(*, relative: bool = True, form: str = "auto", shift: float = 0.0) -> Objective:
    """Gram distance of features [..., C] (Gatys, Ecker & Bethge 2015).

    Args:
      relative: divides the distance by the mean square of the target's own Gram.
      shift: added to the features: -1 in Novak & Nikulin 2016, lest a Gram of ReLU's many zeros be sparse.
      form: "direct" compares Grams [C, C], "frames" frames by frames, "auto" whichever costs less at the target's length.
    """
    if form not in ("auto", "direct", "frames"):
        raise ValueError(f"form must be auto, direct or frames, got {form!r}.")

    def fit(y):
        y = y + shift
        positions = y.size // y.shape[-1]
        if form == "frames" or (
            form == "auto" and statistics.frames_are_cheaper(positions, positions, y.shape[-1])
        ):
            return {
                "size": statistics.kernel_gram_size(statistics.feature_kernel(y, y)),
                "features": y,
            }
        return {"size": jnp.mean(statistics.gram(y) ** 2), "gram": statistics.gram(y)}

    def distance(target, x):
        x = x + shift
        if "features" in target:
            kernel, cross = (
                statistics.feature_kernel(x, x),
                statistics.feature_kernel(x, target["features"]),
            )
            total = statistics.kernel_gram_distance(kernel, cross, target["size"])
        else:
            total = statistics.gram_distance(statistics.gram(x), target["gram"])
        total = total / (target["size"] if relative else 1.0)
        return total, {"gram": total}

    return Objective(fit, distance)


def chained_gram(*, relative: bool = True, shift: float = 0.0) -> Objective:
    """Distance of the products of one layer's features with the next one's, a pair of features [..., C] and [..., D] (Novak & Nikulin 2016).

    Which patterns of the one stand in which of the other, where a layer's own Gram says which stand side by side. The finer
    features are averaged over the places that one of the coarser stands for. relative, shift: as of `gram`.
    """

    def products(pair):
        fine, coarse = pair
        # Places at the ends, which a kernel without padding does not reach, have no counterpart.
        for axis, places in enumerate(coarse.shape[:-1]):
            pool = max(fine.shape[axis] // places, 1)
            begin = (fine.shape[axis] - pool * places) // 2
            fine = jax.lax.slice_in_dim(fine, begin, begin + pool * places, axis=axis)
            fine = jnp.mean(
                fine.reshape(*fine.shape[:axis], places, pool, *fine.shape[axis + 1 :]),
                axis=axis + 1,
            )
        a, b = (y.reshape(-1, y.shape[-1]) + shift for y in (fine, coarse))
        return jnp.matmul(a.T, b, precision=jax.lax.Precision.HIGHEST) / len(a)

    def distance(target, x):
        total = jnp.mean((products(x) - target) ** 2) / (jnp.mean(target**2) if relative else 1.0)
        return total, {"gram": total}

    return Objective(products, distance)


def bin_grams() -> Objective:
    """Distance of the Grams of every bin, features [T, ..., F, C] (Caracalla & Roebel 2019: their
    H), relative to the target's size.

    A 2-D network's Gram over all positions forgets at which frequency a pattern was; this one does not.
    """

    def grams(y):
        return jnp.einsum("t...c,t...d->...cd", y, y, precision=jax.lax.Precision.HIGHEST) / len(y)

    def distance(target, x):
        total = jnp.sum((grams(x) - target) ** 2) / jnp.sum(target**2)
        return total, {"gram": total}

    return Objective(grams, distance)


def feature_autocorrelation(*, lags: tuple[int, int]) -> Objective:
    """Relative squared difference of every feature's autocorrelation, features [T, C] (Antognini, Hoffman & Weiss 2019), which keeps rhythm.

    lags: shortest and longest, in frames; at most as many as half of the reference and of x hold. Differs: not circular.
    """

    def found_in(y):
        shortest, longest = lags
        longest = min(longest, len(y) // 2)
        return statistics.autocorrelation(y, longest)[min(shortest, longest) - 1 :]

    def distance(target, x):
        found = found_in(x)
        common = min(len(found), len(target))
        total = jnp.sum((found[:common] - target[:common]) ** 2) / jnp.sum(target[:common] ** 2)
        return total, {"autocorrelation": total}

    return Objective(found_in, distance)


def diversity() -> Objective:
    """How much features [T, C] are the reference's own, shifted in time: max_s sum y^2 / sum (x_t - y_{t+s})^2 (Antognini et al. 2019).

    Large near a copy, about 1 / 2 far from one; added to a distance it keeps a texture from being its reference again. Shifts
    are circular, after the shorter of the two is filled up with zeros.
    """

    def distance(target, x):
        size = scipy.fft.next_fast_len(max(len(x), len(target)), real=True)
        products = jnp.sum(
            jnp.conj(jnp.fft.rfft(x, size, axis=0)) * jnp.fft.rfft(target, size, axis=0), axis=1
        )
        energy = jnp.sum(target**2)
        apart = jnp.sum(x**2) + energy - 2 * jnp.fft.irfft(products, size)
        total = energy / jnp.maximum(jnp.min(apart), 1e-3 * energy)
        return total, {"diversity": total}

    return Objective(lambda y: y, distance)


def gaussian_transport() -> Objective:
    """Squared 2-Wasserstein distance of Gaussians fitted to a network's maps, features [T, ..., F,
    C], averaged over maps.

    Each map's frames [T, F] are taken as draws of a Gaussian with one mean for all bins and a covariance of bins by bins; as in
    the optimal transport of features by Vacher et al. 2020 and in later work on sound textures:

        W^2 = (m_x - m_y)^2 + tr S_x + tr S_y - 2 |X S_y^(1/2)|_*

    with X the centred frames over the root of T, whose nuclear norm is tr (S_y^(1/2) S_x S_y^(1/2))^(1/2). Features [T, C] count as
    one map. Differs: covariances are divided by T, so that lengths may differ, and the whole by the target's tr S_y.
    """

    def moments(y):
        maps = jnp.moveaxis(y, -1, 0).reshape(y.shape[-1], len(y), -1) if y.ndim > 2 else y[None]
        means = jnp.mean(maps, axis=(1, 2))
        return means, (maps - means[:, None, None]) / np.sqrt(maps.shape[1])

    def fit(y):
        means, frames = moments(y)
        _, values, directions = jax.vmap(lambda one: jnp.linalg.svd(one, full_matrices=False))(
            frames
        )
        root = jnp.einsum("mrf,mr,mrg->mfg", directions, values, directions)
        return {"means": means, "root": root, "trace": jnp.sum(frames**2, axis=(1, 2))}

    def distance(target, x):
        means, frames = moments(x)
        shared = jax.lax.map(
            lambda pair: statistics.nuclear_norm(pair[0] @ pair[1]), (frames, target["root"])
        )
        gaps = (
            (means - target["means"]) ** 2
            + jnp.sum(frames**2, axis=(1, 2))
            + target["trace"]
            - 2 * shared
        )
        total = jnp.mean(gaps) / jnp.mean(target["trace"])
        return total, {"transport": total}

    return Objective(fit, distance)


def auditory_statistics(sample_rate: int, *, circular: bool = False) -> Objective:
    """Statistics of the ear's envelopes, McDermott & Simoncelli 2011, of waves [N, C]; the mean over their channels.

    Without the band of all that lies above the ear's highest: beyond a codec's or resampler's cut-off it holds rounding
    errors, whose skewness no canvas reaches. circular: whether x's end is followed by its beginning; a reference's is not.
    """

    def heard(wave, circular=False):
        # 50 ms ramps take out the seam between the end and the beginning, which the filters' circular time sees.
        frames = round(len(wave) * auditory.ENVELOPE_RATE / sample_rate)
        ramps = (
            None
            if circular
            else scipy.signal.windows.tukey(frames, min(1.0, 0.1 * sample_rate / len(wave))).astype(
                np.float32
            )
        )

        def one_channel(channel):
            return auditory.envelope_statistics(
                auditory.envelopes(channel, sample_rate=sample_rate)[:-1], ramps
            )

        return jax.vmap(one_channel, in_axes=1)(wave)

    def distance(target, x):
        totals, terms = jax.vmap(auditory.distance)(target, heard(x, circular))
        return jnp.mean(totals), {name: jnp.mean(values) for name, values in terms.items()}

    return Objective(heard, distance)


def sliced_transport(*, widths: Sequence[int], directions: int) -> Objective:
    """Sliced 2-Wasserstein distance, squared, between the sets of patches of spectrograms [T, F], averaged over their widths.

    Rabin, Peyre, Delon & Bernot 2011; between the features of textures, Heitz et al., CVPR 2021. The Gram counts a patch by the
    fourth power of its size: where events stand 40 dB over a ground, it hardly sees the ground. Quantiles count all alike.

    Args:
      widths: of the patches, in frames; those longer than half of the reference or of x are left out.
      directions: random ones that patches are projected on, fixed.
    """

    def found_in(x):
        x = _flat(x)
        sizes = [width * x.shape[1] for width in sorted(widths) if 2 * width <= len(x)]
        drawn = [np.random.default_rng(size).standard_normal((size, directions)) for size in sizes]
        return statistics.sorted_projections(
            x, [(along / np.linalg.norm(along, axis=0)).astype(np.float32) for along in drawn]
        )

    def distance(target, x):
        found = found_in(x)
        common = min(len(found), len(target))
        total = jnp.mean((found[:common] - target[:common]) ** 2)
        return total, {"patches": total}

    return Objective(found_in, distance)


def autocorrelation(*, lags: int) -> Objective:
    """Mean squared difference of the autocorrelations of x [T, F] over lags from 1, in frames; at most half of the reference and of x."""

    def found_in(x):
        return statistics.autocorrelation(x, min(lags, len(x) // 2))

    def distance(target, x):
        found = found_in(x)
        common = min(len(found), len(target))
        total = jnp.mean((found[:common] - target[:common]) ** 2)
        return total, {"autocorrelation": total}

    return Objective(found_in, distance)


def onset_statistics(
    *,
    step: int,
    lags: int,
    widths: Sequence[int] = (1, 4, 16),
    directions: int = 16,
    weights: Sequence[float] | None = None,
) -> Objective:
    """Statistics of the onset strength of compressed spectrograms [T, F]: how high onsets are, what shapes they have, how they follow.

    Onset strength is the mean over bins of how much each rises within `step` frames (half-wave
    rectified spectral flux, Dixon, DAFx 2006), in units of the reference's deviation; of several
    streams [T, S, F] each has its own. Its patches are matched by sliced optimal transport, its
    rhythm by its autocorrelation (Antognini, Hoffman & Weiss 2019, there of every feature of a
    network, which are so many that they copy).

    Args:
      step: frames.
      lags: longest of the autocorrelation, in frames.
      widths, directions: see `sliced_transport`.
      weights: of several references, see `mixture`.
    """

    def strength(x):
        # The constant keeps the floor of the deviation above zero for a sound without any rise.
        rises = jnp.mean(jnp.maximum(x[step:] - x[:-step], 0.0), axis=-1)
        return 0.1 + rises.reshape(len(rises), -1)

    parts = {
        "patches": (1.0, sliced_transport(widths=widths, directions=directions)),
        "autocorrelation": (1.0, autocorrelation(lags=lags)),
    }
    both = weighted_sum(parts)
    return seen_through(
        strength, standardised(both if weights is None else mixture(both, weights), weights)
    )


def band_levels() -> Objective:
    """Mean squared difference of the bins' mean power in magnitudes [T, F], in nepers of power.

    What networks see is compressed, and in it a few loud moments have little of the power they have in the sound: without this a texture of
    ticks loses them, and its ground comes out louder when all is brought to one level.
    """

    def level(x, floor):
        return jnp.log(jnp.mean(x**2, axis=0) + floor)

    def fit(reference):
        # 60 dB under the mean: in a band that is as good as empty, rounding errors are no sound.
        floor = 1e-6 * jnp.mean(reference**2) + jnp.finfo(jnp.float32).tiny
        return {"level": level(reference, floor), "floor": floor}

    def distance(target, x):
        total = jnp.mean((level(x, target["floor"]) - target["level"]) ** 2)
        return total, {"levels": total}

    return Objective(fit, distance)


def bounds(low: float = 0.0, high: float = 1.0) -> Objective:
    """The authors' regulariser (in place of clamping): the L2 norm, not squared, of what lies outside [low, high]."""

    def distance(_, x):
        outside = jnp.maximum(x - high, 0.0) + jnp.maximum(low - x, 0.0)
        square = jnp.sum(outside**2)
        # Double where: the root's slope at zero is infinite, and inside the bounds is where the canvas mostly is.
        norm = jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0.0)
        return norm, {"bounds": norm}

    return Objective(lambda _: (), distance)


def total_variation() -> Objective:
    """Mean squared difference of neighbours of x [T, ..., F] in time and in frequency (Mahendran &
    Vedaldi 2015, Eq. 4 with beta = 2).
    """

    def distance(_, x):
        total = jnp.mean((x[1:] - x[:-1]) ** 2) + jnp.mean((x[..., 1:] - x[..., :-1]) ** 2)
        return total, {"variation": total}

    return Objective(lambda _: (), distance)


def sixth_power() -> Objective:
    """Mean of x^6, which keeps values in range (Mahendran & Vedaldi 2015: the alpha-norm, alpha = 6)."""

    def distance(_, x):
        total = jnp.mean(x**6)
        return total, {"power": total}

    return Objective(lambda _: (), distance)


def envelope(axis: str) -> Objective:
    """Relative squared difference of the envelopes of x [T, ..., F] over "time" or "frequency":
    means over the other axis (Verma & Smith 2018).

    A Gram forgets how energy runs in time. Over time, sounds of other lengths are compared as far as the shorter one goes.
    """

    def envelope_of(x):
        return jnp.mean(_flat(x), axis=1) if axis == "time" else jnp.mean(x, axis=0)

    def distance(target, x):
        found = envelope_of(x)
        common = min(len(found), len(target))
        total = jnp.sum((found[:common] - target[:common]) ** 2) / jnp.maximum(
            jnp.sum(target[:common] ** 2), jnp.finfo(jnp.float32).tiny
        )
        return total, {axis: total}

    return Objective(envelope_of, distance)


def guided(objective: Objective, *, levels: int, bands: int) -> Objective:
    """The objective region by region, averaged: guided Grams G_r = (T_r F)(T_r F)^T, Gatys et al. 2017, Eq. 5; fit takes (content, style).

    The style of the style's loud moments goes to the content's loud moments, that of its quiet ones to the quiet ones, and
    each band's to the same band. Masks T_r are 1 in a region and 0 elsewhere and multiply what the networks see, so that a
    kernel at a border sees zeros beyond it; in the paper, what they give.

    Args:
      levels: regions in time: moments by rank of their level, as many of the content as of the style.
      bands: regions in frequency, equal numbers of bins, the same in every stream.
    """

    def masks(x):
        level = jnp.mean(_flat(x), axis=1)
        rank = jnp.sum(level[None] < level[:, None], axis=1)
        frames = (rank * levels // len(level)).reshape((-1,) + (1,) * (x.ndim - 1))
        bins = (np.arange(x.shape[-1]) * bands // x.shape[-1]).reshape((1,) * (x.ndim - 1) + (-1,))
        return [
            ((frames == i) & (bins == j)).astype(jnp.float32)
            for i in range(levels)
            for j in range(bands)
        ]

    def fit(pair):
        content, style = pair
        return {
            "masks": masks(content),
            "targets": [objective.fit(style * mask) for mask in masks(style)],
        }

    def distance(target, x):
        found = [
            objective.distance(one, x * mask)
            for one, mask in zip(target["targets"], target["masks"], strict=True)
        ]
        return _mean(found, _shares([1.0] * len(found)))

    return Objective(fit, distance)


def seen_through(transform: Callable[[Any], Any], objective: Objective) -> Objective:
    """The objective on a fixed differentiable transform of what it is given, of every reference and of x alike."""
    return Objective(
        lambda references: objective.fit(_each(transform, references)),
        lambda target, x: objective.distance(target, transform(x)),
    )


def standardised(objective: Objective, weights: Sequence[float] | None = None) -> Objective:
    """The objective on spectrograms whose bins have, in the reference, mean 0 and deviation 1 over time (less under the floor).

    weights: of several references, each seen in its own units and x in the units between them, means and deviations alike. What is
    between two recordings then has a spectrum and depth between theirs. (In units that all share, the Grams' mean is that of
    a sound which is now the one and now the other, farther from both than they are from each other.)
    """

    def fit(references):
        units = _each(spectrogram.standardisation, references)
        standard = _each(
            lambda reference, own: spectrogram.standardise(reference, *own), references, units
        )
        return {"units": units, "target": objective.fit(standard)}

    def distance(target, x):
        units = (
            target["units"]
            if weights is None
            else jax.tree.map(lambda *values: _mean_of(values, weights), *target["units"])
        )
        return objective.distance(target["target"], spectrogram.standardise(x, *units))

    return Objective(fit, distance)


def relatively_compressed(
    objective: Objective, *, sharpness: float, weights: Sequence[float] | None = None
) -> Objective:
    """The objective on magnitudes [T, F] compressed relative to each bin's mean in the reference; weights: see `standardised`."""

    def fit(references):
        scale = _each(spectrogram.loudness_scale, references)
        compressed = _each(
            lambda reference, own: spectrogram.compress_relative(
                reference, own, sharpness=sharpness
            ),
            references,
            scale,
        )
        return {"scale": scale, "target": objective.fit(compressed)}

    def distance(target, x):
        scale = target["scale"] if weights is None else _between(target["scale"], weights)
        return objective.distance(
            target["target"], spectrogram.compress_relative(x, scale, sharpness=sharpness)
        )

    return Objective(fit, distance)


def peak_compressed(objective: Objective, weights: Sequence[float] | None = None) -> Objective:
    """The objective on tanh(15 x / the reference's largest value), for signed x (2 sigmoid(30 z) - 1: Caracalla & Roebel 2020)."""

    def fit(references):
        scale = _each(
            lambda reference: (
                15 / jnp.maximum(jnp.max(jnp.abs(reference)), jnp.finfo(jnp.float32).tiny)
            ),
            references,
        )
        return {
            "scale": scale,
            "target": objective.fit(
                _each(lambda reference, own: jnp.tanh(own * reference), references, scale)
            ),
        }

    def distance(target, x):
        scale = target["scale"] if weights is None else _between(target["scale"], weights)
        return objective.distance(target["target"], jnp.tanh(scale * x))

    return Objective(fit, distance)


def _each(function: Callable, references: Any, *others: Any) -> Any:
    """A function of one reference, or of each of a list."""
    return (
        _of_all(function, list(zip(references, *others, strict=True)))
        if isinstance(references, list)
        else function(references, *others)
    )


def _of_all(function: Callable, arguments: Sequence[tuple]) -> list:
    """A function's values of each of several tuples of arguments; of tuples alike in shape as one program, however many they are."""
    described = [jax.tree.map(jnp.shape, entry) for entry in arguments]
    if len(arguments) == 1 or described[1:] != described[:-1]:
        return [function(*entry) for entry in arguments]
    found = jax.vmap(function)(*jax.tree.map(lambda *leaves: jnp.stack(leaves), *arguments))
    return [jax.tree.map(lambda leaf: leaf[number], found) for number in range(len(arguments))]


def _mean_of(values: Sequence[jax.Array], weights: Sequence[float]) -> jax.Array:
    return sum(weight * value for weight, value in zip(weights, values, strict=True)) / sum(weights)


def _between(scales: Sequence[jax.Array], weights: Sequence[float]) -> jax.Array:
    return jnp.exp(_mean_of([jnp.log(scale) for scale in scales], weights))


def in_blocks(
    objective: Objective,
    *,
    frames: int,
    overlap: int,
    circular: Objective | None = None,
    at_once: bool = False,
) -> Objective:
    """The mean of the objective over blocks of x's frames, each against the whole target.

    Time and memory then grow with the length of x rather than with its square, and every stretch of a long texture has
    the statistics of the reference by itself. Blocks are worked out one after the other and forgotten, or all at once.

    Args:
      frames: the most frames a block may have.
      overlap: the least frames that neighbours share; receptive field less one, so that no patch falls between two blocks.
      circular: the objective on all of an x whose last frame is followed by its first, where x is no longer than a block;
        a longer one is cut in blocks that go on past its end into its beginning.
      at_once: whether blocks are worked out side by side, for which there must be memory.
    """

    def distance(target, x):
        if len(x) <= frames:
            return (circular or objective).distance(target, x)
        if circular:
            x = jnp.concatenate([x, x[:overlap]])
        size, starts = blocks(len(x), frames=frames, overlap=overlap)
        one_block, cut = (
            functools.partial(objective.distance, target),
            jnp.stack([x[start : start + size] for start in starts]),
        )
        # checkpoint: keeps the blocks alone for the gradient, not every matrix of frames by frames.
        totals, terms = (
            jax.vmap(one_block)(cut) if at_once else jax.lax.map(jax.checkpoint(one_block), cut)
        )
        return jnp.mean(totals), {name: jnp.mean(values) for name, values in terms.items()}

    return Objective(objective.fit, distance)


def blocks(total: int, *, frames: int, overlap: int) -> tuple[int, list[int]]:
    """Size and starts of the fewest equal blocks of at most `frames` that cover `total` frames and share `overlap`."""
    if frames <= overlap:
        raise ValueError(
            f"blocks of {frames} frames must be longer than their overlap of {overlap}."
        )
    if total <= frames:
        return total, [0]
    count = -(-(total - overlap) // (frames - overlap))
    size = -(-(total - overlap) // count) + overlap
    return size, [int(start) for start in np.linspace(0, total - size, count).round()]


def weighted_sum(parts: Mapping[str, tuple[float, Objective]]) -> Objective:
    """Sum of objectives, each times its weight. The terms are named after the parts."""

    def fit(reference):
        return {name: objective.fit(reference) for name, (_, objective) in parts.items()}

    def distance(target, x):
        terms = {
            name: weight * objective.distance(target[name], x)[0]
            for name, (weight, objective) in parts.items()
        }
        return sum(terms.values()), terms

    return Objective(fit, distance)


def mixture(objective: Objective | Sequence[Objective], weights: Sequence[float]) -> Objective:
    """An objective against several references at once: the distances' mean under the weights; fit takes a list.

    Of distances between Grams it is, but for a constant, the distance to the Grams' mean: their barycentre. See `standardised` for
    the units the references are seen in.

    objective: one for all references, or one for each. weights: may be traced.
    """
    alone = isinstance(objective, Objective)

    def fit(references):
        if len(references) != len(weights):
            raise ValueError(f"{len(weights)} weights for {len(references)} references.")
        if alone:
            return _each(objective.fit, list(references))
        return [one.fit(reference) for one, reference in zip(objective, references, strict=True)]

    def distance(targets, x):
        if alone:
            return _mean(
                _each(lambda target: objective.distance(target, x), targets), _shares(weights)
            )
        return _mean(
            [one.distance(target, x) for one, target in zip(objective, targets, strict=True)],
            _shares(weights),
        )

    return Objective(fit, distance)


def _mean(
    found: Sequence[tuple[jax.Array, Terms]], shares: Sequence[float]
) -> tuple[jax.Array, Terms]:
    """Weighted mean of distances and of each of their terms."""
    mean = lambda values: sum(share * value for share, value in zip(shares, values, strict=True))
    return mean([total for total, _ in found]), {
        name: mean([terms[name] for _, terms in found]) for name in found[0][1]
    }


def between(seen: Callable[[Objective], Objective], objective: Objective) -> Objective:
    """The objective between two sounds that are each seen in units of their own; its and this one's fit take (content, style).

    x is seen in the style's units. So what the content is, in units of its own means and deviations, x is to be in units of the
    style's: the one's pattern in time, under the other's spectrum and depth. `seen` puts a view, compression and
    standardisation around an objective.
    """
    # Around an objective that says what it is given, all that is fitted are the units.
    units = seen(Objective(lambda _: (), lambda _, x: x))

    def fit(pair):
        found = [units.fit(sound) for sound in pair]
        return {
            "units": found[1],
            "target": objective.fit(
                [units.distance(own, sound) for own, sound in zip(found, pair, strict=True)]
            ),
        }

    return Objective(
        fit,
        lambda target, x: objective.distance(target["target"], units.distance(target["units"], x)),
    )


def of_first(objective: Objective) -> Objective:
    """The objective fitted to the first of the sounds that its own fit takes: the content."""
    return objective._replace(fit=lambda sounds: objective.fit(sounds[0]))


def of_last(objective: Objective) -> Objective:
    """The objective fitted to the last of the sounds: the style."""
    return objective._replace(fit=lambda sounds: objective.fit(sounds[-1]))


def morph(
    mixed: Callable[[Sequence[float]], Objective],
    weights: Sequence[float],
    morph_to: Sequence[float],
    *,
    size: int,
    overlap: int,
    axis: int,
) -> Objective:
    """A mixture whose weights pass evenly from one to another set over time: guided statistics, block by block.

    x is cut along its axis of time, each block judged by the mixture with the weights of its place, the first by those of the beginning,
    the last by those of the end. (Gatys et al. 2017 guide statistics over all of x by masks; of masks that overlap each would
    be asked for one reference's statistics where half is the other's.)

    Args:
      mixed: weights -> `mixture`.
      size, overlap, axis: of the blocks, see `blocks`.
    """
    ends = [jnp.asarray(shares, jnp.float32) / sum(shares) for shares in (weights, morph_to)]

    def distance(target, x):
        length, starts = blocks(x.shape[axis], frames=size, overlap=overlap)
        places = np.linspace(0, 1, len(starts), dtype=np.float32)[:, None]
        cut = jnp.stack(
            [jax.lax.slice_in_dim(x, start, start + length, axis=axis) for start in starts]
        )
        one_block = jax.checkpoint(lambda block: mixed(list(block[0])).distance(target, block[1]))
        totals, terms = jax.lax.map(
            one_block, ((1 - places) * ends[0][None] + places * ends[1][None], cut)
        )
        return jnp.mean(totals), {name: jnp.mean(values) for name, values in terms.items()}

    return Objective(mixed(weights).fit, distance)


def scaled(objective: Objective, scale: jax.Array) -> Objective:
    """The objective times a number: 1 / its value at the start makes every run begin at 1."""

    def distance(target, x):
        total, terms = objective.distance(target, x)
        return total * scale, {name: term * scale for name, term in terms.items()}

    return Objective(objective.fit, distance)
