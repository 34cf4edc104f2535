"""Training a network as a classifier of sounds, and judging it by cross-validation.

folder -> clips (class and fold) -> log spectrograms, kept on disk -> a classifier a fold -> predictions.

B clips in a batch, T frames, F bins or mel bands.
"""

import collections
import dataclasses
import functools
import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent import futures
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from audio_texture import audio, files, networks, sounds, spectrogram
from audio_texture.datasets import Clip
from audio_texture.layer import NetworkConfig

EMBEDDED = "sound:"
READOUTS = ("all", "mean")
# Of the baseline's mel spectrogram, whatever the network sees.
_BASELINE_FFT, _BASELINE_HOP, _BASELINE_BANDS = 1024, 512, 40
# Part of every cache entry's name: another number when `transform` changes what it returns.
_CACHE_VERSION = 1


@dataclasses.dataclass(frozen=True)
class FrontEnd:
    """What a clip is turned into; the defaults are the authors'.

    Attributes:
      sample_rate: in Hz.
      n_fft, hop_length: of the transform, in samples.
      bands: mel bands; 0 keeps all bins.
      seconds: that a clip is cut or padded with zeros to.
    """

    sample_rate: int = 22050
    n_fft: int = 1024
    hop_length: int = 256
    bands: int = 0
    seconds: float = 5.0

    def __post_init__(self):
        if not audio.LOWEST_RATE <= self.sample_rate <= audio.HIGHEST_RATE:
            raise ValueError(
                f"sample_rate must be from {audio.LOWEST_RATE} to {audio.HIGHEST_RATE} Hz, got {self.sample_rate}."
            )
        if not 1 <= self.hop_length <= self.n_fft // 2:
            raise ValueError(
                f"hop_length must be from 1 to n_fft // 2 = {self.n_fft // 2}, got {self.hop_length}."
            )
        if not self.seconds * self.sample_rate >= max(
            self.n_fft, _BASELINE_FFT
        ) or not math.isfinite(self.seconds):
            raise ValueError(
                f"seconds must be at least one window of {max(self.n_fft, _BASELINE_FFT)} samples, got {self.seconds:g}."
            )
        if self.bands < 0:
            raise ValueError(f"bands must be at least 0, got {self.bands}.")
        if self.bands:
            try:
                spectrogram.mel_filters(self.sample_rate, self.n_fft, self.bands)
            except ValueError as error:
                raise ValueError(f"bands must each hold a bin: {error}") from error

    @property
    def shape(self) -> tuple[int, int]:
        """Frames and bins (or bands) of a clip."""
        samples = round(self.seconds * self.sample_rate)
        return spectrogram.frame_count(
            samples, n_fft=self.n_fft, hop_length=self.hop_length
        ), self.bands or self.n_fft // 2 + 1


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a classifier is trained; the defaults are the authors'.

    Attributes:
      epochs: passes over the training clips.
      batch: clips in a step.
      learning_rate: Adam's.
      secondary_classes: classes of equal size by spectral centroid that a second head is to tell; 0 has none.
      readout: what the heads see of the network's last tap: "all" of it, as the authors, or its "mean" over frames.
      shift: longest time by which training clips are rotated at random, as a share of their length.
      gain_db: largest change of level of training clips at random, in dB.
    """

    epochs: int = 31
    batch: int = 20
    learning_rate: float = 1e-3
    secondary_classes: int = 0
    readout: str = "all"
    shift: float = 0.0
    gain_db: float = 0.0

    def __post_init__(self):
        for name, least in {"epochs": 1, "batch": 2, "secondary_classes": 0, "gain_db": 0}.items():
            if not least <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}.")
        if self.secondary_classes == 1:
            raise ValueError("secondary_classes must be 0 or at least 2, got 1.")
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate:g}.")
        if not 0 <= self.shift <= 1:
            raise ValueError(f"shift must be from 0 to 1, got {self.shift:g}.")
        if self.readout not in READOUTS:
            raise ValueError(f"readout must be one of {', '.join(READOUTS)}, got {self.readout!r}.")


# --- clips


def embedded_clips() -> tuple[list[Clip], list[str]]:
    """A data set of procedural sounds: six classes in three folds, two clips each."""
    classes = ["bubbles", "clock", "crickets", "fire", "rain", "wind"]
    return [
        Clip(f"{EMBEDDED}{name}/{seed}", label, 1 + seed // 2)
        for label, name in enumerate(classes)
        for seed in range(6)
    ], classes


def check_folds(clips: Sequence[Clip], folds: Sequence[int]) -> None:
    """Raises ValueError where a fold to be held out has no clip, or leaves none or one class to train on."""
    for fold in folds:
        if not any(clip.fold == fold for clip in clips):
            there = ", ".join(map(str, sorted({clip.fold for clip in clips}))) or "none"
            raise ValueError(f"fold {fold} has no clip; there are {there}.")
        if len({clip.label for clip in clips if clip.fold != fold}) < 2:
            raise ValueError(f"without fold {fold} there are fewer than two classes to train on.")


# --- spectrograms


class Example(NamedTuple):
    """What is known of a clip.

    Attributes:
      spectrogram: [T, F] float16, log1p(magnitude) / 7; half precision is finer than the 8 bits of the authors' pictures.
      centroid: mean spectral centroid in Hz, weighted by the frames' level (paper: secondary classes).
      profile: [40] mean log-mel spectrum, which the baseline goes by.
    """

    spectrogram: np.ndarray
    centroid: np.ndarray
    profile: np.ndarray


def transform(wave: np.ndarray, front: FrontEnd) -> Example:
    """A mono wave [samples] of the front end's rate and length -> Example."""
    found = _transform(
        wave,
        sample_rate=front.sample_rate,
        n_fft=front.n_fft,
        hop_length=front.hop_length,
        bands=front.bands,
    )
    return Example(*(np.asarray(value) for value in found))


