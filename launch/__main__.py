"""The programs by name: `python -m launch texture`, or the console script `audio-texture texture`.

Without a name, lists the programs.
"""

import sys
from typing import NoReturn

from launch import interrupts

# Functions here import what they need when they are called: Ctrl-C must end the process in one line
# as early as it can.

PROGRAMS = (
    "texture",
    "stream",
    "generate",
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
    from launch import cli, command, messages
    from launch.sweep.__main__ import swept_program

    name, *arguments = sys.argv[1:] or ["--help"]
    if name in PROGRAMS:
        options = {"swept": swept_program(arguments)} if name == "sweep" else {}
        cli.run(command.PACKAGES.get(name, name), arguments, **options)
    if name in cli.VERSION:
        cli.show_version()
    if name in (*cli.HELP, "help"):
        messages.show(list_programs())
        sys.exit(0)
    messages.say(f"error: {describe_mistake(name)}")
    sys.exit(2)


def describe_mistake(word: str) -> str:
    """A line on a first argument that names no program.

    Example:
      >>> describe_mistake("textur")
      "'textur' is not a program; did you mean texture?"
    """
    from audio_texture.errors import suggest
    from launch import command

    if word.startswith("-"):
        line = f"{command.program_line('texture')} {word}"
        return f"{word}: name a program first, such as {line}"
    return f"{word!r} is not a program{suggest(word, PROGRAMS)}"


def list_programs() -> str:
    """The programs, each with what it does, and how to start one."""
    import textwrap

    from launch import command

    lines = ["The programs of Audio Texture:", ""]
    for name in PROGRAMS:
        text = f"  {name:10} {_first_sentence(command.PACKAGES.get(name, name))}"
        lines.append(textwrap.fill(text, 80, subsequent_indent=" " * 13, break_on_hyphens=False))
    texture = command.program_line("texture")
    explained, run = (
        f"{texture} --help explains one of them,",
        f"{texture} --input=rain.wav runs it.",
    )
    return "\n".join([*lines, "", explained, run])


def _first_sentence(module: str) -> str:
    """What a program does, by its docstring; it is not imported, as that takes a second."""
    import ast
    import importlib.util

    spec = importlib.util.find_spec(f"launch.{module}")
    assert spec and spec.origin
    with open(spec.origin, encoding="utf-8") as file:
        docstring = ast.get_docstring(ast.parse(file.read())) or ""
    return docstring.partition("\n\n")[0]


if __name__ == "__main__":
    main()
