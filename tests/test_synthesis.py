"""synthesis.py from end to end, on sounds of half a second: what a user would notice in the result."""

import functools
import os
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
from helpers import correlated, correlation_of, crackle, highest_correlation, noise, relative_error

from audio_texture import (
    audio,
    layout,
    matching,
    recipes,
    references,
    sounds,
    spectrogram,
    synthesis,
    views,
    walk,
)
from audio_texture.views import View

RATE, SECONDS = 8000, 0.5
REFERENCE = crackle(6000)
# The recipes as they are, but for the sizes.
SMALL = {
    "texture": {
        "views": (View(0, (1, 3), 16.0, 4.0), View(8, (2, 6), 16.0, 4.0)),
        "evaluations": 40,
    },
    "texture-fast": {
        "views": (View(0, (1, 3), 16.0, 4.0), View(8, (2, 6), 16.0, 4.0)),
        "evaluations": 40,
    },
    "mcdermott-simoncelli": {"evaluations": 40},
    "infinite-width": {
        "views": (View(0, (2, 6), 16.0, 4.0),),
        "sample_rate": 8000,
        "evaluations": 40,
        "phase_iterations": 20,
    },
    "antognini": {
        "views": (View(0, (2, 5), 16.0, 4.0),),
        "sample_rate": 8000,
        "filters": 16,
        "evaluations": 40,
        "phase_iterations": 20,
    },
    "caracalla-roebel": {
        "views": (View(0, (3, (2, 5)), 16.0, 8.0),),
        "sample_rate": 8000,
        "filters": 6,
        "evaluations": 40,
    },
    "gaussian-ot": {
        "views": (View(0, ((2, 9),), 16.0, 8.0),),
        "sample_rate": 8000,
        "filters": 2,
        "evaluations": 40,
    },
    "ustyuzhaninov": {
        "views": (View(0, (3, 5), 16.0, 4.0),),
        "sample_rate": 8000,
        "filters": 6,
        "evaluations": 40,
        "phase_iterations": 20,
    },
    "paper-1d": {
        "views": (View(0, (5,), 16.0, 4.0),),
        "sample_rate": 8000,
        "filters": 32,
        "evaluations": 40,
        "phase_iterations": 20,
    },
}
# The networks and levels without the terms beside them.
ALONE = {"auditory_weight": 0.0, "patches_weight": 0.0, "rhythm_weight": 0.0}
FINITE = {"filters": 24, "depth": 2, "pool": 2}
of_every = pytest.mark.parametrize("name", recipes.names("texture"))


def small(name="texture-fast", **choices):
    """The default's networks and levels alone where no other recipe is asked for: it compiles in a third of the time."""
    return recipes.named(name).replace(**{**SMALL[name], **choices})


def prepared(recipe, references=(REFERENCE,), *, rate=RATE, seconds=SECONDS, **mixture):
    return synthesis.prepare(recipe, list(references), sample_rate=rate, seconds=seconds, **mixture)


@functools.cache
def shared(name, **choices):
    recipe = small(name, **choices)
    return recipe, prepared(recipe)


@functools.cache
def made(name="texture-fast", seed=0):
    """A texture of the shared reference."""
    recipe, problem = shared(name)
    return synthesis.run(problem, jax.random.key(seed))


def make(recipe, references=(REFERENCE,), *, seed=0, **inputs):
    return synthesis.run(prepared(recipe, references, **inputs), jax.random.key(seed))


def first_and_last(texture):
    rows = texture.outcome.progress
    return rows[0].loss, rows[-1].loss


def start_value(problem, recipe):
    """Loss of what a run starts from, by the program that is compiled for the run anyway."""
    return first_and_last(synthesis.run(problem, jax.random.key(0)))[0]


def test_every_recipe_is_tested():
    assert set(SMALL) == set(recipes.names("texture"))


@pytest.mark.slow
@of_every
def test_a_texture_has_length_level_and_rate(name):
    """The contract of every recipe: exact length, the reference's level, nothing clipped or broken."""
    texture = made(name)
    assert texture.wave.shape == (1, round(SECONDS * RATE)) and texture.wave.dtype == np.float32
    assert np.all(np.isfinite(texture.wave)) and np.max(np.abs(texture.wave)) < 1
    expected = audio.audible_rms(REFERENCE, sample_rate=RATE) * 10 ** (-texture.lowered_db / 20)
    assert audio.audible_rms(texture.wave, sample_rate=RATE) == pytest.approx(expected, rel=1e-4)
    assert (
        texture.outcome.reason == "evaluations" and texture.outcome.progress[-1].evaluations == 40
    )


