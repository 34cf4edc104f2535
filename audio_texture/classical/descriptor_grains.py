"""Descriptor grains: grains of a recording, chosen by how they sound."""

import math

import jax
import numpy as np
import scipy.spatial
import scipy.special

from audio_texture.classical.descriptor_path import UNITS, Knot, parse_path
from audio_texture.classical.descriptors import describe_grains
from audio_texture.classical.randomness import generator_of
from audio_texture.errors import ChoiceError

_SHORTEST = 32  # samples of a grain
_MOST_GRAINS = 20_000
_STARTS_PER_GRAIN = 8  # grains that start within the length of one
_FADE = 0.25  # share of a grain that overlaps the next
_NEAREST = 4  # grains next to a target, of which one is drawn
_SEARCHED = 64  # nearest grains that are looked at for ones that are not neighbours of the last
_VOICING_WEIGHT = 2.0  # distance between a pitch and none, in standard deviations


def descriptor_grains(
    key: jax.Array, wave: np.ndarray, *, samples: int, sample_rate: int, grain_ms: float, path: str
) -> np.ndarray:
    """Grains of a recording whose descriptors follow the recording's distribution, or a path.

    Schwarz & Schnell, "Descriptor-based sound texture sampling", SMC 2010.

    1. Grains of `grain_ms` start every eighth of their length. Each has five descriptors:
       loudness, spectral centroid, flatness, pitch, zero crossings (descriptors.py).
    2. Without a path, targets are drawn as the descriptors are distributed: each by inverse
       transform sampling of its own histogram. They walk: the correlations between the
       descriptors, and from one grain to the next, are the recording's (a Gaussian process of the
       ranks). So loudness swells and falls at the recording's pace, at other times.
       With a path, the targets are the path's, and descriptors that it does not name are free.
    3. For each target, one of the four grains nearest to it is drawn, on scales of dB and octaves
       where each descriptor has standard deviation 1. The last grain, those that overlap it and
       those that follow it in the recording are left out: nothing is repeated at once, or copied
       for longer than a grain.
    4. Grains overlap by a quarter of their length, where their powers add up to 1.

    A path is relative to the recording: loudness in dB over its RMS level, or all in percentiles of
    its grains. Where it asks for what the recording does not hold, the nearest grains are taken, so
    that a path that lies wholly outside stays at the same few grains. Grains are not made louder or
    brighter. The result as a whole has the recording's level whatever the path.

    Events shorter than half a grain can stay whole. Rhythms longer than a grain are lost without a
    path. Each grain is a copy, and pitched sounds cross-fade with other phases.

    What differs from the publication: one recording, not a corpus of several to morph between; no
    Gaussian mixtures; no transformed copies of grains; no perceptual loudness; the walk, which
    keeps the pace at which descriptors change, where its authors draw each target on its own.

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
    descriptors = describe_grains(wave, starts, length, sample_rate=sample_rate)
    scaled = {name: _to_scale(name, values) for name, values in descriptors.items()}
    # The first grain starts before the result, which so begins without a fade.
    n_grains = 1 + math.ceil(samples / (length - fade))
    if knots := parse_path(path):
        targets = {
            name: _path_targets(name, values, scaled[name], n_grains)
            for name, values in knots.items()
        }
    else:
        lag = max(1, round((length - fade) / step))
        targets = _walk_targets(rng, scaled, n_grains, lag)
    chosen = starts[_choose(rng, scaled, targets, starts, length)]
    return _overlap_add(wave, chosen, length, fade)[:, fade : fade + samples].astype(np.float32)


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
    values = [
        np.percentile(known, knot.value) if knot.is_percent else _to_scale(name, knot.value)
        for knot in knots
    ]
    # Values beyond the recording's range would draw the other descriptors' targets with them.
    values = np.clip(values, np.min(known), np.max(known))
    return np.interp(np.linspace(0, len(values) - 1, n_grains), np.arange(len(values)), values)


def _walk_targets(
    rng: np.random.Generator, scaled: dict[str, np.ndarray], n_grains: int, lag: int
) -> dict[str, np.ndarray]:
    """Targets with the distribution of each descriptor, and the correlations of all with each other
    and with those of the grain before. lag: from one grain to the next, in grains of the recording.
    """
    columns, normal = {}, []
    for name, values in scaled.items():
        # No pitch is below all pitches; equal values stand in random order.
        column = np.where(np.isfinite(values), values, -np.inf)
        order = np.lexsort((rng.random(len(column)), column))
        ranks = np.empty(len(order))
        ranks[order] = (np.arange(len(order)) + 0.5) / len(order)
        normal.append(scipy.special.ndtri(ranks))
        columns[name] = column[order]
    normal = np.stack(normal)
    # Sums over all grains, also for the lag, keep the process stable.
    size = normal.shape[1]
    now = normal @ normal.T / size + 1e-6 * np.eye(len(normal))
    lag = min(lag, size - 1)
    later = normal[:, lag:] @ normal[:, : size - lag].T / size
    memory = np.linalg.solve(now, later.T).T
    power, axes = np.linalg.eigh(now - memory @ later.T)
    noise = rng.standard_normal((n_grains, len(normal))) * np.sqrt(np.maximum(power, 0)) @ axes.T
    state = np.linalg.cholesky(now) @ rng.standard_normal(len(normal))
    states = np.empty((n_grains, len(normal)))
    for i in range(n_grains):
        states[i] = state
        state = memory @ state + noise[i]
    quantiles = scipy.special.ndtr(states / np.sqrt(np.diag(now)))
    indices = np.minimum((quantiles * size).astype(int), size - 1)
    return {name: column[indices[:, i]] for i, (name, column) in enumerate(columns.items())}


def _choose(
    rng: np.random.Generator,
    scaled: dict[str, np.ndarray],
    targets: dict[str, np.ndarray],
    starts: np.ndarray,
    length: int,
) -> list[int]:
    """A grain for each target, as an index into the starts."""
    grains, wanted = (
        np.concatenate([_coordinates(name, part[name], scaled[name]) for name in targets], axis=1)
        for part in (scaled, targets)
    )
    # Equal descriptors are equally likely: the tree would return the first.
    order = rng.permutation(len(grains))
    _, near = scipy.spatial.cKDTree(grains[order]).query(wanted, min(_SEARCHED, len(grains)))
    near = order[near.reshape(len(wanted), -1)]
    draws = rng.random(len(near))
    chosen, last = [], -np.inf
    for row, draw in zip(near, draws, strict=True):
        distance = starts[row] - last
        allowed = row[(distance <= -length) | (distance > 2 * length)]
        if not len(allowed):
            allowed = row[np.argsort(-np.abs(distance))]
        chosen.append(int(allowed[int(draw * min(_NEAREST, len(allowed)))]))
        last = starts[chosen[-1]]
    return chosen


def _coordinates(name: str, values: np.ndarray, scaled: np.ndarray) -> np.ndarray:
    """Coordinates in which distances are taken, [..., 1], or [..., 2] for pitch.

    values: on the descriptor's scale, [...]; scaled: of all grains.
    """
    known = scaled[np.isfinite(scaled)]
    if not len(known):
        return np.zeros((len(values), 1))
    has_value = np.isfinite(values)
    mean, std = np.mean(known), max(np.std(known), 1e-6)
    place = np.where(has_value, (np.where(has_value, values, mean) - mean) / std, 0.0)
    if len(known) == len(scaled):
        return place[:, None]
    return np.stack([place, _VOICING_WEIGHT * has_value], axis=1)


def _overlap_add(wave: np.ndarray, starts: np.ndarray, length: int, fade: int) -> np.ndarray:
    """Grains one after another with an overlap of `fade`, where powers add up to 1."""
    window = np.ones(length)
    window[:fade] = np.sin(0.5 * np.pi * (np.arange(fade) + 0.5) / fade)
    window[-fade:] = window[:fade][::-1]
    advance = length - fade
    result = np.zeros((len(wave), advance * len(starts) + fade))
    for i, start in enumerate(starts):
        result[:, i * advance : i * advance + length] += window * wave[:, start : start + length]
    return result
