"""generators/contents.py, generator_transfers.py: contents in a style, in one pass."""

import functools
from unittest import mock

import jax
import numpy as np
import pytest
import small_generators
from helpers import correlation_of, crackle, highest_correlation, noise, relative_error
from small_recipes import ALONE, MEL, RATE, small

from audio_texture import (
    audio,
    generator_training,
    generator_transfers,
    generators,
    optimize,
    recipes,
    synthesis,
)
from audio_texture.errors import ChoiceError
from audio_texture.generators import contents, network, shaping
from audio_texture.optimize import run_loop

# As many chunks as the warm-up and as two of its length, so that one program makes all.
SECONDS, SAMPLES = 0.17, 3700
# Of the content's wave in what the network shapes.
SHARE = 0.7


@pytest.fixture(autouse=True)
def short_blocks(monkeypatch):
    monkeypatch.setattr(contents, "BLOCK_CHUNKS", follower().config.warm_up)


def beats(samples=SAMPLES, channels=1, seed=4):
    """A content of loud and quiet: six bursts of noise."""
    envelope = np.repeat([0.02, 1.0, 0.1, 1.0, 0.02, 0.3], -(-samples // 6))[:samples]
    return (envelope * noise(samples, channels, seed=seed)).astype(np.float32)


@functools.cache
def follower(channels=1, trained=True):
    """A small generator that follows contents: of random weights, or of untrained ones, whose gains
    leave what they shape as it is.
    """
    base = small_generators.make_generator(channels)
    sizes = small_generators.config(channels, content_bands=4, content_share=SHARE)
    net = network.Generator(sizes, 1)
    parameters = small_generators.random_parameters(net)
    if not trained:
        parameters = {
            name: jax.tree.map(np.zeros_like, leaves) if name.startswith("head") else leaves
            for name, leaves in parameters.items()
        }
    return base._replace(config=sizes, parameters=parameters)


# ---------------------------------------------------------------- transfers


@pytest.mark.parametrize("rate", [RATE, 11025])
def test_length_level_and_rate_are_the_contents(rate):
    content = beats(SAMPLES * rate // RATE)
    made = generators.transform(follower(), content, sample_rate=rate, seed=3)
    assert made.shape == content.shape and made.dtype == np.float32
    level = audio.audible_rms(content, sample_rate=rate)
    assert audio.audible_rms(made, sample_rate=rate) == pytest.approx(level, rel=1e-3)
    again = generators.transform(follower(), content, sample_rate=rate, seed=3)
    other = generators.transform(follower(), content, sample_rate=rate, seed=4)
    np.testing.assert_array_equal(made, again)
    assert relative_error(other, made) > 0.1


def test_the_result_is_in_time_with_the_content():
    """Gains of an untrained network leave the content, in the style's spectrum, and noise as they
    are: a result that is late, or begins with the warm-up, has its correlation elsewhere.
    """
    generator, content = follower(trained=False), beats()
    described = generators.describe(content, generator.config, generator.styles.colours[0])
    begin = generator.config.warm_up * generator.config.chunk
    wanted = described.wave[0, begin : begin + SAMPLES]
    made = generators.transform(generator, content, sample_rate=RATE)[0]
    power = SHARE**2 * np.var(wanted)
    noise_power = (1 - SHARE**2) * np.var(described.wave)
    expected = np.sqrt(power / (power + noise_power))
    assert correlation_of(made, wanted) == pytest.approx(expected, abs=0.1) and expected > 0.5
    assert highest_correlation(made, wanted) < correlation_of(made, wanted) + 0.01


def test_levels_are_seen_when_they_are_shaped():
    """The network sees a burst of the content LOOK_AHEAD frames before it has to shape it: as it
    is, and as late as the slow stage makes it.
    """
    config, colours = follower().config, follower().styles.colours[0]
    burst = np.zeros((1, SAMPLES), np.float32)
    burst[0, 2000:2200] = noise(200)[0]
    levels = generators.describe(burst, config, colours).levels.sum(axis=-1)
    slow, heard = config.stages[0], config.heard
    begin = config.warm_up * config.chunk
    for late, seen, ahead in (
        (0, levels[:, 0], 0),
        (slow.overlap, levels[:, 1], contents.LOOK_AHEAD),
    ):
        wave = np.pad(burst, ((0, 0), (begin + late, config.chunk)))
        past = np.zeros((1, heard.overlap), np.float32)
        wave = wave[:, : wave.shape[1] // config.chunk * config.chunk]
        spectra = np.asarray(shaping.analyse(past, wave, n_fft=heard.n_fft)[0])
        loudest = int(np.argmax(np.sum(np.abs(spectra[0]) ** 2, axis=-1)))
        # Before and after it the burst is mirrored.
        near = slice(loudest - 20, loudest + 20)
        assert abs(int(np.argmax(seen[near])) - (20 - ahead)) <= 1


def test_blocks_give_what_one_pass_gives(monkeypatch):
    whole = generators.transform(follower(), beats(), sample_rate=RATE)
    monkeypatch.setattr(contents, "BLOCK_CHUNKS", 3)
    parts = generators.transform(follower(), beats(), sample_rate=RATE)
    assert whole.shape == (1, SAMPLES)
    np.testing.assert_allclose(parts, whole, atol=1e-6)


def test_the_network_follows_the_content(monkeypatch):
    """The same wave with the levels of another content: the network makes something else of it."""
    describe = contents.describe

    def describe_otherwise(wave, config, colours):
        return describe(wave, config, colours)._replace(
            levels=describe(wave[:, ::-1], config, colours).levels
        )

    made = generators.transform(follower(), beats(), sample_rate=RATE)
    monkeypatch.setattr(contents, "describe", describe_otherwise)
    other = generators.transform(follower(), beats(), sample_rate=RATE)
    assert relative_error(other, made) > 0.1


def test_channels_of_the_content():
    """Mono becomes stereo, with channels that differ; stereo does not become mono unasked."""
    made = generators.transform(follower(2), beats(), sample_rate=RATE)
    assert made.shape == (2, SAMPLES) and abs(correlation_of(*made)) < 0.99
    assert generators.transform(follower(2), beats(channels=2), sample_rate=RATE).shape == (
        2,
        SAMPLES,
    )
    with pytest.raises(ChoiceError, match="has 2 channels, the generator 1") as caught:
        generators.transform(follower(), beats(channels=2), sample_rate=RATE)
    assert caught.value.field == "content"


def test_a_generator_that_follows_nothing():
    with pytest.raises(ChoiceError, match="follows no content") as caught:
        generators.transform(small_generators.make_generator(), beats(), sample_rate=RATE)
    assert caught.value.field == "generator"


def test_its_file(tmp_path):
    path = str(tmp_path / "follower.safetensors")
    generators.save(path, follower())
    made, again = (
        generators.transform(generator, beats(), sample_rate=RATE)
        for generator in (follower(), generators.load(path))
    )
    np.testing.assert_array_equal(made, again)


# ---------------------------------------------------------------- training


def make_recipe(evaluations=30, **choices):
    recipe = recipes.for_transfer(small("texture-fast", **{"views": MEL} | ALONE))
    choices = {"start_content": SHARE, "content_views": MEL} | choices
    return generator_training.generator_recipe(recipe.replace(**choices), evaluations)


def prepare(recipe=None, style=None, waves=None, **options):
    """A training of a small network on short pieces of a beat and of noise."""
    options = {"sample_seconds": SECONDS, "sample_rate": RATE, "content_bands": 4, **options}
    waves = [beats(1500), noise(SAMPLES, seed=5)] if waves is None else waves
    style = crackle(6000) if style is None else style
    with mock.patch.object(optimize, "compile_ahead"):
        return generator_transfers.prepare(
            recipe or make_recipe(), style, waves, **options, **small_generators.SIZES
        )


@functools.cache
def shared():
    return prepare()


@functools.cache
def trained(seed=0):
    return synthesis.run(shared().problem, jax.random.key(seed))


def weights_of(texture):
    return jax.device_get(texture.outcome.state.parameters)


def loss_at(number, parameters=None, change=lambda waves: waves):
    """The loss of an evaluation, with the contents changed."""
    problem = shared().problem
    start, data = problem.init(jax.random.key(9))
    state = problem.optimizer.init(start if parameters is None else parameters, data)
    data["constants"] = data["constants"] | {"waves": change(data["constants"]["waves"])}
    step = run_loop.compile_chunk(problem.optimizer.step)
    return float(step(state._replace(evaluations=np.int32(number)), data, np.int32(1)).value)


@pytest.mark.slow
def test_training_lowers_the_distances_of_both_contents():
    for content in (0, 1):
        numbers = [content + 2 * i for i in range(3)]
        before, after = (
            np.mean([loss_at(number, weights) for number in numbers])
            for weights in (None, weights_of(trained()))
        )
        assert after < 0.95 * before
    rows = trained().outcome.progress
    assert trained().outcome.reason == "evaluations" and {"style", "content"} <= set(rows[0].terms)


def test_contents_take_turns():
    """Another second content changes the second evaluation, and not the first."""

    def change(waves):
        return np.stack([waves[0], waves[1][:, ::-1] * np.linspace(0, 2, waves.shape[-1])])

    assert loss_at(0, change=change) == loss_at(0) and loss_at(2, change=change) == loss_at(2)
    assert loss_at(1, change=change) != pytest.approx(loss_at(1), rel=1e-3)


def test_the_same_seed_gives_the_same_weights():
    again = synthesis.run(shared().problem, jax.random.key(0))
    own, other = weights_of(trained()), weights_of(again)
    jax.tree.map(np.testing.assert_array_equal, own, other)
    np.testing.assert_array_equal(again.wave, trained().wave)
    drawn, _ = shared().problem.init(jax.random.key(1))
    first, _ = shared().problem.init(jax.random.key(0))
    kernels = [weights["first_0"]["kernel"]["kernel"] for weights in (drawn, first)]
    assert not np.array_equal(*kernels)


def test_the_sound_of_a_run_is_the_first_content_in_the_style():
    generator = generator_training.finish(shared(), weights_of(trained()))
    content = beats(1500)[:, : round(SECONDS * RATE)]
    made = generators.transform(generator, content, sample_rate=RATE)
    assert trained().wave.shape == made.shape
    ratio = audio.rms(trained().wave) / audio.rms(made)
    np.testing.assert_allclose(trained().wave, made * ratio, atol=1e-4 * audio.rms(made) * 100)
    assert generator.config.content_bands == 4 and generator.config.content_share == SHARE


def test_contents_of_another_length_and_number_of_channels():
    """Short ones are mirrored, stereo ones are mixed for a mono style."""
    training = prepare(waves=[beats(500), beats(SAMPLES, 2)])
    waves = training.problem.init(jax.random.key(0))[1]["constants"]["waves"]
    assert waves.shape == (2, 1, round(SECONDS * RATE))
    np.testing.assert_allclose(waves[0, 0, 500:999], waves[0, 0, 498::-1], atol=1e-6)
    mono = beats(SAMPLES, 2).mean(axis=0)[: waves.shape[-1]]
    assert correlation_of(waves[1, 0], mono) > 0.999
    levels = [audio.audible_rms(wave, sample_rate=RATE) for wave in waves]
    assert levels[0] == pytest.approx(levels[1], rel=1e-3)


@pytest.mark.parametrize(
    ("options", "field", "said"),
    [
        ({"recipe": small()}, "recipe", "'texture-fast' is no recipe of a transfer"),
        ({"recipe": recipes.named("paper-transfer-1d")}, "recipe", "on a waveform canvas"),
        ({"recipe": recipes.named("transfer")}, "optimizer", "must be adam"),
        ({"waves": []}, "contents", "at least one content"),
        (
            {"waves": [beats(), np.zeros((1, 3000), np.float32)]},
            "contents",
            "content 2 is silent",
        ),
    ],
)
def test_what_cannot_be_trained_with(options, field, said):
    with pytest.raises(ChoiceError, match=said) as caught:
        prepare(**options)
    assert caught.value.field == field and "\n" not in str(caught.value)
