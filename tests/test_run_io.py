"""run_io.py, output.py: a program removes and replaces its own files alone, and a result that
cannot be written goes elsewhere.
"""

import json
import os
import resource
import shutil

import numpy as np
import pytest
import soundfile
from helpers import noise

from audio_texture import audio, files, optimize
from launch import records, run_io, runs
from launch.errors import UserError

NAMES = ("config.json", "texture.wav", "report.html")


def made(folder, *, program="texture", names=NAMES, folders=()):
    """A folder of an earlier run."""
    folder.mkdir()
    output = run_io.claim(str(folder), None, program=program, first={}, folders=folders)
    for name in names:
        output.write_text(name, f"the run's {name}")
    return output


def check(folder, **options):
    return run_io.check_output_folder(str(folder), names=NAMES, **options)


def contents(folder):
    return {
        str(path.relative_to(folder)): path.is_file() and path.read_bytes()
        for path in folder.rglob("*")
    }


def test_only_what_the_record_lists_is_removed(tmp_path):
    """Catches clearing by glob: recordings with names that look like the program's, its old partial
    names, folders.
    """
    made(tmp_path / "u")
    for name in (
        "texture_rain.wav",
        "texture.backup.wav",
        "texture.partial.wav",
        "checkpoint",
        "notes.txt",
        ".texture.wav.partial",
    ):
        (tmp_path / "u" / name).write_text("mine")
    (tmp_path / "u" / ".texture.wav.0123abcd.partial").write_text("left by a kill")
    record = check(tmp_path / "u", overwrite=True)
    run_io.claim(str(tmp_path / "u"), record, program="texture", first={"config.json": {}})
    left = {name for name, data in contents(tmp_path / "u").items() if data != b"mine"}
    assert left == {"config.json", "files.json"} and len(contents(tmp_path / "u")) == 8


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["file", "folder", "dangling link"])
def test_a_users_file_is_never_replaced(tmp_path, name, kind):
    """With --overwrite too, and whether a run was here before or not."""
    folder = tmp_path / "u"
    made(folder, names=[other for other in NAMES if other != name])
    make = {
        "file": lambda path: path.write_text("mine"),
        "folder": lambda path: path.mkdir(),
        "dangling link": lambda path: path.symlink_to("nowhere"),
    }
    make[kind](folder / name)
    before = contents(folder)
    with pytest.raises(
        UserError, match=f"--output_dir: .*holds '{name}', which no earlier run here lists"
    ):
        check(folder, overwrite=True)
    if name != "config.json":
        with pytest.raises(UserError, match=f"holds '{name}'"):
            check(folder, resume=True)
    assert contents(folder) == before


@pytest.mark.parametrize(
    "way", ["itself", "relative", "symbolic link", "hard link", "linked folder"]
)
def test_an_input_is_never_replaced(tmp_path, monkeypatch, way):
    """By whatever path it is named, also where it is the result of an earlier run in the same
    folder.
    """
    folder = tmp_path / "u"
    made(folder)
    sound, other = folder / "texture.wav", tmp_path / "other.wav"
    monkeypatch.chdir(folder)
    if way == "symbolic link":
        other.symlink_to(sound)
    elif way == "hard link":
        os.link(sound, other)
    elif way == "linked folder":
        (tmp_path / "v").symlink_to(folder)
    named = {
        "itself": sound,
        "relative": "texture.wav",
        "linked folder": tmp_path / "v" / "texture.wav",
    }.get(way, other)
    for path in (folder, "."):
        with pytest.raises(UserError, match="'texture.wav' there is .*, which this run reads"):
            run_io.check_output_folder(
                str(path), names=("config.json",), inputs=[str(named)], overwrite=True
            )
    assert sound.read_text() == "the run's texture.wav"


