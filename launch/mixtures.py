"""Mixtures, morphs and bands: from flags to a configuration, from there to the library."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from audio_texture import choices, recipes, references
from launch.errors import UserError, naming_flag
from launch.flags import CROSSOVER_HZ
from launch.inputs import digest
from launch.paths import expanded
from launch.plurals import count


def mixture_from_values(values: Mapping[str, Any], given: Collection[str] = ()) -> dict[str, Any]:
    """The inputs (with their bands), their weights and, in a morph, their weights at the end, as a
    configuration has them.

    Args:
      values: of all flags.
      given: names of the flags on the command line, some of which --bands excludes.
    """
    sources, bands = values["input"], [None] * len(values["input"])
    if values["crossover_hz"] and not values["bands"]:
        raise UserError("--crossover_hz: is for --bands, which were not given.")
    if values["bands"]:
        for other in ("input", "weights", "morph_to"):
            if other in given:
                raise UserError(f"--bands: each sound has a band of its own; leave --{other} out.")
        sources, bands = _parse_bands(values["bands"], values["crossover_hz"] or CROSSOVER_HZ)
    part = {"start": values["input_start"], "seconds": values["input_seconds"]}
    with naming_flag("bands" if values["bands"] else "input"):
        inputs = [
            {"source": source, **part, "band": band, "sha256": digest(source)}
            for source, band in zip(sources, bands, strict=True)
        ]
    with naming_flag("weights"):
        weights = parse_weights(values["weights"], len(inputs))
    with naming_flag("morph_to"):
        morph_to = values["morph_to"] and parse_weights(values["morph_to"], len(inputs))
    return {"inputs": inputs, "weights": weights, "morph_to": morph_to}


def _parse_bands(
    texts: Sequence[str], crossovers: Sequence[str]
) -> tuple[list[str], list[list[float | None]]]:
    """The sounds from low to high, and their lowest and highest frequencies in Hz; None means no
    upper limit. texts: such as low:rain.wav.
    """
    pairs = [text.partition(":")[::2] for text in texts]
    names = [name for name, _ in pairs]
    with naming_flag("bands"):
        for text, (name, source) in zip(texts, pairs, strict=True):
            if name not in ("low", "mid", "high") or not source:
                raise ValueError(f"{text!r} must be low:FILE, mid:FILE or high:FILE.")
        if len(set(names)) < len(names):
            raise ValueError(f"{','.join(names)} overlap: each band may be given once.")
        if not {"low", "high"} <= set(names):
            raise ValueError(
                f"{','.join(names)} leave frequencies out: low and high must both be given."
            )
    with naming_flag("crossover_hz"):
        edges = list(map(choices.number, crossovers))
        rising = edges == sorted(set(edges)) and 0 < edges[0] <= edges[-1] < float("inf")
        if len(edges) != len(names) - 1 or not rising:
            raise ValueError(
                f"{','.join(crossovers)} must be {len(names) - 1} rising frequencies above 0, as "
                f"there are {len(names)} bands."
            )
    with naming_flag("bands"):
        sources = {name: expanded(source) for name, source in pairs}
    return [sources[name] for name in ("low", "mid", "high") if name in sources], [
        list(pair) for pair in zip([0.0, *edges], [*edges, None], strict=True)
    ]


def parse_weights(texts: Sequence[str] | None, number: int, *, noun: str = "input") -> list[float]:
    """The weights in a flag's texts, equal ones without texts. ValueError where they do not fit.

    Args:
      texts: numbers.
      number: how many there must be.
      noun: what each one is the weight of.
    """
    if not texts:
        return [1.0] * number
    try:
        weights = [float(text) for text in texts]
    except ValueError as error:
        raise ValueError(f"{','.join(texts)!r} must be numbers separated by commas.") from error
    if len(weights) != number:
        raise ValueError(
            f"{count(len(weights), 'weight')} for {count(number, noun)}; each {noun} needs one."
        )
    if not all(0 <= weight < float("inf") for weight in weights) or not sum(weights):
        raise ValueError(f"{','.join(texts)!r} must not be negative, nor all zero.")
    return weights


def mixture_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration's mixture as keyword arguments of the library's `prepare` and `fit`."""
    bands = [entry.get("band") for entry in config["inputs"]]
    bands = (
        [(low, float("inf") if high is None else high) for low, high in bands]
        if bands and all(bands)
        else None
    )
    return {"weights": config["weights"], "morph_to": config.get("morph_to"), "bands": bands}


def check_mixture(config: Mapping[str, Any], recipe: recipes.Recipe, sample_rate: int) -> None:
    """UserError where the recipe cannot mix the inputs in the way that a configuration asks for.

    sample_rate: of the inputs, in Hz.
    """
    mixture = mixture_options(config)
    flag = "bands" if mixture["bands"] else "morph_to" if mixture["morph_to"] else "weights"
    with naming_flag("recipe" if recipe.is_direct else flag):
        references.check_mixture(
            recipe,
            len(config["inputs"]),
            rate=references.model_sample_rate(recipe, sample_rate),
            **mixture,
        )


def is_mixed(config: Mapping[str, Any]) -> bool:
    """Whether several sounds of a configuration share all frequencies."""
    by_bands = any(entry.get("band") for entry in config["inputs"])
    return config.get("morph_to") is not None or (
        not by_bands and sum(weight > 0 for weight in config["weights"]) > 1
    )
