"""Many runs at once with one compiled program."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import optimize, synthesis
from audio_texture.config import Recipe
from audio_texture.precision import single
from audio_texture.synthesis import Problem


class Batch(NamedTuple):
    """Results of n runs.

    Attributes:
      waves: [n, C, samples] float32.
      lowered_db: [n], see `synthesis.Texture`.
      losses: [n], final values.
      terms: name -> [n], final values.
      outcomes: of the optimiser, n. Where runs were made together, seconds in their progress are
        those of the whole batch.
    """

    waves: np.ndarray
    lowered_db: np.ndarray
    losses: np.ndarray
    terms: dict[str, np.ndarray]
    outcomes: list[optimize.Outcome]


def prepare_batch(
    recipes: Sequence[Recipe],
    sounds: Sequence[Sequence[np.ndarray]],
    *,
    sample_rate: int,
    seconds: float,
    weights: Sequence[Sequence[float] | None] | None = None,
) -> list[Problem]:
    """`synthesis.prepare` for n runs of one `synthesis.compile_key`.

    Args:
      recipes: n.
      sounds: n sequences of references [C, N_i].
      sample_rate: of the sounds, in Hz.
      seconds: length of the results.
      weights: of the references of each run.
    Raises:
      ValueError: two runs differ in their compile_key, or `synthesis.prepare` refuses one.
    """
    problems: list[Problem] = []
    weights = weights or [None] * len(recipes)
    for recipe, waves, run_weights in zip(recipes, sounds, weights, strict=True):
        like = problems[0] if problems else None
        problem = synthesis.prepare(
            recipe, waves, sample_rate=sample_rate, seconds=seconds, weights=run_weights, like=like
        )
        problems.append(problem)
    return problems


@single
def run_batch(
    problems: Sequence[Problem],
    keys: jax.Array,
    *,
    together: bool | None = None,
    mesh: jax.sharding.Mesh | None = None,
    size: int = 0,
    max_seconds: float = math.inf,
    on_chunk: Callable[[list[list[optimize.ProgressRow]]], None] = lambda rows: None,
    on_step: Callable[[list[optimize.ProgressRow]], None] = optimize.ignore_step,
) -> Batch:
    """Makes n sounds; each equals, up to rounding, `synthesis.run` of its problem and key.

    A run that has converged, or whose loss is not finite, stops without affecting the others.

    Args:
      problems: of `prepare_batch`, n; repeat one where runs differ in their key alone.
      keys: PRNG keys [n].
      together: see `optimize.run_batch`; True by default except on a CPU. There a batch is no
        faster than run after run, which gives exactly the samples of `synthesis.run`.
      mesh: see `optimize.run_batch`.
      size: see `optimize.run_batch`.
      max_seconds: wall-clock budget of the optimisation; of each run where they are made in turn.
      on_chunk: called after each chunk with the rows of every run so far.
      on_step: see `optimize.run`; called with a row for every run that has begun.
    Raises:
      ValueError: no runs; another number of keys than of problems; problems not prepared alike.
    """
    if not problems or len(problems) != len(keys):
        raise ValueError(
            "a batch needs as many problems as keys, and one at least, got "
            f"{len(problems)} problems and {len(keys)} keys."
        )
    if any(problem.optimizer is not problems[0].optimizer for problem in problems):
        raise ValueError(
            "the problems of a batch must be prepared alike, by prepare_batch or prepare(..., "
            "like=)."
        )
    together = jax.default_backend() != "cpu" if together is None else together
    # What optimises nothing has no program that devices could share.
    if problems[0].recipe.is_direct or not together and mesh is None:
        return _in_turn(problems, keys, max_seconds, on_chunk, on_step)
    return _together(
        problems,
        keys,
        together=together,
        mesh=mesh,
        size=size,
        seconds=max_seconds,
        on_chunk=lambda _, rows: on_chunk(rows),
        on_step=on_step,
    )


def _in_turn(problems, keys, max_seconds, on_chunk, on_step) -> Batch:
    """`run_batch` as one run after the other."""
    textures, rows = [], [[] for _ in keys]

    def after_step(row):
        on_step([*(texture.outcome.progress[-1] for texture in textures), row])

    def after_chunk(number, own_rows):
        rows[number] = own_rows
        on_chunk(rows)

    for number, (problem, key) in enumerate(zip(problems, keys, strict=True)):
        # Ctrl-C ends the whole batch: each remaining run makes a single evaluation.
        interrupted = any(texture.outcome.reason == "interrupted" for texture in textures)
        texture = synthesis.run(
            problem,
            key,
            max_seconds=0.0 if interrupted else max_seconds,
            on_chunk=functools.partial(after_chunk, number),
            on_step=after_step,
        )
        textures.append(texture)
    waves, lowered_db, outcomes = zip(*textures, strict=True)
    return _batch(waves, lowered_db, outcomes)


def _together(problems, keys, **options) -> Batch:
    """`run_batch` with all runs in one program; options: of `optimize.run_batch`."""
    start_keys, phase_keys = jax.vmap(jax.random.split, out_axes=1)(keys)
    started = [problem.init(key) for problem, key in zip(problems, start_keys, strict=True)]
    parameters, data = jax.tree.map(lambda *leaves: jnp.stack(leaves), *started)
    outcomes = optimize.run_batch(
        problems[0].optimizer,
        jax.vmap(problems[0].optimizer.init)(parameters, data),
        data,
        evaluations=[problem.recipe.optimiser.evaluations for problem in problems],
        tolerance=[problem.recipe.optimiser.tolerance for problem in problems],
        **options,
    )
    rendered = [
        problem.render_output(key, outcome.state.parameters)
        for problem, key, outcome in zip(problems, phase_keys, outcomes, strict=True)
    ]
    waves, lowered_db = zip(*rendered, strict=True)
    return _batch(waves, lowered_db, outcomes)


def _batch(waves, lowered_db, outcomes) -> Batch:
    """A Batch of the results of n runs."""

    def gather(values: Any) -> np.ndarray:
        return np.array([float(value) for value in values], np.float32)

    states = [outcome.state for outcome in outcomes]
    terms = {name: gather(state.terms[name] for state in states) for name in states[0].terms}
    losses = gather(state.value for state in states)
    return Batch(np.stack(waves), np.array(lowered_db), losses, terms, list(outcomes))


@single
def fitting_batch(problem: Problem, runs: int, *, memory: int) -> int:
    """Number of runs of a problem that fit in a device's memory together, from 1 to `runs`.

    Args:
      problem: of `synthesis.prepare`.
      runs: number of runs wanted.
      memory: of the device, in bytes.
    """
    if problem.recipe.is_direct:
        return 1
    start = problem.init(jax.random.key(0))
    needed = optimize.batch_bytes(problem.optimizer, *start, runs=runs)
    return max(1, min(runs, runs * memory // needed))
