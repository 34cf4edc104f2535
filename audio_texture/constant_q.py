"""Spectra on a logarithmic axis of frequency: an invertible constant-Q transform, and the authors'
map of STFT bins.

N samples, T frames, F rows of the transform (or, for the map, bins of an STFT), R rows of the map.
Functions take one channel; use vmap for more. Constants are computed in float64 outside the trace.
"""

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft
import scipy.signal

from audio_texture import spectrogram

C1_HZ = 32.703


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["place", "falling", "rising"],
    meta_fields=["sample_rate", "samples", "bins_per_octave", "f_min", "frames"],
)
@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """The layout of a transform for a length, a rate and an axis; `plan` makes it.

    It is a pytree whose arrays may be arguments of a compiled program; the numbers are static.

    Attributes:
      sample_rate: in Hz.
      samples: of the wave.
      bins_per_octave: rows in an octave.
      f_min: where constant Q begins, in Hz.
      frames: T; frame t stands at sample t * samples / frames, which may lie between samples.
      place: [samples // 2 + 1] int32: for each bin of the wave's spectrum, its index in the
        flattened [F, T]: T times the number of the row below the bin, plus a column.
      falling: [samples // 2 + 1] float32: each bin's weight in the row below.
      rising: [samples // 2 + 1] float32: each bin's weight in the row above.
    """

    sample_rate: int
    samples: int
    bins_per_octave: int
    f_min: float
    frames: int
    place: np.ndarray
    falling: np.ndarray
    rising: np.ndarray

    @property
    def frequencies(self) -> np.ndarray:
        """Centres of the rows in Hz, [F] float64: DC, linear rows, rows of constant Q, Nyquist."""
        return _centres(self.sample_rate, self.bins_per_octave, self.f_min)

    @property
    def first_row(self) -> int:
        """The row of f_min; from it to the third row from the end, all rows have the same Q."""
        return _linear_rows(self.bins_per_octave)


def _linear_rows(bins_per_octave: int) -> int:
    # Rows below f_min are as far apart as the first rows above it: f_min ln 2 / bins_per_octave.
    return round(bins_per_octave / np.log(2))


def _centres(sample_rate: int, bins_per_octave: int, f_min: float) -> np.ndarray:
    linear = _linear_rows(bins_per_octave)
    nyquist = sample_rate / 2
    # At least half a spacing is left to Nyquist: a steeper edge would ring.
    rows = int(np.floor(bins_per_octave * np.log2(nyquist / f_min) - 0.5)) + 1
    return np.concatenate(
        [
            f_min * np.arange(linear) / linear,
            f_min * 2 ** (np.arange(rows) / bins_per_octave),
            [nyquist],
        ]
    )


def widest_row(*, sample_rate: int, bins_per_octave: int, f_min: float) -> float:
    """Returns the width of the widest row in Hz, from the row below to the row above.

    An exact inverse needs at least as many frames a second, plus a few in all.

    Args:
      sample_rate: in Hz.
      bins_per_octave: at least 1.
      f_min: where constant Q begins, in Hz.
    Example:
      >>> round(widest_row(sample_rate=8000, bins_per_octave=12, f_min=100.0))
      415
    """
    centres = _centres(sample_rate, bins_per_octave, f_min)
    return float(np.max(centres[2:] - centres[:-2]))


