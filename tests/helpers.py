"""What several test files share: small sounds, errors of arrays, and runs of the programs."""

import contextlib
import importlib
import io
import os
import pathlib
import signal
import subprocess
import sys
import warnings

import numpy as np
import scipy.signal

ROOT = pathlib.Path(__file__).parents[1]
ESC10 = ROOT.parent / "shared" / "esc10"


# ---------------------------------------------------------------- sounds


def noise(samples: int, channels: int = 1, *, seed: int = 0, level: float = 0.1) -> np.ndarray:
    """White Gaussian noise, float32 [channels, samples]."""
    return (level * np.random.default_rng(seed).standard_normal((channels, samples))).astype(
        np.float32
    )


def crackle(samples: int, channels: int = 1, *, seed: int = 0, level: float = 0.03) -> np.ndarray:
    """A texture with events: random clicks that decay, over faint noise, float32 [channels,
    samples].
    """
    rng = np.random.default_rng(seed)
    clicks = (rng.random((channels, samples)) < 0.004) * rng.standard_normal((channels, samples))
    decay = np.exp(-np.arange(200) / 30) * rng.standard_normal(200)
    wave = scipy.signal.fftconvolve(clicks, decay[None], axes=1)[:, :samples]
    wave = wave + 0.02 * rng.standard_normal((channels, samples))
    return (level * wave / np.sqrt(np.mean(wave**2))).astype(np.float32)


def correlated(samples: int, correlation: float, *, seed: int = 0, make=noise) -> np.ndarray:
    """Two channels with a given correlation, float32 [2, samples]. make: of the two sounds."""
    left, other = make(samples, 2, seed=seed)
    return np.stack([left, correlation * left + np.sqrt(1 - correlation**2) * other]).astype(
        np.float32
    )


# ---------------------------------------------------------------- comparisons


def correlation_of(left: np.ndarray, right: np.ndarray) -> float:
    """Pearson's correlation of two waves [N]."""
    return float(np.corrcoef(left, right)[0, 1])


def highest_correlation(x: np.ndarray, y: np.ndarray) -> float:
    """The highest cross-correlation of two waves [N] over all lags; 1 for a shifted copy."""
    x, y = x - x.mean(), y - y.mean()
    products = scipy.signal.fftconvolve(x.astype(np.float64), y[::-1].astype(np.float64))
    return float(np.max(np.abs(products)) / (np.linalg.norm(x) * np.linalg.norm(y)))


def relative_error(actual, expected) -> float:
    """||actual - expected|| / ||expected||, in float64."""
    actual, expected = np.asarray(actual, np.complex128), np.asarray(expected, np.complex128)
    assert actual.shape == expected.shape
    return float(np.linalg.norm(actual - expected) / np.linalg.norm(expected))


# ---------------------------------------------------------------- programs

# The smallest run of a texture. All tests of programs use it on a second of sound at 8000 Hz where
# they can: what one of them compiles serves the others.
SMALLEST = ("--recipe=texture-fast", "--views=bins@32/16:1", "--seconds=0.3")
# Programs that are packages: the module with `define_flags` and `main`.
PACKAGES = {"stream": "stream.program", "sweep": "sweep.program"}


def program(name: str):
    """The module of launch.NAME."""
    return importlib.import_module(f"launch.{PACKAGES.get(name, name)}")


@contextlib.contextmanager
def figures_left_out():
    """Pages with a picture of nothing for each figure, and no verdict: matplotlib and the judge
    each take as long as the rest of a small run.
    """
    from audio_texture.report import html_page
    from launch import verdicts

    encode, html_page.encode_svg = html_page.encode_svg, lambda *_: "<svg></svg>"
    judge, verdicts.judge_file = verdicts.judge_file, _leave_unjudged
    try:
        yield
    finally:
        html_page.encode_svg, verdicts.judge_file = encode, judge


def _leave_unjudged(path, *_, **__):
    from audio_texture import metrics, report

    verdict = metrics.withhold_verdict("left out of this test")
    return report.Judged(os.path.basename(path), verdict, {})


def launched(name: str, *arguments: object, figures: bool = False) -> subprocess.CompletedProcess:
    """launch.NAME with these arguments, in this process: its exit status, and what it wrote.

    figures: whether the figures of its page are drawn, and its results judged.
    """
    from launch import cli, compilation_cache
    from launch.sweep.__main__ import swept_program

    module, texts = program(name), [str(argument) for argument in arguments]
    options = {"swept": swept_program(texts)} if name == "sweep" else {}
    stdout, stderr = io.StringIO(), io.StringIO()
    pages = contextlib.nullcontext() if figures else figures_left_out()
    with pages, contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compilation_cache.show_warnings()
            status = cli.call(module, texts, **options)
    return subprocess.CompletedProcess(texts, status, stdout.getvalue(), stderr.getvalue())


def complaints(name: str, cases: list[list[str]]) -> list[tuple[int, list[str]]]:
    """The exit status of launch.NAME and its lines on standard error, for each list of
    arguments.
    """
    runs = (launched(name, *arguments) for arguments in cases)
    return [(done.returncode, done.stderr.splitlines()) for done in runs]


def command(name: str, *arguments: object) -> list[str]:
    """The command line by which a user runs launch.NAME."""
    return [sys.executable, "-m", f"launch.{name}", *map(str, arguments)]


def run_process(
    name: str, *arguments: object, timeout: float = 300, text: bool = True, **environment: str
) -> subprocess.CompletedProcess:
    """launch.NAME in a process of its own, for tests of what a process does."""
    return subprocess.run(
        command(name, *arguments),
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=text,
        timeout=timeout,
        check=False,
    )


def interrupted(arguments: list[str], at: str) -> tuple[int, str]:
    """Runs a command and sends it Ctrl-C when a line on standard error contains `at`; returns its
    exit status and the lines that follow.
    """
    with subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        for line in process.stderr:
            if at in line:
                process.send_signal(signal.SIGINT)
                break
        rest = process.stderr.read()
        return process.wait(timeout=120), rest
