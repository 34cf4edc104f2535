"""Sound files and sample rates: the only module that touches sound files.

A wave is float32 [channels, samples], nominally in [-1, 1]. Everything here is NumPy and SciPy: it runs once, before and
after the optimisation. Whatever a user's file can get wrong is found here, as a ValueError that names file and rule.
"""

import contextlib
import io
import math
import os
import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import scipy.signal
import soundfile

from audio_texture import files, headers, paths

LOWEST_RATE, HIGHEST_RATE = 4_000, 384_000
ENDINGS = {".wav": ("WAV", "PCM_24"), ".flac": ("FLAC", "PCM_24"), ".ogg": ("OGG", "VORBIS")}
# What libsndfile's Vorbis encoder takes, in Hz and channels, and bytes that a wav file counts.
HIGHEST_VORBIS_RATE, MOST_VORBIS_CHANNELS, LARGEST_WAV = 200_000, 255, 2**32
# Below this RMS (-100 dB of full scale) a file holds dither at most.
SILENCE = 1e-5
# Share of the power (-100 dB) that does not make a channel one of its own.
INAUDIBLE = 1e-10
# Below this RMS (-80 dB of full scale) the ends of a recording are silence, if they are also far
# below the rest of it.
NEAR_SILENCE = 1e-4
_SILENCE_BLOCK = 256
# Hz. What lies below counts for no level.
LOWEST_HEARD = 20.0
_BLOCK_SAMPLES = 2**18
# 8 GiB of float32, of all channels.
_MOST_SAMPLES = 2**31
# No format that libsndfile reads holds more: a FLAC frame of 65535 equal samples takes 12 bytes, an
# Opus packet of 5760 takes 2.
# A header that claims more is wrong.
_MOST_FRAMES_PER_BYTE = 6000


class FileWarning(UserWarning):
    """A file was read although its header is wrong or its end is missing; the message names both."""


class Recording(NamedTuple):
    """What was read of a sound file.

    Attributes:
      wave: float32 [channels, samples].
      sample_rate: in Hz.
      length: of the whole file, in samples; None where its header does not say and the file was not
        read to its end.
      notes: what is wrong with the file, for the user; each goes on from the file's name.
    """

    wave: np.ndarray
    sample_rate: int
    length: int | None
    notes: tuple[str, ...]


def read(path: str, *, start: float = 0.0, seconds: float | None = None) -> tuple[np.ndarray, int]:
    """Reads a sound file of any format, rate and channel count that libsndfile reads.

    Warns (`FileWarning`) where the header's length is wrong or missing and what is there is read
    all the same.

    Args:
      path: the file.
      start: where to begin, in seconds.
      seconds: how much to read at the most; None reads to the end.
    Returns:
      The wave, float32 [channels, samples], and its sample rate in Hz.
    Raises:
      ValueError: no such file, a directory, not a sound file, truncated, empty, samples that are NaN or infinite, a rate
        outside [4000, 384000] Hz, a start beyond the end, or more samples than fit into 8 GiB.
    """
    recording = read_recording(path, start=start, seconds=seconds)
    for note in recording.notes:
        warnings.warn(f"{path!r} {note}", FileWarning, stacklevel=2)
    return recording.wave, recording.sample_rate


