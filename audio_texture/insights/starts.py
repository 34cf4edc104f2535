"""Claim 10: what keeps a content, the start or the content term."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from audio_texture import recipes, sounds
from audio_texture.insights.experiment import ExperimentSettings, Numbers, Verdict, decide_verdict
from audio_texture.insights.intervals import distinct_values, mean_interval, seed_means
from audio_texture.insights.plots import plot_intervals, set_factor_ticks, set_octave_ticks
from audio_texture.insights.references import make_procedural, read_recordings
from audio_texture.insights.runs import make_transfers, score_content, score_likeness

STARTS = {"the content": 1.0, "noise": 0.0}
# Weights of the content term.
NONE, BALANCED = 0.0, 1.0
# The position of NONE on a logarithmic axis.
_NONE_POSITION = 0.01


def measure(settings: ExperimentSettings) -> Numbers:
    """Measures transfers from the content and from noise, under content terms of several weights.

    Claim: The start, not the content term, carries the content of a transfer.

    Source: The authors' stored run, where the content term ends at 0.3 % of the loss (public
    notebooks of Audio_NeuralStyle); Grinstein et al. 2018, who leave it out.

    Method: Irregular notes, and a recording where there are any, are given the style of rain, from
    the content or from noise, under content terms of several weights. The content kept is the mean
    correlation of onset strength and of loudness with the content's over time; likeness to the
    style is reported beside it.

    Details: Transfers are by the networks of the recipe transfer at 8 kHz. Noise has the style's
    spectrum; the content term's weight goes from nothing to ten times the balanced one. Likeness is
    as log2.
    """
    seconds, evaluations, weights = (
        (1.2, 30, (NONE, BALANCED, 10.0))
        if settings.quick
        else (3.0, 100, (NONE, 0.1, BALANCED, 10.0))
    )
    recipe = recipes.named("transfer").replace(
        auditory_weight=0.0, rhythm_weight=0.0, evaluations=evaluations
    )
    rows: list[dict[str, Any]] = []
    for seed in settings.seeds:
        style = make_procedural(sounds.rain, seed, seconds)
        contents = {
            "notes": make_procedural(sounds.notes, seed, seconds, irregularity=0.7),
            **read_recordings(settings, seed, 1, seconds),
        }
        for name, content in contents.items():
            for start, share in STARTS.items():
                made = make_transfers(
                    recipe.replace(start_content=share),
                    content,
                    style,
                    seed,
                    [{"content": weight} for weight in weights],
                ).waves[:, 0]
                for weight, wave in zip(weights, made, strict=True):
                    rows.append(
                        {
                            "seed": seed,
                            "content": name,
                            "start": start,
                            "weight": weight,
                            "kept": score_content(wave, content),
                            "likeness": float(np.log2(score_likeness(wave, style))),
                        }
                    )
    return {"rows": rows}


def judge(numbers: Numbers) -> Verdict:
    """Judges the start against the content term.

    Rule: supports if starting from the content, without a content term, keeps more of it than the
    balanced content term does from noise, by the whole interval of the difference; contradicts if
    it keeps less.
    """
    rows = numbers["rows"]
    content, noise = STARTS
    kept = {
        (start, weight): seed_means(rows, "kept", start=start, weight=weight)
        for start in STARTS
        for weight in (NONE, BALANCED)
    }
    gap = mean_interval(kept[content, NONE] - kept[noise, BALANCED])
    intervals = {
        "start alone": mean_interval(kept[content, NONE]),
        "term alone": mean_interval(kept[noise, BALANCED]),
        "neither": mean_interval(kept[noise, NONE]),
        "both": mean_interval(kept[content, BALANCED]),
    }
    means = ", ".join(f"{interval.mean:.2f} by {name}" for name, interval in intervals.items())
    sentence = f"Kept of the content (1: all): {means}; start less term {gap}."
    return Verdict(
        decide_verdict(supports=gap.low > 0, contradicts=gap.high < 0),
        sentence,
        {**intervals, "start less term": gap},
    )


def draw(numbers: Numbers) -> Figure:
    """Draws content kept and likeness to the style against the weight of the content term."""
    rows = numbers["rows"]
    figure, panels = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
    weights = distinct_values(rows, "weight")
    positions = [weight or _NONE_POSITION for weight in weights]
    labels = {
        "kept": "kept of the content\n(correlation of onsets and loudness; 1: all)",
        "likeness": "distance from the style\n(1: its halves to each other; lower is nearer)",
    }
    for panel, measured in zip(panels, labels, strict=True):
        for start in STARTS:
            intervals = [
                mean_interval(seed_means(rows, measured, start=start, weight=weight))
                for weight in weights
            ]
            plot_intervals(panel, positions, intervals, f"started from {start}")
        set_octave_ticks(panel, positions)
        panel.set_xticks(positions, [f"{weight:g}" if weight else "none" for weight in weights])
        panel.set(xlabel="weight of the content term (1: balanced)", ylabel=labels[measured])
        panel.legend(fontsize="small")
    set_factor_ticks(panels[1], 2)
    return figure
