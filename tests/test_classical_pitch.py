"""classical/pitch.py: where sounds have a pitch, and which."""

import jax
import numpy as np
import pytest
from helpers import noise
from speech_like import make_speech

from audio_texture import sounds
from audio_texture.classical import pitch

SLOPE = 0.4  # octaves


def glide(time):
    return 120 * 2 ** (SLOPE * np.sin(2 * np.pi * time / 1.3))


def semitones(track, contour):
    """How far the pitch is from a contour where there is one."""
    voiced = track.is_voiced
    return 12 * np.log2(track.frequency[voiced] / contour(track.seconds[voiced]))


@pytest.mark.parametrize("vowel", ["a", "i"])
@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_pitch_of_a_voice_is_within_a_tenth_of_a_semitone(rate, vowel):
    """Also under a strong first formant at the second harmonic; no octave error anywhere."""
    wave = make_speech(glide, lambda time: -10 + 8 * np.sin(20 * time), rate=rate, vowel=vowel)
    errors = np.abs(semitones(pitch.track_pitch(wave, sample_rate=rate), glide))
    assert np.median(errors) < 0.1 and np.max(errors) < 1


def test_hisses_have_no_pitch():
    """The voicing decision changes within 20 ms of where the voice does."""
    wave = make_speech(glide, lambda time: 0 * time, seconds=2.0, gaps=((0.4, 0.6),))
    track = pitch.track_pitch(wave, sample_rate=16000)
    is_hiss = (track.seconds > 0.82) & (track.seconds < 1.18)
    is_voice = (track.seconds < 0.78) | (track.seconds > 1.22)
    assert not np.any(track.is_voiced[is_hiss])
    assert np.mean(track.is_voiced[is_voice]) > 0.97


@pytest.mark.parametrize("name", ["rain", "fire", "wind", "crickets"])
def test_textures_have_no_pitch(name):
    """Crickets sing above the range: multiples of their period are no pitch either."""
    wave = sounds.make(name, jax.random.key(0), 1.0, 16000)[None]
    assert np.mean(pitch.track_pitch(wave, sample_rate=16000).is_voiced) < 0.02


@pytest.mark.parametrize("frequency", [65, 200, 440, 950])
def test_the_whole_range_is_found_in_noise(frequency):
    time = np.arange(8000) / 16000
    tone = sum(np.sin(2 * np.pi * k * frequency * time) / k for k in range(1, 5))
    track = pitch.track_pitch(tone[None] + noise(8000, level=0.15), sample_rate=16000)
    inner = slice(5, -5)
    np.testing.assert_allclose(track.frequency[inner], frequency, rtol=0.015)


def test_level_and_cancelling_channels_do_not_matter():
    wave = make_speech(glide, lambda time: 0 * time, seconds=0.5)
    track = pitch.track_pitch(wave, sample_rate=16000)
    for other in (1e-4 * wave, np.concatenate([wave, -wave])):
        again = pitch.track_pitch(other, sample_rate=16000)
        np.testing.assert_allclose(again.frequency, track.frequency, rtol=1e-3)
