"""Claim 8: what finitely many random filters lose against infinitely many. Our own addition to the paper's conclusions."""

from typing import Any

import jax
import matplotlib.pyplot as plt
import numpy as np

from audio_texture import combinators, losses, matching, recipes, sounds, spectrogram
from audio_texture.insights.experiment import (
    RATE,
    Numbers,
    Settings,
    Verdict,
    curve,
    decided,
    distance_of,
    distinct,
    interval,
    likeness,
    octaves,
    per_seed,
    procedural,
    random_gram,
    recorded,
    textures,
)
from audio_texture.layer import Layer
from audio_texture.views import View

_FFT, _HOP, _WIDTH = 256, 64, 11
INFINITE = 0
# Explicit filters are drawn as the closed form has them.
RECIPE = recipes.make(
    name="filters",
    summary="One network of kernels of 11 frames over standardised bins, on the waveform.",
    views=(View(0, (_WIDTH,), 32.0, 8.0),),
)


def measure(settings: Settings) -> Numbers:
    """Style distances and textures by few to many random filters, against the closed form.

    Claim: Random filters stand for their average: distances by C of them scatter about the closed form by 1 / sqrt(C), and textures come
    nearer to the reference the more filters there are, up to the closed form.

    Source: our own; Huzaifah & Wyse 2019 use 4096 filters. A Monte-Carlo mean's error falls as the root of its draws.

    Method: Grams' distances of fixed pairs of sounds, a sound and another of its kind or of another kind, by kernels of 11 frames, by
    new filters for every seed; the error is the root mean square over pairs of the logarithm of their ratio to the closed form. And textures of each
    sound, judged by the closed form's distance, which is the limit of what the filters measure, and by likeness (metrics).
    """
    seconds, evaluations, pair_counts, texture_counts = (
        (1.0, 40, (16, 64, 256, 1024), (16, 128, 1024))
        if settings.quick
        else (
            2.0,
            100,
            (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192),
            (16, 64, 256, 1024, 4096),
        )
    )
    kinds = {"rain": sounds.rain, "fire": sounds.fire, "crickets": sounds.crickets}
    explicit = lambda filters: (
        lambda key: combinators.standardised(
            random_gram("1d-frequency", Layer(_WIDTH, filters=filters), key)
        )
    )
    distances = {filters: distance_of(explicit(filters)) for filters in pair_counts}
    distances[INFINITE] = distance_of(
        lambda _: combinators.standardised(losses.infinite_gram([(Layer(_WIDTH),)]))
    )
    rows: list[dict[str, Any]] = []
    made: list[dict[str, Any]] = []
    for seed in settings.seeds:
        spectra = {
            (name, take): _spectrum(procedural(make, 2 * seed + take, seconds))
            for name, make in kinds.items()
            for take in (0, 1)
        }
        pairs = [(spectra[name, 0], spectra[other, 1]) for name in kinds for other in kinds]
        exact = np.array([float(distances[INFINITE](jax.random.key(seed), x, y)) for x, y in pairs])
        for filters in pair_counts:
            found = np.array(
                [float(distances[filters](jax.random.key(seed), x, y)) for x, y in pairs]
            )
            rows.append(
                {
                    "seed": seed,
                    "filters": filters,
                    "error": float(np.sqrt(np.mean(np.log(found / exact) ** 2))),
                }
            )

    references = [
        (seed, wave)
        for seed in settings.seeds
        for wave in (
            procedural(sounds.fire, seed, seconds),
            *recorded(settings, seed, 1, seconds).values(),
        )
    ]
    fit, distance = _closed_form()
    targets = [fit(wave) for _, wave in references]
    for filters in (*texture_counts, INFINITE):
        recipe = RECIPE.replace(filters=filters, evaluations=evaluations)
        results = textures(
            recipe, [wave for _, wave in references], [seed for seed, _ in references]
        )
        for (seed, wave), target, result in zip(references, targets, results, strict=True):
            made.append(
                {
                    "seed": seed,
                    "filters": filters,
                    "distance": float(np.log10(distance(target, result))),
                    "likeness": likeness(result, wave),
                }
            )
    return {"rows": rows, "textures": made}


