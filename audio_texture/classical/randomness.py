"""Random numbers of methods that run on the host."""

import jax
import jax.numpy as jnp
import numpy as np


def generator_of(key: jax.Array) -> np.random.Generator:
    """NumPy's random generator with a PRNG key as its seed: equal keys draw equal numbers.

    Example:
      >>> draws = [generator_of(jax.random.key(3)).integers(100, size=4) for _ in range(2)]
      >>> bool((draws[0] == draws[1]).all())
      True
    """
    return np.random.default_rng(np.asarray(jax.random.bits(key, (4,), dtype=jnp.uint32)))
