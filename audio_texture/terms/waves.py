"""Terms on the rendered wave: auditory statistics, patches, onsets, novelty, levels.

`build` takes a `Context` and returns an objective on waves [C, N].
"""

import dataclasses
import functools
import math
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from audio_texture import losses, morphing, views
from audio_texture.base import Objective, Term
from audio_texture.choices import DYNAMIC, TermChoices, choice, weight
from audio_texture.combinators import (
    in_blocks,
    precompose,
    relatively_compressed,
    standardised,
    weighted_sum,
)
from audio_texture.errors import ChoiceError
from audio_texture.terms.context import Context, frames_in
from audio_texture.views import View

# FINE is the view of onsets and levels. Onsets and patches are compressed with FINE_SHARPNESS, down
# to 30 dB below a band's mean, which keeps the background between events. An onset is a rise within
# ONSET_STEP frames, 16 ms.
FINE, FINE_SHARPNESS, ONSET_STEP = View(24, (1, 8, 32), 32.0, 8.0), 30.0, 2
# NEW is the view of novelty, whose windows last NOVEL_MS.
NEW, NOVEL_MS = View(40, (1,), 64.0, 16.0), 500
# Number of random directions that patches are projected on.
DIRECTIONS = 64


@dataclasses.dataclass(frozen=True)
class Auditory(TermChoices):
    """Cochlear envelope statistics (McDermott & Simoncelli 2011)."""

    term = "auditory"
    weight: float = weight(
        term, "Waveform canvas: weight of the distance of the ear's envelope statistics."
    )


@dataclasses.dataclass(frozen=True)
class Patches(TermChoices):
    """Optimal transport between log-mel patches."""

    term = "patches"
    weight: float = weight(
        term,
        "Waveform canvas: weight of the sliced optimal transport between log-mel patches.",
    )
    views: tuple[View, ...] = choice(
        (FINE,),
        "Waveform canvas: views whose patches are matched, as wide as the views' widths.",
        name="patches_views",
        parse=View.parse,
    )

    def __post_init__(self):
        super().__post_init__()
        if self.weight and not self.views:
            raise ChoiceError(
                "patches_views must hold at least one view where patches_weight is above 0.",
                field="patches_views",
                others=("patches_weight",),
            )


@dataclasses.dataclass(frozen=True)
class Rhythm(TermChoices):
    """Statistics of the onset strength."""

    term = "rhythm"
    weight: float = weight(
        term,
        "Waveform canvas: weight of the onsets' statistics: how often and how regularly events "
        "come.",
    )
    seconds: float = choice(
        2.0,
        "Longest lag of the onset strength's autocorrelation, in seconds.",
        name="rhythm_seconds",
        above=0,
    )


@dataclasses.dataclass(frozen=True)
class Levels(TermChoices):
    """Mean power of mel bands."""

    term = "levels"
    weight: float = weight(
        term,
        "Waveform canvas: weight of the squared differences of the mel bands' log mean power.",
    )


@dataclasses.dataclass(frozen=True)
class TexStat(TermChoices):
    """Statistics of subbands, with all their cross-correlations."""

    term = "texstat"
    weight: float = weight(
        term, "Waveform canvas: weight of TexStat (Gutierrez et al. 2025), statistics of subbands."
    )


@dataclasses.dataclass(frozen=True)
class Scattering(TermChoices):
    """Moments of wavelets' envelopes, and of wavelets of these."""

    term = "scattering"
    weight: float = weight(
        term,
        "Waveform canvas: weight of scattering moments (Bruna & Mallat 2013), means of wavelets' "
        "envelopes and of their changes.",
    )


@dataclasses.dataclass(frozen=True)
class Novelty(TermChoices):
    """A penalty on half seconds that follow the recording's own course of events."""

    term = "novelty"
    weight: float = weight(
        term,
        "Waveform canvas: weight of the penalty on following the recording's events; 0 allows it.",
    )
    strictness: float = choice(
        1.0,
        "How new the sequence of events is, from 0 (may follow the recording) to 1 (new "
        "throughout). At 1 no half second resembles one of the recording more than the recording's "
        "own parts resemble each other. Waveform canvas.",
        name="novelty",
        kind=DYNAMIC,
        at_least=0,
    )

    def __post_init__(self):
        super().__post_init__()
        if self.strictness > 1:
            raise ChoiceError(
                f"novelty must be from 0 to 1, got {self.strictness:g}.", field="novelty"
            )


def _auditory(loss: Callable[..., Objective], context: Context) -> Objective:
    """A loss on cochlear envelopes, block by block. loss: its constructor in losses."""
    block = round(context.recipe.matching.block_seconds * context.sample_rate)
    straight, circular = (
        context.mix(loss(context.sample_rate, circular=is_circular), auditory=True)
        for is_circular in (False, True)
    )
    blocked = in_blocks(
        straight,
        frames=block,
        overlap=block // 10,
        circular=circular if context.circular else None,
    )
    even = morphing.levelled_waves(
        blocked,
        context.auditory_weights,
        context.along_frames(0.0, auditory=True),
        sample_rate=context.sample_rate,
    )
    return precompose(jnp.transpose, even)


