"""Sound textures by a tree of wavelet coefficients whose paths are drawn from the recording's.

1. The recording becomes trees of wavelet coefficients (Daubechies, 5 vanishing moments).
2. A tree is grown from its root downwards. The candidates of a node are the recording's nodes
   at its level whose ancestors and predecessors in time differ from the node's by at most a
   threshold. One of them is drawn, and its children become the children of the node.
3. Only children of a node's candidates are looked at when its children's turn comes.

R roots, B nodes of a block, K candidates, P predecessors, C channels, L levels; level 1 is the
finest. Node n of level l has the children 2n and 2n + 1 of level l - 1.
"""

from typing import NamedTuple

import jax
import numpy as np

from audio_texture.classical.randomness import generator_of
from audio_texture.classical.wavelets import analyse, synthesise
from audio_texture.errors import ChoiceError

_ROOT_SECONDS = 0.25  # longest time of a root, so that a tree holds an event and its echo
_LEAST_ROOTS = 16  # with fewer, the order of the roots is the recording's
_FADE_SECONDS = 0.01
_MOST_CANDIDATES = 32
_NONE = -1  # stands for no candidate; so do its children, which are negative too
_BLOCK = 2**17  # samples grown at a time, which bounds the memory
_RANGE = (5, 95)  # percentiles between which the range of a level lies


class Forest(NamedTuple):
    """The trees of a recording, side by side in time, the last one before the first.

    Attributes:
      rest: [C, R], what lies below the lowest level.
      details: for each level from the finest, [C, R 2^(L - l)].
      ranges: for each level, the range of its coefficients.
    """

    rest: np.ndarray
    details: list[np.ndarray]
    ranges: list[float]


