"""Checks that a path is a regular file, which can be read twice and from any position."""

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
    """Raises ValueError for a string that cannot be a path, and for pipes, sockets and devices,
    which have no end or cannot be read twice.

    A missing file and a folder pass: the caller decides whether they are allowed.
    """
    if not path.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in path):
        raise ValueError(
            f"{path!r} is not valid {sys.getfilesystemencoding().upper()}; rename the file."
        )
    try:
        mode = os.stat(path).st_mode
    except ValueError as error:
        raise ValueError(f"{path!r} is not a path ({error}).") from error
    except OSError as error:
        if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
            raise ValueError(f"{path!r} cannot be examined ({error.strerror}).") from error
        return
    for is_kind, description in _KINDS:
        if is_kind(mode):
            raise ValueError(
                f"{path!r} is {description}, not a file; copy its content into a file first."
            )


def check_file(path: str, wanted: str = "file") -> None:
    """Raises ValueError, which says what the path is instead, if a path is not a regular file.

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
