"""Claim 6: the same networks with random and with trained weights, and VGG-19 with ImageNet's."""

import dataclasses
import os
import tempfile
from typing import Any, NamedTuple

import jax
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from audio_texture import networks, recipes, sounds, training, weights
from audio_texture.choices import Tap
from audio_texture.config import Recipe
from audio_texture.insights.classifiers import (
    group_by_class,
    procedural_clips,
    recorded_clips,
    train_classifier,
)
from audio_texture.insights.experiment import (
    ExperimentSettings,
    Interval,
    Numbers,
    Verdict,
    decide_verdict,
    describe_factor,
)
from audio_texture.insights.intervals import distinct_values, mean_interval, seed_means
from audio_texture.insights.plots import plot_bars, set_factor_ticks
from audio_texture.insights.references import RATE, make_procedural, read_recordings
from audio_texture.insights.runs import (
    make_inversions,
    make_textures,
    score_content,
    score_likeness,
)
from audio_texture.layer import AUTHORS_LAYERS, Layer, NetworkConfig

FRONT = training.FrontEnd(sample_rate=RATE, n_fft=512, hop_length=128, bands=64, seconds=1.0)
# Filters of each layer: those of launch.train, and fewer. Kernels of 11, as there, take five times
# as long in two dimensions.
FILTERS = {"1-D": (64, 64, 64), "2-D": (18, 36, 72)}
QUICK_FILTERS = {"1-D": (32, 32, 32), "2-D": (8, 16, 16)}
_KERNEL = 5
KINDS = {"1-D": "1d-frequency", "2-D": "2d", "VGG-19": "vgg19-grey"}
# The first and the last layer of each network that is matched.
PLACES = {
    "1-D": {"early": "relu_1", "late": "relu_3"},
    "2-D": {"early": "relu_1", "late": "relu_3"},
    "VGG-19": {"early": "relu1_1", "late": "relu3_1"},
}
_VGG_LAYERS = 5  # to conv3_1
# Octaves of likeness by which textures may differ and still count as equally near.
MARGIN = 0.25
# First seed of the sounds; classifiers learn from lower ones.
_FIRST_SEED = 900


class Case(NamedTuple):
    """A network with its weights.

    Attributes:
      seed: of the weights, and of the runs with them.
      network: one of KINDS.
      weights: "random", "trained" or "ImageNet".
      path: the file of the weights.
    """

    seed: int
    network: str
    weights: str
    path: str

    def fields(self) -> dict[str, Any]:
        """Returns the fields of the case in a row."""
        return {"seed": self.seed, "network": self.network, "weights": self.weights}


def measure(settings: ExperimentSettings) -> Numbers:
    """Measures textures and inversions by networks that differ in their weights alone.

    Claim: Random weights make textures as well as trained ones; training matters for the content
    that a deep layer keeps.

    Source: Huzaifah & Wyse 2019, whose public code has the three kinds of weights; that random ones
    do for textures: Ustyuzhaninov et al. 2016, Ulyanov & Lebedev 2016.

    Method: Textures, by the Gram of the first or of the third layer, and inversions of the third
    layer are made by networks that differ in their weights alone: random ones, and trained ones (of
    VGG-19, ImageNet's). Textures are judged by likeness, inversions by the correlation of onset
    strength and of loudness with the content's.

    Details: A 1-D and a 2-D network of three layers with kernels of 5, at 8 kHz on 64 mel bands,
    are trained to tell six classes of procedural sounds (or the recordings' classes, where there
    are any) apart; every seed has other weights and clips. Textures are of notes, of rain, and of a
    recording where there are any, from the authors' uniform start; likeness is the log2 of the mean
    of the four likeness measures. Inversions are of irregular notes (and the recording), from
    noise, without style; left is the remaining part of the content distance that noise of their
    spectrum has. VGG-19 is treated the same way, at its layers relu1_1 and relu3_1, where a file of
    its ImageNet weights is given, against random weights.
    """
    seconds, evaluations = (1.7, 40) if settings.quick else (3.0, 80)
    texture, inversion = _make_recipes(evaluations)
    numbers: dict[str, Any] = {"textures": [], "contents": []}
    with tempfile.TemporaryDirectory() as folder:
        cases, numbers["accuracies"] = _make_cases(settings, folder)
        for network in distinct_values([case.fields() for case in cases], "network"):
            network_cases = [case for case in cases if case.network == network]
            for place in ("early", "late"):
                runs = _list_runs(settings, network_cases, seconds, irregularity=0.0, rain=True)
                numbers["textures"] += _measure_textures(texture, place, runs)
            runs = _list_runs(settings, network_cases, seconds, irregularity=0.7, rain=False)
            numbers["contents"] += _measure_inversions(inversion, runs)
    return numbers


