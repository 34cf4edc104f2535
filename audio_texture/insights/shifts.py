"""Claim 1: a spectrogram is no image: patterns shifted in time and in frequency."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from audio_texture import datasets, sounds, training
from audio_texture.insights.classifiers import (
    group_by_class,
    procedural_clips,
    recorded_clips,
    train_classifier,
)
from audio_texture.insights.experiment import ExperimentSettings, Numbers, Verdict, decide_verdict
from audio_texture.insights.intervals import distinct_values, mean_interval, seed_means
from audio_texture.insights.plots import plot_bars, plot_curve, set_factor_ticks
from audio_texture.insights.references import RATE, SCALES, make_procedural, scaled_spectrogram
from audio_texture.insights.runs import compile_distance, random_gram
from audio_texture.layer import Layer, NetworkConfig

SHARES = (0.0, 0.0625, 0.125, 0.25, 0.5)  # shifts, as shares of the axis
JUDGED = 0.25  # the shift by which the claim is judged
KINDS = {"1d-frequency": "1-D, over\nframes", "1d-time": "1-D, over\nbins", "2d": "2-D"}
FRONT = training.FrontEnd(sample_rate=RATE, n_fft=256, hop_length=128, bands=32, seconds=1.0)
# Kernels and pools are square and the head sees every position: the two axes are treated alike.
CLASSIFIER = NetworkConfig("2d", (Layer(5, 1, 3, 8), Layer(3, 1, 2, 16)), initialisation="uniform")


def measure(settings: ExperimentSettings) -> Numbers:
    """Measures a trained classifier and random Grams on spectrograms shifted along either axis.

    Claim: A spectrogram is not an image: moving a pattern along time leaves its meaning, moving it
    along frequency does not.

    Source: Huzaifah & Wyse 2019, abstract; Wyse 2017, Audio spectrogram representations for
    processing with CNNs.

    Method: A 2-D network that treats both axes alike learns classes of sounds from mel spectrograms
    of 1 s and is tested on clips held out, which are shifted along time or along frequency. Beside
    it, the Gram distance of a sound from itself, shifted by an eighth of an axis, is compared with
    that of different sounds, for three kinds of random networks on four scales.

    Details: The network is square in kernels and pools, with a head on every position. It learns
    six classes of procedural sounds (and the recordings' classes, where there are any). Clips are
    shifted by a share of either axis, both ways; silence comes in. Gram distances are divided by
    that of sounds of other classes.
    """
    per_class, epochs, filters = (9, 16, 16) if settings.quick else (24, 40, 128)
    training_settings = training.TrainingSettings(epochs=epochs, batch=12, learning_rate=3e-3)
    data = {"procedural": lambda seed: procedural_clips(seed, per_class, FRONT)}
    if len(group_by_class(settings.recordings)) > 1:
        data["recordings"] = lambda seed: recorded_clips(
            settings.recordings, seed, per_class, FRONT
        )
    rows: list[dict[str, Any]] = []
    for name, clips_of in data.items():
        for seed in settings.seeds:
            rows += [
                {"seed": seed, "sounds": name, **row}
                for row in _measure_accuracies(*clips_of(seed), training_settings, seed)
            ]
    return {"rows": rows, "features": _measure_features(settings.seeds, filters)}


def judge(numbers: Numbers) -> Verdict:
    """Judges whether shifts in time harm less than shifts in frequency.

    Rule: supports if clips shifted by a quarter of the axis are told apart better after a shift in
    time than after one in frequency, by the whole interval of the difference of accuracies, for
    each set of sounds; contradicts if worse for any.
    """
    rows = numbers["rows"]
    gaps, parts = {}, []
    for name in distinct_values(rows, "sounds"):
        time, frequency, unshifted = (
            seed_means(rows, "accuracy", sounds=name, axis=axis, share=share)
            for axis, share in (("time", JUDGED), ("frequency", JUDGED), ("time", 0.0))
        )
        gaps[name] = mean_interval(time - frequency)
        parts.append(
            f"{name}: {np.mean(unshifted):.2f} unshifted, {np.mean(time):.2f} in time, "
            f"{np.mean(frequency):.2f} in frequency (difference {gaps[name]})"
        )
    word = decide_verdict(
        supports=all(gap.low > 0 for gap in gaps.values()),
        contradicts=any(gap.high < 0 for gap in gaps.values()),
    )
    return Verdict(
        word, f"Accuracy on clips shifted by a quarter of the axis: {'; '.join(parts)}.", gaps
    )


def draw(numbers: Numbers) -> Figure:
    """Draws accuracy against the shift, and Gram distances by network and scale."""
    rows, features = numbers["rows"], numbers["features"]
    names = distinct_values(rows, "sounds")
    figure = plt.figure(figsize=(11, 7.2), layout="constrained")
    subfigures: Any = figure.subfigures(2, 1)
    top, bottom = subfigures
    for axis, name in zip(
        np.atleast_1d(top.subplots(1, len(names), sharey=True)), names, strict=True
    ):
        for moved in ("time", "frequency"):
            plot_curve(
                axis,
                rows,
                "share",
                "accuracy",
                label=f"shifted in {moved}",
                sounds=name,
                axis=moved,
            )
        chance = next(row["chance"] for row in rows if row["sounds"] == name)
        axis.axhline(chance, color="black", linestyle=":", linewidth=1, label="chance")
        axis.set(
            xlabel="shift (share of the axis)",
            ylabel="accuracy",
            ylim=(0, 1.02),
            title=f"a trained 2-D classifier: {name}",
        )
        axis.legend(fontsize="small")
    axis = bottom.subplots()
    cases = [(kind, scale) for kind in KINDS for scale in SCALES]
    series = {
        f"shifted in {moved}": [
            mean_interval(seed_means(features, "distance", network=kind, scale=scale, axis=moved))
            for kind, scale in cases
        ]
        for moved in ("time", "frequency")
    }
    plot_bars(axis, [f"{KINDS[kind]}\n{scale}" for kind, scale in cases], series)
    axis.axhline(0, color="black", linewidth=0.8)
    axis.tick_params(axis="x", labelsize="small")
    axis.set(
        ylabel="Gram distance\n(1: to a sound of another class)",
        title="random networks, a shift of an eighth of the axis",
    )
    set_factor_ticks(axis, 2)
    bottom.legend(loc="outside lower center", ncols=2, fontsize="small")
    return figure


def shift_axis(x: np.ndarray, share: float, axis: int) -> np.ndarray:
    """Returns x [T, F] shifted along an axis and filled up with zeros, which are silence.

    Args:
      x: [T, F].
      share: of the axis' length; negative shifts go backwards.
      axis: 0 for time, 1 for frequency.
    Example:
      >>> shift_axis(np.array([[1.0], [2.0]]), 0.5, 0).tolist()
      [[0.0], [1.0]]
    """
    offset = round(share * x.shape[axis])
    shifted = np.roll(x, offset, axis)
    silent = slice(0, offset) if offset >= 0 else slice(offset, None)
    shifted[(silent, slice(None)) if axis == 0 else (slice(None), silent)] = 0
    return shifted


def _measure_accuracies(
    clips: Sequence[datasets.Clip],
    spectrograms: dict[str, np.ndarray],
    settings: training.TrainingSettings,
    seed: int,
) -> list[dict[str, Any]]:
    """Trains a classifier on all folds but the first and returns its accuracies on the first."""
    classes = 1 + max(clip.label for clip in clips)
    trainer = training.make_trainer(CLASSIFIER, FRONT, classes, settings)
    state, _ = train_classifier(trainer, clips, spectrograms, settings, seed)
    held_out = [clip for clip in clips if clip.fold == 1]
    x = np.stack([spectrograms[clip.path] for clip in held_out]).astype(np.float32)
    labels = np.array([clip.label for clip in held_out])

    def predict(share, axis):
        shifted = np.stack([shift_axis(spectrogram, share, axis) for spectrogram in x])
        return np.argmax(trainer.predict(state, shifted), axis=1)

    rows = []
    for number, axis in enumerate(("time", "frequency")):
        for share in SHARES:
            predicted = np.stack([predict(sign * share, number) for sign in (1, -1)])
            accuracy = float(np.mean(predicted == labels[None]))
            rows.append({"axis": axis, "share": share, "accuracy": accuracy, "chance": 1 / classes})
    return rows


def _measure_features(seeds: Sequence[int], filters: int) -> list[dict[str, Any]]:
    """Returns the log2 of Gram distances between a sound and itself, shifted.

    They are relative to the distances between sounds of different classes.
    """
    distances = {
        kind: compile_distance(
            lambda key, kind=kind: random_gram(kind, Layer(11, filters=filters), key)
        )
        for kind in KINDS
    }
    rows = []
    for seed in seeds:
        waves = [
            make_procedural(sounds.SOUNDS[name], seed, 1.0) for name in ("crickets", "rain", "wind")
        ]
        for scale in SCALES:
            spectrograms = [np.asarray(scaled_spectrogram(wave, scale)) for wave in waves]
            for kind, distance in distances.items():
                for axis, value in _shift_distances(distance, seed, spectrograms).items():
                    row = {"seed": seed, "network": kind, "scale": scale, "axis": axis}
                    rows.append({**row, "distance": value})
    return rows


def _shift_distances(
    distance: Callable[..., jax.Array], seed: int, spectrograms: Sequence[np.ndarray]
) -> dict[str, float]:
    """Returns axis -> log2 of the distance of a shift over that between different sounds."""

    def measure_distance(x, y):
        return float(distance(jax.random.key(seed), jnp.asarray(x), jnp.asarray(y)))

    pairs = [(x, y) for i, x in enumerate(spectrograms) for y in spectrograms[:i]]
    unit = np.mean([measure_distance(x, y) for x, y in pairs])
    values = {}
    for number, axis in enumerate(("time", "frequency")):
        shifted = [
            measure_distance(x, shift_axis(x, sign * 0.125, number))
            for x in spectrograms
            for sign in (1, -1)
        ]
        values[axis] = float(np.log2(np.mean(shifted) / unit))
    return values
