"""What a recipe matches: its style, content and other terms, as objectives on what the canvas renders.

view -> compression -> standardisation -> networks -> statistics, and beside them what is heard in the wave itself.
"""

import dataclasses
import functools
import os
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import objective, spectrogram, views
from audio_texture.layer import Layer, NetworkConfig, cut_after, cut_to
from audio_texture.recipes import Recipe, View

# Seconds, Antognini, Hoffman & Weiss 2019.
AUTOCORRELATION_LAGS = (0.2, 2.0)
# What onsets are seen in, and like patches down to 30 dB under a band's mean, for the ground between events and for where they
# begin; onsets are rises within 16 ms.
FINE, FINE_SHARPNESS, ONSET_STEP = View(24, (1, 8, 32), 32.0, 8.0), 30.0, 2
DIRECTIONS = 64
# Blocks that a morph's weights change between, within `block_seconds`.
MORPH_STEPS = 4

# A recipe's numbers by the names of their fields, the variables of a network from a file as "network", and what weights of references
# are multiplied by as "balance", of `mixing.balance`; maybe traced.
Numbers = dict[str, Any]


def style_objective(
    recipe: Recipe,
    rate: int,
    weights: Sequence[float] | jax.Array,
    *,
    numbers: Numbers | None = None,
    circular: bool = False,
    morph_to: Sequence[float] | None = None,
    bands: Sequence[tuple[float, float]] | None = None,
) -> objective.Objective:
    """The recipe's style distance of what the canvas renders to several references at once: fit takes their sequence.

    numbers: in place of the recipe's own; traced, as the weights may be, they make one program serve all that differ in them; with their
    balance, where there is one, weights are multiplied. circular: judges a wave whose end is followed by its beginning, every moment of it alike; of that, only
    `distance` is of use. morph_to, bands: see `synthesis.prepare`; with bands, fit takes what `synthesis.as_modelled` made of the references.
    """
    numbers = recipe.numbers() if numbers is None else numbers
    if bands is not None:
        one = _style(recipe, rate, [1.0], numbers, circular)
        inside = lambda low, high: objective.seen_through(
            functools.partial(spectrogram.band, sample_rate=rate, low=low, high=high), one
        )
        # The references hold nothing but their bands already.
        each = [
            objective.Objective(lambda reference: one.fit([reference]), inside(*edges).distance)
            for edges in bands
        ]
        return objective.mixture(each, weights)
    if morph_to is None:
        return _style(recipe, rate, weights, numbers, circular)
    overlap = field_samples(recipe, rate)
    size = max(round(recipe.block_seconds * rate / MORPH_STEPS), 2 * overlap)
    return objective.morph(
        lambda weights: _style(recipe, rate, weights, numbers),
        weights,
        morph_to,
        size=size,
        overlap=overlap,
        axis=1,
    )


def field_samples(recipe: Recipe, rate: int, *, places: int = 1) -> int:
    """Samples that the frames of the longest kernel reach over, when it stands in so many places; 0 where there is none."""

    def of_view(view):
        sizes = view.sizes(rate)
        return sizes["n_fft"] + (recipe.longest_field(view) + places - 2) * sizes["hop_length"]

    return max(map(of_view, recipe.views), default=0)


def of_file(recipe: Recipe) -> tuple[NetworkConfig, Any]:
    """The network of a recipe's file of weights, and its variables."""
    path = recipe.weights_file
    return _loaded(
        path,
        recipe.network if recipe.network.startswith("vgg19") else "vgg19-grey",
        os.path.getmtime(path) if os.path.exists(path) else None,
    )


# A preparation asks several times, a sweep for every run; VGG-19 takes a third of a second.
@functools.lru_cache(maxsize=2)
def _loaded(path: str, kind: str, changed: float | None) -> tuple[NetworkConfig, Any]:
    from audio_texture import weights

    return weights.load(path, kind=kind)


