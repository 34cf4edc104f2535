"""launch.transfer --generator: a transfer in one pass of a network that launch.generate --contents
has trained. Nothing is optimised.

In all functions, config: a configuration as `configure` returns it and config.json holds it.
"""

import os
import time
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from audio_texture import audio, generators, metrics, references
from audio_texture.report.verdicts import Judged, format_verdict
from launch import configs, flag_checks, flags, generator_files, interrupts, messages, run_io, runs
from launch.errors import naming_flag, one_line
from launch.inputs import digest, read_inputs, recordings_section
from launch.messages import hold, say, say_held
from launch.transfer_pages import MEASURES, REPORT
from launch.transfer_steps import DECIDES, STEM
from launch.verdicts import say_verdicts

_TYPES = {"content": dict, "generator": dict, "seed": int, "output_format": str, "recipe": dict}
# Begins lines on what to try: their flags are those of a training.
_TRAINED = "a generator trained with "


def is_asked(values: Mapping[str, Any]) -> bool:
    """Whether --generator is given, or --config names a run with one. values: of all flags."""
    if values["generator"] is not None:
        return True
    return values["config"] is not None and configs.has_entry(values["config"], "generator")


def main(values: Mapping[str, Any], given: Collection[str]) -> int:
    """Makes the transfer; the exit status.

    Args:
      values: of all flags.
      given: names of the flags on the command line.
    """
    config, generator = configure(values, given)
    [name] = run_io.sound_names(STEM, 1, config["output_format"])
    names = [run_io.CONFIG, name, MEASURES, REPORT]
    record = run_io.check_run_folder(values, config, program="transfer", names=names)
    messages.doing("reading")
    content, rate = _read(config, generator)
    first = {run_io.CONFIG: config}
    output = run_io.claim(values["output_dir"], record, program="transfer", first=first)
    say_held()
    messages.doing(f"making {output.path(name)}")
    begin = time.monotonic()
    wave = generators.transform(generator, content, sample_rate=rate, seed=config["seed"])
    fade = generator_files.recipe_of(generator).signal.fade_samples(rate)
    wave, seconds = audio.fade_ends(wave, fade), time.monotonic() - begin
    path = output.write_sound(name, wave, rate)
    if not path:
        return 1
    interrupts.kept(path)
    length = wave.shape[1] / rate
    say(f"{path}: {length:.3g} s made in one pass, in {seconds:.3g} s with compiling")
    messages.doing("judging")
    judged = _judge(os.path.basename(path), wave, content, rate)
    output.write_json(MEASURES, [{"candidate": name, **judged.row}] if judged.row else [])
    sounds = {"content": content, name: wave}
    status = runs.write_report(
        output,
        REPORT,
        lambda: _page(config, generator, sounds, rate, judged, seconds),
        int(output.failed),
        "the verdict, players, spectrograms and what is kept of the content",
    )
    say_verdicts([judged])
    return status


def configure(
    values: Mapping[str, Any], given: Collection[str]
) -> tuple[dict[str, Any], generators.Generator]:
    """The configuration of a run, and its generator. UserError where flags do not fit.

    Args:
      values: of all flags.
      given: names of the flags on the command line.
    """
    flag_checks.refuse(_useless_flags(given))
    if values["config"] is not None:
        flag_checks.refuse_beside_config(given, values["config"], DECIDES)
        config = configs.config_of_file(values["config"], _TYPES, task="transfer", given=given)
        return config, generator_files.read_entry(config["generator"], of_contents=True)
    generator = generator_files.read(values["generator"], of_contents=True)
    source = values["content"]
    flag_checks.refuse(flag_checks.useless_part_flags({"content": [source]}, given))
    part = {"start": values["content_start"], "seconds": values["content_seconds"]}
    with naming_flag("content"):
        content = {"source": source, **part, "sha256": digest(source)}
    config = {
        "content": content,
        "generator": generator_files.entry_of(values["generator"]),
        "seed": values["seed"],
        "output_format": values["output_format"],
        "recipe": generator_files.recipe_of(generator).to_json(),
        "versions": configs.versions(),
    }
    return config, generator


