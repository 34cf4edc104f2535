"""Makes the planned runs, in batches that fit into the devices' memory."""

import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import tqdm

from audio_texture import batch, optimize, synthesis
from audio_texture.errors import ChoiceError
from launch import interrupts, messages
from launch.compile_times import Wait
from launch.errors import UserError, one_line
from launch.memory import PeakMemory
from launch.messages import say
from launch.output import Output
from launch.plurals import count
from launch.progress import describe_seconds
from launch.sweep.folders import Costs, write_failure, write_run
from launch.sweep.plan import Run
from launch.sweep.sweep_flags import Sweep

MOST_FAILED = 120
# A bar of 80 columns, with what it says behind it.
_FORMAT = "{percentage:3.0f}%|{bar}| {desc}"
# Of the free memory of a device, the share that a batch may take.
MEMORY_SHARE = 0.8


class SweepProgress:
    """Shows the runs done, how far the current ones are, and the time left: a bar on a terminal,
    elsewhere a line for each run.
    """

    def __init__(self, total: int):
        self._total, self.done, self._failed, self._start = total, 0, 0, time.monotonic()
        self._bar: tqdm.tqdm | None = None
        self._first_step = True

    def step(self, rows: Sequence[optimize.ProgressRow], evaluations: int) -> None:
        """Shows on a terminal how far the current runs are.

        Args:
          rows: of those that have begun, now.
          evaluations: of a whole run.
        """
        if self._first_step:
            # What is before it is the compiler's.
            self._first_step, self._start = False, time.monotonic()
        if not sys.stderr.isatty():
            return
        latest = rows[-1]
        share = sum(row.evaluations for row in rows) / evaluations
        text = f"evaluation {latest.evaluations} of {evaluations}, loss {latest.loss:.3g}"
        self._draw(self.done + share, text)

    def add(self, *, failed: bool) -> None:
        """Counts a run that has ended."""
        self.done, self._failed = self.done + 1, self._failed + failed
        if sys.stderr.isatty():
            self._draw(self.done, "")
            return
        seconds = time.monotonic() - self._start
        say(
            f"{self.done} of {count(self._total, 'run')}, {60 * self.done / seconds:.1f} a "
            f"minute, {self._describe_rest(self.done)}{self._failed} failed"
        )

    def _draw(self, runs: float, text: str) -> None:
        """Draws the bar; runs: done, with the shares of the current ones."""
        # Always: a later group has said what it compiles.
        messages.done()
        if self._bar is None:
            self._bar = tqdm.tqdm(total=self._total, bar_format=_FORMAT, leave=False, mininterval=0)
        failed = f", {self._failed} failed" if self._failed else ""
        parts = [
            f"{self.done} of {count(self._total, 'run')}{failed}",
            text,
            self._describe_rest(runs).removesuffix(", "),
        ]
        self._bar.n = min(runs, self._total)
        self._bar.set_description_str(", ".join(filter(None, parts)))

    def _describe_rest(self, runs: float) -> str:
        """The time left, after a number of runs; empty where there is none to tell it from."""
        if not 0 < runs < self._total:
            return ""
        left = (time.monotonic() - self._start) / runs * (self._total - runs)
        return f"{describe_seconds(left)} left, "

    def close(self) -> None:
        """Removes the bar."""
        messages.done()
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class Problems:
    """Prepares a group's problems: all share the compiled programs of the first, and a run that
    differs from the one before only in its seed gets the same problem.
    """

    def __init__(self, steps: Any):
        self._steps = steps
        self._first: synthesis.Problem | None = None
        self._last: tuple[str, synthesis.Problem] | None = None
        # For the first evaluation of the group.
        self.wait: Wait | None = None

    def prepare(self, run: Run) -> synthesis.Problem:
        """The problem of a run. UserError or ValueError where it cannot be prepared."""
        recipe, references, sample_rate = self._steps.read(run.config)
        without_seed = json.dumps({**run.config, "seed": None}, sort_keys=True)
        if self._last is None or self._last[0] != without_seed:
            sounds = run.config, recipe, references, sample_rate
            options = {}
            if not self._first:
                self.wait = wait = self._steps.wait_for(*sounds)
                options["on_fit"] = wait.fit
            problem = self._steps.prepare(*sounds, self._first, **options)
            if self.wait and not self._first:
                self.wait.compile()
            self._last = without_seed, problem
        self._first = self._first or self._last[1]
        return self._last[1]


class Callbacks(NamedTuple):
    """What `make_group` calls.

    Attributes:
      done: for every run that was made, with its result and its costs.
      failed: for every run that was not made, with the reason.
      on_step: as `batch.run_batch` calls it, and with the evaluations of a run.
    """

    done: Callable[[Run, synthesis.Texture, Costs], None]
    failed: Callable[[Run, str], None]
    on_step: Callable[[list[optimize.ProgressRow], int], None] = lambda rows, evaluations: None


