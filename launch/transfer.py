"""Gives one sound's content another sound's style.

An embedded clock in the style of rain, into output/transfer:
    python -m launch.transfer
Sounds of your own; then a strip from content to style:
    python -m launch.transfer --content=dog.wav --style=fire.wav --output_dir=output/dog
    python -m launch.transfer --content=dog.wav --style=fire.wav --style_weight=0.1,1,10
The paper's recipe:
    python -m launch.transfer --content=dog.wav --style=fire.wav --recipe=paper-transfer-1d

The result has the content's length, rate, channels and level. Says at the end how much of the
content it keeps, and how like the style it sounds. Writes transfer.wav (transfer_0.wav ... for
several weights), quality.json, config.json, metrics.jsonl, report.html and files.json, the record
of them, into --output_dir. Ctrl-C ends the optimisation after the current evaluations and writes
the result so far (exit status 130).
"""

from launch import cli

if __name__ == "__main__":
    # Before the imports below: Ctrl-C during them ends in one line too.
    cli.run("transfer")

import concurrent.futures
from collections.abc import Collection, Mapping
from typing import Any

from audio_texture import references, scales, style_transfer
from launch import flag_checks, flags, messages, run_io, runs, transfer_pages, transfer_steps
from launch.flag_set import FlagSet
from launch.inputs import EMBEDDED

# Flags that samples depend on, besides those of a recipe.
DECIDES = (
    *(f"{name}{part}" for name in transfer_steps.SOURCES for part in ("", "_start", "_seconds")),
    "seed",
    "output_format",
)


def define_flags(flag_set: FlagSet) -> None:
    """Defines the program's flags."""
    flags.define_recipe_flags(flag_set, "transfer", several=("style_weight",))
    text = f"Sound whose course over time is kept. {EMBEDDED}NAME is an embedded procedural sound."
    flag_set.define_path("content", f"{EMBEDDED}clock", text)
    flag_set.define_path("style", f"{EMBEDDED}rain", "Sound whose texture it is given.")
    longest = references.LONGEST_SECONDS
    for name, seconds, most in (("content", longest, longest), ("style", 10.0, 60)):
        flag_set.define_float(
            f"{name}_start", 0.0, f"Where in the {name} to begin, in seconds.", lower_bound=0
        )
        flag_set.define_float(
            f"{name}_seconds",
            seconds,
            f"How much of the {name} to use at the most, in seconds.",
            lower_bound=0.01,
            upper_bound=most,
        )
    flags.define_run_flags(
        flag_set, "transfer", "another seed makes another result only where it starts from noise"
    )


def main(values: Mapping[str, Any], given: Collection[str] = ()) -> int:
    """Makes the transfers; the exit status.

    Args:
      values: of all flags.
      given: names of the flags on the command line.
    """
    config = transfer_steps.configure(values, given)
    flag_checks.check_run_flags(values, given)
    if values["config"] is not None:
        flag_checks.refuse_beside_config(given, values["config"], DECIDES)
    else:
        flag_checks.refuse(transfer_steps.useless_flags(values, config, given))
    weights = config["style_weights"]
    names = run_io.sound_names(transfer_steps.STEM, len(weights), config["output_format"])
    record = run_io.check_run_folder(
        values, config, program="transfer", names=runs.output_names(names, transfer_pages.FILES)
    )
    messages.doing("reading")
    recipe, sounds, rate = transfer_steps.read(config)
    messages.doing(messages.FITTING)
    # One problem, whose compiled programs serve every weight.
    problem = transfer_steps.prepare(
        {**config, "style_weights": [1.0]}, recipe, sounds, rate, single_runs=True
    )
    messages.say_held()
    model_rate = references.model_sample_rate(recipe, rate)
    for line in scales.describe_receptive_fields(recipe, model_rate):
        messages.say(line)
    jobs = [
        runs.Job(name, style_transfer.reweighted(problem, style=weight), config["seed"])
        for name, weight in zip(names, weights, strict=True)
    ]
    # The originals are measured while the results are made, which leaves half of two cores idle.
    executor = concurrent.futures.ThreadPoolExecutor(1)
    originals = executor.submit(transfer_pages.measure_originals, sounds, rate)
    try:
        made = runs.make_sounds(
            values, config, recipe, rate, jobs, program="transfer", record=record
        )
        return transfer_pages.write_results(made, config, sounds, rate, originals.result)
    finally:
        # After Ctrl-C the program does not wait for the measures.
        executor.shutdown(wait=False, cancel_futures=True)
