"""The training of launch.train into its folder: progress, checkpoints, Ctrl-C, and resuming."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tqdm

from audio_texture import checkpoint, files, optimize, training
from audio_texture.datasets import Clip
from launch import interrupts, messages, records, run_io, runs
from launch.errors import UserError, naming_flag
from launch.messages import say
from launch.output import Output
from launch.plurals import count
from launch.train_data import TrainingData
from launch.train_results import CHECKPOINT, WEIGHTS

_ROW_TYPES = {
    "fold": int,
    "epoch": int,
    "loss": float,
    "fitted": float,
    "accuracy": float,
    "seconds": float,
}


class TrainingRun:
    """A training that writes metrics.jsonl and checkpoints into a folder.

    Attributes:
      output: the folder.
      data: the clips.
      state: the training's state; None before the first epoch.
      rows: one for each epoch so far.
      profiles: [N, F] of the clips, for the baseline.
    """

    def __init__(
        self,
        output: Output,
        data: TrainingData,
        trainer: training.Trainer,
        state: training.TrainState | None,
        rows: Sequence[dict[str, Any]],
        checkpoint_every: int,
    ):
        self.output, self.data, self.state, self.rows = output, data, state, list(rows)
        self._trainer, self._checkpoint_every = trainer, checkpoint_every
        self._saved_rows = len(self.rows)
        examples = map(data.read_example, range(len(data.clips)))
        pairs = [(example.centroid, example.profile) for example in examples]
        self._centroids, self.profiles = (np.stack(values) for values in zip(*pairs, strict=True))

    def train(
        self,
        settings: training.TrainingSettings,
        folds: Sequence[int],
        seed: int,
        write_results: Callable[[], int],
    ) -> int:
        """Trains to the end and writes the results; the exit status.

        Args:
          settings: of the training.
          folds: folds to hold out.
          seed: of the training.
          write_results: writes the results and returns the exit status.
        """
        index = {clip: number for number, clip in enumerate(self.data.clips)}
        epochs = training.cross_validate(
            self.data.clips,
            self._centroids,
            lambda clip: self.data.read_spectrogram(index[clip]),
            self._trainer,
            settings,
            folds,
            seed=seed,
            state=self.state,
            rows=self.rows,
        )
        messages.done()
        bar = tqdm.tqdm(
            total=len(folds) * settings.epochs,
            initial=len(self.rows),
            unit="epoch",
            disable=not sys.stderr.isatty(),
            leave=False,
        )
        try:
            with interrupts.of_one_kind():
                for self.state, self.rows in epochs:
                    self._keep_epoch(bar)
        except KeyboardInterrupt:
            with optimize.Interrupts():
                bar.close()
                self._save_unsaved()
            messages.say_all(interrupts.describe())
            return interrupts.STATUS
        except UserError as error:
            # A recording and its spectrogram were removed during the run.
            bar.close()
            self._save_unsaved()
            kept = f"{count(len(self.rows), 'epoch')} kept; --resume goes on from there."
            raise UserError(f"{error} {kept}") from error
        except FloatingPointError as error:
            raise UserError(f"--learning_rate: {error}") from error
        bar.close()
        # The trained weights are only in memory: Ctrl-C waits until they are written.
        with optimize.Interrupts() as interruption:
            interrupts.unsaved(True)
            status = write_results()
        return interrupts.STATUS if interruption.received else status

    def _keep_epoch(self, bar: tqdm.tqdm) -> None:
        """Writes and shows the last epoch. KeyboardInterrupt where Ctrl-C came meanwhile."""
        with optimize.Interrupts() as interruption:
            self.write_rows(self.rows)
            last = self.rows[-1]
            bar.update()
            bar.set_postfix_str(f"loss {last['loss']:.3f}")
            if "predicted" in last:
                bar.clear()
                say(
                    f"fold {last['fold']}: accuracy {last['accuracy']:.3f} "
                    f"(training {last['fitted']:.3f})"
                )
            if self._checkpoint_every and len(self.rows) % self._checkpoint_every == 0:
                self._save_state()
            interrupts.unsaved(len(self.rows) > self._saved_rows)
        if interruption.received:
            raise KeyboardInterrupt

    def write_rows(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Writes metrics.jsonl; says where it cannot be written."""
        try:
            text = runs.json_lines([dict(row) for row in rows])
            files.write_text(self.output.path(run_io.METRICS), text, sync=False)
        except OSError as error:
            self.output.complain(run_io.METRICS, error, "the training goes on without")

    def _save_unsaved(self) -> None:
        if len(self.rows) > self._saved_rows:
            self._save_state()

    def _save_state(self) -> None:
        """Writes a checkpoint; says where it cannot be written."""
        try:
            checkpoint.save_tree(self.output.path(CHECKPOINT), self.state, self.rows)
            self._saved_rows = len(self.rows)
            interrupts.made(f"{count(self._saved_rows, 'epoch')} in {self.output.folder}")
        except OSError as error:
            consequence = "a later --resume begins the fold at hand again"
            self.output.complain(CHECKPOINT, error, consequence)


def read_earlier(
    folder: str,
    record: records.Record | None,
    like: Any,
    clips: Sequence[Clip],
    folds: Sequence[int],
    epochs: int,
) -> tuple[Any, list[dict[str, Any]]]:
    """Returns the state and rows to resume from.

    They are those of the checkpoint. Without one, the state is None and the rows are those of the
    folds that metrics.jsonl holds completely. The network of the last fold is trained again if its
    weights are not whole. Says what is lost; writes nothing.

    Args:
      folder: of the run.
      record: of the folder.
      like: a state's shapes and types.
      clips: of the data set.
      folds: folds to hold out.
      epochs: of each fold.
    """
    try:
        with naming_flag("resume"):
            if restored := checkpoint.load_tree(os.path.join(folder, CHECKPOINT), like):
                return restored
    except UserError as error:
        if not isinstance(error.__cause__, checkpoint.DamagedError):
            raise
        say(f"{error.__cause__} The fold at hand is begun again.")
    path = os.path.join(folder, run_io.METRICS)
    rows, complete = runs.read_rows(path, _is_row)
    if not complete:
        say(f"{path}: damaged or missing; folds that cannot be read are trained again")
    kept_rows = []
    for fold in folds:
        fold_rows = [row for row in rows if row["fold"] == fold]
        held_out = sum(clip.fold == fold for clip in clips)
        is_whole = [row["epoch"] for row in fold_rows] == list(range(1, epochs + 1)) and (
            len(fold_rows[-1].get("predicted", ())) == held_out
        )
        weights_lost = fold == folds[-1] and not records.is_whole(folder, record, WEIGHTS)
        if is_whole and not weights_lost:
            kept_rows += fold_rows
        elif fold_rows:
            say(f"fold {fold} is trained again")
    return None, kept_rows


def _is_row(row: Any) -> bool:
    is_plain = isinstance(row, dict) and all(
        isinstance(row.get(name), kind) for name, kind in _ROW_TYPES.items()
    )
    return is_plain and isinstance(row.get("predicted", []), list)