def read_recording(path: str, *, start: float = 0.0, seconds: float | None = None) -> Recording:
    """As `read`, with what else is known of the file in place of warnings."""
    _check_file(path)
    if seconds is not None and not seconds > 0:
        raise ValueError(
            f"{path!r} cannot be read for {seconds:g} s; it must be for a sample at least."
        )
    try:
        with _opened(path) as file:
            rate, frames = file.samplerate, file.frames
            _check_rate(path, rate)
            if frames == 0:
                raise ValueError(f"{path!r} has no samples (it is empty or was cut short).")
            known = frames if 0 < frames <= _most_frames(path) else None
            if not 0 <= start < (math.inf if known is None else known / rate):
                raise _no_such_start(path, start, known, rate)
            if seconds is not None and seconds * rate < 1:
                raise ValueError(
                    f"{path!r} cannot be read for {seconds:g} s; it must be for a sample at least."
                )
            first = int(start * rate)
            limits = [] if seconds is None or math.isinf(seconds) else [int(seconds * rate)]
            limits += [] if known is None else [known - first]
            limit = min(limits) if limits else None
            data, reached, error = _read_from(path, file, first, limit)
    except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
        raise _unreadable(path, error) from error
    count = data.shape[1]
    if not count:
        if known is None and reached:
            raise _no_such_start(path, start, reached, rate)
        if error or known is None:
            raise _unreadable(path, error or "no samples")
    length = reached if known is None and (limit is None or count < limit) else known
    notes = _notes(path, count, limit, known, rate)
    if known is None and error:
        notes += (f"is cut short or damaged at {reached / rate:.4g} s; what comes before is read.",)
    if not np.all(np.isfinite(data)):
        raise ValueError(f"{path!r} has samples that are NaN or infinite.")
    return Recording(data, rate, length, notes)


def _check_file(path: str) -> None:
    paths.check_file(path, "sound file")
    if os.path.getsize(path) == 0:
        raise ValueError(f"{path!r} is an empty file.")


def _check_rate(path: str, rate: int) -> None:
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise ValueError(
            f"{path!r} has a sample rate of {rate} Hz; it must be from {LOWEST_RATE} to {HIGHEST_RATE} Hz."
        )


def _no_such_start(path: str, start: float, length: int | None, rate: int) -> ValueError:
    lasts = "has a length that is not known" if length is None else f"lasts {length / rate:g} s"
    return ValueError(f"{path!r} {lasts}; it cannot be read from {start:g} s on.")


def _unreadable(path: str, error: Exception | str) -> ValueError:
    reason = str(error).strip().removeprefix(f"Error opening {path!r}: ")
    return ValueError(
        f"{path!r} is not a sound file that libsndfile can read, or is damaged ({reason})."
    )


class _InOrder(soundfile.SoundFile):
    """A sound file that is read without a seek after each block, which fails where libsndfile does
    not know the length.
    """

    def seekable(self) -> bool:
        return False


@contextlib.contextmanager
def _opened(path: str) -> Iterator[_InOrder]:
    """The file, with a header that libsndfile can go by."""
    lengths = headers.measure(path)
    patched = headers.Mended(path, lengths.patches) if lengths and lengths.patches else None
    try:
        with _InOrder(patched or path) as file:
            yield file
    finally:
        if patched:
            patched.close()


def _most_frames(path: str) -> int:
    """More samples a channel than a file of this size can hold, whatever its header says."""
    return _MOST_FRAMES_PER_BYTE * os.path.getsize(path)


def _read_from(
    path: str, file: _InOrder, first: int, limit: int | None
) -> tuple[np.ndarray, int, Exception | None]:
    """Samples from `first` on, [channels, at most limit], the sample that was reached, and the
    error that ended them.
    """
    with contextlib.ExitStack() as opened:
        if first:
            try:
                file.seek(first)
            except soundfile.LibsndfileError:
                # Another one, as this one's place is not known any more.
                file = opened.enter_context(_opened(path))
                skipped, error = _blocks(path, file, first, keep=False)
                if error or skipped < first:
                    return np.zeros((file.channels, 0), np.float32), skipped, error
        data, error = _blocks(path, file, limit)
        return data, first + data.shape[1], error


