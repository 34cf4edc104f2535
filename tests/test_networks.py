"""networks.py: against XLA's convolution, the authors' formulas, and shifts of the input."""

import jax
import numpy as np
import pytest
from helpers import relative_error

from audio_texture import combinators, losses, networks
from audio_texture.layer import Layer, NetworkConfig, cut_after, receptive_fields
from audio_texture.networks import (
    BatchNormalisation,
    Convolution,
    FrequencyAsChannels,
    TimeAsChannels,
    TwoDimensional,
    build,
)

X = np.random.default_rng(0).standard_normal((40, 5)).astype(np.float32)


def parameters(net, x=X, seed=0):
    return jax.jit(net.init)(jax.random.key(seed), x)


def apply(net, params, x):
    return jax.jit(net.apply)(params, x)


@pytest.mark.parametrize("padding, initialisation", [("same", "uniform"), ("valid", "normal")])
@pytest.mark.parametrize("kernel_size, dilation", [(1, 1), (2, 1), (11, 1), (3, 4), (4, 3)])
def test_equals_xla_convolution(padding, initialisation, kernel_size, dilation):
    """The unfolded convolution equals XLA's, for every padding and dilation."""
    net = FrequencyAsChannels([Layer(kernel_size, dilation, 1, 7)], initialisation, padding)
    margin = (kernel_size - 1) * dilation // 2 if padding == "same" else 0

    @jax.jit
    def convolve(key, x):
        params = net.init(key, x)
        layer = params["params"]["conv_1"]
        expected = jax.lax.conv_general_dilated(
            x[None],
            layer["kernel"].reshape(kernel_size, x.shape[1], 7),
            (1,),
            [(margin, margin)],
            rhs_dilation=(dilation,),
            dimension_numbers=("NWC", "WIO", "NWC"),
        )[0]
        if initialisation == "uniform":
            expected = expected + layer["bias"][None]
        return net.apply(params, x)["conv_1"], expected

    assert relative_error(*convolve(jax.random.key(0), X)) < 1e-5


@pytest.mark.parametrize("pooling", ["max", "mean"])
@pytest.mark.parametrize("initialisation", ["normal", "uniform"])
def test_taps(pooling, initialisation):
    """Names, shapes and order of the stages, with a pool that drops frames."""
    net = FrequencyAsChannels(
        [Layer(3, 2, 3, 6), Layer(3, 1, 1, 4)], initialisation, "same", pooling
    )
    params = parameters(net)
    taps = apply(net, params, X)
    expected = {
        "conv_1": (40, 6),
        "relu_1": (40, 6),
        "pool_1": (13, 6),
        "conv_2": (13, 4),
        "relu_2": (13, 4),
    }
    if initialisation == "uniform":
        expected |= {"batchnorm_1": (40, 6), "batchnorm_2": (13, 4)}
        gain = params["params"]["batchnorm_1"]["gain"] / np.sqrt(1 + 1e-5)
        np.testing.assert_allclose(taps["batchnorm_1"], taps["conv_1"] * gain[None], rtol=1e-6)
    assert {name: tap.shape for name, tap in taps.items()} == expected
    before = taps["batchnorm_1" if initialisation == "uniform" else "conv_1"]
    np.testing.assert_array_equal(taps["relu_1"], np.maximum(before, 0))
    blocks = np.asarray(taps["relu_1"])[:39].reshape(13, 3, 6)
    np.testing.assert_allclose(
        taps["pool_1"], blocks.max(1) if pooling == "max" else blocks.mean(1), rtol=1e-6
    )


@pytest.mark.parametrize("filters, kernel_size", [(600, 11), (3000, 2)])
def test_normal_weights_have_the_authors_std(filters, kernel_size):
    """std = sqrt(2) sqrt(2 / ((C_in + C_out) kernel_size)), without bias."""
    x = np.zeros((20, 50), np.float32)
    params = parameters(FrequencyAsChannels([Layer(kernel_size, 1, 1, filters)]), x)["params"]
    assert set(params) == {"conv_1"} and set(params["conv_1"]) == {"kernel"}
    kernel = np.asarray(params["conv_1"]["kernel"], np.float64)
    expected = np.sqrt(2) * np.sqrt(2 / ((50 + filters) * kernel_size))
    assert (
        kernel.std() == pytest.approx(expected, rel=0.01) and abs(kernel.mean()) < 0.01 * expected
    )
    assert np.mean(kernel**4) / np.mean(kernel**2) ** 2 == pytest.approx(
        3, rel=0.03
    )  # Gaussian, not truncated


