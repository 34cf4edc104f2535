"""Claim 3, first half: what the Gram's distance and the rhythm become when frames change places."""

from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from audio_texture import combinators, losses, sounds, spectrogram
from audio_texture.insights.experiment import (
    RATE,
    Numbers,
    Settings,
    Verdict,
    curve,
    decided,
    interval,
    octaves,
    per_seed,
    procedural,
    recorded,
)
from audio_texture.layer import Layer

_FFT, _HOP, _BANDS = 256, 64, 32  # 32 ms every 8 ms
WIDTHS = (3, 11)  # the second is the paper's
BLOCKS = (1, 2, 4, 8, 12, 24, 48)
JUDGED = 4 * WIDTHS[0]
_LAGS = (JUDGED, 125)  # slower than what blocks of that length keep, to 1 s
# Sounds whose rhythm is slower than four of the shorter kernels, beside noise-like ones in the recordings.
_SOUNDS = {
    "clock": (sounds.clock, {"ticks_per_second": 4.0}),
    "crickets": (sounds.crickets, {"insects": 1}),
    "notes": (sounds.notes, {}),
}


def measure(settings: Settings) -> Numbers:
    """Distances of a spectrogram whose frames changed places from the spectrogram itself.

    Claim: Gram-matrix style is timbre without temporal structure: beyond the receptive field the order of frames does not matter.

    Source: Huzaifah & Wyse 2019, abstract; that a Gram sums over positions, Gatys, Ecker & Bethge 2015, Eq. 2.

    Method: Each sound is cut in blocks of frames, which are put in random order. The Gram's distance from the original, of infinitely
    many filters, is divided by that of single frames in random order; the change of the autocorrelation of onset strength from 0.1 to 1 s
    by that autocorrelation's own size: 1 is no order left. Spectrograms of 32 ms every 8 ms; kernels of 3 and 11 frames. Where blocks
    meet, (kernel - 1) / block of all patches are broken, and the Gram's distance, a square, should be that share squared: 0.03 at four kernels.
    """
    seconds = 2.0 if settings.quick else 5.0
    distances = _distances()
    rows: list[dict[str, Any]] = []
    for seed in settings.seeds:
        found = {
            name: procedural(make, seed, seconds, **parameters)
            for name, (make, parameters) in _SOUNDS.items()
        }
        found |= recorded(settings, seed, 3, seconds)
        for name, wave in found.items():
            x = jnp.abs(spectrogram.stft(wave, n_fft=_FFT, hop_length=_HOP, center=False))
            targets = {what: fit(x) for what, (fit, _) in distances.items()}
            moved = {block: x[_shuffled(len(x), block, seed)] for block in BLOCKS}
            for what, (_, distance) in distances.items():
                values = {block: float(distance(targets[what], x)) for block, x in moved.items()}
                rows += [
                    {
                        "seed": seed,
                        "sound": name,
                        "distance": what,
                        "block": block,
                        "share": value / (1 if what == "rhythm" else values[1]),
                    }
                    for block, value in values.items()
                ]
    return {"rows": rows, "hop_ms": 1000 * _HOP / RATE}


def judge(numbers: Numbers) -> Verdict:
    """Rule: at blocks of four of the shorter kernel, supports if less than a tenth of the Gram's distance is left and more than half of
    the rhythm's, each by its whole interval; contradicts if more than half of the Gram's is left, or less than a tenth of the rhythm's.
    """
    style, rhythm = (
        interval(per_seed(numbers["rows"], "share", block=JUDGED, distance=what))
        for what in (f"gram {WIDTHS[0]}", "rhythm")
    )
    word = decided(
        supports=style.high < 0.1 and rhythm.low > 0.5,
        contradicts=style.low > 0.5 or rhythm.high < 0.1,
    )
    sentence = (
        f"With blocks of {JUDGED * numbers['hop_ms']:.0f} ms in random order the Gram's distance is {style} of what it is without any order, "
        f"the rhythm's {rhythm}."
    )
    return Verdict(word, sentence, {"gram": style, "rhythm": rhythm})


def draw(numbers: Numbers) -> plt.Figure:
    """Distances against the blocks' length; the receptive fields as dashed lines."""
    figure, axis = plt.subplots(figsize=(8, 4.6), layout="constrained")
    hop = numbers["hop_ms"]
    rows = [{**row, "ms": row["block"] * hop} for row in numbers["rows"]]
    for number, width in enumerate(WIDTHS):
        curve(
            axis,
            rows,
            "ms",
            "share",
            label=f"style: Gram of kernels of {width} frames",
            distance=f"gram {width}",
        )
        axis.axvline(width * hop, color=f"C{number}", linestyle="--", linewidth=1)
        axis.annotate(
            f" kernel of\n {width * hop:.0f} ms",
            (width * hop, 0.92),
            xycoords=("data", "axes fraction"),
            color=f"C{number}",
            fontsize="small",
        )
    curve(
        axis,
        rows,
        "ms",
        "share",
        label="rhythm: autocorrelation of onsets, 0.1 to 1 s",
        distance="rhythm",
    )
    octaves(axis, [block * hop for block in BLOCKS])
    axis.set(
        xlabel="length of the blocks put in random order (ms)",
        ylabel="distance from the original\n(1 and above: no order left)",
        ylim=(0, None),
    )
    axis.set_title("Order beyond the kernel: rhythm to the ear, nothing to the Gram")
    figure.legend(loc="outside lower center", ncols=3, fontsize="small")
    return figure


def _distances() -> dict[str, Any]:
    """name -> compiled (fit, distance) on magnitudes [T, F]."""

    def strength(x):
        bands = jnp.log(x @ spectrogram.mel_filters(RATE, _FFT, _BANDS) + 1e-3)
        rises = jnp.mean(jnp.maximum(bands[2:] - bands[:-2], 0.0), axis=1)
        return ((rises - jnp.mean(rises)) / jnp.std(rises))[:, None]

    found = {
        f"gram {width}": combinators.standardised(losses.infinite_gram([(Layer(width),)]))
        for width in WIDTHS
    }
    found = {name: combinators.precompose(spectrogram.compress, one) for name, one in found.items()}
    found["rhythm"] = combinators.precompose(strength, losses.feature_autocorrelation(lags=_LAGS))
    return {
        name: (jax.jit(one.fit), jax.jit(lambda target, x, one=one: one.distance(target, x)[0]))
        for name, one in found.items()
    }


def _shuffled(frames: int, block: int, seed: int) -> np.ndarray:
    """The frames' numbers, blocks of them in random order, of which none but by chance keeps its neighbour."""
    blocks = np.array_split(np.arange(frames), max(2, round(frames / block)))
    order = np.random.default_rng([seed, block]).permutation(len(blocks))
    return np.concatenate([blocks[i] for i in order])
