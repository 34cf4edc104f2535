"""Trains a network as a classifier of sounds and judges it by cross-validation.

    python -m launch.train                          # embedded procedural sounds, into output/train; half a minute
    python -m launch.train --data=esc10 --output_dir=output/esc10
    python -m launch.train --data=ESC-50-master --network=2d --folds=5      # one fold held out, as the authors

--data is laid out as ESC-50 (audio/ and meta/esc50.csv) or has a folder a class, with files' names that begin with their
fold's number. Writes accuracy.json, report.html (both of all folds), weights.safetensors (of the network that held out the
last fold), metrics.jsonl (a line an epoch), config.json and files.json, the record of them, into
--output_dir. Ctrl-C keeps a
checkpoint, from which --resume goes on.
"""

import dataclasses
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
import tqdm
from absl import flags

from audio_texture import audio, checkpoint, datasets, files, optimize, training, weights
from audio_texture.layer import Layer, NetworkConfig
from launch import (
    cli,
    configs,
    errors,
    flag_checks,
    interrupts,
    messages,
    paths,
    records,
    run_io,
    runs,
)

FILTERS = {"1d-frequency": (64, 64, 64), "1d-time": (64, 64, 64), "2d": (18, 36, 72)}

_DATA = paths.define_path(
    "data", None, "Folder of the clips; embedded procedural sounds if left out."
)
_NETWORK = flags.DEFINE_enum(
    "network", "1d-frequency", list(FILTERS), "What kernels slide over: frames, bins, or both."
)
_FILTERS = flags.DEFINE_list(
    "filters",
    None,
    "Filters of each layer. Default: 64,64,64 (the authors': 4096,4096,4096); 2d: 18,36,72, the authors'.",
)
_WIDTH = flags.DEFINE_integer(
    "width", 11, "Frames, or bins, or both, that a kernel spans.", lower_bound=1
)
_POOL = flags.DEFINE_integer(
    "pool", 2, "Frames, or bins, or both, pooled into one after each layer.", lower_bound=1
)
_FOLDS = flags.DEFINE_list(
    "folds", None, "Folds to hold out, one after the other. Default: all there are."
)
_SEED = flags.DEFINE_integer(
    "seed", 0, "Seed of weights, order and augmentation.", lower_bound=0, upper_bound=2**31 - 1
)
_HELP = {
    "sample_rate": "Rate that clips are brought to, in Hz.",
    "n_fft": "Window of the spectrogram, in samples.",
    "hop_length": "Samples between its frames.",
    "bands": "Mel bands; 0 keeps all bins, as the authors.",
    "seconds": "Length that clips are cut or padded with silence to.",
    "epochs": "Passes over the training clips.",
    "batch": "Clips in a step.",
    "learning_rate": "Adam's learning rate.",
    "secondary_classes": "Classes by spectral centroid that the network is to tell as well, a regulariser: 8 or 16 with the authors; 0 has none.",
    "shift": "Augmentation: longest rotation in time, as a share of a clip's length.",
    "gain_db": "Augmentation: largest change of level, in dB.",
}
for _kind, _defaults in (
    (training.FrontEnd, training.FrontEnd(bands=64)),
    (training.TrainingSettings, training.TrainingSettings()),
):
    for _field in dataclasses.fields(_kind):
        _value = getattr(_defaults, _field.name)
        if _field.name == "readout":
            text = "What is classified: the last layer's mean over frames, or all of it, as the authors."
            flags.DEFINE_enum("readout", "mean", list(training.READOUTS), text)
        else:
            (flags.DEFINE_integer if isinstance(_value, int) else flags.DEFINE_float)(
                _field.name, _value, _HELP[_field.name]
            )
_CACHE_DIR = paths.define_path(
    "cache_dir",
    None,
    "Folder for spectrograms. Default: ~/.cache/audio_texture/spectrograms, or under XDG_CACHE_HOME.",
)
_OUTPUT_DIR = paths.define_path("output_dir", "output/train", "Folder for the results.")
_OVERWRITE = flags.DEFINE_bool(
    "overwrite", False, "Whether an earlier run in --output_dir may be replaced."
)
_CHECKPOINT_EVERY = flags.DEFINE_integer(
    "checkpoint_every", 0, "Epochs between checkpoints; 0 keeps one on Ctrl-C alone.", lower_bound=0
)
_RESUME = flags.DEFINE_bool(
    "resume", False, "Whether to finish the run in --output_dir, from its last checkpoint."
)

ACCURACY, REPORT, WEIGHTS, CHECKPOINT = (
    "accuracy.json",
    "report.html",
    "weights.safetensors",
    "checkpoint.safetensors",
)


