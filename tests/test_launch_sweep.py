"""launch.sweep as a user runs it: plans, batches, folders that are whole, shares, and what goes wrong."""

import csv
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers import complaints, crackle, launched

ROOT = Path(__file__).resolve().parent.parent
# Small enough that a sweep is mostly start-up.
SMALL = (
    "--recipe=texture-fast",
    "--views=mel8@32/8:2",
    "--evaluations=12",
    "--seconds=0.3",
    "--noquality",
)
TWO_BY_TWO = ("--sweep=seed=0,7", "--sweep=sharpness=2,8")
FILES = {"texture.wav", "config.json", "metrics.jsonl", "spectrogram.png", "run.json", "files.json"}


def command(*arguments) -> list[str]:
    return [sys.executable, "-m", "launch.sweep", *map(str, arguments)]


def run(*arguments, **environment) -> subprocess.CompletedProcess:
    # Which flags there are depends on the program that is swept, and that on the arguments at the import.
    if not environment and not any(
        str(argument).startswith("--program=") for argument in arguments
    ):
        return launched("sweep", *arguments)
    return subprocess.run(
        command(*arguments),
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


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
    """Two seeds by two values of a number, which enters the program as data."""
    done = run(f"--input={folder}/crackle.wav", f"--output_dir={folder}/first", *TWO_BY_TWO, *SMALL)
    assert done.returncode == 0, done.stderr
    assert "4 runs over 2 of seed, 2 of sharpness (grid); programs to compile: 1" in done.stderr
    assert re.search(r"4/4 runs, [\d.]+ a minute, 0 s left, 0 failed", done.stderr)
    return folder / "first"


def test_files_of_a_sweep(swept):
    """A folder a run, nothing half-written, a row a run with its values in order."""
    runs = sorted(path for path in swept.iterdir() if path.is_dir())
    assert {path.name for path in swept.iterdir()} - {path.name for path in runs} == {
        "sweep.csv",
        "sweep.html",
        "sweep.json",
        "files.json",
    }
    assert all({path.name for path in one.iterdir()} == FILES for one in runs)
    rows = rows_of(swept)
    assert [row["run"] for row in rows] == [one.name for one in runs]
    assert [(row["seed"], row["sharpness"]) for row in rows] == [
        ("0", "2"),
        ("0", "8"),
        ("7", "2"),
        ("7", "8"),
    ]
    assert len({row["loss"] for row in rows}) == 4 and all(float(row["loss"]) < 0.5 for row in rows)
    page = (swept / "sweep.html").read_text()
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "") and all(
        one.name in page for one in runs
    )


def test_a_run_is_what_launch_texture_makes(swept, folder):
    """To the byte, from the run's config.json: catches numbers of one run that another's program was compiled with."""
    one = sorted(path for path in swept.iterdir() if path.is_dir())[-1]
    again = folder / "again"
    assert (
        launched("texture", f"--config={one}/config.json", f"--output_dir={again}").returncode == 0
    )
    for name in ("texture.wav", "config.json"):
        assert (again / name).read_bytes() == (one / name).read_bytes()
    assert json.loads((one / "config.json").read_text())["recipe"]["sharpness"] == 8


@pytest.mark.long
def test_four_devices_are_as_one(swept, folder):
    """shard_map over four simulated devices, three runs on them and one place filled up; rounding alone may differ."""
    name = sorted(path.name for path in swept.iterdir() if path.is_dir())[0]
    run_again = json.loads((swept / name / "run.json").read_text())
    done = run(
        f"--input={folder}/crackle.wav",
        f"--output_dir={folder}/four",
        "--sweep=seed=0,7,3",
        "--sharpness=2",
        *SMALL,
        XLA_FLAGS="--xla_force_host_platform_device_count=4",
    )
    assert done.returncode == 0, done.stderr
    found = {row["seed"]: float(row["loss"]) for row in rows_of(folder / "four")}
    assert found["0"] == pytest.approx(run_again["loss"], abs=1e-3)
    expected = {
        row["seed"]: float(row["loss"]) for row in rows_of(swept) if row["sharpness"] == "2"
    }
    assert found["7"] == pytest.approx(expected["7"], abs=1e-3) and set(found) == {"0", "7", "3"}


