"""launch.sweep as a user runs it: plans, batches, whole folders, shares, and bad input."""

import csv
import json
import re
import signal
import socket
import subprocess
from pathlib import Path
from unittest import mock

import jax
import numpy as np
import pytest
import soundfile
from helpers import ROOT, SMALLEST, command, complaints, crackle, launched, run_process

from audio_texture import batch, recipes
from launch import messages, texture_steps
from launch.flag_set import FlagSet
from launch.sweep import plan, program
from launch.sweep import run as sweep_run
from launch.sweep.shares import Share, own_share
from launch.sweep.sweep_flags import Sweep

# Small enough that a sweep is mostly start-up.
SMALL = (*SMALLEST, "--evaluations=12", "--noquality")
TWO_BY_TWO = ("--sweep=seed=0,7", "--sweep=sharpness=2,8")
FILES = {"texture.wav", "config.json", "metrics.jsonl", "spectrogram.png", "run.json", "files.json"}


def run(*arguments, figures: bool = False) -> subprocess.CompletedProcess:
    return launched("sweep", *arguments, figures=figures)


def rows_of(folder: Path) -> list[dict[str, str]]:
    with open(folder / "sweep.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def losses_of(folder: Path) -> dict[str, float]:
    return {row["run"]: float(row["loss"]) for row in rows_of(folder)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("sweep")
    soundfile.write(path / "crackle.wav", crackle(8000).T, 8000)
    return path


@pytest.fixture(scope="module")
def swept(folder) -> Path:
    """Two seeds by two values of a choice that enters the compiled program as a number."""
    flags = (f"--input={folder}/crackle.wav", f"--output_dir={folder}/first", *TWO_BY_TWO, *SMALL)
    done = run(*flags, figures=True)
    assert done.returncode == 0, done.stderr
    assert (
        "4 runs over 2 values of seed, 2 values of sharpness (grid); programs to compile: 1"
        in done.stderr
    )
    assert re.search(r"4 of 4 runs, [\d.]+ a minute, 0 failed", done.stderr)
    return folder / "first"


def test_files_of_a_sweep(swept):
    """A folder a run, nothing half-written, a row a run with its values in order."""
    runs = sorted(path for path in swept.iterdir() if path.is_dir())
    (recording,) = swept.glob("*.flac")
    assert {path.name for path in swept.iterdir()} - {path.name for path in runs} == {
        "sweep.csv",
        "sweep.html",
        "sweep.json",
        "files.json",
        recording.name,
        recording.with_suffix(".png").name,
    }
    assert all({path.name for path in folder.iterdir()} == FILES for folder in runs)
    rows = rows_of(swept)
    assert [row["run"] for row in rows] == [folder.name for folder in runs]
    assert [(row["seed"], row["sharpness"]) for row in rows] == [
        ("0", "2"),
        ("0", "8"),
        ("7", "2"),
        ("7", "8"),
    ]
    assert len({row["loss"] for row in rows}) == 4 and all(float(row["loss"]) < 0.5 for row in rows)
    page = (swept / "sweep.html").read_text()
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert all(folder.name in page for folder in runs)


def test_the_recording_is_played_beside_its_runs(swept, folder):
    """From a file of the sweep's own, once for all four runs, so that the folder can be moved; the
    record lists it, so that --overwrite removes it.
    """
    (recording,) = swept.glob("*.flac")
    wave, rate = soundfile.read(recording)
    original, _ = soundfile.read(folder / "crackle.wav")
    assert rate == 8000 and np.max(np.abs(wave - original)) < 1e-4
    page = (swept / "sweep.html").read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])
    ((key, reference),) = data["references"].items()
    assert all(row["references"] == [key] for row in data["rows"])
    assert reference["title"] == f"reference: {folder.name}/crackle.wav"
    assert reference["sound"] == recording.name and str(folder) not in json.dumps(reference)
    record = json.loads((swept / "files.json").read_text())["files"]
    assert {reference["sound"], reference["picture"]} <= {
        name for name, size in record.items() if size and size == (swept / name).stat().st_size
    }


