"""The table and the page of all runs in a sweep's folder, whichever process made them."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from launch.output import Output
from launch.sweep.folders import read_rows
from launch.sweep.plan import Axes, Run


def write_tables(output: Output, planned: Sequence[Run], axes: Axes) -> None:
    """Writes sweep.csv and sweep.html.

    Args:
      output: the sweep's folder.
      planned: all runs.
      axes: what is swept.
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
        page = report.render_sweep_page(table, swept=list(axes), planned=len(planned))
        output.write_text("sweep.html", page)


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
