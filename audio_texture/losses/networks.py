"""Losses on networks' features of a sound: Grams, transport, content; in closed form or explicit.

T frames, F bins, C channels of a network. Losses on explicit features take [..., C]. Losses in
closed form (`infinite_*`) take spectrograms [T, F] or [T, S, F]; S streams count as more bins.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft

from audio_texture import infinite_width, statistics
from audio_texture.base import Objective
from audio_texture.combinators import flatten_frames, shares
from audio_texture.layer import Layer, receptive_field


def infinite_gram(
    networks: Sequence[Sequence[Layer]],
    *,
    weights: Sequence[float] | None = None,
    relative: bool = True,
    circular: bool = False,
) -> Objective:
    """Gram distance of 1-D CNNs with infinitely many filters, averaged over the networks.

    Separate one-layer networks of several widths do better than one deep network (Antognini,
    Hoffman & Weiss 2019).

    Args:
      networks: the layers of each network; the Gram is that of the last layer's output.
      weights: of the networks in the mean; equal by default.
      relative: divides each network's distance by the mean square of the target's Gram.
      circular: whether x's last frame is followed by its first; the reference is not circular.
    """
    reaches = [receptive_field(layers) - 1 if circular else 0 for layers in networks]
    fractions = shares(weights or [1.0] * len(networks))

    def fit(reference):
        reference = flatten_frames(reference)
        products = infinite_width.frame_gram(reference)
        kernels = [infinite_width.self_kernel(products, layers) for layers in networks]
        return {
            "frames": reference,
            "variances": [kernel.variances for kernel in kernels],
            "sizes": [statistics.kernel_gram_size(kernel.values) for kernel in kernels],
        }

    def distance(target, x):
        frames, x = len(x), flatten_frames(x)
        x = jnp.concatenate([x, x[: max(reaches)]])
        # One matmul serves all networks: they differ only in how they sum along its diagonals.
        products, powers = infinite_width.frame_gram(x), jnp.mean(x * x, axis=1)
        cross_products = infinite_width.frame_products(x, target["frames"])
        total = 0.0
        for layers, fraction, reach, variances, size in zip(
            networks, fractions, reaches, target["variances"], target["sizes"], strict=True
        ):
            n_frames = frames + reach
            x_terms = infinite_width.gram_distance_x_terms(
                products[:n_frames, :n_frames],
                powers[:n_frames],
                cross_products[:n_frames],
                variances,
                layers,
            )
            total += fraction * (x_terms + size) / (size if relative else 1.0)
        return total, {"gram": total}

    return Objective(fit, distance)


def infinite_content(
    networks: Sequence[Sequence[Layer]],
    *,
    weights: Sequence[float] | None = None,
    relative: bool = True,
) -> Objective:
    """Distance of activations from the content's, frame by frame, for infinitely many filters.

    The mean of `infinite_width.content_distance` over 1-D CNNs; x has as many frames as the
    content.

    Args:
      networks: as in `infinite_gram`.
      weights: as in `infinite_gram`.
      relative: divides by the mean square of the content's own activations.
    """
    fractions = shares(weights or [1.0] * len(networks))

    def fit(content):
        content = flatten_frames(content)
        # The distance of silence, whose activations are zero, is the content's mean square.
        sizes = [
            infinite_width.content_distance(jnp.zeros_like(content), content, layers)
            for layers in networks
        ]
        return {"frames": content, "sizes": sizes if relative else [1.0] * len(networks)}

    def distance(target, x):
        x = flatten_frames(x)
        distances = [
            infinite_width.content_distance(x, target["frames"], layers) for layers in networks
        ]
        total = sum(
            fraction * value / size
            for fraction, value, size in zip(fractions, distances, target["sizes"], strict=True)
        )
        return total, {"content": total}

    return Objective(fit, distance)


def gram(*, relative: bool = True, form: str = "auto", shift: float = 0.0) -> Objective:
    """Gram distance of features [..., C] (Gatys, Ecker & Bethge 2015).

    Args:
      relative: divides the distance by the mean square of the target's own Gram.
      form: "direct" compares Grams [C, C], "frames" works with frames x frames, "auto" takes
        whichever costs less at the target's length.
      shift: added to the features. Novak & Nikulin 2016 use -1, because the many zeros after a
        ReLU make the Gram sparse.

    Example:
      >>> objective = gram()
      >>> y = jnp.eye(4)[:, :2]
      >>> total, terms = objective.distance(objective.fit(y), y[::-1])
      >>> float(total), list(terms)  # a Gram ignores the order of frames
      (0.0, ['gram'])
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
    """Distance between products of one layer's features with the next layer's.

    Novak & Nikulin 2016. It takes pairs of features, fine [..., C] and coarse [..., D], and
    compares which fine patterns occur together with which coarse ones. Fine features are averaged
    over the positions that one coarse position covers.

    Args:
      relative: as in `gram`.
      shift: as in `gram`.
    """

    def products(pair):
        fine, coarse = pair
        # Fine positions at the ends, beyond the coarse layer's unpadded kernels, are cut.
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
    """Squared difference of each bin's Gram over time, divided by the target's sum of squares.

    It takes features [T, ..., F, C] of 2-D networks (Caracalla & Roebel 2019, their H). A Gram over
    all positions forgets at which frequency a pattern was; these Grams keep it.
    """

    def grams(y):
        return jnp.einsum("t...c,t...d->...cd", y, y, precision=jax.lax.Precision.HIGHEST) / len(y)

    def distance(target, x):
        total = jnp.sum((grams(x) - target) ** 2) / jnp.sum(target**2)
        return total, {"gram": total}

    return Objective(grams, distance)


