"""Claim 12: sounds of equal first and second orders, and who tells them apart."""

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from audio_texture import base, combinators, losses, metrics
from audio_texture.insights.experiment import ExperimentSettings, Numbers, Verdict, decide_verdict
from audio_texture.insights.intervals import mean_interval, seed_means
from audio_texture.insights.pairs import PAIRS, log_frames, make_sound
from audio_texture.insights.plots import plot_matrix
from audio_texture.insights.references import RATE
from audio_texture.layer import Layer

# Sounds of two kinds are told apart where they are this many times as far from each other as two
# of one kind are.
LIMIT = 1.25
WIDTH = 8  # frames of 8 ms, for the statistics of more than one
# The observer, of no recipe, and the statistic of the claim.
OBSERVER, SECOND_ORDER = "judge: subbands", "second order of frames"
_HIGHER = tuple(name for name, pair in PAIRS.items() if pair.order == "higher")
_SECOND = tuple(name for name, pair in PAIRS.items() if pair.order == "second")


def measure(settings: ExperimentSettings) -> Numbers:
    """Measures by which statistics sounds of known orders are told apart.

    Claim: Equal first and second orders sound alike: statistics of third and higher orders add
    nothing that is heard.

    Source: Julesz 1962, Visual pattern discrimination, for images; counter-examples in Caelli &
    Julesz 1978.

    Method: Pairs of random sounds differ in the first, the second, or only in higher orders of
    their log-magnitude frames, by construction. The distance of sounds of two kinds over that of
    two sounds of one kind says which statistics tell a pair apart; a judge of third-octave
    envelopes, which shares nothing with them and no recipe optimises, stands for the listener.

    Details: insights/pairs.py says why the orders are equal. Frames are 32 ms every 8 ms, the mean
    of 4 bins each. The second order is that of all bands at lags up to 7 frames. Grams are those
    of infinitely many ReLU filters; these see higher orders within their kernel. Squared distances
    enter by their roots.
    """
    takes, seconds = (2, 2.0) if settings.quick else (4, 6.0)
    rows: list[dict[str, Any]] = []
    for seed, (name, pair) in itertools.product(settings.seeds, PAIRS.items()):
        sides = [
            [make_sound(name, side, take, seed, seconds) for take in range(takes)]
            for side in (0, 1)
        ]
        for statistic, distances_of in _statistics().items():
            distances = distances_of([*sides[0], *sides[1]])
            ratio = _compare_sides(np.asarray(distances, np.float64))
            rows.append(
                {
                    "seed": seed,
                    "pair": name,
                    "order": pair.order,
                    "statistic": statistic,
                    "ratio": ratio,
                }
            )
    return {"rows": rows}


def judge(numbers: Numbers) -> Verdict:
    """Judges the pairs of equal first and second orders by the judge of envelopes.

    Rule: supports if the judge tells none of the pairs of equal first and second orders apart, but
    each pair that differs in the second; contradicts if it tells one of the former apart that the
    second order of frames does not; told apart is at least 1.25 times as far as two sounds of one
    kind, each by the whole interval.
    """
    intervals = {
        f"{statistic}, {name}": mean_interval(
            seed_means(numbers["rows"], "ratio", statistic=statistic, pair=name)
        )
        for statistic in (OBSERVER, SECOND_ORDER)
        for name in (*_SECOND, *_HIGHER)
    }
    limit = np.log2(LIMIT)

    def is_apart(statistic, name):
        return intervals[f"{statistic}, {name}"].low > limit

    def is_alike(statistic, name):
        return intervals[f"{statistic}, {name}"].high < limit

    heard = [name for name in _HIGHER if is_apart(OBSERVER, name) and is_alike(SECOND_ORDER, name)]
    word = decide_verdict(
        supports=all(is_alike(OBSERVER, name) for name in _HIGHER)
        and all(is_apart(OBSERVER, name) for name in _SECOND),
        contradicts=bool(heard),
    )

    def describe(statistic):
        factors = (intervals[f"{statistic}, {name}"].to_factors(2) for name in _HIGHER)
        return ", ".join(
            f"{factor.mean:.2f} {factor.ends} ({name})"
            for name, factor in zip(_HIGHER, factors, strict=True)
        )

    sentence = (
        "Two kinds of sound with equal first and second orders are as many times as far from each "
        f"other as two sounds of one kind: by the judge of envelopes {describe(OBSERVER)}; by the "
        f"second order of frames {describe(SECOND_ORDER)}."
    )
    return Verdict(word, sentence, intervals, dict.fromkeys(intervals, 2))