def given_weights(recipe: Recipe) -> Numbers:
    """What `_of_explicit` takes a network's variables from, where they come from a file."""
    return {"network": of_file(recipe)[1]} if recipe.weights_file else {}


def _style(
    recipe: Recipe,
    rate: int,
    weights: Sequence[float] | jax.Array | None,
    numbers: Numbers,
    circular: bool = False,
) -> objective.Objective:
    """The style distance to a mixture of references, and the bounds where there are any, on what the canvas renders.

    weights: of the references, whose list fit takes; None where fit takes the one reference. numbers: of the recipe. Both may be traced.
    """
    weights, heard = (_balanced(weights, numbers, of) for of in ("spectrum", "heard"))
    parts = {}
    total_weight = sum(view.weight for view in recipe.views)
    for number, view in enumerate(recipe.views):
        one = _seen(
            recipe,
            view,
            rate,
            _blocks_of_networks(recipe, view, number, weights, numbers, circular),
            weights=weights,
            numbers=numbers,
            circular=circular,
        )
        parts[str(view)] = (numbers["style_weight"] * (view.weight / total_weight), one)
    if recipe.auditory_weight:
        block = round(recipe.block_seconds * rate)
        around = (
            _mixed(objective.auditory_statistics(rate, circular=True), heard) if circular else None
        )
        one = objective.in_blocks(
            _mixed(objective.auditory_statistics(rate), heard),
            frames=block,
            overlap=block // 10,
            circular=around,
        )
        parts["auditory"] = (numbers["auditory_weight"], objective.seen_through(jnp.transpose, one))
    if recipe.patches_weight:
        transports = {
            str(view): (
                view.weight,
                _finely(recipe, view, rate, _transport(view, weights), weights, circular),
            )
            for view in recipe.patches_views
        }
        parts["patches"] = (
            numbers["patches_weight"] / sum(view.weight for view in recipe.patches_views),
            objective.weighted_sum(transports),
        )
    if recipe.rhythm_weight:
        onsets = objective.onset_statistics(
            step=ONSET_STEP, lags=round(1000 * recipe.rhythm_seconds / FINE.hop_ms), weights=weights
        )
        parts["rhythm"] = (
            numbers["rhythm_weight"],
            _finely(recipe, FINE, rate, onsets, weights, circular),
        )
    if recipe.levels_weight:
        one = _mixed(objective.band_levels(), weights)
        one = objective.in_blocks(
            one,
            frames=_frames_in(recipe.block_seconds, FINE, 0),
            overlap=0,
            circular=one if circular else None,
        )
        parts["levels"] = (
            numbers["levels_weight"],
            objective.seen_through(
                functools.partial(views.of_wave, view=FINE, rate=rate, circular=circular), one
            ),
        )
    return objective.weighted_sum(parts | regularisers(recipe, numbers))


def _transport(view: View, weights: Sequence[float] | jax.Array | None) -> objective.Objective:
    return objective.standardised(
        _mixed(objective.sliced_transport(widths=view.widths, directions=DIRECTIONS), weights),
        weights,
    )


def _finely(
    recipe: Recipe,
    view: View,
    rate: int,
    one: objective.Objective,
    weights: Sequence[float] | jax.Array | None,
    circular: bool,
) -> objective.Objective:
    """The objective on a wave's magnitudes in a view, compressed down to the ground between events, in stretches.

    A whole that is as it should be may have all that is loud in one half.
    """
    overlap = max(view.widths) - 1
    around = objective.seen_through(lambda x: jnp.concatenate([x, x[:ONSET_STEP]]), one)
    stretches = functools.partial(
        objective.in_blocks,
        one,
        frames=_frames_in(recipe.stretch_seconds or recipe.block_seconds, view, overlap),
        overlap=overlap,
        at_once=True,
    )
    one = objective.in_blocks(
        stretches(),
        frames=_frames_in(recipe.block_seconds, view, overlap),
        overlap=overlap,
        circular=stretches(circular=around) if circular else None,
    )
    one = objective.relatively_compressed(one, sharpness=FINE_SHARPNESS, weights=weights)
    return objective.seen_through(
        functools.partial(views.of_wave, view=view, rate=rate, circular=circular), one
    )


