"""Descriptor grains: grains of a recording, chosen by how they sound.

Schwarz & Schnell, "Descriptor-based sound texture sampling", SMC 2010.

1. Grains of `grain_ms` start every eighth of their length. Each has five descriptors:
   loudness, spectral centroid, flatness, pitch, zero crossings (descriptors.py).
2. Distances between grains are taken on scales of dB and octaves where each descriptor has
   std 1. All rules leave out grains that overlap the last one, such as the one
   that continues it: nothing is repeated at once, or copied for longer than a grain.
3. Without a path, a grain is followed by what comes, in the recording, after one of the eight
   grains most like it. Their chances are balanced so that every grain is equally frequent in
   the long run. So descriptors have the recording's joint distribution, and change from grain
   to grain as there, in another order.
   With a path, one of the four grains nearest to its present value is drawn. Descriptors that
   it does not name are free.
4. Grains overlap by a quarter of their length, where their powers add up to 1.

A path is relative to the recording: loudness in dB over its RMS level, or all in percentiles of
its grains. Where it asks for what the recording does not hold, the nearest grains are taken, so
that a path that lies wholly outside stays at the same few grains. Grains are not made louder or
brighter. The result as a whole has the recording's level whatever the path.

Loudness is the RMS level with no weights for the ear: where a rumble is loud, a path of loudness
follows the rumble, and one of the centroid follows what is above it.

Events that fit into a grain can stay whole; those at its ends are cut. Rhythms longer than a
grain are lost. Each grain is a copy, and pitched sounds cross-fade with other phases.

What differs from the publication: it draws targets from histograms or Gaussian mixtures of the
descriptors, each on its own, where here the grains themselves are the distribution and a chain
keeps the pace of changes. Its corpus holds several sounds to morph between, and transformed
copies of grains; here there is one recording.

N samples, G grains of the recording, P grains of the result, D coordinates of a grain.
"""

import math

import jax
import numpy as np
import scipy.sparse
import scipy.spatial

from audio_texture.classical.descriptor_path import UNITS, Knot, parse_path
from audio_texture.classical.descriptors import describe_grains
from audio_texture.classical.randomness import generator_of
from audio_texture.errors import ChoiceError

_SHORTEST = 32  # samples of a grain
_MOST_GRAINS = 20_000
_STARTS_PER_GRAIN = 8  # grains that start within the length of one
_FADE = 0.25  # share of a grain that overlaps the next
_LIKE = 8  # grains that count as like another
_NEAREST = 4  # grains next to a target of a path, of which one is drawn
_SEARCHED = 64  # nearest grains that are looked at for ones that do not overlap the last
_BALANCING_STEPS = 100
_VOICING_WEIGHT = 2.0  # distance between a pitch and none, in stds


