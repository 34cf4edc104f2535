"""Sound files, levels, channels and sample rates, in NumPy and SciPy.

A wave is float32 [channels, samples], nominally in [-1, 1]. Everything here runs once, before or
after the optimisation. A fault in a user's file raises a ValueError that names the file and the
rule.
"""

from audio_texture.audio.channels import (
    fold_channels,
    match_stereo_image,
    mono_weights,
    with_channels,
)
from audio_texture.audio.levels import (
    LOWEST_AUDIBLE_HZ,
    NEAR_SILENCE,
    SILENCE,
    audible_rms,
    check_audible,
    fade_ends,
    fade_in,
    fade_out,
    find_sound,
    highpass_20hz,
    lower_to_full_scale,
    match_level,
    measure_events,
    near_silent,
    rms,
    trim_silence,
)
from audio_texture.audio.peaks import FULL_SCALE, KNEE, lowering_db, round_off_peaks
from audio_texture.audio.reading import (
    HIGHEST_RATE,
    LOWEST_RATE,
    FileWarning,
    Recording,
    read,
    read_recording,
    read_sounding,
    seconds_of,
    start_of_sound,
)
from audio_texture.audio.resampling import resample
from audio_texture.audio.writing import ENDINGS, check_writable, extend, frames_to_extend, write

__all__ = [
    # Reading.
    "FileWarning",
    "HIGHEST_RATE",
    "LOWEST_RATE",
    "Recording",
    "read",
    "read_recording",
    "read_sounding",
    "seconds_of",
    "start_of_sound",
    # Writing.
    "ENDINGS",
    "check_writable",
    "extend",
    "frames_to_extend",
    "write",
    # Levels.
    "FULL_SCALE",
    "KNEE",
    "LOWEST_AUDIBLE_HZ",
    "NEAR_SILENCE",
    "SILENCE",
    "audible_rms",
    "check_audible",
    "fade_ends",
    "fade_in",
    "fade_out",
    "find_sound",
    "highpass_20hz",
    "lower_to_full_scale",
    "lowering_db",
    "match_level",
    "measure_events",
    "near_silent",
    "rms",
    "round_off_peaks",
    "trim_silence",
    # Channels and sample rates.
    "fold_channels",
    "match_stereo_image",
    "mono_weights",
    "resample",
    "with_channels",
]
