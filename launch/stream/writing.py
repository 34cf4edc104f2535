"""Makes a stream block after block, or a loop in one piece, and writes it into a sink."""

import os
import time
from typing import Any

import jax

from audio_texture import audio, optimize, streaming
from launch import interrupts, messages
from launch.compile_times import Wait
from launch.messages import say
from launch.progress import ProgressBar, describe_lowering, describe_outcome, describe_seconds
from launch.stream.sinks import File, Pipe


def write(
    planned: streaming.Stream | streaming.Loop,
    sink: File | Pipe,
    seed: int,
    wanted: int,
    wait: Wait,
    *,
    is_endless: bool = False,
) -> int:
    """Makes and writes a stream or a loop; the exit status.

    Args:
      planned: of `streaming.prepare_stream` or `prepare_loop`.
      sink: where it goes.
      seed: of its random key.
      wanted: samples to write.
      wait: which is over at the first evaluation.
      is_endless: whether `wanted` is only the most that the format holds.
    """
    if isinstance(planned, streaming.Stream):
        return _write_stream(planned, sink, seed, wanted, wait, is_endless)
    return _write_loop(planned, sink, seed, wait)


def _write_stream(
    stream: streaming.Stream,
    sink: File | Pipe,
    seed: int,
    wanted: int,
    wait: Wait,
    is_endless: bool,
) -> int:
    """Writes blocks until the sink has as many samples as wanted."""
    key = jax.random.key(seed)
    state = sink.first_state(streaming.init_state(stream))
    clock, reason = _Clock(sink, stream, None if is_endless else wanted, wait), "done"
    fade = stream.style.recipe.signal.fade_samples(sink.sample_rate)
    # Ctrl-C waits: a block is written with its state, or not at all.
    with optimize.Interrupts() as interruption:
        while sink.samples < wanted and not interruption.received:
            clock.begin_block(state.block)
            next_state, block = streaming.step(stream, key, state, on_step=clock.step)
            clock.end_block()
            if block.outcome.reason in ("interrupted", "not finite"):
                reason = block.outcome.reason
                break
            wave = block.wave[:, : wanted - sink.samples]
            left = wanted - sink.samples - wave.shape[1]
            interrupts.unsaved(True)
            sink.write(audio.fade_out(wave, fade, left=left), _metrics_row(state.block, block))
            # A longer stream must not go on behind the fade.
            if wave.shape == block.wave.shape and left >= fade:
                sink.keep(next_state)
            interrupts.kept(sink.path)
            interrupts.unsaved(False)
            state = next_state
            clock.say_block(block)
        if interruption.received:
            # What is left is quick, and the files are closed.
            interrupts.unsaved(True)
            reason = "interrupted"
    clock.end_block()
    clock.say_end(reason)
    if reason == "interrupted":
        messages.say_all(interrupts.describe())
    return _status(reason)


