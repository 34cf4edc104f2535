"""Converts the sounds, sample rates and seeds that users pass to the library's own types."""

import operator
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import audio
from audio_texture.errors import ChoiceError

# An array longer than wide, of at most this many columns, is refused as [samples, channels].
_MOST_CHANNELS = 64


def as_wave(sound: Any, name: str = "the sound") -> np.ndarray:
    """A sound as float32 [C, N].

    Args:
      sound: [N] or [C, N], NumPy, JAX or nested lists; float, or integer PCM, which is scaled to
        [-1, 1) as soundfile does.
      name: of the sound, in messages.
    Raises:
      ChoiceError: another type or shape, [samples, channels], no samples, NaN or infinity.

    Example:
      >>> as_wave(np.array([0, 16384], np.int16))
      array([[0. , 0.5]], dtype=float32)
    """
    try:
        array = np.asarray(sound)
    except (TypeError, ValueError) as error:
        raise _sound_error(name, f"an array of samples, got {type(sound).__name__}") from error
    if array.dtype.kind not in "fiu" and array.dtype != jnp.bfloat16:
        raise _sound_error(name, f"floats or integer PCM, got {array.dtype}")
    if array.ndim not in (1, 2):
        raise _sound_error(name, f"an array [samples] or [channels, samples], got {_shape(array)}")
    if not array.size:
        raise _sound_error(name, f"an array with samples, got {_shape(array)}")
    if array.ndim == 2 and array.shape[0] > array.shape[1] and array.shape[1] <= _MOST_CHANNELS:
        raise _sound_error(
            name, f"[channels, samples], got {_shape(array)}: pass its transpose, .T"
        )
    wave = np.atleast_2d(array)
    if wave.dtype.kind == "u":
        middle = 2 ** (8 * wave.dtype.itemsize - 1)
        wave = (wave.astype(np.float64) - middle) / middle
    elif wave.dtype.kind == "i":
        wave = wave / float(2 ** (8 * wave.dtype.itemsize - 1))
    wave = wave.astype(np.float32)
    if not np.isfinite(wave).all():
        raise _sound_error(name, "finite samples, got NaN or infinity")
    return wave


def as_waves(sounds: Any, names: Sequence[str] = ()) -> list[np.ndarray]:
    """One sound or several as a list of float32 [C, N_i], with as many channels as the first.

    Args:
      sounds: an array, which is one sound, or a list or tuple of arrays.
      names: of the sounds, in messages.
    Raises:
      ChoiceError: no sounds, or as `as_wave`.

    Example:
      >>> [wave.shape for wave in as_waves([np.zeros((2, 5)), np.zeros(3)])]
      [(2, 5), (2, 3)]
    """
    several = isinstance(sounds, (list, tuple)) and any(np.ndim(sound) for sound in sounds)
    if isinstance(sounds, (list, tuple)) and not sounds:
        raise _sound_error("sounds", "at least one sound, got none")
    entries = sounds if several else [sounds]
    names = names or (
        [f"sound {number}" for number in range(1, len(entries) + 1)] if several else ["the sound"]
    )
    waves = [as_wave(sound, name) for sound, name in zip(entries, names, strict=True)]
    return [audio.with_channels(wave, len(waves[0])) for wave in waves]


def as_rate(sample_rate: Any) -> int:
    """A sample rate as an integer in Hz. Raises ChoiceError for another type or out of range.

    Example:
      >>> as_rate(44100.0)
      44100
    """
    try:
        rate = operator.index(sample_rate)
    except TypeError:
        rate = int(sample_rate) if isinstance(sample_rate, float) else -1
        if rate != sample_rate:
            rate = -1
    if not audio.LOWEST_RATE <= rate <= audio.HIGHEST_RATE:
        raise ChoiceError(
            f"sample_rate must be whole Hz from {audio.LOWEST_RATE} to {audio.HIGHEST_RATE}, got "
            f"{sample_rate!r}.",
            field="sample_rate",
        )
    return rate


def as_key(seed: Any) -> jax.Array:
    """A PRNG key from an integer in [0, 2**32), or the key given. Raises ChoiceError otherwise.

    Example:
      >>> bool(as_key(3) == jax.random.key(3))
      True
    """
    if isinstance(seed, jax.Array) and jnp.issubdtype(seed.dtype, jax.dtypes.prng_key):
        if seed.ndim:
            raise ChoiceError(f"seed must be a single key, got {seed.shape} keys.", field="seed")
        return seed
    if getattr(seed, "shape", None) == (2,) and getattr(seed, "dtype", None) == np.uint32:
        return jax.random.wrap_key_data(jnp.asarray(seed))
    try:
        number = operator.index(seed)
    except TypeError:
        number = -1
    if isinstance(seed, bool) or not 0 <= number < 2**32:
        raise ChoiceError(
            f"seed must be an integer from 0 to 2**32 - 1 or a PRNG key, got {seed!r}.",
            field="seed",
        )
    return jax.random.key(number)


def as_keys(seeds: Any) -> jax.Array:
    """PRNG keys [n] from integers or keys, at least one. Raises ChoiceError otherwise.

    Example:
      >>> as_keys(range(3)).shape
      (3,)
    """
    if isinstance(seeds, jax.Array) and jnp.issubdtype(seeds.dtype, jax.dtypes.prng_key):
        if seeds.ndim == 1 and len(seeds):
            return seeds
    try:
        entries = list(seeds)
    except TypeError:
        entries = []
    if not entries:
        raise ChoiceError(
            f"seeds must be integers or PRNG keys, one at least, got {seeds!r}.", field="seeds"
        )
    return jnp.stack([as_key(seed) for seed in entries])


def _sound_error(name: str, rule: str) -> ChoiceError:
    return ChoiceError(f"{name} must be {rule}.", field="sounds")


def _shape(array: np.ndarray) -> str:
    return f"shape {array.shape}"
