"""Checks of launch.stream before anything is written."""

import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from audio_texture import audio, files, recipes, references, streaming
from launch import flag_checks, flags, records, run_io
from launch.errors import UserError, naming_flag

STATE, REPORT = "state.safetensors", "report.html"


def check_flags(values: Mapping[str, Any], given: Collection[str]) -> None:
    """UserError for flags that have invalid values or do not go together."""
    seconds, output, save_target = values["seconds"], values["output"], values["save_target"]
    shortest = references.SHORTEST_SECONDS
    if not (seconds == 0 or shortest <= seconds < float("inf")):
        raise UserError(
            f"--seconds: {seconds:g} s must be 0 (until interrupted) or at least {shortest:g} s."
        )
    for name in flags.OF_MIXTURE:
        if values["target"] and name in given:
            raise UserError(
                f"--target: {values['target']!r} holds a fitted style; leave --{name} out."
            )
    if values["generator"]:
        _check_beside_generator(values, given)
    piped = output == "-"
    if values["resume"] and (piped or values["loop"]):
        raise UserError(
            "--resume: only a stream in a file can be resumed, not a loop and not a pipe."
        )
    if not piped and os.path.splitext(output)[1] != ".wav" or os.path.dirname(output):
        raise UserError(
            f"--output: {output!r} must be - or a name that ends in .wav, of a file in "
            "--output_dir."
        )
    if save_target and not os.access(os.path.dirname(os.path.abspath(save_target)), os.W_OK):
        raise UserError(f"--save_target: {save_target!r} cannot be written.")
    into_pipe = (piped, "--output=- writes no files")
    flag_checks.refuse_if(given, {"output_dir": into_pipe, "overwrite": into_pipe})
    flag_checks.check_run_flags(values, given)


def _check_beside_generator(values: Mapping[str, Any], given: Collection[str]) -> None:
    """UserError for flags that a stream of a generator does not take."""
    path = values["generator"]
    reasons = {
        **dict.fromkeys(flags.recipe_flags(), "is trained, and nothing is optimised"),
        **dict.fromkeys(flags.OF_MIXTURE, "makes the styles that it was trained for"),
        "target": "is used in place of a style file",
        "save_target": "is a file already",
        "loop": "makes streams only, as a loop takes the optimiser",
    }
    for name, reason in reasons.items():
        if name in given and name not in ("weights", "morph_to"):
            raise UserError(f"--generator: {path!r} {reason}; leave --{name} out.")
    if "morph_to" in given and not values["seconds"]:
        raise UserError("--morph_to: a morph needs an end: --seconds above 0.")


def check_folder(values: Mapping[str, Any], config: dict[str, Any]) -> records.Record | None:
    """The record in --output_dir. UserError where this run may not be written or resumed there."""
    folder, output = values["output_dir"], values["output"]
    names = [run_io.CONFIG, run_io.METRICS, STATE, REPORT]
    inputs = run_io.input_files(config)
    written = [os.path.join(folder, name) for name in (records.RECORD, *names, output)]
    _check_save_target(values, inputs, written)
    if output == "-":
        return None
    if output in names:
        raise UserError(f"--output: {output!r} is the name of another file of this run.")
    record = run_io.check_output_folder(
        folder,
        names=[*names, output],
        inputs=inputs,
        overwrite=values["overwrite"],
        resume=values["resume"],
        program="stream",
    )
    if values["resume"]:
        # A stream can be made longer, but a morph of another length is another morph.
        compared = dict(config)
        if not config.get("morph_to"):
            del compared["seconds"]
        run_io.check_resumable(folder, record, compared, program="stream")
    return record


def _check_save_target(
    values: Mapping[str, Any], inputs: Sequence[str], written: Sequence[str]
) -> None:
    """UserError where --save_target would replace an input, another file of this run, or any file
    that is not a style.
    """
    path = values["save_target"]
    if not path:
        return
    if os.path.realpath(path) in map(os.path.realpath, written):
        raise UserError(f"--save_target: {path!r} is another file of this run.")
    if not os.path.lexists(path):
        return
    if any(
        os.path.exists(other) and os.path.exists(path) and os.path.samefile(path, other)
        for other in inputs
    ):
        raise UserError(f"--save_target: {path!r} is a file that this run reads.")
    if not streaming.is_style_file(path):
        raise UserError(
            f"--save_target: {path!r} exists and is not a style file; name another file."
        )
    if not (values["overwrite"] or values["resume"]):
        raise UserError(f"--save_target: {path!r} exists; name another file or give --overwrite.")


def check_earlier(
    values: Mapping[str, Any],
    recipe: recipes.Recipe,
    record: records.Record | None,
    *,
    sample_rate: int,
    channels: int,
) -> None:
    """UserError where the files of a stream to resume are damaged, which `sinks.read_earlier` sees
    only after the style is fitted.

    Args:
      values: of all flags.
      recipe: the choices, without kernels too long for the references.
      record: of the run in --output_dir.
      sample_rate: of the stream, in Hz.
      channels: of the stream.
    """
    if not (record and values["resume"]) or record.files.get(STATE) is None:
        return
    samples = streaming.check_blocks(recipe, sample_rate=sample_rate)[1]
    with naming_flag("resume"):
        metadata = files.read_arrays(os.path.join(values["output_dir"], STATE))[1]
        audio.frames_to_extend(
            os.path.join(values["output_dir"], values["output"]),
            channels=channels,
            sample_rate=sample_rate,
            at_least=int(metadata.get("block", 0)) * samples,
        )


def wanted_samples(
    values: Mapping[str, Any], recipe: recipes.Recipe, *, sample_rate: int, channels: int
) -> int:
    """The number of samples to write; for a stream without end, as many as the format can hold.
    UserError where the format cannot hold that many, or the style makes no such stream or loop.

    Args:
      values: of all flags.
      recipe: the choices, without kernels too long for the references.
      sample_rate: of the stream, in Hz.
      channels: of the stream.
    """
    wanted = samples_to_write(values, sample_rate=sample_rate, channels=channels)
    if values["loop"]:
        with naming_flag("seconds"):
            seconds = values["seconds"]
            return streaming.check_loop(recipe, sample_rate=sample_rate, seconds=seconds)
    with naming_flag("block_seconds"):
        streaming.check_blocks(recipe, sample_rate=sample_rate)
    return wanted


def samples_to_write(values: Mapping[str, Any], *, sample_rate: int, channels: int) -> int:
    """`wanted_samples` without the checks of a recipe."""
    seconds = values["seconds"]
    # A wav file counts its bytes in 32 bits.
    most = 2**62 if values["output"] == "-" else (2**32 - 4096) // (3 * channels)
    if seconds * sample_rate > most:
        raise UserError(
            f"--seconds: {seconds:g} s is more than a wav file holds, {most / sample_rate:.0f} s."
        )
    return round(seconds * sample_rate) or most
