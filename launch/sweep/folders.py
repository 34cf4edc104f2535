"""The folder of a sweep and the folders of its runs, each whole or not there."""

import contextlib
import hashlib
import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from audio_texture import audio, files, metrics, synthesis
from launch import records, run_io, runs
from launch.configs import read_json, versions
from launch.errors import UserError, one_line
from launch.messages import say
from launch.output import Output, sound_writers, write_json
from launch.sweep.plan import Axes, Run
from launch.sweep.recordings import recording_files
from launch.sweep.sweep_flags import Sweep


class Costs(NamedTuple):
    """What a run took.

    Attributes:
      seconds: to make the result, by the clock; runs of a batch share its time evenly.
      prepare_seconds: to read and fit before that; compilation counts where it happens.
      megabytes: most memory of its batch, above what the program held before; None if not known.
    """

    seconds: float
    prepare_seconds: float = 0.0
    megabytes: float | None = None


RESULTS = ("sweep.json", "sweep.csv", "sweep.html", "gallery.png")
RUN, PICTURE = "run.json", "spectrogram.png"


def claim_folder(
    sweep: Sweep, planned: Sequence[Run], axes: Axes, *, goes_on: bool
) -> Output | None:
    """Returns the output folder, made this sweep's own; None in a dry run. UserError where the
    folder is another sweep's, or this sweep's and may not be resumed.

    Args:
      sweep: what the user asked for.
      planned: all runs.
      axes: what is swept.
      goes_on: whether to resume this sweep if the folder holds it.
    """
    folder = sweep.values["output_dir"]
    names = [run.name for run in planned]
    results = [*RESULTS, *recording_files(planned)]

    def check_earlier(record):
        if record is None or sweep.values["overwrite"]:
            return
        advice = "name another folder or give --overwrite"
        if record.program != "sweep":
            raise UserError(f"--output_dir: {folder!r} already holds a run; {advice}.")
        # The names tell which runs they are, also where sweep.json is damaged.
        if record.folders != names:
            raise UserError(f"--output_dir: {folder!r} holds another sweep; {advice}.")
        # Jobs of the same sweep meet in the folder that the first of them made.
        if not goes_on:
            raise UserError(
                f"--output_dir: {folder!r} already holds this sweep; give --resume to go on with "
                "it, or --overwrite."
            )

    check_earlier(records.read_record(folder))
    inputs = [path for run in planned for path in run_io.input_files(run.config)]
    record = run_io.check_output_folder(
        folder,
        names=results,
        folders={run.name: run_files(run) for run in planned},
        inputs=list(dict.fromkeys(inputs)),
        overwrite=True,
    )
    check_earlier(record)
    if sweep.values["dry_run"]:
        return None
    description = {
        "program": sweep.values["program"],
        "swept": axes,
        "digest": hashlib.sha256("".join(run.digest for run in planned).encode()).hexdigest(),
        "runs": len(planned),
        "versions": versions(),
    }
    return run_io.claim(
        folder,
        record,
        program="sweep",
        first={"sweep.json": description},
        resume=goes_on,
        names=results,
        folders=names,
    )


def sound_name(run: Run) -> str:
    """The name of a run's sound: that of its task, texture or transfer."""
    return f"{run.config['recipe']['task']}.{run.config['output_format']}"


def run_files(run: Run) -> list[str]:
    """The files of a run's folder."""
    return [sound_name(run), run_io.METRICS, PICTURE, run_io.CONFIG, RUN]


