"""The plan of a sweep: the values of the swept flags, all runs, and the programs to compile."""

import functools
import hashlib
import itertools
import json
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

from audio_texture import recipes
from launch import flag_checks
from launch.errors import UserError, naming_flag
from launch.plurals import count
from launch.sweep import methods
from launch.sweep.ranges import match_sounds, parse_sweep
from launch.sweep.sweep_flags import Sweep

# Flags that decide where and how a run works, not what it makes: they cannot be swept.
FIXED = (
    "config",
    "output_dir",
    "overwrite",
    "max_seconds",
    "checkpoint_every",
    "resume",
    "samples",
    "output_format",
)

# The values that each swept flag takes, as text.
Axes = dict[str, list[str]]


class Run(NamedTuple):
    """A planned run.

    Attributes:
      name: of its folder.
      values: of the swept flags, as text.
      config: as in config.json.
      digest: of the configuration without versions.
      make_command: returns the command that makes it by itself, as a line for a shell.
      size: how it is smaller than its recipe, in words; empty where it is not.
    """

    name: str
    values: dict[str, str]
    config: dict[str, Any]
    digest: str
    make_command: Callable[[], str] = str
    size: str = ""


def find_sounds(sweep: Sweep) -> dict[str, list[str]]:
    """The files of each flag that names sounds. UserError for a pattern that matches none."""
    matches = {}
    for name in sweep.steps.SOURCES:
        value = sweep.values[name]
        with naming_flag(name):
            matches[name] = match_sounds(value if isinstance(value, list) else [value])
    return matches


def find_axes(sweep: Sweep) -> Axes:
    """The swept flags and their values: sounds first, so that each recording is read once.
    UserError for an invalid --sweep.
    """
    allowed = [name for name in sweep.flag_set.names() if name not in FIXED]
    axes = {
        name: files
        for name, files in find_sounds(sweep).items()
        if len(files) > 1 and not sweep.values["mixture"]
    }
    for text in sweep.values["sweep"] or ([] if axes else ["seed=0:3"]):
        with naming_flag("sweep"):
            name, texts = parse_sweep(text, sweep.flag_set, allowed)
            if name in sweep.steps.SOURCES:
                texts = match_sounds(texts)
            if name == "recipe" and texts == [methods.ALL]:
                texts = methods.names(sweep)
            if name in axes:
                raise ValueError(f"{name!r} is swept twice.")
        axes[name] = texts
    return axes


def check_axes(sweep: Sweep, axes: Axes) -> None:
    """UserError for flags of a sweep that do nothing beside the swept ones."""
    transferred = sweep.values["program"] == "transfer"
    mixed = len(find_sounds(sweep).get("input", [])) > 1
    flag_checks.refuse_if(
        sweep.given,
        {
            "mixture": (not mixed, "there are not several --input to mix"),
            "quality": (
                sweep.values["mixture"] and mixed,
                "mixtures are not judged: a mixture should not be like any of its inputs",
            ),
            "heldout": (
                transferred or mixed and sweep.values["mixture"] or not sweep.values["quality"],
                "it judges textures of one recording each, with --quality",
            ),
            "sweep_mode": (len(axes) < 2, f"one flag is swept, {next(iter(axes), '')}"),
        },
    )
    swept = {text.partition("=")[0].strip() for text in sweep.values["sweep"] or []}
    reason = "it is swept, and every run has a value of --sweep"
    flag_checks.refuse({name: reason for name in sorted(swept) if name in sweep.given})