def make_group(
    group: Sequence[Run],
    steps: Any,
    mesh: jax.sharding.Mesh | None,
    callbacks: Callbacks,
    *,
    most: int = 0,
    max_seconds: float = math.inf,
) -> bool:
    """Makes the runs of a group in batches; False if Ctrl-C ended it. A batch that does not fit
    into memory is halved.

    Args:
      group: runs on the same compiled programs.
      steps: of the program that is swept.
      mesh: the devices; None for one.
      callbacks: called for every run.
      most: runs at once; 0 for as many as fit.
      max_seconds: budget of a batch.
    """
    problems, waiting, size = Problems(steps), list(group), 0
    while waiting:
        prepared, prepare_seconds, memory = [], [], PeakMemory()
        # A run that cannot be prepared leaves its place to the next.
        while waiting and len(prepared) < max(size, 1):
            run, begin = waiting.pop(0), time.monotonic()
            try:
                prepared.append((run, problems.prepare(run)))
            except (UserError, ValueError) as error:
                callbacks.failed(run, str(error))
                continue
            prepare_seconds.append(time.monotonic() - begin)
            size = size or batch_size(len(waiting) + 1, prepared[0][1], mesh, most)
        if not prepared:
            break
        runs, start = [run for run, _ in prepared], time.monotonic()
        # Ctrl-C waits until finished results are written.
        with optimize.Interrupts() as interruption:
            try:
                made = _run_batch(prepared, mesh, size, max_seconds, callbacks, problems.wait)
            # ChoiceError: a method in one pass may see only now that it cannot use a sound.
            except (ChoiceError, jax.errors.JaxRuntimeError, MemoryError) as error:
                if is_out_of_memory(error) and len(runs) > 1:
                    size, waiting = math.ceil(len(runs) / 2), [*runs, *waiting]
                    say(f"{count(len(runs), 'run')} at once do not fit into memory; now {size}")
                    continue
                for run in runs:
                    callbacks.failed(run, one_line(error))
                continue
            if any(outcome.reason == "interrupted" for outcome in made.outcomes):
                return False
            seconds, megabytes = (time.monotonic() - start) / len(runs), memory.megabytes()
            interrupts.unsaved(True)
            results = map(synthesis.Texture, made.waves, made.lowered_db, made.outcomes)
            for run, texture, before in zip(runs, results, prepare_seconds, strict=True):
                callbacks.done(run, texture, Costs(seconds, before, megabytes))
            interrupts.unsaved(interruption.received)
        if interruption.received:
            return False
    return True


def _run_batch(
    prepared: Sequence[tuple[Run, synthesis.Problem]],
    mesh: jax.sharding.Mesh | None,
    size: int,
    max_seconds: float,
    callbacks: Callbacks,
    wait: Wait | None,
) -> batch.Batch:
    """The results of prepared runs, made as one batch of `size`. wait: for the first evaluation."""
    runs = [run for run, _ in prepared]
    evaluations = max(problem.recipe.optimiser.evaluations for _, problem in prepared)

    def step(rows):
        if wait:
            wait.end()
        callbacks.on_step(rows, evaluations)

    return batch.run_batch(
        [problem for _, problem in prepared],
        jnp.stack([jax.random.key(run.config["seed"]) for run in runs]),
        mesh=mesh,
        size=size,
        max_seconds=max_seconds,
        on_step=step,
    )


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that the memory of a device or of the host is too small."""
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)


def batch_size(
    runs: int, problem: synthesis.Problem, mesh: jax.sharding.Mesh | None, most: int = 0
) -> int:
    """The number of runs to make at once, so that batches have nearly equal sizes.

    Args:
      runs: number of runs to make.
      problem: of one of them.
      mesh: the devices; None for one.
      most: runs at once; 0 for as many as fit into the devices' memory, on a CPU one per device.
    """
    devices = mesh.size if mesh else 1
    limit = most or devices
    if not most and jax.default_backend() != "cpu":
        runs_a_device = math.ceil(runs / devices)
        memory = jax.local_devices()[0].memory_stats()
        # If a device does not report its memory, all runs are tried at once, and then fewer.
        free = memory["bytes_limit"] - memory["bytes_in_use"] if memory else sys.maxsize
        limit = devices * batch.fitting_batch(
            problem, runs_a_device, memory=int(MEMORY_SHARE * free)
        )
    return math.ceil(runs / math.ceil(runs / limit))


def make_all(sweep: Sweep, output: Output, parts: Sequence[Sequence[Run]], *, failed: int) -> int:
    """Makes the runs and writes their folders; the exit status.

    Args:
      sweep: what the user asked for.
      output: the sweep's folder.
      parts: the runs, in groups on the same compiled programs.
      failed: number of runs that failed before.
    """
    progress = SweepProgress(sum(map(len, parts)))
    devices = jax.local_devices()
    mesh = jax.sharding.Mesh(np.array(devices), ("runs",)) if len(devices) > 1 else None
    failures = [failed]

    def done(run, texture, costs):
        good = write_run(sweep, output, run, texture, costs)
        failures.append(not good)
        progress.add(failed=not good)
        interrupts.made(f"{count(progress.done, 'run')} in {output.folder}")

    def gave_up(run, message):
        failures.append(True)
        write_failure(output, run, message)
        say(f"{run.name} failed: {message}")
        progress.add(failed=True)

    callbacks = Callbacks(done, gave_up, progress.step)
    limits = {"most": sweep.values["batch"], "max_seconds": sweep.values["max_seconds"]}
    try:
        with interrupts.of_one_kind():
            groups = (make_group(part, sweep.steps, mesh, callbacks, **limits) for part in parts)
            complete = all(groups)
    except KeyboardInterrupt:
        complete = False
    progress.close()
    if not complete:
        interrupts.unsaved(True)
        messages.say_all(interrupts.describe())
        return interrupts.STATUS
    return min(sum(failures), MOST_FAILED)