@of_every
def test_the_loss_falls_far(name):
    """Within 40 evaluations to a fifth of the start at the least; the terms add up."""
    recipe, problem = shared(name)
    start = start_value(problem, recipe)
    last = made(name).outcome.progress[-1]
    assert last.loss < 0.2 * start
    assert sum(last.terms.values()) == pytest.approx(last.loss, rel=1e-4)


@of_every
def test_the_key_is_all_the_chance_there_is(name):
    """Same key, same samples, from a problem prepared anew; another key, another texture."""
    again = make(small(name))
    np.testing.assert_array_equal(again.wave, made(name).wave)
    other = made(name, seed=1).wave[0]
    assert abs(correlation_of(other, made(name).wave[0])) < 0.5
    assert first_and_last(made(name, seed=1))[1] != first_and_last(made(name))[1]


@of_every
def test_no_copy_of_the_reference(name):
    """Correlation at every lag, against that of an independent sound of the same kind."""
    independent = highest_correlation(crackle(4000, seed=5)[0], REFERENCE[0])
    assert highest_correlation(made(name).wave[0], REFERENCE[0]) < max(0.35, 1.7 * independent)


def kurtosis(wave):
    return float(np.mean(wave**4) / np.mean(wave**2) ** 2)


def test_little_of_a_canvas_is_cut_off():
    """Catches ends as long as the longest window: what is cut off counts in every statistic, and loud moments went there."""
    recipe = recipes.named("texture").replace(views=(View(8, (2,), 128.0, 32.0),))
    plan = layout.lay_out(recipe, [REFERENCE], [1.0], RATE, 8000)
    assert plan.canvas.init(jax.random.key(0))["noise"].shape[1] <= 8000 + 2 * 0.032 * RATE + 200


def test_every_stretch_has_its_share():
    """All that is loud in the first half: the whole has the reference's patches, its halves have not."""
    alternating, halves = (
        np.repeat(np.float32(gains), count)
        for gains, count in (([1.0, 0.1] * 20, 400), ([1.0, 0.1], 8000))
    )
    reference, x = noise(16000) * alternating, noise(16000, seed=1) * halves

    def distance(seconds):
        recipe = recipes.named("texture").replace(
            views=(),
            patches_views=(View(8, (1,), 32.0, 8.0),),
            patches_weight=1.0,
            stretch_seconds=seconds,
        )
        style = matching.style_objective(
            recipe.replace(**{**ALONE, "patches_weight": 1.0}), RATE, [1.0]
        )
        return float(jax.jit(lambda y, x: style.distance(style.fit([y]), x)[0])(reference, x))

    assert distance(1.1) > 5 * distance(2.5)


def test_events_come_back():
    """Clicks stay clicks, where noise of the same spectrum has none: what the whole thing is for."""
    reference, started = kurtosis(REFERENCE), 3.0
    assert reference > 8
    texture = make(small("texture", evaluations=150))
    assert kurtosis(texture.wave) > started + 0.35 * (reference - started)


