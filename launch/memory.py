"""The memory of this process, as Linux tells it."""

import contextlib
import ctypes
import os

_STATUS, _RESET = "/proc/self/status", "/proc/self/clear_refs"


class PeakMemory:
    """The most memory that this process holds from now on, beyond what it holds now.

    Where the system does not tell (only Linux does), `megabytes` gives None.
    """

    def __init__(self):
        self._start = None
        # What was freed would else be used again, and this would seem to take nothing.
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
        try:
            # 5 sets the peak to what is held now; see proc(5).
            with open(_RESET, "w", encoding="ascii") as file:
                file.write("5")
            self._start = _read_megabytes("VmRSS")
        except OSError:
            return

    def megabytes(self) -> float | None:
        """The peak so far, above what was held at the beginning, in MB."""
        if self._start is None or (peak := _read_megabytes("VmHWM")) is None:
            return None
        return max(0.0, peak - self._start)


def _read_megabytes(name: str) -> float | None:
    """A value of the process's status; None where there is none."""
    if not os.path.exists(_STATUS):
        return None
    with open(_STATUS, encoding="ascii", errors="replace") as file:
        for line in file:
            key, _, value = line.partition(":")
            if key == name:
                return int(value.split()[0]) * 1024 / 1e6
    return None
