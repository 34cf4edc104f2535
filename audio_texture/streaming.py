"""Textures without end, and loops without a seam: a style fitted once, then block after block against it.

A block is a waveform canvas of fixed length, so that all blocks share one compiled program, and a circle, so that every moment
of it is judged alike:

    | blend | context | blend | new ...           | blend | rest |
    <------- frozen ---------->
                      <--------- emitted --------->

Frozen is what the block before made at its end, with what it had rendered beyond what was emitted. Context does not
change and is as long as the longest kernel sees: every patch across the border counts. Over the blends the frozen wave and
the new one pass into each other. The rest, as long as the context, keeps what is emitted away from where the circle closes.
The target stays what it is and nothing is fed back, so nothing can drift.

On a canvas with ends, loud moments gathered there: kernels see less of them, and what is thrown away costs nothing.

C channels, N samples of a block, S emitted, H of context, B of a blend.
"""

import functools
import json
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft

from audio_texture import (
    audio,
    canvas,
    files,
    matching,
    mixing,
    objective,
    optimize,
    synthesis,
    walk,
)
from audio_texture.precision import single
from audio_texture.recipes import Recipe

# Above this share of full scale peaks are rounded off: what is emitted cannot be lowered when a
# louder moment comes. A stream is lowered to it beforehand where the references' peaks or those of
# its first block pass full scale.
KNEE = 0.9
# Just under 1, so that rounding to integers cannot pass full scale.
FULL = 0.9999
FORMAT = "audio-texture style 4"
# Of a style, what goes into JSON as it is.
PLAIN = ("sample_rate", "levels", "peaks", "weights", "balance", "lengths", "morph_to")


class Style(NamedTuple):
    """All that a sound of a style is made from; no recording.

    Attributes:
      recipe: the choices, without kernels too long for the references.
      sample_rate: Hz; what it is modelled at and streams are written at.
      levels: of the references, of `audio.audible_rms`, over the channels that are modelled.
      weights: of the references.
      balance: what they are multiplied by, or None; see `mixing.balance`.
      lengths: of the references, in samples.
      morph_to: weights at a stream's end, or None.
      bands: (from, to) in Hz for each reference, or None.
      densities: [R, F, C, C] complex128, cross-spectral density of each, or of their bands together, on a grid of frequencies from
        0 to Nyquist.
      gains: [C, T, G] float32, those that noise of that density would follow the references by, one after the other.
      target: of `matching.style_objective`.
      factors: [C', C] of the written channels, see `audio.fold_channels`; C are those that are
        modelled.
      peaks: of the references.
    """

    recipe: Recipe
    sample_rate: int
    levels: list[float]
    weights: list[float]
    balance: dict[str, list[float]] | None
    lengths: list[int]
    morph_to: list[float] | None
    bands: list[tuple[float, float]] | None
    densities: np.ndarray
    gains: np.ndarray
    target: Any
    factors: np.ndarray
    peaks: list[float]

    @property
    def channels(self) -> int:
        """Channels that are written."""
        return len(self.factors)

    def weights_at(self, place: float) -> np.ndarray:
        """Weights at a place between 0, a stream's beginning, and 1, its end; they add up to one. [R] float32"""
        return mixing.interpolate_weights(self.weights, self.morph_to, place).astype(np.float32)

    def gain_at(self, place: float) -> float:
        """What brings the modelled wave to the references' level there."""
        weights = self.weights_at(place)
        lost = (
            1.0
            if self.bands
            else canvas.lost_level(
                self.densities, mixing.balanced(weights, self.balance), sample_rate=self.sample_rate
            )
        )
        return (
            float(np.sqrt(np.average(np.square(self.levels), weights=weights)))
            / (lost * self.recipe.level)
            if self.recipe.level
            else 1.0 / lost
        )

    def density_at(self, place: float) -> np.ndarray:
        """Cross-spectral density [F, C, C] there."""
        return canvas.mix_densities(
            self.densities,
            [1.0] if self.bands else mixing.balanced(self.weights_at(place), self.balance),
        )


