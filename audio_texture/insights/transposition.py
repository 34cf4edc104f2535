"""Claim 8: transpositions on a linear and on a constant-Q axis, to three kinds of networks."""

from typing import Any

import jax
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from audio_texture import sounds
from audio_texture.insights.experiment import (
    ExperimentSettings,
    Numbers,
    Verdict,
    decide_verdict,
    describe_factor,
)
from audio_texture.insights.intervals import distinct_values, mean_interval, seed_means
from audio_texture.insights.plots import plot_bars, set_factor_ticks
from audio_texture.insights.references import make_procedural, scaled_spectrogram
from audio_texture.insights.runs import compile_distance, random_gram
from audio_texture.layer import Layer

KINDS = {"2d": "2-D", "1d-time": "1-D over bins", "1d-frequency": "1-D over frames"}
SLIDING = ("2d", "1d-time")  # whose kernels slide along frequency
AXES = {"linear": "linear (STFT bins)", "log": "the authors' log map", "cqt": "constant Q"}
_PITCH, _SEMITONES, _FRAMES = 220.0, (3, 7, 12), 11


def measure(settings: ExperimentSettings) -> Numbers:
    """Measures Gram distances between notes and the same notes transposed, on three axes.

    Claim: Constant-Q scaling helps networks whose kernels slide along frequency: there a
    transposition is a shift, which their Gram does not see.

    Source: Huzaifah & Wyse 2019, abstract (constant-Q scaling); that kernels of "2d" and "time"
    slide along frequency, the authors' code.

    Method: Notes are compared with the same notes 3, 7 and 12 semitones higher, by the Gram
    distance of random filters on three frequency axes. The distance is divided by that from another
    take of the notes, so 1 is as far apart as two takes.

    Details: Notes have six harmonics; the transposed ones come at the same times, the other take's
    at other times. The layer has filters of 11 frames, of 11 rows (the paper's) and of 48, which
    span several harmonics. Every seed has new filters and times.
    """
    seconds, filters, heights = (
        (1.0, 16, (11, 48)) if settings.quick else (1.5, 32, (5, 11, 24, 48))
    )
    cases = [(kind, height) for kind in SLIDING for height in heights] + [("1d-frequency", _FRAMES)]
    layers = {
        "2d": lambda rows: Layer(_FRAMES, filters=filters, kernel_bins=rows),
        "1d-time": lambda rows: Layer(rows, filters=filters),
        "1d-frequency": lambda _: Layer(_FRAMES, filters=filters),
    }
    distances = {
        (kind, height): compile_distance(
            lambda key, kind=kind, height=height: random_gram(kind, layers[kind](height), key)
        )
        for kind, height in cases
    }
    rows: list[dict[str, Any]] = []
    for seed in settings.seeds:
        for scale in AXES:
            transposed = {
                semitones: scaled_spectrogram(_make_notes(2 * seed, seconds, semitones), scale)
                for semitones in (0, *_SEMITONES)
            }
            other_take = scaled_spectrogram(_make_notes(2 * seed + 1, seconds, 0), scale)
            for (kind, height), distance in distances.items():
                key = jax.random.key(seed)
                unit = float(distance(key, transposed[0], other_take))
                for n in _SEMITONES:
                    rows.append(
                        {
                            "seed": seed,
                            "scale": scale,
                            "network": kind,
                            "height": height,
                            "semitones": n,
                            "distance": float(
                                np.log2(distance(key, transposed[0], transposed[n]) / unit)
                            ),
                        }
                    )
    return {"rows": rows}


def _make_notes(seed: int, seconds: float, semitones: int) -> np.ndarray:
    return make_procedural(
        sounds.notes,
        seed,
        seconds,
        pitch_hz=_PITCH * 2 ** (semitones / 12),
        tilt_db=3.0,
        irregularity=0.5,
        harmonics=6,
        decay_s=0.1,
    )


def judge(numbers: Numbers) -> Verdict:
    """Judges the constant-Q axis against the linear one.

    Rule: supports if the distance is smaller on the constant-Q axis than on the linear one for both
    networks that slide along frequency, at every height of their kernels, by the whole interval of
    the difference of logarithms over all transpositions; contradicts if it is larger at every
    height of either; undecided where it depends on the height.
    """
    rows = numbers["rows"]
    gains = {}
    for kind in KINDS:
        for height in distinct_values([row for row in rows if row["network"] == kind], "height"):
            linear, logarithmic = (
                seed_means(rows, "distance", network=kind, height=height, scale=scale)
                for scale in ("linear", "cqt")
            )
            gains[kind, height] = mean_interval(logarithmic - linear)
    sliding = [
        [gain for (kind, _), gain in gains.items() if kind == sliding] for sliding in SLIDING
    ]
    word = decide_verdict(
        supports=all(gain.high < 0 for kind_gains in sliding for gain in kind_gains),
        contradicts=any(all(gain.low > 0 for gain in kind_gains) for kind_gains in sliding),
    )
    parts = [
        f"{describe_factor(gain, 2, 'as far')} ({KINDS[kind]}"
        + (f", {height} rows)" if kind in SLIDING else ")")
        for (kind, height), gain in gains.items()
    ]
    sentence = (
        "On the constant-Q axis a transposition is, compared with the linear axis, "
        f"{'; '.join(parts)}."
    )
    intervals = {f"{kind}, {height}": gain for (kind, height), gain in gains.items()}
    return Verdict(word, sentence, intervals, dict.fromkeys(intervals, 2))


def draw(numbers: Numbers) -> Figure:
    """Draws the distance of a transposition by height of the kernels, for each network."""
    rows = numbers["rows"]
    heights = {
        kind: distinct_values([row for row in rows if row["network"] == kind], "height")
        for kind in KINDS
    }
    figure, panels = plt.subplots(
        1,
        3,
        figsize=(12, 4.2),
        layout="constrained",
        sharey=True,
        width_ratios=[max(len(heights[kind]), 1.3) for kind in KINDS],
    )
    for panel, kind in zip(panels, KINDS, strict=True):
        series = {
            name: [
                mean_interval(
                    seed_means(rows, "distance", network=kind, scale=scale, height=height)
                )
                for height in heights[kind]
            ]
            for scale, name in AXES.items()
        }
        plot_bars(
            panel,
            [f"{height} rows" if kind in SLIDING else "all rows" for height in heights[kind]],
            series,
        )
        panel.axhline(0, color="black", linewidth=0.8)
        panel.set(title=KINDS[kind], xlabel="height of the kernels")
    panels[0].set_ylabel("a transposition's Gram distance\n(1: as far as another take)")
    set_factor_ticks(panels[0], 2)
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=3,
        fontsize="small",
    )
    return figure
