"""Claim 9, on phase: what the ways from magnitudes to a wave cost, and what a canvas that needs none gains."""

from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from audio_texture import phase, recipes, sounds, spectrogram
from audio_texture.insights.experiment import (
    RATE,
    Numbers,
    Settings,
    Verdict,
    bars,
    decided,
    distinct,
    interval,
    likeness,
    per_seed,
    procedural,
    recorded,
    textures,
)

# What differs from the recipe infinite-width: the way its spectrogram becomes a wave, or that it has none.
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


def measure(settings: Settings) -> Numbers:
    """Textures by one objective, whose waves come about in five ways.

    Claim: Recovering phase costs quality: a waveform canvas, which needs none, comes nearer to the reference than any way of recovering it.

    Source: our own; the authors recover phases by SPSI and Griffin-Lim (Huzaifah & Wyse 2019; Beauregard, Harish & Wyse 2015).

    Method: The recipe infinite-width at 8 kHz, from the same starts: its spectrogram is turned into a wave by SPSI alone, by 50 iterations of
    Griffin-Lim from random phases or from SPSI's, or of its fast form; or its objective is optimised on the waveform itself, with as
    many evaluations. Likeness to the reference is the mean of the four measures of metrics, as log2. Beside it, the spectral convergence
    of each way on the magnitudes of the references themselves, in dB.
    """
    seconds, evaluations = (1.5, 40) if settings.quick else (4.0, 150)
    paper = recipes.named("infinite-width").replace(sample_rate=RATE, evaluations=evaluations)
    references = []
    for seed in settings.seeds:
        found = {
            "rain": procedural(sounds.rain, seed, seconds),
            "notes": procedural(sounds.notes, seed, seconds),
            **recorded(settings, seed, 2, seconds),
        }
        references += [(seed, name, wave) for name, wave in found.items()]
    rows: list[dict[str, Any]] = []
    for way, choices in WAYS.items():
        recipe = paper.replace(**choices)
        made = textures(
            recipe, [wave for _, _, wave in references], [seed for seed, _, _ in references]
        )
        for (seed, name, wave), texture in zip(references, made, strict=True):
            row = {
                "seed": seed,
                "sound": name,
                "way": way,
                "likeness": float(np.log2(likeness(texture, wave))),
            }
            rows.append(row if way == CANVAS else row | {"convergence": _convergence(recipe, wave)})
    return {"rows": rows}


def judge(numbers: Numbers) -> Verdict:
    """Rule: supports if the waveform canvas is nearer than the nearest way of recovering phases, by the whole interval of the difference of log2
    likenesses; contradicts if it is further away.
    """
    rows = numbers["rows"]
    found = {way: per_seed(rows, "likeness", way=way) for way in distinct(rows, "way")}
    best = min((way for way in found if way != CANVAS), key=lambda way: np.mean(found[way]))
    gap = interval(found[CANVAS] - found[best])
    intervals = {way: interval(values) for way, values in found.items()}
    sentence = (
        f"log2 likeness (0: as the reference's halves, lower is nearer) is {', '.join(f'{value.mean:.2f} by {way}' for way, value in intervals.items())}; "
        f"the waveform canvas is {gap} from {best}, the nearest of the others."
    )
    return Verdict(
        decided(supports=gap.high < 0, contradicts=gap.low > 0),
        sentence,
        {**intervals, "difference": gap},
    )


def draw(numbers: Numbers) -> plt.Figure:
    """Likeness and spectral convergence of each way."""
    rows = numbers["rows"]
    ways = distinct(rows, "way")
    figure, panels = plt.subplots(1, 2, figsize=(12, 4.4), layout="constrained")
    named = {False: "procedural sounds", True: "recordings"}
    kinds = [real for real in named if any(_real(row) == real for row in rows)]
    bars(
        panels[0],
        [way.replace(", ", ",\n") for way in ways],
        {
            named[real]: [
                interval(per_seed([row for row in rows if _real(row) == real], "likeness", way=way))
                for way in ways
            ]
            for real in kinds
        },
    )
    panels[0].axhline(0, color="black", linewidth=0.8)
    panels[0].set(
        ylabel="log2 likeness of textures\n(0: the reference's halves; lower is nearer)",
        title="textures",
    )
    recovered = [row for row in rows if "convergence" in row]
    bars(
        panels[1],
        [way.replace(", ", ",\n") for way in ways[:-1]],
        {
            named[real]: [
                interval(
                    per_seed(
                        [row for row in recovered if _real(row) == real], "convergence", way=way
                    )
                )
                for way in ways[:-1]
            ]
            for real in kinds
        },
    )
    panels[1].set(
        ylabel="spectral convergence (dB; lower is nearer)",
        title="on the references' own magnitudes",
    )
    for panel in panels:
        panel.tick_params(axis="x", labelsize="small")
        panel.legend(fontsize="small")
    return figure


def _real(row: dict[str, Any]) -> bool:
    return "/" in row["sound"]


def _convergence(recipe: recipes.Recipe, wave: np.ndarray) -> float:
    """Spectral convergence in dB of a recipe's way on a sound's own magnitudes."""
    sizes = recipe.analysis.views[0].sizes(RATE)
    hop = {"hop_length": sizes["hop_length"]}
    wave = wave[: (len(wave) - 1) // sizes["hop_length"] * sizes["hop_length"]]
    magnitude = jnp.abs(spectrogram.stft(wave, **sizes))
    start = (
        phase.spsi(magnitude, **hop)
        if recipe.phase.start == "spsi"
        else phase.random_phase(jax.random.key(0), magnitude)
    )
    found = phase.griffin_lim(
        magnitude,
        start,
        **hop,
        iterations=recipe.phase.iterations,
        momentum=recipe.phase.momentum,
        length=len(wave),
    )
    return 20 * float(np.log10(phase.spectral_convergence(found, magnitude, **hop)))
