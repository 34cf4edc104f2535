"""Data sets of sounds as people have them on their disks: which files are clips, of which class and
fold, and what is passed over.
"""

import collections
import csv
import os
import re
from collections.abc import Iterator
from typing import NamedTuple

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
# What a column is called, in ESC-50 first, then in UrbanSound8K and elsewhere.
COLUMNS = {
    "filename": ("filename", "file_name", "file", "slice_file_name", "fname", "path"),
    "fold": ("fold", "folds", "split"),
    "category": ("category", "class", "label", "class_name", "classname"),
}
TABLE_FOLDERS = ("meta", "metadata")
# What systems and tools leave behind, beside names that begin with a dot.
_LEFTOVERS = ("__macosx", "thumbs.db", "desktop.ini")
_FOLD = re.compile(r"fold[ _-]?(\d+)", re.IGNORECASE)


class Clip(NamedTuple):
    """path: of the sound file, or sound:NAME/SEED. label: the class's number. fold: from 1."""

    path: str
    label: int
    fold: int


class Listing(NamedTuple):
    """A data set.

    Attributes:
      clips: by path.
      classes: names, by label.
      skipped: files and folders (they end in /) that are not clips, as paths inside the data set.
      missing: sounds that a table names and that are not there; they are among the clips.
      renamed: how many are there with a name in another case, or with another ending.
    """

    clips: list[Clip]
    classes: list[str]
    skipped: list[str]
    missing: list[str]
    renamed: int


def list_clips(folder: str) -> tuple[list[Clip], list[str]]:
    """The clips of a data set, by path, and its classes' names; see `survey`."""
    return survey(folder)[:2]


def survey(folder: str) -> Listing:
    """A data set: its clips, their classes, and what is no part of it.

    Laid out as ESC-50 (audio/ and meta/esc50.csv with the columns filename, fold and category) or
    as UrbanSound8K
    (audio/fold1/ ... and metadata/*.csv), or as a folder a class whose files' names begin with
    their fold's number
    ("1-17367-A.ogg") or lie in a folder fold1, fold2 ... Hidden files and other leftovers are
    passed over.

    Raises ValueError for a folder that holds none, one class only, a table that lacks columns, or a
    clip without a fold.
    """
    if not os.path.isdir(folder):
        raise ValueError(f"{folder!r} is not a folder.")
    table = _table(folder)
    found, skipped, missing, renamed = (
        _listed_in(table, folder) if table else _listed_by_class(folder)
    )
    if not found:
        raise ValueError(
            f"{folder!r} holds no sound files; there must be audio/ and meta/esc50.csv, or a folder of them for each class."
        )
    classes = sorted({name for _, name, _ in found})
    if len(classes) < 2:
        raise ValueError(
            f"{folder!r} holds one class only, {classes[0]!r}; there must be at least two."
        )
    clips = [Clip(path, classes.index(name), fold) for path, name, fold in sorted(found)]
    return Listing(clips, classes, skipped, missing, renamed)


def describe(listing: Listing) -> list[str]:
    """Lines on what of a data set is not read, or not as it is named; none where all is."""
    lines = []
    if listing.skipped:
        names = ", ".join(listing.skipped[:5]) + (", ..." if len(listing.skipped) > 5 else "")
        count = len(listing.skipped)
        lines.append(
            f"skipped {count} file{'s' if count > 1 else ''} or folders that are no clips: {names}"
        )
    if listing.missing:
        names = ", ".join(listing.missing[:5]) + (", ..." if len(listing.missing) > 5 else "")
        lines.append(
            f"{len(listing.missing)} of {len(listing.clips)} sounds that the table names are missing: {names}"
        )
    if listing.renamed:
        lines.append(
            f"{listing.renamed} of {len(listing.clips)} sounds are there with a name in another case or with another ending than in the table, and are read"
        )
    return lines


def _table(folder: str) -> str | None:
    """The table of a data set: esc50.csv in meta/ or metadata/, in any case, or the only .csv
    there.
    """
    for entry in sorted(os.listdir(folder)):
        if entry.lower() not in TABLE_FOLDERS or not os.path.isdir(os.path.join(folder, entry)):
            continue
        tables = [
            name
            for name in sorted(os.listdir(os.path.join(folder, entry)))
            if name.lower().endswith(".csv") and not _is_leftover(name)
        ]
        chosen = [name for name in tables if name.lower() == "esc50.csv"] or (
            tables if len(tables) == 1 else []
        )
        if chosen:
            return os.path.join(folder, entry, chosen[0])
    return None


def read_table(path: str) -> list[dict[str, str]]:
    """The rows of a table as spreadsheets save it: any of , ; tab and | between columns, UTF-8 or
    UTF-16, with or without a mark.

    Names of columns are lower case, without spaces around them, as values are; rows without any
    value are left out.
    """
    with open(path, "rb") as file:
        data = file.read()
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif b"\0" in data[:2]:
        encoding = "utf-16-be" if data[:1] == b"\0" else "utf-16-le"
    else:
        encoding = "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        # Of Windows; any byte is some letter in it.
        text = data.decode("latin-1")
    lines = text.splitlines()
    while lines and not lines[0].strip(" ,;\t|"):
        lines.pop(0)
    stated = re.fullmatch(r"sep=(.)", lines[0].strip(" ")) if lines else None
    if stated:
        lines.pop(0)
    delimiter = stated[1] if stated else max(",;\t|", key=lines[0].count) if lines else ","
    rows = [
        [value.strip() for value in row]
        for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    ]
    rows = [row for row in rows if any(row)]
    names = [name.lower() for name in rows[0]] if rows else []
    return [dict(zip(names, row, strict=False)) for row in rows[1:]]


