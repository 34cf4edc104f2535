"""Ctrl-C and SIGTERM during a run: the chunk at hand is finished first."""

from __future__ import annotations

import signal
import threading
import time

# Some terminals and wrappers send one Ctrl-C twice; seconds between two signals that count as two.
APART = 0.3


class Interrupts:
    """Notes the first Ctrl-C or SIGTERM instead of ending the program; a second one has its usual
    effect.

    Outside the main thread it does nothing. One within another shares its notes: a signal ends
    both, the inner one first.
    """

    _outer: Interrupts | None = None

    def __enter__(self) -> Interrupts:
        self._received_at: float | None = None
        self._noting = Interrupts._outer or self
        self._previous = {}
        if self._noting is self and threading.current_thread() is threading.main_thread():
            Interrupts._outer = self
            for signum in (signal.SIGINT, signal.SIGTERM):
                # A signal that the program ignores, as under nohup, stays ignored.
                if signal.getsignal(signum) not in (signal.SIG_IGN, None):
                    self._previous[signum] = signal.signal(signum, self._note)
        return self

    @property
    def received(self) -> bool:
        """Whether a signal was noted."""
        return self._noting._received_at is not None

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
        if self._noting is self and Interrupts._outer is self:
            Interrupts._outer = None
            self._restore()
