"""Procedural sound textures with known parameters: the demo of the programs and ground truth for experiments.

The contract of every sound here, `rain(key, seconds, sample_rate, *, ...)`:
  key: a jax.random key, typed or raw. The same key gives the same sound; split the key to mix sounds.
  seconds: float > 0. The result has round(seconds * sample_rate) samples.
  sample_rate: whole number of Hz, 4000 to 384000.
  keyword parameters: physical, in the unit their name or docstring gives; each must be above 0 unless said otherwise.
  Returns: [samples] float32, zero mean, RMS 0.1, or less where the peak would pass 0.95.

Every sound is synthesised at 48 kHz from 1 s before its first sample to a little after its last, then band-limited to
min(20 kHz, sample_rate / 2), resampled by FFT and cropped. So nothing aliases, nothing fades in or out, and one key
gives one sound at every sample rate. What lies above half the sample rate is lost, as in a recording: at 4 kHz an
insect that sings at 3 kHz leaves only the night behind it.

Random numbers are numpy's, seeded by the key: nothing is compiled, so a program's demo starts at once.
A texture is noise (a Gaussian spectrum, shaped) and events (short grains added at random or regular times).
"""

from collections.abc import Callable, Sequence

import jax
import numpy as np
import scipy.fft

RATE = 48000  # Hz, the rate of synthesis; a multiple of the control rate
CONTROL_RATE = 200  # Hz, the rate of slow envelopes
LEAD = 1.0  # s synthesised before the first sample: longer than any grain here rings
TAIL = 0.25  # s synthesised after the last sample, so that the resampling FFT wraps around outside the crop
LEVEL = 0.1  # RMS of the result
PEAK = 0.95  # largest sample of the result

Shape = Callable[[np.ndarray], np.ndarray]  # frequencies in Hz -> amplitude >= 0


# ---- Noise, grains, events: what all sounds are made of. Arrays are [samples] at RATE unless said otherwise. ----


def _begin(
    key: jax.Array, seconds: float, sample_rate: int, **positive: float
) -> tuple[np.random.Generator, int]:
    """Checks the arguments; gives the random generator and the whole number of seconds to synthesise."""
    for name, value in (("seconds", seconds), *positive.items()):
        if not (value > 0 and np.isfinite(value)):
            raise ValueError(f"{name} must be above 0 and finite, got {value}.")
    if not (4000 <= sample_rate <= 384000 and sample_rate == int(sample_rate)):
        raise ValueError(
            f"sample_rate must be a whole number of Hz from 4000 to 384000, got {sample_rate}."
        )
    if round(seconds * sample_rate) < 1:
        raise ValueError(
            f"seconds={seconds} at sample_rate={sample_rate} makes no sample; at least 1 is needed."
        )
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    return rng, int(np.ceil(LEAD + seconds + TAIL))


