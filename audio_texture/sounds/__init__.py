"""Procedural sound textures with known parameters: demos, and ground truth for experiments.

The contract of every sound here, `rain(key, seconds, sample_rate, *, ...)`:
  key: a jax.random key, typed or raw. The same key gives the same sound; split the key to mix
    sounds.
  seconds: float > 0. The result has round(seconds * sample_rate) samples.
  sample_rate: whole number of Hz, 4000 to 384000.
  keyword parameters: physical, in the unit that their name or docstring gives; each must be above 0
    unless its docstring says otherwise.
  Returns: [samples] float32, zero mean, RMS 0.1, or less where the peak would exceed 0.95.

Every sound is synthesised at 48 kHz from 1 s before its first sample to a little after its last. It
is then band-limited to min(20 kHz, sample_rate / 2), resampled by FFT and cropped. So nothing
aliases, nothing fades in or out, and a key gives the same sound at every sample rate. Frequencies
above half the sample rate are lost, as in a recording: at 4 kHz an insect that sings at 3 kHz
leaves only the night behind it.

Random numbers are NumPy's, seeded by the key: nothing is compiled, so a program's demo starts at
once. A texture is Gaussian noise of a given spectrum, with events: short grains added at random or
regular times.
"""

from collections.abc import Callable

import jax
import numpy as np

from audio_texture.sounds.everyday import applause, clock, engine
from audio_texture.sounds.grains import LEVEL, RATE
from audio_texture.sounds.nature import bubbles, crickets, fire, rain, stream, waves, wind
from audio_texture.sounds.probe import notes

__all__ = [
    "LEVEL",
    "RATE",
    "SOUNDS",
    "make",
    # Textures.
    "applause",
    "bubbles",
    "clock",
    "crickets",
    "engine",
    "fire",
    "rain",
    "stream",
    "waves",
    "wind",
    # A probe for experiments.
    "notes",
]

SOUNDS: dict[str, Callable[..., np.ndarray]] = {
    "applause": applause,
    "bubbles": bubbles,
    "clock": clock,
    "crickets": crickets,
    "engine": engine,
    "fire": fire,
    "rain": rain,
    "stream": stream,
    "waves": waves,
    "wind": wind,
}


def make(
    name: str, key: jax.Array, seconds: float, sample_rate: int, **parameters: float
) -> np.ndarray:
    """Returns a sound of SOUNDS by its name, [samples] float32.

    Args:
      name: key of SOUNDS.
      key: random key.
      seconds: length.
      sample_rate: in Hz.
      **parameters: keyword parameters of that sound.
    Raises:
      ValueError: no such sound, or a parameter out of range.
    Example:
      >>> make("rain", jax.random.key(0), 0.1, 8000, drop_mm=2.0).shape
      (800,)
    """
    if name not in SOUNDS:
        raise ValueError(f"sound must be one of {', '.join(SOUNDS)}; got {name!r}.")
    return SOUNDS[name](key, seconds, sample_rate, **parameters)
