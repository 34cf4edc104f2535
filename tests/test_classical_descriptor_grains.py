"""classical/descriptor_grains.py: grains that follow a recording's descriptors, or a path."""

import jax
import numpy as np
import pytest
import scipy.signal
import scipy.stats
from helpers import crackle, launched, noise, relative_error
from speech_like import make_speech, measure_pitch

from audio_texture import audio, metrics, recipes, sounds
from audio_texture.classical import descriptor_path
from audio_texture.classical.descriptor_grains import descriptor_grains
from audio_texture.classical.descriptors import describe_grains
from audio_texture.errors import ChoiceError

RATE = 16_000


def make_swelling(name, seconds=6):
    """A texture [1, N] that swells and falls by 16 dB every two seconds."""
    wave = sounds.make(name, jax.random.key(3), seconds, RATE)[None]
    wave = wave * 10 ** (8 * np.sin(np.pi * np.arange(wave.shape[1]) / RATE) / 20)
    return (0.1 * wave / np.std(wave)).astype(np.float32)


RAIN = make_swelling("rain")


def make(wave=RAIN, *, path="", grain_ms=100.0, seconds=6.0, rate=RATE, seed=0):
    samples = round(seconds * rate)
    options = {"samples": samples, "sample_rate": rate, "grain_ms": grain_ms, "path": path}
    return descriptor_grains(jax.random.key(seed), wave, **options)


def loudness(wave, parts):
    """Levels in dB of equal parts of a wave [1, N]."""
    return np.array([10 * np.log10(np.mean(part**2)) for part in np.array_split(wave[0], parts)])


def centroid(wave, parts):
    """Spectral centroids in Hz of equal parts of a wave [1, N]."""
    centroids = []
    for part in np.array_split(wave[0].astype(np.float64), parts):
        power = np.abs(np.fft.rfft(part * np.hanning(len(part)))) ** 2
        centroids.append(power @ np.fft.rfftfreq(len(part), 1 / RATE) / np.sum(power))
    return np.array(centroids)


def rank_correlation(values):
    """Of values with their order."""
    return scipy.stats.spearmanr(values, np.arange(len(values)))[0]


# ---------------------------------------------------------------- paths


@pytest.mark.parametrize("name", ["rain", "fire"])
def test_loudness_and_centroid_rise_along_a_path(name):
    wave = make_swelling(name)
    rising = make(wave, path="loudness:-10,8")
    assert rank_correlation(loudness(rising, 24)) > 0.9
    assert rank_correlation(centroid(make(wave, path="centroid:0%,100%"), 24)) > 0.9
    # What is not named is free, and without a path nothing rises.
    assert abs(rank_correlation(loudness(make(wave, path="centroid:0%,100%"), 24))) < 0.8
    assert abs(rank_correlation(loudness(make(wave), 24))) < 0.6


def test_several_descriptors_take_their_own_ways():
    made = make(path="loudness:20%,80% centroid:80%,20%")
    assert rank_correlation(loudness(made, 24)) > 0.85
    assert rank_correlation(centroid(made, 24)) < -0.6


def test_values_are_decibels_over_the_level_of_the_recording():
    """A path from -6 to 6 dB: 12 dB from end to end, at the levels that it names."""
    levels = loudness(make(path="loudness:-6,6", seconds=12.0), 12)
    own = 20 * np.log10(np.std(RAIN))
    assert levels[0] - own == pytest.approx(-5.5, abs=1)
    assert levels[-1] - own == pytest.approx(5.5, abs=1)


def test_knots_lie_at_equal_distances():
    """Up, down and up again; a single value holds throughout."""
    levels = loudness(make(path="loudness:10%,90%,10%,90%"), 12)
    assert rank_correlation(levels[:4]) > 0.9 > -0.9 > rank_correlation(levels[4:8])
    assert rank_correlation(levels[8:]) > 0.9
    assert np.std(loudness(make(path="loudness:0"), 12)) < 1 < np.std(levels)


def test_what_the_recording_lacks_is_its_nearest():
    """A path far above the recording stays at its loudest grains."""
    loudest = np.max(loudness(RAIN, 60))
    levels = loudness(make(path="loudness:60,80"), 12)
    assert np.all(np.abs(levels - loudest) < 2)


def test_pitch_can_be_asked_for():
    """Of a voice that glides up and down, a rising result; a rain has no pitch to offer."""
    voice = make_speech(
        lambda time: 150 * 2 ** (0.7 * np.sin(2 * time)), lambda time: 0 * time, seconds=4.0
    )
    made = make(voice, path="pitch:100,220", seconds=3.0)
    pitches = measure_pitch(made[0], seconds=np.arange(0.1, 2.9, 0.1))
    assert rank_correlation(pitches) > 0.9
    with pytest.raises(ChoiceError, match="path names pitch, and no grain") as error:
        make(path="pitch:100,200")
    assert error.value.field == "path"


