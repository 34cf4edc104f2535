"""effects.py: which choices do nothing, the table against what runs make."""

import contextlib
from collections.abc import Iterator

import jax
import numpy as np
import pytest
from helpers import crackle, noise

from audio_texture import effects, recipes, streaming, style_transfer, synthesis
from audio_texture.choices import Tap
from audio_texture.config import CHOICES, Recipe
from audio_texture.views import View

RATE = 4000
VIEW, OTHER_VIEW = View(0, (1, 3), 16.0, 4.0), View(0, (2,), 20.0, 5.0)

# What is tried in place of a recipe's own value, where it is another.
TRIED = {
    "canvas": ["waveform", "spectrogram"],
    "sample_rate": [0, 4410],
    "level": [0.0, 0.05],
    "fade_ms": [0.0],
    "views": [(OTHER_VIEW,)],
    "scale": ["views", "linear", "mel", "log"],
    "time_scale": [(), (24.0,), (28.0, 600.0)],
    "frequency_scale": ["", "500hz"],
    "compression": ["relative", "fixed", "peak", "none"],
    "sharpness": [1.0],
    "standardised": [True, False],
    "smoothing_hz": [50.0],
    "gain_bands": [0, 4],
    "gain_window_ms": [16.0],
    "start": ["standard", "uniform", "walk"],
    "start_generator": [],
    "start_style": [],
    "representation": ["magnitude", "real-imaginary", "samples"],
    "network": ["1d-frequency", "1d-time", "2d"],
    "weights_file": [],
    "filters": [0, 3],
    "growth": [1, 2],
    "depth": [1, 2, 4],
    "dilation": [1, 2],
    "pool": [1, 2],
    "pooling": ["mean", "max"],
    "initialisation": ["normal", "uniform"],
    "padding": ["valid", "same"],
    "style_layers": [(), (Tap("relu_1"),), (Tap("conv_1"),), (Tap("pool_1"),), (Tap("input"),)],
    "content_layers": [(), (Tap("relu_1"),), (Tap("conv_1"),), (Tap("pool_1"),), (Tap("input"),)],
    "content_views": [(), (OTHER_VIEW,)],
    "statistic": ["gram", "bin-grams", "transport", "chained-gram"],
    "gram_shift": [-1.0],
    "autocorrelation_weight": [0.0, 5.0],
    "diversity_weight": [0.0, 5.0],
    # "start" scales all of a texture's loss, with networks or without.
    "normalised_by": ["target", "nothing"],
    "style_weight": [0.5],
    "content_weight": [0.0, 0.5],
    "balanced": [True, False],
    "guide_levels": [1, 2],
    "guide_bands": [1, 2],
    "envelope_of": ["style", "content"],
    "loudness_weight": [0.0, 0.5],
    "spectrum_weight": [0.0, 0.5],
    "auditory_weight": [0.0, 0.5],
    "texstat_weight": [0.0, 0.5],
    "scattering_weight": [0.0, 0.5],
    "patches_weight": [0.0, 0.5],
    "patches_views": [(View(8, (2,), 16.0, 4.0),)],
    "rhythm_weight": [0.0, 0.5],
    "levels_weight": [0.0, 0.5],
    "novelty_weight": [0.0, 0.5],
    "novelty": [0.5],
    "rhythm_seconds": [0.02],
    "bound_weight": [0.0, 0.5],
    "variation_weight": [0.0, 0.5],
    "power_weight": [0.0, 0.5],
    "block_seconds": [0.11, 0.5],
    "stretch_seconds": [0.08],
    "start_content": [0.0, 0.5],
    "start_recoloured": [True, False],
    "start_shape": [0.0, 0.5],
    "optimizer": ["lbfgs", "adam"],
    "history": [1],
    "learning_rate": [0.2],
    "evaluations": [4],
    "tolerance": [0.0, 0.9],
    "phase_start": ["spsi", "random"],
    "phase_iterations": [0, 3],
    "phase_momentum": [0.0, 0.9],
    # Of classical methods, each with a run of its own below.
    "method": [],
    "grain_ms": [40.0],
    "ctflp_order": [3],
    "ctflp_envelope_order": [2],
    "ctflp_frame_ms": [20.0],
    "tree_threshold": [0.0, 0.5],
    "tree_predecessors": [0, 6],
    "natural_grain_ms": [8.0, 90.0],
    "natural_grain_cuts": [10.0, 100.0],
    "natural_grain_likeness": [0.0, 8.0],
    "texenv_rate_hz": [20.0],
    "path": ["loudness:-20,0"],
    "texenv_bands": [4],
    "prosody_pitch": [0.0],
    "prosody_energy": [0.0],
}

