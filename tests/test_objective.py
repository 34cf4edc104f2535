"""objective.py: what each combinator promises, by value, gradient and the targets it makes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import relative_error
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_texture import networks, objective, statistics
from audio_texture.layer import Layer

X, Y = (
    np.random.default_rng(seed).gamma(1.0, size=(frames, 6)).astype(np.float32) * np.float32(0.2)
    for seed, frames in ((0, 36), (1, 45))
)


def explicit(filters=20, form="auto", relative=True, seed=0):
    net = networks.FrequencyAsChannels([Layer(3, 1, 2, filters)], "normal", "valid", "mean")
    taps = lambda weights, x: {
        "a": net.apply(weights, x)["relu_1"],
        "b": net.apply(weights, x)["pool_1"],
    }
    return objective.of_network(
        net.init, taps, jax.random.key(seed), objective.gram(relative=relative, form=form)
    )


INFINITE = objective.infinite_gram([[Layer(2)], [Layer(5, 2, 2)]])
# A cheap objective of the same kind: the mean frame.
MEAN = objective.Objective(
    lambda reference: jnp.mean(reference, axis=0),
    lambda target, x: (lambda total: (total, {"mean": total}))(
        jnp.mean((jnp.mean(x, axis=0) - target) ** 2)
    ),
)
EVERY = {
    "infinite": INFINITE,
    "explicit": explicit(),
    "standardised": objective.standardised(INFINITE),
    "relative": objective.relatively_compressed(INFINITE, sharpness=4.0),
    "blocks": objective.in_blocks(INFINITE, frames=20, overlap=8),
    "through": objective.seen_through(lambda x: x[:, :3] + x[:, 3:], INFINITE),
    "sum": objective.weighted_sum(
        {"gram": (2.0, INFINITE), "mean": (0.5, MEAN), "bounds": (1e-3, objective.bounds(0, 9))}
    ),
    "scaled": objective.scaled(INFINITE, 3.0),
    "onsets": objective.onset_statistics(step=2, lags=12, widths=(1, 4)),
    "levels": objective.band_levels(),
    "sliced": objective.sliced_transport(widths=(1, 5), directions=8),
    "auditory": objective.auditory_statistics(1200),
    "peak": objective.peak_compressed(MEAN),
    "autocorrelation": objective.feature_autocorrelation(lags=(3, 12)),
    "transport": objective.gaussian_transport(),
    "bins": objective.seen_through(
        lambda x: jnp.stack([x, x[::-1]], axis=-1), objective.bin_grams()
    ),
}
of_every = pytest.mark.parametrize("name", EVERY)


@functools.cache
def compiled(one):
    """fit, and distance's value, terms and gradient."""
    return jax.jit(one.fit), jax.jit(jax.value_and_grad(one.distance, argnums=1, has_aux=True))


def distance_of(one, target, x):
    return compiled(one)[1](target, x)[0]


def value_and_gradient(one, x, reference=Y):
    fit, distance = compiled(one)
    (value, terms), gradient = distance(fit(reference), x)
    return float(value), np.asarray(gradient), {name: float(term) for name, term in terms.items()}


@of_every
def test_distance_of_the_reference_to_itself_is_zero(name):
    """In units of the distance to another sound, near which float32 cancellation leaves about 1e-6."""
    if name == "blocks":
        pytest.skip("a stretch of a sound has not the statistics of the whole.")
    one = EVERY[name]
    target = compiled(one)[0](Y)
    assert abs(float(distance_of(one, target, Y)[0])) < 1e-5 * float(distance_of(one, target, X)[0])


@of_every
def test_terms_add_up(name):
    one = EVERY[name]
    total, terms = distance_of(one, compiled(one)[0](Y), X)
    assert total.shape == () and all(term.shape == () for term in terms.values())
    assert float(sum(terms.values())) == pytest.approx(float(total), rel=1e-6) and float(total) > 0


@of_every
def test_targets_are_data(name):
    """A target survives flattening, and leaves as NumPy arrays: it can be saved, and serves another program."""
    one = EVERY[name]
    target = compiled(one)[0](Y)
    leaves, structure = jax.tree.flatten(target)
    assert all(isinstance(leaf, jax.Array) for leaf in leaves)
    saved = jax.tree.unflatten(structure, [np.asarray(leaf) for leaf in leaves])
    assert float(distance_of(one, saved, X)[0]) == float(distance_of(one, target, X)[0])


