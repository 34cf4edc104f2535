"""What the programs share: flags for every field of a recipe, errors of one line, the compilation
cache.
"""

import contextlib
import dataclasses
import functools
import glob
import hashlib
import html
import json
import logging
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from typing import Any, TextIO

import jax
import numpy as np
import tqdm
from absl import app, flags

from audio_texture import (
    audio,
    choices,
    optimize,
    paths,
    recipes,
    references,
    scales,
    sounds,
    synthesis,
)
from launch import environment, interrupts
from launch.paths import define_path, define_paths, expanded

EMBEDDED = "sound:"
CROSSOVER_HZ = ["1000"]
VERSIONS = ("jax", "jaxlib", "flax", "optax", "numpy", "scipy", "soundfile")


class UserError(Exception):
    """Something the user can put right: its message is one line that names the flag, the value and the rule."""


@contextlib.contextmanager
def naming(flag: str) -> Iterator[None]:
    """Turns the library's complaints about a value into a UserError that names the flag the value came by."""
    try:
        yield
    except ValueError as error:
        raise UserError(f"--{flag}: {' '.join(str(error).split())}") from error


def run(main: Callable[[], int | None]) -> None:
    """Parses flags and runs main; bad input ends with one line on standard error and exit status 2,
    Ctrl-C with one and 130.
    """
    interrupts.end_at_once()
    # Which accelerators are not there is no news.
    logging.getLogger("jax._src.xla_bridge").setLevel(logging.WARNING)

    def complain(message: str) -> None:
        say(f"error: {' '.join(message.split())}")
        sys.exit(2)

    def parse(argv: Sequence[str]) -> Sequence[str]:
        try:
            left = flags.FLAGS(argv)
        except (flags.Error, OSError, UnicodeError) as error:
            complain(str(error))
        if len(left) > 1:
            complain(f"{left[1]!r} belongs to no flag; write --flag=value.")
        return left

    def guarded(_: Sequence[str]) -> int | None:
        try:
            settle()
            interrupts.raise_once()
            show_warnings()
            keep_compiled_programs()
            return main()
        except UserError as error:
            complain(str(error))
        except KeyboardInterrupt:
            interrupts.end()
        except Exception:
            # What Ctrl-C tore apart may come out as another error, such as the compiler's.
            if interrupts.signalled():
                interrupts.end()
            raise

    if "--help" in sys.argv or "-h" in sys.argv:
        # absl's own help ends with exit status 1.
        show(f"{sys.modules['__main__'].__doc__}\n{flags.FLAGS.main_module_help()}")
        sys.exit(0)
    app.run(guarded, flags_parser=parse)


def settle() -> None:
    """Brings JAX to the settings of every run. UserError, naming the variable, where the
    environment asks for what is not there.
    """
    changed = environment.settle()
    if changed:
        say(f"{', '.join(changed)}: left aside, as samples do not depend on the environment")
    try:
        environment.check()
        # Processes that share a sweep must meet before JAX looks for devices.
        if not ("distributed" in flags.FLAGS and flags.FLAGS.distributed):
            environment.check_backend()
    except ValueError as error:
        raise UserError(f"the environment: {error}") from error


# What is no choice of a user's.
FIXED = ("name", "summary", "task")


def define_recipe_flags(default: str = "texture", *, several: Sequence[str] = ()) -> None:
    """A flag for each field of `recipes.Recipe`; left out, a flag keeps the recipe's own value.

    default: the recipe's name. several: fields that take several values.
    """
    flags.DEFINE_string("recipe", default, "Named choices to start from; 'help' lists them.")
    for field in dataclasses.fields(recipes.Recipe):
        if field.name in FIXED:
            continue
        text, options = (
            field.metadata["help"] + " Default: the recipe's.",
            field.metadata["options"],
        )
        if field.name in several:
            flags.DEFINE_list(
                field.name, None, f"{text} Several, between commas, make several results."
            )
        elif options:
            flags.DEFINE_enum(field.name, None, list(options), text)
        elif field.name == "weights_file":
            define_path(field.name, None, text, optional=True)
        elif field.type in ("bool", bool):
            flags.DEFINE_bool(field.name, None, text)
        elif field.type in ("int", int):
            flags.DEFINE_integer(field.name, None, text)
        elif field.type in ("float", float):
            flags.DEFINE_float(field.name, None, text)
        else:
            flags.DEFINE_string(field.name, None, text)