# A case, the name of a sound, and its wave [N] at RATE.
Run = tuple[Case, str, np.ndarray]


def _make_recipes(evaluations: int) -> tuple[Recipe, Recipe]:
    """Returns the recipes of textures and of inversions."""
    authors = {
        "canvas": "spectrogram",
        "sample_rate": RATE,
        "start": "uniform",
        "bound_weight": 0.0,
        "evaluations": evaluations,
        "phase_start": "spsi",
        "phase_iterations": 50,
        "phase_momentum": 0.99,
    }
    # Distances by other weights have other sizes, so they are divided by the distance of the start.
    # The penalty on bounds is left out: beside it, distances by random weights did not fall.
    texture = recipes.named("paper-1d").replace(normalised_by="start", style_weight=1.0, **authors)
    inversion = recipes.named("mahendran-vedaldi").replace(
        balanced=True,
        content_layers=(),
        variation_weight=0.0,
        power_weight=0.0,
        **authors,
    )
    return texture, inversion


def _list_runs(
    settings: ExperimentSettings,
    cases: list[Case],
    seconds: float,
    *,
    irregularity: float,
    rain: bool,
) -> list[Run]:
    """Returns each case with each sound of its seed: notes, rain if asked for, a recording."""
    runs = []
    for case in cases:
        seed = _FIRST_SEED + 1000 * case.seed
        notes = {"pitch_hz": 350.0, "irregularity": irregularity}
        waves = {"notes": make_procedural(sounds.notes, seed, seconds, **notes)}
        if rain:
            waves["rain"] = make_procedural(sounds.rain, seed, seconds)
        waves |= read_recordings(settings, case.seed, 1, seconds)
        runs += [(case, sound, wave) for sound, wave in waves.items()]
    return runs


def _measure_textures(recipe: Recipe, place: str, runs: list[Run]) -> list[dict[str, Any]]:
    textures = make_textures(
        [_use_weights(recipe, case, place, "late") for case, _, _ in runs],
        [wave for _, _, wave in runs],
        [case.seed for case, _, _ in runs],
    )
    rows = []
    for (case, sound, wave), texture in zip(runs, textures, strict=True):
        likeness = float(np.log2(score_likeness(texture, wave)))
        rows.append({**case.fields(), "layer": place, "sound": sound, "likeness": likeness})
    return rows


def _measure_inversions(recipe: Recipe, runs: list[Run]) -> list[dict[str, Any]]:
    made = make_inversions(
        [_use_weights(recipe, case, "early", "late") for case, _, _ in runs],
        [wave for _, _, wave in runs],
        [case.seed for case, _, _ in runs],
    )
    rows = []
    for (case, sound, wave), result, left in zip(runs, made.waves[:, 0], made.losses, strict=True):
        kept = score_content(result, wave)
        rows.append({**case.fields(), "sound": sound, "kept": kept, "left": float(left)})
    return rows


def _use_weights(recipe: Recipe, case: Case, style: str, content: str) -> Recipe:
    """Returns the recipe with a case's network and weights, and its early or late layers."""
    layers = {
        "style_layers": (Tap(PLACES[case.network][style]),),
        "content_layers": (Tap(PLACES[case.network][content]),),
    }
    return recipes.from_weights(recipe, case.path).replace(**layers)