class State(NamedTuple):
    """What the next block needs.

    Attributes:
      block: its number.
      frozen: [C, B + H + B] the wave under context and the blends around it.
      moment: of the references' gains, that it goes on from.
      lowered_db: by how much all blocks are softer than the references, so that none is clipped;
        known from the first on.
    """

    block: int
    frozen: np.ndarray
    moment: int
    lowered_db: float


class Block(NamedTuple):
    """wave: [C, S] float32. lowered_db: how far it is below the references' level, so that it is
    not clipped. outcome: of the optimiser.
    """

    wave: np.ndarray
    lowered_db: float
    outcome: optimize.Outcome


class Stream(NamedTuple):
    """A style laid out in blocks.

    Attributes:
      samples: of each that are emitted.
      length: of a block, in samples.
      context, blend: see above, in samples.
      total: samples that a morph takes; 0 without one.
      start: (key, block's number, gains [C, T, G]) -> parameters to start it from.
      where, piece: of the walk through the references' gains, see `synthesis.surveyed`.
    """

    style: Style
    samples: int
    length: int
    context: int
    blend: int
    total: int
    sketch: canvas.Canvas
    optimizer: optimize.Optimizer
    start: Callable[[jax.Array, int, np.ndarray], Any]
    where: walk.TransitionModel
    piece: float

    def place(self, block: int) -> float:
        """Where a block stands in a morph, from 0 for the first one to 1 for the last."""
        return (
            min(1.0, block * self.samples / max(1, self.total - self.samples))
            if self.total
            else 0.0
        )


class Loop(NamedTuple):
    """A style laid out around a circle."""

    style: Style
    sketch: canvas.Canvas
    optimizer: optimize.Optimizer


def check_recipe(recipe: Recipe) -> None:
    """Raises ValueError for a recipe that no stream can be made by."""
    if recipe.canvas != "waveform":
        raise ValueError(
            f"the recipe {recipe.name!r} has a {recipe.canvas} canvas; streams and loops need a waveform canvas, such as texture-fast has."
        )
    if recipe.normalised_by == "start":
        raise ValueError(
            "normalised_by must be target or nothing in a stream, whose blocks start from each other."
        )


@single
def fit(
    recipe: Recipe,
    references: Sequence[np.ndarray],
    *,
    sample_rate: int,
    weights: Sequence[float] | None = None,
    morph_to: Sequence[float] | None = None,
    bands: Sequence[tuple[float, float]] | None = None,
) -> Style:
    """Fits a style; arguments and errors as of `synthesis.prepare`."""
    check_recipe(recipe)
    rate = synthesis.modelled_rate(recipe, sample_rate)
    synthesis.check_mixture(
        recipe, len(references), rate=rate, weights=weights, morph_to=morph_to, bands=bands
    )
    folded, factors = audio.fold_channels(references)
    recipe, waves, weights = synthesis.as_modelled(
        recipe, folded, sample_rate=sample_rate, weights=weights, bands=bands
    )
    # On the grid of a block's length; loops of other lengths are interpolated from it.
    samples = round(recipe.block_seconds * rate)
    shown, shares = synthesis.for_canvas(waves, weights, bands)
    balance = synthesis.balance_of(recipe, waves, rate, bands)
    densities = [
        canvas.spectral_density(
            wave, sample_rate=rate, samples=samples, smoothing_hz=recipe.smoothing_hz
        )
        for wave in shown
    ]
    equaliser = synthesis.equaliser_of(recipe, rate)
    used = [
        pair
        for pair, *ends in zip(zip(shown, densities), shares, morph_to or shares, strict=True)
        if any(ends)
    ]
    gains = [
        canvas.measure_gains(
            wave,
            coupled=canvas.coupling(density, sample_rate=rate, equaliser=equaliser),
            sample_rate=rate,
            equaliser=equaliser,
        )
        for wave, density in used
    ]
    style = Style(
        recipe=recipe,
        sample_rate=rate,
        levels=[audio.audible_rms(wave, sample_rate=sample_rate) for wave in folded],
        weights=weights,
        balance=balance and {name: values.tolist() for name, values in balance.items()},
        lengths=[wave.shape[1] for wave in waves],
        morph_to=morph_to and list(morph_to),
        bands=bands and list(bands),
        densities=np.stack(densities),
        gains=np.concatenate(gains, axis=1),
        factors=factors,
        peaks=[float(np.max(np.abs(wave))) for wave in references],
        target=None,
    )
    return style._replace(target=jax.jit(_objective(style).fit)(waves))


