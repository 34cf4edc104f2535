"""A random walk through a recording: a run of frames in order, then a jump to a similar frame.

Textures start from such a walk. An optimiser changes levels but does not move events: ticks that
begin at the wrong times stay there, and no statistic gives plain noise a rhythm. A walk plays the
recording's events in a new order, keeps every event whole, and keeps the period of a periodic
sound. The method follows the video textures of Schoedl, Szeliski, Salesin & Essa 2000, whose jumps
also lead between frames with similar neighbourhoods.

T frames, P places to jump between (every `stride`-th frame), D features.
"""

from typing import NamedTuple

import jax
import numpy as np

from audio_texture import statistics

# Most places to jump between: their distances make a matrix [P, P].
MOST_PLACES = 2048
# A jump may cost more than the cheapest jump by about this share of the cheapest cost ...
TOLERANCE = 0.1
# ... and every earlier visit of a place adds this many such shares to the cost.
REVISIT_PENALTY = 12.0
# `sample_best_of_n` draws from FEWEST_DRAWS to DRAWS walks with at most MOST_WALKED frames in all:
# long walks are like the recording anyway, so fewer of them are drawn.
DRAWS, FEWEST_DRAWS, MOST_WALKED = 32, 4, 40_000
# It compares at most MOST_STRETCHES stretches of a walk. A patch is SPANNED of a stretch long, of
# frames averaged in groups of POOLED, and is projected on DIRECTIONS random directions.
MOST_STRETCHES, POOLED, SPANNED, DIRECTIONS = 8, 4, 0.5, 64


class TransitionModel(NamedTuple):
    """How badly each jump within a recording fits.

    Attributes:
      costs: [P, P], infinite for forbidden jumps; the mean of the others is 1.
      stride: frames from one place to the next.
      features: [T, D], of the recording.
    """

    costs: np.ndarray
    stride: int
    features: np.ndarray

    @property
    def n_frames(self) -> int:
        """T, the frames of the recording."""
        return len(self.features)


