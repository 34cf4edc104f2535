"""References before anything is fitted: checks, resampling, level, and checks of mixtures."""

import dataclasses
import math
from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np

from audio_texture import audio, canvas, mixing, morphing, scales, spectrogram
from audio_texture.base import Weights
from audio_texture.config import Recipe
from audio_texture.errors import ChoiceError
from audio_texture.terms.waves import FINE, ONSET_STEP
from audio_texture.views import View

# Highest rate in Hz that is modelled, since nobody hears above half of it; faster recordings are
# resampled to it, and the result back to their rate.
HIGHEST_MODELLED_RATE = 48_000
SHORTEST_SECONDS, LONGEST_SECONDS = 0.05, 600.0
# A reference must hold at least FEWEST_PATCHES patches as wide as a kernel, one hop apart, and
# FEWEST_APART of them side by side: fewer have no statistics.
FEWEST_PATCHES, FEWEST_APART = 8, 3
# Default `stretch_seconds` as a share of the shortest reference. A little over half, so that a
# result of the reference's length, with its margins, is cut into two stretches.
STRETCH = 0.55


def model_sample_rate(recipe: Recipe, sample_rate: int) -> int:
    """The rate in Hz at which a recipe models a sound of `sample_rate`.

    Example:
      >>> from audio_texture import recipes
      >>> model_sample_rate(recipes.named("texture"), 96000)
      48000
    """
    return recipe.signal.sample_rate or min(sample_rate, HIGHEST_MODELLED_RATE)


def check_seconds(seconds: float) -> float:
    """Returns `seconds`, a length of a result; raises ChoiceError where it is out of range.

    Example:
      >>> check_seconds(5.0)
      5.0
    """
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise ChoiceError(
            f"{seconds:g} s is out of range: from {SHORTEST_SECONDS:g} to {LONGEST_SECONDS:g} s "
            "can be made at once.",
            field="seconds",
        )
    return seconds


def check_reference(
    recipe: Recipe, wave: np.ndarray, *, sample_rate: int, name: str = "the reference"
) -> None:
    """Raises ValueError where a reference is silent, constant or too short for every kernel.

    Args:
      recipe: the choices.
      wave: [C, N].
      sample_rate: in Hz.
      name: of the sound, in the message.
    """
    audio.check_audible(wave, name)
    rate = model_sample_rate(recipe, sample_rate)
    recipe, shortest = scales.at_scales(recipe, rate), SHORTEST_SECONDS
    if recipe.analysis.views:
        shortest = _shortest_seconds(recipe, rate)
    extra_views = [FINE] if recipe.term("rhythm").weight else []
    if recipe.term("patches").weight:
        extra_views += recipe.term("patches").views[:1]
    frames = 1 + ONSET_STEP + FEWEST_PATCHES
    shortest = max([shortest, *(view.milliseconds(frames, rate) / 1000 for view in extra_views)])
    if wave.shape[1] / sample_rate < shortest:
        raise ValueError(_too_short(name, wave.shape[1] / sample_rate, shortest))


def check_content(recipe: Recipe, content: np.ndarray, *, sample_rate: int) -> None:
    """Raises ChoiceError where a kernel of content_views is longer than the content [C, N]."""
    rate = model_sample_rate(recipe, sample_rate)
    seconds = content.shape[1] / sample_rate
    for view in recipe.term("content").views:
        longest = scales.field_samples(recipe.replace(views=(view,)), rate) / rate
        if seconds < longest:
            raise ChoiceError(
                f"the content lasts {seconds:.3g} s; the longest kernel of {str(view)!r} spans "
                f"{longest:.3g} s.",
                field="content_views",
            )


def _too_short(name: str, seconds: float, shortest: float) -> str:
    return (
        f"{name} lasts {seconds:.3g} s; with this recipe's views it must last at least "
        f"{f'{shortest:.3g}' if shortest < 1000 else f'{shortest:.0f}'} s."
    )


