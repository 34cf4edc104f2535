"""A content's sound in another's style: synthesis of a canvas that keeps the content's course."""

import math
from collections.abc import Hashable

import jax
import numpy as np

from audio_texture import (
    audio,
    canvas,
    combinators,
    features,
    layout,
    matching,
    optimize,
    references,
    synthesis,
)
from audio_texture.config import Recipe
from audio_texture.precision import single
from audio_texture.synthesis import CompiledFns, Problem


def fold_channels(
    recipe: Recipe, content: np.ndarray, style: np.ndarray, *, sample_rate: int
) -> tuple[list[np.ndarray], np.ndarray]:
    """Content and style as a transfer models them: channels that repeat others are left out.

    A style of equal channels gets the content's image first: the width of a mono style is none, and
    whatever lies between the channels of a stereo content would be infinitely far from it.

    Args:
      recipe: the choices.
      content: wave [C, N].
      style: wave [C, M].
      sample_rate: theirs, in Hz.
    Returns:
      As `audio.fold_channels`.
    """
    pair = [content, audio.match_stereo_image(style, content, sample_rate=sample_rate)]
    return audio.fold_channels(pair, decorrelated=recipe.canvas.kind == "spectrogram")


def compile_key(
    recipe: Recipe, content: np.ndarray, style: np.ndarray, *, sample_rate: int
) -> Hashable:
    """`synthesis.compile_key` of a transfer."""
    folded, _ = fold_channels(recipe, content, style, sample_rate=sample_rate)
    seconds = content.shape[1] / sample_rate
    return synthesis.compile_key(recipe, folded, sample_rate=sample_rate, seconds=seconds)


@single
def prepare(
    recipe: Recipe,
    content: np.ndarray,
    style: np.ndarray,
    *,
    sample_rate: int,
    like: Problem | None = None,
) -> Problem:
    """Fits style and content and lays out a canvas of the content's length, at its level.

    With the choice `balanced` the distances are divided by what they are for noise of the style's
    spectrum, which has nothing of the content and of the style the spectrum alone: they then know
    nothing of either sound's level or length.

    Args:
      recipe: the choices.
      content: wave [C, N].
      style: wave [C, M] of the same rate and number of channels; see `fold_channels`.
      sample_rate: theirs and the result's, in Hz.
      like: see `synthesis.prepare`.
    Raises:
      ValueError: as `synthesis.prepare`.
    """
    references.check_content(recipe, content, sample_rate=sample_rate)
    folded, factors = fold_channels(recipe, content, style, sample_rate=sample_rate)
    asked = recipe
    recipe, waves, even = references.preprocess(recipe, folded, sample_rate=sample_rate)
    content_wave, style_wave = waves
    rate, samples = references.model_sample_rate(recipe, sample_rate), content.shape[1]
    seconds = references.check_seconds(samples / sample_rate)
    key = synthesis.compile_key(recipe, folded, sample_rate=sample_rate, seconds=seconds)
    synthesis.check_like(like, key, f"a transfer of {seconds:g} s by the recipe {recipe.name}")
    started = content_wave
    if recipe.transfer.start_recoloured:
        started = canvas.match_band_levels(content_wave, style_wave, sample_rate=rate)
    modelled = math.ceil(samples * rate / sample_rate)
    plan = layout.lay_out(recipe, [started, style_wave], even, rate, modelled)
    kept = plan.reflect_pad(content_wave)
    compiled = like.compiled if like else _compile(recipe, rate, key, plan)
    hparams = recipe.dynamic_hparams()
    targets = compiled.fit((kept, style_wave), hparams | features.given_weights(recipe))
    data = {
        "targets": targets,
        "constants": plan.canvas.constants,
        "numbers": hparams,
        "weights": {name: hparams[f"{name}_weight"] for name in targets},
    }
    optimizer = synthesis.optimizer_like(like, recipe, compiled)
    start = _starter(recipe, rate, plan, compiled, kept, plan.reflect_pad(started), style_wave)
    init = _initialiser(recipe, start, data, optimizer)
    level = audio.audible_rms(content, sample_rate=sample_rate)

    def render_output(key, parameters):
        wave = compiled.to_wave(key, parameters, plan.canvas.constants)
        wave = audio.resample(factors @ np.asarray(wave), rate, sample_rate)
        return audio.match_level(wave[:, :samples], level, sample_rate=sample_rate)

    return Problem(asked, optimizer, single(init), single(render_output), compiled, sample_rate)


