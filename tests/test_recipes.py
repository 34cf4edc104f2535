"""recipes.py: every choice survives the disk, and every bad one is named before anything runs."""

import dataclasses
import json
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_texture import choices, recipes, scales
from audio_texture.config import Recipe
from audio_texture.layer import Layer
from audio_texture.recipes import RECIPES
from audio_texture.views import View

VIEW = View(0, (3,), 32.0, 8.0)


def some(**choices):
    return recipes.make("some", "For tests.", **{"views": (VIEW,), **choices})


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_survive_the_disk(name):
    """config.json is enough to make an output again: catches a field left out, or a type that JSON does not keep."""
    recipe = recipes.named(name)
    again = Recipe.from_json(json.loads(json.dumps(recipe.to_json(), allow_nan=False)))
    assert again == recipe and again.name == name
    assert set(recipe.to_json()) == {field.name for field in dataclasses.fields(Recipe)}


@pytest.mark.parametrize("name", RECIPES)
def test_names_and_summaries_fit_a_line(name):
    """They stand in --help and in reports."""
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
    summary = RECIPES[name].summary
    assert summary.endswith(".") and "\n" not in summary and len(summary) <= 120


def test_every_choice_has_help():
    """The launch programs make a flag of each field."""
    for field in dataclasses.fields(Recipe):
        if field.name not in ("name", "summary"):
            assert field.metadata["help"].endswith(".") and "\n" not in field.metadata["help"], (
                field.name
            )


def test_the_paper_is_what_the_authors_ran():
    """paper.md A.1 to A.7: 22050 Hz, 1024 / 256, 4096 filters of width 11, 1e9 and 1e-3, SPSI and 50 iterations."""
    paper = recipes.named("paper-1d")
    assert paper.views[0].sizes(22050) == {"n_fft": 1024, "hop_length": 256}
    assert paper.layers(11) == (Layer(11, 1, 1, 4096),) and paper.views[0].widths == (11,)
    assert (paper.sample_rate, paper.style_weight, paper.bound_weight, paper.evaluations) == (
        22050,
        1e9,
        1e-3,
        500,
    )
    assert (
        paper.initialisation,
        paper.padding,
        paper.phase_start,
        paper.phase_iterations,
        paper.phase_momentum,
    ) == ("uniform", "same", "spsi", 50, 0)
    assert (paper.level, paper.standardised, paper.normalised_by) == (0, False, "nothing")


def test_unknown_names_are_refused():
    with pytest.raises(
        ValueError, match="'textur' is no recipe; there are texture, texture-fast, "
    ):
        recipes.named("textur")


positive = st.floats(1e-6, 1e6)


@given(
    bands=st.integers(0, 200),
    widths=st.lists(st.integers(1, 999), min_size=1, max_size=4),
    window_ms=positive,
    share=st.floats(1e-3, 0.5),
    weight=positive,
)
def test_views_survive_their_text(bands, widths, window_ms, share, weight):
    """Whatever the numbers: catches digits cut off, and exponents that the text form does not know."""
    view = View(bands, tuple(widths), window_ms, window_ms * share, weight)
    assert View.parse(str(view)) == view


@pytest.mark.parametrize(
    "text", ["log@32.0/8.0:1,3", "log90@32.0/8.0:2x5*0.5", "cqt24@500.0/8.0:3", "mel24@32.0/8.0:2"]
)
def test_views_of_other_scales(text):
    view = View.parse(text)
    assert str(view) == text and View.parse(str(view)) == view and text.startswith(view.scale)


def test_views_as_people_write_them():
    assert View.parse("bins@32/8:1,3") == View(0, (1, 3), 32.0, 8.0)
    assert (
        View.parse("bins@32/16:2x101,3") == View(0, ((2, 101), 3), 32.0, 16.0)
        and str(View(0, ((2, 101), 3), 32.0, 16.0)) == "bins@32.0/16.0:2x101,3"
    )
    assert View.parse(" mel24@32/8:2,8,16*0.5 ") == View(24, (2, 8, 16), 32.0, 8.0, 0.5)
    assert str(View(24, (2, 8), 32.0, 8.0)) == "mel24@32.0/8.0:2,8"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bins",
        "bins@32:1",
        "bins@32/8",
        "mel@32/8:1",
        "bins@32/8:",
        "bins@1.2.3/8:1",
        "bins@32/8:1,,2",
        "bins@32/8:1*",
        "bins@32/8:1.5",
        "mel-3@32/8:1",
        "bins@32/8:2x",
        "bins@32/8:2x3x4",
        "bins@32/8:0x3",
        "bins@32/8:-1",
        "cqt@32/8:1",
        "bins24@32/8:1",
        "log0x@32/8:1",
    ],
)
def test_views_that_cannot_be_read_are_quoted(text):
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        View.parse(text)


