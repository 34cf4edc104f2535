"""stages.py, terms/ and choices.py: types, ranges and rules, each refused by the choice's name."""

import dataclasses
import math
import pickle

import numpy as np
import pytest
from small_recipes import VIEW, make_recipe

from audio_texture.choices import Tap
from audio_texture.config import CHOICES, STAGES, Recipe
from audio_texture.errors import ChoiceError
from audio_texture.terms import TERMS
from audio_texture.views import View

# Choices under which a value out of range meets no other rule first.
SPECTROGRAM = {"canvas": "spectrogram", "compression": "fixed"}
BOTH_BINS = (View(0, ((2, 3),), 32.0, 8.0),)
OTHER_HOP = (VIEW, View(0, (1,), 16.0, 8.0))
OTHER_SCALE = (VIEW, View(90, (3,), 32.0, 8.0, scale="log"))
ON_WAVES = "must be 0 on a spectrogram canvas"


def refuse(choices):
    """The error that refuses choices; its message is one sentence without a line's end."""
    with pytest.raises(ChoiceError) as error:
        make_recipe(**choices)
    text = str(error.value)
    assert text.endswith(".") and "\n" not in text
    return error.value


def choices_with(rule):
    """Names of the choices that declare a rule: "options", "at_least", "above" or "parse"."""
    rules = {name: choice.field.metadata[rule] for name, choice in CHOICES.items()}
    return [name for name, value in rules.items() if value not in (None, ())]


# ---------------------------------------------------------------- every choice


@pytest.mark.parametrize("name", CHOICES)
def test_wrong_types_are_refused(name):
    """A value of another type names its choice, whichever stage or term it belongs to."""
    kind = CHOICES[name].type
    wrong = "yes" if kind in (bool, int, float) else 3
    said = {bool: "true or false", int: "a number", float: "a number", str: "text"}
    error = refuse({name: wrong})
    assert error.field == name
    assert str(error).startswith(f"{name} must be {said.get(kind, 'text or a sequence')}, got ")


@pytest.mark.parametrize("name", choices_with("options"))
def test_unknown_options_are_refused(name):
    """The message lists the options."""
    error = refuse({name: "other"})
    options = ", ".join(CHOICES[name].options)
    assert str(error) == f"{name} must be one of {options}, got 'other'." and error.field == name


@pytest.mark.parametrize("name", choices_with("at_least"))
def test_values_below_the_least_are_refused(name):
    """And NaN, where the choice is a float."""
    choice = CHOICES[name]
    least = choice.field.metadata["at_least"]
    for value in (least - 1, math.nan) if choice.type is float else (least - 1,):
        error = refuse({name: value})
        assert error.field == name
        assert str(error) == f"{name} must be at least {least}, got {choice.type(value)}."


@pytest.mark.parametrize("name", choices_with("above"))
def test_values_at_a_bound_are_refused(name):
    """Zero, infinity and NaN where a choice must be above zero and finite."""
    for value in (0.0, math.inf, math.nan):
        error = refuse({name: value})
        assert str(error) == f"{name} must be above 0, got {value:g}." and error.field == name


@pytest.mark.parametrize("name", [name for name in CHOICES if CHOICES[name].type is int])
def test_fractions_of_whole_numbers_are_refused(name):
    """A whole number may be a float, as in JSON; a fraction may not be rounded in silence."""
    for value in (1.5, math.inf, math.nan):
        error = refuse({name: value})
        assert str(error) == f"{name} must be a whole number, got {value:g}."
        assert error.field == name


@pytest.mark.parametrize("name", choices_with("parse"))
def test_text_that_cannot_be_read_is_refused(name):
    """The error quotes the text and carries the name."""
    error = refuse({name: "relu_1*"})
    assert "'relu_1*'" in str(error) and error.field == name


