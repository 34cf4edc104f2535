"""Which of a recipe's choices have an effect, and why the others have none.

A choice has an effect where changing it alone can change the start, the loss or the result. The
table `RULES` lists for each choice the conditions under which it has none.
"""

import dataclasses
from collections.abc import Callable, Iterable

from audio_texture import optimize
from audio_texture.base import Term
from audio_texture.choices import choice_name
from audio_texture.classical import METHODS
from audio_texture.config import Recipe
from audio_texture.run_conditions import Run
from audio_texture.terms import TERMS

# Programs that run a recipe: launch.texture, launch.transfer, launch.stream, launch.stream --loop.
PROGRAMS = ("texture", "transfer", "stream", "loop")
# (condition under which a choice has no effect, the reason as users read it).
Rule = tuple[Callable[[Run], bool], str]

# Rules that several choices share.
_STYLE_WEIGHT: Rule = (lambda run: not run.style, "style_weight is 0")
_TRANSFER: Rule = (lambda run: not run.transfer, "it is for transfers (launch.transfer)")
_WAVEFORM: Rule = (
    lambda run: not run.waveform,
    "it is for a waveform canvas, and this recipe has a spectrogram canvas",
)
_SPECTROGRAM: Rule = (
    lambda run: run.waveform,
    "it is for a spectrogram canvas, and this recipe has a waveform canvas",
)
_NETWORKS: Rule = (
    lambda run: not run.networks,
    "no networks are matched: there are no views, or their weights are 0",
)
_VIEWS: Rule = (
    lambda run: not run.views,
    "nothing is matched in views: there are none, or their weights are 0",
)
_STYLE_VIEWS: Rule = (
    lambda run: not run.style_views,
    "no style is matched in views: there are none, or style_weight is 0",
)
_EXPLICIT: Rule = (
    lambda run: not run.explicit,
    "it is for explicit networks, and these have infinitely many filters, in closed form "
    "(filters=0)",
)
_FROM_FILE: Rule = (lambda run: run.given_network, "the network is that of weights_file")
_INPUTS: Rule = (
    lambda run: run.only_inputs(),
    "what networks see is matched, and none of their layers",
)
_NOT_VGG: Rule = (lambda run: run.vgg, "VGG-19 has layers of its own")
_CONTENT: Rule = (
    lambda run: not run.content,
    "no content is matched: content_weight is 0, or there are no views",
)
_GAINS: Rule = (
    lambda run: not run.recipe.canvas.gain_bands,
    "gain_bands is 0, and so there are no gains",
)
_FROM_WALK: Rule = (
    lambda run: run.program in ("stream", "loop"),
    "a stream or loop always starts from a walk through the recording",
)
_TEXTURES: Rule = (lambda run: run.transfer, "a transfer starts from its content and noise")
_FROM_GENERATOR: Rule = (
    lambda run: not run.from_generator,
    "it is for start=generator",
)
_NOISE: Rule = (
    lambda run: (
        not run.waveform
        and not (
            run.transfer
            and (
                run.recipe.transfer.balanced
                or (run.recipe.transfer.start_content < 1 and not _starts_uniform(run))
            )
        )
    ),
    "it smooths the spectrum of noise, and this run makes no noise",
)


def _starts_uniform(run: Run) -> bool:
    """Whether the canvas starts from uniform values, without any content."""
    return (
        run.recipe.canvas.start == "uniform"
        and not run.waveform
        and not run.recipe.transfer.start_content
    )


def _network_rules(*rules: Rule) -> tuple[Rule, ...]:
    """Rules of a choice about networks whose weights are drawn at random."""
    return (_NETWORKS, _FROM_FILE, _INPUTS, *rules)


def _sole_weight(name: str) -> Rule:
    """The rule of a weight that balancing cancels, because it weighs the whole style."""
    return (
        lambda run: run.is_only_weight(name),
        "its term is all that is matched of the style, and balanced divides its weight out",
    )


