"""The examples in the docstrings of the library, run as a reader would run them."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import audio_texture

MODULES = (
    audio_texture.__name__,
    *(module.name for module in pkgutil.walk_packages(audio_texture.__path__, "audio_texture.")),
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_hold(name, tmp_path, monkeypatch):
    """Catches an example that no longer runs, or whose result has changed."""
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    lines = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    with np.printoptions(precision=4, suppress=True):
        for examples in doctest.DocTestFinder(exclude_empty=True).find(module):
            runner.run(examples, out=lines.append)
    assert not runner.failures, "".join(lines)


def test_examples_are_found():
    """Catches a search that finds nothing and so passes."""
    assert len(MODULES) > 80
    finder = doctest.DocTestFinder()
    for name in ("audio_texture.statistics", "audio_texture.audio.levels", "audio_texture.colour"):
        assert any(test.examples for test in finder.find(importlib.import_module(name))), name
