"""A verdict in words on a transfer: what it keeps of its content, how like its style it sounds.

Rhythm and loudness over time are to come from the content, timbre from the style. The other
measures are no goals: a good transfer has neither the style's rhythm nor the content's timbre.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from audio_texture.metrics.measures import JUDGES, MEASURES
from audio_texture.metrics.verdict import FAR, LIKENESS, Finding, Rule, Topic, Verdict, judge_topic


class GoalGroup(NamedTuple):
    """Measures of a transfer that belong together.

    Attributes:
      heading: of the group.
      measures: measure -> (its name in words, which values are good).
    """

    heading: str
    measures: Mapping[str, tuple[str, str]]


_KEPT = "correlation over time with the content's; 1 is all, 0 is none"
_FAR = "distance from the style; its own halves are 1 apart, lower is nearer"
# The goals of a transfer, in order. All other measures are none.
TRANSFER_GOALS = (
    GoalGroup(
        "Kept of the content",
        {"onsets_kept": ("rhythm", _KEPT), "loudness_kept": ("loudness", _KEPT)},
    ),
    GoalGroup(
        "Taken from the style",
        {
            "auditory": ("timbre and modulation", _FAR),
            "patches": ("single events", _FAR),
            "spectrum_db": ("spectrum", "error of third-octave levels, dB; good is under 2"),
        },
    ),
    GoalGroup(
        "Defects",
        {
            "copied": ("copied", "share of quarter seconds taken from the style; good is 0"),
            "followed": (
                "followed",
                "share of half seconds that follow the style's events; good is 0",
            ),
            "clicks": ("clicks", "jumps per second unlike any in the style; good is 0"),
            "clipping": ("clipping", "share of samples stuck at full scale; good is 0"),
        },
    ),
)
# What can be asked of the originals: how far the content was from the style, and how much a sound
# keeps of the content that has nothing to do with it.
ASKED_OF_CONTENT = (*MEASURES, *JUDGES, "spectrum_db", "clipping")
ASKED_OF_STYLE = ("onsets_kept", "loudness_kept", "chroma_kept", "pitch_kept", "clipping")

# (least correlation with the content's, the word for it). The last one is off.
KEPT = ((0.8, "most"), (0.5, "part"), (-math.inf, "little"))
_LIKENESS_MEASURES = ("auditory", "patches")
_TOPICS = (
    Topic(
        "the style's spectrum",
        "another spectrum than the style's",
        (Rule("spectrum_db", 0, 2, "{:.1f} dB off"),),
    ),
    Topic(
        "no defects",
        "defects",
        (
            Rule("copied", 0, 0.05, "{:.0%} copied from the style"),
            Rule("followed", 0, 0.1, "{:.0%} follows the style's events"),
            Rule("clicks", 0, 0.1, "{:.1f} clicks a second"),
            Rule("clipping", 0, 1e-4, "{:.2%} of samples clipped"),
        ),
        numbers_if_good=False,
    ),
)
_LESS_STYLE = "a lower --style_weight"
_MORE_STYLE = "a higher --style_weight, or more --evaluations"
# Where neither weight would mend one without harm to the other.
_OTHER_STYLE = "more --evaluations, or another style, as these two do not go together"
_ADVICE = {
    "spectrum_db": _MORE_STYLE,
    "copied": "a longer recording of the style",
    "followed": "a longer recording of the style",
    "clicks": "another --seed, or more --evaluations",
    "clipping": "a content that is not clipped",
}


def give_transfer_verdict(
    row: Mapping[str, float | None], *, content_row: Mapping[str, float | None] | None = None
) -> Verdict:
    """The verdict on a transfer.

    Args:
      row: its measures by name, as of `evaluate_transfer`. Of those that are missing or None the
        verdict says nothing.
      content_row: the measures of the content itself, to say how far from the style it was.

    Example:
      >>> row = {"onsets_kept": 0.95, "loudness_kept": 0.4, "auditory": 1.1, "clicks": 0.0}
      >>> for finding in give_transfer_verdict(row, content_row={"auditory": 13.6}).findings:
      ...     print(finding.text)
      keeps most of the content's rhythm (0.95 of 1), little of its loudness over time (0.40 of 1)
      like the style (distance 1.1; its own halves are 1 apart; the content was at 13.6)
      no defects
    """
    measured = {name: value for name, value in row.items() if isinstance(value, (int, float))}
    findings = [_judge_content(measured), _judge_style(measured, content_row or {})]
    for topic in _TOPICS:
        values = {
            rule.measure: measured[rule.measure] for rule in topic.rules if rule.measure in measured
        }
        findings.append(judge_topic(topic, values, _ADVICE) if values else None)
    return Verdict(_without_contradiction([finding for finding in findings if finding]))


def _without_contradiction(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings, none of which advises the opposite of another."""
    opposites = {_LESS_STYLE, _MORE_STYLE}
    if not opposites <= {advice for finding in findings for advice in finding.advice}:
        return tuple(findings)
    return tuple(
        finding._replace(
            advice=tuple(
                _OTHER_STYLE if advice in opposites else advice for advice in finding.advice
            )
        )
        for finding in findings
    )


def _judge_content(measured: Mapping[str, float]) -> Finding | None:
    names = {"onsets_kept": "the content's rhythm", "loudness_kept": "its loudness over time"}
    kept = {name: measured[name] for name in names if name in measured}
    if not kept:
        return None
    parts = [
        f"{next(word for least, word in KEPT if value >= least)} of {names[name]} "
        f"({max(value, 0.0):.2f} of 1)"
        for name, value in kept.items()
    ]
    is_off = any(value < KEPT[-2][0] for value in kept.values())
    return Finding(f"keeps {', '.join(parts)}", (_LESS_STYLE,) if is_off else ())


def _judge_style(
    measured: Mapping[str, float], content_row: Mapping[str, float | None]
) -> Finding | None:
    far = _mean_ratio(measured)
    if far is None:
        return None
    word = next(word for limit, word in LIKENESS if far <= limit)
    before = _mean_ratio(content_row)
    text = (
        f"{word.replace('the recording', 'the style')} "
        f"(distance {far:.3g}; its own halves are 1 apart"
        + (f"; the content was at {before:.3g})" if before is not None else ")")
    )
    return Finding(text, (_MORE_STYLE,) if far > FAR else ())


def _mean_ratio(row: Mapping[str, float | None]) -> float | None:
    """The geometric mean of the ratios that say how like the style a sound is; None without any."""
    ratios = [row.get(name) for name in _LIKENESS_MEASURES]
    logs = [math.log(max(ratio, 1e-3)) for ratio in ratios if ratio is not None]
    return math.exp(sum(logs) / len(logs)) if logs else None
