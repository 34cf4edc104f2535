"""The recordings of a sweep, each written once beside its page, which plays them beside the runs.

They are the stretches that the runs use, as FLAC files, so that the folder can be moved and heard
elsewhere.
"""

import hashlib
import json
import os
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from audio_texture import audio, files
from launch.errors import UserError
from launch.output import Output
from launch.sweep.plan import Run

_ENDINGS = (".flac", ".png")
# Of a recording's own name, in the names of its files.
_MOST_CHARACTERS = 40


class Recording(NamedTuple):
    """A recording that runs use.

    Attributes:
      role: what it is to them: reference, content or style.
      name: of its file, with the folder.
      stem: of the names of the files that hold it here.
    """

    role: str
    name: str
    stem: str

    @property
    def title(self) -> str:
        """Its name for the reader of the page."""
        return f"{self.role}: {self.name}"

    @property
    def sound(self) -> str:
        """The name of its sound file."""
        return self.stem + _ENDINGS[0]

    @property
    def picture(self) -> str:
        """The name of its spectrogram."""
        return self.stem + _ENDINGS[1]


def recordings_of(run: Run) -> list[Recording]:
    """The recordings of a run, in the order in which its steps read them."""
    if "inputs" in run.config:
        entries = [("reference", entry) for entry in run.config["inputs"]]
    else:
        entries = [(role, run.config[role]) for role in ("content", "style")]
    return [_make_recording(role, entry) for role, entry in entries]


def _make_recording(role: str, entry: dict[str, Any]) -> Recording:
    """The recording of an entry of a configuration. role: what it is to the run."""
    stretch = {name: entry[name] for name in ("source", "start", "seconds", "sha256")}
    digest = hashlib.sha256(json.dumps(stretch, sort_keys=True).encode()).hexdigest()
    folder, name = os.path.split(entry["source"])
    plain = re.sub(r"[^\w.-]", "_", os.path.splitext(name)[0])[:_MOST_CHARACTERS]
    shown = os.path.join(os.path.basename(folder), name)
    return Recording(role, shown, f"{role}-{plain}-{digest[:8]}")


def recording_files(planned: Sequence[Run]) -> list[str]:
    """The names of all files that `write_recordings` may write."""
    stems = dict.fromkeys(recording.stem for run in planned for recording in recordings_of(run))
    return [stem + ending for stem in stems for ending in _ENDINGS]


def write_recordings(output: Output, steps: Any, planned: Sequence[Run]) -> None:
    """Writes the recordings of runs that are not in the folder yet.

    A recording that cannot be read, or held by a FLAC file, is left out.

    Args:
      output: the sweep's folder.
      steps: of the program that is swept.
      planned: the runs.
    """
    tried = set()
    for run in planned:
        recordings = [
            recording
            for recording in recordings_of(run)
            if recording.stem not in tried and not is_written(output, recording)
        ]
        if not recordings:
            continue
        tried |= {recording.stem for recording in recordings}
        try:
            _, waves, sample_rate = steps.read(run.config)
            channels, samples = waves[0].shape
            audio.check_writable(
                _ENDINGS[0], channels=channels, sample_rate=sample_rate, samples=samples
            )
        except (UserError, ValueError):
            continue
        for recording, wave in zip(recordings_of(run), waves, strict=True):
            if recording in recordings:
                _write_recording(output, recording, wave, sample_rate)


def is_written(output: Output, recording: Recording) -> bool:
    """Whether both files of a recording are whole."""
    return output.is_whole(recording.sound) and output.is_whole(recording.picture)


def _write_recording(
    output: Output, recording: Recording, wave: np.ndarray, sample_rate: int
) -> None:
    # Matplotlib takes a second to import, which bad input need not wait for.
    from audio_texture import report

    def write_picture(path):
        report.write_picture(path, wave, sample_rate)
        files.sync_file(path)

    # A file of floats may go beyond full scale, which FLAC cannot.
    output.write_sound(recording.sound, np.clip(wave, -1, 1), sample_rate)
    output.save(recording.picture, write_picture)
