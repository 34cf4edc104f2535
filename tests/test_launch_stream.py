"""launch.stream as a user runs it: files that grow, kills, pipes that close, disks that fill, and
one line for every mistake.
"""

import json
import re
import signal
import subprocess
import types
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers import (
    ROOT,
    command,
    complaints,
    crackle,
    figures_left_out,
    interrupted,
    launched,
    run_process,
)

from audio_texture import audio, metrics, report, streaming
from launch.stream import pages

RATE = 8000
# Small enough that a run is mostly start-up: blocks emit 0.42 s.
SMALL = ("--views=mel8@16/4:2,4", "--evaluations=5", "--block_seconds=0.6")


def run(*arguments: object, figures: bool = False) -> subprocess.CompletedProcess:
    return launched("stream", *arguments, figures=figures)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("stream")
    soundfile.write(path / "mono.wav", crackle(16000).T, RATE)
    return path


@pytest.fixture(scope="module")
def straight(folder) -> Path:
    """Three seconds made without a break, with the style kept."""
    done = run(
        f"--input={folder}/mono.wav",
        "--seconds=3",
        f"--output_dir={folder}/straight",
        f"--save_target={folder}/style",
        *SMALL,
        figures=True,
    )
    assert done.returncode == 0, done.stderr
    speed, verdict = done.stderr.splitlines()[-2:]
    assert "x real time" in speed
    assert re.match(r"stream\.wav: (very )?\w+ (to )?the recording \(distance \d", verdict), verdict
    return folder / "straight"


def test_files_of_a_run(straight):
    """The files, and a sound of the right length, rate and level."""
    assert {path.name for path in straight.iterdir()} == {
        "stream.wav",
        "config.json",
        "metrics.jsonl",
        "report.html",
        "state.safetensors",
        "files.json",
    }
    wave, rate = audio.read(f"{straight}/stream.wav")
    assert (wave.shape, rate) == ((1, 3 * RATE), RATE) and 0.01 < audio.rms(wave) < 0.06
    assert [
        json.loads(line)["block"] for line in (straight / "metrics.jsonl").read_text().splitlines()
    ] == list(range(7))


def test_the_page_plays_all_of_a_long_stream(folder, straight):
    """Its beginning and end are in the page; the whole is a link to the file beside it."""
    config = json.loads((straight / "config.json").read_text())
    path, seconds = str(folder / "a long one.wav"), 21
    audio.write(path, 0.1 * crackle(seconds * RATE), RATE)
    sink = types.SimpleNamespace(path=path, samples=seconds * RATE, sample_rate=RATE, grown=())
    judged = report.Judged("a long one.wav", metrics.give_verdict({"copied": 0.0}), {})
    with figures_left_out():
        page = pages.stream_page(config, [crackle(RATE)], sink, judged)
        loop = pages.stream_page({**config, "loop": True}, [crackle(RATE)], sink, judged)
    assert 'src="a%20long%20one.wav"' in page and "The whole file, 21.0 s" in page
    assert "a long one.wav, the first 10 s" in page and "a long one.wav, the last 10 s" in page
    # A loop is whole in the page, and goes round.
    assert re.findall(r'data-title="([^"]*)"[^>]* loop="loop"', loop) == ["a long one.wav"]
    assert "%20" not in loop and "Loop of mono.wav" in loop


