"""launch.train: files in a folder, and one line for every mistake."""

import json
import os
import re
import shutil
import signal
import subprocess
import zipfile
from pathlib import Path

import jax
import numpy as np
import pytest
import soundfile
from helpers import ROOT, command, complaints, launched, run_process

from audio_texture import networks, report, weights
from audio_texture.layer import Layer

SMALL = (
    "--seconds=0.3",
    "--sample_rate=8000",
    "--n_fft=256",
    "--hop_length=128",
    "--bands=12",
    "--width=3",
    "--filters=4",
    "--batch=4",
)


def run(*arguments: str, figures: bool = False) -> subprocess.CompletedProcess:
    return launched("train", *arguments, figures=figures)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Two classes in two folds: low and high tones in noise. A third file is no sound."""
    path = tmp_path_factory.mktemp("train")
    rng = np.random.default_rng(0)
    for name, hertz in (("high", 2500), ("low", 300)):
        (path / "data" / name).mkdir(parents=True)
        for fold in (1, 2):
            for take in range(3):
                tone = np.sin(2 * np.pi * hertz * rng.uniform(0.9, 1.1) * np.arange(2400) / 8000)
                soundfile.write(
                    path / "data" / name / f"{fold}-{take}.wav",
                    0.1 * tone + 0.02 * rng.standard_normal(2400),
                    8000,
                )
    (path / "data" / "low" / "2-broken.wav").write_text("no sound")
    return path


@pytest.fixture(scope="module")
def first_run(folder) -> subprocess.CompletedProcess:
    flags = (
        f"--data={folder}/data",
        f"--cache_dir={folder}/cache",
        f"--output_dir={folder}/first",
        *SMALL,
    )
    done = run(
        *flags,
        "--epochs=6",
        "--seed=1",
        "--learning_rate=0.03",
        "--secondary_classes=2",
        "--shift=0.2",
        "--gain_db=3",
        figures=True,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_files_of_a_run(first_run, folder):
    """accuracy.json, metrics.jsonl and config.json hold what the contract says."""
    out = folder / "first"
    assert {path.name for path in out.iterdir()} == {
        "accuracy.json",
        "report.html",
        "weights.safetensors",
        "metrics.jsonl",
        "config.json",
        "files.json",
    }
    results = json.loads((out / "accuracy.json").read_text())
    assert results["accuracy"] == pytest.approx(np.mean(list(results["folds"].values()))) and set(
        results["folds"]
    ) == {"1", "2"}
    assert results["accuracy"] > 0.9 and results["baseline"] > 0.9 and results["chance"] == 0.5
    assert np.sum(results["confusion"]) == 12 and results["classes"] == ["high", "low"]
    assert (results["clips"], results["skipped"]) == (12, 1)
    assert (
        results["config"] == json.loads((out / "config.json").read_text())
        and results["config"]["settings"]["secondary_classes"] == 2
    )
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [(row["fold"], row["epoch"]) for row in rows] == [
        (fold, epoch) for fold in (1, 2) for epoch in range(1, 7)
    ]
    assert rows[5]["loss"] < rows[0]["loss"]
    assert re.search("skipped: .*2-broken.wav.* not a sound file", first_run.stderr)
    assert "1 of 13 clips cannot be read" in first_run.stderr


def test_untidy_data_set(first_run, folder):
    """Skipped files, lengths and wrong headers are named; a damaged cache is made again."""
    assert "--data: 12 clips, of each 0.3 s (--seconds): all have that length" in first_run.stderr
    data, cache = folder / "untidy", folder / "untidy-cache"
    shutil.copytree(folder / "data", data, ignore=shutil.ignore_patterns("*broken*"))
    shutil.copytree(folder / "cache", cache)
    for entry in cache.rglob("*.npz"):
        entry.write_bytes(entry.read_bytes()[: entry.stat().st_size // 2])
    (data / "high" / ".DS_Store").write_bytes(b"")
    (data / "README.txt").write_text("of mine")
    (data / "low" / "1-0.wav").rename(data / "low" / "1-0.WAV")
    soundfile.write(
        data / "low" / "1-9.wav", 0.1 * np.random.default_rng(1).standard_normal(4000), 8000
    )
    header = bytearray((data / "low" / "1-1.wav").read_bytes())
    header[4:8], header[40:44] = (36).to_bytes(4, "little"), bytes(4)
    (data / "low" / "1-1.wav").write_bytes(header)
    done = run(
        f"--data={data}",
        f"--cache_dir={cache}",
        f"--output_dir={folder}/untidy-out",
        *SMALL,
        "--epochs=1",
    )
    assert done.returncode == 0, done.stderr
    assert "--data: skipped 2 entries that are not clips: README.txt, high/.DS_Store" in done.stderr
    assert (
        "--data: 13 clips, of each 0.3 s (--seconds): 1 longer, of which the beginning is used"
        in done.stderr
    )
    assert re.search("warning: --data: .*1-1.wav' does not say how long it is", done.stderr)
    # All but that of the clip that is another now.
    assert sum(not zipfile.is_zipfile(entry) for entry in cache.rglob("*.npz")) == 1


def test_report_of_a_run(first_run, folder):
    """The page needs no other file; it has both figures, the accuracies and every setting."""
    page = (folder / "first" / "report.html").read_text()
    results = json.loads((folder / "first" / "accuracy.json").read_text())
    assert (
        page.count('<svg role="img"') == 3
        and "src=" not in page.replace('src="data:', "")
        and "<script" not in page
    )
    assert (
        f"Accuracy {results['accuracy']:.3f} over 2 folds of 12 clips" in page
        and "Left out as unreadable: 1." in page
    )
    for fold, accuracy in results["folds"].items():
        number = report.format_number(accuracy)
        assert re.search(f'<tr><td.*?>{fold}</td><td class="number">{number}</td>', page)
    for name, value in {
        "network": "1d-frequency",
        "filters": "4",
        "epochs": "6",
        "learning_rate": "0.03",
        "bands": "12",
        "secondary_classes": "2",
    }.items():
        assert re.search(f"<tr><td>{name}</td><td>{value}</td><td>.{{8,}}?</td></tr>", page), name


def test_weights_are_a_network(first_run, folder):
    """The file alone makes the network again, with notes on its input."""
    path = str(folder / "first" / "weights.safetensors")
    config, variables = weights.load(path)
    assert (config.kind, config.layers, config.channels) == (
        "1d-frequency",
        (Layer(3, 1, 2, 4),),
        12,
    )
    taps = networks.build(config).apply(variables, np.zeros((9, 12), np.float32))
    assert taps["pool_1"].shape == (4, 4)
    assert np.any(variables["batch_stats"]["batchnorm_1"]["mean"])
    notes = weights.read_notes(path)
    assert (notes["held_out"], notes["classes"], notes["front_end"]["bands"]) == (
        2,
        ["high", "low"],
        12,
    )
    assert not jax.tree.all(jax.tree.map(lambda leaf: np.all(np.isnan(leaf)), variables))


@pytest.mark.long
def test_interrupted_and_resumed(first_run, folder):
    """A run that was interrupted and resumed ends with the bits of an uninterrupted run."""
    shutil.copytree(folder / "data", folder / "whole", ignore=shutil.ignore_patterns("*broken*"))
    flags = (f"--data={folder}/whole", f"--cache_dir={folder}/cache", *SMALL, "--epochs=80")
    out = folder / "interrupted"
    process = subprocess.Popen(
        command("train", *flags, f"--output_dir={out}"),
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if line.startswith("fold 1"):
            process.send_signal(signal.SIGINT)
            break
    rest = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=120) == 130, rest
    assert "interrupted after" in rest and not (out / "accuracy.json").exists()
    assert 80 <= len((out / "metrics.jsonl").read_text().splitlines()) < 160

    resumed = run_process("train", *flags, f"--output_dir={out}", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    straight = run_process("train", *flags, f"--output_dir={folder}/straight")
    assert straight.returncode == 0, straight.stderr
    for name in ("weights.safetensors", "accuracy.json"):
        assert (out / name).read_bytes() == (folder / "straight" / name).read_bytes()
    assert not (out / "checkpoint.safetensors").exists()


def test_embedded_sounds(folder):
    """No data set is needed."""
    done = run(
        f"--output_dir={folder}/embedded",
        f"--cache_dir={folder}/cache",
        *SMALL,
        "--epochs=1",
        "--network=2d",
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((folder / "embedded" / "accuracy.json").read_text())[
        "chance"
    ] == pytest.approx(1 / 6)


def bad_inputs(folder: Path) -> dict[str, tuple[list[str], str]]:
    """Returns name of a mistake -> (flags, pattern of the line)."""
    (folder / "nothing").mkdir()
    for name, files in {
        "one": ["rain/1-a.wav"],
        "names": ["rain/a.wav", "fire/1-a.wav"],
        "broken": ["rain/1-a.wav", "fire/1-a.wav", "rain/2-a.wav", "fire/2-a.wav"],
    }.items():
        for file in files:
            (folder / name / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / name / file).write_text("no sound")

    def data(name):
        return [f"--data={folder}/{name}"]

    valid = data("data")
    return {
        "no folder": (data("none"), "--data: .*none' is not a folder"),
        "no audio": (data("nothing"), "--data: .*nothing' holds no sound files"),
        "one class": (data("one"), "--data: .*one class only, 'rain'"),
        "no folds": (data("names"), "--data: .*rain/a.wav' must begin with its fold's number"),
        "a fold without clips": (
            [*valid, "--folds=1,3"],
            "--folds: fold 3 has no clip; there are 1, 2",
        ),
        "folds": ([*valid, "--folds=one"], "--folds: 'one' must be whole numbers"),
        "filters": ([*valid, "--filters=0"], "--filters: .*filters must be at least 1, got 0"),
        "network": ([*valid, "--network=3d"], "network.*3d.*1d-frequency"),
        "epochs": ([*valid, "--epochs=0"], "--epochs must be at least 1, got 0"),
        "learning rate": (
            [*valid, "--learning_rate=nan"],
            "--learning_rate must be above 0, got nan",
        ),
        "bands": ([*valid, "--bands=500"], "--bands must each hold a bin"),
        "seconds": ([*valid, "--seconds=0.01"], "--seconds must be at least"),
        "too deep": ([*valid, "--filters=4,4,4,4,4,4"], "--pool: 1 frames are fewer than the 2"),
        "unwritable": (
            [*valid, f"--output_dir={folder}/data/low/2-broken.wav/out"],
            "--output_dir: ",
        ),
        "a folder of clips": (
            [*valid, f"--output_dir={folder}/clips"],
            "--output_dir: .*holds 'weights.safetensors', which no earlier run",
        ),
        "cache": (
            [*valid, f"--cache_dir={folder}/data/low/2-broken.wav/cache"],
            "--cache_dir: .*cache' cannot be made",
        ),
        "nothing to resume": ([*valid, "--resume"], "--resume"),
        "an earlier run": (
            [*valid, f"--output_dir={folder}/first"],
            "--output_dir: .*already holds a run",
        ),
        "a run of another configuration": (
            [*valid, f"--output_dir={folder}/first", "--resume", "--seed=7"],
            "--resume: .*another one: the settings: epochs was 6 there and is 31 here",
        ),
        "nothing readable": (data("broken"), "--folds: fold 1 has no clip"),
    }


@pytest.mark.slow
def test_bad_input(first_run, folder, tmp_path):
    """One line names flag, value and rule; the exit status is 2 and nothing is written."""
    cases = bad_inputs(folder)
    (folder / "clips").mkdir()
    (folder / "clips/weights.safetensors").write_text("mine")
    before = {path.name: path.read_bytes() for path in (folder / "first").iterdir()}
    runs = []
    for number, (flags, _) in enumerate(cases.values()):
        target = (
            []
            if any(flag.startswith("--output_dir") for flag in flags)
            else [f"--output_dir={tmp_path}/{number}"]
        )
        runs.append([*SMALL, f"--cache_dir={folder}/cache", *flags, *target])
    for number, ((name, (_, pattern)), (status, lines)) in enumerate(
        zip(cases.items(), complaints("train", runs), strict=True)
    ):
        lines = [line for line in lines if "skipped" not in line and "left out" not in line]
        assert len(lines) == 1 and re.search(pattern, lines[0]), f"{name}: {lines}"
        assert status == 2, name
        assert not os.path.exists(tmp_path / str(number)), name
    assert {path.name: path.read_bytes() for path in (folder / "first").iterdir()} == before