def wavelet_tree(
    key: jax.Array,
    wave: np.ndarray,
    *,
    samples: int,
    sample_rate: int,
    tree_threshold: float,
    tree_predecessors: int,
) -> np.ndarray:
    """A new sound whose tree of wavelet coefficients has the paths of the recording's tree.

    S. Dubnov, Z. Bar-Joseph, R. El-Yaniv, D. Lischinski & M. Werman, "Synthesizing sound textures
    through wavelet tree learning", IEEE Computer Graphics and Applications 22(4), 2002; the
    algorithm is that of Z. Bar-Joseph, R. El-Yaniv, D. Lischinski & M. Werman, "Texture mixing and
    texture movie synthesis using statistical learning", IEEE Transactions on Visualization and
    Computer Graphics 7(2), 2001.

    A small threshold copies long parts of the recording. A large one mixes short pieces, at last
    coefficients, which keeps the spectrum and loses events and pitch.

    What differs from the publication: it grows one tree of the recording's length; here roots
    follow those that agree with their one predecessor, so the result has any length. Where no
    candidate agrees with all predecessors, those that agree with most in a row are taken. Two
    neighbours never copy the same node. At each node at most 33 candidates are kept for its
    children. The threshold is a share of the range between the percentiles 5 and 95 of each level.
    The end of the recording is faded into its beginning over 10 ms, and what does not fill a tree
    is left out, at most 1/16. A node of a stereo sound holds the coefficients of all channels.

    Args:
      key: random key.
      wave: [C, N], the recording.
      samples: length of the result.
      sample_rate: Hz.
      tree_threshold: at least 0.
      tree_predecessors: nodes before a node that must agree, at least 0.

    Returns:
      [C, samples] float32.

    Raises:
      ChoiceError: the recording is too short for 16 trees of two levels.

    Example:
      >>> noise = np.random.default_rng(0).standard_normal((1, 4000)).astype(np.float32)
      >>> options = {"samples": 6000, "sample_rate": 8000, "tree_predecessors": 3}
      >>> wavelet_tree(jax.random.key(0), noise, tree_threshold=0.1, **options).shape
      (1, 6000)
    """
    forest = plant(wave, sample_rate)
    root_length = 2 ** len(forest.details)
    rng, n_roots = generator_of(key), -(-samples // root_length)
    roots = draw_roots(rng, forest, n_roots, threshold=tree_threshold)
    sources = grow(rng, forest, roots, threshold=tree_threshold, predecessors=tree_predecessors)
    return gather(forest, sources)[:, :samples].astype(np.float32)


def plant(wave: np.ndarray, sample_rate: int) -> Forest:
    """The trees of a recording [C, N]; see `wavelet_tree` for their size."""
    fade = max(1, round(_FADE_SECONDS * sample_rate))
    length = wave.shape[1] - fade
    levels = int(np.log2(max(1, min(length / _LEAST_ROOTS, _ROOT_SECONDS * sample_rate))))
    if levels < 2:
        raise ChoiceError(
            f"wavelet-tree needs a recording of at least {4 * _LEAST_ROOTS + fade} samples, got "
            f"{wave.shape[1]}.",
            field="method",
        )
    length = length >> levels << levels
    looped = wave[:, :length].astype(np.float64)
    # The end goes on into the beginning, since the transform takes them as neighbours.
    fade_in = np.sin(np.linspace(0, np.pi / 2, fade)) ** 2
    looped[:, :fade] *= fade_in
    looped[:, :fade] += wave[:, length : length + fade] * (1 - fade_in)
    rest, details = analyse(looped, levels)
    return Forest(rest, details, [_range(detail) for detail in details])


def _range(detail: np.ndarray) -> float:
    low, high = np.percentile(detail, _RANGE)
    return float(high - low)


def draw_roots(
    rng: np.random.Generator, forest: Forest, count: int, *, threshold: float
) -> np.ndarray:
    """Which root of the recording each new root copies: [count] indices.

    A root is followed by what follows one of the recording's roots that agree with it. More
    predecessors would leave a few roots in the recording's order.

    Example:
      >>> forest = plant(np.random.default_rng(0).standard_normal((1, 4000)), 8000)
      >>> np.diff(draw_roots(np.random.default_rng(0), forest, 4, threshold=0)) % 31
      array([1, 1, 1])
    """
    values, limit = forest.details[-1], threshold * forest.ranges[-1]
    agree = _distance(values[:, :, None], values[:, None, :]) <= limit
    roots = [int(rng.integers(len(agree)))]
    while len(roots) < count:
        following = (np.flatnonzero(agree[roots[-1]]) + 1) % len(agree)
        roots.append(int(rng.choice(following[following != roots[-1]])))
    return np.array(roots)


def grow(
    rng: np.random.Generator,
    forest: Forest,
    roots: np.ndarray,
    *,
    threshold: float,
    predecessors: int,
) -> list[np.ndarray]:
    """Which node of the recording each new node copies, for each level from the finest.

    Args:
      rng: random generator.
      forest: the recording's trees.
      roots: [R], the roots that the new ones copy.
      threshold: share of the range of a level.
      predecessors: nodes before a node that must agree.

    Returns:
      For each level from the finest [R 2^(L - l)], indices of the recording's nodes.

    Example:
      >>> rng = np.random.default_rng(0)
      >>> forest = plant(rng.standard_normal((1, 4000)), 8000)
      >>> grow(rng, forest, np.array([2]), threshold=0, predecessors=3)[-2]
      array([4, 5], dtype=int32)
    """
    levels, n_roots = len(forest.details), forest.rest.shape[1]
    per_block = max(1, _BLOCK >> levels)
    grown = [[] for _ in range(levels)]
    # The nodes before a block at each level; nothing has been grown before the first.
    recent = [np.zeros(0, np.int32) for _ in range(levels)]
    for start in range(0, len(roots), per_block):
        nodes = roots[start : start + per_block].astype(np.int32)
        every = np.broadcast_to(np.arange(n_roots, dtype=np.int32), (len(nodes), n_roots))
        others = np.where(every == nodes[:, None], _NONE, every)
        candidates = np.concatenate([nodes[:, None], others], axis=1)
        for level in reversed(range(levels)):
            grown[level].append(nodes)
            if level == 0:
                break
            past = np.concatenate([recent[level], nodes])
            recent[level] = past[len(past) - min(len(past), predecessors) :]
            drawn, candidates = _draw(
                rng,
                forest.details[level],
                past,
                candidates,
                limit=threshold * forest.ranges[level],
                predecessors=predecessors,
            )
            nodes = np.stack([2 * drawn, 2 * drawn + 1], axis=-1).reshape(-1)
            # The first of a node's candidates is the one it was copied from.
            left = np.concatenate([2 * candidates, 2 * candidates + 1], axis=1)
            right = np.concatenate([2 * candidates + 1, 2 * candidates], axis=1)
            candidates = np.stack([left, right], axis=1).reshape(len(nodes), -1)
    return [np.concatenate(blocks) for blocks in grown]


def _draw(
    rng: np.random.Generator,
    values: np.ndarray,
    past: np.ndarray,
    candidates: np.ndarray,
    *,
    limit: float,
    predecessors: int,
) -> tuple[np.ndarray, np.ndarray]:
    """One candidate for each node, and the candidates whose children are looked at next.

    Args:
      rng: random generator.
      values: [C, M], the recording's coefficients of the level.
      past: [P + B], nodes that the last P nodes before the block and those of the block copy.
      candidates: [B, K], different nodes, the first of each row the one that the node copies;
        negative ones are none.
      limit: largest difference of two nodes that agree.
      predecessors: nodes before a node that should agree.

    Returns:
      (drawn [B], kept [B, at most 33], the drawn one first, with _NONE where there are fewer).
    """
    count, n_nodes = len(candidates), values.shape[1]
    first = len(past) - count
    agrees = _distance(values[:, past[first:], None], values[:, candidates]) <= limit
    agrees &= candidates >= 0
    score, in_a_row = agrees.astype(np.float32), agrees
    for i in range(1, predecessors + 1):
        before = np.arange(first - i, len(past) - i)
        known = before >= 0
        wanted = values[:, past[np.maximum(before, 0)], None]
        there = values[:, (candidates - i) % n_nodes]
        in_a_row = in_a_row & ((_distance(wanted, there) <= limit) | ~known[:, None])
        score += in_a_row
    # Equal scores are drawn from evenly; what does not agree itself comes last.
    order_key = score + rng.random(score.shape, np.float32) * 0.5
    drawn = _avoid_repeats(candidates, np.argmax(order_key, axis=1))
    if order_key.shape[1] > _MOST_CANDIDATES:
        kept = np.argpartition(-order_key, _MOST_CANDIDATES - 1, axis=1)[:, :_MOST_CANDIDATES]
    else:
        kept = np.broadcast_to(np.arange(order_key.shape[1]), order_key.shape)
    chosen = np.take_along_axis(candidates, drawn[:, None], axis=1)
    usable = np.take_along_axis(agrees, kept, axis=1) & (kept != drawn[:, None])
    others = np.where(usable, np.take_along_axis(candidates, kept, axis=1), _NONE)
    return chosen[:, 0], np.concatenate([chosen, others], axis=1)


def _avoid_repeats(candidates: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Columns drawn from candidates [B, K] without neighbours that draw the same node: [B].

    Both then keep the node that they copy themselves. The same node again and again would buzz.
    """
    rows, drawn = np.arange(len(drawn)), drawn.copy()
    while True:
        nodes = candidates[rows, drawn]
        same = np.flatnonzero((nodes[1:] == nodes[:-1]) & ((drawn[1:] > 0) | (drawn[:-1] > 0)))
        if not len(same):
            return drawn
        drawn[same] = drawn[same + 1] = 0


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """RMS over channels of the difference of coefficients: [C, ...] -> [...]."""
    return np.sqrt(np.mean((a - b) ** 2, axis=0))


def gather(forest: Forest, sources: list[np.ndarray]) -> np.ndarray:
    """The wave [C, N] of the nodes that each new node copies, as of `grow`."""
    details = [detail[:, nodes] for detail, nodes in zip(forest.details, sources, strict=True)]
    return synthesise(forest.rest[:, sources[-1]], details)
