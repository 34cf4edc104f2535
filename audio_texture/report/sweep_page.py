"""The page of a sweep: a sortable table, a chart of any measure, players and spectrograms.

The page holds numbers only. Sounds and pictures load on demand from the files beside it, so a page
of a thousand runs opens at once and works wherever the folder is moved.
"""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from audio_texture import metrics
from audio_texture.report.html_page import read_asset, render_page

# Values of a run that are no judgement of its sound, and what they say.
_MEANINGS = {
    "run": "the folder of the run",
    "likeness": "distance to the recording, in a transfer to the style: geometric mean of the "
    "ratios auditory, patches, structure, rhythm and subbands; 1 = between the recording's own "
    "halves, lower is nearer, a copy has about 0.5",
    "loss": "what the run minimised: how far its result is from its own target",
    "spent_evaluations": "evaluations of the loss that the run took",
    "spent_seconds": "time of the run in seconds, with compiling for the first run of its kind; "
    "runs of a batch share its time evenly",
    "spent_prepare_seconds": "time before that in seconds: reading and fitting, with compiling for "
    "the first run of its kind",
    "spent_megabytes": "most memory that the run added to what the program held, MB",
    "size": "how the run is smaller than its recipe, which would take minutes on a CPU",
    "command": "makes this run by itself",
    "lowered_db": "by how much the level was lowered, so that no peak is clipped, dB; good is 0",
    "error": "why the run failed",
}
_BETTER = {"loss": "lower", "likeness": "lower", "lowered_db": "near 0"}
_JUDGED = (*metrics.MEANINGS, *metrics.CONTENT_MEANINGS)
_HELDOUT = "heldout_"
# Values of a row that are not shown in the table.
_HIDDEN = ("sound", "references", "error")
# What stands at the end of a row, as it is long.
_TEXTS = ("size", "command")

_CHART = (
    '<p><label>measure <select id="measure"></select></label>'
    '<label>over <select id="across"></select></label>'
    '<label>and <select id="down"><option value="">nothing else</option></select></label></p>'
    '<p id="direction"></p><p id="warning"></p><div id="chart"></div>'
    "<p>Means over all else that was swept; a curve also shows the lowest and the highest.</p>"
)
_MEANS = (
    "<p>Means over all else that was swept; of spent_* medians. A click on a head sorts by it.</p>"
    '<div class="scroll"><table id="means"><thead><tr></tr></thead><tbody></tbody></table></div>'
)
_TABLE = (
    '<div class="scroll"><table id="runs">'
    "<thead><tr><th></th></tr></thead><tbody></tbody></table></div>"
    '<details><summary>What the columns mean</summary><dl id="meanings"></dl></details>'
)
_PLAYER = (
    '<div id="player"><span id="playing">Choose a run to hear it.</span>'
    '<span id="choices"></span><audio controls preload="none"></audio></div>'
)


def render_sweep_page(
    rows: Sequence[Mapping[str, Any]],
    *,
    swept: Sequence[str],
    planned: int,
    references: Mapping[str, Mapping[str, str]] | None = None,
    same_loss: Collection[str] = (),
) -> str:
    """An HTML document that loads sounds and images from the files beside it.

    Args:
      rows: a run each: "run", the name of its folder; the swept values; measures; "sound", its
        file, where there is one; "references", keys of references; "error" where it failed.
      swept: names of the swept parameters.
      planned: number of runs planned.
      references: sounds to hear beside the runs, by key: "title", "sound" and "picture", the names
        of its files beside the page.
      same_loss: names of swept parameters whose values leave the loss the same quantity. Over all
        others losses cannot be compared, and the page says so.

    Example:
      >>> rows = [{"run": "0", "seed": "1", "loss": 0.5}]
      >>> page = render_sweep_page(rows, swept=["seed"], planned=2)
      >>> "1 of 2 runs, over seed" in page
      True
    """
    failed = sum("error" in row for row in rows)
    summary = f"{len(rows)} of {planned} runs{f', {failed} failed' if failed else ''}"
    by_method = "recipe" in swept and len(swept) > 1
    sections = [
        *([("Means of each recipe", _MEANS)] if by_method else []),
        ("Measures over parameters", _CHART),
        ("Runs", _TABLE),
        ("Spectrograms", '<div id="pictures"></div>'),
    ]
    page = render_page("Sweep", f"{summary}, over {', '.join(swept)}", sections)
    data = _make_data(rows, swept, references or {}, same_loss)
    # "</" would end the element that holds the data, and "<!--" would hide its end.
    text = json.dumps(data).replace("<", "\\u003c")
    scripts = (
        f"<style>\n{read_asset('sweep.css')}</style>\n{_PLAYER}"
        f'<script type="application/json" id="data">{text}</script>\n'
        f"<script>\n{read_asset('sweep.js')}</script>\n"
    )
    return page.replace("</body>", f"{scripts}</body>")


def _make_data(
    rows: Sequence[Mapping[str, Any]],
    swept: Sequence[str],
    references: Mapping[str, Mapping[str, str]],
    same_loss: Collection[str],
) -> dict[str, Any]:
    """What sweep.js reads: the rows, and for each column what it means and what is better."""
    names = list(dict.fromkeys(name for row in rows for name in row if name not in _HIDDEN))
    # What judges the sound stands before what only describes the run.
    results = sorted((name for name in names if name not in ("run", *swept)), key=_rank)
    measures = [name for name in results if _is_numeric(name, rows)]
    texts = [name for name in _TEXTS if name in results]
    columns = ["run", *swept, *(name for name in results if name not in texts), *texts]
    if any("error" in row for row in rows):
        columns.append("error")
    # JSON has no NaN and no infinity.
    finite = [
        {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in row.items()
        }
        for row in rows
    ]
    differing = [name for name in swept if len({row.get(name) for row in rows}) > 1]
    return {
        "rows": finite,
        "columns": columns,
        "swept": list(swept),
        "measures": measures,
        "losses": [name for name in measures if _is_loss(name)],
        "unlike": [name for name in differing if name not in same_loss],
        "meanings": {name: meaning for name in columns if (meaning := _explain(name))},
        "better": {name: better for name in measures if (better := _better_end(name))},
        "references": dict(references),
    }


def _is_numeric(name: str, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether all values of a column are numbers, but for those that are missing."""
    values = [row[name] for row in rows if row.get(name) is not None]
    return bool(values) and all(isinstance(value, (int, float)) for value in values)


def _is_loss(name: str) -> bool:
    return name == "loss" or name.startswith("loss ")


def _rank(name: str) -> int:
    """Measures of likeness and quality come first, then losses, then the cost of the run."""
    if name == "likeness":
        return -1
    if name in _JUDGED:
        return _JUDGED.index(name)
    if name.startswith(_HELDOUT):
        return len(_JUDGED)
    return len(_JUDGED) + (2 if name.startswith("spent_") else 1)


def _explain(name: str) -> str:
    """What a column means; nothing for a swept parameter."""
    if name in _JUDGED or name.startswith(_HELDOUT):
        return metrics.explain_measure(name)
    if name in _MEANINGS:
        return _MEANINGS[name]
    return f"a part of the loss: {name.removeprefix('loss ')}" if _is_loss(name) else ""


def _better_end(name: str) -> str:
    """Which values of a measure are better; nothing where none is."""
    if name in _JUDGED or name.startswith(_HELDOUT):
        return metrics.better_end(name)
    return "lower" if _is_loss(name) else _BETTER.get(name, "")