# --- weights


def _make_cases(
    settings: ExperimentSettings, folder: str
) -> tuple[list[Case], list[dict[str, Any]]]:
    """Writes every network with every kind of weights for every seed.

    Returns the cases, and rows of the accuracy of the networks that are trained here.
    """
    per_class, epochs = (9, 16) if settings.quick else (24, 20)
    training_settings = training.TrainingSettings(
        epochs=epochs, batch=12, learning_rate=3e-3, readout="mean"
    )
    has_classes = len(group_by_class(settings.recordings)) > 1
    clips = {
        seed: recorded_clips(settings.recordings, seed, per_class, FRONT)
        if has_classes
        else procedural_clips(seed, per_class, FRONT)
        for seed in settings.seeds
    }
    classes = 1 + max(clip.label for seed_clips, _ in clips.values() for clip in seed_clips)
    cases, accuracies = [], []
    for name, filters in (QUICK_FILTERS if settings.quick else FILTERS).items():
        config = NetworkConfig(
            KINDS[name],
            tuple(Layer(_KERNEL, 1, 2, count) for count in filters),
            initialisation="uniform",
            channels=FRONT.bands if name == "1-D" else 0,
        )
        trainer = training.make_trainer(config, FRONT, classes, training_settings)
        for seed in settings.seeds:
            state = trainer.init(jax.random.key(seed))
            variables = training.network_variables(state)
            cases.append(_save_case(folder, seed, name, "random", config, variables))
            state, accuracy = train_classifier(trainer, *clips[seed], training_settings, seed)
            variables = training.network_variables(state)
            cases.append(_save_case(folder, seed, name, "trained", config, variables))
            row = {**cases[-1].fields(), "accuracy": accuracy, "chance": 1 / classes}
            accuracies.append(row)
    if settings.vgg19:
        cases += _make_vgg19_cases(settings, folder)
    return cases, accuracies


def _make_vgg19_cases(settings: ExperimentSettings, folder: str) -> list[Case]:
    kind = KINDS["VGG-19"]
    config = NetworkConfig(kind, AUTHORS_LAYERS[kind][:_VGG_LAYERS])
    _, imagenet = weights.load(settings.vgg19)
    cases = []
    for seed in settings.seeds:
        x = np.zeros(FRONT.shape, np.float32)
        drawn = networks.build(config).init(jax.random.key(seed), x)
        params = {name: imagenet["params"][name] for name in drawn["params"]}
        cases.append(_save_case(folder, seed, "VGG-19", "random", config, dict(drawn)))
        variables = {**imagenet, "params": params}
        cases.append(_save_case(folder, seed, "VGG-19", "ImageNet", config, variables))
    return cases


def _save_case(
    folder: str,
    seed: int,
    name: str,
    kind: str,
    config: NetworkConfig,
    variables: dict[str, Any],
) -> Case:
    case = Case(seed, name, kind, os.path.join(folder, f"{name}-{kind}-{seed}.safetensors"))
    weights.save(case.path, config, variables, {"front_end": dataclasses.asdict(FRONT)})
    return case


# --- verdict and figure


