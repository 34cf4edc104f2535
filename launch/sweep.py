"""Makes many runs of launch.texture or launch.transfer, over lists and ranges of its flags, and a table, a page and the sounds of them.

    python -m launch.sweep                                                # four textures of an embedded fire; some minutes
    python -m launch.sweep --input='rain/*.ogg' --sweep=seed=0:3 --sweep=sharpness=2,4,8 --seconds=2 --output_dir=output/rain
    python -m launch.sweep --sweep=evaluations=50:200:4 --sweep=auditory_weight=0.001:0.1:3:log --dry_run      # the plan alone
    python -m launch.sweep --sweep='views=bins@32/8:1,3;mel24@32/8:2,8' --sweep=seed=1,2 --sweep_mode=zip
    python -m launch.sweep --sweep=seed=0:999 --shard=$SLURM_ARRAY_TASK_ID/8 --output_dir=/shared/output/many  # one of eight jobs
    python -m launch.sweep --program=transfer --content='dogs/*.ogg' --style=rain.ogg --sweep=style_weight=0.1:10:5:log

--sweep=NAME=VALUES, repeated: any flag that decides about a run's samples. VALUES: v1,v2,... (v1;v2;... where values have commas of their
own, and a; for one of them alone), whole numbers from:to, numbers from:to:count evenly spaced, from:to:count:log in equal ratios.
Several --input, and patterns with * ? [ ], are swept too, unless --mixture.

Writes into --output_dir a folder a run, whole or not at all (texture.wav, config.json,
metrics.jsonl, spectrogram.png, run.json), sweep.csv, sweep.html and sweep.json, and records of them
(files.json). --resume goes on where a sweep was stopped and tries failed runs again. The exit
status is how many runs failed (120 at most), 130 after Ctrl-C, and 2, with nothing written, for bad
input.
"""

import contextlib
import csv
import difflib
import glob
import hashlib
import importlib
import io
import itertools
import json
import math
import os
import re
import sys
import time
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import tqdm
from absl import flags

from audio_texture import audio, batch, files, optimize, recipes, synthesis
from launch import cli, given, records, run_io
from launch import runs as run_files

# A program that can be swept has configure, without_effect, read, shape_of, prepare and measures,
# and says what it calls its result and which flags name sounds.
PROGRAMS = ("texture", "transfer")


def _asked(arguments: Sequence[str]) -> str:
    """The program that --program names, whose flags are this one's too and must be defined before any are parsed."""
    for argument, following in itertools.pairwise([*arguments, ""]):
        name, equals, value = argument.partition("=")
        if name in ("-program", "--program"):
            value = value if equals else following
            # Another value is the flag's own to refuse.
            return value if value in PROGRAMS else PROGRAMS[0]
    return PROGRAMS[0]


_MODULE = importlib.import_module(f"launch.{_asked(sys.argv)}")

_SWEEP = flags.DEFINE_multi_string(
    "sweep",
    None,
    "NAME=VALUES: a flag and the values it takes; repeat for several. seed=0:3 if nothing else is swept.",
)
_MODE = flags.DEFINE_enum(
    "sweep_mode",
    "grid",
    ["grid", "zip"],
    "Every value with every other, or the first with the first, and so on.",
)
_PROGRAM = flags.DEFINE_enum("program", PROGRAMS[0], PROGRAMS, "What each run is a run of.")
_MIXTURE = flags.DEFINE_bool(
    "mixture", False, "Whether all --input are mixed in every run, in place of a run each."
)
_DRY_RUN = flags.DEFINE_bool("dry_run", False, "Whether to print the plan and stop.")
_BATCH = flags.DEFINE_integer(
    "batch",
    0,
    "Runs made at once; 0 is as many as fit into an accelerator's memory, on a CPU one a device.",
    lower_bound=0,
)
_QUALITY = flags.DEFINE_bool(
    "quality",
    True,
    "Whether to judge each result against its input, as launch.evaluate does; at least 1 s of both, and no mixtures.",
)
_SHARD = flags.DEFINE_string(
    "shard",
    None,
    "I/N: makes the Ith of N shares of the runs, I from 0 to N - 1, for jobs that share --output_dir and know nothing of one another.",
)
_DISTRIBUTED = flags.DEFINE_bool(
    "distributed",
    False,
    "Whether this is one of several processes that share the runs (jax.distributed; SLURM, Open MPI, Kubernetes and TPU pods are found).",
)
_COORDINATOR = flags.DEFINE_string(
    "coordinator", None, "Distributed: HOST:PORT of the first process, where it is not found."
)
_PROCESSES = flags.DEFINE_integer(
    "processes", None, "Distributed: how many there are, where it is not found.", lower_bound=1
)
_PROCESS = flags.DEFINE_integer(
    "process",
    None,
    "Distributed: which of them this is, from 0, where it is not found.",
    lower_bound=0,
)

