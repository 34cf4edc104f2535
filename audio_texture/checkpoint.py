"""States of runs on disk, through orbax: whole or not at all, and exact to the bit."""

import os
import shutil
from collections.abc import Sequence
from typing import Any

import jax

from audio_texture.optimize import Progress, State


def save(folder: str, state: State, progress: Sequence[Progress]) -> None:
    """Writes a state, and the rows without which early stopping would forget what it saw, over the last one."""
    save_tree(folder, progress[-1].evaluations, state, [row._asdict() for row in progress])


def load(folder: str, like: State) -> tuple[State, list[Progress]] | None:
    """The last state and its rows; None where there is none.

    like: a state of the same problem, for shapes and types. Raises ValueError where the checkpoint's are others.
    """
    found = load_tree(folder, like)
    return found and (found[0], [Progress(**row) for row in found[1]])


def save_tree(folder: str, step: int, tree: Any, rows: Sequence[dict[str, Any]]) -> None:
    """Writes a pytree of arrays, and rows of plain types, over the last one. Steps must rise."""
    ocp, manager = _manager(folder)
    with manager:
        parts = {
            "leaves": ocp.args.StandardSave(jax.tree.leaves(tree)),
            "notes": ocp.args.JsonSave({"shapes": _shapes(tree), "progress": list(rows)}),
        }
        manager.save(step, args=ocp.args.Composite(**parts))


def load_tree(folder: str, like: Any) -> tuple[Any, list[dict[str, Any]]] | None:
    """Inverse of `save_tree`, with None and ValueError as `load`."""
    if not os.path.isdir(folder):
        return None
    leaves, structure = jax.tree.flatten(like)
    ocp, manager = _manager(folder)
    with manager:
        if manager.latest_step() is None:
            return None
        notes = manager.restore(manager.latest_step(), args=ocp.args.Composite(notes=ocp.args.JsonRestore()))["notes"]
        if notes["shapes"] != _shapes(like):
            raise ValueError(f"the checkpoint in {folder!r} belongs to another problem: its arrays have other shapes.")
        parts = {"leaves": ocp.args.StandardRestore(leaves)}
        found = manager.restore(manager.latest_step(), args=ocp.args.Composite(**parts))
    return jax.tree.unflatten(structure, found["leaves"]), notes["progress"]


def _shapes(tree: Any) -> list[str]:
    return [f"{leaf.dtype}{list(leaf.shape)}" for leaf in jax.tree.leaves(tree)]


def remove(folder: str) -> None:
    """Removes a folder of checkpoints, if it is there."""
    shutil.rmtree(folder, ignore_errors=True)


def _manager(folder: str):
    # Seconds of imports that only runs with checkpoints shall wait for.
    import orbax.checkpoint as ocp

    options = ocp.CheckpointManagerOptions(max_to_keep=1, enable_async_checkpointing=False)
    return ocp, ocp.CheckpointManager(os.path.abspath(folder), options=options)
