"""Trains a network as a classifier of sounds and judges it by cross-validation.

    python -m launch.train                          # embedded procedural sounds, into output/train; half a minute
    python -m launch.train --data=esc10 --output_dir=output/esc10
    python -m launch.train --data=ESC-50-master --network=2d --folds=5      # one fold held out, as the authors

--data is laid out as ESC-50 (audio/ and meta/esc50.csv) or has a folder a class, with files' names that begin with their
fold's number. Writes accuracy.json, report.html (both of all folds), weights.safetensors (of the network that held out the
last fold), metrics.jsonl (a line an epoch) and config.json into --output_dir. Ctrl-C keeps a checkpoint, from which --resume goes on.
"""

import dataclasses
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
import tqdm
from absl import flags

from audio_texture import checkpoint, optimize, training, weights
from audio_texture.layer import Description, Layer
from launch import cli, given, interrupts

FILTERS = {"1d-frequency": (64, 64, 64), "1d-time": (64, 64, 64), "2d": (18, 36, 72)}

_DATA = cli.define_path("data", None, "Folder of the clips; embedded procedural sounds if left out.")
_NETWORK = flags.DEFINE_enum("network", "1d-frequency", list(FILTERS), "What kernels slide over: frames, bins, or both.")
_FILTERS = flags.DEFINE_list("filters", None, "Filters of each layer. Default: 64,64,64 (the authors': 4096,4096,4096); 2d: 18,36,72, the authors'.")
_WIDTH = flags.DEFINE_integer("width", 11, "Frames, or bins, or both, that a kernel spans.", lower_bound=1)
_POOL = flags.DEFINE_integer("pool", 2, "Frames, or bins, or both, pooled into one after each layer.", lower_bound=1)
_FOLDS = flags.DEFINE_list("folds", None, "Folds to hold out, one after the other. Default: all there are.")
_SEED = flags.DEFINE_integer("seed", 0, "Seed of weights, order and augmentation.", lower_bound=0, upper_bound=2**31 - 1)
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
for _kind, _defaults in ((training.FrontEnd, training.FrontEnd(bands=64)), (training.Settings, training.Settings())):
    for _field in dataclasses.fields(_kind):
        _value = getattr(_defaults, _field.name)
        if _field.name == "readout":
            text = "What is classified: the last layer's mean over frames, or all of it, as the authors."
            flags.DEFINE_enum("readout", "mean", list(training.READOUTS), text)
        else:
            (flags.DEFINE_integer if isinstance(_value, int) else flags.DEFINE_float)(_field.name, _value, _HELP[_field.name])
_CACHE_DIR = cli.define_path("cache_dir", None, "Folder for spectrograms. Default: ~/.cache/audio_texture/spectrograms, or under XDG_CACHE_HOME.")
_OUTPUT_DIR = cli.define_path("output_dir", "output/train", "Folder for the results.")
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Whether an earlier run in --output_dir may be replaced.")
_CHECKPOINT_EVERY = flags.DEFINE_integer("checkpoint_every", 0, "Epochs between checkpoints; 0 keeps one on Ctrl-C alone.", lower_bound=0)
_RESUME = flags.DEFINE_bool("resume", False, "Whether to finish the run in --output_dir, from its last checkpoint.")

FILES = ("config.json", "metrics.jsonl", "accuracy.json", "report.html", "weights.safetensors", "checkpoint")


