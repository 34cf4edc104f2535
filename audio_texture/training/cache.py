"""Examples on disk: one file for each clip, named by the clip's content and the front end."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable

import numpy as np

from audio_texture import files
from audio_texture.training.config import BASELINE_BANDS, FrontEnd
from audio_texture.training.examples import PROCEDURAL, Example, make_example, read_clip

# A part of every file's name: raise it when `make_example` changes what it returns.
_VERSION = 1


def _ignore(reason: str) -> None:
    pass


def cache_example(
    path: str, front: FrontEnd, folder: str, *, on_unsaved: Callable[[str], None] = _ignore
) -> str:
    """Returns the path of a clip's example on disk; makes the file if it is missing or damaged.

    Args:
      path: the clip.
      front: the front end.
      folder: the cache.
      on_unsaved: called with the reason where the file cannot be written.

    Raises:
      ValueError: the clip cannot be read.
    """
    digest = hashlib.sha256(json.dumps([_VERSION, dataclasses.asdict(front)]).encode())
    if path.startswith(PROCEDURAL):
        digest.update(path.encode())
    else:
        try:
            with open(path, "rb") as file:
                digest.update(file.read())
        except OSError as error:
            raise ValueError(f"{path!r} cannot be read ({error.strerror}).") from error
    entry = os.path.join(folder, digest.hexdigest()[:2], digest.hexdigest() + ".npz")
    read_or_make_example(entry, path, front, on_unsaved=on_unsaved)
    return entry


def read_or_make_example(
    entry: str, path: str, front: FrontEnd, *, on_unsaved: Callable[[str], None] = _ignore
) -> Example:
    """Returns a clip's example from its file; makes and writes it if that is missing or damaged.

    Args:
      entry: the file, of `cache_example`.
      path: the clip.
      front: the front end.
      on_unsaved: called with the reason where the file cannot be written.
    """
    try:
        return load_example(entry, front)
    except ValueError:
        example = make_example(read_clip(path, front), front)
    try:
        _save(entry, example)
    except OSError as error:
        on_unsaved(error.strerror or str(error))
    return example


def load_example(entry: str, front: FrontEnd | None = None) -> Example:
    """Returns the example in a file of `cache_example`.

    Raises:
      ValueError: the file is missing, damaged, or belongs to another front end.
    """
    try:
        # np.load leaves a file that it opened itself open where the archive is damaged.
        with open(entry, "rb") as file, np.load(file) as arrays:
            example = Example(*(arrays[name] for name in Example._fields))
    # The reader of archives alone raises half a dozen kinds of errors on damaged ones.
    except Exception as error:
        raise ValueError(f"{entry!r} is missing or damaged ({error}).") from error
    shapes = [value.shape for value in example]
    expected = [front.shape if front else shapes[0], (), (BASELINE_BANDS,)]
    types = [value.dtype for value in example]
    if (
        shapes != expected
        or types != [np.float16, np.float32, np.float32]
        or not all(np.all(np.isfinite(value)) for value in example)
    ):
        raise ValueError(f"{entry!r} does not hold the spectrogram of a clip.")
    return example


def _save(entry: str, example: Example) -> None:
    """Writes a file whole or not at all. Raises OSError where it cannot be written."""
    os.makedirs(os.path.dirname(entry), exist_ok=True)
    # Threads and processes may write the same entry: each writes a partial file of its own.
    with files.replacing(entry) as partial, open(partial, "wb") as file:
        np.savez(file, **example._asdict())
