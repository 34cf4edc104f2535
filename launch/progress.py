"""How far an optimisation is, and how it ended."""

import sys
import time
from collections.abc import Callable

import tqdm

from audio_texture import optimize, streaming, synthesis
from launch import messages
from launch.messages import say
from launch.plurals import count

# A bar of 80 columns with all that a user wants to know.
_FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{postfix}"


class ProgressBar:
    """Shows progress: a bar that moves at every evaluation on a terminal, a line for each chunk
    elsewhere.

    total: evaluations of the run. name: of its result. on_first: called at the first evaluation.
    """

    def __init__(self, total: int, name: str, on_first: Callable[[], None] = lambda: None):
        self._total, self._name, self._on_first = total, name, on_first
        self._bar: tqdm.tqdm | None = None
        # Evaluations and time of the first row: what is before it is the compiler's.
        self._first: tuple[int, float] | None = None
        self._paused_at: float | None = None

    def step(self, row: optimize.ProgressRow) -> None:
        """Shows the state after an evaluation."""
        if self._first is None:
            self._first = row.evaluations, time.monotonic()
            self._on_first()
            if sys.stderr.isatty():
                messages.done()
                self._bar = tqdm.tqdm(
                    total=self._total, desc=self._name, bar_format=_FORMAT, leave=False
                )
        if self._paused_at is not None:
            evaluations, start = self._first
            self._first = evaluations, start + time.monotonic() - self._paused_at
            self._paused_at = None
        if self._bar is not None:
            self._bar.n = row.evaluations
            self._bar.set_postfix_str(f"loss {row.loss:.4g}{self._describe_rest(row)}")

    def show(self, row: optimize.ProgressRow) -> None:
        """Shows the state after a chunk."""
        if self._bar is None:
            say(
                f"{self._name}: {row.evaluations} of {self._total} evaluations, "
                f"{row.seconds:.1f} s, loss {row.loss:.4g}{self._describe_rest(row)}"
            )

    def _describe_rest(self, row: optimize.ProgressRow) -> str:
        """The time left, once there is a speed to tell it from."""
        evaluations, start = self._first or (row.evaluations, 0.0)
        spent, left = row.evaluations - evaluations, self._total - row.evaluations
        if not spent or not left:
            return ""
        return f", {describe_seconds((time.monotonic() - start) / spent * left)} left"

    def pause(self) -> None:
        """Takes the bar away until the next evaluation; that time does not count for the rest."""
        self._paused_at = time.monotonic()
        if self._bar is not None:
            self._bar.clear()

    def close(self) -> None:
        """Removes the bar."""
        if self._bar is not None:
            self._bar.close()


def describe_seconds(seconds: float) -> str:
    """A length of time as 40 s, 5 min or 2.5 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def describe_outcome(texture: synthesis.Texture | streaming.Block) -> str:
    """A line on how an optimisation ended."""
    return f"{describe_ending(texture.outcome)}{describe_lowering(texture.lowered_db)}"


def describe_ending(outcome: optimize.Outcome) -> str:
    """Why an optimisation ended, and after how long."""
    if outcome.reason == "direct":
        return "done"
    last = outcome.progress[-1]
    ends = {
        "converged": "done: the loss no longer falls",
        "evaluations": "done",
        "seconds": "stopped at --max_seconds",
        "interrupted": "interrupted",
        "not finite": "FAILED, as the loss was not finite at evaluation "
        f"{int(outcome.state.failed_at)}; this is the last finite state",
    }
    return (
        f"{ends[outcome.reason]} ({count(last.evaluations, 'evaluation')}, "
        f"{last.seconds:.1f} s, loss {last.loss:.4g})"
    )


def describe_lowering(lowered_db: float) -> str:
    """The end of a line on a result made quieter than its input; empty where it is as loud."""
    if lowered_db < 0.05:
        return ""
    return f"; its level is {lowered_db:.1f} dB below the input's, so that nothing clips"
