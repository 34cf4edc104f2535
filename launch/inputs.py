"""Reads the sounds that a run starts from, and describes how much of each file it uses."""

import contextlib
import functools
import hashlib
import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from audio_texture import audio, paths, recipes, references, scales, sounds, views
from launch.errors import naming_flag
from launch.messages import hold, hold_notes, say
from launch.plurals import count
from launch.recordings import describe_use, warn_of_sparse

EMBEDDED = "sound:"


@functools.cache
def digest(source: str) -> str | None:
    """SHA-256 of a sound file, None for a built-in sound. A run that is repeated compares it with
    that in its configuration. ValueError where the file cannot be read.
    """
    if source.startswith(EMBEDDED):
        return None
    paths.check_file(source, "sound file")
    try:
        with open(source, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ValueError(f"{source!r} cannot be read ({error.strerror}).") from error


def read_sound(
    source: str, *, start: float, seconds: float, flag: str = "input"
) -> tuple[np.ndarray, int]:
    """A sound's wave [C, N] without silence at its ends, and its sample rate in Hz.

    Keeps lines for `say_held`: the file's warnings, how much of it is used, and whether that is too
    little for a texture.

    Args:
      source: a file, or sound:NAME.
      start: where to begin, in seconds.
      seconds: how much to use at most.
      flag: the flag that names the file.

    Raises:
      ValueError: the sound cannot be used.
    """
    part = _read_part(source, start, seconds, flag)
    hold_notes(flag, source, part.notes)
    for line in part.lines:
        hold(line)
    return part.wave, part.sample_rate


class _Part(NamedTuple):
    """What is used of a sound.

    Attributes:
      wave: [C, N].
      sample_rate: in Hz.
      notes: of `audio.Recording`.
      lines: on how much is used, for the user; none for a built-in sound.
    """

    wave: np.ndarray
    sample_rate: int
    notes: Sequence[str] = ()
    lines: Sequence[str] = ()


@functools.lru_cache(maxsize=8)
def _read_part(source: str, start: float, seconds: float, flag: str) -> _Part:
    if source.startswith(EMBEDDED):
        # A fixed key: a built-in sound is always the same recording.
        name = source.removeprefix(EMBEDDED)
        return _Part(sounds.make(name, jax.random.key(0), 5.0, 22050)[None], 22050)
    recording, begin = audio.read_sounding(source, start=start, seconds=seconds)
    audio.check_audible(recording.wave, repr(source))
    rate, span = recording.sample_rate, audio.find_sound(recording.wave)
    wave = recording.wave[:, slice(*span)]
    lines = [describe_use(source, recording, span, flag=flag, start=start, begin=begin)]
    # The events of a content are kept, however few there are.
    if flag != "content" and (warning := warn_of_sparse(source, wave, rate, flag=flag)):
        lines.append(warning)
    return _Part(wave, rate, recording.notes, lines)


def recordings_section(
    entries: Mapping[str, Sequence[Mapping[str, Any]]],
) -> list[tuple[str, str]]:
    """A section of a page on how much of each recording a run used; none for built-in sounds.

    entries: inputs of the run's configuration, by the flag that names them.
    """
    lines: dict[str, None] = {}
    for flag, inputs in entries.items():
        for entry in inputs:
            # A file that has gone since it was read has no line.
            with contextlib.suppress(ValueError):
                part = _read_part(entry["source"], entry["start"], entry["seconds"], flag)
                lines |= dict.fromkeys(part.lines)
    texts = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
    return [("Recordings", texts)] if texts else []


def read_following(entry: Mapping[str, Any]) -> tuple[np.ndarray, int]:
    """What follows in the file after the stretch that a run uses: a wave [C, N], at most as long as
    that stretch, and its sample rate in Hz.

    Args:
      entry: of the inputs of the run's configuration.

    Raises:
      ValueError: nothing follows, or it cannot be read.
    """
    source, seconds = entry["source"], entry["seconds"]
    if source.startswith(EMBEDDED):
        raise ValueError(f"{source!r} is used whole: nothing of it is left to judge by.")
    recording, begin = audio.read_sounding(source, start=entry["start"], seconds=seconds)
    if (
        recording.length is not None
        and recording.length <= (begin + seconds) * recording.sample_rate
    ):
        raise ValueError(
            f"{source!r} has nothing after the {seconds:g} s of it that are used "
            "(--input_seconds) to judge by."
        )
    following = audio.read_recording(source, start=begin + seconds, seconds=seconds)
    return following.wave, following.sample_rate


def forget() -> None:
    """Forgets the sounds that an earlier run in this process read."""
    digest.cache_clear()
    _read_part.cache_clear()


def read_inputs(
    inputs: Sequence[dict[str, Any]],
    check: Callable[[np.ndarray, int, str], None],
    *,
    input_flags: Sequence[str] = (),
) -> tuple[list[np.ndarray], int]:
    """The waves [C, N] of a configuration's inputs and their sample rate in Hz. All are brought to
    the rate and number of channels of the first.

    Args:
      inputs: of the configuration.
      check: called with each wave, its sample rate and its name; raises ValueError where the wave
        does not fit.
      input_flags: the flag of each input; --input if left out.
    """
    waves, rates = [], []
    for flag, entry in zip(input_flags or ["input"] * len(inputs), inputs, strict=True):
        source = entry["source"]
        with naming_flag(flag):
            if entry.get("sha256") != digest(source):
                raise ValueError(
                    f"{source!r} is not the file that the configuration was made with."
                )
            wave, rate = read_sound(
                source, start=entry["start"], seconds=entry["seconds"], flag=flag
            )
            check(wave, rate, repr(source))
        waves.append(wave)
        rates.append(rate)
        if rate != rates[0]:
            first = inputs[0]["source"]
            hold(f"{source}: resampled from {rate} to {rates[0]} Hz, the rate of {first}")
    return [
        audio.with_channels(audio.resample(wave, rate, rates[0]), len(waves[0]))
        for wave, rate in zip(waves, rates, strict=True)
    ], rates[0]


def reference_check(recipe: recipes.Recipe) -> Callable[[np.ndarray, int, str], None]:
    """The check of `read_inputs` for a recipe: its scales fit the sample rate, the sound fits the
    recipe.
    """

    def check(wave, sample_rate, name):
        model_sample_rate = references.model_sample_rate(recipe, sample_rate)
        with naming_flag("time_scale"):
            scales.at_scales(recipe.replace(frequency_scale=""), model_sample_rate)
        with naming_flag("frequency_scale"):
            scales.at_scales(recipe, model_sample_rate)
        with naming_flag("views"):
            for view in scales.at_scales(recipe, model_sample_rate).analysis.views:
                views.check_view(view, rate=model_sample_rate)
        references.check_reference(recipe, wave, sample_rate=sample_rate, name=name)

    return check


def say_scales(asked: recipes.Recipe, fitted: recipes.Recipe, model_sample_rate: int) -> None:
    """Says what the kernels span, and whether some are left out.

    Args:
      asked: the recipe as the user gave it.
      fitted: the same without kernels that are too long for the inputs.
      model_sample_rate: of the wave that is modelled, in Hz.
    """
    if asked.is_direct:  # a recipe with another --method has views, of which it makes no use
        return
    whole = scales.at_scales(asked, model_sample_rate).analysis.views
    kernels, left = (
        sum(len(view.widths) for view in views) for views in (whole, fitted.analysis.views)
    )
    if left < kernels:
        say(
            f"{kernels - left} of {count(kernels, 'network')} left out: the input is too short for "
            "the time they span"
        )
    if fitted.analysis.views:
        say(scales.describe_scales(fitted, model_sample_rate))
