"""What the programs say about the files they read, and damaged compiled programs."""

import html
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers import ROOT, SMALLEST, crackle, launched, noise, program

from audio_texture import audio
from launch import evaluate_steps, inputs, messages, recordings, texture_steps, transfer_steps
from launch.flag_set import FlagSet
from launch.stream import styles

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
    "read, span, place, expected",
    [
        (recording(8000, 8000), (0, 8000), {}, "1.0 s at 8000 Hz, mono; all of it is used"),
        (
            recording(80000, 96000, channels=2),
            (0, 80000),
            {},
            "12.0 s at 8000 Hz, stereo; 10.0 s used from 0 s on (--input_seconds)",
        ),
        (
            recording(8000, None),
            (0, 8000),
            {},
            "of unknown length at 8000 Hz, mono; 1.0 s used from 0 s on (--input_seconds)",
        ),
        (
            recording(40000, 40000),
            (0, 3360),
            {},
            "5.0 s read at 8000 Hz, mono; 0.42 s used (silence at the end)",
        ),
        (
            recording(40000, 40000),
            (36640, 40000),
            {},
            "5.0 s read at 8000 Hz, mono; 0.42 s used (silence at the start)",
        ),
        (
            recording(40000, 40000),
            (8000, 20000),
            {},
            "5.0 s read at 8000 Hz, mono; 1.5 s used (silence at both ends)",
        ),
        (
            recording(80000, 160000),
            (0, 40000),
            {},
            "20.0 s at 8000 Hz, mono; 10.0 s read from 0 s on (--input_seconds), 5.0 s of it "
            "used (silence at the end)",
        ),
        (
            recording(4000, 8000),
            (0, 4000),
            {"start": 0.5, "begin": 0.5},
            "1.0 s at 8000 Hz, mono; 0.5 s used from 0.5 s on (--input_start)",
        ),
        (
            recording(8000, 104000),
            (0, 8000),
            {"begin": 12.0},
            "13.0 s read at 8000 Hz, mono; 1.0 s used (silence at the start)",
        ),
        (
            recording(40000, 104000),
            (0, 8000),
            {"begin": 8.0},
            "13.0 s read at 8000 Hz, mono; 1.0 s used (silence at both ends)",
        ),
        (
            recording(8000, 104000),
            (0, 8000),
            {"start": 1.0, "begin": 8.0},
            "13.0 s at 8000 Hz, mono; 1.0 s used from 8 s on, where the sound begins "
            "(--input_seconds)",
        ),
        (
            recording(4_800_000, 7_200_000),
            (0, 4_800_000),
            {},
            "900.0 s at 8000 Hz, mono; 600.0 s used from 0 s on (--input_seconds; 600 s is "
            "the longest that can be made)",
        ),
    ],
)
def test_a_line_on_what_is_used(read, span, place, expected):
    line = recordings.describe_use("a.wav", read, span, flag="input", **place)
    assert line == f"a.wav: {expected}"


def test_texture_says_what_it_uses(folder, tmp_path):
    """Catches the first ten seconds without a word, and a file read in spite of its header without
    a warning.
    """
    inputs = [f"--input={folder}/{name}.wav" for name in ("long", "short", "late", "unfinished")]
    done = launched("texture", *inputs, *SMALL, f"--output_dir={tmp_path}/out")
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    used = "12.0 s at 8000 Hz, stereo; 10.0 s used from 0 s on (--input_seconds)"
    assert f"{folder}/long.wav: {used}" in lines
    assert f"{folder}/short.wav: 1.0 s at 8000 Hz, mono; all of it is used" in lines
    used = "13.0 s read at 8000 Hz, mono; 1.0 s used (silence at the start)"
    assert f"{folder}/late.wav: {used}" in lines
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


def write_events(path: Path, *seconds: float, length: float = 5.0) -> str:
    """A recording of `length` seconds, silent but for an event of 0.2 s at each of these times."""
    wave = 1e-3 * noise(round(8000 * length))[0]
    for second in seconds:
        first = round(8000 * second)
        wave[first : first + 1600] += noise(1600)[0] * np.exp(-np.arange(1600) / 400)
    soundfile.write(path, wave, 8000)
    return str(path)


def test_a_recording_of_which_little_is_used_says_so(tmp_path):
    """A dog of 0.42 s in 5 s heard only of networks left out: what is used, then that it is no
    texture and what to do, then the networks; the same on the page.
    """
    padded = np.concatenate([crackle(3360)[0], np.zeros(36640)])
    soundfile.write(tmp_path / "dog.wav", padded, 8000)
    small = (*SMALLEST[:1], "--views=bins@32/16:1,8", "--seconds=0.3", "--evaluations=2")
    done = launched(
        "texture", f"--input={tmp_path}/dog.wav", *small, f"--output_dir={tmp_path}/out"
    )
    assert done.returncode == 0, done.stderr
    used, warning, networks = done.stderr.splitlines()[:3]
    assert used == (
        f"{tmp_path}/dog.wav: 5.0 s read at 8000 Hz, mono; 0.42 s used (silence at the end)"
    )
    assert warning.startswith(f"warning: --input: '{tmp_path}/dog.wav' has 0.42 s of sound")
    assert "can only repeat it. Try a longer recording" in warning
    assert all(way in warning for way in ("--input_start", "--input_seconds", "launch.transfer"))
    assert networks == "1 of 2 networks left out: the input is too short for the time they span"
    page = html.unescape((tmp_path / "out/report.html").read_text())
    assert "Recordings</h2>" in page and used in page and warning in page


