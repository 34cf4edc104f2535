"""Self-contained HTML: a page with its style sheet, and the tables, players and images in it."""

import base64
import html
import io
import json
import math
import numbers
import pathlib
import types
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile

from audio_texture import audio
from audio_texture.report.figures import encode_svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Sound = tuple[str, np.ndarray, int]  # title, wave [C, N], sample rate in Hz
Section = tuple[str, str]  # heading as text, content as HTML

# Of an embedded sound, in Hz: not every browser plays more.
HIGHEST_RATE = 48_000


def read_asset(name: str) -> str:
    """The text of a file of this package: a style sheet or script."""
    return pathlib.Path(__file__).with_name(name).read_text(encoding="utf-8")


def render_page(title: str, summary: str, sections: Sequence[Section]) -> str:
    """An HTML document: title and summary (plain text), then sections of (heading, HTML).

    Example:
      >>> page = render_page("Rain", "5 s", [("Loss", "<p>0.1</p>")])
      >>> "<h2>Loss</h2>" in page
      True
    """
    body = "\n".join(
        f"<section><h2>{html.escape(heading)}</h2>\n{content}</section>"
        for heading, content in sections
    )
    title = html.escape(title)
    script = f"<script>\n{read_asset('listen.js')}</script>\n" if 'class="listen"' in body else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<title>{title}</title><meta name="viewport" content="width=device-width">'
        f"<style>\n{read_asset('page.css')}</style></head>\n"
        f'<body><h1>{title}</h1><p class="summary">{html.escape(summary)}</p>\n'
        f"{body}\n{script}</body></html>\n"
    )


def format_number(value: Any) -> str:
    """A number as pages show it: three significant digits, or all that stand before the point.

    Whole numbers stay whole, what rounds to nothing at four decimals is 0, and there is no
    exponent below 1e15.

    Example:
      >>> [format_number(value) for value in (3, 0.123456, 1.0, 1.0004, 1234.56, -2.994e-07, 1e-4)]
      ['3', '0.123', '1', '1.00', '1235', '0', '0.000100']
    """
    if isinstance(value, numbers.Integral):
        return str(int(value))
    number = float(value)
    if not math.isfinite(number):
        return str(number)
    if abs(number) < 5e-5:
        return "0"
    if number == round(number) or abs(number) >= 100:
        return f"{number:.0f}" if abs(number) < 1e15 else f"{number:.3g}"
    # Decimals after rounding to three digits: 9.999 is 10.0.
    exponent = int(f"{number:.2e}".split("e")[1])
    return f"{number:.{max(0, 2 - exponent)}f}"


def format_table(rows: Sequence[Sequence[Any]], header: Sequence[str]) -> str:
    """An HTML table, in a box that scrolls where the page is narrower.

    Numbers are as of `format_number`. Columns of numbers are right-aligned, all others left.

    Example:
      >>> table = format_table([["a & b", 0.123456]], ["", "loss"])
      >>> '<tr><td>a &amp; b</td><td class="number">0.123</td></tr>' in table
      True
    """

    def format_line(values, tag):
        cells = (
            f"<{tag}{right_aligned[i]}>{_format_cell(value)}</{tag}>"
            for i, value in enumerate(values)
        )
        return "<tr>" + "".join(cells) + "</tr>"

    columns = zip(*rows, strict=True) if rows else [()] * len(header)
    right_aligned = [
        ' class="number"'
        if any(map(_is_number, column)) and all(map(_may_be_number, column))
        else ""
        for column in columns
    ]
    lines = "".join(format_line(row, "td") for row in rows)
    return f'<div class="scroll"><table>{format_line(header, "th")}{lines}</table></div>'


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _may_be_number(value: Any) -> bool:
    """Whether a value may stand in a column of numbers: a number, or a word for none."""
    return _is_number(value) or value is None or value in ("none", "")


def _format_cell(value: Any) -> str:
    if value is None:
        return "none"
    return format_number(value) if _is_number(value) else html.escape(str(value))


def format_config(config: Mapping[str, Any]) -> str:
    """The configuration as in config.json, in a collapsed HTML element.

    Example:
      >>> format_config({"seed": 1})[:32]
      '<details><summary>config.json</s'
    """
    text = html.escape(json.dumps(config, indent=2))
    return f"<details><summary>config.json</summary><pre>{text}</pre></details>"


def embed_player(
    wave: np.ndarray, sample_rate: int, attributes: Mapping[str, str] = types.MappingProxyType({})
) -> str:
    """An HTML audio player with the sound embedded as 16-bit FLAC.

    More than two channels are mixed to one, and rates over 48 kHz are resampled to 48 kHz, because
    not every browser plays them.

    Args:
      wave: [C, N] in [-1, 1]; samples beyond are clipped.
      sample_rate: Hz.
      attributes: further attributes of the element.

    Example:
      >>> embed_player(np.zeros((1, 800), np.float32), 8000)[:23]
      '<audio controls preload'
    """
    if len(wave) > 2:
        wave = audio.with_channels(wave, 1)
    if sample_rate > HIGHEST_RATE:
        wave, sample_rate = audio.resample(wave, sample_rate, HIGHEST_RATE), HIGHEST_RATE
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(wave, -1, 1).T, sample_rate, format="FLAC", subtype="PCM_16")
    data = base64.b64encode(buffer.getvalue()).decode()
    more = "".join(f' {name}="{html.escape(text)}"' for name, text in attributes.items())
    return f'<audio controls preload="metadata"{more} src="data:audio/flac;base64,{data}"></audio>'


def embed_figure(figure: "Figure", alternative: str) -> str:
    """A figure as HTML, see `encode_svg`. alternative: the text for screen readers."""
    return f'<figure class="figure">{encode_svg(figure, alternative)}</figure>'


def embed_figures(figures: Sequence[tuple["Figure", str]]) -> str:
    """Figures side by side, or below each other where the page is narrow.

    figures: each with its text for screen readers.
    """
    return f'<div class="pictures">{"".join(embed_figure(*pair) for pair in figures)}</div>'


def embed_png(picture: bytes, alternative: str) -> str:
    """An HTML image with an embedded PNG file, of a drawing on white, in a box that scrolls where
    the page is narrow. It is inverted where the page is dark.

    Args:
      picture: the file.
      alternative: the text for screen readers.
    """
    data = base64.b64encode(picture).decode()
    return (
        '<div class="scroll"><img class="drawing" '
        f'alt="{html.escape(alternative)}" src="data:image/png;base64,{data}"></div>'
    )
