"""Strictness, a cache of compiled programs, and the folder of real recordings."""

import gc
import os
import pathlib
import shutil
import signal
import tempfile

# Before NumPy is loaded, as launch/__init__.py does it for programs.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import jax
import pytest
from helpers import ESC10

from launch import environment

jax.config.update("jax_numpy_rank_promotion", "raise")
# The programs of tests run for milliseconds and are compiled for seconds: LLVM's passes are left
# out, XLA's are not.
jax.config.update("jax_disable_most_optimizations", True)
# The same for the processes that tests start.
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
# XLA's older way to make code for fused operations, in one piece and for one thread, compiles in
# less than half the time, and two processes do not contend for two cores.
QUICK_CODE = (
    "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1 "
    "--xla_cpu_multi_thread_eigen=false"
)
if QUICK_CODE not in (before := os.environ.get("XLA_FLAGS", "")):
    os.environ["XLA_FLAGS"] = f"{before} {QUICK_CODE}".strip()
    # Another release of jaxlib may not know the flag, and would end the process.
    if environment.xla_error():
        os.environ["XLA_FLAGS"] = before

# A shell that starts the suite in the background has it ignore Ctrl-C, and so the programs that the
# tests of Ctrl-C start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The files that take longest. They run first, so that two processes end at about the same time.
LONGEST = (
    "synthesis",
    "style_transfer",
    "launch_transfer",
    "launch_texture",
    "insights",
    "stereo",
    "launch_stream",
    "launch_generate",
    "launch_generate_contents",
    "generator_transfers",
    "damage",
    "launch_sweep",
    "interrupts",
    "streaming_style",
    "streaming_stream",
    "streaming_loop",
    "launch_train",
)
# The files of `pytest -m quick`, which takes less than a minute: all of their tests but those
# marked slow or long. test_docstrings.py reaches every module of the library. A file belongs here
# when it takes less than two seconds and does not start programs.
QUICK = (
    "audio_levels",
    "audio_reading",
    "audio_resampling",
    "audio_silence",
    "audio_writing",
    "config",
    "datasets",
    "docstrings",
    "effects",
    "files",
    "habits",
    "imports",
    "layer",
    "mixing",
    "optimize_interrupts",
    "recipes",
    "report_figures",
    "report_pages",
    "run_io",
    "scales",
    "terms",
    "training_examples",
    "views",
)


def pytest_configure(config):
    """Keeps compiled programs in one folder for all processes of a session, those that tests start
    included: each program is compiled once. A folder of the user's, in JAX_COMPILATION_CACHE_DIR,
    is used and kept.
    """
    folder = os.environ.get("JAX_COMPILATION_CACHE_DIR")
    if not folder:
        # xdist's workers are started after this and inherit the environment.
        folder = tempfile.mkdtemp(prefix="audio_texture_tests_")
        os.environ["JAX_COMPILATION_CACHE_DIR"] = folder
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
        config.add_cleanup(lambda: os.environ.pop("JAX_COMPILATION_CACHE_DIR", None))
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    # JAX does not write a program in one step: a process that reads a part of it compiles it.
    config.addinivalue_line(
        "filterwarnings", "ignore:Error reading persistent compilation cache entry"
    )


def pytest_collection_finish(session):
    """Python's collector need not look at what was imported again and again: tracing makes many
    objects, and is a fifth slower where it does.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


@pytest.fixture(scope="session")
def esc10() -> pathlib.Path:
    """The folder of real recordings (BUILD_NOTES.md); skips the test where it is missing."""
    if not ESC10.is_dir():
        pytest.skip(f"real recordings are not there: {ESC10}.")
    return ESC10


def pytest_collection_modifyitems(items):
    """Sorts the files by how long they take, and marks the quick tests."""
    ranks = {f"test_{name}": rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.stem, len(LONGEST)))
    for item in items:
        if item.path.stem.removeprefix("test_") in QUICK and not (
            item.get_closest_marker("slow") or item.get_closest_marker("long")
        ):
            item.add_marker("quick")
