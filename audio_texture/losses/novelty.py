"""A loss on the course of events: windows of a sound that follow a stretch of its reference.

T frames, F bins, W windows: a window begins at every frame that has enough frames after it.
"""

import jax
import jax.numpy as jnp

from audio_texture import infinite_width
from audio_texture.base import Objective
from audio_texture.combinators import flatten_frames
from audio_texture.layer import Layer

# A reference's best match with its own other parts counts at least as this: a short one has few
# other parts.
LEAST_OWN_MATCH = 0.3
# A reference of fewer windows than this, side by side, is also compared with parts that overlap by
# half a window.
SHORT = 4


def novelty(*, width: int, strictness: float | jax.Array, circular: bool = False) -> Objective:
    """Penalty on windows of x that follow a stretch of the reference, or of x; for [T, F].

        mean_t (sum_u max(0, c(x_t, y_u) - limit)^2 + sum_s max(0, c(x_t, x_s) - limit)^2)

    c is the correlation of the windows of `width` frames that begin at two frames, each bin without
    its mean over as many frames: a common level or slow swell is no match. Windows s are those that
    do not overlap window t. For strictness=1 the limit lies a tenth of the way from the reference's
    best match with its own other parts to 1, so a sound that repeats itself, such as a clock, may
    go on to do so; for strictness=0 it is 1, which no window exceeds. All correlations come from
    matrices of products of frames, summed along their diagonals.

    Args:
      width: of a window, in frames; shorter sounds have no window, and the penalty is 0.
      strictness: from 0 to 1; may be traced.
      circular: whether x's last frame is followed by its first; the reference is not circular.
    """

    def fit(reference):
        frames = _without_mean(flatten_frames(reference), width)
        if len(frames) < width:
            return {"frames": frames}
        # The floor keeps a quiet window from matching through a division by almost 0.
        floor = 0.01 * jnp.mean(frames**2) + jnp.finfo(jnp.float32).tiny
        own = _correlations(frames, frames, width, floor)
        # A short reference has too few parts that do not overlap.
        least_apart = width if len(frames) >= SHORT * width else width // 2
        own = jnp.where(_frames_apart(len(own)) >= least_apart, own, LEAST_OWN_MATCH)
        best = jnp.max(own, initial=LEAST_OWN_MATCH)
        return {"frames": frames, "floor": floor, "best": best}

    def distance(target, x):
        x = _without_mean(flatten_frames(x), width, circular)
        if min(len(x), len(target["frames"])) < width:
            return jnp.zeros(()), {"novelty": jnp.zeros(())}
        if circular:
            x = jnp.concatenate([x, x[: width - 1]])
        limit = 1 - 0.9 * strictness * (1 - target["best"])
        matches = _correlations(x, target["frames"], width, target["floor"])
        own = _correlations(x, x, width, target["floor"])
        own = jnp.where(_frames_apart(len(own), circular) >= width, own, limit)
        total = sum(
            jnp.mean(jnp.sum(jnp.maximum(values - limit, 0.0) ** 2, axis=1))
            for values in (matches, own)
        )
        return total, {"novelty": total}

    return Objective(fit, distance)


def _correlations(x: jax.Array, y: jax.Array, width: int, floor: jax.Array) -> jax.Array:
    """Correlations of all windows of x [Tx, F] and y [Ty, F]: [Wx, Wy]. floor: of mean squares."""
    layer = Layer(width)
    products = infinite_width.diagonal_mean(infinite_width.frame_products(x, y), layer)
    x_size, y_size = (
        jnp.sqrt(infinite_width.diagonal_mean(jnp.mean(z**2, axis=1), layer) + floor)
        for z in (x, y)
    )
    return products / (x_size[:, None] * y_size[None])


def _without_mean(x: jax.Array, width: int, circular: bool = False) -> jax.Array:
    """Each bin without its mean over the `width` frames around: [T, F] -> [T, F]."""
    near = (_frames_apart(len(x), circular) <= width // 2).astype(x.dtype)
    return x - (near / jnp.sum(near, axis=1, keepdims=True)) @ x


def _frames_apart(count: int, circular: bool = False) -> jax.Array:
    """Distance in time of all pairs of frames: [count, count]."""
    apart = jnp.abs(jnp.arange(count)[:, None] - jnp.arange(count)[None])
    return jnp.minimum(apart, count - apart) if circular else apart
