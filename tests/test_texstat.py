"""TexStat, the worked example of a new statistic: a constructor, an entry, this test."""

import jax
import numpy as np
import pytest
import scipy.signal

import audio_texture as at
from audio_texture import cochlea, losses

RATE = 8000


@pytest.fixture(scope="module")
def objective():
    return losses.texstat(RATE, circular=True)


@pytest.fixture(scope="module")
def distance(objective):
    target = jax.jit(losses.texstat(RATE).fit)(_noise(0))
    return jax.jit(lambda x: objective.distance(target, x)[0])


def _noise(seed, samples=8000):
    return (0.1 * np.random.default_rng(seed).standard_normal((samples, 1))).astype(np.float32)


def test_correlations_are_those_of_all_pairs(objective):
    """Against NumPy in float64, with the same ramps at both ends."""
    target = jax.jit(losses.texstat(RATE).fit)(_noise(1))
    envelopes = np.asarray(cochlea.envelopes(_noise(1)[:, 0], sample_rate=RATE))[:-1]
    weights = scipy.signal.windows.tukey(envelopes.shape[1], 0.1)
    covariance = np.cov(envelopes.astype(np.float64), aweights=weights, bias=True)
    std = np.sqrt(np.diagonal(covariance))
    expected = covariance / (std[:, None] * std[None])
    np.testing.assert_allclose(target["correlations"][0], expected, atol=2e-3)


def test_time_shifts_hardly_change_it_and_ticks_do(distance):
    """The statistics ignore when things happen, and hear that noise became ticks."""
    shifted = np.roll(_noise(0), 3000, axis=0)
    ticks = _noise(0) * (np.arange(8000)[:, None] % 2000 < 100)
    assert distance(shifted) < 0.5 * distance(_noise(2)) < 0.25 * distance(ticks)


def test_gradient_is_finite_at_the_reference_and_at_silence(distance):
    for wave in (_noise(0), np.zeros((8000, 1), np.float32)):
        assert np.isfinite(jax.grad(distance)(wave)).all()


def test_its_weight_is_a_choice_that_lowers_it():
    recipe = at.recipe("mcdermott-simoncelli").replace(auditory_weight=0.0, texstat_weight=1.0)
    wave = _noise(0)[:, 0] * (np.arange(8000) % 2000 < 400)
    model = at.prepare(recipe, wave, RATE, seconds=0.5)
    start, end = (model.run(0, evaluations=count).losses[-1] for count in (1, 20))
    assert end < 0.7 * start
