"""What is put around the terms of a loss: sums, mixtures, blocks, units, regions, morphs.

Every function takes a `base.Objective`, or several, and returns one.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import spectrogram
from audio_texture.base import Objective, Terms, Weights

# Of references; they may be traced.


def weighted_sum(parts: Mapping[str, tuple[float, Objective]]) -> Objective:
    """Sum of objectives, each times its weight. The terms are named after the parts."""

    def fit(reference):
        return {name: objective.fit(reference) for name, (_, objective) in parts.items()}

    def distance(target, x):
        terms = {
            name: weight * objective.distance(target[name], x)[0]
            for name, (weight, objective) in parts.items()
        }
        return sum(terms.values()), terms

    return Objective(fit, distance)


def mixture(objective: Objective | list[Objective], weights: Weights) -> Objective:
    """Mean of the distances to several references under weights; fit takes their list.

    For distances between Grams this is, but for a constant, the distance to the Grams' mean: their
    barycentre. `standardised` says in which units references are compared.

    Args:
      objective: one for all references, or a list with one for each.
      weights: of the references; they may be traced.
    """

    def fit(references):
        if len(references) != len(weights):
            raise ValueError(f"{len(weights)} weights for {len(references)} references.")
        if isinstance(objective, list):
            pairs = zip(objective, references, strict=True)
            return [own.fit(reference) for own, reference in pairs]
        return map_references(objective.fit, list(references))

    def distance(targets, x):
        if isinstance(objective, list):
            pairs = zip(objective, targets, strict=True)
            distances = [own.distance(target, x) for own, target in pairs]
        else:
            shared = objective.distance
            distances = map_references(lambda target: shared(target, x), targets)
        return _mean_distance(distances, shares(weights))

    return Objective(fit, distance)


def in_blocks(
    objective: Objective,
    *,
    frames: int,
    overlap: int,
    circular: Objective | None = None,
    at_once: bool = False,
) -> Objective:
    """Mean of the objective over blocks of x's frames, each against the whole target.

    Time and memory then grow with the length of x rather than with its square, and every stretch of
    a long texture has the reference's statistics by itself.

    Args:
      objective: on a block.
      frames: most frames of a block.
      overlap: fewest frames that neighbours share: the receptive field less one, so that no patch
        falls between two blocks.
      circular: the objective on all of an x whose last frame is followed by its first, where x is
        no longer than a block; a longer x is cut in blocks that go on past its end into its
        beginning.
      at_once: whether blocks are worked out side by side, which takes more memory, instead of one
        after the other.
    """

    def distance(target, x):
        if len(x) <= frames:
            return (circular or objective).distance(target, x)
        if circular:
            x = jnp.concatenate([x, x[:overlap]])
        size, starts = blocks(len(x), frames=frames, overlap=overlap)
        of_block = functools.partial(objective.distance, target)
        cut = jnp.stack([x[start : start + size] for start in starts])
        if at_once:
            totals, terms = jax.vmap(of_block)(cut)
        else:
            # checkpoint: the gradient keeps the blocks alone, not every matrix of frames by frames.
            totals, terms = jax.lax.map(jax.checkpoint(of_block), cut)
        return jnp.mean(totals), {name: jnp.mean(values) for name, values in terms.items()}

    return Objective(objective.fit, distance)


def blocks(total: int, *, frames: int, overlap: int) -> tuple[int, list[int]]:
    """Size and starts of the fewest equal blocks that cover `total` frames.

    Args:
      total: frames to cover.
      frames: most frames of a block.
      overlap: frames that neighbours share at least.

    Example:
      >>> blocks(100, frames=40, overlap=10)
      (40, [0, 30, 60])
    """
    if frames <= overlap:
        raise ValueError(
            f"blocks of {frames} frames must be longer than their overlap of {overlap}."
        )
    if total <= frames:
        return total, [0]
    count = -(-(total - overlap) // (frames - overlap))
    size = -(-(total - overlap) // count) + overlap
    return size, [int(start) for start in np.linspace(0, total - size, count).round()]


def precompose(transform: Callable[[Any], Any], objective: Objective) -> Objective:
    """The objective on a fixed differentiable transform of every reference and of x."""
    return Objective(
        lambda references: objective.fit(map_references(transform, references)),
        lambda target, x: objective.distance(target, transform(x)),
    )


def standardised(objective: Objective, weights: Weights | None = None) -> Objective:
    """The objective on spectrograms in units of each bin's std about its mean in the reference.

    Args:
      objective: on standardised spectrograms.
      weights: of several references. Each is standardised by itself and x by the weighted means of
        their means and stds, so that a sound between two recordings has a spectrum and depth
        between theirs. (In units that all share, the mean of Grams belongs to a sound that is now
        the one and now the other, farther from both than they are from each other.)
    """
    return _in_units(
        objective,
        "units",
        measure=spectrogram.standardisation,
        convert=lambda x, units: spectrogram.standardise(x, *units),
        blend=_arithmetic_mean,
        weights=weights,
    )


def relatively_compressed(
    objective: Objective, *, sharpness: float, weights: Weights | None = None
) -> Objective:
    """The objective on magnitudes [T, F] compressed relative to each bin's mean in the reference.

    Args:
      objective: on compressed magnitudes.
      sharpness: of `spectrogram.compress_relative`.
      weights: of several references, as in `standardised`, but with geometric means.
    """
    return _in_units(
        objective,
        "scale",
        measure=spectrogram.loudness_scale,
        convert=lambda x, scale: spectrogram.compress_relative(x, scale, sharpness=sharpness),
        blend=_geometric_mean,
        weights=weights,
    )


def peak_compressed(objective: Objective, weights: Weights | None = None) -> Objective:
    """The objective on tanh(15 x / the reference's largest magnitude), for signed x.

    2 sigmoid(30 z) - 1 in Caracalla & Roebel 2020. weights: as in `relatively_compressed`.
    """

    def measure(reference):
        return 15 / jnp.maximum(jnp.max(jnp.abs(reference)), jnp.finfo(jnp.float32).tiny)

    return _in_units(
        objective,
        "scale",
        measure=measure,
        convert=lambda x, scale: jnp.tanh(scale * x),
        blend=_geometric_mean,
        weights=weights,
    )


def _in_units(objective, name, *, measure, convert, blend, weights):
    """The objective on values in units of the reference, which the target holds under a name."""

    def fit(references):
        units = map_references(measure, references)
        return {
            name: units,
            "target": objective.fit(map_references(convert, references, units)),
        }

    def distance(target, x):
        units = target[name] if weights is None else blend(target[name], weights)
        return objective.distance(target["target"], convert(x, units))

    return Objective(fit, distance)


def guided(objective: Objective, *, levels: int, bands: int) -> Objective:
    """Mean of the objective over regions; fit takes (content, style).

    Guided Grams G_r = (T_r F)(T_r F)^T of Gatys et al. 2017, Eq. 5: the style's loud moments give
    their style to the content's loud moments, quiet ones to quiet ones, and each band to the same
    band. Masks T_r are 1 in a region and 0 elsewhere. They multiply the networks' input, so that a
    kernel at a border sees zeros beyond it; in the paper they multiply the output.

    Args:
      objective: on one region.
      levels: regions in time, by the rank of each moment's level.
      bands: regions in frequency, equal numbers of bins, the same in every stream.
    """

    def masks(x):
        level = jnp.mean(flatten_frames(x), axis=1)
        rank = jnp.sum(level[None] < level[:, None], axis=1)
        frames = (rank * levels // len(level)).reshape((-1,) + (1,) * (x.ndim - 1))
        bins = (np.arange(x.shape[-1]) * bands // x.shape[-1]).reshape((1,) * (x.ndim - 1) + (-1,))
        return [
            ((frames == i) & (bins == j)).astype(jnp.float32)
            for i in range(levels)
            for j in range(bands)
        ]

    def fit(pair):
        content, style = pair
        targets = [objective.fit(style * mask) for mask in masks(style)]
        return {"masks": masks(content), "targets": targets}

    def distance(target, x):
        regions = zip(target["targets"], target["masks"], strict=True)
        distances = [objective.distance(of_region, x * mask) for of_region, mask in regions]
        return _mean_distance(distances, shares([1.0] * len(distances)))

    return Objective(fit, distance)


def cross_normalised(analyse: Callable[[Objective], Objective], objective: Objective) -> Objective:
    """The objective between two sounds, each in units of its own; fit takes (content, style).

    x is in the style's units. What the content is in units of its own means and stds, x is to be in
    those of the style: the one's pattern in time under the other's spectrum and depth.

    Args:
      analyse: puts a view, compression and standardisation around an objective.
      objective: its fit takes (content, style) too.
    """
    # Around an objective that returns its input, all that is fitted are the units.
    units = analyse(Objective(lambda _: (), lambda _, x: x))

    def fit(pair):
        own_units = [units.fit(sound) for sound in pair]
        converted = [units.distance(own, sound) for own, sound in zip(own_units, pair, strict=True)]
        return {"units": own_units[1], "target": objective.fit(converted)}

    def distance(target, x):
        return objective.distance(target["target"], units.distance(target["units"], x))

    return Objective(fit, distance)


def fit_to_content(objective: Objective) -> Objective:
    """The objective fitted to the first of a pair of sounds, the content."""
    return objective._replace(fit=lambda sounds: objective.fit(sounds[0]))


def fit_to_style(objective: Objective) -> Objective:
    """The objective fitted to the last of a pair of sounds, the style."""
    return objective._replace(fit=lambda sounds: objective.fit(sounds[-1]))


def morph(
    mixed: Callable[[Weights], Objective],
    weights: Weights,
    morph_to: Weights,
    *,
    size: int,
    overlap: int,
    axis: int,
) -> Objective:
    """A mixture whose weights pass evenly from one set to another over time, block by block.

    Each block of x is compared with the mixture that has the weights of its place: the first block
    those of the beginning, the last those of the end. (Gatys et al. 2017 guide statistics over all
    of x by masks; overlapping masks would each ask for one reference's statistics where half of the
    sound is the other's.)

    Args:
      mixed: weights -> `mixture`.
      weights: of the references at the beginning.
      morph_to: at the end.
      size: most samples or frames of a block.
      overlap: of neighbouring blocks, see `blocks`.
      axis: of time in x.
    """
    ends = [jnp.asarray(values, jnp.float32) / sum(values) for values in (weights, morph_to)]

    def distance(target, x):
        length, starts = blocks(x.shape[axis], frames=size, overlap=overlap)
        places = np.linspace(0, 1, len(starts), dtype=np.float32)[:, None]
        cut = jnp.stack(
            [jax.lax.slice_in_dim(x, start, start + length, axis=axis) for start in starts]
        )

        @jax.checkpoint
        def of_block(block):
            return mixed(list(block[0])).distance(target, block[1])

        along = (1 - places) * ends[0][None] + places * ends[1][None]
        totals, terms = jax.lax.map(of_block, (along, cut))
        return jnp.mean(totals), {name: jnp.mean(values) for name, values in terms.items()}

    return Objective(mixed(weights).fit, distance)


def scaled(objective: Objective, scale: jax.Array) -> Objective:
    """The objective times a number. 1 / its value at the start makes every run begin at 1."""

    def distance(target, x):
        total, terms = objective.distance(target, x)
        return total * scale, {name: term * scale for name, term in terms.items()}

    return Objective(objective.fit, distance)


def of_network(
    init: Callable[[jax.Array, jax.Array], Any],
    features: Callable[[Any, jax.Array], Mapping[str, Any]],
    key: jax.Array,
    statistic: Objective,
    *,
    weights: Mapping[str, float] | None = None,
) -> Objective:
    """A statistic of an explicit network's taps, averaged over the taps.

    The network's weights are drawn when the target is fitted and are a part of it: a target goes
    with its filters.

    Args:
      init: (key, x [T, F]) -> weights.
      features: (weights, x [T, F]) -> the taps to match, name -> [..., C], channels last.
      key: PRNG key of the weights.
      statistic: objective on features [..., C], such as `losses.gram()`.
      weights: of the taps in the mean; equal by default.
    """

    def fit(reference):
        variables = init(key, reference)
        taps = features(variables, reference)
        return {
            "weights": variables,
            "taps": {name: statistic.fit(values) for name, values in taps.items()},
        }

    def distance(target, x):
        taps = features(target["weights"], x)
        names = list(target["taps"])
        distances = [statistic.distance(target["taps"][name], taps[name]) for name in names]
        return _mean_distance(
            distances, shares([weights[name] if weights else 1.0 for name in names])
        )

    return Objective(fit, distance)


def flatten_frames(x: jax.Array) -> jax.Array:
    """Frames as rows, streams side by side: [T, ..., F] -> [T, ... * F]."""
    return x.reshape(len(x), -1)


def shares(weights: Weights) -> list[Any]:
    """Weights divided by their sum."""
    return [weight / sum(weights) for weight in weights]


def map_references(function: Callable, references: Any, *others: Any) -> Any:
    """A function's value for one reference, or a list of its values for a list of references.

    References of one shape are worked out by one vmapped program, however many they are.
    """
    if not isinstance(references, list):
        return function(references, *others)
    arguments = list(zip(references, *others, strict=True))
    shapes = [jax.tree.map(jnp.shape, entry) for entry in arguments]
    if len(arguments) == 1 or shapes[1:] != shapes[:-1]:
        return [function(*entry) for entry in arguments]
    values = jax.vmap(function)(*jax.tree.map(lambda *leaves: jnp.stack(leaves), *arguments))
    return [jax.tree.map(lambda leaf, i=i: leaf[i], values) for i in range(len(arguments))]


def _mean_distance(
    distances: Sequence[tuple[Any, Terms]], fractions: Sequence[Any]
) -> tuple[Any, Terms]:
    """Weighted mean of distances and of each of their terms."""

    def mean(values):
        return sum(share * value for share, value in zip(fractions, values, strict=True))

    total = mean([total for total, _ in distances])
    return total, {name: mean([terms[name] for _, terms in distances]) for name in distances[0][1]}


def _weighted_mean(values: Sequence[jax.Array], weights: Weights) -> Any:
    return sum(weight * value for weight, value in zip(weights, values, strict=True)) / sum(weights)


def _arithmetic_mean(units: Sequence[Any], weights: Weights) -> Any:
    return jax.tree.map(lambda *values: _weighted_mean(values, weights), *units)


def _geometric_mean(scales: Sequence[jax.Array], weights: Weights) -> jax.Array:
    return jnp.exp(_weighted_mean([jnp.log(scale) for scale in scales], weights))