def test_a_foreign_file_with_the_name_of_a_recording_stays(swept, folder):
    """Nothing is written: the file is not the sweep's."""
    (recording,) = swept.glob("*.flac")
    (folder / "foreign").mkdir()
    (folder / "foreign" / recording.name).write_text("mine")
    flags = (f"--input={folder}/crackle.wav", f"--output_dir={folder}/foreign", *TWO_BY_TWO)
    done = run(*flags, *SMALL)
    assert done.returncode == 2 and f"holds '{recording.name}'" in done.stderr
    assert (folder / "foreign" / recording.name).read_text() == "mine"


def test_a_run_is_what_launch_texture_makes(swept, folder):
    """To the byte, from the run's config.json: catches a run made with the numbers of the run that
    its program was compiled for.
    """
    last = sorted(path for path in swept.iterdir() if path.is_dir())[-1]
    again = folder / "again"
    done = launched("texture", f"--config={last}/config.json", f"--output_dir={again}")
    assert done.returncode == 0, done.stderr
    for name in ("texture.wav", "config.json"):
        assert (again / name).read_bytes() == (last / name).read_bytes()
    assert json.loads((last / "config.json").read_text())["recipe"]["sharpness"] == 8


@pytest.mark.long
def test_four_devices_make_the_runs_of_one(swept, folder):
    """shard_map over four simulated devices, three runs on them and one place filled up: only
    rounding may differ.
    """
    name = sorted(path.name for path in swept.iterdir() if path.is_dir())[0]
    run_again = json.loads((swept / name / "run.json").read_text())
    done = run_process(
        "sweep",
        f"--input={folder}/crackle.wav",
        f"--output_dir={folder}/four",
        "--sweep=seed=0,7,3",
        "--sharpness=2",
        *SMALL,
        XLA_FLAGS="--xla_force_host_platform_device_count=4",
    )
    assert done.returncode == 0, done.stderr
    losses = {row["seed"]: float(row["loss"]) for row in rows_of(folder / "four")}
    assert losses["0"] == pytest.approx(run_again["loss"], abs=1e-3)
    expected = {
        row["seed"]: float(row["loss"]) for row in rows_of(swept) if row["sharpness"] == "2"
    }
    assert losses["7"] == pytest.approx(expected["7"], abs=1e-3) and set(losses) == {"0", "7", "3"}


@pytest.mark.slow
def test_transfers_are_swept(folder):
    """Style weights share one program, measures of the content are in the table, and a run is what
    launch.transfer makes from its config.json.
    """
    small = (
        "--recipe=transfer",
        "--views=bins@32/16:1",
        "--auditory_weight=0",
        "--rhythm_weight=0",
        "--evaluations=6",
    )
    sounds = (f"--content={folder}/crackle.wav", "--style=sound:rain")
    done = run(
        "--program=transfer",
        *sounds,
        *small,
        "--sweep=style_weight=0.3,3",
        f"--output_dir={folder}/transfers",
    )
    assert done.returncode == 0, done.stderr
    assert "2 runs over 2 values of style_weight (grid); programs to compile: 1" in done.stderr
    names = sorted(path.name.split("-")[0] for path in (folder / "transfers").glob("*.flac"))
    assert names == ["content", "style"] and not (folder / "transfers/gallery.png").exists()
    rows = rows_of(folder / "transfers")
    assert [row["style_weight"] for row in rows] == ["0.3", "3"] and all(
        -1 <= float(row["onsets_kept"]) <= 1 for row in rows
    )
    last, again = folder / "transfers" / rows[-1]["run"], folder / "transfer-again"
    done = launched("transfer", f"--config={last}/config.json", f"--output_dir={again}")
    assert done.returncode == 0, done.stderr
    assert (again / "transfer.wav").read_bytes() == (last / "transfer.wav").read_bytes()


