"""Compilation of programs that run once or seldom, in which compiling takes longer than running."""

from collections.abc import Callable
from typing import Any

import jax


def jit_fast_compile(function: Callable[..., Any], **options: Any) -> Any:
    """jit for programs that run seldom: on a CPU it optimises less, to compile seconds faster.

    **options: of `jax.jit`.
    """
    fast = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
    on_cpu = jax.default_backend() == "cpu"
    return jax.jit(function, compiler_options=fast if on_cpu else None, **options)
