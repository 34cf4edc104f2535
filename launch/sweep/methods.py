"""Every recipe as one axis of a sweep: their names, their sizes on a CPU, their commands."""

import shlex
from collections.abc import Mapping
from typing import Any

import jax

from audio_texture import recipes
from launch import command
from launch.sweep.sweep_flags import Sweep

ALL = "all"


def sweeps_all(sweep: Sweep) -> bool:
    """Whether the sweep is over all recipes (--sweep=recipe=all)."""
    pairs = [text.partition("=") for text in sweep.values["sweep"] or []]
    return any((name.strip(), value.strip()) == ("recipe", ALL) for name, _, value in pairs)


def names(sweep: Sweep) -> list[str]:
    """The recipes of the program that is swept."""
    return recipes.names(sweep.steps.STEM)


def cpu_sizes(sweep: Sweep, recipe: str, fixed: Mapping[str, Any]) -> dict[str, Any]:
    """Choices that let a recipe finish on a CPU in a minute, in a sweep over all recipes; none
    where it does so as published, where there is a GPU, and for flags that the user has set.

    Args:
      sweep: what the user asked for.
      recipe: its name.
      fixed: flags that are swept.
    """
    if not sweeps_all(sweep) or jax.default_backend() != "cpu":
        return {}
    sizes = recipes.CPU_SIZES.get(recipe, {})
    return {name: v for name, v in sizes.items() if name not in {*sweep.given, *fixed}}


def describe_sizes(recipe: str, sizes: Mapping[str, Any]) -> str:
    """The choices of `cpu_sizes` beside those of the recipe.

    Example:
      >>> describe_sizes("paper-1d", {"filters": 512})
      'filters 512 of 4096'
    """
    if not sizes:
        return ""
    full = recipes.named(recipe)
    small = full.replace(**sizes)
    return ", ".join(
        f"{name} {_format(small.choice(name))} of {_format(full.choice(name))}" for name in sizes
    )


def _format(value: Any) -> str:
    """A choice as a reader compares it: of views the widths of their kernels."""
    if not isinstance(value, tuple):
        return str(value)
    return " ".join(str(view).partition(":")[2] for view in value)


def run_command(sweep: Sweep, values: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """The command that makes a run by itself, as a line for a shell.

    Args:
      sweep: what the user asked for.
      values: of all flags of the program that is swept.
      names: of the flags that the run needs, and their values as text where they are swept.
    """
    flags = []
    for name, text in names.items():
        value = values[name]
        if isinstance(value, bool):
            flags.append(f"--{name}" if value else f"--no{name}")
        elif isinstance(value, list) and name in sweep.steps.SOURCES:
            flags += [f"--{name}={entry}" for entry in value]
        else:
            flags.append(f"--{name}={text or _as_flag(value)}")
    return shlex.join([*command.program_words(sweep.steps.STEM), *flags])


def _as_flag(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
