"""Claim 3, second half: which of pitch, envelope, rate and rhythm a texture made by its Gram alone has of its reference."""

from collections.abc import Callable
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
    distinct,
    explained_variance,
    interval,
    per_seed,
    procedural,
    textures,
)
from audio_texture.views import View

# A Gram and nothing else: the canvas starts as the authors' does, which knows nothing of the reference.
RECIPE = Recipe(
    name="gram-alone",
    summary="Gram of infinitely many filters of one and four frames, 56 ms at most, from the authors' uniform start.",
    canvas="spectrogram",
    views=(View(0, (1, 4), 32.0, 8.0),),
    compression="fixed",
    standardised=False,
    start="uniform",
    bound_weight=1e-3,
    phase_momentum=0.99,
)
# From and to; pitch and rate are drawn by their logarithms. The shortest period is twice the longest kernel.
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


def measure(settings: Settings) -> Numbers:
    """Known properties of notes, against estimates of them from the notes and from textures of the notes.

    Claim: Gram-matrix style is timbre without temporal structure: a Gram carries pitch and spectral envelope, not rhythm.

    Source: Huzaifah & Wyse 2019, abstract.

    Method: Notes whose pitch, spectral tilt, rate and regularity are drawn independently of each other. A texture of each is made by
    the Gram of kernels up to 56 ms alone, from a start that knows nothing of them, and the four properties are estimated from
    notes and textures alike. Explained variance: how much of the known property a line through the estimate explains over all
    sounds of a seed, adjusted so that an estimate that has nothing to do with it has 0 on average.
    """
    seconds, count, evaluations = (2.0, 12, 60) if settings.quick else (4.0, 24, 100)
    recipe = RECIPE.replace(evaluations=evaluations)
    rows: list[dict[str, Any]] = []
    sounds_found: list[dict[str, Any]] = []
    for seed in settings.seeds:
        truths = _grid(seed, count)
        notes = [
            procedural(
                sounds.notes,
                1000 * seed + i,
                seconds,
                **{_PARAMETERS[name]: value for name, value in truth.items()},
            )
            for i, truth in enumerate(truths)
        ]
        found = {
            "the notes themselves": notes,
            "their textures": textures(recipe, notes, [1000 * seed + i for i in range(count)]),
        }
        estimates = {
            what: [{name: estimate(wave) for name, estimate in ESTIMATES.items()} for wave in waves]
            for what, waves in found.items()
        }
        sounds_found += [
            {"seed": seed, "truth": truth, **{what: each[i] for what, each in estimates.items()}}
            for i, truth in enumerate(truths)
        ]
        for what, each in estimates.items():
            for name in RANGES:
                scale = np.log2 if name in _LOGARITHMIC else np.asarray
                share = explained_variance(
                    scale([truth[name] for truth in truths]), [one[name] for one in each]
                )
                rows.append({"seed": seed, "from": what, "property": name, "explained": share})
    return {"rows": rows, "sounds": sounds_found, "kernel_ms": 56}


def judge(numbers: Numbers) -> Verdict:
    """Rule: a property is carried if the lower end of what textures explain of it is above half of what the notes themselves do, and lost
    if the upper end is below. Supports if pitch and envelope are carried and rhythm is lost; contradicts if any of the three is
    the other way round. The onset rate is reported, not judged: the claim does not say on which side it is.
    """
    rows = numbers["rows"]
    intervals, state = {}, {}
    for name in distinct(rows, "property"):
        itself, texture = (
            per_seed(rows, "explained", property=name, **{"from": what})
            for what in distinct(rows, "from")
        )
        beyond = interval(texture - itself / 2)
        intervals[name] = interval(texture)
        state[name] = "carried" if beyond.low > 0 else "lost" if beyond.high < 0 else "between"
    wanted = {"pitch": "carried", "envelope": "carried", "rhythm": "lost"}
    opposite = {"carried": "lost", "lost": "carried"}
    word = decided(
        supports=all(state[name] == each for name, each in wanted.items()),
        contradicts=any(state[name] == opposite[each] for name, each in wanted.items()),
    )
    sentence = (
        "Explained of the reference by its texture: "
        + ", ".join(f"{name} {found.mean:.2f} ({state[name]})" for name, found in intervals.items())
        + "."
    )
    return Verdict(word, sentence, intervals)


def draw(numbers: Numbers) -> plt.Figure:
    """Explained variance as bars; and beneath, each property estimated from the texture against the truth."""
    rows, names = numbers["rows"], list(RANGES)
    figure = plt.figure(figsize=(10, 6.6), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=(1.3, 1))
    axis = top.subplots()
    series = {
        f"estimated from {what}": [
            interval(per_seed(rows, "explained", property=name, **{"from": what})) for name in names
        ]
        for what in distinct(rows, "from")
    }
    bars(axis, ["pitch", "spectral envelope", "onset rate", "rhythm (regularity)"], series)
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
        "rhythm": "deviation of gaps / mean",
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


def _grid(seed: int, count: int) -> list[dict[str, float]]:
    """So many sounds' properties: each spread evenly over its range, in an order of its own (a Latin hypercube)."""
    rng = np.random.default_rng(seed)
    columns = {}
    for name, (low, high) in RANGES.items():
        share = (rng.permutation(count) + rng.uniform(size=count)) / count
        columns[name] = (
            low * (high / low) ** share if name in _LOGARITHMIC else low + (high - low) * share
        )
    return [{name: float(column[i]) for name, column in columns.items()} for i in range(count)]


def pitch(wave: np.ndarray) -> float:
    """Octaves over 1 Hz, of the whole sound: the shortest lag whose autocorrelation is within a tenth of the highest between 150 and 1000 Hz."""
    finer = 8
    power = np.abs(scipy.fft.rfft(wave, 2 * len(wave))) ** 2
    own = scipy.fft.irfft(power, 2 * finer * len(wave))
    lags = np.arange(finer * RATE // 1000, finer * RATE // 150)
    peaks = lags[(own[lags] >= own[lags - 1]) & (own[lags] >= own[lags + 1])]
    peaks = peaks if len(peaks) else lags
    return float(np.log2(finer * RATE / peaks[np.argmax(own[peaks] >= 0.9 * np.max(own[peaks]))]))


def envelope(wave: np.ndarray) -> float:
    """Fall of the long-term spectrum between 400 Hz and 3.2 kHz, in dB an octave, by least squares over third octaves."""
    centres, levels = metrics.band_levels(wave, sample_rate=RATE)
    inside = (centres >= 400) & (centres <= 3200)
    return float(-np.polyfit(np.log2(centres[inside]), levels[inside], 1)[0])


def onset_rate(wave: np.ndarray) -> float:
    """log2 of onsets a second."""
    return float(np.log2((len(_onsets(wave)) + 0.5) / (len(wave) / RATE)))


def regularity(wave: np.ndarray) -> float:
    """Standard deviation of the gaps between onsets over their mean; 1, as of a Poisson process, where there are too few."""
    gaps = np.diff(_onsets(wave))
    return float(np.std(gaps) / np.mean(gaps)) if len(gaps) > 1 else 1.0


def _onsets(wave: np.ndarray) -> np.ndarray:
    """Moments of the onsets in s; those of notes are alike, what is lower than four tenths of the highest is the noise between them."""
    times, heights = metrics.detect_onsets(wave, sample_rate=RATE)
    return times[heights > 0.4 * np.max(heights, initial=0.0)]


ESTIMATES: dict[str, Callable[[np.ndarray], float]] = {
    "pitch": pitch,
    "envelope": envelope,
    "onset rate": onset_rate,
    "rhythm": regularity,
}
