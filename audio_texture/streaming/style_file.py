"""Styles and states of streams as safetensors files."""

import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import files
from audio_texture.config import Recipe
from audio_texture.precision import single
from audio_texture.streaming.stream import StreamState
from audio_texture.streaming.style import Style, style_objective

FORMAT = "audio-texture style 4"
# Fields of a style that are stored in JSON without conversion.
_JSON_FIELDS = ("sample_rate", "levels", "peaks", "weights", "balance", "lengths", "morph_to")


def save_style(path: str, style: Style) -> None:
    """Writes a style as one safetensors file: arrays, and the rest as JSON in its metadata.

    Raises ValueError where the file cannot be written.
    """
    _write(path, *_encode_style(style))


@single
def load_style(path: str) -> Style:
    """The style that `save_style` wrote.

    Raises ValueError where the file is missing, has another format, or holds arrays that its recipe
    does not make in this version.
    """
    arrays, metadata = files.read_arrays(path)
    if metadata.get("format") != FORMAT:
        raise ValueError(
            f"{path!r} holds no style: its format is {metadata.get('format')!r}, not {FORMAT!r}."
        )
    fields = json.loads(metadata["style"])
    fields["recipe"] = Recipe.from_json(fields["recipe"])
    fields["bands"] = fields["bands"] and [
        (low, np.inf if high is None else high) for low, high in fields["bands"]
    ]
    style = Style(
        densities=arrays.pop("densities.real") + 1j * arrays.pop("densities.imag"),
        gains=arrays.pop("gains"),
        factors=arrays.pop("factors"),
        target=None,
        **fields,
    )
    return style._replace(target=_read_target(path, style, arrays))


def _read_target(path: str, style: Style, arrays: dict[str, np.ndarray]) -> Any:
    """The target from named arrays. ValueError unless they are those that the recipe makes."""
    channels = style.factors.shape[1]
    waves = [jax.ShapeDtypeStruct((channels, length), np.float32) for length in style.lengths]
    expected = jax.eval_shape(style_objective(style).fit, waves)
    names, leaves = _name_leaves(expected)
    wanted = {name: (leaf.shape, leaf.dtype) for name, leaf in zip(names, leaves, strict=True)}
    actual = {name: (array.shape, array.dtype) for name, array in arrays.items()}
    differing = [
        name for name in actual.keys() | wanted.keys() if actual.get(name) != wanted.get(name)
    ]
    if differing:
        raise ValueError(
            f"{path!r} is a style of another configuration: "
            f"its array {min(differing)!r} is not what its recipe makes."
        )
    structure = jax.tree.structure(expected)
    return jax.tree.unflatten(structure, [jnp.asarray(arrays[name]) for name in names])


def is_style_file(path: str) -> bool:
    """Whether a file was written by `save_style`, of any version."""
    try:
        metadata = files.read_arrays(path)[1]
    except ValueError:
        return False
    return metadata.get("format", "").startswith(FORMAT.rstrip("0123456789"))


def is_style_saved(path: str, style: Style) -> bool:
    """Whether a file is the one that `save_style` would write."""
    with open(path, "rb") as file:
        return file.read() == files.encode_arrays(*_encode_style(style))


def _encode_style(style: Style) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Arrays and metadata of a style's file."""
    names, leaves = _name_leaves(style.target)
    arrays = {name: np.asarray(leaf) for name, leaf in zip(names, leaves, strict=True)}
    arrays |= {
        "densities.real": np.real(style.densities),
        "densities.imag": np.imag(style.densities),
        "gains": style.gains,
        "factors": style.factors,
    }
    fields = {name: getattr(style, name) for name in _JSON_FIELDS}
    fields["recipe"] = style.recipe.to_json()
    # JSON has no infinity.
    fields["bands"] = style.bands and [
        [low, high if np.isfinite(high) else None] for low, high in style.bands
    ]
    return arrays, {"format": FORMAT, "style": json.dumps(fields)}


def save_state(path: str, state: StreamState) -> None:
    """Replaces the file of an earlier state, whole or not at all.

    Raises ValueError where the file cannot be written.
    """
    numbers = {
        "block": str(state.block),
        "moment": str(state.frame),
        "lowered_db": repr(state.lowered_db),
    }
    _write(path, {"frozen": state.frozen}, numbers)


def load_state(path: str, like: StreamState) -> StreamState:
    """The state that `save_state` wrote, exact to the bit.

    like: a state of the same stream. Raises ValueError where the file is damaged or of another
    stream.
    """
    arrays, metadata = files.read_arrays(path)
    shapes = {name: array.shape for name, array in arrays.items()}
    numbers = {"block", "moment", "lowered_db"}
    if shapes != {"frozen": like.frozen.shape} or not numbers <= metadata.keys():
        raise ValueError(f"{path!r} is not a state of this stream.")
    return StreamState(
        block=int(metadata["block"]),
        frozen=arrays["frozen"],
        frame=int(metadata["moment"]),
        lowered_db=float(metadata["lowered_db"]),
    )


def _write(path: str, arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    try:
        files.write_arrays(path, arrays, metadata)
    except OSError as error:
        raise ValueError(f"{path!r} cannot be written ({error}).") from error


def _name_leaves(tree: Any) -> tuple[list[str], list[Any]]:
    """Names like "a/b" of a tree's leaves, and the leaves."""
    pairs = jax.tree_util.tree_flatten_with_path(tree)[0]
    names = [jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in pairs]
    return names, [leaf for _, leaf in pairs]
