"""Runs a program many times in one process, without pages, for JAX takes seconds to import: a line
of JSON a run, in and out.

    python tests/many_runs.py texture < runs

In: [arguments, at, folder]. Out: [exit status, lines on standard error]. At the nth chunk, epoch,
block or batch the folder is removed, or, where none is given, Ctrl-C is pressed; with at = 0
nothing happens.
"""

import contextlib
import importlib
import io
import json
import os
import shutil
import signal
import sys

from helpers import program

from launch import cli

# Functions that the program calls once a chunk, epoch, block or batch.
CALLS = {
    "texture": "launch.progress.ProgressBar.show",
    "transfer": "launch.progress.ProgressBar.show",
    "train": "launch.train_run.TrainingRun.write_rows",
    "stream": "audio_texture.streaming.step",
    "sweep": "audio_texture.batch.run_batch",
}


@contextlib.contextmanager
def disturbed(name: str, at: int, removed: str):
    """Disturbs the program at its nth call: removes a folder, or presses Ctrl-C."""
    place, _, function = CALLS[name].rpartition(".")
    parts = place.split(".")
    owner = importlib.import_module(".".join(parts[:2]))
    for part in parts[2:]:
        owner = getattr(owner, part)
    original, calls = getattr(owner, function), []

    def disturbing(*arguments, **named):
        calls.append(1)
        if len(calls) == at and removed:
            shutil.rmtree(removed)
        elif len(calls) == at:
            # Where the program notes a signal, as around a block of a stream, it raises nothing.
            if function in ("show", "step"):
                os.kill(os.getpid(), signal.SIGINT)
            else:
                raise KeyboardInterrupt
        return original(*arguments, **named)

    setattr(owner, function, disturbing)
    try:
        yield
    finally:
        setattr(owner, function, original)


def call(name: str, arguments: list[str], at: int, removed: str = "") -> tuple[int, list[str]]:
    """The exit status of a run and its lines on standard error; status -1 for an exception."""
    errors = io.StringIO()
    with (
        disturbed(name, at, removed) if at else contextlib.nullcontext(),
        contextlib.redirect_stderr(errors),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        try:
            status = cli.call(program(name), arguments)
        except BaseException as error:
            status = -1
            errors.write(f"{type(error).__name__}: {error}")
    return status, errors.getvalue().splitlines()


def leave_out_pages(name: str) -> None:
    """Replaces pages, which take most of the time, and the figures of launch.insights."""
    report = importlib.import_module("audio_texture.report")
    for page in (
        "render_texture_page",
        "render_transfer_page",
        "render_training_page",
        "render_page",
    ):
        setattr(report, page, lambda *_, **__: "page")
    for part in ("embed_spectrograms", "embed_figures", "embed_players", "comparison_section"):
        setattr(report, part, lambda *_, **__: "")
    if name != "insights":
        return
    import matplotlib.pyplot as plt

    insights = importlib.import_module("audio_texture.insights")
    verdict = insights.Verdict("supports", "It does.", {})
    quick = {
        "measure": lambda settings: {"rows": []},
        "judge": lambda numbers: verdict,
        "draw": lambda numbers: plt.figure(figsize=(1, 1)),
    }
    description = dict.fromkeys(("claim", "source", "method", "rule"), "text")
    insights.Experiment.describe = lambda self: description
    insights.load_experiment = lambda name: insights.Experiment(insights.CLAIMS[name], **quick)


if __name__ == "__main__":
    name = sys.argv[1]
    sys.argv = [f"launch.{name}"]
    leave_out_pages(name)
    for line in sys.stdin:
        print(json.dumps(call(name, *json.loads(line))), flush=True)
