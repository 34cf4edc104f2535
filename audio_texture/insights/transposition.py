"""Claim 7: what a transposition is on a linear and on a constant-Q axis, to networks that slide along frequency and to one that does not."""

from typing import Any

import jax
import matplotlib.pyplot as plt
import numpy as np

from audio_texture import sounds
from audio_texture.insights.experiment import (
    Numbers,
    Settings,
    Verdict,
    bars,
    decided,
    distance_of,
    distinct,
    interval,
    on_scale,
    per_seed,
    procedural,
    random_gram,
)
from audio_texture.layer import Layer

KINDS = {"2d": "2-D", "1d-time": "1-D over bins", "1d-frequency": "1-D over frames"}
SLIDING = ("2d", "1d-time")
AXES = {"linear": "linear (STFT bins)", "log": "the authors' log map", "cqt": "constant Q"}
_PITCH, _SEMITONES, _FRAMES = 220.0, (3, 7, 12), 11


def measure(settings: Settings) -> Numbers:
    """Gram distances between notes and the same notes transposed, on three axes of frequency.

    Claim: Constant-Q scaling helps networks whose kernels slide along frequency: there a transposition is a shift, which their Gram does not see.

    Source: Huzaifah & Wyse 2019, abstract (constant-Q scaling); that kernels of "2d" and "time" slide along frequency, the authors' code.

    Method: Notes of six harmonics and the same notes, at the same moments, 3, 7 and 12 semitones higher. Their Gram distance by a layer of
    random filters of 11 frames, of 11 rows (the paper's) and of 48, which span several harmonics, is divided by that between the notes
    and the same kind of notes at other moments: 1 is as far apart as two takes. New filters and other moments for every seed.
    """
    seconds, filters, heights = (
        (1.0, 16, (11, 48)) if settings.quick else (1.5, 32, (5, 11, 24, 48))
    )
    cases = [(kind, height) for kind in SLIDING for height in heights] + [("1d-frequency", _FRAMES)]
    layers = {
        "2d": lambda rows: Layer(_FRAMES, filters=filters, bins=rows),
        "1d-time": lambda rows: Layer(rows, filters=filters),
        "1d-frequency": lambda _: Layer(_FRAMES, filters=filters),
    }
    distances = {
        (kind, height): distance_of(
            lambda key, kind=kind, height=height: random_gram(kind, layers[kind](height), key)
        )
        for kind, height in cases
    }
    rows: list[dict[str, Any]] = []
    for seed in settings.seeds:
        note = lambda semitones, take=0: procedural(
            sounds.notes,
            2 * seed + take,
            seconds,
            pitch_hz=_PITCH * 2 ** (semitones / 12),
            tilt_db=3.0,
            irregularity=0.5,
            harmonics=6,
            decay_s=0.1,
        )
        for scale in AXES:
            seen = {semitones: on_scale(note(semitones), scale) for semitones in (0, *_SEMITONES)}
            other_take = on_scale(note(0, take=1), scale)
            for (kind, height), distance in distances.items():
                key = jax.random.key(seed)
                unit = float(distance(key, seen[0], other_take))
                for n in _SEMITONES:
                    rows.append(
                        {
                            "seed": seed,
                            "scale": scale,
                            "network": kind,
                            "height": height,
                            "semitones": n,
                            "distance": float(np.log2(distance(key, seen[0], seen[n]) / unit)),
                        }
                    )
    return {"rows": rows}


def judge(numbers: Numbers) -> Verdict:
    """Rule: supports if the distance is smaller on the constant-Q axis than on the linear one for both networks that slide along frequency, at
    every height of their kernels, by the whole interval of the difference of logarithms over all transpositions; contradicts if it is
    larger at every height of either; undecided where it depends on the height.
    """
    rows = numbers["rows"]
    gains = {}
    for kind in KINDS:
        for height in distinct([row for row in rows if row["network"] == kind], "height"):
            linear, logarithmic = (
                per_seed(rows, "distance", network=kind, height=height, scale=scale)
                for scale in ("linear", "cqt")
            )
            gains[kind, height] = interval(logarithmic - linear)
    of_kind = {
        kind: [gain for (each, _), gain in gains.items() if each == kind] for kind in SLIDING
    }
    word = decided(
        supports=all(gain.high < 0 for found in of_kind.values() for gain in found),
        contradicts=any(all(gain.low > 0 for gain in found) for found in of_kind.values()),
    )
    parts = [
        f"{found} ({KINDS[kind]}{f', {height} rows' if kind in SLIDING else ''})"
        for (kind, height), found in gains.items()
    ]
    sentence = f"A transposition's distance on the constant-Q axis, over that on the linear one, is 2 to the power {'; '.join(parts)}."
    return Verdict(
        word, sentence, {f"{kind}, {height}": found for (kind, height), found in gains.items()}
    )


def draw(numbers: Numbers) -> plt.Figure:
    """Distance of a transposition by height of the kernels, a panel a network."""
    rows = numbers["rows"]
    heights = {
        kind: distinct([row for row in rows if row["network"] == kind], "height") for kind in KINDS
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
                interval(per_seed(rows, "distance", network=kind, scale=scale, height=height))
                for height in heights[kind]
            ]
            for scale, name in AXES.items()
        }
        bars(
            panel,
            [f"{height} rows" if kind in SLIDING else "all rows" for height in heights[kind]],
            series,
        )
        panel.axhline(0, color="black", linewidth=0.8)
        panel.set(title=KINDS[kind], xlabel="height of the kernels")
    panels[0].set_ylabel("log2 of a transposition's Gram distance\n(0: as far as another take)")
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=3,
        fontsize="small",
    )
    return figure
