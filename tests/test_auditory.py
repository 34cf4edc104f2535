"""auditory.py against float64 NumPy written from the equations, and against what the ear's
statistics must not notice.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

from audio_texture import audio, auditory, cochlea

RATE = 8000


@functools.partial(jax.jit, static_argnames="sample_rate")
def statistics(wave, weights=None, *, sample_rate=RATE):
    return auditory.statistics(wave, weights, sample_rate=sample_rate)


envelope_statistics = jax.jit(auditory.envelope_statistics)


def noise(seed=0, samples=RATE):
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


@pytest.mark.parametrize("samples, rate", [(4000, 8000), (4001, 8000), (6000, 44100), (2000, 4000)])
def test_cochlear_filters_keep_the_energy(samples, rate):
    """Catches a gap or an overlap between bands, above all at the ends and where bands are cut at
    Nyquist.
    """
    filters = cochlea.cochlear_filters(samples, rate)
    np.testing.assert_allclose(
        np.sum(filters.astype(np.float64) ** 2, axis=0), 1, atol=1e-6
    )  # float32 responses
    assert len(filters) == len(cochlea.cochlear_centers(rate)) + 2


def test_cochlear_centers_are_those_of_the_paper():
    """MS11: 30 bands from 52 to 8844 Hz at a sample rate of 20 kHz; the same bands, fewer, at a
    lower rate.
    """
    centers = cochlea.cochlear_centers(20000)
    assert len(centers) == 30
    np.testing.assert_allclose(centers[[0, -1]], [52, 8844], rtol=0.01)
    lower = cochlea.cochlear_centers(8000)
    np.testing.assert_array_equal(lower, centers[: len(lower)])
    np.testing.assert_allclose(
        cochlea.erb_frequency(cochlea.erb_number(centers)), centers, rtol=1e-12
    )


def test_octave_filters_keep_the_energy_between_their_ends():
    filters = auditory.octave_filters(np.geomspace(1.6, 99, 50))
    np.testing.assert_allclose(np.sum(filters**2, axis=0), 1, atol=1e-12)


def reference_envelopes(wave, rate):
    """MS11 step by step in float64: analytic signal by scipy, power 0.3, ideal low-pass, decimation
    to 400 Hz.
    """
    filters = cochlea.cochlear_filters(len(wave), rate).astype(np.float64)
    subbands = np.fft.irfft(np.fft.rfft(wave.astype(np.float64)) * filters, n=len(wave))
    compressed = (np.abs(scipy.signal.hilbert(subbands)) ** 2 + 1e-10) ** 0.15
    frames = round(len(wave) * 400 / rate)
    spectrum = np.fft.rfft(compressed)
    spectrum[:, np.arange(spectrum.shape[1]) * 2 >= frames] = 0
    return np.fft.irfft(spectrum)[:, :: len(wave) // frames]  # low-passed, then every 20th sample


def test_envelopes_equal_a_float64_reference():
    wave = noise()
    actual = jax.jit(functools.partial(cochlea.envelopes, sample_rate=RATE, oversampling=np.inf))(
        wave
    )
    np.testing.assert_allclose(
        actual, reference_envelopes(wave, RATE), atol=2e-5
    )  # float32 FFT of values about 0.3


@pytest.mark.parametrize("samples, rate", [(8001, 8000), (9999, 48000)])
def test_subbands_at_lower_rates_have_the_same_envelopes(samples, rate):
    """Catches a subband cut at the wrong bins, or put down at a rate too low for it: clicks and
    noise, odd lengths.
    """
    wave = noise(1, samples)
    wave[samples // 2 :] *= 0.01
    wave[samples // 3] = 1.0
    exact, actual = (
        jax.jit(functools.partial(cochlea.envelopes, sample_rate=rate, oversampling=ratio))(wave)
        for ratio in (np.inf, 2.0)
    )
    fluctuation = np.std(exact, axis=1)
    assert np.all(np.sqrt(np.mean((actual - exact) ** 2, axis=1)) < 0.04 * fluctuation)
    statistics = jax.jit(auditory.envelope_statistics)
    assert auditory.distance(statistics(exact), statistics(actual))[0] < 0.005


@pytest.mark.parametrize("weighted", [False, True])
def test_marginals_and_correlations_equal_a_float64_reference(weighted):
    rng = np.random.default_rng(3)
    envelope = rng.gamma(2.0, 0.1, (8, 300)) + 0.05 * rng.random((1, 300))
    weights = np.hanning(300) if weighted else np.ones(300)
    w = weights / weights.sum()
    mean = envelope @ w
    centred = envelope - mean[:, None]
    sigma = np.sqrt(centred**2 @ w)
    correlation = (centred * w) @ centred.T / np.outer(sigma, sigma)
    j, k = auditory.band_pairs(8, auditory.CORRELATION_OFFSETS)
    actual = envelope_statistics(envelope.astype(np.float32), weights.astype(np.float32))
    tolerance = dict(
        rtol=1e-4, atol=1e-4
    )  # float32, fluctuations of 0.3 % of the mean count as ripple
    np.testing.assert_allclose(actual.mean, mean, **tolerance)
    np.testing.assert_allclose(actual.variance, sigma**2 / mean**2, **tolerance)
    np.testing.assert_allclose(actual.skewness, centred**3 @ w / sigma**3, **tolerance)
    np.testing.assert_allclose(actual.kurtosis, centred**4 @ w / sigma**4, **tolerance)
    np.testing.assert_allclose(actual.correlation, correlation[j, k], **tolerance)


def test_modulation_statistics_equal_their_definition_in_time():
    """The sums over frequencies stand for time averages of filtered envelopes: Parseval's factors,
    the analytic signal.
    """
    envelope = np.random.default_rng(4).gamma(
        2.0, 0.1, (4, 401)
    )  # an odd length has no Nyquist bin
    centred = envelope - envelope.mean(axis=1, keepdims=True)
    frequencies = np.fft.rfftfreq(401, 1 / 400)

    def filtered(filters):
        return np.fft.irfft(np.fft.rfft(centred)[:, None] * filters[None], n=401)

    actual = envelope_statistics(envelope.astype(np.float32))

    bands = filtered(auditory.modulation_filters(frequencies))
    np.testing.assert_allclose(
        actual.modulation,
        np.mean(bands**2, -1) / centred.var(axis=1)[:, None],
        rtol=1e-3,
        atol=1e-5,
    )

    octaves = filtered(auditory.octave_filters(frequencies))
    sigma = octaves.std(axis=-1)
    j, k = auditory.band_pairs(4, auditory.MODULATION_OFFSETS)
    across = np.mean(octaves[j] * octaves[k], -1) / (sigma[j] * sigma[k])
    # the floor under each band's power, 1e-4 of the variance, shows where a band holds little
    np.testing.assert_allclose(actual.across, across[:, 1:], atol=0.02)

    analytic = scipy.signal.hilbert(octaves)
    low, high = analytic[:, :-1], analytic[:, 1:]
    within = np.mean(np.conj(low**2 / np.abs(low)) * high, -1)
    within /= np.sqrt(np.mean(np.abs(low) ** 2, -1) * np.mean(np.abs(high) ** 2, -1))
    np.testing.assert_allclose(actual.within[..., 0], within.real, atol=0.02)
    np.testing.assert_allclose(actual.within[..., 1], within.imag, atol=0.02)


@pytest.mark.parametrize("rate", [4.0, 16.0, 64.0])
def test_a_modulated_tone_shows_in_the_band_of_its_rate(rate):
    """Catches a modulation axis off by the sample rate, by an octave, or by one bin."""
    time = np.arange(2 * RATE) / RATE
    wave = 0.1 * (1 + 0.5 * np.sin(2 * np.pi * rate * time)) * np.sin(2 * np.pi * 1000 * time)
    actual = statistics(wave.astype(np.float32))
    band = 1 + int(np.argmin(np.abs(cochlea.cochlear_centers(RATE) - 1000)))
    strongest = auditory.modulation_centers()[int(np.argmax(actual.modulation[band]))]
    assert abs(np.log2(strongest / rate)) < 0.35


def test_the_phase_of_an_octave_shows_in_within():
    """C2 tells onsets from decays: cos(w) + cos(2 w + phase) has the octave's phase, whatever the
    shift in time.
    """
    time = np.arange(800) / 400
    for phase in (0.0, np.pi / 2, np.pi):
        for delay in (0.0, 0.013):
            t = time - delay
            envelope = (
                0.5 + 0.1 * np.cos(2 * np.pi * 12.5 * t) + 0.1 * np.cos(2 * np.pi * 25 * t + phase)
            )
            actual = envelope_statistics(envelope[None].astype(np.float32))
            # octaves 1.5625 3.125 6.25 12.5 | 25: the pair (12.5, 25) is the fourth
            np.testing.assert_allclose(
                actual.within[0, 3], [np.cos(phase), np.sin(phase)], atol=0.02
            )


def test_gain_moves_only_the_mean():
    wave = noise()
    soft, loud = statistics(wave), statistics(3 * wave)
    np.testing.assert_allclose(
        loud.mean, soft.mean * 3**0.3, rtol=1e-3
    )  # the floor at -100 dB is all that differs
    for name in set(auditory.Statistics._fields) - {"mean"}:
        np.testing.assert_allclose(
            getattr(loud, name), getattr(soft, name), atol=5e-3, err_msg=name
        )


def test_a_circular_shift_moves_nothing():
    wave = noise()
    still, moved = (
        statistics(wave),
        statistics(np.roll(wave, 20 * 37)),
    )  # whole envelope frames: 20 samples
    for name, a, b in zip(still._fields, still, moved, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-3, err_msg=name)


def test_weights_choose_the_part_that_counts():
    """A window over the first half hears the first half, whatever the second one holds."""
    loud, soft = noise(1), 0.1 * noise(2)
    window = np.concatenate([np.hanning(RATE), np.zeros(RATE)]).astype(np.float32)
    one, other = (
        statistics(np.concatenate([loud, soft]), window),
        statistics(np.concatenate([loud, loud]), window),
    )
    np.testing.assert_allclose(one.mean, other.mean, rtol=0.02)
    flat = statistics(noise(1), np.full(RATE, 5.0, np.float32))
    for a, b in zip(flat, statistics(noise(1)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_distance_is_zero_at_the_target_and_tells_textures_apart():
    target = statistics(noise(0))
    total, terms = auditory.distance(target, target)
    assert float(total) == 0.0
    assert set(terms) == set(auditory.Statistics._fields)
    pulses = np.zeros(RATE, np.float32)
    pulses[:: RATE // 8] = 0.9
    near, terms = auditory.distance(target, statistics(noise(1)))
    far, _ = auditory.distance(target, statistics(pulses))
    np.testing.assert_allclose(sum(terms.values()), near, rtol=1e-6)
    assert far > 10 * near
    with pytest.raises(ValueError, match="must have the target's shape"):
        auditory.distance(target, target._replace(mean=target.mean[1:]))


def test_gradient_is_finite_at_silence_and_right_elsewhere():
    """Power 0.3, |a|, sigma: each has an infinite slope somewhere that silence or a constant tone
    reaches.
    """
    target = auditory.Statistics(*map(np.asarray, statistics(noise(0, 2000))))
    both = jax.jit(
        jax.value_and_grad(
            lambda wave: auditory.distance(target, auditory.statistics(wave, sample_rate=RATE))[0]
        )
    )
    loss, gradient = (lambda wave: float(both(wave)[0])), (lambda wave: both(wave)[1])
    tone = 0.1 * np.sin(np.arange(2000) * 2 * np.pi / 8)
    for wave in (np.zeros(2000), tone, noise(0, 2000)):
        assert np.all(np.isfinite(gradient(jnp.asarray(wave, jnp.float32))))
    np.testing.assert_allclose(gradient(jnp.asarray(noise(0, 2000))), 0, atol=1e-3)  # at the target
    wave, direction = noise(5, 2000), noise(6, 2000)
    step = 0.001
    slope = (loss(wave + step * direction) - loss(wave - step * direction)) / (2 * step)
    np.testing.assert_allclose(
        np.vdot(gradient(jnp.asarray(wave)), direction), slope, rtol=0.03
    )  # central difference in float32; in float64 both agree to 7 digits


def test_one_trace_for_many_sounds():
    traces = 0

    @jax.jit
    def counted(wave):
        nonlocal traces
        traces += 1
        return auditory.statistics(wave, sample_rate=RATE)

    for seed in range(3):
        counted(noise(seed, 800))
    assert traces == 1


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="must be mono"):
        auditory.statistics(jnp.zeros((2, 800)), sample_rate=RATE)
    with pytest.raises(ValueError, match="sample_rate=700"):
        auditory.statistics(jnp.zeros(800), sample_rate=700)
    with pytest.raises(ValueError, match="must last"):
        auditory.statistics(jnp.zeros(8), sample_rate=RATE)
    with pytest.raises(ValueError, match="weights must have the wave's shape"):
        auditory.statistics(jnp.zeros(800), jnp.zeros(8), sample_rate=RATE)


def test_halves_of_a_recording_are_nearer_than_recordings(esc10):
    def load(path):
        return audio.resample(audio.read(str(esc10 / path))[0][0], 44100, RATE)

    rain, fire = load("rain/3-157149-A.ogg"), load("fire_crackling/5-213802-A.ogg")
    first, second, other = (
        statistics(x) for x in (rain[: RATE * 2], rain[RATE * 2 : RATE * 4], fire[: RATE * 2])
    )
    assert auditory.distance(first, other)[0] > 5 * auditory.distance(first, second)[0]
