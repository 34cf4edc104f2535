"""metrics: likeness of sounds whose quality is known; real ones need ESC-10."""

import jax
import numpy as np
import pytest
from metric_sounds import (
    RATE,
    RECORDINGS,
    make_impulses,
    make_noise,
    mean_log,
    ratios,
    read_recording,
    shuffle_grains,
)

from audio_texture import audio, metrics, sounds, spectrogram


def test_itself_is_a_copy_without_defects():
    """0.5 by construction: one of the two distances to the halves is 0.

    Catches an unfair cut, and a random projection drawn anew.
    """
    row = metrics.evaluate(make_noise(0), make_noise(0), sample_rate=RATE)
    assert list(row) == list(metrics.MEANINGS)
    assert all(type(value) is float for value in row.values())
    np.testing.assert_allclose(ratios(row), 0.5, atol=0.01)
    assert row["copied"] == 1
    for measure in ("looped", "spectrum_db", "level_db", "silence", "clicks", "clipping"):
        assert row[measure] == pytest.approx(0, abs=1e-6), measure


@pytest.mark.parametrize("make", [make_noise, make_impulses])
def test_the_same_process_again_is_near_and_no_copy(make):
    row = metrics.evaluate(make(1), make(0), sample_rate=RATE)
    assert np.all(ratios(row) < 2)
    assert row["copied"] == row["looped"] == 0


def test_phases_matter_for_impulses_after_the_spectrum():
    """White noise and phase-randomised noise are both far from clicks, white noise farther."""
    reference = make_impulses(0, 4.0)
    shaped, white = (
        metrics.evaluate(wave, reference, sample_rate=RATE)
        for wave in (metrics.shape_noise(reference, seed=1), make_noise(1, 4.0))
    )
    assert np.all(ratios(shaped) > 2)
    assert np.all(ratios(white) > 2)
    assert mean_log(white) > mean_log(shaped)
    assert shaped["spectrum_db"] < 0.5 < white["spectrum_db"]
    assert shaped["copied"] == white["copied"] == 0


def test_heldout_is_one_for_the_first_half_zero_for_the_second():
    first, second = make_noise(0, 1.5), make_noise(1, 1.5)
    for candidate, expected in ((first, 1), (second, 0)):
        row = metrics.evaluate_heldout(candidate, first, second, sample_rate=RATE)
        np.testing.assert_allclose(list(row.values()), expected, rtol=1e-4, atol=1e-4)


def test_gain_channels_and_offset_do_not_matter():
    candidate, reference = make_noise(1), make_noise(0)
    plain = metrics.evaluate(candidate, reference, sample_rate=RATE)
    changed = 0.1 + 0.3 * np.stack([candidate, candidate])
    other = metrics.evaluate(changed, np.stack([reference] * 2), sample_rate=RATE)
    np.testing.assert_allclose(ratios(other), ratios(plain), rtol=1e-2)


def test_inaudible_lows_do_not_matter():
    """Wind on the microphone, louder than all else, in the reference or in the candidate."""
    one, other = make_impulses(1, 4.0), make_impulses(2, 4.0)
    wind = 0.2 * np.sin(1 + 2 * np.pi * 5.37 * np.arange(len(one)) / RATE).astype(np.float32)
    expected = ratios(metrics.evaluate(one, other, sample_rate=RATE))
    for a, b in ((one + wind, other), (one, other + wind)):
        row = metrics.evaluate(a, b, sample_rate=RATE)
        np.testing.assert_allclose(ratios(row), expected, atol=0.02)


def test_the_judge_hears_a_sound_played_backwards():
    """Sharp attacks and slow decays; the ear's statistics hardly tell them from their reverse."""
    first, second = make_impulses(0), make_impulses(1)
    row = metrics.evaluate_heldout(first[::-1].copy(), first, second, sample_rate=RATE)
    assert row["subbands"] > 2 > 1.5 > row["auditory"]
    moved = metrics.evaluate_heldout(np.roll(first, 5000), first, second, sample_rate=RATE)
    assert moved["subbands"] == pytest.approx(1, abs=0.05)