def judge(numbers: Numbers) -> Verdict:
    """Judges trained weights against random ones.

    Rule: supports if, in every network, trained weights bring textures nowhere nearer by more than
    a quarter of an octave of likeness, by the lower end of the interval of the difference to random
    weights, and keep more of the content by the whole interval; contradicts if they bring textures
    nearer by more than that anywhere, by the whole interval, or keep less of the content in every
    network, by the whole interval.
    """
    textures, contents = numbers["textures"], numbers["contents"]
    likeness, kept = {}, {}
    for network in distinct_values(textures, "network"):
        for place in ("early", "late"):
            gap = _training_gap(textures, "likeness", network=network, layer=place)
            likeness[f"{network}, {place} layer"] = gap
        kept[network] = _training_gap(contents, "kept", network=network)
    verdict = decide_verdict(
        supports=all(gap.low > -MARGIN for gap in likeness.values())
        and all(gap.low > 0 for gap in kept.values()),
        contradicts=any(gap.high < -MARGIN for gap in likeness.values())
        or all(gap.high < 0 for gap in kept.values()),
    )
    accuracies = ", ".join(
        f"{np.mean(seed_means(numbers['accuracies'], 'accuracy', network=network)):.2f}"
        for network in distinct_values(numbers["accuracies"], "network")
    )
    sentence = (
        "Distance of textures from the reference, by trained weights compared with random ones: "
        f"{_describe_gaps(likeness, 'farther', 'nearer', log_base=2)}. Content that the late layer "
        f"keeps, trained minus random: {_describe_gaps(kept, 'more', 'less')}. The trained "
        f"networks tell {accuracies} of clips held out "
        f"(chance {numbers['accuracies'][0]['chance']:.2f})."
    )
    if "VGG-19" not in kept:
        sentence += " ImageNet weights were not run: no file of VGG-19 was given."
    intervals = {f"likeness: {name}": gap for name, gap in likeness.items()}
    bases = dict.fromkeys(intervals, 2)
    intervals |= {f"kept: {name}": gap for name, gap in kept.items()}
    return Verdict(verdict, sentence, intervals, bases)


def _describe_gaps(
    gaps: dict[str, Interval], above: str, below: str, *, log_base: float = 0
) -> str:
    """Returns each gap with the word for its sign. log_base: 0 if gaps are not logarithms."""
    parts = []
    for name, gap in gaps.items():
        word = above if gap.low > 0 else below if gap.high < 0 else "no difference shown"
        number = describe_factor(gap, log_base, "as far") if log_base else gap
        parts.append(f"{name} {number} ({word})")
    return "; ".join(parts)


def _trained_weights(network: str) -> str:
    return "ImageNet" if network == "VGG-19" else "trained"


def _training_gap(
    rows: list[dict[str, Any]], name: str, *, network: str, **fields: Any
) -> Interval:
    """Returns the interval of a number by trained weights minus the number by random weights."""
    return mean_interval(
        seed_means(rows, name, network=network, weights=_trained_weights(network), **fields)
        - seed_means(rows, name, network=network, weights="random", **fields)
    )


def draw(numbers: Numbers) -> Figure:
    """Draws likeness by network and layer, and content kept by network, by kind of weights."""
    textures, contents = numbers["textures"], numbers["contents"]
    names = distinct_values(textures, "network")
    figure, panels = plt.subplots(
        1, 2, figsize=(11, 4.4), layout="constrained", width_ratios=(2, 1)
    )
    trained = "trained weights" + (" (VGG-19: ImageNet)" if "VGG-19" in names else "")
    cases = [(network, place) for network in names for place in ("early", "late")]
    likeness, kept = {}, {}
    for label, is_random in (("random weights", True), (trained, False)):
        kinds = {name: "random" if is_random else _trained_weights(name) for name in names}
        likeness[label] = [
            mean_interval(
                seed_means(textures, "likeness", network=name, layer=place, weights=kinds[name])
            )
            for name, place in cases
        ]
        kept[label] = [
            mean_interval(seed_means(contents, "kept", network=name, weights=kinds[name]))
            for name in names
        ]
    plot_bars(panels[0], [f"{name}\n{place} layer" for name, place in cases], likeness)
    panels[0].set(
        ylabel="distance from the reference\n(1: its halves to each other; lower is nearer)",
        title="textures by the Gram of one layer",
    )
    plot_bars(panels[1], names, kept)
    panels[1].set(
        ylabel="kept of the content\n(correlation of onsets and loudness; 1: all)",
        title="inversion of the late layer",
    )
    for panel in panels:
        panel.axhline(0, color="black", linewidth=0.8)
    set_factor_ticks(panels[0], 2)
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=2,
        fontsize="small",
    )
    return figure
