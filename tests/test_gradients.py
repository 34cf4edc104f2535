"""Gradients of every transform and statistic: those of finite differences, finite at silence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from audio_texture import auditory, canvas, constant_q, infinite_width, spectrogram, statistics
from audio_texture.layer import Layer

FRAMES = dict(n_fft=16, hop_length=8)
LAYERS = [Layer(kernel_size=2, filters=1), Layer(kernel_size=1, pool=2, filters=1)]
RNG = np.random.default_rng(0)
WAVE = RNG.standard_normal(48)
FEATURES = RNG.standard_normal((7, 3))
MAGNITUDE = 0.1 + np.abs(RNG.standard_normal((7, 9)))
DIRECTIONS = [RNG.standard_normal((3 * width, 2)) for width in (1, 2)]
PLAN = constant_q.plan(sample_rate=48, samples=48, bins_per_octave=2, f_min=6.0)


def magnitude_of_stft(wave):
    return jnp.abs(spectrogram.stft(wave, **FRAMES))


def standardise(x):
    reference = jnp.asarray(MAGNITUDE[::-1] ** 2, x.dtype)
    return spectrogram.standardise(x, *spectrogram.standardisation(reference))


def relative(x):
    scale = spectrogram.loudness_scale(jnp.asarray(MAGNITUDE[::-1] ** 2, x.dtype))
    return spectrogram.compress_relative(x, scale, sharpness=30.0)


def infinite_terms(x):
    y_products = infinite_width.frame_gram(jnp.asarray(FEATURES[::-1] + 0.5, x.dtype))
    y_kernel = infinite_width.self_kernel(y_products, LAYERS)
    cross = infinite_width.frame_products(x, jnp.asarray(FEATURES[::-1] + 0.5, x.dtype))
    products = infinite_width.frame_gram(x)
    return infinite_width.gram_distance_x_terms(
        products, jnp.mean(x * x, axis=1), cross, y_kernel.variances, LAYERS
    )


def one_layer_terms(x):
    y = jnp.asarray(FEATURES[::-1] + 0.5, x.dtype)
    layers = LAYERS[:1]
    kernel = infinite_width.self_kernel(infinite_width.frame_gram(y), layers)
    return infinite_width.gram_distance_x_terms(
        infinite_width.frame_gram(x),
        jnp.mean(x * x, axis=1),
        infinite_width.frame_products(x, y),
        kernel.variances,
        layers,
    )


def infinite_content(x):
    return infinite_width.content_distance(x, jnp.asarray(FEATURES[::-1], x.dtype), LAYERS)


def kernel_distance(x):
    y = jnp.asarray(FEATURES[::-1] + 0.5, x.dtype)
    kernel = statistics.feature_kernel
    y_size = statistics.kernel_gram_size(kernel(y, y))
    return statistics.kernel_gram_distance(kernel(x, x), kernel(x, y), y_size)


def log_map(x):
    return spectrogram.compress(x) @ constant_q.log_map(16, lowest=2).forward


def auditory_distance(envelope):
    target = auditory.envelope_statistics(jnp.asarray(ENVELOPE[:, ::-1] ** 2, envelope.dtype))
    return auditory.distance(target, auditory.envelope_statistics(envelope))[0]


def gains(x):
    equaliser = canvas.Equaliser(n_fft=16, hop_length=8, bands=2)
    coupled = jnp.ones((9, 1, 1))
    wave = jnp.asarray(WAVE[None], x.dtype)
    return canvas.apply_gains(wave, x, coupled=coupled, sample_rate=8000, equaliser=equaliser)


ENVELOPE = 0.5 + 0.2 * RNG.random((3, 24))
# name: function, input in float64.
CASES = {
    "stft": (magnitude_of_stft, WAVE),
    "istft": (lambda x: spectrogram.istft(x + 0j, **FRAMES, length=48), MAGNITUDE),
    "band": (lambda x: spectrogram.band(x, sample_rate=48, low=5, high=12), WAVE),
    "mel": (lambda x: x @ spectrogram.mel_filters(8000, 16, 3), MAGNITUDE),
    "log map": (log_map, MAGNITUDE),
    "cqt": (lambda x: jnp.abs(constant_q.cqt(x, PLAN)), WAVE),
    "compress": (spectrogram.compress, MAGNITUDE),
    "expand": (spectrogram.expand, MAGNITUDE / 10),
    "compress relative": (relative, MAGNITUDE),
    "standardise": (standardise, MAGNITUDE),
    "gram": (statistics.gram, FEATURES),
    "kernel gram distance": (kernel_distance, FEATURES),
    "autocorrelation": (lambda x: statistics.autocorrelation(x, 3), FEATURES),
    "nuclear norm": (statistics.nuclear_norm, FEATURES),
    "auditory distance": (auditory_distance, ENVELOPE),
    "envelopes": (lambda x: auditory.envelopes(x, sample_rate=4000, bands=4), 0.1 * WAVE),
    "frame gram": (infinite_width.frame_gram, FEATURES),
    "infinite gram, one layer": (one_layer_terms, FEATURES),
    "infinite gram, two layers": (infinite_terms, FEATURES),
    "infinite content": (infinite_content, FEATURES),
    "gains": (gains, 0.1 * RNG.standard_normal((1, 7, 2))),
}


@pytest.mark.parametrize("name", CASES)
def test_gradient_equals_finite_differences(name):
    """Catches a hand-written derivative with a wrong sign, factor or argument."""
    function, x = CASES[name]
    with jax.enable_x64(True):
        check_grads(
            jax.jit(function), (jnp.asarray(x),), 1, modes=["rev"], eps=1e-4, rtol=2e-3, atol=2e-3
        )


def test_sorted_projections_have_their_gradient():
    """Sorting is defined in float32, so the step is larger; no values are near enough to swap."""

    def quantiles(x):
        along = [direction.astype(np.float32) for direction in DIRECTIONS]
        return statistics.sorted_projections(x, along, quantiles=4)

    x = jnp.asarray(FEATURES, jnp.float32)
    check_grads(quantiles, (x,), 1, modes=["rev"], eps=1e-3, rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("name", CASES)
def test_gradient_is_finite_at_silence(name):
    """Catches 0 / 0 and infinite roots: a single NaN ends a run."""
    function, x = CASES[name]
    # The envelope of silence is that of the floor, 1e-5 ** 0.3.
    silence = jnp.full(x.shape, 0.03 if name == "auditory distance" else 0.0, jnp.float32)
    gradient = jax.jit(jax.grad(lambda x: jnp.sum(function(x))))(silence)
    assert np.all(np.isfinite(gradient))
