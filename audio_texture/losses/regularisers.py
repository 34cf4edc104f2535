"""Losses on a canvas alone: they have no reference, and their target is empty."""

import jax.numpy as jnp

from audio_texture.base import Objective


def bounds(low: float = 0.0, high: float = 1.0) -> Objective:
    """L2 norm, not squared, of the excess of values beyond [low, high].

    Huzaifah & Wyse 2019 use it in place of clamping.

    Example:
      >>> float(bounds().distance((), jnp.array([0.5, 4.0, -4.0]))[0])
      5.0
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

    Example:
      >>> float(total_variation().distance((), jnp.array([[0.0, 1.0], [0.0, 1.0]]))[0])
      1.0
    """

    def distance(_, x):
        total = jnp.mean((x[1:] - x[:-1]) ** 2) + jnp.mean((x[..., 1:] - x[..., :-1]) ** 2)
        return total, {"variation": total}

    return Objective(lambda _: (), distance)


def sixth_power() -> Objective:
    """Mean of x^6, which keeps values small (Mahendran & Vedaldi 2015: alpha-norm, alpha = 6).

    Example:
      >>> float(sixth_power().distance((), jnp.array([2.0, 0.0]))[0])
      32.0
    """

    def distance(_, x):
        total = jnp.mean(x**6)
        return total, {"power": total}

    return Objective(lambda _: (), distance)
