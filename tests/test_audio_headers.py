"""Sound files whose headers give no length or a wrong one."""

import struct

import numpy as np
import pytest
import soundfile
from helpers import noise

from audio_texture import audio

# Where each container keeps the length of its samples: (mark before it, bytes from the mark, bytes,
# order, what else it counts).
LENGTHS = {
    "WAV": (b"data", 4, 4, "little", 0),
    "WAVEX": (b"data", 4, 4, "little", 0),
    "RF64": (b"ds64", 16, 8, "little", 0),
    "W64": (b"data", 16, 8, "little", 24),
    "AIFF": (b"SSND", 4, 4, "big", 8),
    "AU": (b".snd", 8, 4, "big", 0),
    "CAF": (b"data", 4, 8, "big", 4),
}


def with_length(path, container, length):
    """Writes another length of samples to a file's header; in fields of 32 bits, -1 is 2^32 - 1."""
    mark, after, size, order, counted = LENGTHS[container]
    data = bytearray(path.read_bytes())
    at = data.index(mark) + after
    if length > 0:
        length += int.from_bytes(data[at : at + size], order)
    data[at : at + size] = (length % 2 ** (8 * size)).to_bytes(size, order)
    if container in ("WAV", "WAVEX"):
        data[4:8] = struct.pack("<I", 36)
    path.write_bytes(data)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("length", [0, -1])
@pytest.mark.parametrize(
    "container, subtype",
    [(c, "PCM_16") for c in LENGTHS]
    + [("WAV", "PCM_24"), ("WAV", "FLOAT"), ("WAV", "ULAW"), ("AIFF", "PCM_24")],
)
def test_reads_headers_that_were_never_finished(tmp_path, container, subtype, length, channels):
    """A recorder that crashed leaves 0, programs that write to a pipe leave -1: all samples are
    read, parts too, and the user is told.

    Catches "no samples", "malformed" and "incomplete" for sounds that are all there.
    """
    path, wave = tmp_path / "open.bin", noise(8000, channels)
    soundfile.write(path, wave.T, 8000, format=container, subtype=subtype)
    expected = audio.read(str(path))[0]
    with_length(path, container, length)
    with pytest.warns(audio.FileWarning, match="open.bin' does not say how long it is"):
        actual, rate = audio.read(str(path))
    assert rate == 8000
    np.testing.assert_array_equal(actual, expected)
    with pytest.warns(audio.FileWarning, match="does not say"):
        part = audio.read(str(path), start=0.25, seconds=0.5)[0]
    np.testing.assert_array_equal(part, expected[:, 2000:6000])


@pytest.mark.parametrize("container", LENGTHS)
@pytest.mark.parametrize("more", [1, 2, 400])
def test_reads_lengths_that_are_a_little_too_large(tmp_path, container, more):
    """Catches "truncated" for want of a sample, or of a byte that fills up: nothing that a listener
    misses.
    """
    path, wave = tmp_path / "more.bin", noise(8000)
    soundfile.write(path, wave.T, 8000, format=container, subtype="PCM_16")
    with_length(path, container, more)
    with pytest.warns(
        audio.FileWarning, match="more.bin' ends .* before its header says; what is there is read"
    ):
        actual = audio.read(str(path))[0]
    np.testing.assert_allclose(actual, wave, atol=2.0**-15)


@pytest.mark.parametrize("container", ["WAV", "AIFF", "AU"])
def test_more_than_the_header_counts(tmp_path, container):
    """A header that was last brought up to date a while before the end: it is believed, and the
    user is told of the rest.
    """
    path = tmp_path / "behind.bin"
    soundfile.write(path, noise(8000).T, 8000, format=container, subtype="PCM_16")
    mark, after, size, order, counted = LENGTHS[container]
    data = bytearray(path.read_bytes())
    at = data.index(mark) + after
    data[at : at + size] = (8000 + counted).to_bytes(size, order)
    path.write_bytes(data)
    with pytest.warns(audio.FileWarning, match="goes on for about 0.5 s behind the 0.5 s"):
        assert audio.read(str(path))[0].shape == (1, 4000)