def _finish(wave: np.ndarray, seconds: float, sample_rate: int) -> np.ndarray:
    """Band-limits and resamples whole seconds at RATE to sample_rate, crops the lead-in, sets the level."""
    sample_rate = int(sample_rate)
    spectrum = scipy.fft.rfft(wave.astype(np.float32))
    frequency = np.arange(len(spectrum), dtype=np.float32) * (RATE / len(wave))
    edge = min(20000.0, 0.5 * sample_rate)
    # A soft edge, because a brick wall would ring around every click; and nothing below 20 Hz, so no DC.
    spectrum *= np.cos(0.5 * np.pi * np.clip((frequency / edge - 0.9) / 0.1, 0.0, 1.0)) ** 2
    spectrum *= 1.0 - np.exp(-((frequency / 20.0) ** 4))
    samples = len(wave) // RATE * sample_rate  # whole seconds, so this is exact at every rate
    resampled = scipy.fft.irfft(spectrum[: samples // 2 + 1], samples) * (sample_rate / RATE)
    start = round(LEAD * sample_rate)
    out = resampled[start : start + round(seconds * sample_rate)]
    out = out - out.mean()
    tiny = np.finfo(np.float32).tiny  # a sound of one sample is its own mean, hence zero
    gain = min(LEVEL / max(np.sqrt(np.mean(out**2)), tiny), PEAK / max(np.abs(out).max(), tiny))
    return (gain * out).astype(np.float32)


def _band(low: float, high: float, order: float = 1.0) -> Shape:
    """A band-pass amplitude, -3 dB at low and high (Hz), falling by 6 dB * order an octave outside."""
    return lambda f: (
        ((1 + (low / np.maximum(f, 1e-3)) ** (2 * order)) * (1 + (f / high) ** (2 * order))) ** -0.5
    )


def _noise(rng: np.random.Generator, samples: int, shape: Shape, rate: int = RATE) -> np.ndarray:
    """Gaussian noise [samples] of amplitude spectrum `shape` and RMS 1; periodic, so it has no edge."""
    bins = samples // 2 + 1
    spectrum = rng.standard_normal(2 * bins, dtype=np.float32).view(np.complex64)
    amplitude = shape(np.arange(bins, dtype=np.float32) * np.float32(rate / samples))
    amplitude[0] = 0.0
    spectrum *= amplitude / np.sqrt(4.0 * np.sum(amplitude**2, dtype=np.float64))
    return scipy.fft.irfft(spectrum, samples) * np.float32(samples)


def _to_audio_rate(control: np.ndarray) -> np.ndarray:
    """Linear interpolation from CONTROL_RATE to RATE, [n] -> [n * RATE / CONTROL_RATE]."""
    step = RATE // CONTROL_RATE
    following = np.append(control[1:], control[-1])
    ramp = np.arange(step, dtype=np.float32) / step
    lines = control[:, None] + (following - control)[:, None] * ramp[None, :]
    return lines.astype(np.float32).reshape(-1)


def _drift(rng: np.random.Generator, duration: int, rate_hz: float) -> np.ndarray:
    """A slow Gaussian wander at CONTROL_RATE: mean 0, RMS 1, made of frequencies up to about rate_hz."""
    return _noise(
        rng, duration * CONTROL_RATE, lambda f: np.exp(-((f / rate_hz) ** 2)), CONTROL_RATE
    )


def _random_times(rng: np.random.Generator, duration: int, per_second: float) -> np.ndarray:
    """Onsets in s of a Poisson process, in no order."""
    return rng.uniform(0.0, duration, rng.poisson(per_second * duration))


def _regular_times(
    rng: np.random.Generator, duration: float, period: float, *, jitter: float, walk: float = 0.0
):
    """Onsets in s, `period` apart from a random start: each off by `jitter` s (RMS), each gap by `walk` s (RMS)."""
    count = int(1.2 * duration / period) + 4  # a few to spare, for when the gaps come out short
    steps = period + walk * np.clip(rng.standard_normal(count), -3, 3)
    onsets = (
        rng.uniform(-period, 0.0)
        + np.cumsum(steps)
        + jitter * np.clip(rng.standard_normal(count), -3, 3)
    )
    return onsets[(onsets >= 0.0) & (onsets < duration)]


def _scatter(
    duration: int,
    onsets: np.ndarray,
    amplitudes: np.ndarray,
    grains: Sequence[np.ndarray],
    choice: np.ndarray,
):
    """Adds grains[choice[i]] * amplitudes[i] at onsets[i] s: [duration * RATE]. Microseconds an event, so a loop will do."""
    wave = np.zeros(duration * RATE, np.float32)
    starts = np.round(onsets * RATE).astype(int)
    for start, amplitude, index in zip(
        starts.tolist(), amplitudes.astype(np.float32), choice.tolist(), strict=True
    ):
        target = wave[start : start + len(grains[index])]
        target += amplitude * grains[index][: len(target)]
    return wave


def _ring(
    frequency: np.ndarray, decay_s: np.ndarray, amplitude: np.ndarray, chirp: float = 0.0
) -> np.ndarray:
    """A struck body: sum of modes a exp(-t / decay) sin(2 pi f t (1 + chirp t / 2)); chirp in 1/s. Starts at 0."""
    t = np.arange(int(6.0 * np.max(decay_s) * RATE) + 2) / RATE
    modes = (np.ravel(frequency) < 0.45 * RATE) * np.ravel(amplitude)
    phase = 2 * np.pi * np.ravel(frequency)[:, None] * (t * (1 + 0.5 * chirp * t))[None, :]
    return (modes @ (np.sin(phase) * np.exp(-t[None, :] / np.ravel(decay_s)[:, None]))).astype(
        np.float32
    )


def _burst(
    rng: np.random.Generator, decay_s: float, shape: Shape, attack_s: float = 0.0002
) -> np.ndarray:
    """A noise burst of spectrum `shape`, rising in attack_s and dying in decay_s; energy about decay_s / 2."""
    t = np.arange(int(6.0 * decay_s * RATE) + 16, dtype=np.float32) / RATE
    return _noise(rng, len(t), shape) * np.exp(-t / decay_s) * (1 - np.exp(-t / attack_s))


def _distance_gain(rng: np.random.Generator, count: int, near: float, far: float) -> np.ndarray:
    """1 / distance of sources spread evenly over a disc `far` m wide, heard from `near` m above; 1 at `near`."""
    return near / np.sqrt(near**2 + far**2 * rng.uniform(size=count))


def _bubble_grains(
    rng: np.random.Generator, radius_mm: np.ndarray, rise: float
) -> list[np.ndarray]:
    """One grain a radius (mm): the impulse response of an air bubble in water, van den Doel 2005.

    f0 = 3 / r, d = 0.13 / r + 0.0072 r^-1.5 (r in m), sound a sin(2 pi f(t) t) exp(-d t) f(t) = f0 (1 + s t),
    s = rise * d on average and more the nearer the bubble is to the surface. Amplitude here grows as r, the paper leaves it open.
    """
    grains = []
    for r, depth in zip(
        np.asarray(radius_mm) / 1000, rng.uniform(size=len(radius_mm)), strict=True
    ):
        damping = 0.13 / r + 0.0072 * r**-1.5
        grains.append(_ring(3.0 / r, 1 / damping, r * 1000, chirp=2 * rise * depth * damping))
    return grains


# ---- The sounds ----


def rain(
    key, seconds, sample_rate, *, drops_per_second=200.0, drop_mm=1.5, splash=0.25, distant=1.0
) -> np.ndarray:
    """Rain on wet ground: single drops over the hiss of all the rain too far away to be told apart.

    drops_per_second: audible single drops, a Poisson process.
    drop_mm: mean drop diameter, above 0.5 mm; diameters beyond 0.5 mm are exponential (Marshall & Palmer 1948), to
      6 mm, where drops break up. The force of an impact grows as diameter^2 speed^2 and it falls at about
      diameter^0.5, so amplitude ~ diameter^3; its duration grows with the diameter, so its pitch falls.
    splash: share of the drops that leave a ringing bubble, 0 to 1 (Pumphrey & Elmore 1990).
    distant: level of the distant rain, >= 0.
    """
    rng, duration = _begin(key, seconds, sample_rate, drops_per_second=drops_per_second)
    if not (drop_mm > 0.5 and 0 <= splash <= 1 and distant >= 0):
        raise ValueError(
            f"drop_mm={drop_mm} must be above 0.5, splash={splash} in [0, 1], distant={distant} >= 0."
        )
    onsets = _random_times(rng, duration, drops_per_second)
    diameter = np.minimum(0.5 + rng.exponential(drop_mm - 0.5, len(onsets)), 6.0)
    # Beyond 3 mm drops flatten as they fall, and hit more softly than diameter^3 has it.
    amplitude = (
        0.25 * diameter**3 / (1 + 0.1 * diameter**2) * _distance_gain(rng, len(onsets), 2.0, 8.0)
    )
    classes = np.geomspace(0.5, 6.0, 64)
    centre = 6000.0 * classes**-0.6 * np.exp(0.25 * rng.standard_normal(64))
    hits = [
        _burst(rng, 0.0012 + 0.0006 * d, _band(0.6 * c, 1.5 * c, 1.5))
        for d, c in zip(classes, centre, strict=True)
    ]
    wave = _scatter(
        duration, onsets, amplitude, hits, np.searchsorted(classes, diameter).clip(0, 63)
    )
    wet = rng.uniform(size=len(onsets)) < splash
    bubbles = _bubble_grains(rng, np.exp(rng.uniform(np.log(0.4), np.log(2.0), 64)), rise=0.1)
    delay = rng.uniform(0.005, 0.03, wet.sum())
    wave += _scatter(
        duration, onsets[wet] + delay, 0.5 * amplitude[wet], bubbles, rng.integers(0, 64, wet.sum())
    )
    hiss = _noise(rng, len(wave), _band(700.0, 7000.0, 1.5)) + 0.5 * _noise(
        rng, len(wave), _band(50.0, 400.0)
    )
    return _finish(wave + 0.7 * distant * hiss, seconds, sample_rate)


def fire(
    key, seconds, sample_rate, *, crackles_per_second=15.0, spread=1.2, hiss=1.0, lapping=1.0
) -> np.ndarray:
    """A wood fire: crackles over the lapping of flames and the hiss of escaping gas (Farnell, Designing Sound, 2010).

    crackles_per_second: bursting pockets of steam, a Poisson process.
    spread: standard deviation of ln(amplitude) of the crackles: the heavy tail, about 10 dB for 1.2.
    hiss, lapping: levels, >= 0: noise of 2 to 9 kHz, swelling irregularly, and of 40 to 160 Hz, flickering at 4 Hz.
    """
    rng, duration = _begin(
        key, seconds, sample_rate, crackles_per_second=crackles_per_second, spread=spread
    )
    if not (hiss >= 0 and lapping >= 0):
        raise ValueError(f"hiss={hiss} and lapping={lapping} must be >= 0.")
    onsets = _random_times(rng, duration, crackles_per_second)
    # Cut at +1.5 deviations: one louder pop would take the level of all the rest.
    amplitude = np.exp(spread * np.minimum(rng.standard_normal(len(onsets)), 1.5))
    decay = np.exp(rng.uniform(np.log(0.0004), np.log(0.005), 96))
    centre = np.exp(rng.uniform(np.log(1200.0), np.log(9000.0), 96))
    pops = [
        _burst(rng, d, _band(0.5 * c, 1.6 * c, 2.0), 0.0001)
        for d, c in zip(decay, centre, strict=True)
    ]
    wave = _scatter(duration, onsets, amplitude, pops, rng.integers(0, 96, len(onsets)))
    flicker = np.exp(0.4 * _drift(rng, duration, 4.0))
    gas = np.exp(0.3 * _drift(rng, duration, 2.0))
    wave += (
        0.22 * lapping * _to_audio_rate(flicker) * _noise(rng, len(wave), _band(40.0, 160.0, 2.0))
    )
    wave += 0.04 * hiss * _to_audio_rate(gas) * _noise(rng, len(wave), _band(2000.0, 9000.0))
    return _finish(wave, seconds, sample_rate)


def wind(
    key,
    seconds,
    sample_rate,
    *,
    speed=9.0,
    turbulence=0.25,
    gusts_per_second=0.5,
    wire_mm=3.5,
    whistle=0.3,
) -> np.ndarray:
    """Wind in the open, whistling around wires.

    speed: mean wind speed, m/s. turbulence: standard deviation of the speed / mean, in (0, 0.3], gusts_per_second: its
      highest frequency, Hz. The pressure of an eddy goes as speed^2, and small fast eddies gain most: the spectrum
      becomes louder and brighter in a gust.
    wire_mm: diameter of the thinner of two wires; eddies leave it at 0.2 speed / diameter Hz (Strouhal's law).
    whistle: level of the wires, >= 0.
    """
    rng, duration = _begin(
        key, seconds, sample_rate, speed=speed, gusts_per_second=gusts_per_second, wire_mm=wire_mm
    )
    if not (0 < turbulence <= 0.3 and whistle >= 0):
        raise ValueError(f"turbulence={turbulence} must be in (0, 0.3] and whistle={whistle} >= 0.")
    relative = 1 + turbulence * np.clip(_drift(rng, duration, gusts_per_second), -2.5, 2.5)
    relative = _to_audio_rate(relative)
    wave = np.zeros(len(relative), np.float32)
    for low, high, level, power in (
        (30, 120, 1.0, 1),
        (100, 500, 0.7, 2),
        (400, 1600, 0.25, 3),
        (1500, 6000, 0.06, 4),
    ):
        wave += level * relative**power * _noise(rng, len(wave), _band(low, high))
    for diameter, level in ((wire_mm, 1.0), (1.7 * wire_mm, 0.7)):
        # A sine at the eddies' rate, its amplitude a slow complex noise: eddies keep step for some tens of ms only.
        phase = (
            2
            * np.pi
            * 0.2
            * speed
            / (diameter / 1000)
            * np.cumsum(relative, dtype=np.float64)
            / RATE
        )
        slow = [_to_audio_rate(_drift(rng, duration, 8.0)) for _ in range(2)]
        tone = slow[0] * np.cos(phase) + slow[1] * np.sin(phase)
        wave += whistle * level * relative**3 * tone.astype(np.float32)
    return _finish(wave, seconds, sample_rate)


def waves(key, seconds, sample_rate, *, period_s=5.0, irregularity=0.08, depth=0.6) -> np.ndarray:
    """Waves breaking on a beach: each swells, breaks with a roar and runs out in the hiss of foam.

    period_s: mean time between waves, s. irregularity: standard deviation of it / period, in (0, 0.3].
    depth: 0 an even surf, 1 silence between waves.
    """
    rng, duration = _begin(key, seconds, sample_rate, period_s=period_s)
    if not (0 < irregularity <= 0.3 and 0 <= depth <= 1):
        raise ValueError(
            f"irregularity={irregularity} must be in (0, 0.3] and depth={depth} in [0, 1]."
        )
    before = 4 * period_s  # waves that broke before the start still run out
    onsets = (
        _regular_times(rng, duration + before, period_s, jitter=0.0, walk=irregularity * period_s)
        - before
    )
    heights = np.exp(0.2 * rng.standard_normal(len(onsets)))
    t = np.arange(duration * CONTROL_RATE) / CONTROL_RATE
    wave = np.zeros(duration * RATE, np.float32)
    # One band a line: low Hz, high Hz, level; delay, rise and fall of its envelope in periods.
    for low, high, level, delay, rise, fall in (
        (40, 250, 0.45, 0.0, 0.20, 0.25),
        (250, 1400, 1.0, 0.10, 0.15, 0.25),
        (1200, 4000, 0.35, 0.18, 0.15, 0.40),
    ):
        envelope = np.zeros(len(t))
        for onset, height in zip(onsets, heights, strict=True):
            since = np.maximum((t - onset) / period_s - delay, 0.0)
            envelope += height * (1 - np.exp(-((since / rise) ** 2))) * np.exp(-since / fall)
        envelope = (1 - depth) + depth * envelope / fall
        wave += level * _to_audio_rate(envelope) * _noise(rng, len(wave), _band(low, high, 1.5))
    return _finish(wave, seconds, sample_rate)


def crickets(
    key,
    seconds,
    sample_rate,
    *,
    insects=5,
    carrier_hz=2900.0,
    chirps_per_second=2.8,
    pulses=8,
    pulses_per_second=52.0,
) -> np.ndarray:
    """Crickets at night: every insect sings chirps, trains of pulses of a pure tone.

    insects: how many, >= 1, the nearest loudest, each its own carrier (to 2 %) and its own time.
    carrier_hz: tone, 2 to 8 kHz in most species. The defaults are the snowy tree cricket's at 25 C
      (Walker, Singing Insects of North America: 2.7 to 2.9 kHz, 2.8 chirps a second, 8 pulses at 52 a second).
    chirps_per_second: common to all, and kept to 1 %. It tells the temperature: chirps in 13 s, plus
      40, are degrees Fahrenheit, near Dolbear's law of 1897.
    pulses, pulses_per_second: pulses in a chirp, and their rate within it: one a closing of the wings.
    """
    rng, duration = _begin(
        key,
        seconds,
        sample_rate,
        carrier_hz=carrier_hz,
        chirps_per_second=chirps_per_second,
        insects=insects,
        pulses=pulses,
        pulses_per_second=pulses_per_second,
    )
    wave = np.zeros(duration * RATE, np.float32)
    t = np.arange(int(pulses / pulses_per_second * RATE)) / RATE
    # A pulse swells and dies within 3/4 of its slot; the first two of a chirp are softer.
    slot = (t * pulses_per_second) % 1.0 / 0.75
    envelope = np.sin(np.pi * np.minimum(slot, 1.0) ** 0.7) ** 2 * np.minimum(
        0.5 + 0.25 * np.floor(t * pulses_per_second), 1
    )
    for near in _distance_gain(rng, int(insects), 1.0, 5.0):
        onsets = _regular_times(
            rng, duration, 1 / chirps_per_second, jitter=0.01 / chirps_per_second
        )
        pitch = carrier_hz * (1 + 0.02 * np.clip(rng.standard_normal(), -1, 1))
        song = (envelope * np.sin(2 * np.pi * pitch * t)).astype(np.float32) * (pitch < 0.45 * RATE)
        strength = near * (1 + 0.1 * rng.standard_normal(len(onsets)))
        wave += _scatter(duration, onsets, strength, [song], np.zeros(len(onsets), int))
    night = _noise(rng, len(wave), _band(60.0, 500.0)) + 0.5 * _noise(
        rng, len(wave), _band(2000.0, 8000.0)
    )
    return _finish(wave + 0.01 * night, seconds, sample_rate)


def bubbles(
    key, seconds, sample_rate, *, bubbles_per_second=30.0, radius_mm=3.0, spread=0.4, rise=0.1
) -> np.ndarray:
    """Bubbles in water: a Poisson process of rising chirps (van den Doel 2005, Physically based models for liquid sounds).

    bubbles_per_second: rate. radius_mm: median radius; a bubble rings at 3 / radius (1 kHz at 3 mm).
    spread: standard deviation of ln(radius). rise: how far the pitch rises while the bubble rings, >= 0; 0.1 in the paper.
    """
    rng, duration = _begin(
        key,
        seconds,
        sample_rate,
        bubbles_per_second=bubbles_per_second,
        radius_mm=radius_mm,
        spread=spread,
    )
    if not rise >= 0:
        raise ValueError(f"rise={rise} must be >= 0.")
    grains = _bubble_grains(
        rng, (radius_mm * np.exp(spread * rng.standard_normal(128))).clip(0.15, 15.0), rise
    )
    onsets = _random_times(rng, duration, bubbles_per_second)
    amplitude = np.exp(0.6 * rng.standard_normal(len(onsets)))
    wave = _scatter(duration, onsets, amplitude, grains, rng.integers(0, 128, len(onsets)))
    water = 0.01 * radius_mm * _noise(rng, len(wave), _band(100.0, 1500.0))
    return _finish(wave + water, seconds, sample_rate)


def stream(
    key, seconds, sample_rate, *, bubbles_per_second=500.0, radius_mm=1.2, spread=0.5, rush=1.0
) -> np.ndarray:
    """A small stream: so many bubbles, in eddies that come and go, that they run together; over the rush of water.

    bubbles_per_second, radius_mm, spread: as in `bubbles`. rush: level of the turbulent noise, >= 0.
    """
    rng, duration = _begin(
        key,
        seconds,
        sample_rate,
        bubbles_per_second=bubbles_per_second,
        radius_mm=radius_mm,
        spread=spread,
    )
    if not rush >= 0:
        raise ValueError(f"rush={rush} must be >= 0.")
    grains = _bubble_grains(
        rng, (radius_mm * np.exp(spread * rng.standard_normal(192))).clip(0.3, 4.0), rise=0.15
    )
    onsets = _random_times(rng, duration, bubbles_per_second)
    eddy = rng.integers(
        0, 4, len(onsets)
    )  # four places, each with its bubbles and its own slow swell
    swell = np.exp(0.5 * np.stack([_drift(rng, duration, 3.0) for _ in range(4)]))
    amplitude = swell[eddy, (onsets * CONTROL_RATE).astype(int)] * np.exp(
        0.7 * np.minimum(rng.standard_normal(len(onsets)), 1.5)
    )
    wave = _scatter(
        duration, onsets, amplitude, grains, 48 * eddy + rng.integers(0, 48, len(onsets))
    )
    return _finish(
        wave + 0.4 * rush * _noise(rng, len(wave), _band(250.0, 1800.0)), seconds, sample_rate
    )


def applause(
    key, seconds, sample_rate, *, clappers=40, claps_per_second=4.0, room_s=0.5
) -> np.ndarray:
    """An audience clapping (after Peltola, Erkut, Cook & Valimaki 2007, Synthesis of hand clapping sounds).

    clappers: how many, >= 1, none in step, nearer ones louder; each has his own hands (a resonance of 0.6 to 2.6 kHz, by how
      they are cupped), his own rate (to 12 %) and an unsteadiness of 6 % from clap to clap.
    claps_per_second: mean rate of one clapper. room_s: time the room takes to fall by 60 dB, s.
    """
    rng, duration = _begin(
        key,
        seconds,
        sample_rate,
        clappers=clappers,
        claps_per_second=claps_per_second,
        room_s=room_s,
    )
    wave = np.zeros(duration * RATE, np.float32)
    for near in _distance_gain(rng, int(clappers), 1.5, 10.0):
        centre = np.exp(rng.uniform(np.log(600.0), np.log(2600.0)))
        period = np.exp(0.12 * np.clip(rng.standard_normal(), -2, 2)) / claps_per_second
        onsets = _regular_times(rng, duration, period, jitter=0.0, walk=0.06 * period)
        claps = [
            _burst(rng, 0.004 * rng.uniform(0.7, 1.5), lambda f, c=centre: _clap_shape(f, c))
            for _ in range(6)
        ]
        strength = near * np.exp(0.2 * rng.standard_normal(len(onsets)))
        wave += _scatter(duration, onsets, strength, claps, rng.integers(0, 6, len(onsets)))
    echo = _noise(rng, len(wave), _band(200.0, 3500.0)) * np.exp(
        -6.9 * np.arange(len(wave)) / (room_s * RATE)
    )
    echo *= 0.5 / np.sqrt(np.sum(echo**2))
    echo[0] += 1.0
    wave = scipy.fft.irfft(
        scipy.fft.rfft(wave) * scipy.fft.rfft(echo.astype(np.float32)), len(wave)
    )
    return _finish(wave, seconds, sample_rate)


def _clap_shape(frequency: np.ndarray, centre: float) -> np.ndarray:
    """The hollow between two hands rings at `centre` Hz (Q about 2), over the broad slap of skin."""
    return _band(0.75 * centre, 1.3 * centre, 2.0)(frequency) + 0.25 * _band(1000.0, 6000.0)(
        frequency
    )


def clock(
    key,
    seconds,
    sample_rate,
    *,
    ticks_per_second=2.0,
    jitter_s=0.0005,
    pitch_hz=2600.0,
    decay_s=0.02,
    bed=1.0,
) -> np.ndarray:
    """A mechanical clock, tick and tock alternating.

    ticks_per_second: ticks and tocks together. jitter_s: RMS error of one tick, s, >= 0; errors do not add up.
    pitch_hz: lowest of 14 modes of the works (the tock's lie 8 % lower); the case adds two, at 0.1 and 0.23 of it.
    decay_s: time in which the lowest mode falls to 1/e; higher modes die sooner. bed: level of the room's noise, >= 0.
    """
    rng, duration = _begin(
        key,
        seconds,
        sample_rate,
        ticks_per_second=ticks_per_second,
        pitch_hz=pitch_hz,
        decay_s=decay_s,
    )
    if not (0 <= jitter_s <= 0.1 / ticks_per_second and bed >= 0):
        raise ValueError(
            f"jitter_s={jitter_s} must be 0 to a tenth of the time between ticks, and bed={bed} >= 0."
        )
    ratio = np.concatenate(
        [[0.1, 0.23], np.geomspace(1.0, 4.0, 14) * np.exp(0.06 * rng.standard_normal(14))]
    )
    loud = np.concatenate(
        [[0.3, 0.5], ratio[2:] ** -0.7 * rng.standard_normal(14)]
    )  # random signs: no common peak
    decay = decay_s * np.concatenate([[2.5, 2.0], ratio[2:] ** -0.5])
    grains = []
    for detune in (1.0, 0.92):
        blow = _ring(detune * pitch_hz * ratio, decay, loud)
        scrape = _burst(rng, 0.5 * decay_s, _band(0.4 * pitch_hz, 2.5 * pitch_hz, 1.5), 0.0005)
        blow[: len(scrape)] += 0.5 * scrape
        # Three blows a tick, as the escapement unlocks, drives and drops.
        tick = np.zeros(len(blow) + int(0.03 * RATE), np.float32)
        for at, strength in (
            (0.0, 0.5),
            (rng.uniform(0.005, 0.01), 0.6),
            (rng.uniform(0.015, 0.025), 1.0),
        ):
            tick[int(at * RATE) :][: len(blow)] += strength * blow
        grains.append(tick)
    onsets = _regular_times(rng, duration, 1 / ticks_per_second, jitter=jitter_s)
    strength = 1 + 0.05 * rng.standard_normal(len(onsets))
    wave = _scatter(duration, onsets, strength, grains, np.arange(len(onsets)) % 2)
    room = _noise(rng, len(wave), _band(50.0, 400.0)) + 0.5 * _noise(
        rng, len(wave), _band(400.0, 8000.0)
    )
    return _finish(wave + 0.006 * bed * room, seconds, sample_rate)


def engine(key, seconds, sample_rate, *, rpm=1500.0, cylinders=4, roughness=0.1) -> np.ndarray:
    """A four-stroke engine at a steady speed: every cylinder fires once in two turns, rpm * cylinders / 120 times a second.

    rpm: turns a minute. cylinders: how many, >= 1; each has its own strength, so the sound repeats every two turns.
    roughness: RMS change of strength from stroke to stroke, and of ten times the timing, as a share; in (0, 0.5].
    """
    rng, duration = _begin(
        key, seconds, sample_rate, rpm=rpm, cylinders=cylinders, roughness=roughness
    )
    if roughness > 0.5:
        raise ValueError(f"roughness={roughness} must be at most 0.5.")
    period, count = 120.0 / (rpm * cylinders), int(cylinders)
    onsets = _regular_times(
        rng, duration, period, jitter=0.1 * roughness * period, walk=0.02 * roughness * period
    )
    order = np.arange(len(onsets)) % count
    strength = (1 + 0.15 * rng.standard_normal(count))[order] * (
        1 + roughness * rng.standard_normal(len(onsets))
    )
    # The exhaust pipe rings at a few resonances, here of a pipe about 1.3 m long, the same for every cylinder.
    pipe = np.array([65.0, 130.0, 215.0, 390.0, 640.0, 1100.0])
    puff = _ring(pipe, 1.2 / pipe, np.array([0.7, 0.9, 0.8, 0.6, 0.5, 0.4]))
    wave = _scatter(duration, onsets, strength, [puff], np.zeros(len(onsets), int))
    blasts = [_burst(rng, 0.006, _band(300.0, 3000.0), 0.001) for _ in range(16)]
    valves = [_burst(rng, 0.0015, _band(2500.0, 6000.0, 2.0)) for _ in range(16)]
    wave += _scatter(duration, onsets, 0.6 * strength, blasts, rng.integers(0, 16, len(onsets)))
    wave += _scatter(
        duration, onsets + 0.4 * period, 0.2 * strength, valves, rng.integers(0, 16, len(onsets))
    )
    return _finish(wave + 0.04 * _noise(rng, len(wave), _band(100.0, 3000.0)), seconds, sample_rate)


def notes(
    key,
    seconds,
    sample_rate,
    *,
    pitch_hz=300.0,
    tilt_db=6.0,
    notes_per_second=4.0,
    irregularity=0.0,
    decay_s=0.05,
    harmonics=30,
) -> np.ndarray:
    """Struck notes of one pitch over a faint noise: pitch, envelope, rate and rhythm are each a number. A probe and no texture, hence not in SOUNDS.

    pitch_hz: fundamental of so many `harmonics`, of which those that no sample rate holds are left out. tilt_db: by which a harmonic is fainter than the one an octave below, in dB, >= 0.
    notes_per_second: mean rate. irregularity: standard deviation of the gaps between notes over their mean: 0 is a
      metronome, 1 a Poisson process. Pitch and tilt leave the moments of the notes as they are.
    decay_s: time in which a note falls to 1/e, s.
    """
    rng, duration = _begin(
        key,
        seconds,
        sample_rate,
        pitch_hz=pitch_hz,
        notes_per_second=notes_per_second,
        decay_s=decay_s,
        harmonics=harmonics,
    )
    if not (tilt_db >= 0 and 0 <= irregularity <= 1):
        raise ValueError(
            f"tilt_db={tilt_db} must be >= 0 and irregularity={irregularity} from 0 to 1."
        )
    night = _noise(rng, duration * RATE, _band(60.0, 8000.0))
    count = int(4 * duration * notes_per_second) + 16
    gaps = (1 - irregularity + irregularity * rng.exponential(size=count)) / notes_per_second
    onsets = np.cumsum(gaps) - rng.uniform(0.0, 1 / notes_per_second)
    onsets = onsets[(onsets >= 0.0) & (onsets < duration)]
    number = np.arange(1, int(harmonics) + 1)
    note = _ring(
        pitch_hz * number, np.full(len(number), decay_s), 10 ** (-tilt_db * np.log2(number) / 20)
    )
    note *= 1 - np.exp(-np.arange(len(note), dtype=np.float32) / (0.003 * RATE))
    wave = _scatter(duration, onsets, np.ones(len(onsets)), [note], np.zeros(len(onsets), int))
    return _finish(wave + 0.003 * night, seconds, sample_rate)


SOUNDS: dict[str, Callable[..., np.ndarray]] = {
    "applause": applause,
    "bubbles": bubbles,
    "clock": clock,
    "crickets": crickets,
    "engine": engine,
    "fire": fire,
    "rain": rain,
    "stream": stream,
    "waves": waves,
    "wind": wind,
}


def make(
    name: str, key: jax.Array, seconds: float, sample_rate: int, **parameters: float
) -> np.ndarray:
    """The sound called `name` in SOUNDS, [samples] float32; `parameters` are that sound's own, by default its defaults."""
    if name not in SOUNDS:
        raise ValueError(f"sound must be one of {', '.join(SOUNDS)}; got {name!r}.")
    return SOUNDS[name](key, seconds, sample_rate, **parameters)
