"""The players of a page: each sound as it is, and all of them compared at one level.

The comparison is made by listen.js; readers without scripts have the players alone.
"""

import html
import os
import pathlib
import types
import urllib.parse
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from audio_texture import audio
from audio_texture.report.html_page import HIGHEST_RATE, Sound, embed_player

# A sound is turned down by at most this, dB: beside a sound that is hardly heard, the others stay
# audible.
_MOST_DB = 20.0
# Below this a difference of levels is not worth a word, dB.
_LEAST_DB = 0.5


def embed_players(
    sounds: Sequence[Sound],
    *,
    loops: Collection[str] = (),
    choices: Mapping[str, str] = types.MappingProxyType({}),
) -> str:
    """A titled player for each sound, side by side, and above them a comparison at one level.

    The comparison switches between the sounds at the same moment. It is left out where there is
    one sound that is no loop.

    Args:
      sounds: the reference first.
      loops: titles of the sounds whose end flows into their beginning.
      choices: of each sound from which the reader is to choose, by title: what the page says of the
        chosen one, such as its file and seed. With fewer than two there is no choice.

    Example:
      >>> wave = np.full((1, 800), 0.1)
      >>> page = embed_players([("input", 2 * wave, 8000), ("texture.wav", wave, 8000)])
      >>> "“input” by 6.0 dB" in page
      True
    """
    choices = choices if len(choices) > 1 else {}
    decibels = level_offsets(sounds)
    cells = []
    for (title, wave, sample_rate), offset in zip(sounds, decibels, strict=True):
        attributes = {
            "data-title": title,
            "data-gain": f"{10 ** (offset / 20):.4f}",
            "data-rate": str(min(sample_rate, HIGHEST_RATE)),
        }
        if title in loops:
            attributes["loop"] = "loop"
        if title in choices:
            attributes["data-choice"] = choices[title]
        player = embed_player(wave, sample_rate, attributes)
        cells.append(f"<div><b>{html.escape(title)}</b><br>{player}</div>")
    players = f'<div class="sounds">{"".join(cells)}</div>'
    if len(sounds) < 2 and not loops:
        return players
    comparison = _comparison(sounds, decibels, loops=bool(loops), choosing=bool(choices))
    return f'<div class="listen">{comparison}{players}</div>'


def level_offsets(sounds: Sequence[Sound]) -> list[float]:
    """By how much each sound is turned down to be as loud as the quietest, in dB; at most 0.

    Levels are root mean squares above 20 Hz. Silent sounds stay as they are and do not count.

    Example:
      >>> wave = np.full((1, 800), 0.1)
      >>> offsets = level_offsets([("", 2 * wave, 8000), ("", wave, 8000), ("", 0 * wave, 8000)])
      >>> [round(offset, 1) for offset in offsets]
      [-6.0, 0.0, 0.0]
    """
    levels = [audio.audible_rms(wave, sample_rate=rate) for _, wave, rate in sounds]
    decibels = [20 * np.log10(level) if level > 1e-6 else None for level in levels]
    audible = [level for level in decibels if level is not None]
    if not audible:
        return [0.0] * len(sounds)
    lowest = max(min(audible), max(audible) - _MOST_DB)
    return [0.0 if level is None else min(0.0, float(lowest - level)) for level in decibels]


def embed_whole_file(path: str, seconds: float, *, loop: bool = False) -> str:
    """A player of a file beside the page, by a relative link, and a line that says so.

    Args:
      path: of the file, in the page's folder.
      seconds: its length.
      loop: whether it is played round.

    Example:
      >>> embed_whole_file("out/a b.wav", 61.5)[-59:]
      '<audio controls preload="none" src="a%20b.wav"></audio></p>'
    """
    name = os.path.basename(path)
    link = urllib.parse.quote(name)
    return (
        f'<p>The whole file, {_format_length(seconds)}: <a href="{link}">{html.escape(name)}</a>, '
        "which plays here while it stays in the folder of this page.<br>"
        f'<audio controls preload="none"{" loop" if loop else ""} src="{link}"></audio></p>'
    )


def name_apart(paths: Sequence[str]) -> list[str]:
    """The name of each file, with as many of its folders as tell it from the others.

    A path that is there twice is numbered.

    Example:
      >>> name_apart(["a/rain.wav", "b/rain.wav", "b/fire.wav"])
      ['a/rain.wav', 'b/rain.wav', 'fire.wav']
      >>> name_apart(["rain.wav", "rain.wav"])
      ['rain.wav (1)', 'rain.wav (2)']
    """
    parts = [pathlib.PurePath(os.path.normpath(path)).parts for path in paths]
    names = []
    for own in parts:
        length = 1
        others = [other for other in parts if other != own]
        while length < len(own) and any(other[-length:] == own[-length:] for other in others):
            length += 1
        names.append("/".join(own[-length:]).replace("//", "/"))
    return [
        f"{name} ({names[: i + 1].count(name)})" if names.count(name) > 1 else name
        for i, name in enumerate(names)
    ]


def _comparison(
    sounds: Sequence[Sound], decibels: Sequence[float], *, loops: bool, choosing: bool
) -> str:
    """The controls that listen.js shows and fills."""
    turned = [
        f"“{html.escape(title)}” by {-offset:.1f} dB"
        for (title, _, _), offset in zip(sounds, decibels, strict=True)
        if offset <= -_LEAST_DB
    ]
    text = ""
    if len(sounds) > 1:
        text = (
            "<kbd>X</kbd> or a button switches to another sound at the same moment; "
            "<kbd>P</kbd> plays and stops. "
        )
        if turned:
            text += f"All play at the same level; turned down: {', '.join(turned)}."
        else:
            text += "All have the same level."
        if min(decibels) <= -_MOST_DB:
            text += f" None is turned down by more than {_MOST_DB:g} dB."
        text += " A sound that is shorter than the others is repeated."
    if loops:
        text += " The loop plays round without a gap."
    keep = '<button type="button" class="keep">Choose this one</button> ' if choosing else ""
    choice = f'<p>{keep}<output class="chosen"></output></p>' if choosing else ""
    tour = '<label><input type="checkbox" class="tour"> one after the other</label>'
    return (
        '<div class="compare" hidden><p class="picks"></p>'
        '<p class="transport"><button type="button" class="play">Play</button>'
        '<input type="range" class="position" min="0" max="1" step="any" value="0" '
        'aria-label="position"><output class="clock"></output>'
        f"{tour if len(sounds) > 1 else ''}</p>"
        f'{choice}<p class="note">{text} Below, each sound plays as it is.</p></div>'
    )


def _format_length(seconds: float) -> str:
    """A length as people say it.

    Example:
      >>> _format_length(3661.0), _format_length(12.34)
      ('61 min 1 s', '12.3 s')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"