def test_a_sweeps_folders_are_cleared_by_their_own_records(tmp_path):
    """A user's file in a run's folder stays, and so does its folder; links lead nowhere."""
    top = tmp_path / "s"
    output = made(top, program="sweep", names=("sweep.json",), folders=("00000-a", "00001-b"))
    for name in output.record.folders:
        made(top / name)
    (top / "00001-b" / "notes.txt").write_text("mine")
    record = run_io.check_output_folder(
        str(top), names=("sweep.json",), folders={"00002-c": NAMES}, overwrite=True
    )
    run_io.claim(str(top), record, program="sweep", first={"sweep.json": {}}, folders=["00002-c"])
    assert set(contents(top)) == {"files.json", "sweep.json", "00001-b", "00001-b/notes.txt"}


def test_a_link_in_place_of_a_runs_folder_is_refused(tmp_path):
    """Catches another run's files being removed through it."""
    top = tmp_path / "s"
    made(top, program="sweep", names=("sweep.json",), folders=("00000-a",))
    made(tmp_path / "elsewhere")
    (top / "00000-a").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="holds '00000-a'"):
        run_io.check_output_folder(
            str(top), names=("sweep.json",), folders={"00000-a": NAMES}, overwrite=True
        )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"program": "texture"}',
        '{"program": "texture", "files": {"../a.wav": 3}, "folders": []}',
        '{"program": "texture", "files": {"a.wav": -1}, "folders": []}',
        '{"program": "texture", "files": {"a.wav": true}, "folders": []}',
        '{"program": "texture", "files": {}, "folders": [".."]}',
        '{"program": "texture", "files": {"/etc/a": 1}, "folders": []}',
        '{"my": "own"}',
    ],
)
def test_a_record_that_cannot_be_trusted_ends_in_a_line(tmp_path, text):
    """Torn, or leading out of the folder: nothing is touched."""
    folder = tmp_path / "u"
    folder.mkdir()
    (folder / "files.json").write_text(text)
    for options in ({}, {"overwrite": True}, {"resume": True}):
        with pytest.raises(
            UserError, match="--output_dir: .*files.json' is damaged or not a record of a run"
        ):
            check(folder, **options)


def test_runs_of_older_versions(tmp_path):
    """A config.json without a record: a run holds the folder, and --overwrite would replace what
    nothing lists.
    """
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="already holds a run"):
        check(tmp_path)
    with pytest.raises(UserError, match="holds 'config.json'"):
        check(tmp_path, overwrite=True)
    with pytest.raises(UserError, match="--resume: .*holds no run to go on with"):
        check(tmp_path, resume=True)


# ---------------------------------------------------------------- what cannot be written


def sound(folder, record=None):
    output = run_io.claim(
        str(folder), record, program="texture", first={"config.json": {"seed": 1}}
    )
    return output, lambda name="texture.wav": output.write_sound(name, noise(800), 8000)


def test_the_folder_is_gone(tmp_path, capsys):
    """Deleted while the run was computing: it is made again, with the sound and the record under
    their names.
    """
    output, write = sound(tmp_path / "a" / "b")
    shutil.rmtree(tmp_path / "a")
    assert write() == str(tmp_path / "a" / "b" / "texture.wav")
    assert output.failed and "texture.wav" in capsys.readouterr().err
    assert audio.read(str(tmp_path / "a/b/texture.wav"))[0].shape == (1, 800)
    assert records.read_record(str(tmp_path / "a/b")).files["texture.wav"] == os.path.getsize(
        tmp_path / "a/b/texture.wav"
    )
    assert json.loads((tmp_path / "a/b/config.json").read_text()) == {"seed": 1}


