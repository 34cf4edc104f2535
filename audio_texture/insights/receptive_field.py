"""Claim 7: the longest structure that a receptive field keeps."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from audio_texture import metrics, recipes, sounds, statistics
from audio_texture.insights.experiment import (
    ExperimentSettings,
    Interval,
    Numbers,
    Verdict,
    decide_verdict,
)
from audio_texture.insights.intervals import distinct_values, mean_interval, seed_means
from audio_texture.insights.plots import plot_curve, set_octave_ticks
from audio_texture.insights.references import RATE, make_procedural
from audio_texture.insights.runs import make_textures
from audio_texture.views import View

WINDOW_MS, HOP_MS = 32.0, 16.0
# Receptive field over period. In theory the knee is at 1, where a kernel begins to hold two events.
RATIOS = (0.35, 0.5, 0.71, 1.0, 1.41, 2.0)


def measure(settings: ExperimentSettings) -> Numbers:
    """Measures the regularity of textures of known period, at several receptive fields.

    Claim: The receptive field sets the longest structure that is kept: a period is kept where a
    kernel spans it.

    Source: Huzaifah & Wyse 2019, abstract (parametric control of receptive fields); Antognini,
    Hoffman & Weiss 2019.

    Method: Textures of clocks and of a cricket are made by kernels whose receptive field is from a
    third to twice the sound's period. Regularity is the height of the onset strength's
    autocorrelation near the period, as a share of the reference's; the knee is the ratio of field
    to period from which half of it is kept.

    Details: Kernels are of infinitely many filters over 24 mel bands. The height is the highest
    normalised autocorrelation within a tenth of the period.
    """
    seconds, evaluations, widths = (3.0, 60, (6, 12)) if settings.quick else (5.0, 100, (6, 12, 24))
    rows: list[dict[str, Any]] = []
    for width in widths:
        field = (WINDOW_MS + (width - 1) * HOP_MS) / 1000
        recipe = recipes.make(
            "one-width",
            "Kernels of one width alone.",
            views=(View(24, (width,), WINDOW_MS, HOP_MS),),
            evaluations=evaluations,
        )
        cases = [
            (seed, ratio, name)
            for seed in settings.seeds
            for ratio in RATIOS
            for name in ("clock", "crickets")
        ]
        references = [
            _make_sound(name, seed, seconds, field / ratio) for seed, ratio, name in cases
        ]
        for (seed, ratio, name), reference, texture in zip(
            cases,
            references,
            make_textures(recipe, references, [seed for seed, _, _ in cases]),
            strict=True,
        ):
            reference_regularity, regularity = (
                measure_periodicity(wave, field / ratio) for wave in (reference, texture)
            )
            rows.append(
                {
                    "seed": seed,
                    "field_ms": round(1000 * field),
                    "ratio": ratio,
                    "sound": name,
                    "own": reference_regularity,
                    "kept": regularity / reference_regularity,
                }
            )
    return {"rows": rows}


def judge(numbers: Numbers) -> Verdict:
    """Judges where the knees lie.

    Rule: supports if the knee of every receptive field lies, by its whole interval, between half
    and twice the period; contradicts if one lies, by its whole interval, outside.
    """
    knees = {
        f"{field} ms": _find_knee(numbers["rows"], field)
        for field in distinct_values(numbers["rows"], "field_ms")
    }
    inside = [0.5 < knee.low and knee.high < 2 for knee in knees.values()]
    outside = [knee.high <= 0.5 or knee.low >= 2 for knee in knees.values()]
    knees_text = ", ".join(f"{knee} of the period at {name}" for name, knee in knees.items())
    return Verdict(
        decide_verdict(supports=all(inside), contradicts=any(outside)),
        f"Regularity is half kept at a receptive field of {knees_text}.",
        knees,
    )


def draw(numbers: Numbers) -> Figure:
    """Draws regularity kept against receptive field over period, for each kind of sound."""
    rows = numbers["rows"]
    figure, panels = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained", sharey=True)
    for axis, name in zip(panels, ("clock", "crickets"), strict=True):
        for field in distinct_values(rows, "field_ms"):
            plot_curve(
                axis,
                rows,
                "ratio",
                "kept",
                label=f"receptive field {field} ms",
                field_ms=field,
                sound=name,
            )
        axis.axvline(
            1, color="black", linestyle="--", linewidth=1, label="theory: the field spans a period"
        )
        axis.axhline(0.5, color="black", linestyle=":", linewidth=1)
        set_octave_ticks(axis, RATIOS)
        axis.set(xlabel="receptive field / period", title=f"textures of {name}")
    panels[0].set_ylabel("regularity kept (1: as the reference)")
    panels[1].legend(fontsize="small")
    return figure


def _make_sound(name: str, seed: int, seconds: float, period: float) -> np.ndarray:
    if name == "clock":
        # Even at the fastest rate a tick ends before the next.
        return make_procedural(
            sounds.clock, seed, seconds, ticks_per_second=1 / period, decay_s=0.005
        )
    return make_procedural(
        sounds.crickets,
        seed,
        seconds,
        insects=1,
        chirps_per_second=1 / period,
        pulses=1,
        pulses_per_second=30.0,
    )


def measure_periodicity(wave: np.ndarray, period: float) -> float:
    """Returns the highest normalised autocorrelation of onset strength near a period, at least 0.

    Args:
      wave: [N] at RATE.
      period: in s; lags within a tenth of it count.
    """
    hop, bands = 0.004, 24
    view = metrics.log_mel(wave, sample_rate=RATE, frame=0.032, hop=hop, bands=bands)
    rises = np.mean(np.maximum(view[4:] - view[:-4], 0), axis=1)
    rises = (rises - np.mean(rises)) / np.std(rises)
    last = int(np.ceil(1.1 * period / hop))
    correlation = np.asarray(statistics.autocorrelation(rises.astype(np.float32), last))
    return float(max(np.max(correlation[int(0.9 * period / hop) - 1 :]), 0.0))


def _find_knee(rows: list[dict[str, Any]], field: int) -> Interval:
    """Returns the ratio of field to period from which on half of the regularity is kept.

    A knee beyond RATIOS is set to the nearest of its ends.
    """
    by_ratio = np.array([seed_means(rows, "kept", field_ms=field, ratio=ratio) for ratio in RATIOS])
    knees = []
    for kept in by_ratio.T:
        below = np.flatnonzero(kept < 0.5)
        last = below[-1] if len(below) else -1
        if last in (-1, len(kept) - 1):
            knees.append(np.log2(RATIOS[max(last, 0)]))
        else:
            share = (0.5 - kept[last]) / (kept[last + 1] - kept[last])
            knees.append(np.log2(RATIOS[last]) + share * np.log2(RATIOS[last + 1] / RATIOS[last]))
    return Interval(*np.exp2(mean_interval(knees)).tolist())
