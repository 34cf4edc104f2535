"""States of runs on disk: one file each, whole or not at all, exact to the bit, and known for
damaged where it is.
"""

import contextlib
import json
import os
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import files
from audio_texture.optimize import Progress, State

FORMAT = "audio-texture checkpoint 1"


class DamagedError(ValueError):
    """A checkpoint that cannot be read: its run has to begin again."""


def save(path: str, state: State, progress: Sequence[Progress]) -> None:
    """Writes a state, and the rows without which early stopping would forget what it saw, over the
    last one.
    """
    save_tree(path, state, [row._asdict() for row in progress])


def load(path: str, like: State) -> tuple[State, list[Progress]] | None:
    """The state and its rows; None where there is no file.

    like: a state of the same problem, for shapes and types. Raises ValueError where the
    checkpoint's are others, and DamagedError where it cannot be read.
    """
    loaded = load_tree(path, like)
    return loaded and (loaded[0], [Progress(**row) for row in loaded[1]])


def save_tree(path: str, tree: Any, rows: Sequence[dict[str, Any]]) -> None:
    """Writes a pytree of arrays, PRNG keys among them, and rows of plain types, over the last one.
    OSError where it cannot.
    """
    arrays = {
        str(number): np.asarray(_plain(leaf)) for number, leaf in enumerate(jax.tree.leaves(tree))
    }
    notes = {
        "format": FORMAT,
        "shapes": json.dumps(_shapes(tree)),
        "progress": json.dumps(list(rows)),
    }
    files.write_arrays(path, arrays, notes)


def load_tree(path: str, like: Any) -> tuple[Any, list[dict[str, Any]]] | None:
    """Inverse of `save_tree`, with None and errors as `load`."""
    if not os.path.lexists(path):
        return None
    arrays, shapes, rows = _read(path)
    if shapes != _shapes(like):
        raise ValueError(
            f"the checkpoint {path!r} belongs to another problem: its arrays have other shapes."
        )
    leaves, structure = jax.tree.flatten(like)
    # Copies: what is on the CPU may share memory with NumPy's arrays, and states are donated.
    restored = [
        _like(jnp.array(arrays[str(number)], copy=True), leaf) for number, leaf in enumerate(leaves)
    ]
    return jax.tree.unflatten(structure, restored), rows


def check(path: str) -> None:
    """Raises DamagedError where there is a file that cannot be read as a checkpoint."""
    if os.path.lexists(path):
        _read(path)


def remove(path: str) -> None:
    """Removes a checkpoint, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.remove(path)


def _read(path: str) -> tuple[dict[str, np.ndarray], list[str], list[dict[str, Any]]]:
    try:
        arrays, notes = files.read_arrays(path)
        if notes.get("format") != FORMAT:
            raise ValueError(f"{path!r} is no checkpoint.")
        shapes, rows = json.loads(notes["shapes"]), json.loads(notes["progress"])
        if set(arrays) != {str(number) for number in range(len(shapes))}:
            raise ValueError(f"{path!r} lacks some of its arrays.")
    except (KeyError, ValueError) as error:
        raise DamagedError(str(error)) from error
    return arrays, shapes, rows


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _plain(leaf: Any) -> Any:
    return jax.random.key_data(leaf) if _is_key(leaf) else leaf


def _like(value: jax.Array, leaf: Any) -> jax.Array:
    # The type of a key names its generator.
    return jax.random.wrap_key_data(value, impl=leaf.dtype) if _is_key(leaf) else value


def _shapes(tree: Any) -> list[str]:
    return [f"{leaf.dtype}{list(leaf.shape)}" for leaf in jax.tree.leaves(tree)]