@functools.partial(jax.jit, static_argnames=("sample_rate", "n_fft", "hop_length", "bands"))
def _transform(wave, *, sample_rate, n_fft, hop_length, bands):
    magnitude = jnp.abs(spectrogram.stft(wave, n_fft=n_fft, hop_length=hop_length))
    seen = magnitude @ spectrogram.mel_filters(sample_rate, n_fft, bands) if bands else magnitude
    frequencies = np.linspace(0, sample_rate / 2, n_fft // 2 + 1, dtype=np.float32)
    # Frame by frame centroid times level, over level; a silent clip has the centroid 0.
    level = jnp.sqrt(jnp.mean(magnitude**2, axis=1))
    centroid = magnitude @ frequencies / (jnp.sum(magnitude, axis=1) + 1e-12)
    coarse = jnp.abs(spectrogram.stft(wave, n_fft=_BASELINE_FFT, hop_length=_BASELINE_HOP))
    profile = jnp.mean(
        jnp.log(
            coarse @ spectrogram.mel_filters(sample_rate, _BASELINE_FFT, _BASELINE_BANDS) + 1e-5
        ),
        axis=0,
    )
    return (
        spectrogram.compress(seen).astype(jnp.float16),
        jnp.sum(centroid * level) / (jnp.sum(level) + 1e-12),
        profile,
    )


def read_clip(path: str, front: FrontEnd) -> np.ndarray:
    """A clip's wave [samples], mono, at the front end's rate, cut or padded with zeros to its length."""
    if path.startswith(EMBEDDED):
        name, seed = path.removeprefix(EMBEDDED).split("/")
        return sounds.make(name, jax.random.key(int(seed)), front.seconds, front.sample_rate)
    wave, rate = audio.read(path, seconds=front.seconds)
    wave = audio.resample(audio.with_channels(wave, 1)[0], rate, front.sample_rate)
    samples = round(front.seconds * front.sample_rate)
    return np.pad(wave, (0, max(samples - len(wave), 0)))[:samples]


def cached(
    path: str,
    front: FrontEnd,
    cache: str,
    *,
    on_unkept: Callable[[str], None] = lambda reason: None,
) -> str:
    """The file that holds a clip's Example, worked out if it is not there or damaged: files go by
    the clip's content and the front end.

    Where the folder cannot be written to, the file is not there afterwards, and on_unkept is told
    why. ValueError where the
    clip cannot be read.
    """
    digest = hashlib.sha256(json.dumps([_CACHE_VERSION, dataclasses.asdict(front)]).encode())
    if path.startswith(EMBEDDED):
        digest.update(path.encode())
    else:
        try:
            with open(path, "rb") as file:
                digest.update(file.read())
        except OSError as error:
            raise ValueError(f"{path!r} cannot be read ({error.strerror}).") from error
    entry = os.path.join(cache, digest.hexdigest()[:2], digest.hexdigest() + ".npz")
    example_of(entry, path, front, on_unkept=on_unkept)
    return entry


def example_of(
    entry: str,
    path: str,
    front: FrontEnd,
    *,
    on_unkept: Callable[[str], None] = lambda reason: None,
) -> Example:
    """A clip's Example from the file of `cached`; worked out anew, and the file replaced, where
    that is damaged or gone.
    """
    try:
        return load(entry, front)
    except ValueError:
        example = transform(read_clip(path, front), front)
    try:
        _keep(entry, example)
    except OSError as error:
        on_unkept(error.strerror or str(error))
    return example


def load(entry: str, front: FrontEnd | None = None) -> Example:
    """The Example in a file of `cached`. ValueError where it is missing, damaged, or not of the
    front end.
    """
    try:
        # By a file of ours: NumPy leaves its own open where the archive is damaged.
        with open(entry, "rb") as file, np.load(file) as arrays:
            example = Example(*(arrays[name] for name in Example._fields))
    # Whatever a damaged archive brings about: its reader alone raises half a dozen kinds.
    except Exception as error:
        raise ValueError(f"{entry!r} is missing or damaged ({error}).") from error
    shapes = [value.shape for value in example]
    expected = [front.shape if front else shapes[0], (), (_BASELINE_BANDS,)]
    types = [value.dtype for value in example]
    if (
        shapes != expected
        or types != [np.float16, np.float32, np.float32]
        or not all(np.all(np.isfinite(value)) for value in example)
    ):
        raise ValueError(f"{entry!r} does not hold the spectrogram of a clip.")
    return example


def _keep(entry: str, example: Example) -> None:
    """Writes an entry whole or not at all. OSError where it cannot be written."""
    os.makedirs(os.path.dirname(entry), exist_ok=True)
    # Threads and processes may be at the same one: each writes to a name of its own.
    with files.replacing(entry) as partial, open(partial, "wb") as file:
        np.savez(file, **example._asdict())


def ahead(make: Callable[[Any], Any], items: Iterable[Any], *, depth: int = 3) -> Iterator[Any]:
    """make(item) for each item, in order, worked out in a thread up to `depth` items before it is asked for."""
    with futures.ThreadPoolExecutor(1) as thread:
        pending = collections.deque()
        try:
            for item in items:
                pending.append(thread.submit(make, item))
                if len(pending) > depth:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


# --- the classifier


class Classifier(nn.Module):
    """A network and, on its last tap, a linear head for the classes and one for the secondary classes."""

    network: nn.Module
    classes: int
    settings: Settings

    @nn.compact
    def __call__(self, x: jax.Array, training: bool = False) -> dict[str, jax.Array]:
        """[T, F] -> logits {"class": [classes], "secondary": [secondary classes], where there are any}."""
        last = list(self.network(x, training).values())[-1]
        # What the network over bins leaves are bins: nothing to average over.
        if self.settings.readout == "mean" and "frames" in self.network.positions:
            last = jnp.mean(last, axis=0)
        logits = {"class": nn.Dense(self.classes)(last.reshape(-1))}
        if self.settings.secondary_classes:
            logits["secondary"] = nn.Dense(self.settings.secondary_classes)(last.reshape(-1))
        return logits


class State(NamedTuple):
    """Of a training: weights, running moments of batch normalisation, Adam's moments."""

    parameters: Any
    moments: Any
    optimizer: Any


class Trainer(NamedTuple):
    """init: key -> State. step: (state, key, spectrograms [B, T, F], labels, secondary labels) -> (state, loss, correct
    [B]). predict: (state, spectrograms [B, T, F]) -> logits [B, classes]."""

    init: Callable[[jax.Array], State]
    step: Callable[..., tuple[State, jax.Array, jax.Array]]
    predict: Callable[[State, jax.Array], jax.Array]


def augment(key: jax.Array, x: jax.Array, *, shift: float, gain_db: float) -> jax.Array:
    """A spectrogram [T, F] rotated in time by up to a share `shift` of its length, and louder or softer by up to gain_db."""
    shift_key, gain_key = jax.random.split(key)
    if shift:
        most = round(shift * len(x))
        x = jnp.roll(x, jax.random.randint(shift_key, (), -most, most + 1), axis=0)
    if gain_db:
        gain = 10 ** (jax.random.uniform(gain_key, minval=-gain_db, maxval=gain_db) / 20)
        x = spectrogram.compress(gain * spectrogram.expand(x))
    return x


def trainer(
    description: NetworkConfig, front: FrontEnd, classes: int, settings: Settings
) -> Trainer:
    """The classifier of a description, trained by Adam on the sum of the heads' cross-entropies.

    Raises ValueError for a network without batch normalisation, whose moments are a part of the state.
    """
    if description.initialisation != "uniform":
        raise ValueError(
            f"a network to be trained must have the initialisation uniform, got {description.initialisation}."
        )
    classifier = Classifier(networks.build(description), classes, settings)
    adam = optax.adam(settings.learning_rate)

    @jax.jit
    def init(key):
        variables = classifier.init(key, jnp.zeros(front.shape))
        return State(variables["params"], variables["batch_stats"], adam.init(variables["params"]))

    @jax.jit
    def step(state, key, x, labels, secondary):
        x = jax.vmap(
            lambda key, x: augment(key, x, shift=settings.shift, gain_db=settings.gain_db)
        )(jax.random.split(key, len(x)), x)

        def loss(parameters):
            variables = {"params": parameters, "batch_stats": state.moments}
            one = lambda x: classifier.apply(variables, x, True, mutable=["batch_stats"])
            logits, updated = jax.vmap(one, axis_name=networks.CLIPS, out_axes=(0, None))(x)
            entropy = optax.softmax_cross_entropy_with_integer_labels
            total = jnp.mean(entropy(logits["class"], labels))
            if settings.secondary_classes:
                total += jnp.mean(entropy(logits["secondary"], secondary))
            return total, (updated["batch_stats"], jnp.argmax(logits["class"], axis=1) == labels)

        (value, (moments, correct)), gradient = jax.value_and_grad(loss, has_aux=True)(
            state.parameters
        )
        updates, optimizer = adam.update(gradient, state.optimizer)
        return (
            State(optax.apply_updates(state.parameters, updates), moments, optimizer),
            value,
            correct,
        )

    @jax.jit
    def predict(state, x):
        variables = {"params": state.parameters, "batch_stats": state.moments}
        return jax.vmap(lambda x: classifier.apply(variables, x)["class"])(x)

    return Trainer(init, step, predict)


def network_variables(state: State) -> dict[str, Any]:
    """The network's variables without the heads: what `networks.build(description).apply` takes."""
    return {"params": state.parameters["network"], "batch_stats": state.moments["network"]}


# --- cross-validation


def secondary_labels(centroids: np.ndarray, training: np.ndarray, classes: int) -> np.ndarray:
    """Classes of equal size by spectral centroid (paper: multi-task training); their bounds are the training clips' quantiles.

    centroids: [N] in Hz. training: [N] bool. Returns [N] from 0 to classes - 1.
    """
    if not classes:
        return np.zeros(len(centroids), np.int32)
    bounds = np.quantile(centroids[training], np.arange(1, classes) / classes)
    return np.searchsorted(bounds, centroids, side="right").astype(np.int32)


def nearest_mean(profiles: np.ndarray, labels: np.ndarray, training: np.ndarray) -> np.ndarray:
    """The baseline's predictions for the clips that are not training: the class whose mean profile is nearest, in deviations.

    profiles: [N, F]. labels: [N]. training: [N] bool. Returns [clips held out] labels.
    """
    standard = (profiles - profiles[training].mean(axis=0)) / (
        profiles[training].std(axis=0) + 1e-6
    )
    present = np.unique(labels[training])
    means = np.stack([standard[training & (labels == label)].mean(axis=0) for label in present])
    return present[
        np.argmin(((standard[~training][:, None] - means[None]) ** 2).sum(axis=2), axis=1)
    ]


def batches(order: np.ndarray, size: int) -> list[np.ndarray]:
    """The order cut into batches of one size; the last one is filled up from the front."""
    count = -(-len(order) // size)
    return list(np.resize(order, count * size).reshape(count, size))


def cross_validate(
    clips: Sequence[Clip],
    centroids: np.ndarray,
    read: Callable[[Clip], np.ndarray],
    train: Trainer,
    settings: Settings,
    folds: Sequence[int],
    *,
    seed: int,
    state: State | None = None,
    rows: Sequence[dict[str, Any]] = (),
) -> Iterator[tuple[State, list[dict[str, Any]]]]:
    """Trains a classifier for each fold held out, one after the other.

    Args:
      clips: all of them. centroids: [N] in Hz.
      read: clip -> spectrogram [T, F]; called in a thread, ahead of the steps.
      folds: to be held out.
      seed: of weights, order of clips and augmentation: those of a fold depend on nothing else.
      state, rows: of a run to go on with.
    Yields:
      After each epoch the state and a row for each epoch so far: fold, epoch (from 1), loss, training accuracy (`fitted`),
      seconds, held-out `accuracy`; and, in a fold's last row, `predicted`: the labels found for its clips, in order.
    Raises:
      FloatingPointError: a loss that is not finite.
    """
    rows = list(rows)
    labels = np.array([clip.label for clip in clips], np.int32)
    fold_of = np.array([clip.fold for clip in clips])

    def stacked(chosen):
        return chosen, np.stack([read(clips[i]) for i in chosen]).astype(np.float32)

    for fold in folds:
        done = [row for row in rows if row["fold"] == fold]
        if len(done) == settings.epochs:
            continue
        key = jax.random.fold_in(jax.random.key(seed), fold)
        if not done:
            state = train.init(key)
        training = np.flatnonzero(fold_of != fold)
        held_out = np.flatnonzero(fold_of == fold)
        secondary = secondary_labels(centroids, fold_of != fold, settings.secondary_classes)
        for epoch in range(len(done) + 1, settings.epochs + 1):
            started = time.monotonic()
            order = np.random.default_rng([seed, fold, epoch]).permutation(training)
            losses, right = [], []
            for number, (chosen, x) in enumerate(ahead(stacked, batches(order, settings.batch))):
                step_key = jax.random.fold_in(jax.random.fold_in(key, epoch), number)
                state, loss, correct = train.step(
                    state, step_key, x, labels[chosen], secondary[chosen]
                )
                losses.append(loss)
                right.append(correct)
            logits = [
                train.predict(state, x)
                for _, x in ahead(stacked, batches(held_out, settings.batch))
            ]
            predicted = np.argmax(np.concatenate(logits)[: len(held_out)], axis=1)
            row = {
                "fold": fold,
                "epoch": epoch,
                "loss": float(np.mean(losses)),
                "fitted": float(np.mean(right)),
                "accuracy": float(np.mean(predicted == labels[held_out])),
                "seconds": time.monotonic() - started,
            }
            if not math.isfinite(row["loss"]):
                raise FloatingPointError(
                    f"the loss was not finite in epoch {epoch} of fold {fold}; a lower rate may help."
                )
            if epoch == settings.epochs:
                row["predicted"] = predicted.tolist()
            rows.append(row)
            yield state, rows


def summary(
    clips: Sequence[Clip],
    classes: Sequence[str],
    profiles: np.ndarray,
    rows: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """Accuracies over the folds of the rows: of the classifier, of `nearest_mean`, and by chance.

    Returns:
      accuracy (mean over folds), folds (fold -> accuracy), deviation (over folds), baseline (mean over folds), chance (1 /
      classes), classes, confusion ([true][found], counts over all folds), clips.
    """
    labels = np.array([clip.label for clip in clips])
    fold_of = np.array([clip.fold for clip in clips])
    confusion = np.zeros((len(classes), len(classes)), int)
    by_fold, baseline = {}, []
    for row in rows:
        if "predicted" not in row:
            continue
        held_out = fold_of == row["fold"]
        np.add.at(confusion, (labels[held_out], np.array(row["predicted"])), 1)
        by_fold[str(row["fold"])] = row["accuracy"]
        baseline.append(
            float(np.mean(nearest_mean(profiles, labels, ~held_out) == labels[held_out]))
        )
    return {
        "accuracy": float(np.mean(list(by_fold.values()))),
        "folds": by_fold,
        "deviation": float(np.std(list(by_fold.values()))),
        "baseline": float(np.mean(baseline)),
        "chance": 1 / len(classes),
        "classes": list(classes),
        "confusion": confusion.tolist(),
        "clips": len(clips),
    }
