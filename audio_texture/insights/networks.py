"""Claim 2: textures by 1-D and by 2-D networks, and how they fail."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import scipy.fft
from matplotlib.figure import Figure

from audio_texture import metrics, recipes, sounds
from audio_texture.config import Recipe
from audio_texture.insights.experiment import (
    ExperimentSettings,
    Numbers,
    Verdict,
    decide_verdict,
    describe_factor,
)
from audio_texture.insights.intervals import mean_interval, seed_means
from audio_texture.insights.plots import plot_bars, set_factor_ticks
from audio_texture.insights.references import RATE, make_procedural, read_recordings
from audio_texture.insights.runs import make_textures, score_likeness
from audio_texture.views import View

PITCH, _HARMONICS, _KERNEL = 350.0, 10, 11
# Name -> kind, and filters as a multiple of the 2-D network's. A 2-D filter is applied at every bin
# with all rows of its kernel, a 1-D filter covers all bins at once: with as many times the filters
# as a kernel has rows, both take the same number of multiplications.
NETWORKS = {
    "1-D, as many multiplications": ("1d-frequency", _KERNEL),
    "1-D, as many filters": ("1d-frequency", 1),
    "2-D": ("2d", 1),
}


def measure(settings: ExperimentSettings) -> Numbers:
    """Measures textures by the Gram of one layer of random filters of three kinds.

    Claim: 2-D kernels suit images better than spectrograms; 1-D kernels over frames give results
    nearer to what is heard as the texture.

    Source: Huzaifah & Wyse 2019, abstract.

    Method: Textures are made in the authors' way by one layer of 2-D random filters and by 1-D
    ones, which are as many, or take as many multiplications. They are judged by likeness to their
    reference, by the error of their spectrum, and by how much of a note's power stays on its
    harmonics.

    Details: The authors' way is a log spectrogram, a uniform start, kernels of 11, SPSI and
    Griffin-Lim; the number of evaluations is the same. As many multiplications are 11 times as many
    filters. Likeness is the log2 of the mean of the four likeness measures. Patterns copied to
    wrong frequencies show as error of third-octave levels in dB; harmonics torn apart as the share
    of a note's power, between one and ten times its pitch, that lies within a twentieth of an
    octave of its harmonics, as log2 of that of the reference.
    """
    seconds, evaluations, filters = (1.2, 40, 32) if settings.quick else (2.0, 120, 64)
    references = []
    for seed in settings.seeds:
        waves = {
            "notes": make_procedural(sounds.notes, seed, seconds, pitch_hz=PITCH),
            "rain": make_procedural(sounds.rain, seed, seconds),
            **read_recordings(settings, seed, 1, seconds),
        }
        references += [(seed, name, wave) for name, wave in waves.items()]
    rows: list[dict[str, Any]] = []
    for network, (kind, factor) in NETWORKS.items():
        made = make_textures(
            make_recipe(kind, factor * filters, evaluations),
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
                "likeness": float(np.log2(score_likeness(texture, wave))),
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


def make_recipe(kind: str, filters: int, evaluations: int) -> Recipe:
    """Returns the recipe of the authors' method with one layer of a kind of network.

    The distance is relative to the target, since the filters are not the authors' 4096.
    """
    return recipes.make(
        name=f"one-layer-{kind}",
        summary="One layer of random filters on a log spectrogram.",
        canvas="spectrogram",
        views=(View(0, (_KERNEL,), 46.0, 12.0),),
        compression="fixed",
        standardised=False,
        start="uniform",
        network=kind,
        filters=filters,
        bound_weight=1e-3,
        evaluations=evaluations,
    )


def judge(numbers: Numbers) -> Verdict:
    """Judges whether textures by 1-D networks are nearer to their references.

    Rule: supports if textures by the 1-D network are nearer to their reference than those by the
    2-D one, by the whole interval of the difference of log2 likenesses, with as many filters and
    with as many multiplications; contradicts if they are further away with both; undecided where it
    depends on that. The failures are reported, not judged.
    """
    rows = numbers["rows"]
    harmonic = [row for row in rows if "harmonic" in row]
    *one_dimensional, two_dimensional = NETWORKS
    gaps = {}
    for measured in ("likeness", "spectrum_db", "harmonic"):
        measured_rows = harmonic if measured == "harmonic" else rows
        for network in one_dimensional:
            gaps[f"{measured}: {network}"] = mean_interval(
                seed_means(measured_rows, measured, network=network)
                - seed_means(measured_rows, measured, network=two_dimensional)
            )
    nearer = [gaps[f"likeness: {network}"] for network in one_dimensional]
    parts = [
        f"with {network.removeprefix('1-D, ')}, "
        f"{describe_factor(gaps[f'likeness: {network}'], 2, 'as far from the reference')} "
        f"(error of the spectrum minus theirs {gaps[f'spectrum_db: {network}']} dB; "
        f"{describe_factor(gaps[f'harmonic: {network}'], 2, 'their power on harmonics')})"
        for network in one_dimensional
    ]
    sentence = (
        f"Compared with textures by 2-D kernels, those by 1-D kernels are, {'; '.join(parts)}."
    )
    verdict = decide_verdict(
        supports=all(gap.high < 0 for gap in nearer),
        contradicts=all(gap.low > 0 for gap in nearer),
    )
    bases = {name: 2 for name in gaps if not name.startswith("spectrum_db")}
    return Verdict(verdict, sentence, gaps, bases)


def draw(numbers: Numbers) -> Figure:
    """Draws likeness and the two failures, by sound and network."""
    rows = numbers["rows"]
    figure, panels = plt.subplots(
        1, 3, figsize=(12, 4.2), layout="constrained", width_ratios=(3, 3, 1.4)
    )

    def group_of(row):
        return "recordings" if "/" in row["sound"] else row["sound"]

    groups = list(dict.fromkeys(map(group_of, rows)))
    labels = {
        "likeness": "distance from the reference\n(1: its halves to each other; lower is nearer)",
        "spectrum_db": "error of third-octave levels (dB)",
    }
    titles = {
        "likeness": "how near",
        "spectrum_db": "patterns at wrong frequencies",
        "harmonic": "harmonics torn apart",
    }
    for panel, measured in zip(panels[:2], labels, strict=True):
        series = {name: [] for name in NETWORKS}
        for group in groups:
            group_rows = [row for row in rows if group_of(row) == group]
            for name, intervals in series.items():
                intervals.append(mean_interval(seed_means(group_rows, measured, network=name)))
        plot_bars(panel, groups, series)
        panel.set(ylabel=labels[measured], title=titles[measured])
    harmonic = [row for row in rows if "harmonic" in row]
    plot_bars(
        panels[2],
        ["notes"],
        {
            name: [mean_interval(seed_means(harmonic, "harmonic", network=name))]
            for name in NETWORKS
        },
    )
    panels[2].set(ylabel="power on harmonics\n(1: as the reference)", title=titles["harmonic"])
    for panel in panels:
        panel.axhline(0, color="black", linewidth=0.8)
    for panel in (panels[0], panels[2]):
        set_factor_ticks(panel, 2)
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=3,
        fontsize="small",
    )
    return figure


def harmonic_share(wave: np.ndarray) -> float:
    """Returns the share of the power of notes of PITCH that lies on their harmonics.

    Power within a twentieth of an octave of a harmonic counts.
    """
    power = np.abs(np.asarray(scipy.fft.rfft(wave * np.hanning(len(wave))))) ** 2
    frequency = scipy.fft.rfftfreq(len(wave), 1 / RATE)
    inside = (frequency > 0.7 * PITCH) & (frequency < (_HARMONICS + 0.5) * PITCH)
    number = np.clip(np.round(frequency / PITCH), 1, _HARMONICS)
    is_harmonic = np.abs(np.log2(np.maximum(frequency, 1.0) / (number * PITCH))) < 0.05
    return float(np.sum(power[inside & is_harmonic]) / np.sum(power[inside]))
