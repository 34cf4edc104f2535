"""training.py: where clips come from, what is kept of them, and that a classifier learns from its training clips alone."""

import errno
import os
import shutil
import threading

import jax
import numpy as np
import pytest
import soundfile
from helpers import noise, relative_error

from audio_texture import checkpoint, datasets, networks, training
from audio_texture.datasets import Clip
from audio_texture.layer import Description, Layer
from audio_texture.training import FrontEnd, Settings

FRONT = FrontEnd(sample_rate=8000, n_fft=256, hop_length=128, bands=12, seconds=0.2)
CLASSES = 3


def write_clips(folder, names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / name, noise(2000)[0], 8000)


# --- clips


def test_class_folders(tmp_path):
    """Other files are passed over; folds are the names' first digits; the order is that of the paths."""
    write_clips(tmp_path, ["rain/1-a.wav", "rain/2-b.flac", "fire/2-c.wav"])
    (tmp_path / "README.md").write_text("")
    (tmp_path / "rain" / "notes.txt").write_text("")
    clips, classes = datasets.list_clips(str(tmp_path))
    assert classes == ["fire", "rain"]
    assert clips == [
        Clip(str(tmp_path / name), *rest)
        for name, *rest in (("fire/2-c.wav", 0, 2), ("rain/1-a.wav", 1, 1), ("rain/2-b.flac", 1, 2))
    ]


def test_esc50_layout(tmp_path):
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "esc50.csv").write_text(
        "filename,fold,target,category\n2-b.wav,2,5,rain\n1-a.wav,1,0,dog\n"
    )
    clips, classes = datasets.list_clips(str(tmp_path))
    assert classes == ["dog", "rain"]
    assert clips == [
        Clip(str(tmp_path / "audio/1-a.wav"), 0, 1),
        Clip(str(tmp_path / "audio/2-b.wav"), 1, 2),
    ]
    (tmp_path / "meta" / "esc50.csv").write_text("filename,fold\n2-b.wav,2\n")
    with pytest.raises(
        ValueError,
        match=r"esc50.csv' must have the columns filename, fold \(a number\) and category",
    ):
        datasets.list_clips(str(tmp_path))


def test_folders_that_hold_no_data_set(tmp_path):
    with pytest.raises(ValueError, match="is not a folder"):
        datasets.list_clips(str(tmp_path / "none"))
    with pytest.raises(ValueError, match="holds no sound files"):
        datasets.list_clips(str(tmp_path))
    write_clips(tmp_path, ["rain/1-a.wav"])
    with pytest.raises(ValueError, match="one class only, 'rain'"):
        datasets.list_clips(str(tmp_path))
    write_clips(tmp_path, ["fire/a.wav"])
    with pytest.raises(ValueError, match="fire/a.wav' must begin with its fold's number"):
        datasets.list_clips(str(tmp_path))


def test_folds_that_cannot_be_held_out():
    clips = [Clip("a", 0, 1), Clip("b", 1, 1), Clip("c", 0, 2)]
    training.check_folds(clips, [2])
    with pytest.raises(ValueError, match="fold 3 has no clip; there are 1, 2"):
        training.check_folds(clips, [2, 3])
    with pytest.raises(ValueError, match="without fold 1 there are fewer than two classes"):
        training.check_folds(clips, [1])


# --- spectrograms


@pytest.mark.parametrize("bands", [0, 12])
def test_transform(bands):
    """Against float64: log1p / 7 of (mel) magnitudes, and the centroid weighted by the frames' level (paper.md A.12)."""
    wave = np.concatenate(
        [0.3 * np.sin(2 * np.pi * 1000 * np.arange(800) / 8000), 0.01 * noise(800)[0]]
    ).astype(np.float32)
    front = FrontEnd(8000, 256, 128, bands, 0.2)
    found = training.transform(wave, front)
    padded = np.pad(wave.astype(np.float64), 128)
    frames = np.stack([padded[i * 128 : i * 128 + 256] for i in range(front.shape[0])])
    magnitude = np.abs(np.fft.rfft(frames * np.hanning(257)[:256]))
    seen = magnitude @ training.spectrogram.mel_filters(8000, 256, bands) if bands else magnitude
    assert found.spectrogram.dtype == np.float16 and found.spectrogram.shape == front.shape
    assert np.max(np.abs(found.spectrogram - np.log1p(seen) / 7)) < 5e-4  # half precision below 1
    level = np.sqrt(np.mean(magnitude**2, axis=1))
    centroid = magnitude @ np.linspace(0, 4000, 129) / magnitude.sum(axis=1)
    assert found.centroid == pytest.approx(np.sum(centroid * level) / np.sum(level), rel=1e-4)
    # The loud tone counts, not the faint noise.
    assert 950 < found.centroid < 1300


