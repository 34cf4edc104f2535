"""Cross-validation: a classifier for every fold held out, compared with a baseline and chance."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from audio_texture.datasets import Clip
from audio_texture.training.classifier import Trainer, TrainState
from audio_texture.training.config import TrainingSettings
from audio_texture.training.prefetch import prefetch

# The numbers of an epoch, as `cross_validate` describes them.
Row = dict[str, Any]


def check_folds(clips: Sequence[Clip], folds: Sequence[int]) -> None:
    """Checks that every fold can be held out.

    Raises:
      ValueError: a fold has no clip, or the other folds have fewer than two classes.
    """
    for fold in folds:
        if not any(clip.fold == fold for clip in clips):
            known = ", ".join(map(str, sorted({clip.fold for clip in clips}))) or "none"
            raise ValueError(f"fold {fold} has no clip; there are {known}.")
        if len({clip.label for clip in clips if clip.fold != fold}) < 2:
            raise ValueError(f"without fold {fold} there are fewer than two classes to train on.")


def secondary_labels(centroids: np.ndarray, training: np.ndarray, classes: int) -> np.ndarray:
    """Returns labels [N] of classes of equal size by spectral centroid.

    The paper uses them for multi-task training.

    Args:
      centroids: [N] in Hz.
      training: [N] bool; the quantiles of these clips bound the classes.
      classes: their number; 0 gives all clips the label 0.

    Example:
      >>> secondary_labels(np.array([100.0, 900.0, 200.0, 800.0]), np.ones(4, bool), 2)
      array([0, 1, 0, 1], dtype=int32)
    """
    if not classes:
        return np.zeros(len(centroids), np.int32)
    bounds = np.quantile(centroids[training], np.arange(1, classes) / classes)
    return np.searchsorted(bounds, centroids, side="right").astype(np.int32)


def predict_nearest_mean(
    profiles: np.ndarray, labels: np.ndarray, training: np.ndarray
) -> np.ndarray:
    """Returns the baseline's labels of the clips held out: the class with the nearest mean profile.

    Bins are in units of their std over the training clips.

    Args:
      profiles: [N, F] mean log spectra of clips.
      labels: [N] class of each clip.
      training: [N] bool; False for a clip held out.
    Example:
      >>> profiles = np.array([[0.0], [1.0], [0.9]])
      >>> predict_nearest_mean(profiles, np.array([0, 1, 1]), np.array([True, True, False]))
      array([1])
    """
    standardised = (profiles - profiles[training].mean(axis=0)) / (
        profiles[training].std(axis=0) + 1e-6
    )
    classes = np.unique(labels[training])
    means = np.stack([standardised[training & (labels == label)].mean(axis=0) for label in classes])
    distances = ((standardised[~training][:, None] - means[None]) ** 2).sum(axis=2)
    return classes[np.argmin(distances, axis=1)]


def make_batches(order: np.ndarray, size: int) -> list[np.ndarray]:
    """Returns indices cut into batches of one size; the last is filled up with the first indices.

    Example:
      >>> [batch.tolist() for batch in make_batches(np.arange(5), 2)]
      [[0, 1], [2, 3], [4, 0]]
    """
    count = -(-len(order) // size)
    return list(np.resize(order, count * size).reshape(count, size))


def cross_validate(
    clips: Sequence[Clip],
    centroids: np.ndarray,
    read: Callable[[Clip], np.ndarray],
    trainer: Trainer,
    settings: TrainingSettings,
    folds: Sequence[int],
    *,
    seed: int,
    state: TrainState | None = None,
    rows: Sequence[Row] = (),
) -> Iterator[tuple[TrainState, list[Row]]]:
    """Trains a classifier for every fold held out, one after the other.

    Args:
      clips: all clips.
      centroids: [N] in Hz.
      read: clip -> spectrogram [T, F]; called in a thread, ahead of the steps.
      trainer: of the classifier.
      settings: of the training.
      folds: folds to hold out.
      seed: of weights, order of clips and augmentation; folds do not affect one another.
      state: state to resume from, with the `rows` so far.
      rows: rows to resume from.

    Yields:
      After each epoch the state and the rows of all epochs so far: fold, epoch (from 1), loss,
      `fitted` (training accuracy), `accuracy` (held out), seconds; and in the last row of a fold
      `predicted`, the labels predicted for its clips in order.

    Raises:
      FloatingPointError: a loss is not finite.
    """
    rows = list(rows)
    fold_of = np.array([clip.fold for clip in clips])
    for fold in folds:
        done = sum(row["fold"] == fold for row in rows)
        if done == settings.epochs:
            continue
        key = jax.random.fold_in(jax.random.key(seed), fold)
        if not done or state is None:
            state = trainer.init(key)
        secondary = secondary_labels(centroids, fold_of != fold, settings.secondary_classes)
        data = _FoldData(clips, read, secondary, settings.batch)
        held_out = np.flatnonzero(fold_of == fold)
        for epoch in range(done + 1, settings.epochs + 1):
            started, rng = time.monotonic(), np.random.default_rng([seed, fold, epoch])
            order = rng.permutation(np.flatnonzero(fold_of != fold))
            state, result = _train_epoch(
                trainer, state, jax.random.fold_in(key, epoch), data, order
            )
            row = {"fold": fold, "epoch": epoch, **result}
            predicted = _predict(trainer, state, data, held_out)
            row["accuracy"] = float(np.mean(predicted == data.labels[held_out]))
            row["seconds"] = time.monotonic() - started
            _check_finite(row)
            if epoch == settings.epochs:
                row["predicted"] = predicted.tolist()
            rows.append(row)
            yield state, rows


class _FoldData:
    """The clips of a fold's training, read in batches ahead of their use."""

    def __init__(self, clips, read, secondary: np.ndarray, batch: int):
        self._clips, self._read, self._batch = clips, read, batch
        self.labels = np.array([clip.label for clip in clips], np.int32)
        self.secondary = secondary

    def batches(self, order: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields indices [B] of clips and their spectrograms [B, T, F]."""
        return prefetch(self._read_batch, make_batches(order, self._batch))

    def _read_batch(self, indices):
        spectrograms = [self._read(self._clips[i]) for i in indices]
        return indices, np.stack(spectrograms).astype(np.float32)


def _train_epoch(
    trainer: Trainer, state: TrainState, key: jax.Array, data: _FoldData, order: np.ndarray
) -> tuple[TrainState, Row]:
    """Returns the state after an epoch, and its mean loss and training accuracy."""
    losses, correct = [], []
    for number, (indices, x) in enumerate(data.batches(order)):
        step_key = jax.random.fold_in(key, number)
        state, loss, is_correct = trainer.step(
            state, step_key, x, data.labels[indices], data.secondary[indices]
        )
        losses.append(loss)
        correct.append(is_correct)
    return state, {"loss": float(np.mean(losses)), "fitted": float(np.mean(correct))}


def _predict(
    trainer: Trainer, state: TrainState, data: _FoldData, indices: np.ndarray
) -> np.ndarray:
    """Returns the labels predicted for the clips of these indices."""
    logits = [trainer.predict(state, x) for _, x in data.batches(indices)]
    return np.argmax(np.concatenate(logits)[: len(indices)], axis=1)


def _check_finite(row: Row) -> None:
    if not math.isfinite(row["loss"]):
        raise FloatingPointError(
            f"the loss was not finite in epoch {row['epoch']} of fold {row['fold']}; "
            "a lower rate may help."
        )


def summarise(
    clips: Sequence[Clip], classes: Sequence[str], profiles: np.ndarray, rows: Sequence[Row]
) -> dict[str, Any]:
    """Returns the accuracies over the folds of the rows: of the classifier, the baseline, chance.

    Args:
      clips: all clips.
      classes: their names.
      profiles: [N, F] of the clips, for `predict_nearest_mean`.
      rows: of `cross_validate`.

    Returns:
      accuracy (mean over folds), folds (fold -> accuracy), deviation (std over folds), baseline
      (mean over folds), chance (1 / classes), classes, confusion ([true][predicted], counts over
      all folds) and clips (their number).
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
        predicted = predict_nearest_mean(profiles, labels, ~held_out)
        baseline.append(float(np.mean(predicted == labels[held_out])))
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
