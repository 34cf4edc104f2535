"""A procedural sound for experiments, whose properties are all set by parameters.

The contract of all sounds is in the package's docstring.
"""

import jax
import numpy as np

from audio_texture.sounds.grains import (
    RATE,
    band,
    begin,
    finish,
    noise,
    ring,
    scatter,
)


def notes(
    key: jax.Array,
    seconds: float,
    sample_rate: int,
    *,
    pitch_hz=300.0,
    tilt_db=6.0,
    notes_per_second=4.0,
    irregularity=0.0,
    decay_s=0.05,
    harmonics=30,
) -> np.ndarray:
    """Struck notes of a single pitch over a faint noise.

    It is a probe and not a texture, so it is not in SOUNDS.

    pitch_hz: fundamental.
    tilt_db: by how many dB a harmonic is fainter than the harmonic an octave below, >= 0.
    notes_per_second: mean rate.
    irregularity: standard deviation of the gaps between notes over their mean: 0 is a metronome, 1
      a Poisson process. Pitch and tilt do not change the times of the notes.
    decay_s: time in which a note falls to 1/e, s.
    harmonics: how many; those above 21.6 kHz are left out.

    Example:
      >>> notes(jax.random.key(0), 0.1, 8000, pitch_hz=440.0).shape
      (800,)
    """
    rng, duration = begin(
        key,
        seconds,
        sample_rate,
        pitch_hz=pitch_hz,
        notes_per_second=notes_per_second,
        decay_s=decay_s,
        harmonics=harmonics,
    )
    if not (tilt_db >= 0 and 0 <= irregularity <= 1):
        raise ValueError(
            f"tilt_db={tilt_db} must be >= 0 and irregularity={irregularity} from 0 to 1."
        )
    night = noise(rng, duration * RATE, band(60.0, 8000.0))
    count = int(4 * duration * notes_per_second) + 16
    gaps = (1 - irregularity + irregularity * rng.exponential(size=count)) / notes_per_second
    onsets = np.cumsum(gaps) - rng.uniform(0.0, 1 / notes_per_second)
    onsets = onsets[(onsets >= 0.0) & (onsets < duration)]
    number = np.arange(1, int(harmonics) + 1)
    note = ring(
        pitch_hz * number, np.full(len(number), decay_s), 10 ** (-tilt_db * np.log2(number) / 20)
    )
    note *= 1 - np.exp(-np.arange(len(note), dtype=np.float32) / (0.003 * RATE))
    wave = scatter(duration, onsets, np.ones(len(onsets)), [note], np.zeros(len(onsets), int))
    return finish(wave + 0.003 * night, seconds, sample_rate)
