"""references.py: what is refused before anything is compiled, and kernels that are left out."""

import numpy as np
import pytest
from helpers import noise
from small_recipes import ALONE, RATE, REFERENCE, last_loss, make_texture, prepare, small

from audio_texture import recipes, references
from audio_texture.views import View

BAD = {
    "silent": (np.zeros((1, 4000), np.float32), "silent"),
    "constant": (np.full((1, 4000), 0.3, np.float32), "constant"),
    "short": (noise(150), "must last|range"),
}


@pytest.mark.parametrize("name", recipes.optimising("texture"))
@pytest.mark.parametrize("kind", BAD)
def test_bad_references_are_refused(name, kind):
    """Before anything is compiled, also where only the second of two is bad."""
    wave, message = BAD[kind]
    with pytest.raises(ValueError, match=message):
        prepare(small(name), [REFERENCE, wave])
    with pytest.raises(ValueError, match=f"rain.wav .*{message.split()[0]}"):
        references.check_reference(small(name), wave, sample_rate=RATE, name="rain.wav")


@pytest.mark.parametrize("seconds", [0.0499, 600.1, 0.0, -1.0, float("nan"), float("inf")])
def test_lengths_out_of_range_are_refused(seconds):
    """The message has the range."""
    with pytest.raises(ValueError, match="out of range: from 0.05 to 600 s"):
        prepare(small(), seconds=seconds)


def test_views_that_do_not_fit_the_rate_are_refused():
    """Mel bands narrower than a bin are empty."""
    with pytest.raises(ValueError, match="100 mel bands are too many"):
        prepare(small(views=(View(100, (2,), 16.0, 4.0),)))


def test_kernels_longer_than_the_reference_are_left_out():
    """A quarter of a second is long enough for the default, whose longest kernel spans a second."""
    recipe = recipes.named("texture")
    short = references.fit_kernels(recipe, [noise(4000), noise(2000)], sample_rate=RATE)
    assert [view.widths for view in short.analysis.views] == [(1, 2), (1, 4)]
    assert short.term("patches").views == recipe.term("patches").views[:1]
    whole = references.fit_kernels(recipe, [noise(26000)], sample_rate=RATE)
    # Stretches are those of the reference's length.
    assert whole.replace(stretch_seconds=0.0) == recipe
    assert 1.6 < whole.matching.stretch_seconds < 1.9
    assert references.fit_kernels(whole, [noise(26000), noise(30000)], sample_rate=RATE) == whole


@pytest.mark.slow
def test_a_short_reference_makes_a_texture():
    """By the default's networks with what is left of their kernels."""
    recipe = recipes.named("texture").replace(**ALONE, evaluations=3)
    texture = make_texture(recipe, [noise(2000)], seconds=0.25)
    assert texture.wave.shape == (1, 2000) and np.isfinite(last_loss(texture))


@pytest.mark.slow
@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"pool": 4, "depth": 2, **ALONE},
        {"views": (View(0, (1,), 16.0, 4.0),), **ALONE},
        {"filters": 8, "pool": 4, **ALONE},
        {"views": (), "rhythm_weight": 0.0},
    ],
    ids=str,
)
def test_the_shortest_reference_is_long_enough(choices):
    """What is let through makes a texture: catches a mean or a std over too few frames."""
    views = (View(8, (3,), 16.0, 4.0),)
    recipe = small("texture", **{"views": views, "evaluations": 3, **choices})
    for samples in range(128, 6000, 32):
        wave = noise(samples)
        try:
            references.check_reference(recipe, wave, sample_rate=RATE)
            break
        except ValueError:
            continue
    texture = make_texture(recipe, [wave], seconds=0.05)
    assert texture.outcome.reason == "evaluations" and np.isfinite(last_loss(texture))
