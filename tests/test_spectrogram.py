"""spectrogram.py against librosa and float64 NumPy, its pairs by round trip, its gradients at
silence.
"""

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import scipy.signal
from helpers import noise, relative_error
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_texture import spectrogram


def reference_stft(wave, n_fft, hop_length, center=True, window="hann"):
    """The definition, frame by frame, in float64."""
    wave = wave.astype(np.float64)
    if center:
        wave = np.pad(wave, n_fft // 2)
    window = scipy.signal.get_window(window, n_fft)
    starts = range(0, len(wave) - n_fft + 1, hop_length)
    return np.stack([np.fft.rfft(wave[start : start + n_fft] * window) for start in starts])


SHAPES = [
    (64, 16, 500),
    (64, 17, 501),
    (65, 16, 333),
    (63, 31, 400),
    (128, 64, 128),
    (32, 1, 40),
    (48, 12, 3),
]


@pytest.mark.parametrize("n_fft, hop_length, samples", SHAPES)
@pytest.mark.parametrize("center", [True, False])
def test_stft_is_its_definition(n_fft, hop_length, samples, center):
    """Catches frames off by a sample, a symmetric window for a periodic one, and a lost or invented
    last frame.
    """
    if not center and samples < n_fft:
        pytest.skip("no whole frame fits.")
    wave = noise(samples)[0]
    actual = spectrogram.stft(wave, n_fft=n_fft, hop_length=hop_length, center=center)
    expected = reference_stft(wave, n_fft, hop_length, center)
    assert actual.dtype == jnp.complex64
    assert len(actual) == spectrogram.frame_count(
        samples, n_fft=n_fft, hop_length=hop_length, center=center
    )
    assert relative_error(actual, expected) < 1e-5  # float32 transforms


@pytest.mark.parametrize(
    "n_fft, hop_length, samples", [(64, 16, 500), (63, 16, 501), (1024, 256, 4000)]
)
def test_stft_equals_librosa(n_fft, hop_length, samples):
    wave = noise(samples)[0]
    expected = librosa.stft(wave, n_fft=n_fft, hop_length=hop_length, pad_mode="constant").T
    assert (
        relative_error(spectrogram.stft(wave, n_fft=n_fft, hop_length=hop_length), expected) < 1e-5
    )


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(
    n_fft=st.sampled_from([16, 31, 64, 127]),
    share=st.sampled_from([1, 2, 3, 5, 7]),
    samples=st.integers(1, 400).map(lambda n: n | 1),
    window=st.sampled_from(["hann", "hamming", "blackman"]),
    seed=st.integers(0, 99),
)
def test_istft_undoes_stft(n_fft, share, samples, window, seed):
    """Catches a wrong overlap-add weight, a shift, and lost or invented samples at either end, for
    odd sizes above all.
    """
    hop_length = max(1, (n_fft // 2) // share)
    wave = noise(samples, seed=seed)[0]
    sizes = {"n_fft": n_fft, "hop_length": hop_length, "window": window}
    actual = spectrogram.istft(spectrogram.stft(wave, **sizes), length=samples, **sizes)
    # Beyond the last frame's middle the window's foot alone remains, and the division by it
    # amplifies rounding.
    inside = samples // hop_length * hop_length + 1
    assert actual.shape == wave.shape
    np.testing.assert_allclose(actual[:inside], wave[:inside], atol=1e-5)


@pytest.mark.parametrize("samples", [1, 31, 99])
@pytest.mark.parametrize("n_fft, hop_length", [(64, 16), (65, 32), (63, 31), (64, 13)])
def test_istft_reaches_every_sample(n_fft, hop_length, samples):
    """Catches a silent last stretch: every length, also odd, comes back to its last sample."""
    wave = noise(samples, seed=samples)[0]
    sizes = {"n_fft": n_fft, "hop_length": hop_length}
    actual = spectrogram.istft(spectrogram.stft(wave, **sizes), length=samples, **sizes)
    np.testing.assert_allclose(actual, wave, atol=1e-5)


def test_istft_equals_librosa_on_spectra_of_no_wave():
    """Catches any inverse that only undoes `stft` but is not the least-squares one Griffin-Lim
    rests on.
    """
    rng = np.random.default_rng(0)
    spectrum = (rng.standard_normal((20, 33)) + 1j * rng.standard_normal((20, 33))).astype(
        np.complex64
    )
    for length in (300, 304, 310, 330):
        actual = spectrogram.istft(spectrum, n_fft=64, hop_length=16, length=length)
        np.testing.assert_allclose(
            actual, librosa.istft(spectrum.T, n_fft=64, hop_length=16, length=length), atol=2e-5
        )


def test_istft_fills_what_no_frame_reaches_with_silence():
    spectrum = spectrogram.stft(noise(160)[0], n_fft=64, hop_length=16)
    actual = spectrogram.istft(spectrum, n_fft=64, hop_length=16, length=1000)
    assert (
        actual.shape == (1000,)
        and np.all(np.isfinite(actual))
        and not np.any(actual[160 + 32 + 16 :])
    )


def test_stft_moves_with_the_wave():
    """A wave later by a hop has its frames later by one."""
    wave = noise(400)[0]
    both = [
        spectrogram.stft(w, n_fft=64, hop_length=16, center=False) for w in (wave[:-16], wave[16:])
    ]
    np.testing.assert_allclose(both[0][1:], both[1][:-1], atol=1e-6)


def test_batches_by_vmap():
    waves = noise(300, 3)
    actual = jax.vmap(lambda wave: spectrogram.stft(wave, n_fft=32, hop_length=8))(waves)
    for wave, one in zip(waves, actual, strict=True):
        np.testing.assert_allclose(one, spectrogram.stft(wave, n_fft=32, hop_length=8), atol=1e-6)


@pytest.mark.parametrize("transform", ["stft", "istft"])
@pytest.mark.parametrize("hop_length", [0, 33, -1])
def test_hops_that_leave_gaps_are_refused(transform, hop_length):
    with pytest.raises(
        ValueError, match=f"hop_length must be from 1 to n_fft // 2 = 32, got {hop_length}"
    ):
        if transform == "stft":
            spectrogram.stft(noise(100)[0], n_fft=64, hop_length=hop_length)
        else:
            spectrogram.istft(
                np.zeros((3, 33), np.complex64), n_fft=64, hop_length=hop_length, length=9
            )


def test_waves_shorter_than_a_frame_are_refused():
    with pytest.raises(ValueError, match="63 samples is shorter than one frame of 64"):
        spectrogram.stft(noise(63)[0], n_fft=64, hop_length=16, center=False)


def test_gradient_at_silence_is_finite():
    """Catches NaN from the root of a complex magnitude at zero, which one silent frame spreads over
    everything.
    """
    wave = np.concatenate([noise(200)[0], np.zeros(200, np.float32)])
    for value in (wave, np.zeros(400, np.float32)):
        gradient = jax.grad(
            lambda w: jnp.sum(
                spectrogram.compress(jnp.abs(spectrogram.stft(w, n_fft=64, hop_length=16)))
            )
        )(value)
        assert np.all(np.isfinite(gradient))


def test_gradient_of_the_stft_is_its_transpose():
    """<stft(x), y> is linear in x: its gradient does not depend on x, and reproduces the inner
    product.
    """
    wave, other = noise(200, 2)
    target = spectrogram.stft(other, n_fft=32, hop_length=8)

    def inner(w):
        return jnp.real(jnp.vdot(target, spectrogram.stft(w, n_fft=32, hop_length=8)))

    gradient = jax.grad(inner)(wave)
    assert float(inner(wave)) == pytest.approx(float(gradient @ wave), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize(
    "sample_rate, n_fft, bands",
    [(22050, 1024, 40), (16000, 512, 24), (8000, 256, 24), (44100, 2048, 128), (48000, 1535, 64)],
)
def test_mel_filters_equal_librosa(sample_rate, n_fft, bands):
    expected = librosa.filters.mel(
        sr=sample_rate, n_fft=n_fft, n_mels=bands, norm=None, htk=False
    ).T
    np.testing.assert_allclose(
        spectrogram.mel_filters(sample_rate, n_fft, bands), expected, atol=1e-6
    )


def test_mel_scale_equals_librosa_and_comes_back():
    hertz = np.concatenate([[0, 999.9, 1000], np.geomspace(20, 24000, 50)])
    np.testing.assert_allclose(spectrogram.hz_to_mel(hertz), librosa.hz_to_mel(hertz), rtol=1e-12)
    np.testing.assert_allclose(
        spectrogram.mel_to_hz(spectrogram.hz_to_mel(hertz)), hertz, rtol=1e-12
    )


def test_mel_bands_without_a_bin_are_refused():
    with pytest.raises(ValueError, match="100 mel bands are too many for n_fft = 128 at 8000 Hz"):
        spectrogram.mel_filters(8000, 128, 100)


def test_compress_and_expand():
    """The authors' scale (paper.md A.1): log1p / 7, which no wave in [-1, 1] leaves [0, 1] with."""
    magnitude = np.geomspace(1e-3, 1e3, 50).astype(np.float32)
    np.testing.assert_allclose(
        spectrogram.compress(magnitude), np.log1p(magnitude.astype(np.float64)) / 7, rtol=1e-6
    )
    np.testing.assert_allclose(
        spectrogram.expand(spectrogram.compress(magnitude)), magnitude, rtol=1e-5
    )
    np.testing.assert_array_equal(spectrogram.expand(np.array([0.0, -0.1, -9.0], np.float32)), 0)
    loudest = np.sign(noise(4096))[0]
    for wave in (loudest, np.ones(4096, np.float32), np.cos(np.arange(4096)).astype(np.float32)):
        assert (
            np.max(
                spectrogram.compress(jnp.abs(spectrogram.stft(wave, n_fft=2048, hop_length=512)))
            )
            <= 1
        )


def test_compress_relative_takes_bins_alike():
    """Gain of a bin in reference and candidate alike changes nothing; faint moments stay apart.
    Catches a scale over frames.
    """
    x = np.random.default_rng(0).gamma(0.3, size=(50, 6)).astype(np.float32)
    gain = np.geomspace(1e-3, 1e3, 6, dtype=np.float32)[None]

    def compressed(x):
        return spectrogram.compress_relative(x, spectrogram.loudness_scale(x), sharpness=4.0)

    np.testing.assert_allclose(
        compressed(x), np.log1p(4 * x / x.mean(axis=0, dtype=np.float64)[None]), rtol=1e-5
    )
    np.testing.assert_allclose(
        compressed(x * gain)[:, -3:], compressed(x)[:, -3:], rtol=1e-4
    )  # those above the floor
    silent = np.zeros((5, 6), np.float32)
    assert not np.any(compressed(silent)) and np.all(np.isfinite(compressed(x * np.float32(1e-30))))
    # An empty bin's rounding noise is not blown up to the size of the rest.
    x[:, 0] *= np.float32(1e-7)
    assert np.max(compressed(x)[:, 0]) < 0.1


def test_standardise_gives_mean_zero_and_std_one():
    x = (
        np.random.default_rng(0).gamma(1.0, size=(200, 30)).astype(np.float32)
        * np.geomspace(1, 10, 30, dtype=np.float32)[None]
    )
    standard = np.asarray(spectrogram.standardise(x, *spectrogram.standardisation(x)), np.float64)
    np.testing.assert_allclose(standard.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(standard.std(axis=0), 1, atol=1e-5)


def test_standardisation_does_not_blow_up_empty_bins():
    """Catches rounding noise of bins above a recording's cut-off brought to the size of everything
    else.
    """
    x = noise(100, 20).T.copy()
    x[:, 10:] *= 1e-6
    standard = spectrogram.standardise(x, *spectrogram.standardisation(x))
    assert np.std(standard[:, 10:]) < 1e-3 and np.std(standard[:, :10]) == pytest.approx(
        1, abs=1e-4
    )
    constant = np.full((5, 4), 0.5, np.float32)
    assert np.all(
        np.isfinite(spectrogram.standardise(constant, *spectrogram.standardisation(constant)))
    )


def test_bands_add_up_and_hold_their_tones():
    """Together they are the wave; a tone stands in the band of its frequency alone."""
    wave = np.random.default_rng(0).standard_normal((2, 4001)).astype(np.float32)
    edges = [(0.0, 500.0), (500.0, 1500.0), (1500.0, np.inf)]
    parts = [
        np.asarray(spectrogram.band(wave, sample_rate=8000, low=low, high=high))
        for low, high in edges
    ]
    np.testing.assert_allclose(sum(parts), wave, atol=1e-5)
    tone = np.sin(2 * np.pi * 1000 / 8000 * np.arange(8000)).astype(np.float32)
    energies = [
        float(np.mean(spectrogram.band(tone, sample_rate=8000, low=low, high=high) ** 2))
        for low, high in edges
    ]
    np.testing.assert_allclose(energies, [0, 0.5, 0], atol=1e-6)


@pytest.mark.parametrize("size", [1, 2, 7, 400, 1001])
def test_complex_transforms(size):
    parts = np.random.default_rng(size).normal(size=(2, 3, size))
    signal = parts[0] + 1j * parts[1]
    for actual, exact in ((spectrogram.fft, np.fft.fft), (spectrogram.ifft, np.fft.ifft)):
        expected = exact(signal)
        np.testing.assert_allclose(
            actual(jnp.asarray(signal, jnp.complex64)),
            expected,
            atol=1e-6 * np.max(np.abs(expected)),
        )


def test_complex_transforms_do_not_depend_on_other_rows():
    """Catches results that change with the share of the rows a thread was given, as the library's
    own complex transform's do.
    """
    parts = np.random.default_rng(0).normal(size=(2, 13, 400)).astype(np.float32)
    signal = jnp.asarray(parts[0] + 1j * parts[1])
    together = jax.jit(spectrogram.ifft)(signal)
    np.testing.assert_array_equal(
        together, np.stack([jax.jit(spectrogram.ifft)(row) for row in signal])
    )
