"""What all procedural sounds are made of: noise of a spectrum, grains, and events in time.

Arrays are [samples] at RATE unless said otherwise.
"""

from collections.abc import Callable, Sequence

import jax
import numpy as np
import scipy.fft

RATE = 48000  # Hz, the rate of synthesis; a multiple of the control rate
CONTROL_RATE = 200  # Hz, the rate of slow envelopes
LEAD = 1.0  # s synthesised before the first sample: longer than any grain here rings
# s synthesised after the last sample, so that the resampling FFT wraps around outside the crop
TAIL = 0.25
LEVEL = 0.1  # RMS of the result
PEAK = 0.95  # largest sample of the result

Shape = Callable[[np.ndarray], np.ndarray]  # frequencies in Hz -> amplitude >= 0


def begin(
    key: jax.Array, seconds: float, sample_rate: int, **positive: float
) -> tuple[np.random.Generator, int]:
    """Checks the arguments; returns the random generator and the duration to synthesise, in whole
    seconds with lead-in and tail.
    """
    for name, value in (("seconds", seconds), *positive.items()):
        if not (value > 0 and np.isfinite(value)):
            raise ValueError(f"{name} must be above 0 and finite, got {value}.")
    if not (4000 <= sample_rate <= 384000 and sample_rate == int(sample_rate)):
        raise ValueError(
            f"sample_rate must be a whole number of Hz from 4000 to 384000, got {sample_rate}."
        )
    if round(seconds * sample_rate) < 1:
        raise ValueError(
            f"seconds={seconds} at sample_rate={sample_rate} makes no sample; at least 1 is needed."
        )
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    return rng, int(np.ceil(LEAD + seconds + TAIL))


