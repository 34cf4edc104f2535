"""quality.json and report.html of launch.transfer."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from audio_texture import audio, metrics, recipes
from audio_texture.report.verdicts import Judged
from launch.errors import one_line
from launch.inputs import recordings_section
from launch.pages import name_terms
from launch.runs import Made, page_contents, write_report
from launch.transfer_steps import SOURCES, measure
from launch.verdicts import advise_for, say_verdicts

MEASURES, REPORT = FILES = ("quality.json", "report.html")
Rows = list[dict[str, Any]]


def measure_originals(sounds: Sequence[np.ndarray], sample_rate: int) -> Rows:
    """Rows of quality.json for the content and the style themselves. ValueError where either is too
    short or silent.
    """
    return [
        {"candidate": name, "style_weight": None, **measure(wave, sounds, sample_rate)}
        for name, wave in zip(SOURCES, sounds, strict=True)
    ]


def judge_results(
    made: Made,
    config: dict[str, Any],
    sounds: Sequence[np.ndarray],
    sample_rate: int,
    read_originals: Callable[[], Rows],
) -> tuple[Rows, list[Judged]]:
    """The rows of quality.json (content, results, style) and the verdicts on the results.

    Args:
      made: the results.
      config: of the run.
      sounds: the content and the style.
      sample_rate: of both, in Hz.
      read_originals: returns the rows of `measure_originals`. Where it raises ValueError, there are
        no rows.
    """
    names = [os.path.basename(path) for path in made.paths]
    try:
        content, style = read_originals()
        rows, judged = [content], []
        for name, path, weight in zip(names, made.paths, config["style_weights"], strict=False):
            measures = measure(audio.read(path)[0], sounds, sample_rate)
            verdict = metrics.give_transfer_verdict(measures, content_row=content)
            verdict = advise_for(config, verdict)
            rows.append({"candidate": name, "style_weight": weight, **measures})
            judged.append(Judged(name, verdict, measures))
        return [*rows, style], judged
    except (ValueError, OSError) as error:
        verdict = metrics.withhold_verdict(one_line(error).rstrip("."))
        return [], [Judged(name, verdict, {}) for name in names]


def write_results(
    made: Made,
    config: dict[str, Any],
    sounds: Sequence[np.ndarray],
    sample_rate: int,
    read_originals: Callable[[], Rows],
) -> int:
    """Judges the results, writes quality.json and report.html, and says the verdicts; the exit
    status. Arguments as of `judge_results`.
    """
    if not made.paths:
        return made.status
    rows, judged = judge_results(made, config, sounds, sample_rate, read_originals)
    made.output.write_json(MEASURES, rows)
    status = write_report(
        made.output,
        REPORT,
        lambda: transfer_page(made, config, sounds, sample_rate, rows, judged),
        made.status,
        page_contents(
            recipes.Recipe.from_json(config["recipe"]), "players", "spectrograms", "measures"
        ),
    )
    say_verdicts(judged)
    return status


def transfer_page(
    made: Made,
    config: dict[str, Any],
    sounds: Sequence[np.ndarray],
    sample_rate: int,
    rows: Rows,
    judged: Sequence[Judged],
) -> str:
    """report.html: the verdicts, then the content, the results, and the style.

    Args:
      made: the results.
      config: of the run.
      sounds: the content and the style.
      sample_rate: of both, in Hz.
      rows: of quality.json.
      judged: verdicts on the results.
    """
    # Matplotlib takes a second to import, which bad input need not wait for.
    from audio_texture import report

    files = report.name_apart([config[name]["source"] for name in SOURCES])
    content, style = (
        (f"{name}: {file}", wave, sample_rate)
        for name, file, wave in zip(SOURCES, files, sounds, strict=True)
    )
    results = []
    for path, weight in zip(made.paths, config["style_weights"], strict=False):
        results.append((f"{os.path.basename(path)}, style {weight:g}", *audio.read(path)))
    return report.render_transfer_page(
        content,
        style,
        results,
        rows,
        made.rows,
        config,
        metrics.explain_measure,
        name_terms(config, sounds, sample_rate, made.rows),
        more=recordings_section({name: [config[name]] for name in SOURCES}),
        judged=judged,
    )
