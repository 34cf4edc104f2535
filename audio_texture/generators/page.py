"""A page that plays a generator for ever: one HTML file with the weights and the program inside.

| file | holds |
|---|---|
| page.html, page.css, page.js | the page, its controls, recording |
| worklet.js | the audio thread: fades, sliders, several streams |
| noise.js, styles.js, network.js | what the Python files of these names and beats.py do |

S styles, C channels, F frequencies of the noise.
"""

import base64
import dataclasses
import html
import json
import pathlib
import re
from typing import Any

import jax
import numpy as np

from audio_texture import files
from audio_texture.audio import peaks
from audio_texture.errors import ChoiceError
from audio_texture.generators import beats, network, noise, shaping, styles
from audio_texture.generators.config import Stage
from audio_texture.generators.generator import Generator
from audio_texture.report.html_page import read_asset

# Colours are written as 16-bit logarithms, in steps of 0.002 dB: from the loudest frequency of a
# style to this many nepers (139 dB) below it; what is softer is written as silence.
COLOUR_RANGE = 16.0
_STEPS = 2**16 - 2


def write_page(path: str, generator: Generator, *, title: str = "") -> None:
    """Writes a page that plays a generator, whole or not at all.

    The page needs no server and no network, also where it is opened as a file. Its sliders are
    neutral at first: a seed then sounds as in `stretch`, from 0 s on.

    Args:
      path: of the HTML file.
      generator: without a content to follow.
      title: of the page; the names of the styles if empty.
    Raises:
      ChoiceError: a generator that follows a content.
      OSError: the file cannot be written.
    """
    files.write_text(path, render_page(generator, title=title))


def render_page(generator: Generator, *, title: str = "") -> str:
    """Returns the text of the page that `write_page` writes."""
    if generator.config.content_bands:
        raise ChoiceError(
            "a page has no content for this generator to follow: it has "
            f"{generator.config.content_bands} content_bands, and a page needs 0.",
            field="generator",
        )
    described, data = _describe(generator)
    program = "\n".join(map(_read_asset, ("noise.js", "network.js", "worklet.js")))
    title = title or ", ".join(generator.styles.names)
    parts = {
        "title": html.escape(title),
        "style": read_asset("page.css") + _read_asset("page.css"),
        # "<" would end the element that holds the text.
        "model": json.dumps(described | {"title": title}).replace("<", "\\u003c"),
        "data": base64.b64encode(data).decode(),
        "worklet": program,
        "styles": _read_asset("styles.js"),
        "script": _read_asset("page.js"),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _read_asset("page.html"))


def _read_asset(name: str) -> str:
    return pathlib.Path(__file__).with_name(name).read_text(encoding="utf-8")


def _describe(generator: Generator) -> tuple[dict[str, Any], bytes]:
    """What worklet.js knows of a generator: plain types, and the bytes of its arrays."""
    config = generator.config
    arrays, (codes, peaks_of_styles) = _arrays(generator), encode_colours(generator.styles.colours)
    offsets, total = {}, 0
    for name, array in arrays.items():
        offsets[name] = [total, array.size]
        total += array.size
    described = {
        "sampleRate": config.sample_rate,
        "channels": config.channels,
        "outputs": generator.channels,
        "styles": list(generator.styles.names),
        "hop": config.hop_length,
        "chunk": config.chunk,
        "noiseFft": 4 * config.chunk,
        "levels": config.levels,
        "width": config.width,
        "noises": config.noises,
        "kernelSize": network.KERNEL_SIZE,
        "slope": network.SLOPE,
        "leastGain": network.LEAST_GAIN,
        "largestGain": network.LARGEST_GAIN,
        "heardFloor": network.HEARD_FLOOR,
        "heardLevel": config.heard.level,
        "overlap": shaping.OVERLAP,
        "audible": noise.AUDIBLE,
        # Of 32 bits, which single precision does not hold.
        "beats": generator.styles.beats.tolist(),
        "harmonics": beats.HARMONICS,
        "stages": [_describe_stage(stage, config.sample_rate) for stage in config.stages],
        "colourFloor": styles.COLOUR_FLOOR,
        "colourStep": COLOUR_RANGE / _STEPS,
        "colourSteps": _STEPS,
        "colourPeaks": peaks_of_styles.tolist(),
        "lowered": 10 ** (-generator.lowered_db / 20),
        "knee": peaks.KNEE,
        "fullScale": peaks.FULL_SCALE,
        "offsets": offsets,
        "colourOffset": 4 * total,
    }
    data = b"".join(np.ascontiguousarray(array, "<f4").tobytes() for array in arrays.values())
    return described, data + codes.astype("<u2").tobytes()


def _describe_stage(stage: Stage, sample_rate: int) -> dict[str, Any]:
    fields = dataclasses.asdict(stage)
    tips = shaping.band_tips(stage.n_fft, stage.bands, sample_rate)
    return {"nFft": fields.pop("n_fft"), "tips": tips.tolist(), **fields}


def _arrays(generator: Generator) -> dict[str, np.ndarray]:
    """The arrays of the page by name."""
    fitted = generator.styles
    leaves = jax.tree_util.tree_flatten_with_path(generator.parameters)[0]
    arrays = {
        jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf)
        for path, leaf in leaves
    }
    rows, columns = np.tril_indices(generator.config.channels, -1)
    pairs = np.moveaxis(fitted.couplings[:, :, rows, columns], 1, 2)
    arrays["couplings"] = np.concatenate([np.real(pairs), np.imag(pairs)], axis=1)
    arrays |= {"heard": fitted.heard, "gains": fitted.gains, "factors": generator.factors}
    return arrays


def encode_colours(colours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns colours as 16-bit logarithms, and the natural logarithm of each style's largest.

    0 is silence; code c is the largest times exp(step * (c - 65535)), with an error of 0.012 %.

    Args:
      colours: [S, C, F], at least 0.
    Returns:
      [S, C, F] uint16, and [S].
    Example:
      >>> codes, peaks = encode_colours(np.array([[[1.0, 0.5, 0.0]]]))
      >>> codes.tolist(), peaks.tolist()
      ([[[65535, 62696, 0]]], [0.0])
    """
    tiny = np.finfo(np.float32).tiny
    logs = np.log(np.maximum(colours, tiny, dtype=np.float64))
    largest = logs.max(axis=(1, 2))
    codes = _STEPS + 1 + np.round((logs - largest[:, None, None]) * (_STEPS / COLOUR_RANGE))
    return np.maximum(codes, 0).astype(np.uint16), largest
