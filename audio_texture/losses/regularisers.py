"""Losses on a canvas alone, which nothing is fitted to: its target is empty."""

import jax.numpy as jnp

from audio_texture.base import Objective


def bounds(low: float = 0.0, high: float = 1.0) -> Objective:
    """L2 norm, not squared, of what lies outside [low, high].

    The regulariser of Huzaifah & Wyse 2019 in place of clamping.
    """

    def distance(_, x):
        outside = jnp.maximum(x - high, 0.0) + jnp.maximum(low - x, 0.0)
        square = jnp.sum(outside**2)
        # Double where: the root's derivative at zero is infinite, and a canvas is mostly in bounds.
        norm = jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0.0)
        return norm, {"bounds": norm}

    return Objective(lambda _: (), distance)


def total_variation() -> Objective:
    """Mean squared difference of neighbours of x [T, ..., F] in time and in frequency.

    Mahendran & Vedaldi 2015, Eq. 4 with beta = 2.
    """

    def distance(_, x):
        total = jnp.mean((x[1:] - x[:-1]) ** 2) + jnp.mean((x[..., 1:] - x[..., :-1]) ** 2)
        return total, {"variation": total}

    return Objective(lambda _: (), distance)


def sixth_power() -> Objective:
    """Mean of x^6, which keeps values small (Mahendran & Vedaldi 2015: alpha-norm, alpha = 6)."""

    def distance(_, x):
        total = jnp.mean(x**6)
        return total, {"power": total}

    return Objective(lambda _: (), distance)
