"""weights/: round trips, VGG-19 from files as others write them, and what is refused."""

import collections
import io
import json
import os
import pickle
import struct
import sys
import types
import zipfile

import jax
import numpy as np
import pytest
import safetensors.numpy

from audio_texture import networks, weights
from audio_texture.layer import AUTHORS_LAYERS, Layer, NetworkConfig, cut_after, tap_names

X = np.random.default_rng(0).random((24, 9)).astype(np.float32)
LAYERS = (Layer(3, 1, 2, 6), Layer(3, 2, 1, 4))
POSITIONS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)


def make_config(kind):
    return NetworkConfig(
        kind, LAYERS, "uniform", channels={"1d-frequency": 9, "1d-time": 24}.get(kind, 0)
    )


@pytest.mark.parametrize("kind", ["1d-frequency", "1d-time", "2d"])
def test_round_trip(tmp_path, kind):
    """Weights, running moments, config and notes come back to the bit."""
    config = make_config(kind)
    variables = jax.jit(networks.build(config).init)(jax.random.key(0), X)
    weights.save(str(tmp_path / "a.safetensors"), config, variables, {"held_out": 3})
    loaded_config, loaded = weights.load(str(tmp_path / "a.safetensors"))
    assert loaded_config == config
    jax.tree.map(np.testing.assert_array_equal, loaded, variables)
    assert weights.read_notes(str(tmp_path / "a.safetensors")) == {"held_out": 3}
    assert os.listdir(tmp_path) == ["a.safetensors"]
    # Variables of layers below the cut do no harm.
    cut = cut_after(config, ["relu_1"])
    taps, expected = jax.jit(
        lambda variables: [networks.build(net).apply(variables, X) for net in (cut, config)]
    )(variables)
    np.testing.assert_array_equal(taps["relu_1"], expected["relu_1"])


