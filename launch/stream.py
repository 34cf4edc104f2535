"""Makes a texture of any length as it goes, in constant memory, or a loop without a seam.

    python -m launch.stream                                               # 30 s of an embedded fire, into output/stream
    python -m launch.stream --input=rain.wav --seconds=3600 --output_dir=output/rain
    python -m launch.stream --input=rain.wav --seconds=3600 --output_dir=output/rain --resume  # after a kill: no gap, no seam
    python -m launch.stream --input=rain.wav --seconds=0 --output=- | aplay -t raw -f S16_LE -c 1 -r 22050    # until Ctrl-C
    python -m launch.stream --input=rain.wav --seconds=8 --loop --output_dir=output/loop
    python -m launch.stream --input=rain.wav --input=fire.wav --weights=1,0 --morph_to=0,1 --seconds=600 --output_dir=output/morph
    python -m launch.stream --input=rain.wav --save_target=rain.safetensors --output_dir=output/rain
    python -m launch.stream --target=rain.safetensors --seconds=600 --output_dir=output/more   # no recording needed

Writes stream.wav, config.json, metrics.jsonl (a line a block), state.safetensors, report.html and
files.json, the record of them, into --output_dir. The file can be played while it grows. Ctrl-C
ends the stream after the evaluations at hand, with exit status 130; a full disk or a player that
closes its pipe ends it with exit status 1. What was written so far stays valid.
"""

import contextlib
import json
import os
import sys
import time
from typing import Any, NamedTuple

import jax
import numpy as np
from absl import flags

from audio_texture import audio, files, optimize, recipes, references, streaming
from launch import cli, given, interrupts, records, run_io, runs

cli.define_recipe_flags()
flags.FLAGS.set_default("recipe", "texture-fast")
cli.define_input_flags()
cli.define_mixture_flags()
flags.adopt_module_key_flags(cli)
_SECONDS = flags.DEFINE_float("seconds", 30.0, "Length, in seconds; 0 goes on until interrupted.")
_SEED = flags.DEFINE_integer(
    "seed",
    0,
    "Seed of the noise; another seed makes another stream.",
    lower_bound=0,
    upper_bound=2**31 - 1,
)
_LOOP = flags.DEFINE_bool(
    "loop", False, "Whether to make one loop of --seconds, whose end flows into its beginning."
)
_TARGET = cli.define_path(
    "target", None, "Style file of an earlier --save_target, instead of --input."
)
_SAVE_TARGET = cli.define_path(
    "save_target",
    None,
    "File for the fitted style (safetensors), enough for later streams without the recording.",
)
_OUTPUT = flags.DEFINE_string(
    "output",
    "stream.wav",
    "Name of the wav file in --output_dir, or - for raw 16-bit PCM on standard output and no files.",
)
_OUTPUT_DIR = cli.define_path("output_dir", "output/stream", "Folder for the results.")
_OVERWRITE = flags.DEFINE_bool(
    "overwrite", False, "Whether an earlier run in --output_dir may be replaced."
)
_RESUME = flags.DEFINE_bool(
    "resume", False, "Whether to go on with the stream in --output_dir, also to another length."
)

# What a fitted style leaves open.
FREE = ("evaluations", "optimizer", "history", "learning_rate", "tolerance", "block_seconds")
STATE, REPORT = "state.safetensors", "report.html"
SHOWN_SECONDS = 10
# Of a longer mixture's beginning the report tells what it is like: all of it is read at once.
LONGEST_JUDGED = 900


def main() -> int:
    seconds, folder, piped = _SECONDS.value, _OUTPUT_DIR.value, _OUTPUT.value == "-"
    _check_flags(seconds, piped)
    style, config, references, record = _style()
    with cli.naming("seconds"):
        wanted = _samples_wanted(style, seconds, piped)
        loop = streaming.prepare_loop(style, seconds=seconds) if _LOOP.value else None
    with cli.naming("block_seconds"):
        stream = (
            None if loop else streaming.prepare_stream(style, seconds=wanted / style.sample_rate)
        )
    cli.say_held()
    cli.say_scales(
        style.recipe if _TARGET.value else recipes.Recipe.from_json(config["recipe"]),
        style.recipe,
        style.sample_rate,
    )
    earlier = _read_earlier(folder, record, stream) if _RESUME.value else None
    if earlier and earlier.frames > wanted:
        cli.say(
            f"{folder!r} holds {earlier.frames / style.sample_rate:.1f} s of this stream already; nothing is to be made, and nothing is shortened"
        )
        return 0
    _save_target(style)
    output = (
        None
        if piped
        else run_io.claim(
            folder, record, program="stream", first={run_io.CONFIG: config}, resume=_RESUME.value
        )
    )
    sink = _Pipe(style) if piped else _File(style, output, earlier, wanted)
    try:
        status = _write_loop(loop, sink) if loop else _write_stream(stream, sink, wanted)
    except (ValueError, OSError) as error:
        cli.say(f"error: --output: {' '.join(str(error).split())}; {sink.told()}.")
        return 1
    if piped:
        return status
    output.finish(run_io.METRICS, *sink.grown)
    if not sink.samples:
        return status or int(output.failed)
    return runs.write_report(output, REPORT, lambda: _report(config, references, sink), status)


