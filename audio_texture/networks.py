"""CNNs on spectrograms, random or trained, whose activations are matched (Huzaifah & Wyse 2019; Ulyanov & Lebedev 2016).

A network is a Flax module, `net.apply(variables, x)`, from one spectrogram x [T, F] to its taps, name -> [..., C]: the
channels come last, the positions that the kernels slide over before them. `build` makes one of a `layer.NetworkConfig`.

T frames, F bins, C filters.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from audio_texture.layer import INITIALISATIONS, PADDINGS, POOLINGS, Layer, NetworkConfig, tap_names

# The axis that training maps clips over, for the moments of batch normalisation.
CLIPS = "clips"
# PyTorch's: what is added to variances, and the share of a new batch in the running moments.
EPSILON, MOMENTUM = 1e-5, 0.1
# Mean and deviation of the channels that torchvision's VGG-19 was trained with.
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class _Stacks(nn.Module):
    """Stacks of convolution, batch normalisation, ReLU and pooling (the authors' audioCNN without its classifier).

    Attributes:
      layers: what each stack is.
      initialisation: "normal", of standard deviation sqrt(2) sqrt(2 / ((C_in + C_out) kernel size)) without bias, as Ulyanov
        & Lebedev and the authors' formula have it; or "uniform" within +-1 / sqrt(C_in kernel size) with bias, followed by
        batch normalisation with gains uniform over [0, 1]: PyTorch's defaults of 2017, which the authors' stored runs came
        from (their formula was commented out); or "narrow", uniform within +-0.05 whatever the size, without bias.
      padding: "same" puts (width - 1) // 2 zeros on both sides, as the authors; "valid" none.
      pooling: "max", as the authors, or "mean", which has a closed form.
      channels: that an input must have; 0 is any number.
    """

    layers: Sequence[Layer]
    initialisation: str = "normal"
    padding: str = "same"
    pooling: str = "max"
    channels: int = 0

    # What the positions are, what the channels are, and the one layout as the other: [T, F] -> [positions, channels].
    positions, inputs, arranged = ("frames",), "bins", staticmethod(lambda x: x)

    @nn.compact
    def __call__(self, x: jax.Array, training: bool = False) -> dict[str, jax.Array]:
        """[T, F] -> taps conv_i, batchnorm_i, relu_i, pool_i (i from 1), each [positions, C_i]; batchnorm_i with "uniform" only.

        training: normalises by the moments of the batch, over a mapped axis named CLIPS, and updates the running ones.
        """
        for name, options in {
            "initialisation": INITIALISATIONS,
            "padding": PADDINGS,
            "pooling": POOLINGS,
        }.items():
            if getattr(self, name) not in options:
                raise ValueError(
                    f"{name} must be one of {', '.join(options)}, got {getattr(self, name)!r}."
                )
        x = self.arranged(x)
        if self.channels and x.shape[-1] != self.channels:
            raise ValueError(
                f"the network is one for {self.channels} {self.inputs}, the spectrogram has {x.shape[-1]}."
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
                x = taps[f"pool_{i}"] = _pooled(x, layer.pool, self.pooling, self.positions)
        return taps


class FrequencyAsChannels(_Stacks):
    """Kernels slide over frames and see all bins: [T, F] -> taps [T_i, C_i]. The authors' 1-D network."""


class TimeAsChannels(_Stacks):
    """Kernels slide over bins and see all frames: [T, F] -> taps [F_i, C_i]. Weights go with one length."""

    positions, inputs, arranged = ("bins",), "frames", staticmethod(lambda x: x.T)


class TwoDimensional(_Stacks):
    """Kernels slide over frames and bins, square pools: [T, F], or [T, F, channels], -> taps [T_i, F_i, C_i]."""

    positions, inputs, arranged = (
        ("frames", "bins"),
        "channels",
        staticmethod(lambda x: x if x.ndim == 3 else x[:, :, None]),
    )


class VGG19(nn.Module):
    """The convolutions of VGG-19 (Simonyan & Zisserman 2015) on one spectrogram in [0, 1].

    Attributes:
      layers: `layer.AUTHORS_LAYERS`, or the first of them.
      first: "grey" repeats the spectrogram to three channels, scaled as the images of the training were; "random" is the
        authors' way: the first convolution is replaced by one of 11 x 11 over one channel, at random, without bias and
        padding.
      initialisation, pooling: as of the other networks, with biases of zero where "normal". No weights come with this project.
    """

    layers: Sequence[Layer]
    first: str = "grey"
    initialisation: str = "normal"
    pooling: str = "max"

    @nn.compact
    def __call__(self, x: jax.Array) -> dict[str, jax.Array]:
        """[T, F] -> taps conv1_1, relu1_1, conv1_2 ... pool1 ... pool5, each [T_i, F_i, C_i]."""
        x = x[:, :, None]
        if self.first == "grey":
            mean = self.variable(
                "constants", "mean", lambda: jnp.asarray(IMAGENET_MEAN, jnp.float32)
            ).value
            deviation = self.variable(
                "constants", "deviation", lambda: jnp.asarray(IMAGENET_DEVIATION, jnp.float32)
            ).value
            x = (x - mean[None, None]) / deviation[None, None]
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
                x = taps[names["pool"]] = _pooled(x, layer.pool, self.pooling, ("frames", "bins"))
        return taps


def build(description: NetworkConfig) -> nn.Module:
    """The network of a description."""
    d = description
    if d.kind.startswith("vgg19"):
        return VGG19(d.layers, d.kind.removeprefix("vgg19-"), d.initialisation, d.pooling)
    module = {"1d-frequency": FrequencyAsChannels, "1d-time": TimeAsChannels, "2d": TwoDimensional}[
        d.kind
    ]
    return module(d.layers, d.initialisation, d.padding, d.pooling, d.channels)


def features(
    description: NetworkConfig, names: Sequence[str]
) -> Callable[[Any, jax.Array], dict[str, jax.Array]]:
    """(variables, x [T, F]) -> the named taps alone, which is what an objective takes. `layer.cut_after` checks the names."""
    net = build(description)

    def chosen(variables, x):
        taps = net.apply(variables, x)
        return {name: taps[name] for name in names}

    return chosen


class Convolution(nn.Module):
    """Convolution over one or two axes, [..., C_in] -> [..., C], its kernel kept as [kernel size * C_in, C].

    Patches are unfolded along the last axis and multiplied with the kernel: XLA's own convolution is 4 to 30 times
    slower inside a loop on a CPU, where canvases are optimised. In training, whose steps are no loop, it is twice as
    fast in two dimensions.
    """

    layer: Layer
    initialisation: str
    padding: str
    bias: bool
    positions: Sequence[str]

    @nn.compact
    def __call__(self, x: jax.Array, training: bool = False) -> jax.Array:
        width, dilation, filters, axes = (
            self.layer.kernel_size,
            self.layer.dilation,
            self.layer.filters,
            x.ndim - 1,
        )
        sizes = (width, self.layer.kernel_bins or width)[:axes]
        spans = [(size - 1) * dilation + 1 for size in sizes]
        fan_in, fan_out = math.prod(sizes) * x.shape[-1], math.prod(sizes) * filters
        uniform = self.initialisation == "uniform"
        draw = {
            "normal": nn.initializers.normal(np.sqrt(2) * np.sqrt(2 / (fan_in + fan_out))),
            "uniform": _uniform_within(1 / np.sqrt(fan_in)),
            "narrow": _uniform_within(0.05),
        }
        kernel = self.param("kernel", draw[self.initialisation], (fan_in, filters))
        if self.padding == "same":
            x = jnp.pad(x, [((span - 1) // 2,) * 2 for span in spans] + [(0, 0)])
        _check_size(x, spans, self.positions, "that a kernel spans")
        if training and axes == 2:
            kernels = kernel.reshape(*sizes, x.shape[-1], filters)
            layout = ("NHWC", "HWIO", "NHWC")
            y = jax.lax.conv_general_dilated(
                x[None],
                kernels,
                (1, 1),
                "VALID",
                rhs_dilation=(dilation,) * 2,
                dimension_numbers=layout,
            )[0]
        else:
            places = x.shape[-2] - spans[-1] + 1
            patches = jnp.concatenate(
                [x[..., i * dilation : i * dilation + places, :] for i in range(sizes[-1])], axis=-1
            )
            if axes == 1:
                y = patches @ kernel
            else:
                # Unfolded along bins alone: along frames too, patches would be a kernel's width larger again.
                rows, frames = kernel.reshape(width, -1, filters), len(x) - spans[0] + 1
                y = sum(
                    patches[i * dilation : i * dilation + frames] @ rows[i] for i in range(width)
                )
        if self.bias:
            bias = self.param(
                "bias",
                _uniform_within(1 / np.sqrt(fan_in)) if uniform else nn.initializers.zeros,
                (filters,),
            )
            y = y + bias.reshape((1,) * axes + (-1,))
        return y


class BatchNormalisation(nn.Module):
    """(x - mean) / sqrt(variance + epsilon) * gain + bias, by the moments of each channel over positions and clips.

    A network that never saw data has the mean 0 and the variance 1.
    """

    @nn.compact
    def __call__(self, x: jax.Array, training: bool = False) -> jax.Array:
        shape = (x.shape[-1],)
        per_channel = lambda values: values.reshape((1,) * (x.ndim - 1) + shape)
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
        return (x - per_channel(mean)) * per_channel(
            gain / jnp.sqrt(variance + EPSILON)
        ) + per_channel(bias)


def _pooled(x: jax.Array, pool: int, pooling: str, positions: Sequence[str]) -> jax.Array:
    """The largest or mean value of every `pool` neighbours along each axis but the last; what is left over is dropped."""
    _check_size(x, [pool] * (x.ndim - 1), positions, "that are pooled into one")
    for axis in range(x.ndim - 1):
        whole = jax.lax.slice_in_dim(x, 0, x.shape[axis] // pool * pool, axis=axis)
        blocks = whole.reshape(*x.shape[:axis], -1, pool, *x.shape[axis + 1 :])
        if pooling == "mean":
            x = jnp.mean(blocks, axis=axis + 1)
        else:
            # Pairwise: the gradient of jnp.max divides by how many equal the maximum, which are none, and NaN comes of it,
            # where the compiler works the blocks out a second time and rounds otherwise (seen on a CPU).
            x = functools.reduce(
                jnp.maximum,
                (jax.lax.index_in_dim(blocks, i, axis + 1, keepdims=False) for i in range(pool)),
            )
    return x


def _check_size(x: jax.Array, leasts: Sequence[int], positions: Sequence[str], why: str) -> None:
    for size, least, what in zip(x.shape, leasts, positions):
        if size < least:
            raise ValueError(f"{size} {what} are fewer than the {least} {why}.")


def _uniform_within(limit: float):
    return lambda key, shape: jax.random.uniform(key, shape, minval=-limit, maxval=limit)
