"""From references to a new sound: the algorithm that every recipe takes, from top to bottom.

reference waves -> what the canvas holds (waves, or a spectrogram) -> views -> networks -> target,
fitted once; canvas parameters -> the same -> distance -> optimiser -> parameters -> wave, at the
references' own rate and level. style_transfer.py prepares transfers, batch.py runs many at once.
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
    features,
    initialise,
    layout,
    matching,
    mixing,
    optimize,
    references,
)
from audio_texture.config import Recipe
from audio_texture.precision import single


class CompiledFns(NamedTuple):
    """What is compiled for a recipe. It serves every problem of the same `compile_key`.

    Numbers and samples are arguments of these functions.

    Attributes:
      key: what decides about the programs, see `compile_key`.
      fit: (waves, weights, hparams) -> target.
      loss: (parameters, data) -> (value, terms).
      to_wave: (key, parameters, constants) -> wave [C, N] at the modelled rate.
      start: of transfers, (key, wave [C, N], (share, share of noise), colour, constants) ->
        (parameters that render noise of the colour, parameters that render the shares of the wave
        and of that noise).
      terms: of transfers, the names of the distances that have a weight.
    """

    key: Hashable
    fit: Callable[..., Any]
    loss: optimize.Loss
    to_wave: Callable[[jax.Array, Any, Any], jax.Array]
    start: Callable[..., tuple[Any, Any]] | None = None
    terms: tuple[str, ...] = ()


class Problem(NamedTuple):
    """A recipe applied to references.

    Attributes:
      recipe: the one that it was prepared with; kernels that are too long are left out of its use.
      optimizer: over the canvas's parameters.
      init: key -> (parameters to start from, data that the loss needs beside them: targets,
        constants, the recipe's numbers).
      render_output: (key, parameters) -> (wave [C, samples] at the references' rate and level, dB
        that its level was lowered by to keep it from clipping).
      compiled: what it shares with problems prepared like it.
      sample_rate: of the result, in Hz.
    """

    recipe: Recipe
    optimizer: optimize.Optimizer
    init: Callable[[jax.Array], tuple[Any, Any]]
    render_output: Callable[[jax.Array, Any], tuple[np.ndarray, float]]
    compiled: CompiledFns
    sample_rate: int

    def __repr__(self) -> str:
        return f"Problem({self.recipe!r}, sample_rate={self.sample_rate})"


class Texture(NamedTuple):
    """A new sound.

    Attributes:
      wave: [C, samples] float32.
      lowered_db: how far it is below the references' level, to keep it from clipping.
      outcome: of the optimiser.
    """

    wave: np.ndarray
    lowered_db: float
    outcome: optimize.Outcome


def compile_key(
    recipe: Recipe,
    sounds: Sequence[np.ndarray],
    *,
    sample_rate: int,
    seconds: float,
    morph_to: Sequence[float] | None = None,
    bands: Sequence[tuple[float, float]] | None = None,
) -> Hashable:
    """What decides which programs a run is compiled to. Runs of one key share them in a batch.

    Args:
      recipe: the choices.
      sounds: references, waves [C, N_i].
      sample_rate: theirs, in Hz.
      seconds: length of the result.
      morph_to: as in `prepare`.
      bands: as in `prepare`.
    """
    sounds, _ = audio.fold_channels(sounds)
    static = references.fit_kernels(recipe, sounds, sample_rate=sample_rate).static_config()
    if recipe.network.weights_file:
        # Files of one network share programs, to which its weights are data.
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
) -> Problem:
    """Fits the targets and lays out the canvas. Kernels too long for the reference are left out.

    Args:
      recipe: the choices.
      sounds: references, waves [C, N_i], all of one rate and number of channels; several are mixed.
      sample_rate: theirs and the result's, in Hz.
      seconds: length of the result.
      weights: of the references; equal by default, which makes a sound about as like to one as to
        another, see `mixing.balance`.
      morph_to: weights at the end, which they pass to evenly over the length.
      bands: (from, to) in Hz for each reference, of which it alone decides; together they make up
        all frequencies.
      like: a problem of the same `compile_key`, whose compiled programs serve this one too: nothing
        is traced or compiled again.
    Raises:
      ValueError: a reference that is silent, constant or shorter than every kernel; a length out of
        range; a view that does not fit the rate; weights that do not fit, a morph on a spectrogram
        canvas, bands that overlap or leave a gap; `like` of another key.
    """
    setup = _set_up(recipe, sounds, sample_rate, seconds, weights, morph_to, bands)
    asked, recipe, plan = recipe, setup.recipe, setup.plan
    check_like(like, setup.key, f"a problem of {seconds:g} s by the recipe {recipe.name}")
    balance = {"balance": setup.balance} if setup.balance else {}
    hparams = recipe.dynamic_hparams() | balance
    unscaled = matching.regularisers(recipe, hparams)
    compiled = like.compiled if like else _compile(setup, morph_to, bands, unscaled)
    shares = np.asarray(setup.weights, np.float32)
    data = {
        "target": compiled.fit(setup.waves, shares, hparams | features.given_weights(recipe)),
        "constants": plan.canvas.constants,
        "weights": shares,
        "numbers": hparams,
        "scale": np.float32(1),
    }
    optimizer = optimizer_like(like, recipe, compiled)
    init = _initialiser(recipe, setup.start, data, optimizer, unscaled)
    set_level = _level_setter(setup, sounds, morph_to, sample_rate)

    def render_output(key, parameters):
        wave = compiled.to_wave(key, parameters, plan.canvas.constants)
        wave = audio.resample(setup.factors @ np.asarray(wave), setup.rate, sample_rate)
        return set_level(wave[:, : round(seconds * sample_rate)])

    return Problem(asked, optimizer, single(init), single(render_output), compiled, sample_rate)


class _Setup(NamedTuple):
    """What a problem is made of before anything is compiled.

    recipe, waves, weights: of `references.preprocess`. factors: of `audio.fold_channels`.
    start: key -> parameters. The others are what their types say.
    """

    recipe: Recipe
    waves: list[np.ndarray]
    weights: list[float]
    factors: np.ndarray
    rate: int
    balance: mixing.Balance | None
    key: Hashable
    plan: layout.Layout
    start: Callable[[jax.Array], Any]


def _set_up(recipe, sounds, sample_rate, seconds, weights, morph_to, bands) -> _Setup:
    """Checks and preprocesses references, and lays out the canvas; arguments as in `prepare`."""
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
    begin, end = (ends and mixing.balanced(ends, balance) for ends in (weights, morph_to))
    shaping, shares = layout.combine_bands(waves, begin, bands)
    samples = math.ceil(round(seconds * sample_rate) * rate / sample_rate)
    plan = layout.lay_out(recipe, shaping, shares, rate, samples, end)
    # A mixture has no order of events: what one of its references did at a moment is not between
    # them.
    walked = [wave for wave, share in zip(shaping, shares, strict=True) if share > 0]
    start = plan.canvas.init
    if initialise.starts_from_walk(recipe) and len(walked) == 1 and morph_to is None:
        start = initialise.walk_init(recipe, plan.canvas, walked[0], rate)
    return _Setup(recipe, waves, weights, factors, rate, balance, key, plan, start)


def _initialiser(recipe, start, data, optimizer, unscaled):
    """key -> (parameters, data), with the loss brought to 1 at the start where the recipe asks."""

    def init(key):
        parameters, own = start(key), dict(data)
        if recipe.matching.normalised_by == "start":
            _, terms = optimize.value_at(optimizer, parameters, own)
            scaled = sum(term for name, term in terms.items() if name not in unscaled)
            own["scale"] = np.float32(1 / scaled)
        return parameters, own

    return init


def _level_setter(setup, sounds, morph_to, sample_rate):
    """wave -> (wave at the references' level, dB it was lowered by); of a morph, along its length.

    sounds: the references as they came.
    """
    if morph_to is None:
        level = references.mixture_level(sounds, setup.weights, sample_rate=sample_rate)
        return lambda wave: audio.match_level(wave, level, sample_rate=sample_rate)
    rate = setup.rate
    densities = [
        canvas.spectral_density(wave, sample_rate=rate, samples=4096, smoothing_hz=rate / 1024)
        for wave in setup.waves
    ]
    places = np.linspace(0, 1, canvas.KNOTS)
    knots = [mixing.interpolate_weights(setup.weights, morph_to, place) for place in places]
    levels = [references.mixture_level(sounds, knot, sample_rate=sample_rate) for knot in knots]
    lost = [
        canvas.lost_level(densities, mixing.balanced(knot, setup.balance), sample_rate=rate)
        for knot in knots
    ]

    def set_level(wave):
        grid = np.linspace(0, 1, wave.shape[1]), places
        along, faded = (np.interp(*grid, values).astype(np.float32) for values in (levels, lost))
        # All references were modelled at one level.
        leveled = setup.recipe.signal.level > 0
        wave = wave * (along / faded)[None] if leveled else wave / faded[None]
        return audio.match_level(wave, audio.rms(along), sample_rate=sample_rate)

    return set_level


def _compile(
    setup: _Setup,
    morph_to: Sequence[float] | None,
    bands: Sequence[tuple[float, float]] | None,
    unscaled: Collection[str],
) -> CompiledFns:
    """unscaled: terms that the loss's scale leaves as they are."""
    plan = setup.plan
    style = functools.partial(
        matching.style_objective, setup.recipe, setup.rate, morph_to=morph_to, bands=bands
    )

    def fit(waves, weights, hparams):
        signals = [plan.to_canvas_domain(wave) for wave in waves]
        return style(weights, hparams=hparams).fit(signals)

    def loss(parameters, data):
        rendered = plan.canvas.render(parameters, data["constants"])
        objective = style(data["weights"], hparams=data["numbers"])
        _, terms = objective.distance(data["target"], rendered)
        # Not the regularisers: beside a distance of 1e-9 that is brought to 1 they would be walls a
        # million times as steep.
        terms = {
            name: term if name in unscaled else term * data["scale"] for name, term in terms.items()
        }
        return sum(terms.values()), terms

    return CompiledFns(setup.key, jit_fast_compile(fit), jax.jit(loss), jax.jit(plan.to_wave))


def jit_fast_compile(function: Callable[..., Any]) -> Callable[..., Any]:
    """jit for programs that run once: on a CPU LLVM would spend seconds on milliseconds."""
    options = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
    on_cpu = jax.default_backend() == "cpu"
    return jax.jit(function, compiler_options=options if on_cpu else None)


def check_like(like: Problem | None, key: Hashable, name: str) -> None:
    """Raises ValueError where the problem to be like has another `compile_key`."""
    if like and like.compiled.key != key:
        raise ValueError(f"{name} needs other programs than the problem it is to be like.")


def optimizer_like(
    like: Problem | None, recipe: Recipe, compiled: CompiledFns
) -> optimize.Optimizer:
    """The optimiser of a problem, or of the one it is like."""
    if like:
        return like.optimizer
    return optimizer_of(
        recipe, compiled.loss, learning_rate=lambda data: data["numbers"]["learning_rate"]
    )


def optimizer_of(
    recipe: Recipe,
    loss: optimize.Loss,
    *,
    learning_rate: Callable[[Any], jax.Array] | None = None,
) -> optimize.Optimizer:
    """The recipe's optimiser of a loss.

    Args:
      recipe: the choices.
      loss: (parameters, data) -> (value, terms).
      learning_rate: data -> Adam's learning rate, in place of the recipe's own.
    """
    choices = recipe.optimiser
    if choices.kind == "lbfgs":
        return optimize.lbfgs(loss, history=choices.history)
    return optimize.adam(loss, learning_rate=learning_rate or choices.learning_rate)


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
    on_unsaved: Callable[[OSError], None] | None = None,
) -> Texture:
    """Makes one sound: the same key gives the same samples on the same machine.

    Args:
      problem: of `prepare`; runs with several keys share what it compiles.
      key: PRNG key of the start.
      evaluations: budget in place of the recipe's; 0 is the recipe's.
      max_seconds: wall-clock budget of the optimisation.
      checkpoint_path: file that the state is kept in.
      checkpoint_every: evaluations between states; with 0 one is kept on Ctrl-C alone.
      resume: goes on from the state in the file, if it is there, as if never interrupted.
      on_chunk: called with the rows so far, one a chunk.
      on_unsaved: called, and the run goes on, where a state cannot be written; without it the run
        ends with the OSError.
    """
    start_key, phase_key = jax.random.split(key)
    parameters, data = problem.init(start_key)
    state, rows = problem.optimizer.init(parameters, data), []
    if resume:
        state, rows = checkpoint.load(checkpoint_path, state) or (state, rows)
    keeper = _Keeper(checkpoint_path, checkpoint_every, on_unsaved, rows)

    def after_chunk(state, rows):
        on_chunk(rows)
        keeper.save_when_due(state, rows)

    # To the rendered wave: Ctrl-C in phase recovery must not lose what the optimiser came to.
    with optimize.Interrupts() as interrupts:
        outcome = optimize.run(
            problem.optimizer,
            state,
            data,
            evaluations=evaluations or problem.recipe.optimiser.evaluations,
            seconds=max_seconds,
            tolerance=problem.recipe.optimiser.tolerance,
            progress=rows,
            on_chunk=after_chunk,
        )
        # Interrupted before its first chunk a run has nothing to go on from.
        if outcome.reason == "interrupted" and checkpoint_path and outcome.progress:
            keeper.save(outcome.state, outcome.progress)
        wave, lowered_db = problem.render_output(phase_key, outcome.state.parameters)
    if interrupts.received:
        outcome = outcome._replace(reason="interrupted")
    return Texture(wave, lowered_db, outcome)


class _Keeper:
    """Writes checkpoints of a run, every so many evaluations; arguments as in `run`."""

    def __init__(self, path, every, on_unsaved, rows):
        self._path, self._every, self._on_unsaved = path, every, on_unsaved
        self._saved_at = rows[-1].evaluations if rows else 0

    def save(self, state, rows):
        try:
            checkpoint.save(self._path, state, rows)
        except OSError as error:
            if self._on_unsaved is None:
                raise
            self._on_unsaved(error)

    def save_when_due(self, state, rows):
        if self._every and rows[-1].evaluations >= self._saved_at + self._every:
            self.save(state, rows)
            self._saved_at = rows[-1].evaluations
