"""Reads sound files of any format, rate and channel count that libsndfile reads.

The lengths in headers are often wrong. So memory is never reserved by a header's length, and a file
that lacks a little of its end is read as far as it goes.
"""

import contextlib
import math
import os
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import soundfile

from audio_texture import paths
from audio_texture.audio import headers
from audio_texture.audio.levels import NEAR_SILENCE, SILENCE_BLOCK, block_levels, near_silent

LOWEST_RATE, HIGHEST_RATE = 4_000, 384_000
_BLOCK_SAMPLES = 2**18
# 8 GiB of float32, over all channels.
_MOST_SAMPLES = 2**31
# No format that libsndfile reads holds more samples of a channel in a byte: a FLAC frame of 65535
# equal samples takes 12 bytes, an Opus packet of 5760 samples takes 2. A header that claims more is
# wrong.
_MOST_FRAMES_PER_BYTE = 6000
_ERRORS = (soundfile.LibsndfileError, RuntimeError, OSError)


class FileWarning(UserWarning):
    """A file was read although its header is wrong or its end is missing; the message says so."""


class Recording(NamedTuple):
    """A sound file, or a part of it, as read.

    Attributes:
      wave: float32 [channels, samples].
      sample_rate: in Hz.
      length: of the whole file, in samples; None if its header does not say and the file was not
        read to its end.
      notes: what is wrong with the file, for the user; each continues a sentence that begins with
        the file's name.
    """

    wave: np.ndarray
    sample_rate: int
    length: int | None
    notes: tuple[str, ...]


def read(path: str, *, start: float = 0.0, seconds: float | None = None) -> tuple[np.ndarray, int]:
    """Returns the wave of a sound file, float32 [channels, samples], and its sample rate in Hz.

    Warns (`FileWarning`) if the header's length is wrong or missing and the file is read all the
    same.

    Args:
      path: the file.
      start: where to begin, in seconds.
      seconds: how much to read at most; None reads to the end.
    Raises:
      ValueError: no such file, a directory, not a sound file, truncated, empty, samples that are
        NaN or infinite, a rate outside [4000, 384000] Hz, a start beyond the end, or more samples
        than fit into 8 GiB.
    Example:
      >>> import tempfile
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     soundfile.write(f"{folder}/quiet.wav", np.zeros((100, 2)), 8000)
      ...     wave, sample_rate = read(f"{folder}/quiet.wav")
      >>> wave.shape, sample_rate
      ((2, 100), 8000)
    """
    recording = read_recording(path, start=start, seconds=seconds)
    for note in recording.notes:
        warnings.warn(f"{path!r} {note}", FileWarning, stacklevel=2)
    return recording.wave, recording.sample_rate


def read_recording(path: str, *, start: float = 0.0, seconds: float | None = None) -> Recording:
    """Does what `read` does, but returns what is wrong with the file instead of warning."""
    _check_file(path)
    if seconds is not None and not seconds > 0:
        raise _too_short(path, seconds)
    try:
        with _open(path) as file:
            rate = file.samplerate
            known_length = _known_length(path, file)
            if not 0 <= start < (math.inf if known_length is None else known_length / rate):
                raise _start_error(path, start, known_length, rate)
            if seconds is not None and seconds * rate < 1:
                raise _too_short(path, seconds)
            first = int(start * rate)
            limits = [] if seconds is None or math.isinf(seconds) else [int(seconds * rate)]
            limits += [] if known_length is None else [known_length - first]
            limit = min(limits) if limits else None
            wave, end, error = _read_from(path, file, first, limit)
    except _ERRORS as error:
        raise _unreadable(path, error) from error
    count = wave.shape[1]
    if not count:
        if known_length is None and end:
            raise _start_error(path, start, end, rate)
        if error or known_length is None:
            raise _unreadable(path, error or "no samples")
    reached_end = known_length is None and (limit is None or count < limit)
    notes = _notes(path, count, limit, known_length, rate)
    if known_length is None and error:
        notes += (f"is cut short or damaged at {end / rate:.4g} s; what comes before is read.",)
    if not np.all(np.isfinite(wave)):
        raise ValueError(f"{path!r} has samples that are NaN or infinite.")
    return Recording(wave, rate, end if reached_end else known_length, notes)


def _check_file(path: str) -> None:
    paths.check_file(path, "sound file")
    if os.path.getsize(path) == 0:
        raise ValueError(f"{path!r} is an empty file.")