BAD_PATHS = {
    "loudnes:-20,0": "no descriptor 'loudnes'; did you mean loudness?",
    "sharpness:1": "no descriptor 'sharpness'; there are loudness, centroid",
    "loudness": "must look like loudness:-20,0",
    "centroid:": "must look like loudness:-20,0",
    "loudness:-20,": r"needs numbers \(dB\) or percentages after loudness:, got ''",
    "centroid:500hz": r"needs numbers \(Hz\) or percentages after centroid:, got '500hz'",
    "loudness:nan": "got 'nan'",
    "centroid:0,500": "needs centroid above 0, got '0'",
    "flatness:0.1,2": "needs flatness above 0 and at most 1, got '2'",
    "pitch:120%": "needs pitch from 0 % to 100 %, got '120%'",
    "loudness:0 loudness:1": "names loudness twice",
}


@pytest.mark.parametrize("path", BAD_PATHS)
def test_bad_paths_are_refused_when_they_are_given(path):
    """Before anything is read, in one sentence."""
    with pytest.raises(ChoiceError, match=BAD_PATHS[path]) as error:
        recipes.named("descriptor-grains").replace(path=path)
    assert error.value.field == "path" and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "path, text", [("loudnes:1", "did you mean loudness?"), ("pitch:100,200", "has a pitch.")]
)
def test_a_bad_path_is_one_line_of_a_program(path, text, tmp_path):
    """Also one that only the recording refuses, a rain; nothing is written."""
    audio.write(str(tmp_path / "rain.wav"), 0.3 * RAIN[:, :RATE], RATE)
    arguments = (f"--input={tmp_path}/rain.wav", "--seconds=1", f"--output_dir={tmp_path}/x")
    done = launched("texture", "--recipe=descriptor-grains", f"--path={path}", *arguments)
    lines = done.stderr.splitlines()
    assert done.returncode == 2 and not (tmp_path / "x").exists()
    assert lines[-1].startswith("error: --path ") and lines[-1].endswith(text)


def test_an_empty_path_is_none():
    assert descriptor_path.parse_path(" ") == {}


# ---------------------------------------------------------------- without a path


