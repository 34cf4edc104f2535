"""Mixtures of several sounds: between them, from one to the other over time, band by band."""

import jax
import numpy as np
import pytest
import scipy.signal
from helpers import crackle, noise, relative_error
from small_recipes import (
    MEL,
    RATE,
    REFERENCE,
    make_texture,
    measure_kurtosis,
    prepare,
    small,
)

from audio_texture import audio, spectrogram, synthesis
from audio_texture.views import View

INF = float("inf")
MIXED = {"views": MEL, "evaluations": 30}
MORPH = {"weights": [1.0, 0.0], "morph_to": [0.0, 2.0], "seconds": 3.0}


def filtered(kind, seed, *, order=1, edge=500):
    """Noise below or above an edge in Hz."""
    sections = scipy.signal.butter(order, edge, kind, fs=RATE, output="sos")
    return scipy.signal.sosfilt(sections, noise(8000, seed=seed)).astype(np.float32)


# Two sounds told apart by their spectrum alone; two whose bands are 20 dB apart and more.
DULL, SHARP = filtered("low", 0), filtered("high", 1)
LOW, HIGH = (
    filtered(kind, seed, order=3, edge=1000) + noise(8000, seed=seed + 9, level=3e-4)
    for kind, seed in (("low", 0), ("high", 1))
)


def slope(wave):
    """The level in dB above a quarter of the rate, over that below."""
    power = np.abs(np.fft.rfft(wave[0])) ** 2
    middle = len(power) // 4
    return float(10 * np.log10(np.sum(power[middle:]) / np.sum(power[:middle])))


@pytest.fixture(scope="module")
def even():
    """An even mixture of the two, whose programs serve other pairs and weights."""
    return prepare(small(**MIXED), [DULL, SHARP], seconds=1.0)


@pytest.fixture(scope="module")
def morph():
    """A morph from the dull sound to the sharp one, four times as quiet."""
    return prepare(small(**MIXED, block_seconds=4.0), [DULL, 0.25 * SHARP], **MORPH)


@pytest.mark.slow
def test_a_mixture_of_a_single_sound_is_that_sound():
    """Weights 1 : 0 give the first alone: its spectrum, statistics and level."""
    recipe = small(views=(View(8, (2,), 16.0, 4.0),), evaluations=10)
    mixed = make_texture(recipe, [REFERENCE, noise(5000, seed=3)], weights=[1.0, 0.0]).wave
    assert relative_error(mixed, make_texture(recipe).wave) < 0.02


def test_a_mixture_lies_between_its_sounds(even):
    """Its spectrum's slope is the mean of theirs."""
    middle = (slope(DULL) + slope(SHARP)) / 2
    wave = synthesis.run(even, jax.random.key(0)).wave
    assert slope(wave) == pytest.approx(middle, abs=0.2 * (slope(SHARP) - slope(DULL)))


def test_the_middle_is_nearer_to_the_steadier_sound(even):
    """What varies much is like more sounds. By another pair's programs, whose balance is data."""
    wandering = SHARP * 10 ** np.sin(np.arange(8000) * 1.3 * np.pi / 8000).astype(np.float32)
    problem = prepare(small(**MIXED), [DULL, wandering], seconds=1.0, like=even)
    steep = slope(synthesis.run(problem, jax.random.key(0)).wave)
    assert slope(DULL) < steep < 0.7 * slope(DULL) + 0.3 * slope(SHARP)


def test_a_morph_passes_from_one_to_the_other(morph):
    """Monotone in spectrum, with the references' own at either end, and in level."""
    parts = np.split(synthesis.run(morph, jax.random.key(0)).wave, 5, axis=1)
    slopes = [slope(part) for part in parts]
    assert np.all(np.diff(slopes) > 0)
    assert slopes[0] == pytest.approx(slope(DULL), abs=5)
    assert slopes[-1] == pytest.approx(slope(SHARP), abs=5)
    assert np.all(np.diff([audio.rms(part) for part in parts]) < 0)


