"""Tests of sounds.py: what a user would hear or measure, above all that the parameters can be found
again in the sound.

Tolerances of the recovered parameters are the spread that the docstrings state, or else three
standard deviations of a Poisson count.
"""

import inspect

import jax
import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_texture import sounds

NAMES = sorted(sounds.SOUNDS)
KEY = jax.random.key(7)


def _kurtosis(wave):
    """Fourth moment over squared variance; 3 for Gaussian noise."""
    wave = wave.astype(np.float64)
    return np.mean(wave**4) / np.mean(wave**2) ** 2


def _envelope(wave, sample_rate, *, cutoff=100.0):
    """RMS envelope [samples], smoothed below `cutoff` Hz."""
    filt = scipy.signal.butter(2, cutoff, fs=sample_rate, output="sos")
    return np.sqrt(np.maximum(scipy.signal.sosfiltfilt(filt, wave.astype(np.float64) ** 2), 0.0))


def _peak_frequency(signal, sample_rate, low, high):
    """Frequency in Hz of the largest bin of the power spectrum within [low, high] Hz."""
    windowed = (signal - signal.mean()) * np.hanning(len(signal))
    power = np.abs(np.fft.rfft(windowed, 4 * len(signal))) ** 2
    frequency = np.fft.rfftfreq(4 * len(signal), 1 / sample_rate)
    inside = (frequency >= low) & (frequency <= high)
    return frequency[inside][np.argmax(power[inside])]


def _period(signal, sample_rate, shortest, longest):
    """Lag in s of the largest autocorrelation within [shortest, longest] s."""
    signal = signal - signal.mean()
    correlation = scipy.signal.correlate(signal, signal, method="fft")[len(signal) - 1 :]
    correlation /= len(signal) - np.arange(len(signal))
    first, last = int(shortest * sample_rate), int(longest * sample_rate)
    return (first + np.argmax(correlation[first : last + 1])) / sample_rate


def _count_onsets(wave, sample_rate, *, threshold=0.05):
    """Peaks of the envelope, at least 8 ms apart and above `threshold` of the largest."""
    envelope = _envelope(wave, sample_rate, cutoff=150.0)
    height = threshold * envelope.max()
    return len(
        scipy.signal.find_peaks(
            envelope, height=height, prominence=height, distance=int(0.008 * sample_rate)
        )[0]
    )


# ---- The contract of every sound ----


@pytest.mark.parametrize("name", NAMES)
def test_the_key_decides_the_sound(name):
    """Catches hidden global random state, and a key that is ignored; a raw key is as good as a
    typed one.
    """
    first = sounds.make(name, jax.random.key(1), 0.5, 16000)
    np.testing.assert_array_equal(first, sounds.make(name, jax.random.key(1), 0.5, 16000))
    np.testing.assert_array_equal(first, sounds.make(name, jax.random.PRNGKey(1), 0.5, 16000))
    other = sounds.make(name, jax.random.key(2), 0.5, 16000)
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.5


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(NAMES),
    seconds=st.floats(0.05, 1.5),
    sample_rate=st.sampled_from([4000, 8000, 11025, 16000, 22050, 44100, 48000, 96000]),
    seed=st.integers(0, 2**31 - 1),
)
def test_length_level_and_finiteness(name, seconds, sample_rate, seed):
    """Catches clipping, silence, DC and lengths off by one at odd durations and rates."""
    wave = sounds.make(name, jax.random.key(seed), seconds, sample_rate)
    assert wave.shape == (round(seconds * sample_rate),) and wave.dtype == np.float32
    assert np.all(np.isfinite(wave))
    assert abs(wave.mean(dtype=np.float64)) < 1e-5
    peak, rms = np.abs(wave).max(), np.sqrt(np.mean(wave.astype(np.float64) ** 2))
    assert peak < 0.951
    # One of the two limits holds: the wanted level, or the largest peak.
    assert rms == pytest.approx(0.1, rel=1e-3) or (
        rms < 0.1 and peak == pytest.approx(0.95, rel=1e-3)
    )


@pytest.mark.parametrize("name", NAMES)
def test_five_seconds_are_not_faint(name):
    """The peak limit must not turn a heavy tail into a whisper: -34 dB is a quiet but normal
    recording.
    """
    assert sounds.make(name, KEY, 5.0, 16000).std() > 0.02


