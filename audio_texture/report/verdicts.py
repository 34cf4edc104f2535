"""The section of a page that says in words how good its results are."""

import html
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from audio_texture import metrics
from audio_texture.metrics.verdict import LIKENESS
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


def verdict_section(
    results: Sequence[Judged], *, program: str = "", unfolded: bool = False
) -> Section:
    """The verdict on each result with what to try, how to read it, and a table of all measures.

    Args:
      results: the results.
      program: whose flags the advice names, where that is not the program that made the page.
      unfolded: whether the table is shown at once.

    Example:
      >>> row = {"copied": 0.5}
      >>> heading, content = verdict_section([Judged("a.wav", metrics.give_verdict(row), row)])
      >>> "not new (50% copied)</li>" in content
      True
    """
    named, wanted = len(results) > 1, f" with {program}" if program else ""
    parts = [format_verdict(result, named=named, wanted=wanted) for result in results]
    measured = [result for result in results if result.row]
    if measured:
        parts.append(f'<p class="scale">{html.escape(describe_scale())}</p>')
        names = list(measured[0].row)
        rows = [
            [name, *(result.row[name] for result in measured), metrics.explain_measure(name)]
            for name in names
        ]
        header = ["", *(result.name for result in measured), "what is good"]
        parts.append(
            f"<details{' open' if unfolded else ''}><summary>All measures</summary>"
            f'<div class="words">{format_table(rows, header)}</div></details>'
        )
    return "Verdict", "\n".join(parts)


def describe_scale() -> str:
    """How to read a verdict: which way each of its numbers is better.

    Example:
      >>> describe_scale()[:44]
      'How to read it: likeness is measured as a di'
    """
    words = [word.removesuffix(" the recording") for _, word in LIKENESS]
    limits = [limit for limit, _ in LIKENESS[:-1]]
    steps = [f"up to {limit:g} {word}" for limit, word in zip(limits, words[:-1], strict=True)]
    steps[0] = f"Up to {limits[0]:g} is {words[0]}"
    return (
        "How to read it: likeness is measured as a distance, so lower is better. 1 is how far the "
        "recording's own two halves are apart, and a copy has about 0.5. "
        f"{', '.join(steps)}, above that {words[-1]} the recording. Copied, repeated, follows: "
        "0% is best. Level, spectrum: 0 dB is best."
    )


def _mark_flags(text: str) -> str:
    """A text as HTML with its flags as code, which a narrow page does not break at a hyphen."""
    return re.sub(r"--\w+(=\w+)?", r"<code>\g<0></code>", html.escape(text))


def format_verdict(result: Judged, *, named: bool, wanted: str = "") -> str:
    """A list of the findings, then the advice.

    Args:
      result: the result.
      named: whether its name stands above.
      wanted: the words that say where the advice's flags are taken.

    Example:
      >>> judged = Judged("a.wav", metrics.withhold_verdict("0.3 s is too short"), {})
      >>> "not judged: 0.3 s is too short" in format_verdict(judged, named=False)
      True
    """
    lines = []
    for finding in result.verdict.findings:
        # A verdict that is withheld is neither good nor bad.
        state = "off" if finding.advice else "good" if result.row else "open"
        lines.append(f'<li class="{state}">{_mark_flags(finding.text)}</li>')
    title = f"<p><b>{html.escape(result.name)}</b></p>" if named else ""
    advice = "".join(f"<li>{_mark_flags(entry)}</li>" for entry in result.verdict.advice)
    if advice:
        advice = f'<p>What to try{wanted}:</p><ul class="advice">{advice}</ul>'
    return f'<div class="verdict">{title}<ul>{"".join(lines)}</ul>{advice}</div>'
