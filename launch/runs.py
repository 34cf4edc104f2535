"""Makes sounds one after the other into a folder, or resumes that; shared by launch.texture and
launch.transfer.
"""

import contextlib
import importlib
import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax

from audio_texture import checkpoint, files, optimize, recipes, synthesis
from launch import interrupts, messages, records, run_io
from launch.command import resume_command
from launch.compile_times import Wait
from launch.errors import naming_flag, one_line
from launch.messages import say
from launch.output import Output
from launch.progress import ProgressBar, describe_outcome


class Job(NamedTuple):
    """A sound to make.

    Attributes:
      name: of its file.
      problem: of `synthesis.prepare` or `style_transfer.prepare`.
      seed: of its random key.
    """

    name: str
    problem: synthesis.Problem
    seed: int


class Made(NamedTuple):
    """A finished or interrupted run.

    Attributes:
      output: its folder.
      paths: of the sounds.
      rows: of metrics.jsonl.
      status: the exit status: 0, 130 after Ctrl-C, 1 where a loss was not finite or a file could
        not be written.
    """

    output: Output
    paths: list[str]
    rows: list[dict[str, Any]]
    status: int


def checkpoint_name(sample: int) -> str:
    """The name of a sample's checkpoint. While a record lists it, the sample is not finished."""
    return f"checkpoint_{sample}.safetensors"


def output_names(sounds: Sequence[str], results: Sequence[str]) -> list[str]:
    """All files that a run may write. results: those of the program besides its sounds."""
    return [
        run_io.CONFIG,
        run_io.METRICS,
        *results,
        *sounds,
        *map(checkpoint_name, range(len(sounds))),
    ]


class Metrics:
    """metrics.jsonl: a line for each chunk of each sample. If it cannot be written, the run goes
    on.
    """

    def __init__(self, output: Output, rows: Sequence[dict[str, Any]] = ()):
        self.output, self.rows = output, list(rows)

    def write(self, sample: int, progress: Sequence[optimize.ProgressRow]) -> None:
        """Writes the rows of one sample in place of those it had."""
        self.rows = [row for row in self.rows if row["sample"] != sample] + rows_of(
            sample, progress
        )
        try:
            # Without waiting for the disk: it is written after every chunk, and a checkpoint has
            # the rows too.
            files.write_text(self.output.path(run_io.METRICS), json_lines(self.rows), sync=False)
        except OSError as error:
            self.output.complain(run_io.METRICS, error, "the run goes on without")


def rows_of(sample: int, progress: Sequence[optimize.ProgressRow]) -> list[dict[str, Any]]:
    """Rows of metrics.jsonl."""
    return [{"sample": sample, **row._asdict()} for row in progress]