def _initialiser(recipe, start, data, optimizer):
    """key -> (parameters, data), with the distances balanced where the recipe asks for it."""

    def init(key):
        noise, parameters = start(key)
        own = dict(data)
        if recipe.transfer.balanced:
            own["weights"] = _balance(optimizer, noise, own)
        return parameters, own

    return init


def _balance(optimizer, noise, data):
    """The distances' weights, each divided by what its distance is for noise."""
    ones = dict.fromkeys(data["weights"], np.float32(1))
    sizes = optimize.value_at(optimizer, noise, {**data, "weights": ones})[1]
    return {name: weight / sizes[name] for name, weight in data["weights"].items()}


def _starter(recipe, rate, plan, compiled, kept, started, style):
    """key -> (parameters that render noise of the style's spectrum, those to start from).

    kept: the padded content; started: the same or its recoloured form; style: wave [C, M].
    """
    choices, uniform = recipe.transfer, recipe.canvas.start == "uniform"
    density = canvas.spectral_density(
        style,
        sample_rate=rate,
        samples=kept.shape[1],
        smoothing_hz=recipe.canvas.smoothing_hz,
    )
    colour = canvas.spectral_colour(density)
    share = choices.start_content
    shares = np.float32(share), np.float32(math.sqrt(1 - share**2))
    constants = plan.canvas.constants

    def start(key):
        noise_key, start_key = jax.random.split(key)
        noise, parameters = compiled.start(noise_key, started, shares, colour, constants)
        if uniform and recipe.canvas.kind == "spectrogram" and not share:
            parameters = plan.canvas.init(start_key)
        if choices.start_shape:
            gains = canvas.measure_gains(
                kept,
                coupled=constants["coupling"],
                sample_rate=rate,
                equaliser=layout.equaliser_of(recipe, rate),
            )
            parameters["gain"] = choices.start_shape * gains
        return noise, parameters

    return start


def _compile(recipe: Recipe, rate: int, key: Hashable, plan: layout.Layout) -> CompiledFns:
    def fit(pair, hparams):
        rendered = tuple(map(plan.to_canvas_domain, pair))
        objectives = matching.transfer_objectives(recipe, rate, hparams)
        return {name: objective.fit(rendered) for name, objective in objectives.items()}

    def loss(parameters, data):
        x, hparams = plan.canvas.render(parameters, data["constants"]), data["numbers"]
        terms = {
            name: data["weights"][name] * objective.distance(data["targets"][name], x)[0]
            for name, objective in matching.transfer_objectives(recipe, rate, hparams).items()
        }
        others = combinators.weighted_sum(matching.regularisers(recipe, hparams))
        terms |= others.distance(others.fit(()), x)[1]
        return sum(terms.values()), terms

    def start(key, wave, shares, colour, constants):
        noise = canvas.colour_noise(jax.random.normal(key, wave.shape), colour)

        def invert(wave):
            return plan.canvas.invert(plan.to_canvas_domain(wave), constants)

        return invert(noise), invert(shares[0] * wave + shares[1] * noise)

    terms = tuple(matching.transfer_objectives(recipe, rate, recipe.dynamic_hparams()))
    compile_once = synthesis.jit_fast_compile
    return CompiledFns(
        key,
        compile_once(fit),
        jax.jit(loss),
        jax.jit(plan.to_wave),
        compile_once(start),
        terms,
    )


def reweighted(problem: Problem, **factors: float) -> Problem:
    """A transfer with its distances' weights multiplied, by name; it shares what is compiled.

    Args:
      problem: of `prepare`.
      **factors: of the weights, such as style=0.5.
    Raises:
      ValueError: a name that none of its distances has.
    """
    known = problem.compiled.terms
    unknown = [name for name in factors if name not in known]
    if unknown:
        raise ValueError(
            f"{unknown[0]!r} is no distance of this problem, which can be weighted anew; there are "
            f"{', '.join(known) or 'none'}."
        )

    def init(key):
        parameters, data = problem.init(key)
        weights = {
            name: weight * np.float32(factors.get(name, 1.0))
            for name, weight in data["weights"].items()
        }
        return parameters, {**data, "weights": weights}

    return problem._replace(init=init)