def test_values_are_brought_to_their_types():
    """NumPy numbers and whole floats become plain ones: equal recipes compare and hash equal."""
    recipe = make_recipe(filters=np.int64(8), depth=2.0, level=0, standardised=np.bool_(False))
    assert recipe == make_recipe(filters=8, depth=2, level=0.0, standardised=False)
    types = [type(recipe.choice(name)) for name in ("filters", "depth", "level", "standardised")]
    assert types == [int, int, float, bool] and hash(recipe) == hash(recipe.replace())


def test_every_stage_and_term_names_its_choices():
    """A choice belongs to one stage or term, and has a name of its own."""
    fields = {
        **{stage: dataclasses.fields(kind) for stage, kind in STAGES.items()},
        **{name: dataclasses.fields(term.choices) for name, term in TERMS.items()},
    }
    assert sum(map(len, fields.values())) == len(CHOICES)
    assert {choice.stage for choice in CHOICES.values()} == set(fields)
    assert all(f"{name}_weight" in CHOICES for name in TERMS)


# ---------------------------------------------------------------- rules of single stages and terms


@pytest.mark.parametrize(
    "choices, field, message",
    [
        ({"task": "music"}, "task", "task must be one of texture, transfer, got 'music'"),
        ({"style_weight": 0.0}, "style_weight", "style_weight must be above 0, got 0"),
        ({"style_weight": math.inf}, "style_weight", "style_weight must be above 0, got inf"),
        ({"phase_momentum": 1.0}, "phase_momentum", "must be from 0 to below 1, got 1"),
        ({"phase_momentum": -0.1}, "phase_momentum", "must be from 0 to below 1, got -0.1"),
        ({"sample_rate": 3999}, "sample_rate", "must be 0 or from 4000 to 384000 Hz, got 3999"),
        ({"sample_rate": 384001}, "sample_rate", "must be 0 or from 4000 to 384000 Hz"),
        ({"start_content": 1.5}, "start_content", "must be from 0 to 1, got 1.5"),
        ({"time_scale": (3.0, -1.0)}, "time_scale", "must be milliseconds above 0, got 3, -1"),
        ({"time_scale": "3,x"}, "time_scale", "'x' must be numbers separated by commas"),
        ({"compression": "peak"}, "compression", "representation must not be magnitude"),
        ({"network": "2d"}, "filters", "filters must be above 0 with network=2d"),
        ({"pooling": "max", "pool": 2}, "pooling", "must be mean with infinitely many filters"),
        ({"style_layers": "relu_4"}, "style_layers", "'relu_4' is not a layer of this network"),
        ({"style_layers": "conv_1"}, "style_layers", "must be relu_ or pool_ .*, got 'conv_1'"),
        ({"content_layers": "conv_1"}, "content_layers", "must be relu_ or pool_ .* got 'conv_1'"),
    ],
    ids=str,
)
def test_values_that_cannot_be_are_refused(choices, field, message):
    """Message = name, value, rule: it becomes the one line a user sees."""
    with pytest.raises(ChoiceError, match=message) as error:
        make_recipe(**choices)
    assert error.value.field == field


# ---------------------------------------------------------------- rules between stages and terms


