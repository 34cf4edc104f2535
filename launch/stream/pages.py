"""report.html of launch.stream."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from audio_texture import audio
from audio_texture.report.verdicts import Judged
from launch import verdicts
from launch.inputs import recordings_section
from launch.pages import distance_section, mixture_section, name_inputs
from launch.stream.sinks import File, Pipe

# Length of the beginning and the end that the page plays, in seconds.
SHOWN_SECONDS = 10
# Longest loop that the page holds whole, in seconds.
LONGEST_LOOP = 120
# Length of the beginning that the verdict is on, in seconds.
JUDGED_SECONDS = 60
# Longest beginning of a mixture whose distances are measured, in seconds: it is read at once.
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
    """The page: the verdict, then the inputs beside the beginning and the end of the stream, or
    beside the whole loop.

    Args:
      config: of the run.
      references: at the stream's rate; none for a loaded style.
      sink: the file that is written.
      judged: the verdict.
    """
    # Matplotlib takes a second to import, which bad input need not wait for.
    from audio_texture import report

    length, names = sink.samples / sink.sample_rate, name_inputs(config)
    inputs = [
        (f"input: {name}", wave, sink.sample_rate)
        for name, wave in zip(names, references, strict=False)
    ]
    parts = read_parts(sink.path, length, whole=config["loop"])
    loops = [parts[0][0]] if config["loop"] and len(parts) == 1 else []
    shown, whole = [*inputs, *parts], ""
    if len(parts) > 1:
        whole = report.embed_whole_file(sink.path, length, loop=config["loop"])
    sections = [
        report.verdict_section([judged]),
        ("Listen", whole + report.embed_players(shown, loops=loops)),
        *mixture_section(config, length),
    ]
    if len(references) > 1:
        beginning, _ = audio.read(sink.path, start=0.0, seconds=min(length, LONGEST_JUDGED))
        sections += distance_section(config, references, beginning, sink.sample_rate)
    sections += [
        *recordings_section({"input": config["inputs"]}),
        ("Spectrograms, on one scale", report.embed_spectrograms(shown)),
        *report.comparison_section(shown[: len(references) + 1]),
        ("Configuration", report.format_config(config)),
    ]
    summary = f"{length:.1f} s by the recipe {config['recipe']['name']}, seed {config['seed']}."
    source = " and ".join(names)
    if not source:
        source = os.path.basename((config["target"] or config["generator"])["source"])
    kind = "Loop" if config["loop"] else "Stream"
    return report.render_page(f"{kind} of {source}", summary, sections)


def read_parts(path: str, length: float, *, whole: bool) -> list[tuple[str, np.ndarray, int]]:
    """What the page plays of a file, with titles: all of a short one, else its beginning and end.

    Args:
      path: of the file.
      length: its length in seconds.
      whole: whether all is played of one up to `LONGEST_LOOP` too.
    """
    name = os.path.basename(path)
    if length <= (LONGEST_LOOP if whole else SHOWN_SECONDS):
        return [(name, *audio.read(path))]
    end = length - SHOWN_SECONDS
    return [
        (f"{name}, the first {SHOWN_SECONDS} s", *audio.read(path, seconds=SHOWN_SECONDS)),
        (f"{name}, the last {SHOWN_SECONDS} s", *audio.read(path, start=end)),
    ]
