"""What the experiments share: settings, sounds, intervals over seeds, verdicts and the look of figures.

An experiment is three functions. `measure(settings)` returns numbers as plain types, rows with a seed each; `judge(numbers)`
weighs them by the rule that its docstring states; `draw(numbers)` makes the figure. So a JSON file with the numbers is enough for
both. Everything that varies from run to run
(sounds, filters, starts, permutations) is drawn from the seed, hence the mean over a seed's rows is one independent draw.
"""

import inspect
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import scipy.stats

from audio_texture import (
    audio,
    base,
    batch,
    combinators,
    constant_q,
    losses,
    metrics,
    sounds,
    spectrogram,
    style_transfer,
    synthesis,
    training,
)
from audio_texture.config import Recipe
from audio_texture.layer import Layer, NetworkConfig

# Procedural and real sounds are both taken at this rate: the experiments are many small runs.
RATE = 8000
# Of spectrograms whose axis of frequency varies: window and hop in samples, mel bands, rows an octave and lowest row in Hz of constant Q.
SCALES = ("linear", "mel", "log", "cqt")
_FFT, _HOP, _BANDS, _PER_OCTAVE, _LOWEST = 512, 128, 64, 24, 125.0
# Procedural sounds that classifiers are to tell apart.
CLASSES = ("bubbles", "clock", "crickets", "fire", "rain", "wind")
# A bootstrap goes through all resamples of so few values, and draws so many of more.
_EXACT, _RESAMPLES = 6, 20_000

Numbers = Mapping[str, Any]


class Settings(NamedTuple):
    """seeds: of the draws, at least five. quick: small sizes. recordings: paths of real sounds; without any, procedural ones alone. vgg19: path of
    the weights of VGG-19; without any, ImageNet weights are not run.
    """

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    quick: bool = False
    recordings: tuple[str, ...] = ()
    vgg19: str = ""


class Interval(NamedTuple):
    """Of a mean over seeds: 95 % of confidence."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3g} [{self.low:.3g}, {self.high:.3g}]"


class Verdict(NamedTuple):
    """verdict: "supports", "contradicts" or "undecided". sentence: with the numbers that decided. intervals: those numbers."""

    verdict: str
    sentence: str
    intervals: dict[str, Interval]


class Experiment(NamedTuple):
    """claim: its number in the list of the paper's conclusions. measure, judge, draw: see the top of this module."""

    claim: int
    measure: Callable[[Settings], Numbers]
    judge: Callable[[Numbers], Verdict]
    draw: Callable[[Numbers], plt.Figure]

    def described(self) -> dict[str, str]:
        """claim, source, method and rule, from the docstrings, where each is a paragraph that begins with its name."""
        text = f"{inspect.getdoc(self.measure)}\n\n{inspect.getdoc(self.judge)}"
        found = re.findall(
            r"^(Claim|Source|Method|Rule): (.*?)(?=\n\n|\Z)", text, re.DOTALL | re.MULTILINE
        )
        return {name.lower(): " ".join(paragraph.split()) for name, paragraph in found}


# --- statistics


def interval(values: Sequence[float]) -> Interval:
    """Bootstrap interval of a mean by percentiles, widened for few values (Hesterberg, The American Statistician 2015, section 4.4).

    Plain percentiles are too narrow by sqrt((n - 1) / n) and by the normal for Student's t: of five values, 83 % intervals.
    """
    values = np.asarray(values, np.float64)
    count = len(values)
    if count < 2:
        raise ValueError(f"an interval needs at least two values, got {count}.")
    if count <= _EXACT:
        drawn = np.array(list(itertools.product(range(count), repeat=count)))
    else:
        drawn = np.random.default_rng(0).integers(0, count, (_RESAMPLES, count))
    tail = scipy.stats.norm.cdf(np.sqrt(count / (count - 1)) * scipy.stats.t.ppf(0.025, count - 1))
    low, high = np.quantile(np.mean(values[drawn], axis=1), [tail, 1 - tail])
    return Interval(float(np.mean(values)), float(low), float(high))