# Flags of the programs that decide where and how, not what: they cannot be swept.
FIXED = (
    "config",
    "output_dir",
    "overwrite",
    "max_seconds",
    "checkpoint_every",
    "resume",
    "samples",
    "output_format",
)
RESULTS = ("sweep.json", "sweep.csv", "sweep.html")
MOST_FAILED = 120
MEMORY_SHARE = 0.8
LONGEST_WAIT_MS = 7 * 24 * 3600 * 1000


class Run(NamedTuple):
    """name: of its folder. values: what is swept, as text. config: as config.json. digest: of the config without versions."""

    name: str
    values: dict[str, str]
    config: dict[str, Any]
    digest: str


class Share(NamedTuple):
    """Which part of the runs this process makes; together: whether the others are known and waited for."""

    index: int
    count: int
    together: bool


# ---------------------------------------------------------------- the plan


def numbers(text: str, whole: bool) -> list[str] | None:
    """The values of a range from:to, from:to:count or from:to:count:log; None where the text is none. ValueError for a bad one."""
    number = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
    found = re.fullmatch(rf"({number}):({number})(?::(\d+)(:log)?)?", text, re.IGNORECASE)
    if not found:
        return None
    first, last, count, log = (
        float(found[1]),
        float(found[2]),
        found[3] and int(found[3]),
        bool(found[4]),
    )
    if count is None:
        if not whole:
            raise ValueError(f"{text!r} lacks how many values there are: from:to:count.")
        if not (first.is_integer() and last.is_integer() and first <= last <= first + 1_000_000):
            raise ValueError(f"{text!r} must go up from one whole number to another.")
        return [str(value) for value in range(int(first), int(last) + 1)]
    if not 2 <= count <= 1_000_000:
        raise ValueError(f"{text!r} must have 2 values at the least.")
    if log and not first * last > 0:
        raise ValueError(f"{text!r}: equal ratios need numbers of one sign.")
    values = np.geomspace(first, last, count) if log else np.linspace(first, last, count)
    values = (
        [str(round(value)) for value in values] if whole else [f"{value:.6g}" for value in values]
    )
    if len(set(values)) < count:
        raise ValueError(f"{text!r} has fewer than {count} different values.")
    return values


def swept(text: str, allowed: Sequence[str]) -> tuple[str, list[str]]:
    """The name and the values, as text, of one --sweep. ValueError for a bad one."""
    name, equals, values = text.partition("=")
    name = name.strip()
    if not equals:
        raise ValueError(f"{text!r} must look like name=v1,v2 or name=from:to:count.")
    if name not in allowed:
        near = difflib.get_close_matches(name, allowed, n=1, cutoff=0.5)
        raise ValueError(
            f"{name!r} is no flag that can be swept{f'; did you mean {near[0]!r}?' if near else ': ' + ', '.join(allowed) + '.'}"
        )
    kind = flags.FLAGS[name].parser
    whole = isinstance(kind, flags.IntegerParser)
    values = values.strip()
    found = numbers(values, whole) if whole or isinstance(kind, flags.FloatParser) else None
    found = found or [
        value.strip() for value in values.removesuffix(";").split(";" if ";" in values else ",")
    ]
    if "" in found:
        raise ValueError(f"{text!r} has an empty value.")
    if len(set(found)) < len(found):
        raise ValueError(f"{text!r} has a value twice.")
    return name, found


