"""Measures of a texture against its reference: how alike they are, and whether it is a copy.

Waves are NumPy, float32 [samples] or [channels, samples], nominally in [-1, 1].

| file | holds |
|---|---|
| measures.py | names, meanings and units of the measures |
| preparation.py, streams.py | sounds in one common form; channels, sums and differences |
| views.py, features.py | log-mel views and onsets; what likeness compares |
| subbands.py | an independent judge: third-octave envelopes |
| likeness.py | likeness ratios; over time; on a held-out half |
| copying.py | repeats of the reference or of itself; the course of events |
| contours.py, content.py | loudness, pitch and chroma; content preserved in a transfer |
| levels.py, defects.py | third-octave levels, stereo image; silence, clicks, clipping |
| judging.py | all measures together |
| verdict.py, transfer_verdict.py | what they say, in words, and what to try |
"""

from audio_texture.metrics.content import content_preservation
from audio_texture.metrics.contours import chroma, loudness_contour, track_pitch
from audio_texture.metrics.copying import (
    copy_threshold,
    detail_matches,
    fine_detail,
    flatten,
    follow_threshold,
    measure_copying,
    measure_following,
    wave_matches,
)
from audio_texture.metrics.defects import click_rate, clipped_share, silent_share
from audio_texture.metrics.features import PATCH_WIDTHS, compute_features
from audio_texture.metrics.judging import evaluate, evaluate_transfer
from audio_texture.metrics.levels import band_centers, band_levels, image_error
from audio_texture.metrics.likeness import (
    evaluate_heldout,
    feature_distances,
    measure_likeness,
    measure_likeness_over_time,
)
from audio_texture.metrics.measures import (
    CONTENT_MEANINGS,
    FLOOR,
    JUDGES,
    MEANINGS,
    MEASURES,
    UNITS,
    better_end,
    explain_measure,
    format_rows,
)
from audio_texture.metrics.preparation import (
    LEVEL,
    SHORTEST_SECONDS,
    WORKING_RATE,
    check_sound,
    normalise,
    preprocess,
    shape_noise,
)
from audio_texture.metrics.streams import split_streams
from audio_texture.metrics.subbands import log_envelopes, subband_statistics
from audio_texture.metrics.transfer_verdict import (
    ASKED_OF_CONTENT,
    ASKED_OF_STYLE,
    TRANSFER_GOALS,
    give_transfer_verdict,
)
from audio_texture.metrics.verdict import (
    Finding,
    Verdict,
    give_verdict,
    mean_likeness,
    withhold_verdict,
)
from audio_texture.metrics.views import (
    VIEWS,
    band_mean_std,
    compute_views,
    detect_onsets,
    log_mel,
    onset_strength,
)

__all__ = [
    # All measures together.
    "evaluate",
    "evaluate_transfer",
    # What they say in words.
    "Finding",
    "Verdict",
    "give_verdict",
    "mean_likeness",
    "give_transfer_verdict",
    "TRANSFER_GOALS",
    "ASKED_OF_CONTENT",
    "ASKED_OF_STYLE",
    "withhold_verdict",
    # Likeness ratios; 1 = as near as the reference's halves to each other.
    "evaluate_heldout",
    "feature_distances",
    "measure_likeness",
    "measure_likeness_over_time",
    "PATCH_WIDTHS",
    "compute_features",
    "log_envelopes",
    "subband_statistics",
    # Repeats of the reference.
    "copy_threshold",
    "follow_threshold",
    "measure_copying",
    "measure_following",
    "detail_matches",
    "fine_detail",
    "flatten",
    "wave_matches",
    # Content of a transfer.
    "content_preservation",
    "chroma",
    "loudness_contour",
    "track_pitch",
    # Levels and defects.
    "band_centers",
    "band_levels",
    "image_error",
    "click_rate",
    "clipped_share",
    "silent_share",
    # Names of the measures and their meaning.
    "CONTENT_MEANINGS",
    "FLOOR",
    "JUDGES",
    "MEANINGS",
    "MEASURES",
    "UNITS",
    "better_end",
    "explain_measure",
    "format_rows",
    # Preparation, and the views that other parts share.
    "LEVEL",
    "SHORTEST_SECONDS",
    "WORKING_RATE",
    "check_sound",
    "normalise",
    "preprocess",
    "shape_noise",
    "split_streams",
    "VIEWS",
    "band_mean_std",
    "compute_views",
    "detect_onsets",
    "log_mel",
    "onset_strength",
]
