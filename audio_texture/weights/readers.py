"""Readers of weight files, without PyTorch: path -> (arrays by name, metadata by name)."""

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import safetensors

from audio_texture import files


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
            "the package h5py, which reads .h5, is not installed: pip install h5py"
        ) from error
    arrays = {}

    def add(name, item):
        if isinstance(item, h5py.Dataset):
            arrays[name] = np.asarray(item)

    with h5py.File(path) as file:
        file.visititems(add)
    return arrays, {}


def _read_pth(path: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Reads a state dict of `torch.save`: a zip archive since 2020, pickles in a row before."""
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

        def read_storage(dtype, key, size):
            return np.frombuffer(archive.read(f"{folder}data/{key}"), dtype)

        return _Unpickler(archive.open(pickled), read_storage).load()


def _read_pth_pickles(file: io.BufferedReader) -> Any:
    """Reads magic number, version, machine and object, then size and data of the storages."""
    storages: dict[str, np.ndarray] = {}
    dtypes: dict[str, np.dtype] = {}

    def make_storage(dtype, key, size):
        # The loop below fills it in: the data come last.
        return storages.setdefault(key, np.empty(size, dtypes.setdefault(key, dtype)))

    if _Unpickler(file, make_storage).load() != 0x1950A86A20F9469CFC6C:
        raise pickle.UnpicklingError("it is not a file of PyTorch")
    for _ in range(2):
        _Unpickler(file, make_storage).load()
    tensors = _Unpickler(file, make_storage).load()
    for key in _Unpickler(file, make_storage).load():
        (size,) = struct.unpack("<q", file.read(8))
        storages[key][:] = np.frombuffer(
            file.read(size * storages[key].itemsize), storages[key].dtype
        )
    return tensors


class _Tensor:
    """A view into a storage, read once the storage is filled."""

    def __init__(
        self, storage: np.ndarray, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_
    ):
        self._storage, self._offset, self._shape, self._strides = storage, offset, shape, strides

    def array(self) -> np.ndarray:
        """Returns a copy of the data. Raises ValueError where they reach beyond the storage."""
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
    """Reads the parts of a state dict and refuses everything else.

    An ordinary unpickler would run any program that a file names.
    """

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
        """Returns the class for a part of a state dict. Raises UnpicklingError for any other."""
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

    def persistent_load(self, pid: Any) -> np.ndarray:
        """Returns the storage that a reference ("storage", dtype, key, device, size) names."""
        tag, dtype, key, _, size, *_ = pid
        if tag != "storage":
            raise pickle.UnpicklingError(f"{tag!r} is no storage")
        return self._storage(dtype, key, size)


# Errors of the readers for files that are damaged or of another format.
UNREADABLE = (
    AttributeError, EOFError, IndexError, KeyError, OSError, StopIteration, TypeError, ValueError,
    pickle.UnpicklingError, safetensors.SafetensorError, struct.error, zipfile.BadZipFile,
)  # fmt: skip
# Ending of a file -> its reader.
READERS = {
    ".safetensors": _read_safetensors,
    ".npz": _read_npz,
    ".pth": _read_pth,
    ".h5": _read_h5,
}