def sources(patterns: Sequence[str]) -> list[str]:
    """The sounds that a flag names, patterns matched against what there is. ValueError where one matches nothing."""
    found: list[str] = []
    for pattern in patterns:
        if (
            any(mark in pattern for mark in "*?[")
            and not os.path.exists(pattern)
            and not pattern.startswith(cli.EMBEDDED)
        ):
            matched = sorted(filter(os.path.isfile, glob.glob(pattern, recursive=True)))
            if not matched:
                raise ValueError(f"no file matches {pattern!r}.")
            found += matched
        else:
            found.append(pattern)
    return list(dict.fromkeys(found))


def sounds_of(program: Any) -> dict[str, list[str]]:
    """The files of each flag that names sounds."""
    found = {}
    for name in program.SOURCES:
        value = flags.FLAGS[name].value
        with cli.naming(name):
            found[name] = sources(value if isinstance(value, list) else [value])
    return found


def parameters(program: Any) -> dict[str, list[str]]:
    """What is swept, in order: sounds first, so that a recording is read once."""
    allowed = sorted(
        flag.name
        for flag in flags.FLAGS.get_key_flags_for_module(program)
        if flag.name not in FIXED
    )
    found = {
        name: files
        for name, files in sounds_of(program).items()
        if len(files) > 1 and not _MIXTURE.value
    }
    for text in _SWEEP.value or ([] if found else ["seed=0:3"]):
        with cli.naming("sweep"):
            name, values = swept(text, allowed)
            if name in program.SOURCES:
                values = sources(values)
            if name in found:
                raise ValueError(f"{name!r} is swept twice.")
        found[name] = values
    return found


def plan(found: dict[str, list[str]], program: Any) -> list[Run]:
    """All runs. UserError, naming flag and value, where a value or a combination will not do."""
    lengths = {len(values) for values in found.values()}
    if _MODE.value == "zip" and len(lengths) > 1:
        raise cli.UserError(
            f"--sweep_mode: zip needs as many values of each; there are {', '.join(f'{len(values)} of {name}' for name, values in found.items())}."
        )
    combined = (
        zip(*found.values(), strict=True)
        if _MODE.value == "zip"
        else itertools.product(*found.values())
    )
    base = flags.FLAGS.flag_values_dict()
    base |= {
        name: files if isinstance(base[name], list) else files[0]
        for name, files in sounds_of(program).items()
    }
    parsed = {
        name: {
            text: [text]
            if isinstance(base[name], list) and name in program.SOURCES
            else _parsed(name, text)
            for text in texts
        }
        for name, texts in found.items()
    }
    runs = []
    for number, texts in enumerate(combined):
        values = dict(zip(found, texts, strict=True))
        config = program.configure(
            base | {name: parsed[name][text] for name, text in values.items()}
        )
        digest = hashlib.sha256(
            json.dumps({**config, "versions": None}, sort_keys=True).encode()
        ).hexdigest()
        runs.append(Run(f"{number:05d}-{digest[:8]}", values, config, digest))
    _refuse_without_effect(found, runs, program, base, parsed)
    return runs


def _refuse_without_effect(
    found: dict[str, list[str]],
    runs: Sequence[Run],
    program: Any,
    base: dict[str, Any],
    parsed: dict[str, dict[str, Any]],
) -> None:
    """UserError for a flag, given or swept, that does nothing in any of the runs."""
    names = [name for name in dict.fromkeys([*found, *given.names()]) if name in base]
    reasons: dict[str, str] | None = None
    for run in runs:
        values = base | {name: parsed[name][text] for name, text in run.values.items()}
        here = program.without_effect(
            values, run.config, names if reasons is None else list(reasons)
        )
        reasons = (
            here
            if reasons is None
            else {name: reason for name, reason in reasons.items() if name in here}
        )
        if not reasons:
            return
    for name, reason in (reasons or {}).items():
        raise cli.UserError(
            f"--{'sweep' if name in found else name}: {name} has no effect here: {reason}."
        )


