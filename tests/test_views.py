"""views.py: a view's text, its sizes in samples and what it shows of a wave."""

import dataclasses
import math
import re

import jax.numpy as jnp
import numpy as np
import pytest
from helpers import correlated, crackle
from hypothesis import given
from hypothesis import strategies as st
from small_recipes import VIEW

from audio_texture import views
from audio_texture.views import View

RATE = 8000
CQT = View(12, (2,), 64.0, 8.0, scale="cqt")
positive = st.floats(1e-6, 1e6)


def analyse(wave, view=CQT, circular=False):
    """A view's magnitudes of a wave [C, N]."""
    return np.asarray(
        views.of_wave(jnp.asarray(wave, jnp.float32), view=view, rate=RATE, circular=circular)
    )


@given(
    bands=st.integers(0, 200),
    widths=st.lists(st.integers(1, 999), min_size=1, max_size=4),
    window_ms=positive,
    share=st.floats(1e-3, 0.5),
    weight=positive,
)
def test_views_survive_their_text(bands, widths, window_ms, share, weight):
    """Catches digits cut off, and exponents that the text form does not know."""
    view = View(bands, tuple(widths), window_ms, window_ms * share, weight)
    assert View.parse(str(view)) == view


@pytest.mark.parametrize(
    "text", ["log@32.0/8.0:1,3", "log90@32.0/8.0:2x5*0.5", "cqt24@500.0/8.0:3", "mel24@32.0/8.0:2"]
)
def test_views_of_other_scales_survive_their_text(text):
    """The text begins with the scale's name."""
    view = View.parse(text)
    assert str(view) == text and View.parse(str(view)) == view and text.startswith(view.scale)


def test_views_as_people_write_them():
    """Without decimals, with blanks, with kernels of frames x bins."""
    assert View.parse("bins@32/8:1,3") == View(0, (1, 3), 32.0, 8.0)
    upright = View(0, ((2, 101), 3), 32.0, 16.0)
    assert View.parse("bins@32/16:2x101,3") == upright
    assert str(upright) == "bins@32.0/16.0:2x101,3"
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
    """The message holds the text as it was written."""
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        View.parse(text)


@pytest.mark.parametrize(
    "values, message",
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
def test_bad_views_are_refused(values, message):
    """By value and rule."""
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(VIEW, **values)


@pytest.mark.parametrize("rate", [4000, 8000, 22050, 44100, 48000])
@pytest.mark.parametrize("window_ms, hop_ms", [(32.0, 8.0), (0.1, 0.05), (5.0, 2.5), (46.4, 11.6)])
def test_sizes_are_even_and_leave_no_gaps(rate, window_ms, hop_ms):
    """n_fft is even and the hop from 1 to its half, down to windows of a sample."""
    sizes = View(0, (1,), window_ms, hop_ms).sizes(rate)
    assert sizes["n_fft"] % 2 == 0 and 1 <= sizes["hop_length"] <= sizes["n_fft"] // 2
    if window_ms > 1:
        assert sizes["n_fft"] / rate == pytest.approx(window_ms / 1000, rel=0.005, abs=1 / rate)


def test_cqt_leaves_out_what_a_circle_would_close():
    """A reference's end does not meet its beginning: a click at its start is unseen at its end."""
    wave = np.zeros((1, 4000))
    wave[0, 3] = 1
    assert analyse(wave)[-1].max() < 0.15 * analyse(wave, circular=True)[-1].max()
    # A circle turned by whole hops is seen turned.
    wave = crackle(4032)
    turned = analyse(np.roll(wave, 640), circular=True)
    expected = np.roll(analyse(wave, circular=True), 10, axis=0)
    np.testing.assert_allclose(turned, expected, atol=2e-3 * np.max(turned))


def test_views_of_stereo_hold_sums_and_differences():
    """A swap of the channels or of a channel's sign is heard, and so must be seen."""
    view, wave = View(0, (1,), 16.0, 4.0), correlated(1000, 0.8)
    assert analyse(wave, view).shape[1] == 4 * analyse(wave[:1], view).shape[1]
    inverted = wave * np.array([[1], [-1]], np.float32)
    differences = np.max(np.abs(analyse(wave, view) - analyse(inverted, view)), axis=0)
    differences = differences.reshape(4, -1)
    assert np.all(differences[:2] == 0) and np.all(differences[2:].max(axis=1) > 0.01)