class _Clock:
    """Shows how far a block is, and says how fast a stream is made, as multiples of real time."""

    def __init__(self, sink: File | Pipe, stream: streaming.Stream, wanted: int | None, wait: Wait):
        self._sink, self._wanted, self._wait = sink, wanted, wait
        self._evaluations = stream.style.recipe.optimiser.evaluations
        self._block_seconds = stream.samples / sink.sample_rate
        self._bar: ProgressBar | None = None
        # Samples and time at the start, and after the first block, which waits for the compiler.
        self._start = self._now()
        self._after_first: tuple[int, float] | None = None
        # Evaluations and seconds of a block's first row: what is before it is the compiler's.
        self._first_row: tuple[int, float] | None = None
        self._estimated = False

    def _now(self) -> tuple[int, float]:
        return self._sink.samples, time.monotonic()

    def begin_block(self, number: int) -> None:
        """Begins the bar of a block."""
        name = f"{os.path.basename(self._sink.path)}, block {number + 1}"
        self._bar, self._first_row = ProgressBar(self._evaluations, name, self._wait.end), None

    def step(self, row: optimize.ProgressRow) -> None:
        """Shows an evaluation; after some of the first block, says how fast the stream will be."""
        if self._bar:
            self._bar.step(row)
        self._first_row = self._first_row or (row.evaluations, row.seconds)
        if self._estimated or self._after_first or row.evaluations < self._first_row[0] + 5:
            return
        self._estimated = True
        say(f"{self._sink.path}: estimated at {_describe_speed(self._speed_at(row))}")

    def _speed_at(self, row: optimize.ProgressRow) -> float:
        """The speed of a block by its evaluations so far, as a multiple of real time."""
        evaluations, begun = self._first_row or (0, 0.0)
        seconds = max(row.seconds - begun, 1e-9) / max(row.evaluations - evaluations, 1)
        return self._block_seconds / (self._evaluations * seconds)

    def end_block(self) -> None:
        """Removes the bar of a block."""
        if self._bar:
            self._bar.close()

    def say_block(self, block: streaming.Block) -> None:
        """Says the length so far and the speed of a block."""
        sink, rate = self._sink, self._sink.sample_rate
        speed = self._speed_at(block.outcome.progress[-1])
        loss, is_first = float(block.outcome.state.value), not self._after_first
        speed_text = _describe_speed(speed) if is_first else _format_speed(speed)
        made = f"{sink.samples / rate:.1f} s{self._describe_rest(speed)}"
        say(f"{sink.path}: {made}, loss {loss:.4g}, {speed_text}")
        if is_first and block.lowered_db:
            say(f"{sink.path}{describe_lowering(block.lowered_db)}")
        self._after_first = self._after_first or self._now()

    def _describe_rest(self, speed: float) -> str:
        """How much is left of a stream that has an end, and how long that takes."""
        samples, rate = self._sink.samples, self._sink.sample_rate
        if not self._wanted or samples >= self._wanted:
            return ""
        left = describe_seconds((self._wanted - samples) / rate / speed)
        return f" of {self._wanted / rate:.1f} s ({left} left)"

    def say_end(self, reason: str) -> None:
        """Says why the stream ended, and how fast it was made."""
        sink, (first, start) = self._sink, self._start
        if reason == "done" and sink.samples == first:
            say(
                f"{sink.path}: complete, {first / sink.sample_rate:.1f} s; nothing was left to make"
            )
            return
        seconds = (sink.samples - first) / sink.sample_rate
        text = f"{seconds:.1f} s made in {time.monotonic() - start:.1f} s with compiling"
        if self._after_first and sink.samples > self._after_first[0]:
            text += f", at {self._speed(self._after_first)} after the first block"
        say(f"{sink.path}: {reason}; {text}")

    def _speed(self, since: tuple[int, float]) -> str:
        samples, start = since
        seconds = (self._sink.samples - samples) / self._sink.sample_rate
        return _format_speed(seconds / max(time.monotonic() - start, 1e-9))


def _describe_speed(speed: float) -> str:
    """A speed, and what to do where it is too slow to listen to."""
    text = _format_speed(speed)
    if speed >= 1:
        return text
    advice = "fewer --evaluations or a lower --sample_rate are faster"
    return f"{text}: too slow to be played while it is made; {advice}"


def _format_speed(speed: float) -> str:
    """A multiple of real time; of a few evaluations, or of none, only the order is known.

    Example:
      >>> _format_speed(1.234), _format_speed(1526.0)
      ('1.23x real time', 'over 100x real time')
    """
    return f"{speed:.3g}x real time" if speed < 100 else "over 100x real time"


def _write_loop(loop: streaming.Loop, sink: File | Pipe, seed: int, wait: Wait) -> int:
    """Makes and writes a loop, whole."""
    total = loop.style.recipe.choice("evaluations")
    bar = ProgressBar(total, os.path.basename(sink.path), wait.end)

    def step(row):
        # A loop is written whole, even where Ctrl-C ends its optimisation.
        interrupts.unsaved(True)
        bar.step(row)

    # Ctrl-C waits until the result is written.
    with optimize.Interrupts() as interruption:
        block = streaming.make_loop(
            loop, jax.random.key(seed), on_chunk=lambda rows: bar.show(rows[-1]), on_step=step
        )
        bar.close()
        sink.write_whole(block.wave, _metrics_row(0, block))
    interrupts.kept(sink.path)
    reason = "interrupted" if interruption.received else block.outcome.reason
    if reason == "interrupted":
        spent = block.outcome.progress[-1].evaluations
        kept = f"{sink.path}, the loop after {spent} of {total} evaluations"
        messages.say_all(interrupts.describe(kept))
    else:
        seconds = sink.samples / sink.sample_rate
        say(f"{sink.path}: a loop of {seconds:.4g} s; {describe_outcome(block)}")
    return _status(reason)


def _metrics_row(number: int, block: streaming.Block) -> dict[str, Any]:
    outcome = block.outcome
    return {"block": number, "reason": outcome.reason, **outcome.progress[-1]._asdict()}


def _status(reason: str) -> int:
    return {"interrupted": interrupts.STATUS, "not finite": 1}.get(reason, 0)