def measure_bands(wave):
    """Levels in dB of a low and a high band, in every tenth of a second: [2, tenths]."""
    frequencies, _, spectra = scipy.signal.stft(wave[0], RATE, nperseg=400, noverlap=200)
    power = np.abs(spectra[:, : spectra.shape[1] // 4 * 4]) ** 2
    bands = [(frequencies > low) & (frequencies < high) for low, high in ((100, 700), (1500, 3900))]
    tenths = [np.sum(power[band], axis=0).reshape(-1, 4).mean(axis=1) for band in bands]
    return 10 * np.log10(tenths)


def test_a_morphs_bands_pass_without_steps(morph):
    """Bands 20 dB apart and more: no block ends with a jump, and both ends are their reference's.

    Matched at constant weights in each block, they jump by 7 dB.
    """
    problem = prepare(morph.recipe, [LOW, HIGH], **MORPH, like=morph)
    levels = measure_bands(synthesis.run(problem, jax.random.key(0)).wave)
    own = [
        measure_bands(sound * 0.1 / audio.audible_rms(sound, sample_rate=RATE))
        for sound in (LOW, HIGH)
    ]
    largest = max(np.max(np.abs(np.diff(sound))) for sound in own)
    assert np.max(np.abs(np.diff(levels))) < 1.8 * largest
    for part, sound in zip((levels[:, :6], levels[:, -6:]), own, strict=True):
        difference = np.mean(part, axis=1) - np.mean(sound, axis=1)
        assert abs(difference[0] - difference[1]) < 2.5


def test_a_morphs_levels_ignore_what_is_not_heard(morph):
    """Wind of 5 Hz, louder than all else in a reference, does not change the levels on the way."""
    dull, sharp = (
        0.05 * wave / audio.audible_rms(wave, sample_rate=RATE) for wave in (DULL, SHARP)
    )
    wind = 0.2 * np.sin(1 + 2 * np.pi * 5.37 * np.arange(dull.shape[1]) / RATE)
    sounds = [(dull + wind).astype(np.float32), sharp]
    wave = make_texture(morph.recipe, sounds, **MORPH, like=morph).wave
    levels = [
        20 * np.log10(audio.audible_rms(part, sample_rate=RATE) / 0.05)
        for part in np.split(wave, 5, axis=1)
    ]
    assert [levels[0], levels[-1]] == pytest.approx([0, 0], abs=2.5), levels


def test_bands_come_from_a_sound_each():
    """Noise below 1 kHz and ticks above: the result is steady below and ticks above."""
    recipe = small(views=(View(0, (1, 3), 16.0, 4.0),), evaluations=40)
    bands = [(0.0, 1000.0), (1000.0, INF)]
    wave = make_texture(recipe, [noise(8000), crackle(8000)], seconds=1.0, bands=bands).wave
    below, above = (
        measure_kurtosis(np.asarray(spectrogram.band(wave, sample_rate=RATE, low=low, high=high)))
        for low, high in bands
    )
    assert below < 4 and above > 1.5 * below


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "mixture, message",
    [
        ({"morph_to": [1.0]}, "weights must be one for each"),
        ({"morph_to": [0.0, 0.0]}, "not all 0"),
        ({"morph_to": [-1.0, 2.0]}, "none below 0"),
        ({"bands": [(0.0, 900.0), (1000.0, INF)]}, "without a gap or overlap"),
        ({"bands": [(0.0, 1100.0), (1000.0, INF)]}, "without a gap or overlap"),
        ({"bands": [(0.0, 900.0), (900.0, 2000.0)]}, "without a gap or overlap"),
        ({"bands": [(0.0, INF)]}, "one for each of the 2 references"),
        ({"bands": [(0.0, 4000.0), (4000.0, INF)]}, "half the rate, 4000 Hz, got 4000"),
        ({"bands": [(0.0, 900.0), (900.0, INF)], "weights": [1.0, 2.0]}, "need no weights"),
        ({"bands": [(0.0, 900.0), (900.0, INF)], "morph_to": [1.0, 2.0]}, "no weights to morph"),
        ({"weights": [1.0]}, "weights"),
        ({"weights": [1.0, 1.0, 1.0]}, "weights"),
        ({"weights": [0.0, 0.0]}, "weights"),
        ({"weights": [1.0, -1.0]}, "weights"),
    ],
    ids=str,
)
def test_mixtures_that_cannot_be_are_refused(mixture, message):
    """Before anything is compiled."""
    with pytest.raises(ValueError, match=message):
        prepare(small(), [REFERENCE, REFERENCE], **mixture)


@pytest.mark.parametrize("mixture", [{"morph_to": [0, 1.0]}, {"bands": [(0, 900.0), (900.0, INF)]}])
def test_mixtures_over_time_need_a_waveform(mixture):
    """A spectrogram canvas has neither a morph nor bands."""
    message = "'infinite-width' has a spectrogram canvas; morphs and bands need a waveform"
    with pytest.raises(ValueError, match=message):
        prepare(small("infinite-width"), [REFERENCE, REFERENCE], **mixture)
