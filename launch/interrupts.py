"""How a program ends on Ctrl-C and SIGTERM: one line on what is kept, status 130, no traceback.

While modules are imported and flags are parsed, a signal ends the program at once. Later it raises
KeyboardInterrupt, which `cli.run` turns into the line; within `optimize.Interrupts` it is noted,
and the current step is finished first. A second signal ends the program at once: a thread of its
own waits for it, as the main thread may be in the compiler for long. This module is imported before
JAX, and imports nothing large.
"""

import os
import signal
import sys
import threading
import time
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)
STATUS = 130
# Signals less than this many seconds apart count as one: some terminals and wrappers send a single
# Ctrl-C twice.
APART = 0.3

_kept: list[str] = []
_signalled_at: list[float] = []


def kept(path: str) -> None:
    """Notes a finished file, for the line at the end."""
    if path not in _kept:
        _kept.append(path)


def signalled() -> bool:
    """Whether a signal came that raised KeyboardInterrupt."""
    return bool(_signalled_at)


def end(line: str = "") -> NoReturn:
    """Ends the process now, with one line on standard error."""
    line = line or f"interrupted; {'kept: ' + ', '.join(_kept) if _kept else 'nothing was made'}"
    try:
        sys.stdout.flush()
    except (OSError, ValueError, RuntimeError):
        pass
    try:
        # Past Python's own streams, which the interrupted code may be in the middle of.
        os.write(2, (" ".join(line.split()) + "\n").encode(errors="backslashreplace"))
    except OSError:
        pass
    # Without waiting for threads and exit handlers: they may take long, and print tracebacks.
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
    # Where Python cannot raise, as in a destructor, it would print a traceback and go on.
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        end()
    sys.__unraisablehook__(unraisable)


def _watch() -> None:
    """Starts the thread that ends the program at a second signal."""
    if threading.current_thread() is not threading.main_thread():
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)

    def watch():
        first = None
        while True:
            for number in os.read(reading, 64):
                if number in SIGNALS:
                    first = first or time.monotonic()
                    if time.monotonic() - first > APART:
                        end()

    threading.Thread(target=watch, daemon=True).start()
