"""insights/orders.py: the orders of its sounds, its ratio, and the experiment from end to end."""

import jax
import numpy as np
import pytest
import scipy.stats
from made_up import made_up_ratios

from audio_texture.insights import ExperimentSettings, intervals, orders, pairs


def _moments(wave):
    """Means and lagged covariances in units of std, and powers in dB, of frames of a long wave."""
    x = np.asarray(jax.jit(pairs.log_frames)(wave), np.float64)
    centred = (x - x.mean(0)) / x.std()
    lags = range(0, 17, 4)
    covariances = [centred[: len(x) - lag].T @ centred[lag:] / (len(x) - lag) for lag in lags]
    power = np.mean(np.abs(np.fft.rfft(wave.reshape(-1, 256) * np.hanning(256))) ** 2, axis=0)
    # Skewness over time of the change of level, of the level, and the product of three bands.
    level = centred.mean(1)
    bands = [centred[:, low:high].mean(1) for low, high in ((3, 4), (8, 11), (21, 27))]
    rise = scipy.stats.skew(level[2:] - level[:-2])
    third = {
        "reversed": rise,
        "events": scipy.stats.skew(level),
        "parity": np.mean(np.prod(bands, 0)),
    }
    return x.mean(0) / x.std(), np.stack(covariances), np.mean(10 * np.log10(power[4:-4])), third


@pytest.mark.parametrize("name", pairs.PAIRS)
def test_pairs_differ_in_their_order_alone(name):
    """Lower orders are equal, but for chance in 100 s; the order of the pair is not.

    A few loud moments decide the power of `events`, which is why its bound is 2.5 dB.
    """
    order = pairs.PAIRS[name].order
    one, other = (_moments(pairs.make_sound(name, side, 0, 0, 102.4)) for side in (0, 1))
    mean, covariance, power = (
        np.max(np.abs(a - b)) for a, b in zip(one[:3], other[:3], strict=True)
    )
    assert (mean > 0.5) == (order == "first") and (mean < 0.15) == (order != "first")
    assert order == "first" or (covariance > 0.4) == (order == "second")
    assert order != "higher" or (covariance < 0.25 and power < 2.5)
    assert order != "higher" or abs(one[3][name] - other[3][name]) > 0.5


def test_ratio_of_two_kinds():
    """It is between kinds over within one; a sound's distance from itself does not count."""
    side = np.array([0, 0, 0, 1, 1, 1])
    distances = np.where(side[:, None] == side[None], 0.5, 2.0) * (1 - np.eye(6))
    assert orders._compare_sides(distances) == pytest.approx(2.0)
    assert orders._compare_sides(np.ones((4, 4))) == 0


def test_power_of_separate_events_is_that_of_a_gaussian_level():
    """The means of exp(2 L) by their closed forms; by a sound, loud moments are too rare."""
    bump = pairs._bump(pairs._EVENT_SECONDS)
    rates = np.array([pairs._RISES_PER_SECOND, pairs._falls_per_second()])[:, None] / pairs.RATE
    courses = np.array([pairs._RISE, pairs._FALL])[:, None] * bump
    separate = np.sum(rates * np.expm1(2 * courses))
    assert separate == pytest.approx(np.sum(rates * (2 * courses + 2 * courses**2)))
    assert pairs._falls_per_second() < 3


def test_orders_end_to_end(monkeypatch):
    """The same seeds give the same numbers; the second order of frames sees bands, not parity."""
    chosen = {name: orders._statistics()[name] for name in (orders.SECOND_ORDER, orders.OBSERVER)}
    monkeypatch.setattr(orders, "_statistics", lambda: chosen)
    settings = ExperimentSettings(seeds=(0, 1), quick=True)
    numbers = orders.measure(settings)
    assert numbers["rows"][:12] == orders.measure(settings._replace(seeds=(0,)))["rows"]
    assert len(numbers["rows"]) == 2 * len(pairs.PAIRS) * 2
    bands, parity = (
        intervals.seed_means(numbers["rows"], "ratio", statistic=orders.SECOND_ORDER, pair=pair)
        for pair in ("bands", "parity")
    )
    assert np.all(bands > 0.7) and np.all(np.abs(parity) < 0.3)
    assert len(orders.judge(numbers).intervals) == 10


@pytest.mark.long
def test_every_statistic_of_orders_sees_the_first_order_or_time():
    """Each tells some kinds of sound apart, and none two sounds of one kind."""
    kinds = [
        [pairs.make_sound(pair, side, take, 0, 2.5) for take in range(6)]
        for pair, side in (("spectrum", 0), ("spectrum", 1), ("reversed", 0), ("reversed", 1))
    ]
    for name, distances_of in orders._statistics().items():
        apart = [
            orders._compare_sides(distances_of([*a[:3], *b[:3]]))
            for a, b in (kinds[:2], kinds[2:], (kinds[0], kinds[0][3:]))
        ]
        assert max(apart[:2]) > 0.2 and max(apart[:2]) > apart[2], name


def test_a_deaf_judge_supports_nothing():
    """It must tell the pairs of the second order apart before its silence counts."""
    assert orders.judge(made_up_ratios(0.0, 0.0, heard_second=0.0)).verdict == "undecided"
