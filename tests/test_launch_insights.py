"""launch.insights: files of a run, resuming, and bad input."""

import html
import json
import re
import subprocess
from pathlib import Path

import pytest
from helpers import launched

from audio_texture import insights


def run(*arguments: str) -> subprocess.CompletedProcess:
    return launched("insights", *arguments)


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
    """A figure has a PNG and a JSON that the verdict rests on; the page shows them."""
    assert {path.name for path in folder.iterdir()} == {
        "config.json",
        "insights.html",
        "permutation.json",
        "permutation.png",
        "files.json",
    }
    result = json.loads((folder / "permutation.json").read_text())
    assert result["verdict"] == "supports" and result["config"] == json.loads(
        (folder / "config.json").read_text()
    )
    assert {row["seed"] for row in result["numbers"]["rows"]} == {0, 1, 2, 3, 4}
    assert (
        insights.load_experiment("permutation").judge(result["numbers"]).sentence
        == result["sentence"]
    )
    assert (folder / "permutation.png").read_bytes().startswith(b"\x89PNG")
    page = (folder / "insights.html").read_text()
    assert page.count("data:image/png") == 1 and "<script" not in page
    for text in (result["claim"], result["source"], "Verdict: supports"):
        assert html.escape(text) in page


@pytest.mark.slow
def test_resume_keeps_finished_figures(folder):
    before = (folder / "permutation.json").read_bytes()
    done = run("--quick", "--figure=permutation", f"--output_dir={folder}", "--resume")
    assert done.returncode == 0 and "permutation: done before" in done.stderr
    assert (folder / "permutation.json").read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "pattern"),
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
        (
            ["--output_dir={folder}", "--resume"],
            "--resume: .*another one: quick was true there and is false here",
        ),
    ],
)
def test_bad_input(folder, tmp_path, flags, pattern):
    """The error is one line with exit status 2, before anything is measured or written."""
    before = sorted(path.name for path in folder.iterdir())
    done = run(f"--output_dir={tmp_path}/out", *(flag.format(folder=folder) for flag in flags))
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
    assert re.search(pattern, done.stderr)
    assert (
        not (tmp_path / "out").exists() and sorted(path.name for path in folder.iterdir()) == before
    )
