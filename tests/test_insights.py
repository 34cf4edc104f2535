"""insights/: statistics and estimates against known truth, and experiments from end to end."""

import os
import signal
import subprocess
import sys

import jax
import numpy as np
import pytest
import scipy.stats

import audio_texture.networks
import audio_texture.weights
from audio_texture import batch, datasets, metrics, sounds, synthesis
from audio_texture.insights import (
    ExperimentSettings,
    carried,
    classifiers,
    experiment,
    intervals,
    networks,
    permutation,
    receptive_field,
    references,
    runs,
    shifts,
    weights,
)
from audio_texture.layer import AUTHORS_LAYERS, NetworkConfig


def test_experiments_load_only_when_asked_for():
    """Importing the package imports no experiment, nor JAX or Matplotlib."""
    code = (
        "import sys, audio_texture.insights as insights\n"
        "own = {name for name in sys.modules if name.startswith('audio_texture.insights.')}\n"
        "assert own == {'audio_texture.insights.experiment'}, own\n"
        "assert not {'jax', 'matplotlib'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- statistics


def test_intervals_hold_what_they_promise():
    """They hold the mean in 95 % of draws; plain percentiles of five values do in 83 %."""
    draws = np.random.default_rng(0).standard_normal((400, 5))
    results = [intervals.mean_interval(values) for values in draws]
    assert 0.9 < np.mean([low <= 0 <= high for _, low, high in results]) < 0.99
    widths = np.mean([high - low for _, low, high in results])
    student = np.mean(2 * scipy.stats.t.ppf(0.975, 4) * np.std(draws, axis=1, ddof=1) / np.sqrt(5))
    assert 0.65 * student < widths < 1.1 * student
    many = intervals.mean_interval(draws[:, 0])
    assert many == intervals.mean_interval(draws[:, 0])
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
        intervals.mean_interval([1.0])


def test_explained_variance():
    """It is the share of a least-squares line in any unit, and 0 on average by chance."""
    rng = np.random.default_rng(0)
    truth = rng.standard_normal(12)
    assert intervals.explained_variance(truth, 3 - 2 * truth) == pytest.approx(1)
    estimate = truth + rng.standard_normal(12)
    residual = truth - np.polyval(np.polyfit(estimate, truth, 1), estimate)
    assert intervals.explained_variance(truth, estimate) == pytest.approx(
        1 - (np.sum(residual**2) / 10) / (np.sum((truth - truth.mean()) ** 2) / 11)
    )
    assert (
        abs(
            np.mean(
                [intervals.explained_variance(truth, rng.standard_normal(12)) for _ in range(500)]
            )
        )
        < 0.02
    )
    assert intervals.explained_variance(truth, np.ones(12)) <= 0


def test_rows_by_seed():
    rows = [
        {"seed": seed, "kind": kind, "value": seed + 10 * (kind == "b")}
        for seed in (1, 0)
        for kind in "abb"
    ]
    assert intervals.seed_means(rows, "value", kind="b").tolist() == [10, 11]
    with pytest.raises(ValueError, match="kind=c"):
        intervals.seed_means(rows, "value", kind="c")
    assert [
        experiment.decide_verdict(supports=a, contradicts=b)
        for a, b in ((True, False), (False, True), (False, False), (True, True))
    ] == ["supports", "contradicts", "undecided", "undecided"]


# --- known truth


def test_estimates_recover_the_parameters_of_notes():
    """Pitch, rate, regularity and tilt of notes are estimated close to their parameters."""
    for pitch_hz, rate in ((230.0, 3.0), (610.0, 5.0)):
        wave = references.make_procedural(
            sounds.notes, 3, 6.0, pitch_hz=pitch_hz, notes_per_second=rate
        )
        assert carried.estimate_pitch(wave) == pytest.approx(np.log2(pitch_hz), abs=0.02)
        assert carried.estimate_onset_rate(wave) == pytest.approx(np.log2(rate), abs=0.2)
        assert carried.estimate_irregularity(wave) < 0.1
        assert (
            receptive_field.measure_periodicity(wave, 1 / rate)
            > 0.6
            > 0.3
            > receptive_field.measure_periodicity(wave, 0.6 / rate)
        )
    assert (
        carried.estimate_irregularity(
            references.make_procedural(sounds.notes, 3, 6.0, notes_per_second=3.0, irregularity=1.0)
        )
        > 0.5
    )
    bright, dark = (
        carried.estimate_tilt(references.make_procedural(sounds.notes, 3, 2.0, tilt_db=tilt))
        for tilt in (2.0, 8.0)
    )
    assert dark - bright == pytest.approx(6.0, abs=1.5)
    high = references.make_procedural(sounds.notes, 3, 6.0, pitch_hz=500.0)
    low = references.make_procedural(sounds.notes, 3, 6.0, pitch_hz=250.0, tilt_db=2.0)
    assert len(carried._onset_times(high)) == len(carried._onset_times(low))
    assert np.max(np.abs(carried._onset_times(high) - carried._onset_times(low))) < 0.02
    assert (
        networks.harmonic_share(
            references.make_procedural(sounds.notes, 0, 1.0, pitch_hz=networks.PITCH)
        )
        > 0.9
        > 0.5
        > networks.harmonic_share(references.make_procedural(sounds.rain, 0, 1.0))
    )
    with pytest.raises(ValueError, match="irregularity=1.5 from 0 to 1"):
        references.make_procedural(sounds.notes, 0, 1.0, irregularity=1.5)


def test_octave_is_24_rows_of_constant_q():
    """A transposition shifts a constant-Q spectrogram by rows, but not a linear one."""
    low, high = (
        references.make_procedural(
            sounds.notes, 0, 1.0, pitch_hz=pitch_hz, harmonics=4, decay_s=0.15
        )
        for pitch_hz in (200.0, 400.0)
    )

    def profile(wave, scale):
        return np.asarray(references.scaled_spectrogram(wave, scale)).mean(axis=0)

    correlations = [
        np.corrcoef(
            profile(low, "cqt")[: -24 - shift],
            profile(high, "cqt")[24 : len(profile(high, "cqt")) - shift],
        )[0, 1]
        for shift in range(8)
    ]
    assert correlations[0] > 0.9
    shapes = {scale: references.scaled_spectrogram(low, scale).shape for scale in references.SCALES}
    assert (
        {frames for frames, _ in shapes.values()} <= {59, 62}
        and shapes["mel"][1] == 64
        and shapes["linear"][1] == 257
    )
    linear = [
        np.corrcoef(profile(low, "linear")[: 257 - by], profile(high, "linear")[by:])[0, 1]
        for by in range(1, 60)
    ]
    assert max(linear) < correlations[0]


def test_shifted_brings_in_silence():
    x = np.arange(1, 25).reshape(4, 6)
    np.testing.assert_array_equal(
        shifts.shift_axis(x, 0.5, 0), np.concatenate([np.zeros((2, 6)), x[:2]])
    )
    np.testing.assert_array_equal(
        shifts.shift_axis(x, -0.5, 1), np.concatenate([x[:, 3:], np.zeros((4, 3))], axis=1)
    )
    np.testing.assert_array_equal(shifts.shift_axis(x, 0.0, 1), x)


def test_judges_do_not_enter_the_likeness_of_experiments():
    """Figures stay comparable with those measured before a judge was added."""
    one, other = np.random.default_rng(0).standard_normal((2, 2 * runs.RATE))
    other[::50] *= 20
    waves = [
        metrics.preprocess(wave, sample_rate=runs.RATE, rate=runs.RATE) for wave in (one, other)
    ]
    measured = metrics.measure_likeness(*waves, sample_rate=runs.RATE)
    mean = np.mean([measured[name] for name in ("auditory", "patches", "structure", "rhythm")])
    assert runs.score_likeness(one, other) == pytest.approx(mean)
    assert measured["subbands"] != pytest.approx(mean, rel=0.01)


def test_recordings_differ_by_seed_and_are_sound(esc10):
    paths = tuple(sorted(map(str, esc10.glob("rain/*.ogg")))[:12])
    settings = ExperimentSettings(recordings=paths)
    first, again, other = (references.read_recordings(settings, seed, 2, 0.5) for seed in (0, 0, 1))
    assert len(first) == 2 and first.keys() == again.keys() != other.keys()
    assert all(
        wave.shape == (4000,) and np.sqrt(np.mean(wave**2)) == pytest.approx(sounds.LEVEL, rel=1e-3)
        for wave in first.values()
    )
    assert references.read_recordings(ExperimentSettings(), 0, 2, 0.5) == {}


def test_unreadable_recordings_are_skipped(tmp_path):
    (tmp_path / "1-no-sound.wav").write_text("no sound")
    assert (
        references.read_recordings(
            ExperimentSettings(recordings=(str(tmp_path / "1-no-sound.wav"),)), 0, 1, 0.5
        )
        == {}
    )
    paths = ["rain/1-a.wav", "rain/2-a.wav", "fire/1-b.wav", "wind/2-c.wav", "wind/4-c.wav"]
    assert classifiers.group_by_class(paths) == {"rain": {"rain/1-a.wav": 1, "rain/2-a.wav": 2}}


# --- through the library


def test_textures_of_a_batch(monkeypatch):
    """A seed decides the start; Ctrl-C ends the batch at once, without textures to judge."""
    reference = references.make_procedural(sounds.notes, 0, 0.5)
    recipe = networks.make_recipe("1d-frequency", 4, 3)
    made = runs.make_textures(recipe, [reference] * 3, [0, 1, 0])
    assert made.shape == (3, 4000) and np.all(np.isfinite(made))
    np.testing.assert_array_equal(made[0], made[2])
    assert np.max(np.abs(made[0] - made[1])) > 0.01

    finish = runs.batch.run_batch
    once = iter([True])

    def interrupt(rows):
        if next(once, False):
            os.kill(os.getpid(), signal.SIGINT)

    long = recipe.replace(evaluations=10_000)
    monkeypatch.setattr(
        runs.batch, "run_batch", lambda *arguments: finish(*arguments, on_chunk=interrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        runs.make_textures(long, [reference] * 3, [0, 1, 2])


@pytest.mark.slow
def test_permuted_frames_end_to_end():
    """The same seeds give the same numbers; in blocks of one frame no order is left."""
    settings = ExperimentSettings(seeds=(0, 1), quick=True)
    numbers = permutation.measure(settings)
    assert numbers == permutation.measure(settings)
    assert len(numbers["rows"]) == 2 * 3 * 3 * len(permutation.BLOCKS)
    assert np.all(intervals.seed_means(numbers["rows"], "share", block=1, distance="gram 3") == 1)
    assert np.all(
        intervals.seed_means(numbers["rows"], "share", block=permutation.JUDGED, distance="gram 3")
        < 0.2
    )


@pytest.mark.long
def test_weights_end_to_end(monkeypatch):
    """Each case runs once; weights and seeds change what is kept. Textures are the references."""
    calls = []
    monkeypatch.setattr(weights, "QUICK_FILTERS", {"1-D": (6, 6, 6)})
    monkeypatch.setattr(
        weights,
        "make_textures",
        lambda recipes, references, seeds: (
            calls.append((recipes, list(seeds))) or np.stack(references)
        ),
    )
    numbers = weights.measure(ExperimentSettings(seeds=(0, 1), quick=True))
    files = [recipe.network.weights_file for recipe in calls[0][0]]
    assert (
        len(files) == 8
        and len(set(files)) == 4
        and all(seeds == [0, 0, 0, 0, 1, 1, 1, 1] for _, seeds in calls)
    )
    assert [
        {tap.name for recipe in recipes for tap in recipe.term("style").layers}
        for recipes, _ in calls
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


def test_imagenet_and_random_weights_share_a_program(monkeypatch):
    """The cut VGG-19 has the file's weights in one case and its seed's random ones in the other."""
    layers = NetworkConfig("vgg19-grey", AUTHORS_LAYERS["vgg19-grey"][:2])
    given = audio_texture.networks.build(layers).init(
        jax.random.key(9), np.zeros((8, 8), np.float32)
    )
    shapes, first = set(), []

    def record(recipes, contents, seeds):
        files = [audio_texture.weights.load(recipe.network.weights_file)[1] for recipe in recipes]
        first.append([np.asarray(variables["params"]["conv1_1"]["kernel"]) for variables in files])
        shapes.update(
            synthesis.compile_key(recipe, [content[None]], sample_rate=references.RATE, seconds=1.7)
            for recipe, content in zip(recipes, contents, strict=True)
        )
        return batch.Batch(
            np.stack(contents)[:, None], np.zeros(len(contents)), np.zeros(len(contents)), {}, []
        )

    monkeypatch.setattr(weights, "QUICK_FILTERS", {})
    monkeypatch.setattr(weights, "score_likeness", lambda *_: 1.0)
    monkeypatch.setattr(weights, "score_content", lambda *_: 1.0)
    monkeypatch.setattr(weights, "_VGG_LAYERS", 2)
    monkeypatch.setattr(weights, "make_inversions", record)
    monkeypatch.setattr(
        weights, "make_textures", lambda recipes, references, seeds: np.stack(references)
    )
    monkeypatch.setattr(weights, "procedural_clips", lambda *_: ([datasets.Clip("", 0, 1)], {}))
    load = audio_texture.weights.load
    monkeypatch.setattr(
        audio_texture.weights,
        "load",
        lambda path, **options: (layers, given) if path == "vgg19.pth" else load(path, **options),
    )
    numbers = weights.measure(ExperimentSettings(seeds=(0, 1), quick=True, vgg19="vgg19.pth"))
    assert [row["weights"] for row in numbers["contents"]] == ["random", "ImageNet"] * 2 and len(
        shapes
    ) == 1
    drawn, imagenet, other, again = first[0]
    np.testing.assert_array_equal(imagenet, given["params"]["conv1_1"]["kernel"])
    np.testing.assert_array_equal(imagenet, again)
    assert not np.allclose(drawn, other) and not np.allclose(drawn, imagenet)
