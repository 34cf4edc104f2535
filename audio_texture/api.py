"""What a notebook calls: sounds in, sounds out. Everything here is in `audio_texture` itself.

Sounds are arrays [N] or [C, N], NumPy or JAX, float (nominally in [-1, 1]) or integer PCM, which is
scaled as soundfile does; rates are in Hz. Errors are ValueErrors of one sentence.
"""

import math
import numbers
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from audio_texture import (
    audio,
    batch,
    optimize,
    recipes,
    references,
    style_transfer,
    synthesis,
)
from audio_texture.config import Recipe
from audio_texture.errors import ChoiceError
from audio_texture.results import Sound, Sounds, save
from audio_texture.sound_input import as_key, as_keys, as_rate, as_waves

# Length of a texture where none is asked for.
SECONDS = 5.0


class Model:
    """A recipe applied to sounds: compiled once, run with as many seeds as wanted.

    Attributes:
      problem: `synthesis.Problem`, for those who want the parts.
      recipe: the choices, without kernels that are too long for the sounds.
      sample_rate: in Hz.
    """

    def __init__(self, problem: synthesis.Problem):
        self.problem = problem
        self.recipe = problem.recipe
        self.sample_rate = problem.sample_rate

    def run(
        self,
        seed: Any = 0,
        *,
        evaluations: int = 0,
        max_seconds: float = math.inf,
        on_progress: Callable[[optimize.ProgressRow], None] | None = None,
    ) -> Sound:
        """Makes one sound.

        Args:
          seed: an integer from 0, or a PRNG key; the same seed gives the same samples on the same
            machine.
          evaluations: budget in place of the recipe's; 0 is the recipe's.
          max_seconds: wall-clock budget of the optimisation.
          on_progress: called after each chunk with a row: evaluations, seconds, loss, terms.
        """

        def on_chunk(rows):
            if on_progress:
                on_progress(rows[-1])

        texture = synthesis.run(
            self.problem,
            as_key(seed),
            evaluations=evaluations,
            max_seconds=max_seconds,
            on_chunk=on_chunk,
        )
        return Sound(
            texture.wave,
            self.sample_rate,
            self.recipe,
            texture.outcome.progress,
            texture.outcome.reason,
            texture.lowered_db,
        )

    def run_batch(self, seeds: Any, *, max_seconds: float = math.inf) -> Sounds:
        """Makes a sound for each seed: together on a GPU or TPU, one after the other on a CPU.

        Args:
          seeds: integers, such as range(16), or PRNG keys [n].
          max_seconds: wall-clock budget of the optimisation; on a CPU, of each run.
        """
        keys = as_keys(seeds)
        made = batch.run_batch([self.problem] * len(keys), keys, max_seconds=max_seconds)
        return Sounds(made.waves, self.sample_rate, self.recipe, made.losses, made.terms)

    def __repr__(self) -> str:
        return f"Model({self.recipe!r}, sample_rate={self.sample_rate})"


def load(path: str, *, start: float = 0.0, seconds: float | None = None) -> tuple[np.ndarray, int]:
    """Reads a sound file.

    Args:
      path: of any file that libsndfile reads.
      start: where to begin, in seconds.
      seconds: how much to read at most; None reads to the end.
    Returns:
      The wave [C, N] float32 and its sample rate in Hz.
    Raises:
      ValueError: no such file, or no sound that can be read; the message names file and rule.
    """
    return audio.read(os.fspath(path), start=start, seconds=seconds)


def recipe(name: str | Recipe = "texture") -> Recipe:
    """A recipe by its name; `recipe(...).replace(evaluations=100)` changes its choices.

    Raises ChoiceError, listing all names, for an unknown one.

    Example:
      >>> recipe("texture-fast").replace(evaluations=100)
      Recipe('texture-fast', evaluations=100)
    """
    return name if isinstance(name, Recipe) else recipes.named(name)


