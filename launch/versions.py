"""Versions of this package and of those that samples depend on. Imports nothing large."""

import functools
import sys
import textwrap
from importlib import metadata

import audio_texture

PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "scipy", "soundfile")


@functools.cache
def versions() -> dict[str, str]:
    """Versions of Python and of the packages that samples depend on."""
    return {name: metadata.version(name) for name in PACKAGES} | {"python": sys.version.split()[0]}


def describe() -> str:
    """The version of this package, and those of `versions`, in two lines."""
    others = ", ".join(f"{name}\0{version}" for name, version in versions().items())
    text = f"audio-texture\0{audio_texture.__version__} with {others}"
    return textwrap.fill(text, 80).replace("\0", " ")
