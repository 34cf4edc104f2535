"""Errors that the user can correct, with messages of one line."""

import contextlib
from collections.abc import Iterator

from audio_texture.errors import ChoiceError


class UserError(Exception):
    """Bad input: the message is one line that names the flag, the value and the rule."""


class Finished(Exception):
    """The program has shown what it was asked for and ends with exit status 0."""


def one_line(text: object) -> str:
    """The text with every run of white space replaced by one blank."""
    return " ".join(str(text).split())


@contextlib.contextmanager
def naming_flag(flag: str) -> Iterator[None]:
    """Turns a ValueError of the library into a UserError that begins with the flag's name."""
    try:
        yield
    except ValueError as error:
        raise UserError(flag_line(flag, error)) from error


@contextlib.contextmanager
def naming_choices(*names: str) -> Iterator[None]:
    """Turns a ChoiceError about one of these choices into a UserError that begins with its flag."""
    try:
        yield
    except ChoiceError as error:
        if error.field not in names:
            raise
        raise UserError(flag_line(error.field, error)) from error


def flag_line(flag: str, text: object) -> str:
    """A line on a flag. It is named once, also where the text begins with the choice of its name.

    Example:
      >>> flag_line("novelty", "novelty must be from 0 to 1, got 2.")
      '--novelty must be from 0 to 1, got 2.'
    """
    line = one_line(text)
    begins = any(line.startswith(f"{flag} {verb} ") for verb in ("must", "needs", "names"))
    return f"--{line}" if begins else f"--{flag}: {line}"
