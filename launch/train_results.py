"""The results of launch.train: accuracy.json, report.html and weights.safetensors."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audio_texture import checkpoint, training, weights
from audio_texture.layer import NetworkConfig
from launch import records, run_io, runs
from launch.messages import say
from launch.plurals import count

if TYPE_CHECKING:
    from launch.train_run import TrainingRun

ACCURACY, REPORT, WEIGHTS = "accuracy.json", "report.html", "weights.safetensors"
CHECKPOINT = "checkpoint.safetensors"
NAMES = (ACCURACY, REPORT, WEIGHTS, CHECKPOINT)


def is_finished(folder: str, record: records.Record | None) -> bool:
    """Whether the run in a folder has all its results."""
    return (
        record is not None
        and all(records.is_whole(folder, record, name) for name in (ACCURACY, REPORT, WEIGHTS))
        and CHECKPOINT not in record.files
    )


def write(
    run: "TrainingRun",
    config: dict[str, Any],
    network: NetworkConfig,
    classes: Sequence[str],
    describe_flag: Callable[[str], str],
) -> int:
    """Writes the results of a finished run; the exit status.

    Args:
      run: the training.
      config: of the run.
      network: the network that was trained.
      classes: names of the classes.
      describe_flag: name of a flag -> what it sets.
    """
    output, folds = run.output, config["folds"]
    last_trained = run.rows[-1]["fold"] if run.state is not None else None
    rows = sorted(run.rows, key=lambda row: (folds.index(row["fold"]), row["epoch"]))
    summary = training.summarise(run.data.clips, classes, run.profiles, rows)
    results = {**summary, "skipped": run.data.skipped}
    run.write_rows(rows)
    status = runs.write_report(
        output, REPORT, lambda: report_page(results, rows, config, describe_flag), 0
    )
    notes = {name: config[name] for name in ("front_end", "settings", "seed")}
    accuracy = results["folds"][str(folds[-1])]
    notes |= {"classes": classes, "held_out": folds[-1], "accuracy": accuracy}
    # Where this run trained only another fold, or none, the file of weights is there already.
    if run.state is not None and last_trained == folds[-1]:
        variables = training.network_variables(run.state)
        output.save(WEIGHTS, lambda path: weights.save(path, network, variables, notes))
    output.write_json(ACCURACY, {**results, "config": config})
    if not output.failed:
        checkpoint.remove(output.path(CHECKPOINT))
        output.finish(run_io.METRICS, drop=[CHECKPOINT])
    say(
        f"accuracy {results['accuracy']:.3f} over {count(len(folds), 'fold')}; "
        f"nearest class mean {results['baseline']:.3f}, chance {results['chance']:.3f}"
    )
    folder = output.folder
    say(f"{os.path.join(folder, REPORT)}: accuracy by epoch, confusion matrix and settings")
    say(
        f"{os.path.join(folder, ACCURACY)}: the same as numbers; {WEIGHTS}: the network trained "
        f"without fold {folds[-1]}"
    )
    return status or int(output.failed)


def report_page(
    results: dict[str, Any],
    rows: Sequence[Mapping[str, Any]],
    config: dict[str, Any],
    describe_flag: Callable[[str], str],
) -> str:
    """Returns report.html: the course of the training, its results and the settings by flag."""
    from audio_texture import report

    layers = config["network"]["layers"]
    values = {
        "data": config["data"] or "procedural sounds",
        "network": config["network"]["kind"],
        "filters": ",".join(str(layer["filters"]) for layer in layers),
        "width": layers[0]["width"],
        "pool": layers[0]["pool"],
        "folds": ",".join(map(str, config["folds"])),
        "seed": config["seed"],
        **config["front_end"],
        **config["settings"],
    }
    # As text: settings are shown as they were given.
    settings = [
        [name, f"{value:g}" if isinstance(value, float) else f"{value}", describe_flag(name)]
        for name, value in values.items()
    ]
    return report.render_training_page(results, rows, settings, config)
