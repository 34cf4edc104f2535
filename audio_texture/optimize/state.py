"""The interface of optimisers, and the state that they pass from step to step."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

# Any pytree of arrays.
Parameters = Any
Loss = Callable[[Parameters, Any], tuple[jax.Array, dict[str, jax.Array]]]


class OptimizerState(NamedTuple):
    """What the next evaluation needs.

    Attributes:
      parameters: the last accepted ones; always finite.
      value: loss of these parameters; infinite before the first evaluation.
      terms: terms of that loss.
      evaluations: number spent so far.
      failed_at: number, from 1, of the evaluation that came out NaN or infinite when no shorter
        step was left to try; 0 if there was none.
      stuck: whether no step along the gradient lowers the loss any more.
      internal: the method's own state: search direction, step, history.
    """

    parameters: Parameters
    value: jax.Array
    terms: dict[str, jax.Array]
    evaluations: jax.Array
    failed_at: jax.Array
    stuck: jax.Array
    internal: Any


class Optimizer(NamedTuple):
    """A method of minimisation.

    Attributes:
      init: (parameters, data) -> OptimizerState.
      step: (state, data) -> OptimizerState, at one evaluation of the loss.
    """

    init: Callable[[Parameters, Any], OptimizerState]
    step: Callable[[OptimizerState, Any], OptimizerState]


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
