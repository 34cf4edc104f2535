"""Small recipes for tests, textures by them of half a second of sound, and their measures."""

import contextlib
import functools
from typing import Any

import jax
import numpy as np
from helpers import crackle

from audio_texture import config, recipes, synthesis
from audio_texture.views import View

VIEW = View(0, (3,), 32.0, 8.0)
RATE, SECONDS = 8000, 0.5
REFERENCE = crackle(6000)
# One small view: a network of it compiles in half a second.
MEL = (View(8, (1, 3), 16.0, 4.0),)

_TWO_VIEWS = (View(0, (2,), 16.0, 4.0), View(8, (6,), 16.0, 4.0))
_SPECTROGRAM = {"sample_rate": RATE, "evaluations": 40, "phase_iterations": 20}
# The recipes for textures, whole but for the sizes.
SMALL = {
    "texture": {"views": _TWO_VIEWS, "evaluations": 40},
    "texture-fast": {"views": _TWO_VIEWS, "evaluations": 40},
    "mcdermott-simoncelli": {"evaluations": 40},
    "texstat": {"evaluations": 40},
    "scattering": {"evaluations": 40},
    "infinite-width": {"views": (View(0, (2, 6), 16.0, 4.0),), **_SPECTROGRAM},
    "antognini": {"views": (View(0, (2, 5), 16.0, 4.0),), "filters": 16, **_SPECTROGRAM},
    "caracalla-roebel": {
        "views": (View(0, (3, (2, 5)), 16.0, 8.0),),
        "sample_rate": RATE,
        "filters": 6,
        "evaluations": 40,
    },
    "gaussian-ot": {
        "views": (View(0, ((2, 9),), 8.0, 4.0),),
        "sample_rate": RATE,
        "filters": 2,
        "evaluations": 40,
    },
    "ustyuzhaninov": {"views": (View(0, (3, 5), 16.0, 4.0),), "filters": 6, **_SPECTROGRAM},
    "paper-1d": {"views": (View(0, (5,), 16.0, 4.0),), "filters": 32, **_SPECTROGRAM},
}
# The networks and levels without the terms beside them.
ALONE = {"auditory_weight": 0.0, "patches_weight": 0.0, "rhythm_weight": 0.0}


def make_recipe(**choices: Any) -> config.Recipe:
    """A recipe named "some" with one view of bins; choices by name."""
    return config.make("some", "For tests.", **{"views": (VIEW,), **choices})


def small(name: str = "texture-fast", **choices: Any) -> config.Recipe:
    """A small recipe; by default networks and levels alone, which compile the fastest."""
    return recipes.named(name).replace(**{**SMALL[name], **choices})


def prepare(recipe, sounds=(REFERENCE,), *, rate=RATE, seconds=SECONDS, **options):
    """`synthesis.prepare`, by default of half a second of the shared reference."""
    return synthesis.prepare(recipe, list(sounds), sample_rate=rate, seconds=seconds, **options)


def make_texture(recipe, sounds=(REFERENCE,), *, seed=0, **options):
    """A texture by a recipe; options are those of `prepare`."""
    return synthesis.run(prepare(recipe, sounds, **options), jax.random.key(seed))


@functools.cache
def shared_problem(name: str) -> synthesis.Problem:
    """A small recipe applied to the shared reference, prepared once for all tests of a file."""
    return prepare(small(name))


@functools.cache
def shared_texture(name: str = "texture-fast", seed: int = 0) -> synthesis.Texture:
    """A texture of the shared problem."""
    return synthesis.run(shared_problem(name), jax.random.key(seed))


def start_loss(problem: synthesis.Problem) -> float:
    """The loss after one evaluation: that of the start."""
    return synthesis.run(problem, jax.random.key(0), evaluations=1).outcome.progress[-1].loss


def last_loss(texture: synthesis.Texture) -> float:
    """The loss that a run ended at."""
    return texture.outcome.progress[-1].loss


def measure_kurtosis(wave: np.ndarray) -> float:
    """Of samples: 3 for Gaussian noise, more for clicks."""
    return float(np.mean(wave**4) / np.mean(wave**2) ** 2)


@contextlib.contextmanager
def count_compilations():
    """Counts what JAX's backend compiles within the block, in a list."""
    compiled = []

    def note(name, *_, **__):
        if name == "/jax/core/compile/backend_compile_duration":
            compiled.append(name)

    jax.monitoring.register_event_duration_secs_listener(note)
    try:
        yield compiled
    finally:
        jax.monitoring.unregister_event_duration_listener(note)
