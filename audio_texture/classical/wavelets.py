"""The periodic orthogonal wavelet transform with Daubechies' filters.

I. Daubechies, "Orthonormal bases of compactly supported wavelets", Communications on Pure and
Applied Mathematics 41(7), 1988.

Level 1 is the finest: its coefficients lie between 1/4 and 1/2 of the sample rate, those of each
further level an octave lower. Both filters are shifted so that the energy of coefficient n of
level l lies about the middle of the samples 2^l n to 2^l (n + 1), so coefficients 2n and 2n + 1 of
level l - 1 are what happens at the time of coefficient n.

C channels, N samples, L levels.
"""

import functools
import math
from typing import NamedTuple

import numpy as np

MOMENTS = 5  # vanishing moments of the wavelet; its filters have twice as many taps


class Filters(NamedTuple):
    """Low-pass and high-pass filter of one step [2 * MOMENTS], and their delays in samples."""

    low: np.ndarray
    high: np.ndarray
    low_delay: int
    high_delay: int


@functools.cache
def daubechies(moments: int = MOMENTS) -> Filters:
    """Daubechies' filters of least delay, by spectral factorisation in float64.

    The low-pass filter is sqrt(2) ((1 + z) / 2)^moments times the factor of the polynomial
    P(y) = sum_k binomial(moments - 1 + k, k) y^k, y = (2 - z - 1/z) / 4, whose zeros lie inside the
    unit circle.

    Args:
      moments: vanishing moments of the wavelet, from 1 to 10.

    Example:
      >>> daubechies(2).low
      array([ 0.483 ,  0.8365,  0.2241, -0.1294])
    """
    polynomial = [math.comb(moments - 1 + k, k) for k in range(moments)]
    zeros = [-1.0] * moments
    for y in np.roots(polynomial[::-1]):
        pair = np.roots([1, 4 * y - 2, 1])
        zeros.append(pair[np.argmin(np.abs(pair))])
    low = np.real(np.poly(zeros))
    low *= math.sqrt(2) / np.sum(low)
    high = low[::-1] * (-1.0) ** np.arange(len(low))
    return Filters(low, high, *_delays(low, high))


def _delays(low: np.ndarray, high: np.ndarray) -> tuple[int, int]:
    """Whole delays that bring the energy of both filters to the middle of a pair of samples.

    Their difference is even, or the two filters would not be orthogonal.
    """
    taps = np.arange(len(low))
    wanted = np.array([np.sum(taps * f**2) - 0.5 for f in (low, high)])
    pairs = [(a, b) for a in range(len(low)) for b in range(len(low)) if (a - b) % 2 == 0]
    return min(pairs, key=lambda pair: float(np.sum((wanted - pair) ** 2)))


def analyse(wave: np.ndarray, levels: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """The wavelet transform of a wave whose end is followed by its beginning.

    Args:
      wave: [C, N], N a multiple of 2^levels.
      levels: how often the lower half of the band is halved.

    Returns:
      (rest [C, N / 2^L], [details of level 1 [C, N / 2], ..., of level L [C, N / 2^L]]), float64.

    Example:
      >>> rest, details = analyse(np.ones((1, 8)), 2)
      >>> rest, bool(np.max(np.abs(details[0])) < 1e-9)
      (array([[2., 2.]]), True)
    """
    filters, rest, details = daubechies(), np.asarray(wave, np.float64), []
    for _ in range(levels):
        details.append(_filter_down(rest, filters.high, filters.high_delay))
        rest = _filter_down(rest, filters.low, filters.low_delay)
    return rest, details


def synthesise(rest: np.ndarray, details: list[np.ndarray]) -> np.ndarray:
    """Inverse of `analyse`: [C, N] float64."""
    filters = daubechies()
    for detail in reversed(details):
        low = _filter_up(rest, filters.low, filters.low_delay)
        rest = low + _filter_up(detail, filters.high, filters.high_delay)
    return rest


def _filter_down(wave: np.ndarray, taps: np.ndarray, delay: int) -> np.ndarray:
    """[C, N] -> [C, N / 2]: result[n] = sum_k taps[k] wave[2n + k - delay], periodic."""
    phases = wave[..., 0::2], wave[..., 1::2]
    result = np.zeros_like(phases[0])
    for k, tap in enumerate(taps):
        shift, phase = divmod(k - delay, 2)
        result += tap * np.roll(phases[phase], -shift, axis=-1)
    return result


def _filter_up(coefficients: np.ndarray, taps: np.ndarray, delay: int) -> np.ndarray:
    """[C, N / 2] -> [C, N]: the transpose of `_filter_down`."""
    result = np.zeros((*coefficients.shape[:-1], 2 * coefficients.shape[-1]))
    for k, tap in enumerate(taps):
        shift, phase = divmod(k - delay, 2)
        result[..., phase::2] += tap * np.roll(coefficients, shift, axis=-1)
    return result
