"""combinators.py: what each combinator promises, by value, gradient and the targets it makes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import relative_error
from hypothesis import given, settings
from hypothesis import strategies as st
from objective_cases import (
    EXPLICIT,
    INFINITE,
    MEAN,
    SHORT_Y,
    X,
    Y,
    check_promises,
    compile_fit,
    explicit_gram,
    value_and_gradient,
    value_and_terms,
    value_of,
)

from audio_texture import base, combinators, losses

RELATIVE = combinators.relatively_compressed(INFINITE, sharpness=4.0)
BLOCKS = combinators.in_blocks(INFINITE, frames=20, overlap=8)
SUM = {"gram": (2.0, INFINITE), "mean": (0.5, MEAN), "bounds": (1e-3, losses.bounds(0, 9))}
COMBINED = {
    "standardised": combinators.standardised(INFINITE),
    "relative": RELATIVE,
    "blocks": BLOCKS,
    "precomposed": combinators.precompose(lambda x: x[:, :3] + x[:, 3:], INFINITE),
    "sum": combinators.weighted_sum(SUM),
    "scaled": combinators.scaled(INFINITE, 3.0),
    "peak": combinators.peak_compressed(MEAN),
}


@pytest.mark.parametrize("name", COMBINED)
def test_promises_of_every_combinator(name):
    """As of the losses; but a block of a sound has not the statistics of the whole."""
    check_promises(COMBINED[name], zero=name != "blocks")


def test_eager_is_compiled():
    """Catches values fixed while tracing."""
    objective = combinators.standardised(MEAN)
    eager, _ = objective.distance(objective.fit(jnp.asarray(Y)), jnp.asarray(X))
    assert float(eager) == pytest.approx(value_of(objective, X), rel=1e-4)


def test_explicit_filters_belong_to_the_target():
    """The same key gives the same filters for every reference; another key others."""

    def weights(objective, reference):
        target = compile_fit(objective)(reference)
        return np.asarray(jax.tree.leaves(target["weights"])[0])

    np.testing.assert_array_equal(weights(EXPLICIT, X), weights(EXPLICIT, Y))
    assert np.any(weights(explicit_gram(seed=1), X) != weights(EXPLICIT, X))


# ---------------------------------------------------------------- transforms and units


def test_precompose_transforms_reference_and_candidate():
    """The value is that of both sounds transformed."""

    def shift(x):
        return 2 * x[::-1] + 1

    expected = value_of(MEAN, shift(X), shift(Y))
    assert value_of(combinators.precompose(shift, MEAN), X) == pytest.approx(expected, rel=1e-5)


def test_standardised_sees_bins_alike():
    """Gain and offset of a bin in both sounds change nothing, unless it is under the floor."""
    objective, bins = COMBINED["standardised"], np.arange(6)
    gain = np.geomspace(0.4, 2.5, 6, dtype=np.float32)[None]
    offset = np.arange(6, dtype=np.float32)[None]
    moved = value_of(objective, X * gain + offset, Y * gain + offset)
    assert moved == pytest.approx(value_of(objective, X), rel=1e-3)
    # Noise added to a bin far under the floor is hardly seen; added to a loud bin it is.
    quiet = Y * np.where(bins == 0, 1e-3, 1.0).astype(np.float32)
    added = np.random.default_rng(5).normal(size=Y.shape).astype(np.float32)

    def rise(number, size):
        return value_of(objective, quiet + np.float32(size) * added * (bins == number), quiet)

    assert rise(0, 2e-3) < 0.01 * rise(1, 2.0)
    # The reference's own mean is taken off, not the candidate's: an offset is seen.
    assert value_of(objective, Y + np.float32(0.1)) > 0.01


def test_relatively_compressed_sees_bins_alike():
    """A bin's gain in both sounds changes nothing, in one it does: the scale is the reference's."""
    gain = np.geomspace(0.1, 10, 6, dtype=np.float32)[None]
    assert value_of(RELATIVE, X * gain, Y * gain) == pytest.approx(value_of(RELATIVE, X), rel=1e-3)
    assert value_of(RELATIVE, 2 * Y) > 0.01


def test_peak_compression_is_the_sigmoid_of_the_paper():
    """2 sigmoid(30 z) - 1 with z relative to the reference's peak (paper.md B)."""
    z = np.random.default_rng(4).normal(size=(30, 6)).astype(np.float32)
    collect = base.Objective(lambda y: y, lambda target, x: (jnp.mean(x), {"mean": jnp.mean(x)}))
    expected = 2 / (1 + np.exp(-30 * z.astype(np.float64) / np.max(np.abs(Y)))) - 1
    value = value_of(combinators.peak_compressed(collect), z)
    assert value == pytest.approx(np.mean(expected), rel=1e-3)


