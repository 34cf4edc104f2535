"""The table, the page and the gallery of all runs of a sweep, whichever process made them."""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from typing import Any

from audio_texture import audio, files, metrics
from launch.errors import UserError
from launch.output import Output
from launch.sweep.folders import read_rows
from launch.sweep.plan import Axes, Run
from launch.sweep.recordings import is_written, recordings_of, write_recordings
from launch.sweep.sweep_flags import Sweep

GALLERY = "gallery.png"
# Textures in the gallery, each of another recording.
MOST_SHOWN = 6
# Swept flags whose values leave the loss the same quantity: they change only how it is minimised.
SAME_LOSS = ("seed", "optimizer", "history", "learning_rate", "evaluations", "tolerance")

Rows = Mapping[str, Mapping[str, Any]]


def write_tables(
    sweep: Sweep, output: Output, planned: Sequence[Run], axes: Axes, *, gallery: bool = True
) -> list[str]:
    """Writes sweep.csv, sweep.html, the recordings that it plays, and gallery.png if textures were
    judged. Returns the files to look at, in words, for a line on them.

    Args:
      sweep: what the user asked for.
      output: the sweep's folder.
      planned: all runs.
      axes: what is swept.
      gallery: whether gallery.png is wanted, which takes a second or two.
    """
    # Matplotlib takes a second to import, which bad input need not wait for.
    from audio_texture import report

    rows = None
    # Written again if another process has finished a run meanwhile.
    while rows is None or len(rows) < len(read_rows(output.folder, planned)):
        rows = read_rows(output.folder, planned)
        table = [
            {"run": name, **row["values"], **_without(row, "run", "digest", "values")}
            for name, row in rows.items()
        ]
        output.write_text("sweep.csv", _csv_of(table, axes))
        heard = [run for run in planned if "sound" in rows.get(run.name, {})]
        write_recordings(output, sweep.steps, heard)
        page = report.render_sweep_page(
            _with_references(table, output, planned),
            swept=list(axes),
            planned=len(planned),
            references=_describe_references(output, planned),
            same_loss=SAME_LOSS,
        )
        output.write_text("sweep.html", page)
    shown = ["sweep.html: table, players, pictures", "sweep.csv: the same as text"]
    if gallery and (pairs := choose_pairs(sweep, output, planned, rows)):
        picture = report.encode_png(report.draw_gallery(pairs))
        output.save(GALLERY, lambda path: files.write_bytes(path, picture))
        shown.append(f"{GALLERY}: recordings and textures, with verdicts")
    return shown


def choose_pairs(sweep: Sweep, output: Output, planned: Sequence[Run], rows: Rows) -> list[Any]:
    """The pictures of the gallery: of each recording, up to `MOST_SHOWN`, the first texture of it
    that was judged.

    Args:
      sweep: what the user asked for.
      output: the sweep's folder.
      planned: all runs.
      rows: of the finished runs, by name.
    """
    from audio_texture import report

    pairs: dict[str, Any] = {}
    for run in planned:
        row = rows.get(run.name, {})
        recordings = recordings_of(run)
        measures = {name: row[name] for name in metrics.MEANINGS if name in row}
        is_judged = measures and "error" not in row and "inputs" in run.config
        if not is_judged or len(recordings) > 1 or recordings[0].stem in pairs:
            continue
        try:
            _, (reference,), sample_rate = sweep.steps.read(run.config)
            texture, texture_rate = audio.read(os.path.join(output.folder, run.name, row["sound"]))
        except (UserError, ValueError):
            continue
        pairs[recordings[0].stem] = report.GalleryPair(
            (recordings[0].name, reference, sample_rate),
            ("texture", texture, texture_rate),
            "; ".join(finding.text for finding in metrics.give_verdict(measures).findings),
        )
        if len(pairs) == MOST_SHOWN:
            break
    return list(pairs.values())


def _with_references(
    table: Sequence[dict[str, Any]], output: Output, planned: Sequence[Run]
) -> list[dict[str, Any]]:
    """The rows with the keys of the recordings that the page can play beside them."""
    keys = {
        run.name: [
            recording.stem for recording in recordings_of(run) if is_written(output, recording)
        ]
        for run in planned
    }
    return [{**row, "references": keys[row["run"]]} for row in table]


def _describe_references(output: Output, planned: Sequence[Run]) -> dict[str, dict[str, str]]:
    """The recordings in the folder by key, as `report.render_sweep_page` takes them."""
    recordings = dict.fromkeys(recording for run in planned for recording in recordings_of(run))
    return {
        recording.stem: {
            "title": recording.title,
            "sound": recording.sound,
            "picture": recording.picture,
        }
        for recording in recordings
        if is_written(output, recording)
    }


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _csv_of(table: Sequence[dict[str, Any]], axes: Axes) -> str:
    results = [name for row in table for name in row if name != "error"]
    columns = list(dict.fromkeys(["run", *axes, *results, "error"]))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue()
