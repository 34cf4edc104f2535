"""launch.generate --contents and launch.transfer --generator as a user runs them: contents in a
style in one pass, a training that is resumed, and one line for every mistake.
"""

import functools
import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest
import small_generators
import soundfile
from helpers import complaints, crackle, launched, noise

import audio_texture as at
from audio_texture import audio, generator_transfers, generators, recipes
from launch import generate_contents, generate_training

RATE = 8000
SMALL = (
    "--recipe=texture-fast",
    "--views=bins@32/16:1",
    *(f"--{term}_weight=0" for term in ("auditory", "patches", "rhythm")),
)


@pytest.fixture(scope="module", autouse=True)
def small_networks():
    """Networks of four levels, trained on quarter seconds: they compile in half the time."""
    sizes = small_generators.SIZES | {"sample_seconds": 0.25, "content_bands": 4}
    prepare = functools.partial(generator_transfers.prepare, **sizes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generator_transfers, "prepare", lambda *a, width, **b: prepare(*a, **b))
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("contents")
    soundfile.write(path / "mono.wav", crackle(RATE).T, RATE)
    return path


@pytest.fixture(scope="module")
def endless(folder) -> str:
    """The flag that names a generator that follows no content."""
    recipe = recipes.named("texture").to_json()
    generator = small_generators.make_generator()._replace(training={"recipe": recipe})
    generators.save(f"{folder}/endless.safetensors", generator)
    return f"--generator={folder}/endless.safetensors"


@pytest.fixture(scope="module")
def following(folder) -> Path:
    """A generator that follows contents, trained on two of the four sounds of a folder."""
    sounds = folder / "sounds" / "below"
    sounds.mkdir(parents=True)
    envelope = np.repeat([0.02, 1.0, 0.1, 1.0, 0.02, 0.3, 1.0, 0.02], 1200)
    soundfile.write(sounds / "a.wav", (envelope * noise(9600, 2, seed=4)).T, RATE)
    soundfile.write(sounds / "b.flac", crackle(6000, seed=2).T, 2 * RATE)
    soundfile.write(sounds / "silent.wav", np.zeros(4000), RATE)
    (sounds / "text.wav").write_text("no sound")
    done = launched("generate", *following_flags(folder), f"--output_dir={folder}/following")
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if "--contents: left out" in line]
    assert len(lines) == 2 and "silent.wav' is silent" in lines[0] and "text.wav" in lines[1]
    return folder / "following"


def following_flags(folder: Path) -> list[str]:
    flags = [f"--input={folder}/mono.wav", f"--contents={folder}/sounds", "--evaluations=26"]
    return [*flags, "--seed=3", *SMALL]


def test_files_of_a_generator_that_follows_contents(following):
    """The first content in the style, of its length; both contents in the configuration."""
    config = json.loads((following / "config.json").read_text())
    assert [Path(entry["source"]).name for entry in config["contents"]] == ["a.wav", "b.flac"]
    assert all(len(entry["sha256"]) == 64 for entry in config["contents"])
    assert config["recipe"]["task"] == "transfer" and "seconds" not in config
    assert audio.read(f"{following}/generated.wav")[0].shape == (1, 9600)
    generator = generators.load(f"{following}/generator.safetensors")
    assert generator.config.content_bands and generator.styles.names == ("mono",)
    rows = [json.loads(line) for line in (following / "metrics.jsonl").read_text().splitlines()]
    measures = rows[-1]["measures"]["generated.wav"]
    assert rows[-1]["file"] == "generated.wav" and measures.keys() > {"auditory", "onsets_kept"}
    page = (following / "report.html").read_text()
    assert page.count("<audio") == 3 and "a.wav in the style of mono.wav" in page
    assert "The first of 2 contents that a generator was trained with" in page


