"""initialise.py: what a run starts from; a sample of a generator (walks: test_walk.py)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_generators
from helpers import crackle, relative_error
from small_recipes import ALONE, MEL, RATE, prepare, small

from audio_texture import audio, generators, synthesis
from audio_texture.errors import ChoiceError


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Files of generators by their number of channels; each has two styles."""
    folder = tmp_path_factory.mktemp("generators")
    for channels in (1, 2):
        generators.save(
            str(folder / f"{channels}.safetensors"),
            small_generators.make_generator(channels=channels, styles=2),
        )
    return lambda channels=1: str(folder / f"{channels}.safetensors")


def recipe_of(path, **choices):
    chosen = {"start": "generator", "start_generator": path, "views": MEL, **ALONE}
    return small(**{**chosen, **choices})


def rendered_start(problem, seed=0):
    """The wave that the canvas has before the first step, [C, N]."""
    parameters, data = problem.init(jax.random.key(seed))
    return np.asarray(problem.compiled.to_wave(jax.random.key(0), parameters, data["constants"]))


def decibels(error):
    return 20 * np.log10(error)


@pytest.mark.parametrize("channels", [1, 2])
def test_the_start_is_the_generators_sample(path, channels):
    """Noise and gains that render the sample, at the reference's modelled level."""
    wave = crackle(6000, channels)
    problem = prepare(recipe_of(path(channels)), [wave])
    made = rendered_start(problem, seed=4)
    margin, samples = 256, 4000
    start_key, _ = jax.random.split(jax.random.key(4))
    parameters, _ = problem.init(jax.random.key(4))
    seed = int(jax.random.bits(jax.random.key(4), dtype=jnp.uint32))
    length = parameters["noise"].shape[1]
    sample = generators.first_seconds(
        generators.load(path(channels)), [1.0, 0.0], seconds=length / RATE, seed=seed
    )
    sample *= problem.recipe.signal.level / audio.audible_rms(sample, sample_rate=RATE)
    expected = sample[:, margin : margin + samples]
    assert decibels(relative_error(made, expected)) < -40
    # What is optimised is scaled as the optimiser expects it: noise of a power near one, and gains.
    assert 0.2 < np.std(parameters["noise"]) < 5
    assert np.std(parameters["gain"]) > 0.1


def test_seeds_and_styles(path):
    """The run's key decides; a style is chosen by its name or its number."""
    first = rendered_start(prepare(recipe_of(path())))
    np.testing.assert_array_equal(rendered_start(prepare(recipe_of(path()))), first)
    assert relative_error(rendered_start(prepare(recipe_of(path())), seed=1), first) > 0.5
    for style, same in (("crackle", True), ("0", True), ("noise", False), ("1", False)):
        made = rendered_start(prepare(recipe_of(path(), start_style=style)))
        assert np.array_equal(made, first) == same, style


def test_a_run_goes_on_from_the_sample(path):
    """Catches a start that the optimiser cannot leave, and a result at another level."""
    problem, wave = prepare(recipe_of(path(), evaluations=12)), crackle(6000)
    texture = synthesis.run(problem, jax.random.key(0))
    _, data = problem.init(jax.random.key(0))
    begin = synthesis.run(problem, jax.random.key(0), evaluations=1).outcome.progress[0].loss
    assert texture.outcome.progress[-1].loss < 0.7 * begin and data["scale"] == 1
    assert audio.audible_rms(texture.wave, sample_rate=RATE) == pytest.approx(
        audio.audible_rms(wave, sample_rate=RATE), rel=0.02
    )


def test_what_a_generator_cannot_start(path, tmp_path):
    """All in one line that names the choice, before anything is fitted."""
    (tmp_path / "text").write_text("text")
    mono, begun = crackle(6000), []
    cases = (
        (recipe_of(""), [mono], "start_generator", "start_generator must be a file"),
        (recipe_of(str(tmp_path / "none")), [mono], "start_generator", "No such file"),
        (recipe_of(str(tmp_path / "text")), [mono], "start_generator", "safetensors"),
        (recipe_of(path(2)), [mono], "start_generator", "2 unlike channels, and the recording"),
        (recipe_of(path(), sample_rate=16000), [mono], "start_generator", "sample_rate=8000"),
        (recipe_of(path(), start_style="sea"), [mono], "start_style", "crackle, noise.*'sea'"),
        (recipe_of(path(), start_style="2"), [mono], "start_style", "from 0 to 1, got '2'"),
        (recipe_of(path()), [mono, crackle(6000, seed=1)], "start", "mixture or morph"),
    )
    for recipe, sounds, field, said in cases:
        with pytest.raises(ChoiceError, match=said) as caught:
            prepare(recipe, sounds, on_fit=lambda: begun.append(1))
        assert caught.value.field == field and "\n" not in str(caught.value)
    assert not begun
