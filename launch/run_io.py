"""Output folders: what a run may write there, and how an earlier run is replaced or resumed.

Every run's folder has a record, files.json: the program, each file with its size in bytes (null
while it is being written, or grows), and the folders of a sweep's runs. Only files in a record are
removed or replaced, and never a file that the run reads. This is checked before any work is done.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from audio_texture import audio
from launch import earlier_runs, records
from launch.configs import CONFIG as CONFIG
from launch.configs import METRICS as METRICS
from launch.configs import read_json
from launch.errors import UserError, naming_flag
from launch.output import Output

# Programs that --resume alone gives the configuration of the run in --output_dir.
CONTINUED_ALONE = ("texture", "transfer", "stream", "generate")


class _Planned(NamedTuple):
    """What a run may write: files of the folder, and files of each run folder by its name."""

    names: Sequence[str]
    folders: Mapping[str, Sequence[str]]


def input_files(config: Any) -> list[str]:
    """The files that a configuration names: its sounds, weights and generator."""
    if isinstance(config, dict):
        own = [
            value
            for name, value in config.items()
            if name in ("source", "weights_file", "start_generator")
            and isinstance(value, str)
            and value
        ]
        return own + [path for value in config.values() for path in input_files(value)]
    if isinstance(config, list):
        return [path for value in config for path in input_files(value)]
    return []


def check_output_folder(
    folder: str,
    *,
    names: Sequence[str],
    inputs: Sequence[str] = (),
    folders: Mapping[str, Sequence[str]] | None = None,
    overwrite: bool = False,
    resume: bool | None = None,
    program: str = "",
) -> records.Record | None:
    """Checks that the run removes and replaces nothing but an earlier run's own files. Writes
    nothing; UserError otherwise.

    Args:
      folder: the output folder.
      names: all files that the run may write into the folder.
      inputs: files that the run reads, none of which may be among those replaced or removed.
      folders: run folders of a sweep, with the names of the files in each.
      overwrite: whether an earlier run may be replaced.
      resume: whether an earlier run is to be resumed; None where the program cannot.
      program: which runs, where it can resume.

    Returns:
      The earlier run's record, if there is one.
    """
    planned = _Planned(names, folders or {})
    for name in [*planned.names, *planned.folders]:
        if not records.is_plain(name):
            raise UserError(f"--output_dir: {name!r} is not the name of a file in a folder.")
    _check_place(folder)
    record = records.read_record(folder)
    has_config = os.path.lexists(os.path.join(folder, CONFIG))
    if not overwrite and not resume and (record or has_config):
        can_resume = resume is not None and record is not None and record.program == program
        earlier = earlier_runs.describe(folder, record, can_resume=can_resume)
        raise UserError(f"--output_dir: {earlier}.")
    if resume and not (record and has_config):
        raise UserError(
            f"--resume: {folder!r} holds no run to go on with: {CONFIG} and {records.RECORD} must "
            "be there."
        )
    if foreign := _foreign_name(folder, record, planned):
        # Another job of the same sweep may have begun a moment ago.
        record = record or records.read_record(folder)
        foreign = _foreign_name(folder, record, planned)
    _check_inputs(folder, record, planned, inputs)
    if foreign:
        raise UserError(
            f"--output_dir: {folder!r} holds {foreign!r}, which no earlier run here lists as its "
            "own; name another folder."
        )
    return record


def _check_place(folder: str) -> None:
    if not folder:
        raise UserError("--output_dir: '' names no folder.")
    ancestor = os.path.abspath(folder)
    while not os.path.lexists(ancestor):
        ancestor = os.path.dirname(ancestor)
    if not os.path.isdir(ancestor) or not os.access(ancestor, os.W_OK | os.X_OK):
        raise UserError(f"--output_dir: {folder!r} cannot be made or written to.")


def _foreign_name(folder: str, record: records.Record | None, planned: _Planned) -> str | None:
    """The first name that is in the folder and not in the earlier run's record."""
    listed = record.files if record else {}
    for name in [*planned.names, *listed]:
        path = os.path.join(folder, name)
        if os.path.lexists(path) and (name not in listed or _is_real_folder(path)):
            return name
    for name in {*planned.folders, *(record.folders if record else ())}:
        path = os.path.join(folder, name)
        if not os.path.lexists(path):
            continue
        if not record or name not in record.folders or not _is_real_folder(path):
            return name
        in_folder = _Planned(planned.folders.get(name, ()), {})
        if inside := _foreign_name(path, records.read_record(path), in_folder):
            return os.path.join(name, inside)
    return None


