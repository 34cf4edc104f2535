"""`python -m launch.sweep`."""

import itertools
import sys
from collections.abc import Sequence

from launch import cli


def swept_program(arguments: Sequence[str]) -> str:
    """The value of --program, whose flags must be defined before any are parsed."""
    for argument, following in itertools.pairwise([*arguments, ""]):
        name, equals, value = argument.partition("=")
        if name in ("-program", "--program"):
            return value if equals else following
    return ""


if __name__ == "__main__":
    cli.run("sweep.program", swept=swept_program(sys.argv[1:]))
