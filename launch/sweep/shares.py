"""Which part of a sweep's runs this process makes."""

import itertools
import re
from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import jax

from launch.errors import UserError, naming_flag
from launch.sweep.plan import Run

_LONGEST_WAIT_MS = 7 * 24 * 3600 * 1000


class Share(NamedTuple):
    """A part of the runs.

    Attributes:
      number: of this process, from 0.
      total: number of processes.
      together: whether the processes are connected (--distributed) and wait for one another.
    """

    number: int
    total: int
    together: bool


def share_from_values(values: Mapping[str, Any]) -> Share:
    """The share that --shard or --distributed ask for. UserError where they are wrong.

    values: of all flags.
    """
    shard = values["shard"]
    if shard and values["distributed"]:
        raise UserError("--shard: give it or --distributed, not both.")
    if values["distributed"]:
        with naming_flag("distributed"):
            jax.distributed.initialize(
                values["coordinator"], values["processes"], values["process"]
            )
        return Share(jax.process_index(), jax.process_count(), together=True)
    if not shard:
        return Share(0, 1, together=False)
    match = re.fullmatch(r"(\d+)/(\d+)", shard)
    if not match or not int(match[1]) < int(match[2]):
        raise UserError(f"--shard: {shard!r} must be I/N with I from 0 to N - 1.")
    return Share(int(match[1]), int(match[2]), together=False)


def own_share(groups: dict[Hashable, list[Run]], share: Share) -> list[list[Run]]:
    """This process's runs of each group. A share consists of consecutive runs, so that few
    processes compile the same program.
    """
    numbered = [(number, run) for number, group in enumerate(groups.values()) for run in group]
    first, last = (
        len(numbered) * number // share.total for number in (share.number, share.number + 1)
    )
    return [
        [run for _, run in part]
        for _, part in itertools.groupby(numbered[first:last], key=lambda pair: pair[0])
    ]


def wait_for_others(share: Share) -> None:
    """Waits until the processes of --distributed have made their runs."""
    if not share.together:
        return
    # Through the coordinator, not the devices: collectives give up on a process that is minutes
    # late.
    from orbax.checkpoint import multihost

    multihost.get_barrier_sync_fn()(key="sweep", timeout_ms=_LONGEST_WAIT_MS)
