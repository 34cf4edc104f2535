"""Terms on networks over a view: style, content, statistics of explicit features; and envelopes.

`build` takes a `Context` and a `View` (and for style and content the view's index) and returns an
objective on that view's spectrograms; for statistics of features, on features [..., C].
"""

import dataclasses

from audio_texture import features, losses
from audio_texture.base import Objective, Term
from audio_texture.choices import Tap, TermChoices, choice, weight
from audio_texture.combinators import weighted_sum
from audio_texture.errors import ChoiceError
from audio_texture.layer import INPUT_TAPS
from audio_texture.representation import PARTS
from audio_texture.terms.context import Context
from audio_texture.views import View

# Shortest and longest lag in seconds, as in Antognini, Hoffman & Weiss 2019.
AUTOCORRELATION_LAGS = (0.2, 2.0)


@dataclasses.dataclass(frozen=True)
class Style(TermChoices):
    """The statistics of networks over the recipe's views."""

    term = "style"
    weight: float = weight(
        term, "Weight of the style; in a transfer, more of it gives more style, less content.", 1.0
    )
    layers: tuple[Tap, ...] = choice(
        (),
        "Layers whose statistics are the style, separated by commas, with weights if not 1: "
        "relu_1,relu_2*0.5. Empty is the last. For 1d-frequency input is what the network sees, "
        "and magnitudes are its part without phases.",
        name="style_layers",
        parse=Tap.parse,
        separator=",",
    )
    statistic: str = choice(
        "gram",
        "Statistic of the networks' features that is matched: gram; chained-gram, of each style "
        "layer with the next; for 2d bin-grams, of every bin, or transport between Gaussians.",
        options=["gram", "chained-gram", "bin-grams", "transport"],
    )
    gram_shift: float = choice(
        0.0, "Explicit networks: number added to features before their Gram."
    )
    guide_levels: int = choice(
        1,
        "Transfer: number of groups of frames, by loudness; each group has its own style.",
        at_least=1,
    )
    guide_bands: int = choice(
        1,
        "Transfer: number of groups of bins, by frequency; each group has its own style.",
        at_least=1,
    )

    def check(self, recipe):
        content = recipe.term("content").weight
        if recipe.task == "transfer" and not (
            0 <= self.weight < float("inf") and self.weight + content > 0
        ):
            raise ChoiceError(
                "style_weight must be at least 0 and not 0 with content_weight, got "
                f"{self.weight:g}.",
                field="style_weight",
                others=("content_weight",),
            )
        if recipe.task == "texture" and not 0 < self.weight < float("inf"):
            raise ChoiceError(
                f"style_weight must be above 0, got {self.weight:g}.", field="style_weight"
            )
        if recipe.network.kind != "2d" and self.statistic in ("bin-grams", "transport"):
            raise ChoiceError(
                f"network must be 2d with statistic={self.statistic}.",
                field="network",
                others=("statistic",),
            )
        if self.statistic == "chained-gram" and (
            not recipe.network.filters or len(self.layers) < 2
        ):
            raise ChoiceError(
                "style_layers must be at least two, of a network with filters above 0, for "
                "statistic=chained-gram.",
                field="style_layers",
                others=("statistic", "filters"),
            )
        _check_layers(self.layers, recipe, "style_layers")


def _check_layers(layers, recipe, name):
    """Raises ChoiceError for layers that networks lack, or that have no closed form."""
    inputs = [tap.name for tap in layers if tap.name in INPUT_TAPS]
    if inputs and recipe.network.kind != "1d-frequency":
        raise ChoiceError(
            f"network must be 1d-frequency for the layer {inputs[0]!r}.",
            field="network",
            others=(name,),
        )
    seen = recipe.analysis.representation
    if "magnitudes" in inputs and "magnitude" not in PARTS[seen]:
        raise ChoiceError(
            f"layers must not be 'magnitudes' with representation={seen}, which has none.",
            field=name,
            others=("representation",),
        )
    refused = [tap.name for tap in layers if not tap.name.startswith(("relu", "pool"))]
    if refused and recipe.network.filters == 0:
        raise ChoiceError(
            f"layers must be relu_ or pool_ with infinitely many filters, got {refused[0]!r}.",
            field=name,
            others=("filters",),
        )


def _check_features(term, recipe):
    """Raises ChoiceError for a weight of explicit 1-D features with other networks."""
    if recipe.term(term).weight and (
        not recipe.network.filters or recipe.network.kind != "1d-frequency"
    ):
        raise ChoiceError(
            f"filters must be above 0 and network 1d-frequency with {term}_weight, which is for "
            "explicit features over frames.",
            field=f"{term}_weight",
            others=("filters", "network"),
        )


@dataclasses.dataclass(frozen=True)
class Autocorrelation(TermChoices):
    """The autocorrelation of an explicit network's features."""

    term = "autocorrelation"
    weight: float = weight(term, "Explicit 1-D networks: weight of the features' autocorrelation.")

    def check(self, recipe):
        _check_features(self.term, recipe)