def _check_flags(seconds: float, piped: bool) -> None:
    if not (seconds == 0 or references.SHORTEST_SECONDS <= seconds < float("inf")):
        raise cli.UserError(
            f"--seconds: {seconds:g} s must be 0 (until interrupted) or at least {references.SHORTEST_SECONDS:g} s."
        )
    for name in given.OF_MIXTURE:
        if _TARGET.value and given.given(name):
            raise cli.UserError(
                f"--target: {_TARGET.value!r} holds a fitted style; leave --{name} out."
            )
    if _RESUME.value and (piped or _LOOP.value):
        raise cli.UserError(
            "--resume: only a stream in a file can be gone on with, no loop and no pipe."
        )
    if not piped and os.path.splitext(_OUTPUT.value)[1] != ".wav" or os.path.dirname(_OUTPUT.value):
        raise cli.UserError(
            f"--output: {_OUTPUT.value!r} must be - or a name that ends in .wav, of a file in --output_dir."
        )
    if _SAVE_TARGET.value and not os.access(
        os.path.dirname(os.path.abspath(_SAVE_TARGET.value)), os.W_OK
    ):
        raise cli.UserError(f"--save_target: {_SAVE_TARGET.value!r} cannot be written.")
    into_pipe = "--output=- writes no files"
    given.refuse_if({"output_dir": (piped, into_pipe), "overwrite": (piped, into_pipe)})
    given.check_run_flags()


def _checked_folder(config: dict[str, Any]) -> records.Record | None:
    """The record in --output_dir, where this run may be written or gone on with; UserError
    otherwise.
    """
    names, inputs, folder = (
        [run_io.CONFIG, run_io.METRICS, STATE, REPORT, _OUTPUT.value],
        run_io.inputs_of(config),
        _OUTPUT_DIR.value,
    )
    _check_save_target(inputs, [os.path.join(folder, name) for name in (records.RECORD, *names)])
    if _OUTPUT.value == "-":
        return None
    if _OUTPUT.value in names[:-1]:
        raise cli.UserError(f"--output: {_OUTPUT.value!r} is the name of another file of this run.")
    record = run_io.check_output_folder(
        folder, names=names, inputs=inputs, overwrite=_OVERWRITE.value, resume=_RESUME.value
    )
    if _RESUME.value:
        # A morph of another length is another morph.
        same = {
            name: value
            for name, value in config.items()
            if name != "seconds" or config.get("morph_to")
        }
        run_io.check_resumable(folder, record, same, program="stream")
    return record


def _check_save_target(inputs: list[str], others: list[str]) -> None:
    """UserError where --save_target would replace an input, another file of this run, or what is no
    style of an earlier one.
    """
    path = _SAVE_TARGET.value
    if not path:
        return
    if os.path.realpath(path) in map(os.path.realpath, others):
        raise cli.UserError(f"--save_target: {path!r} is another file of this run.")
    if not os.path.lexists(path):
        return
    if any(
        os.path.exists(other) and os.path.exists(path) and os.path.samefile(path, other)
        for other in inputs
    ):
        raise cli.UserError(f"--save_target: {path!r} is a file that this run reads.")
    if not streaming.is_style_file(path):
        raise cli.UserError(f"--save_target: {path!r} is there and is no style; name another file.")
    if not (_OVERWRITE.value or _RESUME.value):
        raise cli.UserError(
            f"--save_target: {path!r} is there; name another file or give --overwrite."
        )


def _save_target(style: streaming.Style) -> None:
    if not _SAVE_TARGET.value:
        return
    with cli.naming("save_target"):
        if _RESUME.value and os.path.lexists(_SAVE_TARGET.value):
            if not streaming.is_style_saved(_SAVE_TARGET.value, style):
                raise ValueError(
                    f"{_SAVE_TARGET.value!r} holds another style than this stream's; name another file."
                )
        else:
            streaming.save_style(_SAVE_TARGET.value, style)


