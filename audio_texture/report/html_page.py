"""Self-contained HTML: a page with its style sheet, and the tables, players and images in it."""

import base64
import html
import io
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile

from audio_texture import audio
from audio_texture.report.figures import encode_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Sound = tuple[str, np.ndarray, int]  # title, wave [C, N], sample rate in Hz
Section = tuple[str, str]  # heading as text, content as HTML


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
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<title>{title}</title><meta name="viewport" content="width=device-width">'
        f"<style>\n{read_asset('page.css')}</style></head>\n"
        f'<body><h1>{title}</h1><p class="summary">{html.escape(summary)}</p>\n'
        f"{body}\n</body></html>\n"
    )


def format_table(rows: Sequence[Sequence[Any]], header: Sequence[str]) -> str:
    """An HTML table; floats have four digits.

    Example:
      >>> format_table([["a & b", 0.123456]], ["", "loss"])
      '<table><tr><th></th><th>loss</th></tr><tr><td>a &amp; b</td><td>0.1235</td></tr></table>'
    """

    def format_line(values, tag):
        cells = (
            f"{value:.4g}" if isinstance(value, float) else html.escape(str(value))
            for value in values
        )
        return "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in cells) + "</tr>"

    lines = "".join(format_line(row, "td") for row in rows)
    return f"<table>{format_line(header, 'th')}{lines}</table>"


def format_config(config: Mapping[str, Any]) -> str:
    """The configuration as in config.json, in a collapsed HTML element.

    Example:
      >>> format_config({"seed": 1})[:32]
      '<details><summary>config.json</s'
    """
    text = html.escape(json.dumps(config, indent=2))
    return f"<details><summary>config.json</summary><pre>{text}</pre></details>"


def embed_players(sounds: Sequence[Sound]) -> str:
    """A titled player for each sound, side by side."""
    cells = [
        f"<div><b>{html.escape(title)}</b><br>{embed_player(wave, sample_rate)}</div>"
        for title, wave, sample_rate in sounds
    ]
    return f'<div class="sounds">{"".join(cells)}</div>'


def embed_player(wave: np.ndarray, sample_rate: int) -> str:
    """An HTML audio player with the sound embedded as 16-bit FLAC.

    More than two channels are mixed to one, and rates over 48 kHz are resampled to 48 kHz, because
    not every browser plays them.

    Args:
      wave: [C, N] in [-1, 1]; samples beyond are clipped.
      sample_rate: Hz.

    Example:
      >>> embed_player(np.zeros((1, 800), np.float32), 8000)[:23]
      '<audio controls preload'
    """
    if len(wave) > 2:
        wave = audio.with_channels(wave, 1)
    if sample_rate > 48_000:
        wave, sample_rate = audio.resample(wave, sample_rate, 48_000), 48_000
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(wave, -1, 1).T, sample_rate, format="FLAC", subtype="PCM_16")
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<audio controls preload="metadata" src="data:audio/flac;base64,{data}"></audio>'


def embed_figure(figure: "Figure", alternative: str) -> str:
    """An HTML image with an embedded figure. alternative: the text for screen readers."""
    return embed_png(encode_png(figure), alternative)


def embed_figures(figures: Sequence[tuple["Figure", str]]) -> str:
    """HTML images side by side, or below each other where the page is narrow.

    figures: each with its text for screen readers.
    """
    return f'<div class="pictures">{"".join(embed_figure(*pair) for pair in figures)}</div>'


def embed_png(picture: bytes, alternative: str) -> str:
    """An HTML image with an embedded PNG file. alternative: the text for screen readers."""
    data = base64.b64encode(picture).decode()
    return f'<img alt="{html.escape(alternative)}" src="data:image/png;base64,{data}">'
