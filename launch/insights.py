"""Runs the paper's conclusions as experiments: a figure, numbers with intervals over seeds, and a verdict for each.

    python -m launch.insights --quick                              # all of them small, on procedural sounds: under ten minutes
    python -m launch.insights --data=esc10 --output_dir=output/insights-full        # at length, real recordings too
    python -m launch.insights --figure=filters --figure=receptive-field --seeds=10
    python -m launch.insights --figure=weights --vgg19=vgg19.pth   # ImageNet weights too, from a file of yours

Writes NAME.png and NAME.json (numbers, intervals, verdict, settings) of each figure as soon as it is done, and insights.html with
all that are there, into --output_dir, with files.json, the record of them. Ctrl-C loses the figure
at hand alone: --resume goes on with those that are missing.
"""

import contextlib
import hashlib
import html
import os
import time
from typing import Any

from absl import flags

from audio_texture import datasets, files
from launch import cli, configs, errors, flag_checks, inputs, messages, paths, run_io, runs

# Known without an import of the experiments, which takes seconds that --help and bad input need not wait for.
NAMES = (
    "shifts",
    "networks",
    "permutation",
    "carried",
    "inversion",
    "weights",
    "receptive-field",
    "transposition",
    "filters",
    "starts",
    "phases",
)

# Figures that use no recordings.
PROCEDURAL = ("carried", "inversion", "receptive-field", "transposition")

_FIGURE = flags.DEFINE_multi_enum(
    "figure", None, NAMES, "Experiment to run; repeat for several. Default: all."
)
_QUICK = flags.DEFINE_bool(
    "quick", False, "Whether to run everything small: short sounds, few evaluations."
)
_SEEDS = flags.DEFINE_integer(
    "seeds",
    5,
    "Seeds of sounds, filters and starts that intervals are taken over.",
    lower_bound=5,
    upper_bound=1000,
)
_DATA = paths.define_path(
    "data",
    None,
    "Folder of recordings, as of launch.train, such as ESC-10; procedural sounds alone if left out.",
)
_VGG19 = paths.define_path(
    "vgg19",
    None,
    "File of ImageNet weights of VGG-19 (.pth, .safetensors, .npz, .h5) for the figure weights; left out there if not given.",
)
_OUTPUT_DIR = paths.define_path("output_dir", "output/insights", "Folder for the results.")
_OVERWRITE = flags.DEFINE_bool(
    "overwrite", False, "Whether an earlier run in --output_dir may be replaced."
)
_RESUME = flags.DEFINE_bool(
    "resume",
    False,
    "Whether to keep the figures that are in --output_dir and add those that are missing.",
)

PAGE = "insights.html"


def main() -> int:
    figures = list(dict.fromkeys(_FIGURE.value or NAMES))
    flag_checks.check_run_flags(*cli.parsed())
    flag_checks.refuse_if(
        cli.parsed()[1],
        {
            "vgg19": (
                "weights" not in figures,
                "it is for the figure weights, which is not asked for",
            ),
            "data": (
                not set(figures) - set(PROCEDURAL),
                f"of {', '.join(figures)} all is shown on procedural sounds",
            ),
        },
    )
    clips = []
    if _DATA.value:
        with errors.naming_flag("data"):
            listing = datasets.scan_dataset(_DATA.value)
            clips = listing.clips
        for line in datasets.describe_exceptions(listing):
            messages.hold(f"--data: {line}")
        messages.hold(
            f"--data: {len(clips)} recordings; each figure takes stretches from the beginnings of some of them, others for each seed"
        )
    if _VGG19.value:
        check_vgg19(_VGG19.value)
    recordings = tuple(clip.path for clip in clips)
    config = {
        "quick": _QUICK.value,
        "seeds": _SEEDS.value,
        "data": _DATA.value,
        "recordings": hashlib.sha256(
            "\n".join(os.path.relpath(path, _DATA.value) for path in recordings).encode()
        ).hexdigest()
        if recordings
        else None,
        "vgg19": _VGG19.value and inputs.digest(_VGG19.value),
        "versions": configs.versions(),
    }
    folder = _OUTPUT_DIR.value
    names = [
        run_io.CONFIG,
        PAGE,
        *(f"{name}.{ending}" for name in figures for ending in ("png", "json")),
    ]
    inputs = [*recordings, *([_VGG19.value] if _VGG19.value else [])]
    record = run_io.check_output_folder(
        folder, names=names, inputs=inputs, overwrite=_OVERWRITE.value, resume=_RESUME.value
    )
    if _RESUME.value:
        run_io.check_resumable(folder, record, config, program="insights")
    output = run_io.claim(
        folder, record, program="insights", first={run_io.CONFIG: config}, resume=_RESUME.value
    )

    messages.say_held()
    from audio_texture import insights

    settings = insights.Settings(
        tuple(range(_SEEDS.value)), _QUICK.value, recordings, _VGG19.value or ""
    )
    for number, name in enumerate(figures, start=1):
        if done(output, name):
            messages.say(f"{name}: done before")
            continue
        messages.say(f"{name}: {number} of {len(figures)} ...")
        try:
            found = run(name, insights.FIGURES[name], settings, config, output)
        except KeyboardInterrupt:
            messages.say(f"interrupted at {name}; --resume goes on from there")
            return 130
        messages.say(f"{name}: {found['verdict']} ({found['seconds']:.0f} s). {found['sentence']}")
        write_page(output, config)
    return write_page(output, config, "claims, figures, numbers and verdicts")


