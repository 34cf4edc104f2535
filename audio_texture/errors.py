"""The error about a choice, which carries the name of that choice, and hints for wrong names."""

import difflib
from collections.abc import Iterable


def suggest(name: str, names: Iterable[str]) -> str:
    """The end of a sentence on a name that does not exist: the nearest one, or all there are.

    Example:
      >>> suggest("rian", ["rain", "fire"]), suggest("x", ["rain", "fire"])
      ('; did you mean rain?', '; there are rain, fire.')
    """
    names = [*names]
    near = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]}?" if near else f"; there are {', '.join(names)}."


class ChoiceError(ValueError):
    """A choice has a value that its rule forbids.

    The message is one sentence that names the choice, its value and the rule. Programs put the flag
    before it; a notebook sees a ValueError.

    Attributes:
      field: name of the choice (a keyword of the Python API, a flag of the programs).
      others: names of further choices that the rule is about.

    Example:
      >>> ChoiceError("depth must be at least 1, got 0.", field="depth").field
      'depth'
    """

    def __init__(self, message: str, *, field: str, others: tuple[str, ...] = ()):
        super().__init__(message)
        self.field = field
        self.others = others

    def __reduce__(self):
        return _rebuild, (type(self), str(self), self.field, self.others)


def _rebuild(kind, message, field, others):
    return kind(message, field=field, others=others)
