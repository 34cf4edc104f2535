"""Pictures, players and the self-contained HTML page that holds them."""

import base64
import html
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import matplotlib.ticker
import numpy as np
import scipy.signal
import soundfile

from audio_texture import audio, spectrogram

Sound = tuple[str, np.ndarray, int]  # title, wave [C, N], sample rate

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.summary { opacity: .75; margin-top: .2rem; }
.sounds { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1rem; }
audio { width: 100%; } img { max-width: 100%; background: white; border-radius: 4px; }
table { border-collapse: collapse; } td, th { text-align: right; padding: .2rem .8rem; border-bottom: 1px solid #8884; }
td:first-child, th:first-child { text-align: left; } .words td, .words th { text-align: left; vertical-align: top; } pre { overflow-x: auto; }
"""


def page(title: str, summary: str, sections: Sequence[tuple[str, str]]) -> str:
    """A whole HTML document: title and summary as text, then sections of (heading, HTML)."""
    body = "\n".join(
        f"<section><h2>{html.escape(heading)}</h2>\n{content}</section>"
        for heading, content in sections
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>\n'
        f'<body><h1>{html.escape(title)}</h1><p class="summary">{html.escape(summary)}</p>\n{body}\n</body></html>\n'
    )


def texture_page(
    originals: Sequence[Sound],
    results: Sequence[Sound],
    metrics: Sequence[Mapping[str, Any]],
    config: Mapping[str, Any],
    more: Sequence[tuple[str, str]] = (),
) -> str:
    """The page of launch.texture: inputs and results side by side, the loss, the configuration.

    metrics: rows with sample, evaluations, seconds, loss and terms. config: as in config.json. more: further sections.
    """
    shown = results[:8]
    seconds = max((row["seconds"] for row in metrics), default=0.0)
    summary = f"{config['seconds']:g} s by the recipe {config['recipe']['name']}, seed {config['seed']}; the optimiser took {seconds:.1f} s a sample."
    sections = [
        ("Listen", players([*originals, *results])),
        (
            "Spectrograms, on one scale",
            "".join(image(spectrogram_figure([*originals[:2], one]), one[0]) for one in shown),
        ),
        *more,
        (
            "Loss",
            image(loss_figure(metrics), "loss against evaluations")
            if metrics
            else "<p>The file of metrics was lost.</p>",
        ),
        ("Configuration", configuration(config)),
    ]
    return page(
        f"Texture of {' and '.join(title.removeprefix('input: ') for title, _, _ in originals)}",
        summary,
        sections,
    )


def transfer_page(
    content: Sound,
    style: Sound,
    results: Sequence[Sound],
    measures: Sequence[Mapping[str, Any]],
    metrics: Sequence[Mapping[str, Any]],
    config: Mapping[str, Any],
    meaning: Callable[[str], str],
) -> str:
    """The page of launch.transfer: a strip from the content over the results to the style, their measures, the loss, the configuration.

    measures: of quality.json, a row a result, the content and the style themselves among them; may be empty. meaning: of a measure, in words.
    """
    strip = [content, *results, style]
    seconds = max((row["seconds"] for row in metrics), default=0.0)
    summary = f"By the recipe {config['recipe']['name']}, seed {config['seed']}; the optimiser took {seconds:.1f} s a result."
    names = (
        [name for name in measures[0] if name not in ("candidate", "style_weight")]
        if measures
        else []
    )
    shown = lambda value: "none" if value is None else value
    rows = [[name, *(shown(row[name]) for row in measures), meaning(name)] for name in names]
    sections = [
        ("Listen, from the content to the style", players(strip)),
        (
            "Spectrograms, on one scale",
            "".join(
                image(spectrogram_figure([content, one, style]), one[0]) for one in results[:8]
            ),
        ),
        (
            "Measures",
            table(rows, ["", *(row["candidate"] for row in measures), "what is good"])
            if measures
            else "<p>Sounds under a second, or silent, are not judged.</p>",
        ),
        (
            "Loss",
            image(loss_figure(metrics), "loss against evaluations")
            if metrics
            else "<p>The file of metrics was lost.</p>",
        ),
        ("Configuration", configuration(config)),
    ]
    return page(
        f"{content[0].removeprefix('content: ')} in the style of {style[0].removeprefix('style: ')}",
        summary,
        sections,
    )


def training_page(
    found: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    settings: Sequence[Sequence[Any]],
    config: Mapping[str, Any],
) -> str:
    """The page of launch.train: accuracy by epoch and fold, which class is taken for which, the settings, the configuration.

    found: of accuracy.json. rows: of metrics.jsonl. settings: name, value and meaning of each.
    """
    summary = (
        f"Accuracy {found['accuracy']:.3f} over {len(found['folds'])} folds of {found['clips']} clips; nearest class mean {found['baseline']:.3f}, chance {found['chance']:.3f}."
        + (f" Left out as unreadable: {found['skipped']}." if found["skipped"] else "")
    )
    last = {row["fold"]: row for row in rows}
    seconds = lambda fold: sum(row["seconds"] for row in rows if row["fold"] == fold)
    folds = [
        [fold, row["accuracy"], row["fitted"], row["loss"], seconds(fold)]
        for fold, row in last.items()
    ]
    sections = [
        (
            "Accuracy by epoch",
            image(
                training_figure(rows, found["chance"], found["baseline"]),
                "accuracy and loss against epochs",
            ),
        ),
        (
            "By fold held out",
            table(folds, ["fold", "accuracy", "training accuracy", "loss", "seconds"]),
        ),
        (
            "What is taken for what",
            image(confusion_figure(found["confusion"], found["classes"]), "confusion matrix"),
        ),
        ("Settings", f'<div class="words">{table(settings, ["", "value", "meaning"])}</div>'),
        ("Configuration", configuration(config)),
    ]
    return page(
        f"A {config['network']['kind']} network that tells {len(found['classes'])} classes of sounds",
        summary,
        sections,
    )


def players(sounds: Sequence[Sound]) -> str:
    """A titled player for each sound, side by side."""
    cells = [
        f"<div><b>{html.escape(title)}</b><br>{player(wave, rate)}</div>"
        for title, wave, rate in sounds
    ]
    return f'<div class="sounds">{"".join(cells)}</div>'


def player(wave: np.ndarray, sample_rate: int) -> str:
    """An HTML player with the sound inside, as 16-bit FLAC. wave: [C, N] in [-1, 1]."""
    # Browsers play neither unusual rates nor more than two channels everywhere.
    if len(wave) > 2:
        wave = audio.with_channels(wave, 1)
    if sample_rate > 48_000:
        wave, sample_rate = audio.resample(wave, sample_rate, 48_000), 48_000
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(wave, -1, 1).T, sample_rate, format="FLAC", subtype="PCM_16")
    return f'<audio controls preload="metadata" src="data:audio/flac;base64,{base64.b64encode(buffer.getvalue()).decode()}"></audio>'


def image(figure: plt.Figure, alternative: str) -> str:
    """An HTML image with the figure inside; closes the figure."""
    return inline(png(figure), alternative)


def png(figure: plt.Figure) -> bytes:
    """The figure as a PNG file; closes the figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
    plt.close(figure)
    return buffer.getvalue()


def inline(picture: bytes, alternative: str) -> str:
    """An HTML image with a PNG file inside."""
    return f'<img alt="{html.escape(alternative)}" src="data:image/png;base64,{base64.b64encode(picture).decode()}">'


def spectrogram_figure(
    sounds: Sequence[Sound], *, range_db: float = 80.0, bands: int = 128
) -> plt.Figure:
    """Mel spectrograms side by side, on the same scales of time, frequency and level (dB of the loudest point of all)."""
    lowest_rate = min(48_000, *(rate for _, _, rate in sounds))
    waves = [
        audio.resample(audio.with_channels(wave, 1)[0], rate, lowest_rate)
        for _, wave, rate in sounds
    ]
    images = [_mel_picture(wave, lowest_rate, bands) for wave in waves]
    lengths = [len(wave) / lowest_rate for wave in waves]
    top = max(picture.max() for picture in images)
    figure, axes = plt.subplots(
        1,
        len(sounds),
        figsize=(6 * len(sounds), 3.6),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    nyquist_mel = float(spectrogram.hz_to_mel(np.array(lowest_rate / 2)))
    ticks = [
        hertz for hertz in (200, 500, 1000, 2000, 5000, 10000, 20000) if hertz < lowest_rate / 2
    ]
    for axis, (title, _, _), picture, length in zip(axes[0], sounds, images, lengths, strict=True):
        shown = axis.imshow(
            picture,
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=top - range_db,
            vmax=top,
            extent=(0, length, 0, nyquist_mel),
            interpolation="nearest",
        )
        axis.set(
            title=title,
            xlabel="time (s)",
            xlim=(0, max(lengths)),
            yticks=spectrogram.hz_to_mel(np.array(ticks)),
        )
        axis.set_yticklabels([f"{hertz / 1000:g}" for hertz in ticks])
    axes[0, 0].set_ylabel("frequency (kHz, mel scale)")
    figure.colorbar(shown, ax=axes[0].tolist(), label="dB", pad=0.01)
    return figure


def write_picture(
    path: str, wave: np.ndarray, sample_rate: int, *, range_db: float = 80.0, bands: int = 64
) -> None:
    """A small mel spectrogram of a wave [C, N] as a PNG without axes, for pages of many."""
    picture = _mel_picture(audio.with_channels(wave, 1)[0], sample_rate, bands, columns=160)
    plt.imsave(
        path,
        picture,
        origin="lower",
        cmap="magma",
        vmin=picture.max() - range_db,
        vmax=picture.max(),
    )


def _mel_picture(mono: np.ndarray, sample_rate: int, bands: int, columns: int = 400) -> np.ndarray:
    """Mel spectrogram in dB of a wave [N]: [bands, about so many columns]."""
    n_fft = 2048
    hop = max(1, min(n_fft // 4, len(mono) // columns))
    padded = np.pad(mono, (0, max(0, n_fft - len(mono))))
    # SciPy's transform here: a picture should not compile a program for each length of sound.
    _, times, spectrum = scipy.signal.stft(padded, nperseg=n_fft, noverlap=n_fft - hop)
    spectrum = spectrum[:, times <= len(mono)]
    return 10 * np.log10(
        np.maximum(
            spectrogram.mel_filters(sample_rate, n_fft, bands).T @ np.abs(spectrum) ** 2, 1e-14
        )
    )


def loss_figure(rows: Sequence[Mapping[str, Any]]) -> plt.Figure:
    """Loss and its terms against evaluations, logarithmic. rows: of metrics.jsonl, several samples after one another."""
    figure, axis = plt.subplots(figsize=(6, 3.2), layout="constrained")
    for sample in sorted({row["sample"] for row in rows}):
        of_sample = [row for row in rows if row["sample"] == sample]
        evaluations = [row["evaluations"] for row in of_sample]
        axis.plot(
            evaluations,
            [row["loss"] for row in of_sample],
            color="black",
            label="loss" if sample == 0 else None,
        )
        for number, name in enumerate(
            of_sample[0]["terms"] if len(of_sample[0]["terms"]) > 1 else ()
        ):
            values = [row["terms"][name] or np.nan for row in of_sample]
            axis.plot(
                evaluations,
                values,
                color=f"C{number}",
                linewidth=1,
                label=name if sample == 0 else None,
            )
    axis.set(xlabel="evaluations", ylabel="loss", yscale="log")
    axis.grid(alpha=0.3)
    axis.legend(fontsize="small")
    return figure


def likeness_figure(times: np.ndarray, ratios: np.ndarray, names: Sequence[str]) -> plt.Figure:
    """How like a sound is to each ingredient over time: [P] in seconds, [P, R] ratios as of `quality.over_time`, and R names."""
    figure, axis = plt.subplots(figsize=(8, 3), layout="constrained")
    for name, values in zip(names, ratios.T, strict=True):
        axis.plot(times, values, marker="o", markersize=3, label=name)
    axis.axhline(1, color="black", linewidth=0.8, linestyle=":")
    axis.set(xlabel="time (s)", ylabel="distance; 1 = the recording's own halves", yscale="log")
    axis.grid(alpha=0.3)
    axis.legend(fontsize="small")
    return figure


def training_figure(
    rows: Sequence[Mapping[str, Any]], chance: float, baseline: float
) -> plt.Figure:
    """Accuracy on the fold held out and on the training clips, and the loss, by epoch; a colour a fold. rows: of metrics.jsonl of launch.train."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    for number, fold in enumerate(dict.fromkeys(row["fold"] for row in rows)):
        of_fold = [row for row in rows if row["fold"] == fold]
        epochs = [row["epoch"] for row in of_fold]
        style = {"color": f"C{number}", "marker": "o", "markersize": 3}
        left.plot(epochs, [row["accuracy"] for row in of_fold], label=f"fold {fold}", **style)
        left.plot(
            epochs,
            [row["fitted"] for row in of_fold],
            linestyle=":",
            linewidth=1,
            color=f"C{number}",
        )
        right.plot(epochs, [row["loss"] for row in of_fold], **style)
    left.plot([], [], linestyle=":", linewidth=1, color="black", label="training clips")
    left.axhline(baseline, color="black", linewidth=0.8, linestyle="--", label="nearest class mean")
    left.axhline(chance, color="black", linewidth=0.8, linestyle="-.", label="chance")
    left.set(xlabel="epoch", ylabel="accuracy on the fold held out", ylim=(0, 1.02))
    figure.legend(loc="outside right center", fontsize="small")
    right.set(xlabel="epoch", ylabel="training loss")
    for axis in (left, right):
        axis.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
        axis.grid(alpha=0.3)
    return figure


def confusion_figure(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> plt.Figure:
    """Clips of each class (rows) by the class they are taken for (columns); colours are shares of the row, numbers are clips."""
    counts = np.asarray(confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 2.5 + 0.35 * len(classes)
    figure, axis = plt.subplots(figsize=(side + 1, side), layout="constrained")
    shown = axis.imshow(shares, cmap="magma", vmin=0, vmax=1)
    places = np.arange(len(classes))
    axis.set_xticks(places, classes, rotation=90)
    axis.set_yticks(places, classes)
    axis.set(xlabel="taken for", ylabel="class")
    for (row, column), count in np.ndenumerate(counts):
        if count:
            axis.text(
                column,
                row,
                str(count),
                ha="center",
                va="center",
                fontsize="small",
                color="black" if shares[row, column] > 0.6 else "white",
            )
    figure.colorbar(shown, label="share of the class's clips", shrink=0.8)
    return figure


def configuration(config: Mapping[str, Any]) -> str:
    """The configuration as it stands in config.json, folded away."""
    return f"<details><summary>config.json</summary><pre>{html.escape(json.dumps(config, indent=2))}</pre></details>"


def table(rows: Sequence[Sequence[Any]], header: Sequence[str]) -> str:
    """An HTML table; numbers are given to four digits."""
    cell = lambda value: f"{value:.4g}" if isinstance(value, float) else html.escape(str(value))
    line = lambda values, tag: (
        "<tr>" + "".join(f"<{tag}>{cell(value)}</{tag}>" for value in values) + "</tr>"
    )
    return f"<table>{line(header, 'th')}{''.join(line(row, 'td') for row in rows)}</table>"
