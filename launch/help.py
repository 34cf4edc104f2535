"""What --help and --helpfull show: a program in a sentence, commands, flags with their defaults."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from audio_texture import config, effects, generator_training, recipes
from audio_texture.terms import TERMS
from launch import command
from launch.flag_set import FlagSet
from launch.flags import base_recipe

WIDTH, COLUMN, LONGEST_FORM = 80, 24, 40
# Stands for a blank at which a line is not broken.
_JOINED = "\0"
# Commands that --help shows at most.
MOST_COMMANDS = 4
# The flags that --help explains, in the order in which a person needs them.
FIRST_FLAGS = {
    "texture": "input seconds output_dir recipe samples seed input_start input_seconds evaluations "
    "novelty time_scale resume",
    "transfer": "content style generator style_weight output_dir recipe content_seconds "
    "style_seconds seed evaluations rhythm_weight resume",
    "stream": "input seconds loop output_dir output recipe seed input_seconds evaluations "
    "save_target target generator resume",
    "generate": "input contents train_seconds seconds page output_dir generator weights recipe "
    "seed input_start input_seconds resume",
    "sweep": "program input content style sweep sweep_mode seconds output_dir recipe dry_run "
    "quality heldout shard resume",
    "evaluate": "reference candidate heldout output_dir overwrite",
    "insights": "quick figure data seeds vgg19 output_dir overwrite resume",
    "train": "data network filters folds epochs batch learning_rate seed output_dir "
    "checkpoint_every resume",
    "benchmark": "cases input output_dir overwrite",
}
# The groups of --helpfull, in its order; a recipe's choices have a group for each stage.
BEFORE_STAGES = {
    "What is read": "input input_start input_seconds content content_start content_seconds style "
    "style_start style_seconds contents target generator config",
    "Mixtures": "weights morph_to bands crossover_hz",
    "What is made": "recipe seconds position loop samples seed",
    "Training": "train_seconds width",
    "The sweep": "program sweep sweep_mode mixture quality heldout batch dry_run",
    "Shares of a sweep, for several processes": "shard distributed coordinator processes process",
}
AFTER_STAGES = {
    "What is written": "output_dir output output_format save_target page export cache_dir "
    "overwrite",
    "Stopping and going on": "max_seconds checkpoint_every resume",
}
# The same for programs without recipes, before `AFTER_STAGES`.
OWN_GROUPS = {
    "evaluate": {"What is read": "reference candidate heldout"},
    "insights": {"What is read": "data vgg19", "What is run": "figure quick seeds"},
    "train": {
        "What is read": "data",
        "Spectrograms that are classified": "sample_rate seconds n_fft hop_length bands",
        "Network": "network filters width pool readout",
        "Training": "folds epochs batch learning_rate secondary_classes shift gain_db seed",
    },
    "benchmark": {"What is measured": "cases input"},
}
STAGES = {
    "signal": "Signal",
    "analysis": "Views: spectrograms that networks see",
    "network": "Networks over each view",
    "canvas": "Canvas: what is optimised, and its start",
    "terms": "Terms of the loss, and their weights",
    "transfer": "For transfers only",
    "matching": "Lengths over which statistics are matched, and norms",
    "optimiser": "Optimiser",
    "phase": "Phase recovery, for a spectrogram canvas",
    "classical": "Methods that make the sound in one pass",
}


def first_help(
    program: str, docstring: str, flag_set: FlagSet, arguments: Sequence[str] = ()
) -> str:
    """What --help shows: the flags that a person needs first.

    Args:
      program: its name.
      docstring: of its module.
      flag_set: its flags.
      arguments: of the command line; --recipe there decides which defaults are shown, and, where
        it optimises nothing, which of its choices.
    """
    sentence, *rest = docstring.strip().split("\n\n")
    defaults, recipe_name, recipe = _read_defaults(program, flag_set, arguments)
    names = FIRST_FLAGS[program].split()
    if recipe and recipe.is_direct:
        useless = effects.without_effect(recipe, names, program=recipe.task)
        names = [name for name in names if name not in useless]
        names[-1:-1] = recipe.options()
    names = [name for name in names if name in flag_set.names()]
    lines = [_fill(sentence), ""]
    for block in _command_blocks(program, rest):
        if sum(line.startswith("    ") for line in lines) + len(block) - 1 <= MOST_COMMANDS:
            lines += block
    lines += [
        "",
        f"Flags, with the defaults of --recipe={recipe_name}:" if recipe_name else "Flags:",
    ]
    for name in names:
        text = flag_set.description(name).partition(". ")[0].removesuffix(".")
        lines += _describe_flag(flag_set.form(name), text, defaults.get(name, ""))
    total = len(flag_set.names())
    if total > len(names):
        lines += ["", f"--helpfull explains all {total} flags, by stage."]
    if recipe_name:
        lines.append("--recipe=help lists the recipes; --recipe=NAME --help shows NAME's defaults.")
    return "\n".join(lines)


def full_help(
    program: str, docstring: str, flag_set: FlagSet, arguments: Sequence[str] = ()
) -> str:
    """What --helpfull shows: all flags, by stage. Arguments as of `first_help`."""
    defaults, recipe_name, _ = _read_defaults(program, flag_set, arguments)
    lines = []
    for part in docstring.strip().split("\n\n"):
        blocks = [line for block in _command_blocks(program, [part]) for line in block]
        lines += [*(blocks or [_fill(part)]), ""]
    if recipe_name:
        lines += [f"Defaults are those of --recipe={recipe_name}.", ""]
    for title, names in group_flags(program, flag_set.names()).items():
        lines.append(f"{title}:")
        for name in names:
            text = flag_set.description(name).removesuffix(".")
            lines += _describe_flag(flag_set.form(name), text, defaults.get(name, ""))
        lines.append("")
    return "\n".join(lines[:-1])


def group_flags(program: str, names: Sequence[str]) -> dict[str, list[str]]:
    """The names of a program's flags by title of their group, in the order of help.

    Example:
      >>> group_flags("texture", ["evaluations", "seed", "tolerance"])
      {'What is made': ['seed'], 'Optimiser': ['evaluations', 'tolerance']}
    """
    first = OWN_GROUPS.get(program, BEFORE_STAGES)
    stages: dict[str, list[str]] = {title: [] for title in STAGES.values()}
    for name, choice in config.CHOICES.items():
        stages[STAGES["terms" if choice.stage in TERMS else choice.stage]].append(name)
    groups = {title: group.split() for title, group in first.items()}
    groups |= stages if program not in OWN_GROUPS else {}
    groups |= {title: group.split() for title, group in AFTER_STAGES.items()}
    placed = {name for group in groups.values() for name in group}
    groups["Others"] = [name for name in names if name not in placed]
    present = {title: [name for name in group if name in names] for title, group in groups.items()}
    return {title: group for title, group in present.items() if group}


def _read_defaults(
    program: str, flag_set: FlagSet, arguments: Sequence[str]
) -> tuple[dict[str, str], str | None, recipes.Recipe | None]:
    """The defaults of all flags as text, the recipe's name and the recipe; None without recipes.

    UserError where the recipe cannot be used.
    """
    values = {name: flag_set.default(name) for name in flag_set.names()}
    recipe_name, chosen = None, None
    if "recipe" in values:
        task = recipes.named(values["recipe"]).task
        given = {name: command.given_value(arguments, name) for name in ("recipe", "weights_file")}
        recipe_name = given["recipe"] or values["recipe"]
        chosen = base_recipe(given | {"recipe": recipe_name}, task=task)
        if program == "generate":
            chosen = generator_training.generator_recipe(chosen, chosen.choice("evaluations"))
        recipe = chosen.to_json()
        for name, choice in config.CHOICES.items():
            separator = choice.field.metadata["separator"] or " "
            values[name] = recipe[name]
            if choice.type is tuple:
                entries = separator.join(map(_format, recipe[name]))
                values[name] = re.sub(r"\.0\b", "", entries)
        if program == "generate":
            # --train_seconds decides.
            values["evaluations"] = None
    return {name: _format(value) for name, value in values.items()}, recipe_name, chosen


def _format(value: Any) -> str:
    """A default as text; empty where help needs none."""
    if value is None or value == []:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ",".join(map(str, value))
    if isinstance(value, float):
        return "no limit" if value == float("inf") else f"{value:g}"
    return str(value)


def _describe_flag(form: str, text: str, default: str) -> list[str]:
    """The lines on a flag. default: as text; empty where there is none."""
    head, options = f"  {form}", form.partition("=")[2]
    if len(head) > LONGEST_FORM:
        # Many options: they stand behind the text.
        head, text = head.replace(options, "NAME"), f"{text}. One of {options.replace('|', ', ')}"
    # A flag that only switches something on needs no default.
    if default and not (default == "no" and "=" not in form and "[no]" not in form):
        text += f" [default:{_JOINED}{default}]"
    lines = textwrap.wrap(text, WIDTH - COLUMN, break_on_hyphens=False, break_long_words=False)
    lines = [line.replace(_JOINED, " ") for line in lines]
    if len(head) < COLUMN - 1:
        return [head.ljust(COLUMN) + lines[0], *(" " * COLUMN + line for line in lines[1:])]
    return [head, *(" " * COLUMN + line for line in lines)]


def _fill(text: str) -> str:
    """Prose in lines of `WIDTH`; what has indented lines, such as a list, stays as it is."""
    return text if re.search(r"^ ", text, re.M) else textwrap.fill(text, WIDTH)


def _command_blocks(program: str, parts: Sequence[str]) -> Iterator[list[str]]:
    """Captions in a docstring, each with its commands, as the user would type them here."""
    words = command.program_line(program)
    for part in parts:
        if f"    python -m launch.{program}" not in part:
            continue
        # A command goes on where a line is indented further.
        block: list[str] = []
        for line in re.sub(r"\n {5,}", " ", part).split("\n"):
            if not line.startswith(" ") and block:
                yield block
                block = []
            line = line.replace(f"python -m launch.{program}", words)
            block.append(_break_command(line) if line.startswith(" ") else _fill(line))
        yield block


def _break_command(line: str) -> str:
    """A long command over several lines, which a shell takes as one."""
    lines = textwrap.wrap(
        line,
        WIDTH - 2,
        subsequent_indent=" " * 8,
        break_on_hyphens=False,
        break_long_words=False,
    )
    return line if len(line) <= WIDTH else " \\\n".join(lines)
