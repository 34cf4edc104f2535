"""Procedural sounds of nature: rain, fire, wind, waves, crickets, bubbles and a stream.

The contract of all sounds is in the package's docstring.
"""

import jax
import numpy as np

from audio_texture.sounds.grains import (
    CONTROL_RATE,
    RATE,
    band,
    begin,
    bubble_grains,
    burst,
    distance_gain,
    drift,
    finish,
    noise,
    random_times,
    regular_times,
    scatter,
    to_audio_rate,
)


def rain(
    key: jax.Array,
    seconds: float,
    sample_rate: int,
    *,
    drops_per_second=200.0,
    drop_mm=1.5,
    splash=0.25,
    distant=1.0,
) -> np.ndarray:
    """Rain on wet ground: single drops over the hiss of the distant rain.

    drops_per_second: audible single drops, a Poisson process.
    drop_mm: mean drop diameter, above 0.5 mm. Diameters beyond 0.5 mm are exponential (Marshall &
      Palmer 1948), to 6 mm, where drops break up. The force of an impact grows as
      diameter^2 speed^2, and the speed as diameter^0.5, so amplitude ~ diameter^3. The duration
      grows with the diameter, so the pitch falls.
    splash: share of the drops that leave a ringing bubble, 0 to 1 (Pumphrey & Elmore 1990).
    distant: level of the distant rain, >= 0.

    Example:
      >>> rain(jax.random.key(0), 0.1, 8000).shape
      (800,)
    """
    rng, duration = begin(key, seconds, sample_rate, drops_per_second=drops_per_second)
    if not (drop_mm > 0.5 and 0 <= splash <= 1 and distant >= 0):
        raise ValueError(
            f"drop_mm={drop_mm} must be above 0.5, splash={splash} in [0, 1], and"
            f" distant={distant} >= 0."
        )
    onsets = random_times(rng, duration, drops_per_second)
    diameter = np.minimum(0.5 + rng.exponential(drop_mm - 0.5, len(onsets)), 6.0)
    # Beyond 3 mm drops flatten as they fall, and hit more softly than diameter^3.
    amplitude = 0.25 * diameter**3 / (1 + 0.1 * diameter**2)
    amplitude = amplitude * distance_gain(rng, len(onsets), 2.0, 8.0)
    classes = np.geomspace(0.5, 6.0, 64)
    centre = 6000.0 * classes**-0.6 * np.exp(0.25 * rng.standard_normal(64))
    hits = [
        burst(rng, 0.0012 + 0.0006 * d, band(0.6 * c, 1.5 * c, 1.5))
        for d, c in zip(classes, centre, strict=True)
    ]
    wave = scatter(
        duration, onsets, amplitude, hits, np.searchsorted(classes, diameter).clip(0, 63)
    )
    has_bubble = rng.uniform(size=len(onsets)) < splash
    bubbles = bubble_grains(rng, np.exp(rng.uniform(np.log(0.4), np.log(2.0), 64)), rise=0.1)
    count = has_bubble.sum()
    delay = rng.uniform(0.005, 0.03, count)
    wave += scatter(
        duration,
        onsets[has_bubble] + delay,
        0.5 * amplitude[has_bubble],
        bubbles,
        rng.integers(0, 64, count),
    )
    hiss = noise(rng, len(wave), band(700.0, 7000.0, 1.5)) + 0.5 * noise(
        rng, len(wave), band(50.0, 400.0)
    )
    return finish(wave + 0.7 * distant * hiss, seconds, sample_rate)


def fire(
    key: jax.Array,
    seconds: float,
    sample_rate: int,
    *,
    crackles_per_second=15.0,
    spread=1.2,
    hiss=1.0,
    lapping=1.0,
) -> np.ndarray:
    """A wood fire: crackles over the lapping of flames and the hiss of escaping gas (Farnell,
    Designing Sound, 2010).

    crackles_per_second: bursting pockets of steam, a Poisson process.
    spread: standard deviation of ln(amplitude) of the crackles: a heavy tail, about 10 dB for 1.2.
    hiss: level of noise of 2 to 9 kHz that swells irregularly, >= 0.
    lapping: level of noise of 40 to 160 Hz that flickers at 4 Hz, >= 0.

    Example:
      >>> fire(jax.random.key(0), 0.1, 8000).shape
      (800,)
    """
    rng, duration = begin(
        key, seconds, sample_rate, crackles_per_second=crackles_per_second, spread=spread
    )
    if not (hiss >= 0 and lapping >= 0):
        raise ValueError(f"hiss={hiss} and lapping={lapping} must be >= 0.")
    onsets = random_times(rng, duration, crackles_per_second)
    # At most +1.5 standard deviations: a single louder pop would lower the level of all the rest.
    amplitude = np.exp(spread * np.minimum(rng.standard_normal(len(onsets)), 1.5))
    decay = np.exp(rng.uniform(np.log(0.0004), np.log(0.005), 96))
    centre = np.exp(rng.uniform(np.log(1200.0), np.log(9000.0), 96))
    pops = [
        burst(rng, d, band(0.5 * c, 1.6 * c, 2.0), 0.0001)
        for d, c in zip(decay, centre, strict=True)
    ]
    wave = scatter(duration, onsets, amplitude, pops, rng.integers(0, 96, len(onsets)))
    flicker = np.exp(0.4 * drift(rng, duration, 4.0))
    gas = np.exp(0.3 * drift(rng, duration, 2.0))
    wave += 0.22 * lapping * to_audio_rate(flicker) * noise(rng, len(wave), band(40.0, 160.0, 2.0))
    wave += 0.04 * hiss * to_audio_rate(gas) * noise(rng, len(wave), band(2000.0, 9000.0))
    return finish(wave, seconds, sample_rate)


