"""phase.py against a plain loop of the authors' SPSI and librosa's Griffin-Lim, and by how well it
brings a sound back.
"""

import itertools

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
from helpers import crackle, noise

from audio_texture import phase, spectrogram

N_FFT, HOP = 64, 16
SIZES = {"n_fft": N_FFT, "hop_length": HOP}


def magnitude_of(wave, n_fft=N_FFT, hop_length=HOP):
    return np.abs(spectrogram.stft(wave, n_fft=n_fft, hop_length=hop_length))


def spsi_by_definition(magnitude, hop_length):
    """paper.md A.7, walk by walk, in float64."""
    frames, bins = magnitude.shape
    n_fft = 2 * (bins - 1)
    phase_, actual = np.zeros(bins), []
    for mag in magnitude.astype(np.float64):
        for j in range(1, bins - 1):
            if not (mag[j] > mag[j - 1] and mag[j] > mag[j + 1]):
                continue
            a, b, c = mag[j - 1 : j + 2]
            d = a - 2 * b + c
            p = 0.5 * (a - c) / d if d else 0.0
            phase_[j] += hop_length * 2 * np.pi * (j + p) / n_fft
            peak = phase_[j]
            near, far = (peak + np.pi, peak) if p > 0 else (peak, peak + np.pi)
            if p > 0:
                phase_[j + 1] = peak + np.pi
                k = j - 1
                while k > 1 and mag[k] < mag[k + 1]:
                    phase_[k] = near
                    k -= 1
                k = j + 2
                while k < bins and mag[k] < mag[k - 1]:
                    phase_[k] = far
                    k += 1
            elif p < 0:
                phase_[j - 1] = peak + np.pi
                k = j + 1
                while k < bins and mag[k] < mag[k - 1]:
                    phase_[k] = far
                    k += 1
                k = j - 2
                while k > 1 and mag[k] < mag[k + 1]:
                    phase_[k] = near
                    k -= 1
        actual.append(phase_.copy())
    return np.array(actual)


RNG = np.random.default_rng(0)
MAGNITUDES = {
    "random": RNG.random((30, 33)),
    "plateaus": RNG.integers(0, 4, (30, 33)).astype(float),
    "few bins": RNG.random((30, 5)),
    "ramps": np.cumsum(RNG.random((20, 33)), axis=1) * np.array([1, -1] * 10)[:, None] + 40,
    "silence": np.zeros((5, 33)),
    "noise": magnitude_of(noise(800)[0]),
    "clicks": magnitude_of(crackle(2000)[0]),
    "tones": magnitude_of(
        sum(np.sin(np.arange(800, dtype=np.float32) * f) for f in (0.3, 0.71, 1.9)) / 3
    ),
}


@pytest.mark.parametrize("name", MAGNITUDES)
def test_spsi_is_the_authors_loop(name):
    """Catches a bin locked to the wrong peak, or on the wrong side: peaks side by side, plateaus,
    the first and last bins.
    """
    magnitude = MAGNITUDES[name].astype(np.float32)
    actual = np.asarray(
        jax.jit(phase.spsi, static_argnames="hop_length")(magnitude, hop_length=HOP), np.float64
    )
    apart = np.exp(1j * actual) - np.exp(1j * spsi_by_definition(magnitude, HOP))
    # Phases run up over the frames in float32; quadratic interpolation amplifies the rounding of
    # flat peaks.
    assert np.max(np.abs(apart)) < 2e-3


@pytest.mark.parametrize("cycles", [0.1003, 0.0617, 0.21])
def test_spsi_restores_a_steady_tone(cycles):
    """Far nearer than random phases: catches an advance of a bin too much or too little (the
    "one-sample shift" of 2017).
    """
    n_fft, hop = 512, 128
    magnitude = magnitude_of(
        0.5 * np.sin(2 * np.pi * cycles * np.arange(6000, dtype=np.float32)), n_fft, hop
    )[:-3]
    actual = {}
    for name, start in (
        ("spsi", phase.spsi(magnitude, hop_length=hop)),
        ("random", phase.random_phase(jax.random.key(0), magnitude)),
    ):
        wave = phase.griffin_lim(magnitude, start, hop_length=hop, iterations=0)
        actual[name] = float(phase.spectral_convergence(wave, magnitude, hop_length=hop))
        if name == "spsi":
            peak = np.argmax(np.abs(np.fft.rfft(wave * np.hanning(len(wave)), 1 << 16))) / (1 << 16)
            assert peak == pytest.approx(cycles, abs=2e-4)
    assert actual["spsi"] < 0.15 and actual["spsi"] < 0.25 * actual["random"]