def feature_autocorrelation(*, lags: tuple[int, int]) -> Objective:
    """Relative squared difference of the autocorrelation of each feature [T, C], for rhythm.

    Antognini, Hoffman & Weiss 2019, whose autocorrelation is circular; this one is not.

    Args:
      lags: shortest and longest lag, in frames; at most half of the shorter sound is used.
    """

    def measure(y):
        shortest, longest = lags
        longest = min(longest, len(y) // 2)
        return statistics.autocorrelation(y, longest)[min(shortest, longest) - 1 :]

    def distance(target, x):
        values = measure(x)
        common = min(len(values), len(target))
        total = jnp.sum((values[:common] - target[:common]) ** 2) / jnp.sum(target[:common] ** 2)
        return total, {"autocorrelation": total}

    return Objective(measure, distance)


def diversity() -> Objective:
    """Similarity of features [T, C] to the reference's at the best time shift; it penalises copies.

    max_s sum y^2 / sum (x_t - y_{t+s})^2 (Antognini, Hoffman & Weiss 2019): large near a copy,
    about 1/2 far from one. Shifts are circular, after the shorter sound is padded with zeros.
    """

    def distance(target, x):
        size = scipy.fft.next_fast_len(max(len(x), len(target)), real=True)
        products = jnp.sum(
            jnp.conj(jnp.fft.rfft(x, size, axis=0)) * jnp.fft.rfft(target, size, axis=0), axis=1
        )
        energy = jnp.sum(target**2)
        squared_distances = jnp.sum(x**2) + energy - 2 * jnp.fft.irfft(products, size)
        total = energy / jnp.maximum(jnp.min(squared_distances), 1e-3 * energy)
        return total, {"diversity": total}

    return Objective(lambda y: y, distance)


def gaussian_transport() -> Objective:
    """Squared 2-Wasserstein distance of Gaussians fitted to features [T, ..., F, C], mean over C.

    The frames of each channel [T, F] count as samples of a Gaussian with one mean for all bins and
    a covariance [F, F], as in Vacher et al. 2020:

        W^2 = (m_x - m_y)^2 + tr S_x + tr S_y - 2 |X S_y^(1/2)|_*

    with X the centred frames over sqrt(T); |.|_* is the nuclear norm, which equals
    tr (S_y^(1/2) S_x S_y^(1/2))^(1/2). Features [T, C] count as one channel with C bins. Differs:
    covariances are divided by T, so that lengths may differ, and the result by the target's tr S_y.
    """

    def moments(y):
        maps = jnp.moveaxis(y, -1, 0).reshape(y.shape[-1], len(y), -1) if y.ndim > 2 else y[None]
        means = jnp.mean(maps, axis=(1, 2))
        return means, (maps - means[:, None, None]) / np.sqrt(maps.shape[1])

    def fit(y):
        means, frames = moments(y)
        # One channel after the other: of several batches at once each waits for threads of the pool
        # that the others hold, and on two cores none ends.
        decompose = functools.partial(jnp.linalg.svd, full_matrices=False)
        _, values, directions = jax.lax.map(decompose, frames)
        root = jnp.einsum("mrf,mr,mrg->mfg", directions, values, directions)
        return {"means": means, "root": root, "trace": jnp.sum(frames**2, axis=(1, 2))}

    def distance(target, x):
        means, frames = moments(x)
        cross = jax.lax.map(
            lambda pair: statistics.nuclear_norm(pair[0] @ pair[1]), (frames, target["root"])
        )
        gaps = (
            (means - target["means"]) ** 2
            + jnp.sum(frames**2, axis=(1, 2))
            + target["trace"]
            - 2 * cross
        )
        total = jnp.mean(gaps) / jnp.mean(target["trace"])
        return total, {"transport": total}

    return Objective(fit, distance)


def content(*, relative: bool = True) -> Objective:
    """Mean squared difference of features [...] of equal shapes, position by position.

    Gatys, Ecker & Bethge 2016, Eq. 1, as a mean. relative: divides by the content's mean square.

    Example:
      >>> float(content().distance(jnp.array([2.0, 0.0]), jnp.array([1.0, 0.0]))[0])
      0.25
    """

    def distance(target, x):
        if x.shape != target.shape:
            raise ValueError(
                f"x and content must have the same shape, got {x.shape} and {target.shape}."
            )
        total = jnp.mean((x - target) ** 2) / (jnp.mean(target**2) if relative else 1.0)
        return total, {"content": total}

    return Objective(lambda y: y, distance)