def fit_transitions(features: np.ndarray, *, context: int, apart: int) -> TransitionModel:
    """Compares the neighbourhoods of all frames of a recording.

    Args:
      features: [T, D], by which frames are compared.
      context: frames before and after a frame that make its neighbourhood; at the recording's ends
        it is one-sided.
      apart: length of the shortest jump, in frames.
    Returns:
      The model; a cost is the mean squared difference of two neighbourhoods, divided by the mean of
      all costs.
    Example:
      >>> model = fit_transitions(np.eye(8)[[0, 1, 2, 3] * 4], context=2, apart=3)
      >>> model.costs.shape, round(float(model.costs[4, 8]), 3)
      ((16, 16), 0.0)
    """
    stride = -(-len(features) // MOST_PLACES)
    at_places = np.asarray(features[::stride], np.float32)
    places = len(at_places)
    context = max(1, min(context // stride, places // 4))
    powers = np.sum(at_places**2, axis=1)
    differences = np.maximum(powers[:, None] + powers[None] - 2 * at_places @ at_places.T, 0)
    costs = np.full_like(differences, np.inf)
    for lag in range(max(1, -(-apart // stride)), places):
        along = np.diagonal(differences, lag)
        running = np.concatenate([[0.0], np.cumsum(along, dtype=np.float64)])
        here = np.arange(len(along))
        first, last = np.maximum(here - context, 0), np.minimum(here + context + 1, len(along))
        # Neighbourhoods that the recording's end cuts down to one side are left out.
        mean = np.where(
            last - first > context, (running[last] - running[first]) / (last - first), np.inf
        )
        costs[here, here + lag] = costs[here + lag, here] = mean
    finite = np.isfinite(costs)
    if np.any(finite):
        costs = costs / np.maximum(np.mean(costs[finite]), np.finfo(np.float32).tiny)
    return TransitionModel(costs, stride, features)


def sample_path(
    key: jax.Array, model: TransitionModel, length: int, *, piece: float, first: int | None = None
) -> np.ndarray:
    """Draws a walk and returns the numbers of the recording's frames in the order of the walk.

    The walk follows the recording for pieces of random lengths. After a piece, and at the
    recording's end, it jumps to a place whose cost is near the least and that was seldom visited.

    Args:
      key: random key.
      model: of `fit_transitions`.
      length: of the walk, in frames.
      piece: mean length of a piece, in frames; the lengths are geometrically distributed.
      first: frame to begin with; None draws a frame that looks like the recording's beginning.
    Returns:
      [length] int, frame numbers.
    Example:
      >>> model = fit_transitions(np.eye(8)[[0, 1, 2, 3] * 4], context=2, apart=3)
      >>> sample_path(jax.random.key(0), model, 5, piece=100.0, first=4).tolist()
      [4, 5, 6, 7, 8]
    """
    return _sample_path(_generator(key), model, length, piece=piece, first=first)


def _generator(key: jax.Array) -> np.random.Generator:
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel())


def _sample_path(
    rng: np.random.Generator,
    model: TransitionModel,
    length: int,
    *,
    piece: float,
    first: int | None = None,
) -> np.ndarray:
    ahead = max(1, min(round(piece / model.stride), len(model.costs) // 4))
    visits, path = np.zeros(len(model.costs) + ahead), [np.arange(0)]
    frame, walked = first or 0, 0
    while walked < length:
        if walked or first is None:
            frame = _jump(rng, model, frame, visits, ahead)
        steps = int(rng.geometric(1 / max(piece, 1.0)))
        steps = min(steps, model.n_frames - frame, length - walked)
        path.append(np.arange(frame, frame + steps))
        np.add.at(visits, path[-1] // model.stride, 1 / model.stride)
        walked, frame = walked + steps, min(frame + steps, model.n_frames - 1)
    return np.concatenate(path)


def sample_best_of_n(
    key: jax.Array, model: TransitionModel, length: int, *, piece: float, stretch: int
) -> np.ndarray:
    """Draws several walks and returns the walk whose stretches are most like the recording's.

    In a single walk, chance decides where in a stretch a period begins and how the loud frames are
    distributed over the stretches, and a texture that starts from the walk keeps both. The measure
    is the sliced 1-Wasserstein distance between sets of long patches (Rabin, Peyre, Delon & Bernot
    2011), averaged over all pairs of a stretch of the walk and a stretch of the recording.

    Args:
      key: random key.
      model: of `fit_transitions`.
      length: of the walk, in frames.
      piece: see `sample_path`.
      stretch: frames of a stretch; a shorter walk or recording is judged as a whole.
    Returns:
      [length] int, frame numbers.
    Example:
      >>> model = fit_transitions(np.eye(8)[[0, 1, 2, 3] * 4], context=2, apart=3)
      >>> sample_best_of_n(jax.random.key(0), model, 12, piece=4.0, stretch=8).shape
      (12,)
    """
    features = model.features
    stretch = min(stretch, length, len(features))
    width = int(SPANNED * stretch) // POOLED
    if width < 1:
        return sample_path(key, model, length, piece=piece)
    n_draws = max(FEWEST_DRAWS, min(DRAWS, MOST_WALKED // length))
    paths = [
        _sample_path(rng, model, length, piece=piece) for rng in _generator(key).spawn(n_draws)
    ]
    size = width * features.shape[1]
    directions = statistics.random_directions(size, DIRECTIONS, seed=0, unit_length=False)

    def project_stretches(frames):
        """Returns the sorted projections of the patches of each stretch."""
        n_stretches = min(MOST_STRETCHES, max(1, round(len(frames) / stretch)))
        starts = np.linspace(0, len(frames) - stretch, n_stretches).astype(int)
        pooled = [_pool(frames[start : start + stretch]) for start in starts]
        return [statistics.sorted_patches(patches, directions) for patches in pooled]

    reference = project_stretches(features)

    def path_distance(path):
        stretches = project_stretches(features[path])
        return np.mean([np.mean(np.abs(x - y)) for x in stretches for y in reference])

    return min(paths, key=path_distance)


def _pool(features: np.ndarray) -> np.ndarray:
    """Returns means of POOLED frames: [T, D] -> [T // POOLED, D]."""
    whole = features[: len(features) // POOLED * POOLED]
    return whole.reshape(-1, POOLED, features.shape[1]).mean(axis=1)


def prepend_lead_in(path: np.ndarray, before: int) -> np.ndarray:
    """Returns a walk after the `before` frames that precede its first frame in the recording; frame
    0 is repeated where the recording has no earlier frames.

    Example:
      >>> prepend_lead_in(np.array([2, 3]), 4).tolist()
      [0, 0, 0, 1, 2, 3]
    """
    return np.concatenate([np.maximum(path[0] - np.arange(before, 0, -1), 0), path])


def _jump(
    rng: np.random.Generator, model: TransitionModel, frame: int, visits: np.ndarray, ahead: int
) -> int:
    """Draws the frame to jump to from this frame.

    visits: visits of every place so far. ahead: places that a piece covers on average.
    """
    place, within = divmod(frame, model.stride)
    costs = model.costs[place].astype(np.float64)
    # Only local minima of the cost: periods would otherwise shift a little with every jump. Places
    # near the recording's end, which would force the next jump, are left out.
    is_minimum = np.r_[True, costs[1:] <= costs[:-1]] & np.r_[costs[:-1] <= costs[1:], True]
    allowed = is_minimum & np.isfinite(costs) & (np.arange(len(costs)) < len(costs) - ahead)
    if not np.any(allowed):
        return int(rng.integers(0, max(1, model.n_frames - ahead * model.stride)))
    visited = np.cumsum(np.r_[0.0, visits])
    visited = (visited[ahead:] - visited[:-ahead])[: len(costs)] / ahead
    best = max(np.min(costs[allowed]), np.finfo(np.float32).tiny)
    ranked = costs / best / TOLERANCE + REVISIT_PENALTY * visited
    ranked[~allowed] = np.inf
    place = int(np.argmin(ranked + rng.gumbel(size=len(costs))))
    return min(place * model.stride + within, model.n_frames - 1)
