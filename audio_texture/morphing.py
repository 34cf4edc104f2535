"""Morphs: mixtures whose weights change over time.

Levels of two sounds may be 40 dB apart in a band. So the units in which a morph is compared with
its references change from frame to frame. Only what is left, such as a rhythm or the depth of
fluctuation, is compared block by block, at weights that stand still in each.

R references, C channels, N samples, T frames, F bins, P places.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import spectrogram
from audio_texture.base import Objective, Weights
from audio_texture.combinators import blocks, shares, weights_of_frames

# At both ends the weights stand still for this share of a morph's length, up to these seconds: the
# ends are then textures of their own reference, long enough to be heard as such.
HOLD_SHARE, HOLD_SECONDS = 0.2, 2.0
# Least number of blocks that the time in which weights change is cut into, in short morphs.
STEPS = 4
# Times within a block at which its units are known; they are interpolated between.
BLOCK_TIMES = 17
# Window in seconds in which levels of waves are divided out.
WINDOW_SECONDS = 0.032


def place_at(seconds: Any, total: float) -> jax.Array:
    """Returns how far a morph has come at some times, from 0 (the beginning) to 1 (the end).

    Args:
      seconds: from the beginning, any shape; may be traced.
      total: length of the morph in seconds.
    Example:
      >>> place_at(np.array([0.0, 1.0, 2.5, 5.0]), 5.0).tolist()
      [0.0, 0.0, 0.5, 1.0]
    """
    change = seconds_of_change(total)
    return jnp.clip((jnp.asarray(seconds) - (total - change) / 2) / change, 0.0, 1.0)


def seconds_of_change(total: float) -> float:
    """Returns for how long the weights of a morph of `total` seconds change.

    Example:
      >>> seconds_of_change(5.0), seconds_of_change(60.0)
      (3.0, 56.0)
    """
    return total - 2 * min(HOLD_SHARE * total, HOLD_SECONDS)


# Weights along a block of a morph: seconds left out at both of its ends -> weights at times evenly
# spread over the rest, [P, R].
Along = Callable[[float], jax.Array]


class Course(NamedTuple):
    """The weights of the references along a morph. All values may be traced.

    Attributes:
      weights: at the beginning, [R].
      morph_to: at the end, [R].
      balance: [R], of the spectrum, see `mixing.balance`.

    Example:
      >>> course = Course([1.0, 0.0], [0.0, 2.0], np.array([0.5, 1.5]))
      >>> course.shares_at(np.array([0.0, 0.25, 0.5, 1.0]))[:, 1].tolist()
      [0.0, 0.375, 0.75, 1.0]
      >>> course.weights_at(np.array([0.0, 0.5, 1.0]))[:, 1].tolist()
      [0.0, 0.5, 1.0]
    """

    weights: Any
    morph_to: Any
    balance: Any

    def shares_at(self, places: Any) -> jax.Array:
        """Returns balanced weights that add up to one, [P, R]: shares in each level in dB.

        They change evenly from the beginning to the balanced middle, and evenly to the end. If the
        weights before they are balanced changed evenly, the levels would pass in a rush.
        """
        begin, end = (
            jnp.asarray(ends, jnp.float32) / sum(ends) for ends in (self.weights, self.morph_to)
        )
        knots = jnp.stack([begin, (begin + end) / 2, end]) * jnp.asarray(self.balance)[None]
        knots = knots / jnp.sum(knots, axis=1, keepdims=True)
        distances = jnp.abs(2 * jnp.asarray(places)[:, None] - np.arange(3, dtype=np.float32)[None])
        return jnp.sum(jnp.maximum(1 - distances, 0.0)[:, :, None] * knots[None], axis=1)

    def weights_at(self, places: Any) -> jax.Array:
        """Returns the weights that `shares_at` balances, [P, R]; they add up to one."""
        weights = self.shares_at(places) / jnp.asarray(self.balance)[None]
        return weights / jnp.sum(weights, axis=1, keepdims=True)


def course_of(weights: Any, morph_to: Any, balance: Any) -> Course:
    """Returns a course; balance: of `mixing.balance`, or None."""
    factors = np.ones(len(morph_to), np.float32) if balance is None else balance["spectrum"]
    return Course(weights, morph_to, factors)


def morph(
    mixed: Callable[[Weights, Along], Objective],
    course: Course,
    *,
    sample_rate: int,
    size: int,
    overlap: int,
    stretch: tuple[Any, float] | None = None,
    circular: bool = False,
) -> Objective:
    """A mixture of waves [C, N] whose weights change over time.

    x is cut into blocks. A block's statistics are compared with the mixture's at the weights of its
    middle, in units that change within it. (With units that stand still, blocks of a second ask for
    levels that jump where they meet. Overlapping masks over all of x, as in Gatys et al. 2017,
    would ask for one reference's statistics where half of the sound is the other's.)

    Args:
      mixed: (weights, weights along the block) -> mixture in the units of the latter.
      course: of the weights.
      sample_rate: in Hz.
      size: most samples of a block; short morphs have shorter ones, of at least two overlaps.
      overlap: fewest samples that neighbouring blocks share, see `combinators.blocks`.
      stretch: of a morph, x is the part that begins at a time, may be traced, and the whole is so
        long, both in seconds. By default x is the whole.
      circular: whether x's end is followed by its beginning.
    """

    def distance(target, x):
        samples = x.shape[1]
        start, total = (0.0, samples / sample_rate) if stretch is None else stretch
        if circular:
            x = jnp.concatenate([x, x[:, :overlap]], axis=1)
        most = min(size, round(seconds_of_change(total) * sample_rate / STEPS))
        length, starts = blocks(x.shape[1], frames=max(most, 2 * overlap), overlap=overlap)

        def weights_at(positions):
            seconds = start + (positions % samples if circular else positions) / sample_rate
            return course.weights_at(place_at(seconds, total))

        @jax.checkpoint
        def of_block(block):
            first, wave = block

            def along(edge):
                cut = round(edge * sample_rate)
                return weights_at(first + jnp.linspace(cut, length - cut, BLOCK_TIMES))

            middle = weights_at(first + jnp.full(1, length // 2))[0]
            return mixed(list(middle), along).distance(target, wave)

        cut = jnp.stack([x[:, first : first + length] for first in starts])
        totals, terms = jax.lax.map(of_block, (jnp.array(starts, jnp.float32), cut))
        return jnp.mean(totals), {name: jnp.mean(values) for name, values in terms.items()}

    fit = mixed(course.weights, lambda edge: jnp.asarray(course.weights)[None]).fit
    return Objective(fit, distance)


def levelled(objective: Objective, weights: Weights | None, along: jax.Array | None) -> Objective:
    """The objective on magnitudes [T, ..., F] of one level: the course of a morph is divided out.

    Args:
      objective: a mixture at the weights.
      weights: of the references whose list `fit` takes, [R].
      along: weights along x, [P, R]; None outside morphs, where the objective stays as it is.
    """
    return _levelled(
        objective,
        weights,
        along,
        measure=lambda magnitude: jnp.log(spectrogram.loudness_scale(magnitude)),
        apply=lambda x, log_gains: x * jnp.exp(log_gains(len(x))),
    )


def levelled_waves(
    objective: Objective, weights: Weights | None, along: jax.Array | None, *, sample_rate: int
) -> Objective:
    """`levelled` for waves [N, C] and objectives that see bands as wide as the ear's.

    All channels get the same gains.
    """
    n_fft = 2 * round(WINDOW_SECONDS * sample_rate / 2)
    sizes = {"n_fft": n_fft, "hop_length": n_fft // 2}
    hertz = np.fft.rfftfreq(n_fft, 1 / sample_rate)
    # Equivalent rectangular bandwidths, Glasberg & Moore 1990.
    widths = np.maximum(24.7 + 0.108 * hertz, hertz[1])
    near = np.exp(-np.pi * ((hertz[:, None] - hertz[None]) / widths[:, None]) ** 2)
    near = (near / near.sum(axis=1, keepdims=True)).astype(np.float32)

    def spectra(wave):
        return jax.vmap(lambda channel: spectrogram.stft(channel, **sizes))(wave.T)

    def measure(wave):
        power = near @ jnp.mean(jnp.abs(spectra(wave)) ** 2, axis=(0, 1))
        return 0.5 * jnp.log(power + 1e-6 * jnp.mean(power) + jnp.finfo(jnp.float32).tiny)

    def apply(x, log_gains):
        parts = spectra(x)
        parts = parts * jnp.exp(log_gains(parts.shape[1]))[None]
        back = jax.vmap(lambda part: spectrogram.istft(part, **sizes, length=len(x)))
        return back(parts).T

    return _levelled(objective, weights, along, measure=measure, apply=apply)


def _levelled(objective, weights, along, *, measure, apply):
    """The objective on x with levels as at the weights all along.

    measure: reference -> log level [..., F].
    apply: (x, function: frames -> log gains [frames, ..., F]) -> x.
    """
    if along is None:
        return objective

    def fit(references):
        levels = jnp.stack([measure(reference) for reference in references])
        return {"levels": levels, "target": objective.fit(references)}

    def distance(target, x):
        still = jnp.stack(shares(weights))

        def log_gains(frames):
            own = weights_of_frames(along / jnp.sum(along, axis=1, keepdims=True), frames)
            return jnp.tensordot(still[None] - own, target["levels"], 1)

        return objective.distance(target["target"], apply(x, log_gains))

    return Objective(fit, distance)
