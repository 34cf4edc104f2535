"""Claim 11, our addition to the paper's: the cost of recovering phases."""

from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from audio_texture import phase, recipes, sounds, spectrogram
from audio_texture.insights.experiment import (
    ExperimentSettings,
    Numbers,
    Verdict,
    decide_verdict,
    describe_factor,
)
from audio_texture.insights.intervals import distinct_values, mean_interval, seed_means
from audio_texture.insights.plots import plot_bars, set_factor_ticks
from audio_texture.insights.references import RATE, make_procedural, read_recordings
from audio_texture.insights.runs import make_textures, score_likeness

# Ways to make a wave, as changes to the recipe infinite-width: how the spectrogram canvas becomes a
# wave, or a waveform canvas instead.
WAYS: dict[str, dict[str, Any]] = {
    "SPSI": {"phase_start": "spsi", "phase_iterations": 0},
    "Griffin-Lim": {"phase_start": "random", "phase_iterations": 50, "phase_momentum": 0.0},
    "SPSI, Griffin-Lim": {"phase_start": "spsi", "phase_iterations": 50, "phase_momentum": 0.0},
    "SPSI, fast Griffin-Lim": {
        "phase_start": "spsi",
        "phase_iterations": 50,
        "phase_momentum": 0.99,
    },
    "waveform canvas": {"canvas": "waveform", "bound_weight": 0.0},
}
CANVAS = "waveform canvas"


def measure(settings: ExperimentSettings) -> Numbers:
    """Measures textures by one objective whose waves are made in five ways.

    Claim: Recovering phase costs quality: a waveform canvas, which needs none, comes nearer to the
    reference than any way of recovering it.

    Source: our own; the authors recover phases by SPSI and Griffin-Lim (Huzaifah & Wyse 2019;
    Beauregard, Harish & Wyse 2015).

    Method: Textures by the recipe infinite-width are made in five ways: four recover the phases of
    a spectrogram, the fifth optimises the waveform itself. They are judged by likeness to the
    reference; the error of each way on the references' own magnitudes stands beside it.

    Details: At 8 kHz, from the same starts, with as many evaluations. A spectrogram becomes a wave
    by SPSI alone, or by 50 iterations of Griffin-Lim from random phases or from SPSI's, or of its
    fast form. Likeness is the log2 of the mean of the four likeness measures; the error is the
    spectral convergence in dB.
    """
    seconds, evaluations = (1.5, 40) if settings.quick else (4.0, 150)
    paper = recipes.named("infinite-width").replace(sample_rate=RATE, evaluations=evaluations)
    references = []
    for seed in settings.seeds:
        waves = {
            "rain": make_procedural(sounds.rain, seed, seconds),
            "notes": make_procedural(sounds.notes, seed, seconds),
            **read_recordings(settings, seed, 2, seconds),
        }
        references += [(seed, name, wave) for name, wave in waves.items()]
    rows: list[dict[str, Any]] = []
    for way, choices in WAYS.items():
        recipe = paper.replace(**choices)
        made = make_textures(
            recipe, [wave for _, _, wave in references], [seed for seed, _, _ in references]
        )
        for (seed, name, wave), texture in zip(references, made, strict=True):
            row = {
                "seed": seed,
                "sound": name,
                "way": way,
                "likeness": float(np.log2(score_likeness(texture, wave))),
            }
            rows.append(
                row if way == CANVAS else row | {"convergence": _recovery_error(recipe, wave)}
            )
    return {"rows": rows}


def judge(numbers: Numbers) -> Verdict:
    """Judges the waveform canvas against the best way of recovering phases.

    Rule: supports if the waveform canvas is nearer than the nearest way of recovering phases, by
    the whole interval of the difference of log2 likenesses; contradicts if it is further away.
    """
    rows = numbers["rows"]
    likeness = {way: seed_means(rows, "likeness", way=way) for way in distinct_values(rows, "way")}
    recovered = [way for way in likeness if way != CANVAS]
    best = min(recovered, key=lambda way: np.mean(likeness[way]))
    gap = mean_interval(likeness[CANVAS] - likeness[best])
    intervals = {way: mean_interval(values) for way, values in likeness.items()}
    means = ", ".join(
        f"{value.to_factors(2).mean:.2f} by {way}" for way, value in intervals.items()
    )
    sentence = (
        f"Distance from the reference (1: its halves from each other): {means}; the waveform "
        f"canvas is {describe_factor(gap, 2, 'as far')} as {best}, the nearest of the others."
    )
    intervals |= {"difference": gap}
    return Verdict(
        decide_verdict(supports=gap.high < 0, contradicts=gap.low > 0),
        sentence,
        intervals,
        dict.fromkeys(intervals, 2),
    )


def draw(numbers: Numbers) -> Figure:
    """Draws likeness and spectral convergence of each way."""
    rows = numbers["rows"]
    ways = distinct_values(rows, "way")
    figure, panels = plt.subplots(1, 2, figsize=(12, 4.4), layout="constrained")

    def group(rows: list[dict[str, Any]], measured: str, ways: list[str]) -> dict[str, Any]:
        """Returns the intervals of each way, for procedural sounds and for recordings."""
        series = {}
        for name, is_recording in (("procedural sounds", False), ("recordings", True)):
            chosen = [row for row in rows if ("/" in row["sound"]) == is_recording]
            if chosen:
                values = (seed_means(chosen, measured, way=way) for way in ways)
                series[name] = [mean_interval(value) for value in values]
        return series

    plot_bars(
        panels[0],
        [way.replace(", ", ",\n") for way in ways],
        group(rows, "likeness", ways),
    )
    panels[0].axhline(0, color="black", linewidth=0.8)
    panels[0].set(
        ylabel="distance from the reference\n(1: its halves to each other; lower is nearer)",
        title="textures",
    )
    set_factor_ticks(panels[0], 2)
    recovered = [row for row in rows if "convergence" in row]
    plot_bars(
        panels[1],
        [way.replace(", ", ",\n") for way in ways[:-1]],
        group(recovered, "convergence", ways[:-1]),
    )
    panels[1].set(
        ylabel="spectral convergence (dB; lower is nearer)",
        title="on the references' own magnitudes",
    )
    for panel in panels:
        panel.tick_params(axis="x", labelsize="small")
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=2,
        fontsize="small",
    )
    return figure


def _recovery_error(recipe: recipes.Recipe, wave: np.ndarray) -> float:
    """Returns the spectral convergence in dB of a recipe's phase recovery for a given sound."""
    sizes = recipe.analysis.views[0].sizes(RATE)
    hop = {"hop_length": sizes["hop_length"]}
    wave = wave[: (len(wave) - 1) // sizes["hop_length"] * sizes["hop_length"]]
    magnitude = jnp.abs(spectrogram.stft(wave, **sizes))
    start = (
        phase.spsi(magnitude, **hop)
        if recipe.phase.start == "spsi"
        else phase.random_phase(jax.random.key(0), magnitude)
    )
    recovered = phase.griffin_lim(
        magnitude,
        start,
        **hop,
        iterations=recipe.phase.iterations,
        momentum=recipe.phase.momentum,
        length=len(wave),
    )
    return 20 * float(np.log10(phase.spectral_convergence(recovered, magnitude, **hop)))
