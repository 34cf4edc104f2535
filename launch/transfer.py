"""Gives one sound's content another sound's style.

    python -m launch.transfer                                             # an embedded clock in the style of rain, into output/transfer
    python -m launch.transfer --content=dog.wav --style=fire.wav --output_dir=output/dog
    python -m launch.transfer --content=dog.wav --style=fire.wav --style_weight=0.1,1,10      # a strip from content to style
    python -m launch.transfer --content=dog.wav --style=fire.wav --recipe=paper-transfer-1d --style_layers=relu_1,relu_2

The result has the content's length, rate, channels and level. Writes transfer.wav (transfer_0.wav ... for several weights),
quality.json, config.json, metrics.jsonl, report.html and files.json, the record of them, into
--output_dir. Ctrl-C ends the
optimisation after the evaluations at hand and writes what there is (exit status 130).
"""

import concurrent.futures
import os
from collections.abc import Collection, Hashable, Sequence
from typing import Any

import numpy as np
from absl import flags

from audio_texture import (
    audio,
    choices,
    metrics,
    recipes,
    references,
    scales,
    style_transfer,
    synthesis,
)
from launch import cli, given, run_io, runs

cli.define_recipe_flags("transfer", several=("style_weight",))
_CONTENT = cli.define_path(
    "content",
    f"{cli.EMBEDDED}clock",
    f"Sound whose course is kept. {cli.EMBEDDED}NAME is an embedded procedural sound.",
)
_STYLE = cli.define_path("style", f"{cli.EMBEDDED}rain", "Sound whose texture it is given.")
for _name, _seconds, _most in (
    ("content", references.LONGEST_SECONDS, references.LONGEST_SECONDS),
    ("style", 10.0, 60),
):
    flags.DEFINE_float(
        f"{_name}_start", 0.0, f"Where in the {_name} to begin, in seconds.", lower_bound=0
    )
    flags.DEFINE_float(
        f"{_name}_seconds",
        _seconds,
        f"How much of the {_name} to use at the most, in seconds.",
        lower_bound=0.01,
        upper_bound=_most,
    )
cli.define_run_flags(
    "transfer", "another seed makes another result only where it starts from noise"
)
flags.adopt_module_key_flags(cli)

# What the result is called, and which flags name sounds.
SOUND, SOURCES = "transfer", ("content", "style")
# What decides about samples beside the recipe.
DECIDES = (
    *(f"{name}{part}" for name in SOURCES for part in ("", "_start", "_seconds")),
    "seed",
    "output_format",
)
RESULTS = ("quality.json", "report.html")
_KINDS = {
    "content": dict,
    "style": dict,
    "style_weights": list,
    "seed": int,
    "output_format": str,
    "recipe": dict,
}


