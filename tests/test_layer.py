"""layer.py: the receptive field against what a network really sees."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from audio_texture import networks
from audio_texture.layer import Layer, receptive_field


@pytest.mark.parametrize(
    "layers, expected",
    [
        ([], 1),
        ([Layer(1)], 1),
        ([Layer(11)], 11),
        ([Layer(3, dilation=4)], 9),
        ([Layer(11, pool=2)], 12),
        ([Layer(11, pool=2), Layer(11)], 32),  # paper.md A.3: kernels of 11, pools of 2: 11, 32 and 74 frames up to each ReLU
        ([Layer(11, pool=2)] * 2 + [Layer(11)], 74),
        ([Layer(3), Layer(5)], 7),
    ],
)
def test_receptive_field(layers, expected):
    assert receptive_field(layers) == expected


@pytest.mark.parametrize("layers", [[Layer(3, 2, 2, 8), Layer(2, 3, 1, 8)], [Layer(2, 1, 3, 8), Layer(3, 2, 2, 8)]])
def test_receptive_field_is_what_the_gradient_reaches(layers):
    """Catches a pool or a dilation counted at the wrong depth: nonzero gradients of one output frame span exactly the field."""
    net = networks.FrequencyAsChannels(layers, padding="valid", pooling="mean")
    frames = receptive_field(layers)
    x = np.random.default_rng(0).random((frames + 20, 3)).astype(np.float32)
    params = jax.jit(net.init)(jax.random.key(0), x)
    last = f"{'pool' if layers[-1].pool > 1 else 'conv'}_{len(layers)}"
    first = jax.jit(jax.grad(lambda x: jnp.sum(net.apply(params, x)[last][0])))
    # A ReLU may close on one path, not on all of eight filters and two signs.
    reached = sum(np.abs(first(sign * x)) for sign in (1, -1))
    assert np.flatnonzero(np.any(reached > 0, axis=1))[[0, -1]].tolist() == [0, frames - 1]
    assert jax.eval_shape(net.apply, params, x[:frames])[last].shape[0] == 1
    with pytest.raises(ValueError, match="frames are fewer than"):
        jax.eval_shape(net.apply, params, x[: frames - 1])


@pytest.mark.parametrize("field", ["width", "dilation", "pool", "filters"])
def test_sizes_below_one_are_refused(field):
    with pytest.raises(ValueError, match=f"a layer's {field} must be at least 1, got 0"):
        Layer(**{field: 0})
