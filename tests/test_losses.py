"""losses/: each loss against its definition in float64, and what it is blind to."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from helpers import relative_error
from objective_cases import (
    EXPLICIT,
    INFINITE,
    SHORT_Y,
    X,
    Y,
    check_promises,
    explicit_gram,
    value_and_gradient,
    value_and_terms,
    value_of,
)

from audio_texture import combinators, losses, networks, statistics
from audio_texture.layer import Layer

LOSSES = {
    "infinite": INFINITE,
    "explicit": EXPLICIT,
    "onsets": losses.onset_statistics(step=2, lags=12, widths=(1, 4)),
    "levels": losses.band_levels(),
    "sliced": losses.sliced_transport(widths=(1, 5), directions=8),
    "auditory": losses.auditory_statistics(1200),
    "autocorrelation": losses.feature_autocorrelation(lags=(3, 12)),
    "transport": losses.gaussian_transport(),
    "bins": combinators.precompose(lambda x: jnp.stack([x, x[::-1]], axis=-1), losses.bin_grams()),
}


@pytest.mark.parametrize("name", LOSSES)
def test_promises_of_every_loss(name):
    """Terms add up, targets are data, a reference is at no distance from itself."""
    check_promises(LOSSES[name])


# ---------------------------------------------------------------- Grams


def test_relative_distance_is_free_of_scale():
    """Louder reference, louder result, the same distance: catches a division by a wrong power."""
    for loss in (INFINITE, EXPLICIT):
        assert value_of(loss, 5 * X, 5 * Y) == pytest.approx(value_of(loss, X), rel=1e-4)
    plain = losses.infinite_gram([[Layer(2)]], relative=False)
    assert value_of(plain, 2 * X, 2 * Y) == pytest.approx(16 * value_of(plain, X), rel=1e-4)


def test_several_networks_are_averaged():
    """The value is the mean over networks of each network's own."""
    alone = [
        value_of(losses.infinite_gram([layers]), X) for layers in ([Layer(2)], [Layer(5, 2, 2)])
    ]
    assert value_of(INFINITE, X) == pytest.approx(np.mean(alone), rel=1e-5)


@pytest.mark.parametrize("filters", [3, 200])
@pytest.mark.parametrize("relative", [True, False])
def test_forms_of_the_gram_agree(filters, relative):
    """Direct, frame by frame and auto: the same value and gradient, whichever is the cheaper."""
    direct, frames, auto = (
        value_and_gradient(explicit_gram(filters, form, relative), X)
        for form in ("direct", "frames", "auto")
    )
    for value, gradient in (frames, auto):
        assert value == pytest.approx(direct[0], rel=1e-4)
        assert relative_error(gradient, direct[1]) < 1e-3
    cheap = jax.eval_shape(explicit_gram(filters).fit, Y)["taps"]["a"]
    assert ("features" in cheap) == statistics.frames_are_cheaper(43, 43, filters)


def test_unknown_form_is_refused():
    """The message lists the forms."""
    with pytest.raises(ValueError, match="form must be auto, direct or frames, got 'fast'"):
        explicit_gram(form="fast")


def test_explicit_gram_is_the_authors_loss():
    """mean((G - G_s)^2), without relative sizes, from the taps in float64 (paper.md A.4)."""
    loss = explicit_gram(relative=False)
    weights = jax.jit(loss.fit)(Y)["weights"]
    net = networks.FrequencyAsChannels([Layer(3, 1, 2, 20)], "normal", "valid", "mean")
    outputs = [jax.jit(net.apply)(weights, sound) for sound in (X, Y)]
    expected = []
    for tap in ("relu_1", "pool_1"):
        x, y = (np.asarray(output[tap], np.float64) for output in outputs)
        expected.append(np.mean((x.T @ x / len(x) - y.T @ y / len(y)) ** 2))
    assert value_of(loss, X) == pytest.approx(np.mean(expected), rel=1e-4)


def test_chained_gram_is_the_products_of_two_layers():
    """In float64; the finer layer has twice the places, and one at the end that is left out."""
    rng = np.random.default_rng(3)
    reference, x = [
        tuple(rng.standard_normal(shape).astype(np.float32) for shape in ((13, 9, 4), (6, 4, 5)))
        for _ in range(2)
    ]

    def by_definition(pair):
        fine = pair[0][:12, :8].astype(np.float64).reshape(6, 2, 4, 2, 4).mean(axis=(1, 3)) - 1
        return np.einsum("tfc,tfd->cd", fine, pair[1] - 1.0) / 24

    wanted, other = by_definition(reference), by_definition(x)
    expected = np.mean((wanted - other) ** 2) / np.mean(wanted**2)
    loss = losses.chained_gram(shift=-1.0)
    assert value_of(loss, x, reference) == pytest.approx(expected, rel=1e-4)


