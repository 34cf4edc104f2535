"""Streams of a sound with several channels: each channel, and sum and difference of neighbours.

Streams are measured separately. The results are averaged by each stream's share of the
reference's power, so faint streams hardly count.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from audio_texture import audio
from audio_texture.metrics.preparation import WORKING_RATE, check_sound, normalise

# Streams with less than this share of the reference's power (-30 dB) are skipped: the others mask
# them.
_FAINT = 1e-3


def split_streams(wave: np.ndarray) -> np.ndarray:
    """The channels, then sum and difference of neighbours over the root of two: [C, N] -> [S, N].

    Example:
      >>> split_streams(np.array([[1.0, 2.0], [1.0, -2.0]], np.float32)).shape
      (4, 2)
    """
    pairs = [
        (left + sign * right) / np.sqrt(2)
        for left, right in zip(wave[:-1], wave[1:], strict=True)
        for sign in (1, -1)
    ]
    return np.stack([*wave, *pairs]).astype(np.float32)


def match_streams(
    waves: Mapping[str, np.ndarray], rates: Sequence[int]
) -> tuple[list[tuple[np.ndarray, ...]], np.ndarray, int]:
    """The preprocessed streams of several sounds, paired up; the last sound is the reference.

    Args:
      waves: name for errors -> [N] or [C, N]. All are mixed down to the fewest channels.
      rates: of the waves, Hz.

    Returns:
      For each stream a tuple of the sounds, as of `normalise` at the highest common rate; the
      streams' shares of the reference's power [S], which add up to one; and the rate.
    """
    rate = min([*rates, WORKING_RATE])
    for (name, wave), wave_rate in zip(waves.items(), rates, strict=True):
        check_sound(wave, sample_rate=wave_rate, name=name)
    streams = _mix_to_fewest(
        [np.atleast_2d(np.asarray(wave, np.float32)) for wave in waves.values()]
    )
    powers = np.array([audio.rms(stream) ** 2 for stream in streams[-1]])
    streams, factors = audio.fold_channels(streams)
    shares = (factors != 0).T @ powers / np.sum(powers)
    loud = np.flatnonzero(shares >= _FAINT)
    prepared = [
        [normalise(sound[number], sample_rate=sound_rate, rate=rate) for number in loud]
        for sound, sound_rate in zip(streams, rates, strict=True)
    ]
    return list(zip(*prepared, strict=True)), shares[loud] / np.sum(shares[loud]), rate


def _mix_to_fewest(sounds: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Streams of sounds [C_i, N_i]; those with more channels than others are mixed to mono."""
    channels = min(map(len, sounds))
    # Sounds with equally many channels share their weights: their signs must agree.
    weights = {len(sound): audio.mono_weights(sound) for sound in sounds}

    def mix(sound):
        mono = weights[len(sound)] @ sound
        return np.repeat(mono[None], channels, axis=0).astype(np.float32)

    return [split_streams(sound if len(sound) == channels else mix(sound)) for sound in sounds]


def average_streams(rows: Sequence[dict[str, float]], shares: np.ndarray) -> dict[str, float]:
    """The mean of each measure over streams, weighted by the streams' shares of the power."""
    return {measure: float(shares @ [row[measure] for row in rows]) for measure in rows[0]}
