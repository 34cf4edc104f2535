"""Sound files that audio writes: what they hold, and what is refused."""

import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from helpers import noise

from audio_texture import audio

STEP = 2.0**-23  # of 24 bits


@pytest.mark.parametrize(
    "ending, tolerance", [(".wav", STEP), (".flac", STEP), (".ogg", None), (".WAV", STEP)]
)
@pytest.mark.parametrize("rate, channels", [(8000, 1), (22050, 2), (44100, 5)])
def test_write_then_read(tmp_path, ending, tolerance, rate, channels):
    """Catches transposed channels, a lost rate or length, and 16 bits where 24 are promised."""
    time = np.arange(rate // 2) / rate
    wave = np.stack(
        [0.9 * np.sin(2 * np.pi * 200 * (c + 1) * time) for c in range(channels)]
    ).astype(np.float32)
    path = str(tmp_path / f"sound{ending}")
    audio.write(path, wave, rate)
    actual, found_rate = audio.read(path)
    assert actual.dtype == np.float32 and actual.flags.c_contiguous
    assert (actual.shape, found_rate) == (wave.shape, rate)
    if tolerance:
        np.testing.assert_allclose(actual, wave, atol=tolerance)
    else:  # Vorbis is lossy: each channel is still most like its own.
        assert np.all(
            np.argmax(np.corrcoef(wave, actual)[:channels, channels:], axis=1)
            == np.arange(channels)
        )
        assert np.sqrt(np.mean((actual - wave) ** 2)) < 0.05


def test_formats_are_24_bit(tmp_path):
    for ending, (container, subtype) in audio.ENDINGS.items():
        path = str(tmp_path / f"sound{ending}")
        audio.write(path, noise(8000), 8000)
        info = soundfile.info(path)
        assert (info.format, info.subtype) == (container, subtype)


def test_full_scale_survives(tmp_path):
    """Catches wrap-around of the loudest sample there is."""
    path = str(tmp_path / "full.wav")
    audio.write(path, np.array([[1.0, -1.0, 0.5]], np.float32), 8000)
    np.testing.assert_allclose(audio.read(path)[0], [[1.0, -1.0, 0.5]], atol=STEP)


@pytest.mark.parametrize(
    "name, wave, message",
    [
        ("a.mp3", noise(100), r"must end in one of \.wav, \.flac, \.ogg"),
        ("a", noise(100), "must end in one of"),
        ("a.wav", noise(100)[0], r"a wave is \[channels, samples\]"),
        ("a.wav", np.full((1, 9), 1.001, np.float32), r"finite and within \[-1, 1\]"),
        ("a.wav", np.full((1, 9), np.nan, np.float32), r"finite and within \[-1, 1\]"),
        ("a.flac", noise(100, 9), "cannot be written as FLAC with 9 channels"),
        ("a_folder.wav", noise(100), "cannot be written as WAV"),
        ("no_such_folder/a.wav", noise(100), "cannot be written as WAV"),
    ],
)
def test_what_cannot_be_written(tmp_path, name, wave, message):
    """Catches clipping without a word and half-written files: what was there before stays, and
    nothing else appears.
    """
    path = str(tmp_path / name)
    if "folder" not in name:
        open(path, "w").close()
    os.mkdir(tmp_path / "a_folder.wav")
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(ValueError, match=message):
        audio.write(path, wave, 8000)
    assert sorted(os.listdir(tmp_path)) == before
    assert not os.path.isfile(path) or os.path.getsize(path) == 0


@pytest.mark.parametrize(
    "samples, rate, message", [(48000 * 70, 48000, ""), (4000, 384000, "384000")]
)
def test_ogg_does_not_crash(tmp_path, samples, rate, message):
    """Catches a crash of the whole program in libsndfile's Vorbis encoder: long sounds in one call,
    rates above 200 kHz.
    """
    path = str(tmp_path / "long.ogg")
    program = f"""
import numpy as np
from audio_texture import audio
try:
    audio.write({path!r}, 0.1 * np.sin(np.arange({samples}, dtype=np.float32))[None], {rate})
except ValueError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0 and message in done.stdout
    assert message or soundfile.info(path).frames == samples


@pytest.mark.parametrize(
    "ending, channels, rate, samples, message",
    [
        (".mp3", 1, 44100, 100, "must be one of .wav, .flac, .ogg"),
        (
            ".flac",
            9,
            44100,
            100,
            "FLAC cannot be written with 9 channels at 44100 Hz: it holds at most 8",
        ),
        (".flac", 16, 48000, 100, "16 channels.*at most 8"),
        (".ogg", 300, 44100, 100, "Ogg Vorbis holds at most 255 channels, not 300"),
        (".ogg", 1, 384_000, 100, "Ogg Vorbis holds at most 200000 Hz, not 384000"),
        (".wav", 2000, 44100, 100, "WAV cannot be written with 2000 channels.*at most 1024"),
        (".wav", 64, 192_000, 192_000 * 120, "more than a wav file holds, 117 s"),
    ],
)
def test_formats_are_asked_beforehand(ending, channels, rate, samples, message):
    """Catches minutes of work for a file that cannot be written; the rule is libsndfile's own."""
    with pytest.raises(ValueError, match=message):
        audio.check_writable(ending, channels=channels, sample_rate=rate, samples=samples)


@pytest.mark.parametrize("ending", audio.ENDINGS)
@pytest.mark.parametrize("rate", [4000, 8000, 44100, 192_000, 200_000])
@pytest.mark.parametrize("channels", [1, 2, 6, 8])
def test_what_is_promised_can_be_written(tmp_path, ending, rate, channels):
    """Whatever the check lets pass is written, and the other way round."""
    path = str(tmp_path / f"a{ending}")
    try:
        audio.check_writable(ending, channels=channels, sample_rate=rate, samples=500)
    except ValueError:
        with pytest.raises(ValueError):
            audio.write(path, noise(500, channels), rate)
    else:
        audio.write(path, noise(500, channels), rate)
        assert soundfile.info(path).channels == channels


def test_a_users_file_is_no_partial_file(tmp_path):
    """Catches a recording named as the partial file once was, replaced or removed."""
    (tmp_path / "sound.partial.wav").write_text("mine")
    audio.write(str(tmp_path / "sound.wav"), noise(1000), 8000)
    with pytest.raises(ValueError):
        audio.write(str(tmp_path / "sound.wav"), np.full((1, 9), 2.0, np.float32), 8000)
    assert (tmp_path / "sound.partial.wav").read_text() == "mine" and len(os.listdir(tmp_path)) == 2


def test_writing_leaves_no_partial_file(tmp_path):
    path = tmp_path / "sound.flac"
    audio.write(str(path), noise(1000), 8000)
    audio.write(str(path), noise(2000), 8000)
    assert os.listdir(tmp_path) == ["sound.flac"] and audio.read(str(path))[0].shape == (1, 2000)
