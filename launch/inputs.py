"""Reads the sounds that a run starts from, and describes how much of each file it uses."""

import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from audio_texture import audio, paths, recipes, references, scales, sounds
from launch.errors import naming_flag
from launch.messages import hold, hold_notes, say

EMBEDDED = "sound:"


@functools.cache
def digest(source: str) -> str | None:
    """SHA-256 of a sound file, None for an embedded sound. A run that is repeated compares it with
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


@functools.lru_cache(maxsize=8)
def read_sound(
    source: str, *, start: float, seconds: float, flag: str = "input"
) -> tuple[np.ndarray, int]:
    """A sound's wave [C, N] without silence at its ends, and its sample rate in Hz.

    Keeps a line for `say_held` on how much is used, and the file's warnings.

    Args:
      source: a file, or sound:NAME.
      start: where to begin, in seconds.
      seconds: how much to use at the most.
      flag: the flag that names the file.

    Raises:
      ValueError: the sound cannot be used.
    """
    if source.startswith(EMBEDDED):
        # A fixed key: an embedded sound is always the same recording.
        name = source.removeprefix(EMBEDDED)
        return sounds.make(name, jax.random.key(0), 5.0, 22050)[None], 22050
    recording, begin = audio.read_sounding(source, start=start, seconds=seconds)
    audio.check_audible(recording.wave, repr(source))
    wave = audio.trim_silence(recording.wave)
    hold_notes(flag, source, recording.notes)
    hold(describe_use(source, recording, wave.shape[1], flag=flag, start=start, begin=begin))
    return wave, recording.sample_rate


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
    read_sound.cache_clear()


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
        references.check_reference(recipe, wave, sample_rate=sample_rate, name=name)

    return check


def say_scales(asked: recipes.Recipe, fitted: recipes.Recipe, model_sample_rate: int) -> None:
    """Says what the kernels span, and whether some are left out.

    Args:
      asked: the recipe as the user gave it.
      fitted: the same without kernels that are too long for the inputs.
      model_sample_rate: of the wave that is modelled, in Hz.
    """
    if fitted.analysis.views != scales.at_scales(asked, model_sample_rate).analysis.views:
        views = " ".join(map(str, fitted.analysis.views)) or "none"
        say(f"Kernels too long for the input are left out; views: {views}")
    if fitted.analysis.views:
        say(f"What kernels see: {scales.describe_scales(fitted, model_sample_rate)}")


def describe_use(
    source: str,
    recording: audio.Recording,
    used: int,
    *,
    flag: str = "",
    start: float = 0.0,
    begin: float = 0.0,
) -> str:
    """A line on how much of a file is used, and which flag changes that.

    Args:
      source: the file.
      recording: what was read of it.
      used: samples of the recording without silence at its ends.
      flag: input, where --input_seconds limits the length; empty where all is read.
      start: where the user asked to begin, in seconds.
      begin: where the sound begins, in seconds.
    """
    channels, read = recording.wave.shape
    rate, length = recording.sample_rate, recording.length
    length_text = "of unknown length" if length is None else _format_seconds(length, rate)
    text = (
        f"{source}: {length_text} at {rate} Hz, {channels} channel{'s' if channels > 1 else ''}; "
    )
    if begin > start:
        text += (
            f"the sound begins at {begin:.2f} s, silence before that is left out (--{flag}_start); "
        )
    has_more = length is None or read < length - int(begin * rate)
    limit = f"--{flag}_seconds"
    if read >= references.LONGEST_SECONDS * rate - 1 and flag:
        limit += f"; {references.LONGEST_SECONDS:g} s is the longest that can be made"
    if used < read:
        silence = read - used
        silence_text = (
            "less than 0.01 s" if silence < 0.01 * rate else _format_seconds(silence, rate)
        )
        text += (
            f"{_format_seconds(used, rate)} of {_format_seconds(read, rate)} used: silence at its "
            f"ends is left out ({silence_text})"
        )
        if has_more and flag:
            text += f"; {_format_seconds(read, rate)} were read from {begin:.4g} s on ({limit})"
        return text
    if read == length:
        return text + "all of it is used"
    limit = limit if has_more else f"--{flag}_start"
    return text + f"{_format_seconds(read, rate)} used from {begin:.4g} s on ({limit})"


def _format_seconds(samples: int, sample_rate: int) -> str:
    return f"{samples / sample_rate:.2f}".removesuffix("0") + " s"
