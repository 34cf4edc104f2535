"""Minimisation of any scalar function of a pytree, in chunks on the device. Knows nothing of audio.

A loss is `loss(parameters, data) -> (scalar, terms)`. An optimiser's step is exactly one evaluation of the loss and its
gradient, so that budgets are counted in evaluations, whatever a line search does, and the loss stands once in the compiled
program (optax's line search needs it in the search and again where a step begins).
"""

import functools
import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax

Parameters = Any
Loss = Callable[[Parameters, Any], tuple[jax.Array, dict[str, jax.Array]]]

SUFFICIENT_DECREASE = 1e-4
# Evaluations that a tolerance compares over, and between looks from outside.
WINDOW, CHUNK = 100, 25
LONGEST_BACKTRACK = 8
# Some terminals and wrappers send one Ctrl-C twice: seconds from one to the next that are two.
APART = 0.3


class State(NamedTuple):
    """What the next evaluation needs.

    Attributes:
      parameters: the last accepted ones; always finite.
      value, terms: their loss.
      evaluations: how many were spent.
      failed_at: number of the evaluation that came out NaN or infinite where no shorter step was left to try; 0 while none did.
      stuck: no step along the gradient lowers the loss any more.
      internal: the method's own: search direction, step, history.
    """

    parameters: Parameters
    value: jax.Array
    terms: dict[str, jax.Array]
    evaluations: jax.Array
    failed_at: jax.Array
    stuck: jax.Array
    internal: Any


class Optimizer(NamedTuple):
    """init: (parameters, data) -> State. step: (state, data) -> State, at one evaluation of the loss."""

    init: Callable[[Parameters, Any], State]
    step: Callable[[State, Any], State]


def _fresh(loss: Loss, parameters: Parameters, data: Any, internal: Any) -> State:
    value, terms = jax.eval_shape(loss, parameters, data)
    infinite = lambda shape: jnp.full(shape.shape, jnp.inf, shape.dtype)
    state = State(
        parameters,
        infinite(value),
        jax.tree.map(infinite, terms),
        jnp.int32(0),
        jnp.int32(0),
        jnp.bool_(False),
        internal,
    )
    # optax leaves some leaves weakly typed, for which the step would be compiled again, and the same buffer in two places,
    # which cannot be given away twice.
    return jax.tree.map(lambda leaf: jnp.array(leaf, dtype=np.dtype(leaf.dtype), copy=True), state)


def _all_finite(value: jax.Array, gradient: Parameters) -> jax.Array:
    return jnp.isfinite(value) & jnp.isfinite(
        sum(jnp.vdot(leaf, leaf) for leaf in jax.tree.leaves(gradient))
    )


class _Search(NamedTuple):
    history: Any
    direction: jax.Array
    slope: jax.Array
    length: jax.Array
    backtracks: jax.Array
    steepest: jax.Array