def test_eager_is_compiled():
    """Catches values fixed while tracing."""
    one = objective.standardised(MEAN)
    assert float(one.distance(one.fit(jnp.asarray(Y)), jnp.asarray(X))[0]) == pytest.approx(
        value_and_gradient(one, X)[0], rel=1e-4
    )


def test_relative_distance_is_free_of_scale():
    """Louder reference, louder result: the same relative distance. Catches a division by the wrong power."""
    for one in (INFINITE, EVERY["explicit"]):
        assert value_and_gradient(one, 5 * X, 5 * Y)[0] == pytest.approx(
            value_and_gradient(one, X)[0], rel=1e-4
        )
    plain = objective.infinite_gram([[Layer(2)]], relative=False)
    assert value_and_gradient(plain, 2 * X, 2 * Y)[0] == pytest.approx(
        16 * value_and_gradient(plain, X)[0], rel=1e-4
    )


def test_several_networks_are_averaged():
    alone = [
        value_and_gradient(objective.infinite_gram([layers]), X)[0]
        for layers in ([Layer(2)], [Layer(5, 2, 2)])
    ]
    assert value_and_gradient(INFINITE, X)[0] == pytest.approx(np.mean(alone), rel=1e-5)


@pytest.mark.parametrize("filters", [3, 200])
@pytest.mark.parametrize("relative", [True, False])
def test_forms_of_the_gram_agree(filters, relative):
    """Direct, frame by frame and auto: the same value and gradient, whichever is the cheaper."""
    found = {
        form: value_and_gradient(explicit(filters, form, relative), X)
        for form in ("direct", "frames", "auto")
    }
    for form in ("frames", "auto"):
        assert found[form][0] == pytest.approx(found["direct"][0], rel=1e-4)
        assert relative_error(found[form][1], found["direct"][1]) < 1e-3
    cheap = jax.eval_shape(explicit(filters).fit, Y)["taps"]["a"]
    assert ("features" in cheap) == statistics.frames_are_cheaper(43, 43, filters)


def test_unknown_form_is_refused():
    with pytest.raises(ValueError, match="form must be auto, direct or frames, got 'fast'"):
        explicit(form="fast")


def test_explicit_filters_belong_to_the_target():
    """The same key gives the same filters for every reference; another key others."""
    one = explicit()
    weights = lambda target: jax.tree.leaves(target["weights"])[0]
    fit = jax.jit(one.fit)
    np.testing.assert_array_equal(weights(fit(X)), weights(fit(Y)))
    assert np.any(np.asarray(weights(jax.jit(explicit(seed=1).fit)(X))) != weights(fit(X)))


def test_explicit_gram_is_the_authors_loss():
    """mean((G - G_s)^2), without relative sizes, from the taps in float64 (paper.md A.4)."""
    one = explicit(relative=False)
    target = jax.jit(one.fit)(Y)
    net = networks.FrequencyAsChannels([Layer(3, 1, 2, 20)], "normal", "valid", "mean")
    expected = []
    for tap in ("relu_1", "pool_1"):
        x, y = (
            np.asarray(jax.jit(net.apply)(target["weights"], sound)[tap], np.float64)
            for sound in (X, Y)
        )
        expected.append(np.mean((x.T @ x / len(x) - y.T @ y / len(y)) ** 2))
    assert value_and_gradient(one, X)[0] == pytest.approx(np.mean(expected), rel=1e-4)


# --- bounds


def test_bounds_are_the_authors_formula():
    """|| max(x - 1, 0) + max(0 - x, 0) ||_2, not squared (paper.md A.4), with a gradient of unit length outside."""
    x = np.random.default_rng(0).normal(0.5, 0.6, (9, 8)).astype(np.float32)
    value, gradient, terms = value_and_gradient(objective.bounds(), x)
    outside = np.maximum(x.astype(np.float64) - 1, 0) + np.maximum(-x.astype(np.float64), 0)
    assert value == pytest.approx(np.linalg.norm(outside), rel=1e-6) and terms == {"bounds": value}
    np.testing.assert_allclose(
        gradient, np.sign(x - 0.5) * outside / np.linalg.norm(outside), atol=1e-6
    )


