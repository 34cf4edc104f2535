"""A recipe: all choices of a run but its inputs, length and seed."""

import dataclasses
import difflib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from audio_texture import stages
from audio_texture.base import Term
from audio_texture.choices import DYNAMIC, HOST, Stage, Tap, TermChoices, choice_name
from audio_texture.classical import METHODS, OPTIMISE, Classical
from audio_texture.errors import ChoiceError
from audio_texture.layer import (
    AUTHORS_LAYERS,
    INPUT_TAPS,
    Layer,
    NetworkConfig,
    cut_after,
    receptive_fields,
)
from audio_texture.terms import TERMS, of_inputs
from audio_texture.views import View

TASKS = ("texture", "transfer")


class Choice(NamedTuple):
    """One choice of a recipe, as `choices` lists them.

    Attributes:
      name: the keyword it is set by, and its flag.
      stage: name of the stage, or of the term, that it belongs to.
      field: the dataclass field that declares it, see `choices.choice`.
    """

    name: str
    stage: str
    field: dataclasses.Field

    @property
    def meaning(self) -> str:
        """What it sets, with its unit."""
        return self.field.metadata["meaning"]

    @property
    def options(self) -> tuple[str, ...]:
        """All allowed values; empty where any value in its range is allowed."""
        return self.field.metadata["options"]

    @property
    def type(self) -> type:
        """Type of its values: bool, int, float, str, or tuple, which a flag gives as text."""
        return tuple if self.field.metadata["parse"] else type(self.field.default)


STAGES: dict[str, type[Stage]] = {
    "signal": stages.Signal,
    "analysis": stages.Analysis,
    "canvas": stages.CanvasChoices,
    "network": stages.Network,
    "transfer": stages.Transfer,
    "matching": stages.Matching,
    "optimiser": stages.Optimiser,
    "phase": stages.Phase,
    "classical": Classical,
}


def _list_choices() -> Iterator[Choice]:
    for stage, kind in STAGES.items():
        for field in dataclasses.fields(kind):
            yield Choice(choice_name(field), stage, field)
    for name, term in TERMS.items():
        for field in dataclasses.fields(term.choices):
            yield Choice(choice_name(field), name, field)


# Named recipes, added by recipes/: a repr shows how a recipe differs from the one of its name.
NAMED: dict[str, "Recipe"] = {}
# All choices by name, in the order of the stages.
CHOICES: dict[str, Choice] = {choice.name: choice for choice in _list_choices()}


def register(term: Term) -> None:
    """Adds a term to the registry: its weight is then a choice of every recipe, and a flag.

    Raises ValueError where the registry already has a term, or a choice, of one of its names.
    """
    declared = {choice_name(field): field for field in dataclasses.fields(term.choices)}
    taken = [name for name in declared if name in CHOICES]
    if term.name in TERMS or taken:
        raise ValueError(f"the registry has {(taken or [term.name])[0]!r} already.")
    TERMS[term.name] = term
    CHOICES.update({name: Choice(name, term.name, field) for name, field in declared.items()})


