"""The experiments: their statistics and estimates against known truth, their rules on numbers made up for every verdict, and one in full."""

import os
import signal

import jax
import matplotlib.pyplot as plt
import numpy as np
import pytest
import scipy.stats

import audio_texture.networks
import audio_texture.weights
from audio_texture import batch, insights, sounds, synthesis, training
from audio_texture.insights import (
    carried,
    experiment,
    filters,
    inversion,
    networks,
    permutation,
    phases,
    receptive_field,
    shifts,
    transposition,
    weights,
)
from audio_texture.layer import AUTHORS_LAYERS, NetworkConfig

SEEDS = range(5)


# --- statistics


def test_intervals_hold_what_they_promise():
    """Plain percentiles of five values hold the mean in 83 % of draws; the least and largest alone would be too wide."""
    draws = np.random.default_rng(0).standard_normal((400, 5))
    found = [experiment.interval(values) for values in draws]
    assert 0.9 < np.mean([low <= 0 <= high for _, low, high in found]) < 0.99
    widths = np.mean([high - low for _, low, high in found])
    student = np.mean(2 * scipy.stats.t.ppf(0.975, 4) * np.std(draws, axis=1, ddof=1) / np.sqrt(5))
    assert 0.65 * student < widths < 1.1 * student
    many = experiment.interval(draws[:, 0])
    assert many == experiment.interval(draws[:, 0])
    np.testing.assert_allclose(
        many,
        [
            draws[:, 0].mean(),
            *scipy.stats.bootstrap(
                (draws[:, 0],), np.mean, method="percentile"
            ).confidence_interval,
        ],
        atol=0.02,
    )
    with pytest.raises(ValueError, match="at least two values, got 1"):
        experiment.interval([1.0])


def test_explained_variance():
    """The share of a least-squares line, whatever the estimate's unit; none on average where there is nothing to explain."""
    rng = np.random.default_rng(0)
    truth = rng.standard_normal(12)
    assert experiment.explained_variance(truth, 3 - 2 * truth) == pytest.approx(1)
    estimate = truth + rng.standard_normal(12)
    residual = truth - np.polyval(np.polyfit(estimate, truth, 1), estimate)
    assert experiment.explained_variance(truth, estimate) == pytest.approx(
        1 - (np.sum(residual**2) / 10) / (np.sum((truth - truth.mean()) ** 2) / 11)
    )
    assert (
        abs(
            np.mean(
                [experiment.explained_variance(truth, rng.standard_normal(12)) for _ in range(500)]
            )
        )
        < 0.02
    )
    assert experiment.explained_variance(truth, np.ones(12)) <= 0


def test_rows_by_seed():
    rows = [
        {"seed": seed, "kind": kind, "value": seed + 10 * (kind == "b")}
        for seed in (1, 0)
        for kind in "abb"
    ]
    assert experiment.per_seed(rows, "value", kind="b").tolist() == [10, 11]
    with pytest.raises(ValueError, match="kind=c"):
        experiment.per_seed(rows, "value", kind="c")
    assert [
        experiment.decided(supports=a, contradicts=b)
        for a, b in ((True, False), (False, True), (False, False), (True, True))
    ] == ["supports", "contradicts", "undecided", "undecided"]


# --- known truth


def test_notes_are_what_they_are_said_to_be():
    """The probe's numbers are found again in its sound by the experiments' own estimates."""
    for pitch_hz, rate in ((230.0, 3.0), (610.0, 5.0)):
        wave = experiment.procedural(sounds.notes, 3, 6.0, pitch_hz=pitch_hz, notes_per_second=rate)
        assert carried.pitch(wave) == pytest.approx(np.log2(pitch_hz), abs=0.02)
        assert carried.onset_rate(wave) == pytest.approx(np.log2(rate), abs=0.2)
        assert carried.regularity(wave) < 0.1
        assert (
            receptive_field.regularity(wave, 1 / rate)
            > 0.6
            > 0.3
            > receptive_field.regularity(wave, 0.6 / rate)
        )
    assert (
        carried.regularity(
            experiment.procedural(sounds.notes, 3, 6.0, notes_per_second=3.0, irregularity=1.0)
        )
        > 0.5
    )
    bright, dark = (
        carried.envelope(experiment.procedural(sounds.notes, 3, 2.0, tilt_db=tilt))
        for tilt in (2.0, 8.0)
    )
    assert dark - bright == pytest.approx(6.0, abs=1.5)
    high = experiment.procedural(sounds.notes, 3, 6.0, pitch_hz=500.0)
    low = experiment.procedural(sounds.notes, 3, 6.0, pitch_hz=250.0, tilt_db=2.0)
    assert len(carried._onsets(high)) == len(carried._onsets(low))
    assert np.max(np.abs(carried._onsets(high) - carried._onsets(low))) < 0.02
    assert (
        networks.harmonic_share(
            experiment.procedural(sounds.notes, 0, 1.0, pitch_hz=networks.PITCH)
        )
        > 0.9
        > 0.5
        > networks.harmonic_share(experiment.procedural(sounds.rain, 0, 1.0))
    )
    with pytest.raises(ValueError, match="irregularity=1.5 from 0 to 1"):
        experiment.procedural(sounds.notes, 0, 1.0, irregularity=1.5)