def _blocks_of_networks(
    recipe: Recipe,
    view: View,
    number: int,
    weights: Sequence[float] | jax.Array | None,
    numbers: Numbers,
    circular: bool = False,
) -> objective.Objective:
    # Filters belong to the recipe: the same in every run of it, whatever its seed.
    networks = functools.partial(_networks, recipe, view, jax.random.key(number), numbers)
    overlap = recipe.longest_field(view) - 1
    frames = _frames_in(recipe.block_seconds, view, overlap)
    around = _mixed(networks(circular=True), weights) if circular else None
    return objective.in_blocks(
        _mixed(networks(), weights), frames=frames, overlap=overlap, circular=around
    )


def _mixed(
    one: objective.Objective, weights: Sequence[float] | jax.Array | None
) -> objective.Objective:
    return one if weights is None else objective.mixture(one, weights)


def _balanced(
    weights: Sequence[float] | jax.Array | None, numbers: Numbers, of: str
) -> Sequence[float] | jax.Array | None:
    if weights is None or "balance" not in numbers:
        return weights
    return [weight * factor for weight, factor in zip(weights, numbers["balance"][of], strict=True)]


def _frames_in(seconds: float, view: View, overlap: int) -> int:
    """Frames of a block of a length, which is to be longer than what blocks share."""
    return max(round(1000 * seconds / view.hop_ms), 2 * overlap + 1)


def guided_style(recipe: Recipe, rate: int, numbers: Numbers) -> objective.Objective:
    """The style distance of a transfer: fit takes the pair of content and style, of which the first guides, if anything does."""
    # Its weight is that of the whole distance.
    alone, numbers = (
        dataclasses.replace(recipe, bound_weight=0.0, variation_weight=0.0, power_weight=0.0),
        {**numbers, "style_weight": 1.0},
    )
    if recipe.guide_levels * recipe.guide_bands == 1:
        return objective.of_last(_style(alone, rate, None, numbers))
    parts = {}
    if recipe.auditory_weight + recipe.patches_weight + recipe.rhythm_weight + recipe.levels_weight:
        parts["unguided"] = (
            1.0,
            objective.of_last(
                _style(
                    dataclasses.replace(
                        alone,
                        views=(),
                        content_weight=0.0,
                        loudness_weight=0.0,
                        spectrum_weight=0.0,
                    ),
                    rate,
                    None,
                    numbers,
                )
            ),
        )
    total_weight = sum(view.weight for view in recipe.views)
    for number, view in enumerate(recipe.views):
        one = objective.guided(
            _blocks_of_networks(recipe, view, number, None, numbers),
            levels=recipe.guide_levels,
            bands=recipe.guide_bands,
        )
        parts[str(view)] = (
            view.weight / total_weight,
            objective.between(functools.partial(_seen, recipe, view, rate, numbers=numbers), one),
        )
    return objective.weighted_sum(parts)


def envelopes(recipe: Recipe, rate: int, numbers: Numbers) -> dict[str, objective.Objective]:
    """Distances of the envelopes, in the first view: fit takes the pair of content and style."""
    axes = {"loudness": "time", "spectrum": "frequency"}
    of = {"style": objective.of_last, "content": objective.of_first}[recipe.envelope_of]
    chosen = recipe.content_views or recipe.views
    if not chosen:
        return {}
    seen = functools.partial(_seen, recipe, chosen[0], rate, numbers=numbers)
    return {
        name: objective.between(seen, of(objective.envelope(axis))) for name, axis in axes.items()
    }


