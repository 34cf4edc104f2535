"""Output folders: what a run may write, what it wrote, and what is gone on with.

Every run's folder has a record, files.json: the program, each file with its size in bytes (null
while it is being written, or grows), and the folders of a sweep's runs. A name enters the record
before its file is first written. Nothing is removed or replaced that no record lists, and no file
that the run at hand reads; both are checked before any work.
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from absl import flags

from audio_texture import audio, files
from launch import cli, records

CONFIG, METRICS = "config.json", "metrics.jsonl"
Write = Callable[[str], None]

# ---------------------------------------------------------------- checks, before anything is
# written


def inputs_of(config: Any) -> list[str]:
    """The files that a configuration names: its sounds and weights."""
    if isinstance(config, dict):
        own = [
            value
            for name, value in config.items()
            if name in ("source", "weights_file") and isinstance(value, str) and value
        ]
        return own + [path for value in config.values() for path in inputs_of(value)]
    return (
        [path for value in config for path in inputs_of(value)] if isinstance(config, list) else []
    )


def check_output_folder(
    folder: str,
    *,
    names: Sequence[str],
    inputs: Sequence[str] = (),
    folders: Mapping[str, Sequence[str]] | None = None,
    overwrite: bool = False,
    resume: bool = False,
) -> records.Record | None:
    """Writes nothing; UserError where the run would remove or replace what is not an earlier run's
    own.

    Args:
      names: all files that the run may write into the folder.
      inputs: files that the run reads, none of which may be among those replaced or removed.
      folders: run folders of a sweep, with the names of the files in each.
      overwrite, resume: whether an earlier run may be replaced, or gone on with.
    Returns:
      The earlier run's record, if there is one.
    """
    folders = folders or {}
    for name in [*names, *folders]:
        if not records.is_plain(name):
            raise cli.UserError(f"--output_dir: {name!r} is no name of a file in a folder.")
    _check_place(folder)
    record = records.read_record(folder)
    if not overwrite and not resume and (record or os.path.lexists(os.path.join(folder, CONFIG))):
        advice = "name another folder or give --overwrite" if record else "name another folder"
        raise cli.UserError(f"--output_dir: {folder!r} already holds a run; {advice}.")
    if resume and not (record and os.path.lexists(os.path.join(folder, CONFIG))):
        raise cli.UserError(
            f"--resume: {folder!r} holds no run to go on with: {CONFIG} and {records.RECORD} must be there."
        )
    if foreign := _foreign(folder, record, names, folders):
        # Another job of the same sweep may have begun a moment ago.
        record = record or records.read_record(folder)
        foreign = _foreign(folder, record, names, folders)
    _check_inputs(folder, record, names, folders, inputs)
    if foreign:
        raise cli.UserError(
            f"--output_dir: {folder!r} holds {foreign!r}, which no earlier run here lists as its own; name another folder."
        )
    return record


def _check_place(folder: str) -> None:
    if not folder:
        raise cli.UserError("--output_dir: '' names no folder.")
    ancestor = os.path.abspath(folder)
    while not os.path.lexists(ancestor):
        ancestor = os.path.dirname(ancestor)
    if not os.path.isdir(ancestor) or not os.access(ancestor, os.W_OK | os.X_OK):
        raise cli.UserError(f"--output_dir: {folder!r} cannot be made or written to.")


def _foreign(
    folder: str,
    record: records.Record | None,
    names: Sequence[str],
    folders: Mapping[str, Sequence[str]],
) -> str | None:
    """The first name that is there and is not the earlier run's own."""
    listed = record.files if record else {}
    for name in [*names, *listed]:
        path = os.path.join(folder, name)
        if os.path.lexists(path) and (
            name not in listed or os.path.isdir(path) and not os.path.islink(path)
        ):
            return name
    for name in {*folders, *(record.folders if record else ())}:
        path = os.path.join(folder, name)
        if not os.path.lexists(path):
            continue
        if (
            not record
            or name not in record.folders
            or os.path.islink(path)
            or not os.path.isdir(path)
        ):
            return name
        if inside := _foreign(path, records.read_record(path), folders.get(name, ()), {}):
            return os.path.join(name, inside)
    return None


def _check_inputs(
    folder: str,
    record: records.Record | None,
    names: Sequence[str],
    folders: Mapping[str, Sequence[str]],
    inputs: Sequence[str],
) -> None:
    """UserError where one of the inputs, by whatever path or link, is among the files that may be
    replaced or removed.
    """
    known = {}
    for path in dict.fromkeys(inputs):
        with contextlib.suppress(OSError, ValueError):
            status = os.stat(path)
            known.setdefault((status.st_dev, status.st_ino), path)
    for path in _own_paths(folder, record, names, folders) if known else ():
        with contextlib.suppress(OSError):
            status = os.stat(path)
            if source := known.get((status.st_dev, status.st_ino)):
                raise cli.UserError(
                    f"--output_dir: {folder!r}: {os.path.relpath(path, folder)!r} there is {source!r}, which this run reads; name another folder."
                )


