"""Claim 4: what of a melody comes back from the activations of each layer."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from audio_texture import metrics, recipes, sounds
from audio_texture.choices import Tap
from audio_texture.insights.experiment import (
    RATE,
    Numbers,
    Settings,
    Verdict,
    bars,
    decided,
    distinct,
    interval,
    inversions,
    per_seed,
    procedural,
)

LAYERS = ("relu_1", "relu_2", "relu_3")
KEPT = {"pitch": "pitch contour", "rhythm": "onset timing", "timbre": "spectral envelope"}
# Notes of three streams at once make a melody; each is slow enough that they seldom meet.
_PITCHES, _PER_SECOND = (260.0, 390.0, 585.0), 1.3
_BANDS = 15  # third octaves from 50 Hz to 1.4 kHz: 4 kHz holds no more


def measure(settings: Settings) -> Numbers:
    """Melodies made again from the activations of one layer.

    Claim: Layer-activation content is pitch and rhythm.

    Source: Huzaifah & Wyse 2019, abstract; inversion: Mahendran & Vedaldi 2015.

    Method: The recipe mahendran-vedaldi without its regularisers, at 4 kHz: three layers of random filters over frames, more than twice as many
    as bins; from noise, a spectrogram with the melody's activations in one layer, and no style. Kept of the melody, at each layer: the
    correlation of the pitch contour where it is voiced, of onset strength, and of third-octave levels; 1 is all of it. What is left of the content
    distance stands beside it: only where that is near zero is what is not kept missing from the activations, and not just not found again.
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
    melodies = [melody_of(seed, seconds) for seed in settings.seeds]
    for layer in LAYERS:
        recipe = recipes.named("mahendran-vedaldi").replace(content_layers=(Tap(layer),), **choices)
        made = inversions([recipe] * len(melodies), melodies, settings.seeds)
        for seed, melody, wave, left in zip(
            settings.seeds, melodies, made.waves[:, 0], made.losses, strict=True
        ):
            kept = metrics.content_preservation(wave, melody, sample_rate=RATE)
            levels = [
                metrics.band_levels(each, sample_rate=RATE)[1][:_BANDS] for each in (wave, melody)
            ]
            found = {
                "pitch": kept["pitch_kept"] or 0.0,
                "rhythm": kept["onsets_kept"] or 0.0,
                "timbre": float(np.corrcoef(*levels)[0, 1]),
            }
            rows.append({"seed": seed, "layer": layer, **found, "left": float(left)})
    return {"rows": rows}


def melody_of(seed: int, seconds: float) -> np.ndarray:
    """Notes of three pitches at irregular moments, [N] at RATE."""
    streams = [
        procedural(
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
    """Rule: supports if pitch and rhythm are kept from the deepest layer, each above half by its whole interval; contradicts if one of them is
    below half by its whole interval although its activations were met, to less than 1e-4 of the content distance's unit; undecided otherwise,
    as what was not found again need not be missing. The envelope is reported, not judged: the claim does not say that it is lost.
    """
    rows = numbers["rows"]
    layers = distinct(rows, "layer")
    found = {
        f"{name}, {layer}": interval(per_seed(rows, name, layer=layer))
        for layer in layers
        for name in KEPT
    }
    pitch, rhythm = (found[f"{name}, {layers[-1]}"] for name in ("pitch", "rhythm"))
    met = interval(per_seed(rows, "left", layer=layers[-1])).high < 1e-4
    word = decided(
        supports=pitch.low > 0.5 and rhythm.low > 0.5,
        contradicts=min(pitch.high, rhythm.high) < 0.5 and met,
    )
    means = {
        key: ", ".join(f"{np.mean(per_seed(rows, key, layer=layer)):.2f}" for layer in layers)
        for key in KEPT
    }
    parts = "; ".join(f"{name} {means[key]}" for key, name in KEPT.items())
    left = ", ".join(f"{np.mean(per_seed(rows, 'left', layer=layer)):.1g}" for layer in layers)
    return Verdict(
        word,
        f"Kept from layers 1, 2 and 3: {parts}. From the deepest: pitch {pitch}, rhythm {rhythm}. Left of the content distance: {left}.",
        found,
    )


def draw(numbers: Numbers) -> plt.Figure:
    """What is kept, by layer."""
    rows = numbers["rows"]
    figure, axis = plt.subplots(figsize=(8, 4.4), layout="constrained")
    layers = distinct(rows, "layer")
    bars(
        axis,
        [f"layer {layer.removeprefix('relu_')}" for layer in layers],
        {
            name: [interval(per_seed(rows, key, layer=layer)) for layer in layers]
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
