"""Records of output folders, files.json: what a run wrote there, so that nothing else is removed.

A record has the program, each file with its size in bytes (null while it is being written, or
grows), and the names of a sweep's run folders, which have records of their own.
"""

import contextlib
import os
from collections.abc import Collection
from typing import Any, NamedTuple

from audio_texture import files
from launch import cli

RECORD = "files.json"


class Record(NamedTuple):
    """What a run wrote into a folder: its program, sizes of files by name (None: not whole), names
    of run folders.
    """

    program: str
    files: dict[str, int | None]
    folders: list[str]


def read_record(folder: str) -> Record | None:
    """The folder's record, None where there is none; UserError where it is damaged, or another
    program's file.
    """
    path = os.path.join(folder, RECORD)
    if not os.path.lexists(path):
        return None
    with contextlib.suppress(ValueError, RecursionError):
        value = cli.read_json(path)
        if isinstance(value, dict) and value.keys() == {"program", "files", "folders"}:
            record = Record(value["program"], value["files"], value["folders"])
            if _is_record(record):
                return record
    raise cli.UserError(
        f"--output_dir: {path!r} is damaged, or no record of a run; name another folder."
    )


def _is_record(record: Record) -> bool:
    if (
        not isinstance(record.program, str)
        or not isinstance(record.files, dict)
        or not isinstance(record.folders, list)
    ):
        return False
    sizes = all(size is None or type(size) is int and size >= 0 for size in record.files.values())
    return sizes and all(map(is_plain, [*record.files, *record.folders]))


def is_plain(name: Any) -> bool:
    """Whether a name is one of a file right in a folder: no path that could lead elsewhere."""
    return (
        isinstance(name, str)
        and name not in ("", ".", "..")
        and "\0" not in name
        and os.path.basename(name) == name
    )


def is_whole(folder: str, record: Record | None, name: str) -> bool:
    """Whether the record says that a file was written to its end, and its size is still that one."""
    path, size = os.path.join(folder, name), record.files.get(name) if record else None
    return size is not None and os.path.isfile(path) and os.path.getsize(path) == size


def clear(folder: str, record: Record, *, keep: Collection[str] = ()) -> None:
    """Removes what the record lists, and no other file; of run folders what their own records list,
    and those left empty.
    """
    for name in [*record.files, *partials(folder, record.files)]:
        if name not in keep:
            with contextlib.suppress(FileNotFoundError):
                os.remove(os.path.join(folder, name))
    for name in record.folders:
        clear_folder(os.path.join(folder, name))
    for name in partials(folder, record.folders):
        # Without a record that can be read it stays.
        with contextlib.suppress(cli.UserError):
            clear_folder(os.path.join(folder, name))


def clear_folder(path: str) -> None:
    """`clear` by the folder's own record; removes the folder where nothing else is in it."""
    if os.path.islink(path) or not os.path.isdir(path):
        return
    if record := read_record(path):
        clear(path, record)
    for name in [RECORD] if record else []:
        os.remove(os.path.join(path, name))
    for name in partials(path, [RECORD]):
        os.remove(os.path.join(path, name))
    with contextlib.suppress(OSError):
        os.rmdir(path)


def move_folder(partial: str, path: str) -> None:
    """Moves a run folder to its place: at once, or file by file where a folder with files of the
    user's stayed there.
    """
    if not os.path.lexists(path):
        os.rename(partial, path)
        files.sync_folder(os.path.dirname(path))
        return
    # The record first: what is moved is then listed.
    for name in sorted(os.listdir(partial), key=lambda name: name != RECORD):
        if os.path.lexists(os.path.join(path, name)):
            raise FileExistsError(f"{path!r} holds {name!r}, which is not the run's own")
    for name in sorted(os.listdir(partial), key=lambda name: name != RECORD):
        os.replace(os.path.join(partial, name), os.path.join(path, name))
    os.rmdir(partial)


def clear_partials(folder: str, name: str) -> None:
    """Removes what was left of a run folder by processes that were killed while they wrote it."""
    for partial in partials(folder, [name]):
        with contextlib.suppress(cli.UserError):
            clear_folder(os.path.join(folder, partial))


def partials(folder: str, names: Collection[str]) -> list[str]:
    names = set(names)
    return (
        [entry for entry in os.listdir(folder) if files.partial_of(entry) in names] if names else []
    )