# Rules of a term's choices, by the inputs of its objective (`base.Term.inputs`).
_INPUT_RULES: dict[str, tuple[Rule, ...]] = {
    "style": (_STYLE_VIEWS,),
    "features": (_STYLE_VIEWS, _EXPLICIT),
    "content": (_TRANSFER,),
    "envelope": (_TRANSFER,),
    "wave": (_WAVEFORM, _STYLE_WEIGHT),
    "canvas": (_SPECTROGRAM,),
}


def _term_rules(term: Term) -> tuple[Rule, ...]:
    """Rules of a term's choices other than its weight."""
    return (
        *_INPUT_RULES[term.inputs],
        (lambda run: not run.recipe.term(term.name).weight, f"{term.name}_weight is 0"),
    )


def _all_term_rules() -> dict[str, tuple[Rule, ...]]:
    rules = {}
    for term in TERMS.values():
        for field in dataclasses.fields(term.choices):
            rules[choice_name(field)] = _term_rules(term)
        weight = f"{term.name}_weight"
        sole = (_sole_weight(weight),) if term.inputs == "wave" else ()
        rules[weight] = (*_INPUT_RULES[term.inputs], *sole)
    return rules


_RULES: dict[str, tuple[Rule, ...]] = {
    **_all_term_rules(),
    # Choices that always have an effect.
    **dict.fromkeys(
        ("canvas", "sample_rate", "level", "views", "weights_file", "optimizer", "evaluations"), ()
    ),
    # A loop has no ends.
    "fade_ms": ((lambda run: run.program == "loop", "a loop has no beginning and no end"),),
    # The sound as it is modelled.
    "scale": (
        (
            lambda run: run.recipe.analysis.representation != "magnitude",
            "only magnitudes have other scales, and representation is not magnitude",
        ),
        (
            lambda run: not any(view.scale == "linear" for view in run.recipe.analysis.views),
            "it is for views of bins, and there are none",
        ),
    ),
    "time_scale": (
        (
            lambda run: (
                not (
                    run.rhythm
                    or run.program == "texture"
                    and run.waveform
                    and run.recipe.canvas.start == "walk"
                )
                and (
                    not run.recipe.analysis.views
                    or not run.networks
                    or run.given_network
                    or run.vgg
                    or run.only_inputs()
                )
            ),
            "it sets the width of kernels, and this run has none whose width can be set",
        ),
    ),
    "frequency_scale": _network_rules(
        _NOT_VGG,
        (
            lambda run: not run.recipe.analysis.views,
            "it sets the height of kernels in views, and there are none",
        ),
    ),
    "compression": (_VIEWS,),
    "sharpness": (
        _VIEWS,
        (
            lambda run: run.recipe.analysis.compression != "relative",
            "it is for relative compression",
        ),
    ),
    "standardised": (_VIEWS,),
    "smoothing_hz": (_NOISE,),
    "gain_bands": (_WAVEFORM,),
    # It has an effect without gains too: the margin cut off the canvas's ends is one such window.
    "gain_window_ms": (_WAVEFORM,),
    "start": (
        _FROM_WALK,
        (
            lambda run: run.transfer and run.waveform,
            "a transfer starts from its content and noise (start_content)",
        ),
        (
            lambda run: run.waveform and run.recipe.canvas.start == "uniform",
            "uniform is for a spectrogram canvas, and this recipe has a waveform canvas",
        ),
        (
            lambda run: run.waveform and run.mixed and not run.from_generator,
            "a mixture always starts from noise",
        ),
        (
            lambda run: run.waveform and not run.walkable and not run.from_generator,
            "time_scale is shorter than the context of a walk, so the run starts from noise",
        ),
        (
            lambda run: (
                run.waveform and not run.recipe.canvas.gain_bands and not run.from_generator
            ),
            "gain_bands is 0, and walks go through gains",
        ),
    ),
    "start_generator": (_TEXTURES, _FROM_WALK, _FROM_GENERATOR),
    "start_style": (_TEXTURES, _FROM_WALK, _FROM_GENERATOR),
    "representation": (_WAVEFORM, _VIEWS),
    # The networks.
    "network": (
        _NETWORKS,
        (lambda run: run.given_network and not run.vgg, "the network is that of weights_file"),
    ),
    "filters": _network_rules(_NOT_VGG),
    "growth": _network_rules(
        _NOT_VGG, _EXPLICIT, (lambda run: run.n_layers() == 1, "the networks have one layer")
    ),
    "depth": _network_rules(
        _NOT_VGG,
        (
            lambda run: (
                not run.recipe.analysis.time_scale
                and not run.recipe.analysis.frequency_scale
                and run.n_layers() < run.recipe.network.depth
            ),
            "no layer that deep is matched",
        ),
    ),
    "dilation": _network_rules(
        _NOT_VGG, (lambda run: run.has_single_frames(), "all kernels span one frame")
    ),
    "pool": _network_rules(
        _NOT_VGG,
        (
            lambda run: (
                not run.recipe.analysis.time_scale
                and not run.recipe.analysis.frequency_scale
                and not run.has_pools()
            ),
            "what is matched comes before the first pool",
        ),
    ),
    "pooling": _network_rules(
        (
            lambda run: not run.vgg and run.recipe.network.pool == 1,
            "pool is 1, and so nothing is pooled",
        ),
        (
            lambda run: not run.vgg and not run.has_pools(),
            "what is matched comes before the first pool",
        ),
    ),
    "initialisation": _network_rules(_EXPLICIT),
    "padding": _network_rules(
        _EXPLICIT, _NOT_VGG, (lambda run: run.has_single_frames(), "all kernels span one frame")
    ),
    # The loss.
    "style_layers": (
        _STYLE_VIEWS,
        (lambda run: run.has_single_tap(), "the networks have one layer to match"),
    ),
    "content_layers": (
        _TRANSFER,
        _CONTENT,
        (lambda run: run.has_single_tap(), "the networks have one layer to match"),
    ),
    "content_views": (
        _TRANSFER,
        (
            lambda run: not run.recipe.term("content").weight and not run.envelopes,
            "content_weight, loudness_weight and spectrum_weight are 0",
        ),
    ),
    "statistic": (
        _STYLE_VIEWS,
        (lambda run: not run.explicit, "in closed form (filters=0) the Gram is matched"),
    ),
    "gram_shift": (
        _STYLE_VIEWS,
        _EXPLICIT,
        (
            lambda run: run.recipe.term("style").statistic not in ("gram", "chained-gram"),
            "it is for Grams",
        ),
    ),
    "normalised_by": (
        (
            lambda run: (
                not run.networks and (run.transfer or run.recipe.matching.normalised_by != "start")
            ),
            _NETWORKS[1],
        ),
        (
            lambda run: run.transfer and run.recipe.matching.normalised_by == "start",
            "in a transfer, balanced divides distances by their value for noise, not this choice",
        ),
        (
            lambda run: (
                run.recipe.matching.normalised_by != "start"
                and not run.content
                and run.recipe.term("style").statistic in ("bin-grams", "transport")
            ),
            "these statistics are always relative to the target",
        ),
    ),
    "style_weight": (
        (
            lambda run: not run.transfer and not run.recipe.analysis.views,
            "it weighs the statistics of networks over views, and there are none",
        ),
    ),
    "balanced": (_TRANSFER,),
    **dict.fromkeys(
        ("guide_levels", "guide_bands"),
        (
            _TRANSFER,
            (
                lambda run: not run.style_views,
                "its regions are parts of views: there are none, or style_weight is 0",
            ),
        ),
    ),
    "envelope_of": (
        _TRANSFER,
        (lambda run: not run.envelopes, "loudness_weight and spectrum_weight are 0"),
    ),
    "rhythm_seconds": (
        *_term_rules(TERMS["rhythm"]),
        (lambda run: bool(run.recipe.analysis.time_scale), "time_scale sets it"),
    ),
    "block_seconds": (_STYLE_WEIGHT,),
    "stretch_seconds": (
        _WAVEFORM,
        (
            lambda run: not (run.patches or run.rhythm or run.walks),
            "patches_weight and rhythm_weight are 0",
        ),
    ),
    "start_content": (_TRANSFER,),
    "start_recoloured": (
        _TRANSFER,
        (_starts_uniform, "the start holds nothing of the content (start_content=0)"),
    ),
    "start_shape": (_TRANSFER, _WAVEFORM, _GAINS),
    # The optimiser.
    "history": (
        (
            lambda run: run.recipe.optimiser.kind != "lbfgs",
            "it is for L-BFGS, and optimizer is adam",
        ),
    ),
    "learning_rate": (
        (lambda run: run.recipe.optimiser.kind != "adam", "it is for Adam, and optimizer is lbfgs"),
    ),
    "tolerance": (
        (
            lambda run: run.recipe.optimiser.evaluations <= optimize.WINDOW + optimize.CHUNK,
            f"losses are compared over {optimize.WINDOW} evaluations, which takes more "
            f"than {optimize.WINDOW + optimize.CHUNK} in all (evaluations)",
        ),
    ),
    # Phase recovery.
    **dict.fromkeys(("phase_start", "phase_iterations"), (_SPECTROGRAM,)),
    "phase_momentum": (
        _SPECTROGRAM,
        (lambda run: not run.recipe.phase.iterations, "phase_iterations is 0"),
    ),
    # No choice of a recipe, but a flag of every program.
    "seed": (
        (lambda run: run.recipe.classical.method == "prosody", "nothing is drawn at random"),
        (
            lambda run: (
                run.transfer
                and run.recipe.transfer.start_content == 1
                and not run.recipe.transfer.balanced
                and (run.waveform or run.recipe.phase.start != "random")
            ),
            "nothing is drawn at random where the run starts from the content alone "
            "(start_content=1) and weights are not balanced",
        ),
    ),
}