def recipe_from_flags(
    values: dict[str, Any] | None = None, *, task: str = "texture"
) -> recipes.Recipe:
    """The named recipe with the fields that flags of one value (or values in their place) were
    given for.

    A recipe of another task is refused, but that a style may be made of any texture's distance: 1 is then its weight.
    """
    values = flags.FLAGS.flag_values_dict() if values is None else values
    recipe = base_recipe(values, task=task)
    given = {
        field.name: values.get(field.name)
        for field in dataclasses.fields(recipe)
        if field.name not in FIXED
    }
    given = {
        name: value
        for name, value in given.items()
        if value is not None and not isinstance(value, list)
    }
    for name, value in given.items():
        with naming(name):
            given[name] = recipes.parsed(name, value)
    try:
        return recipe.replace(**given)
    except ValueError as error:
        # Choices go together or not: the flag to name is one that the complaint speaks of.
        named = next(
            (name for name in given if re.search(rf"\b{name}\b", str(error))), list(given)[-1]
        )
        raise UserError(f"--{named}: {' '.join(str(error).split())}") from error


def base_recipe(values: dict[str, Any], *, task: str) -> recipes.Recipe:
    """The recipe that --recipe and --weights_file alone make. `--recipe=help` prints the list and
    ends.
    """
    if values["recipe"] == "help":
        for recipe in sorted(recipes.RECIPES.values(), key=lambda recipe: recipe.task != task):
            if recipe.task in (task, "texture"):
                show(f"{recipe.name:20} {recipe.summary}")
        sys.exit(0)
    with naming("recipe"):
        recipe = recipes.named(values["recipe"])
        if recipe.task != task:
            if task != "transfer":
                raise ValueError(
                    f"{recipe.name!r} is for launch.transfer; for this program there are {', '.join(recipes.names(task))}."
                )
            recipe = recipes.for_transfer(recipe)
    if values["weights_file"]:
        with naming("weights_file"):
            recipe = recipes.from_weights(recipe, values["weights_file"])
    return recipe


def define_run_flags(program: str, seeds: str) -> None:
    """Flags of every program that optimises. program: its name. seeds: what another seed makes."""
    flags.DEFINE_integer(
        "seed", 0, f"Seed of the start; {seeds}.", lower_bound=0, upper_bound=2**31 - 1
    )
    flags.DEFINE_enum("output_format", "wav", ["wav", "flac", "ogg"], "Format of the results.")
    define_path(
        "config",
        None,
        "A run's config.json, to make it again; flags it has values for are refused.",
    )
    define_path("output_dir", f"output/{program}", "Folder for the results.")
    flags.DEFINE_bool("overwrite", False, "Whether an earlier run in --output_dir may be replaced.")
    flags.DEFINE_float(
        "max_seconds",
        float("inf"),
        "Wall-clock budget of a sample's optimisation, in seconds.",
        lower_bound=0,
    )
    flags.DEFINE_integer(
        "checkpoint_every",
        0,
        "Evaluations between checkpoints in --output_dir; 0 keeps one on Ctrl-C alone.",
        lower_bound=0,
    )
    flags.DEFINE_bool(
        "resume", False, "Whether to finish the run in --output_dir, from its last checkpoint."
    )


def define_input_flags() -> None:
    """Flags for the sounds a program starts from."""
    text = f"Sound file; repeat for several. {EMBEDDED}NAME is an embedded procedural sound: {', '.join(sounds.SOUNDS)}."
    define_paths("input", [f"{EMBEDDED}fire"], text)
    flags.DEFINE_float("input_start", 0.0, "Where in the file to begin, in seconds.", lower_bound=0)
    flags.DEFINE_float(
        "input_seconds",
        10.0,
        "How much of the file to use at the most, in seconds.",
        lower_bound=0.01,
        upper_bound=30,
    )


