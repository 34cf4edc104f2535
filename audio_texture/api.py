"""The functions a notebook calls, all available as `audio_texture.NAME`.

Sounds are arrays [N] or [C, N], NumPy or JAX, float (nominally in [-1, 1]) or integer PCM, which is
scaled as soundfile does; sample rates are in Hz. Errors are ValueErrors of one sentence.
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

# Default length of a texture, in seconds.
SECONDS = 5.0


class Model:
    """A recipe applied to sounds: compiled once, run with any number of seeds.

    Attributes:
      problem: the `synthesis.Problem`, whose functions can be called one by one.
      recipe: the choices.
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
        """Makes one sound; calls with other seeds compile nothing again.

        Args:
          seed: an integer from 0, or a PRNG key; the same seed gives the same samples on the same
            machine.
          evaluations: budget in place of the recipe's; 0 keeps the recipe's.
          max_seconds: wall-clock budget of the optimisation.
          on_progress: called after each chunk of evaluations with a row that has evaluations,
            seconds, loss and terms.
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
        results = batch.run_batch([self.problem] * len(keys), keys, max_seconds=max_seconds)
        return Sounds(results.waves, self.sample_rate, self.recipe, results.losses, results.terms)

    def __repr__(self) -> str:
        return f"Model({self.recipe!r}, sample_rate={self.sample_rate})"


def load(path: str, *, start: float = 0.0, seconds: float | None = None) -> tuple[np.ndarray, int]:
    """Reads a sound file.

    Args:
      path: of a file in any format that libsndfile reads.
      start: where to begin, in seconds.
      seconds: longest length to read; None reads to the end.
    Returns:
      The wave [C, N] float32 and its sample rate in Hz.
    Raises:
      ValueError: no such file, or no sound that can be read; the message names file and rule.

    Example:
      >>> import tempfile
      >>> path = os.path.join(tempfile.mkdtemp(), "silence.wav")
      >>> save(path, np.zeros(800, np.float32), 8000)
      >>> wave, sample_rate = load(path, seconds=0.05)
      >>> wave.shape, sample_rate
      ((1, 400), 8000)
    """
    return audio.read(os.fspath(path), start=start, seconds=seconds)


def recipe(name: str | Recipe = "texture") -> Recipe:
    """A recipe by its name; `recipe(...).replace(evaluations=100)` changes its choices.

    For an unknown name it raises ChoiceError, which lists all names.

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
    """Fits a recipe to one or several sounds: a model that makes textures of one length.

    Args:
      recipe: a recipe or its name.
      sounds: an array [N] or [C, N], or a sequence of several, which are mixed.
      sample_rate: of the sounds and the result, in Hz.
      seconds: length of each result.
      weights: of the sounds in a mixture; equal by default.
      morph_to: weights at the end of the result. They stand still at both ends, for a fifth of the
        length but at most 2 s, and change evenly in between.
      bands: (from, to) in Hz for each sound, the frequency band that is taken from it.
      **choices: of the recipe, by name, such as evaluations=100.
    Raises:
      ValueError: an invalid sound, length, weight or choice; the message says which and why.

    Example:
      >>> model = prepare("texture", wave, 44100, seconds=4)  # doctest: +SKIP
      >>> model.run(seed=1).save("out.wav")  # doctest: +SKIP
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
            bands=_pairs(bands),
        )
    )


def prepare_transfer(
    recipe: str | Recipe, content: Any, style: Any, sample_rate: int, **choices: Any
) -> Model:
    """Fits a recipe to a content and a style: a model that makes transfers.

    Args:
      recipe: a recipe or its name; of a texture's recipe the distance is used for the style.
      content: [N] or [C, N], whose events and length the results have.
      style: [N] or [C, N], whose texture the results have.
      sample_rate: of both and of the results, in Hz.
      **choices: of the recipe, by name, such as style_weight=3.
    Raises:
      ValueError: as `prepare`.

    Example:
      >>> model = prepare_transfer("transfer", dog, rain, 44100)  # doctest: +SKIP
      >>> model.run_batch(range(4)).save("folder")  # doctest: +SKIP
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
      sample_rate: of the sounds and the result, in Hz.
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
    """A new sound with the events of a content and the texture of a style.

    Args:
      content: [N] or [C, N]; the result is as long.
      style: [N] or [C, N], any length.
      sample_rate: of both and of the result, in Hz.
      seed: an integer or a PRNG key.
      recipe: a recipe or its name.
      on_progress: see `Model.run`.
      **choices: of the recipe, by name, such as style_weight=3.
    Raises:
      ValueError: as `prepare`.

    Example:
      >>> transfer(dog, rain, 44100, style_weight=3).save("out.wav")  # doctest: +SKIP
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
    **options: Any,
) -> Iterator[np.ndarray]:
    """An endless texture, block by block.

    Arguments are as in `texture`, but for `morph_to`; they are checked at the call, before the
    first block. Ctrl-C ends the stream.

    Yields:
      Blocks [C, n] float32 of a few seconds, which join without a seam.
    Raises:
      ValueError: as `prepare`.
      FloatingPointError: a block whose loss is not finite.

    Example:
      >>> blocks = stream(rain, 44100)  # doctest: +SKIP
      >>> next(blocks).shape  # doctest: +SKIP
    """
    from audio_texture import streaming

    key, style = as_key(seed), _fit_style(sounds, sample_rate, recipe, **options)
    prepared = streaming.prepare_stream(style)

    def blocks():
        state = streaming.init_state(prepared)
        while True:
            state, block = streaming.step(prepared, key, state)
            if block.outcome.reason == "interrupted":
                return
            if block.outcome.reason == "not finite":
                raise FloatingPointError("the loss of a block is not finite.")
            yield np.asarray(block.wave)

    return blocks()


def loop(
    sounds: Any,
    sample_rate: int,
    *,
    seconds: float = SECONDS,
    seed: Any = 0,
    recipe: str | Recipe = "texture",
    **options: Any,
) -> np.ndarray:
    """A texture [C, N] float32 whose end flows into its beginning. Arguments as in `texture`.

    Example:
      >>> save("loop.wav", loop(rain, 44100, seconds=8), 44100)  # doctest: +SKIP
    """
    from audio_texture import streaming

    key, style = as_key(seed), _fit_style(sounds, sample_rate, recipe, **options)
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
    Raises:
      ValueError: a sound that is silent or shorter than 1 s.

    Example:
      >>> evaluate(new_rain, rain, 44100)["copied"]  # doctest: +SKIP
      0.0
    """
    from audio_texture import metrics

    pair = as_waves([candidate, reference], names=("candidate", "reference"))
    return metrics.evaluate(*pair, sample_rate=as_rate(sample_rate))


