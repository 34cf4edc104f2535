"""Programs are kept for problems prepared alike, and change no sample."""

import collections
import concurrent.futures
import functools
import sys
from unittest import mock

import jax
import numpy as np
import pytest
import small_generators
from helpers import crackle, noise
from small_recipes import ALONE, MEL, RATE, REFERENCE, count_compilations, prepare, small

import audio_texture as at
from audio_texture import (
    generator_training,
    generator_transfers,
    optimize,
    problem,
    style_transfer,
    synthesis,
)

MORPH = {"recipe": small(views=MEL, evaluations=5), "morph_to": [0.0, 1.0]}
TWO = (REFERENCE, noise(6000, seed=2))
# What each of a pair of problems is prepared with; the second is run by programs of the first.
PAIRS = {
    "another recording and weights of terms": (
        {"recipe": small(views=MEL, evaluations=5)},
        {
            "recipe": small(views=MEL, evaluations=7, sharpness=2.0, levels_weight=0.3),
            "sounds": (crackle(6000, seed=3, level=0.2),),
        },
    ),
    "a morph with another beginning": (
        {**MORPH, "sounds": TWO, "weights": [1.0, 0.0]},
        {**MORPH, "sounds": TWO[::-1], "weights": [2.0, 1.0]},
    ),
    "spectrograms": (
        {"recipe": small("infinite-width", evaluations=5)},
        {
            "recipe": small("infinite-width", evaluations=5),
            "sounds": (crackle(6000, seed=5, level=0.01),),
        },
    ),
}


@pytest.fixture
def none_kept(monkeypatch):
    """No programs of earlier tests."""
    kept = collections.OrderedDict()
    monkeypatch.setattr(problem, "_LATEST", kept)
    return kept


def make(options):
    prepared = prepare(**options)
    return prepared, synthesis.run(prepared, jax.random.key(1)).wave


@pytest.mark.parametrize("pair", PAIRS)
def test_kept_programs_make_the_same_samples(pair, none_kept):
    """What a program has compiled in is the same for all problems of a key."""
    first, second = PAIRS[pair]
    new, expected = make(second)
    none_kept.clear()
    other, _ = make(first)
    again, wave = make(second)
    assert again.compiled is other.compiled is not new.compiled
    np.testing.assert_array_equal(wave, expected)


def test_a_transfer_by_kept_programs_makes_the_same_samples(none_kept):
    recipe = at.recipes.named("transfer").replace(
        views=MEL, content_views="", evaluations=5, auditory_weight=0, patches_weight=0
    )
    contents = crackle(4000, seed=1), crackle(4000, seed=2, level=0.2)

    def make_transfer(content, **choices):
        changed = recipe.replace(**choices)
        prepared = style_transfer.prepare(changed, content, REFERENCE, sample_rate=RATE)
        return synthesis.run(prepared, jax.random.key(1)).wave

    expected = make_transfer(contents[1], style_weight=2.0)
    none_kept.clear()
    make_transfer(contents[0])
    np.testing.assert_array_equal(make_transfer(contents[1], style_weight=2.0), expected)
    assert len(none_kept) == 1


def test_a_notebook_compiles_once(none_kept):
    """A second call with another seed, recording and budget waits for nothing."""
    choices = {"recipe": "texture-fast", "seconds": 0.5, "views": "mel8@16/4:1,3"}
    choices |= {"auditory_weight": 0, "patches_weight": 0}
    at.texture(REFERENCE, RATE, evaluations=3, **choices)
    with count_compilations() as compiled:
        at.texture(crackle(6000, seed=7), RATE, evaluations=4, seed=1, **choices)
    assert not compiled


def test_the_latest_are_kept(none_kept, monkeypatch):
    """Of an old key new programs are made; one that is used stays."""
    monkeypatch.setattr(problem, "_KEPT", 2)
    compiled = problem.CompiledFns("", None, None, None)

    def is_new(key):
        return problem.compiled_of("texture", key, small(), None, lambda: compiled)[2]

    assert [is_new(key) for key in "abacab"] == [True, True, False, True, False, True]


STREAMED = {"recipe": small(views=MEL, evaluations=3, block_seconds=0.6)}


@pytest.mark.parametrize("program", ["stream", "loop"])
def test_streams_and_loops_compile_once(program, none_kept):
    """A second recording's blocks and its loop are those that new programs make."""

    def make_sound(seed, recording):
        if program == "loop":
            return at.loop(recording, RATE, seconds=1.0, seed=seed, **STREAMED)
        stream = at.stream(recording, RATE, seed=seed, **STREAMED)
        return np.concatenate([next(stream) for _ in range(2)], axis=1)

    other = crackle(6000, seed=8, level=0.2)
    expected = make_sound(1, other)
    none_kept.clear()
    make_sound(0, REFERENCE)
    with count_compilations() as compiled:
        wave = make_sound(1, other)
    assert not compiled
    np.testing.assert_array_equal(wave, expected)


@pytest.mark.parametrize("follows", [False, True], ids=["texture", "contents"])
def test_kept_trainings_have_the_same_loss(follows, none_kept):
    """The loss of another recording's training depends on its weights and data alone."""
    recipe = small() if not follows else at.recipes.named("transfer").replace(**ALONE)
    recipe = generator_training.generator_recipe(recipe.replace(views=MEL), 5)
    options = {"sample_rate": RATE, "sample_seconds": 0.25, **small_generators.SIZES}

    def make_loss(recording):
        with mock.patch.object(optimize, "compile_ahead"):
            if follows:
                contents = [recording[:, :2000], noise(2000)]
                training = generator_transfers.prepare(recipe, recording, contents, **options)
            else:
                training = generator_training.prepare(recipe, [recording], **options)
        parameters, data = training.problem.init(jax.random.key(0))
        return float(training.problem.compiled.loss(parameters, data)[0])

    other = crackle(6000, seed=8, level=0.2)
    expected = make_loss(other)
    none_kept.clear()
    assert make_loss(REFERENCE) != expected
    assert make_loss(other) == expected and len(none_kept) == 1


def test_threads_may_prepare_at_once(none_kept, request):
    """More keys than are kept, from eight threads that take turns often: each gets what belongs to
    its key.
    """
    request.addfinalizer(functools.partial(sys.setswitchinterval, sys.getswitchinterval()))
    sys.setswitchinterval(1e-6)

    def count_right(thread):
        keys = [(7 * thread + number) % 14 for number in range(5000)]
        return sum(problem.keep(key, lambda key=key: [key])[0] == [key] for key in keys)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(count_right, range(8))) == [5000] * 8
    assert len(none_kept) <= 8


def test_a_texture_and_a_transfer_share_nothing(none_kept):
    """Their keys are equal where the sounds are as long."""
    recipe = small(views=MEL, evaluations=1)
    first, second = crackle(4000, seed=1), crackle(4000, seed=2)
    style_transfer.prepare(recipe, first, second, sample_rate=RATE)
    prepare(recipe, (first, second), seconds=0.5)
    assert len(none_kept) == 2
