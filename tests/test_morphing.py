"""morphing.py: the course of the weights, and distances from a mixture that changes over time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import noise
from objective_cases import compile_gradient, value_of

from audio_texture import combinators, morphing
from audio_texture.base import Objective

RATE, SECONDS = 1000, 4.0
# Two steady sounds, 40 dB apart.
LOUD, FAINT = (np.full((1, 1000), level, np.float32) for level in (1.0, 0.01))
COURSE = morphing.course_of([3.0, 0.0], [0.0, 5.0], None)


def mean_distance():
    """Squared difference of the mean over frames."""

    def distance(target, x):
        total = jnp.mean((jnp.mean(x, axis=0) - target) ** 2)
        return total, {"mean": total}

    return Objective(lambda reference: jnp.mean(reference, axis=0), distance)


def levels(*, stretch=None, circular=False, size=1000):
    """A morph of the mean of compressed magnitudes, sample by sample."""

    def mixed(weights, along):
        mixture = combinators.mixture(mean_distance(), weights)
        scaled = combinators.relatively_compressed(mixture, sharpness=4.0, weights=along(0.0))
        return combinators.precompose(lambda wave: jnp.abs(wave.T) + 1e-6, scaled)

    options = {"sample_rate": RATE, "size": size, "overlap": 100}
    return morphing.morph(mixed, COURSE, stretch=stretch, circular=circular, **options)


def course_of_level(seconds, total=SECONDS):
    """The wave whose level in dB passes evenly from that of LOUD to that of FAINT: [1, N]."""
    return 0.01 ** np.asarray(morphing.place_at(seconds, total))[None].astype(np.float32)


SMOOTH = course_of_level(np.arange(4000) / RATE)


def test_a_course():
    """Ends are the user's, whatever they add up to; three sounds; what has no weight keeps none."""
    course = morphing.Course([3.0, 0.0, 0.0], [0.0, 5.0, 5.0], np.array([4.0, 1.0, 0.5]))
    places = np.linspace(0, 1, 9)
    weights, shares = (np.asarray(of(places)) for of in (course.weights_at, course.shares_at))
    for values in (weights, shares):
        np.testing.assert_allclose(values.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(weights[[0, 4, 8]], [[1, 0, 0], [0.5, 0.25, 0.25], [0, 0.5, 0.5]])
    # Evenly to the balanced middle, and evenly from there.
    np.testing.assert_allclose(np.diff(shares[:5], n=2, axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(np.diff(shares[4:], n=2, axis=0), 0, atol=1e-6)


def test_a_level_that_passes_evenly_is_nearest():
    """Not one that jumps from block to block, nor one that goes the other way."""
    blockwise = np.repeat(SMOOTH.reshape(8, 500).mean(axis=1), 500)[None]
    smooth, jumping, back = (
        value_of(levels(), x, [LOUD, FAINT]) for x in (SMOOTH, blockwise, SMOOTH[:, ::-1].copy())
    )
    assert smooth < 1e-6 < 1e-3 < jumping < back


def test_ends_are_those_of_their_reference():
    """A gain over the standing ends has a gradient that turns the level back to the reference's."""
    gradient = compile_gradient(levels())
    target = levels().fit([LOUD, FAINT])
    for gain in (0.5, 2.0):
        of_x = np.asarray(gradient(target, gain * SMOOTH)[1])
        assert np.all(np.sign(of_x[:, [0, 700, -700, -1]]) == np.sign(gain - 1))


def test_a_part_of_a_morph_has_its_own_time():
    """As a block of a stream: at its own time it is near, at another it is not; circular too."""
    stretch = course_of_level(1.0 + np.arange(1500) / RATE)
    for circular in (False, True):
        own, other = (
            value_of(levels(stretch=(start, SECONDS), circular=circular), stretch, [LOUD, FAINT])
            for start in (1.0, 2.0)
        )
        assert own < 1e-3 < 5e-3 < other


@pytest.mark.parametrize("kind", ["magnitudes", "waves"])
def test_levelled_divides_the_course_out(kind):
    """Noise that rises by 40 dB is as steady as the reference, at the level of the weights."""
    sounds = [noise(8000, seed=seed, level=level).T for seed, level in ((0, 1.0), (1, 0.01))]
    along = jnp.stack([jnp.linspace(1, 0, 9), jnp.linspace(0, 1, 9)], axis=1)
    rising = np.abs(noise(8000, seed=2, level=1.0)).T * 0.01 ** np.linspace(0, 1, 8000)[:, None]
    halves = Objective(
        lambda references: (),
        lambda target, x: (jnp.zeros(()), {"halves": jnp.std(x.reshape(4, -1), axis=1)}),
    )
    if kind == "waves":
        rising = rising * np.sign(noise(8000, seed=3).T)
        objective = morphing.levelled_waves(halves, [0.5, 0.5], along, sample_rate=8000)
    else:
        sounds, rising = [np.abs(sound) for sound in sounds], np.abs(rising)
        objective = morphing.levelled(halves, [0.5, 0.5], along)
    _, terms = jax.jit(objective.distance)(objective.fit(sounds), rising.astype(np.float32))
    expected = 0.1 * np.std(np.abs(sounds[0]) if kind == "magnitudes" else sounds[0])
    np.testing.assert_allclose(terms["halves"], expected, rtol=0.15)
    assert morphing.levelled(halves, None, None) is halves
