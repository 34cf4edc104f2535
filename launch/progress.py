"""How far an optimisation is, and how it ended."""

import sys

import tqdm

from audio_texture import optimize, synthesis
from launch import messages
from launch.messages import say


class ProgressBar:
    """Shows progress: a bar on a terminal, a line for each chunk elsewhere."""

    def __init__(self, total: int, name: str):
        self._total, self._name = total, name
        messages.done()
        self._bar = (
            tqdm.tqdm(total=total, desc=name, unit="evaluation", leave=False)
            if sys.stderr.isatty()
            else None
        )
        if self._bar is not None:
            self._bar.set_postfix_str("compiling, up to 20 s the first time")

    def show(self, row: optimize.ProgressRow) -> None:
        """Shows the state after a chunk."""
        if self._bar is None:
            say(
                f"{self._name}: {row.evaluations}/{self._total} evaluations, "
                f"{row.seconds:.1f} s, loss {row.loss:.4g}"
            )
        else:
            self._bar.set_postfix_str(f"loss {row.loss:.4g}")
            self._bar.update(row.evaluations - self._bar.n)

    def close(self) -> None:
        """Removes the bar."""
        if self._bar is not None:
            self._bar.close()


def describe_outcome(texture: synthesis.Texture) -> str:
    """A line on how an optimisation ended."""
    last = texture.outcome.progress[-1]
    ends = {
        "converged": "stopped, as the loss falls no more",
        "evaluations": "done",
        "seconds": "stopped at --max_seconds",
        "interrupted": "was interrupted",
        "not finite": "FAILED, as the loss was not finite at evaluation "
        f"{int(texture.outcome.state.failed_at)}; this is the last finite state",
    }
    return (
        f"{ends[texture.outcome.reason]} ({last.evaluations} evaluations, {last.seconds:.1f} s, "
        f"loss {last.loss:.4g}){describe_lowering(texture.lowered_db)}"
    )


def describe_lowering(lowered_db: float) -> str:
    """The end of a line on a result made quieter than its input; empty where it is as loud."""
    if lowered_db < 0.05:
        return ""
    return f"; its level is {lowered_db:.1f} dB below the input's, so that nothing is clipped"
