"""A random walk through a recording: in its order for a while, then on from another moment that looks alike.

What textures start from. An optimiser moves levels, not events: ticks that begin at the wrong moments stay there, and what a
start of plain noise lacks in rhythm the best statistic cannot give it. A walk has every event whole and the period of
what is periodic, in an order of its own. After the video textures of Schoedl, Szeliski, Salesin & Essa 2000, whose jumps
lead, as these do, between moments with like neighbourhoods.

R moments, P places to jump between (every `stride`th moment), D features.
"""

from typing import NamedTuple

import jax
import numpy as np

from audio_texture import statistics

# Places at most: their distances make a matrix.
MOST_PLACES = 2048
# Of a jump: how much worse than the best it may be, as a share; what each earlier visit of a place counts beside that.
TOLERANCE, WEARINESS = 0.1, 12.0
# Walks of which the likest is taken, of moments in all: of long ones, which are like the recording anyhow, fewer.
DRAWS, FEWEST_DRAWS, MOST_WALKED = 32, 4, 40_000
# By how many of their stretches; of the patches they are judged by: moments averaged, the share of a stretch that one spans, directions.
MOST_STRETCHES, POOLED, SPANNED, DIRECTIONS = 8, 4, 0.5, 64


class Map(NamedTuple):
    """How ill each jump would fit. costs: [P, P], infinite where no jump leads; 1 is the mean. stride: moments from place to place. features: [R, D], of the recording."""

    costs: np.ndarray
    stride: int
    features: np.ndarray

    @property
    def moments(self) -> int:
        return len(self.features)


