"""1-D CNNs with infinitely many random filters, in closed form: no filter is ever drawn.

A filter over K frames of F bins with weights w ~ N(0, s^2) is applied to the patch p_t at frame t.
Over all filters, the product of two frames' ReLU activations has the mean (the arc-cosine kernel of
degree one; Cho & Saul, NIPS 2009, Eq. 6)

    k(p, q) = E[relu(w.p) relu(w.q)] = s^2 |p| |q| J(c) / (2 pi),
    J(c) = sqrt(1 - c^2) + (pi - arccos c) c,  c = p.q / |p||q|

so a statistic such as the Gram needs no more than a matrix of frames by frames. s^2 is He's
2 / (K F), which keeps the size of the signal from layer to layer. The patches' products come from
one T x T matmul, summed along its diagonals. A further layer takes the last layer's k in place of
the frames' products (Daniely et al. 2016; Novak et al. 2019). Dilation spaces the summands, average
pooling averages blocks of k. Max pooling has no closed form. There is no padding and no bias.

T frames, F bins, T_l frames of layer l (convolution shortens, pooling divides).
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture.layer import Layer

# Least variance of a frame: at zero the root's derivative is infinite and would make gradients NaN.
# The square of the product of two such frames must not underflow.
SILENT = 1e-16


class Kernel(NamedTuple):
    """A sound's kernel with itself.

    Attributes:
      values: [T', T'], E[h_t h_s] over filters of the last layer's activations h at frames t and s.
      variances: for each layer [T_l], the variances of its activations before the ReLU, which
        `cross_kernel` takes.
    """

    values: jax.Array
    variances: tuple[jax.Array, ...]


def frame_products(x: jax.Array, y: jax.Array) -> jax.Array:
    """Returns the mean product over bins of each pair of frames. [Tx, F], [Ty, F] -> [Tx, Ty].

    Example:
      >>> frame_products(jnp.array([[1.0, 3.0]]), jnp.eye(2)).tolist()
      [[0.5, 1.5]]
    """
    # Full float32: near convergence a distance is the small difference of large means, and GPUs
    # round more by default.
    return jnp.matmul(x, y.T, precision=jax.lax.Precision.HIGHEST) / x.shape[1]


@jax.custom_vjp
def frame_gram(x: jax.Array) -> jax.Array:
    """Returns `frame_products` of x with itself; its gradient takes one matmul instead of two.

    [T, F] -> [T, T].

    Example:
      >>> frame_gram(jnp.array([[1.0, 3.0]])).tolist()
      [[5.0]]
    """
    return frame_products(x, x)


def _frame_gram_forward(x):
    return frame_gram(x), x


def _frame_gram_backward(x, cotangent):
    symmetric = cotangent + cotangent.T
    return (jnp.matmul(symmetric, x, precision=jax.lax.Precision.HIGHEST) / x.shape[1],)


frame_gram.defvjp(_frame_gram_forward, _frame_gram_backward)


def self_kernel(products: jax.Array, layers: Sequence[Layer]) -> Kernel:
    """Returns the kernel of a sound with itself. [T, T] of `frame_gram` -> `Kernel`.

    Example:
      >>> layer = Layer(kernel_size=1)
      >>> self_kernel(jnp.array([[5.0]]), [layer]).values.tolist()
      [[5.0]]
    """
    variances = []
    values = products
    for layer in layers:
        covariance = 2 * diagonal_mean(values, layer)
        variances.append(jnp.diagonal(covariance))
        values = _mean_pool(relu_covariance(covariance, variances[-1], variances[-1]), layer.pool)
    return Kernel(values, tuple(variances))


def cross_kernel(
    products: jax.Array,
    x_variances: Sequence[jax.Array],
    y_variances: Sequence[jax.Array],
    layers: Sequence[Layer],
) -> jax.Array:
    """Returns the kernel between two sounds.

    Args:
      products: [Tx, Ty], of `frame_products(x, y)`.
      x_variances: of the `Kernel` of x.
      y_variances: of the `Kernel` of y.
      layers: the network.
    Returns:
      [Tx', Ty'], the frames left of either sound after the last layer.
    Example:
      >>> layers, products = [Layer(kernel_size=1)], jnp.array([[5.0]])
      >>> variances = self_kernel(products, layers).variances
      >>> cross_kernel(products, variances, variances, layers).tolist()
      [[5.0]]
    """
    values = products
    for layer, x_variance, y_variance in zip(layers, x_variances, y_variances, strict=True):
        covariance = 2 * diagonal_mean(values, layer)
        values = _mean_pool(relu_covariance(covariance, x_variance, y_variance), layer.pool)
    return values


def gram_distance_x_terms(
    products: jax.Array,
    powers: jax.Array,
    cross_products: jax.Array,
    y_variances: Sequence[jax.Array],
    layers: Sequence[Layer],
) -> jax.Array:
    """Returns the terms of the squared distance of two Grams that depend on x,
    mean_tt' k(x_t, x_t')^2 - 2 mean_tt' k(x_t, y_t')^2.

    See `statistics.kernel_gram_distance`.

    Args:
      products: [Tx, Tx], of `frame_gram`.
      powers: [Tx], the diagonal of `products`.
      cross_products: [Tx, Ty], of `frame_products(x, y)`.
      y_variances: of the `Kernel` of y.
      layers: the network.
    """
    if len(layers) == 1 and layers[0].pool == 1:
        layer = layers[0]
        own, cross = (2 * diagonal_mean(values, layer) for values in (products, cross_products))
        return _relu_x_terms(own, 2 * diagonal_mean(powers, layer), cross, y_variances[0])
    kernel = self_kernel(products, layers)
    return jnp.mean(kernel.values**2) - 2 * jnp.mean(
        cross_kernel(cross_products, kernel.variances, y_variances, layers) ** 2
    )


@jax.custom_vjp
def _relu_x_terms(
    own: jax.Array, x_variance: jax.Array, cross: jax.Array, y_variance: jax.Array
) -> jax.Array:
    """Returns `gram_distance_x_terms` of one layer: own [Tx, Tx] and cross [Tx, Ty] are the
    covariances before the ReLU, with the variances of x and y.

    The partial derivatives are written out: automatic differentiation makes twice as many compiled
    kernels, and compilation time grows with their number.
    """
    return _relu_x_terms_forward(own, x_variance, cross, y_variance)[0]


def _relu_x_terms_forward(own, x_variance, cross, y_variance):
    # The matrix of x with itself is symmetric: its derivatives by both variances are equal.
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


def _relu_x_terms_backward(partial_derivatives, cotangent):
    return tuple(cotangent * partial for partial in partial_derivatives)


_relu_x_terms.defvjp(_relu_x_terms_forward, _relu_x_terms_backward)


def _relu_squares(
    covariance: jax.Array, x_variance: jax.Array, y_variance: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Returns the mean square of `relu_covariance` and its partial derivatives by the arguments."""
    x, y = (jnp.sqrt(jnp.maximum(variance, SILENT)) for variance in (x_variance, y_variance))
    angle, root, cosine = _partial_derivatives(covariance / (x[:, None] * y[None]))
    value = x[:, None] * y[None] * (root + angle * cosine)
    by_size = value * root
    # The derivative by a variance below the floor is 0.
    by_x = jnp.where(x_variance > SILENT, by_size @ y / x, 0.0)
    by_y = jnp.where(y_variance > SILENT, x @ by_size / y, 0.0)
    return (
        jnp.mean(value**2),
        2 / covariance.size * value * angle,
        by_x / covariance.size,
        by_y / covariance.size,
    )