def _option_rule(name: str) -> Rule:
    """The rule of a choice of some classical methods."""
    methods = [method for method, entry in METHODS.items() if name in entry.options]
    reason = f"it is for the recipe{'s' if len(methods) > 1 else ''} {', '.join(methods)}"
    return (lambda run: run.recipe.classical.method not in methods, reason)


_OPTIMISED: Rule = (
    lambda run: run.recipe.is_direct,
    "the recipe makes its sound in one pass and optimises nothing",
)
# Of these, choices that have an effect also where nothing is optimised.
_OF_ALL_RECIPES = ("sample_rate", "fade_ms", "seed")
RULES: dict[str, tuple[Rule, ...]] = {
    "method": (),
    **{name: (_option_rule(name),) for entry in METHODS.values() for name in entry.options},
    **{
        name: rules if name in _OF_ALL_RECIPES else (_OPTIMISED, *rules)
        for name, rules in _RULES.items()
    },
}


def without_effect(
    recipe: Recipe, names: Iterable[str], *, program: str, mixed: bool = False
) -> dict[str, str]:
    """The named choices that have no effect in a run: name -> reason.

    Args:
      recipe: all choices.
      names: of choices, or "seed"; unknown names are ignored.
      program: one of `PROGRAMS`.
      mixed: whether several sounds are mixed or morphed; False where each has its own band.

    Example:
      >>> from audio_texture import recipes
      >>> without_effect(recipes.named("texture"), ["phase_start", "depth"], program="texture")
      {'phase_start': 'it is for a spectrogram canvas, and this recipe has a waveform canvas'}
    """
    run, reasons = Run(recipe, program, mixed), {}
    for name in names:
        useless = (reason for has_no_effect, reason in RULES.get(name, ()) if has_no_effect(run))
        reasons[name] = next(useless, "")
    return {name: reason for name, reason in reasons.items() if reason}
