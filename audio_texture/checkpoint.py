"""Optimiser states on disk, through orbax: whole or not at all, and exact to the bit."""

import os
import shutil
from collections.abc import Sequence

import jax

from audio_texture.optimize import Progress, State


def save(folder: str, state: State, progress: Sequence[Progress]) -> None:
    """Writes a state, and the rows without which early stopping would forget what it saw, over the last one."""
    ocp, manager = _manager(folder)
    with manager:
        parts = {
            "leaves": ocp.args.StandardSave(jax.tree.leaves(state)),
            "notes": ocp.args.JsonSave({"shapes": _shapes(state), "progress": [row._asdict() for row in progress]}),
        }
        manager.save(progress[-1].evaluations, args=ocp.args.Composite(**parts))


def load(folder: str, like: State) -> tuple[State, list[Progress]] | None:
    """The last state and its rows; None where there is none.

    like: a state of the same problem, for shapes and types. Raises ValueError where the checkpoint's are others.
    """
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
    return jax.tree.unflatten(structure, found["leaves"]), [Progress(**row) for row in notes["progress"]]


def _shapes(state: State) -> list[str]:
    return [f"{leaf.dtype}{list(leaf.shape)}" for leaf in jax.tree.leaves(state)]


def remove(folder: str) -> None:
    """Removes a folder of checkpoints, if it is there."""
    shutil.rmtree(folder, ignore_errors=True)


def _manager(folder: str):
    # Seconds of imports that only runs with checkpoints shall wait for.
    import orbax.checkpoint as ocp

    options = ocp.CheckpointManagerOptions(max_to_keep=1, enable_async_checkpointing=False)
    return ocp, ocp.CheckpointManager(os.path.abspath(folder), options=options)
