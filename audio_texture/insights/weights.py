"""Claim 5: the same networks with random and with trained weights, and VGG-19 with those of ImageNet: where training matters."""

import dataclasses
import os
import tempfile
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np

from audio_texture import recipes, sounds, training
from audio_texture.choices import Tap
from audio_texture.config import Recipe
from audio_texture.insights.experiment import (
    RATE,
    Numbers,
    Settings,
    Verdict,
    bars,
    classes_of,
    decided,
    distinct,
    interval,
    inversions,
    kept,
    learnt,
    likeness,
    per_seed,
    procedural,
    procedural_clips,
    recorded,
    recorded_clips,
    textures,
)  # fmt: skip
from audio_texture.layer import AUTHORS_LAYERS, Layer, NetworkConfig

FRONT = training.FrontEnd(sample_rate=RATE, n_fft=512, hop_length=128, bands=64, seconds=1.0)
# Filters of each layer: those of launch.train, and fewer. Kernels of 11, as there, take five times as long in two dimensions.
FILTERS = {"1-D": (64, 64, 64), "2-D": (18, 36, 72)}
QUICK_FILTERS = {"1-D": (32, 32, 32), "2-D": (8, 16, 16)}
_WIDTH = 5
KINDS = {"1-D": "1d-frequency", "2-D": "2d", "VGG-19": "vgg19-grey"}
# The first and the last layer that is looked at.
PLACES = {
    "1-D": {"early": "relu_1", "late": "relu_3"},
    "2-D": {"early": "relu_1", "late": "relu_3"},
    "VGG-19": {"early": "relu1_1", "late": "relu3_1"},
}
_VGG_LAYERS = 5  # to conv3_1
# Octaves of likeness by which textures may differ and still be called as near.
MARGIN = 0.25
# Of seeds of sounds: beyond those that classifiers learn from.
_UNHEARD = 900


class Case(NamedTuple):
    """seed: of the weights, and of the runs with them. network: of KINDS. weights: "random", "trained" or "ImageNet". path: of their file."""

    seed: int
    network: str
    weights: str
    path: str

    def named(self) -> dict[str, Any]:
        """What a row says of its case."""
        return {"seed": self.seed, "network": self.network, "weights": self.weights}


def measure(settings: Settings) -> Numbers:
    """Textures and inversions by networks that differ in their weights alone.

    Claim: Random weights do for textures as well as trained ones; training matters for the content that a deep layer keeps.

    Source: Huzaifah & Wyse 2019, whose public code has the three kinds of weights; that random ones do for textures: Ustyuzhaninov et al. 2016, Ulyanov & Lebedev 2016.

    Method: A 1-D and a 2-D network of three layers with kernels of 5, at 8 kHz on 64 mel bands: with random weights, and trained to tell six classes of procedural sounds (or the
    recordings' classes, where there are any) apart; other weights and other clips for each seed. Textures of notes, of rain, and of a recording where there are any, by the
    Gram of the first or of the third layer alone, from the authors' uniform start, are judged by likeness (mean of the four measures of metrics, as log2).
    Irregular notes (and the recording) are made again, from noise, from the activations of the third layer, without any style; kept is the mean correlation of onset strength
    and of loudness with theirs. Left is what remains of the content distance that noise of their spectrum has. VGG-19 the same way, where a file of its ImageNet weights is given, against random weights, at its layers relu1_1 and relu3_1.
    """
    seconds, evaluations = (1.7, 40) if settings.quick else (3.0, 80)
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
    # Distances in units of the start's, and no penalty on bounds beside them: those of other weights are of other sizes, and beside the penalty those of random ones stood still.
    texture = recipes.named("paper-1d").replace(normalised_by="start", style_weight=1.0, **authors)
    inversion = recipes.named("mahendran-vedaldi").replace(
        balanced=True,
        content_layers=(),
        variation_weight=0.0,
        power_weight=0.0,
        **authors,
    )
    numbers: dict[str, Any] = {"textures": [], "contents": []}
    with tempfile.TemporaryDirectory() as folder:
        cases, numbers["accuracies"] = _cases(settings, folder)
        for network in distinct([case._asdict() for case in cases], "network"):
            chosen = [case for case in cases if case.network == network]
            for place in ("early", "late"):
                runs = [
                    (case, sound, wave)
                    for case in chosen
                    for sound, wave in _references(
                        settings, case.seed, seconds, irregularity=0.0, rain=True
                    ).items()
                ]
                made = textures(
                    [_with(texture, case, place, "late") for case, _, _ in runs],
                    [wave for _, _, wave in runs],
                    [case.seed for case, _, _ in runs],
                )
                numbers["textures"] += [
                    {
                        **case.named(),
                        "layer": place,
                        "sound": sound,
                        "likeness": float(np.log2(likeness(one, wave))),
                    }
                    for (case, sound, wave), one in zip(runs, made, strict=True)
                ]
            runs = [
                (case, sound, wave)
                for case in chosen
                for sound, wave in _references(
                    settings, case.seed, seconds, irregularity=0.7, rain=False
                ).items()
            ]
            made = inversions(
                [_with(inversion, case, "early", "late") for case, _, _ in runs],
                [wave for _, _, wave in runs],
                [case.seed for case, _, _ in runs],
            )
            for (case, sound, wave), one, left in zip(
                runs, made.waves[:, 0], made.losses, strict=True
            ):
                numbers["contents"].append(
                    {**case.named(), "sound": sound, "kept": kept(one, wave), "left": float(left)}
                )
    return numbers


