"""Sound textures of grains that are cut where a recording changes least.

1. Energies of wavelet bands in frames of 12 ms, every 6 ms.
2. Change at a frame's border: squared distances of the two frames before it from the two after,
   and of the frame across the border from the outermost of them.
3. The deepest local minima of the change become cuts. So events stay whole.
4. A grain follows another with a weight of 1 / (distance + constant), where the distance is that
   of the frames at the end of the one and at the beginning of the other. The constant keeps a
   grain's own successor from following every time.
5. Grains are cross-faded over 5 ms.

C channels, N samples, B bands, T frames, G grains.
"""

import bisect
from typing import NamedTuple

import jax
import numpy as np
import scipy.ndimage
import scipy.spatial

from audio_texture.classical.grains import join_grains
from audio_texture.classical.randomness import generator_of
from audio_texture.classical.wavelets import analyse

_HOP_SECONDS, _HOPS_A_FRAME = 256 / 44_100, 2
_LEVELS = 6
_AROUND = 172  # frames of a second, over which the power is averaged
_FADE_SECONDS = 0.005
_PARTS = 8  # of a recording; none of its grains need be longer
_LEAST_GRAINS = 3
_LEAST_CUTS = 8  # of a short recording, or of a low share of the minima
_CONSTANT = 0.01  # added to distances, as a share of their median
_BALANCE_STEPS = 30
_LARGEST_EXPONENT = 200.0  # so that no weight is 0


class Frames(NamedTuple):
    """Levels of the bands of a recording in short frames.

    Attributes:
      levels: [T, B], amplitude over the RMS of the band.
      hop: samples between frames.
    """

    levels: np.ndarray
    hop: int

    @property
    def length(self) -> int:
        return _HOPS_A_FRAME * self.hop


def natural_grains(
    key: jax.Array,
    wave: np.ndarray,
    *,
    samples: int,
    sample_rate: int,
    natural_grain_ms: float,
    natural_grain_cuts: float,
    natural_grain_likeness: float,
) -> np.ndarray:
    """Grains between the moments of least change, in the order of a Markov chain.

    R. Hoskinson & D. Pai, "Manipulation and resynthesis with natural grains", International
    Computer Music Conference, 2001; R. Hoskinson, MSc thesis, University of British Columbia, 2002.

    What differs from the publication: one wavelet transform of the whole recording gives the
    bands, only one frame lies across a border, and amplitudes stand for energies. Every band counts
    equally, and change is relative to the power of the second around it, so loud stretches are cut
    too. The constant is 1 % of the median distance, and weights have an exponent, 1 in the
    publication. They are balanced so that every grain is drawn equally often, which keeps the
    density of events; no grain follows itself. The recording's neighbours are not faded. Where
    less than three grains are found, the recording is cut into eighths.

    Args:
      key: random key.
      wave: [C, N], the recording.
      samples: length of the result.
      sample_rate: Hz.
      natural_grain_ms: shortest grain in ms, above 0; at most an eighth of the recording counts.
      natural_grain_cuts: share of the minima of change that become cuts, deepest first, in %,
        above 0, at most 100.
      natural_grain_likeness: exponent of the weights, at least 0; 0 makes all orders as likely.

    Returns:
      [C, samples] float32.

    Example:
      >>> noise = np.random.default_rng(0).standard_normal((1, 8000)).astype(np.float32)
      >>> options = {"natural_grain_cuts": 50, "natural_grain_likeness": 2}
      >>> options |= {"samples": 9000, "sample_rate": 8000, "natural_grain_ms": 40}
      >>> natural_grains(jax.random.key(0), noise, **options).shape
      (1, 9000)
    """
    frames = measure_bands(wave, sample_rate)
    fade = max(2, round(_FADE_SECONDS * sample_rate))
    shortest = min(natural_grain_ms / 1000 * sample_rate, wave.shape[1] / _PARTS)
    cuts = find_cuts(frames, shortest=shortest, percent=natural_grain_cuts)
    cuts = add_edges(cuts, wave.shape[1], fade=fade, shortest=shortest)
    if len(cuts) <= _LEAST_GRAINS:  # a recording that hardly changes, such as a tone
        cuts = np.linspace(fade, wave.shape[1] - fade, _PARTS + 1).astype(int)
    weights = weigh_successors(frames, cuts, likeness=natural_grain_likeness)
    order = draw_order(generator_of(key), weights, np.diff(cuts), samples)
    return join_grains(wave, cuts[:-1][order], cuts[1:][order], fade=fade, samples=samples)


