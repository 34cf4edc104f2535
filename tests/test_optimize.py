"""optimize against scipy's L-BFGS-B and optax's Adam, and what a step costs."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.optimize
from optimize_problems import PROBLEMS, minimise, rosenbrock

from audio_texture import optimize


def evaluations_of_scipy(loss, start, target):
    """How many evaluations scipy's L-BFGS-B, in float64, takes to a value."""
    flat, unflatten = jax.flatten_util.ravel_pytree(start)
    function = jax.jit(jax.value_and_grad(lambda x: loss(unflatten(x), ())[0]))
    values = []

    def counted(x):
        value, gradient = function(x.astype(np.float32))
        values.append(float(value))
        return float(value), np.asarray(gradient, np.float64)

    scipy.optimize.minimize(
        counted,
        np.asarray(flat, np.float64),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 2000, "ftol": 0, "gtol": 0},
    )
    reached = np.flatnonzero(np.array(values) <= target)
    return reached[0] + 1 if len(reached) else np.inf


@pytest.mark.slow
@pytest.mark.parametrize("name", PROBLEMS)
def test_lbfgs_keeps_up_with_scipy(name):
    """As low within a comparable number of evaluations. Catches a lost history, bad pairs and lazy
    backtracking.
    """
    loss, start, target = PROBLEMS[name]
    theirs = evaluations_of_scipy(loss, start, target)
    outcome = minimise(loss, start, evaluations=int(1.6 * min(theirs, 400)) + 10)
    assert float(outcome.state.value) <= target, theirs
    assert float(loss(outcome.state.parameters, ())[0]) == pytest.approx(
        float(outcome.state.value), rel=1e-5, abs=1e-12
    )


def test_starts_from_zero():
    """Catches a first step in proportion to the parameters' own size, which at zero is no step at
    all.
    """
    loss, start, target = PROBLEMS["well conditioned"]
    assert (
        float(minimise(loss, jax.tree.map(jnp.zeros_like, start), evaluations=60).state.value)
        <= target
    )


@pytest.mark.parametrize("gain", [1e-6, 1e6])
@pytest.mark.parametrize("size", [1e-3, 1e3])
def test_units_of_loss_and_parameters_do_not_matter(gain, size):
    """The authors' losses differ by nine orders of magnitude in their weights alone."""

    def scaled(x, data):
        return (lambda value: (value, {}))(gain * rosenbrock(x / size, data)[0])

    value = float(minimise(scaled, jnp.full(10, -1.0 * size), evaluations=150).state.value)
    assert value <= 1e-4 * gain


def counted_quadratic():
    """A loss that counts its traces (a Python side effect) and its evaluations (a callback as the
    program runs).
    """
    counts = {"traces": 0, "evaluations": 0}

    def count(value):
        counts["evaluations"] += 1
        return value

    def loss(x, data):
        counts["traces"] += 1
        value = jnp.sum(jnp.geomspace(1, 100, 20) * (x - data) ** 2)
        seen = jax.pure_callback(
            count,
            jax.ShapeDtypeStruct((), jnp.float32),
            jax.lax.stop_gradient(value),
            vmap_method="sequential",
        )
        return value + 0 * seen, {"term": value}

    return loss, counts


@pytest.mark.parametrize("method", [optimize.lbfgs, optimize.adam])
def test_one_trace_and_one_evaluation_a_step(method):
    """Ten chunks of uneven length, and then another run, compile nothing anew; a step is an
    evaluation, no more, no less.

    Catches optax's line search (four copies of the loss), weak types (a second compilation) and
    constants baked in.
    """
    loss, counts = counted_quadratic()
    optimizer = method(loss)
    data = jnp.ones(20)
    state = optimizer.init(jnp.full(20, 3.0), data)
    shape_only = counts["traces"]
    outcome = optimize.run(optimizer, state, data, evaluations=47, chunk=5)
    jax.block_until_ready(outcome.state)
    assert counts["traces"] - shape_only == 1
    assert counts["evaluations"] == 47 == int(outcome.state.evaluations)
    assert [row.evaluations for row in outcome.progress] == [5, 10, 15, 20, 25, 30, 35, 40, 45, 47]
    again = optimizer.init(jnp.full(20, 5.0), 2 * data)
    before = counts["traces"]
    optimize.run(optimizer, again, 2 * data, evaluations=3, chunk=5)
    assert counts["traces"] == before


def test_every_step_is_an_evaluation_even_when_it_fails():
    """Backtracking spends the budget as anything else: the first quasi-Newton steps on Rosenbrock
    overshoot.
    """
    states = [minimise(rosenbrock, jnp.full(10, -1.0), evaluations=n).state for n in (1, 2, 17)]
    assert [int(state.evaluations) for state in states] == [1, 2, 17]
    assert float(states[0].value) == float(
        rosenbrock(jnp.full(10, -1.0), ())[0]
    )  # the start itself is the first


def test_value_never_rises():
    rows = minimise(rosenbrock, jnp.full(10, -1.0), evaluations=60, chunk=1).progress
    losses = [row.loss for row in rows]
    assert len(rows) == 60 and all(after <= before for before, after in itertools.pairwise(losses))
    assert all(row.terms["rosenbrock"] == row.loss for row in rows)


def test_run_leaves_the_start_alone():
    """Catches parameters of the caller's given away to the compiled program."""
    start = jnp.zeros(10)
    minimise(rosenbrock, start, evaluations=3)
    np.testing.assert_array_equal(start, 0)


def test_adam_is_optax_by_hand():
    loss, start, _ = PROBLEMS["well conditioned"]
    outcome = minimise(
        loss, start, evaluations=12, optimizer=lambda loss: optimize.adam(loss, learning_rate=0.05)
    )
    method = optax.adam(0.05)
    parameters, state = start, method.init(start)
    for _ in range(11):  # the first evaluation is that of the start
        update, state = method.update(
            jax.grad(lambda p: loss(p, ())[0])(parameters), state, parameters
        )
        parameters = optax.apply_updates(parameters, update)
    jax.tree.map(
        lambda actual, expected: np.testing.assert_allclose(actual, expected, rtol=1e-4),
        outcome.state.parameters,
        parameters,
    )
    assert float(outcome.state.value) == pytest.approx(float(loss(parameters, ())[0]), rel=1e-4)


@pytest.mark.parametrize("method", [optimize.lbfgs, optimize.adam])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_either_precision_with_double_precision_on(method, dtype):
    """Branches of one search had two types: "cond branches must have equal output types"."""
    with jax.enable_x64(True):
        optimizer = method(lambda x, data: (jnp.sum((x - data) ** 2), {}))
        start, data = jnp.ones(4, dtype), jnp.zeros(4, dtype)
        outcome = optimize.run(optimizer, optimizer.init(start, data), data, evaluations=30)
        assert outcome.state.value.dtype == dtype and outcome.state.value < 4


@pytest.mark.parametrize("method", [optimize.lbfgs, optimize.adam])
def test_value_at_is_the_loss(method):
    """At the parameters themselves, not after a step from them; NaN, not infinity, where there is
    none, because a weight divided by it would be 0.
    """

    def loss(x, data):
        return (data * jnp.sum(x**2), {"square": data * jnp.sum(x**2)})

    optimizer = method(loss)
    value, terms = optimize.value_at(optimizer, jnp.array([1.0, 2.0]), np.float32(3))
    assert (value, terms["square"]) == (15, 15)
    value, terms = optimize.value_at(optimizer, jnp.array([1.0, np.inf]), np.float32(3))
    assert np.isnan(value) and np.isnan(terms["square"])
