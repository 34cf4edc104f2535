"""The section of a page that says in words how good its results are."""

import html
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from audio_texture import metrics
from audio_texture.report.html_page import Section, format_table


class Judged(NamedTuple):
    """A result with its verdict.

    Attributes:
      name: of the result.
      verdict: on it.
      row: its measures, as of `metrics.evaluate`; empty where it could not be judged.
    """

    name: str
    verdict: metrics.Verdict
    row: Mapping[str, float]


def verdict_section(results: Sequence[Judged]) -> Section:
    """The verdict on each result with what to try, and all measures in a collapsed table.

    Example:
      >>> row = {"copied": 0.5}
      >>> heading, content = verdict_section([Judged("a.wav", metrics.give_verdict(row), row)])
      >>> "not new (50% copied)</li>" in content
      True
    """
    parts = [_format_verdict(result, named=len(results) > 1) for result in results]
    measured = [result for result in results if result.row]
    if measured:
        names = list(measured[0].row)
        rows = [
            [name, *(result.row[name] for result in measured), metrics.explain_measure(name)]
            for name in names
        ]
        header = ["", *(result.name for result in measured), "what is good"]
        parts.append(
            '<details><summary>All measures</summary><div class="words scroll">'
            f"{format_table(rows, header)}</div></details>"
        )
    return "Verdict", "\n".join(parts)


def _mark_flags(text: str) -> str:
    """A text as HTML with its flags as code, which a narrow page does not break at a hyphen."""
    return re.sub(r"--\w+(=\w+)?", r"<code>\g<0></code>", html.escape(text))


def _format_verdict(result: Judged, *, named: bool) -> str:
    """A list of the findings, then the advice. named: whether the result's name stands above."""
    lines = []
    for finding in result.verdict.findings:
        state = "off" if finding.advice else "good"
        lines.append(f'<li class="{state}">{_mark_flags(finding.text)}</li>')
    title = f"<p><b>{html.escape(result.name)}</b></p>" if named else ""
    advice = "".join(f"<li>{_mark_flags(entry)}</li>" for entry in result.verdict.advice)
    if advice:
        advice = f'<p>What to try:</p><ul class="advice">{advice}</ul>'
    return f'<div class="verdict">{title}<ul>{"".join(lines)}</ul>{advice}</div>'