@pytest.mark.parametrize(
    "other, message",
    [
        (NetworkConfig("2d", LAYERS, "uniform"), "conv_1/kernel is .27, 6., and must be .9, 6."),
        (
            NetworkConfig("1d-frequency", LAYERS, "uniform", channels=10),
            "conv_1/kernel is .27, 6., and must be .30, 6.",
        ),
        (
            NetworkConfig("1d-frequency", LAYERS[:1], "uniform", channels=9),
            "batchnorm_2/mean is .4,., and must be none",
        ),
        (
            NetworkConfig("1d-frequency", (*LAYERS, LAYERS[0]), "uniform", channels=9),
            "batchnorm_3/mean is missing, and must be .6,.",
        ),
        (NetworkConfig("1d-frequency", LAYERS, "uniform"), "channels must be given"),
    ],
)
def test_weights_of_another_network_are_refused(tmp_path, other, message):
    """`save` and `load` refuse them; the message names the first difference."""
    variables = jax.jit(networks.build(make_config("1d-frequency")).init)(jax.random.key(0), X)
    with pytest.raises(ValueError, match=message):
        weights.save(str(tmp_path / "a.safetensors"), other, variables)
    assert not os.listdir(tmp_path)
    arrays = {
        "/".join(entry.key for entry in path): np.asarray(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(variables)
    }
    safetensors.numpy.save_file(
        arrays,
        tmp_path / "b.safetensors",
        {"audio_texture": json.dumps({"network": other.to_json()})},
    )
    with pytest.raises(ValueError, match=message):
        weights.load(str(tmp_path / "b.safetensors"))


# --- VGG-19, at its true sizes but all of a few values, so that zip and npz stay small


@pytest.fixture(scope="module")
def kernels():
    """[(kernel [out, in, height, width], bias [out])] as in torchvision; the first is random."""
    rng, inputs, pairs = np.random.default_rng(0), 3, []
    for layer in AUTHORS_LAYERS["vgg19-grey"]:
        kernel = (
            np.zeros((layer.filters, inputs, 3, 3), np.float32)
            if pairs
            else rng.standard_normal((layer.filters, inputs, 3, 3)).astype(np.float32)
        )
        pairs.append((kernel, np.arange(layer.filters, dtype=np.float32)))
        inputs = layer.filters
    return pairs


def torch_names(kernels):
    return {
        f"features.{position}.{part}": array
        for position, pair in zip(POSITIONS, kernels, strict=True)
        for part, array in zip(("weight", "bias"), pair, strict=True)
    }


class Storage:
    """The data of a tensor, which PyTorch's pickles refer to."""

    def __init__(self, kind, key, array):
        self.kind, self.key, self.array = kind, key, array


class Tensor:
    """A tensor, pickled as PyTorch does it."""

    def __init__(self, storage, array):
        self.storage, self.array = storage, array

    def __reduce__(self):
        strides = tuple(stride // self.array.itemsize for stride in self.array.strides)
        return sys.modules["torch._utils"]._rebuild_tensor_v2, (
            self.storage,
            0,
            self.array.shape,
            strides,
            False,
            collections.OrderedDict(),
        )


class Pickler(pickle.Pickler):
    def persistent_id(self, item):
        return (
            ("storage", item.kind, item.key, "cpu", item.array.size)
            if isinstance(item, Storage)
            else None
        )


@pytest.fixture
def torch(monkeypatch):
    """Names of PyTorch for the pickler to write; reading needs no PyTorch."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def _rebuild_tensor_v2(*_):
        raise AssertionError("the names in a file must not be called")

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = (
        "torch._utils",
        "_rebuild_tensor_v2",
    )
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return torch


def pickled(item) -> bytes:
    file = io.BytesIO()
    Pickler(file, protocol=2).dump(item)
    return file.getvalue()


def state_dict(arrays, torch):
    storages = [
        Storage(torch.FloatStorage, str(number), array)
        for number, array in enumerate(arrays.values())
    ]
    return collections.OrderedDict(
        (name, Tensor(storage, storage.array))
        for name, storage in zip(arrays, storages, strict=True)
    ), storages


def write_pth(path, arrays, torch):
    state, storages = state_dict(arrays, torch)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("vgg19/data.pkl", pickled(state))
        archive.writestr("vgg19/byteorder", "little")
        for storage in storages:
            archive.writestr(f"vgg19/data/{storage.key}", storage.array.tobytes())


def write_old_pth(path, arrays, torch):
    state, storages = state_dict(arrays, torch)
    with open(path, "wb") as file:
        for item in (
            0x1950A86A20F9469CFC6C,
            1001,
            {"little_endian": True},
            state,
            [storage.key for storage in storages],
        ):
            file.write(pickled(item))
        for storage in storages:
            file.write(struct.pack("<q", storage.array.size) + storage.array.tobytes())


def write_npz(path, kernels):
    """Under the names of Caffe's conversions: [height, width, in, out]."""
    names = [tap_names("vgg19-grey", i)["conv"] for i in range(1, 17)]
    arrays = {
        f"{name}_W": kernel.transpose(2, 3, 1, 0)
        for name, (kernel, _) in zip(names, kernels, strict=True)
    }
    np.savez_compressed(
        path,
        **arrays,
        **{f"{name}_b": bias for name, (_, bias) in zip(names, kernels, strict=True)},
    )


def write_h5(path, kernels):
    """As Keras 2 does: a group a layer."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for i, (kernel, bias) in enumerate(kernels, start=1):
            name = tap_names("vgg19-grey", i)["conv"].replace("conv", "block").replace("_", "_conv")
            group = file.create_group(name).create_group(name)
            group.create_dataset(
                "kernel:0",
                data=kernel.transpose(2, 3, 1, 0),
                compression="gzip",
                compression_opts=1,
            )
            group.create_dataset("bias:0", data=bias)


@pytest.mark.parametrize("form", ["pth", "old.pth", "safetensors", "npz", "h5"])
def test_vgg19(tmp_path, kernels, torch, form):
    """Every format holds the same network: bins are the image's height, frames its width."""
    path = str(tmp_path / f"vgg19.{form}")
    {
        "pth": lambda: write_pth(path, torch_names(kernels), torch),
        "old.pth": lambda: write_old_pth(path, torch_names(kernels), torch),
        "safetensors": lambda: safetensors.numpy.save_file(torch_names(kernels), path),
        "npz": lambda: write_npz(path, kernels),
        "h5": lambda: write_h5(path, kernels),
    }[form]()
    config, variables = weights.load(path)
    assert config == NetworkConfig("vgg19-grey")
    kernel = kernels[0][0]
    for row, (frame, bin_, channel) in enumerate(np.ndindex(3, 3, 3)):
        np.testing.assert_array_equal(
            variables["params"]["conv1_1"]["kernel"][row], kernel[:, channel, bin_, frame]
        )
    np.testing.assert_array_equal(variables["params"]["conv5_4"]["bias"], np.arange(512))
    scale = {
        "npz": (np.array([123.68, 116.779, 103.939]) / 255, 1 / 255),
        "h5": (np.array([103.939, 116.779, 123.68]) / 255, 1 / 255),
    }
    mean, std = scale.get(form, (networks.IMAGENET_MEAN, networks.IMAGENET_STD))
    np.testing.assert_allclose(variables["constants"]["mean"], mean, rtol=1e-6)
    np.testing.assert_allclose(
        variables["constants"]["deviation"], np.broadcast_to(std, 3), rtol=1e-6
    )
    small = cut_after(config, ["conv1_1"])
    expected = jax.eval_shape(networks.build(small).init, jax.random.key(0), X)["params"]["conv1_1"]
    assert jax.tree.map(np.shape, variables["params"]["conv1_1"]) == jax.tree.map(
        lambda leaf: leaf.shape, expected
    )


def test_vgg19_with_random_first_layer(tmp_path, kernels):
    """The key draws the first convolution; the file has the others."""
    path = str(tmp_path / "vgg19.safetensors")
    safetensors.numpy.save_file(torch_names(kernels), path)
    loaded = [
        weights.load(path, kind="vgg19-random", key=jax.random.key(seed))[1] for seed in (0, 1)
    ]
    assert "constants" not in loaded[0] and loaded[0]["params"]["conv1_1"]["kernel"].shape == (
        121,
        64,
    )
    assert np.any(
        loaded[0]["params"]["conv1_1"]["kernel"] != loaded[1]["params"]["conv1_1"]["kernel"]
    )
    np.testing.assert_array_equal(loaded[0]["params"]["conv1_2"]["bias"], np.arange(64))


def test_another_vgg_is_refused(tmp_path, kernels):
    sixteen = {
        name: array
        for name, array in torch_names(kernels).items()
        if not name.startswith("features.16.")
    }
    safetensors.numpy.save_file(sixteen, tmp_path / "vgg16.safetensors")
    with pytest.raises(ValueError, match="another network than VGG-19: it has no conv3_4"):
        weights.load(str(tmp_path / "vgg16.safetensors"))
    wide = {**torch_names(kernels), "features.2.weight": np.zeros((64, 64, 5, 5), np.float32)}
    safetensors.numpy.save_file(wide, tmp_path / "wide.safetensors")
    with pytest.raises(
        ValueError, match=r"conv1_2 is \[64, 64, 5, 5\], for 64 inputs and 64 filters of 3 x 3"
    ):
        weights.load(str(tmp_path / "wide.safetensors"))


class Command:
    def __reduce__(self):
        return os.system, ("touch ran",)


def test_programs_in_pickles_do_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile("evil.pth", "w") as archive:
        archive.writestr("vgg19/data.pkl", pickle.dumps({"features.0.weight": Command()}))
    (tmp_path / "old.pth").write_bytes(pickle.dumps(Command()))
    for name in ("evil.pth", "old.pth"):
        with pytest.raises(ValueError, match=f"{name}.*posix.system has no place in a state dict"):
            weights.load(name)
    assert not (tmp_path / "ran").exists()


def test_files_that_hold_no_weights(tmp_path, monkeypatch, torch):
    """The error is a ValueError that names the file."""
    write_pth(tmp_path / "short.pth", {"a": np.zeros(4, np.float32)}, torch)
    with zipfile.ZipFile(tmp_path / "short.pth") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "short.pth", "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data[:8] if "/data/" in name else data)
    with zipfile.ZipFile(tmp_path / "no.pth", "w") as archive:
        archive.writestr("a", "b")
    (tmp_path / "list.pth").write_bytes(
        b"".join(pickled(item) for item in (0x1950A86A20F9469CFC6C, 1001, {}, [1, 2], []))
    )
    np.savez(tmp_path / "objects.npz", a=np.array([{}], object))
    for ending in ("pth", "npz", "safetensors", "h5"):
        (tmp_path / f"text.{ending}").write_text("no weights at all\n")
        (tmp_path / f"empty.{ending}").write_bytes(b"")
    (tmp_path / "weights.txt").write_text("")
    monkeypatch.setitem(sys.modules, "h5py", None)
    messages = {
        "short.pth": "beyond its data",
        "list.pth": "no state dict",
        "text.h5": "pip install h5py",
        "weights.txt": "must end in one of .safetensors, .npz, .pth, .h5",
        "missing.pth": "No such file",
    }
    for name in [*os.listdir(tmp_path), "missing.pth"]:
        with pytest.raises(ValueError, match=f"{name}.*{messages.get(name, '')}"):
            weights.load(str(tmp_path / name))
