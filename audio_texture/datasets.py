"""Data sets of sounds in folders: the clips with their class and fold, and what is skipped."""

import collections
import csv
import os
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

# Endings of sound files.
ENDINGS = (
    ".wav",
    ".flac",
    ".ogg",
    ".mp3",
    ".aif",
    ".aiff",
    ".opus",
    ".caf",
    ".w64",
    ".rf64",
    ".au",
    ".aifc",
    ".oga",
)
# Names that data sets give a table's columns: ESC-50's first, then UrbanSound8K's and others.
COLUMNS = {
    "filename": ("filename", "file_name", "file", "slice_file_name", "fname", "path"),
    "fold": ("fold", "folds", "split"),
    "category": ("category", "class", "label", "class_name", "classname"),
}
TABLE_FOLDERS = ("meta", "metadata")
# Files that operating systems and tools leave behind, besides names that begin with a dot.
_SYSTEM_FILES = ("__macosx", "thumbs.db", "desktop.ini")
_FOLD = re.compile(r"fold[ _-]?(\d+)", re.IGNORECASE)
_MOST_NAMED = 5


class Clip(NamedTuple):
    """A sound with its class and fold.

    Attributes:
      path: the sound file, or sound:NAME/SEED.
      label: number of the class.
      fold: from 1.
    """

    path: str
    label: int
    fold: int


class Dataset(NamedTuple):
    """The clips of a folder.

    Attributes:
      clips: sorted by path.
      classes: names, by label.
      skipped: files and folders (with a final /) that are no clips, as paths inside the folder.
      missing: sounds that the table names and the folder lacks; they are among the clips.
      renamed: number of files whose name has another case or ending than in the table.
    """

    clips: list[Clip]
    classes: list[str]
    skipped: list[str]
    missing: list[str]
    renamed: int


class _Entry(NamedTuple):
    path: str
    category: str
    fold: int


def scan_dataset(folder: str) -> Dataset:
    """Returns the clips of a folder, their classes, and what is skipped.

    The folder is laid out as ESC-50 (audio/ and meta/esc50.csv with the columns filename, fold and
    category), as UrbanSound8K (audio/fold1/ ... and metadata/*.csv), or with a folder for each
    class. In the last layout the names of the files begin with the number of their fold
    ("1-17367-A.ogg"), or the files lie in a folder fold1, fold2 ... Hidden files and those of
    operating systems are skipped.

    Raises:
      ValueError: the folder holds no sounds, one class only, a table that lacks columns, or a clip
        without a fold.

    Example:
      >>> import pathlib, tempfile
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     for name in ("rain/1-a.wav", "wind/2-b.wav"):
      ...         path = pathlib.Path(folder, name)
      ...         path.parent.mkdir()
      ...         path.touch()
      ...     scan_dataset(folder).classes
      ['rain', 'wind']
    """
    if not os.path.isdir(folder):
        raise ValueError(f"{folder!r} is not a folder.")
    table = _find_table(folder)
    entries, skipped, missing, renamed = (
        _list_table(table, folder) if table else _list_class_folders(folder)
    )
    if not entries:
        raise ValueError(
            f"{folder!r} holds no sound files; there must be audio/ and meta/esc50.csv, "
            "or a folder of them for each class."
        )
    classes = sorted({entry.category for entry in entries})
    if len(classes) < 2:
        raise ValueError(
            f"{folder!r} holds one class only, {classes[0]!r}; there must be at least two."
        )
    clips = [
        Clip(entry.path, classes.index(entry.category), entry.fold) for entry in sorted(entries)
    ]
    return Dataset(clips, classes, skipped, missing, renamed)


def list_sounds(folder: str) -> list[str]:
    """Returns the paths of all sound files below a folder, sorted; system files are left out.

    Example:
      >>> import pathlib, tempfile
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     for name in ("b.wav", "a.ogg", "notes.txt"):
      ...         pathlib.Path(folder, name).touch()
      ...     [os.path.basename(path) for path in list_sounds(folder)]
      ['a.ogg', 'b.wav']
    """
    return [os.path.join(folder, name) for name in sorted(_walk(folder)[0])]


