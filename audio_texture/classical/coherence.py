"""Noise whose channels belong together as those of a recording do.

C channels, F frequencies, K frames.
"""

import numpy as np


def coherence_factors(spectra: np.ndarray) -> np.ndarray:
    """Matrices that make independent noises as coherent as the channels of a recording.

    Args:
      spectra: of the recording's frames, [K, C, F] complex.

    Returns:
      [F, C, C] complex, lower triangular L. Where w are independent white noises, the channels of
      L w have equal power, and the recording's coherence and phase at each frequency.

    Example:
      >>> spectra = np.array([[[1.0], [1.0]], [[1.0], [-1.0]], [[1.0], [1.0]]])  # two of three agree
      >>> coherence_factors(spectra).real.round(3).tolist()
      [[[1.0, 0.0], [0.333, 0.943]]]
    """
    cross = np.einsum("kcf,kdf->fcd", spectra, np.conj(spectra))
    power = np.einsum("fcc->fc", cross).real
    scale = np.sqrt(np.maximum(power, np.finfo(np.float64).tiny))
    coherence = cross / scale[:, :, None] / scale[:, None, :]
    # A silent channel is coherent with itself too; the rest of the diagonal is 1 already, and a
    # little more keeps the matrix of equal channels positive.
    diagonal = np.arange(coherence.shape[1])
    coherence[:, diagonal, diagonal] = 1 + 1e-9
    return np.linalg.cholesky(coherence)