def define_mixture_flags() -> None:
    """Flags for how several inputs make one sound."""
    flags.DEFINE_list(
        "weights",
        None,
        "Shares of the inputs in a mixture, separated by commas; equal if left out, which makes a sound about as like to one as to another.",
    )
    flags.DEFINE_list(
        "morph_to",
        None,
        "Shares of the inputs at the end, which --weights pass to evenly; not morphed if left out.",
    )
    flags.DEFINE_list(
        "bands",
        None,
        "A sound for each band of frequencies, in place of --input: low:FILE,high:FILE or low:FILE,mid:FILE,high:FILE.",
    )
    flags.DEFINE_list(
        "crossover_hz",
        None,
        f"Where bands meet, in Hz: {CROSSOVER_HZ[0]} if left out; two values, rising, where there are three bands.",
    )


def run_config(path: str | None, values: dict[str, Any] | None = None) -> dict[str, Any]:
    """All that decides about a run's samples: from another run's config.json, or from the flags (or values in their place)."""
    if path is not None:
        kinds = {
            "inputs": list,
            "weights": list,
            "seconds": (int, float),
            "seed": int,
            "samples": int,
            "output_format": str,
            "recipe": dict,
        }
        return config_of_file(path, kinds)
    values = flags.FLAGS.flag_values_dict() if values is None else values
    recipe = recipe_from_flags(values)
    mixture = mixture_from_flags(values)
    plain = {name: values[name] for name in ("seconds", "seed", "samples", "output_format")}
    return {**mixture, **plain, "recipe": recipe.to_json(), "versions": versions()}


def config_of_file(path: str, kinds: dict[str, Any], *, task: str = "texture") -> dict[str, Any]:
    """Another run's configuration, with the versions of now. kinds: types of what it must hold."""
    with naming("config"):
        config = read_json(path)
        for name, kind in kinds.items():
            if not isinstance(config, dict) or not isinstance(config.get(name), kind):
                raise ValueError(
                    f"{path!r} is no run's configuration: {name!r} is missing or of another type."
                )
        recipe = recipes.Recipe.from_json(config["recipe"])
        if recipe.task != task:
            raise ValueError(f"{path!r} is of a {recipe.task}, not of a {task}.")
        return {**config, "recipe": recipe.to_json(), "versions": versions()}


def mixture_from_flags(values: dict[str, Any] | None = None) -> dict[str, Any]:
    """The flags' (or values') sounds, weights and, in a morph, weights at the end, as a configuration holds them. A band is part of its input."""
    values = flags.FLAGS.flag_values_dict() if values is None else values
    sources, bands = values["input"], [None] * len(values["input"])
    if values["crossover_hz"] and not values["bands"]:
        raise UserError("--crossover_hz: is for --bands, which were not given.")
    if values["bands"]:
        for other in ("input", "weights", "morph_to"):
            if flags.FLAGS[other].present:
                raise UserError(
                    f"--bands: each sound decides about its own band alone; leave --{other} out."
                )
        sources, bands = _bands(values["bands"], values["crossover_hz"] or CROSSOVER_HZ)
    inputs = [
        {
            "source": source,
            "start": values["input_start"],
            "seconds": values["input_seconds"],
            "band": band,
        }
        for source, band in zip(sources, bands, strict=True)
    ]
    with naming("bands" if values["bands"] else "input"):
        inputs = [{**entry, "sha256": digest(entry["source"])} for entry in inputs]
    with naming("weights"):
        weights = _weights(values["weights"], len(inputs))
    with naming("morph_to"):
        return {
            "inputs": inputs,
            "weights": weights,
            "morph_to": values["morph_to"] and _weights(values["morph_to"], len(inputs)),
        }