@pytest.mark.parametrize("chunks", [b"LIST\x04\0\0\0INFO", b"LIST\x03\0\0\0abc\0id3 \0\0\0\0"])
def test_no_samples_before_other_chunks(tmp_path, chunks):
    """Catches a title taken for samples where there are truly none."""
    path = tmp_path / "empty.wav"
    soundfile.write(path, np.zeros((0, 1)), 8000, format="WAV")
    path.write_bytes(path.read_bytes() + chunks)
    with pytest.raises(ValueError, match="no samples"):
        audio.read(str(path))
    soundfile.write(path, noise(800).T, 8000, format="WAV")
    path.write_bytes(path.read_bytes() + chunks)
    assert audio.read(str(path))[0].shape == (1, 800)


def open_flac(path, wave):
    """A FLAC as an encoder that writes to a pipe leaves it: no number of samples, no sum, no table
    of places.
    """
    soundfile.write(path, wave.T, 8000, format="FLAC", subtype="PCM_16")
    data = bytearray(path.read_bytes())
    # RFC 9639, section 8.2: 36 bits of the number of samples, 128 of the sum.
    data[21] &= 0xF0
    data[22:42] = bytes(20)
    path.write_bytes(data)
    return data


def test_reads_flac_without_a_length(tmp_path):
    """Catches "array is too big" and "psf_fseek() failed"."""
    path, wave = tmp_path / "piped.flac", noise(20000, 2)
    data = open_flac(path, wave)
    for start, seconds, part in (
        (0, None, slice(None)),
        (0.25, 0.5, slice(2000, 6000)),
        (1, None, slice(8000, None)),
        (2.4, 9, slice(19200, None)),
    ):
        with pytest.warns(audio.FileWarning, match="piped.flac' does not say how long it is"):
            actual = audio.read(str(path), start=start, seconds=seconds)[0]
        np.testing.assert_allclose(actual, wave[:, part], atol=2.0**-15)
    with pytest.raises(ValueError, match="lasts 2.5 s; it cannot be read from 3 s on"):
        audio.read(str(path), start=3)
    path.write_bytes(data[: len(data) // 2])
    with pytest.warns(audio.FileWarning) as told:
        actual = audio.read(str(path))[0]
    assert any("is cut short or damaged at" in str(warning.message) for warning in told)
    assert 4096 <= actual.shape[1] < 12000
    np.testing.assert_allclose(actual, wave[:, : actual.shape[1]], atol=2.0**-15)


def test_reads_ogg_without_an_end(tmp_path):
    """A stream that was recorded until somebody stopped: its whole pages are read. Catches
    "truncated" for a sound that is all there.
    """
    path = tmp_path / "radio.ogg"
    soundfile.write(path, noise(80000).T, 8000, format="OGG", subtype="VORBIS")
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"OggS")])
    with pytest.warns(audio.FileWarning, match="radio.ogg' lacks the mark of its end"):
        assert 30000 < audio.read(str(path))[0].shape[1] < 80000


def test_length_and_notes_of_a_recording(tmp_path):
    path = tmp_path / "sound.wav"
    soundfile.write(path, noise(8000).T, 8000)
    assert audio.read_recording(str(path), seconds=0.5)[1:] == (8000, 8000, ())
    open_flac(tmp_path / "open.flac", noise(8000))
    lengths = [
        audio.read_recording(str(tmp_path / "open.flac"), seconds=seconds).length
        for seconds in (0.5, 2.0, None)
    ]
    assert lengths == [None, 8000, 8000]


def test_how_long_a_file_is(tmp_path):
    audio.write(str(tmp_path / "a.wav"), noise(4000), 8000)
    assert audio.seconds_of(str(tmp_path / "a.wav")) == 0.5
    open_flac(tmp_path / "b.flac", noise(4000))
    assert audio.seconds_of(str(tmp_path / "b.flac")) is None
    with pytest.raises(ValueError, match="does not exist"):
        audio.seconds_of(str(tmp_path / "none.wav"))