def main() -> int:
    flag_checks.check_run_flags(*cli.parsed())
    front, settings = _from_flags(training.FrontEnd), _from_flags(training.TrainingSettings)
    with errors.naming_flag("filters"):
        layers = tuple(
            Layer(_WIDTH.value, 1, _POOL.value, filters)
            for filters in _numbers(_FILTERS.value or FILTERS[_NETWORK.value])
        )
    frames, bins = front.shape
    channels = {"1d-frequency": bins, "1d-time": frames, "2d": 0}[_NETWORK.value]
    description = NetworkConfig(_NETWORK.value, layers, initialisation="uniform", channels=channels)
    with errors.naming_flag("data"):
        if _DATA.value:
            listing = datasets.scan_dataset(_DATA.value)
            clips, classes = listing.clips, listing.classes
            for line in datasets.describe_exceptions(listing):
                messages.hold(f"--data: {line}")
        else:
            clips, classes = training.embedded_clips()
    with errors.naming_flag("folds"):
        folds = list(dict.fromkeys(_numbers(_FOLDS.value or sorted({clip.fold for clip in clips}))))
        training.check_folds(clips, folds)
    train = training.make_trainer(description, front, len(classes), settings)
    with errors.naming_flag("pool"):
        like = jax.eval_shape(train.init, jax.random.key(0))
    config = {
        "data": _DATA.value,
        "network": description.to_json(),
        "front_end": dataclasses.asdict(front),
        "settings": dataclasses.asdict(settings),
        "folds": folds,
        "seed": _SEED.value,
        "versions": configs.versions(),
    }
    folder = _OUTPUT_DIR.value
    names = [run_io.CONFIG, run_io.METRICS, ACCURACY, REPORT, WEIGHTS, CHECKPOINT]
    inputs = [clip.path for clip in clips] + (
        [os.path.join(_DATA.value, "meta", "esc50.csv")] if _DATA.value else []
    )
    record = run_io.check_output_folder(
        folder, names=names, inputs=inputs, overwrite=_OVERWRITE.value, resume=_RESUME.value
    )
    if _RESUME.value:
        run_io.check_resumable(folder, record, config, program="train")
        if (
            all(records.is_whole(folder, record, name) for name in (ACCURACY, REPORT, WEIGHTS))
            and CHECKPOINT not in record.files
        ):
            messages.say(f"the run in {folder!r} has ended; there is nothing to finish")
            return 0
    clips, entries, skipped = _prepared(clips, front)
    with errors.naming_flag("folds"):
        training.check_folds(clips, folds)

    state, rows = (
        _read_earlier(folder, record, like, clips, folds, settings.epochs)
        if _RESUME.value
        else (None, [])
    )
    output = run_io.claim(
        folder, record, program="train", first={run_io.CONFIG: config}, resume=_RESUME.value
    )
    # Before the end the run has no result, whatever an earlier one left.
    output.begin(run_io.METRICS, CHECKPOINT)
    messages.say_held()
    examples = (
        training.read_or_make_example(entry, clip.path, front, on_unkept=_say_unkept)
        for clip, entry in zip(clips, entries, strict=True)
    )
    known = [(example.centroid, example.profile) for example in examples]
    centroids, profiles = (np.stack(values) for values in zip(*known, strict=True))
    read = dict(zip(clips, entries, strict=True))
    bar = tqdm.tqdm(
        total=len(folds) * settings.epochs,
        initial=len(rows),
        unit="epoch",
        disable=not sys.stderr.isatty(),
        leave=False,
    )
    saved = len(rows)

    def spectrogram(clip):
        with errors.naming_flag("data"):
            return training.read_or_make_example(
                read[clip], clip.path, front, on_unkept=_say_unkept
            ).spectrogram

    epochs = training.cross_validate(
        clips,
        centroids,
        spectrogram,
        train,
        settings,
        folds,
        seed=_SEED.value,
        state=state,
        rows=rows,
    )
    try:
        for state, rows in epochs:
            with optimize.Interrupts() as late:
                _write_rows(output, rows)
                last = rows[-1]
                bar.update()
                bar.set_postfix_str(f"loss {last['loss']:.3f}")
                if "predicted" in last:
                    bar.clear()
                    messages.say(
                        f"fold {last['fold']}: accuracy {last['accuracy']:.3f} (training {last['fitted']:.3f})"
                    )
                if _CHECKPOINT_EVERY.value and len(rows) % _CHECKPOINT_EVERY.value == 0:
                    saved = _save_state(output, state, rows) or saved
            if late.seen:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        with optimize.Interrupts():
            bar.close()
            if len(rows) > saved:
                _save_state(output, state, rows)
        messages.say(f"interrupted after {len(rows)} epochs; --resume goes on from there")
        return 130
    except errors.UserError as error:
        # A recording has gone since the beginning, and its spectrogram with it.
        bar.close()
        if len(rows) > saved:
            _save_state(output, state, rows)
        raise errors.UserError(
            f"{error} {len(rows)} epochs are kept; --resume goes on from there."
        ) from error
    except FloatingPointError as error:
        raise errors.UserError(f"--learning_rate: {error}") from error
    bar.close()
    # What was learnt stands in memory alone: Ctrl-C waits until it is written.
    with optimize.Interrupts() as late:
        status = _write_results(
            output, config, clips, classes, profiles, rows, skipped, description, state
        )
    return interrupts.STATUS if late.seen else status


