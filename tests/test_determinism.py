"""With XLA's optimisations on, as users run it, the same key makes the same samples."""

import os
import subprocess
import sys

import pytest
from helpers import ROOT

# Makes a texture twice, compiled anew for the second, and prints a sum of the bytes of each.
TWICE = """
import hashlib
import jax
from small_recipes import MEL, make_texture, small

for _ in range(2):
    jax.clear_caches()
    wave = make_texture(small(views=MEL, evaluations=5)).wave
    print(hashlib.sha256(wave.tobytes()).hexdigest(), wave.shape)
"""


@pytest.mark.slow
def test_optimised_programs_make_the_same_samples():
    """Bit for bit. The other tests leave optimisations out, and with them the order of sums that
    threads or vector units could change.
    """
    environment = os.environ | {
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "0",
        "JAX_ENABLE_COMPILATION_CACHE": "0",
        "XLA_FLAGS": "",
        "PYTHONPATH": str(ROOT / "tests"),
    }
    done = subprocess.run(
        [sys.executable, "-c", TWICE],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == second and "(1, 4000)" in first
