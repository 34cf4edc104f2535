"""The style of a stream: fitted to the inputs now, or loaded from the file of --target."""

import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from audio_texture import audio, generators, recipes, streaming
from audio_texture.references import fit_kernels, model_sample_rate
from launch import compile_times, configs, flag_checks, messages, mixtures, records
from launch.errors import UserError, naming_flag
from launch.flags import OF_MIXTURE, recipe_flags, recipe_from_values
from launch.inputs import digest, read_inputs, reference_check, say_scales
from launch.stream.checks import check_earlier, check_folder, wanted_samples

# Choices that may still be changed for a fitted style.
FREE = (
    "evaluations",
    "optimizer",
    "history",
    "learning_rate",
    "tolerance",
    "block_seconds",
    "fade_ms",
)


# Flags that decide about a stream's samples, besides those of a recipe.
DECIDES = (*OF_MIXTURE, "seed", "loop", "target", "generator", "output")
_TYPES = {"inputs": list, "seed": int, "loop": bool, "output": str, "recipe": dict}


def with_earlier(
    values: Mapping[str, Any], given: Collection[str]
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """All flags, and with --resume and no flag that decides about samples the configuration of the
    stream in --output_dir, whose values the flags then have. --seconds may be another.

    Args:
      values: of all flags.
      given: names of the flags on the command line.
    """
    path = configs.earlier_path(values, given, DECIDES)
    if not path:
        return dict(values), None
    config = configs.config_of_file(path, _TYPES, given=given)
    names = ("seed", "loop", "output", *(() if "seconds" in given else ("seconds",)))
    files = {
        name: config[name]["source"] if config.get(name) else None
        for name in ("target", "generator")
    }
    return {**values, **{name: config[name] for name in names}, **files}, config


def fit_or_load(
    values: Mapping[str, Any], given: Collection[str], earlier: dict[str, Any] | None
) -> tuple[
    streaming.Style,
    dict[str, Any],
    list[np.ndarray],
    records.Record | None,
    compile_times.Wait,
]:
    """The style, the configuration, the references at the style's rate (none for a loaded style),
    the record in --output_dir, and the wait for the first evaluation.

    Args:
      values: of all flags.
      given: names of the flags on the command line.
      earlier: of `with_earlier`.
    """
    plain = {name: values[name] for name in ("seconds", "seed", "loop", "output")}
    plain["versions"] = configs.versions()
    if values["target"]:
        style, config = _load(values, given, earlier)
        config |= plain
        record = check_folder(values, config)
        checked = {"sample_rate": style.sample_rate, "channels": style.channels}
        wanted_samples(values, style.recipe, **checked)
        check_earlier(values, style.recipe, record, **checked)
        wait = compile_times.Wait(_programs(values, config, style.recipe, [], style.sample_rate))
        messages.say_held()
        wait.fit()
        return style, config, [], record, wait
    config = {**(earlier or _configure(values, given)), **plain}
    recipe = recipes.Recipe.from_json(config["recipe"])
    record = check_folder(values, config)
    if config["morph_to"] and (values["loop"] or not values["seconds"]):
        raise UserError("--morph_to: a morph needs an end: --seconds above 0, and no --loop.")
    messages.doing("reading")
    references, rate = read_inputs(config["inputs"], reference_check(recipe))
    mixtures.check_mixture(config, recipe, rate)
    wait = compile_times.Wait(_programs(values, config, recipe, references, rate))

    def begin():
        fitted = fit_kernels(recipe, references, sample_rate=rate)
        model_rate = model_sample_rate(recipe, rate)
        checked = {"sample_rate": model_rate, "channels": len(references[0])}
        wanted_samples(values, fitted, **checked)
        check_earlier(values, fitted, record, **checked)
        messages.say_held()
        say_scales(recipe, fitted, model_rate)
        wait.fit()

    with naming_flag("views"):
        style = streaming.fit_style(
            recipe, references, sample_rate=rate, **mixtures.mixture_options(config), on_fit=begin
        )
    references = [audio.resample(wave, rate, style.sample_rate) for wave in references]
    return style, config, references, record, wait


def _configure(values: Mapping[str, Any], given: Collection[str]) -> dict[str, Any]:
    """The configuration of a stream of --input. UserError where flags do not go together."""
    recipe = recipe_from_values(values)
    with naming_flag("recipe"):
        streaming.check_recipe(recipe)
    _refuse_useless_flags(values, given, recipe)
    mixture = mixtures.mixture_from_values(values, given)
    sources = {"input": [entry["source"] for entry in mixture["inputs"]]}
    flag_checks.refuse(
        flag_checks.useless_part_flags(sources, given)
        | flag_checks.useless_mixture_flags(mixture, given)
    )
    return {**mixture, "target": None, "recipe": recipe.to_json()}


def _programs(
    values: Mapping[str, Any],
    config: Mapping[str, Any],
    recipe: recipes.Recipe,
    references: Sequence[np.ndarray],
    sample_rate: int,
) -> compile_times.Programs:
    """The compiled programs of a stream, whose blocks all have one length, or of a loop."""
    seconds = values["seconds"] if values["loop"] else recipe.matching.block_seconds
    key = (
        recipe.static_config(),
        sample_rate,
        seconds,
        values["loop"],
        bool(config.get("morph_to")),
        [wave.shape for wave in references],
    )
    return compile_times.of_run(
        "stream", key, recipe.name, references, sample_rate=sample_rate, seconds=seconds
    )


def _load(
    values: Mapping[str, Any], given: Collection[str], earlier: dict[str, Any] | None
) -> tuple[streaming.Style, dict[str, Any]]:
    """The style of --target with the choices that flags change, and its part of the config."""
    path = values["target"]
    with naming_flag("target"):
        if generators.is_generator_file(path):
            raise ValueError(f"{path!r} is a generator, not a style file; --generator takes it.")
        style = streaming.load_style(path)
        recipe = (
            recipes.Recipe.from_json(earlier["recipe"])
            if earlier
            else _with_open_choices(values, given, style.recipe)
        )
        style = style._replace(recipe=recipe)
        target = {"source": path, "sha256": digest(path)}
    return style, {"inputs": [], "target": target, "recipe": style.recipe.to_json()}


def _with_open_choices(
    values: Mapping[str, Any], given: Collection[str], recipe: recipes.Recipe
) -> recipes.Recipe:
    """A loaded style's recipe with the given flags. ValueError for a flag that would ask for
    another style, UserError for one that does nothing.
    """
    path = values["target"]
    asked = recipe_from_values(values)
    if "recipe" in given and asked.name != recipe.name:
        raise ValueError(
            f"{path!r} was fitted by the recipe {recipe.name}, not by --recipe={values['recipe']}."
        )
    names = [name for name in recipe_flags() if name in given and name != "recipe"]
    fitted = [name for name in names if name not in FREE]
    for name in fitted:
        if asked.choice(name) != recipe.choice(name):
            raise ValueError(
                f"{path!r} was fitted with another --{name}, {recipe.to_json()[name]!r}."
            )
    reason = f"{path!r} was fitted with it already"
    flag_checks.refuse({name: reason for name in ("recipe", *fitted) if name in given})
    recipe = recipe.replace(**{name: asked.choice(name) for name in names if name in FREE})
    _refuse_useless_flags(values, given, recipe)
    return recipe


def _refuse_useless_flags(
    values: Mapping[str, Any], given: Collection[str], recipe: recipes.Recipe
) -> None:
    program = "loop" if values["loop"] else "stream"
    flag_checks.refuse(flag_checks.useless_recipe_flags(values, recipe, given, program=program))


def save_target(values: Mapping[str, Any], style: streaming.Style) -> None:
    """Writes the style into the file of --save_target. UserError where a stream that goes on would
    replace another style.
    """
    path = values["save_target"]
    if not path:
        return
    with naming_flag("save_target"):
        if not (values["resume"] and os.path.lexists(path)):
            streaming.save_style(path, style)
        elif not streaming.is_style_saved(path, style):
            raise ValueError(f"{path!r} holds another style than this stream's; name another file.")