def judge(numbers: Numbers) -> Verdict:
    """Rule: supports if, in every network, trained weights bring textures nowhere nearer by more than a quarter of an octave of likeness, by the lower end of
    the interval of the difference to random weights, and keep more of the content by the whole interval; contradicts if they bring textures nearer by more
    than that anywhere, by the whole interval, or keep less of the content in every network, by the whole interval.
    """
    found, nearer, more = {}, [], []
    for network in distinct(numbers["textures"], "network"):
        for place in ("early", "late"):
            gap = found[f"likeness: {network}, {place} layer"] = _gain(
                numbers["textures"], "likeness", network=network, layer=place
            )
            nearer.append(gap)
        gap = found[f"kept: {network}"] = _gain(numbers["contents"], "kept", network=network)
        more.append(gap)
    word = decided(
        supports=all(gap.low > -MARGIN for gap in nearer) and all(gap.low > 0 for gap in more),
        contradicts=any(gap.high < -MARGIN for gap in nearer) or all(gap.high < 0 for gap in more),
    )
    effect = lambda gap, good, bad: (
        good if gap.low > 0 else bad if gap.high < 0 else "no difference shown"
    )
    near = "; ".join(
        f"{name.removeprefix('likeness: ')} {gap} ({effect(gap, 'further', 'nearer')})"
        for name, gap in found.items()
        if name.startswith("likeness")
    )
    kept_more = "; ".join(
        f"{name.removeprefix('kept: ')} {gap} ({effect(gap, 'more', 'less')})"
        for name, gap in found.items()
        if name.startswith("kept")
    )
    accuracies = ", ".join(
        f"{np.mean(per_seed(numbers['accuracies'], 'accuracy', network=network)):.2f}"
        for network in distinct(numbers["accuracies"], "network")
    )
    learned = f"The trained networks tell {accuracies} of clips that they never heard (chance {numbers['accuracies'][0]['chance']:.2f})."
    imagenet = (
        ""
        if "VGG-19" in distinct(numbers["textures"], "network")
        else " ImageNet weights were not run: no file of VGG-19 was given."
    )
    sentence = f"Trained less random weights, of log2 likeness (below 0 is nearer): {near}; of the content kept by the late layer: {kept_more}. {learned}{imagenet}"
    return Verdict(word, sentence, found)


def draw(numbers: Numbers) -> plt.Figure:
    """Likeness by network and layer, and what of the content is kept by network, with random and with trained weights."""
    rows, contents = numbers["textures"], numbers["contents"]
    names = distinct(rows, "network")
    figure, panels = plt.subplots(
        1, 2, figsize=(11, 4.4), layout="constrained", width_ratios=(2, 1)
    )
    trained = "trained weights" + (" (VGG-19: ImageNet)" if "VGG-19" in names else "")
    weights = {"random weights": lambda network: "random", trained: _trained}
    cases = [(network, place) for network in names for place in ("early", "late")]
    near = {
        label: [
            interval(per_seed(rows, "likeness", network=network, layer=place, weights=of(network)))
            for network, place in cases
        ]
        for label, of in weights.items()
    }
    bars(panels[0], [f"{network}\n{place} layer" for network, place in cases], near)
    panels[0].set(
        ylabel="log2 likeness\n(0: the reference's halves; lower is nearer)",
        title="textures by the Gram of one layer",
    )
    of_content = {
        label: [
            interval(per_seed(contents, "kept", network=network, weights=of(network)))
            for network in names
        ]
        for label, of in weights.items()
    }
    bars(panels[1], names, of_content)
    panels[1].set(
        ylabel="kept of the content\n(correlation of onsets and loudness; 1: all)",
        title="inversion of the late layer",
    )
    for panel in panels:
        panel.axhline(0, color="black", linewidth=0.8)
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=2,
        fontsize="small",
    )
    return figure


