"""layer.py: receptive fields against gradients, names of taps, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from audio_texture import networks
from audio_texture.layer import (
    KINDS,
    Layer,
    NetworkConfig,
    ReceptiveField,
    cut_after,
    receptive_field,
    receptive_fields,
)


@pytest.mark.parametrize(
    "layers, expected",
    [
        ([], 1),
        ([Layer(1)], 1),
        ([Layer(11)], 11),
        ([Layer(3, dilation=4)], 9),
        ([Layer(11, pool=2)], 12),
        (
            [Layer(11, pool=2), Layer(11)],
            32,
        ),
        ([Layer(11, pool=2)] * 2 + [Layer(11)], 74),
        ([Layer(3), Layer(5)], 7),
    ],
)
def test_receptive_field(layers, expected):
    assert receptive_field(layers) == expected


@pytest.mark.parametrize(
    "layers", [[Layer(3, 2, 2, 8), Layer(2, 3, 1, 8)], [Layer(2, 1, 3, 8), Layer(3, 2, 2, 8)]]
)
def test_receptive_field_is_what_the_gradient_reaches(layers):
    """Nonzero gradients of an output frame span exactly the receptive field."""
    net = networks.FrequencyAsChannels(layers, padding="valid", pooling="mean")
    frames = receptive_field(layers)
    x = np.random.default_rng(0).random((frames + 20, 3)).astype(np.float32)
    params = jax.jit(net.init)(jax.random.key(0), x)
    last = f"{'pool' if layers[-1].pool > 1 else 'conv'}_{len(layers)}"
    first = jax.jit(jax.grad(lambda x: jnp.sum(net.apply(params, x)[last][0])))
    # A ReLU may be zero on one path, but not on all of eight filters and two signs.
    reached = sum(np.abs(first(sign * x)) for sign in (1, -1))
    assert np.flatnonzero(np.any(reached > 0, axis=1))[[0, -1]].tolist() == [0, frames - 1]
    assert jax.eval_shape(net.apply, params, x[:frames])[last].shape[0] == 1
    with pytest.raises(ValueError, match="frames are fewer than"):
        jax.eval_shape(net.apply, params, x[: frames - 1])


@pytest.mark.parametrize("field", ["kernel_size", "dilation", "pool", "filters"])
def test_sizes_below_one_are_refused(field):
    with pytest.raises(ValueError, match=f"a layer's {field} must be at least 1, got 0"):
        Layer(**{field: 0})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("initialisation", ["normal", "uniform"])
def test_receptive_fields_name_all_taps(kind, initialisation):
    """The names offered to users are those of the network's taps."""
    layers = () if kind.startswith("vgg") else (Layer(3, 1, 2, 4), Layer(3, 1, 1, 4))
    config = NetworkConfig(kind, layers, initialisation)
    x = np.zeros((64, 64), np.float32)
    net = networks.build(config)
    taps = jax.eval_shape(net.apply, jax.eval_shape(net.init, jax.random.key(0), x), x)
    assert set(taps) == set(receptive_fields(config))
    assert NetworkConfig.from_json(config.to_json()) == config


def test_two_dimensional_fields_are_what_the_gradient_reaches():
    config = NetworkConfig(
        "2d", (Layer(3, 1, 2, 6), Layer(2, 2, 1, 6)), padding="valid", pooling="mean"
    )
    field = receptive_fields(config)["conv_2"]
    assert field == ReceptiveField(8, 8)
    net = networks.build(config)
    x = np.random.default_rng(0).random((20, 20)).astype(np.float32)
    params = jax.jit(net.init)(jax.random.key(0), x)
    reach = jax.jit(jax.grad(lambda x: jnp.sum(net.apply(params, x)["conv_2"][0, 0])))
    reached = sum(np.abs(reach(sign * x)) for sign in (1, -1)) > 0
    assert [np.flatnonzero(reached.any(axis=axis))[[0, -1]].tolist() for axis in (0, 1)] == [
        [0, 7],
        [0, 7],
    ]


def test_receptive_fields_of_the_authors():
    """Huzaifah & Wyse 2019: 0.16, 0.41 and 0.89 s; all frequencies in 1-D, 11 bins in 2-D."""
    sizes = {"sample_rate": 22050, "n_fft": 1024}
    fields = receptive_fields(NetworkConfig("1d-frequency"))
    lengths = [fields[f"relu_{i}"].milliseconds(hop_length=256, **sizes) for i in (1, 2, 3)]
    np.testing.assert_allclose(lengths, [160, 410, 890], rtol=0.03)
    assert fields["conv_1"].hertz(**sizes) == 11025
    assert receptive_fields(NetworkConfig("2d"))["conv_1"].hertz(**sizes) == pytest.approx(
        11 * 22050 / 1024
    )
    assert receptive_fields(NetworkConfig("1d-time"))["conv_2"] == ReceptiveField(np.inf, 32)
    assert receptive_fields(NetworkConfig("vgg19-grey"))["conv1_2"] == ReceptiveField(5, 5)


def test_unknown_taps_are_refused():
    config = NetworkConfig("1d-frequency", (Layer(3, 1, 2, 4), Layer(3, 1, 1, 4)))
    with pytest.raises(
        ValueError,
        match="'relu_3' is not a layer of this network; "
        "there are conv_1, relu_1, pool_1, conv_2, relu_2.",
    ):
        cut_after(config, ["relu_1", "relu_3"])
    with pytest.raises(ValueError, match="'' is not a layer"):
        cut_after(config, [])
    assert cut_after(config, ["pool_1", "conv_1"]).layers == config.layers[:1]
    assert cut_after(config, ["relu_2"]) == config
    assert len(cut_after(NetworkConfig("vgg19-grey"), ["pool3"]).layers) == 8


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"kind": "2d"},
        {"kind": "2d", "layers": [{"length": 3}]},
        {"kind": "3d", "layers": []},
        {"kind": "2d", "layers": [], "pooling": "min"},
        {"kind": "vgg19-grey", "layers": [{"width": 3}]},
    ],
)
def test_json_of_no_network_is_refused(values):
    with pytest.raises(ValueError):
        NetworkConfig.from_json(values)
