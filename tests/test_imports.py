"""The tree is the algorithm: imports point one way, and no module of the library reads flags."""

import ast
import functools
import pathlib

import pytest

LIBRARY = pathlib.Path(__file__).parents[1] / "audio_texture"
# The library from the ground up: a module imports only modules that stand before it.
ORDER = (
    # Files, errors, plain descriptions.
    *("errors", "files", "paths", "precision", "compiling", "layer", "datasets"),
    # Sounds and what is computed of them.
    *("audio", "sounds", "spectrogram", "constant_q", "cochlea", "auditory", "statistics"),
    *("infinite_width", "phase", "walk", "networks", "weights", "views", "representation"),
    # How choices are declared, and methods that make sound in one pass.
    *("choices", "classical"),
    # Optimisation, objectives, judges.
    *(
        "base",
        "optimize",
        "checkpoint",
        "combinators",
        "morphing",
        "losses",
        "metrics",
        "report",
        "training",
    ),
    # Choices.
    *("stages", "features", "terms", "config", "scales", "recipes"),
    *("run_conditions", "effects"),
    # The algorithm.
    *(
        "colour",
        "canvas",
        "mixing",
        "references",
        "problem",
        "direct",
        "layout",
        "matching",
        "generators",
        "initialise",
        "synthesis",
    ),
    *("style_transfer", "batch", "streaming", "generator_training", "generator_transfers"),
    # What a notebook calls.
    *("sound_input", "results", "api", "trained"),
)
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


@functools.cache
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
    """Catches a stage that imports a later one, and a new module that has no place yet."""
    assert module in ORDER, f"{module} has no place in the order of imports yet: choose one."
    before = set(ORDER[: ORDER.index(module)])
    own = {name.split(".")[1] for name in imports(module) if name.startswith("audio_texture.")}
    others = own - before - {module}
    assert not others, f"{module} may not import {', '.join(sorted(others))}."


def test_every_module_of_the_order_exists():
    assert sorted(ORDER) == MODULES


# What experiments share, in order.
SHARED = ("experiment", "intervals", "references", "pairs", "classifiers", "runs", "plots")


@pytest.mark.parametrize("module", INSIGHTS)
def test_experiments_stand_at_the_end(module):
    """Catches an experiment that imports another, or a module that imports an experiment."""
    own = {
        name.split(".")[2] for name in imports(module) if name.startswith("audio_texture.insights.")
    }
    name = module.split("/")[1]
    allowed = {"__init__": {path.split("/")[1] for path in INSIGHTS}}
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
