"""Sections of report.html and the page of launch.texture."""

import html
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from audio_texture import audio, metrics, recipes, scales
from audio_texture.references import fit_kernels, model_sample_rate
from audio_texture.report.verdicts import Judged
from launch.inputs import recordings_section
from launch.messages import say
from launch.mixtures import mixture_options

# Functions here import `report`, and with it Matplotlib, when they are called: the import takes a
# second, which bad input need not wait for.


def likeness_section(
    config: dict[str, Any], references: Sequence[np.ndarray], result: np.ndarray, sample_rate: int
) -> list[tuple[str, str]]:
    """A section on how like a mixture is to each input over time; none where there is one input."""
    from audio_texture import report

    if len(references) < 2:
        return []
    bands = mixture_options(config)["bands"]
    try:
        times, ratios = metrics.measure_likeness_over_time(
            result, references, sample_rate=sample_rate, bands=bands
        )
    except ValueError as error:
        return [("Likeness over time", f"<p>Not measured: {html.escape(str(error))}</p>")]
    names = [os.path.basename(entry["source"]) for entry in config["inputs"]]
    figure = report.draw_likeness(times, ratios, names)
    pictures = report.embed_figures([(figure, "likeness to each input over time")])
    return [("Likeness over time", pictures)]


def copying_section(
    config: dict[str, Any], references: Sequence[np.ndarray], result: np.ndarray, sample_rate: int
) -> list[tuple[str, str]]:
    """A section on how much of a mixture is copied, if the user chose what kernels span
    (--time_scale). Says a line for every input of which something is copied. The verdict has that
    of a single input.
    """
    from audio_texture import report

    if not config["recipe"]["time_scale"] or len(references) < 2:
        return []
    rows, rate = [], min(sample_rate, metrics.WORKING_RATE)
    for entry, reference in zip(config["inputs"], references, strict=True):
        name = os.path.basename(entry["source"])
        try:
            waves = [
                metrics.preprocess(wave, sample_rate=sample_rate, rate=rate)
                for wave in (result, reference)
            ]
        except ValueError as error:
            return [("Copying", f"<p>Not measured: {html.escape(str(error))}</p>")]
        copied = metrics.measure_copying(*waves, sample_rate=rate)["copied"]
        rows.append((name, copied))
        if copied > 0:
            say(
                f"{copied:.0%} of the quarter seconds are taken from {name}: kernels of "
                "--time_scale see so much of it that they repeat it."
            )
    meaning = html.escape(metrics.explain_measure("copied"))
    return [("Copying", f"<p>{meaning}.</p>{report.format_table(rows, ('input', 'copied'))}")]


def name_terms(
    config: dict[str, Any],
    sounds: Sequence[np.ndarray],
    sample_rate: int,
    rows: Sequence[dict[str, Any]],
) -> dict[str, str]:
    """The terms of a run's loss in words, by their names in metrics.jsonl.

    Args:
      config: of the run.
      sounds: what it was made from.
      sample_rate: of the sounds, in Hz.
      rows: of metrics.jsonl.
    """
    recipe = fit_kernels(
        recipes.Recipe.from_json(config["recipe"]), sounds, sample_rate=sample_rate
    )
    rate = model_sample_rate(recipe, sample_rate)
    return {
        name: scales.describe_term(name, recipe, rate) for row in rows[:1] for name in row["terms"]
    }


def texture_page(
    config: dict[str, Any],
    references: Sequence[np.ndarray],
    sample_rate: int,
    paths: Sequence[str],
    rows: Sequence[dict[str, Any]],
    judged: Sequence[Judged],
) -> str:
    """The page of launch.texture: the verdict, then inputs beside results.

    Args:
      config: of the run.
      references: the inputs' waves.
      sample_rate: of the inputs, in Hz.
      paths: of the results.
      rows: of metrics.jsonl.
      judged: verdicts on the first results.
    """
    from audio_texture import report

    originals = [
        (f"input: {os.path.basename(entry['source'])}", wave, sample_rate)
        for entry, wave in zip(config["inputs"], references, strict=True)
    ]
    results = [(os.path.basename(path), *audio.read(path)) for path in paths]
    sections = [
        *likeness_section(config, references, results[0][1], sample_rate),
        *copying_section(config, references, results[0][1], sample_rate),
        *recordings_section({"input": config["inputs"]}),
    ]
    return report.render_texture_page(
        originals,
        results,
        rows,
        config,
        sections,
        judged=judged,
        names=name_terms(config, references, sample_rate, rows),
    )
