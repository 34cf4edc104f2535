"""optimize.py against scipy's L-BFGS-B and optax's Adam, and the contract of its chunks: budgets,
NaN, Ctrl-C, one trace.
"""

import itertools
import os
import signal
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.optimize

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


def worked_off(loss, start, **options):
    """An outcome; start and data as run needs them."""
    optimizer = options.pop("optimizer", optimize.lbfgs)(loss)
    data = options.pop("data", ())
    return optimize.run(
        optimizer, optimizer.init(start, data), data, **{"evaluations": 100, **options}
    )


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


PROBLEMS = {
    "rosenbrock": (rosenbrock, jnp.full(10, -1.0), 1e-6),
    "well conditioned": (*quadratic(np.linspace(1, 10, 30)), 1e-8),
    "ill conditioned": (*quadratic(np.geomspace(1e-2, 1e2, 40)), 1e-4),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PROBLEMS)
def test_lbfgs_keeps_up_with_scipy(name):
    """As low within a comparable number of evaluations. Catches a lost history, bad pairs and lazy
    backtracking.
    """
    loss, start, target = PROBLEMS[name]
    theirs = evaluations_of_scipy(loss, start, target)
    outcome = worked_off(loss, start, evaluations=int(1.6 * min(theirs, 400)) + 10)
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
        float(worked_off(loss, jax.tree.map(jnp.zeros_like, start), evaluations=60).state.value)
        <= target
    )


@pytest.mark.parametrize("gain", [1e-6, 1e6])
@pytest.mark.parametrize("size", [1e-3, 1e3])
def test_units_of_loss_and_parameters_do_not_matter(gain, size):
    """The authors' losses differ by nine orders of magnitude in their weights alone."""

    def scaled(x, data):
        return (lambda value: (value, {}))(gain * rosenbrock(x / size, data)[0])

    value = float(worked_off(scaled, jnp.full(10, -1.0 * size), evaluations=150).state.value)
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
    states = [worked_off(rosenbrock, jnp.full(10, -1.0), evaluations=n).state for n in (1, 2, 17)]
    assert [int(state.evaluations) for state in states] == [1, 2, 17]
    assert float(states[0].value) == float(
        rosenbrock(jnp.full(10, -1.0), ())[0]
    )  # the start itself is the first


def test_value_never_rises():
    rows = worked_off(rosenbrock, jnp.full(10, -1.0), evaluations=60, chunk=1).progress
    losses = [row.loss for row in rows]
    assert len(rows) == 60 and all(after <= before for before, after in itertools.pairwise(losses))
    assert all(row.terms["rosenbrock"] == row.loss for row in rows)


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


def test_run_leaves_the_start_alone():
    """Catches parameters of the caller's given away to the compiled program."""
    start = jnp.zeros(10)
    worked_off(rosenbrock, start, evaluations=3)
    np.testing.assert_array_equal(start, 0)


# --- adam


