"""What is matched: statistics of features over time, and distances between them.

T frames, C features. Features [..., C] with several axes of positions (a 2-D network's frames and bins) stand for [T, C]
with every position a frame.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft


def gram(features: jax.Array) -> jax.Array:
    """Mean over frames of the products of all pairs of features: [T, C] -> [C, C]. The order of frames does not matter.

    Gatys, Ecker & Bethge 2015, Eq. 2, divided by the number of frames so that sounds of other lengths can be compared.
    """
    features = _by_position(features)
    return jnp.matmul(features.T, features, precision=jax.lax.Precision.HIGHEST) / features.shape[0]


def gram_distance(x_gram: jax.Array, y_gram: jax.Array) -> jax.Array:
    """Mean squared difference of two Grams [C, C]: the authors' style loss without its weight."""
    return jnp.mean((x_gram - y_gram) ** 2)


def feature_kernel(x: jax.Array, y: jax.Array) -> jax.Array:
    """Mean product over features of every frame of x with every frame of y: [Tx, C], [Ty, C] -> [Tx, Ty]."""
    return (
        jnp.matmul(_by_position(x), _by_position(y).T, precision=jax.lax.Precision.HIGHEST)
        / x.shape[-1]
    )


def _by_position(features: jax.Array) -> jax.Array:
    return features.reshape(-1, features.shape[-1])


def kernel_gram_size(kernel: jax.Array) -> jax.Array:
    """Mean square of a Gram, from the frames' kernel alone: mean_cc' G_cc'^2 = mean_tt' k(t, t')^2."""
    return jnp.mean(kernel**2)


def kernel_gram_distance(
    x_kernel: jax.Array, cross_kernel: jax.Array, y_size: jax.Array
) -> jax.Array:
    """`gram_distance` without the Grams: a maximum mean discrepancy with the kernel k^2 (Li et al., IJCAI 2017).

    mean_cc' (G^x - G^y)^2 = mean_tt' k(x_t, x_t')^2 - 2 mean_tt' k(x_t, y_t')^2 + mean_tt' k(y_t, y_t')^2

    With `feature_kernel` it equals `gram_distance` and is cheaper where frames are fewer than features; with the kernels
    of infinite_width.py it is the only form there is.

    Args:
      x_kernel: [Tx, Tx]. cross_kernel: [Tx, Ty]. y_size: `kernel_gram_size` of the target.
    """
    return kernel_gram_size(x_kernel) - 2 * jnp.mean(cross_kernel**2) + y_size


def frames_are_cheaper(x_frames: int, y_frames: int, features: int) -> bool:
    """Whether T x T products cost less than Grams: multiplications of the forward pass, and so of the gradient."""
    return x_frames * (x_frames + y_frames) < features * (x_frames + features)


def autocorrelation(x: jax.Array, lags: int) -> jax.Array:
    """mean_t x_t x_{t + lag}, for lags from 1: [T, ...] -> [lags, ...]. Not circular; no mean is taken off."""
    frames = len(x)
    if not 1 <= lags < frames:
        raise ValueError(f"lags must be from 1 to below the {frames} frames, got {lags}.")
    # Zeros as long as the longest lag keep the end from meeting the beginning.
    spectrum = jnp.fft.rfft(x, scipy.fft.next_fast_len(frames + lags, real=True), axis=0)
    products = jnp.fft.irfft(
        jnp.real(spectrum) ** 2 + jnp.imag(spectrum) ** 2,
        scipy.fft.next_fast_len(frames + lags, real=True),
        axis=0,
    )
    counts = frames - np.arange(1, lags + 1, dtype=np.float32)
    return products[1 : lags + 1] / counts.reshape((-1,) + (1,) * (x.ndim - 1))


