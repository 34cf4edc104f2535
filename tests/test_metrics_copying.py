"""metrics.copying: copies in every disguise are flagged, and likeness alone is not."""

import functools

import jax
import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
from metric_sounds import (
    RATE,
    RECORDINGS,
    make_impulses,
    make_noise,
    ratios,
    read_recording,
    shuffle_grains,
)

from audio_texture import audio, metrics, sounds


@pytest.mark.parametrize("make", [make_noise, make_impulses])
@pytest.mark.parametrize("change", ["moved and softer", "shuffled", "inverted", "another rate"])
def test_copies_in_disguise_are_flagged(make, change):
    reference = make(0)
    candidate, rate = {
        "moved and softer": (0.2 * np.roll(reference, -10_007), RATE),
        "shuffled": (shuffle_grains(reference), RATE),
        "inverted": (-reference[RATE:], RATE),
        "another rate": (audio.resample(reference, RATE, 22_050), 22_050),
    }[change]
    row = metrics.evaluate(candidate, reference, sample_rate=RATE, candidate_rate=rate)
    # Of shuffled impulses only windows with an event and without a cut match.
    is_partial = change == "shuffled" and make is make_impulses
    assert row["copied"] > (0.6 if is_partial else 0.9)
    assert row["looped"] < 0.05
    assert np.all(ratios(row) < 2)


def test_a_loop_repeats_itself():
    shares = measure(np.tile(make_noise(1, 1.0), 4), make_noise(0))
    assert shares["looped"] > 0.95
    assert shares["copied"] == 0


def test_a_sound_that_repeats_itself_cannot_be_copied():
    """A tone and an engine's exact cycle are like themselves everywhere, copied or not."""
    tone = (0.1 * np.sin(2 * np.pi * 220 * np.arange(3 * RATE) / RATE)).astype(np.float32)
    assert measure(np.roll(tone, 31), tone)["copied"] == 0
    cycles = np.tile(make_noise(0, 0.125), 24)
    assert measure(np.roll(cycles, 999), cycles)["copied"] == 0


def test_details_match_under_new_phases():
    """Griffin-Lim phases on the reference's magnitudes: new samples, the same spectrogram."""
    reference = make_noise(0)
    candidate = redraw_phases(reference)
    flat = [metrics.flatten(x, reference, sample_rate=RATE) for x in (candidate, reference)]
    assert np.max(metrics.wave_matches(*flat, sample_rate=RATE)) < 0.5
    assert measure(candidate, reference)["copied"] > 0.9


def measure(candidate, reference):
    """Shares of copied and looped windows, of waves that are not preprocessed."""
    waves = (metrics.preprocess(x, sample_rate=RATE, rate=RATE) for x in (candidate, reference))
    return metrics.measure_copying(*waves, sample_rate=RATE)


def redraw_phases(reference):
    """Twenty iterations of Griffin-Lim from noise, on the magnitudes of a wave."""
    window = np.hanning(1025)[:-1]
    padded = np.pad(reference, 1024)

    def transform(x):
        frames = np.lib.stride_tricks.sliding_window_view(x, 1024)[::256]
        return np.fft.rfft(frames * window)

    magnitude = np.abs(transform(padded))
    wave = np.random.default_rng(1).standard_normal(len(padded))
    for _ in range(20):
        spectrum = magnitude * np.exp(1j * np.angle(transform(wave)))
        wave, weight = np.zeros(len(padded)), np.full(len(padded), 1e-3)
        for i, frame in enumerate(np.fft.irfft(spectrum) * window):
            wave[i * 256 : i * 256 + 1024] += frame
            weight[i * 256 : i * 256 + 1024] += window**2
        wave /= weight
    return wave[1024:-1024].astype(np.float32)


def test_wave_matches_equal_a_direct_search():
    a, b = np.random.default_rng(0).standard_normal((2, 1500)).astype(np.float32)
    rate, length = 2000, 500

    def correlate(x, y):
        return abs(x @ y) / np.linalg.norm(x) / np.linalg.norm(y)

    expected = [
        max(correlate(a[start : start + length], b[lag : lag + length]) for lag in range(1001))
        for start in range(0, 1001, 250)
    ]
    np.testing.assert_allclose(metrics.wave_matches(a, b, sample_rate=rate), expected, rtol=1e-4)
    own = metrics.wave_matches(b, b, sample_rate=rate, away=0.25)
    assert np.all(own < 0.5)  # the window itself, at lag 0, is out of reach


@pytest.mark.parametrize("disguise", ["new phases", "grains", "gains on new noise"])
def test_events_in_order_are_followed(disguise):
    """Other samples, the same course of events: `copied` alone sees only the first two."""
    reference = make_impulses(0)
    candidate = {
        "new phases": redraw_phases,
        "grains": functools.partial(shuffle_grains, length=RATE // 2),
        "gains on new noise": gains_on_noise,
    }[disguise](reference)
    shares = measure_following(candidate, reference)
    # A window across the cuts of grains matches with less than half of it.
    assert shares["followed"] > (0.25 if disguise == "grains" else 0.9)
    assert shares["self_followed"] < 0.05


def test_new_events_are_not_followed():
    """Impulses at other times, a steady noise, and a slow swell that both sounds have."""
    swell = np.linspace(0.2, 1.0, len(make_noise(0)))
    for make in (make_impulses, make_noise, lambda seed: swell * make_noise(seed)):
        shares = measure_following(make(1), make(0))
        assert shares["followed"] == shares["self_followed"] == 0


def test_a_sound_that_goes_round_follows_itself():
    shares = measure_following(np.tile(make_impulses(1)[: 3 * RATE // 2], 3), make_impulses(0))
    assert shares["self_followed"] > 0.9 and shares["followed"] < 0.05


def test_a_clock_goes_on_ticking():
    """The recording's own repeats set the threshold."""
    clock = sounds.make("clock", jax.random.key(0), 4.0, RATE)
    assert measure_following(clock[2 * RATE :], clock[: 2 * RATE])["followed"] < 0.1


def measure_following(candidate, reference):
    """Shares of windows that follow, of waves that are not preprocessed."""
    waves = (metrics.preprocess(x, sample_rate=RATE, rate=RATE) for x in (candidate, reference))
    return metrics.measure_following(*waves, sample_rate=RATE)


def gains_on_noise(reference):
    """Noise with the reference's magnitudes, smoothed over 4 neighbouring bins: a walk's start."""
    _, _, own = scipy.signal.stft(reference, RATE, nperseg=512)
    noise = np.random.default_rng(1).standard_normal(len(reference))
    _, _, other = scipy.signal.stft(noise, RATE, nperseg=512)
    gains = scipy.ndimage.uniform_filter1d(np.abs(own), 9, axis=0)
    _, wave = scipy.signal.istft(other * gains, RATE, nperseg=512)
    return wave[: len(reference)].astype(np.float32)


@pytest.mark.parametrize("name", RECORDINGS)
def test_halves_of_a_recording_are_no_copies(esc10, name):
    wave = read_recording(esc10 / f"{RECORDINGS[name]}.ogg")
    middle = len(wave) // 2
    for candidate, reference in ((wave[middle:], wave[:middle]), (wave[:middle], wave[middle:])):
        shares = metrics.measure_copying(candidate, reference, sample_rate=RATE)
        assert shares["copied"] < 0.05
        assert shares["looped"] < 0.05
        followed = metrics.measure_following(candidate, reference, sample_rate=RATE)
        assert max(followed.values()) < 0.05
