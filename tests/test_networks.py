"""networks.py against XLA's own convolution, and the distribution of its weights against the authors' formulas."""

import jax
import numpy as np
import pytest
from conftest import relative_error

from audio_texture.layer import Layer
from audio_texture.networks import FrequencyAsChannels

X = np.random.default_rng(0).standard_normal((40, 5)).astype(np.float32)


def parameters(net, x=X, seed=0):
    return jax.jit(net.init)(jax.random.key(seed), x)


def apply(net, params, x):
    return jax.jit(net.apply)(params, x)


@pytest.mark.parametrize("padding, initialisation", [("same", "uniform"), ("valid", "normal")])
@pytest.mark.parametrize("width, dilation", [(1, 1), (2, 1), (11, 1), (3, 4), (4, 3)])
def test_equals_xla_convolution(padding, initialisation, width, dilation):
    """Catches flipped kernels, taps unfolded in another order than the kernel's rows, and a lopsided margin."""
    net = FrequencyAsChannels([Layer(width, dilation, 1, 7)], initialisation, padding)
    params = parameters(net)
    kernel = params["params"]["conv_1"]["kernel"].reshape(width, X.shape[1], 7)
    margin = (width - 1) * dilation // 2 if padding == "same" else 0
    expected = jax.lax.conv_general_dilated(
        X[None], kernel, (1,), [(margin, margin)], rhs_dilation=(dilation,), dimension_numbers=("NWC", "WIO", "NWC")
    )[0]
    if initialisation == "uniform":
        expected = expected + params["params"]["conv_1"]["bias"][None]
    assert relative_error(apply(net, params, X)["conv_1"], expected) < 1e-5


@pytest.mark.parametrize("pooling", ["max", "mean"])
@pytest.mark.parametrize("initialisation", ["normal", "uniform"])
def test_taps(pooling, initialisation):
    """Names, shapes and the order of stages, with a pool that leaves frames over."""
    net = FrequencyAsChannels([Layer(3, 2, 3, 6), Layer(3, 1, 1, 4)], initialisation, "same", pooling)
    params = parameters(net)
    taps = apply(net, params, X)
    expected = {"conv_1": (40, 6), "relu_1": (40, 6), "pool_1": (13, 6), "conv_2": (13, 4), "relu_2": (13, 4)}
    if initialisation == "uniform":
        expected |= {"batchnorm_1": (40, 6), "batchnorm_2": (13, 4)}
        gain = params["params"]["batchnorm_1"] / np.sqrt(1 + 1e-5)
        np.testing.assert_allclose(taps["batchnorm_1"], taps["conv_1"] * gain[None], rtol=1e-6)
    assert {name: tap.shape for name, tap in taps.items()} == expected
    before = taps["batchnorm_1" if initialisation == "uniform" else "conv_1"]
    np.testing.assert_array_equal(taps["relu_1"], np.maximum(before, 0))
    blocks = np.asarray(taps["relu_1"])[:39].reshape(13, 3, 6)
    np.testing.assert_allclose(taps["pool_1"], blocks.max(1) if pooling == "max" else blocks.mean(1), rtol=1e-6)


@pytest.mark.parametrize("filters, width", [(600, 11), (3000, 2)])
def test_normal_weights_have_the_authors_deviation(filters, width):
    """paper.md A.3: std = sqrt(2) sqrt(2 / ((C_in + C_out) k)), without bias. Catches a fan that forgot the width."""
    x = np.zeros((20, 50), np.float32)
    params = parameters(FrequencyAsChannels([Layer(width, 1, 1, filters)]), x)["params"]
    assert set(params) == {"conv_1"} and set(params["conv_1"]) == {"kernel"}
    kernel = np.asarray(params["conv_1"]["kernel"], np.float64)
    expected = np.sqrt(2) * np.sqrt(2 / ((50 + filters) * width))
    assert kernel.std() == pytest.approx(expected, rel=0.01) and abs(kernel.mean()) < 0.01 * expected
    assert np.mean(kernel**4) / np.mean(kernel**2) ** 2 == pytest.approx(3, rel=0.03)  # Gaussian, not truncated