def _style() -> tuple[streaming.Style, dict[str, Any], list[np.ndarray], records.Record | None]:
    """The style, all that decides about samples, the recordings where it was fitted to any just
    now, and the folder's record.
    """
    plain = {
        "seconds": _SECONDS.value,
        "seed": _SEED.value,
        "loop": _LOOP.value,
        "output": _OUTPUT.value,
        "versions": cli.versions(),
    }

    if _TARGET.value:
        with cli.naming("target"):
            style = streaming.load_style(_TARGET.value)
            style = style._replace(recipe=_with_free_flags(style.recipe))
            config = {
                "inputs": [],
                "target": {"source": _TARGET.value, "sha256": cli.digest(_TARGET.value)},
                "recipe": style.recipe.to_json(),
                **plain,
            }
        return style, config, [], _checked_folder(config)
    recipe = cli.recipe_from_flags()
    with cli.naming("recipe"):
        streaming.check_recipe(recipe)
    _refuse_without_effect(recipe)
    mixture = cli.mixture_from_flags()
    sources = {"input": [entry["source"] for entry in mixture["inputs"]]}
    given.refuse(
        given.of_sources(sources, given.names()) | given.of_mixture(mixture, given.names())
    )
    config = {**mixture, "target": None, "recipe": recipe.to_json(), **plain}
    record = _checked_folder(config)
    if config["morph_to"] and (_LOOP.value or not _SECONDS.value):
        raise cli.UserError(
            "--morph_to: a morph needs an end, and so --seconds above 0 and no --loop."
        )
    references, rate = cli.read_inputs(config["inputs"], cli.reference_check(recipe))
    cli.check_mixture(config, recipe, rate)
    with cli.naming("views"):
        style = streaming.fit_style(recipe, references, sample_rate=rate, **cli.mixture_of(config))
    return (
        style,
        config,
        [audio.resample(wave, rate, style.sample_rate) for wave in references],
        record,
    )


def _refuse_without_effect(recipe: recipes.Recipe) -> None:
    program = "loop" if _LOOP.value else "stream"
    given.refuse(
        given.of_recipe(flags.FLAGS.flag_values_dict(), recipe, given.names(), program=program)
    )


def _with_free_flags(recipe: recipes.Recipe) -> recipes.Recipe:
    """A fitted style's recipe with the flags given. ValueError for one that would ask for another style."""
    named = [name for name in recipe.to_json() if given.given(name)]
    if given.given("recipe") and cli.recipe_from_flags().name != recipe.name:
        raise ValueError(
            f"{_TARGET.value!r} was fitted by the recipe {recipe.name}, not by --recipe={flags.FLAGS['recipe'].value}."
        )
    asked = cli.recipe_from_flags()
    for name in named:
        if name not in FREE and getattr(asked, name) != getattr(recipe, name):
            raise ValueError(
                f"{_TARGET.value!r} was fitted with another --{name}, {recipe.to_json()[name]!r}."
            )
    settled = {
        name: f"{_TARGET.value!r} was fitted with it already"
        for name in ("recipe", *named)
        if name not in FREE and given.given(name)
    }
    given.refuse(settled)
    recipe = recipes.Recipe.from_json(
        recipe.to_json() | {name: getattr(asked, name) for name in named if name in FREE}
    )
    _refuse_without_effect(recipe)
    return recipe


def _samples_wanted(style: streaming.Style, seconds: float, piped: bool) -> int:
    """How many samples to write; of a stream without end, as many as the format counts."""
    # A wav file counts its bytes in 32 bits.
    most = 2**62 if piped else (2**32 - 4096) // (3 * style.channels)
    if seconds * style.sample_rate > most:
        raise ValueError(
            f"{seconds:g} s is more than a wav file holds, {most / style.sample_rate:.0f} s."
        )
    return round(seconds * style.sample_rate) or most


class _Earlier(NamedTuple):
    """A stream to go on with: its last state, the samples up to it and in the file, and rows of
    metrics.jsonl by block.
    """

    state: streaming.StreamState
    samples: int
    frames: int
    rows: dict[int, dict[str, Any]]


