"""metrics: defects, levels and onsets of known size."""

import numpy as np
import pytest
from metric_sounds import RATE, make_impulses, make_noise

from audio_texture import metrics


def test_defects_are_counted():
    """Clicks, silence, clipping and level, one by one, each of a known size."""
    reference = make_noise(0)

    def evaluate(candidate):
        return metrics.evaluate(candidate, reference, sample_rate=RATE)

    clicked = reference.copy()
    clicked[RATE // 2 :: RATE] += 1.5
    assert evaluate(clicked)["clicks"] == pytest.approx(1.0)
    holes = reference.copy()
    holes[RATE : RATE + 3 * RATE // 4] = 0
    assert evaluate(holes)["silence"] == pytest.approx(0.25, abs=1e-6)
    clipped = np.clip(20 * reference, -1, 1)
    full = np.abs(clipped) >= 1
    expected = np.mean(full & (np.roll(full, 1) | np.roll(full, -1)))
    assert evaluate(clipped)["clipping"] == pytest.approx(expected, abs=1e-3)
    assert evaluate(0.5 * reference)["level_db"] == pytest.approx(-6.02, abs=0.01)


def test_crackles_of_the_reference_are_no_clicks():
    waves = (
        metrics.preprocess(make_impulses(seed, 4.0), sample_rate=RATE, rate=RATE) for seed in (1, 0)
    )
    assert metrics.click_rate(*waves, sample_rate=RATE) == 0


def test_band_levels_place_a_tone_in_its_third_octave():
    tone = np.sin(2 * np.pi * 500 * np.arange(RATE) / RATE).astype(np.float32)
    centers, levels = metrics.band_levels(tone, sample_rate=RATE)
    assert centers[np.argmax(levels)] == pytest.approx(500, rel=0.12)
    assert np.max(levels) == pytest.approx(0, abs=0.05)
    assert np.sum(levels > -40) == 1


def test_onsets_are_detected_at_their_times():
    wave = 1e-4 * np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32)
    burst = 0.1 * np.random.default_rng(1).standard_normal(400)
    starts = np.array([0.3, 0.7, 1.2, 1.6])
    for start in starts:
        wave[round(start * RATE) : round(start * RATE) + 400] += burst
    times, heights = metrics.detect_onsets(wave, sample_rate=RATE)
    np.testing.assert_allclose(times[heights > 5], starts, atol=0.03)  # a frame is 32 ms
