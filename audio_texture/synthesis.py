"""From references to a new sound: the one algorithm that all recipes share.

Once: reference waves -> the canvas's domain (waves or spectrograms) -> views -> networks -> target.
Each step: canvas parameters -> rendered canvas -> views -> networks -> distance to the target ->
optimiser -> parameters. At the end: parameters -> wave, at the references' rate and level.
style_transfer.py prepares transfers, batch.py runs many at once.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from audio_texture import (
    audio,
    canvas,
    checkpoint,
    direct,
    features,
    initialise,
    layout,
    matching,
    mixing,
    morphing,
    optimize,
    references,
)
from audio_texture.compiling import jit_fast_compile
from audio_texture.config import Recipe
from audio_texture.precision import single
from audio_texture.problem import CompiledFns, Problem, Texture, check_like, compiled_of


def compile_key(
    recipe: Recipe,
    sounds: Sequence[np.ndarray],
    *,
    sample_rate: int,
    seconds: float,
    morph_to: Sequence[float] | None = None,
    bands: Sequence[tuple[float, float]] | None = None,
) -> tuple[Any, ...]:
    """All that decides which programs a run needs; runs with equal keys can share them in a batch.

    Args:
      recipe: the choices.
      sounds: references, waves [C, N_i].
      sample_rate: of the sounds, in Hz.
      seconds: length of the result.
      morph_to: as in `prepare`.
      bands: as in `prepare`.

    Example:
      >>> from audio_texture import recipes
      >>> recipe, noise = recipes.named("texture-fast"), np.ones((1, 8000), np.float32)
      >>> shapes = {"sounds": [noise], "sample_rate": 8000, "seconds": 1.0}
      >>> fewer = recipe.replace(evaluations=10)
      >>> compile_key(recipe, **shapes) == compile_key(fewer, **shapes)
      True
    """
    sounds, _ = audio.fold_channels(sounds)
    static = references.fit_kernels(recipe, sounds, sample_rate=sample_rate).static_config()
    if recipe.network.weights_file:
        # The weights are arguments of the programs: files of one architecture share a key.
        network = dataclasses.replace(
            static.network, weights_file=repr(features.load_network(recipe)[0])
        )
        static = dataclasses.replace(static, network=network)
    mixture = (morph_to and tuple(morph_to), bands and tuple(map(tuple, bands)))
    shapes = tuple(wave.shape for wave in sounds)
    return static, sample_rate, round(seconds * sample_rate), shapes, *mixture


@single
def prepare(
    recipe: Recipe,
    sounds: Sequence[np.ndarray],
    *,
    sample_rate: int,
    seconds: float,
    weights: Sequence[float] | None = None,
    morph_to: Sequence[float] | None = None,
    bands: Sequence[tuple[float, float]] | None = None,
    like: Problem | None = None,
    single_runs: bool = False,
    on_fit: Callable[[], None] = lambda: None,
) -> Problem:
    """Fits the target and builds the canvas. Kernels too long for the reference are left out.

    Args:
      recipe: the choices.
      sounds: references, waves [C, N_i], all of one rate and number of channels; several are mixed.
      sample_rate: theirs and the result's, in Hz.
      seconds: length of the result.
      weights: of the references; equal by default, which makes a sound about equally like all of
        them, see `mixing.balance`.
      morph_to: weights at the end; they change evenly but for both ends, see `morphing`.
      bands: (from, to) in Hz for each reference, the band that it alone shapes; together the bands
        cover all frequencies.
      like: a problem of the same `compile_key`, whose compiled functions are used again.
      single_runs: whether `run` comes next, whose program is then compiled while the target is
        fitted; not for batches, which have another.
      on_fit: called once all is checked, before what takes long.
    Raises:
      ValueError: a reference that is silent, constant or shorter than every kernel; a length out of
        range; a view that does not fit the rate; weights that do not fit, a morph on a spectrogram
        canvas, bands that overlap or leave a gap; `like` of another key.
    """
    if recipe.is_direct:
        mixture = {"weights": weights, "morph_to": morph_to, "bands": bands}
        lengths = {"sample_rate": sample_rate, "seconds": references.check_seconds(seconds)}
        key = compile_key(recipe, sounds, **lengths)
        check_like(like, key, f"a texture of {seconds:g} s by the recipe {recipe.name}")
        return direct.texture_problem(recipe, sounds, key, on_fit, **lengths, **mixture)
    setup = _set_up(recipe, sounds, sample_rate, seconds, weights, morph_to, bands)
    given_recipe, recipe, plan = recipe, setup.recipe, setup.plan
    check_like(like, setup.key, f"a problem of {seconds:g} s by the recipe {recipe.name}")
    on_fit()
    balance = {"balance": setup.balance} if setup.balance else {}
    hparams = recipe.dynamic_hparams() | balance
    unscaled = matching.regularisers(recipe, hparams)
    compile_fns = functools.partial(_compile, setup, morph_to, bands, unscaled)
    compiled, optimizer, is_new = compiled_of("texture", setup.key, recipe, like, compile_fns)
    shares = np.asarray(setup.weights, np.float32)
    fixed = {"constants": plan.canvas.constants, "weights": shares, "hparams": hparams}
    fitted_to = setup.waves, shares, hparams | features.given_weights(recipe)
    beside = (optimizer, plan.canvas) if single_runs and is_new else None
    data = with_target(compiled, "target", fitted_to, fixed | {"scale": np.float32(1)}, beside)
    init = _initialiser(recipe, setup.start, data, optimizer, unscaled)
    render = single(_renderer(setup, compiled, sounds, sample_rate, seconds))
    return Problem(given_recipe, optimizer, single(init), render, compiled, sample_rate)


class _Setup(NamedTuple):
    """The parts of a problem before anything is compiled.

    Attributes:
      recipe, waves, weights: of `references.preprocess`.
      factors: of `audio.fold_channels`, which turn modelled channels into written ones.
      rate: of the modelled sound, in Hz.
      balance: of `references.balance_of`.
      course: of a morph, or None.
      key: the `compile_key`.
      plan: the canvas with its padding.
      start: key -> starting parameters.
    """

    recipe: Recipe
    waves: list[np.ndarray]
    weights: list[float]
    factors: np.ndarray
    rate: int
    balance: mixing.Balance | None
    course: morphing.Course | None
    key: Hashable
    plan: layout.Layout
    start: Callable[[jax.Array], Any]


def _set_up(recipe, sounds, sample_rate, seconds, weights, morph_to, bands) -> _Setup:
    """Checks and preprocesses references, and builds the canvas; arguments as in `prepare`."""
    rate = references.model_sample_rate(recipe, sample_rate)
    mixture = {"weights": weights, "morph_to": morph_to, "bands": bands}
    references.check_mixture(recipe, len(sounds), rate=rate, **mixture)
    decorrelated = recipe.canvas.kind == "spectrogram"
    folded, factors = audio.fold_channels(sounds, decorrelated=decorrelated)
    recipe, waves, weights = references.preprocess(
        recipe, folded, sample_rate=sample_rate, weights=weights, bands=bands
    )
    references.check_seconds(seconds)
    lengths = {"sample_rate": sample_rate, "seconds": seconds}
    key = compile_key(recipe, sounds, **lengths, morph_to=morph_to, bands=bands)
    balance = references.balance_of(recipe, waves, rate, bands)
    course = morphing.course_of(weights, morph_to, balance) if morph_to else None
    begin = mixing.balanced(weights, balance)
    canvas_waves, shares = layout.combine_bands(waves, begin, bands)
    samples = math.ceil(round(seconds * sample_rate) * rate / sample_rate)
    plan = layout.lay_out(recipe, canvas_waves, shares, rate, samples, course)
    used = [wave for wave, share in zip(canvas_waves, shares, strict=True) if share > 0]
    start = initialise.choose_init(recipe, plan.canvas, used, rate, morphs=morph_to is not None)
    return _Setup(recipe, waves, weights, factors, rate, balance, course, key, plan, start)


def _renderer(setup, compiled, sounds, sample_rate, seconds):
    """(key, parameters) -> (wave [C, samples] at the references' level, how far it is lowered)."""
    recipe, rate, rates = setup.recipe, setup.rate, (setup.rate, sample_rate)
    set_level = references.level_setter(
        recipe, sounds, setup.waves, setup.weights, setup.course, rates=rates
    )

    def render_output(key, parameters):
        wave = compiled.to_wave(key, parameters, setup.plan.canvas.constants)
        wave = audio.resample(setup.factors @ np.asarray(wave), rate, sample_rate)
        wave = wave[:, : round(seconds * sample_rate)]
        return set_level(audio.fade_ends(wave, recipe.signal.fade_samples(sample_rate)))

    return render_output


def _initialiser(recipe, start, data, optimizer, unscaled):
    """key -> (parameters, data); with normalised_by="start" data scales the starting loss to 1."""

    def init(key):
        parameters, own_data = start(key), dict(data)
        if recipe.matching.normalised_by == "start":
            _, terms = optimize.value_at(optimizer, parameters, own_data)
            scaled = sum(term for name, term in terms.items() if name not in unscaled)
            own_data["scale"] = np.float32(1 / scaled)
        return parameters, own_data

    return init


def _compile(
    setup: _Setup,
    morph_to: Sequence[float] | None,
    bands: Sequence[tuple[float, float]] | None,
    unscaled: Collection[str],
) -> CompiledFns:
    """The compiled functions. unscaled: names of terms that the loss's scale does not multiply."""
    plan = setup.plan
    style = functools.partial(
        matching.style_objective, setup.recipe, setup.rate, morph_to=morph_to, bands=bands
    )

    def fit(waves, weights, hparams):
        signals = [plan.to_canvas_domain(wave) for wave in waves]
        return style(weights, hparams=hparams).fit(signals)

    def loss(parameters, data):
        rendered = plan.canvas.render(parameters, data["constants"])
        objective = style(data["weights"], hparams=data["hparams"])
        _, terms = objective.distance(data["target"], rendered)
        # Regularisers are not scaled: the factor that brings a tiny starting distance to 1 would
        # make them walls a million times as steep.
        terms = {
            name: term if name in unscaled else term * data["scale"] for name, term in terms.items()
        }
        return sum(terms.values()), terms

    return CompiledFns(setup.key, jit_fast_compile(fit), jax.jit(loss), jax.jit(plan.to_wave))


def with_target(
    compiled: CompiledFns,
    name: str,
    references: tuple,
    data: dict[str, Any],
    beside: tuple[optimize.Optimizer, canvas.Canvas] | None,
) -> dict[str, Any]:
    """The loss's data with the fitted target.

    Args:
      compiled: the functions.
      name: of the target in the data.
      references: arguments of the fit.
      data: all else.
      beside: the optimiser and canvas whose program is compiled meanwhile; None compiles none.
    """
    if beside:
        optimizer, waveform = beside
        shapes = {name: compiled.fit.eval_shape(*references)}
        parameters = jax.eval_shape(waveform.init, jax.random.key(0))
        optimize.compile_ahead(optimizer, parameters, data | shapes)
    return data | {name: compiled.fit(*references)}


@single
def run(
    problem: Problem,
    key: jax.Array,
    *,
    evaluations: int = 0,
    max_seconds: float = math.inf,
    checkpoint_path: str | None = None,
    checkpoint_every: int = 0,
    resume: bool = False,
    on_chunk: Callable[[list[optimize.ProgressRow]], None] = lambda progress: None,
    on_step: Callable[[optimize.ProgressRow], None] = optimize.ignore_step,
    on_parameters: Callable[[Any, list[optimize.ProgressRow]], None] = lambda *_: None,
    on_unsaved: Callable[[OSError], None] | None = None,
) -> Texture:
    """Makes one sound: the same key gives the same samples on the same machine.

    Args:
      problem: of `prepare`; all its runs share its compiled functions.
      key: PRNG key.
      evaluations: budget in place of the recipe's; 0 is the recipe's.
      max_seconds: wall-clock budget of the optimisation.
      checkpoint_path: file for the optimiser's state.
      checkpoint_every: evaluations between checkpoints; 0 writes one on Ctrl-C only.
      resume: continues from the checkpoint, if there is one, as if never interrupted.
      on_chunk: called after each chunk with all progress rows so far.
      on_step: see `optimize.run`.
      on_parameters: called after each chunk with the parameters, to use within the call, and rows.
      on_unsaved: called where a checkpoint cannot be written; None ends the run with the OSError.
    """
    if (recipe := problem.recipe).is_direct:
        return direct.run(problem, key)
    start_key, phase_key = jax.random.split(key)
    parameters, data = problem.init(start_key)
    state, rows = problem.optimizer.init(parameters, data), []
    if resume and checkpoint_path:
        state, rows = checkpoint.load(checkpoint_path, state) or (state, rows)
    checkpoints = checkpoint.Writer(checkpoint_path, checkpoint_every, on_unsaved, rows)

    def after_chunk(state, rows):
        on_chunk(rows)
        checkpoints.save_when_due(state, rows)
        on_parameters(state.parameters, rows)

    # Rendering too: Ctrl-C in phase recovery must not lose the result.
    with optimize.Interrupts() as interrupts:
        outcome = optimize.run(
            *(problem.optimizer, state, data),
            evaluations=evaluations or recipe.optimiser.evaluations,
            seconds=max_seconds,
            tolerance=recipe.optimiser.tolerance,
            progress=rows,
            on_chunk=after_chunk,
            on_step=on_step,
        )
        checkpoints.save_interrupted(outcome)
        sound = problem.render_output(phase_key, outcome.state.parameters)
        if interrupts.received and outcome.reason != "interrupted":
            checkpoints.save_interrupted(outcome := outcome._replace(reason="interrupted"))
    return Texture(*sound, outcome)
