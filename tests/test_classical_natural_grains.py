"""classical.natural_grains: cuts lie between events, which stay whole in a new order."""

import jax
import numpy as np
import pytest
from classical_contract import assert_keeps_the_contract
from metric_sounds import RATE, make_noise

from audio_texture import metrics, recipes
from audio_texture.classical import natural_grains as grains
from audio_texture.classical.grains import join_grains
from audio_texture.errors import ChoiceError

FADE = round(0.005 * RATE)


def sample(wave, *, seed=0, samples=None, ms=40.0, cuts=50.0, likeness=2.0, rate=RATE):
    """A texture of a wave [N] or [C, N], as long as the wave unless told."""
    wave = np.atleast_2d(wave)
    return grains.natural_grains(
        jax.random.key(seed),
        wave,
        samples=wave.shape[1] if samples is None else samples,
        sample_rate=rate,
        natural_grain_ms=ms,
        natural_grain_cuts=cuts,
        natural_grain_likeness=likeness,
    )


def make_strokes(seed=0, seconds=6.0, floor=0.003):
    """Strokes of noise that decay within 0.1 s, apart, over faint noise: ([N], onsets)."""
    rng = np.random.default_rng(seed)
    wave = floor * rng.standard_normal(round(seconds * RATE))
    decay = np.exp(-np.arange(round(0.15 * RATE)) / (0.03 * RATE))
    onsets = np.cumsum(rng.uniform(0.18, 0.4, round(seconds / 0.3))) * RATE
    onsets = onsets[onsets < len(wave) - 2 * len(decay)].astype(int)
    for onset in onsets:
        stroke = rng.uniform(0.5, 1) * decay * rng.standard_normal(len(decay))
        wave[onset : onset + len(decay)] += stroke
    return (0.1 * wave / np.std(wave)).astype(np.float32), onsets


def find_cuts(wave, *, ms=40.0, percent=50.0):
    frames = grains.measure_bands(np.atleast_2d(wave), RATE)
    return grains.find_cuts(frames, shortest=ms / 1000 * RATE, percent=percent)


def share_cut(onsets, cuts):
    """Share of the strokes with a cut between 2 ms after their onset and 30 dB of their decay."""
    inside = (cuts > onsets[:, None] + 0.002 * RATE) & (cuts < onsets[:, None] + 0.1 * RATE)
    return np.mean(np.any(inside, axis=1))


@pytest.mark.parametrize("floor", [0.0003, 0.03])
def test_cuts_fall_between_events(floor):
    """Grains of the same number, cut at random places, break every third stroke and more."""
    wave, onsets = make_strokes(floor=floor)
    cuts = find_cuts(wave)
    rng = np.random.default_rng(0)
    at_random = [share_cut(onsets, rng.uniform(0, len(wave), len(cuts))) for _ in range(20)]
    assert len(cuts) > 1.3 * len(onsets)
    assert np.mean(at_random) > 0.4 and share_cut(onsets, cuts) < 0.06


def test_no_cut_falls_on_a_click():
    """Catches frames that share the click on both sides of a cut, so that nothing changes there."""
    wave, rng = make_noise(0), np.random.default_rng(0)
    places = np.arange(1, 40) * 1200 + rng.integers(-300, 300, 39)
    wave[places] += 2.0
    nearest = np.min(np.abs(find_cuts(wave)[:, None] - places), axis=1)
    assert len(nearest) > 25 and np.min(nearest) > 0.003 * RATE


def test_events_stay_whole_in_the_result():
    """Each onset of the result goes on into the decay of a stroke, to the sample."""
    wave, onsets = make_strokes()
    result = sample(wave)[0]
    strokes = np.stack([wave[o : o + round(0.09 * RATE)] for o in onsets])
    strokes /= np.linalg.norm(strokes, axis=1, keepdims=True)
    beginnings = strokes[:, : round(0.008 * RATE)]
    windows = np.lib.stride_tricks.sliding_window_view(result, strokes.shape[1])
    heads = windows[:, : beginnings.shape[1]]
    norm = np.linalg.norm(heads, axis=1, keepdims=True) * np.linalg.norm(beginnings, axis=1)
    began = np.argwhere(heads @ beginnings.T > 0.999 * norm)
    whole = [
        windows[start] @ strokes[which] / np.linalg.norm(windows[start]) for start, which in began
    ]
    assert len(whole) > 0.6 * len(onsets)
    assert np.mean(np.array(whole) > 0.99) > 0.9


