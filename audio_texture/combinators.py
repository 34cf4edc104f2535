"""Functions that combine or transform objectives: sums, mixtures, blocks, units, regions.

Most take one `base.Objective` or several and return one. T frames, S streams, F bins, C channels.
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
    """Sum of objectives times their weights.

    parts: name of a term -> (weight, objective).
    """

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

    For squared distances between Grams this is, up to a constant, the distance to the mean of the
    Grams, their barycentre. `standardised` says in which units references are compared.

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
    """Mean of the objective over blocks of x's frames, each compared with the whole target.

    Time and memory then grow linearly with the length of x, not with its square, and every block of
    a long texture gets the reference's statistics.

    Args:
      objective: on a block.
      frames: most frames of a block.
      overlap: fewest frames that neighbouring blocks share: the receptive field less one, so that
        no patch falls between two blocks.
      circular: given where x's last frame is followed by its first: the objective on a whole
        circular x, for an x that fits in one block. A longer x is cut into blocks that continue
        past its end into its beginning.
      at_once: whether blocks are computed together (vmap), which takes more memory, instead of one
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
            # checkpoint: the gradient stores the blocks only, not each one's [T, T] matrices.
            totals, terms = jax.lax.map(jax.checkpoint(of_block), cut)
        return jnp.mean(totals), {name: jnp.mean(values) for name, values in terms.items()}

    return Objective(objective.fit, distance)


def blocks(total: int, *, frames: int, overlap: int) -> tuple[int, list[int]]:
    """Size and starts of the fewest equal blocks that cover `total` frames.

    Args:
      total: frames to cover.
      frames: most frames of a block.
      overlap: fewest frames that neighbouring blocks share.
    Raises:
      ValueError: frames is not above overlap.

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
    """The objective on a fixed differentiable transform of every reference and of x.

    Example:
      >>> from audio_texture import losses
      >>> on_power = precompose(jnp.square, losses.content(relative=False))
      >>> target = on_power.fit(jnp.array([[2.0]]))
      >>> float(on_power.distance(target, jnp.array([[1.0]]))[0])
      9.0
    """
    return Objective(
        lambda references: objective.fit(map_references(transform, references)),
        lambda target, x: objective.distance(target, transform(x)),
    )


def standardised(objective: Objective, weights: Weights | None = None) -> Objective:
    """The objective on spectrograms in units of each bin's std about its mean in the reference.

    Args:
      objective: on standardised spectrograms.
      weights: of several references. Each reference is standardised by its own mean and std, x by
        the weighted averages of these, so that a sound between two recordings has a spectrum and a
        depth of fluctuation between theirs. (With shared units, the mean of Grams would describe a
        sound that alternates between the recordings, farther from both than they are apart.)
        [P, R] are weights at P times evenly spread over x, whose frames then have units each of
        their own: x may pass from one reference's spectrum to another's.
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
    """The objective on converted values; the target holds the reference's units under `name`."""

    def fit(references):
        units = map_references(measure, references)
        return {
            name: units,
            "target": objective.fit(map_references(convert, references, units)),
        }

    def distance(target, x):
        if getattr(weights, "ndim", 1) == 2:
            of_frames = weights_of_frames(weights, len(x))
            units = jax.vmap(lambda own: blend(target[name], list(own)))(of_frames)
            x = jax.vmap(lambda frame, own: convert(frame[None], own)[0])(x, units)
            return objective.distance(target["target"], x)
        units = target[name] if weights is None else blend(target[name], weights)
        return objective.distance(target["target"], convert(x, units))

    return Objective(fit, distance)


def weights_of_frames(along: jax.Array, frames: int) -> jax.Array:
    """Weights [frames, R], interpolated between those at P evenly spread times, `along` [P, R].

    Example:
      >>> weights_of_frames(jnp.array([[1.0, 0.0], [0.0, 1.0]]), 3)[1].tolist()
      [0.5, 0.5]
    """
    places, knots = np.linspace(0, 1, frames), np.linspace(0, 1, len(along))
    rows = [np.interp(places, knots, row) for row in np.eye(len(along))]
    return jnp.matmul(
        np.stack(rows, axis=1).astype(np.float32), along, precision=jax.lax.Precision.HIGHEST
    )


def guided(objective: Objective, *, levels: int, bands: int) -> Objective:
    """Mean of the objective over regions; `fit` takes (content, style), both [T, ..., F].

    Guided Grams G_r = (T_r F)(T_r F)^T of Gatys et al. 2017, Eq. 5: the style's loud frames give
    their style to the content's loud frames, quiet ones to quiet ones, and each band to the same
    band. Masks T_r are 1 in a region and 0 elsewhere. They multiply the networks' input, so that a
    kernel at a border sees zeros beyond it; in the paper they multiply the output.

    Args:
      objective: on one region.
      levels: number of regions in time: equal shares of the frames, ranked by their mean value.
      bands: number of regions in frequency: equal shares of the bins, the same in every stream.
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
    """The objective between two sounds in their own units; `fit` takes (content, style).

    The content is standardised by its own means and stds, x by those of the style. So x gets the
    content's pattern in time with the style's spectrum and depth of fluctuation.

    Args:
      analyse: puts a view, compression and standardisation around an objective.
      objective: its `fit` takes (content, style) too.
    """
    # Around an objective that returns its input, `fit` measures the units and `distance` converts.
    units = analyse(Objective(lambda _: (), lambda _, x: x))

    def fit(pair):
        pair_units = [units.fit(sound) for sound in pair]
        converted = [
            units.distance(fitted, sound) for fitted, sound in zip(pair_units, pair, strict=True)
        ]
        return {"units": pair_units[1], "target": objective.fit(converted)}

    def distance(target, x):
        return objective.distance(target["target"], units.distance(target["units"], x))

    return Objective(fit, distance)


def fit_to_content(objective: Objective) -> Objective:
    """The objective fitted to the first of a pair of sounds, the content."""
    return objective._replace(fit=lambda sounds: objective.fit(sounds[0]))


def fit_to_style(objective: Objective) -> Objective:
    """The objective fitted to the last of a pair of sounds, the style."""
    return objective._replace(fit=lambda sounds: objective.fit(sounds[-1]))


def scaled(objective: Objective, scale: jax.Array) -> Objective:
    """The objective times a number; 1 / its value at the start makes every run begin at 1."""

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

    `fit` draws the network's weights and stores them in the target, so a target keeps its filters.

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
    """Frames as rows, with all other axes flattened: [T, S, F] -> [T, S * F].

    Example:
      >>> flatten_frames(jnp.zeros((5, 2, 3))).shape
      (5, 6)
    """
    return x.reshape(len(x), -1)


def shares(weights: Weights) -> list[Any]:
    """Weights divided by their sum."""
    return [weight / sum(weights) for weight in weights]


def map_references(function: Callable, references: Any, *others: Any) -> Any:
    """A function's value for one reference, or a list of its values for a list of references.

    Several references of one shape are computed by one vmapped program.
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
