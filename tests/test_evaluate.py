"""launch.evaluate as its users meet it: files written, rows in order, bad input in one line with nothing written."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from helpers import launched

from audio_texture import audio, quality

ROOT = pathlib.Path(__file__).parents[1]


def run(*command, cwd=None):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd or ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def evaluate(*arguments, cwd=None):
    return (
        run("-m", "launch.evaluate", *arguments, cwd=cwd)
        if cwd
        else launched("evaluate", *arguments)
    )


def noise(seed, seconds=1.5, rate=8000, channels=1):
    return (
        0.1 * np.random.default_rng(seed).standard_normal((channels, round(seconds * rate)))
    ).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    for name, wave, rate in (
        ("reference", noise(0), 8000),
        ("heldout", noise(3), 8000),
        ("other", noise(1, channels=2, rate=11_025), 11_025),
        ("copy", 0.5 * noise(0), 8000),
        ("short", noise(0, 0.5), 8000),
        ("silent", np.zeros((1, 16_000), np.float32), 8000),
    ):
        audio.write(str(tmp_path / f"{name}.wav"), wave, rate)
    (tmp_path / "text.wav").write_text("no sound")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "quality.json").write_text("mine")
    return tmp_path


def test_rows_come_in_the_order_of_the_candidates(folder):
    result = evaluate(
        f"--reference={folder}/reference.wav",
        f"--candidate={folder}/other.wav",
        f"--candidate={folder}/copy.wav",
        f"--heldout={folder}/heldout.wav",
        f"--output_dir={folder}/out",
    )
    assert result.returncode == 0, result.stderr
    rows = json.loads((folder / "out" / "quality.json").read_text())
    assert [row["candidate"] for row in rows] == [f"{folder}/other.wav", f"{folder}/copy.wav"]
    heldout = [f"heldout_{measure}" for measure in quality.MEASURES]
    assert all(list(row) == ["candidate", *quality.MEANINGS, *heldout] for row in rows)
    assert rows[0]["copied"] == 0 and rows[1]["copied"] == 1
    assert rows[1]["auditory"] == pytest.approx(0.5, abs=0.05)
    assert rows[1]["heldout_auditory"] == pytest.approx(1, abs=0.05)
    assert rows[1]["level_db"] == pytest.approx(-6.02, abs=0.05)
    for measure in (*quality.MEANINGS, *heldout):  # a column and a line on what is good
        assert result.stdout.count(measure) >= 2
    page = (folder / "out" / "quality.html").read_text()
    assert page.count("<audio") == 3 and page.count("<img") == 2
    assert "http" not in page.replace("http-equiv", "")  # self-contained
    assert json.loads((folder / "out" / "config.json").read_text())["program"] == "evaluate"

    again = evaluate(
        f"--reference={folder}/reference.wav",
        f"--candidate={folder}/copy.wav",
        f"--output_dir={folder}/out",
    )
    assert again.returncode == 2 and "--overwrite" in again.stderr


def test_no_flags_judge_embedded_sounds(tmp_path):
    result = evaluate(cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    rows = json.loads((tmp_path / "output" / "evaluate" / "quality.json").read_text())
    rain, shaped = (np.mean([np.log(row[measure]) for measure in quality.MEASURES]) for row in rows)
    assert rain < shaped


BAD = [
    (
        ["--reference={}/missing.wav", "--candidate={}/other.wav"],
        ["--reference", "missing.wav", "does not exist"],
    ),
    (
        ["--reference={}/reference.wav", "--candidate={}/text.wav"],
        ["--candidate", "text.wav", "not a sound file"],
    ),
    (
        ["--reference={}/reference.wav", "--candidate={}/short.wav"],
        ["--candidate", "short.wav", "0.5 s", "at least 1 s"],
    ),
    (
        ["--reference={}/silent.wav", "--candidate={}/other.wav"],
        ["--reference", "silent.wav", "silent"],
    ),
    (
        ["--reference={}/reference.wav", "--candidate={}/other.wav", "--output_dir={}/own"],
        ["--output_dir", "'quality.json'", "no earlier run"],
    ),
    (["--reference={}/reference.wav"], ["--candidate"]),
    (["--candidate={}/other.wav"], ["--reference"]),
    (["--heldout={}/heldout.wav"], ["--heldout", "--reference"]),
    (
        ["--reference={}/reference.wav", "--candidate={}/other.wav", "--heldout={}/short.wav"],
        ["--heldout", "short.wav"],
    ),
    (
        ["--reference={}/reference.wav", "--candidate={}/other.wav", "--output_dir={}/text.wav"],
        ["--output_dir", "text.wav"],
    ),
]

# All cases in one process, for JAX takes seconds to import; each begins with every flag at its default.
LOOP = """
import contextlib, io, json, sys
from absl import flags
from launch import cli, evaluate
found = []
for arguments in json.loads(sys.argv[1]):
    for name in flags.FLAGS:
        flags.FLAGS[name].value = flags.FLAGS[name].default
    flags.FLAGS.unparse_flags()
    sys.argv = ["evaluate", *arguments]
    with contextlib.redirect_stderr(io.StringIO()) as complaint:
        try:
            cli.run(evaluate.main)
        except SystemExit as end:
            found.append([end.code, complaint.getvalue()])
print(json.dumps(found))
"""


def test_bad_input_ends_in_one_line_with_nothing_written(folder):
    before = sorted(folder.rglob("*"))
    cases = [
        [f"--output_dir={folder}/out", *(argument.format(folder) for argument in arguments)]
        for arguments, _ in BAD
    ]
    result = run("-c", LOOP, json.dumps(cases))
    assert result.returncode == 0, result.stderr
    for (code, complaint), (arguments, words) in zip(json.loads(result.stdout), BAD, strict=True):
        assert code == 2, arguments
        assert complaint.count("\n") == 1 and all(word in complaint for word in words), complaint
    assert sorted(folder.rglob("*")) == before
