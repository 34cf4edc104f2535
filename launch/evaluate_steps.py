"""The steps of a run of launch.evaluate: sounds, their measures, and the page about them."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from audio_texture import audio, metrics, report, sounds
from launch.errors import naming_flag
from launch.messages import hold, hold_notes
from launch.recordings import describe_use

Sound = tuple[str, np.ndarray, int]  # path or title, wave [C, N], sample rate in Hz


class Sounds(NamedTuple):
    """What a run compares."""

    reference: Sound
    candidates: list[Sound]
    heldout: Sound | None = None


def read_sounds(values: Mapping[str, Any]) -> Sounds:
    """The sounds that the flags name, or embedded ones. UserError where a sound cannot be measured.

    values: of all flags.
    """
    if not values["reference"]:
        return _make_embedded()
    # Silence at the ends of a reference is padding; in a candidate it is a defect.
    reference = _read_sound("reference", values["reference"], trim=True)
    candidates = [_read_sound("candidate", path) for path in values["candidate"]]
    heldout = _read_sound("heldout", values["heldout"], trim=True) if values["heldout"] else None
    return Sounds(reference, candidates, heldout)


def _read_sound(flag: str, path: str, *, trim: bool = False) -> Sound:
    with naming_flag(flag):
        recording = audio.read_recording(path)
        wave, sample_rate = recording.wave, recording.sample_rate
        audio.check_audible(wave, repr(path))
        span = audio.find_sound(wave) if trim else (0, wave.shape[1])
        wave = wave[:, slice(*span)]
        hold_notes(flag, path, recording.notes)
        hold(describe_use(path, recording, span))
        metrics.check_sound(wave, sample_rate=sample_rate, name=repr(path))
    return path, wave, sample_rate


def _make_embedded() -> Sounds:
    """A rain, another rain, and noise with the rain's spectrum, 4 s each: good and bad scores."""
    rain, other = (sounds.make("rain", jax.random.key(seed), 4.0, 22050)[None] for seed in (0, 1))
    noise = metrics.shape_noise(rain, seed=2)
    return Sounds(
        ("embedded rain", rain, 22050),
        [("another rain", other, 22050), ("noise of its spectrum", noise, 22050)],
    )


def digest_sounds(sounds: Sounds) -> dict[str, str]:
    """SHA-256 of each sound's samples, by its name."""
    heldout = [sounds.heldout] if sounds.heldout else []
    return {
        name: hashlib.sha256(wave.tobytes()).hexdigest()
        for name, wave, _ in (sounds.reference, *sounds.candidates, *heldout)
    }


def measure(sounds: Sounds) -> list[dict[str, Any]]:
    """The rows of quality.json, one for each candidate."""
    _, reference, sample_rate = sounds.reference
    rows = []
    for name, wave, candidate_rate in sounds.candidates:
        rates = {"sample_rate": sample_rate, "candidate_rate": candidate_rate}
        row = {"candidate": name, **metrics.evaluate(wave, reference, **rates)}
        if sounds.heldout:
            _, second, second_rate = sounds.heldout
            second = audio.resample(second, second_rate, sample_rate)
            heldout = metrics.evaluate_heldout(wave, reference, second, **rates)
            row |= {f"heldout_{measure}": value for measure, value in heldout.items()}
        rows.append(row)
    return rows


def render_page(sounds: Sounds, rows: Sequence[Mapping[str, Any]]) -> str:
    """quality.html: players, measures, spectrograms and levels by band."""
    named = [
        (os.path.basename(name), wave, sample_rate)
        for name, wave, sample_rate in (sounds.reference, *sounds.candidates)
    ]
    names = [measure for measure in rows[0] if measure != "candidate"]
    table = [[name, *(row[name] for row in rows), metrics.explain_measure(name)] for name in names]
    header = ["", *(name for name, _, _ in named[1:]), "what is good"]
    sections = [
        ("Sounds", report.embed_players(named)),
        ("Measures", f'<div class="words scroll">{report.format_table(table, header)}</div>'),
        ("Spectrograms, on one scale", report.embed_spectrograms(named)),
        *report.comparison_section(named),
    ]
    return report.render_page("Quality", f"{len(rows)} judged against {named[0][0]}", sections)
