"""Prosody: the pitch and energy contours of one speech on the words of another.

After Perez, Proctor & Jain, "Style transfer for prosodic speech", Stanford CS224S report, 2017.

1. Pitch of both sounds every 5 ms (pitch.py); the energy of 30 ms around every sample.
2. The style's contours are stretched evenly from where the style sounds to where the content
   sounds: from the first to the last moment within 40 dB of the loudest. The pitch goes in
   straight lines over what has none.
3. The content's pitch is changed to the style's, in Hz, not to its movements around another
   mean: a low voice gets a high pitch from a high voice. This is done by psola.py, which keeps
   resonances (vowels) and lengths.
4. Gains bring the energy to the style's; they are at most 20 dB, so that pauses stay pauses.

What it can do: pitch and loudness follow the style's contours. Words, voice, accent and the
lengths of sounds remain the content's, so the style's rhythm is not transferred, and its
stresses fall on whichever syllable is there. What it cannot do: a whisper has no pitch to
change; with noise, music or several voices the pitch is wrong; changes by more than an octave
sound rough. Where the content or the style has no pitch at all, only the energy is changed.

What differs from the publication: its authors optimised a spectrogram by neural networks, and
report that this moved the low-level texture of a voice but not its prosody. Here the contours
themselves are measured and imposed. There is no vocoder.
"""

import jax
import numpy as np
import scipy.ndimage

from audio_texture.classical import pitch, psola
from audio_texture.errors import ChoiceError

_ENERGY_SECONDS = 0.03  # over which energy is measured: a period of the lowest pitch, and a half
_SOUNDING_DB = 40.0  # a sound begins and ends where its energy is this far below its highest
_FLOOR_DB = 50.0  # energies further below the highest count as this
_MOST_GAIN_DB = 20.0  # for pauses, in which there is nothing to make loud


def prosody(
    key: jax.Array,
    content: np.ndarray,
    style: np.ndarray,
    *,
    sample_rate: int,
    prosody_pitch: float,
    prosody_energy: float,
) -> np.ndarray:
    """The content's words in the content's voice, with the style's melody and loudness contour;
    the head of this file says how, and what cannot be done.

    Args:
      key: unused; nothing is drawn.
      content: [C, N].
      style: [C, M]; its level does not matter.
      sample_rate: of both, in Hz.
      prosody_pitch: share of the style's pitch from 0 to 1, on a log scale: 0.5 is half-way in
        semitones.
      prosody_energy: share of the style's energy contour from 0 to 1, in dB.
    Returns:
      [C, N] float32 at the content's level; the content itself if both shares are 0.
    Raises:
      ChoiceError: only pitch is asked for, and a sound has none.
    Example:
      >>> time = np.arange(8000) / 16000
      >>> low, high = (np.sin(2 * np.pi * hz * time)[None] for hz in (200, 250))
      >>> sung = prosody(None, low, high, sample_rate=16000, prosody_pitch=1, prosody_energy=0)
      >>> round(float(np.median(pitch.track_pitch(sung, sample_rate=16000).frequency)))
      250
    """
    if prosody_pitch == prosody_energy == 0:
        return content.astype(np.float32)
    energies = [_energy_db(wave, sample_rate) for wave in (content, style)]
    spans = [_sounding(energy, sample_rate) for energy in energies]
    result = content
    if prosody_pitch:
        tracks = [pitch.track_pitch(wave, sample_rate=sample_rate) for wave in (content, style)]
        _check_pitch(tracks, prosody_energy)
        if all(np.any(track.is_voiced) for track in tracks):
            result = _with_pitch(content, tracks, spans, prosody_pitch, sample_rate)
    seconds = np.arange(content.shape[1]) / sample_rate
    at = _to_style(np.clip(seconds, *spans[0]), spans) * sample_rate
    wanted = np.interp(at, np.arange(style.shape[1]), energies[1])
    wanted = (1 - prosody_energy) * energies[0] + prosody_energy * wanted
    gain = np.minimum(wanted - _energy_db(result, sample_rate), _MOST_GAIN_DB)
    # Before and after the sound, the gain at its ends.
    first, last = (min(round(end * sample_rate), len(gain) - 1) for end in spans[0])
    gain[:first], gain[last:] = gain[first], gain[last]
    result = result * 10 ** (gain / 20)
    scale = np.sqrt(np.mean(content.astype(np.float64) ** 2) / np.mean(result**2))
    return (scale * result).astype(np.float32)


def _check_pitch(tracks, prosody_energy):
    for name, track in zip(("content", "style"), tracks, strict=True):
        if not prosody_energy and not np.any(track.is_voiced):
            raise ChoiceError(
                f"prosody_pitch needs a pitch from {pitch.LOWEST:g} to {pitch.HIGHEST:g} Hz in "
                f"both sounds, and the {name} has none; prosody_energy above 0 changes its energy.",
                field="prosody_pitch",
                others=("prosody_energy",),
            )


def _with_pitch(content, tracks, spans, share, sample_rate):
    """The content with this share of the style's pitch, [C, N]."""

    def ratio_at(seconds):
        wanted = tracks[1].log_frequency_at(_to_style(seconds, spans))
        return np.exp(share * (wanted - tracks[0].log_frequency_at(seconds)))

    marks = psola.mark_periods(content, tracks[0], sample_rate=sample_rate)
    return psola.change_pitch(content, marks, ratio_at, sample_rate=sample_rate)


def _to_style(seconds, spans):
    """Times in the style that belong to times in the content."""
    (start, end), (style_start, style_end) = spans
    return style_start + (seconds - start) * (style_end - style_start) / (end - start)


def _energy_db(wave, sample_rate):
    """Energy around every sample in dB over the sound's mean, [C, N] -> [N]."""
    power = np.mean(wave.astype(np.float64) ** 2, axis=0)
    # Twice a mean of half the length: nearly a triangle, which lets no ripple of the pitch through.
    size = max(1, round(_ENERGY_SECONDS * sample_rate / 2))
    for _ in range(2):
        power = scipy.ndimage.uniform_filter1d(power, size)
    power = np.maximum(power, 10 ** (-_FLOOR_DB / 10) * np.max(power))
    return 10 * np.log10(power / np.mean(power))


def _sounding(energy_db, sample_rate):
    """When a sound begins and ends, in seconds; the end is later than the beginning."""
    loud = np.flatnonzero(energy_db >= np.max(energy_db) - _SOUNDING_DB)
    return loud[0] / sample_rate, (loud[-1] + 1) / sample_rate