def test_silence_has_an_example():
    """ESC-50 pads with digital silence; catches a centroid of 0 / 0."""
    assert all(
        np.all(np.isfinite(value))
        for value in training.transform(np.zeros(1600, np.float32), FRONT)
    )


@pytest.mark.parametrize("seconds", [0.1, 0.7])
def test_clips_are_cut_or_padded(tmp_path, seconds):
    """Stereo at another rate: mono at ours, of our length."""
    soundfile.write(tmp_path / "a.wav", noise(int(seconds * 16000), 2).T, 16000)
    wave = training.read_clip(str(tmp_path / "a.wav"), FRONT)
    assert wave.shape == (1600,) and wave.dtype == np.float32
    assert np.any(wave[:700]) and np.any(wave[800:]) == (seconds > 0.2)


def test_cache_goes_by_content(tmp_path):
    """A file renamed is found again, one changed is not, nor for another front end; nothing half-written stays."""
    soundfile.write(tmp_path / "a.wav", noise(1600)[0], 8000)
    shutil.copy(tmp_path / "a.wav", tmp_path / "b.wav")
    soundfile.write(tmp_path / "c.wav", noise(1600, seed=1)[0], 8000)
    path = lambda name, front=FRONT: training.cached(
        str(tmp_path / name), front, str(tmp_path / "cache")
    )
    first = path("a.wav")
    assert first == path("b.wav") and first not in (
        path("c.wav"),
        path("a.wav", FrontEnd(8000, 256, 64, 12, 0.2)),
    )
    assert len(list((tmp_path / "cache").rglob("*.npz"))) == 3
    for found, expected in zip(
        training.load(first),
        training.transform(training.read_clip(str(tmp_path / "a.wav"), FRONT), FRONT),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)


def damage(entry, how):
    """A cache entry that a full disk, a crash or another program left."""
    with open(entry, "rb") as file:
        data = file.read()
    middle = len(data) // 2
    changed = {
        "cut": data[:middle],
        "cut at the end": data[:-1],
        "empty": b"",
        "garbage": bytes(range(256)) * 20,
        "flipped": data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :],
    }
    arrays = {
        "other arrays": {"spectrogram": np.zeros(FRONT.shape, np.float16)},
        "another shape": {
            "spectrogram": np.zeros((2, 3), np.float16),
            "centroid": np.float32(1),
            "profile": np.zeros(40, np.float32),
        },
        "not finite": {
            "spectrogram": np.full(FRONT.shape, np.nan, np.float16),
            "centroid": np.float32(1),
            "profile": np.zeros(40, np.float32),
        },
        "objects": {
            "spectrogram": np.array([{}]),
            "centroid": np.float32(1),
            "profile": np.zeros(40, np.float32),
        },
    }
    if how == "gone":
        os.remove(entry)
    elif how in changed:
        with open(entry, "wb") as file:
            file.write(changed[how])
    else:
        np.savez(entry, **arrays[how])


