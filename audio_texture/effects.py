"""Which of a recipe's choices have an effect, and why the others have none.

A choice has an effect where another value of it, the rest unchanged, can change the start, the loss
or the result. One table says under which condition each field has none: `RULES`.
"""

import dataclasses
from collections.abc import Callable, Collection, Iterable

from audio_texture import optimize
from audio_texture.base import Term
from audio_texture.choices import choice_name
from audio_texture.config import Recipe
from audio_texture.run_conditions import Run
from audio_texture.terms import TERMS

# What a recipe is run by: launch.texture, launch.transfer, launch.stream and launch.stream --loop.
PROGRAMS = ("texture", "transfer", "stream", "loop")
Rule = tuple[Callable[[Run], bool], str]

# Conditions under which a choice has no effect, and how that is said to users.
_ALL_OF_STYLE: Rule = (lambda run: not run.style, "style_weight is 0")
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
_OWN: Rule = (lambda run: run.given_network, "the network is that of weights_file")
_NOT_VGG: Rule = (lambda run: run.vgg, "VGG-19 has layers of its own")
_CONTENT: Rule = (
    lambda run: not run.content,
    "no content is matched: content_weight is 0, or there are no views",
)
_GAINS: Rule = (
    lambda run: not run.recipe.canvas.gain_bands,
    "gain_bands is 0, and so there are no gains",
)
_NOISE: Rule = (
    lambda run: (
        not run.waveform
        and not (
            run.transfer
            and (
                run.recipe.transfer.balanced
                or (run.recipe.transfer.start_content < 1 and not _uniform(run))
            )
        )
    ),
    "it is the width of noise's spectrum, of which nothing is made here",
)


def _uniform(run: Run) -> bool:
    return (
        run.recipe.canvas.start == "uniform"
        and not run.waveform
        and not run.recipe.transfer.start_content
    )


def _networks_own(*rules: Rule) -> tuple[Rule, ...]:
    """Of a field that describes networks which are drawn here."""
    return (_NETWORKS, _OWN, *rules)


def _alone(name: str) -> Rule:
    return (
        lambda run: run.is_only_weight(name),
        "nothing else of the style is matched, and balanced brings it to one scale "
        "whatever its weight",
    )


# What the registry's entries say of a term's choices, by what its objective takes.
_OF_INPUTS: dict[str, tuple[Rule, ...]] = {
    "style": (_STYLE_VIEWS,),
    "features": (_STYLE_VIEWS, _EXPLICIT),
    "content": (_TRANSFER,),
    "envelope": (_TRANSFER,),
    "wave": (_WAVEFORM, _ALL_OF_STYLE),
    "canvas": (_SPECTROGRAM,),
}


def _of_term(term: Term) -> tuple[Rule, ...]:
    """Of a term's choices other than its weight."""
    return (
        *_OF_INPUTS[term.inputs],
        (lambda run: not run.recipe.term(term.name).weight, f"{term.name}_weight is 0"),
    )


def _of_terms() -> dict[str, tuple[Rule, ...]]:
    rules = {}
    for term in TERMS.values():
        for field in dataclasses.fields(term.choices):
            rules[choice_name(field)] = _of_term(term)
        weight = f"{term.name}_weight"
        alone = (_alone(weight),) if term.inputs == "wave" else ()
        rules[weight] = (*_OF_INPUTS[term.inputs], *alone)
    return rules


