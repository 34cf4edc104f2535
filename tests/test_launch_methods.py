"""Recipes that make their sound in one pass, and sweeps over all recipes, as a user runs them."""

import csv
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers import complaints, crackle, launched
from speech_like import make_speech

from audio_texture import audio, recipes
from launch import memory
from launch.sweep import methods

RATE = 8000


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("methods")
    soundfile.write(path / "one.wav", crackle(RATE, seed=1, level=0.1).T, RATE)
    soundfile.write(path / "two.wav", crackle(RATE, seed=2, level=0.1).T, RATE)
    return path


# ---------------------------------------------------------------- launch.texture, launch.transfer


def test_a_texture_in_one_pass(folder):
    """The files of every run; a page with a verdict and no loss; nothing said of compiling."""
    out = folder / "one_pass"
    flags = (f"--input={folder}/one.wav", "--recipe=shuffled-grains", "--grain_ms=400")
    done = launched("texture", *flags, "--seconds=1.5", f"--output_dir={out}", figures=True)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in out.iterdir()} == {
        *("texture.wav", "config.json", "metrics.jsonl", "report.html", "files.json")
    }
    assert "compiling" not in done.stderr and "texture.wav: done\n" in done.stderr
    assert "report.html: the verdict, players and spectrograms\n" in done.stderr
    assert re.search(r"Try --recipe=texture, which optimises\n", done.stderr)
    page = (out / "report.html").read_text()
    assert "made in one pass." in page and ">Loss<" not in page and "grain_ms" in page
    wave, rate = audio.read(str(out / "texture.wav"))
    assert wave.shape == (1, 12000) and rate == RATE


def test_a_configuration_makes_the_samples_again(folder):
    out, again = folder / "first", folder / "again"
    flags = (f"--input={folder}/one.wav", "--recipe=ctflp", "--ctflp_order=12", "--seed=5")
    launched("texture", *flags, "--seconds=0.5", f"--output_dir={out}")
    done = launched("texture", f"--config={out}/config.json", f"--output_dir={again}")
    assert done.returncode == 0, done.stderr
    assert (out / "texture.wav").read_bytes() == (again / "texture.wav").read_bytes()
    assert json.loads((again / "config.json").read_text())["recipe"]["ctflp_order"] == 12


def test_samples_that_are_there_are_kept(folder):
    """--resume makes the one that is missing, as it does for all recipes."""
    out = folder / "samples"
    flags = (f"--input={folder}/one.wav", "--recipe=phase-randomised", "--seconds=0.5")
    launched("texture", *flags, "--samples=3", f"--output_dir={out}")
    bytes_before = [(out / f"texture_{i}.wav").read_bytes() for i in range(3)]
    (out / "texture_1.wav").unlink()
    done = launched("texture", f"--output_dir={out}", "--resume")
    assert done.returncode == 0, done.stderr
    assert [(out / f"texture_{i}.wav").read_bytes() for i in range(3)] == bytes_before
    assert len(set(bytes_before)) == 3


def test_help_has_the_flags_of_the_method():
    """And none that the run would refuse."""
    shown = launched("texture", "--recipe=descriptor-grains", "--help").stdout
    assert "  --path=TEXT " in shown and "  --grain_ms=N " in shown
    assert not any(flag in shown for flag in ("--evaluations", "--novelty", "--time_scale"))
    shown = launched("transfer", "--recipe=prosody", "--help").stdout
    assert "  --prosody_energy=N" in shown and "  --seed" not in shown


def test_another_recipe_with_a_method(folder):
    """Nothing is said of networks that are not used; the advice is not what the run already was."""
    flags = (f"--input={folder}/one.wav", "--method=shuffled-grains", "--seconds=1.5")
    done = launched("texture", *flags, "--time_scale=2", f"--output_dir={folder}/other")
    assert done.returncode == 2 and "--time_scale: has no effect here" in done.stderr
    done = launched("texture", *flags, f"--output_dir={folder}/other", figures=True)
    assert done.returncode == 0, done.stderr
    assert "networks" not in done.stderr
    assert "Try --method=optimise, which optimises\n" in done.stderr