@pytest.mark.slow
def test_transfers_are_swept(folder):
    """Balances share one program; what is kept of the content is in the table, and a run is what launch.transfer makes of its config.json."""
    small = (
        "--recipe=transfer",
        "--views=mel8@32/8:2",
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
    assert "2 runs over 2 of style_weight (grid); programs to compile: 1" in done.stderr
    rows = rows_of(folder / "transfers")
    assert [row["style_weight"] for row in rows] == ["0.3", "3"] and all(
        -1 <= float(row["onsets_kept"]) <= 1 for row in rows
    )
    one, again = folder / "transfers" / rows[-1]["run"], folder / "transfer-again"
    assert (
        launched("transfer", f"--config={one}/config.json", f"--output_dir={again}").returncode == 0
    )
    assert (again / "transfer.wav").read_bytes() == (one / "transfer.wav").read_bytes()


@pytest.mark.long
def test_two_processes_share_the_runs(swept, folder):
    """On the loopback: each makes half, the first one's table has all, and they are the very runs of one process."""
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
            command(*shared, f"--process={i}"), cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        for i in range(2)
    ]
    said = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert all("2/2 runs" in text for text in said)
    assert losses_of(folder / "two") == losses_of(swept)


@pytest.mark.slow
def test_killed_and_resumed(folder):
    """SIGKILL after the second run; then a share that knows nothing of others; then the rest. What was done stays as it was."""
    out = folder / "killed"
    flags = (f"--input={folder}/crackle.wav", f"--output_dir={out}", "--sweep=seed=0:7", *SMALL)
    process = subprocess.Popen(command(*flags), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if line.startswith("2/8"):
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
    """One file of three is none: it is recorded with its message, the others are made and judged, and the status says one failed."""
    sounds = folder / "sounds"
    sounds.mkdir()
    for seed in (1, 2):
        soundfile.write(sounds / f"{seed}.wav", crackle(9000, seed=seed).T, 8000)
    (sounds / "broken.wav").write_text("no sound\n")
    flags = (
        f"--input={sounds}/*.wav",
        f"--output_dir={folder}/failing",
        "--recipe=texture-fast",
        "--views=mel8@32/8:2",
        "--sweep=evaluations=12;",
        "--sweep=seconds=1;",
    )
    done = run(*flags)
    assert done.returncode == 1, done.stderr
    rows = {Path(row["input"]).name: row for row in rows_of(folder / "failing")}
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
            and not rows[name]["error"]
        )
    kept = {path: path.stat().st_mtime_ns for path in (folder / "failing").glob("*/texture.wav")}
    again = run(*flags, "--resume")
    assert again.returncode == 1 and len(rows_of(folder / "failing")) == 3
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
    "range without count": (["--sweep=sharpness=2:4"], "--sweep.*'2:4' lacks how many"),
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
    "program": (["--program=stream"], "program"),
}

