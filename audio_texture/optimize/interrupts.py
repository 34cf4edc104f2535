"""Ctrl-C and SIGTERM during a run: the current chunk is finished first."""

from __future__ import annotations

import signal
import threading
import time

# Signals less than this many seconds apart count as one: some terminals and wrappers send a single
# Ctrl-C twice.
APART = 0.3


class Interrupts:
    """Notes the first Ctrl-C or SIGTERM instead of ending the program; a second one has its usual
    effect.

    Outside the main thread it does nothing. Inside another `Interrupts`, it reports the signals
    that the outermost has noted, so that all of them end.

    Example:
      >>> with Interrupts() as interrupts:
      ...     signal.raise_signal(signal.SIGINT)
      ...     interrupts.received
      True
    """

    _active: Interrupts | None = None

    def __enter__(self) -> Interrupts:
        self._received_at: float | None = None
        self._outermost = Interrupts._active or self
        self._previous = {}
        if self._outermost is self and threading.current_thread() is threading.main_thread():
            Interrupts._active = self
            for signum in (signal.SIGINT, signal.SIGTERM):
                # A signal that the program ignores, as under nohup, stays ignored.
                if signal.getsignal(signum) not in (signal.SIG_IGN, None):
                    self._previous[signum] = signal.signal(signum, self._note)
        return self

    @property
    def received(self) -> bool:
        """Whether a signal was noted."""
        return self._outermost._received_at is not None

    def _note(self, signum, frame):
        now = time.monotonic()
        if self._received_at is None:
            self._received_at = now
        elif now - self._received_at > APART:
            self._restore()
            signal.raise_signal(signum)

    def _restore(self):
        for signum, handler in self._previous.items():
            signal.signal(signum, handler)

    def __exit__(self, *_):
        if self._outermost is self and Interrupts._active is self:
            Interrupts._active = None
            self._restore()
