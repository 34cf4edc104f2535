"""Trains a generator by a recipe's loss: the canvas is a network, its parameters the weights.

Each evaluation draws another stretch of the generator's sound and steps the weights by Adam down
the gradient of the recipe's distance (Ulyanov, Lebedev, Vedaldi & Lempitsky 2016; Johnson, Alahi &
Fei-Fei 2016). Of several styles each evaluation takes the next. All else is `synthesis.run`:
budgets, progress, checkpoints, Ctrl-C.

C channels, S styles.
"""

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import (
    audio,
    canvas,
    generators,
    layout,
    matching,
    optimize,
    references,
    synthesis,
)
from audio_texture.compiling import jit_fast_compile
from audio_texture.config import Recipe
from audio_texture.errors import ChoiceError
from audio_texture.features import given_weights, weights_version
from audio_texture.generators import Generator, GeneratorConfig, network, noise
from audio_texture.precision import single
from audio_texture.problem import keep

# Adam's learning rate at first; it falls to 0 as half a cosine. Longer gradients are shortened to
# LARGEST_GRADIENT.
LEARNING_RATE, LARGEST_GRADIENT = 4e-3, 0.5
# Default length of a training by the clock, in seconds.
TRAIN_SECONDS = 180.0
# Length of the sample of each evaluation, in seconds.
SAMPLE_SECONDS = 4.0
# Length over which the level of a trained style is measured, in seconds.
_LEVEL_SECONDS = 16.0


class Training(NamedTuple):
    """A training before it is run.

    Attributes:
      problem: whose parameters are the network's; `synthesis.run` runs it.
      styles: with gains of 1.
      config: sizes of the generator.
      levels: `audio.audible_rms` of each recording.
      peak: largest absolute sample of the recordings.
      factors: of `audio.fold_channels`.
      base: the generator whose styles are kept, or None.
    """

    problem: synthesis.Problem
    styles: generators.Styles
    config: GeneratorConfig
    levels: list[float]
    peak: float
    factors: np.ndarray
    base: Generator | None


def generator_recipe(recipe: Recipe, evaluations: int) -> Recipe:
    """Returns the recipe as a training uses it: Adam in place of L-BFGS, with a budget of its own.

    evaluations: of the training.

    Example:
      >>> from audio_texture import recipes
      >>> generator_recipe(recipes.named("texture"), 300).optimiser.kind
      'adam'
    """
    return recipe.replace(
        optimizer="adam",
        learning_rate=LEARNING_RATE,
        evaluations=evaluations,
        tolerance=0.0,
    )


@single
def prepare(
    recipe: Recipe,
    sounds: Sequence[np.ndarray],
    *,
    sample_rate: int,
    names: Sequence[str] = (),
    base: Generator | None = None,
    sample_seconds: float = SAMPLE_SECONDS,
    on_fit: Callable[[], None] = lambda: None,
    **sizes: int,
) -> Training:
    """Fits the styles of recordings and builds the network that is trained to make them.

    Args:
      recipe: whose distance is the loss; of `generator_recipe`.
      sounds: references, waves [C, N_i] of one rate and number of channels; a style each. The
        longer ones are cut to the length of the shortest, so that one program serves all.
      sample_rate: theirs, in Hz.
      names: of the styles; those that are missing get numbers.
      base: a generator that gets these styles besides its own: only their scales and shifts are
        trained, and its own styles sound as before; all are lowered alike where a new one would
        clip.
      sample_seconds: length of the sample of each evaluation.
      on_fit: called once all is checked, before what takes long.
      **sizes: fields of `GeneratorConfig`.
    Raises:
      ChoiceError: a recipe that cannot be trained with, more names than sounds, or a base of
        another rate or number of channels.
      ValueError: as `synthesis.prepare`.
    """
    check_recipe(recipe)
    _check_names(names, len(sounds))
    rate = references.model_sample_rate(recipe, sample_rate)
    folded, factors = _fold(sounds, rate, base)
    length = min(wave.shape[1] for wave in folded)
    folded = [wave[:, :length] for wave in folded]
    recipe, waves, _ = references.preprocess(recipe, folded, sample_rate=sample_rate)
    config = base.config if base else GeneratorConfig(rate, len(waves[0]), **sizes)
    on_fit()
    names = [*names, *(f"style {number}" for number in range(len(names), len(waves)))]
    smoothing_hz = recipe.canvas.smoothing_hz
    styles = generators.fit_styles(names, waves, config, smoothing_hz=smoothing_hz)
    problem = _build_problem(recipe, waves, rate, config, styles, base, sample_seconds)
    levels = [audio.audible_rms(wave, sample_rate=sample_rate) for wave in folded]
    peak = max(float(np.max(np.abs(wave))) for wave in sounds)
    training = Training(problem, styles, config, levels, peak, factors, base)

    def render_output(_, parameters):
        generator = finish(training, parameters)
        wave = generators.stretch(generator, seconds=sample_seconds)
        return wave, generator.lowered_db

    return training._replace(problem=problem._replace(render_output=single(render_output)))


