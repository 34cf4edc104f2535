"""What an output folder holds from an earlier run, in words: how far it came, and how it differs
from the run that is asked for now.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from typing import Any

from audio_texture import audio
from launch import records
from launch.configs import CONFIG, METRICS, read_json

# Programs whose checkpoints are of a number of evaluations.
_OF_EVALUATIONS = ("texture", "transfer", "generate")


def describe(folder: str, record: records.Record | None, *, can_resume: bool) -> str:
    """What the folder holds and what to do about it, for a run that may not replace it.

    Args:
      folder: the output folder.
      record: of the earlier run; None where a run left none, so that nothing may be replaced.
      can_resume: whether the program has --resume.
    """
    if not record:
        return f"{folder!r} already holds a run; name another folder"
    if can_resume and (progress := _describe_progress(folder, record)):
        return f"{folder!r} holds a run that was interrupted {progress}, --overwrite starts anew"
    return f"{folder!r} already holds a run; name another folder or give --overwrite"


def _describe_progress(folder: str, record: records.Record) -> str:
    """How far an interrupted run came, and what --resume does; empty for one that is complete."""
    config, rows = _read_config(folder), _read_rows(folder)
    if record.program == "stream":
        return _describe_stream(folder, record, config)
    # A result's checkpoint is listed until the result is whole.
    checkpoints = [name for name in record.files if name.startswith("checkpoint")]
    partly = None in record.files.values()
    if record.program in _OF_EVALUATIONS:
        partly = partly or "report.html" not in record.files
    if not checkpoints or record.program not in _OF_EVALUATIONS:
        return "before its end: --resume goes on" if checkpoints or partly else ""
    if not any(os.path.exists(os.path.join(folder, name)) for name in checkpoints):
        # Killed: --resume keeps finished results, and the choices.
        return "before its first checkpoint: --resume begins that result again"
    done = rows[-1].get("evaluations", 0) if rows else 0
    sample = rows[-1].get("sample", 0) if rows else 0
    recipe = config.get("recipe")
    total = recipe.get("evaluations", 0) if isinstance(recipe, dict) else 0
    samples = config.get("samples") or len(config.get("style_weights") or [0])
    place = f" of result {sample + 1} of {samples}" if samples > 1 else ""
    return f"at {done} of {total} evaluations{place}: --resume goes on"


def _describe_stream(folder: str, record: records.Record, config: Mapping[str, Any]) -> str:
    wanted, made = config.get("seconds") or 0, 0.0
    if config.get("loop"):
        return ""
    with contextlib.suppress(ValueError, OSError, TypeError):
        made = audio.seconds_of(os.path.join(folder, config["output"])) or 0.0
    if wanted and made > wanted - 0.01:
        return ""
    return f"after {made:.1f} s{f' of {wanted:g} s' if wanted else ''}: --resume goes on"


def _read_config(folder: str) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        config = read_json(os.path.join(folder, CONFIG))
        if isinstance(config, dict):
            return config
    return {}


def _read_rows(folder: str) -> list[dict[str, Any]]:
    rows = []
    with contextlib.suppress(OSError, ValueError):
        with open(os.path.join(folder, METRICS), encoding="utf-8") as file:
            for line in file:
                rows.append(json.loads(line))
    return [row for row in rows if isinstance(row, dict)]


def describe_difference(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The first choice in which two configurations differ, in words; empty where they are equal.

    Versions do not count: a run may go on with others.
    """
    for name, value in now.items():
        before = earlier.get(name)
        if name == "versions" or value == before:
            continue
        if isinstance(value, dict) and isinstance(before, dict):
            inner = describe_difference(before, value)
            return inner if name == "recipe" else f"the {name}: {inner}"
        if name == "inputs" and isinstance(before, list) and isinstance(value, list):
            return _describe_inputs(before, value)
        if name == "contents" and isinstance(before, list) and isinstance(value, list):
            return "the contents are others or have changed"
        return f"{name} was {_format(before)} there and is {_format(value)} here"
    return ""


def _describe_inputs(before: list[Any], now: list[Any]) -> str:
    sources = [
        ", ".join(str(entry.get("source")) for entry in entries if isinstance(entry, dict))
        for entries in (before, now)
    ]
    if sources[0] != sources[1] or len(before) != len(now):
        return f"the input was {sources[0]} there and is {sources[1]} here"
    for old, new in zip(before, now, strict=True):
        if old != new and isinstance(old, dict):
            return f"the input {new['source']}: {describe_difference(old, new)}"
    return "the inputs differ"


def _format(value: Any) -> str:
    text = "not set" if value in (None, "") else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
