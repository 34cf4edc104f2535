"""Pitch of a sound over time, with a decision on where there is one.

The normalised square difference of McLeod & Wyvill, "A smarter way to find pitch", ICMC 2005, gives
candidates in each frame. A path through them, and through "no pitch", is found by dynamic
programming with the costs of Boersma, "Accurate short-term analysis of the fundamental frequency
and the harmonics-to-noise ratio of a sampled sound", IFA Proceedings 17, 1993. So an octave error
in one frame does not stand against its neighbours.

T frames, K candidates.
"""

from typing import NamedTuple

import numpy as np
import scipy.fft
import scipy.signal

from audio_texture import audio

LOWEST, HIGHEST = 60.0, 1000.0  # range of pitch, Hz
HOP = 0.005  # seconds between frames
_RATE = 16_000  # Hz, at which pitch is measured
_WINDOW = 0.04  # seconds
_BLOCK = 1024  # frames at once, which bounds memory
_N_CANDIDATES = 6
# Boersma's costs. The strength of "no pitch" is what a peak has to reach. Of two periods an octave
# apart, the longer must be stronger by the octave cost, since all multiples of a period fit.
_UNVOICED_STRENGTH, _OCTAVE_COST = 0.5, 0.03
_VOICING_COST, _JUMP_COST = 0.28, 0.7  # of a change of voicing, and of a jump by an octave
_SILENCE_DB = -45.0  # below the loudest frame: no pitch
_TINY = np.finfo(float).tiny


class PitchTrack(NamedTuple):
    """Pitch over time.

    Attributes:
      seconds: centres of the frames [T].
      frequency: pitch in Hz [T], from 60 to 1000; nan where there is none.
    """

    seconds: np.ndarray
    frequency: np.ndarray

    @property
    def is_voiced(self) -> np.ndarray:
        """Whether a frame has a pitch [T]."""
        return np.isfinite(self.frequency)

    def log_frequency_at(self, seconds: np.ndarray) -> np.ndarray:
        """Natural logarithm of the pitch in Hz at given times [...], straight lines across gaps.

        At least one frame must have a pitch.
        """
        voiced = self.is_voiced
        return np.interp(seconds, self.seconds[voiced], np.log(self.frequency[voiced]))


def mix_down(wave: np.ndarray) -> np.ndarray:
    """One channel in which all are heard: the mean, or the main one where they cancel; [C, N] ->
    [N].
    """
    return (audio.mono_weights(wave) @ wave).astype(np.float32)