def test_spsi_is_free_of_level():
    magnitude = MAGNITUDES["noise"].astype(np.float32)
    np.testing.assert_array_equal(
        phase.spsi(4 * magnitude, hop_length=HOP), phase.spsi(magnitude, hop_length=HOP)
    )


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("iterations", [0, 1, 8])
def test_griffin_lim_equals_librosa(momentum, iterations):
    """From the same phases: catches another order of projections, and momentum by Perraudin's
    letter rather than his figure.
    """
    magnitude = magnitude_of(crackle(1600)[0])
    start = 2 * np.pi * np.random.RandomState(3).rand(*magnitude.T.shape).T
    actual = phase.griffin_lim(
        magnitude,
        start.astype(np.float32),
        hop_length=HOP,
        iterations=iterations,
        momentum=momentum,
        length=1600,
    )
    expected = librosa.griffinlim(
        magnitude.T.astype(np.float64),
        n_iter=iterations,
        hop_length=HOP,
        momentum=momentum,
        length=1600,
        random_state=3,
        pad_mode="constant",
    )
    # Float32 against float64, whose difference momentum amplifies a little in every iteration.
    np.testing.assert_allclose(actual, expected, atol=1e-3 * np.max(np.abs(expected)))


def convergence(iterations, momentum, magnitude):
    start = phase.random_phase(jax.random.key(0), magnitude)
    wave = phase.griffin_lim(
        magnitude, start, hop_length=HOP, iterations=iterations, momentum=momentum
    )
    return float(phase.spectral_convergence(wave, magnitude, hop_length=HOP))


def test_griffin_lim_never_gets_worse_and_momentum_gets_further():
    magnitude = magnitude_of(crackle(3200)[0])
    plain = [convergence(iterations, 0.0, magnitude) for iterations in (0, 1, 2, 5, 10, 40)]
    assert all(after < before for before, after in itertools.pairwise(plain))
    assert convergence(40, 0.99, magnitude) < 0.9 * plain[-1]


def test_true_phases_bring_the_wave_back():
    """A fixed point: nothing moves, whatever the number of iterations."""
    wave = crackle(1600)[0]
    spectrum = spectrogram.stft(wave, **SIZES)
    for iterations, momentum in ((0, 0.0), (10, 0.0), (10, 0.99)):
        actual = phase.griffin_lim(
            jnp.abs(spectrum),
            jnp.angle(spectrum),
            hop_length=HOP,
            iterations=iterations,
            momentum=momentum,
        )
        np.testing.assert_allclose(actual, wave, atol=1e-4)


def test_length_of_the_result():
    magnitude = magnitude_of(noise(170)[0])
    start = np.zeros_like(magnitude)
    assert phase.griffin_lim(magnitude, start, hop_length=HOP, iterations=1).shape == (160,)
    assert phase.griffin_lim(magnitude, start, hop_length=HOP, iterations=1, length=170).shape == (
        170,
    )
    for length in (159, 176):
        with pytest.raises(ValueError, match=f"{length} samples do not make 11 frames"):
            phase.griffin_lim(magnitude, start, hop_length=HOP, iterations=1, length=length)


def test_silence_stays_silent():
    """Catches division by the size of nothing."""
    silent = np.zeros((10, 33), np.float32)
    for start in (phase.spsi(silent, hop_length=HOP), silent):
        assert not np.any(
            phase.griffin_lim(silent, start, hop_length=HOP, iterations=3, momentum=0.99)
        )


def test_random_phases_cover_the_circle():
    actual = np.asarray(phase.random_phase(jax.random.key(0), np.zeros((100, 100))))
    assert (
        actual.shape == (100, 100)
        and 0 <= actual.min() < 0.01
        and 2 * np.pi - 0.01 < actual.max() <= 2 * np.pi
    )
    assert abs(np.mean(np.exp(1j * actual))) < 0.03


def test_spectral_convergence():
    """0 for the wave itself, 1 for silence."""
    wave = noise(480)[0]
    magnitude = magnitude_of(wave)
    assert float(phase.spectral_convergence(wave, magnitude, hop_length=HOP)) < 1e-6
    assert float(phase.spectral_convergence(0 * wave, magnitude, hop_length=HOP)) == pytest.approx(
        1
    )
