"""Figures of a report.

Matplotlib is imported when the first figure is drawn; its global back end is not changed.

Figures have no background, and what is black in them takes the text's colour in `encode_svg`, so
that a page shows them light or dark. Curves have the colours of `CURVES`, which are seen on both.
"""

import html
import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure


# Of a figure in inches: on a phone 400 points wide its text is as large as the page's small print.
WIDTH = 4.8
# Each has a contrast of at least 3 to a white and to a black page.
CURVES = ("#1f7fc4", "#d3641b", "#2b9348", "#c8448c", "#8a63d2", "#8d7a17", "#1b8f94", "#d0433e")
_KILOHERTZ = (0.1, 0.2, 0.5, 1, 2, 5, 10)
# A legend's longest text; a longer one, such as a file's name, would make the figure wider.
_LEGEND_LETTERS = 48
# What Matplotlib writes before and into an SVG element that a page has no use for.
_NOT_IN_HTML = re.compile(
    r"^.*?(?=<svg)|<metadata>.*?</metadata>|<defs>\s*<style.*?</defs>|<!--.*?-->"
    r'|(?<=<g) id="[^"]*"',
    re.DOTALL,
)


def new_figure(size: tuple[float, float]) -> "Figure":
    """An empty Matplotlib figure outside pyplot, which needs no closing. size: in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def curve_color(number: int) -> str:
    """The colour of a figure's curve of a number.

    Example:
      >>> curve_color(0) == curve_color(len(CURVES)) == CURVES[0]
      True
    """
    return CURVES[number % len(CURVES)]


def encode_png(figure: "Figure") -> bytes:
    """The figure as a PNG file.

    Example:
      >>> encode_png(new_figure((1, 1)))[1:4]
      b'PNG'
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, bbox_inches="tight")
    return buffer.getvalue()


def encode_svg(figure: "Figure", alternative: str) -> str:
    """The figure as an SVG element for HTML: as wide as its box, without a background, black in the
    colour of the text around it.

    Args:
      figure: the figure.
      alternative: the text for screen readers.

    Example:
      >>> encode_svg(new_figure((1, 1)), "nothing")[:39]
      '<svg role="img" aria-label="nothing" st'
    """
    import matplotlib

    for axis in figure.axes:
        if axis.get_facecolor() == (1.0, 1.0, 1.0, 1.0):
            axis.set_facecolor("none")
    buffer = io.StringIO()
    # Text stays text, in the page's font; names of parts depend on what is drawn alone.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "audio_texture"}):
        figure.savefig(
            buffer, format="svg", facecolor="none", bbox_inches="tight", metadata={"Date": None}
        )
    drawing = _NOT_IN_HTML.sub("", buffer.getvalue()).strip()
    drawing = drawing.replace(": #000000", ": currentColor").replace("xlink:href", "href")
    drawing = re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, sans-serif", drawing)
    view = re.search(r'viewBox="[^"]*"', drawing)
    assert view
    inches = figure.get_figwidth()
    style = f"fill: currentColor; width: 100%; max-width: {7.5 * inches:.4g}rem"
    if inches > WIDTH:
        # It scrolls in its box: shrunk to a phone's width, its text could not be read.
        style += f"; min-width: {4.5 * inches:.4g}rem"
    head = f'<svg role="img" aria-label="{html.escape(alternative)}" style="{style}" {view[0]}>'
    return re.sub(r"^<svg[^>]*>", lambda _: head, drawing)


def add_legend(figure: "Figure") -> None:
    """Adds a legend below the axes of a figure, where it covers no curve."""
    handles, labels = [], []
    for axis in figure.axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.append(handle)
            labels.append(_shorten(label))
    legend = figure.legend(handles, labels, loc="outside lower left", frameon=False)
    for text in legend.get_texts():
        # A name with two dollar signs is no formula.
        text.set_parse_math(False)


def _shorten(text: str) -> str:
    """A text of at most `_LEGEND_LETTERS`: the middle of a longer one is left out."""
    if len(text) <= _LEGEND_LETTERS:
        return text
    half = _LEGEND_LETTERS // 2
    return f"{text[: half - 1]}…{text[-half:]}"


def draw_loss(
    rows: Sequence[Mapping[str, Any]], names: Mapping[str, str] | None = None
) -> "Figure":
    """Loss and its terms against evaluations, on a logarithmic scale.

    Args:
      rows: of metrics.jsonl, for one or several samples.
      names: what the legend calls the terms; by default their names in the rows.
    """
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

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
            # A term that is zero throughout has no curve.
            drawn = sample == 0 and not np.all(np.isnan(values))
            label = names.get(name, name) if drawn else None
            style = {"marker": marker, "color": curve_color(number), "linewidth": 1}
            axis.plot(evaluations, values, label=label, **style)
    axis.set(xlabel="evaluations", ylabel="loss", yscale="log")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    # 0.0005 and not 5 x 10^-4.
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(lambda loss, _: np.format_float_positional(loss, trim="-"))
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.grid(alpha=0.3)
    add_legend(figure)
    return figure