SHORT = {"evaluations": 12, "views": (VIEW,), "block_seconds": 6.0}
# What these runs do not show: in a quarter of a second stretches are no shorter than the onsets'
# longest patches.
UNSEEN = {
    "waveform, time scales": ["stretch_seconds"],
    # In a dozen evaluations a transfer comes nowhere near a copy of its style.
    "transfer": ["stretch_seconds", "novelty_weight"],
    "transfer, envelopes": ["novelty_weight"],
    "transfer, inputs alone": ["novelty_weight"],
    # As "transfer", and layers deeper than are matched are all that can be tried.
    "transfer, parts": ["novelty_weight", "depth"],
    # Of these layers only kernels of one frame fit, and deeper ones than are matched are all that
    # can be tried.
    "transfer, inversion": ["depth", "dilation", "padding", "time_scale"],
}
# A waveform without gains, as networks over parts of a transform have it.
PARTS = {
    "auditory_weight": 0.0,
    "rhythm_weight": 0.0,
    "gain_bands": 0,
    "compression": "none",
    "standardised": False,
    "filters": 4,
}
FROM_SPECTROGRAM = {**SHORT, "phase_iterations": 2}
DEEP = {
    "filters": 4,
    "depth": 3,
    "pool": 2,
    "style_layers": (Tap("relu_1"),),
    "content_layers": (Tap("relu_2"),),
}


def of(name: str, **values) -> Recipe:
    """A named recipe with other choices."""
    return recipes.named(name).replace(**values)


CASES = {
    "waveform": (
        "texture",
        of(
            "texture",
            **SHORT,
            patches_views=(View(8, (1, 4), 16.0, 4.0),),
            rhythm_seconds=0.1,
            auditory_weight=0.0,
        ),
    ),
    "waveform, networks alone": (
        "texture",
        of("texture-fast", **SHORT, levels_weight=0.0, start="standard", optimizer="adam"),
    ),
    "waveform, explicit": (
        "texture",
        of("texture-fast", **SHORT, filters=4, depth=2, pool=2, levels_weight=0.0),
    ),
    "waveform, time scales": (
        "texture",
        of("texture-fast", **SHORT, rhythm_weight=0.1, levels_weight=0.0, time_scale=(24.0,)),
    ),
    "no views": ("texture", of("mcdermott-simoncelli", evaluations=12)),
    "no views, levels": (
        "texture",
        of(
            "mcdermott-simoncelli",
            evaluations=12,
            auditory_weight=0.0,
            levels_weight=1.0,
            gain_bands=8,
        ),
    ),
    "real and imaginary": (
        "texture",
        of(
            "caracalla-roebel",
            **SHORT | {"views": (View(0, (3,), 16.0, 4.0),)},
            sample_rate=0,
            filters=4,
        ),
    ),
    "spectrogram": ("texture", of("infinite-width", **FROM_SPECTROGRAM, sample_rate=0)),
    "spectrogram, explicit": (
        "texture",
        of("paper-1d", **FROM_SPECTROGRAM, sample_rate=0, filters=4),
    ),
    "spectrogram, no phases": (
        "texture",
        of(
            "infinite-width",
            **FROM_SPECTROGRAM | {"phase_iterations": 0, "phase_momentum": 0.0},
            sample_rate=0,
        ),
    ),
    "transfer": ("transfer", of("transfer", **SHORT, auditory_weight=0.0, rhythm_seconds=0.1)),
    "transfer of no style": (
        "transfer",
        of("transfer", **SHORT, auditory_weight=0.0, style_weight=0.0),
    ),
    "transfer by the ear": ("transfer", of("grinstein-auditory", evaluations=12)),
    "transfer, spectrogram": (
        "transfer",
        of("paper-transfer-1d", **FROM_SPECTROGRAM, **DEEP, sample_rate=0),
    ),
    "transfer, spectrogram from noise": (
        "transfer",
        of("ulyanov-lebedev", **FROM_SPECTROGRAM, filters=4, sample_rate=0),
    ),
    "transfer, inversion": (
        "transfer",
        of("mahendran-vedaldi", **FROM_SPECTROGRAM, sample_rate=0, filters=4),
    ),
    "transfer, parts": (
        "transfer",
        of(
            "transfer",
            **SHORT | PARTS,
            representation="real-imaginary-magnitude",
            style_layers="magnitudes,relu_1",
            content_layers="input,relu_1",
        ),
    ),
    "transfer, inputs alone": (
        "transfer",
        of(
            "transfer",
            **SHORT | PARTS,
            representation="samples",
            style_layers="input",
            content_layers="input",
        ),
    ),
    "transfer, envelopes": ("transfer", of("gatys-control", **SHORT, content_weight=0.0)),
    "stream": ("stream", of("texture-fast", **SHORT | {"block_seconds": 0.3})),
    "loop": ("loop", of("texture-fast", **SHORT)),
}


