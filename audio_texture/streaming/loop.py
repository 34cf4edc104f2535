"""Loops without a seam: a texture whose end flows into its beginning."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import audio, layout, optimize, references, walk
from audio_texture.base import Canvas
from audio_texture.config import Recipe
from audio_texture.errors import ChoiceError
from audio_texture.precision import single
from audio_texture.problem import keep, optimizer_of
from audio_texture.streaming.layout import circular_canvas, field_samples, fit_walk
from audio_texture.streaming.stream import Block
from audio_texture.streaming.style import Style, style_objective


class Loop(NamedTuple):
    """A style laid out around a circle, with its canvas and optimiser."""

    style: Style
    canvas: Canvas
    optimizer: optimize.Optimizer


@single
def prepare_loop(style: Style, *, seconds: float) -> Loop:
    """A loop of a style, ready to be made.

    Args:
      style: as of `fit_style`, without a morph.
      seconds: length of the loop.

    Raises:
      ChoiceError: for a morph, and for a length out of range or shorter than the longest kernel.
    """
    recipe, rate = style.recipe, style.sample_rate
    if style.morph_to:
        raise ChoiceError("a loop has no end to morph to.", field="morph_to", others=("loop",))
    samples = check_loop(recipe, sample_rate=rate, seconds=seconds)
    circle = circular_canvas(style, samples)

    def compile_fns():
        distance = style_objective(style, circular=True).distance

        def loss(parameters, data):
            return distance(data["target"], circle.render(parameters, data["constants"]))

        return jax.jit(circle.render), optimizer_of(recipe, loss)

    (render, optimizer), _ = keep(("loop", samples, *style.compile_key()), compile_fns)
    return Loop(style, circle._replace(render=render), optimizer)


def check_loop(recipe: Recipe, *, sample_rate: int, seconds: float) -> int:
    """The samples of a loop. ChoiceError for a length out of range or shorter than the longest
    kernel.

    Args:
      recipe: the choices, without kernels too long for the references.
      sample_rate: of the loop, in Hz.
      seconds: length of the loop.
    """
    samples = round(references.check_seconds(seconds) * sample_rate)
    least = max(field_samples(recipe, sample_rate), 2 * layout.longest_window(recipe, sample_rate))
    if samples < least:
        raise ChoiceError(
            f"a loop of {seconds:g} s is shorter than the longest kernel or two windows, "
            f"{least / sample_rate:.3g} s.",
            field="seconds",
        )
    return samples


@single
def make_loop(
    loop: Loop,
    key: jax.Array,
    *,
    on_chunk: Callable[[list[optimize.ProgressRow]], None] = lambda progress: None,
    on_step: Callable[[optimize.ProgressRow], None] = optimize.ignore_step,
) -> Block:
    """A texture whose end flows into its beginning.

    Args:
      loop: as of `prepare_loop`.
      key: PRNG key.
      on_chunk: called after each chunk with all progress rows so far.
      on_step: as of `optimize.run`.

    Returns:
      The wave [C, N] with how far it was lowered and the optimiser's outcome.
    """
    style = loop.style
    noise_key, gain_key = jax.random.split(key)
    parameters = loop.canvas.init(noise_key)
    transitions, piece = fit_walk(style)
    walk_key, turn_key = jax.random.split(gain_key)
    path = walk.sample_path(walk_key, transitions, parameters["gain"].shape[1], piece=piece)
    # The walk's end meets its beginning at a random place of the circle.
    turn = jax.random.randint(turn_key, (), 0, len(path))
    parameters["gain"] = jnp.asarray(style.gains[:, np.roll(path, turn)])
    data = {"target": style.target, "constants": loop.canvas.constants}
    outcome = optimize.run(
        loop.optimizer,
        loop.optimizer.init(parameters, data),
        data,
        evaluations=style.recipe.optimiser.evaluations,
        tolerance=style.recipe.optimiser.tolerance,
        on_chunk=lambda _, rows: on_chunk(rows),
        on_step=on_step,
    )
    rendered = loop.canvas.render(outcome.state.parameters, loop.canvas.constants)
    wave = style.factors @ np.asarray(rendered) * np.float32(style.gain_at(0.0))
    # The whole loop is known, so it is lowered just enough that no peak must be rounded off.
    lowered_db = audio.lowering_db(np.max(np.abs(wave)), audio.FULL_SCALE)
    return Block(wave * np.float32(10 ** (-lowered_db / 20)), lowered_db, outcome)
