"""Weights of networks on disk: our own, and VGG-19 from the files users have.

Our own are .safetensors with the network's description in the metadata, which tells them from others.
"""

import io
import json
import math
import pickle
import re
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import flax.traverse_util
import jax
import jax.numpy as jnp
import numpy as np
import safetensors

from audio_texture import files, networks
from audio_texture.layer import AUTHORS_LAYERS, NetworkConfig, receptive_fields, tap_names

Variables = dict[str, Any]
_METADATA = "audio_texture"


def save(
    path: str,
    description: NetworkConfig,
    variables: Variables,
    notes: Mapping[str, Any] | None = None,
) -> None:
    """Writes a network's variables with its description, and notes of plain types, in the metadata.

    Raises ValueError where the variables are those of another network, and OSError where the file
    cannot be written.
    """
    arrays = {
        name: np.asarray(value)
        for name, value in flax.traverse_util.flatten_dict(variables, sep="/").items()
    }
    _check_shapes("the variables", arrays, description)
    files.write_arrays(
        path,
        arrays,
        {_METADATA: json.dumps({"network": description.to_json(), "notes": dict(notes or {})})},
    )


def load(
    path: str, *, kind: str = "vgg19-grey", key: jax.Array | None = None
) -> tuple[NetworkConfig, Variables]:
    """A network and its weights, from our own .safetensors or, whatever its ending's format, from a file of VGG-19.

    VGG-19 is read from .pth (torchvision's state dict, either of PyTorch's formats, without PyTorch), .safetensors, .npz
    and Keras's .h5. The layers' names tell the layout: features.0.weight (PyTorch), block1_conv1 (Keras), conv1_1 (Caffe
    and its conversions). Kernels are turned, as images have frequency upright and frames from left to right.

    Args:
      path: the file.
      kind: of VGG-19, "vgg19-grey" or "vgg19-random".
      key: of the first convolution of "vgg19-random"; that of seed 0 if left out.
    Raises:
      ValueError: no such file, another format, or weights of another network.
    """
    ending = path[path.rfind(".") :].lower()
    if ending not in _READERS:
        raise ValueError(f"{path!r} must end in one of {', '.join(_READERS)}.")
    try:
        arrays, metadata = _READERS[ending](path)
    except _UNREADABLE as error:
        raise ValueError(f"{path!r} cannot be read as weights: {error}.") from error
    if _METADATA in metadata:
        description = NetworkConfig.from_json(json.loads(metadata[_METADATA])["network"])
        _check_shapes(repr(path), arrays, description)
        return description, flax.traverse_util.unflatten_dict(arrays, sep="/")
    description = NetworkConfig(kind)
    return description, _vgg19(
        repr(path), arrays, description, jax.random.key(0) if key is None else key
    )


def notes(path: str) -> dict[str, Any]:
    """The notes that `save` was given."""
    with safetensors.safe_open(path, "np") as file:
        return json.loads(file.metadata()[_METADATA])["notes"]


def _check_shapes(name: str, arrays: Mapping[str, np.ndarray], description: NetworkConfig) -> None:
    """ValueError, naming the first difference, where arrays are not the variables of a network of that description."""
    span = max(
        int(side)
        for field in receptive_fields(description).values()
        for side in field
        if math.isfinite(side)
    )
    if description.kind.startswith("1d") and not description.channels:
        raise ValueError(
            "the network's channels must be said, as its weights fit one number of them only."
        )
    shape = {
        "1d-frequency": (span, description.channels),
        "1d-time": (description.channels, span),
    }.get(description.kind, (span, span))
    expected = jax.eval_shape(
        networks.build(description).init,
        jax.random.key(0),
        jax.ShapeDtypeStruct(shape, jnp.float32),
    )
    shapes = {
        entry: value.shape
        for entry, value in flax.traverse_util.flatten_dict(expected, sep="/").items()
    }
    for entry in sorted(shapes.keys() | arrays.keys()):
        found = arrays[entry].shape if entry in arrays else "missing"
        if found != shapes.get(entry, "none"):
            raise ValueError(
                f"{name}: weights of another network: {entry} is {found}, and must be {shapes.get(entry, 'none')}."
            )


# --- VGG-19

# Mean of the images that the original VGG-19 was trained with, in units of 1 / 255 of the scale, blue to red.
_CAFFE_MEAN = np.array([103.939, 116.779, 123.68], np.float32) / 255
# Position of each convolution in torchvision's list of layers, where ReLUs and pools count.
_TORCH_POSITIONS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)


def _vgg19(
    name: str, arrays: Mapping[str, np.ndarray], description: NetworkConfig, key: jax.Array
) -> Variables:
    names = [tap_names(description.kind, i)["conv"] for i in range(1, len(description.layers) + 1)]
    parameters, inputs = {}, 3
    for number, (conv, layer) in enumerate(zip(names, AUTHORS_LAYERS["vgg19-grey"], strict=True)):
        block, place = conv.removeprefix("conv").split("_")
        spellings = {
            "torch": rf"(features\.)?{_TORCH_POSITIONS[number]}\.(weight|bias)",
            "keras": rf"(.*/)?block{block}_conv{place}([_/:].*)?",
            "caffe": rf"(.*/)?{conv}([_/:].*)?",
        }
        for origin, pattern in spellings.items():
            found = {
                value.ndim: value for entry, value in arrays.items() if re.fullmatch(pattern, entry)
            }
            if 4 in found and 1 in found:
                break
        else:
            raise ValueError(f"{name}: weights of another network than VGG-19: it has no {conv}.")
        # Ours are [frames, bins, in, out], with the image's height for bins.
        kernel = (
            found[4].transpose(3, 2, 1, 0) if origin == "torch" else found[4].transpose(1, 0, 2, 3)
        )
        if kernel.shape != (3, 3, inputs, layer.filters) or found[1].shape != (layer.filters,):
            sizes = (
                f"{list(found[4].shape)}, for {inputs} inputs and {layer.filters} filters of 3 x 3"
            )
            raise ValueError(f"{name}: weights of another network than VGG-19: {conv} is {sizes}.")
        parameters[conv] = {
            "kernel": np.float32(kernel).reshape(-1, layer.filters),
            "bias": np.float32(found[1]),
        }
        inputs = layer.filters
    if description.kind == "vgg19-random":
        first = networks.build(NetworkConfig(description.kind, description.layers[:1])).init(
            key, jnp.zeros((11, 11))
        )
        return {"params": {**parameters, "conv1_1": first["params"]["conv1_1"]}}
    if origin == "torch":
        constants = {
            "mean": np.float32(networks.IMAGENET_MEAN),
            "deviation": np.float32(networks.IMAGENET_DEVIATION),
        }
    else:
        constants = {
            "mean": _CAFFE_MEAN if origin == "keras" else _CAFFE_MEAN[::-1],
            "deviation": np.full(3, 1 / 255, np.float32),
        }
    return {"params": parameters, "constants": constants}


