"""Pairs of random sounds whose first and second orders are equal or different by construction.

A sound is white noise under a level L(t), a natural logarithm of amplitude (8.7 dB a unit): one for
all of it, or one for each of three bands. Its frames are log magnitudes, so a frame is the level
plus what noise of a steady level gives. What differs within a pair:

| pair | order | two sounds that differ in |
|---|---|---|
| spectrum | first | the mean spectrum |
| bands | second | whether the bands are on together or independently |
| rate | second | the speed at which the level wanders |
| reversed | higher | the direction of time |
| events | higher | few separate events, or a Gaussian level |
| parity | higher | whether an odd or an even number of the bands is on |

Sounds of the pairs of "higher" have equal means and powers of each bin, and equal covariances of
all bins at all lags. Why: see the functions.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft

from audio_texture import spectrogram
from audio_texture.insights.references import RATE

Maker = Callable[[np.random.Generator, int], np.ndarray]

FFT, HOP, POOL = 256, 64, 4  # 32 ms every 8 ms; bins that make a band
_RMS = 0.1  # of white noise at level 0
_FLOOR = 1e-3  # of log magnitudes, about 60 dB below the noise

# The level of `events`: heights as log amplitudes, events a second, seconds of one event.
_RISE, _FALL, _RISES_PER_SECOND, _EVENT_SECONDS = 1.2, -2.0, 1.5, 0.2
_SLOW, _FAST = 0.3, 0.1  # seconds over which the level of `rate` wanders
# The decays of `reversed`: onsets a second, seconds, log amplitude above the background.
_DECAYS_PER_SECOND, _ATTACK, _DECAY, _ABOVE = 8.0, 0.004, 0.04, 3.5
# Three bands in Hz that are on or off for a slot. Between them noise is steady, over two thirds of
# an octave: no filter that hears two of the bands may hear their sum.
_BANDS = ((150.0, 600.0), (950.0, 1500.0), (2400.0, 3600.0))
_SLOT, _RAMP, _OFF = 0.08, 0.01, -3.0  # seconds, seconds, log amplitude


class Pair(NamedTuple):
    """Two kinds of random sound.

    Attributes:
      order: the lowest order in which they differ: "first", "second" or "higher".
      difference: in words.
      makers: functions (generator, number of samples) -> wave [N] at RATE.
    """

    order: str
    difference: str
    makers: tuple[Maker, Maker]


def log_frames(wave: jax.Array) -> jax.Array:
    """Returns the log magnitudes of a wave [N] at RATE, as means over 4 bins: [T, 32].

    Means keep orders equal where those of the bins are; magnitudes of wider bands would not.
    """
    magnitude = jnp.abs(spectrogram.stft(wave, n_fft=FFT, hop_length=HOP, center=False))
    return jnp.mean(jnp.log(magnitude[:, :-1] + _FLOOR).reshape(len(magnitude), -1, POOL), axis=2)


def _white(rng: np.random.Generator, level: np.ndarray) -> np.ndarray:
    """White noise at levels [N], natural logarithms of amplitude."""
    return (_RMS * rng.standard_normal(len(level)) * np.exp(level)).astype(np.float32)


def _bump(seconds: float) -> np.ndarray:
    """A Hann window of peak 1, the course of one event."""
    return np.hanning(round(seconds * RATE) + 2)[1:-1]


def _poisson(rng: np.random.Generator, samples: int, per_second: float) -> np.ndarray:
    """The number of events that begin at each sample."""
    return rng.poisson(per_second / RATE, samples).astype(float)


def _filtered(impulses: np.ndarray, course: np.ndarray, samples: int) -> np.ndarray:
    """Impulses that each set off a course: the last samples, which all of the past reaches."""
    size = scipy.fft.next_fast_len(len(impulses) + len(course), real=True)
    spectrum = scipy.fft.rfft(impulses, size) * scipy.fft.rfft(course, size)
    return scipy.fft.irfft(spectrum, size)[len(impulses) - samples : len(impulses)]


def _wandering(
    rng: np.random.Generator, samples: int, *, seconds: float, tilt_db: float = 0.0
) -> np.ndarray:
    """Noise at a Gaussian level, of a spectrum that falls by `tilt_db` an octave from 250 Hz on."""
    bump = _bump(seconds)
    impulses = rng.standard_normal(samples + len(bump))
    wave = _white(rng, 0.7 * _filtered(impulses, bump / np.linalg.norm(bump), samples))
    octaves = np.log2(np.maximum(scipy.fft.rfftfreq(samples, 1 / RATE) / 250.0, 1.0))
    gains = 10 ** (-tilt_db * octaves / 20)
    return scipy.fft.irfft(scipy.fft.rfft(wave) * gains, samples).astype(np.float32)


@functools.cache
def _falls_per_second() -> float:
    """The rate of falls at which the power of `_separate_events` is that of a Gaussian level.

    The mean of exp(2 L) is exp(sum rate * integral(exp(2 a bump) - 1)) for events of height a, and
    exp(2 mean + 2 variance) for a Gaussian.
    """
    bump = _bump(_EVENT_SECONDS)

    def excess(height):
        steps = 2 * height * bump
        return np.sum(np.exp(steps) - 1 - steps - steps**2 / 2)

    return float(-_RISES_PER_SECOND * excess(_RISE) / excess(_FALL))


def _separate_events(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Noise whose level rises and falls in separate events at random times."""
    bump = _bump(_EVENT_SECONDS)
    count = samples + len(bump)
    impulses = _RISE * _poisson(rng, count, _RISES_PER_SECOND)
    impulses += _FALL * _poisson(rng, count, _falls_per_second())
    return _white(rng, _filtered(impulses, bump, samples))


