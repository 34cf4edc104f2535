"""Runs the paper's conclusions as experiments: a figure, numbers with intervals over seeds, and a verdict for each.

    python -m launch.insights --quick                              # all of them small, on procedural sounds: under ten minutes
    python -m launch.insights --data=esc10 --output_dir=output/insights-full        # at length, real recordings too
    python -m launch.insights --figure=filters --figure=receptive-field --seeds=10
    python -m launch.insights --figure=weights --vgg19=vgg19.pth   # ImageNet weights too, from a file of yours

Writes NAME.png and NAME.json (numbers, intervals, verdict, settings) of each figure as soon as it is done, and insights.html with
all that are there, into --output_dir. Ctrl-C loses the figure at hand alone: --resume goes on with those that are missing.
"""

import hashlib
import html
import os
import time
from typing import Any

from absl import flags

from audio_texture import training
from launch import cli, given

# Known without an import of the experiments, which takes seconds that --help and bad input need not wait for.
NAMES = ("shifts", "networks", "permutation", "carried", "inversion", "weights", "receptive-field", "transposition", "filters", "starts", "phases")

# Figures that use no recordings.
PROCEDURAL = ("carried", "inversion", "receptive-field", "transposition")

_FIGURE = flags.DEFINE_multi_enum("figure", None, NAMES, "Experiment to run; repeat for several. Default: all.")
_QUICK = flags.DEFINE_bool("quick", False, "Whether to run everything small: short sounds, few evaluations.")
_SEEDS = flags.DEFINE_integer("seeds", 5, "Seeds of sounds, filters and starts that intervals are taken over.", lower_bound=5, upper_bound=1000)
_DATA = cli.define_path("data", None, "Folder of recordings, as of launch.train, such as ESC-10; procedural sounds alone if left out.")
_VGG19 = cli.define_path("vgg19", None, "File of ImageNet weights of VGG-19 (.pth, .safetensors, .npz, .h5) for the figure weights; left out there if not given.")
_OUTPUT_DIR = cli.define_path("output_dir", "output/insights", "Folder for the results.")
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Whether an earlier run in --output_dir may be replaced.")
_RESUME = flags.DEFINE_bool("resume", False, "Whether to keep the figures that are in --output_dir and add those that are missing.")

FILES = ("config.json", "insights.html", *(f"{name}.{ending}" for name in NAMES for ending in ("png", "json")))


def main() -> int:
    figures = list(dict.fromkeys(_FIGURE.value or NAMES))
    given.check_run_flags()
    given.refuse_if({
        "vgg19": ("weights" not in figures, "it is for the figure weights, which is not asked for"),
        "data": (not set(figures) - set(PROCEDURAL), f"of {', '.join(figures)} all is shown on procedural sounds"),
    })
    clips = []
    if _DATA.value:
        with cli.naming("data"):
            clips, _ = training.list_clips(_DATA.value)
    if _VGG19.value:
        check_vgg19(_VGG19.value)
    recordings = tuple(clip.path for clip in clips)
    config = {
        "quick": _QUICK.value,
        "seeds": _SEEDS.value,
        "data": _DATA.value,
        "recordings": hashlib.sha256("\n".join(os.path.relpath(path, _DATA.value) for path in recordings).encode()).hexdigest() if recordings else None,
        "vgg19": _VGG19.value and cli.digest(_VGG19.value),
        "versions": cli.versions(),
    }
    folder = _OUTPUT_DIR.value
    cli.check_output_folder(folder, overwrite=_OVERWRITE.value or _RESUME.value)
    if _RESUME.value:
        cli.check_resumable(folder, config)
    cli.make_output_folder(folder, earlier=() if _RESUME.value else FILES)
    cli.write_json(os.path.join(folder, "config.json"), config)

    from audio_texture import insights

    settings = insights.Settings(tuple(range(_SEEDS.value)), _QUICK.value, recordings, _VGG19.value or "")
    for number, name in enumerate(figures, start=1):
        if os.path.exists(os.path.join(folder, f"{name}.json")):
            cli.say(f"{name}: done before")
            continue
        cli.say(f"{name}: {number} of {len(figures)} ...")
        try:
            found = run(name, insights.FIGURES[name], settings, config, folder)
        except KeyboardInterrupt:
            cli.say(f"interrupted at {name}; --resume goes on from there")
            return 130
        cli.say(f"{name}: {found['verdict']} ({found['seconds']:.0f} s). {found['sentence']}")
        write_page(folder, config)
    write_page(folder, config)
    cli.say(f"{os.path.join(folder, 'insights.html')}: claims, figures, numbers and verdicts")
    return 0


def check_vgg19(path: str) -> None:
    """Ends the program where the file holds no weights of VGG-19."""
    from audio_texture import weights

    with cli.naming("vgg19"):
        description, _ = weights.load(path)
        if not description.kind.startswith("vgg19"):
            raise ValueError(f"{path!r} holds weights of a {description.kind} network, and must hold those of VGG-19.")


def run(name: str, experiment: Any, settings: Any, config: dict[str, Any], folder: str) -> dict[str, Any]:
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
    picture = os.path.join(folder, f"{name}.png")
    with open(picture + ".partial", "wb") as file:
        file.write(report.png(experiment.draw(numbers)))
    os.replace(picture + ".partial", picture)
    # Last: where it is, the figure is done.
    cli.write_json(os.path.join(folder, f"{name}.json"), found)
    return found


def write_page(folder: str, config: dict[str, Any]) -> None:
    """insights.html, of all figures that are done."""
    from audio_texture import report

    found = [cli.read_json(os.path.join(folder, f"{name}.json")) for name in NAMES if os.path.exists(os.path.join(folder, f"{name}.json"))]
    table = report.table([[f"{each['claim_number']}. {each['claim']}", each["verdict"], each["sentence"]] for each in found], ["claim", "verdict", "numbers: mean over seeds [95 % interval]"])
    sections = [("Verdicts", f'<div class="words">{table}</div>')]
    for each in found:
        with open(os.path.join(folder, f"{each['figure']}.png"), "rb") as file:
            picture = report.inline(file.read(), f"figure {each['figure']}")
        lines = [f"<p><b>{label}.</b> {html.escape(each[key])}</p>" for key, label in (("claim", "Claim"), ("source", "Source"), ("method", "Method"), ("rule", "Rule"))]
        intervals = report.table([[key, value["mean"], value["low"], value["high"]] for key, value in each["intervals"].items()], ["number", "mean", "low", "high"])
        verdict = f"<p><b>Verdict: {each['verdict']}.</b> {html.escape(each['sentence'])}</p>"
        sections.append((f"{each['claim_number']}. {each['figure']}", "".join(lines) + picture + verdict + f"<details><summary>numbers</summary>{intervals}</details>"))
    sounds = "procedural sounds and recordings" if config["data"] else "procedural sounds"
    minutes = sum(each["seconds"] for each in found) / 60
    summary = f"{'Quick' if config['quick'] else 'Full'} run over {config['seeds']} seeds, on {sounds}; {minutes:.1f} minutes. Each verdict follows from its numbers by the rule that stands with it."
    page = report.page("What the paper concludes, as experiments", summary, [*sections, ("Configuration", report.configuration(config))])
    cli.write_text(os.path.join(folder, "insights.html"), page)


if __name__ == "__main__":
    cli.run(main)