@pytest.mark.parametrize(
    "how",
    [
        "cut",
        "cut at the end",
        "empty",
        "garbage",
        "flipped",
        "other arrays",
        "another shape",
        "not finite",
        "objects",
        "gone",
    ],
)
def test_a_spoiled_cache_entry_is_made_anew(tmp_path, how):
    """Catches BadZipFile and its like on every later run; at the beginning as well as in the middle
    of a training.
    """
    path, cache = str(tmp_path / "a.wav"), str(tmp_path / "cache")
    soundfile.write(path, noise(1600)[0], 8000)
    entry = training.cached(path, FRONT, cache)
    expected = training.load(entry, FRONT)
    for again in (
        lambda: training.load(training.cached(path, FRONT, cache), FRONT),
        lambda: training.example_of(entry, path, FRONT),
    ):
        damage(entry, how)
        for found in (again(), training.load(entry, FRONT)):
            assert all(
                np.array_equal(one, other) for one, other in zip(found, expected, strict=True)
            )
    assert [name for _, _, names in os.walk(cache) for name in names] == [os.path.basename(entry)]


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    """Catches a training that ends for want of room: spectrograms are worked out each time, and
    nothing half-written stays.
    """
    path, cache, told = str(tmp_path / "a.wav"), tmp_path / "cache", []
    soundfile.write(path, noise(1600)[0], 8000)
    cache.write_text("a file where the folder should be")
    entry = training.cached(path, FRONT, str(cache), on_unkept=told.append)
    example = training.example_of(entry, path, FRONT, on_unkept=told.append)
    assert len(told) == 2 and example.spectrogram.shape == FRONT.shape
    cache.unlink()

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    training.cached(path, FRONT, str(cache), on_unkept=told.append)
    assert told[-1] == "No space left on device" and not [
        names for _, _, names in os.walk(cache) if names
    ]


def test_unreadable_clips_are_told(tmp_path):
    (tmp_path / "a.wav").write_text("no sound")
    for name in ("a.wav", "missing.wav"):
        with pytest.raises(ValueError, match=name):
            training.cached(str(tmp_path / name), FRONT, str(tmp_path / "cache"))
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    "values, said",
    [
        ({"sample_rate": 300}, "sample_rate must be from 4000"),
        ({"hop_length": 600}, "hop_length must be from 1 to"),
        ({"seconds": 0.01}, "seconds must be at least"),
        ({"seconds": float("nan")}, "seconds must be at least"),
        ({"bands": -1}, "bands must be at least 0"),
        ({"bands": 500}, "bands must each hold a bin"),
    ],
)
def test_front_ends_that_cannot_be(values, said):
    with pytest.raises(ValueError, match=said):
        FrontEnd(**values)


@pytest.mark.parametrize(
    "values",
    [
        {"epochs": 0},
        {"batch": 1},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"secondary_classes": 1},
        {"shift": 2.0},
        {"gain_db": -1.0},
        {"readout": "max"},
    ],
)
def test_settings_that_cannot_be(values):
    """The message begins with the name, which launch.train makes the flag's."""
    with pytest.raises(ValueError, match=f"^{next(iter(values))} must be"):
        Settings(**values)


def test_ahead():
    """In order, in another thread, before it is asked for; an error comes where its item stands."""
    made = []

    def make(item):
        made.append(threading.current_thread())
        if item == 6:
            raise ValueError("six")
        return item**2

    results = training.ahead(make, range(8), depth=2)
    assert next(results) == 0
    assert [next(results) for _ in range(5)] == [1, 4, 9, 16, 25]
    assert threading.main_thread() not in made
    with pytest.raises(ValueError, match="six"):
        next(results)
    reached = threading.Event()
    waiting = training.ahead(lambda item: reached.set() if item == 2 else item, range(9), depth=2)
    next(waiting)
    assert reached.wait(5)
    waiting.close()


# --- labels, order, baseline


