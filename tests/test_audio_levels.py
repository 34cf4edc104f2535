"""Levels and stereo images of waves."""

import numpy as np
import pytest
from helpers import noise

from audio_texture import audio


def test_match_level_reaches_the_level():
    wave, lowered = audio.match_level(noise(8000, 2, level=0.01), 0.2, sample_rate=8000)
    assert (
        audio.audible_rms(wave, sample_rate=8000) == pytest.approx(0.2, rel=1e-6)
        and lowered == 0
        and wave.dtype == np.float32
    )


def test_fades_are_at_the_ends_alone():
    """A finished sound and pieces of it fade alike; between the fades no sample changes."""
    wave = noise(1000, 2)
    faded = audio.fade_ends(wave, 40)
    assert np.max(np.abs(faded[:, [0, -1]])) < 1e-2 * audio.rms(wave)
    np.testing.assert_array_equal(faded[:, 40:-40], wave[:, 40:-40])
    gains = faded[0] / wave[0]
    assert np.all(np.diff(gains[:40]) > 0) and np.all(np.diff(gains[-40:]) < 0)
    whole = audio.fade_out(wave, 40)
    pieces = [audio.fade_out(wave[:, a:b], 40, left=1000 - b) for a, b in [(0, 975), (975, 1000)]]
    np.testing.assert_array_equal(np.concatenate(pieces, axis=1), whole)
    np.testing.assert_array_equal(audio.fade_ends(wave, 0), wave)


@pytest.mark.parametrize("level", [0.5, 1.0, 100.0])
def test_match_level_never_clips_and_says_so(level):
    """Catches clipped output, and a level that is lower than asked for without a word."""
    wave, lowered = audio.match_level(noise(8000, level=1e-3), level, sample_rate=8000)
    assert np.max(np.abs(wave)) < 1
    assert (
        20 * np.log10(level / audio.audible_rms(wave, sample_rate=8000))
        == pytest.approx(lowered, abs=1e-4)
        and lowered > 0
    )


@pytest.mark.parametrize("hertz, phase", [(5.0, 0.0), (5.37, 1.0), (2.3, 1.6)])
def test_level_is_of_what_is_heard(hertz, phase):
    """A wind, cut off anywhere, changes it by next to nothing, whatever its size; of what is heard
    it is the RMS.
    """
    rate = 8000
    time = np.arange(4 * rate + 1) / rate
    tone, wind = (
        0.1 * np.sin(2 * np.pi * 400 * time)[None],
        0.7 * np.sin(phase + 2 * np.pi * hertz * time)[None],
    )
    assert audio.audible_rms(tone, sample_rate=rate) == pytest.approx(audio.rms(tone), rel=1e-3)
    assert audio.audible_rms(tone + wind, sample_rate=rate) == pytest.approx(
        audio.rms(tone), rel=0.02
    )
    np.testing.assert_allclose(
        audio.highpass_20hz(tone + wind + 0.5, sample_rate=rate)[0, rate:-rate],
        tone[0, rate:-rate],
        atol=2e-3,
    )


def test_level_of_little():
    """Of nothing, of a constant, of one sample, of noise in two channels."""
    rate = 8000
    assert (
        audio.audible_rms(np.zeros((1, 0)), sample_rate=rate)
        == audio.audible_rms(np.zeros((1, 9)), sample_rate=rate)
        == 0
    )
    assert audio.audible_rms(np.full((1, 500), 0.25), sample_rate=rate) == pytest.approx(0.25)
    assert audio.audible_rms(np.full((1, 1), 0.25), sample_rate=rate) == pytest.approx(0.25)
    assert audio.audible_rms(noise(8000, 2), sample_rate=rate) == pytest.approx(
        audio.rms(noise(8000, 2)), rel=0.01
    )


def test_match_level_leaves_silence_silent():
    wave, lowered = audio.match_level(np.zeros((1, 100), np.float32), 0.1, sample_rate=8000)
    assert not np.any(wave) and lowered == 0


def test_rms_and_channels():
    wave = noise(1000, 2)
    assert audio.rms(wave) == pytest.approx(
        np.sqrt(np.mean(wave.astype(np.float64) ** 2)), rel=1e-12
    )
    assert audio.rms(np.zeros((1, 0))) == 0
    assert audio.with_channels(wave, 2) is wave
    np.testing.assert_allclose(audio.with_channels(wave, 1), wave.mean(axis=0, keepdims=True))
    np.testing.assert_array_equal(audio.with_channels(wave[:1], 3), np.repeat(wave[:1], 3, axis=0))


@pytest.mark.parametrize("correlation", [1.0, 0.6, 0.0, -0.6])
def test_an_image_is_that_of_the_other(correlation):
    """Correlation and balance of the channels; a sound that has an image keeps it."""
    rng = np.random.default_rng(0)
    left, other = rng.standard_normal((2, 40_000)).astype(np.float32)
    like = np.stack([left, 0.5 * (correlation * left + np.sqrt(1 - correlation**2) * other)])
    mono = np.repeat(rng.standard_normal((1, 30_000)), 2, axis=0).astype(np.float32)
    actual = audio.match_stereo_image(mono, like, sample_rate=8000)
    assert actual.shape == mono.shape and actual.dtype == np.float32
    assert np.corrcoef(actual)[0, 1] == pytest.approx(correlation, abs=0.05)
    assert audio.rms(actual[1:]) / audio.rms(actual[:1]) == pytest.approx(0.5, rel=0.05)
    assert audio.match_stereo_image(like, mono, sample_rate=8000) is like