# --- formats: path -> (name -> array, metadata)


def _read_safetensors(path: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    return files.read_arrays(path)


def _read_npz(path: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    with np.load(path) as file:
        return {name: file[name] for name in file.files}, {}


def _read_h5(path: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    try:
        import h5py
    except ImportError as error:
        raise ValueError(
            "this takes the package h5py, which is not there: pip install h5py"
        ) from error
    arrays = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: (
                arrays.update({name: np.asarray(item)}) if isinstance(item, h5py.Dataset) else None
            )
        )
    return arrays, {}


def _read_pth(path: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """A state dict of tensors, as `torch.save` writes it: a zip archive since 2020, a row of pickles before."""
    with open(path, "rb") as file:
        tensors = _read_pth_archive(file) if zipfile.is_zipfile(path) else _read_pth_pickles(file)
    if not isinstance(tensors, Mapping) or not all(
        isinstance(value, _Tensor) for value in tensors.values()
    ):
        raise ValueError("it holds no state dict, whose entries are all tensors")
    return {name: tensor.array() for name, tensor in tensors.items()}, {}


def _read_pth_archive(file: io.BufferedReader) -> Any:
    with zipfile.ZipFile(file) as archive:
        pickled = next(name for name in archive.namelist() if name.endswith("data.pkl"))
        folder = pickled.removesuffix("data.pkl")
        return _Unpickler(
            archive.open(pickled),
            lambda kind, key, size: np.frombuffer(archive.read(f"{folder}data/{key}"), kind),
        ).load()


def _read_pth_pickles(file: io.BufferedReader) -> Any:
    """Magic number, version, machine, then the object; then the storages' names and each one's size and data."""
    storages: dict[str, np.ndarray] = {}
    wanted: dict[str, np.dtype] = {}

    def refer(kind, key, size):
        # Filled in below: the data come last.
        return storages.setdefault(key, np.empty(size, wanted.setdefault(key, kind)))

    if _Unpickler(file, refer).load() != 0x1950A86A20F9469CFC6C:
        raise pickle.UnpicklingError("not a file of PyTorch's")
    for _ in range(2):
        _Unpickler(file, refer).load()
    tensors = _Unpickler(file, refer).load()
    for key in _Unpickler(file, refer).load():
        (size,) = struct.unpack("<q", file.read(8))
        storages[key][:] = np.frombuffer(
            file.read(size * storages[key].itemsize), storages[key].dtype
        )
    return tensors


class _Tensor:
    """A view into a storage, looked at when the storage is filled."""

    def __init__(
        self, storage: np.ndarray, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_
    ):
        self._storage, self._offset, self._shape, self._strides = storage, offset, shape, strides

    def array(self) -> np.ndarray:
        last = self._offset + sum(
            (size - 1) * stride for size, stride in zip(self._shape, self._strides, strict=True)
        )
        if (
            min(self._shape, default=1) < 1
            or min(self._strides, default=0) < 0
            or self._offset < 0
            or last >= len(self._storage)
        ):
            raise ValueError("a tensor reaches beyond its data")
        steps = tuple(stride * self._storage.itemsize for stride in self._strides)
        return np.lib.stride_tricks.as_strided(
            self._storage[self._offset :], self._shape, steps
        ).copy()


class _Unpickler(pickle.Unpickler):
    """Knows what a state dict is made of and refuses everything else: a pickle may otherwise run any program."""

    _STORAGES = {
        "FloatStorage": "<f4",
        "DoubleStorage": "<f8",
        "HalfStorage": "<f2",
        "LongStorage": "<i8",
    }

    def __init__(self, file: Any, storage: Callable[[np.dtype, str, int], np.ndarray]):
        super().__init__(file)
        self._storage = storage

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in self._STORAGES:
            return np.dtype(self._STORAGES[name])
        known = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _Tensor,
            ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a state dict")
        return known[module, name]

    def persistent_load(self, reference: Any) -> np.ndarray:
        what, kind, key, _, size, *_ = reference
        if what != "storage":
            raise pickle.UnpicklingError(f"{what!r} is no storage")
        return self._storage(kind, key, size)


_UNREADABLE = (
    AttributeError, EOFError, IndexError, KeyError, OSError, StopIteration, TypeError, ValueError,
    pickle.UnpicklingError, safetensors.SafetensorError, struct.error, zipfile.BadZipFile,
)  # fmt: skip
_READERS = {
    ".safetensors": _read_safetensors,
    ".npz": _read_npz,
    ".pth": _read_pth,
    ".h5": _read_h5,
}
