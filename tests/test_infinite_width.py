"""infinite_width.py against integrals, loops over patches in float64, and the explicit network it
is the limit of.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
from helpers import relative_error
from jax.test_util import check_grads

from audio_texture import combinators, infinite_width, losses, networks
from audio_texture.infinite_width import frame_products, self_kernel
from audio_texture.layer import Layer

X, Y = np.random.default_rng(0).gamma(1.0, size=(2, 40, 5)).astype(np.float32) * np.float32(0.3)
Y = Y - np.float32(0.2)  # of another distribution, and with both signs


@functools.partial(jax.jit, static_argnums=1)
def kernel(x, layers):
    return self_kernel(frame_products(x, x), layers)


@functools.partial(jax.jit, static_argnums=2)
def cross(x, y, layers):
    variances = kernel(x, layers).variances, kernel(y, layers).variances
    return infinite_width.cross_kernel(frame_products(x, y), *variances, layers)


content_distance = jax.jit(infinite_width.content_distance, static_argnums=2)


# --- the closed form itself


@pytest.mark.parametrize("correlation", [-1.0, -0.999, -0.6, 0.0, 0.3, 0.9, 0.9999, 1.0])
def test_relu_covariance_is_the_integral(correlation):
    """E[relu(u) relu(v)] over the plane, in polar coordinates: the radius integrates to 2, the
    angle numerically.
    """
    angle = np.arccos(correlation)

    def positive(theta):
        return max(np.cos(theta), 0) * max(np.cos(theta - angle), 0)

    breaks = [-np.pi / 2, np.pi / 2, angle - np.pi / 2, angle + np.pi / 2]
    expected = (
        2.0
        * 0.7
        * scipy.integrate.quad(positive, -np.pi, 2 * np.pi - np.pi, points=breaks, epsabs=1e-12)[0]
        / np.pi
    )
    covariance = np.float32(correlation * 2.0 * 0.7)
    actual = infinite_width.relu_covariance(
        np.full((1, 1), covariance), np.full(1, 4.0, np.float32), np.full(1, 0.49, np.float32)
    )
    assert float(actual[0, 0]) == pytest.approx(expected, abs=1e-6)


def test_relu_covariance_is_the_mean_over_filters():
    """Monte Carlo over a million filters in float64, for frames of a sound. Catches a lost factor
    of two pi.
    """
    patches = X[:6].astype(np.float64)
    activations = np.maximum(
        np.random.default_rng(1).standard_normal((1_000_000, 5)) @ patches.T, 0
    )
    covariance = (patches @ patches.T).astype(np.float32)
    actual = infinite_width.relu_covariance(covariance, np.diag(covariance), np.diag(covariance))
    assert relative_error(actual, activations.T @ activations / len(activations)) < 0.005


@pytest.mark.parametrize("size", [1.0, 2.5])
def test_relu_product_and_its_slopes(size):
    """s J(c) / (2 pi), dJ/dc = pi - arccos c and, by the size, sqrt(1 - c^2), to the ends, where
    automatic differentiation gives NaN.
    """
    cosine = np.concatenate([np.linspace(-1, 1, 2001), [-1 + 1e-7, 1 - 1e-7]]).astype(np.float32)
    exact = cosine.astype(np.float64)
    angle, root = np.pi - np.arccos(exact), np.sqrt(1 - exact**2)
    sizes = np.full_like(cosine, size)
    np.testing.assert_allclose(
        infinite_width.relu_product(size * cosine, sizes),
        size * (root + angle * exact) / (2 * np.pi),
        atol=1e-6,
    )
    slopes = jax.vmap(jax.grad(infinite_width.relu_product, argnums=(0, 1)))(size * cosine, sizes)
    np.testing.assert_allclose(slopes[0], angle / (2 * np.pi), atol=1e-6)
    # Near the ends 1 - c^2 has few digits left.
    np.testing.assert_allclose(slopes[1], root / (2 * np.pi), atol=1e-4)


# --- kernels of networks


def relu_kernel_by_definition(products):
    """One layer's E[relu relu] from its pre-activations' covariance [T, T], entry by entry in
    float64.
    """
    actual = np.zeros_like(products)
    for t in range(len(products)):
        for u in range(len(products)):
            size = np.sqrt(products[t, t] * products[u, u])
            c = np.clip(products[t, u] / size, -1, 1) if size else 0.0
            actual[t, u] = size * (np.sqrt(1 - c * c) + (np.pi - np.arccos(c)) * c) / (2 * np.pi)
    return actual


def kernel_by_definition(x, layers):
    """Loops over patches: the variance of weights is 2 / fan-in, a further layer's inputs have the
    last kernel as products.
    """
    products = np.array([[np.mean(p * q) for q in x] for p in x.astype(np.float64)])
    for layer in layers:
        taps = [i * layer.dilation for i in range(layer.kernel_size)]
        frames = len(products) - taps[-1]
        summed = [
            [2 * np.mean([products[t + i, u + i] for i in taps]) for u in range(frames)]
            for t in range(frames)
        ]
        products = relu_kernel_by_definition(np.array(summed))
        frames = len(products) // layer.pool
        pools = [slice(i * layer.pool, (i + 1) * layer.pool) for i in range(frames)]
        products = np.array([[np.mean(products[a, b]) for b in pools] for a in pools])
    return products


NETWORKS = [
    *((Layer(width),) for width in (1, 2, 3, 8, 11)),
    *((Layer(width, dilation),) for width, dilation in ((3, 2), (8, 3), (11, 2))),
    (Layer(3, pool=2),),
    (Layer(4, pool=7),),
    (Layer(3, pool=2), Layer(2)),
    (Layer(2, 3, 2), Layer(5, 2, 3)),
]
of_networks = pytest.mark.parametrize(
    "layers",
    NETWORKS,
    ids=lambda layers: "+".join(f"{x.kernel_size}x{x.dilation}p{x.pool}" for x in layers),
)


@of_networks
def test_kernel_is_its_definition(layers):
    """Catches a wrong tap in the doubling of the diagonal sums, and pools that lose or invent
    frames.
    """
    actual = kernel(X, layers).values
    np.testing.assert_allclose(actual, kernel_by_definition(X, layers), rtol=2e-5, atol=1e-7)


@pytest.mark.parametrize("layers", [(Layer(3, 2, 2),), (Layer(2, 1, 2), Layer(3))])
def test_cross_kernel_is_a_block_of_the_whole(layers):
    """x against y stands in the kernel of one after the other: catches variances of the wrong sound
    or layer.
    """
    y = Y[:33]
    actual = cross(X, y, layers)
    inside = kernel_by_definition(np.concatenate([X, y]), layers)[: len(actual), 40 // 2 :]
    np.testing.assert_allclose(actual[:, : inside.shape[1]], inside, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(cross(y, X, layers), np.asarray(actual).T, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(cross(X, X, layers), kernel(X, layers).values, rtol=1e-5, atol=1e-7)


@of_networks
def test_what_of_a_grams_distance_depends_on_x(layers):
    """Of one layer's kernels slopes are written down: value and gradient are those by way of the
    kernels, silent frames among them.
    """

    def by_kernels(x):
        own, other = (self_kernel(frame_products(z, z), layers) for z in (x, Y))
        across = infinite_width.cross_kernel(
            frame_products(x, Y), own.variances, other.variances, layers
        )
        return jnp.mean(own.values**2) - 2 * jnp.mean(across**2)

    def gap(x):
        variances = self_kernel(frame_products(Y, Y), layers).variances
        return infinite_width.gram_distance_x_terms(
            infinite_width.frame_gram(x),
            jnp.mean(x * x, axis=1),
            frame_products(x, Y),
            variances,
            layers,
        )

    x = np.where(np.arange(40)[:, None] == 7, 0, X)
    (value, gradient), (expected, wanted) = (
        jax.jit(jax.value_and_grad(one))(x) for one in (gap, by_kernels)
    )
    assert value == pytest.approx(float(expected), rel=1e-4)
    # A frame of silence has a slope only by those beside it.
    np.testing.assert_allclose(gradient, wanted, atol=2e-4 * np.max(np.abs(wanted)))


def test_the_variances_of_a_reference_have_their_slope():
    """Nobody fits them here, but a slope that is silently zero would be a trap."""
    layers = (Layer(2),)
    cross_products, products = frame_products(X, Y), frame_products(X, X)

    def gap(variance):
        return infinite_width.gram_distance_x_terms(
            products, jnp.mean(X * X, axis=1), cross_products, [variance], layers
        )

    variance = self_kernel(frame_products(Y, Y), layers).variances[0] + 0.05
    actual, step = np.asarray(jax.grad(gap)(variance)), 0.02 * np.asarray(variance)
    assert float(gap(variance + step) - gap(variance - step)) == pytest.approx(
        2 * np.vdot(actual, step), rel=0.02
    )


@pytest.mark.parametrize("layers", [(Layer(3),), (Layer(2, 2, 2), Layer(2))])
def test_kernel_grows_with_the_square_of_the_level(layers):
    np.testing.assert_allclose(
        kernel(3 * X, layers).values, 9 * kernel(X, layers).values, rtol=1e-5
    )


def test_two_layers_keep_the_size_of_the_signal():
    """He's weights: the mean square of activations before the ReLU stays from layer to layer."""
    first, second = kernel(X, (Layer(4), Layer(1))).variances
    np.testing.assert_allclose(first, second, rtol=1e-5)