def finish(wave: np.ndarray, seconds: float, sample_rate: int) -> np.ndarray:
    """Band-limits whole seconds at RATE, resamples them to sample_rate, crops the lead-in and sets
    the level.
    """
    sample_rate = int(sample_rate)
    spectrum = np.asarray(scipy.fft.rfft(wave.astype(np.float32)))
    frequency = np.arange(len(spectrum), dtype=np.float32) * (RATE / len(wave))
    edge = min(20000.0, 0.5 * sample_rate)
    # A soft edge, since a brick wall would ring around every click; nothing below 20 Hz, so no DC.
    spectrum *= np.cos(0.5 * np.pi * np.clip((frequency / edge - 0.9) / 0.1, 0.0, 1.0)) ** 2
    spectrum *= 1.0 - np.exp(-((frequency / 20.0) ** 4))
    samples = len(wave) // RATE * sample_rate  # whole seconds, so this is exact at every rate
    resampled = np.asarray(scipy.fft.irfft(spectrum[: samples // 2 + 1], samples))
    resampled = resampled * (sample_rate / RATE)
    start = round(LEAD * sample_rate)
    out = resampled[start : start + round(seconds * sample_rate)]
    out = out - out.mean()
    tiny = np.finfo(np.float32).tiny  # a sound of one sample is its own mean, hence zero
    gain = min(LEVEL / max(np.sqrt(np.mean(out**2)), tiny), PEAK / max(np.abs(out).max(), tiny))
    return (gain * out).astype(np.float32)


def band(low: float, high: float, order: float = 1.0) -> Shape:
    """Returns the amplitude response of a band-pass: -3 dB at low and high (Hz), and 6 dB * order
    less for every octave outside.
    """

    def amplitude(f):
        below = 1 + (low / np.maximum(f, 1e-3)) ** (2 * order)
        return (below * (1 + (f / high) ** (2 * order))) ** -0.5

    return amplitude


def noise(rng: np.random.Generator, samples: int, shape: Shape, rate: int = RATE) -> np.ndarray:
    """Returns Gaussian noise [samples] of amplitude spectrum `shape` and RMS 1; its end runs on
    into its beginning.
    """
    bins = samples // 2 + 1
    spectrum = rng.standard_normal(2 * bins, dtype=np.float32).view(np.complex64)
    amplitude = shape(np.arange(bins, dtype=np.float32) * np.float32(rate / samples))
    amplitude[0] = 0.0
    spectrum *= amplitude / np.sqrt(4.0 * np.sum(amplitude**2, dtype=np.float64))
    return np.asarray(scipy.fft.irfft(spectrum, samples)) * np.float32(samples)


def to_audio_rate(control: np.ndarray) -> np.ndarray:
    """Interpolates linearly from CONTROL_RATE to RATE, [n] -> [n * RATE / CONTROL_RATE]."""
    step = RATE // CONTROL_RATE
    following = np.append(control[1:], control[-1])
    ramp = np.arange(step, dtype=np.float32) / step
    lines = control[:, None] + (following - control)[:, None] * ramp[None, :]
    return lines.astype(np.float32).reshape(-1)


def drift(rng: np.random.Generator, duration: int, rate_hz: float) -> np.ndarray:
    """Returns slow Gaussian noise at CONTROL_RATE: mean 0, RMS 1, of frequencies up to about
    rate_hz.
    """
    return noise(
        rng, duration * CONTROL_RATE, lambda f: np.exp(-((f / rate_hz) ** 2)), CONTROL_RATE
    )


def random_times(rng: np.random.Generator, duration: int, per_second: float) -> np.ndarray:
    """Returns onsets in s of a Poisson process, unsorted."""
    return rng.uniform(0.0, duration, rng.poisson(per_second * duration))


def regular_times(
    rng: np.random.Generator, duration: float, period: float, *, jitter: float, walk: float = 0.0
):
    """Returns onsets in s, `period` apart from a random start: every onset is off by `jitter` s
    (RMS), every gap by `walk` s (RMS).
    """
    count = int(1.2 * duration / period) + 4  # a few to spare, for when the gaps come out short
    steps = period + walk * np.clip(rng.standard_normal(count), -3, 3)
    onsets = rng.uniform(-period, 0.0) + np.cumsum(steps)
    onsets = onsets + jitter * np.clip(rng.standard_normal(count), -3, 3)
    return onsets[(onsets >= 0.0) & (onsets < duration)]


def scatter(
    duration: int,
    onsets: np.ndarray,
    amplitudes: np.ndarray,
    grains: Sequence[np.ndarray],
    choice: np.ndarray,
):
    """Returns the sum [duration * RATE] of grains[choice[i]] * amplitudes[i] at onsets[i] s."""
    wave = np.zeros(duration * RATE, np.float32)
    starts = np.round(onsets * RATE).astype(int)
    for start, amplitude, index in zip(
        starts.tolist(), amplitudes.astype(np.float32), choice.tolist(), strict=True
    ):
        target = wave[start : start + len(grains[index])]
        target += amplitude * grains[index][: len(target)]
    return wave


def ring(
    frequency: np.ndarray, decay_s: np.ndarray, amplitude: np.ndarray, chirp: float = 0.0
) -> np.ndarray:
    """Returns the sound of a struck body, a sum of modes
    a exp(-t / decay) sin(2 pi f t (1 + chirp t / 2)), chirp in 1/s. It starts at 0.
    """
    t = np.arange(int(6.0 * np.max(decay_s) * RATE) + 2) / RATE
    modes = (np.ravel(frequency) < 0.45 * RATE) * np.ravel(amplitude)
    phase = 2 * np.pi * np.ravel(frequency)[:, None] * (t * (1 + 0.5 * chirp * t))[None, :]
    decay = np.exp(-t[None, :] / np.ravel(decay_s)[:, None])
    return (modes @ (np.sin(phase) * decay)).astype(np.float32)


def burst(
    rng: np.random.Generator, decay_s: float, shape: Shape, attack_s: float = 0.0002
) -> np.ndarray:
    """Returns a noise burst of spectrum `shape` that rises in attack_s and decays in decay_s; its
    energy is about decay_s / 2.
    """
    t = np.arange(int(6.0 * decay_s * RATE) + 16, dtype=np.float32) / RATE
    return noise(rng, len(t), shape) * np.exp(-t / decay_s) * (1 - np.exp(-t / attack_s))


def distance_gain(rng: np.random.Generator, count: int, near: float, far: float) -> np.ndarray:
    """Returns near / distance of sources spread evenly over a disc of `far` m, for a listener
    `near` m above it.
    """
    return near / np.sqrt(near**2 + far**2 * rng.uniform(size=count))


def bubble_grains(rng: np.random.Generator, radius_mm: np.ndarray, rise: float) -> list[np.ndarray]:
    """Returns a grain for each radius (mm): the impulse response of an air bubble in water, van den
    Doel 2005.

    With r in m, f0 = 3 / r and d = 0.13 / r + 0.0072 r^-1.5, the sound is
    a sin(2 pi f(t) t) exp(-d t), f(t) = f0 (1 + s t). On average s = rise * d; it is larger the
    nearer the bubble is to the surface. Here the amplitude a grows as r; the paper leaves it open.
    """
    grains = []
    depths = rng.uniform(size=len(radius_mm))
    for r, depth in zip(np.asarray(radius_mm) / 1000, depths, strict=True):
        damping = 0.13 / r + 0.0072 * r**-1.5
        grains.append(ring(3.0 / r, 1 / damping, r * 1000, chirp=2 * rise * depth * damping))
    return grains
