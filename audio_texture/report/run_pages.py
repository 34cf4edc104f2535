"""The HTML pages of launch.texture, launch.transfer and launch.train."""

import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from audio_texture.classical import OPTIMISE
from audio_texture.report.comparison import comparison_section
from audio_texture.report.figures import draw_confusion, draw_loss, draw_training
from audio_texture.report.html_page import (
    Section,
    Sound,
    embed_figure,
    embed_figures,
    format_config,
    format_number,
    format_table,
    render_page,
)
from audio_texture.report.listening import embed_players
from audio_texture.report.spectrograms import embed_spectrograms
from audio_texture.report.transfer_measures import (
    format_transfer_measures,
    transfer_verdict_section,
)
from audio_texture.report.verdicts import Judged, verdict_section

_MOST_SPECTROGRAMS = 8
_SPECTROGRAMS = "Spectrograms, on one scale"


def render_texture_page(
    originals: Sequence[Sound],
    results: Sequence[Sound],
    metrics: Sequence[Mapping[str, Any]],
    config: Mapping[str, Any],
    more: Sequence[Section] = (),
    *,
    judged: Sequence[Judged] = (),
    seeds: Sequence[int] = (),
    names: Mapping[str, str] = types.MappingProxyType({}),
) -> str:
    """The page of launch.texture: inputs and results side by side, the loss, the configuration.

    Args:
      originals: the inputs.
      results: the textures made.
      metrics: rows of metrics.jsonl with sample, evaluations, seconds, loss and terms.
      config: as in config.json.
      more: further sections, after the players.
      judged: verdicts on results, which stand first.
      seeds: of the results, for the reader who chooses one of several.
      names: what the legend calls the terms of the loss, see `draw_loss`.
    """
    summary = (
        f"{config['seconds']:g} s by the recipe {config['recipe']['name']}, seed {config['seed']}, "
        f"{_describe_making(metrics, config, len(results))}."
    )
    choices = {
        title: f"{title}, seed {seed}" for (title, _, _), seed in zip(results, seeds, strict=False)
    }
    title = " and ".join(title.removeprefix("input: ") for title, _, _ in originals)
    shown = [*originals[:_MOST_SPECTROGRAMS], *results[:_MOST_SPECTROGRAMS]]
    sections = [
        *([verdict_section(judged)] if judged else []),
        ("Listen", embed_players([*originals, *results], choices=choices)),
        *more,
        (_SPECTROGRAMS, embed_spectrograms(shown)),
        *comparison_section([*originals, *results[:1]]),
        *_loss_section(metrics, names, config),
        ("Configuration", format_config(config)),
    ]
    return render_page(f"Texture of {title}", summary, sections)


def render_transfer_page(
    content: Sound,
    style: Sound,
    results: Sequence[Sound],
    measures: Sequence[Mapping[str, Any]],
    metrics: Sequence[Mapping[str, Any]],
    config: Mapping[str, Any],
    explain: Callable[[str], str],
    names: Mapping[str, str] = types.MappingProxyType({}),
    *,
    more: Sequence[Section] = (),
    judged: Sequence[Judged] = (),
    summary: str = "",
) -> str:
    """The page of launch.transfer: the verdicts, then the content, the results and the style.

    Args:
      content: the sound whose events are kept.
      style: the sound whose texture is taken.
      results: the transfers made.
      measures: rows of quality.json, for content, results and style; may be empty.
      metrics: rows of metrics.jsonl.
      config: as in config.json.
      explain: a measure's name -> its meaning in words.
      names: what the legend calls the terms of the loss, see `draw_loss`.
      more: further sections, before the configuration.
      judged: verdicts on the results, which stand first.
      summary: stands under the title; by default how the results were made.
    """
    summary = summary or (
        f"By the recipe {config['recipe']['name']}, seed {config['seed']}, "
        f"{_describe_making(metrics, config, len(results))}."
    )
    shown = [content, *results[:_MOST_SPECTROGRAMS], style]
    sections = [
        *([transfer_verdict_section(judged)] if judged else []),
        (
            "Listen, from the content to the style",
            embed_players(
                [content, *results, style], choices={title: title for title, _, _ in results}
            ),
        ),
        (_SPECTROGRAMS, embed_spectrograms(shown)),
        *comparison_section([content, *results[:1], style]),
        ("Measures", format_transfer_measures(measures, explain)),
        *_loss_section(metrics, names, config),
        *more,
        ("Configuration", format_config(config)),
    ]
    of_content, of_style = content[0].removeprefix("content: "), style[0].removeprefix("style: ")
    return render_page(f"{of_content} in the style of {of_style}", summary, sections)


def render_training_page(
    results: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    settings: Sequence[Sequence[Any]],
    config: Mapping[str, Any],
) -> str:
    """The page of launch.train: accuracy by epoch and fold, confusions, settings.

    Args:
      results: as in accuracy.json.
      rows: of metrics.jsonl.
      settings: name, value and meaning of each.
      config: as in config.json.
    """
    summary = (
        f"Accuracy {results['accuracy']:.3f} over {len(results['folds'])} folds of "
        f"{results['clips']} clips; nearest class mean {results['baseline']:.3f}, "
        f"chance {results['chance']:.3f}."
    )
    if results["skipped"]:
        summary += f" Left out as unreadable: {results['skipped']}."
    last = {row["fold"]: row for row in rows}
    seconds = {fold: sum(row["seconds"] for row in rows if row["fold"] == fold) for fold in last}
    folds = [
        [fold, row["accuracy"], row["fitted"], row["loss"], seconds[fold]]
        for fold, row in last.items()
    ]
    accuracy, loss = draw_training(rows, results["chance"], results["baseline"])
    confusion = draw_confusion(results["confusion"], results["classes"])
    settings_table = format_table(settings, ["", "value", "meaning"])
    curves = [(accuracy, "accuracy against epochs"), (loss, "training loss against epochs")]
    sections = [
        ("Accuracy by epoch", embed_figures(curves)),
        (
            "By fold held out",
            format_table(folds, ["fold", "accuracy", "training accuracy", "loss", "seconds"]),
        ),
        ("What is taken for what", embed_figure(confusion, "confusion matrix")),
        ("Settings", f'<div class="words">{settings_table}</div>'),
        ("Configuration", format_config(config)),
    ]
    kind, count = config["network"]["kind"], len(results["classes"])
    return render_page(f"A {kind} network that tells {count} classes of sounds", summary, sections)


def _optimises(config: Mapping[str, Any]) -> bool:
    """Whether a run has a loss; one that was made in one pass has none."""
    return config["recipe"].get("method", OPTIMISE) == OPTIMISE


def _describe_making(
    metrics: Sequence[Mapping[str, Any]], config: Mapping[str, Any], results: int
) -> str:
    """How long each of the results took, or that it was made in one pass."""
    if not _optimises(config):
        return "made in one pass"
    seconds = max((row["seconds"] for row in metrics), default=0.0)
    return f"made in {format_number(seconds)} s{' each' if results > 1 else ''}"


def _loss_section(
    metrics: Sequence[Mapping[str, Any]], names: Mapping[str, str], config: Mapping[str, Any]
) -> list[Section]:
    """The section on the loss; none where nothing was optimised."""
    if not _optimises(config):
        return []
    if not metrics:
        return [("Loss", "<p>metrics.jsonl was lost.</p>")]
    return [("Loss", embed_figures([(draw_loss(metrics, names), "loss against evaluations")]))]
