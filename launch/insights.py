"""Tests the paper's conclusions by experiments: a figure, numbers and a verdict for each.

All experiments at small sizes, on procedural sounds, in under ten minutes:
    python -m launch.insights --quick
At full size, on real recordings too; then two of them over ten seeds:
    python -m launch.insights --data=esc10 --output_dir=output/insights-full
    python -m launch.insights --figure=filters --figure=receptive-field --seeds=10
With ImageNet weights, from a file of yours:
    python -m launch.insights --figure=weights --vgg19=vgg19.pth

Writes NAME.png and NAME.json (numbers, intervals over seeds, verdict, settings) of each figure as
soon as it is done, insights.html with all figures so far, and files.json (the list of these
files) into --output_dir. Ctrl-C loses only the figure in progress: --resume makes the missing ones.
"""

from launch import cli

if __name__ == "__main__":
    # Before the imports below: Ctrl-C during them ends in one line too.
    cli.run("insights")

from collections.abc import Collection, Mapping
from typing import Any

from audio_texture import insights
from launch import flag_checks, flags, insights_steps, interrupts, messages, run_io
from launch.command import resume_command
from launch.flag_set import FlagSet


def define_flags(flag_set: FlagSet) -> None:
    """Defines the program's flags."""
    flag_set.define_enums(
        "figure", None, insights.CLAIMS, "Experiment to run; repeat for several. All if left out."
    )
    flag_set.define_boolean("quick", False, "Run everything small: short sounds, few evaluations.")
    flag_set.define_integer(
        "seeds",
        5,
        "Number of seeds (of sounds, filters and starts) that intervals are taken over.",
        lower_bound=5,
        upper_bound=1000,
    )
    flag_set.define_path(
        "data",
        None,
        "Folder of recordings, laid out as for launch.train; only procedural sounds if left out.",
        folder=True,
    )
    flag_set.define_path(
        "vgg19",
        None,
        "File of VGG-19's ImageNet weights (.pth, .safetensors, .npz, .h5), for --figure=weights.",
    )
    flags.define_output_flags(flag_set, "insights")
    text = "Keep the figures that are in --output_dir and add those that are missing."
    flag_set.define_boolean("resume", False, text)


def main(values: Mapping[str, Any], given: Collection[str] = ()) -> int:
    """Runs the experiments; the exit status.

    Args:
      values: of all flags.
      given: names of the flags on the command line.
    """
    names = list(dict.fromkeys(values["figure"] or insights.CLAIMS))
    flag_checks.check_run_flags(values, given)
    insights_steps.check_flags(names, given)
    recordings = insights_steps.list_recordings(values["data"])
    insights_steps.check_vgg19(values["vgg19"])
    config = insights_steps.make_config(values, recordings)
    record = insights_steps.check_folder(values, config, names, recordings)
    output = run_io.claim(
        values["output_dir"],
        record,
        program="insights",
        first={run_io.CONFIG: config},
        resume=values["resume"],
    )
    interrupts.go_on_by(resume_command("insights"))
    messages.say_held()
    settings = insights.ExperimentSettings(
        tuple(range(values["seeds"])), values["quick"], recordings, values["vgg19"] or ""
    )
    for number, name in enumerate(names, start=1):
        if insights_steps.read_result(output, name):
            messages.say(f"{name}: done before")
            interrupts.made(f"the figures up to {name}")
            continue
        messages.say_elsewhere(f"{name}: {number} of {len(names)} ...")
        messages.doing(f"{name}: {number} of {len(names)}")
        try:
            with interrupts.of_one_kind():
                result = insights_steps.run_experiment(name, settings, config, output)
        except KeyboardInterrupt:
            messages.say_all(interrupts.describe())
            return interrupts.STATUS
        messages.say(
            f"{name}: {result['verdict']} ({result['seconds']:.0f} s). {result['sentence']}"
        )
        interrupts.made(f"the figures up to {name}")
        insights_steps.write_page(output, config)
    return insights_steps.write_page(output, config, "claims, figures, numbers and verdicts")
