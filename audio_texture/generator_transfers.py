"""Trains a generator that turns any content into a style in one pass, by a transfer's loss.

Johnson, Alahi & Fei-Fei 2016: each evaluation takes the next of many contents, and steps the
weights down the gradient of the recipe's style and content distances.

C channels, M contents, N samples.
"""

import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import (
    audio,
    combinators,
    generators,
    matching,
    references,
    synthesis,
)
from audio_texture.compiling import jit_fast_compile
from audio_texture.config import Recipe
from audio_texture.errors import ChoiceError
from audio_texture.features import given_weights, weights_version
from audio_texture.generator_training import (
    SAMPLE_SECONDS,
    Training,
    draw_sample,
    finish,
    no_wave,
    optimizer_of,
    starter,
    untrained_data,
)
from audio_texture.generators import GeneratorConfig, network, noise
from audio_texture.precision import single
from audio_texture.problem import keep

# Bands of the content that the network follows.
CONTENT_BANDS = 32
# Contents over which the distances for noise, by which weights are balanced, are averaged.
_BALANCED_BY = 4


@single
def prepare(
    recipe: Recipe,
    style: np.ndarray,
    contents: Sequence[np.ndarray],
    *,
    sample_rate: int,
    name: str = "style",
    sample_seconds: float = SAMPLE_SECONDS,
    on_fit: Callable[[], None] = lambda: None,
    **sizes: int,
) -> Training:
    """Fits a style and describes contents to train with.

    Args:
      recipe: of a transfer, through `generator_training.generator_recipe`; its `start_content` is
        the share of the content's wave in what the network shapes.
      style: wave [C, N].
      contents: waves [C, N_i], each cut or mirrored to the length of a sample; each should last
        about that long.
      sample_rate: of all, in Hz.
      name: of the style.
      sample_seconds: length of the sample of each evaluation.
      on_fit: called once all is checked, before what takes long.
      **sizes: fields of `GeneratorConfig`.
    Raises:
      ChoiceError: a recipe of another task or canvas, no contents, or a silent one.
      ValueError: as `style_transfer.prepare`.
    """
    check_recipe(recipe)
    if not contents:
        raise ChoiceError("there must be at least one content.", field="contents")
    folded, factors = audio.fold_channels([style])
    rate = references.model_sample_rate(recipe, sample_rate)
    samples = round(sample_seconds * rate)
    recipe, [style_wave], _ = references.preprocess(recipe, folded, sample_rate=sample_rate)
    sizes = {"content_bands": CONTENT_BANDS} | sizes
    config = GeneratorConfig(
        rate, len(style_wave), content_share=recipe.transfer.start_content, **sizes
    )
    on_fit()
    styles = generators.fit_styles(
        [name], [style_wave], config, smoothing_hz=recipe.canvas.smoothing_hz
    )
    waves = [
        _cut(recipe, content, factors, sample_rate, rate, samples, f"content {number}")
        for number, content in enumerate(contents, start=1)
    ]
    problem = _build_problem(recipe, style_wave, np.stack(waves), config, styles)
    level = audio.audible_rms(folded[0], sample_rate=sample_rate)
    peak = float(np.max(np.abs(style)))
    training = Training(problem, styles, config, [level], peak, factors, None)

    def render_output(_, parameters):
        generator = finish(training, parameters)
        return generators.transform(generator, factors @ waves[0], sample_rate=rate), 0.0

    return training._replace(problem=problem._replace(render_output=single(render_output)))


def check_recipe(recipe: Recipe) -> None:
    """Raises ChoiceError where a generator that follows contents cannot be trained by a recipe."""
    if recipe.task != "transfer" or recipe.canvas.kind != "waveform":
        raise ChoiceError(
            f"{recipe.name!r} is no recipe of a transfer on a waveform canvas.", field="recipe"
        )
    if recipe.optimiser.kind != "adam":
        raise ChoiceError(
            "optimizer must be adam in a training: each evaluation is of another sample.",
            field="optimizer",
        )


