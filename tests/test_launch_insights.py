"""launch.insights as a user runs it."""

import html
import json
import re
import subprocess
from pathlib import Path

import pytest
from helpers import launched

from audio_texture import insights
from launch.insights import NAMES


def run(*arguments: str) -> subprocess.CompletedProcess:
    return launched("insights", *arguments)


def test_names_are_those_of_the_experiments():
    assert tuple(insights.FIGURES) == NAMES


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("insights") / "run"
    (path.parent / "starts.png").write_text("mine")
    done = run("--quick", "--figure=permutation", f"--output_dir={path}")
    assert done.returncode == 0, done.stderr
    assert "permutation: supports" in done.stderr
    return path


@pytest.mark.slow
def test_files_of_a_run(folder):
    """One PNG and one JSON a figure, with all that the verdict rests on; the page has claim, method, rule, figure and verdict."""
    assert {path.name for path in folder.iterdir()} == {
        "config.json",
        "insights.html",
        "permutation.json",
        "permutation.png",
        "files.json",
    }
    found = json.loads((folder / "permutation.json").read_text())
    assert found["verdict"] == "supports" and found["config"] == json.loads(
        (folder / "config.json").read_text()
    )
    assert {row["seed"] for row in found["numbers"]["rows"]} == {0, 1, 2, 3, 4}
    assert insights.FIGURES["permutation"].judge(found["numbers"]).sentence == found["sentence"]
    assert (folder / "permutation.png").read_bytes().startswith(b"\x89PNG")
    page = (folder / "insights.html").read_text()
    assert page.count("data:image/png") == 1 and "<script" not in page
    for text in (found["claim"], found["source"], "Verdict: supports"):
        assert html.escape(text) in page


@pytest.mark.slow
def test_resume_keeps_what_is_done(folder):
    before = (folder / "permutation.json").read_bytes()
    done = run("--quick", "--figure=permutation", f"--output_dir={folder}", "--resume")
    assert done.returncode == 0 and "permutation: done before" in done.stderr
    assert (folder / "permutation.json").read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--figure=everything"], "figure"),
        (["--seeds=4"], "seeds"),
        (["--vgg19=nowhere.pth"], "--vgg19: 'nowhere.pth' cannot be read as weights"),
        (["--data=nowhere"], "--data: 'nowhere' is not a folder"),
        (["--output_dir={folder}"], "--output_dir: .*already holds a run"),
        (
            ["--output_dir={folder}/..", "--figure=starts"],
            "--output_dir: .*holds 'starts.png', which no earlier run",
        ),
        (["--output_dir={folder}", "--resume"], "--resume: .*another configuration: quick"),
    ],
)
def test_bad_input(folder, tmp_path, flags, said):
    """One line, exit status 2, before anything is measured or written."""
    before = sorted(path.name for path in folder.iterdir())
    done = run(f"--output_dir={tmp_path}/out", *(flag.format(folder=folder) for flag in flags))
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
    assert re.search(said, done.stderr)
    assert (
        not (tmp_path / "out").exists() and sorted(path.name for path in folder.iterdir()) == before
    )
