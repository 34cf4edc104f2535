"""Sounds of known quality for the tests of the metrics.

Most last 3 s, so that the tests share compiled programs.
"""

import numpy as np

from audio_texture import audio, metrics

RATE = 16_000
SECONDS = 3.0
RECORDINGS = {
    "rain": "rain/3-157149-A",
    "sea waves": "sea_waves/4-182613-A",
    "fire": "fire_crackling/5-213802-A",
    "helicopter": "helicopter/1-172649-A",
    "chainsaw": "chainsaw/1-116765-A",
    "clock": "clock_tick/1-62850-A",
}


def read_recording(path):
    """A recording [N], preprocessed at RATE."""
    wave, sample_rate = audio.read(str(path))
    return metrics.preprocess(wave, sample_rate=sample_rate, rate=RATE)


def make_noise(seed, seconds=SECONDS):
    """White noise [N]."""
    rng = np.random.default_rng(seed)
    return (0.1 * rng.standard_normal(round(seconds * RATE))).astype(np.float32)


def make_impulses(seed, seconds=SECONDS, per_second=12):
    """Decaying clicks at random times on faint noise: a spectrum alone does not tell them."""
    rng = np.random.default_rng(seed)
    train, count = np.zeros(round(seconds * RATE)), round(per_second * seconds)
    train[rng.integers(0, len(train), count)] = rng.lognormal(0, 0.5, count)
    envelope = np.convolve(train, np.exp(-np.arange(800) / 120))[: len(train)]
    # Not white, so that the spectrum alone tells something.
    noise = (envelope + 0.003) * rng.standard_normal(len(train))
    wave = np.convolve(noise, np.hanning(16)[1:-1], "same")
    return (0.2 * wave / np.max(np.abs(wave))).astype(np.float32)


def shuffle_grains(wave, seed=0, length=RATE // 4, fade=80):
    """Quarter seconds of a wave in another order, cross-faded over 5 ms."""
    shape = np.ones(length + fade, np.float32)
    shape[:fade] = np.linspace(0, 1, fade)
    shape[-fade:] = shape[:fade][::-1]
    count = len(wave) // length
    padded, result = np.pad(wave, (0, fade)), np.zeros(count * length + fade, np.float32)
    for target, source in enumerate(np.random.default_rng(seed).permutation(count)):
        grain = padded[source * length : (source + 1) * length + fade]
        result[target * length : (target + 1) * length + fade] += shape * grain
    return result[: count * length]


def make_call(seed=0, semitones=0.0, seconds=SECONDS):
    """Four gliding calls with harmonics over faint noise; times and glides are the seed's."""
    rng = np.random.default_rng(seed)
    wave = 0.002 * np.random.default_rng(99).standard_normal(round(seconds * RATE))
    time = np.arange(round(0.2 * RATE)) / RATE
    for start in seconds / 7 * (rng.permutation(7)[:4] + rng.uniform(0, 0.5, 4)):
        pitch = 2 ** (semitones / 12) * rng.uniform(250, 500) * 2 ** (rng.uniform(-1, 1) * time)
        phase = 2 * np.pi * np.cumsum(pitch) / RATE
        harmonics = sum(np.sin(n * phase) / n for n in range(1, 6))
        tone = harmonics * np.exp(-4 * time) * np.minimum(1, time / 0.005)
        first = round(start * RATE)
        wave[first : first + len(tone)] += 0.1 * tone
    return wave.astype(np.float32)


def ratios(row):
    """The likeness ratios of a row of measures; those of judges come last."""
    return np.array([row[measure] for measure in (*metrics.MEASURES, *metrics.JUDGES)])


def mean_log(row):
    """Mean logarithm of the ratios of `MEASURES`."""
    return np.mean(np.log([row[measure] for measure in metrics.MEASURES]))
