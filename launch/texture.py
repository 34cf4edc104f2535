"""Makes new sound of a recording's texture.

    python -m launch.texture                                              # from an embedded fire, into output/texture
    python -m launch.texture --input=rain.wav --seconds=20 --output_dir=output/rain
    python -m launch.texture --input=rain.wav --recipe=infinite-width     # a quick draft
    python -m launch.texture --input=rain.wav --input=wind.wav --weights=2,1                # two thirds rain
    python -m launch.texture --input=rain.wav --input=fire.wav --weights=1,0 --morph_to=0,1 --seconds=20    # from rain to fire
    python -m launch.texture --bands=low:rain.wav,high:birds.wav --crossover_hz=2000        # rain below, birds above
    python -m launch.texture --input=clock.wav --time_scale=40,700        # kernels of 40 and 700 ms: ticks whole, and their beat
    python -m launch.texture --input=bells.wav --scale=cqt                # on an axis of constant Q
    python -m launch.texture --config=output/rain/config.json --output_dir=output/again    # the same samples again

Writes texture.wav (texture_0.wav ... for several samples), config.json, metrics.jsonl, report.html
and files.json, the record of them, into --output_dir. Ctrl-C ends the optimisation after the
evaluations at hand and writes what there is (exit status 130).
"""

from collections.abc import Collection, Hashable, Sequence
from typing import Any

import numpy as np
from absl import flags

from audio_texture import audio, metrics, recipes, references, synthesis
from launch import cli, given, run_io, runs

cli.define_recipe_flags()
cli.define_input_flags()
cli.define_mixture_flags()
flags.DEFINE_float(
    "seconds",
    5.0,
    f"Length of the result, in seconds: {references.SHORTEST_SECONDS:g} to {references.LONGEST_SECONDS:g}.",
)
flags.DEFINE_integer(
    "samples",
    1,
    "Textures to make, of the seeds --seed, --seed + 1, ...",
    lower_bound=1,
    upper_bound=10_000,
)
cli.define_run_flags("texture", "another seed makes another texture")
flags.adopt_module_key_flags(cli)

# What the result is called, and which flags name sounds.
SOUND, SOURCES = "texture", ("input",)
# What decides about samples beside the recipe.
DECIDES = (
    *given.OF_MIXTURE,
    "seconds",
    "seed",
    "samples",
    "output_format",
)
RESULTS = ("report.html",)


def configure(values: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a run whose flags have these values."""
    return cli.run_config(None, values)


def without_effect(
    values: dict[str, Any], config: dict[str, Any], names: Collection[str]
) -> dict[str, str]:
    """Those of the named flags that do nothing in a run whose flags have these values, with the
    reason. config: of `configure`.
    """
    recipe = recipes.Recipe.from_json(config["recipe"])
    sources = {"input": [entry["source"] for entry in config["inputs"]]}
    own = given.of_sources(sources, names) | given.of_mixture(config, names)
    return own | given.of_recipe(
        values, recipe, names, program="texture", mixed=given.is_mixed(config)
    )


def read(config: dict[str, Any]) -> tuple[recipes.Recipe, list[np.ndarray], int]:
    """A configuration's recipe, its references and their rate. UserError where a reference, the
    length or the format will not do.
    """
    recipe = recipes.Recipe.from_json(config["recipe"])
    references, rate = cli.read_inputs(config["inputs"], cli.reference_check(recipe))
    with cli.naming("seconds"):
        references.check_seconds(config["seconds"])
    with cli.naming("output_format"):
        samples = round(config["seconds"] * rate)
        audio.check_writable(
            f".{config['output_format']}",
            channels=len(references[0]),
            sample_rate=rate,
            samples=samples,
        )
    return recipe, references, rate


def shape_of(
    config: dict[str, Any], recipe: recipes.Recipe, references: Sequence[np.ndarray], rate: int
) -> Hashable:
    """What decides which compiled programs a run needs."""
    mixture = cli.mixture_of(config)
    return synthesis.compile_key(
        recipe,
        references,
        sample_rate=rate,
        seconds=config["seconds"],
        morph_to=mixture["morph_to"],
        bands=mixture["bands"],
    )


def prepare(
    config: dict[str, Any],
    recipe: recipes.Recipe,
    references: Sequence[np.ndarray],
    rate: int,
    like: synthesis.Problem | None = None,
) -> synthesis.Problem:
    """The configuration's problem. UserError where a view does not fit the rate. like: see `synthesis.prepare`."""
    cli.check_mixture(config, recipe, rate)
    with cli.naming("views"):
        return synthesis.prepare(
            recipe,
            references,
            sample_rate=rate,
            seconds=config["seconds"],
            **cli.mixture_of(config),
            like=like,
        )


def measures(wave: np.ndarray, references: Sequence[np.ndarray], rate: int) -> dict[str, Any]:
    """As launch.evaluate has them; none of a mixture, which is to be like none of its inputs. ValueError where a sound is too short."""
    return metrics.evaluate(wave, references[0], sample_rate=rate) if len(references) == 1 else {}


def main() -> int:
    config = cli.run_config(flags.FLAGS.config)
    given.check_run_flags()
    if flags.FLAGS.config is not None:
        given.refuse_beside_config(DECIDES)
    else:
        given.refuse(without_effect(flags.FLAGS.flag_values_dict(), config, given.names()))
    names = run_io.sound_names(SOUND, config["samples"], config["output_format"])
    record = run_io.checked_folder(
        config, program="texture", names=runs.output_names(names, RESULTS)
    )
    recipe, references, rate = read(config)
    problem = prepare(config, recipe, references, rate)

    cli.say_held()
    cli.say_scales(
        recipe,
        references.fit_kernels(recipe, references, sample_rate=rate),
        references.model_sample_rate(recipe, rate),
    )
    jobs = [(name, problem, config["seed"] + sample) for sample, name in enumerate(names)]
    output, made, rows, status = runs.make_sounds(
        config, recipe, rate, jobs, program="texture", record=record
    )
    if not made:
        return status
    page = lambda: cli.report_page(config, references, rate, made, rows)
    return runs.write_report(
        output, "report.html", page, status, "players, spectrograms and the loss"
    )


if __name__ == "__main__":
    cli.run(main)