def test_bounds_have_no_slope_inside():
    """Catches the root's infinite slope at zero, where a canvas mostly is."""
    for x in (
        np.linspace(0, 1, 50, dtype=np.float32),
        np.zeros(5, np.float32),
        np.ones(5, np.float32),
    ):
        value, gradient, _ = value_and_gradient(objective.bounds(), x)
        assert value == 0 and not np.any(gradient)


# --- statistics of features


def maps(seed, frames=40, bins=5, count=2):
    """Features [T, F, C] with means and covariances of their own."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(count, bins, bins))
    return np.stack(
        [rng.normal(size=(frames, bins)) @ one + rng.normal() for one in mixing], axis=-1
    ).astype(np.float32)


def test_transport_is_the_bures_wasserstein_distance():
    """In float64 with scipy's matrix roots, from the covariances rather than the frames (DAFx's formula, divided by T)."""
    import scipy.linalg

    x, y = maps(0), maps(1, frames=55)
    total, size = 0.0, 0.0
    for c in range(2):
        one, two = x[..., c].astype(np.float64), y[..., c].astype(np.float64)
        covariance = lambda z: (z - z.mean()).T @ (z - z.mean()) / len(z)
        root = scipy.linalg.sqrtm(covariance(two))
        total += (
            (one.mean() - two.mean()) ** 2
            + np.trace(covariance(one))
            + np.trace(covariance(two))
            - 2 * np.trace(scipy.linalg.sqrtm(root @ covariance(one) @ root)).real
        )
        size += np.trace(covariance(two))
    assert value_and_gradient(objective.gaussian_transport(), x, y)[0] == pytest.approx(
        total / size, rel=1e-3
    )


def test_statistics_of_features_ignore_the_order_of_frames_or_not():
    """Grams of bins and transport do, an autocorrelation does not; a shift in frequency is nothing to a Gram over all positions alone."""
    x = maps(0)
    shuffled = np.random.default_rng(2).permutation(x)
    rolled = np.roll(x, 1, axis=1)
    for one in (objective.bin_grams(), objective.gaussian_transport()):
        assert (
            value_and_gradient(one, shuffled, x)[0]
            < 1e-5
            < 0.01
            < value_and_gradient(one, rolled, x)[0]
        )
    assert value_and_gradient(objective.gram(), rolled, x)[0] < 1e-6
    slow = np.cumsum(x[:, 0], axis=0)
    assert (
        value_and_gradient(
            objective.feature_autocorrelation(lags=(1, 10)),
            np.random.default_rng(2).permutation(slow),
            slow,
        )[0]
        > 0.01
    )


def test_diversity_is_large_near_a_copy_at_any_shift():
    """Its definition in float64; a copy moved in time is found, an independent sound is not, other lengths are compared."""
    one, rng = objective.diversity(), np.random.default_rng(3)
    y, other = (
        rng.uniform(size=(64, 7)).astype(np.float32),
        rng.uniform(size=(64, 7)).astype(np.float32),
    )
    expected = max(
        np.sum(y.astype(np.float64) ** 2) / np.sum((other - np.roll(y, -shift, axis=0)) ** 2)
        for shift in range(64)
    )
    assert value_and_gradient(one, other, y)[0] == pytest.approx(expected, rel=1e-3)
    assert (
        value_and_gradient(one, np.roll(y, 9, axis=0), y)[0]
        > 100
        > 10
        > value_and_gradient(one, other, y)[0]
    )
    assert np.isfinite(value_and_gradient(one, other[:50], y)[0]) and np.all(
        np.isfinite(value_and_gradient(one, np.roll(y, 9, axis=0), y)[1])
    )


def test_peak_compression_is_the_sigmoid_of_the_paper():
    """2 sigmoid(30 z) - 1 with z relative to the reference's peak (paper.md B)."""
    z = np.random.default_rng(4).normal(size=(30, 6)).astype(np.float32)
    collect = objective.Objective(
        lambda y: y, lambda target, x: (jnp.mean(x), {"mean": jnp.mean(x)})
    )
    expected = 2 / (1 + np.exp(-30 * z.astype(np.float64) / np.max(np.abs(Y)))) - 1
    assert value_and_gradient(objective.peak_compressed(collect), z)[0] == pytest.approx(
        np.mean(expected), rel=1e-3
    )


# --- onsets


