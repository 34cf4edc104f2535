"""Gives one sound's content another sound's style.

    python -m launch.transfer                                             # an embedded clock in the style of rain, into output/transfer
    python -m launch.transfer --content=dog.wav --style=fire.wav --output_dir=output/dog
    python -m launch.transfer --content=dog.wav --style=fire.wav --style_weight=0.1,1,10      # a strip from content to style
    python -m launch.transfer --content=dog.wav --style=fire.wav --recipe=paper-transfer-1d --style_layers=relu_1,relu_2

The result has the content's length, rate, channels and level. Writes transfer.wav (transfer_0.wav ... for several weights),
quality.json, config.json, metrics.jsonl and report.html into --output_dir. Ctrl-C ends the optimisation after the evaluations
at hand and writes what there is (exit status 130).
"""

import dataclasses
import os

from absl import flags

from audio_texture import audio, quality, recipes, synthesis
from launch import cli

cli.define_recipe_flags("transfer", several=("style_weight",))
_CONTENT = flags.DEFINE_string("content", f"{cli.EMBEDDED}clock", f"Sound whose course is kept. {cli.EMBEDDED}NAME is an embedded procedural sound.")
_STYLE = flags.DEFINE_string("style", f"{cli.EMBEDDED}rain", "Sound whose texture it is given.")
for _name in ("content", "style"):
    flags.DEFINE_float(f"{_name}_start", 0.0, f"Where in the {_name} to begin, in seconds.", lower_bound=0)
    flags.DEFINE_float(f"{_name}_seconds", 10.0, f"How much of the {_name} to use at the most, in seconds.", lower_bound=0.01, upper_bound=60)
cli.define_run_flags("transfer", "another seed makes another result only where it starts from noise")
flags.adopt_module_key_flags(cli)

FILES = ("config.json", "metrics.jsonl", "quality.json", "report.html", "transfer.*", "transfer_*.*", "checkpoint")
_KINDS = {"content": dict, "style": dict, "style_weights": list, "seed": int, "output_format": str, "recipe": dict}


def main() -> int:
    config = _config()
    folder = cli.checked_folder(config)
    recipe = recipes.Recipe.from_json(config["recipe"])
    with cli.naming("weights_file"):
        if recipe.weights_file and config.get("weights_sha256") != cli.digest(recipe.weights_file):
            raise ValueError(f"{recipe.weights_file!r} is not the file that the configuration was made with.")
    check = lambda wave, rate, name: synthesis.check_reference(recipe, wave, sample_rate=rate, name=name)
    (content, style), rate = cli.read_inputs([config["content"], config["style"]], check, named=("content", "style"))
    with cli.naming("content"):
        synthesis.check_seconds(content.shape[1] / rate)
    with cli.naming("views"):
        # The weights come with each job.
        problem = synthesis.prepare_transfer(dataclasses.replace(recipe, style_weight=1.0), content, style, sample_rate=rate)
    for line in synthesis.fields_of(recipe, synthesis.modelled_rate(recipe, rate)):
        cli.say(line)
    weights = config["style_weights"]
    names = [f"transfer{f'_{i}' if len(weights) > 1 else ''}" for i in range(len(weights))]
    jobs = [(name, synthesis.reweighted(problem, style=weight), config["seed"]) for name, weight in zip(names, weights, strict=True)]
    made, metrics, status = cli.make_sounds(folder, config, recipe, rate, jobs, clears=FILES)
    _write_report(folder, config, content, style, rate, made, metrics)
    return status


def _config() -> dict:
    """All that decides about the run's samples."""
    values = flags.FLAGS.flag_values_dict()
    if values["config"] is not None:
        return cli.config_of_file(values["config"], _KINDS, task="transfer")
    recipe = cli.recipe_from_flags(task="transfer")
    with cli.naming("style_weight"):
        weights = list(map(recipes.number, values["style_weight"])) if values["style_weight"] else [recipe.style_weight]
        for weight in weights:
            dataclasses.replace(recipe, style_weight=weight)
    sounds = {}
    for name in ("content", "style"):
        with cli.naming(name):
            sounds[name] = {"source": values[name], "start": values[f"{name}_start"], "seconds": values[f"{name}_seconds"], "sha256": cli.digest(values[name])}
    plain = {name: values[name] for name in ("seed", "output_format")}
    plain["weights_sha256"] = cli.digest(recipe.weights_file) if recipe.weights_file else None
    return {**sounds, "style_weights": weights, **plain, "recipe": recipe.to_json(), "versions": cli.versions()}


def _write_report(folder, config, content, style, rate, made, metrics) -> None:
    """quality.json and report.html: the content, what was made of it, and the style."""
    # Matplotlib takes a second to import, which nobody waits for before the sound is written.
    from audio_texture import report

    originals = [(f"{name}: {os.path.basename(config[name]['source'])}", wave, rate) for name, wave in (("content", content), ("style", style))]
    weights = config["style_weights"]
    results = [(f"{os.path.basename(path)}, style {weight:g}", *audio.read(path)) for path, weight in zip(made, weights)]
    rows = []
    if min(content.shape[1], style.shape[1]) >= quality.SHORTEST * rate:
        judged = [(os.path.basename(path), weight, wave) for path, weight, (_, wave, _) in zip(made, weights, results)]
        for name, weight, wave in [("content", None, content), *judged, ("style", None, style)]:
            rows.append({"candidate": name, "style_weight": weight, **quality.judge_transfer(wave, content, style, sample_rate=rate)})
    cli.write_json(os.path.join(folder, "quality.json"), rows)
    cli.write_text(os.path.join(folder, "report.html"), report.transfer_page(originals[0], originals[1], results, rows, metrics.rows, config, quality.meaning))
    cli.say(f"{os.path.join(folder, 'report.html')}: players, spectrograms, measures and the loss")


if __name__ == "__main__":
    cli.run(main)
