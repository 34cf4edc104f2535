"""launch.generate and launch.stream --generator as a user runs them: a training that is interrupted
and resumed, sound of any stretch, styles that are added, and one line for every mistake.
"""

import json
import re
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers import complaints, crackle, launched, noise, run_process

import audio_texture as at
from audio_texture import audio, files, generator_training, generators
from launch import generate_training

RATE = 8000
# Small enough that a run is mostly start-up. The samples come after the first chunk.
SMALL = ("--recipe=texture-fast", "--views=bins@32/16:1", "--width=4")
RESULTS = ("generator.safetensors", "generated.wav")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("generate")
    soundfile.write(path / "mono.wav", crackle(RATE).T, RATE)
    soundfile.write(path / "other.wav", noise(2 * RATE).T, 2 * RATE)
    return path


def flags_of(folder: Path) -> list[str]:
    """Of the run in the fixture `straight`, but for the folder."""
    return [
        f"--input={folder}/mono.wav",
        "--seconds=2",
        "--position=0.3",
        "--train_seconds=13",
        *SMALL,
    ]


@pytest.fixture(scope="module")
def straight(folder) -> Path:
    """A generator of one style, and two seconds of its sound from 0.3 s on. The machine is said to
    take half a second for an evaluation.
    """
    out = folder / "straight"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generator_training, "seconds_per_evaluation", lambda training: 0.5)
        done = launched("generate", *flags_of(folder), f"--output_dir={out}", figures=True)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert "26 evaluations in 13 s, 0.5 s each" in lines
    assert any(
        re.match(r".*sample_1\.wav, after 25 of 26 evaluations: \w+", line) for line in lines
    )
    assert re.match(r"generated\.wav: .* the recording \(distance \d", lines[-1]), lines
    return out


@pytest.fixture(scope="module")
def trained(straight) -> str:
    """The flag that names the generator."""
    return f"--generator={straight}/generator.safetensors"


def read(path: Path) -> np.ndarray:
    return audio.read(str(path))[0]


def test_files_of_a_run(straight):
    """All is there, listed, and of the right length; the measures of the sample too."""
    names = {path.name for path in straight.iterdir()}
    assert names == {
        *RESULTS,
        *("config.json", "metrics.jsonl", "files.json", "report.html", "sample_1.wav"),
    }
    sizes = json.loads((straight / "files.json").read_text())["files"]
    assert all((straight / name).stat().st_size == size for name, size in sizes.items())
    assert set(sizes) == names - {"files.json"}
    wave, sample = read(straight / "generated.wav"), read(straight / "sample_1.wav")
    assert wave.shape == (1, 2 * RATE) and sample.shape == (1, 8 * RATE)
    assert 0.5 < audio.rms(wave) / audio.rms(crackle(RATE)) < 2
    rows = [json.loads(line) for line in (straight / "metrics.jsonl").read_text().splitlines()]
    assert [(row.get("file"), row["evaluations"]) for row in rows] == [
        (None, 25),
        ("sample_1.wav", 25),
        (None, 26),
        ("generated.wav", 26),
    ]
    assert rows[1]["measures"]["mono"]["auditory"] > 0
    assert rows[3]["measures"]["generated.wav"].keys() > {"auditory", "copied", "level_db"}
    page = (straight / "report.html").read_text()
    headings = re.findall(r"<section><h2>(.*?)</h2>", page)
    assert headings[:3] == ["Verdict", "Listen", "During the training"] and "Loss" in headings
    assert "Generator of mono" in page and "sample_1.wav, after 25 evaluations" in page


