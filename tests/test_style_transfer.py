"""style_transfer.prepare from end to end, on sounds of half a second: what is kept of a content, what comes of a style."""

import functools
import os

import jax
import numpy as np
import pytest
from helpers import correlated, correlation_of, crackle, noise

from audio_texture import audio, networks, recipes, scales, style_transfer, synthesis, weights
from audio_texture.choices import Tap
from audio_texture.layer import Layer, NetworkConfig
from audio_texture.views import View

RATE = 8000
ENVELOPE = np.repeat([0.05, 1.0, 0.05, 0.05, 1.0, 0.3, 0.05, 1.0], 500).astype(np.float32)
CONTENT = ENVELOPE * noise(4000, seed=3, level=0.2)
STYLE = crackle(6000)
BINS, SIZES = (
    (View(0, (2, 5), 16.0, 4.0),),
    {"sample_rate": RATE, "evaluations": 12, "phase_iterations": 10},
)
ONE = {**SIZES, "views": (View(0, (3,), 16.0, 4.0),)}
# The recipes as they are, but for the sizes; VGG-19 has one, and is cut.
SMALL = {
    # Its networks alone, which compile in a third of the time; tests/test_launch_transfer.py runs all of it.
    "transfer": {
        "views": (View(0, (1, 3), 16.0, 4.0), View(8, (2, 6), 16.0, 4.0)),
        "auditory_weight": 0.0,
        "rhythm_weight": 0.0,
        "evaluations": 25,
    },
    "paper-transfer-1d": {**ONE, "filters": 16},
    "paper-transfer-2d": {**ONE, "filters": 4},
    "paper-transfer-vgg19": {
        **ONE,
        "style_layers": (Tap("relu1_1"), Tap("relu1_2")),
        "content_layers": (Tap("relu1_2"),),
    },
    "ulyanov-lebedev": {**ONE, "filters": 32},
    "grinstein": {**ONE, "filters": 32},
    "grinstein-auditory": {"evaluations": 12},
    "verma-smith": {**ONE, "filters": 4},
    "novak-nikulin": {
        **ONE,
        "style_layers": (Tap("relu1_1", 2.0), Tap("relu1_2")),
        "content_layers": (Tap("relu1_2"),),
    },
    "gatys-control": {"views": BINS, "evaluations": 12},
    "mahendran-vedaldi": {**ONE, "filters": 16},
}


def small(name="transfer", **choices):
    return recipes.named(name).replace(**{**SMALL[name], **choices})


def prepared(recipe, content=CONTENT, style=STYLE, *, rate=RATE):
    return style_transfer.prepare(recipe, content, style, sample_rate=rate)


@functools.cache
def shared(name="transfer"):
    recipe = small(name)
    return recipe, prepared(recipe)


@functools.cache
def made(name="transfer", style=1.0):
    recipe, problem = shared(name)
    return synthesis.run(
        style_transfer.reweighted(problem, style=style) if style != 1 else problem,
        jax.random.key(0),
    )


def contour(wave):
    return np.sqrt(np.mean(wave.reshape(-1, 250) ** 2, axis=1))


def followed(wave, content=CONTENT):
    """Correlation of the level's course with the content's."""
    return correlation_of(np.log(contour(wave[:, :4000])), np.log(contour(content)))


def test_every_transfer_recipe_is_tested():
    assert set(SMALL) == set(recipes.names("transfer"))


@pytest.mark.slow
@pytest.mark.parametrize("name", recipes.names("transfer"))
def test_a_transfer_has_the_contents_length_and_level(name):
    """The contract of every recipe; and that the loss falls, of which the terms are the parts that have a weight."""
    recipe, problem = shared(name)
    transfer = made(name)
    assert transfer.wave.shape == CONTENT.shape and transfer.wave.dtype == np.float32
    assert audio.audible_rms(transfer.wave, sample_rate=RATE) == pytest.approx(
        audio.audible_rms(CONTENT, sample_rate=RATE) * 10 ** (-transfer.lowered_db / 20), rel=1e-4
    )
    last = transfer.outcome.progress[-1]
    start = synthesis.run(problem, jax.random.key(0)).outcome.progress[-1]
    assert last.loss < 0.9 * start.loss
    assert sum(last.terms.values()) == pytest.approx(last.loss, rel=1e-4)
    assert ("style" in last.terms, "content" in last.terms) == (
        recipe.term("style").weight > 0,
        recipe.term("content").weight > 0,
    )


