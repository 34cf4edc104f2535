"""The steps of launch.insights: checks of its input, one experiment, and the page of all."""

import contextlib
import hashlib
import html
import os
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from audio_texture import datasets, files, insights
from launch import configs, flag_checks, inputs, records, run_io, runs
from launch.errors import naming_flag
from launch.messages import hold
from launch.output import Output
from launch.plurals import count

PAGE = "insights.html"
# Experiments that use no recordings.
PROCEDURAL = ("carried", "inversion", "orders", "receptive-field", "transposition")


def check_flags(names: Sequence[str], given: Collection[str]) -> None:
    """UserError for a given flag that none of the experiments uses."""
    flag_checks.refuse_if(
        given,
        {
            "vgg19": (
                "weights" not in names,
                "it is for the figure weights, which is not asked for",
            ),
            "data": (
                not set(names) - set(PROCEDURAL),
                f"{', '.join(names)} use only procedural sounds",
            ),
        },
    )


def list_recordings(folder: str | None) -> tuple[str, ...]:
    """Returns the paths of the recordings of --data, and holds lines on them for `say_held`."""
    if not folder:
        return ()
    with naming_flag("data"):
        dataset = datasets.scan_dataset(folder)
    for line in datasets.describe_exceptions(dataset):
        hold(f"--data: {line}")
    hold(
        f"--data: {count(len(dataset.clips), 'recording')}; each figure takes stretches from the "
        "beginnings of some of them, others for each seed"
    )
    return tuple(clip.path for clip in dataset.clips)


def check_vgg19(path: str | None) -> None:
    """UserError where a file is given that holds no weights of VGG-19."""
    if not path:
        return
    from audio_texture import weights

    with naming_flag("vgg19"):
        config, _ = weights.load(path)
        if not config.kind.startswith("vgg19"):
            raise ValueError(
                f"{path!r} holds weights of a {config.kind} network, and must hold those of VGG-19."
            )


def make_config(values: Mapping[str, Any], recordings: Sequence[str]) -> dict[str, Any]:
    """Returns the configuration of the run, as config.json holds it."""
    names = "\n".join(os.path.relpath(path, values["data"]) for path in recordings)
    return {
        "quick": values["quick"],
        "seeds": values["seeds"],
        "data": values["data"],
        "recordings": hashlib.sha256(names.encode()).hexdigest() if recordings else None,
        "vgg19": values["vgg19"] and inputs.digest(values["vgg19"]),
        "versions": configs.versions(),
    }


def check_folder(
    values: Mapping[str, Any],
    config: dict[str, Any],
    names: Sequence[str],
    recordings: Sequence[str],
) -> records.Record | None:
    """Returns the record in --output_dir. UserError where this run may not write there."""
    results = [f"{name}.{ending}" for name in names for ending in ("png", "json")]
    record = run_io.check_output_folder(
        values["output_dir"],
        names=[run_io.CONFIG, PAGE, *results],
        inputs=[*recordings, *([values["vgg19"]] if values["vgg19"] else [])],
        overwrite=values["overwrite"],
        resume=values["resume"],
        program="insights",
    )
    if values["resume"]:
        run_io.check_resumable(values["output_dir"], record, config, program="insights")
    return record


def read_result(output: Output, name: str) -> dict[str, Any] | None:
    """Returns the JSON of a finished experiment; None where it or the picture is not whole."""
    if output.is_whole(f"{name}.png") and output.is_whole(f"{name}.json"):
        with contextlib.suppress(ValueError):
            return configs.read_json(output.path(f"{name}.json"))
    return None


def run_experiment(
    name: str, settings: insights.ExperimentSettings, config: dict[str, Any], output: Output
) -> dict[str, Any]:
    """Measures, judges and draws one experiment and writes its two files; returns its JSON.

    Args:
      name: of the experiment.
      settings: of the experiment.
      config: of the run.
      output: its folder.
    """
    from audio_texture import report

    experiment = insights.load_experiment(name)
    started = time.monotonic()
    numbers = experiment.measure(settings)
    verdict = experiment.judge(numbers)
    result = {
        "figure": name,
        "claim_number": experiment.claim,
        **experiment.describe(),
        "verdict": verdict.verdict,
        "sentence": verdict.sentence,
        "intervals": {key: value._asdict() for key, value in verdict.intervals.items()},
        "log_bases": dict(verdict.log_bases),
        "seconds": time.monotonic() - started,
        "config": config,
        "numbers": numbers,
    }
    picture = report.encode_png(experiment.draw(numbers))
    output.save(f"{name}.png", lambda path: files.write_bytes(path, picture))
    output.write_json(f"{name}.json", result)
    return result


def write_page(output: Output, config: dict[str, Any], contents: str = "") -> int:
    """Writes insights.html; the exit status.

    Args:
      output: the run's folder.
      config: of the run.
      contents: what the page shows, for a line on it; no line if left out.
    """
    return runs.write_report(output, PAGE, lambda: make_page(output, config), 0, contents)


def make_page(output: Output, config: dict[str, Any]) -> str:
    """Returns insights.html of all experiments that are finished."""
    from audio_texture import report

    results = [result for name in insights.CLAIMS if (result := read_result(output, name))]
    table = report.format_table(
        [
            [f"{result['claim_number']}. {result['claim']}", result["verdict"], result["sentence"]]
            for result in results
        ],
        ["claim", "verdict", "numbers: mean over seeds [95 % interval]"],
    )
    sounds = "procedural sounds and recordings" if config["data"] else "procedural sounds"
    minutes = sum(result["seconds"] for result in results) / 60
    summary = (
        f"{'Quick' if config['quick'] else 'Full'} run over {config['seeds']} seeds, on {sounds}; "
        f"{minutes:.1f} minutes. Each verdict follows from its numbers by the rule given with "
        "it; “by the whole interval” means at both ends of the 95 % interval."
    )
    return report.render_page(
        "The paper's conclusions, tested by experiments",
        summary,
        [
            ("Verdicts", f'<div class="words">{table}</div>'),
            *(_make_section(output, result) for result in results),
            ("Configuration", report.format_config(config)),
        ],
    )


def _make_section(output: Output, result: dict[str, Any]) -> tuple[str, str]:
    """Returns the title and the HTML of an experiment."""
    from audio_texture import report

    with open(output.path(f"{result['figure']}.png"), "rb") as file:
        picture = report.embed_png(file.read(), f"figure {result['figure']}")
    lines = [
        f"<p><b>{name.capitalize()}.</b> {html.escape(result[name])}</p>"
        for name in ("claim", "source", "method", "rule")
    ]
    intervals = report.format_table(
        [
            _interval_cells(name, interval, result["log_bases"].get(name))
            for name, interval in result["intervals"].items()
        ],
        ["number", "mean", "low", "high"],
    )
    verdict = (
        f"<p><b>Verdict: {result['verdict']}.</b> {html.escape(result['sentence'])}</p>"
        f"<details><summary>numbers</summary>{intervals}</details>"
    )
    return f"{result['claim_number']}. {result['figure']}", "".join(lines) + picture + verdict


def _interval_cells(name: str, interval: dict[str, float], base: float | None) -> list[Any]:
    """Returns the cells of a table: the name, and the mean and the ends as numbers.

    Args:
      name: of the number.
      interval: its mean, low and high.
      base: of the logarithm that it is, to show the factor in its place; None if it is none.
    """
    values = [interval[key] for key in ("mean", "low", "high")]
    if base is None:
        return [name, *values]
    return [f"{name.removeprefix(f'log{base:g} ')} (factor)", *(base**value for value in values)]