def _useless_flags(given: Collection[str]) -> dict[str, str]:
    """The flags that do nothing beside a generator, with the reason."""
    style = dict.fromkeys(
        ("style", "style_start", "style_seconds"), "the style is that of the generator"
    )
    trained = dict.fromkeys(flags.recipe_flags(), "the generator is trained, by its own recipe")
    rest = {
        "max_seconds": "nothing is optimised",
        "checkpoint_every": "nothing is optimised",
        "resume": "a transfer in one pass is made again in a moment (--overwrite)",
    }
    reasons = style | trained | rest
    return {name: reason for name, reason in reasons.items() if name in given}


def _read(config: dict[str, Any], generator: generators.Generator) -> tuple[np.ndarray, int]:
    """The content [C, N] with at most the generator's channels, and its sample rate in Hz.
    UserError where it, or the format, cannot be used.
    """
    flag = ("content",)
    [content], rate = read_inputs([config["content"]], lambda *_: None, input_flags=flag)
    with naming_flag("content"):
        references.check_seconds(content.shape[1] / rate)
    if len(content) > generator.channels:
        channels = generator.channels
        hold(f"--content: mixed from {len(content)} channels to {channels}, as the generator has")
        content = audio.with_channels(content, channels)
    with naming_flag("output_format"):
        audio.check_writable(
            f".{config['output_format']}",
            channels=generator.channels,
            sample_rate=rate,
            samples=content.shape[1],
        )
    return content, rate


def _judge(name: str, wave: np.ndarray, content: np.ndarray, sample_rate: int) -> Judged:
    """The verdict on what is kept of the content; a generator holds no recording of its style."""
    try:
        row: dict[str, Any] = metrics.content_preservation(wave, content, sample_rate=sample_rate)
    except ValueError as error:
        return Judged(name, metrics.withhold_verdict(one_line(error).rstrip(".")), {})
    verdict = metrics.give_transfer_verdict(row)
    if not verdict.findings:
        said = "the content has no rhythm and no change of loudness that could be kept"
        return Judged(name, metrics.withhold_verdict(said), row)
    findings = tuple(
        finding._replace(advice=tuple(f"{_TRAINED}{advice}" for advice in finding.advice))
        for finding in verdict.findings
    )
    return Judged(name, metrics.Verdict(findings), row)


def _page(
    config: dict[str, Any],
    generator: generators.Generator,
    sounds: Mapping[str, np.ndarray],
    sample_rate: int,
    judged: Judged,
    seconds: float,
) -> str:
    """report.html: the verdict, the content and the result, and what is kept.

    Args:
      config: of the run.
      generator: the generator.
      sounds: content and result, by name.
      sample_rate: of both, in Hz.
      judged: verdict on the result.
      seconds: that the pass took.
    """
    # Matplotlib takes a second to import, which bad input need not wait for.
    from audio_texture import report

    [of_content] = report.name_apart([config["content"]["source"]])
    style = " and ".join(generator.styles.names)
    file = os.path.basename(config["generator"]["source"])
    [content, result] = sounds.items()
    shown = [
        (f"{content[0]}: {of_content}", content[1], sample_rate),
        (*result, sample_rate),
    ]
    rows = [
        (name, "none" if value is None else value, metrics.explain_measure(name))
        for name, value in judged.row.items()
    ]
    table = report.format_table(rows, ("", result[0], "what it says"))
    sections = [
        ("Verdict", format_verdict(judged, named=False)),
        ("Listen", report.embed_players(shown)),
        ("Spectrograms, on one scale", report.embed_spectrograms(shown)),
        *report.comparison_section(shown),
        *([("Kept of the content", f'<div class="words">{table}</div>')] if rows else []),
        *recordings_section({"content": [config["content"]]}),
        ("Configuration", report.format_config(config)),
    ]
    made = f"In one pass of {file}, seed {config['seed']}, made in {seconds:.3g} s with compiling."
    return report.render_page(f"{of_content} in the style of {style}", made, sections)