def fit_kernels(recipe: Recipe, references: Sequence[np.ndarray], *, sample_rate: int) -> Recipe:
    """The recipe with `scales.at_scales` applied, without kernels too long for the references.

    A pattern that a kernel sees only once or twice is no texture: a longer result could only repeat
    it or leave it out.

    Args:
      recipe: the choices.
      references: waves [C, N_i].
      sample_rate: theirs, in Hz.
    Raises:
      ValueError: no kernel is left; the message names the length.
    """
    rate = model_sample_rate(recipe, sample_rate)
    recipe = scales.at_scales(recipe, rate)
    samples = min(wave.shape[1] for wave in references) / sample_rate * rate
    fitting_views = []
    for view in recipe.analysis.views:
        widths = tuple(
            width
            for width in view.widths
            if _shortest_samples(recipe, view, width, rate) <= samples
        )
        if widths:
            fitting_views.append(dataclasses.replace(view, widths=widths))
    if recipe.analysis.views and not fitting_views:
        needed = _shortest_seconds(recipe, rate)
        raise ValueError(_too_short("the shortest reference", samples / rate, needed))
    # Patches must fit twice; for the first view `losses.sliced_transport` drops those that do not.
    first, *others = recipe.term("patches").views or (None,)
    patches_views = [
        view
        for view in others
        if view.milliseconds(max(FEWEST_PATCHES, 2 * min(view.widths)), rate)
        <= 1000 * samples / rate
    ]
    matching = recipe.matching
    stretch = matching.stretch_seconds or STRETCH * samples / rate
    return recipe.replace(
        views=tuple(fitting_views),
        patches_views=(first, *patches_views) if first else (),
        stretch_seconds=min(stretch, matching.block_seconds),
    )


def preprocess(
    recipe: Recipe,
    references: Sequence[np.ndarray],
    *,
    sample_rate: int,
    weights: Sequence[float] | None = None,
    bands: Sequence[tuple[float, float]] | None = None,
) -> tuple[Recipe, list[np.ndarray], list[float]]:
    """Brings references to the form that is modelled; arguments and errors: `synthesis.prepare`.

    Returns:
      The recipe of `fit_kernels`; the waves [C, N_i] at the modelled rate, without DC, at the
      recipe's level and filtered to their bands; a weight for each.
    """
    weights = list(weights or [1.0] * len(references))
    check_weights(weights, len(references))
    rate = model_sample_rate(recipe, sample_rate)
    for wave in references:
        check_reference(recipe, wave, sample_rate=sample_rate)
    recipe = fit_kernels(recipe, references, sample_rate=sample_rate)
    level = recipe.signal.level

    def process(wave, low, high):
        wave = audio.resample(wave - np.mean(wave, axis=1, keepdims=True), sample_rate, rate)
        if level:
            wave = wave * np.float32(level / audio.audible_rms(wave, sample_rate=rate))
        if bands:
            wave = np.asarray(
                spectrogram.band(jnp.asarray(wave), sample_rate=rate, low=low, high=high)
            )
        return wave

    edges = bands or [(0, math.inf)] * len(references)
    waves = [process(wave, *pair) for wave, pair in zip(references, edges, strict=True)]
    for wave in waves:
        audio.check_audible(wave, "a reference's band")
    return recipe, waves, weights


def check_weights(weights: Sequence[float], references: int, *, field: str = "weights") -> None:
    """Raises ChoiceError unless there is a weight for each reference, none below 0, not all 0."""
    if len(weights) != references or min(weights) < 0 or not 0 < sum(weights) < math.inf:
        raise ChoiceError(
            f"weights must be one for each of the {references} references, none below 0 and not "
            f"all 0, got {list(weights)}.",
            field=field,
        )


def check_mixture(
    recipe: Recipe,
    references: int,
    *,
    rate: int,
    weights: Sequence[float] | None = None,
    morph_to: Sequence[float] | None = None,
    bands: Sequence[tuple[float, float]] | None = None,
) -> None:
    """Raises ChoiceError where references cannot be mixed with these options.

    Args:
      recipe: the choices.
      references: number of references.
      rate: of the modelled sound, in Hz.
      weights: as in `synthesis.prepare`.
      morph_to: as in `synthesis.prepare`.
      bands: as in `synthesis.prepare`.
    """
    if references > 1:
        recipe.check_optimises("a mixture")
    if morph_to is not None or bands is not None:
        field = "bands" if morph_to is None else "morph_to"
        if recipe.canvas.kind != "waveform":
            raise ChoiceError(
                f"the recipe {recipe.name!r} has a {recipe.canvas.kind} canvas; morphs and bands "
                "need a waveform canvas, such as texture-fast has.",
                field=field,
                others=("recipe", "canvas"),
            )
        if morph_to is not None and bands is not None:
            raise ChoiceError("a mixture by bands has no weights to morph.", field="morph_to")
    if morph_to is not None:
        check_weights(morph_to, references, field="morph_to")
    if bands is not None:
        check_bands(bands, references, rate, weights)


