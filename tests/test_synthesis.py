"""synthesis.py from end to end, on half a second of sound: what a user notices in the result."""

import jax
import numpy as np
import pytest
from helpers import correlated, correlation_of, crackle, highest_correlation, noise, relative_error
from small_recipes import (
    MEL,
    RATE,
    REFERENCE,
    SECONDS,
    SMALL,
    last_loss,
    make_texture,
    prepare,
    shared_problem,
    shared_texture,
    small,
    start_loss,
)

from audio_texture import audio, matching, recipes, references, synthesis
from audio_texture.views import View

of_every = pytest.mark.parametrize("name", recipes.optimising("texture"))
ONE_KERNEL = (View(8, (2,), 16.0, 4.0),)


# ---------------------------------------------------------------- every recipe


def test_every_recipe_is_tested():
    """Catches a new recipe without a small form."""
    assert set(SMALL) == set(recipes.optimising("texture"))


@pytest.mark.slow
@of_every
def test_a_texture_has_length_level_and_rate(name):
    """Exact length, the reference's level, nothing clipped or broken."""
    texture = shared_texture(name)
    assert texture.wave.shape == (1, round(SECONDS * RATE)) and texture.wave.dtype == np.float32
    assert np.all(np.isfinite(texture.wave)) and np.max(np.abs(texture.wave)) < 1
    expected = audio.audible_rms(REFERENCE, sample_rate=RATE) * 10 ** (-texture.lowered_db / 20)
    assert audio.audible_rms(texture.wave, sample_rate=RATE) == pytest.approx(expected, rel=1e-4)
    outcome = texture.outcome
    assert (outcome.reason, outcome.progress[-1].evaluations) == ("evaluations", 40)


def test_a_texture_fades_at_its_ends():
    """By 5 ms, of which fade_ms=0 makes nothing; all else is the same up to the level."""
    faded = shared_texture().wave
    plain = make_texture(small().replace(fade_ms=0), like=shared_problem("texture-fast")).wave
    count = RATE // 200
    middle = slice(count, -count)
    scale = audio.rms(faded[:, middle]) / audio.rms(plain[:, middle])
    np.testing.assert_allclose(faded[:, middle], scale * plain[:, middle], atol=1e-6)
    assert scale == pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(faded, scale * audio.fade_ends(plain, count), atol=1e-6)


@of_every
def test_the_loss_falls_far(name):
    """Within 40 evaluations to a fifth of the start at the least; the terms add up."""
    last = shared_texture(name).outcome.progress[-1]
    assert last.loss < 0.2 * start_loss(shared_problem(name))
    assert sum(last.terms.values()) == pytest.approx(last.loss, rel=1e-4)


@of_every
def test_the_key_is_all_the_chance_there_is(name):
    """Same key, same samples, from a problem prepared again; another key, another texture."""
    like = None if name == "texture-fast" else shared_problem(name)
    again = make_texture(small(name), like=like)
    np.testing.assert_array_equal(again.wave, shared_texture(name).wave)
    other = shared_texture(name, seed=1)
    assert abs(correlation_of(other.wave[0], again.wave[0])) < 0.5
    assert last_loss(other) != last_loss(again)


@of_every
def test_no_copy_of_the_reference(name):
    """Correlation at every lag, against that of an independent sound of the same kind."""
    independent = highest_correlation(crackle(4000, seed=5)[0], REFERENCE[0])
    copied = highest_correlation(shared_texture(name).wave[0], REFERENCE[0])
    assert copied < max(0.35, 1.7 * independent)


# ---------------------------------------------------------------- choices


@pytest.mark.parametrize(
    "choices",
    [
        {"filters": 24, "depth": 2, "pool": 2},
        {"pool": 2, "depth": 2, "normalised_by": "start"},
        {"optimizer": "adam", "learning_rate": 0.05, "level": 0.0},
    ],
    ids=str,
)
def test_choices_lower_the_loss(choices):
    """Finite networks, depth and pools, Adam, other normalisations."""
    problem = prepare(small(**choices, views=(View(8, (3,), 16.0, 4.0),), evaluations=25))
    start, texture = start_loss(problem), synthesis.run(problem, jax.random.key(0))
    assert np.all(np.isfinite(texture.wave)) and last_loss(texture) < 0.7 * start
    if problem.recipe.matching.normalised_by == "start":
        assert start == pytest.approx(1, rel=1e-4)


