"""Claim 3: Gram distance and rhythm when the frames of a sound are permuted."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from audio_texture import base, combinators, losses, sounds, spectrogram
from audio_texture.insights.experiment import ExperimentSettings, Numbers, Verdict, decide_verdict
from audio_texture.insights.intervals import mean_interval, seed_means
from audio_texture.insights.plots import plot_curve, set_octave_ticks
from audio_texture.insights.references import RATE, make_procedural, read_recordings
from audio_texture.layer import Layer

_FFT, _HOP, _BANDS = 256, 64, 32  # 32 ms every 8 ms
WIDTHS = (3, 11)  # the second is the paper's
BLOCKS = (1, 2, 4, 8, 12, 24, 48)
# The block length by which the claim is judged, in frames.
JUDGED = 4 * WIDTHS[0]
_LAGS = (JUDGED, 125)  # from the length of those blocks to 1 s
# Sounds whose rhythm is slower than four of the shorter kernels. Recordings add noise-like sounds.
_SOUNDS = {
    "clock": (sounds.clock, {"ticks_per_second": 4.0}),
    "crickets": (sounds.crickets, {"insects": 1}),
    "notes": (sounds.notes, {}),
}


def measure(settings: ExperimentSettings) -> Numbers:
    """Measures distances of a spectrogram with permuted frames from the spectrogram itself.

    Claim: Gram-matrix style is timbre without temporal structure: beyond the receptive field the
    order of frames does not matter.

    Source: Huzaifah & Wyse 2019, abstract; that a Gram sums over positions, Gatys, Ecker & Bethge
    2015, Eq. 2.

    Method: Each sound is cut into blocks of frames, which are put in random order. The distance
    from the original, by the Gram of infinitely many filters and by the rhythm, is measured as a
    share of what it is without any order.

    Details: The Gram's distance is divided by that of single frames in random order. The rhythm's
    is the change of the autocorrelation of onset strength from 0.1 to 1 s, divided by the size of
    that autocorrelation. Spectrograms have 32 ms every 8 ms; kernels have 3 and 11 frames. Where
    blocks meet, (kernel - 1) / block of all patches are broken, and the Gram's distance, a square,
    should be that share squared: 0.03 at four kernels.
    """
    seconds = 2.0 if settings.quick else 5.0
    distances = _compile_distances()
    rows: list[dict[str, Any]] = []
    for seed in settings.seeds:
        waves = {
            name: make_procedural(make, seed, seconds, **parameters)
            for name, (make, parameters) in _SOUNDS.items()
        }
        waves |= read_recordings(settings, seed, 3, seconds)
        for name, wave in waves.items():
            x = jnp.abs(spectrogram.stft(wave, n_fft=_FFT, hop_length=_HOP, center=False))
            targets = {kind: fit(x) for kind, (fit, _) in distances.items()}
            permuted = {block: x[_shuffle_blocks(len(x), block, seed)] for block in BLOCKS}
            for kind, (_, distance) in distances.items():
                target = targets[kind]
                values = {block: float(distance(target, y)) for block, y in permuted.items()}
                unit = 1 if kind == "rhythm" else values[1]
                rows += [
                    {
                        "seed": seed,
                        "sound": name,
                        "distance": kind,
                        "block": block,
                        "share": value / unit,
                    }
                    for block, value in values.items()
                ]
    return {"rows": rows, "hop_ms": 1000 * _HOP / RATE}


def judge(numbers: Numbers) -> Verdict:
    """Judges the distances at blocks of four kernels.

    Rule: at blocks of four times the shorter kernel, supports if less than a tenth of the Gram's
    distance is left and more than half of the rhythm's, each by its whole interval; contradicts if
    more than half of the Gram's is left, or less than a tenth of the rhythm's.
    """
    style, rhythm = (
        mean_interval(seed_means(numbers["rows"], "share", block=JUDGED, distance=kind))
        for kind in (f"gram {WIDTHS[0]}", "rhythm")
    )
    word = decide_verdict(
        supports=style.high < 0.1 and rhythm.low > 0.5,
        contradicts=style.low > 0.5 or rhythm.high < 0.1,
    )
    sentence = (
        f"With blocks of {JUDGED * numbers['hop_ms']:.0f} ms in random order the Gram's distance "
        f"is {style} of what it is without any order, the rhythm's {rhythm}."
    )
    return Verdict(word, sentence, {"gram": style, "rhythm": rhythm})


def draw(numbers: Numbers) -> Figure:
    """Draws distances against the length of blocks, with receptive fields as dashed lines."""
    figure, axis = plt.subplots(figsize=(8, 4.6), layout="constrained")
    hop = numbers["hop_ms"]
    rows = [{**row, "ms": row["block"] * hop} for row in numbers["rows"]]
    for number, width in enumerate(WIDTHS):
        plot_curve(
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
    plot_curve(
        axis,
        rows,
        "ms",
        "share",
        label="rhythm: autocorrelation of onsets, 0.1 to 1 s",
        distance="rhythm",
    )
    set_octave_ticks(axis, [block * hop for block in BLOCKS])
    axis.set(
        xlabel="length of the blocks put in random order (ms)",
        ylabel="distance from the original\n(1 and above: no order left)",
        ylim=(0, None),
    )
    axis.set_title("Order beyond the kernel: rhythm to the ear, nothing to the Gram")
    figure.legend(loc="outside lower center", ncols=3, fontsize="small")
    return figure


@functools.cache
def _compile_distances() -> dict[str, Any]:
    """Returns name -> compiled (fit, distance) on magnitudes [T, F]."""

    def strength(x):
        bands = jnp.log(x @ spectrogram.mel_filters(RATE, _FFT, _BANDS) + 1e-3)
        rises = jnp.mean(jnp.maximum(bands[2:] - bands[:-2], 0.0), axis=1)
        return ((rises - jnp.mean(rises)) / jnp.std(rises))[:, None]

    objectives = {}
    for width in WIDTHS:
        gram = combinators.standardised(losses.infinite_gram([(Layer(width),)]))
        objectives[f"gram {width}"] = combinators.precompose(spectrogram.compress, gram)
    objectives["rhythm"] = combinators.precompose(
        strength, losses.feature_autocorrelation(lags=_LAGS)
    )
    return {name: _compile(term) for name, term in objectives.items()}


def _compile(term: base.Objective) -> tuple[Any, Any]:
    return jax.jit(term.fit), jax.jit(lambda target, x: term.distance(target, x)[0])


def _shuffle_blocks(frames: int, block: int, seed: int) -> np.ndarray:
    """Returns the numbers of the frames with blocks of `block` frames in random order."""
    blocks = np.array_split(np.arange(frames), max(2, round(frames / block)))
    order = np.random.default_rng([seed, block]).permutation(len(blocks))
    return np.concatenate([blocks[i] for i in order])
