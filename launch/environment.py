"""What the environment may not change: results are the same whatever is set for JAX, and what is
missing is said in a line."""

import os

import jax
import jax.numpy as jnp

# Settings that would change samples, or that the library's own handling of what is not finite does
# not go with.
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
BACKENDS = ("jax_platforms", "jax_platform_name", "jax_default_device")


def settle() -> list[str]:
    """Brings JAX to the settings that results are made with; the names, as of the environment, of
    those that were others."""
    # Figures are drawn into files alone; another backend may be missing, or unknown to this
    # version.
    os.environ["MPLBACKEND"] = "Agg"
    changed = [name for name, value in SETTINGS.items() if getattr(jax.config, name) != value]
    for name in changed:
        jax.config.update(name, SETTINGS[name])
    return [name.upper() for name in changed]


def check() -> None:
    """Raises ValueError, naming the variable and what there is, where the environment asks for
    what is not there."""
    flags = os.environ.get("XLA_FLAGS", "")
    if flags and (complaint := _complaint_of_xla()):
        raise ValueError(f"XLA_FLAGS={flags!r}: {complaint}")


def check_backend() -> None:
    """Raises ValueError, naming the variable and what there is, where the environment asks for
    devices that are not there."""
    asked = {
        name: getattr(jax.config, name) for name in BACKENDS if getattr(jax.config, name, None)
    }
    if not asked:
        return
    try:
        jnp.zeros(()).block_until_ready()
    except (RuntimeError, AssertionError, ValueError) as error:
        for name in asked:
            jax.config.update(name, None if name == "jax_default_device" else "")
        settings = ", ".join(f"{name.upper()}={value}" for name, value in asked.items())
        there = ", ".join(sorted({device.platform for device in jax.devices()}))
        raise ValueError(f"{settings}: JAX has no such platform here; there is {there}.") from error


def _complaint_of_xla() -> str:
    """What XLA says of XLA_FLAGS; it ends the process for a flag it does not know, and so a child
    asks."""
    from jaxlib import xla_client

    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writing, 2)
        xla_client.CompileOptions()
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, errors="replace") as said:
        lines = said.read().splitlines()
    if os.waitpid(child, 0)[1] == 0:
        return ""
    return next(
        (line.rpartition("] ")[2] for line in reversed(lines) if line.strip()), "XLA refuses it"
    )
