"""--help, --helpfull and --version of the programs, and the console script that starts them."""

import importlib
import re
import subprocess
import sys
import tomllib

import pytest
from helpers import ROOT, launched, program

from audio_texture import config, recipes
from launch import command, help
from launch.__main__ import PROGRAMS
from launch.flag_set import FlagSet

# Starts the console script as pip's wrapper does.
SCRIPT = "import sys; sys.argv[0] = 'bin/audio-texture'; from launch.__main__ import main; main()"


def flags_of(text: str) -> dict[str, str]:
    """What a help text says of each flag, by its name: its form, meaning and default."""
    entries = re.split(r"^  (?=--)", text, flags=re.M)[1:]
    names = [re.match(r"--(?:\[no\])?(\w+)", entry) for entry in entries]
    texts = (" ".join(entry.partition("\n\n")[0].split()) for entry in entries)
    return {name[1]: entry for name, entry in zip(names, texts, strict=True) if name}


def run_script(*arguments: str) -> subprocess.CompletedProcess:
    """`audio-texture` with these arguments."""
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_fits_a_screen_and_names_what_is_needed_first(name):
    """It was 247 lines in alphabetical order: now some twelve flags, on two lines each."""
    done = launched(name, "--help")
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and not done.stderr
    assert max(map(len, lines)) <= 80 and len(lines) <= 55
    module = program(name)
    assert lines[0].split()[:4] == module.__doc__.split()[:4]
    commands = [line for line in lines if line.startswith("    python -m launch")]
    assert 1 <= len(commands) <= 4 and any(f"launch.{name} --" in line for line in commands)
    shown = flags_of(done.stdout)
    flag_set = FlagSet()
    module.define_flags(flag_set)
    assert set(shown) <= set(flag_set.names()) and len(shown) <= 13
    order = [flag for flag in help.FIRST_FLAGS[name].split() if flag in shown]
    assert list(shown) == order and len(order) >= 4
    # Two lines of 80 columns, of which 24 are for the flag's form, unless it lists its options.
    long = {flag: text for flag, text in shown.items() if len(text) > 150 and flag != "figure"}
    assert not long
    others = len(flag_set.names()) > len(shown)
    assert (f"--helpfull explains all {len(flag_set.names())} flags" in done.stdout) == others


@pytest.mark.parametrize("name", PROGRAMS)
def test_full_help_explains_every_flag_in_a_group(name):
    """Catches a flag without a place in any group."""
    done = launched(name, "--helpfull")
    flag_set = FlagSet()
    program(name).define_flags(flag_set)
    shown = flags_of(done.stdout)
    assert sorted(shown) == flag_set.names()
    assert "Others" not in help.group_flags(name, flag_set.names())
    assert all(len(text.split()) > 2 for text in shown.values())
    assert "(an integer)" not in done.stdout and "the recipe's." not in done.stdout


def test_full_help_is_in_the_order_of_the_stages():
    """What is read stands before what is made of it; a stage's choices stand together."""
    text = launched("texture", "--helpfull").stdout
    titles = ["What is read", "Mixtures", "What is made", *help.STAGES.values(), "What is written"]
    places = [text.index(f"\n{title}:\n") for title in titles]
    assert places == sorted(places)
    optimiser = text[text.index("\nOptimiser:") : text.index("\nPhase recovery")]
    assert list(flags_of(optimiser)) == [
        name for name, choice in config.CHOICES.items() if choice.stage == "optimiser"
    ]
    for words in ("Length of the result, in seconds", "in Hz", "a window of 32 ms"):
        assert words in " ".join(text.split()), words


@pytest.mark.parametrize(
    ("arguments", "recipe"),
    [
        ([], "texture"),
        (["--recipe=texture-fast"], "texture-fast"),
        (["--recipe", "paper-1d", "--seconds=3"], "paper-1d"),
    ],
)
def test_help_shows_the_defaults_of_the_recipe(arguments, recipe):
    """It said "the recipe's" of every choice."""
    text = launched("texture", *arguments, "--help").stdout
    evaluations = recipes.named(recipe).choice("evaluations")
    assert f"defaults of --recipe={recipe}:" in text
    assert f"[default: {evaluations}]" in flags_of(text)["evaluations"]
    full = flags_of(launched("texture", *arguments, "--helpfull").stdout)
    assert f"[default: {recipes.named(recipe).choice('start')}]" in full["start"]
    assert "[default: 5]" in full["seconds"] and "default" not in full["resume"]