def test_an_octave_is_so_many_rows():
    """A transposition shifts a constant-Q spectrogram by rows, and a linear one by no number of them."""
    low, high = (
        experiment.procedural(sounds.notes, 0, 1.0, pitch_hz=pitch_hz, harmonics=4, decay_s=0.15)
        for pitch_hz in (200.0, 400.0)
    )
    profile = lambda wave, scale: np.asarray(experiment.on_scale(wave, scale)).mean(axis=0)
    found = [
        np.corrcoef(
            profile(low, "cqt")[: -24 - shift],
            profile(high, "cqt")[24 : len(profile(high, "cqt")) - shift],
        )[0, 1]
        for shift in range(8)
    ]
    assert found[0] > 0.9
    shapes = {scale: experiment.on_scale(low, scale).shape for scale in experiment.SCALES}
    assert (
        {frames for frames, _ in shapes.values()} <= {59, 62}
        and shapes["mel"][1] == 64
        and shapes["linear"][1] == 257
    )
    linear = [
        np.corrcoef(profile(low, "linear")[: 257 - by], profile(high, "linear")[by:])[0, 1]
        for by in range(1, 60)
    ]
    assert max(linear) < found[0]


def test_shifted_brings_in_silence():
    x = np.arange(1, 25).reshape(4, 6)
    np.testing.assert_array_equal(
        shifts.shifted(x, 0.5, 0), np.concatenate([np.zeros((2, 6)), x[:2]])
    )
    np.testing.assert_array_equal(
        shifts.shifted(x, -0.5, 1), np.concatenate([x[:, 3:], np.zeros((4, 3))], axis=1)
    )
    np.testing.assert_array_equal(shifts.shifted(x, 0.0, 1), x)


def test_recordings_differ_by_seed_and_are_sound(esc10):
    paths = tuple(sorted(map(str, esc10.glob("rain/*.ogg")))[:12])
    settings = experiment.Settings(recordings=paths)
    one, again, other = (experiment.recorded(settings, seed, 2, 0.5) for seed in (0, 0, 1))
    assert len(one) == 2 and one.keys() == again.keys() != other.keys()
    assert all(
        wave.shape == (4000,) and np.sqrt(np.mean(wave**2)) == pytest.approx(sounds.LEVEL, rel=1e-3)
        for wave in one.values()
    )
    assert experiment.recorded(experiment.Settings(), 0, 2, 0.5) == {}


def test_recordings_that_cannot_be_read_are_passed_over(tmp_path):
    (tmp_path / "1-no-sound.wav").write_text("no sound")
    assert (
        experiment.recorded(
            experiment.Settings(recordings=(str(tmp_path / "1-no-sound.wav"),)), 0, 1, 0.5
        )
        == {}
    )
    paths = ["rain/1-a.wav", "rain/2-a.wav", "fire/1-b.wav", "wind/2-c.wav", "wind/4-c.wav"]
    assert experiment.classes_of(paths) == {"rain": {"rain/1-a.wav": 1, "rain/2-a.wav": 2}}


# --- rules and figures: for each figure, numbers of which the verdict is known


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
    one = {"pitch": 9.0, "envelope": 3.0, "onset rate": 2.0, "rhythm": 0.5}
    return {
        "rows": rows,
        "kernel_ms": 56,
        "sounds": [
            {"seed": s, "truth": one, "the notes themselves": one, "their textures": one}
            for s in SEEDS
        ],
    }


