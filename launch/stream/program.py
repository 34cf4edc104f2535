"""Makes a texture of any length, block by block, or a seamless loop.

30 s of a built-in fire, into output/stream:
    python -m launch.stream
An hour of rain; then, after Ctrl-C or a kill, the rest of it without a seam:
    python -m launch.stream --input=rain.wav --seconds=3600 --output_dir=output/rain
    python -m launch.stream --output_dir=output/rain --resume
Until Ctrl-C, into a player:
    python -m launch.stream --input=rain.wav --seconds=0 --output=-
        | aplay -t raw -f S16_LE -c 1 -r 22050
A loop; then a morph:
    python -m launch.stream --input=rain.wav --seconds=8 --loop --output_dir=output/loop
    python -m launch.stream --input=rain.wav --input=fire.wav --weights=1,0 --morph_to=0,1
        --seconds=600 --output_dir=output/morph
A style kept as a file, and a stream from it without the recording:
    python -m launch.stream --input=rain.wav --save_target=rain.safetensors --output_dir=output/rain
    python -m launch.stream --target=rain.safetensors --seconds=600 --output_dir=output/more

Writes stream.wav, config.json, metrics.jsonl (a line for each block), state.safetensors,
report.html and files.json (the list of these files) into --output_dir. The sound can be played
while it grows. Ctrl-C ends it within a second or two (exit status 130) and says how to go on; a
full disk or a player that closes its pipe ends it with exit status 1. What was written so far stays
valid.
"""

from collections.abc import Collection, Mapping
from typing import Any

from audio_texture import streaming
from launch import flags, interrupts, messages, run_io, runs, verdicts
from launch.command import resume_command
from launch.errors import one_line
from launch.flag_set import FlagSet
from launch.messages import say
from launch.stream import checks, pages, sinks, styles, writing


def define_flags(flag_set: FlagSet) -> None:
    """Defines the program's flags."""
    flags.define_recipe_flags(flag_set, "texture-fast")
    flags.define_input_flags(flag_set)
    flags.define_mixture_flags(flag_set)
    flag_set.define_float("seconds", 30.0, "Length, in seconds; 0 goes on until interrupted.")
    flags.define_seed_flag(flag_set, "Seed of the noise; another seed makes another stream.")
    flag_set.define_boolean(
        "loop", False, "Make one loop of --seconds, whose end flows into its beginning."
    )
    text = "Style file of an earlier --save_target, instead of --input."
    flag_set.define_path("target", None, text)
    flag_set.define_path(
        "save_target",
        None,
        "File to keep the fitted style in (.safetensors), for later streams without the recording.",
    )
    flag_set.define_string(
        "output",
        "stream.wav",
        "Name of the wav file in --output_dir, or - for raw 16-bit PCM on standard output and no "
        "files.",
    )
    flags.define_output_flags(flag_set, "stream")
    flag_set.define_boolean(
        "resume",
        False,
        "Go on with the stream in --output_dir, also to another length.",
    )


def main(values: Mapping[str, Any], given: Collection[str] = ()) -> int:
    """Makes the stream or loop; the exit status.

    Args:
      values: of all flags.
      given: names of the flags on the command line.
    """
    values, begun = styles.with_earlier(values, given)
    checks.check_flags(values, given)
    style, config, references, record, wait = styles.fit_or_load(values, given, begun)
    rate = style.sample_rate
    folder, piped = values["output_dir"], values["output"] == "-"
    wanted = checks.wanted_samples(values, style.recipe, sample_rate=rate, channels=style.channels)
    if values["loop"]:
        planned = streaming.prepare_loop(style, seconds=values["seconds"])
    else:
        planned = streaming.prepare_stream(style, seconds=wanted / rate)
    wait.compile()
    earlier = None
    if record and values["resume"] and isinstance(planned, streaming.Stream):
        earlier = sinks.read_earlier(folder, values["output"], record, planned)
    held = sinks.held_seconds(folder, values["output"]) if record and values["resume"] else 0.0
    if held * rate > wanted + 0.5:
        say(f"{folder!r} already holds {held:.1f} s of this stream; --resume shortens nothing")
        return 0
    styles.save_target(values, style)
    output, sink = None, sinks.Pipe(style) if piped else None
    if not sink:
        first, resume = {run_io.CONFIG: config}, values["resume"]
        output = run_io.claim(folder, record, program="stream", first=first, resume=resume)
        sink = sinks.File(style, output, values["output"], earlier, wanted)
        if not values["loop"]:
            interrupts.go_on_by(resume_command("stream", folder))
    try:
        is_endless = not values["seconds"]
        status = writing.write(planned, sink, values["seed"], wanted, wait, is_endless=is_endless)
    except (ValueError, OSError) as error:
        reason = "its reader has gone" if isinstance(error, BrokenPipeError) else one_line(error)
        say(f"error: --output: {reason}; {sink.describe_rest()}.")
        return 1
    if not output:
        return status
    output.finish(run_io.METRICS, *sink.grown)
    if not sink.samples or status == interrupts.STATUS and values["seconds"]:
        return status or int(output.failed)
    messages.doing("judging")
    judged = pages.judge_stream(config, references, sink)
    status = runs.write_report(
        output, checks.REPORT, lambda: pages.stream_page(config, references, sink, judged), status
    )
    verdicts.say_verdicts([judged])
    return status
