"""All measures of a candidate against its reference, or of a transfer against style and content.

The streams of a sound (channels, and sum and difference of neighbours) are measured separately and
averaged by power (streams.py); `image_db` compares their relations. Every sound is first brought to
one rate, band and level (preparation.py). Only the auditory statistics run in JAX.
"""

import numpy as np

from audio_texture import audio
from audio_texture.metrics.content import content_preservation
from audio_texture.metrics.copying import measure_copying, measure_following
from audio_texture.metrics.defects import click_rate, clipped_share, silent_share
from audio_texture.metrics.levels import band_levels, image_error
from audio_texture.metrics.likeness import measure_likeness
from audio_texture.metrics.measures import JUDGES, MEASURES
from audio_texture.metrics.streams import average_streams, match_streams


def evaluate(
    candidate: np.ndarray,
    reference: np.ndarray,
    *,
    sample_rate: int,
    candidate_rate: int | None = None,
) -> dict[str, float]:
    """All measures of a candidate against its reference.

    Args:
      candidate: [N] or [C, N] in [-1, 1], at least 1 s.
      reference: [M] or [D, M] in [-1, 1], at least 1 s.
      sample_rate: of the reference, Hz.
      candidate_rate: of the candidate, Hz; None means the same.

    Returns:
      {measure: value}, in the order and with the meaning of `MEANINGS`.

    Raises:
      ValueError: see `check_sound`.

    Example:
      >>> noise = 0.1 * np.random.default_rng(0).standard_normal(16000)
      >>> row = evaluate(noise, noise, sample_rate=8000)
      >>> row["copied"], row["clicks"]
      (1.0, 0.0)
    """
    candidate_rate = candidate_rate or sample_rate
    waves = {"the candidate": candidate, "the reference": reference}
    streams, shares, rate = match_streams(waves, [candidate_rate, sample_rate])
    repeats = [
        measure_copying(a, b, sample_rate=rate) | measure_following(a, b, sample_rate=rate)
        for a, b in streams
    ]
    levels = [[band_levels(wave, sample_rate=rate)[1] for wave in pair] for pair in streams]
    level_errors = [np.mean((a - b) ** 2) for a, b in levels]
    candidate, reference = np.atleast_2d(candidate), np.atleast_2d(reference)
    level_db = _level_db(candidate, candidate_rate) - _level_db(reference, sample_rate)
    silence = silent_share(candidate, sample_rate=candidate_rate) - silent_share(
        reference, sample_rate=sample_rate
    )
    return {
        **average_streams([measure_likeness(a, b, sample_rate=rate) for a, b in streams], shares),
        # A copy in a single stream is a copy.
        **{measure: max(row[measure] for row in repeats) for measure in repeats[0]},
        "spectrum_db": float(np.sqrt(shares @ level_errors)),
        "level_db": float(level_db),
        "silence": max(silence, 0.0),
        "clicks": max(click_rate(a, b, sample_rate=rate) for a, b in streams),
        "clipping": clipped_share(candidate),
        "image_db": image_error(
            candidate, reference, sample_rate=sample_rate, candidate_rate=candidate_rate
        ),
    }


def _level_db(wave: np.ndarray, sample_rate: int) -> float:
    return 20 * np.log10(audio.audible_rms(wave, sample_rate=sample_rate))


def evaluate_transfer(
    candidate: np.ndarray, content: np.ndarray, style: np.ndarray, *, sample_rate: int
) -> dict[str, float | None]:
    """Measures of a transfer: likeness to its style and preservation of its content.

    Args:
      candidate: [N] or [C, N] in [-1, 1], at least 1 s.
      content: as candidate.
      style: as candidate.
      sample_rate: of all, Hz.

    Returns:
      {measure: value}, some of `evaluate` against the style, then those of `content_preservation`.
    """
    measures = evaluate(candidate, style, sample_rate=sample_rate)
    names = (*MEASURES, *JUDGES, "copied", "followed", "spectrum_db", "clicks", "clipping")
    return {
        **{name: measures[name] for name in names},
        **content_preservation(candidate, content, sample_rate=sample_rate),
    }