def _objective(
    style: Style, weights: list[Any] | None = None, *, circular: bool = False
) -> objective.Objective:
    """The distance to a style under other weights than its own, which may be traced."""
    numbers = style.recipe.numbers() | ({"balance": style.balance} if style.balance else {})
    return matching.style_objective(
        style.recipe,
        style.sample_rate,
        weights or style.weights,
        numbers=numbers,
        circular=circular,
        bands=style.bands,
    )


def save(path: str, style: Style) -> None:
    """Writes a style as one file of safetensors: its target and density, and the rest as JSON in the metadata."""
    _write(path, *_encoded(style))


def is_style(path: str) -> bool:
    """Whether a file is one of `save`, of any version."""
    try:
        return files.read_arrays(path)[1].get("format", "").startswith(FORMAT.rstrip("0123456789"))
    except ValueError:
        return False


def is_saved(path: str, style: Style) -> bool:
    """Whether a file is the one that `save` would write."""
    with open(path, "rb") as file:
        return file.read() == files.encode_arrays(*_encoded(style))


def _encoded(style: Style) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    names, leaves = _named(style.target)
    arrays = {name: np.asarray(leaf) for name, leaf in zip(names, leaves, strict=True)}
    arrays |= {
        "densities.real": style.densities.real,
        "densities.imag": style.densities.imag,
        "gains": style.gains,
    }
    arrays |= {"factors": style.factors}
    rest = {name: getattr(style, name) for name in PLAIN} | {"recipe": style.recipe.to_json()}
    # JSON knows no infinity.
    rest["bands"] = style.bands and [
        [low, high if np.isfinite(high) else None] for low, high in style.bands
    ]
    return arrays, {"format": FORMAT, "style": json.dumps(rest)}


@single
def load(path: str) -> Style:
    """Inverse of `save`. Raises ValueError where the file is missing, none of its kind, or of another version's recipe or networks."""
    arrays, metadata = files.read_arrays(path)
    if metadata.get("format") != FORMAT:
        raise ValueError(
            f"{path!r} holds no style: its format is {metadata.get('format')!r}, not {FORMAT!r}."
        )
    rest = json.loads(metadata["style"])
    rest["recipe"] = Recipe.from_json(rest["recipe"])
    rest["bands"] = rest["bands"] and [
        (low, np.inf if high is None else high) for low, high in rest["bands"]
    ]
    densities = arrays.pop("densities.real") + 1j * arrays.pop("densities.imag")
    style = Style(
        densities=densities,
        gains=arrays.pop("gains"),
        factors=arrays.pop("factors"),
        target=None,
        **rest,
    )
    waves = [
        jax.ShapeDtypeStruct((style.factors.shape[1], length), np.float32)
        for length in style.lengths
    ]
    expected = jax.eval_shape(_objective(style).fit, waves)
    names, leaves = _named(expected)
    wanted = {name: (leaf.shape, leaf.dtype) for name, leaf in zip(names, leaves, strict=True)}
    found = {name: (array.shape, array.dtype) for name, array in arrays.items()}
    if found != wanted:
        differing = sorted(
            name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name)
        )
        raise ValueError(
            f"{path!r} is a style of another configuration: its array {differing[0]!r} is not what its recipe makes."
        )
    return style._replace(
        target=jax.tree.unflatten(
            jax.tree.structure(expected), [jnp.asarray(arrays[name]) for name in names]
        )
    )


def save_state(path: str, state: State) -> None:
    """Writes a state over the last one, whole or not at all. ValueError where it cannot."""
    numbers = {
        "block": str(state.block),
        "moment": str(state.moment),
        "lowered_db": repr(state.lowered_db),
    }
    _write(path, {"frozen": state.frozen}, numbers)


