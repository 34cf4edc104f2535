"""Refuses flags that do nothing in a run, before it begins.

Only flags that the user gave are judged, on the command line or by --sweep; a recipe's own choices
may be without effect. In all functions, given: names of the flags on the command line.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from audio_texture import effects, recipes
from launch.errors import UserError
from launch.flags import base_recipe, recipe_flags
from launch.inputs import EMBEDDED


def refuse(reasons: Mapping[str, str]) -> None:
    """UserError for the first flag that does nothing. reasons: by flag."""
    for name, reason in reasons.items():
        raise UserError(f"--{name}: has no effect here: {reason}.")


def refuse_if(given: Collection[str], conditions: Mapping[str, tuple[bool, str]]) -> None:
    """UserError for the first given flag that does nothing.

    conditions: by flag: whether it does nothing, and the reason.
    """
    refuse(
        {
            name: reason
            for name, (useless, reason) in conditions.items()
            if useless and name in given
        }
    )


def refuse_beside_config(given: Collection[str], config: str, decides: Sequence[str]) -> None:
    """UserError for a flag that the file of --config has a value for.

    Args:
      given: names of the flags on the command line.
      config: the value of --config.
      decides: the program's own flags that decide about samples, besides those of a recipe.
    """
    for name in (*recipe_flags(), *decides):
        if name in given:
            raise UserError(
                f"--{name}: --config={config!r} has a value for it; leave --{name} or --config out."
            )


def check_run_flags(values: Mapping[str, Any], given: Collection[str]) -> None:
    """UserError for --overwrite beside --resume. values: of all flags."""
    refuse_if(given, {"overwrite": (values["resume"], "--resume goes on with the run there")})


def useless_recipe_flags(
    values: Mapping[str, Any],
    recipe: recipes.Recipe,
    names: Iterable[str],
    *,
    program: str,
    mixed: bool = False,
) -> dict[str, str]:
    """The flags that set a choice without effect, with the reason. Flags without which the recipe
    would be refused are needed, and are left out.

    Args:
      values: of all flags.
      recipe: that the flags make.
      names: of the flags to judge.
      program: the program that runs the recipe, as `effects.without_effect` names it.
      mixed: whether several sounds share all frequencies.
    """
    reasons = effects.without_effect(recipe, names, program=program, mixed=mixed)
    base = base_recipe(values, task=recipe.task) if reasons else recipe

    def is_needed(name):
        if name == "seed":
            return False
        try:
            recipe.replace(**{name: base.choice(name)})
        except ValueError:
            return True
        return False

    useless = {name: reason for name, reason in reasons.items() if not is_needed(name)}
    if recipe.is_direct:
        budgets = sorted({"max_seconds", "checkpoint_every"} & set(names))
        useless |= dict.fromkeys(budgets, "the recipe optimises nothing")
    return useless


def useless_part_flags(
    sources: Mapping[str, Sequence[str]], names: Iterable[str]
) -> dict[str, str]:
    """The flags --NAME_start and --NAME_seconds where all sounds of --NAME are built in, with the
    reason.

    Args:
      sources: sounds by the flag that names them.
      names: of the flags to judge.
    """
    embedded = [
        flag
        for flag, entries in sources.items()
        if all(entry.startswith(EMBEDDED) for entry in entries)
    ]
    parts = {f"{flag}_{part}" for flag in embedded for part in ("start", "seconds")}
    return {
        name: f"it is for files, and a built-in sound ({EMBEDDED}NAME) is used whole"
        for name in names
        if name in parts
    }


def useless_mixture_flags(config: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    """The flags that say how sounds are mixed where there is one sound, with the reason."""
    if len(config["inputs"]) > 1:
        return {}
    return {name: "there is one input" for name in names if name in ("weights", "morph_to")}