def draw_distances(times: np.ndarray, ratios: np.ndarray, names: Sequence[str]) -> "Figure":
    """Distance of a sound to each reference of its mixture over time.

    Args:
      times: [P], seconds.
      ratios: [P, R], as of `metrics.measure_likeness_over_time`.
      names: of the R references.
    """
    figure = new_figure((WIDTH, 3.0 + 0.2 * len(names)))
    axis = figure.subplots()
    for number, (name, values) in enumerate(zip(names, ratios.T, strict=True)):
        axis.plot(times, values, marker="o", markersize=3, label=name, color=curve_color(number))
    axis.axhline(1, color="black", linewidth=0.8, linestyle=":")
    # The times are the middles of stretches that are spread over the whole.
    axis.set(
        xlabel="time (s)",
        xlim=(0, times[0] + times[-1]),
        ylim=(0, 1.08 * np.max(ratios, initial=1)),
    )
    axis.set_ylabel("distance (1 = between its halves)")
    axis.grid(alpha=0.3)
    add_legend(figure)
    return figure


def draw_weights(times: np.ndarray, weights: np.ndarray, names: Sequence[str]) -> "Figure":
    """Weights of a morph's references over time.

    Args:
      times: [P], seconds.
      weights: [P, R]; those of a time add up to one.
      names: of the R references.
    """
    figure = new_figure((WIDTH, 2.8 + 0.2 * len(names)))
    axis = figure.subplots()
    for number, (name, values) in enumerate(zip(names, weights.T, strict=True)):
        axis.plot(times, 100 * values, label=name, color=curve_color(number), linewidth=2)
    axis.set(xlabel="time (s)", ylabel="weight (%)", ylim=(-3, 103), xlim=(times[0], times[-1]))
    axis.grid(alpha=0.3)
    add_legend(figure)
    return figure


def draw_places(places: np.ndarray, names: Sequence[str]) -> "Figure":
    """A map: each name beside its place, without axes, as only distances mean something.

    Args:
      places: [S, 2], of `generators.map_styles`.
      names: S of them.
    """
    figure = new_figure((WIDTH, 3.2))
    axes = figure.subplots()
    for number, (place, name) in enumerate(zip(places, names, strict=True)):
        axes.plot(*place, "o", color=curve_color(number))
        near = {"xytext": (5, 3), "textcoords": "offset points", "fontsize": 8}
        axes.annotate(_shorten(name), tuple(place), **near)
    axes.set_aspect("equal", "datalim")
    axes.margins(0.25)
    axes.set_axis_off()
    return figure


def draw_levels(levels: Sequence[tuple[str, np.ndarray, np.ndarray]]) -> "Figure":
    """Long-term levels of several sounds.

    levels: (title, centres in Hz, levels in dB) of each sound, as of `metrics.band_levels`.
    """
    figure = new_figure((WIDTH, 3.0 + 0.2 * len(levels)))
    axis = figure.subplots()
    for number, (title, centers, decibels) in enumerate(levels):
        color = curve_color(number)
        axis.plot(centers / 1000, decibels, label=title, linewidth=1.4, color=color)
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
    figure = new_figure((WIDTH, 3.0 + 0.2 * len(onsets)))
    axis = figure.subplots()
    for number, (title, times, strength) in enumerate(onsets):
        color = curve_color(number)
        if number == 0:
            axis.fill_between(times, strength, label=title, color=color, alpha=0.4, linewidth=0)
        else:
            axis.plot(times, strength, label=title, color=color, linewidth=0.9)
    longest = max(times[-1] for _, times, _ in onsets)
    axis.set(xlabel="time (s)", ylabel="onset strength (dB)", xlim=(0, longest))
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
    add_legend(figure)
    return figure


def draw_training(
    rows: Sequence[Mapping[str, Any]], chance: float, baseline: float
) -> tuple["Figure", "Figure"]:
    """Accuracy by epoch, and the training loss by epoch; each fold has a colour.

    Args:
      rows: of metrics.jsonl of launch.train.
      chance: accuracy of guessing.
      baseline: accuracy of the nearest class mean.
    """
    from matplotlib.ticker import MaxNLocator

    folds = list(dict.fromkeys(row["fold"] for row in rows))
    accuracy = new_figure((WIDTH, 3.0 + 0.2 * (len(folds) + 3)))
    loss = new_figure((WIDTH, 3.0 + 0.2 * len(folds)))
    left, right = accuracy.subplots(), loss.subplots()
    for number, fold in enumerate(folds):
        fold_rows = [row for row in rows if row["fold"] == fold]
        epochs = [row["epoch"] for row in fold_rows]
        color = curve_color(number)
        style = {"color": color, "marker": "o", "markersize": 3, "label": f"fold {fold}"}
        left.plot(epochs, [row["accuracy"] for row in fold_rows], **style)
        fitted = [row["fitted"] for row in fold_rows]
        left.plot(epochs, fitted, linestyle=":", linewidth=1, color=color)
        right.plot(epochs, [row["loss"] for row in fold_rows], **style)
    left.plot([], [], linestyle=":", linewidth=1, color="black", label="training clips")
    left.axhline(baseline, color="black", linewidth=0.8, linestyle="--", label="nearest class mean")
    left.axhline(chance, color="black", linewidth=0.8, linestyle="-.", label="chance")
    left.set(xlabel="epoch", ylabel="accuracy on the fold held out", ylim=(0, 1.02))
    right.set(xlabel="epoch", ylabel="training loss")
    for axis, figure in ((left, accuracy), (right, loss)):
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(alpha=0.3)
        add_legend(figure)
    return accuracy, loss


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
