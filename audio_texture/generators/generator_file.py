"""Generators as safetensors files: weights, styles, and the choices that they were made by."""

import json
from typing import Any

import jax
import numpy as np

from audio_texture import files
from audio_texture.errors import ChoiceError
from audio_texture.generators import beats, network
from audio_texture.generators.config import GeneratorConfig
from audio_texture.generators.generator import Generator
from audio_texture.generators.styles import Styles

FORMAT = "audio-texture generator 1"
_ARRAYS = ("colours", "heard", "couplings", "beats", "gains")


def save(path: str, generator: Generator) -> None:
    """Writes a generator as one file, whole or not at all. OSError where it cannot be written."""
    styles = generator.styles
    arrays = _name_leaves(generator.parameters)
    arrays |= {f"styles/{name}": getattr(styles, name) for name in _ARRAYS if name != "couplings"}
    # safetensors has no complex numbers.
    arrays["styles/couplings.real"] = np.real(styles.couplings)
    arrays["styles/couplings.imag"] = np.imag(styles.couplings)
    arrays["factors"] = np.asarray(generator.factors, np.float32)
    described = {
        "config": generator.config.to_json(),
        "styles": list(styles.names),
        "peak": generator.peak,
        "training": generator.training,
    }
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    files.write_arrays(path, arrays, {"format": FORMAT, "generator": json.dumps(described)})


def load(path: str) -> Generator:
    """Returns the generator that `save` wrote.

    Raises ValueError where the file is missing, damaged, of another format or version, or holds
    arrays that its configuration does not have.
    """
    arrays, metadata = files.read_arrays(path)
    if metadata.get("format") != FORMAT:
        raise ValueError(
            f"{path!r} holds no generator that this version reads: its format is "
            f"{metadata.get('format')!r}, not {FORMAT!r}."
        )
    try:
        described = json.loads(metadata["generator"])
        config = GeneratorConfig(**described["config"])
        real, imag = (arrays[f"styles/couplings.{part}"] for part in ("real", "imag"))
        couplings = (real + 1j * imag).astype(np.complex64)
        stacked = {name: arrays[f"styles/{name}"] for name in _ARRAYS if name != "couplings"}
        styles = Styles(tuple(described["styles"]), couplings=couplings, **stacked)
        parameters = _read_parameters(arrays, config, len(styles.names))
        rest = arrays["factors"], float(described["peak"]), dict(described["training"])
    except (KeyError, TypeError, ChoiceError) as error:
        raise ValueError(f"{path!r} is a generator of another configuration: {error}.") from error
    return Generator(config, parameters, styles, *rest)


def is_generator_file(path: str) -> bool:
    """Whether a file was written by `save`, of any version."""
    try:
        metadata = files.read_arrays(path)[1]
    except ValueError:
        return False
    return metadata.get("format", "").startswith(FORMAT.rstrip("0123456789"))


def parameter_shapes(config: GeneratorConfig, styles: int) -> Any:
    """Returns the shapes and types of a network's parameters. styles: how many."""
    net = network.Generator(config, styles)
    return jax.eval_shape(lambda: init_parameters(net, jax.random.key(0)))


def init_parameters(net: network.Generator, key: jax.Array) -> Any:
    """Returns random parameters of a network; its gains are 0 at first."""
    config, stage = net.config, net.config.heard
    channels, bins = config.channels, 2 * config.chunk + 1
    mixed = network.Blend(
        weights=np.full((1, net.styles), 1 / net.styles, np.float32),
        shares={stage.name: np.ones((1, stage.bands), np.float32) for stage in config.stages},
        colour=np.ones((channels, bins), np.float32),
        heard=np.zeros((channels, stage.bands), np.float32),
        coupling=np.zeros((stage.n_fft // 2 + 1, channels, channels), np.complex64),
        beats=np.zeros((net.styles, len(beats.RANGES)), np.uint32),
    )
    content = None
    if config.content_bands:
        content = network.Content(
            levels=np.zeros((config.frames(0), 2, config.content_bands), np.float32),
            wave=np.zeros((channels, config.chunk), np.float32),
        )
    state = network.init_state(config)
    drawn = net.init(key, state, np.uint32(0), np.int32(0), 1, mixed, content)
    return drawn["params"]


def _read_parameters(arrays, config, styles):
    """The network's parameters from named arrays. KeyError where one is missing or has another
    shape.
    """
    shapes = parameter_shapes(config, styles)
    for name, leaf in _name_leaves(shapes).items():
        if arrays[name].shape != leaf.shape:
            raise KeyError(f"{name} has the shape {arrays[name].shape}, not {leaf.shape}")
    leaves = [arrays[name] for name in _name_leaves(shapes)]
    return jax.tree.unflatten(jax.tree.structure(shapes), leaves)


def _name_leaves(tree: Any) -> dict[str, Any]:
    """Leaves of a tree by names like "a/b"."""
    pairs = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in pairs}