def test_a_training_on_contents_is_resumed(following, folder, monkeypatch):
    """By --resume alone, and with the same flags: the weights are there, the sound was lost."""
    (following / "generated.wav").rename(folder / "before.wav")
    monkeypatch.setattr(generate_training.Training, "run", None)
    weights = (following / "generator.safetensors").read_bytes()
    for flags in ([], following_flags(folder)):
        done = launched("generate", *flags, f"--output_dir={following}", "--resume")
        assert done.returncode == 0, done.stderr
        assert (following / "generator.safetensors").read_bytes() == weights
        made = (following / "generated.wav").read_bytes()
        assert made == (folder / "before.wav").read_bytes()
    other = ["--input", f"{folder}/mono.wav", f"--contents={folder}/mono.wav", "--evaluations=26"]
    flags = [*other, "--seed=3", *SMALL, f"--output_dir={following}", "--resume"]
    done = launched("generate", *flags)
    assert done.returncode == 2 and "the contents are others" in done.stderr, done.stderr


def test_a_transfer_in_one_pass(following, folder):
    """A stereo content of another rate: mixed to mono, of its own rate and length; config.json
    makes the same again, and so does a notebook.
    """
    soundfile.write(folder / "dog.wav", (crackle(15000, 2, seed=7)).T, 12000)
    generator = f"--generator={following}/generator.safetensors"
    flags = (f"--content={folder}/dog.wav", generator, "--seed=5")
    done = launched("transfer", *flags, f"--output_dir={folder}/pass", figures=True)
    assert done.returncode == 0, done.stderr
    assert "--content: mixed from 2 channels to 1" in done.stderr
    assert re.search(r"transfer.wav: 1.25 s made in one pass, in", done.stderr)
    assert re.match(r"transfer.wav: keeps \w+ of the content's", done.stderr.splitlines()[-1])
    sizes = json.loads((folder / "pass/files.json").read_text())["files"]
    assert set(sizes) == {"config.json", "transfer.wav", "quality.json", "report.html"}
    wave, rate = audio.read(f"{folder}/pass/transfer.wav")
    assert (wave.shape, rate) == ((1, 15000), 12000)
    [row] = json.loads((folder / "pass/quality.json").read_text())
    assert row["candidate"] == "transfer.wav" and -1 <= row["onsets_kept"] <= 1
    page = (folder / "pass/report.html").read_text()
    assert page.count("<audio") == 2 and "dog.wav in the style of mono" in page
    again = launched("transfer", f"--config={folder}/pass/config.json", f"--output_dir={folder}/2")
    assert again.returncode == 0, again.stderr
    made = (folder / "2/transfer.wav").read_bytes()
    assert made == (folder / "pass/transfer.wav").read_bytes()
    loaded = at.load_generator(f"{following}/generator.safetensors")
    sound = loaded.transfer(*at.load(f"{folder}/dog.wav"), seed=5)
    fade = 12000 // 200
    np.testing.assert_allclose(sound.wave[:, fade:-fade], wave[:, fade:-fade], atol=1e-5)
    with pytest.raises(at.ChoiceError, match="seed must be an integer"):
        loaded.transfer(wave, rate, seed=-1)


@pytest.mark.long
def test_trained_on_contents_in_a_notebook(following, folder):
    """The same weights as the program's."""
    choices = {"recipe": "texture-fast", "views": "bins@32/16:1", "width": 4}
    choices |= {f"{term}_weight": 0.0 for term in ("auditory", "patches", "rhythm")}
    contents = [at.load(f"{folder}/sounds/below/{name}") for name in ("a.wav", "b.flac")]
    waves = [audio.resample(wave, rate, RATE) for wave, rate in contents]
    style, _ = at.load(f"{folder}/mono.wav")
    waves = [audio.with_channels(wave, 1) for wave in waves]
    generator = at.train_transfer_generator(
        style, waves, RATE, evaluations=26, seed=3, name="mono", **choices
    )
    own = generators.load(f"{following}/generator.safetensors").parameters
    made = generator.generator.parameters
    np.testing.assert_allclose(made["head_middle"]["shift"], own["head_middle"]["shift"], atol=1e-6)


