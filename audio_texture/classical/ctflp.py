"""Noise shaped by linear prediction in frequency and in time, frame by frame.

M. Athineos and D. P. W. Ellis, *Sound texture modelling with linear prediction in both time and
frequency domains* (ICASSP 2003), call it cascade time- and frequency-domain linear prediction.

1. The recording is cut into frames that overlap by half. Linear prediction of the samples models a
   frame's spectrum by poles, and leaves a residual with a flat spectrum.
2. The discrete cosine transform (DCT) of the residual is predicted in the same way, from one
   frequency to the next. As time and frequency have changed places, these poles model the
   residual's envelope over time: a click is a pole near the unit circle.
3. Gaussian noise with that envelope excites the filter of step 1, and frames are added where they
   overlap.

Events of a few milliseconds stay in the noise: crackling, drops, applause. A pitch is lost where
its harmonics are too close for the poles of step 1 and its periods too short for those of step 2:
the tone becomes noise of the same spectral envelope.

What differs from the publication: it resynthesises the recording, frame after frame. Here the
models are played in another order, without end: runs of 0.15 to 0.45 s of successive frames, in
random order, each frame once before any is played again. The excitation is noise times the
envelope; filtering noise along the DCT gives the same distribution except at the ends of the frame.
Each frame's gain makes its expected energy that of the recording's frame. The filters ring on for
one frame length. Stereo is an addition: channels share the poles of step 1, which model their mean
spectrum; the excitation has the coherence and the power ratios that the channels' residuals have at
each frequency, on average over the recording, and each channel has an envelope of its own.

C channels, K frames, M samples of a frame, P poles, F frequencies of a frame.
"""

from collections.abc import Iterator
from typing import NamedTuple

import jax
import numpy as np
import scipy.fft
import scipy.signal

from audio_texture.classical.coherence import coherence_factors
from audio_texture.classical.linear_prediction import autocorrelation, fit_poles, pole_power
from audio_texture.classical.randomness import generator_of

# Frames play in the recording's order for so long before a jump to another place. Shorter runs cut
# events short; longer ones repeat the recording's course.
RUN_SECONDS = (0.15, 0.45)
_SHORTEST_FRAME = 16  # samples


class Frames(NamedTuple):
    """Models of the frames of a recording.

    Attributes:
      predictors: A(z) of each spectrum, [K, P + 1].
      envelopes: RMS of the excitation at each sample, [K, C, M], with the window.
      factors: of the excitation's channels, [F, C, C], as of `coherence_factors`.
    """

    predictors: np.ndarray
    envelopes: np.ndarray
    factors: np.ndarray