def write_run(
    sweep: Sweep, output: Output, run: Run, texture: synthesis.Texture, costs: Costs
) -> bool:
    """Writes the folder of a finished run; False if its loss was not finite or the folder could not
    be written.

    Args:
      sweep: what the user asked for.
      output: the sweep's folder.
      run: the finished run.
      texture: its result.
      costs: of the run.
    """
    # Matplotlib takes a second to import, which bad input need not wait for.
    from audio_texture import report

    row = {**_result_row(texture, costs), "sound": sound_name(run)}
    _, references, sample_rate = sweep.steps.read(run.config)
    if sweep.values["quality"]:
        # Sounds may be too short to be measured.
        with contextlib.suppress(ValueError):
            heldout = [sweep.steps.read_heldout(run.config)] if sweep.values["heldout"] else []
            measures = sweep.steps.measure(texture.wave, references, sample_rate, *heldout)
            row |= measures | metrics.mean_likeness(measures)
    row["lowered_db"] = round(texture.lowered_db, 3)
    if texture.outcome.reason == "not finite":
        evaluation = int(texture.outcome.state.failed_at)
        row["error"] = f"the loss was not finite at evaluation {evaluation}"

    def fill(partial):
        audio.write(os.path.join(partial, sound_name(run)), texture.wave, sample_rate)
        lines = runs.json_lines(runs.rows_of(0, texture.outcome.progress))
        files.write_text(os.path.join(partial, run_io.METRICS), lines)
        picture = os.path.join(partial, PICTURE)
        report.write_picture(picture, texture.wave, sample_rate)
        files.sync_file(picture)

    try:
        _write_folder(output.folder, run, row, run_files(run), fill)
    except (OSError, ValueError) as error:
        name = f"{run.name}-{row['sound']}"
        output.rescue(name, *sound_writers(texture.wave, sample_rate), error)
        write_failure(output, run, f"its files cannot be written: {one_line(error)}")
        return False
    return "error" not in row


def _result_row(texture: synthesis.Texture, costs: Costs) -> dict[str, Any]:
    """The loss of a result, if it has one, and what it took; by other names than the flags', which
    have columns of their own.
    """
    row = {}
    if texture.outcome.progress:
        last = texture.outcome.progress[-1]
        row = {"loss": last.loss, **{f"loss {term}": value for term, value in last.terms.items()}}
        row["spent_evaluations"] = last.evaluations
    row |= {
        "spent_seconds": round(costs.seconds, 3),
        "spent_prepare_seconds": round(costs.prepare_seconds, 3),
    }
    return row if costs.megabytes is None else row | {"spent_megabytes": round(costs.megabytes)}


def write_failure(output: Output, run: Run, message: str) -> None:
    """Writes the folder of a run that could not be made, where it can be written."""
    names = [run_io.CONFIG, RUN]
    try:
        _write_folder(output.folder, run, {"error": message}, names, lambda partial: None)
    except (OSError, ValueError) as error:
        say(f"{run.name} cannot be marked as failed ({one_line(error)}); it failed as {message}")


def _write_folder(
    folder: str, run: Run, row: dict[str, Any], names: Sequence[str], fill: Callable[[str], None]
) -> None:
    """Writes a run's folder whole or not at all. OSError or ValueError where it cannot be written.

    fill: writes the files besides config.json and run.json into the folder of its argument.
    """
    records.clear_partials(folder, run.name)
    path = os.path.join(folder, run.name)
    partial = files.partial_path(path)
    try:
        os.mkdir(partial)
        record = records.Record(run.config["recipe"]["task"], dict.fromkeys(names), [])
        output = Output(partial, record)
        output.write_record()
        fill(partial)
        write_json(output.path(run_io.CONFIG), run.config)
        identity = {"run": run.name, "digest": run.digest, "values": run.values}
        row = {**row, "command": run.make_command(), **({"size": run.size} if run.size else {})}
        write_json(output.path(RUN), {**identity, **row})
        output.record.files.update({name: os.path.getsize(output.path(name)) for name in names})
        output.write_record()
        records.clear_folder(path)
        records.move_folder(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            records.clear_folder(partial)
        raise


def read_rows(folder: str, planned: Sequence[Run]) -> dict[str, dict[str, Any]]:
    """The rows of run.json by run name, of all runs (failed ones too) whose folders are whole."""
    rows = {}
    for run in planned:
        path = os.path.join(folder, run.name)
        record = records.read_record(path) if os.path.isdir(path) else None
        if not record or not all(
            records.is_whole(path, record, name) for name in {RUN, *record.files}
        ):
            continue
        with contextlib.suppress(ValueError):
            row = read_json(os.path.join(path, RUN))
            if isinstance(row, dict) and row.get("digest") == run.digest:
                rows[run.name] = row
    return rows
