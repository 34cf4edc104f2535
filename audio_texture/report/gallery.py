"""A picture of several textures, each beside its recording, with its verdict in words."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from audio_texture import audio, spectrogram
from audio_texture.report.figures import new_figure
from audio_texture.report.html_page import Sound
from audio_texture.report.spectrograms import compute_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# All lengths in inches. Two pairs stand side by side; a page 1300 pixels wide holds the picture.
_PAIR_WIDTH, _AXIS_HEIGHT, _MARGIN = 4.2, 1.15, 0.08
_LABELS, _TITLE, _TICKS = 0.42, 0.22, 0.2
_LINE, _FONT_SIZE, _LINE_CHARACTERS = 0.13, 7.0, 78
_TITLE_CHARACTERS = 32
_RANGE_DB, _BANDS = 80.0, 64
_HERTZ = (200, 1000, 5000, 20_000)


class GalleryPair(NamedTuple):
    """A texture beside its recording.

    Attributes:
      reference: the recording.
      result: the texture.
      words: the verdict on it.
    """

    reference: Sound
    result: Sound
    words: str


def draw_gallery(pairs: Sequence[GalleryPair]) -> "Figure":
    """Two mel spectrograms for each pair, on one scale of time, frequency and level, with the words
    wrapped below them.

    pairs: at least one.
    """
    columns = min(2, len(pairs))
    lines = [textwrap.wrap(pair.words, _LINE_CHARACTERS) for pair in pairs]
    rows = [range(i, min(i + columns, len(pairs))) for i in range(0, len(pairs), columns)]
    spectrograms_height = _TITLE + _AXIS_HEIGHT + _TICKS
    heights = [
        spectrograms_height + _LINE * max(len(lines[i]) for i in row) + 2 * _MARGIN for row in rows
    ]
    size = (columns * _PAIR_WIDTH, sum(heights))
    figure = new_figure(size)
    # Every place is computed here.
    figure.set_layout_engine("none")
    top = size[1]
    for row, height in zip(rows, heights, strict=True):
        for column, i in enumerate(row):
            left = column * _PAIR_WIDTH
            _draw_pair(figure, pairs[i], left, top - _TITLE)
            figure.text(
                (left + _MARGIN) / size[0],
                (top - spectrograms_height) / size[1],
                "\n".join(lines[i]),
                fontsize=_FONT_SIZE,
                verticalalignment="top",
                linespacing=_LINE * 72 / _FONT_SIZE / 1.2,
                parse_math=False,
            )
        top -= height
    return figure


def _draw_pair(figure: "Figure", pair: GalleryPair, left: float, top: float) -> None:
    """Draws the two spectrograms of a pair. left, top: of the axes with their labels, in inches."""
    width, height = figure.get_size_inches()
    sounds = [pair.reference, pair.result]
    rate = min(sample_rate for _, _, sample_rate in sounds)
    waves = [
        audio.resample(audio.with_channels(wave, 1)[0], sample_rate, rate)
        for _, wave, sample_rate in sounds
    ]
    pictures = [compute_picture(wave, rate, _BANDS, columns=160) for wave in waves]
    seconds = [len(wave) / rate for wave in waves]
    loudest = max(picture.max() for picture in pictures)
    axis_width = (_PAIR_WIDTH - _LABELS) / 2 - _MARGIN
    for number, ((title, _, _), picture) in enumerate(zip(sounds, pictures, strict=True)):
        x = left + _LABELS + number * (axis_width + _MARGIN)
        axis = figure.add_axes(
            (x / width, (top - _AXIS_HEIGHT) / height, axis_width / width, _AXIS_HEIGHT / height)
        )
        axis.imshow(
            picture,
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=loudest - _RANGE_DB,
            vmax=loudest,
            extent=(0, seconds[number], 0, float(spectrogram.hz_to_mel(np.array(rate / 2)))),
            interpolation="nearest",
        )
        # What a shorter sound lacks is as dark as silence.
        axis.set(xlim=(0, max(seconds)), facecolor="black")
        # Of a long name the end, which is the file's.
        shown = title if len(title) <= _TITLE_CHARACTERS else f"...{title[3 - _TITLE_CHARACTERS :]}"
        axis.set_title(shown, fontsize=_FONT_SIZE + 1, pad=3, parse_math=False)
        _label_axis(axis, rate, max(seconds), frequencies=number == 0)


def _label_axis(axis: "Axes", rate: int, seconds: float, *, frequencies: bool) -> None:
    """Labels the ends of time in s and, if asked for, some frequencies in kHz."""
    ticks = [hertz for hertz in _HERTZ if hertz < rate / 2] if frequencies else []
    axis.set_yticks(
        spectrogram.hz_to_mel(np.array(ticks, float)),
        [f"{hertz / 1000:g}{' kHz' if hertz == ticks[-1] else ''}" for hertz in ticks],
    )
    axis.set_xticks([0, seconds], ["0", f"{seconds:.3g} s"])
    axis.tick_params(labelsize=_FONT_SIZE - 1, length=2, pad=1)
    first, last = axis.get_xticklabels()
    first.set_horizontalalignment("left")
    last.set_horizontalalignment("right")
