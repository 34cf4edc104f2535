"""The figures of a report, of any sounds; drawing leaves Matplotlib's global state alone."""

import subprocess
import sys

import matplotlib
import matplotlib.image
import numpy as np
import pytest
from helpers import noise
from test_report_pages import ROWS

from audio_texture import report


def test_matplotlib_is_imported_only_to_draw():
    """Catches an import that every reader of a page's text would wait for."""
    code = "import sys, audio_texture.report; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_drawing_keeps_the_global_back_end():
    """Catches pyplot and `matplotlib.use`, which would close a notebook's own figures."""
    before = matplotlib.rcParams._get_backend_or_none()
    report.encode_png(report.draw_loss(ROWS))
    assert matplotlib.rcParams._get_backend_or_none() == before


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
def test_spectrograms_of_any_sounds_are_drawn(sounds):
    """0.05 s, all rates, channels, silence: catches a report that fails after the work is done."""
    figures = report.draw_spectrograms(sounds)
    for figure in figures:
        figure.canvas.draw()
    axes = [figure.axes[0] for figure in figures]
    assert [axis.get_title() for axis in axes] == [title for title, _, _ in sounds]
    for axis in axes:
        assert np.all(np.isfinite(axis.images[0].get_array()))
        # All have the same scales of level and time.
        assert axis.images[0].get_clim() == axes[0].images[0].get_clim()
        assert axis.get_xlim() == axes[0].get_xlim()


def test_a_spectrogram_shows_a_tone_at_its_frequency():
    """Catches axes upside down, and frequencies of another rate."""
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)[None]
    figures = report.draw_spectrograms([("tone", tone, 16000), ("slower", tone[:, ::2], 8000)])
    first, second = (figure.axes[0] for figure in figures)
    for axis in (first, second):
        picture = axis.images[0].get_array()
        low, high = axis.images[0].get_extent()[2:]
        band = np.argmax(np.mean(picture, axis=1)) + 0.5
        mel = low + (high - low) * band / len(picture)
        assert mel == pytest.approx(15, abs=0.3)  # 1 kHz is 15 mel
    labels = [label.get_text() for label in first.get_yticklabels()]
    assert labels == ["0.2", "0.5", "1", "2"]
    np.testing.assert_allclose(first.get_yticks()[2], 15)
    assert second.images[0].get_extent()[1] == pytest.approx(0.5 * 2)


def test_distances_have_a_line_for_each_ingredient():
    """On a linear axis from nothing up, over the whole sound."""
    times, ratios = np.array([1.0, 2.0, 3.0]), np.array([[1.0, 5.0], [2.0, 2.0], [5.0, 1.0]])
    axis = report.draw_distances(times, ratios, ["rain.wav", "fire.wav"]).axes[0]
    lines = {line.get_label(): list(line.get_ydata()) for line in axis.lines}
    assert lines["rain.wav"] == [1, 2, 5] and lines["fire.wav"] == [5, 2, 1]
    assert axis.get_yscale() == "linear" and axis.get_ylim()[0] == 0 and axis.get_xlim() == (0, 4)


def test_weights_have_a_line_for_each_ingredient():
    weights = np.array([[1.0, 0.0], [0.25, 0.75]])
    axis = report.draw_weights(np.array([0.0, 2.0]), weights, ["rain.wav", "fire.wav"]).axes[0]
    lines = {line.get_label(): list(line.get_ydata()) for line in axis.lines}
    assert lines == {"rain.wav": [100, 25], "fire.wav": [0, 75]}


def luminance(color):
    """Relative luminance of a colour such as #1f7fc4, as of WCAG 2."""
    channels = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.03928, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def test_figures_are_seen_on_light_and_on_dark_pages():
    """Catches a white background, black text on a dark page, and a curve that fades into either."""
    for color in report.CURVES:
        light, dark = 1.05 / (luminance(color) + 0.05), (luminance(color) + 0.05) / 0.056
        assert light >= 3 and dark >= 3, (color, light, dark)
    drawing = report.encode_svg(report.draw_loss(ROWS, {"gram": "networks & <levels>"}), "a loss")
    assert "#ffffff" not in drawing and "#000000" not in drawing and "currentColor" in drawing
    # It stands in a page with others: no style for all of them, and nothing from outside.
    assert "<style" not in drawing and "http" not in drawing and 'aria-label="a loss"' in drawing
    assert "networks &amp; &lt;levels&gt;" in drawing
    assert report.encode_svg(report.draw_loss(ROWS), "") == report.encode_svg(
        report.draw_loss(ROWS), ""
    )


def test_legends_and_titles_take_any_name_of_a_file():
    """Two dollar signs are no formula; a long name does not make the figure wider."""
    name = "cash $5^$ " + "a very long name " * 9 + "end.wav"
    figure = report.draw_levels([(name, np.array([100.0, 200.0]), np.array([-3.0, -9.0]))])
    (text,) = figure.legends[0].get_texts()
    assert text.get_text().startswith("cash $5^$") and text.get_text().endswith("end.wav")
    assert len(text.get_text()) < 50 and "$5^$" in report.encode_svg(figure, "levels")
    (figure,) = report.draw_spectrograms([("$5^$", noise(4000), 8000)])
    assert "$5^$" in report.encode_svg(figure, "a spectrogram")