def _gaussian_level(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Noise at a Gaussian level of the mean, power and covariances of `_separate_events`.

    Covariances of filtered impulses depend on the impulses' variance alone. The level changes
    little within a frame, whose log magnitude is then the level plus a term of its own.
    """
    bump = _bump(_EVENT_SECONDS)
    rises, falls = _RISES_PER_SECOND, _falls_per_second()
    mean = (rises * _RISE + falls * _FALL) / RATE
    std = np.sqrt((rises * _RISE**2 + falls * _FALL**2) / RATE)
    impulses = mean + std * rng.standard_normal(samples + len(bump))
    return _white(rng, _filtered(impulses, bump, samples))


def _decaying(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Noise whose amplitude jumps up at random times and decays."""
    time = np.arange(round(8 * _DECAY * RATE)) / RATE
    course = (1 - np.exp(-time / _ATTACK)) * np.exp(-time / _DECAY)
    impulses = _poisson(rng, samples + len(time), _DECAYS_PER_SECOND)
    amplitude = 1 + np.exp(_ABOVE) * _filtered(impulses, course, samples)
    return _white(rng, np.log(np.maximum(amplitude, 1.0)) - _ABOVE)


def _growing(rng: np.random.Generator, samples: int) -> np.ndarray:
    """`_decaying` in reverse.

    Reversal turns the covariance of bins i and j at a lag into that of j and i. These are equal,
    since all bins of white noise at one level are alike.
    """
    return _decaying(rng, samples)[::-1].copy()


def _switched(rng: np.random.Generator, samples: int, *, rule: str) -> np.ndarray:
    """Noise in three bands, each on in half of all slots, without memory from slot to slot.

    Under "odd" and "even" any two of the bands are independent of each other, as under
    "independent": with two known, the third makes the number of those that are on odd or even. So
    no statistic of pairs of bins can tell these three apart.
    """
    slot = round(_SLOT * RATE)
    bits = rng.integers(0, 2, (len(_BANDS), samples // slot + 2))
    if rule == "together":
        bits[1:] = bits[0]
    elif rule != "independent":
        bits[2] = (bits[0] + bits[1] + (rule == "odd")) % 2
    start = int(rng.integers(slot))
    ramp = _bump(_RAMP)
    frequency = scipy.fft.rfftfreq(samples, 1 / RATE)

    def band(inside, level):
        noise = scipy.fft.rfft(rng.standard_normal(samples)) * inside
        return _RMS * scipy.fft.irfft(noise, samples) * np.exp(level)

    # A level of 0 is on, so that the steady noise is as loud as a band that is on.
    steady = ~np.any([(low <= frequency) & (frequency < high) for low, high in _BANDS], axis=0)
    wave = band(steady, 0.0)
    for (low, high), on in zip(_BANDS, bits, strict=True):
        level = np.repeat(_OFF * (1.0 - on), slot)[start : start + samples + len(ramp)]
        level = _filtered(level, ramp / np.sum(ramp), samples)
        wave += band((low <= frequency) & (frequency < high), level)
    return wave.astype(np.float32)


def _of(maker: Callable[..., np.ndarray], **choices: object) -> Maker:
    return functools.partial(maker, **choices)


PAIRS = {
    "spectrum": Pair(
        "first",
        "flat or\nfalling spectrum",
        (_of(_wandering, seconds=_SLOW), _of(_wandering, seconds=_SLOW, tilt_db=2.0)),
    ),
    "bands": Pair(
        "second",
        "bands on together\nor independently",
        (_of(_switched, rule="together"), _of(_switched, rule="independent")),
    ),
    "rate": Pair(
        "second",
        "level wanders\nslowly or fast",
        (_of(_wandering, seconds=_SLOW), _of(_wandering, seconds=_FAST)),
    ),
    "reversed": Pair("higher", "decays or\nthe same reversed", (_decaying, _growing)),
    "events": Pair(
        "higher", "separate events or\nGaussian level", (_separate_events, _gaussian_level)
    ),
    "parity": Pair(
        "higher",
        "odd or even number\nof bands on",
        (_of(_switched, rule="odd"), _of(_switched, rule="even")),
    ),
}


def make_sound(pair: str, side: int, take: int, seed: int, seconds: float) -> np.ndarray:
    """Returns a random sound of a pair, [N] at RATE.

    Args:
      pair: one of PAIRS.
      side: 0 or 1, the kind of sound.
      take: another take is another sound of the kind.
      seed: of all takes.
      seconds: length.
    """
    rng = np.random.default_rng([seed, list(PAIRS).index(pair), side, take])
    return PAIRS[pair].makers[side](rng, round(seconds * RATE))
