"""Sounds made one after the other into a folder, and gone on with: what launch.texture and
launch.transfer share.
"""

import contextlib
import importlib
import json
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import jax
from absl import flags

from audio_texture import checkpoint, files, optimize, recipes, synthesis
from launch import cli, interrupts, records, run_io


def checkpoint_name(sample: int) -> str:
    """Of a sample's checkpoint: where a record lists it, the sample is not finished."""
    return f"checkpoint_{sample}.safetensors"


def output_names(sounds: Sequence[str], results: Sequence[str]) -> list[str]:
    """All files that a run may write. results: those beside its sounds."""
    return [
        run_io.CONFIG,
        run_io.METRICS,
        *results,
        *sounds,
        *map(checkpoint_name, range(len(sounds))),
    ]


class Metrics:
    """metrics.jsonl: a line a chunk, of all samples. A file that cannot be written stops no run."""

    def __init__(self, output: run_io.Output, rows: Sequence[dict[str, Any]] = ()):
        self._output, self.rows = output, list(rows)

    def write(self, sample: int, progress: Sequence[optimize.ProgressRow]) -> None:
        """Writes the rows of one sample in place of those it had."""
        self.rows = [row for row in self.rows if row["sample"] != sample] + rows_of(
            sample, progress
        )
        try:
            # Not waited for: it is written after every chunk, and can be made again from a
            # checkpoint.
            files.write_text(self._output.path(run_io.METRICS), json_lines(self.rows), sync=False)
        except OSError as error:
            self._output.complain(run_io.METRICS, error, "the run goes on without")


def rows_of(sample: int, progress: Sequence[optimize.ProgressRow]) -> list[dict[str, Any]]:
    """Rows of metrics.jsonl."""
    return [{"sample": sample, **row._asdict()} for row in progress]


def json_lines(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as a text of a line each."""
    return "".join(json.dumps(row) + "\n" for row in rows)


def read_rows(path: str, is_row: Callable[[Any], bool]) -> tuple[list[dict[str, Any]], bool]:
    """The rows that can be read of a file of `json_lines`, and whether that was the whole file;
    is_row: whether a value is one.
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
    config: dict[str, Any],
    recipe: recipes.Recipe,
    rate: int,
    jobs: Sequence[tuple[str, synthesis.Problem, int]],
    *,
    program: str,
    record: records.Record | None,
) -> tuple[run_io.Output, list[str], list[dict[str, Any]], int]:
    """Runs jobs one after the other into --output_dir, by the flags of `cli.define_run_flags`:
    sounds, config.json, metrics.jsonl, checkpoints.

    Args:
      jobs: (name of the file, problem, seed).
      record: of the earlier run in the folder, as of `run_io.checked_folder`.
    Returns:
      The folder, the files made, the rows of metrics.jsonl, and the exit status: 0, 130 after
      Ctrl-C, 1 where a loss was not finite or a file could not be written.
    """
    values = flags.FLAGS.flag_values_dict()
    folder, resume = values["output_dir"], values["resume"]
    finished, damaged, rows = (
        _read_earlier(folder, record, [name for name, *_ in jobs]) if resume else (set(), set(), [])
    )
    output = run_io.claim(
        folder, record, program=program, first={run_io.CONFIG: config}, resume=resume
    )
    output.begin(run_io.METRICS)
    metrics = Metrics(output, rows)
    # Matplotlib, which the report needs, takes a second to import, and compilation leaves Python
    # idle.
    threading.Thread(target=importlib.import_module, args=("matplotlib.figure",)).start()
    made, reason = [], None
    for sample, (name, problem, seed) in enumerate(jobs):
        if sample in finished:
            made.append(output.path(name))
            continue
        where, reason = _make_sound(
            output,
            metrics,
            recipe,
            rate,
            (sample, name, problem, seed),
            resume=resume and sample not in damaged,
        )
        if where:
            made.append(where)
        if reason == "interrupted":
            break
    output.finish(run_io.METRICS)
    return (
        output,
        made,
        metrics.rows,
        {"interrupted": 130, "not finite": 1}.get(reason, int(output.failed)),
    )


