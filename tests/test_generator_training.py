"""generator_training.py: weights that a recipe's loss trains, styles added later, and levels."""

import functools
from unittest import mock

import generator_reference
import jax
import numpy as np
import pytest
import small_generators
from helpers import crackle, noise
from small_recipes import ALONE, MEL, RATE, small

from audio_texture import (
    audio,
    generator_training,
    generators,
    layout,
    matching,
    metrics,
    optimize,
    recipes,
    references,
    sounds,
    synthesis,
)
from audio_texture.errors import ChoiceError
from audio_texture.generators import network
from audio_texture.optimize import run_loop

EVALUATIONS = 30
SECONDS = 0.25


def make_recipe(name="texture-fast", evaluations=EVALUATIONS, **choices):
    choices = {"views": MEL} | choices
    return generator_training.generator_recipe(small(name, **choices), evaluations)


def prepare(recipe=None, sounds=None, **options):
    """A training of small networks on quarter seconds of sound; it compiles when it is run."""
    options = {"sample_seconds": SECONDS, "sample_rate": RATE, **options}
    sizes = {} if options.get("base") else small_generators.SIZES
    waves = sounds or [crackle(6000)]
    recipe = recipe or make_recipe(**ALONE)
    with mock.patch.object(optimize, "compile_ahead"):
        return generator_training.prepare(recipe, waves, **options, **sizes)


def begin(training, parameters=None, seed=0):
    """The optimiser's state before the first step, and the loss's data."""
    start, data = training.problem.init(jax.random.key(seed))
    state = training.problem.optimizer.init(start if parameters is None else parameters, data)
    return state, data


def step(training, state, data):
    """The state after one more evaluation, by the program that runs have compiled."""
    return run_loop.compile_chunk(training.problem.optimizer.step)(state, data, np.int32(1))


def distance(training, number, parameters=None, seed=0):
    """The loss of the sample of an evaluation."""
    state, data = begin(training, parameters, seed)
    return float(step(training, state._replace(evaluations=np.int32(number)), data).value)


@functools.cache
def shared():
    return prepare()


@functools.cache
def trained(seed=0):
    return synthesis.run(shared().problem, jax.random.key(seed))


def weights_of(texture):
    return jax.device_get(texture.outcome.state.parameters)


def assert_same(left, right):
    jax.tree.map(np.testing.assert_array_equal, left, right)


def losses(texture):
    return [row.loss for row in texture.outcome.progress]


def test_training_lowers_the_distance_of_other_samples():
    """Catches a gradient that does not reach the weights, and samples learnt by heart."""
    before, after = (
        np.mean([distance(shared(), number, weights, seed=99) for number in range(4)])
        for weights in (None, weights_of(trained()))
    )
    assert after < 0.8 * before
    assert trained().outcome.reason == "evaluations"


def test_the_same_seed_gives_the_same_weights():
    again = synthesis.run(prepare().problem, jax.random.key(0))
    assert_same(weights_of(again), weights_of(trained()))
    np.testing.assert_array_equal(again.wave, trained().wave)
    other, own = weights_of(trained(1)), weights_of(trained())
    assert not np.array_equal(*(held["first_0"]["kernel"]["kernel"] for held in (own, other)))


def test_the_sound_of_a_run_is_the_generators():
    """`render_output` and `finish` agree, and a stretch of it is what the run shows."""
    generator = generator_training.finish(shared(), weights_of(trained()))
    made = generators.stretch(generator, seconds=0.25)
    np.testing.assert_allclose(trained().wave, made, atol=1e-6)
    assert generator.training["recipe"]["name"] == "texture-fast"
    assert generator.config == small_generators.config()


def test_each_evaluation_draws_another_sample():
    """Catches a training on one sample over and over."""
    assert len({distance(shared(), number) for number in range(5)}) == 5
    assert distance(shared(), 3) == distance(shared(), 3) != distance(shared(), 3, seed=1)


def test_the_learning_rate_falls_to_nothing():
    """By the budget that is asked for, without another compilation: half a cosine."""
    training = generator_training.with_evaluations(shared(), 10)
    assert training.problem.recipe.optimiser.evaluations == 10
    assert training.problem.optimizer is shared().problem.optimizer
    (state, data), largest = begin(training), []
    for _ in range(11):
        state = step(training, state, data)
        update = jax.device_get(state.internal[1])
        largest.append(max(np.max(np.abs(leaf)) for leaf in jax.tree.leaves(update)))
    # Adam's first step is the learning rate itself, and later ones are not much more.
    rates = generator_training.LEARNING_RATE * (0.5 + 0.5 * np.cos(np.pi * np.arange(11) / 10))
    assert largest[0] == pytest.approx(rates[0], rel=0.01)
    assert np.all(np.array(largest) <= 2 * rates + 1e-9) and largest[5] > 0.5 * rates[5]