def plan(
    *,
    sample_rate: int,
    samples: int,
    bins_per_octave: int,
    f_min: float = C1_HZ,
    frames: int | None = None,
) -> Plan:
    """Lays out a constant-Q transform of a wave.

    Rows stand at f_min * 2**(k / bins_per_octave) from f_min up, equally spaced from DC to f_min,
    and at Nyquist. A row's window is a Hann window on the axis of row numbers, from the row below
    to the row above, divided by the root of the sum of all rows' squares. So the squares of
    neighbours add up to one at every frequency, and the rows are a tight frame that is its own
    dual. (Holighaus et al. take plain Hann windows and their canonical dual; here both directions
    share the division.) The rows of DC and Nyquist have only one side, since negative frequencies
    are left out.

    Args:
      sample_rate: in Hz.
      samples: length of the wave.
      bins_per_octave: at least 1; 12 to 48 are usual.
      f_min: where constant Q begins, in Hz.
      frames: at least the number of bins of the wave's spectrum in the widest row, which an exact
        inverse needs; by default the next larger number with no prime factor above 5.
    Raises:
      ValueError: f_min out of range, rows nearer to each other than the wave's length resolves, or
        too few frames.
    Example:
      >>> layout = plan(sample_rate=8000, samples=8000, bins_per_octave=12, f_min=100.0)
      >>> layout.frames, len(layout.frequencies)
      (432, 82)
    """
    _check_plan(sample_rate, samples, bins_per_octave, f_min)
    last = len(_centres(sample_rate, bins_per_octave, f_min)) - 2
    bins = np.arange(samples // 2 + 1)
    row = _row_numbers(bins * (sample_rate / samples), sample_rate, bins_per_octave, f_min)
    below = np.clip(np.floor(row).astype(int), 0, last)
    falling, rising = np.cos(np.pi / 2 * (row - below)) ** 2, np.sin(np.pi / 2 * (row - below)) ** 2
    norm = np.hypot(falling, rising)
    bins_below = np.bincount(below, minlength=last + 1)
    least = int(np.max(bins_below[1:] + bins_below[:-1]))
    if frames is None:
        fast = scipy.fft.next_fast_len(least, real=True)
        frames = int(fast)  # pyright: ignore[reportArgumentType]
    if frames < least:
        raise ValueError(
            f"frames must be at least {least}, the number of bins in the widest row, got {frames}."
        )
    return Plan(
        sample_rate=sample_rate,
        samples=samples,
        bins_per_octave=bins_per_octave,
        f_min=f_min,
        frames=frames,
        place=(below * frames + bins % frames).astype(np.int32),
        falling=(falling / norm).astype(np.float32),
        rising=(rising / norm).astype(np.float32),
    )


def _check_plan(sample_rate: int, samples: int, bins_per_octave: int, f_min: float) -> None:
    if bins_per_octave < 1:
        raise ValueError(f"bins_per_octave must be at least 1, got {bins_per_octave}.")
    if not 0 < f_min <= sample_rate / 4:
        raise ValueError(
            "f_min must be above 0 and at most a quarter of the sample rate,"
            f" {sample_rate / 4:g} Hz, got {f_min:g}."
        )
    linear = _linear_rows(bins_per_octave)
    if samples * f_min < linear * sample_rate:
        raise ValueError(
            f"{samples} samples at {sample_rate} Hz do not resolve {bins_per_octave} bins per"
            f" octave at f_min = {f_min:g} Hz: f_min must be at least"
            f" {linear * sample_rate / samples:.4g} Hz."
        )


def _row_numbers(
    frequency: np.ndarray, sample_rate: int, bins_per_octave: int, f_min: float
) -> np.ndarray:
    """Returns the fractional row number of each frequency: linear in frequency up to f_min, then
    logarithmic, and linear again from the last row to Nyquist.
    """
    linear = _linear_rows(bins_per_octave)
    centres = _centres(sample_rate, bins_per_octave, f_min)
    row = np.where(
        frequency < f_min,
        frequency / f_min * linear,
        linear + bins_per_octave * np.log2(np.maximum(frequency, f_min) / f_min),
    )
    last = len(centres) - 2
    above_last = (frequency - centres[last]) / (centres[-1] - centres[last])
    return np.where(row < last, row, last + above_last)


@jax.jit
def cqt(wave: jax.Array, plan: Plan) -> jax.Array:
    """Returns the constant-Q transform of a wave, by a nonstationary Gabor frame (Velasco et al.
    2011; Holighaus et al. 2013).

    c[t, k] = 2 / N sum_n g_k[n] X[n] exp(2 pi i n t / T), with X the wave's spectrum and g_k the
    row's window: the wave through a zero-phase band-pass filter at sample t N / T. The magnitude of
    a sinusoid in the middle of a row is its amplitude (times n_fft / 4 it is that of a
    Hann-windowed STFT). Time is circular. The papers sample each row at its own rate; here all rows
    have the rate of the widest, so that frames and rows make a matrix.

    Args:
      wave: [samples] real.
      plan: of `plan`, for as many samples.
    Returns:
      [T, F] complex64, phases relative to sample zero.
    Example:
      >>> layout = plan(sample_rate=800, samples=800, bins_per_octave=12, f_min=100.0)
      >>> cqt(jnp.zeros(800), layout).shape == (layout.frames, len(layout.frequencies))
      True
    """
    if wave.shape != (plan.samples,):
        raise ValueError(f"the plan is for a wave [{plan.samples}], got shape {wave.shape}.")
    spectrum = jnp.fft.rfft(wave) * (2 * plan.frames / plan.samples)
    # A bin belongs to two rows, in the same column of both; no two bins of a row share a column.
    rows = len(plan.frequencies)
    empty = jnp.zeros(rows * plan.frames, spectrum.dtype)
    filled = empty.at[plan.place].add(plan.falling * spectrum, unique_indices=True)
    filled = filled.at[plan.place + plan.frames].add(plan.rising * spectrum, unique_indices=True)
    return spectrogram.ifft(filled.reshape(rows, plan.frames)).T


@jax.jit
def icqt(spectrum: jax.Array, plan: Plan) -> jax.Array:
    """Inverse of `cqt`: returns the wave whose transform is nearest in least squares.

    Args:
      spectrum: [T, F] complex.
      plan: of `plan`.
    Returns:
      [samples] float32.
    Example:
      >>> layout = plan(sample_rate=800, samples=800, bins_per_octave=12, f_min=100.0)
      >>> wave = jnp.sin(jnp.arange(800.0))
      >>> bool(jnp.allclose(icqt(cqt(wave, layout), layout), wave, atol=1e-5))
      True
    """
    if spectrum.shape != (plan.frames, len(plan.frequencies)):
        raise ValueError(
            f"the plan is for a spectrum [{plan.frames}, {len(plan.frequencies)}], got shape"
            f" {spectrum.shape}."
        )
    rows = spectrogram.fft(spectrum.T).reshape(-1)
    bins = plan.falling * rows[plan.place] + plan.rising * rows[plan.place + plan.frames]
    return jnp.fft.irfft(bins * (plan.samples / (2 * plan.frames)), n=plan.samples)


class LogMap(NamedTuple):
    """Matrices that map the bins of an STFT to rows equally spaced in log frequency, and back.

    Attributes:
      forward: [F, R] float32, multiplied from the right: compressed [T, F] @ forward -> [T, R].
      inverse: [R, F] float32: [T, R] @ inverse -> [T, F].
      position: [R] float64, positions of the rows in bins of the STFT.
    """

    forward: np.ndarray
    inverse: np.ndarray
    position: np.ndarray


@functools.lru_cache(maxsize=8)
def log_map(
    n_fft: int, *, lowest: int = 10, rows: int | None = None, exact: bool = False
) -> LogMap:
    """Returns the authors' pseudo-constant-Q map: an STFT's bins, interpolated at positions equally
    spaced in log frequency.

    After Ellis' logfmap: positions p_i = lowest (H / (H - 1))**i up to H = n_fft // 2 + 1, which is
    a step of one bin at the top, M[i, r] = sinc(r - p_i), and back by the transpose weighted by
    G[r] = r / H. The bins keep their own bandwidth: low rows are interpolated, not finer. Ellis'
    positions and weights begin one lower.

    The inverse loses the bins below `lowest`. The relative error of the other bins, for compressed
    spectrograms with n_fft 1024, is 0.5 % for rain and 1.6 % for white noise with all rows, and
    16 % and 17 % with 513 rows.

    Args:
      n_fft: of the STFT.
      lowest: the first row, in bins.
      rows: resamples the rows to this number by Fourier's method, as the authors do to
        n_fft // 2 + 1, at a loss; None keeps all.
      exact: puts the bins below `lowest` unchanged before the rows, and inverts by least squares:
        only rounding (4e-7) is lost. It needs all rows (`rows` None).
    Raises:
      ValueError: lowest out of range, rows out of range, or rows with exact.
    Example:
      >>> log_map(64, exact=True).forward.shape
      (33, 49)
    """
    bins = n_fft // 2 + 1
    if not 1 <= lowest < bins - 1:
        raise ValueError(f"lowest must be from 1 to n_fft // 2 - 1 = {bins - 2}, got {lowest}.")
    ratio = bins / (bins - 1)
    all_rows = round(np.log(bins / lowest) / np.log(ratio))
    position = lowest * ratio ** np.arange(all_rows)
    if rows is not None and (exact or not 1 <= rows <= all_rows):
        raise ValueError(f"rows must be from 1 to {all_rows}, and None if exact, got {rows}.")
    interpolation = np.sinc(position[:, None] - np.arange(bins)[None])
    if exact:
        position = np.concatenate([np.arange(lowest), position])
        interpolation = np.concatenate([np.eye(lowest, bins), interpolation])
        back = np.linalg.solve(interpolation.T @ interpolation, interpolation.T)
    else:
        back = (interpolation * (np.arange(bins) / bins)[None]).T
    if rows is not None:
        # Resampled row j stands where row j all_rows / rows of all rows would.
        position = lowest * ratio ** (np.arange(rows) * all_rows / rows)
        interpolation = np.asarray(scipy.signal.resample(interpolation, rows, axis=0))
        back = back @ np.asarray(scipy.signal.resample(np.eye(rows), all_rows, axis=0))
    return LogMap(interpolation.T.astype(np.float32), back.T.astype(np.float32), position)
