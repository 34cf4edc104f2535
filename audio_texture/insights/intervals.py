"""Statistics over the rows of an experiment: means of seeds, intervals, explained variance."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.stats

from audio_texture.insights.experiment import Interval

# A bootstrap enumerates all resamples of up to this many values, and draws resamples of more.
_MOST_ENUMERATED, _RESAMPLES = 6, 20_000


def mean_interval(values: Sequence[float] | np.ndarray) -> Interval:
    """Returns the bootstrap interval of a mean by percentiles, widened for few values.

    Hesterberg, The American Statistician 2015, section 4.4. Plain percentiles are too narrow by
    sqrt((n - 1) / n), and by the normal distribution in place of Student's t: with five values they
    make 83 % intervals.

    Args:
      values: at least two.

    Example:
      >>> print(mean_interval([1.0, 2.0, 3.0]))
      2 [1, 3]
    """
    values = np.asarray(values, np.float64)
    count = len(values)
    if count < 2:
        raise ValueError(f"an interval needs at least two values, got {count}.")
    if count <= _MOST_ENUMERATED:
        resamples = np.array(list(itertools.product(range(count), repeat=count)))
    else:
        resamples = np.random.default_rng(0).integers(0, count, (_RESAMPLES, count))
    quantile = scipy.stats.t.ppf(0.025, count - 1)
    tail = scipy.stats.norm.cdf(np.sqrt(count / (count - 1)) * quantile)
    low, high = np.quantile(np.mean(values[resamples], axis=1), [tail, 1 - tail])
    return Interval(float(np.mean(values)), float(low), float(high))


def select_rows(rows: Sequence[Mapping[str, Any]], **fields: Any) -> list[Mapping[str, Any]]:
    """Returns the rows that have these values of the fields.

    Example:
      >>> select_rows([{"seed": 0, "sound": "rain"}, {"seed": 0, "sound": "wind"}], sound="wind")
      [{'seed': 0, 'sound': 'wind'}]
    """
    return [row for row in rows if all(row[field] == value for field, value in fields.items())]


def seed_means(rows: Sequence[Mapping[str, Any]], name: str, **fields: Any) -> np.ndarray:
    """Returns the mean of a number over the rows of each seed: [seeds], ascending.

    Args:
      rows: of an experiment.
      name: the number.
      **fields: values that the rows must have.

    Example:
      >>> rows = [{"seed": seed, "value": seed + take} for seed in (0, 1) for take in (0, 1)]
      >>> seed_means(rows, "value")
      array([0.5, 1.5])
    """
    chosen = select_rows(rows, **fields)
    seeds = sorted({row["seed"] for row in rows})
    by_seed = [[row[name] for row in chosen if row["seed"] == seed] for seed in seeds]
    if not all(by_seed):
        wanted = ", ".join(f"{field}={value}" for field, value in fields.items())
        raise ValueError(f"no row of some seed has {wanted}.")
    return np.array([np.mean(values) for values in by_seed])


def distinct_values(rows: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    """Returns the different values of a field, in the order in which they first occur.

    Example:
      >>> distinct_values([{"sound": "wind"}, {"sound": "rain"}, {"sound": "wind"}], "sound")
      ['wind', 'rain']
    """
    return list(dict.fromkeys(row[name] for row in rows))


def explained_variance(
    truth: Sequence[float] | np.ndarray, estimate: Sequence[float] | np.ndarray
) -> float:
    """Returns the share of the truth's variance that a line through the estimate explains.

    It is adjusted R^2: its mean is 0 for an estimate that is unrelated to the truth.

    Example:
      >>> explained_variance([1.0, 2.0, 3.0], [2.0, 4.0, 6.0])
      1.0
    """
    truth, estimate = (
        np.asarray(values, np.float64) - np.mean(values) for values in (truth, estimate)
    )
    sizes = np.sum(truth**2) * np.sum(estimate**2)
    share = np.sum(truth * estimate) ** 2 / sizes if sizes > 0 else 0.0
    return float(1 - (1 - share) * (len(truth) - 1) / (len(truth) - 2))
