"""The choices of launch.train: from flags to network, front end, settings and config.json."""

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from audio_texture import datasets, training
from audio_texture.errors import ChoiceError
from audio_texture.layer import Layer, NetworkConfig
from launch import configs, records, run_io, train_results
from launch.errors import UserError, naming_flag
from launch.flag_set import FlagSet

FILTERS = {"1d-frequency": (64, 64, 64), "1d-time": (64, 64, 64), "2d": (18, 36, 72)}
_HELP = {
    "sample_rate": "Rate that clips are brought to, in Hz.",
    "n_fft": "Window of the spectrogram, in samples.",
    "hop_length": "Samples between its frames.",
    "bands": "Mel bands; 0 keeps all bins, as the authors do.",
    "seconds": "Length that clips are cut or padded with silence to.",
    "epochs": "Passes over the training clips; more fit them better and take longer.",
    "batch": "Clips in a training step.",
    "learning_rate": "Adam's learning rate.",
    "secondary_classes": (
        "Classes by spectral centroid that the network learns too, as a regulariser: "
        "8 or 16 with the authors; 0 for none."
    ),
    "readout": (
        "What is classified: the last layer's mean over frames, or all of it, as the authors do."
    ),
    "shift": "Augmentation: longest rotation in time, as a share of a clip's length.",
    "gain_db": "Augmentation: largest change of level, in dB.",
}


class Choices(NamedTuple):
    """The network that is trained, the spectrogram that it takes, and how it is trained."""

    network: NetworkConfig
    front: training.FrontEnd
    settings: training.TrainingSettings


def define_choice_flags(flag_set: FlagSet) -> None:
    """Defines the flags of the network, the front end and the settings."""
    flag_set.define_enum(
        "network", "1d-frequency", FILTERS, "What kernels slide over: frames, bins, or both."
    )
    flag_set.define_list(
        "filters",
        None,
        "Filters of each layer; 64,64,64 if left out, with --network=2d 18,36,72. The authors take "
        "4096,4096,4096, with 2d 18,36,72.",
    )
    flag_set.define_integer(
        "width", 11, "Frames, or bins, or both, that a kernel spans.", lower_bound=1
    )
    flag_set.define_integer(
        "pool", 2, "Frames, or bins, or both, pooled into one after each layer.", lower_bound=1
    )
    for defaults in (training.FrontEnd(bands=64), training.TrainingSettings(readout="mean")):
        for name, value in vars(defaults).items():
            if name == "readout":
                flag_set.define_enum(name, value, training.READOUTS, _HELP[name])
            elif isinstance(value, int):
                flag_set.define_integer(name, value, _HELP[name])
            else:
                flag_set.define_float(name, value, _HELP[name])


def read_choices(values: Mapping[str, Any]) -> Choices:
    """Returns the choices that the flags make. UserError where they do not go together."""
    front = _from_flags(training.FrontEnd, values)
    settings = _from_flags(training.TrainingSettings, values)
    kind = values["network"]
    with naming_flag("filters"):
        layers = tuple(
            Layer(values["width"], 1, values["pool"], filters)
            for filters in _parse_integers(values["filters"] or FILTERS[kind])
        )
    frames, bins = front.shape
    channels = {"1d-frequency": bins, "1d-time": frames, "2d": 0}[kind]
    network = NetworkConfig(kind, layers, initialisation="uniform", channels=channels)
    return Choices(network, front, settings)


def _from_flags(kind: type, values: Mapping[str, Any]) -> Any:
    try:
        return kind(**{field.name: values[field.name] for field in dataclasses.fields(kind)})
    except ChoiceError as error:
        # The message begins with the name of the field, which is the flag's.
        raise UserError(f"--{error}") from error


def read_folds(values: Sequence[str] | None, clips: Sequence[datasets.Clip]) -> list[int]:
    """Returns the folds to hold out: those of --folds, or all. UserError for an unusable fold."""
    with naming_flag("folds"):
        folds = list(dict.fromkeys(_parse_integers(values or {clip.fold for clip in clips})))
        folds = folds if values else sorted(folds)
        training.check_folds(clips, folds)
    return folds


def _parse_integers(values: Iterable[Any]) -> list[int]:
    values = list(values)
    try:
        return [int(value) for value in values]
    except ValueError as error:
        raise ValueError(
            f"{','.join(values)!r} must be whole numbers separated by commas."
        ) from error


def make_config(
    values: Mapping[str, Any], choices: Choices, folds: Sequence[int]
) -> dict[str, Any]:
    """Returns the configuration of the run, as config.json holds it."""
    return {
        "data": values["data"],
        "network": choices.network.to_json(),
        "front_end": dataclasses.asdict(choices.front),
        "settings": dataclasses.asdict(choices.settings),
        "folds": folds,
        "seed": values["seed"],
        "versions": configs.versions(),
    }


def check_folder(
    values: Mapping[str, Any], config: dict[str, Any], clips: Sequence[datasets.Clip]
) -> records.Record | None:
    """Returns the record in --output_dir. UserError where this run may not write there."""
    names = [run_io.CONFIG, run_io.METRICS, *train_results.NAMES]
    inputs = [clip.path for clip in clips]
    if values["data"]:
        inputs.append(os.path.join(values["data"], "meta", "esc50.csv"))
    record = run_io.check_output_folder(
        values["output_dir"],
        names=names,
        inputs=inputs,
        overwrite=values["overwrite"],
        resume=values["resume"],
        program="train",
    )
    if values["resume"]:
        run_io.check_resumable(values["output_dir"], record, config, program="train")
    return record