def _bands(
    texts: Sequence[str], crossovers: Sequence[str]
) -> tuple[list[str], list[list[float | None]]]:
    """low:rain.wav and so on -> the sounds from low to high, and from where to where each reaches, in Hz; None is as far as there is."""
    named = [text.partition(":")[::2] for text in texts]
    names = [name for name, _ in named]
    with naming("bands"):
        for text, (name, source) in zip(texts, named, strict=True):
            if name not in ("low", "mid", "high") or not source:
                raise ValueError(f"{text!r} must be low:FILE, mid:FILE or high:FILE.")
        if len(set(names)) < len(names):
            raise ValueError(f"{','.join(names)} overlap: each band may stand once.")
        if not {"low", "high"} <= set(names):
            raise ValueError(
                f"{','.join(names)} leave frequencies out: low and high must both stand."
            )
    with naming("crossover_hz"):
        edges = list(map(choices.number, crossovers))
        if (
            len(edges) != len(names) - 1
            or edges != sorted(set(edges))
            or not 0 < edges[0] <= edges[-1] < float("inf")
        ):
            raise ValueError(
                f"{','.join(crossovers)} must be {len(names) - 1} rising frequencies above 0, as there are {len(names)} bands."
            )
    with naming("bands"):
        sources = {name: expanded(source) for name, source in named}
    return [sources[name] for name in ("low", "mid", "high") if name in sources], [
        list(pair) for pair in zip([0.0, *edges], [*edges, None], strict=True)
    ]


def reference_check(recipe: recipes.Recipe) -> Callable[[np.ndarray, int, str], None]:
    """What `read_inputs` checks for a recipe: that its scales fit the rate, and the sound the recipe."""

    def check(wave, rate, name):
        modelled = references.model_sample_rate(recipe, rate)
        with naming("time_scale"):
            scales.at_scales(recipe.replace(frequency_scale=""), modelled)
        with naming("frequency_scale"):
            scales.at_scales(recipe, modelled)
        references.check_reference(recipe, wave, sample_rate=rate, name=name)

    return check


def mixture_of(config: dict[str, Any]) -> dict[str, Any]:
    """What the library's `prepare` and `fit` are told of a configuration's mixture."""
    bands = [entry.get("band") for entry in config["inputs"]]
    bands = (
        [(low, float("inf") if high is None else high) for low, high in bands]
        if bands and all(bands)
        else None
    )
    return {"weights": config["weights"], "morph_to": config.get("morph_to"), "bands": bands}


def check_mixture(config: dict[str, Any], recipe: recipes.Recipe, rate: int) -> None:
    """UserError where the recipe cannot mix a configuration's inputs so; rate: of the inputs, in Hz."""
    mixture = mixture_of(config)
    with naming("bands" if mixture["bands"] else "morph_to" if mixture["morph_to"] else "weights"):
        references.check_mixture(
            recipe,
            len(config["inputs"]),
            rate=references.model_sample_rate(recipe, rate),
            **mixture,
        )


def say_scales(asked: recipes.Recipe, kept: recipes.Recipe, rate: int) -> None:
    """Lines on what the kernels see, and on those too long for the inputs; rate: the modelled one, in Hz."""
    if kept.views != scales.at_scales(asked, rate).views:
        say(
            f"Kernels too long for the input are left out; views: {' '.join(map(str, kept.views)) or 'none'}"
        )
    if kept.views:
        say(f"What kernels see: {scales.describe_scales(kept, rate)}")


def _weights(texts: Sequence[str] | None, inputs: int) -> list[float]:
    try:
        weights = [float(text) for text in texts] if texts else [1.0] * inputs
    except ValueError as error:
        raise ValueError(f"{','.join(texts)!r} must be numbers separated by commas.") from error
    if len(weights) != inputs:
        raise ValueError(
            f"{len(weights)} weights were given for {inputs} inputs; there must be one for each."
        )
    if not all(0 <= weight < float("inf") for weight in weights) or not sum(weights):
        raise ValueError(f"{','.join(texts)!r} must not be negative, nor all zero.")
    return weights


