"""The steps of a run of launch.transfer, which launch.sweep takes for many runs.

In all functions, config: a configuration as `configure` returns it and config.json holds it.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from audio_texture import (
    audio,
    choices,
    classical,
    metrics,
    recipes,
    references,
    scales,
    style_transfer,
    synthesis,
)
from launch import compile_times, configs, flag_checks, messages
from launch.errors import naming_choices, naming_flag
from launch.flags import recipe_from_values
from launch.inputs import digest, read_inputs, reference_check

# The stem of the result's name, and the flags that name sounds.
STEM, SOURCES = "transfer", ("content", "style")
# Flags that samples depend on, besides those of a recipe.
DECIDES = (
    *(f"{name}{part}" for name in SOURCES for part in ("", "_start", "_seconds")),
    *("generator", "seed", "output_format"),
)
_TYPES = {
    "content": dict,
    "style": dict,
    "style_weights": list,
    "seed": int,
    "output_format": str,
    "recipe": dict,
}


def configure(values: Mapping[str, Any], given: Collection[str] = ()) -> dict[str, Any]:
    """The configuration of a run: of the run that --config names, or of the flags.

    Args:
      values: of all flags.
      given: names of the flags on the command line.
    """
    if values["config"] is not None:
        return configs.config_of_file(values["config"], _TYPES, task="transfer", given=given)
    recipe = recipe_from_values(values, task="transfer")
    with naming_flag("style_weight"):
        weights = [recipe.choice("style_weight")]
        if values["style_weight"]:
            weights = list(map(choices.number, values["style_weight"]))
        for weight in weights:
            recipe.replace(style_weight=weight)
    weights_file = recipe.choice("weights_file")
    sounds = {}
    for name in SOURCES:
        with naming_flag(name):
            sounds[name] = {
                "source": values[name],
                "start": values[f"{name}_start"],
                "seconds": values[f"{name}_seconds"],
                "sha256": digest(values[name]),
            }
    return {
        **sounds,
        "style_weights": weights,
        "seed": values["seed"],
        "output_format": values["output_format"],
        "weights_sha256": digest(weights_file) if weights_file else None,
        "recipe": recipe.to_json(),
        "versions": configs.versions(),
    }


def useless_flags(
    values: Mapping[str, Any], config: dict[str, Any], names: Collection[str]
) -> dict[str, str]:
    """The flags that do nothing in a run, with the reason.

    Args:
      values: of all flags.
      config: of the run.
      names: of the flags to judge.
    """
    recipe = recipes.Recipe.from_json(config["recipe"])
    recipe = recipe.replace(style_weight=max(config["style_weights"]))
    sources = {name: [config[name]["source"]] for name in SOURCES}
    reasons = flag_checks.useless_part_flags(sources, names)
    if "generator" in names:
        reasons["generator"] = "these runs are optimised; launch.transfer takes it"
    return reasons | flag_checks.useless_recipe_flags(values, recipe, names, program="transfer")


def read(config: dict[str, Any]) -> tuple[recipes.Recipe, list[np.ndarray], int]:
    """The recipe, the content and style [C, N], and their sample rate. UserError where a sound, the
    file of weights or the format cannot be used.
    """
    recipe = recipes.Recipe.from_json(config["recipe"])
    with naming_flag("weights_file"):
        weights_file = recipe.choice("weights_file")
        if weights_file and config.get("weights_sha256") != digest(weights_file):
            raise ValueError(
                f"{weights_file!r} is not the file that the configuration was made with."
            )
    sounds, sample_rate = read_inputs(
        [config[name] for name in SOURCES], reference_check(recipe), input_flags=SOURCES
    )
    channels, samples = sounds[0].shape
    with naming_flag("content"):
        references.check_seconds(samples / sample_rate)
    with naming_flag("content_views"):
        references.check_content(recipe, sounds[0], sample_rate=sample_rate)
    with naming_flag("output_format"):
        audio.check_writable(
            f".{config['output_format']}",
            channels=channels,
            sample_rate=sample_rate,
            samples=samples,
        )
    return recipe, sounds, sample_rate


def compile_key(
    config: dict[str, Any], recipe: recipes.Recipe, sounds: Sequence[np.ndarray], sample_rate: int
) -> tuple[Any, ...]:
    """A key that is equal for runs on the same compiled programs."""
    content, style = sounds
    recipe = recipe.replace(style_weight=1.0)
    return style_transfer.compile_key(recipe, content, style, sample_rate=sample_rate)


def prepare(
    config: dict[str, Any],
    recipe: recipes.Recipe,
    sounds: Sequence[np.ndarray],
    sample_rate: int,
    like: synthesis.Problem | None = None,
    **options: Any,
) -> synthesis.Problem:
    """The run's problem at its first style weight. UserError where a view does not fit the sample
    rate, or the recipe's method does not fit the sounds.

    like: a problem whose compiled programs are used, as of `synthesis.prepare`.
    **options: `single_runs` and `on_fit` of `synthesis.prepare`.
    """
    content, style = sounds
    recipe = recipe.replace(style_weight=1.0)
    with naming_flag("views"), naming_choices(*classical.CHOICES):
        problem = style_transfer.prepare(
            recipe, content, style, sample_rate=sample_rate, like=like, **options
        )
    return style_transfer.reweighted(problem, style=config["style_weights"][0])


def wait_for(
    config: dict[str, Any], recipe: recipes.Recipe, sounds: Sequence[np.ndarray], sample_rate: int
) -> compile_times.Wait:
    """The wait for the first evaluation of a run."""
    if recipe.is_direct:
        return compile_times.Wait(None)
    key = compile_key(config, recipe, sounds, sample_rate)
    lengths = {"sample_rate": sample_rate, "seconds": sounds[0].shape[1] / sample_rate}
    return compile_times.Wait(compile_times.of_run(STEM, key, recipe.name, sounds, **lengths))


def prepare_run(
    config: dict[str, Any], recipe: recipes.Recipe, sounds: Sequence[np.ndarray], sample_rate: int
) -> tuple[synthesis.Problem, compile_times.Wait]:
    """`prepare` for a single run, which says what is used and what takes long; the wait ends at
    the first evaluation.
    """
    wait = wait_for(config, recipe, sounds, sample_rate)

    def begin():
        messages.say_held()
        model_rate = references.model_sample_rate(recipe, sample_rate)
        messages.say_all(scales.describe_receptive_fields(recipe, model_rate))
        wait.fit()

    problem = prepare(config, recipe, sounds, sample_rate, single_runs=True, on_fit=begin)
    wait.compile()
    return problem, wait


def measure(wave: np.ndarray, sounds: Sequence[np.ndarray], sample_rate: int) -> dict[str, Any]:
    """Likeness of a result to its style, and what it preserves of its content. ValueError where a
    sound is too short.
    """
    content, style = sounds
    return metrics.evaluate_transfer(wave, content, style, sample_rate=sample_rate)
