"""Claim 1: a spectrogram is not an image: what moving a pattern along time and along frequency does to a classifier and to networks' features."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from audio_texture import sounds, training
from audio_texture.insights.experiment import (
    RATE,
    SCALES,
    Numbers,
    Settings,
    Verdict,
    bars,
    classes_of,
    curve,
    decided,
    distance_of,
    distinct,
    interval,
    learnt,
    on_scale,
    per_seed,
    procedural,
    procedural_clips,
    random_gram,
    recorded_clips,
)  # fmt: skip
from audio_texture.layer import Layer, NetworkConfig

SHARES = (0.0, 0.0625, 0.125, 0.25, 0.5)  # of the axis
JUDGED = 0.25
KINDS = {"1d-frequency": "1-D, over\nframes", "1d-time": "1-D, over\nbins", "2d": "2-D"}
FRONT = training.FrontEnd(sample_rate=RATE, n_fft=256, hop_length=128, bands=32, seconds=1.0)
# Square kernels and pools, and a head that sees every position: nothing in it tells the two axes apart.
CLASSIFIER = NetworkConfig("2d", (Layer(5, 1, 3, 8), Layer(3, 1, 2, 16)), initialisation="uniform")


def measure(settings: Settings) -> Numbers:
    """Spectrograms shifted along either axis, as a trained classifier and as the Grams of random networks see them.

    Claim: A spectrogram is not an image: moving a pattern along time leaves its meaning, moving it along frequency does not.

    Source: Huzaifah & Wyse 2019, abstract; Wyse 2017, Audio spectrogram representations for processing with CNNs.

    Method: A 2-D network, square in kernels and pools, with a head on every position, learns six classes of procedural sounds (and the
    recordings' classes, where there are any) from mel spectrograms of 1 s. Clips that it never saw are shifted by a share of either
    axis, both ways, what comes in being silence. And the Gram distance of a sound from itself, shifted by an eighth of the axis, over
    that from sounds of other classes, for three kinds of random kernels on four scales.
    """
    per_class, epochs, filters = (9, 16, 16) if settings.quick else (24, 40, 128)
    data = {"procedural": lambda seed: procedural_clips(seed, per_class, FRONT)}
    if len(classes_of(settings.recordings)) > 1:
        data["recordings"] = lambda seed: recorded_clips(
            settings.recordings, seed, per_class, FRONT
        )
    rows: list[dict[str, Any]] = []
    for name, clips_of in data.items():
        for seed in settings.seeds:
            rows += [
                {"seed": seed, "sounds": name, **row}
                for row in _accuracies(*clips_of(seed), epochs, seed)
            ]
    return {"rows": rows, "features": _features(settings.seeds, filters)}


def judge(numbers: Numbers) -> Verdict:
    """Rule: supports if clips shifted by a quarter of the axis are told apart better after a shift in time than after one in frequency, by
    the whole interval of the difference of accuracies, for each set of sounds; contradicts if worse for any.
    """
    rows = numbers["rows"]
    gaps, parts = {}, []
    for name in distinct(rows, "sounds"):
        time, frequency, still = (
            per_seed(rows, "accuracy", sounds=name, axis=axis, share=share)
            for axis, share in (("time", JUDGED), ("frequency", JUDGED), ("time", 0.0))
        )
        gaps[name] = interval(time - frequency)
        parts.append(
            f"{name}: {np.mean(still):.2f} unshifted, {np.mean(time):.2f} in time, {np.mean(frequency):.2f} in frequency (difference {gaps[name]})"
        )
    word = decided(
        supports=all(gap.low > 0 for gap in gaps.values()),
        contradicts=any(gap.high < 0 for gap in gaps.values()),
    )
    return Verdict(
        word, f"Accuracy on clips shifted by a quarter of the axis: {'; '.join(parts)}.", gaps
    )


def draw(numbers: Numbers) -> plt.Figure:
    """Accuracy against the shift, and the Grams' distances by network and scale."""
    rows, features = numbers["rows"], numbers["features"]
    names = distinct(rows, "sounds")
    figure = plt.figure(figsize=(11, 7.2), layout="constrained")
    top, bottom = figure.subfigures(2, 1)
    for axis, name in zip(
        np.atleast_1d(top.subplots(1, len(names), sharey=True)), names, strict=True
    ):
        for moved in ("time", "frequency"):
            curve(
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
            interval(per_seed(features, "distance", network=kind, scale=scale, axis=moved))
            for kind, scale in cases
        ]
        for moved in ("time", "frequency")
    }
    bars(axis, [f"{KINDS[kind]}\n{scale}" for kind, scale in cases], series)
    axis.axhline(0, color="black", linewidth=0.8)
    axis.tick_params(axis="x", labelsize="small")
    axis.set(
        ylabel="log2 of the Gram distance\n(0: a sound of another class)",
        title="random networks, a shift of an eighth of the axis",
    )
    axis.legend(fontsize="small", loc="upper right")
    return figure


