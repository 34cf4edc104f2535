"""Sound files that audio reads: other programs' formats, parts, and every bad file."""

import os

import numpy as np
import pytest
import soundfile
from helpers import noise

from audio_texture import audio
from audio_texture.audio import reading

STEP = 2.0**-23  # of 24 bits


@pytest.mark.parametrize(
    "container, subtype",
    [
        ("WAV", "PCM_16"),
        ("WAV", "FLOAT"),
        ("WAV", "PCM_U8"),
        ("AIFF", "PCM_16"),
        ("FLAC", "PCM_16"),
        ("OGG", "OPUS"),
        ("MP3", "MPEG_LAYER_III"),
    ],
)
def test_reads_what_others_write(tmp_path, container, subtype):
    path = str(tmp_path / "sound.bin")
    wave = noise(48000)
    soundfile.write(path, wave.T, 48000, format=container, subtype=subtype)
    actual, rate = audio.read(path)
    assert rate == 48000 and actual.shape[0] == 1 and abs(actual.shape[1] - 48000) < 3000
    assert audio.rms(actual) == pytest.approx(audio.rms(wave), rel=0.2)


def test_reads_a_part(tmp_path):
    """Catches start and length taken in samples for seconds, and a length counted from the
    beginning.
    """
    path = str(tmp_path / "sound.wav")
    wave = noise(8000, 2)
    audio.write(path, wave, 8000)
    np.testing.assert_allclose(
        audio.read(path, start=0.25, seconds=0.5)[0], wave[:, 2000:6000], atol=STEP
    )
    np.testing.assert_allclose(audio.read(path, start=0.9, seconds=5)[0], wave[:, 7200:], atol=STEP)
    for start in (1.0, 2.0, -0.5):
        with pytest.raises(ValueError, match="lasts 1 s; it cannot be read from"):
            audio.read(path, start=start)


@pytest.mark.parametrize("seconds", [-1.0, 0.0, float("nan")])
def test_a_length_that_is_none_is_refused(tmp_path, seconds):
    """Catches a negative length that libsndfile takes for "all of it", and an empty wave that fails
    far from here.
    """
    path = str(tmp_path / "sound.wav")
    audio.write(path, noise(8000), 8000)
    with pytest.raises(ValueError, match="sound.wav"):
        audio.read(path, seconds=seconds)


def cut(path, share):
    size = os.path.getsize(path)
    with open(path, "r+b") as file:
        file.truncate(int(size * share))


def a_file(folder, kind):
    """A file that is bad in one way."""
    path = str(folder / f"{kind}.wav")
    wave = noise(8000)
    match kind.split()[0]:
        case "directory":
            os.mkdir(path)
        case "zero":
            open(path, "w").close()
        case "text":
            with open(path, "w") as file:
                file.write("This is no sound.\n" * 100)
        case "cut":
            container, share = kind.split()[1:]
            subtype = {"OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}.get(container, "PCM_16")
            soundfile.write(path, wave.T, 8000, format=container, subtype=subtype)
            cut(path, float(share))
        case "no-samples":
            soundfile.write(path, np.zeros((0, 1)), 8000, format="WAV")
        case "nan" | "inf":
            wave[0, 100] = float(kind)
            soundfile.write(path, wave.T, 8000, format="WAV", subtype="FLOAT")
        case "rate":
            soundfile.write(path, wave.T, int(kind.split()[1]), format="WAV")
    return path


@pytest.mark.parametrize(
    "kind, message",
    [
        ("missing", "does not exist"),
        ("directory", "is a directory"),
        ("zero", "is an empty file"),
        ("text", "is not a sound file"),
        ("cut WAV 0.5", "truncated"),
        ("cut WAV 0.85", "truncated"),
        ("cut W64 0.5", "truncated"),
        ("cut CAF 0.5", "truncated"),
        ("cut AU 0.5", "truncated"),
        ("cut RF64 0.5", "truncated"),
        ("cut MP3 0.5", "truncated"),
        ("cut OGG 0.5", "truncated|cut short"),
        ("cut AIFF 0.5", "truncated"),
        ("cut FLAC 0.5", "truncated|damaged"),
        ("cut WAV 0.001", "damaged|empty"),
        ("cut FLAC 0.01", "truncated|damaged|empty"),
        ("no-samples", "no samples"),
        ("nan", "NaN or infinite"),
        ("inf", "NaN or infinite"),
        ("rate 3999", "3999 Hz; it must be from 4000 to 384000"),
        ("rate 384001", "384001 Hz; it must be from 4000 to 384000"),
    ],
)
def test_bad_files_are_named(tmp_path, kind, message):
    """Every bad file ends in a ValueError that says which file it was and what is wrong with it."""
    path = a_file(tmp_path, kind)
    with pytest.raises(ValueError, match=message) as caught:
        audio.read(path)
    assert kind in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("rate", [4000, 384000])
def test_rates_at_the_ends_are_read(tmp_path, rate):
    assert audio.read(a_file(tmp_path, f"rate {rate}"))[1] == rate


def test_what_a_header_claims_takes_no_memory(tmp_path, monkeypatch):
    """Catches memory by the header's word, and a whole file that would fill it up."""
    path = tmp_path / "sound.wav"
    audio.write(str(path), noise(8000, 2), 8000)
    monkeypatch.setattr(reading, "_MOST_SAMPLES", 15_999)
    with pytest.raises(ValueError, match="sound.wav' holds more than .* use a part of it"):
        audio.read(str(path))
    assert audio.read(str(path), seconds=0.5)[0].shape == (2, 4000)


def test_reads_real_recordings(esc10):
    for path in sorted(esc10.glob("*/*"))[:400:100]:
        wave, rate = audio.read(str(path))
        assert rate == 44100 and len(wave) == 1 and 5 <= wave.shape[1] / rate < 5.1
        assert 1e-4 < audio.rms(wave) < 1
