"""metrics.content: what a transfer keeps of its content."""

import numpy as np
import pytest
from metric_sounds import RATE, make_call, make_impulses, make_noise, ratios

from audio_texture import metrics


def preservation(candidate, content, **rates):
    return metrics.content_preservation(candidate, content, **{"sample_rate": RATE, **rates})


def test_a_content_preserves_itself():
    kept = preservation(0.2 * make_call(), make_call())
    assert list(kept) == list(metrics.CONTENT_MEANINGS)
    assert list(kept.values()) == pytest.approx([1, 1, 1, 1], abs=1e-3)


def test_another_sound_preserves_nothing():
    """A mean over several: a single pair may agree by chance."""
    rows = [preservation(make_call(seed), make_call(0)) for seed in range(1, 7)]
    for measure in metrics.CONTENT_MEANINGS:
        assert abs(np.mean([row[measure] for row in rows])) < 0.3, measure


def test_shifted_pitch_keeps_onsets_and_contour_but_no_chroma():
    """Two and a half semitones up: the same contour in other pitch classes."""
    kept = preservation(make_call(semitones=2.5), make_call())
    assert min(kept["onsets_kept"], kept["loudness_kept"], kept["pitch_kept"]) > 0.85
    assert kept["chroma_kept"] < 0.3


def test_noise_in_its_envelope_keeps_onsets_but_no_pitch():
    """A vocoder's noise band: what a transfer to rain can keep."""
    envelope = np.sqrt(np.convolve(make_call() ** 2, np.hanning(160) / 80, "same"))
    kept = preservation(envelope * make_noise(5), make_call())
    assert min(kept["onsets_kept"], kept["loudness_kept"]) > 0.7
    assert abs(kept["pitch_kept"]) < 0.3 and kept["chroma_kept"] < 0.3


def test_a_contour_that_a_content_lacks_is_none():
    """Noise has no pitch to keep; lengths and rates may differ."""
    content = make_noise(1, 2.0)[::2]
    kept = preservation(make_call(), content, sample_rate=RATE // 2, candidate_rate=RATE)
    assert kept["pitch_kept"] is None and abs(kept["onsets_kept"]) < 0.4


@pytest.mark.parametrize("hertz", [90.0, 220.0, 700.0, 1500.0])
def test_pitch_is_that_of_a_tone(hertz):
    """Within three cents, with harmonics: neither an octave above nor below."""
    time = np.arange(RATE) / RATE
    tone = sum(np.sin(2 * np.pi * n * hertz * time) / n for n in range(1, 4))
    pitch, voicing = metrics.track_pitch(tone, sample_rate=RATE)
    assert np.max(np.abs(pitch - np.log2(hertz))) < 0.003 and np.min(voicing) > 0.9


def test_a_transfer_is_measured_against_style_and_content():
    content, style, candidate = make_call(), make_impulses(0), make_impulses(1)
    row = metrics.evaluate_transfer(candidate, content, style, sample_rate=RATE)
    expected = ratios(metrics.evaluate(candidate, style, sample_rate=RATE))
    assert ratios(row) == pytest.approx(expected)
    assert row["onsets_kept"] == preservation(candidate, content)["onsets_kept"]
