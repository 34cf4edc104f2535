"""The environment changes no samples, and what it asks for and is not there is said in a line."""

import os
import re
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
import soundfile
from helpers import ROOT, SMALLEST, crackle, launched, run_process

from audio_texture import recipes, synthesis, views
from launch import environment

SMALL = (*SMALLEST, "--evaluations=2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("environment")
    soundfile.write(path / "mono.wav", crackle(8000).T, 8000)
    return path


@pytest.mark.slow
def test_the_environment_changes_no_samples(folder):
    """JAX_ENABLE_X64 ended in a traceback, others in other samples."""
    sound = f"--input={folder}/mono.wav"
    straight = launched("texture", sound, *SMALL, f"--output_dir={folder}/straight")
    assert straight.returncode == 0, straight.stderr
    settings = {
        "JAX_ENABLE_X64": "1",
        "JAX_DEBUG_INFS": "1",
        "JAX_NUMPY_DTYPE_PROMOTION": "strict",
        "JAX_THREEFRY_PARTITIONABLE": "0",
        "JAX_TRANSFER_GUARD": "disallow",
        "JAX_DISABLE_JIT": "1",
        "JAX_DEFAULT_PRNG_IMPL": "rbg",
    }
    others = {
        "LC_ALL": "C",
        "PYTHONWARNINGS": "error",
        "TMPDIR": "/nowhere",
        "MPLBACKEND": "nonsense",
        "JAX_NUMPY_RANK_PROMOTION": "raise",
    }
    done = run_process("texture", sound, *SMALL, f"--output_dir={folder}/é", **settings, **others)
    assert done.returncode == 0, done.stderr
    other, expected = ((folder / name / "texture.wav").read_bytes() for name in ("é", "straight"))
    assert other == expected
    assert (
        all(name in done.stderr.splitlines()[0] for name in settings)
        and "ignored" in done.stderr.splitlines()[0]
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("JAX_PLATFORMS", "cuda", "JAX_PLATFORMS=cuda: .*there is cpu"),
        ("JAX_PLATFORMS", "nonsense", "JAX_PLATFORMS=nonsense: .*there is cpu"),
        ("JAX_DEFAULT_DEVICE", "gpu", "JAX_DEFAULT_DEVICE=gpu: .*there is cpu"),
        ("JAX_ENABLE_X64", "maybe", "maybe.*JAX_ENABLE_X64"),
        (
            "XLA_FLAGS",
            "--xla_nonsense=1",
            "XLA_FLAGS='--xla_nonsense=1': Unknown flag.*xla_nonsense",
        ),
    ],
)
def test_an_environment_that_cannot_be(tmp_path, name, value, said):
    """A backend that is missing ended in a traceback, an unknown flag of XLA in an abort."""
    done = run_process("texture", f"--output_dir={tmp_path}/out", **{name: value})
    assert (
        done.returncode == 2 and len(done.stderr.splitlines()) == 1 and re.search(said, done.stderr)
    ), done.stderr
    assert not (tmp_path / "out").exists()


def test_flags_of_xla_that_it_knows(tmp_path):
    flags = "--xla_force_host_platform_device_count=2"
    done = run_process("texture", "--recipe=help", XLA_FLAGS=flags)
    assert done.returncode == 0 and done.stderr == ""


@pytest.mark.parametrize("name", ["texture", "infinite-width"])
def test_from_python_in_double_precision(name):
    """Under jax_enable_x64, the caller's choice: the very samples of single precision."""
    recipe = recipes.named(name).replace(
        sample_rate=0,
        evaluations=3,
        views=(views.View(0, (1,), 32.0, 16.0),),
        **({"auditory_weight": 0.0} if name == "texture" else {}),
    )

    def made():
        problem = synthesis.prepare(recipe, [crackle(4000)], sample_rate=8000, seconds=0.25)
        return synthesis.run(problem, jax.random.key(0)).wave

    expected = made()
    with jax.enable_x64(True):
        wave = made()
    assert wave.dtype == np.float32
    np.testing.assert_array_equal(wave, expected)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("", environment.DETERMINISTIC),
        ("--xla_dump_to=/tmp/x", f"--xla_dump_to=/tmp/x {environment.DETERMINISTIC}"),
        ("--xla_gpu_deterministic_ops=false", "--xla_gpu_deterministic_ops=false"),
    ],
)
def test_gpu_kernels_are_the_same_every_time(flags, expected, monkeypatch):
    """A GPU's autotuning gave other samples in every process; flags of one's own are kept."""
    monkeypatch.setattr(environment, "_has_cuda", lambda: True)
    monkeypatch.setenv("XLA_FLAGS", flags)
    monkeypatch.setenv("MPLBACKEND", "agg")
    environment.settle()
    assert environment.os.environ["XLA_FLAGS"] == expected


def test_linear_algebra_has_no_threads_of_its_own():
    """They waited for each other in XLA's, for ever, where several matrices are decomposed."""
    lines = "import launch, os; print(os.environ['OPENBLAS_NUM_THREADS'])"
    done = subprocess.run(
        [sys.executable, "-c", lines],
        cwd=ROOT,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1\n"
