"""datasets.py reads folders and tables as spreadsheets, operating systems and people leave them."""

import pytest

from audio_texture import datasets
from audio_texture.datasets import Clip

HEADER = ["filename", "fold", "target", "category"]
ROWS = [["1-a.wav", "1", "0", "dog"], ["2-b.wav", "2", "5", "rain"]]


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def lines(delimiter, header=HEADER, rows=ROWS, end="\n"):
    return "".join(delimiter.join(row) + end for row in [header, *rows])


TABLES = {
    "plain": lines(",").encode(),
    "byte-order mark": lines(",").encode("utf-8-sig"),
    "semicolons": lines(";", end="\r\n").encode("utf-8-sig"),
    "tabs": lines("\t").encode(),
    "UTF-16": lines("\t", end="\r\n").encode("utf-16"),
    "UTF-16 without a mark": lines(",").encode("utf-16-le"),
    "UTF-16 of the other order": lines(";").encode("utf-16-be"),
    "old Macintosh": lines(",", end="\r").encode(),
    "spaces": lines(" , ").encode(),
    "quotes": lines(
        ",", [f'"{name}"' for name in HEADER], [[f'"{value}"' for value in row] for row in ROWS]
    ).encode(),
    "upper case": lines(",", [name.upper() for name in HEADER]).encode(),
    "another order": lines(",", HEADER[::-1], [row[::-1] for row in ROWS]).encode(),
    "more columns": lines(
        ",", [*HEADER, "esc10", "take"], [[*row, "True", "A"] for row in ROWS]
    ).encode(),
    "blank lines": (lines(",") + "\n\n , , , \n").encode(),
    "blank lines before": ("\n;;;\n" + lines(";")).encode(),
    "stated delimiter": ("sep=;\r\n" + lines(";", end="\r\n")).encode(),
    "folds with a point": lines(
        ",", rows=[[row[0], row[1] + ".0", *row[2:]] for row in ROWS]
    ).encode(),
    "Windows letters": lines(",", rows=[*ROWS, ["1-c.wav", "1", "7", "caf\u00e9"]]).encode(
        "latin-1"
    ),
    "other names": lines(",", ["slice_file_name", "fold", "classID", "class"]).encode(),
    "short names": lines(",", ["file", "fold", "id", "label"]).encode(),
}


@pytest.mark.parametrize("kind", TABLES)
def test_tables_of_spreadsheets(tmp_path, kind):
    """A table with the columns in any common form is read; it never "must have the columns"."""
    touch(tmp_path, "audio/1-a.wav", "audio/2-b.wav", "audio/1-c.wav", "meta/esc50.csv")
    (tmp_path / "meta/esc50.csv").write_bytes(TABLES[kind])
    dataset = datasets.scan_dataset(str(tmp_path))
    assert [
        (clip.path, dataset.classes[clip.label], clip.fold)
        for clip in dataset.clips
        if "c.wav" not in clip.path
    ] == [(f"{tmp_path}/audio/1-a.wav", "dog", 1), (f"{tmp_path}/audio/2-b.wav", "rain", 2)]
    assert not dataset.missing and not dataset.renamed
    assert dataset.skipped == ([] if kind == "Windows letters" else ["audio/1-c.wav"])


def test_a_table_that_lacks_columns_says_what_it_has(tmp_path):
    touch(tmp_path, "meta/esc50.csv")
    for text, said in (
        ("filename;fold\na;1\n", r"fold \(a number\) and category \(it has filename, fold\)"),
        ("filename,fold,category\na,one,dog\n", "one"),
        ("", "it has no rows"),
    ):
        (tmp_path / "meta/esc50.csv").write_text(text)
        with pytest.raises(
            ValueError, match=f"esc50.csv' must have the columns filename, .*{said}"
        ):
            datasets.scan_dataset(str(tmp_path))


def test_files_named_unlike_the_table(tmp_path):
    """Files with another case or ending are read and counted; missing ones are named."""
    touch(
        tmp_path,
        "Audio/1-A.WAV",
        "Audio/2-b.ogg",
        "Audio/notes.txt",
        "Audio/.DS_Store",
        "Meta/ESC50.csv",
    )
    (tmp_path / "Meta/ESC50.csv").write_text(
        lines(",", rows=[*ROWS, ["1-gone.wav", "1", "0", "dog"]])
    )
    dataset = datasets.scan_dataset(str(tmp_path))
    assert [clip.path for clip in dataset.clips] == [
        f"{tmp_path}/Audio/{name}" for name in ("1-A.WAV", "1-gone.wav", "2-b.ogg")
    ]
    assert (dataset.missing, dataset.renamed, dataset.skipped) == (
        ["1-gone.wav"],
        2,
        ["Audio/.DS_Store", "Audio/notes.txt"],
    )
    told = datasets.describe_exceptions(dataset)
    assert told[0] == "skipped 2 entries that are not clips: Audio/.DS_Store, Audio/notes.txt"
    assert told[1].startswith(
        "1 of 3 sounds that the table names are missing: 1-gone.wav"
    ) and told[2].startswith("2 of 3 sounds are there")