def _is_real_folder(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def _check_inputs(
    folder: str, record: records.Record | None, planned: _Planned, inputs: Sequence[str]
) -> None:
    """UserError where an input, by whatever path or link, is among the files that may be replaced
    or removed.
    """
    by_inode = {}
    for path in dict.fromkeys(inputs):
        with contextlib.suppress(OSError, ValueError):
            status = os.stat(path)
            by_inode.setdefault((status.st_dev, status.st_ino), path)
    for path in _own_paths(folder, record, planned) if by_inode else ():
        with contextlib.suppress(OSError):
            status = os.stat(path)
            if source := by_inode.get((status.st_dev, status.st_ino)):
                raise UserError(
                    f"--output_dir: {folder!r}: {os.path.relpath(path, folder)!r} there is "
                    f"{source!r}, which this run reads; name another folder."
                )


def _own_paths(folder: str, record: records.Record | None, planned: _Planned) -> Iterator[str]:
    """Yields the paths of all files that the run may replace or remove."""
    for name in {*planned.names, *(record.files if record else ())}:
        yield os.path.join(folder, name)
    for name in {*planned.folders, *(record.folders if record else ())}:
        path = os.path.join(folder, name)
        if _is_real_folder(path):
            in_folder = _Planned(planned.folders.get(name, ()), {})
            yield from _own_paths(path, records.read_record(path), in_folder)


def check_resumable(
    folder: str, record: records.Record | None, config: dict[str, Any], *, program: str
) -> None:
    """UserError where the folder's run is another program's or has another configuration.

    Args:
      folder: the output folder.
      record: of the run there.
      config: of the run to go on with.
      program: the one that runs now.
    """
    if record and record.program != program:
        raise UserError(
            f"--resume: {folder!r} holds a run of launch.{record.program}, not of launch.{program}."
        )
    path = os.path.join(folder, CONFIG)
    with naming_flag("resume"):
        earlier = read_json(path)
        if not isinstance(earlier, dict):
            raise ValueError(f"{path!r} is not a run's configuration.")
    if difference := earlier_runs.describe_difference(earlier, config):
        advice = "give the flags that it was begun with"
        if program in CONTINUED_ALONE:
            advice = "--resume without other flags goes on with it as it was"
        raise UserError(f"--resume: the run in {folder!r} is another one: {difference}; {advice}.")


def check_run_folder(
    values: Mapping[str, Any], config: dict[str, Any], *, program: str, names: Sequence[str]
) -> records.Record | None:
    """The record in --output_dir, after the checks of a program with --config and --resume.
    UserError where this run may not be written there or cannot go on there.

    Args:
      values: of all flags.
      config: of the run.
      program: which runs it.
      names: all files that it may write.
    """
    folder, inputs = values["output_dir"], input_files(config)
    # A run may be made again from its own config.json, which is then replaced in one step.
    own_config = os.path.realpath(os.path.join(folder, CONFIG))
    if values["config"] is not None and os.path.realpath(values["config"]) != own_config:
        inputs.append(values["config"])
    record = check_output_folder(
        folder,
        names=names,
        inputs=inputs,
        overwrite=values["overwrite"],
        resume=values["resume"],
        program=program,
    )
    if values["resume"]:
        check_resumable(folder, record, config, program=program)
    return record


def sound_names(stem: str, count: int, output_format: str) -> list[str]:
    """Names of a run's sounds: STEM.wav, or STEM_0.wav and so on. UserError for a format or number
    that no flag would take.
    """
    if f".{output_format}" not in audio.ENDINGS:
        formats = ", ".join(ending[1:] for ending in audio.ENDINGS)
        raise UserError(f"--output_format: {output_format!r} must be one of {formats}.")
    if not 1 <= count <= 10_000:
        raise UserError(f"--samples: {count} must be from 1 to 10000.")
    return [f"{stem}{f'_{i}' if count > 1 else ''}.{output_format}" for i in range(count)]


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
    """Returns the folder, made this run's own, after `check_output_folder`. Removes the files of an
    earlier run, unless this run resumes it.

    Args:
      folder: the output folder.
      record: of the earlier run.
      program: which writes there.
      first: JSON files by name, written at once; earlier ones are replaced, not removed, so that
        they are never missing.
      resume: whether this run goes on with the earlier one.
      names: further files that the record lists from the start.
      folders: of a sweep's runs.

    Raises:
      UserError: the folder cannot be made or written to.
    """
    try:
        os.makedirs(folder, exist_ok=True)
        if record and not resume:
            records.clear(folder, record, keep=first)
        if record and resume and not folders:
            # Other jobs of a sweep may be writing its files now.
            for name in records.partials(folder, record.files):
                os.remove(os.path.join(folder, name))
        if not (record and resume):
            record = records.Record(program, dict.fromkeys(names), list(folders))
        output = Output(folder, record)
        output.record.files.update(dict.fromkeys(first))
        output.write_record()
        output.write_first(dict(first))
    except OSError as error:
        raise UserError(
            f"--output_dir: {folder!r} cannot be made or written to ({error.strerror})."
        ) from error
    return output
