"""The sections of a page that draw measured curves of several sounds over each other."""

from collections.abc import Sequence

import numpy as np

from audio_texture import metrics
from audio_texture.report.figures import draw_levels, draw_onsets
from audio_texture.report.html_page import Section, Sound, embed_figures

# Length of the beginnings whose onsets are drawn, in seconds; more events run into each other.
_SHOWN_SECONDS = 10
# Sounds shorter than this, in seconds, have no curve worth drawing.
_SHORTEST_SECONDS = 0.25
# Frames of 8 ms over which onset strength is averaged: 40 ms, about what one event takes.
_SMOOTHING = 5


def compute_levels(sounds: Sequence[Sound]) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Title, centres in Hz and levels in dB of the third octaves of each sound, at a common rate.

    Example:
      >>> noise = np.random.default_rng(0).standard_normal((1, 8000))
      >>> ((title, centers, levels),) = compute_levels([("noise", noise, 8000)])
      >>> centers.shape == levels.shape, int(centers[0])
      (True, 49)
    """
    rate = _common_rate(sounds)
    return [
        (title, *metrics.band_levels(_prepare(wave, sample_rate, rate), sample_rate=rate))
        for title, wave, sample_rate in sounds
    ]


def compute_onsets(sounds: Sequence[Sound]) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Title, times in s and onset strength in dB of the beginning of each sound.

    Example:
      >>> wave = np.zeros((1, 8000), np.float32)
      >>> wave[0, 4000:4400] = 0.1 * np.random.default_rng(0).standard_normal(400)
      >>> ((title, times, strength),) = compute_onsets([("a burst", wave, 8000)])
      >>> round(float(times[np.argmax(strength)]), 1)
      0.5
    """
    rate, curves = _common_rate(sounds), []
    frame, hop, _ = metrics.VIEWS["8ms"]
    for title, wave, sample_rate in sounds:
        beginning = _prepare(wave, sample_rate, rate)[: round(_SHOWN_SECONDS * rate)]
        strength = metrics.onset_strength(beginning, sample_rate=rate)
        smooth = np.convolve(strength, np.full(_SMOOTHING, 1 / _SMOOTHING), "same")
        curves.append((title, (np.arange(len(smooth)) + 1) * hop + frame / 2, smooth))
    return curves


def comparison_section(sounds: Sequence[Sound]) -> list[Section]:
    """A section with levels by band and onsets of several sounds over each other; none where a
    sound is too short.

    sounds: the reference first.
    """
    if any(wave.shape[-1] < _SHORTEST_SECONDS * rate for _, wave, rate in sounds):
        return []
    figures = embed_figures(
        [
            (draw_levels(compute_levels(sounds)), "levels in third octaves"),
            (draw_onsets(compute_onsets(sounds)), "onset strength over time"),
        ]
    )
    return [("Levels by band, and onsets", figures)]


def _common_rate(sounds: Sequence[Sound]) -> int:
    return min([metrics.WORKING_RATE, *(sample_rate for _, _, sample_rate in sounds)])


def _prepare(wave: np.ndarray, sample_rate: int, rate: int) -> np.ndarray:
    """A wave in the form that the measures take: mono, at one rate and level. [C, N] -> [N']."""
    return metrics.normalise(np.asarray(wave, np.float32), sample_rate=sample_rate, rate=rate)
