"""The look of figures: curves and bars with intervals over seeds, and axes of octaves."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from audio_texture.insights.experiment import Interval, format_number
from audio_texture.insights.intervals import (
    distinct_values,
    mean_interval,
    seed_means,
    select_rows,
)


def plot_curve(
    panel: Axes, rows: Sequence[Mapping[str, Any]], x: str, y: str, *, label: str, **fields: Any
) -> None:
    """Plots means over seeds against a number of the rows, with their intervals as a band.

    Args:
      panel: to plot on.
      rows: of an experiment.
      x: the number along the axis.
      y: the number whose means are plotted.
      label: of the curve.
      **fields: values that the rows must have.
    """
    chosen = select_rows(rows, **fields)
    values = sorted(distinct_values(chosen, x))
    intervals = [mean_interval(seed_means(chosen, y, **{x: value})) for value in values]
    plot_intervals(panel, values, intervals, label)


def plot_intervals(
    axis: Axes, x: Sequence[float], intervals: Sequence[Interval], label: str
) -> None:
    """Plots means against x, with their intervals as a band."""
    means, lows, highs = np.array(intervals).T
    (line,) = axis.plot(x, means, marker="o", markersize=4, label=label)
    axis.fill_between(x, lows, highs, color=line.get_color(), alpha=0.2, linewidth=0)


def plot_bars(axis: Axes, groups: Sequence[str], series: Mapping[str, Sequence[Interval]]) -> None:
    """Plots bars of means with their intervals: the series side by side in each group."""
    width = 0.8 / len(series)
    for number, (label, intervals) in enumerate(series.items()):
        means, lows, highs = np.array(intervals).T
        positions = np.arange(len(groups)) + (number - (len(series) - 1) / 2) * width
        axis.bar(
            positions,
            means,
            0.9 * width,
            yerr=[means - lows, highs - means],
            label=label,
            capsize=3,
            error_kw={"linewidth": 1},
        )
    axis.set_xticks(np.arange(len(groups)), groups)


def plot_matrix(
    axis: Axes,
    rows: Sequence[str],
    columns: Sequence[str],
    factors: Sequence[Sequence[Interval]],
    *,
    limit: float,
) -> None:
    """Plots a table of factors with their intervals; those wholly above a limit stand out.

    Args:
      axis: to plot on.
      rows: names of the rows.
      columns: names of the columns.
      factors: one for each column of each row.
      limit: above which a factor is bold, on a colour that is darker the larger it is.
    """
    above = [[interval.low > limit for interval in row] for row in factors]
    means = np.log2([[interval.mean for interval in row] for row in factors])
    axis.imshow(np.where(above, means, 0.0), cmap="Blues", vmin=0.0, vmax=5.0, aspect="auto")
    for (row, column), is_above in np.ndenumerate(above):
        interval = factors[row][column]
        axis.text(
            column,
            row,
            f"{interval.mean:.2f}\n[{interval.low:.2f}, {interval.high:.2f}]",
            ha="center",
            va="center",
            fontsize="small",
            fontweight="bold" if is_above else "normal",
            color="white" if is_above and means[row, column] > 3.0 else "black",
        )
    axis.set_xticks(np.arange(len(columns)), columns, fontsize="small")
    axis.set_yticks(np.arange(len(rows)), rows, fontsize="small")
    axis.tick_params(length=0)
    axis.set_xticks(np.arange(len(columns) - 1) + 0.5, minor=True)
    axis.set_yticks(np.arange(len(rows) - 1) + 0.5, minor=True)
    axis.grid(which="minor", color="lightgrey", linewidth=0.8)
    axis.tick_params(which="minor", length=0)


# Factors for the ticks of an axis, within a decade: few, or as many as a narrow range needs.
_FACTOR_STEPS = (
    (1,),
    (1, 2, 5),
    (1, 1.4, 2, 2.8, 4, 5.6, 8),
    (1, 1.2, 1.4, 1.6, 1.8, 2, 2.4, 2.8, 3.2, 4, 5, 6, 7, 8, 9),
)
_FEWEST_TICKS = 3


def choose_factors(low: float, high: float) -> list[float]:
    """Returns three or more factors between two positive numbers: round ones if there are three.

    Example:
      >>> choose_factors(0.3, 60.0)
      [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0]
    """
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for steps in _FACTOR_STEPS:
        factors = [float(f"{step}e{decade}") for decade in decades for step in steps]
        factors = [factor for factor in factors if low <= factor <= high]
        if len(factors) >= _FEWEST_TICKS:
            return factors
    return np.geomspace(low, high, _FEWEST_TICKS + 2)[1:-1].tolist()


def set_factor_ticks(axis: Axes, base: float = 0.0) -> None:
    """Labels the y axis with factors, such as 0.5, 1 and 2. Called when all is drawn.

    Args:
      axis: on which logarithms of factors are drawn.
      base: of the logarithms; 0 if factors themselves are drawn, on a logarithmic axis.
    """
    limits = np.array(axis.get_ylim())
    low, high = (base**limits if base else limits).tolist()
    factors = choose_factors(low, high)
    positions = [float(np.log(factor) / np.log(base)) if base else factor for factor in factors]
    axis.yaxis.set_ticks(positions, [format_number(factor) for factor in factors])
    axis.yaxis.set_ticks([], minor=True)
    axis.set_ylim(limits.tolist())


def set_octave_ticks(axis: Axes, values: Sequence[float]) -> None:
    """Makes the x axis logarithmic with ticks at these values alone, written as numbers."""
    axis.set_xscale("log")
    axis.xaxis.set_ticks(list(values), [f"{value:.4g}" for value in values])
    axis.xaxis.set_ticks([], minor=True)
