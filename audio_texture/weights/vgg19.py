"""VGG-19 from the arrays of PyTorch, Keras or Caffe, told apart by the names of the layers."""

import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import networks
from audio_texture.layer import AUTHORS_LAYERS, Layer, NetworkConfig, tap_names

# Mean of the training images of the original VGG-19: blue, green, red, in [0, 1].
_CAFFE_MEAN = np.array([103.939, 116.779, 123.68], np.float32) / 255
# Position of each convolution in torchvision's list of layers, which counts ReLUs and pools.
_TORCH_POSITIONS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
_WRONG_NETWORK = "weights of another network than VGG-19"


def to_variables(
    name: str, arrays: Mapping[str, np.ndarray], config: NetworkConfig, key: jax.Array
) -> dict[str, Any]:
    """Returns the Flax variables of VGG-19.

    Args:
      name: what messages call the source of the arrays.
      arrays: kernels and biases by the names of PyTorch, Keras or Caffe.
      config: a VGG-19.
      key: draws the first convolution of "vgg19-random".

    Raises:
      ValueError: an array is missing or has the shape of another network.
    """
    params, inputs, origin = {}, 3, ""
    for number, layer in enumerate(AUTHORS_LAYERS["vgg19-grey"]):
        conv = tap_names(config.kind, number + 1)["conv"]
        origin, kernel, bias = _find_layer(name, arrays, conv, _TORCH_POSITIONS[number])
        params[conv] = _convert_layer(
            f"{name}: {_WRONG_NETWORK}: {conv}", origin, kernel, bias, inputs, layer
        )
        inputs = layer.filters
    if config.kind == "vgg19-random":
        first = networks.build(NetworkConfig(config.kind, config.layers[:1]))
        drawn = first.init(key, jnp.zeros((11, 11)))
        return {"params": {**params, "conv1_1": drawn["params"]["conv1_1"]}}
    return {"params": params, "constants": _input_scale(origin)}


def _find_layer(
    name: str, arrays: Mapping[str, np.ndarray], conv: str, torch_position: int
) -> tuple[str, np.ndarray, np.ndarray]:
    """Returns the origin ("torch", "keras" or "caffe"), the kernel and the bias of a layer.

    conv: name of the layer, convBLOCK_NUMBER. torch_position: its number in torchvision's list.
    """
    block, number = conv.removeprefix("conv").split("_")
    spellings = {
        "torch": rf"(features\.)?{torch_position}\.(weight|bias)",
        "keras": rf"(.*/)?block{block}_conv{number}([_/:].*)?",
        "caffe": rf"(.*/)?{conv}([_/:].*)?",
    }
    for origin, pattern in spellings.items():
        by_rank = {
            array.ndim: array for entry, array in arrays.items() if re.fullmatch(pattern, entry)
        }
        if 4 in by_rank and 1 in by_rank:
            return origin, by_rank[4], by_rank[1]
    raise ValueError(f"{name}: {_WRONG_NETWORK}: it has no {conv}.")


def _convert_layer(
    label: str, origin: str, kernel: np.ndarray, bias: np.ndarray, inputs: int, layer: Layer
) -> dict[str, np.ndarray]:
    """Returns a layer's kernel and bias in the shapes of `networks.Convolution`."""
    # Kernels here are [frames, bins, in, out], with the image's height for bins.
    converted = kernel.transpose((3, 2, 1, 0) if origin == "torch" else (1, 0, 2, 3))
    if converted.shape != (3, 3, inputs, layer.filters) or bias.shape != (layer.filters,):
        raise ValueError(
            f"{label} is {list(kernel.shape)}, for {inputs} inputs "
            f"and {layer.filters} filters of 3 x 3."
        )
    return {
        "kernel": np.asarray(converted, np.float32).reshape(-1, layer.filters),
        "bias": np.asarray(bias, np.float32),
    }


def _input_scale(origin: str) -> dict[str, np.ndarray]:
    """Returns mean and std of the training images' channels, by the names of weight files."""
    if origin == "torch":
        return {
            "mean": np.array(networks.IMAGENET_MEAN, np.float32),
            "deviation": np.array(networks.IMAGENET_STD, np.float32),
        }
    mean = _CAFFE_MEAN if origin == "keras" else _CAFFE_MEAN[::-1]
    return {"mean": mean, "deviation": np.full(3, 1 / 255, np.float32)}