def json_lines(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as a text of a line each."""
    return "".join(json.dumps(row) + "\n" for row in rows)


def read_rows(path: str, is_row: Callable[[Any], bool]) -> tuple[list[dict[str, Any]], bool]:
    """The rows that can be read from a file of `json_lines`, and whether that is the whole file.

    Args:
      path: of the file.
      is_row: tells whether a value has the form of a row.
    """
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return [], False
    rows = []
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if is_row(row):
            rows.append(row)
    return rows, len(rows) == len(lines)


def _is_row(row: Any) -> bool:
    kinds = {"sample": int, "evaluations": int, "seconds": float, "loss": float, "terms": dict}
    return isinstance(row, dict) and all(
        isinstance(row.get(name), kind) for name, kind in kinds.items()
    )


def make_sounds(
    values: Mapping[str, Any],
    config: dict[str, Any],
    recipe: recipes.Recipe,
    sample_rate: int,
    jobs: Sequence[Job],
    *,
    program: str,
    record: records.Record | None,
    wait: Wait,
) -> Made:
    """Runs jobs one after the other into --output_dir: sounds, config.json, metrics.jsonl,
    checkpoints.

    Args:
      values: of the flags of `flags.define_run_flags`.
      config: of the run.
      recipe: of all jobs.
      sample_rate: of the sounds, in Hz.
      jobs: the sounds to make.
      program: which makes them.
      record: of the earlier run in the folder, as of `run_io.check_run_folder`.
      wait: which is over at the first evaluation.
    """
    folder, resume = values["output_dir"], values["resume"]
    finished, damaged, rows = set(), set(), []
    if resume and record:
        finished, damaged, rows = _read_earlier(folder, record, [job.name for job in jobs])
    output = run_io.claim(
        folder, record, program=program, first={run_io.CONFIG: config}, resume=resume
    )
    output.begin(run_io.METRICS)
    interrupts.go_on_by(resume_command(program, folder))
    metrics = Metrics(output, rows)
    # Matplotlib, which the report needs, takes a second to import, and compilation leaves Python
    # idle.
    threading.Thread(target=importlib.import_module, args=("matplotlib.figure",)).start()
    paths, reason = [], ""
    for sample, job in enumerate(jobs):
        if sample in finished:
            paths.append(output.path(job.name))
            interrupts.kept(output.path(job.name))
            continue
        path, reason = _make_sound(
            values,
            metrics,
            recipe,
            sample_rate,
            job,
            sample,
            resume=resume and sample not in damaged,
            wait=wait,
        )
        if path:
            paths.append(path)
        if reason == "interrupted":
            break
    output.finish(run_io.METRICS)
    status = {"interrupted": interrupts.STATUS, "not finite": 1}.get(reason, int(output.failed))
    return Made(output, paths, metrics.rows, status)


def _make_sound(
    values: Mapping[str, Any],
    metrics: Metrics,
    recipe: recipes.Recipe,
    sample_rate: int,
    job: Job,
    sample: int,
    *,
    resume: bool,
    wait: Wait,
) -> tuple[str | None, str]:
    """Makes and writes one sound: its path, if it could be written, and why its optimisation ended.

    sample: the job's number. resume: whether to begin from its checkpoint. The other arguments are
    those of `make_sounds`.
    """
    name, output, checkpoint_file = job.name, metrics.output, checkpoint_name(sample)
    output.begin(name, checkpoint_file)
    total = recipe.choice("evaluations")
    bar = ProgressBar(total, name, wait.end)
    with naming_flag("resume") if resume else contextlib.nullcontext():
        texture = synthesis.run(
            job.problem,
            jax.random.key(job.seed),
            max_seconds=values["max_seconds"],
            checkpoint_path=output.path(checkpoint_file),
            checkpoint_every=values["checkpoint_every"],
            resume=resume,
            on_chunk=lambda rows: (metrics.write(sample, rows), bar.show(rows[-1])),
            on_step=lambda row: (interrupts.unsaved(True), bar.step(row)),
            on_unsaved=lambda error: output.complain(
                checkpoint_file,
                error,
                "the run goes on, but a later --resume cannot go on from here",
            ),
        )
    # Ctrl-C waits until the result is written.
    with optimize.Interrupts() as interruption:
        bar.close()
        if path := output.write_sound(name, texture.wave, sample_rate):
            interrupts.kept(path)
    reason = texture.outcome.reason
    if path and reason != "interrupted":
        say(f"{path}: {describe_outcome(texture)}")
    metrics.write(sample, texture.outcome.progress)
    if reason == "interrupted":
        spent = texture.outcome.progress[-1].evaluations
        output.finish(checkpoint_file)
        kept = f"{path}, the result of {spent} of {total} evaluations" if path else ""
        messages.say_all(interrupts.describe(kept))
    elif path == output.path(name):
        checkpoint.remove(output.path(checkpoint_file))
        output.finish(drop=[checkpoint_file])
    if interruption.received and reason != "interrupted":
        messages.say_all(interrupts.describe())
        return path, "interrupted"
    interrupts.unsaved(reason == "interrupted")
    return path, reason


def _read_earlier(
    folder: str, record: records.Record, names: Sequence[str]
) -> tuple[set[int], set[int], list[dict[str, Any]]]:
    """The finished samples, the samples whose checkpoint is damaged, and the rows that can be read
    from metrics.jsonl. Says what is lost.
    """
    finished, damaged = set(), set()
    rows, complete = read_rows(os.path.join(folder, run_io.METRICS), _is_row)
    if not complete:
        say(
            f"{os.path.join(folder, run_io.METRICS)}: damaged or missing; rows that can be read or "
            "made again are written anew"
        )
    for sample, name in enumerate(names):
        path, checkpoint_file = os.path.join(folder, name), checkpoint_name(sample)
        checkpoint_path = os.path.join(folder, checkpoint_file)
        if checkpoint_file not in record.files and name in record.files:
            if records.is_whole(folder, record, name):
                finished.add(sample)
            else:
                say(f"{path}: missing or not whole; it is made again")
            continue
        if record.files.get(checkpoint_file) is not None and not os.path.lexists(checkpoint_path):
            say(f"{checkpoint_path}: missing; {name} is begun again")
        try:
            checkpoint.check(checkpoint_path)
        except checkpoint.DamagedError as error:
            damaged.add(sample)
            say(f"{error} {name} is begun again")
    return finished, damaged, rows


def page_contents(recipe: recipes.Recipe, *parts: str) -> str:
    """What a page shows, in words: the verdict, the parts, and the loss where there is one."""
    shown = ["the verdict", *parts, *([] if recipe.is_direct else ["the loss"])]
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def write_report(
    output: Output, name: str, make_page: Callable[[], str], status: int, contents: str = ""
) -> int:
    """Writes a page; the exit status, which is at least 1 if the page cannot be made or written.
    The results of the run stay in any case.

    Args:
      output: the run's folder.
      name: of the page's file.
      make_page: returns the page as HTML.
      status: of the run so far.
      contents: what the page shows, in words, for a line on it; no line if left out.
    """
    try:
        page = make_page()
    except (ValueError, OSError, MemoryError) as error:
        say(f"warning: {name} cannot be made ({one_line(error)}); the results are there.")
        return status or 1
    if (path := output.write_text(name, page)) and contents:
        say(f"{path}: {contents}")
    return status or int(output.failed)