def test_a_shift_is_added_before_the_gram():
    """The Gram of shifted features, by hand."""
    shifted = value_of(losses.gram(shift=-1.0, form="direct"), SHORT_Y, X)
    by_hand = value_of(losses.gram(form="direct"), SHORT_Y - 1, X - 1)
    assert shifted == pytest.approx(by_hand, rel=1e-4)


# ---------------------------------------------------------------- statistics of features


def feature_maps(seed, frames=40, bins=5, count=2):
    """Features [T, F, C] with means and covariances of their own."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(count, bins, bins))
    maps = [rng.normal(size=(frames, bins)) @ matrix + rng.normal() for matrix in mixing]
    return np.stack(maps, axis=-1).astype(np.float32)


def test_transport_is_the_bures_wasserstein_distance():
    """DAFx's formula divided by T, in float64 from covariances with scipy's matrix roots."""
    x, y = feature_maps(0), feature_maps(1, frames=55)

    def covariance(z):
        return (z - z.mean()).T @ (z - z.mean()) / len(z)

    total, size = 0.0, 0.0
    for c in range(2):
        x_c, y_c = x[..., c].astype(np.float64), y[..., c].astype(np.float64)
        of_x, of_y = covariance(x_c), covariance(y_c)
        root = scipy.linalg.sqrtm(of_y)
        cross = np.trace(scipy.linalg.sqrtm(root @ of_x @ root)).real
        total += (x_c.mean() - y_c.mean()) ** 2 + np.trace(of_x) + np.trace(of_y) - 2 * cross
        size += np.trace(of_y)
    assert value_of(losses.gaussian_transport(), x, y) == pytest.approx(total / size, rel=1e-3)


def test_which_statistics_ignore_the_order_of_frames():
    """Grams of bins and transport do, and see a shift in frequency, which a plain Gram does not."""
    x = feature_maps(0)
    shuffled, rolled = np.random.default_rng(2).permutation(x), np.roll(x, 1, axis=1)
    for loss in (losses.bin_grams(), losses.gaussian_transport()):
        assert value_of(loss, shuffled, x) < 1e-5 < 0.01 < value_of(loss, rolled, x)
    assert value_of(losses.gram(), rolled, x) < 1e-6


def test_autocorrelation_sees_the_order_of_frames():
    """A slow feature, shuffled, is at a distance."""
    slow = np.cumsum(feature_maps(0)[:, 0], axis=0)
    shuffled = np.random.default_rng(2).permutation(slow)
    assert value_of(losses.feature_autocorrelation(lags=(1, 10)), shuffled, slow) > 0.01


def test_diversity_is_large_near_a_copy_at_any_shift():
    """Its definition in float64; it stands out for a copy moved in time, not for other noise."""
    rng = np.random.default_rng(3)
    y, other = (rng.uniform(size=(64, 7)).astype(np.float32) for _ in range(2))
    power = np.sum(y.astype(np.float64) ** 2)
    nearest = min(np.sum((other - np.roll(y, -shift, axis=0)) ** 2) for shift in range(64))
    loss, moved = losses.diversity(), np.roll(y, 9, axis=0)
    assert value_of(loss, other, y) == pytest.approx(power / nearest, rel=1e-3)
    value, gradient = value_and_gradient(loss, moved, y)
    assert value > 100 > 10 > value_of(loss, other, y) and np.all(np.isfinite(gradient))
    assert np.isfinite(value_of(loss, other[:50], y)), "lengths may differ"


# ---------------------------------------------------------------- onsets and levels


def bursts(times, heights=None, frames=600, bins=5):
    """A compressed spectrogram [T, F] with decaying events."""
    x = np.zeros((frames + 80, bins), np.float32)
    decay = np.exp(-np.arange(80) / 6.0, dtype=np.float32)[:, None]
    for time, height in zip(
        times, np.ones(len(times)) if heights is None else heights, strict=True
    ):
        x[time : time + 80] += height * decay
    return x[:frames] + np.random.default_rng(0).uniform(0, 0.05, (frames, bins)).astype(np.float32)


ONSETS = losses.onset_statistics(step=2, lags=100)
REGULAR, LATER = bursts(range(10, 590, 40)), bursts(range(33, 600, 40))


def test_band_levels_count_power_whenever_it_comes():
    """Squared differences of log power, whatever the order or unit; empty bands do not count."""
    loss = losses.band_levels()
    x_power, y_power = (np.mean(z.astype(np.float64) ** 2, axis=0) for z in (X, Y))
    expected = np.mean((np.log(x_power) - np.log(y_power)) ** 2)
    assert value_of(loss, X) == pytest.approx(expected, rel=1e-3)
    assert value_of(loss, 10 * X, 10 * Y) == pytest.approx(expected, rel=1e-3)
    assert value_of(loss, 2 * Y) == pytest.approx(np.log(4) ** 2, rel=1e-3)
    assert value_of(loss, Y[::-1].copy()) < 1e-10
    full, empty = np.arange(6) < 5, np.arange(6) == 5
    quiet = Y * full.astype(np.float32)
    assert value_of(loss, quiet + np.float32(1e-6) * empty, quiet) < 1e-6


def test_onsets_hear_the_period():
    """The autocorrelation tells regular from random times, and not a period's phase."""
    times = np.sort(np.random.default_rng(1).integers(0, 580, 15))
    later, later_terms = value_and_terms(ONSETS, LATER, REGULAR)
    random, random_terms = value_and_terms(ONSETS, bursts(times), REGULAR)
    assert random_terms["autocorrelation"] > 10 * later_terms["autocorrelation"]
    assert random > 5 * later