def ctflp(
    key: jax.Array,
    wave: np.ndarray,
    *,
    samples: int,
    sample_rate: int,
    ctflp_order: int,
    ctflp_envelope_order: int,
    ctflp_frame_ms: float,
) -> np.ndarray:
    """Noise with the recording's spectrum in each frame, and with its envelope within the frame.

    Cascade time- and frequency-domain linear prediction (Athineos & Ellis, ICASSP 2003); the steps
    and what differs from the publication are at the top of the file.

    Args:
      key: PRNG key.
      wave: [C, N] float32.
      samples: of the result.
      sample_rate: Hz.
      ctflp_order: poles of each frame's spectrum; at most a quarter of the frame's samples is used.
      ctflp_envelope_order: poles of each frame's envelope over time; the same limit.
      ctflp_frame_ms: length of a frame in ms; at most half of the recording is used.

    Returns:
      [C, samples] float32.

    Example:
      >>> noise = np.random.default_rng(0).standard_normal((1, 4000)).astype(np.float32)
      >>> options = {"ctflp_order": 8, "ctflp_envelope_order": 4, "ctflp_frame_ms": 50.0}
      >>> ctflp(jax.random.key(0), noise, samples=900, sample_rate=4000, **options).shape
      (1, 900)
    """
    rng = generator_of(key)
    frame = min(round(ctflp_frame_ms / 1000 * sample_rate), wave.shape[1] // 2)
    hop = max(frame, _SHORTEST_FRAME) // 2
    frames = _analyse(wave, hop, ctflp_order, ctflp_envelope_order)
    shortest, longest = (max(1, round(s * sample_rate / hop)) for s in RUN_SECONDS)
    order = _order(rng, len(frames.envelopes), shortest, longest)

    # The first frame fades in and its filter has not rung yet: two frames lie before the result.
    result = np.zeros((len(wave), samples + 6 * hop))
    for start in range(0, samples + 3 * hop, hop):
        k = next(order)
        sound = _synthesise(rng, frames.predictors[k], frames.envelopes[k], frames.factors)
        room = result[:, start : start + sound.shape[1]]
        room += sound[:, : room.shape[1]]
    return result[:, 3 * hop : 3 * hop + samples].astype(np.float32)


def _window(hop: int) -> np.ndarray:
    """Rises and falls like a sine, [2 hop]: the squares of two overlapping windows sum to 1, and so
    do the powers of their noises.
    """
    return np.sin(np.pi * (np.arange(2 * hop) + 0.5) / (2 * hop))


def _analyse(wave: np.ndarray, hop: int, order: int, envelope_order: int) -> Frames:
    """Steps 1 and 2 for all frames, of 2 hop samples each."""
    order, envelope_order = (min(n, hop // 2) for n in (order, envelope_order))
    length, window = 2 * hop, _window(hop)
    # Each frame with the samples before it from which its first ones are predicted.
    history = np.pad(wave.astype(np.float64), ((0, 0), (order, 0)))
    history = np.lib.stride_tricks.sliding_window_view(history, length + order, axis=1)
    history = history[:, ::hop].swapaxes(0, 1)
    sound_KxCxM = history[..., order:]

    # Poles of its own for each channel would turn phases differently in each.
    mean_correlation = np.mean(autocorrelation(sound_KxCxM * window, order), axis=1)
    a_KxP, share_K = fit_poles(mean_correlation)
    residual_KxCxM = sum(
        a_KxP[:, lag, None, None] * history[..., order - lag : order - lag + length]
        for lag in range(order + 1)
    )
    spectra_KxCxF = scipy.fft.rfft(residual_KxCxM * window)
    factors_FxCxC = coherence_factors(spectra_KxCxF)
    cosines = scipy.fft.dct(residual_KxCxM, axis=-1)
    b, _ = fit_poles(autocorrelation(cosines, envelope_order))
    power_KxCxM = pole_power(b, length) * window**2
    # What the filter adds to the energy of its input is known.
    response_KxF = 1 / np.abs(scipy.fft.rfft(a_KxP, length)) ** 2
    response_KxF /= np.sum(response_KxF, axis=1, keepdims=True) * share_K[:, None]
    gain_KxC = response_KxF @ np.sum(np.abs(factors_FxCxC) ** 2, axis=2)
    energy = np.sum((sound_KxCxM * window) ** 2, axis=-1) / gain_KxC
    power_KxCxM *= (energy / np.sum(power_KxCxM, axis=-1))[..., None]
    return Frames(a_KxP, np.sqrt(power_KxCxM), factors_FxCxC)


def _synthesise(
    rng: np.random.Generator, predictor: np.ndarray, envelopes: np.ndarray, factors: np.ndarray
) -> np.ndarray:
    """Step 3 for one frame, which rings on for as long again: [C, 2 M]."""
    channels, length = envelopes.shape
    noise = rng.standard_normal((channels, length))
    if channels > 1:
        spectrum = np.einsum("fcd,df->cf", factors, scipy.fft.rfft(noise))
        noise = scipy.fft.irfft(spectrum, length)
    excitation = np.pad(noise * envelopes, ((0, 0), (0, length)))
    fade = np.concatenate([np.ones(length), np.cos(np.pi / 2 * np.arange(length) / length)])
    return scipy.signal.lfilter([1.0], predictor, excitation) * fade


def _order(rng: np.random.Generator, n_frames: int, shortest: int, longest: int) -> Iterator[int]:
    """Frames without end, in runs of `shortest` to `longest` successive ones.

    Each round cuts the recording, joined end to start, into runs and plays them in random order, so
    that every frame is played once.
    """
    longest = max(1, min(longest, n_frames // 3))
    shortest = min(shortest, longest)
    while True:
        lengths = rng.integers(shortest, longest + 1, size=-(-n_frames // shortest))
        starts = np.cumsum(lengths) - lengths
        runs = np.split(np.roll(np.arange(n_frames), rng.integers(n_frames)), starts[1:])
        runs = [run for run in runs if len(run)]
        for i in rng.permutation(len(runs)):
            yield from runs[i]
