"""Writes sound files: 24-bit wav and flac, and Ogg Vorbis."""

import io
import os

import numpy as np
import soundfile

from audio_texture import files

# Ending of a file -> its container and sample format, by the names of libsndfile.
ENDINGS = {".wav": ("WAV", "PCM_24"), ".flac": ("FLAC", "PCM_24"), ".ogg": ("OGG", "VORBIS")}
# Limits of libsndfile's Vorbis encoder, in Hz and channels, and of a wav file, in bytes.
HIGHEST_VORBIS_RATE, MOST_VORBIS_CHANNELS, LARGEST_WAV = 200_000, 255, 2**32
_WRITE_BLOCK = 65_536
_ERRORS = (soundfile.LibsndfileError, RuntimeError, OSError)


def check_writable(ending: str, *, channels: int, sample_rate: int, samples: int) -> None:
    """Raises ValueError, with the rule, if `write` cannot write such a sound.

    libsndfile decides: it is made to write such a sound to memory.

    Args:
      ending: of the file, with its dot.
      channels: number of channels.
      sample_rate: in Hz.
      samples: number of samples in a channel.
    Example:
      >>> check_writable(".wav", channels=2, sample_rate=44100, samples=1000)
      >>> check_writable(".mp3", channels=2, sample_rate=44100, samples=1000)
      Traceback (most recent call last):
      ValueError: '.mp3' must be one of .wav, .flac, .ogg.
    """
    if ending.lower() not in ENDINGS:
        raise ValueError(f"{ending!r} must be one of {', '.join(ENDINGS)}.")
    container, subtype = ENDINGS[ending.lower()]
    if container == "OGG":
        _check_vorbis(channels, sample_rate)
    if complaint := _complaint(container, subtype, channels, sample_rate):
        possible, impossible = 0, channels
        while impossible - possible > 1:
            middle = (possible + impossible) // 2
            if _complaint(container, subtype, middle, sample_rate):
                impossible = middle
            else:
                possible = middle
        rule = f"it holds at most {possible}" if possible else complaint
        raise ValueError(
            f"{container} cannot be written with {channels} channels at {sample_rate} Hz: {rule}."
        )
    longest = (LARGEST_WAV - 4096) // (3 * channels)
    if container == "WAV" and samples > longest:
        raise ValueError(
            f"{samples / sample_rate:g} s of {channels} channels are more than a wav file holds,"
            f" {longest / sample_rate:.0f} s."
        )


def _complaint(container: str, subtype: str, channels: int, sample_rate: int) -> str:
    """Returns libsndfile's error for such a file; empty if it can be written."""
    try:
        with soundfile.SoundFile(
            io.BytesIO(), "w", sample_rate, channels, format=container, subtype=subtype
        ) as file:
            file.write(np.zeros((64, channels), np.float32))
    except (*_ERRORS, ValueError, TypeError) as error:
        return str(error).strip()
    return ""


def _check_vorbis(channels: int, sample_rate: int) -> None:
    """Raises ValueError for sounds that crash libsndfile's Vorbis encoder, and with it the process,
    instead of being refused.
    """
    if sample_rate > HIGHEST_VORBIS_RATE:
        raise ValueError(f"Ogg Vorbis holds at most {HIGHEST_VORBIS_RATE} Hz, not {sample_rate}.")
    if channels > MOST_VORBIS_CHANNELS:
        raise ValueError(
            f"Ogg Vorbis holds at most {MOST_VORBIS_CHANNELS} channels, not {channels}."
        )


