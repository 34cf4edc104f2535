"""The training of launch.generate into its folder: progress, samples to listen to, checkpoints,
Ctrl-C, and resuming.
"""

import contextlib
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from audio_texture import (
    audio,
    checkpoint,
    files,
    generator_training,
    generators,
    metrics,
    optimize,
)
from launch import interrupts, messages, records, run_io, runs
from launch.compile_times import Wait
from launch.errors import naming_flag, one_line
from launch.generate_steps import Plan
from launch.messages import say
from launch.output import Output
from launch.plurals import count
from launch.progress import ProgressBar, describe_ending

GENERATOR, CHECKPOINT = "generator.safetensors", "checkpoint.safetensors"
# The parts of a training after which a sample is made to listen to, its length in seconds, and the
# most styles that are heard in it.
SAMPLED_AFTER, SAMPLE_SECONDS, MOST_HEARD = (0.1, 0.3, 0.6), 8.0, 4
SAMPLES = tuple(f"sample_{number}.wav" for number in range(1, len(SAMPLED_AFTER) + 1))


class Trained(NamedTuple):
    """A finished or interrupted training.

    Attributes:
      generator: None where it was interrupted.
      status: the exit status so far.
    """

    generator: generators.Generator | None
    status: int


def count_evaluations(
    plan: Plan, training: generator_training.Training, wait: Wait
) -> generator_training.Training:
    """The training with its budget: --train_seconds as a number of evaluations, which enters the
    plan's configuration.
    """
    if not plan.is_timed:
        evaluations = plan.config["recipe"]["evaluations"]
        return generator_training.with_evaluations(training, evaluations)
    with optimize.Interrupts() as interruption:
        seconds = generator_training.seconds_per_evaluation(training)
    if interruption.received:
        raise KeyboardInterrupt
    wait.end()
    wanted = plan.config["train_seconds"]
    evaluations = max(1, round(wanted / seconds))
    say(f"{count(evaluations, 'evaluation')} in {wanted:g} s, {seconds:.3g} s each")
    plan.config["recipe"]["evaluations"] = evaluations
    return generator_training.with_evaluations(training, evaluations)


class Log:
    """metrics.jsonl: a line for each chunk of evaluations, and one for each sample. If it cannot be
    written, the run goes on.

    Attributes:
      chunks: rows of the chunks.
      samples: rows of the samples: file, evaluations, and the measures of each style by its name.
    """

    def __init__(self, output: Output, earlier: "Earlier"):
        self._output = output
        self.chunks, self.samples = list(earlier.chunks), list(earlier.samples)

    def write_chunks(self, progress: Sequence[optimize.ProgressRow]) -> None:
        """Writes the rows of all chunks in place of those of before."""
        self.chunks = runs.rows_of(0, progress)
        self._write()

    def add_sample(
        self, name: str, evaluations: int, measures: Mapping[str, Mapping[str, float]]
    ) -> None:
        """Writes the row of a sample, or of the result, in place of the one it had."""
        others = [row for row in self.samples if row["file"] != name]
        row = {"file": name, "evaluations": evaluations, "measures": measures}
        self.samples = [*others, row]
        self._write()

    def _write(self) -> None:
        rows = sorted([*self.chunks, *self.samples], key=lambda row: row["evaluations"])
        try:
            path = self._output.path(run_io.METRICS)
            files.write_text(path, runs.json_lines(rows), sync=False)
        except OSError as error:
            self._output.complain(run_io.METRICS, error, "the run goes on without")


