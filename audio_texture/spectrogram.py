"""Short-time spectra and their scales.

T frames, F bins (n_fft // 2 + 1), B bands. Functions take one channel; vmap for more. Constants (windows, filters) are
computed in float64 outside the trace.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import scipy.signal

# A Hann window of 1024 sums to 512, so log1p of any magnitude of a wave in [-1, 1] stays under 7: the authors' fixed scale.
CEILING = 7.0
# Shares of the loudest stream's magnitude in a bin: below -26 dB another stream counts less and
# less, and below -80 dB it is empty.
FAINT_STREAM, EMPTY_STREAM = 0.05, 1e-4


def frame_count(samples: int, *, n_fft: int, hop_length: int, center: bool = True) -> int:
    """How many frames `stft` makes of so many samples."""
    return 1 + (samples + (2 * (n_fft // 2) if center else 0) - n_fft) // hop_length


def _window(n_fft: int, name: str) -> np.ndarray:
    return scipy.signal.get_window(name, n_fft).astype(np.float32)


def _check(n_fft: int, hop_length: int) -> None:
    if not 1 <= hop_length <= n_fft // 2:
        raise ValueError(
            f"hop_length must be from 1 to n_fft // 2 = {n_fft // 2}, got {hop_length}."
        )


def ifft(spectrum: jax.Array) -> jax.Array:
    """Inverse discrete Fourier transform of the last axis, through two real ones.

    On a CPU the library's complex transform rounds a row otherwise when it stands in a whole vector of rows than when it is left
    over, and which rows are left over depends on the thread that runs it: the same program gave two results. Its real
    transforms do not.

    Args:
      spectrum: [..., n] complex.
    Returns:
      [..., n] complex64.
    """
    size = spectrum.shape[-1]
    half = size // 2 + 1
    here = spectrum[..., :half]
    # The conjugate of bins 0, -1, -2, ...
    mirrored = jnp.conj(
        jnp.concatenate(
            [spectrum[..., :1], jnp.flip(spectrum[..., size - half + 1 :], -1)], axis=-1
        )
    )
    parts = jnp.fft.irfft(jnp.stack([here + mirrored, -1j * (here - mirrored)]) / 2, n=size)
    return jax.lax.complex(parts[0], parts[1])


def fft(signal: jax.Array) -> jax.Array:
    """Discrete Fourier transform of the last axis, [..., n] complex -> [..., n] complex64; for why, see `ifft`."""
    return jnp.conj(ifft(jnp.conj(signal))) * signal.shape[-1]


@functools.partial(jax.jit, static_argnames=("n_fft", "hop_length", "center", "window"))
def stft(
    wave: jax.Array, *, n_fft: int, hop_length: int, center: bool = True, window: str = "hann"
) -> jax.Array:
    """Short-time Fourier transform.

    Args:
      wave: [samples] real.
      n_fft: samples in a frame and its window.
      hop_length: samples between frames, at most half of n_fft.
      center: pads with n_fft // 2 zeros at both ends, so that frame t is centred on sample t * hop_length (librosa's
        convention); otherwise only whole frames inside the wave are taken.
      window: a window's name as in `scipy.signal.get_window` (periodic form).
    Returns:
      [T, F] complex64, phases relative to the start of each frame.
    """
    _check(n_fft, hop_length)
    if center:
        wave = jnp.pad(wave, n_fft // 2)
    if wave.shape[-1] < n_fft:
        raise ValueError(
            f"a wave of {wave.shape[-1]} samples is shorter than one frame of {n_fft}."
        )
    frames = frame_count(wave.shape[-1], n_fft=n_fft, hop_length=hop_length, center=False)
    # Frames as shifted stacks of hop-long blocks: slices, whose gradient is slices again, where a gather's is a slow scatter.
    pieces = -(-n_fft // hop_length)
    needed = (frames + pieces - 1) * hop_length
    wave = jnp.pad(wave, (0, max(needed - wave.shape[-1], 0)))[:needed]
    blocks = wave.reshape(-1, hop_length)
    stacked = jnp.concatenate([blocks[i : i + frames] for i in range(pieces)], axis=1)[:, :n_fft]
    return jnp.fft.rfft(stacked * _window(n_fft, window)[None], axis=-1)


@functools.partial(jax.jit, static_argnames=("n_fft", "hop_length", "length", "center", "window"))
def istft(
    spectrum: jax.Array,
    *,
    n_fft: int,
    hop_length: int,
    length: int,
    center: bool = True,
    window: str = "hann",
) -> jax.Array:
    """Inverse of `stft`: the wave whose STFT is nearest in least squares (Griffin & Lim 1984, Eq. 6).

    Args:
      spectrum: [T, F] complex.
      length: samples of the wave wanted; those that no frame reaches are zero.
      n_fft, hop_length, center, window: as in `stft`.
    Returns:
      [length] float32.
    """
    _check(n_fft, hop_length)
    shape = _window(n_fft, window)
    wave = _overlap_add(jnp.fft.irfft(spectrum, n=n_fft, axis=-1) * shape[None], hop_length)
    weight = _overlap_add_constant(shape.astype(np.float64) ** 2, spectrum.shape[0], hop_length)
    wave = jnp.where(weight > 1e-10, wave / np.maximum(weight, 1e-10), 0.0)
    first = n_fft // 2 if center else 0
    wave = wave[first : first + length]
    return jnp.pad(wave, (0, length - wave.shape[-1]))


def _overlap_add(frames: jax.Array, hop_length: int) -> jax.Array:
    """[T, n] -> [(T - 1 + ceil(n / hop)) * hop]: the transpose of the framing in `stft`."""
    count, n = frames.shape
    pieces = -(-n // hop_length)
    frames = jnp.pad(frames, ((0, 0), (0, pieces * hop_length - n)))
    blocks = frames.reshape(count, pieces, hop_length)
    return sum(jnp.pad(blocks[:, i], ((i, pieces - 1 - i), (0, 0))) for i in range(pieces)).reshape(
        -1
    )


def _overlap_add_constant(shape: np.ndarray, frames: int, hop_length: int) -> np.ndarray:
    pieces = -(-len(shape) // hop_length)
    blocks = np.pad(shape, (0, pieces * hop_length - len(shape))).reshape(pieces, hop_length)
    total = np.zeros((frames + pieces - 1, hop_length))
    for i in range(pieces):
        total[i : i + frames] += blocks[i]
    return total.reshape(-1).astype(np.float32)


def band(wave: jax.Array, *, sample_rate: int, low: float, high: float) -> jax.Array:
    """What of a wave [..., N] lies between two frequencies in Hz; 0 and infinity leave a side open.

    Edges are a 24th of an octave wide and add up to one with those of the band beyond. Without a shift of phase; time is circular.
    """
    frequency = np.fft.rfftfreq(wave.shape[-1], 1 / sample_rate)

    def above(edge):
        octaves = (
            np.log2(np.maximum(frequency, 1e-9) / edge) if edge else np.full(len(frequency), np.inf)
        )
        return np.sin(np.pi / 2 * np.clip(24 * octaves + 0.5, 0, 1)) ** 2

    passed = (above(low) - (above(high) if np.isfinite(high) else 0)).astype(np.float32)
    return jnp.fft.irfft(
        jnp.fft.rfft(wave) * passed.reshape((1,) * (wave.ndim - 1) + (-1,)), n=wave.shape[-1]
    )


def compress(magnitude: jax.Array) -> jax.Array:
    """log1p(magnitude) / 7, the authors' scale: [0, 1] for any wave in [-1, 1] under a Hann window of up to 2048."""
    return jnp.log1p(magnitude) / CEILING


