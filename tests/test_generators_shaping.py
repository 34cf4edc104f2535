"""generators/shaping.py: spectra block by block, and bands that add up to one."""

import generator_reference
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import noise, relative_error

from audio_texture import audio
from audio_texture.generators import GeneratorConfig, shaping

N_FFT, HOP, FRAMES = 32, 8, 12
analyse = jax.jit(shaping.analyse, static_argnames="n_fft")
resynthesise = jax.jit(shaping.resynthesise, static_argnames="n_fft")


def shape_blocks(wave, n_fft, sizes, gains=None):
    """The wave analysed and resynthesised in blocks of so many frames, and all spectra."""
    hop, state = n_fft // shaping.OVERLAP, shaping.init(len(wave), n_fft)
    waves, every, begin = [], [], 0
    for count in sizes:
        block = jnp.asarray(wave[:, begin * hop : (begin + count) * hop])
        spectra, past = analyse(state.past, block, n_fft=n_fft)
        if gains is not None:
            spectra = spectra * gains[:, begin : begin + count]
        made, tail = resynthesise(state.tail, spectra, n_fft=n_fft)
        state = shaping.State(past, tail)
        waves.append(made)
        every.append(spectra)
        begin += count
    return np.concatenate(waves, axis=1), np.concatenate(every, axis=1)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("n_fft", [16, 32, 256])
def test_gains_of_one_give_the_wave_back_late(channels, n_fft):
    hop = n_fft // shaping.OVERLAP
    wave = noise(FRAMES * hop, channels)
    made, _ = shape_blocks(wave, n_fft, [FRAMES])
    late = n_fft - hop
    assert relative_error(made[:, late:], wave[:, : wave.shape[1] - late]) < 1e-6
    np.testing.assert_allclose(made[:, :late], 0, atol=1e-7)


@pytest.mark.parametrize("sizes", [[FRAMES], [4, 1, 3, 4], [1, 4, 4, 3], [1] * FRAMES])
def test_blocks_of_any_size_equal_a_reference(sizes):
    """Catches a state that forgets part of a window, also where a block is shorter than one."""
    wave, rng = noise(FRAMES * HOP, 2), np.random.default_rng(0)
    gains = rng.uniform(0.2, 3, (2, FRAMES, N_FFT // 2 + 1)).astype(np.float32)
    made, spectra = shape_blocks(wave, N_FFT, sizes, gains)
    expected = generator_reference.analyse(wave, N_FFT) * gains
    assert relative_error(spectra, expected) < 1e-6
    assert relative_error(made, generator_reference.resynthesise(expected, N_FFT)) < 1e-6


RATES = (audio.LOWEST_RATE, 8000, 11025, 16000, 22050, 44100, 48000)


@pytest.mark.parametrize("sample_rate", RATES)
def test_bands_add_up_to_one_at_every_rate(sample_rate):
    """Gains that are all equal must leave every bin alike, and no band may be without a bin."""
    for stage in GeneratorConfig(sample_rate).stages:
        weights = stage.band_weights(sample_rate).astype(np.float64)
        assert weights.shape == (stage.n_fft // 2 + 1, stage.bands)
        np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
        assert weights.min() >= 0
        # Each band has a bin of its own, and they rise from 0 Hz to Nyquist.
        tips = weights.argmax(axis=0)
        assert weights.max(axis=0).min() > 0.5
        assert tips[0] == 0 and tips[-1] == len(weights) - 1 and np.all(np.diff(tips) >= 1)


def test_tips_are_even_steps_of_the_mel_scale():
    """Where bins are fine enough; mel as in Slaney's toolbox, which librosa and the library use."""
    import librosa

    weights, rate = shaping.band_weights(4096, 20, 16000), 16000
    tips = librosa.mel_frequencies(n_mels=20, fmin=0, fmax=rate / 2)
    # The centre of gravity of a triangle between its neighbours' tips.
    centres = weights.T @ np.linspace(0, rate / 2, 2049) / weights.sum(axis=0)
    expected = (tips[:-2] + tips[1:-1] + tips[2:]) / 3
    np.testing.assert_allclose(centres[1:-1], expected, atol=rate / 4096)
