"""quality.py judged on sounds whose quality is known: copies, shuffled grains, noise, loops, other recordings.

The procedural ones always run; the real ones need ESC-10. Calibration figures stand in the docstrings of quality.py.
"""

import jax
import numpy as np
import pytest

from audio_texture import audio, metrics, sounds, spectrogram

RATE = 16_000
RECORDINGS = {
    "rain": "rain/3-157149-A",
    "sea waves": "sea_waves/4-182613-A",
    "fire": "fire_crackling/5-213802-A",
    "helicopter": "helicopter/1-172649-A",
    "chainsaw": "chainsaw/1-116765-A",
    "clock": "clock_tick/1-62850-A",
}


def recording(esc10, path):
    wave, rate = audio.read(str(esc10 / f"{path}.ogg"))
    return metrics.preprocess(wave, sample_rate=rate, rate=RATE)


def noise(seed, seconds=4.0):
    return (0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(
        np.float32
    )


def impulses(seed, seconds=4.0, rate=12):
    """Decaying clicks at random moments on faint noise: what phases carry and a spectrum does not."""
    rng = np.random.default_rng(seed)
    train = np.zeros(round(seconds * RATE))
    train[rng.integers(0, len(train), round(rate * seconds))] = rng.lognormal(
        0, 0.5, round(rate * seconds)
    )
    envelope = np.convolve(train, np.exp(-np.arange(800) / 120))[: len(train)]
    # not white, so that a spectrum alone tells something
    wave = np.convolve(
        (envelope + 0.003) * rng.standard_normal(len(train)), np.hanning(16)[1:-1], "same"
    )
    return (0.2 * wave / np.max(np.abs(wave))).astype(np.float32)


def grains(wave, seed=0, length=RATE // 4, fade=80):
    """Quarter seconds in another order, cross-faded over 5 ms."""
    shape = np.ones(length + fade, np.float32)
    shape[:fade] = np.linspace(0, 1, fade)
    shape[-fade:] = shape[:fade][::-1]
    count = len(wave) // length
    padded, result = np.pad(wave, (0, fade)), np.zeros(count * length + fade, np.float32)
    for to, source in enumerate(np.random.default_rng(seed).permutation(count)):
        result[to * length : (to + 1) * length + fade] += (
            shape * padded[source * length : (source + 1) * length + fade]
        )
    return result[: count * length]


def ratios(row):
    return np.array([row[measure] for measure in metrics.MEASURES])


def test_a_sound_against_itself_is_a_copy_without_defects():
    """0.5 by construction: of the two distances to the halves one is 0. Catches an unfair cut or a random projection redrawn."""
    row = metrics.evaluate(noise(0), noise(0), sample_rate=RATE)
    assert list(row) == list(metrics.MEANINGS)
    assert all(type(value) is float for value in row.values())
    np.testing.assert_allclose(ratios(row), 0.5, atol=0.01)
    assert row["copied"] == 1
    for measure in ("looped", "spectrum_db", "level_db", "silence", "clicks", "clipping"):
        assert row[measure] == pytest.approx(0, abs=1e-6), measure


@pytest.mark.parametrize("make", [noise, impulses])
def test_another_sound_of_the_same_process_is_as_near_as_a_half_and_no_copy(make):
    row = metrics.evaluate(make(1), make(0), sample_rate=RATE)
    assert np.all(ratios(row) < 2)
    assert row["copied"] == row["looped"] == 0


def test_phases_matter_for_impulses_and_the_spectrum_before_them():
    """White noise and phase-randomised noise are both far from clicks, the one without the spectrum farther."""
    reference = impulses(0)
    shaped = metrics.evaluate(metrics.shape_noise(reference, seed=1), reference, sample_rate=RATE)
    white = metrics.evaluate(noise(1), reference, sample_rate=RATE)
    assert np.all(ratios(shaped) > 2)
    assert np.all(ratios(white) > 2)
    assert np.mean(np.log(ratios(white))) > np.mean(np.log(ratios(shaped)))
    assert shaped["spectrum_db"] < 0.5 < white["spectrum_db"]
    assert shaped["copied"] == white["copied"] == 0


@pytest.mark.parametrize("make", [noise, impulses])
@pytest.mark.parametrize("change", ["moved and softer", "shuffled", "inverted", "another rate"])
def test_copies_in_disguise_are_flagged(make, change):
    reference = make(0)
    candidate, rate = {
        "moved and softer": (0.2 * np.roll(reference, -10_007), RATE),
        "shuffled": (grains(reference), RATE),
        "inverted": (-reference[RATE:], RATE),
        "another rate": (audio.resample(reference, RATE, 22_050), 22_050),
    }[change]
    row = metrics.evaluate(candidate, reference, sample_rate=RATE, candidate_rate=rate)
    assert row["copied"] > (
        0.6 if change == "shuffled" and make is impulses else 0.9
    )  # of windows with an event and a cut
    assert row["looped"] < 0.05
    assert np.all(ratios(row) < 2)


def test_a_loop_repeats_itself():
    row = metrics.evaluate(np.tile(noise(1, 1.0), 4), noise(0), sample_rate=RATE)
    assert row["looped"] > 0.95
    assert row["copied"] == 0


def test_what_repeats_itself_cannot_be_copied():
    """A steady tone and an engine's exact cycle are like themselves everywhere: likeness is no sign of copying."""
    time = np.arange(3 * RATE) / RATE
    tone = (0.1 * np.sin(2 * np.pi * 220 * time)).astype(np.float32)
    assert metrics.evaluate(np.roll(tone, 31), tone, sample_rate=RATE)["copied"] == 0
    cycles = np.tile(noise(0, 0.125), 24)
    assert metrics.evaluate(np.roll(cycles, 999), cycles, sample_rate=RATE)["copied"] == 0


def test_matches_see_new_phases():
    """Griffin-Lim phases on the reference's own magnitudes: the samples are new, the spectrogram is not."""
    reference = noise(0, 3.0)
    window = np.hanning(1025)[:-1]
    padded = np.pad(reference, 1024)
    frames = lambda x: np.fft.rfft(
        np.lib.stride_tricks.sliding_window_view(x, 1024)[::256] * window
    )
    magnitude, wave = np.abs(frames(padded)), np.random.default_rng(1).standard_normal(len(padded))
    for _ in range(20):
        spectrum = magnitude * np.exp(1j * np.angle(frames(wave)))
        wave, weight = np.zeros(len(padded)), np.full(len(padded), 1e-3)
        for i, frame in enumerate(np.fft.irfft(spectrum) * window):
            wave[i * 256 : i * 256 + 1024] += frame
            weight[i * 256 : i * 256 + 1024] += window**2
        wave /= weight
    candidate = wave[1024:-1024].astype(np.float32)
    flat = [quality.flatten(x, reference, sample_rate=RATE) for x in (candidate, reference)]
    assert np.max(quality.wave_matches(*flat, sample_rate=RATE)) < 0.5
    assert metrics.evaluate(candidate, reference, sample_rate=RATE)["copied"] > 0.9


def test_wave_matches_equal_a_direct_search():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 1500)).astype(np.float32)
    rate, length = 2000, 500
    found = quality.wave_matches(a, b, sample_rate=rate)
    expected = [
        max(
            abs(x @ b[lag : lag + length])
            / np.linalg.norm(x)
            / np.linalg.norm(b[lag : lag + length])
            for lag in range(1001)
        )
        for x in (a[start : start + length] for start in range(0, 1001, 250))
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    own = quality.wave_matches(b, b, sample_rate=rate, away=0.25)
    assert np.all(own < 0.5)  # the window itself, at lag 0, is out of reach


def test_held_out_is_one_for_the_first_half_and_zero_for_the_second():
    first, second = noise(0, 2.0), noise(1, 2.0)
    np.testing.assert_allclose(
        list(metrics.evaluate_heldout(first, first, second, sample_rate=RATE).values()),
        1,
        rtol=1e-4,
    )
    np.testing.assert_allclose(
        list(metrics.evaluate_heldout(second, first, second, sample_rate=RATE).values()),
        0,
        atol=1e-4,
    )


def test_defects_are_counted():
    """Clicks, silence, clipping and level one by one, each at its known size and without moving the others much."""
    reference = noise(0)
    clicked = reference.copy()
    clicked[RATE // 2 :: RATE] += 1.5
    assert metrics.evaluate(clicked, reference, sample_rate=RATE)["clicks"] == pytest.approx(1.0)
    holes = reference.copy()
    holes[RATE : 2 * RATE] = 0
    assert metrics.evaluate(holes, reference, sample_rate=RATE)["silence"] == pytest.approx(
        0.25, abs=1e-6
    )
    clipped = np.clip(20 * reference, -1, 1)
    row = metrics.evaluate(clipped, reference, sample_rate=RATE)
    full = np.abs(clipped) >= 1
    assert row["clipping"] == pytest.approx(
        np.mean(full & (np.roll(full, 1) | np.roll(full, -1))), abs=1e-3
    )
    assert metrics.evaluate(0.5 * reference, reference, sample_rate=RATE)[
        "level_db"
    ] == pytest.approx(-6.02, abs=0.01)


def test_crackles_of_the_reference_are_no_clicks():
    assert metrics.evaluate(impulses(1), impulses(0), sample_rate=RATE)["clicks"] == 0


def test_band_levels_place_a_tone_in_its_third_octave():
    time = np.arange(RATE) / RATE
    centers, levels = metrics.band_levels(
        np.sin(2 * np.pi * 500 * time).astype(np.float32), sample_rate=RATE
    )
    assert centers[np.argmax(levels)] == pytest.approx(500, rel=0.12)
    assert np.max(levels) == pytest.approx(0, abs=0.05)
    assert np.sum(levels > -40) == 1


def test_onsets_are_found_where_they_are():
    wave = np.full(2 * RATE, 1e-4, np.float32) * np.random.default_rng(0).standard_normal(
        2 * RATE
    ).astype(np.float32)
    where = np.array([0.3, 0.7, 1.2, 1.6])
    for t in where:
        wave[round(t * RATE) : round(t * RATE) + 400] += 0.1 * np.random.default_rng(
            1
        ).standard_normal(400)
    times, heights = metrics.detect_onsets(wave, sample_rate=RATE)
    loud = times[heights > 5]
    np.testing.assert_allclose(loud, where, atol=0.03)  # a frame is 32 ms


def test_gain_channels_and_constant_offset_do_not_matter():
    candidate, reference = noise(1, 2.0), noise(0, 2.0)
    plain = metrics.evaluate(candidate, reference, sample_rate=RATE)
    other = metrics.evaluate(
        0.1 + 0.3 * np.stack([candidate, candidate]), np.stack([reference] * 2), sample_rate=RATE
    )
    np.testing.assert_allclose(ratios(other), ratios(plain), rtol=1e-2)


def test_what_nobody_hears_does_not_matter():
    """Wind on the microphone, louder than all else and cut off anywhere, once in the reference and once in the candidate: neither level nor likeness know of it."""
    one, other = (impulses(seed) for seed in (1, 2))
    wind = np.float32(0.2) * np.sin(1 + 2 * np.pi * 5.37 * np.arange(len(one)) / RATE).astype(
        np.float32
    )
    expected = ratios(metrics.evaluate(one, other, sample_rate=RATE))
    for a, b in ((one + wind, other), (one, other + wind)):
        np.testing.assert_allclose(
            ratios(metrics.evaluate(a, b, sample_rate=RATE)), expected, atol=0.02
        )


def test_sounds_of_any_length_and_rate_are_judged():
    """Catches views longer than a short sound, bands above a low Nyquist, and a candidate longer than its reference."""
    rng = np.random.default_rng(0)
    for samples, others, rate in (
        (4000, 8100, 4000),
        (30_000, 8001, 8000),
        (44_101, 48_000, 44_100),
    ):
        row = metrics.evaluate(
            0.1 * rng.standard_normal(samples),
            0.1 * rng.standard_normal((2, others)),
            sample_rate=rate,
        )
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
def test_what_cannot_be_judged_is_named(wave, message):
    for pair, name in (
        ((wave, noise(0, 2.0)), "the candidate"),
        ((noise(0, 2.0), wave), "the reference"),
    ):
        with pytest.raises(ValueError, match=f"{name} .*{message}"):
            metrics.evaluate(*pair, sample_rate=RATE)


def test_procedural_rain_is_told_from_procedural_clock():
    one, other = (sounds.make("rain", jax.random.key(seed), 3.0, RATE) for seed in (0, 1))
    clock = sounds.make("clock", jax.random.key(2), 3.0, RATE)
    near, far = (metrics.evaluate(x, one, sample_rate=RATE) for x in (other, clock))
    assert np.all(ratios(far) > ratios(near))
    assert near["copied"] == far["copied"] == 0


@pytest.mark.parametrize("name", RECORDINGS)
def test_halves_of_a_recording_are_no_copies_of_each_other(esc10, name):
    wave = recording(esc10, RECORDINGS[name])
    middle = len(wave) // 2
    for candidate, reference in ((wave[middle:], wave[:middle]), (wave[:middle], wave[middle:])):
        found = metrics.measure_copying(candidate, reference, sample_rate=RATE)
        assert found["copied"] < 0.05
        assert found["looped"] < 0.05


@pytest.mark.parametrize("name", ("rain", "fire", "chainsaw", "clock"))
def test_a_recording_is_like_itself_and_its_grains_and_unlike_noise(esc10, name):
    wave = recording(esc10, RECORDINGS[name])
    itself, shuffled = (metrics.evaluate(x, wave, sample_rate=RATE) for x in (wave, grains(wave)))
    shaped, white = (
        metrics.measure_likeness(x, wave, sample_rate=RATE)
        for x in (metrics.shape_noise(wave, seed=1), 0.5 * noise(2, 5.0))
    )
    np.testing.assert_allclose(
        ratios(itself), 0.5, atol=0.15
    )  # below it where the halves are so alike that FLOOR counts
    assert itself["copied"] > 0.95
    assert np.mean(np.log(ratios(shuffled))) < 0.4
    assert shuffled["copied"] > 0.5
    assert np.mean(np.log(ratios(shaped))) < np.mean(np.log(ratios(white)))
    if name in ("fire", "clock"):
        assert np.mean(np.log(ratios(shaped))) > np.log(1.5)


@pytest.mark.slow
def test_recordings_of_a_class_are_nearer_than_those_of_another(esc10):
    """At least 80 % of 30 random triples, by the mean logarithm of the ratios and of `auditory` alone."""
    rng = np.random.default_rng(0)
    classes = ("rain", "sea_waves", "fire_crackling", "helicopter", "chainsaw", "clock_tick")
    files = {}
    for name in classes:
        paths = sorted((esc10 / name).glob("*.ogg"))
        files[name] = [
            recording(esc10, f"{name}/{p.stem}")
            for p in rng.permutation(paths)[:6]
            if _sounds_throughout(p)
        ]
    nearer = {"all": 0, "auditory": 0}
    for _ in range(30):
        one, two = rng.choice(classes, 2, replace=False)
        i, j = rng.choice(len(files[one]), 2, replace=False)
        same, other = files[one][j], files[two][rng.integers(len(files[two]))]
        near, far = (
            metrics.measure_likeness(x[: 3 * RATE], files[one][i][: 3 * RATE], sample_rate=RATE)
            for x in (same, other)
        )
        nearer["all"] += np.mean(np.log(ratios(near))) < np.mean(np.log(ratios(far)))
        nearer["auditory"] += near["auditory"] < far["auditory"]
    assert min(nearer.values()) >= 0.8 * 30, nearer


def _sounds_throughout(path):
    wave, rate = audio.read(str(path))
    blocks = wave[0, : wave.shape[1] // (rate // 10) * (rate // 10)].reshape(-1, rate // 10)
    return np.mean(np.max(np.abs(blocks), axis=1) < 1e-3 * np.max(np.abs(wave))) < 0.02


def test_over_time_tells_what_a_sound_is_made_of_and_when():
    """A sound that turns from rain to a clock: nearer to the one at its beginning, to the other at its end; in bands, to each in its own."""
    rain, clock = (
        sounds.make(name, jax.random.key(0), 4.0, 8000)[None] for name in ("rain", "clock")
    )
    turning = np.concatenate([rain[:, :12000], clock[:, :12000]], axis=1)
    times, ratios = metrics.measure_likeness_over_time(turning, [rain, clock], sample_rate=8000)
    assert (
        np.all(np.diff(times) > 0)
        and 0 < times[0] < times[-1] < 3
        and ratios.shape == (len(times), 2)
    )
    assert ratios[0, 0] < 2 < ratios[0, 1] and ratios[-1, 1] < 2 < ratios[-1, 0]
    edges = [(0.0, 1000.0), (1000.0, np.inf)]
    fire = sounds.make("fire", jax.random.key(0), 4.0, 8000)[None]
    both = sum(
        np.asarray(spectrogram.band(wave, sample_rate=8000, low=low, high=high))
        for wave, (low, high) in zip((rain, fire), edges)
    )
    assert np.all(
        metrics.measure_likeness_over_time(both, [rain, fire], sample_rate=8000, bands=edges)[1] < 2
    )
    with pytest.raises(ValueError, match="the candidate lasts 0.5 s"):
        metrics.measure_likeness_over_time(rain[:, :4000], [rain], sample_rate=8000)


# --- what is kept of a content


def call(seed=0, semitones=0.0, seconds=3.0):
    """Four gliding calls with harmonics, at moments and in glides of the seed's, over faint noise."""
    rng = np.random.default_rng(seed)
    wave = 0.002 * np.random.default_rng(99).standard_normal(round(seconds * RATE))
    for start in seconds / 7 * (rng.permutation(7)[:4] + rng.uniform(0, 0.5, 4)):
        time = np.arange(round(0.2 * RATE)) / RATE
        pitch = 2 ** (semitones / 12) * rng.uniform(250, 500) * 2 ** (rng.uniform(-1, 1) * time)
        phase = 2 * np.pi * np.cumsum(pitch) / RATE
        tone = (
            sum(np.sin(n * phase) / n for n in range(1, 6))
            * np.exp(-4 * time)
            * np.minimum(1, time / 0.005)
        )
        first = round(start * RATE)
        wave[first : first + len(tone)] += 0.1 * tone
    return wave.astype(np.float32)


def test_a_content_is_all_of_itself():
    kept = metrics.content_preservation(0.2 * call(), call(), sample_rate=RATE)
    assert list(kept) == list(metrics.CONTENT_MEANINGS)
    assert list(kept.values()) == pytest.approx([1, 1, 1, 1], abs=1e-3)


def test_nothing_of_it_is_in_another_sound():
    """Mean over several: one pair may agree by chance."""
    found = [
        metrics.content_preservation(call(seed), call(0), sample_rate=RATE) for seed in range(1, 7)
    ]
    for measure in metrics.CONTENT_MEANINGS:
        assert abs(np.mean([row[measure] for row in found])) < 0.3, measure


def test_shifted_pitch_keeps_onsets_and_contour_but_no_chroma():
    """Two and a half semitones up: the contour's form is the same, the pitch classes are others."""
    kept = metrics.content_preservation(call(semitones=2.5), call(), sample_rate=RATE)
    assert min(kept["onsets_kept"], kept["loudness_kept"], kept["pitch_kept"]) > 0.85
    assert kept["chroma_kept"] < 0.3


def test_noise_in_its_gains_keeps_onsets_but_no_pitch():
    """A vocoder's noise band: what a transfer to rain can keep."""
    envelope = np.sqrt(np.convolve(call() ** 2, np.hanning(160) / 80, "same"))
    kept = metrics.content_preservation(envelope * noise(5, 3.0), call(), sample_rate=RATE)
    assert min(kept["onsets_kept"], kept["loudness_kept"]) > 0.7
    assert abs(kept["pitch_kept"]) < 0.3 and kept["chroma_kept"] < 0.3


def test_what_a_content_has_not_is_not_judged():
    """Noise has no pitch that could be kept; lengths and rates may differ."""
    kept = metrics.content_preservation(
        call(), noise(1, 2.0)[::2], sample_rate=RATE // 2, candidate_rate=RATE
    )
    assert kept["pitch_kept"] is None and abs(kept["onsets_kept"]) < 0.4


@pytest.mark.parametrize("hertz", [90.0, 220.0, 700.0, 1500.0])
def test_pitch_is_that_of_a_tone(hertz):
    """Within three cents, with harmonics: neither an octave above nor below."""
    tone = sum(np.sin(2 * np.pi * n * hertz * np.arange(RATE) / RATE) / n for n in range(1, 4))
    pitch, voiced = metrics.track_pitch(tone, sample_rate=RATE)
    assert np.max(np.abs(pitch - np.log2(hertz))) < 0.003 and np.min(voiced) > 0.9


def test_a_transfer_is_judged_against_both():
    """As textures against the style, by contours against the content."""
    found = metrics.evaluate_transfer(impulses(1), call(seconds=4.0), impulses(0), sample_rate=RATE)
    assert ratios(found) == pytest.approx(
        ratios(metrics.evaluate(impulses(1), impulses(0), sample_rate=RATE))
    )
    assert (
        found["onsets_kept"]
        == metrics.content_preservation(impulses(1), call(seconds=4.0), sample_rate=RATE)[
            "onsets_kept"
        ]
    )
