"""losses/scattering.py: moments against NumPy, what they ignore, and what they see."""

import functools

import jax
import numpy as np
import pytest

import audio_texture as at
from audio_texture import losses
from audio_texture.losses.scattering import (
    SECOND_CENTERS,
    first_filters,
    scattering_moments,
    second_filter,
)

RATE, SAMPLES = 8000, 8000
TIME = np.arange(SAMPLES) / RATE


def noise(seed):
    return (0.1 * np.random.default_rng(seed).standard_normal((SAMPLES, 1))).astype(np.float32)


@pytest.fixture(scope="module")
def measure():
    return jax.jit(functools.partial(scattering_moments, sample_rate=RATE, circular=True))


@pytest.fixture(scope="module")
def distance():
    target = jax.jit(losses.scattering(RATE).fit)(noise(0))
    objective = losses.scattering(RATE, circular=True)
    return jax.jit(lambda x: objective.distance(target, x)[0])


def moments_of(wave):
    """The moments of a circular wave [N] in float64, at the full rate throughout."""
    filters, widths = first_filters(len(wave), RATE)
    both = np.zeros((len(filters), len(wave)))
    both[:, : filters.shape[1]] = 2 * filters
    envelopes = np.abs(np.fft.ifft(np.fft.fft(wave) * both, axis=1))
    frequencies = np.arange(len(wave)) * RATE / len(wave)
    second = []
    for center in SECOND_CENTERS:
        gains = 2 * second_filter(frequencies, center) * (frequencies < RATE / 2)
        wide = envelopes[widths >= center]
        second.append(np.mean(np.abs(np.fft.ifft(np.fft.fft(wide) * gains, axis=1)), axis=1))
    return envelopes.mean(axis=1), np.concatenate(second)


def test_moments_are_those_of_their_definition(measure):
    """Against NumPy in float64 without lower rates, for noise and for a modulated tone."""
    tone = (1 + np.cos(2 * np.pi * 8 * TIME)) * np.sin(2 * np.pi * 1000 * TIME)
    for wave in (noise(1)[:, 0], (0.1 * tone).astype(np.float32)):
        first, second = moments_of(wave.astype(np.float64))
        values = measure(wave)
        scale = first.max()
        np.testing.assert_allclose(values["first"], first, rtol=1e-3, atol=1e-3 * scale)
        np.testing.assert_allclose(values["second"], second, rtol=0.02, atol=2e-3 * scale)


def test_the_rate_of_a_modulation_is_where_it_shows(measure):
    """The second order of the tone's wavelet is largest at the octave of 4, 16 and 64 Hz."""
    _, widths = first_filters(SAMPLES, RATE)
    for rate in (4.0, 16.0, 64.0):
        wave = (1 + np.cos(2 * np.pi * rate * TIME)) * np.sin(2 * np.pi * 2000 * TIME)
        values = measure(wave.astype(np.float32))
        loudest, blocks, start = int(np.argmax(values["first"])), [], 0
        for center in SECOND_CENTERS:
            lowest = int(np.searchsorted(widths, center))
            blocks.append(float(values["second"][start + loudest - lowest]))
            start += len(widths) - lowest
        assert SECOND_CENTERS[int(np.argmax(blocks))] == rate


def test_time_shifts_are_not_seen_and_ticks_are(distance):
    """Noise of another seed is near, its own shift nearer; ticks of its level are far."""
    shifted = np.roll(noise(0), 3000, axis=0)
    ticks = noise(0) * (np.arange(SAMPLES)[:, None] % 2000 < 100)
    ticks *= np.std(noise(0)) / np.std(ticks)
    assert distance(shifted) < 0.5 * distance(noise(2)) < 0.05 * distance(ticks)


def test_gradient_is_finite_at_the_reference_and_at_silence(distance):
    for wave in (noise(0), np.zeros((SAMPLES, 1), np.float32)):
        assert np.isfinite(jax.grad(distance)(wave)).all()


def test_its_recipe_brings_back_the_rate_of_fluctuation():
    """From noise, which has none: a noise of 8 bursts a second, by moments that no weight hears."""
    wave = noise(0)[:, 0] * (1 + np.cos(2 * np.pi * 8 * TIME)) / 2

    def power_around_8_hz(recipe, **choices):
        made = at.texture(wave, RATE, seconds=1, recipe=recipe, **choices).wave[0]
        level = np.abs(made) / np.mean(np.abs(made))
        return np.sum(np.abs(np.fft.rfft(level))[6:12] ** 2)

    made = power_around_8_hz("scattering", evaluations=60)
    assert made > 5 * power_around_8_hz("phase-randomised")
