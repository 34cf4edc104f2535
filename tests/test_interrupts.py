"""Ctrl-C and SIGTERM at any moment: a line, status 130, no traceback, and what exists kept. And
readers that go away."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time

import pytest
import soundfile
from helpers import ROOT, SMALLEST, command, crackle, run_process

from audio_texture import audio

SMALL = (*SMALLEST, "--evaluations=2000")


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("interrupts") / "mono.wav"
    soundfile.write(path, crackle(8000).T, 8000)
    return str(path)


def start(program: str, *arguments: object) -> subprocess.Popen:
    return subprocess.Popen(
        command(program, *arguments),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen, number: signal.Signals) -> list[str]:
    """Sends a signal: the lines on standard error from then on."""
    process.send_signal(number)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "Traceback" not in said and "KeyboardInterrupt" not in said, said
    return said.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "delay"),
    [(signal.SIGINT, 0.3), (signal.SIGTERM, 0.6), (signal.SIGINT, 1.2), (signal.SIGTERM, 2.5)],
)
def test_before_anything_is_made(sound, tmp_path, number, delay):
    """Imports, flags, reading, fitting, compilation: tracebacks of 32 to 108 lines."""
    process = start("texture", f"--input={sound}", f"--output_dir={tmp_path}/out", *SMALL)
    time.sleep(delay)
    lines = ended(process, number)
    end = [line for line in lines if not line.startswith("to go on: ")][-1]
    assert len(lines) <= 6 and end == "interrupted; nothing was made", lines


@pytest.mark.slow
def test_sigterm_in_the_loop(sound, tmp_path):
    """As Ctrl-C: the sound so far, a checkpoint, and how to go on; nothing that takes long."""
    process = start("texture", f"--input={sound}", f"--output_dir={tmp_path}/out", *SMALL)
    next(line for line in process.stderr if "50 of 2000" in line)
    *_, kept, command = ended(process, signal.SIGTERM)
    assert audio.read(f"{tmp_path}/out/texture.wav")[0].shape == (1, 2400)
    assert (tmp_path / "out/checkpoint_0.safetensors").exists()
    spent = re.fullmatch(
        rf"interrupted; kept: {tmp_path}/out/texture.wav, the result of (\d+) of 2000 evaluations",
        kept,
    )
    assert spent and int(spent[1]) >= 50, kept
    again = run_process(
        "texture", f"--input={sound}", f"--output_dir={tmp_path}/out", *SMALL
    ).stderr
    assert (
        f"interrupted at {spent[1]} of 2000 evaluations: --resume goes on, --overwrite starts anew"
    ) in again
    # The command is said as it can be run.
    words = shlex.split(command.removeprefix("to go on: "))
    assert words == [
        sys.executable,
        "-m",
        "launch.texture",
        f"--output_dir={tmp_path}/out",
        "--resume",
    ]
    done = subprocess.run(
        [*words, "--max_seconds=0.5"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    # A fast machine reaches the end in that time.
    ends = r"texture\.wav: (stopped at --max_seconds|done)"
    assert done.returncode == 0 and re.search(ends, done.stderr), done.stderr
    assert (tmp_path / "out/report.html").exists()


@pytest.mark.slow
def test_in_the_report(sound, tmp_path):
    """The sound is there and stays; the line says so."""
    process = start(
        "texture", f"--input={sound}", f"--output_dir={tmp_path}/out", *SMALL, "--evaluations=5"
    )
    next(line for line in process.stderr if ": done (" in line)
    kept, command = ended(process, signal.SIGINT)[-2:]
    assert kept == f"interrupted; kept: {tmp_path}/out/texture.wav"
    assert command.endswith(f" --output_dir={tmp_path}/out --resume")
    assert audio.read(f"{tmp_path}/out/texture.wav")[0].shape == (1, 2400)


@pytest.mark.slow
def test_a_second_one_ends_at_once(sound, tmp_path):
    """Whatever the first one waits for, such as the compiler: it had to wait for that as well."""
    process = start(
        "texture", f"--input={sound}", f"--output_dir={tmp_path}/out", *SMALL, "--samples=50"
    )
    next(line for line in process.stderr if "25 of 2000" in line)
    process.send_signal(signal.SIGINT)
    time.sleep(0.35)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in said, said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "arguments", "at"),
    [
        ("transfer", ("--evaluations=2", "--views=bins@32/16:1"), "fitting and"),
        ("train", ("--filters=4", "--epochs=5000"), ""),
        ("sweep", SMALL, "program 1"),
        ("insights", ("--quick", "--figure=shifts"), "shifts"),
    ],
)
def test_other_programs(tmp_path, program, arguments, at):
    """With threads beside the main one, which used to be waited for, or to print on after it."""
    process = start(program, *arguments, f"--output_dir={tmp_path}/out")
    if at:
        next(line for line in process.stderr if at in line)
    else:
        time.sleep(4)
    assert any("interrupted" in line for line in ended(process, signal.SIGINT))


def test_who_imports_the_programs_keeps_their_signals():
    """The library's and the tests' own handling of Ctrl-C is theirs."""
    code = """
import signal, launch.cli, launch.texture, launch.stream.program, launch.sweep.program
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == ["True", "True"]


@pytest.mark.slow
def test_readers_that_go_away(sound, tmp_path):
    """`2>&1 | head -1`: the run goes on to its end and its files are there, without a traceback."""
    flags = f"--input={sound} --output_dir={tmp_path}/out {' '.join(SMALL)} --evaluations=60"
    done = subprocess.run(
        [
            "bash",
            "-c",
            f"{sys.executable} -m launch.texture {flags} 2>&1 | head -1; exit ${{PIPESTATUS[0]}}",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1
    assert (tmp_path / "out/texture.wav").exists() and (tmp_path / "out/report.html").exists()


def test_a_list_whose_reader_goes_away():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "launch.texture", "--recipe=help"],
        cwd=ROOT,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(write)
    assert done.returncode == 0 and done.stderr == ""
