"""Judges textures against the recording they were made from.

Two built-in rains and a noise, into output/evaluate (5 s):
    python -m launch.evaluate
Candidates against their recording:
    python -m launch.evaluate --reference=rain.wav --candidate=a.wav --candidate=b.wav
A candidate that was made from the first half of a recording, against both halves:
    python -m launch.evaluate --reference=first.wav --heldout=second.wav --candidate=a.wav

Prints a table with a row for each candidate, and a line for each measure that says which values are
good; then the verdict on each in words. Writes quality.json (the same rows), quality.html
(verdicts, players, spectrograms, levels by band), config.json and files.json (the list
of these files) into --output_dir.
"""

from launch import cli

if __name__ == "__main__":
    # Before the imports below: Ctrl-C during them ends in one line too.
    cli.run("evaluate")

from collections.abc import Collection, Mapping
from typing import Any

from audio_texture import metrics
from launch import configs, evaluate_steps, flags, messages, run_io, runs, verdicts
from launch.errors import UserError
from launch.flag_set import FlagSet

RESULTS = ("quality.json", "quality.html")


def define_flags(flag_set: FlagSet) -> None:
    """Defines the program's flags."""
    flag_set.define_path(
        "reference",
        None,
        "Recording to judge against, at least 1 s; a built-in rain if left out.",
    )
    flag_set.define_paths(
        "candidate", None, "Sound file to judge, at least 1 s; repeat for several."
    )
    flag_set.define_path(
        "heldout",
        None,
        "Second half of the recording, where --reference is its first. Adds heldout_* measures.",
    )
    flags.define_output_flags(flag_set, "evaluate")


def main(values: Mapping[str, Any], given: Collection[str] = ()) -> int:
    """Measures the candidates; the exit status.

    Args:
      values: of all flags.
      given: names of the flags on the command line.
    """
    _check_flags(values)
    paths = [values["reference"], *(values["candidate"] or ()), values["heldout"]]
    record = run_io.check_output_folder(
        values["output_dir"],
        names=(run_io.CONFIG, *RESULTS),
        inputs=[path for path in paths if path],
        overwrite=values["overwrite"],
    )
    sounds = evaluate_steps.read_sounds(values)
    config = {
        "program": "evaluate",
        "sounds": evaluate_steps.digest_sounds(sounds),
        "versions": configs.versions(),
    }
    messages.say_held()
    rows = evaluate_steps.measure(sounds)
    judged = evaluate_steps.give_verdicts(sounds, rows)
    messages.show(metrics.format_rows(rows))
    output = run_io.claim(
        values["output_dir"], record, program="evaluate", first={run_io.CONFIG: config}
    )
    output.write_json("quality.json", rows)
    status = runs.write_report(
        output,
        "quality.html",
        lambda: evaluate_steps.render_page(sounds, judged),
        0,
        "the verdicts, players, spectrograms, levels by band",
    )
    verdicts.say_verdicts(judged, program=evaluate_steps.MADE_BY)
    return status


def _check_flags(values: Mapping[str, Any]) -> None:
    """Raises UserError where flags do not fit together."""
    if bool(values["reference"]) != bool(values["candidate"]):
        raise UserError(
            "--reference and --candidate: give both, or neither for the built-in sounds."
        )
    if values["heldout"] and not values["reference"]:
        raise UserError(f"--heldout: {values['heldout']!r} needs the first half as --reference.")