def test_urban_sound_layout(tmp_path):
    """audio/fold1/ ... and metadata/*.csv; the same name in two folds is two clips."""
    touch(
        tmp_path,
        "audio/fold1/a.wav",
        "audio/fold2/a.wav",
        "audio/fold10/b.wav",
        "metadata/UrbanSound8K.csv",
    )
    (tmp_path / "metadata/UrbanSound8K.csv").write_text(
        "slice_file_name,fsID,fold,classID,class\n"
        "a.wav,1,1,0,dog\na.wav,1,2,0,dog\nb.wav,1,10,3,siren\n"
    )
    dataset = datasets.scan_dataset(str(tmp_path))
    assert dataset.clips == [
        Clip(f"{tmp_path}/audio/{name}", *rest)
        for name, *rest in (("fold1/a.wav", 0, 1), ("fold10/b.wav", 1, 10), ("fold2/a.wav", 0, 2))
    ]


def test_files_of_operating_systems_are_skipped(tmp_path):
    """Hidden, stray and system files and empty folders are skipped, counted and named.

    Upper-case endings and nested folders are read.
    """
    sounds = ["dog/1-a.WAV", "dog/old/2-b.Flac", "rain/1-c.ogg", "rain/2-d.wav"]
    others = [
        "README.md",
        "loose.wav",
        "dog/.DS_Store",
        "dog/._1-a.WAV",
        "dog/Thumbs.db",
        "rain/notes.txt",
    ]
    touch(tmp_path, *sounds, *others, ".git/objects/1-x.wav", "__MACOSX/dog/1-a.wav")
    (tmp_path / "empty").mkdir()
    dataset = datasets.scan_dataset(str(tmp_path))
    assert [clip.path for clip in dataset.clips] == [
        f"{tmp_path}/{name}" for name in sounds
    ] and dataset.classes == ["dog", "rain"]
    assert [clip.fold for clip in dataset.clips] == [1, 2, 1, 2]
    assert dataset.skipped == sorted([*others, ".git/", "__MACOSX/", "empty/"])
    assert datasets.describe_exceptions(dataset)[0].startswith(
        "skipped 9 entries that are not clips: "
        ".git/, README.md, __MACOSX/, dog/.DS_Store, dog/._1-a.WAV, ..."
    )


def test_folds_as_folders(tmp_path):
    touch(tmp_path, "fold1/dog/a.wav", "fold2/rain/b.wav", "Fold_3/dog/17-c.wav")
    assert datasets.scan_dataset(str(tmp_path)).classes == ["dog", "rain"]
    assert {clip.fold for clip in datasets.scan_dataset(str(tmp_path)).clips} == {1, 2, 3}


def test_class_folders(tmp_path):
    """Other files are skipped; folds are the first digits of names; clips are sorted by path."""
    touch(tmp_path, "rain/1-a.wav", "rain/2-b.flac", "fire/2-c.wav")
    (tmp_path / "README.md").write_text("")
    (tmp_path / "rain" / "notes.txt").write_text("")
    clips, classes = datasets.scan_dataset(str(tmp_path))[:2]
    assert classes == ["fire", "rain"]
    assert clips == [
        Clip(str(tmp_path / name), *rest)
        for name, *rest in (("fire/2-c.wav", 0, 2), ("rain/1-a.wav", 1, 1), ("rain/2-b.flac", 1, 2))
    ]


def test_esc50_layout(tmp_path):
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "esc50.csv").write_text(
        "filename,fold,target,category\n2-b.wav,2,5,rain\n1-a.wav,1,0,dog\n"
    )
    clips, classes = datasets.scan_dataset(str(tmp_path))[:2]
    assert classes == ["dog", "rain"]
    assert clips == [
        Clip(str(tmp_path / "audio/1-a.wav"), 0, 1),
        Clip(str(tmp_path / "audio/2-b.wav"), 1, 2),
    ]
    (tmp_path / "meta" / "esc50.csv").write_text("filename,fold\n2-b.wav,2\n")
    with pytest.raises(
        ValueError,
        match=r"esc50.csv' must have the columns filename, fold \(a number\) and category",
    ):
        datasets.scan_dataset(str(tmp_path))[:2]


def test_folders_that_hold_no_data_set(tmp_path):
    with pytest.raises(ValueError, match="is not a folder"):
        datasets.scan_dataset(str(tmp_path / "none"))[:2]
    with pytest.raises(ValueError, match="holds no sound files"):
        datasets.scan_dataset(str(tmp_path))[:2]
    touch(tmp_path, "rain/1-a.wav")
    with pytest.raises(ValueError, match="one class only, 'rain'"):
        datasets.scan_dataset(str(tmp_path))[:2]
    touch(tmp_path, "fire/a.wav")
    with pytest.raises(ValueError, match="fire/a.wav' must begin with its fold's number"):
        datasets.scan_dataset(str(tmp_path))[:2]