def test_the_weight_moves_from_content_to_style():
    """What the whole program is for: the more style, the less of the content's course is left, and by terms too."""
    results = [made(style=style) for style in (0.01, 1.0, 100.0)]
    kept = [followed(result.wave) for result in results]
    assert kept[0] > 0.9 and kept[0] > kept[1] > kept[2]
    terms = [result.outcome.progress[-1].terms for result in results]
    styles = [
        found["style"] / style for found, style in zip(terms, (0.01, 1.0, 100.0), strict=True)
    ]
    assert (
        styles[0] > styles[1] > styles[2]
        and terms[0]["content"] < terms[1]["content"] < terms[2]["content"]
    )


def test_a_weight_of_the_recipe_is_one_of_the_problem():
    """A strip of results is what single runs are."""
    recipe = small(style_weight=100.0)
    alone = synthesis.run(prepared(recipe), jax.random.key(0))
    np.testing.assert_array_equal(alone.wave, made(style=100.0).wave)


def test_levels_do_not_matter():
    """Peers let the louder side win. The result only has the content's level."""
    recipe = small()
    found = synthesis.run(prepared(recipe, 0.1 * CONTENT, 4 * STYLE), jax.random.key(0)).wave
    assert audio.rms(found) == pytest.approx(audio.rms(0.1 * CONTENT), rel=1e-3)
    assert correlation_of(found[0], made().wave[0]) > 0.99


@pytest.mark.parametrize(
    "start, kept",
    [
        ({"start_content": 1.0}, 0.999),
        ({"start_content": 0.0}, 0.0),
        ({"start_content": 0.6}, 0.5),
        ({"start_content": 0.0, "start_shape": 1.0}, 0.7),
    ],
)
def test_where_it_starts(start, kept):
    """The content itself, noise with none of its course, a blend, noise in its gains."""
    problem = prepared(small(**start, start_recoloured=False, views=ONE["views"]))
    parameters, _ = problem.init(jax.random.key(0))
    wave, _ = problem.render_output(jax.random.key(1), parameters)
    course = followed(wave)
    assert course > kept if kept else abs(course) < 0.5
    assert correlation_of(wave[0], CONTENT[0]) == pytest.approx(start["start_content"], abs=0.15)


def test_a_content_in_its_own_style_stays():
    """Both distances are 0 where the result starts: catches a content moved by the frame of a canvas, and units that differ."""
    recipe = small(evaluations=8, views=ONE["views"], start_content=1.0)
    found = synthesis.run(prepared(recipe, CONTENT, CONTENT), jax.random.key(0))
    assert correlation_of(found.wave[0], CONTENT[0]) > 0.98
    assert found.outcome.progress[-1].terms["content"] < 0.01


@pytest.mark.slow
def test_stereo_and_lengths():
    """A style shorter than the content, both of two channels: the balance of channels is part of the style's spectrum."""
    content, style = (
        np.concatenate([CONTENT, CONTENT * np.float32(0.5)]),
        correlated(3000, 0.5, make=crackle),
    )
    recipe = small(evaluations=8, views=ONE["views"])
    found = synthesis.run(prepared(recipe, content, style), jax.random.key(0)).wave
    assert found.shape == content.shape and np.all(np.isfinite(found))
    assert audio.rms(found[1:]) / audio.rms(found[:1]) == pytest.approx(
        audio.rms(style[1:]) / audio.rms(style[:1]), rel=0.2
    )


def test_a_textures_recipe_transfers():
    """Any style distance will do: with the fields that a texture leaves as they are, it starts from noise."""
    recipe = recipes.for_transfer(recipes.named("texture-fast")).replace(
        views=ONE["views"],
        evaluations=30,
        style_weight=0.1,
    )
    assert followed(synthesis.run(prepared(recipe), jax.random.key(0)).wave) > 0.5


@pytest.mark.parametrize(
    "layers, message",
    [
        (
            {"style_layers": (Tap("relu_4"),), "filters": 4},
            "'relu_4' is no layer of this network; there are conv_1, relu_1",
        ),
        (
            {"content_layers": (Tap("conv_1"),)},
            "layers must be relu_ or pool_ with infinitely many filters, got 'conv_1'",
        ),
        (
            {"style_weight": 0.0, "content_weight": 0.0},
            "style_weight must be at least 0 and not 0 with content_weight",
        ),
        ({"start_content": 1.5}, "start_content must be from 0 to 1, got 1.5"),
        ({"start_shape": 1.0, "gain_bands": 0}, "start_shape must be 0 without"),
        ({"statistic": "chained-gram"}, "style_layers must be at least two"),
        ({"views": (), "rhythm_weight": 1.0}, "views or content_views must hold at least one view"),
    ],
)
def test_choices_of_transfers_that_are_refused(layers, message):
    with pytest.raises(ValueError, match=message):
        small(**layers)