def measure_bands(wave: np.ndarray, sample_rate: int) -> Frames:
    """Levels of the wavelet bands of a recording [C, N] in frames of 12 ms, every 6 ms.

    There are six octaves below half the sample rate, and what lies below them.
    """
    samples = wave.shape[1]
    padded = np.pad(wave, ((0, 0), (0, -samples % 2**_LEVELS)), mode="reflect")
    rest, details = analyse(padded, _LEVELS)
    hop = max(1, round(_HOP_SECONDS * sample_rate))
    edges = np.arange(0, samples - _HOPS_A_FRAME * hop + 1, hop)
    energies = []
    for level, band in [*enumerate(details, start=1), (_LEVELS, rest)]:
        sums = np.concatenate([[0.0], np.cumsum(np.sum(band**2, axis=0))])
        places = np.arange(len(sums)) * 2**level
        first, last = (np.interp(edges + n, places, sums) for n in (0, _HOPS_A_FRAME * hop))
        energies.append(np.maximum(last - first, 0) / max(sums[-1], np.finfo(np.float32).tiny))
    return Frames(np.sqrt(np.stack(energies, axis=1) * samples / (_HOPS_A_FRAME * hop)), hop)


def measure_change(frames: Frames) -> np.ndarray:
    """Change of the bands between two frames and the next two, over the power around.

    A click on the border changes both sides alike, so the frame across the border is compared too.

    Returns:
      [T - 3 * 2], the first entry at the border between the second frame and the third, of those
      that lie side by side from the recording's beginning.
    """
    count = max(0, len(frames.levels) - 3 * _HOPS_A_FRAME)
    a, b, c, d = (frames.levels[i * _HOPS_A_FRAME :][:count] for i in range(4))
    across = frames.levels[3 * _HOPS_A_FRAME // 2 :][:count]
    pairs = [(a, c), (a, d), (b, c), (b, d), (a, across), (d, across)]
    power = scipy.ndimage.uniform_filter1d(np.sum(frames.levels**2, axis=1), _AROUND)
    power = power[2 * _HOPS_A_FRAME :][:count]
    change = np.sum([np.sum((x - y) ** 2, axis=1) for x, y in pairs], axis=0)
    return change / (power + np.finfo(np.float32).tiny)


def find_cuts(frames: Frames, *, shortest: float, percent: float) -> np.ndarray:
    """Samples at which the recording changes least, in order: [number of cuts].

    Args:
      frames: of the recording.
      shortest: samples between cuts.
      percent: share of the local minima of the change that may become cuts, in (0, 100].
    """
    change = measure_change(frames)
    minima = 1 + np.flatnonzero((change[1:-1] <= change[:-2]) & (change[1:-1] < change[2:]))
    deepest = minima[np.argsort(change[minima], kind="stable")]
    count = max(_LEAST_CUTS, round(percent / 100 * len(deepest)))
    places = deepest[:count] * frames.hop + 2 * frames.length
    cuts: list[int] = []
    for place in places:
        i = bisect.bisect(cuts, place)
        if all(abs(place - other) >= shortest for other in cuts[max(0, i - 1) : i + 1]):
            cuts.insert(i, int(place))
    return np.array(cuts, int)


def add_edges(cuts: np.ndarray, samples: int, *, fade: int, shortest: float) -> np.ndarray:
    """Cuts with the beginning and the end of a recording of `samples`, for which a fade is left.

    An edge nearer than `shortest` to a cut is left out.
    """
    edges = [edge for edge in (fade, samples - fade) if np.all(np.abs(cuts - edge) >= shortest)]
    return np.sort(np.concatenate([cuts, np.array(edges, int)]))


def weigh_successors(frames: Frames, cuts: np.ndarray, *, likeness: float) -> np.ndarray:
    """Probability of each grain to follow each other: [G, G], rows and columns sum to about 1.

    Args:
      frames: of the recording.
      cuts: [G + 1], as of `find_cuts`.
      likeness: exponent of the inverse distance.
    """

    def levels_at(samples):
        index = np.round(samples / frames.hop).astype(int)
        return frames.levels[np.clip(index, 0, len(frames.levels) - 1)]

    starts, ends = cuts[:-1], cuts[1:]
    beginnings = [levels_at(starts + i * frames.length) for i in (0, 1)]
    endings = [levels_at(ends - (i + 1) * frames.length) for i in (0, 1)]
    pairs = [scipy.spatial.distance.cdist(a, b, "sqeuclidean") for a in endings for b in beginnings]
    distances = np.sum(pairs, axis=0)
    usual = float(np.median(distances)) or float(np.mean(distances)) or 1.0
    exponents = likeness * np.log(distances / usual + _CONSTANT)
    weights = np.exp(-np.minimum(exponents - np.min(exponents), _LARGEST_EXPONENT))
    np.fill_diagonal(weights, 0)
    for _ in range(_BALANCE_STEPS):
        weights = weights / np.sum(weights, axis=0, keepdims=True)
        weights = weights / np.sum(weights, axis=1, keepdims=True)
    return weights


def draw_order(
    rng: np.random.Generator, weights: np.ndarray, lengths: np.ndarray, samples: int
) -> np.ndarray:
    """A walk over grains until their lengths reach `samples`: indices of grains."""
    cumulative = np.cumsum(weights, axis=1)
    order = [int(rng.integers(len(lengths)))]
    total = lengths[order[0]]
    while total < samples:
        row = cumulative[order[-1]]
        order.append(min(int(np.searchsorted(row, rng.random() * row[-1], "right")), len(row) - 1))
        total += lengths[order[-1]]
    return np.array(order)
