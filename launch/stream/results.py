"""What comes after a stream is planned: it is written, judged, and shown on a page."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from launch import interrupts, messages, run_io, runs, verdicts
from launch.errors import one_line
from launch.messages import say
from launch.output import Output
from launch.stream import checks, pages
from launch.stream.sinks import File, Pipe


def finish(
    make: Callable[[], int],
    sink: File | Pipe,
    output: Output | None,
    config: dict[str, Any],
    references: Sequence[np.ndarray],
) -> int:
    """Makes the stream and then its page; the exit status.

    Args:
      make: writes the stream into the sink and returns the exit status.
      sink: where it goes.
      output: the folder; None for a pipe, which has no page.
      config: of the run.
      references: at the stream's rate; none where the run reads no recording.
    """
    try:
        status = make()
    except (ValueError, OSError) as error:
        reason = "its reader has gone" if isinstance(error, BrokenPipeError) else one_line(error)
        say(f"error: --output: {reason}; {sink.describe_rest()}.")
        return 1
    if not output:
        return status
    output.finish(run_io.METRICS, *sink.grown)
    if not sink.samples or status == interrupts.STATUS and config["seconds"]:
        return status or int(output.failed)
    messages.doing("judging")
    judged = pages.judge_stream(config, references, sink)
    status = runs.write_report(
        output, checks.REPORT, lambda: pages.stream_page(config, references, sink, judged), status
    )
    verdicts.say_verdicts([judged])
    return status
