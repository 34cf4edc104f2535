"""Single precision, whatever `jax_enable_x64` is set to: everything is fitted, optimised and judged
in float32."""

import functools
from collections.abc import Callable
from typing import Any

import jax


def single(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the function, run without double precision.

    Example:
      >>> import jax.numpy as jnp
      >>> with jax.enable_x64(True):
      ...     single(jnp.zeros)(2).dtype
      dtype('float32')
    """

    @functools.wraps(function)
    def run(*arguments, **options):
        # Not switched where it is off already: JAX caches programs compiled inside the context
        # manager apart from those compiled outside it, and would compile them twice.
        # JAX defines the attribute at run time.
        if not jax.config.jax_enable_x64:  # pyright: ignore[reportAttributeAccessIssue]
            return function(*arguments, **options)
        with jax.enable_x64(False):
            return function(*arguments, **options)

    return run
