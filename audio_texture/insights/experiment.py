"""The form of an experiment: settings, numbers, a verdict, a figure.

An experiment is a module of three functions. `measure(settings)` returns numbers as plain types, in
rows with a seed each. `judge(numbers)` weighs them by the rule in its docstring. `draw(numbers)`
makes the figure. A JSON file of the numbers is therefore enough to judge and draw.

Everything that varies from run to run (sounds, filters, starts, permutations) is drawn from the
seed, so the mean over the rows of a seed is one independent draw.
"""

import inspect
import re
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
        return f"{self.mean:.3g} [{self.low:.3g}, {self.high:.3g}]"


class Verdict(NamedTuple):
    """The outcome of an experiment.

    Attributes:
      verdict: "supports", "contradicts" or "undecided".
      sentence: the outcome in words, with the numbers that decided.
      intervals: those numbers by name.
    """

    verdict: str
    sentence: str
    intervals: dict[str, Interval]


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
