"""Makes results independent of the environment, and refuses requests for missing devices."""

import importlib.util
import os

import jax
import jax.numpy as jnp

# Settings whose other values would change samples, or break the library's handling of values that
# are not finite.
SETTINGS = {
    "jax_enable_x64": False,
    "jax_disable_jit": False,
    "jax_debug_nans": False,
    "jax_debug_infs": False,
    "jax_numpy_dtype_promotion": "standard",
    "jax_threefry_partitionable": True,
    "jax_default_prng_impl": "threefry2x32",
    "jax_transfer_guard": None,
    "jax_transfer_guard_host_to_device": None,
    "jax_transfer_guard_device_to_host": None,
    "jax_transfer_guard_device_to_device": None,
}
# Without it a GPU's compiler tries out kernels and takes the fastest, which may round otherwise the
# next time. (H200: the same samples every time, and 10 s less of compiling.)
DETERMINISTIC = "--xla_gpu_deterministic_ops=true"
BACKENDS = ("jax_platforms", "jax_platform_name", "jax_default_device")


def settle() -> list[str]:
    """Gives JAX the settings that results are made with; returns the environment variables whose
    settings this changes.
    """
    # Figures are drawn into files alone, and another backend may be missing here.
    os.environ["MPLBACKEND"] = "Agg"
    flags = os.environ.get("XLA_FLAGS", "")
    if _has_cuda() and "xla_gpu_deterministic_ops" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {DETERMINISTIC}".strip()
    changed = [name for name, value in SETTINGS.items() if getattr(jax.config, name) != value]
    for name in changed:
        jax.config.update(name, SETTINGS[name])
    return [name.upper() for name in changed]


def _has_cuda() -> bool:
    """Whether JAX's plugin for NVIDIA GPUs is installed."""
    return any(importlib.util.find_spec(f"jax_cuda{version}_plugin") for version in (12, 13))


def check() -> None:
    """ValueError where XLA refuses the flags in the environment."""
    flags = os.environ.get("XLA_FLAGS", "").replace(DETERMINISTIC, "").strip()
    if flags and (message := xla_error()):
        raise ValueError(f"XLA_FLAGS={flags!r}: {message}")


def check_backend() -> None:
    """ValueError, naming the variable and the available devices, where the environment asks for
    missing ones.
    """
    requested = {
        name: getattr(jax.config, name) for name in BACKENDS if getattr(jax.config, name, None)
    }
    if not requested:
        return
    try:
        jnp.zeros(()).block_until_ready()
    except (RuntimeError, AssertionError, ValueError) as error:
        for name in requested:
            jax.config.update(name, None if name == "jax_default_device" else "")
        settings = ", ".join(f"{name.upper()}={value}" for name, value in requested.items())
        available = ", ".join(sorted({device.platform for device in jax.devices()}))
        raise ValueError(
            f"{settings}: JAX has no such platform here; there is {available}."
        ) from error


def xla_error() -> str:
    """XLA's error for XLA_FLAGS, empty if there is none. It is tried in a child process, since XLA
    ends the process for an unknown flag.
    """
    from jaxlib import xla_client

    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writing, 2)
        xla_client.CompileOptions()
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, errors="replace") as errors:
        lines = errors.read().splitlines()
    if os.waitpid(child, 0)[1] == 0:
        return ""
    return next(
        (line.rpartition("] ")[2] for line in reversed(lines) if line.strip()), "XLA refuses it"
    )