@pytest.mark.parametrize("sample_rate", [8000, 16000])
@pytest.mark.parametrize("name", NAMES)
def test_one_key_is_one_sound_at_every_rate(name, sample_rate):
    """The waveform below 0.42 of the lower rate is that of 44.1 kHz but for the gain: catches
    aliasing, synthesis whose
    parameters are in samples, and random draws that depend on the rate. The soft band edge begins
    at 0.45 of it."""
    spectra = []
    for rate in (sample_rate, 44100):
        wave = sounds.make(name, KEY, 2.0, rate).astype(np.float64)
        spectra.append(np.fft.rfft(wave * np.hanning(len(wave)))[: int(2 * 0.42 * sample_rate)])
    low, full = spectra
    gain = np.vdot(full, low) / np.vdot(full, full)
    assert np.linalg.norm(low - gain * full) < 0.01 * np.linalg.norm(low)


def test_long_term_spectra_agree_between_16_and_44_kilohertz():
    """Third octaves below 3 kHz agree in shape within 0.5 dB, and in level within 6 dB: a click is
    taller at 44.1 kHz, where
    the peak limit then leaves less room, but what lies above 8 kHz must not decide the loudness."""
    for name in NAMES:
        levels = []
        for rate in (16000, 44100):
            wave = sounds.make(name, KEY, 3.0, rate)
            power = np.abs(np.fft.rfft(wave * np.hanning(len(wave))) / rate) ** 2
            frequency = np.fft.rfftfreq(len(wave), 1 / rate)
            edges = 100 * 2 ** (np.arange(15) / 3)
            inside = [
                (frequency >= a) & (frequency < b)
                for a, b in zip(edges[:-1], edges[1:], strict=True)
            ]
            levels.append([10 * np.log10(power[i].sum()) for i in inside])
        difference = np.subtract(*levels)
        np.testing.assert_allclose(difference, difference.mean(), atol=0.5, err_msg=name)
        assert abs(difference.mean()) < 6.0, name


@pytest.mark.parametrize("name", ["applause", "fire", "rain", "wind"])
def test_nothing_above_hearing_at_high_rates(name):
    """At 192 kHz there is nothing above 20 kHz, rather than images of the 48 kHz synthesis."""
    wave = sounds.make(name, KEY, 0.5, 192000).astype(np.float64)
    power = np.abs(np.fft.rfft(wave * scipy.signal.get_window("blackmanharris", len(wave)))) ** 2
    assert power[len(power) * 21 // 96 :].sum() < 1e-8 * power.sum()


@pytest.mark.parametrize(
    "name", ["applause", "crickets", "engine", "rain", "stream", "waves", "wind"]
)
def test_starts_and_ends_in_full_swing(name):
    """Catches a missing lead-in or tail: over ten keys the first and last 0.1 s are as loud as the
    rest, within 3 dB.
    """
    waves = np.stack([sounds.make(name, key, 2.0, 8000) for key in jax.random.split(KEY, 10)])
    power = np.mean(waves.astype(np.float64) ** 2, axis=0)
    for part in (power[:800], power[-800:]):
        assert 0.5 < part.mean() / power.mean() < 2.0


@pytest.mark.parametrize("name", NAMES)
def test_all_parameters_are_named_and_have_defaults(name):
    """`make(name, key, seconds, sample_rate)` must do, and a sweep must be able to set any
    parameter by name.
    """
    parameters = list(inspect.signature(sounds.SOUNDS[name]).parameters.values())
    assert [p.name for p in parameters[:3]] == ["key", "seconds", "sample_rate"]
    assert len(parameters) > 3 and all(
        p.kind is p.KEYWORD_ONLY and p.default > 0 for p in parameters[3:]
    )
    changed = {parameters[3].name: parameters[3].default * 2}
    assert not np.array_equal(
        sounds.make(name, KEY, 0.5, 8000), sounds.make(name, KEY, 0.5, 8000, **changed)
    )


def test_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="sound must be one of .*clock.*rain.*; got 'thunder'"):
        sounds.make("thunder", KEY, 1.0, 16000)


@pytest.mark.parametrize(
    ("seconds", "sample_rate", "message"),
    [
        (0.0, 16000, "seconds must be above 0"),
        (-1.0, 16000, "seconds must be above 0"),
        (float("nan"), 16000, "seconds must be above 0"),
        (float("inf"), 16000, "seconds must be above 0 and finite"),
        (1.0, 3999, "sample_rate must be a whole number of Hz from 4000 to 384000, got 3999"),
        (1.0, 384001, "sample_rate must be"),
        (1.0, 16000.5, "sample_rate must be a whole number"),
        (1e-6, 16000, "makes no sample"),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_bad_length_or_rate(name, seconds, sample_rate, message):
    with pytest.raises(ValueError, match=message):
        sounds.make(name, KEY, seconds, sample_rate)


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("rain", {"drops_per_second": 0.0}, "drops_per_second must be above 0"),
        ("rain", {"drop_mm": 0.5}, "drop_mm=0.5 must be above 0.5"),
        ("rain", {"splash": 1.5}, r"splash=1.5 in \[0, 1\]"),
        ("fire", {"hiss": -1.0}, "hiss=-1.0"),
        ("wind", {"turbulence": 0.5}, "turbulence=0.5"),
        ("waves", {"depth": 2.0}, "depth=2.0"),
        ("crickets", {"insects": 0}, "insects must be above 0"),
        ("bubbles", {"rise": -0.1}, "rise=-0.1"),
        ("stream", {"rush": -1.0}, "rush=-1.0"),
        ("applause", {"clappers": -2}, "clappers must be above 0"),
        ("clock", {"jitter_s": 0.2}, "jitter_s=0.2"),
        ("engine", {"roughness": 0.6}, "roughness=0.6"),
    ],
)
def test_bad_parameters(name, parameters, message):
    with pytest.raises(ValueError, match=message):
        sounds.make(name, KEY, 1.0, 16000, **parameters)


