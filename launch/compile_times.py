"""How long fitting and compiling take: measured in earlier runs on this machine, to tell the user
what a run waits for, for how long about, and why.

The times are kept beside the compiled programs, so that both go together.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from audio_texture import __version__, files
from audio_texture.config import Recipe
from launch import compilation_cache, messages
from launch.plurals import name_channels
from launch.versions import versions

TIMES = "times.json"
# What is said where nothing was measured yet, in seconds: a run of 5 s on two cores of a Xeon.
FIRST_SECONDS, AGAIN_SECONDS = 20.0, 5.0
# The file keeps the times of this many programs, the latest ones.
MOST_KEPT = 200


class Programs(NamedTuple):
    """The compiled programs that a run needs.

    Attributes:
      digest: equal for runs on the same programs.
      facts: what the programs depend on, in words, as "a result of 5 s", by name.
    """

    digest: str
    facts: Mapping[str, str]


def of_run(
    program: str,
    key: Iterable[Any],
    recipe: str,
    sounds: Sequence[np.ndarray],
    *,
    sample_rate: int,
    seconds: float,
) -> Programs:
    """The programs of a run.

    Args:
      program: which runs.
      key: of `synthesis.compile_key`, or all else that decides about the programs.
      recipe: its name.
      sounds: what the run is made from, waves [C, N].
      sample_rate: of the sounds, in Hz.
      seconds: length of the result.
    """
    lengths = " and ".join(f"{wave.shape[1] / sample_rate:.3g} s" for wave in sounds)
    channels = len(sounds[0]) if sounds else 1
    facts = {
        "program": f"launch.{program}",
        "recipe": recipe,
        "rate": f"{sample_rate} Hz",
        "channels": name_channels(channels),
        "seconds": f"a result of {seconds:.3g} s",
    }
    if sounds:
        facts["sounds"] = f"{lengths} of recording"
    # A recipe prints its name alone.
    parts = [part.to_json() if isinstance(part, Recipe) else part for part in key]
    text = repr((__version__, versions(), program, parts))
    return Programs(hashlib.sha256(text.encode()).hexdigest()[:16], facts)


class Wait:
    """Says what a run waits for before its first evaluation, and measures it for the next one.

    Call `fit` before the target is fitted, `compile` after, and `end` at the first evaluation.

    programs: that the run needs; None where nothing is optimised.
    """

    def __init__(self, programs: Programs | None):
        self._programs, self._start, self._compiled = programs, 0.0, 0
        self._times = _read_times()
        self._known = self._times.get(programs.digest) if programs else None

    def fit(self) -> None:
        """Says that the target is fitted; elsewhere than on a terminal also what comes after."""
        if not self._programs:
            messages.doing("making the sound")
            return
        self._start, self._compiled = time.monotonic(), compilation_cache.count_compiled()
        messages.doing("fitting")
        messages.say_elsewhere(f"fitting and {self._describe(self._programs)}")

    def compile(self) -> None:
        """Says that programs are compiled, on a terminal."""
        if self._programs:
            messages.doing(self._describe(self._programs))

    def end(self) -> None:
        """Notes the time since `fit`; only the first call counts."""
        if not self._programs or not self._start:
            return
        seconds, self._start = round(time.monotonic() - self._start, 1), 0.0
        # Whether programs were compiled tells what the time stands for.
        name = "first" if compilation_cache.count_compiled() > self._compiled else "again"
        entry = {**(self._known or {}), "facts": dict(self._programs.facts), name: seconds}
        # Read anew, as other processes may have written meanwhile.
        times = _read_times()
        times.pop(self._programs.digest, None)
        kept = [*times.items(), (self._programs.digest, entry)][-MOST_KEPT:]
        if path := _path():
            with contextlib.suppress(OSError):
                files.write_text(path, json.dumps(dict(kept), indent=1) + "\n", sync=False)

    def _describe(self, programs: Programs) -> str:
        """What is compiled or loaded, how long it takes about, and why."""
        if self._known:
            return (
                f"loading compiled programs, about {self._known.get('again', AGAIN_SECONDS):.0f} s"
            )
        facts = programs.facts
        earlier = [entry for entry in self._times.values() if "first" in entry]

        def count_equal(entry):
            return sum(entry["facts"].get(name) == fact for name, fact in facts.items())

        nearest = max(reversed(earlier), key=count_equal, default=None)
        if not nearest:
            return f"compiling, about {FIRST_SECONDS:.0f} s (the first time here)"
        others = [fact for name, fact in facts.items() if nearest["facts"].get(name) != fact]
        # Two reasons fit on the line of a terminal; another program is reason enough.
        most = 1 if facts["program"] in others else 2
        reason = ", ".join(others[:most]) or "these choices"
        return f"compiling, about {nearest['first']:.0f} s (the first time for {reason})"


def _path() -> str:
    """The file of times; empty where programs are not kept in a local folder."""
    folder = compilation_cache.folder()
    return os.path.join(folder, TIMES) if folder and "://" not in folder else ""


def _read_times() -> dict[str, dict[str, Any]]:
    """The entries of earlier runs, oldest first; none where the file is missing or damaged."""
    try:
        with open(_path(), encoding="utf-8") as file:
            times = json.load(file)
        return {
            str(digest): entry
            for digest, entry in times.items()
            if isinstance(entry["facts"], dict)
            and isinstance(entry.get("first", 0.0), float)
            and isinstance(entry.get("again", 0.0), float)
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
