"""Flags that do nothing in a run are refused before it begins.

Only flags that were given are judged, on the command line or by --sweep; choices of a recipe's own
may have no effect.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from absl import flags

from audio_texture import effects, recipes
from launch import cli

# What says where and how, not what: these go with --config.
PLACES = ("config", "output_dir", "overwrite", "max_seconds", "checkpoint_every", "resume")
RECIPE_FLAGS = (
    "recipe",
    *(field.name for field in dataclasses.fields(recipes.Recipe) if field.name not in cli.FIXED),
)

# Flags of the sounds that a mixture is made of, and of how.
OF_MIXTURE = (
    "input",
    "input_start",
    "input_seconds",
    "weights",
    "morph_to",
    "bands",
    "crossover_hz",
)


def given(name: str) -> bool:
    """Whether the user gave a flag."""
    return name in flags.FLAGS and bool(flags.FLAGS[name].present)


def names() -> list[str]:
    """All flags that the user gave."""
    return [name for name in flags.FLAGS if given(name)]


def refuse(reasons: Mapping[str, str]) -> None:
    """UserError for the first flag that does nothing. reasons: by flag."""
    for name, reason in reasons.items():
        raise cli.UserError(f"--{name}: has no effect here: {reason}.")


def refuse_if(conditions: Mapping[str, tuple[bool, str]]) -> None:
    """UserError for the first flag that was given under a condition; conditions: of each flag,
    with the reason in words."""
    refuse(
        {name: reason for name, (without, reason) in conditions.items() if without and given(name)}
    )


def refuse_beside_config(decides: Sequence[str]) -> None:
    """UserError for a flag that --config has a value for.

    decides: flags of this program, beside those of a recipe, that decide about samples.
    """
    for name in (*RECIPE_FLAGS, *decides):
        if given(name):
            raise cli.UserError(
                f"--{name}: --config={flags.FLAGS.config!r} has a value for it; leave "
                f"--{name} or --config out."
            )


def check_run_flags() -> None:
    """UserError for flags of where and how that do nothing beside others."""
    refuse_if({"overwrite": (flags.FLAGS.resume, "--resume goes on with the run that is there")})


def of_recipe(
    values: Mapping[str, Any],
    recipe: recipes.Recipe,
    flag_names: Iterable[str],
    *,
    program: str,
    mixed: bool = False,
) -> dict[str, str]:
    """Those of the named flags that set a choice without effect, with the reason; values: of all
    flags; see `effects.without_effect`.

    A value without which the other choices would not go together is needed, and so is none of them.
    """
    found = effects.without_effect(recipe, flag_names, program=program, mixed=mixed)
    base = cli.base_recipe(dict(values), task=recipe.task) if found else recipe

    def needed(name):
        if name == "seed":
            return False
        try:
            recipe.replace(**{name: getattr(base, name)})
        except ValueError:
            return True
        return False

    return {name: reason for name, reason in found.items() if not needed(name)}


def of_sources(sources: Mapping[str, Sequence[str]], flag_names: Iterable[str]) -> dict[str, str]:
    """Those of the named flags that say which part of a sound to use where all are embedded.

    sources: by the flag that names them.
    """
    whole = {
        flag: entries
        for flag, entries in sources.items()
        if all(entry.startswith(cli.EMBEDDED) for entry in entries)
    }
    parts = {f"{flag}_{part}" for flag in whole for part in ("start", "seconds")}
    return {
        name: f"it is for files, and an embedded sound ({cli.EMBEDDED}NAME) is used whole"
        for name in flag_names
        if name in parts
    }


def of_mixture(config: Mapping[str, Any], flag_names: Iterable[str]) -> dict[str, str]:
    """Those of the named flags that say how sounds are mixed where there is one."""
    if len(config["inputs"]) > 1:
        return {}
    return {name: "there is one input" for name in flag_names if name in ("weights", "morph_to")}


def is_mixed(config: Mapping[str, Any]) -> bool:
    """Whether several sounds of a configuration share all frequencies."""
    by_bands = any(entry.get("band") for entry in config["inputs"])
    return config.get("morph_to") is not None or (
        not by_bands and sum(weight > 0 for weight in config["weights"]) > 1
    )
