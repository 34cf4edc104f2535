"""Clips and their examples: the spectrogram for a network and the profile for the baseline."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import audio, sounds, spectrogram
from audio_texture.datasets import Clip
from audio_texture.training.config import BASELINE_BANDS, BASELINE_FFT, BASELINE_HOP, FrontEnd

# How the path of a procedural clip begins.
PROCEDURAL = "sound:"


class Example(NamedTuple):
    """The data of a clip.

    Attributes:
      spectrogram: [T, F] float16, log1p(magnitude) / 7; half precision is finer than the 8 bits of
        the authors' pictures.
      centroid: mean spectral centroid in Hz, weighted by the level of the frames (paper: secondary
        classes).
      profile: [40] mean log-mel spectrum, for the baseline.
    """

    spectrogram: np.ndarray
    centroid: np.ndarray
    profile: np.ndarray


def procedural_clips() -> tuple[list[Clip], list[str]]:
    """Returns a data set of procedural sounds: six classes in three folds, two clips each.

    Example:
      >>> clips, classes = procedural_clips()
      >>> len(clips), classes[0], clips[0]
      (36, 'bubbles', Clip(path='sound:bubbles/0', label=0, fold=1))
    """
    classes = ["bubbles", "clock", "crickets", "fire", "rain", "wind"]
    return [
        Clip(f"{PROCEDURAL}{name}/{seed}", label, 1 + seed // 2)
        for label, name in enumerate(classes)
        for seed in range(6)
    ], classes


def read_clip(path: str, front: FrontEnd) -> np.ndarray:
    """Returns the wave [samples] of a clip: mono, at the front end's rate and length.

    Example:
      >>> read_clip("sound:rain/0", FrontEnd(sample_rate=8000, seconds=0.2)).shape
      (1600,)
    """
    if path.startswith(PROCEDURAL):
        name, seed = path.removeprefix(PROCEDURAL).split("/")
        return sounds.make(name, jax.random.key(int(seed)), front.seconds, front.sample_rate)
    wave, rate = audio.read(path, seconds=front.seconds)
    wave = audio.resample(audio.with_channels(wave, 1)[0], rate, front.sample_rate)
    samples = round(front.seconds * front.sample_rate)
    return np.pad(wave, (0, max(samples - len(wave), 0)))[:samples]


def make_example(wave: np.ndarray, front: FrontEnd) -> Example:
    """Returns the example of a mono wave [samples] at the front end's rate and length.

    Example:
      >>> front = FrontEnd(sample_rate=8000, seconds=0.2)
      >>> make_example(np.zeros(1600, np.float32), front).profile.shape
      (40,)
    """
    arrays = _compute_example(
        wave,
        sample_rate=front.sample_rate,
        n_fft=front.n_fft,
        hop_length=front.hop_length,
        bands=front.bands,
    )
    return Example(*(np.asarray(value) for value in arrays))


@functools.partial(jax.jit, static_argnames=("sample_rate", "n_fft", "hop_length", "bands"))
def _compute_example(wave, *, sample_rate, n_fft, hop_length, bands):
    magnitude = jnp.abs(spectrogram.stft(wave, n_fft=n_fft, hop_length=hop_length))
    compressed = spectrogram.compress(
        magnitude @ spectrogram.mel_filters(sample_rate, n_fft, bands) if bands else magnitude
    )
    frequencies = np.linspace(0, sample_rate / 2, n_fft // 2 + 1, dtype=np.float32)
    # The mean centroid weighted by the frames' levels; 1e-12 gives silence a centroid of 0.
    level = jnp.sqrt(jnp.mean(magnitude**2, axis=1))
    centroid = magnitude @ frequencies / (jnp.sum(magnitude, axis=1) + 1e-12)
    return (
        compressed.astype(jnp.float16),
        jnp.sum(centroid * level) / (jnp.sum(level) + 1e-12),
        _compute_profile(wave, sample_rate),
    )


def _compute_profile(wave, sample_rate):
    magnitude = jnp.abs(spectrogram.stft(wave, n_fft=BASELINE_FFT, hop_length=BASELINE_HOP))
    filters = spectrogram.mel_filters(sample_rate, BASELINE_FFT, BASELINE_BANDS)
    return jnp.mean(jnp.log(magnitude @ filters + 1e-5), axis=0)
