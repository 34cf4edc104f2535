"""report.py: pages that stand alone, players that hold the very sound, pictures of any sounds side by side."""

import base64
import io
import re
from html.parser import HTMLParser

import matplotlib.pyplot as plt
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


class Balance(HTMLParser):
    """Fails on tags that do not close; collects the addresses a page refers to."""

    def __init__(self, text):
        super().__init__()
        self.open, self.addresses = [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.addresses += [value for name, value in attributes if name in ("src", "href")]
        if tag not in ("meta", "img", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def sounds_in(page):
    return [
        soundfile.read(io.BytesIO(base64.b64decode(found)), always_2d=True)
        for found in re.findall(r"data:audio/flac;base64,([^\"]+)", page)
    ]


@pytest.mark.slow
def test_texture_page_stands_alone():
    """Opened from a disk without a network: nothing outside is referred to, every sound is inside, in order."""
    original, result = noise(8000), noise(4000, 2)
    page = report.texture_page(
        [("input: <rain>.wav", original, 8000)], [("texture.wav", result, 8000)] * 2, ROWS, CONFIG
    )
    assert (
        page.startswith("<!doctype html>")
        and page.count("<html") == 1
        and page.rstrip().endswith("</html>")
    )
    assert all(address.startswith("data:") for address in Balance(page).addresses)
    assert not re.search(r"https?://|url\(|@import", page)
    assert "<rain>" not in page and "&lt;rain&gt;.wav" in page and "&lt;a &amp; b&gt;.wav" in page
    inside = sounds_in(page)
    assert [rate for _, rate in inside] == [8000] * 3
    np.testing.assert_allclose(inside[0][0].T, original, atol=2.0**-15)
    np.testing.assert_allclose(inside[2][0].T, result, atol=2.0**-15)
    assert not plt.get_fignums(), "figures are left open."


@pytest.mark.parametrize(
    "rate, channels", [(4000, 1), (8000, 2), (48000, 1), (44100, 3), (96000, 2), (384000, 1)]
)
def test_player_holds_the_sound(rate, channels):
    """In a form that browsers play: at most two channels and 48 kHz."""
    time = np.arange(rate // 4) / rate
    wave = np.stack([0.5 * np.sin(2 * np.pi * 440 * time)] * channels).astype(np.float32)
    ((found, found_rate),) = sounds_in(report.player(wave, rate))
    assert (
        found_rate == min(rate, 48000) and found.shape[1] == min(channels, 2) if channels < 3 else 1
    )
    assert len(found) / found_rate == pytest.approx(0.25, abs=1e-3)
    middle = slice(len(found) // 4, 3 * len(found) // 4)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(found)) / found_rate)
    np.testing.assert_allclose(found[middle, 0], expected[middle], atol=1e-3)


def test_player_clips_rather_than_wraps():
    ((found, _),) = sounds_in(report.player(np.array([[1.5, -1.5, 0.0]], np.float32), 8000))
    np.testing.assert_allclose(found[:, 0], [1, -1, 0], atol=1e-4)


@pytest.mark.parametrize(
    "sounds",
    [
        [("short", noise(400), 8000), ("long, other rate, stereo", noise(44100, 2), 44100)],
        [("lowest", noise(200), 4000)],
        [("high", noise(9600), 96000), ("higher", noise(19200), 192000)],
        [("highest", noise(40000), 384000)],
        [("silent", np.zeros((1, 4000), np.float32), 8000), ("a sample", noise(1), 8000)],
    ],
    ids=["rates and channels", "lowest rate", "high rates", "highest rate", "silence"],
)
def test_spectrogram_figure_takes_any_sounds(sounds):
    """0.05 s, every rate that can be read, one and more channels, silence: catches a report that fails after the work is done."""
    figure = report.spectrogram_figure(sounds)
    figure.canvas.draw()
    shown = [axis for axis in figure.axes if axis.images]
    assert [axis.get_title() for axis in shown[: len(sounds)]] == [title for title, _, _ in sounds]
    for axis in shown[: len(sounds)]:
        assert np.all(np.isfinite(axis.images[0].get_array()))
        # On one scale of level, time and frequency.
        assert (
            axis.images[0].get_clim() == shown[0].images[0].get_clim()
            and axis.get_xlim() == shown[0].get_xlim()
        )
    plt.close(figure)


def test_spectrogram_figure_shows_the_tone_where_it_is():
    """Catches axes upside down, and frequencies of another rate's."""
    time = np.arange(16000) / 16000
    figure = report.spectrogram_figure(
        [
            ("tone", 0.5 * np.sin(2 * np.pi * 1000 * time)[None], 16000),
            ("slower", 0.5 * np.sin(2 * np.pi * 1000 * time[::2])[None], 8000),
        ]
    )
    for axis in figure.axes[:2]:
        picture = axis.images[0].get_array()
        low, high = axis.images[0].get_extent()[2:]
        band = np.argmax(np.mean(picture, axis=1)) + 0.5
        assert low + (high - low) * band / len(picture) == pytest.approx(
            15, abs=0.3
        )  # 1 kHz is 15 mel
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "0.2",
        "0.5",
        "1",
        "2",
    ]
    np.testing.assert_allclose(figure.axes[0].get_yticks()[2], 15)
    assert figure.axes[1].images[0].get_extent()[1] == pytest.approx(0.5 * 2)
    plt.close(figure)


def test_likeness_figure():
    """A line for each ingredient, by its name."""
    figure = report.likeness_figure(
        np.array([1.0, 2.0, 3.0]),
        np.array([[1.0, 5.0], [2.0, 2.0], [5.0, 1.0]]),
        ["rain.wav", "fire.wav"],
    )
    lines = {line.get_label(): list(line.get_ydata()) for line in figure.axes[0].lines}
    assert lines["rain.wav"] == [1, 2, 5] and lines["fire.wav"] == [5, 2, 1]
    plt.close(figure)


def test_loss_figure():
    """Terms of zero, which a logarithmic axis has no place for, are left out; samples lie over one another."""
    figure = report.loss_figure(ROWS)
    figure.canvas.draw()
    axis = figure.axes[0]
    assert axis.get_yscale() == "log" and len(axis.lines) == 6
    np.testing.assert_allclose(axis.lines[0].get_xydata(), [[10, 1], [20, 1 / 2], [30, 1 / 3]])
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["loss", "gram", "bounds"]
    plt.close(figure)


def test_training_figures():
    """Accuracies of each fold by its epochs; of the confusion matrix classes are rows, as shares of their own clips, and empty cells have no number."""
    rows = [
        {
            "fold": fold,
            "epoch": epoch,
            "loss": 1 / epoch,
            "fitted": 0.9,
            "accuracy": 0.1 * fold * epoch,
        }
        for fold in (1, 3)
        for epoch in (1, 2)
    ]
    figure = report.training_figure(rows, 0.5, 0.6)
    lines = {line.get_label(): line.get_xydata() for line in figure.axes[0].lines}
    np.testing.assert_allclose(lines["fold 3"], [[1, 0.3], [2, 0.6]])
    assert lines["chance"][0][1] == 0.5 and lines["nearest class mean"][0][1] == 0.6
    plt.close(figure)
    figure = report.confusion_figure([[3, 1], [0, 0]], ["fire", "rain"])
    axis = figure.axes[0]
    np.testing.assert_allclose(axis.images[0].get_array(), [[0.75, 0.25], [0, 0]])
    assert [(text.get_position(), text.get_text()) for text in axis.texts] == [
        ((0, 0), "3"),
        ((1, 0), "1"),
    ]
    assert [label.get_text() for label in axis.get_yticklabels()] == [
        "fire",
        "rain",
    ] and axis.get_ylabel() == "class"
    plt.close(figure)


def test_tables_and_titles_are_text():
    found = report.table([["<script>", 0.123456, 3]], ["a & b", "c", "d"])
    assert "<script>" not in found and "0.1235" in found and "a &amp; b" in found
    Balance(report.page("<t>", "<s>", [("<h>", found)]))
    assert "<h>" not in report.page("<t>", "<s>", [("<h>", "")])
    assert "</pre><b>" not in report.configuration({"a": "</pre><b>"})


def test_a_small_picture_has_no_frame(tmp_path):
    """As many rows as bands, the loud half bright and the silent one black: catches an axis, a flip or an empty image."""
    wave = np.concatenate([0.5 * np.sin(np.arange(8000) * 0.9), np.zeros(8000)])[None].astype(
        np.float32
    )
    report.write_picture(str(tmp_path / "small.png"), wave, 8000)
    picture = report.plt.imread(tmp_path / "small.png")[..., :3].sum(axis=2)
    assert picture.shape[0] == 64 and 100 <= picture.shape[1] <= 400
    columns = picture.max(axis=0)
    assert columns[: len(columns) // 3].min() > 1.5 and columns[-len(columns) // 3 :].max() < 0.1
    assert picture[:, 5].argmax() < 40, (
        "the tone stands in the upper bands, which are the picture's first rows"
    )