@pytest.mark.parametrize(
    "choices, message",
    [
        ({"bands": -1}, "bands >= 0 and widths of at least one frame, got -1"),
        ({"widths": ()}, "widths of at least one frame"),
        ({"widths": (3, 0)}, "widths of at least one frame"),
        ({"hop_ms": 0.0}, "hop must be above 0 and at most half its window of 32 ms, got 0 ms"),
        ({"hop_ms": 16.1}, "at most half its window of 32 ms, got 16.1 ms"),
        ({"hop_ms": math.nan}, "hop must be above 0"),
        ({"weight": 0.0}, "weight must be above 0, got 0"),
        ({"weight": math.nan}, "weight must be above 0"),
    ],
)
def test_bad_views_are_refused(choices, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(VIEW, **choices)


@pytest.mark.parametrize("rate", [4000, 8000, 22050, 44100, 48000])
@pytest.mark.parametrize("window_ms, hop_ms", [(32.0, 8.0), (0.1, 0.05), (5.0, 2.5), (46.4, 11.6)])
def test_sizes_are_even_and_leave_no_gaps(rate, window_ms, hop_ms):
    """Down to windows of a sample: n_fft is even and the hop from 1 to its half, as the transform demands."""
    sizes = View(0, (1,), window_ms, hop_ms).sizes(rate)
    assert sizes["n_fft"] % 2 == 0 and 1 <= sizes["hop_length"] <= sizes["n_fft"] // 2
    if window_ms > 1:
        assert sizes["n_fft"] / rate == pytest.approx(window_ms / 1000, abs=1 / rate)


@pytest.mark.parametrize(
    "choices, message",
    [
        ({"evaluations": 0}, "evaluations must be at least 1, got 0"),
        ({"filters": -1}, "filters must be at least 0, got -1"),
        ({"depth": 0}, "depth must be at least 1"),
        ({"dilation": 0}, "dilation must be at least 1"),
        ({"pool": 0}, "pool must be at least 1"),
        ({"history": 0}, "history must be at least 1"),
        ({"phase_iterations": -1}, "phase_iterations must be at least 0"),
        ({"level": -0.1}, "level must be at least 0"),
        ({"level": math.nan}, "level must be at least 0"),
        ({"tolerance": -1e-3}, "tolerance must be at least 0"),
        ({"bound_weight": -1.0}, "bound_weight must be at least 0"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0, got 0"),
        ({"smoothing_hz": math.inf}, "smoothing_hz must be above 0"),
        ({"style_weight": math.nan}, "style_weight must be above 0"),
        ({"block_seconds": -1.0}, "block_seconds must be above 0"),
        ({"phase_momentum": 1.0}, "phase_momentum must be from 0 to below 1, got 1"),
        ({"sample_rate": 3999}, "sample_rate must be 0 or from 4000 to 384000 Hz, got 3999"),
        ({"sample_rate": 384001}, "sample_rate must be 0 or from"),
        ({"canvas": "wave"}, "canvas must be one of waveform, spectrogram, got 'wave'"),
        ({"optimizer": "sgd"}, "optimizer must be one of lbfgs, adam"),
        ({"initialisation": "he"}, "initialisation must be one of normal, uniform, narrow"),
        ({"padding": "full"}, "padding must be one of valid, same"),
        ({"pooling": "min"}, "pooling must be one of mean, max"),
        ({"normalised_by": "me"}, "normalised_by must be one of target, start, nothing"),
        ({"phase_start": "zero"}, "phase_start must be one of spsi, random"),
        ({"views": ()}, "views must hold at least one view"),
        ({"auditory_weight": -0.1}, "auditory_weight must be at least 0"),
        ({"patches_weight": -1.0}, "patches_weight must be at least 0"),
        ({"rhythm_weight": math.nan}, "rhythm_weight must be at least 0"),
        ({"stretch_seconds": -1.0}, "stretch_seconds must be at least 0"),
        ({"patches_weight": 0.1, "patches_views": ()}, "patches_views must hold at least one view"),
        ({"rhythm_seconds": 0.0}, "rhythm_seconds must be above 0"),
        ({"network": "2d"}, "filters must be above 0 with network=2d"),
        (
            {"autocorrelation_weight": 1.0},
            "filters must be above 0 with network=1d-frequency, autocorrelation_weight",
        ),
        ({"network": "2d", "filters": 4, "diversity_weight": 1.0}, "must be 0 with network=2d"),
        ({"statistic": "bin-grams", "filters": 4}, "network must be 2d with statistic="),
        (
            {"views": (View(0, ((2, 3),), 32.0, 8.0),), "filters": 4},
            "network must be 2d or 1d-time where widths have bins",
        ),
        (
            {"representation": "real-imaginary", "network": "2d", "filters": 4},
            "must go with a waveform canvas, network=2d, compression=peak",
        ),
        ({"compression": "peak"}, "representation must be real-imaginary"),
        ({"network": "3d"}, "network must be one of 1d-frequency, 1d-time, 2d"),
        ({"statistic": "moments"}, "statistic must be one of gram"),
        (
            {"canvas": "spectrogram", "compression": "fixed", "auditory_weight": 1.0},
            "must be 0 on a spectrogram canvas",
        ),
        (
            {"canvas": "spectrogram", "compression": "fixed", "rhythm_weight": 1.0},
            "must be 0 on a spectrogram canvas",
        ),
        (
            {"canvas": "spectrogram", "compression": "fixed", "levels_weight": 1.0},
            "must be 0 on a spectrogram canvas",
        ),
        ({"levels_weight": -1.0}, "levels_weight must be at least 0"),
        (
            {"canvas": "spectrogram", "views": (VIEW, View(0, (1,), 16.0, 8.0))},
            "must share one window and hop",
        ),
        ({"compression": "log"}, "compression must be one of relative, fixed, peak"),
        ({"sharpness": 0.0}, "sharpness must be above 0"),
        ({"gain_bands": -1}, "gain_bands must be at least 0"),
        ({"gain_window_ms": math.inf}, "gain_window_ms must be above 0"),
        ({"start": "zero"}, "start must be one of standard, uniform"),
        ({"start": "walk", "gain_bands": 0}, "start must not be walk without"),
        (
            {"start": "walk", "canvas": "spectrogram", "compression": "fixed"},
            "start must not be walk without",
        ),
        ({"start": "walk", "task": "transfer"}, "start must not be walk .* transfer"),
        ({"canvas": "spectrogram"}, "compression must be fixed on a spectrogram canvas"),
        ({"pooling": "max", "pool": 2}, "pooling must be mean with infinitely many filters"),
    ],
)
def test_bad_choices_are_named(choices, message):
    """Message = name, value, rule: they become the one line a user sees."""
    with pytest.raises(ValueError, match=message):
        some(**choices)


@pytest.mark.parametrize(
    "choices",
    [
        {"pooling": "max"},
        {"pooling": "max", "pool": 2, "filters": 8},
        {
            "canvas": "spectrogram",
            "compression": "fixed",
            "views": (VIEW, View(24, (5,), 32.0, 8.0)),
        },
        {"level": 0.0, "tolerance": 0.01},
        {"views": (), "auditory_weight": 1.0},
        {"views": (), "rhythm_weight": 0.1},
    ],
)
def test_choices_that_go_together(choices):
    assert Recipe.from_json(some(**choices).to_json()) == some(**choices)


def test_layers_survive_their_text():
    """With and without weights; a star without a weight is a slip, as is a weight of nothing."""
    assert recipes.parsed("style_layers", "relu_1, relu_2*0.5") == (
        choices.Tap("relu_1"),
        choices.Tap("relu_2", 0.5),
    )
    assert [str(tap) for tap in recipes.parsed("style_layers", "relu_1,relu_2*0.5")] == [
        "relu_1",
        "relu_2*0.5",
    ]
    assert recipes.parsed("content_layers", "") == () and recipes.parsed("filters", 3) == 3
    for text in ("relu_1*", "relu_1*x", "relu_1*0", "relu_1*inf"):
        with pytest.raises(ValueError, match="layer"):
            choices.Tap.parse(text)


def test_unknown_fields_are_refused():
    with pytest.raises(ValueError, match="no recipe has the field 'width'"):
        Recipe.from_json({**some().to_json(), "width": 11})


@pytest.mark.parametrize("lost", ["name", "views"])
def test_configurations_that_lack_a_field_are_refused(lost):
    """Catches a traceback for a config.json that was edited by hand."""
    values = some().to_json()
    del values[lost]
    with pytest.raises(ValueError, match=lost):
        Recipe.from_json(values)


def test_longest_field():
    recipe = some(depth=2, dilation=2, pool=3)
    assert recipe.longest_field(View(0, (2, 3), 32.0, 8.0)) >= 5 + 2 + 4 * 3


# --- scales


@pytest.mark.parametrize("rate", [8000, 22050, 44100])
@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"depth": 2, "pool": 2},
        {"filters": 8, "dilation": 2},
        {"filters": 8, "network": "2d"},
        {"filters": 8, "network": "1d-time"},
    ],
    ids=str,
)
@pytest.mark.parametrize("hop_ms", [2.0, 8.0, 13.7])
def test_time_scales_whatever_hop_and_rate(rate, choices, hop_ms):
    """Kernels see what is asked for, to within what a tap more or less makes; explicit ones do not grow without bound."""
    recipe = some(
        views=(View(0, (3, 5), 32.0, hop_ms), View(24, (2,), 64.0, hop_ms)),
        time_scale=(90.0, 1500.0),
        **choices,
    )
    found = scales.at_scales(recipe, rate)
    step = hop_ms * found.dilation * found.depth * found.pool ** (found.depth - 1) + 1
    for view in found.views:
        seen = sorted({view.milliseconds(found.field(width), rate) for width in view.widths})
        assert all(
            any(
                milliseconds == pytest.approx(asked, abs=step)
                for asked in recipe.analysis.time_scale
            )
            for milliseconds in seen
        )
        if recipe.network.filters and recipe.network.kind != "1d-time":
            assert (
                max(layer.kernel_size for width in view.widths for layer in found.layers(width))
                <= scales.WIDEST + 1
            )
    assert len(found.views) == 2 and found.rhythm_seconds == 1.5