def test_secondary_classes_are_of_equal_size():
    """By the training clips' quantiles: what is held out decides nothing."""
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
        found = training.batches(order, size)
        assert {len(batch) for batch in found} == {size} and len(found) == -(-23 // size)
        np.testing.assert_array_equal(np.concatenate(found)[:23], order)


def test_nearest_mean():
    """In units of deviation: a bin that varies a thousand times more must not decide; an absent class is never found."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 2], 50)
    profiles = np.stack(
        [labels + 0.1 * rng.standard_normal(100), 1000 * rng.standard_normal(100)], axis=1
    )
    training_clips = np.arange(100) % 2 == 0
    found = training.nearest_mean(profiles, labels, training_clips)
    assert np.mean(found == labels[~training_clips]) > 0.9 and set(found) <= {0, 2}


def test_augmentation():
    """Rotation moves frames and keeps them; a gain multiplies magnitudes, by no more than asked; zeros change nothing."""
    x = np.random.default_rng(0).random((20, 5)).astype(np.float32)
    keys = jax.random.split(jax.random.key(0), 30)
    np.testing.assert_array_equal(training.augment(keys[0], x, shift=0.0, gain_db=0.0), x)
    rolled = np.asarray(
        jax.vmap(lambda key: training.augment(key, x, shift=0.25, gain_db=0.0))(keys)
    )
    shifts = [
        next(s for s in range(-10, 11) if np.array_equal(np.roll(x, s, axis=0), one))
        for one in rolled
    ]
    assert set(shifts) == set(range(-5, 6))
    louder = np.expm1(
        7
        * np.asarray(
            jax.vmap(lambda key: training.augment(key, x, shift=0.0, gain_db=6.0))(keys), np.float64
        )
    ) / np.expm1(7 * x.astype(np.float64))
    gains = 20 * np.log10(louder)
    assert np.ptp(gains, axis=(1, 2)).max() < 0.01
    assert -6 <= gains.min() < -4 and 4 < gains.max() <= 6.01


# --- the classifier

SETTINGS = Settings(
    epochs=2,
    batch=4,
    learning_rate=0.01,
    secondary_classes=2,
    readout="mean",
    shift=0.1,
    gain_db=3.0,
)


def described(kind="1d-frequency"):
    frames, bins = FRONT.shape
    return Description(
        kind,
        (Layer(3, 1, 2, 6),),
        "uniform",
        channels={"1d-frequency": bins, "1d-time": frames}.get(kind, 0),
    )


@pytest.fixture(scope="module")
def data():
    """18 clips in three folds, told apart by the bands they sound in: clips, centroids, spectrograms by clip."""
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
def train():
    return training.trainer(described(), FRONT, CLASSES, SETTINGS)


def run(data, train, folds=(1, 2), spectrograms=None, **options):
    clips, centroids, own = data
    read = (spectrograms or own).__getitem__
    return list(
        training.cross_validate(clips, centroids, read, train, SETTINGS, folds, seed=0, **options)
    )


def without_seconds(rows):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


@pytest.mark.parametrize(
    "kind, readout", [("1d-frequency", "mean"), ("1d-time", "mean"), ("2d", "all")]
)
def test_every_network_learns(data, kind, readout):
    """Twenty steps take the loss of clips told apart by their bands well down; one trace serves all."""
    clips, _, spectrograms = data
    settings = Settings(learning_rate=0.02, secondary_classes=3, readout=readout)
    train = training.trainer(described(kind), FRONT, CLASSES, settings)
    x = np.stack([spectrograms[clip] for clip in clips]).astype(np.float32)
    labels = np.array([clip.label for clip in clips])
    state, losses = train.init(jax.random.key(0)), []
    for number in range(20):
        state, loss, _ = train.step(state, jax.random.key(number), x, labels, labels)
        losses.append(float(loss))
    assert losses[-1] < 0.3 * losses[0]
    assert train.step._cache_size() == 1
    taps = networks.build(described(kind)).apply(training.network_variables(state), x[0])
    assert taps["relu_1"].shape[-1] == 6


def test_the_loss_is_the_heads_cross_entropies(data):
    """Against float64, from the classifier's own logits in training; catches a head that is not counted, or counted twice."""
    clips, _, spectrograms = data
    settings = Settings(secondary_classes=2)
    train = training.trainer(described(), FRONT, CLASSES, settings)
    x = np.stack([spectrograms[clip] for clip in clips]).astype(np.float32)
    labels, secondary = np.array([clip.label for clip in clips]), np.arange(len(clips)) % 2
    state = train.init(jax.random.key(0))
    _, loss, correct = train.step(state, jax.random.key(1), x, labels, secondary)
    classifier = training.Classifier(networks.build(described()), CLASSES, settings)
    variables = {"params": state.parameters, "batch_stats": state.moments}
    apply = lambda x: classifier.apply(variables, x, True, mutable=["batch_stats"])[0]
    logits = jax.vmap(apply, axis_name=networks.CLIPS)(x)
    expected = 0.0
    for name, truth in (("class", labels), ("secondary", secondary)):
        values = np.asarray(logits[name], np.float64)
        expected += np.mean(np.log(np.exp(values).sum(axis=1)) - values[np.arange(len(x)), truth])
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_array_equal(correct, np.argmax(logits["class"], axis=1) == labels)


def test_what_is_held_out_is_not_learnt_from(data, train):
    """Held-out clips of nothing but NaN: the training's loss is the same. Catches clips of a fold on both sides."""
    spoilt = {
        clip: value * np.float16("nan") if clip.fold == 1 else value
        for clip, value in data[2].items()
    }
    rows = run(data, train, (1,))[-1][1]
    other = run(data, train, (1,), spoilt)[-1][1]
    assert [row["loss"] for row in rows] == [row["loss"] for row in other]
    assert rows[-1]["predicted"] != other[-1]["predicted"]
    with pytest.raises(FloatingPointError, match="not finite in epoch 1 of fold 2"):
        run(data, train, (2,), spoilt)


def test_a_fold_depends_on_no_other(data, train):
    state, rows = run(data, train, (1, 2))[-1]
    alone, alone_rows = run(data, train, (2,))[-1]
    assert without_seconds(rows[2:]) == without_seconds(alone_rows)
    jax.tree.map(np.testing.assert_array_equal, state, alone)


@pytest.mark.parametrize("after", [1, 2, 3])
def test_resumed_to_the_bit(data, train, tmp_path, after):
    """Through the disk, within a fold and between two; catches keys or order that depend on how often it was begun."""
    states = run(data, train)
    state, rows = states[after - 1]
    checkpoint.save_tree(str(tmp_path / "state"), state, rows[:after])
    like = jax.eval_shape(train.init, jax.random.key(0))
    state, rows = checkpoint.load_tree(str(tmp_path / "state"), like)
    assert len(rows) == after
    resumed = run(data, train, state=state, rows=rows)[-1]
    assert without_seconds(resumed[1]) == without_seconds(states[-1][1])
    jax.tree.map(np.testing.assert_array_equal, resumed[0], states[-1][0])


def test_summary(data):
    """Confusion [true][found] over the folds there are; accuracy is the folds' mean."""
    clips = data[0]
    rows = [
        {"fold": 1, "accuracy": 4 / 6, "predicted": [0, 0, 1, 2, 2, 0]},
        {"fold": 2, "epoch": 1, "accuracy": 0.1},
        {"fold": 2, "accuracy": 1.0, "predicted": [0, 0, 1, 1, 2, 2]},
    ]
    profiles = np.array([[clip.label] for clip in clips], np.float32)
    found = training.summary(clips, ["a", "b", "c"], profiles, rows)
    assert found["accuracy"] == pytest.approx(5 / 6) and found["folds"] == {"1": 4 / 6, "2": 1.0}
    assert found["confusion"] == [[4, 0, 0], [0, 3, 1], [1, 0, 3]]
    assert (found["baseline"], found["chance"], found["clips"]) == (1.0, 1 / 3, 18)


def test_esc10_baseline(esc10, tmp_path):
    """Real recordings go through: four clips of two classes."""
    clips, classes = datasets.list_clips(str(esc10))
    assert (
        len(clips) == 400
        and len(classes) == 10
        and {clip.fold for clip in clips} == {1, 2, 3, 4, 5}
    )
    front = FrontEnd(bands=64, seconds=1.0)
    chosen = [clip for clip in clips if clip.label in (1, 7)][:2] + [
        clip for clip in clips if clip.label == 7
    ][:2]
    examples = [training.load(training.cached(clip.path, front, str(tmp_path))) for clip in chosen]
    assert all(
        example.spectrogram.shape == front.shape
        and 0 <= example.spectrogram.min() < example.spectrogram.max() < 2
        for example in examples
    )
    assert relative_error(examples[0].profile, examples[2].profile) > 0.1
