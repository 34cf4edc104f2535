"""The steps of a run of launch.evaluate: sounds, their measures, and the page about them."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from audio_texture import audio, metrics, report, sounds
from launch import verdicts
from launch.errors import naming_flag
from launch.messages import hold, hold_notes
from launch.recordings import describe_use

Sound = tuple[str, np.ndarray, int]  # path or title, wave [C, N], sample rate in Hz


# Whose flags the advice of a verdict names.
MADE_BY = "launch.texture"


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
        ("built-in rain", rain, 22050),
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


def give_verdicts(sounds: Sounds, rows: Sequence[Mapping[str, Any]]) -> list[report.Judged]:
    """The verdict on each candidate, under the shortest name that tells it from the others.

    rows: of `measure`.
    """
    names = _name_sounds(sounds)[1:]
    judged = []
    for name, row in zip(names, rows, strict=True):
        measured = {key: row[key] for key in row if key != "candidate"}
        verdict = verdicts.advise_for_file(row["candidate"], metrics.give_verdict(measured))
        judged.append(report.Judged(name, verdict, measured))
    return judged


def _name_sounds(sounds: Sounds) -> list[str]:
    """The shortest names that tell the reference and the candidates apart."""
    return report.name_apart([name for name, _, _ in (sounds.reference, *sounds.candidates)])


def render_page(sounds: Sounds, judged: Sequence[report.Judged]) -> str:
    """quality.html: verdicts with all measures, players, spectrograms and levels by band."""
    names = _name_sounds(sounds)
    named = [(f"reference: {names[0]}", *sounds.reference[1:])]
    choices = {}
    for name, (path, wave, sample_rate) in zip(names[1:], sounds.candidates, strict=True):
        named.append((name, wave, sample_rate))
        choices[name] = path
    sections = [
        report.verdict_section(judged, program=MADE_BY, unfolded=True),
        ("Listen", report.embed_players(named, choices=choices)),
        ("Spectrograms, on one scale", report.embed_spectrograms(named)),
        *report.comparison_section(named),
    ]
    return report.render_page("Quality", f"{len(judged)} judged against {names[0]}", sections)