class Training:
    """A training that writes its results into a folder.

    Args:
      plan: of the run.
      training: with its budget.
      references: of the new styles, at the generator's rate.
      output: the folder.
      log: of the run.
    """

    def __init__(
        self,
        plan: Plan,
        training: generator_training.Training,
        references: Sequence[np.ndarray],
        output: Output,
        log: Log,
    ):
        self._plan, self._training, self._output = plan, training, output
        self._references, self._log = references, log
        self.total = training.problem.recipe.optimiser.evaluations
        # Samples come at the ends of chunks, where a resumed training has them too.
        after = {math.ceil(part * self.total / optimize.CHUNK) for part in SAMPLED_AFTER}
        points = sorted(chunk * optimize.CHUNK for chunk in after)
        self._names = {
            point: name
            for point, name in zip(points, SAMPLES, strict=False)
            if point < self.total and name not in [row["file"] for row in log.samples]
        }

    def run(self, values: Mapping[str, Any], wait: Wait, *, resume: bool) -> Trained:
        """Trains to the end, or until Ctrl-C; writes the generator.

        Args:
          values: of all flags.
          wait: which is over at the first evaluation.
          resume: whether to begin from the checkpoint.
        """
        output = self._output
        output.begin(run_io.METRICS, CHECKPOINT)
        bar = ProgressBar(self.total, GENERATOR, wait.end)

        def on_parameters(parameters, rows):
            if name := self._names.get(rows[-1].evaluations):
                bar.pause()
                self._hear(name, rows[-1].evaluations, parameters)

        # Ctrl-C ends the training; later it waits, as the weights are only in memory.
        with optimize.Interrupts() as interruption:
            with naming_flag("resume") if resume else contextlib.nullcontext():
                outcome = generator_training.run(
                    self._training,
                    jax.random.key(self._plan.config["seed"]),
                    checkpoint_path=output.path(CHECKPOINT),
                    checkpoint_every=values["checkpoint_every"],
                    resume=resume,
                    on_chunk=lambda rows: (self._log.write_chunks(rows), bar.show(rows[-1])),
                    on_step=lambda row: (interrupts.unsaved(True), bar.step(row)),
                    on_parameters=on_parameters,
                    on_unsaved=lambda error: output.complain(
                        CHECKPOINT,
                        error,
                        "the run goes on, but a later --resume cannot go on from here",
                    ),
                )
            bar.close()
            self._log.write_chunks(outcome.progress)
            output.finish(run_io.METRICS)
            if outcome.reason == "interrupted":
                messages.say_all(interrupts.describe(self._keep_checkpoint(outcome)))
                return Trained(None, interrupts.STATUS)
            trained = self._finish(outcome)
        if interruption.received:
            messages.say_all(interrupts.describe())
            return Trained(None, interrupts.STATUS)
        return trained

    def _keep_checkpoint(self, outcome: optimize.Outcome) -> str:
        """What is kept of an interrupted training, in words."""
        self._output.finish(CHECKPOINT)
        path, spent = self._output.path(CHECKPOINT), outcome.progress[-1].evaluations
        if not os.path.exists(path):
            return ""
        return f"{path}, the training after {spent} of {self.total} evaluations"

    def _finish(self, outcome: optimize.Outcome) -> Trained:
        """Writes the generator."""
        messages.doing("measuring levels")
        generator = generator_training.finish(self._training, outcome.state.parameters)
        path = self._output.save(GENERATOR, lambda path: generators.save(path, generator))
        if path:
            interrupts.kept(path)
            say(f"{path}: {describe_ending(outcome)}")
        if path == self._output.path(GENERATOR):
            checkpoint.remove(self._output.path(CHECKPOINT))
            self._output.finish(drop=[CHECKPOINT])
        interrupts.unsaved(False)
        return Trained(generator, int(outcome.reason == "not finite"))

    def _hear(self, name: str, evaluations: int, parameters: Any) -> None:
        """Makes a sample, in which the new styles come one after the other, and measures it."""
        messages.doing(f"making {name}, to listen to")
        generator = generator_training.finish(self._training, parameters)
        rate, first = generator.sample_rate, len(generator.styles.names) - len(self._references)
        heard = min(len(self._references), MOST_HEARD)
        parts, measures = [], {}
        for number in range(first, first + heard):
            wave = self._make(generator, number, SAMPLE_SECONDS / heard)
            fade = self._training.problem.recipe.signal.fade_samples(rate)
            parts.append(audio.fade_ends(wave, fade))
            reference = self._references[number - first]
            measures[generator.styles.names[number]] = _measure(wave, reference, rate)
        path = self._output.write_sound(name, np.concatenate(parts, axis=1), rate)
        if path != self._output.path(name):
            return
        self._log.add_sample(name, evaluations, measures)
        for style, row in measures.items():
            text = metrics.give_verdict(row).findings[0].text if row else "too short to be measured"
            of_style = f", {style}" if len(measures) > 1 else ""
            say(f"{path}, after {evaluations} of {self.total} evaluations{of_style}: {text}")

    def _make(self, generator: generators.Generator, style: int, seconds: float) -> np.ndarray:
        """Sound of one style, or the first content in the style."""
        if self._plan.contents:
            rate = generator.sample_rate
            content = self._plan.contents.first(generator.channels, rate)
            content = content[:, : round(seconds * rate)]
            return generators.transform(generator, content, sample_rate=rate)
        weights = [float(style == number) for number in range(len(generator.styles.names))]
        return generators.stretch(generator, seconds=seconds, weights=weights)