def expand(compressed: jax.Array) -> jax.Array:
    """Inverse of `compress`; what lies below zero comes back as zero magnitude."""
    return jnp.maximum(jnp.expm1(CEILING * compressed), 0.0)


def loudness_scale(magnitude: jax.Array) -> jax.Array:
    """Each bin's mean magnitude over time, by which `compress_relative` takes bins alike, loud or
    faint.

    At least -60 dB of the mean of all bins, so that bins without sound are not blown up; and, of
    several streams, at least
    -80 dB of the loudest one in the same bin.

    Args:
      magnitude: [T, F], or [T, S, F] of S streams.
    Returns:
      [F] or [S, F].
    """
    mean = jnp.mean(magnitude, axis=0)
    if mean.ndim == 2:
        mean = jnp.maximum(mean, EMPTY_STREAM * jnp.max(mean, axis=0, keepdims=True))
    return jnp.maximum(mean, 1e-3 * jnp.mean(mean) + jnp.finfo(jnp.float32).tiny)


def compress_relative(magnitude: jax.Array, scale: jax.Array, *, sharpness: float) -> jax.Array:
    """w log1p(sharpness * magnitude / scale): logarithmic down to 1 / sharpness of a bin's mean,
    linear below.

    The weight w is 1 but for streams that are more than 26 dB fainter than the loudest one in the
    same bin, whose weight falls
    with their level: the difference of two channels that are nearly equal is not heard as a sound
    of its own.

    The fixed scale of `compress` is nearly linear for faint bins, and for the quiet between loud events: what lies 40 dB
    under a clock's ticks would not count.

    Args:
      magnitude: [T, ..., F]. scale: [..., F], of `loudness_scale`.
      sharpness: the larger, the more the faint moments count.
    """
    compressed = jnp.log1p(sharpness * magnitude / scale[None])
    if scale.ndim == 1:
        return compressed
    weight = jnp.minimum(scale / (FAINT_STREAM * jnp.max(scale, axis=0, keepdims=True)), 1.0)
    return weight[None] * compressed