def test_a_transfer_in_one_pass(folder):
    """Its files, and measures of content and style, without style weights; no advice to change a
    seed, which nothing is drawn from.
    """
    for name, pitch in (("low", 110.0), ("high", 180.0)):
        voice = make_speech(lambda time, hz=pitch: hz + 20 * time, lambda time: 6 * time, rate=RATE)
        soundfile.write(folder / f"{name}.wav", voice.T, RATE)
    out = folder / "transfer"
    sounds = (f"--content={folder}/low.wav", f"--style={folder}/high.wav")
    done = launched("transfer", "--recipe=prosody", *sounds, f"--output_dir={out}", figures=True)
    assert done.returncode == 0, done.stderr
    rows = json.loads((out / "quality.json").read_text())
    assert [row["candidate"] for row in rows] == ["content", "transfer.wav", "style"]
    assert "transfer.wav: done\n" in done.stderr and "loss" not in done.stderr
    assert "Try --recipe=transfer, which optimises\n" in done.stderr


def test_mistakes_are_one_line(folder, tmp_path):
    """The flag, the value and the rule; status 2; nothing is written."""
    sound, out = f"--input={folder}/one.wav", f"--output_dir={tmp_path}/none"
    cases = {
        ("--recipe=ctflp", "--evaluations=9"): "--evaluations: has no effect here: the recipe "
        "makes its sound in one pass",
        ("--recipe=ctflp", "--grain_ms=9"): "--grain_ms: has no effect here: it is for the recipes "
        "shuffled-grains, descriptor-grains",
        ("--recipe=ctflp", "--max_seconds=9"): "--max_seconds: has no effect here: the recipe opt",
        ("--recipe=texture", "--path=loudness:-9,0"): "--path: has no effect here: it is for the r",
        ("--recipe=shuffled-grains", "--grain_ms=0"): "--grain_ms must be above 0",
        ("--recipe=descriptor-grains", "--path=loudnes:-9,0"): "--path names no descriptor 'loudn",
        ("--recipe=wavelet-tree", "--tree_threshold=-1"): "--tree_threshold must be at least 0",
        ("--recipe=wavelet-tree", "--tree_predecessors=101"): "--tree_predecessors must be at most",
        ("--recipe=ctflp", f"--input={folder}/two.wav"): "--recipe: a mixture needs a recipe that",
        ("--recipe=prosody",): "--recipe: 'prosody' is for launch.transfer",
    }
    for flags, message in cases.items():
        ((status, lines),) = complaints("texture", [[sound, out, *flags]])
        assert status == 2 and len(lines) == 1 and lines[0].startswith(f"error: {message}"), lines
    for program in ("stream", "generate"):
        ((status, lines),) = complaints(program, [[sound, out, "--recipe=ctflp"]])
        assert status == 2 and "needs a recipe that optimises" in lines[0], lines
    ((status, lines),) = complaints("transfer", [["--recipe=ctflp", out]])
    assert status == 2 and lines[0].startswith("error: --recipe: the style of a transfer needs")
    assert not (tmp_path / "none").exists()


# ---------------------------------------------------------------- launch.sweep --sweep=recipe=all