def test_a_checkpoint_goes_on_to_the_same_weights(tmp_path):
    """To the bit, which catches a sample, a learning rate or a style that depends on the start of
    the run.
    """
    path = str(tmp_path / "checkpoint")

    class Stop(Exception):
        pass

    def stop(row):
        if row.evaluations > 25:
            raise Stop

    with pytest.raises(Stop):
        synthesis.run(
            shared().problem,
            jax.random.key(0),
            checkpoint_path=path,
            checkpoint_every=25,
            on_step=stop,
        )
    resumed = synthesis.run(shared().problem, jax.random.key(0), checkpoint_path=path, resume=True)
    assert_same(weights_of(resumed), weights_of(trained()))
    np.testing.assert_array_equal(resumed.wave, trained().wave)


def test_the_level_and_its_peak_are_the_recordings():
    """As of textures: level above 20 Hz, and a recording louder than full scale is lowered."""
    loud = prepare(sounds=[crackle(6000, level=0.5)])
    assert loud.peak > 1
    for training, wave in ((shared(), crackle(6000)), (loud, crackle(6000, level=0.5))):
        generator = generator_training.finish(training, weights_of(trained()))
        made = generators.stretch(generator, seconds=8, seed=0)
        level = audio.audible_rms(wave, sample_rate=RATE) * 10 ** (-generator.lowered_db / 20)
        assert audio.audible_rms(made, sample_rate=RATE) == pytest.approx(level, rel=0.1)
        assert np.max(np.abs(made)) <= 1
        assert (generator.lowered_db > 0) == (training is loud)


def test_stereo_recordings_and_equal_channels():
    unlike, equal = crackle(6000, 2), np.repeat(crackle(6000), 2, axis=0)
    for wave, modelled in ((unlike, 2), (equal, 1)):
        training = prepare(sounds=[wave])
        assert training.config.channels == modelled
        start, _ = training.problem.init(jax.random.key(0))
        generator = generator_training.finish(training, start)
        made = generators.stretch(generator, seconds=0.2)
        assert made.shape == (2, 1600)
        assert np.allclose(made[0], made[1]) == (modelled == 1)


# ---------------------------------------------------------------- several styles


def test_several_styles_take_turns():
    """Each has its own rows of scales and shifts, which its own evaluations alone train."""
    training = prepare(sounds=[crackle(6000), crackle(7000, seed=3)], names=["crackle"])
    assert training.styles.names == ("crackle", "style 1")
    for number in range(2):
        state, data = begin(training)
        state = step(training, state._replace(evaluations=np.int32(number)), data)
        rows = np.abs(state.internal[1]["head_middle"]["shift"]).max(axis=1)
        assert rows[number] > 0 and rows[1 - number] == 0
    # Neither is forgotten while the other is trained.
    run = synthesis.run(training.problem, jax.random.key(0))
    for number in range(2):
        places = number, number + 2, number + 4
        before, after = (
            np.mean([distance(training, place, weights) for place in places])
            for weights in (None, weights_of(run))
        )
        assert after < 0.9 * before


def test_a_style_added_later_leaves_the_others_as_they_were():
    """Only its own scales and shifts are trained: the others sound the same to the bit."""
    old = generator_training.finish(shared(), weights_of(trained()))
    training = prepare(base=old, sounds=[noise(6000, seed=3)], names=["noise"])
    parameters, _ = training.problem.init(jax.random.key(0))
    trainable = jax.tree_util.tree_flatten_with_path(parameters)[0]
    assert {path[-1].key for path, _ in trainable} == set(network.OF_STYLES)
    assert {leaf.shape[0] for _, leaf in trainable} == {1}
    run = synthesis.run(training.problem, jax.random.key(0))
    before, after = (
        np.mean([distance(training, place, held) for place in range(4)])
        for held in (None, run.outcome.state.parameters)
    )
    assert after < before
    both = generator_training.finish(training, run.outcome.state.parameters)
    assert both.styles.names == ("style 0", "noise") and both.config == old.config
    before = generators.stretch(old, seconds=0.5, seed=1)
    after = generators.stretch(both, seconds=0.5, seed=1, weights=[1, 0])
    np.testing.assert_array_equal(after, before)
    new = generators.stretch(both, seconds=0.5, seed=1, weights=[0, 1])
    assert np.linalg.norm(new - before) > 0.5 * np.linalg.norm(before)
    # The new one begins as the mean of the others.
    for (path, leaf), base in zip(trainable, _style_rows(old.parameters), strict=True):
        np.testing.assert_allclose(leaf, base.mean(axis=0, keepdims=True), err_msg=str(path))


def _style_rows(parameters):
    leaves = jax.tree_util.tree_flatten_with_path(parameters)[0]
    return [leaf for path, leaf in leaves if path[-1].key in network.OF_STYLES]


# ---------------------------------------------------------------- recipes


