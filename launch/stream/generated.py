"""Streams of a trained generator: no recording is read, and nothing is optimised.

Any stretch of a generator's sound can be made by itself: a stream goes on from what its file holds,
without a state.
"""

import os
from collections.abc import Mapping
from typing import Any

from audio_texture import audio, generators
from launch import configs, generator_files, generator_sound, interrupts, messages, records
from launch.errors import naming_flag
from launch.stream import checks, results, sinks


def stream(values: Mapping[str, Any], earlier: dict[str, Any] | None) -> int:
    """Makes the stream; the exit status.

    Args:
      values: of all flags, checked.
      earlier: configuration of the stream that --resume alone goes on with.
    """
    messages.doing("reading")
    generator, config = _configure(values, earlier)
    rate, channels = generator.sample_rate, generator.channels
    record = checks.check_folder(values, config)
    wanted = checks.samples_to_write(values, sample_rate=rate, channels=channels)
    held = None
    if record and values["resume"]:
        if sinks.is_longer(values["output_dir"], values["output"], wanted, rate):
            return 0
        held = _read_earlier(values, record, generator)
    output, sink = sinks.open_sink(values, generator, config, record, held, wanted)

    def make():
        is_endless = not values["seconds"]
        reason = generator_sound.write(generator, sink, config, wanted, is_endless=is_endless)
        if reason != "interrupted":
            return 0
        messages.say_all(interrupts.describe())
        return interrupts.STATUS

    return results.finish(make, sink, output, config, [])


def _configure(
    values: Mapping[str, Any], earlier: dict[str, Any] | None
) -> tuple[generators.Generator, dict[str, Any]]:
    """The generator and the configuration of the stream."""
    plain = {name: values[name] for name in ("seconds", "seed", "loop", "output")}
    plain["versions"] = configs.versions()
    if earlier:
        generator = generator_files.read_entry(earlier["generator"])
        generator_files.check_weights(earlier, len(generator.styles.names))
        return generator, {**earlier, **plain}
    generator = generator_files.read(values["generator"])
    return generator, {
        "inputs": [],
        "target": None,
        "generator": generator_files.entry_of(values["generator"]),
        "styles": list(generator.styles.names),
        **generator_files.weights_from_values(values, len(generator.styles.names)),
        "recipe": generator_files.recipe_of(generator).to_json(),
        **plain,
    }


def _read_earlier(
    values: Mapping[str, Any], record: records.Record, generator: generators.Generator
) -> sinks.Earlier | None:
    """The stream in the folder, None where it has no whole block. UserError where its file is
    damaged.
    """
    folder, name, rate = values["output_dir"], values["output"], generator.sample_rate
    path = os.path.join(folder, name)
    if name not in record.files or not os.path.exists(path):
        return None
    with naming_flag("resume"):
        frames = audio.frames_to_extend(
            path, channels=generator.channels, sample_rate=rate, at_least=0
        )
    # The end of the file may be faded, which a longer stream must not be there.
    fade = generator_files.recipe_of(generator).signal.fade_samples(rate)
    samples = generators.block_samples(generator)
    block = max(0, frames - fade) // samples
    rows = sinks.read_rows(folder, block, most=-(-frames // samples))
    return sinks.Earlier(None, block, block * samples, frames, rows)