@functools.cache
def digest(source: str) -> str | None:
    """SHA-256 of a sound file, by which a run made again knows that its input is the same; None for an embedded sound."""
    if source.startswith(EMBEDDED):
        return None
    paths.check_file(source, "sound file")
    try:
        with open(source, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ValueError(f"{source!r} cannot be read ({error.strerror}).") from error


# Lines on what was read, until `say_held`; and those that were said.
_HELD: dict[str, None] = {}
_SAID: set[str] = set()


def hold(line: str) -> None:
    """Keeps a line for `say_held`: bad input that shows later on must end with one line alone."""
    _HELD.setdefault(line)


def say_held() -> None:
    """Says what was kept, each line once in a process: called when all is checked and work begins."""
    for line in _HELD:
        say_once(line)
    _HELD.clear()


def say_once(line: str) -> None:
    """Says a line if this process did not say it before."""
    if line not in _SAID:
        _SAID.add(line)
        say(line)


def hold_notes(flag: str, source: str, notes: Sequence[str]) -> None:
    """Keeps warnings of a file for `say_held`. notes: of `audio.Recording`."""
    for note in notes:
        hold(f"warning: --{flag}: {source!r} {note}")


def describe_use(
    source: str,
    recording: audio.Recording,
    used: int,
    *,
    flag: str = "",
    start: float = 0.0,
    begin: float = 0.0,
) -> str:
    """A line on how much of a file is used, and which flag changes that.

    recording: as it was read, `used` samples of it without silence at its ends. flag: input, where
      --input_seconds limits it;
    empty where all is read. start: what was asked for, begin: where the sound begins, in seconds.
    """
    channels, read = recording.wave.shape
    rate, length = recording.sample_rate, recording.length
    brief = lambda samples: f"{samples / rate:.2f}".removesuffix("0") + " s"
    lasts = "of unknown length" if length is None else brief(length)
    text = f"{source}: {lasts} at {rate} Hz, {channels} channel{'s' if channels > 1 else ''}; "
    if begin > start:
        text += (
            f"the sound begins at {begin:.2f} s, silence before that is left out (--{flag}_start); "
        )
    rest = length is None or read < length - int(begin * rate)
    limit = f"--{flag}_seconds"
    if read >= references.LONGEST_SECONDS * rate - 1 and flag:
        limit += f"; {references.LONGEST_SECONDS:g} s is the longest that can be made"
    if used < read:
        shown = "less than 0.01 s" if read - used < 0.01 * rate else brief(read - used)
        text += f"{brief(used)} of {brief(read)} used: silence at its ends is left out ({shown})"
        return text + (
            f"; {brief(read)} were read from {begin:.4g} s on ({limit})" if rest and flag else ""
        )
    if read == length:
        return text + "all of it is used"
    return (
        text + f"{brief(read)} used from {begin:.4g} s on ({limit if rest else f'--{flag}_start'})"
    )


@functools.lru_cache(maxsize=8)
def read_sound(
    source: str, *, start: float, seconds: float, flag: str = "input"
) -> tuple[np.ndarray, int]:
    """A sound file's or embedded sound's wave [C, N] and rate, without silence at its ends.
    ValueError otherwise.

    Keeps a line for `say_held` on how much is used, and the file's warnings. flag: which the file
    came by.
    """
    if source.startswith(EMBEDDED):
        # A key of its own: an embedded sound is always the same recording.
        return sounds.make(source.removeprefix(EMBEDDED), jax.random.key(0), 5.0, 22050)[
            None
        ], 22050
    recording, begin = audio.read_sounding(source, start=start, seconds=seconds)
    audio.check_audible(recording.wave, repr(source))
    wave = audio.trim_silence(recording.wave)
    hold_notes(flag, source, recording.notes)
    hold(describe_use(source, recording, wave.shape[1], flag=flag, start=start, begin=begin))
    return wave, recording.sample_rate


def read_inputs(
    inputs: Sequence[dict[str, Any]],
    check: Callable[[np.ndarray, int, str], None],
    *,
    named: Sequence[str] = (),
) -> tuple[list[np.ndarray], int]:
    """The inputs of a configuration, all brought to the first one's rate and number of channels.

    check: called with each wave, its rate and its name; raises ValueError where it will not do. named: the flags they came by.
    """
    waves, rates = [], []
    for flag, entry in zip(named or ["input"] * len(inputs), inputs, strict=True):
        with naming(flag):
            if entry.get("sha256") != digest(entry["source"]):
                raise ValueError(
                    f"{entry['source']!r} is not the file that the configuration was made with."
                )
            wave, rate = read_sound(
                entry["source"], start=entry["start"], seconds=entry["seconds"], flag=flag
            )
            check(wave, rate, repr(entry["source"]))
        waves.append(wave)
        rates.append(rate)
    return [
        audio.with_channels(audio.resample(wave, rate, rates[0]), len(waves[0]))
        for wave, rate in zip(waves, rates, strict=True)
    ], rates[0]


def read_json(path: str) -> Any:
    """What a JSON file holds. ValueError where it is missing or none."""
    paths.check_file(path, "JSON file")
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path!r} is not a JSON file that can be read ({error}).") from error


