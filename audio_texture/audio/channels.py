"""Channels: mixing down, leaving out silent or repeated ones, and stereo images."""

from collections.abc import Sequence

import numpy as np

# A channel whose share of the power lies below this (-100 dB) is inaudible.
INAUDIBLE = 1e-10


def mono_weights(wave: np.ndarray) -> np.ndarray:
    """Returns the weights that mix channels down to one, [C, N] -> [C].

    They are all 1 / C, unless the channels' mean cancels: if it has less than a hundredth of the
    channels' mean power, as with an inverted pair, they are the strongest component of the
    channels' covariance.

    Example:
      >>> mono_weights(np.array([[1.0, 2.0, 4.0], [1.0, 2.0, 3.0]])).tolist()
      [0.5, 0.5]
    """
    channels = len(wave)
    equal = np.full(channels, 1 / channels)
    covariance = np.atleast_2d(np.cov(wave.astype(np.float64), bias=True))
    if channels == 1 or equal @ covariance @ equal >= 0.01 * np.trace(covariance) / channels:
        return equal
    return np.linalg.eigh(covariance)[1][:, -1] / np.sqrt(channels)


def with_channels(wave: np.ndarray, channels: int) -> np.ndarray:
    """Returns a wave with another number of channels: mixed down to mono, and repeated if needed.

    Args:
      wave: [C, samples].
      channels: wanted number.
    Returns:
      [channels, samples]; the wave itself if it has that many channels.
    Example:
      >>> with_channels(np.zeros((1, 5)), 2).shape
      (2, 5)
    """
    if len(wave) == channels:
        return wave
    weights = mono_weights(wave)
    are_equal = np.all(weights == weights[0])
    mono = np.mean(wave, axis=0) if are_equal else (weights @ wave).astype(np.float32)
    return np.repeat(mono[None], channels, axis=0)


def fold_channels(
    waves: Sequence[np.ndarray], *, decorrelated: bool = False
) -> tuple[list[np.ndarray], np.ndarray]:
    """Leaves out channels that are silent or repeat another, such as mono recorded as stereo.

    A channel is left out if it lies 100 dB under the loudest channel, or if it is another channel
    times a factor with an error of at most -100 dB. The factor may be negative and is the same in
    all waves.

    Args:
      waves: [C, N_i] each; a constant in them is ignored.
      decorrelated: also subtracts from each channel its projection on the channels before it. Where
        phases are recovered channel by channel, what two channels share would otherwise come back
        as two different sounds.
    Returns:
      The waves [C', N_i], and a matrix [C, C'] float32; the matrix times a folded wave gives all C
      channels back.
    Example:
      >>> mono = np.array([[1.0, -1.0, 2.0]])
      >>> folded, factors = fold_channels([np.concatenate([mono, -mono])])
      >>> folded[0].shape, factors.tolist()
      ((1, 3), [[1.0], [-1.0]])
    """
    channels = len(waves[0])
    if channels == 1:
        return list(waves), np.ones((1, 1), np.float32)
    covariance = np.zeros((channels, channels))
    for wave in waves:
        centred = wave.astype(np.float64) - np.mean(wave, axis=1, keepdims=True)
        products = centred @ centred.T
        covariance += products / max(np.trace(products), np.finfo(np.float64).tiny)
    indices, factors = _independent_channels(covariance)
    folded = [wave[indices] for wave in waves]
    if decorrelated and np.any(factors):
        mixing = np.linalg.cholesky(covariance[np.ix_(indices, indices)])
        mixing = mixing / np.diagonal(mixing)[None]
        folded = [np.linalg.solve(mixing, wave).astype(np.float32) for wave in folded]
        factors = factors @ mixing
    return folded, factors.astype(np.float32)


def _independent_channels(covariance: np.ndarray) -> tuple[list[int], np.ndarray]:
    """Returns the indices of C' channels to keep, and the factors [C, C'] that give all back."""
    channels = len(covariance)
    powers, indices, factors = np.diagonal(covariance), [], np.zeros((channels, channels))
    for channel in range(channels):
        if powers[channel] <= INAUDIBLE * np.max(powers):
            continue
        for other in indices:
            factor = covariance[channel, other] / powers[other]
            if powers[channel] - factor * covariance[channel, other] <= INAUDIBLE * powers[channel]:
                factors[channel, other] = factor
                break
        else:
            indices.append(channel)
            factors[channel, channel] = 1.0
    indices = indices or [0]
    return indices, factors[:, indices]


def match_stereo_image(wave: np.ndarray, like: np.ndarray, *, sample_rate: int) -> np.ndarray:
    """Returns a sound with equal channels, spread over its channels in the way of another sound.

    Where two channels of `like` are equal, so are those of the result. Where they are uncorrelated,
    the result's channels are the wave shifted by different times, which for a texture are as good
    as two recordings. The channels also get the relative levels of `like`. A wave whose channels
    differ comes back unchanged.

    Args:
      wave: [C, N].
      like: [C, M], whose image is matched.
      sample_rate: in Hz.
    Returns:
      [C, N] float32.
    Example:
      >>> left = np.array([0.1, -0.2, 0.3, -0.1])
      >>> spread = match_stereo_image(
      ...     np.ones((2, 4), np.float32), np.stack([left, -left]), sample_rate=8000
      ... )
      >>> spread[:, 0].tolist()
      [1.0, -1.0]
    """
    channels, samples = wave.shape
    if channels == 1 or np.any(wave != wave[:1]):
        return wave
    _, factors = fold_channels([like])
    if factors.shape[1] == 1 and np.any(factors):
        return factors / np.sqrt(np.mean(factors**2)) * wave[:1]
    covariance = np.cov(like.astype(np.float64), bias=True)
    covariance /= np.trace(covariance) / channels
    mixing = np.linalg.cholesky(covariance + 1e-9 * np.eye(channels))
    # Faded at both ends: rolled copies would otherwise click where the end meets the beginning.
    edge = min(round(0.005 * sample_rate), samples // 2)
    ramp = np.sin(np.pi / 2 * (np.arange(edge) + 0.5) / max(edge, 1)) ** 2
    faded = wave[0] * np.concatenate([ramp, np.ones(samples - 2 * edge), ramp[::-1]])
    rolled = [np.roll(faded, channel * samples // channels) for channel in range(1, channels)]
    return (mixing @ np.stack([wave[0], *rolled])).astype(np.float32)
