"""terms/: each entry of the registry builds its objective, by its name and its weight's name."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import crackle, noise
from small_recipes import VIEW, make_recipe

from audio_texture import matching, views
from audio_texture.choices import DYNAMIC
from audio_texture.config import CHOICES
from audio_texture.errors import ChoiceError
from audio_texture.terms import TERMS, Context, of_inputs
from audio_texture.views import View

RATE = 4000
INPUTS = ("wave", "style", "features", "content", "envelope", "canvas")
SMALL = {
    "filters": 4,
    "views": (View(8, (2,), 16.0, 8.0),),
    "patches_views": (View(8, (2,), 16.0, 8.0),),
    "rhythm_seconds": 0.05,
}
of_every = pytest.mark.parametrize("name", TERMS)


def build(name):
    """A term's objective, what it is fitted to and what it is a distance of."""
    recipe, term = make_recipe(**SMALL), TERMS[name]
    context = Context(recipe, RATE, None, None, recipe.dynamic_hparams())
    (view,) = recipe.analysis.views
    reference, x = crackle(2400), noise(2400, seed=1)
    if name == "novelty":  # it is 0 for all but what was there
        x = 2 * reference
    if term.inputs == "wave":
        return term.build(context), reference, x
    reference, x = (
        views.of_wave(jnp.asarray(wave), view=view, rate=RATE) for wave in (reference, x)
    )
    if term.inputs == "canvas":
        return term.build(context), (), 3 * x
    arguments = (0,) if term.inputs in ("style", "content") else ()
    if term.inputs == "features":
        reference, x = reference[:, 0], x[:, 0]
    return term.build(context, view, *arguments), reference, x


@of_every
def test_each_term_builds_on_its_inputs(name):
    """A distance that is finite and above 0, whose terms add up; its target is made of arrays."""
    objective, reference, x = build(name)

    @jax.jit
    def measure(reference, x):
        return objective.distance(objective.fit(reference), x)

    total, terms = measure(reference, x)
    assert total.shape == () and np.isfinite(total) and total > 0
    assert sum(terms.values()) == pytest.approx(float(total), rel=1e-5)


@of_every
def test_each_term_has_a_weight_of_its_name(name):
    """A weight is a choice that enters programs as data, at least 0, with its own help."""
    term, choice = TERMS[name], CHOICES[f"{name}_weight"]
    assert term.name == name and choice.stage == name and choice.field.name == "weight"
    assert dataclasses.fields(term.choices)[0].name == "weight"
    assert choice.field.metadata["kind"] == DYNAMIC and choice.field.metadata["at_least"] == 0


@of_every
def test_each_term_says_what_it_compares(name):
    """Summaries and help texts stand in --help; only a help text is a sentence."""
    term = TERMS[name]
    assert term.inputs in INPUTS and term.elsewhere in ("refused", "ignored")
    assert term.summary and not term.summary.endswith(".") and "\n" not in term.summary
    for field in dataclasses.fields(term.choices):
        meaning = field.metadata["meaning"]
        assert meaning.endswith(".") and "\n" not in meaning


@of_every
@pytest.mark.parametrize("canvas", ["waveform", "spectrogram"])
def test_a_weight_on_a_wrong_canvas_is_refused(name, canvas):
    """By name, but for the weight of bounds, which every recipe may keep."""
    term = TERMS[name]
    choices = {"canvas": canvas, f"{name}_weight": 1.0, "filters": 4}
    choices |= {"compression": "fixed"} if canvas == "spectrogram" else {}
    if canvas in term.canvases or term.elsewhere == "ignored":
        assert make_recipe(**choices).term(name).weight == 1
        return
    with pytest.raises(ChoiceError, match=f"{name}_weight must be 0 on a {canvas} canvas") as error:
        make_recipe(**choices)
    assert error.value.field == f"{name}_weight" and error.value.others == ("canvas",)


def test_terms_of_the_loss_have_their_names():
    """In metrics.jsonl a term on waves has its registry's name, a style its view's text."""
    waves = {f"{term.name}_weight": 0.5 for term in of_inputs("wave")}
    style = matching.style_objective(make_recipe(**SMALL | waves), RATE, [1.0])
    wave = crackle(2400)
    _, terms = jax.eval_shape(lambda x: style.distance(style.fit([x]), x), wave)
    names = {"auditory", "texstat", "scattering", "patches", "rhythm", "novelty", "levels"}
    assert set(terms) == {str(SMALL["views"][0]), *names}


def test_regularisers_of_a_spectrogram_have_names():
    """On a spectrogram canvas the loss has a term for each weight above 0, and no other."""
    recipe = make_recipe(canvas="spectrogram", compression="fixed", bound_weight=0.1)
    assert set(matching.regularisers(recipe, recipe.dynamic_hparams())) == {"bound"}
    recipe = recipe.replace(variation_weight=1.0, power_weight=1.0)
    names = {"bound", "variation", "power"}
    assert set(matching.regularisers(recipe, recipe.dynamic_hparams())) == names
    waveform = make_recipe(bound_weight=0.1, views=(VIEW,))
    assert not matching.regularisers(waveform, waveform.dynamic_hparams())
