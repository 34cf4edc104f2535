"""Classifiers trained within an experiment, and the clips that they learn from."""

from collections.abc import Mapping, Sequence

import numpy as np

from audio_texture import datasets, sounds, training
from audio_texture.insights.references import make_procedural

# The procedural sounds that classifiers tell apart.
CLASSES = ("bubbles", "clock", "crickets", "fire", "rain", "wind")

# Clips, and their spectrograms [T, F] by path.
Clips = tuple[list[datasets.Clip], dict[str, np.ndarray]]


def procedural_clips(seed: int, per_class: int, front: training.FrontEnd) -> Clips:
    """Returns clips of CLASSES in three folds, and their spectrograms by path.

    Args:
      seed: of the takes.
      per_class: number of clips in a class.
      front: the front end.
    """
    clips, waves = [], {}
    for label, name in enumerate(CLASSES):
        for take in range(per_class):
            clip = datasets.Clip(f"{name}/{take}", label, 1 + take % 3)
            sound = sounds.SOUNDS[name]
            waves[clip.path] = make_procedural(sound, 1000 * seed + take, front.seconds)
            clips.append(clip)
    return clips, _make_spectrograms(waves, front)


def recorded_clips(
    paths: Sequence[str], seed: int, per_class: int, front: training.FrontEnd
) -> Clips:
    """Returns clips of recordings, and their spectrograms by path; unreadable ones are skipped.

    Args:
      paths: of recordings, FOLDER/FOLD-NAME.
      seed: of the choice.
      per_class: clips in each class, at the most.
      front: the front end.
    """
    clips, waves = [], {}
    for label, (_, folds) in enumerate(group_by_class(paths).items()):
        for path in np.random.default_rng([seed, label]).permutation(sorted(folds))[:per_class]:
            try:
                waves[str(path)] = training.read_clip(str(path), front)
            except ValueError:
                continue
            clips.append(datasets.Clip(str(path), label, folds[str(path)]))
    return clips, _make_spectrograms(waves, front)


def group_by_class(paths: Sequence[str]) -> dict[str, dict[str, int]]:
    """Returns class -> path -> fold, of folds 1 to 3; the class is the folder.

    Classes without clips in the first fold and in another are left out.

    Example:
      >>> group_by_class(["rain/1-a.wav", "rain/2-b.wav", "wind/1-c.wav"])
      {'rain': {'rain/1-a.wav': 1, 'rain/2-b.wav': 2}}
    """
    classes: dict[str, dict[str, int]] = {}
    for path in paths:
        *_, folder, name = path.split("/")
        if name[0] in "123":
            classes.setdefault(folder, {})[path] = int(name[0])
    return {
        folder: folds
        for folder, folds in sorted(classes.items())
        if 1 in folds.values() and len(set(folds.values())) > 1
    }


def _make_spectrograms(
    waves: Mapping[str, np.ndarray], front: training.FrontEnd
) -> dict[str, np.ndarray]:
    return {path: training.make_example(wave, front).spectrogram for path, wave in waves.items()}


def train_classifier(
    trainer: training.Trainer,
    clips: Sequence[datasets.Clip],
    spectrograms: Mapping[str, np.ndarray],
    settings: training.TrainingSettings,
    seed: int,
) -> tuple[training.TrainState, float]:
    """Returns a classifier trained on all folds but the first, and its accuracy on the first.

    Args:
      trainer: of the classifier.
      clips: all clips.
      spectrograms: of the clips, by path.
      settings: of the training.
      seed: of weights and order.
    """
    epochs = training.cross_validate(
        clips,
        np.zeros(len(clips)),
        lambda clip: spectrograms[clip.path],
        trainer,
        settings,
        [1],
        seed=seed,
    )
    *_, (state, rows) = epochs
    return state, rows[-1]["accuracy"]