@pytest.mark.slow
def test_a_walk_starts_in_the_references_rhythm():
    """Ticks are a period apart before a step is made, which noise has no trace of, and the carrier is not the reference's."""
    period, wave = RATE // 5, 0.02 * noise(2 * RATE)
    for tick in range(period // 3, 2 * RATE - 100, period):
        wave[:, tick : tick + 100] += noise(100, seed=tick)

    def started(start, seed=0):
        problem = prepared(small(start=start), [wave], seconds=2.0)
        parameters, data = problem.init(jax.random.key(seed))
        return np.asarray(
            problem.compiled.to_wave(jax.random.key(1), parameters, data["constants"])
        )

    def regularity(wave):
        level = np.log(scipy.ndimage.uniform_filter1d(wave[0] ** 2, 200) + 1e-9)[::10]
        return np.corrcoef(level[: -period // 10], level[period // 10 :])[0, 1]

    assert regularity(started("walk")) > 0.6 and regularity(started("standard")) < 0.3
    assert highest_correlation(started("walk")[0], wave[0]) < 0.3, "The reference itself."
    assert relative_error(started("walk", 1), started("walk", 2)) > 0.5
    np.testing.assert_array_equal(started("walk"), started("walk"))


@pytest.mark.parametrize(
    "choices",
    [
        FINITE,
        {"pool": 2, "depth": 2, "normalised_by": "start"},
        {"optimizer": "adam", "learning_rate": 0.05, "level": 0.0},
    ],
    ids=str,
)
def test_choices_run(choices):
    """Finite networks, depth and pools, the other optimiser, the other normalisations: all lower the loss."""
    recipe = small(**choices, views=(View(8, (3,), 16.0, 4.0),), evaluations=25)
    problem = prepared(recipe)
    start, texture = start_value(problem, recipe), synthesis.run(problem, jax.random.key(0))
    assert np.all(np.isfinite(texture.wave)) and first_and_last(texture)[1] < 0.7 * start
    if recipe.matching.normalised_by == "start":
        assert start == pytest.approx(1, rel=1e-4)


def test_bounds_keep_their_weight_beside_a_distance_brought_to_one():
    """Scaled with a tiny distance they were walls that stopped every step."""
    recipe = small(
        "infinite-width",
        normalised_by="start",
        style_weight=1e-6,
        bound_weight=0.5,
        start="uniform",
        views=(View(0, (2,), 16.0, 4.0),),
    )
    problem = prepared(recipe)
    parameters, data = problem.init(jax.random.key(0))
    total, terms = problem.compiled.loss(parameters, data)
    assert total == pytest.approx(1, rel=1e-3) and terms["bound"] == 0
    outside = np.asarray(parameters) + 2
    assert problem.compiled.loss(outside, data)[1]["bound"] == pytest.approx(
        0.5 * np.linalg.norm(outside - 1), rel=1e-4
    )


def test_random_phases_run():
    recipe = small(
        "infinite-width",
        phase_start="random",
        phase_momentum=0.0,
        evaluations=5,
        views=(View(0, (2,), 16.0, 4.0), View(8, (4,), 16.0, 4.0)),
    )
    texture = make(recipe)
    assert np.all(np.isfinite(texture.wave)) and texture.wave.shape == (1, 4000)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, rate, model_rate, seconds",
    [
        ("texture-fast", 11025, 8000, 0.333),
        ("texture-fast", 96000, 0, 0.1),
        ("infinite-width", 6000, 8000, 0.2501),
        ("infinite-width", 11025, 8000, 0.333),
    ],
)
def test_any_rate_and_length(name, rate, model_rate, seconds):
    """Modelled at another rate, the result is at the input's own, of the length asked for to the sample."""
    recipe = small(
        name,
        sample_rate=model_rate,
        views=(View(8, (2,), 16.0, 4.0),),
        evaluations=3,
        phase_iterations=2,
    )
    assert references.model_sample_rate(recipe, rate) == (model_rate or 48000)
    reference = noise(round(0.3 * rate))
    texture = make(recipe, [reference], rate=rate, seconds=seconds)
    assert texture.wave.shape == (1, round(seconds * rate)) and np.all(np.isfinite(texture.wave))
    assert audio.audible_rms(texture.wave, sample_rate=rate) == pytest.approx(
        audio.audible_rms(reference, sample_rate=rate), rel=0.01
    )


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.9, 0.0, -0.7])
def test_stereo_keeps_its_image(correlation):
    """The width of the image, before and after the optimisation."""
    recipe = small(views=(View(8, (1, 3), 16.0, 4.0),), evaluations=30)
    reference = correlated(8000, correlation)
    texture = make(recipe, [reference])
    assert texture.wave.shape == (2, 4000)
    assert correlation_of(*texture.wave) == pytest.approx(correlation_of(*reference), abs=0.1)
    sides = np.sqrt(np.mean(texture.wave**2, axis=1) / np.mean(reference**2, axis=1))
    np.testing.assert_allclose(sides, 1, rtol=0.15)


def test_dual_mono_stays_in_the_middle():
    """Two equal channels: a singular spectrum, and differences that are exactly silent."""
    recipe = small(views=(View(8, (2,), 16.0, 4.0),), evaluations=10)
    texture = make(recipe, [np.repeat(REFERENCE, 2, axis=0)])
    assert np.all(np.isfinite(texture.wave)) and correlation_of(*texture.wave) > 0.99