def bursts(times, heights=None, frames=600, bins=5):
    """A compressed spectrogram with decaying events."""
    x = np.zeros((frames + 80, bins), np.float32)
    for time, height in zip(times, heights if heights is not None else np.ones(len(times))):
        x[time : time + 80] += height * np.exp(-np.arange(80) / 6.0, dtype=np.float32)[:, None]
    return x[:frames] + np.random.default_rng(0).uniform(0, 0.05, (frames, bins)).astype(np.float32)


ONSETS = objective.onset_statistics(step=2, lags=100)


def test_band_levels_count_power_whenever_it_comes():
    """In nepers of power, whatever its order or unit; ticks that networks hardly see count by their power; empty bands do not."""
    one = objective.band_levels()
    distance = lambda y, x: float(one.distance(one.fit(y), x)[0])
    louder = X.astype(np.float64) ** 2
    expected = np.mean(
        (np.log(louder.mean(axis=0)) - np.log((Y.astype(np.float64) ** 2).mean(axis=0))) ** 2
    )
    assert distance(Y, X) == pytest.approx(expected, rel=1e-3)
    assert distance(10 * Y, 10 * X) == pytest.approx(expected, rel=1e-3)
    assert distance(Y, 2 * Y) == pytest.approx(np.log(4) ** 2, rel=1e-3)
    assert distance(Y, Y[::-1]) < 1e-10
    empty = Y * (np.arange(6) < 5).astype(np.float32)
    assert distance(empty, empty + np.float32(1e-6) * (np.arange(6) == 5)) < 1e-6


def test_onsets_hear_the_period():
    """As many events of the same heights, at regular or random times: told apart by the autocorrelation, another phase is not."""
    regular = bursts(range(10, 590, 40))
    later = value_and_gradient(ONSETS, bursts(range(33, 600, 40)), regular)
    random = value_and_gradient(
        ONSETS, bursts(np.sort(np.random.default_rng(1).integers(0, 580, 15))), regular
    )
    assert (
        random[2]["autocorrelation"] > 10 * later[2]["autocorrelation"] and random[0] > 5 * later[0]
    )


def test_onsets_hear_how_high_events_are():
    """Two heights against one of the same mean, at the same times."""
    times = range(10, 590, 40)
    equal, two = bursts(times), bursts(times, np.tile([0.3, 1.7], 8))
    assert (
        value_and_gradient(ONSETS, two, equal)[2]["patches"]
        > 20 * value_and_gradient(ONSETS, bursts(range(33, 600, 40)), equal)[2]["patches"]
    )


def test_onsets_compare_sounds_of_other_lengths():
    """Shorter than the longest lag, too: what both can tell is compared."""
    for frames in (60, 300, 1100):
        value, gradient, _ = value_and_gradient(
            ONSETS, bursts(range(5, frames - 20, 40), frames=frames), bursts(range(10, 590, 40))
        )
        assert np.isfinite(value) and np.all(np.isfinite(gradient))


def test_onsets_of_a_sound_without_any():
    """A steady reference has no onset: the distance and its gradient stay finite."""
    steady = np.ones((200, 5), np.float32)
    for x in (steady, bursts([50], frames=200)):
        value, gradient, _ = value_and_gradient(ONSETS, x, steady)
        assert np.isfinite(value) and np.all(np.isfinite(gradient))


# --- sliced transport


def test_sliced_transport_sees_a_ground_under_events():
    """A ground 3 dB too quiet where events stand high above it: against which error of the events it counts, unlike the Gram."""
    rng = np.random.default_rng(0)
    x = rng.normal(0, 0.02, (400, 6)).astype(np.float32)
    x[::40] += 5
    quiet, weak = x.copy(), x.copy()
    quiet[x < 1] -= 0.3
    weak[x > 1] -= 0.3
    ratio = lambda one: value_and_gradient(one, quiet, x)[0] / value_and_gradient(one, weak, x)[0]
    sliced, gram = (
        objective.sliced_transport(widths=(1,), directions=16),
        objective.infinite_gram([[Layer(1)]]),
    )
    assert ratio(sliced) > 10 and ratio(sliced) > 10 * ratio(gram)


