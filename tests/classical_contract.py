"""What every method of audio_texture.classical that makes a texture promises, as tests."""

import inspect

import jax
import numpy as np

from audio_texture.classical import METHODS, Classical, function_of

RATE = 8000


def synthesise(method, wave, *, seconds=None, samples=None, rate=RATE, seed=0, **options):
    """The sound of a method, [C, samples], with the defaults of its choices unless given.

    wave: [N] or [C, N]; the result is as long unless `seconds` or `samples` is given.
    """
    wave = np.atleast_2d(np.asarray(wave, np.float32))
    defaults = {name: getattr(Classical(), name) for name in METHODS[method].options}
    if samples is None:
        samples = wave.shape[1] if seconds is None else round(seconds * rate)
    key = jax.random.key(seed)
    return function_of(method)(key, wave, samples=samples, sample_rate=rate, **defaults | options)


def make_stereo(rate=RATE, seconds=1.5, seed=3):
    """Noise with bursts, [2, N]; the right channel is fainter and holds half of the left's power of
    its own.
    """
    rng = np.random.default_rng(seed)
    shared, own = rng.standard_normal((2, round(seconds * rate)))
    bursts = 0.2 + (np.sin(40 * np.arange(len(shared)) / rate) > 0.8)
    wave = bursts * np.stack([shared, 0.25 * (shared + own)])
    return (0.1 * wave / np.sqrt(np.mean(wave**2))).astype(np.float32)


def assert_keeps_the_contract(method):
    """Lengths, rates, channels, levels and keys."""
    stereo = make_stereo()
    sound = synthesise(method, stereo)
    assert sound.shape == stereo.shape and sound.dtype == np.float32
    np.testing.assert_array_equal(sound, synthesise(method, stereo))
    assert np.max(np.abs(sound - synthesise(method, stereo, seed=1))) > 0.01
    # A power of 2 rounds nothing: an order of ranks may turn on the last bit.
    louder = synthesise(method, 128 * stereo)
    np.testing.assert_allclose(louder, 128 * sound, atol=1e-3)
    levels = [np.sqrt(np.mean(wave**2, axis=1)) for wave in (sound, stereo)]
    np.testing.assert_allclose(*levels, rtol=0.15)
    for rate, seconds, result in ((4000, 0.5, 0.05), (48000, 0.5, 0.7), (11025, 1.5, 4.0)):
        for channels in (1, 3):
            wave = np.tile(make_stereo(rate, seconds), (2, 1))[:channels]
            sound = synthesise(method, wave, seconds=result, rate=rate)
            assert sound.shape == (channels, round(result * rate))
            assert np.all(np.isfinite(sound)) and np.all(np.std(sound, axis=1) > 0)
    assert {"samples", "sample_rate", *METHODS[method].options} == {
        name
        for name, parameter in inspect.signature(function_of(method)).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }


def kurtosis(wave):
    """3 for Gaussian noise of one level; events raise it."""
    return float(np.mean(wave**4) / np.mean(wave**2) ** 2)


def loud_share(wave, rate, seconds=0.005):
    """Share of the energy in the loudest tenth of all windows of 5 ms: 0.1 for steady noise."""
    length = round(seconds * rate)
    windows = wave[: wave.shape[-1] // length * length].reshape(-1, length)
    energies = np.sort(np.sum(windows**2, axis=1))
    return float(np.sum(energies[-len(energies) // 10 :]) / np.sum(energies))


def correlation(stereo):
    return float(np.corrcoef(stereo)[0, 1])