def _cut(recipe, content, factors, sample_rate, rate, samples, name):
    """A content as it is modelled, [C, samples], at the level of references."""
    wave = audio.resample(content, sample_rate, rate)
    if len(wave) != len(factors):
        wave = np.tile(wave.mean(axis=0, keepdims=True), (len(factors), 1))
    wave = (np.linalg.pinv(factors) @ wave).astype(np.float32)[:, :samples]
    wave = np.pad(wave, ((0, 0), (0, samples - wave.shape[1])), "reflect")
    try:
        audio.check_audible(wave, name)
    except ValueError as error:
        raise ChoiceError(str(error), field="contents") from error
    level = recipe.signal.level or audio.audible_rms(wave, sample_rate=rate)
    return wave * np.float32(level / audio.audible_rms(wave, sample_rate=rate))


def _build_problem(recipe, style_wave, waves, config, styles):
    """The problem of a training. waves: contents [M, C, N]."""
    rate, net = config.sample_rate, network.Generator(config, 1)
    described = [generators.describe(wave, config, styles.colours[0]) for wave in waves]
    constants = {
        "waves": waves,
        "contents": jax.tree.map(lambda *leaves: np.stack(leaves), *described),
        "style": style_wave,
        "blend": generators.blend(styles, config)[0],
    }
    compile_fns = functools.partial(_compile, recipe, net, waves.shape)
    shapes = config, waves.shape, style_wave.shape
    key = "training on contents", recipe.static_config(), weights_version(recipe), *shapes
    (compiled, optimizer, noise_distances), _ = keep(key, compile_fns)
    hparams = recipe.dynamic_hparams()
    data = untrained_data(recipe) | {
        "constants": constants,
        "target": compiled.fit(style_wave, hparams | given_weights(recipe)),
    }
    data["weights"] = _balance(recipe, rate, styles, noise_distances, data)
    start = starter(lambda key: generators.init_parameters(net, key), data)
    return synthesis.Problem(recipe, optimizer, start, no_wave, compiled, rate)


def _compile(recipe, net, shape):
    """The compiled functions of a training, the optimiser over its loss, and the distances of noise
    of a style's spectrum. net: the network; shape: of the contents, [M, C, N].
    """
    config, (count, _, samples) = net.config, shape

    def objectives(hparams):
        return matching.transfer_objectives(recipe, config.sample_rate, hparams)

    def fit(style_wave, hparams):
        # Targets of the style alone: the first of the pair is not used by them.
        parts = objectives(hparams)
        pair = (style_wave, style_wave)
        return {name: parts[name].fit(pair) for name in parts if name != "content"}

    def distances(wave, content, data):
        parts, target = objectives(data["hparams"]), data["target"]
        if "content" in parts:
            pair = jax.lax.stop_gradient((content, data["constants"]["style"]))
            target = target | {"content": parts["content"].fit(pair)}
        return {name: part.distance(target[name], wave)[0] for name, part in parts.items()}

    def loss(parameters, data):
        number, constants = data["evaluation"] % count, data["constants"]
        content, described = jax.tree.map(
            lambda leaf: leaf[number], (constants["waves"], constants["contents"])
        )
        drawn = data["seed"], data["evaluation"], constants["blend"], samples
        wave = draw_sample(net, parameters, *drawn, described)
        values = distances(wave, content, data)
        terms = {name: data["weights"][name] * value for name, value in values.items()}
        others = combinators.weighted_sum(matching.regularisers(recipe, data["hparams"]))
        terms |= others.distance(others.fit(()), wave)[1]
        return sum(terms.values()), terms

    @jit_fast_compile
    def noise_distances(seed, content, colour, data):
        chunks = -(-samples // config.chunk)
        drawn = noise.coloured(seed, jnp.int32(0), chunks, colour)
        return distances(drawn[:, :samples], content, data)

    compiled = synthesis.CompiledFns((), jit_fast_compile(fit), jax.jit(loss), no_wave)
    return compiled, optimizer_of(compiled.loss), noise_distances


def _balance(recipe, rate, styles, noise_distances, data):
    """Weights of the distances, each divided by its mean for noise of the style's spectrum."""
    hparams = data["hparams"]
    names = list(matching.transfer_objectives(recipe, rate, hparams))
    weights = {name: np.float32(hparams[f"{name}_weight"]) for name in names}
    if not recipe.transfer.balanced:
        return weights
    contents, colour = data["constants"]["waves"][:_BALANCED_BY], jnp.asarray(styles.colours[0])
    sizes = [noise_distances(np.uint32(i), wave, colour, data) for i, wave in enumerate(contents)]
    means = jax.tree.map(lambda *values: np.float32(np.mean(values)), *sizes)
    return {name: weight / means[name] for name, weight in weights.items()}
