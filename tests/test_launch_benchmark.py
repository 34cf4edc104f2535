"""launch.benchmark as a user runs it."""

import json
import os
import subprocess

import pytest
from helpers import launched, run_process

from launch import benchmark_cases


def run(*arguments: str) -> subprocess.CompletedProcess:
    # These programs run for longer than they are compiled.
    return run_process(
        "benchmark", *arguments, timeout=600, JAX_DISABLE_MOST_OPTIMIZATIONS="0", XLA_FLAGS=""
    )


@pytest.mark.long
def test_rows(tmp_path):
    """The form that other tools read, and plausible figures; times are not judged."""
    done = run("--cases=phase", f"--output_dir={tmp_path}")
    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads((tmp_path / "benchmark.json").read_text())}
    assert rows.keys() == {
        "griffin-lim-50",
        "fast-griffin-lim-50",
        "spsi",
        "spsi+griffin-lim-50",
        "spsi+fast-griffin-lim-50",
    }
    for row in rows.values():
        assert {"case", "name", "shape", "compile_s", "run_ms", "peak_mb", "ratio"} <= row.keys()
        assert row["run_ms"] > 0 and 50 < row["peak_mb"] < 4000
    assert (
        rows["fast-griffin-lim-50"]["convergence"]
        < rows["griffin-lim-50"]["convergence"]
        < rows["spsi"]["convergence"]
    )
    assert len(done.stdout.splitlines()) == len(rows)
    again = run("--cases=phase", f"--output_dir={tmp_path}")
    assert (
        again.returncode == 2
        and "--overwrite" in again.stderr
        and len(again.stderr.splitlines()) == 1
    )


FORM = {"case", "name", "shape", "compile_s", "run_ms", "peak_mb"}


def test_a_row_of_the_generators(monkeypatch):
    """The baseline; the speed belongs to the sound that is made."""
    cores = []
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, chosen: cores.append(chosen))
    row = benchmark_cases.measure_row("generators", "grains")
    assert row.keys() == FORM | {"times_real_time"} and "one core" in row["shape"]
    assert [len(chosen) for chosen in cores] == [1]
    assert row["times_real_time"] == pytest.approx(4000 / row["run_ms"])
    assert row["times_real_time"] > 20


@pytest.mark.long
def test_generators_are_faster_than_they_play(tmp_path):
    done = run("--cases=generators", f"--output_dir={tmp_path}")
    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads((tmp_path / "benchmark.json").read_text())}
    assert {*rows} == {"texture", "training-evaluation", "blocks-4s", "blocks-20ms", "grains"}
    for row in rows.values():
        assert FORM | {"ratio"} <= row.keys() and row["run_ms"] > 0
    for name in ("blocks-4s", "blocks-20ms"):
        assert rows[name]["times_real_time"] > 5
        assert rows[name]["longest_block_ms"] > 0 and rows[name]["ratio"] > 20
    evaluation_ms = rows["texture"]["evaluation_ms"]
    assert 0.2 < rows["training-evaluation"]["run_ms"] / evaluation_ms < 5


def test_bad_input(tmp_path):
    """It ends the program before minutes of measuring."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "benchmark.json").write_text("mine")
    own = [f"--output_dir={tmp_path}/own", "--overwrite"]
    for flags, said in (
        (["--cases=everything"], "cases"),
        (["--input=no.wav"], "--input"),
        (own, "holds 'benchmark.json'"),
    ):
        done = launched("benchmark", f"--output_dir={tmp_path}/out", *flags)
        assert (
            done.returncode == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1
        ), done.stderr
    assert not (tmp_path / "out").exists()
