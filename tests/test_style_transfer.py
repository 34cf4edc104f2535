"""style_transfer.py from end to end, on half a second: what stays of a content, what of a style."""

import functools

import jax
import numpy as np
import pytest
from helpers import correlated, correlation_of, crackle, noise
from small_recipes import RATE, last_loss, start_loss

from audio_texture import audio, recipes, style_transfer, synthesis
from audio_texture.choices import Tap
from audio_texture.views import View

ENVELOPE = np.repeat([0.05, 1.0, 0.05, 0.05, 1.0, 0.3, 0.05, 1.0], 500).astype(np.float32)
CONTENT = ENVELOPE * noise(4000, seed=3, level=0.2)
STYLE = crackle(6000)
ONE_KERNEL = (View(0, (3,), 16.0, 4.0),)
SIZES = {
    "sample_rate": RATE,
    "evaluations": 12,
    "phase_iterations": 10,
    "views": ONE_KERNEL,
}
# The recipes for transfers, whole but for the sizes; VGG-19 has one size, and is cut.
SMALL = {
    # Its networks alone, which compile in a third of the time; test_launch_transfer.py runs all.
    "transfer": {
        "views": (View(0, (1, 3), 16.0, 4.0), View(8, (2, 6), 16.0, 4.0)),
        "auditory_weight": 0.0,
        "rhythm_weight": 0.0,
        "evaluations": 25,
    },
    "paper-transfer-1d": {**SIZES, "filters": 16},
    "paper-transfer-2d": {**SIZES, "filters": 4},
    "paper-transfer-vgg19": {
        **SIZES,
        "style_layers": (Tap("relu1_1"), Tap("relu1_2")),
        "content_layers": (Tap("relu1_2"),),
    },
    "ulyanov-lebedev": {**SIZES, "filters": 32},
    "grinstein": {**SIZES, "filters": 32},
    "grinstein-auditory": {"evaluations": 12},
    "verma-smith": {**SIZES, "filters": 4},
    "novak-nikulin": {
        **SIZES,
        "style_layers": (Tap("relu1_1", 2.0), Tap("relu1_2")),
        "content_layers": (Tap("relu1_2"),),
    },
    "gatys-control": {"views": (View(0, (2, 5), 16.0, 4.0),), "evaluations": 12},
    "mahendran-vedaldi": {**SIZES, "filters": 16},
    "mital": {**SIZES, "filters": 16},
    "mital-samples": {**SIZES, "filters": 16},
}


def small(name="transfer", **choices):
    """A small recipe for a transfer."""
    return recipes.named(name).replace(**{**SMALL[name], **choices})


def prepare(recipe, content=CONTENT, style=STYLE, like=None):
    """`style_transfer.prepare` of the shared content and style."""
    return style_transfer.prepare(recipe, content, style, sample_rate=RATE, like=like)


def transfer(recipe, content=CONTENT, style=STYLE, like=None):
    """The wave that a recipe makes of a content and a style."""
    return synthesis.run(prepare(recipe, content, style, like), jax.random.key(0)).wave


@functools.cache
def shared_problem(name="transfer"):
    """A small recipe applied to the shared sounds, prepared once for all tests of the file."""
    return prepare(small(name))


@functools.cache
def shared_result(name="transfer", style=1.0):
    """A transfer of the shared problem; style: factor of the style distance's weight."""
    problem = shared_problem(name)
    problem = style_transfer.reweighted(problem, style=style) if style != 1 else problem
    return synthesis.run(problem, jax.random.key(0))


def measure_likeness(wave, content=CONTENT):
    """Correlation of the course of a wave's level with the content's."""
    levels = [np.mean(sound[:, :4000].reshape(-1, 250) ** 2, axis=1) for sound in (wave, content)]
    return correlation_of(*np.log(levels))


def test_every_transfer_recipe_is_tested():
    """Catches a new recipe without a small form."""
    assert set(SMALL) == set(recipes.optimising("transfer"))


@pytest.mark.slow
@pytest.mark.parametrize("name", recipes.optimising("transfer"))
def test_a_transfer_has_the_contents_length_and_level(name):
    """And the loss falls, whose terms are the distances that have a weight."""
    problem, result = shared_problem(name), shared_result(name)
    assert result.wave.shape == CONTENT.shape and result.wave.dtype == np.float32
    expected = audio.audible_rms(CONTENT, sample_rate=RATE) * 10 ** (-result.lowered_db / 20)
    assert audio.audible_rms(result.wave, sample_rate=RATE) == pytest.approx(expected, rel=1e-4)
    assert last_loss(result) < 0.9 * start_loss(problem)
    terms = result.outcome.progress[-1].terms
    assert sum(terms.values()) == pytest.approx(last_loss(result), rel=1e-4)
    for term in ("style", "content"):
        assert (term in terms) == (problem.recipe.term(term).weight > 0)