def check_flags(found: dict[str, list[str]], program: Any) -> None:
    """UserError for flags of a sweep that do nothing beside the others."""
    inputs = sounds_of(program).get("input", [])
    alone = "it is for --distributed, which is not given"
    given.refuse_if(
        {
            "mixture": (len(inputs) < 2, "there are not several --input to mix"),
            "quality": (
                _MIXTURE.value and len(inputs) > 1,
                "mixtures are not judged: a mixture is to be like none of its inputs",
            ),
            "sweep_mode": (len(found) < 2, f"one flag is swept, {next(iter(found), '')}"),
            **{
                name: (not _DISTRIBUTED.value, alone)
                for name in ("coordinator", "processes", "process")
            },
            "resume": (_DRY_RUN.value, "--dry_run prints the plan and makes nothing"),
        }
    )
    by_sweep = {text.partition("=")[0].strip() for text in _SWEEP.value or []}
    given.refuse(
        {
            name: "it is swept, and every run has a value of --sweep"
            for name in sorted(by_sweep)
            if given.given(name)
        }
    )


def _parsed(name: str, text: str) -> Any:
    """A flag's value, as the flag itself would take it."""
    with cli.naming("sweep"):
        try:
            return flags.FLAGS[name].parser.parse(text)
        except ValueError as error:
            raise ValueError(f"{name}={text}: {error}") from error


def grouped(runs: Sequence[Run], program: Any) -> tuple[dict[Hashable, list[Run]], dict[str, str]]:
    """Runs by the compiled programs they need, and, by name, what is wrong with those that cannot be made."""
    groups: dict[Hashable, list[Run]] = {}
    failures = {}
    # Sounds are read and looked at once for all runs that differ in seeds and numbers alone.
    known: dict[Hashable, tuple[Hashable, str]] = {}
    for run in runs:
        structure = recipes.Recipe.from_json(run.config["recipe"]).static_config()
        asked = structure, json.dumps({**run.config, "recipe": None, "seed": None}, sort_keys=True)
        if asked not in known:
            try:
                known[asked] = program.shape_of(run.config, *program.read(run.config)), ""
            except cli.UserError as error:
                known[asked] = None, str(error)
        shape, complaint = known[asked]
        if complaint:
            failures[run.name] = complaint
        else:
            groups.setdefault(shape, []).append(run)
    return groups, failures


def describe(
    found: dict[str, list[str]], groups: dict[Hashable, list[Run]], failures: dict[str, str]
) -> str:
    """The plan as text."""
    runs = sum(map(len, groups.values()))
    lines = [
        f"{runs + len(failures)} runs over {', '.join(f'{len(values)} of {name}' for name, values in found.items())} ({_MODE.value}); programs to compile: {len(groups)}"
    ]
    for number, group in enumerate(groups.values()):
        one = group[0].config
        varied = [name for name in found if len({run.values[name] for run in group}) > 1]
        over = f", over {', '.join(varied)}" if varied else ""
        length = f" of {one['seconds']:g} s" if "seconds" in one else ""
        lines.append(
            f"program {number + 1}: {len(group)} runs{length} by the recipe {one['recipe']['name']}{over}"
        )
    return "\n".join(
        [*lines, *(f"run {name} cannot be made: {message}" for name, message in failures.items())]
    )


