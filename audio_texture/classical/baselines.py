"""The two baselines that every other method should beat: noise, and shuffled pieces.

Noise of the recording's spectrum keeps nothing but the spectrum; shuffled grains keep everything
but the order, as they copy. C channels, N samples.
"""

import jax
import numpy as np
import scipy.fft

from audio_texture.classical.randomness import generator_of

# The cross-fade of two grains lasts so long, or a quarter of a grain where that is shorter.
FADE_SECONDS = 0.005
# A shorter recording has shorter grains, or there would be no order to shuffle.
FEWEST_GRAINS = 4


def phase_randomised(
    key: jax.Array, wave: np.ndarray, *, samples: int, sample_rate: int
) -> np.ndarray:
    """Gaussian noise with the recording's own long-term power spectrum.

    The Fourier transform of the whole recording keeps its magnitudes and gets random phases
    (Theiler, Eubank, Longtin, Galdrikian & Farmer, *Testing for nonlinearity in time series: the
    method of surrogate data*, Physica D, 1992). All channels are turned by the same phases, so that
    their level differences, delays and coherence stay (Prichard & Theiler, *Generating surrogate
    data for time series with several simultaneously measured variables*, Physical Review Letters,
    1994). Events are lost: a click and steady noise of one spectrum become the same noise.

    What differs from the publications: the result may have any length. A longer one takes its
    magnitudes from the recording followed by zeros, which is its spectrum at frequencies in
    between; a shorter one is cut from one of the recording's length.

    Args:
      key: PRNG key.
      wave: [C, N] float32.
      samples: of the result.
      sample_rate: Hz; changes nothing.

    Returns:
      [C, samples] float32, at the recording's RMS.

    Example:
      >>> wave = np.sin(np.arange(400, dtype=np.float32))[None]
      >>> phase_randomised(jax.random.key(0), wave, samples=1000, sample_rate=4000).shape
      (1, 1000)
    """
    rng = generator_of(key)
    length = scipy.fft.next_fast_len(max(samples, wave.shape[1]), real=True)
    if samples <= wave.shape[1]:
        length = wave.shape[1]  # the recording's own frequencies, to have its magnitudes exactly
    spectrum = scipy.fft.rfft(np.asarray(wave, np.float32), length)
    turns = np.exp(2j * np.pi * rng.random(spectrum.shape[1], dtype=np.float32))
    # 0 Hz and Nyquist have a sign, not a phase; the recording has nothing at 0 Hz.
    turns[[0, -1]] = 1, np.sign(turns[-1].real)
    noise = scipy.fft.irfft(spectrum * turns.astype(np.complex64), length)[:, :samples]
    return (noise * np.sqrt(length / wave.shape[1])).astype(np.float32)


def shuffled_grains(
    key: jax.Array, wave: np.ndarray, *, samples: int, sample_rate: int, grain_ms: float
) -> np.ndarray:
    """Pieces of the recording in random order, with short cross-fades.

    The recording is cut into grains of one length. They are played in random order, each once
    before any is played again, and never one after itself or after the one that precedes it in the
    recording. Neighbours overlap by 5 ms (a quarter of a grain where that is less) and are
    cross-faded at equal power. All channels are cut at the same times. Every sample is the
    recording's own: measures of copying flag this method, by design.

    Known since tape was cut with scissors, it follows no publication.

    Args:
      key: PRNG key.
      wave: [C, N] float32.
      samples: of the result.
      sample_rate: Hz.
      grain_ms: length of a grain in ms, without its cross-fade; at most a quarter of the recording
        is used, so that there are four grains.

    Returns:
      [C, samples] float32.

    Example:
      >>> wave = np.sin(np.arange(4000, dtype=np.float32))[None]
      >>> key = jax.random.key(0)
      >>> shuffled_grains(key, wave, samples=900, sample_rate=4000, grain_ms=50.0).shape
      (1, 900)
    """
    rng = generator_of(key)
    recorded = wave.shape[1]
    grain = max(4, round(grain_ms / 1000 * sample_rate))
    fade = min(round(FADE_SECONDS * sample_rate), grain // 4)
    if FEWEST_GRAINS * grain + fade > recorded:
        grain = max(1, recorded // (FEWEST_GRAINS + 1))
        fade = min(fade, grain // 4)
    n_grains = (recorded - fade) // grain
    offset = rng.integers(recorded - fade - n_grains * grain + 1)
    order = _order(rng, n_grains, -(-samples // grain) + 1)

    pieces = np.lib.stride_tricks.sliding_window_view(wave, grain + fade, axis=1)
    pieces = pieces[:, offset + grain * order]
    rise = np.sin(np.pi / 2 * (np.arange(fade) + 0.5) / max(fade, 1)).astype(np.float32)
    result = pieces[:, 1:, :grain].copy()
    result[:, :, :fade] = rise * result[:, :, :fade] + rise[::-1] * pieces[:, :-1, grain:]
    return result.reshape(len(wave), -1)[:, :samples].astype(np.float32)


def _order(rng: np.random.Generator, n_grains: int, count: int) -> np.ndarray:
    """Grains [count], in rounds that play each once; none follows itself or its predecessor.

    Where a grain followed its predecessor, both would fade across the same samples, which makes
    them louder. About a third of all orders have no such place, so few are drawn in vain.

    Example:
      >>> _order(np.random.default_rng(0), 4, 8).tolist()
      [3, 2, 1, 0, 2, 1, 3, 0]
    """
    order = np.empty(0, int)
    while len(order) < count:
        drawn = np.concatenate([order[-1:], rng.permutation(n_grains)])
        if not np.isin(np.diff(drawn), (0, 1)).any():
            order = np.concatenate([order, drawn[len(order[-1:]) :]])
    return order[:count]