def lbfgs(loss: Loss, *, history: int = 10) -> Optimizer:
    """Limited-memory BFGS (Liu & Nocedal 1989) with backtracking by quadratic interpolation (Nocedal & Wright, 3.5).

    The quasi-Newton direction is optax's. The first step along it nearly always decreases the loss, so that an evaluation
    is an iteration. A direction that does not descend, one along which no step is short enough, or a pair of negative
    curvature restarts the history with the gradient; when not even that leads down, the search is stuck.
    """
    method = optax.scale_by_lbfgs(memory_size=history)
    # One vector: of several leaves every operation of the search is compiled once for each.
    flat = lambda tree: jax.flatten_util.ravel_pytree(tree)[0]

    def restarted(place, gradient):
        square = jnp.vdot(gradient, gradient)
        # A hundredth of the parameters' own size, or where they are zero as optax begins.
        size = jnp.linalg.norm(place)
        norm = jnp.sqrt(jnp.maximum(square, jnp.finfo(square.dtype).tiny))
        length = jnp.where(size > 0, 0.01 * size / norm, jnp.minimum(1.0, 1 / norm))
        # As optax leaves it after a first update.
        history_ = method.init(place)._replace(count=jnp.int32(1), params=place, updates=gradient)
        return _Search(history_, -gradient, -square, length, jnp.int32(0), jnp.bool_(True))

    def init(parameters, data):
        zeros = jnp.zeros_like(flat(parameters))
        nothing = jnp.zeros((), zeros.dtype)
        search = _Search(method.init(zeros), zeros, nothing, nothing, jnp.int32(0), jnp.bool_(True))
        return _fresh(loss, parameters, data, search)

    def step(state, data):
        search = state.internal
        place, unravel = jax.flatten_util.ravel_pytree(state.parameters)
        place = place + search.length * search.direction
        trial = unravel(place)
        (value, terms), gradient = jax.value_and_grad(loss, has_aux=True)(trial, data)
        gradient = flat(gradient)
        evaluations = state.evaluations + 1
        finite = _all_finite(value, gradient)
        # The start itself counts as accepted: its value is compared with infinity. Elsewhere a trial that is not finite was
        # too long a step, such as a gain whose exponential overflows, and is shortened like any other.
        started = state.evaluations > 0
        accepted = finite & (
            (value < state.value + SUFFICIENT_DECREASE * search.length * search.slope) | ~started
        )

        def accept(_):
            toward, history_ = method.update(gradient, search.history, place)
            slope = -jnp.vdot(gradient, toward)
            # The last pair's s.y, through the direction it was taken along: the slope must have risen.
            curved = jnp.vdot(gradient, search.direction) > search.slope
            search_ = jax.lax.cond(
                (slope < 0) & jnp.isfinite(slope) & curved & started,
                lambda: _Search(
                    history_,
                    -toward,
                    slope,
                    jnp.ones((), slope.dtype),
                    jnp.int32(0),
                    jnp.bool_(False),
                ),
                lambda: restarted(place, gradient),
            )
            return trial, value, terms, jnp.bool_(False), search_

        def shorten(_):
            # Minimum of the parabola through the start, its slope and the trial, kept within a tenth and a half.
            drop = value - state.value - search.length * search.slope
            length = -0.5 * search.slope * search.length**2 / drop
            length = jnp.where(
                jnp.isfinite(length),
                jnp.clip(length, 0.1 * search.length, 0.5 * search.length),
                0.1 * search.length,
            )
            shorter = search._replace(length=length, backtracks=search.backtracks + 1)
            exhausted = shorter.backtracks > LONGEST_BACKTRACK
            # The history's last gradient is that of the state's parameters.
            search_ = jax.lax.cond(
                exhausted & ~search.steepest,
                lambda: restarted(flat(state.parameters), search.history.updates),
                lambda: shorter,
            )
            return state.parameters, state.value, state.terms, exhausted & search.steepest, search_

        parameters, value_, terms_, stuck, search_ = jax.lax.cond(accepted, accept, shorten, None)
        return State(
            parameters,
            value_,
            terms_,
            evaluations,
            jnp.where(finite | (started & ~stuck), state.failed_at, evaluations),
            stuck,
            search_,
        )

    return Optimizer(init, step)


def adam(loss: Loss, *, learning_rate: float | Callable[[Any], jax.Array] = 1e-2) -> Optimizer:
    """Adam (Kingma & Ba 2015), by optax. The state's parameters are those its value was found at.

    learning_rate: a number, or a function of the loss's data, by which runs that are compiled once have one each.
    """
    method = optax.scale_by_adam()

    def init(parameters, data):
        return _fresh(
            loss,
            parameters,
            data,
            (method.init(parameters), jax.tree.map(jnp.zeros_like, parameters)),
        )

    def step(state, data):
        moments, update = state.internal
        trial = optax.apply_updates(state.parameters, update)
        (value, terms), gradient = jax.value_and_grad(loss, has_aux=True)(trial, data)
        evaluations = state.evaluations + 1
        finite = _all_finite(value, gradient)
        direction, moments = method.update(gradient, moments, trial)
        rate = learning_rate(data) if callable(learning_rate) else learning_rate
        update = jax.tree.map(lambda leaf: -rate * leaf, direction)
        found = State(
            trial, value, terms, evaluations, state.failed_at, state.stuck, (moments, update)
        )
        kept = state._replace(evaluations=evaluations, failed_at=evaluations)
        return jax.tree.map(lambda new, old: jnp.where(finite, new, old), found, kept)

    return Optimizer(init, step)