def _knees(knee, spread=0.02):
    kept = lambda ratio, seed: float(
        1 / (1 + np.exp(-8 * np.log2(ratio / (knee * 2 ** (spread * (seed - 2))))))
    )
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
    made = [
        {"seed": s, "filters": c, "distance": -1 + d + 0.01 * s * (c > 0), "likeness": 1.0 + d}
        for s in SEEDS
        for c, d in ((16, few), (1024, -0.02), (filters.INFINITE, 0.0))
    ]
    return {"rows": rows, "textures": made}


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
        for scale in experiment.SCALES
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
    level = lambda way: {phases.CANVAS: canvas, "SPSI": 1.5}.get(way, 1.0)
    convergence = lambda way: {} if way == phases.CANVAS else {"convergence": -20.0}
    return {
        "rows": [
            {
                "seed": s,
                "sound": "rain",
                "way": way,
                "likeness": level(way) + 0.01 * s * (way == phases.CANVAS),
                **convergence(way),
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
    """nearer: of trained weights over random ones, in octaves of likeness; kept: how much more."""
    cases = [
        (s, network, kind)
        for s in SEEDS
        for network in ("1-D", "2-D", *vgg)
        for kind in ("random", weights._trained(network))
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


@pytest.mark.parametrize("name", insights.FIGURES)
def test_rules_and_figures(name):
    """Each verdict comes about, its sentence has its numbers, and the figure is drawn from the numbers alone with its axes named."""
    figure = insights.FIGURES[name]
    for expected, numbers in MADE_UP[name].items():
        verdict = figure.judge(numbers)
        assert verdict.verdict == expected, verdict.sentence
        assert verdict.intervals and all(
            low <= mean <= high for mean, low, high in verdict.intervals.values()
        )
        assert any(
            f"{found.mean:.2f}" in verdict.sentence or str(found) in verdict.sentence
            for found in verdict.intervals.values()
        )
    drawn = figure.draw(MADE_UP[name]["supports"])
    assert all(axis.get_xlabel() or axis.get_xticklabels() for axis in drawn.axes) and any(
        axis.get_ylabel() for axis in drawn.axes
    )
    plt.close(drawn)


def test_weights_that_were_not_run_are_told():
    """ImageNet's count where they were run, and the sentence says so where they were not; content kept worse everywhere contradicts."""
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


@pytest.mark.parametrize("name", insights.FIGURES)
def test_every_claim_is_stated(name):
    described = insights.FIGURES[name].described()
    assert list(described) == ["claim", "source", "method", "rule"] and all(
        len(text) > 8 for text in described.values()
    )
    assert described["rule"].startswith(("supports", "at", "a property"))


def test_the_knee_is_found():
    """A knee put into the numbers comes out; one beyond the range is its end."""
    found = receptive_field._knee(_knees(1.19, spread=0.0)["rows"], 112)
    assert found.mean == pytest.approx(1.19, abs=0.02) and found.low == pytest.approx(found.high)
    assert receptive_field._knee(_knees(9.0, spread=0.0)["rows"], 112).mean == pytest.approx(
        receptive_field.RATIOS[-1]
    )


# --- through the library


def test_textures_of_a_batch(monkeypatch):
    """One start a seed: the same for the same, another for another; Ctrl-C ends the batch at once, and no texture of it is judged."""
    reference = experiment.procedural(sounds.notes, 0, 0.5)
    recipe = networks.recipe_of("1d-frequency", 4, 3)
    made = experiment.textures(recipe, [reference] * 3, [0, 1, 0])
    assert made.shape == (3, 4000) and np.all(np.isfinite(made))
    np.testing.assert_array_equal(made[0], made[2])
    assert np.max(np.abs(made[0] - made[1])) > 0.01

    finish = experiment.synthesis.run_batch
    once = iter([True])
    interrupt = lambda rows: os.kill(os.getpid(), signal.SIGINT) if next(once, False) else None
    long = recipe.replace(evaluations=10_000)
    monkeypatch.setattr(
        experiment.synthesis, "run_batch", lambda *arguments: finish(*arguments, on_chunk=interrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        experiment.textures(long, [reference] * 3, [0, 1, 2])


@pytest.mark.slow
def test_permuted_frames_end_to_end():
    """The same seeds give the same numbers; at one block for each frame all order is gone, with the Gram's own number 1."""
    settings = experiment.Settings(seeds=(0, 1), quick=True)
    numbers = permutation.measure(settings)
    assert numbers == permutation.measure(settings)
    assert len(numbers["rows"]) == 2 * 3 * 3 * len(permutation.BLOCKS)
    assert np.all(experiment.per_seed(numbers["rows"], "share", block=1, distance="gram 3") == 1)
    assert np.all(
        experiment.per_seed(numbers["rows"], "share", block=permutation.JUDGED, distance="gram 3")
        < 0.2
    )


@pytest.mark.long
def test_weights_end_to_end(monkeypatch):
    """Every case once: random and trained files of one network; training is learnt from, other weights keep other things, as does another seed. Textures, tested above, are their references here."""
    asked = []
    monkeypatch.setattr(weights, "QUICK_FILTERS", {"1-D": (6, 6, 6)})
    monkeypatch.setattr(
        weights,
        "textures",
        lambda recipes, references, seeds: (
            asked.append((recipes, list(seeds))) or np.stack(references)
        ),
    )
    numbers = weights.measure(experiment.Settings(seeds=(0, 1), quick=True))
    files = [recipe.network.weights_file for recipe in asked[0][0]]
    assert (
        len(files) == 8
        and len(set(files)) == 4
        and all(seeds == [0, 0, 0, 0, 1, 1, 1, 1] for _, seeds in asked)
    )
    assert [
        {tap.name for recipe in recipes for tap in recipe.term("style").layers}
        for recipes, _ in asked
    ] == [{"relu_1"}, {"relu_3"}]
    assert [tuple(row.values())[:5] for row in numbers["textures"]] == [
        (s, "1-D", kind, place, sound)
        for place in ("early", "late")
        for s in (0, 1)
        for kind in ("random", "trained")
        for sound in ("notes", "rain")
    ]
    assert len({row["kept"] for row in numbers["contents"]}) == 4 and all(
        0 < row["left"] < 1 for row in numbers["contents"]
    )
    assert all(row["accuracy"] > 0.5 > row["chance"] for row in numbers["accuracies"])
    assert weights.judge(numbers).intervals.keys() == {
        "likeness: 1-D, early layer",
        "likeness: 1-D, late layer",
        "kept: 1-D",
    }


def test_imagenet_weights_share_the_random_ones_program(monkeypatch):
    """Catches a whole VGG-19 beside a cut one; of two layers here. Its weights are those of the file, the random ones differ by seed."""
    layers = NetworkConfig("vgg19-grey", AUTHORS_LAYERS["vgg19-grey"][:2])
    given = audio_texture.networks.build(layers).init(
        jax.random.key(9), np.zeros((8, 8), np.float32)
    )
    shapes, first = set(), []

    def noted(recipes, contents, seeds):
        files = [audio_texture.weights.load(recipe.network.weights_file)[1] for recipe in recipes]
        first.append([np.asarray(variables["params"]["conv1_1"]["kernel"]) for variables in files])
        shapes.update(
            synthesis.compile_key(recipe, [content[None]], sample_rate=experiment.RATE, seconds=1.7)
            for recipe, content in zip(recipes, contents, strict=True)
        )
        return batch.Batch(
            np.stack(contents)[:, None], np.zeros(len(contents)), np.zeros(len(contents)), {}, []
        )

    monkeypatch.setattr(weights, "QUICK_FILTERS", {})
    monkeypatch.setattr(weights, "_VGG_LAYERS", 2)
    monkeypatch.setattr(weights, "inversions", noted)
    monkeypatch.setattr(
        weights, "textures", lambda recipes, references, seeds: np.stack(references)
    )
    monkeypatch.setattr(weights, "procedural_clips", lambda *_: ([training.Clip("", 0, 1)], {}))
    load = audio_texture.weights.load
    monkeypatch.setattr(
        audio_texture.weights,
        "load",
        lambda path, **options: (layers, given) if path == "vgg19.pth" else load(path, **options),
    )
    numbers = weights.measure(experiment.Settings(seeds=(0, 1), quick=True, vgg19="vgg19.pth"))
    assert [row["weights"] for row in numbers["contents"]] == ["random", "ImageNet"] * 2 and len(
        shapes
    ) == 1
    one, imagenet, other, again = first[0]
    np.testing.assert_array_equal(imagenet, given["params"]["conv1_1"]["kernel"])
    np.testing.assert_array_equal(imagenet, again)
    assert not np.allclose(one, other) and not np.allclose(one, imagenet)