def describe_exceptions(dataset: Dataset) -> list[str]:
    """Returns lines that report skipped, missing and renamed files, a line for each sort.

    Example:
      >>> describe_exceptions(Dataset([], [], ["notes.txt"], [], 0))
      ['skipped 1 entry that is not a clip: notes.txt']
    """
    lines, total = [], len(dataset.clips)
    if dataset.skipped:
        count = len(dataset.skipped)
        what = "entries that are not clips" if count > 1 else "entry that is not a clip"
        lines.append(f"skipped {count} {what}: {_join_some(dataset.skipped)}")
    if dataset.missing:
        lines.append(
            f"{len(dataset.missing)} of {total} sounds that the table names are missing: "
            f"{_join_some(dataset.missing)}"
        )
    if dataset.renamed:
        lines.append(
            f"{dataset.renamed} of {total} sounds are there with a name in another case or with "
            "another ending than in the table, and are read"
        )
    return lines


def _join_some(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST_NAMED]) + (", ..." if len(names) > _MOST_NAMED else "")


# --- tables


def _find_table(folder: str) -> str | None:
    """Returns the path of esc50.csv in meta/ or metadata/, or of the only .csv file there; upper
    and lower case are the same. None if there is no such file.
    """
    for entry in sorted(os.listdir(folder)):
        if entry.lower() not in TABLE_FOLDERS or not os.path.isdir(os.path.join(folder, entry)):
            continue
        tables = [
            name
            for name in sorted(os.listdir(os.path.join(folder, entry)))
            if name.lower().endswith(".csv") and not _is_system_file(name)
        ]
        candidates = [name for name in tables if name.lower() == "esc50.csv"]
        if not candidates and len(tables) == 1:
            candidates = tables
        if candidates:
            return os.path.join(folder, entry, candidates[0])
    return None


def read_table(path: str) -> list[dict[str, str]]:
    """Returns the rows of a table that a spreadsheet saved, each a dict by column.

    Columns are separated by any of , ; tab and |; the text is UTF-8 or UTF-16, with or without a
    byte order mark. Names of columns become lower case; spaces around names and values are removed.
    Empty rows are left out.

    Example:
      >>> import pathlib, tempfile
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     path = pathlib.Path(folder, "esc50.csv")
      ...     _ = path.write_text("Filename;Fold\\na.wav; 1")
      ...     read_table(str(path))
      [{'filename': 'a.wav', 'fold': '1'}]
    """
    with open(path, "rb") as file:
        lines = _decode(file.read()).splitlines()
    while lines and not lines[0].strip(" ,;\t|"):
        lines.pop(0)
    # Excel may name the delimiter in a first line "sep=;".
    sep_line = re.fullmatch(r"sep=(.)", lines[0].strip(" ")) if lines else None
    if sep_line:
        lines.pop(0)
    delimiter = sep_line[1] if sep_line else max(",;\t|", key=lines[0].count) if lines else ","
    rows = [
        [value.strip() for value in row]
        for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    ]
    rows = [row for row in rows if any(row)]
    names = [name.lower() for name in rows[0]] if rows else []
    return [dict(zip(names, row, strict=False)) for row in rows[1:]]


