"""What the programs say about the files they read, and damaged compiled programs."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers import ROOT, SMALLEST, crackle, launched, noise

from audio_texture import audio
from launch import inputs, messages

SMALL = (*SMALLEST, "--evaluations=5")
TRANSFER = ("--views=bins@32/16:1", "--auditory_weight=0", "--rhythm_weight=0", "--evaluations=2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("reading")
    soundfile.write(path / "long.wav", crackle(8000 * 12, 2).T, 8000)
    soundfile.write(path / "short.wav", crackle(8000).T, 8000)
    soundfile.write(
        path / "late.wav", np.concatenate([np.zeros(8000 * 12), crackle(8000)[0]]), 8000
    )
    soundfile.write(path / "unfinished.wav", crackle(8000).T, 8000)
    data = bytearray((path / "unfinished.wav").read_bytes())
    data[4:8], data[40:44] = (36).to_bytes(4, "little"), bytes(4)
    (path / "unfinished.wav").write_bytes(data)
    return path


def recording(samples, length, rate=8000, channels=1):
    return audio.Recording(np.zeros((channels, samples), np.float32), rate, length, ())


@pytest.mark.parametrize(
    "parts, expected",
    [
        ((recording(8000, 8000), 8000), "1.0 s at 8000 Hz, 1 channel; all of it is used"),
        (
            (recording(80000, 96000, channels=2), 80000),
            "12.0 s at 8000 Hz, 2 channels; 10.0 s used from 0 s on (--input_seconds)",
        ),
        (
            (recording(8000, None), 8000),
            "of unknown length at 8000 Hz, 1 channel; 1.0 s used from 0 s on (--input_seconds)",
        ),
        (
            (recording(40000, 40000), 3360),
            "5.0 s at 8000 Hz, 1 channel; 0.42 s of 5.0 s used: silence at its ends is left out "
            "(4.58 s)",
        ),
        (
            (recording(80000, 160000), 40000),
            "20.0 s at 8000 Hz, 1 channel; 5.0 s of 10.0 s used: silence at its ends is left out "
            "(5.0 s); 10.0 s were read from 0 s on (--input_seconds)",
        ),
        (
            (recording(4000, 8000), 4000, 0.5, 0.5),
            "1.0 s at 8000 Hz, 1 channel; 0.5 s used from 0.5 s on (--input_start)",
        ),
        (
            (recording(8000, 104000), 8000, 0.0, 12.0),
            "13.0 s at 8000 Hz, 1 channel; the sound begins at 12.00 s, silence before that is "
            "left out (--input_start); 1.0 s used from 12 s on (--input_start)",
        ),
        (
            (recording(4_800_000, 7_200_000), 4_800_000),
            "900.0 s at 8000 Hz, 1 channel; 600.0 s used from 0 s on (--input_seconds; 600 s is "
            "the longest that can be made)",
        ),
    ],
)
def test_a_line_on_what_is_used(parts, expected):
    read, used, start, begin = (*parts, 0.0, 0.0)[:4] if len(parts) == 2 else parts
    assert (
        inputs.describe_use("a.wav", read, used, flag="input", start=start, begin=begin)
        == f"a.wav: {expected}"
    )


def test_texture_says_what_it_uses(folder, tmp_path):
    """Catches the first ten seconds without a word, and a file read in spite of its header without
    a warning.
    """
    inputs = [f"--input={folder}/{name}.wav" for name in ("long", "short", "late", "unfinished")]
    done = launched("texture", *inputs, *SMALL, f"--output_dir={tmp_path}/out")
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    used = "12.0 s at 8000 Hz, 2 channels; 10.0 s used from 0 s on (--input_seconds)"
    assert f"{folder}/long.wav: {used}" in lines
    assert f"{folder}/short.wav: 1.0 s at 8000 Hz, 1 channel; all of it is used" in lines
    assert any(
        line.startswith(
            f"{folder}/late.wav: 13.0 s at 8000 Hz, 1 channel; the sound begins at 12.00 s"
        )
        for line in lines
    )
    warned = [line for line in lines if "warning" in line]
    assert len(warned) == 1 and warned[0].startswith(
        f"warning: --input: '{folder}/unfinished.wav' does not say how long it is"
    ), warned


def test_bad_input_after_a_warning_is_one_line(folder, tmp_path):
    """What is said of the inputs that are fine would bury what is wrong."""
    soundfile.write(tmp_path / "short.wav", noise(100)[0], 8000)
    done = launched(
        "texture",
        f"--input={folder}/unfinished.wav",
        f"--input={tmp_path}/short.wav",
        *SMALL,
        f"--output_dir={tmp_path}/out",
    )
    assert (
        done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "short.wav" in done.stderr
    ), done.stderr


def test_a_transfer_is_as_long_as_its_content(tmp_path):
    """Catches ten seconds of a content of twelve."""
    # At the lowest rate, as three sounds of this length are judged.
    soundfile.write(tmp_path / "low.wav", crackle(4000 * 12).T, 4000)
    done = launched(
        "transfer",
        f"--content={tmp_path}/low.wav",
        f"--style={tmp_path}/low.wav",
        *TRANSFER,
        f"--output_dir={tmp_path}/out",
    )
    assert done.returncode == 0, done.stderr
    assert soundfile.info(tmp_path / "out/transfer.wav").frames == 4000 * 12
    assert f"{tmp_path}/low.wav: 12.0 s at 4000 Hz, 1 channel; all of it is used" in done.stderr
    assert "10.0 s used from 0 s on (--style_seconds)" in done.stderr


def test_a_sweep_says_it_once(folder, tmp_path):
    """Catches a line a run on the same file."""
    done = launched(
        "sweep",
        f"--input={folder}/long.wav",
        f"--input={folder}/short.wav",
        *SMALL,
        "--sweep=seed=0,1",
        f"--output_dir={tmp_path}/out",
    )
    assert done.returncode == 0, done.stderr
    assert (
        done.stderr.count("(--input_seconds)") == 1 and done.stderr.count("all of it is used") == 1
    )


# Compiles, damages the kept program, and compiles again: the lines, and whether the kept program is
# whole in the end.
COMPILED = """
import glob, os, sys
import jax, jax.numpy as jnp
from launch import compilation_cache
how = sys.argv[1]
compilation_cache.show_warnings()
compilation_cache.enable()
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
folder = jax.config.jax_compilation_cache_dir
compiled = lambda: jax.block_until_ready(jax.jit(lambda x: jnp.sin(x) @ x)(jnp.ones((3, 3))))
compiled()
if how != "no folder":
    before = {path: open(path, "rb").read() for path in glob.glob(folder + "/*")}
    assert before
    for path, data in before.items():
        open(path, "wb").write({"cut": data[: len(data) // 2], "empty": b"", "garbage":
        os.urandom(3000)}[how])
    for _ in range(2):
        jax.clear_caches()
        compiled()
    for path, data in before.items():
        assert len(open(path, "rb").read()) > 0.9 * len(data), path
"""


@pytest.mark.parametrize("how", ["cut", "empty", "garbage", "no folder"])
def test_damaged_compiled_programs_are_replaced(tmp_path, how):
    """Catches an entry that stays damaged for ever, a traceback where there is no folder for them,
    and a flood of warnings.
    """
    cache = tmp_path / "jax"
    if how == "no folder":
        cache.write_text("a file")
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(cache)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", COMPILED, how],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = "cannot be kept in" if how == "no folder" else "is compiled anew and replaced"
    assert len(done.stderr.splitlines()) == 1 and said in done.stderr, done.stderr


def test_a_terminal_shows_what_is_being_done(monkeypatch):
    """The next text takes the line's place; into a file nothing of it is written."""
    for is_terminal in (True, False):
        stream = io.StringIO()
        monkeypatch.setattr(stream, "isatty", lambda is_terminal=is_terminal: is_terminal)
        monkeypatch.setattr("sys.stderr", stream)
        messages.doing("reading")
        assert stream.getvalue() == ("reading ..." if is_terminal else "")
        messages.doing("fitting")
        messages.say("done")
        shown = stream.getvalue().split("\r\x1b[K")
        assert shown == (["reading ...", "fitting ...", "done\n"] if is_terminal else ["done\n"])