def load_state(path: str, like: State) -> State:
    """Inverse of `save_state`, exact to the bit; `like` is a state of the same stream. Raises
    ValueError where the file's is of another, or damaged.
    """
    arrays, metadata = files.read_arrays(path)
    numbers = {"block", "moment", "lowered_db"}
    if {name: array.shape for name, array in arrays.items()} != {
        "frozen": like.frozen.shape
    } or not numbers <= metadata.keys():
        raise ValueError(f"{path!r} is no state of this stream.")
    return State(
        int(metadata["block"]),
        arrays["frozen"],
        int(metadata["moment"]),
        float(metadata["lowered_db"]),
    )


def _write(path: str, arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    try:
        files.write_arrays(path, arrays, metadata)
    except OSError as error:
        raise ValueError(f"{path!r} cannot be written ({error}).") from error


def _named(tree: Any) -> tuple[list[str], list[Any]]:
    paths = jax.tree_util.tree_flatten_with_path(tree)[0]
    return [jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in paths], [
        leaf for _, leaf in paths
    ]


@single
def prepare(style: Style, *, seconds: float | None = None) -> Stream:
    """Lays out blocks of `block_seconds`.

    seconds: length of the stream, which a morph must know. Raises ValueError where it does not, and where blocks leave nothing to emit.
    """
    if style.morph_to and not seconds:
        raise ValueError("a morph needs a stream that ends.")
    recipe, rate = style.recipe, style.sample_rate
    equaliser = synthesis.equaliser_of(recipe, rate)
    context, blend = _field(recipe, rate), synthesis.longest_window(recipe, rate)
    most = round(recipe.block_seconds * rate)
    # No longer than what is judged in one piece, and a length of fast transforms.
    samples = next((n for n in range(most, 0, -1) if scipy.fft.next_fast_len(n, real=True) == n), 1)
    emitted = samples - 2 * context - 3 * blend
    if emitted < context + blend:
        raise ValueError(
            f"block_seconds={recipe.block_seconds:g} is too short: a block must hold the longest kernel thrice and a window four times, {(3 * context + 4 * blend) / rate:.3g} s."
        )
    noise = _circle(style, 0.0, samples)

    def render(parameters, constants):
        wave = noise.render(parameters, constants["noise"])
        frozen, fade = constants["frozen"], constants["fade"][None]
        held = frozen.shape[1]
        return jnp.concatenate(
            [fade * frozen + (1 - fade) * wave[:, :held], wave[:, held:]], axis=1
        )

    def loss(parameters, data):
        return _objective(style, list(data["weights"]), circular=True).distance(
            data["target"], render(parameters, data["constants"])
        )

    sketch = canvas.Canvas(noise.init, jax.jit(render), {"noise": noise.constants})
    optimizer = synthesis.optimizer_of(recipe, loss)
    # Compiled, all of it: what is traced anew for every block is time lost, and memory that Python gives back late or never.
    start = jax.jit(functools.partial(_start, noise, emitted))
    total = round(seconds * rate) if style.morph_to else 0
    compiled = optimizer._replace(init=jax.jit(optimizer.init))
    return Stream(
        style, emitted, samples, context, blend, total, sketch, compiled, start, *_surveyed(style)
    )


def _surveyed(style: Style) -> tuple[walk.TransitionModel, float]:
    levels = canvas.part_levels(style.density_at(0.0))
    return synthesis.surveyed(style.recipe, style.gains, style.sample_rate, levels=levels)


def begin(stream: Stream) -> State:
    """The state before the first block."""
    return State(
        0,
        np.zeros((stream.style.factors.shape[1], stream.context + 2 * stream.blend), np.float32),
        0,
        0.0,
    )


@single
def step(stream: Stream, key: jax.Array, state: State) -> tuple[State, Block]:
    """The next block of a stream: a function of its key, state and style alone.

    Where the outcome was interrupted or is not finite, neither block nor state is to be used.

    Args:
      key: PRNG key of the stream, the same for every step; a block draws from its folds with the block's number.
    """
    style, fall = (
        stream.style,
        np.cos(np.pi / 2 * (np.arange(stream.blend) + 0.5) / stream.blend) ** 2,
    )
    fade = np.concatenate([fall[::-1], np.ones(stream.context), fall]).astype(np.float32)
    place, following = stream.place(state.block), stream.place(state.block + 1)
    noise = {"noise": _circle(style, place, stream.length).constants} if style.morph_to else {}
    constants = (
        stream.sketch.constants
        | noise
        | {
            "frozen": jnp.asarray(state.frozen),
            "fade": jnp.asarray(fade if state.block else 0 * fade),
        }
    )
    data = {
        "target": style.target,
        "constants": constants,
        "weights": jnp.asarray(style.weights_at(place)),
    }
    path, following_moment = _path(stream, key, state)
    outcome = optimize.run(
        stream.optimizer,
        stream.optimizer.init(stream.start(key, state.block, style.gains[:, path]), data),
        data,
        evaluations=style.recipe.evaluations,
        tolerance=style.recipe.tolerance,
    )
    wave = np.asarray(stream.sketch.render(outcome.state.parameters, constants))
    first = stream.blend + stream.context
    gain = np.linspace(
        style.gain_at(place), style.gain_at(following), stream.samples, dtype=np.float32
    )
    emitted = style.factors @ wave[:, first : first + stream.samples] * gain[None]
    held = wave[:, stream.samples :][:, : len(fade)].copy()
    peak = max(*style.peaks, float(np.max(np.abs(emitted))))
    lowered_db = state.lowered_db if state.block else _lowered_db(peak, KNEE) if peak > 1 else 0.0
    block = Block(_rounded_off(emitted * np.float32(10 ** (-lowered_db / 20))), lowered_db, outcome)
    return State(state.block + 1, held, following_moment, lowered_db), block


def _path(stream: Stream, key: jax.Array, state: State) -> tuple[np.ndarray, int]:
    """Moments of the references' gains that a block starts from, frame by frame, and the one that the next block goes on from.

    Under no gains all is alike, but for the border: next to a quiet context even plain noise is an onset, and the loudest
    moments of most blocks grew there. One walk goes on from block to block, and so does its rhythm.
    """
    hop = synthesis.equaliser_of(stream.style.recipe, stream.style.sample_rate).hop_length
    before, frames = round((stream.blend + stream.context) / hop), round(stream.length / hop)
    path = walk.sample_path(
        jax.random.fold_in(key, 2 * state.block + 1),
        stream.where,
        frames - before,
        piece=stream.piece,
        first=state.moment if state.block else None,
    )
    return walk.prepend_lead_in(path, before), int(path[round(stream.samples / hop)])


def _start(
    sketch: canvas.Canvas, emitted: int, key: jax.Array, block: jax.Array, gains: jax.Array
) -> dict[str, jax.Array]:
    """Noise that runs on from block to block, so that tones are in phase where they meet, under gains of a walk."""
    parameters = sketch.init(key)
    channels, samples = parameters["noise"].shape
    pieces = [
        jax.random.normal(jax.random.fold_in(key, 2 * (block + i)), (channels, emitted))
        for i in range(-(-samples // emitted))
    ]
    return {"noise": jnp.concatenate(pieces, axis=1)[:, :samples], "gain": gains}


@single
def prepare_loop(style: Style, *, seconds: float) -> Loop:
    """Lays out a loop. Raises ValueError for a length out of range or shorter than the longest kernel."""
    recipe, rate = style.recipe, style.sample_rate
    if style.morph_to:
        raise ValueError("a loop has no end to morph to.")
    samples = round(synthesis.check_seconds(seconds) * rate)
    least = max(_field(recipe, rate), 2 * synthesis.longest_window(recipe, rate))
    if samples < least:
        raise ValueError(
            f"a loop of {seconds:g} s is shorter than the longest kernel or two windows, {least / rate:.3g} s."
        )
    sketch = _circle(style, 0.0, samples)
    distance = _objective(style, circular=True).distance

    def loss(parameters, data):
        return distance(data["target"], sketch.render(parameters, data["constants"]))

    return Loop(
        style, sketch._replace(render=jax.jit(sketch.render)), synthesis.optimizer_of(recipe, loss)
    )


@single
def make_loop(
    loop: Loop,
    key: jax.Array,
    *,
    on_chunk: Callable[[optimize.OptimizerState, list[optimize.ProgressRow]], None] = lambda state, rows: None,
) -> Block:
    """A texture whose end flows into its beginning. on_chunk: as of `optimize.run`."""
    recipe = loop.style.recipe
    data = {"target": loop.style.target, "constants": loop.sketch.constants}
    noise_key, gain_key = jax.random.split(key)
    parameters = loop.sketch.init(noise_key)
    where, piece = _surveyed(loop.style)
    walk_key, turn_key = jax.random.split(gain_key)
    path = walk.sample_path(walk_key, where, parameters["gain"].shape[1], piece=piece)
    # Where the walk's end meets its beginning is anywhere on the circle.
    parameters["gain"] = jnp.asarray(
        loop.style.gains[:, np.roll(path, jax.random.randint(turn_key, (), 0, len(path)))]
    )
    state = loop.optimizer.init(parameters, data)
    outcome = optimize.run(
        loop.optimizer,
        state,
        data,
        evaluations=recipe.evaluations,
        tolerance=recipe.tolerance,
        on_chunk=on_chunk,
    )
    wave = loop.style.factors @ np.asarray(
        loop.sketch.render(outcome.state.parameters, loop.sketch.constants)
    )
    wave = wave * np.float32(loop.style.gain_at(0.0))
    # Known whole, it is lowered only as far as it must be, and nothing is rounded off.
    lowered_db = _lowered_db(np.max(np.abs(wave)), FULL)
    return Block(wave * np.float32(10 ** (-lowered_db / 20)), lowered_db, outcome)


def _circle(style: Style, place: float, samples: int) -> canvas.Canvas:
    """The canvas of a block or loop at a place of a morph."""
    equaliser, density = (
        synthesis.equaliser_of(style.recipe, style.sample_rate),
        style.density_at(place),
    )
    sizes = {"sample_rate": style.sample_rate, "samples": samples, "equaliser": equaliser}
    return canvas.loop_canvas(
        _colour(density, samples),
        canvas.coupling(density, sample_rate=style.sample_rate, equaliser=equaliser),
        **sizes,
    )


def _field(recipe: Recipe, rate: int) -> int:
    """Samples that the longest kernel and its windows see."""
    return max(matching.field_samples(recipe, rate), synthesis.longest_window(recipe, rate))


def _colour(density: np.ndarray, samples: int) -> np.ndarray:
    """The filter of a canvas of another length: each of its frequencies has the mean density [F, C, C] around it."""
    # Sums over both grids agree, however few frequencies the shorter canvas has: interpolated are running sums.
    grid, edges = np.linspace(0, 0.5, len(density)), (np.arange(samples // 2 + 2) - 0.5) / samples
    running = (
        np.concatenate([0 * density[:1], np.cumsum((density[1:] + density[:-1]) / 2, axis=0)])
        * grid[1]
    )
    clipped = np.clip(edges, 0, 0.5)
    flat = running.reshape(len(grid), -1)
    at_edges = np.stack([np.interp(clipped, grid, column) for column in flat.T], axis=1)
    mean = np.diff(at_edges, axis=0) / np.diff(clipped)[:, None]
    return canvas.spectral_colour(mean.reshape(-1, *density.shape[1:]))


def _lowered_db(peak: float, highest: float) -> float:
    """By how many dB a wave of that peak is to be lowered, so that it does not pass the highest
    one.
    """
    return max(0.0, 20 * math.log10(max(float(peak), np.finfo(np.float32).tiny) / highest))


def _rounded_off(wave: np.ndarray) -> np.ndarray:
    """A wave, linear up to `KNEE` and rounded off between it and full scale, float32."""
    size = np.abs(wave)
    rounded = KNEE + (1 - KNEE) * np.tanh((size - KNEE) / (1 - KNEE))
    return np.where(size > KNEE, np.sign(wave) * np.minimum(rounded, FULL), wave).astype(np.float32)
