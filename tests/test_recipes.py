"""recipes/ and config.py: a recipe survives the disk, and every choice has a name and a help."""

import json
import re

import pytest
from small_recipes import make_recipe

from audio_texture import recipes
from audio_texture.config import CHOICES, Recipe
from audio_texture.errors import ChoiceError
from audio_texture.layer import Layer
from audio_texture.recipes import RECIPES
from audio_texture.views import View


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_survive_the_disk(name):
    """config.json alone makes a recipe again: catches a lost choice, and a type JSON has not."""
    recipe = recipes.named(name)
    again = Recipe.from_json(json.loads(json.dumps(recipe.to_json(), allow_nan=False)))
    assert again == recipe and again.name == name
    assert set(recipe.to_json()) == {"name", "summary", "task", *CHOICES}


@pytest.mark.parametrize("name", RECIPES)
def test_names_and_summaries_fit_a_line(name):
    """They stand in --help and in reports."""
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
    summary = RECIPES[name].summary
    assert summary.endswith(".") and "\n" not in summary and len(summary) <= 120


@pytest.mark.parametrize("name", CHOICES)
def test_every_choice_has_help(name):
    """The launch programs make a flag of each choice."""
    meaning = CHOICES[name].meaning
    assert meaning.endswith(".") and "\n" not in meaning


def test_the_paper_is_what_the_authors_ran():
    """paper.md A.1 to A.7: the authors' sizes, weights, network and phase recovery."""
    paper = recipes.named("paper-1d")
    (view,) = paper.analysis.views
    assert view.sizes(22050) == {"n_fft": 1024, "hop_length": 256} and view.widths == (11,)
    assert paper.layers(11) == (Layer(11, 1, 1, 4096),)
    expected = {
        "sample_rate": 22050,
        "style_weight": 1e9,
        "bound_weight": 1e-3,
        "evaluations": 500,
        "initialisation": "uniform",
        "padding": "same",
        "phase_start": "spsi",
        "phase_iterations": 50,
        "phase_momentum": 0,
        "level": 0,
        "standardised": False,
        "normalised_by": "nothing",
    }
    assert {name: paper.choice(name) for name in expected} == expected


def test_unknown_recipes_are_refused():
    """The message has the nearest name, or lists all names."""
    with pytest.raises(
        ChoiceError, match="'best' is not a recipe; there are texture, texture-fast, "
    ):
        recipes.named("best")
    with pytest.raises(ChoiceError, match=r"'textur' is not a recipe; did you mean texture\?"):
        recipes.named("textur")


def test_unknown_fields_are_refused():
    """Catches a config.json of another version, read in part."""
    with pytest.raises(ValueError, match="no recipe has the field 'width'"):
        Recipe.from_json({**make_recipe().to_json(), "width": 11})


@pytest.mark.parametrize("lost", ["name", "views"])
def test_missing_fields_are_refused(lost):
    """Catches a traceback for a config.json that was edited by hand."""
    values = make_recipe().to_json()
    del values[lost]
    with pytest.raises(ValueError, match=lost):
        Recipe.from_json(values)


def test_unknown_choices_are_refused():
    """By replace, by choice and by make: the error carries the name."""
    for use in (
        lambda: make_recipe().replace(width=11),
        lambda: make_recipe().choice("width"),
        lambda: make_recipe(width=11),
    ):
        with pytest.raises(ChoiceError, match="no recipe has a choice named 'width'") as error:
            use()
        assert error.value.field == "width"


def test_replace_sets_choices_by_their_flags():
    """Text is parsed; the rest of the recipe stays; a term at its defaults is not kept."""
    recipe = make_recipe(auditory_weight=0.5)
    other = recipe.replace(views="bins@32/8:1", auditory_weight=0, filters=8)
    assert other.analysis.views == (View(0, (1,), 32.0, 8.0),) and other.network.filters == 8
    assert other.terms == () and other.name == recipe.name
    assert other.replace(views=recipe.analysis.views, auditory_weight=0.5, filters=0) == recipe


def test_recipes_are_shown_by_what_differs():
    """A recipe in a notebook fits a line."""
    recipe = recipes.named("texture-fast").replace(evaluations=7, views="bins@32/8:1")
    assert repr(recipe) == "Recipe('texture-fast', views='bins@32.0/8.0:1', evaluations=7)"
    assert repr(make_recipe()) == "Recipe('some')"


def test_longest_field():
    """Dilation and pools widen a network's receptive field."""
    recipe = make_recipe(depth=2, dilation=2, pool=3)
    assert recipe.longest_field(View(0, (2, 3), 32.0, 8.0)) >= 5 + 2 + 4 * 3


@pytest.mark.parametrize("name", RECIPES)
def test_static_configs_keep_what_decides_the_program(name):
    """A static config is a valid recipe, its own static config, and blind to numbers alone."""
    recipe = recipes.named(name)
    static = recipe.static_config()
    assert static == static.static_config()
    changed = recipe.replace(
        sharpness=9.0,
        style_weight=2 * recipe.term("style").weight,
        evaluations=7,
        learning_rate=0.3,
    )
    assert changed.static_config() == static != recipe.replace(block_seconds=1.0).static_config()


def test_numbers_that_enter_programs_as_data():
    """Catches a number that is compiled into programs: batches would no longer share them."""
    weights = "style content loudness spectrum auditory texstat scattering patches rhythm novelty"
    names = [
        f"{name}_weight"
        for name in f"{weights} levels autocorrelation diversity bound variation power".split()
    ]
    hparams = recipes.named("texture").dynamic_hparams()
    assert set(hparams) == {"sharpness", "learning_rate", "novelty", *names}
    assert all(value.dtype == "float32" for value in hparams.values())
