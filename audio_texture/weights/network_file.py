"""Saves and loads a network with its weights.

The files of this project are .safetensors with the network's config in the metadata, by which they
are told from files of other origin.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

import flax.traverse_util
import jax
import jax.numpy as jnp
import numpy as np
import safetensors

from audio_texture import files, networks
from audio_texture.layer import NetworkConfig, receptive_fields
from audio_texture.weights import readers, vgg19

# Flax variables: {collection: {module: {name: array}}}.
Variables = dict[str, Any]
_METADATA = "audio_texture"


def save(
    path: str,
    config: NetworkConfig,
    variables: Variables,
    notes: Mapping[str, Any] | None = None,
) -> None:
    """Writes a network's variables, with its config and notes in the metadata.

    Args:
      path: the file, ending in .safetensors.
      config: the network.
      variables: its Flax variables.
      notes: plain types that `read_notes` returns.

    Raises:
      ValueError: the variables belong to another network.
      OSError: the file cannot be written.

    Example:
      >>> import os, tempfile
      >>> from audio_texture.layer import Layer
      >>> config = NetworkConfig("2d", (Layer(3, filters=2),))
      >>> variables = {"params": {"conv_1": {"kernel": np.zeros((9, 2), np.float32)}}}
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     path = os.path.join(folder, "network.safetensors")
      ...     save(path, config, variables, {"accuracy": 0.9})
      ...     load(path)[0] == config, read_notes(path)
      (True, {'accuracy': 0.9})
    """
    arrays = {
        name: np.asarray(value)
        for name, value in flax.traverse_util.flatten_dict(variables, sep="/").items()
    }
    _check_shapes("the variables", arrays, config)
    header = json.dumps({"network": config.to_json(), "notes": dict(notes or {})})
    files.write_arrays(path, arrays, {_METADATA: header})


def load(
    path: str, *, kind: str = "vgg19-grey", key: jax.Array | None = None
) -> tuple[NetworkConfig, Variables]:
    """Returns a network and its weights, from a file of `save` or a file of VGG-19.

    VGG-19 is read from .pth (torchvision's state dict in either of PyTorch's formats, without
    PyTorch), .safetensors, .npz and Keras's .h5. The names of the layers tell the layout:
    features.0.weight (PyTorch), block1_conv1 (Keras), conv1_1 (Caffe and its conversions). Kernels
    are transposed: images have frequency upright and frames from left to right.

    Args:
      path: the file.
      kind: "vgg19-grey" or "vgg19-random"; used for a file of VGG-19 only.
      key: draws the first convolution of "vgg19-random"; by default the key of seed 0.

    Raises:
      ValueError: the file is missing, has another format, or holds weights of another network.
    """
    ending = path[path.rfind(".") :].lower()
    if ending not in readers.READERS:
        raise ValueError(f"{path!r} must end in one of {', '.join(readers.READERS)}.")
    try:
        arrays, metadata = readers.READERS[ending](path)
    except readers.UNREADABLE as error:
        raise ValueError(f"{path!r} cannot be read as weights: {error}.") from error
    if _METADATA in metadata:
        config = NetworkConfig.from_json(json.loads(metadata[_METADATA])["network"])
        _check_shapes(repr(path), arrays, config)
        return config, flax.traverse_util.unflatten_dict(arrays, sep="/")
    config = NetworkConfig(kind)
    key = jax.random.key(0) if key is None else key
    return config, vgg19.to_variables(repr(path), arrays, config, key)


def read_notes(path: str) -> dict[str, Any]:
    """Returns the notes that `save` wrote into a file of this project."""
    with safetensors.safe_open(path, "np") as file:
        return json.loads(file.metadata()[_METADATA])["notes"]


def _check_shapes(name: str, arrays: Mapping[str, np.ndarray], config: NetworkConfig) -> None:
    """Raises ValueError, naming the first difference, where arrays belong to another network."""
    if config.kind.startswith("1d") and not config.channels:
        raise ValueError("the network's channels must be given: its weights fit one number only.")
    shapes = _variable_shapes(config)
    for entry in sorted(shapes.keys() | arrays.keys()):
        actual = arrays[entry].shape if entry in arrays else "missing"
        expected = shapes.get(entry, "none")
        if actual != expected:
            raise ValueError(
                f"{name}: weights of another network: {entry} is {actual}, and must be {expected}."
            )


def _variable_shapes(config: NetworkConfig) -> dict[str, tuple[int, ...]]:
    span = max(
        int(side)
        for field in receptive_fields(config).values()
        for side in field
        if math.isfinite(side)
    )
    input_shapes = {
        "1d-frequency": (span, config.channels),
        "1d-time": (config.channels, span),
    }
    variables: Any = jax.eval_shape(
        networks.build(config).init,
        jax.random.key(0),
        jax.ShapeDtypeStruct(input_shapes.get(config.kind, (span, span)), jnp.float32),
    )
    flat: dict[str, Any] = flax.traverse_util.flatten_dict(variables, sep="/")
    return {entry: value.shape for entry, value in flat.items()}