def test_uniform_weights_are_those_of_pytorch_in_2017():
    """They are within +-1 / sqrt(C_in kernel_size), with bias, and gains within [0, 1]."""
    params = parameters(
        FrequencyAsChannels([Layer(11, 1, 1, 2000)], "uniform"), np.zeros((20, 50), np.float32)
    )["params"]
    limit = 1 / np.sqrt(50 * 11)
    for values, low, high in (
        (params["conv_1"]["kernel"], -limit, limit),
        (params["conv_1"]["bias"], -limit, limit),
        (params["batchnorm_1"]["gain"], 0, 1),
    ):
        values = np.asarray(values)
        assert low <= values.min() < low + 0.01 * (
            high - low
        ) and high >= values.max() > high - 0.01 * (high - low)
        assert values.std() == pytest.approx((high - low) / np.sqrt(12), rel=0.05)


@pytest.mark.parametrize("layers", [[Layer(4, 2, 1, 6)], [Layer(3, 1, 2, 6), Layer(2, 1, 1, 5)]])
def test_frames_shift_with_the_sound(layers):
    """A later sound gives later features, by whole pools: no tap depends on absolute time."""
    net = FrequencyAsChannels(layers, "uniform", "valid", "max")
    stride = int(np.prod([layer.pool for layer in layers]))
    params = parameters(net)
    early, late = (apply(net, params, x)[f"relu_{len(layers)}"] for x in (X[:-stride], X[stride:]))
    np.testing.assert_allclose(early[1:], late[:-1], atol=1e-6)


def test_same_padding_is_silence():
    """A sound within silence has the same features as the sound alone."""
    net = FrequencyAsChannels([Layer(5, 1, 1, 6)], padding="same")
    params = parameters(net)
    within = np.pad(X, ((7, 7), (0, 0)))
    np.testing.assert_allclose(
        apply(net, params, within)["relu_1"][7:-7], apply(net, params, X)["relu_1"], atol=1e-6
    )


def test_weights_depend_on_the_key_alone():
    net = FrequencyAsChannels([Layer(3, 1, 1, 6)])

    def kernel(params):
        return np.asarray(params["params"]["conv_1"]["kernel"])

    np.testing.assert_array_equal(kernel(parameters(net)), kernel(parameters(net, 2 * X[:9])))
    assert (
        abs(
            np.corrcoef(kernel(parameters(net)).ravel(), kernel(parameters(net, seed=1)).ravel())[
                0, 1
            ]
        )
        < 0.4
    )


def test_jit_and_vmap_agree_with_one_by_one():
    net = FrequencyAsChannels([Layer(3, 1, 2, 6)])
    params = parameters(net)
    sounds = np.stack([X, X[::-1], 2 * X])
    mapped = jax.jit(jax.vmap(lambda x: apply(net, params, x)["pool_1"]))(sounds)
    np.testing.assert_allclose(
        mapped, np.stack([apply(net, params, x)["pool_1"] for x in sounds]), atol=1e-6
    )


def test_unknown_initialisation_is_refused():
    with pytest.raises(
        ValueError, match="initialisation must be one of normal, uniform, narrow, got 'he'"
    ):
        parameters(FrequencyAsChannels([Layer(3, 1, 1, 6)], "he"))


@pytest.mark.parametrize(
    "field, net",
    [
        ("padding", FrequencyAsChannels([Layer(3, 1, 1, 6)], padding="full")),
        ("pooling", FrequencyAsChannels([Layer(3, 1, 2, 6)], pooling="min")),
    ],
)
def test_unknown_choices_are_refused(field, net):
    """A misspelt choice is an error."""
    with pytest.raises(ValueError, match=f"{field} must be one of"):
        parameters(net)


def test_too_few_frames_are_refused():
    with pytest.raises(ValueError, match="4 frames are fewer than the 7 that a kernel spans"):
        parameters(FrequencyAsChannels([Layer(4, 2, 1, 6)], padding="valid"), X[:4])


# --- the other networks

PICTURE = np.random.default_rng(1).standard_normal((23, 19)).astype(np.float32)
SMALL = (Layer(3, 1, 2, 6), Layer(3, 1, 1, 4))


@pytest.mark.parametrize("padding, initialisation", [("same", "uniform"), ("valid", "normal")])
@pytest.mark.parametrize("kernel_size, dilation", [(2, 1), (5, 1), (3, 2)])
def test_two_dimensions_equal_xla_convolution(kernel_size, dilation, padding, initialisation):
    """The unfolded convolution and the one of training equal XLA's."""
    net = Convolution(
        Layer(kernel_size, dilation, 1, 7),
        initialisation,
        padding,
        initialisation == "uniform",
        ("frames", "bins"),
    )
    x = np.random.default_rng(0).standard_normal((14, 17, 3)).astype(np.float32)
    margin = (kernel_size - 1) * dilation // 2 if padding == "same" else 0

    @jax.jit
    def convolve(key, x):
        params = net.init(key, x)
        expected = jax.lax.conv_general_dilated(
            x[None],
            params["params"]["kernel"].reshape(kernel_size, kernel_size, 3, 7),
            (1, 1),
            [(margin, margin)] * 2,
            rhs_dilation=(dilation,) * 2,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )[0]
        if initialisation == "uniform":
            expected = expected + params["params"]["bias"][None, None]
        return expected, net.apply(params, x), net.apply(params, x, True)

    expected, unfolded, in_training = convolve(jax.random.key(0), x)
    assert relative_error(unfolded, expected) < 1e-5
    assert relative_error(in_training, expected) < 1e-5


