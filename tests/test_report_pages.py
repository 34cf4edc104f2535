"""Pages that stand alone, and players that hold the very sound."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile
from helpers import noise

from audio_texture import report

ROWS = [
    {
        "sample": sample,
        "evaluations": 10 * i,
        "seconds": 0.1 * i,
        "loss": 1.0 / i,
        "terms": {"gram": 0.9 / i, "bounds": 0.0},
    }
    for sample in (0, 1)
    for i in (1, 2, 3)
]
CONFIG = {
    "seconds": 0.5,
    "seed": 3,
    "recipe": {"name": "texture", "views": ["bins@32/8:1,3"]},
    "input": "<a & b>.wav",
}


class TagChecker(HTMLParser):
    """Fails on tags that do not close; collects the addresses that a page refers to."""

    def __init__(self, text):
        super().__init__()
        self.open, self.addresses = [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def read_players(page):
    """Wave [N, C] and sample rate of each player of a page."""
    return [
        soundfile.read(io.BytesIO(base64.b64decode(data)), always_2d=True)
        for data in re.findall(r"data:audio/flac;base64,([^\"]+)", page)
    ]


def test_a_texture_page_stands_alone():
    """Opened from a disk without a network: it refers to nothing outside and holds every sound."""
    original, result = noise(8000), noise(4000, 2)
    page = report.render_texture_page(
        [("input: <rain>.wav", original, 8000)], [("texture.wav", result, 8000)] * 2, ROWS, CONFIG
    )
    assert page.startswith("<!doctype html>") and page.rstrip().endswith("</html>")
    assert page.count("<html") == 1
    assert all(address.startswith("data:") for address in TagChecker(page).addresses)
    assert not re.search(r"https?://|url\(|@import", page)
    assert "<rain>" not in page and "&lt;rain&gt;.wav" in page and "&lt;a &amp; b&gt;.wav" in page
    players = read_players(page)
    assert [rate for _, rate in players] == [8000] * 3
    np.testing.assert_allclose(players[0][0].T, original, atol=2.0**-15)
    np.testing.assert_allclose(players[2][0].T, result, atol=2.0**-15)


@pytest.mark.parametrize(
    "rate, channels", [(4000, 1), (8000, 2), (48000, 1), (44100, 3), (96000, 2), (384000, 1)]
)
def test_a_player_holds_the_sound(rate, channels):
    """In a form that browsers play: at most two channels and 48 kHz."""
    time = np.arange(rate // 4) / rate
    wave = np.stack([0.5 * np.sin(2 * np.pi * 440 * time)] * channels).astype(np.float32)
    ((played, played_rate),) = read_players(report.embed_player(wave, rate))
    assert played_rate == min(rate, 48000)
    assert played.shape[1] == (channels if channels < 3 else 1)
    assert len(played) / played_rate == pytest.approx(0.25, abs=1e-3)
    middle = slice(len(played) // 4, 3 * len(played) // 4)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(played)) / played_rate)
    np.testing.assert_allclose(played[middle, 0], expected[middle], atol=1e-3)


def test_a_player_clips_and_does_not_wrap():
    wave = np.array([[1.5, -1.5, 0.0]], np.float32)
    ((played, _),) = read_players(report.embed_player(wave, 8000))
    np.testing.assert_allclose(played[:, 0], [1, -1, 0], atol=1e-4)


def test_tables_and_titles_are_text():
    table = report.format_table([["<script>", 0.123456, 3]], ["a & b", "c", "d"])
    assert "<script>" not in table and "0.1235" in table and "a &amp; b" in table
    TagChecker(report.render_page("<t>", "<s>", [("<h>", table)]))
    assert "<h>" not in report.render_page("<t>", "<s>", [("<h>", "")])
    assert "</pre><b>" not in report.format_config({"a": "</pre><b>"})
