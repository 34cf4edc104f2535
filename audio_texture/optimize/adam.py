"""Adam."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from audio_texture.base import Loss, Optimizer
from audio_texture.optimize.state import all_finite, initial_state


def adam(
    loss: Loss,
    *,
    learning_rate: float | Callable[[Any], jax.Array] = 1e-2,
    largest_gradient: float = math.inf,
    numbered: bool = False,
) -> Optimizer:
    """Returns Adam (Kingma & Ba 2015), by optax.

    The state's parameters are those at which its value was computed.

    Args:
      loss: to be minimised.
      learning_rate: a number, or a function of the loss's data, so that runs of the same compiled
        program may have different rates.
      largest_gradient: norm that longer gradients are shortened to, so that a single odd sample
        does not decide many steps.
      numbered: whether the loss's data is a dictionary whose "evaluation" is set to the number of
        the evaluation, from 0: for a loss that draws another sample at each, and for a learning
        rate that changes.
    Example:
      >>> optimizer = adam(lambda x, data: (x**2, {}), learning_rate=0.5)
      >>> state = optimizer.step(optimizer.init(jnp.array(2.0), ()), ())
      >>> float(state.value)
      4.0
    """
    method = optax.scale_by_adam()
    if largest_gradient < math.inf:
        method = optax.chain(optax.clip_by_global_norm(largest_gradient), method)

    def init(parameters, data):
        internal = (method.init(parameters), jax.tree.map(jnp.zeros_like, parameters))
        return initial_state(loss, parameters, data, internal)

    def step(state, data):
        moments, update = state.internal
        if numbered:
            data = {**data, "evaluation": state.evaluations}
        trial = optax.apply_updates(state.parameters, update)
        (value, terms), gradient = jax.value_and_grad(loss, has_aux=True)(trial, data)
        evaluations = state.evaluations + 1
        finite = all_finite(value, gradient)
        direction, moments = method.update(gradient, moments, trial)
        rate = learning_rate(data) if callable(learning_rate) else learning_rate
        update = jax.tree.map(lambda leaf: -rate * leaf, direction)
        accepted = state._replace(
            parameters=trial,
            value=value,
            terms=terms,
            evaluations=evaluations,
            internal=(moments, update),
        )
        rejected = state._replace(evaluations=evaluations, failed_at=evaluations)
        return jax.tree.map(lambda new, old: jnp.where(finite, new, old), accepted, rejected)

    return Optimizer(init, step)
