"""Trains a network as a classifier of sounds and judges it by cross-validation.

Built-in procedural sounds, into output/train, in half a minute:
    python -m launch.train
A data set; then one with a 2-D network and one fold held out, as the authors do:
    python -m launch.train --data=esc10 --output_dir=output/esc10
    python -m launch.train --data=ESC-50-master --network=2d --folds=5

--data is laid out as ESC-50 (audio/ and meta/esc50.csv), or has a folder for each class, with files
whose names begin with the number of their fold. Writes accuracy.json and report.html of all folds,
weights.safetensors of the network trained without the last fold, metrics.jsonl (a line for each
epoch), config.json and files.json (the list of these files) into --output_dir. Ctrl-C keeps a
checkpoint, from which --resume goes on.
"""

from launch import cli

if __name__ == "__main__":
    # Before the imports below: Ctrl-C during them ends in one line too.
    cli.run("train")

from collections.abc import Collection, Mapping
from typing import Any

import jax

from audio_texture import training
from launch import (
    flag_checks,
    flags,
    interrupts,
    messages,
    run_io,
    train_data,
    train_results,
    train_steps,
)
from launch.command import resume_command
from launch.errors import naming_flag
from launch.flag_set import FlagSet
from launch.train_run import TrainingRun, read_earlier


def define_flags(flag_set: FlagSet) -> None:
    """Defines the program's flags."""
    flag_set.define_path(
        "data", None, "Folder of the clips; built-in procedural sounds if left out.", folder=True
    )
    train_steps.define_choice_flags(flag_set)
    flag_set.define_list(
        "folds", None, "Numbers of the folds to hold out, one after the other; all if left out."
    )
    flags.define_seed_flag(flag_set, "Seed of weights, order and augmentation.")
    flag_set.define_path(
        "cache_dir",
        None,
        "Folder in which spectrograms are kept for later runs. ~/.cache/audio_texture/spectrograms "
        "if left out, or the same under XDG_CACHE_HOME.",
        folder=True,
    )
    flags.define_output_flags(flag_set, "train")
    flag_set.define_integer(
        "checkpoint_every",
        0,
        "Epochs between checkpoints; 0 keeps one only on Ctrl-C.",
        lower_bound=0,
    )
    flags.define_resume_flag(flag_set)


def main(values: Mapping[str, Any], given: Collection[str] = ()) -> int:
    """Trains and judges the classifiers; the exit status.

    Args:
      values: of all flags.
      given: names of the flags on the command line.
    """
    flag_checks.check_run_flags(values, given)
    choices = train_steps.read_choices(values)
    clips, classes = train_data.read_clips(values["data"])
    folds = train_steps.read_folds(values["folds"], clips)
    trainer = training.make_trainer(choices.network, choices.front, len(classes), choices.settings)
    with naming_flag("pool"):
        like = jax.eval_shape(trainer.init, jax.random.key(0))
    config = train_steps.make_config(values, choices, folds)
    record = train_steps.check_folder(values, config, clips)
    folder, resume = values["output_dir"], values["resume"]
    if resume and train_results.is_finished(folder, record):
        messages.say(f"the run in {folder!r} is complete; nothing is left to do")
        return 0
    data = train_data.prepare(clips, choices.front, values)
    with naming_flag("folds"):
        training.check_folds(data.clips, folds)

    state, rows = None, []
    if resume:
        state, rows = read_earlier(folder, record, like, data.clips, folds, choices.settings.epochs)
    output = run_io.claim(
        folder, record, program="train", first={run_io.CONFIG: config}, resume=resume
    )
    # The run has no results before its end, even if an earlier run left some.
    output.begin(run_io.METRICS, train_results.CHECKPOINT)
    interrupts.go_on_by(resume_command("train"))
    messages.say_held()
    run = TrainingRun(output, data, trainer, state, rows, values["checkpoint_every"])
    return run.train(
        choices.settings,
        folds,
        values["seed"],
        lambda: train_results.write(run, config, choices.network, classes, describe_flag),
    )


def describe_flag(name: str) -> str:
    """Returns what a flag sets."""
    flag_set = FlagSet()
    define_flags(flag_set)
    return flag_set.description(name)
