"""Lines on standard error and output, and those that wait until all input has been checked."""

import os
import sys
from collections.abc import Sequence
from typing import TextIO

# Lines that wait for `say_held`, and lines that this run has said.
_held: dict[str, None] = {}
_said: set[str] = set()
# The line on a terminal that says what is being done; the next text takes its place.
_doing: list[str] = []
# What takes long before the first evaluation.
FITTING = "fitting and compiling: about 20 s the first time for these lengths, 5 s later"


def begin() -> None:
    """Forgets the lines of an earlier run in this process."""
    _held.clear()
    _said.clear()


def doing(text: str) -> None:
    """Says on a terminal what is being done, until the next text; elsewhere it says nothing."""
    if sys.stderr.isatty():
        done()
        _doing.append(text)
        print(f"{text} ...", end="", file=sys.stderr, flush=True)


def done() -> None:
    """Takes the line of `doing` away."""
    if _doing:
        _doing.clear()
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def say(text: str) -> None:
    """Writes a line to standard error, where progress goes; standard output is for results."""
    _print(text, sys.stderr)


def show(text: str) -> None:
    """Writes a text to standard output."""
    _print(text, sys.stdout)


def say_once(line: str) -> None:
    """Says a line if this run has not said it yet."""
    if line not in _said:
        _said.add(line)
        say(line)


def hold(line: str) -> None:
    """Keeps a line for `say_held`: where a later input is bad, the error is the only line."""
    _held.setdefault(line)


def hold_notes(flag: str, source: str, notes: Sequence[str]) -> None:
    """Keeps the warnings about a file for `say_held`. notes: of `audio.Recording`."""
    for note in notes:
        hold(f"warning: --{flag}: {source!r} {note}")


def say_held() -> None:
    """Says the lines that wait, none twice in a run. Called when all is checked and work begins."""
    for line in _held:
        say_once(line)
    _held.clear()


def _print(text: str, stream: TextIO) -> None:
    """Prints a text. Where the reader has closed the pipe, as `| head` does, the program goes on:
    its files are still wanted.
    """
    done()
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)
    except OSError:
        # The rest in the stream's buffer must not fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