def judge(numbers: Numbers) -> Verdict:
    """Rule: supports if the slope of the error's logarithm over the filters' includes -1/2 within an interval from -0.65 to -0.35, and textures by
    the fewest filters are further from the reference than those of the closed form, by the whole interval of the difference of
    log10 distances; contradicts if the slope's interval leaves out -0.65 to -0.35 or the fewest filters come nearer.
    """
    rows, made = numbers["rows"], numbers["textures"]
    counts = distinct(rows, "filters")
    errors = np.log([per_seed(rows, "error", filters=filters) for filters in counts])
    slope = interval([np.polyfit(np.log(counts), error, 1)[0] for error in errors.T])
    exact = per_seed(made, "distance", filters=INFINITE)
    finite = [filters for filters in distinct(made, "filters") if filters != INFINITE]
    further = {
        filters: interval(per_seed(made, "distance", filters=filters) - exact) for filters in finite
    }
    enough = next((filters for filters in finite if further[filters].low <= 0), None)
    word = decided(
        supports=-0.65 < slope.low and slope.high < -0.35 and further[finite[0]].low > 0,
        contradicts=slope.high < -0.65 or slope.low > -0.35 or further[finite[0]].high < 0,
    )
    enough_text = (
        f"{enough} filters are the fewest that cannot be told from the closed form so"
        if enough
        else f"even {finite[-1]} filters can be told from it"
    )
    sentence = f"The error of distances falls as filters to the power {slope}; textures by {finite[0]} filters end 10^{further[finite[0]]} times as far from the reference as by the closed form, and {enough_text}."
    return Verdict(
        word,
        sentence,
        {
            "slope": slope,
            **{f"log10 distance, {filters} filters": found for filters, found in further.items()},
        },
    )


def draw(numbers: Numbers) -> plt.Figure:
    """The distances' error, and the textures' distance and likeness, against the filters; the closed form as a dashed line."""
    rows, made = numbers["rows"], numbers["textures"]
    figure, panels = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
    counts = distinct(rows, "filters")
    curve(panels[0], rows, "filters", "error", label="random filters")
    first = np.mean(per_seed(rows, "error", filters=counts[0]))
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
    octaves(panels[0], counts[:: 1 + len(counts) // 6])
    names = {
        "distance": "log10 of the closed form's distance",
        "likeness": "likeness (1: the reference's halves)",
    }
    finite = [row for row in made if row["filters"] != INFINITE]
    for axis, (measured, name) in zip(panels[1:], names.items(), strict=True):
        curve(axis, finite, "filters", measured, label="random filters")
        exact = interval(per_seed(made, measured, filters=INFINITE))
        axis.axhline(exact.mean, color="C1", linestyle="--", label="infinitely many")
        axis.axhspan(exact.low, exact.high, color="C1", alpha=0.2, linewidth=0)
        axis.set(ylabel=name, title="textures; lower is nearer")
        octaves(axis, distinct(finite, "filters"))
    for axis in panels:
        axis.set_xlabel("filters")
        axis.legend(fontsize="small")
    return figure


def _spectrum(wave: np.ndarray) -> jax.Array:
    return spectrogram.compress(
        jax.numpy.abs(spectrogram.stft(wave, n_fft=_FFT, hop_length=_HOP, center=False))
    )


def _closed_form() -> tuple[Any, Any]:
    """fit and distance of the recipe by infinitely many filters, on waves [N], compiled."""
    style = matching.style_objective(RECIPE, RATE, [1.0])
    return jax.jit(lambda wave: style.fit([wave[None]])), jax.jit(
        lambda target, wave: style.distance(target, wave[None])[0]
    )
