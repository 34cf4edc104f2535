"""How a program ends on Ctrl-C and SIGTERM: a line on what is kept and one on how to go on, status
130, no traceback.

While modules are imported and flags are parsed, a signal ends the program at once. Later it raises
KeyboardInterrupt, which `cli.run` turns into the lines; within `optimize.Interrupts` it is noted,
and the current evaluation is finished first. The main thread may be in the compiler for long, and
then sees no signal: a thread of its own waits for them too, and ends the program after a second
where nothing is lost by that, and at a second signal in any case. This module is imported before
JAX, and imports nothing large.
"""

import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import NoReturn

from launch import messages

SIGNALS = (signal.SIGINT, signal.SIGTERM)
STATUS = 130
# Signals less than this many seconds apart count as one: some terminals and wrappers send a single
# Ctrl-C twice.
APART = 0.3
# Seconds that the main thread has to see a signal before the program ends without it.
PATIENCE = 1.0

_kept: list[str] = []
_signalled_at: list[float] = []
# Whether the main thread has something to save, or is about to end, and how a user goes on later.
_unsaved: list[bool] = []
_going_on: list[str] = []


def kept(path: str) -> None:
    """Notes a finished file, for the line at the end."""
    if path not in _kept:
        _kept.append(path)


def made(text: str) -> None:
    """Notes in words all that is finished and kept, for the line at the end."""
    _kept[:] = [text]


def unsaved(is_unsaved: bool) -> None:
    """Notes whether the main thread has something that is lost if the program ends now."""
    _unsaved[:] = [True] if is_unsaved else []


def go_on_by(command: str) -> None:
    """Notes the command that goes on with this run, for the line at the end."""
    _going_on[:] = [command]


def forget() -> None:
    """Forgets what an earlier run in this process has noted."""
    for notes in (_kept, _unsaved, _going_on):
        notes.clear()


def describe(kept: str = "") -> list[str]:
    """The lines at the end of an interrupted program.

    kept: what is kept, in words; by default what `kept` and `made` have noted.
    """
    kept = kept or ", ".join(_kept)
    text = f"kept: {kept}" if kept else "nothing was made"
    return [f"interrupted; {text}", *(f"to go on: {command}" for command in _going_on)]


@contextlib.contextmanager
def of_one_kind() -> Iterator[None]:
    """Raises KeyboardInterrupt in place of another error, such as the compiler's, from code that
    Ctrl-C broke into.
    """
    try:
        yield
    except Exception as error:
        if _signalled_at:
            raise KeyboardInterrupt from error
        raise


def end() -> NoReturn:
    """Ends the process now, with the lines of `describe` on standard error."""
    messages.stop_clock()
    clear = messages.CLEAR_LINE if os.isatty(2) else ""
    lines = "".join(line.replace("\n", " ") + "\n" for line in describe())
    try:
        # Past Python's own streams, which the interrupted code may be in the middle of.
        os.write(2, (clear + lines).encode(errors="backslashreplace"))
    except OSError:
        pass
    end_now()


def end_now() -> NoReturn:
    """Ends the process with `STATUS`, without waiting for threads and exit handlers, which may take
    long and print on.
    """
    try:
        sys.stdout.flush()
    except (OSError, ValueError, RuntimeError):
        pass
    os._exit(STATUS)


def end_at_once() -> None:
    """From now on a signal ends the program."""
    _install(lambda *_: end())


def raise_once() -> None:
    """From now on the first signal raises KeyboardInterrupt, and the next one ends the program."""
    _install(_raise)
    sys.unraisablehook = _unraisable
    _watch()


def _install(handler) -> None:
    for signum in SIGNALS:
        # A program in the background of a shell, or under nohup, ignores them.
        if signal.getsignal(signum) is not signal.SIG_IGN:
            signal.signal(signum, handler)


def _raise(*_) -> None:
    if _signalled_at and time.monotonic() - _signalled_at[0] < APART:
        return
    if _signalled_at:
        end()
    _signalled_at.append(time.monotonic())
    raise KeyboardInterrupt


def _unraisable(unraisable) -> None:
    # Where Python cannot raise, as in a destructor, it would print a traceback and go on. The
    # signal comes again a moment later, where the program can end in order.
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        _signalled_at.clear()
        threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT)).start()
        return
    sys.__unraisablehook__(unraisable)


def _watch() -> None:
    """Starts the thread that ends the program where the main thread does not."""
    if threading.current_thread() is not threading.main_thread():
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)

    def watch():
        first = None
        while True:
            wait = None if first is None else max(0.0, first + PATIENCE - time.monotonic())
            if not select.select([reading], [], [], wait)[0]:
                if not (_unsaved or _signalled_at):
                    end()
                # The main thread ends the program; only a second signal concerns this one.
                select.select([reading], [], [])
            for number in os.read(reading, 64):
                if number in SIGNALS:
                    first = first or time.monotonic()
                    if time.monotonic() - first > APART:
                        end()

    threading.Thread(target=watch, daemon=True).start()
