"""The loss of a recipe: its terms put together into one objective on the rendered canvas.

Style: view -> compression -> standardisation -> networks -> statistics. Other terms take the wave
itself. terms/ has the terms; combinators.py has what is put around them.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax

from audio_texture import combinators, morphing, representation, scales, spectrogram, views
from audio_texture.base import Objective, Weights
from audio_texture.config import Recipe
from audio_texture.terms import TERMS, Context, of_inputs
from audio_texture.terms.context import frames_in
from audio_texture.views import View

# Steps of a morph's weights within `block_seconds`.
MORPH_STEPS = 4

# `Recipe.dynamic_hparams`, and where needed "network" (the variables of a network from a file) and
# "balance" (factors of the references' weights, `mixing.balance`). Values may be traced.
HParams = dict[str, Any]


def style_objective(
    recipe: Recipe,
    rate: int,
    weights: Sequence[float] | jax.Array,
    *,
    hparams: HParams | None = None,
    circular: bool = False,
    morph_to: Sequence[float] | None = None,
    stretch: tuple[Any, float] | None = None,
    bands: Sequence[tuple[float, float]] | None = None,
) -> Objective:
    """The style distance and regularisers of a recipe, on the rendered canvas.

    Args:
      recipe: the choices.
      rate: of the modelled sound, in Hz.
      weights: of the references; `fit` takes a list of as many references. May be traced.
      hparams: in place of the recipe's own. Where they are traced, one program serves all recipes
        that differ in them alone.
      circular: whether x's end is followed by its beginning; then use `distance` only, not `fit`.
      morph_to: see `synthesis.prepare`.
      stretch: the part of a morph that x is, see `morphing.morph`.
      bands: see `synthesis.prepare`; `fit` then takes the waves of `references.preprocess`.
    """
    hparams = recipe.dynamic_hparams() if hparams is None else hparams
    if bands is not None:
        whole = _style(recipe, rate, [1.0], hparams, circular)

        def in_band(low, high):
            band = functools.partial(spectrogram.band, sample_rate=rate, low=low, high=high)
            # `references.preprocess` has filtered the references to their bands already.
            distance = combinators.precompose(band, whole).distance
            return Objective(lambda reference: whole.fit([reference]), distance)

        return combinators.mixture([in_band(*edges) for edges in bands], weights)
    if morph_to is None:
        return _style(recipe, rate, weights, hparams, circular)
    return morphing.morph(
        lambda weights, along: _style(recipe, rate, weights, hparams, along=along),
        morphing.course_of(weights, morph_to, hparams.get("balance")),
        sample_rate=rate,
        size=round(recipe.matching.block_seconds * rate / MORPH_STEPS),
        overlap=scales.field_samples(recipe, rate),
        stretch=stretch,
        circular=circular,
    )


def _style(
    recipe: Recipe,
    rate: int,
    weights: Weights | None,
    hparams: HParams,
    circular: bool = False,
    along: morphing.Along | None = None,
) -> Objective:
    """The style distance and the regularisers, on the rendered canvas.

    weights: of the references whose list `fit` takes; None where `fit` takes a single reference.
    """
    spectral, auditory = (_balanced(weights, hparams, name) for name in ("spectrum", "heard"))
    context = Context(recipe, rate, spectral, auditory, hparams, circular, along)
    parts = {}
    for number, (view, share) in enumerate(_shares(recipe.analysis.views)):
        objective = analysed(context, view, _in_view(context, view, number))
        parts[str(view)] = (hparams["style_weight"] * share, objective)
    for term in of_inputs("wave"):
        if recipe.term(term.name).weight:
            parts[term.name] = (hparams[f"{term.name}_weight"], term.build(context))
    return combinators.weighted_sum(parts | regularisers(recipe, hparams))


def _in_view(context: Context, view: View, number: int) -> Objective:
    """The style term on a view's spectrograms, block by block."""
    build = TERMS["style"].build
    overlap = context.recipe.longest_field(view) - 1
    circular_objective = None
    if context.circular:
        circular_objective = context.mix(build(context, view, number))
    return combinators.in_blocks(
        context.mix(build(context._replace(circular=False), view, number)),
        frames=frames_in(context.recipe.matching.block_seconds, view, overlap),
        overlap=overlap,
        circular=circular_objective,
    )


