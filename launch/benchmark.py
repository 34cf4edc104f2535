"""Measures speed and memory, with speeds relative to the first row of each case.

All cases, a quarter of an hour on two cores; then one of them, half a minute:
    python -m launch.benchmark
    python -m launch.benchmark --cases=style-distance
    python -m launch.benchmark --cases=texture --input=rain.wav

Writes benchmark.json, and files.json (which lists it), into --output_dir: rows {"case", "name",
"shape", "compile_s", "run_ms", "peak_mb", "ratio"}; ratio is the time of the case's first row
divided by this row's, and every row runs in a process of its own, so that its peak is its own.

style-distance  value and gradient of the Gram distance at 513 bins x 431 frames, width 11: of 4096
                explicit filters by their Grams, by frames x frames, in closed form; and six
                frames x frames matmuls, the closed form's floor.
texture         `python -m launch.texture` from the shell to files, with an empty and a filled
                compilation cache, and long results.
generators      a texture of 4 s at 22.05 kHz by the optimiser (`evaluation_ms` is one of its
                evaluations), an evaluation of a generator's training, sound made by a generator in
                blocks of 4 s and of 20 ms, and shuffled grains; the last three on one core.
phase           magnitudes of 5 s to a wave; `convergence` is the spectral convergence reached.
"""

from launch import cli

if __name__ == "__main__":
    # Before the imports below: Ctrl-C during them ends in one line too.
    cli.run("benchmark")

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from audio_texture import audio
from launch import flag_checks, flags, interrupts, messages, run_io
from launch.benchmark_cases import CASES, fresh_processes, measure_row
from launch.errors import naming_flag
from launch.flag_set import FlagSet
from launch.inputs import EMBEDDED, read_sound

RESULT = "benchmark.json"


def define_flags(flag_set: FlagSet) -> None:
    """Defines the program's flags."""
    flag_set.define_enums("cases", CASES, CASES, "Case to measure; repeat for several.")
    text = "Sound for the case texture."
    flag_set.define_path("input", f"{EMBEDDED}rain", text)
    flags.define_output_flags(flag_set, "benchmark", RESULT)


def main(values: Mapping[str, Any], given: Collection[str] = ()) -> int:
    """Measures the cases; the exit status.

    Args:
      values: of all flags.
      given: names of the flags on the command line.
    """
    cases, source, folder = values["cases"], values["input"], values["output_dir"]
    reason = "it is for the case texture, which is not asked for"
    flag_checks.refuse_if(given, {"input": ("texture" not in cases, reason)})
    record = run_io.check_output_folder(
        folder, names=[RESULT], inputs=[source], overwrite=values["overwrite"]
    )
    with naming_flag("input"):
        if source.startswith(EMBEDDED):
            read_sound(source, start=0, seconds=1)
        else:
            audio.read(source)
    try:
        rows = _measure_rows(cases, source)
    except KeyboardInterrupt:
        messages.say("interrupted; nothing was made: benchmark.json has all rows or none")
        return interrupts.STATUS
    output = run_io.claim(folder, record, program="benchmark", first={})
    output.write_json(RESULT, rows)
    return int(output.failed)


def _measure_rows(cases: Sequence[str], source: str) -> list[dict[str, Any]]:
    """The rows of all cases; shows every row when it is measured."""
    rows: list[dict[str, Any]] = []
    with fresh_processes() as processes:
        for case in cases:
            first_ms = None
            for name in CASES[case][1]:
                messages.doing(f"{case}: {name}")
                arguments = (source,) if case == "texture" else ()
                row = processes.submit(measure_row, case, name, *arguments).result()
                first_ms = first_ms or row["run_ms"]
                rows.append(row | {"ratio": first_ms / row["run_ms"]})
                _show_row(rows[-1])
    return rows


def _show_row(row: Mapping[str, Any]) -> None:
    seconds = row["compile_s"]
    compiled = "" if seconds is None else f"compiled in {seconds:.2f} s, "
    speed = f", {row['times_real_time']:.3g} x real time" if "times_real_time" in row else ""
    messages.show(
        f"{row['case']:15} {row['name']:26} {compiled}{row['run_ms']:.1f} ms, "
        f"x{row['ratio']:.2f}{speed}, peak {row['peak_mb']:.0f} MB"
    )