def main() -> int:
    given.check_run_flags()
    front, settings = _from_flags(training.FrontEnd), _from_flags(training.Settings)
    with cli.naming("filters"):
        layers = tuple(Layer(_WIDTH.value, 1, _POOL.value, filters) for filters in _numbers(_FILTERS.value or FILTERS[_NETWORK.value]))
    frames, bins = front.shape
    channels = {"1d-frequency": bins, "1d-time": frames, "2d": 0}[_NETWORK.value]
    description = Description(_NETWORK.value, layers, initialisation="uniform", channels=channels)
    with cli.naming("data"):
        clips, classes = training.list_clips(_DATA.value) if _DATA.value else training.embedded_clips()
    with cli.naming("folds"):
        folds = list(dict.fromkeys(_numbers(_FOLDS.value or sorted({clip.fold for clip in clips}))))
        training.check_folds(clips, folds)
    train = training.trainer(description, front, len(classes), settings)
    with cli.naming("pool"):
        like = jax.eval_shape(train.init, jax.random.key(0))
    config = {
        "data": _DATA.value,
        "network": description.to_json(),
        "front_end": dataclasses.asdict(front),
        "settings": dataclasses.asdict(settings),
        "folds": folds,
        "seed": _SEED.value,
        "versions": cli.versions(),
    }
    folder = _OUTPUT_DIR.value
    cli.check_output_folder(folder, overwrite=_OVERWRITE.value or _RESUME.value)
    if _RESUME.value:
        cli.check_resumable(folder, config)
        if os.path.exists(os.path.join(folder, "accuracy.json")):
            cli.say(f"the run in {folder!r} has ended; there is nothing to finish")
            return 0
    clips, entries, skipped = _prepared(clips, front)
    with cli.naming("folds"):
        training.check_folds(clips, folds)

    with cli.naming("resume"):
        state, rows = (_RESUME.value and checkpoint.load_tree(os.path.join(folder, "checkpoint"), like)) or (None, [])
    cli.make_output_folder(folder, earlier=() if _RESUME.value else FILES)
    cli.write_json(os.path.join(folder, "config.json"), config)
    known = [(example.centroid, example.profile) for example in map(training.load, entries)]
    centroids, profiles = (np.stack(values) for values in zip(*known, strict=True))
    read = dict(zip(clips, entries, strict=True))
    bar = tqdm.tqdm(total=len(folds) * settings.epochs, initial=len(rows), unit="epoch", disable=not sys.stderr.isatty(), leave=False)
    saved = len(rows)
    epochs = training.cross_validate(
        clips, centroids, lambda clip: training.load(read[clip]).spectrogram, train, settings, folds, seed=_SEED.value, state=state, rows=rows
    )
    try:
        for state, rows in epochs:
            with optimize.Interrupts() as late:
                cli.write_text(os.path.join(folder, "metrics.jsonl"), "".join(json.dumps(row) + "\n" for row in rows))
                last = rows[-1]
                bar.update()
                bar.set_postfix_str(f"loss {last['loss']:.3f}")
                if "predicted" in last:
                    bar.clear()
                    cli.say(f"fold {last['fold']}: accuracy {last['accuracy']:.3f} (training {last['fitted']:.3f})")
                if _CHECKPOINT_EVERY.value and len(rows) % _CHECKPOINT_EVERY.value == 0:
                    checkpoint.save_tree(os.path.join(folder, "checkpoint"), len(rows), state, rows)
                    saved = len(rows)
            if late.seen:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        with optimize.Interrupts():
            bar.close()
            if len(rows) > saved:
                checkpoint.save_tree(os.path.join(folder, "checkpoint"), len(rows), state, rows)
        cli.say(f"interrupted after {len(rows)} epochs; --resume goes on from there")
        return 130
    except FloatingPointError as error:
        raise cli.UserError(f"--learning_rate: {error}") from error
    bar.close()
    # What was learnt stands in memory alone: Ctrl-C waits until it is written.
    with optimize.Interrupts() as late:
        _write_results(folder, config, clips, classes, profiles, rows, skipped, description, state)
    return interrupts.STATUS if late.seen else 0


def _write_results(folder, config, clips, classes, profiles, rows, skipped, description, state) -> None:
    """accuracy.json, report.html and weights.safetensors of a run that came to its end."""
    folds = config["folds"]
    found = {**training.summary(clips, classes, profiles, rows), "skipped": skipped}
    write_report(folder, found, rows, config)
    cli.write_json(os.path.join(folder, "accuracy.json"), {**found, "config": config})
    notes = {name: config[name] for name in ("front_end", "settings", "seed")}
    notes |= {"classes": classes, "held_out": folds[-1], "accuracy": found["folds"][str(folds[-1])]}
    weights.save(os.path.join(folder, "weights.safetensors"), description, training.network_variables(state), notes)
    checkpoint.remove(os.path.join(folder, "checkpoint"))
    cli.say(f"accuracy {found['accuracy']:.3f} over {len(folds)} folds; nearest class mean {found['baseline']:.3f}, chance {found['chance']:.3f}")
    cli.say(f"{os.path.join(folder, 'report.html')}: accuracy by epoch, confusion matrix and settings")
    cli.say(f"{os.path.join(folder, 'accuracy.json')}, weights.safetensors: of the network that held out fold {folds[-1]}")


def write_report(folder: str, found: dict[str, Any], rows: Sequence[Mapping[str, Any]], config: dict[str, Any]) -> None:
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
    settings = [[name, value, flags.FLAGS[name].help.rpartition(">: ")[2]] for name, value in values.items()]
    cli.write_text(os.path.join(folder, "report.html"), report.training_page(found, rows, settings, config))


def _from_flags(kind):
    """FrontEnd or Settings; their complaints begin with the field's name, which is the flag's."""
    try:
        return kind(**{field.name: flags.FLAGS[field.name].value for field in dataclasses.fields(kind)})
    except ValueError as error:
        raise cli.UserError(f"--{error}") from error


def _numbers(values) -> list[int]:
    try:
        return [int(value) for value in values]
    except ValueError as error:
        raise ValueError(f"{','.join(values)!r} must be whole numbers separated by commas.") from error


def _prepared(clips, front: training.FrontEnd):
    """The clips that can be read, the files of their spectrograms, and how many cannot; each of those with a warning."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    cache = _CACHE_DIR.value or os.path.join(home, "audio_texture", "spectrograms")
    try:
        os.makedirs(cache, exist_ok=True)
    except OSError as error:
        raise cli.UserError(f"--cache_dir: {cache!r} cannot be made or written to ({error.strerror}).") from error
    kept, entries = [], []

    def entry(clip):
        try:
            return clip, training.cached(clip.path, front, cache)
        except ValueError as error:
            cli.say(f"skipped: {' '.join(str(error).split())}")
            return clip, None

    found = training.ahead(entry, clips)
    for clip, path in tqdm.tqdm(found, "spectrograms", len(clips), unit="clip", disable=not sys.stderr.isatty(), leave=False):
        if path:
            kept.append(clip)
            entries.append(path)
    if len(kept) < len(clips):
        cli.say(f"{len(clips) - len(kept)} of {len(clips)} clips cannot be read and are left out")
    return kept, entries, len(clips) - len(kept)


if __name__ == "__main__":
    cli.run(main)
