"""A run's configuration, config.json: everything that its samples depend on."""

import contextlib
import json
import os
from collections.abc import Collection, Mapping
from typing import Any

from audio_texture import paths, recipes
from launch.errors import naming_flag
from launch.flags import recipe_flags, recipe_from_values
from launch.mixtures import mixture_from_values
from launch.versions import versions

CONFIG, METRICS = "config.json", "metrics.jsonl"

_TEXTURE_TYPES = {
    "inputs": list,
    "weights": list,
    "seconds": (int, float),
    "seed": int,
    "samples": int,
    "output_format": str,
    "recipe": dict,
}


def read_json(path: str) -> Any:
    """The value in a JSON file. ValueError where the file is missing or not JSON."""
    paths.check_file(path, "JSON file")
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path!r} is not a JSON file that can be read ({error}).") from error


def has_entry(path: str, name: str) -> bool:
    """Whether a configuration has an entry; False where the file cannot be read.

    Args:
      path: of its config.json.
      name: of the entry.
    """
    with contextlib.suppress(ValueError):
        config = read_json(path)
        return isinstance(config, dict) and name in config
    return False


def with_earlier(
    values: Mapping[str, Any], given: Collection[str], decides: Collection[str]
) -> dict[str, Any]:
    """All flags; with --resume and no flag that decides about samples, --config is the
    configuration of the run in --output_dir, so that nothing need be said twice.

    Args:
      values: of all flags.
      given: names of the flags on the command line.
      decides: the program's own flags that decide about samples, besides those of a recipe.
    """
    path = earlier_path(values, given, decides)
    return {**values, "config": path} if path and values["config"] is None else dict(values)


def earlier_path(
    values: Mapping[str, Any], given: Collection[str], decides: Collection[str]
) -> str | None:
    """The configuration that --resume alone goes on with, None where there is none; see
    `with_earlier`.
    """
    path = os.path.join(values["output_dir"], CONFIG)
    if {*decides, *recipe_flags()} & set(given) or not (values["resume"] and os.path.exists(path)):
        return None
    return path


def texture_config(values: Mapping[str, Any], given: Collection[str] = ()) -> dict[str, Any]:
    """The configuration of launch.texture: of the run that --config names, or of the flags.

    Args:
      values: of all flags.
      given: names of the flags on the command line.
    """
    if values["config"] is not None:
        return config_of_file(values["config"], _TEXTURE_TYPES, given=given)
    recipe = recipe_from_values(values)
    mixture = mixture_from_values(values, given)
    plain = {name: values[name] for name in ("seconds", "seed", "samples", "output_format")}
    return {**mixture, **plain, "recipe": recipe.to_json(), "versions": versions()}


def config_of_file(
    path: str, types: Mapping[str, Any], *, task: str = "texture", given: Collection[str] = ()
) -> dict[str, Any]:
    """An earlier run's configuration, with today's versions. UserError where it does not fit.

    Args:
      path: of its config.json.
      types: of the entries that it must have.
      task: of its recipe.
      given: names of the flags on the command line: --config, or --resume alone.
    """
    with naming_flag("config" if "config" in given else "resume"):
        config = read_json(path)
        for name, kind in types.items():
            if not isinstance(config, dict) or not isinstance(config.get(name), kind):
                raise ValueError(
                    f"{path!r} is not the configuration of such a run: {name!r} is missing or of "
                    "another type."
                )
        recipe = recipes.Recipe.from_json(config["recipe"])
        if recipe.task != task:
            raise ValueError(f"{path!r} is the configuration of a {recipe.task}, not of a {task}.")
        return {**config, "recipe": recipe.to_json(), "versions": versions()}
