"""Statistics of features over time, and distances between them.

T frames, C features, F bins, S directions, W widths of patches. Features [..., C] with several axes
of positions (the frames and bins of a 2-D network) stand for [T, C]: every position counts as a
frame.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft


def gram(features: jax.Array) -> jax.Array:
    """Returns the mean over frames of the products of all pairs of features: [T, C] -> [C, C].

    Gatys, Ecker & Bethge 2015, Eq. 2, divided by the number of frames, so that sounds of different
    lengths can be compared. The order of frames does not matter.

    Example:
      >>> gram(jnp.array([[1.0, 2.0], [3.0, 0.0]])).tolist()
      [[5.0, 1.0], [1.0, 2.0]]
    """
    features = _by_position(features)
    return jnp.matmul(features.T, features, precision=jax.lax.Precision.HIGHEST) / features.shape[0]


def gram_distance(x_gram: jax.Array, y_gram: jax.Array) -> jax.Array:
    """Returns the mean squared difference of two Grams [C, C]: the authors' style loss without its
    weight.

    Example:
      >>> float(gram_distance(jnp.eye(2), jnp.zeros((2, 2))))
      0.5
    """
    return jnp.mean((x_gram - y_gram) ** 2)


def feature_kernel(x: jax.Array, y: jax.Array) -> jax.Array:
    """Returns the mean product over features of each pair of frames: [Tx, C], [Ty, C] -> [Tx, Ty].

    Example:
      >>> feature_kernel(jnp.array([[1.0, 3.0]]), jnp.eye(2)).tolist()
      [[0.5, 1.5]]
    """
    return (
        jnp.matmul(_by_position(x), _by_position(y).T, precision=jax.lax.Precision.HIGHEST)
        / x.shape[-1]
    )


def _by_position(features: jax.Array) -> jax.Array:
    return features.reshape(-1, features.shape[-1])


def kernel_gram_size(kernel: jax.Array) -> jax.Array:
    """Returns the mean square of a Gram from the frames' kernel [T, T] alone:
    mean_cc' G_cc'^2 = mean_tt' k(t, t')^2.

    Example:
      >>> float(kernel_gram_size(jnp.eye(2)))
      0.5
    """
    return jnp.mean(kernel**2)


def kernel_gram_distance(
    x_kernel: jax.Array, cross_kernel: jax.Array, y_size: jax.Array
) -> jax.Array:
    """Returns `gram_distance` without the Grams: a maximum mean discrepancy with the kernel k^2 (Li
    et al., IJCAI 2017).

    mean_cc' (G^x - G^y)^2
        = mean_tt' k(x_t, x_t')^2 - 2 mean_tt' k(x_t, y_t')^2 + mean_tt' k(y_t, y_t')^2

    With `feature_kernel` it equals `gram_distance` and is cheaper if there are fewer frames than
    features. For the kernels of infinite_width.py this is the only form.

    Args:
      x_kernel: [Tx, Tx].
      cross_kernel: [Tx, Ty].
      y_size: `kernel_gram_size` of the target.
    Example:
      >>> x, y = jnp.array([[1.0, 2.0]]), jnp.array([[0.0, 1.0]])
      >>> y_size = kernel_gram_size(feature_kernel(y, y))
      >>> float(kernel_gram_distance(feature_kernel(x, x), feature_kernel(x, y), y_size))
      4.5
      >>> float(gram_distance(gram(x), gram(y)))
      4.5
    """
    return kernel_gram_size(x_kernel) - 2 * jnp.mean(cross_kernel**2) + y_size


def frames_are_cheaper(x_frames: int, y_frames: int, features: int) -> bool:
    """Says whether products of frames take fewer multiplications than Grams, forward and backward.

    Example:
      >>> frames_are_cheaper(10, 10, features=100), frames_are_cheaper(100, 100, features=10)
      (True, False)
    """
    return x_frames * (x_frames + y_frames) < features * (x_frames + features)


def autocorrelation(x: jax.Array, lags: int) -> jax.Array:
    """Returns mean_t x_t x_{t + lag} for lags from 1: [T, ...] -> [lags, ...].

    It is not circular, and no mean is subtracted. Raises ValueError for lags out of range.

    Example:
      >>> np.round(np.array(autocorrelation(jnp.array([1.0, 2.0, 3.0]), 2)), 3).tolist()
      [4.0, 3.0]
    """
    frames = len(x)
    if not 1 <= lags < frames:
        raise ValueError(f"lags must be from 1 to below the {frames} frames, got {lags}.")
    # Padded with as many zeros as the longest lag, so that the end does not meet the beginning.
    length = scipy.fft.next_fast_len(frames + lags, real=True)
    spectrum = jnp.fft.rfft(x, length, axis=0)
    powers = jnp.real(spectrum) ** 2 + jnp.imag(spectrum) ** 2
    products = jnp.fft.irfft(powers, length, axis=0)
    counts = frames - np.arange(1, lags + 1, dtype=np.float32)
    return products[1 : lags + 1] / counts.reshape((-1,) + (1,) * (x.ndim - 1))


def random_directions(
    size: int, count: int, *, seed: int, dtype: type = np.float64, unit_length: bool = True
) -> np.ndarray:
    """Returns fixed random directions that patches are projected on: [size, count].

    Args:
      size: numbers in a patch.
      count: of directions.
      seed: the same seed gives the same directions.
      dtype: of the normal draws.
      unit_length: divides each direction by its length; otherwise by the root of the size, its
        expected length.
    Example:
      >>> np.linalg.norm(random_directions(6, 2, seed=0), axis=0).round(6).tolist()
      [1.0, 1.0]
    """
    draws = np.random.default_rng(seed).standard_normal((size, count), dtype)
    return draws / (np.linalg.norm(draws, axis=0) if unit_length else np.sqrt(size))


def sorted_projections(
    x: jax.Array, directions: Sequence[np.ndarray], *, quantiles: int = 200
) -> jax.Array:
    """Returns quantiles of patches projected on directions; the mean squared difference between
    those of two sounds is a sliced 2-Wasserstein distance.

    Args:
      x: [T, F].
      directions: W arrays [width * F, S], one for each width of the patches in frames. A column is
        a unit vector over a patch flattened frame after frame.
      quantiles: their number, the same for sounds of different lengths.
    Returns:
      [W, S, quantiles].
    Example:
      >>> x = jnp.array([[3.0], [1.0], [2.0]])
      >>> sorted_projections(x, [np.ones((1, 1), np.float32)], quantiles=3).tolist()
      [[[1.0, 2.0, 3.0]]]
    """
    counts = [len(x) - len(matrix) // x.shape[1] + 1 for matrix in directions]
    projections = [
        matrix.T @ _patches(x, len(x) - count + 1).T
        for matrix, count in zip(directions, counts, strict=True)
    ]
    # Padded to one length, for a single sort: the padding sorts behind all patches, where no
    # quantile lies.
    padded = [
        jnp.pad(values, ((0, 0), (0, len(x) - count)), constant_values=_PAD_VALUE)
        for values, count in zip(projections, counts, strict=True)
    ]
    return jnp.matmul(
        sort(jnp.stack(padded)),
        _quantile_weights(np.array(counts), len(x), quantiles),
        precision=jax.lax.Precision.HIGHEST,
    )


def sorted_patches(
    x: np.ndarray, directions: np.ndarray, *, step: int = 1, quantiles: int = 0
) -> np.ndarray:
    """Returns what `sorted_projections` does for one width, in NumPy, where no gradient is needed.

    Args:
      x: [T, F].
      directions: [width * F, S], frame after frame.
      step: from patch to patch, in frames.
      quantiles: their number; 0 returns the value of every patch.
    Returns:
      [quantiles, S] or [1 + (T - width) // step, S], ascending.
    Example:
      >>> sorted_patches(np.array([[3.0], [1.0], [2.0]]), np.ones((2, 1))).tolist()
      [[3.0], [4.0]]
    """
    width = len(directions) // x.shape[1]
    count = 1 + (len(x) - width) // step
    # Summed over the frames of a patch: patches side by side take `width` times as much memory.
    products = (
        x[i : i + 1 + (count - 1) * step : step] @ frame_directions
        for i, frame_directions in enumerate(directions.reshape(width, x.shape[1], -1))
    )
    values = functools.reduce(np.add, products)
    values.sort(axis=0)
    if not quantiles:
        return values
    last = len(values) - 1
    places = np.clip((np.arange(quantiles) + 0.5) / quantiles * len(values) - 0.5, 0, last)
    below = places.astype(int)
    fraction = (places - below)[:, None]
    return (1 - fraction) * values[below] + fraction * values[np.minimum(below + 1, last)]


@jax.custom_vjp
def sort(x: jax.Array) -> jax.Array:
    """Returns float32 values in ascending order along the last axis.

    XLA on a CPU takes five times as long to sort floats as integers, and for a gradient it sorts
    indices too. Values that are equal share a gradient: the mean of the cotangents at the first and
    the last place that they take.

    Example:
      >>> sort(jnp.array([2.0, -1.0, 0.5])).tolist()
      [-1.0, 0.5, 2.0]
    """
    bits = jax.lax.sort(_as_ordered_bits(x))
    return jax.lax.bitcast_convert_type(_flip_negative(bits), jnp.float32)


def _as_ordered_bits(x: jax.Array) -> jax.Array:
    """Integers in the order of float32 values."""
    return _flip_negative(jax.lax.bitcast_convert_type(x, jnp.int32))


def _flip_negative(bits: jax.Array) -> jax.Array:
    """Maps the bits of floats to integers of the same order, and back: the bits of negative floats
    are in the opposite order.
    """
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)


def _sort_forward(x):
    return sort(x), (x, sort(x))


def _sort_backward(residuals, cotangent):
    x, in_order = residuals

    def row_gradient(row, in_order, cotangent):
        # One search for both ends of a run of equal values: the last is where the next integer is
        # first, less one.
        both = jnp.searchsorted(in_order, jnp.concatenate([row, row + 1]))
        first, last = both[: len(row)], both[len(row) :] - 1
        # A NaN has no place in the order; the loss is then NaN too.
        return (cotangent[first] + cotangent[jnp.maximum(last, 0)]) / 2

    leaves = (_as_ordered_bits(x), _as_ordered_bits(in_order), cotangent)
    rows = (leaf.reshape(-1, x.shape[-1]) for leaf in leaves)
    return (jax.vmap(row_gradient)(*rows).reshape(x.shape),)


sort.defvjp(_sort_forward, _sort_backward)


def _patches(x: jax.Array, width: int) -> jax.Array:
    """Returns every frame beside the width - 1 after it: [T, F] -> [T - width + 1, width * F].

    Patches of twice the width are two patches side by side, which takes fewer operations, also in
    the gradient.
    """
    if width == 1:
        return x
    half = width // 2
    halves = _patches(x, half)
    doubled = jnp.concatenate([halves[: len(halves) - half], halves[half:]], axis=1)
    if width % 2 == 0:
        return doubled
    return jnp.concatenate([doubled[: len(x) - width + 1], x[width - 1 :]], axis=1)


# Larger than any feature, but finite: a weight of 0 times it is 0.
_PAD_VALUE = 1e30


def _quantile_weights(counts: np.ndarray, rows: int, quantiles: int) -> jax.Array:
    """Returns matrices [W, rows, quantiles] float32 that interpolate quantiles linearly between
    sorted values, of which only the first counts[w] are not padding.

    They are matrices because the gradient of a gather would be a scatter. They are computed in the
    traced program because as a constant they would be 60 MB for ten minutes of sound.
    """
    counts = counts[:, None]
    places = np.clip((np.arange(quantiles) + 0.5) / quantiles * counts - 0.5, 0, counts - 1)
    places = places[:, None]
    below = np.floor(places).astype(np.int32)
    fraction, index = (places - below).astype(np.float32), jnp.arange(rows)[None, :, None]
    at_below = jnp.where(index == below, 1 - fraction, 0.0)
    return at_below + jnp.where(index == below + 1, fraction, 0.0)


@jax.custom_vjp
def nuclear_norm(x: jax.Array) -> jax.Array:
    """Returns the sum of the singular values of a matrix [M, N].

    Example:
      >>> float(nuclear_norm(jnp.diag(jnp.array([1.0, 2.0]))))
      3.0
    """
    return jnp.sum(jnp.linalg.svd(x, compute_uv=False))


def _nuclear_norm_forward(x):
    left, values, right = jnp.linalg.svd(x, full_matrices=False)
    # The subgradient of least norm, which is 0 along directions of size 0. The gradient of the SVD
    # divides by the gaps between singular values.
    polar = (left * (values > 1e-6 * values[0])[None]) @ right
    return jnp.sum(values), polar


def _nuclear_norm_backward(polar, cotangent):
    return (cotangent * polar,)


nuclear_norm.defvjp(_nuclear_norm_forward, _nuclear_norm_backward)
