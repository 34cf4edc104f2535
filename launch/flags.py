"""Flags that several programs share, and the recipe that they describe."""

import types
from collections.abc import Mapping, Sequence
from typing import Any

from audio_texture import choices, config, recipes, sounds, views
from launch.errors import Finished, UserError, flag_line, naming_flag
from launch.flag_set import FlagSet
from launch.inputs import EMBEDDED
from launch.messages import show

CROSSOVER_HZ = ("1000",)
# What help calls the values of a choice, by the function that parses one of them.
_VALUES = {choices.number: "N,N,...", choices.Tap.parse: "LAYERS", views.View.parse: "VIEWS"}

# Flags for the sounds in a mixture and for how they are mixed.
OF_MIXTURE = (
    "input",
    "input_start",
    "input_seconds",
    "weights",
    "morph_to",
    "bands",
    "crossover_hz",
)


def recipe_flags() -> tuple[str, ...]:
    """The names of --recipe and of the flags for a recipe's choices."""
    return ("recipe", *config.CHOICES)


def define_recipe_flags(
    flag_set: FlagSet,
    default: str = "texture",
    *,
    several: Sequence[str] = (),
    texts: Mapping[str, str] = types.MappingProxyType({}),
) -> None:
    """Defines a flag for each choice of a recipe; its default is the recipe's own value.

    Args:
      flag_set: where the flags are defined.
      default: the recipe's name.
      several: choices that take several values, which make several results.
      texts: what choices set, where it is not what they set in other programs.
    """
    flag_set.define_string(
        "recipe", default, "Named set of choices; --recipe=help lists them.", value="NAME"
    )
    defined = {
        bool: flag_set.define_boolean,
        int: flag_set.define_integer,
        float: flag_set.define_float,
    }
    for name, choice in config.CHOICES.items():
        text = texts.get(name, choice.meaning)
        if name in several:
            text += " Several, between commas, make several results."
            flag_set.define_list(name, None, text)
        elif choice.options:
            flag_set.define_enum(name, None, choice.options, text)
        elif name in ("weights_file", "start_generator"):
            flag_set.define_path(name, None, text, optional=True)
        elif choice.type in (str, tuple):
            parse = choice.field.metadata["parse"]
            flag_set.define_string(name, None, text, value=_VALUES.get(parse, "TEXT"))
        else:
            defined[choice.type](name, None, text)


def recipe_from_values(values: Mapping[str, Any], *, task: str = "texture") -> recipes.Recipe:
    """The named recipe with the choices that flags were given for, except those of several values.

    A recipe of another task is refused. One exception: a transfer takes its style distance from
    any texture's recipe, with weight 1.
    """
    recipe = base_recipe(values, task=task)
    chosen = {
        name: values[name]
        for name in recipe_flags()[1:]
        if values.get(name) is not None and not isinstance(values[name], list)
    }
    try:
        return recipe.replace(**chosen)
    except ValueError as error:
        # The choice that is wrong may be the recipe's own: then a flag that clashes with it is
        # named.
        involved = (getattr(error, "field", ""), *getattr(error, "others", ()))
        flag = next((name for name in involved if name in chosen), list(chosen)[-1])
        raise UserError(flag_line(flag, error)) from error


def base_recipe(values: Mapping[str, Any], *, task: str) -> recipes.Recipe:
    """The recipe that --recipe and --weights_file alone make. `--recipe=help` lists all recipes and
    raises Finished.
    """
    if values["recipe"] == "help":
        for recipe in sorted(recipes.RECIPES.values(), key=lambda recipe: recipe.task != task):
            if recipe.task in (task, "texture"):
                show(f"{recipe.name:20} {recipe.summary}")
        raise Finished
    with naming_flag("recipe"):
        recipe = recipes.named(values["recipe"])
        if recipe.task != task:
            if task != "transfer":
                raise ValueError(
                    f"{recipe.name!r} is for launch.transfer; for this program there are "
                    f"{', '.join(recipes.names(task))}."
                )
            recipe = recipes.for_transfer(recipe)
    if values["weights_file"]:
        with naming_flag("weights_file"):
            recipe = recipes.from_weights(recipe, values["weights_file"])
    return recipe


