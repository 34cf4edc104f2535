"""launch.texture as a user runs it: files in a folder, one line for every mistake."""

import json
import re
import subprocess
from pathlib import Path

import many_runs
import numpy as np
import pytest
import small_generators
import soundfile
from helpers import SMALLEST, launched

from audio_texture import audio, generators, recipes
from launch import run_io
from launch.flag_set import FlagSet
from launch.flags import define_recipe_flags, recipe_from_values

SMALL = (*SMALLEST, "--evaluations=30")


def run(*arguments: str, figures: bool = False) -> subprocess.CompletedProcess:
    return launched("texture", *arguments, figures=figures)


def crackle(samples: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    """Decaying clicks over noise, [channels, samples]. The second channel is the first at half its
    level, with a little noise.
    """
    rng = np.random.default_rng(seed)
    clicks = rng.normal(size=samples) * (rng.random(samples) < 0.003)
    wave = (
        0.01 * rng.normal(size=samples)
        + np.convolve(clicks, np.exp(-np.arange(60) / 10))[:samples] * 0.3
    )
    return np.stack([wave] + [0.5 * wave + 0.001 * rng.normal(size=samples)] * (channels - 1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("texture")
    soundfile.write(path / "mono.wav", crackle(16000).T, 16000)
    soundfile.write(path / "stereo.flac", crackle(24000, 2).T, 48000)
    soundfile.write(path / "slow.wav", crackle(8000).T, 8000)
    return path


@pytest.fixture(scope="module")
def first_run(folder) -> Path:
    done = run(f"--input={folder}/slow.wav", f"--output_dir={folder}/first", *SMALL, figures=True)
    assert done.returncode == 0, done.stderr
    return folder / "first"


def test_files_of_a_run(first_run, folder):
    """The files, and the sound: right length, rate and level, no silence, no copy."""
    assert {path.name for path in first_run.iterdir()} == {
        "texture.wav",
        "config.json",
        "metrics.jsonl",
        "report.html",
        "files.json",
    }
    wave, rate = audio.read(str(first_run / "texture.wav"))
    reference, _ = audio.read(str(folder / "slow.wav"))
    assert (wave.shape, rate) == ((1, 2400), 8000)
    assert audio.audible_rms(wave, sample_rate=rate) == pytest.approx(
        audio.audible_rms(reference, sample_rate=rate), rel=0.01
    )
    frames = wave[0].reshape(-1, 240)
    assert np.sqrt(np.mean(frames**2, axis=1)).min() > 0.05 * audio.rms(reference)
    lags = np.correlate(reference[0], wave[0], "full")
    assert np.abs(lags).max() < 0.7 * np.linalg.norm(wave) * np.linalg.norm(reference[0][:2400])
    rows = [json.loads(line) for line in (first_run / "metrics.jsonl").read_text().splitlines()]
    assert [row["evaluations"] for row in rows] == [25, 30]
    assert rows[-1]["loss"] < 0.5 * 1 and rows[-1]["loss"] <= rows[0]["loss"]
    assert sum(rows[-1]["terms"].values()) == pytest.approx(rows[-1]["loss"], rel=1e-4)
    page = (first_run / "report.html").read_text()
    assert page.count("<audio") == 2 and "http" not in re.sub(r"base64,[^\"]*", "", page)
    # The verdict stands first; a third of a second has none.
    heading, first = re.findall(r"<section><h2>(.*?)</h2>(.*?)</section>", page, re.DOTALL)[0]
    assert heading == "Verdict" and "not judged: the result lasts 0.3 s" in first


def test_config_makes_it_again(first_run, folder):
    """config.json is enough: no other flag is needed, and the samples are the same."""
    done = run(f"--config={first_run}/config.json", f"--output_dir={folder}/again")
    assert done.returncode == 0, done.stderr
    assert (folder / "again/texture.wav").read_bytes() == (first_run / "texture.wav").read_bytes()
    assert json.loads((folder / "again/config.json").read_text()) == json.loads(
        (first_run / "config.json").read_text()
    )


def test_an_earlier_run_is_kept(first_run, folder):
    """Without --overwrite nothing of it changes; with it, the run is replaced, and the user's own
    files stay.
    """
    before = (first_run / "texture.wav").read_bytes()
    done = run(f"--input={folder}/slow.wav", f"--output_dir={first_run}", *SMALL)
    assert done.returncode == 2 and "--overwrite" in done.stderr
    assert (first_run / "texture.wav").read_bytes() == before
    kept = folder / "overwritten"
    few = (*SMALLEST, "--evaluations=2")
    run(f"--input={folder}/slow.wav", f"--output_dir={kept}", "--samples=2", *few)
    (kept / "notes.txt").write_text("mine")
    done = run(
        f"--input={folder}/slow.wav",
        f"--output_dir={kept}",
        "--overwrite",
        "--output_format=flac",
        *few,
    )
    assert done.returncode == 0, done.stderr
    assert {path.name for path in kept.iterdir()} == {
        "texture.flac",
        "config.json",
        "metrics.jsonl",
        "report.html",
        "files.json",
        "notes.txt",
    }


def test_samples_are_seeds(first_run, folder):
    """Sample i is what seed + i makes alone, so one of many can be made again; and they differ."""
    done = run(f"--input={folder}/slow.wav", f"--output_dir={folder}/two", "--samples=2", *SMALL)
    assert done.returncode == 0, done.stderr
    zero, one = ((folder / f"two/texture_{i}.wav").read_bytes() for i in (0, 1))
    assert zero == (first_run / "texture.wav").read_bytes() != one


def test_the_default_recipe(folder):
    """Without --recipe all terms of `texture` are in the loss."""
    out = folder / "default"
    done = run(f"--input={folder}/mono.wav", f"--output_dir={out}", *SMALLEST[1:])
    assert done.returncode == 0, done.stderr
    assert json.loads((out / "config.json").read_text())["recipe"]["name"] == "texture"
    row = json.loads((out / "metrics.jsonl").read_text().splitlines()[-1])
    assert {"auditory", "patches", "rhythm"} <= set(row["terms"])


def test_the_default_recipe_is_texture():
    flag_set = FlagSet()
    define_recipe_flags(flag_set)
    assert recipe_from_values(flag_set.parse([])[0]).name == "texture"


@pytest.mark.parametrize(
    "name, channels, rate", [("stereo.flac", 2, 48000), ("mono.wav", 1, 16000)]
)
def test_rate_and_channels_are_the_inputs(folder, name, channels, rate):
    """Peers turn everything into 22.05 kHz mono."""
    done = run(f"--input={folder}/{name}", f"--output_dir={folder}/{name}-out", *SMALL)
    assert done.returncode == 0, done.stderr
    wave, result_rate = audio.read(f"{folder}/{name}-out/texture.wav")
    assert (wave.shape, result_rate) == ((channels, round(0.3 * rate)), rate)
    if channels == 2:
        assert np.corrcoef(wave)[0, 1] > 0.9
        assert audio.rms(wave[1:]) / audio.rms(wave[:1]) == pytest.approx(0.5, rel=0.15)


@pytest.mark.parametrize("recipe", ["infinite-width", "paper-1d"])
def test_recipes_through_spectrograms(folder, recipe):
    """The other canvas, with phase recovery; the paper's with fewer filters, to save minutes."""
    filters = () if recipe == "infinite-width" else ("--filters=64",)
    done = run(
        f"--input={folder}/mono.wav",
        f"--output_dir={folder}/{recipe}",
        f"--recipe={recipe}",
        "--evaluations=12",
        "--seconds=0.7",
        *filters,
    )
    assert done.returncode == 0, done.stderr
    wave, rate = audio.read(f"{folder}/{recipe}/texture.wav")
    assert (wave.shape, rate) == ((1, 11200), 16000)
    assert audio.rms(wave) > 0.01


def test_mixture(folder):
    """Two inputs of other rates and channel counts; the first one's rate and channels rule."""
    done = run(
        f"--input={folder}/mono.wav",
        f"--input={folder}/stereo.flac",
        "--weights=1,3",
        f"--output_dir={folder}/mixture",
        *SMALL,
    )
    assert done.returncode == 0, done.stderr
    assert audio.read(f"{folder}/mixture/texture.wav")[0].shape == (1, 4800)


@pytest.mark.slow
def test_a_morph_at_the_users_time_scale(folder):
    """The scales in use are printed; copying, weights and distances are in the page; and
    config.json makes it again.
    """
    inputs = (
        f"--input={folder}/mono.wav",
        f"--input={folder}/slow.wav",
        "--weights=1,0",
        "--morph_to=0,1",
    )
    done = run(
        *inputs,
        "--recipe=texture-fast",
        "--views=mel8@32/16:1",
        "--time_scale=48,100",
        "--evaluations=5",
        "--seconds=1.2",
        f"--output_dir={folder}/morph",
    )
    assert done.returncode == 0, done.stderr
    seen = "events up to 96 ms long are kept whole (networks see 48 to 96 ms at once)"
    assert seen in done.stderr
    page = (folder / "morph/report.html").read_text()
    for heading in ("Copying", "Weights over time", "Distance to each input over time"):
        assert f"<h2>{heading}</h2>" in page
    assert "Lower is more alike." in page
    again = run(f"--config={folder}/morph/config.json", f"--output_dir={folder}/morph-again")
    assert again.returncode == 0, again.stderr
    assert (folder / "morph-again/texture.wav").read_bytes() == (
        folder / "morph/texture.wav"
    ).read_bytes()


@pytest.mark.slow
def test_bands_on_a_constant_q_axis(folder):
    bands = ("--bands=high:sound:crickets,low:sound:rain", "--crossover_hz=2000")
    done = run(
        *bands,
        "--recipe=texture-fast",
        "--views=bins@32/16:1",
        "--scale=cqt",
        "--sample_rate=8000",
        "--evaluations=5",
        "--seconds=1",
        f"--output_dir={folder}/bands",
    )
    assert done.returncode == 0, done.stderr
    assert '"cqt24@500.0/16.0:1"' in (folder / "bands/metrics.jsonl").read_text()
    page = (folder / "bands/report.html").read_text()
    assert "The crossover is at 2000 Hz." in page
    owners = "<tr><td>{}</td><td>{}</td><td>{}</td></tr>"
    assert owners.format("sound:rain", "0 Hz", "2000 Hz") in page
    assert owners.format("sound:crickets", "2000 Hz", "no limit") in page
    entries = json.loads((folder / "bands/config.json").read_text())["inputs"]
    assert [(entry["source"], entry["band"]) for entry in entries] == [
        ("sound:rain", [0.0, 2000.0]),
        ("sound:crickets", [2000.0, None]),
    ]


def test_interrupted_and_resumed(folder):
    """Ctrl-C writes the sound so far; --resume ends at the samples of a run that was left alone."""
    flags = (f"--input={folder}/slow.wav", *SMALL, "--evaluations=200")
    out = folder / "interrupted"
    # In the third chunk.
    status, lines = many_runs.call("texture", [*flags, f"--output_dir={out}"], at=3)
    assert status == 130 and any("interrupted" in line for line in lines), lines
    assert audio.read(f"{out}/texture.wav")[0].shape == (1, 2400)
    spent = json.loads((out / "metrics.jsonl").read_text().splitlines()[-1])["evaluations"]
    assert 75 <= spent < 200

    other = run(*flags, "--seed=7", f"--output_dir={out}", "--resume")
    assert other.returncode == 2 and "--resume" in other.stderr and "seed" in other.stderr
    resumed = run(*flags, f"--output_dir={out}", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    straight = run(*flags, f"--output_dir={folder}/straight")
    assert straight.returncode == 0, straight.stderr
    assert (out / "texture.wav").read_bytes() == (folder / "straight/texture.wav").read_bytes()
    losses = [
        [json.loads(line)["loss"] for line in (path / "metrics.jsonl").read_text().splitlines()]
        for path in (out, folder / "straight")
    ]
    assert losses[0] == losses[1]
    assert not list(out.glob("checkpoint*"))


def test_recipes_are_listed():
    done = run("--recipe=help")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == recipes.names("texture")


def test_start_from_a_generator(folder, tmp_path):
    """config.json alone makes it again, and the file that it names is never replaced."""
    generator = tmp_path / "trained.safetensors"
    generators.save(str(generator), small_generators.make_generator())
    sound, start = f"--input={folder}/slow.wav", [f"--start_generator={generator}"]
    made = run(sound, "--start=generator", *start, *SMALL, f"--output_dir={tmp_path}/made")
    assert made.returncode == 0, made.stderr
    again = run(f"--config={tmp_path}/made/config.json", f"--output_dir={tmp_path}/again")
    assert again.returncode == 0, again.stderr
    waves = [(tmp_path / name / "texture.wav").read_bytes() for name in ("made", "again")]
    assert waves[0] == waves[1]
    assert str(generator) in run_io.input_files(
        json.loads((tmp_path / "again/config.json").read_text())
    )
    for flags, said in (
        (["--start=generator"], "--start_generator must be a file"),
        (start, "--start_generator: has no effect here: it is for start=gen"),
        (
            ["--start=generator", *start, "--start_style=sea"],
            "--start_style must be one of",
        ),
        (["--start=generator", *start, "--sample_rate=4000"], "--start_generator: "),
        (["--start=generator", *start, f"--input={folder}/mono.wav"], "--start must not be"),
    ):
        done = run(sound, *flags, *SMALL, f"--output_dir={tmp_path}/bad")
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
        assert said in done.stderr
    assert not (tmp_path / "bad").exists()