def mel_frequencies(hertz: np.ndarray) -> np.ndarray:
    """Hz -> mel after Slaney's Auditory Toolbox (1998): linear below 1 kHz, 27 to a factor of 6.4 above."""
    hertz = np.asarray(hertz, np.float64)
    return np.where(
        hertz < 1000,
        hertz * 3 / 200,
        15 + 27 * np.log(np.maximum(hertz, 1000) / 1000) / np.log(6.4),
    )


def mel_to_hertz(mel: np.ndarray) -> np.ndarray:
    """Inverse of `mel_frequencies`."""
    mel = np.asarray(mel, np.float64)
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((np.maximum(mel, 15) - 15) / 27))


@functools.lru_cache(maxsize=32)
def mel_filters(sample_rate: int, n_fft: int, bands: int) -> np.ndarray:
    """Triangular mel filters with peaks of one, from 0 Hz to Nyquist.

    Returns:
      float32 [F, B], to be multiplied from the right: magnitude [T, F] @ filters [F, B].
    Raises:
      ValueError: so many bands that one of them holds no bin.
    """
    edges = mel_to_hertz(np.linspace(0, mel_frequencies(sample_rate / 2), bands + 2))
    bins = np.arange(n_fft // 2 + 1)[:, None] * sample_rate / n_fft
    rising = (bins - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - bins) / np.diff(edges)[1:]
    filters = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    if not np.all(filters.sum(axis=0) > 0):
        raise ValueError(
            f"{bands} mel bands are too many for n_fft = {n_fft} at {sample_rate} Hz: a band holds no bin."
        )
    return filters


def standardisation(spectrogram: jax.Array, *, floor: float = 0.1) -> tuple[jax.Array, jax.Array]:
    """Mean and deviation of each bin over time, by which `standardise` makes every bin count alike.

    Without it the mean spectrum drowns the modulations, which the ear goes by.

    Args:
      spectrogram: [T, ..., F], the reference.
      floor: least deviation, as a share of the root mean square deviation of all bins, lest empty bins (beyond a
        recording's cut-off) be blown up; and a hundredth of it of the root mean square mean, lest rounding be, in sounds
        whose frames are all alike.
    Returns:
      Mean [..., F] and standard deviation [..., F].
    """
    mean = jnp.mean(spectrogram, axis=0)
    deviation = jnp.std(spectrogram, axis=0)
    least = floor * jnp.sqrt(jnp.mean(deviation**2)) + 0.01 * floor * jnp.sqrt(jnp.mean(mean**2))
    return mean, jnp.maximum(deviation, least + jnp.finfo(jnp.float32).tiny)


def standardise(spectrogram: jax.Array, mean: jax.Array, deviation: jax.Array) -> jax.Array:
    """(spectrogram - mean) / deviation, bin by bin. [T, ..., F], [..., F], [..., F] -> [T, ..., F]."""
    return (spectrogram - mean[None]) / deviation[None]
