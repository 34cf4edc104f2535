"""What a user sees before the first evaluation and while it goes on: what is read, fitted and
compiled, for how long and why; a bar; and how a stopped run goes on.
"""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time

import many_runs
import numpy as np
import pytest
import soundfile
from helpers import ROOT, SMALLEST, command, crackle, launched

from audio_texture import optimize, recipes
from launch import (
    compile_times,
    earlier_runs,
    first_look,
    interrupts,
    messages,
    progress,
    records,
)


class Terminal(io.StringIO):
    """Standard error that is a terminal."""

    def isatty(self):
        return True


def terminal_of(monkeypatch):
    """Standard error from now on. Not a fixture: pytest sets its own between set-up and test."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("COLUMNS", "80")
    return sys.stderr


@pytest.fixture
def kept(monkeypatch, tmp_path):
    """A folder of compiled programs, empty."""
    monkeypatch.setattr(compile_times.compilation_cache, "folder", lambda: str(tmp_path))
    return tmp_path


def wait_of(*, recipe="texture", seconds=5.0, recording=5.0, rate=8000, compiled=True):
    """The wait of a run."""
    key = (recipes.named(recipe).static_config(), rate, seconds, recording)
    waves = [np.zeros((1, round(recording * rate)), np.float32)]
    programs = compile_times.of_run(
        "texture", key, recipe, waves, sample_rate=rate, seconds=seconds
    )
    return compile_times.Wait(programs)


def said_by(wait, capsys):
    capsys.readouterr()
    wait.fit()
    return capsys.readouterr().err.strip()


def test_why_it_compiles_again(kept, capsys, monkeypatch):
    """The first run here; the same again; another length, recipe and rate: each says why."""
    compiled = [0]
    monkeypatch.setattr(compile_times.compilation_cache, "count_compiled", lambda: compiled[0])
    first = wait_of()
    assert said_by(first, capsys) == "fitting and compiling, about 20 s (the first time here)"
    compiled[0] = 1
    first.end()
    times = json.loads((kept / compile_times.TIMES).read_text())
    assert len(times) == 1
    # As if it had taken long.
    next(iter(times.values()))["first"] = 43.0
    (kept / compile_times.TIMES).write_text(json.dumps(times))

    again = wait_of()
    assert said_by(again, capsys) == "fitting and loading compiled programs, about 5 s"
    again.end()
    for changed, reason in (
        ({"seconds": 7.0}, "a result of 7 s"),
        ({"recording": 3.24}, "3.24 s of recording"),
        ({"recipe": "texture-fast"}, "texture-fast"),
        ({"rate": 16000}, "16000 Hz"),
    ):
        said = said_by(wait_of(**changed), capsys)
        assert said == f"fitting and compiling, about 43 s (the first time for {reason})", said
    # Choices that decide about programs, and are not among the facts.
    said = compile_times.Wait(
        compile_times.of_run(
            "texture",
            (recipes.named("texture").replace(views="bins@32/16:1").static_config(),),
            "texture",
            [np.zeros((1, 40000), np.float32)],
            sample_rate=8000,
            seconds=5.0,
        )
    )
    assert said_by(said, capsys).endswith("(the first time for these choices)")


def test_times_that_cannot_be_read_are_none(kept, capsys):
    for text in (
        "",
        "[1]",
        '{"a": 1}',
        '{"a": {"facts": 1, "first": 2.0}}',
        '{"a": {"facts": {}, "first": "x"}}',
    ):
        (kept / compile_times.TIMES).write_text(text)
        assert "the first time here" in said_by(wait_of(), capsys), text


def test_a_terminal_counts_the_seconds(monkeypatch):
    """A minute without a sign of life looks like a crash."""
    terminal = terminal_of(monkeypatch)
    messages.doing("compiling, about 20 s (the first time here)" + " and more" * 20)
    begun = terminal.getvalue()
    assert begun.startswith(messages.CLEAR_LINE) and begun.endswith(" ...")
    # A line that wraps could not be written over.
    assert len(begun.removeprefix(messages.CLEAR_LINE)) < 80
    deadline = time.monotonic() + 10
    while not terminal.getvalue().endswith("1 s") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert terminal.getvalue().endswith("1 s")
    messages.say("texture.wav: done")
    assert terminal.getvalue().endswith(f"{messages.CLEAR_LINE}texture.wav: done\n")


def test_the_bar_moves_at_every_evaluation(monkeypatch):
    """It stood at 0 % for 25 evaluations. With the loss and the time left, in 80 columns."""
    terminal = terminal_of(monkeypatch)
    over = []
    bar = progress.ProgressBar(200, "texture.wav", lambda: over.append(1))
    for number in (1, 2, 3):
        bar.step(optimize.ProgressRow(number, 0.1 * number, 1 / number, {}))
        time.sleep(0.06)
    lines = terminal.getvalue().split("\r")
    shown = [re.search(r"(\d+)/200, loss ([\d.]+)", line) for line in lines]
    assert [(hit[1], hit[2]) for hit in shown if hit] == [("1", "1"), ("2", "0.5"), ("3", "0.3333")]
    assert re.search(r"\d+ s left", lines[-1]) and over == [1]
    assert max(map(len, lines)) <= 80
    bar.close()


def test_elsewhere_a_line_for_each_chunk(capsys):
    bar = progress.ProgressBar(50, "texture.wav")
    bar.step(optimize.ProgressRow(1, 0.1, 1.0, {}))
    bar.show(optimize.ProgressRow(25, 2.0, 0.5, {}))
    bar.show(optimize.ProgressRow(50, 4.0, 0.25, {}))
    first, last = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"texture.wav: 25 of 50 evaluations, 2.0 s, loss 0.5, \d+ s left", first)
    assert last == "texture.wav: 50 of 50 evaluations, 4.0 s, loss 0.25"


def test_the_first_look_is_at_the_recording(tmp_path):
    path = tmp_path / "rain on a roof.wav"
    soundfile.write(path, crackle(4000, 2).T, 8000)
    look = first_look.describe_sounds
    text = "rain on a roof.wav: 0.5 s at 8000 Hz, stereo"
    assert look([f"--input={path}", "--seconds=3"]) == text
    assert look(["--seconds", "3", "--content", str(path)]) == text
    assert look([f"--input={path}", f"--input={path}"]) == f"{text}, and 1 more"
    for arguments in ([], ["--input=sound:rain"], ["--input=none.wav"], [f"--input={__file__}"]):
        assert look(arguments) == ""


# ---------------------------------------------------------------- stopped runs


def earlier(folder, program, files, config=(), rows=()):
    """A folder with an earlier run; its description."""
    folder.mkdir()
    record = records.Record(program, files, [])
    for name, size in files.items():
        if size is not None:
            (folder / name).write_text("")
    (folder / "config.json").write_text(json.dumps(dict(config)))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return earlier_runs.describe(str(folder), record, can_resume=True)


def test_how_far_an_interrupted_run_came(tmp_path):
    """It said "already holds a run; give --overwrite", which would destroy the checkpoint."""
    checkpoint = {"texture.wav": 10, "checkpoint_0.safetensors": 10}
    config = {"recipe": {"evaluations": 200}, "samples": 1}
    rows = [{"sample": 0, "evaluations": 25}]
    said = earlier(tmp_path / "a", "texture", checkpoint, config, rows)
    assert said.endswith(
        "was interrupted at 25 of 200 evaluations: --resume goes on, --overwrite starts anew"
    )
    several = {"texture_0.wav": 10, "texture_1.wav": 10, "checkpoint_1.safetensors": 10}
    later = [{"sample": 0, "evaluations": 200}, {"sample": 1, "evaluations": 50}]
    said = earlier(tmp_path / "b", "texture", several, config | {"samples": 3}, later)
    assert "at 50 of 200 evaluations of result 2 of 3: --resume goes on" in said
    # Killed before a checkpoint was written: nothing is left to go on from.
    killed = {"texture.wav": None, "checkpoint_0.safetensors": None}
    said = earlier(tmp_path / "c", "texture", killed, config, rows)
    assert "before its first checkpoint: --resume begins that result again, --overwrite" in said
    # With damaged files.
    (tmp_path / "c/config.json").write_text("{")
    (tmp_path / "c/metrics.jsonl").write_text("{")
    record = records.Record("transfer", killed, [])
    assert "--resume" in earlier_runs.describe(str(tmp_path / "c"), record, can_resume=True)
    # Stopped while the results were judged: they are whole, and only the page is missing.
    judging = earlier(tmp_path / "e", "texture", {"texture.wav": 10}, config)
    assert "interrupted before its end: --resume goes on" in judging
    done = earlier(tmp_path / "d", "texture", {"texture.wav": 10, "report.html": 10}, config)
    assert done.endswith("already holds a run; name another folder or give --overwrite")
    assert "--resume" not in earlier_runs.describe("e", record, can_resume=False)
    assert "--overwrite" not in earlier_runs.describe("e", None, can_resume=True)


def test_no_advice_to_resume_another_programs_run(tmp_path):
    """The folder of an interrupted stream, given to launch.texture."""
    folder = tmp_path / "out"
    folder.mkdir()
    record = records.Record("stream", {"stream.wav": None}, [])
    (folder / "files.json").write_text(json.dumps(record._asdict()))
    (folder / "config.json").write_text(json.dumps({"seconds": 30, "output": "stream.wav"}))
    said = [launched(name, f"--output_dir={folder}").stderr for name in ("texture", "stream")]
    assert "already holds a run" in said[0] and "--resume" not in said[0], said
    assert "--resume goes on" in said[1]


def test_how_far_a_stream_came(tmp_path):
    for seconds, words in ((30, "after 2.0 s of 30 s"), (0, "after 2.0 s"), (2, "")):
        folder = tmp_path / str(seconds)
        config = {"seconds": seconds, "loop": False, "output": "stream.wav"}
        record = records.Record("stream", {"stream.wav": 10}, [])
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(config))
        soundfile.write(folder / "stream.wav", np.zeros(16000), 8000)
        said = earlier_runs.describe(str(folder), record, can_resume=True)
        assert (f"interrupted {words}: --resume" in said) if words else ("--resume" not in said)


def test_in_what_two_configurations_differ():
    """ "inputs differs" names no value and no file."""
    inputs = [{"source": "rain.wav", "start": 0.0, "sha256": "a"}]
    run = {"inputs": inputs, "seed": 0, "recipe": {"evaluations": 100}, "versions": {"jax": "1"}}
    describe = earlier_runs.describe_difference
    assert describe(run, run | {"versions": {"jax": "2"}}) == ""
    assert describe(run, run | {"seed": 7}) == "seed was 0 there and is 7 here"
    changed = run | {"recipe": {"evaluations": 50}}
    assert describe(run, changed) == "evaluations was 100 there and is 50 here"
    other = run | {"inputs": [{**inputs[0], "source": "sea.wav"}]}
    assert describe(run, other) == "the input was rain.wav there and is sea.wav here"
    later = run | {"inputs": [{**inputs[0], "start": 2.0}]}
    assert describe(run, later) == "the input rain.wav: start was 0.0 there and is 2.0 here"
    assert (
        describe({}, {"morph_to": [0.0, 1.0]})
        == "morph_to was not set there and is [0.0, 1.0] here"
    )


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("waiting") / "mono.wav"
    soundfile.write(path, crackle(8000).T, 8000)
    return str(path)


@pytest.mark.slow
def test_resume_alone_goes_on(sound, tmp_path):
    """`--output_dir=X --resume` reads X/config.json; flags beside it that differ are told."""
    flags = (f"--input={sound}", *SMALLEST, "--evaluations=6", "--seed=3")
    out = f"--output_dir={tmp_path}/out"
    stopped = launched("texture", *flags, out, "--max_seconds=0")
    assert stopped.returncode == 0, stopped.stderr
    whole = launched("texture", *flags, f"--output_dir={tmp_path}/whole")
    record = records.read_record(str(tmp_path / "out"))
    assert record and not any(name.startswith("checkpoint") for name in record.files)
    # As a run that Ctrl-C has ended before its first evaluation.
    os.remove(tmp_path / "out/texture.wav")
    resumed = launched("texture", out, "--resume")
    assert resumed.returncode == 0 and whole.returncode == 0, resumed.stderr
    ours, theirs = ((tmp_path / name / "texture.wav").read_bytes() for name in ("out", "whole"))
    assert ours == theirs
    other = launched("texture", out, "--resume", "--seed=4")
    assert other.returncode == 2 and "--resume without other flags goes on" in other.stderr
    assert len(other.stderr.splitlines()) == 1


@pytest.mark.slow
def test_resume_alone_goes_on_with_a_stream(sound, tmp_path):
    """Also to another length; the samples are those of a stream in one go."""
    flags = (
        f"--input={sound}",
        *SMALLEST[:2],
        "--evaluations=3",
        "--block_seconds=0.6",
        "--seed=2",
    )
    out = f"--output_dir={tmp_path}/out"
    assert launched("stream", *flags, "--seconds=0.3", out).returncode == 0
    # A stream of part of a block, which has no state to go on from.
    shorter = launched("stream", out, "--seconds=0.1", "--resume")
    assert "--resume shortens nothing" in shorter.stderr and shorter.returncode == 0
    assert len(soundfile.read(tmp_path / "out/stream.wav")[0]) == 2400
    longer = launched("stream", out, "--seconds=1", "--resume")
    assert longer.returncode == 0, longer.stderr
    assert json.loads((tmp_path / "out/config.json").read_text())["seconds"] == 1.0
    shorter = launched("stream", out, "--seconds=0.3", "--resume")
    assert "--resume shortens nothing" in shorter.stderr and shorter.returncode == 0
    again = launched("stream", out, "--resume")
    assert "nothing was left to make" in again.stderr, again.stderr
    assert (
        launched("stream", *flags, "--seconds=1", f"--output_dir={tmp_path}/whole").returncode == 0
    )
    ours, theirs = (soundfile.read(tmp_path / name / "stream.wav")[0] for name in ("out", "whole"))
    assert len(ours) == 8000
    # The first stream ended in a fade; blocks after it are those of the whole.
    assert np.array_equal(ours[-2000:], theirs[-2000:])


@pytest.mark.slow
def test_ctrl_c_in_the_compiler_ends_the_program(sound, tmp_path):
    """The compiler holds the main thread for 20 s, and with it the signal; there is nothing to
    save.
    """
    process = subprocess.Popen(
        command("texture", f"--input={sound}", "--seconds=3", f"--output_dir={tmp_path}/out"),
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"JAX_COMPILATION_CACHE_DIR": str(tmp_path / "cache")},
    )
    with process:
        assert process.stderr
        next(line for line in process.stderr if line.startswith("fitting and compiling"))
        deadline = time.monotonic() + 60
        while not (tmp_path / "out/config.json").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(1)
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        said = process.stderr.read().splitlines()
        assert process.wait(timeout=60) == 130 and time.monotonic() - begun < 5
    assert said[-2:-1] == ["interrupted; nothing was made"] and "--resume" in said[-1], said


def test_a_signal_that_is_noted_waits_for_what_is_saved(tmp_path):
    """The main thread notes the signal and works on: the process ends a second later, unless the
    run has said that something is unsaved. Without, the weights of a whole training were lost.
    """
    code = """