def test_the_order_is_new_and_joints_are_smooth():
    wave, _ = make_strokes()
    row = metrics.evaluate(sample(wave), wave, sample_rate=RATE)
    assert row["followed"] < 0.3 and row["clicks"] == 0 and row["silence"] == 0
    assert row["spectrum_db"] < 1.5 and abs(row["level_db"]) < 1.5


def test_likeness_joins_like_ends():
    wave = make_noise(0)
    frames, cuts = grains.measure_bands(wave[None], RATE), find_cuts(wave)
    tables = [grains.weigh_successors(frames, cuts, likeness=power) for power in (0, 1, 2, 8)]
    closest = np.argsort(tables[1], axis=1)[:, -5:]
    shares = []
    for table in tables:
        # Every grain is drawn equally often, and none follows itself.
        np.testing.assert_allclose(np.sum(table, axis=0), 1, atol=0.05)
        assert np.all(np.diag(table) == 0)
        # The recording's own order is likely, not certain.
        assert np.mean(np.diag(table, 1)) < 0.3
        shares.append(np.mean(np.sum(np.take_along_axis(table, closest, axis=1), axis=1)))
    assert shares[0] == pytest.approx(5 / (len(cuts) - 2))
    assert np.all(np.diff(shares) > 0.05)


def test_digital_silence_between_events():
    """Catches a division by a median distance of 0."""
    wave, _ = make_strokes(floor=0.0)
    for likeness in (0.0, 2.0, 1000.0):
        assert np.all(np.isfinite(sample(wave, likeness=likeness)))


def test_fewer_cuts_and_longer_least_grains_make_longer_grains():
    wave = make_noise(0)
    lengths = [np.mean(np.diff(find_cuts(wave, percent=percent))) for percent in (20, 50, 100)]
    assert lengths[0] > 1.4 * lengths[1] > 1.4 * lengths[2]
    for ms in (10, 40, 120):
        shortest = ms / 1000 * RATE
        cuts = grains.add_edges(
            find_cuts(wave, ms=ms, percent=100), len(wave), fade=FADE, shortest=shortest
        )
        assert np.min(np.diff(cuts)) >= shortest
    # Nothing of the recording is lost but a grain at most at each end.
    assert cuts[0] < shortest + FADE and cuts[-1] > len(wave) - shortest - FADE


def test_joined_neighbours_are_the_recording_and_fades_keep_the_power():
    wave = make_noise(0, seconds=2.0)[None]
    edges = np.arange(100, wave.shape[1] - 100, 1000)
    result = join_grains(wave, edges[:-1], edges[1:], fade=FADE, samples=len(wave[0]))
    np.testing.assert_array_equal(result[0], wave[0, edges[0] : edges[-1]])
    order = np.random.default_rng(0).permutation(len(edges) - 1)
    result = join_grains(wave, edges[:-1][order], edges[1:][order], fade=400, samples=10**6)
    assert result.shape[1] == edges[-1] - edges[0]
    joints = np.arange(1, len(order)) * 1000
    around = np.concatenate([result[0, joint - 50 : joint + 50] for joint in joints])
    assert np.std(around) == pytest.approx(np.std(wave), rel=0.1)


def test_any_rate_length_and_level():
    assert_keeps_the_contract("natural-grains")


def test_channels_stay_together():
    wave = make_noise(3)
    left, right = sample(np.stack([wave, -0.5 * wave]))
    np.testing.assert_allclose(right, -0.5 * left, atol=1e-6)


def test_extreme_choices_and_sounds():
    """A least grain longer than the recording, few cuts, and a tone that hardly changes."""
    wave = make_noise(0, seconds=0.5)
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    for result in (sample(wave, ms=4000.0), sample(wave, cuts=0.01), sample(tone)):
        assert np.all(np.isfinite(result)) and np.std(result) > 0.05
    with pytest.raises(ChoiceError, match=r"natural_grain_cuts must be at most 100 \(%\), got 101"):
        recipes.named("natural-grains").replace(natural_grain_cuts=101.0)
