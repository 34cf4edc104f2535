"""Linear prediction: all-pole models of spectra, and of envelopes.

P is the order, the number of poles. Leading axes stand for frames, channels, or anything else.
"""

import numpy as np
import scipy.fft

# Added to the power at lag 0, as a share of it: no pole comes nearer to the unit circle than
# float64 can tell, and silence has a model. It is a floor 90 dB below the mean of the spectrum.
_FLOOR = 1e-9


def autocorrelation(x: np.ndarray, order: int) -> np.ndarray:
    """Sums of x[n] x[n + lag] for the lags 0 to `order`: [..., N] -> [..., order + 1] float64.

    Example:
      >>> autocorrelation(np.array([1.0, 2.0, 3.0]), 2).round(6).tolist()
      [14.0, 8.0, 3.0]
    """
    size = scipy.fft.next_fast_len(x.shape[-1] + order, real=True)
    spectrum = scipy.fft.rfft(np.asarray(x, np.float64), size)
    return scipy.fft.irfft(np.abs(spectrum) ** 2, size)[..., : order + 1]


def fit_poles(correlation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The all-pole filter g / A(z) whose impulse response has the given autocorrelation.

    Levinson's recursion solves the Yule-Walker equations of order P for all leading axes at once.
    All poles lie within the unit circle.

    Args:
      correlation: [..., P + 1], as of `autocorrelation`.

    Returns:
      A = 1 + a_1 z^-1 + ... + a_P z^-P, [..., P + 1] float64, and the share of power that
      prediction leaves, [...] in (0, 1]: 1 / A raises the power of white noise by its inverse.

    Example:
      >>> a, share = fit_poles(0.5 ** np.arange(3))
      >>> a.round(6).tolist(), round(float(share), 6)
      ([1.0, -0.5, 0.0], 0.75)
    """
    correlation = np.asarray(correlation, np.float64)
    power = correlation[..., :1]
    # Where there is silence, white noise is as good a model as any.
    r = np.where(power > 0, correlation / np.where(power > 0, power, 1), 0.0)
    r[..., 0] = 1 + _FLOOR
    a = np.zeros_like(r)
    a[..., 0] = 1
    error = r[..., 0].copy()
    for n in range(1, r.shape[-1]):
        reflection = -np.sum(a[..., :n] * r[..., n:0:-1], axis=-1) / error
        a[..., 1 : n + 1] += reflection[..., None] * a[..., n - 1 :: -1][..., :n]
        error *= 1 - reflection**2
    return a, error / r[..., 0]


def pole_power(a: np.ndarray, points: int) -> np.ndarray:
    """The power 1 / |A|^2 at the middles of `points` equal steps from 0 to Nyquist.

    Args:
      a: [..., P + 1], as of `fit_poles`.
      points: at least P.

    Returns:
      [..., points] float64, above 0. Where A models the DCT of a wave, the points are its samples.

    Example:
      >>> pole_power(np.array([1.0, 0.0]), 3).tolist()
      [1.0, 1.0, 1.0]
    """
    half_step = np.exp(-0.5j * np.pi * np.arange(a.shape[-1]) / points)
    response = scipy.fft.fft(a * half_step, 2 * points)[..., :points]
    return 1 / np.abs(response) ** 2
