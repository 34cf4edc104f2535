"""Style transfer: a sound with the events of a content and the texture of a style."""

import functools
import math
from collections.abc import Callable, Hashable
from typing import Any

import jax
import numpy as np

from audio_texture import (
    audio,
    canvas,
    combinators,
    direct,
    features,
    layout,
    matching,
    optimize,
    references,
    synthesis,
)
from audio_texture.compiling import jit_fast_compile
from audio_texture.config import Recipe
from audio_texture.precision import single
from audio_texture.problem import CompiledFns, Problem, compiled_of


def fold_channels(
    recipe: Recipe, content: np.ndarray, style: np.ndarray, *, sample_rate: int
) -> tuple[list[np.ndarray], np.ndarray]:
    """Content and style without channels that repeat others.

    A style of equal channels first gets the content's stereo image. A mono style has no difference
    between channels, so any difference in a stereo content would be infinitely far from it.

    Args:
      recipe: the choices.
      content: wave [C, N].
      style: wave [C, M].
      sample_rate: of both, in Hz.
    Returns:
      As `audio.fold_channels`.
    """
    pair = [content, audio.match_stereo_image(style, content, sample_rate=sample_rate)]
    return audio.fold_channels(pair, decorrelated=recipe.canvas.kind == "spectrogram")


def compile_key(
    recipe: Recipe, content: np.ndarray, style: np.ndarray, *, sample_rate: int
) -> tuple[Any, ...]:
    """`synthesis.compile_key` of a transfer; arguments as in `prepare`."""
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
    single_runs: bool = False,
    on_fit: Callable[[], None] = lambda: None,
) -> Problem:
    """Fits style and content; results have the content's length and level.

    With `balanced`, each distance is divided by its value for noise of the style's spectrum.

    Args:
      recipe: the choices.
      content: wave [C, N].
      style: wave [C, M] of the same rate and number of channels; see `fold_channels`.
      sample_rate: of both and of the result, in Hz.
      like: see `synthesis.prepare`.
      single_runs: see `synthesis.prepare`.
      on_fit: see `synthesis.prepare`.
    Raises:
      ValueError: as `synthesis.prepare`.
    """
    references.check_content(recipe, content, sample_rate=sample_rate)
    folded, factors = fold_channels(recipe, content, style, sample_rate=sample_rate)
    seconds = references.check_seconds(content.shape[1] / sample_rate)
    for wave in folded:
        references.check_reference(recipe, wave, sample_rate=sample_rate)
    key = synthesis.compile_key(recipe, folded, sample_rate=sample_rate, seconds=seconds)
    synthesis.check_like(like, key, f"a transfer of {seconds:g} s by the recipe {recipe.name}")
    if recipe.is_direct:
        return direct.transfer_problem(recipe, folded, factors, content, key, sample_rate, on_fit)
    given_recipe = recipe
    recipe, waves, equal = references.preprocess(recipe, folded, sample_rate=sample_rate)
    content_wave, style_wave = waves
    rate = references.model_sample_rate(recipe, sample_rate)
    on_fit()
    start_wave = _recolour_start(recipe, content_wave, style_wave, rate)
    samples = math.ceil(content.shape[1] * rate / sample_rate)
    plan = layout.lay_out(recipe, [start_wave, style_wave], equal, rate, samples)
    padded_content = plan.reflect_pad(content_wave)
    compile_fns = functools.partial(_compile, recipe, rate, key, plan)
    compiled, optimizer, is_new = compiled_of("transfer", key, recipe, like, compile_fns)
    hparams = recipe.dynamic_hparams()
    weights = {name: hparams[f"{name}_weight"] for name in compiled.terms}
    data = {"constants": plan.canvas.constants, "hparams": hparams, "weights": weights}
    fitted_to = (padded_content, style_wave), hparams | features.given_weights(recipe)
    beside = (optimizer, plan.canvas) if single_runs and is_new else None
    data = synthesis.with_target(compiled, "targets", fitted_to, data, beside)
    padded_start = plan.reflect_pad(start_wave)
    start = _starter(recipe, rate, plan, compiled, padded_content, padded_start, style_wave)
    init = single(_initialiser(recipe, start, data, optimizer))

    def to_wave(key, parameters):
        return factors @ np.asarray(compiled.to_wave(key, parameters, plan.canvas.constants))

    render_output = single(_renderer(recipe, to_wave, content, rate, sample_rate))
    return Problem(given_recipe, optimizer, init, render_output, compiled, sample_rate)


