"""audio against soundfile and measured sines, and against every bad file a user may hand over."""

import os
import struct
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from helpers import noise

from audio_texture import audio
from audio_texture.audio import reading

STEP = 2.0**-23  # of 24 bits
RATES = (44100, 22050, 48000, 16000)


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


def test_what_a_header_claims_takes_no_memory(tmp_path, monkeypatch):
    """Catches memory by the header's word, and a whole file that would fill it up."""
    path = tmp_path / "sound.wav"
    audio.write(str(path), noise(8000, 2), 8000)
    monkeypatch.setattr(reading, "_MOST_SAMPLES", 15_999)
    with pytest.raises(ValueError, match="sound.wav' holds more than .* use a part of it"):
        audio.read(str(path))
    assert audio.read(str(path), seconds=0.5)[0].shape == (2, 4000)


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


def spectrum_db(wave):
    """Levels of a wave's bins in dB of a full-scale sine, its ends (the filter's transient) faded
    out.
    """
    window = np.blackman(len(wave)) ** 2
    return 20 * np.log10(
        np.abs(np.fft.rfft(wave.astype(np.float64) * window)) / (np.sum(window) / 2) + 1e-12
    )


@pytest.mark.parametrize("from_rate", RATES)
@pytest.mark.parametrize("to_rate", RATES)
def test_resampled_sines_are_alone(from_rate, to_rate):
    """Images and aliases below -100 dB, wherever the sine lies; what Nyquist allows comes through
    as it was.

    Catches the -23 dB aliases of `scipy.signal.resample_poly`'s own filter.
    """
    lower_nyquist = min(from_rate, to_rate) / 2
    time = np.arange(from_rate) / from_rate
    for hertz in (
        0.03 * lower_nyquist,
        0.5 * lower_nyquist,
        0.8 * lower_nyquist,
        1.05 * lower_nyquist,
        0.98 * from_rate / 2,
    ):
        actual = audio.resample(
            np.sin(2 * np.pi * hertz * time)[None].astype(np.float32), from_rate, to_rate
        )[0]
        assert actual.dtype == np.float32
        levels = spectrum_db(actual)
        bins = np.fft.rfftfreq(len(actual), 1 / to_rate)
        away = np.abs(bins - hertz) > 20  # main lobe of the window
        if hertz <= 0.8 * lower_nyquist:
            middle = actual[len(actual) // 4 : -len(actual) // 4]
            expected = np.sin(2 * np.pi * hertz * np.arange(len(actual)) / to_rate)[
                len(actual) // 4 : -len(actual) // 4
            ]
            # .01 dB flat and no delay: both show as a difference from the sine itself.
            assert np.max(np.abs(middle - expected)) < 1.2e-3, hertz
            assert np.max(levels[away]) < -100, hertz
        elif from_rate > to_rate and hertz > lower_nyquist:
            assert np.max(levels) < -100, hertz


@pytest.mark.parametrize(
    "from_rate, to_rate",
    [(44100, 22050), (22050, 44100), (44100, 48000), (48000, 44100), (8000, 8000), (192000, 22050)],
)
@pytest.mark.parametrize("samples", [1, 999, 1000])
def test_resampled_length(from_rate, to_rate, samples):
    assert audio.resample(noise(samples, 3), from_rate, to_rate).shape == (
        3,
        -(-samples * to_rate // from_rate),
    )


def test_resampling_is_linear_and_channel_by_channel():
    wave = noise(2000, 2)
    both = audio.resample(wave, 44100, 48000)
    np.testing.assert_array_equal(both[1], audio.resample(wave[1], 44100, 48000))
    np.testing.assert_allclose(audio.resample(0.5 * wave, 44100, 48000), 0.5 * both, atol=1e-7)


def test_match_level_reaches_the_level():
    wave, lowered = audio.match_level(noise(8000, 2, level=0.01), 0.2, sample_rate=8000)
    assert (
        audio.audible_rms(wave, sample_rate=8000) == pytest.approx(0.2, rel=1e-6)
        and lowered == 0
        and wave.dtype == np.float32
    )


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


def test_trim_silence_keeps_what_sounds_in_any_channel():
    wave = np.zeros((2, 100), np.float32)
    wave[0, 20], wave[1, 70] = 0.1, -0.1
    np.testing.assert_array_equal(audio.trim_silence(wave), wave[:, 20:71])
    assert audio.trim_silence(np.zeros((2, 100))).shape == (2, 0)
    whole = noise(100)
    np.testing.assert_array_equal(audio.trim_silence(whole), whole)


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


def test_how_long_a_file_is(tmp_path):
    audio.write(str(tmp_path / "a.wav"), noise(4000), 8000)
    assert audio.seconds_of(str(tmp_path / "a.wav")) == 0.5
    open_flac(tmp_path / "b.flac", noise(4000))
    assert audio.seconds_of(str(tmp_path / "b.flac")) is None
    with pytest.raises(ValueError, match="does not exist"):
        audio.seconds_of(str(tmp_path / "none.wav"))


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


def test_reads_real_recordings(esc10):
    for path in sorted(esc10.glob("*/*"))[:400:100]:
        wave, rate = audio.read(str(path))
        assert rate == 44100 and len(wave) == 1 and 5 <= wave.shape[1] / rate < 5.1
        assert 1e-4 < audio.rms(wave) < 1


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