def sorted_projections(
    x: jax.Array, directions: Sequence[np.ndarray], *, quantiles: int = 200
) -> jax.Array:
    """Quantiles of patches along directions, whose mean squared differences are a sliced 2-Wasserstein distance.

    Args:
      x: [T, F].
      directions: for patches of each of W widths in frames [width * F, S], of unit length, frame after frame.
      quantiles: how many, so that sounds of other lengths can be compared.
    Returns:
      [W, S, quantiles].
    """
    counts = [len(x) - len(along) // x.shape[1] + 1 for along in directions]
    found = [
        along.T @ _patches(x, len(x) - count + 1).T
        for along, count in zip(directions, counts, strict=True)
    ]
    # Side by side, for one sort: above all of its patches a width has places that no quantile takes.
    filled = [
        jnp.pad(values, ((0, 0), (0, len(x) - count)), constant_values=_ABOVE_ALL)
        for values, count in zip(found, counts, strict=True)
    ]
    return jnp.matmul(
        ascending(jnp.stack(filled)),
        _quantile_weights(np.array(counts), len(x), quantiles),
        precision=jax.lax.Precision.HIGHEST,
    )


def sorted_patches(
    x: np.ndarray, directions: np.ndarray, *, step: int = 1, quantiles: int = 0
) -> np.ndarray:
    """As `sorted_projections`, of one width and in NumPy, for what has no gradient.

    Args:
      x: [T, F]. directions: [width * F, S], frame after frame.
      step: from patch to patch, in frames.
      quantiles: how many; 0 is every patch.
    Returns:
      [quantiles, S] or [1 + (T - width) // step, S], rising.
    """
    width = len(directions) // x.shape[1]
    count = 1 + (len(x) - width) // step
    # Frame by frame: patches side by side would be `width` times as much memory.
    found = sum(
        x[i : i + 1 + (count - 1) * step : step] @ of_frame
        for i, of_frame in enumerate(directions.reshape(width, x.shape[1], -1))
    )
    found.sort(axis=0)
    if not quantiles:
        return found
    places = np.clip((np.arange(quantiles) + 0.5) / quantiles * len(found) - 0.5, 0, len(found) - 1)
    below = places.astype(int)
    share = (places - below)[:, None]
    return (1 - share) * found[below] + share * found[np.minimum(below + 1, len(found) - 1)]


@jax.custom_vjp
def ascending(x: jax.Array) -> jax.Array:
    """float32 values sorted along the last axis; of equal ones each has the slope midway between that of the first and of the last.

    On a CPU XLA takes five times as long to sort floats as integers, and for a gradient sorts indices along with them.
    """
    # Bits of floats are in the order of integers, but for those of negative ones, which are in the opposite order.
    swapped = lambda bits: bits ^ ((bits >> 31) & 0x7FFFFFFF)
    bits = jax.lax.sort(swapped(jax.lax.bitcast_convert_type(x, jnp.int32)))
    return jax.lax.bitcast_convert_type(swapped(bits), jnp.float32)


def _ascending_backward(values, cotangent):
    x, found = values

    def of_row(row, found, cotangent):
        first, last = jnp.searchsorted(found, row), jnp.searchsorted(found, row, side="right") - 1
        # A NaN stands nowhere; the loss is one by then.
        return (cotangent[first] + cotangent[jnp.maximum(last, 0)]) / 2

    rows = (leaf.reshape(-1, x.shape[-1]) for leaf in (x, found, cotangent))
    return (jax.vmap(of_row)(*rows).reshape(x.shape),)


ascending.defvjp(lambda x: (ascending(x), (x, ascending(x))), _ascending_backward)


def _patches(x: jax.Array, width: int) -> jax.Array:
    """Frames and those after them, side by side: [T, F] -> [T - width + 1, width * F]. By doubling, which is fewer operations, of the gradient too."""
    if width == 1:
        return x
    half = width // 2
    halves = _patches(x, half)
    doubled = jnp.concatenate([halves[: len(halves) - half], halves[half:]], axis=1)
    return (
        doubled
        if width % 2 == 0
        else jnp.concatenate([doubled[: len(x) - width + 1], x[width - 1 :]], axis=1)
    )


# Finite, as times 0 it must be 0.
_ABOVE_ALL = 1e30


def _quantile_weights(counts: np.ndarray, rows: int, quantiles: int) -> jax.Array:
    """[W, rows, quantiles] that take quantiles from the first of sorted values, counts [W], by linear interpolation, float32.

    A matrix: which values a quantile lies between is known before them, and a gather has a scatter as its gradient. Worked out
    where it is used, as a constant it would be 60 MB of the program for ten minutes of sound.
    """
    counts = counts[:, None]
    places = np.clip((np.arange(quantiles) + 0.5) / quantiles * counts - 0.5, 0, counts - 1)[
        :, None
    ]
    below = np.floor(places).astype(np.int32)
    share, index = (places - below).astype(np.float32), jnp.arange(rows)[None, :, None]
    return jnp.where(index == below, 1 - share, 0.0) + jnp.where(index == below + 1, share, 0.0)


@jax.custom_vjp
def nuclear_norm(x: jax.Array) -> jax.Array:
    """Sum of the singular values of [M, N]."""
    return jnp.sum(jnp.linalg.svd(x, compute_uv=False))


def _nuclear_norm_forward(x):
    left, values, right = jnp.linalg.svd(x, full_matrices=False)
    # The subgradient of least norm: directions without any size have none. That of the SVD itself divides by gaps.
    polar = (left * (values > 1e-6 * values[0])[None]) @ right
    return jnp.sum(values), polar


nuclear_norm.defvjp(_nuclear_norm_forward, lambda polar, cotangent: (cotangent * polar,))