def _check_names(names, sounds):
    """Raises ChoiceError for more names than sounds, or a single text."""
    if isinstance(names, str) or len(names) > sounds:
        raise ChoiceError(
            f"names must be a list of at most {sounds} names, one for each sound, got {names!r}.",
            field="names",
        )


def _fold(sounds, rate, base):
    """The sounds as they are modelled, and the factors of `audio.fold_channels`, which are the
    base's own: its styles stay as they are. ChoiceError where a style does not fit the base.
    """
    if not base:
        return audio.fold_channels(sounds)
    if base.config.content_bands:
        raise ChoiceError("a generator that follows a content gets no styles.", field="generator")
    if base.sample_rate != rate:
        raise ChoiceError(
            f"the generator makes sound at {base.sample_rate} Hz, and the new style is modelled at "
            f"{rate} Hz.",
            field="generator",
        )
    if len(sounds[0]) != base.channels:
        raise ChoiceError(
            f"the number of channels must be that of the generator, {base.channels}, got "
            f"{len(sounds[0])}.",
            field="generator",
        )
    modelled = np.linalg.pinv(base.factors)
    return [(modelled @ wave).astype(np.float32) for wave in sounds], base.factors


def check_recipe(recipe: Recipe) -> None:
    """Raises ChoiceError where a generator cannot be trained by a recipe."""
    recipe.check_optimises("the training of a generator")
    if recipe.task != "texture":
        raise ChoiceError(f"{recipe.name!r} is a recipe for transfers.", field="recipe")
    if recipe.matching.normalised_by == "start":
        raise ChoiceError(
            "normalised_by must be target or nothing in a training, whose samples have no common "
            "start.",
            field="normalised_by",
        )
    if recipe.optimiser.kind != "adam":
        raise ChoiceError(
            "optimizer must be adam in a training: each evaluation is of another sample.",
            field="optimizer",
        )


def _build_problem(recipe, waves, rate, config, styles, base, sample_seconds):
    """The problem of a training, whose `render_output` is still missing."""
    every = base.styles.joined(styles) if base else styles
    count, new = len(every.names), len(styles.names)
    blends = [
        generators.blend(every, config, row.tolist())[0] for row in np.eye(count)[count - new :]
    ]
    net, samples = network.Generator(config, count), round(sample_seconds * rate)

    def init(key):
        if base:
            # A new style begins as the mean of the others.
            return _map_style_rows(
                lambda leaf: jnp.repeat(leaf.mean(axis=0, keepdims=True), new, axis=0),
                lambda leaf: None,
                base.parameters,
            )
        return generators.init_parameters(net, key)

    constants = {"blends": jax.tree.map(lambda *leaves: np.stack(leaves), *blends)}
    if base:
        constants["base"] = base.parameters
    waveform = canvas.Canvas(init, lambda parameters, _: parameters, constants)
    fixed = untrained_data(recipe) | {"constants": constants}
    fitted_to = np.stack(waves), recipe.dynamic_hparams() | given_weights(recipe)
    compile_fns = functools.partial(_compile, recipe, rate, net, new, bool(base), waves[0], samples)
    shapes = config, count, new, fitted_to[0].shape, samples
    key = "training", recipe.static_config(), weights_version(recipe), *shapes
    (compiled, optimizer), is_new = keep(key, compile_fns)
    beside = (optimizer, waveform) if is_new else None
    data = synthesis.with_target(compiled, "target", fitted_to, fixed, beside)
    start = starter(init, data)
    return synthesis.Problem(recipe, optimizer, start, no_wave, compiled, rate)


