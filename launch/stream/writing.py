"""Makes a stream block after block, or a loop in one piece, and writes it into a sink."""

import os
import time
from typing import Any

import jax

from audio_texture import audio, optimize, streaming
from launch import interrupts
from launch.messages import say
from launch.progress import ProgressBar, describe_lowering
from launch.stream.sinks import File, Pipe


def write_stream(stream: streaming.Stream, sink: File | Pipe, seed: int, wanted: int) -> int:
    """Writes blocks until the sink has as many samples as wanted; the exit status."""
    key = jax.random.key(seed)
    state = sink.first_state(streaming.init_state(stream))
    clock, reason = _Clock(sink), "done"
    fade = stream.style.recipe.signal.fade_samples(sink.sample_rate)
    # Ctrl-C waits: a block is written with its state, or not at all.
    with optimize.Interrupts() as interruption:
        while sink.samples < wanted and not interruption.received:
            next_state, block = streaming.step(stream, key, state)
            if block.outcome.reason in ("interrupted", "not finite"):
                reason = block.outcome.reason
                break
            wave = block.wave[:, : wanted - sink.samples]
            left = wanted - sink.samples - wave.shape[1]
            sink.write(audio.fade_out(wave, fade, left=left), _metrics_row(state.block, block))
            # A longer stream must not go on behind the fade.
            if wave.shape == block.wave.shape and left >= fade:
                sink.keep(next_state)
            interrupts.kept(sink.path)
            state = next_state
            clock.say_block(block)
        if interruption.received:
            reason = "interrupted"
    clock.say_end(reason)
    return _status(reason)


class _Clock:
    """Says how fast a stream is made, as multiples of real time."""

    def __init__(self, sink: File | Pipe):
        self._sink = sink
        # Samples and time at the start, and after the first block, which waits for the compiler.
        self._start = self._now()
        self._after_first: tuple[int, float] | None = None

    def _now(self) -> tuple[int, float]:
        return self._sink.samples, time.monotonic()

    def say_block(self, block: streaming.Block) -> None:
        """Says the length so far and the speed of a block."""
        sink, rate = self._sink, self._sink.sample_rate
        speed = block.wave.shape[1] / rate / block.outcome.progress[-1].seconds
        loss = float(block.outcome.state.value)
        say(f"{sink.path}: {sink.samples / rate:.1f} s, loss {loss:.4g}, {speed:.2f}x real time")
        if not self._after_first and block.lowered_db:
            say(f"{sink.path}{describe_lowering(block.lowered_db)}")
        self._after_first = self._after_first or self._now()

    def say_end(self, reason: str) -> None:
        """Says why the stream ended, and how fast it was made."""
        sink, (first, start) = self._sink, self._start
        seconds = (sink.samples - first) / sink.sample_rate
        text = (
            f"{seconds:.1f} s made in {time.monotonic() - start:.1f} s: {self._speed(self._start)}"
        )
        if self._after_first and sink.samples > self._after_first[0]:
            text += f", {self._speed(self._after_first)} after the first block"
        say(f"{sink.path}: {reason}; {text}")

    def _speed(self, since: tuple[int, float]) -> str:
        samples, start = since
        seconds = (self._sink.samples - samples) / self._sink.sample_rate
        return f"{seconds / max(time.monotonic() - start, 1e-9):.2f}x real time"


def write_loop(loop: streaming.Loop, sink: File | Pipe, seed: int, seconds: float) -> int:
    """Makes and writes a loop, `seconds` long; the exit status."""
    bar = ProgressBar(loop.style.recipe.choice("evaluations"), os.path.basename(sink.path))
    # Ctrl-C waits until the result is written.
    with optimize.Interrupts() as interruption:
        block = streaming.make_loop(
            loop, jax.random.key(seed), on_chunk=lambda _, rows: bar.show(rows[-1])
        )
        bar.close()
        sink.write_whole(block.wave, _metrics_row(0, block))
    interrupts.kept(sink.path)
    reason = "interrupted" if interruption.received else block.outcome.reason
    say(
        f"{sink.path}: a loop of {seconds:g} s; {reason}, loss "
        f"{float(block.outcome.state.value):.4g}{describe_lowering(block.lowered_db)}"
    )
    return _status(reason)


def _metrics_row(number: int, block: streaming.Block) -> dict[str, Any]:
    outcome = block.outcome
    return {"block": number, "reason": outcome.reason, **outcome.progress[-1]._asdict()}


def _status(reason: str) -> int:
    return {"interrupted": interrupts.STATUS, "not finite": 1}.get(reason, 0)