def survey(features: np.ndarray, *, context: int, apart: int) -> Map:
    """Compares the neighbourhoods of all moments of a recording.

    Args:
      features: [R, D], what moments are compared by.
      context: moments before and after that make a neighbourhood; at the recording's ends it is one-sided.
      apart: the shortest jump, in moments.
    Returns:
      The map, whose costs are the mean squared differences of neighbourhoods, 1 for those of any two moments.
    """
    stride = -(-len(features) // MOST_PLACES)
    seen = np.asarray(features[::stride], np.float32)
    places = len(seen)
    context = max(1, min(context // stride, places // 4))
    powers = np.sum(seen**2, axis=1)
    differences = np.maximum(powers[:, None] + powers[None] - 2 * seen @ seen.T, 0)
    costs = np.full_like(differences, np.inf)
    for lag in range(max(1, -(-apart // stride)), places):
        along = np.diagonal(differences, lag)
        running = np.concatenate([[0.0], np.cumsum(along, dtype=np.float64)])
        here = np.arange(len(along))
        first, last = np.maximum(here - context, 0), np.minimum(here + context + 1, len(along))
        # More than one side of both neighbourhoods must be there.
        mean = np.where(
            last - first > context, (running[last] - running[first]) / (last - first), np.inf
        )
        costs[here, here + lag] = costs[here + lag, here] = mean
    finite = np.isfinite(costs)
    return Map(
        costs / np.maximum(np.mean(costs[finite]), np.finfo(np.float32).tiny)
        if np.any(finite)
        else costs,
        stride,
        features,
    )


def wander(
    key: jax.Array, where: Map, length: int, *, piece: float, first: int | None = None
) -> np.ndarray:
    """Moments one after the other: a walk of a length, from `first`, or else a moment that looks like the recording's beginning. [length] int.

    After pieces of random lengths (geometric, of mean `piece` moments), and at the recording's end, the walk jumps to a place that fits nearly best and was
    seldom passed before.
    """
    return _wander(_draws(key), where, length, piece=piece, first=first)


def _draws(key: jax.Array) -> np.random.Generator:
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel())


def _wander(
    draws: np.random.Generator, where: Map, length: int, *, piece: float, first: int | None = None
) -> np.ndarray:
    ahead = max(1, min(round(piece / where.stride), len(where.costs) // 4))
    visits, path = np.zeros(len(where.costs) + ahead), [np.arange(0)]
    moment, walked = first or 0, 0
    while walked < length:
        if walked or first is None:
            moment = _jump(draws, where, moment, visits, ahead)
        steps = min(
            int(draws.geometric(1 / max(piece, 1.0))), where.moments - moment, length - walked
        )
        path.append(np.arange(moment, moment + steps))
        np.add.at(visits, path[-1] // where.stride, 1 / where.stride)
        walked, moment = walked + steps, min(moment + steps, where.moments - 1)
    return np.concatenate(path)


def likest(key: jax.Array, where: Map, length: int, *, piece: float, stretch: int) -> np.ndarray:
    """Of several walks of a length the one whose stretches are most like the recording's, each by itself. [length] int.

    Where in a stretch a period begins, and how loud moments are shared out among stretches, is for chance in one walk, and whatever starts from it keeps
    that. Likeness is the sliced 1-Wasserstein distance between sets of long patches (Rabin, Peyre, Delon & Bernot 2011), the mean over all pairs of a
    stretch of the walk and one of the recording.

    Args:
      piece: see `wander`.
      stretch: moments; what is shorter is judged as a whole.
    """
    features = where.features
    stretch = min(stretch, length, len(features))
    width = int(SPANNED * stretch) // POOLED
    if width < 1:
        return wander(key, where, length, piece=piece)
    paths = [
        _wander(each, where, length, piece=piece)
        for each in _draws(key).spawn(max(FEWEST_DRAWS, min(DRAWS, MOST_WALKED // length)))
    ]
    directions = np.random.default_rng(0).standard_normal(
        (width * features.shape[1], DIRECTIONS)
    ) / np.sqrt(width * features.shape[1])

    def stretches(moments):
        """Sorted projections of the patches of each stretch."""
        starts = np.linspace(
            0, len(moments) - stretch, min(MOST_STRETCHES, max(1, round(len(moments) / stretch)))
        ).astype(int)
        return [
            statistics.sorted_patches(_pooled(moments[start : start + stretch]), directions)
            for start in starts
        ]

    own = stretches(features)
    unlikeness = lambda path: np.mean(
        [np.mean(np.abs(found - wanted)) for found in stretches(features[path]) for wanted in own]
    )
    return min(paths, key=unlikeness)


def _pooled(moments: np.ndarray) -> np.ndarray:
    return (
        moments[: len(moments) // POOLED * POOLED]
        .reshape(-1, POOLED, moments.shape[1])
        .mean(axis=1)
    )


def led_to(path: np.ndarray, before: int) -> np.ndarray:
    """A walk and so many moments before it, in the recording's order as far as there are any."""
    return np.concatenate([np.maximum(path[0] - np.arange(before, 0, -1), 0), path])


def _jump(
    draws: np.random.Generator, where: Map, moment: int, visits: np.ndarray, ahead: int
) -> int:
    """A moment to go on from in the place of this one."""
    place, within = divmod(moment, where.stride)
    costs = where.costs[place].astype(np.float64)
    # The best of their surroundings alone, lest periods shift by a little with every jump; none so near the end that the next jump is forced.
    best = np.r_[True, costs[1:] <= costs[:-1]] & np.r_[costs[:-1] <= costs[1:], True]
    allowed = best & np.isfinite(costs) & (np.arange(len(costs)) < len(costs) - ahead)
    if not np.any(allowed):
        return int(draws.integers(0, max(1, where.moments - ahead * where.stride)))
    passed = np.cumsum(np.r_[0.0, visits])
    passed = (passed[ahead:] - passed[:-ahead])[: len(costs)] / ahead
    ranked = (
        costs / max(np.min(costs[allowed]), np.finfo(np.float32).tiny) / TOLERANCE
        + WEARINESS * passed
    )
    ranked[~allowed] = np.inf
    place = int(np.argmin(ranked + draws.gumbel(size=len(costs))))
    return min(place * where.stride + within, where.moments - 1)
