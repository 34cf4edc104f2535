"""How this process was told to start a program: by a module, or by the console script.

Imported before JAX; imports nothing large.
"""

import itertools
import os.path
import re
import shlex
import shutil
import sys
from collections.abc import Sequence

SCRIPT = "audio-texture"
# The packages among the programs: the module with `define_flags` and `main`.
PACKAGES = {"stream": "stream.program", "sweep": "sweep.program"}


def program_words(program: str) -> list[str]:
    """The words that start a program as this process was started, before its flags.

    `shlex.join` makes them and the flags a line for a shell. Python has the name that the user
    typed, as `python` may be another one there.

    Args:
      program: its name, such as texture, sweep or stream.

    Example:
      >>> program_words("texture")
      ['python', '-m', 'launch.texture']
    """
    path = sys.argv[0]
    folder, name = os.path.split(path)
    if os.path.splitext(name)[0] == SCRIPT:
        on_path = shutil.which(SCRIPT)
        is_on_path = on_path is not None and os.path.realpath(on_path) == os.path.realpath(path)
        return [SCRIPT if is_on_path else path, program]
    python = _typed_python()
    if name == "__main__.py" and os.path.basename(folder) == "launch":
        return [python, "-m", "launch", program]
    return [python, "-m", f"launch.{program}"]


def program_line(program: str) -> str:
    """The words of `program_words` in a line for a shell."""
    return shlex.join(program_words(program))


def _typed_python() -> str:
    """The word by which Python was started with `-m launch`; "python" where it was not."""
    words = sys.orig_argv
    module = words[words.index("-m") + 1] if "-m" in words[:-1] else ""
    return words[0] if module.split(".")[0] == "launch" else "python"


def given_value(arguments: Sequence[str], flag: str) -> str:
    """The value of a flag before any flag is parsed; empty where it is not given.

    Example:
      >>> given_value(["--seed=3", "--program", "transfer"], "program")
      'transfer'
    """
    values = [""]
    for argument, following in itertools.pairwise([*arguments, ""]):
        name, equals, value = argument.partition("=")
        if name in (f"-{flag}", f"--{flag}"):
            values.append(value if equals else following)
    return values[-1]


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