def track_pitch(wave: np.ndarray, *, sample_rate: int) -> PitchTrack:
    """The pitch of a sound every 5 ms; it holds for one voice or instrument at a time.

    Args:
      wave: [C, N], any level.
      sample_rate: in Hz.
    Example:
      >>> tone = np.sin(2 * np.pi * 220 * np.arange(8000) / 16000)[None]
      >>> track = track_pitch(tone, sample_rate=16000)
      >>> round(float(np.median(track.frequency)))
      220
    """
    mono = audio.resample(mix_down(wave), sample_rate, _RATE).astype(np.float64)
    # What lies below the lowest pitch is rumble, which correlates at all lags; high harmonics have
    # peaks too narrow for whole lags.
    for order, edge, kind in ((2, 0.7 * LOWEST, "highpass"), (8, 3 * HIGHEST, "lowpass")):
        mono = scipy.signal.sosfilt(
            scipy.signal.butter(order, edge, kind, fs=_RATE, output="sos"), mono
        )
    window, hop = round(_WINDOW * _RATE), round(HOP * _RATE)
    padded = np.pad(mono, (window // 2, window))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[: len(mono) : hop]
    power = np.concatenate(
        [np.mean(frames[i : i + _BLOCK] ** 2, axis=1) for i in range(0, len(frames), _BLOCK)]
    )
    parts = [_find_candidates(frames[i : i + _BLOCK]) for i in range(0, len(frames), _BLOCK)]
    periods, strengths = (np.concatenate(part) for part in zip(*parts, strict=True))
    is_silent = power <= 10 ** (_SILENCE_DB / 10) * np.max(power)
    chosen = _best_path(periods, strengths, is_silent)
    period = np.take_along_axis(periods, np.maximum(chosen - 1, 0)[:, None], axis=1)[:, 0]
    frequency = np.where(chosen > 0, _RATE / period, np.nan)
    return PitchTrack(np.arange(len(frames)) * HOP, frequency)


def _normalised_difference(frames: np.ndarray, n_lags: int) -> np.ndarray:
    """2 r(lag) / m(lag) of frames [T, W], where r is the autocorrelation and m the power of both
    parts: [T, n_lags], from -1 to 1.
    """
    window = frames.shape[1]
    spectra = np.abs(scipy.fft.rfft(frames, scipy.fft.next_fast_len(window + n_lags, real=True)))
    products = scipy.fft.irfft(spectra**2, scipy.fft.next_fast_len(window + n_lags, real=True))
    squares = np.pad(np.cumsum(frames**2, axis=1), ((0, 0), (1, 0)))
    lags = np.arange(n_lags)
    powers = squares[:, window - lags] + squares[:, -1:] - squares[:, lags]
    return 2 * products[:, :n_lags] / np.maximum(powers, 1e-9 * squares[:, -1:] + _TINY)


def _find_candidates(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The strongest peaks of each frame: periods in samples and strengths, [T, K] both."""
    frames = frames - np.mean(frames, axis=1, keepdims=True)
    values = _normalised_difference(frames, int(np.ceil(_RATE / LOWEST)) + 2)
    left, middle, right = values[:, :-2], values[:, 1:-1], values[:, 2:]
    # A parabola through three values refines the place and the height of a peak.
    bend = np.minimum(left - 2 * middle + right, -1e-9)
    shift = np.clip(0.5 * (left - right) / bend, -0.5, 0.5)
    height = np.minimum(middle - 0.25 * (left - right) * shift, 1.0)
    period = 1 + np.arange(middle.shape[1]) + shift
    strength = height - _OCTAVE_COST * np.log2(period * HIGHEST / _RATE)
    strength = np.where((middle > left) & (middle >= right), strength, -1.0)
    # Multiples of a period that is shorter than the range are no pitch.
    shortest = int(_RATE / HIGHEST) - 1
    is_higher = np.max(strength[:, : shortest - 2], axis=1) > np.max(strength[:, shortest:], axis=1)
    period, strength = period[:, shortest:], strength[:, shortest:]
    strength = np.where(is_higher[:, None], -1.0, strength)
    best = np.argpartition(-strength, _N_CANDIDATES, axis=1)[:, :_N_CANDIDATES]
    return np.take_along_axis(period, best, 1), np.take_along_axis(strength, best, 1)


def _best_path(periods: np.ndarray, strengths: np.ndarray, is_silent: np.ndarray) -> np.ndarray:
    """The sequence of candidates of the highest total strength, less costs of changes.

    periods, strengths: [T, K]; is_silent: [T]. Returns [T]: 0 for no pitch, i + 1 for candidate i.
    """
    octaves = np.log2(periods)
    unvoiced = np.where(is_silent, 2.0, _UNVOICED_STRENGTH)
    gains = np.concatenate([unvoiced[:, None], strengths], axis=1)
    n_frames, n_states = gains.shape
    costs = np.full((n_states, n_states), _VOICING_COST)
    costs[0, 0] = 0.0
    total, origins = gains[0], np.zeros((n_frames, n_states), np.int8)
    states = np.arange(n_states)
    for t in range(1, n_frames):
        costs[1:, 1:] = _JUMP_COST * np.abs(octaves[t - 1][:, None] - octaves[t])
        scores = total[:, None] - costs
        origins[t] = np.argmax(scores, axis=0)
        total = scores[origins[t], states] + gains[t]
    path = np.empty(n_frames, int)
    path[-1] = np.argmax(total)
    for t in range(n_frames - 1, 0, -1):
        path[t - 1] = origins[t, path[t]]
    return path
