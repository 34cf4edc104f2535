"""Events in textures: clicks, rhythms and the ground between them, in starts and results."""

import jax
import numpy as np
import pytest
import scipy.ndimage
from helpers import highest_correlation, noise, relative_error
from metric_sounds import make_impulses
from small_recipes import (
    ALONE,
    RATE,
    REFERENCE,
    make_texture,
    measure_kurtosis,
    prepare,
    small,
)

from audio_texture import layout, matching, metrics, recipes, sounds, walk
from audio_texture.views import View


def test_events_come_back():
    """Clicks stay clicks, where noise of the same spectrum has none: what the whole is for."""
    reference, started = measure_kurtosis(REFERENCE), 3.0
    assert reference > 8
    texture = make_texture(small("texture", evaluations=150))
    assert measure_kurtosis(texture.wave) > started + 0.35 * (reference - started)


def test_little_of_a_canvas_is_cut_off():
    """Catches ends as long as the longest window: loud events collected where they are cut off."""
    recipe = recipes.named("texture").replace(views=(View(8, (2,), 128.0, 32.0),))
    plan = layout.lay_out(recipe, [REFERENCE], [1.0], RATE, 8000)
    canvas = plan.canvas.init(jax.random.key(0))
    assert canvas["noise"].shape[1] <= 8000 + 2 * 0.032 * RATE + 200


def test_every_stretch_has_its_share():
    """All events in the first half: the whole has the reference's patches, its halves have not."""
    alternating = np.repeat(np.float32([1.0, 0.1] * 20), 400)
    halves = np.repeat(np.float32([1.0, 0.1]), 8000)
    reference, x = noise(16000) * alternating, noise(16000, seed=1) * halves

    def distance(seconds):
        recipe = recipes.named("texture").replace(
            **ALONE | {"patches_weight": 1.0},
            views=(),
            patches_views=(View(8, (1,), 32.0, 8.0),),
            stretch_seconds=seconds,
        )
        style = matching.style_objective(recipe, RATE, [1.0])
        return float(jax.jit(lambda y, x: style.distance(style.fit([y]), x)[0])(reference, x))

    assert distance(1.1) > 5 * distance(2.5)


def test_a_walk_starts_in_the_references_rhythm():
    """The start ticks in the reference's period, where noise does not, and is no copy of it."""
    period, wave = RATE // 5, 0.02 * noise(2 * RATE)
    for tick in range(period // 3, 2 * RATE - 100, period):
        wave[:, tick : tick + 100] += noise(100, seed=tick)

    def start_of(problem, seed=0):
        parameters, data = problem.init(jax.random.key(seed))
        key = jax.random.key(1)
        return np.asarray(problem.compiled.to_wave(key, parameters, data["constants"]))

    def regularity(wave):
        level = np.log(scipy.ndimage.uniform_filter1d(wave[0] ** 2, 200) + 1e-9)[::10]
        return np.corrcoef(level[: -period // 10], level[period // 10 :])[0, 1]

    walks, plain = (
        prepare(small(start=start), [wave], seconds=2.0) for start in ("walk", "standard")
    )
    assert regularity(start_of(walks)) > 0.6 and regularity(start_of(plain)) < 0.3
    assert highest_correlation(start_of(walks)[0], wave[0]) < 0.3, "the reference itself"
    assert relative_error(start_of(walks, 1), start_of(walks, 2)) > 0.5
    np.testing.assert_array_equal(start_of(walks), start_of(walks))


def test_a_walk_is_as_loud_in_each_half_as_its_reference(monkeypatch):
    """Catches a single walk, in which what is loud may come in one half."""
    levels = np.random.default_rng(0).uniform(-1.5, 0, 20)
    steps = np.repeat([*levels, *levels[::-1]], 800).astype(np.float32)
    problem = prepare(small(), [noise(32000) * 10**steps], seconds=4.0)

    def unevenness():
        """How far the halves' mean log gains are apart, over twelve starts."""
        differences = []
        for seed in range(12):
            gains = np.asarray(problem.init(jax.random.key(seed))[0]["gain"]).mean(axis=(0, 2))
            first, second = np.array_split(gains, 2)
            differences.append(abs(first.mean() - second.mean()))
        return np.mean(differences)

    best = unevenness()
    monkeypatch.setattr(walk, "DRAWS", 1)
    monkeypatch.setattr(walk, "FEWEST_DRAWS", 1)
    single = unevenness()
    assert best < 0.8 * single, (best, single)


def test_rhythm_returns_as_the_time_scale_grows():
    """A clock of half a second: kernels of 50 ms keep its ticks, those of 700 ms its beat too."""
    clock = sounds.make("clock", jax.random.key(0), 4.0, 4000)[None]

    def beat(wave):
        """Autocorrelation of the level at the period, to within 5 %."""
        blocks = wave[0, : wave.shape[1] // 20 * 20].reshape(-1, 20)
        level = np.sqrt(np.mean(blocks**2, axis=1))
        level = level - np.mean(level)
        products = [np.mean(level[:-lag] * level[lag:]) for lag in range(190, 211)]
        return max(products) / np.mean(level**2)

    waves = {}
    for scale in (50.0, 700.0):
        recipe = small(views=(View(12, (1,), 32.0, 8.0),), time_scale=(scale,), evaluations=80)
        waves[scale] = make_texture(recipe, [clock], rate=4000, seconds=3.0).wave
        # Ticks, where noise has a kurtosis of 3.
        assert measure_kurtosis(waves[scale]) > 10
    assert beat(clock) > 0.8 and beat(waves[50.0]) < 0.2 < 0.7 < beat(waves[700.0])


def test_levels_keep_the_ground_between_ticks():
    """Ticks 50 dB over a ground: without the bands' levels, the ground comes out too loud."""
    wave = noise(8000, level=1e-3)
    for tick in (900, 2900, 4900, 6900):
        wave[:, tick : tick + 60] += noise(60, seed=tick, level=0.3)

    def ground(x):
        """The median level of 10 ms, in dB."""
        return 20 * np.log10(np.median(np.sqrt(np.mean(x.reshape(-1, 80) ** 2, axis=1))))

    with_levels, without = (
        ground(make_texture(small(**choices), [wave], seconds=1.0).wave) - ground(wave)
        for choices in ({}, {"levels_weight": 0.0})
    )
    assert abs(with_levels) < 2 < without, (with_levels, without)


@pytest.mark.slow
def test_novelty_makes_new_events():
    """Without it the walk leaves half seconds in the recording's order, or in its own; with it not.

    The clicks stay: their rate is the recording's.
    """
    clicks = make_impulses(0)[None, ::2]

    def follow(novelty):
        wave = make_texture(small(novelty=novelty, evaluations=30), [clicks], seconds=3.0).wave
        pair = (metrics.preprocess(x, sample_rate=8000, rate=8000) for x in (wave, clicks))
        wave, reference = pair
        onsets = [len(metrics.detect_onsets(x, sample_rate=8000)[0]) for x in (wave, reference)]
        shares = metrics.measure_following(wave, reference, sample_rate=8000)
        return sum(shares.values()), onsets[0] / onsets[1]

    (as_before, _), (new, rate) = follow(0.0), follow(1.0)
    assert as_before > 0.1 and new == 0, (as_before, new)
    assert 0.7 < rate < 1.4, rate
