"""Batches of textures, transfers and inversions at RATE, their distances and scores."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from audio_texture import (
    base,
    batch,
    combinators,
    losses,
    metrics,
    networks,
    style_transfer,
    synthesis,
)
from audio_texture.config import Recipe
from audio_texture.insights.references import RATE
from audio_texture.layer import Layer, NetworkConfig


def random_gram(kind: str, layer: Layer, key: jax.Array) -> base.Objective:
    """Returns the Gram distance of one layer of random filters on spectrograms [T, F].

    Args:
      kind: of the network, one of layer.KINDS.
      layer: the layer.
      key: draws the filters.
    """
    config = NetworkConfig(kind, (layer,), padding="valid")
    return combinators.of_network(
        networks.build(config).init,
        networks.features(config, ["relu_1"]),
        key,
        losses.gram(),
    )


def compile_distance(
    make: Callable[[jax.Array], base.Objective],
) -> Callable[[jax.Array, jax.Array, jax.Array], jax.Array]:
    """Returns the compiled function (key, x, y) -> distance of y from the target x.

    Args:
      make: key of the filters -> objective.
    """

    def distance(key, x, y):
        style = make(key)
        return style.distance(style.fit(x), y)[0]

    return jax.jit(distance)


def make_textures(
    recipe: Recipe | Sequence[Recipe],
    references: Sequence[np.ndarray],
    seeds: Sequence[int],
    *,
    seconds: float | None = None,
) -> np.ndarray:
    """Returns a texture of each reference, made as one batch: [n, samples].

    Args:
      recipe: of all textures, or n recipes of a single shape.
      references: n waves [N] at RATE.
      seeds: n seeds of the starts.
      seconds: length; that of the first reference if left out.
    """
    seconds = len(references[0]) / RATE if seconds is None else seconds
    recipes = [recipe] * len(references) if isinstance(recipe, Recipe) else recipe
    problems = batch.prepare_batch(
        recipes, [[wave[None]] for wave in references], sample_rate=RATE, seconds=seconds
    )
    return _check_complete(batch.run_batch(problems, _make_keys(seeds))).waves[:, 0]


def make_transfers(
    recipe: Recipe,
    content: np.ndarray,
    style: np.ndarray,
    seed: int,
    factors: Sequence[Mapping[str, float]] = ({},),
) -> batch.Batch:
    """Returns a content in a style's texture, once for each set of factors, as one batch.

    Args:
      recipe: of the transfer.
      content: [N] at RATE.
      style: [N] at RATE.
      seed: of the start, the same for all.
      factors: factors of the recipe's weights.
    """
    problem = style_transfer.prepare(recipe, content[None], style[None], sample_rate=RATE)
    problems = [style_transfer.reweighted(problem, **factor) for factor in factors]
    keys = _make_keys(np.full(len(problems), seed))
    return _check_complete(batch.run_batch(problems, keys))


def make_inversions(
    recipes: Sequence[Recipe], contents: Sequence[np.ndarray], seeds: Sequence[int]
) -> batch.Batch:
    """Returns contents made again from their activations, without a style, as one batch.

    Args:
      recipes: n recipes of a single shape.
      contents: n waves [N] at RATE.
      seeds: n seeds of the starts.
    """
    problems: list[synthesis.Problem] = []
    for recipe, content in zip(recipes, contents, strict=True):
        problems.append(
            style_transfer.prepare(
                recipe,
                content[None],
                content[None],
                sample_rate=RATE,
                like=problems[0] if problems else None,
            )
        )
    return _check_complete(batch.run_batch(problems, _make_keys(seeds)))


def _make_keys(seeds: Sequence[int] | np.ndarray) -> jax.Array:
    return jax.vmap(jax.random.key)(np.asarray(seeds, np.uint32))


def _check_complete(batch: batch.Batch) -> batch.Batch:
    """Returns the batch. KeyboardInterrupt if Ctrl-C cut it short: its numbers would mislead."""
    if any(outcome.reason == "interrupted" for outcome in batch.outcomes):
        raise KeyboardInterrupt
    return batch


def score_likeness(candidate: np.ndarray, reference: np.ndarray) -> float:
    """Returns the mean of the likeness `MEASURES` of waves [N] at RATE.

    At 1 the candidate is as near to the reference as the reference's halves are to each other;
    above 1 it is further away.
    """
    prepared = (
        metrics.preprocess(wave, sample_rate=RATE, rate=RATE) for wave in (candidate, reference)
    )
    likeness = metrics.measure_likeness(*prepared, sample_rate=RATE)
    return float(np.mean([likeness[measure] for measure in metrics.MEASURES]))


def score_content(candidate: np.ndarray, content: np.ndarray) -> float:
    """Returns the mean correlation of onset strength and of loudness with the content's.

    The waves are [N] at RATE; 1 means that all of the content is kept.
    """
    preserved: dict[str, Any] = metrics.content_preservation(candidate, content, sample_rate=RATE)
    return float(np.mean([preserved[measure] for measure in ("onsets_kept", "loudness_kept")]))