def keep_compiled_programs(folder: str | None = None) -> str:
    """Turns on JAX's cache of compiled programs on disk, so that later sessions start faster.

    It is the only function here that changes JAX's global settings.

    Args:
      folder: of the cache; by default JAX's own setting, or ~/.cache/audio_texture/jax.
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


def _fit_style(
    sounds: Any,
    sample_rate: Any,
    recipe: str | Recipe,
    *,
    weights: Sequence[float] | None = None,
    bands: Sequence[tuple[float, float]] | None = None,
    **choices: Any,
) -> Any:
    """A fitted style of `streaming`, for streams and loops."""
    from audio_texture import streaming

    return streaming.fit_style(
        _recipe(recipe, "texture", choices),
        as_waves(sounds),
        sample_rate=as_rate(sample_rate),
        weights=_floats(weights, "weights"),
        bands=_pairs(bands),
    )


def _recipe(chosen: str | Recipe, task: str, choices: dict[str, Any]) -> Recipe:
    """The chosen recipe with other choices, for a task; ChoiceError where it has another task."""
    named = recipe(chosen)
    if named.task != task:
        if task != "transfer":
            raise ChoiceError(
                f"recipe must be for textures, got {named.name!r}, which is for transfers.",
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


def _pairs(bands: Any) -> list[tuple[float, float]] | None:
    if bands is None:
        return None
    try:
        return [(float(low), float(high)) for low, high in bands]
    except (TypeError, ValueError) as error:
        text = f"bands must be pairs of frequencies, got {bands!r}."
        raise ChoiceError(text, field="bands") from error


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