def prepare(
    recipe: str | Recipe,
    sounds: Any,
    sample_rate: int,
    *,
    seconds: float = SECONDS,
    weights: Sequence[float] | None = None,
    morph_to: Sequence[float] | None = None,
    bands: Sequence[tuple[float, float]] | None = None,
    **choices: Any,
) -> Model:
    """Fits a recipe to one sound or several, to make textures of one length from it.

    Args:
      recipe: a recipe or its name.
      sounds: an array [N] or [C, N], or a sequence of several, which are mixed.
      sample_rate: theirs and the result's, in Hz.
      seconds: length of each result.
      weights: of the sounds in a mixture; equal by default.
      morph_to: weights at the end, which `weights` pass to evenly.
      bands: (from, to) in Hz for each sound, where each decides about a band of its own.
      **choices: of the recipe, by name, such as evaluations=100.
    Raises:
      ValueError: a sound, length, weight or choice that will not do; one sentence says which.
    """
    chosen = _recipe(recipe, "texture", choices)
    rate = as_rate(sample_rate)
    return Model(
        synthesis.prepare(
            chosen,
            as_waves(sounds),
            sample_rate=rate,
            seconds=references.check_seconds(_number(seconds, "seconds")),
            weights=_floats(weights, "weights"),
            morph_to=_floats(morph_to, "morph_to"),
            bands=bands,
        )
    )


def prepare_transfer(
    recipe: str | Recipe, content: Any, style: Any, sample_rate: int, **choices: Any
) -> Model:
    """Fits a recipe to a content and a style, to make transfers from it.

    Args:
      recipe: a recipe or its name; a texture's recipe lends its distance to the style.
      content: [N] or [C, N], whose course in time and length the results have.
      style: [N] or [C, N].
      sample_rate: of both and of the results, in Hz.
      **choices: of the recipe, by name, such as style_weight=3.
    Raises:
      ValueError: as `prepare`.
    """
    chosen = _recipe(recipe, "transfer", choices)
    pair = as_waves([content, style], names=("content", "style"))
    return Model(style_transfer.prepare(chosen, *pair, sample_rate=as_rate(sample_rate)))


def texture(
    sounds: Any,
    sample_rate: int,
    *,
    seconds: float = SECONDS,
    seed: Any = 0,
    recipe: str | Recipe = "texture",
    on_progress: Callable[[optimize.ProgressRow], None] | None = None,
    **options: Any,
) -> Sound:
    """More of a sound, or of a mixture of several: new samples of the same texture.

    Args:
      sounds: an array [N] or [C, N], or a sequence of several.
      sample_rate: theirs and the result's, in Hz.
      seconds: length of the result.
      seed: an integer or a PRNG key; another seed makes another texture.
      recipe: a recipe or its name.
      on_progress: see `Model.run`.
      **options: `weights`, `morph_to`, `bands` and choices, see `prepare`.
    Raises:
      ValueError: as `prepare`.

    Example:
      >>> noise = np.random.default_rng(0).standard_normal(4000)
      >>> small = {"recipe": "texture-fast", "views": "bins@32/16:1,2", "evaluations": 3}
      >>> texture(noise, 8000, seconds=0.25, **small).wave.shape
      (1, 2000)
    """
    key = as_key(seed)
    model = prepare(recipe, sounds, sample_rate, seconds=seconds, **options)
    return model.run(key, on_progress=on_progress)


def transfer(
    content: Any,
    style: Any,
    sample_rate: int,
    *,
    seed: Any = 0,
    recipe: str | Recipe = "transfer",
    on_progress: Callable[[optimize.ProgressRow], None] | None = None,
    **choices: Any,
) -> Sound:
    """One sound's course in time with another's texture.

    Args:
      content: [N] or [C, N]; the result is as long.
      style: [N] or [C, N].
      sample_rate: of both and of the result, in Hz.
      seed: an integer or a PRNG key.
      recipe: a recipe or its name.
      on_progress: see `Model.run`.
      **choices: of the recipe, by name, such as style_weight=3.
    Raises:
      ValueError: as `prepare`.
    """
    key = as_key(seed)
    model = prepare_transfer(recipe, content, style, sample_rate, **choices)
    return model.run(key, on_progress=on_progress)