def test_onsets_hear_how_high_events_are():
    """Two heights against one of the same mean, at the same times."""
    two = bursts(range(10, 590, 40), np.tile([0.3, 1.7], 8)[:15])
    same = value_and_terms(ONSETS, LATER, REGULAR)[1]["patches"]
    assert value_and_terms(ONSETS, two, REGULAR)[1]["patches"] > 20 * same


@pytest.mark.parametrize("frames", [60, 300, 1100])
def test_onsets_compare_sounds_of_other_lengths(frames):
    """Shorter than the longest lag, too: the lags that both sounds have are compared."""
    x = bursts(range(5, frames - 20, 40), frames=frames)
    value, gradient = value_and_gradient(ONSETS, x, REGULAR)
    assert np.isfinite(value) and np.all(np.isfinite(gradient))


def test_onsets_of_a_sound_without_any():
    """A steady reference has no onset: the distance and its gradient stay finite."""
    steady = np.ones((200, 5), np.float32)
    for x in (steady, bursts([50], frames=200)):
        value, gradient = value_and_gradient(ONSETS, x, steady)
        assert np.isfinite(value) and np.all(np.isfinite(gradient))


# ---------------------------------------------------------------- sliced transport


def test_sliced_transport_sees_a_ground_under_events():
    """A ground 3 dB too quiet under high events counts beside their own error, unlike a Gram's."""
    x = np.random.default_rng(0).normal(0, 0.02, (400, 6)).astype(np.float32)
    x[::40] += 5
    quiet, weak = x.copy(), x.copy()
    quiet[x < 1] -= 0.3
    weak[x > 1] -= 0.3

    def ratio(loss):
        return value_of(loss, quiet, x) / value_of(loss, weak, x)

    sliced = ratio(losses.sliced_transport(widths=(1,), directions=16))
    assert sliced > 10 and sliced > 10 * ratio(losses.infinite_gram([[Layer(1)]]))


def test_sliced_transport_sees_order_within_patches_alone():
    """Patches of one frame have no order; rising frames in patches of eight have."""
    x = np.random.default_rng(1).normal(size=(300, 4)).astype(np.float32)
    order = np.random.default_rng(2).permutation(300)
    single = losses.sliced_transport(widths=(1,), directions=8)
    assert value_of(single, x[order], x) < 1e-10
    rising = np.cumsum(x, axis=0) / 10
    assert (
        value_of(losses.sliced_transport(widths=(8,), directions=8), rising[order], rising) > 0.05
    )


# ---------------------------------------------------------------- auditory statistics


def test_auditory_statistics_are_those_of_each_channel():
    """The mean over channels; a gain of one of two channels is heard in that channel alone."""
    rate = 2000
    wave = np.random.default_rng(0).normal(0, 0.1, (2 * rate, 2)).astype(np.float32)
    loss, louder = losses.auditory_statistics(rate), wave * np.array([[1.0, 2.0]], np.float32)
    together = value_of(loss, louder, wave)
    (left, _), (right, terms) = (
        value_and_terms(loss, louder[:, i : i + 1], wave[:, i : i + 1]) for i in range(2)
    )
    assert together == pytest.approx(0.5 * (left + right), rel=1e-3)
    assert left < 1e-6 < terms["mean"]


def test_auditory_statistics_ignore_where_a_sound_begins():
    """Noise cut elsewhere is nearer than modulated noise: catches statistics of the wave itself."""
    rate = 2000
    noise = np.random.default_rng(0).normal(0, 0.1, (6 * rate, 1)).astype(np.float32)
    time = np.arange(len(noise)) / rate
    trembling = noise * (1 + np.sin(2 * np.pi * 8 * time, dtype=np.float32))[:, None]
    loss, half = losses.auditory_statistics(rate), 3 * rate
    elsewhere = value_of(loss, noise[half:], noise[:half])
    assert value_of(loss, trembling[:half], noise[:half]) > 20 * elsewhere


