"""Numbers with their nouns."""


def count(number: int, noun: str) -> str:
    """A number with its noun, in the plural where there are several.

    Example:
      >>> count(1, "channel"), count(2, "channel")
      ('1 channel', '2 channels')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
