"""Runs of an optimiser in chunks; between chunks come budgets, progress, early stop and Ctrl-C."""

import contextlib
import functools
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture.base import Optimizer, OptimizerState, Parameters
from audio_texture.optimize.interrupts import Interrupts

# Evaluations over which the tolerance compares losses, and evaluations of a chunk.
WINDOW, CHUNK = 100, 25
# A call of the compiled loop that takes less than this many seconds is followed by one of twice as
# many evaluations: progress and Ctrl-C are prompt, and short evaluations do not wait for Python.
_SHORT_CALL = 0.05


class ProgressRow(NamedTuple):
    """The state of a run after a chunk, as a user sees it.

    Attributes:
      evaluations: spent since the start of the run.
      seconds: wall-clock time since the start of the run.
      loss: at the last accepted parameters.
      terms: terms of that loss by name.
    """

    evaluations: int
    seconds: float
    loss: float
    terms: dict[str, float]


class Outcome(NamedTuple):
    """Result of `run`.

    Attributes:
      state: the last one, with finite parameters.
      reason: "converged", "evaluations", "seconds", "interrupted" or "not finite";
        "direct" where a method made the result without optimising.
      progress: a row for each chunk.
    """

    state: OptimizerState
    reason: str
    progress: list[ProgressRow]


class Budget(NamedTuple):
    """When runs stop.

    Attributes:
      evaluations: most evaluations, for each run.
      tolerance: least relative fall of the loss over `window` evaluations, for each run.
      seconds: most wall-clock time from now on.
      window: evaluations over which losses are compared.
      chunk: evaluations of a chunk.
    """

    evaluations: Sequence[int]
    tolerance: Sequence[float]
    seconds: float
    window: int
    chunk: int