def wind(
    key: jax.Array,
    seconds: float,
    sample_rate: int,
    *,
    speed=9.0,
    turbulence=0.25,
    gusts_per_second=0.5,
    wire_mm=3.5,
    whistle=0.3,
) -> np.ndarray:
    """Wind in the open, whistling around wires.

    speed: mean wind speed, m/s.
    turbulence: standard deviation of the speed / mean, in (0, 0.3]. The pressure of an eddy grows
      as speed^2, most for small fast eddies: a gust is louder and brighter.
    gusts_per_second: highest frequency of the speed, Hz.
    wire_mm: diameter of the thinner of two wires; eddies leave it at 0.2 speed / diameter Hz
      (Strouhal's law).
    whistle: level of the wires, >= 0.

    Example:
      >>> wind(jax.random.key(0), 0.1, 8000).shape
      (800,)
    """
    rng, duration = begin(
        key, seconds, sample_rate, speed=speed, gusts_per_second=gusts_per_second, wire_mm=wire_mm
    )
    if not (0 < turbulence <= 0.3 and whistle >= 0):
        raise ValueError(f"turbulence={turbulence} must be in (0, 0.3] and whistle={whistle} >= 0.")
    relative = 1 + turbulence * np.clip(drift(rng, duration, gusts_per_second), -2.5, 2.5)
    relative = to_audio_rate(relative)
    wave = np.zeros(len(relative), np.float32)
    for low, high, level, power in (
        (30, 120, 1.0, 1),
        (100, 500, 0.7, 2),
        (400, 1600, 0.25, 3),
        (1500, 6000, 0.06, 4),
    ):
        wave += level * relative**power * noise(rng, len(wave), band(low, high))
    for diameter, level in ((wire_mm, 1.0), (1.7 * wire_mm, 0.7)):
        # A sine at the eddies' rate whose amplitude is a slow complex noise: eddies stay in phase
        # for some tens of ms only.
        radians_per_second = 2 * np.pi * 0.2 * speed / (diameter / 1000)
        phase = radians_per_second * np.cumsum(relative, dtype=np.float64) / RATE
        slow = [to_audio_rate(drift(rng, duration, 8.0)) for _ in range(2)]
        tone = slow[0] * np.cos(phase) + slow[1] * np.sin(phase)
        wave += whistle * level * relative**3 * tone.astype(np.float32)
    return finish(wave, seconds, sample_rate)


def waves(
    key: jax.Array, seconds: float, sample_rate: int, *, period_s=5.0, irregularity=0.08, depth=0.6
) -> np.ndarray:
    """Waves on a beach, which swell, break with a roar and run out in the hiss of foam.

    period_s: mean time between waves, s.
    irregularity: standard deviation of that time / period_s, in (0, 0.3].
    depth: 0 is an even surf, 1 silence between waves.

    Example:
      >>> waves(jax.random.key(0), 0.1, 8000).shape
      (800,)
    """
    rng, duration = begin(key, seconds, sample_rate, period_s=period_s)
    if not (0 < irregularity <= 0.3 and 0 <= depth <= 1):
        raise ValueError(
            f"irregularity={irregularity} must be in (0, 0.3] and depth={depth} in [0, 1]."
        )
    before = 4 * period_s  # waves that broke before the start still run out
    gap_std = irregularity * period_s
    onsets = regular_times(rng, duration + before, period_s, jitter=0.0, walk=gap_std) - before
    heights = np.exp(0.2 * rng.standard_normal(len(onsets)))
    t = np.arange(duration * CONTROL_RATE) / CONTROL_RATE
    wave = np.zeros(duration * RATE, np.float32)
    # A band a line: low Hz, high Hz, level; delay, rise and fall of its envelope in periods.
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
        wave += level * to_audio_rate(envelope) * noise(rng, len(wave), band(low, high, 1.5))
    return finish(wave, seconds, sample_rate)