def test_subband_statistics_describe_envelopes():
    """Dips and bursts are told apart, a rhythm has its period, and a delay its sign."""
    noise = metrics.normalise(make_noise(0), sample_rate=RATE, rate=RATE)
    times = np.arange(len(noise)) / RATE
    in_burst = times % 0.19 < 0.03

    def statistics(gains):
        return metrics.subband_statistics((noise * gains).astype(np.float32), sample_rate=RATE)

    bursts, dips = statistics(0.1 + 0.9 * in_burst), statistics(1 - 0.9 * in_burst)
    low, middle, high = (bursts["distribution"][row].mean() for row in (0, 9, -1))
    assert high - middle > middle - low
    low, middle, high = (dips["distribution"][row].mean() for row in (0, 9, -1))
    assert high - middle < middle - low
    at = dict(zip((12, 30, 75, 190, 480), bursts["repetition"].mean(axis=1), strict=True))
    assert at[190] > 0.6 and max(at[75], at[480]) < 0.1

    halves = [
        np.asarray(spectrogram.band(noise[None], sample_rate=RATE, low=low, high=high))[0]
        for low, high in ((0.0, 800.0), (800.0, 7000.0))
    ]
    later = np.roll(in_burst, RATE // 40)  # 25 ms
    lows_first, highs_first = (
        metrics.subband_statistics(halves[0] * a + halves[1] * b, sample_rate=RATE)["order"]
        for a, b in ((in_burst, later), (later, in_burst))
    )
    assert np.max(np.abs(lows_first - highs_first)) > 0.8


@pytest.mark.parametrize(
    "samples, others, sample_rate",
    [(4000, 8100, 4000), (30_000, 8001, 8000), (44_101, 48_000, 44_100)],
)
def test_any_length_and_rate_is_measured(samples, others, sample_rate):
    """Catches views longer than a short sound, bands above a low Nyquist, long candidates."""
    rng = np.random.default_rng(0)
    candidate = 0.1 * rng.standard_normal(samples)
    reference = 0.1 * rng.standard_normal((2, others))
    row = metrics.evaluate(candidate, reference, sample_rate=sample_rate)
    assert np.all(np.isfinite(list(row.values())))
    assert row["copied"] == 0


@pytest.mark.parametrize(
    "wave, message",
    [
        (np.zeros(RATE // 2), "lasts 0.5 s"),
        (np.zeros(2 * RATE), "is silent"),
        (np.full(2 * RATE, 0.3), "is silent"),
        (np.full(2 * RATE, np.nan), "NaN"),
        (np.zeros((1, 1, RATE)), "must be"),
    ],
)
def test_sounds_that_cannot_be_measured_are_named(wave, message):
    for pair, name in (
        ((wave, make_noise(0)), "the candidate"),
        ((make_noise(0), wave), "the reference"),
    ):
        with pytest.raises(ValueError, match=f"{name} .*{message}"):
            metrics.evaluate(*pair, sample_rate=RATE)


def test_procedural_rain_is_told_from_procedural_clock():
    one, other = (sounds.make("rain", jax.random.key(seed), 3.0, RATE) for seed in (0, 1))
    clock = sounds.make("clock", jax.random.key(2), 3.0, RATE)
    near, far = (metrics.evaluate(wave, one, sample_rate=RATE) for wave in (other, clock))
    assert np.all(ratios(far) > ratios(near))
    assert near["copied"] == far["copied"] == 0


@pytest.mark.parametrize("name", ("rain", "fire", "chainsaw", "clock"))
def test_a_recording_is_like_itself_and_unlike_noise(esc10, name):
    """Its grains are like it too, and noise with its spectrum is nearer than white noise."""
    wave = read_recording(esc10 / f"{RECORDINGS[name]}.ogg")[: 3 * RATE]
    itself, grains = (
        metrics.evaluate(candidate, wave, sample_rate=RATE)
        for candidate in (wave, shuffle_grains(wave))
    )
    shaped, white = (
        metrics.measure_likeness(candidate, wave, sample_rate=RATE)
        for candidate in (metrics.shape_noise(wave, seed=1), 0.5 * make_noise(2))
    )
    # Below 0.5 where the halves are so alike that FLOOR counts.
    np.testing.assert_allclose(ratios(itself), 0.5, atol=0.15)
    assert itself["copied"] > 0.95
    assert mean_log(grains) < 0.4
    assert grains["copied"] > 0.5
    assert mean_log(shaped) < mean_log(white)
    if name in ("fire", "clock"):
        assert mean_log(shaped) > np.log(1.5)


def test_recordings_of_a_class_are_nearer(esc10):
    """At least 80 % of 20 random triples, by the mean log ratio and by `auditory` alone."""
    rng = np.random.default_rng(0)
    classes = ("rain", "sea_waves", "fire_crackling", "helicopter", "chainsaw", "clock_tick")
    waves = {name: _sounding_waves(esc10 / name, rng) for name in classes}
    nearer = {"all": 0, "auditory": 0}
    for _ in range(20):
        one, two = rng.choice(classes, 2, replace=False)
        i, j = rng.choice(len(waves[one]), 2, replace=False)
        same, other = waves[one][j], waves[two][rng.integers(len(waves[two]))]
        near, far = (
            metrics.measure_likeness(wave, waves[one][i], sample_rate=RATE)
            for wave in (same, other)
        )
        nearer["all"] += mean_log(near) < mean_log(far)
        nearer["auditory"] += near["auditory"] < far["auditory"]
    assert min(nearer.values()) >= 0.8 * 20, nearer


def _sounding_waves(folder, rng, seconds=2):
    """Beginnings of up to six recordings without silence, preprocessed."""
    waves = []
    for path in rng.permutation(sorted(folder.glob("*.ogg")))[:6]:
        wave, rate = audio.read(str(path))
        blocks = wave[0, : wave.shape[1] // (rate // 10) * (rate // 10)].reshape(-1, rate // 10)
        silent = np.max(np.abs(blocks), axis=1) < 1e-3 * np.max(np.abs(wave))
        if np.mean(silent) < 0.02:
            prepared = metrics.preprocess(wave, sample_rate=rate, rate=RATE)
            waves.append(prepared[: seconds * RATE])
    return waves


def test_likeness_over_time_tells_the_ingredients():
    """A sound that turns from rain to a clock is near to each at its end, and in its band."""
    rain, clock, fire = (
        sounds.make(name, jax.random.key(0), 3.0, 8000)[None] for name in ("rain", "clock", "fire")
    )
    turning = np.concatenate([rain[:, :12000], clock[:, :12000]], axis=1)
    times, likeness = metrics.measure_likeness_over_time(turning, [rain, clock], sample_rate=8000)
    assert np.all(np.diff(times) > 0) and 0 < times[0] < times[-1] < 3
    assert likeness.shape == (len(times), 2)
    assert likeness[0, 0] < 2 < likeness[0, 1] and likeness[-1, 1] < 2 < likeness[-1, 0]
    edges = [(0.0, 1000.0), (1000.0, np.inf)]
    mixture = sum(
        np.asarray(spectrogram.band(wave, sample_rate=8000, low=low, high=high))
        for wave, (low, high) in zip((rain, fire), edges, strict=True)
    )
    _, likeness = metrics.measure_likeness_over_time(
        mixture, [rain, fire], sample_rate=8000, bands=edges
    )
    assert np.all(likeness < 2)
    with pytest.raises(ValueError, match="the candidate lasts 0.5 s"):
        metrics.measure_likeness_over_time(rain[:, :4000], [rain], sample_rate=8000)
