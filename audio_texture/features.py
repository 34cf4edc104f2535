"""The networks of a recipe over a view, and statistics of their features as objectives."""

import functools
import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import combinators
from audio_texture.base import Objective
from audio_texture.layer import Layer, NetworkConfig, cut_after, cut_to
from audio_texture.views import View


def closed_networks(
    recipe: Any, view: View, which: str
) -> tuple[list[tuple[Layer, ...]], list[float]]:
    """The layers of each network in closed form whose last layer is a tap, and the taps' weights.

    which: "style" or "content", whose taps are meant.
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
    """A statistic of the taps of a view's explicit networks, one for each kernel width.

    Args:
      recipe: all choices.
      view: whose spectrograms are taken.
      number: seed of the filters; they belong to the recipe, not to a run.
      statistic: objective on features [..., C], or on pairs of them for chained Grams.
      which: "style" or "content", whose taps are meant.
      hparams: the variables of a network from a file stand in them as "network".
      circular: whether x's last frame is followed by its first.
    """
    # Flax takes a second to import; runs in closed form need not wait for it.
    from audio_texture import networks

    taps = recipe.taps(which)
    descriptions, given = [recipe.description(width) for width in view.widths], None
    if recipe.network.weights_file:
        kept, given = load_network(recipe)
        given = hparams.get("network", given)
        descriptions = [cut_after(kept, [tap.name for tap in taps])]
    nets = [networks.build(description) for description in descriptions]
    fields = [recipe.field(width) for width in view.widths]
    weights = {f"{i} {tap.name}": tap.weight for i in range(len(nets)) for tap in taps}
    chained = which == "style" and recipe.term("style").statistic == "chained-gram"
    outputs_of = functools.partial(_outputs, recipe, circular)

    def init(key, x):
        if given:
            return [given]
        keys = jax.random.split(key, len(nets))
        examples = [_example(recipe, circular, x, field) for field in fields]
        return [net.init(key, x) for net, x, key in zip(nets, examples, keys, strict=True)]

    def features(variables, x):
        values = {}
        for i, (net, variable, field) in enumerate(zip(nets, variables, fields, strict=True)):
            outputs = outputs_of(net, variable, x, field)
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


def _slides(recipe: Any) -> bool:
    """Whether kernels slide along frequency within a stream: each stream is then an input."""
    return recipe.network.kind != "1d-frequency" and recipe.analysis.representation == "magnitude"


def _pieces(recipe: Any, circular: bool, x: jax.Array, field: int) -> jax.Array:
    """What a network sees of x: all of it, or pieces of as many frames as its channels."""
    x = jnp.concatenate([x, x[: field - 1]]) if circular else x
    if recipe.network.kind != "1d-time":
        return x
    count = 1 + -(-2 * (len(x) - field) // field)
    starts = np.linspace(0, len(x) - field, count).round().astype(int)
    return jnp.stack([x[start : start + field] for start in starts])


def _example(recipe: Any, circular: bool, x: jax.Array, field: int) -> jax.Array:
    """An input that a network's weights are drawn for."""
    if _slides(recipe):
        x = x[:, 0]
    elif recipe.network.kind != "2d":
        x = combinators.flatten_frames(x)
    return _pieces(recipe, circular, x, field)[0] if recipe.network.kind == "1d-time" else x


def _outputs(
    recipe: Any, circular: bool, net: Any, variable: Any, x: jax.Array, field: int
) -> dict[str, jax.Array]:
    """A network's taps; streams that are inputs of their own have their outputs side by side."""

    def of_stream(x):
        apply = net.apply
        if recipe.network.kind == "1d-time":
            apply = jax.vmap(net.apply, in_axes=(None, 0))
        return apply(variable, _pieces(recipe, circular, x, field))

    if not _slides(recipe):
        return of_stream(x if recipe.network.kind == "2d" else combinators.flatten_frames(x))
    if x.shape[1] == 1:
        return of_stream(x[:, 0])
    # Streams stand before the bins: frames stay first, and statistics of each bin are of each bin
    # of each stream.
    return jax.vmap(of_stream, in_axes=1, out_axes=-3)(x)


def load_network(recipe: Any) -> tuple[NetworkConfig, Any]:
    """The network in a recipe's file of weights, and its variables. ValueError: `weights.load`."""
    path, kind = recipe.network.weights_file, recipe.network.kind
    changed = os.path.getmtime(path) if os.path.exists(path) else None
    return _loaded(path, kind if kind.startswith("vgg19") else "vgg19-grey", changed)


# A preparation asks several times, a sweep for every run; VGG-19 takes a third of a second.
@functools.lru_cache(maxsize=2)
def _loaded(path: str, kind: str, changed: float | None) -> tuple[NetworkConfig, Any]:
    from audio_texture import weights

    return weights.load(path, kind=kind)


def given_weights(recipe: Any) -> dict[str, Any]:
    """The variables of a network from a file, as `of_networks` takes them from hparams."""
    return {"network": load_network(recipe)[1]} if recipe.network.weights_file else {}