def stream(
    sounds: Any,
    sample_rate: int,
    *,
    seed: Any = 0,
    recipe: str | Recipe = "texture",
    weights: Sequence[float] | None = None,
    bands: Sequence[tuple[float, float]] | None = None,
    **choices: Any,
) -> Iterator[np.ndarray]:
    """A texture without end, block by block.

    Arguments are as in `texture`; everything is checked before the first block is asked for.

    Yields:
      Blocks [C, n] float32 of some seconds, which follow each other without a seam.
    """
    from audio_texture import streaming

    key, chosen = as_key(seed), _recipe(recipe, "texture", choices)
    style = streaming.fit_style(
        chosen,
        as_waves(sounds),
        sample_rate=as_rate(sample_rate),
        weights=_floats(weights, "weights"),
        bands=bands,
    )
    laid_out = streaming.prepare_stream(style)

    def blocks():
        state = streaming.init_state(laid_out)
        while True:
            state, block = streaming.step(laid_out, key, state)
            if block.outcome.reason in ("interrupted", "not finite"):
                return
            yield np.asarray(block.wave)

    return blocks()


def loop(
    sounds: Any,
    sample_rate: int,
    *,
    seconds: float = SECONDS,
    seed: Any = 0,
    recipe: str | Recipe = "texture",
    weights: Sequence[float] | None = None,
    bands: Sequence[tuple[float, float]] | None = None,
    **choices: Any,
) -> np.ndarray:
    """A texture [C, N] whose end flows into its beginning. Arguments are as in `texture`."""
    from audio_texture import streaming

    key, chosen = as_key(seed), _recipe(recipe, "texture", choices)
    style = streaming.fit_style(
        chosen,
        as_waves(sounds),
        sample_rate=as_rate(sample_rate),
        weights=_floats(weights, "weights"),
        bands=bands,
    )
    prepared = streaming.prepare_loop(
        style, seconds=references.check_seconds(_number(seconds, "seconds"))
    )
    return np.asarray(streaming.make_loop(prepared, key).wave)


def evaluate(candidate: Any, reference: Any, sample_rate: int) -> dict[str, Any]:
    """Measures of a texture against its reference; `metrics.explain_measure` says what each means.

    Args:
      candidate: [N] or [C, N].
      reference: [N] or [C, N].
      sample_rate: of both, in Hz.
    """
    from audio_texture import metrics

    pair = as_waves([candidate, reference], names=("candidate", "reference"))
    return metrics.evaluate(*pair, sample_rate=as_rate(sample_rate))


def keep_compiled_programs(folder: str | None = None) -> str:
    """Keeps compiled programs on disk, so that only the first session of a kind waits for XLA.

    The one function here that changes settings of JAX, and so of the session.

    Args:
      folder: where to keep them; by default JAX's own setting, or a folder in the user's cache.
    Returns:
      The folder.
    """
    chosen = folder or getattr(jax.config, "jax_compilation_cache_dir")  # noqa: B009
    if not chosen:
        home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        chosen = os.path.join(home, "audio_texture", "jax")
    jax.config.update("jax_compilation_cache_dir", chosen)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return chosen


def _recipe(chosen: str | Recipe, task: str, choices: dict[str, Any]) -> Recipe:
    named = recipe(chosen)
    if named.task != task:
        if task != "transfer":
            raise ChoiceError(
                f"recipe must be of a texture, got {named.name!r}, which is of a transfer.",
                field="recipe",
            )
        named = recipes.for_transfer(named)
    return named.replace(**choices)


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ChoiceError(f"{name} must be a number, got {value!r}.", field=name)
    return float(value)


def _floats(values: Any, name: str) -> list[float] | None:
    if values is None:
        return None
    try:
        return [float(value) for value in values]
    except (TypeError, ValueError) as error:
        raise ChoiceError(f"{name} must be numbers, got {values!r}.", field=name) from error


__all__ = [
    "SECONDS",
    "Model",
    "Sound",
    "Sounds",
    "evaluate",
    "keep_compiled_programs",
    "load",
    "loop",
    "prepare",
    "prepare_transfer",
    "recipe",
    "save",
    "stream",
    "texture",
    "transfer",
]