class Progress(NamedTuple):
    """What a human wants to see of a chunk: never fed back."""

    evaluations: int
    seconds: float
    loss: float
    terms: dict[str, float]


class Outcome(NamedTuple):
    """Result of `run`.

    Attributes:
      state: the last one, with finite parameters.
      reason: "converged", "evaluations", "seconds", "interrupted" or "not finite".
      progress: a row a chunk.
    """

    state: State
    reason: str
    progress: list[Progress]


def value_at(
    optimizer: Optimizer, parameters: Parameters, data: Any
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The loss at parameters and its terms; NaN where they are not finite.

    By the program that `run` runs, whose first evaluation is that of its start: the loss alone would be compiled by itself, for one number.
    """
    state = _advance(optimizer.step)(optimizer.init(parameters, data), data, jnp.int32(1))
    value, terms, failed_at = jax.device_get((state.value, state.terms, state.failed_at))
    return jax.tree.map(lambda found: np.float32(np.nan) if failed_at else found, (value, terms))


def run(
    optimizer: Optimizer,
    state: State,
    data: Any,
    *,
    evaluations: int,
    seconds: float = float("inf"),
    tolerance: float = 0.0,
    window: int = WINDOW,
    chunk: int = CHUNK,
    progress: list[Progress] | None = None,
    on_chunk: Callable[[State, list[Progress]], None] = lambda state, progress: None,
) -> Outcome:
    """Steps until a budget is spent, the loss stops falling, or something goes wrong.

    Args:
      optimizer: its step is compiled once and kept for later runs of the same optimiser.
      state: where to start or go on.
      data: handed to the loss.
      evaluations: budget, counted from the state's own beginning.
      seconds: budget of wall-clock time from now on; results under it depend on the machine's speed.
      tolerance: stops when the loss fell by less than this share over the last `window` evaluations; relative, since
        single-precision losses stall long before any absolute bound.
      chunk: evaluations between looks from outside.
      progress: rows of an interrupted run that goes on.
      on_chunk: called after each chunk with the state and the rows so far: logging, checkpoints.
    Returns:
      `Outcome`. Ctrl-C ends the run after the chunk at hand (a second one ends the program).
    """
    rows = list(progress or [])
    options = {
        "seconds": seconds,
        "window": window,
        "chunk": chunk,
        "began": rows[-1].seconds if rows else 0.0,
    }
    state, [reason] = _drive(
        _advance(optimizer.step),
        state,
        data,
        [rows],
        evaluations=[evaluations],
        tolerance=[tolerance],
        each=lambda state: [state],
        pack=lambda counts: jnp.int32(counts[0]),
        on_chunk=lambda state, rows: on_chunk(state, rows[0]),
        **options,
    )
    return Outcome(state, reason, rows)


def run_batch(
    optimizer: Optimizer,
    states: State,
    data: Any,
    *,
    evaluations: Sequence[int],
    tolerance: Sequence[float],
    together: bool,
    mesh: jax.sharding.Mesh | None = None,
    size: int = 0,
    seconds: float = float("inf"),
    window: int = WINDOW,
    chunk: int = CHUNK,
    on_chunk: Callable[[State, list[list[Progress]]], None] = lambda states, rows: None,
) -> list[Outcome]:
    """`run` for n runs of one optimiser at once. One that is done, stuck or not finite stands still and disturbs no other.

    Args:
      optimizer: its step is compiled once for all.
      states, data: every leaf [n, ...].
      evaluations, tolerance: n each; see `run`.
      together: one step of all runs at a time (vmap), which fills an accelerator; else one run after the other in the same
        program, which on a CPU is as fast and rounds as `run` does.
      mesh: of one axis; its devices share the runs.
      size: compiles for so many runs, for another batch of that size later. Where there are fewer, or they do not divide among
        the devices, copies that stand still fill the places.
      seconds, window, chunk: see `run`; the clock is of the batch.
      on_chunk: called after each chunk with the states and the rows of every run so far.
    Returns:
      An `Outcome` for each run; their seconds are of the batch.
    """
    count = len(evaluations)
    devices = mesh.size if mesh else 1
    places = -(-max(count, size) // devices) * devices
    of_runs = (
        jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(*mesh.axis_names))
        if mesh
        else None
    )
    if places > count:
        fill = np.minimum(np.arange(places), count - 1)
        states, data = jax.tree.map(lambda leaf: jnp.asarray(leaf)[fill], (states, data))
    states, data = jax.device_put((states, data), of_runs)
    rows = [[] for _ in range(count)]

    def each(states):
        # By way of NumPy: a slice of an array on the device is a program for every index.
        states = jax.device_get(states)
        return [jax.tree.map(lambda leaf: leaf[index], states) for index in range(count)]

    def pack(counts):
        return jax.device_put(np.array([*counts, *[0] * (places - count)], np.int32), of_runs)

    states, reasons = _drive(
        _advance(optimizer.step, "together" if together else "in turn", mesh),
        states,
        data,
        rows,
        evaluations=evaluations,
        tolerance=tolerance,
        each=each,
        pack=pack,
        on_chunk=on_chunk,
        seconds=seconds,
        window=window,
        chunk=chunk,
    )
    return [Outcome(*outcome) for outcome in zip(each(states), reasons, rows, strict=True)]


def batch_bytes(optimizer: Optimizer, parameters: Parameters, data: Any, *, runs: int) -> int:
    """Memory that `run_batch` takes of one device for so many runs together, by the compiler's own account; it compiles, and runs nothing.

    parameters, data: of one run.
    """
    one = (
        jax.eval_shape(optimizer.init, parameters, data),
        jax.eval_shape(lambda data: data, data),
        jax.ShapeDtypeStruct((), jnp.int32),
    )
    shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((runs, *leaf.shape), leaf.dtype), one)
    found = _advance(optimizer.step, "together").lower(*shapes).compile().memory_analysis()
    return (
        found.argument_size_in_bytes
        + found.output_size_in_bytes
        + found.temp_size_in_bytes
        - found.alias_size_in_bytes
    )


def _drive(
    advance: Callable[[State, Any, jax.Array], State],
    state: State,
    data: Any,
    rows: list[list[Progress]],
    *,
    evaluations: Sequence[int],
    tolerance: Sequence[float],
    each: Callable[[State], list[State]],
    pack: Callable[[list[int]], jax.Array],
    on_chunk: Callable[[State, list[list[Progress]]], None],
    seconds: float,
    window: int,
    chunk: int,
    began: float = 0.0,
) -> tuple[State, list[str]]:
    """Chunk after chunk until every run has a reason to stop; adds to the rows. each: the runs' states; pack: of their counts."""
    start, deadline = time.monotonic() - began, time.monotonic() + seconds
    with Interrupts() as interrupts:
        seen = _seen(each, state)
        while True:
            runs = list(zip(seen, rows, evaluations, tolerance, strict=True))
            reasons = [
                _reason_to_stop(one, of_one, evaluations=budget, tolerance=least, window=window)
                for one, of_one, budget, least in runs
            ]
            # Not before the first chunk: the parameters of a start have no value yet.
            if any(rows):
                outside = (
                    "interrupted"
                    if interrupts.seen
                    else "seconds"
                    if time.monotonic() > deadline
                    else None
                )
                reasons = [reason or outside for reason in reasons]
            if None not in reasons:
                return state, reasons
            # Chunks end at multiples of their length, wherever a run begins: one that goes on sees the same ends.
            spent = [int(one.evaluations) for one in seen]
            counts = [
                0 if reason else min(chunk - done % chunk, budget - done)
                for reason, done, budget in zip(reasons, spent, evaluations, strict=True)
            ]
            state = advance(state, data, pack(counts))
            seen, now = _seen(each, state), time.monotonic() - start
            for one, of_one, count in zip(seen, rows, counts, strict=True):
                if count:
                    terms = {name: float(term) for name, term in one.terms.items()}
                    of_one.append(Progress(int(one.evaluations), now, float(one.value), terms))
            on_chunk(state, rows)


def _seen(each: Callable[[State], list[State]], state: State) -> list[State]:
    """What is looked at between chunks, of every run; what is large stays on the device."""
    return each(jax.device_get(state._replace(parameters=None, internal=None)))


def _reason_to_stop(
    state: State, rows: list[Progress], *, evaluations: int, tolerance: float, window: int
) -> str | None:
    if int(state.failed_at):
        return "not finite"
    if bool(state.stuck):
        return "converged"
    if int(state.evaluations) >= evaluations:
        return "evaluations"
    earlier = [row.loss for row in rows if row.evaluations <= int(state.evaluations) - window]
    if tolerance and earlier and rows[-1].loss > (1 - tolerance) * earlier[-1]:
        return "converged"
    return None


@functools.lru_cache(maxsize=8)
def _advance(
    step: Callable[[State, Any], State], batch: str = "", mesh: jax.sharding.Mesh | None = None
) -> Callable[[State, Any, jax.Array], State]:
    """Up to `count` steps in one compiled loop; `count` is an argument, so that a shorter last chunk compiles nothing.

    batch: "together" or "in turn" where the arguments are those of several runs; mesh: of the devices that share them.
    """

    def advance(state, data, count):
        end = state.evaluations + count
        going = lambda state: (state.evaluations < end) & (state.failed_at == 0) & ~state.stuck
        return jax.lax.while_loop(going, lambda state: step(state, data), state)

    ways = {
        "": advance,
        "together": jax.vmap(advance),
        "in turn": lambda *runs: jax.lax.map(lambda run: advance(*run), runs),
    }
    way = ways[batch]
    if mesh:
        # shard_map: no device waits for another, where sharded inputs alone would add a reduction to the loop's condition.
        of_runs = jax.sharding.PartitionSpec(*mesh.axis_names)
        way = jax.shard_map(way, mesh=mesh, in_specs=of_runs, out_specs=of_runs, check_vma=False)
    return jax.jit(way, donate_argnums=0)


class Interrupts:
    """Notes the first Ctrl-C or SIGTERM instead of letting it end what is at hand; a second one
    does what it would have done.

    Outside the main thread it does nothing. One within another is the other: what it notes ends
    both in their order.
    """

    _outer: "Interrupts | None" = None

    def __enter__(self):
        self._seen_at: float | None = None
        self._noting = Interrupts._outer or self
        self._previous = {}
        if self._noting is self and threading.current_thread() is threading.main_thread():
            Interrupts._outer = self
            for signum in (signal.SIGINT, signal.SIGTERM):
                # Who ignores a signal, as programs under nohup do, goes on to.
                if signal.getsignal(signum) not in (signal.SIG_IGN, None):
                    self._previous[signum] = signal.signal(signum, self._note)
        return self

    @property
    def seen(self) -> bool:
        """Whether one was noted."""
        return self._noting._seen_at is not None

    def _note(self, signum, frame):
        now = time.monotonic()
        if self._seen_at is None:
            self._seen_at = now
        elif now - self._seen_at > APART:
            self._restore()
            signal.raise_signal(signum)

    def _restore(self):
        for signum, handler in self._previous.items():
            signal.signal(signum, handler)

    def __exit__(self, *_):
        if self._noting is self and Interrupts._outer is self:
            Interrupts._outer = None
            self._restore()