def own_share(groups: dict[Hashable, list[Run]], share: Share) -> list[list[Run]]:
    """The groups' part that falls to this process: neighbours, so that few processes compile one program."""
    every = [(number, run) for number, group in enumerate(groups.values()) for run in group]
    first, last = (len(every) * index // share.count for index in (share.index, share.index + 1))
    return [
        [run for _, run in part]
        for _, part in itertools.groupby(every[first:last], key=lambda pair: pair[0])
    ]


# ---------------------------------------------------------------- the runs


class Progress:
    """Runs done, their rate and the time left: a bar on a terminal, a line a run elsewhere."""

    def __init__(self, total: int):
        self._total, self._done, self._failed, self._began = total, 0, 0, time.monotonic()
        self._bar = (
            tqdm.tqdm(total=total, unit="run", desc="sweep", leave=False)
            if sys.stderr.isatty()
            else None
        )

    def add(self, *, failed: bool) -> None:
        """Counts a run that came to its end."""
        self._done, self._failed = self._done + 1, self._failed + failed
        if self._bar is not None:
            self._bar.set_postfix_str(f"{self._failed} failed")
            self._bar.update()
            return
        passed = time.monotonic() - self._began
        left = passed / self._done * (self._total - self._done)
        cli.say(
            f"{self._done}/{self._total} runs, {60 * self._done / passed:.1f} a minute, {left:.0f} s left, {self._failed} failed"
        )

    def show(self, rows: Sequence[Sequence[optimize.ProgressRow]]) -> None:
        """On a terminal, how far a batch has come. rows: of its runs so far."""
        if self._bar is not None:
            begun = [of_one[-1] for of_one in rows if of_one]
            self._bar.set_postfix_str(
                f"{self._failed} failed; evaluation {max(row.evaluations for row in begun)}, loss {min(row.loss for row in begun):.3g}"
            )

    def close(self) -> None:
        """Clears the bar away."""
        if self._bar is not None:
            self._bar.close()


class Problems:
    """A group's problems, made when they are needed: all on the first one's programs; the last one again where only the seed differs."""

    def __init__(self, program: Any):
        self._program = program
        self._first: synthesis.Problem | None = None
        self._last: tuple[str, synthesis.Problem] | None = None

    def of(self, run: Run) -> tuple[recipes.Recipe, synthesis.Problem]:
        """Recipe and problem of a run; UserError and ValueError where it cannot be prepared."""
        recipe, references, rate = self._program.read(run.config)
        but_the_seed = json.dumps({**run.config, "seed": None}, sort_keys=True)
        if self._last is None or self._last[0] != but_the_seed:
            self._last = (
                but_the_seed,
                self._program.prepare(run.config, recipe, references, rate, self._first),
            )
        self._first = self._first or self._last[1]
        return recipe, self._last[1]


def make(
    group: Sequence[Run],
    program: Any,
    mesh: jax.sharding.Mesh | None,
    done: Callable[[Run, synthesis.Texture, float], None],
    failed: Callable[[Run, str], None],
    on_chunk: Callable[[list[list[optimize.ProgressRow]]], None] = lambda rows: None,
) -> bool:
    """Makes a group's runs in batches; False where Ctrl-C ended it. A batch that does not fit into memory is halved.

    done: called with each run that was made, and its seconds. failed: with each that was not, and why. on_chunk: as of
    `batch.run_batch`.
    """
    problems, left, size = Problems(program), list(group), 0
    while left:
        batch = []
        # A run that cannot be prepared leaves its place to the next.
        while left and len(batch) < max(size, 1):
            run = left.pop(0)
            try:
                batch.append((run, *problems.of(run)))
            except (cli.UserError, ValueError) as error:
                failed(run, str(error))
                continue
            size = size or batch_size(len(left) + 1, batch[0][2], mesh)
        if not batch:
            break
        runs, chosen, prepared = zip(*batch, strict=True)
        keys = jnp.stack([jax.random.key(run.config["seed"]) for run in runs])
        began = time.monotonic()
        # Ctrl-C waits until what is complete is written.
        with optimize.Interrupts() as interrupts:
            try:
                made = batch.run_batch(
                    prepared,
                    keys,
                    mesh=mesh,
                    size=size,
                    max_seconds=flags.FLAGS.max_seconds,
                    on_chunk=on_chunk,
                )
            except (jax.errors.JaxRuntimeError, MemoryError) as error:
                if out_of_memory(error) and len(runs) > 1:
                    size, left = math.ceil(len(runs) / 2), [*runs, *left]
                    cli.say(f"{len(runs)} runs at once do not fit into memory: on with {size}")
                else:
                    for run in runs:
                        failed(run, " ".join(str(error).split()))
                continue
            if any(outcome.reason == "interrupted" for outcome in made.outcomes):
                return False
            seconds = (time.monotonic() - began) / len(runs)
            for run, *parts in zip(runs, made.waves, made.lowered_db, made.outcomes, strict=True):
                done(run, synthesis.Texture(*parts), seconds)
        if interrupts.received:
            return False
    return True


def out_of_memory(error: Exception) -> bool:
    """Whether an error says that a device's or the host's memory did not do."""
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)


