"""Minimises any scalar function of a pytree, in chunks on the device. Knows nothing of audio.

A loss is `loss(parameters, data) -> (scalar, terms)`. A step of an optimiser is exactly one
evaluation of the loss and its gradient. So budgets are counted in evaluations, whatever a line
search does, and the compiled program holds the loss once (optax's line search needs it in the
search and again where a step begins).
"""

from audio_texture.base import Loss, Optimizer, OptimizerState, Parameters
from audio_texture.optimize.adam import adam
from audio_texture.optimize.batch import batch_bytes, run_batch
from audio_texture.optimize.interrupts import APART, Interrupts
from audio_texture.optimize.lbfgs import lbfgs
from audio_texture.optimize.run_loop import (
    CHUNK,
    WINDOW,
    Outcome,
    ProgressRow,
    compile_ahead,
    ignore_step,
    run,
    value_at,
)

__all__ = [
    # Interfaces.
    "Loss",
    "Optimizer",
    "OptimizerState",
    "Parameters",
    # Methods.
    "adam",
    "lbfgs",
    # Runs in chunks.
    "CHUNK",
    "Outcome",
    "ProgressRow",
    "WINDOW",
    "batch_bytes",
    "compile_ahead",
    "ignore_step",
    "run",
    "run_batch",
    "value_at",
    # Ctrl-C and SIGTERM.
    "APART",
    "Interrupts",
]
