"""canvas.py: the density against known spectra, and noise shaped by it against the reference it
must sound like.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal
from helpers import correlated, correlation_of, highest_correlation, noise, relative_error

from audio_texture import canvas, morphing

RATE = 8000
# An autoregression with a resonance at 1.5 kHz, and its true spectrum.
AR = np.poly(
    [0.9 * np.exp(1j * 2 * np.pi * 1500 / RATE), 0.9 * np.exp(-1j * 2 * np.pi * 1500 / RATE)]
).real


def resonant(samples, seed=0):
    return scipy.signal.lfilter([1.0], AR, noise(samples, seed=seed)).astype(np.float32)


def density_of(wave, samples, smoothing_hz=100.0):
    return canvas.spectral_density(
        wave, sample_rate=RATE, samples=samples, smoothing_hz=smoothing_hz
    )


def sketched(references, samples, *, weights=None, smoothing_hz=100.0, bands=0):
    weights, equaliser = weights or [1] * len(references), canvas.Equaliser(128, 32, bands)
    return canvas.waveform_canvas(
        references,
        weights,
        sample_rate=RATE,
        samples=samples,
        smoothing_hz=smoothing_hz,
        equaliser=equaliser,
    )


def shaped(references, samples, *, seed=0, **choices):
    """One wave of the canvas, as it starts."""
    sketch = sketched(references, samples, **choices)
    return np.asarray(jax.jit(sketch.render)(sketch.init(jax.random.key(seed)), sketch.constants))


def welch_db(wave):
    return 10 * np.log10(scipy.signal.welch(wave, RATE, nperseg=256)[1])


@pytest.mark.parametrize("samples", [1000, 4001, 40000])
def test_density_is_the_true_spectrum(samples):
    """In units of power per sample, whatever the canvas's length; catches a lost window gain and a
    wrong frequency axis.
    """
    white = density_of(noise(40000), samples, 400)[:, 0, 0].real
    np.testing.assert_allclose(
        10 * np.log10(white / 0.01), 0, atol=1.2
    )  # 400 Hz of 5 s: 0.2 dB error
    actual = density_of(resonant(40000), samples, 100)[:, 0, 0].real
    _, response = scipy.signal.freqz([1.0], AR, np.fft.rfftfreq(samples), fs=1.0)
    apart = 10 * np.log10(actual / (0.01 * np.abs(response) ** 2))
    assert np.max(np.abs(apart)) < 2.5 and abs(np.mean(apart)) < 0.2


def test_density_is_positive_semidefinite():
    wave = correlated(4000, 0.8)
    wave = np.concatenate(
        [wave, wave[:1] - wave[1:]]
    )  # a third channel that follows from the others
    density = density_of(wave, 3000, 2)
    np.testing.assert_allclose(density, np.conj(np.swapaxes(density, 1, 2)), atol=1e-12)
    lowest = np.linalg.eigvalsh(density)
    assert np.all(lowest[:, 0] > -1e-9 * lowest[:, -1])


def test_colour_is_a_root_of_the_density():
    density = density_of(correlated(4000, 0.5), 2000)
    colour = canvas.spectral_colour(density)
    np.testing.assert_allclose(
        colour @ np.conj(np.swapaxes(colour, 1, 2)), density, atol=1e-5 * np.abs(density).max()
    )
    assert colour.dtype == np.complex64
    mono = canvas.spectral_colour(density[:, :1, :1])
    assert mono.dtype == np.float32 and mono.shape == (1001, 1, 1)


def test_coloured_is_a_filter():
    """A constant colour is a gain; linear; each frequency by itself."""
    z = noise(1000, 2)
    mixing = np.array([[0.5, 0], [2, 1]], np.float32)
    actual = canvas.colour_noise(z, np.broadcast_to(mixing, (501, 2, 2)))
    np.testing.assert_allclose(actual, mixing @ z, atol=1e-6)
    colour = density_of(resonant(4000), 1000)[:, :, :].real.astype(np.float32)
    expected = np.fft.irfft(colour[:, 0, 0] * np.fft.rfft(z[:1].astype(np.float64)), n=1000)
    assert relative_error(canvas.colour_noise(z[:1], colour), expected) < 1e-5


@pytest.mark.parametrize("samples", [9001, 24000, 60000])
def test_shaped_noise_has_the_references_spectrum(samples):
    """At other lengths than the reference's too: catches a level that depends on the canvas's
    length.
    """
    reference = resonant(24000)
    actual = shaped([reference], samples)
    assert actual.shape == (1, samples) and actual.dtype == np.float32
    apart = welch_db(actual[0]) - welch_db(reference[0])
    assert np.sqrt(np.mean(apart**2)) < 1.2 and abs(np.mean(apart)) < 0.4
    assert np.std(actual) == pytest.approx(np.std(reference), rel=0.1)


@pytest.mark.parametrize("samples", [2000, 4003, 16000, 50000])
@pytest.mark.parametrize("hertz", [1000.0, 1001.3, 1234.5])
def test_tones_keep_their_power_at_every_length(samples, hertz):
    """Catches tones that fall between the frequencies of a canvas shorter than the reference, and
    are lost.
    """
    tone = 0.3 * np.sin(2 * np.pi * hertz * np.arange(32000) / RATE)
    reference = (tone[None] + noise(32000, level=1e-3)).astype(np.float32)
    power = [
        np.mean(shaped([reference], samples, smoothing_hz=2.0, seed=seed) ** 2)
        for seed in range(20)
    ]
    # Few frequencies hold all the power: as random as exponential variables are.
    assert 10 * np.log10(np.mean(power) / np.mean(reference**2)) == pytest.approx(0, abs=2.5)


@pytest.mark.parametrize("correlation", [0.9, 0.0, -0.7, 1.0])
def test_stereo_keeps_its_image(correlation):
    """Catches independent channels, and dual mono that fails for want of a second dimension."""
    actual = shaped([correlated(16000, correlation)], 16000)
    assert np.all(np.isfinite(actual))
    assert correlation_of(*actual) == pytest.approx(correlation, abs=0.05)


def test_stereo_keeps_coherence_and_phase_at_every_frequency():
    """A delay between the channels below 1 kHz, independence above. Catches a conjugated cross
    spectrum: a delay the other way.
    """
    common, left, right = noise(40000, 3)
    low, high = (
        scipy.signal.butter(6, 1000, kind, fs=RATE, output="sos")
        for kind in ("lowpass", "highpass")
    )
    low_common = scipy.signal.sosfilt(low, common)
    reference = np.stack([low_common, np.roll(low_common, 4)]) + scipy.signal.sosfilt(
        high, np.stack([left, right])
    )
    actual = shaped([reference.astype(np.float32)], 40000)
    for wave in (reference, actual):
        hertz, cross = scipy.signal.csd(*wave, RATE, nperseg=256)
        coherence = scipy.signal.coherence(*wave, RATE, nperseg=256)[1]
        assert (
            np.mean(coherence[(hertz > 100) & (hertz < 700)]) > 0.9
            and np.mean(coherence[hertz > 1500]) < 0.1
        )
        band = (hertz > 200) & (hertz < 700)
        delay = -np.angle(cross[band]) / (2 * np.pi * hertz[band]) * RATE
        np.testing.assert_allclose(np.median(delay), 4, atol=0.4)


def test_no_phase_of_the_reference_survives():
    """Catches a canvas that starts as a copy: the correlation with the reference is that of
    independent noise.
    """
    reference = resonant(16000)
    independent = highest_correlation(resonant(16000, seed=9)[0], reference[0])
    for smoothing_hz in (2.0, 100.0):
        assert (
            highest_correlation(
                shaped([reference], 16000, smoothing_hz=smoothing_hz)[0], reference[0]
            )
            < 1.7 * independent
        )


def low_and_high():
    return [
        scipy.signal.sosfilt(
            scipy.signal.butter(2, 2000, kind, fs=RATE, output="sos"), noise(16000, seed=seed)
        )
        for seed, kind in enumerate(("lowpass", "highpass"))
    ]


def test_references_are_mixed_between_their_levels():
    """In every band the decibels are the weighted mean of the references'; 1 : 0 is the first
    alone.
    """
    low, high = low_and_high()
    alone = [welch_db(shaped([wave], 16000)[0]) for wave in (low, high)]
    np.testing.assert_allclose(
        shaped([low, high], 16000, weights=[1, 0]), shaped([low], 16000), atol=1e-6
    )
    actual = welch_db(shaped([low, high], 16000, weights=[0.7, 0.3])[0])
    np.testing.assert_allclose(actual[8:-8], (0.7 * alone[0] + 0.3 * alone[1])[8:-8], atol=1.5)


def test_a_morph_begins_as_one_and_ends_as_the_other():
    low, high = low_and_high()
    sketch = canvas.waveform_canvas(
        [low, high],
        [1, 0],
        sample_rate=RATE,
        samples=16000,
        smoothing_hz=100.0,
        equaliser=canvas.Equaliser(256, 64, 0),
        course=morphing.course_of([1, 0], [0, 1], None),
    )
    wave = np.asarray(sketch.render(sketch.init(jax.random.key(0)), sketch.constants))[0]
    slopes = [
        np.mean(bands[-50:-8]) - np.mean(bands[8:50]) for bands in map(welch_db, np.split(wave, 5))
    ]
    assert np.all(np.diff(slopes) > 3) and slopes[0] < -12 and slopes[-1] > 12


def test_start_is_white_and_belongs_to_the_key():
    sketch = sketched([resonant(4000)], 5000)
    z = sketch.init(jax.random.key(0))["noise"]
    assert z.shape == (1, 5000) and float(jnp.std(z)) == pytest.approx(1, abs=0.05)
    np.testing.assert_array_equal(z, sketch.init(jax.random.key(0))["noise"])
    assert abs(correlation_of(z[0], sketch.init(jax.random.key(1))["noise"][0])) < 0.1


# --- gains over time and frequency


@pytest.mark.parametrize("samples", [2000, 2003])
def test_gains_of_zero_change_nothing(samples):
    """To the last sample: catches ends that the frames do not reach, and a start that is no longer
    the reference's spectrum.
    """
    reference = correlated(4000, 0.5)
    np.testing.assert_allclose(
        shaped([reference], samples, bands=8), shaped([reference], samples), atol=1e-5
    )


def test_equal_gains_are_a_gain_and_a_band_is_a_band():
    """As natural logs, over every frequency from 0 to Nyquist: catches bins that belong to no band,
    or to
    two.
    """
    sketch = sketched([noise(4000)], 4000, bands=8)
    parameters = sketch.init(jax.random.key(0))
    render = jax.jit(
        lambda gain: sketch.render(
            parameters | {"gain": parameters["gain"] + gain}, sketch.constants
        )
    )
    plain = np.asarray(render(0.0))
    np.testing.assert_allclose(render(np.log(2.0)), 2 * plain, atol=1e-5)
    # The third band silenced takes a stretch of the spectrum away and leaves the rest.
    changed = welch_db(np.asarray(render(jnp.zeros(8).at[3].set(-9.0)[None, None]))[0]) - welch_db(
        plain[0]
    )
    assert np.min(changed) < -10 and np.median(np.abs(changed)) < 0.5
    # Frames silenced are a stretch of silence.
    late = np.asarray(
        render(jnp.where(jnp.arange(parameters["gain"].shape[1]) < 60, -9.0, 0.0)[None, :, None])
    )[0]
    assert (
        np.std(late[:1700]) < 1e-3 * np.std(plain) and np.std(late[2100:] - plain[0, 2100:]) < 1e-5
    )


def test_gradients_reach_noise_and_gains():
    sketch = sketched([correlated(2000, 0.3)], 1000, bands=8)
    gradient = jax.jit(
        jax.grad(lambda parameters: jnp.sum(sketch.render(parameters, sketch.constants) ** 4))
    )(sketch.init(jax.random.key(0)))
    for leaf in jax.tree.leaves(gradient):
        assert np.all(np.isfinite(leaf)) and np.all(np.any(np.asarray(leaf) != 0, axis=-1))


# --- spectrograms


def test_standard_spectrogram_canvas_has_the_references_moments():
    mean, std = (
        np.linspace(0, 1, 20, dtype=np.float32),
        np.geomspace(0.01, 1, 20, dtype=np.float32),
    )
    sketch = canvas.standard_spectrogram_canvas(3000, mean, std)
    x = np.asarray(sketch.render(sketch.init(jax.random.key(0)), sketch.constants))
    np.testing.assert_allclose((x.mean(axis=0) - mean) / std, 0, atol=0.1)
    np.testing.assert_allclose(x.std(axis=0) / std, 1, atol=0.1)


def test_spectrogram_canvas_starts_as_the_authors():
    """U(0, 0.1) (paper.md A.5), seen as it is."""
    sketch = canvas.spectrogram_canvas((200, 33))
    x = np.asarray(sketch.init(jax.random.key(0)))
    assert x.shape == (200, 33) and 0 <= x.min() < 1e-3 and 0.099 < x.max() < 0.1
    assert sketch.render(x, sketch.constants) is x


# --- starting from a sound


@pytest.mark.parametrize("channels", [1, 2])
def test_invert_is_the_inverse_of_render(channels):
    """With and without gains; the second channel is nearly the first, where the colour is nearly
    singular.
    """
    wave = (
        resonant(3000)
        if channels == 1
        else correlated(
            3000,
            0.99,
            make=lambda samples, count, seed: np.concatenate(
                [resonant(samples, seed + i) for i in range(count)]
            ),
        )
    )
    for bands in (0, 8):
        sketch = sketched(
            [wave, noise(2000, channels, seed=7)], 3000, smoothing_hz=5.0, bands=bands
        )
        parameters = sketch.invert(jnp.asarray(wave), sketch.constants)
        assert relative_error(sketch.render(parameters, sketch.constants), wave) < 1e-3
        # Preconditioned: no frequency of the noise is far from white.
        spectrum = np.abs(np.fft.rfft(parameters["noise"]))
        assert np.max(spectrum) < 50 * np.sqrt(np.mean(spectrum**2))


def test_standard_spectrograms_invert():
    sketch = canvas.standard_spectrogram_canvas(5, jnp.arange(4.0), 1.0 + jnp.arange(4.0))
    signal = jnp.asarray(np.random.default_rng(0).random((5, 4)), jnp.float32)
    assert (
        relative_error(
            sketch.render(sketch.invert(signal, sketch.constants), sketch.constants), signal
        )
        < 1e-6
    )


def test_recoloured_has_the_others_levels_and_its_own_course():
    """Levels in bands within 2 dB; a tone stays a tone, a silence a silence; what is not there is
    not raised.
    """
    wave = resonant(8000) * np.repeat([1.0, 0.0, 1.0, 0.3], 2000).astype(np.float32)
    other = noise(6000, seed=5)
    actual = canvas.match_band_levels(wave, other, sample_rate=RATE)
    levels = [welch_db(sound[0])[4:-8].reshape(-1, 9).mean(axis=1) for sound in (actual, other)]
    assert np.max(np.abs(levels[0] - levels[1])) < 2 and actual.dtype == np.float32
    assert np.sqrt(np.mean(actual[0, 2200:3800] ** 2)) < 0.01 * np.sqrt(np.mean(actual**2))
    tone = np.sin(2 * np.pi * 1000 * np.arange(8000) / RATE, dtype=np.float32)[None]
    alone = np.abs(
        np.fft.rfft(canvas.match_band_levels(tone, other, sample_rate=RATE)[0] * np.hanning(8000))
    )
    assert np.sum(alone[990:1011] ** 2) > 0.98 * np.sum(alone**2)
