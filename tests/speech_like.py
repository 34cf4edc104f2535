"""Sounds like speech whose pitch, loudness and formants are known, for tests of prosody."""

import numpy as np
import scipy.ndimage
import scipy.signal

# Formants in Hz and their bandwidths.
VOWELS = {
    "a": ((700, 80), (1200, 90), (2600, 120), (3500, 160)),
    "i": ((300, 60), (2200, 100), (3000, 130), (3700, 160)),
}


def make_speech(contour, energy_db, *, rate=16_000, vowel="a", seconds=2.0, gaps=((0.7, 0.85),)):
    """A voiced sound [1, N] with hisses in its gaps.

    Args:
      contour: pitch in Hz of times in seconds, arrays of one shape.
      energy_db: level in dB of times in seconds.
      rate: in Hz.
      vowel: of VOWELS.
      seconds: length.
      gaps: parts of the length, from 0 to 1, where a noise stands in place of the voice.
    """
    rng = np.random.default_rng(0)
    time = np.arange(round(seconds * rate)) / rate
    phase = np.cumsum(contour(time)) / rate
    # A pulse whenever the phase passes a whole number, shared by the two nearest samples.
    at = np.flatnonzero(np.diff(np.floor(phase)) > 0)
    late = (np.floor(phase[at + 1]) - phase[at]) / (phase[at + 1] - phase[at])
    voice = np.zeros(len(time))
    voice[at], voice[at + 1] = 1 - late, late
    voice = scipy.signal.lfilter([1], [1, -0.9], voice)
    for centre, width in VOWELS[vowel]:
        radius = np.exp(-np.pi * width / rate)
        poles = [1, -2 * radius * np.cos(2 * np.pi * centre / rate), radius**2]
        voice = scipy.signal.lfilter([1], poles, voice)
    hiss = np.diff(rng.standard_normal(len(time)), prepend=0)
    shares = [(time > a * seconds) & (time < b * seconds) for a, b in gaps]
    is_hiss = np.any(shares, axis=0) + np.zeros(len(time))
    is_hiss = np.convolve(is_hiss, np.hanning(160) / 79.5, "same")
    wave = (1 - is_hiss) * voice / np.std(voice) + is_hiss * hiss / np.std(hiss)
    # The level is the energy's, also of the hiss.
    smooth = np.sqrt(scipy.ndimage.uniform_filter1d(wave**2, round(0.03 * rate)))
    wave = wave / np.maximum(smooth, 1e-3) * 10 ** (energy_db(time) / 20)
    return (0.1 * wave / np.std(wave))[None].astype(np.float32)


def measure_pitch(wave, *, rate=16_000, seconds):
    """The pitch in Hz at given times, by the plain autocorrelation of 40 ms: [N] -> [T]."""
    pitches = []
    for centre in np.round(np.asarray(seconds) * rate).astype(int):
        frame = wave[max(0, centre - rate // 50) : centre + rate // 50] * 1.0
        frame = frame * np.hanning(len(frame))
        # Four values a sample.
        power = np.abs(np.fft.rfft(frame, 2 * len(frame))) ** 2
        window_power = np.abs(np.fft.rfft(np.hanning(len(frame)), 2 * len(frame))) ** 2
        own, taper = (np.fft.irfft(p, 8 * len(frame)) for p in (power, window_power))
        lags = np.arange(4 * rate // 500, 4 * rate // 65)
        values = own[lags] / taper[lags]
        first = np.flatnonzero(values > 0.9 * np.max(values))[0]
        near = values[first : first + rate // 500 * 4]
        pitches.append(4 * rate / (lags[first] + np.argmax(near)))
    return np.array(pitches)