def test_sliced_transport_sees_order_within_patches_alone():
    x = np.random.default_rng(1).normal(size=(300, 4)).astype(np.float32)
    one = objective.sliced_transport(widths=(1,), directions=8)
    assert value_and_gradient(one, np.random.default_rng(2).permutation(x), x)[0] < 1e-10
    rising = np.cumsum(x, axis=0) / 10
    longer = objective.sliced_transport(widths=(8,), directions=8)
    assert (
        value_and_gradient(longer, rising[np.random.default_rng(2).permutation(300)], rising)[0]
        > 0.05
    )


# --- auditory statistics


def test_auditory_statistics_are_those_of_each_channel():
    """The mean over channels; a constant gain of one of two channels is heard in it alone."""
    rate = 4000
    wave = np.random.default_rng(0).normal(0, 0.1, (2 * rate, 2)).astype(np.float32)
    one = objective.auditory_statistics(rate)
    louder = wave * np.array([[1.0, 2.0]], np.float32)
    both = value_and_gradient(one, louder, wave)
    alone = [value_and_gradient(one, louder[:, i : i + 1], wave[:, i : i + 1]) for i in range(2)]
    assert (
        both[0] == pytest.approx(0.5 * (alone[0][0] + alone[1][0]), rel=1e-3)
        and alone[0][0] < 1e-6 < alone[1][2]["mean"]
    )


def test_auditory_statistics_do_not_hear_where_a_sound_begins():
    """Noise cut elsewhere is nearer than noise that is modulated: catches statistics of the wave itself."""
    rng, rate = np.random.default_rng(0), 4000
    noise = rng.normal(0, 0.1, (6 * rate, 1)).astype(np.float32)
    trembling = (
        noise
        * (1 + np.sin(2 * np.pi * 8 * np.arange(len(noise)) / rate, dtype=np.float32))[:, None]
    )
    one = objective.auditory_statistics(rate)
    assert (
        value_and_gradient(one, trembling[:12000], noise[:12000])[0]
        > 20 * value_and_gradient(one, noise[12000:], noise[:12000])[0]
    )


# --- combinators


def test_seen_through_transforms_reference_and_candidate():
    shift = lambda x: 2 * x[::-1] + 1
    through = objective.seen_through(shift, MEAN)
    assert value_and_gradient(through, X)[0] == pytest.approx(
        value_and_gradient(MEAN, shift(X), shift(Y))[0], rel=1e-5
    )


def test_standardised_sees_bins_alike():
    """Gain and offset of every bin of reference and candidate alike change nothing: all bins count the same, but for those under the floor."""
    one = objective.standardised(INFINITE)
    gain, offset = (
        np.geomspace(0.4, 2.5, 6, dtype=np.float32)[None],
        np.arange(6, dtype=np.float32)[None],
    )
    assert value_and_gradient(one, X * gain + offset, Y * gain + offset)[0] == pytest.approx(
        value_and_gradient(one, X)[0], rel=1e-3
    )
    # A bin far under the floor counts for next to nothing: noise added to it alone is hardly seen, in a loud bin it is.
    quiet = np.where(np.arange(6) == 0, 1e-3, 1.0).astype(np.float32)[None]
    added = np.random.default_rng(5).normal(size=Y.shape).astype(np.float32)
    rise = lambda bin, size: value_and_gradient(
        one, Y * quiet + size * added * (np.arange(6) == bin), Y * quiet
    )[0]
    assert rise(0, 2e-3) < 0.01 * rise(1, 2.0)
    # It is the reference's own mean that is taken off, not the candidate's: an offset is seen.
    assert value_and_gradient(one, Y + 0.1)[0] > 0.01


def test_relatively_compressed_sees_bins_alike():
    """Gain of a bin in both sounds changes nothing, but for one sound alone it does: the scale is the reference's."""
    gain = np.geomspace(0.1, 10, 6, dtype=np.float32)[None]
    plain = value_and_gradient(EVERY["relative"], X)[0]
    assert value_and_gradient(EVERY["relative"], X * gain, Y * gain)[0] == pytest.approx(
        plain, rel=1e-3
    )
    assert value_and_gradient(EVERY["relative"], 2 * Y)[0] > 0.01


