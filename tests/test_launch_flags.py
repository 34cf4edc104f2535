"""Flags as users give them: those that do nothing are refused, paths are what they say, the
environment changes no samples."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import jax
import pytest
import soundfile
from helpers import ROOT, SMALLEST, complaints, crackle, launched, run_process

from audio_texture import effects, insights, paths, recipes, style_transfer, views
from audio_texture.errors import ChoiceError
from launch import insights_steps
from launch.errors import UserError
from launch.flag_set import FlagSet
from launch.flags import define_recipe_flags, recipe_flags, recipe_from_values
from launch.paths import expanded

SMALL = (*SMALLEST, "--evaluations=2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("flags")
    soundfile.write(path / "mono.wav", crackle(8000).T, 8000)
    soundfile.write(path / "other.wav", crackle(8000, seed=1).T, 8000)
    return path


def refused(program: str, cases: list[tuple[list[str], str]], tmp_path: Path) -> None:
    """Each case ends in one line that names the flag and the reason, with status 2 and no file."""
    asked = [[*given, f"--output_dir={tmp_path}/out"] for given, _ in cases]
    for (given, said), (status, lines) in zip(cases, complaints(program, asked), strict=True):
        assert len(lines) == 1 and re.search(said, lines[0]), f"{given}: {lines}"
        assert status == 2, given
        assert not (tmp_path / "out").exists(), given


# --- flags without effect


def cases_of_textures(folder) -> list[tuple[list[str], str]]:
    """Flags of launch.texture that have no effect, and what is said of them."""
    sound, spectrogram = f"--input={folder}/mono.wav", "--recipe=infinite-width"
    for_transfers = (
        "content_weight=2",
        "content_layers=relu_1",
        "start_content=0.5",
        "guide_levels=2",
        "envelope_of=content",
        "loudness_weight=1",
        "nobalanced",
        "start_recoloured",
        "start_shape=0",
    )
    return [
        *(
            (
                [sound, f"--{flag}"],
                f"--{flag.removeprefix('no').split('=')[0]}: has no effect here: it is "
                "for transfers",
            )
            for flag in for_transfers
        ),
        *(
            (
                [sound, f"--{flag}"],
                f"--{flag.split('=')[0]}: has no effect here: it is for a spectrogram canvas",
            )
            for flag in ("bound_weight=1", "phase_iterations=9", "phase_momentum=0.5")
        ),
        (
            [sound, "--start=uniform"],
            "--start: has no effect here: uniform is for a spectrogram canvas",
        ),
        *(
            (
                [sound, spectrogram, f"--{flag}"],
                f"--{flag.split('=')[0]}: has no effect here: it (is|smooths)",
            )
            for flag in ("smoothing_hz=9", "gain_bands=4", "patches_views=mel8@32/8:1")
        ),
        ([sound, "--initialisation=uniform"], "--initialisation: .*infinitely many filters"),
        ([sound, "--learning_rate=0.1"], "--learning_rate: .*for Adam"),
        ([sound, "--optimizer=adam", "--history=5"], "--history: .*for L-BFGS"),
        ([sound, "--sharpness=2", "--compression=fixed"], "--sharpness: .*relative compression"),
        (
            [sound, "--patches_weight=0", "--patches_views=mel8@32/8:1"],
            "--patches_views: .*patches_weight is 0",
        ),
        (
            [sound, "--rhythm_seconds=1", "--time_scale=40"],
            "--rhythm_seconds: .*time_scale sets it",
        ),
        ([sound, "--recipe=mcdermott-simoncelli", "--sharpness=4"], "--sharpness: .*no.*views"),
        ([sound, "--weights=3"], "--weights: has no effect here: there is one input"),
        (
            ["--input=sound:fire", "--input=sound:rain", "--input_seconds=2"],
            "--input_seconds: .*built-in",
        ),
        ([sound, sound.replace("mono", "other"), "--start=walk"], "--start: .*a mixture"),
        ([sound, "--overwrite", "--resume"], "--overwrite: has no effect here: --resume goes on"),
    ]


def test_textures_refuse_what_does_nothing(folder, tmp_path):
    """launch.texture took a dozen flags of transfers, and those of the other canvas, without a
    word."""
    refused("texture", cases_of_textures(folder), tmp_path)


def test_transfers_refuse_what_does_nothing(tmp_path):
    cases = [
        (["--start=standard"], "--start: .*starts from its content"),
        (["--stretch_seconds=3", "--rhythm_weight=0"], "--stretch_seconds: .*rhythm_weight are 0"),
        (["--content_start=1"], "--content_start: .*built-in"),
        (["--style_seconds=1"], "--style_seconds: .*built-in"),
        (["--rhythm_seconds=1", "--style_weight=0"], "--rhythm_seconds: .*style_weight is 0"),
        (["--recipe=grinstein-auditory", "--guide_bands=2"], "--guide_bands: .*parts of views"),
        (["--start_content=1", "--nobalanced", "--seed=3"], "--seed: .*nothing is drawn at random"),
    ]
    refused("transfer", cases, tmp_path)


def test_flags_that_are_needed_are_not_refused(folder):
    """A value that does nothing of its own but without which the others do not go together:
    compression on the other canvas."""
    needed = (
        "--canvas=spectrogram",
        "--compression=fixed",
        "--start=standard",
        "--auditory_weight=0",
        "--patches_weight=0",
        "--rhythm_weight=0",
        "--novelty_weight=0",
        "--views=bins@32/16:1",
        "--evaluations=2",
        "--seconds=0.3",
    )
    done = launched(
        "texture", f"--input={folder}/mono.wav", *needed, f"--output_dir={folder}/needed"
    )
    assert done.returncode == 0, done.stderr


def test_config_leaves_no_flag_aside(folder, tmp_path):
    """config.json made the run, and the flag beside it was ignored."""
    done = launched("texture", f"--input={folder}/mono.wav", *SMALL, f"--output_dir={folder}/run")
    assert done.returncode == 0, done.stderr
    config = f"--config={folder}/run/config.json"
    cases = [
        ([config, flag], f"--{flag[2:].split('=')[0]}: --config=.* has a value for it")
        for flag in (
            "--sharpness=2",
            "--seed=0",
            f"--input={folder}/other.wav",
            "--seconds=1",
            "--recipe=texture",
            "--output_format=flac",
        )
    ]
    refused("texture", cases, tmp_path)
    again = launched("texture", config, f"--output_dir={tmp_path}/again", "--max_seconds=60")
    assert (
        again.returncode == 0
        and (tmp_path / "again/texture.wav").read_bytes()
        == (folder / "run/texture.wav").read_bytes()
    )


def test_sweeps_refuse_what_does_nothing(folder, tmp_path):
    """Before the first run: swept or given, in none of the runs; what has an effect in one of them
    may stay."""
    sound = f"--input={folder}/mono.wav"
    cases = [
        (
            [sound, "--sweep=bound_weight=1,2"],
            "--sweep: bound_weight has no effect here: .*spectrogram canvas",
        ),
        ([sound, "--sweep=seed=1,2", "--guide_bands=2"], "--guide_bands: .*transfers"),
        ([sound, "--sweep=seed=1,2", "--seed=4"], "--seed: has no effect here: it is swept"),
        ([sound, "--sweep=seed=1,2", "--processes=2"], "--processes: .*--distributed"),
        ([sound, "--sweep=seed=1,2", "--mixture"], "--mixture: .*not several"),
        ([sound, "--sweep=seed=1,2", "--sweep_mode=zip"], "--sweep_mode: .*one flag is swept"),
        (
            [sound, sound.replace("mono", "other"), "--mixture", "--noquality"],
            "--quality: .*mixtures are not judged",
        ),
    ]
    refused("sweep", cases, tmp_path)
    done = launched(
        "sweep",
        sound,
        *SMALL,
        "--sweep=optimizer=lbfgs,adam",
        "--learning_rate=0.1",
        "--dry_run",
        f"--output_dir={tmp_path}/out",
    )
    assert done.returncode == 0, done.stderr


def test_other_programs_refuse_what_does_nothing(tmp_path):
    refused(
        "insights",
        [
            (["--figure=carried", f"--vgg19={tmp_path}/no.pth"], "--vgg19: .*figure weights"),
            (["--figure=inversion", f"--data={tmp_path}"], "--data: .*procedural"),
        ],
        tmp_path,
    )
    refused("train", [(["--overwrite", "--resume"], "--overwrite: .*--resume")], tmp_path)


def test_figures_without_recordings_are_known():
    """launch.insights_steps lists the experiments whose modules read no recordings."""
    sources = {
        path.stem.replace("_", "-"): path.read_text()
        for path in (ROOT / "audio_texture/insights").glob("*.py")
    }
    without = {
        name
        for name in insights.CLAIMS
        if not re.search(r"read_recordings\(settings|settings\.recordings", sources[name])
    }
    assert without == set(insights_steps.PROCEDURAL)


@pytest.mark.parametrize(
    ("field", "others", "blamed"),
    [
        ("sharpness", (), "sharpness"),
        ("canvas", ("evaluations", "sharpness"), "evaluations"),
        ("canvas", (), "evaluations"),
    ],
)
def test_an_error_names_a_flag_that_was_given(monkeypatch, field, others, blamed):
    """The choice that the error is about; else a given one that clashes with it; else the last."""
    flag_set = FlagSet()
    define_recipe_flags(flag_set)
    values, _ = flag_set.parse(["--evaluations=5", "--sharpness=2"])

    def refuse(recipe, **changes):
        raise ChoiceError("no such recipe.", field=field, others=others)

    monkeypatch.setattr(recipes.Recipe, "replace", refuse)
    with pytest.raises(UserError, match=f"--{blamed}: no such recipe"):
        recipe_from_values(values)


def test_every_flag_of_a_recipe_is_judged():
    """Catches a new choice without a rule for when it does nothing."""
    assert set(effects.RULES) - {"seed"} == set(recipe_flags()) - {"recipe"}


def test_a_misspelt_distance_is_refused(folder):
    """`reweighted(problem, styel=2)` came back as if nothing had been asked."""
    wave = crackle(4000)
    recipe = views.View.parse("bins@32/16:1")
    recipe = recipes.named("transfer").replace(
        views=(recipe,), auditory_weight=0.0, rhythm_weight=0.0
    )
    problem = style_transfer.prepare(recipe, wave, crackle(4000, seed=1), sample_rate=8000)
    with pytest.raises(ValueError, match="'styel' is not a distance.*style, content"):
        style_transfer.reweighted(problem, styel=2.0)
    key = jax.random.key(0)
    once, twice = (
        problem.init(key)[1]["weights"],
        style_transfer.reweighted(problem, style=2.0).init(key)[1]["weights"],
    )
    assert twice["style"] == 2 * once["style"] and twice["content"] == once["content"]


# --- paths


def test_home_is_expanded(folder, tmp_path):
    """--output_dir=~/tt made a folder named ~.

    Inputs, outputs and bands; run in a process whose home is elsewhere.
    """
    (tmp_path / "mono.wav").write_bytes((folder / "mono.wav").read_bytes())
    done = run_process(
        "texture",
        "--bands=low:~/mono.wav,high:sound:rain",
        "--output_dir=~/made",
        *SMALL,
        HOME=str(tmp_path),
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "made/texture.wav").exists() and not (ROOT / "~").exists()
    assert (
        json.loads((tmp_path / "made/config.json").read_text())["inputs"][0]["source"]
        == f"{tmp_path}/mono.wav"
    )


PATH_FLAGS = {
    "texture": ("input", "config", "output_dir", "weights_file", "start_generator"),
    "transfer": ("content", "style", "config", "output_dir", "weights_file", "start_generator"),
    "stream": (
        *("input", "target", "generator", "save_target", "output_dir"),
        *("weights_file", "start_generator"),
    ),
    "generate": ("input", "generator", "config", "output_dir", "weights_file", "start_generator"),
    "train": ("data", "cache_dir", "output_dir"),
    "insights": ("data", "vgg19", "output_dir"),
    "evaluate": ("reference", "candidate", "heldout", "output_dir"),
    "sweep": ("input", "output_dir"),
}


@pytest.mark.parametrize("program", PATH_FLAGS)
def test_every_path_flag_refuses_a_pipe(tmp_path, program):
    """It hung the program, or "does not exist"."""
    os.mkfifo(tmp_path / "pipe")
    asked = [[f"--{flag}={tmp_path}/pipe"] for flag in PATH_FLAGS[program]]
    for flag, (status, lines) in zip(PATH_FLAGS[program], complaints(program, asked), strict=True):
        assert (
            status == 2
            and len(lines) == 1
            and "is a pipe, not a file" in lines[0]
            and f"--{flag}=" in lines[0]
        ), lines


def test_what_cannot_be_a_path(tmp_path):
    """An empty name was taken for none given, ~nobody became a folder; pipes stand among patterns
    and bands too."""
    os.mkfifo(tmp_path / "pipe")
    cases = [
        ("--output_dir=", "--output_dir=: must be a path"),
        ("--output_dir=~no-such-user/x", "there is no user 'no-such-user'"),
        (f"--bands=low:{tmp_path}/pipe,high:sound:rain", "--bands: .*is a pipe"),
        ("--input=/dev/zero", "--input=.*is a device"),
        (os.fsdecode(b"--input=caf\xe9.wav"), "is not valid UTF-8"),
        (f"--input={tmp_path}/{'x' * 300}", "File name too long"),
    ]
    for (flag, said), (status, lines) in zip(
        cases, complaints("texture", [[flag] for flag, _ in cases]), strict=True
    ):
        assert status == 2 and len(lines) == 1 and re.search(said, lines[0]), f"{flag}: {lines}"


def test_what_stands_at_a_path(tmp_path):
    """Sockets, devices, links to nothing, names too long or no UTF-8: each by a message that is
    true."""
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "circle").symlink_to("circle")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / "socket"))
        cases = {
            f"{tmp_path}/socket": "is a socket, not a file",
            "/dev/null": "is a device, not a file",
            "/dev/zero": "is a device, not a file",
            f"{tmp_path}/{'x' * 300}": "File name too long",
            f"{tmp_path}/circle": "cannot be examined",
            "a\0b": "is not a path",
            os.fsdecode(b"caf\xe9.wav"): "is not valid UTF-8",
            str(tmp_path): "is a directory",
            f"{tmp_path}/link": "is a link to 'nowhere', which does not exist",
            f"{tmp_path}/none": "does not exist",
        }
        for path, said in cases.items():
            with pytest.raises(ValueError, match=said):
                paths.check_file(path)
    (tmp_path / "it's 100% «new»\nline.wav").write_bytes(b"")
    paths.check_file(f"{tmp_path}/it's 100% «new»\nline.wav")


def test_home_of_users(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert (
        expanded("~/a b.wav") == f"{tmp_path}/a b.wav"
        and expanded("~root/x") == "/root/x"
        and expanded("a~b") == "a~b"
    )
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~odd").write_text("")
    assert expanded("~odd") == "~odd"


def test_a_pipe_that_a_shell_makes(folder, tmp_path):
    """--input=<(cat rain.wav): named and refused, where it hung or did not exist."""
    program = f"{sys.executable} -m launch.texture"
    command = f"{program} --input=<(cat {folder}/mono.wav) --output_dir={tmp_path}/out"
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (
        done.returncode == 2
        and "is a pipe, not a file" in done.stderr
        and len(done.stderr.splitlines()) == 1
    )
