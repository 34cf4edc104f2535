"""The sounds of --contents, with which launch.generate trains a generator that follows contents."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from audio_texture import audio, datasets, references
from launch import flag_checks
from launch.errors import UserError, naming_flag, one_line
from launch.inputs import EMBEDDED, digest, read_sound
from launch.messages import hold
from launch.plurals import count

# Contents of a training at most, and what is used of each, in seconds.
MOST_CONTENTS, CONTENT_SECONDS = 64, 10.0
# Most lines on sounds that are left out; of further ones only the number is said.
_MOST_LINES = 10
_OF_CONTENT = "generated.wav is the first content in the style, of its length"
_ENDLESS = "it is for endless sound, and this generator needs a content"
# Flags of an endless texture, and why they do nothing beside --contents.
_USELESS = {
    "seconds": _OF_CONTENT,
    "position": _OF_CONTENT,
    "weights": "with --contents there is one style",
    "morph_to": "with --contents there is one style",
    "page": _ENDLESS,
    "export": _ENDLESS,
}
# Choices of a transfer's recipe that a training has no use for.
USELESS_CHOICES = {
    "start_recoloured": "a generator is always given contents in the style's spectrum",
    "start_shape": "the generator makes gains of its own",
}


class Contents(NamedTuple):
    """The contents of a training.

    Attributes:
      entries: as config.json has them.
      waves: [C, N] each.
      rates: in Hz.
    """

    entries: list[dict[str, Any]]
    waves: list[np.ndarray]
    rates: list[int]

    def at_rate(self, sample_rate: int, *, seconds: float) -> list[np.ndarray]:
        """The beginnings of all contents at a sample rate in Hz. seconds: of each, at most."""
        return [
            audio.resample(wave[:, : round(seconds * rate)], rate, sample_rate)
            for wave, rate in zip(self.waves, self.rates, strict=True)
        ]

    def first(self, channels: int, sample_rate: int) -> np.ndarray:
        """The first content as it is heard: [channels, N] at a sample rate in Hz."""
        wave = audio.resample(self.waves[0], self.rates[0], sample_rate)
        return audio.with_channels(wave, channels)


def check_flags(given: Collection[str], inputs: int) -> None:
    """UserError for flags that do not go with --contents. inputs: number of --input."""
    flag_checks.refuse({name: reason for name, reason in _USELESS.items() if name in given})
    if "generator" in given:
        raise UserError(
            "--generator: a generator that follows contents is trained from the start; leave "
            "--generator or --contents out."
        )
    if inputs > 1:
        raise UserError(f"--input: {count(inputs, 'sound')}; with --contents there is one style.")


def choose(paths: Sequence[str]) -> Contents:
    """The contents of the flag: sounds, and folders of which all sounds are taken, sorted. Of more
    than `MOST_CONTENTS` so many are taken, evenly.

    Keeps lines for `say_held` on sounds of folders that cannot be used and are left out. UserError
    where a sound that is named by itself cannot be used, or none is left.
    """
    listed = list(_list_sounds(paths))
    if len(listed) > MOST_CONTENTS:
        hold(f"--contents: {MOST_CONTENTS} of {len(listed)} sounds are used, taken evenly")
        places = np.linspace(0, len(listed) - 1, MOST_CONTENTS).round().astype(int)
        listed = [listed[place] for place in places]
    contents, complaints = Contents([], [], []), []
    for source, is_named in listed:
        try:
            wave, rate = _read(source)
            contents.entries.append({"source": source, "sha256": digest(source)})
        except ValueError as error:
            if is_named:
                raise UserError(f"--contents: {one_line(error)}") from error
            complaints.append(one_line(error))
            continue
        contents.waves.append(wave)
        contents.rates.append(rate)
    if not contents.waves:
        raise UserError(f"--contents: none of {count(len(listed), 'sound')} fits: {complaints[0]}")
    for complaint in complaints[:_MOST_LINES]:
        hold(f"--contents: left out: {complaint}")
    if len(complaints) > _MOST_LINES:
        hold(f"--contents: left out: {count(len(complaints) - _MOST_LINES, 'more sound')}")
    return contents


def _list_sounds(paths: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Yields each sound, and whether it is named by itself."""
    for path in paths:
        if not os.path.isdir(path):
            yield path, True
            continue
        try:
            sounds = datasets.list_sounds(path)
        except OSError as error:
            raise UserError(f"--contents: {path!r} cannot be read ({error.strerror}).") from error
        if not sounds:
            raise UserError(f"--contents: {path!r} holds no sound files.")
        yield from ((sound, False) for sound in sounds)


def read(entries: Sequence[Mapping[str, Any]]) -> Contents:
    """The contents of a configuration. UserError where one cannot be used, or is another one."""
    contents = Contents([dict(entry) for entry in entries], [], [])
    with naming_flag("contents"):
        if not entries:
            raise ValueError("the configuration names none.")
        for entry in entries:
            source = entry["source"]
            if entry.get("sha256") != digest(source):
                raise ValueError(
                    f"{source!r} is not the file that the configuration was made with."
                )
            wave, rate = _read(source)
            contents.waves.append(wave)
            contents.rates.append(rate)
    return contents


def _read(source: str) -> tuple[np.ndarray, int]:
    """A content's wave [C, N] and its sample rate in Hz. ValueError where it cannot be used."""
    if source.startswith(EMBEDDED):
        return read_sound(source, start=0.0, seconds=CONTENT_SECONDS, flag="contents")
    # Silence after the sound stays: a content that stops is one to learn from.
    recording, _ = audio.read_sounding(source, start=0.0, seconds=CONTENT_SECONDS)
    audio.check_audible(recording.wave, repr(source))
    seconds = recording.wave.shape[1] / recording.sample_rate
    if seconds < references.SHORTEST_SECONDS:
        raise ValueError(
            f"{source!r} lasts {seconds:.3g} s; it must last at least "
            f"{references.SHORTEST_SECONDS:g} s."
        )
    return recording.wave, recording.sample_rate