def test_time_scales_shorter_than_a_window_leave_the_view_out():
    """A long window cannot see so short a moment; where none can, that is said."""
    views = (VIEW, View(8, (4,), 64.0, 32.0))
    assert scales.at_scales(some(views=views, time_scale=(40.0,)), 8000).views == (
        View(0, (2,), 32.0, 8.0),
    )
    with pytest.raises(
        ValueError, match="20 ms is shorter than the shortest window of the views, 32 ms"
    ):
        scales.at_scales(some(views=views, time_scale=(40.0, 20.0)), 8000)


@pytest.mark.parametrize(
    "text, view, rows",
    [
        ("250hz", VIEW, 8),
        ("0.5oct", View(24, (3,), 500.0, 8.0, scale="cqt"), 12),
        ("1OCT", View(12, (3,), 32.0, 8.0, scale="log"), 12),
        ("0.5oct", View(26, (3,), 32.0, 8.0), 4),
    ],
)
def test_frequency_scales(text, view, rows):
    found = scales.at_scales(
        some(views=(view,), frequency_scale=text, network="2d", filters=4), 8000
    )
    assert found.views[0].widths == ((3, rows),)
    assert scales.describe_scales(found, 8000).startswith(str(view).split(":")[0])


def test_scales_that_cannot_be_are_refused():
    for text in ("5", "hz", "-3hz", "0oct", "3khz", "1e3hz"):
        with pytest.raises(
            ValueError,
            match=f"frequency_scale must be hertz or octaves above 0, such as 200hz or 0.5oct, got '{text}'",
        ):
            some(frequency_scale=text, network="2d", filters=4)
    with pytest.raises(
        ValueError, match="frequency_scale=200hz is for networks that slide along frequency"
    ):
        some(frequency_scale="200hz")
    with pytest.raises(ValueError, match="time_scale must be milliseconds above 0, got 3, -1"):
        some(time_scale=(3.0, -1.0))
    for text, view in (("0.5oct", VIEW), ("200hz", View(24, (3,), 500.0, 8.0, scale="cqt"))):
        with pytest.raises(ValueError, match="apart"):
            scales.at_scales(
                some(views=(view,), frequency_scale=text, network="2d", filters=4), 8000
            )


def test_scale_replaces_views_of_bins_alone():
    views = (VIEW, View(24, (2,), 32.0, 8.0))
    for scale, first in (
        ("views", VIEW),
        ("linear", VIEW),
        ("mel", View(64, (3,), 32.0, 8.0)),
        ("log", View(90, (3,), 32.0, 8.0, scale="log")),
        ("cqt", View(24, (3,), 500.0, 8.0, scale="cqt")),
    ):
        assert scales.at_scales(some(views=views, scale=scale), 8000).views == (first, views[1])


def test_one_canvas_has_one_scale():
    with pytest.raises(ValueError, match="must share one scale"):
        some(
            canvas="spectrogram",
            compression="fixed",
            views=(VIEW, View(90, (3,), 32.0, 8.0, scale="log")),
        )
