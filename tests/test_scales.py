"""scales.py: kernel sizes from milliseconds and hertz, and what kernels then see."""

import pytest
from small_recipes import VIEW, make_recipe

from audio_texture import recipes, scales
from audio_texture.choices import Tap
from audio_texture.errors import ChoiceError
from audio_texture.terms import TERMS
from audio_texture.views import View

FINITE = {"filters": 8}


@pytest.mark.parametrize("rate", [8000, 22050, 44100])
@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"depth": 2, "pool": 2},
        {**FINITE, "dilation": 2},
        {**FINITE, "network": "2d"},
        {**FINITE, "network": "1d-time"},
    ],
    ids=str,
)
@pytest.mark.parametrize("hop_ms", [2.0, 8.0, 13.7])
def test_time_scales_whatever_hop_and_rate(rate, choices, hop_ms):
    """Kernels see the time scale, to within a tap; explicit kernels do not grow without bound."""
    recipe = make_recipe(
        views=(View(0, (3, 5), 32.0, hop_ms), View(24, (2,), 64.0, hop_ms)),
        time_scale=(90.0, 1500.0),
        **choices,
    )
    scaled = scales.at_scales(recipe, rate)
    network = scaled.network
    step = hop_ms * network.dilation * network.depth * network.pool ** (network.depth - 1) + 1
    for view in scaled.analysis.views:
        for width in view.widths:
            milliseconds = view.milliseconds(scaled.field(width), rate)
            assert any(milliseconds == pytest.approx(asked, abs=step) for asked in (90, 1500))
            sizes = [layer.kernel_size for layer in scaled.layers(width)]
            closed_or_time = not recipe.network.filters or recipe.network.kind == "1d-time"
            assert closed_or_time or max(sizes) <= scales.WIDEST + 1
    assert len(scaled.analysis.views) == 2 and scaled.term("rhythm").seconds == 1.5


def test_short_time_scales_leave_views_out():
    """A long window cannot see so short a stretch; where no view can, that is said."""
    views = (VIEW, View(8, (4,), 64.0, 32.0))
    scaled = scales.at_scales(make_recipe(views=views, time_scale=(40.0,)), 8000)
    assert scaled.analysis.views == (View(0, (2,), 32.0, 8.0),)
    with pytest.raises(
        ChoiceError, match="20 ms is shorter than the shortest window of the views, 32 ms"
    ) as error:
        scales.at_scales(make_recipe(views=views, time_scale=(40.0, 20.0)), 8000)
    assert error.value.field == "time_scale"


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
    """In hertz or octaves, on every axis."""
    recipe = make_recipe(views=(view,), frequency_scale=text, network="2d", filters=4)
    scaled = scales.at_scales(recipe, 8000)
    assert scaled.analysis.views[0].widths == ((3, rows),)
    text = scales.describe_scales(scaled, 8000)
    assert text.startswith("events up to ")
    *_, height = text.partition(" by ")
    assert height.endswith((" Hz at once)", " octaves at once)"))


@pytest.mark.parametrize("text", ["5", "hz", "-3hz", "0oct", "3khz", "1e3hz"])
def test_frequencies_that_cannot_be_read_are_refused(text):
    """The message has the rule, two examples and the text."""
    rule = "frequency_scale must be hertz or octaves above 0, such as 200hz or 0.5oct, got "
    with pytest.raises(ChoiceError, match=rule + repr(text)) as error:
        make_recipe(frequency_scale=text, network="2d", filters=4)
    assert error.value.field == "frequency_scale"


@pytest.mark.parametrize(
    "text, view", [("0.5oct", VIEW), ("200hz", View(24, (3,), 500.0, 8.0, scale="cqt"))]
)
def test_frequencies_in_other_units_are_refused(text, view):
    """Rows that are hertz apart do not make octaves."""
    recipe = make_recipe(views=(view,), frequency_scale=text, network="2d", filters=4)
    with pytest.raises(ValueError, match="apart"):
        scales.at_scales(recipe, 8000)


@pytest.mark.parametrize(
    "scale, first",
    [
        ("views", VIEW),
        ("linear", VIEW),
        ("mel", View(64, (3,), 32.0, 8.0)),
        ("log", View(90, (3,), 32.0, 8.0, scale="log")),
        ("cqt", View(24, (3,), 500.0, 8.0, scale="cqt")),
    ],
)
def test_scale_replaces_views_of_bins_alone(scale, first):
    """Views of mel bands keep their own axis."""
    views = (VIEW, View(24, (2,), 32.0, 8.0))
    scaled = scales.at_scales(make_recipe(views=views, scale=scale), 8000)
    assert scaled.analysis.views == (first, views[1])


def test_receptive_fields_are_those_of_the_layers():
    """Two layers of width 5, pooled by 2, 16 ms every 4 ms at 8 kHz: bins of 62.5 Hz."""
    recipe = make_recipe(
        task="transfer",
        network="2d",
        filters=4,
        initialisation="uniform",
        padding="same",
        depth=2,
        pool=2,
        views=(View(0, (5,), 16.0, 4.0),),
        style_layers=(Tap("relu_1"),),
        content_layers=(Tap("relu_2"),),
    )
    (line,) = scales.describe_receptive_fields(recipe, 8000)
    fields = "conv_1 32 ms x 312 Hz, batchnorm_1 32 ms x 312 Hz, relu_1 32 ms x 312 Hz"
    assert line.startswith(f"bins@16.0/4.0:5: {fields}, pool_1 36 ms x 375 Hz, conv_2 68 ms")


@pytest.mark.parametrize("name", recipes.optimising("texture"))
def test_terms_have_names_that_people_read(name):
    """Catches a view or a term of a recipe whose name is only a code."""
    recipe = recipes.named(name)
    for view in recipe.analysis.views:
        text = scales.describe_term(str(view), recipe, 22050)
        assert text.startswith("networks, ") and text.endswith(" ms") and "@" not in text
    for term in TERMS:
        text = scales.describe_term(term, recipe, 22050)
        assert text.startswith(f"{term}: ") and len(text.split()) > 1
    assert scales.describe_term("of another registry", recipe, 22050) == "of another registry"
