"""Claim 5: what comes back of a melody from the activations of each layer."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from audio_texture import metrics, recipes, sounds
from audio_texture.choices import Tap
from audio_texture.insights.experiment import ExperimentSettings, Numbers, Verdict, decide_verdict
from audio_texture.insights.intervals import distinct_values, mean_interval, seed_means
from audio_texture.insights.plots import plot_bars
from audio_texture.insights.references import RATE, make_procedural
from audio_texture.insights.runs import make_inversions

LAYERS = ("relu_1", "relu_2", "relu_3")
# Property -> its name in figures.
KEPT = {"pitch": "pitch contour", "rhythm": "onset timing", "timbre": "spectral envelope"}
# Three streams of notes make a melody; they are slow, so that notes seldom overlap.
_PITCHES, _PER_SECOND = (260.0, 390.0, 585.0), 1.3
_BANDS = 15  # third octaves from 50 Hz to 1.4 kHz, all that 4 kHz holds


def measure(settings: ExperimentSettings) -> Numbers:
    """Measures what is kept of melodies that are made again from the activations of one layer.

    Claim: Layer-activation content is pitch and rhythm.

    Source: Huzaifah & Wyse 2019, abstract; inversion: Mahendran & Vedaldi 2015.

    Method: A melody is made again from noise and its activations in one layer of random filters,
    without a style. What is kept is the correlation of pitch, of onset strength and of third-octave
    levels with the melody's (1: all); what is left of the content distance says whether the
    activations were met.

    Details: The recipe mahendran-vedaldi without its regularisers, at 4 kHz: three layers of random
    filters over frames, more than twice as many as bins. The pitch contour counts where it is
    voiced. Only where the remaining content distance is near zero is a lost property missing from
    the activations; elsewhere the optimisation may have failed to recover it.
    """
    seconds, evaluations, filters = (2.8, 60, 256) if settings.quick else (4.0, 150, 512)
    choices = {
        "sample_rate": 4000,
        "evaluations": evaluations,
        "filters": filters,
        "variation_weight": 0.0,
        "power_weight": 0.0,
        "phase_start": "spsi",
        "phase_iterations": 50,
        "phase_momentum": 0.99,
    }
    rows: list[dict[str, Any]] = []
    melodies = [make_melody(seed, seconds) for seed in settings.seeds]
    for layer in LAYERS:
        recipe = recipes.named("mahendran-vedaldi").replace(content_layers=(Tap(layer),), **choices)
        made = make_inversions([recipe] * len(melodies), melodies, settings.seeds)
        for seed, melody, wave, remaining in zip(
            settings.seeds, melodies, made.waves[:, 0], made.losses, strict=True
        ):
            preserved = metrics.content_preservation(wave, melody, sample_rate=RATE)
            levels = [
                metrics.band_levels(sound, sample_rate=RATE)[1][:_BANDS] for sound in (wave, melody)
            ]
            correlations = {
                "pitch": preserved["pitch_kept"] or 0.0,
                "rhythm": preserved["onsets_kept"] or 0.0,
                "timbre": float(np.corrcoef(levels)[0, 1]),
            }
            row = {"seed": seed, "layer": layer, **correlations, "left": float(remaining)}
            rows.append(row)
    return {"rows": rows}


def make_melody(seed: int, seconds: float) -> np.ndarray:
    """Returns notes of three pitches at irregular times, [N] at RATE."""
    streams = [
        make_procedural(
            sounds.notes,
            10 * seed + i,
            seconds,
            pitch_hz=pitch_hz,
            notes_per_second=_PER_SECOND,
            irregularity=0.4,
            decay_s=0.12,
        )
        for i, pitch_hz in enumerate(_PITCHES)
    ]
    return np.mean(streams, axis=0)


def judge(numbers: Numbers) -> Verdict:
    """Judges whether pitch and rhythm are kept.

    Rule: supports if pitch and rhythm are kept from the deepest layer, each above half by its whole
    interval; contradicts if one of them is below half by its whole interval although its
    activations were met, to less than 1e-4 of the content distance's unit; undecided otherwise, as
    a property that was not recovered need not be missing. The envelope is reported, not judged: the
    claim does not say that it is lost.
    """
    rows = numbers["rows"]
    layers = distinct_values(rows, "layer")
    intervals = {
        f"{name}, {layer}": mean_interval(seed_means(rows, name, layer=layer))
        for layer in layers
        for name in KEPT
    }
    pitch, rhythm = (intervals[f"{name}, {layers[-1]}"] for name in ("pitch", "rhythm"))
    activations_met = mean_interval(seed_means(rows, "left", layer=layers[-1])).high < 1e-4
    word = decide_verdict(
        supports=pitch.low > 0.5 and rhythm.low > 0.5,
        contradicts=min(pitch.high, rhythm.high) < 0.5 and activations_met,
    )
    means = {
        key: ", ".join(f"{np.mean(seed_means(rows, key, layer=layer)):.2f}" for layer in layers)
        for key in KEPT
    }
    parts = "; ".join(f"{name} {means[key]}" for key, name in KEPT.items())
    shares = [float(np.mean(seed_means(rows, "left", layer=layer))) for layer in layers]
    left = ", ".join(f"{share:.1g}" if share >= 1e-4 else "under 0.0001" for share in shares)
    return Verdict(
        word,
        f"Kept from layers 1, 2 and 3: {parts}. From the deepest: pitch {pitch}, rhythm {rhythm}. "
        f"Left of the content distance: {left}.",
        intervals,
    )


def draw(numbers: Numbers) -> Figure:
    """Draws what is kept, by layer."""
    rows = numbers["rows"]
    figure, axis = plt.subplots(figsize=(8, 4.4), layout="constrained")
    layers = distinct_values(rows, "layer")
    plot_bars(
        axis,
        [f"layer {layer.removeprefix('relu_')}" for layer in layers],
        {
            name: [mean_interval(seed_means(rows, key, layer=layer)) for layer in layers]
            for key, name in KEPT.items()
        },
    )
    axis.axhline(0.5, color="black", linestyle=":", linewidth=1)
    axis.set(
        ylabel="correlation with the melody (1: all kept)",
        ylim=(None, 1.02),
        title="a melody from the activations of one layer",
    )
    figure.legend(loc="outside lower center", ncols=3, fontsize="small")
    return figure
