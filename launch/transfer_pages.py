"""quality.json and report.html of launch.transfer."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from audio_texture import audio, metrics
from launch.inputs import recordings_section
from launch.pages import name_terms
from launch.runs import Made
from launch.transfer_steps import SOURCES, measure


def measure_originals(sounds: Sequence[np.ndarray], sample_rate: int) -> list[dict[str, Any]]:
    """Rows of quality.json for the content and the style themselves; none if either is too short
    or silent.
    """
    try:
        return [
            {"candidate": name, "style_weight": None, **measure(wave, sounds, sample_rate)}
            for name, wave in zip(SOURCES, sounds, strict=True)
        ]
    except ValueError:
        return []


def transfer_page(
    made: Made,
    config: dict[str, Any],
    sounds: Sequence[np.ndarray],
    sample_rate: int,
    original_rows: Sequence[dict[str, Any]],
) -> str:
    """Writes quality.json and returns report.html: the content, the results, and the style.

    Args:
      made: the results.
      config: of the run.
      sounds: the content and the style.
      sample_rate: of both, in Hz.
      original_rows: of `measure_originals`; where there are none, nothing is measured.
    """
    # Matplotlib takes a second to import, which bad input need not wait for.
    from audio_texture import report

    files = report.name_apart([config[name]["source"] for name in SOURCES])
    content, style = (
        (f"{name}: {file}", wave, sample_rate)
        for name, file, wave in zip(SOURCES, files, sounds, strict=True)
    )
    results, result_rows = [], []
    for path, weight in zip(made.paths, config["style_weights"], strict=False):
        name, (wave, rate) = os.path.basename(path), audio.read(path)
        results.append((f"{name}, style {weight:g}", wave, rate))
        if original_rows:
            measures = measure(wave, sounds, sample_rate)
            result_rows.append({"candidate": name, "style_weight": weight, **measures})
    rows = [*original_rows[:1], *result_rows, *original_rows[1:]]
    made.output.write_json("quality.json", rows)
    return report.render_transfer_page(
        content,
        style,
        results,
        rows,
        made.rows,
        config,
        metrics.explain_measure,
        name_terms(config, sounds, sample_rate, made.rows),
        recordings_section({name: [config[name]] for name in SOURCES}),
    )