def test_killed_and_resumed(straight, folder):
    """Killed outright, with samples behind the last state: the rest fits to the sample, at the
    length that is asked for then.
    """
    out = folder / "killed"
    arguments = (f"--input={folder}/mono.wav", f"--output_dir={out}", *SMALL)
    process = subprocess.Popen(
        command("stream", "--seconds=0", *arguments), cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    blocks = 0
    for line in process.stderr:
        blocks += "real time" in line
        if blocks == 3:
            process.send_signal(signal.SIGKILL)
            break
    process.stderr.close()
    assert process.wait(timeout=60) == -signal.SIGKILL
    made, _ = audio.read(f"{out}/stream.wav")
    expected, _ = audio.read(f"{straight}/stream.wav")
    shared = min(made.shape[1], expected.shape[1])
    np.testing.assert_array_equal(made[:, :shared], expected[:, :shared])
    # As if killed within a block: the header is older than the last samples.
    with open(out / "stream.wav", "ab") as file:
        file.write(bytes(3001))
    other = run("--resume", "--seconds=3", "--seed=1", *arguments)
    assert (
        other.returncode == 2
        and "--resume" in other.stderr
        and "seed was 0 there and is 1 here" in other.stderr
    )
    done = run("--resume", "--seconds=3", *arguments)
    assert done.returncode == 0, done.stderr
    assert (out / "stream.wav").read_bytes() == (straight / "stream.wav").read_bytes()
    rows = [json.loads(line)["block"] for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert rows == sorted(set(rows))


def test_made_longer(straight, folder):
    """A finished stream fades at its end; made longer, nothing of that fade is left in it."""
    style = streaming.load_style(f"{folder}/style")
    block = streaming.prepare_stream(style).samples
    arguments = (f"--target={folder}/style", f"--output_dir={folder}/longer")
    done = run(f"--seconds={2 * block / RATE}", *arguments)
    assert done.returncode == 0, done.stderr
    made, expected = (audio.read(f"{path}/stream.wav")[0] for path in (folder / "longer", straight))
    assert made.shape == (1, 2 * block)
    faded = audio.fade_out(expected[:, : 2 * block], RATE // 200)
    np.testing.assert_allclose(made, faded, atol=1e-6)
    assert np.max(np.abs(made[:, [0, -1]])) < 0.01 * audio.rms(made)
    done = run("--seconds=3", "--resume", *arguments)
    assert done.returncode == 0, done.stderr
    assert (folder / "longer/stream.wav").read_bytes() == (straight / "stream.wav").read_bytes()


def test_interrupted(folder):
    """Ctrl-C: status 130 and a file that ends with a block."""
    arguments = (f"--target={folder}/style", f"--output_dir={folder}/interrupted")
    status, rest = interrupted(command("stream", "--seconds=0", *arguments), "real time")
    assert status == 130, rest
    assert (
        audio.read(f"{folder}/interrupted/stream.wav")[0].shape[1] > 0
        and (folder / "interrupted/report.html").exists()
    )


def test_a_pipe(straight, folder):
    """Raw samples, the same as in a file, without the recording; no file is written; a player that
    closes the pipe ends the stream in one line.
    """
    before = {path.name for path in folder.iterdir()}
    style = f"--target={folder}/style"
    done = run_process("stream", style, "--seconds=1", "--output=-", text=False)
    assert done.returncode == 0 and b"16-bit little-endian" in done.stderr
    wave = np.frombuffer(done.stdout, "<i2") / 32767
    expected = audio.fade_out(audio.read(f"{straight}/stream.wav")[0][:, :RATE], RATE // 200)
    np.testing.assert_allclose(wave, expected[0], atol=2e-5)
    assert {path.name for path in folder.iterdir()} == before

    process = subprocess.Popen(
        command("stream", style, "--seconds=0", "--output=-"),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert len(process.stdout.read(100)) == 100
    process.stdout.close()
    lines = process.stderr.read().decode().splitlines()
    process.stderr.close()
    assert process.wait(timeout=60) == 1
    assert "its reader has gone; " in lines[-1] and not any("Traceback" in line for line in lines)


def test_a_full_disk(folder):
    """Stops with status 1 and a line; the file holds whole blocks."""
    out, kilobytes = folder / "full", 40
    limited = [
        "bash",
        "-c",
        f'ulimit -f {kilobytes}; exec "$@"',
        "bash",
        *command("stream", f"--target={folder}/style", "--seconds=30", f"--output_dir={out}"),
    ]
    done = subprocess.run(
        limited, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert (
        done.returncode == 1
        and "disk full" in done.stderr.splitlines()[-1]
        and "Traceback" not in done.stderr
    ), done.stderr
    wave, _ = audio.read(f"{out}/stream.wav")
    assert 0 < 3 * wave.shape[1] < 1024 * kilobytes
    assert not list(out.glob("*.partial"))


def test_a_loop(folder):
    done = run(
        f"--target={folder}/style",
        "--seconds=0.5",
        "--loop",
        f"--output_dir={folder}/loop",
    )
    assert done.returncode == 0, done.stderr
    assert audio.read(f"{folder}/loop/stream.wav")[0].shape == (1, 4000)
    page = (folder / "loop/report.html").read_text()
    headings = re.findall(r"<section><h2>(.*?)</h2>", page)
    assert headings[:2] == ["Verdict", "Listen"] and 'loop="loop"' in page


@pytest.mark.long
def test_a_morph(folder):
    """From one to the other; of another length it is another morph, and --resume refuses it."""
    arguments = (
        f"--input={folder}/mono.wav",
        "--input=sound:rain",
        "--weights=1,0",
        "--morph_to=0,1",
        f"--output_dir={folder}/morph",
        *SMALL,
    )
    done = run(*arguments, "--seconds=2")
    assert done.returncode == 0, done.stderr
    page = (folder / "morph/report.html").read_text()
    assert "Weights over time" in page and "Distance to each input over time" in page
    other = run(*arguments, "--seconds=3", "--resume")
    assert other.returncode == 2 and "--resume" in other.stderr and "seconds was 2" in other.stderr


def bad_settings(folder) -> list[tuple[list[str], str]]:
    """Settings of launch.stream that are refused, and what is said of them."""
    sound, style = f"--input={folder}/mono.wav", f"--target={folder}/style"
    return [
        (
            [sound, *SMALL, "--loop", "--seconds=0.05", "--views=mel8@16/4:40"],
            "--seconds.*shorter than the longest kernel",
        ),
        ([sound, "--loop", "--seconds=0"], "--seconds: 0 s is out of range"),
        ([sound, "--seconds=-1"], "--seconds.*-1"),
        ([sound, "--seconds=nan"], "--seconds.*nan"),
        ([sound, "--seconds=1e9", *SMALL], "--seconds.*wav file holds"),
        ([sound, "--block_seconds=0.1"], "--block_seconds.*0.1 is too short"),
        ([sound, "--recipe=paper-1d"], "--recipe.*waveform canvas"),
        ([sound, style], "--target.*leave --input"),
        ([style, "--morph_to=1"], "--target.*leave --morph_to"),
        ([sound, sound, "--morph_to=1,0", "--seconds=0"], "--morph_to.*needs an end"),
        ([sound, sound, "--morph_to=1,0", "--loop"], "--morph_to.*no --loop"),
        ([sound, "--bands=low:sound:rain,high:sound:fire"], "--bands.*leave --input out"),
        ([style, "--recipe=texture"], "--target.*texture-fast.*texture"),
        ([style, "--views=mel8@16/4:2"], "--target.*--views"),
        ([style, "--views=mel8@16/4:2,4"], "--views: has no effect here.*fitted with it already"),
        ([style, "--input_seconds=3"], "--target.*leave --input_seconds out"),
        ([style, "--learning_rate=0.1"], "--learning_rate: has no effect here.*Adam"),
        (
            [sound, "--start=standard"],
            "--start: has no effect here: a stream or loop always starts from a walk",
        ),
        (
            [sound, "--loop", "--tolerance=0.1", "--evaluations=60"],
            "--tolerance: has no effect here: losses are compared over 100",
        ),
        ([sound, "--output=-"], "--output_dir: has no effect here: --output=- writes no files"),
        (["--input_start=1"], "--input_start: has no effect here.*built-in"),
        ([sound, "--weights=1"], "--weights: has no effect here: there is one input"),
    ]


def bad_files(folder, straight) -> list[tuple[list[str], str]]:
    """Files that launch.stream does not read or replace, and what is said of them."""
    sound, style = f"--input={folder}/mono.wav", f"--target={folder}/style"
    return [
        ([f"--target={folder}/mono.wav"], "--target.*mono.wav"),
        ([f"--target={straight}/state.safetensors"], "--target.*holds no style"),
        ([f"--target={folder}/no"], "--target.*'.*/no'"),
        ([sound, f"--save_target={folder}/nowhere/style"], "--save_target.*cannot be written"),
        (
            [f"--input={folder}/own/stream.wav", f"--output_dir={folder}/own"],
            "--output_dir.*'stream.wav' there is .*which this run reads",
        ),
        (
            [sound, f"--output_dir={folder}/own", "--overwrite"],
            "--output_dir.*holds 'stream.wav', which no earlier run",
        ),
        (
            [sound, f"--input={straight}/stream.wav", f"--output_dir={straight}", "--overwrite"],
            "--output_dir.*'stream.wav' there is .*which this run reads",
        ),
        (
            [sound, f"--save_target={folder}/mono.wav", "--overwrite"],
            "--save_target.*mono.wav' is a file that this run reads",
        ),
        (
            [sound, f"--save_target={folder}/own/stream.wav", "--overwrite"],
            "--save_target.*is not a style",
        ),
        ([sound, f"--save_target={folder}/style"], "--save_target.*style' exists; .*--overwrite"),
        (
            [style, f"--save_target={folder}/style", "--overwrite"],
            "--save_target.*style' is a file that this run reads",
        ),
        ([sound, "--output=stream.mp3"], "--output.*stream.mp3.*wav"),
        ([sound, "--resume"], "--resume.*config.json"),
        ([sound, "--resume", "--loop"], "--resume.*loop"),
        ([sound, "--output_dir", str(straight)], "--output_dir.*--overwrite"),
    ]


def test_bad_input(straight, folder, tmp_path):
    """One line that names flag, value and rule; exit status 2; nothing written, not even the
    folder.
    """
    (folder / "own").mkdir()
    (folder / "own/stream.wav").write_bytes((folder / "mono.wav").read_bytes())
    cases = [*bad_settings(folder), *bad_files(folder, straight)]
    asked = [
        [
            *flags,
            *(
                []
                if any(flag.startswith("--output_dir") for flag in flags)
                else [f"--output_dir={tmp_path}/{number}"]
            ),
        ]
        for number, (flags, _) in enumerate(cases)
    ]
    for number, ((flags, said), (status, lines)) in enumerate(
        zip(cases, complaints("stream", asked), strict=True)
    ):
        assert len(lines) == 1 and re.search(said, lines[0]), f"{flags}: {lines}"
        assert status == 2, flags
        assert not (tmp_path / str(number)).exists(), flags
