"""Front ends, examples of clips, and their cache on disk."""

import errno
import os
import shutil
import threading

import numpy as np
import pytest
import soundfile
from helpers import noise, relative_error

from audio_texture import datasets, spectrogram, training
from audio_texture.errors import ChoiceError
from audio_texture.training import FrontEnd, TrainingSettings

FRONT = FrontEnd(sample_rate=8000, n_fft=256, hop_length=128, bands=12, seconds=0.2)


@pytest.mark.parametrize("bands", [0, 12])
def test_examples_equal_float64(bands):
    """The spectrogram is log1p / 7 of magnitudes; the level of frames weights the centroid."""
    wave = np.concatenate(
        [0.3 * np.sin(2 * np.pi * 1000 * np.arange(800) / 8000), 0.01 * noise(800)[0]]
    ).astype(np.float32)
    front = FrontEnd(8000, 256, 128, bands, 0.2)
    example = training.make_example(wave, front)
    padded = np.pad(wave.astype(np.float64), 128)
    frames = np.stack([padded[i * 128 : i * 128 + 256] for i in range(front.shape[0])])
    magnitude = np.abs(np.fft.rfft(frames * np.hanning(257)[:256]))
    bands_TxB = magnitude @ spectrogram.mel_filters(8000, 256, bands) if bands else magnitude
    assert example.spectrogram.dtype == np.float16 and example.spectrogram.shape == front.shape
    assert (
        np.max(np.abs(example.spectrogram - np.log1p(bands_TxB) / 7)) < 5e-4
    )  # half precision below 1
    level = np.sqrt(np.mean(magnitude**2, axis=1))
    centroid = magnitude @ np.linspace(0, 4000, 129) / magnitude.sum(axis=1)
    assert example.centroid == pytest.approx(np.sum(centroid * level) / np.sum(level), rel=1e-4)
    # The loud tone counts, not the faint noise.
    assert 950 < example.centroid < 1300


def test_silence_has_an_example():
    """ESC-50 pads with digital silence, whose centroid must not be 0 / 0."""
    assert all(
        np.all(np.isfinite(value))
        for value in training.make_example(np.zeros(1600, np.float32), FRONT)
    )


@pytest.mark.parametrize("seconds", [0.1, 0.7])
def test_clips_are_cut_or_padded(tmp_path, seconds):
    """Stereo at another rate becomes mono at the front end's rate and length."""
    soundfile.write(tmp_path / "a.wav", noise(int(seconds * 16000), 2).T, 16000)
    wave = training.read_clip(str(tmp_path / "a.wav"), FRONT)
    assert wave.shape == (1600,) and wave.dtype == np.float32
    assert np.any(wave[:700]) and np.any(wave[800:]) == (seconds > 0.2)


def test_cache_goes_by_content(tmp_path):
    """A renamed file has the same entry; changed content or another front end has another."""
    soundfile.write(tmp_path / "a.wav", noise(1600)[0], 8000)
    shutil.copy(tmp_path / "a.wav", tmp_path / "b.wav")
    soundfile.write(tmp_path / "c.wav", noise(1600, seed=1)[0], 8000)

    def path(name, front=FRONT):
        return training.cache_example(str(tmp_path / name), front, str(tmp_path / "cache"))

    first = path("a.wav")
    assert first == path("b.wav") and first not in (
        path("c.wav"),
        path("a.wav", FrontEnd(8000, 256, 64, 12, 0.2)),
    )
    assert len(list((tmp_path / "cache").rglob("*.npz"))) == 3
    for loaded, expected in zip(
        training.load_example(first),
        training.make_example(training.read_clip(str(tmp_path / "a.wav"), FRONT), FRONT),
        strict=True,
    ):
        np.testing.assert_array_equal(loaded, expected)