# ---- The parameters of each sound, found again in it ----


@pytest.mark.parametrize("ticks_per_second", [1.0, 2.0, 3.7])
def test_clock_keeps_its_period(ticks_per_second):
    """From tick to tick, over the tock between them: to 1 ms, as the jitter is 0.5 ms and several
    are averaged.
    """
    wave = sounds.clock(KEY, 6.0, 16000, ticks_per_second=ticks_per_second)
    period = _period(_envelope(wave, 16000), 16000, 1.6 / ticks_per_second, 2.4 / ticks_per_second)
    assert period == pytest.approx(2 / ticks_per_second, abs=0.001)
    assert _count_onsets(_envelope(wave, 16000, cutoff=8.0), 16000, threshold=0.2) == pytest.approx(
        6 * ticks_per_second, abs=1.5
    )


@pytest.mark.parametrize(("carrier_hz", "chirps_per_second"), [(2900.0, 2.8), (2000.0, 4.0)])
def test_crickets_sing_at_their_carrier_and_chirp_rate(carrier_hz, chirps_per_second):
    """Each insect's carrier is within 2 %, and a pulse is 1 % wide; the chirp rate is common to
    all.
    """
    wave = sounds.crickets(
        KEY, 6.0, 8000, carrier_hz=carrier_hz, chirps_per_second=chirps_per_second, pulses=5
    )
    assert _peak_frequency(wave, 8000, 100, 4000) == pytest.approx(carrier_hz, rel=0.03)
    envelope = _envelope(wave, 8000, cutoff=20.0)
    assert _peak_frequency(envelope, 8000, 1.0, 1.6 * chirps_per_second) == pytest.approx(
        chirps_per_second, rel=0.02
    )


def test_one_cricket_pulses_within_its_chirps():
    wave = sounds.crickets(
        KEY, 4.0, 16000, insects=1, pulses=20, chirps_per_second=1.0, pulses_per_second=40.0
    )
    assert _peak_frequency(_envelope(wave, 16000), 16000, 20.0, 70.0) == pytest.approx(
        40.0, rel=0.03
    )


@pytest.mark.parametrize("radius_mm", [1.5, 3.0, 6.0])
def test_bubbles_ring_at_three_over_radius(radius_mm):
    """van den Doel 2005: f0 = 3 / r. Bubbles of one size that do not rise."""
    wave = sounds.bubbles(KEY, 3.0, 16000, radius_mm=radius_mm, spread=0.001, rise=1e-6)
    assert _peak_frequency(wave, 16000, 100, 8000) == pytest.approx(3000 / radius_mm, rel=0.03)


def test_bubbles_die_as_fast_as_van_den_doel_says():
    """Energy of one bubble grain falls as exp(-2 d t), d = 0.13 / r + 0.0072 r^-1.5 = 87.2 / s at 3
    mm.
    """
    (grain,) = sounds.grains.bubble_grains(np.random.default_rng(0), np.array([3.0]), rise=0.0)
    energy = np.cumsum(grain[::-1].astype(np.float64) ** 2)[::-1]
    step = 960  # 20 ms, twenty periods
    assert np.log(energy[0] / energy[step]) / (2 * step / sounds.RATE) == pytest.approx(
        87.15, rel=0.01
    )


def test_bubbles_run_together_as_they_become_many():
    few, many = (
        _kurtosis(sounds.bubbles(KEY, 10.0, 16000, bubbles_per_second=rate))
        for rate in (5.0, 300.0)
    )
    assert few > 2 * many


def test_stream_is_denser_than_bubbles():
    assert _kurtosis(sounds.stream(KEY, 5.0, 16000)) < _kurtosis(
        sounds.bubbles(KEY, 5.0, 16000, bubbles_per_second=10.0)
    )


