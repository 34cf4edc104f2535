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
An hour of a generator that launch.generate trained, in seconds:
    python -m launch.stream --generator=fire.safetensors --seconds=3600 --output_dir=output/fire

Writes stream.wav, config.json, metrics.jsonl (a line for each block), state.safetensors,
report.html and files.json (the list of these files) into --output_dir. The sound can be played
while it grows. Ctrl-C ends it within a second or two (exit status 130) and says how to go on; a
full disk or a player that closes its pipe ends it with exit status 1. What was written so far stays
valid.
"""

from collections.abc import Collection, Mapping
from typing import Any

from audio_texture import streaming
from launch.stream import checks, generated, results, sinks, styles, writing
from launch.stream.stream_flags import define_flags as define_flags


def main(values: Mapping[str, Any], given: Collection[str] = ()) -> int:
    """Makes the stream or loop; the exit status.

    Args:
      values: of all flags.
      given: names of the flags on the command line.
    """
    values, begun = styles.with_earlier(values, given)
    checks.check_flags(values, given)
    if values["generator"]:
        return generated.stream(values, begun)
    style, config, references, record, wait = styles.fit_or_load(values, given, begun)
    rate = style.sample_rate
    folder = values["output_dir"]
    wanted = checks.wanted_samples(values, style.recipe, sample_rate=rate, channels=style.channels)
    if values["loop"]:
        planned = streaming.prepare_loop(style, seconds=values["seconds"])
    else:
        planned = streaming.prepare_stream(style, seconds=wanted / rate)
    wait.compile()
    earlier = None
    if record and values["resume"] and isinstance(planned, streaming.Stream):
        earlier = sinks.read_earlier(folder, values["output"], record, planned)
    if record and values["resume"] and sinks.is_longer(folder, values["output"], wanted, rate):
        return 0
    styles.save_target(values, style)
    output, sink = sinks.open_sink(values, style, config, record, earlier, wanted)

    def make():
        is_endless = not values["seconds"]
        return writing.write(planned, sink, values["seed"], wanted, wait, is_endless=is_endless)

    return results.finish(make, sink, output, config, references)
