"""Numbers with their nouns."""


def count(number: int, noun: str) -> str:
    """A number with its noun, in the plural where there are several.

    Example:
      >>> count(1, "channel"), count(2, "channel")
      ('1 channel', '2 channels')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def name_channels(number: int) -> str:
    """A number of channels as people say it.

    Example:
      >>> [name_channels(number) for number in (1, 2, 6)]
      ['mono', 'stereo', '6 channels']
    """
    return {1: "mono", 2: "stereo"}.get(number, f"{number} channels")
