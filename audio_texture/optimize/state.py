"""The state that an optimiser starts from, and checks of what it steps to."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture.base import Loss, OptimizerState, Parameters


def initial_state(loss: Loss, parameters: Parameters, data: Any, internal: Any) -> OptimizerState:
    """Returns the state before the first evaluation, whose loss is infinite."""
    value, terms = jax.eval_shape(loss, parameters, data)

    def infinite(shape):
        return jnp.full(shape.shape, jnp.inf, shape.dtype)

    state = OptimizerState(
        parameters,
        infinite(value),
        jax.tree.map(infinite, terms),
        jnp.int32(0),
        jnp.int32(0),
        jnp.bool_(False),
        internal,
    )
    # optax leaves some leaves weakly typed, for which the step would be compiled again, and the
    # same buffer in two places, which cannot be donated twice.
    return jax.tree.map(lambda leaf: jnp.array(leaf, dtype=np.dtype(leaf.dtype), copy=True), state)


def all_finite(value: jax.Array, gradient: Parameters) -> jax.Array:
    """Says whether a loss and its gradient are finite. -> [] bool"""
    squares = [jnp.vdot(leaf, leaf) for leaf in jax.tree.leaves(gradient)]
    return jnp.isfinite(value) & jnp.isfinite(sum(squares))
