"""Procedural sounds of people and machines: applause, a clock and an engine.

The contract of all sounds is in the package's docstring.
"""

import jax
import numpy as np
import scipy.fft

from audio_texture.sounds.grains import (
    RATE,
    band,
    begin,
    burst,
    distance_gain,
    finish,
    noise,
    regular_times,
    ring,
    scatter,
)


def applause(
    key: jax.Array,
    seconds: float,
    sample_rate: int,
    *,
    clappers=40,
    claps_per_second=4.0,
    room_s=0.5,
) -> np.ndarray:
    """An audience clapping (after Peltola, Erkut, Cook & Valimaki 2007, Synthesis of hand clapping
    sounds).

    clappers: how many, >= 1, none in step, nearer ones louder. Every clapper has a resonance of 0.6
      to 2.6 kHz (by how the hands are cupped), a rate of their own (to 12 %) and an unsteadiness of
      6 % from clap to clap.
    claps_per_second: mean rate of a clapper.
    room_s: time in which the room's reverberation falls by 60 dB, s.

    Example:
      >>> applause(jax.random.key(0), 0.1, 8000, clappers=3).shape
      (800,)
    """
    rng, duration = begin(
        key,
        seconds,
        sample_rate,
        clappers=clappers,
        claps_per_second=claps_per_second,
        room_s=room_s,
    )
    wave = np.zeros(duration * RATE, np.float32)
    for gain in distance_gain(rng, int(clappers), 1.5, 10.0):
        centre = np.exp(rng.uniform(np.log(600.0), np.log(2600.0)))
        period = np.exp(0.12 * np.clip(rng.standard_normal(), -2, 2)) / claps_per_second
        onsets = regular_times(rng, duration, period, jitter=0.0, walk=0.06 * period)
        claps = [
            burst(rng, 0.004 * rng.uniform(0.7, 1.5), lambda f, c=centre: _clap_shape(f, c))
            for _ in range(6)
        ]
        strength = gain * np.exp(0.2 * rng.standard_normal(len(onsets)))
        wave += scatter(duration, onsets, strength, claps, rng.integers(0, 6, len(onsets)))
    echo = noise(rng, len(wave), band(200.0, 3500.0)) * np.exp(
        -6.9 * np.arange(len(wave)) / (room_s * RATE)
    )
    echo *= 0.5 / np.sqrt(np.sum(echo**2))
    echo[0] += 1.0
    spectrum, response = np.asarray(scipy.fft.rfft(wave)), scipy.fft.rfft(echo.astype(np.float32))
    wave = np.asarray(scipy.fft.irfft(spectrum * response, len(wave)))
    return finish(wave, seconds, sample_rate)


def _clap_shape(frequency: np.ndarray, centre: float) -> np.ndarray:
    """Returns the spectrum of a clap: the hollow between two hands rings at `centre` Hz (Q about
    2), over the broad slap of skin.
    """
    hollow = band(0.75 * centre, 1.3 * centre, 2.0)(frequency)
    return hollow + 0.25 * band(1000.0, 6000.0)(frequency)


