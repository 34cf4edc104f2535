"""The form of an experiment: settings, numbers, a verdict, a figure.

An experiment is a module of three functions. `measure(settings)` returns numbers as plain types, in
rows with a seed each. `judge(numbers)` weighs them by the rule in its docstring. `draw(numbers)`
makes the figure. A JSON file of the numbers is therefore enough to judge and draw.

Everything that varies from run to run (sounds, filters, starts, permutations) is drawn from the
seed, so the mean over the rows of a seed is one independent draw.
"""

import inspect
import re
import types
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Numbers = Mapping[str, Any]


class ExperimentSettings(NamedTuple):
    """The settings of an experiment.

    Attributes:
      seeds: seeds of the draws, at least five.
      quick: whether sizes are small.
      recordings: paths of real sounds; procedural sounds alone if empty.
      vgg19: path of the weights of VGG-19; ImageNet weights are left out if empty.
    """

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    quick: bool = False
    recordings: tuple[str, ...] = ()
    vgg19: str = ""


class Interval(NamedTuple):
    """A mean over seeds with its 95 % confidence interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{format_number(self.mean)} {self.ends}"

    @property
    def ends(self) -> str:
        """The ends as text."""
        return f"[{format_number(self.low)}, {format_number(self.high)}]"

    def to_factors(self, base: float) -> "Interval":
        """The factors of which this is the interval of logarithms.

        Example:
          >>> print(Interval(1.0, 0.0, 2.0).to_factors(10))
          10 [1, 100]
        """
        return Interval(base**self.mean, base**self.low, base**self.high)


class Verdict(NamedTuple):
    """The outcome of an experiment.

    Attributes:
      verdict: "supports", "contradicts" or "undecided".
      sentence: the outcome in words, with the numbers that decided.
      intervals: those numbers by name.
      log_bases: the bases of those that are logarithms of factors.
    """

    verdict: str
    sentence: str
    intervals: dict[str, Interval]
    log_bases: Mapping[str, float] = types.MappingProxyType({})


class Experiment(NamedTuple):
    """An experiment on a conclusion of the paper.

    Attributes:
      claim: number of the conclusion.
      measure: settings -> numbers.
      judge: numbers -> verdict.
      draw: numbers -> figure.
    """

    claim: int
    measure: Callable[[ExperimentSettings], Numbers]
    judge: Callable[[Numbers], Verdict]
    draw: Callable[[Numbers], "Figure"]

    def describe(self) -> dict[str, str]:
        """Returns claim, source, method and rule: paragraphs of the docstrings with these names."""
        text = f"{inspect.getdoc(self.measure)}\n\n{inspect.getdoc(self.judge)}"
        paragraphs = re.findall(
            r"^(Claim|Source|Method|Rule): (.*?)(?=\n\n|\Z)", text, re.DOTALL | re.MULTILINE
        )
        return {name.lower(): " ".join(paragraph.split()) for name, paragraph in paragraphs}


def decide_verdict(*, supports: bool, contradicts: bool) -> str:
    """Returns the word of a verdict: undecided where both conditions hold or neither does.

    Example:
      >>> decide_verdict(supports=True, contradicts=False)
      'supports'
    """
    if supports == contradicts:
        return "undecided"
    return "supports" if supports else "contradicts"


# Factors that words say better than decimals.
_FRACTIONS = {
    2: "half",
    3: "a third",
    4: "a quarter",
    5: "a fifth",
    6: "a sixth",
    7: "a seventh",
    8: "an eighth",
    9: "a ninth",
    10: "a tenth",
}


def format_number(value: float) -> str:
    """Returns a number of three significant digits without an exponent.

    Example:
      >>> [format_number(value) for value in (27.04, 1234567.0, 0.00012345, -1e-9)]
      ['27', '1230000', '0.000123', '0']
    """
    text = f"{float(f'{value:.3g}'):z.6f}"
    return text.rstrip("0").rstrip(".")


def describe_factor(logarithm: Interval, base: float, what: str) -> str:
    """Returns a factor in words, with its interval.

    A factor within a twentieth of a half, a third, ..., a tenth is called that.

    Args:
      logarithm: of the factor.
      base: of the logarithm.
      what: the factor's noun or adverb, such as "as far".

    Example:
      >>> describe_factor(Interval(1.43, 1.4, 1.5), 10, "as far")
      '26.9 times as far [25.1, 31.6]'
      >>> describe_factor(Interval(-2.3, -3.0, -2.0), 2, "as far")
      'a fifth as far [0.125, 0.25]'
    """
    factor = logarithm.to_factors(base)
    count = round(1 / factor.mean) if 0.09 < factor.mean < 0.6 else 0
    if count in _FRACTIONS and abs(count * factor.mean - 1) < 0.05:
        number = _FRACTIONS[count]
    else:
        number = f"{format_number(factor.mean)} times"
    return f"{number} {what} {factor.ends}"
