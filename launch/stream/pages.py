"""report.html of launch.stream."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from audio_texture import audio
from audio_texture.report.verdicts import Judged
from launch import verdicts
from launch.inputs import recordings_section
from launch.pages import likeness_section
from launch.stream.sinks import File, Pipe

# Length of the beginning and the end that the page plays, in seconds.
SHOWN_SECONDS = 10
# Length of the beginning that the verdict is on, in seconds.
JUDGED_SECONDS = 60
# Longest beginning of a mixture whose likeness is measured, in seconds: it is read at once.
LONGEST_JUDGED = 900


def judge_stream(
    config: dict[str, Any], references: Sequence[np.ndarray], sink: File | Pipe
) -> Judged:
    """The verdict on the first `JUDGED_SECONDS` of a stream; arguments as of `stream_page`."""
    return verdicts.judge_file(
        sink.path, config, references, sink.sample_rate, seconds=JUDGED_SECONDS
    )


def stream_page(
    config: dict[str, Any], references: Sequence[np.ndarray], sink: File | Pipe, judged: Judged
) -> str:
    """The page: the verdict, then the inputs beside the beginning and the end of the stream.

    Args:
      config: of the run.
      references: at the stream's rate; none for a loaded style.
      sink: the file that is written.
      judged: the verdict.
    """
    # Matplotlib takes a second to import, which bad input need not wait for.
    from audio_texture import report

    length = sink.samples / sink.sample_rate
    shown = [
        (f"input: {os.path.basename(entry['source'])}", wave, sink.sample_rate)
        for entry, wave in zip(config["inputs"], references, strict=False)
    ]
    for start in sorted({0.0, max(length - SHOWN_SECONDS, 0.0)}):
        wave, sample_rate = audio.read(sink.path, start=start, seconds=SHOWN_SECONDS)
        shown.append((f"from {start:.1f} s on", wave, sample_rate))
    likeness = []
    if len(references) > 1:
        beginning, _ = audio.read(sink.path, start=0.0, seconds=min(length, LONGEST_JUDGED))
        likeness = likeness_section(config, references, beginning, sink.sample_rate)
    sections = [
        report.verdict_section([judged]),
        ("Listen", report.embed_players(shown)),
        ("Spectrograms, on one scale", report.embed_spectrograms(shown)),
        *report.comparison_section(shown[: len(references) + 1]),
        *likeness,
        ("Configuration", report.format_config(config)),
        *recordings_section({"input": config["inputs"]}),
    ]
    summary = (
        f"{length:.1f} s by the recipe {config['recipe']['name']}, seed {config['seed']}"
        f"{', a loop' if config['loop'] else ''}."
    )
    return report.render_page(f"Stream: {sink.path}", summary, sections)