def test_the_folder_became_a_file(tmp_path, capsys):
    """Then the nearest folder takes the sound, over no other file."""
    output, write = sound(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    (tmp_path / "out").write_text("mine")
    (tmp_path / "texture-rescued.wav").write_text("mine too")
    where = write()
    assert (
        where == str(tmp_path / "texture-rescued-1.wav")
        and where in capsys.readouterr().err
        and output.failed
    )
    assert (
        audio.read(where)[0].shape == (1, 800)
        and (tmp_path / "texture-rescued.wav").read_text() == "mine too"
    )


def test_the_format_is_the_trouble(tmp_path, monkeypatch, capsys):
    """An error of libsndfile in the format asked for: a wav of floats in the same folder."""
    output, write = sound(tmp_path / "out")
    original = soundfile.SoundFile

    def failing(*arguments, **options):
        if options.get("format") == "FLAC":
            raise soundfile.LibsndfileError(1)
        return original(*arguments, **options)

    monkeypatch.setattr(soundfile, "SoundFile", failing)
    where = write("texture.flac")
    assert (
        where == str(tmp_path / "out" / "texture-rescued.wav")
        and soundfile.info(where).subtype == "FLOAT"
    )
    assert where in capsys.readouterr().err and output.failed
    np.testing.assert_allclose(audio.read(where)[0], noise(800))


def test_a_sound_goes_beside_a_full_disk(tmp_path, monkeypatch, capsys):
    """Renames into the folder fail as on a full disk; the working directory takes the sound, and no
    half of it is left.
    """
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    output, write = sound(tmp_path / "disk" / "out")
    replace = os.replace

    def full(source, target):
        if str(tmp_path / "disk") in os.path.abspath(target) or os.path.dirname(target) == str(
            tmp_path
        ):
            raise OSError(28, "No space left on device")
        return replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    monkeypatch.setattr(
        os,
        "makedirs",
        lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left on device")),
    )
    where = write()
    assert os.path.realpath(where) == str(tmp_path / "work" / "texture-rescued.wav")
    said = capsys.readouterr().err
    assert "No space left on device" in said and where in said
    assert set(os.listdir(tmp_path / "disk" / "out")) == {"config.json", "files.json"}


def test_no_place_takes_a_file(tmp_path, capsys):
    """A limit on the size of every file: one line, no traceback, nothing half-written."""
    output, _ = sound(tmp_path / "out")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        where = output.write_sound("texture.wav", noise(80_000), 8000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert where is None and output.failed
    assert "cannot be written" in capsys.readouterr().err.splitlines()[-1]
    assert set(os.listdir(tmp_path / "out")) == {"config.json", "files.json"}


def test_metrics_that_cannot_be_written_stop_no_run(tmp_path, monkeypatch, capsys):
    """A full disk during the run: one warning, however many chunks there are, and the rows stay at
    hand for the report.
    """
    output, _ = sound(tmp_path / "out")
    metrics = runs.Metrics(output)
    monkeypatch.setattr(
        os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    for evaluations in (25, 50):
        metrics.write(0, [optimize.ProgressRow(evaluations, 1.0, 0.5, {})])
    assert capsys.readouterr().err.count("metrics.jsonl") == 1 and output.failed
    assert [row["evaluations"] for row in metrics.rows] == [50]


def test_a_file_that_appeared_meanwhile_stays(tmp_path, capsys):
    """A user's file with a result's name, put there after the check."""
    output, write = sound(tmp_path / "out")
    (tmp_path / "out" / "texture.wav").write_text("mine")
    assert write() == str(tmp_path / "out" / "texture-rescued.wav")
    assert (tmp_path / "out" / "texture.wav").read_text() == "mine"
    assert "texture.wav" not in records.read_record(str(tmp_path / "out")).files


def test_names_enter_the_record_before_their_files(tmp_path, monkeypatch):
    """A kill while a file is written leaves nothing that a later --overwrite would not know."""
    output, write = sound(tmp_path / "out")
    seen = []
    original = audio.write
    monkeypatch.setattr(
        audio,
        "write",
        lambda *arguments, **options: (
            seen.append(records.read_record(str(tmp_path / "out")).files),
            original(*arguments, **options),
        ),
    )
    write()
    assert seen[0]["texture.wav"] is None and output.is_whole("texture.wav")
    files.write_bytes(str(tmp_path / "out" / "texture.wav"), b"cut")
    assert not output.is_whole("texture.wav")
