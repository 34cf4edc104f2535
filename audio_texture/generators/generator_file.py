"""Generators as safetensors files: weights, styles, and the choices that they were made by."""

import json
from typing import Any

import jax
import numpy as np

from audio_texture import files
from audio_texture.generators import beats, network
from audio_texture.generators.config import GeneratorConfig
from audio_texture.generators.generator import Generator
from audio_texture.generators.styles import Styles

FORMAT = "audio-texture generator 1"
_REAL = ("colours", "heard", "gains")


def save(path: str, generator: Generator) -> None:
    """Writes a generator as one file, whole or not at all. OSError where it cannot be written."""
    styles = generator.styles
    arrays = _name_leaves(generator.parameters)
    arrays |= {f"styles/{name}": getattr(styles, name) for name in _REAL}
    # safetensors has no complex numbers.
    arrays["styles/couplings.real"] = np.real(styles.couplings)
    arrays["styles/couplings.imag"] = np.imag(styles.couplings)
    arrays["factors"] = generator.factors
    described = {
        "config": generator.config.to_json(),
        "styles": list(styles.names),
        "peak": generator.peak,
        "training": generator.training,
    }
    arrays: dict[str, np.ndarray] = {
        name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()
    }
    arrays["styles/beats"] = np.ascontiguousarray(styles.beats, np.uint32)
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
        styles = _read_styles(arrays, config, described["styles"])
        parameters = _read_parameters(arrays, config, len(styles.names))
        factors = _read_array(arrays, "factors", (None, config.channels))
        peak, training = float(described["peak"]), described["training"]
        if not isinstance(training, dict):
            raise ValueError(f"training is {training!r}")
    except KeyError as error:
        raise ValueError(f"{path!r} is a generator that lacks {error}.") from error
    except (TypeError, ValueError) as error:
        said = str(error).rstrip(".")
        raise ValueError(f"{path!r} is a generator of another configuration: {said}.") from error
    return Generator(config, parameters, styles, factors, peak, training)


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


def _read_styles(arrays, config, names):
    """The styles from named arrays; errors as of `_read_array`."""
    if not isinstance(names, list) or not names:
        raise ValueError(f"styles are {names!r}")
    count, channels, stage = len(names), config.channels, config.heard
    coupling = (count, stage.n_fft // 2 + 1, channels, channels)
    shapes = {
        "colours": (count, channels, 2 * config.chunk + 1),
        "heard": (count, channels, stage.bands),
        "couplings.real": coupling,
        "couplings.imag": coupling,
        "gains": (count,),
    }
    held = {name: _read_array(arrays, f"styles/{name}", shape) for name, shape in shapes.items()}
    real, imag = held.pop("couplings.real"), held.pop("couplings.imag")
    couplings = (real + 1j * imag).astype(np.complex64)
    periods = (count, len(beats.RANGES))
    held["beats"] = _read_array(arrays, "styles/beats", periods, np.uint32)
    return Styles(tuple(map(str, names)), couplings=couplings, **held)


def _read_parameters(arrays, config, styles):
    """The network's parameters from named arrays; errors as of `_read_array`."""
    shapes = parameter_shapes(config, styles)
    leaves = [_read_array(arrays, name, leaf.shape) for name, leaf in _name_leaves(shapes).items()]
    return jax.tree.unflatten(jax.tree.structure(shapes), leaves)


def _read_array(arrays, name, shape, kind: Any = np.float32):
    """An array of a type. KeyError where it is missing, ValueError where its shape, in which None
    stands for any length, or its type is another.
    """
    array = arrays[name]
    fits = len(array.shape) == len(shape) and all(
        length in (None, own) for length, own in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype != kind:
        raise ValueError(f"{name} is {array.dtype} of the shape {array.shape}, not {shape}")
    return array


def _name_leaves(tree: Any) -> dict[str, Any]:
    """Leaves of a tree by names like "a/b"."""
    pairs = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in pairs}