def test_help_of_a_recipe_that_is_not_there():
    done = launched("texture", "--recipe=best", "--help")
    assert done.returncode == 2 and not done.stdout
    assert re.fullmatch("error: --recipe: 'best' is not a recipe.*\n", done.stderr)


def test_help_of_a_sweep_is_that_of_the_swept_program():
    shown = flags_of(launched("sweep", "--program=transfer", "--help").stdout)
    assert "content" in shown and "input" not in shown
    assert "input" in flags_of(launched("sweep", "--help").stdout)


def test_the_console_script_lists_the_programs():
    """Alone and with --help, the same as `python -m launch`: a line or two on each."""
    alone, asked = run_script(), run_script("--help")
    assert alone.returncode == 0 and alone.stdout == asked.stdout and not alone.stderr
    for name in PROGRAMS:
        first = program(name).__doc__.split()[:3]
        assert re.search(rf"^  {name} +{' '.join(first)}", alone.stdout, re.M), name
    assert max(map(len, alone.stdout.splitlines())) <= 80
    assert "audio-texture texture --help" in alone.stdout
    module = subprocess.run(
        [sys.executable, "-m", "launch"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert module.stdout.startswith(alone.stdout.partition("\n\n")[0])
    assert "-m launch texture --help" in module.stdout


def test_the_console_script_starts_a_program():
    """The flags reach it, its commands are those of the script, and a sweep has the flags of the
    program that it runs.
    """
    done = run_script("sweep", "--program=transfer", "--help")
    assert done.returncode == 0 and "\n    bin/audio-texture sweep\n" in done.stdout
    assert "python -m" not in done.stdout and "--content=FILE" in done.stdout


def test_the_console_script_is_what_pip_installs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module, function = project["scripts"][command.SCRIPT].split(":")
    assert getattr(importlib.import_module(module), function).__module__ == "launch.__main__"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["textur"], r"'textur' is not a program; did you mean texture\?"),
        (["Sweep"], r"'Sweep' is not a program; did you mean sweep\?"),
        (["zzz"], r"'zzz' is not a program; there are texture, stream, .*, benchmark\."),
        (
            ["--input=a.wav"],
            r"--input=a.wav: name a program first, such as bin/audio-texture texture ",
        ),
    ],
)
def test_what_is_no_program(arguments, said):
    """One line with the nearest name, status 2."""
    done = run_script(*arguments)
    assert done.returncode == 2 and not done.stdout
    assert re.match(f"error: {said}", done.stderr) and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["--version"], ["texture", "--version"]])
def test_version_names_what_results_depend_on(arguments):
    """In two lines, and without importing JAX, which takes a second."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", SCRIPT, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    words = " ".join(done.stdout.split())
    assert done.returncode == 0 and len(done.stdout.splitlines()) <= 2
    assert re.match(r"audio-texture \d+\.\d+\.\d+ with ", words)
    for package in ("jax", "jaxlib", "numpy", "python"):
        assert re.search(rf"\b{package} \d+\.", words), package
    assert not re.search(r"\| +(jax|numpy)$", done.stderr, re.M)


@pytest.mark.parametrize(
    ("argv", "orig_argv", "words"),
    [
        ("/x/launch/texture.py", ["python3", "-m", "launch.texture"], "python3 -m launch.sweep"),
        ("/x/launch/sweep/__main__.py", ["python", "-m", "launch.sweep"], "python -m launch.sweep"),
        ("/x/launch/__main__.py", ["py", "-m", "launch", "sweep"], "py -m launch sweep"),
        ("/no/such/audio-texture", ["python", "x"], "/no/such/audio-texture sweep"),
        ("/usr/bin/pytest", ["python", "-m", "pytest"], "python -m launch.sweep"),
    ],
)
def test_the_words_that_start_a_program(monkeypatch, argv, orig_argv, words):
    """They stand in the command that goes on with a run: it must work as it is."""
    monkeypatch.setattr(sys, "argv", [argv])
    monkeypatch.setattr(sys, "orig_argv", orig_argv)
    assert " ".join(command.program_words("sweep")) == words