def test_adam_is_optax_by_hand():
    loss, start, _ = PROBLEMS["well conditioned"]
    outcome = worked_off(
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


# --- NaN


def turns_bad(x, bad):
    """Falls towards 1, but is not finite beyond a half."""
    value = jnp.sum((x - 1) ** 2)
    value = jnp.where(jnp.max(x) > 0.5, bad, value)
    return value, {"term": value}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_adam_stops_where_the_loss_is_not_finite(bad):
    """With the number of that evaluation and the last finite parameters; catches NaN played to the
    user.
    """

    def adam(loss):
        return optimize.adam(loss, learning_rate=0.1)

    outcome = worked_off(
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
    outcome = worked_off(turns_bad, jnp.full(3, -1.0), data=jnp.float32(bad), evaluations=60)
    assert np.all(np.asarray(outcome.state.parameters) <= 0.5) and outcome.reason in (
        "converged",
        "evaluations",
    )
    assert float(outcome.state.value) < 1.2 * 3 * 0.5**2


def test_not_finite_from_the_start():
    outcome = worked_off(turns_bad, jnp.ones(3), data=jnp.float32(np.nan))
    assert (outcome.reason, int(outcome.state.failed_at)) == ("not finite", 1)
    np.testing.assert_array_equal(outcome.state.parameters, 1)


def test_gradients_that_are_not_finite_stop_too():
    """Catches a finite value that hides an infinite slope."""

    def root(x, _):
        return (jnp.sum(jnp.sqrt(jnp.abs(x))), {})

    assert worked_off(root, jnp.zeros(3)).reason == "not finite"


# --- budgets and stopping


def test_budget_of_evaluations():
    outcome = worked_off(rosenbrock, jnp.full(10, -1.0), evaluations=33)
    assert (outcome.reason, int(outcome.state.evaluations)) == ("evaluations", 33)
    again = worked_off(rosenbrock, jnp.full(10, -1.0), evaluations=1)
    assert (again.reason, int(again.state.evaluations)) == ("evaluations", 1)


def test_budget_of_seconds():
    """At least one chunk, then no more than the budget and a chunk."""

    def slow(state, rows):
        return time.sleep(0.05)

    outcome = worked_off(
        rosenbrock, jnp.full(10, -1.0), evaluations=10_000, seconds=0.2, chunk=10, on_chunk=slow
    )
    assert outcome.reason == "seconds" and outcome.progress[-1].evaluations < 10_000
    assert outcome.progress[-1].seconds < 60
    least = worked_off(rosenbrock, jnp.full(10, -1.0), evaluations=1000, seconds=0.0, chunk=10)
    assert (least.reason, len(least.progress)) == ("seconds", 1)


def test_tolerance_is_over_the_window():
    """Stops once the last `window` evaluations lowered the loss by less than that share, not at one
    slow step.
    """
    outcome = worked_off(
        rosenbrock, jnp.full(10, -1.0), evaluations=5000, chunk=10, window=50, tolerance=0.01
    )
    rows = {row.evaluations: row.loss for row in outcome.progress}
    last = outcome.progress[-1].evaluations
    if not bool(outcome.state.stuck):
        assert rows[last] > 0.99 * rows[last - 50]
    assert outcome.reason == "converged" and 60 <= last < 5000
    assert all(rows[n] <= 0.99 * rows[n - 50] for n in rows if n - 50 in rows and n < last)
    assert (
        worked_off(
            rosenbrock, jnp.full(10, -1.0), evaluations=40, chunk=10, window=50, tolerance=0.99
        ).reason
        == "evaluations"
    )


def test_at_the_minimum_it_stops_by_itself():
    """No step lowers the loss any more: spends no budget on standing still, and says so."""
    loss, _, _ = PROBLEMS["well conditioned"]
    outcome = worked_off(loss, {"a": jnp.ones(15), "b": (jnp.ones((15, 1)),)}, evaluations=5000)
    assert outcome.reason == "converged" and int(outcome.state.evaluations) < 100


def test_goes_on_where_it_stopped():
    """In two runs as in one, to the bit, with the rows of both."""
    optimizer = optimize.lbfgs(rosenbrock)

    def start():
        return optimizer.init(jnp.full(10, -1.0), ())

    whole = optimize.run(optimizer, start(), (), evaluations=40, chunk=10)
    part = optimize.run(optimizer, start(), (), evaluations=17, chunk=10)
    rest = optimize.run(optimizer, part.state, (), evaluations=40, chunk=10, progress=part.progress)
    jax.tree.map(np.testing.assert_array_equal, rest.state, whole.state)
    assert [row.evaluations for row in rest.progress] == [10, 17, 20, 30, 40]
    seconds = [row.seconds for row in rest.progress]
    assert seconds == sorted(seconds)


# --- Ctrl-C


def test_ctrl_c_ends_after_the_chunk():
    """The chunk at hand counts, its state comes back, and Ctrl-C has its usual effect again."""
    before = signal.getsignal(signal.SIGINT)

    def interrupt(state, rows):
        return os.kill(os.getpid(), signal.SIGINT) if len(rows) == 3 else None

    outcome = worked_off(
        rosenbrock, jnp.full(10, -1.0), evaluations=1000, chunk=10, on_chunk=interrupt
    )
    assert outcome.reason == "interrupted"
    assert [row.evaluations for row in outcome.progress] == [10, 20, 30] and int(
        outcome.state.evaluations
    ) == 30
    assert signal.getsignal(signal.SIGINT) is before


def test_second_ctrl_c_ends_the_program():
    def twice(state, rows):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1.2 * optimize.APART)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        worked_off(rosenbrock, jnp.full(10, -1.0), on_chunk=twice)
    assert signal.getsignal(signal.SIGINT) is before


def test_one_ctrl_c_that_comes_twice_is_one():
    """Terminals and wrappers pass it on twice: results that were about to be written were lost."""

    def twice(state, rows):
        return [os.kill(os.getpid(), signal.SIGINT) for _ in range(2)]

    assert (
        worked_off(
            rosenbrock, jnp.full(10, -1.0), evaluations=1000, chunk=10, on_chunk=twice
        ).reason
        == "interrupted"
    )


def test_sigterm_is_as_ctrl_c():
    """Clusters send it before the kill."""
    before = signal.getsignal(signal.SIGTERM)
    outcome = worked_off(
        rosenbrock,
        jnp.full(10, -1.0),
        evaluations=1000,
        on_chunk=lambda state, rows: os.kill(os.getpid(), signal.SIGTERM),
    )
    assert outcome.reason == "interrupted" and signal.getsignal(signal.SIGTERM) is before


def test_an_ignored_signal_stays_ignored():
    """nohup, and a shell's background: a run must not end by what its user asked to be left out."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        outcome = worked_off(
            rosenbrock,
            jnp.full(10, -1.0),
            evaluations=30,
            chunk=10,
            on_chunk=lambda state, rows: os.kill(os.getpid(), signal.SIGINT),
        )
        assert outcome.reason == "evaluations"
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("inner", [False, True])
def test_interrupts_within_interrupts_are_one(inner):
    """A signal noted within another ends both; the end of the inner must not give it back."""
    with optimize.Interrupts() as outer:
        with optimize.Interrupts() as within:
            if inner:
                os.kill(os.getpid(), signal.SIGINT)
        if not inner:
            os.kill(os.getpid(), signal.SIGINT)
        assert outer.received and within.received
        assert (
            worked_off(rosenbrock, jnp.full(10, -1.0), evaluations=1000, chunk=10).reason
            == "interrupted"
        )


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
    none, lest a weight divided by it be 0.
    """

    def loss(x, data):
        return (data * jnp.sum(x**2), {"square": data * jnp.sum(x**2)})

    optimizer = method(loss)
    value, terms = optimize.value_at(optimizer, jnp.array([1.0, 2.0]), np.float32(3))
    assert (value, terms["square"]) == (15, 15)
    value, terms = optimize.value_at(optimizer, jnp.array([1.0, np.inf]), np.float32(3))
    assert np.isnan(value) and np.isnan(terms["square"])