@pytest.mark.parametrize("name", ["rain", "fire"])
def test_descriptors_are_distributed_as_in_the_recording(name):
    """Loudness and brightness of tenths of a second, over minutes; the order is another."""
    wave = make_swelling(name)
    made = make(wave, grain_ms=250.0, seconds=240.0)
    percents = [10, 25, 50, 75, 90]
    own, result = (np.percentile(loudness(w, w.shape[1] // 1600), percents) for w in (wave, made))
    assert np.ptp(own) > 10 and np.max(np.abs(own - result)) < 2.5
    own, result = (
        np.percentile(np.log2(centroid(w, w.shape[1] // 1600)), percents) for w in (wave, made)
    )
    assert np.max(np.abs(own - result)) < 0.2 * np.ptp(own)
    pair = (metrics.preprocess(w[:, : 6 * RATE], sample_rate=RATE, rate=RATE) for w in (made, wave))
    assert metrics.measure_following(*pair, sample_rate=RATE)["followed"] < 0.2


def test_loudness_changes_at_the_pace_of_the_recording():
    """Neighbours are alike as in the recording, which they are not in shuffled grains."""

    def likeness(wave):
        levels = loudness(wave, wave.shape[1] // 1600)
        return np.corrcoef(levels[3:], levels[:-3])[0, 1]

    made = make(grain_ms=100.0, seconds=30.0)
    order = np.random.default_rng(0).permutation(60)
    shuffled = np.stack(np.split(RAIN[0], 60))[order].reshape(1, -1)
    assert likeness(RAIN) > 0.5 and likeness(made) > 0.5 * likeness(RAIN)
    assert likeness(shuffled) < 0.25


def make_events(seconds=8.0):
    """Chirps of 60 ms of one shape, three a second, over faint noise; and the shape."""
    time = np.arange(round(0.06 * RATE)) / RATE
    shape = np.sin(2 * np.pi * (800 * time + 20_000 * time**2)) * np.hanning(len(time))
    rng = np.random.default_rng(1)
    wave = noise(round(seconds * RATE), level=0.002)
    for start in np.arange(0.05, seconds - 0.2, 1 / 3) + rng.uniform(0, 0.1, int(3 * seconds)):
        first = round(start * RATE)
        wave[0, first : first + len(shape)] += rng.uniform(0.3, 1) * shape
    return wave, shape


def count_events(wave, shape):
    """Events that are whole: places where a wave [1, N] has the shape, at a correlation of 0.97."""
    products = np.correlate(wave[0], shape / np.linalg.norm(shape), "valid")
    energies = np.convolve(wave[0] ** 2, np.ones(len(shape)), "valid")
    is_loud = energies > 0.03 * np.max(energies)
    matches = np.where(is_loud, products / np.sqrt(energies), 0)
    peaks, _ = scipy.signal.find_peaks(matches, height=0.97, distance=len(shape))
    return len(peaks)


def test_events_shorter_than_a_grain_stay_whole_and_as_frequent():
    """Grains of 0.3 s hold chirps of 0.06 s; grains of 0.02 s break them."""
    wave, shape = make_events()
    frequency = count_events(wave, shape) / 8
    assert frequency == pytest.approx(3, abs=0.2)
    whole = count_events(make(wave, grain_ms=300.0, seconds=24.0), shape) / 24
    assert 0.6 * frequency < whole < 1.4 * frequency
    broken = count_events(make(wave, grain_ms=20.0, seconds=24.0), shape) / 24
    assert broken < 0.2 * frequency


@pytest.mark.parametrize("path", ["", "loudness:0%,100%", "loudness:0"])
@pytest.mark.parametrize("grain_ms", [50.0, 200.0])
def test_no_grain_follows_itself_or_goes_on(path, grain_ms):
    """A ramp shows where in the recording each grain is from: its neighbours lie elsewhere."""
    ramp = np.linspace(-1, 1, 4 * RATE)[None].astype(np.float32)
    made = make(ramp, path=path, grain_ms=grain_ms, seconds=10.0)
    length = round(grain_ms / 1000 * RATE)
    fade = round(length / 4)
    middles = made[0, np.arange(length - fade + length // 4, made.shape[1], length - fade)]
    places = (middles + 1) / 2 * 4 * RATE
    assert np.all(np.abs(np.diff(places)) > 0.98 * length)
    assert len(np.unique(np.round(places / 100))) > (5 if path == "loudness:0" else 20)


def test_a_key_and_a_level_say_all():
    """Same key, same samples; another key, another order; a quieter recording, a quieter result."""
    made = make(seconds=2.0)
    np.testing.assert_array_equal(make(seconds=2.0), made)
    assert abs(np.corrcoef(make(seconds=2.0, seed=1)[0], made[0])[0, 1]) < 0.5
    assert relative_error(make(0.01 * RAIN, seconds=2.0), 0.01 * made) < 1e-5


def test_channels_share_their_grains():
    left, other = crackle(2 * RATE, seed=5), crackle(2 * RATE, seed=6)
    made = make(np.concatenate([left, -0.5 * left, 0.2 * other]), seconds=1.0)
    np.testing.assert_allclose(made[1], -0.5 * made[0], atol=1e-6)
    assert abs(np.corrcoef(made[0], made[2])[0, 1]) < 0.2 and np.std(made[2]) > 0


@pytest.mark.parametrize("seconds", [0.05, 0.31])
@pytest.mark.parametrize("length", [0.1, 0.5])
def test_short_recordings_have_shorter_grains(length, seconds):
    """A grain that is longer than the recording is brought to a third of it; no fade at an end."""
    wave = noise(round(length * RATE), 2)
    made = make(wave, grain_ms=2000.0, seconds=seconds)
    assert made.shape == (2, round(seconds * RATE)) and made.dtype == np.float32
    quarters = [audio.rms(part) for part in np.array_split(made, 4, axis=1)]
    assert min(quarters) > 0.6 * max(quarters)


# ---------------------------------------------------------------- descriptors


def test_descriptors_of_known_sounds():
    """Tones, noise and silence, by their definitions."""
    time = np.arange(RATE) / RATE
    tone = np.sin(2 * np.pi * 500 * time)
    pair = np.sin(2 * np.pi * 400 * time) + np.sin(2 * np.pi * 2000 * time)
    parts = [tone, 0.1 * tone, pair, 0.5 * noise(RATE)[0] / 0.1, np.zeros(RATE)]
    wave = np.concatenate(parts)[None]
    starts = RATE * np.arange(5) + 2000
    grains = describe_grains(wave, starts, np.ones(8000), sample_rate=RATE)
    expected = [20 * np.log10(max(np.std(part), 1e-9) / np.std(wave)) for part in parts]
    np.testing.assert_allclose(grains["loudness"], np.maximum(expected, -100), atol=0.1)
    np.testing.assert_allclose(grains["centroid"][:3], [500, 500, 1200], rtol=0.01)
    assert grains["centroid"][3] == pytest.approx(RATE / 4, rel=0.03)
    assert grains["flatness"][3] > 0.85 and np.all(grains["flatness"][:3] < 0.01)
    np.testing.assert_allclose(grains["pitch"], [500, 500, 400, np.nan, np.nan], rtol=0.01)
    np.testing.assert_allclose(grains["crossings"][[0, 1, 3]], [1000, 1000, RATE / 2], rtol=0.03)


def test_loudness_is_that_of_the_windowed_grain():
    """Against the sum, for grains at uneven places."""
    wave, window = noise(4000, 2), np.hanning(500)
    starts = np.array([0, 13, 700, 3500])
    loud = describe_grains(wave, starts, window, sample_rate=RATE)["loudness"]
    for start, level in zip(starts, loud, strict=True):
        power = np.mean((wave[:, start : start + 500] * window) ** 2) / np.mean(window**2)
        assert level == pytest.approx(10 * np.log10(power / np.mean(wave**2)), abs=1e-3)
