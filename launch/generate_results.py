"""What launch.generate makes of a trained generator: its sound, a page that plays it, a program for
other languages, and the report.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from audio_texture import audio, files, generators, metrics
from audio_texture.report.verdicts import Judged
from launch import generator_sound, interrupts, messages, run_io, runs, verdicts
from launch.errors import one_line
from launch.generate_steps import Plan
from launch.generate_training import Log
from launch.inputs import recordings_section
from launch.messages import say
from launch.output import Output
from launch.pages import mixture_section, name_terms

SOUND, PAGE, EXPORT, REPORT = "generated.wav", "page.html", "generator.stablehlo", "report.html"
# What is judged: the beginning of the sound of a single style, or so much of each by itself.
JUDGED_SECONDS, JUDGED_OF_EACH = 30.0, 10.0
# The fewest styles that a map is drawn of.
FEWEST_ON_MAP = 3
# Length of the beginning of the sound that the report plays, in seconds.
_PLAYED_SECONDS = 30.0


class _WavFile:
    """A wav file that grows; see `generator_sound.Sink`."""

    def __init__(self, path: str, sample_rate: int):
        self.path, self.sample_rate, self.samples = path, sample_rate, 0

    def write(self, wave: np.ndarray, row: dict[str, Any]) -> None:
        """Appends a block [C, N]."""
        audio.extend(self.path, wave, self.sample_rate, start=self.samples)
        self.samples += wave.shape[1]


def write_sound(output: Output, generator: generators.Generator, config: Mapping[str, Any]) -> str:
    """Writes generated.wav: "done", "interrupted" or "failed"."""
    path = output.path(SOUND)
    output.begin(SOUND)
    sink = _WavFile(path, generator.sample_rate)
    wanted = round(config["seconds"] * generator.sample_rate)
    try:
        reason = generator_sound.write(generator, sink, config, wanted)
    except (ValueError, OSError) as error:
        output.complain(SOUND, error, "the generator is there")
        return "failed"
    if reason == "done":
        output.finish(SOUND)
    return reason


def write_extras(
    output: Output, generator: generators.Generator, config: Mapping[str, Any]
) -> None:
    """Writes page.html and generator.stablehlo where they are asked for, and says so."""
    if config["page"]:
        title = " and ".join(generator.styles.names)

        def write_page(path):
            generators.write_page(path, generator, title=title)

        if path := output.save(PAGE, write_page):
            say(f"{path}: plays the generator for ever, in a browser and without a network")
    if config["export"]:
        program = generators.export_step(generator)
        if path := output.save(EXPORT, lambda path: files.write_bytes(path, program)):
            say(f"{path}: the generator as StableHLO, for other programs ({len(program)} bytes)")


def judge(
    plan: Plan,
    generator: generators.Generator,
    references: Sequence[np.ndarray],
    sound: str,
) -> list[Judged]:
    """The verdicts: on the sound where there is one style, else on each new style by itself; one
    that is withheld where there is no recording.

    Args:
      plan: of the run.
      generator: the generator.
      references: of the new styles, at the generator's rate.
      sound: path of generated.wav.
    """
    rate, names = generator.sample_rate, generator.styles.names
    if len(names) == 1 or not references:
        judged = verdicts.judge_file(sound, plan.config, references, rate, seconds=JUDGED_SECONDS)
        return [advise_training(judged)]
    results = []
    for number in range(len(names) - len(references), len(names))[: verdicts.MOST_JUDGED]:
        weights = [float(style == number) for style in range(len(names))]
        wave = generators.stretch(
            generator, seconds=JUDGED_OF_EACH, seed=plan.config["seed"], weights=weights
        )
        reference = references[number - len(names)]
        judged = _judge_wave(f"{names[number]} by itself", wave, reference, rate)
        results.append(advise_training(judged))
    return results


def _judge_wave(name: str, wave: np.ndarray, reference: np.ndarray, sample_rate: int) -> Judged:
    try:
        for sound, of in ((wave, "the style"), (reference, "the recording")):
            metrics.check_sound(sound, sample_rate=sample_rate, name=of)
        row = metrics.evaluate(wave, reference, sample_rate=sample_rate)
    except ValueError as error:
        return Judged(name, metrics.withhold_verdict(one_line(error).rstrip(".")), {})
    return Judged(name, metrics.give_verdict(row), row)


def advise_training(result: Judged) -> Judged:
    """The verdict with advice for a training, whose length is --train_seconds."""
    findings = tuple(
        finding._replace(
            advice=tuple(
                advice.replace("more --evaluations", "a longer --train_seconds")
                for advice in finding.advice
            )
        )
        for finding in result.verdict.findings
    )
    return result._replace(verdict=metrics.Verdict(findings))


def report_page(
    plan: Plan,
    generator: generators.Generator,
    references: Sequence[np.ndarray],
    output: Output,
    log: Log,
    judged: Sequence[Judged],
) -> str:
    """report.html: verdicts; the recordings, the sound and the samples of the training; the loss.

    Args:
      plan: of the run.
      generator: the generator.
      references: of the new styles, at the generator's rate.
      output: the folder.
      log: of the training.
      judged: of `judge`.
    """
    # Matplotlib takes a second to import, which bad input need not wait for.
    from audio_texture import report

    config, rate = plan.config, generator.sample_rate
    chunks, samples = log.chunks, [row for row in log.samples if row["file"] != SOUND]
    names = config["styles"][len(config["styles"]) - len(references) :]
    inputs = [(f"input: {name}", wave, rate) for name, wave in zip(names, references, strict=True)]
    length = config["seconds"]
    wave, _ = audio.read(output.path(SOUND), seconds=min(length, _PLAYED_SECONDS))
    title, whole = SOUND, ""
    if length > _PLAYED_SECONDS:
        title = f"{SOUND}, the first {_PLAYED_SECONDS:g} s"
        whole = report.embed_whole_file(output.path(SOUND), length)
    result = (title, wave, rate)
    heard = [
        (f"{row['file']}, after {row['evaluations']} evaluations", *audio.read(path))
        for row in samples
        if os.path.exists(path := output.path(row["file"]))
    ]
    shown = [*inputs, result, *heard]
    sections = [
        report.verdict_section(judged),
        ("Listen", whole + report.embed_players(shown)),
        *_samples_section(samples),
        *mixture_section(config, length),
        *recordings_section({"input": config["inputs"]}),
        ("Spectrograms, on one scale", report.embed_spectrograms(shown)),
        *report.comparison_section([*inputs[:1], result]),
    ]
    sections += _loss_section(plan, references, rate, chunks)
    sections += _map_section(generator)
    sections.append(("Configuration", report.format_config(config)))
    return report.render_page(
        f"Generator of {' and '.join(config['styles'])}", _summarise(config, chunks), sections
    )


def _summarise(config: Mapping[str, Any], chunks: Sequence[Mapping[str, Any]]) -> str:
    from audio_texture import report

    text = f"{config['seconds']:g} s from the seed {config['seed']}"
    if config["position"]:
        text += f", from {config['position']:g} s on"
    trained = f"trained by the recipe {config['recipe']['name']}"
    if chunks:
        seconds = report.format_number(chunks[-1]["seconds"])
        trained += f" for {chunks[-1]['evaluations']} evaluations in {seconds} s"
    return f"{text}; {trained}."


def _samples_section(samples: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """How like its recording each style was during the training."""
    from audio_texture import report

    rows, header = [], ("evaluations", "style", *metrics.MEASURES)
    for sample in samples:
        for style, measures in sample["measures"].items():
            values = [measures.get(name) for name in metrics.MEASURES]
            rows.append((sample["evaluations"], style, *values))
    if not rows:
        return []
    text = (
        "How far samples made during the training are from their recording. Lower is more alike; "
        "1 is how far the recording's own two halves are apart."
    )
    return [("During the training", f"<p>{text}</p>{report.format_table(rows, header)}")]


def _loss_section(
    plan: Plan,
    references: Sequence[np.ndarray],
    sample_rate: int,
    chunks: Sequence[Mapping[str, Any]],
) -> list[tuple[str, str]]:
    """The loss against evaluations, a line for each style: losses of styles have other heights."""
    from audio_texture import report

    if not chunks:
        return []
    count = len(references)
    # Each evaluation is of the next style; the loss of every 25th is known.
    turns = [row["evaluations"] % count for row in chunks]
    shown = sorted(set(turns))
    rows = [{**row, "sample": shown.index(turn)} for row, turn in zip(chunks, turns, strict=True)]
    figure = report.draw_loss(rows, name_terms(plan.config, references, sample_rate, chunks))
    text = "<p>A black line for each style.</p>" if count > 1 else ""
    if len(shown) < count:
        text = f"<p>A black line for each of {len(shown)} of the {count} styles.</p>"
    return [("Loss", text + report.embed_figures([(figure, "loss against evaluations")]))]


def _map_section(generator: generators.Generator) -> list[tuple[str, str]]:
    """A map of the styles, where there are enough to tell something."""
    from audio_texture import report

    if len(generator.styles.names) < FEWEST_ON_MAP:
        return []
    figure = report.draw_places(generators.map_styles(generator), generator.styles.names)
    text = "<p>Styles that the network makes in nearly the same way lie near each other.</p>"
    pictures = report.embed_figures([(figure, "map of the styles")])
    return [("Map of the styles", text + pictures)]


def write_all(
    plan: Plan,
    generator: generators.Generator,
    references: Sequence[np.ndarray],
    output: Output,
    log: Log,
    status: int,
) -> int:
    """Writes the sound and all that follows; the exit status.

    Args:
      plan: of the run.
      generator: the generator.
      references: of the new styles, at the generator's rate.
      output: the folder.
      log: of the training.
      status: of the training.
    """
    reason = write_sound(output, generator, plan.config)
    if reason == "interrupted":
        messages.say_all(interrupts.describe())
        return interrupts.STATUS
    write_extras(output, generator, plan.config)
    if reason == "failed":
        return status or 1
    messages.doing("judging")
    judged = judge(plan, generator, references, output.path(SOUND))
    if plan.trains:
        measures = {result.name: result.row for result in judged if result.row}
        log.add_sample(SOUND, plan.config["recipe"]["evaluations"], measures)
        output.finish(run_io.METRICS)
    status = runs.write_report(
        output,
        REPORT,
        lambda: report_page(plan, generator, references, output, log, judged),
        status,
        "the verdict, players, spectrograms and the loss",
    )
    verdicts.say_verdicts(judged)
    return status