def _blocks(path: str, file: _InOrder, limit: int | None, *, keep: bool = True):
    """The next samples, read in blocks: no length that a header claims decides how much memory is
    taken.

    Returns them, or their number if not `keep`, and the error that ended them before `limit`.
    """
    size = max(1, _BLOCK_SAMPLES // file.channels)
    most = min(_most_frames(path), _MOST_SAMPLES // file.channels)
    blocks, count, error = [np.zeros((file.channels, 0), np.float32)], 0, None
    while limit is None or count < limit:
        wanted = size if limit is None else min(size, limit - count)
        # Filled with NaN, so that it shows how far libsndfile came before an error.
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
                f"{path!r} holds more than {_MOST_SAMPLES * 4 / 2**30:g} GiB of samples, or its header is damaged;"
                " use a part of it."
            )
        if keep:
            blocks.append(block.T)
        if error or len(block) < wanted:
            break
    return (np.ascontiguousarray(np.concatenate(blocks, axis=1)) if keep else count), error


def _notes(
    path: str, count: int, limit: int | None, known: int | None, rate: int
) -> tuple[str, ...]:
    """What a user should know of a file that was read; ValueError where too much of it is missing.

    count: samples read of `limit`. known: the file's length in samples, as libsndfile has it.
    """
    lengths = headers.measure(path)
    ogg = headers.ogg_end(path)
    is_open = known is None or (lengths is not None and lengths.promised is None)
    missing = 0 if known is None or limit is None else limit - count
    # libsndfile counts what is there; the header's bytes are as long as those.
    per_byte = (known or 0) / lengths.there if lengths and lengths.there else 0.0
    if lengths and lengths.promised is not None:
        missing += (lengths.promised - lengths.there) * per_byte
    if ogg and ogg.lost:
        missing += (known or 0) * ogg.lost / (1 - ogg.lost)
    most = max(0.1 * rate, 0.01 * ((known or 0) + missing))
    if (ogg and ogg.lost is None) or (missing > 0 and not count) or missing > most:
        raise ValueError(f"{path!r} is truncated: it ends before its last sample.")
    notes = []
    if is_open:
        notes.append(
            "does not say how long it is: its header was never finished, or it was written to a pipe."
            " It is read in order, as far as it goes."
        )
    elif missing:
        by = "less than 1 ms" if missing < 0.001 * rate else f"{missing / rate:.2g} s"
        notes.append(f"ends {by} before its header says; what is there is read.")
    if ogg and ogg.state == "open":
        notes.append(
            "lacks the mark of its end: it was cut short or never finished. What is there is read."
        )
    if lengths and lengths.behind * per_byte > 0.1 * rate:
        notes.append(
            f"goes on for about {lengths.behind * per_byte / rate:.2g} s behind the {known / rate:.4g} s that its header"
            " counts; the header is believed."
        )
    return tuple(notes)


def check_writable(ending: str, *, channels: int, sample_rate: int, samples: int) -> None:
    """Raises ValueError, with the rule, where no sound of that kind can be written by `write`:
    libsndfile itself is asked.

    ending: of the file, with its dot. samples: of each channel.
    """
    if ending.lower() not in ENDINGS:
        raise ValueError(f"{ending!r} must be one of {', '.join(ENDINGS)}.")
    container, subtype = ENDINGS[ending.lower()]
    if container == "OGG":
        _check_vorbis(channels, sample_rate)

    def trouble(channels):
        try:
            with soundfile.SoundFile(
                io.BytesIO(), "w", sample_rate, channels, format=container, subtype=subtype
            ) as file:
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
        raise ValueError(
            f"{container} cannot be written with {channels} channels at {sample_rate} Hz: {rule}."
        )
    longest = (LARGEST_WAV - 4096) // (3 * channels)
    if container == "WAV" and samples > longest:
        raise ValueError(
            f"{samples / sample_rate:g} s of {channels} channels are more than a wav file holds, {longest / sample_rate:.0f} s."
        )


def _check_vorbis(channels: int, sample_rate: int) -> None:
    """ValueError for what libsndfile's Vorbis encoder does not refuse: it takes the whole process
    down.
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
            with soundfile.SoundFile(
                partial, "w", sample_rate, len(wave), format=container, subtype=subtype
            ) as file:
                # Given a minute at once, libsndfile's Vorbis encoder takes the whole process down.
                for start in range(0, wave.shape[1], 65_536):
                    file.write(wave[:, start : start + 65_536].T)
    except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
        raise ValueError(
            f"{path!r} cannot be written as {container} with {len(wave)} channels at {sample_rate} Hz ({str(error).strip()})."
        ) from error


def frames_to_extend(path: str, *, channels: int, sample_rate: int, at_least: int) -> int:
    """Samples of a wav file that `extend` may go on with; reads its header alone.

    Raises ValueError where it cannot be read, is of another kind, rate or number of channels, or
    has fewer than `at_least`.
    """
    try:
        info = soundfile.info(path)
    except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
        raise ValueError(f"{path!r} is missing or damaged ({str(error).strip()}).") from error
    kind = (info.format, info.subtype, info.channels, info.samplerate)
    if kind != ("WAV", "PCM_24", channels, sample_rate):
        raise ValueError(
            f"{path!r} is {' '.join(map(str, kind[:2]))} with {kind[2]} channels at {kind[3]} Hz, not WAV PCM_24 with {channels} at {sample_rate} Hz."
        )
    if info.frames < at_least:
        raise ValueError(
            f"{path!r} is damaged: it has {info.frames} of the {at_least} samples that were written."
        )
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
    make = (
        {"samplerate": sample_rate, "channels": len(wave), "format": "WAV", "subtype": "PCM_24"}
        if start == 0
        else {}
    )
    try:
        # The header is brought up to date when the file is closed.
        with soundfile.SoundFile(path, "r+" if start else "w", **make) as file:
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


def mono_weights(wave: np.ndarray) -> np.ndarray:
    """What channels are multiplied by to be summed to one, [C, N] -> [C]: their mean, unless it
    cancels.

    Where the mean has less than a hundredth of the channels' mean power, as of an inverted pair, it
    is the strongest component of their covariance.
    """
    channels = len(wave)
    even = np.full(channels, 1 / channels)
    covariance = np.atleast_2d(np.cov(wave.astype(np.float64), bias=True))
    if channels == 1 or even @ covariance @ even >= 0.01 * np.trace(covariance) / channels:
        return even
    return np.linalg.eigh(covariance)[1][:, -1] / np.sqrt(channels)


def with_channels(wave: np.ndarray, channels: int) -> np.ndarray:
    """The wave with another number of channels: mixed down to their mean, or repeated. [C, samples] -> [channels, samples]."""
    if len(wave) == channels:
        return wave
    weights = mono_weights(wave)
    even = np.all(weights == weights[0])
    mono = np.mean(wave, axis=0) if even else (weights @ wave).astype(np.float32)
    return np.repeat(mono[None], channels, axis=0)


def fold_channels(
    waves: Sequence[np.ndarray], *, decorrelated: bool = False
) -> tuple[list[np.ndarray], np.ndarray]:
    """The channels that are sounds of their own, where others are silent or the same again: mono
    recorded as stereo, say.

    A channel is left out where it lies 100 dB under the loudest one, or where all but -100 dB of it
    is another channel times a factor, which may be negative, the same in all waves.

    Args:
      waves: [C, N_i] each; a constant in them counts for nothing.
      decorrelated: whether each channel is kept without what follows from those before it, times a
        number. Where phases are recovered channel by channel, what two channels share would
        otherwise come back as two different sounds.
    Returns:
      The waves [C', N_i], and what gives the channels back [C, C'] float32: factors of those that
      were kept.
    """
    channels = len(waves[0])
    if channels == 1:
        return list(waves), np.ones((1, 1), np.float32)
    covariance = np.zeros((channels, channels))
    for wave in waves:
        centred = wave.astype(np.float64) - np.mean(wave, axis=1, keepdims=True)
        products = centred @ centred.T
        covariance += products / max(np.trace(products), np.finfo(np.float64).tiny)
    powers, kept, factors = np.diagonal(covariance), [], np.zeros((channels, channels))
    for channel in range(channels):
        if powers[channel] <= INAUDIBLE * np.max(powers):
            continue
        for other in kept:
            factor = covariance[channel, other] / powers[other]
            if powers[channel] - factor * covariance[channel, other] <= INAUDIBLE * powers[channel]:
                factors[channel, other] = factor
                break
        else:
            kept.append(channel)
            factors[channel, channel] = 1.0
    kept = kept or [0]
    waves, factors = [wave[kept] for wave in waves], factors[:, kept]
    if decorrelated and np.any(factors):
        joined = np.linalg.cholesky(covariance[np.ix_(kept, kept)])
        joined = joined / np.diagonal(joined)[None]
        waves = [np.linalg.solve(joined, wave).astype(np.float32) for wave in waves]
        factors = factors @ joined
    return waves, factors.astype(np.float32)


def with_image(wave: np.ndarray, like: np.ndarray, *, sample_rate: int) -> np.ndarray:
    """A sound whose channels are all the same, spread as another's are: [C, N], [C, M] -> [C, N] float32. Others come back as they are.

    Where two channels agree, as in a mono file of two, the result's do; where they have nothing in common, they get moments of
    the sound that lie far apart, which of a texture are as good as two recordings. Levels follow the other's too.
    """
    channels, samples = wave.shape
    if channels == 1 or np.any(wave != wave[:1]):
        return wave
    _, factors = fold_channels([like])
    if factors.shape[1] == 1 and np.any(factors):
        return factors / np.sqrt(np.mean(factors**2)) * wave[:1]
    covariance = np.cov(like.astype(np.float64), bias=True)
    covariance /= np.trace(covariance) / channels
    mixing = np.linalg.cholesky(covariance + 1e-9 * np.eye(channels))
    # Faded, lest the end meet the beginning with a click in the middle.
    edge = min(round(0.005 * sample_rate), samples // 2)
    ramp = np.sin(np.pi / 2 * (np.arange(edge) + 0.5) / max(edge, 1)) ** 2
    faded = wave[0] * np.concatenate([ramp, np.ones(samples - 2 * edge), ramp[::-1]])
    return (
        mixing
        @ np.stack(
            [
                wave[0],
                *(np.roll(faded, channel * samples // channels) for channel in range(1, channels)),
            ]
        )
    ).astype(np.float32)


def trim_silence(wave: np.ndarray) -> np.ndarray:
    """Cuts silence off both ends: padding is no part of a texture. [C, N] -> [C, fewer or as many].

    Exact zeros in all channels, and then whole blocks (of 256 samples) that are `near_silent`, such
    as dither or the noise
    of a converter. A fade stays, down to where it cannot be heard.
    """
    sounding = np.flatnonzero(np.any(wave != 0, axis=0))
    if not len(sounding):
        return wave[:, :0]
    wave = wave[:, sounding[0] : sounding[-1] + 1]
    # Blocks are counted from either end, so that a last one that is not whole is no exception.
    ends = []
    for view in (wave, wave[:, ::-1]):
        heard_blocks = np.flatnonzero(~near_silent(_block_levels(view)))
        ends.append(int(heard_blocks[0]) * _SILENCE_BLOCK if len(heard_blocks) else 0)
    return wave[:, ends[0] : wave.shape[1] - ends[1]]


def near_silent(levels: np.ndarray) -> np.ndarray:
    """Which blocks hold nothing that a listener hears beside the loudest: [blocks] RMS -> bool.

    Below -80 dB of full scale, where 16-bit dither lies (-96 dB, shaped up to about -82), and 60 dB
    below the loudest block:
    in a recording that is quiet throughout, nothing is.
    """
    return levels < min(NEAR_SILENCE, 1e-3 * np.max(levels, initial=0.0))


def _block_levels(wave: np.ndarray) -> np.ndarray:
    """RMS of each whole block of a wave [C, N], in its loudest channel, without its mean: what is
    constant is not heard.
    """
    blocks = wave[:, : wave.shape[1] // _SILENCE_BLOCK * _SILENCE_BLOCK].reshape(
        len(wave), -1, _SILENCE_BLOCK
    )
    return np.max(np.std(blocks, axis=2), axis=0, initial=0.0)


def read_sounding(path: str, *, start: float, seconds: float) -> tuple[Recording, float]:
    """As `read_recording`, but from where the sound begins on, and where that is in seconds, if
    silence of half a second or more lies before it.

    A recording that begins with 12 s of dither would else give 10 s of dither, or "is silent".
    """
    recording = read_recording(path, start=start, seconds=seconds)
    loud = np.flatnonzero(_block_levels(recording.wave) >= NEAR_SILENCE)
    least = round(0.5 * recording.sample_rate)
    if (int(loud[0]) * _SILENCE_BLOCK if len(loud) else recording.wave.shape[1]) < least:
        return recording, start
    begin = start_of_sound(path, start)
    if begin - start < 0.5:
        return recording, start
    return read_recording(path, start=begin, seconds=seconds), begin


def seconds_of(path: str) -> float | None:
    """How long a sound file is by its header; None where it does not say. ValueError as of `read`."""
    _check_file(path)
    try:
        with _opened(path) as file:
            return file.frames / file.samplerate if 0 < file.frames <= _most_frames(path) else None
    except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
        raise _unreadable(path, error) from error


def start_of_sound(path: str, start: float) -> float:
    """Where the sound begins in a file, in seconds, at `start` or after it: what lies between is
    `near_silent`.

    Reads all that follows, a block at a time. `start` where nothing is louder than the rest.
    ValueError as of `read`.
    """
    try:
        with _opened(path) as file:
            rate, levels = file.samplerate, [np.zeros(0)]
            skipped, error = _blocks(path, file, int(start * rate), keep=False)
            size = max(1, _BLOCK_SAMPLES // file.channels // _SILENCE_BLOCK) * _SILENCE_BLOCK
            while not error:
                wave, error = _blocks(path, file, size)
                levels.append(_block_levels(wave))
                if wave.shape[1] < size:
                    break
    except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
        raise _unreadable(path, error) from error
    sounding = np.flatnonzero(~near_silent(np.concatenate(levels)))
    return (
        (int(start * rate) + int(sounding[0]) * _SILENCE_BLOCK) / rate if len(sounding) else start
    )


def rms(wave: np.ndarray) -> float:
    """Root mean square over all channels and samples."""
    return float(np.sqrt(np.mean(np.square(wave, dtype=np.float64)))) if wave.size else 0.0


def heard(wave: np.ndarray, *, sample_rate: float) -> np.ndarray:
    """A wave [..., N] without what lies below `LOWEST_HEARD` Hz, float32; without a shift of phase, its ends continued by their mirror images."""
    sections = scipy.signal.butter(4, LOWEST_HEARD, "high", fs=sample_rate, output="sos")
    return scipy.signal.sosfiltfilt(
        sections, wave, padlen=min(wave.shape[-1] - 1, round(sample_rate / 4))
    ).astype(np.float32)


def level(wave: np.ndarray, *, sample_rate: float) -> float:
    """Root mean square of what is heard of a wave [C, N]; of all of it where next to nothing is.

    Wind of 5 Hz on a microphone can hold three quarters of the power: brought to one RMS, two sounds that differ in it differ in how loud all else is.
    """
    # A channel at a time: ten minutes in double precision are large.
    found = (
        math.sqrt(np.mean([rms(heard(channel, sample_rate=sample_rate)) ** 2 for channel in wave]))
        if wave.size
        else 0.0
    )
    return found if found >= SILENCE else rms(wave)


def check_audible(wave: np.ndarray, name: str) -> None:
    """Raises ValueError, naming the sound, when it is digital silence or a constant (DC) and so has no texture."""
    if rms(wave) < SILENCE:
        raise ValueError(
            f"{name} is silent: its level must be above {20 * math.log10(SILENCE):.0f} dB of full scale."
        )
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
