"""What launch.generate is to do: from flags to a configuration, recordings and a training."""

import contextlib
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from audio_texture import audio, generator_training, generator_transfers, generators, recipes
from audio_texture.errors import ChoiceError
from audio_texture.references import SHORTEST_SECONDS, fit_kernels, model_sample_rate
from launch import compile_times, configs, flag_checks, flags, generate_contents, generator_files
from launch.errors import UserError, flag_line, naming_flag
from launch.generate_contents import Contents
from launch.inputs import EMBEDDED, digest, read_inputs, reference_check, say_scales
from launch.messages import hold, say_held

# Flags that a generator and its sound depend on, besides those of a recipe.
OF_TRAINING = ("input", "input_start", "input_seconds", "contents", "train_seconds", "width")
OF_SOUND = ("generator", "seed", "seconds", "position", "weights", "morph_to")
DECIDES = (*OF_TRAINING, *OF_SOUND)
# What is written besides the sound, which a later run may ask for.
EXTRAS = ("page", "export")
_TYPES = {
    "inputs": list,
    "generator": (dict, type(None)),
    "styles": list,
    "width": (int, type(None)),
    "train_seconds": (int, float, type(None)),
    "seed": int,
    "recipe": dict,
}
# The same of an endless sound, and of a generator that follows contents.
_SOUND_TYPES = {
    "seconds": (int, float),
    "position": (int, float),
    "weights": list,
    "morph_to": (list, type(None)),
}
_CONTENT_TYPES = {"contents": list}
# Choices of a recipe that a training has no use for.
_USELESS = {
    "start": "a training starts from random weights",
    "gain_bands": "the generator has bands of its own",
    "gain_window_ms": "the generator has windows of its own",
    "tolerance": "a training spends all its evaluations",
}


class Plan(NamedTuple):
    """A run before anything is read but the file of --generator.

    Attributes:
      config: as config.json holds it; until `is_timed` is false, its evaluations are the recipe's.
      base: the generator of --generator, or None.
      is_timed: whether --train_seconds has yet to be turned into a number of evaluations.
      contents: of --contents, or None.
    """

    config: dict[str, Any]
    base: generators.Generator | None
    is_timed: bool
    contents: Contents | None = None

    @property
    def trains(self) -> bool:
        """Whether there are styles to train."""
        return bool(self.config["inputs"])


def configure(values: Mapping[str, Any], given: Collection[str]) -> Plan:
    """The plan of a run: of the configuration that --config names, or of the flags.

    Args:
      values: of all flags.
      given: names of the flags on the command line.
    """
    if values["export"]:
        # Before minutes of training.
        with naming_flag("export"):
            generators.check_export_package()
    if values["config"] is not None:
        return _plan_of_file(values, given)
    if values["contents"]:
        return _plan_with_contents(values, given)
    base = generator_files.read(values["generator"]) if values["generator"] else None
    trains = not base or "input" in given
    if trains:
        config = _configure_training(values, given, base)
    else:
        _refuse_training_flags(given)
        assert base
        config = {"inputs": [], "width": None, "train_seconds": None}
        config["recipe"] = generator_files.recipe_of(base).to_json()
    names = list(base.styles.names) if base else []
    config["styles"] = [*names, *_name_styles(config["inputs"], names)]
    config["generator"] = generator_files.entry_of(values["generator"]) if base else None
    config |= generator_files.weights_from_values(values, len(config["styles"]))
    config |= {name: values[name] for name in ("seed", "seconds", "position", *EXTRAS)}
    config["versions"] = configs.versions()
    is_timed = trains and config["train_seconds"] is not None
    if is_timed and values["resume"]:
        is_timed = not _take_evaluations(config, values["output_dir"])
    return Plan(config, base, is_timed)


def _plan_of_file(values: Mapping[str, Any], given: Collection[str]) -> Plan:
    """The plan of the configuration that --config names. Arguments as of `configure`."""
    path = values["config"]
    flag_checks.refuse_beside_config(given, path, DECIDES)
    if configs.has_entry(path, "contents"):
        generate_contents.check_flags(given, inputs=1)
        types = _TYPES | _CONTENT_TYPES
        config = configs.config_of_file(path, types, task="transfer", given=given)
        return Plan(config, None, False, generate_contents.read(config["contents"]))
    config = configs.config_of_file(path, _TYPES | _SOUND_TYPES, given=given)
    absent: dict[str, Any] = dict.fromkeys(("generator", "width", "train_seconds", "morph_to"))
    config = {**absent, **dict.fromkeys(EXTRAS, False), **config}
    config |= {name: values[name] for name in EXTRAS if name in given}
    base = generator_files.read_entry(config["generator"]) if config["generator"] else None
    generator_files.check_weights(config, len(config["styles"]))
    return Plan(config, base, False)