@dataclasses.dataclass(frozen=True, repr=False)
class Recipe:
    """All choices of a run but its inputs, length and seed.

    Programs write it as JSON beside each output; with inputs, length and seed it makes that output
    again. Stages and terms refuse choices that contradict each other.

    Attributes:
      name: of the recipe.
      summary: one line on what it does and where it comes from.
      task: "texture" (more of a sound) or "transfer" (a sound's content in another's style).
      signal, analysis, canvas, network, transfer, matching, optimiser, phase: see stages.py.
      classical: how the sound is made, see classical/choices.py.
      terms: choices of the loss's terms (terms/) that differ from their defaults.

    Example:
      >>> from audio_texture import recipes
      >>> recipe = recipes.named("texture-fast").replace(evaluations=100)
      >>> recipe.optimiser.evaluations, recipe.choice("levels_weight")
      (100, 0.01)
    """

    name: str
    summary: str
    task: str = "texture"
    signal: stages.Signal = stages.Signal()
    analysis: stages.Analysis = stages.Analysis()
    canvas: stages.CanvasChoices = stages.CanvasChoices()
    network: stages.Network = stages.Network()
    transfer: stages.Transfer = stages.Transfer()
    matching: stages.Matching = stages.Matching()
    optimiser: stages.Optimiser = stages.Optimiser()
    phase: stages.Phase = stages.Phase()
    classical: Classical = Classical()
    terms: tuple[TermChoices, ...] = ()

    def __post_init__(self):
        if self.task not in TASKS:
            raise ChoiceError(
                f"task must be one of {', '.join(TASKS)}, got {self.task!r}.", field="task"
            )
        given = {choices.term: choices for choices in self.terms}
        # Sorted and without defaults, so that equal recipes compare equal.
        changed = [
            given[name]
            for name, term in TERMS.items()
            if name in given and given[name] != term.choices()
        ]
        object.__setattr__(self, "terms", tuple(changed))
        self.classical.check(self)
        if not self.is_direct:
            self._check_what_is_optimised()

    def _check_what_is_optimised(self):
        self._check_terms()
        for stage in STAGES:
            getattr(self, stage).check(self)
        for name in TERMS:
            self.term(name).check(self)
        for view in (*self.analysis.views, *self.term("content").views):
            for width in view.widths:
                self.description(width)

    @property
    def is_direct(self) -> bool:
        """Whether a classical method makes the sound in one pass: nothing is optimised."""
        return self.classical.method != OPTIMISE

    def check_optimises(self, purpose: str) -> None:
        """ChoiceError where nothing is optimised; purpose: what needs that, as in "a stream"."""
        if self.is_direct:
            method = self.classical.method
            how = "" if method == self.name else f" (method={method})"
            raise ChoiceError(
                f"{purpose} needs a recipe that optimises, such as texture, got {self.name!r}, "
                f"which makes its sound in one pass{how}.",
                field="recipe",
                others=("method",),
            )

    def options(self) -> dict[str, Any]:
        """The choices of the recipe's classical method, by name."""
        return {name: self.choice(name) for name in METHODS[self.classical.method].options}

    def _check_terms(self):
        wave_weights = [f"{term.name}_weight" for term in of_inputs("wave")]
        if not self.analysis.views and not any(map(self.choice, wave_weights)):
            raise ChoiceError(
                f"views must hold at least one view where {_join_names(wave_weights)} are 0.",
                field="views",
                others=tuple(wave_weights),
            )
        for term in TERMS.values():
            refused = term.elsewhere == "refused" and self.canvas.kind not in term.canvases
            if refused and self.term(term.name).weight:
                raise ChoiceError(
                    f"{term.name}_weight must be 0 on a {self.canvas.kind} canvas: its term is for "
                    f"a {' or '.join(term.canvases)} canvas.",
                    field=f"{term.name}_weight",
                    others=("canvas",),
                )

    def __repr__(self) -> str:
        """The name, and the choices that differ from the named recipe of that name."""
        base = NAMED.get(self.name)
        if base is None:
            return f"Recipe({self.name!r})"
        values, defaults = self.to_json(), base.to_json()
        changed = "".join(
            f", {name}={_format_value(value)}"
            for name, value in values.items()
            if value != defaults[name]
        )
        return f"Recipe({self.name!r}{changed})"

    def term(self, name: str) -> Any:
        """The choices of a term by its name; its defaults where the recipe has none of its own."""
        for choices in self.terms:
            if choices.term == name:
                return choices
        return TERMS[name].choices()

    def choice(self, name: str) -> Any:
        """The value of a choice by its name, such as "evaluations". ChoiceError where unknown."""
        choice = _get_choice(name)
        holder = getattr(self, choice.stage) if choice.stage in STAGES else self.term(choice.stage)
        return getattr(holder, choice.field.name)

    def replace(self, **choices: Any) -> "Recipe":
        """A copy of the recipe with some choices changed, by name; views and layers may be text.

        Raises:
          ChoiceError: an unknown name, a value out of range, choices that contradict each other.
        """
        fixed = {name: choices.pop(name) for name in ("name", "summary", "task") if name in choices}
        changed: dict[str, dict[str, Any]] = {}
        for name, value in choices.items():
            choice = _get_choice(name)
            changed.setdefault(choice.stage, {})[choice.field.name] = value
        stages = {
            stage: dataclasses.replace(getattr(self, stage), **values)
            for stage, values in changed.items()
            if stage in STAGES
        }
        terms = {own.term: own for own in self.terms}
        for term, values in changed.items():
            if term not in STAGES:
                terms[term] = dataclasses.replace(self.term(term), **values)
        return dataclasses.replace(self, **fixed, **stages, terms=tuple(terms.values()))

    def description(self, width: int | tuple[int, int]) -> NetworkConfig:
        """The network of one kernel width, cut after the last layer that is matched.

        width: frames, or (frames, bins), that a kernel spans.
        """
        network = self.network
        frames, bins = width if isinstance(width, tuple) else (width, 0)
        if network.kind == "1d-time":
            frames, bins = bins or frames, 0
        if network.kind.startswith("vgg19"):
            layers = AUTHORS_LAYERS[network.kind]
        else:
            filters = [max(network.filters, 1) * network.growth**i for i in range(network.depth)]
            layers = tuple(
                Layer(frames, network.dilation, network.pool, count, bins) for count in filters
            )
        full = NetworkConfig(
            network.kind, layers, network.initialisation, network.padding, network.pooling
        )
        given = self._given_taps()
        # The input comes before the first layer, which a network has in any case.
        first = next(iter(receptive_fields(full)))
        names = [[first if tap.name in INPUT_TAPS else tap.name for tap in taps] for taps in given]
        for which, own_names in zip(("style", "content"), names, strict=False):
            try:
                if own_names:
                    cut_after(full, own_names)
            except ValueError as error:
                raise ChoiceError(str(error), field=f"{which}_layers") from error
        return cut_after(full, sum(names, [])) if all(given) else full

    def layers(self, width: int | tuple[int, int]) -> tuple[Layer, ...]:
        """The layers of `description(width)`."""
        return self.description(width).layers

    def _given_taps(self) -> list[tuple[Tap, ...]]:
        """The taps that the recipe names: of the style and, in a transfer, of the content."""
        given = [self.term("style").layers, self.term("content").layers]
        return given if self.task == "transfer" else given[:1]

    def taps(self, which: str) -> tuple[Tap, ...]:
        """The matched layers: those named for which="style" or "content", or else the last."""
        last = list(receptive_fields(self.description(1)))[-1]
        return self.term(which).layers or (Tap(last),)

    def field(self, width: int | tuple[int, int]) -> int:
        """Receptive field, in frames, of the network of one kernel width."""
        if self.network.kind == "1d-time":
            return int(np.ravel(width)[0])
        fields = receptive_fields(self.description(width))
        which = ("style", "content")[: len(self._given_taps())]
        names = {tap.name for name in which for tap in self.taps(name)}
        return max(1 if name in INPUT_TAPS else int(fields[name].frames) for name in names)

    def longest_field(self, view: View) -> int:
        """Widest receptive field, in frames, of a view's networks."""
        return max(map(self.field, view.widths))

    def content_views(self) -> tuple[View, ...]:
        """The views in which a transfer compares content."""
        return self.term("content").views or self.analysis.views

    def dynamic_hparams(self) -> dict[str, np.float32]:
        """The dynamic choices by name, float32: compiled programs take them as arguments."""
        return {
            name: np.float32(self.choice(name))
            for name, choice in CHOICES.items()
            if choice.field.metadata["kind"] == DYNAMIC
        }

    def static_config(self) -> "Recipe":
        """The recipe reduced to what decides which program is compiled.

        Dynamic choices become 1, or stay 0; host choices get their defaults; the name is empty.
        """
        erased: dict[str, Any] = {"name": "", "summary": ""}
        for name, choice in CHOICES.items():
            if choice.field.metadata["kind"] == DYNAMIC:
                erased[name] = float(self.choice(name) != 0)
            elif choice.field.metadata["kind"] == HOST:
                erased[name] = choice.field.default
        return self.replace(**erased)

    def to_json(self) -> dict[str, Any]:
        """All choices by name in plain JSON types; views and layers in their text form."""
        values = {name: _to_json_value(self.choice(name)) for name in CHOICES}
        return {"name": self.name, "summary": self.summary, "task": self.task, **values}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Recipe":
        """Inverse of `to_json`. ValueError for an unknown field, or a missing one."""
        values = {"fade_ms": 0.0} | values  # recipes of before had no fades
        unknown = set(values) - {"name", "summary", "task", *CHOICES}
        if unknown:
            raise ValueError(f"no recipe has the field {sorted(unknown)[0]!r}.")
        missing = {"name", "summary", "views"} - set(values)
        if missing:
            raise ValueError(f"the recipe lacks the field {sorted(missing)[0]!r}.")
        return make(**values)


