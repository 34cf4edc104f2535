"""Flags whose values are paths: `~` is the user's home folder, and a value that cannot be a path is
refused while flags are parsed.
"""

import os

from absl import flags

from audio_texture import paths


class PathParser(flags.ArgumentParser):
    """Parses a path. optional: whether it may be empty."""

    def __init__(self, *, optional: bool = False):
        self._optional = optional

    def parse(self, argument: str) -> str:
        """The path with `~` and `~user` expanded. ValueError for an empty one, a pipe, a device, or
        a name that is not UTF-8.
        """
        return argument if self._optional and not argument else expanded(argument)

    def flag_type(self) -> str:
        return "path"


def expanded(path: str) -> str:
    """The path with its leading `~` or `~user` expanded. ValueError where it cannot be used."""
    if not path:
        raise ValueError("must be a path, and is empty.")
    whole = os.path.expanduser(path)
    if whole == path and path.startswith("~") and not os.path.lexists(path):
        user = path.split("/")[0]
        reason = "no home folder is known" if user == "~" else f"there is no user {user[1:]!r}"
        raise ValueError(f"{path!r}: {reason}; write ./{path} for a name that begins so.")
    paths.check_regular(whole)
    return whole