def draw(numbers: Numbers) -> Figure:
    """Draws the ratio of each statistic on each pair, which shows the orders that it sees."""
    figure, axis = plt.subplots(figsize=(11, 5.6), layout="constrained")
    rows = numbers["rows"]
    names = list(dict.fromkeys(row["statistic"] for row in rows))
    factors = [
        [
            mean_interval(seed_means(rows, "ratio", statistic=statistic, pair=pair)).to_factors(2)
            for pair in PAIRS
        ]
        for statistic in names
    ]
    columns = [f"{pair.order} order:\n{pair.difference}" for pair in PAIRS.values()]
    plot_matrix(axis, names, columns, factors, limit=LIMIT)
    axis.set(
        xlabel="the lowest order in which two kinds of sound differ",
        ylabel="statistic",
        title="Distance of two kinds of sound (1: two sounds of one kind).\n"
        f"Bold on colour: told apart, the whole interval is above {LIMIT}",
    )
    return figure


def _compare_sides(distances: np.ndarray) -> float:
    """Returns log2 of the mean distance between two kinds over that within one.

    distances: [2 n, 2 n], from sounds in rows; the first n are of one kind.
    """
    count = len(distances) // 2
    side = np.arange(2 * count) >= count
    same = side[:, None] == side[None, :]
    within = same & ~np.eye(2 * count, dtype=bool)
    return float(np.log2(np.mean(distances[~same]) / np.mean(distances[within])))


def _mean_spectrum(x: jax.Array) -> jax.Array:
    return jnp.mean(x, axis=0)


def _second_moments(x: jax.Array) -> jax.Array:
    """Mean products of all bands at lags of 0 to WIDTH - 1 frames, and the means."""
    products = [x[: len(x) - lag].T @ x[lag:] / (len(x) - lag) for lag in range(WIDTH)]
    return jnp.stack([*products, jnp.broadcast_to(_mean_spectrum(x), products[0].shape)])


def _of_statistics(measured: Callable[[jax.Array], jax.Array]) -> base.Objective:
    """Mean squared difference of statistics."""

    def distance(target, x):
        total = jnp.mean((measured(x) - target) ** 2)
        return total, {}

    return base.Objective(measured, distance)


@functools.cache
def _statistics() -> dict[str, Callable[[Sequence[np.ndarray]], np.ndarray]]:
    """Returns name -> compiled function: n waves [N] at RATE -> distances [n, n]."""
    of_frames = {
        "mean spectrum": _of_statistics(_mean_spectrum),
        SECOND_ORDER: _of_statistics(_second_moments),
        "Gram of 1 frame": losses.infinite_gram([(Layer(1),)]),
        f"Gram of {WIDTH} frames": losses.infinite_gram([(Layer(WIDTH),)]),
        "patches of 1 frame": losses.sliced_transport(widths=(1,), directions=64),
        f"patches of {WIDTH} frames": losses.sliced_transport(widths=(WIDTH,), directions=64),
    }
    squares = {
        name: combinators.precompose(log_frames, combinators.standardised(objective))
        for name, objective in of_frames.items()
    }
    squares["onsets"] = combinators.precompose(log_frames, losses.onset_statistics(step=2, lags=64))
    squares["the ear's statistics"] = _of_channel(losses.auditory_statistics(RATE))
    squares["scattering moments"] = _of_channel(losses.scattering(RATE))
    tables = {name: _compile(objective, jnp.sqrt) for name, objective in squares.items()}
    tables["texstat"] = _compile(_of_channel(losses.texstat(RATE)), jnp.asarray)
    tables[OBSERVER] = _judge_distances
    return tables


def _of_channel(objective: base.Objective) -> base.Objective:
    """The objective on waves [N] in place of [N, 1]."""
    return combinators.precompose(lambda wave: wave[:, None], objective)


def _compile(
    objective: base.Objective, scale: Callable[[jax.Array], jax.Array]
) -> Callable[[Sequence[np.ndarray]], np.ndarray]:
    fit = jax.jit(objective.fit)
    distance = jax.jit(lambda target, x: scale(jnp.maximum(objective.distance(target, x)[0], 0.0)))

    def distances(waves):
        # The diagonal stays 0: nobody asks for the distance of a sound from itself.
        table = np.zeros((len(waves), len(waves)))
        for row, target in enumerate([fit(wave) for wave in waves]):
            for column, wave in enumerate(waves):
                if row != column:
                    table[row, column] = distance(target, wave)
        return table

    return distances


def _judge_distances(waves: Sequence[np.ndarray]) -> np.ndarray:
    """Distances [n, n] by the measure `subbands` of metrics."""
    features = []
    for wave in waves:
        prepared = metrics.preprocess(wave, sample_rate=RATE, rate=RATE)
        statistics = metrics.subband_statistics(prepared, sample_rate=RATE)
        features.append({"subbands": statistics})
    return np.array(
        [[metrics.feature_distances(a, b)["subbands"] for b in features] for a in features]
    )
