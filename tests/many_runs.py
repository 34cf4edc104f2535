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

from absl import flags

program = sys.argv[1]
sys.argv = [f"launch.{program}", *sys.argv[2:]]
# An interrupt within a call of these is one at a moment that users' interrupts fall into.
CALLS = {"texture": "launch.cli.ProgressBar.show", "transfer": "launch.cli.ProgressBar.show", "train": "launch.train_run.TrainingRun.write_rows",
         "stream": "audio_texture.streaming.step", "sweep": "audio_texture.synthesis.run_batch"}  # fmt: skip
main = importlib.import_module(f"launch.{program}").main
cli = importlib.import_module("launch.cli")


def call(arguments: list[str], at: int, removed: str = "") -> tuple[int, list[str]]:
    for name in flags.FLAGS:
        flags.FLAGS[name].unparse()
    flags.FLAGS.unparse_flags()
    if program == "stream":
        flags.FLAGS.set_default("recipe", "texture-fast")
    sys.argv[1:] = arguments
    owner, name, original, count = None, "", None, 0
    if at:
        place, _, name = CALLS[program].rpartition(".")
        parts = place.split(".")
        owner = importlib.import_module(".".join(parts[:2]))
        for part in parts[2:]:
            owner = getattr(owner, part)
        original = getattr(owner, name)

        def pressing(*given, **named):
            nonlocal count
            count += 1
            if count == at and removed:
                shutil.rmtree(removed)
            elif count == at:
                # Where interrupts are noted, as around a block of a stream, none is raised.
                if name in ("show", "step"):
                    os.kill(os.getpid(), signal.SIGINT)
                else:
                    raise KeyboardInterrupt
            return original(*given, **named)

        setattr(owner, name, pressing)
    errors, status = io.StringIO(), None
    try:
        with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
            try:
                cli.run(main)
            except SystemExit as end:
                status = int(end.code or 0)
            except BaseException as error:
                status, text = -1, f"{type(error).__name__}: {error}"
                errors.write(text)
    finally:
        if at:
            setattr(owner, name, original)
    return status, errors.getvalue().splitlines()


if __name__ == "__main__":
    # Pages take most of the time, and are tried elsewhere.
    report = importlib.import_module("audio_texture.report")
    report.render_texture_page = report.render_transfer_page = report.render_training_page = (
        report.render_page
    ) = lambda *_, **__: "page"
    report.draw_spectrograms = report.embed_figure = report.embed_players = lambda *_, **__: ""
    if program == "insights":
        # Figures that take no time: what is tried is how they are kept.
        import matplotlib.pyplot as plt

        insights = importlib.import_module("audio_texture.insights")
        verdict = insights.Verdict("supports", "It does.", {})
        quick = {
            "measure": lambda settings: {"rows": []},
            "judge": lambda numbers: verdict,
            "draw": lambda numbers: plt.figure(figsize=(1, 1)),
        }
        described = dict.fromkeys(("claim", "source", "method", "rule"), "text")
        insights.Experiment.described = lambda self: described
        insights.FIGURES.update(
            {name: figure._replace(**quick) for name, figure in insights.FIGURES.items()}
        )
    for line in sys.stdin:
        print(json.dumps(call(*json.loads(line))), flush=True)