def _compile(recipe, rate, net, new, based, wave, samples):
    """The compiled functions of a training, and the optimiser over its loss.

    net: the network; new: styles that are trained; based: whether a base has others; wave: a
    reference, [C, N]; samples: length of a sample.
    """
    to_domain = _canvas_domain(recipe, wave, rate, samples)

    def style(hparams):
        return matching.style_objective(recipe, rate, [1.0], hparams=hparams)

    def fit(waves, hparams):
        # One after the other: the program is as small for a hundred styles as for one.
        return jax.lax.map(lambda wave: style(hparams).fit([to_domain(wave)]), waves)

    def loss(parameters, data):
        number, constants = data["evaluation"] % new, data["constants"]
        target, mixed = jax.tree.map(
            lambda leaf: leaf[number], (data["target"], constants["blends"])
        )
        if based:
            parameters = join_styles(constants["base"], parameters)
        wave = draw_sample(net, parameters, data["seed"], data["evaluation"], mixed, samples)
        return style(data["hparams"]).distance(target, to_domain(wave))

    compiled = synthesis.CompiledFns((), jit_fast_compile(fit), jax.jit(loss), no_wave)
    return compiled, optimizer_of(compiled.loss)


def untrained_data(recipe: Recipe) -> dict[str, Any]:
    """Returns what the loss of every training has among its data, before the first evaluation."""
    return {
        "hparams": recipe.dynamic_hparams(),
        "evaluation": np.int32(0),
        "evaluations": np.float32(recipe.optimiser.evaluations),
        "seed": np.uint32(0),
    }


def starter(
    init: Callable[[jax.Array], Any], data: dict[str, Any]
) -> Callable[[jax.Array], tuple[Any, dict[str, Any]]]:
    """Returns the `init` of a training's problem: key -> (parameters, data with a seed).

    Args:
      init: key -> parameters.
      data: of the loss.
    """

    def start(key):
        net_key, seed_key = jax.random.split(key)
        return jax.jit(init)(net_key), data | {"seed": jax.random.bits(seed_key, dtype=jnp.uint32)}

    return single(start)


def no_wave(*_: Any) -> Any:
    """Stands where a problem renders its wave; that of a training is made by `finish`."""
    raise NotImplementedError("The problem of a training renders its wave by `finish`.")


def _canvas_domain(recipe, wave, rate, samples):
    """wave [C, N] -> what the recipe's loss takes: the wave, or its compressed spectrogram."""
    if recipe.canvas.kind == "waveform":
        return lambda wave: wave
    return layout.lay_out(recipe, [wave], [1.0], rate, samples).to_canvas_domain


def draw_sample(
    net: network.Generator,
    parameters: Any,
    seed: jax.Array,
    evaluation: jax.Array,
    mixed: generators.Blend,
    samples: int,
    content: network.Content | None = None,
) -> jax.Array:
    """Returns the sample of an evaluation, [C, samples].

    Args:
      net: the network.
      parameters: its parameters.
      seed: [] uint32 of the training.
      evaluation: [] int32, number of the evaluation, which draws another sample.
      mixed: of `generators.blend`.
      samples: length of the sample.
      content: of `generators.describe`, with which the sample is aligned.
    """
    config = net.config
    chunks = generators.chunks_of(config, samples)
    seed = noise.scramble(seed + evaluation.astype(jnp.uint32))
    state = network.init_state(config, voices=len(mixed.weights))
    # The number of the chunk changes too: it decides where the frames of the audible noise lie.
    chunks += config.warm_up
    made = net.apply({"params": parameters}, state, seed, evaluation, chunks, mixed, content)
    wave: Any = made[1]
    begin = config.warm_up * config.chunk + config.delay
    return wave[:, begin : begin + samples]


def optimizer_of(loss: optimize.Loss) -> optimize.Optimizer:
    """Returns Adam for a loss whose data has "evaluation", "evaluations" and "hparams"."""
    return optimize.adam(
        loss, learning_rate=_learning_rate, largest_gradient=LARGEST_GRADIENT, numbered=True
    )