def configure(values: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a run whose flags have these values."""
    recipe = cli.recipe_from_flags(values, task="transfer")
    with cli.naming("style_weight"):
        weights = (
            list(map(choices.number, values["style_weight"]))
            if values["style_weight"]
            else [recipe.term("style").weight]
        )
        for weight in weights:
            recipe.replace(style_weight=weight)
    sounds = {}
    for name in ("content", "style"):
        with cli.naming(name):
            sounds[name] = {
                "source": values[name],
                "start": values[f"{name}_start"],
                "seconds": values[f"{name}_seconds"],
                "sha256": cli.digest(values[name]),
            }
    plain = {name: values[name] for name in ("seed", "output_format")}
    plain["weights_sha256"] = (
        cli.digest(recipe.network.weights_file) if recipe.network.weights_file else None
    )
    return {
        **sounds,
        "style_weights": weights,
        **plain,
        "recipe": recipe.to_json(),
        "versions": cli.versions(),
    }


def without_effect(
    values: dict[str, Any], config: dict[str, Any], names: Collection[str]
) -> dict[str, str]:
    """Those of the named flags that do nothing in a run whose flags have these values, with the
    reason. config: of `configure`.
    """
    recipe = recipes.Recipe.from_json(config["recipe"]).replace(
        style_weight=max(config["style_weights"])
    )
    own = given.of_sources({name: [config[name]["source"]] for name in SOURCES}, names)
    return own | given.of_recipe(values, recipe, names, program="transfer")


def read(config: dict[str, Any]) -> tuple[recipes.Recipe, list[np.ndarray], int]:
    """A configuration's recipe, content and style, and their rate. UserError where one of them, the
    weights' file or the format will not do.
    """
    recipe = recipes.Recipe.from_json(config["recipe"])
    with cli.naming("weights_file"):
        if recipe.network.weights_file and config.get("weights_sha256") != cli.digest(
            recipe.network.weights_file
        ):
            raise ValueError(
                f"{recipe.network.weights_file!r} is not the file that the configuration was made with."
            )
    sounds, rate = cli.read_inputs(
        [config["content"], config["style"]],
        cli.reference_check(recipe),
        named=("content", "style"),
    )
    with cli.naming("content"):
        references.check_seconds(sounds[0].shape[1] / rate)
    with cli.naming("content_views"):
        references.check_content(recipe, sounds[0], sample_rate=rate)
    with cli.naming("output_format"):
        channels, samples = sounds[0].shape
        audio.check_writable(
            f".{config['output_format']}", channels=channels, sample_rate=rate, samples=samples
        )
    return recipe, sounds, rate


def shape_of(
    config: dict[str, Any], recipe: recipes.Recipe, sounds: Sequence[np.ndarray], rate: int
) -> Hashable:
    """What decides which compiled programs a run needs."""
    return style_transfer.compile_key(_unweighted(recipe), *sounds, sample_rate=rate)


def prepare(
    config: dict[str, Any],
    recipe: recipes.Recipe,
    sounds: Sequence[np.ndarray],
    rate: int,
    like: synthesis.Problem | None = None,
) -> synthesis.Problem:
    """The configuration's problem at its first style weight. UserError where a view does not fit the rate. like: see `synthesis.prepare`."""
    with cli.naming("views"):
        problem = style_transfer.prepare(_unweighted(recipe), *sounds, sample_rate=rate, like=like)
    return style_transfer.reweighted(problem, style=config["style_weights"][0])


def measures(wave: np.ndarray, sounds: Sequence[np.ndarray], rate: int) -> dict[str, Any]:
    """What a result has of its style and kept of its content. ValueError where a sound is too short to be judged."""
    return metrics.evaluate_transfer(wave, *sounds, sample_rate=rate)


def _unweighted(recipe: recipes.Recipe) -> recipes.Recipe:
    return recipe.replace(style_weight=1.0)


def main() -> int:
    values = flags.FLAGS.flag_values_dict()
    config = (
        cli.config_of_file(values["config"], _KINDS, task="transfer")
        if values["config"] is not None
        else configure(values)
    )
    given.check_run_flags()
    if values["config"] is not None:
        given.refuse_beside_config(DECIDES)
    else:
        given.refuse(without_effect(values, config, given.names()))
    weights = config["style_weights"]
    names = run_io.sound_names(SOUND, len(weights), config["output_format"])
    record = run_io.checked_folder(
        config, program="transfer", names=runs.output_names(names, RESULTS)
    )
    recipe, sounds, rate = read(config)
    # One problem, whose compiled programs serve every weight.
    problem = prepare({**config, "style_weights": [1.0]}, recipe, sounds, rate)
    cli.say_held()
    for line in scales.describe_receptive_fields(
        recipe, references.model_sample_rate(recipe, rate)
    ):
        cli.say(line)
    jobs = [
        (name, style_transfer.reweighted(problem, style=weight), config["seed"])
        for name, weight in zip(names, weights, strict=True)
    ]
    # The originals are judged while the results are made, which leaves half of two cores idle.
    beside = concurrent.futures.ThreadPoolExecutor(1)
    judged = beside.submit(_judge_originals, *sounds, rate)
    try:
        output, made, metrics, status = runs.make_sounds(
            config, recipe, rate, jobs, program="transfer", record=record
        )
        page = lambda: _report(output, config, *sounds, rate, made, metrics, judged.result())
        return runs.write_report(
            output, "report.html", page, status, "players, spectrograms, measures and the loss"
        )
    finally:
        # Who is interrupted does not wait for it.
        beside.shutdown(wait=False, cancel_futures=True)


def _judge_originals(content: np.ndarray, style: np.ndarray, rate: int) -> list[dict[str, Any]]:
    """Rows of quality.json for the content and the style themselves; none where one cannot be judged: too short, or silent."""
    try:
        return [
            {"candidate": name, "style_weight": None, **measures(wave, (content, style), rate)}
            for name, wave in (("content", content), ("style", style))
        ]
    except ValueError:
        return []


def _report(output, config, content, style, rate, made, metrics, judged) -> str:
    """Writes quality.json; report.html: the content, what was made of it, and the style; judged: of
    `_judge_originals`.
    """
    from audio_texture import report

    originals = [
        (f"{name}: {os.path.basename(config[name]['source'])}", wave, rate)
        for name, wave in (("content", content), ("style", style))
    ]
    weights = config["style_weights"]
    results = [
        (f"{os.path.basename(path)}, style {weight:g}", *audio.read(path))
        for path, weight in zip(made, weights)
    ]
    found = zip(made, weights, results)
    own = [
        {
            "candidate": os.path.basename(path),
            "style_weight": weight,
            **measures(wave, (content, style), rate),
        }
        for path, weight, (_, wave, _) in found
        if judged
    ]
    rows = [*judged[:1], *own, *judged[1:]]
    output.write_json("quality.json", rows)
    return report.render_transfer_page(
        originals[0], originals[1], results, rows, metrics, config, metrics.explain_measure
    )


if __name__ == "__main__":
    cli.run(main)
