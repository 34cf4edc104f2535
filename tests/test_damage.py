"""Each file that each program writes, cut at a random byte: --resume makes the same sound again, or
ends in a line with nothing touched.
"""

import json
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers import ROOT, SMALLEST, crackle

SMALL = [*SMALLEST, "--evaluations=50"]
TRAIN = [
    "--seconds=0.3",
    "--sample_rate=8000",
    "--n_fft=256",
    "--hop_length=128",
    "--bands=12",
    "--width=3",
    "--filters=4",
    "--batch=4",
    "--epochs=2",
]


def many(program: str, runs: list[tuple]) -> list[tuple[int, list[str]]]:
    """Exit status and lines of runs, one after the other in one process; each with the call at
    which Ctrl-C is pressed.
    """
    process = subprocess.run(
        [sys.executable, "-W", "ignore", str(ROOT / "tests/many_runs.py"), program],
        cwd=ROOT,
        input="".join(json.dumps(run) + "\n" for run in runs),
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.returncode == 0, process.stderr
    return [(status, lines) for status, lines in map(json.loads, process.stdout.splitlines())]


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("damage")
    soundfile.write(path / "in.wav", crackle(8000).T, 8000)
    for name, hertz in (("high", 2500), ("low", 300)):
        (path / "data" / name).mkdir(parents=True)
        for fold in (1, 2):
            for take in range(2):
                tone = np.sin(2 * np.pi * hertz * (1 + 0.05 * take) * np.arange(2400) / 8000)
                soundfile.write(path / "data" / name / f"{fold}-{take}.wav", 0.1 * tone, 8000)
    return path


# program: arguments, the call at which a run is interrupted, and what must come out the same.
PROGRAMS = {
    "texture": (
        ["--input={}/in.wav", "--samples=2", *SMALL],
        3,
        ("texture_0.wav", "texture_1.wav"),
    ),
    "transfer": (
        [
            "--content={}/in.wav",
            "--content_seconds=0.5",
            "--style={}/in.wav",
            "--auditory_weight=0",
            "--rhythm_weight=0",
            "--views=bins@32/16:1",
            "--evaluations=50",
        ],
        1,
        ("transfer.wav",),
    ),
    "stream": (
        [
            "--input={}/in.wav",
            "--seconds=2",
            "--views=mel8@16/4:2,4",
            "--evaluations=5",
            "--block_seconds=0.6",
        ],
        4,
        ("stream.wav",),
    ),
    "sweep": (
        [
            "--input={}/in.wav",
            "--noquality",
            "--sweep=seed=0:2",
            *SMALLEST,
            "--evaluations=10",
        ],
        3,
        ("*/texture.wav",),
    ),
    "train": (
        ["--data={}/data", "--cache_dir={}/cache", "--checkpoint_every=1", *TRAIN],
        3,
        ("weights.safetensors", "accuracy.json"),
    ),
    "insights": (["--quick", "--figure=starts", "--figure=phases"], 0, ("*.json",)),
}


def files_that_match(folder: Path, patterns: tuple[str, ...]) -> dict[str, bytes]:
    """The files of a folder whose name matches one of the patterns, and their bytes."""
    return {
        name: data
        for name, data in bytes_of(folder).items()
        if any(Path(name).match(pattern) for pattern in patterns)
    }


def damaged_copies(program: str, sources: list[Path]) -> list[tuple[Path, str, dict[str, bytes]]]:
    """Copies of runs with one file each cut at a random byte, emptied or missing: the folder, what
    is damaged, and the bytes of its files. Of an interrupted run, the second, files are cut.
    """
    copies, rng = [], np.random.default_rng(zlib.crc32(program.encode()))
    for source in sources:
        for name, data in bytes_of(source).items():
            # Of a sweep's runs one is enough.
            if program == "sweep" and "/" in name and not name.startswith("00001"):
                continue
            how = (
                rng.choice(["cut", "cut", "emptied", "missing"]) if source == sources[0] else "cut"
            )
            copy = source.parent / f"{program}-{len(copies)}"
            shutil.copytree(source, copy)
            if how == "missing":
                (copy / name).unlink()
            else:
                (copy / name).write_bytes(
                    data[: 0 if how == "emptied" else rng.integers(1, max(len(data) - 1, 2))]
                )
            copies.append((copy, f"{source.name}: {name} {how}", bytes_of(copy)))
    return copies


def check_refused(lines: list[str], before: dict, after: dict, what: str) -> None:
    """A run that ends with status 2 says why in one line and touches nothing."""
    errors = sum(line.startswith("error: --") for line in lines)
    assert len(lines) <= 3 and errors == 1, f"{what}: {lines}"
    assert after == before, what


@pytest.mark.slow
@pytest.mark.parametrize(
    "program",
    [
        name if name in ("texture", "stream") else pytest.param(name, marks=pytest.mark.long)
        for name in PROGRAMS
    ],
)
def test_every_file_cut(folder, program):
    """Catches tracebacks on a torn line, damage done before a failure, and results that are taken
    for whole or lost for ever.

    Of a finished and of an interrupted run, every file is cut at a random byte, or emptied, or
    missing.
    """
    arguments, at, results = PROGRAMS[program]
    arguments = [argument.format(folder) for argument in arguments]
    sources = [folder / f"{program}-whole", folder / f"{program}-broken"][: 2 if at else 1]
    runs = [([*arguments, f"--output_dir={source}"], at * n) for n, source in enumerate(sources)]
    first = many(program, runs)
    assert [status for status, _ in first] == [0, 130][: len(sources)], first
    expected = files_that_match(sources[0], results)
    assert expected
    copies, refused = damaged_copies(program, sources), 0
    again = [([*arguments, f"--output_dir={copy}", "--resume"], 0) for copy, _, _ in copies]
    done = many(program, again)
    for (copy, what, before), (status, lines) in zip(copies, done, strict=True):
        assert not any("Traceback" in line or "Error:" in line for line in lines), (what, lines)
        after = bytes_of(copy)
        if status == 2:
            refused += 1
            check_refused(lines, before, after, what)
            continue
        assert status == 0, f"{what}: {status} {lines}"
        if program == "insights":
            assert set(expected) <= set(after), what
            json.loads(after["phases.json"])
        else:
            assert {name: after.get(name) for name in expected} == expected, f"{what}: {lines}"
    # What can be made whole is; what cannot is said.
    assert 0 < refused < len(copies)


@pytest.mark.long
def test_the_folder_is_removed_during_a_run(folder):
    """Of a texture the sound is there at the end, in the folder made again; of a sweep the other
    runs are. Status 1, and a line says so.
    """
    arguments = [f"--input={folder}/in.wav", *SMALL]
    out = folder / "gone" / "texture"
    ((status, lines),) = many(
        "texture", [([*arguments, f"--output_dir={out}"], 1, str(folder / "gone"))]
    )
    assert status == 1 and any(
        "texture.wav" in line and "cannot be written" in line for line in lines
    ), lines
    assert soundfile.info(out / "texture.wav").frames == 2400 and {"config.json", "files.json"} <= {
        path.name for path in out.iterdir()
    }
    out = folder / "gone" / "sweep"
    ((status, lines),) = many(
        "sweep",
        [
            (
                [*arguments, "--noquality", "--sweep=seed=0:2", f"--output_dir={out}"],
                2,
                str(folder / "gone"),
            )
        ],
    )
    # The first run was removed with the folder, the second could not be written where it belonged.
    assert status == 1 and any("-rescued.wav" in line or "texture.wav" in line for line in lines), (
        lines
    )
    assert len(list(out.rglob("*.wav"))) == 2, lines
    assert {row.split(",")[1] for row in (out / "sweep.csv").read_text().splitlines()[1:]} == {
        "1",
        "2",
    }


@pytest.mark.slow
def test_a_format_is_checked_run_by_run(folder):
    """Sixteen channels go into no FLAC: in a sweep that run alone fails, before any is made."""
    soundfile.write(folder / "sixteen.wav", np.tile(crackle(4000).T, (1, 16)), 8000)
    arguments = [*SMALL, "--noquality", "--output_format=flac", "--sweep=seed=0;"]
    inputs = [f"--input={folder}/in.wav", f"--input={folder}/sixteen.wav"]
    ((status, lines),) = many(
        "sweep", [([*inputs, *arguments, f"--output_dir={folder}/formats"], 0)]
    )
    assert status == 1 and any(
        "--output_format: FLAC cannot be written with 16 channels at 8000 Hz: it holds at most 8"
        in line
        for line in lines
    ), lines
    assert len(list((folder / "formats").rglob("texture.flac"))) == 1
