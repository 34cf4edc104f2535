"""Makes new sound with the texture of a recording.

From a built-in fire, into output/texture:
    python -m launch.texture
From a recording; then as a quick draft:
    python -m launch.texture --input=rain.wav --seconds=20 --output_dir=output/rain
    python -m launch.texture --input=rain.wav --recipe=infinite-width
Two thirds rain, one third wind; then from rain to fire:
    python -m launch.texture --input=rain.wav --input=wind.wav --weights=2,1
    python -m launch.texture --input=rain.wav --input=fire.wav --weights=1,0 --morph_to=0,1
Rain below 2 kHz, birds above:
    python -m launch.texture --bands=low:rain.wav,high:birds.wav --crossover_hz=2000
Networks that see 40 and 700 ms, for ticks and their beat; then a constant-Q axis:
    python -m launch.texture --input=clock.wav --time_scale=40,700
    python -m launch.texture --input=bells.wav --scale=cqt
The same samples again:
    python -m launch.texture --config=output/rain/config.json --output_dir=output/again

Says at the end how like the recording the result is, how new, and what to try if it falls short.
Writes texture.wav (texture_0.wav ... for several samples), config.json, metrics.jsonl, report.html
and files.json (the list of these files) into --output_dir. Ctrl-C ends the optimisation after the
current evaluation, writes the sound so far and says how to go on (exit status 130).
"""

from launch import cli

if __name__ == "__main__":
    # Before the imports below: Ctrl-C during them ends in one line too.
    cli.run("texture")

from collections.abc import Collection, Mapping
from typing import Any

from audio_texture.references import LONGEST_SECONDS, SHORTEST_SECONDS
from launch import (
    configs,
    flag_checks,
    flags,
    interrupts,
    messages,
    pages,
    run_io,
    runs,
    texture_steps,
    verdicts,
)
from launch.flag_set import FlagSet

# Flags that samples depend on, besides those of a recipe.
DECIDES = (*flags.OF_MIXTURE, "seconds", "seed", "samples", "output_format")
REPORT = "report.html"


def define_flags(flag_set: FlagSet) -> None:
    """Defines the program's flags."""
    flags.define_recipe_flags(flag_set)
    flags.define_input_flags(flag_set)
    flags.define_mixture_flags(flag_set)
    flags.define_run_flags(flag_set, "texture", "another seed makes another texture")
    flag_set.define_float(
        "seconds",
        5.0,
        f"Length of the result, in seconds: {SHORTEST_SECONDS:g} to {LONGEST_SECONDS:g}.",
    )
    flag_set.define_integer(
        "samples",
        1,
        "Number of textures to make, with the seeds from --seed on.",
        lower_bound=1,
        upper_bound=10_000,
    )


def main(values: Mapping[str, Any], given: Collection[str] = ()) -> int:
    """Makes the textures; the exit status.

    Args:
      values: of all flags.
      given: names of the flags on the command line.
    """
    values = configs.with_earlier(values, given, DECIDES)
    config = texture_steps.configure(values, given)
    flag_checks.check_run_flags(values, given)
    if values["config"] is not None:
        flag_checks.refuse_beside_config(given, values["config"], DECIDES)
    else:
        flag_checks.refuse(texture_steps.useless_flags(values, config, given))
    names = run_io.sound_names(texture_steps.STEM, config["samples"], config["output_format"])
    record = run_io.check_run_folder(
        values, config, program="texture", names=runs.output_names(names, [REPORT])
    )
    messages.doing("reading")
    recipe, references, sample_rate = texture_steps.read(config)
    problem, wait = texture_steps.prepare_run(config, recipe, references, sample_rate)
    jobs = [runs.Job(name, problem, config["seed"] + i) for i, name in enumerate(names)]
    made = runs.make_sounds(
        values, config, recipe, sample_rate, jobs, program="texture", record=record, wait=wait
    )
    if not made.paths or made.status == interrupts.STATUS:
        return made.status
    messages.doing("judging")
    judged = verdicts.judge_files(made.paths, config, references, sample_rate)
    status = runs.write_report(
        made.output,
        REPORT,
        lambda: pages.texture_page(config, references, sample_rate, made.paths, made.rows, judged),
        made.status,
        runs.page_contents(recipe, "players", "spectrograms"),
    )
    verdicts.say_verdicts(judged)
    return status
