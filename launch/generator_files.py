"""Trained generators as flags name them: the file of --generator, and weights of its styles."""

from collections.abc import Mapping
from typing import Any

from audio_texture import generators, paths, recipes, streaming
from launch.errors import UserError, naming_flag
from launch.inputs import digest
from launch.mixtures import parse_weights
from launch.plurals import count


def read(path: str, *, of_contents: bool = False) -> generators.Generator:
    """The generator of a file. UserError where the file holds none that this version reads.

    Args:
      path: of the file.
      of_contents: whether one that follows contents is wanted, or one that needs none.
    """
    with naming_flag("generator"):
        paths.check_file(path, "generator file")
        if streaming.is_style_file(path):
            raise ValueError(
                f"{path!r} is a style file, not a generator; launch.stream --target takes it."
            )
        generator = generators.load(path)
        if not isinstance(generator.training.get("recipe"), dict):
            raise ValueError(f"{path!r} does not say by which recipe it was trained.")
        recipe_of(generator)
        follows = bool(generator.config.content_bands)
        if follows and not of_contents:
            raise ValueError(
                f"{path!r} follows a content, and makes no sound without one; launch.transfer "
                "--generator takes it."
            )
        if of_contents and not follows:
            raise ValueError(
                f"{path!r} makes an endless texture and follows no content; launch.generate "
                "--contents trains one that does."
            )
    return generator


def recipe_of(generator: generators.Generator) -> recipes.Recipe:
    """The recipe that a generator was trained by."""
    return recipes.Recipe.from_json(generator.training["recipe"])


def entry_of(path: str) -> dict[str, Any]:
    """A generator's file as a configuration has it."""
    with naming_flag("generator"):
        return {"source": path, "sha256": digest(path)}


def read_entry(entry: Mapping[str, Any], *, of_contents: bool = False) -> generators.Generator:
    """The generator of a configuration. UserError where the file is another one now.

    Args:
      entry: of the configuration.
      of_contents: as of `read`.
    """
    path = entry["source"]
    generator = read(path, of_contents=of_contents)
    if entry.get("sha256") != entry_of(path)["sha256"]:
        raise UserError(
            f"--generator: {path!r} is not the file that the configuration was made with."
        )
    return generator


def weights_from_values(values: Mapping[str, Any], styles: int) -> dict[str, Any]:
    """The weights of styles, and those at the end of a morph, as a configuration has them.

    Args:
      values: of all flags.
      styles: how many there are.
    """
    for name in ("weights", "morph_to"):
        if values[name] and styles == 1:
            raise UserError(f"--{name}: has no effect here: there is one style.")
    with naming_flag("weights"):
        weights = parse_weights(values["weights"], styles, noun="style")
    with naming_flag("morph_to"):
        morph_to = values["morph_to"] and parse_weights(values["morph_to"], styles, noun="style")
    return {"weights": weights, "morph_to": morph_to}


def check_weights(config: Mapping[str, Any], styles: int) -> None:
    """UserError where a configuration has other than a weight for each style."""
    for name in ("weights", "morph_to"):
        weights = config.get(name)
        if weights and len(weights) != styles:
            raise UserError(
                f"--{name}: {count(len(weights), 'weight')} for {count(styles, 'style')}; each "
                "style needs one."
            )
