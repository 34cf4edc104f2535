"""Verdicts on results of launch.texture and launch.stream and on candidates of launch.evaluate."""

import contextlib
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from audio_texture import audio, metrics, recipes
from audio_texture.classical import OPTIMISE
from audio_texture.report.verdicts import Judged
from launch import configs
from launch.errors import one_line
from launch.messages import say

# Results that a run judges: the first ones. Judging one takes about 2 s.
MOST_JUDGED = 4


def judge_file(
    path: str,
    config: dict[str, Any],
    references: Sequence[np.ndarray],
    sample_rate: int,
    *,
    seconds: float | None = None,
) -> Judged:
    """The verdict on a result, and its measures.

    Args:
      path: of the result.
      config: of the run.
      references: the inputs' waves; a mixture's, and none, give no verdict.
      sample_rate: of all, in Hz.
      seconds: length of the beginning that is judged; None is the whole.
    """
    name, row = os.path.basename(path), {}
    try:
        _check_inputs(config, references, sample_rate)
        wave, _ = audio.read(path, seconds=seconds)
        metrics.check_sound(wave, sample_rate=sample_rate, name="the result")
        row = metrics.evaluate(wave, references[0], sample_rate=sample_rate)
    except (ValueError, OSError) as error:
        return Judged(name, metrics.withhold_verdict(one_line(error).rstrip(".")), row)
    return Judged(name, advise_for(config, metrics.give_verdict(row)), row)


def advise_for(config: dict[str, Any], verdict: metrics.Verdict) -> metrics.Verdict:
    """The verdict with the advice that fits a run: what was made in one pass has no budget or
    weights to raise.
    """
    recipe = recipes.Recipe.from_json(config["recipe"]) if config.get("recipe") else None
    if not recipe or not recipe.is_direct:
        return verdict
    # The recipe of that name may itself have been given a method.
    optimises = f"--recipe={recipe.task}" if recipe.name != recipe.task else f"--method={OPTIMISE}"
    return verdict.with_advice(f"{optimises}, which optimises")


def advise_for_file(path: str, verdict: metrics.Verdict) -> metrics.Verdict:
    """The verdict on a texture with the advice that fits the run whose config.json lies beside its
    file; the verdict itself where there is no such run.
    """
    # Any file may have that name.
    with contextlib.suppress(ValueError, TypeError, LookupError, AttributeError, ArithmeticError):
        config = configs.read_json(os.path.join(os.path.dirname(path), configs.CONFIG))
        if os.path.isfile(path) and config["recipe"]["task"] == "texture":
            return advise_for(config, verdict)
    return verdict


def judge_files(
    paths: Sequence[str], config: dict[str, Any], references: Sequence[np.ndarray], sample_rate: int
) -> list[Judged]:
    """The verdicts on the first `MOST_JUDGED` results; arguments as of `judge_file`."""
    return [judge_file(path, config, references, sample_rate) for path in paths[:MOST_JUDGED]]


def _check_inputs(
    config: dict[str, Any], references: Sequence[np.ndarray], sample_rate: int
) -> None:
    """ValueError where a result cannot be compared with its inputs."""
    if not references:
        raise ValueError("there is no recording to compare it with")
    if len(references) > 1:
        raise ValueError("a mixture is not meant to be like any one of its inputs")
    name = os.path.basename(config["inputs"][0]["source"])
    metrics.check_sound(references[0], sample_rate=sample_rate, name=name)


def say_verdicts(results: Sequence[Judged], *, program: str = "") -> None:
    """Says one line for each result. program: whose flags the advice names, if not the running
    one's.
    """
    for result in results:
        say(f"{result.name}: {result.verdict.describe(program)}")