def test_fields_are_those_of_the_layers():
    """Two layers of width 5, pooled by 2, of 16 ms every 4 ms at 8 kHz; in hertz where kernels span bins: 62.5 Hz each."""
    recipe = small(
        "paper-transfer-2d",
        views=(View(0, (5,), 16.0, 4.0),),
        depth=2,
        content_layers=(Tap("relu_2"),),
    )
    (line,) = scales.describe_receptive_fields(recipe, RATE)
    assert line.startswith(
        "bins@16.0/4.0:5: conv_1 32 ms x 312 Hz, batchnorm_1 32 ms x 312 Hz, relu_1 32 ms x 312 Hz, pool_1 36 ms x 375 Hz, conv_2 68 ms"
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Weights as launch.train writes them, of two layers over 8 mel bands."""
    return saved(str(tmp_path_factory.mktemp("weights") / "weights.safetensors"), 5)


def saved(path, seed, *, kind="1d-frequency", frames=40, layers=2):
    description = NetworkConfig(
        kind,
        (Layer(3, 1, 2, 6),) * layers,
        "uniform",
        channels=8 if kind == "1d-frequency" else frames,
    )
    variables = networks.build(description).init(
        jax.random.key(seed), np.zeros((frames, 8), np.float32)
    )
    weights.save(
        path,
        description,
        variables,
        {"front_end": {"sample_rate": RATE, "n_fft": 128, "hop_length": 32, "bands": 8}},
    )
    return path


def test_networks_from_a_file(trained):
    """The file says what the network is and what it sees; layers are chosen by name; other weights make another result."""
    recipe = recipes.from_weights(small("grinstein", content_weight=1.0), trained)
    assert (recipe.network.depth, recipe.network.pool, str(recipe.analysis.views[0])) == (
        2,
        2,
        "mel8@16.0/4.0:3",
    )
    layered = recipe.replace(style_layers=(Tap("relu_1"),), content_layers=(Tap("batchnorm_2"),))
    found = [
        synthesis.run(prepared(one), jax.random.key(0)).wave
        for one in (layered, layered.replace(weights_file=""))
    ]
    assert np.all(np.isfinite(found[0])) and not np.allclose(*found)


def test_a_network_over_bins_from_a_file(tmp_path):
    """Its channels are frames: it sees pieces as long as its training clips, of which a sound must hold several."""
    path = saved(str(tmp_path / "weights.safetensors"), 5, kind="1d-time", frames=20, layers=1)
    recipe = recipes.from_weights(small("grinstein", evaluations=3), path)
    assert (recipe.network.kind, str(recipe.analysis.views[0])) == ("1d-time", "mel8@16.0/4.0:20x3")
    first = prepared(recipe)
    other = recipes.from_weights(
        recipe, saved(str(tmp_path / "other.safetensors"), 6, kind="1d-time", frames=20, layers=1)
    )
    problems = (
        first,
        style_transfer.prepare(other, CONTENT, STYLE, sample_rate=RATE, like=first),
    )
    found = [synthesis.run(problem, jax.random.key(0)).wave for problem in problems]
    assert np.all(np.isfinite(found[0])) and not np.allclose(*found)
    longer = recipes.from_weights(
        recipe, saved(str(tmp_path / "longer.safetensors"), 5, kind="1d-time", frames=60, layers=1)
    )
    with pytest.raises(
        ValueError,
        match="the reference lasts 0.5 s; the shortest kernel must fit 8 times, hop by hop, and 3 times side by side, which takes 0.756 s",
    ):
        prepared(longer)


def test_files_of_one_network_share_programs(trained, tmp_path):
    """Weights are data: a second file compiles nothing, and makes what it makes by itself; a file written anew is read anew."""
    path = saved(str(tmp_path / "other.safetensors"), 6)
    one, other = (
        recipes.from_weights(small("grinstein", content_weight=1.0), file)
        for file in (trained, path)
    )
    first = prepared(one)
    second, alone = (
        style_transfer.prepare(other, CONTENT, STYLE, sample_rate=RATE, like=first),
        prepared(other),
    )
    assert second.compiled is first.compiled
    found = [
        synthesis.run(problem, jax.random.key(0)).wave
        for problem, recipe in ((second, other), (alone, other), (first, one))
    ]
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.allclose(found[0], found[2])
    os.utime(saved(path, 5), (1, 1))
    np.testing.assert_array_equal(synthesis.run(prepared(other), jax.random.key(0)).wave, found[2])


def test_a_file_of_another_network_is_refused(trained):
    """Catches weights applied to spectrograms they were not trained on."""
    recipe = recipes.from_weights(small("grinstein"), trained).replace(views=BINS)
    with pytest.raises(ValueError, match="the network is one for 8 bins, the spectrogram has 65"):
        prepared(recipe)
