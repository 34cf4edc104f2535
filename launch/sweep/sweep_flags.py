"""The flags of a sweep, and which of them go together."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from launch import flag_checks, texture, texture_steps, transfer, transfer_steps
from launch.errors import UserError
from launch.flag_set import FlagSet


class Program(NamedTuple):
    """A program that can be swept: the function that defines its flags, and the module of its
    steps, such as `texture_steps`.
    """

    define_flags: Callable[[FlagSet], None]
    steps: Any


PROGRAMS = {
    "texture": Program(texture.define_flags, texture_steps),
    "transfer": Program(transfer.define_flags, transfer_steps),
}


class Sweep(NamedTuple):
    """What the user asked for.

    Attributes:
      values: of all flags.
      given: names of the flags on the command line.
      steps: of the program that is swept.
      flag_set: of that program.
    """

    values: Mapping[str, Any]
    given: Collection[str]
    steps: Any
    flag_set: FlagSet

    @classmethod
    def from_values(cls, values: Mapping[str, Any], given: Collection[str]) -> "Sweep":
        """The sweep of these flags."""
        program, flag_set = PROGRAMS[values["program"]], FlagSet()
        program.define_flags(flag_set)
        return cls(values, given, program.steps, flag_set)


def define_sweep_flags(flag_set: FlagSet) -> None:
    """Defines the flags of launch.sweep alone."""
    flag_set.define_strings(
        "sweep",
        "A flag and its values, such as seed=0:3 or sharpness=2,4,8; repeat for several. Four "
        "seeds if nothing is swept.",
        value="NAME=VALUES",
    )
    flag_set.define_enum(
        "sweep_mode",
        "grid",
        ["grid", "zip"],
        "grid runs every value of a flag with every other; zip pairs them in order.",
    )
    text = "The program that is run many times."
    flag_set.define_enum("program", "texture", PROGRAMS, text)
    text = "Mix all --input in every run, instead of making runs of each."
    flag_set.define_boolean("mixture", False, text)
    flag_set.define_boolean("dry_run", False, "Print the plan of all runs and stop.")
    flag_set.define_integer(
        "batch",
        0,
        "Runs made at once; 0 is as many as fit into a GPU's memory, and on a CPU one per device.",
        lower_bound=0,
    )
    flag_set.define_boolean(
        "quality",
        True,
        "Judge each result against its input, as launch.evaluate does. Both must last at least "
        "1 s; mixtures are not judged.",
    )
    flag_set.define_boolean(
        "heldout",
        False,
        "Also judge each texture by the part of its recording that follows --input_seconds. Adds "
        "the heldout_* measures, on a stretch as long as the one used.",
    )
    _define_share_flags(flag_set)


def _define_share_flags(flag_set: FlagSet) -> None:
    flag_set.define_string(
        "shard",
        None,
        "Make share I of N of the runs, counted from 0. For separate jobs that share one "
        "--output_dir.",
        value="I/N",
    )
    flag_set.define_boolean(
        "distributed",
        False,
        "This is one of several processes that share the runs by jax.distributed. SLURM, Open MPI, "
        "Kubernetes and TPU pods are detected.",
    )
    flag_set.define_string(
        "coordinator",
        None,
        "Distributed: HOST:PORT of the first process, if it is not detected.",
    )
    flag_set.define_integer(
        "processes", None, "Distributed: number of processes, if not detected.", lower_bound=1
    )
    flag_set.define_integer(
        "process",
        None,
        "Distributed: number of this process, from 0, if not detected.",
        lower_bound=0,
    )


def check_flags(sweep: Sweep) -> None:
    """UserError for flags that do not go with a sweep or with one another."""
    values = sweep.values
    if {"config", "samples", "checkpoint_every"} & set(sweep.given):
        raise UserError(
            "--config, --samples, --checkpoint_every: a sweep has none of them; sweep --seed for "
            "several samples."
        )
    shared = values["shard"] or values["distributed"]
    if values["overwrite"] and (values["resume"] or shared):
        raise UserError(
            "--overwrite: not with --resume, --shard or --distributed, where it would remove what "
            "others made."
        )
    reason = "it is for --distributed, which is not given"
    useless = not values["distributed"]
    flag_checks.refuse_if(
        sweep.given,
        {
            **dict.fromkeys(("coordinator", "processes", "process"), (useless, reason)),
            "resume": (values["dry_run"], "--dry_run prints the plan and makes nothing"),
        },
    )
