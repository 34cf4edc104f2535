"""Bands of noise under envelopes drawn anew."""

import jax
import numpy as np
import pytest
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
from metric_sounds import make_impulses, make_noise

from audio_texture import metrics, sounds
from audio_texture.classical import texenv


def envelope_of(wave, rate, smooth=0.005):
    """The RMS over 5 ms, every 5 ms."""
    length = round(smooth * rate)
    return np.sqrt(np.mean(wave[: len(wave) // length * length].reshape(-1, length) ** 2, axis=1))


def test_contract():
    assert_keeps_the_contract("texenv")


@pytest.mark.parametrize("count", [1, 2, 16])
def test_bands_keep_the_energy(count):
    """Squared gains of all bands sum to 1 at every frequency, from 0 Hz to Nyquist."""
    total = np.zeros(2001)
    for start, gains in texenv._bands(4000, 16000, count):
        total[start : start + len(gains)] += gains**2
    np.testing.assert_allclose(total, 1, atol=1e-5)


def test_drawn_envelopes_keep_values_spectra_and_correlations():
    """Of sparse envelopes, two of which rise together, one 3 samples after the other."""
    rng = np.random.default_rng(0)
    noise = scipy.signal.lfilter([1.0], [1.0, -0.8], rng.standard_normal((2, 2000)))
    first, other = np.exp(noise)
    envelopes = np.stack([first, np.roll(first, 3), other])
    drawn = texenv.draw_envelopes(np.random.default_rng(1), envelopes, 2000)
    np.testing.assert_allclose(np.sort(drawn), np.sort(envelopes), rtol=1e-5)
    assert correlation(np.stack([drawn[0, :-3], drawn[1, 3:]])) > 0.9
    assert abs(correlation(drawn[[0, 2]]) - correlation(envelopes[[0, 2]])) < 0.1
    for lag in (1, 5):
        after, expected = (
            [correlation(np.stack([row[:-lag], row[lag:]])) for row in rows]
            for rows in (drawn, envelopes)
        )
        np.testing.assert_allclose(after, expected, atol=0.1)
    assert abs(correlation(np.stack([drawn[0], envelopes[0]]))) < 0.2, "they are drawn anew"


def test_modulation_keeps_its_rate_and_depth():
    """Noise that swells six times a second goes on to do so; noise of its spectrum does not."""
    swell = 1 + np.sin(2 * np.pi * 6 * np.arange(4 * RATE) / RATE)
    wave = np.random.default_rng(0).standard_normal(4 * RATE) * swell

    def depth(sound):
        power = sound**2 - np.mean(sound**2)
        turn = np.exp(-2j * np.pi * 6 * np.arange(len(sound)) / RATE)
        return 2 * np.abs(np.mean(power * turn)) / np.mean(sound**2)

    assert depth(synthesise("texenv", wave)[0]) == pytest.approx(depth(wave), rel=0.25)
    assert depth(synthesise("phase-randomised", wave)[0]) < 0.3 * depth(wave)


def test_rain_keeps_its_bands_and_copies_nothing():
    wave = sounds.rain(jax.random.key(0), 3.0, HIGH_RATE)
    sound = synthesise("texenv", wave, rate=HIGH_RATE)[0]
    centers, levels = metrics.band_levels(wave, sample_rate=HIGH_RATE)
    _, found = metrics.band_levels(sound, sample_rate=HIGH_RATE)
    heard = (centers > 200) & (levels > -40)
    np.testing.assert_allclose(found[heard], levels[heard], atol=1.5)
    assert metrics.measure_copying(sound, wave, sample_rate=HIGH_RATE)["copied"] == 0
    assert metrics.measure_following(sound, wave, sample_rate=HIGH_RATE)["followed"] == 0


def test_steady_noise_stays_as_steady():
    """Catches envelopes imposed on noise that has its own already: it would be rougher."""
    wave = make_noise(0)
    sound = synthesise("texenv", wave, rate=HIGH_RATE)[0]
    assert kurtosis(sound) == pytest.approx(3, abs=0.3)
    share = loud_share(wave, HIGH_RATE)
    assert loud_share(sound, HIGH_RATE) == pytest.approx(share, rel=0.1)


def test_crackles_stay_sparse():
    """Rare peaks, at the same time in all bands, where noise of the same spectrum has none."""
    wave = make_impulses(0)
    sound = synthesise("texenv", wave, rate=HIGH_RATE)[0]
    assert kurtosis(wave) / 3 < kurtosis(sound) < 2 * kurtosis(wave)
    assert loud_share(sound, HIGH_RATE) > 0.7 * loud_share(wave, HIGH_RATE)


def test_attacks_are_no_sharper_than_decays():
    """The known weakness: random phases know no direction of time."""

    def asymmetry(sound):
        slope = np.diff(np.log(envelope_of(sound, HIGH_RATE) + 1e-3))
        return np.mean(slope**3) / np.mean(slope**2) ** 1.5

    wave = make_impulses(0)
    assert asymmetry(wave) > 1
    assert abs(asymmetry(synthesise("texenv", wave, rate=HIGH_RATE)[0])) < 0.3


def test_faster_envelopes_hold_shorter_events():
    wave = make_impulses(0)
    slow, fast = (
        loud_share(synthesise("texenv", wave, rate=HIGH_RATE, texenv_rate_hz=hertz)[0], HIGH_RATE)
        for hertz in (10.0, 172.0)
    )
    assert fast > slow + 0.1


def test_a_faint_band_beside_a_loud_one_stays():
    """Catches gains that silence a band because its loud neighbour reaches into it."""
    noise = make_noise(0)
    loud = scipy.signal.sosfilt(
        scipy.signal.butter(4, [900, 1100], "band", fs=HIGH_RATE, output="sos"), noise
    )
    wave = loud + 0.001 * noise
    sound = synthesise("texenv", wave, rate=HIGH_RATE)[0]
    _, levels = metrics.band_levels(wave, sample_rate=HIGH_RATE)
    _, found = metrics.band_levels(sound, sample_rate=HIGH_RATE)
    assert np.all(found > levels - 4)


def test_channels_stay_as_alike_as_they_are():
    stereo = make_stereo(seconds=4.0)
    sound = synthesise("texenv", stereo)
    assert correlation(sound) == pytest.approx(correlation(stereo), abs=0.1)