import sys, time
from audio_texture import optimize
from launch import interrupts
interrupts.raise_once()
with optimize.Interrupts():
    interrupts.unsaved(sys.argv[1] == "unsaved")
    print("at work", flush=True)
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        time.sleep(0.05)
print("saved", flush=True)
"""
    for word, said, status in (("unsaved", "saved\n", 0), ("nothing", "", interrupts.STATUS)):
        process = subprocess.Popen(
            [sys.executable, "-c", code, word],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stdout and process.stdout.readline() == "at work\n"
            process.send_signal(signal.SIGINT)
            assert process.stdout.read() == said
            assert process.wait(timeout=60) == status


def test_the_first_look_tells_silence_and_needs_no_jax(tmp_path):
    """JAX and SciPy take over a second to import; the user waits for what is read."""
    path = tmp_path / "dog.wav"
    wave = np.zeros(40000)
    wave[8000:12000] = crackle(4000)[0]
    soundfile.write(path, wave, 8000)
    code = """
import sys
from launch import first_look
print(first_look.describe_sounds(sys.argv[1:]), {"jax", "scipy"} & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, f"--input={path}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "dog.wav: 5 s at 8000 Hz, mono; 0.5 s without silence set()\n"


@pytest.mark.slow
def test_ctrl_c_says_how_many_runs_are_kept(sound, tmp_path):
    """It said that nothing was made. The table and the page are there; the command goes on."""
    out = tmp_path / "out"
    flags = [f"--input={sound}", f"--output_dir={out}", "--sweep=seed=0:3", "--noquality"]
    flags += [*SMALLEST, "--evaluations=12"]
    status, lines = many_runs.call("sweep", flags, at=3)
    assert status == 130 and f"interrupted; kept: 2 runs in {out}" in lines, lines
    (command_line,) = [line for line in lines if line.startswith("to go on: ")]
    assert "--sweep=seed=0:3" in command_line and command_line.endswith(" --resume")
    assert (out / "sweep.html").exists() and not (out / "gallery.png").exists()
    resumed = launched("sweep", *flags, "--resume")
    assert resumed.returncode == 0 and "2 of 2 runs" in resumed.stderr, resumed.stderr
