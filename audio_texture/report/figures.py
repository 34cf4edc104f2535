"""Figures of a report.

Matplotlib is imported when the first figure is drawn; its global back end is not changed.
"""

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure


# Of a figure in inches: on a phone 400 points wide its text is as large as the page's small print.
WIDTH = 4.8
_KILOHERTZ = (0.1, 0.2, 0.5, 1, 2, 5, 10)


def new_figure(size: tuple[float, float]) -> "Figure":
    """An empty Matplotlib figure outside pyplot, which needs no closing. size: in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def encode_png(figure: "Figure") -> bytes:
    """The figure as a PNG file.

    Example:
      >>> encode_png(new_figure((1, 1)))[1:4]
      b'PNG'
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, bbox_inches="tight")
    return buffer.getvalue()


def add_legend(figure: "Figure") -> None:
    """Adds a legend below the axes of a figure, where it covers no curve."""
    figure.legend(loc="outside lower left", frameon=False)


def draw_loss(
    rows: Sequence[Mapping[str, Any]], names: Mapping[str, str] | None = None
) -> "Figure":
    """Loss and its terms against evaluations, on a logarithmic scale.

    Args:
      rows: of metrics.jsonl, for one or several samples.
      names: what the legend calls the terms; by default their names in the rows.
    """
    names, n_terms = names or {}, len(rows[0]["terms"])
    figure = new_figure((WIDTH, 3.2 + 0.2 * n_terms))
    axis = figure.subplots()
    for sample in sorted({row["sample"] for row in rows}):
        sample_rows = [row for row in rows if row["sample"] == sample]
        evaluations = [row["evaluations"] for row in sample_rows]
        terms = sample_rows[0]["terms"] if len(sample_rows[0]["terms"]) > 1 else ()
        losses = [row["loss"] for row in sample_rows]
        # A run of one chunk is a point, which has no line.
        marker = "o" if len(sample_rows) == 1 else ""
        label = "loss" if sample == 0 else None
        axis.plot(evaluations, losses, marker=marker, color="black", label=label)
        for number, name in enumerate(terms):
            values = [row["terms"][name] or np.nan for row in sample_rows]
            label = names.get(name, name) if sample == 0 else None
            style = {"marker": marker, "color": f"C{number}", "linewidth": 1}
            axis.plot(evaluations, values, label=label, **style)
    axis.set(xlabel="evaluations", ylabel="loss", yscale="log")
    axis.grid(alpha=0.3)
    add_legend(figure)
    return figure


def draw_likeness(times: np.ndarray, ratios: np.ndarray, names: Sequence[str]) -> "Figure":
    """Likeness of a sound to each reference of its mixture over time.

    Args:
      times: [P], seconds.
      ratios: [P, R], as of `metrics.measure_likeness_over_time`.
      names: of the R references.
    """
    figure = new_figure((WIDTH, 3.2))
    axis = figure.subplots()
    for name, values in zip(names, ratios.T, strict=True):
        axis.plot(times, values, marker="o", markersize=3, label=name)
    axis.axhline(1, color="black", linewidth=0.8, linestyle=":")
    axis.set(xlabel="time (s)", ylabel="distance / that of its halves", yscale="log")
    axis.grid(alpha=0.3)
    add_legend(figure)
    return figure


def draw_levels(levels: Sequence[tuple[str, np.ndarray, np.ndarray]]) -> "Figure":
    """Long-term levels of several sounds.

    levels: (title, centres in Hz, levels in dB) of each sound, as of `metrics.band_levels`.
    """
    figure = new_figure((WIDTH, 3.2))
    axis = figure.subplots()
    for title, centers, decibels in levels:
        axis.plot(centers / 1000, decibels, label=title, linewidth=1.4)
    axis.set(xlabel="third octave (kHz)", ylabel="share of the power (dB)", xscale="log")
    axis.set_xticks(_KILOHERTZ, [f"{kilohertz:g}" for kilohertz in _KILOHERTZ])
    axis.set_xlim(0.045, 1.1 * max(centers[-1] for _, centers, _ in levels) / 1000)
    axis.minorticks_off()
    axis.grid(alpha=0.3)
    add_legend(figure)
    return figure


def draw_onsets(onsets: Sequence[tuple[str, np.ndarray, np.ndarray]]) -> "Figure":
    """Onset strength of several sounds over time.

    onsets: (title, times in s, strength in dB) of each sound; the first is drawn as an area.
    """
    figure = new_figure((WIDTH, 3.2))
    axis = figure.subplots()
    for number, (title, times, strength) in enumerate(onsets):
        if number == 0:
            axis.fill_between(times, strength, label=title, color="C0", alpha=0.35, linewidth=0)
        else:
            axis.plot(times, strength, label=title, color=f"C{number}", linewidth=0.9)
    longest = max(times[-1] for _, times, _ in onsets)
    axis.set(xlabel="time (s)", ylabel="onset strength (dB)", xlim=(0, longest))
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
    add_legend(figure)
    return figure


def draw_training(rows: Sequence[Mapping[str, Any]], chance: float, baseline: float) -> "Figure":
    """Accuracy and loss by epoch; each fold has a colour.

    Args:
      rows: of metrics.jsonl of launch.train.
      chance: accuracy of guessing.
      baseline: accuracy of the nearest class mean.
    """
    from matplotlib.ticker import MaxNLocator

    figure = new_figure((10, 3.6))
    left, right = figure.subplots(1, 2)
    for number, fold in enumerate(dict.fromkeys(row["fold"] for row in rows)):
        fold_rows = [row for row in rows if row["fold"] == fold]
        epochs = [row["epoch"] for row in fold_rows]
        color = f"C{number}"
        style = {"color": color, "marker": "o", "markersize": 3}
        left.plot(epochs, [row["accuracy"] for row in fold_rows], label=f"fold {fold}", **style)
        fitted = [row["fitted"] for row in fold_rows]
        left.plot(epochs, fitted, linestyle=":", linewidth=1, color=color)
        right.plot(epochs, [row["loss"] for row in fold_rows], **style)
    left.plot([], [], linestyle=":", linewidth=1, color="black", label="training clips")
    left.axhline(baseline, color="black", linewidth=0.8, linestyle="--", label="nearest class mean")
    left.axhline(chance, color="black", linewidth=0.8, linestyle="-.", label="chance")
    left.set(xlabel="epoch", ylabel="accuracy on the fold held out", ylim=(0, 1.02))
    figure.legend(loc="outside right center", fontsize="small")
    right.set(xlabel="epoch", ylabel="training loss")
    for axis in (left, right):
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(alpha=0.3)
    return figure


def draw_confusion(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> "Figure":
    """Confusion matrix: clips of each class (rows) by predicted class (columns).

    Colours are shares of a row; numbers are clips.
    """
    counts = np.asarray(confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 2.5 + 0.35 * len(classes)
    figure = new_figure((side + 1, side))
    axis = figure.subplots()
    image = axis.imshow(shares, cmap="magma", vmin=0, vmax=1)
    places = np.arange(len(classes))
    axis.set_xticks(places, classes, rotation=90)
    axis.set_yticks(places, classes)
    axis.set(xlabel="taken for", ylabel="class")
    for (row, column), count in np.ndenumerate(counts):
        if count:
            color = "black" if shares[row, column] > 0.6 else "white"
            text = axis.text(column, row, str(count), color=color, fontsize="small")
            text.set(ha="center", va="center")
    figure.colorbar(image, label="share of the class's clips", shrink=0.8)
    return figure
