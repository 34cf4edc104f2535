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
MORPH = {"weights": [1.0, 0.0], "morph_to": [0.0, 2.0], "seconds": 1.5}


def filtered(kind, seed):
    """Noise below or above 500 Hz."""
    wave = scipy.signal.lfilter(*scipy.signal.butter(1, 500, kind, fs=RATE), noise(8000, seed=seed))
    return np.ascontiguousarray(wave).astype(np.float32)


# Two sounds told apart by their spectrum alone.
DULL, SHARP = filtered("low", 0), filtered("high", 1)


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
    return prepare(small(**MIXED, block_seconds=1.0), [DULL, 0.25 * SHARP], **MORPH)


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