def test_bounds_keep_their_weight_beside_a_scaled_loss():
    """Scaled with a tiny distance, bounds were walls that stopped every step."""
    recipe = small(
        "infinite-width",
        normalised_by="start",
        style_weight=1e-6,
        bound_weight=0.5,
        start="uniform",
        views=(View(0, (2,), 16.0, 4.0),),
    )
    problem = prepare(recipe)
    parameters, data = problem.init(jax.random.key(0))
    total, terms = problem.compiled.loss(parameters, data)
    assert total == pytest.approx(1, rel=1e-3) and terms["bound"] == 0
    outside = np.asarray(parameters) + 2
    expected = 0.5 * np.linalg.norm(outside - 1)
    assert problem.compiled.loss(outside, data)[1]["bound"] == pytest.approx(expected, rel=1e-4)


def test_random_phases_run():
    """Two views on one spectrogram canvas, from random phases."""
    views = (View(0, (2,), 16.0, 4.0), View(8, (4,), 16.0, 4.0))
    choices = {"phase_start": "random", "phase_momentum": 0.0, "evaluations": 5, "views": views}
    texture = make_texture(small("infinite-width", **choices))
    assert np.all(np.isfinite(texture.wave)) and texture.wave.shape == (1, 4000)


# ---------------------------------------------------------------- rates, lengths, channels, levels


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, rate, model_rate, seconds",
    [
        ("texture-fast", 11025, 8000, 0.333),
        ("texture-fast", 96000, 0, 0.1),
        ("infinite-width", 6000, 8000, 0.2501),
    ],
)
def test_any_rate_and_length(name, rate, model_rate, seconds):
    """Modelled at another rate, the result has the input's own, and its length to the sample."""
    choices = {"sample_rate": model_rate, "views": ONE_KERNEL}
    recipe = small(name, **choices, evaluations=3, phase_iterations=2)
    assert references.model_sample_rate(recipe, rate) == (model_rate or 48000)
    reference = noise(round(0.3 * rate))
    wave = make_texture(recipe, [reference], rate=rate, seconds=seconds).wave
    assert wave.shape == (1, round(seconds * rate)) and np.all(np.isfinite(wave))
    expected = audio.audible_rms(reference, sample_rate=rate)
    assert audio.audible_rms(wave, sample_rate=rate) == pytest.approx(expected, rel=0.01)


@pytest.fixture(scope="module")
def stereo_problem():
    """A stereo problem, whose programs serve every correlation of the channels."""
    return prepare(small(views=MEL, evaluations=30), [correlated(8000, 0.9)])


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.9, 0.0, -0.7])
def test_stereo_keeps_its_image(correlation, stereo_problem):
    """The width of the image and the levels of both sides."""
    recipe, reference = stereo_problem.recipe, correlated(8000, correlation)
    wave = make_texture(recipe, [reference], like=stereo_problem).wave
    assert wave.shape == (2, 4000)
    assert correlation_of(*wave) == pytest.approx(correlation_of(*reference), abs=0.1)
    sides = np.sqrt(np.mean(wave**2, axis=1) / np.mean(reference**2, axis=1))
    np.testing.assert_allclose(sides, 1, rtol=0.15)


def test_dual_mono_stays_in_the_middle():
    """Two equal channels: a singular spectrum, and differences that are exactly silent."""
    recipe = small(views=ONE_KERNEL, evaluations=10)
    wave = make_texture(recipe, [np.repeat(REFERENCE, 2, axis=0)]).wave
    assert np.all(np.isfinite(wave)) and correlation_of(*wave) > 0.99


