"""Habits of the tree: short files, short functions, short lines, and imports that set nothing."""

import ast
import pathlib
import subprocess
import sys

import conftest
import pytest

ROOT = pathlib.Path(__file__).parents[1]
LIBRARY = sorted(ROOT.glob("audio_texture/**/*.py"))
LAUNCH = sorted(ROOT.glob("launch/**/*.py"))
TESTS = sorted(ROOT.glob("tests/**/*.py"))
FILE_LINES, PROGRAM_LINES, FUNCTION_LINES, COLUMNS, NOTES_LINES = 450, 120, 60, 100, 350


def name_file(path):
    """The path of a file from the root of the checkout, which names it in a test's report."""
    return str(path.relative_to(ROOT))


def is_program(tree):
    """Whether a module has `if __name__ == "__main__":` at its top level."""
    return any(
        isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"
        for node in tree.body
    )


@pytest.mark.parametrize("path", [*LIBRARY, *LAUNCH, *TESTS], ids=name_file)
def test_files_and_lines_are_short(path):
    """Catches a file that holds two subjects, and a line too wide for half a screen."""
    lines = path.read_text().splitlines()
    assert len(lines) <= FILE_LINES, f"{len(lines)} lines; at most {FILE_LINES}: split by subject."
    wide = [number for number, line in enumerate(lines, start=1) if len(line) > COLUMNS]
    assert not wide, f"lines over {COLUMNS} columns: {wide}."


@pytest.mark.parametrize("path", [*LIBRARY, *LAUNCH], ids=name_file)
def test_functions_are_short(path):
    """Catches a function that does not fit on a screen; its docstring counts."""
    functions = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lengths = {
        f"{function.name} (line {function.lineno})": function.end_lineno - function.lineno + 1
        for function in functions
    }
    long = {name: length for name, length in lengths.items() if length > FUNCTION_LINES}
    assert not long, f"functions over {FUNCTION_LINES} lines: {long}."


@pytest.mark.parametrize("path", LAUNCH, ids=name_file)
def test_programs_are_short(path):
    """Catches a program that does more than read flags, call the library and write files."""
    text = path.read_text()
    n_lines = len(text.splitlines())
    if is_program(ast.parse(text)):
        assert n_lines <= PROGRAM_LINES, f"{n_lines} lines; a program has at most {PROGRAM_LINES}."


def test_files_named_by_conftest_exist():
    """Catches a file that is renamed and drops out of the quick tests, or out of the order."""
    names = {path.stem.removeprefix("test_") for path in TESTS}
    assert names >= {*conftest.QUICK, *conftest.LONGEST}


def test_build_notes_are_short():
    """Catches figures that have been superseded and stay in the notes; git keeps them."""
    n_lines = len((ROOT / "BUILD_NOTES.md").read_text().splitlines())
    assert n_lines <= NOTES_LINES, f"{n_lines} lines; at most {NOTES_LINES}."


# Prints the names of the process-wide settings that an import changes. JAX is imported before, so
# that only what this library adds is compared.
SETTINGS = """
import logging, os, signal, sys
import jax

def read_settings():
    root = logging.getLogger()
    return {
        "signal handlers": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "root logger": (root.level, list(root.handlers), root.disabled, logging.getLoggerClass()),
        "JAX flags": dict(jax.config.values),
        "environment": dict(os.environ),
    }

def import_everything():
    import importlib, pkgutil
    for module in pkgutil.walk_packages(audio_texture.__path__, "audio_texture."):
        importlib.import_module(module.name)

before = read_settings()
import audio_texture
for name in getattr(audio_texture, "__all__", ()):
    getattr(audio_texture, name)
if "matplotlib" in sys.modules:
    print("matplotlib")
import_everything()
after = read_settings()
print(*(name for name in before if before[name] != after[name]), sep="\\n")
"""


def test_imports_set_nothing():
    """Catches `import audio_texture` that changes a notebook's plots, flags, signals or logs."""
    run = subprocess.run(
        [sys.executable, "-c", SETTINGS], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split("\n") == ["", ""], f"an import changes: {run.stdout.strip()}."
