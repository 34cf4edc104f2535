"""The tree is the algorithm: imports point one way, and no module of the library reads flags."""

import ast
import pathlib

import pytest

LIBRARY = pathlib.Path(__file__).parents[1] / "audio_texture"
BASE = {
    "errors",
    "files",
    "headers",
    "paths",
    "precision",
    "audio",
    "datasets",
    "sounds",
    "spectrogram",
    "constant_q",
    "layer",
    "optimize",
}
STAGES = {
    "canvas",
    "phase",
    "networks",
    "infinite_width",
    "auditory",
    "statistics",
    "checkpoint",
    "walk",
}
JUDGES = {"objective", "metrics"}
NETWORKS = {"weights", "training"}
ENDS = {"synthesis", "report"}
# Choices need no more than the words they are made of, and what a kernel's width is in hertz.
ALLOWED = {
    **dict.fromkeys(BASE, set()),
    "audio": {"files", "headers", "paths"},
    "constant_q": {"spectrogram"},
    **dict.fromkeys(STAGES, BASE),
    "walk": {"statistics"},
    **dict.fromkeys(JUDGES | NETWORKS, BASE | STAGES),
    "recipes": {"audio", "layer", "spectrogram"},
    "choices": {"layer", "optimize", "recipes"},
    "views": BASE | {"recipes"},
    "matching": BASE | STAGES | JUDGES | {"recipes", "views", "weights"},
    "mixing": BASE | STAGES | JUDGES | {"recipes", "views", "matching"},
    **dict.fromkeys(
        ENDS, BASE | STAGES | JUDGES | {"recipes", "views", "matching", "mixing", "weights"}
    ),
    "streaming": BASE | STAGES | JUDGES | {"recipes", "matching", "mixing", "synthesis"},
}
# A package of several files counts as one module.
MODULES = sorted(
    path.stem
    for path in LIBRARY.iterdir()
    if path.name not in ("__init__.py", "insights")
    and (path.suffix == ".py" or (path / "__init__.py").exists())
)
INSIGHTS = sorted(f"insights/{path.stem}" for path in (LIBRARY / "insights").glob("*.py"))


def files_of(module):
    """The files of a module: one, or those of a package."""
    path = LIBRARY / f"{module}.py"
    return [path] if path.exists() else sorted((LIBRARY / module).glob("*.py"))


def imports(module):
    """Full names of everything that a module imports, anywhere in it."""
    names = set()
    for path in files_of(module):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path.name} imports relatively."
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module):
    """Catches a stage that imports a later one, and a new module that has no layer yet."""
    assert module in ALLOWED, (
        f"{module} has no place in the order of imports yet: choose one here and in BUILD_NOTES.md."
    )
    own = {name.split(".")[1] for name in imports(module) if name.startswith("audio_texture.")}
    others = own - ALLOWED[module] - {module}
    assert not others, f"{module} may not import {', '.join(sorted(others))}."


@pytest.mark.parametrize("module", INSIGHTS)
def test_experiments_stand_at_the_end(module):
    """Catches an experiment that imports another, or a module that imports an experiment.

    Experiments share only experiment.py, which imports none of them.
    """
    own = {
        name.split(".")[2] for name in imports(module) if name.startswith("audio_texture.insights.")
    }
    everything = {path.split("/")[1] for path in INSIGHTS}
    assert own <= {"__init__": everything, "experiment": set()}.get(
        module.split("/")[1], {"experiment"}
    )
    assert not any(
        name.startswith("audio_texture.insights") for other in MODULES for name in imports(other)
    )


@pytest.mark.parametrize("module", [*MODULES, *INSIGHTS, "__init__"])
def test_the_library_knows_no_flags(module):
    outside = {name.split(".")[0] for name in imports(module)}
    assert not outside & {"absl", "argparse", "launch", "tests"}


def test_only_audio_touches_sound_files():
    """The player in a report encodes to memory, with the same library."""
    assert {module for module in MODULES if "soundfile" in imports(module)} <= {"audio", "report"}
