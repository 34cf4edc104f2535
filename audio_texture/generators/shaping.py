"""Short-time spectra of a wave and back, block by block.

The frames of a block overlap the block before it, so a state is carried from block to block: blocks
of any number of frames give the samples of one pass.

C channels, T frames, F bins, B bands, N samples.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import spectrogram

# Frames overlap by three quarters: Hann windows, the product of a root at either end, add up to 2.
OVERLAP = 4


class State(NamedTuple):
    """What the next block needs.

    Attributes:
      past: [C, n_fft - hop_length] samples before the block.
      tail: [C, n_fft - hop_length] of the last frames, to be added to the next ones.
    """

    past: jax.Array
    tail: jax.Array


def init(channels: int, n_fft: int) -> State:
    """Returns the state of silence. n_fft: in samples; the hop is a quarter of it.

    Example:
      >>> init(2, 16).past.shape
      (2, 12)
    """
    zeros = jnp.zeros((channels, n_fft - n_fft // OVERLAP))
    return State(zeros, zeros)


def analyse(past: jax.Array, wave: jax.Array, *, n_fft: int) -> tuple[jax.Array, jax.Array]:
    """Returns the spectra [C, T, F] of the frames that end within a block, and the new past.

    Frame t ends with sample (t + 1) hop of the block.

    Args:
      past: [C, n_fft - hop].
      wave: [C, T hop].
      n_fft: in samples.
    """
    hop = n_fft // OVERLAP
    joined = jnp.concatenate([past, wave], axis=1)
    pieces, count = joined.reshape(len(wave), -1, hop), wave.shape[1] // hop
    frames = jnp.concatenate([pieces[:, i : i + count] for i in range(OVERLAP)], axis=-1)
    window = root_hann(n_fft)[None, None]
    return jnp.fft.rfft(frames * window, axis=-1), joined[:, wave.shape[1] :]


def resynthesise(tail: jax.Array, spectra: jax.Array, *, n_fft: int) -> tuple[jax.Array, jax.Array]:
    """Returns the block [C, T hop] of spectra, n_fft - hop samples late, and the new tail.

    Args:
      tail: [C, n_fft - hop].
      spectra: [C, T, F].
      n_fft: in samples.
    """
    hop = n_fft // OVERLAP
    channels, count = spectra.shape[:2]
    window = root_hann(n_fft)[None, None] / np.float32(OVERLAP / 2)
    frames = jnp.fft.irfft(spectra, n=n_fft, axis=-1) * window
    pieces = frames.reshape(channels, count, OVERLAP, hop)
    # Part i of every frame belongs i hops later.
    late = [
        jnp.pad(pieces[:, :, i], ((0, 0), (i, OVERLAP - 1 - i), (0, 0))) for i in range(OVERLAP)
    ]
    wave = sum(late[1:], late[0]).reshape(channels, -1)
    begun = wave[:, : n_fft - hop] + tail
    wave = jnp.concatenate([begun, wave[:, n_fft - hop :]], axis=1)
    return wave[:, : count * hop], wave[:, count * hop :]


def root_hann(n_fft: int) -> np.ndarray:
    """Returns the root of a periodic Hann window, [n_fft] float32.

    Example:
      >>> root_hann(4)
      array([0.    , 0.7071, 1.    , 0.7071], dtype=float32)
    """
    return np.sin(np.pi * np.arange(n_fft) / n_fft).astype(np.float32)


def band_weights(n_fft: int, bands: int, sample_rate: int) -> np.ndarray:
    """Returns weights [F, B] of bands for bins, which add up to one for each bin.

    Bands are triangles with the tips of `band_tips`, whose arguments these are.
    """
    tips, rows = band_tips(n_fft, bands, sample_rate), np.arange(n_fft // 2 + 1)
    return np.stack([np.interp(rows, tips, row) for row in np.eye(bands)], 1).astype(np.float32)


def band_tips(n_fft: int, bands: int, sample_rate: int) -> np.ndarray:
    """Returns the tips of bands, [B] in bins: even steps of the mel scale, but at least a bin
    apart.

    Args:
      n_fft: in samples; at least `bands` bins.
      bands: B.
      sample_rate: in Hz.
    Example:
      >>> band_weights(16, 3, 8000).sum(axis=1).tolist()
      [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    bins = n_fft // 2 + 1
    mels = np.linspace(0, spectrogram.hz_to_mel(sample_rate / 2), bands)
    wanted = spectrogram.mel_to_hz(mels) * n_fft / sample_rate
    tips = [0.0]
    for tip in wanted[1:]:
        tips.append(max(tip, tips[-1] + 1))
    # Where the lowest tips were moved apart, the highest must not lie beyond Nyquist.
    return np.minimum(tips, bins - 1 - np.arange(bands)[::-1])