def content_distance(x: jax.Array, content: jax.Array, layers: Sequence[Layer]) -> jax.Array:
    """Returns the mean squared difference of activations, frame by frame,
    mean_t k(x_t, x_t) - 2 k(x_t, c_t) + k(c_t, c_t).

    Args:
      x: [T, F].
      content: [T, F].
      layers: the network, to its last ReLU and pooling.
    Returns:
      Scalar >= 0: the content loss of Gatys et al. 2016, Eq. 1, as a mean over frames and
      infinitely many filters.
    Example:
      >>> layer = Layer(kernel_size=1)
      >>> float(content_distance(jnp.ones((3, 2)), jnp.zeros((3, 2)), [layer]))
      1.0
    """
    if x.shape != content.shape:
        raise ValueError(
            f"x and content must have the same shape, got {x.shape} and {content.shape}."
        )
    if all(layer.pool == 1 for layer in layers):
        return _content_distance_on_diagonal(x, content, layers)
    x_kernel = self_kernel(frame_gram(x), layers)
    content_kernel = self_kernel(frame_gram(content), layers)
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
    """Returns `content_distance` of layers without pooling, for which the kernels' diagonals
    suffice: T F operations and no [T, T].
    """
    pairs = (x * x, x * content, content * content)
    own, cross, other = (jnp.mean(product, axis=1) for product in pairs)
    for layer in layers:
        own, cross, other = (2 * diagonal_mean(values, layer) for values in (own, cross, other))
        size = jnp.sqrt(jnp.maximum(own, SILENT)) * jnp.sqrt(jnp.maximum(other, SILENT))
        # J(1) = pi: k of a frame with itself is half the variance.
        own, cross, other = own / 2, relu_product(cross, size), other / 2
    return jnp.mean(own - 2 * cross + other)