def _patches(context: Context) -> Objective:
    """Sliced transport of patches, averaged over the patches' views."""
    chosen = context.recipe.term("patches").views
    total = sum(view.weight for view in chosen)

    def transport(view):
        patches = losses.sliced_transport(widths=view.widths, directions=DIRECTIONS)
        return standardised(context.mix(patches), context.weights)

    return weighted_sum(
        {
            str(view): (view.weight / total, in_fine_stretches(context, view, transport(view)))
            for view in chosen
        }
    )


def _rhythm(context: Context) -> Objective:
    """Onset statistics of the view FINE."""
    lags = round(1000 * context.recipe.term("rhythm").seconds / FINE.hop_ms)
    onsets = losses.onset_statistics(step=ONSET_STEP, lags=lags, weights=context.weights)
    return in_fine_stretches(context, FINE, onsets)


def _levels(context: Context) -> Objective:
    """Levels of the bands of the view FINE, block by block."""
    levels = context.mix(losses.band_levels())
    frames = frames_in(context.recipe.matching.block_seconds, FINE, 0)
    circular = levels if context.circular else None
    blocked = in_blocks(levels, frames=frames, overlap=0, circular=circular)
    even = morphing.levelled(blocked, context.weights, context.along_frames(FINE.window_ms / 2000))
    return precompose(_analysis(context, FINE), even)


def _novelty(context: Context) -> Objective:
    """The penalty on following a reference, block by block, in the view NEW.

    Events that a time scale is to keep whole are no longer than a window.
    """
    longest = max(context.recipe.analysis.time_scale, default=0)
    width = math.ceil(max(NOVEL_MS, longest) / NEW.hop_ms)
    straight, circular = (
        context.mix(
            losses.novelty(width=width, strictness=context.hparams["novelty"], circular=is_circular)
        )
        for is_circular in (False, True)
    )
    blocked = in_blocks(
        straight,
        frames=frames_in(context.recipe.matching.block_seconds, NEW, width - 1),
        overlap=width - 1,
        circular=circular if context.circular else None,
    )
    compressed = relatively_compressed(
        blocked, sharpness=FINE_SHARPNESS, weights=context.unit_weights(NEW)
    )
    window = NEW.sizes(context.sample_rate)["n_fft"]

    def analyse(wave):
        # A sound shorter than a window has no half second to judge.
        wave = jnp.pad(wave, ((0, 0), (0, max(0, window - wave.shape[1]))))
        return _analysis(context, NEW)(wave)

    return precompose(analyse, compressed)


def in_fine_stretches(context: Context, view: View, objective: Objective) -> Objective:
    """The objective on stretches of a wave's magnitudes in a view, compressed by FINE_SHARPNESS.

    Global statistics allow all the energy to collect in one half, so each stretch is matched too.
    """
    matching = context.recipe.matching
    overlap = max(int(np.max(width)) for width in view.widths) - 1

    def stretches(circular=None):
        seconds = matching.stretch_seconds or matching.block_seconds
        return in_blocks(
            objective,
            frames=frames_in(seconds, view, overlap),
            overlap=overlap,
            circular=circular,
            at_once=True,
        )

    # Onsets compare frames ONSET_STEP apart: on a circle, the last ones with the first.
    circular_objective = precompose(lambda x: jnp.concatenate([x, x[:ONSET_STEP]]), objective)
    blocked = in_blocks(
        stretches(),
        frames=frames_in(matching.block_seconds, view, overlap),
        overlap=overlap,
        circular=stretches(circular_objective) if context.circular else None,
    )
    compressed = relatively_compressed(
        blocked, sharpness=FINE_SHARPNESS, weights=context.unit_weights(view)
    )
    return precompose(_analysis(context, view), compressed)


def _analysis(context: Context, view: View):
    """wave [C, N] -> magnitudes [T, S, bands] in a view."""
    return functools.partial(
        views.of_wave, view=view, rate=context.sample_rate, circular=context.circular
    )


TERMS = (
    Term(
        Auditory,
        functools.partial(_auditory, losses.auditory_statistics),
        "wave",
        "cochlear envelope statistics",
        ("waveform",),
    ),
    Term(Patches, _patches, "wave", "optimal transport of log-mel patches", ("waveform",)),
    Term(Rhythm, _rhythm, "wave", "statistics of the onset strength", ("waveform",)),
    Term(Novelty, _novelty, "wave", "half seconds that follow the recording", ("waveform",)),
    Term(Levels, _levels, "wave", "mean power of mel bands", ("waveform",)),
    Term(TexStat, functools.partial(_auditory, losses.texstat), "wave", "TexStat", ("waveform",)),
    Term(
        Scattering,
        functools.partial(_auditory, losses.scattering),
        "wave",
        "scattering moments",
        ("waveform",),
    ),
)
