"""Lines on how much of a recording is used, and a warning where it is too little for a texture."""

import numpy as np

from audio_texture import audio, references
from launch.plurals import count, name_channels

# Shorter or sparser recordings are warned of. A recording is sparse if it has few events and little
# else: less than a second of them, or more than half of it silent. Of the 400 recordings of ESC-10
# these are sneezes (30 of 40), barks (7) and crows (4), and no rain, sea, fire, clock, helicopter,
# chainsaw or baby; nor is any half of those, but for clocks that tick once in it.
SHORTEST_TEXTURE, FEW_EVENTS, MOST_SILENCE = 1.0, 3, 0.5
# A single event that lasts this many seconds may be a texture that is not there all the time.
LONG_EVENT = 2.0


def describe_use(
    source: str,
    recording: audio.Recording,
    span: tuple[int, int],
    *,
    flag: str = "",
    start: float = 0.0,
    begin: float = 0.0,
) -> str:
    """A line on how much of a file is used, and which flag changes that.

    Args:
      source: the file.
      recording: what was read of it.
      span: the part of the recording that is used, in samples, as `audio.find_sound` gives it.
      flag: input, where --input_seconds limits the length; empty where all is read.
      start: where the user asked to begin, in seconds.
      begin: where the sound begins, in seconds.
    """
    channels, read = recording.wave.shape
    rate, length, used = recording.sample_rate, recording.length, span[1] - span[0]
    skipped = int(begin * rate)
    has_more = length is None or read < length - skipped
    file = "of unknown length" if length is None else _format_seconds(length, rate)
    sound = f"at {rate} Hz, {name_channels(channels)}"
    if not start and length is not None and not has_more:
        # Silence too short for the digits shown is not worth a word.
        if _format_seconds(used, rate) == _format_seconds(length, rate):
            return f"{source}: {file} {sound}; all of it is used"
        silence = _describe_silence((skipped + span[0], skipped + span[1]), length)
        return f"{source}: {file} read {sound}; {_format_seconds(used, rate)} used ({silence})"
    limit = f"--{flag}_seconds" if has_more else f"--{flag}_start"
    if has_more and read >= references.LONGEST_SECONDS * rate - 1:
        limit += f"; {references.LONGEST_SECONDS:g} s is the longest that can be made"
    part = f"from {begin:.4g} s on{', where the sound begins' if begin > start else ''} ({limit})"
    if used == read:
        return f"{source}: {file} {sound}; {_format_seconds(read, rate)} used {part}"
    return (
        f"{source}: {file} {sound}; {_format_seconds(read, rate)} read {part}, "
        f"{_format_seconds(used, rate)} of it used ({_describe_silence(span, read)})"
    )


def _describe_silence(span: tuple[int, int], total: int) -> str:
    """Where the silence lies that is left out. total: samples that the span is a part of."""
    if 0 < span[0] and span[1] < total:
        return "silence at both ends"
    return f"silence at the {'start' if span[0] else 'end'}"


def warn_of_sparse(source: str, wave: np.ndarray, sample_rate: int, *, flag: str) -> str:
    """A warning where a recording holds too little for a texture, with what to do; else empty.

    Args:
      source: the file.
      wave: the part of it that is used, [C, N].
      sample_rate: in Hz.
      flag: input or style.
    """
    seconds = wave.shape[1] / sample_rate
    sounding, events = audio.measure_events(wave, sample_rate=sample_rate)
    length = _format_seconds(wave.shape[1], sample_rate)
    if seconds < SHORTEST_TEXTURE:
        reason = f"{length} of sound, too short for a texture: the result can only repeat it"
    elif (
        events > FEW_EVENTS
        or sounding >= max(SHORTEST_TEXTURE, (1 - MOST_SILENCE) * seconds)
        or sounding >= LONG_EVENT * events
    ):
        return ""
    else:
        repeated = "it" if events == 1 else "them"
        reason = (
            f"{count(events, 'event')} in {length} and little else, too sparse for a texture: the "
            f"result can only repeat {repeated}"
        )
    advice = f"a longer recording, or another part of it (--{flag}_start, --{flag}_seconds)"
    if flag == "input":
        advice += ", or launch.transfer, which keeps the events of its --content"
    return f"warning: --{flag}: {source!r} has {reason}. Try {advice}."


def _format_seconds(samples: int, sample_rate: int) -> str:
    return f"{samples / sample_rate:.2f}".removesuffix("0") + " s"
