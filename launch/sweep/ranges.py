"""The values of one --sweep: lists, ranges, and patterns of files."""

import difflib
import glob
import os
import re
from collections.abc import Sequence

import numpy as np

from launch.flag_set import FlagSet
from launch.inputs import EMBEDDED

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER}):({_NUMBER})(?::(\d+)(:log)?)?", re.IGNORECASE)
_MOST_VALUES = 1_000_000


def parse_range(text: str, whole: bool) -> list[str] | None:
    """The values of a range from:to, from:to:count or from:to:count:log; None for another text.

    whole: whether the values are whole numbers. ValueError for an invalid range.
    """
    match = _RANGE.fullmatch(text)
    if not match:
        return None
    first, last, log = float(match[1]), float(match[2]), bool(match[4])
    if match[3] is None:
        if not whole:
            raise ValueError(f"{text!r} lacks the number of values: from:to:count.")
        rising = first <= last <= first + _MOST_VALUES
        if not (first.is_integer() and last.is_integer() and rising):
            raise ValueError(f"{text!r} must go up from one whole number to another.")
        return [str(value) for value in range(int(first), int(last) + 1)]
    count = int(match[3])
    if not 2 <= count <= _MOST_VALUES:
        raise ValueError(f"{text!r} must have from 2 to {_MOST_VALUES} values.")
    if log and not first * last > 0:
        raise ValueError(f"{text!r}: equal ratios need numbers of one sign.")
    numbers = np.geomspace(first, last, count) if log else np.linspace(first, last, count)
    texts = [str(round(number)) if whole else f"{number:.6g}" for number in numbers]
    if len(set(texts)) < count:
        raise ValueError(f"{text!r} has fewer than {count} different values.")
    return texts


def parse_sweep(text: str, flag_set: FlagSet, allowed: Sequence[str]) -> tuple[str, list[str]]:
    """The flag and the values, as text, of a --sweep. ValueError where it is invalid.

    Args:
      text: the value of --sweep.
      flag_set: of the program that is swept.
      allowed: flags that can be swept.
    """
    name, equals, values = text.partition("=")
    name, values = name.strip(), values.strip()
    if not equals:
        raise ValueError(f"{text!r} must look like name=v1,v2 or name=from:to:count.")
    if name not in allowed:
        near = difflib.get_close_matches(name, allowed, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else f": {', '.join(allowed)}."
        raise ValueError(f"{name!r} is not a flag that can be swept{hint}")
    parsed = None
    if flag_set.is_number(name):
        parsed = parse_range(values, flag_set.is_integer(name))
    if parsed is None:
        separator = ";" if ";" in values else ","
        parsed = [value.strip() for value in values.removesuffix(";").split(separator)]
    if "" in parsed:
        raise ValueError(f"{text!r} has an empty value.")
    if len(set(parsed)) < len(parsed):
        raise ValueError(f"{text!r} has a value twice.")
    return name, parsed


def match_sounds(patterns: Sequence[str]) -> list[str]:
    """The sounds that a flag names, with patterns replaced by the files that match. ValueError for
    a pattern that matches no file.
    """
    matches: list[str] = []
    for pattern in patterns:
        is_pattern = any(mark in pattern for mark in "*?[") and not pattern.startswith(EMBEDDED)
        if is_pattern and not os.path.exists(pattern):
            paths = sorted(filter(os.path.isfile, glob.glob(pattern, recursive=True)))
            if not paths:
                raise ValueError(f"no file matches {pattern!r}.")
            matches += paths
        else:
            matches.append(pattern)
    return list(dict.fromkeys(matches))