def _own_paths(
    folder: str,
    record: records.Record | None,
    names: Sequence[str],
    folders: Mapping[str, Sequence[str]],
) -> Iterator[str]:
    for name in {*names, *(record.files if record else ())}:
        yield os.path.join(folder, name)
    for name in {*folders, *(record.folders if record else ())}:
        path = os.path.join(folder, name)
        if os.path.isdir(path) and not os.path.islink(path):
            yield from _own_paths(path, records.read_record(path), folders.get(name, ()), {})


def check_resumable(
    folder: str, record: records.Record, config: dict[str, Any], *, program: str
) -> None:
    """UserError where the folder's run is another program's or of another configuration than the
    one to go on with.
    """
    if record.program != program:
        raise cli.UserError(
            f"--resume: {folder!r} holds a run of launch.{record.program}, not of launch.{program}."
        )
    with cli.naming("resume"):
        earlier = cli.read_json(os.path.join(folder, CONFIG))
        if not isinstance(earlier, dict):
            raise ValueError(f"{os.path.join(folder, CONFIG)!r} is no run's configuration.")
    differing = [
        name for name in config if name != "versions" and config[name] != earlier.get(name)
    ]
    if differing:
        raise cli.UserError(
            f"--resume: the run in {folder!r} is of another configuration: {differing[0]} differs."
        )


def checked_folder(
    config: dict[str, Any], *, program: str, names: Sequence[str]
) -> records.Record | None:
    """The record in --output_dir, where this run may be written or, with --resume, gone on with;
    UserError otherwise.
    """
    values = flags.FLAGS.flag_values_dict()
    folder, inputs = values["output_dir"], inputs_of(config)
    # The folder's own configuration may make its run again: it is replaced in one step.
    if values["config"] is not None and os.path.realpath(values["config"]) != os.path.realpath(
        os.path.join(folder, CONFIG)
    ):
        inputs.append(values["config"])
    record = check_output_folder(
        folder, names=names, inputs=inputs, overwrite=values["overwrite"], resume=values["resume"]
    )
    if values["resume"]:
        check_resumable(folder, record, config, program=program)
    return record


def sound_names(sound: str, count: int, output_format: str) -> list[str]:
    """Names of a run's sounds: sound.wav, or sound_0.wav and so on. UserError for a format or
    number that no flag would take.
    """
    if f".{output_format}" not in audio.ENDINGS:
        raise cli.UserError(
            f"--output_format: {output_format!r} must be one of {', '.join(ending[1:] for ending in audio.ENDINGS)}."
        )
    if not 1 <= count <= 10_000:
        raise cli.UserError(f"--samples: {count} must be from 1 to 10000.")
    return [f"{sound}{f'_{i}' if count > 1 else ''}.{output_format}" for i in range(count)]


# ---------------------------------------------------------------- writing