def _write_results(
    output, config, clips, classes, profiles, rows, skipped, description, state
) -> int:
    """accuracy.json, report.html and weights.safetensors of a run that came to its end; the exit
    status.
    """
    folder, folds = _OUTPUT_DIR.value, config["folds"]
    last_trained = rows[-1]["fold"] if state is not None else None
    rows = sorted(rows, key=lambda row: (folds.index(row["fold"]), row["epoch"]))
    found = {**training.summarise(clips, classes, profiles, rows), "skipped": skipped}
    _write_rows(output, rows)
    status = runs.write_report(output, REPORT, lambda: report_page(found, rows, config), 0)
    notes = {name: config[name] for name in ("front_end", "settings", "seed")}
    notes |= {"classes": classes, "held_out": folds[-1], "accuracy": found["folds"][str(folds[-1])]}
    # Where only another fold, or none, was trained again, the weights are there.
    if last_trained == folds[-1]:
        output.save(
            WEIGHTS,
            lambda path: weights.save(path, description, training.network_variables(state), notes),
        )
    output.write_json(ACCURACY, {**found, "config": config})
    if not output.failed:
        checkpoint.remove(output.path(CHECKPOINT))
        output.finish(run_io.METRICS, drop=[CHECKPOINT])
    messages.say(
        f"accuracy {found['accuracy']:.3f} over {len(folds)} folds; nearest class mean {found['baseline']:.3f}, chance {found['chance']:.3f}"
    )
    messages.say(
        f"{os.path.join(folder, REPORT)}: accuracy by epoch, confusion matrix and settings"
    )
    messages.say(
        f"{os.path.join(folder, ACCURACY)}, {WEIGHTS}: of the network that held out fold {folds[-1]}"
    )
    return status or int(output.failed)


def _write_rows(output: run_io.Output, rows: Sequence[Mapping[str, Any]]) -> None:
    try:
        files.write_text(output.path(run_io.METRICS), runs.json_lines(rows), sync=False)
    except OSError as error:
        output.complain(run_io.METRICS, error, "the training goes on without")


def _save_state(output: run_io.Output, state: Any, rows: Sequence[Mapping[str, Any]]) -> int:
    """Writes a checkpoint; the epochs in it, 0 where it cannot be written."""
    try:
        checkpoint.save_tree(output.path(CHECKPOINT), state, rows)
        return len(rows)
    except OSError as error:
        output.complain(CHECKPOINT, error, "a later --resume begins the fold at hand again")
        return 0


def _read_earlier(
    folder: str,
    record: records.Record,
    like: Any,
    clips: Sequence[training.Clip],
    folds: Sequence[int],
    epochs: int,
) -> tuple[Any, list[dict[str, Any]]]:
    """State and rows to go on from: of the checkpoint, or else of the folds that metrics.jsonl
    holds to their end.

    The network of the last fold is trained again where its weights are not whole. Says what is
    lost; touches nothing.
    """
    path = os.path.join(folder, CHECKPOINT)
    try:
        with errors.naming_flag("resume"):
            if restored := checkpoint.load_tree(path, like):
                return restored
    except errors.UserError as error:
        if not isinstance(error.__cause__, checkpoint.DamagedError):
            raise
        messages.say(f"{error.__cause__} The fold at hand is begun again.")
    rows, complete = runs.read_rows(os.path.join(folder, run_io.METRICS), _is_row)
    if not complete:
        messages.say(
            f"{os.path.join(folder, run_io.METRICS)}: damaged or missing; folds that cannot be read are trained again"
        )
    kept = []
    for fold in folds:
        own = [row for row in rows if row["fold"] == fold]
        held_out = sum(clip.fold == fold for clip in clips)
        whole = [row["epoch"] for row in own] == list(range(1, epochs + 1)) and len(
            own[-1].get("predicted", ())
        ) == held_out
        weights_lost = fold == folds[-1] and not records.is_whole(folder, record, WEIGHTS)
        if whole and not weights_lost:
            kept += own
        elif own:
            messages.say(f"fold {fold} is trained again")
    return None, kept


