"""The look of figures: curves and bars with intervals over seeds, and axes of octaves."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from audio_texture.insights.experiment import Interval
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


def set_octave_ticks(axis: Axes, values: Sequence[float]) -> None:
    """Makes the x axis logarithmic with ticks at these values alone, written as numbers."""
    axis.set_xscale("log")
    axis.xaxis.set_ticks(list(values), [f"{value:.4g}" for value in values])
    axis.xaxis.set_ticks([], minor=True)
