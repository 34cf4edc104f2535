"""The first thing that a user sees: the recordings that the command line names, by their headers,
while JAX is imported. Imports nothing large.
"""

import contextlib
import os
from collections.abc import Sequence

from launch.plurals import name_channels

# Flags whose value is a sound file.
_SOUND_FLAGS = ("input", "content", "style", "reference", "candidate")


def describe_sounds(arguments: Sequence[str]) -> str:
    """The first recording that the arguments name, and how many more; empty where there is none.

    What is wrong with flags and files is told later, when all is known.
    """
    paths = [path for path in map(_sound_of, arguments, [*arguments[1:], ""]) if path]
    # Imported here, as only runs on a recording need it at once.
    import soundfile

    for path in paths[:1]:
        with contextlib.suppress(Exception):
            header = soundfile.info(path)
            channels = name_channels(header.channels)
            length = header.frames / header.samplerate
            more = f", and {len(paths) - 1} more" if len(paths) > 1 else ""
            name = os.path.basename(path)
            return f"{name}: {length:.3g} s at {header.samplerate} Hz, {channels}{more}"
    return ""


def _sound_of(argument: str, following: str) -> str:
    """The file that an argument names, or the one after it; empty for another argument."""
    name, equals, value = argument.partition("=")
    if not name.startswith("-") or name.lstrip("-") not in _SOUND_FLAGS:
        return ""
    path = os.path.expanduser(value if equals else following)
    return path if os.path.isfile(path) else ""