def clock(
    key: jax.Array,
    seconds: float,
    sample_rate: int,
    *,
    ticks_per_second=2.0,
    jitter_s=0.0005,
    pitch_hz=2600.0,
    decay_s=0.02,
    bed=1.0,
) -> np.ndarray:
    """A mechanical clock, tick and tock alternating.

    ticks_per_second: ticks and tocks together.
    jitter_s: RMS error of a tick's time, s, >= 0; errors do not add up.
    pitch_hz: lowest of 14 modes of the works (8 % lower for the tock); the case adds two modes, at
      0.1 and 0.23 of it.
    decay_s: time in which the lowest mode falls to 1/e, s; higher modes decay faster.
    bed: level of the room's noise, >= 0.

    Example:
      >>> clock(jax.random.key(0), 0.1, 8000).shape
      (800,)
    """
    rng, duration = begin(
        key,
        seconds,
        sample_rate,
        ticks_per_second=ticks_per_second,
        pitch_hz=pitch_hz,
        decay_s=decay_s,
    )
    if not (0 <= jitter_s <= 0.1 / ticks_per_second and bed >= 0):
        raise ValueError(
            f"jitter_s={jitter_s} must be 0 to a tenth of the time between ticks, and"
            f" bed={bed} >= 0."
        )
    ratio = np.concatenate(
        [[0.1, 0.23], np.geomspace(1.0, 4.0, 14) * np.exp(0.06 * rng.standard_normal(14))]
    )
    # Random signs, so that the modes have no common peak.
    amplitude = np.concatenate([[0.3, 0.5], ratio[2:] ** -0.7 * rng.standard_normal(14)])
    decay = decay_s * np.concatenate([[2.5, 2.0], ratio[2:] ** -0.5])
    scrape_shape = band(0.4 * pitch_hz, 2.5 * pitch_hz, 1.5)
    grains = []
    for detune in (1.0, 0.92):
        blow = ring(detune * pitch_hz * ratio, decay, amplitude)
        scrape = burst(rng, 0.5 * decay_s, scrape_shape, 0.0005)
        blow[: len(scrape)] += 0.5 * scrape
        grains.append(_three_blows(rng, blow))
    onsets = regular_times(rng, duration, 1 / ticks_per_second, jitter=jitter_s)
    strength = 1 + 0.05 * rng.standard_normal(len(onsets))
    wave = scatter(duration, onsets, strength, grains, np.arange(len(onsets)) % 2)
    room = noise(rng, len(wave), band(50.0, 400.0)) + 0.5 * noise(
        rng, len(wave), band(400.0, 8000.0)
    )
    return finish(wave + 0.006 * bed * room, seconds, sample_rate)


def _three_blows(rng: np.random.Generator, blow: np.ndarray) -> np.ndarray:
    """Returns a tick of three blows: the escapement unlocks, drives and drops."""
    tick = np.zeros(len(blow) + int(0.03 * RATE), np.float32)
    for at, strength in (
        (0.0, 0.5),
        (rng.uniform(0.005, 0.01), 0.6),
        (rng.uniform(0.015, 0.025), 1.0),
    ):
        tick[int(at * RATE) :][: len(blow)] += strength * blow
    return tick


def engine(
    key: jax.Array, seconds: float, sample_rate: int, *, rpm=1500.0, cylinders=4, roughness=0.1
) -> np.ndarray:
    """A four-stroke engine at a steady speed; it fires rpm * cylinders / 120 times a second.

    rpm: turns a minute.
    cylinders: how many, >= 1. Every cylinder fires once in two turns with a strength of its own, so
      the sound repeats every two turns.
    roughness: RMS change of strength from stroke to stroke, and ten times that of the timing, as a
      share; in (0, 0.5].

    Example:
      >>> engine(jax.random.key(0), 0.1, 8000, rpm=900.0).shape
      (800,)
    """
    rng, duration = begin(
        key, seconds, sample_rate, rpm=rpm, cylinders=cylinders, roughness=roughness
    )
    if roughness > 0.5:
        raise ValueError(f"roughness={roughness} must be at most 0.5.")
    period, count = 120.0 / (rpm * cylinders), int(cylinders)
    onsets = regular_times(
        rng, duration, period, jitter=0.1 * roughness * period, walk=0.02 * roughness * period
    )
    order = np.arange(len(onsets)) % count
    strength = (1 + 0.15 * rng.standard_normal(count))[order] * (
        1 + roughness * rng.standard_normal(len(onsets))
    )
    # The exhaust pipe rings at a few resonances (here of a pipe about 1.3 m long), the same for all
    # cylinders.
    pipe = np.array([65.0, 130.0, 215.0, 390.0, 640.0, 1100.0])
    puff = ring(pipe, 1.2 / pipe, np.array([0.7, 0.9, 0.8, 0.6, 0.5, 0.4]))
    wave = scatter(duration, onsets, strength, [puff], np.zeros(len(onsets), int))
    blasts = [burst(rng, 0.006, band(300.0, 3000.0), 0.001) for _ in range(16)]
    valves = [burst(rng, 0.0015, band(2500.0, 6000.0, 2.0)) for _ in range(16)]
    wave += scatter(duration, onsets, 0.6 * strength, blasts, rng.integers(0, 16, len(onsets)))
    wave += scatter(
        duration, onsets + 0.4 * period, 0.2 * strength, valves, rng.integers(0, 16, len(onsets))
    )
    return finish(wave + 0.04 * noise(rng, len(wave), band(100.0, 3000.0)), seconds, sample_rate)