def _is_row(row: Any) -> bool:
    kinds = {
        "fold": int,
        "epoch": int,
        "loss": float,
        "fitted": float,
        "accuracy": float,
        "seconds": float,
    }
    plain = isinstance(row, dict) and all(
        isinstance(row.get(name), kind) for name, kind in kinds.items()
    )
    return plain and isinstance(row.get("predicted", []), list)


def report_page(
    found: dict[str, Any], rows: Sequence[Mapping[str, Any]], config: dict[str, Any]
) -> str:
    """report.html: how the training went and what came of it; settings by the flags they came by."""
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
    # The help of a choice begins with its options.
    settings = [
        [name, value, flags.FLAGS[name].help.rpartition(">: ")[2]] for name, value in values.items()
    ]
    return report.training_page(found, rows, settings, config)


def _from_flags(kind):
    """FrontEnd or Settings; their complaints begin with the field's name, which is the flag's."""
    try:
        return kind(
            **{field.name: flags.FLAGS[field.name].value for field in dataclasses.fields(kind)}
        )
    except ValueError as error:
        raise errors.UserError(f"--{error}") from error


def _numbers(values) -> list[int]:
    try:
        return [int(value) for value in values]
    except ValueError as error:
        raise ValueError(
            f"{','.join(values)!r} must be whole numbers separated by commas."
        ) from error


# How many clips of a kind are named; of more, how many there are.
_NAMED = 10


def _prepared(clips, front: training.FrontEnd):
    """The clips that can be read, the files of their spectrograms, and how many cannot; each of those with a warning."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    cache = _CACHE_DIR.value or os.path.join(home, "audio_texture", "spectrograms")
    try:
        os.makedirs(cache, exist_ok=True)
    except OSError as error:
        # A folder that was asked for is a mistake; of the usual one the training can do without.
        if _CACHE_DIR.value:
            raise errors.UserError(
                f"--cache_dir: {cache!r} cannot be made or written to ({error.strerror})."
            ) from error
    kept, entries, lengths, skipped = [], [], [], 0

    def entry(clip):
        try:
            length = (
                None if clip.path.startswith(training.EMBEDDED) else audio.seconds_of(clip.path)
            )
            return (
                clip,
                training.cache_example(clip.path, front, cache, on_unkept=_say_unkept),
                length,
                "",
            )
        except ValueError as error:
            return clip, None, None, " ".join(str(error).split())

    # The warnings of all clips, also from the thread that reads them.
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", audio.FileWarning)
        found = training.prefetch(entry, clips)
        for clip, path, length, complaint in tqdm.tqdm(
            found,
            "spectrograms",
            len(clips),
            unit="clip",
            disable=not sys.stderr.isatty(),
            leave=False,
        ):
            if path:
                kept.append(clip)
                entries.append(path)
                lengths.append(length)
            else:
                skipped += 1
                if skipped <= _NAMED:
                    messages.say(f"skipped: {complaint}")
    if skipped:
        messages.say(f"{skipped} of {len(clips)} clips cannot be read and are left out")
    messages = [
        " ".join(str(warning.message).split())
        for warning in told
        if issubclass(warning.category, audio.FileWarning)
    ]
    for message in messages[:_NAMED]:
        messages.hold(f"warning: --data: {message}")
    if len(messages) > _NAMED:
        messages.hold(
            f"warning: --data: and {len(messages) - _NAMED} clips more that are read in spite of their headers"
        )
    if _DATA.value:
        messages.hold(f"--data: {_describe_lengths(lengths, front.seconds)}")
    return kept, entries, skipped


def _describe_lengths(lengths: Sequence[float | None], seconds: float) -> str:
    """How many clips are cut or filled up. lengths: in seconds, None where a file does not say."""
    known = [length for length in lengths if length is not None]
    # To within the half sample that rates round by.
    longer, shorter = (
        sum(sign * (length - seconds) > 1e-3 for length in known) for sign in (1, -1)
    )
    parts = [f"{longer} longer, of which the beginning is used"] * bool(longer) + [
        f"{shorter} shorter, filled up with silence"
    ] * bool(shorter)
    text = f"{len(lengths)} clips, of each {seconds:g} s (--seconds): {'; '.join(parts) or 'all have that length'}"
    return text + (
        f"; {len(lengths) - len(known)} do not say how long they are"
        if len(known) < len(lengths)
        else ""
    )


def _say_unkept(reason: str) -> None:
    messages.say_once(
        f"warning: --cache_dir: spectrograms cannot be kept ({reason}); they are worked out each time."
    )


if __name__ == "__main__":
    cli.run_main(main)
