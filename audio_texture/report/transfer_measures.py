"""What the page of a transfer says of its results: in words, and as a table of its goals."""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from audio_texture import metrics
from audio_texture.report.html_page import Section, format_table
from audio_texture.report.verdicts import Judged, format_verdict

_SCALES = (
    "How to read it: what is kept of the content is a correlation over time; 1 is all, 0 is none. "
    "Likeness to the style is a distance: 1 is how far the style's own two halves are apart; lower "
    "is nearer."
)
_ALL = (
    "The content's column says how far it was from the style before. The style's column says what "
    "an unrelated sound keeps of the content. Measures that make no sense for a sound are left "
    "out. The reference is the style."
)


def transfer_verdict_section(results: Sequence[Judged]) -> Section:
    """The verdict on each transfer, and how to read its numbers.

    Example:
      >>> judged = Judged("a.wav", metrics.give_transfer_verdict({"onsets_kept": 0.9}), {})
      >>> heading, content = transfer_verdict_section([judged])
      >>> "keeps most of the content&#x27;s rhythm (0.90 of 1)" in content
      True
    """
    parts = [format_verdict(result, named=len(results) > 1) for result in results]
    if any(result.row for result in results):
        parts.append(f'<p class="scale">{_SCALES}</p>')
    return "Verdict", "\n".join(parts)


def format_transfer_measures(
    rows: Sequence[Mapping[str, Any]], explain: Callable[[str], str] = metrics.explain_measure
) -> str:
    """The goals of the results, grouped, and all measures of all sounds in a collapsed table.

    Args:
      rows: of quality.json: the content, the results, the style. Others than results have no
        style_weight.
      explain: a measure's name -> its meaning in words.
    """
    if not rows:
        return "<p>Sounds under a second, or silent, are not judged.</p>"
    results = [row for row in rows if row["style_weight"] is not None]
    goals = _format_goals(results) if results else ""
    names = [name for name in rows[0] if name not in ("candidate", "style_weight")]
    cells = [[name, *(_cell(row, name) for row in rows), explain(name)] for name in names]
    table = format_table(cells, ["", *(row["candidate"] for row in rows), "what it says"])
    return (
        f"{goals}<details><summary>All measures</summary><p>{_ALL}</p>"
        f'<div class="words">{table}</div></details>'
    )


def _format_goals(results: Sequence[Mapping[str, Any]]) -> str:
    """A table of the measures that are goals, with a heading for each group."""
    cells = []
    for group in metrics.TRANSFER_GOALS:
        cells.append([group.heading, *[""] * len(results), ""])
        cells += [
            [words, *(_cell(row, measure) for row in results), meaning]
            for measure, (words, meaning) in group.measures.items()
        ]
    table = format_table(cells, ["", *(row["candidate"] for row in results), "what is good"])
    # A heading stands over the whole width.
    for group in metrics.TRANSFER_GOALS:
        heading = html.escape(group.heading)
        row = f'<tr><th colspan="{len(results) + 2}">{heading}</th></tr>'
        table = re.sub(f"<tr><td>{re.escape(heading)}</td>.*?</tr>", row, table)
    return f'<div class="words">{table}</div>'


def _cell(row: Mapping[str, Any], measure: str) -> Any:
    """A value of quality.json as it is shown; nothing where it cannot be asked of the sound."""
    asked = {"content": metrics.ASKED_OF_CONTENT, "style": metrics.ASKED_OF_STYLE}
    if row["style_weight"] is None and measure not in asked[row["candidate"]]:
        return ""
    return "none" if row[measure] is None else row[measure]
