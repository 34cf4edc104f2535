"""The one road from references to a new sound, which every recipe takes.

reference waves -> what the canvas holds (waves, or a spectrogram) -> views -> networks -> target, fitted once;
canvas parameters -> the same -> distance -> optimiser -> parameters -> wave, at the references' own rate and level.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft

from audio_texture import (
    audio,
    canvas,
    checkpoint,
    matching,
    mixing,
    objective,
    optimize,
    phase,
    spectrogram,
    views,
    walk,
)
from audio_texture.layer import receptive_fields
from audio_texture.precision import single
from audio_texture.recipes import Recipe, View, at_scales

# Nothing above half of this is heard; faster recordings are modelled at this rate and the result is brought back to theirs.
HIGHEST_MODELLED_RATE = 48_000
SHORTEST_SECONDS, LONGEST_SECONDS = 0.05, 600.0
# One patch has no statistics: a kernel must fit in so many places, hop by hop, and so many times side by side.
FEWEST_PATCHES, FEWEST_APART = 8, 3
# Of the shortest reference: stretches whose patches and onsets are matched by themselves. A little over half, so that a result as long as it, with its margins, makes two.
STRETCH = 0.55
# Of a walk through a reference, in seconds: what makes two moments alike around them, the shortest jump, the mean way between jumps.
WALK_CONTEXT, WALK_APART, WALK_PIECE = 0.5, 0.1, 0.25


class Programs(NamedTuple):
    """What is compiled for a recipe, and serves every problem of the same `shape_of`: numbers and samples enter as arguments.

    Attributes:
      shape: what decides about the programs.
      fit: (waves, weights, numbers) -> target.
      loss: (parameters, data) -> (value, terms).
      to_wave: (key, parameters, constants) -> wave [C, N] at the modelled rate.
      terms: of transfers, the names of the distances that have a weight.
      start: of transfers, (key, wave [C, N], (share, share of noise), colour, constants) -> (parameters that render noise of
        the colour, parameters that render the shares of the wave and of that noise).
    """

    shape: Hashable
    fit: Callable[..., Any]
    loss: optimize.Loss
    to_wave: Callable[[jax.Array, Any, Any], jax.Array]
    start: Callable[..., tuple[Any, Any]] | None = None
    terms: tuple[str, ...] = ()


class Problem(NamedTuple):
    """A recipe applied to references.

    Attributes:
      optimizer: over the canvas's parameters.
      begin: key -> (parameters to start from, data that the loss needs beside them: targets, constants, the recipe's numbers).
      finish: (key, parameters) -> (wave [C, samples] at the references' rate and level, dB its level was lowered by lest
        it clip).
      programs: what it shares with problems prepared like it.
    """

    optimizer: optimize.Optimizer
    begin: Callable[[jax.Array], tuple[Any, Any]]
    finish: Callable[[jax.Array, Any], tuple[np.ndarray, float]]
    programs: Programs


class Layout(NamedTuple):
    """A canvas for waves of a length.

    Attributes:
      sketch: the canvas.
      as_rendered: wave [C, N] -> what a canvas of it would render.
      framed: wave of the length -> the longer one that the canvas holds, continued by its mirror image.
      to_wave: (key, parameters, constants) -> wave of the length.
    """

    sketch: canvas.Canvas
    as_rendered: Callable[[jax.Array], jax.Array]
    framed: Callable[[np.ndarray], np.ndarray]
    to_wave: Callable[[jax.Array, Any, Any], jax.Array]


class Texture(NamedTuple):
    """wave: [C, samples] float32. lowered_db: below the references' level, lest it clip. outcome: of the optimiser."""

    wave: np.ndarray
    lowered_db: float
    outcome: optimize.Outcome


class Batch(NamedTuple):
    """Textures made at once: as `Texture`, a row a run, and what their losses [n] and terms (name -> [n]) ended at.

    waves: [n, C, samples] float32. lowered_db: [n]. outcomes: n; seconds in their progress are of the whole batch where its
    runs were made together.
    """

    waves: np.ndarray
    lowered_db: np.ndarray
    losses: np.ndarray
    terms: dict[str, np.ndarray]
    outcomes: list[optimize.Outcome]


def modelled_rate(recipe: Recipe, sample_rate: int) -> int:
    """The rate in Hz that a recipe models a sound of another rate at."""
    return recipe.sample_rate or min(sample_rate, HIGHEST_MODELLED_RATE)


def check_seconds(seconds: float) -> float:
    """The length given, in seconds. Raises ValueError where it is out of range."""
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise ValueError(
            f"{seconds:g} s is out of range: from {SHORTEST_SECONDS:g} to {LONGEST_SECONDS:g} s can be made at once."
        )
    return seconds


def check_reference(
    recipe: Recipe, wave: np.ndarray, *, sample_rate: int, name: str = "the reference"
) -> None:
    """Raises ValueError, naming the sound, when it is silent, constant or too short for the recipe's shortest kernel."""
    audio.check_audible(wave, name)
    rate = modelled_rate(recipe, sample_rate)
    recipe, least = at_scales(recipe, rate), SHORTEST_SECONDS
    if recipe.views:
        least = _least_seconds(recipe, rate)
    fine = [
        *(recipe.patches_views[:1] if recipe.patches_weight else ()),
        *([matching.FINE] if recipe.rhythm_weight else ()),
    ]
    least = max(
        [
            least,
            *(
                view.milliseconds(1 + matching.ONSET_STEP + FEWEST_PATCHES, rate) / 1000
                for view in fine
            ),
        ]
    )
    if wave.shape[1] / sample_rate < least:
        raise ValueError(_too_short(name, wave.shape[1] / sample_rate, least))


def check_content(recipe: Recipe, content: np.ndarray, *, sample_rate: int) -> None:
    """Raises ValueError when a kernel of the recipe's content_views is longer than the content, moment by moment of which it is to see."""
    rate = modelled_rate(recipe, sample_rate)
    for view in recipe.content_views:
        longest, seconds = (
            matching.field_samples(dataclasses.replace(recipe, views=(view,)), rate) / rate,
            content.shape[1] / sample_rate,
        )
        if seconds < longest:
            raise ValueError(
                f"the content lasts {seconds:.3g} s; the longest kernel of {str(view)!r} sees {longest:.3g} s of it."
            )


def _too_short(name: str, seconds: float, least: float) -> str:
    return f"{name} lasts {seconds:.3g} s; the shortest kernel must fit {FEWEST_PATCHES} times, hop by hop, and {FEWEST_APART} times side by side, which takes {least:.3g} s."


def fitted(recipe: Recipe, references: Sequence[np.ndarray], *, sample_rate: int) -> Recipe:
    """The recipe at its scales, without those kernels that are too long for the shortest reference to hold several patches of.

    What a kernel sees once or twice is no texture: matched over a longer result it can only be repeated, or missed. Raises
    ValueError, naming the length, where none is left.
    """
    rate = modelled_rate(recipe, sample_rate)
    recipe = at_scales(recipe, rate)
    samples = min(wave.shape[1] for wave in references) / sample_rate * rate

    kept = []
    for view in recipe.views:
        widths = tuple(
            width for width in view.widths if _least_samples(recipe, view, width, rate) <= samples
        )
        if widths:
            kept.append(dataclasses.replace(view, widths=widths))
    if recipe.views and not kept:
        raise ValueError(
            _too_short("the shortest reference", samples / rate, _least_seconds(recipe, rate))
        )
    # Of patches twice as many as they are long; the first view's own are left out by their objective, one by one.
    seen = [
        view
        for view in recipe.patches_views[1:]
        if view.milliseconds(max(FEWEST_PATCHES, 2 * min(view.widths)), rate)
        <= 1000 * samples / rate
    ]
    stretch = min(recipe.stretch_seconds or STRETCH * samples / rate, recipe.block_seconds)
    return dataclasses.replace(
        recipe,
        views=tuple(kept),
        patches_views=(*recipe.patches_views[:1], *seen),
        stretch_seconds=stretch,
    )


def shape_of(
    recipe: Recipe,
    references: Sequence[np.ndarray],
    *,
    sample_rate: int,
    seconds: float,
    morph_to: Sequence[float] | None = None,
    bands: Sequence[tuple[float, float]] | None = None,
) -> Hashable:
    """What decides which programs a run is compiled to: runs of one shape can share them, and be batched."""
    references, _ = audio.fold_channels(references)
    structure = fitted(recipe, references, sample_rate=sample_rate).structure()
    if recipe.weights_file:
        # Files of one network share programs, to which its weights are data.
        structure = dataclasses.replace(structure, weights_file=repr(matching.of_file(recipe)[0]))
    mixture = (morph_to and tuple(morph_to), bands and tuple(map(tuple, bands)))
    return (
        structure,
        sample_rate,
        round(seconds * sample_rate),
        tuple(wave.shape for wave in references),
        *mixture,
    )


@single
def prepare(
    recipe: Recipe,
    references: Sequence[np.ndarray],
    *,
    sample_rate: int,
    seconds: float,
    weights: Sequence[float] | None = None,
    morph_to: Sequence[float] | None = None,
    bands: Sequence[tuple[float, float]] | None = None,
    like: Problem | None = None,
) -> Problem:
    """Fits the targets and lays out the canvas. Kernels too long for the shortest reference are left out.

    Args:
      recipe: the choices.
      references: waves [C, N_i], all of one rate and number of channels; several are mixed, by their weights.
      sample_rate: theirs and the result's, in Hz.
      seconds: length of the result.
      weights: of the references; equal by default, which makes a sound about as like to one as to another, see `mixing.balance`.
      morph_to: weights at the end, which they pass to evenly over the length.
      bands: (from, to) in Hz for each reference, of which it then decides alone; together they make up all frequencies.
      like: a problem of the same `shape_of`, whose compiled programs serve this one too: nothing is traced or compiled again.
    Raises:
      ValueError: a reference that is silent, constant or shorter than every kernel; a length out of range; a view that does
        not fit the rate; weights that do not fit, a morph on a spectrogram canvas, bands that overlap or leave a gap; `like` of
        another shape.
    """
    check_mixture(
        recipe,
        len(references),
        rate=modelled_rate(recipe, sample_rate),
        weights=weights,
        morph_to=morph_to,
        bands=bands,
    )
    folded, factors = audio.fold_channels(references, decorrelated=recipe.canvas == "spectrogram")
    recipe, modelled, weights = as_modelled(
        recipe, folded, sample_rate=sample_rate, weights=weights, bands=bands
    )
    level = level_of(references, weights, sample_rate=sample_rate)
    shape = shape_of(
        recipe,
        references,
        sample_rate=sample_rate,
        seconds=check_seconds(seconds),
        morph_to=morph_to,
        bands=bands,
    )
    rate = modelled_rate(recipe, sample_rate)
    wanted = round(seconds * sample_rate)
    samples = math.ceil(wanted * rate / sample_rate)
    balance = balance_of(recipe, modelled, rate, bands)
    ends = [each and mixing.balanced(each, balance) for each in (weights, morph_to)]
    shaping, shaping_weights = for_canvas(modelled, ends[0], bands)
    layout = lay_out(recipe, shaping, shaping_weights, rate, samples, ends[1])
    sketch = layout.sketch
    # A mixture has no order of events: what one of its references did at a moment is not between them.
    walked = [wave for wave, share in zip(shaping, shaping_weights, strict=True) if share > 0]
    start = (
        _walking(recipe, sketch, walked[0], rate)
        if _walks(recipe) and len(walked) == 1 and morph_to is None
        else sketch.init
    )
    if like and like.programs.shape != shape:
        raise ValueError(
            f"a problem of {seconds:g} s by the recipe {recipe.name} has not the shape of the problem that it should be like."
        )
    style = functools.partial(
        matching.style_objective, recipe, rate, morph_to=morph_to, bands=bands
    )
    numbers, shares = (
        recipe.numbers() | ({"balance": balance} if balance else {}),
        np.asarray(weights, np.float32),
    )
    unscaled = matching.regularisers(recipe, numbers)
    programs = like.programs if like else _programs(style, shape, layout, unscaled)
    target = programs.fit(modelled, shares, numbers | matching.given_weights(recipe))
    along = (
        None
        if morph_to is None
        else _levels_along(references, modelled, sample_rate, rate, weights, morph_to, balance)
    )
    optimizer = _optimizer_like(like, recipe, programs)

    def begin(key):
        parameters = start(key)
        data = {
            "target": target,
            "constants": sketch.constants,
            "weights": shares,
            "numbers": numbers,
            "scale": np.float32(1),
        }
        if recipe.normalised_by == "start":
            _, terms = optimize.value_at(optimizer, parameters, data)
            data["scale"] = np.float32(
                1 / sum(term for name, term in terms.items() if name not in unscaled)
            )
        return parameters, data

    def finish(key, parameters):
        modelled_wave = factors @ np.asarray(programs.to_wave(key, parameters, sketch.constants))
        wave = audio.resample(modelled_wave, rate, sample_rate)[:, :wanted]
        if morph_to is None:
            return audio.match_level(wave, level, sample_rate=sample_rate)
        levels, lost = (
            np.interp(np.linspace(0, 1, wanted), np.linspace(0, 1, canvas.KNOTS), values).astype(
                np.float32
            )
            for values in along
        )
        # All was modelled at one level.
        return audio.match_level(
            wave * (levels / lost)[None] if recipe.level else wave / lost[None],
            audio.rms(levels),
            sample_rate=sample_rate,
        )

    return Problem(optimizer, single(begin), single(finish), programs)


def _programs(
    style: Callable[..., objective.Objective],
    shape: Hashable,
    layout: Layout,
    unscaled: Collection[str],
) -> Programs:
    """unscaled: terms that the loss's scale leaves as they are."""

    def fit(waves, weights, numbers):
        return style(weights, numbers=numbers).fit([layout.as_rendered(wave) for wave in waves])

    def loss(parameters, data):
        rendered = layout.sketch.render(parameters, data["constants"])
        _, terms = style(data["weights"], numbers=data["numbers"]).distance(
            data["target"], rendered
        )
        # Not the regularisers: beside a distance of 1e-9 that is brought to 1 they would be walls a million times as steep.
        terms = {
            name: term if name in unscaled else term * data["scale"] for name, term in terms.items()
        }
        return sum(terms.values()), terms

    return Programs(shape, _once(fit), *map(jax.jit, (loss, layout.to_wave)))


def fold_transfer(
    recipe: Recipe, content: np.ndarray, style: np.ndarray, *, sample_rate: int
) -> tuple[list[np.ndarray], np.ndarray]:
    """Content and style [C, N] and [C, M] as a transfer models them, of fewer channels where both
    have the same again.

    A style of equal channels gets the content's image first: the width of a mono style is none, and
    whatever lies between the channels of a stereo content would be infinitely far from it. Returns
    as `audio.fold_channels`.
    """
    pair = [content, audio.match_stereo_image(style, content, sample_rate=sample_rate)]
    return audio.fold_channels(pair, decorrelated=recipe.canvas == "spectrogram")


def shape_of_transfer(
    recipe: Recipe, content: np.ndarray, style: np.ndarray, *, sample_rate: int
) -> Hashable:
    """`shape_of` a transfer."""
    folded, _ = fold_transfer(recipe, content, style, sample_rate=sample_rate)
    return shape_of(recipe, folded, sample_rate=sample_rate, seconds=content.shape[1] / sample_rate)


@single
def prepare_transfer(
    recipe: Recipe,
    content: np.ndarray,
    style: np.ndarray,
    *,
    sample_rate: int,
    like: Problem | None = None,
) -> Problem:
    """Fits style and content and lays out a canvas of the content's length. The result has the content's level.

    With `recipe.balanced` the distances are divided by what they are for noise of the style's spectrum, which has nothing of the
    content and of the style the spectrum alone: of either sound's level or length they then know nothing.

    Args:
      recipe: the choices.
      content, style: waves [C, N] and [C, M] of one rate and number of channels; a style of equal channels gets the content's
        image, see `audio.match_stereo_image`.
      sample_rate: theirs and the result's, in Hz.
      like: see `prepare`.
    Raises:
      ValueError: as `prepare`.
    """
    check_content(recipe, content, sample_rate=sample_rate)
    folded, factors = fold_transfer(recipe, content, style, sample_rate=sample_rate)
    recipe, (content_wave, style_wave), even = as_modelled(recipe, folded, sample_rate=sample_rate)
    rate = modelled_rate(recipe, sample_rate)
    wanted = content.shape[1]
    shape = shape_of(
        recipe, folded, sample_rate=sample_rate, seconds=check_seconds(wanted / sample_rate)
    )
    samples = math.ceil(wanted * rate / sample_rate)
    started = (
        canvas.match_band_levels(content_wave, style_wave, sample_rate=rate)
        if recipe.start_recoloured
        else content_wave
    )
    layout = lay_out(recipe, [started, style_wave], even, rate, samples)
    sketch = layout.sketch
    kept, started = layout.framed(content_wave), layout.framed(started)
    if like and like.programs.shape != shape:
        raise ValueError(
            f"a transfer of {wanted / sample_rate:g} s by the recipe {recipe.name} has not the shape of the problem that it should be like."
        )
    programs = like.programs if like else _transfer_programs(recipe, rate, shape, layout)
    numbers = recipe.numbers()
    targets = programs.fit((kept, style_wave), numbers | matching.given_weights(recipe))
    weights = {name: numbers[f"{name}_weight"] for name in targets}
    colour = canvas.spectral_colour(
        canvas.spectral_density(
            style_wave, sample_rate=rate, samples=kept.shape[1], smoothing_hz=recipe.smoothing_hz
        )
    )

    optimizer = _optimizer_like(like, recipe, programs)

    def begin(key):
        noise_key, start_key = jax.random.split(key)
        shares = (
            np.float32(recipe.start_content),
            np.float32(math.sqrt(1 - recipe.start_content**2)),
        )
        noise, parameters = programs.start(noise_key, started, shares, colour, sketch.constants)
        data = {
            "targets": targets,
            "constants": sketch.constants,
            "numbers": numbers,
            "weights": weights,
        }
        if recipe.balanced:
            sizes = optimize.value_at(
                optimizer, noise, {**data, "weights": dict.fromkeys(weights, np.float32(1))}
            )[1]
            data["weights"] = {name: weight / sizes[name] for name, weight in weights.items()}
        if (
            recipe.start == "uniform"
            and recipe.canvas == "spectrogram"
            and not recipe.start_content
        ):
            parameters = sketch.init(start_key)
        if recipe.start_shape:
            sizes = {"sample_rate": rate, "equaliser": equaliser_of(recipe, rate)}
            parameters["gain"] = recipe.start_shape * canvas.measure_gains(
                kept, coupled=sketch.constants["coupling"], **sizes
            )
        return parameters, data

    def finish(key, parameters):
        modelled_wave = factors @ np.asarray(programs.to_wave(key, parameters, sketch.constants))
        wave = audio.resample(modelled_wave, rate, sample_rate)
        return audio.match_level(
            wave[:, :wanted], audio.audible_rms(content, sample_rate=sample_rate), sample_rate=sample_rate
        )

    return Problem(optimizer, single(begin), single(finish), programs)


def _transfer_programs(recipe: Recipe, rate: int, shape: Hashable, layout: Layout) -> Programs:
    weights = {
        "style": recipe.style_weight,
        "content": recipe.content_weight,
        "loudness": recipe.loudness_weight,
        "spectrum": recipe.spectrum_weight,
    }

    def distances(numbers):
        found = {
            "style": matching.guided_style(recipe, rate, numbers),
            "content": matching.content(recipe, rate, numbers),
            **matching.envelopes(recipe, rate, numbers),
        }
        return {name: distance for name, distance in found.items() if weights[name]}

    def fit(pair, numbers):
        rendered = tuple(map(layout.as_rendered, pair))
        return {name: distance.fit(rendered) for name, distance in distances(numbers).items()}

    def loss(parameters, data):
        x, numbers = layout.sketch.render(parameters, data["constants"]), data["numbers"]
        terms = {
            name: data["weights"][name] * distance.distance(data["targets"][name], x)[0]
            for name, distance in distances(numbers).items()
        }
        others = objective.weighted_sum(matching.regularisers(recipe, numbers))
        terms |= others.distance(others.fit(()), x)[1]
        return sum(terms.values()), terms

    def start(key, wave, shares, colour, constants):
        noise = canvas.colour_noise(jax.random.normal(key, wave.shape), colour)
        held = lambda wave: layout.sketch.invert(layout.as_rendered(wave), constants)
        return held(noise), held(shares[0] * wave + shares[1] * noise)

    terms = tuple(distances(recipe.numbers()))
    return Programs(shape, _once(fit), *map(jax.jit, (loss, layout.to_wave)), _once(start), terms)


def _once(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiled for programs that a problem runs once: on a CPU LLVM would spend seconds on milliseconds."""
    options = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
    return jax.jit(function, compiler_options=options if jax.default_backend() == "cpu" else None)


def _optimizer_like(like: Problem | None, recipe: Recipe, programs: Programs) -> optimize.Optimizer:
    return (
        like.optimizer
        if like
        else optimizer_of(
            recipe, programs.loss, learning_rate=lambda data: data["numbers"]["learning_rate"]
        )
    )


def reweighted(problem: Problem, **factors: float) -> Problem:
    """A transfer with its distances' weights multiplied, by name; it shares with the other what it
    compiles.

    Raises ValueError for a name that none of its distances has.
    """
    there = problem.programs.terms
    unknown = [name for name in factors if name not in there]
    if unknown:
        raise ValueError(
            f"{unknown[0]!r} is no distance of this problem, which can be weighted anew; there are {', '.join(there) or 'none'}."
        )

    def begin(key):
        parameters, data = problem.begin(key)
        weights = {
            name: weight * np.float32(factors.get(name, 1.0))
            for name, weight in data["weights"].items()
        }
        return parameters, {**data, "weights": weights}

    return problem._replace(begin=begin)


@single
def run(
    problem: Problem,
    recipe: Recipe,
    key: jax.Array,
    *,
    max_seconds: float = math.inf,
    checkpoint_path: str | None = None,
    checkpoint_every: int = 0,
    resume: bool = False,
    on_chunk: Callable[[list[optimize.ProgressRow]], None] = lambda progress: None,
    on_unsaved: Callable[[OSError], None] | None = None,
) -> Texture:
    """Makes one texture: the same key gives the same samples on the same machine.

    Args:
      problem: of `prepare`; runs with several keys share what it compiles.
      recipe: the one it was prepared with.
      key: PRNG key of the start.
      max_seconds: wall-clock budget of the optimisation.
      checkpoint_path: file that the state is kept in.
      checkpoint_every: evaluations between states; with 0 one is kept on Ctrl-C alone.
      resume: goes on from the state in the file, if it is there, as if never interrupted.
      on_chunk: called with the rows so far, one a chunk.
      on_unsaved: called, and the run goes on, where a state cannot be written; without it the run
        ends with the OSError.
    """
    start_key, phase_key = jax.random.split(key)
    parameters, data = problem.begin(start_key)
    state, rows = problem.optimizer.init(parameters, data), []
    if resume:
        state, rows = checkpoint.load(checkpoint_path, state) or (state, rows)
    saved_at = rows[-1].evaluations if rows else 0

    def save(state, rows):
        try:
            checkpoint.save(checkpoint_path, state, rows)
        except OSError as error:
            if on_unsaved is None:
                raise
            on_unsaved(error)

    def after_chunk(state, rows):
        nonlocal saved_at
        on_chunk(rows)
        if checkpoint_every and rows[-1].evaluations >= saved_at + checkpoint_every:
            save(state, rows)
            saved_at = rows[-1].evaluations

    # To the rendered wave: Ctrl-C in phase recovery must not lose what the optimiser came to.
    with optimize.Interrupts() as interrupts:
        outcome = optimize.run(
            problem.optimizer,
            state,
            data,
            evaluations=recipe.evaluations,
            seconds=max_seconds,
            tolerance=recipe.tolerance,
            progress=rows,
            on_chunk=after_chunk,
        )
        # Interrupted before its first chunk a run has nothing to go on from.
        if outcome.reason == "interrupted" and checkpoint_path and outcome.progress:
            save(outcome.state, outcome.progress)
        wave, lowered_db = problem.finish(phase_key, outcome.state.parameters)
    return Texture(
        wave, lowered_db, outcome._replace(reason="interrupted") if interrupts.received else outcome
    )


def check_weights(weights: Sequence[float], references: int) -> None:
    """Raises ValueError unless there is one for each reference, none below 0 and not all 0."""
    if len(weights) != references or min(weights) < 0 or not 0 < sum(weights) < math.inf:
        raise ValueError(
            f"weights must be one for each of the {references} references, none below 0 and not all 0, got {list(weights)}."
        )


def check_mixture(
    recipe: Recipe,
    references: int,
    *,
    rate: int,
    weights: Sequence[float] | None = None,
    morph_to: Sequence[float] | None = None,
    bands: Sequence[tuple[float, float]] | None = None,
) -> None:
    """Raises ValueError where references cannot be mixed so; arguments as of `prepare`, rate: the modelled one, in Hz."""
    if morph_to is not None or bands is not None:
        if recipe.canvas != "waveform":
            raise ValueError(
                f"the recipe {recipe.name!r} has a {recipe.canvas} canvas; morphs and bands need a waveform canvas, such as texture-fast has."
            )
        if morph_to is not None and bands is not None:
            raise ValueError("a mixture by bands has no weights to morph.")
    if morph_to is not None:
        check_weights(morph_to, references)
    if bands is not None:
        if weights is not None and len(set(weights)) > 1:
            raise ValueError("references that have a band each need no weights.")
        edges = sorted(bands)
        together = [low for low, _ in edges[1:]] == [high for _, high in edges[:-1]] and (
            edges[0][0],
            edges[-1][1],
        ) == (0, math.inf)
        if len(bands) != references or not together or not all(low < high for low, high in bands):
            raise ValueError(
                f"bands must be one for each of the {references} references and make up all frequencies without a gap or overlap, got {list(bands)}."
            )
        if len(bands) > 1 and not edges[-1][0] < rate / 2:
            raise ValueError(
                f"bands must meet below half the rate, {rate / 2:g} Hz, got {edges[-1][0]:g} Hz."
            )


def level_of(
    references: Sequence[np.ndarray], weights: Sequence[float], *, sample_rate: int
) -> float:
    """Level (of `audio.audible_rms`) of a mixture."""
    return math.sqrt(
        np.average(
            [audio.audible_rms(wave, sample_rate=sample_rate) ** 2 for wave in references],
            weights=weights,
        )
    )


def _levels_along(
    references: Sequence[np.ndarray],
    modelled: Sequence[np.ndarray],
    sample_rate: int,
    rate: int,
    weights: Sequence[float],
    morph_to: Sequence[float],
    balance: mixing.Balance | None,
) -> tuple[list[float], list[float]]:
    """Level (of `audio.audible_rms`) of a morph at the canvas's knots, and the share of it that sounds between others have."""
    densities = [
        canvas.spectral_density(wave, sample_rate=rate, samples=4096, smoothing_hz=rate / 1024)
        for wave in modelled
    ]
    each = [mixing.interpolate_weights(weights, morph_to, place) for place in np.linspace(0, 1, canvas.KNOTS)]
    return [level_of(references, shares, sample_rate=sample_rate) for shares in each], [
        canvas.lost_level(densities, mixing.balanced(shares, balance), sample_rate=rate)
        for shares in each
    ]


def prepare_batch(
    recipes: Sequence[Recipe],
    references: Sequence[Sequence[np.ndarray]],
    *,
    sample_rate: int,
    seconds: float,
    weights: Sequence[Sequence[float] | None] | None = None,
) -> list[Problem]:
    """`prepare` for n runs of one `shape_of`: recipes, references (a sequence of waves each) and weights of each, n of them.

    Raises ValueError where two shapes differ, and where `prepare` does.
    """
    problems: list[Problem] = []
    for recipe, waves, shares in zip(
        recipes, references, weights or [None] * len(recipes), strict=True
    ):
        like = problems[0] if problems else None
        problems.append(
            prepare(
                recipe, waves, sample_rate=sample_rate, seconds=seconds, weights=shares, like=like
            )
        )
    return problems


@single
def run_batch(
    problems: Sequence[Problem],
    recipes: Sequence[Recipe],
    keys: jax.Array,
    *,
    together: bool | None = None,
    mesh: jax.sharding.Mesh | None = None,
    size: int = 0,
    max_seconds: float = math.inf,
    on_chunk: Callable[[list[list[optimize.ProgressRow]]], None] = lambda rows: None,
) -> Batch:
    """Makes n textures by one compiled program; each is, up to rounding, what `run` makes of its problem, recipe and key.

    A run that converged, or whose loss is not finite, stands still and disturbs no other.

    Args:
      problems: of `prepare_batch`, n; the same one again where runs differ in their key alone.
      recipes: those they were prepared with, n; budgets and tolerances may differ.
      keys: PRNG keys [n].
      together: see `optimize.run_batch`; by default on every device but a CPU, where a batch is no faster than one run after
        the other, which has the very samples of `run`.
      mesh, size: see `optimize.run_batch`.
      max_seconds: wall-clock budget of the optimisation, of every run where they are made in turn.
      on_chunk: called after each chunk with the rows of every run so far.
    Raises:
      ValueError: no runs; numbers of problems, recipes and keys that differ; problems that were not prepared alike.
    """
    if not problems or not len(problems) == len(recipes) == len(keys):
        raise ValueError(
            f"a batch needs as many problems as recipes and keys, and one at least; got {len(problems)}, {len(recipes)} and {len(keys)}."
        )
    if any(problem.optimizer is not problems[0].optimizer for problem in problems):
        raise ValueError(
            "the problems of a batch must be prepared alike, by prepare_batch or prepare(..., like=)."
        )
    together = jax.default_backend() != "cpu" if together is None else together
    if not together and mesh is None:
        textures, rows = [], [[] for _ in keys]
        for number, (problem, recipe, key) in enumerate(zip(problems, recipes, keys, strict=True)):
            after_chunk = lambda of_one, number=number: (
                rows.__setitem__(number, of_one),
                on_chunk(rows),
            )
            # Ctrl-C is for the batch: what is left of it gets a chunk each.
            cut = any(texture.outcome.reason == "interrupted" for texture in textures)
            textures.append(
                run(
                    problem,
                    recipe,
                    key,
                    max_seconds=0.0 if cut else max_seconds,
                    on_chunk=after_chunk,
                )
            )
        waves, lowered_db, outcomes = zip(*textures, strict=True)
    else:
        start_keys, phase_keys = jax.vmap(jax.random.split, out_axes=1)(keys)
        parameters, data = _stacked(
            [problem.begin(key) for problem, key in zip(problems, start_keys, strict=True)]
        )
        outcomes = optimize.run_batch(
            problems[0].optimizer,
            jax.vmap(problems[0].optimizer.init)(parameters, data),
            data,
            evaluations=[recipe.evaluations for recipe in recipes],
            tolerance=[recipe.tolerance for recipe in recipes],
            together=together,
            mesh=mesh,
            size=size,
            seconds=max_seconds,
            on_chunk=lambda _, rows: on_chunk(rows),
        )
        finished = [
            problem.finish(key, outcome.state.parameters)
            for problem, key, outcome in zip(problems, phase_keys, outcomes, strict=True)
        ]
        waves, lowered_db = zip(*finished, strict=True)
    values = [float(outcome.state.value) for outcome in outcomes]
    terms = {
        name: np.array([float(outcome.state.terms[name]) for outcome in outcomes], np.float32)
        for name in outcomes[0].state.terms
    }
    return Batch(
        np.stack(waves), np.array(lowered_db), np.array(values, np.float32), terms, list(outcomes)
    )


@single
def fitting_batch(problem: Problem, runs: int, *, memory: int) -> int:
    """How many of so many runs of a problem's shape, together, a device of that much memory in bytes holds; at least 1."""
    needed = optimize.batch_bytes(problem.optimizer, *problem.begin(jax.random.key(0)), runs=runs)
    return max(1, min(runs, runs * memory // needed))


def _stacked(trees: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def as_modelled(
    recipe: Recipe,
    references: Sequence[np.ndarray],
    *,
    sample_rate: int,
    weights: Sequence[float] | None = None,
    bands: Sequence[tuple[float, float]] | None = None,
) -> tuple[Recipe, list[np.ndarray], list[float]]:
    """What is made of references before anything is fitted to them; arguments and errors as of `prepare`.

    Returns:
      The recipe without kernels that do not fit; the waves at the modelled rate, without DC and at
      the recipe's level; and a weight for each.
    """
    weights = list(weights or [1.0] * len(references))
    check_weights(weights, len(references))
    rate = modelled_rate(recipe, sample_rate)
    for wave in references:
        check_reference(recipe, wave, sample_rate=sample_rate)
    recipe = fitted(recipe, references, sample_rate=sample_rate)

    def one(wave, low, high):
        wave = audio.resample(wave - np.mean(wave, axis=1, keepdims=True), sample_rate, rate)
        wave = (
            wave * np.float32(recipe.level / audio.audible_rms(wave, sample_rate=rate))
            if recipe.level
            else wave
        )
        return (
            np.asarray(spectrogram.band(wave, sample_rate=rate, low=low, high=high))
            if bands
            else wave
        )

    modelled = [
        one(wave, *edges)
        for wave, edges in zip(references, bands or [(0, math.inf)] * len(references), strict=True)
    ]
    for wave in modelled:
        audio.check_audible(wave, "a reference's band")
    return recipe, modelled, weights


def balance_of(
    recipe: Recipe,
    modelled: Sequence[np.ndarray],
    rate: int,
    bands: Sequence[tuple[float, float]] | None,
) -> mixing.Balance | None:
    """What the weights of references are multiplied by; None where there is one alone, or one for each band."""
    if len(modelled) == 1 or bands is not None:
        return None
    return mixing.balance(modelled, sample_rate=rate, heard=recipe.auditory_weight > 0)


def for_canvas(
    modelled: Sequence[np.ndarray],
    weights: Sequence[float],
    bands: Sequence[tuple[float, float]] | None,
) -> tuple[Sequence[np.ndarray], Sequence[float]]:
    """The references and weights that a canvas is preconditioned by: bands that come from several make up one."""
    if bands is None:
        return modelled, weights
    length = min(wave.shape[1] for wave in modelled)
    return [sum(wave[:, :length] for wave in modelled)], [1.0]


def lay_out(
    recipe: Recipe,
    references: Sequence[np.ndarray],
    weights: Sequence[float],
    rate: int,
    samples: int,
    morph_to: Sequence[float] | None = None,
) -> Layout:
    """The recipe's canvas for waves of so many samples, preconditioned by the references [C, N_i]; morph_to: of the waveform canvas."""
    if recipe.canvas == "waveform":
        return _waveform_canvas(recipe, references, weights, rate, samples, morph_to)
    return _spectrogram_canvas(recipe, references, weights, rate, samples)


def of_weights(recipe: Recipe, path: str) -> Recipe:
    """The recipe with the network of a file of weights and, where it was trained here, the spectrograms it was trained on.

    Raises ValueError: see `weights.load`.
    """
    from audio_texture import weights

    description, _ = matching.of_file(dataclasses.replace(recipe, weights_file=path))
    layer = description.layers[0]
    network = {
        "network": description.kind,
        "initialisation": description.initialisation,
        "padding": description.padding,
        "pooling": description.pooling,
    }
    if description.kind.startswith("vgg19"):
        view = dataclasses.replace(
            recipe.views[0] if recipe.views else matching.FINE, bands=0, widths=(layer.width,)
        )
        seen = {"filters": layer.filters}
    else:
        front = weights.notes(path)["front_end"]
        window, hop = (
            1000 * front[name] / front["sample_rate"] for name in ("n_fft", "hop_length")
        )
        # Channels that are frames: it sees pieces of as many as it was trained on.
        width = (
            (description.channels, layer.width) if description.kind == "1d-time" else layer.width
        )
        view = View(front["bands"], (width,), window, hop)
        seen = {
            "filters": layer.filters,
            "depth": len(description.layers),
            "dilation": layer.dilation,
            "pool": layer.pool,
            "sample_rate": front["sample_rate"],
        }
    return dataclasses.replace(
        recipe,
        weights_file=path,
        views=(view,),
        content_views=(),
        compression="fixed",
        standardised=False,
        **network,
        **seen,
    )


def fields_of(recipe: Recipe, rate: int) -> list[str]:
    """A line for each network of a recipe on how much one output of each of its layers sees: milliseconds, and hertz where not all bins.

    rate: that the sound is modelled at, in Hz.
    """
    lines = []
    for view in dict.fromkeys([*recipe.views, *recipe.content_views]):
        sizes = view.sizes(rate)
        for width in view.widths:
            fields = receptive_fields(
                dataclasses.replace(recipe, style_layers=(), content_layers=()).description(width)
            ).items()
            shown = [
                (name, field)
                for name, field in fields
                if recipe.filters or name.startswith(("relu", "pool"))
            ]
            hertz = lambda field: (
                ""
                if math.isinf(field.bins) or view.scale != "linear"
                else f" x {field.hertz(sample_rate=rate, n_fft=sizes['n_fft']):.0f} Hz"
            )
            each = (
                f"{name} {field.milliseconds(sample_rate=rate, **sizes):.0f} ms{hertz(field)}"
                for name, field in shown
            )
            lines.append(
                f"{dataclasses.replace(view, widths=(width,), weight=1.0)}: {', '.join(each)}"
            )
    return lines


def optimizer_of(
    recipe: Recipe, loss: optimize.Loss, *, learning_rate: Callable[[Any], jax.Array] | None = None
) -> optimize.Optimizer:
    """The recipe's optimiser of a loss. learning_rate: of the loss's data, in place of the recipe's own."""
    if recipe.optimizer == "lbfgs":
        return optimize.lbfgs(loss, history=recipe.history)
    return optimize.adam(loss, learning_rate=learning_rate or recipe.learning_rate)


def equaliser_of(recipe: Recipe, rate: int) -> canvas.Equaliser:
    """The grid of the waveform canvas's gains."""
    return canvas.Equaliser(
        **View(0, (1,), recipe.gain_window_ms, recipe.gain_window_ms / 4).sizes(rate),
        bands=recipe.gain_bands,
    )


def longest_window(recipe: Recipe, rate: int) -> int:
    """Samples of the longest window of the views, the patches and the gains."""
    return max(
        equaliser_of(recipe, rate).n_fft,
        *(
            view.sizes(rate)["n_fft"]
            for view in (*recipe.views, *(recipe.patches_views if recipe.patches_weight else ()))
        ),
        0,
    )


def _least_seconds(recipe: Recipe, rate: int) -> float:
    """The shortest reference that any kernel is matched on."""
    return (
        min(
            _least_samples(recipe, view, width, rate)
            for view in recipe.views
            for width in view.widths
        )
        / rate
    )


def _least_samples(recipe: Recipe, view: View, width: int, rate: int) -> int:
    """The shortest reference that one kernel is matched on."""
    one = _only(recipe, view, width)
    return max(
        matching.field_samples(one, rate, places=FEWEST_PATCHES),
        FEWEST_APART * matching.field_samples(one, rate),
    )


def _only(recipe: Recipe, view: View, width: int) -> Recipe:
    return dataclasses.replace(recipe, views=(dataclasses.replace(view, widths=(width,)),))


def _waveform_canvas(
    recipe: Recipe,
    references: Sequence[np.ndarray],
    weights: Sequence[float],
    rate: int,
    samples: int,
    morph_to: Sequence[float] | None = None,
) -> Layout:
    # A window's length is added at both ends and cut off again, so that whole windows reach every sample that stays. Not of the longest windows, but
    # of the gains': what is cut off counts in every statistic, and loud moments gathered there.
    margin = equaliser_of(recipe, rate).n_fft
    length = scipy.fft.next_fast_len(
        max(samples + 2 * margin, matching.field_samples(recipe, rate)), real=True
    )
    sketch = canvas.waveform_canvas(
        references,
        weights,
        sample_rate=rate,
        samples=length,
        smoothing_hz=recipe.smoothing_hz,
        equaliser=equaliser_of(recipe, rate),
        morph_to=morph_to,
    )

    def to_wave(_, parameters, constants):
        return sketch.render(parameters, constants)[:, margin : margin + samples]

    def framed(wave):
        return np.pad(wave, ((0, 0), (margin, length - margin - samples)), "reflect")

    return Layout(sketch, lambda wave: wave, framed, to_wave)


def _walks(recipe: Recipe) -> bool:
    """Whether the recipe starts from a walk: not with time scales shorter than what its jumps go by, beyond which rhythms are to be lost."""
    return (
        recipe.start == "walk" and max(recipe.time_scale, default=math.inf) >= 1000 * WALK_CONTEXT
    )


def _walking(
    recipe: Recipe, sketch: canvas.Canvas, reference: np.ndarray, rate: int
) -> Callable[[jax.Array], dict[str, jax.Array]]:
    """`init` of a waveform canvas whose gains are those of a random walk through a reference [C, N], the likest of several."""
    equaliser = equaliser_of(recipe, rate)
    gains = canvas.measure_gains(
        reference, coupled=sketch.constants["coupling"], sample_rate=rate, equaliser=equaliser
    )
    density = canvas.spectral_density(
        reference, sample_rate=rate, samples=4096, smoothing_hz=rate / 1024
    )
    where, piece = surveyed(recipe, gains, rate, levels=canvas.part_levels(density))
    margin = equaliser.n_fft // equaliser.hop_length
    # With time scales, what is longer than the longest is not asked for here either.
    stretch = round(
        min(recipe.stretch_seconds, max(recipe.time_scale, default=math.inf) / 1000)
        * rate
        / equaliser.hop_length
    )

    def init(key):
        noise_key, walk_key = jax.random.split(key)
        parameters = sketch.init(noise_key)
        path = walk.sample_best_of_n(
            walk_key, where, parameters["gain"].shape[1] - margin, piece=piece, stretch=stretch
        )
        return {**parameters, "gain": jnp.asarray(gains[:, walk.prepend_lead_in(path, margin)])}

    return init


def surveyed(
    recipe: Recipe, gains: np.ndarray, rate: int, *, levels: np.ndarray
) -> tuple[walk.TransitionModel, float]:
    """What walks through gains [C, T, G] go by, and the mean length of their pieces in frames.

    levels: of `canvas.part_levels`; a part that is hardly heard decides little about which frames
    are alike. With time scales nothing longer than the longest is kept: neither by the pieces nor
    by what jumps go by.
    """
    moments = lambda seconds: seconds * rate / equaliser_of(recipe, rate).hop_length
    kept = max(recipe.time_scale, default=math.inf) / 1000
    features = np.concatenate(
        [level * part for level, part in zip(levels, gains, strict=True)], axis=1
    )
    where = walk.fit_transitions(
        features,
        context=round(moments(min(WALK_CONTEXT, kept / 2))),
        apart=round(moments(WALK_APART)),
    )
    return where, moments(min(WALK_PIECE, kept / 2))


def _spectrogram_canvas(
    recipe: Recipe,
    references: Sequence[np.ndarray],
    weights: Sequence[float],
    rate: int,
    samples: int,
) -> Layout:
    """Of every channel: [T, C, F]."""
    channels = len(references[0])
    view = dataclasses.replace(recipe.views[0], widths=(1,))
    if view.scale == "mel":
        view = dataclasses.replace(view, scale="linear", bands=0)
    hop = view.sizes(rate)["hop_length"]
    frames = max(
        1 + math.ceil(samples / hop), max(recipe.longest_field(view) for view in recipe.views)
    )
    if view.scale == "cqt":
        # Circular: a window's length keeps the end away from the beginning.
        plan = views.constant_q_plan(
            view, rate, max(samples, frames * hop) + view.sizes(rate)["n_fft"]
        )
        frames = plan.frames

    def as_rendered(wave):
        return jnp.stack([views.compressed(channel, view, rate) for channel in wave], axis=1)

    if recipe.start == "uniform":
        sketch = canvas.spectrogram_canvas(
            (frames, *jax.eval_shape(as_rendered, references[0]).shape[1:])
        )
    else:
        moments = [
            jax.jit(lambda wave: spectrogram.standardisation(as_rendered(wave)))(wave)
            for wave in references
        ]
        mean, deviation = (
            jnp.average(jnp.stack(values), axis=0, weights=jnp.asarray(weights))
            for values in zip(*moments, strict=True)
        )
        sketch = canvas.standard_spectrogram_canvas(frames, mean, deviation)

    def to_wave(key, parameters, constants):
        recover = {"iterations": recipe.phase_iterations, "momentum": recipe.phase_momentum}

        def started(magnitude, single_pass):
            # The same start for all channels keeps them in phase where they are alike.
            return (
                single_pass()
                if recipe.phase_start == "spsi"
                else phase.random_phase(key, magnitude)
            )

        def channel_wave(compressed):
            if view.scale == "cqt":
                magnitude = spectrogram.expand(compressed) / views.CONSTANT_Q_GAIN
                start = started(magnitude, lambda: phase.constant_q_phase(magnitude, plan))
                return phase.constant_q_griffin_lim(magnitude, start, plan, **recover)
            magnitude = spectrogram.expand(
                compressed @ views.log_map(view, rate).inverse
                if view.scale == "log"
                else compressed
            )
            start = started(magnitude, lambda: phase.spsi(magnitude, hop_length=hop))
            return phase.griffin_lim(magnitude, start, hop_length=hop, **recover)

        rendered = sketch.render(parameters, constants)
        return jnp.stack(
            [channel_wave(rendered[:, channel])[:samples] for channel in range(channels)]
        )

    def framed(wave):
        # Frame t of a canvas is centred on sample t * hop_length, those of `as_rendered` begin there.
        n_fft = view.sizes(rate)["n_fft"]
        return np.pad(
            wave,
            ((0, 0), (n_fft // 2, n_fft + (frames - 1) * hop - n_fft // 2 - samples)),
            "reflect",
        )

    return Layout(sketch, jax.jit(as_rendered), framed, to_wave)
