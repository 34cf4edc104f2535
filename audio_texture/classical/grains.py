"""Joining pieces of a recording with cross-fades."""

import numpy as np


def join_grains(
    wave: np.ndarray, starts: np.ndarray, ends: np.ndarray, *, fade: int, samples: int
) -> np.ndarray:
    """Pieces of a recording one after another, cross-faded where two meet that were not neighbours.

    A fade lies half before and half after the joint, and plays on the recording around the piece,
    so nothing of a piece is lost. The sum of the squared gains is 1, which keeps the power of
    pieces that are unlike.

    Args:
      wave: [C, N].
      starts: [G], first sample of each piece.
      ends: [G], sample after the last of each piece.
      fade: samples of a cross-fade, at least 2; a piece shorter than it has a shorter one.
      samples: length of the result, at most that of all pieces.

    Returns:
      [C, samples] float32.

    Example:
      >>> wave = np.arange(12.0)[None]
      >>> join_grains(wave, np.array([6, 2]), np.array([10, 6]), fade=2, samples=8)
      array([[6.    , 7.    , 8.    , 8.6976, 5.6746, 3.    , 4.    , 5.    ]],
            dtype=float32)
    """
    new = np.append(True, starts[1:] != ends[:-1])
    firsts = np.flatnonzero(new)
    starts, ends = starts[firsts], ends[np.append(firsts[1:] - 1, len(ends) - 1)]
    lengths = ends - starts
    places = np.cumsum(lengths) - lengths
    halves = np.minimum(np.minimum(lengths[:-1], lengths[1:]), fade) // 2
    # No further than the recording goes.
    halves = np.minimum(halves, np.minimum(starts[1:], wave.shape[1] - ends[:-1]))
    halves = np.concatenate([[0], halves, [0]])
    result = np.zeros((len(wave), places[-1] + lengths[-1]), np.float32)
    for start, end, place, before, after in zip(
        starts, ends, places, halves[:-1], halves[1:], strict=True
    ):
        piece = wave[:, start - before : end + after].astype(np.float32)
        piece[:, : 2 * before] *= _rise(2 * before)
        piece[:, piece.shape[1] - 2 * after :] *= _rise(2 * after)[::-1]
        result[:, place - before : place - before + piece.shape[1]] += piece
    return result[:, :samples]


def _rise(length: int) -> np.ndarray:
    """Gains from 0 to 1 whose squares and those of the reverse sum to 1: [length]."""
    return np.sin(np.pi / 2 * (np.arange(length) + 0.5) / max(length, 1)).astype(np.float32)
