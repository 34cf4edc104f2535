"""statistics.py: Grams in float64, and the form by frames, which must agree with the direct one in
value and gradient.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import relative_error

from audio_texture import statistics

X, Y = (
    np.random.default_rng(seed).gamma(1.0, size=(frames, 7)).astype(np.float32)
    for seed, frames in ((0, 30), (1, 41))
)


def by_frames(x, y):
    target = statistics.kernel_gram_size(statistics.feature_kernel(y, y))
    return statistics.kernel_gram_distance(
        statistics.feature_kernel(x, x), statistics.feature_kernel(x, y), target
    )


def direct(x, y):
    return statistics.gram_distance(statistics.gram(x), statistics.gram(y))


def test_gram_is_its_definition():
    """G = F F^T / N over frames: catches division by the features, and by nothing."""
    x = X.astype(np.float64)
    np.testing.assert_allclose(
        statistics.gram(X), sum(np.outer(frame, frame) for frame in x) / 30, rtol=1e-5
    )
    y = Y.astype(np.float64)
    expected = np.mean((x.T @ x / 30 - y.T @ y / 41) ** 2)
    assert float(direct(X, Y)) == pytest.approx(expected, rel=1e-4)


def test_gram_ignores_order_and_repetition_of_frames():
    """Catches statistics that depend on a texture's length, which the result's need not be."""
    shuffled = np.random.default_rng(2).permutation(X)
    np.testing.assert_allclose(statistics.gram(shuffled), statistics.gram(X), rtol=1e-5)
    np.testing.assert_allclose(statistics.gram(np.tile(X, (3, 1))), statistics.gram(X), rtol=1e-5)
    assert float(by_frames(shuffled, X)) == pytest.approx(0, abs=1e-5)


def test_both_forms_agree_in_value_and_gradient():
    (actual, actual_gradient), (expected, gradient) = (
        jax.jit(jax.value_and_grad(form))(X, Y) for form in (by_frames, direct)
    )
    assert float(actual) == pytest.approx(float(expected), rel=1e-4)
    assert relative_error(actual_gradient, gradient) < 1e-4


def test_size_is_the_mean_square_of_the_gram():
    expected = np.mean(np.asarray(statistics.gram(X), np.float64) ** 2)
    assert float(statistics.kernel_gram_size(statistics.feature_kernel(X, X))) == pytest.approx(
        expected, rel=1e-5
    )


@pytest.mark.parametrize(
    "x_frames, y_frames, features, expected",
    [
        (50, 50, 4096, True),
        (1, 1, 2, True),
        (4000, 4000, 16, False),
        (50, 100_000, 64, False),
        (10_000, 10, 4096, False),
    ],
)
def test_frames_are_cheaper(x_frames, y_frames, features, expected):
    """At the extremes the choice is plain: short sounds of many filters by frames, long ones of few
    by Grams.
    """
    assert statistics.frames_are_cheaper(x_frames, y_frames, features) is expected


def test_nuclear_norm_is_the_sum_of_singular_values():
    """Value and gradient, U V^T, in float64; at a matrix of lower rank too, where the gradient of
    an SVD divides by zero.
    """
    for x in (X, X @ np.diag([1, 1, 0, 0, 0, 0, 0]).astype(np.float32)):
        value, gradient = jax.jit(jax.value_and_grad(statistics.nuclear_norm))(x)
        left, values, right = np.linalg.svd(x.astype(np.float64), full_matrices=False)
        assert float(value) == pytest.approx(np.sum(values), rel=1e-5)
        rank = np.sum(values > 1e-5 * values[0])
        np.testing.assert_allclose(gradient, left[:, :rank] @ right[:rank], atol=1e-4)


@pytest.mark.parametrize("lags", [1, 7, 29])
def test_autocorrelation_is_its_definition(lags):
    """Not circular, each lag's mean over the pairs there are; in every feature by itself."""
    x = X.astype(np.float64)
    expected = np.stack([np.mean(x[:-lag] * x[lag:], axis=0) for lag in range(1, lags + 1)])
    np.testing.assert_allclose(statistics.autocorrelation(X, lags), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        statistics.autocorrelation(X[:, 2], lags), expected[:, 2], rtol=1e-4, atol=1e-5
    )


def test_autocorrelation_hears_the_period():
    pulses = np.tile([1.0, 0, 0, 0, 0, 0, 0], 30).astype(np.float32)
    actual = np.asarray(statistics.autocorrelation(pulses, 20))
    assert set(np.flatnonzero(actual > 0.1) + 1) == {7, 14}


@pytest.mark.parametrize("lags", [0, 30])
def test_lags_out_of_range_are_refused(lags):
    with pytest.raises(ValueError, match=f"lags must be from 1 to below the 30 frames, got {lags}"):
        statistics.autocorrelation(X, lags)