def _measure(wave: np.ndarray, reference: np.ndarray, sample_rate: int) -> dict[str, float]:
    """Likeness ratios of the first channel, which take a third of the time of all measures; none
    where a sound is too short.
    """
    try:
        for sound in (wave, reference):
            metrics.check_sound(sound[:1], sample_rate=sample_rate, name="the sample")
        return metrics.measure_likeness(wave[0], reference[0], sample_rate=sample_rate)
    except ValueError:
        return {}


class Earlier(NamedTuple):
    """What a folder holds of a training that is to go on.

    Attributes:
      generator: the trained one; None where the training is not finished.
      resume: whether there is a checkpoint to begin from.
      samples: rows of metrics.jsonl of the samples.
      chunks: rows of metrics.jsonl of the chunks.
    """

    generator: generators.Generator | None = None
    resume: bool = False
    samples: Sequence[dict[str, Any]] = ()
    chunks: Sequence[dict[str, Any]] = ()


def read_earlier(folder: str, record: records.Record | None) -> Earlier:
    """What the folder holds of the training. Says what is lost; writes nothing."""
    rows, complete = runs.read_rows(os.path.join(folder, run_io.METRICS), _is_row)
    if not complete:
        say(
            f"{os.path.join(folder, run_io.METRICS)}: damaged or missing; rows that can be read or "
            "made again are written anew"
        )
    samples = [
        row
        for row in rows
        if row.get("file") in SAMPLES and records.is_whole(folder, record, row["file"])
    ]
    chunks = [row for row in rows if "file" not in row]
    path = os.path.join(folder, GENERATOR)
    if record and GENERATOR in record.files:
        if CHECKPOINT not in record.files:
            try:
                return Earlier(generators.load(path), False, samples, chunks)
            except ValueError as error:
                say(f"{one_line(error)} It is trained again.")
    checkpoint_path = os.path.join(folder, CHECKPOINT)
    try:
        checkpoint.check(checkpoint_path)
    except checkpoint.DamagedError as error:
        say(f"{error} The training is begun again.")
        return Earlier()
    if record and record.files.get(CHECKPOINT) is not None and not os.path.exists(checkpoint_path):
        say(f"{checkpoint_path}: missing; the training is begun again")
    return Earlier(None, os.path.exists(checkpoint_path), samples, chunks)


def _is_row(row: Any) -> bool:
    if not isinstance(row, dict) or not isinstance(row.get("evaluations"), int):
        return False
    if "file" in row:
        return isinstance(row["file"], str) and isinstance(row.get("measures"), dict)
    return isinstance(row.get("loss"), float) and isinstance(row.get("terms"), dict)
