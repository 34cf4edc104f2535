"""The page of a sweep: a sortable table, a chart of any measure, players and spectrograms.

The page holds numbers only. Sounds and pictures load on demand from the folder of each run, so a
page of a thousand runs opens at once.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from audio_texture.report.html_page import read_asset, render_page

_CHART = (
    '<p><label>measure <select id="measure"></select></label>'
    '<label>over <select id="across"></select></label>'
    '<label>and <select id="down"><option value="">nothing else</option></select></label></p>'
    '<div id="chart"></div>'
    "<p>Means over all else that was swept; a curve also shows the lowest and the highest.</p>"
)
_TABLE = (
    '<div class="scroll"><table id="runs">'
    "<thead><tr><th></th></tr></thead><tbody></tbody></table></div>"
)
_PLAYER = (
    '<div id="player"><span>Choose a run to hear it.</span>'
    '<audio controls preload="none"></audio></div>'
)


def render_sweep_page(
    rows: Sequence[Mapping[str, Any]], *, swept: Sequence[str], planned: int
) -> str:
    """An HTML document that loads sounds and images from the folders beside it.

    Args:
      rows: a run each: "run", the name of its folder; the swept values; measures; "sound", its
        file, where there is one; "error" where it failed.
      swept: names of the swept parameters.
      planned: number of runs planned.

    Example:
      >>> rows = [{"run": "0", "seed": "1", "loss": 0.5}]
      >>> page = render_sweep_page(rows, swept=["seed"], planned=2)
      >>> "1 of 2 runs, over seed" in page
      True
    """
    failed = sum("error" in row for row in rows)
    summary = f"{len(rows)} of {planned} runs{f', {failed} failed' if failed else ''}"
    sections = [
        ("Measures over parameters", _CHART),
        ("Runs", _TABLE),
        ("Spectrograms", '<div id="pictures"></div>'),
    ]
    page = render_page("Sweep", f"{summary}, over {', '.join(swept)}", sections)
    scripts = (
        f"<style>\n{read_asset('sweep.css')}</style>\n{_PLAYER}"
        f'<script type="application/json" id="data">{_encode_data(rows, swept)}</script>\n'
        f"<script>\n{read_asset('sweep.js')}</script>\n"
    )
    return page.replace("</body>", f"{scripts}</body>")


def _encode_data(rows: Sequence[Mapping[str, Any]], swept: Sequence[str]) -> str:
    """What sweep.js reads, as JSON: the rows, and which of their names are columns and measures."""
    names = [name for row in rows for name in row if name not in ("sound", "error")]
    columns = list(dict.fromkeys(["run", *swept, *names]))
    if any("error" in row for row in rows):
        columns.append("error")
    known = {"run", "error", *swept}
    measures = [
        name
        for name in columns
        if name not in known and all(isinstance(row.get(name, 0.0), (int, float)) for row in rows)
    ]
    # JSON has no NaN and no infinity.
    finite = [
        {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in row.items()
        }
        for row in rows
    ]
    data = {"rows": finite, "columns": columns, "swept": list(swept), "measures": measures}
    # "</" would end the element that holds the data.
    return json.dumps(data).replace("</", "<\\/")
