"""Makes new sound of a recording's texture.

    python -m launch.texture                                              # from an embedded fire, into output/texture
    python -m launch.texture --input=rain.wav --seconds=20 --output_dir=output/rain
    python -m launch.texture --input=rain.wav --recipe=infinite-width     # a quick draft
    python -m launch.texture --input=rain.wav --input=wind.wav --weights=2,1                # two thirds rain
    python -m launch.texture --config=output/rain/config.json --output_dir=output/again    # the same samples again

Writes texture.wav (texture_0.wav ... for several samples), config.json, metrics.jsonl and report.html into --output_dir.
Ctrl-C ends the optimisation after the evaluations at hand and writes what there is (exit status 130).
"""

import os
from collections.abc import Hashable, Sequence
from typing import Any

import jax
import numpy as np
from absl import flags

from audio_texture import audio, checkpoint, recipes, synthesis
from launch import cli

cli.define_recipe_flags()
cli.define_input_flags()
flags.adopt_module_key_flags(cli)
flags.DEFINE_list("weights", None, "Shares of the inputs in a mixture, separated by commas; equal if left out.")
flags.DEFINE_float("seconds", 5.0, f"Length of the result, in seconds: {synthesis.SHORTEST_SECONDS:g} to {synthesis.LONGEST_SECONDS:g}.")
flags.DEFINE_integer("seed", 0, "Seed of the start; another seed makes another texture.", lower_bound=0, upper_bound=2**31 - 1)
flags.DEFINE_integer("samples", 1, "Textures to make, of the seeds --seed, --seed + 1, ...", lower_bound=1, upper_bound=10_000)
flags.DEFINE_enum("output_format", "wav", ["wav", "flac", "ogg"], "Format of the results.")
_CONFIG = flags.DEFINE_string("config", None, "A run's config.json, to make it again; flags it has values for are ignored.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", "output/texture", "Folder for the results.")
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Whether an earlier run in --output_dir may be replaced.")
_MAX_SECONDS = flags.DEFINE_float("max_seconds", float("inf"), "Wall-clock budget of a sample's optimisation, in seconds.", lower_bound=0)
_CHECKPOINT_EVERY = flags.DEFINE_integer("checkpoint_every", 0, "Evaluations between checkpoints in --output_dir; 0 keeps one on Ctrl-C alone.", lower_bound=0)
_RESUME = flags.DEFINE_bool("resume", False, "Whether to finish the run in --output_dir, from its last checkpoint.")

# What the result is called, and which flags name sounds.
SOUND, SOURCES = "texture", ("input",)
FILES = ("config.json", "metrics.jsonl", "report.html", "texture.*", "texture_*.*", "checkpoint")


def configure(values: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a run whose flags have these values."""
    return cli.run_config(None, values)


def read(config: dict[str, Any]) -> tuple[recipes.Recipe, list[np.ndarray], int]:
    """A configuration's recipe, its references and their rate. UserError where a reference or the length will not do."""
    recipe = recipes.Recipe.from_json(config["recipe"])
    references, rate = cli.read_inputs(config["inputs"], lambda wave, rate, name: synthesis.check_reference(recipe, wave, sample_rate=rate, name=name))
    with cli.naming("seconds"):
        synthesis.check_seconds(config["seconds"])
    return recipe, references, rate


def shape_of(config: dict[str, Any], recipe: recipes.Recipe, references: Sequence[np.ndarray], rate: int) -> Hashable:
    """What decides which compiled programs a run needs."""
    return synthesis.shape_of(recipe, references, sample_rate=rate, seconds=config["seconds"])


def prepare(
    config: dict[str, Any], recipe: recipes.Recipe, references: Sequence[np.ndarray], rate: int, like: synthesis.Problem | None = None
) -> synthesis.Problem:
    """The configuration's problem. UserError where a view does not fit the rate. like: see `synthesis.prepare`."""
    with cli.naming("views"):
        return synthesis.prepare(recipe, references, sample_rate=rate, seconds=config["seconds"], weights=config["weights"], like=like)


def main() -> int:
    config = cli.run_config(_CONFIG.value)
    folder = _OUTPUT_DIR.value
    cli.check_output_folder(folder, overwrite=_OVERWRITE.value or _RESUME.value)
    if _RESUME.value:
        cli.check_resumable(folder, config)
    recipe, references, rate = read(config)
    problem = prepare(config, recipe, references, rate)

    fitted = synthesis.fitted(recipe, references, sample_rate=rate)
    if fitted != recipe:
        cli.say(f"Kernels too long for the input are left out; views: {' '.join(map(str, fitted.views)) or 'none'}")
    cli.make_output_folder(folder, earlier=() if _RESUME.value else FILES)
    cli.write_json(os.path.join(folder, "config.json"), config)
    metrics = cli.Metrics(os.path.join(folder, "metrics.jsonl"))
    made, reason = [], None
    for sample in range(config["samples"]):
        path = os.path.join(folder, f"{SOUND}{f'_{sample}' if config['samples'] > 1 else ''}.{config['output_format']}")
        checkpoints = os.path.join(folder, "checkpoint", str(sample))
        if not (_RESUME.value and os.path.exists(path) and not os.path.exists(checkpoints)):
            bar = cli.ProgressBar(recipe.evaluations, os.path.basename(path))
            texture = synthesis.run(
                problem,
                recipe,
                jax.random.key(config["seed"] + sample),
                max_seconds=_MAX_SECONDS.value,
                checkpoint_folder=checkpoints,
                checkpoint_every=_CHECKPOINT_EVERY.value,
                resume=_RESUME.value,
                on_chunk=lambda rows: (metrics.write(sample, rows), bar.show(rows[-1])),
            )
            bar.close()
            reason = texture.outcome.reason
            audio.write(path, texture.wave, rate)
            cli.say(f"{path}: {cli.describe(texture)}")
        made.append(path)
        if reason == "interrupted":
            break
        checkpoint.remove(checkpoints)
    else:
        checkpoint.remove(os.path.join(folder, "checkpoint"))
    cli.write_report(folder, config, references, rate, made, metrics)
    return {"interrupted": 130, "not finite": 1}.get(reason, 0)


if __name__ == "__main__":
    cli.run(main)
