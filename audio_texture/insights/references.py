"""The sounds of the experiments, procedural and recorded, and their spectrograms."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import audio, constant_q, sounds, spectrogram
from audio_texture.insights.experiment import ExperimentSettings

# The sample rate of all sounds in Hz: the experiments are many small runs.
RATE = 8000
# Axes of frequency: bins, mel bands, the authors' logarithmic map, constant Q.
SCALES = ("linear", "mel", "log", "cqt")
_FFT, _HOP, _BANDS, _BINS_PER_OCTAVE, _LOWEST_HZ = 512, 128, 64, 24, 125.0


def make_procedural(
    sound: Callable[..., np.ndarray], seed: int, seconds: float, **parameters: float
) -> np.ndarray:
    """Returns a procedural sound, [N] at RATE; another seed is another take of the same sound.

    Args:
      sound: a function of audio_texture.sounds.
      seed: of the take.
      seconds: length.
      **parameters: of the function.
    """
    return sound(jax.random.key(seed), seconds, RATE, **parameters)


def read_recordings(
    settings: ExperimentSettings, seed: int, count: int, seconds: float
) -> dict[str, np.ndarray]:
    """Returns the beginnings of `count` recordings, name -> wave [N] at RATE.

    Another seed chooses other recordings. Recordings that cannot be read, are too short, or are
    silent for a quarter of the time are skipped.

    Args:
      settings: with the paths.
      seed: of the choice.
      count: most recordings to return.
      seconds: length.
    """
    waves, samples = {}, round(seconds * RATE)
    for index in np.random.default_rng(seed).permutation(len(settings.recordings)):
        if len(waves) == count:
            break
        path = settings.recordings[index]
        try:
            wave, rate = audio.read(path, seconds=max(2 * seconds, 5.0))
        except ValueError:
            continue
        wave = audio.resample(audio.with_channels(wave, 1)[0], rate, RATE)[:samples]
        # Data sets fill up short clips with zeros.
        quarters = np.array_split(wave, 4)
        lowest = max(audio.SILENCE, 0.01 * audio.rms(wave))
        if len(wave) == samples and all(audio.rms(quarter) > lowest for quarter in quarters):
            gain = np.float32(sounds.LEVEL / audio.rms(wave))
            waves["/".join(path.split("/")[-2:])] = (wave * gain).astype(np.float32)
    return waves


def scaled_spectrogram(wave: np.ndarray, scale: str) -> jax.Array:
    """Returns the compressed spectrogram [T, F] of a wave [N] at RATE, with a frame every 16 ms.

    Args:
      wave: [N].
      scale: axis of frequency, one of SCALES.
    """
    if scale == "cqt":
        return _constant_q_spectrogram(wave)
    magnitude = jnp.abs(spectrogram.stft(wave, n_fft=_FFT, hop_length=_HOP, center=False))
    if scale == "mel":
        return spectrogram.compress(magnitude @ spectrogram.mel_filters(RATE, _FFT, _BANDS))
    bins = spectrogram.compress(magnitude)
    if scale == "linear":
        return bins
    return bins @ constant_q.log_map(_FFT, lowest=round(_LOWEST_HZ * _FFT / RATE)).forward


def _constant_q_spectrogram(wave: np.ndarray) -> jax.Array:
    frames = len(wave) // _HOP
    axis = {
        "sample_rate": RATE,
        "samples": len(wave),
        "bins_per_octave": _BINS_PER_OCTAVE,
        "f_min": _LOWEST_HZ,
    }
    group = -(-constant_q.plan(**axis).frames // frames)
    plan = constant_q.plan(**axis, frames=group * frames)
    # The magnitude of a sinusoid is its amplitude in the constant-Q transform, and n_fft / 4 times
    # that in the STFT.
    magnitude = jnp.abs(constant_q.cqt(wave, plan))[:, plan.first_row : -1] * (_FFT / 4)
    return spectrogram.compress(jnp.mean(magnitude.reshape(frames, group, -1), axis=1))