# Recipes that optimise nothing run in a moment, with all their choices.
DIRECT = {name: recipe for name, recipe in recipes.RECIPES.items() if recipe.is_direct}


def make_buzz(samples: int, frequency: float) -> np.ndarray:
    """A tone with harmonics that swells, [1, samples]."""
    phase = 2 * np.pi * frequency * np.arange(samples) / RATE
    harmonics = sum(np.sin(n * phase) / n for n in range(1, 6))
    return 0.1 * np.linspace(0.2, 1, samples) ** (frequency / 100) * np.array([harmonics])


def make_sound(recipe: Recipe, program: str) -> list[np.ndarray]:
    """The wave of a run by a program and its last loss, if it has one."""
    style, other = crackle(1600, seed=3, level=0.1), noise(1000, seed=4, level=0.1)
    key = jax.random.key(0)
    if program in ("stream", "loop"):
        fitted = streaming.fit_style(recipe, [style], sample_rate=RATE)
        if program == "loop":
            block = streaming.make_loop(streaming.prepare_loop(fitted, seconds=0.25), key)
        else:
            stream = streaming.prepare_stream(fitted)
            _, block = streaming.step(stream, key, streaming.init_state(stream))
        return [block.wave, np.float32(block.outcome.progress[-1].loss)]
    if program == "transfer":
        if recipe.is_direct:
            # Voices: what noise has no pitch for would seem to do nothing.
            style, other = make_buzz(1600, 150), make_buzz(1000, 110)
        problem = style_transfer.prepare(recipe, other, style, sample_rate=RATE)
    else:
        problem = synthesis.prepare(recipe, [style], sample_rate=RATE, seconds=0.25)
    texture = synthesis.run(problem, key)
    return [texture.wave, *(np.float32(row.loss) for row in texture.outcome.progress[-1:])]


def other_recipes(recipe: Recipe, name: str) -> list[Recipe]:
    """The recipe with each other value tried of a choice, where it goes with the rest."""
    others = []
    for value in TRIED[name]:
        if value != recipe.choice(name):
            with contextlib.suppress(ValueError):
                others.append(recipe.replace(**{name: value}))
    return others


def find_changes(recipe: Recipe, name: str, program: str, base: list[np.ndarray]) -> Iterator[bool]:
    """Whether a run's wave or loss changes, by each other value of a choice that can be run."""
    for other in other_recipes(recipe, name):
        with contextlib.suppress(ValueError):
            yield not all(map(np.array_equal, make_sound(other, program), base))


def find_errors(program: str, recipe: Recipe, names: list[str]) -> list[str]:
    """The choices of which the table says what runs do not do."""
    errors, bases = [], {}
    for name in names:
        # L-BFGS needs some steps before it has any to forget.
        own = recipe.replace(evaluations=40) if name == "history" else recipe
        if own.optimiser.evaluations not in bases:
            bases[own.optimiser.evaluations] = make_sound(own, program)
        base = bases[own.optimiser.evaluations]
        reason = effects.without_effect(own, [name], program=program).get(name)
        changed = []
        for change in find_changes(own, name, program, base):
            changed.append(change)
            if change:
                break
        if reason and any(changed):
            errors.append(f"{name} is said to do nothing ({reason}), and does")
        if not reason and changed and not any(changed):
            errors.append(f"{name} is said to do something, and does not")
    return errors


def test_the_table_has_every_choice():
    """Catches a new choice that no rule knows; the seed is a choice of the programs."""
    assert set(effects.RULES) == {*CHOICES, "seed"} and set(TRIED) == set(CHOICES)


@pytest.mark.parametrize("case", CASES)
def test_reasons_are_phrases(case):
    """They follow a flag's name in one line, without a full stop."""
    program, recipe = CASES[case]
    reasons = effects.without_effect(recipe, [*effects.RULES, "out"], program=program)
    assert "out" not in reasons and reasons
    assert all(reason and reason[-1] != "." and "\n" not in reason for reason in reasons.values())


@pytest.mark.long
@pytest.mark.parametrize("case", CASES)
def test_the_table_says_what_runs_do(case):
    """Tries other values of every choice in a short run."""
    program, recipe = CASES[case]
    names = [name for name in TRIED if name not in UNSEEN.get(case, ())]
    assert not find_errors(program, recipe, names)


@pytest.mark.parametrize("name", DIRECT)
def test_the_table_says_what_methods_do(name):
    """What makes its sound in one pass has its own choices, a sample rate and fades, no others."""
    recipe = DIRECT[name]
    assert not find_errors(recipe.task, recipe, [name for name in TRIED if name != "views"])
    reasons = effects.without_effect(recipe, CHOICES, program=recipe.task)
    assert set(CHOICES) - set(reasons) == {"method", "sample_rate", "fade_ms", *recipe.options()}