def crickets(
    key: jax.Array,
    seconds: float,
    sample_rate: int,
    *,
    insects=5,
    carrier_hz=2900.0,
    chirps_per_second=2.8,
    pulses=8,
    pulses_per_second=52.0,
) -> np.ndarray:
    """Crickets at night: every insect sings chirps, which are trains of pulses of a pure tone.

    insects: how many, >= 1, the nearest loudest, with carriers (to 2 %) and times of their own.
    carrier_hz: tone, 2 to 8 kHz in most species. The defaults are those of the snowy tree cricket
      at 25 C (Walker, Singing Insects of North America: 2.7 to 2.9 kHz, 2.8 chirps a second, 8
      pulses at 52 a second).
    chirps_per_second: common to all insects, to 1 %. It tells the temperature: chirps in 13 s plus
      40 are degrees Fahrenheit, near Dolbear's law of 1897.
    pulses: in a chirp; every closing of the wings makes a pulse.
    pulses_per_second: rate of pulses within a chirp.

    Example:
      >>> crickets(jax.random.key(0), 0.1, 8000).shape
      (800,)
    """
    rng, duration = begin(
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
    loudness = np.minimum(0.5 + 0.25 * np.floor(t * pulses_per_second), 1)
    envelope = np.sin(np.pi * np.minimum(slot, 1.0) ** 0.7) ** 2 * loudness
    for gain in distance_gain(rng, int(insects), 1.0, 5.0):
        onsets = regular_times(
            rng, duration, 1 / chirps_per_second, jitter=0.01 / chirps_per_second
        )
        pitch = carrier_hz * (1 + 0.02 * np.clip(rng.standard_normal(), -1, 1))
        song = (envelope * np.sin(2 * np.pi * pitch * t)).astype(np.float32) * (pitch < 0.45 * RATE)
        strength = gain * (1 + 0.1 * rng.standard_normal(len(onsets)))
        wave += scatter(duration, onsets, strength, [song], np.zeros(len(onsets), int))
    night = noise(rng, len(wave), band(60.0, 500.0)) + 0.5 * noise(
        rng, len(wave), band(2000.0, 8000.0)
    )
    return finish(wave + 0.01 * night, seconds, sample_rate)


def bubbles(
    key: jax.Array,
    seconds: float,
    sample_rate: int,
    *,
    bubbles_per_second=30.0,
    radius_mm=3.0,
    spread=0.4,
    rise=0.1,
) -> np.ndarray:
    """Bubbles in water: a Poisson process of rising chirps (van den Doel 2005, Physically based
    models for liquid sounds).

    bubbles_per_second: rate.
    radius_mm: median radius; a bubble rings at 3 / radius (1 kHz at 3 mm).
    spread: standard deviation of ln(radius).
    rise: how far the pitch rises while the bubble rings, >= 0; 0.1 in the paper.

    Example:
      >>> bubbles(jax.random.key(0), 0.1, 8000).shape
      (800,)
    """
    rng, duration = begin(
        key,
        seconds,
        sample_rate,
        bubbles_per_second=bubbles_per_second,
        radius_mm=radius_mm,
        spread=spread,
    )
    if not rise >= 0:
        raise ValueError(f"rise={rise} must be >= 0.")
    grains = bubble_grains(
        rng, (radius_mm * np.exp(spread * rng.standard_normal(128))).clip(0.15, 15.0), rise
    )
    onsets = random_times(rng, duration, bubbles_per_second)
    amplitude = np.exp(0.6 * rng.standard_normal(len(onsets)))
    wave = scatter(duration, onsets, amplitude, grains, rng.integers(0, 128, len(onsets)))
    water = 0.01 * radius_mm * noise(rng, len(wave), band(100.0, 1500.0))
    return finish(wave + water, seconds, sample_rate)


def stream(
    key: jax.Array,
    seconds: float,
    sample_rate: int,
    *,
    bubbles_per_second=500.0,
    radius_mm=1.2,
    spread=0.5,
    rush=1.0,
) -> np.ndarray:
    """A small stream: many overlapping bubbles, in eddies that come and go, over the rush of water.

    bubbles_per_second: as in `bubbles`.
    radius_mm: as in `bubbles`.
    spread: as in `bubbles`.
    rush: level of the turbulent noise, >= 0.

    Example:
      >>> stream(jax.random.key(0), 0.1, 8000).shape
      (800,)
    """
    rng, duration = begin(
        key,
        seconds,
        sample_rate,
        bubbles_per_second=bubbles_per_second,
        radius_mm=radius_mm,
        spread=spread,
    )
    if not rush >= 0:
        raise ValueError(f"rush={rush} must be >= 0.")
    grains = bubble_grains(
        rng, (radius_mm * np.exp(spread * rng.standard_normal(192))).clip(0.3, 4.0), rise=0.15
    )
    onsets = random_times(rng, duration, bubbles_per_second)
    # Four places with their own bubbles and their own slow swell.
    eddy = rng.integers(0, 4, len(onsets))
    swell = np.exp(0.5 * np.stack([drift(rng, duration, 3.0) for _ in range(4)]))
    amplitude = swell[eddy, (onsets * CONTROL_RATE).astype(int)] * np.exp(
        0.7 * np.minimum(rng.standard_normal(len(onsets)), 1.5)
    )
    wave = scatter(
        duration, onsets, amplitude, grains, 48 * eddy + rng.integers(0, 48, len(onsets))
    )
    return finish(
        wave + 0.4 * rush * noise(rng, len(wave), band(250.0, 1800.0)), seconds, sample_rate
    )