def write(path: str, wave: np.ndarray, sample_rate: int, *, as_float: bool = False) -> None:
    """Writes a wave as 24-bit wav or flac, or as Ogg Vorbis, by the file's ending.

    The file appears whole or not at all: it is written under another name, flushed to the disk and
    renamed.

    Args:
      path: ends in .wav, .flac or .ogg.
      wave: float32 [channels, samples] in [-1, 1].
      sample_rate: in Hz.
      as_float: writes a wav of 32-bit floats, which holds any samples.
    Raises:
      ValueError: another ending, samples that are not finite or over full scale, or more channels
        than the format holds.
    Example:
      >>> import tempfile
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     write(f"{folder}/quiet.wav", np.zeros((2, 100), np.float32), 8000)
      ...     os.path.getsize(f"{folder}/quiet.wav") > 600
      True
    """
    ending = os.path.splitext(path)[1]
    if ending.lower() not in ENDINGS:
        raise ValueError(f"{path!r} must end in one of {', '.join(ENDINGS)}.")
    if wave.ndim != 2:
        raise ValueError(f"a wave is [channels, samples]; this one has the shape {wave.shape}.")
    # Without a warning, libsndfile would clip large samples and turn NaN into full scale.
    if not as_float and (not np.all(np.isfinite(wave)) or np.max(np.abs(wave), initial=0.0) > 1.0):
        raise ValueError(f"{path!r}: samples must be finite and within [-1, 1].")
    container, subtype = ("WAV", "FLOAT") if as_float else ENDINGS[ending.lower()]
    if container == "OGG":
        _check_vorbis(len(wave), sample_rate)
    try:
        with files.replacing(path) as partial:
            with soundfile.SoundFile(
                partial, "w", sample_rate, len(wave), format=container, subtype=subtype
            ) as file:
                # A minute in one call crashes libsndfile's Vorbis encoder.
                for start in range(0, wave.shape[1], _WRITE_BLOCK):
                    file.write(wave[:, start : start + _WRITE_BLOCK].T)
    except _ERRORS as error:
        raise ValueError(
            f"{path!r} cannot be written as {container} with {len(wave)} channels at"
            f" {sample_rate} Hz ({str(error).strip()})."
        ) from error


def frames_to_extend(path: str, *, channels: int, sample_rate: int, at_least: int) -> int:
    """Returns the number of samples in a wav file that `extend` can continue; reads the header.

    Args:
      path: of the wav file.
      channels: that the file must have.
      sample_rate: that the file must have, in Hz.
      at_least: samples that the file must have.
    Raises:
      ValueError: the file cannot be read, is of another kind, rate or number of channels, or is too
        short.
    """
    try:
        info = soundfile.info(path)
    except _ERRORS as error:
        raise ValueError(f"{path!r} is missing or damaged ({str(error).strip()}).") from error
    kind = (info.format, info.subtype, info.channels, info.samplerate)
    if kind != ("WAV", "PCM_24", channels, sample_rate):
        raise ValueError(
            f"{path!r} is {info.format} {info.subtype} with {info.channels} channels at"
            f" {info.samplerate} Hz, not WAV PCM_24 with {channels} at {sample_rate} Hz."
        )
    if info.frames < at_least:
        raise ValueError(
            f"{path!r} is damaged: it has {info.frames} of the {at_least} samples that were"
            " written."
        )
    return info.frames


def extend(path: str, wave: np.ndarray, sample_rate: int, *, start: int) -> None:
    """Writes a wave into a 24-bit wav file at the sample `start`, and drops what followed there.

    The file can be read between calls, and after the program is killed within a call. A call that
    fails leaves the samples before `start`. When a call returns, its samples are on the disk.

    Args:
      path: ends in .wav.
      wave: float32 [channels, samples] in [-1, 1].
      sample_rate: in Hz.
      start: first sample to write, at most the length of the file; 0 makes a new file.
    Raises:
      ValueError: the file ends before `start`, or cannot be written, as on a full disk.
    Example:
      >>> import tempfile
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     for start in (0, 100):
      ...         extend(f"{folder}/a.wav", np.zeros((1, 100), np.float32), 8000, start=start)
      ...     frames_to_extend(f"{folder}/a.wav", channels=1, sample_rate=8000, at_least=100)
      200
    """
    new_file = (
        {"samplerate": sample_rate, "channels": len(wave), "format": "WAV", "subtype": "PCM_24"}
        if start == 0
        else {}
    )
    try:
        # Closing the file brings its header up to date.
        with soundfile.SoundFile(path, "r+" if start else "w", **new_file) as file:
            if file.frames < start:
                raise ValueError(
                    f"{path!r} has {file.frames} samples, fewer than the {start} to go on from."
                )
            file.truncate(start)
            file.seek(start)
            try:
                file.write(wave.T)
            except soundfile.LibsndfileError:
                file.truncate(start)
                raise
        files.sync_file(path)
    except (soundfile.LibsndfileError, OSError) as error:
        raise ValueError(
            f"{path!r} cannot be written on ({str(error).strip()}); is the disk full?"
        ) from error