def say(text: str) -> None:
    """A line on standard error, where progress goes; standard output is for results."""
    _print(text, sys.stderr)


def show(text: str) -> None:
    """Text on standard output."""
    _print(text, sys.stdout)


def _print(text: str, stream: TextIO) -> None:
    """Prints; where nobody reads any more, as behind `| head`, what is made is worth as much as
    before, and the program goes on.
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)
    except OSError:
        # What the stream still holds must not fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def describe(texture: synthesis.Texture) -> str:
    """A line on how a texture was made."""
    last = texture.outcome.progress[-1]
    lines = {
        "converged": "stopped, as the loss falls no more",
        "evaluations": "used all evaluations",
        "seconds": "stopped at --max_seconds",
        "interrupted": "was interrupted",
        "not finite": f"FAILED, as the loss was not finite at evaluation {int(texture.outcome.state.failed_at)}; this is the last finite state",
    }
    text = f"{lines[texture.outcome.reason]} ({last.evaluations} evaluations, {last.seconds:.1f} s, loss {last.loss:.4g})"
    return f"{text}{describe_lowering(texture.lowered_db)}"


def describe_lowering(lowered_db: float) -> str:
    """The end of a line on a sound that had to stay below its input's level, or nothing."""
    if lowered_db < 0.05:
        return ""
    return f"; its level is {lowered_db:.1f} dB below the input's, so that nothing is clipped"


def likeness_section(
    config: dict[str, Any], references: Sequence[np.ndarray], result: np.ndarray, rate: int
) -> list[tuple[str, str]]:
    """A section of a report on how like a mixture is to each ingredient over time; none where that cannot be told."""
    from audio_texture import metrics, report

    if len(references) < 2:
        return []
    try:
        times, ratios = metrics.measure_likeness_over_time(
            result, references, sample_rate=rate, bands=mixture_of(config)["bands"]
        )
    except ValueError as error:
        return [("Likeness over time", f"<p>Not told: {html.escape(str(error))}</p>")]
    names = [os.path.basename(entry["source"]) for entry in config["inputs"]]
    return [
        (
            "Likeness over time",
            report.embed_figure(
                report.draw_likeness(times, ratios, names), "likeness to each input over time"
            ),
        )
    ]


def copying_section(
    config: dict[str, Any], references: Sequence[np.ndarray], result: np.ndarray, rate: int
) -> list[tuple[str, str]]:
    """A line and a section of a report on how much of a result is copied, where the user chose what kernels see."""
    from audio_texture import metrics, report

    if not config["recipe"]["time_scale"]:
        return []
    rows = []
    for entry, reference in zip(config["inputs"], references, strict=True):
        name, working = os.path.basename(entry["source"]), min(rate, metrics.WORKING_RATE)
        try:
            seen = [
                metrics.preprocess(wave, sample_rate=rate, rate=working)
                for wave in (result, reference)
            ]
        except ValueError as error:
            return [("Copying", f"<p>Not told: {html.escape(str(error))}</p>")]
        rows.append((name, metrics.measure_copying(*seen, sample_rate=working)["copied"]))
        if rows[-1][1] > 0:
            say(
                f"{rows[-1][1]:.0%} of the quarter seconds are taken from {name}: kernels of --time_scale see so much of it that they repeat it."
            )
    return [
        (
            "Copying",
            f"<p>{html.escape(metrics.explain_measure('copied'))}.</p>{report.format_table(rows, ('input', 'copied'))}",
        )
    ]