def _plan_with_contents(values: Mapping[str, Any], given: Collection[str]) -> Plan:
    """The plan of a generator that follows contents. Arguments as of `configure`."""
    generate_contents.check_flags(given, len(values["input"]))
    if "recipe" not in given:
        values = {**values, "recipe": "transfer"}
    config = _configure_training(values, given, None, task="transfer")
    contents = generate_contents.choose(values["contents"])
    config |= {
        "contents": contents.entries,
        "styles": _name_styles(config["inputs"], []),
        "generator": None,
        "seed": values["seed"],
        "versions": configs.versions(),
    }
    is_timed = config["train_seconds"] is not None
    if is_timed and values["resume"]:
        is_timed = not _take_evaluations(config, values["output_dir"])
    return Plan(config, None, is_timed, contents)


def _refuse_training_flags(given: Collection[str]) -> None:
    reason = "without --input nothing is trained"
    names = (*flags.recipe_flags(), *OF_TRAINING, "checkpoint_every")
    flag_checks.refuse({name: reason for name in names if name in given})


def _configure_training(
    values: Mapping[str, Any],
    given: Collection[str],
    base: generators.Generator | None,
    *,
    task: str = "texture",
) -> dict[str, Any]:
    """The part of the configuration that the weights depend on. task: of the recipe."""
    if "evaluations" in given and "train_seconds" in given:
        raise UserError("--train_seconds: --evaluations is a budget too; leave one of them out.")
    if base and "width" in given:
        raise UserError("--width: has no effect here: the network is that of --generator.")
    sources = values["input"]
    flag_checks.refuse(flag_checks.useless_part_flags({"input": sources}, given))
    part = {"start": values["input_start"], "seconds": values["input_seconds"]}
    with naming_flag("input"):
        inputs = [
            {"source": source, **part, "band": None, "sha256": digest(source)} for source in sources
        ]
    return {
        "inputs": inputs,
        "width": None if base else values["width"],
        "train_seconds": None if "evaluations" in given else values["train_seconds"],
        "recipe": _recipe_from_values(values, given, task).to_json(),
    }


def _recipe_from_values(
    values: Mapping[str, Any], given: Collection[str], task: str
) -> recipes.Recipe:
    """The recipe as the training uses it, with the choices that flags were given for."""
    if "optimizer" in given and values["optimizer"] != "adam":
        raise UserError(
            f"--optimizer: {values['optimizer']!r} must be adam, as each evaluation of a training "
            "is of another sample."
        )
    asked = flags.recipe_from_values(values, task=task)
    recipe = generator_training.generator_recipe(asked, asked.choice("evaluations"))
    if "learning_rate" in given:
        recipe = recipe.replace(learning_rate=values["learning_rate"])
    with naming_choice("recipe"):
        check = generator_transfers if task == "transfer" else generator_training
        check.check_recipe(recipe)
    reasons = _USELESS | (generate_contents.USELESS_CHOICES if task == "transfer" else {})
    useless = {name: reason for name, reason in reasons.items() if name in given}
    judged = [name for name in given if name not in ("seed", "optimizer", *reasons)]
    useless |= flag_checks.useless_recipe_flags(values, recipe, judged, program=task)
    flag_checks.refuse(useless)
    return recipe


def _name_styles(inputs: Sequence[Mapping[str, Any]], taken: Sequence[str]) -> list[str]:
    """A name for each new style: its file's, with a number where that is taken."""
    names = list(taken)
    for entry in inputs:
        source = entry["source"].removeprefix(EMBEDDED)
        stem, number = os.path.splitext(os.path.basename(source))[0], 1
        name = stem
        while name in names:
            number += 1
            name = f"{stem} {number}"
        names.append(name)
    return names[len(taken) :]


def _take_evaluations(config: dict[str, Any], folder: str) -> bool:
    """Takes over the evaluations that --train_seconds was turned into by the run in the folder;
    returns whether there is one with the same --train_seconds.
    """
    with contextlib.suppress(ValueError, TypeError, KeyError):
        earlier = configs.read_json(os.path.join(folder, configs.CONFIG))
        if earlier["train_seconds"] == config["train_seconds"]:
            config["recipe"]["evaluations"] = int(earlier["recipe"]["evaluations"])
            return True
    return False