def batch_size(runs: int, problem: synthesis.Problem, mesh: jax.sharding.Mesh | None) -> int:
    """How many runs to make at once: as --batch says, or what fits into the devices, in batches of nearly one size; on a CPU a run a device."""
    devices = mesh.size if mesh else 1
    most = _BATCH.value or devices
    if not _BATCH.value and jax.default_backend() != "cpu":
        of_device = math.ceil(runs / devices)
        memory = jax.local_devices()[0].memory_stats()
        # Where a device does not tell, all are tried, and halved if they do not fit.
        free = memory["bytes_limit"] - memory["bytes_in_use"] if memory else sys.maxsize
        most = devices * batch.fitting_batch(problem, of_device, memory=int(MEMORY_SHARE * free))
    return math.ceil(runs / math.ceil(runs / most))


# ---------------------------------------------------------------- what is left of a run


def write_run(
    output: run_io.Output, run: Run, program: Any, texture: synthesis.Texture, seconds: float
) -> bool:
    """Writes a finished run's folder, whole or not at all; whether its loss was finite, and the
    folder could be written.
    """
    # Matplotlib takes a second to import, which bad input need not wait for.
    from audio_texture import report

    last, name = texture.outcome.progress[-1], program.SOUND
    row = {"loss": last.loss, **{f"loss {term}": value for term, value in last.terms.items()}}
    # Other names than the flags', which have columns of their own.
    row |= {
        "spent_evaluations": last.evaluations,
        "spent_seconds": round(seconds, 3),
        "sound": f"{name}.{run.config['output_format']}",
    }
    _, references, rate = program.read(run.config)
    if _QUALITY.value:
        # Sounds may be too short to be judged.
        with contextlib.suppress(ValueError):
            row |= program.measures(texture.wave, references, rate)
    row["lowered_db"] = round(texture.lowered_db, 3)
    if texture.outcome.reason == "not finite":
        row["error"] = (
            f"the loss was not finite at evaluation {int(texture.outcome.state.failed_at)}"
        )

    def fill(partial):
        audio.write(os.path.join(partial, row["sound"]), texture.wave, rate)
        files.write_text(
            os.path.join(partial, "metrics.jsonl"),
            run_files.json_lines(run_files.rows_of(0, texture.outcome.progress)),
        )
        report.write_picture(os.path.join(partial, "spectrogram.png"), texture.wave, rate)
        files.sync_file(os.path.join(partial, "spectrogram.png"))

    try:
        _write_folder(output.folder, run, row, run_names(run, program), fill)
    except (OSError, ValueError) as error:
        output.rescue(
            f"{run.name}-{row['sound']}", *run_io.sound_writers(texture.wave, rate), error
        )
        write_failure(output, run, f"its files cannot be written: {' '.join(str(error).split())}")
        return False
    return "error" not in row


def write_failure(output: run_io.Output, run: Run, message: str) -> None:
    """Writes the folder of a run that could not be made, where it can be written."""
    try:
        _write_folder(
            output.folder,
            run,
            {"error": message},
            ["config.json", "run.json"],
            lambda partial: None,
        )
    except (OSError, ValueError) as error:
        cli.say(
            f"{run.name} cannot be marked as failed ({' '.join(str(error).split())}); it failed as {message}"
        )


def run_names(run: Run, program: Any) -> list[str]:
    """The files of a run's folder."""
    return [
        f"{program.SOUND}.{run.config['output_format']}",
        "metrics.jsonl",
        "spectrogram.png",
        "config.json",
        "run.json",
    ]