@pytest.mark.slow
def test_a_mixture_of_one_is_that_one():
    """Weights 1 : 0 give the first alone: in its spectrum, its statistics and its level."""
    recipe = small(views=(View(8, (2,), 16.0, 4.0),), evaluations=10)
    other = noise(5000, seed=3)
    alone = make(recipe).wave
    assert relative_error(make(recipe, [REFERENCE, other], weights=[1.0, 0.0]).wave, alone) < 0.02


@pytest.mark.long
def test_long_textures_are_as_good_in_every_block():
    """Four times as long as a block: the loss per block ends as low, and no stretch is left silent."""
    recipe = small(views=(View(8, (2, 6), 16.0, 4.0),), block_seconds=0.5, evaluations=50)
    short, long = make(recipe), make(recipe, seconds=2.0)
    assert long.wave.shape == (1, 16000)
    assert first_and_last(long)[1] < 2 * first_and_last(short)[1]
    levels = np.sqrt(np.mean(long.wave.reshape(4, -1) ** 2, axis=1))
    assert np.max(levels) < 2 * np.min(levels)


def test_gain_changes_the_level_alone():
    """A quieter recording of the same sound gives the same texture, quieter. A power of two: exact in every float."""
    quiet = make(small(), [0.125 * REFERENCE]).wave
    np.testing.assert_allclose(8 * quiet, made().wave, atol=1e-6)


def test_an_offset_changes_nothing():
    """Catches DC of a cheap recorder taken for a part of the texture."""
    shifted = make(small(evaluations=5), [REFERENCE + np.float32(0.25)]).wave
    assert abs(np.mean(shifted)) < 1e-3
    assert (
        relative_error(
            shifted / audio.rms(shifted),
            (lambda wave: wave / audio.rms(wave))(make(small(evaluations=5)).wave),
        )
        < 0.05
    )


# --- scales


