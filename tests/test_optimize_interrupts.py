"""Runs of an optimiser that a signal ends."""

import os
import signal
import time

import jax.numpy as jnp
import pytest
from optimize_problems import minimise, rosenbrock

from audio_texture import optimize


def test_ctrl_c_ends_after_the_chunk():
    """The chunk at hand counts, its state comes back, and Ctrl-C has its usual effect again."""
    before = signal.getsignal(signal.SIGINT)

    def interrupt(state, rows):
        return os.kill(os.getpid(), signal.SIGINT) if len(rows) == 3 else None

    outcome = minimise(
        rosenbrock, jnp.full(10, -1.0), evaluations=1000, chunk=10, on_chunk=interrupt
    )
    assert outcome.reason == "interrupted"
    assert [row.evaluations for row in outcome.progress] == [10, 20, 30] and int(
        outcome.state.evaluations
    ) == 30
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_within_a_chunk_ends_after_the_evaluation():
    """A chunk of 25 evaluations of 5 s at 44.1 kHz takes six seconds: nobody waits for it."""
    seen = []

    def interrupt(row):
        seen.append(row.evaluations)
        return os.kill(os.getpid(), signal.SIGINT) if row.evaluations >= 7 else None

    outcome = minimise(
        rosenbrock, jnp.full(10, -1.0), evaluations=5000, chunk=1000, on_step=interrupt
    )
    assert outcome.reason == "interrupted" and 7 <= seen[-1] < 16
    assert [row.evaluations for row in outcome.progress] == seen[-1:]
    # Progress is known from the first evaluation on.
    assert seen[0] == 1


def test_second_ctrl_c_ends_the_program():
    def twice(state, rows):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1.2 * optimize.APART)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        minimise(rosenbrock, jnp.full(10, -1.0), on_chunk=twice)
    assert signal.getsignal(signal.SIGINT) is before


def test_one_ctrl_c_that_comes_twice_is_one():
    """Terminals and wrappers pass it on twice: results that were about to be written were lost."""

    def twice(state, rows):
        return [os.kill(os.getpid(), signal.SIGINT) for _ in range(2)]

    assert (
        minimise(rosenbrock, jnp.full(10, -1.0), evaluations=1000, chunk=10, on_chunk=twice).reason
        == "interrupted"
    )


def test_sigterm_is_as_ctrl_c():
    """Clusters send it before the kill."""
    before = signal.getsignal(signal.SIGTERM)
    outcome = minimise(
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
        outcome = minimise(
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
            minimise(rosenbrock, jnp.full(10, -1.0), evaluations=1000, chunk=10).reason
            == "interrupted"
        )
