"""Linear prediction in time and in frequency, and the noise that is shaped by it."""

import itertools

import jax
import numpy as np
import pytest
import scipy.fft
import scipy.linalg
import scipy.signal
from classical_contract import (
    RATE,
    assert_keeps_the_contract,
    correlation,
    kurtosis,
    loud_share,
    make_stereo,
    synthesise,
)
from metric_sounds import RATE as HIGH_RATE
from metric_sounds import make_impulses

from audio_texture import metrics, sounds
from audio_texture.classical import ctflp
from audio_texture.classical.coherence import coherence_factors
from audio_texture.classical.linear_prediction import autocorrelation, fit_poles, pole_power


def test_autocorrelation_equals_its_definition():
    x = np.random.default_rng(0).standard_normal((2, 50))
    full = [np.correlate(row, row, "full")[49:56] for row in x]
    np.testing.assert_allclose(autocorrelation(x, 6), full, atol=1e-12)


def test_poles_solve_the_yule_walker_equations():
    """Against scipy, for several autocorrelations at once, one of them of silence."""
    x = np.random.default_rng(0).standard_normal((2, 3, 200))
    x[1, 2] = 0
    correlation = autocorrelation(x, 12)
    a, share = fit_poles(correlation)
    assert a.shape == (2, 3, 13) and share.shape == (2, 3)
    for i, j in np.ndindex(2, 3):
        r = correlation[i, j]
        expected = scipy.linalg.solve_toeplitz(r[:-1], -r[1:]) if r[0] else np.zeros(12)
        np.testing.assert_allclose(a[i, j], [1, *expected], atol=1e-7)
        if r[0]:
            np.testing.assert_allclose(share[i, j], a[i, j] @ r / r[0], rtol=1e-6)


def test_poles_of_a_known_process_are_found():
    """An autoregression is recovered, and its share of power is what its filter adds."""
    true = np.poly([0.9 * np.exp(0.7j), 0.9 * np.exp(-0.7j)])
    noise = np.random.default_rng(1).standard_normal(100_000)
    process = scipy.signal.lfilter([1.0], true, noise)
    a, share = fit_poles(autocorrelation(process, 2))
    np.testing.assert_allclose(a, true, atol=0.01)
    assert share == pytest.approx(np.var(noise) / np.var(process), rel=0.01)


def test_power_of_poles_equals_the_response_of_the_filter():
    a = np.poly([0.95 * np.exp(1j), 0.95 * np.exp(-1j), 0.5])
    _, response = scipy.signal.freqz([1.0], a, (np.arange(64) + 0.5) * np.pi / 64)
    np.testing.assert_allclose(pole_power(a, 64), np.abs(response) ** 2, rtol=1e-9)


def test_poles_of_cosines_stand_where_the_clicks_are():
    """Prediction along frequency models the envelope over time: two clicks, two peaks."""
    wave = np.zeros(400)
    wave[[100, 290]] = 1, -1
    b, _ = fit_poles(autocorrelation(scipy.fft.dct(wave), 8))
    peaks, _ = scipy.signal.find_peaks(pole_power(b, 400), height=1.0)
    np.testing.assert_allclose(peaks, [100, 290], atol=2)


def test_coherent_noise_has_the_coherence_of_the_channels():
    """With its phase: channels a quarter of a turn apart, and half of the power shared."""
    rng = np.random.default_rng(0)
    shared, own = rng.standard_normal((2, 4000, 5)) + 1j * rng.standard_normal((2, 4000, 5))
    factors = coherence_factors(np.stack([shared, 3 * (1j * shared + own)], axis=1))
    noise = rng.standard_normal((5, 2, 4000)) + 1j * rng.standard_normal((5, 2, 4000))
    left, right = np.moveaxis(factors @ noise, 1, 0)
    found = np.mean(right * np.conj(left), axis=1) / np.mean(np.abs(left) ** 2, axis=1)
    np.testing.assert_allclose(found, 3j, atol=0.3)
    powers = [np.mean(np.abs(channel) ** 2, axis=1) / 2 for channel in (left, right)]
    np.testing.assert_allclose(powers[1], 18 * powers[0], rtol=0.15)
    np.testing.assert_allclose(np.mean(powers, axis=0), 1, rtol=0.1)