def _seen(
    recipe: Recipe,
    view: View,
    rate: int,
    one: objective.Objective,
    *,
    weights: Sequence[float] | jax.Array | None = None,
    numbers: Numbers,
    circular: bool = False,
) -> objective.Objective:
    """The objective on what the canvas renders, through a view, the recipe's compression and its standardisation; weights: see `_style`."""
    if recipe.standardised:
        one = objective.standardised(one, weights)
    if recipe.compression == "peak":
        one = objective.peak_compressed(one, weights)
    elif recipe.compression == "relative":
        one = objective.relatively_compressed(one, sharpness=numbers["sharpness"], weights=weights)
    elif recipe.canvas == "waveform":
        one = objective.seen_through(spectrogram.compress, one)
    looks = {
        "spectrogram": views.of_spectrogram,
        "waveform": functools.partial(views.of_wave, circular=circular),
    }
    look = (
        functools.partial(views.parts_of_wave, circular=circular)
        if recipe.representation == "real-imaginary"
        else looks[recipe.canvas]
    )
    return objective.seen_through(functools.partial(look, view=view, rate=rate), one)


def content(recipe: Recipe, rate: int, numbers: Numbers) -> objective.Objective:
    """The content distance on what the canvas renders: fit takes the pair of content and style."""
    chosen = recipe.content_views or recipe.views
    total_weight = sum(view.weight for view in chosen)
    parts = {}
    for number, view in enumerate(chosen):
        networks = _content_networks(recipe, view, jax.random.key(number), numbers)
        seen = functools.partial(_seen, recipe, view, rate, numbers=numbers)
        parts[str(view)] = (
            view.weight / total_weight,
            objective.between(seen, objective.of_first(networks)),
        )
    return objective.weighted_sum(parts)


def _content_networks(
    recipe: Recipe, view: View, key: jax.Array, numbers: Numbers
) -> objective.Objective:
    """How far the networks' activations, one for each kernel width, are from the content's at every moment."""
    relative = recipe.normalised_by == "target"
    if recipe.filters == 0:
        stacks, weights = _closed(recipe, view, "content")
        return objective.infinite_content(stacks, weights=weights, relative=relative)
    return _of_explicit(recipe, view, key, objective.content(relative=relative), "content", numbers)


def regularisers(recipe: Recipe, numbers: Numbers) -> dict[str, tuple[float, objective.Objective]]:
    """Terms, with their weights, that no sound is fitted for."""
    parts = {}
    if recipe.bound_weight and recipe.canvas == "spectrogram":
        parts["bounds"] = (numbers["bound_weight"], objective.bounds())
    if recipe.variation_weight:
        parts["variation"] = (numbers["variation_weight"], objective.total_variation())
    if recipe.power_weight:
        parts["power"] = (numbers["power_weight"], objective.sixth_power())
    return parts


def _closed(recipe: Recipe, view: View, which: str) -> tuple[list[tuple[Layer, ...]], list[float]]:
    """The networks in closed form whose last layers are the taps of a view's networks, and their weights."""
    taps = [(width, tap) for width in view.widths for tap in recipe.taps(which)]
    return [cut_to(recipe.layers(width), tap.name) for width, tap in taps], [
        tap.weight for _, tap in taps
    ]


