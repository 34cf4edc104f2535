"""Several runs of one optimiser at once."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture.base import Optimizer, OptimizerState, Parameters
from audio_texture.optimize.run_loop import (
    CHUNK,
    WINDOW,
    Budget,
    Outcome,
    ProgressRow,
    compile_chunk,
    ignore_step,
    run_chunks,
)


def _ignore_chunk(states: OptimizerState, rows: list[list[ProgressRow]]) -> None:
    """The default of `on_chunk`."""


def run_batch(
    optimizer: Optimizer,
    states: OptimizerState,
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
    on_chunk: Callable[[OptimizerState, list[list[ProgressRow]]], None] = _ignore_chunk,
    on_step: Callable[[list[ProgressRow]], None] = ignore_step,
) -> list[Outcome]:
    """Does what `run` does for n runs of an optimiser at once, and returns an outcome for each.

    A run that is done, stuck or not finite keeps its state and does not disturb the others.

    Args:
      optimizer: its step is compiled once for all runs.
      states: every leaf [n, ...].
      data: every leaf [n, ...].
      evaluations: n budgets; see `run`.
      tolerance: n tolerances; see `run`.
      together: whether all runs take a step at the same time (vmap), which fills a GPU. Otherwise
        the runs follow one another in the same program, which on a CPU is as fast and rounds as
        `run` does.
      mesh: of one axis; its devices share the runs.
      size: compiles for this many runs, for a later batch of that size. Slots that are left over
        are filled with copies of the last run, which take no steps.
      seconds: see `run`; the clock is that of the batch.
      window: see `run`.
      chunk: see `run`.
      on_chunk: called after each chunk with the states and the rows of every run so far.
      on_step: called as `run` does, with a row for every run.
    Returns:
      An `Outcome` for each run; their seconds are those of the batch.
    """
    count = len(evaluations)
    states, data, slots, sharding = _place_on_devices(states, data, count, size, mesh)
    rows = [[] for _ in range(count)]

    def pack(counts):
        return jax.device_put(np.array([*counts, *[0] * (slots - count)], np.int32), sharding)

    states, reasons = run_chunks(
        compile_chunk(optimizer.step, "together" if together else "in turn", mesh),
        states,
        data,
        rows,
        budget=Budget(evaluations, tolerance, seconds, window, chunk),
        split=lambda states: _split(states, count),
        pack=pack,
        on_chunk=on_chunk,
        on_step=on_step,
    )
    outcomes = zip(_split(states, count), reasons, rows, strict=True)
    return [Outcome(*outcome) for outcome in outcomes]


def _place_on_devices(states, data, count, size, mesh):
    """Returns (states, data, slots, sharding): `count` runs on their devices, filled up with copies
    of the last run to a number of slots that the devices share evenly.
    """
    devices = mesh.size if mesh else 1
    slots = -(-max(count, size) // devices) * devices
    sharding = None
    if mesh:
        sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(*mesh.axis_names))
    if slots > count:
        fill = np.minimum(np.arange(slots), count - 1)
        states, data = jax.tree.map(lambda leaf: jnp.asarray(leaf)[fill], (states, data))
    states, data = jax.device_put((states, data), sharding)
    return states, data, slots, sharding


def _split(states: OptimizerState, count: int) -> list[OptimizerState]:
    """Returns the states of the first `count` runs, in NumPy: slicing an array on the device would
    compile a program for every slice.
    """
    states = jax.device_get(states)
    return [jax.tree.map(lambda leaf, i=index: leaf[i], states) for index in range(count)]


def batch_bytes(optimizer: Optimizer, parameters: Parameters, data: Any, *, runs: int) -> int:
    """Returns the memory of one device in bytes that `run_batch` takes for runs together, by the
    compiler's estimate. It compiles a program and runs nothing.

    Args:
      optimizer: of the runs.
      parameters: of a single run.
      data: of a single run.
      runs: number of runs.
    """
    single = (
        jax.eval_shape(optimizer.init, parameters, data),
        jax.eval_shape(lambda data: data, data),
        jax.ShapeDtypeStruct((), jnp.int32),
    )
    shapes = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((runs, *leaf.shape), leaf.dtype), single
    )
    # A jitted function, which the type of `compile_chunk` hides.
    compiled: Any = compile_chunk(optimizer.step, "together")
    memory = compiled.lower(*shapes).compile().memory_analysis()
    return (
        memory.argument_size_in_bytes
        + memory.output_size_in_bytes
        + memory.temp_size_in_bytes
        - memory.alias_size_in_bytes
    )