@settings(max_examples=300, deadline=None)
@given(total=st.integers(1, 500), frames=st.integers(1, 120), overlap=st.integers(0, 60))
def test_blocks_cover_everything_and_share_the_overlap(total, frames, overlap):
    """No frame is left out, no patch of overlap + 1 frames falls between two blocks, none is longer than allowed."""
    if frames <= overlap:
        with pytest.raises(ValueError, match="must be longer than their overlap"):
            objective.blocks(total, frames=frames, overlap=overlap)
        return
    size, starts = objective.blocks(total, frames=frames, overlap=overlap)
    assert size <= frames and starts[0] == 0 and starts[-1] + size == total
    assert all(
        before < after and before + size - after >= overlap
        for before, after in zip(starts, starts[1:])
    )
    assert len(starts) == (1 if total <= frames else -(-(total - overlap) // (frames - overlap)))


def test_in_blocks_is_the_mean_over_blocks():
    """In value, terms and gradient, although blocks are worked out again for the gradient."""
    frames, overlap = 20, 8
    size, starts = objective.blocks(len(X), frames=frames, overlap=overlap)
    assert len(starts) > 1

    def by_hand(target, x):
        total = sum(
            INFINITE.distance(target, x[start : start + size])[0] for start in starts
        ) / len(starts)
        return total, {"gram": total}

    found = value_and_gradient(EVERY["blocks"], X)
    expected = value_and_gradient(objective.Objective(INFINITE.fit, by_hand), X)
    assert found[0] == pytest.approx(expected[0], rel=1e-5) and found[2] == pytest.approx(
        expected[2], rel=1e-5
    )
    assert relative_error(found[1], expected[1]) < 1e-4


def test_one_block_changes_nothing():
    found, expected = (
        value_and_gradient(one, X)
        for one in (objective.in_blocks(INFINITE, frames=36, overlap=8), INFINITE)
    )
    assert found[0] == expected[0]
    np.testing.assert_array_equal(found[1], expected[1])


def test_every_block_is_held_to_the_target():
    """A long sound whose halves err in opposite ways is right on the whole but wrong in every block."""
    halves = np.concatenate([1.5 * Y, 0.5 * Y])
    blocked = objective.in_blocks(MEAN, frames=45, overlap=0)
    assert value_and_gradient(MEAN, halves)[0] < 1e-6 < value_and_gradient(blocked, halves)[0]


def test_weighted_sum_names_and_weighs_its_parts():
    one = objective.weighted_sum({"a": (2.0, MEAN), "b": (0.25, INFINITE)})
    value, gradient, terms = value_and_gradient(one, X)
    parts = [value_and_gradient(part, X) for part in (MEAN, INFINITE)]
    assert terms == pytest.approx({"a": 2 * parts[0][0], "b": 0.25 * parts[1][0]}, rel=1e-5)
    assert relative_error(gradient, 2 * parts[0][1] + 0.25 * parts[1][1]) < 1e-5


@pytest.mark.parametrize("weights", [(1.0, 0.0), (2.0, 6.0)])
def test_mixture_is_the_weighted_mean(weights):
    """Weights count by their share; 1 : 0 is the first alone."""
    found = value_and_gradient(objective.mixture(INFINITE, weights), X, [Y, X[:20]])
    each = [value_and_gradient(INFINITE, X, reference) for reference in (Y, X[:20])]
    share = weights[0] / sum(weights)
    assert found[0] == pytest.approx(share * each[0][0] + (1 - share) * each[1][0], rel=1e-5)
    assert relative_error(found[1], share * each[0][1] + (1 - share) * each[1][1]) < 1e-4
    assert found[2].keys() == {"gram"}


def test_alike_references_are_one_program():
    """Traced once however many they are; the value is the mean of each by itself."""
    traced = []
    counting = MEAN._replace(
        distance=lambda target, x: (traced.append(1), MEAN.distance(target, x))[1]
    )
    references, weights = [Y, Y[::-1] ** 2, 2 * Y], [1.0, 2.0, 5.0]
    mixed = objective.mixture(counting, weights)
    total, _ = mixed.distance(mixed.fit(references), X)
    each = [MEAN.distance(MEAN.fit(reference), X)[0] for reference in references]
    assert len(traced) == 1 and total == pytest.approx(np.average(each, weights=weights), rel=1e-5)


def test_mixture_of_other_numbers_is_refused():
    """Catches references that go unheard."""
    with pytest.raises(ValueError, match="2 weights for 3 references"):
        objective.mixture(MEAN, [1, 1]).fit([X, Y, X])


@pytest.mark.parametrize(
    "wrap",
    [
        objective.standardised,
        lambda one, weights=None: objective.relatively_compressed(
            one, sharpness=4.0, weights=weights
        ),
        objective.peak_compressed,
    ],
    ids=["standardised", "relative", "peak"],
)
def test_units_of_a_mixture(wrap):
    """At 1 : 0 those of the first reference, by value and gradient; between two that differ by a gain alone, the gain between is at home."""
    alone, mixed = (
        value_and_gradient(wrap(MEAN), X, Y),
        value_and_gradient(wrap(objective.mixture(MEAN, [1.0, 0.0]), [1.0, 0.0]), X, [Y, 3 * X]),
    )
    assert (
        mixed[0] == pytest.approx(alone[0], rel=1e-4) and relative_error(mixed[1], alone[1]) < 1e-4
    )
    distance = lambda gain: value_and_gradient(
        wrap(objective.mixture(MEAN, [1.0, 1.0]), [1.0, 1.0]), gain * Y, [Y, 4 * Y]
    )[0]
    # Means and deviations pass evenly, scales of a logarithm by factors.
    between = 2.5 if wrap is objective.standardised else 2.0
    assert distance(between) < 1e-6 < 1e-3 < min(distance(1.0), distance(4.0))


def test_a_morph_judges_each_moment_by_its_own_weights():
    """Near to nothing where x turns from one reference to the other in time, and far the other way round."""
    low, high = np.zeros((40, 6), np.float32), np.ones((40, 6), np.float32)
    one = objective.morph(
        lambda weights: objective.mixture(MEAN, weights),
        [3.0, 0.0],
        [0.0, 5.0],
        size=10,
        overlap=2,
        axis=0,
    )
    rising = np.linspace(0, 1, 42, dtype=np.float32)[:, None] * np.ones((1, 6), np.float32)
    forth, back, even = (
        value_and_gradient(one, x, [low, high])[0] for x in (rising, rising[::-1], 0 * rising + 0.5)
    )
    # What is left is the blocks' own length, and that a mixture is nowhere nearer than its references are to each other.
    assert forth < 0.2 < even < back
    # The ends have the weights given: a step in the middle of the first block is seen by the first reference alone.
    found = compiled(one)[1](one.fit([low, high]), rising)[1]
    assert np.all(np.asarray(found)[:5] > 0) and np.all(np.asarray(found)[-5:] < 0)


def test_scaled_scales_all():
    found, plain = value_and_gradient(objective.scaled(MEAN, 4.0), X), value_and_gradient(MEAN, X)
    assert found[0] == pytest.approx(4 * plain[0], rel=1e-6) and found[2]["mean"] == found[0]
    np.testing.assert_allclose(found[1], 4 * plain[1], rtol=1e-5)


# --- transfers


OF_Y = Y[:36]


def value(one, reference, x):
    return float(distance_of(one, compiled(one)[0](reference), x)[0])


def test_content_in_closed_form_is_that_of_many_filters():
    """Two widths with unequal weights; explicit networks come within a few percent at 4096 filters."""
    layers = [[Layer(2, 1, 1, 4096)], [Layer(5, 1, 1, 4096)]]
    nets = [networks.FrequencyAsChannels(stack, "normal", "valid") for stack in layers]
    init = lambda key, x: [net.init(key, x) for net in nets]
    taps = lambda variables, x: {
        str(i): net.apply(one, x)["relu_1"] for i, (net, one) in enumerate(zip(nets, variables))
    }
    explicit = objective.of_network(
        init, taps, jax.random.key(0), objective.content(), weights={"0": 3.0, "1": 1.0}
    )
    closed = objective.infinite_content(layers, weights=[3.0, 1.0])
    assert value(closed, X, OF_Y) == pytest.approx(value(explicit, X, OF_Y), rel=0.05)
    assert value(closed, X, X) == pytest.approx(0, abs=1e-6) and value(
        closed, X, 0 * X
    ) == pytest.approx(1, rel=1e-4)
    assert not np.isclose(
        value(closed, X, OF_Y), value(objective.infinite_content(layers), X, OF_Y), rtol=1e-3
    )


def test_content_of_another_length_is_refused():
    with pytest.raises(ValueError, match="x and content must have the same shape"):
        objective.content().distance(Y, X)


def test_between_sees_each_sound_in_units_of_its_own():
    """The content's pattern under the style's means and deviations has no distance; the content as it is has some."""
    one = objective.between(objective.standardised, objective.of_first(objective.content()))
    style = 5 + 3 * OF_Y
    moved = (X - X.mean(axis=0)) / X.std(axis=0) * style.std(axis=0) + style.mean(axis=0)
    assert value(one, (X, style), moved) == pytest.approx(0, abs=1e-4)
    assert value(one, (X, style), X) > 0.1 and value(one, (X, X), X) == pytest.approx(0, abs=1e-6)
    # of_last is the style distance itself, whatever the content
    last = objective.between(lambda inner: inner, objective.of_last(MEAN))
    assert value(last, (X, Y), X) == pytest.approx(value(MEAN, Y, X))


def test_guides_keep_regions_apart():
    """Without regions it is the objective; with them loud frames must be like loud frames, which a mean over all does not see."""
    assert value(objective.guided(MEAN, levels=1, bands=1), (X, Y), X) == pytest.approx(
        value(MEAN, Y, X)
    )
    level = np.sort(np.random.default_rng(0).random(36).astype(np.float32))[:, None]
    style, swapped = level * np.ones((1, 6), np.float32), level[::-1] * np.ones((1, 6), np.float32)
    assert value(MEAN, style, swapped) == pytest.approx(0, abs=1e-9)
    by_level = objective.guided(MEAN, levels=2, bands=1)
    assert value(by_level, (style, style), style) == pytest.approx(0, abs=1e-9)
    assert value(by_level, (style, style), swapped) > 1e-3
    tilted = np.concatenate([style[:, :3] + 1, style[:, 3:] - 1], axis=1)
    by_band = objective.guided(
        objective.seen_through(lambda x: jnp.mean(x, axis=1, keepdims=True), MEAN),
        levels=1,
        bands=2,
    )
    assert value(by_band, (style, style), tilted) > 0.1


def test_chained_gram_is_the_products_of_two_layers():
    """In float64; the finer layer has twice the places and one more at the end, which the coarser does not see."""
    rng = np.random.default_rng(3)
    pairs = [
        (
            rng.standard_normal((13, 9, 4)).astype(np.float32),
            rng.standard_normal((6, 4, 5)).astype(np.float32),
        )
        for _ in range(2)
    ]

    def by_definition(pair):
        fine = pair[0][:12, :8].astype(np.float64).reshape(6, 2, 4, 2, 4).mean(axis=(1, 3)) - 1
        return np.einsum("tfc,tfd->cd", fine, pair[1] - 1.0) / 24

    found = value(objective.chained_gram(shift=-1.0), *pairs)
    wanted, other = map(by_definition, pairs)
    assert found == pytest.approx(np.mean((wanted - other) ** 2) / np.mean(wanted**2), rel=1e-4)
    assert value(objective.gram(shift=-1.0, form="direct"), X, OF_Y) == pytest.approx(
        value(objective.gram(form="direct"), X - 1, OF_Y - 1), rel=1e-4
    )


@pytest.mark.parametrize("axis, over", [("time", 1), ("frequency", 0)])
def test_envelopes(axis, over):
    """Zero where the other axis is shuffled, the relative square of the means' difference else."""
    one = objective.envelope(axis)
    shuffled = np.flip(X, axis=over)
    assert value(one, X, shuffled) == pytest.approx(0, abs=1e-6)
    wanted, found = X.mean(axis=over), OF_Y.mean(axis=over)
    assert value(one, X, OF_Y) == pytest.approx(
        np.sum((found - wanted) ** 2) / np.sum(wanted**2), rel=1e-4
    )
    if axis == "time":
        assert np.isfinite(value(one, Y, X)), "lengths may differ"


def test_regularisers_of_inversion():
    """Flat costs nothing, a step its square; sixth powers."""
    flat, step = (
        np.full((4, 3), 2.0, np.float32),
        np.repeat(np.float32([0, 0, 1, 1]), 3).reshape(4, 3),
    )
    assert value(objective.total_variation(), (), flat) == 0 and value(
        objective.total_variation(), (), step
    ) == pytest.approx(1 / 3)
    assert value(objective.sixth_power(), (), flat) == pytest.approx(64)
