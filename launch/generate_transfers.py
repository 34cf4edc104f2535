"""What launch.generate makes of a generator that follows contents: the first content in the style,
and the report.
"""

import os
from collections.abc import Sequence

import numpy as np

from audio_texture import audio, generators, metrics
from audio_texture.report.verdicts import Judged
from launch import generator_files, interrupts, messages, runs
from launch.generate_results import REPORT, SOUND, advise_training
from launch.generate_steps import Plan
from launch.generate_training import Log
from launch.inputs import recordings_section
from launch.messages import say
from launch.output import Output
from launch.pages import name_terms
from launch.run_io import METRICS
from launch.transfer_pages import Rows, judge_results, measure_originals
from launch.verdicts import say_verdicts


def write_all(
    plan: Plan,
    generator: generators.Generator,
    references: Sequence[np.ndarray],
    output: Output,
    log: Log,
    status: int,
) -> int:
    """Writes the first content in the style and all that follows; the exit status.

    Args:
      plan: of the run, which has contents.
      generator: the generator.
      references: the style, at the generator's rate.
      output: the folder.
      log: of the training.
      status: of the training.
    """
    assert plan.contents
    config, rate = plan.config, generator.sample_rate
    content = plan.contents.first(generator.channels, rate)
    messages.doing(f"making {output.path(SOUND)}")
    wave = generators.transform(generator, content, sample_rate=rate, seed=config["seed"])
    fade = generator_files.recipe_of(generator).signal.fade_samples(rate)
    path = output.write_sound(SOUND, audio.fade_ends(wave, fade), rate)
    if not path:
        return status or 1
    interrupts.kept(path)
    source = config["contents"][0]["source"]
    say(f"{path}: {source}, {content.shape[1] / rate:.3g} s, made in one pass")
    messages.doing("judging")
    # With the choices under the names that they have in a run of launch.transfer.
    alike = {
        "content": config["contents"][0],
        "style": config["inputs"][0],
        "style_weights": [generator_files.recipe_of(generator).choice("style_weight")],
    }
    sounds = [content, references[0]]
    made = runs.Made(output, [path], log.chunks, status)
    rows, judged = judge_results(made, alike, sounds, rate, lambda: measure_originals(sounds, rate))
    judged = [advise_training(result) for result in judged]
    evaluations = config["recipe"]["evaluations"]
    log.add_sample(SOUND, evaluations, {result.name: result.row for result in judged})
    output.finish(METRICS)
    status = runs.write_report(
        output,
        REPORT,
        lambda: report_page(plan, sounds, path, rate, log, rows, judged),
        status,
        "the verdict, players, spectrograms, measures and the loss",
    )
    say_verdicts(judged)
    return status


def report_page(
    plan: Plan,
    sounds: Sequence[np.ndarray],
    path: str,
    sample_rate: int,
    log: Log,
    rows: Rows,
    judged: Sequence[Judged],
) -> str:
    """report.html: the verdict, then the first content, itself in the style, and the style.

    Args:
      plan: of the run.
      sounds: the content and the style.
      path: of the result.
      sample_rate: of all, in Hz.
      log: of the training.
      rows: of `judge_results`.
      judged: of `judge_results`.
    """
    # Matplotlib takes a second to import, which bad input need not wait for.
    from audio_texture import report

    config, chunks = plan.config, log.chunks
    sources = [config[name][0]["source"] for name in ("contents", "inputs")]
    files = report.name_apart(sources)
    content, style = (
        (f"{name}: {file}", wave, sample_rate)
        for name, file, wave in zip(("content", "style"), files, sounds, strict=True)
    )
    contents = len(config["contents"])
    summary = f"The first of {contents} contents" if contents > 1 else "The content"
    summary += f" that a generator was trained with, by the recipe {config['recipe']['name']}"
    if chunks:
        seconds = report.format_number(chunks[-1]["seconds"])
        summary += f", {chunks[-1]['evaluations']} evaluations in {seconds} s"
    return report.render_transfer_page(
        content,
        style,
        [(os.path.basename(path), *audio.read(path))],
        rows,
        chunks,
        config,
        metrics.explain_measure,
        name_terms(config, sounds[1:], sample_rate, chunks),
        more=recordings_section({"input": config["inputs"]}),
        judged=judged,
        summary=f"{summary}; seed {config['seed']}.",
    )
