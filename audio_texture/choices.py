"""How a choice is declared: its name, unit, range, and how it enters compiled programs.

`choice` declares a dataclass field: the name a user sets it by (a flag of the programs, a keyword
of `Recipe.replace`), its meaning, its range and how it enters compiled programs. `Stage` checks the
ranges; the `check` of a stage holds its rules about other stages. The stages of a run are in
stages.py, the choices of each term of the loss beside the term in terms/.
"""

import dataclasses
import math
import numbers
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from audio_texture.errors import ChoiceError

# How a choice enters compiled programs: STATIC is compiled in; DYNAMIC is a traced number, which
# changes no shape; HOST is used outside of compiled programs.
STATIC, DYNAMIC, HOST = "static", "dynamic", "host"


def choice(
    default: Any,
    meaning: str,
    *,
    name: str = "",
    options: Sequence[str] = (),
    kind: str = STATIC,
    at_least: float | None = None,
    above: float | None = None,
    parse: Callable[[str], Any] | None = None,
    separator: str | None = None,
) -> Any:
    """A dataclass field for one choice.

    Args:
      default: its value unless a recipe sets another.
      meaning: what it sets, with its unit; the help of its flag.
      name: of its flag and keyword; by default the field's own name.
      options: all allowed values; empty where any value in the range is allowed.
      kind: STATIC, DYNAMIC or HOST.
      at_least: smallest allowed value.
      above: exclusive lower bound; values must then be finite too.
      parse: for tuples, text -> one entry.
      separator: for tuples, the text between entries; None means whitespace.

    Example:
      >>> @dataclasses.dataclass(frozen=True)
      ... class Reverb(Stage):
      ...     seconds: float = choice(1.0, "Decay, in seconds.", name="reverb_seconds", above=0)
      >>> Reverb(seconds=-1)
      Traceback (most recent call last):
      audio_texture.errors.ChoiceError: reverb_seconds must be above 0, got -1.
    """
    metadata = {
        "meaning": meaning,
        "name": name,
        "options": tuple(options),
        "kind": kind,
        "at_least": at_least,
        "above": above,
        "parse": parse,
        "separator": separator,
    }
    return dataclasses.field(default=default, metadata=metadata)


def choice_name(field: dataclasses.Field) -> str:
    """The name that flags, keywords and messages use for a choice."""
    return field.metadata["name"] or field.name


def number(value: str | float) -> float:
    """One entry of a comma-separated list of numbers. ValueError where the text is no number."""
    try:
        return float(value)
    except ValueError as error:
        raise ValueError(f"{value!r} must be numbers separated by commas.") from error


@dataclasses.dataclass(frozen=True)
class Stage:
    """Base of all stages: converts values to the types of the defaults and checks their ranges."""

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = _convert(field, getattr(self, field.name))
            object.__setattr__(self, field.name, value)
            _check_range(field, value)

    def check(self, recipe: Any) -> None:
        """Raises ChoiceError where the stage contradicts another stage of the recipe."""


def _convert(field: dataclasses.Field, value: Any) -> Any:
    name, default, rules = choice_name(field), field.default, field.metadata
    if rules["parse"]:
        return _parse_entries(name, value, rules["parse"], rules["separator"])
    if isinstance(default, bool):
        if isinstance(value, (bool, np.bool_)):
            return bool(value)
        raise ChoiceError(f"{name} must be true or false, got {_shorten(value)}.", field=name)
    if isinstance(default, str):
        if isinstance(value, str):
            return value
        raise ChoiceError(f"{name} must be text, got {_shorten(value)}.", field=name)
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ChoiceError(f"{name} must be a number, got {_shorten(value)}.", field=name)
    if isinstance(default, int):
        if not float(value).is_integer():
            raise ChoiceError(f"{name} must be a whole number, got {value:g}.", field=name)
        return int(float(value))
    return float(value)


def _parse_entries(
    name: str, value: Any, parse: Callable[[Any], Any], separator: str | None
) -> tuple:
    """The entries of a tuple; an entry that is text is parsed."""
    if isinstance(value, str):
        value = value.split(separator) if value.strip() else ()
    if not isinstance(value, (list, tuple, np.ndarray)):
        raise ChoiceError(f"{name} must be text or a sequence, got {_shorten(value)}.", field=name)
    # `parse` is a classmethod such as View.parse, whose entries are instances of that class, or the
    # function `number`.
    kind = getattr(parse, "__self__", numbers.Real)

    def convert_entry(entry):
        if isinstance(entry, str):
            try:
                return parse(entry)
            except ValueError as error:
                raise ChoiceError(str(error), field=name) from error
        if not isinstance(entry, kind):
            raise ChoiceError(f"{name} must not hold {_shorten(entry)}.", field=name)
        return float(entry) if kind is numbers.Real else entry

    return tuple(map(convert_entry, value))


def _shorten(value: Any) -> str:
    text = repr(value)
    return f"{text[:40]}..." if len(text) > 40 else text


def _check_range(field: dataclasses.Field, value: Any) -> None:
    name, rules = choice_name(field), field.metadata
    if rules["options"] and value not in rules["options"]:
        raise ChoiceError(
            f"{name} must be one of {', '.join(rules['options'])}, got {value!r}.", field=name
        )
    if rules["at_least"] is not None and not value >= rules["at_least"]:
        raise ChoiceError(f"{name} must be at least {rules['at_least']}, got {value}.", field=name)
    if rules["above"] is not None and not rules["above"] < value < math.inf:
        raise ChoiceError(f"{name} must be above {rules['above']}, got {value:g}.", field=name)


@dataclasses.dataclass(frozen=True)
class Tap:
    """A layer whose output is matched.

    Attributes:
      name: one of the names that `layer.receptive_fields` gives.
      weight: in the mean over all taps.

    Example:
      >>> Tap.parse("relu_1*0.5")
      Tap(name='relu_1', weight=0.5)
    """

    name: str
    weight: float = 1.0

    def __post_init__(self):
        if not 0 < self.weight < math.inf:
            raise ValueError(
                f"a layer's weight must be above 0, got {self.weight:g} for {self.name}."
            )

    @classmethod
    def parse(cls, text: str) -> "Tap":
        """Reads `relu_1` or `relu_1*0.5`. ValueError where the text is neither."""
        name, times, weight = text.strip().partition("*")
        try:
            return cls(name, float(weight) if times else 1.0)
        except ValueError as error:
            raise ValueError(
                f"layer {text!r} must look like relu_1 or relu_1*0.5, with a weight above 0."
            ) from error

    def __str__(self) -> str:
        return self.name + (f"*{self.weight!r}" if self.weight != 1 else "")


@dataclasses.dataclass(frozen=True)
class TermChoices(Stage):
    """Choices of one term of the loss. Each term in terms/ has a subclass.

    Attributes:
      term: name of the term among the loss's terms; its weight is the choice `TERM_weight`.
      weight: of the term; 0 leaves it out.
    """

    term: ClassVar[str]
    weight: float = choice(0.0, "Weight of the term.")


def weight(term: str, meaning: str, default: float = 0.0) -> Any:
    """The dataclass field of a term's weight, which a user sets as `TERM_weight`.

    Args:
      term: name of the term.
      meaning: what it weighs; the help of its flag.
      default: weight unless a recipe sets another.

    Example:
      >>> weight("crest", "Weight of the crest factor.").metadata["name"]
      'crest_weight'
    """
    return choice(default, meaning, name=f"{term}_weight", kind=DYNAMIC, at_least=0)