@pytest.mark.parametrize(
    "choices, field, message",
    [
        ({"views": ()}, "views", "views must hold at least one view where auditory_weight, "),
        (
            {"patches_weight": 0.1, "patches_views": ()},
            "patches_views",
            "must hold at least one view",
        ),
        (
            {"autocorrelation_weight": 1.0},
            "autocorrelation_weight",
            "filters must be above 0 and network 1d-frequency with autocorrelation_weight",
        ),
        (
            {"network": "2d", "filters": 4, "diversity_weight": 1.0},
            "diversity_weight",
            "network 1d-frequency with diversity_weight",
        ),
        ({"statistic": "bin-grams", "filters": 4}, "network", "must be 2d with statistic="),
        ({"statistic": "chained-gram"}, "style_layers", "must be at least two"),
        (
            {"views": BOTH_BINS, "filters": 4},
            "network",
            "network must be 2d or 1d-time where widths have bins",
        ),
        (
            {"frequency_scale": "200hz"},
            "frequency_scale",
            "frequency_scale=200hz is for networks that slide along frequency",
        ),
        (
            {"representation": "real-imaginary", "network": "2d", "filters": 4},
            "representation",
            "must go with a waveform canvas, network=1d-frequency or 2d, compression=peak",
        ),
        ({**SPECTROGRAM, "views": OTHER_HOP}, "views", "must share one window and hop"),
        ({**SPECTROGRAM, "views": OTHER_SCALE}, "views", "must share one scale"),
        ({"canvas": "spectrogram"}, "compression", "must be fixed on a spectrogram canvas"),
        (
            {**SPECTROGRAM, "scale": "cqt", "task": "transfer"},
            "scale",
            "scale must not be cqt for a transfer on a spectrogram canvas",
        ),
        ({"start": "walk", "gain_bands": 0}, "start", "start must not be walk without"),
        ({**SPECTROGRAM, "start": "walk"}, "start", "start must not be walk without"),
        ({"start": "walk", "task": "transfer"}, "start", "must not be walk .* transfer"),
        ({**SPECTROGRAM, "start": "generator"}, "start", "start must not be generator without"),
        ({"start": "generator", "task": "transfer"}, "start", "must not be gen.* transfer"),
        ({"start_shape": 1.0, "gain_bands": 0}, "start_shape", "start_shape must be 0 without"),
        (
            {"task": "transfer", "style_weight": 0.0, "content_weight": 0.0},
            "style_weight",
            "style_weight must be at least 0 and not 0 with content_weight",
        ),
        (
            {"task": "transfer", "views": (), "rhythm_weight": 1.0},
            "views",
            "views or content_views must hold at least one view",
        ),
    ],
    ids=str,
)
def test_choices_that_do_not_go_together(choices, field, message):
    """The error carries the choice to change first."""
    with pytest.raises(ChoiceError, match=message) as error:
        make_recipe(**choices)
    assert error.value.field == field and set(error.value.others) <= set(CHOICES)


@pytest.mark.parametrize(
    "choices",
    [
        {"pooling": "max"},
        {"pooling": "max", "pool": 2, "filters": 8},
        {**SPECTROGRAM, "views": (VIEW, View(24, (5,), 32.0, 8.0))},
        {"level": 0.0, "tolerance": 0.01},
        {"views": (), "auditory_weight": 1.0},
        {"views": (), "rhythm_weight": 0.1},
        {"task": "transfer", "views": (), "content_weight": 0.0, "levels_weight": 1.0},
        {"network": "2d", "filters": 4, "views": BOTH_BINS, "statistic": "bin-grams"},
    ],
    ids=str,
)
def test_choices_that_go_together(choices):
    """Catches a rule that refuses too much; what is accepted survives its JSON."""
    assert Recipe.from_json(make_recipe(**choices).to_json()) == make_recipe(**choices)


def test_errors_survive_a_process():
    """A sweep's workers send them back pickled."""
    error = refuse({"canvas": "spectrogram"})
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.field, again.others) == (str(error), error.field, error.others)


# ---------------------------------------------------------------- layers


def test_layers_survive_their_text():
    """With and without weights."""
    style = make_recipe(style_layers="relu_1, relu_2*0.5", depth=2).term("style")
    assert style.layers == (Tap("relu_1"), Tap("relu_2", 0.5))
    assert [str(tap) for tap in style.layers] == ["relu_1", "relu_2*0.5"]
    assert make_recipe(content_layers="").term("content").layers == ()


@pytest.mark.parametrize("text", ["relu_1*", "relu_1*x", "relu_1*0", "relu_1*inf"])
def test_layers_that_cannot_be_read_are_quoted(text):
    """A star without a weight is a slip, as is a weight of nothing."""
    with pytest.raises(ValueError, match="layer"):
        Tap.parse(text)