def _read_earlier(folder: str, record: records.Record, stream: streaming.Stream) -> _Earlier | None:
    """What --resume goes on from, None where no block was finished; UserError where it is damaged.
    Nothing is touched.
    """
    path, start = os.path.join(folder, STATE), streaming.init_state(stream)
    if record.files.get(STATE) is None and not os.path.lexists(path):
        return None
    with cli.naming("resume"):
        state = streaming.load_state(path, start)
        samples = state.block * stream.samples
        kind = {"channels": len(start.frozen), "sample_rate": stream.style.sample_rate}
        frames = audio.frames_to_extend(
            os.path.join(folder, _OUTPUT.value), **kind, at_least=samples
        )
    rows, complete = runs.read_rows(
        os.path.join(folder, run_io.METRICS),
        lambda row: isinstance(row, dict) and isinstance(row.get("block"), int),
    )
    by_block = {row["block"]: row for row in rows if 0 <= row["block"] * stream.samples < frames}
    if not complete or not set(range(state.block)) <= set(by_block):
        cli.say(
            f"{os.path.join(folder, run_io.METRICS)}: damaged or missing; what can be read of it is written anew"
        )
    return _Earlier(state, samples, frames, by_block)


class _File:
    """The wav file in the folder, with the state to go on from beside it."""

    def __init__(
        self, style: streaming.Style, output: run_io.Output, earlier: _Earlier | None, wanted: int
    ):
        self.path, self.rate, self.samples = output.path(_OUTPUT.value), style.sample_rate, 0
        self.grown = [_OUTPUT.value]
        self._output, self._state = output, earlier and earlier.state
        rows = {}
        if earlier:
            # A file that is as long as wanted stays as it is.
            self.samples = wanted if earlier.frames == wanted else earlier.samples
            rows = {
                block: row
                for block, row in earlier.rows.items()
                if earlier.frames == wanted or block < earlier.state.block
            }
        elif _OUTPUT.value in output.record.files:
            # Of a run that was killed in its first block.
            with contextlib.suppress(FileNotFoundError):
                os.remove(self.path)
        output.begin(_OUTPUT.value, run_io.METRICS)
        self._write_rows(
            lambda path: files.write_text(
                path, runs.json_lines([rows[block] for block in sorted(rows)])
            )
        )

    def resumed(self, start: streaming.StreamState) -> streaming.StreamState:
        """The state to go on from."""
        return self._state or start

    def write(self, wave: np.ndarray, row: dict[str, Any]) -> None:
        try:
            audio.extend(self.path, wave, self.rate, start=self.samples)
        except ValueError as error:
            if not os.path.exists(self.path):
                self._output.rescue(_OUTPUT.value, *run_io.sound_writers(wave, self.rate), error)
            raise
        self.samples += wave.shape[1]
        self._add_row(row)

    def write_whole(self, wave: np.ndarray, row: dict[str, Any]) -> None:
        """A loop: made in one piece, and so written whole or not at all."""
        self.grown = []
        self.path = self._output.write_sound(_OUTPUT.value, wave, self.rate)
        if not self.path:
            raise ValueError("no folder could be written to")
        self.samples = wave.shape[1]
        self._add_row(row)

    def _add_row(self, row: dict[str, Any]) -> None:
        def append(path):
            with open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")

        self._write_rows(append)

    def _write_rows(self, write: run_io.Write) -> None:
        try:
            write(self._output.path(run_io.METRICS))
        except OSError as error:
            self._output.complain(run_io.METRICS, error, "the stream goes on without")

    def keep(self, state: streaming.StreamState) -> None:
        """Last of all, so that a kill at any moment loses a block at most, which is then made again."""
        known = self._output.record.files.get(STATE) is not None
        if not known:
            self._output.begin(STATE)
        streaming.save_state(self._output.path(STATE), state)
        if not known:
            self._output.finish(STATE)

    def told(self) -> str:
        """What is there after an error."""
        if not self.path or not os.path.exists(self.path):
            return "what was made before is gone" if self.samples else "nothing was made before"
        return f"the {self.samples / self.rate:.1f} s before stay valid"


class _Pipe:
    """Raw PCM on standard output."""

    path = "standard output"

    def __init__(self, style: streaming.Style):
        self.rate, self.samples = style.sample_rate, 0
        cli.say(
            f"raw PCM: signed 16-bit little-endian, {style.channels} channels interleaved, {self.rate} Hz"
        )

    def resumed(self, start: streaming.StreamState) -> streaming.StreamState:
        return start

    def write(self, wave: np.ndarray, row: dict[str, Any]) -> None:
        left = memoryview(np.round(wave.T * 32767).astype("<i2").tobytes())
        # Unbuffered: what a closed pipe did not take must not be tried again when the program ends.
        while left:
            left = left[os.write(sys.stdout.fileno(), left) :]
        self.samples += wave.shape[1]

    write_whole = write

    def keep(self, state: streaming.StreamState) -> None:
        pass

    def told(self) -> str:
        return f"the {self.samples / self.rate:.1f} s before stay valid"