def test_uniform_weights_are_those_of_pytorch_in_2017():
    """U(+-1/sqrt(C_in k)) with bias, gains over [0, 1]. Catches today's gains of one (paper.md A.3)."""
    params = parameters(FrequencyAsChannels([Layer(11, 1, 1, 2000)], "uniform"), np.zeros((20, 50), np.float32))["params"]
    limit = 1 / np.sqrt(50 * 11)
    for values, low, high in ((params["conv_1"]["kernel"], -limit, limit), (params["conv_1"]["bias"], -limit, limit), (params["batchnorm_1"], 0, 1)):
        values = np.asarray(values)
        assert low <= values.min() < low + 0.01 * (high - low) and high >= values.max() > high - 0.01 * (high - low)
        assert values.std() == pytest.approx((high - low) / np.sqrt(12), rel=0.05)


@pytest.mark.parametrize("layers", [[Layer(4, 2, 1, 6)], [Layer(3, 1, 2, 6), Layer(2, 1, 1, 5)]])
def test_frames_shift_with_the_sound(layers):
    """A later sound gives later features, by whole pools. Catches any tap that depends on absolute time."""
    net = FrequencyAsChannels(layers, "uniform", "valid", "max")
    stride = int(np.prod([layer.pool for layer in layers]))
    params = parameters(net)
    early, late = (apply(net, params, x)[f"relu_{len(layers)}"] for x in (X[:-stride], X[stride:]))
    np.testing.assert_allclose(early[1:], late[:-1], atol=1e-6)


def test_same_padding_is_silence():
    """The ends see zeros: a sound within silence has the same features as the sound alone."""
    net = FrequencyAsChannels([Layer(5, 1, 1, 6)], padding="same")
    params = parameters(net)
    within = np.pad(X, ((7, 7), (0, 0)))
    np.testing.assert_allclose(apply(net, params, within)["relu_1"][7:-7], apply(net, params, X)["relu_1"], atol=1e-6)


def test_weights_depend_on_the_key_alone():
    net = FrequencyAsChannels([Layer(3, 1, 1, 6)])
    kernel = lambda params: np.asarray(params["params"]["conv_1"]["kernel"])
    np.testing.assert_array_equal(kernel(parameters(net)), kernel(parameters(net, 2 * X[:9])))
    assert abs(np.corrcoef(kernel(parameters(net)).ravel(), kernel(parameters(net, seed=1)).ravel())[0, 1]) < 0.4


def test_jit_and_vmap_agree_with_one_by_one():
    net = FrequencyAsChannels([Layer(3, 1, 2, 6)])
    params = parameters(net)
    sounds = np.stack([X, X[::-1], 2 * X])
    both = jax.jit(jax.vmap(lambda x: apply(net, params, x)["pool_1"]))(sounds)
    np.testing.assert_allclose(both, np.stack([apply(net, params, x)["pool_1"] for x in sounds]), atol=1e-6)


def test_unknown_initialisation_is_refused():
    with pytest.raises(ValueError, match="initialisation must be one of normal, uniform, got 'he'"):
        parameters(FrequencyAsChannels([Layer(3, 1, 1, 6)], "he"))


@pytest.mark.parametrize("field, net", [("padding", FrequencyAsChannels([Layer(3, 1, 1, 6)], padding="full")), ("pooling", FrequencyAsChannels([Layer(3, 1, 2, 6)], pooling="min"))])
def test_unknown_choices_are_refused(field, net):
    """Catches a misspelt choice that quietly means another one."""
    with pytest.raises(ValueError, match=f"{field} must be one of"):
        parameters(net)


def test_too_few_frames_are_refused():
    with pytest.raises(ValueError, match="4 frames are fewer than the 7 that a kernel spans"):
        parameters(FrequencyAsChannels([Layer(4, 2, 1, 6)], padding="valid"), X[:4])
