"""The programs by name: `python -m launch texture`, or the console script `audio-texture texture`.

Without a name, lists the programs.
"""

import ast
import difflib
import importlib.util
import sys
import textwrap
from typing import NoReturn

from launch import cli, command, interrupts, messages
from launch.sweep.__main__ import swept_program

PROGRAMS = (
    "texture",
    "stream",
    "transfer",
    "sweep",
    "evaluate",
    "insights",
    "train",
    "benchmark",
)


def main() -> NoReturn:
    """Runs the program that the arguments of this process name, and ends the process."""
    interrupts.end_at_once()
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in PROGRAMS:
        options = {"swept": swept_program(arguments)} if name == "sweep" else {}
        cli.run(command.PACKAGES.get(name, name), arguments, **options)
    if name in (*cli.HELP, "help"):
        messages.show(list_programs())
        sys.exit(0)
    if name in cli.VERSION:
        cli.show_version()
    if name.startswith("-"):
        line = f"{command.program_line('texture')} {name}"
        messages.say(f"error: {name}: name a program first, such as {line}")
    else:
        near = difflib.get_close_matches(name, PROGRAMS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(PROGRAMS)}."
        messages.say(f"error: {name!r} is no program; {hint}")
    sys.exit(2)


def list_programs() -> str:
    """The programs, each with what it does in a line."""
    texture = command.program_line("texture")
    lines = ["The programs of Audio Texture:", ""]
    for name in PROGRAMS:
        indent = f"  {name:10} "
        lines.append(
            textwrap.fill(
                _first_sentence(name), 80, initial_indent=indent, subsequent_indent=" " * 13
            )
        )
    lines += [
        "",
        f"{texture} --help explains one of them,",
        f"{texture} --input=rain.wav runs it.",
    ]
    return "\n".join(lines)


def _first_sentence(name: str) -> str:
    """What a program does, by its docstring; it is not imported, as that takes a second."""
    spec = importlib.util.find_spec(f"launch.{command.PACKAGES.get(name, name)}")
    assert spec and spec.origin
    with open(spec.origin, encoding="utf-8") as file:
        docstring = ast.get_docstring(ast.parse(file.read())) or ""
    return docstring.partition("\n\n")[0]


if __name__ == "__main__":
    main()
