"""Noise of a recording's spectrum, and its grains in another order."""

import jax
import numpy as np
import pytest
import scipy.fft
from classical_contract import (
    RATE,
    assert_keeps_the_contract,
    correlation,
    kurtosis,
    make_stereo,
    synthesise,
)
from metric_sounds import RATE as HIGH_RATE
from metric_sounds import make_impulses, make_noise

from audio_texture import metrics, sounds
from audio_texture.classical import baselines


@pytest.mark.parametrize("method", ["phase-randomised", "shuffled-grains"])
def test_contract(method):
    assert_keeps_the_contract(method)


def test_noise_has_the_magnitudes_and_the_relations_of_the_channels():
    """At the recording's length nothing but the phases changes, and these alike in all channels."""
    stereo = make_stereo()
    spectra, found = (scipy.fft.rfft(x) for x in (stereo, synthesise("phase-randomised", stereo)))
    np.testing.assert_allclose(np.abs(found), np.abs(spectra), atol=1e-3)
    cross, found_cross = (x[0] * np.conj(x[1]) for x in (spectra, found))
    scale = np.max(np.abs(cross))
    np.testing.assert_allclose(found_cross / scale, cross / scale, atol=1e-4)
    turned = np.angle(found[0] * np.conj(spectra[0]))[1:-1]
    assert np.abs(np.mean(np.exp(1j * turned))) < 0.05


@pytest.mark.parametrize("seconds", [3.0, 8.0])
def test_noise_keeps_the_spectrum_and_loses_the_events(seconds):
    """Third octaves stay within a fraction of a dB; clicks become steady noise."""
    wave = make_impulses(0)
    sound = synthesise("phase-randomised", wave, seconds=seconds, rate=HIGH_RATE)[0]
    _, levels = metrics.band_levels(wave, sample_rate=HIGH_RATE)
    _, found = metrics.band_levels(sound, sample_rate=HIGH_RATE)
    assert np.sqrt(np.mean((found - levels) ** 2)) < 0.5
    assert kurtosis(wave) > 20
    assert kurtosis(sound) == pytest.approx(3, abs=0.3)
    assert metrics.measure_copying(sound, wave, sample_rate=HIGH_RATE)["copied"] == 0


def test_noise_of_a_tone_is_a_tone():
    """Unlike models of a few poles, the whole spectrum keeps pitch."""
    tone = np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)
    sound = synthesise("phase-randomised", tone, seconds=6.0)[0]
    power = np.abs(scipy.fft.rfft(sound)) ** 2
    hertz = scipy.fft.rfftfreq(len(sound), 1 / RATE)
    assert np.sum(power[np.abs(hertz - 440) < 3]) > 0.9 * np.sum(power)


def test_grains_are_flagged_as_copies():
    """They have the events and the likeness, as every sample is the recording's."""
    wave = sounds.fire(jax.random.key(0), 3.0, HIGH_RATE)
    sound = synthesise("shuffled-grains", wave, rate=HIGH_RATE)[0]
    measures = metrics.measure_copying(sound, wave, sample_rate=HIGH_RATE)
    assert measures["copied"] > 0.9
    assert kurtosis(sound) == pytest.approx(kurtosis(wave), rel=0.3)


def test_grains_play_whole_and_in_another_order():
    """A recording that counts its samples tells where each one comes from."""
    wave = np.arange(RATE, dtype=np.float32)
    sound = synthesise("shuffled-grains", wave, seconds=3.0, grain_ms=50.0)[0]
    grain, fade = 400, 40  # 50 ms, and 5 ms of cross-fade
    bodies = sound.reshape(-1, grain)[:, fade:]
    np.testing.assert_array_equal(np.diff(bodies, axis=1), 1)
    starts = (bodies[:, 0] - fade).astype(int)
    steps = np.diff(starts)
    assert not np.any(steps == 0), "a grain follows itself"
    assert not np.any(steps == grain), "the recording goes on as it was"
    per_round = len(np.unique(starts))
    assert per_round == (RATE - fade) // grain
    # The first grain of the first round is only faded out of.
    second, third = starts[per_round - 1 : 3 * per_round - 1].reshape(2, per_round)
    assert len(np.unique(second)) == len(np.unique(third)) == per_round, "each plays once a round"
    assert np.any(second != third)


def test_cross_fades_keep_the_power():
    """Catches fades that add to 1 in amplitude, which halve the power of unrelated grains."""
    wave = make_noise(0, seconds=2.0)
    sound = synthesise("shuffled-grains", wave, seconds=60.0, rate=HIGH_RATE, grain_ms=20.0)[0]
    power = np.mean(sound.reshape(-1, 320) ** 2, axis=0)
    assert np.mean(power[:80]) == pytest.approx(np.mean(power[80:]), rel=0.05)
    assert np.mean(power[20:60]) == pytest.approx(np.mean(power[80:]), rel=0.05)


def test_short_recordings_have_short_grains():
    """Catches a recording of half a second that is repeated whole at a grain of 250 ms."""
    wave = np.arange(RATE // 2, dtype=np.float32)
    sound = synthesise("shuffled-grains", wave, grain_ms=250.0)[0]
    in_order = np.abs(np.diff(sound) - 1) < 1e-3
    assert np.sum(np.diff(in_order.astype(int)) == 1) >= 4


def test_order_of_four_grains_is_never_the_recordings():
    order = baselines._order(np.random.default_rng(0), 4, 4000)
    assert not np.isin(np.diff(order), (0, 1)).any()
    np.testing.assert_array_equal(np.bincount(order), 1000)


@pytest.mark.parametrize("method", ["phase-randomised", "shuffled-grains"])
def test_channels_stay_as_alike_as_they_are(method):
    stereo = make_stereo(seconds=4.0)
    assert correlation(synthesise(method, stereo)) == pytest.approx(correlation(stereo), abs=0.03)
