"""Small losses for tests of the optimisers, and runs of them."""

import jax.numpy as jnp
import numpy as np

from audio_texture import optimize


def rosenbrock(x, _):
    value = jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
    return value, {"rosenbrock": value}


def quadratic(curvatures):
    """With its minimum of 0 at 1, over a pytree of two parts."""
    curvatures = jnp.asarray(curvatures, jnp.float32)
    half = len(curvatures) // 2

    def loss(parameters, _):
        a = 0.5 * jnp.sum(curvatures[:half] * (parameters["a"] - 1) ** 2)
        b = 0.5 * jnp.sum(curvatures[half:] * (parameters["b"][0].ravel() - 1) ** 2)
        return a + b, {"a": a, "b": b}

    return loss, {"a": jnp.full(half, -2.0), "b": (jnp.full((len(curvatures) - half, 1), 5.0),)}


def minimise(loss, start, **options):
    """An outcome; start and data as run needs them."""
    optimizer = options.pop("optimizer", optimize.lbfgs)(loss)
    data = options.pop("data", ())
    return optimize.run(
        optimizer, optimizer.init(start, data), data, **{"evaluations": 100, **options}
    )


PROBLEMS = {
    "rosenbrock": (rosenbrock, jnp.full(10, -1.0), 1e-6),
    "well conditioned": (*quadratic(np.linspace(1, 10, 30)), 1e-8),
    "ill conditioned": (*quadratic(np.geomspace(1e-2, 1e2, 40)), 1e-4),
}


def turns_bad(x, bad):
    """Falls towards 1, but is not finite beyond a half."""
    value = jnp.sum((x - 1) ** 2)
    value = jnp.where(jnp.max(x) > 0.5, bad, value)
    return value, {"term": value}