@contextlib.contextmanager
def naming_choice(flag: str) -> Iterator[None]:
    """Turns a ValueError into a UserError that names the flag of the choice that is wrong; flag:
    where it is of none.
    """
    try:
        yield
    except ChoiceError as error:
        raise UserError(flag_line(error.field or flag, error)) from error
    except ValueError as error:
        raise UserError(flag_line(flag, error)) from error


def check_sound(plan: Plan, recipe: recipes.Recipe, channels: int, sample_rate: int) -> None:
    """UserError where the sound is too short, or too long for its file.

    Args:
      plan: of the run.
      recipe: of the generator.
      channels: of the sound.
      sample_rate: of what the generator was trained on, in Hz.
    """
    seconds, rate = plan.config["seconds"], model_sample_rate(recipe, sample_rate)
    with naming_flag("seconds"):
        if not SHORTEST_SECONDS <= seconds < float("inf"):
            raise ValueError(f"{seconds:g} s must be at least {SHORTEST_SECONDS:g} s.")
        samples = round(seconds * rate)
        audio.check_writable(".wav", channels=channels, sample_rate=rate, samples=samples)


def read(plan: Plan) -> tuple[recipes.Recipe, list[np.ndarray], int]:
    """The recipe, the recordings [C, N] and their sample rate; those of the generator's that is
    extended. UserError where a recording cannot be used.
    """
    recipe, base = recipes.Recipe.from_json(plan.config["recipe"]), plan.base
    references, rate = [], base.sample_rate if base else 0
    if plan.trains:
        references, rate = read_inputs(plan.config["inputs"], reference_check(recipe))
    if base and rate != base.sample_rate:
        hold(f"--input: resampled from {rate} to {base.sample_rate} Hz, the rate of the generator")
    if base:
        references = [
            audio.with_channels(audio.resample(wave, rate, base.sample_rate), base.channels)
            for wave in references
        ]
        rate = base.sample_rate
    lengths = {wave.shape[1] for wave in references}
    if len(lengths) > 1:
        hold(f"--input: {min(lengths) / rate:.3g} s of each are used, as the shortest has no more")
    channels = base.channels if base else len(references[0])
    if not plan.contents:
        check_sound(plan, recipe, channels, rate)
    return recipe, references, rate


def at_model_rate(
    recipe: recipes.Recipe, references: Sequence[np.ndarray], sample_rate: int
) -> list[np.ndarray]:
    """The recordings at the rate of the generator's sound, which is compared with them."""
    rate = model_sample_rate(recipe, sample_rate)
    return [audio.resample(wave, sample_rate, rate) for wave in references]


def prepare(
    plan: Plan, recipe: recipes.Recipe, references: Sequence[np.ndarray], sample_rate: int
) -> tuple[generator_training.Training, compile_times.Wait]:
    """The training, and the wait for its first evaluation. Says what is used and takes long."""
    width = plan.config["width"]
    sizes = {} if width is None else {"width": width}
    shapes = [wave.shape for wave in references]
    key = (recipe.static_config(), sample_rate, shapes, sizes, plan.config["styles"])
    if plan.contents:
        key += (len(plan.contents.waves),)
    lengths = {"sample_rate": sample_rate, "seconds": generator_training.SAMPLE_SECONDS}
    programs = compile_times.of_run("generate", key, recipe.name, references, **lengths)
    wait = compile_times.Wait(programs)

    def begin():
        say_held()
        fitted = fit_kernels(recipe, references, sample_rate=sample_rate)
        say_scales(recipe, fitted, model_sample_rate(recipe, sample_rate))
        wait.fit()

    options = {"sample_rate": sample_rate, "on_fit": begin, **sizes}
    with naming_choice("input"):
        if plan.contents:
            seconds = generator_training.SAMPLE_SECONDS
            training = generator_transfers.prepare(
                recipe,
                references[0],
                plan.contents.at_rate(sample_rate, seconds=seconds),
                name=plan.config["styles"][0],
                **options,
            )
        else:
            names = plan.config["styles"][-len(references) :]
            training = generator_training.prepare(
                recipe, references, names=names, base=plan.base, **options
            )
    wait.compile()
    return training, wait
