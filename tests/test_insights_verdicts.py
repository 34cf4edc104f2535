"""The rule and the figure of every experiment, on made-up numbers with a known verdict."""

import re
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from made_up import made_up_ratios

from audio_texture import insights
from audio_texture.insights import (
    filters,
    inversion,
    networks,
    permutation,
    phases,
    plots,
    receptive_field,
    references,
    shifts,
    transposition,
    weights,
)

SEEDS = range(5)


def _permuted(gram, rhythm):
    shares = {"gram 3": gram, "gram 11": 0.5, "rhythm": rhythm}
    return {
        "hop_ms": 8.0,
        "rows": [
            {
                "seed": s,
                "sound": "clock",
                "distance": what,
                "block": block,
                "share": share + 0.01 * s,
            }
            for s in SEEDS
            for what, share in shares.items()
            for block in permutation.BLOCKS
        ],
    }


def _carried(pitch, rhythm):
    explained = {"pitch": pitch, "envelope": 0.8, "onset rate": 0.4, "rhythm": rhythm}
    rows = [
        {
            "seed": s,
            "from": what,
            "property": name,
            "explained": (value if what == "their textures" else 0.9) + 0.01 * s,
        }
        for s in SEEDS
        for what in ("the notes themselves", "their textures")
        for name, value in explained.items()
    ]
    values = {"pitch": 9.0, "envelope": 3.0, "onset rate": 2.0, "rhythm": 0.5}
    return {
        "rows": rows,
        "kernel_ms": 56,
        "sounds": [
            {"seed": s, "truth": values, "the notes themselves": values, "their textures": values}
            for s in SEEDS
        ],
    }


def _knees(knee, spread=0.02):
    def kept(ratio, seed):
        seed_knee = knee * 2 ** (spread * (seed - 2))
        return float(1 / (1 + np.exp(-8 * np.log2(ratio / seed_knee))))

    cases = [
        (s, f, r, name)
        for s in SEEDS
        for f in (112, 208)
        for r in receptive_field.RATIOS
        for name in ("clock", "crickets")
    ]
    return {
        "rows": [
            {"seed": s, "field_ms": f, "ratio": r, "sound": name, "own": 0.9, "kept": kept(r, s)}
            for s, f, r, name in cases
        ]
    }


def _filters(power, few):
    noise = np.random.default_rng(0).normal(1, 0.02, (5, 4))
    rows = [
        {"seed": s, "filters": c, "error": float(2 * c**power * noise[s, i])}
        for s in SEEDS
        for i, c in enumerate((16, 64, 256, 1024))
    ]
    textures = [
        {"seed": s, "filters": c, "distance": -1 + d + 0.01 * s * (c > 0), "likeness": 1.0 + d}
        for s in SEEDS
        for c, d in ((16, few), (1024, -0.02), (filters.INFINITE, 0.0))
    ]
    return {"rows": rows, "textures": textures}


def _networks(less, filters_less):
    levels = dict(zip(networks.NETWORKS, (2 + less, 2 + filters_less, 2.0), strict=True))
    return {
        "rows": [
            {
                "seed": s,
                "sound": "notes",
                "network": name,
                "likeness": level + 0.01 * s * (name == "2-D"),
                "spectrum_db": 3.0,
                "harmonic": -0.2,
            }
            for s in SEEDS
            for name, level in levels.items()
        ]
    }


def _shifts(time, frequency):
    rows = [
        {
            "seed": s,
            "sounds": "procedural",
            "axis": axis,
            "share": share,
            "accuracy": 0.9 - (fall + 0.01 * s) * share,
            "chance": 0.2,
        }
        for s in SEEDS
        for axis, fall in (("time", time), ("frequency", frequency))
        for share in shifts.SHARES
    ]
    features = [
        {"seed": s, "network": kind, "scale": scale, "axis": axis, "distance": -1.0 - s}
        for s in SEEDS
        for kind in shifts.KINDS
        for scale in references.SCALES
        for axis in ("time", "frequency")
    ]
    return {"rows": rows, "features": [*features]}


def _transposed(short, tall):
    gains = {
        ("2d", 11): short,
        ("2d", 48): tall,
        ("1d-time", 11): short,
        ("1d-time", 48): tall,
        ("1d-frequency", 11): 0.0,
    }
    cases = [
        (s, scale, kind, h, n)
        for s in SEEDS
        for scale in transposition.AXES
        for kind, h in gains
        for n in (3, 12)
    ]
    return {
        "rows": [
            {
                "seed": s,
                "scale": scale,
                "network": kind,
                "height": h,
                "semitones": n,
                "distance": 1.0 + (gains[kind, h] + 0.01 * s) * (scale == "cqt"),
            }
            for s, scale, kind, h, n in cases
        ]
    }


