"""Lines on standard error and output, those that wait until all input has been checked, and on a
terminal what is being done now.
"""

import os
import shutil
import sys
import threading
import time
from collections.abc import Sequence
from typing import TextIO

# Lines that wait for `say_held`, and lines that this run has said.
_held: dict[str, None] = {}
_said: set[str] = set()
# The line on a terminal that says what is being done, and since when; the next text takes its
# place. A thread writes the seconds behind it.
_doing: list[tuple[str, float]] = []
_lock = threading.RLock()
_clocks: list[threading.Thread] = []
# What is said before a line, to remove the line of `doing`.
CLEAR_LINE = "\r\x1b[K"


def begin() -> None:
    """Forgets the lines of an earlier run in this process."""
    _held.clear()
    _said.clear()


def doing(text: str) -> None:
    """Says on a terminal what is being done and for how long, until the next text; elsewhere it
    says nothing.
    """
    if not sys.stderr.isatty():
        return
    with _lock:
        _doing[:] = [(text, time.monotonic())]
        _write_doing()
        if not _clocks:
            _clocks.append(threading.Thread(target=_count_seconds, daemon=True))
            _clocks[0].start()


def done() -> None:
    """Takes the line of `doing` away."""
    with _lock:
        if _doing:
            _doing.clear()
            _write_over("")


def stop_clock() -> None:
    """Lets no line of `doing` be written again. Without the lock, which the code that Ctrl-C broke
    into may hold.
    """
    _doing.clear()


def _write_doing() -> None:
    """Writes the line of `doing` over itself, cut to the terminal's width."""
    text, since = _doing[0]
    seconds = time.monotonic() - since
    clock = f" {seconds:.0f} s" if seconds >= 1 else " ..."
    text = text[: shutil.get_terminal_size().columns - len(clock) - 1]
    _write_over(f"{text}{clock}")


def _write_over(text: str) -> None:
    """Writes a text in place of the terminal's line. A terminal that has gone ends no run."""
    try:
        print(f"{CLEAR_LINE}{text}", end="", file=sys.stderr, flush=True)
    except OSError:
        _doing.clear()


def _count_seconds() -> None:
    while True:
        time.sleep(1)
        with _lock:
            if _doing:
                _write_doing()


def say(text: str) -> None:
    """Writes a line to standard error, where progress goes; standard output is for results."""
    _print(text, sys.stderr)


def show(text: str) -> None:
    """Writes a text to standard output."""
    _print(text, sys.stdout)


def say_elsewhere(text: str) -> None:
    """Says a line, unless standard error is a terminal, where `doing` says more."""
    if not sys.stderr.isatty():
        say(text)


def say_once(line: str) -> None:
    """Says a line if this run has not said it yet."""
    if line not in _said:
        _said.add(line)
        say(line)


def say_all(lines: Sequence[str]) -> None:
    """Says some lines."""
    for line in lines:
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
    with _lock:
        done()
        _write(text, stream)


def _write(text: str, stream: TextIO) -> None:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)
    except OSError:
        # The rest in the stream's buffer must not fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