# What can be looked at without a process of its own.
SCRIPT = """
import json, time
from launch import cli, sweep, texture

import jax
from absl import flags
from audio_texture import synthesis

def planned(*arguments):
    flags.FLAGS.unparse_flags()
    for name in ("sweep", "shard"):
        flags.FLAGS[name].unparse()
    flags.FLAGS(["launch.sweep", *arguments])
    found = sweep.parameters(texture)
    runs = sweep.plan(found, texture)
    return found, runs, *sweep.grouped(runs, texture)

planned("--seconds=0.3", "--sweep=seed=0:1")
began = time.perf_counter()
found, runs, groups, failures = planned("--sweep=seed=0:99", "--sweep=sharpness=1:16:10:log")
seconds = time.perf_counter() - began
thousand = {"runs": len(runs), "programs": len(groups), "seconds": seconds, "names": len({run.name for run in runs}), "sharpness": found["sharpness"]}
found, runs, groups, failures = planned("--sweep=views=bins@32/8:1,3;mel24@32/8:2,8", "--sweep=seed=1,2", "--sweep=evaluations=5,6", "--sweep=auditory_weight=0,0.1,0.2")
several = {"runs": len(runs), "groups": sorted(map(len, groups.values())), "shares": [[len(part) for part in sweep.own_share(groups, sweep.Share(i, 5, False))] for i in range(5)]}
found, runs, groups, failures = planned("--sweep=seed=1,2", "--sweep=sharpness=2,4", "--sweep_mode=zip")
zipped = [run.values for run in runs]

# Memory for two runs at a time, and one that no memory is enough for.
found, runs, groups, failures = planned("--recipe=texture-fast", "--views=mel8@32/8:2", "--evaluations=2", "--seconds=0.3", "--sweep=seed=0:6", "--batch=5")
sizes, run_batch = [], synthesis.run_batch
def short_of_memory(problems, recipes, keys, **options):
    sizes.append(len(problems))
    if len(problems) > 2 or jax.random.key_data(keys)[-1, -1] == 6 :
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 1 bytes.")
    return run_batch(problems, recipes, keys, **options)
synthesis.run_batch = short_of_memory
(group,), made, lost = groups.values(), [], []
complete = sweep.make(group, texture, None, lambda run, texture, seconds: made.append(run.values["seed"]), lambda run, message: lost.append((run.values["seed"], message)))
print(json.dumps({"thousand": thousand, "several": several, "zipped": zipped, "memory": [complete, sizes, made, lost]}))
"""


@pytest.fixture(scope="module")
def scripted() -> dict:
    """What the script found of plans and memory."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_bad_input(folder, tmp_path):
    """One line that names flag, value and rule; exit status 2; nothing written, not even the folder."""
    # A flag must not be given that is swept.
    short = lambda flags: (
        [] if any("sweep=seconds" in flag for flag in flags) else ["--seconds=0.3"]
    )
    asked = [
        [*short(flags), f"--output_dir={tmp_path}/{number}", *flags]
        for number, (flags, _) in enumerate(BAD.values())
    ]
    for number, ((what, (_, said)), (status, lines)) in enumerate(
        zip(BAD.items(), complaints("sweep", asked), strict=True)
    ):
        assert len(lines) == 1 and re.search(said, lines[0]), f"{what}: {lines}"
        assert status == 2, what
        assert not (tmp_path / str(number)).exists(), what


def test_a_thousand_runs_are_planned_at_once(scripted):
    """In under 2 s on an idle machine; catches sounds read and recipes laid out once a run. Twice that, as others may be at work."""
    found = scripted["thousand"]
    assert (found["runs"], found["programs"], found["names"]) == (1000, 1, 1000) and found[
        "seconds"
    ] < 4
    np.testing.assert_allclose(
        np.array(found["sharpness"], float), np.geomspace(1, 16, 10), rtol=1e-5
    )


def test_plans_group_by_program(scripted):
    """Views and a weight that is 0 make programs; seeds, budgets and other weights do not. Shares hold every run once."""
    several = scripted["several"]
    assert several["runs"] == 24 and several["groups"] == [4, 4, 8, 8]
    assert sum(sum(share) for share in several["shares"]) == 24
    assert all(4 <= sum(share) <= 5 for share in several["shares"])
    assert scripted["zipped"] == [{"seed": "1", "sharpness": "2"}, {"seed": "2", "sharpness": "4"}]


def test_batches_shrink_until_they_fit(scripted):
    """Catches a run that is lost when its batch is halved, and a batch of one that is tried for ever."""
    complete, sizes, made, lost = scripted["memory"]
    assert complete and made == [str(seed) for seed in range(6)]
    assert [seed for seed, _ in lost] == ["6"] and "RESOURCE_EXHAUSTED" in lost[0][1]
    assert sizes[0] == 4 and max(sizes[1:]) <= 4 and sizes[-1] == 1


def test_a_dry_run_writes_nothing(folder):
    done = run("--sweep=seed=0:9", "--sweep=seconds=1,2", "--dry_run", f"--output_dir={folder}/dry")
    assert (
        done.returncode == 0
        and "20 runs over 10 of seed, 2 of seconds (grid); programs to compile: 2" in done.stdout
    )
    assert not (folder / "dry").exists()