def _phases(canvas):
    levels = {way: 1.0 for way in phases.WAYS} | {phases.CANVAS: canvas, "SPSI": 1.5}
    return {
        "rows": [
            {
                "seed": s,
                "sound": "rain",
                "way": way,
                "likeness": levels[way] + 0.01 * s * (way == phases.CANVAS),
                **({} if way == phases.CANVAS else {"convergence": -20.0}),
            }
            for s in SEEDS
            for way in phases.WAYS
        ]
    }


def _starts(by_start, by_term):
    level = {
        ("the content", 0.0): by_start,
        ("noise", 1.0): by_term,
        ("noise", 0.0): 0.0,
        ("the content", 1.0): 0.9,
    }
    return {
        "rows": [
            {
                "seed": s,
                "content": "notes",
                "start": start,
                "weight": weight,
                "kept": kept + 0.01 * s * (start == "noise"),
                "likeness": 0.2,
            }
            for s in SEEDS
            for (start, weight), kept in level.items()
        ]
    }


def _inverted(pitch, rhythm, left):
    levels = {"pitch": pitch, "rhythm": rhythm, "timbre": 0.9, "left": left}
    return {
        "rows": [
            {
                "seed": s,
                "layer": layer,
                **{name: value * (1 + 0.02 * s) for name, value in levels.items()},
            }
            for s in SEEDS
            for layer in inversion.LAYERS
        ]
    }


def _weighted(nearer, kept, vgg=()):
    """Numbers where trained weights are nearer by octaves of likeness and keep more content."""
    cases = [
        (s, network, kind)
        for s in SEEDS
        for network in ("1-D", "2-D", *vgg)
        for kind in ("random", weights._trained_weights(network))
    ]
    rows = [
        {
            "seed": s,
            "network": n,
            "weights": k,
            "layer": place,
            "sound": "rain",
            "likeness": 1.0 - (nearer + 0.01 * s) * (k != "random"),
        }
        for s, n, k in cases
        for place in ("early", "late")
    ]
    contents = [
        {
            "seed": s,
            "network": n,
            "weights": k,
            "sound": "notes",
            "kept": 0.4 + (kept + 0.01 * s) * (k != "random"),
            "left": 0.1,
        }
        for s, n, k in cases
    ]
    return {
        "textures": rows,
        "contents": contents,
        "accuracies": [
            {"seed": s, "network": n, "weights": "trained", "accuracy": 0.9, "chance": 1 / 6}
            for s in SEEDS
            for n in ("1-D", "2-D")
        ],
    }


MADE_UP = {
    "orders": {
        "supports": made_up_ratios(0.0, 0.0),
        "contradicts": made_up_ratios(1.0, 0.0),
        "undecided": made_up_ratios(1.0, 1.0),
    },
    "weights": {
        "supports": _weighted(0.1, 0.3),
        "contradicts": _weighted(0.5, 0.3),
        "undecided": _weighted(0.1, -0.02),
    },
    "starts": {
        "supports": _starts(0.8, 0.2),
        "contradicts": _starts(0.2, 0.8),
        "undecided": _starts(0.52, 0.5),
    },
    "inversion": {
        "supports": _inverted(0.8, 0.8, 1e-2),
        "contradicts": _inverted(0.8, 0.1, 1e-6),
        "undecided": _inverted(0.8, 0.1, 1e-2),
    },
    "permutation": {
        "supports": _permuted(0.03, 1.2),
        "contradicts": _permuted(0.7, 1.2),
        "undecided": _permuted(0.03, 0.45),
    },
    "carried": {
        "supports": _carried(0.85, 0.05),
        "contradicts": _carried(0.85, 0.8),
        "undecided": _carried(0.44, 0.05),
    },
    "receptive-field": {
        "supports": _knees(1.1),
        "contradicts": _knees(0.4),
        "undecided": _knees(1.0, spread=0.9),
    },
    "filters": {
        "supports": _filters(-0.5, 1.0),
        "contradicts": _filters(-0.1, 1.0),
        "undecided": _filters(-0.5, -0.02),
    },
    "networks": {
        "supports": _networks(-1.0, -0.5),
        "contradicts": _networks(1.0, 0.5),
        "undecided": _networks(-1.0, 0.5),
    },
    "shifts": {
        "supports": _shifts(0.1, 1.0),
        "contradicts": _shifts(1.0, 0.1),
        "undecided": _shifts(0.5, 0.5),
    },
    "transposition": {
        "supports": _transposed(-1.0, -2.0),
        "contradicts": _transposed(3.0, 1.0),
        "undecided": _transposed(3.0, -1.0),
    },
    "phases": {"supports": _phases(0.5), "contradicts": _phases(1.3), "undecided": _phases(0.98)},
}