def _known_length(path: str, file: soundfile.SoundFile) -> int | None:
    """Returns a file's length in samples by its header, None if the header is not credible.

    Raises ValueError for a rate out of range and for a file without samples.
    """
    if not LOWEST_RATE <= file.samplerate <= HIGHEST_RATE:
        raise ValueError(
            f"{path!r} has a sample rate of {file.samplerate} Hz; it must be from {LOWEST_RATE} to"
            f" {HIGHEST_RATE} Hz."
        )
    if file.frames == 0:
        raise ValueError(f"{path!r} has no samples (it is empty or was cut short).")
    return file.frames if 0 < file.frames <= _most_frames(path) else None


def _too_short(path: str, seconds: float) -> ValueError:
    return ValueError(
        f"{path!r} cannot be read for {seconds:g} s; that must be one sample or more."
    )


def _start_error(path: str, start: float, length: int | None, rate: int) -> ValueError:
    lasts = "has a length that is not known" if length is None else f"lasts {length / rate:g} s"
    return ValueError(f"{path!r} {lasts}; it cannot be read from {start:g} s on.")


def _unreadable(path: str, error: Exception | str) -> ValueError:
    reason = str(error).strip().removeprefix(f"Error opening {path!r}: ").rstrip(".")
    return ValueError(
        f"{path!r} is not a sound file that libsndfile can read, or is damaged ({reason})."
    )


class _SequentialFile(soundfile.SoundFile):
    """A sound file that is read without a seek after each block: such a seek fails if libsndfile
    does not know the length.
    """

    def seekable(self) -> bool:
        return False


@contextlib.contextmanager
def _open(path: str) -> Iterator[_SequentialFile]:
    """Opens a sound file, with a repaired header if its own would mislead libsndfile."""
    lengths = headers.measure(path)
    repaired = headers.RepairedFile(path, lengths.patches) if lengths and lengths.patches else None
    try:
        # soundfile takes any object with a file's methods.
        with _SequentialFile(repaired or path) as file:  # pyright: ignore[reportArgumentType]
            yield file
    finally:
        if repaired:
            repaired.close()


def _most_frames(path: str) -> int:
    """Returns the most samples of a channel that a file of this size can hold."""
    return _MOST_FRAMES_PER_BYTE * os.path.getsize(path)


def _read_from(
    path: str, file: _SequentialFile, first: int, limit: int | None
) -> tuple[np.ndarray, int, Exception | None]:
    """Returns samples from `first` on, [channels, at most limit], the number of the sample after
    the last, and the error that ended the reading.
    """
    with contextlib.ExitStack() as stack:
        if first:
            try:
                file.seek(first)
            except soundfile.LibsndfileError:
                # After a failed seek the position is unknown, so the file is opened again.
                file = stack.enter_context(_open(path))
                skipped, error = _skip_blocks(path, file, first)
                if error or skipped < first:
                    return np.zeros((file.channels, 0), np.float32), skipped, error
        wave, error = _read_blocks(path, file, limit)
        return wave, first + wave.shape[1], error


def _read_blocks(
    path: str, file: _SequentialFile, limit: int | None
) -> tuple[np.ndarray, Exception | None]:
    """Returns the next samples [channels, at most limit], and the error that ended them early."""
    blocks, error = [np.zeros((file.channels, 0), np.float32)], None
    for block, block_error in _blocks(path, file, limit):
        blocks.append(block.T)
        error = block_error
    return np.ascontiguousarray(np.concatenate(blocks, axis=1)), error


def _skip_blocks(path: str, file: _SequentialFile, limit: int) -> tuple[int, Exception | None]:
    """Returns how many samples, at most `limit`, were read and dropped, and the error that ended
    them early.
    """
    count, error = 0, None
    for block, block_error in _blocks(path, file, limit):
        count += len(block)
        error = block_error
    return count, error


