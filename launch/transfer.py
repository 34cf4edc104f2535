"""Gives one sound's content another sound's style.

A built-in clock in the style of rain, into output/transfer:
    python -m launch.transfer
Sounds of your own; then three steps from content to style:
    python -m launch.transfer --content=dog.wav --style=fire.wav --output_dir=output/dog
    python -m launch.transfer --content=dog.wav --style=fire.wav --style_weight=0.1,1,10
The paper's recipe:
    python -m launch.transfer --content=dog.wav --style=fire.wav --recipe=paper-transfer-1d
In one pass, by a network that launch.generate --contents has trained for the style:
    python -m launch.transfer --content=dog.wav --generator=output/fire/generator.safetensors

The result has the content's length, rate, channels and level. Says at the end how much of the
content it keeps, and how like the style it sounds. Writes transfer.wav (transfer_0.wav ... for
several weights), quality.json, config.json, metrics.jsonl, report.html and files.json (the list of
these files) into --output_dir. Ctrl-C ends the optimisation after the current evaluation, writes
the sound so far and says how to go on (exit status 130).
"""

from launch import cli

if __name__ == "__main__":
    # Before the imports below: Ctrl-C during them ends in one line too.
    cli.run("transfer")

import concurrent.futures
from collections.abc import Collection, Mapping
from typing import Any

from audio_texture import references, style_transfer
from launch import (
    configs,
    flag_checks,
    flags,
    interrupts,
    messages,
    run_io,
    runs,
    transfer_generator,
    transfer_pages,
    transfer_steps,
)
from launch.flag_set import FlagSet
from launch.inputs import EMBEDDED
from launch.transfer_steps import DECIDES


def define_flags(flag_set: FlagSet) -> None:
    """Defines the program's flags."""
    flags.define_recipe_flags(flag_set, "transfer", several=("style_weight",))
    text = "Sound whose events and rhythm are kept: a file or a built-in sound."
    flag_set.define_path("content", f"{EMBEDDED}clock", text)
    text = "Sound whose timbre the result takes on: a file or a built-in sound."
    flag_set.define_path("style", f"{EMBEDDED}rain", text)
    text = "Trained generator of launch.generate --contents, in place of --style: in one pass."
    flag_set.define_path("generator", None, text)
    longest = references.LONGEST_SECONDS
    for name, seconds, most in (("content", longest, longest), ("style", 10.0, 60)):
        flag_set.define_float(
            f"{name}_start", 0.0, f"Where in the {name} to begin, in seconds.", lower_bound=0
        )
        flag_set.define_float(
            f"{name}_seconds",
            seconds,
            f"How much of the {name} to use at most, in seconds.",
            lower_bound=0.01,
            upper_bound=most,
        )
    flags.define_run_flags(flag_set, "transfer", "it matters only where start_content is below 1")


def main(values: Mapping[str, Any], given: Collection[str] = ()) -> int:
    """Makes the transfers; the exit status.

    Args:
      values: of all flags.
      given: names of the flags on the command line.
    """
    values = configs.with_earlier(values, given, DECIDES)
    if transfer_generator.is_asked(values):
        return transfer_generator.main(values, given)
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
    # One problem, whose compiled programs serve every weight.
    alone = {**config, "style_weights": [1.0]}
    problem, wait = transfer_steps.prepare_run(alone, recipe, sounds, rate)
    jobs = [
        runs.Job(name, style_transfer.reweighted(problem, style=weight), config["seed"])
        for name, weight in zip(names, weights, strict=True)
    ]
    # The originals are measured while the results are made, which leaves half of two cores idle.
    executor = concurrent.futures.ThreadPoolExecutor(1)
    originals = executor.submit(transfer_pages.measure_originals, sounds, rate)
    try:
        made = runs.make_sounds(
            values, config, recipe, rate, jobs, program="transfer", record=record, wait=wait
        )
        if made.status == interrupts.STATUS:
            return made.status
        messages.doing("judging")
        return transfer_pages.write_results(made, config, sounds, rate, originals.result)
    finally:
        # After Ctrl-C the program does not wait for the measures.
        executor.shutdown(wait=False, cancel_futures=True)
