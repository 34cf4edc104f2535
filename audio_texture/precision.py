"""Single precision whatever `jax_enable_x64` says: what is fitted, optimised and judged here is
float32 throughout."""

import functools
from collections.abc import Callable
from typing import Any

import jax


def single(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, run without double precision."""

    @functools.wraps(function)
    def run(*arguments, **options):
        # Not where it is off already: compiled programs go by how it was switched off.
        if not jax.config.jax_enable_x64:
            return function(*arguments, **options)
        with jax.enable_x64(False):
            return function(*arguments, **options)

    return run