def relu_covariance(
    covariance: jax.Array, x_variance: jax.Array, y_variance: jax.Array
) -> jax.Array:
    """Returns E[relu(u) relu(v)] of jointly Gaussian u and v.

    Args:
      covariance: [Tx, Ty], of u and v.
      x_variance: [Tx], of u.
      y_variance: [Ty], of v.
    Returns:
      [Tx, Ty].
    Example:
      >>> relu_covariance(jnp.array([[4.0]]), jnp.array([4.0]), jnp.array([4.0])).tolist()
      [[2.0]]
    """
    x_std = jnp.sqrt(jnp.maximum(x_variance, SILENT))
    y_std = jnp.sqrt(jnp.maximum(y_variance, SILENT))
    return relu_product(covariance, x_std[:, None] * y_std[None])


@jax.custom_jvp
def relu_product(covariance: jax.Array, size: jax.Array) -> jax.Array:
    """Returns E[relu(u) relu(v)] = s J(c) / (2 pi) of jointly Gaussian u and v.

    Args:
      covariance: of u and v; c = covariance / s.
      size: s, the product of their standard deviations.
    """
    return _relu_product_and_derivatives(covariance, size)[0]


@relu_product.defjvp
def _relu_product_jvp(primals, tangents):
    value, by_covariance, by_size = _relu_product_and_derivatives(*primals)
    return value, by_covariance * tangents[0] + by_size * tangents[1]


def _relu_product_and_derivatives(
    covariance: jax.Array, size: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns `relu_product` and its partial derivatives: exactly (pi - arccos c) / (2 pi) by the
    covariance and sqrt(1 - c^2) / (2 pi) by the size.

    Differentiating term by term gives inf - inf at c = 1, and takes several times as many
    operations.
    """
    angle, root, cosine = _partial_derivatives(covariance / size)
    return size * (root + angle * cosine), angle, root


def _partial_derivatives(cosine: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns the derivatives of `relu_product` by the covariance and by the size, and the cosine
    clipped to [-1, 1]: rounding takes the cosine of a frame with itself past 1.
    """
    cosine = jnp.clip(cosine, -1.0, 1.0)
    return (
        _angle(cosine) / (2 * np.pi),
        jnp.sqrt(jnp.maximum(1 - cosine * cosine, 0.0)) / (2 * np.pi),
        cosine,
    )


def _angle(cosine: jax.Array) -> jax.Array:
    """Returns pi - arccos(cosine), by the polynomial of Abramowitz & Stegun 4.4.46 (error 2e-8).

    XLA's arccos uses atan2, which would take most of the time of the whole distance on a CPU.
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


def _mean_along_diagonals(values: jax.Array, layer: Layer) -> jax.Array:
    """Returns mean_{i < K} values[t + i d, t' + i d] with the kernel size K and the dilation d:
    [Tx, Ty] -> [Tx - (K - 1) d, Ty - (K - 1) d]; or mean_{i < K} values[t + i d] of values [T].

    Sums over 1, 2, 4 ... taps come by doubling, and the binary digits of K pick among them, so
    there are log2(K) additions. The gradient is the same function of the zero-padded cotangent.
    """
    span = (layer.kernel_size - 1) * layer.dilation
    sizes = [size - span for size in values.shape]
    if min(sizes) < 1:
        raise ValueError(
            f"{min(values.shape)} frames are fewer than the {span + 1} that a kernel spans."
        )
    total, start, partial_sum, taps, digits = 0.0, 0, values, 1, layer.kernel_size
    while digits:
        if digits & 1:
            total = total + partial_sum[tuple(slice(start, start + size) for size in sizes)]
            start += taps * layer.dilation
        digits >>= 1
        if digits:
            shift, axes = taps * layer.dilation, values.ndim
            first, last = (slice(-shift),) * axes, (slice(shift, None),) * axes
            partial_sum = partial_sum[first] + partial_sum[last]
            taps *= 2
    return jnp.asarray(total / layer.kernel_size)


diagonal_mean = jax.custom_vjp(_mean_along_diagonals, nondiff_argnums=(1,))


def _diagonal_mean_forward(values, layer):
    return diagonal_mean(values, layer), None


def _diagonal_mean_backward(layer, _, cotangent):
    span = (layer.kernel_size - 1) * layer.dilation
    return (diagonal_mean(jnp.pad(cotangent, span), layer),)


diagonal_mean.defvjp(_diagonal_mean_forward, _diagonal_mean_backward)


def _mean_pool(values: jax.Array, pool: int) -> jax.Array:
    """Returns means of pool x pool blocks; the remainder is dropped, as in the explicit network."""
    if pool == 1:
        return values
    rows, columns = values.shape[0] // pool, values.shape[1] // pool
    if min(rows, columns) < 1:
        raise ValueError(
            f"{min(values.shape)} frames are fewer than the {pool} that are pooled together."
        )
    blocks = values[: rows * pool, : columns * pool].reshape(rows, pool, columns, pool)
    return jnp.mean(blocks, axis=(1, 3))