def _of_explicit(
    recipe: Recipe,
    view: View,
    key: jax.Array,
    statistic: objective.Objective,
    which: str,
    numbers: Numbers,
    *,
    circular: bool = False,
) -> objective.Objective:
    """A statistic of the taps of a view's networks, one for each kernel width, whose filters are drawn, or given as the number "network"."""
    # Flax takes a second to import, which runs in closed form need not wait for.
    from audio_texture import networks

    taps = recipe.taps(which)
    descriptions, given = [recipe.description(width) for width in view.widths], None
    if recipe.weights_file:
        kept, given = of_file(recipe)
        given = numbers.get("network", given)
        descriptions = [cut_after(kept, [tap.name for tap in taps])]
    nets = [networks.build(description) for description in descriptions]
    # Kernels that slide along frequency stay within a stream: each is an input of its own, whose
    # outputs stand side by side.
    sliding = recipe.network != "1d-frequency" and recipe.representation == "magnitude"
    weights = {f"{i} {tap.name}": tap.weight for i in range(len(nets)) for tap in taps}

    fields = [recipe.field(width) for width in view.widths]

    def seen(x, field):
        """What a network sees of x: all of it, or if its channels are frames, pieces of as many frames as it has."""
        x = jnp.concatenate([x, x[: field - 1]]) if circular else x
        if recipe.network != "1d-time":
            return x
        starts = (
            np.linspace(0, len(x) - field, 1 + -(-2 * (len(x) - field) // field))
            .round()
            .astype(int)
        )
        return jnp.stack([x[start : start + field] for start in starts])

    def init(key, x):
        if given:
            return [given]
        x = x[:, 0] if sliding else x if recipe.network == "2d" else x.reshape(len(x), -1)
        example = lambda field: seen(x, field)[0] if recipe.network == "1d-time" else x
        return [
            net.init(key, example(field))
            for net, field, key in zip(nets, fields, jax.random.split(key, len(nets)), strict=True)
        ]

    def outputs_of(net, variable, x, field):
        """Of a network for one stream [T, F]."""
        apply = jax.vmap(net.apply, in_axes=(None, 0)) if recipe.network == "1d-time" else net.apply
        return apply(variable, seen(x, field))

    def features(variables, x):
        found = {}
        for i, (net, variable, field) in enumerate(zip(nets, variables, fields, strict=True)):
            one_stream = functools.partial(outputs_of, net, variable, field=field)
            if not sliding:
                outputs = one_stream(x if recipe.network == "2d" else x.reshape(len(x), -1))
            elif x.shape[1] == 1:
                outputs = one_stream(x[:, 0])
            else:
                # Before the bins: frames stay first, and what is told bin by bin is told stream by
                # stream.
                outputs = jax.vmap(one_stream, in_axes=1, out_axes=-3)(x)
            if which == "style" and recipe.statistic == "chained-gram":
                found |= {
                    f"{i} {tap.name}": (outputs[tap.name], outputs[following.name])
                    for tap, following in zip(taps[:-1], taps[1:])
                }
            else:
                found |= {f"{i} {tap.name}": outputs[tap.name] for tap in taps}
        return found

    return objective.of_network(init, features, key, statistic, weights=weights)


def _networks(
    recipe: Recipe, view: View, key: jax.Array, numbers: Numbers, *, circular: bool = False
) -> objective.Objective:
    """The networks of a view, one for each kernel width, on a spectrogram; circular: one whose end its beginning follows."""
    relative = recipe.normalised_by == "target"
    if recipe.filters == 0:
        stacks, weights = _closed(recipe, view, "style")
        return objective.infinite_gram(
            stacks, weights=weights, relative=relative, circular=circular
        )
    statistic = {
        "gram": objective.gram(relative=relative, shift=recipe.gram_shift),
        "chained-gram": objective.chained_gram(relative=relative, shift=recipe.gram_shift),
        "bin-grams": objective.bin_grams(),
        "transport": objective.gaussian_transport(),
    }[recipe.statistic]
    others = {}
    if recipe.autocorrelation_weight:
        lags = tuple(
            max(1, round(seconds * 1000 / view.hop_ms)) for seconds in AUTOCORRELATION_LAGS
        )
        others["autocorrelation"] = (
            numbers["autocorrelation_weight"],
            objective.feature_autocorrelation(lags=lags),
        )
    if recipe.diversity_weight:
        others["diversity"] = (numbers["diversity_weight"], objective.diversity())
    if others:
        statistic = objective.weighted_sum({"gram": (1.0, statistic), **others})
    return _of_explicit(recipe, view, key, statistic, "style", numbers, circular=circular)
