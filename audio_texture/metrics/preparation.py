"""Brings every sound to one form before it is measured: mono, working rate, one band, one level.

A wave is NumPy float32, [samples] or [channels, samples], nominally in [-1, 1].
"""

import numpy as np
import scipy.fft

from audio_texture import audio

WORKING_RATE = 16_000  # Hz; the lowest rate of the compared sounds where that is less
LEVEL = 0.05  # RMS of every preprocessed sound
SHORTEST_SECONDS = 1.0
# Where the slope of the band limit begins, as a share of the sample rate; it ends at 0.44.
CUTOFF = 0.42


def check_sound(wave: np.ndarray, *, sample_rate: int, name: str = "a sound") -> None:
    """Raises ValueError, with the sound's name, where a sound cannot be measured.

    That is an array of another shape, less than 1 s, NaN or infinite samples, or silence.
    """
    if wave.ndim not in (1, 2):
        raise ValueError(
            f"{name} must be [samples] or [channels, samples], got shape {wave.shape}."
        )
    if wave.shape[-1] < SHORTEST_SECONDS * sample_rate:
        raise ValueError(
            f"{name} lasts {wave.shape[-1] / sample_rate:.3g} s; "
            f"to be judged it must last at least {SHORTEST_SECONDS:g} s."
        )
    if not np.all(np.isfinite(wave)):
        raise ValueError(f"{name} has samples that are NaN or infinite.")
    if audio.rms(wave - np.mean(wave, axis=-1, keepdims=True)) < audio.SILENCE:
        raise ValueError(
            f"{name} is silent; to be judged it must be above "
            f"{20 * np.log10(audio.SILENCE):.0f} dB of full scale."
        )


def preprocess(
    wave: np.ndarray, *, sample_rate: int, rate: int, name: str = "a sound"
) -> np.ndarray:
    """A checked sound in the form that all measures take; see `normalise`.

    Args:
      wave: [N] or [C, N] float.
      sample_rate: of the wave, Hz.
      rate: of the result, Hz.
      name: what an error calls the sound.

    Returns:
      [N'] float32 with an RMS of LEVEL.

    Raises:
      ValueError: see `check_sound`.

    Example:
      >>> noise = np.random.default_rng(0).standard_normal((2, 8000))
      >>> wave = preprocess(noise, sample_rate=8000, rate=4000)
      >>> wave.shape, round(float(np.sqrt(np.mean(wave**2))), 3)
      ((4000,), 0.05)
    """
    wave = np.asarray(wave, np.float32)
    check_sound(wave, sample_rate=sample_rate, name=name)
    return normalise(wave, sample_rate=sample_rate, rate=rate)


def normalise(wave: np.ndarray, *, sample_rate: int, rate: int) -> np.ndarray:
    """A sound of any length, mixed to mono, resampled, band-limited and brought to LEVEL.

    The mono mix is that of `audio.mono_weights`; the band is 20 Hz to 0.44 of the rate.
    """
    wave = np.atleast_2d(wave)
    wave = (audio.mono_weights(wave) @ wave).astype(np.float32)
    wave = audio.highpass_20hz(audio.resample(wave, sample_rate, rate), sample_rate=rate)
    # Only a resampled sound has the slope of a resampler's filter, so all sounds get the same slope
    # below it.
    frequency = scipy.fft.rfftfreq(len(wave))
    band = np.cos(np.pi / 2 * np.clip((frequency - CUTOFF) / 0.02, 0, 1)).astype(np.float32)
    band[0] = 0
    wave = scipy.fft.irfft(scipy.fft.rfft(wave) * band, n=len(wave))
    # A sound wholly above the band leaves nothing to amplify.
    return (wave * (LEVEL / max(audio.rms(wave), 0.1 * audio.SILENCE))).astype(np.float32)


def shape_noise(wave: np.ndarray, *, seed: int) -> np.ndarray:
    """Noise with the long-term spectrum of a sound: its spectrum under random phases. [..., N]

    Example:
      >>> tone = np.sin(np.arange(1000) * 0.2 * np.pi)
      >>> noise = shape_noise(tone, seed=0)
      >>> bool(np.argmax(np.abs(np.fft.rfft(noise))) == 100)
      True
    """
    spectrum = scipy.fft.rfft(wave)
    phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, spectrum.shape[-1])
    phases[0] = 0.0  # DC has no phase
    return scipy.fft.irfft(spectrum * np.exp(1j * phases), n=wave.shape[-1]).astype(np.float32)


def slice_frames(wave: np.ndarray, length: int, hop: int) -> np.ndarray:
    """Whole frames of a wave, as a NumPy view without a copy: [N] -> [T, length]."""
    return np.lib.stride_tricks.sliding_window_view(wave, length)[::hop]