def value_at(
    optimizer: Optimizer, parameters: Parameters, data: Any
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Returns the loss at parameters and its terms; NaN if they are not finite.

    It takes the first step of `run`'s program, which evaluates the start, since the loss alone
    would be another program to compile.

    Example:
      >>> from audio_texture import optimize
      >>> optimizer = optimize.adam(lambda x, data: (x**2, {"square": x**2}))
      >>> value, terms = value_at(optimizer, jnp.array(3.0), ())
      >>> float(value), float(terms["square"])
      (9.0, 9.0)
    """
    _wait_for_program(optimizer)
    state = compile_chunk(optimizer.step)(optimizer.init(parameters, data), data, jnp.int32(1))
    value, terms, failed_at = jax.device_get((state.value, state.terms, state.failed_at))
    return jax.tree.map(lambda leaf: np.float32(np.nan) if failed_at else leaf, (value, terms))


def _ignore_chunk(state: OptimizerState, progress: Any) -> None:
    """The default of `on_chunk`."""


def ignore_step(progress: Any) -> None:
    """The default of `on_step`."""


def run(
    optimizer: Optimizer,
    state: OptimizerState,
    data: Any,
    *,
    evaluations: int,
    seconds: float = float("inf"),
    tolerance: float = 0.0,
    window: int = WINDOW,
    chunk: int = CHUNK,
    progress: list[ProgressRow] | None = None,
    on_chunk: Callable[[OptimizerState, list[ProgressRow]], None] = _ignore_chunk,
    on_step: Callable[[ProgressRow], None] = ignore_step,
) -> Outcome:
    """Steps until a budget is spent, the loss stops falling, or the loss is not finite.

    Ctrl-C ends the run after the current evaluation; a second one ends the program.

    Args:
      optimizer: its step is compiled once and kept for later runs of the same optimiser.
      state: where to start or go on.
      data: second argument of the loss.
      evaluations: budget, including those that the state has spent.
      seconds: budget of wall-clock time from now on; results under it depend on the machine's
        speed.
      tolerance: stops if the loss fell by less than this share over the last `window` evaluations.
        It is relative, since single-precision losses stall long before any absolute bound.
      window: see `tolerance`.
      chunk: evaluations between two calls of `on_chunk`.
      progress: rows of an interrupted run that is resumed.
      on_chunk: called after each chunk, and at the end, with the state and the rows so far, for
        logging and checkpoints.
      on_step: called with the state of the run as often as it is known: after each evaluation, or
        after some where they are short.
    Example:
      >>> from audio_texture import optimize
      >>> optimizer = optimize.lbfgs(lambda x, data: ((x - data) ** 2, {}))
      >>> state = optimizer.init(jnp.array(0.0), 1.5)
      >>> outcome = run(optimizer, state, 1.5, evaluations=20)
      >>> round(float(outcome.state.parameters), 3)
      1.5
    """
    # The row of an interrupted chunk goes, as that chunk is completed: the rows that the tolerance
    # compares are those of a run that was never interrupted.
    rows = [row for row in progress or [] if row.evaluations % chunk == 0]
    _wait_for_program(optimizer)
    state, [reason] = run_chunks(
        compile_chunk(optimizer.step),
        state,
        data,
        [rows],
        budget=Budget([evaluations], [tolerance], seconds, window, chunk),
        split=lambda state: [state],
        pack=lambda counts: jnp.int32(counts[0]),
        on_chunk=lambda state, rows: on_chunk(state, rows[0]),
        on_step=lambda now: on_step(now[0]),
        seconds_before=progress[-1].seconds if progress else 0.0,
    )
    return Outcome(state, reason, rows)


def run_chunks(
    advance: Callable[[OptimizerState, Any, jax.Array], OptimizerState],
    state: OptimizerState,
    data: Any,
    rows: list[list[ProgressRow]],
    *,
    budget: Budget,
    split: Callable[[OptimizerState], list[OptimizerState]],
    pack: Callable[[list[int]], jax.Array],
    on_chunk: Callable[[OptimizerState, list[list[ProgressRow]]], None],
    on_step: Callable[[list[ProgressRow]], None] = ignore_step,
    seconds_before: float = 0.0,
) -> tuple[OptimizerState, list[str]]:
    """Runs chunk after chunk until every run has a reason to stop; returns the state and reasons.

    Args:
      advance: of `compile_chunk`.
      state: of one run, or of several stacked.
      data: of one run, or of several stacked.
      rows: of every run; rows are appended.
      budget: of the runs.
      split: state -> the states of the runs.
      pack: evaluations of every run -> the argument of `advance`.
      on_chunk: called after each chunk with the state and the rows.
      on_step: called after each call of `advance` with a row for every run, now.
      seconds_before: how long the run went before it was interrupted.
    """
    start = time.monotonic() - seconds_before
    deadline = time.monotonic() + budget.seconds
    summaries, most_at_once = _summarise(split, state), 1
    with Interrupts() as interrupts:
        while True:
            reasons = _reasons_to_stop(summaries, rows, budget)
            # Not before the first evaluation: until then, the loss of the start is not known.
            if any(int(summary.evaluations) for summary in summaries):
                overdue = time.monotonic() > deadline
                common = "interrupted" if interrupts.received else "seconds" if overdue else None
                reasons = [reason or common for reason in reasons]
            stopped = [reason for reason in reasons if reason is not None]
            is_over, now = len(stopped) == len(reasons), time.monotonic() - start
            if _append_rows(rows, summaries, reasons, now, budget.chunk):
                on_chunk(state, rows)
                # Again, as the new rows may tell that a loss falls no more.
                continue
            if is_over:
                return state, stopped
            counts = [
                0 if reason else min(most_at_once, _next_count(summary, most, budget.chunk))
                for reason, summary, most in zip(
                    reasons, summaries, budget.evaluations, strict=True
                )
            ]
            begin = time.monotonic()
            state = advance(state, data, pack(counts))
            summaries, end = _summarise(split, state), time.monotonic()
            most_at_once *= 2 if end - begin < _SHORT_CALL else 1
            on_step([_progress_row(summary, end - start) for summary in summaries])


def _reasons_to_stop(
    summaries: Sequence[OptimizerState], rows: Sequence[list[ProgressRow]], budget: Budget
) -> list[str | None]:
    """Why each run must stop, see `_reason_to_stop`."""
    return [
        _reason_to_stop(summary, progress, most, tolerance, window=budget.window)
        for summary, progress, most, tolerance in zip(
            summaries, rows, budget.evaluations, budget.tolerance, strict=True
        )
    ]


def _append_rows(
    rows: Sequence[list[ProgressRow]],
    summaries: Sequence[OptimizerState],
    reasons: Sequence[str | None],
    seconds: float,
    chunk: int,
) -> bool:
    """Where every run has completed a chunk or stopped, appends a row to each that has none yet of
    its last evaluation; returns whether there was one.
    """
    spent = [int(summary.evaluations) for summary in summaries]
    if any(n % chunk and reason is None for n, reason in zip(spent, reasons, strict=True)):
        return False
    noted = [progress[-1].evaluations if progress else 0 for progress in rows]
    for progress, summary, n, before in zip(rows, summaries, spent, noted, strict=True):
        if n > before:
            progress.append(_progress_row(summary, seconds))
    return spent != noted


def _next_count(summary: OptimizerState, most: int, chunk: int) -> int:
    """Returns the evaluations up to the end of the chunk. Chunks end at multiples of `chunk`
    wherever a run begins, so a resumed run has the same chunks.
    """
    spent = int(summary.evaluations)
    return min(chunk - spent % chunk, most - spent)


def _progress_row(state: OptimizerState, seconds: float) -> ProgressRow:
    terms = {name: float(term) for name, term in state.terms.items()}
    return ProgressRow(int(state.evaluations), seconds, float(state.value), terms)


def _summarise(
    split: Callable[[OptimizerState], list[OptimizerState]], state: OptimizerState
) -> list[OptimizerState]:
    """Returns the small parts of every run's state; the large ones stay on the device."""
    return split(jax.device_get(state._replace(parameters=None, internal=None)))


def _reason_to_stop(
    state: OptimizerState,
    rows: list[ProgressRow],
    evaluations: int,
    tolerance: float,
    *,
    window: int,
) -> str | None:
    """Returns why a run must stop, as in `Outcome`; None if it goes on."""
    if int(state.failed_at):
        return "not finite"
    if bool(state.stuck):
        return "converged"
    if int(state.evaluations) >= evaluations:
        return "evaluations"
    latest = rows[-1].evaluations if rows else 0
    earlier = [row.loss for row in rows if row.evaluations <= latest - window]
    if tolerance and earlier and rows[-1].loss > (1 - tolerance) * earlier[-1]:
        return "converged"
    return None


@functools.lru_cache(maxsize=8)
def compile_chunk(
    step: Callable[[OptimizerState, Any], OptimizerState],
    batch: str = "",
    mesh: jax.sharding.Mesh | None = None,
) -> Callable[[OptimizerState, Any, jax.Array], OptimizerState]:
    """Returns a compiled loop of up to `count` steps: (state, data, count) -> state.

    `count` is an argument, so that a shorter last chunk compiles nothing.

    Args:
      step: of an optimiser.
      batch: "together" or "in turn" if the arguments are those of several runs.
      mesh: the devices that share the runs.
    """

    def advance(state, data, count):
        end = state.evaluations + count

        def goes_on(state):
            return (state.evaluations < end) & (state.failed_at == 0) & ~state.stuck

        return jax.lax.while_loop(goes_on, lambda state: step(state, data), state)

    variants = {
        "": advance,
        "together": jax.vmap(advance),
        "in turn": lambda *runs: jax.lax.map(lambda run: advance(*run), runs),
    }
    variant = variants[batch]
    if mesh:
        # With shard_map no device waits for another; sharded inputs alone would add a reduction to
        # the loop's condition.
        spec = jax.sharding.PartitionSpec(*mesh.axis_names)
        variant = jax.shard_map(variant, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False)
    return jax.jit(variant, donate_argnums=0)


# Programs of `compile_ahead`, by the step that they repeat.
_AHEAD: weakref.WeakKeyDictionary[Callable, threading.Thread] = weakref.WeakKeyDictionary()


def compile_ahead(optimizer: Optimizer, parameters: Any, data: Any) -> None:
    """Compiles the program of `run` in another thread, while this one prepares its arguments.

    Args:
      optimizer: of the run.
      parameters: the shapes and types of its parameters (jax.ShapeDtypeStruct).
      data: the shapes and types of its data.
    """

    def compile_program():
        # An error comes again, to the caller, when the run compiles its program itself.
        with contextlib.suppress(Exception):
            state = jax.eval_shape(optimizer.init, parameters, data)
            count = jax.ShapeDtypeStruct((), jnp.int32)
            compile_chunk(optimizer.step).lower(state, data, count).compile()

    _AHEAD[optimizer.step] = threading.Thread(target=compile_program)
    _AHEAD[optimizer.step].start()


def _wait_for_program(optimizer: Optimizer) -> None:
    """Waits for a program of `compile_ahead`, which would otherwise be compiled twice."""
    thread = _AHEAD.pop(optimizer.step, None)
    if thread:
        thread.join()