# ---------------------------------------------------------------- blocks


@settings(max_examples=300, deadline=None)
@given(total=st.integers(1, 500), frames=st.integers(1, 120), overlap=st.integers(0, 60))
def test_blocks_cover_everything_and_share_the_overlap(total, frames, overlap):
    """No frame is left out, no patch of overlap + 1 frames is cut, no block is too long."""
    if frames <= overlap:
        with pytest.raises(ValueError, match="must be longer than their overlap"):
            combinators.blocks(total, frames=frames, overlap=overlap)
        return
    size, starts = combinators.blocks(total, frames=frames, overlap=overlap)
    assert size <= frames and starts[0] == 0 and starts[-1] + size == total
    steps = np.diff(starts)
    assert np.all(steps > 0) and np.all(size - steps >= overlap)
    assert len(starts) == (1 if total <= frames else -(-(total - overlap) // (frames - overlap)))


def test_in_blocks_is_the_mean_over_blocks():
    """In value, terms and gradient, although the gradient computes blocks again."""
    size, starts = combinators.blocks(len(X), frames=20, overlap=8)
    assert len(starts) > 1

    def by_hand(target, x):
        distances = [INFINITE.distance(target, x[start : start + size])[0] for start in starts]
        total = sum(distances) / len(starts)
        return total, {"gram": total}

    expected = base.Objective(INFINITE.fit, by_hand)
    value, gradient = value_and_gradient(BLOCKS, X)
    expected_value, expected_gradient = value_and_gradient(expected, X)
    assert value == pytest.approx(expected_value, rel=1e-5)
    assert value_and_terms(BLOCKS, X)[1] == pytest.approx({"gram": expected_value}, rel=1e-5)
    assert relative_error(gradient, expected_gradient) < 1e-4


def test_one_block_changes_nothing():
    """A sound no longer than a block has the objective's own value and gradient."""
    single = combinators.in_blocks(INFINITE, frames=36, overlap=8)
    value, gradient = value_and_gradient(single, X)
    expected, expected_gradient = value_and_gradient(INFINITE, X)
    assert value == expected
    np.testing.assert_array_equal(gradient, expected_gradient)


def test_every_block_is_held_to_the_target():
    """Halves that err in opposite ways are right on the whole and wrong in every block."""
    halves = np.concatenate([np.float32(1.5) * Y, np.float32(0.5) * Y])
    blocked = combinators.in_blocks(MEAN, frames=45, overlap=0)
    assert value_of(MEAN, halves) < 1e-6 < value_of(blocked, halves)


# ---------------------------------------------------------------- sums and mixtures


def test_weighted_sum_names_and_weighs_its_parts():
    """Each part has its name and, in value and gradient, its weight."""
    total = combinators.weighted_sum({"a": (2.0, MEAN), "b": (0.25, INFINITE)})
    mean, mean_gradient = value_and_gradient(MEAN, X)
    infinite, infinite_gradient = value_and_gradient(INFINITE, X)
    terms = value_and_terms(total, X)[1]
    assert terms == pytest.approx({"a": 2 * mean, "b": 0.25 * infinite}, rel=1e-5)
    expected = 2 * mean_gradient + 0.25 * infinite_gradient
    assert relative_error(value_and_gradient(total, X)[1], expected) < 1e-5


@pytest.mark.parametrize("weights", [(1.0, 0.0), (2.0, 6.0)])
def test_mixture_is_the_weighted_mean(weights):
    """Weights count by their share; 1 : 0 is the first reference alone."""
    mixed = combinators.mixture(INFINITE, weights)
    value, gradient = value_and_gradient(mixed, X, [Y, X[:20]])
    (first, first_gradient), (second, second_gradient) = (
        value_and_gradient(INFINITE, X, reference) for reference in (Y, X[:20])
    )
    share = weights[0] / sum(weights)
    assert value == pytest.approx(share * first + (1 - share) * second, rel=1e-5)
    expected = share * first_gradient + (1 - share) * second_gradient
    assert relative_error(gradient, expected) < 1e-4
    assert value_and_terms(mixed, X, [Y, X[:20]])[1].keys() == {"gram"}


def test_alike_references_are_one_program():
    """Traced once however many they are; the value is the weighted mean over references."""
    traced = []

    def distance(target, x):
        traced.append(1)
        return MEAN.distance(target, x)

    sounds, weights = [Y, Y[::-1] ** 2, 2 * Y], [1.0, 2.0, 5.0]
    mixed = combinators.mixture(MEAN._replace(distance=distance), weights)
    total, _ = mixed.distance(mixed.fit(sounds), X)
    values = [MEAN.distance(MEAN.fit(sound), X)[0] for sound in sounds]
    assert len(traced) == 1
    assert total == pytest.approx(np.average(values, weights=weights), rel=1e-5)


def test_mixture_of_other_numbers_is_refused():
    """Catches references that go unheard."""
    with pytest.raises(ValueError, match="2 weights for 3 references"):
        combinators.mixture(MEAN, [1, 1]).fit([X, Y, X])


UNITS = {
    "standardised": combinators.standardised,
    "relative": functools.partial(combinators.relatively_compressed, sharpness=4.0),
    "peak": combinators.peak_compressed,
}


@pytest.mark.parametrize("name", UNITS)
def test_units_of_a_mixture(name):
    """At 1 : 0 the first reference's; between two that differ by a gain, the gain between."""
    in_units = UNITS[name]
    first = in_units(combinators.mixture(MEAN, [1.0, 0.0]), weights=[1.0, 0.0])
    value, gradient = value_and_gradient(in_units(MEAN), X, Y)
    mixed_value, mixed_gradient = value_and_gradient(first, X, [Y, 3 * X])
    assert mixed_value == pytest.approx(value, rel=1e-4)
    assert relative_error(mixed_gradient, gradient) < 1e-4
    even = in_units(combinators.mixture(MEAN, [1.0, 1.0]), weights=[1.0, 1.0])

    def distance(gain):
        return value_of(even, np.float32(gain) * Y, [Y, 4 * Y])

    # The mean of means and stds is arithmetic, that of a logarithm's scales geometric.
    between = 2.5 if name == "standardised" else 2.0
    assert distance(between) < 1e-6 < 1e-3 < min(distance(1.0), distance(4.0))


def test_scaled_scales_all():
    """Value, terms and gradient."""
    scaled = combinators.scaled(MEAN, 4.0)
    (value, gradient), (plain, plain_gradient) = (
        value_and_gradient(objective, X) for objective in (scaled, MEAN)
    )
    assert value == pytest.approx(4 * plain, rel=1e-6)
    total, terms = value_and_terms(scaled, X)
    assert terms["mean"] == total
    np.testing.assert_allclose(gradient, 4 * plain_gradient, rtol=1e-5)


# ---------------------------------------------------------------- pairs of content and style


def test_cross_normalised_sees_sounds_in_their_own_units():
    """The content's pattern in the style's means and stds has no distance, itself it has some."""
    objective = combinators.cross_normalised(
        combinators.standardised, combinators.fit_to_content(losses.content())
    )
    style = 5 + 3 * SHORT_Y
    moved = (X - X.mean(axis=0)) / X.std(axis=0) * style.std(axis=0) + style.mean(axis=0)
    assert value_of(objective, moved, (X, style)) == pytest.approx(0, abs=1e-4)
    assert value_of(objective, X, (X, style)) > 0.1
    assert value_of(objective, X, (X, X)) == pytest.approx(0, abs=1e-6)


def test_fit_to_style_is_the_style_distance():
    """Whatever the content."""
    objective = combinators.cross_normalised(lambda inner: inner, combinators.fit_to_style(MEAN))
    assert value_of(objective, X, (X, Y)) == pytest.approx(value_of(MEAN, X, Y))


def test_guides_keep_regions_apart():
    """Loud frames must be like loud frames, and bands like bands, which a mean over all ignores."""
    single = combinators.guided(MEAN, levels=1, bands=1)
    assert value_of(single, X, (X, Y)) == pytest.approx(value_of(MEAN, X, Y))
    level = np.sort(np.random.default_rng(0).random(36).astype(np.float32))[:, None]
    style = level * np.ones((1, 6), np.float32)
    swapped = style[::-1].copy()
    assert value_of(MEAN, swapped, style) == pytest.approx(0, abs=1e-9)
    by_level = combinators.guided(MEAN, levels=2, bands=1)
    assert value_of(by_level, style, (style, style)) == pytest.approx(0, abs=1e-9)
    assert value_of(by_level, swapped, (style, style)) > 1e-3
    over_bins = combinators.precompose(lambda x: jnp.mean(x, axis=1, keepdims=True), MEAN)
    by_band = combinators.guided(over_bins, levels=1, bands=2)
    tilted = np.concatenate([style[:, :3] + 1, style[:, 3:] - 1], axis=1)
    assert value_of(by_band, tilted, (style, style)) > 0.1