def test_a_short_sound_leaves_no_white_field():
    """Behind its end the axis, which has the time scale of all, is as dark as silence."""
    sounds = [("long", noise(8000), 8000), ("short", noise(2000), 8000)]
    long, short = (figure.axes[0] for figure in report.draw_spectrograms(sounds))
    assert long.get_xlim() == short.get_xlim() and short.images[0].get_extent()[1] == 0.25
    assert sum(short.get_facecolor()[:3]) < 0.1
    assert [text.get_text() for text in short.texts] == ["ends here"] and not long.texts
    # A minute has no more columns than a screen has pixels.
    (figure,) = report.draw_spectrograms([("a minute", noise(480_000), 8000)])
    assert 400 <= figure.axes[0].images[0].get_array().shape[1] <= 800


def test_a_loss_of_zero_is_left_out():
    """A logarithmic axis has no place for it, nor has the legend; samples lie over one another."""
    figure = report.draw_loss(ROWS, {"gram": "networks"})
    figure.canvas.draw()
    axis = figure.axes[0]
    assert axis.get_yscale() == "log" and len(axis.lines) == 6
    np.testing.assert_allclose(axis.lines[0].get_xydata(), [[10, 1], [20, 1 / 2], [30, 1 / 3]])
    assert {"0.5", "1"} <= {label.get_text() for label in axis.get_yticklabels()}
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["loss", "networks"]
    # Below the axes, where it covers no curve.
    assert legend.get_window_extent().y1 <= axis.get_window_extent().y0


def test_levels_and_onsets_are_those_of_the_sounds():
    """Catches curves under another's title, at another frequency or another time."""
    rate = 16000
    tone = np.sin(2 * np.pi * 500 * np.arange(rate) / rate)[None]
    burst = 1e-3 * noise(rate)
    burst[0, rate // 2 : rate // 2 + 400] = noise(400)[0]
    sounds = [("tone", tone, rate), ("burst", burst, rate)]
    figure = report.draw_levels(report.compute_levels(sounds))
    lines = {line.get_label(): line.get_xydata() for line in figure.axes[0].lines}
    peaks = {title: points[np.argmax(points[:, 1]), 0] for title, points in lines.items()}
    assert peaks["tone"] == pytest.approx(0.5, rel=0.12) and peaks["burst"] > 1
    figure = report.draw_onsets(report.compute_onsets(sounds))
    figure.canvas.draw()
    (line,) = figure.axes[0].lines
    assert line.get_label() == "burst"
    assert line.get_xdata()[np.argmax(line.get_ydata())] == pytest.approx(0.5, abs=0.04)
    assert not report.comparison_section([("too short", noise(400), 8000), *sounds])


def test_training_shows_accuracies_by_fold_and_epoch():
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
    accuracy, loss = report.draw_training(rows, 0.5, 0.6)
    assert [line.get_label() for line in loss.axes[0].lines] == ["fold 1", "fold 3"]
    lines = {line.get_label(): line.get_xydata() for line in accuracy.axes[0].lines}
    np.testing.assert_allclose(lines["fold 3"], [[1, 0.3], [2, 0.6]])
    assert lines["chance"][0][1] == 0.5 and lines["nearest class mean"][0][1] == 0.6


def test_confusion_has_classes_as_rows():
    """As shares of their own clips; empty cells have no number."""
    axis = report.draw_confusion([[3, 1], [0, 0]], ["fire", "rain"]).axes[0]
    np.testing.assert_allclose(axis.images[0].get_array(), [[0.75, 0.25], [0, 0]])
    texts = [(text.get_position(), text.get_text()) for text in axis.texts]
    assert texts == [((0, 0), "3"), ((1, 0), "1")]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["fire", "rain"]
    assert axis.get_ylabel() == "class"


def test_a_small_picture_has_no_frame(tmp_path):
    """As many rows as bands, the loud half bright, the silent one black.

    Catches an axis, a flip and an empty image.
    """
    tone = 0.5 * np.sin(np.arange(8000) * 0.9)
    wave = np.concatenate([tone, np.zeros(8000)])[None].astype(np.float32)
    report.write_picture(str(tmp_path / "small.png"), wave, 8000)
    picture = matplotlib.image.imread(tmp_path / "small.png")[..., :3].sum(axis=2)
    assert picture.shape[0] == 64 and 100 <= picture.shape[1] <= 400
    columns = picture.max(axis=0)
    assert columns[: len(columns) // 3].min() > 1.5 and columns[-len(columns) // 3 :].max() < 0.1
    # The tone is in the upper bands, which are the first rows.
    assert picture[:, 5].argmax() < 40
