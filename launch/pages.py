"""Sections of report.html and the page of launch.texture."""

import html
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from audio_texture import audio, metrics, morphing, recipes, scales
from audio_texture.references import fit_kernels, model_sample_rate
from audio_texture.report.verdicts import Judged
from launch.inputs import recordings_section
from launch.messages import say
from launch.mixtures import mixture_options
from launch.texture_steps import STEM

# Functions here import `report`, and with it Matplotlib, when they are called: the import takes a
# second, which bad input need not wait for.


def name_inputs(config: dict[str, Any]) -> list[str]:
    """The shortest names that tell a run's inputs apart."""
    from audio_texture import report

    return report.name_apart([entry["source"] for entry in config["inputs"]])


def mixture_section(config: dict[str, Any], seconds: float) -> list[tuple[str, str]]:
    """A section on how much each input counts: weights over time in a morph, who owns which band,
    or the shares of a mixture; none where there is one input.

    Args:
      config: of the run.
      seconds: length of the result; a morph that was stopped is shorter than it was to be.
    """
    from audio_texture import report

    # A loaded style has no inputs; a generator's styles are named in the configuration.
    names = config.get("styles") or name_inputs(config)
    if len(names) < 2:
        return []
    options, noun = mixture_options(config), "style" if config.get("styles") else "input"
    if options["bands"]:
        edges = [_format_hertz(low) for low, _ in options["bands"][1:]]
        rows = [
            (name, _format_hertz(low) if low else "0 Hz", _format_hertz(high))
            for name, (low, high) in zip(names, options["bands"], strict=True)
        ]
        text = f"The crossover is at {' and '.join(edges)}. Each input is alone in its band."
        table = report.format_table(rows, ("input", "from", "to"))
        return [("Who owns which band", f"<p>{text}</p>{table}")]
    begin = np.divide(options["weights"], np.sum(options["weights"]))
    if not options["morph_to"]:
        rows = [
            (name, weight, f"{share:.0%}")
            for name, weight, share in zip(names, options["weights"], begin, strict=True)
        ]
        return [("Weights", report.format_table(rows, (noun, "weight", "share")))]
    end = np.divide(options["morph_to"], np.sum(options["morph_to"]))
    times = np.linspace(0, min(seconds, config["seconds"]), 200)
    places = np.asarray(morphing.place_at(times, config["seconds"]))[:, None]
    figure = report.draw_weights(times, (1 - places) * begin + places * end, names)
    text = f"The weight of each {noun}. At both ends the weights are constant."
    pictures = report.embed_figures([(figure, f"weight of each {noun} over time")])
    return [("Weights over time", f"<p>{text}</p>{pictures}")]


def _format_hertz(hertz: float) -> str:
    return "no limit" if hertz == float("inf") else f"{hertz:g} Hz"


def distance_section(
    config: dict[str, Any], references: Sequence[np.ndarray], result: np.ndarray, sample_rate: int
) -> list[tuple[str, str]]:
    """A section on how far a mixture is from each input over time; none where there is one
    input.
    """
    from audio_texture import report

    if len(references) < 2:
        return []
    title, bands = "Distance to each input over time", mixture_options(config)["bands"]
    try:
        times, ratios = metrics.measure_likeness_over_time(
            result, references, sample_rate=sample_rate, bands=bands
        )
    except ValueError as error:
        return [(title, f"<p>Not measured: {html.escape(str(error))}</p>")]
    text = (
        "How far the result is from each input as time goes on. Lower is more alike. 1 (dotted) is "
        "how far the input's own two halves are apart: a texture of that input alone has about 1."
    )
    if bands:
        text += " Each input is compared in its own band."
    elif not config.get("morph_to"):
        text += " A mixture of different sounds stays above 1 for each."
    figure = report.draw_distances(times, ratios, name_inputs(config))
    pictures = report.embed_figures([(figure, "distance to each input over time")])
    return [(title, f"<p>{text}</p>{pictures}")]


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
    for name, reference in zip(name_inputs(config), references, strict=True):
        try:
            waves = [
                metrics.preprocess(wave, sample_rate=sample_rate, rate=rate)
                for wave in (result, reference)
            ]
        except ValueError as error:
            return [("Copying", f"<p>Not measured: {html.escape(str(error))}</p>")]
        copied = metrics.measure_copying(*waves, sample_rate=rate)["copied"]
        rows.append((name, f"{copied:.0%}"))
        if copied > 0:
            say(
                f"{copied:.0%} of the quarter seconds are taken from {name}: kernels of "
                "--time_scale see so much of it that they repeat it."
            )
    meaning = html.escape(metrics.explain_measure("copied"))
    return [("Copying", f"<p>{meaning}.</p>{report.format_table(rows, ('input', 'copied'))}")]


def name_terms(
    config: Mapping[str, Any],
    sounds: Sequence[np.ndarray],
    sample_rate: int,
    rows: Sequence[Mapping[str, Any]],
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
        (f"input: {name}", wave, sample_rate)
        for name, wave in zip(name_inputs(config), references, strict=True)
    ]
    results = [(os.path.basename(path), *audio.read(path)) for path in paths]
    # A file that had to be written elsewhere has its number still.
    numbers = [re.match(rf"{STEM}_(\d+)", name) for name, _, _ in results]
    sections = [
        *mixture_section(config, config["seconds"]),
        *distance_section(config, references, results[0][1], sample_rate),
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
        seeds=[config["seed"] + (int(number[1]) if number else 0) for number in numbers],
        names=name_terms(config, references, sample_rate, rows),
    )
