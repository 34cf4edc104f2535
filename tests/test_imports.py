"""The tree is the algorithm: imports point one way, and no module of the library reads flags."""

import ast
import functools
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
JUDGES = {"objective", "quality"}
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
    "gallery": {"report"},
}
PACKAGES = sorted(
    path.parent.name for path in LIBRARY.glob("*/__init__.py") if path.parent.name != "insights"
)
MODULES = sorted(
    [*PACKAGES, *(path.stem for path in LIBRARY.glob("*.py") if path.stem != "__init__")]
)
INSIGHTS = sorted(f"insights/{path.stem}" for path in (LIBRARY / "insights").glob("*.py"))


@functools.cache
def imports(module):
    """Full names of all that a module or package imports, wherever in it."""
    found = set()
    paths = (LIBRARY / module).glob("*.py") if module in PACKAGES else [LIBRARY / f"{module}.py"]
    nodes = (node for path in paths for node in ast.walk(ast.parse(path.read_text())))
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively."
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module):
    """No stage imports a later one, and every module has a place in the order."""
    assert module in ALLOWED, (
        f"{module} has no place in the order of imports yet: choose one here and in BUILD_NOTES.md."
    )
    own = {name.split(".")[1] for name in imports(module) if name.startswith("audio_texture.")}
    own -= {module, "errors"}
    assert own <= ALLOWED[module], (
        f"{module} may not import {', '.join(sorted(own - ALLOWED[module]))}."
    )


# Modules that experiments share, each of which may import those before it.
SHARED = ("experiment", "intervals", "references", "classifiers", "runs", "plots")


@pytest.mark.parametrize("module", INSIGHTS)
def test_experiments_stand_at_the_end(module):
    """Experiments import shared modules alone, and no other module imports an experiment."""
    own = {
        name.split(".")[2] for name in imports(module) if name.startswith("audio_texture.insights.")
    }
    name = module.split("/")[1]
    allowed = {"__init__": {"experiment"}}
    allowed |= {shared: set(SHARED[:i]) for i, shared in enumerate(SHARED)}
    assert own <= allowed.get(name, set(SHARED))
    assert not any(
        imported.startswith("audio_texture.insights")
        for other in MODULES
        for imported in imports(other)
    )


@pytest.mark.parametrize("module", [*MODULES, *INSIGHTS, "__init__"])
def test_the_library_knows_no_flags(module):
    outside = {name.split(".")[0] for name in imports(module)}
    assert not outside & {"absl", "argparse", "launch", "tests"}


def test_only_audio_touches_sound_files():
    """The player in a report encodes to memory, with the same library."""
    assert {module for module in MODULES if "soundfile" in imports(module)} <= {"audio", "report"}