# ---------------------------------------------------------------- content and envelopes


def test_content_in_closed_form_is_that_of_many_filters():
    """Two widths of unequal weights: 4096 explicit filters come within a few percent."""
    layers = [[Layer(2, 1, 1, 4096)], [Layer(5, 1, 1, 4096)]]
    nets = [networks.FrequencyAsChannels(stack, "normal", "valid") for stack in layers]

    def init(key, x):
        return [net.init(key, x) for net in nets]

    def taps(variables, x):
        outputs = [net.apply(own, x) for net, own in zip(nets, variables, strict=True)]
        return {str(i): output["relu_1"] for i, output in enumerate(outputs)}

    weights = {"0": 3.0, "1": 1.0}
    explicit = combinators.of_network(
        init, taps, jax.random.key(0), losses.content(), weights=weights
    )
    closed = losses.infinite_content(layers, weights=[3.0, 1.0])
    value = value_of(closed, SHORT_Y, X)
    assert value == pytest.approx(value_of(explicit, SHORT_Y, X), rel=0.05)
    assert value_of(closed, X, X) == pytest.approx(0, abs=1e-6)
    assert value_of(closed, 0 * X, X) == pytest.approx(1, rel=1e-4)
    assert not np.isclose(value, value_of(losses.infinite_content(layers), SHORT_Y, X), rtol=1e-3)


def test_content_of_another_length_is_refused():
    """Catches a content compared with a part of the canvas."""
    with pytest.raises(ValueError, match="x and content must have the same shape"):
        losses.content().distance(Y, X)


@pytest.mark.parametrize("axis, over", [("time", 1), ("frequency", 0)])
def test_envelopes(axis, over):
    """Zero where the other axis is reversed, else the relative square of the means' difference."""
    loss = losses.envelope(axis)
    assert value_of(loss, np.flip(X, axis=over).copy(), X) == pytest.approx(0, abs=1e-6)
    wanted, means = X.mean(axis=over), SHORT_Y.mean(axis=over)
    expected = np.sum((means - wanted) ** 2) / np.sum(wanted**2)
    assert value_of(loss, SHORT_Y, X) == pytest.approx(expected, rel=1e-4)
    if axis == "time":
        assert np.isfinite(value_of(loss, X, Y)), "lengths may differ"


# ---------------------------------------------------------------- regularisers


def test_bounds_are_the_authors_formula():
    """|| max(x - 1, 0) + max(0 - x, 0) ||_2 (paper.md A.4), of slope 1 outside."""
    x = np.random.default_rng(0).normal(0.5, 0.6, (9, 8)).astype(np.float32)
    outside = np.maximum(x.astype(np.float64) - 1, 0) + np.maximum(-x.astype(np.float64), 0)
    size = np.linalg.norm(outside)
    value, gradient = value_and_gradient(losses.bounds(), x)
    assert value == pytest.approx(size, rel=1e-6)
    assert list(value_and_terms(losses.bounds(), x)[1]) == ["bounds"]
    np.testing.assert_allclose(gradient, np.sign(x - 0.5) * outside / size, atol=1e-6)


@pytest.mark.parametrize("x", [np.linspace(0, 1, 50), np.zeros(5), np.ones(5)], ids=len)
def test_bounds_have_no_slope_inside(x):
    """Catches the root's infinite slope at zero, where a canvas mostly is."""
    value, gradient = value_and_gradient(losses.bounds(), x.astype(np.float32))
    assert value == 0 and not np.any(gradient)


def test_variation_and_sixth_powers():
    """Flat costs no variation, a step its square; sixth powers are of values."""
    flat = np.full((4, 3), 2.0, np.float32)
    step = np.repeat(np.float32([0, 0, 1, 1]), 3).reshape(4, 3)
    assert value_of(losses.total_variation(), flat, ()) == 0
    assert value_of(losses.total_variation(), step, ()) == pytest.approx(1 / 3)
    assert value_of(losses.sixth_power(), flat, ()) == pytest.approx(64)


@pytest.mark.long
def test_gaussians_of_several_networks_are_fitted_on_two_cores():
    """Batches of decompositions at once waited for each other for ever; a process can be ended."""
    lines = (
        "import jax, numpy as np",
        "from audio_texture import losses",
        "maps = [np.random.default_rng(i).standard_normal((250, 257, 4)) for i in range(8)]",
        "fit = losses.gaussian_transport().fit",
        "maps = [features.astype(np.float32) for features in maps]",
        "roots = jax.jit(lambda maps: [fit(features)['root'] for features in maps])(maps)",
        "print(len(jax.block_until_ready(roots)))",
    )
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert done.stdout.strip() == "8"