def _trained(network: str) -> str:
    return "ImageNet" if network == "VGG-19" else "trained"


def _gain(rows: list[dict[str, Any]], name: str, *, network: str, **where: Any) -> Any:
    """Interval of a number by trained weights less that by random ones."""
    return interval(
        per_seed(rows, name, network=network, weights=_trained(network), **where)
        - per_seed(rows, name, network=network, weights="random", **where)
    )


def _with(recipe: Recipe, case: Case, style: str, content: str) -> Recipe:
    """The recipe with a case's network and weights, and the layers, early or late, that are matched."""
    layers = {
        "style_layers": (Tap(PLACES[case.network][style]),),
        "content_layers": (Tap(PLACES[case.network][content]),),
    }
    return recipes.from_weights(recipe, case.path).replace(**layers)


def _references(
    settings: Settings, seed: int, seconds: float, *, irregularity: float, rain: bool
) -> dict[str, np.ndarray]:
    """A seed's sounds, none of which a classifier has heard: notes, rain where it is asked for, and a recording where there are any."""
    heard = _UNHEARD + 1000 * seed
    found = {
        "notes": procedural(sounds.notes, heard, seconds, pitch_hz=350.0, irregularity=irregularity)
    }
    if rain:
        found["rain"] = procedural(sounds.rain, heard, seconds)
    return found | recorded(settings, seed, 1, seconds)


def _cases(settings: Settings, folder: str) -> tuple[list[Case], list[dict[str, Any]]]:
    """Every network with every kind of weights for every seed, as files in the folder; and the accuracy of those that were trained here."""
    import jax

    from audio_texture import networks, weights

    per_class, epochs = (9, 16) if settings.quick else (24, 20)
    learning = training.TrainingSettings(
        epochs=epochs, batch=12, learning_rate=3e-3, readout="mean"
    )
    real = len(classes_of(settings.recordings)) > 1
    clips = {
        seed: recorded_clips(settings.recordings, seed, per_class, FRONT)
        if real
        else procedural_clips(seed, per_class, FRONT)
        for seed in settings.seeds
    }
    classes = 1 + max(clip.label for each, _ in clips.values() for clip in each)
    cases, accuracies = [], []

    def add(seed, network, kind, description, variables):
        case = Case(
            seed, network, kind, os.path.join(folder, f"{network}-{kind}-{seed}.safetensors")
        )
        weights.save(case.path, description, variables, {"front_end": dataclasses.asdict(FRONT)})
        cases.append(case)

    for network, filters in (QUICK_FILTERS if settings.quick else FILTERS).items():
        layers = tuple(Layer(_WIDTH, 1, 2, count) for count in filters)
        description = NetworkConfig(
            KINDS[network],
            layers,
            initialisation="uniform",
            channels=FRONT.bands if network == "1-D" else 0,
        )
        train = training.make_trainer(description, FRONT, classes, learning)
        for seed in settings.seeds:
            add(
                seed,
                network,
                "random",
                description,
                training.network_variables(train.init(jax.random.key(seed))),
            )
            state, accuracy = learnt(train, *clips[seed], learning, seed)
            add(seed, network, "trained", description, training.network_variables(state))
            accuracies.append({**cases[-1].named(), "accuracy": accuracy, "chance": 1 / classes})
    if settings.vgg19:
        description = NetworkConfig(KINDS["VGG-19"], AUTHORS_LAYERS[KINDS["VGG-19"]][:_VGG_LAYERS])
        _, given = weights.load(settings.vgg19)
        for seed in settings.seeds:
            drawn = networks.build(description).init(
                jax.random.key(seed), np.zeros(FRONT.shape, np.float32)
            )
            add(seed, "VGG-19", "random", description, drawn)
            add(
                seed,
                "VGG-19",
                "ImageNet",
                description,
                {**given, "params": {name: given["params"][name] for name in drawn["params"]}},
            )
    return cases, accuracies
