"""How a choice is declared: its name, unit, range, and how it enters compiled programs.

A field is declared by `choice`, which says under which name a user sets it (a flag of the programs,
a keyword of `Recipe.replace`), what it means, in which range it may lie and how it enters compiled
programs. `Stage` checks the ranges; what a stage demands of the other stages stands in its `check`.
stages.py has the stages of a run; the choices of a loss's terms stand beside the terms (terms.py).
"""

import dataclasses
import math
import numbers
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from audio_texture.errors import ChoiceError

# How a choice enters compiled programs: as a part of them, as a number that changes no shape, or
# not at all, because it is used outside of them.
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
      options: all values it may have.
      kind: STATIC, DYNAMIC or HOST.
      at_least: smallest value.
      above: what a value must be above; it must then be finite too.
      parse: text -> one value of a tuple.
      separator: between the values of a tuple in text; None stands for blanks.
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
    """The name a choice is set by: of its flag, and in messages."""
    return field.metadata["name"] or field.name


def number(value: str | float) -> float:
    """One of several numbers that a flag takes. ValueError where the text is no number."""
    try:
        return float(value)
    except ValueError as error:
        raise ValueError(f"{value!r} must be numbers separated by commas.") from error


@dataclasses.dataclass(frozen=True)
class Stage:
    """What all stages share: values are brought to the types of their defaults and checked."""

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = _typed(field, getattr(self, field.name))
            object.__setattr__(self, field.name, value)
            _check_range(field, value)

    def check(self, recipe: Any) -> None:
        """Raises ChoiceError where the stage does not go with a recipe's other stages."""


def _typed(field: dataclasses.Field, value: Any) -> Any:
    name, default, rules = choice_name(field), field.default, field.metadata
    if rules["parse"]:
        return _parsed(name, value, rules["parse"], rules["separator"])
    if isinstance(default, bool):
        if isinstance(value, (bool, np.bool_)):
            return bool(value)
        raise ChoiceError(f"{name} must be true or false, got {_brief(value)}.", field=name)
    if isinstance(default, str):
        if isinstance(value, str):
            return value
        raise ChoiceError(f"{name} must be text, got {_brief(value)}.", field=name)
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ChoiceError(f"{name} must be a number, got {_brief(value)}.", field=name)
    if isinstance(default, int):
        if not float(value).is_integer():
            raise ChoiceError(f"{name} must be a whole number, got {value:g}.", field=name)
        return int(float(value))
    return float(value)


def _parsed(name: str, value: Any, parse: Callable[[Any], Any], separator: str | None) -> tuple:
    """The entries of a tuple, each given as text or as what the text stands for."""
    if isinstance(value, str):
        value = value.split(separator) if value.strip() else ()
    if not isinstance(value, (list, tuple, np.ndarray)):
        raise ChoiceError(f"{name} must be text or a sequence, got {_brief(value)}.", field=name)
    # `parse` is a class's method that makes one of it, or `number`.
    kind = getattr(parse, "__self__", numbers.Real)

    def entry(each):
        if isinstance(each, str):
            try:
                return parse(each)
            except ValueError as error:
                raise ChoiceError(str(error), field=name) from error
        if not isinstance(each, kind):
            raise ChoiceError(f"{name} must not hold {_brief(each)}.", field=name)
        return float(each) if kind is numbers.Real else each

    return tuple(map(entry, value))


def _brief(value: Any) -> str:
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
    """A layer's output that is matched.

    Attributes:
      name: one of the names that `layer.receptive_fields` gives.
      weight: in the mean over all taps.
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
    """Choices of one term of the loss; those of each term stand beside it in terms.py.

    Attributes:
      term: name of the term, in the loss's terms and in the names of its choices.
    """

    term: ClassVar[str]
    weight: float = choice(0.0, "Weight of the term.")


def weight(term: str, meaning: str, default: float = 0.0) -> Any:
    """The field of a term's weight, set by the name `TERM_weight`. meaning: what it weighs."""
    return choice(default, meaning, name=f"{term}_weight", kind=DYNAMIC, at_least=0)
