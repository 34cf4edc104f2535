"""Claim 9, on start and balance: what of a content survives by where a transfer starts and by its content term."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from audio_texture import recipes, sounds
from audio_texture.insights.experiment import (
    Numbers,
    Settings,
    Verdict,
    decided,
    distinct,
    interval,
    kept,
    likeness,
    octaves,
    per_seed,
    procedural,
    recorded,
    transfers,
)

STARTS = {"the content": 1.0, "noise": 0.0}
NONE, EVEN = 0.0, 1.0
_DRAWN_AS_NONE = 0.01


def measure(settings: Settings) -> Numbers:
    """Transfers from the content and from noise, under content terms of several weights.

    Claim: The start, not the content term, carries the content of a transfer.

    Source: The authors' stored run, where the content term ends at 0.3 % of the loss (public notebooks of Audio_NeuralStyle); Grinstein et al. 2018,
    who leave it out.

    Method: Irregular notes, and a recording where there are any, in the style of rain, by the networks of the recipe transfer at 8 kHz: started from the content or from
    noise of the style's spectrum, with the content term's weight from nothing to ten times the balanced one. Kept of the content is the mean
    correlation of onset strength and of loudness with the content's, moment by moment; likeness to the style, as log2, is reported beside it.
    """
    seconds, evaluations, weights = (
        (1.2, 30, (NONE, EVEN, 10.0)) if settings.quick else (3.0, 100, (NONE, 0.1, EVEN, 10.0))
    )
    recipe = recipes.named("transfer").replace(
        auditory_weight=0.0, rhythm_weight=0.0, evaluations=evaluations
    )
    rows: list[dict[str, Any]] = []
    for seed in settings.seeds:
        style = procedural(sounds.rain, seed, seconds)
        contents = {
            "notes": procedural(sounds.notes, seed, seconds, irregularity=0.7),
            **recorded(settings, seed, 1, seconds),
        }
        for name, content in contents.items():
            for start, share in STARTS.items():
                made = transfers(
                    recipe.replace(start_content=share),
                    content,
                    style,
                    seed,
                    [{"content": weight} for weight in weights],
                ).waves[:, 0]
                for weight, wave in zip(weights, made, strict=True):
                    found = {
                        "kept": kept(wave, content),
                        "likeness": float(np.log2(likeness(wave, style))),
                    }
                    rows.append(
                        {"seed": seed, "content": name, "start": start, "weight": weight, **found}
                    )
    return {"rows": rows}


def judge(numbers: Numbers) -> Verdict:
    """Rule: supports if starting from the content, without a content term, keeps more of it than the balanced content term does from noise, by the
    whole interval of the difference; contradicts if it keeps less.
    """
    rows = numbers["rows"]
    content, noise = STARTS
    found = {
        (start, weight): per_seed(rows, "kept", start=start, weight=weight)
        for start in STARTS
        for weight in (NONE, EVEN)
    }
    by_start, by_term, by_neither, by_both = (
        found[case] for case in ((content, NONE), (noise, EVEN), (noise, NONE), (content, EVEN))
    )
    gap = interval(by_start - by_term)
    intervals = {
        "start alone": interval(by_start),
        "term alone": interval(by_term),
        "neither": interval(by_neither),
        "both": interval(by_both),
        "start less term": gap,
    }
    sentence = f"Kept of the content (1: all): {', '.join(f'{found.mean:.2f} by {name}' for name, found in list(intervals.items())[:-1])}; start less term {gap}."
    return Verdict(decided(supports=gap.low > 0, contradicts=gap.high < 0), sentence, intervals)


def draw(numbers: Numbers) -> plt.Figure:
    """What is kept and how like the style the result is, against the weight of the content term."""
    rows = numbers["rows"]
    figure, panels = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
    weights = distinct(rows, "weight")
    places = [weight or _DRAWN_AS_NONE for weight in weights]
    labels = {
        "kept": "kept of the content\n(correlation of onsets and loudness; 1: all)",
        "likeness": "log2 likeness to the style\n(0: as its halves; lower is nearer)",
    }
    for panel, measured in zip(panels, labels, strict=True):
        for start in STARTS:
            found = np.array(
                [
                    interval(per_seed(rows, measured, start=start, weight=weight))
                    for weight in weights
                ]
            )
            (line,) = panel.plot(
                places, found[:, 0], marker="o", markersize=4, label=f"started from {start}"
            )
            panel.fill_between(
                places, found[:, 1], found[:, 2], color=line.get_color(), alpha=0.2, linewidth=0
            )
        octaves(panel, places)
        panel.set_xticks(places, [f"{weight:g}" if weight else "none" for weight in weights])
        panel.set(xlabel="weight of the content term (1: balanced)", ylabel=labels[measured])
        panel.legend(fontsize="small")
    return figure