def _blocks(
    path: str, file: _SequentialFile, limit: int | None
) -> Iterator[tuple[np.ndarray, Exception | None]]:
    """Yields the next samples in blocks [samples, channels], and the error that ended the block."""
    size = max(1, _BLOCK_SAMPLES // file.channels)
    most = min(_most_frames(path), _MOST_SAMPLES // file.channels)
    count, error = 0, None
    while limit is None or count < limit:
        wanted = size if limit is None else min(size, limit - count)
        # Filled with NaN, which shows how far libsndfile came before an error.
        block = np.full((wanted, file.channels), np.nan, np.float32)
        try:
            block = file.read(out=block)
        except soundfile.LibsndfileError as raised:
            error = raised
            missing = np.flatnonzero(np.isnan(block).all(axis=1))
            block = block[: missing[0]] if len(missing) else block
        count += len(block)
        if count > most:
            raise ValueError(
                f"{path!r} holds more than {_MOST_SAMPLES * 4 / 2**30:g} GiB of samples, or its"
                " header is damaged; use a part of it."
            )
        yield block, error
        if error or len(block) < wanted:
            break


def _notes(
    path: str, count: int, limit: int | None, known_length: int | None, rate: int
) -> tuple[str, ...]:
    """Returns what a user should know of a file that was read. ValueError if too much is missing.

    count: samples that were read, of `limit`. known_length: length of the file in samples that
    libsndfile reports.
    """
    lengths = headers.measure(path)
    ogg = headers.ogg_end(path)
    is_open = known_length is None or (lengths is not None and lengths.promised is None)
    missing = 0 if known_length is None or limit is None else limit - count
    # libsndfile counts the samples that are present, the header counts their bytes.
    per_byte = (known_length or 0) / lengths.present if lengths and lengths.present else 0.0
    if lengths and lengths.promised is not None:
        missing += (lengths.promised - lengths.present) * per_byte
    if ogg and ogg.lost:
        missing += (known_length or 0) * ogg.lost / (1 - ogg.lost)
    tolerated = max(0.1 * rate, 0.01 * ((known_length or 0) + missing))
    if (ogg and ogg.lost is None) or (missing > 0 and not count) or missing > tolerated:
        raise ValueError(f"{path!r} is truncated: it ends before its last sample.")
    notes = []
    if is_open:
        notes.append(
            "does not say how long it is: its header was never finished, or it was written to a"
            " pipe. It is read in order, as far as it goes."
        )
    elif missing:
        missing_text = "less than 1 ms" if missing < 0.001 * rate else f"{missing / rate:.2g} s"
        notes.append(f"ends {missing_text} before its header says; what is there is read.")
    if ogg and ogg.state == "open":
        notes.append(
            "lacks the mark of its end: it was cut short or never finished. What is there is read."
        )
    if lengths and lengths.behind * per_byte > 0.1 * rate:
        notes.append(
            f"goes on for about {lengths.behind * per_byte / rate:.2g} s behind the"
            f" {(known_length or 0) / rate:.4g} s that its header counts; the header is believed."
        )
    return tuple(notes)


def read_sounding(path: str, *, start: float, seconds: float) -> tuple[Recording, float]:
    """Does what `read_recording` does, but skips half a second or more of silence at `start`.

    A recording that begins with 12 s of dither would otherwise give 10 s of dither, or be refused
    as silent.

    Returns:
      The recording, and where it begins, in seconds.
    """
    recording = read_recording(path, start=start, seconds=seconds)
    loud = np.flatnonzero(block_levels(recording.wave) >= NEAR_SILENCE)
    silent_samples = int(loud[0]) * SILENCE_BLOCK if len(loud) else recording.wave.shape[1]
    if silent_samples < round(0.5 * recording.sample_rate):
        return recording, start
    begin = start_of_sound(path, start)
    if begin - start < 0.5:
        return recording, start
    return read_recording(path, start=begin, seconds=seconds), begin


def seconds_of(path: str) -> float | None:
    """Returns the length of a sound file in seconds by its header; None if the header has none.

    Raises ValueError as `read` does.

    Example:
      >>> import tempfile
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     soundfile.write(f"{folder}/quiet.wav", np.zeros(2000), 8000)
      ...     seconds_of(f"{folder}/quiet.wav")
      0.25
    """
    _check_file(path)
    try:
        with _open(path) as file:
            return file.frames / file.samplerate if 0 < file.frames <= _most_frames(path) else None
    except _ERRORS as error:
        raise _unreadable(path, error) from error


def start_of_sound(path: str, start: float) -> float:
    """Returns the time in seconds at which the sound in a file begins: the first block at or after
    `start` that is not `near_silent`.

    Reads the file to its end, a block at a time. Returns `start` if every block is silent. Raises
    ValueError as `read` does.
    """
    try:
        with _open(path) as file:
            rate, levels = file.samplerate, [np.zeros(0)]
            _, error = _skip_blocks(path, file, int(start * rate))
            size = max(1, _BLOCK_SAMPLES // file.channels // SILENCE_BLOCK) * SILENCE_BLOCK
            while not error:
                wave, error = _read_blocks(path, file, size)
                levels.append(block_levels(wave))
                if wave.shape[1] < size:
                    break
    except _ERRORS as error:
        raise _unreadable(path, error) from error
    loud = np.flatnonzero(~near_silent(np.concatenate(levels)))
    if not len(loud):
        return start
    return (int(start * rate) + int(loud[0]) * SILENCE_BLOCK) / rate
