"""`python -m launch.sweep`."""

import sys
from collections.abc import Sequence

from launch import cli, command


def swept_program(arguments: Sequence[str]) -> str:
    """The value of --program, whose flags must be defined before any are parsed."""
    return command.given_value(arguments, "program")


if __name__ == "__main__":
    cli.run("sweep.program", swept=swept_program(sys.argv[1:]))