class Output:
    """A run's folder while it writes there. Whatever cannot be written is said, put elsewhere, and
    leaves `failed` set.
    """

    def __init__(self, folder: str, record: records.Record):
        self.folder, self.record, self.failed = folder, record, False
        self._foreign: set[str] = set()
        self._first: dict[str, Any] = {}
        self._complained: set[str] = set()

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def is_whole(self, name: str) -> bool:
        """See `records.is_whole`."""
        return records.is_whole(self.folder, self.record, name)

    def begin(self, *names: str) -> None:
        """Enters files that are about to be written."""
        self._foreign |= {
            name
            for name in names
            if name not in self.record.files and os.path.lexists(self.path(name))
        }
        self.record.files.update(dict.fromkeys(set(names) - self._foreign))
        self._try_record()

    def finish(self, *names: str, drop: Sequence[str] = ()) -> None:
        """Enters the sizes of files that are whole, and strikes out those that were removed."""
        for name in set(names) - self._foreign:
            with contextlib.suppress(OSError):
                self.record.files[name] = os.path.getsize(self.path(name))
        for name in drop:
            self.record.files.pop(name, None)
        self._try_record()

    def write_record(self) -> None:
        """OSError where it cannot be written."""
        files.write_text(
            self.path(records.RECORD), json.dumps(self.record._asdict(), indent=1) + "\n"
        )

    def _try_record(self) -> None:
        try:
            self.write_record()
        except OSError as error:
            self.complain(records.RECORD, error, "--resume may make again what is there")

    def complain(self, name: str, error: Exception, consequence: str) -> None:
        """Says, once for each file, that it cannot be written."""
        self.failed = True
        if name not in self._complained:
            cli.say(
                f"warning: {self.path(name)!r} cannot be written ({_reason(error)}); {consequence}."
            )
        self._complained.add(name)

    def save(self, name: str, write: Write, instead: tuple[str, Write] | None = None) -> str | None:
        """Writes a result where it belongs, or else, with a line, into the nearest place that takes
        it.

        Args:
          write: called with a path; whole or not at all, OSError or ValueError otherwise.
          instead: an ending, and what writes the result in a format that it belongs to, tried where
            `write` fails.
        Returns:
          Where the file is; None where no place takes it.
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
        """Writes a result that could not be written (error) elsewhere, over no other file;
        arguments as of `save`.
        """
        self.failed = True
        stem, ending = os.path.splitext(name)
        for place in self._places():
            remade = (
                place == self.folder
                and not os.path.lexists(self.path(name))
                and name not in self._foreign
            )
            for its_ending, its_write in ((ending, write), *([instead] if instead else [])):
                path = (
                    self.path(name)
                    if remade and its_ending == ending
                    else _free(os.path.join(place, f"{stem}-rescued"), its_ending)
                )
                with contextlib.suppress(OSError, ValueError):
                    its_write(path)
                    cli.say(
                        f"warning: {self.path(name)!r} cannot be written ({_reason(error)}); it is in {path!r} instead."
                    )
                    self.finish(*([name] if path == self.path(name) else []))
                    return path
        cli.say(
            f"error: {self.path(name)!r} cannot be written ({_reason(error)}), nor can any other folder."
        )
        return None

    def _places(self) -> Iterator[str]:
        """Folders from near to far: the run's own, made again if it is gone, what it lies in, where
        the user is.
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
        """`save` of a file of text."""
        return self.save(name, lambda path: files.write_text(path, text))

    def write_json(self, name: str, value: Any) -> str | None:
        """`save` of indented JSON."""
        return self.save(name, lambda path: write_json(path, value))

    def write_sound(self, name: str, wave: Any, rate: int) -> str | None:
        """`save` of a sound, as a wav of floats where its own format is the trouble."""
        return self.save(name, *sound_writers(wave, rate))


def sound_writers(wave: Any, rate: int) -> tuple[Write, tuple[str, Write]]:
    """What writes a sound by its ending, and as a wav of floats: of `Output.save` and `rescue`."""
    return lambda path: audio.write(path, wave, rate), (
        ".wav",
        lambda path: audio.write(path, wave, rate, as_float=True),
    )


def _free(stem: str, ending: str) -> str:
    """A path that is nobody's yet."""
    number, path = 0, stem + ending
    while os.path.lexists(path):
        number += 1
        path = f"{stem}-{number}{ending}"
    return path


def _reason(error: Exception) -> str:
    # The cause, where the error is a sentence of ours about this very file.
    error = error.__cause__ or error
    return " ".join((isinstance(error, OSError) and error.strerror or str(error)).split()).rstrip(
        "."
    )


def write_json(path: str, value: Any) -> None:
    """Writes JSON, indented, whole or not at all."""
    files.write_text(path, json.dumps(value, indent=2) + "\n")


def claim(
    folder: str,
    record: records.Record | None,
    *,
    program: str,
    first: Mapping[str, Any],
    resume: bool = False,
    names: Sequence[str] = (),
    folders: Sequence[str] = (),
) -> Output:
    """Makes the folder this run's, after `check_output_folder`: an earlier run is cleared away,
    unless it is gone on with.

    Args:
      record: of the earlier run.
      first: JSON files by name, written at once; those are replaced, not removed, so that they are
        never missing.
      names: further files of the run's that its record lists from the start.
      folders: of a sweep's runs.
    Raises:
      UserError: the folder cannot be made or written to.
    """
    try:
        os.makedirs(folder, exist_ok=True)
        if record and not resume:
            records.clear(folder, record, keep=first)
        if record and resume and not folders:
            # Of a sweep's files other jobs may be writing some.
            for name in records.partials(folder, record.files):
                os.remove(os.path.join(folder, name))
        output = Output(
            folder,
            record
            if record and resume
            else records.Record(program, dict.fromkeys(names), list(folders)),
        )
        output.record.files.update(dict.fromkeys(first))
        output.write_record()
        for name, value in first.items():
            write_json(output.path(name), value)
        output._first = dict(first)
        output.finish(*first)
    except OSError as error:
        raise cli.UserError(
            f"--output_dir: {folder!r} cannot be made or written to ({error.strerror})."
        ) from error
    return output
