"""generators/beats.py: the periods of recordings, and oscillators that keep them."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_texture.generators import GeneratorConfig, beats

RATE = 16000
CONFIG = GeneratorConfig(RATE)


def clicks(period, seconds=4.0, *, noise=1e-3, seed=0):
    """Short bursts at a period in seconds, over faint noise: [1, N]."""
    random = np.random.default_rng(seed)
    wave = noise * random.standard_normal(round(seconds * RATE))
    for time in np.arange(0.05, seconds - 0.01, period):
        begin = round(time * RATE)
        wave[begin : begin + 80] += random.standard_normal(80)
    return wave[None].astype(np.float32)


def periods_of(wave, config=CONFIG):
    """The beats of a wave as periods in seconds, 0 where there is none."""
    found = beats.find_beats(wave, config).astype(np.float64)
    frame = config.hop_length / config.sample_rate
    return [frame * 2**32 / beat if beat else 0.0 for beat in found]


@settings(max_examples=6, deadline=None)
@given(period=st.floats(0.2, 1.2), seed=st.integers(0, 100))
def test_events_have_their_period(period, seed):
    """Catches a multiple of the period, and a period so rough that ticks drift within the sound."""
    slow = periods_of(clicks(period, seed=seed))[1]
    # A tick in ten seconds may be half a frame off.
    assert abs(slow / period - 1) < 2e-3 * max(1, 0.5 / period)


def test_pulses_have_their_period():
    fast = periods_of(clicks(0.04))[0]
    assert abs(fast / 0.04 - 1) < 5e-3


def test_pulses_in_one_band_are_found():
    """Catches a beat that the noise in all other bands hides, as of a cricket."""
    times = np.arange(4 * RATE) / RATE
    tone = np.sin(2 * np.pi * 4500 * times) * (np.sin(2 * np.pi * 25 * times) > 0.3)
    noise = np.random.default_rng(0).standard_normal(len(times))
    fast = periods_of((0.3 * tone + 0.05 * noise)[None].astype(np.float32))[0]
    assert abs(fast / 0.04 - 1) < 0.01


@pytest.mark.parametrize("seed", range(3))
def test_noise_and_silence_have_no_beat(seed):
    """Catches a beat that is forced upon rain."""
    noise = np.random.default_rng(seed).standard_normal((1, 4 * RATE)).astype(np.float32)
    assert periods_of(noise) == [0.0, 0.0]
    assert periods_of(0 * noise) == [0.0, 0.0]


@pytest.mark.parametrize("samples", [200, 4000])
def test_a_recording_shorter_than_a_beat_has_none(samples):
    assert periods_of(clicks(0.5)[:, :samples])[1] == 0.0


def test_oscillators_turn_at_their_beat():
    """The fundamental against NumPy in float64, an hour into the sound: nothing drifts."""
    beat = np.uint32(round(2**32 / 123.4))
    frames = np.arange(3600 * 250, 3600 * 250 + 500, dtype=np.uint32)
    made = np.asarray(beats.oscillate(jnp.array([[0, beat]]), jnp.asarray(frames)))
    turns = frames.astype(np.float64) * beat / 2**32
    pairs = made.reshape(500, len(beats.RANGES), len(beats.HARMONICS), 2)
    assert np.all(pairs[:, 0] == 0)
    for column, multiple in enumerate(beats.HARMONICS):
        angle = 2 * np.pi * multiple * turns
        np.testing.assert_allclose(pairs[:, 1, column, 0], np.cos(angle), atol=2e-6)
        np.testing.assert_allclose(pairs[:, 1, column, 1], np.sin(angle), atol=2e-6)