def report_page(
    config: dict[str, Any],
    references: Sequence[np.ndarray],
    rate: int,
    made: Sequence[str],
    rows: Sequence[dict[str, Any]],
) -> str:
    """report.html: what went in beside what came out. made: files. rows: of metrics.jsonl."""
    from audio_texture import report

    originals = [
        (f"input: {os.path.basename(entry['source'])}", wave, rate)
        for entry, wave in zip(config["inputs"], references, strict=True)
    ]
    results = [(os.path.basename(path), *audio.read(path)) for path in made]
    sections = [
        *likeness_section(config, references, results[0][1], rate),
        *copying_section(config, references, results[0][1], rate),
    ]
    return report.render_texture_page(originals, results, rows, config, sections)


class ProgressBar:
    """A bar on a terminal, a line a chunk elsewhere."""

    def __init__(self, total: int, name: str):
        self._total, self._name = total, name
        self._bar = (
            tqdm.tqdm(total=total, desc=name, unit="evaluation", leave=False)
            if sys.stderr.isatty()
            else None
        )

    def show(self, row: optimize.ProgressRow) -> None:
        """Shows a chunk's end."""
        if self._bar is None:
            say(
                f"{self._name}: {row.evaluations}/{self._total} evaluations, {row.seconds:.1f} s, loss {row.loss:.4g}"
            )
        else:
            self._bar.set_postfix_str(f"loss {row.loss:.4g}")
            self._bar.update(row.evaluations - self._bar.n)

    def close(self) -> None:
        """Clears the bar away."""
        if self._bar is not None:
            self._bar.close()


@functools.cache
def versions() -> dict[str, str]:
    """Versions of what decides about samples."""
    return {name: metadata.version(name) for name in VERSIONS} | {"python": sys.version.split()[0]}


_SPOILED = re.compile(r"Error reading persistent compilation cache entry for '([^']+)'")
_UNKEPT = re.compile("Error writing persistent compilation cache entry")
_UNKEPT_LINE = (
    "warning: compiled programs cannot be kept in {!r}; the next run compiles them again."
)


def show_warnings() -> None:
    """Shows warnings that are for the user as one line each, once; those of JAX's compilation cache
    are dealt with.
    """
    before = warnings.showwarning

    def show(message, category, filename, lineno, file=None, line=None):
        text = " ".join(str(message).split())
        spoiled = _SPOILED.match(text)
        if issubclass(category, audio.FileWarning):
            say_once(f"warning: {text}")
        elif spoiled:
            forget_compiled(spoiled[1])
            say_once(
                f"warning: a damaged program in {jax.config.jax_compilation_cache_dir!r} is compiled anew and replaced."
            )
        elif _UNKEPT.match(text):
            say_once(_UNKEPT_LINE.format(jax.config.jax_compilation_cache_dir))
        else:
            before(message, category, filename, lineno, file, line)

    warnings.showwarning = show
    # Whatever -W says: the first is for the user, and without the others a damaged entry would stay
    # for ever.
    for options in (
        {"category": audio.FileWarning},
        {"message": "Error (reading|writing) persistent compilation cache"},
    ):
        warnings.filterwarnings("always", **options)


def forget_compiled(name: str) -> None:
    """Removes all kept programs of a name: JAX does not say which of them is damaged, and never
    replaces one.
    """
    for path in glob.glob(
        os.path.join(glob.escape(jax.config.jax_compilation_cache_dir), f"{glob.escape(name)}-*")
    ):
        with contextlib.suppress(OSError):
            os.remove(path)


def keep_compiled_programs() -> None:
    """Keeps compiled programs on disk, so that only the first run of a kind waits for the compiler.

    In JAX_COMPILATION_CACHE_DIR, or else in the user's cache folder.
    """
    if not jax.config.jax_compilation_cache_dir:
        home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        jax.config.update("jax_compilation_cache_dir", os.path.join(home, "audio_texture", "jax"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    folder = jax.config.jax_compilation_cache_dir
    # Other than folders, such as buckets, are JAX's own affair.
    if "://" in folder:
        return
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError:
        jax.config.update("jax_enable_compilation_cache", os.path.isdir(folder))
        say_once(_UNKEPT_LINE.format(folder))