def _make_sound(
    output: run_io.Output,
    metrics: Metrics,
    recipe: recipes.Recipe,
    rate: int,
    job: tuple[int, str, synthesis.Problem, int],
    *,
    resume: bool,
) -> tuple[str | None, str]:
    """Makes and writes one sound; where it is, if anywhere, and why its optimisation ended.

    job: (number of the sample, name of the file, problem, seed). resume: from its checkpoint.
    """
    (sample, name, problem, seed), values = job, flags.FLAGS.flag_values_dict()
    kept = checkpoint_name(sample)
    output.begin(name, kept)
    bar = cli.ProgressBar(recipe.optimiser.evaluations, name)
    with cli.naming("resume") if resume else contextlib.nullcontext():
        texture = synthesis.run(
            problem,
            jax.random.key(seed),
            max_seconds=values["max_seconds"],
            checkpoint_path=output.path(kept),
            checkpoint_every=values["checkpoint_every"],
            resume=resume,
            on_chunk=lambda rows: (metrics.write(sample, rows), bar.show(rows[-1])),
            on_unsaved=lambda error: output.complain(
                kept, error, "the run goes on, but a later --resume cannot go on from here"
            ),
        )
    # Ctrl-C waits until what the optimiser came to is written.
    with optimize.Interrupts() as late:
        bar.close()
        if where := output.write_sound(name, texture.wave, rate):
            interrupts.kept(where)
            cli.say(f"{where}: {cli.describe(texture)}")
    metrics.write(sample, texture.outcome.progress)
    if texture.outcome.reason == "interrupted":
        output.finish(kept)
    elif where == output.path(name):
        checkpoint.remove(output.path(kept))
        output.finish(drop=[kept])
    if late.received and texture.outcome.reason != "interrupted":
        cli.say(f"interrupted; kept: {where}")
        return where, "interrupted"
    return where, texture.outcome.reason


def _read_earlier(
    folder: str, record: records.Record, names: Sequence[str]
) -> tuple[set[int], set[int], list[dict[str, Any]]]:
    """Which samples are finished, of which the checkpoint is damaged, and the rows of metrics.jsonl
    that can be read; says what is lost.
    """
    finished, damaged = set(), set()
    rows, complete = read_rows(os.path.join(folder, run_io.METRICS), _is_row)
    if not complete:
        cli.say(
            f"{os.path.join(folder, run_io.METRICS)}: damaged or missing; what can be read or made again is written anew"
        )
    for sample, name in enumerate(names):
        path, kept = os.path.join(folder, name), checkpoint_name(sample)
        if kept not in record.files and name in record.files:
            if records.is_whole(folder, record, name):
                finished.add(sample)
            else:
                cli.say(f"{path}: missing or not whole; it is made again")
            continue
        if record.files.get(kept) is not None and not os.path.lexists(os.path.join(folder, kept)):
            cli.say(f"{os.path.join(folder, kept)}: missing; {name} is begun again")
        try:
            checkpoint.check(os.path.join(folder, kept))
        except checkpoint.DamagedError as error:
            damaged.add(sample)
            cli.say(f"{error} {name} is begun again")
    return finished, damaged, rows


def write_report(
    output: run_io.Output, name: str, make_page: Callable[[], str], status: int, contents: str = ""
) -> int:
    """Writes a page; the exit status, which is 1 where the page cannot be made or written: the
    results are there all the same.

    contents: what the page shows, in words; nothing is said of it if left out.
    """
    try:
        page = make_page()
    except (ValueError, OSError, MemoryError) as error:
        cli.say(
            f"warning: {name} cannot be made ({' '.join(str(error).split())}); the results are there."
        )
        return status or 1
    if (where := output.write_text(name, page)) and contents:
        cli.say(f"{where}: {contents}")
    return status or int(output.failed)
