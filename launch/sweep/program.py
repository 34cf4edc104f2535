"""Makes many runs of launch.texture or launch.transfer over lists and ranges of its flags, with a
table and a page of all results.

Four textures of a built-in fire, some minutes:
    python -m launch.sweep
Every recording of a folder, with four seeds and three values of a flag; then only a plan:
    python -m launch.sweep --input='rain/*.ogg' --sweep=seed=0:3 --sweep=sharpness=2,4,8
    python -m launch.sweep --sweep=auditory_weight=0.001:0.1:3:log --dry_run
Textures of the first 2 s of many recordings, also judged by the next 2 s:
    python -m launch.sweep --input='rain/*.ogg' --input_seconds=2 --seconds=2 --heldout
Two sets of views, the first with seed 1, the second with seed 2:
    python -m launch.sweep --sweep='views=bins@32/8:1,3;mel24@32/8:2,8' --sweep=seed=1,2
        --sweep_mode=zip
One of eight jobs; then transfers:
    python -m launch.sweep --sweep=seed=0:999 --shard=$SLURM_ARRAY_TASK_ID/8
        --output_dir=/shared/output/many
    python -m launch.sweep --program=transfer --content='dogs/*.ogg' --style=rain.ogg
        --sweep=style_weight=0.1:10:5:log

--sweep=NAME=VALUES, repeated: any flag that a run's samples depend on. VALUES: v1,v2,... (v1;v2;...
where values contain commas, and v1; for a single such value), whole numbers from:to, numbers
from:to:count evenly spaced, from:to:count:log in equal ratios. Several --input, and patterns with
* ? [ ], are swept too, unless --mixture.

Writes into --output_dir a folder for each run, whole or not at all (texture.wav, config.json,
metrics.jsonl, spectrogram.png, run.json), sweep.csv, sweep.html and sweep.json, the recordings that
sweep.html plays beside the runs, gallery.png (up to six recordings, each with its first texture and
the verdict on it, if textures are judged), and lists of these files (files.json). --resume goes on
where a sweep was stopped and tries failed runs again. The exit status is the number of failed runs
(120 at most), 130 after Ctrl-C, and 2, with nothing written, for bad input.
"""

import os
from collections.abc import Collection, Mapping
from typing import Any

from launch import interrupts
from launch.command import resume_command
from launch.errors import UserError
from launch.flag_set import FlagSet
from launch.messages import say, say_held, show
from launch.sweep import folders, merge, plan, run, shares
from launch.sweep.sweep_flags import PROGRAMS, Sweep, check_flags, define_sweep_flags


def define_flags(flag_set: FlagSet, swept: str = "") -> None:
    """Defines the flags of a sweep and of the program that it runs (swept).

    If there is no such program, --program itself refuses its value later.
    """
    program = PROGRAMS.get(swept, PROGRAMS["texture"])
    program.define_flags(flag_set)
    flag_set.set_default("output_dir", "output/sweep")
    define_sweep_flags(flag_set)


def main(values: Mapping[str, Any], given: Collection[str] = ()) -> int:
    """Makes the runs; the exit status.

    Args:
      values: of all flags.
      given: names of the flags on the command line.
    """
    sweep = Sweep.from_values(values, given)
    check_flags(sweep)
    # JAX requires that processes meet before it computes anything.
    share = shares.share_from_values(values)
    axes = plan.find_axes(sweep)
    plan.check_axes(sweep, axes)
    runs = plan.plan_runs(sweep, axes)
    groups, failures = plan.group_runs(runs, sweep.steps, heldout=values["heldout"])
    if not groups:
        raise UserError(next(iter(failures.values())))
    output = folders.claim_folder(sweep, runs, axes, goes_on=values["resume"] or share.total > 1)
    description = plan.describe(axes, groups, failures, mode=values["sweep_mode"])
    if output is None:
        show(description)
        return 0
    say_held()
    say(description)

    done = {
        name for name, row in folders.read_rows(output.folder, runs).items() if "error" not in row
    }
    parts = [
        [planned for planned in part if planned.name not in done]
        for part in shares.own_share(groups, share)
    ]
    # The first process writes the folders of all runs that cannot be made.
    own_failures = failures if share.number == 0 else {}
    for planned in runs:
        if planned.name in own_failures:
            folders.write_failure(output, planned, own_failures[planned.name])
    interrupts.go_on_by(resume_command("sweep"))
    status = run.make_all(sweep, output, parts, failed=len(own_failures))
    shares.wait_for_others(share)
    if not share.together or share.number == 0:
        is_done = status != interrupts.STATUS
        shown = merge.write_tables(sweep, output, runs, axes, gallery=is_done)
        if is_done:
            say(os.path.join(output.folder, "; ".join(shown)))
    return status or int(output.failed)
