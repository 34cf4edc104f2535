"""Keeps endless sound below full scale: one gain, fixed at its beginning, then a soft knee."""

import math

import numpy as np

# Share of full scale above which peaks are rounded off, because blocks already written cannot be
# lowered when a louder one follows. Where the peaks of the references or of the first block pass
# full scale, the whole stream is lowered so that they reach KNEE.
KNEE = 0.9
# Just under 1, so that rounding to integers cannot overflow.
FULL_SCALE = 0.9999


def lowering_db(peak: float, highest: float) -> float:
    """How many dB a wave with this peak must be lowered so that it stays under the highest value.

    Example:
      >>> round(lowering_db(2.0, 1.0), 2), lowering_db(0.5, 1.0)
      (6.02, 0.0)
    """
    return max(0.0, 20 * math.log10(max(float(peak), np.finfo(np.float32).tiny) / highest))


def round_off_peaks(wave: np.ndarray) -> np.ndarray:
    """The wave as float32, unchanged up to `KNEE` and rounded off between it and full scale.

    Example:
      >>> round_off_peaks(np.array([0.5, 3.0]))
      array([0.5   , 0.9999], dtype=float32)
    """
    size = np.abs(wave)
    rounded = KNEE + (1 - KNEE) * np.tanh((size - KNEE) / (1 - KNEE))
    limited = np.sign(wave) * np.minimum(rounded, FULL_SCALE)
    return np.where(size > KNEE, limited, wave).astype(np.float32)