def test_interrupted_and_resumed(straight, folder, monkeypatch):
    """Made again from config.json alone, with Ctrl-C after a chunk: the checkpoint is kept, and
    --resume alone ends with the same bytes.
    """
    write, out, interrupted = generate_training.Log.write_chunks, folder / "again", []

    def interrupt(log, progress):
        write(log, progress)
        if not interrupted:
            interrupted.append(len(progress))
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(generate_training.Log, "write_chunks", interrupt)
    done = launched("generate", f"--config={straight}/config.json", f"--output_dir={out}")
    kept, go_on = done.stderr.splitlines()[-2:]
    assert done.returncode == 130
    assert "checkpoint.safetensors, the training after 25 of 26 evaluations" in kept
    assert go_on.startswith("to go on: ") and go_on.endswith("--resume")
    assert not (out / "generated.wav").exists()
    monkeypatch.undo()
    busy = launched("generate", f"--output_dir={out}")
    assert busy.returncode == 2 and "at 25 of 26 evaluations: --resume goes on" in busy.stderr
    done = launched("generate", f"--output_dir={out}", "--resume")
    assert done.returncode == 0, done.stderr
    for name in RESULTS:
        assert (out / name).read_bytes() == (straight / name).read_bytes(), name
    assert not (out / "checkpoint.safetensors").exists()
    assert (out / "sample_1.wav").read_bytes() == (straight / "sample_1.wav").read_bytes()


def test_a_finished_training_is_not_repeated(straight, folder, monkeypatch):
    """The sound was lost and a page is wanted now: --resume makes both of the trained weights; the
    speed of the machine does not matter any more.
    """
    out, weights = folder / "copied", (straight / "generator.safetensors").read_bytes()
    out.mkdir()
    for path in straight.iterdir():
        (out / path.name).write_bytes(path.read_bytes())
    (out / "generated.wav").unlink()
    monkeypatch.setattr(
        generators,
        "write_page",
        lambda path, generator, *, title: Path(path).write_text(
            f"{title} {generator.styles.names}"
        ),
        raising=False,
    )
    monkeypatch.setattr(generators, "export_step", lambda generator: b"program", raising=False)
    monkeypatch.setattr(generators, "check_export_package", lambda: None)
    monkeypatch.setattr(generate_training.Training, "run", None)
    wanted = ("--resume", "--page", "--export", f"--output_dir={out}")
    done = launched("generate", *flags_of(folder), *wanted)
    assert done.returncode == 0, done.stderr
    assert (out / "generator.safetensors").read_bytes() == weights
    assert (out / "generated.wav").read_bytes() == (straight / "generated.wav").read_bytes()
    assert (out / "page.html").read_text() == "mono ('mono',)"
    assert (out / "generator.stablehlo").read_bytes() == b"program"
    listed = json.loads((out / "files.json").read_text())["files"]
    assert listed["page.html"] and listed["generator.stablehlo"] == 7


def test_any_stretch_streams_alike(straight, folder, trained):
    """A stream, the same piped and made longer, and a later stretch by itself: one sound."""
    done = launched("stream", trained, "--seconds=5", f"--output_dir={folder}/stream")
    assert done.returncode == 0 and "x real time" in done.stderr, done.stderr
    wave = read(folder / "stream/stream.wav")
    assert wave.shape == (1, 5 * RATE) and np.max(np.abs(wave[:, [0, -1]])) < 0.01 * audio.rms(wave)
    assert "Stream of generator.safetensors" in (folder / "stream/report.html").read_text()
    # All but the faded ends of the other stretch.
    fade, first = RATE // 200, round(0.3 * RATE)
    stretch = read(straight / "generated.wav")[:, fade:-fade]
    np.testing.assert_allclose(stretch, wave[:, first + fade : first + 2 * RATE - fade], atol=1e-6)
    piped = run_process("stream", trained, "--seconds=1", "--output=-", text=False)
    assert piped.returncode == 0 and b"signed 16-bit" in piped.stderr
    samples = np.frombuffer(piped.stdout, "<i2") / 32767
    np.testing.assert_allclose(samples[:-fade], wave[0, : RATE - fade], atol=3e-5)
    longer = ("--seconds=9", f"--output_dir={folder}/stream")
    done = launched("stream", trained, "--resume", *longer)
    assert done.returncode == 0, done.stderr
    done = launched("stream", trained, "--seconds=9", f"--output_dir={folder}/at once")
    resumed, whole = (read(folder / name / "stream.wav") for name in ("stream", "at once"))
    np.testing.assert_allclose(resumed, whole, atol=1e-6)
    other = launched("stream", trained, "--resume", "--seed=1", *longer)
    assert other.returncode == 2 and "seed was 0 there and is 1 here" in other.stderr


