"""Claim 2: textures by 1-D and by 2-D networks, and how those of each kind fail."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import scipy.fft

from audio_texture import metrics, sounds
from audio_texture.config import Recipe
from audio_texture.insights.experiment import (
    RATE,
    Numbers,
    Settings,
    Verdict,
    bars,
    decided,
    interval,
    likeness,
    per_seed,
    procedural,
    recorded,
    textures,
)
from audio_texture.views import View

PITCH, _HARMONICS, _WIDTH = 350.0, 10, 11
# Name -> kind, and how many times as many filters as the 2-D network: a 2-D filter stands at every bin, with the rows of its kernel, a 1-D
# filter covers all bins at once, so that kernels' rows times as many take as many multiplications.
NETWORKS = {
    "1-D, as many multiplications": ("1d-frequency", _WIDTH),
    "1-D, as many filters": ("1d-frequency", 1),
    "2-D": ("2d", 1),
}


def measure(settings: Settings) -> Numbers:
    """Textures by the Gram of one layer of random filters, which slide over frames or over frames and bins.

    Claim: 2-D kernels suit images better than spectrograms; 1-D kernels over frames give results nearer to what is heard as the texture.

    Source: Huzaifah & Wyse 2019, abstract.

    Method: The authors' road (log spectrogram, uniform start, kernels of 11, SPSI and Griffin-Lim), with as many evaluations for all, and for 1-D kernels
    as many filters as 2-D ones, or as many multiplications, which are 11 times as many filters. Judged by likeness (mean of the four measures of metrics, as log2) and by two ways to fail: patterns copied to
    wrong frequencies, as error of third-octave levels in dB; harmonics torn apart, as the share of a note's power, between one and ten times
    its pitch, that lies within a twentieth of an octave of its harmonics, as log2 of that of the reference.
    """
    seconds, evaluations, filters = (1.2, 40, 32) if settings.quick else (2.0, 120, 64)
    references = []
    for seed in settings.seeds:
        found = {
            "notes": procedural(sounds.notes, seed, seconds, pitch_hz=PITCH),
            "rain": procedural(sounds.rain, seed, seconds),
            **recorded(settings, seed, 1, seconds),
        }
        references += [(seed, name, wave) for name, wave in found.items()]
    rows: list[dict[str, Any]] = []
    for network, (kind, factor) in NETWORKS.items():
        made = textures(
            recipe_of(kind, factor * filters, evaluations),
            [wave for _, _, wave in references],
            [seed for seed, _, _ in references],
        )
        for (seed, name, wave), texture in zip(references, made, strict=True):
            gap = (
                metrics.band_levels(texture, sample_rate=RATE)[1]
                - metrics.band_levels(wave, sample_rate=RATE)[1]
            )
            row = {
                "seed": seed,
                "sound": name,
                "network": network,
                "likeness": float(np.log2(likeness(texture, wave))),
                "spectrum_db": float(np.sqrt(np.mean(gap**2))),
            }
            rows.append(
                row
                | (
                    {"harmonic": float(np.log2(harmonic_share(texture) / harmonic_share(wave)))}
                    if name == "notes"
                    else {}
                )
            )
    return {"rows": rows}


def recipe_of(kind: str, filters: int, evaluations: int) -> Recipe:
    """The paper's road with a network of a kind; its distance relative to the target, since filters are not the authors' 4096."""
    return Recipe(
        name=f"one-layer-{kind}",
        summary="One layer of random filters on a log spectrogram.",
        canvas="spectrogram",
        views=(View(0, (_WIDTH,), 46.0, 12.0),),
        compression="fixed",
        standardised=False,
        start="uniform",
        network=kind,
        filters=filters,
        bound_weight=1e-3,
        evaluations=evaluations,
    )


def judge(numbers: Numbers) -> Verdict:
    """Rule: supports if textures by the 1-D network are nearer to their reference than those by the 2-D one, by the whole interval of the
    difference of log2 likenesses, with as many filters and with as many multiplications; contradicts if they are further away with both;
    undecided where it depends on that. The failures are reported, not judged.
    """
    rows = numbers["rows"]
    harmonic = [row for row in rows if "harmonic" in row]
    *ours, theirs = NETWORKS
    found = {}
    for measured in ("likeness", "spectrum_db", "harmonic"):
        of_measure = harmonic if measured == "harmonic" else rows
        for network in ours:
            found[f"{measured}: {network}"] = interval(
                per_seed(of_measure, measured, network=network)
                - per_seed(of_measure, measured, network=theirs)
            )
    gaps = [found[f"likeness: {network}"] for network in ours]
    parts = [
        f"{network}: log2 likeness {found[f'likeness: {network}']}, error of the spectrum {found[f'spectrum_db: {network}']} dB, log2 of the power left on a note's harmonics {found[f'harmonic: {network}']}"
        for network in ours
    ]
    sentence = f"Less than by 2-D kernels (of likeness and error, below 0 is nearer) are, with {'; with '.join(parts)}."
    return Verdict(
        decided(
            supports=all(gap.high < 0 for gap in gaps), contradicts=all(gap.low > 0 for gap in gaps)
        ),
        sentence,
        found,
    )


def draw(numbers: Numbers) -> plt.Figure:
    """Likeness and the two failures, by sound and network."""
    rows = numbers["rows"]
    figure, panels = plt.subplots(
        1, 3, figsize=(12, 4.2), layout="constrained", width_ratios=(3, 3, 1.4)
    )
    group = lambda row: "recordings" if "/" in row["sound"] else row["sound"]
    groups = list(dict.fromkeys(map(group, rows)))
    labels = {
        "likeness": "log2 likeness\n(0: the reference's halves; lower is nearer)",
        "spectrum_db": "error of third-octave levels (dB)",
    }
    titles = {
        "likeness": "how near",
        "spectrum_db": "patterns at wrong frequencies",
        "harmonic": "harmonics torn apart",
    }
    for panel, measured in zip(panels[:2], labels, strict=True):
        bars(
            panel,
            groups,
            {
                name: [
                    interval(
                        per_seed(
                            [row for row in rows if group(row) == each], measured, network=name
                        )
                    )
                    for each in groups
                ]
                for name in NETWORKS
            },
        )
        panel.set(ylabel=labels[measured], title=titles[measured])
    harmonic = [row for row in rows if "harmonic" in row]
    bars(
        panels[2],
        ["notes"],
        {name: [interval(per_seed(harmonic, "harmonic", network=name))] for name in NETWORKS},
    )
    panels[2].set(
        ylabel="log2 of the power on harmonics\n(0: as the reference)", title=titles["harmonic"]
    )
    for panel in panels:
        panel.axhline(0, color="black", linewidth=0.8)
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=3,
        fontsize="small",
    )
    return figure


def harmonic_share(wave: np.ndarray) -> float:
    """Share of the power of notes of PITCH that lies within a twentieth of an octave of one of its harmonics."""
    power = np.abs(scipy.fft.rfft(wave * np.hanning(len(wave)))) ** 2
    frequency = scipy.fft.rfftfreq(len(wave), 1 / RATE)
    inside = (frequency > 0.7 * PITCH) & (frequency < (_HARMONICS + 0.5) * PITCH)
    number = np.clip(np.round(frequency / PITCH), 1, _HARMONICS)
    on = np.abs(np.log2(np.maximum(frequency, 1.0) / (number * PITCH))) < 0.05
    return float(np.sum(power[inside & on]) / np.sum(power[inside]))
