"""Random 1-D CNNs over frames, with frequency bins as channels (Ulyanov & Lebedev 2016; Huzaifah & Wyse 2019).

T frames, F bins, C filters. Channels come last.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from audio_texture.layer import INITIALISATIONS, Layer


class FrequencyAsChannels(nn.Module):
    """Stacks of convolution, batch normalisation, ReLU and pooling over frames (the authors' audioCNN without its classifier).

    Attributes:
      layers: what each stack is.
      initialisation: "normal", of standard deviation sqrt(2) sqrt(2 / ((C_in + C_out) width)) without bias, as Ulyanov
        & Lebedev and the authors' formula have it; or "uniform" within +-1 / sqrt(C_in width) with bias, followed by
        batch-norm gains uniform over [0, 1]: PyTorch's defaults of 2017, which the authors' stored runs came from
        (their formula was commented out).
      padding: "same" puts (width - 1) // 2 frames of zeros on both sides, as the authors; "valid" none.
      pooling: "max", as the authors, or "mean", which has a closed form.
    """

    layers: Sequence[Layer]
    initialisation: str = "normal"
    padding: str = "same"
    pooling: str = "max"

    @nn.compact
    def __call__(self, x: jax.Array) -> dict[str, jax.Array]:
        """[T, F] -> taps conv_i, batchnorm_i, relu_i, pool_i (i from 1), each [T_i, C_i]; batchnorm_i with "uniform" only."""
        for name, options in {"initialisation": INITIALISATIONS, "padding": ("valid", "same"), "pooling": ("mean", "max")}.items():
            if getattr(self, name) not in options:
                raise ValueError(f"{name} must be one of {', '.join(options)}, got {getattr(self, name)!r}.")
        taps = {}
        for i, layer in enumerate(self.layers, start=1):
            x = taps[f"conv_{i}"] = FrameConvolution(layer, self.initialisation, self.padding, name=f"conv_{i}")(x)
            if self.initialisation == "uniform":
                gain = self.param(f"batchnorm_{i}", lambda key, shape: jax.random.uniform(key, shape), (layer.filters,))
                # In evaluation, with the mean 0 and variance 1 of a network that never saw data.
                x = taps[f"batchnorm_{i}"] = x * gain[None] / np.sqrt(1 + 1e-5)
            x = taps[f"relu_{i}"] = nn.relu(x)
            if layer.pool > 1:
                frames = len(x) // layer.pool
                if frames < 1:
                    raise ValueError(f"{len(x)} frames are fewer than the {layer.pool} that are pooled into one.")
                blocks = x[: frames * layer.pool].reshape(frames, layer.pool, -1)
                x = taps[f"pool_{i}"] = jnp.max(blocks, axis=1) if self.pooling == "max" else jnp.mean(blocks, axis=1)
        return taps


class FrameConvolution(nn.Module):
    """Convolution over frames as one matrix product of unfolded patches: XLA's own is 4 to 30 times slower inside a loop on a CPU."""

    layer: Layer
    initialisation: str
    padding: str

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        width, dilation, filters = self.layer.width, self.layer.dilation, self.layer.filters
        fan_in = width * x.shape[1]
        kernel = self.param("kernel", _kernel_initialiser(self.initialisation, fan_in, width * filters), (fan_in, filters))
        if self.padding == "same":
            margin = (width - 1) * dilation // 2
            x = jnp.pad(x, ((margin, margin), (0, 0)))
        frames = len(x) - (width - 1) * dilation
        if frames < 1:
            raise ValueError(f"{len(x)} frames are fewer than the {(width - 1) * dilation + 1} that a kernel spans.")
        patches = jnp.concatenate([x[i * dilation : i * dilation + frames] for i in range(width)], axis=1)
        y = patches @ kernel
        if self.initialisation == "uniform":
            y = y + self.param("bias", _uniform_within(1 / np.sqrt(fan_in)), (filters,))[None]
        return y


def _kernel_initialiser(initialisation: str, fan_in: int, fan_out: int):
    if initialisation == "normal":
        return nn.initializers.normal(np.sqrt(2) * np.sqrt(2 / (fan_in + fan_out)))
    return _uniform_within(1 / np.sqrt(fan_in))


def _uniform_within(limit: float):
    return lambda key, shape: jax.random.uniform(key, shape, minval=-limit, maxval=limit)