def plan_runs(sweep: Sweep, axes: Axes) -> list[Run]:
    """All runs. UserError, naming flag and value, where a value or a combination is invalid."""
    if sweep.values["sweep_mode"] == "zip":
        if len({len(texts) for texts in axes.values()}) > 1:
            counts = ", ".join(f"{len(texts)} of {name}" for name, texts in axes.items())
            raise UserError(
                f"--sweep_mode: zip needs equally many values of each; there are {counts}."
            )
        combinations = zip(*axes.values(), strict=True)
    else:
        combinations = itertools.product(*axes.values())
    base = {name: sweep.values[name] for name in sweep.flag_set.names()}
    base |= {
        name: files if isinstance(base[name], list) else files[0]
        for name, files in find_sounds(sweep).items()
    }
    parsed = {
        name: {text: _parse_value(sweep, name, text) for text in texts}
        for name, texts in axes.items()
    }
    runs, run_values = [], []
    for number, texts in enumerate(combinations):
        swept = dict(zip(axes, texts, strict=True))
        recipe = str(swept.get("recipe", sweep.values["recipe"]))
        sizes = methods.cpu_sizes(sweep, recipe, swept)
        values = base | sizes | {name: parsed[name][text] for name, text in swept.items()}
        config = sweep.steps.configure(values, sweep.given)
        text = json.dumps({**config, "versions": None}, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        own = {**dict.fromkeys(sizes, ""), **swept}
        make_command = functools.partial(_describe_command, sweep, values, config, own)
        size = methods.describe_sizes(recipe, sizes)
        runs.append(Run(f"{number:05d}-{digest[:8]}", swept, config, digest, make_command, size))
        run_values.append(values)
    _refuse_useless_flags(sweep, axes, runs, run_values)
    return runs


def _describe_command(
    sweep: Sweep, values: dict[str, Any], config: dict[str, Any], own: dict[str, str]
) -> str:
    """The command of a run, with the flags that have an effect in it. own: those that this run has
    values of, as text where they are swept.
    """
    decides = set(sweep.flag_set.names()) - set(FIXED) | {"output_format"}
    given = sorted(decides & set(sweep.given))
    names = dict.fromkeys(given, "") | own
    useless = sweep.steps.useless_flags(values, config, list(names))
    needed = {name: text for name, text in names.items() if name not in useless}
    return methods.run_command(sweep, values, needed)


def _parse_value(sweep: Sweep, name: str, text: str) -> Any:
    """A flag's value for a text, as on the command line of the swept program."""
    if name in sweep.steps.SOURCES and isinstance(sweep.values[name], list):
        return [text]
    with naming_flag("sweep"):
        try:
            return sweep.flag_set.parse_value(name, text)
        except ValueError as error:
            raise ValueError(f"{name}={text}: {error}") from error


def _refuse_useless_flags(
    sweep: Sweep, axes: Axes, runs: Sequence[Run], run_values: Sequence[dict[str, Any]]
) -> None:
    """UserError for a flag, given or swept, that does nothing in any of the runs."""
    names = [name for name in dict.fromkeys([*axes, *sweep.given]) if name in run_values[0]]
    reasons: dict[str, str] = dict.fromkeys(names, "")
    for run, values in zip(runs, run_values, strict=True):
        reasons_here = sweep.steps.useless_flags(values, run.config, list(reasons))
        reasons = {
            name: reason or reasons_here[name]
            for name, reason in reasons.items()
            if name in reasons_here
        }
        if not reasons:
            return
    for name, reason in reasons.items():
        flag = "sweep" if name in axes else name
        raise UserError(f"--{flag}: {name} has no effect here: {reason}.")


def group_runs(
    runs: Sequence[Run], steps: Any, *, heldout: bool = False
) -> tuple[dict[Hashable, list[Run]], dict[str, str]]:
    """Returns the runs by the compiled programs they need, and the errors of runs that cannot be
    made, by run name.

    Args:
      runs: all runs.
      steps: module of the steps of the program that is swept.
      heldout: whether results will be judged by `steps.read_heldout`.
    """
    groups: dict[Hashable, list[Run]] = {}
    failures = {}
    # Sounds are read and checked once for all runs that differ in seeds and numbers alone.
    known: dict[Hashable, tuple[Hashable, str]] = {}
    structures: dict[str, recipes.Recipe] = {}
    for run in runs:
        recipe = json.dumps(run.config["recipe"], sort_keys=True)
        if recipe not in structures:
            structures[recipe] = recipes.Recipe.from_json(run.config["recipe"]).static_config()
        request = (
            structures[recipe],
            json.dumps({**run.config, "recipe": None, "seed": None}, sort_keys=True),
        )
        if request not in known:
            try:
                known[request] = steps.compile_key(run.config, *steps.read(run.config)), ""
                if heldout:
                    steps.read_heldout(run.config)
            except UserError as error:
                known[request] = None, str(error)
        key, message = known[request]
        if message:
            failures[run.name] = message
        else:
            groups.setdefault(key, []).append(run)
    return groups, failures


def describe(
    axes: Axes, groups: dict[Hashable, list[Run]], failures: dict[str, str], *, mode: str
) -> str:
    """The plan as text. mode: of the sweep, grid or zip."""
    total = sum(map(len, groups.values())) + len(failures)
    over = ", ".join(f"{count(len(texts), 'value')} of {name}" for name, texts in axes.items())
    summary = f"{count(total, 'run')} over {over} ({mode})"
    lines, programs = [], 0
    for group in groups.values():
        config = group[0].config
        is_direct = recipes.Recipe.from_json(config["recipe"]).is_direct
        programs += not is_direct
        title = "in one pass" if is_direct else f"program {programs}"
        varied = [name for name in axes if len({run.values[name] for run in group}) > 1]
        over = f", over {', '.join(varied)}" if varied else ""
        length = f" of {config['seconds']:g} s" if "seconds" in config else ""
        size = f" ({group[0].size})" if group[0].size else ""
        recipe = config["recipe"]["name"]
        runs = count(len(group), "run")
        lines.append(f"{title}: {runs}{length} by the recipe {recipe}{size}{over}")
    lines += [f"run {name} cannot be made: {message}" for name, message in failures.items()]
    return "\n".join([f"{summary}; programs to compile: {programs}", *lines])
