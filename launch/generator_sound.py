"""Writes a generator's sound block after block, and says how fast it is made."""

import time
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from audio_texture import audio, generators, optimize
from launch import generator_files, interrupts, messages
from launch.messages import say
from launch.progress import describe_lowering, describe_seconds

# Seconds by the clock between two lines on how far a sound is.
SAID_EVERY = 30.0


class Sink(Protocol):
    """Where the sound goes.

    Attributes:
      path: of the file, or what stands for it in messages.
      sample_rate: in Hz.
      samples: written so far.
    """

    path: str
    sample_rate: int
    samples: int

    def write(self, wave: np.ndarray, row: dict[str, Any]) -> None:
        """Writes a block [C, N]. row: of metrics.jsonl."""


def write(
    generator: generators.Generator,
    sink: Sink,
    config: Mapping[str, Any],
    wanted: int,
    *,
    is_endless: bool = False,
) -> str:
    """Writes the sound until the sink has as many samples as wanted; "done" or "interrupted".

    Its two ends are faded, over the recipe's fade_ms; all between is the generator's own.

    Args:
      generator: the generator.
      sink: where the sound goes, and how much of it is there already.
      config: of the run: seed, position (in seconds, 0 if it is missing), weights, morph_to.
      wanted: samples in all.
      is_endless: whether `wanted` is only the most that the format holds.
    """
    rate = generator.sample_rate
    fade = generator_files.recipe_of(generator).signal.fade_samples(rate)
    blocks = generators.stretch_blocks(
        generator,
        samples=wanted,
        first=round(config.get("position", 0.0) * rate),
        done=sink.samples,
        seed=config["seed"],
        weights=config["weights"],
        morph_to=config["morph_to"],
    )
    block_samples = generators.block_samples(generator)
    clock = _Clock(sink, None if is_endless else wanted, generator.lowered_db)
    # Ctrl-C waits: a block is written whole or not at all.
    with optimize.Interrupts() as interruption:
        while sink.samples < wanted and not interruption.received:
            messages.doing(f"making {sink.path}")
            wave = next(blocks)
            faded = wave if sink.samples else audio.fade_in(wave, fade)
            left = wanted - sink.samples - wave.shape[1]
            interrupts.unsaved(True)
            row = {"block": sink.samples // block_samples, "seconds": clock.seconds()}
            sink.write(audio.fade_out(faded, fade, left=left), row)
            interrupts.kept(sink.path)
            interrupts.unsaved(False)
            clock.say_block()
        if interruption.received:
            # What is left is quick, and the files are closed.
            interrupts.unsaved(True)
    reason = "interrupted" if interruption.received else "done"
    clock.say_end(reason)
    return reason


class _Clock:
    """Says how far a sound is and how fast it is made, as a multiple of real time."""

    def __init__(self, sink: Sink, wanted: int | None, lowered_db: float):
        self._sink, self._wanted, self._lowered_db = sink, wanted, lowered_db
        self._begun = self._now()
        # After the first block, which waits for the compiler.
        self._first: tuple[int, float] | None = None
        self._said_at = self._begun[1]

    def _now(self) -> tuple[int, float]:
        return self._sink.samples, time.monotonic()

    def seconds(self) -> float:
        """Since the start of the run."""
        return time.monotonic() - self._begun[1]

    def say_block(self) -> None:
        """Notes a block; says now and then how far the sound is."""
        if self._first is None:
            self._first = self._now()
            return
        if time.monotonic() < self._said_at + SAID_EVERY:
            return
        self._said_at = time.monotonic()
        sink = self._sink
        made = f"{sink.samples / sink.sample_rate:.1f} s"
        if self._wanted and self._wanted > sink.samples:
            left = (self._wanted - sink.samples) / sink.sample_rate / self._speed()
            made += f" of {self._wanted / sink.sample_rate:.1f} s ({describe_seconds(left)} left)"
        say(f"{sink.path}: {made}, {self._speed():.3g}x real time")

    def _speed(self) -> float:
        samples, start = self._first or self._begun
        made = (self._sink.samples - samples) / self._sink.sample_rate
        return made / max(time.monotonic() - start, 1e-9)

    def say_end(self, reason: str) -> None:
        """Says how the sound ended."""
        sink, (before, start) = self._sink, self._begun
        if sink.samples == before:
            held = f"{before / sink.sample_rate:.1f} s"
            say(f"{sink.path}: {'complete' if reason == 'done' else reason}, {held}")
            return
        seconds, spent = (sink.samples - before) / sink.sample_rate, time.monotonic() - start
        text = f"{seconds:.1f} s made in {spent:.1f} s with compiling"
        if self._first and sink.samples > self._first[0]:
            text += f", {self._speed():.0f}x real time after the first block"
        say(f"{sink.path}: {reason}; {text}{describe_lowering(self._lowered_db)}")
