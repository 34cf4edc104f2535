"""Claim 6: how long a structure can be before a receptive field no longer holds it."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from audio_texture import metrics, sounds, statistics
from audio_texture.config import Recipe
from audio_texture.insights.experiment import (
    RATE,
    Interval,
    Numbers,
    Settings,
    Verdict,
    curve,
    decided,
    distinct,
    interval,
    octaves,
    per_seed,
    procedural,
    textures,
)
from audio_texture.views import View

WINDOW_MS, HOP_MS = 32.0, 16.0
# Receptive field over period; the theory has the knee at one, where a kernel begins to hold an event and the next one.
RATIOS = (0.35, 0.5, 0.71, 1.0, 1.41, 2.0)


def measure(settings: Settings) -> Numbers:
    """How regular textures of clocks and crickets of known period are, at several receptive fields.

    Claim: The receptive field sets the longest structure that is kept: a period is kept where a kernel spans it.

    Source: Huzaifah & Wyse 2019, abstract (parametric control of receptive fields); Antognini, Hoffman & Weiss 2019.

    Method: Textures of clocks and of a cricket, by kernels of infinitely many filters over 24 mel bands, whose receptive field is from a
    third to twice the period. Regularity is the highest normalised autocorrelation of the onset strength within a tenth of the
    period, as a share of the reference's own. The knee is the field over period from which on it is above half.
    """
    seconds, evaluations, widths = (3.0, 60, (6, 12)) if settings.quick else (5.0, 100, (6, 12, 24))
    rows: list[dict[str, Any]] = []
    for width in widths:
        field = (WINDOW_MS + (width - 1) * HOP_MS) / 1000
        recipe = Recipe(
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
        references = [_sound(name, seed, seconds, field / ratio) for seed, ratio, name in cases]
        for (seed, ratio, name), reference, texture in zip(
            cases,
            references,
            textures(recipe, references, [seed for seed, _, _ in cases]),
            strict=True,
        ):
            own, found = (regularity(wave, field / ratio) for wave in (reference, texture))
            rows.append(
                {
                    "seed": seed,
                    "field_ms": round(1000 * field),
                    "ratio": ratio,
                    "sound": name,
                    "own": own,
                    "kept": found / own,
                }
            )
    return {"rows": rows}


def judge(numbers: Numbers) -> Verdict:
    """Rule: supports if the knee of every receptive field lies, by its whole interval, between half and twice the period; contradicts if
    one lies, by its whole interval, outside.
    """
    knees = {
        f"{field} ms": _knee(numbers["rows"], field)
        for field in distinct(numbers["rows"], "field_ms")
    }
    inside = [0.5 < knee.low and knee.high < 2 for knee in knees.values()]
    outside = [knee.high <= 0.5 or knee.low >= 2 for knee in knees.values()]
    found = ", ".join(f"{knee} of the period at {name}" for name, knee in knees.items())
    return Verdict(
        decided(supports=all(inside), contradicts=any(outside)),
        f"Regularity is half kept at a receptive field of {found}.",
        knees,
    )


def draw(numbers: Numbers) -> plt.Figure:
    """Regularity kept against receptive field over period, a panel a kind of sound."""
    rows = numbers["rows"]
    figure, panels = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained", sharey=True)
    for axis, name in zip(panels, ("clock", "crickets"), strict=True):
        for field in distinct(rows, "field_ms"):
            curve(
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
        octaves(axis, RATIOS)
        axis.set(xlabel="receptive field / period", title=f"textures of {name}")
    panels[0].set_ylabel("regularity kept (1: as the reference)")
    panels[1].legend(fontsize="small")
    return figure


def _sound(name: str, seed: int, seconds: float, period: float) -> np.ndarray:
    if name == "clock":
        # Ticks that have died before the next one, at the fastest too.
        return procedural(sounds.clock, seed, seconds, ticks_per_second=1 / period, decay_s=0.005)
    return procedural(
        sounds.crickets,
        seed,
        seconds,
        insects=1,
        chirps_per_second=1 / period,
        pulses=1,
        pulses_per_second=30.0,
    )


def regularity(wave: np.ndarray, period: float) -> float:
    """Highest normalised autocorrelation of the onset strength within a tenth of a period in s, at least 0."""
    hop, bands = 0.004, 24
    view = metrics.log_mel(wave, sample_rate=RATE, frame=0.032, hop=hop, bands=bands)
    rises = np.mean(np.maximum(view[4:] - view[:-4], 0), axis=1)
    rises = (rises - np.mean(rises)) / np.std(rises)
    last = int(np.ceil(1.1 * period / hop))
    own = np.asarray(statistics.autocorrelation(rises.astype(np.float32), last))
    return float(max(np.max(own[int(0.9 * period / hop) - 1 :]), 0.0))


def _knee(rows: list[dict[str, Any]], field: int) -> Interval:
    """Field over period from which on half of the regularity is kept; beyond the ends of the range, its end."""
    by_ratio = np.array([per_seed(rows, "kept", field_ms=field, ratio=ratio) for ratio in RATIOS])
    knees = []
    for kept in by_ratio.T:
        below = np.flatnonzero(kept < 0.5)
        last = below[-1] if len(below) else -1
        if last in (-1, len(kept) - 1):
            knees.append(np.log2(RATIOS[max(last, 0)]))
        else:
            share = (0.5 - kept[last]) / (kept[last + 1] - kept[last])
            knees.append(np.log2(RATIOS[last]) + share * np.log2(RATIOS[last + 1] / RATIOS[last]))
    return Interval(*np.exp2(interval(knees)).tolist())