@pytest.mark.parametrize("layers, span", [((Layer(11),), 11), ((Layer(3, 8),), 17)])
def test_too_few_frames_are_refused(layers, span):
    with pytest.raises(
        ValueError, match=f"10 frames are fewer than the {span} that a kernel spans"
    ):
        kernel(X[:10], layers)


def test_too_few_frames_for_a_pool_are_refused():
    """Catches a mean over no frames at all, which is NaN."""
    with pytest.raises(ValueError, match="frames"):
        kernel(X[:4], (Layer(3, pool=4),))


# --- the limit of explicit networks


def explicit_gram(layers):
    net = networks.FrequencyAsChannels(layers, "normal", "valid", "mean")
    tap = f"{'pool' if layers[-1].pool > 1 else 'relu'}_{len(layers)}"
    return lambda key: combinators.of_network(
        net.init, lambda weights, x: {"a": net.apply(weights, x)[tap]}, key, losses.gram()
    )


def distance_and_gradient(one, reference, x):
    target = one.fit(reference)
    return jax.value_and_grad(lambda x: one.distance(target, x)[0])(x)


@pytest.mark.slow
@pytest.mark.parametrize(
    "shape, widest",
    [([(3, 1, 2)], 2048), ([(2, 2, 1), (3, 1, 1)], 512)],
    ids=["one layer", "two layers"],
)
def test_explicit_networks_converge_to_the_closed_form(shape, widest):
    """The relative Gram distance and its gradient approach the closed form's as 1 / sqrt(filters),
    the Monte Carlo rate.

    Catches a closed form that is near, but of another network: then the error levels off, and the
    slope with it.
    """
    closed = losses.infinite_gram([[Layer(*sizes) for sizes in shape]])
    value, gradient = jax.jit(functools.partial(distance_and_gradient, closed))(X, Y)
    counts, errors = [widest // 16, widest // 4, widest], []
    for filters in counts:
        draw = explicit_gram([Layer(*sizes, filters) for sizes in shape])
        drawn = jax.jit(
            lambda keys, draw=draw: jax.lax.map(
                lambda key: distance_and_gradient(draw(key), X, Y), keys
            )
        )
        values, gradients = drawn(jax.random.split(jax.random.key(filters), 10))
        of_value = np.sqrt(np.mean((np.asarray(values) / value - 1) ** 2))
        of_gradient = np.sqrt(np.mean([relative_error(g, gradient) ** 2 for g in gradients]))
        errors.append((of_value, of_gradient))
    slopes = np.polyfit(np.log(counts), np.log(errors), 1)[0]
    np.testing.assert_allclose(slopes, -0.5, atol=0.2, err_msg=str(errors))
    assert np.max(errors[-1]) < 0.25


@pytest.mark.slow
def test_explicit_content_converges_to_the_closed_form():
    """Mean squared difference of activations, frame by frame; sizes are compared through another
    pair of sounds.
    """
    layers = (Layer(3, 1, 2),)
    closed = [float(content_distance(X, other, layers)) for other in (Y, X[::-1])]
    counts, errors = [64, 256, 1024, 4096], []
    for filters in counts:
        net = networks.FrequencyAsChannels([Layer(3, 1, 2, filters)], "normal", "valid", "mean")
        # The authors' weights in units of He's, which the closed form has.
        scale = (2 / 15) / (4 / (15 + 3 * filters))

        @jax.jit
        def explicit(key, net=net, scale=scale):
            weights = net.init(key, X)
            a, b, c = (net.apply(weights, x)["pool_1"] for x in (X, Y, X[::-1]))
            return scale * jnp.stack([jnp.mean((a - b) ** 2), jnp.mean((a - c) ** 2)])

        actual = np.stack([explicit(key) for key in jax.random.split(jax.random.key(filters), 12)])
        errors.append(np.sqrt(np.mean((actual / closed - 1) ** 2)))
    assert np.polyfit(np.log(counts), np.log(errors), 1)[0] == pytest.approx(-0.5, abs=0.2)
    assert errors[-1] < 0.05


# --- content, gradients, silence


@pytest.mark.parametrize("layers", [(Layer(3, 1, 2),), (Layer(3),), (Layer(3, 2), Layer(2))])
def test_content_distance_is_its_definition(layers):
    """With pooling through frames by frames, without it on their diagonal alone."""
    actual = float(content_distance(X, Y, layers))
    whole = kernel_by_definition(X, layers), kernel_by_definition(Y, layers)
    both = kernel_by_definition(np.concatenate([X, Y]), layers)
    crossed = np.diagonal(both, 40 // layers[0].pool)[: len(whole[0])]
    expected = np.mean(np.diagonal(whole[0]) - 2 * crossed + np.diagonal(whole[1]))
    assert actual == pytest.approx(expected, rel=1e-4)
    assert abs(float(content_distance(X, X, layers))) < 1e-6 * expected
    assert actual == pytest.approx(float(content_distance(Y, X, layers)), rel=1e-5)


def test_content_distance_of_other_shapes_is_refused():
    """Catches broadcasting of one frame against all."""
    with pytest.raises(ValueError, match="must have the same shape"):
        infinite_width.content_distance(X, Y[:39], [Layer(3)])


@pytest.mark.parametrize("layers", [[Layer(3, 2)], [Layer(2, 2, 2)], [Layer(2), Layer(2, 1, 2)]])
def test_gradients_are_those_of_finite_differences(layers):
    """In float64; the polynomial in place of arccos limits it to 1e-5 or so."""
    with jax.enable_x64(True):
        x, y = jnp.asarray(X[:9], jnp.float64), jnp.asarray(Y[:9], jnp.float64)
        check_grads(
            jax.jit(lambda x: infinite_width.content_distance(x, y, layers)),
            (x,),
            1,
            modes=["rev"],
            eps=1e-3,
            rtol=1e-3,
            atol=1e-5,
        )
        one = losses.infinite_gram([layers])
        target = jax.jit(one.fit)(y)
        check_grads(
            jax.jit(lambda x: one.distance(target, x)[0]),
            (x,),
            1,
            modes=["rev"],
            eps=1e-3,
            rtol=1e-3,
            atol=1e-5,
        )


SILENT = np.where(np.arange(40)[:, None] < 20, 0, X)


@jax.jit
def value_and_gradient(x, reference):
    layers = (Layer(2, 1, 2), Layer(2))
    one = losses.infinite_gram([layers, [Layer(1)]], relative=False)

    def loss(x):
        return one.distance(one.fit(reference), x)[0] + infinite_width.content_distance(
            x, reference, layers
        )

    return jax.value_and_grad(loss)(x)


@pytest.mark.parametrize(
    "x, reference",
    [
        (X, X),
        (np.repeat(X[:1], 40, axis=0), X),
        (SILENT, X),
        (X, SILENT),
        (np.zeros_like(X), X),
        (SILENT, SILENT),
        (1e-20 * X, X),
        (-X, X),
    ],
    ids=[
        "itself",
        "identical frames",
        "half silent",
        "half silent target",
        "silent",
        "both half silent",
        "faint",
        "opposite",
    ],
)
def test_gradients_are_finite(x, reference):
    """Catches derivatives of the root at 0 and of arccos at 1: a single NaN frame ends a run."""
    value, gradient = value_and_gradient(x, reference)
    assert np.isfinite(value) and np.all(np.isfinite(gradient))


@pytest.mark.parametrize("away", [0.1, 1e-2, 1e-3])
def test_gradient_near_the_target_still_points_there(away):
    """Catches a cosine clipped at one, by rounding, that leaves no slope: near the target the
    gradient is along the way back.

    In one layer of width one the distance is nearly quadratic, |x - c|^2 / 2 at every frame.
    """
    step = away * np.random.default_rng(5).standard_normal(X.shape).astype(np.float32)
    gradient = np.asarray(
        jax.jit(jax.grad(infinite_width.content_distance), static_argnums=2)(
            X + step, X, (Layer(1),)
        )
    )
    assert np.vdot(gradient, step) / np.linalg.norm(gradient) / np.linalg.norm(step) > 0.9
