"""An endless texture, block by block, matched to a style that was fitted once.

A block is a waveform canvas of fixed length, so all blocks share one compiled program. It is a
circle, so every frame is matched alike:

    | blend | context | blend | new ...           | blend | rest |
    <------- frozen ---------->
                      <--------- emitted --------->

The frozen part is what the last block rendered after its emitted part. Its context is as long as
the longest kernel, so every patch across the border is matched, but it does not change. Over the
blends the frozen wave and the new one fade into each other. The rest, as long as the context, keeps
the emitted part away from the point where the circle closes. The target is fixed and no statistic
is measured on earlier blocks, so nothing drifts.

On a canvas with ends, loud frames would collect at the ends, where fewer kernels see them.

C channels, N samples of a block, S emitted, H of context, B of a blend.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft

from audio_texture import audio, canvas, layout, morphing, optimize, walk
from audio_texture.base import Canvas
from audio_texture.config import Recipe
from audio_texture.errors import ChoiceError
from audio_texture.precision import single
from audio_texture.problem import keep, optimizer_of
from audio_texture.streaming.layout import circular_canvas, field_samples, fit_walk
from audio_texture.streaming.style import Style, style_objective


class StreamState(NamedTuple):
    """What the next block needs.

    Attributes:
      block: number of the next block, from 0.
      frozen: [C, B + H + B], the wave under the context and the blends around it.
      frame: index in the references' gains from which the walk goes on.
      lowered_db: by how much all blocks are lowered against clipping; fixed by the first block.
    """

    block: int
    frozen: np.ndarray
    frame: int
    lowered_db: float


class Block(NamedTuple):
    """A finished block of a stream, or a whole loop.

    Attributes:
      wave: [C, S] float32.
      lowered_db: how far the wave is below the references' level, so that it does not clip.
      outcome: of the optimiser.
    """

    wave: np.ndarray
    lowered_db: float
    outcome: optimize.Outcome


class Stream(NamedTuple):
    """A style laid out in blocks.

    Attributes:
      style: the style.
      samples: number of samples that each block emits.
      length: of a block, in samples.
      context: see above, in samples.
      blend: see above, in samples.
      total: length of a morph in samples; 0 without a morph.
      canvas: of a block, with the frozen wave blended in.
      optimizer: with a compiled init.
      start: (key, number of the block, gains [C, T, G]) -> starting parameters.
      transitions: of the walk through the references' gains, see `initialise.fit_walk`.
      piece: mean length of a piece of that walk, in frames.
    """

    style: Style
    samples: int
    length: int
    context: int
    blend: int
    total: int
    canvas: Canvas
    optimizer: optimize.Optimizer
    start: Callable[[jax.Array, int, np.ndarray], Any]
    transitions: walk.TransitionModel
    piece: float

    def seconds_at(self, block: int) -> float:
        """The time in the stream at which the emitted part of a block begins."""
        return block * self.samples / self.style.sample_rate

    def stretch(self, block: int) -> tuple[float, float] | None:
        """Of a morph, the time at which a block begins and the whole length, in seconds."""
        if not self.total:
            return None
        before, rate = self.blend + self.context, self.style.sample_rate
        return self.seconds_at(block) - before / rate, self.total / rate


@single
def prepare_stream(style: Style, *, seconds: float | None = None) -> Stream:
    """A stream of a style, with compiled blocks of the recipe's `block_seconds`.

    Args:
      style: as of `fit_style`.
      seconds: length of the stream; a morph needs it.

    Raises:
      ChoiceError: where a morph has no length, or blocks are too short to emit anything.
    """
    if style.morph_to and not seconds:
        raise ChoiceError(
            "a morph needs a stream that ends.", field="morph_to", others=("seconds",)
        )
    recipe, rate = style.recipe, style.sample_rate
    context, blend = field_samples(recipe, rate), layout.longest_window(recipe, rate)
    length, emitted = check_blocks(recipe, sample_rate=rate)
    total = round(seconds * rate) if style.morph_to and seconds else 0
    stretch = (0.0, total / rate) if total else None
    noise = circular_canvas(style, length, stretch=stretch)

    compile_fns = functools.partial(_compile, style, noise, emitted, total)
    key = ("stream", length, emitted, total, *style.compile_key())
    (render, optimizer, start), _ = keep(key, compile_fns)
    transitions, piece = fit_walk(style)
    return Stream(
        style=style,
        samples=emitted,
        length=length,
        context=context,
        blend=blend,
        total=total,
        canvas=Canvas(noise.init, render, {"noise": noise.constants}),
        optimizer=optimizer,
        start=start,
        transitions=transitions,
        piece=piece,
    )


def _compile(
    style: Style, noise: Canvas, emitted: int, total: int
) -> tuple[Callable[..., jax.Array], optimize.Optimizer, Callable[..., Any]]:
    """The compiled functions of a stream: render, its optimiser and the start of a block.

    Everything is compiled once: tracing for every block would take time, and memory that Python
    releases late or never.

    Args:
      style: the style.
      noise: canvas of a block without its frozen part.
      emitted: samples that a block emits.
      total: as of `Stream`.
    """

    def render(parameters, constants):
        wave = noise.render(parameters, constants["noise"])
        frozen, fade = constants["frozen"], constants["fade"][None]
        n_frozen = frozen.shape[1]
        blended = fade * frozen + (1 - fade) * wave[:, :n_frozen]
        return jnp.concatenate([blended, wave[:, n_frozen:]], axis=1)

    def loss(parameters, data):
        options = {"stretch": (data["start"], total / style.sample_rate)} if total else {}
        weights = list(data["weights"])
        distance = style_objective(style, weights, circular=True, **options).distance
        return distance(data["target"], render(parameters, data["constants"]))

    optimizer = optimizer_of(style.recipe, loss)
    start = jax.jit(functools.partial(_draw_start, noise, emitted))
    return jax.jit(render), optimizer._replace(init=jax.jit(optimizer.init)), start


def check_blocks(recipe: Recipe, *, sample_rate: int) -> tuple[int, int]:
    """Samples of a block and of its emitted part. ChoiceError where nothing is left to emit.

    Args:
      recipe: the choices, without kernels too long for the references.
      sample_rate: of the stream, in Hz.
    """
    context, blend = field_samples(recipe, sample_rate), layout.longest_window(recipe, sample_rate)
    longest = round(recipe.matching.block_seconds * sample_rate)
    # The longest length with a fast transform that is still matched in one piece.
    fast = (n for n in range(longest, 0, -1) if scipy.fft.next_fast_len(n, real=True) == n)
    length = next(fast, 1)
    emitted = length - 2 * context - 3 * blend
    if emitted < context + blend:
        raise ChoiceError(
            f"block_seconds={recipe.matching.block_seconds:g} is too short: a block must hold the "
            "longest kernel three times and the longest window four times, "
            f"{(3 * context + 4 * blend) / sample_rate:.3g} s.",
            field="block_seconds",
        )
    return length, emitted


def init_state(stream: Stream) -> StreamState:
    """The state before the first block."""
    channels, n_frozen = stream.style.factors.shape[1], stream.context + 2 * stream.blend
    return StreamState(0, np.zeros((channels, n_frozen), np.float32), 0, 0.0)


@single
def step(
    stream: Stream,
    key: jax.Array,
    state: StreamState,
    *,
    on_step: Callable[[optimize.ProgressRow], None] = optimize.ignore_step,
) -> tuple[StreamState, Block]:
    """The next state and block; they depend on style, key and state alone.

    Where `block.outcome.reason` is "interrupted" or "not finite", use neither of them.

    Args:
      stream: as of `prepare_stream`.
      key: PRNG key of the stream, the same for every step; the block's number is folded in.
      state: of `init_state` or of the last step.
      on_step: as of `optimize.run`.
    """
    style = stream.style
    constants, stretch = _block_constants(stream, state), stream.stretch(state.block)
    data = {
        "target": style.target,
        "constants": constants,
        "weights": jnp.asarray(style.weights_at(0.0)),
    }
    if stretch:
        data["start"] = np.float32(stretch[0])
    path, next_frame = _sample_path(stream, key, state)
    start = stream.start(key, state.block, style.gains[:, path])
    outcome = optimize.run(
        stream.optimizer,
        stream.optimizer.init(start, data),
        data,
        evaluations=style.recipe.optimiser.evaluations,
        tolerance=style.recipe.optimiser.tolerance,
        on_step=on_step,
    )
    wave = np.asarray(stream.canvas.render(outcome.state.parameters, constants))
    first, n_frozen = stream.blend + stream.context, state.frozen.shape[1]
    emitted = style.factors @ wave[:, first : first + stream.samples] * _gains(stream, state.block)
    frozen = wave[:, stream.samples :][:, :n_frozen].copy()
    lowered_db = state.lowered_db if state.block else _first_lowering_db(style, emitted)
    emitted = audio.round_off_peaks(emitted * np.float32(10 ** (-lowered_db / 20)))
    if not state.block:
        emitted = audio.fade_in(emitted, style.recipe.signal.fade_samples(style.sample_rate))
    block = Block(emitted, lowered_db, outcome)
    return StreamState(state.block + 1, frozen, next_frame, lowered_db), block


def _gains(stream: Stream, block: int) -> np.ndarray:
    """The factor from a block's modelled wave to the references' level, [1, 1] or [1, S]."""
    if not stream.total:
        return np.full((1, 1), stream.style.gain_at(0.0), np.float32)
    rate = stream.style.sample_rate
    seconds = stream.seconds_at(block) + np.arange(stream.samples) / rate
    places = np.asarray(morphing.place_at(seconds, stream.total / rate))
    knots = np.linspace(places[0], places[-1], canvas.KNOTS)
    gains = [stream.style.gain_at(knot) for knot in knots]
    return np.interp(places, knots, gains).astype(np.float32)[None]


def _first_lowering_db(style: Style, emitted: np.ndarray) -> float:
    """By how much a whole stream is lowered, from its references and its first block."""
    peak = max(*style.peaks, float(np.max(np.abs(emitted))))
    return audio.lowering_db(peak, audio.KNEE) if peak > 1 else 0.0


def _block_constants(stream: Stream, state: StreamState) -> dict[str, Any]:
    """The canvas's constants for one block; a morph changes the noise's colour."""
    fall = np.cos(np.pi / 2 * (np.arange(stream.blend) + 0.5) / stream.blend) ** 2
    fade = np.concatenate([fall[::-1], np.ones(stream.context), fall]).astype(np.float32)
    constants = stream.canvas.constants | {
        "frozen": jnp.asarray(state.frozen),
        "fade": jnp.asarray(fade if state.block else 0 * fade),
    }
    if stretch := stream.stretch(state.block):
        constants["noise"] = circular_canvas(stream.style, stream.length, stretch=stretch).constants
    return constants


def _sample_path(stream: Stream, key: jax.Array, state: StreamState) -> tuple[np.ndarray, int]:
    """Frames of the references' gains that a block starts from, and the next block's first one.

    A block that started from plain noise would have an onset at its border with a quiet context,
    and in most blocks the loudest frames grew there. One walk continues from block to block, and so
    does its rhythm.
    """
    hop = layout.equaliser_of(stream.style.recipe, stream.style.sample_rate).hop_length
    before, frames = round((stream.blend + stream.context) / hop), round(stream.length / hop)
    path = walk.sample_path(
        jax.random.fold_in(key, 2 * state.block + 1),
        stream.transitions,
        frames - before,
        piece=stream.piece,
        first=state.frame if state.block else None,
    )
    return walk.prepend_lead_in(path, before), int(path[round(stream.samples / hop)])


def _draw_start(
    noise: Canvas, emitted: int, key: jax.Array, block: jax.Array, gains: jax.Array
) -> dict[str, jax.Array]:
    """Starting parameters: the gains of a walk, and noise that continues from block to block.

    The continuous noise keeps tones in phase where blocks meet.
    """
    channels, samples = noise.init(key)["noise"].shape
    pieces = [
        jax.random.normal(jax.random.fold_in(key, 2 * (block + i)), (channels, emitted))
        for i in range(-(-samples // emitted))
    ]
    return {"noise": jnp.concatenate(pieces, axis=1)[:, :samples], "gain": gains}