@pytest.mark.parametrize(
    ("seconds", "events"),
    [((0.5,), "1 event"), ((0.5, 3.2), "2 events"), ((0.1, 1.4, 4.5), "3 events")],
)
def test_a_sparse_recording_is_warned_of(tmp_path, seconds, events):
    """A dog that barks twice in 5 s: as many events as are heard, over faint noise too."""
    source = write_events(tmp_path / "dog.wav", *seconds)
    wave, _ = audio.read(source)
    line = recordings.warn_of_sparse(source, wave, 8000, flag="style")
    assert f"'{source}' has {events} in 5.0 s and little else, too sparse" in line
    assert "--style_start" in line and "launch.transfer" not in line


def test_what_is_a_texture_is_not_warned_of(tmp_path):
    """A clock, a second of a continuous sound and rain for half of the time; a content's events."""
    clock = write_events(tmp_path / "clock.wav", *np.arange(0.5, 5, 1.0))
    dog = write_events(tmp_path / "dog.wav", 1.0)
    half = crackle(40000)
    half[:, 18000:] *= 1e-3
    for wave in (audio.read(clock)[0], crackle(8000), half):
        assert not recordings.warn_of_sparse("a.wav", wave, 8000, flag="input")
    for flag, warned in (("content", False), ("style", True)):
        messages.begin()
        inputs.forget()
        inputs.read_sound(dog, start=0.0, seconds=10.0, flag=flag)
        assert any("event" in line for line in messages._held) == warned


def test_which_real_recordings_are_warned_of(esc10):
    """Rain, sea, fire, clocks and engines never, sneezes mostly; by every tenth recording."""
    warned = {}
    for folder in sorted(path for path in esc10.iterdir() if path.is_dir()):
        paths = sorted(folder.glob("*.ogg"))[::5]
        parts = (inputs.read_sound(str(path), start=0.0, seconds=10.0) for path in paths)
        warned[folder.name] = [
            bool(recordings.warn_of_sparse("it", wave, rate, flag="input")) for wave, rate in parts
        ]
    assert sum(warned["person_sneeze"]) > 0.6 * len(warned["person_sneeze"])
    for name in ("rain", "sea_waves", "fire_crackling", "helicopter", "chainsaw", "clock_tick"):
        assert len(warned[name]) == 8 and not any(warned[name]), name


def test_results_are_judged_against_what_was_used(tmp_path):
    """Silence at the ends of a recording is no part of what a result is compared with: in textures
    and sweeps, streams and loops, transfers, and by launch.evaluate.
    """
    sound = crackle(8000)[0]
    source = str(tmp_path / "padded.wav")
    soundfile.write(source, np.concatenate([np.zeros(4000), sound, np.zeros(12000)]), 8000)
    expected = audio.trim_silence(audio.read(source)[0])
    assert expected.shape[1] == 8000

    def parsed(name, *arguments):
        flag_set = FlagSet()
        program(name).define_flags(flag_set)
        return flag_set.parse([*arguments, f"--output_dir={tmp_path}/out"])

    values, given = parsed("texture", f"--input={source}", *SMALL)
    _, references, _ = texture_steps.read(texture_steps.configure(values, given))
    np.testing.assert_array_equal(references[0], expected)
    values, given = parsed("transfer", f"--content={source}", f"--style={source}", *TRANSFER)
    _, sounds, _ = transfer_steps.read(transfer_steps.configure(values, given))
    assert [wave.shape for wave in sounds] == [(1, 8000)] * 2
    values, given = parsed("stream", f"--input={source}", "--seconds=1", *SMALLEST[:2])
    references = styles.fit_or_load(values, given, None)[2]
    np.testing.assert_array_equal(references[0], expected)
    values, _ = parsed("evaluate", f"--reference={source}", f"--candidate={source}")
    assert evaluate_steps.read_sounds(values).reference[1].shape == (1, 8000)


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
    assert f"{tmp_path}/low.wav: 12.0 s at 4000 Hz, mono; all of it is used" in done.stderr
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
        messages.doing("fitting")
        messages.say("done")
        shown = [text for text in stream.getvalue().split(messages.CLEAR_LINE) if text]
        assert shown == (["reading ...", "fitting ...", "done\n"] if is_terminal else ["done\n"])