def make(name: str, summary: str, **choices: Any) -> Recipe:
    """A new recipe from choices by name, and `task`. Raises ChoiceError as `Recipe.replace`.

    Example:
      >>> make("mine", "Bins alone.", views="bins@32/8:1,3", evaluations=50).optimiser.evaluations
      50
    """
    task = choices.pop("task", "texture")
    by_stage: dict[str, dict[str, Any]] = {}
    for key, value in choices.items():
        choice = _get_choice(key)
        by_stage.setdefault(choice.stage, {})[choice.field.name] = value
    stages: dict[str, Any] = {
        stage: STAGES[stage](**values) for stage, values in by_stage.items() if stage in STAGES
    }
    terms = tuple(
        TERMS[term].choices(**values) for term, values in by_stage.items() if term in TERMS
    )
    return Recipe(name, summary, task, **stages, terms=terms)


def _get_choice(name: str) -> Choice:
    if name not in CHOICES:
        near = difflib.get_close_matches(name, CHOICES, n=1)
        hint = f"; did you mean {near[0]}?" if near else "."
        raise ChoiceError(f"no recipe has a choice named {name!r}{hint}", field=name)
    return CHOICES[name]


def _to_json_value(value: Any) -> Any:
    if not isinstance(value, tuple):
        return value
    return [entry if isinstance(entry, float) else str(entry) for entry in value]


def _format_value(value: Any) -> str:
    return repr(" ".join(map(str, value)) if isinstance(value, list) else value)


def _join_names(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
