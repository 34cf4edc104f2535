"""Runs of an optimiser in chunks: budgets, where they stop, and losses that are not finite."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from optimize_problems import PROBLEMS, minimise, rosenbrock, turns_bad

from audio_texture import optimize


@pytest.mark.parametrize("method", [optimize.lbfgs, optimize.adam])
def test_result_is_free_of_the_chunk_length(method):
    """Bit for bit: how often one looks must not change what is made."""
    loss, start, _ = PROBLEMS["ill conditioned"]
    optimizer = method(loss)
    actual = [
        optimize.run(optimizer, optimizer.init(start, ()), (), evaluations=40, chunk=chunk)
        for chunk in (1, 7, 100)
    ]
    for outcome in actual[1:]:
        jax.tree.map(np.testing.assert_array_equal, outcome.state, actual[0].state)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_adam_stops_where_the_loss_is_not_finite(bad):
    """With the number of that evaluation and the last finite parameters; catches NaN played to the
    user.
    """

    def adam(loss):
        return optimize.adam(loss, learning_rate=0.1)

    outcome = minimise(
        turns_bad,
        jnp.full(3, -1.0),
        data=jnp.float32(bad),
        optimizer=adam,
        evaluations=50,
        chunk=20,
    )
    state = outcome.state
    assert outcome.reason == "not finite"
    assert int(state.failed_at) == int(state.evaluations) == outcome.progress[-1].evaluations > 1
    assert np.all(np.isfinite(state.parameters)) and np.all(np.asarray(state.parameters) <= 0.5)
    assert float(state.value) == pytest.approx(float(turns_bad(state.parameters, bad)[0]), rel=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_lbfgs_steps_back_from_where_the_loss_is_not_finite(bad):
    """A step may be too long for an exponential; catches a run that ends there, 1.5 short of where
    it could get to.
    """
    outcome = minimise(turns_bad, jnp.full(3, -1.0), data=jnp.float32(bad), evaluations=60)
    assert np.all(np.asarray(outcome.state.parameters) <= 0.5) and outcome.reason in (
        "converged",
        "evaluations",
    )
    assert float(outcome.state.value) < 1.2 * 3 * 0.5**2


def test_not_finite_from_the_start():
    outcome = minimise(turns_bad, jnp.ones(3), data=jnp.float32(np.nan))
    assert (outcome.reason, int(outcome.state.failed_at)) == ("not finite", 1)
    np.testing.assert_array_equal(outcome.state.parameters, 1)


def test_gradients_that_are_not_finite_stop_too():
    """Catches a finite value that hides an infinite slope."""

    def root(x, _):
        return (jnp.sum(jnp.sqrt(jnp.abs(x))), {})

    assert minimise(root, jnp.zeros(3)).reason == "not finite"


def test_budget_of_evaluations():
    outcome = minimise(rosenbrock, jnp.full(10, -1.0), evaluations=33)
    assert (outcome.reason, int(outcome.state.evaluations)) == ("evaluations", 33)
    again = minimise(rosenbrock, jnp.full(10, -1.0), evaluations=1)
    assert (again.reason, int(again.state.evaluations)) == ("evaluations", 1)


def test_budget_of_seconds():
    """At least one chunk, then no more than the budget and a chunk."""

    def slow(state, rows):
        return time.sleep(0.05)

    outcome = minimise(
        rosenbrock, jnp.full(10, -1.0), evaluations=10_000, seconds=0.2, chunk=10, on_chunk=slow
    )
    assert outcome.reason == "seconds" and outcome.progress[-1].evaluations < 10_000
    assert outcome.progress[-1].seconds < 60
    least = minimise(rosenbrock, jnp.full(10, -1.0), evaluations=1000, seconds=0.0, chunk=10)
    assert (least.reason, len(least.progress)) == ("seconds", 1)


def test_tolerance_is_over_the_window():
    """Stops once the last `window` evaluations lowered the loss by less than that share, not at one
    slow step.
    """
    outcome = minimise(
        rosenbrock, jnp.full(10, -1.0), evaluations=5000, chunk=10, window=50, tolerance=0.01
    )
    rows = {row.evaluations: row.loss for row in outcome.progress}
    last = outcome.progress[-1].evaluations
    if not bool(outcome.state.stuck):
        assert rows[last] > 0.99 * rows[last - 50]
    assert outcome.reason == "converged" and 60 <= last < 5000
    assert all(rows[n] <= 0.99 * rows[n - 50] for n in rows if n - 50 in rows and n < last)
    assert (
        minimise(
            rosenbrock, jnp.full(10, -1.0), evaluations=40, chunk=10, window=50, tolerance=0.99
        ).reason
        == "evaluations"
    )


def test_at_the_minimum_it_stops_by_itself():
    """No step lowers the loss any more: spends no budget on standing still, and says so."""
    loss, _, _ = PROBLEMS["well conditioned"]
    outcome = minimise(loss, {"a": jnp.ones(15), "b": (jnp.ones((15, 1)),)}, evaluations=5000)
    assert outcome.reason == "converged" and int(outcome.state.evaluations) < 100


def test_goes_on_where_it_stopped():
    """In two runs as in one, to the bit, with the same rows, also from the middle of a chunk."""
    optimizer = optimize.lbfgs(rosenbrock)

    def start():
        return optimizer.init(jnp.full(10, -1.0), ())

    whole = optimize.run(optimizer, start(), (), evaluations=40, chunk=10)
    part = optimize.run(optimizer, start(), (), evaluations=17, chunk=10)
    rest = optimize.run(optimizer, part.state, (), evaluations=40, chunk=10, progress=part.progress)
    jax.tree.map(np.testing.assert_array_equal, rest.state, whole.state)
    assert [row.evaluations for row in part.progress] == [10, 17]
    assert [row.evaluations for row in rest.progress] == [10, 20, 30, 40]
    seconds = [row.seconds for row in rest.progress]
    assert seconds == sorted(seconds)