@pytest.mark.long
def test_long_textures_are_as_good_in_every_block():
    """Four times a block: the loss per block ends as low, and no stretch is left silent."""
    recipe = small(views=(View(8, (2, 6), 16.0, 4.0),), block_seconds=0.5, evaluations=50)
    short, long = make_texture(recipe), make_texture(recipe, seconds=2.0)
    assert long.wave.shape == (1, 16000) and last_loss(long) < 2 * last_loss(short)
    levels = np.sqrt(np.mean(long.wave.reshape(4, -1) ** 2, axis=1))
    assert np.max(levels) < 2 * np.min(levels)


def test_gain_changes_the_level_alone():
    """A quieter recording gives the same texture, quieter. A power of two: exact in floats."""
    quiet = make_texture(small(), [0.125 * REFERENCE], like=shared_problem("texture-fast")).wave
    np.testing.assert_allclose(8 * quiet, shared_texture().wave, atol=1e-6)


def test_an_offset_changes_nothing():
    """Catches DC of a cheap recorder taken for a part of the texture."""
    recipe, like = small(evaluations=5), shared_problem("texture-fast")
    shifted = make_texture(recipe, [REFERENCE + np.float32(0.25)], like=like).wave
    assert abs(np.mean(shifted)) < 1e-3
    plain = make_texture(recipe, like=like).wave
    assert relative_error(shifted / audio.rms(shifted), plain / audio.rms(plain)) < 0.05


# ---------------------------------------------------------------- axes of frequency


CQT = View(12, (2,), 64.0, 8.0, scale="cqt")
OTHER_AXES = {
    "cqt": ("texture-fast", {"views": (CQT,)}),
    "log": ("texture-fast", {"views": (View(12, (2,), 16.0, 4.0, scale="log"),)}),
    "cqt spectrogram": ("infinite-width", {"views": (CQT,)}),
    "log spectrogram": ("infinite-width", {"views": (View(0, (2,), 16.0, 4.0, scale="log"),)}),
    "time as channels": (
        "texture-fast",
        {"views": (View(0, ((4, 3),), 16.0, 4.0),), "network": "1d-time", "filters": 16},
    ),
}


def band_levels(wave):
    """Shares in dB of three bands of a wave [N], from 1/32 of its bins upwards."""
    edges = [len(wave) // 32, len(wave) // 8, len(wave) // 4]
    powers = np.add.reduceat(np.abs(np.fft.rfft(wave)) ** 2, edges)
    return 10 * np.log10(powers / np.sum(wave**2))


@pytest.mark.slow
@pytest.mark.parametrize("axis", OTHER_AXES)
def test_other_axes_of_frequency(axis):
    """The loss falls to a sound of the reference's spectrum: catches an axis undone wrongly."""
    name, choices = OTHER_AXES[axis]
    problem = prepare(small(name, **choices, evaluations=20))
    start, texture = start_loss(problem), synthesis.run(problem, jax.random.key(0))
    assert texture.wave.shape == (1, 4000) and last_loss(texture) < 0.9 * start
    expected = band_levels(REFERENCE[0, :4000])
    np.testing.assert_allclose(band_levels(texture.wave[0]), expected, atol=4.5)


@pytest.mark.slow
@pytest.mark.parametrize("network, filters", [("1d-time", 64), ("2d", 16)])
def test_constant_q_networks_know_a_transposed_sound(esc10, network, filters):
    """A rooster a fifth higher has near statistics on a constant-Q axis, and not on one in Hz."""
    wave, rate = audio.read(f"{esc10}/rooster/1-26806-A.ogg", seconds=2.0)
    rooster, higher = (audio.resample(wave, rate, to) for to in (RATE, RATE * 2 // 3))
    rooster, higher = (0.1 * sound / audio.rms(sound) for sound in (rooster, higher))
    distances = {}
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

        @jax.jit
        def distance(x, reference, style=style):
            return style.distance(style.fit([reference]), x)[0]

        distances[view.scale] = float(distance(higher, rooster))
    assert distances["cqt"] < 0.3 * distances["linear"]
