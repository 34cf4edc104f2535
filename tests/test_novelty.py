"""losses.novelty: its definition, and what it hears of a course of events."""

import numpy as np
import pytest
from objective_cases import X, Y, value_of

from audio_texture import losses


def test_novelty_is_its_definition():
    """Against correlations window by window in float64."""
    width, strictness = 5, 0.6
    candidate = np.concatenate([X[:12], Y[20:32] + 0.3 * X[12:24], X[:8], X[24:]])
    x, y = (without_mean(view.astype(np.float64), width) for view in (candidate, Y))
    floor = 0.01 * np.mean(y**2) * x.shape[1] * width

    def windows(view):
        return [view[i : i + width].ravel() for i in range(len(view) - width + 1)]

    def correlation(a, b):
        return a @ b / np.sqrt((a @ a + floor) * (b @ b + floor))

    own = max(
        correlation(a, b)
        for i, a in enumerate(windows(y))
        for j, b in enumerate(windows(y))
        if abs(i - j) >= width
    )
    limit = 1 - 0.9 * strictness * (1 - max(own, 0.3))
    excess = [
        sum(max(correlation(a, b) - limit, 0) ** 2 for b in windows(y))
        + sum(
            max(correlation(a, b) - limit, 0) ** 2
            for j, b in enumerate(windows(x))
            if abs(i - j) >= width
        )
        for i, a in enumerate(windows(x))
    ]
    expected = np.mean(excess)
    loss = losses.novelty(width=width, strictness=strictness)
    assert expected > 0
    assert value_of(loss, candidate) == pytest.approx(expected, rel=1e-3)


def without_mean(view, width):
    """Frames without their mean over `width` frames; fewer at the ends."""
    reach = width // 2
    return view - [
        np.mean(view[max(0, t - reach) : t + reach + 1], axis=0) for t in range(len(view))
    ]


def test_novelty_hears_stretches_in_order_alone():
    """What was there costs wherever it comes, however loud; other or shuffled frames do not."""
    reference, other = np.random.default_rng(3).gamma(1.0, size=(2, 120, 8)).astype(np.float32)
    loss = losses.novelty(width=20, strictness=1.0)
    excerpt = np.concatenate([other[:40], 3 * reference[50:90], other[80:]])
    shuffled = np.random.default_rng(0).permutation(reference)
    assert value_of(loss, excerpt, reference) > 0.1
    assert value_of(loss, other, reference) == value_of(loss, shuffled, reference) == 0
    twice = np.concatenate([other[:60], other[:60]])
    assert value_of(loss, twice, reference) > 0.1
    free = losses.novelty(width=20, strictness=0.0)
    assert value_of(free, reference, reference) < 1e-9


def test_a_period_may_go_on():
    """A clock's ticks match each other: its own repeats set the limit."""
    ticks = np.tile(np.random.default_rng(3).gamma(1.0, size=(10, 8)), (12, 1)).astype(np.float32)
    assert value_of(losses.novelty(width=20, strictness=1.0), np.roll(ticks, 3, 0), ticks) < 1e-3


def test_novelty_on_a_circle_has_no_beginning():
    """A stretch across the seam is found, and turning the circle changes nothing."""
    reference = np.random.default_rng(3).gamma(1.0, size=(120, 8)).astype(np.float32)
    other = np.random.default_rng(4).gamma(1.0, size=(60, 8)).astype(np.float32)
    seam = np.concatenate([reference[60:75], other, reference[45:60]])
    circular, straight = (
        losses.novelty(width=20, strictness=1.0, circular=is_circular)
        for is_circular in (True, False)
    )
    values = [value_of(circular, np.roll(seam, turn, 0), reference) for turn in (0, 15, 33)]
    assert values[0] > 0.05
    np.testing.assert_allclose(values, values[0], rtol=1e-3)
    assert value_of(straight, seam, reference) < 0.5 * values[0]
