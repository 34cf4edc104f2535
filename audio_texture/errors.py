"""Errors about a choice, which carry the name of the choice they are about."""


class ChoiceError(ValueError):
    """A choice that cannot be.

    The message is one sentence that names the choice, its value and the rule. Programs put the flag
    before it; a notebook sees a ValueError.

    Attributes:
      field: name of the choice (a keyword of the Python API, a flag of the programs).
      others: names of further choices that the rule is about.
    """

    def __init__(self, message: str, *, field: str, others: tuple[str, ...] = ()):
        super().__init__(message)
        self.field = field
        self.others = others

    def __reduce__(self):
        return _rebuilt, (type(self), str(self), self.field, self.others)


def _rebuilt(kind, message, field, others):
    return kind(message, field=field, others=others)