@pytest.mark.long
def test_a_style_added_and_morphed_to(folder, trained):
    """The old style stays as it is; the new recording, of another rate, is resampled and said so;
    the sound goes from one to the other.
    """
    out = folder / "two"
    flags = (f"--input={folder}/other.wav", "--seconds=4", "--weights=1,0", "--morph_to=0,1")
    done = launched(
        "generate", trained, *flags, *SMALL[:2], "--evaluations=5", f"--output_dir={out}"
    )
    assert done.returncode == 0, done.stderr
    assert "resampled from 16000 to 8000 Hz, the rate of the generator" in done.stderr
    both = generators.load(f"{out}/generator.safetensors")
    assert both.styles.names == ("mono", "other")
    old = generators.load(trained.partition("=")[2])
    ends = [generators.stretch(both, seconds=0.75, weights=weights) for weights in ([1, 0], [0, 1])]
    np.testing.assert_allclose(ends[0], generators.stretch(old, seconds=0.75), atol=1e-5)
    fade, morph = RATE // 200, read(out / "generated.wav")
    assert morph.shape == (1, 4 * RATE)
    np.testing.assert_allclose(morph[:, fade : RATE // 2], ends[0][:, fade : RATE // 2], atol=1e-5)
    late = generators.stretch(both, start=3.5, seconds=0.5, weights=[0, 1])[:, :-fade]
    assert np.std(morph[:, -RATE // 2 : -fade] - late) < 0.1 * np.std(late)
    page = (out / "report.html").read_text()
    assert "other by itself" in page and "Weights over time" in page


def test_in_a_notebook(straight, trained):
    """A generator that is loaded makes the sound that the program makes, and refuses what is no
    length.
    """
    generator = at.load_generator(trained.partition("=")[2])
    assert generator.styles == ("mono",) and "mono; 8000 Hz" in repr(generator)
    sound, fade = generator.make(2, position=0.3), RATE // 200
    expected = read(straight / "generated.wav")[:, fade:-fade]
    np.testing.assert_allclose(sound.wave[:, fade:-fade], expected, atol=1e-6)
    sound, last = generator.make(0.1, seed=np.int64(3)), 2**31 * generator.generator.config.chunk
    np.testing.assert_array_equal(sound.wave, generator.make(0.1, seed=3).wave)
    for options, said in (
        ({"seconds": 0}, "seconds must be above 0, got 0"),
        ({"seconds": 1, "seed": 2**32}, "seed must be an integer"),
        ({"seconds": 1, "seed": 1.0}, "seed must be an integer"),
        ({"seconds": 1, "position": float("nan")}, "position must be 0 s or later"),
        ({"seconds": 1, "position": last / RATE}, "position must be before .* s, the end"),
        ({"seconds": 1, "morph_to": [1, 0]}, "one for each of the 1"),
    ):
        with pytest.raises(at.ChoiceError, match=said) as caught:
            generator.make(**options)
        assert caught.value.field in options
    with pytest.raises(at.ChoiceError, match="width must be left out"):
        at.train_generator(noise(RATE), RATE, base=generator, width=8)


@pytest.mark.long
def test_trained_in_a_notebook(straight, folder):
    """The same weights as the program's."""
    choices = {"recipe": "texture-fast", "views": "bins@32/16:1", "width": 4}
    wave, rate = at.load(f"{folder}/mono.wav")
    generator = at.train_generator(wave, rate, evaluations=26, names=["mono"], **choices)
    generator.save(f"{folder}/notebook")
    assert (folder / "notebook").read_bytes() == (straight / "generator.safetensors").read_bytes()


def bad_settings(folder, straight, trained) -> list[tuple[list[str], str]]:
    """Settings of launch.generate that are refused, and what is said of them."""
    sound = f"--input={folder}/mono.wav"
    return [
        ([f"--generator={folder}/style"], "--generator: .*style file.*--target takes it"),
        ([f"--generator={folder}/mono.wav"], "--generator.*mono.wav' is not a safetensors file"),
        ([f"--generator={folder}/none"], "--generator.*none'"),
        ([f"--generator={folder}/newer"], "--generator.*format is 'audio-texture generator 99'"),
        ([trained, "--train_seconds=9"], "--train_seconds: .*without --input nothing is trained"),
        ([trained, "--evaluations=9"], "--evaluations: .*without --input nothing is trained"),
        ([trained, "--weights=1,2"], "--weights: has no effect here: there is one style"),
        ([trained, sound, "--weights=1"], "--weights: 1 weight for 2 styles; each style needs one"),
        ([trained, sound, "--width=9"], "--width: has no effect here: the network is that of"),
        ([trained, "--seconds=0"], "--seconds: 0 s must be at least"),
        ([trained, "--seconds=1e9"], "--seconds: .*wav"),
        ([trained, "--position=-1"], "--position=-1: must be a number from 0"),
        ([trained, "--position=nan"], "--position=nan: must be a number from 0 to 10000000"),
        ([sound, "--train_seconds=nan"], "--train_seconds=nan: must be a number from 1"),
        ([sound, "--train_seconds=inf"], "--train_seconds=inf: must be a number from 1"),
        ([sound, "--evaluations=9", "--train_seconds=9"], "--train_seconds: .*leave one of them"),
        ([sound, "--optimizer=lbfgs"], "--optimizer: 'lbfgs' must be adam"),
        ([sound, "--tolerance=0.1"], "--tolerance: has no effect here: a training spends all"),
        ([sound, "--normalised_by=start"], "--normalised_by must be target or nothing in a train"),
        ([sound, "--recipe=transfer"], "--recipe: .*launch.transfer"),
        (["--input_start=1"], "--input_start: has no effect here.*built-in"),
        ([sound, f"--config={straight}/config.json"], "--input: --config=.*has a value for it"),
        ([sound, "--output_dir", str(straight)], "--output_dir.*already holds a run"),
        ([trained, "--output_dir", str(straight), "--overwrite"], "--output_dir: .*this run reads"),
    ]


def bad_streams(folder, trained) -> list[tuple[list[str], str]]:
    """Settings of launch.stream --generator that are refused, and what is said of them."""
    return [
        (
            [f"--target={trained.partition('=')[2]}"],
            "--target: .*a generator.*--generator takes it",
        ),
        ([f"--generator={folder}/style"], "--generator: .*style file"),
        ([trained, f"--input={folder}/mono.wav"], "--generator: .*leave --input out"),
        ([trained, "--evaluations=9"], "--generator: .*nothing is optimised; leave --evaluations"),
        ([trained, "--loop"], "--generator: .*leave --loop out"),
        ([trained, f"--target={folder}/style"], "--generator: .*leave --target out"),
        ([trained, "--morph_to=1", "--seconds=0"], "--morph_to: a morph needs an end"),
        ([trained, "--morph_to=1"], "--morph_to: has no effect here: there is one style"),
    ]


def test_an_export_needs_its_package(folder, tmp_path, monkeypatch):
    """Said before anything is trained, not after."""
    monkeypatch.setitem(sys.modules, "flatbuffers", None)
    out = tmp_path / "out"
    [(status, lines)] = complaints(
        "generate", [[f"--input={folder}/mono.wav", "--export", f"--output_dir={out}"]]
    )
    assert status == 2 and len(lines) == 1 and not out.exists()
    assert re.search("--export: .*pip install flatbuffers", lines[0])


def test_bad_input(folder, straight, trained, tmp_path):
    """One line that names flag, value and rule; exit status 2; nothing written, not even the
    folder.
    """
    files.write_arrays(f"{folder}/style", {}, {"format": "audio-texture style 4"})
    files.write_arrays(f"{folder}/newer", {}, {"format": "audio-texture generator 99"})
    cases = [("generate", *case) for case in bad_settings(folder, straight, trained)]
    cases += [("stream", *case) for case in bad_streams(folder, trained)]
    for number, (program, flags, said) in enumerate(cases):
        out = [] if "--output_dir" in flags else [f"--output_dir={tmp_path}/{number}"]
        [(status, lines)] = complaints(program, [[*flags, *out]])
        assert len(lines) == 1 and re.search(said, lines[0]), f"{flags}: {lines}"
        assert status == 2, flags
        assert not (tmp_path / str(number)).exists(), flags
