"""Short-time spectra and their scales.

T frames, F bins (n_fft // 2 + 1), B bands, S streams (channels, and sums and differences of
neighbouring channels). Functions take one channel; use vmap for more. Constants (windows, filters)
are computed in float64 outside the trace.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import scipy.signal

# The authors' fixed scale: a Hann window of 1024 samples sums to 512, so log1p of any magnitude of
# a wave in [-1, 1] stays below 7.
CEILING = 7.0
# As shares of the magnitude of the loudest stream in the same bin: a stream below the first (-26
# dB) loses weight, a stream below the second (-80 dB) counts as empty.
FAINT_STREAM, EMPTY_STREAM = 0.05, 1e-4


def frame_count(samples: int, *, n_fft: int, hop_length: int, center: bool = True) -> int:
    """Returns how many frames `stft` makes of a wave.

    Example:
      >>> frame_count(1000, n_fft=512, hop_length=256)
      4
    """
    return 1 + (samples + (2 * (n_fft // 2) if center else 0) - n_fft) // hop_length


def _window(n_fft: int, name: str) -> np.ndarray:
    return np.asarray(scipy.signal.get_window(name, n_fft), np.float32)


def _check(n_fft: int, hop_length: int) -> None:
    if not 1 <= hop_length <= n_fft // 2:
        raise ValueError(
            f"hop_length must be from 1 to n_fft // 2 = {n_fft // 2}, got {hop_length}."
        )


def ifft(spectrum: jax.Array) -> jax.Array:
    """Returns the inverse discrete Fourier transform of the last axis, through two real transforms.

    On a CPU the library's complex transform rounds differently in a full vector of rows and in the
    rows left over, and which rows are left over depends on the thread: the same program gave two
    results. The library's real transforms always round alike.

    Args:
      spectrum: [..., n] complex.
    Returns:
      [..., n] complex64.
    Example:
      >>> np.round(jnp.abs(ifft(jnp.ones(4, jnp.complex64))), 3).tolist()
      [1.0, 0.0, 0.0, 0.0]
    """
    size = spectrum.shape[-1]
    half = size // 2 + 1
    positive = spectrum[..., :half]
    # The conjugate of bins 0, -1, -2, ...
    mirrored = jnp.conj(
        jnp.concatenate(
            [spectrum[..., :1], jnp.flip(spectrum[..., size - half + 1 :], -1)], axis=-1
        )
    )
    parts = jnp.fft.irfft(jnp.stack([positive + mirrored, -1j * (positive - mirrored)]) / 2, n=size)
    return jax.lax.complex(parts[0], parts[1])


def fft(signal: jax.Array) -> jax.Array:
    """Returns the discrete Fourier transform of the last axis, [..., n] complex -> [..., n]
    complex64. It goes through real transforms for the reason given at `ifft`.

    Example:
      >>> np.round(jnp.abs(fft(jnp.array([1.0, 0, 0, 0], jnp.complex64))), 3).tolist()
      [1.0, 1.0, 1.0, 1.0]
    """
    return jnp.conj(ifft(jnp.conj(signal))) * signal.shape[-1]


@functools.partial(jax.jit, static_argnames=("n_fft", "hop_length", "center", "window"))
def stft(
    wave: jax.Array, *, n_fft: int, hop_length: int, center: bool = True, window: str = "hann"
) -> jax.Array:
    """Returns the short-time Fourier transform of a wave.

    Args:
      wave: [samples] real.
      n_fft: samples in a frame and its window.
      hop_length: samples between frames, at most half of n_fft.
      center: pads with n_fft // 2 zeros at both ends, so that frame t is centred on sample
        t * hop_length (librosa's convention); otherwise only whole frames inside the wave are
        taken.
      window: a window's name as in `scipy.signal.get_window` (periodic form).
    Returns:
      [T, F] complex64, phases relative to the start of each frame.
    Raises:
      ValueError: hop_length out of range, or a wave shorter than one frame.
    Example:
      >>> stft(jnp.zeros(64), n_fft=16, hop_length=8).shape
      (9, 9)
    """
    _check(n_fft, hop_length)
    if center:
        wave = jnp.pad(wave, n_fft // 2)
    frames = windowed_frames(wave, n_fft=n_fft, hop_length=hop_length, window=window)
    return jnp.fft.rfft(frames, axis=-1)


def windowed_frames(
    wave: jax.Array, *, n_fft: int, hop_length: int, window: str = "hann"
) -> jax.Array:
    """Returns the whole frames inside a wave, times the window: [T, n_fft].

    Arguments and errors as in `stft`, of which it is the first half.

    Example:
      >>> windowed_frames(jnp.zeros(64), n_fft=16, hop_length=8).shape
      (7, 16)
    """
    if wave.shape[-1] < n_fft:
        raise ValueError(
            f"a wave of {wave.shape[-1]} samples is shorter than one frame of {n_fft}."
        )
    frames = frame_count(wave.shape[-1], n_fft=n_fft, hop_length=hop_length, center=False)
    # A frame is put together from blocks as long as the hop, taken by slices: the gradient of
    # slices is slices, that of a gather is a slow scatter.
    pieces = -(-n_fft // hop_length)
    needed = (frames + pieces - 1) * hop_length
    wave = jnp.pad(wave, (0, max(needed - wave.shape[-1], 0)))[:needed]
    blocks = wave.reshape(-1, hop_length)
    stacked = jnp.concatenate([blocks[i : i + frames] for i in range(pieces)], axis=1)[:, :n_fft]
    return stacked * _window(n_fft, window)[None]


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
    """Inverse of `stft`: returns the wave whose STFT is nearest in least squares (Griffin & Lim
    1984, Eq. 6).

    Args:
      spectrum: [T, F] complex.
      n_fft: as in `stft`.
      hop_length: as in `stft`.
      length: samples of the wanted wave; samples that no frame reaches are zero.
      center: as in `stft`.
      window: as in `stft`.
    Returns:
      [length] float32.
    Example:
      >>> wave = jnp.sin(jnp.arange(64.0))
      >>> back = istft(stft(wave, n_fft=16, hop_length=8), n_fft=16, hop_length=8, length=64)
      >>> bool(jnp.allclose(back, wave, atol=1e-5))
      True
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
    shifted = [jnp.pad(blocks[:, i], ((i, pieces - 1 - i), (0, 0))) for i in range(pieces)]
    return functools.reduce(jnp.add, shifted).reshape(-1)


def _overlap_add_constant(shape: np.ndarray, frames: int, hop_length: int) -> np.ndarray:
    pieces = -(-len(shape) // hop_length)
    blocks = np.pad(shape, (0, pieces * hop_length - len(shape))).reshape(pieces, hop_length)
    total = np.zeros((frames + pieces - 1, hop_length))
    for i in range(pieces):
        total[i : i + frames] += blocks[i]
    return total.reshape(-1).astype(np.float32)


def band(wave: jax.Array, *, sample_rate: int, low: float, high: float) -> jax.Array:
    """Returns the part of a wave between two frequencies, [..., N].

    The edges are a 24th of an octave wide, and the responses of two adjoining bands add up to one.
    The filter has zero phase, and time is circular.

    Args:
      wave: [..., N].
      sample_rate: in Hz.
      low: lower edge in Hz; 0 leaves the band open.
      high: upper edge in Hz; infinity leaves the band open.
    Example:
      >>> wave = jnp.cos(2 * jnp.pi * jnp.arange(64) / 4)
      >>> float(jnp.round(jnp.max(jnp.abs(band(wave, sample_rate=64, low=2, high=8))), 3))
      0.0
    """
    frequency = np.fft.rfftfreq(wave.shape[-1], 1 / sample_rate)

    def highpass(edge):
        if not edge:
            return np.ones(len(frequency))
        octaves = np.log2(np.maximum(frequency, 1e-9) / edge)
        return np.sin(np.pi / 2 * np.clip(24 * octaves + 0.5, 0, 1)) ** 2

    response = highpass(low) - (highpass(high) if np.isfinite(high) else 0)
    response = response.astype(np.float32).reshape((1,) * (wave.ndim - 1) + (-1,))
    return jnp.fft.irfft(jnp.fft.rfft(wave) * response, n=wave.shape[-1])


def compress(magnitude: jax.Array) -> jax.Array:
    """Returns log1p(magnitude) / 7, the authors' scale: in [0, 1] for any wave in [-1, 1] under a
    Hann window of up to 2048.

    Example:
      >>> round(float(compress(jnp.array(100.0))), 3)
      0.659
    """
    return jnp.log1p(magnitude) / CEILING


def expand(compressed: jax.Array) -> jax.Array:
    """Inverse of `compress`: returns magnitudes; values below zero become zero magnitude.

    Example:
      >>> round(float(expand(compress(jnp.array(100.0)))), 2)
      100.0
    """
    return jnp.maximum(jnp.expm1(CEILING * compressed), 0.0)


def loudness_scale(magnitude: jax.Array) -> jax.Array:
    """Returns each bin's mean magnitude over time, which `compress_relative` divides by.

    It is at least -60 dB of the mean of all bins, so that bins without sound are not amplified. Of
    several streams it is at least -80 dB of the loudest stream in the same bin.

    Args:
      magnitude: [T, F], or [T, S, F] of S streams.
    Returns:
      [F] or [S, F].
    Example:
      >>> loudness_scale(jnp.array([[1.0, 4.0], [3.0, 4.0]])).tolist()
      [2.0, 4.0]
    """
    mean = jnp.mean(magnitude, axis=0)
    if mean.ndim == 2:
        mean = jnp.maximum(mean, EMPTY_STREAM * jnp.max(mean, axis=0, keepdims=True))
    return jnp.maximum(mean, 1e-3 * jnp.mean(mean) + jnp.finfo(jnp.float32).tiny)


def compress_relative(magnitude: jax.Array, scale: jax.Array, *, sharpness: float) -> jax.Array:
    """Returns w log1p(sharpness * magnitude / scale): logarithmic down to 1 / sharpness of a bin's
    mean, linear below.

    The weight w is 1, except that it falls with the level of streams more than 26 dB fainter than
    the loudest stream in the same bin: the difference of two nearly equal channels is not heard as
    a sound of its own.

    The fixed scale of `compress` is nearly linear for faint bins and for the quiet between loud
    events: sounds 40 dB under a clock's ticks would not count.

    Args:
      magnitude: [T, ..., F].
      scale: [..., F], of `loudness_scale`.
      sharpness: the larger, the more faint frames count.
    Returns:
      As `magnitude`.
    Example:
      >>> compressed = compress_relative(jnp.ones((1, 2)), jnp.array([1.0, 2.0]), sharpness=2.0)
      >>> [round(value, 3) for value in compressed[0].tolist()]
      [1.099, 0.693]
    """
    compressed = jnp.log1p(sharpness * magnitude / scale[None])
    if scale.ndim == 1:
        return compressed
    weight = jnp.minimum(scale / (FAINT_STREAM * jnp.max(scale, axis=0, keepdims=True)), 1.0)
    return weight[None] * compressed


def hz_to_mel(hertz: np.ndarray | float) -> np.ndarray:
    """Returns frequencies in mel after Slaney's Auditory Toolbox (1998): linear below 1 kHz, and
    above it 27 mel for each factor of 6.4.

    Example:
      >>> hz_to_mel(1000.0).item(), hz_to_mel(6400.0).item()
      (15.0, 42.0)
    """
    hertz = np.asarray(hertz, np.float64)
    return np.where(
        hertz < 1000,
        hertz * 3 / 200,
        15 + 27 * np.log(np.maximum(hertz, 1000) / 1000) / np.log(6.4),
    )


def mel_to_hz(mel: np.ndarray | float) -> np.ndarray:
    """Inverse of `hz_to_mel`: returns frequencies in Hz.

    Example:
      >>> mel_to_hz(42.0).item()
      6400.0
    """
    mel = np.asarray(mel, np.float64)
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((np.maximum(mel, 15) - 15) / 27))


@functools.lru_cache(maxsize=32)
def mel_filters(sample_rate: int, n_fft: int, bands: int) -> np.ndarray:
    """Returns triangular mel filters with peaks of one, from 0 Hz to Nyquist.

    Args:
      sample_rate: in Hz.
      n_fft: of the STFT.
      bands: number of filters.
    Returns:
      float32 [F, B], multiplied from the right: magnitude [T, F] @ filters [F, B].
    Raises:
      ValueError: there are too many bands, so that a band holds no bin.
    Example:
      >>> mel_filters(16000, 512, 40).shape
      (257, 40)
    """
    edges = mel_to_hz(np.linspace(0, hz_to_mel(sample_rate / 2), bands + 2))
    bins = np.arange(n_fft // 2 + 1)[:, None] * sample_rate / n_fft
    rising = (bins - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - bins) / np.diff(edges)[1:]
    filters = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    if not np.all(filters.sum(axis=0) > 0):
        raise ValueError(
            f"{bands} mel bands are too many for n_fft = {n_fft} at {sample_rate} Hz: a band holds"
            " no bin."
        )
    return filters


def standardisation(spectrogram: jax.Array, *, floor: float = 0.1) -> tuple[jax.Array, jax.Array]:
    """Returns the mean and standard deviation of each bin over time, for `standardise`.

    Without standardisation the mean spectrum outweighs the modulations, which matter most to the
    ear.

    Args:
      spectrogram: [T, ..., F], the reference.
      floor: least std, as a share of the root mean square of all bins' std. It keeps empty bins
        (beyond a recording's cut-off) from being amplified. A hundredth of this share of the root
        mean square of the means is added, which keeps rounding from being amplified in sounds whose
        frames are all alike.
    Returns:
      Mean [..., F] and standard deviation [..., F].
    Example:
      >>> mean, std = standardisation(jnp.array([[1.0, 0.0], [3.0, 0.0]]), floor=0.0)
      >>> mean.tolist(), std[0].item()
      ([2.0, 0.0], 1.0)
    """
    mean = jnp.mean(spectrogram, axis=0)
    std = jnp.std(spectrogram, axis=0)
    least = floor * jnp.sqrt(jnp.mean(std**2)) + 0.01 * floor * jnp.sqrt(jnp.mean(mean**2))
    return mean, jnp.maximum(std, least + jnp.finfo(jnp.float32).tiny)


def standardise(spectrogram: jax.Array, mean: jax.Array, std: jax.Array) -> jax.Array:
    """Returns (spectrogram - mean) / std, bin by bin.

    Shapes: [T, ..., F], [..., F], [..., F] -> [T, ..., F].

    Example:
      >>> standardise(jnp.array([[1.0], [3.0]]), jnp.array([2.0]), jnp.array([0.5])).tolist()
      [[-2.0], [2.0]]
    """
    return (spectrogram - mean[None]) / std[None]
