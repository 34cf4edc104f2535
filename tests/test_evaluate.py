"""launch.evaluate: its files, rows in the order of the candidates, one line for bad input."""

import json
import re

import numpy as np
import pytest
from helpers import complaints, crackle, figures_left_out, launched, noise, run_process

from audio_texture import audio, metrics, recipes
from launch import evaluate_steps


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("evaluate")
    for name, wave, rate in (
        ("reference", noise(12_000), 8000),
        ("heldout", noise(12_000, seed=3), 8000),
        ("other", noise(16_537, 2, seed=1), 11_025),
        ("copy", 0.5 * noise(12_000), 8000),
        ("short", noise(4000), 8000),
        ("silent", np.zeros((1, 16_000), np.float32), 8000),
        ("again/other", noise(12_000, seed=1), 8000),
    ):
        (path / name).parent.mkdir(exist_ok=True)
        audio.write(str(path / f"{name}.wav"), wave, rate)
    (path / "text.wav").write_text("no sound")
    (path / "own").mkdir()
    (path / "own" / "quality.json").write_text("mine")
    return path


@pytest.mark.parametrize(
    "config, advice",
    [
        ({"recipe": recipes.named("ctflp").to_json()}, "--recipe=texture, which optimises"),
        ({"recipe": recipes.named("texture").to_json()}, "--evaluations"),
        ({"recipe": recipes.named("prosody").to_json()}, "--evaluations"),
        ({"recipe": {"name": "mine"}}, "--evaluations"),
        (["no configuration"], "--evaluations"),
    ],
    ids=["in one pass", "optimised", "a transfer", "broken", "another file"],
)
def test_advice_fits_the_run_that_made_the_candidate(tmp_path, config, advice):
    """What was made in one pass has no evaluations to raise."""
    (tmp_path / "config.json").write_text(json.dumps(config))
    path, pulses = str(tmp_path / "texture.wav"), crackle(12_000)[:1]
    audio.write(path, pulses, 8000)
    sounds = evaluate_steps.Sounds(("reference", noise(12_000), 8000), [(path, pulses, 8000)])
    (result,) = evaluate_steps.give_verdicts(sounds, evaluate_steps.measure(sounds))
    assert result.name == "texture.wav" and advice in result.verdict.describe()


@pytest.fixture(scope="module")
def judged(folder):
    """A run on two candidates."""
    done = launched(
        "evaluate",
        f"--reference={folder}/reference.wav",
        f"--candidate={folder}/other.wav",
        f"--candidate={folder}/copy.wav",
        f"--heldout={folder}/heldout.wav",
        f"--output_dir={folder}/out",
        figures=True,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_rows_come_in_the_order_of_the_candidates(judged, folder):
    rows = json.loads((folder / "out" / "quality.json").read_text())
    assert [row["candidate"] for row in rows] == [f"{folder}/other.wav", f"{folder}/copy.wav"]
    heldout = [f"heldout_{name}" for name in (*metrics.MEASURES, *metrics.JUDGES)]
    assert all(list(row) == ["candidate", *metrics.MEANINGS, *heldout] for row in rows)
    assert rows[0]["copied"] == 0 and rows[1]["copied"] == 1
    assert rows[1]["auditory"] == pytest.approx(0.5, abs=0.05)
    assert rows[1]["heldout_auditory"] == pytest.approx(1, abs=0.05)
    assert rows[1]["level_db"] == pytest.approx(-6.02, abs=0.05)
    # A column, and a line on what is good.
    for measure in (*metrics.MEANINGS, *heldout):
        assert judged.stdout.count(measure) >= 2


def test_the_verdicts_are_said_and_stand_first(judged, folder):
    """A line a candidate on standard error, with the program whose flags it names; the same words
    first in the page, with the scale, and all measures.
    """
    other, copy = judged.stderr.splitlines()[-2:]
    assert other.startswith("other.wav: ") and "like the recording" in other
    assert copy.startswith("copy.wav: ") and "not new (100% copied" in copy
    assert "With launch.texture, try " in copy
    page = (folder / "out" / "quality.html").read_text()
    heading, first = re.findall(r"<section><h2>(.*?)</h2>(.*?)</section>", page, re.DOTALL)[0]
    assert heading == "Verdict" and "not new (100% copied" in first
    assert "lower is better" in first and "heldout_auditory" in first


def test_candidates_of_one_name_are_told_apart(folder):
    """By as many of their folders as it takes, on standard error and in the page, where one can be
    chosen by its path.
    """
    paths = [f"{folder}/other.wav", f"{folder}/again/other.wav"]
    values = {"reference": f"{folder}/reference.wav", "candidate": paths, "heldout": None}
    sounds = evaluate_steps.read_sounds(values)
    judged = evaluate_steps.give_verdicts(
        sounds, [{"candidate": path, "copied": 0.0} for path in paths]
    )
    names = [f"{folder.name}/other.wav", "again/other.wav"]
    assert [result.name for result in judged] == names
    with figures_left_out():
        page = evaluate_steps.render_page(sounds, judged)
    assert re.findall(r'data-title="(.*?)"', page) == ["reference: reference.wav", *names]
    assert re.findall(r'data-choice="(.*?)"', page) == paths


def test_the_page_stands_alone(judged, folder):
    page = (folder / "out" / "quality.html").read_text()
    assert page.count("<audio") == 3
    # A spectrogram each, levels and onsets.
    assert page.count("<svg") == 3 + 2
    assert "http" not in page.replace("http-equiv", "")
    assert json.loads((folder / "out" / "config.json").read_text())["program"] == "evaluate"


def test_an_earlier_run_is_not_replaced(judged, folder):
    done = launched(
        "evaluate",
        f"--reference={folder}/reference.wav",
        f"--candidate={folder}/copy.wav",
        f"--output_dir={folder}/out",
    )
    assert done.returncode == 2 and "--overwrite" in done.stderr


def test_no_flags_judge_embedded_sounds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = launched("evaluate")
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "output" / "evaluate" / "quality.json").read_text())
    rain, shaped = (np.mean([np.log(row[measure]) for measure in metrics.MEASURES]) for row in rows)
    assert rain < shaped


def test_a_process_ends_with_the_status():
    """Catches a program that only works when another module calls it."""
    done = run_process("evaluate", "--candidate=missing.wav")
    assert done.returncode == 2 and done.stderr.startswith("error: --reference and --candidate")


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


def test_bad_input_ends_in_one_line_with_nothing_written(folder):
    before = sorted(folder.rglob("*"))
    cases = [
        [f"--output_dir={folder}/new", *(argument.format(folder) for argument in arguments)]
        for arguments, _ in BAD
    ]
    answers = complaints("evaluate", cases)
    for (status, lines), (arguments, words) in zip(answers, BAD, strict=True):
        assert status == 2, arguments
        assert len(lines) == 1 and all(word in lines[0] for word in words), lines
    assert sorted(folder.rglob("*")) == before
