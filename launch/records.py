"""Records of output folders, files.json: what a run wrote there, so that nothing else is removed.

A record has the program, each file with its size in bytes (null while it is being written, or
grows), and the names of a sweep's run folders, which have records of their own.
"""

import contextlib
import os
from collections.abc import Collection
from typing import Any, NamedTuple

from audio_texture import files
from launch.configs import read_json
from launch.errors import UserError

RECORD = "files.json"


class Record(NamedTuple):
    """What a run wrote into a folder.

    Attributes:
      program: which ran.
      files: sizes by name, None for a file that is not whole.
      folders: names of run folders.
    """

    program: str
    files: dict[str, int | None]
    folders: list[str]


def read_record(folder: str) -> Record | None:
    """The folder's record, None where it has none. UserError where files.json is damaged or is not
    a record.
    """
    path = os.path.join(folder, RECORD)
    if not os.path.lexists(path):
        return None
    with contextlib.suppress(ValueError, RecursionError):
        value = read_json(path)
        if isinstance(value, dict) and value.keys() == {"program", "files", "folders"}:
            record = Record(value["program"], value["files"], value["folders"])
            if _is_record(record):
                return record
    raise UserError(
        f"--output_dir: {path!r} is damaged or not a record of a run; name another folder."
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
    """Whether a name is a plain file name, and not a path that leads out of the folder."""
    return (
        isinstance(name, str)
        and name not in ("", ".", "..")
        and "\0" not in name
        and os.path.basename(name) == name
    )


def is_whole(folder: str, record: Record | None, name: str) -> bool:
    """Whether the record has a file's final size, and the file still has it."""
    path, size = os.path.join(folder, name), record.files.get(name) if record else None
    return size is not None and os.path.isfile(path) and os.path.getsize(path) == size


def clear(folder: str, record: Record, *, keep: Collection[str] = ()) -> None:
    """Removes the files that the record lists, those that the run folders' own records list, and
    run folders left empty. keep: names of files that stay.
    """
    for name in [*record.files, *partials(folder, record.files)]:
        if name not in keep:
            with contextlib.suppress(FileNotFoundError):
                os.remove(os.path.join(folder, name))
    for name in record.folders:
        clear_folder(os.path.join(folder, name))
    for name in partials(folder, record.folders):
        # It stays if its record cannot be read.
        with contextlib.suppress(UserError):
            clear_folder(os.path.join(folder, name))


def clear_folder(path: str) -> None:
    """Removes what the folder's own record lists, and then the folder if it is empty."""
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
    """Moves a run folder to its place: in one step, or file by file into a folder in which the user
    has files.
    """
    if not os.path.lexists(path):
        os.rename(partial, path)
        files.sync_folder(os.path.dirname(path))
        return
    # The record first, so that it lists every file that is moved.
    for name in sorted(os.listdir(partial), key=lambda name: name != RECORD):
        if os.path.lexists(os.path.join(path, name)):
            raise FileExistsError(f"{path!r} holds {name!r}, which is not the run's own")
    for name in sorted(os.listdir(partial), key=lambda name: name != RECORD):
        os.replace(os.path.join(partial, name), os.path.join(path, name))
    os.rmdir(partial)


def clear_partials(folder: str, name: str) -> None:
    """Removes the partial run folders that killed processes have left."""
    for partial in partials(folder, [name]):
        with contextlib.suppress(UserError):
            clear_folder(os.path.join(folder, partial))


def partials(folder: str, names: Collection[str]) -> list[str]:
    """The entries of a folder that are partial files or folders of these names."""
    wanted = set(names)
    if not wanted:
        return []
    return [entry for entry in os.listdir(folder) if files.partial_of(entry) in wanted]
