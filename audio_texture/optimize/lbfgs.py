"""Limited-memory BFGS with a backtracking line search that takes one evaluation a step."""

from typing import Any, NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import optax

from audio_texture.base import Loss, Optimizer, OptimizerState, Parameters
from audio_texture.optimize.state import all_finite, initial_state

# Share of the decrease that the slope promises which a step must reach (Armijo's condition), and
# how often a step is shortened before the search restarts.
SUFFICIENT_DECREASE = 1e-4
LONGEST_BACKTRACK = 8


class _Search(NamedTuple):
    """A line search; P is the number of all parameters.

    Attributes:
      history: state of `optax.scale_by_lbfgs`.
      direction: [P], along which the next trial lies.
      slope: of the loss along the direction.
      length: of the next step, in units of the direction.
      backtracks: how often the step was shortened.
      steepest: whether the direction is that of the negative gradient.
    """

    history: Any
    direction: jax.Array
    slope: jax.Array
    length: jax.Array
    backtracks: jax.Array
    steepest: jax.Array


class _Trial(NamedTuple):
    """An evaluated trial; `flat_params` and `gradient` are [P]."""

    parameters: Parameters
    flat_params: jax.Array
    value: jax.Array
    terms: dict[str, jax.Array]
    gradient: jax.Array


def lbfgs(loss: Loss, *, history: int = 10) -> Optimizer:
    """Returns limited-memory BFGS (Liu & Nocedal 1989) with backtracking by quadratic interpolation
    (Nocedal & Wright, 3.5).

    The quasi-Newton direction is optax's. The first step along it nearly always lowers the loss, so
    that an iteration takes one evaluation. Three things restart the history with the gradient: a
    direction that does not descend, a direction along which no step is short enough, and a pair of
    negative curvature. If no step along the gradient lowers the loss, the search is stuck.

    Args:
      loss: to be minimised.
      history: number of latest steps and gradient changes that the direction is computed from.
    Example:
      >>> optimizer = lbfgs(lambda x, data: (jnp.sum((x - 1) ** 2), {}))
      >>> state, step = optimizer.init(jnp.zeros(2), ()), jax.jit(optimizer.step)
      >>> for _ in range(6):
      ...     state = step(state, ())
      >>> bool(state.value < 1e-8)
      True
    """
    method = optax.scale_by_lbfgs(memory_size=history)

    def init(parameters, data):
        zeros = jnp.zeros_like(_flatten(parameters))
        zero = jnp.zeros((), zeros.dtype)
        search = _Search(method.init(zeros), zeros, zero, zero, jnp.int32(0), jnp.bool_(True))
        return initial_state(loss, parameters, data, search)

    def step(state, data):
        search = state.internal
        flat_params, unravel = jax.flatten_util.ravel_pytree(state.parameters)
        flat_params = flat_params + search.length * search.direction
        parameters = unravel(flat_params)
        (value, terms), gradient = jax.value_and_grad(loss, has_aux=True)(parameters, data)
        trial = _Trial(parameters, flat_params, value, terms, _flatten(gradient))
        evaluations = state.evaluations + 1
        finite = all_finite(value, trial.gradient)
        # The start itself counts as accepted: its value is compared with infinity. Later, a trial
        # that is not finite came from too long a step, such as a gain whose exponential overflows,
        # and the step is shortened like any other.
        started = state.evaluations > 0
        highest = state.value + SUFFICIENT_DECREASE * search.length * search.slope
        accepted = jax.lax.cond(
            finite & ((value < highest) | ~started),
            lambda: _accept(method, state, trial, started),
            lambda: _shorten(method, state, trial),
        )
        failed = ~finite & ~(started & ~accepted.stuck)
        return accepted._replace(
            evaluations=evaluations, failed_at=jnp.where(failed, evaluations, state.failed_at)
        )

    return Optimizer(init, step)


def _flatten(tree: Parameters) -> jax.Array:
    """Returns a pytree as one vector: every operation of the search is compiled once, not for every
    leaf.
    """
    return jax.flatten_util.ravel_pytree(tree)[0]


def _accept(
    method: Any, state: OptimizerState, trial: _Trial, started: jax.Array
) -> OptimizerState:
    """Takes the trial as the new parameters, and begins a search along a new direction."""
    search = state.internal
    direction, history = method.update(trial.gradient, search.history, trial.flat_params)
    slope = -jnp.vdot(trial.gradient, direction)
    # The last pair's s.y must be positive: along the last direction the slope must have risen.
    curvature_ok = jnp.vdot(trial.gradient, search.direction) > search.slope
    next_search = jax.lax.cond(
        (slope < 0) & jnp.isfinite(slope) & curvature_ok & started,
        lambda: _Search(
            history,
            -direction,
            slope,
            jnp.ones((), slope.dtype),
            jnp.int32(0),
            jnp.bool_(False),
        ),
        lambda: _restart(method, trial.flat_params, trial.gradient),
    )
    return state._replace(
        parameters=trial.parameters,
        value=trial.value,
        terms=trial.terms,
        stuck=jnp.bool_(False),
        internal=next_search,
    )


def _shorten(method: Any, state: OptimizerState, trial: _Trial) -> OptimizerState:
    """Keeps the parameters and shortens the step; restarts when it was shortened too often."""
    search = state.internal
    # The minimum of the parabola through the start, its slope and the trial, kept between a tenth
    # and a half of the step.
    drop = trial.value - state.value - search.length * search.slope
    length = -0.5 * search.slope * search.length**2 / drop
    length = jnp.where(
        jnp.isfinite(length),
        jnp.clip(length, 0.1 * search.length, 0.5 * search.length),
        0.1 * search.length,
    )
    shorter = search._replace(length=length, backtracks=search.backtracks + 1)
    exhausted = shorter.backtracks > LONGEST_BACKTRACK
    # The history's last gradient is that of the state's parameters.
    next_search = jax.lax.cond(
        exhausted & ~search.steepest,
        lambda: _restart(method, _flatten(state.parameters), search.history.updates),
        lambda: shorter,
    )
    return state._replace(stuck=exhausted & search.steepest, internal=next_search)


def _restart(method: Any, flat_params: jax.Array, gradient: jax.Array) -> _Search:
    """Returns a search along the negative gradient with an empty history."""
    square = jnp.vdot(gradient, gradient)
    # A hundredth of the parameters' norm; where they are zero, the first step of optax's L-BFGS.
    size = jnp.linalg.norm(flat_params)
    norm = jnp.sqrt(jnp.maximum(square, jnp.finfo(square.dtype).tiny))
    length = jnp.where(size > 0, 0.01 * size / norm, jnp.minimum(1.0, 1 / norm))
    # As optax leaves it after a first update.
    history = method.init(flat_params)._replace(
        count=jnp.int32(1), params=flat_params, updates=gradient
    )
    return _Search(history, -gradient, -square, length, jnp.int32(0), jnp.bool_(True))