def descriptor_grains(
    key: jax.Array, wave: np.ndarray, *, samples: int, sample_rate: int, grain_ms: float, path: str
) -> np.ndarray:
    """Grains of a recording whose descriptors follow the recording's distribution, or a path; the
    head of this file says how.

    Args:
      key: PRNG key.
      wave: [C, N].
      samples: length of the result.
      sample_rate: in Hz.
      grain_ms: length of a grain, brought to between 32 samples and a third of the recording.
      path: of `parse_path`; values change evenly between knots in dB, others in octaves.
    Returns:
      [C, samples] float32.
    Raises:
      ChoiceError: the path names pitch and no grain has one, or is invalid.
    Example:
      >>> wave = np.linspace(0.01, 0.5, 8000) * np.random.default_rng(0).standard_normal((1, 8000))
      >>> made = descriptor_grains(jax.random.key(0), wave, samples=8000, sample_rate=8000,
      ...                          grain_ms=50, path="loudness:100%,0%")
      >>> bool(np.std(made[0, :2000]) > 3 * np.std(made[0, -2000:]))
      True
    """
    rng = generator_of(key)
    n_samples = wave.shape[1]
    length = max(round(grain_ms / 1000 * sample_rate), _SHORTEST)
    length = max(min(length, n_samples // 3), 2)
    fade = max(1, round(_FADE * length))
    step = max(length // _STARTS_PER_GRAIN, n_samples // _MOST_GRAINS, 1)
    starts = np.arange(0, n_samples - length + 1, step)
    window = _equal_power_window(length, fade)
    descriptors = describe_grains(wave, starts, window, sample_rate=sample_rate)
    scaled = {name: _to_scale(name, values) for name, values in descriptors.items()}
    # The first grain starts before the result, which so begins without a fade.
    n_grains = 1 + math.ceil(samples / (length - fade))
    if knots := parse_path(path):
        targets = {
            name: _path_targets(name, values, scaled[name], n_grains)
            for name, values in knots.items()
        }
        grains, places = (
            _coordinates(values, scaled, list(targets)) for values in (scaled, targets)
        )
        chain = _follow_path(rng, grains, places, starts, length)
    else:
        grains = _coordinates(scaled, scaled, list(scaled))
        chain = _follow_recording(rng, grains, starts, length, length - fade, n_grains)
    result = _overlap_add(wave, starts[chain], window, fade)
    return result[:, fade : fade + samples].astype(np.float32)


def _to_scale(name: str, values: np.ndarray) -> np.ndarray:
    """Values on a scale with equal steps for the ear: dB as they are, others in octaves."""
    return values if UNITS[name] == "dB" else np.log2(values)


def _path_targets(
    name: str, knots: tuple[Knot, ...], scaled: np.ndarray, n_grains: int
) -> np.ndarray:
    """The course of a descriptor over the result, on its scale, [n_grains]."""
    known = scaled[np.isfinite(scaled)]
    if not len(known):
        raise ChoiceError(
            f"path names {name}, and no grain of the recording has a {name}.", field="path"
        )
    values = np.array([knot.value for knot in knots])
    is_percent = np.array([knot.is_percent for knot in knots])
    values[~is_percent] = _to_scale(name, values[~is_percent])
    values[is_percent] = np.percentile(known, values[is_percent])
    # Values beyond the recording's range would draw the other descriptors' targets with them.
    values = np.clip(values, np.min(known), np.max(known))
    return np.interp(np.linspace(0, len(values) - 1, n_grains), np.arange(len(values)), values)


def _nearest(rng: np.random.Generator, grains: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The grains nearest to each of P places, nearest first: indices [P, 64 or all].

    grains: coordinates [G, D]; places: [P, D].
    """
    # Equal grains stand in random order: the tree would return the same ones for all places.
    order = rng.permutation(len(grains))
    _, near = scipy.spatial.cKDTree(grains[order]).query(places, min(_SEARCHED, len(grains)))
    return order[near.reshape(len(places), -1)]


def _follow_recording(
    rng: np.random.Generator,
    grains: np.ndarray,
    starts: np.ndarray,
    length: int,
    advance: int,
    n_grains: int,
) -> list[int]:
    """A chain of grains in which each is what comes after one that is like the last.

    Chances are balanced so that all grains are equally frequent in the long run.
    """
    size = len(grains)
    lag = round(advance / (starts[1] - starts[0]))
    # What comes after each grain; after the end comes the beginning.
    after = (np.arange(size) + lag) % size

    def distance(grain, like):
        """How far both a grain's like and what comes after that lie from it in the recording."""
        ways = np.abs(starts[like] - starts[grain]), np.abs(starts[after[like]] - starts[grain])
        return np.minimum(*ways)

    near = _nearest(rng, grains, grains)
    distances = distance(np.arange(size)[:, None], near)
    far = distances >= length
    # Of a short recording the grain furthest away is what remains.
    far[np.arange(size), np.argmax(distances, axis=1)] |= ~np.any(far, axis=1)
    rows, columns = np.nonzero(far & (np.cumsum(far, axis=1) <= _LIKE))
    likes = scipy.sparse.coo_matrix((np.ones(len(rows)), (rows, near[rows, columns])), (size, size))
    # Also the other way, where that is allowed: each grain is like some other.
    mirrored = likes.T.tocoo()
    mirrored.data = mirrored.data * (distance(mirrored.row, mirrored.col) >= length)
    likes = (likes + mirrored).tocsr()
    # Sinkhorn's scales of columns, for which all rows and columns have equal sums.
    scales = np.ones(size)
    for _ in range(_BALANCING_STEPS):
        scales = 1 / np.maximum(likes.T @ (1 / (likes @ scales)), 1e-9)
    last, chain = int(rng.integers(size)), []
    for draw in rng.random(n_grains):
        chain.append(last)
        begin, end = likes.indptr[last : last + 2]
        others = likes.indices[begin:end]
        chances = np.cumsum(likes.data[begin:end] * scales[others])
        like = others[np.searchsorted(chances, draw * chances[-1], side="right")]
        last = int(after[like])
    return chain


def _follow_path(
    rng: np.random.Generator,
    grains: np.ndarray,
    targets: np.ndarray,
    starts: np.ndarray,
    length: int,
) -> list[int]:
    """A grain near each target that does not overlap the last in the recording."""
    near = _nearest(rng, grains, targets)
    chain, last = [], -np.inf
    for row, draw in zip(near, rng.random(len(near)), strict=True):
        distance = np.abs(starts[row] - last)
        allowed = row[distance >= length]
        if not len(allowed):
            allowed = row[[np.argmax(distance)]]
        chain.append(int(allowed[int(draw * min(_NEAREST, len(allowed)))]))
        last = starts[chain[-1]]
    return chain


def _coordinates(
    values: dict[str, np.ndarray], scaled: dict[str, np.ndarray], names: list[str]
) -> np.ndarray:
    """Coordinates in which distances are taken, [P, D]: two for pitch, one for each other name.

    values: on the descriptors' scales, [P] each; scaled: of all grains, [G] each.
    """
    columns = []
    for name in names:
        known = scaled[name][np.isfinite(scaled[name])]
        if len(known):
            has_value = np.isfinite(values[name])
            offset = np.where(has_value, values[name], np.mean(known)) - np.mean(known)
            columns += [offset / max(np.std(known), 1e-6), _VOICING_WEIGHT * has_value]
    return np.stack(columns, axis=1)


def _equal_power_window(length: int, fade: int) -> np.ndarray:
    """A window [length] whose ends, laid over each other, have powers that add up to 1."""
    window = np.ones(length)
    window[:fade] = np.sin(0.5 * np.pi * (np.arange(fade) + 0.5) / fade)
    window[-fade:] = window[:fade][::-1]
    return window


def _overlap_add(wave: np.ndarray, starts: np.ndarray, window: np.ndarray, fade: int) -> np.ndarray:
    """Grains one after another with an overlap of `fade` samples."""
    length, advance = len(window), len(window) - fade
    result = np.zeros((len(wave), advance * len(starts) + fade))
    for i, start in enumerate(starts):
        result[:, i * advance : i * advance + length] += window * wave[:, start : start + length]
    return result
