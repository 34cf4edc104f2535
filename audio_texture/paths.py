"""Checks that a path is a regular file, which can be read twice and from any place in it."""

import os
import stat
import sys

_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def check_regular(path: str) -> None:
    """Raises ValueError for a name that is no path, and for pipes, sockets and devices, which have
    no end or cannot be read twice.

    A missing file and a folder pass: their user knows whether they are allowed.
    """
    if not path.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in path):
        raise ValueError(
            f"{path!r} is no name in {sys.getfilesystemencoding().upper()}; rename it."
        )
    try:
        mode = os.stat(path).st_mode
    except ValueError as error:
        raise ValueError(f"{path!r} is no path ({error}).") from error
    except OSError as error:
        if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
            raise ValueError(f"{path!r} cannot be examined ({error.strerror}).") from error
        return
    for is_kind, words in _KINDS:
        if is_kind(mode):
            raise ValueError(
                f"{path!r} is {words}, not a file; copy what it holds into a file first."
            )


def check_file(path: str, wanted: str = "file") -> None:
    """Raises ValueError, naming what is there instead, if a path is not a regular file.

    Args:
      path: the path.
      wanted: the kind of file that is needed, in words.
    Example:
      >>> check_file("/", "sound file")
      Traceback (most recent call last):
      ValueError: '/' is a directory; a sound file is needed.
    """
    check_regular(path)
    if os.path.isdir(path):
        raise ValueError(f"{path!r} is a directory; a {wanted} is needed.")
    if not os.path.exists(path):
        linked = os.path.islink(path)
        raise ValueError(
            f"{path!r} is a link to {os.readlink(path)!r}, which does not exist."
            if linked
            else f"{path!r} does not exist."
        )
