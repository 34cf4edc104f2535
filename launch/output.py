"""A run's folder while the run writes into it.

A file's name enters the record, files.json, before the file is first written. A result that cannot
be written in its place is written elsewhere, with a warning.
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from audio_texture import audio, files
from launch import records
from launch.errors import one_line
from launch.messages import say

# Writes a file to a path.
Write = Callable[[str], None]


class Output:
    """Writes a run's files and its record. `failed` is true once a file could not be written in
    its place.
    """

    def __init__(self, folder: str, record: records.Record):
        self.folder, self.record, self.failed = folder, record, False
        # Names under which the folder holds files that are not the run's.
        self._foreign: set[str] = set()
        self._first: dict[str, Any] = {}
        self._complained: set[str] = set()

    def path(self, name: str) -> str:
        """The path of a file in the folder."""
        return os.path.join(self.folder, name)

    def is_whole(self, name: str) -> bool:
        """See `records.is_whole`."""
        return records.is_whole(self.folder, self.record, name)

    def begin(self, *names: str) -> None:
        """Enters files that are about to be written into the record."""
        self._foreign |= {
            name
            for name in names
            if name not in self.record.files and os.path.lexists(self.path(name))
        }
        self.record.files.update(dict.fromkeys(set(names) - self._foreign))
        self._try_record()

    def finish(self, *names: str, drop: Sequence[str] = ()) -> None:
        """Enters the sizes of files that are whole, and takes removed ones (`drop`) out."""
        for name in set(names) - self._foreign:
            with contextlib.suppress(OSError):
                self.record.files[name] = os.path.getsize(self.path(name))
        for name in drop:
            self.record.files.pop(name, None)
        self._try_record()

    def write_record(self) -> None:
        """Writes files.json. OSError where it cannot be written."""
        text = json.dumps(self.record._asdict(), indent=1) + "\n"
        files.write_text(self.path(records.RECORD), text)

    def write_first(self, values: dict[str, Any]) -> None:
        """Writes the JSON files that stand in the folder from the start, by name. OSError where
        one cannot be written.
        """
        for name, value in values.items():
            write_json(self.path(name), value)
        self._first = dict(values)
        self.finish(*values)

    def _try_record(self) -> None:
        try:
            self.write_record()
        except OSError as error:
            self.complain(records.RECORD, error, "--resume may make finished files again")

    def complain(self, name: str, error: Exception, consequence: str) -> None:
        """Warns that a file cannot be written, once for each file.

        consequence: for the run, in words.
        """
        self.failed = True
        if name not in self._complained:
            path = self.path(name)
            say(f"warning: {path!r} cannot be written ({_reason(error)}); {consequence}.")
        self._complained.add(name)

    def save(self, name: str, write: Write, instead: tuple[str, Write] | None = None) -> str | None:
        """Writes a result in its place, or else, with a warning, into the nearest folder that can
        be written to.

        Args:
          name: of the file.
          write: called with a path; writes the file whole or not at all, with OSError or
            ValueError.
          instead: an ending, and a function that writes the result in that format, for where
            `write` fails.

        Returns:
          The path of the file; None if no folder can be written to.
        """
        self.begin(name)
        try:
            if name in self._foreign:
                raise FileExistsError("a file stands there that is not this run's")
            write(self.path(name))
        except (OSError, ValueError) as error:
            return self.rescue(name, write, instead, error)
        self.finish(name)
        return self.path(name)

    def rescue(
        self, name: str, write: Write, instead: tuple[str, Write] | None, error: Exception
    ) -> str | None:
        """Writes a result elsewhere that could not be written in its place because of `error`;
        replaces no file. The other arguments and the result are those of `save`.
        """
        self.failed = True
        stem, ending = os.path.splitext(name)
        formats = [(ending, write), *([instead] if instead else [])]
        reason = f"{self.path(name)!r} cannot be written ({_reason(error)})"
        for place in self._places():
            in_its_place = (
                place == self.folder
                and not os.path.lexists(self.path(name))
                and name not in self._foreign
            )
            for its_ending, its_write in formats:
                if in_its_place and its_ending == ending:
                    path = self.path(name)
                else:
                    path = _free_path(os.path.join(place, f"{stem}-rescued"), its_ending)
                with contextlib.suppress(OSError, ValueError):
                    its_write(path)
                    say(f"warning: {reason}; it is in {path!r} instead.")
                    self.finish(*([name] if path == self.path(name) else []))
                    return path
        say(f"error: {reason}, nor can any other folder.")
        return None

    def _places(self) -> Iterator[str]:
        """Folders for a rescued file, nearest first: the run's own (made again if it is gone), the
        folder that holds it, the working folder, the user's home, the system's temporary folder.
        """
        if not os.path.isdir(self.folder):
            with contextlib.suppress(OSError):
                os.makedirs(self.folder)
                self.record.files.update(dict.fromkeys(self.record.files))
                self.write_record()
                for name, value in self._first.items():
                    write_json(self.path(name), value)
        yield self.folder
        ancestor = os.path.dirname(os.path.abspath(self.folder))
        while not os.path.isdir(ancestor):
            ancestor = os.path.dirname(ancestor)
        yield ancestor
        with contextlib.suppress(OSError):
            yield os.getcwd()
        yield os.path.expanduser("~")
        with contextlib.suppress(OSError):
            yield tempfile.gettempdir()

    def write_text(self, name: str, text: str) -> str | None:
        """`save` of a text."""
        return self.save(name, lambda path: files.write_text(path, text))

    def write_json(self, name: str, value: Any) -> str | None:
        """`save` of indented JSON."""
        return self.save(name, lambda path: write_json(path, value))

    def write_sound(self, name: str, wave: Any, sample_rate: int) -> str | None:
        """`save` of a sound, as a wav file of floats where its own format cannot be written."""
        return self.save(name, *sound_writers(wave, sample_rate))


def sound_writers(wave: Any, sample_rate: int) -> tuple[Write, tuple[str, Write]]:
    """Functions that write a sound by its ending, and as a wav file of floats: the arguments
    `write` and `instead` of `Output.save` and `Output.rescue`.
    """
    return lambda path: audio.write(path, wave, sample_rate), (
        ".wav",
        lambda path: audio.write(path, wave, sample_rate, as_float=True),
    )


def write_json(path: str, value: Any) -> None:
    """Writes JSON, indented, whole or not at all."""
    files.write_text(path, json.dumps(value, indent=2) + "\n")


def _free_path(stem: str, ending: str) -> str:
    """A path where no file is yet."""
    number, path = 0, stem + ending
    while os.path.lexists(path):
        number += 1
        path = f"{stem}-{number}{ending}"
    return path


def _reason(error: Exception) -> str:
    # The cause, where the error is a sentence about this very file.
    cause = error.__cause__ or error
    text = isinstance(cause, OSError) and cause.strerror or cause
    return one_line(text).rstrip(".")