def _row(block: int, made: streaming.Block) -> dict[str, Any]:
    return {"block": block, "reason": made.outcome.reason, **made.outcome.progress[-1]._asdict()}


def _write_stream(stream: streaming.Stream, sink: _File | _Pipe, wanted: int) -> int:
    key = jax.random.key(_SEED.value)
    state = sink.resumed(streaming.init_state(stream))
    first, began, warm = sink.samples, time.monotonic(), None
    while sink.samples < wanted:
        # A block is written with its state, or not at all.
        with optimize.Interrupts() as late:
            following, made = streaming.step(stream, key, state)
            reason = made.outcome.reason
            if reason in ("interrupted", "not finite"):
                break
            wave = made.wave[:, : wanted - sink.samples]
            sink.write(wave, _row(state.block, made))
            if wave.shape == made.wave.shape:
                sink.keep(following)
        interrupts.kept(sink.path)
        state = following
        cli.say(
            f"{sink.path}: {sink.samples / sink.rate:.1f} s, loss {float(made.outcome.state.value):.4g}, {made.wave.shape[1] / sink.rate / made.outcome.progress[-1].seconds:.2f}x real time"
        )
        if not warm and made.lowered_db:
            cli.say(f"{sink.path}{cli.describe_lowering(made.lowered_db)}")
        # The first block of a run compiles.
        warm = warm or (sink.samples, time.monotonic())
        if late.received:
            reason = "interrupted"
            break
    else:
        reason = "done"
    factor = lambda samples, since: (
        f"{(sink.samples - samples) / sink.rate / max(time.monotonic() - since, 1e-9):.2f}x real time"
    )
    after = f", {factor(*warm)} after the first block" if warm and sink.samples > warm[0] else ""
    cli.say(
        f"{sink.path}: {reason}; {(sink.samples - first) / sink.rate:.1f} s made in {time.monotonic() - began:.1f} s: {factor(first, began)}{after}"
    )
    return {"interrupted": 130, "not finite": 1}.get(reason, 0)


def _write_loop(loop: streaming.Loop, sink: _File | _Pipe) -> int:
    bar = cli.ProgressBar(loop.style.recipe.optimiser.evaluations, os.path.basename(sink.path))
    # Ctrl-C waits until what the optimiser came to is written.
    with optimize.Interrupts() as late:
        made = streaming.make_loop(
            loop, jax.random.key(_SEED.value), on_chunk=lambda _, rows: bar.show(rows[-1])
        )
        bar.close()
        sink.write_whole(made.wave, _row(0, made))
    interrupts.kept(sink.path)
    reason = "interrupted" if late.received else made.outcome.reason
    lowered = cli.describe_lowering(made.lowered_db)
    cli.say(
        f"{sink.path}: a loop of {_SECONDS.value:g} s; {reason}, loss {float(made.outcome.state.value):.4g}{lowered}"
    )
    return {"interrupted": 130, "not finite": 1}.get(reason, 0)


def _report(config: dict[str, Any], references: list[np.ndarray], sink: _File) -> str:
    """report.html: what went in beside the beginning and the end of what came out."""
    from audio_texture import report

    length = sink.samples / sink.rate
    shown = [
        (f"input: {os.path.basename(entry['source'])}", wave, sink.rate)
        for entry, wave in zip(config["inputs"], references, strict=False)
    ]
    for start in sorted({0.0, max(length - SHOWN_SECONDS, 0.0)}):
        wave, rate = audio.read(sink.path, start=start, seconds=SHOWN_SECONDS)
        shown.append((f"from {start:.1f} s on", wave, rate))
    likeness = []
    if len(references) > 1:
        likeness = cli.likeness_section(
            config,
            references,
            audio.read(sink.path, start=0.0, seconds=min(length, LONGEST_JUDGED))[0],
            sink.rate,
        )
    sections = [
        ("Listen", report.embed_players(shown)),
        (
            "Spectrograms, on one scale",
            report.embed_figure(report.draw_spectrograms(shown), "spectrograms"),
        ),
        *likeness,
        ("Configuration", report.format_config(config)),
    ]
    summary = f"{length:.1f} s by the recipe {config['recipe']['name']}, seed {config['seed']}{', a loop' if config['loop'] else ''}."
    return report.render_page(f"Stream: {sink.path}", summary, sections)


if __name__ == "__main__":
    cli.run(main)