def done(output: run_io.Output, name: str) -> dict[str, Any] | None:
    """What a figure's JSON holds; None where it or the picture is missing or not whole, and the
    figure has to be made again.
    """
    if output.is_whole(f"{name}.png") and output.is_whole(f"{name}.json"):
        with contextlib.suppress(ValueError):
            return configs.read_json(output.path(f"{name}.json"))
    return None


def check_vgg19(path: str) -> None:
    """Ends the program where the file holds no weights of VGG-19."""
    from audio_texture import weights

    with errors.naming_flag("vgg19"):
        description, _ = weights.load(path)
        if not description.kind.startswith("vgg19"):
            raise ValueError(
                f"{path!r} holds weights of a {description.kind} network, and must hold those of VGG-19."
            )


def run(
    name: str, experiment: Any, settings: Any, config: dict[str, Any], output: run_io.Output
) -> dict[str, Any]:
    """Measures, judges and draws one figure and writes its two files; returns what the JSON holds."""
    from audio_texture import report

    began = time.monotonic()
    numbers = experiment.measure(settings)
    verdict = experiment.judge(numbers)
    found = {
        "figure": name,
        "claim_number": experiment.claim,
        **experiment.described(),
        "verdict": verdict.verdict,
        "sentence": verdict.sentence,
        "intervals": {key: value._asdict() for key, value in verdict.intervals.items()},
        "seconds": time.monotonic() - began,
        "config": config,
        "numbers": numbers,
    }
    picture = report.png(experiment.draw(numbers))
    output.save(f"{name}.png", lambda path: files.write_bytes(path, picture))
    output.write_json(f"{name}.json", found)
    return found


def write_page(output: run_io.Output, config: dict[str, Any], contents: str = "") -> int:
    """Writes insights.html; the exit status."""
    return runs.write_report(output, PAGE, lambda: page_of(output, config), 0, contents)


def page_of(output: run_io.Output, config: dict[str, Any]) -> str:
    """insights.html, of all figures that are done."""
    from audio_texture import report

    found = [figure for figure in (done(output, name) for name in NAMES) if figure]
    table = report.table(
        [
            [f"{each['claim_number']}. {each['claim']}", each["verdict"], each["sentence"]]
            for each in found
        ],
        ["claim", "verdict", "numbers: mean over seeds [95 % interval]"],
    )
    sections = [("Verdicts", f'<div class="words">{table}</div>')]
    for each in found:
        with open(output.path(f"{each['figure']}.png"), "rb") as file:
            picture = report.inline(file.read(), f"figure {each['figure']}")
        lines = [
            f"<p><b>{label}.</b> {html.escape(each[key])}</p>"
            for key, label in (
                ("claim", "Claim"),
                ("source", "Source"),
                ("method", "Method"),
                ("rule", "Rule"),
            )
        ]
        intervals = report.table(
            [
                [key, value["mean"], value["low"], value["high"]]
                for key, value in each["intervals"].items()
            ],
            ["number", "mean", "low", "high"],
        )
        verdict = f"<p><b>Verdict: {each['verdict']}.</b> {html.escape(each['sentence'])}</p>"
        sections.append(
            (
                f"{each['claim_number']}. {each['figure']}",
                "".join(lines)
                + picture
                + verdict
                + f"<details><summary>numbers</summary>{intervals}</details>",
            )
        )
    sounds = "procedural sounds and recordings" if config["data"] else "procedural sounds"
    minutes = sum(each["seconds"] for each in found) / 60
    summary = f"{'Quick' if config['quick'] else 'Full'} run over {config['seeds']} seeds, on {sounds}; {minutes:.1f} minutes. Each verdict follows from its numbers by the rule that stands with it."
    return report.page(
        "What the paper concludes, as experiments",
        summary,
        [*sections, ("Configuration", report.configuration(config))],
    )


if __name__ == "__main__":
    cli.run_main(main)