def test_sorted_projections_give_the_wasserstein_distance():
    """With as many quantiles as patches of the one width, and every third of the patches of the
    other, exactly; sorted values in float64.
    """
    directions = [
        np.random.default_rng(width).standard_normal((width * 7, 5)).astype(np.float32)
        for width in (3, 10)
    ]
    actual = np.asarray(statistics.sorted_projections(X, directions, quantiles=7))
    for along, width, of_width in zip(directions, (3, 10), actual, strict=True):
        count = 30 - width + 1
        patches = (
            np.stack([X[i : i + width].ravel() for i in range(count)]).astype(np.float64) @ along
        )
        every = count // 7
        expected = (
            np.sort(patches, axis=0)
            .reshape(7, every, 5)[:, (every - 1) // 2 : every // 2 + 1]
            .mean(axis=1)
        )
        np.testing.assert_allclose(of_width.T, expected, rtol=1e-4, atol=1e-5)


def test_sorted_projections_compare_sounds_of_other_lengths():
    """A sound played twice has the same quantiles, up to how finely they are known."""
    long = np.random.default_rng(4).standard_normal((2000, 1)).astype(np.float32)

    def actual(x):
        return statistics.sorted_projections(x, [np.ones((1, 1), np.float32)])[0]

    np.testing.assert_allclose(actual(np.tile(long, (3, 1))), actual(long), atol=0.02)
    expected = np.quantile(long[:, 0], (np.arange(200) + 0.5) / 200, method="hazen")
    np.testing.assert_allclose(actual(long)[0], expected, atol=1e-5)


def test_sorted_patches_are_those_of_the_projections():
    """The two ways to the same: quantiles as `sorted_projections` has them, all values as a loop
    over patches has them.
    """
    along = np.random.default_rng(0).standard_normal((4 * 7, 3)).astype(np.float32)
    expected = np.sort(
        np.stack([X[i : i + 4].ravel() for i in range(27)]).astype(np.float64) @ along, axis=0
    )
    np.testing.assert_allclose(statistics.sorted_patches(X, along), expected, rtol=1e-4, atol=1e-5)
    every_fifth = np.sort(np.stack([X[i : i + 4].ravel() for i in range(0, 27, 5)]) @ along, axis=0)
    np.testing.assert_allclose(
        statistics.sorted_patches(X, along, step=5), every_fifth, rtol=1e-4, atol=1e-5
    )
    for quantiles in (5, 27, 90):
        actual = statistics.sorted_patches(X, along, quantiles=quantiles)
        np.testing.assert_allclose(
            actual.T,
            statistics.sorted_projections(X, [along], quantiles=quantiles)[0],
            rtol=1e-4,
            atol=1e-4,
        )


def test_patches_side_by_side_take_no_quantiles_from_each_other():
    """Catches padding of the longer patches that changes values or gradients."""
    directions = [
        np.random.default_rng(width).standard_normal((width * 7, 2)).astype(np.float32)
        for width in (1, 9)
    ]

    def both(x):
        return jnp.sum(statistics.sorted_projections(x, directions) ** 2)

    def separate(x):
        return sum(jnp.sum(statistics.sorted_projections(x, [along]) ** 2) for along in directions)

    for actual, expected in zip(
        jax.jit(jax.value_and_grad(both))(X), jax.jit(jax.value_and_grad(separate))(X), strict=True
    ):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-3)


def test_sort_is_a_sort():
    """Of both signs, zeros and infinities; where no two are equal the slope is that of the place
    that a value takes.
    """
    x = np.random.default_rng(5).standard_normal((3, 4, 50)).astype(np.float32)
    x[0, 0, :4], x[1, 2, 7] = [np.inf, 0.0, -0.0, 1e-30], -np.inf
    np.testing.assert_array_equal(statistics.sort(x), np.sort(x))
    weights = np.random.default_rng(6).standard_normal(x.shape).astype(np.float32)
    places = np.argsort(np.argsort(x[1:], kind="stable"), kind="stable")
    actual = jax.grad(lambda x: jnp.sum(statistics.sort(x) * weights[1:]))(jnp.asarray(x[1:]))
    np.testing.assert_array_equal(actual, np.take_along_axis(weights[1:], places, axis=-1))


def test_equal_values_move_together():
    """Silence, all of one level: catches slopes of the lowest of its places alone, which would push
    it down.
    """
    actual = jax.grad(lambda x: jnp.sum(statistics.sort(x) * jnp.arange(5.0)))(jnp.full(5, 3.0))
    np.testing.assert_allclose(actual, 2.0)