def damage(entry, how):
    """Damages a cache entry as a full disk, a crash or another program does."""
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
def test_damaged_cache_entry_is_made_again(tmp_path, how):
    """A damaged entry is replaced, before a training and in the middle of it."""
    path, cache = str(tmp_path / "a.wav"), str(tmp_path / "cache")
    soundfile.write(path, noise(1600)[0], 8000)
    entry = training.cache_example(path, FRONT, cache)
    expected = training.load_example(entry, FRONT)
    for again in (
        lambda: training.load_example(training.cache_example(path, FRONT, cache), FRONT),
        lambda: training.read_or_make_example(entry, path, FRONT),
    ):
        damage(entry, how)
        for example in (again(), training.load_example(entry, FRONT)):
            assert all(map(np.array_equal, example, expected))
    assert [name for _, _, names in os.walk(cache) for name in names] == [os.path.basename(entry)]


def test_training_goes_on_without_a_writable_cache(tmp_path, monkeypatch):
    """Where the disk is full, examples are made each time and no partial file stays."""
    path, cache, reasons = str(tmp_path / "a.wav"), tmp_path / "cache", []
    soundfile.write(path, noise(1600)[0], 8000)
    cache.write_text("a file where the folder should be")
    entry = training.cache_example(path, FRONT, str(cache), on_unsaved=reasons.append)
    example = training.read_or_make_example(entry, path, FRONT, on_unsaved=reasons.append)
    assert len(reasons) == 2 and example.spectrogram.shape == FRONT.shape
    cache.unlink()

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    training.cache_example(path, FRONT, str(cache), on_unsaved=reasons.append)
    assert reasons[-1] == "No space left on device" and not [
        names for _, _, names in os.walk(cache) if names
    ]


def test_unreadable_clips_are_named(tmp_path):
    (tmp_path / "a.wav").write_text("no sound")
    for name in ("a.wav", "missing.wav"):
        with pytest.raises(ValueError, match=name):
            training.cache_example(str(tmp_path / name), FRONT, str(tmp_path / "cache"))
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    "values, message",
    [
        ({"sample_rate": 300}, "sample_rate must be from 4000"),
        ({"hop_length": 600}, "hop_length must be from 1 to"),
        ({"seconds": 0.01}, "seconds must be at least"),
        ({"seconds": float("nan")}, "seconds must be at least"),
        ({"bands": -1}, "bands must be at least 0"),
        ({"bands": 500}, "bands must each hold a bin"),
    ],
)
def test_invalid_front_ends(values, message):
    with pytest.raises(ChoiceError, match=message) as raised:
        FrontEnd(**values)
    assert raised.value.field == next(iter(values))


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
def test_invalid_settings(values):
    """The message begins with the name of the choice."""
    with pytest.raises(ChoiceError, match=f"^{next(iter(values))} must be"):
        TrainingSettings(**values)


def test_prefetch():
    """Results come in order from another thread, ahead of use; an error comes at its item."""
    made = []

    def make(item):
        made.append(threading.current_thread())
        if item == 6:
            raise ValueError("six")
        return item**2

    results = training.prefetch(make, range(8), depth=2)
    assert next(results) == 0
    assert [next(results) for _ in range(5)] == [1, 4, 9, 16, 25]
    assert threading.main_thread() not in made
    with pytest.raises(ValueError, match="six"):
        next(results)
    reached = threading.Event()
    waiting = training.prefetch(
        lambda item: reached.set() if item == 2 else item, range(9), depth=2
    )
    next(waiting)
    assert reached.wait(5)
    waiting.close()


def test_esc10_baseline(esc10, tmp_path):
    """Real recordings have plausible examples: four clips of two classes."""
    clips, classes = datasets.scan_dataset(str(esc10))[:2]
    assert (
        len(clips) == 400
        and len(classes) == 10
        and {clip.fold for clip in clips} == {1, 2, 3, 4, 5}
    )
    front = FrontEnd(bands=64, seconds=1.0)
    chosen = [clip for clip in clips if clip.label in (1, 7)][:2] + [
        clip for clip in clips if clip.label == 7
    ][:2]
    examples = [
        training.load_example(training.cache_example(clip.path, front, str(tmp_path)))
        for clip in chosen
    ]
    assert all(
        example.spectrogram.shape == front.shape
        and 0 <= example.spectrogram.min() < example.spectrogram.max() < 2
        for example in examples
    )
    assert relative_error(examples[0].profile, examples[2].profile) > 0.1
