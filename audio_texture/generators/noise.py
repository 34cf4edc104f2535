"""Noise that is a function of a seed and a position, so that any stretch can be made by itself.

`jax.random` draws whole arrays; here every number has a seed, a stream, a frame and an index, and a
hash of these four makes it. The hash is 32-bit integer arithmetic, so that other programs, such as
a page in a browser, draw the same numbers.

C channels, T frames, F frequencies, N samples of a chunk.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

# The stream of the audible noise; the network's levels have streams from 0.
AUDIBLE = 1000


def scramble(x: jax.Array) -> jax.Array:
    """Returns scrambled bits of each uint32: the finaliser of MurmurHash3 (Appleby 2011).

    Example:
      >>> hex(scramble(jnp.uint32(1)))
      '0x514e28b7'
    """
    x = x ^ (x >> 16)
    x = x * np.uint32(0x85EBCA6B)
    x = x ^ (x >> 13)
    x = x * np.uint32(0xC2B2AE35)
    return x ^ (x >> 16)


def normal(seed: ArrayLike, stream: int, frames: jax.Array, count: int) -> jax.Array:
    """Returns standard normal numbers, each a function of seed, stream, frame and index.

    Two normal numbers come from two uniform ones (Box & Muller 1958).

    Args:
      seed: [] uint32.
      stream: numbers of different streams are independent.
      frames: [T] uint32.
      count: numbers a frame; even.
    Returns:
      [T, count] float32, within -5.9 to 5.9.
    Example:
      >>> normal(0, 3, jnp.arange(5, dtype=jnp.uint32), 8).shape
      (5, 8)
    """
    start = scramble(jnp.asarray(seed, jnp.uint32) + np.uint32(0x9E3779B9))
    start = scramble(start + np.uint32(stream))
    rows = scramble(start + frames)
    bits = scramble(rows[:, None] + np.arange(count, dtype=np.uint32)[None])
    # 24 bits are exact in float32; the half keeps the logarithm away from 0.
    uniform = ((bits >> 8).astype(jnp.float32) + 0.5) * np.float32(2.0**-24)
    radius = jnp.sqrt(-2 * jnp.log(uniform[:, : count // 2]))
    angle = np.float32(2 * np.pi) * uniform[:, count // 2 :]
    return jnp.concatenate([radius * jnp.cos(angle), radius * jnp.sin(angle)], axis=1)


def coloured(seed: ArrayLike, chunk: jax.Array, chunks: int, colour: jax.Array) -> jax.Array:
    """Returns stationary noise of a colour: `chunks` chunks from number `chunk` on.

    Frames of four chunks, two chunks apart, have random spectra; their windows are half a sine, so
    that the power is even.

    Args:
      seed: [] uint32.
      chunk: [] int32, may be negative.
      chunks: number of chunks.
      colour: [C, F] factors of the amplitude of white noise, F = 2 N + 1.
    Returns:
      [C, chunks * N].
    Example:
      >>> coloured(0, jnp.int32(-1), 3, jnp.ones((2, 2 * 16 + 1))).shape
      (2, 48)
    """
    channels, bins = colour.shape
    n_fft = 2 * (bins - 1)
    hop, samples = n_fft // 2, n_fft // 4
    first = chunk // 2 - 1
    frames = first + jnp.arange(chunks // 2 + 2)
    drawn = normal(seed, AUDIBLE, frames.astype(jnp.uint32), 2 * channels * bins)
    parts = drawn.reshape(frames.shape[0], 2, channels, bins) * np.float32(np.sqrt(n_fft / 2))
    spectra = jax.lax.complex(parts[:, 0], parts[:, 1]) * colour[None]
    window = np.sin(np.pi * (np.arange(n_fft) + 0.5) / n_fft).astype(np.float32)
    waves = jnp.fft.irfft(spectra, n=n_fft, axis=-1) * window[None, None]
    joined = waves[1:, :, :hop] + waves[:-1, :, hop:]
    wave = joined.transpose(1, 0, 2).reshape(channels, -1)
    begin = (chunk - 2 * (first + 1)) * samples
    return jax.lax.dynamic_slice_in_dim(wave, begin, chunks * samples, axis=1)
