"""Claim 4: what a texture by its Gram alone keeps of pitch, envelope, rate, rhythm."""

from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import scipy.fft
from matplotlib.figure import Figure

from audio_texture import metrics, recipes, sounds
from audio_texture.insights.experiment import ExperimentSettings, Numbers, Verdict, decide_verdict
from audio_texture.insights.intervals import (
    distinct_values,
    explained_variance,
    mean_interval,
    seed_means,
)
from audio_texture.insights.plots import plot_bars
from audio_texture.insights.references import RATE, make_procedural
from audio_texture.insights.runs import make_textures
from audio_texture.views import View

# A Gram alone: the uniform start of the authors does not depend on the reference.
RECIPE = recipes.make(
    name="gram-alone",
    summary="Gram of infinitely many filters of one and four frames, 56 ms at most, from the "
    "authors' uniform start.",
    canvas="spectrogram",
    views=(View(0, (1, 4), 32.0, 8.0),),
    compression="fixed",
    standardised=False,
    start="uniform",
    bound_weight=1e-3,
    phase_momentum=0.99,
)
# Lowest and highest value of each property; pitch and rate are drawn by their logarithms. The
# shortest period is twice the longest kernel.
RANGES = {
    "pitch": (220.0, 700.0),
    "envelope": (0.0, 12.0),
    "onset rate": (2.5, 8.0),
    "rhythm": (0.0, 1.0),
}
_LOGARITHMIC = ("pitch", "onset rate")
_PARAMETERS = {
    "pitch": "pitch_hz",
    "envelope": "tilt_db",
    "onset rate": "notes_per_second",
    "rhythm": "irregularity",
}


def measure(settings: ExperimentSettings) -> Numbers:
    """Measures known properties of notes against estimates from the notes and their textures.

    Claim: Gram-matrix style is timbre without temporal structure: a Gram carries pitch and spectral
    envelope, not rhythm.

    Source: Huzaifah & Wyse 2019, abstract.

    Method: Notes of random pitch, spectral tilt, rate and regularity are made again as textures by
    the Gram of kernels up to 56 ms alone. The four properties are estimated from notes and textures
    alike; explained variance is the share of the known property that the estimate explains (1: all,
    0: none).

    Details: The properties are drawn independently, and the start does not depend on the sound. The
    share is that of a line through the estimate, over all sounds of a seed, adjusted so that an
    unrelated estimate has 0 on average.
    """
    seconds, count, evaluations = (2.0, 12, 60) if settings.quick else (4.0, 24, 100)
    recipe = RECIPE.replace(evaluations=evaluations)
    rows: list[dict[str, Any]] = []
    estimated: list[dict[str, Any]] = []
    for seed in settings.seeds:
        truths = _draw_properties(seed, count)
        notes = [
            make_procedural(
                sounds.notes,
                1000 * seed + i,
                seconds,
                **{_PARAMETERS[name]: value for name, value in truth.items()},
            )
            for i, truth in enumerate(truths)
        ]
        waves = {
            "the notes themselves": notes,
            "their textures": make_textures(recipe, notes, [1000 * seed + i for i in range(count)]),
        }
        estimates = {
            source: [
                {name: estimate(wave) for name, estimate in ESTIMATES.items()} for wave in group
            ]
            for source, group in waves.items()
        }
        estimated += [
            {
                "seed": seed,
                "truth": truth,
                **{source: group[i] for source, group in estimates.items()},
            }
            for i, truth in enumerate(truths)
        ]
        for source, group in estimates.items():
            for name in RANGES:
                scale = np.log2 if name in _LOGARITHMIC else np.asarray
                share = explained_variance(
                    scale([truth[name] for truth in truths]), [values[name] for values in group]
                )
                rows.append({"seed": seed, "from": source, "property": name, "explained": share})
    return {"rows": rows, "sounds": estimated, "kernel_ms": 56}


def judge(numbers: Numbers) -> Verdict:
    """Judges which properties the textures carry.

    Rule: a property is carried if the textures explain, by the lower end of the interval, more than
    half of what the notes explain, and lost if they explain less, by the upper end. Supports if
    pitch and envelope are carried and rhythm is lost; contradicts if any of the three is the other
    way round. The onset rate is reported, not judged: the claim does not say what happens to it.
    """
    rows = numbers["rows"]
    intervals, outcome = {}, {}
    for name in distinct_values(rows, "property"):
        notes, texture = (
            seed_means(rows, "explained", property=name, **{"from": source})
            for source in distinct_values(rows, "from")
        )
        beyond = mean_interval(texture - notes / 2)
        intervals[name] = mean_interval(texture)
        outcome[name] = "carried" if beyond.low > 0 else "lost" if beyond.high < 0 else "between"
    claimed = {"pitch": "carried", "envelope": "carried", "rhythm": "lost"}
    opposite = {"carried": "lost", "lost": "carried"}
    verdict = decide_verdict(
        supports=all(outcome[name] == word for name, word in claimed.items()),
        contradicts=any(outcome[name] == opposite[word] for name, word in claimed.items()),
    )
    sentence = (
        "Explained of the reference by its texture: "
        + ", ".join(f"{name} {mean.mean:.2f} ({outcome[name]})" for name, mean in intervals.items())
        + "."
    )
    return Verdict(verdict, sentence, intervals)


