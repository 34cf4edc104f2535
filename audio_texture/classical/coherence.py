"""Noise whose channels belong together as those of a recording do.

C channels, F frequencies, K frames.
"""

import numpy as np


def coherence_factors(spectra: np.ndarray) -> np.ndarray:
    """Matrices that make independent noises relate to each other as the channels of a recording do.

    Args:
      spectra: of the recording's frames, [K, C, F] complex.

    Returns:
      [F, C, C] complex, lower triangular L. Where w are independent white noises, the channels of
      L w have the recording's coherence, phase and ratios of power at each frequency. Their powers
      have the mean 1, so that the noise of one channel stays white.

    Example:
      >>> spectra = np.array([[[1.0], [1.0]], [[1.0], [-1.0]], [[1.0], [1.0]]])
      >>> coherence_factors(spectra).real.round(3).tolist()
      [[[1.0, 0.0], [0.333, 0.943]]]
    """
    cross = np.einsum("kcf,kdf->fcd", spectra, np.conj(spectra))
    power = np.einsum("fcc->f", cross).real[:, None, None] / cross.shape[1]
    # Where nothing sounds, the channels are independent.
    same = np.eye(cross.shape[1])
    relation = np.where(power > 0, cross / np.where(power > 0, power, 1), same)
    # Of equal channels the matrix is only just not negative.
    return np.linalg.cholesky(relation + 1e-9 * same)