@pytest.mark.parametrize(
    "recipe", [make_recipe(**ALONE), make_recipe("infinite-width")], ids=lambda made: made.name
)
def test_the_loss_is_the_recipes(recipe):
    """Of waves and of compressed spectrograms: the distance that a texture by the recipe would have
    if its canvas held the sample.
    """
    training, wave = prepare(recipe), crackle(6000)
    parameters, data = training.problem.init(jax.random.key(0))
    generator = generator_training.finish(training, parameters)
    seed = generator_reference.scramble(generator_reference.add(data["seed"], 2))
    mixed, _ = generators.blend(generator.styles, generator.config)
    # The sample of evaluation 2 begins as late as the wave is after all stages.
    begun = generators.begin(generator, mixed, seed=int(seed), chunk=2 + training.config.warm_up)
    samples, late = round(SECONDS * RATE), training.config.delay
    chunks = -(-(samples + late) // training.config.chunk)
    sample = generators.advance(generator, mixed, begun, chunks=chunks)[1]
    sample = sample[:, late : late + samples]
    recipe, waves, _ = references.preprocess(recipe, [wave], sample_rate=RATE)
    plan = layout.lay_out(recipe, waves, [1.0], RATE, sample.shape[1])

    @jax.jit
    def expected(reference, sample):
        style = matching.style_objective(recipe, RATE, [1.0], hparams=recipe.dynamic_hparams())
        target = style.fit([plan.to_canvas_domain(reference)])
        return style.distance(target, plan.to_canvas_domain(sample))[0]

    value = distance(training, 2)
    assert value == pytest.approx(float(expected(waves[0], sample)), rel=1e-3)
    assert value > 0


@pytest.mark.parametrize(
    ("recipe", "field"),
    [
        (recipes.named("transfer"), "recipe"),
        (recipes.named("texture").replace(optimizer="lbfgs"), "optimizer"),
        (recipes.named("texture").replace(optimizer="adam", normalised_by="start"), "normalised"),
    ],
)
def test_recipes_that_cannot_train(recipe, field):
    with pytest.raises(ChoiceError, match=field) as caught:
        prepare(recipe)
    assert caught.value.field.startswith(field) and "\n" not in str(caught.value)


def test_a_base_of_another_form():
    mono = small_generators.make_generator()
    rate = mono._replace(config=generators.GeneratorConfig(16000, **small_generators.SIZES))
    content = mono._replace(config=small_generators.config(content_bands=4))
    stereo = small_generators.make_generator(channels=2)
    cases = (
        (rate, "at 16000 Hz, and the new style is modelled at 8000 Hz"),
        (stereo, "channels must be that of the generator, 2, got 1"),
        (content, "follows a content"),
    )
    for base, said in cases:
        with pytest.raises(ChoiceError, match=said) as caught:
            prepare(base=base)
        assert caught.value.field == "generator"


def test_a_style_added_has_the_channels_of_its_base():
    """A mono recording, repeated, in a stereo generator; and the factors of a base whose channels
    were alike stay its own, as its styles must sound as before.
    """
    equal = np.repeat(crackle(6000), 2, axis=0)
    # Neither needs the loss, which takes long to compile.
    with mock.patch.object(generator_training, "_build_problem"):
        stereo = prepare(base=small_generators.make_generator(channels=2), sounds=[equal])
        half = small_generators.make_generator()._replace(factors=np.float32([[1.0], [0.5]]))
        folded = prepare(base=half, sounds=[equal])
    # The second channel is what the first one says of it.
    np.testing.assert_allclose(stereo.styles.couplings[0, :, 1, 0], 1, atol=1e-3)
    assert stereo.styles.colours[0, 1].max() < 1e-3 * stereo.styles.colours[0, 0].max()
    assert folded.factors.tolist() == [[1.0], [0.5]] and len(folded.styles.colours[0]) == 1


@pytest.mark.parametrize("names", ["rain", ["rain", "sea"]])
def test_more_names_than_sounds(names):
    """A single text is no list of names."""
    with pytest.raises(ChoiceError, match="names must be a list of at most 1") as caught:
        prepare(names=names)
    assert caught.value.field == "names"


def test_a_bad_recording_is_refused_before_work_begins():
    begun = []
    with pytest.raises(ValueError, match="silent"):
        prepare(sounds=[np.zeros((1, 6000), np.float32)], on_fit=lambda: begun.append(1))
    assert not begun


def test_the_time_of_an_evaluation_is_measured():
    seconds = generator_training.seconds_per_evaluation(shared(), evaluations=2)
    assert 0 < seconds < 5


@pytest.mark.long
def test_a_trained_generator_sounds_like_its_recording():
    """Catches a training whose loss falls and whose sound does not improve: noise of the
    recording's spectrum, which an untrained network makes, is much further from it by measures that
    the loss does not hold.
    """
    rate = 16000
    fire = sounds.make("fire", jax.random.key(0), 4.0, rate)[None]
    recipe = generator_training.generator_recipe(recipes.named("texture"), 100)
    training = generator_training.prepare(recipe, [fire], sample_rate=rate)
    untrained = training.problem.init(jax.random.key(0))[0]
    texture = synthesis.run(training.problem, jax.random.key(0))

    def judge(parameters):
        generator = generator_training.finish(training, parameters)
        wave = generators.stretch(generator, seconds=4.0, seed=5)
        measures = metrics.evaluate(wave, fire, sample_rate=rate)
        return [measures[name] for name in ("subbands", "structure", "copied", "followed")]

    before, after = judge(untrained), judge(weights_of(texture))
    assert after[0] < 0.7 * before[0] and after[1] < 0.9 * before[1], (before, after)
    assert after[2:] == [0.0, 0.0]