@pytest.mark.parametrize("name", insights.CLAIMS)
def test_rules_and_figures(name):
    """The numbers give the verdict, the sentence holds them, the figure names its axes."""
    experiment = insights.load_experiment(name)
    for expected, numbers in MADE_UP[name].items():
        verdict = experiment.judge(numbers)
        assert verdict.verdict == expected, verdict.sentence
        assert verdict.intervals and all(
            low <= mean <= high for mean, low, high in verdict.intervals.values()
        )
        shown = {
            name: interval.to_factors(verdict.log_bases[name])
            if name in verdict.log_bases
            else interval
            for name, interval in verdict.intervals.items()
        }
        assert any(
            f"{interval.mean:.2f}" in verdict.sentence or interval.ends in verdict.sentence
            for interval in shown.values()
        )
        assert not re.search(r"\blog|\^|\de[-+]\d", verdict.sentence), verdict.sentence
    drawn = experiment.draw(MADE_UP[name]["supports"])
    assert all(axis.get_xlabel() or axis.get_xticklabels() for axis in drawn.axes) and any(
        axis.get_ylabel() for axis in drawn.axes
    )
    for axis in drawn.axes:
        texts = [text.get_text() for text in (*axis.get_xticklabels(), *axis.get_yticklabels())]
        words = f"{axis.get_title()} {axis.get_xlabel()} {axis.get_ylabel()} {' '.join(texts)}"
        assert not re.search(r"\blog\d|\^", words), words
    plt.close(drawn)


def test_factors_are_the_powers_of_what_was_measured():
    """Catches a base that does not fit, such as 10 for octaves."""
    sentence = filters.judge(_filters(-0.5, 1.43)).sentence
    assert "half the error of distances" in sentence and "28.2 times as far [" in sentence
    sentence = networks.judge(_networks(-1.0, 1.0)).sentence
    assert "half as far from the reference [" in sentence
    assert "1.97 times as far from the reference [" in sentence
    figure, axis = plt.subplots()
    axis.plot([0, 1], [-1.1, 2.1])
    plots.set_factor_ticks(axis, 2)
    labels = [text.get_text() for text in axis.get_yticklabels()]
    assert labels == ["0.5", "1", "2"] and list(axis.get_yticks()) == [-1, 0, 1]
    plt.close(figure)


def test_imagenet_weights_count_where_they_are_run():
    """Else the sentence says that they are missing; less content kept everywhere contradicts."""
    absent, present = (weights.judge(_weighted(0.1, 0.3, vgg)) for vgg in ((), ("VGG-19",)))
    assert "ImageNet weights were not run" in absent.sentence and "ImageNet" not in present.sentence
    assert present.intervals.keys() - absent.intervals.keys() == {
        "likeness: VGG-19, early layer",
        "likeness: VGG-19, late layer",
        "kept: VGG-19",
    }
    assert weights.judge(_weighted(0.1, -0.3)).verdict == "contradicts"
    drawn = weights.draw(_weighted(0.1, 0.3, ("VGG-19",)))
    assert "trained weights (VGG-19: ImageNet)" in [
        text.get_text() for text in drawn.legends[0].get_texts()
    ]
    plt.close(drawn)


@pytest.mark.parametrize("name", insights.CLAIMS)
def test_every_claim_is_stated(name):
    description = insights.load_experiment(name).describe()
    assert list(description) == ["claim", "source", "method", "rule"] and all(
        len(text) > 8 for text in description.values()
    )
    assert description["rule"].startswith(("supports", "at", "a property"))
    assert len(re.findall(r"[.!?](?= |$)", description["method"])) == 2, description["method"]


def test_no_two_claims_have_one_number():
    """Nor does an experiment call itself another number than the pages do."""
    assert list(insights.CLAIMS.values()) == list(range(1, len(insights.CLAIMS) + 1))
    for name, number in insights.CLAIMS.items():
        module = sys.modules[insights.load_experiment(name).judge.__module__]
        assert re.match(rf"Claim {number}[:,]", module.__doc__), name


def test_knee_comes_out_of_the_numbers():
    """A knee beyond the range is the end of the range."""
    knee = receptive_field._find_knee(_knees(1.19, spread=0.0)["rows"], 112)
    assert knee.mean == pytest.approx(1.19, abs=0.02) and knee.low == pytest.approx(knee.high)
    assert receptive_field._find_knee(_knees(9.0, spread=0.0)["rows"], 112).mean == pytest.approx(
        receptive_field.RATIOS[-1]
    )