def draw(numbers: Numbers) -> Figure:
    """Draws explained variance as bars, and estimates from textures against the truth below."""
    rows, names = numbers["rows"], list(RANGES)
    figure = plt.figure(figsize=(10, 6.6), layout="constrained")
    subfigures: Any = figure.subfigures(2, 1, height_ratios=(1.3, 1))
    top, bottom = subfigures
    axis = top.subplots()
    series = {
        f"estimated from {source}": [
            mean_interval(seed_means(rows, "explained", property=name, **{"from": source}))
            for name in names
        ]
        for source in distinct_values(rows, "from")
    }
    plot_bars(axis, ["pitch", "spectral envelope", "onset rate", "rhythm (regularity)"], series)
    axis.axhline(0, color="black", linewidth=0.8)
    axis.set(
        ylabel="explained variance",
        ylim=(-0.25, 1.05),
        title="What a Gram of short kernels carries from notes to their texture",
    )
    axis.legend(fontsize="small", loc="lower left")
    labels = {
        "pitch": "Hz",
        "envelope": "dB an octave",
        "onset rate": "notes a second",
        "rhythm": "std of gaps / mean",
    }
    for axis, name in zip(bottom.subplots(1, 4), names, strict=True):
        truth = [sound["truth"][name] for sound in numbers["sounds"]]
        estimate = [sound["their textures"][name] for sound in numbers["sounds"]]
        axis.scatter(truth, np.exp2(estimate) if name in _LOGARITHMIC else estimate, s=8, alpha=0.6)
        axis.set_title(name, fontsize="medium")
        axis.set_xlabel(f"known ({labels[name]})", fontsize="small")
        axis.tick_params(labelsize="small")
    bottom.supylabel("estimated from the texture", fontsize="small")
    return figure


def _draw_properties(seed: int, count: int) -> list[dict[str, float]]:
    """Returns the properties of `count` sounds, a Latin hypercube.

    Each property is spread evenly over its range, in an order of its own.
    """
    rng = np.random.default_rng(seed)
    columns = {}
    for name, (low, high) in RANGES.items():
        share = (rng.permutation(count) + rng.uniform(size=count)) / count
        columns[name] = (
            low * (high / low) ** share if name in _LOGARITHMIC else low + (high - low) * share
        )
    return [{name: float(column[i]) for name, column in columns.items()} for i in range(count)]


def estimate_pitch(wave: np.ndarray) -> float:
    """Returns the pitch of a whole sound in octaves over 1 Hz.

    It is the shortest lag whose autocorrelation is within a tenth of the highest between 150 and
    1000 Hz.
    """
    upsampling = 8
    power = np.abs(np.asarray(scipy.fft.rfft(wave, 2 * len(wave)))) ** 2
    correlation = np.asarray(scipy.fft.irfft(power, 2 * upsampling * len(wave)))
    lags = np.arange(upsampling * RATE // 1000, upsampling * RATE // 150)
    values = correlation[lags]
    is_peak = (values >= correlation[lags - 1]) & (values >= correlation[lags + 1])
    peaks = lags[is_peak]
    peaks = peaks if len(peaks) else lags
    heights = correlation[peaks]
    return float(np.log2(upsampling * RATE / peaks[np.argmax(heights >= 0.9 * np.max(heights))]))


def estimate_tilt(wave: np.ndarray) -> float:
    """Returns the fall of the long-term spectrum in dB an octave.

    It is fitted by least squares over third octaves between 400 Hz and 3.2 kHz.
    """
    centres, levels = metrics.band_levels(wave, sample_rate=RATE)
    inside = (centres >= 400) & (centres <= 3200)
    return float(-np.polyfit(np.log2(centres[inside]), levels[inside], 1)[0])


def estimate_onset_rate(wave: np.ndarray) -> float:
    """Returns the log2 of the number of onsets in a second."""
    return float(np.log2((len(_onset_times(wave)) + 0.5) / (len(wave) / RATE)))


def estimate_irregularity(wave: np.ndarray) -> float:
    """Returns the std of the gaps between onsets over their mean.

    It is 1, the value of a Poisson process, where there are too few onsets.
    """
    gaps = np.diff(_onset_times(wave))
    return float(np.std(gaps) / np.mean(gaps)) if len(gaps) > 1 else 1.0


def _onset_times(wave: np.ndarray) -> np.ndarray:
    """Returns the times of the onsets in s.

    All notes have onsets of the same height; those below four tenths of the highest are noise.
    """
    times, heights = metrics.detect_onsets(wave, sample_rate=RATE)
    return times[heights > 0.4 * np.max(heights, initial=0.0)]


ESTIMATES: dict[str, Callable[[np.ndarray], float]] = {
    "pitch": estimate_pitch,
    "envelope": estimate_tilt,
    "onset rate": estimate_onset_rate,
    "rhythm": estimate_irregularity,
}
