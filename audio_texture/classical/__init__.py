"""Methods that make a texture, or a transfer, in one pass: pure functions, one file a method.

Textures: (key, wave [C, N], samples, sample_rate, options) -> wave [C, samples].
Transfers: (key, content [C, N], style [C, M], sample_rate, options) -> wave [C, N].
"""

import dataclasses
import importlib
from collections.abc import Callable
from typing import Any

from audio_texture.classical.choices import METHODS, OPTIMISE, Classical, Method

# Names of all choices of the methods.
CHOICES = tuple(field.name for field in dataclasses.fields(Classical))


def function_of(method: str) -> Callable[..., Any]:
    """The function of a method, imported when it is first needed; method: a name in `METHODS`."""
    module = importlib.import_module(f"audio_texture.classical.{METHODS[method].module}")
    return getattr(module, method.replace("-", "_"))


__all__ = ["CHOICES", "METHODS", "OPTIMISE", "Classical", "Method", "function_of"]
