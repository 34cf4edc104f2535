"""Networks from files of weights in recipes and transfers: what the file says, and what it is."""

import os
from unittest import mock

import jax
import numpy as np
import pytest
import small_generators
from helpers import crackle, noise

from audio_texture import (
    generator_training,
    networks,
    optimize,
    recipes,
    streaming,
    style_transfer,
    synthesis,
    weights,
)
from audio_texture.choices import Tap
from audio_texture.layer import Layer, NetworkConfig
from audio_texture.views import View

RATE = 8000
CONTENT, STYLE = noise(4000, seed=3, level=0.2), crackle(6000)


def small(**choices):
    """A small recipe for a transfer by explicit networks."""
    sizes = {"sample_rate": RATE, "evaluations": 5, "phase_iterations": 2, "filters": 32}
    views = (View(0, (3,), 16.0, 4.0),)
    return recipes.named("grinstein").replace(views=views, **sizes, **choices)


def prepare(recipe, like=None):
    """A transfer of half a second."""
    return style_transfer.prepare(recipe, CONTENT, STYLE, sample_rate=RATE, like=like)


def transfer(problem):
    """The wave of a prepared transfer."""
    return synthesis.run(problem, jax.random.key(0)).wave


def save_network(path, seed, *, kind="1d-frequency", frames=40, layers=2):
    """Writes weights as launch.train does, of layers over 8 mel bands; returns the path."""
    channels = 8 if kind == "1d-frequency" else frames
    config = NetworkConfig(kind, (Layer(3, 1, 2, 6),) * layers, "uniform", channels=channels)
    example = np.zeros((frames, 8), np.float32)
    variables = networks.build(config).init(jax.random.key(seed), example)
    front_end = {"sample_rate": RATE, "n_fft": 128, "hop_length": 32, "bands": 8}
    weights.save(str(path), config, variables, {"front_end": front_end})
    return str(path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A file of weights of two layers."""
    return save_network(tmp_path_factory.mktemp("weights") / "weights.safetensors", 5)


def test_networks_from_a_file(trained):
    """The file has the network and its view; layers go by name; other weights, other results."""
    recipe = recipes.from_weights(small(content_weight=1.0), trained)
    assert (recipe.network.depth, recipe.network.pool) == (2, 2)
    assert str(recipe.analysis.views[0]) == "mel8@16.0/4.0:3"
    recipe = recipe.replace(style_layers=(Tap("relu_1"),), content_layers=(Tap("batchnorm_2"),))
    wave, drawn = (transfer(prepare(own)) for own in (recipe, recipe.replace(weights_file="")))
    assert np.all(np.isfinite(wave)) and not np.allclose(wave, drawn)


def test_a_network_over_bins_from_a_file(tmp_path):
    """Its channels are frames: it sees pieces as long as its training clips, side by side."""

    def recipe_of(name, seed, frames=20):
        path = save_network(tmp_path / name, seed, kind="1d-time", frames=frames, layers=1)
        return recipes.from_weights(small(), path)

    recipe = recipe_of("weights.safetensors", 5)
    assert recipe.network.kind == "1d-time"
    assert str(recipe.analysis.views[0]) == "mel8@16.0/4.0:20x3"
    first = prepare(recipe)
    wave, other = (
        transfer(problem) for problem in (first, prepare(recipe_of("b.safetensors", 6), first))
    )
    assert np.all(np.isfinite(wave)) and not np.allclose(wave, other)
    message = "the reference lasts 0.5 s; with this recipe's views it must last at least 0.756 s"
    with pytest.raises(ValueError, match=message):
        prepare(recipe_of("longer.safetensors", 5, frames=60))


def test_files_of_one_network_share_programs(trained, tmp_path):
    """Weights are data: a second file compiles nothing; a file written anew is read anew."""
    path = save_network(tmp_path / "other.safetensors", 6)
    recipe, other = (
        recipes.from_weights(small(content_weight=1.0), file) for file in (trained, path)
    )
    first = prepare(recipe)
    second = prepare(other, first)
    assert second.compiled is first.compiled
    own = transfer(first)
    by_shared = transfer(second)
    np.testing.assert_array_equal(by_shared, transfer(prepare(other)))
    assert not np.allclose(by_shared, own)
    os.utime(save_network(path, 5), (1, 1))
    np.testing.assert_array_equal(transfer(prepare(other)), own)


def test_streams_and_trainings_read_a_file_written_anew(tmp_path):
    """Their programs are kept: catches those of the old weights, or of the old layers."""
    path = str(tmp_path / "small.safetensors")
    recipe = recipes.named("texture-fast").replace(
        views="mel8@16/4:3", network="2d", filters=4, weights_file=path, evaluations=2
    )

    def save(time, seed, dilation):
        description = NetworkConfig("2d", (Layer(3, dilation, filters=4),))
        kernel = np.random.default_rng(seed).standard_normal((9, 4)).astype(np.float32)
        weights.save(path, description, {"params": {"conv_1": {"kernel": kernel}}})
        os.utime(path, (time, time))

    def measure():
        """The targets of a stream, and the loss at the start of a training."""
        style = streaming.fit_style(recipe, [STYLE], sample_rate=RATE)
        trained = generator_training.generator_recipe(recipe, 2)
        options = {"sample_rate": RATE, "sample_seconds": 0.25, **small_generators.SIZES}
        with mock.patch.object(optimize, "compile_ahead"):
            problem = generator_training.prepare(trained, [STYLE], **options).problem
        parameters, data = problem.init(jax.random.key(0))
        return jax.tree.leaves(style.target), float(problem.compiled.loss(parameters, data)[0])

    measured = []
    for time, seed, dilation in ((1, 0, 1), (2, 5, 1), (3, 0, 2), (1, 0, 1)):
        save(time, seed, dilation)
        measured.append(measure())
    targets, losses = zip(*measured, strict=True)
    assert len(set(losses[:3])) == 3 and losses[3] == losses[0]
    for other in targets[1:3]:
        assert not all(map(np.array_equal, other, targets[0]))
    assert all(map(np.array_equal, targets[3], targets[0]))


def test_a_file_of_another_network_is_refused(trained):
    """Catches weights applied to spectrograms they were not trained on."""
    recipe = recipes.from_weights(small(), trained)
    recipe = recipe.replace(views=(View(0, (2, 5), 16.0, 4.0),))
    with pytest.raises(ValueError, match="the network takes 8 bins, the spectrogram has 65"):
        prepare(recipe)