def _listed_in(
    table: str, folder: str
) -> tuple[list[tuple[str, str, int]], list[str], list[str], int]:
    rows = read_table(table)
    found, missing, renamed = [], [], 0
    audio = next(
        (
            entry
            for entry in sorted(os.listdir(folder))
            if entry.lower() == "audio" and os.path.isdir(os.path.join(folder, entry))
        ),
        "audio",
    )
    sounds, skipped = _walk(os.path.join(folder, audio))
    exact, by_name, by_stem = (
        set(sounds),
        collections.defaultdict(list),
        collections.defaultdict(list),
    )
    for name in sounds:
        by_name[os.path.basename(name).lower()].append(name)
        by_stem[os.path.splitext(os.path.basename(name))[0].lower()].append(name)
    try:
        columns = {
            name: next(each for each in names if rows and each in rows[0])
            for name, names in COLUMNS.items()
        }
        for row in rows:
            name, fold = row[columns["filename"]].replace("\\", "/"), _fold(row[columns["fold"]])
            category = row[columns["category"]]
            if not name or not category:
                raise ValueError(f"a row without a name or a category: {', '.join(row.values())}")
            names = (name, f"fold{fold}/{name}", name.removeprefix(f"{audio}/"))
            chosen = next((each for each in names if each in exact), None)
            if chosen is None:
                base = os.path.basename(name).lower()
                near = by_name[base] or by_stem[os.path.splitext(base)[0]]
                # Several folders may hold a file of that name: the one of its fold is meant.
                near = [each for each in near if f"fold{fold}/" in each.lower()] or near
                chosen = near[0] if len(near) == 1 else None
                renamed += chosen is not None and os.path.basename(chosen) != os.path.basename(name)
                missing += [name] if chosen is None else []
            found.append(
                (os.path.join(folder, audio, *(chosen or name).split("/")), category, fold)
            )
    except (KeyError, StopIteration, ValueError) as error:
        reason = (
            f"it has {', '.join(rows[0]) if rows else 'no rows'}"
            if isinstance(error, StopIteration)
            else error
        )
        raise ValueError(
            f"{table!r} must have the columns filename, fold (a number) and category ({reason})."
        ) from error
    used = {os.path.relpath(path, os.path.join(folder, audio)) for path, _, _ in found}
    skipped = [
        f"{audio}/{name}"
        for name in sorted([*skipped, *(name for name in sounds if name not in used)])
    ]
    return found, skipped, missing, renamed


def _fold(text: str) -> int:
    """1, 1.0 or fold1 -> 1. ValueError otherwise."""
    match = _FOLD.fullmatch(text)
    number = float(match[1] if match else text.replace(",", "."))
    if not number.is_integer():
        raise ValueError(f"{text!r} is no fold's number")
    return int(number)


def _listed_by_class(folder: str) -> tuple[list[tuple[str, str, int]], list[str], list[str], int]:
    sounds, skipped = _walk(folder)
    found = []
    for name in sounds:
        *folders, base = name.split("/")
        folds = [int(match[1]) for match in map(_FOLD.fullmatch, folders) if match]
        kinds = [each for each in folders if not _FOLD.fullmatch(each)]
        if not kinds:
            skipped.append(name)
            continue
        if not folds and not "1" <= base[0] <= "9":
            raise ValueError(
                f"{os.path.join(folder, name)!r} must begin with its fold's number, from 1 to 9, or lie in a folder fold1, fold2 ..."
            )
        # The class is the outermost folder; what lies below sorts its clips further.
        found.append(
            (os.path.join(folder, *folders, base), kinds[0], folds[0] if folds else int(base[0]))
        )
    return found, sorted(skipped), [], 0


def _walk(folder: str) -> tuple[list[str], list[str]]:
    """Sound files below a folder, and what is none: paths from there, with /; hidden, left over and
    empty folders by their names alone.
    """
    sounds, skipped = [], []

    def look(inside: str, depth: int) -> Iterator[str]:
        for entry in sorted(os.scandir(os.path.join(folder, inside)), key=lambda entry: entry.name):
            name = f"{inside}{entry.name}"
            if entry.is_dir():
                within = (
                    []
                    if _is_leftover(entry.name) or depth > 20
                    else list(look(f"{name}/", depth + 1))
                )
                if not within:
                    skipped.append(f"{name}/")
                yield from within
            else:
                yield name

    for name in look("", 0) if os.path.isdir(folder) else ():
        base = os.path.basename(name)
        is_sound = base.lower().endswith(ENDINGS) and not _is_leftover(base)
        (sounds if is_sound else skipped).append(name)
    return sounds, sorted(skipped)


def _is_leftover(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LEFTOVERS
