"""A verdict in words on a texture: how like its recording, how new, its level, its defects.

The tables hold every limit and every word; the functions only apply them.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

from audio_texture.metrics.measures import JUDGES, MEASURES

# (highest mean of the likeness ratios, the word for it).
LIKENESS = (
    (1.0, "very like the recording"),
    (1.3, "like the recording"),
    (2.0, "related to the recording"),
    (math.inf, "unlike the recording"),
)
# A likeness ratio above this is off; the farthest ratio is named.
FAR = 1.3
FARTHEST = {
    "auditory": "timbre and modulation",
    "patches": "single events",
    "structure": "slow structure",
    "rhythm": "rhythm",
    "subbands": "the course of its bands",
}


class Rule(NamedTuple):
    """What one measure other than likeness says.

    Attributes:
      measure: a key of `MEANINGS`; without it in a row, the rule is skipped.
      low, high: the range that is good.
      number: the measure with its unit, as a format string.
    """

    measure: str
    low: float
    high: float
    number: str

    def is_off(self, value: float) -> bool:
        """Whether a value is out of the good range."""
        return not self.low <= value <= self.high


class Topic(NamedTuple):
    """A finding that several measures make.

    Attributes:
      good, bad: the words where all is good, and where a measure is off.
      rules: of the measures.
      numbers_if_good: whether the numbers stand there too where all is good.
    """

    good: str
    bad: str
    rules: tuple[Rule, ...]
    numbers_if_good: bool = True


TOPICS = (
    Topic(
        "new",
        "not new",
        (
            Rule("copied", 0, 0.05, "{:.0%} copied"),
            Rule("looped", 0, 0.05, "{:.0%} repeated"),
            Rule("followed", 0, 0.1, "{:.0%} follows the recording's events"),
            Rule("self_followed", 0, 0.1, "{:.0%} follows its own earlier events"),
        ),
    ),
    Topic(
        "level and spectrum kept",
        "level or spectrum changed",
        (
            Rule("level_db", -1, 1, "level {:+z.1f} dB"),
            Rule("spectrum_db", 0, 2, "spectrum {:.1f} dB off"),
        ),
    ),
    Topic(
        "no defects",
        "defects",
        (
            Rule("silence", 0, 0.01, "{:.0%} more silence"),
            Rule("clicks", 0, 0.1, "{:.1f} clicks a second"),
            Rule("clipping", 0, 1e-4, "{:.2%} of samples clipped"),
            Rule("image_db", 0, 2, "stereo image {:.1f} dB off"),
        ),
        numbers_if_good=False,
    ),
)
# What to try where a measure is off.
ADVICE = {
    "auditory": "more --evaluations, or a higher --auditory_weight",
    "patches": "a longer --time_scale, or more --evaluations",
    "structure": "a longer --time_scale, or more --evaluations",
    "rhythm": "a longer recording, or --stretch_seconds",
    "subbands": "more --evaluations, or a longer recording",
    "copied": "a longer recording, or a shorter --time_scale",
    "looped": "a longer recording, or a shorter result",
    "followed": "--novelty=1, or a longer recording",
    "self_followed": "--novelty=1, or a longer recording",
    "level_db": "another --seed, as the level is lowered where peaks would clip",
    "spectrum_db": "more --evaluations, or a higher --levels_weight",
    "silence": "another --seed, or a part of the recording without pauses (--input_start)",
    "clicks": "another --seed, or more --evaluations",
    "clipping": "a recording that is not clipped",
    "image_db": "more --evaluations",
}


class Finding(NamedTuple):
    """One part of a verdict.

    Attributes:
      text: the finding with its numbers.
      advice: what to try, for each measure that is off; none where all is good.
    """

    text: str
    advice: tuple[str, ...] = ()


class Verdict(NamedTuple):
    """What the measures say of a texture, in words. `str` gives one line.

    Attributes:
      findings: on likeness, newness, level and defects, as far as they were measured.
    """

    findings: tuple[Finding, ...]

    @property
    def advice(self) -> tuple[str, ...]:
        """What to try where something is off, each thing once."""
        return tuple(dict.fromkeys(entry for found in self.findings for entry in found.advice))

    def with_advice(self, advice: str) -> "Verdict":
        """The verdict with one piece of advice in place of all, where there is any."""
        return Verdict(
            tuple(Finding(found.text, (advice,) if found.advice else ()) for found in self.findings)
        )

    def describe(self, program: str = "") -> str:
        """One line of the findings and what to try. program: whose flags that names, if it must be
        said.
        """
        line = "; ".join(finding.text for finding in self.findings)
        wanted = f"With {program}, try" if program else "Try"
        return line + (f". {wanted} {'; '.join(self.advice)}" if self.advice else "")

    def __str__(self) -> str:
        return self.describe()


def give_verdict(row: Mapping[str, float]) -> Verdict:
    """The verdict on a texture.

    Args:
      row: measures by name, as of `evaluate`; of those that it lacks the verdict says nothing.

    Example:
      >>> measures = {"auditory": 0.9, "patches": 1.1, "structure": 1.0, "rhythm": 1.4}
      >>> verdict = give_verdict(measures)
      >>> print(verdict.findings[0].text)
      like the recording (distance 1.09; its own halves are 1 apart; largest in rhythm, 1.40)
      >>> verdict.advice
      ('a longer recording, or --stretch_seconds',)
      >>> print(give_verdict({"copied": 0.0, "level_db": -0.2, "clicks": 0.0}))
      new (0% copied); level and spectrum kept (level -0.2 dB); no defects
    """
    ratios = {measure: row[measure] for measure in (*MEASURES, *JUDGES) if measure in row}
    findings = [_judge_likeness(ratios)] if ratios else []
    for topic in TOPICS:
        values = {rule.measure: row[rule.measure] for rule in topic.rules if rule.measure in row}
        findings += [judge_topic(topic, values)] if values else []
    return Verdict(tuple(findings))


def withhold_verdict(reason: str) -> Verdict:
    """The verdict on a sound that cannot be judged.

    Example:
      >>> print(withhold_verdict("0.3 s is too short"))
      not judged: 0.3 s is too short
    """
    return Verdict((Finding(f"not judged: {reason}"),))


def mean_likeness(row: Mapping[str, float]) -> dict[str, float]:
    """The geometric mean of a row's likeness ratios, as "likeness"; nothing where it has none.

    Example:
      >>> mean_likeness({"auditory": 2.0, "patches": 0.5, "structure": 1.0, "rhythm": 1.0})
      {'likeness': 1.0}
    """
    ratios = [row[name] for name in (*MEASURES, *JUDGES) if name in row]
    if not ratios:
        return {}
    mean = math.exp(sum(math.log(max(ratio, 1e-3)) for ratio in ratios) / len(ratios))
    return {"likeness": mean}


def _judge_likeness(ratios: Mapping[str, float]) -> Finding:
    """The word for the geometric mean of likeness ratios, and the farthest ratio if it is off."""
    mean = mean_likeness(ratios)["likeness"]
    word = next(word for limit, word in LIKENESS if mean <= limit)
    farthest = max(ratios, key=ratios.__getitem__)
    text = f"{word} (distance {mean:.2f}; its own halves are 1 apart"
    if ratios[farthest] <= FAR:
        return Finding(f"{text})")
    return Finding(
        f"{text}; largest in {FARTHEST[farthest]}, {ratios[farthest]:.2f})", (ADVICE[farthest],)
    )


def judge_topic(
    topic: Topic, values: Mapping[str, float], advice_by_measure: Mapping[str, str] = ADVICE
) -> Finding:
    """The finding of a topic.

    Args:
      topic: its words and rules.
      values: of its measures, without those that were not measured.
      advice_by_measure: what to try where a measure is off.

    Example:
      >>> judge_topic(TOPICS[-1], {"clicks": 2.0}).text
      'defects (2.0 clicks a second)'
    """
    measured = [rule for rule in topic.rules if rule.measure in values]
    off = [rule for rule in measured if rule.is_off(values[rule.measure])]
    shown = off or (measured if topic.numbers_if_good else [])
    numbers = ", ".join(rule.number.format(values[rule.measure]) for rule in shown)
    words = topic.bad if off else topic.good
    advice = tuple(advice_by_measure[rule.measure] for rule in off)
    return Finding(f"{words} ({numbers})" if numbers else words, advice)
