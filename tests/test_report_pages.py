"""Pages that stand alone, and players that hold the very sound."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile
from helpers import figures_left_out, noise
from hypothesis import given
from hypothesis import strategies as st

from audio_texture import metrics, report

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
        if tag not in ("meta", "img", "br", "input", "link"):
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
    # A "#" refers to a part of a figure.
    assert all(address.startswith(("data:", "#")) for address in TagChecker(page).addresses)
    assert not re.search(r"https?://|url\((?!#)|@import", page)
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


def test_sounds_are_compared_at_the_level_of_the_quietest():
    """None is turned up, into clipping; a silent sound does not silence the others; the page says
    what is turned down.
    """
    wave = noise(4000, level=0.05)
    sounds = [("loud", 2 * wave, 8000), ("soft", wave, 8000), ("silent", 0 * wave, 8000)]
    assert report.level_offsets(sounds) == pytest.approx([-6.02, 0, 0], abs=0.01)
    # Beside a sound that is hardly heard, the others stay audible.
    faint = ("faint", 1e-3 * wave, 8000)
    assert report.level_offsets([*sounds[:2], faint]) == pytest.approx([-20, -13.98, 0], abs=0.01)
    assert "None is turned down by more than 20 dB." in report.embed_players([*sounds, faint])
    assert "All have the same level." in report.embed_players([sounds[1], sounds[1]])
    page = report.embed_players(sounds)
    gains = [float(gain) for gain in re.findall(r'data-gain="(.*?)"', page)]
    assert gains == pytest.approx([0.5, 1, 1], abs=1e-3)
    assert "All play at the same level; turned down: “loud” by 6.0 dB." in page
    # The sounds themselves are as they were.
    np.testing.assert_allclose(read_players(page)[0][0].T, 2 * wave, atol=2.0**-15)


def test_players_stay_for_readers_without_scripts():
    """The comparison is hidden until its script runs; a single sound needs none."""
    sounds = [("<a>", noise(800), 8000), ("b", noise(800), 8000)]
    page = report.embed_players(sounds, loops=["b"])
    assert page.count("<audio controls") == 2 and '<div class="compare" hidden>' in page
    assert page.count('loop="loop"') == 1 and "<a>" not in page
    TagChecker(report.render_page("t", "s", [("h", page)]))
    alone = report.embed_players(sounds[:1])
    assert "compare" not in alone and "<script" not in report.render_page("t", "s", [("h", alone)])


def test_one_of_several_samples_is_chosen_by_file_and_seed():
    results = [(f"texture_{i}.wav", noise(800), 8000) for i in range(2)]
    original = [("input: rain.wav", noise(800), 8000)]
    with figures_left_out():
        page = report.render_texture_page(original, results, ROWS, CONFIG, seeds=[3, 4])
        alone = report.render_texture_page(original, results[:1], ROWS, CONFIG, seeds=[3])
    assert re.findall(r'data-choice="(.*?)"', page) == [
        "texture_0.wav, seed 3",
        "texture_1.wav, seed 4",
    ]
    # Nothing is to choose from one.
    assert "data-choice" not in alone and 'class="keep"' not in alone


@pytest.mark.parametrize(
    "paths, names",
    [
        (["a/rain.wav", "b/rain.wav"], ["a/rain.wav", "b/rain.wav"]),
        (["x/a/rain.wav", "y/a/rain.wav", "y/b.wav"], ["x/a/rain.wav", "y/a/rain.wav", "b.wav"]),
        (["rain.wav", "a/rain.wav"], ["rain.wav", "a/rain.wav"]),
        (["/rain.wav", "a/rain.wav"], ["/rain.wav", "a/rain.wav"]),
        (["./rain.wav", "rain.wav"], ["rain.wav (1)", "rain.wav (2)"]),
        (["sound:rain", "a/fire.wav"], ["sound:rain", "fire.wav"]),
        ([], []),
    ],
)
def test_files_of_one_name_are_told_apart_by_their_folders(paths, names):
    assert report.name_apart(paths) == names


@given(st.one_of(st.integers(-(10**12), 10**12), st.floats(-1e14, 1e14)))
def test_numbers_have_three_digits(value):
    """For every number: near it, no exponent, no false digits, and zero without a sign."""
    text = report.format_number(value)
    assert re.fullmatch(r"-?\d+(\.\d+)?", text), text
    if isinstance(value, int):
        assert text == str(value)
        return
    assert float(text) == pytest.approx(value, rel=0.00501, abs=5e-5)
    digits = text.lstrip("-0.").replace(".", "")
    assert len(digits) == 3 or "." not in text
    assert text != "-0" and float(text) * value >= 0


@pytest.mark.parametrize(
    "value, text",
    [
        (-2.994e-07, "0"),
        (1e-5, "0"),
        (3.0, "3"),
        (44100.0, "44100"),
        (9.996, "10.0"),
        (0.9996, "1.00"),
        (99.95, "100"),
        (np.float32(0.25), "0.250"),
        (np.int64(7), "7"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (1e20, "1e+20"),
    ],
)
def test_odd_numbers(value, text):
    assert report.format_number(value) == text


def test_tables_and_titles_are_text():
    table = report.format_table([["<script>", 0.123456, 3]], ["a & b", "c", "d"])
    assert "<script>" not in table and ">0.123<" in table and "a &amp; b" in table
    TagChecker(report.render_page("<t>", "<s>", [("<h>", table)]))
    assert "<h>" not in report.render_page("<t>", "<s>", [("<h>", "")])
    assert "</pre><b>" not in report.format_config({"a": "</pre><b>"})


def test_tables_scroll_and_align_by_what_they_hold():
    """In a box of their own; numbers right, words left, and None is a word."""
    rows = [["rain", 1, None, "x"], ["fire", 0.5, 2.0, 3]]
    table = report.format_table(rows, ["sound", "a", "b", "c"])
    assert table.startswith('<div class="scroll"><table>')
    right = re.findall(r'<t[dh] class="number">(.*?)</t[dh]>', table)
    assert right == ["a", "b", "1", "none", "0.500", "2"]
    assert "<td>x</td>" in table and "<td>3</td>" in table
    assert "<tr>" in report.format_table([], ["sound", "a"])


def test_a_verdict_says_which_way_is_better():
    """A scale in words, and the program whose flags the advice names."""
    row = {"auditory": 3.0, "patches": 3.0}
    judged = report.Judged("a.wav", metrics.give_verdict(row), row)
    heading, content = report.verdict_section([judged], program="launch.texture")
    assert heading == "Verdict" and "lower is better" in content
    assert "Up to 1 is very like, up to 1.3 like, up to 2 related to, above that unlike" in content
    assert "What to try with launch.texture:" in content and "<details><summary>" in content
    withheld = report.Judged("a.wav", metrics.withhold_verdict("too short"), {})
    _, content = report.verdict_section([withheld])
    # Neither good nor bad.
    assert '<li class="open">' in content and "lower is better" not in content
