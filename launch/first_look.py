"""The first thing that a user sees: the recording that the command line names, while JAX is not
yet imported. Imports nothing large.
"""

import contextlib
import os
from collections.abc import Sequence

from launch.plurals import name_channels

# Length of the beginning of a file that is looked at, in seconds.
_LOOKED_AT = 30.0
# Flags whose value is a sound file.
_SOUND_FLAGS = ("input", "content", "style", "reference", "candidate")


def describe_sounds(arguments: Sequence[str]) -> str:
    """The first recording that the arguments name, and how many more; empty where there is none.

    What is wrong with flags and files is told later, when all is known.
    """
    paths = [path for path in map(_sound_of, arguments, [*arguments[1:], ""]) if path]
    # Imported here, as only runs on a recording need it at once.
    from audio_texture import audio

    for path in paths[:1]:
        with contextlib.suppress(Exception):
            recording = audio.read_recording(path, seconds=_LOOKED_AT)
            rate, (begin, end) = recording.sample_rate, audio.find_sound(recording.wave)
            channels = name_channels(len(recording.wave))
            length = (recording.length or recording.wave.shape[1]) / rate
            text = f"{os.path.basename(path)}: {length:.3g} s at {rate} Hz, {channels}"
            if end - begin < 0.95 * recording.wave.shape[1]:
                text += f"; {(end - begin) / rate:.2g} s without silence"
            return f"{text}, and {len(paths) - 1} more" if len(paths) > 1 else text
    return ""


def _sound_of(argument: str, following: str) -> str:
    """The file that an argument names, or the one after it; empty for another argument."""
    name, equals, value = argument.partition("=")
    if not name.startswith("-") or name.lstrip("-") not in _SOUND_FLAGS:
        return ""
    path = os.path.expanduser(value if equals else following)
    return path if os.path.isfile(path) else ""