def test_the_weight_moves_from_content_to_style():
    """The more style, the less of the content's course is left, and by terms too."""
    factors = (0.01, 1.0, 100.0)
    results = [shared_result(style=factor) for factor in factors]
    likeness = [measure_likeness(result.wave) for result in results]
    assert min(likeness[:2]) > 0.9 and min(likeness[:2]) > likeness[2] + 0.1
    terms = [result.outcome.progress[-1].terms for result in results]
    styles = [own["style"] / factor for own, factor in zip(terms, factors, strict=True)]
    assert styles[0] > styles[1] > styles[2]
    assert terms[0]["content"] < terms[1]["content"] < terms[2]["content"]


def test_a_weight_of_the_recipe_is_one_of_the_problem():
    """A strip of results is what single runs are; a power of 2, so that nothing is rounded."""
    wave = transfer(small(style_weight=64.0), like=shared_problem())
    np.testing.assert_array_equal(wave, shared_result(style=64.0).wave)


def test_unknown_distances_are_refused():
    """The message lists what can be weighted."""
    with pytest.raises(ValueError, match="'loudness' is not a distance of this problem"):
        style_transfer.reweighted(shared_problem(), loudness=2.0)


def test_levels_do_not_matter():
    """Peers let the louder side win. Only the result's level is the content's."""
    wave = transfer(small(), 0.1 * CONTENT, 4 * STYLE, like=shared_problem())
    levels = [audio.audible_rms(sound, sample_rate=RATE) for sound in (wave, 0.1 * CONTENT)]
    assert levels[0] == pytest.approx(levels[1], rel=1e-3)
    assert correlation_of(wave[0], shared_result().wave[0]) > 0.99


@pytest.mark.parametrize(
    "start, likeness",
    [
        ({"start_content": 1.0}, 0.999),
        ({"start_content": 0.0}, 0.0),
        ({"start_content": 0.6}, 0.5),
        ({"start_content": 0.0, "start_shape": 1.0}, 0.7),
    ],
    ids=str,
)
def test_where_it_starts(start, likeness):
    """The content itself, noise with none of its course, a blend, noise in its gains."""
    problem = prepare(small(**start, start_recoloured=False, views=ONE_KERNEL))
    parameters, _ = problem.init(jax.random.key(0))
    wave, _ = problem.render_output(jax.random.key(1), parameters)
    measured = measure_likeness(wave)
    assert measured > likeness if likeness else abs(measured) < 0.5
    assert correlation_of(wave[0], CONTENT[0]) == pytest.approx(start["start_content"], abs=0.15)


def test_a_content_in_its_own_style_stays():
    """Both distances are 0 at the start: catches a canvas's ends, and units that differ."""
    recipe = small(evaluations=8, views=ONE_KERNEL, start_content=1.0)
    result = synthesis.run(prepare(recipe, CONTENT, CONTENT), jax.random.key(0))
    assert correlation_of(result.wave[0], CONTENT[0]) > 0.98
    assert result.outcome.progress[-1].terms["content"] < 0.01


@pytest.mark.slow
def test_stereo_and_lengths():
    """A shorter style of two channels: their balance is a part of the style's spectrum."""
    content = np.concatenate([CONTENT, CONTENT * np.float32(0.5)])
    style = correlated(3000, 0.5, make=crackle)
    wave = transfer(small(evaluations=8, views=ONE_KERNEL), content, style)
    assert wave.shape == content.shape and np.all(np.isfinite(wave))
    balance, expected = (audio.rms(sound[1:]) / audio.rms(sound[:1]) for sound in (wave, style))
    assert balance == pytest.approx(expected, rel=0.2)


def test_a_textures_recipe_transfers():
    """Any style distance will do; a texture's recipe starts from noise."""
    recipe = recipes.for_transfer(recipes.named("texture-fast"))
    recipe = recipe.replace(views=ONE_KERNEL, evaluations=30, style_weight=0.1)
    assert measure_likeness(transfer(recipe)) > 0.5