def _write_folder(
    folder: str, run: Run, row: dict[str, Any], names: Sequence[str], fill: Callable[[str], None]
) -> None:
    """OSError or ValueError where it cannot be written."""
    records.clear_partials(folder, run.name)
    path = os.path.join(folder, run.name)
    partial = files.partial_path(path)
    try:
        os.mkdir(partial)
        written = run_io.Output(
            partial, records.Record(run.config["recipe"]["task"], dict.fromkeys(names), [])
        )
        written.write_record()
        fill(partial)
        run_io.write_json(os.path.join(partial, "config.json"), run.config)
        run_io.write_json(
            os.path.join(partial, "run.json"),
            {"run": run.name, "digest": run.digest, "values": run.values, **row},
        )
        written.record.files.update(
            {name: os.path.getsize(os.path.join(partial, name)) for name in names}
        )
        written.write_record()
        records.clear_folder(path)
        records.move_folder(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            records.clear_folder(partial)
        raise


def finished(folder: str, runs: Sequence[Run]) -> dict[str, dict[str, Any]]:
    """What the folder holds of the runs, whole: the rows of run.json by name, of failed ones too."""
    rows = {}
    for run in runs:
        path = os.path.join(folder, run.name)
        record = records.read_record(path) if os.path.isdir(path) else None
        if not record or not all(
            records.is_whole(path, record, name) for name in {"run.json", *record.files}
        ):
            continue
        with contextlib.suppress(ValueError):
            row = cli.read_json(os.path.join(path, "run.json"))
            if isinstance(row, dict) and row.get("digest") == run.digest:
                rows[run.name] = row
    return rows


def merge(output: run_io.Output, runs: Sequence[Run], found: dict[str, list[str]]) -> None:
    """sweep.csv and sweep.html of all runs that the folder holds, whichever process made them."""
    from audio_texture import report

    rows = None
    # Again where another process finished a run meanwhile.
    while rows is None or len(rows) < len(finished(output.folder, runs)):
        rows = finished(output.folder, runs)
        table = [
            {
                "run": name,
                **row["values"],
                **{
                    key: value
                    for key, value in row.items()
                    if key not in ("run", "digest", "values")
                },
            }
            for name, row in rows.items()
        ]
        columns = list(
            dict.fromkeys(
                [
                    "run",
                    *found,
                    *(name for row in table for name in row if name != "error"),
                    "error",
                ]
            )
        )
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
        output.write_text("sweep.csv", text.getvalue())
        output.write_text(
            "sweep.html", report.render_sweep_page(table, swept=list(found), planned=len(runs))
        )


# ---------------------------------------------------------------- the program


def claim(
    folder: str, runs: Sequence[Run], found: dict[str, list[str]], program: Any, *, goes_on: bool
) -> run_io.Output | None:
    """Makes the output folder this sweep's; UserError where it is another's, or this one's and not
    to be gone on with. None in a dry run.
    """
    overwrite = flags.FLAGS.overwrite
    told = {
        "program": _PROGRAM.value,
        "swept": found,
        "digest": hashlib.sha256("".join(run.digest for run in runs).encode()).hexdigest(),
        "runs": len(runs),
    }
    names = [run.name for run in runs]

    def check_earlier(record):
        if record is None or overwrite:
            return
        if record.program != "sweep":
            raise cli.UserError(
                f"--output_dir: {folder!r} already holds a run; name another folder or give --overwrite."
            )
        # Their names tell what they are runs of, also where sweep.json is damaged.
        if record.folders != names:
            raise cli.UserError(
                f"--output_dir: {folder!r} holds another sweep; name another folder or give --overwrite."
            )
        # Jobs of one sweep find the folder that the first of them made.
        if not goes_on:
            raise cli.UserError(
                f"--output_dir: {folder!r} already holds this sweep; give --resume to go on with it, or --overwrite."
            )

    check_earlier(records.read_record(folder))
    inputs = list(dict.fromkeys(path for run in runs for path in run_io.inputs_of(run.config)))
    in_folders = {run.name: run_names(run, program) for run in runs}
    record = run_io.check_output_folder(
        folder, names=RESULTS, folders=in_folders, inputs=inputs, overwrite=True
    )
    check_earlier(record)
    if _DRY_RUN.value:
        return None
    first = {"sweep.json": {**told, "versions": cli.versions()}}
    return run_io.claim(
        folder, record, program="sweep", first=first, resume=goes_on, names=RESULTS, folders=names
    )


def share_of_flags() -> Share:
    """What --shard or --distributed say; UserError where they are wrong."""
    if _SHARD.value and _DISTRIBUTED.value:
        raise cli.UserError("--shard: give it or --distributed, not both.")
    if _DISTRIBUTED.value:
        with cli.naming("distributed"):
            jax.distributed.initialize(_COORDINATOR.value, _PROCESSES.value, _PROCESS.value)
        return Share(jax.process_index(), jax.process_count(), together=True)
    if not _SHARD.value:
        return Share(0, 1, together=False)
    found = re.fullmatch(r"(\d+)/(\d+)", _SHARD.value)
    if not found or not int(found[1]) < int(found[2]):
        raise cli.UserError(f"--shard: {_SHARD.value!r} must be I/N with I from 0 to N - 1.")
    return Share(int(found[1]), int(found[2]), together=False)


def main() -> int:
    values, folder, program = flags.FLAGS, flags.FLAGS.output_dir, _MODULE
    if any(
        name in values and values[name].present
        for name in ("config", "samples", "checkpoint_every")
    ):
        raise cli.UserError(
            "--config, --samples, --checkpoint_every: a sweep has none of them; sweep --seed for several samples."
        )
    if values.overwrite and (values.resume or _SHARD.value or _DISTRIBUTED.value):
        raise cli.UserError(
            "--overwrite: not with --resume, --shard or --distributed, where it would remove what others made."
        )
    # First of all, as JAX asks that processes meet before it computes anything.
    share = share_of_flags()
    goes_on = values.resume or share.count > 1
    found = parameters(program)
    check_flags(found, program)
    runs = plan(found, program)
    groups, failures = grouped(runs, program)
    if not groups:
        raise cli.UserError(next(iter(failures.values())))
    output = claim(folder, runs, found, program, goes_on=goes_on)
    if _DRY_RUN.value:
        cli.show(describe(found, groups, failures))
        return 0
    cli.say_held()
    cli.say(describe(found, groups, failures))

    parts = own_share(groups, share)
    there = {name for name, row in finished(folder, runs).items() if "error" not in row}
    parts = [[run for run in part if run.name not in there] for part in parts]
    if share.index == 0:
        for run in runs:
            if run.name in failures:
                write_failure(output, run, failures[run.name])
    status = _make_all(output, parts, program, failed=len(failures) if share.index == 0 else 0)
    if share.together:
        # Through the coordinator, not the devices: collectives give up on those who are late by minutes.
        from orbax.checkpoint import multihost

        multihost.get_barrier_sync_fn()(key="sweep", timeout_ms=LONGEST_WAIT_MS)
    if not share.together or share.index == 0:
        merge(output, runs, found)
        cli.say(
            f"{os.path.join(folder, 'sweep.html')}: table, players, pictures; sweep.csv: the same as text"
        )
    return status or int(output.failed)


def _make_all(
    output: run_io.Output, parts: Sequence[Sequence[Run]], program: Any, failed: int
) -> int:
    """Makes the runs that are left; the exit status."""
    progress = Progress(sum(map(len, parts)))
    devices = jax.local_devices()
    mesh = jax.sharding.Mesh(np.array(devices), ("runs",)) if len(devices) > 1 else None

    def done(run, texture, seconds):
        nonlocal failed
        good = write_run(output, run, program, texture, seconds)
        failed += not good
        progress.add(failed=not good)

    def gave_up(run, message):
        nonlocal failed
        failed += 1
        write_failure(output, run, message)
        cli.say(f"{run.name} failed: {message}")
        progress.add(failed=True)

    try:
        complete = all(make(part, program, mesh, done, gave_up, progress.show) for part in parts)
    except KeyboardInterrupt:
        complete = False
    progress.close()
    if not complete:
        cli.say("interrupted; --resume goes on with the runs that are missing")
        return 130
    return min(failed, MOST_FAILED)


flags.adopt_module_key_flags(_MODULE)

if __name__ == "__main__":
    flags.FLAGS.set_default("output_dir", "output/sweep")
    cli.run(main)