def test_fire_crackles_and_wind_does_not():
    """ESC-10's fires have a kurtosis of up to thousands, most above 10; wind's is near that of
    noise.
    """
    assert _kurtosis(sounds.fire(KEY, 10.0, 16000)) > 4 * _kurtosis(sounds.wind(KEY, 5.0, 16000))


def test_fire_has_its_number_of_crackles():
    """100 expected: three standard deviations of a Poisson count are 30; some of them fall
    together.
    """
    wave = sounds.fire(
        KEY, 10.0, 44100, crackles_per_second=10.0, spread=0.2, hiss=0.0, lapping=0.0
    )
    assert 65 <= _count_onsets(wave, 44100) <= 130


def test_fire_has_a_heavier_tail_with_more_spread():
    low, high = (_kurtosis(sounds.fire(KEY, 5.0, 16000, spread=spread)) for spread in (0.3, 1.5))
    assert high > 1.5 * low


def test_rain_is_more_impulsive_with_larger_or_fewer_drops():
    def kurtosis(**parameters):
        return np.median(
            [_kurtosis(sounds.rain(k, 4.0, 16000, **parameters)) for k in jax.random.split(KEY, 3)]
        )

    # Small drops drown in the distant rain, whose level is fixed; from 2 mm on it is they that are
    # heard.
    assert kurtosis(drop_mm=0.8) < 3.5 and kurtosis(drop_mm=2.0) > 7.0
    assert kurtosis(distant=0.0, drops_per_second=30.0) > 2 * kurtosis(
        distant=0.0, drops_per_second=1000.0
    )


@pytest.mark.parametrize("period_s", [2.0, 3.0])
def test_waves_come_at_their_period(period_s):
    """Gaps of 2 % irregularity; the noise under a slow envelope adds a few per cent."""
    wave = sounds.waves(KEY, 24.0, 8000, period_s=period_s, irregularity=0.02, depth=0.9)
    envelope = _envelope(wave, 8000, cutoff=3.0)
    assert _period(envelope, 8000, 0.5 * period_s, 1.5 * period_s) == pytest.approx(
        period_s, rel=0.05
    )


def test_waves_of_no_depth_are_steady():
    def swing(depth):
        envelope = _envelope(sounds.waves(KEY, 10.0, 8000, depth=depth), 8000, cutoff=3.0)
        return envelope.std() / envelope.mean()

    assert 2 * swing(0.0) < swing(0.5) < swing(1.0)


def test_wind_whistles_at_strouhals_rate():
    """0.2 * 9 m/s / 3.5 mm = 514 Hz, broadened by the little turbulence left and by the eddies' own
    unsteadiness.
    """
    wave = sounds.wind(
        KEY, 5.0, 8000, turbulence=0.01, whistle=5.0
    )  # the thicker wire is at 303 Hz
    assert _peak_frequency(wave, 8000, 400, 4000) == pytest.approx(0.2 * 9.0 / 0.0035, rel=0.05)


def test_wind_is_gustier_with_more_turbulence():
    swings = []
    for turbulence in (0.05, 0.15, 0.3):
        envelope = _envelope(sounds.wind(KEY, 10.0, 8000, turbulence=turbulence), 8000, cutoff=3.0)
        swings.append(envelope.std() / envelope.mean())
    assert swings[0] < swings[1] < swings[2]


def test_applause_of_one_claps_at_its_rate():
    """40 claps expected in 10 s; a clapper's rate may be 24 % off (two std)."""
    assert (
        30
        <= _count_onsets(
            sounds.applause(KEY, 10.0, 16000, clappers=1, room_s=0.1), 16000, threshold=0.2
        )
        <= 53
    )


def test_applause_thickens_with_the_audience():
    """More claps a second, and so a sound nearer to noise."""
    waves = [
        sounds.applause(KEY, 5.0, 16000, clappers=clappers, room_s=0.1) for clappers in (1, 5, 100)
    ]
    onsets = [_count_onsets(wave, 16000) for wave in waves[:2]]
    assert onsets[1] > 2 * onsets[0]
    kurtosis = [_kurtosis(wave) for wave in waves]
    assert kurtosis[0] > kurtosis[1] > kurtosis[2]


@pytest.mark.parametrize(("rpm", "cylinders"), [(1500.0, 4), (2400.0, 2), (900.0, 8)])
def test_engine_fires_at_its_rate(rpm, cylinders):
    """Every cylinder once in two turns."""
    envelope = _envelope(
        sounds.engine(KEY, 3.0, 16000, rpm=rpm, cylinders=cylinders, roughness=0.02), 16000
    )
    rate = rpm * cylinders / 120
    assert _peak_frequency(envelope, 16000, 0.7 * rate, 1.4 * rate) == pytest.approx(rate, rel=0.01)