def check_bands(bands, references, rate, weights):
    """Raises ChoiceError unless bands of `references` sounds cover all frequencies exactly once."""
    if weights is not None and len(set(weights)) > 1:
        raise ChoiceError("references that have a band each need no weights.", field="weights")
    edges = sorted(bands)
    joined = [low for low, _ in edges[1:]] == [high for _, high in edges[:-1]]
    complete = joined and (edges[0][0], edges[-1][1]) == (0, math.inf)
    if len(bands) != references or not complete or not all(low < high for low, high in bands):
        raise ChoiceError(
            f"bands must be one for each of the {references} references and make up all "
            f"frequencies without a gap or overlap, got {list(bands)}.",
            field="bands",
        )
    if len(bands) > 1 and not edges[-1][0] < rate / 2:
        raise ChoiceError(
            f"bands must meet below half the rate, {rate / 2:g} Hz, got {edges[-1][0]:g} Hz.",
            field="crossover_hz",
        )


def mixture_level(references: Sequence[np.ndarray], weights: Weights, *, sample_rate: int) -> float:
    """Level (`audio.audible_rms`) of a mixture of waves [C, N_i]: the RMS of their levels."""
    powers = [audio.audible_rms(wave, sample_rate=sample_rate) ** 2 for wave in references]
    return math.sqrt(np.average(powers, weights=weights))


def balance_of(
    recipe: Recipe,
    waves: Sequence[np.ndarray],
    rate: int,
    bands: Sequence[tuple[float, float]] | None,
) -> mixing.Balance | None:
    """`mixing.balance` of the references; None for a single one, and where each has its own band.

    waves: as `preprocess` returns them, [C, N_i] at `rate`.
    """
    if len(waves) == 1 or bands is not None:
        return None
    return mixing.balance(waves, sample_rate=rate, heard=recipe.term("auditory").weight > 0)


def _shortest_seconds(recipe: Recipe, rate: int) -> float:
    """Length in seconds of the shortest reference that at least one kernel fits."""
    return (
        min(
            _shortest_samples(recipe, view, width, rate)
            for view in recipe.analysis.views
            for width in view.widths
        )
        / rate
    )


def _shortest_samples(recipe: Recipe, view: View, width: int | tuple[int, int], rate: int) -> int:
    """Length in samples of the shortest reference that a kernel fits."""
    single = recipe.replace(views=(dataclasses.replace(view, widths=(width,)),))
    return max(
        scales.field_samples(single, rate, places=FEWEST_PATCHES),
        FEWEST_APART * scales.field_samples(single, rate),
    )


def level_setter(
    recipe: Recipe,
    sounds: Sequence[np.ndarray],
    waves: Sequence[np.ndarray],
    weights: Sequence[float],
    course: morphing.Course | None,
    *,
    rates: tuple[int, int],
) -> Callable[[np.ndarray], tuple[np.ndarray, float]]:
    """wave -> (wave at the references' level, dB it was lowered by against clipping).

    A morph's level changes along its length.

    Args:
      recipe: the choices.
      sounds: the references before preprocessing.
      waves: of `preprocess`.
      weights: of the references, as of `preprocess`.
      course: of a morph.
      rates: of the modelled sound and of the references, in Hz.
    """
    rate, sample_rate = rates
    if course is None:
        level = mixture_level(sounds, weights, sample_rate=sample_rate)
        return lambda wave: audio.match_level(wave, level, sample_rate=sample_rate)
    densities = [
        canvas.spectral_density(wave, sample_rate=rate, samples=4096, smoothing_hz=rate / 1024)
        for wave in waves
    ]
    places = np.linspace(0, 1, canvas.KNOTS)
    knots, shares = (np.asarray(of(places)) for of in (course.weights_at, course.shares_at))
    levels = [mixture_level(sounds, knot, sample_rate=sample_rate) for knot in knots]
    lost = [canvas.lost_level(densities, knot, sample_rate=rate) for knot in shares]

    def set_level(wave):
        seconds = np.arange(wave.shape[1]) / sample_rate
        own = morphing.place_at(seconds, wave.shape[1] / sample_rate)
        grid = np.asarray(own), places
        level, factor = (np.interp(*grid, values).astype(np.float32) for values in (levels, lost))
        # With signal.level above 0 all references were modelled at that one level.
        leveled = recipe.signal.level > 0
        wave = wave * (level / factor)[None] if leveled else wave / factor[None]
        return audio.match_level(wave, audio.rms(level), sample_rate=sample_rate)

    return set_level