def analysed(context: Context, view: View, objective: Objective) -> Objective:
    """The objective on a view of the rendered canvas, compressed and standardised."""
    recipe, circular = context.recipe, context.circular
    analysis, canvas = recipe.analysis, recipe.canvas.kind
    if analysis.standardised:
        objective = combinators.standardised(objective, context.unit_weights(view))
    if analysis.compression == "peak":
        objective = combinators.peak_compressed(objective, context.unit_weights(view))
    elif analysis.compression == "relative":
        objective = combinators.relatively_compressed(
            objective, sharpness=context.hparams["sharpness"], weights=context.unit_weights(view)
        )
    elif canvas == "waveform" and analysis.compression == "fixed":
        objective = combinators.precompose(spectrogram.compress, objective)
    if canvas == "waveform":
        analyse = functools.partial(
            representation.of_wave, name=analysis.representation, circular=circular
        )
    else:
        analyse = views.of_spectrogram
    transform = functools.partial(analyse, view=view, rate=context.sample_rate)
    return combinators.precompose(transform, objective)


def transfer_objectives(recipe: Recipe, rate: int, hparams: HParams) -> dict[str, Objective]:
    """A transfer's distances with a weight above 0, by name; `fit` takes (content, style)."""
    context = Context(recipe, rate, None, None, hparams)
    objectives = {"style": _guided_style, "content": _content, **_envelopes(recipe)}
    return {name: build(context) for name, build in objectives.items() if recipe.term(name).weight}


def _guided_style(context: Context) -> Objective:
    """A transfer's style distance, unweighted; guided by regions of the content where asked for."""
    recipe = context.recipe.replace(bound_weight=0.0, variation_weight=0.0, power_weight=0.0)
    rate, hparams = context.sample_rate, {**context.hparams, "style_weight": 1.0}
    style = recipe.term("style")
    if style.guide_levels * style.guide_bands == 1:
        return combinators.fit_to_style(_style(recipe, rate, None, hparams))
    context = context._replace(recipe=recipe, hparams=hparams)
    parts = {}
    if any(recipe.term(term.name).weight for term in of_inputs("wave")):
        no_views = dict.fromkeys(("content_weight", "loudness_weight", "spectrum_weight"), 0.0)
        unguided = _style(recipe.replace(views=(), **no_views), rate, None, hparams)
        parts["unguided"] = (1.0, combinators.fit_to_style(unguided))
    for number, (view, share) in enumerate(_shares(recipe.analysis.views)):
        objective = combinators.guided(
            _in_view(context, view, number), levels=style.guide_levels, bands=style.guide_bands
        )
        parts[str(view)] = (share, _cross_normalised(context, view, objective))
    return combinators.weighted_sum(parts)


def _content(context: Context) -> Objective:
    """A transfer's content distance, over all content views."""
    parts = {}
    for number, (view, share) in enumerate(_shares(context.recipe.content_views())):
        objective = TERMS["content"].build(context, view, number)
        objective = combinators.fit_to_content(objective)
        parts[str(view)] = (share, _cross_normalised(context, view, objective))
    return combinators.weighted_sum(parts)


def _envelopes(recipe: Recipe) -> dict[str, Any]:
    """Name -> builder of each envelope distance, which takes the first content view."""
    chosen = recipe.content_views()
    if not chosen:
        return {}
    fit_to = combinators.fit_to_style
    if recipe.transfer.envelope_of == "content":
        fit_to = combinators.fit_to_content

    def build(term, context):
        objective = fit_to(term.build(context, chosen[0]))
        return _cross_normalised(context, chosen[0], objective)

    return {term.name: functools.partial(build, term) for term in of_inputs("envelope")}


def _cross_normalised(context: Context, view: View, objective: Objective) -> Objective:
    return combinators.cross_normalised(functools.partial(analysed, context, view), objective)


def regularisers(recipe: Recipe, hparams: HParams) -> dict[str, tuple[float, Objective]]:
    """Name -> (weight, objective) of the terms on the canvas alone; they need no reference."""
    return {
        term.name: (hparams[f"{term.name}_weight"], term.build(None))
        for term in of_inputs("canvas")
        if recipe.term(term.name).weight and recipe.canvas.kind in term.canvases
    }


def _shares(chosen: Sequence[View]) -> list[tuple[View, float]]:
    """Views with their weights, divided by the sum of the weights."""
    total = sum(view.weight for view in chosen)
    return [(view, view.weight / total) for view in chosen]


def _balanced(weights: Weights | None, hparams: HParams, name: str) -> Weights | None:
    """The references' weights times their balance; name: a key of `mixing.Balance`."""
    if weights is None or "balance" not in hparams:
        return weights
    factors = hparams["balance"][name]
    return [weight * factor for weight, factor in zip(weights, factors, strict=True)]
