"""Silence, dither and constants: what is trimmed, skipped or refused."""

import numpy as np
import pytest
import soundfile
from helpers import noise

from audio_texture import audio


def test_trim_silence_keeps_what_sounds_in_any_channel():
    wave = np.zeros((2, 100), np.float32)
    wave[0, 20], wave[1, 70] = 0.1, -0.1
    np.testing.assert_array_equal(audio.trim_silence(wave), wave[:, 20:71])
    assert audio.trim_silence(np.zeros((2, 100))).shape == (2, 0)
    whole = noise(100)
    np.testing.assert_array_equal(audio.trim_silence(whole), whole)


def test_where_a_sound_begins_and_ends():
    wave = np.zeros((1, 100), np.float32)
    wave[0, 20:71] = 0.1
    assert audio.find_sound(wave) == (20, 71)
    assert audio.find_sound(np.zeros((1, 9))) == (0, 0)
    assert audio.find_sound(noise(100)) == (0, 100)


@pytest.mark.parametrize("level", [1.0, 1e-3])
def test_events_are_counted_at_any_level(level):
    """Two bursts in silence, one in each channel; noise without a gap is one event."""
    wave = 1e-3 * noise(40000, 2)
    wave[0, 8000:12000] += noise(4000)[0]
    wave[1, 30000:31600] += noise(1600)[0]
    seconds, events = audio.measure_events(level * wave, sample_rate=8000)
    assert events == 2 and abs(seconds - 0.7) < 0.05
    wave[:, 12400:14000] += noise(1600, 2)
    assert audio.measure_events(level * wave, sample_rate=8000)[1] == 3, "0.05 s after the first"
    seconds, events = audio.measure_events(level * noise(40000), sample_rate=8000)
    assert events == 1 and seconds == 5.0
    assert audio.measure_events(np.zeros((1, 8000)), sample_rate=8000) == (0.0, 0)


def dither(samples, channels=1, bits=16, seed=5):
    """What two random numbers of one step each leave of silence: float32 [channels, samples] in
    steps of `bits`.
    """
    rng = np.random.default_rng(seed)
    both = rng.random((channels, samples)) + rng.random((channels, samples)) - 1
    return (np.round(both) / 2 ** (bits - 1)).astype(np.float32)


@pytest.mark.parametrize("bits", [16, 24])
@pytest.mark.parametrize("offset", [0.0, 0.01])
def test_trim_silence_cuts_dither(bits, offset):
    """Catches silence that is no exact zero, of an exporter that dithers or a converter that has a
    constant, taken for texture.
    """
    sound = noise(20000, 2)
    wave = np.concatenate(
        [dither(9000, 2, bits), sound, dither(7000, 2, bits, seed=6)], axis=1
    ) + np.float32(offset)
    trimmed = audio.trim_silence(wave)
    # To within a block at either end, and none of the sound.
    assert 20000 <= trimmed.shape[1] < 20000 + 2 * 256
    start = np.flatnonzero(np.all(wave[:, :9001] == trimmed[:, :1], axis=0))[-1]
    assert start <= 9000 and np.any(np.isclose(trimmed, sound[:, -1:] + offset).all(axis=0))


@pytest.mark.parametrize("level", [1.0, 0.05, 3e-4])
def test_trim_silence_keeps_what_is_heard(level):
    """Catches a fade-in, a quiet passage or a quiet recording that loses its ends."""
    time = np.arange(80000) / 8000
    fading = (
        level * np.minimum(1, time / 5) * np.minimum(1, (10 - time) / 5) * noise(80000)
    ).astype(np.float32)
    assert audio.trim_silence(fading).shape[1] > 80000 - 2 * 256 - 2
    quiet = (level * np.where(time < 3, 3e-3, 1.0) * noise(80000)).astype(np.float32)
    np.testing.assert_array_equal(audio.trim_silence(quiet), quiet)
    throughout = noise(8000, level=5e-5)
    np.testing.assert_array_equal(audio.trim_silence(throughout), throughout)
    constant = np.full((1, 5000), 0.25, np.float32)
    np.testing.assert_array_equal(audio.trim_silence(constant), constant)


@pytest.mark.parametrize("silent", [0.6, 11.99, 12.5])
@pytest.mark.parametrize("bits", [16, 24])
def test_a_recording_that_begins_with_silence(tmp_path, silent, bits):
    """Catches "is silent", a texture of dither, and next to nothing of a sound, where it begins
    late: all of --input_seconds is read from its beginning on.
    """
    path = str(tmp_path / "late.wav")
    wave = np.concatenate([dither(round(silent * 8000), bits=bits), noise(8000 * 13)], axis=1)
    soundfile.write(path, wave.T, 8000, subtype=f"PCM_{bits}")
    recording, begin = audio.read_sounding(path, start=0.0, seconds=12.0)
    assert recording.wave.shape == (1, 96000) and silent - 0.033 <= begin <= silent + 1e-9
    assert audio.rms(recording.wave[:, :800]) > 0.05
    # What begins with sound, or with little silence, is read as it is.
    other, begin = audio.read_sounding(path, start=silent - 0.2, seconds=2.0)
    assert begin == silent - 0.2
    np.testing.assert_array_equal(other.wave, audio.read(path, start=silent - 0.2, seconds=2.0)[0])


def test_a_file_of_dither_alone_is_read(tmp_path):
    path = str(tmp_path / "dither.wav")
    soundfile.write(path, dither(16000).T, 8000, subtype="PCM_16")
    recording, begin = audio.read_sounding(path, start=0.0, seconds=1.0)
    assert recording.wave.shape == (1, 8000) and begin == 0


@pytest.mark.parametrize(
    "wave, message",
    [
        (np.zeros((1, 100)), "hiss is silent"),
        (noise(1000, level=1e-6), "hiss is silent"),
        (np.zeros((1, 0)), "hiss is silent"),
        (np.full((2, 99), 0.3), "hiss is a constant"),
    ],
)
def test_what_is_not_audible(wave, message):
    with pytest.raises(ValueError, match=message):
        audio.check_audible(wave, "hiss")


def test_quiet_sounds_are_audible():
    audio.check_audible(noise(1000, level=1e-4), "hiss")
