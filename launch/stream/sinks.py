"""Where a stream goes: a wav file that grows, or raw PCM on standard output."""

import contextlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from audio_texture import audio, files, generators, streaming
from launch import interrupts, records, run_io, runs
from launch.command import resume_command
from launch.errors import naming_flag
from launch.messages import say
from launch.output import Output, Write, sound_writers
from launch.plurals import name_channels
from launch.stream.checks import STATE


class Earlier(NamedTuple):
    """A stream to resume.

    Attributes:
      state: the last saved state; None for a generator's, which needs none.
      block: number of the next block.
      samples: number of samples made up to that state.
      frames: number of samples in the file, which may be more.
      rows: of metrics.jsonl, by block.
    """

    state: streaming.StreamState | None
    block: int
    samples: int
    frames: int
    rows: dict[int, dict[str, Any]]


def read_earlier(
    folder: str, name: str, record: records.Record, stream: streaming.Stream
) -> Earlier | None:
    """The stream in the folder, None where it has no finished block; UserError where it is
    damaged. Changes no file.

    Args:
      folder: the output folder.
      name: of the wav file.
      record: of the run there.
      stream: the stream to resume.
    """
    path, start = os.path.join(folder, STATE), streaming.init_state(stream)
    if record.files.get(STATE) is None and not os.path.lexists(path):
        return None
    with naming_flag("resume"):
        state = streaming.load_state(path, start)
        samples = state.block * stream.samples
        frames = audio.frames_to_extend(
            os.path.join(folder, name),
            channels=len(start.frozen),
            sample_rate=stream.style.sample_rate,
            at_least=samples,
        )
    rows = read_rows(folder, state.block, most=-(-frames // stream.samples))
    return Earlier(state, state.block, samples, frames, rows)


def read_rows(folder: str, blocks: int, *, most: int) -> dict[int, dict[str, Any]]:
    """The rows of metrics.jsonl by block; says where rows are lost.

    Args:
      folder: of the run.
      blocks: how many there must be.
      most: how many there can be.
    """
    metrics = os.path.join(folder, run_io.METRICS)
    rows, complete = runs.read_rows(
        metrics, lambda row: isinstance(row, dict) and isinstance(row.get("block"), int)
    )
    by_block = {row["block"]: row for row in rows if 0 <= row["block"] < most}
    if not complete or not set(range(blocks)) <= set(by_block):
        say(f"{metrics}: damaged or missing; rows that can be read are written anew")
    return by_block


def is_longer(folder: str, name: str, wanted: int, sample_rate: int) -> bool:
    """Whether the wav file in the folder has more samples than wanted, which it then says."""
    try:
        held = audio.seconds_of(os.path.join(folder, name)) or 0.0
    except ValueError:
        return False
    if held * sample_rate <= wanted + 0.5:
        return False
    say(f"{folder!r} already holds {held:.1f} s of this stream; --resume shortens nothing")
    return True


def open_sink(
    values: Mapping[str, Any],
    style: streaming.Style | generators.Generator,
    config: dict[str, Any],
    record: records.Record | None,
    earlier: Earlier | None,
    wanted: int,
) -> tuple[Output | None, "File | Pipe"]:
    """The folder, None for a pipe, and where the stream goes.

    Args:
      values: of all flags.
      style: which the stream is made from.
      config: of the run.
      record: of the run in the folder.
      earlier: the stream to resume.
      wanted: samples to write.
    """
    if values["output"] == "-":
        return None, Pipe(style)
    folder, resume = values["output_dir"], values["resume"]
    first = {run_io.CONFIG: config}
    output = run_io.claim(folder, record, program="stream", first=first, resume=resume)
    sink = File(style, output, values["output"], earlier, wanted)
    if not values["loop"]:
        interrupts.go_on_by(resume_command("stream", folder))
    return output, sink


class File:
    """The wav file in the folder, and beside it the state to go on from.

    Attributes:
      path: of the file.
      sample_rate: in Hz.
      samples: written so far.
      grown: names of files that grow, and have their final size at the end.
    """

    def __init__(
        self,
        style: streaming.Style | generators.Generator,
        output: Output,
        name: str,
        earlier: Earlier | None,
        wanted: int,
    ):
        self.path, self.sample_rate, self.samples = output.path(name), style.sample_rate, 0
        self.grown: Sequence[str] = [name]
        self._name, self._output, self._state = name, output, earlier and earlier.state
        rows = {}
        if earlier:
            # A file of the wanted length stays unchanged.
            complete = earlier.frames == wanted
            self.samples = wanted if complete else earlier.samples
            rows = {
                block: row
                for block, row in earlier.rows.items()
                if complete or block < earlier.block
            }
        elif name in output.record.files:
            # Left by a run that was killed in its first block.
            with contextlib.suppress(FileNotFoundError):
                os.remove(self.path)
        output.begin(name, run_io.METRICS)
        lines = runs.json_lines([rows[block] for block in sorted(rows)])
        self._write_metrics(lambda path: files.write_text(path, lines))

    def first_state(self, start: streaming.StreamState) -> streaming.StreamState:
        """The state to go on from; `start` for a new stream."""
        return self._state or start

    def write(self, wave: np.ndarray, row: dict[str, Any]) -> None:
        """Appends a block [C, N] and its row of metrics.jsonl."""
        try:
            audio.extend(self.path, wave, self.sample_rate, start=self.samples)
        except ValueError as error:
            if not os.path.exists(self.path):
                self._output.rescue(self._name, *sound_writers(wave, self.sample_rate), error)
            raise
        self.samples += wave.shape[1]
        self._append_row(row)

    def write_whole(self, wave: np.ndarray, row: dict[str, Any]) -> None:
        """Writes a loop [C, N], which is made in one piece, whole or not at all."""
        self.grown = []
        path = self._output.write_sound(self._name, wave, self.sample_rate)
        if not path:
            self.path = ""
            raise ValueError("no folder could be written to")
        self.path, self.samples = path, wave.shape[1]
        self._append_row(row)

    def _append_row(self, row: dict[str, Any]) -> None:
        def append(path):
            with open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")

        self._write_metrics(append)

    def _write_metrics(self, write: Write) -> None:
        try:
            write(self._output.path(run_io.METRICS))
        except OSError as error:
            self._output.complain(run_io.METRICS, error, "the stream goes on without")

    def keep(self, state: streaming.StreamState) -> None:
        """Writes the state, after its block: a kill at any moment loses at most one block, which
        is then made again.
        """
        known = self._output.record.files.get(STATE) is not None
        if not known:
            self._output.begin(STATE)
        streaming.save_state(self._output.path(STATE), state)
        if not known:
            self._output.finish(STATE)

    def describe_rest(self) -> str:
        """What remains after an error, in words."""
        if not self.path or not os.path.exists(self.path):
            return "what was made before is gone" if self.samples else "nothing was made before"
        return f"the {self.samples / self.sample_rate:.1f} s before that are valid"


class Pipe:
    """Raw PCM on standard output; the same methods and attributes as `File`."""

    path = "standard output"
    grown: Sequence[str] = ()

    def __init__(self, style: streaming.Style | generators.Generator):
        self.sample_rate, self.samples = style.sample_rate, 0
        say(
            f"raw PCM: signed 16-bit little-endian, {self.sample_rate} Hz, "
            f"{name_channels(style.channels)}{', interleaved' if style.channels > 1 else ''}"
        )

    def first_state(self, start: streaming.StreamState) -> streaming.StreamState:
        """Returns `start`: a stream in a pipe cannot be resumed."""
        return start

    def write(self, wave: np.ndarray, row: dict[str, Any]) -> None:
        """Writes a block [C, N]."""
        remaining = memoryview(np.round(wave.T * 32767).astype("<i2").tobytes())
        # Unbuffered: what a closed pipe did not take must not be tried again when the program ends.
        while remaining:
            remaining = remaining[os.write(sys.stdout.fileno(), remaining) :]
        self.samples += wave.shape[1]

    write_whole = write

    def keep(self, state: streaming.StreamState) -> None:
        """Does nothing: a pipe keeps no state."""

    def describe_rest(self) -> str:
        """What remains after an error, in words."""
        return f"{self.samples / self.sample_rate:.1f} s were written"