def test_two_dimensional_taps():
    """Names and shapes: positions before channels; a pool drops frames and bins."""
    net = TwoDimensional(SMALL, "uniform", "same", "max")
    taps = apply(net, parameters(net, PICTURE), PICTURE)
    full, half = (23, 19), (11, 9)
    expected = {
        "conv_1": (*full, 6),
        "batchnorm_1": (*full, 6),
        "relu_1": (*full, 6),
        "pool_1": (*half, 6),
    }
    expected |= {"conv_2": (*half, 4), "batchnorm_2": (*half, 4), "relu_2": (*half, 4)}
    assert {name: tap.shape for name, tap in taps.items()} == expected
    blocks = np.asarray(taps["relu_1"])[:22, :18].reshape(11, 2, 9, 2, 6)
    np.testing.assert_array_equal(taps["pool_1"], blocks.max(axis=(1, 3)))


def test_time_as_channels_is_frequency_as_channels_transposed():
    net, turned = TimeAsChannels(SMALL), FrequencyAsChannels(SMALL)
    params = parameters(net, PICTURE)
    taps, expected = apply(net, params, PICTURE), apply(turned, params, PICTURE.T)
    assert taps["conv_1"].shape == (19, 6)
    assert taps.keys() == expected.keys()
    jax.tree.map(np.testing.assert_array_equal, taps, expected)


@pytest.mark.parametrize("kind, axis", [("2d", 1), ("1d-time", 0)])
def test_taps_shift_along_frequency(kind, axis):
    """A higher sound has the same features higher up."""
    net = build(NetworkConfig(kind, SMALL, "uniform", "valid"))
    params = parameters(net, PICTURE[:, :-2])
    low, high = (apply(net, params, x)["conv_2"] for x in (PICTURE[:, :-2], PICTURE[:, 2:]))
    inner = [
        np.asarray(jax.lax.slice_in_dim(y, start, start + 4, axis=axis))
        for y, start in ((low, 1), (high, 0))
    ]
    np.testing.assert_allclose(*inner, atol=1e-5)


def test_frequency_as_channels_does_not_shift_along_frequency():
    """Every bin has weights of its own: another pitch gives other features."""
    net = FrequencyAsChannels(SMALL, "uniform", "valid")
    params = parameters(net, PICTURE)
    shifted, expected = (
        apply(net, params, x)["relu_2"] for x in (np.roll(PICTURE, 2, axis=1), PICTURE)
    )
    assert relative_error(shifted, expected) > 0.3


