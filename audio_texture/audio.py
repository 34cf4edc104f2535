"""Sound files and sample rates: the only module that touches sound files.

A wave is float32 [channels, samples], nominally in [-1, 1]. Everything here is NumPy and SciPy: it runs once, before and
after the optimisation. Whatever a user's file can get wrong is found here, as a ValueError that names file and rule.
"""

import io
import math
import os
import re

import numpy as np
import scipy.signal
import soundfile

from audio_texture import files

LOWEST_RATE, HIGHEST_RATE = 4_000, 384_000
ENDINGS = {".wav": ("WAV", "PCM_24"), ".flac": ("FLAC", "PCM_24"), ".ogg": ("OGG", "VORBIS")}
# What libsndfile's Vorbis encoder takes, in Hz and channels, and bytes that a wav file counts.
HIGHEST_VORBIS_RATE, MOST_VORBIS_CHANNELS, LARGEST_WAV = 200_000, 255, 2**32
# Below this RMS (-100 dB of full scale) a file holds dither at most.
SILENCE = 1e-5
# Hz. What lies below counts for no level.
LOWEST_HEARD = 20.0


def read(path: str, *, start: float = 0.0, seconds: float | None = None) -> tuple[np.ndarray, int]:
    """Reads a sound file of any format, rate and channel count that libsndfile reads.

    Args:
      path: the file.
      start: where to begin, in seconds.
      seconds: how much to read at the most; None reads to the end.
    Returns:
      The wave, float32 [channels, samples], and its sample rate in Hz.
    Raises:
      ValueError: no such file, a directory, not a sound file, truncated, empty, samples that are NaN or infinite, a rate
        outside [4000, 384000] Hz, or a start beyond the end.
    """
    if not os.path.exists(path):
        raise ValueError(f"{path!r} does not exist.")
    if os.path.isdir(path):
        raise ValueError(f"{path!r} is a directory; a sound file is needed.")
    if os.path.getsize(path) == 0:
        raise ValueError(f"{path!r} is an empty file.")
    try:
        with soundfile.SoundFile(path) as file:
            rate, frames, log = file.samplerate, file.frames, file.extra_info
            if not LOWEST_RATE <= rate <= HIGHEST_RATE:
                raise ValueError(f"{path!r} has a sample rate of {rate} Hz; it must be from {LOWEST_RATE} to {HIGHEST_RATE} Hz.")
            if frames == 0:
                raise ValueError(f"{path!r} has no samples (it is empty or was cut short).")
            if not 0 <= start < frames / rate:
                raise ValueError(f"{path!r} lasts {frames / rate:g} s; it cannot be read from {start:g} s on.")
            if seconds is not None and not seconds * rate >= 1:
                raise ValueError(f"{path!r} cannot be read for {seconds:g} s; it must be for a sample at least.")
            first = int(start * rate)
            wanted = frames - first if seconds is None else int(min(frames - first, seconds * rate))
            file.seek(first)
            data = file.read(wanted, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise ValueError(f"{path!r} is not a sound file that libsndfile can read, or is damaged ({str(error).strip()}).") from error
    if len(data) < wanted or _promises_more(log) or _ogg_is_cut(path):
        raise ValueError(f"{path!r} is truncated: it ends before its last sample.")
    if not np.all(np.isfinite(data)):
        raise ValueError(f"{path!r} has samples that are NaN or infinite.")
    return np.ascontiguousarray(data.T), rate


def _promises_more(log: str) -> bool:
    """Whether libsndfile's parsing log tells of a header that promises more data than the file holds."""
    if "frame count" in log and "***" in log:
        return True
    sizes = re.findall(r"(?:data|SSND|Data Size)\s*: (\d+) \(should be (\d+)\)", log)
    # Programs that write to a pipe cannot know the length and leave 0 or about 2^31 or 2^32: not a sign of damage.
    return any(int(actual) < int(declared) < 0x7FFF_0000 for declared, actual in sizes)


def _ogg_is_cut(path: str) -> bool:
    """Whether a file of Ogg pages lacks the mark of a stream's end on its last one (RFC 3533, section 6: flag 4)."""
    with open(path, "rb") as file:
        if file.read(4) != b"OggS":
            return False
        # A page has 65307 bytes at the most.
        file.seek(max(0, os.path.getsize(path) - 65_536))
        tail = file.read()
    last = tail.rfind(b"OggS")
    return last < 0 or len(tail) < last + 6 or not tail[last + 5] & 4


def check_writable(ending: str, *, channels: int, sample_rate: int, samples: int) -> None:
    """Raises ValueError, with the rule, where no sound of that kind can be written by `write`: libsndfile itself is asked.

    ending: of the file, with its dot. samples: of each channel.
    """
    if ending.lower() not in ENDINGS:
        raise ValueError(f"{ending!r} must be one of {', '.join(ENDINGS)}.")
    container, subtype = ENDINGS[ending.lower()]
    if container == "OGG":
        _check_vorbis(channels, sample_rate)

    def trouble(channels):
        try:
            with soundfile.SoundFile(io.BytesIO(), "w", sample_rate, channels, format=container, subtype=subtype) as file:
                file.write(np.zeros((64, channels), np.float32))
        except (soundfile.LibsndfileError, RuntimeError, ValueError, TypeError) as error:
            return str(error).strip()
        return ""

    if complaint := trouble(channels):
        most, least = 0, channels
        while least - most > 1:
            middle = (most + least) // 2
            most, least = (most, middle) if trouble(middle) else (middle, least)
        rule = f"it holds at most {most}" if most else complaint
        raise ValueError(f"{container} cannot be written with {channels} channels at {sample_rate} Hz: {rule}.")
    longest = (LARGEST_WAV - 4096) // (3 * channels)
    if container == "WAV" and samples > longest:
        raise ValueError(f"{samples / sample_rate:g} s of {channels} channels are more than a wav file holds, {longest / sample_rate:.0f} s.")


def _check_vorbis(channels: int, sample_rate: int) -> None:
    """ValueError for what libsndfile's Vorbis encoder does not refuse: it takes the whole process down."""
    if sample_rate > HIGHEST_VORBIS_RATE:
        raise ValueError(f"Ogg Vorbis holds at most {HIGHEST_VORBIS_RATE} Hz, not {sample_rate}.")
    if channels > MOST_VORBIS_CHANNELS:
        raise ValueError(f"Ogg Vorbis holds at most {MOST_VORBIS_CHANNELS} channels, not {channels}.")


def write(path: str, wave: np.ndarray, sample_rate: int, *, as_float: bool = False) -> None:
    """Writes a wave as 24-bit wav or flac, or as Ogg Vorbis, by the file's ending.

    The file appears whole or not at all: it is written under another name, flushed to the disk and renamed.

    Args:
      path: ends in .wav, .flac or .ogg.
      wave: float32 [channels, samples] in [-1, 1].
      sample_rate: in Hz.
      as_float: a wav of 32-bit floats, which holds any samples.
    Raises:
      ValueError: another ending, samples that are not finite or over full scale, or more channels than the format holds.
    """
    ending = os.path.splitext(path)[1]
    if ending.lower() not in ENDINGS:
        raise ValueError(f"{path!r} must end in one of {', '.join(ENDINGS)}.")
    if wave.ndim != 2:
        raise ValueError(f"a wave is [channels, samples]; this one has the shape {wave.shape}.")
    # libsndfile would clip the one and turn the other into full scale, both without a word.
    if not as_float and (not np.all(np.isfinite(wave)) or np.max(np.abs(wave), initial=0.0) > 1.0):
        raise ValueError(f"{path!r}: samples must be finite and within [-1, 1].")
    container, subtype = ("WAV", "FLOAT") if as_float else ENDINGS[ending.lower()]
    if container == "OGG":
        _check_vorbis(len(wave), sample_rate)
    try:
        with files.replacing(path) as partial:
            with soundfile.SoundFile(partial, "w", sample_rate, len(wave), format=container, subtype=subtype) as file:
                # Given a minute at once, libsndfile's Vorbis encoder takes the whole process down.
                for start in range(0, wave.shape[1], 65_536):
                    file.write(wave[:, start : start + 65_536].T)
    except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
        raise ValueError(f"{path!r} cannot be written as {container} with {len(wave)} channels at {sample_rate} Hz ({str(error).strip()}).") from error


def frames_to_extend(path: str, *, channels: int, sample_rate: int, at_least: int) -> int:
    """Samples of a wav file that `extend` may go on with; reads its header alone.

    Raises ValueError where it cannot be read, is of another kind, rate or number of channels, or has fewer than `at_least`.
    """
    try:
        info = soundfile.info(path)
    except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
        raise ValueError(f"{path!r} is missing or damaged ({str(error).strip()}).") from error
    kind = (info.format, info.subtype, info.channels, info.samplerate)
    if kind != ("WAV", "PCM_24", channels, sample_rate):
        raise ValueError(f"{path!r} is {' '.join(map(str, kind[:2]))} with {kind[2]} channels at {kind[3]} Hz, not WAV PCM_24 with {channels} at {sample_rate} Hz.")
    if info.frames < at_least:
        raise ValueError(f"{path!r} is damaged: it has {info.frames} of the {at_least} samples that were written.")
    return info.frames


def extend(path: str, wave: np.ndarray, sample_rate: int, *, start: int) -> None:
    """Writes a wave into a 24-bit wav file from a sample on, and drops what stood behind; from 0 on it makes the file.

    The file can be read between calls, and when the program is killed within one; a call that fails leaves what was there.
    What a call has written is on the disk when it returns.

    Args:
      path: ends in .wav.
      wave: float32 [channels, samples] in [-1, 1].
      sample_rate: in Hz.
      start: the first sample to write; the file has at least so many.
    Raises:
      ValueError: a file that ends before `start`, or cannot be written, as on a full disk.
    """
    make = {"samplerate": sample_rate, "channels": len(wave), "format": "WAV", "subtype": "PCM_24"} if start == 0 else {}
    try:
        # The header is brought up to date when the file is closed.
        with soundfile.SoundFile(path, "r+" if start else "w", **make) as file:
            if file.frames < start:
                raise ValueError(f"{path!r} has {file.frames} samples, fewer than the {start} to go on from.")
            file.truncate(start)
            file.seek(start)
            try:
                file.write(wave.T)
            except soundfile.LibsndfileError:
                file.truncate(start)
                raise
        files.sync_file(path)
    except (soundfile.LibsndfileError, OSError) as error:
        raise ValueError(f"{path!r} cannot be written on ({str(error).strip()}); is the disk full?") from error


def resample(wave: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Band-limited change of sample rate; alias and image lie below -100 dB.

    A Kaiser-windowed sinc with 64 zeros a side, beta 14 and its cut-off at 0.94 of the lower Nyquist frequency (measured:
    -139 dB), since the default of `scipy.signal.resample_poly` passes aliases at -23 dB just above Nyquist.

    Args:
      wave: [..., samples].
      from_rate, to_rate: in Hz.
    Returns:
      float32 [..., ceil(samples * to_rate / from_rate)].
    """
    if from_rate == to_rate:
        return np.asarray(wave, np.float32)
    divisor = math.gcd(from_rate, to_rate)
    up, down = to_rate // divisor, from_rate // divisor
    slower = max(up, down)
    taps = scipy.signal.firwin(2 * 64 * slower + 1, 0.94 / slower, window=("kaiser", 14.0))
    return scipy.signal.resample_poly(wave, up, down, axis=-1, window=taps).astype(np.float32)


def with_channels(wave: np.ndarray, channels: int) -> np.ndarray:
    """The wave with another number of channels: mixed down to their mean, or repeated. [C, samples] -> [channels, samples]."""
    if len(wave) == channels:
        return wave
    return np.repeat(np.mean(wave, axis=0, keepdims=True), channels, axis=0)


def with_image(wave: np.ndarray, like: np.ndarray, *, sample_rate: int) -> np.ndarray:
    """A sound whose channels are all the same, spread as another's are: [C, N], [C, M] -> [C, N] float32. Others come back as they are.

    Where two channels agree, as in a mono file of two, the result's do; where they have nothing in common, they get moments of
    the sound that lie far apart, which of a texture are as good as two recordings. Levels follow the other's too.
    """
    channels, samples = wave.shape
    if channels == 1 or np.any(wave != wave[:1]):
        return wave
    covariance = np.cov(like.astype(np.float64), bias=True)
    covariance /= np.trace(covariance) / channels
    mixing = np.linalg.cholesky(covariance + 1e-9 * np.eye(channels))
    # Faded, lest the end meet the beginning with a click in the middle.
    edge = min(round(0.005 * sample_rate), samples // 2)
    ramp = np.sin(np.pi / 2 * (np.arange(edge) + 0.5) / max(edge, 1)) ** 2
    faded = wave[0] * np.concatenate([ramp, np.ones(samples - 2 * edge), ramp[::-1]])
    return (mixing @ np.stack([wave[0], *(np.roll(faded, channel * samples // channels) for channel in range(1, channels))])).astype(np.float32)


def trim_silence(wave: np.ndarray) -> np.ndarray:
    """Cuts digital silence (exact zeros in all channels) off both ends: padding is no part of a texture."""
    sounding = np.flatnonzero(np.any(wave != 0, axis=0))
    return wave[:, sounding[0] : sounding[-1] + 1] if len(sounding) else wave[:, :0]


def rms(wave: np.ndarray) -> float:
    """Root mean square over all channels and samples."""
    return float(np.sqrt(np.mean(np.square(wave, dtype=np.float64)))) if wave.size else 0.0


def heard(wave: np.ndarray, *, sample_rate: float) -> np.ndarray:
    """A wave [..., N] without what lies below `LOWEST_HEARD` Hz, float32; without a shift of phase, its ends continued by their mirror images."""
    sections = scipy.signal.butter(4, LOWEST_HEARD, "high", fs=sample_rate, output="sos")
    return scipy.signal.sosfiltfilt(sections, wave, padlen=min(wave.shape[-1] - 1, round(sample_rate / 4))).astype(np.float32)


def level(wave: np.ndarray, *, sample_rate: float) -> float:
    """Root mean square of what is heard of a wave [C, N]; of all of it where next to nothing is.

    Wind of 5 Hz on a microphone can hold three quarters of the power: brought to one RMS, two sounds that differ in it differ in how loud all else is.
    """
    # A channel at a time: ten minutes in double precision are large.
    found = math.sqrt(np.mean([rms(heard(channel, sample_rate=sample_rate)) ** 2 for channel in wave])) if wave.size else 0.0
    return found if found >= SILENCE else rms(wave)


def check_audible(wave: np.ndarray, name: str) -> None:
    """Raises ValueError, naming the sound, when it is digital silence or a constant (DC) and so has no texture."""
    if rms(wave) < SILENCE:
        raise ValueError(f"{name} is silent: its level must be above {20 * math.log10(SILENCE):.0f} dB of full scale.")
    if rms(wave - np.mean(wave, axis=-1, keepdims=True)) < SILENCE:
        raise ValueError(f"{name} is a constant (DC), not a sound.")


def match_level(wave: np.ndarray, wanted: float, *, sample_rate: float) -> tuple[np.ndarray, float]:
    """Scales a wave to a level (of `level`), or to the highest one below it at which nothing clips.

    Returns:
      The wave, float32, with no sample over full scale, and by how many dB it had to stay below the level (0 mostly).
    """
    wave = wave * (wanted / max(level(wave, sample_rate=sample_rate), np.finfo(np.float32).tiny))
    # Just under 1, so that rounding to integers cannot pass full scale.
    over = max(float(np.max(np.abs(wave), initial=0.0)) / 0.9999, 1.0)
    return (wave / over).astype(np.float32), 20 * math.log10(over)
