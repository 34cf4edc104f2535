"""The clips of launch.train and their spectrograms; unreadable clips are reported and left out."""

import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tqdm

from audio_texture import audio, datasets, training
from audio_texture.datasets import Clip
from launch.errors import UserError, naming_flag, one_line
from launch.messages import done, hold, say, say_once
from launch.plurals import count

# Most lines of a kind; of further ones only the number is reported.
_MOST_LINES = 10


class TrainingData(NamedTuple):
    """The clips that can be read.

    Attributes:
      clips: in order.
      entries: the file of each clip's example.
      skipped: number of clips that cannot be read.
      front: the front end.
    """

    clips: list[Clip]
    entries: list[str]
    skipped: int
    front: training.FrontEnd

    def read_example(self, index: int) -> training.Example:
        """Returns the example of a clip. ValueError where its file and the clip are gone."""
        return training.read_or_make_example(
            self.entries[index], self.clips[index].path, self.front, on_unsaved=_say_unsaved
        )

    def read_spectrogram(self, index: int) -> np.ndarray:
        """Returns the spectrogram of a clip. UserError where it is gone."""
        with naming_flag("data"):
            return self.read_example(index).spectrogram


def read_clips(folder: str | None) -> tuple[list[Clip], list[str]]:
    """Returns the clips of a folder, or the procedural ones, and the names of their classes."""
    if not folder:
        return training.procedural_clips()
    with naming_flag("data"):
        dataset = datasets.scan_dataset(folder)
    for line in datasets.describe_exceptions(dataset):
        hold(f"--data: {line}")
    return dataset.clips, dataset.classes


def prepare(
    clips: Sequence[Clip], front: training.FrontEnd, values: Mapping[str, Any]
) -> TrainingData:
    """Makes the spectrograms of all clips and returns those that can be read.

    Says which clips are left out, and holds lines on headers and lengths.

    Args:
      clips: of the data set.
      front: the front end.
      values: of the flags --cache_dir and --data.
    """
    cache = _make_cache_folder(values["cache_dir"])
    data, lengths, complaints = TrainingData([], [], 0, front), [], []

    def cache_clip(clip):
        is_file = not clip.path.startswith("sound:")
        try:
            length = audio.seconds_of(clip.path) if is_file else None
            entry = training.cache_example(clip.path, front, cache, on_unsaved=_say_unsaved)
            return clip, entry, length, ""
        except ValueError as error:
            return clip, None, None, one_line(error)

    # The warnings of all clips, also from the thread that reads them.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", audio.FileWarning)
        results = training.prefetch(cache_clip, clips)
        for clip, entry, length, complaint in progress_bar(results, "spectrograms", len(clips)):
            if entry:
                data.clips.append(clip)
                data.entries.append(entry)
                lengths.append(length)
                continue
            complaints.append(complaint)
            if len(complaints) <= _MOST_LINES:
                say(f"skipped: {complaint}")
    if complaints:
        say(f"{len(complaints)} of {count(len(clips), 'clip')} cannot be read: left out")
    _hold_warnings(caught)
    if values["data"]:
        hold(f"--data: {describe_lengths(lengths, front.seconds)}")
    return data._replace(skipped=len(complaints))


def progress_bar(iterable: Any, name: str, total: int) -> tqdm.tqdm:
    """Returns the iterable, with a bar over clips on a terminal."""
    done()
    return tqdm.tqdm(
        iterable, name, total, unit="clip", disable=not sys.stderr.isatty(), leave=False
    )


def _make_cache_folder(folder: str | None) -> str:
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    cache = folder or os.path.join(home, "audio_texture", "spectrograms")
    try:
        os.makedirs(cache, exist_ok=True)
    except OSError as error:
        # Only --cache_dir is refused; the training can do without the default folder.
        if folder:
            raise UserError(
                f"--cache_dir: {cache!r} cannot be made or written to ({error.strerror})."
            ) from error
    return cache


def _hold_warnings(caught: Sequence[warnings.WarningMessage]) -> None:
    messages = [
        one_line(warning.message)
        for warning in caught
        if issubclass(warning.category, audio.FileWarning)
    ]
    for message in messages[:_MOST_LINES]:
        hold(f"warning: --data: {message}")
    if len(messages) > _MOST_LINES:
        hold(
            f"warning: --data: {count(len(messages) - _MOST_LINES, 'more clip')} read in spite of "
            "a wrong header"
        )


def describe_lengths(lengths: Sequence[float | None], seconds: float) -> str:
    """Returns a line on the number of clips that are cut or filled up.

    Args:
      lengths: in seconds; None where a file does not say.
      seconds: the length that clips are brought to.
    """
    known = [length for length in lengths if length is not None]
    # Resampling rounds lengths by half a sample.
    longer, shorter = (
        sum(sign * (length - seconds) > 1e-3 for length in known) for sign in (1, -1)
    )
    parts = [f"{longer} longer, of which the beginning is used"] * bool(longer)
    parts += [f"{shorter} shorter, filled up with silence"] * bool(shorter)
    text = (
        f"{count(len(lengths), 'clip')}, of each {seconds:g} s (--seconds): "
        f"{'; '.join(parts) or 'all have that length'}"
    )
    unknown = len(lengths) - len(known)
    return text + (f"; {unknown} of unknown length" if unknown else "")


def _say_unsaved(reason: str) -> None:
    say_once(
        f"warning: --cache_dir: spectrograms cannot be kept ({reason}); they are made each time."
    )
