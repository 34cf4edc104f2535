"""A recipe's networks over a view, and objectives on statistics of their features."""

import functools
import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import combinators, representation
from audio_texture.base import Objective
from audio_texture.layer import INPUT_TAPS, Layer, NetworkConfig, cut_after, cut_to
from audio_texture.views import View


def closed_networks(
    recipe: Any, view: View, which: str
) -> tuple[list[tuple[Layer, ...]], list[float]]:
    """The infinitely wide networks over a view: for each, its layers up to a tap, and the weight.

    which: the term whose taps are used, "style" or "content".
    """
    taps = [(width, tap) for width in view.widths for tap in recipe.taps(which)]
    networks = [cut_to(recipe.layers(width), tap.name) for width, tap in taps]
    return networks, [tap.weight for _, tap in taps]


def of_networks(
    recipe: Any,
    view: View,
    number: int,
    statistic: Objective,
    which: str,
    hparams: dict[str, Any],
    *,
    circular: bool = False,
) -> Objective:
    """The objective on a statistic of the taps of explicit networks, one network a kernel width.

    Args:
      recipe: all choices.
      view: the view that the networks see.
      number: seed of the filters, the view's index: all runs of a recipe share its filters.
      statistic: objective on features [..., C], or on pairs of them for chained Grams.
      which: the term whose taps are used, "style" or "content".
      hparams: may hold the variables of a network from a file as "network".
      circular: whether x's last frame is followed by its first.
    """
    # Imported here because Flax takes a second to import and the closed form does not use it.
    from audio_texture import networks

    taps = recipe.taps(which)
    descriptions, file_variables = [recipe.description(width) for width in view.widths], None
    if recipe.network.weights_file:
        description, file_variables = load_network(recipe)
        file_variables = hparams.get("network", file_variables)
        names = [tap.name for tap in taps if tap.name not in INPUT_TAPS]
        descriptions = [cut_after(description, names) if names else description]
    nets = [networks.build(description) for description in descriptions]
    fields = [recipe.field(width) for width in view.widths]
    weights = {f"{i} {tap.name}": tap.weight for i in range(len(nets)) for tap in taps}
    chained = which == "style" and recipe.term("style").statistic == "chained-gram"
    compute_taps = functools.partial(_compute_taps, recipe, circular)

    def init(key, x):
        if file_variables:
            return [file_variables]
        keys = jax.random.split(key, len(nets))
        examples = [_example_input(recipe, circular, x, field) for field in fields]
        return [net.init(key, x) for net, x, key in zip(nets, examples, keys, strict=True)]

    def features(variables, x):
        values = {}
        for i, (net, variable, field) in enumerate(zip(nets, variables, fields, strict=True)):
            outputs = compute_taps(net, variable, x, field)
            if chained:
                values |= {
                    f"{i} {tap.name}": (outputs[tap.name], outputs[following.name])
                    for tap, following in zip(taps[:-1], taps[1:], strict=True)
                }
            else:
                values |= {f"{i} {tap.name}": outputs[tap.name] for tap in taps}
        return values

    return combinators.of_network(
        init, features, jax.random.key(number), statistic, weights=weights
    )


def _streams_are_inputs(recipe: Any) -> bool:
    """Whether a network sees one stream at a time, because its kernels slide along frequency."""
    return recipe.network.kind != "1d-frequency" and recipe.analysis.representation == "magnitude"


def _cut_frames(recipe: Any, circular: bool, x: jax.Array, field: int) -> jax.Array:
    """A network's input from x [T, ...]: x; for 1d-time, overlapping pieces of `field` frames."""
    x = jnp.concatenate([x, x[: field - 1]]) if circular else x
    if recipe.network.kind != "1d-time":
        return x
    count = 1 + -(-2 * (len(x) - field) // field)
    starts = np.linspace(0, len(x) - field, count).round().astype(int)
    return jnp.stack([x[start : start + field] for start in starts])


def _example_input(recipe: Any, circular: bool, x: jax.Array, field: int) -> jax.Array:
    """An input of the shape that a network's weights are drawn for."""
    if _streams_are_inputs(recipe):
        x = x[:, 0]
    elif recipe.network.kind != "2d":
        x = combinators.flatten_frames(x)
    return _cut_frames(recipe, circular, x, field)[0] if recipe.network.kind == "1d-time" else x


def _compute_taps(
    recipe: Any, circular: bool, net: Any, variable: Any, x: jax.Array, field: int
) -> dict[str, jax.Array]:
    """A network's taps by name; outputs for separate streams are stacked before the bins."""

    def of_stream(x):
        apply = net.apply
        if recipe.network.kind == "1d-time":
            apply = jax.vmap(net.apply, in_axes=(None, 0))
        return apply(variable, _cut_frames(recipe, circular, x, field))

    if not _streams_are_inputs(recipe):
        if recipe.network.kind == "2d":
            return of_stream(x)
        frames = combinators.flatten_frames(x)
        return {**of_stream(frames), "input": frames, **_magnitudes(recipe, x)}
    if x.shape[1] == 1:
        return of_stream(x[:, 0])
    # Streams come before bins: frames stay first, and bin-grams has a Gram for each bin of each
    # stream.
    return jax.vmap(of_stream, in_axes=1, out_axes=-3)(x)


def _magnitudes(recipe: Any, x: jax.Array) -> dict[str, jax.Array]:
    """The tap of what a network sees of magnitudes alone, where it sees any."""
    name = recipe.analysis.representation
    if "magnitude" not in representation.PARTS[name]:
        return {}
    values = representation.magnitudes(x, name=name)
    return {"magnitudes": combinators.flatten_frames(values)}


def load_network(recipe: Any) -> tuple[NetworkConfig, Any]:
    """The network in a recipe's weights file, and its variables. ValueError: see `weights.load`."""
    kind = recipe.network.kind
    path, modified = weights_version(recipe)
    return _load_cached(path, kind if kind.startswith("vgg19") else "vgg19-grey", modified)


def weights_version(recipe: Any) -> tuple[str, float | None]:
    """The path of a recipe's weights file, empty without one, and when the file was changed."""
    path = recipe.network.weights_file
    return path, os.path.getmtime(path) if os.path.exists(path) else None


# Cached because `prepare` loads several times and VGG-19 takes a third of a second; `modified`
# makes a changed file load again.
@functools.lru_cache(maxsize=2)
def _load_cached(path: str, kind: str, modified: float | None) -> tuple[NetworkConfig, Any]:
    from audio_texture import weights

    return weights.load(path, kind=kind)


def given_weights(recipe: Any) -> dict[str, Any]:
    """{"network": variables of a network from a file}, for hparams; {} without a file."""
    return {"network": load_network(recipe)[1]} if recipe.network.weights_file else {}