def define_seed_flag(flag_set: FlagSet, text: str) -> None:
    """Defines --seed."""
    flag_set.define_integer("seed", 0, text, lower_bound=0, upper_bound=2**31 - 1)


def define_output_flags(flag_set: FlagSet, program: str, contents: str = "the results") -> None:
    """Defines --output_dir and --overwrite. contents: of the folder, in words."""
    text = f"Folder for {contents}."
    flag_set.define_path("output_dir", f"output/{program}", text, folder=True)
    define_overwrite_flag(flag_set)


def define_overwrite_flag(flag_set: FlagSet) -> None:
    """Defines --overwrite."""
    flag_set.define_boolean("overwrite", False, "Replace an earlier run in --output_dir.")


def define_resume_flag(flag_set: FlagSet) -> None:
    """Defines --resume of the programs that keep checkpoints."""
    text = "Go on with the interrupted run in --output_dir."
    flag_set.define_boolean("resume", False, text)


def define_run_flags(flag_set: FlagSet, program: str, seeds: str) -> None:
    """Defines the flags of every program that optimises. seeds: what another seed makes."""
    define_seed_flag(flag_set, f"Seed of the random start; {seeds}.")
    text = "File format of the results."
    flag_set.define_enum("output_format", "wav", ["wav", "flac", "ogg"], text)
    flag_set.define_path(
        "config",
        None,
        "config.json of an earlier run, to make the same samples again. Flags that it already sets "
        "are refused.",
    )
    define_output_flags(flag_set, program)
    flag_set.define_float(
        "max_seconds",
        float("inf"),
        "Longest time for one result's optimisation, in seconds by the clock. What is made by "
        "then is written.",
        lower_bound=0,
    )
    flag_set.define_integer(
        "checkpoint_every",
        0,
        "Evaluations between checkpoints, from which --resume goes on after a crash. 0 keeps one "
        "only on Ctrl-C.",
        lower_bound=0,
    )
    define_resume_flag(flag_set)


def define_input_flags(flag_set: FlagSet, several: str = "") -> None:
    """Defines the flags for the sounds that a program starts from. several: what they make."""
    flag_set.define_paths(
        "input",
        [f"{EMBEDDED}fire"],
        f"Sound file, or a built-in sound such as {EMBEDDED}rain; repeat for "
        f"{several or 'several'}. Built in are {', '.join(sounds.SOUNDS)}.",
    )
    flag_set.define_float(
        "input_start", 0.0, "Where in the file to begin, in seconds.", lower_bound=0
    )
    flag_set.define_float(
        "input_seconds",
        10.0,
        "How much of the file to use at most, in seconds.",
        lower_bound=0.01,
        upper_bound=30,
    )


def define_mixture_flags(flag_set: FlagSet) -> None:
    """Defines the flags for how several inputs make a single sound."""
    flag_set.define_list(
        "weights",
        None,
        "Shares of the inputs in a mixture, such as 2,1. Equal if left out, which gives a sound "
        "about equally far from all of them.",
    )
    flag_set.define_list(
        "morph_to",
        None,
        "Shares of the inputs at the end of a morph, such as 0,1; those of --weights are at its "
        "beginning. In between they change evenly; the first and the last fifth of the length, "
        "at most 2 s, keep theirs.",
    )
    flag_set.define_list(
        "bands",
        None,
        "A sound for each band of frequencies, in place of --input: low:FILE,high:FILE or "
        "low:FILE,mid:FILE,high:FILE.",
    )
    flag_set.define_list(
        "crossover_hz",
        None,
        f"Where the bands of --bands meet, in Hz; {CROSSOVER_HZ[0]} if left out. Three bands need "
        "two values, rising.",
    )