@dataclasses.dataclass(frozen=True)
class Diversity(TermChoices):
    """A term that is large near a copy of the reference."""

    term = "diversity"
    weight: float = weight(
        term, "Explicit 1-D networks: weight of the term that is large near a copy."
    )

    def check(self, recipe):
        _check_features(self.term, recipe)


@dataclasses.dataclass(frozen=True)
class Content(TermChoices):
    """A transfer's content: the networks' activations frame by frame."""

    term = "content"
    weight: float = weight(
        term, "Transfer: weight of the content; more of it keeps more of the content.", 1.0
    )
    layers: tuple[Tap, ...] = choice(
        (),
        "Transfer: layers whose activations are the content, as in style_layers. Empty is the "
        "last.",
        name="content_layers",
        parse=Tap.parse,
        separator=",",
    )
    views: tuple[View, ...] = choice(
        (),
        "Transfer: views in which content is compared. Empty is those of the style.",
        name="content_views",
        parse=View.parse,
    )

    def check(self, recipe):
        weights = [recipe.term(name).weight for name in ("content", "loudness", "spectrum")]
        if recipe.task == "transfer" and not recipe.content_views() and sum(weights):
            raise ChoiceError(
                "views or content_views must hold at least one view where content_weight, "
                "loudness_weight or spectrum_weight is above 0.",
                field="views",
                others=("content_views", "content_weight", "loudness_weight", "spectrum_weight"),
            )
        _check_layers(self.layers, recipe, "content_layers")


@dataclasses.dataclass(frozen=True)
class Loudness(TermChoices):
    """The envelope in time."""

    term = "loudness"
    weight: float = weight(
        term, "Transfer: weight of the distance between loudness curves over time."
    )


@dataclasses.dataclass(frozen=True)
class Spectrum(TermChoices):
    """The envelope in frequency."""

    term = "spectrum"
    weight: float = weight(term, "Transfer: weight of the distance between spectral envelopes.")


def _style(context: Context, view: View, number: int) -> Objective:
    """The statistic of the networks on a view, one network for each kernel width.

    number: the view's index, which seeds its filters; they are the same for all seeds of a run.
    """
    recipe, choices = context.recipe, context.recipe.term("style")
    relative = recipe.matching.normalised_by == "target"
    if recipe.network.filters == 0:
        networks, weights = features.closed_networks(recipe, view, "style")
        return losses.infinite_gram(
            networks, weights=weights, relative=relative, circular=context.circular
        )
    if choices.statistic == "gram":
        statistic = losses.gram(relative=relative, shift=choices.gram_shift)
    elif choices.statistic == "chained-gram":
        statistic = losses.chained_gram(relative=relative, shift=choices.gram_shift)
    elif choices.statistic == "bin-grams":
        statistic = losses.bin_grams()
    else:
        statistic = losses.gaussian_transport()
    feature_terms = {
        term.name: (context.hparams[f"{term.name}_weight"], term.build(context, view))
        for term in TERMS
        if term.inputs == "features" and recipe.term(term.name).weight
    }
    if feature_terms:
        statistic = weighted_sum({"gram": (1.0, statistic), **feature_terms})
    return features.of_networks(
        recipe, view, number, statistic, "style", context.hparams, circular=context.circular
    )


def _autocorrelation(context: Context, view: View) -> Objective:
    """The autocorrelation over AUTOCORRELATION_LAGS, in frames of the view."""
    shortest, longest = (
        max(1, round(seconds * 1000 / view.hop_ms)) for seconds in AUTOCORRELATION_LAGS
    )
    return losses.feature_autocorrelation(lags=(shortest, longest))


def _content(context: Context, view: View, number: int) -> Objective:
    """Distance of the networks' activations on a view from the content's, frame by frame."""
    recipe = context.recipe
    relative = recipe.matching.normalised_by == "target"
    if recipe.network.filters == 0:
        networks, weights = features.closed_networks(recipe, view, "content")
        return losses.infinite_content(networks, weights=weights, relative=relative)
    statistic = losses.content(relative=relative)
    return features.of_networks(recipe, view, number, statistic, "content", context.hparams)


TERMS = (
    Term(Style, _style, "style", "statistics of networks over the views"),
    Term(
        Autocorrelation,
        _autocorrelation,
        "features",
        "autocorrelation of an explicit network's features",
    ),
    Term(
        Diversity,
        lambda context, view: losses.diversity(),
        "features",
        "distance from a copy, in an explicit network's features",
    ),
    Term(Content, _content, "content", "activations frame by frame"),
    Term(
        Loudness,
        lambda context, view: losses.envelope("time"),
        "envelope",
        "envelope in time",
    ),
    Term(
        Spectrum,
        lambda context, view: losses.envelope("frequency"),
        "envelope",
        "envelope in frequency",
    ),
)