@pytest.mark.long
def test_two_processes_share_the_runs(swept, folder):
    """On the loopback: each makes half, the first writes the table of all, and the runs are those
    of one process.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = (
        f"--input={folder}/crackle.wav",
        f"--output_dir={folder}/two",
        *TWO_BY_TWO,
        *SMALL,
        "--distributed",
        f"--coordinator=127.0.0.1:{port}",
        "--processes=2",
    )
    processes = [
        subprocess.Popen(
            command("sweep", *shared, f"--process={i}"), cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        for i in range(2)
    ]
    said = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert all("2/2 runs" in text for text in said)
    assert losses_of(folder / "two") == losses_of(swept)


@pytest.mark.slow
def test_killed_and_resumed(folder):
    """SIGKILL after the second run; then a share that knows nothing of others; then the rest.
    Finished runs stay unchanged.
    """
    out = folder / "killed"
    flags = (f"--input={folder}/crackle.wav", f"--output_dir={out}", "--sweep=seed=0:7", *SMALL)
    process = subprocess.Popen(
        command("sweep", *flags), cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    for line in process.stderr:
        if line.startswith("2 of 8"):
            process.send_signal(signal.SIGKILL)
            break
    process.stderr.close()
    process.wait(timeout=60)
    kept = {path: path.stat().st_mtime_ns for path in out.glob("0*/run.json")}
    assert 2 <= len(kept) < 8
    again = run(*flags)
    assert again.returncode == 2 and "already holds this sweep; give --resume" in again.stderr
    other = run(*flags, "--sharpness=3", "--resume")
    assert other.returncode == 2 and "another sweep" in other.stderr
    share = run(*flags, "--shard=1/2")
    assert share.returncode == 0, share.stderr
    assert {int(row["seed"]) for row in rows_of(out)} >= {4, 5, 6, 7}
    rest = run(*flags, "--resume")
    assert rest.returncode == 0, rest.stderr
    assert sorted(int(row["seed"]) for row in rows_of(out)) == list(range(8))
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    for path in out.glob("0*"):
        assert {file.name for file in path.iterdir()} == FILES
        assert soundfile.info(path / "texture.wav").frames == 2400
    assert not list(out.glob(".0*"))


@pytest.mark.slow
def test_failing_runs_stop_no_other(folder):
    """One file of four is no sound, one has nothing to hold out: their messages are recorded, the
    others are made and judged, by what follows in the recording too, and the status counts two.
    """
    sounds = folder / "sounds"
    sounds.mkdir()
    for seed in (1, 2):
        soundfile.write(sounds / f"{seed}.wav", crackle(18_000, seed=seed).T, 8000)
    soundfile.write(sounds / "short.wav", crackle(8800, seed=3).T, 8000)
    (sounds / "broken.wav").write_text("no sound\n")
    flags = (
        f"--input={sounds}/*.wav",
        "--input_seconds=1.1",
        "--heldout",
        f"--output_dir={folder}/failing",
        "--recipe=texture-fast",
        "--views=bins@32/16:1",
        "--sweep=evaluations=12;",
        "--sweep=seconds=1;",
    )
    done = run(*flags)
    assert done.returncode == 2, done.stderr
    rows = {Path(row["input"]).name: row for row in rows_of(folder / "failing")}
    assert "nothing after the 1.1 s" in rows["short.wav"]["error"]
    assert "not a sound file" in rows["broken.wav"]["error"] and not rows["broken.wav"]["loss"]
    for name in ("1.wav", "2.wav"):
        assert (
            (rows[name]["evaluations"], rows[name]["seconds"])
            == ("12", "1")
            != (rows[name]["spent_evaluations"], rows[name]["spent_seconds"])
        )
        assert (
            0 < float(rows[name]["auditory"]) < 10
            and float(rows[name]["copied"]) < 0.5
            and 0 < float(rows[name]["heldout_subbands"]) < 10
            and not rows[name]["error"]
        )
    # What can be read is played, and what was judged is in the gallery, of each recording once.
    assert len(list((folder / "failing").glob("*.flac"))) == 2
    assert (folder / "failing/gallery.png").read_bytes().startswith(b"\x89PNG")
    assert "gallery.png: recordings and textures" in done.stderr
    kept = {path: path.stat().st_mtime_ns for path in (folder / "failing").glob("*/texture.wav")}
    again = run(*flags, "--resume")
    assert again.returncode == 2 and len(rows_of(folder / "failing")) == 4
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


BAD = {
    "unknown parameter": (
        ["--sweep=sharpnes=2,4"],
        "--sweep.*'sharpnes'.*did you mean 'sharpness'",
    ),
    "no parameter at all": (["--sweep=zzz=2,4"], "--sweep.*'zzz'.*sharpness"),
    "no values": (["--sweep=sharpness"], "--sweep.*'sharpness'.*name=v1,v2"),
    "empty value": (["--sweep=sharpness=2,,4"], "--sweep.*empty value"),
    "value twice": (["--sweep=sharpness=2,2"], "--sweep.*twice"),
    "parameter twice": (["--sweep=seed=1,2", "--sweep=seed=3,4"], "--sweep.*'seed' is swept twice"),
    "no number": (["--sweep=sharpness=2,loud"], "--sweep: sharpness=loud"),
    "value out of range": (["--sweep=seed=-1,2"], "--sweep: seed=-1"),
    "value the recipe rejects": (["--sweep=sharpness=4,-2"], "--sharpness.*above 0.*-2"),
    "view": (["--sweep=views=bins"], "--views.*'bins'"),
    "range without count": (["--sweep=sharpness=2:4"], "--sweep.*'2:4' lacks the number of values"),
    "range downwards": (["--sweep=seed=4:2"], "--sweep.*'4:2'"),
    "range of equals": (["--sweep=seed=4:5:9"], "--sweep.*fewer than 9"),
    "ratios through zero": (["--sweep=sharpness=0:4:3:log"], "--sweep.*one sign"),
    "zip of unequal": (
        ["--sweep=seed=1,2", "--sweep=sharpness=2,4,8", "--sweep_mode=zip"],
        "--sweep_mode.*2 of seed, 3 of sharpness",
    ),
    "no match": (["--input=/nowhere/*.wav"], "--input.*no file matches '/nowhere/\\*.wav'"),
    "missing file": (["--input=/nowhere/a.wav"], "--input.*'/nowhere/a.wav' does not exist"),
    "nothing that can be made": (["--input=sound:thunder"], "--input.*thunder"),
    "too long": (["--sweep=seconds=1e9;"], "--seconds.*1e\\+09"),
    "shard": (["--shard=2/2"], "--shard.*'2/2' must be I/N"),
    "shard and distributed": (["--shard=0/2", "--distributed"], "--shard.*not both"),
    "overwrite and resume": (["--overwrite", "--resume"], "--overwrite"),
    "samples": (["--samples=3"], "--samples"),
    "held out of nothing": (["--heldout", "--seconds=1"], "--heldout: 'sound:fire' is used whole"),
    "held out, too short": (["--heldout"], "--heldout.*--seconds=0.3 .*at least 1 s"),
    "held out unjudged": (["--heldout", "--noquality"], "--heldout: has no effect"),
    "program": (["--program=stream"], "program"),
}


def planned(*arguments: str):
    """The axes, runs, groups and failures of a sweep with these arguments."""
    flag_set = FlagSet()
    program.define_flags(flag_set)
    sweep = Sweep.from_values(*flag_set.parse(arguments))
    axes = plan.find_axes(sweep)
    runs = plan.plan_runs(sweep, axes)
    return axes, runs, *plan.group_runs(runs, sweep.steps), sweep.steps


@pytest.mark.slow
def test_bad_input(folder, tmp_path):
    """One line that names flag, value and rule; exit status 2; nothing written, not even the
    folder.
    """
    asked = []
    for number, (flags, _) in enumerate(BAD.values()):
        # A flag must not be given that is swept.
        swept = any("sweep=seconds" in flag for flag in flags)
        short = [] if swept else ["--seconds=0.3"]
        asked.append([*short, f"--output_dir={tmp_path}/{number}", *flags])
    for number, ((what, (_, said)), (status, lines)) in enumerate(
        zip(BAD.items(), complaints("sweep", asked), strict=True)
    ):
        assert len(lines) == 1 and re.search(said, lines[0]), f"{what}: {lines}"
        assert status == 2, what
        assert not (tmp_path / str(number)).exists(), what


def test_a_thousand_runs_are_planned_at_once():
    """Sounds are read once, and each of the ten recipes is laid out once, and once more for the key
    of their program. Otherwise a plan takes several times as long.
    """
    lay_out = recipes.Recipe.static_config
    with (
        mock.patch.object(texture_steps, "read", wraps=texture_steps.read) as read,
        mock.patch.object(recipes.Recipe, "static_config", autospec=True) as laid_out,
    ):
        laid_out.side_effect = lay_out
        axes, runs, groups, _, _ = planned("--sweep=seed=0:99", "--sweep=sharpness=1:16:10:log")
    assert (len(runs), len(groups), len({run.name for run in runs})) == (1000, 1, 1000)
    assert (read.call_count, laid_out.call_count) == (1, 10 + 1)
    np.testing.assert_allclose(
        np.array(axes["sharpness"], float), np.geomspace(1, 16, 10), rtol=1e-5
    )


def test_plans_group_by_program():
    """Views and a weight that is 0 make programs; seeds, budgets and other weights do not. Shares
    hold every run once.
    """
    _, runs, groups, _, _ = planned(
        "--sweep=views=bins@32/8:1,3;mel24@32/8:2,8",
        "--sweep=seed=1,2",
        "--sweep=evaluations=5,6",
        "--sweep=auditory_weight=0,0.1,0.2",
    )
    assert len(runs) == 24 and sorted(map(len, groups.values())) == [4, 4, 8, 8]
    shares = [own_share(groups, Share(i, 5, False)) for i in range(5)]
    sizes = [sum(map(len, share)) for share in shares]
    assert sum(sizes) == 24 and all(4 <= size <= 5 for size in sizes)
    _, runs, *_ = planned("--sweep=seed=1,2", "--sweep=sharpness=2,4", "--sweep_mode=zip")
    assert [run.values for run in runs] == [
        {"seed": "1", "sharpness": "2"},
        {"seed": "2", "sharpness": "4"},
    ]


def test_batches_shrink_until_they_fit(monkeypatch):
    """Catches a run that is lost when its batch is halved, and a batch of one that is tried for
    ever. Memory is for two runs at a time, and no memory is enough for the last.
    """
    *_, groups, _, steps = planned(*SMALLEST, "--evaluations=2", "--sweep=seed=0:6")
    sizes, made, lost, run_batch = [], [], [], batch.run_batch

    def short_of_memory(problems, keys, **options):
        sizes.append(len(problems))
        if len(problems) > 2 or jax.random.key_data(keys)[-1, -1] == 6:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory.")
        return run_batch(problems, keys, **options)

    monkeypatch.setattr(batch, "run_batch", short_of_memory)
    callbacks = sweep_run.Callbacks(
        done=lambda run, texture, seconds: made.append(run.values["seed"]),
        failed=lambda run, message: lost.append((run.values["seed"], message)),
    )
    messages.begin()
    (group,) = groups.values()
    assert sweep_run.make_group(group, steps, None, callbacks, most=5)
    assert made == [str(seed) for seed in range(6)]
    assert [seed for seed, _ in lost] == ["6"] and "RESOURCE_EXHAUSTED" in lost[0][1]
    assert sizes[0] == 4 and max(sizes[1:]) <= 4 and sizes[-1] == 1


def test_a_dry_run_writes_nothing(folder):
    done = run("--sweep=seed=0:9", "--sweep=seconds=1,2", "--dry_run", f"--output_dir={folder}/dry")
    assert (
        done.returncode == 0
        and "20 runs over 10 values of seed, 2 values of seconds (grid); programs to compile: 2"
        in done.stdout
    )
    assert not (folder / "dry").exists()