def shifted(x: np.ndarray, share: float, axis: int) -> np.ndarray:
    """x [T, F] moved by a share, which may be negative, of an axis' length; zeros, which are silence, come in."""
    by = round(share * x.shape[axis])
    moved = np.roll(x, by, axis)
    into = slice(0, by) if by >= 0 else slice(by, None)
    moved[(into, slice(None)) if axis == 0 else (slice(None), into)] = 0
    return moved


def _accuracies(
    clips: Sequence[training.Clip], spectra: dict[str, np.ndarray], epochs: int, seed: int
) -> list[dict[str, Any]]:
    """A classifier of all folds but the first, judged on the first, shifted."""
    settings = training.TrainingSettings(epochs=epochs, batch=12, learning_rate=3e-3)
    classes = 1 + max(clip.label for clip in clips)
    train = training.make_trainer(CLASSIFIER, FRONT, classes, settings)
    state, _ = learnt(train, clips, spectra, settings, seed)
    held_out = [clip for clip in clips if clip.fold == 1]
    x, labels = (
        np.stack([spectra[clip.path] for clip in held_out]).astype(np.float32),
        np.array([clip.label for clip in held_out]),
    )
    rows = []
    for number, axis in enumerate(("time", "frequency")):
        for share in SHARES:
            found = [
                np.argmax(
                    train.predict(
                        state, np.stack([shifted(one, way * share, number) for one in x])
                    ),
                    axis=1,
                )
                for way in (1, -1)
            ]
            rows.append(
                {
                    "axis": axis,
                    "share": share,
                    "accuracy": float(np.mean(np.stack(found) == labels[None])),
                    "chance": 1 / classes,
                }
            )
    return rows


def _features(seeds: Sequence[int], filters: int) -> list[dict[str, Any]]:
    """log2 of the Gram distance between a sound and itself, shifted, over that between sounds of different classes."""
    distances = {
        kind: distance_of(lambda key, kind=kind: random_gram(kind, Layer(11, filters=filters), key))
        for kind in KINDS
    }
    rows = []
    for seed in seeds:
        waves = [
            procedural(sounds.SOUNDS[name], seed, 1.0) for name in ("crickets", "rain", "wind")
        ]
        for scale in SCALES:
            seen = [np.asarray(on_scale(wave, scale)) for wave in waves]
            for kind, distance in distances.items():
                between = lambda x, y: float(
                    distance(jax.random.key(seed), jnp.asarray(x), jnp.asarray(y))
                )
                unit = np.mean([between(x, y) for i, x in enumerate(seen) for y in seen[:i]])
                for number, axis in enumerate(("time", "frequency")):
                    moved = np.mean(
                        [
                            between(x, shifted(x, way * 0.125, number))
                            for x in seen
                            for way in (1, -1)
                        ]
                    )
                    rows.append(
                        {
                            "seed": seed,
                            "network": kind,
                            "scale": scale,
                            "axis": axis,
                            "distance": float(np.log2(moved / unit)),
                        }
                    )
    return rows
