"""The style of a stream: fitted to the inputs now, or loaded from the file of --target."""

import os
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from audio_texture import audio, recipes, streaming
from launch import flag_checks, messages, mixtures, records
from launch.configs import versions
from launch.errors import UserError, naming_flag
from launch.flags import recipe_flags, recipe_from_values
from launch.inputs import digest, read_inputs, reference_check
from launch.stream.checks import check_folder

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


def fit_or_load(
    values: Mapping[str, Any], given: Collection[str]
) -> tuple[streaming.Style, dict[str, Any], list[np.ndarray], records.Record | None]:
    """The style, the configuration, the references at the style's rate (none for a loaded style),
    and the record in --output_dir.

    Args:
      values: of all flags.
      given: names of the flags on the command line.
    """
    plain = {name: values[name] for name in ("seconds", "seed", "loop", "output")}
    plain["versions"] = versions()
    if values["target"]:
        style, config = _load(values, given)
        config |= plain
        return style, config, [], check_folder(values, config)
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
    config = {**mixture, "target": None, "recipe": recipe.to_json(), **plain}
    record = check_folder(values, config)
    if config["morph_to"] and (values["loop"] or not values["seconds"]):
        raise UserError("--morph_to: a morph needs an end, and so --seconds above 0 and no --loop.")
    messages.doing("reading")
    references, rate = read_inputs(config["inputs"], reference_check(recipe))
    mixtures.check_mixture(config, recipe, rate)
    messages.doing(messages.FITTING)
    with naming_flag("views"):
        style = streaming.fit_style(
            recipe, references, sample_rate=rate, **mixtures.mixture_options(config)
        )
    references = [audio.resample(wave, rate, style.sample_rate) for wave in references]
    return style, config, references, record


def _load(
    values: Mapping[str, Any], given: Collection[str]
) -> tuple[streaming.Style, dict[str, Any]]:
    """The style of --target with the choices that flags change, and its part of the config."""
    path = values["target"]
    with naming_flag("target"):
        style = streaming.load_style(path)
        style = style._replace(recipe=_with_open_choices(values, given, style.recipe))
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
