"""What all tests share: strictness, a cache of compiled programs, small sounds, real recordings where there are any."""

import atexit
import functools
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import jax
import numpy as np
import pytest
import scipy.signal

jax.config.update("jax_numpy_rank_promotion", "raise")
# The programs of tests run for milliseconds and are compiled for seconds: LLVM's passes are left out, XLA's are not.
jax.config.update("jax_disable_most_optimizations", True)
# So do the programs that tests start.
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"

ROOT = pathlib.Path(__file__).parents[1]
ESC10 = ROOT.parent / "shared" / "esc10"


@pytest.fixture(scope="session", autouse=True)
def compilation_cache(tmp_path_factory):
    """Every `synthesis.prepare` makes new closures of mostly the same programs: they are compiled once a session."""
    jax.config.update("jax_compilation_cache_dir", str(tmp_path_factory.mktemp("jax")))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


# The files that take longest, which begin: two processes then end at about the same time.
LONGEST = (
    "synthesis",
    "launch_texture",
    "launch_transfer",
    "launch_sweep",
    "transfer",
    "streaming_style",
    "streaming_stream",
    "streaming_loop",
    "launch_stream",
    "objective",
    "launch_benchmark",
    "launch_train",
)


def pytest_collection_modifyitems(items):
    ranks = {f"test_{name}": rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.stem, len(LONGEST)))


@pytest.fixture(scope="session")
def esc10() -> pathlib.Path:
    """The folder of real recordings (BUILD_NOTES.md), skipped where it is missing."""
    if not ESC10.is_dir():
        pytest.skip(f"real recordings are not there: {ESC10}.")
    return ESC10


def noise(samples: int, channels: int = 1, *, seed: int = 0, level: float = 0.1) -> np.ndarray:
    """White Gaussian noise, float32 [channels, samples]."""
    return (level * np.random.default_rng(seed).standard_normal((channels, samples))).astype(
        np.float32
    )


def crackle(samples: int, channels: int = 1, *, seed: int = 0, level: float = 0.03) -> np.ndarray:
    """A texture with events: random clicks, each a short decaying burst, over faint noise. float32 [channels, samples]."""
    rng = np.random.default_rng(seed)
    clicks = (rng.random((channels, samples)) < 0.004) * rng.standard_normal((channels, samples))
    decay = np.exp(-np.arange(200) / 30) * rng.standard_normal(200)
    wave = scipy.signal.fftconvolve(clicks, decay[None], axes=1)[
        :, :samples
    ] + 0.02 * rng.standard_normal((channels, samples))
    return (level * wave / np.sqrt(np.mean(wave**2))).astype(np.float32)


def correlated(samples: int, correlation: float, *, seed: int = 0, make=noise) -> np.ndarray:
    """Two channels of that correlation, float32 [2, samples]."""
    left, other = make(samples, 2, seed=seed)
    return np.stack([left, correlation * left + np.sqrt(1 - correlation**2) * other]).astype(
        np.float32
    )


def correlation_of(left: np.ndarray, right: np.ndarray) -> float:
    return float(np.corrcoef(left, right)[0, 1])


def highest_correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Peak over all lags of the cross-correlation of two waves [N], 1 for a shifted copy of a whole wave."""
    x, y = x - x.mean(), y - y.mean()
    found = scipy.signal.fftconvolve(x.astype(np.float64), y[::-1].astype(np.float64))
    return float(np.max(np.abs(found)) / (np.linalg.norm(x) * np.linalg.norm(y)))


def relative_error(found, expected) -> float:
    """||found - expected|| / ||expected||, in float64."""
    found, expected = np.asarray(found, np.complex128), np.asarray(expected, np.complex128)
    assert found.shape == expected.shape
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


# Imports a program once and forks a child for every run of it, before JAX has threads: so many starts of Python and JAX would take minutes.
_FORKS = """
import importlib, json, os, signal, sys
from launch import cli
name = sys.argv[1]
sys.argv = [f"launch.{name}"]
program = importlib.import_module(f"launch.{name}")
for line in iter(sys.stdin.readline, ""):
    arguments, files = json.loads(line)
    child = os.fork()
    if child == 0:
        for number, path in enumerate([os.devnull, *files]):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
        sys.argv = [f"launch.{name}", *arguments]
        signal.alarm(400)
        cli.run(program.main)
        sys.exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@functools.cache
def _forking(program: str) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _FORKS, program],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(process.kill)
    return process


def launched(program: str, *arguments: object) -> subprocess.CompletedProcess:
    """launch.PROGRAM in a process of its own, with these arguments: its exit status, and what it wrote."""
    process, command = _forking(program), [str(argument) for argument in arguments]
    with tempfile.TemporaryDirectory() as folder:
        files = [os.path.join(folder, name) for name in ("stdout", "stderr")]
        process.stdin.write(json.dumps([command, files]) + "\n")
        process.stdin.flush()
        status = int(process.stdout.readline())
        return subprocess.CompletedProcess(
            command, status, *(pathlib.Path(path).read_text() for path in files)
        )


def complaints(program: str, cases: list[list[str]]) -> list[tuple[int, list[str]]]:
    """What launch.PROGRAM says of each list of arguments: its exit status and the lines on standard error."""
    return [
        (done.returncode, done.stderr.splitlines())
        for done in (launched(program, *arguments) for arguments in cases)
    ]


def interrupted(command: list[str], at: str) -> tuple[int, str]:
    """Runs a program and presses Ctrl-C at the line on standard error that holds `at`: its exit status and what it said from there on."""
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if at in line:
                process.send_signal(signal.SIGINT)
                break
        rest = process.stderr.read()
        return process.wait(timeout=120), rest