def test_contract():
    assert_keeps_the_contract("ctflp")


def test_frames_play_in_runs_each_once_in_a_round():
    """Catches a result that replays the recording, and frames that never play."""
    order = np.array(list(itertools.islice(ctflp._order(np.random.default_rng(0), 50, 4, 8), 200)))
    for played in order.reshape(4, 50):
        np.testing.assert_array_equal(np.sort(played), np.arange(50))
    jumps = np.diff(order) % 50 != 1
    assert 200 / 8 - 6 <= np.sum(jumps) <= 200 / 4 + 4
    assert np.any(order[:50] != order[50:100])


def test_envelopes_stay_where_noise_of_the_same_spectrum_loses_them():
    """What the method is for: crackles remain events, in another order and with other samples."""
    wave = make_impulses(0)
    sound = synthesise("ctflp", wave, rate=HIGH_RATE)[0]
    noise = synthesise("phase-randomised", wave, rate=HIGH_RATE)[0]
    assert kurtosis(wave) / 2 < kurtosis(sound) < 2 * kurtosis(wave)
    assert kurtosis(noise) < 4 < kurtosis(wave) / 4
    assert loud_share(sound, HIGH_RATE) > 0.8 * loud_share(wave, HIGH_RATE)
    assert loud_share(noise, HIGH_RATE) < 0.4 * loud_share(wave, HIGH_RATE)
    assert metrics.measure_copying(sound, wave, sample_rate=HIGH_RATE)["copied"] == 0
    assert metrics.measure_following(sound, wave, sample_rate=HIGH_RATE)["followed"] < 0.3


def test_more_poles_of_the_envelope_follow_events_more_closely():
    wave = make_impulses(0)
    shares = [
        loud_share(synthesise("ctflp", wave, rate=HIGH_RATE, ctflp_envelope_order=n)[0], HIGH_RATE)
        for n in (1, 20)
    ]
    assert shares[1] > shares[0] + 0.1


def test_the_spectral_envelope_stays():
    wave = sounds.rain(jax.random.key(0), 3.0, 16000)
    sound = synthesise("ctflp", wave, rate=16000)[0]
    centers, levels = metrics.band_levels(wave, sample_rate=16000)
    _, found = metrics.band_levels(sound, sample_rate=16000)
    heard = (centers > 200) & (levels > -40)
    np.testing.assert_allclose(found[heard], levels[heard], atol=1.5)


def test_the_pitch_of_a_tone_is_lost_and_its_colour_stays():
    """The known weakness: harmonics 250 Hz apart are too many for 40 poles, and periods of 4 ms
    too many for 10 poles in 50 ms.
    """
    time = np.arange(3 * 16000) / 16000
    wave = sum(np.cos(2 * np.pi * 250 * n * time) / n for n in range(1, 32))
    sound = synthesise("ctflp", wave, rate=16000)[0]

    def pitch_strength(x):
        return np.corrcoef(x[:-64], x[64:])[0, 1]  # one period of 250 Hz

    def broad_levels(x):
        power = np.abs(scipy.fft.rfft(x)[: 24000 // 4 * 4]) ** 2
        levels = 10 * np.log10(np.sum(power.reshape(4, -1), axis=1))
        return levels - levels[0]

    assert pitch_strength(wave) > 0.99
    assert pitch_strength(sound) < 0.7
    np.testing.assert_allclose(broad_levels(sound), broad_levels(wave), atol=2.5)


def test_channels_stay_as_alike_as_they_are():
    """Catches noises of the channels that are independent, or the same."""
    stereo = make_stereo(seconds=4.0)
    sound = synthesise("ctflp", stereo, rate=RATE)
    assert correlation(sound) == pytest.approx(correlation(stereo), abs=0.1)