def bad_contents(folder) -> list[tuple[list[str], str]]:
    """Settings of launch.generate --contents that are refused, and what is said of them."""
    sounds, empty = f"--contents={folder}/sounds", folder / "empty"
    empty.mkdir()
    soundfile.write(folder / "quiet.wav", np.zeros(4000), RATE)
    return [
        ([f"--contents={folder}/none.wav"], "--contents: .*none.wav' does not exist"),
        ([f"--contents={folder}/quiet.wav"], "--contents: .*quiet.wav' is silent"),
        ([f"--contents={empty}"], "--contents: .*empty' holds no sound files"),
        ([sounds, "--generator=g"], "--generator: .*leave --generator or --contents out"),
        ([sounds, "--seconds=3"], "--seconds: .*first content in the style"),
        ([sounds, "--weights=1"], "--weights: .*there is one style"),
        ([sounds, "--page"], "--page: has no effect here: .*needs a content"),
        ([sounds, "--export"], "--export: has no effect here: .*needs a content"),
        ([sounds, "--input=sound:rain", "--input=sound:fire"], "--input: 2 sounds; .*one style"),
        ([sounds, "--recipe=paper-transfer-1d"], "--recipe: .*waveform canvas"),
        ([sounds, "--start_shape=1"], "--start_shape: has no effect here"),
        ([sounds, "--optimizer=lbfgs"], "--optimizer: 'lbfgs' must be adam"),
    ]


def bad_passes(folder, following, endless) -> list[tuple[list[str], str]]:
    """Settings of launch.transfer --generator that are refused, and what is said of them."""
    generator = f"--generator={following}/generator.safetensors"
    return [
        ([endless], "--generator: .*follows no content; launch.generate --contents trains"),
        ([f"--generator={folder}/none"], "--generator.*none'"),
        ([generator, f"--style={folder}/mono.wav"], "--style: .*that of the generator"),
        ([generator, "--style_weight=2"], "--style_weight: has no effect here: .*own recipe"),
        ([generator, "--evaluations=9"], "--evaluations: has no effect here"),
        ([generator, "--max_seconds=9"], "--max_seconds: .*nothing is optimised"),
        ([generator, "--resume"], "--resume: .*made again in a moment"),
        ([generator, "--content_start=1"], "--content_start: has no effect here.*built-in"),
        ([generator, f"--content={folder}/none.wav"], "--content: .*none.wav' does not exist"),
        ([generator, "--overwrite", f"--output_dir={following}"], "--output_dir: .*this run reads"),
    ]


def test_bad_contents(folder, following, endless, tmp_path):
    """One line that names flag, value and rule; exit status 2; nothing written."""
    cases = [("generate", *case) for case in bad_contents(folder)]
    cases += [("transfer", *case) for case in bad_passes(folder, following, endless)]
    follows = f"--generator={following}/generator.safetensors"
    for program in ("generate", "stream"):
        cases.append((program, [follows], "follows a content.*launch.transfer --generator takes"))
    swept = ["--program=transfer", follows, f"--content={folder}/mono.wav"]
    cases.append(("sweep", swept, "--generator: .*launch.transfer takes it"))
    for number, (program, flags, said) in enumerate(cases):
        out = [] if "--overwrite" in flags else [f"--output_dir={tmp_path}/{number}"]
        [(status, lines)] = complaints(program, [[*flags, *out]])
        assert len(lines) == 1 and re.search(said, lines[0]), f"{flags}: {lines}"
        assert status == 2, flags
        assert not (tmp_path / str(number)).exists(), flags


def test_many_contents_are_taken_evenly(tmp_path):
    """Of more than the most, from the first to the last; without a word on each."""
    for number in range(100):
        soundfile.write(tmp_path / f"{number:03}.wav", noise(800, seed=number)[0], RATE)
    names = [
        Path(entry["source"]).stem for entry in generate_contents.choose([str(tmp_path)]).entries
    ]
    assert len(names) == generate_contents.MOST_CONTENTS and names == sorted(set(names))
    assert (names[0], names[-1]) == ("000", "099")
    assert max(int(b) - int(a) for a, b in itertools.pairwise(names)) == 2
