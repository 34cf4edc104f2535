"""Judges textures against the recording they were made from.

    python -m launch.evaluate                          # two embedded rains and a noise, into output/evaluate; 5 s
    python -m launch.evaluate --reference=rain.wav --candidate=a.wav --candidate=b.wav --output_dir=output/rain-judged
    python -m launch.evaluate --reference=first_half.wav --heldout=second_half.wav --candidate=a.wav

Prints a table, a column a candidate and a row a measure with what is good, and writes quality.json (a row a candidate),
quality.html (players, spectrograms, levels by band), config.json and files.json, the record of
them, into --output_dir.
"""

import hashlib
import os

import jax
import numpy as np
from absl import flags

from audio_texture import audio, quality, sounds
from launch import cli, configs, errors, inputs, messages, paths, run_io, runs

_REFERENCE = paths.define_path(
    "reference", None, "Sound file to judge against, at least 1 s; an embedded rain if left out."
)
_CANDIDATE = paths.define_paths(
    "candidate", None, "Sound file to judge, at least 1 s; repeat for several."
)
_HELDOUT = paths.define_path(
    "heldout",
    None,
    "Second half of a recording whose first half is --reference: adds heldout_* measures.",
)
_OUTPUT_DIR = paths.define_path("output_dir", "output/evaluate", "Folder for the results.")
_OVERWRITE = flags.DEFINE_bool(
    "overwrite", False, "Whether an earlier run in --output_dir may be replaced."
)

RESULTS = ("quality.json", "quality.html")


def main() -> int:
    if bool(_REFERENCE.value) != bool(_CANDIDATE.value):
        raise errors.UserError(
            "--reference and --candidate: give both, or neither for the embedded sounds."
        )
    if _HELDOUT.value and not _REFERENCE.value:
        raise errors.UserError(
            f"--heldout: {_HELDOUT.value!r} needs the first half as --reference."
        )
    inputs = [
        path for path in (_REFERENCE.value, *(_CANDIDATE.value or ()), _HELDOUT.value) if path
    ]
    record = run_io.check_output_folder(
        _OUTPUT_DIR.value,
        names=(run_io.CONFIG, *RESULTS),
        inputs=inputs,
        overwrite=_OVERWRITE.value,
    )
    if _REFERENCE.value:
        reference = (_REFERENCE.value, *_read("reference", _REFERENCE.value, trim=True))
        candidates = [(path, *_read("candidate", path)) for path in _CANDIDATE.value]
    else:
        reference, *candidates = _embedded()
    heldout = (
        (_HELDOUT.value, *_read("heldout", _HELDOUT.value, trim=True)) if _HELDOUT.value else None
    )
    config = {
        "program": "evaluate",
        "sounds": {
            name: hashlib.sha256(wave.tobytes()).hexdigest()
            for name, wave, _ in (reference, *candidates, *([heldout] if heldout else []))
        },
        "versions": configs.versions(),
    }
    messages.say_held()

    rows = []
    for name, wave, rate in candidates:
        row = {
            "candidate": name,
            **quality.evaluate(wave, reference[1], sample_rate=reference[2], candidate_rate=rate),
        }
        if heldout:
            second = audio.resample(heldout[1], heldout[2], reference[2])
            found = quality.held_out(
                wave, reference[1], second, sample_rate=reference[2], candidate_rate=rate
            )
            row |= {f"heldout_{measure}": value for measure, value in found.items()}
        rows.append(row)
    messages.show(quality.describe(rows))

    output = run_io.claim(
        _OUTPUT_DIR.value, record, program="evaluate", first={run_io.CONFIG: config}
    )
    output.write_json("quality.json", rows)
    return runs.write_report(
        output,
        "quality.html",
        lambda: _page(reference, candidates, rows),
        0,
        "players, spectrograms, levels by band",
    )


def _read(flag: str, path: str, *, trim: bool = False) -> tuple[np.ndarray, int]:
    """A sound that can be judged. Padding at the ends of a reference is no part of it; in a candidate it is a defect."""
    with errors.naming_flag(flag):
        recording = audio.read_recording(path)
        wave, rate = recording.wave, recording.sample_rate
        audio.check_audible(wave, repr(path))
        wave = audio.trim_silence(wave) if trim else wave
        messages.hold_notes(flag, path, recording.notes)
        messages.hold(inputs.describe_use(path, recording, wave.shape[1]))
        quality.check(wave, sample_rate=rate, name=repr(path))
    return wave, rate


def _embedded() -> list[tuple[str, np.ndarray, int]]:
    """A rain, another rain, and noise with the rain's spectrum, 4 s each: what good and bad scores look like."""
    one, other = (sounds.make("rain", jax.random.key(seed), 4.0, 22050)[None] for seed in (0, 1))
    return [
        ("embedded rain", one, 22050),
        ("another rain", other, 22050),
        ("noise of its spectrum", quality.noise_like(one, seed=2), 22050),
    ]


def _page(reference, candidates, rows) -> str:
    # Matplotlib takes a second to import, which bad input need not wait for.
    from audio_texture import report

    shown = [(os.path.basename(name), wave, rate) for name, wave, rate in (reference, *candidates)]
    rate = min([quality.WORKING_RATE, *(rate for _, _, rate in shown)])
    figure, axis = report.plt.subplots(figsize=(9, 3.6), layout="constrained")
    for name, wave, its_rate in shown:
        levels = quality.band_levels(
            quality.prepare(wave, sample_rate=its_rate, rate=rate), sample_rate=rate
        )
        axis.semilogx(*levels, label=name)
    axis.set(xlabel="third octave (Hz)", ylabel="share of the power (dB)")
    axis.legend(fontsize="small")
    measures = [measure for measure in rows[0] if measure != "candidate"]
    table = [
        [measure, *(row[measure] for row in rows), quality.meaning(measure)] for measure in measures
    ]
    return report.page(
        "Quality",
        f"{len(rows)} judged against {shown[0][0]}",
        [
            ("Sounds", report.players(shown)),
            (
                "Measures",
                report.table(table, ["", *(name for name, _, _ in shown[1:]), "what is good"]),
            ),
            (
                "Spectrograms",
                report.image(
                    report.spectrogram_figure(shown),
                    "spectrograms of the reference and the candidates",
                ),
            ),
            ("Levels by band", report.image(figure, "long-term levels in third octaves")),
        ],
    )


if __name__ == "__main__":
    cli.run_main(main)
