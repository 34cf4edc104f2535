"""Trains a generator, a network that makes a texture for ever and much faster than it plays.

A built-in fire, in three minutes, into output/generate:
    python -m launch.generate
Rain from a recording; then an hour of it, in a minute and without the recording:
    python -m launch.generate --input=rain.wav --train_seconds=600 --output_dir=output/rain
    python -m launch.generate --generator=output/rain/generator.safetensors --seconds=3600
        --output_dir=output/hour
Two styles in one, from the first to the second, and a page that plays both:
    python -m launch.generate --input=rain.wav --input=fire.wav --weights=1,0 --morph_to=0,1 --page
A generator that turns any content into a style; then a content of yours, in a moment:
    python -m launch.generate --input=fire.wav --contents=sounds --output_dir=output/fire
    python -m launch.transfer --content=dog.wav --generator=output/fire/generator.safetensors
A style more for a trained generator, whose own styles stay as they are:
    python -m launch.generate --generator=output/rain/generator.safetensors --input=sea.wav

Writes generator.safetensors (the weights, the styles and all choices), generated.wav, config.json,
metrics.jsonl, report.html and files.json (the list of these files) into --output_dir; samples of
the training as it goes on (sample_1.wav ...); with --page page.html, with --export
generator.stablehlo. With --contents generated.wav is the first content in the style. Ctrl-C keeps
a checkpoint and says how to go on (exit status 130).
launch.stream --generator plays the generator into a pipe.
"""

from launch import cli

if __name__ == "__main__":
    # Before the imports below: Ctrl-C during them ends in one line too.
    cli.run("generate")

from collections.abc import Collection, Mapping
from typing import Any

from launch import (
    configs,
    flag_checks,
    generate_results,
    generate_steps,
    generate_training,
    generate_transfers,
    interrupts,
    messages,
    run_io,
)
from launch.command import resume_command
from launch.generate_flags import define_flags as define_flags

NAMES = (
    run_io.CONFIG,
    run_io.METRICS,
    generate_training.GENERATOR,
    generate_training.CHECKPOINT,
    *generate_training.SAMPLES,
    generate_results.SOUND,
    generate_results.PAGE,
    generate_results.EXPORT,
    generate_results.REPORT,
)


def main(values: Mapping[str, Any], given: Collection[str] = ()) -> int:
    """Trains the generator and makes its sound; the exit status.

    Args:
      values: of all flags.
      given: names of the flags on the command line.
    """
    flag_checks.check_run_flags(values, given)
    values = configs.with_earlier(values, given, generate_steps.DECIDES)
    plan = generate_steps.configure(values, given)
    compared = {
        name: plan.config[name] for name in plan.config if name not in generate_steps.EXTRAS
    }
    record = run_io.check_run_folder(values, compared, program="generate", names=NAMES)
    messages.doing("reading")
    recipe, references, rate = generate_steps.read(plan)
    earlier = generate_training.Earlier()
    if values["resume"] and plan.trains:
        earlier = generate_training.read_earlier(values["output_dir"], record)
    training = wait = None
    if plan.trains and not earlier.generator:
        training, wait = generate_steps.prepare(plan, recipe, references, rate)
        training = generate_training.count_evaluations(plan, training, wait)
    references = generate_steps.at_model_rate(recipe, references, rate)
    output = run_io.claim(
        values["output_dir"],
        record,
        program="generate",
        first={run_io.CONFIG: plan.config},
        resume=values["resume"],
    )
    interrupts.go_on_by(resume_command("generate", values["output_dir"]))
    log = generate_training.Log(output, earlier)
    generator, status = earlier.generator or plan.base, 0
    if training and wait:
        run = generate_training.Training(plan, training, references, output, log)
        generator, status = run.run(values, wait, resume=earlier.resume)
    if not generator:
        return status
    results = generate_transfers if plan.contents else generate_results
    return results.write_all(plan, generator, references, output, log, status)
