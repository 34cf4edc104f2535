"""Mistakes in what launch.texture is given: one line for each, and nothing is written."""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers import complaints, crackle


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("mistakes")
    soundfile.write(path / "mono.wav", crackle(16000).T, 16000)
    return path


def bad_inputs(folder: Path) -> dict[str, tuple[list[str], str]]:
    """Mistakes: flags, and what the line must say."""
    write_bad_files(folder)

    def sound(name):
        return [f"--input={folder}/{name}"]

    fine = sound("mono.wav")
    return {
        **bad_files(folder, sound),
        **bad_values(fine),
        **bad_mixtures(fine),
        **bad_scales(fine),
        **bad_folders(folder, fine, sound),
    }


def write_bad_files(folder: Path) -> None:
    good = crackle(16000).T

    def write(name, data, rate=16000, **options):
        soundfile.write(folder / name, data, rate, **options)

    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("this is no sound\n")
    write("whole.wav", good)
    (folder / "truncated.wav").write_bytes((folder / "whole.wav").read_bytes()[:9000])
    write("zero-length.wav", good[:0])
    write("short.wav", good[:300])
    write("silence.wav", 0 * good)
    write("dc.wav", 0 * good + 0.25)
    write("nan.wav", np.where(np.arange(16000)[:, None] == 77, np.nan, good), subtype="FLOAT")
    write("infinite.wav", np.where(np.arange(16000)[:, None] == 77, np.inf, good), subtype="FLOAT")
    write("low-rate.wav", good, 3999)
    write("high-rate.wav", good, 384001)
    (folder / "file").write_text("")
    (folder / "other.json").write_text("{}")
    write("sixteen.wav", np.tile(good, (1, 16)))
    (folder / "recordings").mkdir()
    for name in ("texture_rain.wav", "texture.backup.wav"):
        write(f"recordings/{name}", good)
    (folder / "recordings/report.html").write_text("mine")


def bad_files(folder: Path, sound) -> dict[str, tuple[list[str], str]]:
    return {
        "missing file": (sound("no.wav"), "--input.*does not exist"),
        "directory": ([f"--input={folder}"], "--input.*directory"),
        "empty file": (sound("empty.wav"), "--input.*empty"),
        "text": (sound("text.wav"), "--input.*text.wav.*not a sound file.*[^.]\\)\\.$"),
        "truncated": (sound("truncated.wav"), "--input.*truncated"),
        "zero length": (sound("zero-length.wav"), "--input.*no samples"),
        "shorter than a kernel": (sound("short.wav"), "--input.*with this recipe's views"),
        "silence": (sound("silence.wav"), "--input.*silent"),
        "constant": (sound("dc.wav"), "--input.*constant"),
        "NaN": (sound("nan.wav"), "--input.*NaN"),
        "infinite": (sound("infinite.wav"), "--input.*infinite"),
        "rate too low": (sound("low-rate.wav"), "--input.*3999 Hz.*from 4000"),
        "rate too high": (sound("high-rate.wav"), "--input.*384001 Hz.*384000"),
    }


def bad_values(fine: list[str]) -> dict[str, tuple[list[str], str]]:
    return {
        "start beyond the end": ([*fine, "--input_start=5"], "--input.*lasts 1 s"),
        "unknown embedded sound": (["--input=sound:thunder"], "--input.*rain.*thunder"),
        "unknown recipe": ([*fine, "--recipe=best"], "--recipe.*'best'.*texture"),
        "negative seconds": ([*fine, "--seconds=-1"], "--seconds.*-1"),
        "absurd seconds": ([*fine, "--seconds=1e9"], "--seconds.*1e\\+09"),
        "no number": ([*fine, "--seconds=long"], "--seconds=long: must be a number\\.$"),
        "no whole number": ([*fine, "--seed=1.5"], "--seed=1.5: must be a whole number from 0 to"),
        "too many": ([*fine, "--samples=99999"], "--samples=99999: must be .* from 1 to 10000\\."),
        "no switch": ([*fine, "--resume=maybe"], "--resume=maybe: must be true or false\\.$"),
        "no value": ([*fine, "--scale"], "--scale: has no value; write --scale=views|linear|"),
        "a flag for a value": (
            [*fine, "--seconds", "--overwrite"],
            "--seconds: has no value; write --seconds=N",
        ),
        "a choice out of range": ([*fine, "--novelty=2"], ": --novelty must be from 0 to 1, got 2"),
        "almost a recipe": (
            [*fine, "--recipe=textur"],
            "'textur' is not a recipe; did you mean text",
        ),
        "nan seconds": ([*fine, "--seconds=nan"], "--seconds.*nan"),
        "a negative fade": ([*fine, "--fade_ms=-1"], "--fade_ms.*-1"),
        "a long fade": ([*fine, "--fade_ms=2000"], "--fade_ms.*1000.*2000"),
        "no evaluations": ([*fine, "--evaluations=0"], "--evaluations.*0"),
        "views": ([*fine, "--views=bins"], "--views.*'bins'.*must look like"),
        "too many bands": ([*fine, "--views=mel500@32/8:1"], "--views.*500"),
        "max pooling in closed form": ([*fine, "--pool=2", "--pooling=max"], "pool.*closed form"),
    }