CQT = View(12, (2,), 64.0, 8.0, scale="cqt")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, choices",
    [
        ("texture-fast", {"views": (CQT,)}),
        ("texture-fast", {"views": (View(12, (2,), 16.0, 4.0, scale="log"),)}),
        ("infinite-width", {"views": (CQT,)}),
        ("infinite-width", {"views": (View(0, (2,), 16.0, 4.0, scale="log"),)}),
        (
            "texture-fast",
            {"views": (View(0, ((4, 3),), 16.0, 4.0),), "network": "1d-time", "filters": 16},
        ),
    ],
    ids=["cqt", "log", "cqt spectrogram", "log spectrogram", "time as channels"],
)
def test_other_axes_of_frequency(name, choices):
    """On either canvas: the loss falls, and the sound has the reference's spectrum, which an axis undone wrongly would not leave it."""
    recipe = small(name, **choices, evaluations=20)
    problem = prepared(recipe)
    start, texture = start_value(problem, recipe), synthesis.run(problem, jax.random.key(0))
    assert texture.wave.shape == (1, 4000) and first_and_last(texture)[1] < 0.9 * start
    bands = [
        10
        * np.log10(
            np.add.reduceat(
                np.abs(np.fft.rfft(wave)) ** 2, [len(wave) // 32, len(wave) // 8, len(wave) // 4]
            )
            / np.sum(wave**2)
        )
        for wave in (texture.wave[0], REFERENCE[0, :4000])
    ]
    np.testing.assert_allclose(*bands, atol=4.5)


def test_cqt_views_leave_out_what_a_circle_would_close():
    """A reference's end does not meet its beginning: a click at its very beginning stays unseen at the end."""
    look = lambda wave, circular: np.asarray(
        views.of_wave(jnp.asarray(wave[None]), view=CQT, rate=RATE, circular=circular)
    )
    wave = np.zeros(4000, np.float32)
    wave[3] = 1
    assert look(wave, False)[-1].max() < 0.15 * look(wave, True)[-1].max()
    # Turned by whole hops, a circle is seen turned.
    turned = look(np.roll(crackle(4032)[0], 640), True)
    np.testing.assert_allclose(
        turned, np.roll(look(crackle(4032)[0], True), 10, axis=0), atol=2e-3 * np.max(turned)
    )


@pytest.mark.slow
@pytest.mark.parametrize("network, filters", [("1d-time", 64), ("2d", 16)])
def test_nets_along_frequency_know_a_transposed_sound_on_a_constant_q_axis(esc10, network, filters):
    """A rooster a fifth higher: next to no other statistics on an axis of constant Q, where one in Hz has stretched its harmonics."""
    wave, rate = audio.read(f"{esc10}/rooster/1-26806-A.ogg", seconds=2.0)
    rooster, higher = (audio.resample(wave, rate, to) for to in (RATE, RATE * 2 // 3))
    found = {}
    for view in (View(0, ((4, 7),), 32.0, 8.0), View(24, ((4, 7),), 250.0, 8.0, scale="cqt")):
        recipe = recipes.named("texture-fast").replace(
            views=(view,),
            network=network,
            filters=filters,
            compression="fixed",
            standardised=False,
            levels_weight=0.0,
        )
        style = matching.style_objective(recipe, RATE, [1.0])
        apart = jax.jit(lambda x, y: style.distance(style.fit([y]), x)[0])
        found[view.scale] = float(apart(*(0.1 * one / audio.rms(one) for one in (higher, rooster))))
    assert found["cqt"] < 0.3 * found["linear"]


@pytest.mark.slow
def test_rhythm_returns_as_the_time_scale_grows():
    """A clock of half a second: kernels of 50 ms keep its ticks and lose its beat, kernels of 700 ms bring the beat back."""
    clock = sounds.make("clock", jax.random.key(0), 4.0, 4000)[None]
    level = lambda wave: np.sqrt(
        np.mean(wave[0, : wave.shape[1] // 20 * 20].reshape(-1, 20) ** 2, axis=1)
    )

    def beat(wave):
        """Autocorrelation of the level at the period, to within 5 %."""
        found = level(wave) - np.mean(level(wave))
        return max(
            np.mean(found[:-lag] * found[lag:]) / np.mean(found**2) for lag in range(190, 211)
        )

    made = {}
    for scale in (50.0, 700.0):
        recipe = small(views=(View(12, (1,), 32.0, 8.0),), time_scale=(scale,), evaluations=80)
        made[scale] = make(recipe, [clock], rate=4000, seconds=3.0).wave
        # Ticks, where noise has a kurtosis of 3.
        assert kurtosis(made[scale]) > 10
    assert beat(clock) > 0.8 and beat(made[50.0]) < 0.2 < 0.7 < beat(made[700.0])


# --- mixtures over time and by bands


def dull_and_sharp():
    """Two sounds told apart by their spectrum alone."""
    return [
        np.ascontiguousarray(
            scipy.signal.lfilter(
                *scipy.signal.butter(1, 500, kind, fs=RATE), noise(8000, seed=seed)
            )
        ).astype(np.float32)
        for seed, kind in enumerate(("low", "high"))
    ]


def slope(wave):
    """dB of what lies above 1 kHz, over what lies below."""
    power = np.abs(np.fft.rfft(wave[0])) ** 2
    middle = len(power) // 4
    return float(10 * np.log10(np.sum(power[middle:]) / np.sum(power[:middle])))


def test_levels_keep_the_ground_between_ticks():
    """Four ticks 50 dB over a ground: by what networks see, compressed, they come out weak, and brought to one level the ground is too loud."""
    wave = noise(8000, level=1e-3)
    for tick in (900, 2900, 4900, 6900):
        wave[:, tick : tick + 60] += noise(60, seed=tick, level=0.3)
    ground = lambda x: 20 * np.log10(np.median(np.sqrt(np.mean(x.reshape(-1, 80) ** 2, axis=1))))
    off = [
        ground(make(small(**choices), [wave], seconds=1.0).wave) - ground(wave)
        for choices in ({}, {"levels_weight": 0.0})
    ]
    assert abs(off[0]) < 2 < off[1], off


def test_a_start_is_as_loud_in_each_half_as_the_reference(monkeypatch):
    """Steps of level without a pattern, as loud in one half as in the other: in a single walk what is loud may come in one half."""
    levels = np.random.default_rng(0).uniform(-1.5, 0, 20)
    wave = noise(32000) * 10 ** np.repeat([*levels, *levels[::-1]], 800).astype(np.float32)
    problem = prepared(small(), [wave], seconds=4.0)

    def uneven():
        gains = [
            np.asarray(problem.init(jax.random.key(seed))[0]["gain"]).mean(axis=(0, 2))
            for seed in range(12)
        ]
        return np.mean(
            [abs(np.subtract(*(half.mean() for half in np.array_split(gain, 2)))) for gain in gains]
        )

    likest = uneven()
    monkeypatch.setattr(walk, "DRAWS", 1)
    monkeypatch.setattr(walk, "FEWEST_DRAWS", 1)
    single = uneven()
    assert likest < 0.8 * single, (likest, single)


def test_a_morph_passes_from_one_to_the_other():
    """Monotone in spectrum, at the references' own at either end, and in level."""
    dull, sharp = dull_and_sharp()
    recipe = small(views=(View(8, (1, 3), 16.0, 4.0),), block_seconds=1.0, evaluations=30)
    wave = make(
        recipe, [dull, 0.25 * sharp], seconds=1.5, weights=[1.0, 0.0], morph_to=[0.0, 2.0]
    ).wave
    parts = np.split(wave, 5, axis=1)
    slopes = [slope(part) for part in parts]
    assert np.all(np.diff(slopes) > 0)
    assert slopes[0] == pytest.approx(slope(dull), abs=5) and slopes[-1] == pytest.approx(
        slope(sharp), abs=5
    )
    assert np.all(np.diff([audio.rms(part) for part in parts]) < 0)


def test_a_morphs_levels_are_of_what_is_heard():
    """Wind of 5 Hz in one of the references, louder than all else in it: the level passes from the one's to the other's as if it were not there."""
    dull, sharp = dull_and_sharp()
    dull, sharp = (
        0.05 * wave / audio.audible_rms(wave, sample_rate=RATE) for wave in (dull, sharp)
    )
    wind = 0.2 * np.sin(1 + 2 * np.pi * 5.37 * np.arange(dull.shape[1]) / RATE)
    recipe = small(views=(View(8, (1, 3), 16.0, 4.0),), block_seconds=1.0, evaluations=30)
    wave = make(
        recipe,
        [(dull + wind).astype(np.float32), sharp],
        seconds=1.5,
        weights=[1.0, 0.0],
        morph_to=[0.0, 2.0],
    ).wave
    levels = [
        20 * np.log10(audio.audible_rms(part, sample_rate=RATE) / 0.05)
        for part in np.split(wave, 5, axis=1)
    ]
    assert levels[0] == pytest.approx(0, abs=2.5) and levels[-1] == pytest.approx(0, abs=2.5), (
        levels
    )


def test_between_two_sounds_lie_a_mixtures_statistics():
    dull, sharp = dull_and_sharp()
    recipe = small(views=(View(8, (1, 3), 16.0, 4.0),), evaluations=30)
    wave = make(recipe, [dull, sharp], seconds=1.0, weights=[1.0, 1.0]).wave
    middle = (slope(dull) + slope(sharp)) / 2
    assert slope(wave) == pytest.approx(middle, abs=0.2 * (slope(sharp) - slope(dull)))


def test_the_middle_is_nearer_to_the_steadier_sound():
    """What wanders itself is like more. By the same programs as another pair, whose balance is data to them."""
    dull, sharp = dull_and_sharp()
    recipe = small(views=(View(8, (1, 3), 16.0, 4.0),), evaluations=30)
    even = prepared(recipe, [dull, sharp], seconds=1.0)
    wandering = sharp * 10 ** np.sin(np.arange(8000) * 1.3 * np.pi / 8000).astype(np.float32)
    problem = prepared(recipe, [dull, wandering], seconds=1.0, like=even)
    steep = slope(synthesis.run(problem, jax.random.key(0)).wave)
    assert slope(dull) < steep < 0.7 * slope(dull) + 0.3 * slope(sharp)


def test_bands_come_from_one_sound_each():
    """Noise and ticks, below and above 1 kHz: what stands below is steady, what stands above ticks."""
    steady, ticks = noise(8000), crackle(8000)
    recipe = small(views=(View(0, (1, 3), 16.0, 4.0),), evaluations=40)
    wave = make(recipe, [steady, ticks], seconds=1.0, bands=[(0.0, 1000.0), (1000.0, np.inf)]).wave
    part = lambda low, high, wave: np.asarray(
        spectrogram.band(wave, sample_rate=RATE, low=low, high=high)
    )
    below, above = kurtosis(part(0.0, 1000.0, wave)), kurtosis(part(1000.0, np.inf, wave))
    assert below < 4 and above > 1.5 * below


INF = float("inf")


@pytest.mark.parametrize(
    "mixture, said",
    [
        ({"morph_to": [1.0]}, "weights must be one for each"),
        ({"morph_to": [0.0, 0.0]}, "not all 0"),
        ({"morph_to": [-1.0, 2.0]}, "none below 0"),
        ({"bands": [(0.0, 900.0), (1000.0, INF)]}, "without a gap or overlap"),
        ({"bands": [(0.0, 1100.0), (1000.0, INF)]}, "without a gap or overlap"),
        ({"bands": [(0.0, 900.0), (900.0, 2000.0)]}, "without a gap or overlap"),
        ({"bands": [(0.0, INF)]}, "one for each of the 2 references"),
        ({"bands": [(0.0, 4000.0), (4000.0, INF)]}, "half the rate, 4000 Hz, got 4000"),
        ({"bands": [(0.0, 900.0), (900.0, INF)], "weights": [1.0, 2.0]}, "need no weights"),
        ({"bands": [(0.0, 900.0), (900.0, INF)], "morph_to": [1.0, 2.0]}, "no weights to morph"),
    ],
    ids=str,
)
def test_mixtures_that_cannot_be_are_refused(mixture, said):
    with pytest.raises(ValueError, match=said):
        synthesis.prepare(small(), [REFERENCE, REFERENCE], sample_rate=RATE, seconds=0.5, **mixture)


def test_mixtures_over_time_need_a_waveform():
    for mixture in ({"morph_to": [0.0, 1.0]}, {"bands": [(0.0, 900.0), (900.0, INF)]}):
        with pytest.raises(
            ValueError,
            match="'infinite-width' has a spectrogram canvas; morphs and bands need a waveform",
        ):
            synthesis.prepare(
                small("infinite-width"),
                [REFERENCE, REFERENCE],
                sample_rate=RATE,
                seconds=0.5,
                **mixture,
            )


# --- interruption and checkpoints


@pytest.mark.slow
@pytest.mark.parametrize("name", ["texture-fast", "infinite-width"])
def test_resumed_is_uninterrupted(tmp_path, name):
    """Stopped by Ctrl-C in the first of two chunks, resumed from the disk by a new problem: the same samples."""
    folder = str(tmp_path / "states")
    stop = lambda rows: os.kill(os.getpid(), signal.SIGINT)
    recipe, problem = shared(name)
    partly = synthesis.run(
        problem,
        jax.random.key(0),
        checkpoint_path=folder,
        checkpoint_every=10_000,
        on_chunk=stop,
    )
    assert partly.outcome.reason == "interrupted" and partly.outcome.progress[-1].evaluations == 25
    assert np.all(np.isfinite(partly.wave))
    rows = []
    resumed = synthesis.run(
        problem,
        jax.random.key(0),
        checkpoint_path=folder,
        checkpoint_every=10_000,
        resume=True,
        on_chunk=rows.append,
    )
    np.testing.assert_array_equal(resumed.wave, made(name).wave)
    assert [row.evaluations for row in resumed.outcome.progress] == [25, 40] and len(rows) == 1


def test_resume_without_a_checkpoint_starts_anew(tmp_path):
    recipe, problem = shared("texture-fast")
    found = synthesis.run(
        problem, jax.random.key(0), checkpoint_path=str(tmp_path / "none"), resume=True
    )
    np.testing.assert_array_equal(found.wave, made().wave)


def test_a_checkpoint_that_cannot_be_written_stops_no_run(tmp_path):
    """Catches hours lost to a full disk: the run goes on, and its caller is told; without a caller
    who listens it is an error.
    """
    recipe, problem = shared("texture-fast")
    told = []
    options = {"checkpoint_path": str(tmp_path / "nowhere" / "state"), "checkpoint_every": 1}
    result = synthesis.run(problem, jax.random.key(0), **options, on_unsaved=told.append)
    np.testing.assert_array_equal(result.wave, made().wave)
    assert told and all(isinstance(error, OSError) for error in told)
    with pytest.raises(OSError):
        synthesis.run(problem, jax.random.key(0), **options)


def test_a_budget_of_seconds_still_makes_a_sound():
    recipe, problem = shared("texture-fast")
    texture = synthesis.run(problem, jax.random.key(0), max_seconds=0.0)
    assert texture.outcome.reason == "seconds" and texture.wave.shape == (1, 4000)


# --- bad input


LOSSES = {
    "silent": (np.zeros((1, 4000), np.float32), "silent"),
    "constant": (np.full((1, 4000), 0.3, np.float32), "constant"),
    "short": (noise(150), "must fit|range"),
}


@of_every
@pytest.mark.parametrize("kind", LOSSES)
def test_bad_references_are_refused(name, kind):
    """Before anything is compiled, also where only the second of two is bad."""
    wave, message = LOSSES[kind]
    with pytest.raises(ValueError, match=message):
        prepared(small(name), [REFERENCE, wave])
    with pytest.raises(ValueError, match=f"rain.wav .*{message.split()[0]}"):
        references.check_reference(small(name), wave, sample_rate=RATE, name="rain.wav")


@pytest.mark.parametrize("seconds", [0.0499, 600.1, 0.0, -1.0, float("nan"), float("inf")])
def test_lengths_out_of_range_are_refused(seconds):
    with pytest.raises(ValueError, match="out of range: from 0.05 to 600 s"):
        prepared(small(), seconds=seconds)


def test_views_that_do_not_fit_the_rate_are_refused():
    with pytest.raises(ValueError, match="100 mel bands are too many"):
        prepared(small(views=(View(100, (2,), 16.0, 4.0),)))


@pytest.mark.parametrize("weights", [[1.0], [1.0, 1.0, 1.0], [0.0, 0.0], [1.0, -1.0]])
def test_weights_that_do_not_fit_are_refused(weights):
    with pytest.raises(ValueError, match="weights"):
        prepared(small(), [REFERENCE, REFERENCE], weights=weights)


def test_kernels_longer_than_the_reference_are_left_out():
    """A quarter of a second makes a texture with the default, whose longest kernel spans a second; what fits is kept."""
    recipe = recipes.named("texture")
    short = references.fit_kernels(recipe, [noise(4000), noise(2000)], sample_rate=RATE)
    assert [view.widths for view in short.analysis.views] == [(1, 3), (2,)]
    assert short.term("patches").views == recipe.term("patches").views[:1]
    whole = references.fit_kernels(recipe, [noise(26000)], sample_rate=RATE)
    # Stretches are those of the reference's length.
    assert whole.replace(stretch_seconds=0.0) == recipe and 1.6 < whole.matching.stretch_seconds < 1.9
    assert references.fit_kernels(whole, [noise(26000), noise(30000)], sample_rate=RATE) == whole
    texture = make(recipe.replace(evaluations=3), [noise(2000)], seconds=0.25)
    assert texture.wave.shape == (1, 2000) and np.isfinite(texture.outcome.progress[-1].loss)


@pytest.mark.slow
@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"pool": 4, "depth": 2, **ALONE},
        {"views": (View(0, (1,), 16.0, 4.0),), **ALONE},
        {"filters": 8, "pool": 4, **ALONE},
        {"views": (), "rhythm_weight": 0.0},
    ],
    ids=str,
)
def test_the_shortest_reference_is_long_enough(choices):
    """What is let through makes a texture: catches a mean over no frames, and deviations of a single frame."""
    recipe = small("texture", **{"views": (View(8, (3,), 16.0, 4.0),), "evaluations": 3, **choices})
    for samples in range(128, 6000, 32):
        wave = noise(samples)
        try:
            references.check_reference(recipe, wave, sample_rate=RATE)
            break
        except ValueError:
            continue
    texture = make(recipe, [wave], seconds=0.05)
    assert texture.outcome.reason == "evaluations" and np.isfinite(
        texture.outcome.progress[-1].loss
    )


# --- how it is made


def test_views_of_stereo_hold_sums_and_differences():
    """A swap of the channels or of one's sign is heard, and so must be seen."""
    view = View(0, (1,), 16.0, 4.0)
    look = lambda wave: np.asarray(views.of_wave(jnp.asarray(wave), view=view, rate=RATE))
    wave = correlated(1000, 0.8)
    assert look(wave).shape[1] == 4 * look(wave[:1]).shape[1]
    apart = np.max(
        np.abs(look(wave) - look(wave * np.array([[1], [-1]], np.float32))), axis=0
    ).reshape(4, -1)
    assert np.all(apart[:2] == 0) and np.all(apart[2:].max(axis=1) > 0.01)


def test_samples_share_one_compilation():
    """Samples of one problem differ in their key alone: the second costs no compilation."""
    recipe, problem = shared("texture-fast")
    synthesis.run(problem, jax.random.key(0))
    compiled = []
    note = lambda name, *_, **__: (
        compiled.append(name) if name == "/jax/core/compile/backend_compile_duration" else None
    )
    jax.monitoring.register_event_duration_secs_listener(note)
    synthesis.run(problem, jax.random.key(7))
    jax.monitoring.unregister_event_duration_listener(note)
    assert not compiled
