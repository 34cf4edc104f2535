"""Paths of descriptors as text, such as "loudness:-20,0 centroid:500,4000"."""

import math
from typing import NamedTuple

from audio_texture.errors import ChoiceError, suggest

# Units in which a path gives each descriptor.
UNITS = {
    "loudness": "dB",
    "centroid": "Hz",
    "flatness": "0 to 1",
    "pitch": "Hz",
    "crossings": "per second",
}


class Knot(NamedTuple):
    """A point of a path.

    Attributes:
      value: in the unit of its descriptor, or in %.
      is_percent: whether it is a percentile of the recording's grains: 0 % is the lowest value
        there is, 50 % the median, 100 % the highest.
    """

    value: float
    is_percent: bool


def parse_path(text: str) -> dict[str, tuple[Knot, ...]]:
    """The knots of each descriptor that a path names; none for an empty text.

    Descriptors are separated by spaces. After a name and a colon stand one or more values with
    commas between them, which lie at equal distances in time; a single value holds throughout.

    Args:
      text: the path.
    Returns:
      Name of a descriptor (a key of `UNITS`) -> its knots.
    Raises:
      ChoiceError: unknown or repeated descriptor, no values, no number, value out of range.
    Example:
      >>> parse_path("loudness:-20,0 centroid:100%")["centroid"]
      (Knot(value=100.0, is_percent=True),)
      >>> parse_path("loudnes:-20,0")
      Traceback (most recent call last):
      audio_texture.errors.ChoiceError: path names no descriptor 'loudnes'; did you mean loudness?
    """
    path = {}
    for entry in text.split():
        name, colon, values = entry.partition(":")
        if not colon or not values:
            raise ChoiceError(
                f"path must look like loudness:-20,0 or centroid:500,4000, got {entry!r}.",
                field="path",
            )
        if name not in UNITS:
            hint = suggest(name, UNITS)
            raise ChoiceError(f"path names no descriptor {name!r}{hint}", field="path")
        if name in path:
            raise ChoiceError(f"path names {name} twice, in {text!r}.", field="path")
        path[name] = tuple(_parse_knot(name, value) for value in values.split(","))
    return path


def _parse_knot(name: str, text: str) -> Knot:
    is_percent = text.endswith("%")
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ChoiceError(
            f"path needs numbers ({UNITS[name]}) or percentages after {name}:, got {text!r}.",
            field="path",
        )
    if is_percent:
        allowed, rule = 0 <= value <= 100, "from 0 % to 100 %"
    elif name == "flatness":
        allowed, rule = 0 < value <= 1, "above 0 and at most 1"
    else:
        allowed, rule = name == "loudness" or value > 0, "above 0"
    if not allowed:
        raise ChoiceError(f"path needs {name} {rule}, got {text!r}.", field="path")
    return Knot(value, is_percent)