def bad_mixtures(fine: list[str]) -> dict[str, tuple[list[str], str]]:
    return {
        "weights": ([*fine, "--weights=1,2"], "--weights: 2 weights for 1 input; each"),
        "negative weights": ([*fine, *fine, "--weights=2,-1"], "--weights.*negative"),
        "weights of zero": ([*fine, *fine, "--weights=0,0"], "--weights.*all zero"),
        "weights at the end": (
            [*fine, *fine, "--morph_to=1"],
            "--morph_to: 1 weight for 2 inputs; each",
        ),
        "a morph of a spectrogram": (
            [*fine, *fine, "--morph_to=1,0", "--recipe=infinite-width"],
            "--morph_to.*waveform canvas",
        ),
        "bands that overlap": (["--bands=low:sound:rain,low:sound:fire"], "--bands.*overlap"),
        "bands that miss": (
            ["--bands=low:sound:rain,mid:sound:fire"],
            "--bands.*leave frequencies out",
        ),
        "no band": (["--bands=sound:rain"], "--bands.*must be low:FILE"),
        "bands and inputs": (
            [*fine, "--bands=low:sound:rain,high:sound:fire"],
            "--bands.*leave --input out",
        ),
        "crossovers": (
            ["--bands=low:sound:rain,high:sound:fire", "--crossover_hz=2000,1000"],
            "--crossover_hz.*1 rising",
        ),
        "a crossover too high": (
            ["--bands=low:sound:rain,high:sound:fire", "--crossover_hz=12000"],
            "--bands.*half the rate",
        ),
        "a crossover of nothing": ([*fine, "--crossover_hz=500"], "--crossover_hz.*--bands"),
    }


def bad_scales(fine: list[str]) -> dict[str, tuple[list[str], str]]:
    return {
        "a time scale under a window": ([*fine, "--time_scale=5"], "--time_scale: 5 ms is shorter"),
        "no time scale": ([*fine, "--time_scale=long"], "--time_scale.*'long' must be numbers"),
        "a frequency scale of no network": (
            [*fine, "--frequency_scale=200hz"],
            "--frequency_scale.*slide along frequency",
        ),
        "octaves on a linear axis": (
            [*fine, "--recipe=caracalla-roebel", "--frequency_scale=0.5oct"],
            "--frequency_scale: 0.5oct.*hertz apart",
        ),
        "no scale": (
            [*fine, "--scale=bark"],
            "--scale=bark: must be one of views, linear, mel, log",
        ),
    }


def bad_folders(folder: Path, fine: list[str], sound) -> dict[str, tuple[list[str], str]]:
    return {
        "unwritable": ([*fine, f"--output_dir={folder}/file/out"], "--output_dir.*file/out"),
        "config": ([f"--config={folder}/other.json"], "--config.*'inputs' is missing"),
        "a folder of the user's": (
            [*sound("recordings/texture_rain.wav"), f"--output_dir={folder}/recordings"],
            "--output_dir.*holds 'report.html', which no",
        ),
        "the same in spite of --overwrite": (
            [*fine, "--overwrite", f"--output_dir={folder}/recordings"],
            "--output_dir.*holds 'report.html', which no",
        ),
        "more channels than FLAC holds": (
            [*sound("sixteen.wav"), "--output_format=flac"],
            "--output_format: FLAC cannot be written with 16 channels at 16000 Hz.*at most 8",
        ),
        "nothing to resume": ([*fine, "--resume"], "--resume"),
        "unknown flag": ([*fine, "--tempo=3"], "--tempo: there is no such flag; --helpfull lists"),
        "almost a flag": ([*fine, "--second=3"], "--second: .*did you mean --seconds\\?"),
        "no flag": ([*fine, "rain.wav"], "'rain.wav' belongs to no flag; write --input=rain.wav"),
    }


@pytest.mark.slow
def test_bad_input(folder, tmp_path):
    """One line that names flag, value and rule; exit status 2; nothing written, not even the
    folder.
    """
    cases = bad_inputs(folder)
    asked = []
    for number, (flags, _) in enumerate(cases.values()):
        target = (
            []
            if any(flag.startswith("--output_dir") for flag in flags)
            else [f"--output_dir={tmp_path}/{number}"]
        )
        asked.append(["--seconds=0.3", "--evaluations=2", *flags, *target])
    for number, ((what, (_, said)), (status, lines)) in enumerate(
        zip(cases.items(), complaints("texture", asked), strict=True)
    ):
        assert len(lines) == 1 and re.search(said, lines[0]), f"{what}: {lines}"
        assert status == 2, what
        assert not (tmp_path / str(number)).exists(), what
    assert {path.name for path in (folder / "recordings").iterdir()} == {
        "texture_rain.wav",
        "texture.backup.wav",
        "report.html",
    }