def per_seed(rows: Sequence[Mapping[str, Any]], name: str, **where: Any) -> np.ndarray:
    """The mean of a number over each seed's rows that have the values given: [seeds], in the order of the seeds."""
    chosen = [row for row in rows if all(row[field] == value for field, value in where.items())]
    seeds = sorted({row["seed"] for row in rows})
    by_seed = [[row[name] for row in chosen if row["seed"] == seed] for seed in seeds]
    if not all(by_seed):
        raise ValueError(
            f"no row of some seed has {', '.join(f'{field}={value}' for field, value in where.items())}."
        )
    return np.array([np.mean(values) for values in by_seed])


def distinct(rows: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    """The values that a field has, in the order they come in."""
    return list(dict.fromkeys(row[name] for row in rows))


def explained_variance(truth: Sequence[float], estimate: Sequence[float]) -> float:
    """Share of the truth's variance that a straight line through the estimate explains, adjusted: 0 on average where there is none of it."""
    truth, estimate = (
        np.asarray(values, np.float64) - np.mean(values) for values in (truth, estimate)
    )
    sizes = np.sum(truth**2) * np.sum(estimate**2)
    share = np.sum(truth * estimate) ** 2 / sizes if sizes > 0 else 0.0
    return float(1 - (1 - share) * (len(truth) - 1) / (len(truth) - 2))


def decided(*, supports: bool, contradicts: bool) -> str:
    """The word for a verdict; undecided where neither rule, or each for another number, is met."""
    return "undecided" if supports == contradicts else "supports" if supports else "contradicts"


# --- sounds


def procedural(
    sound: Callable[..., np.ndarray], seed: int, seconds: float, **parameters: float
) -> np.ndarray:
    """A sound of sounds.py, [N] at RATE; another seed is another recording of the same."""
    return sound(jax.random.key(seed), seconds, RATE, **parameters)


def recorded(settings: Settings, seed: int, count: int, seconds: float) -> dict[str, np.ndarray]:
    """Stretches of so many recordings, name -> wave [N] at RATE, others for other seeds; those that cannot be read, are too short, or are silent for long, are passed over."""
    found = {}
    for index in np.random.default_rng(seed).permutation(len(settings.recordings)):
        if len(found) == count:
            break
        path = settings.recordings[index]
        try:
            wave, rate = audio.read(path, seconds=max(2 * seconds, 5.0))
        except ValueError:
            continue
        wave = audio.resample(audio.with_channels(wave, 1)[0], rate, RATE)[: round(seconds * RATE)]
        # Data sets fill up short clips with zeros: a quarter without any sound is no texture.
        quarters = np.array_split(wave, 4)
        if len(wave) == round(seconds * RATE) and all(
            audio.rms(part) > max(audio.SILENCE, 0.01 * audio.rms(wave)) for part in quarters
        ):
            found["/".join(path.split("/")[-2:])] = (
                wave * np.float32(sounds.LEVEL / audio.rms(wave))
            ).astype(np.float32)
    return found


def on_scale(wave: np.ndarray, scale: str) -> jax.Array:
    """A wave [N] at RATE as a compressed spectrogram [T, F] every 16 ms, its rows of one of SCALES: bins, mel bands, the authors' log map, constant Q."""
    if scale == "cqt":
        frames = len(wave) // _HOP
        axis = {
            "sample_rate": RATE,
            "samples": len(wave),
            "bins_per_octave": _PER_OCTAVE,
            "f_min": _LOWEST,
        }
        every = -(-constant_q.plan(**axis).frames // frames)
        plan = constant_q.plan(**axis, frames=every * frames)
        # A row of constant Q has a sinusoid's amplitude, which a window of that length has times a quarter of it.
        magnitude = jnp.abs(constant_q.cqt(wave, plan))[:, plan.first_row : -1] * (_FFT / 4)
        return spectrogram.compress(jnp.mean(magnitude.reshape(frames, every, -1), axis=1))
    magnitude = jnp.abs(spectrogram.stft(wave, n_fft=_FFT, hop_length=_HOP, center=False))
    if scale == "mel":
        return spectrogram.compress(magnitude @ spectrogram.mel_filters(RATE, _FFT, _BANDS))
    bins = spectrogram.compress(magnitude)
    return (
        bins
        if scale == "linear"
        else bins @ constant_q.log_map(_FFT, lowest=round(_LOWEST * _FFT / RATE)).forward
    )


# --- classifiers


def procedural_clips(
    seed: int, per_class: int, front: training.FrontEnd
) -> tuple[list[training.Clip], dict[str, np.ndarray]]:
    """Clips of CLASSES in three folds and their spectrograms by path."""
    clips = [
        training.Clip(f"{name}/{take}", label, 1 + take % 3)
        for label, name in enumerate(CLASSES)
        for take in range(per_class)
    ]
    take_of = lambda clip: 1000 * seed + int(clip.path.split("/")[1])
    waves = {
        clip.path: procedural(sounds.SOUNDS[CLASSES[clip.label]], take_of(clip), front.seconds)
        for clip in clips
    }
    return clips, _spectra(waves, front)


def recorded_clips(
    paths: Sequence[str], seed: int, per_class: int, front: training.FrontEnd
) -> tuple[list[training.Clip], dict[str, np.ndarray]]:
    """The same of recordings: as many of each class, those that cannot be read left out."""
    clips, waves = [], {}
    for label, (_, folds) in enumerate(classes_of(paths).items()):
        for path in np.random.default_rng([seed, label]).permutation(sorted(folds))[:per_class]:
            try:
                waves[str(path)] = training.read_clip(str(path), front)
            except ValueError:
                continue
            clips.append(training.Clip(str(path), label, folds[str(path)]))
    return clips, _spectra(waves, front)


def classes_of(paths: Sequence[str]) -> dict[str, dict[str, int]]:
    """Class -> path -> fold, of folds 1 to 3, for classes that have clips in the first and in another; a clip's folder is its class."""
    found: dict[str, dict[str, int]] = {}
    for path in paths:
        *_, folder, name = path.split("/")
        if name[0] in "123":
            found.setdefault(folder, {})[path] = int(name[0])
    return {
        folder: folds
        for folder, folds in sorted(found.items())
        if 1 in folds.values() and len(set(folds.values())) > 1
    }


def _spectra(waves: Mapping[str, np.ndarray], front: training.FrontEnd) -> dict[str, np.ndarray]:
    return {path: training.make_example(wave, front).spectrogram for path, wave in waves.items()}


def learnt(
    train: training.Trainer,
    clips: Sequence[training.Clip],
    spectra: Mapping[str, np.ndarray],
    settings: training.TrainingSettings,
    seed: int,
) -> tuple[training.TrainState, float]:
    """A classifier of all folds but the first, and its accuracy on the first."""
    for state, rows in training.cross_validate(
        clips,
        np.zeros(len(clips)),
        lambda clip: spectra[clip.path],
        train,
        settings,
        [1],
        seed=seed,
    ):
        pass
    return state, rows[-1]["accuracy"]


# --- networks and runs


def random_gram(kind: str, layer: Layer, key: jax.Array) -> base.Objective:
    """Gram distance of one layer of random filters, of a kind of layer.KINDS, on spectrograms [T, F]."""
    # Flax takes a second to import, which judging and drawing need not wait for.
    from audio_texture import networks

    description = NetworkConfig(kind, (layer,), padding="valid")
    return combinators.of_network(
        networks.build(description).init,
        networks.features(description, ["relu_1"]),
        key,
        losses.gram(),
    )


def distance_of(
    make: Callable[[jax.Array], base.Objective],
) -> Callable[[jax.Array, jax.Array, jax.Array], jax.Array]:
    """(key of the filters, x, y) -> distance of y from the target x, compiled, of the objective that `make` gives for a key."""

    def distance(key, x, y):
        one = make(key)
        return one.distance(one.fit(x), y)[0]

    return jax.jit(distance)


def textures(
    recipe: Recipe | Sequence[Recipe],
    references: Sequence[np.ndarray],
    seeds: Sequence[int],
    *,
    seconds: float | None = None,
) -> np.ndarray:
    """A texture of each reference [N] at RATE, by a recipe, or one each of a single shape, as one batch: [n, samples]. seeds: of the starts, n."""
    seconds = len(references[0]) / RATE if seconds is None else seconds
    recipes = [recipe] * len(references) if isinstance(recipe, Recipe) else recipe
    problems = batch.prepare_batch(
        recipes, [[wave[None]] for wave in references], sample_rate=RATE, seconds=seconds
    )
    keys = jax.vmap(jax.random.key)(np.asarray(seeds, np.uint32))
    return _whole(batch.run_batch(problems, keys)).waves[:, 0]


def transfers(
    recipe: Recipe,
    content: np.ndarray,
    style: np.ndarray,
    seed: int,
    factors: Sequence[Mapping[str, float]] = ({},),
) -> batch.Batch:
    """A content [N] at RATE in a style's texture, as one batch for several factors of the recipe's weights. seed: of the start, the same for all."""
    problem = style_transfer.prepare(recipe, content[None], style[None], sample_rate=RATE)
    problems = [style_transfer.reweighted(problem, **factor) for factor in factors]
    keys = jax.vmap(jax.random.key)(np.full(len(problems), seed, np.uint32))
    return _whole(batch.run_batch(problems, keys))


def inversions(
    recipes: Sequence[Recipe], contents: Sequence[np.ndarray], seeds: Sequence[int]
) -> batch.Batch:
    """Contents [N] at RATE made again by recipes of a single shape without a style, as one batch. seeds: of the starts, n."""
    problems: list[synthesis.Problem] = []
    for recipe, content in zip(recipes, contents, strict=True):
        problems.append(
            style_transfer.prepare(
                recipe,
                content[None],
                content[None],
                sample_rate=RATE,
                like=problems[0] if problems else None,
            )
        )
    return _whole(batch.run_batch(problems, jax.vmap(jax.random.key)(np.asarray(seeds, np.uint32))))


def _whole(batch: batch.Batch) -> batch.Batch:
    """The batch, none of whose runs Ctrl-C cut short: an experiment must not be drawn from those, and ends."""
    if any(outcome.reason == "interrupted" for outcome in batch.outcomes):
        raise KeyboardInterrupt
    return batch


def likeness(candidate: np.ndarray, reference: np.ndarray) -> float:
    """Mean of the four measures of metrics for waves [N] at RATE: 1 is as like as the reference's halves, above is less like."""
    prepared = (
        metrics.preprocess(wave, sample_rate=RATE, rate=RATE) for wave in (candidate, reference)
    )
    return float(np.mean(list(metrics.measure_likeness(*prepared, sample_rate=RATE).values())))


def kept(candidate: np.ndarray, content: np.ndarray) -> float:
    """Mean correlation of onset strength and of loudness of waves [N] at RATE, moment by moment: 1 is all of the content."""
    found = metrics.content_preservation(candidate, content, sample_rate=RATE)
    return float(np.mean([found[measure] for measure in ("onsets_kept", "loudness_kept")]))


# --- figures


def curve(
    panel: plt.Axes, rows: Sequence[Mapping[str, Any]], x: str, y: str, *, label: str, **where: Any
) -> None:
    """Means over seeds against a number that rows have, with their intervals as a band."""
    chosen = [row for row in rows if all(row[field] == value for field, value in where.items())]
    places = sorted(distinct(chosen, x))
    found = np.array([interval(per_seed(chosen, y, **{x: place})) for place in places])
    (line,) = panel.plot(places, found[:, 0], marker="o", markersize=4, label=label)
    panel.fill_between(
        places, found[:, 1], found[:, 2], color=line.get_color(), alpha=0.2, linewidth=0
    )


def bars(axis: plt.Axes, groups: Sequence[str], series: Mapping[str, Sequence[Interval]]) -> None:
    """Bars of means with their intervals: series side by side in each group."""
    width = 0.8 / len(series)
    for number, (label, found) in enumerate(series.items()):
        means, lows, highs = np.array(found).T
        places = np.arange(len(groups)) + (number - (len(series) - 1) / 2) * width
        axis.bar(
            places,
            means,
            0.9 * width,
            yerr=[means - lows, highs - means],
            label=label,
            capsize=3,
            error_kw={"linewidth": 1},
        )
    axis.set_xticks(np.arange(len(groups)), groups)


def octaves(axis: plt.Axes, places: Sequence[float], name: str = "x") -> None:
    """A logarithmic axis with these ticks, written as numbers, and no others."""
    (axis.set_xscale if name == "x" else axis.set_yscale)("log")
    ticks = axis.xaxis if name == "x" else axis.yaxis
    ticks.set_ticks(list(places), [f"{place:.4g}" for place in places])
    ticks.set_ticks([], minor=True)
