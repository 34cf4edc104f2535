"""The steps of a run of launch.texture, which launch.sweep takes for many runs.

In all functions, config: a configuration as `configure` returns it and config.json holds it.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from audio_texture import audio, classical, metrics, recipes, synthesis
from audio_texture.references import check_seconds, fit_kernels, model_sample_rate
from launch import compile_times, configs, flag_checks, mixtures
from launch.errors import naming_choices, naming_flag
from launch.inputs import read_following, read_inputs, reference_check, say_scales
from launch.messages import say_held

# The stem of the result's name, and the flags that name sounds.
STEM, SOURCES = "texture", ("input",)


def configure(values: Mapping[str, Any], given: Collection[str] = ()) -> dict[str, Any]:
    """The configuration of a run.

    Args:
      values: of all flags.
      given: names of the flags on the command line.
    """
    return configs.texture_config(values, given)


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
    sources = {"input": [entry["source"] for entry in config["inputs"]]}
    return (
        flag_checks.useless_part_flags(sources, names)
        | flag_checks.useless_mixture_flags(config, names)
        | flag_checks.useless_recipe_flags(
            values, recipe, names, program="texture", mixed=mixtures.is_mixed(config)
        )
    )


def read(config: dict[str, Any]) -> tuple[recipes.Recipe, list[np.ndarray], int]:
    """The recipe, the references [C, N] and their sample rate. UserError where a reference, the
    length or the format cannot be used.
    """
    recipe = recipes.Recipe.from_json(config["recipe"])
    references, sample_rate = read_inputs(config["inputs"], reference_check(recipe))
    with naming_flag("seconds"):
        check_seconds(config["seconds"])
    with naming_flag("output_format"):
        audio.check_writable(
            f".{config['output_format']}",
            channels=len(references[0]),
            sample_rate=sample_rate,
            samples=round(config["seconds"] * sample_rate),
        )
    return recipe, references, sample_rate


def compile_key(
    config: dict[str, Any],
    recipe: recipes.Recipe,
    references: Sequence[np.ndarray],
    sample_rate: int,
) -> tuple[Any, ...]:
    """A key that is equal for runs on the same compiled programs."""
    mixture = mixtures.mixture_options(config)
    return synthesis.compile_key(
        recipe,
        references,
        sample_rate=sample_rate,
        seconds=config["seconds"],
        morph_to=mixture["morph_to"],
        bands=mixture["bands"],
    )


def prepare(
    config: dict[str, Any],
    recipe: recipes.Recipe,
    references: Sequence[np.ndarray],
    sample_rate: int,
    like: synthesis.Problem | None = None,
    **options: Any,
) -> synthesis.Problem:
    """The run's problem. UserError where a view does not fit the sample rate, or the start's
    generator or the recipe's method does not fit the sound.

    like: a problem whose compiled programs are used, as of `synthesis.prepare`.
    **options: `single_runs` and `on_fit` of `synthesis.prepare`.
    """
    mixtures.check_mixture(config, recipe, sample_rate)
    of_starts = ("start", "start_generator", "start_style")
    with naming_flag("views"), naming_choices(*of_starts, *classical.CHOICES):
        return synthesis.prepare(
            recipe,
            references,
            sample_rate=sample_rate,
            seconds=config["seconds"],
            **mixtures.mixture_options(config),
            like=like,
            **options,
        )


def wait_for(
    config: dict[str, Any],
    recipe: recipes.Recipe,
    references: Sequence[np.ndarray],
    sample_rate: int,
) -> compile_times.Wait:
    """The wait for the first evaluation of a run."""
    if recipe.is_direct:
        return compile_times.Wait(None)
    key = compile_key(config, recipe, references, sample_rate)
    lengths = {"sample_rate": sample_rate, "seconds": config["seconds"]}
    return compile_times.Wait(compile_times.of_run(STEM, key, recipe.name, references, **lengths))


def prepare_run(
    config: dict[str, Any],
    recipe: recipes.Recipe,
    references: Sequence[np.ndarray],
    sample_rate: int,
) -> tuple[synthesis.Problem, compile_times.Wait]:
    """`prepare` for a single run, which says what is used and what takes long; the wait ends at
    the first evaluation.
    """
    wait = wait_for(config, recipe, references, sample_rate)

    def begin():
        say_held()
        fitted = fit_kernels(recipe, references, sample_rate=sample_rate)
        say_scales(recipe, fitted, model_sample_rate(recipe, sample_rate))
        wait.fit()

    options = {"single_runs": True, "on_fit": begin}
    problem = prepare(config, recipe, references, sample_rate, **options)
    wait.compile()
    return problem, wait


def read_heldout(config: dict[str, Any]) -> np.ndarray:
    """What follows the stretch of the recording that the run uses: [C, N], at the recording's rate.
    UserError where that, or the result, is too short to be judged.
    """
    with naming_flag("heldout"):
        if config["seconds"] < metrics.SHORTEST_SECONDS:
            raise ValueError(
                f"a result of --seconds={config['seconds']:g} is too short; to be judged it must "
                f"last at least {metrics.SHORTEST_SECONDS:g} s."
            )
        wave, sample_rate = read_following(config["inputs"][0])
        name = f"what follows the stretch used of {config['inputs'][0]['source']!r}"
        metrics.check_sound(wave, sample_rate=sample_rate, name=name)
    return wave


def measure(
    wave: np.ndarray,
    references: Sequence[np.ndarray],
    sample_rate: int,
    heldout: np.ndarray | None = None,
) -> dict[str, Any]:
    """The measures of launch.evaluate; none for a mixture, which should not be like any of its
    inputs. ValueError where a sound is too short.

    Args:
      wave: the result, [C, N].
      references: what it was made from, [C, N] each.
      sample_rate: of all, Hz.
      heldout: of `read_heldout`, for heldout_* measures too.
    """
    if len(references) > 1:
        return {}
    measures = metrics.evaluate(wave, references[0], sample_rate=sample_rate)
    if heldout is None:
        return measures
    more = metrics.evaluate_heldout(wave, references[0], heldout, sample_rate=sample_rate)
    return measures | {f"heldout_{name}": value for name, value in more.items()}
