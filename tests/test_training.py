"""training/: what a classifier learns from, its loss, and that an interrupted training resumes."""

import functools

import jax
import numpy as np
import pytest

from audio_texture import checkpoint, networks, training
from audio_texture.datasets import Clip
from audio_texture.layer import Layer, NetworkConfig
from audio_texture.training import FrontEnd, TrainingSettings, classifier

FRONT = FrontEnd(sample_rate=8000, n_fft=256, hop_length=128, bands=12, seconds=0.2)
CLASSES = 3


# --- labels, batches, baseline


def test_secondary_classes_are_of_equal_size():
    """The quantiles of the training clips bound them; clips held out have no influence."""
    centroids = np.random.default_rng(0).random(100) * 8000
    training_clips = np.arange(100) < 80
    labels = training.secondary_labels(centroids, training_clips, 8)
    assert np.bincount(labels[:80]).tolist() == [10] * 8
    assert np.all(np.diff(labels[np.argsort(centroids)]) >= 0)
    other = training.secondary_labels(np.where(training_clips, centroids, 1e5), training_clips, 8)
    np.testing.assert_array_equal(labels[:80], other[:80])
    assert not training.secondary_labels(centroids, training_clips, 0).any()


def test_batches_hold_every_clip():
    order = np.random.default_rng(0).permutation(23)
    for size in (1, 5, 23, 40):
        batches = training.make_batches(order, size)
        assert {len(batch) for batch in batches} == {size} and len(batches) == -(-23 // size)
        np.testing.assert_array_equal(np.concatenate(batches)[:23], order)


def test_nearest_mean():
    """Bins are in units of their std; a class without training clips is never predicted."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 2], 50)
    profiles = np.stack(
        [labels + 0.1 * rng.standard_normal(100), 1000 * rng.standard_normal(100)], axis=1
    )
    training_clips = np.arange(100) % 2 == 0
    predicted = training.predict_nearest_mean(profiles, labels, training_clips)
    assert np.mean(predicted == labels[~training_clips]) > 0.9 and set(predicted) <= {0, 2}


def test_augmentation():
    """Rotation moves frames, a gain multiplies magnitudes, both within limits; zeros do nothing."""
    x = np.random.default_rng(0).random((20, 5)).astype(np.float32)
    keys = jax.random.split(jax.random.key(0), 30)
    np.testing.assert_array_equal(training.augment(keys[0], x, shift=0.0, gain_db=0.0), x)

    def augment(**limits):
        run = jax.jit(jax.vmap(functools.partial(training.augment, x=x, **limits)))
        return np.asarray(run(keys))

    shifts = [
        next(s for s in range(-10, 11) if np.array_equal(np.roll(x, s, axis=0), rolled))
        for rolled in augment(shift=0.25, gain_db=0.0)
    ]
    assert set(shifts) == set(range(-5, 6))
    changed = augment(shift=0.0, gain_db=6.0).astype(np.float64)
    louder = np.expm1(7 * changed) / np.expm1(7 * x.astype(np.float64))
    gains = 20 * np.log10(louder)
    assert np.ptp(gains, axis=(1, 2)).max() < 0.01
    assert -6 <= gains.min() < -4 and 4 < gains.max() <= 6.01


# --- classifier

SETTINGS = TrainingSettings(
    epochs=2,
    batch=4,
    learning_rate=0.01,
    secondary_classes=2,
    readout="mean",
    shift=0.1,
    gain_db=3.0,
)


def make_config(kind="1d-frequency"):
    frames, bins = FRONT.shape
    return NetworkConfig(
        kind,
        (Layer(3, 1, 2, 6),),
        "uniform",
        channels={"1d-frequency": bins, "1d-time": frames}.get(kind, 0),
    )


@pytest.fixture(scope="module")
def data():
    """18 clips of three bands in three folds: clips, centroids, spectrograms by clip."""
    clips = [
        Clip(f"{label}{fold}{take}", label, fold)
        for label in range(CLASSES)
        for fold in (1, 2, 3)
        for take in range(2)
    ]
    rng = np.random.default_rng(0)
    spectrograms = {
        clip: (0.3 * rng.random(FRONT.shape) + 0.5 * (np.arange(12) // 4 == clip.label)).astype(
            np.float16
        )
        for clip in clips
    }
    return clips, rng.random(len(clips)), spectrograms


@pytest.fixture(scope="module")
def trainer():
    return training.make_trainer(make_config(), FRONT, CLASSES, SETTINGS)


@functools.cache
def plain_trainer(kind, readout):
    """A trainer without augmentation, and its settings."""
    settings = TrainingSettings(learning_rate=0.02, secondary_classes=3, readout=readout)
    return training.make_trainer(make_config(kind), FRONT, CLASSES, settings), settings


def stack(data):
    clips, _, spectrograms = data
    x = np.stack([spectrograms[clip] for clip in clips]).astype(np.float32)
    return x, np.array([clip.label for clip in clips])


def run(data, trainer, folds=(1, 2), spectrograms=None, **options):
    clips, centroids, own = data
    read = (spectrograms or own).__getitem__
    return list(
        training.cross_validate(clips, centroids, read, trainer, SETTINGS, folds, seed=0, **options)
    )


def without_seconds(rows):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


@pytest.mark.parametrize(
    "kind, readout", [("1d-frequency", "mean"), ("1d-time", "mean"), ("2d", "all")]
)
def test_every_network_learns(data, kind, readout):
    """Twenty steps lower the loss of separable clips; one trace serves all steps."""
    trainer, _ = plain_trainer(kind, readout)
    x, labels = stack(data)
    state, losses = trainer.init(jax.random.key(0)), []
    for number in range(20):
        state, loss, _ = trainer.step(state, jax.random.key(number), x, labels, labels)
        losses.append(float(loss))
    assert losses[-1] < 0.3 * losses[0]
    assert trainer.step._cache_size() == 1
    taps = networks.build(make_config(kind)).apply(training.network_variables(state), x[0])
    assert taps["relu_1"].shape[-1] == 6


def test_loss_is_the_sum_of_cross_entropies(data):
    """The loss equals float64 from the logits in training: every head counts once."""
    trainer, settings = plain_trainer("1d-frequency", "mean")
    x, labels = stack(data)
    secondary = np.arange(len(x)) % 3
    state = trainer.init(jax.random.key(0))
    _, loss, correct = trainer.step(state, jax.random.key(1), x, labels, secondary)
    module = classifier.Classifier(networks.build(make_config()), CLASSES, settings)
    variables = {"params": state.params, "batch_stats": state.batch_stats}

    def apply(x):
        return module.apply(variables, x, True, mutable=["batch_stats"])[0]

    logits = jax.jit(jax.vmap(apply, axis_name=networks.CLIPS))(x)
    expected = 0.0
    for name, truth in (("class", labels), ("secondary", secondary)):
        values = np.asarray(logits[name], np.float64)
        expected += np.mean(np.log(np.exp(values).sum(axis=1)) - values[np.arange(len(x)), truth])
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_array_equal(correct, np.argmax(logits["class"], axis=1) == labels)


def test_held_out_clips_do_not_influence_training(data, trainer):
    """Held-out clips of NaN leave the training loss unchanged; NaN in training stops the run."""
    spoilt = {
        clip: value * np.float16("nan") if clip.fold == 1 else value
        for clip, value in data[2].items()
    }
    rows = run(data, trainer, (1,))[-1][1]
    other = run(data, trainer, (1,), spoilt)[-1][1]
    assert [row["loss"] for row in rows] == [row["loss"] for row in other]
    assert rows[-1]["predicted"] != other[-1]["predicted"]
    with pytest.raises(FloatingPointError, match="not finite in epoch 1 of fold 2"):
        run(data, trainer, (2,), spoilt)


def test_a_fold_depends_on_no_other(data, trainer):
    state, rows = run(data, trainer, (1, 2))[-1]
    alone, alone_rows = run(data, trainer, (2,))[-1]
    assert without_seconds(rows[2:]) == without_seconds(alone_rows)
    jax.tree.map(np.testing.assert_array_equal, state, alone)


@pytest.mark.parametrize("after", [1, 2, 3])
def test_resumed_to_the_bit(data, trainer, tmp_path, after):
    """A run resumed from disk, within a fold or between two, ends with the same bits."""
    states = run(data, trainer)
    state, rows = states[after - 1]
    checkpoint.save_tree(str(tmp_path / "state"), state, rows[:after])
    like = jax.eval_shape(trainer.init, jax.random.key(0))
    state, rows = checkpoint.load_tree(str(tmp_path / "state"), like)
    assert len(rows) == after
    resumed = run(data, trainer, state=state, rows=rows)[-1]
    assert without_seconds(resumed[1]) == without_seconds(states[-1][1])
    jax.tree.map(np.testing.assert_array_equal, resumed[0], states[-1][0])


def test_summary(data):
    """The confusion is [true][predicted] over all folds; the accuracy is the mean over folds."""
    clips = data[0]
    rows = [
        {"fold": 1, "accuracy": 4 / 6, "predicted": [0, 0, 1, 2, 2, 0]},
        {"fold": 2, "epoch": 1, "accuracy": 0.1},
        {"fold": 2, "accuracy": 1.0, "predicted": [0, 0, 1, 1, 2, 2]},
    ]
    profiles = np.array([[clip.label] for clip in clips], np.float32)
    summary = training.summarise(clips, ["a", "b", "c"], profiles, rows)
    assert summary["accuracy"] == pytest.approx(5 / 6) and summary["folds"] == {
        "1": 4 / 6,
        "2": 1.0,
    }
    assert summary["confusion"] == [[4, 0, 0], [0, 3, 1], [1, 0, 3]]
    assert (summary["baseline"], summary["chance"], summary["clips"]) == (1.0, 1 / 3, 18)


def test_invalid_folds():
    clips = [Clip("a", 0, 1), Clip("b", 1, 1), Clip("c", 0, 2)]
    training.check_folds(clips, [2])
    with pytest.raises(ValueError, match="fold 3 has no clip; there are 1, 2"):
        training.check_folds(clips, [2, 3])
    with pytest.raises(ValueError, match="without fold 1 there are fewer than two classes"):
        training.check_folds(clips, [1])