def _decode(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif b"\0" in data[:2]:
        encoding = "utf-16-be" if data[:1] == b"\0" else "utf-16-le"
    else:
        encoding = "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        # Older Windows programs write a one-byte encoding; in Latin-1 no byte is invalid.
        return data.decode("latin-1")


def _list_table(table: str, folder: str) -> tuple[list[_Entry], list[str], list[str], int]:
    """Returns a table's entries, the skipped files, the missing sounds, and the number renamed."""
    rows = read_table(table)
    folders = (name for name in sorted(os.listdir(folder)) if name.lower() == "audio")
    audio = next((name for name in folders if os.path.isdir(os.path.join(folder, name))), "audio")
    sounds, skipped = _walk(os.path.join(folder, audio))
    finder = _SoundFinder(audio, sounds)
    entries, missing, renamed, used = [], [], 0, set()
    try:
        for name, fold, category in _parse_rows(rows):
            sound = finder.find(name, fold)
            if sound is None:
                missing.append(name)
            else:
                renamed += os.path.basename(sound) != os.path.basename(name)
            path = os.path.join(folder, audio, *(sound or name).split("/"))
            used.add(os.path.relpath(path, os.path.join(folder, audio)))
            entries.append(_Entry(path, category, fold))
    except (KeyError, StopIteration, ValueError) as error:
        columns = ", ".join(rows[0]) if rows else "no rows"
        reason = f"it has {columns}" if isinstance(error, StopIteration) else error
        raise ValueError(
            f"{table!r} must have the columns filename, fold (a number) and category ({reason})."
        ) from error
    unused = (name for name in sounds if name not in used)
    skipped = [f"{audio}/{name}" for name in sorted([*skipped, *unused])]
    return entries, skipped, missing, renamed


def _parse_rows(rows: Sequence[dict[str, str]]) -> list[tuple[str, int, str]]:
    """Returns filename, fold and category of each row.

    Raises StopIteration where a column is missing, and KeyError or ValueError where a value is.
    """
    columns = {}
    for column, names in COLUMNS.items():
        columns[column] = next(name for name in names if rows and name in rows[0])
    parsed = []
    for row in rows:
        name = row[columns["filename"]].replace("\\", "/")
        fold = _parse_fold(row[columns["fold"]])
        category = row[columns["category"]]
        if not name or not category:
            raise ValueError(f"a row without a name or a category: {', '.join(row.values())}")
        parsed.append((name, fold, category))
    return parsed


class _SoundFinder:
    """Finds the file of a table's row among the sounds of the audio folder."""

    def __init__(self, audio: str, sounds: Sequence[str]):
        self._audio, self._exact = audio, set(sounds)
        self._by_name = collections.defaultdict(list)
        self._by_stem = collections.defaultdict(list)
        for name in sounds:
            base = os.path.basename(name).lower()
            self._by_name[base].append(name)
            self._by_stem[os.path.splitext(base)[0]].append(name)

    def find(self, name: str, fold: int) -> str | None:
        """Returns the file of a row, whose case or ending may differ from the row's name; None
        where no file or more than one fits.
        """
        for spelling in (name, f"fold{fold}/{name}", name.removeprefix(f"{self._audio}/")):
            if spelling in self._exact:
                return spelling
        base = os.path.basename(name).lower()
        candidates = self._by_name[base] or self._by_stem[os.path.splitext(base)[0]]
        # Several folders may hold a file of this name: the row means the file of its fold.
        in_fold = [sound for sound in candidates if f"fold{fold}/" in sound.lower()]
        candidates = in_fold or candidates
        return candidates[0] if len(candidates) == 1 else None


def _parse_fold(text: str) -> int:
    """Returns 1 for "1", "1.0" or "fold1". Raises ValueError for other text."""
    match = _FOLD.fullmatch(text)
    number = float(match[1] if match else text.replace(",", "."))
    if not number.is_integer():
        raise ValueError(f"{text!r} is not the number of a fold")
    return int(number)


# --- folders


def _list_class_folders(folder: str) -> tuple[list[_Entry], list[str], list[str], int]:
    """Returns what `_list_table` does, for a folder that has a folder for each class."""
    sounds, skipped = _walk(folder)
    entries = []
    for name in sounds:
        *folders, base = name.split("/")
        folds = [int(match[1]) for match in map(_FOLD.fullmatch, folders) if match]
        categories = [part for part in folders if not _FOLD.fullmatch(part)]
        if not categories:
            skipped.append(name)
            continue
        if not folds and not "1" <= base[0] <= "9":
            raise ValueError(
                f"{os.path.join(folder, name)!r} must begin with its fold's number, from 1 to 9, "
                "or lie in a folder fold1, fold2 ..."
            )
        # The class is the outermost folder; folders below sort its clips further.
        fold = folds[0] if folds else int(base[0])
        entries.append(_Entry(os.path.join(folder, *folders, base), categories[0], fold))
    return entries, sorted(skipped), [], 0


def _walk(folder: str) -> tuple[list[str], list[str]]:
    """Returns the sound files below a folder, and everything else, as paths relative to it with /.

    Hidden, system and empty folders are skipped as a whole and listed with a final /.
    """
    sounds, skipped = [], []

    def list_files(prefix: str, depth: int) -> Iterator[str]:
        for entry in sorted(os.scandir(os.path.join(folder, prefix)), key=lambda entry: entry.name):
            name = f"{prefix}{entry.name}"
            if not entry.is_dir():
                yield name
                continue
            skip = _is_system_file(entry.name) or depth > 20
            below = [] if skip else list(list_files(f"{name}/", depth + 1))
            if not below:
                skipped.append(f"{name}/")
            yield from below

    for name in list_files("", 0) if os.path.isdir(folder) else ():
        base = os.path.basename(name)
        is_sound = base.lower().endswith(ENDINGS) and not _is_system_file(base)
        (sounds if is_sound else skipped).append(name)
    return sounds, sorted(skipped)


def _is_system_file(name: str) -> bool:
    return name.startswith(".") or name.lower() in _SYSTEM_FILES
