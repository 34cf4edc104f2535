"""Claim 9, our addition to the paper's: what finitely many random filters lose."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from audio_texture import base, combinators, losses, matching, recipes, sounds, spectrogram
from audio_texture.insights.experiment import (
    ExperimentSettings,
    Interval,
    Numbers,
    Verdict,
    decide_verdict,
    describe_factor,
)
from audio_texture.insights.intervals import distinct_values, mean_interval, seed_means
from audio_texture.insights.plots import plot_curve, set_factor_ticks, set_octave_ticks
from audio_texture.insights.references import RATE, make_procedural, read_recordings
from audio_texture.insights.runs import compile_distance, make_textures, random_gram, score_likeness
from audio_texture.layer import Layer
from audio_texture.views import View

_FFT, _HOP, _KERNEL = 256, 64, 11
INFINITE = 0
# Explicit filters have the distribution of the closed form.
RECIPE = recipes.make(
    name="filters",
    summary="One network of kernels of 11 frames over standardised bins, on the waveform.",
    views=(View(0, (_KERNEL,), 32.0, 8.0),),
)


def measure(settings: ExperimentSettings) -> Numbers:
    """Measures style distances and textures by few to many random filters.

    Claim: Random filters stand for their average: distances by C of them scatter about the closed
    form by 1 / sqrt(C), and textures come nearer to the reference the more filters there are, up to
    the closed form.

    Source: our own; Huzaifah & Wyse 2019 use 4096 filters. A Monte-Carlo mean's error falls as the
    root of its draws.

    Method: Distances between given sounds by few to many random filters are compared with those by
    the closed form, which stands for infinitely many. Textures by each number of filters are judged
    by the closed form's distance and by likeness.

    Details: Gram distances are of fixed pairs of sounds, of the same kind or of different kinds, by
    kernels of 11 frames, with new filters for every seed. The error is the root mean square over
    pairs of the logarithm of their ratio to the closed form. The closed form's distance is the
    limit of what filters measure; likeness is the mean of the four likeness measures.
    """
    return {"rows": _measure_errors(settings), "textures": _measure_textures(settings)}


def _measure_errors(settings: ExperimentSettings) -> list[dict[str, Any]]:
    counts, seconds = (16, 64, 256, 1024), 1.0
    if not settings.quick:
        counts, seconds = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192), 2.0
    kinds = {"rain": sounds.rain, "fire": sounds.fire, "crickets": sounds.crickets}
    exact_distance = compile_distance(
        lambda _: combinators.standardised(losses.infinite_gram([(Layer(_KERNEL),)]))
    )
    distances = {filters: compile_distance(_make_explicit(filters)) for filters in counts}
    rows = []
    for seed in settings.seeds:
        spectra = {
            (name, take): _spectrum(make_procedural(make, 2 * seed + take, seconds))
            for name, make in kinds.items()
            for take in (0, 1)
        }
        pairs = [(spectra[name, 0], spectra[other, 1]) for name in kinds for other in kinds]
        key = jax.random.key(seed)
        exact = np.array([float(exact_distance(key, x, y)) for x, y in pairs])
        for filters, distance in distances.items():
            estimates = np.array([float(distance(key, x, y)) for x, y in pairs])
            error = float(np.sqrt(np.mean(np.log(estimates / exact) ** 2)))
            rows.append({"seed": seed, "filters": filters, "error": error})
    return rows


def _make_explicit(filters: int) -> Callable[[jax.Array], base.Objective]:
    layer = Layer(_KERNEL, filters=filters)
    return lambda key: combinators.standardised(random_gram("1d-frequency", layer, key))


def _measure_textures(settings: ExperimentSettings) -> list[dict[str, Any]]:
    seconds, evaluations, counts = (
        (1.0, 40, (16, 128, 1024)) if settings.quick else (2.0, 100, (16, 64, 256, 1024, 4096))
    )
    references = [
        (seed, wave)
        for seed in settings.seeds
        for wave in (
            make_procedural(sounds.fire, seed, seconds),
            *read_recordings(settings, seed, 1, seconds).values(),
        )
    ]
    fit, distance = _compile_closed_form()
    targets = [fit(wave) for _, wave in references]
    rows = []
    for filters in (*counts, INFINITE):
        recipe = RECIPE.replace(filters=filters, evaluations=evaluations)
        textures = make_textures(
            recipe, [wave for _, wave in references], [seed for seed, _ in references]
        )
        for (seed, wave), target, texture in zip(references, targets, textures, strict=True):
            rows.append(
                {
                    "seed": seed,
                    "filters": filters,
                    "distance": float(np.log10(distance(target, texture))),
                    "likeness": score_likeness(texture, wave),
                }
            )
    return rows


def judge(numbers: Numbers) -> Verdict:
    """Judges how the error falls, and whether few filters lose against infinitely many.

    Rule: supports if the slope of the error's logarithm over the filters' includes -1/2 within an
    interval from -0.65 to -0.35, and textures by the fewest filters are further from the reference
    than those of the closed form, by the whole interval of the difference of log10 distances;
    contradicts if the slope's interval leaves out -0.65 to -0.35 or the fewest filters come nearer.
    """
    rows, textures = numbers["rows"], numbers["textures"]
    counts = distinct_values(rows, "filters")
    errors = np.log([seed_means(rows, "error", filters=filters) for filters in counts])
    slope = mean_interval([np.polyfit(np.log(counts), error, 1)[0] for error in errors.T])
    exact = seed_means(textures, "distance", filters=INFINITE)
    finite = [filters for filters in distinct_values(textures, "filters") if filters != INFINITE]
    gaps = {
        filters: mean_interval(seed_means(textures, "distance", filters=filters) - exact)
        for filters in finite
    }
    sufficient = next((filters for filters in finite if gaps[filters].low <= 0), None)
    verdict = decide_verdict(
        supports=-0.65 < slope.low and slope.high < -0.35 and gaps[finite[0]].low > 0,
        contradicts=slope.high < -0.65 or slope.low > -0.35 or gaps[finite[0]].high < 0,
    )
    sufficient_text = (
        f"by {sufficient} filters no difference is shown"
        if sufficient
        else f"even by {finite[-1]} filters they end farther away"
    )
    # Of four times the filters.
    error = Interval(*(np.log2(4) * np.array(slope)).tolist())
    sentence = (
        f"Four times the filters leave {describe_factor(error, 2, 'the error of distances')}; "
        f"textures by {finite[0]} filters end {describe_factor(gaps[finite[0]], 10, 'as far')} "
        f"from the reference as those by the closed form, and {sufficient_text}."
    )
    named = {f"log10 distance, {filters} filters": gap for filters, gap in gaps.items()}
    return Verdict(verdict, sentence, {"slope": slope, **named}, dict.fromkeys(named, 10))


def draw(numbers: Numbers) -> Figure:
    """Draws error, distance and likeness against the filters; dashed lines are the closed form."""
    rows, textures = numbers["rows"], numbers["textures"]
    figure, panels = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
    counts = distinct_values(rows, "filters")
    plot_curve(panels[0], rows, "filters", "error", label="random filters")
    first = np.mean(seed_means(rows, "error", filters=counts[0]))
    panels[0].plot(
        counts,
        first * np.sqrt(counts[0] / np.array(counts)),
        color="black",
        linestyle=":",
        label="1 / sqrt(filters)",
    )
    panels[0].set(
        yscale="log",
        ylabel="error of the distance (RMS of its logarithm)",
        title="distances between given sounds",
    )
    set_octave_ticks(panels[0], counts[:: 1 + len(counts) // 6])
    set_factor_ticks(panels[0])
    names = {
        "distance": "the closed form's distance",
        "likeness": "likeness (1: the reference's halves)",
    }
    finite = [row for row in textures if row["filters"] != INFINITE]
    for axis, (measured, name) in zip(panels[1:], names.items(), strict=True):
        plot_curve(axis, finite, "filters", measured, label="random filters")
        exact = mean_interval(seed_means(textures, measured, filters=INFINITE))
        axis.axhline(exact.mean, color="C1", linestyle="--", label="infinitely many")
        axis.axhspan(exact.low, exact.high, color="C1", alpha=0.2, linewidth=0)
        axis.set(ylabel=name, title="textures; lower is nearer")
        set_octave_ticks(axis, distinct_values(finite, "filters"))
    set_factor_ticks(panels[1], 10)
    for axis in panels:
        axis.set_xlabel("filters")
        axis.legend(fontsize="small")
    return figure


def _spectrum(wave: np.ndarray) -> jax.Array:
    return spectrogram.compress(
        jnp.abs(spectrogram.stft(wave, n_fft=_FFT, hop_length=_HOP, center=False))
    )


def _compile_closed_form() -> tuple[Any, Any]:
    """Returns the compiled fit and distance of the closed form, for waves [N]."""
    style = matching.style_objective(RECIPE, RATE, [1.0])
    return jax.jit(lambda wave: style.fit([wave[None]])), jax.jit(
        lambda target, wave: style.distance(target, wave[None])[0]
    )