def _learning_rate(data):
    """The rate of the next step: half a cosine from the recipe's to 0."""
    part = data["evaluation"] / data["evaluations"]
    return data["hparams"]["learning_rate"] * 0.5 * (1 + jnp.cos(jnp.pi * jnp.clip(part, 0, 1)))


def _map_style_rows(rows, others, parameters):
    """The parameters with `rows` applied to those of styles, [S, W], and `others` to the rest."""

    def of_leaf(path, leaf):
        return (rows if path[-1].key in network.OF_STYLES else others)(leaf)

    return jax.tree_util.tree_map_with_path(of_leaf, parameters)


def join_styles(base: Any, rows: Any) -> Any:
    """Returns parameters with further styles.

    Args:
      base: parameters of a network.
      rows: the same tree with rows [S, W] for new styles, and None for what no style owns.
    Example:
      >>> base = {"kernel": jnp.ones(3), "scale": jnp.ones((1, 2))}
      >>> join_styles(base, {"kernel": None, "scale": jnp.zeros((1, 2))})["scale"].tolist()
      [[1.0, 1.0], [0.0, 0.0]]
    """
    return jax.tree.map(
        lambda row, leaf: leaf if row is None else jnp.concatenate([leaf, row]),
        rows,
        base,
        is_leaf=lambda leaf: leaf is None,
    )


def with_evaluations(training: Training, evaluations: int) -> Training:
    """Returns the training with another budget; nothing is compiled again."""
    problem = training.problem

    def init(key):
        parameters, data = problem.init(key)
        return parameters, data | {"evaluations": np.float32(evaluations)}

    recipe = problem.recipe.replace(evaluations=evaluations)
    return training._replace(problem=problem._replace(recipe=recipe, init=init))


def seconds_per_evaluation(training: Training, *, evaluations: int = 5) -> float:
    """Compiles the training's program and measures how long an evaluation takes, in seconds."""
    problem = training.problem
    parameters, data = problem.init(jax.random.key(0))

    def run():
        begin = time.monotonic()
        state = problem.optimizer.init(parameters, data)
        optimize.run(problem.optimizer, state, data, evaluations=evaluations)
        return time.monotonic() - begin

    run()
    return run() / evaluations


def run(training: Training, key: jax.Array, **options: Any) -> optimize.Outcome:
    """Trains; `finish` makes a generator of the parameters that it ends with.

    Args:
      training: of `prepare`.
      key: PRNG key.
      **options: of `synthesis.run`.
    """

    # No sample is made at the end: that would compile another program after Ctrl-C too.
    def leave_out(*_):
        return np.zeros((1, 0), np.float32), 0.0

    problem = training.problem._replace(render_output=leave_out)
    return synthesis.run(problem, key, **options).outcome


@single
def finish(training: Training, parameters: Any) -> Generator:
    """Returns the generator of trained parameters, whose styles have their recordings' levels."""
    base, styles, config = training.base, training.styles, training.config
    if base:
        parameters, styles = join_styles(base.parameters, parameters), base.styles.joined(styles)
    recipe = training.problem.recipe
    generator = Generator(
        config=config,
        parameters=jax.device_get(parameters),
        styles=styles,
        factors=training.factors,
        peak=0.0,
        training={"recipe": recipe.to_json()},
    )
    if config.content_bands:
        # What it makes has the level of each content.
        return generator._replace(peak=training.peak)
    first, gains = len(styles.names) - len(training.levels), styles.gains.copy()
    peaks = [training.peak, base.peak if base else 0.0]
    for number, level in enumerate(training.levels, start=first):
        weights = np.eye(len(gains))[number].tolist()
        wave = generators.first_seconds(generator, weights, seconds=_LEVEL_SECONDS)
        made = audio.audible_rms(wave, sample_rate=config.sample_rate)
        gains[number] = level / max(made, np.finfo(np.float32).tiny)
        peaks.append(float(np.max(np.abs(training.factors @ wave)) * gains[number]))
    return generator._replace(styles=styles._replace(gains=gains), peak=float(max(peaks)))
