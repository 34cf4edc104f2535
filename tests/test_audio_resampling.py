"""Resampling against measured sines."""

import numpy as np
import pytest
from helpers import noise

from audio_texture import audio

RATES = (44100, 22050, 48000, 16000)


def spectrum_db(wave):
    """Levels of a wave's bins in dB of a full-scale sine, its ends (the filter's transient) faded
    out.
    """
    window = np.blackman(len(wave)) ** 2
    return 20 * np.log10(
        np.abs(np.fft.rfft(wave.astype(np.float64) * window)) / (np.sum(window) / 2) + 1e-12
    )


@pytest.mark.parametrize("from_rate", RATES)
@pytest.mark.parametrize("to_rate", RATES)
def test_resampled_sines_are_alone(from_rate, to_rate):
    """Images and aliases below -100 dB, wherever the sine lies; what Nyquist allows comes through
    as it was.

    Catches the -23 dB aliases of `scipy.signal.resample_poly`'s own filter.
    """
    lower_nyquist = min(from_rate, to_rate) / 2
    time = np.arange(from_rate) / from_rate
    for hertz in (
        0.03 * lower_nyquist,
        0.5 * lower_nyquist,
        0.8 * lower_nyquist,
        1.05 * lower_nyquist,
        0.98 * from_rate / 2,
    ):
        actual = audio.resample(
            np.sin(2 * np.pi * hertz * time)[None].astype(np.float32), from_rate, to_rate
        )[0]
        assert actual.dtype == np.float32
        levels = spectrum_db(actual)
        bins = np.fft.rfftfreq(len(actual), 1 / to_rate)
        away = np.abs(bins - hertz) > 20  # main lobe of the window
        if hertz <= 0.8 * lower_nyquist:
            middle = actual[len(actual) // 4 : -len(actual) // 4]
            expected = np.sin(2 * np.pi * hertz * np.arange(len(actual)) / to_rate)[
                len(actual) // 4 : -len(actual) // 4
            ]
            # .01 dB flat and no delay: both show as a difference from the sine itself.
            assert np.max(np.abs(middle - expected)) < 1.2e-3, hertz
            assert np.max(levels[away]) < -100, hertz
        elif from_rate > to_rate and hertz > lower_nyquist:
            assert np.max(levels) < -100, hertz


@pytest.mark.parametrize(
    "from_rate, to_rate",
    [(44100, 22050), (22050, 44100), (44100, 48000), (48000, 44100), (8000, 8000), (192000, 22050)],
)
@pytest.mark.parametrize("samples", [1, 999, 1000])
def test_resampled_length(from_rate, to_rate, samples):
    assert audio.resample(noise(samples, 3), from_rate, to_rate).shape == (
        3,
        -(-samples * to_rate // from_rate),
    )


def test_resampling_is_linear_and_channel_by_channel():
    wave = noise(2000, 2)
    both = audio.resample(wave, 44100, 48000)
    np.testing.assert_array_equal(both[1], audio.resample(wave[1], 44100, 48000))
    np.testing.assert_allclose(audio.resample(0.5 * wave, 44100, 48000), 0.5 * both, atol=1e-7)