RULES: dict[str, tuple[Rule, ...]] = {
    **_of_terms(),
    # Always with an effect.
    **dict.fromkeys(
        ("canvas", "sample_rate", "level", "views", "weights_file", "optimizer", "evaluations"), ()
    ),
    # The sound as it is modelled.
    "scale": (
        (
            lambda run: run.recipe.analysis.representation == "real-imaginary",
            "real and imaginary parts are of bins alone",
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
                )
            ),
            "it sets the width of kernels, and here there are none to set",
        ),
    ),
    "frequency_scale": _networks_own(
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
    # Without gains too: the margin that is cut off the canvas's ends is this window's.
    "gain_window_ms": (_WAVEFORM,),
    "start": (
        (
            lambda run: run.program in ("stream", "loop"),
            "a stream or loop always starts from a walk through the recording",
        ),
        (
            lambda run: run.transfer and run.waveform,
            "a transfer starts from its content and noise (start_content)",
        ),
        (
            lambda run: run.waveform and run.recipe.canvas.start == "uniform",
            "uniform is for a spectrogram canvas, and this recipe has a waveform canvas",
        ),
        (lambda run: run.waveform and run.mixed, "a mixture always starts from noise"),
        (
            lambda run: run.waveform and not run.walkable,
            "time_scale is shorter than what a walk goes by, so that all starts from noise",
        ),
        (
            lambda run: run.waveform and not run.recipe.canvas.gain_bands,
            "gain_bands is 0, and walks go through gains",
        ),
    ),
    "representation": (_WAVEFORM, _VIEWS),
    # The networks.
    "network": (
        _NETWORKS,
        (lambda run: run.given_network and not run.vgg, "the network is that of weights_file"),
    ),
    "filters": _networks_own(_NOT_VGG),
    "growth": _networks_own(
        _NOT_VGG, _EXPLICIT, (lambda run: run.n_layers() == 1, "the networks have one layer")
    ),
    "depth": _networks_own(
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
    "dilation": _networks_own(
        _NOT_VGG, (lambda run: run.has_single_frames(), "all kernels span one frame")
    ),
    "pool": _networks_own(
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
    "pooling": _networks_own(
        (
            lambda run: not run.vgg and run.recipe.network.pool == 1,
            "pool is 1, and so nothing is pooled",
        ),
        (
            lambda run: not run.vgg and not run.has_pools(),
            "what is matched comes before the first pool",
        ),
    ),
    "initialisation": _networks_own(_EXPLICIT),
    "padding": _networks_own(
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
            "a transfer is divided by what its start is by balanced, not by this",
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
            "it is the weight of what is matched in views, and there are none",
        ),
    ),
    "balanced": (_TRANSFER,),
    "guide_levels": (
        _TRANSFER,
        (
            lambda run: not run.style_views,
            "what it tells apart is matched in views: there are none, or style_weight is 0",
        ),
    ),
    "guide_bands": (
        _TRANSFER,
        (
            lambda run: not run.style_views,
            "what it tells apart is matched in views: there are none, or style_weight is 0",
        ),
    ),
    "envelope_of": (
        _TRANSFER,
        (lambda run: not run.envelopes, "loudness_weight and spectrum_weight are 0"),
    ),
    "rhythm_seconds": (
        *_of_term(TERMS["rhythm"]),
        (lambda run: bool(run.recipe.analysis.time_scale), "time_scale sets it"),
    ),
    "block_seconds": (_ALL_OF_STYLE,),
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
        (_uniform, "nothing of the content is started from (start_content=0)"),
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
    # No field, but a choice of every program.
    "seed": (
        (
            lambda run: (
                run.transfer
                and run.recipe.transfer.start_content == 1
                and not run.recipe.transfer.balanced
                and (run.waveform or run.recipe.phase.start != "random")
            ),
            "nothing is drawn at random where all starts from the content "
            "(start_content=1) and weights are not balanced",
        ),
    ),
}


def without_effect(
    recipe: Recipe, names: Iterable[str], *, program: str, mixed: bool = False
) -> dict[str, str]:
    """Those of the named choices that have no effect in a run, each with the reason.

    Args:
      recipe: all choices.
      names: of fields, or "seed"; others are passed over.
      program: one of `PROGRAMS`.
      mixed: whether several sounds are mixed or morphed; not those that have a band each.
    """
    run = Run(recipe, program, mixed)
    return {name: reason for name in names if (reason := _reason(run, RULES.get(name, ())))}


def _reason(run: Run, rules: Collection[Rule]) -> str:
    return next((reason for without, reason in rules if without(run)), "")