def rows_of(folder: Path) -> list[dict[str, str]]:
    with open(folder / "sweep.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_plan_has_every_recipe(folder):
    """For each input, and none of another task."""
    inputs = [f"--input={folder}/{name}.wav" for name in ("one", "two")]
    done = launched("sweep", "--sweep=recipe=all", *inputs, "--dry_run")
    assert done.returncode == 0, done.stderr
    count = len(recipes.names("texture"))
    assert f"{2 * count} runs over 2 values of input, {count} values of recipe" in done.stdout
    lines = done.stdout.splitlines()
    in_one_pass = [name for name in recipes.names("texture") if recipes.named(name).is_direct]
    assert f"programs to compile: {count - len(in_one_pass)}\n" in done.stdout
    for name in recipes.names("texture"):
        pattern = rf"(program \d+|in one pass): 2 runs .* recipe {name}( \(.*\))?, over input"
        (line,) = (line for line in lines if re.fullmatch(pattern, line))
        assert line.startswith("in one pass: ") == (name in in_one_pass), line
        assert ("(" in line) == (name in recipes.CPU_SIZES), line
    done = launched("sweep", "--program=transfer", "--sweep=recipe=all", "--dry_run")
    assert f"{len(recipes.names('transfer'))} runs over" in done.stdout, done.stderr


@pytest.fixture(scope="module")
def compared(folder) -> Path:
    """A sweep over four of the recipes for two sounds; `all` of them would compile for minutes."""
    chosen = ["infinite-width", "shuffled-grains", "phase-randomised", "paper-1d"]
    sizes = {"paper-1d": {"filters": 8, "evaluations": 3}}
    out = folder / "compared"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(methods, "names", lambda sweep: chosen)
        patch.setattr(recipes, "CPU_SIZES", sizes)
        done = launched(
            "sweep",
            "--sweep=recipe=all",
            *(f"--input={folder}/{name}.wav" for name in ("one", "two")),
            *("--seconds=1", f"--sample_rate={RATE}", "--phase_iterations=3", "--grain_ms=400"),
            f"--output_dir={out}",
        )
    assert done.returncode == 0, done.stderr
    return out


def test_a_row_has_measures_costs_and_size(compared):
    """Every method by the same measures; what is smaller than published says so."""
    rows = rows_of(compared)
    assert len(rows) == 8
    for row in rows:
        numbers = [float(row[name]) for name in ("likeness", "followed", "copied", "subbands")]
        assert all(np.isfinite(numbers)) and float(row["spent_seconds"]) > 0
        assert float(row["spent_prepare_seconds"]) >= 0 and not row["error"]
        ratios = [float(row[name]) for name in "auditory patches structure rhythm subbands".split()]
        assert float(row["likeness"]) == pytest.approx(np.exp(np.mean(np.log(ratios))))
    sizes = {row["recipe"]: row["size"] for row in rows}
    assert sizes.pop("paper-1d") == "filters 8 of 4096, evaluations 3 of 500"
    assert set(sizes.values()) == {""}
    copied = {row["recipe"]: float(row["copied"]) for row in rows}
    assert copied["shuffled-grains"] > 0.3 > copied["phase-randomised"]


def test_the_command_of_a_row_makes_its_sound(compared, tmp_path):
    """With the sizes of a CPU, and without the flags that the recipe does not take."""
    for row in rows_of(compared)[::2]:
        words = shlex.split(row["command"])
        assert words[1:3] == ["-m", "launch.texture"], words
        assert ("--grain_ms=400.0" in words) == (row["recipe"] == "shuffled-grains")
        out = tmp_path / row["run"]
        done = launched("texture", *words[3:], f"--output_dir={out}")
        assert done.returncode == 0, done.stderr
        made = (compared / row["run"] / "texture.wav").read_bytes()
        assert (out / "texture.wav").read_bytes() == made, row["recipe"]


def test_given_flags_stand_before_the_sizes_of_a_cpu(folder):
    """--evaluations is the user's for every recipe; the filters stay small."""
    out = folder / "given"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(methods, "names", lambda sweep: ["paper-1d"])
        flags = ("--sweep=recipe=all", "--evaluations=2", "--phase_iterations=2", "--seconds=0.3")
        done = launched(
            "sweep", *flags, f"--input={folder}/one.wav", "--noquality", f"--output_dir={out}"
        )
    assert done.returncode == 0, done.stderr
    (row,) = rows_of(out)
    filters = recipes.CPU_SIZES["paper-1d"]["filters"]
    assert row["size"] == f"filters {filters} of 4096" and row["spent_evaluations"] == "2"


def test_sizes_are_choices_of_their_recipes():
    """Each makes a valid recipe, smaller in every choice."""
    for name, sizes in recipes.CPU_SIZES.items():
        full = recipes.named(name)
        small = full.replace(**sizes)
        assert small != full and all(
            small.choice(choice) < full.choice(choice) for choice in sizes if choice != "views"
        ), name


def test_peak_memory_is_of_what_was_done():
    """A hundred megabytes that were held for a moment, and again nothing."""
    peak = memory.PeakMemory()
    if peak.megabytes() is None:
        pytest.skip("this system does not tell a process's memory.")
    held = np.ones(25_000_000, np.float32)
    assert held.sum() == 25_000_000
    del held
    assert 80 < peak.megabytes() < 200
    assert memory.PeakMemory().megabytes() < 50


def test_memory_that_is_used_again_counts():
    """Small blocks stay with the process when they are freed; the second run shows them too."""

    def peak_of_blocks():
        peak = memory.PeakMemory()
        blocks = [bytearray(30_000) for _ in range(2000)]
        # The last one keeps what lies before it from being given back.
        return peak.megabytes(), blocks[-1]

    (first, _kept), (second, _) = peak_of_blocks(), peak_of_blocks()
    if first is None:
        pytest.skip("this system does not tell a process's memory.")
    assert second == pytest.approx(first, abs=15) and second > 30
