"""1-D CNNs with infinitely many random filters, in closed form: no filter is ever drawn.

A filter over K frames of F bins with weights w ~ N(0, s^2) sees the patch p_t at frame t. Over all filters the product of
two frames' ReLU activations has the mean (the arc-cosine kernel of degree one; Cho & Saul, NIPS 2009, Eq. 6)

    k(p, q) = E[relu(w.p) relu(w.q)] = s^2 |p| |q| J(c) / (2 pi),  J(c) = sqrt(1 - c^2) + (pi - arccos c) c,  c = p.q / |p||q|

so all that a statistic such as the Gram needs is a matrix of frames by frames. s^2 is He's 2 / (K F), which keeps the size
of the signal from layer to layer. The patches' products come from one T x T matmul, summed along its diagonals. A further
layer sees the last one's k in place of the frames' products (Daniely et al. 2016; Novak et al. 2019); dilation spaces the
summands, average pooling averages blocks of k. Max pooling has no closed form. There is no padding and no bias.

T frames, F bins.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture.layer import Layer

# Least variance of a frame: at zero the root's slope is infinite and would make gradients NaN; and the square of two
# such frames' product must not underflow.
SILENT = 1e-16


class Kernel(NamedTuple):
    """A sound's kernel with itself.

    Attributes:
      values: [T', T'], E[h_t h_t'] of the last layer's activations h.
      variances: for each layer [T_l], the variances of its activations before the ReLU; what `cross_kernel` needs.
    """

    values: jax.Array
    variances: tuple[jax.Array, ...]


def frame_products(x: jax.Array, y: jax.Array) -> jax.Array:
    """Mean product over bins of every frame of x with every frame of y. [Tx, F], [Ty, F] -> [Tx, Ty]."""
    # Full float32: a distance near convergence is the small difference of large means, and accelerators round more by default.
    return jnp.matmul(x, y.T, precision=jax.lax.Precision.HIGHEST) / x.shape[1]


@jax.custom_vjp
def own_products(x: jax.Array) -> jax.Array:
    """`frame_products` of x with itself, whose gradient takes one matmul in the place of two. [T, F] -> [T, T]."""
    return frame_products(x, x)


def _own_products_backward(x, cotangent):
    return (
        jnp.matmul(cotangent + cotangent.T, x, precision=jax.lax.Precision.HIGHEST) / x.shape[1],
    )


own_products.defvjp(lambda x: (own_products(x), x), _own_products_backward)


def self_kernel(products: jax.Array, layers: Sequence[Layer]) -> Kernel:
    """Kernel of a sound with itself. [T, T] from `frame_products(x, x)` -> `Kernel`."""
    variances = []
    values = products
    for layer in layers:
        covariance = 2 * _diagonal_mean(values, layer)
        variances.append(jnp.diagonal(covariance))
        values = _mean_pool(relu_covariance(covariance, variances[-1], variances[-1]), layer.pool)
    return Kernel(values, tuple(variances))


def cross_kernel(
    products: jax.Array,
    x_variances: Sequence[jax.Array],
    y_variances: Sequence[jax.Array],
    layers: Sequence[Layer],
) -> jax.Array:
    """Kernel between two sounds. [Tx, Ty] from `frame_products(x, y)` and their own kernels' variances -> [Tx', Ty']."""
    values = products
    for layer, x_variance, y_variance in zip(layers, x_variances, y_variances, strict=True):
        covariance = 2 * _diagonal_mean(values, layer)
        values = _mean_pool(relu_covariance(covariance, x_variance, y_variance), layer.pool)
    return values


def gram_gap(
    products: jax.Array,
    powers: jax.Array,
    cross_products: jax.Array,
    y_variances: Sequence[jax.Array],
    layers: Sequence[Layer],
) -> jax.Array:
    """mean_tt' k(x_t, x_t')^2 - 2 mean_tt' k(x_t, y_t')^2: what of the squared distance of two Grams depends on x.

    See `statistics.kernel_gram_distance`.

    Args:
      products: [Tx, Tx], of `own_products`. powers: [Tx], their diagonal.
      cross_products, y_variances, layers: as of `cross_kernel`.
    """
    if len(layers) == 1 and layers[0].pool == 1:
        own, cross = (
            2 * _diagonal_mean(values, layers[0]) for values in (products, cross_products)
        )
        return _relu_gram_gap(own, 2 * _running_mean(powers, layers[0]), cross, y_variances[0])
    kernel = self_kernel(products, layers)
    return jnp.mean(kernel.values**2) - 2 * jnp.mean(
        cross_kernel(cross_products, kernel.variances, y_variances, layers) ** 2
    )


@jax.custom_vjp
def _relu_gram_gap(
    own: jax.Array, x_variance: jax.Array, cross: jax.Array, y_variance: jax.Array
) -> jax.Array:
    """`gram_gap` of one layer: own [Tx, Tx], cross [Tx, Ty] are the covariances before the ReLU, with the variances of x and y.

    Its slopes are written down: half as many compiled kernels as automatic differentiation makes of it, and their number is what compilation takes.
    """
    return _relu_gram_gap_forward(own, x_variance, cross, y_variance)[0]


def _relu_gram_gap_forward(own, x_variance, cross, y_variance):
    # The matrix of x with itself is symmetric: by the second variance its slope is that by the first.
    squares, by_own, by_own_variance, _ = _relu_squares(own, x_variance, x_variance)
    crossed, by_cross, by_cross_variance, by_y_variance = _relu_squares(
        cross, x_variance, y_variance
    )
    return squares - 2 * crossed, (
        by_own,
        2 * by_own_variance - 2 * by_cross_variance,
        -2 * by_cross,
        -2 * by_y_variance,
    )


_relu_gram_gap.defvjp(
    _relu_gram_gap_forward, lambda slopes, cotangent: tuple(cotangent * slope for slope in slopes)
)


def _relu_squares(
    covariance: jax.Array, x_variance: jax.Array, y_variance: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Mean square of `relu_covariance`, and its slopes by the three that it takes."""
    x, y = (jnp.sqrt(jnp.maximum(variance, SILENT)) for variance in (x_variance, y_variance))
    angle, root, cosine = _slopes(covariance / (x[:, None] * y[None]))
    value = x[:, None] * y[None] * (root + angle * cosine)
    by_size = value * root
    # A variance below the floor has no slope.
    by_x, by_y = (
        jnp.where(x_variance > SILENT, by_size @ y / x, 0.0),
        jnp.where(y_variance > SILENT, x @ by_size / y, 0.0),
    )
    return (
        jnp.mean(value**2),
        2 / covariance.size * value * angle,
        by_x / covariance.size,
        by_y / covariance.size,
    )


def content_distance(x: jax.Array, content: jax.Array, layers: Sequence[Layer]) -> jax.Array:
    """Mean squared difference of activations, frame by frame: mean_t k(x_t, x_t) - 2 k(x_t, c_t) + k(c_t, c_t).

    Args:
      x, content: [T, F].
      layers: the network, to its last ReLU and pooling.
    Returns:
      Scalar >= 0: the content loss of Gatys et al. 2016, Eq. 1, as a mean over frames and infinitely many filters.
    """
    if x.shape != content.shape:
        raise ValueError(
            f"x and content must have the same shape, got {x.shape} and {content.shape}."
        )
    if all(layer.pool == 1 for layer in layers):
        return _content_distance_on_diagonal(x, content, layers)
    x_kernel = self_kernel(own_products(x), layers)
    content_kernel = self_kernel(own_products(content), layers)
    cross = cross_kernel(
        frame_products(x, content), x_kernel.variances, content_kernel.variances, layers
    )
    return jnp.mean(
        jnp.diagonal(x_kernel.values)
        - 2 * jnp.diagonal(cross)
        + jnp.diagonal(content_kernel.values)
    )


def _content_distance_on_diagonal(
    x: jax.Array, content: jax.Array, layers: Sequence[Layer]
) -> jax.Array:
    """Frame t of a layer without pooling needs of the last one's kernel only the diagonal: T F operations, no [T, T]."""
    own, cross, other = (
        jnp.mean(product, axis=1) for product in (x * x, x * content, content * content)
    )
    for layer in layers:
        own, cross, other = (2 * _running_mean(values, layer) for values in (own, cross, other))
        size = jnp.sqrt(jnp.maximum(own, SILENT)) * jnp.sqrt(jnp.maximum(other, SILENT))
        # J(1) = pi: of a frame with itself k is half the variance.
        own, cross, other = own / 2, relu_product(cross, size), other / 2
    return jnp.mean(own - 2 * cross + other)


def relu_covariance(
    covariance: jax.Array, x_variance: jax.Array, y_variance: jax.Array
) -> jax.Array:
    """E[relu(u) relu(v)] of jointly Gaussian u, v. [Tx, Ty] and the variances of u [Tx] and v [Ty] -> [Tx, Ty]."""
    size = (
        jnp.sqrt(jnp.maximum(x_variance, SILENT))[:, None]
        * jnp.sqrt(jnp.maximum(y_variance, SILENT))[None]
    )
    return relu_product(covariance, size)


@jax.custom_jvp
def relu_product(covariance: jax.Array, size: jax.Array) -> jax.Array:
    """E[relu(u) relu(v)] = s J(c) / (2 pi) of jointly Gaussian u, v: c = covariance / s, with s, the size, the product of their deviations."""
    return _relu_product_and_slopes(covariance, size)[0]


@relu_product.defjvp
def _relu_product_jvp(primals, tangents):
    value, *slopes = _relu_product_and_slopes(*primals)
    return value, slopes[0] * tangents[0] + slopes[1] * tangents[1]


def _relu_product_and_slopes(
    covariance: jax.Array, size: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Its slopes are exactly (pi - arccos c) / (2 pi) by the covariance and sqrt(1 - c^2) / (2 pi) by the size.

    Differentiating the terms one by one gives inf - inf at c = 1, and several times as many operations.
    """
    angle, root, cosine = _slopes(covariance / size)
    return size * (root + angle * cosine), angle, root


def _slopes(cosine: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Of `relu_product`, by the covariance and by the size, at a cosine; and the cosine in its bounds, past which rounding takes that of a frame with itself."""
    cosine = jnp.clip(cosine, -1.0, 1.0)
    return (
        _angle(cosine) / (2 * np.pi),
        jnp.sqrt(jnp.maximum(1 - cosine * cosine, 0.0)) / (2 * np.pi),
        cosine,
    )


def _angle(cosine: jax.Array) -> jax.Array:
    """pi - arccos(cosine), by the polynomial of Abramowitz & Stegun 4.4.46 (error 2e-8).

    XLA's arccos goes through atan2 and takes most of the time of the whole distance on a CPU.
    """
    size = jnp.abs(cosine)
    polynomial = jnp.full_like(cosine, -0.0012624911)
    for coefficient in (
        0.0066700901,
        -0.0170881256,
        0.0308918810,
        -0.0501743046,
        0.0889789874,
        -0.2145988016,
        1.5707963050,
    ):
        polynomial = polynomial * size + coefficient
    angle = jnp.sqrt(jnp.maximum(1 - size, 0.0)) * polynomial
    return jnp.where(cosine < 0, angle, np.pi - angle)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def _diagonal_mean(values: jax.Array, layer: Layer) -> jax.Array:
    """mean_{i < width} values[t + i d, t' + i d]: [Tx, Ty] -> [Tx - (width - 1) d, Ty - (width - 1) d].

    By doubling: sums over 1, 2, 4 ... taps, of which the width's binary digits pick theirs; log2(width) additions. Its gradient is
    the same of the cotangent between zeros.
    """
    span = (layer.kernel_size - 1) * layer.dilation
    rows, columns = values.shape[0] - span, values.shape[1] - span
    if min(rows, columns) < 1:
        raise ValueError(
            f"{min(values.shape)} frames are fewer than the {span + 1} that a kernel spans."
        )
    total, start, run, taps, left = 0.0, 0, values, 1, layer.kernel_size
    while left:
        if left & 1:
            total = total + run[start : start + rows, start : start + columns]
            start += taps * layer.dilation
        left >>= 1
        if left:
            shift = taps * layer.dilation
            run = run[:-shift, :-shift] + run[shift:, shift:]
            taps *= 2
    return total / layer.kernel_size


_diagonal_mean.defvjp(
    lambda values, layer: (_diagonal_mean(values, layer), None),
    lambda layer, _, cotangent: (
        _diagonal_mean(jnp.pad(cotangent, (layer.kernel_size - 1) * layer.dilation), layer),
    ),
)


def _running_mean(values: jax.Array, layer: Layer) -> jax.Array:
    """mean_{i < width} values[t + i d]: [T] -> [T - (width - 1) d]; `_diagonal_mean` of the diagonal alone."""
    places = len(values) - (layer.kernel_size - 1) * layer.dilation
    if places < 1:
        raise ValueError(
            f"{len(values)} frames are fewer than the {len(values) - places + 1} that a kernel spans."
        )
    return (
        sum(
            values[i * layer.dilation : i * layer.dilation + places]
            for i in range(layer.kernel_size)
        )
        / layer.kernel_size
    )


def _mean_pool(values: jax.Array, pool: int) -> jax.Array:
    """Means of pool x pool blocks; what does not fill a block is left out, as in the explicit network."""
    if pool == 1:
        return values
    rows, columns = values.shape[0] // pool, values.shape[1] // pool
    if min(rows, columns) < 1:
        raise ValueError(
            f"{min(values.shape)} frames are fewer than the {pool} that are pooled into one."
        )
    blocks = values[: rows * pool, : columns * pool].reshape(rows, pool, columns, pool)
    return jnp.mean(blocks, axis=(1, 3))