@pytest.mark.parametrize("shape", [(9, 4), (6, 5, 4)])
def test_batch_normalisation_in_training(shape):
    """Equals float64: moments of the batch in training, running moments afterwards."""
    net = BatchNormalisation()
    x = np.random.default_rng(0).normal(2, 3, (5, *shape)).astype(np.float32)
    variables = parameters(net, x[0])

    def train(x):
        return net.apply(variables, x, True, mutable=["batch_stats"])

    y, updated = jax.jit(jax.vmap(train, axis_name=networks.CLIPS, out_axes=(0, None)))(x)
    whole = x.astype(np.float64).reshape(-1, 4)
    gain = np.asarray(variables["params"]["gain"], np.float64)

    def standard(mean, variance):
        return (x - mean) / np.sqrt(variance + 1e-5) * gain

    assert relative_error(y, standard(whole.mean(axis=0), whole.var(axis=0))) < 1e-5
    running = updated["batch_stats"]
    np.testing.assert_allclose(running["mean"], 0.1 * whole.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(running["variance"], 0.9 + 0.1 * whole.var(axis=0), rtol=1e-5)
    after = jax.vmap(lambda x: net.apply({"params": variables["params"], **updated}, x))(x)
    assert (
        relative_error(
            after,
            standard(
                np.asarray(running["mean"], np.float64), np.asarray(running["variance"], np.float64)
            ),
        )
        < 1e-5
    )


@pytest.mark.parametrize("first", ["grey", "random"])
def test_vgg19(first):
    """The first three convolutions and a pool equal XLA's, on the scaled input."""
    config = cut_after(NetworkConfig(f"vgg19-{first}", initialisation="uniform"), ["conv2_1"])
    net = build(config)
    x = np.random.default_rng(0).random((30, 26)).astype(np.float32)
    variables = parameters(net, x)
    taps = apply(net, variables, x)

    def conv(x, name, padding):
        params = variables["params"][name]
        size = 11 if len(params) == 1 else 3
        kernel = np.asarray(params["kernel"]).reshape(size, size, x.shape[-1], -1)
        layout = ("NHWC", "HWIO", "NHWC")
        y = jax.lax.conv_general_dilated(
            x[None], kernel, (1, 1), padding, dimension_numbers=layout
        )[0]
        return y + params.get("bias", np.zeros(1))

    with jax.numpy_rank_promotion("allow"):
        y = (
            (x[:, :, None] - np.float32(networks.IMAGENET_MEAN)) / np.float32(networks.IMAGENET_STD)
            if first == "grey"
            else x[:, :, None]
        )
        y = np.maximum(conv(y, "conv1_1", "SAME" if first == "grey" else "VALID"), 0)
        assert relative_error(taps["relu1_1"], y) < 1e-5
        y = np.maximum(conv(y, "conv1_2", "SAME"), 0)
        height, width = y.shape[0] // 2, y.shape[1] // 2
        y = (
            np.asarray(y)[: 2 * height, : 2 * width]
            .reshape(height, 2, width, 2, 64)
            .max(axis=(1, 3))
        )
        assert relative_error(taps["pool1"], y) < 1e-5
        assert relative_error(taps["conv2_1"], conv(y, "conv2_1", "SAME")) < 1e-5
    assert (
        list(taps) == sorted(taps)
        and set(taps) == set(receptive_fields(config))
        and "conv2_2" not in taps
    )


def test_vgg19_has_its_layers():
    """16 convolutions, 5 pools, 20 million weights, by shapes alone."""
    net = build(NetworkConfig("vgg19-grey"))
    variables = jax.eval_shape(net.init, jax.random.key(0), np.zeros((64, 32), np.float32))
    taps = jax.eval_shape(net.apply, variables, np.zeros((64, 32), np.float32))
    assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == 20_024_384
    assert set(taps) == set(receptive_fields(NetworkConfig("vgg19-grey"))) and len(taps) == 37
    assert taps["relu5_4"].shape == (4, 2, 512) and taps["pool5"].shape == (2, 1, 512)


@pytest.mark.parametrize("kind", ["1d-time", "2d", "vgg19-random"])
def test_gram_of_every_network(kind):
    """The Gram distance and its gradient work on the taps of every kind of network."""
    layers = SMALL if not kind.startswith("vgg") else ()
    names = ["relu1_1"] if kind.startswith("vgg") else ["relu_1", "pool_1"]
    config = cut_after(NetworkConfig(kind, layers, "uniform"), names)
    style = combinators.of_network(
        build(config).init,
        networks.features(config, names),
        jax.random.key(0),
        losses.gram(),
    )
    target = jax.jit(style.fit)(PICTURE)
    value, gradient = jax.jit(jax.value_and_grad(lambda x: style.distance(target, x)[0]))(
        PICTURE[::-1] * 0.5
    )
    assert jax.jit(style.distance)(target, PICTURE)[0] < 1e-4 < value
    assert gradient.shape == PICTURE.shape and np.all(np.isfinite(gradient)) and np.any(gradient)


def test_grams_of_both_forms_agree_in_two_dimensions():
    """Both forms divide by the number of positions, frames times bins."""
    config = NetworkConfig("2d", (Layer(3, 1, 2, 6),))
    values = []
    for form in ("direct", "frames"):
        style = combinators.of_network(
            build(config).init,
            networks.features(config, ["relu_1"]),
            jax.random.key(0),
            losses.gram(form=form),
        )
        distance = jax.jit(lambda x, y, style=style: style.distance(style.fit(x), y)[0])
        values.append(float(distance(PICTURE, PICTURE[::-1] ** 2)))
    assert values[0] == pytest.approx(values[1], rel=1e-4)


@pytest.mark.parametrize(
    "kind, sizes",
    [
        ("1d-frequency", "5 bins, the spectrogram has 19"),
        ("1d-time", "5 frames, the spectrogram has 23"),
    ],
)
def test_a_spectrogram_of_another_size_is_refused(kind, sizes):
    with pytest.raises(ValueError, match=f"the network takes {sizes}"):
        parameters(build(NetworkConfig(kind, SMALL, channels=5)), PICTURE)


@pytest.mark.parametrize(
    "x, message",
    [
        (PICTURE[:4], "4 frames are fewer than the 5"),
        (PICTURE[:, :4], "4 bins are fewer than the 5"),
    ],
)
def test_too_small_pictures_are_refused(x, message):
    with pytest.raises(ValueError, match=f"{message} that a kernel spans"):
        parameters(TwoDimensional([Layer(5, 1, 1, 6)], padding="valid"), x)
