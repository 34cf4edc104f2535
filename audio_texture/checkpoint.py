"""States of runs on disk, one file for each run, exact to the bit.

A file is written whole or not at all, and damage to it is detected.
"""

import contextlib
import json
import os
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import files
from audio_texture.optimize import OptimizerState, Outcome, ProgressRow

FORMAT = "audio-texture checkpoint 1"


class DamagedError(ValueError):
    """A checkpoint cannot be read; its run must begin again."""


def save(path: str, state: OptimizerState, progress: Sequence[ProgressRow]) -> None:
    """Writes a state in place of an earlier one, with the rows that early stopping compares.

    Raises OSError if it cannot be written.
    """
    save_tree(path, state, [row._asdict() for row in progress])


def load(path: str, like: OptimizerState) -> tuple[OptimizerState, list[ProgressRow]] | None:
    """Inverse of `save`: returns a state and its rows; None if there is no file.

    Args:
      path: of the checkpoint.
      like: a state of the same problem, for shapes and types.
    Raises:
      ValueError: the checkpoint has other shapes or types.
      DamagedError: it cannot be read.
    """
    loaded = load_tree(path, like)
    return loaded and (loaded[0], [ProgressRow(**row) for row in loaded[1]])


class Writer:
    """Writes the checkpoints of a run.

    Args:
      path: of the file; None writes none.
      every: evaluations between checkpoints; 0 writes one where the run is interrupted only.
      on_unsaved: called where a checkpoint cannot be written; without it the OSError is raised.
      rows: progress before the run, of an earlier one that it goes on with.
    """

    def __init__(
        self,
        path: str | None,
        every: int,
        on_unsaved: Callable[[OSError], None] | None,
        rows: Sequence[ProgressRow],
    ):
        self._path, self._every, self._on_unsaved = path, every, on_unsaved
        self._saved_at = rows[-1].evaluations if rows else 0

    def save_when_due(self, state: OptimizerState, rows: Sequence[ProgressRow]) -> None:
        """Writes a checkpoint where `every` evaluations have passed since the last one."""
        if self._path and self._every and rows[-1].evaluations >= self._saved_at + self._every:
            self._save(self._path, state, rows)
            self._saved_at = rows[-1].evaluations

    def save_interrupted(self, outcome: Outcome) -> None:
        """Writes a checkpoint of a run that was interrupted."""
        # A run interrupted before its first evaluation has no state worth a checkpoint.
        if outcome.reason == "interrupted" and self._path and outcome.progress:
            self._save(self._path, outcome.state, outcome.progress)

    def _save(self, path, state, rows):
        try:
            save(path, state, rows)
        except OSError as error:
            if self._on_unsaved is None:
                raise
            self._on_unsaved(error)


def save_tree(path: str, tree: Any, rows: Sequence[dict[str, Any]]) -> None:
    """Writes a pytree of arrays and PRNG keys, and rows of plain types, in place of an older file.

    Raises OSError if it cannot be written.
    """
    arrays = {
        str(number): np.asarray(_key_to_array(leaf))
        for number, leaf in enumerate(jax.tree.leaves(tree))
    }
    notes = {
        "format": FORMAT,
        "shapes": json.dumps(_shapes(tree)),
        "progress": json.dumps(list(rows)),
    }
    files.write_arrays(path, arrays, notes)


def load_tree(path: str, like: Any) -> tuple[Any, list[dict[str, Any]]] | None:
    """Inverse of `save_tree`: returns the pytree and its rows; None if there is no file.

    Args:
      path: of the file.
      like: a pytree of the same structure, shapes and types.
    Raises:
      ValueError: the file has other shapes or types.
      DamagedError: it cannot be read.

    Example:
      >>> import tempfile
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     save_tree(f"{folder}/run", {"x": jnp.arange(3)}, [{"loss": 0.5}])
      ...     tree, rows = load_tree(f"{folder}/run", {"x": jnp.zeros(3, jnp.int32)})
      >>> tree["x"].tolist(), rows
      ([0, 1, 2], [{'loss': 0.5}])
    """
    if not os.path.lexists(path):
        return None
    arrays, shapes, rows = _read(path)
    if shapes != _shapes(like):
        raise ValueError(
            f"the checkpoint {path!r} belongs to another problem: its arrays have other shapes."
        )
    leaves, structure = jax.tree.flatten(like)
    # Copied: arrays on the CPU may share memory with NumPy's, and states are donated.
    restored = [
        _array_to_key(jnp.array(arrays[str(number)], copy=True), leaf)
        for number, leaf in enumerate(leaves)
    ]
    return jax.tree.unflatten(structure, restored), rows


def check(path: str) -> None:
    """Raises DamagedError if a file is there but cannot be read as a checkpoint."""
    if os.path.lexists(path):
        _read(path)


def remove(path: str) -> None:
    """Removes a checkpoint if there is one."""
    with contextlib.suppress(FileNotFoundError):
        os.remove(path)


def _read(path: str) -> tuple[dict[str, np.ndarray], list[str], list[dict[str, Any]]]:
    try:
        arrays, notes = files.read_arrays(path)
        if notes.get("format") != FORMAT:
            raise ValueError(f"{path!r} is not a checkpoint.")
        shapes, rows = json.loads(notes["shapes"]), json.loads(notes["progress"])
        if set(arrays) != {str(number) for number in range(len(shapes))}:
            raise ValueError(f"{path!r} lacks some of its arrays.")
    except (KeyError, ValueError) as error:
        raise DamagedError(str(error)) from error
    return arrays, shapes, rows


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _key_to_array(leaf: Any) -> Any:
    return jax.random.key_data(leaf) if _is_key(leaf) else leaf


def _array_to_key(value: jax.Array, leaf: Any) -> jax.Array:
    # Other leaves stay as they are; the type of a key names its generator.
    return jax.random.wrap_key_data(value, impl=leaf.dtype) if _is_key(leaf) else value


def _shapes(tree: Any) -> list[str]:
    return [f"{leaf.dtype}{list(leaf.shape)}" for leaf in jax.tree.leaves(tree)]