def _renderer(recipe, to_wave, content, rate, sample_rate):
    """(key, parameters) -> (wave [C, N] at the content's length and level, how far it is lowered).

    to_wave: (key, parameters) -> wave at the model's rate.
    """
    level = audio.audible_rms(content, sample_rate=sample_rate)
    fade = recipe.signal.fade_samples(sample_rate)

    def render_output(key, parameters):
        wave = audio.resample(to_wave(key, parameters), rate, sample_rate)
        faded = audio.fade_ends(wave[:, : content.shape[1]], fade)
        return audio.match_level(faded, level, sample_rate=sample_rate)

    return render_output


def _recolour_start(recipe, content_wave, style_wave, rate):
    """The content as the start has it: at the style's long-term levels where the recipe says so."""
    if not recipe.transfer.start_recoloured:
        return content_wave
    return canvas.match_band_levels(content_wave, style_wave, sample_rate=rate)


def _initialiser(recipe, start, data, optimizer):
    """key -> (parameters, data); with the choice `balanced` data holds balanced weights."""

    def init(key):
        noise, parameters = start(key)
        own_data = dict(data)
        if recipe.transfer.balanced:
            own_data["weights"] = _balance(optimizer, noise, own_data)
        return parameters, own_data

    return init


def _balance(optimizer, noise, data):
    """The distances' weights, each divided by the value of its distance for noise."""
    ones = dict.fromkeys(data["weights"], np.float32(1))
    sizes = optimize.value_at(optimizer, noise, {**data, "weights": ones})[1]
    return {name: weight / sizes[name] for name, weight in data["weights"].items()}


def _starter(recipe, rate, plan, compiled, content, start_wave, style):
    """key -> (parameters that render noise of the style's spectrum, starting parameters).

    content: padded, [C, N]; start_wave: the content or its recoloured form, padded, [C, N]; style:
    wave [C, M].
    """
    choices, is_uniform = recipe.transfer, recipe.canvas.start == "uniform"
    density = canvas.spectral_density(
        style,
        sample_rate=rate,
        samples=content.shape[1],
        smoothing_hz=recipe.canvas.smoothing_hz,
    )
    colour = canvas.spectral_colour(density)
    share = choices.start_content
    shares = np.float32(share), np.float32(math.sqrt(1 - share**2))
    constants = plan.canvas.constants

    def start(key):
        noise_key, start_key = jax.random.split(key)
        noise, parameters = compiled.start(noise_key, start_wave, shares, colour, constants)
        if is_uniform and recipe.canvas.kind == "spectrogram" and not share:
            parameters = plan.canvas.init(start_key)
        if choices.start_shape:
            gains = canvas.measure_gains(
                content,
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
        x, hparams = plan.canvas.render(parameters, data["constants"]), data["hparams"]
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
            assert plan.canvas.invert, "A transfer's canvas can be inverted."
            return plan.canvas.invert(plan.to_canvas_domain(wave), constants)

        return invert(noise), invert(shares[0] * wave + shares[1] * noise)

    terms = tuple(matching.transfer_objectives(recipe, rate, recipe.dynamic_hparams()))
    return CompiledFns(
        key,
        jit_fast_compile(fit),
        jax.jit(loss),
        jax.jit(plan.to_wave),
        jit_fast_compile(start),
        terms,
    )


def reweighted(problem: Problem, **factors: float) -> Problem:
    """A transfer with the weights of its distances multiplied; nothing is compiled again. One that
    is made without distances stays as it is.

    Args:
      problem: of `prepare`.
      **factors: by name of the distance, such as style=0.5.
    Raises:
      ValueError: an unknown name of a distance.
    """
    if problem.recipe.is_direct:
        return problem
    known = problem.compiled.terms
    unknown = [name for name in factors if name not in known]
    if unknown:
        raise ValueError(
            f"{unknown[0]!r} is not a distance of this problem; it has "
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
