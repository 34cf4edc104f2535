"""Trains a generator that turns any content into a style in one pass, by a transfer's loss.

Johnson, Alahi & Fei-Fei 2016: each evaluation takes the next of many contents, and steps the
weights down the gradient of the recipe's style and content distances.

C channels, M contents, N samples.
"""

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
from audio_texture.features import given_weights
from audio_texture.generator_training import (
    SAMPLE_SECONDS,
    Training,
    draw_sample,
    finish,
    no_wave,
    optimizer_of,
)
from audio_texture.generators import GeneratorConfig, network, noise
from audio_texture.precision import single

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
    rate, (count, _, samples) = config.sample_rate, waves.shape
    net = network.Generator(config, 1)
    mixed, _ = generators.blend(styles, config)
    described = [generators.describe(wave, config, styles.colours[0]) for wave in waves]
    contents = jax.tree.map(lambda *leaves: np.stack(leaves), *described)

    def objectives(hparams):
        return matching.transfer_objectives(recipe, rate, hparams)

    def fit(style_wave, hparams):
        # Targets of the style alone: the first of the pair is not used by them.
        parts = objectives(hparams)
        pair = (style_wave, style_wave)
        return {name: parts[name].fit(pair) for name in parts if name != "content"}

    def distances(wave, content, target, style_wave, hparams):
        parts = objectives(hparams)
        if "content" in parts:
            pair = jax.lax.stop_gradient((content, style_wave))
            target = target | {"content": parts["content"].fit(pair)}
        return {name: part.distance(target[name], wave)[0] for name, part in parts.items()}

    def loss(parameters, data):
        number, constants = data["evaluation"] % count, data["constants"]
        content, described = jax.tree.map(
            lambda leaf: leaf[number], (constants["waves"], constants["contents"])
        )
        wave = draw_sample(
            net, parameters, data["seed"], data["evaluation"], mixed, samples, described
        )
        hparams, style = data["hparams"], constants["style"]
        values = distances(wave, content, data["target"], style, hparams)
        terms = {name: data["weights"][name] * value for name, value in values.items()}
        others = combinators.weighted_sum(matching.regularisers(recipe, hparams))
        terms |= others.distance(others.fit(()), wave)[1]
        return sum(terms.values()), terms

    hparams = recipe.dynamic_hparams()
    constants = {"waves": waves, "contents": contents, "style": style_wave}
    compiled = synthesis.CompiledFns((), jit_fast_compile(fit), jax.jit(loss), no_wave)
    optimizer = optimizer_of(compiled.loss)
    data = {
        "constants": constants,
        "hparams": hparams,
        "evaluation": np.int32(0),
        "evaluations": np.float32(recipe.optimiser.evaluations),
        "seed": np.uint32(0),
        "target": compiled.fit(style_wave, hparams | given_weights(recipe)),
    }
    data["weights"] = _balance(recipe, config, styles, distances, data, waves)

    def start(key):
        net_key, seed_key = jax.random.split(key)
        seed = jax.random.bits(seed_key, dtype=jnp.uint32)
        parameters = jax.jit(lambda key: generators.init_parameters(net, key))(net_key)
        return parameters, data | {"seed": seed}

    return synthesis.Problem(recipe, optimizer, single(start), no_wave, compiled, rate)


def _balance(recipe, config, styles, distances, data, waves):
    """Weights of the distances, each divided by its mean for noise of the style's spectrum."""
    hparams = data["hparams"]
    names = list(matching.transfer_objectives(recipe, config.sample_rate, hparams))
    weights = {name: np.float32(hparams[f"{name}_weight"]) for name in names}
    if not recipe.transfer.balanced:
        return weights
    samples, style = waves.shape[-1], data["constants"]["style"]
    chunks = -(-samples // config.chunk)

    @jit_fast_compile
    def at_noise(seed, content):
        drawn = noise.coloured(seed, jnp.int32(0), chunks, jnp.asarray(styles.colours[0]))
        return distances(drawn[:, :samples], content, data["target"], style, hparams)

    sizes = [at_noise(np.uint32(i), wave) for i, wave in enumerate(waves[:_BALANCED_BY])]
    means = jax.tree.map(lambda *values: np.float32(np.mean(values)), *sizes)
    return {name: weight / means[name] for name, weight in weights.items()}
