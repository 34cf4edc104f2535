"""CNNs on spectrograms whose activations are matched.

Huzaifah & Wyse 2019; Ulyanov & Lebedev 2016. The weights are random or trained.

A network is a Flax module: `net.apply(variables, x)` maps one spectrogram x [T, F] to its taps,
name -> [..., C]. The channels come last, after the axes that the kernels slide along. `build` makes
the module of a `layer.NetworkConfig`.

T frames, F bins, C filters.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from audio_texture.errors import ChoiceError
from audio_texture.layer import INITIALISATIONS, PADDINGS, POOLINGS, Layer, NetworkConfig, tap_names

# The axis that training maps clips over, for the moments of batch normalisation.
CLIPS = "clips"
# PyTorch's epsilon, and its share of a new batch in the running moments (of mean and variance).
EPSILON, MOMENTUM = 1e-5, 0.1
# Mean and std of the channels that torchvision's VGG-19 was trained with.
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class _Stacks(nn.Module):
    """Stacks of convolution, batch normalisation, ReLU and pooling: the authors' audioCNN.

    Attributes:
      layers: the stacks in order.
      initialisation: "normal" draws weights of std sqrt(2) sqrt(2 / ((C_in + C_out) kernel size))
        without bias, the formula of Ulyanov & Lebedev and of the authors. "uniform" draws weights
        and biases within +-1 / sqrt(C_in kernel size) and batch normalisation gains within [0, 1]:
        PyTorch's defaults of 2017, which made the authors' stored runs (their formula was commented
        out). "narrow" draws weights within +-0.05, without bias.
      padding: "same" adds (kernel_size - 1) // 2 zeros on both sides, as the authors do; "valid"
        adds none.
      pooling: "max", as the authors, or "mean", which has a closed form.
      channels: channels that the input must have; 0 means any number.
    """

    layers: Sequence[Layer]
    initialisation: str = "normal"
    padding: str = "same"
    pooling: str = "max"
    channels: int = 0

    # The axes that the kernels slide along, and the name of the input channels in messages.
    positions: ClassVar[tuple[str, ...]] = ("frames",)
    inputs: ClassVar[str] = "bins"

    @staticmethod
    def to_channels_last(x: jax.Array) -> jax.Array:
        """Returns [T, F] as [positions, channels]."""
        return x

    @nn.compact
    def __call__(self, x: jax.Array, training: bool = False) -> dict[str, jax.Array]:
        """Returns the taps conv_i, batchnorm_i, relu_i and pool_i, each [positions, C_i].

        The first layer has i = 1. Only "uniform" networks have batchnorm_i.

        Args:
          x: [T, F] spectrogram.
          training: whether to normalise by the moments of the batch, over a mapped axis named
            CLIPS, and to update the running moments.
        """
        self._check_choices()
        x = self.to_channels_last(x)
        if self.channels and x.shape[-1] != self.channels:
            raise ValueError(
                f"the network takes {self.channels} {self.inputs}, "
                f"the spectrogram has {x.shape[-1]}."
            )
        uniform = self.initialisation == "uniform"
        taps = {}
        for i, layer in enumerate(self.layers, start=1):
            convolution = Convolution(
                layer,
                self.initialisation,
                self.padding,
                bias=uniform,
                positions=self.positions,
                name=f"conv_{i}",
            )
            x = taps[f"conv_{i}"] = convolution(x, training)
            if uniform:
                x = taps[f"batchnorm_{i}"] = BatchNormalisation(name=f"batchnorm_{i}")(x, training)
            x = taps[f"relu_{i}"] = nn.relu(x)
            if layer.pool > 1:
                x = taps[f"pool_{i}"] = _pool(x, layer.pool, self.pooling, self.positions)
        return taps

    def _check_choices(self) -> None:
        options = {"initialisation": INITIALISATIONS, "padding": PADDINGS, "pooling": POOLINGS}
        for name, allowed in options.items():
            value = getattr(self, name)
            if value not in allowed:
                raise ChoiceError(
                    f"{name} must be one of {', '.join(allowed)}, got {value!r}.", field=name
                )


class FrequencyAsChannels(_Stacks):
    """Kernels slide over frames and span all bins: [T, F] -> taps [T_i, C_i].

    This is the 1-D network of the authors.
    """


class TimeAsChannels(_Stacks):
    """Kernels slide over bins and span all frames: [T, F] -> taps [F_i, C_i].

    The weights fit one number of frames only.
    """

    positions: ClassVar[tuple[str, ...]] = ("bins",)
    inputs: ClassVar[str] = "frames"

    @staticmethod
    def to_channels_last(x: jax.Array) -> jax.Array:
        """Returns [T, F] as [F, T]."""
        return x.T


class TwoDimensional(_Stacks):
    """Kernels slide over frames and bins, with square pools: [T, F] -> taps [T_i, F_i, C_i].

    The input may also be [T, F, channels].
    """

    positions: ClassVar[tuple[str, ...]] = ("frames", "bins")
    inputs: ClassVar[str] = "channels"

    @staticmethod
    def to_channels_last(x: jax.Array) -> jax.Array:
        """Returns [T, F] as [T, F, 1]."""
        return x if x.ndim == 3 else x[:, :, None]


class VGG19(nn.Module):
    """The convolutions of VGG-19 (Simonyan & Zisserman 2015) on one spectrogram in [0, 1].

    Attributes:
      layers: `layer.AUTHORS_LAYERS`, or the first of them.
      first: "grey" repeats the spectrogram to three channels, scaled as the training images were.
        "random" replaces the first convolution, as the authors do, by a random one of 11 x 11 over
        one channel without bias and padding.
      initialisation: as in the other networks; "normal" has biases of zero.
      pooling: as in the other networks.
    """

    layers: Sequence[Layer]
    first: str = "grey"
    initialisation: str = "normal"
    pooling: str = "max"

    @nn.compact
    def __call__(self, x: jax.Array) -> dict[str, jax.Array]:
        """Returns the taps conv1_1, relu1_1, conv1_2 ... pool1 ... pool5, each [T_i, F_i, C_i]."""
        x = x[:, :, None]
        if self.first == "grey":
            # The name "deviation" stands in weight files.
            mean, std = (
                self.variable("constants", name, jnp.asarray, values, jnp.float32).value
                for name, values in (("mean", IMAGENET_MEAN), ("deviation", IMAGENET_STD))
            )
            x = (x - mean[None, None]) / std[None, None]
        taps = {}
        for i, layer in enumerate(self.layers, start=1):
            names = tap_names("vgg19", i)
            replaced = i == 1 and self.first == "random"
            convolution = Convolution(
                layer,
                self.initialisation,
                "valid" if replaced else "same",
                bias=not replaced,
                positions=("frames", "bins"),
                name=names["conv"],
            )
            x = taps[names["conv"]] = convolution(x)
            x = taps[names["relu"]] = nn.relu(x)
            if layer.pool > 1:
                x = taps[names["pool"]] = _pool(x, layer.pool, self.pooling, ("frames", "bins"))
        return taps


_MODULES = {"1d-frequency": FrequencyAsChannels, "1d-time": TimeAsChannels, "2d": TwoDimensional}


def build(config: NetworkConfig) -> nn.Module:
    """Returns the module of a network.

    Example:
      >>> net = build(NetworkConfig("1d-frequency", (Layer(3, filters=8),)))
      >>> x = jnp.zeros((20, 5))
      >>> taps, _ = jax.eval_shape(net.init_with_output, jax.random.key(0), x)
      >>> {name: tap.shape for name, tap in taps.items()}
      {'conv_1': (20, 8), 'relu_1': (20, 8)}
    """
    if config.kind.startswith("vgg19"):
        first = config.kind.removeprefix("vgg19-")
        return VGG19(config.layers, first, config.initialisation, config.pooling)
    return _MODULES[config.kind](
        config.layers, config.initialisation, config.padding, config.pooling, config.channels
    )


def features(
    config: NetworkConfig, names: Sequence[str]
) -> Callable[[Any, jax.Array], dict[str, jax.Array]]:
    """Returns the function (variables, x [T, F]) -> the taps in `names`, name -> [..., C].

    It raises KeyError for an unknown name; `layer.cut_after` checks names beforehand.

    Example:
      >>> extract = features(NetworkConfig("1d-frequency", (Layer(3, filters=8),)), ["relu_1"])
      >>> variables = {"params": {"conv_1": {"kernel": jnp.ones((15, 8))}}}
      >>> extract(variables, jnp.zeros((20, 5)))["relu_1"].shape
      (20, 8)
    """
    net = build(config)

    def extract(variables, x):
        taps: Any = net.apply(variables, x)
        return {name: taps[name] for name in names}

    return extract


class Convolution(nn.Module):
    """Convolution over one or two axes, [..., C_in] -> [..., C].

    The kernel is [size * C_in, C], where size is its number of taps.


    Patches are unfolded along the last axis and multiplied with the kernel. On a CPU, XLA's own
    convolution is 4 to 30 times slower inside a compiled loop, in which canvases are optimised. A
    training step is not in a loop, and in two dimensions XLA's convolution is twice as fast there.
    """

    layer: Layer
    initialisation: str
    padding: str
    bias: bool
    positions: Sequence[str]

    @nn.compact
    def __call__(self, x: jax.Array, training: bool = False) -> jax.Array:
        layer, axes = self.layer, x.ndim - 1
        sizes = (layer.kernel_size, layer.kernel_bins or layer.kernel_size)[:axes]
        spans = [(size - 1) * layer.dilation + 1 for size in sizes]
        fan_in, fan_out = math.prod(sizes) * x.shape[-1], math.prod(sizes) * layer.filters
        uniform = self.initialisation == "uniform"
        initialisers = {
            "normal": nn.initializers.normal(np.sqrt(2) * np.sqrt(2 / (fan_in + fan_out))),
            "uniform": _uniform_within(1 / np.sqrt(fan_in)),
            "narrow": _uniform_within(0.05),
        }
        kernel = self.param("kernel", initialisers[self.initialisation], (fan_in, layer.filters))
        if self.padding == "same":
            x = jnp.pad(x, [((span - 1) // 2,) * 2 for span in spans] + [(0, 0)])
        _check_size(x, spans, self.positions, "that a kernel spans")
        if training and axes == 2:
            y = _convolve_xla(x, kernel.reshape(*sizes, x.shape[-1], -1), layer.dilation)
        else:
            y = _convolve_unfolded(x, kernel, sizes, layer.dilation)
        if self.bias:
            draw = initialisers["uniform"] if uniform else nn.initializers.zeros
            bias = self.param("bias", draw, (layer.filters,))
            y = y + bias.reshape((1,) * axes + (-1,))
        return y


def _convolve_xla(x: jax.Array, kernel: jax.Array, dilation: int) -> jax.Array:
    """Returns the valid convolution of x [T, F, C_in] with a kernel [frames, bins, C_in, C]."""
    return jax.lax.conv_general_dilated(
        x[None],
        kernel,
        (1, 1),
        "VALID",
        rhs_dilation=(dilation,) * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )[0]


def _convolve_unfolded(
    x: jax.Array, kernel: jax.Array, sizes: Sequence[int], dilation: int
) -> jax.Array:
    """Returns the valid convolution of x [..., C_in] with a kernel [size * C_in, C] by matmuls."""
    width = x.shape[-2] - (sizes[-1] - 1) * dilation
    patches = jnp.concatenate(
        [x[..., i * dilation : i * dilation + width, :] for i in range(sizes[-1])], axis=-1
    )
    if len(sizes) == 1:
        return patches @ kernel
    # Unfolded along bins only: unfolding frames too would enlarge patches by the kernel size again.
    rows = kernel.reshape(sizes[0], -1, kernel.shape[-1])
    frames = len(x) - (sizes[0] - 1) * dilation
    products = (patches[i * dilation : i * dilation + frames] @ rows[i] for i in range(sizes[0]))
    return jnp.asarray(sum(products))


class BatchNormalisation(nn.Module):
    """(x - mean) / sqrt(variance + EPSILON) * gain + bias, by moments of each channel.

    The moments are over positions and clips. An untrained network has mean 0 and variance 1.
    """

    @nn.compact
    def __call__(self, x: jax.Array, training: bool = False) -> jax.Array:
        shape = (x.shape[-1],)

        def per_channel(values):
            return values.reshape((1,) * (x.ndim - 1) + shape)

        gain = self.param("gain", jax.random.uniform, shape)
        bias = self.param("bias", nn.initializers.zeros, shape)
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, shape)
        running_variance = self.variable("batch_stats", "variance", jnp.ones, shape)
        mean, variance = running_mean.value, running_variance.value
        if training:
            positions = tuple(range(x.ndim - 1))
            mean = jax.lax.pmean(jnp.mean(x, axis=positions), CLIPS)
            variance = jax.lax.pmean(jnp.mean((x - per_channel(mean)) ** 2, axis=positions), CLIPS)
            running_mean.value += MOMENTUM * (mean - running_mean.value)
            running_variance.value += MOMENTUM * (variance - running_variance.value)
        scale = per_channel(gain / jnp.sqrt(variance + EPSILON))
        return (x - per_channel(mean)) * scale + per_channel(bias)


def _pool(x: jax.Array, pool: int, pooling: str, positions: Sequence[str]) -> jax.Array:
    """Returns the max or mean of every `pool` neighbours along each axis but the last.

    The remainder of an axis is dropped.
    """
    _check_size(x, [pool] * (x.ndim - 1), positions, "that are pooled into one")
    for axis in range(x.ndim - 1):
        whole = jax.lax.slice_in_dim(x, 0, x.shape[axis] // pool * pool, axis=axis)
        blocks = whole.reshape(*x.shape[:axis], -1, pool, *x.shape[axis + 1 :])
        if pooling == "mean":
            x = jnp.mean(blocks, axis=axis + 1)
        else:
            # Pairwise: the gradient of jnp.max divides by the number of values that equal the
            # maximum. That number is 0, and the gradient NaN, where the compiler computes the
            # blocks a second time with another rounding (observed on a CPU).
            neighbours = (
                jax.lax.index_in_dim(blocks, i, axis + 1, keepdims=False) for i in range(pool)
            )
            x = functools.reduce(jnp.maximum, neighbours)
    return x


def _check_size(x: jax.Array, lowest: Sequence[int], positions: Sequence[str], use: str) -> None:
    """Raises ValueError for an axis shorter than `lowest`; `use` ends the message."""
    for size, least, axis_name in zip(x.shape, lowest, positions, strict=False):
        if size < least:
            raise ValueError(f"{size} {axis_name} are fewer than the {least} {use}.")


def _uniform_within(limit: float):
    def draw(key, shape):
        return jax.random.uniform(key, shape, minval=-limit, maxval=limit)

    return draw
