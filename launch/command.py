"""How this process was told to start a program: by a module, or by the console script.

Imported before JAX; imports nothing large.
"""

import pathlib
import re
import shlex
import sys
from collections.abc import Sequence

SCRIPT = "audio-texture"


def program_words(program: str) -> list[str]:
    """The words that start a program as this process was started, before its flags.

    `shlex.join` makes them and the flags a line for a shell. The name of Python is the one that the
    user typed, as `python` may be another one there.

    Args:
      program: its name, such as texture, sweep or stream.

    Example:
      >>> program_words("texture")
      ['python', '-m', 'launch.texture']
    """
    started = pathlib.PurePath(sys.argv[0])
    if started.stem == SCRIPT:
        return [SCRIPT, program]
    python = _typed_python()
    if started.parts[-2:] == ("launch", "__main__.py"):
        return [python, "-m", "launch", program]
    return [python, "-m", f"launch.{program}"]


def _typed_python() -> str:
    """The word by which Python was started with `-m launch`; "python" where it was not."""
    module = sys.orig_argv[sys.orig_argv.index("-m") + 1] if "-m" in sys.orig_argv[:-1] else ""
    return sys.orig_argv[0] if module.split(".")[0] == "launch" else "python"


# The arguments of the run in this process.
_arguments: list[str] = []


def note_arguments(arguments: Sequence[str]) -> None:
    """Notes the arguments of the run, for `resume_command`."""
    _arguments[:] = arguments


def resume_command(program: str, folder: str = "") -> str:
    """The command that goes on with an interrupted run, as a line for a shell.

    Args:
      program: its name, such as texture.
      folder: whose configuration says all; without it the run's own flags are repeated.
    """
    flags = [f"--output_dir={folder}"]
    if not folder:
        flags = [flag for flag in _arguments if not re.match("--?(overwrite|resume)", flag)]
    return shlex.join([*program_words(program), *flags, "--resume"])
