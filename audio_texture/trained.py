"""Generators as a notebook uses them, available as `audio_texture.NAME`: trained once, they make
endless sound much faster than it plays.
"""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from audio_texture import (
    audio,
    generator_training,
    generator_transfers,
    generators,
    optimize,
    recipes,
    references,
)
from audio_texture.api import recipe as recipe_named
from audio_texture.config import Recipe
from audio_texture.errors import ChoiceError
from audio_texture.results import Sound
from audio_texture.sound_input import as_key, as_rate, as_wave, as_waves


class TrainedGenerator:
    """A trained generator.

    Attributes:
      generator: the weights and styles, see `generators`.
      progress: of its training, a row after each chunk of evaluations; none of a loaded one.

    Example:
      >>> fire = load_generator("fire.safetensors")  # doctest: +SKIP
      >>> fire.make(seconds=60, seed=3).save("fire.wav")  # doctest: +SKIP
    """

    def __init__(
        self,
        generator: generators.Generator,
        progress: Sequence[optimize.ProgressRow] = (),
    ):
        self.generator, self.progress = generator, list(progress)

    @property
    def styles(self) -> tuple[str, ...]:
        """Their names, in the order of weights."""
        return self.generator.styles.names

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        return self.generator.sample_rate

    @property
    def recipe(self) -> Recipe:
        """Whose distance it was trained by."""
        return Recipe.from_json(self.generator.training["recipe"])

    def make(
        self,
        seconds: float,
        *,
        seed: int = 0,
        position: float = 0.0,
        weights: Sequence[float] | None = None,
        morph_to: Sequence[float] | None = None,
    ) -> Sound:
        """Makes a stretch of the endless sound of a seed.

        Args:
          seconds: length.
          seed: an integer from 0; another one makes another sound.
          position: where in the endless sound the stretch begins, in seconds. A stretch has the
            samples that a longer one has there.
          weights: of the styles; equal by default.
          morph_to: weights at the end of the stretch.
        Raises:
          ValueError: a length or weights that do not fit.
        """
        if not 0 < seconds < math.inf:
            raise ChoiceError(f"seconds must be above 0, got {seconds!r}.", field="seconds")
        rate = self.sample_rate
        samples = max(1, round(seconds * rate))
        blocks = self._blocks(samples, seed, position, weights, morph_to)
        wave = np.concatenate(list(blocks), axis=1)
        return Sound(wave, rate, self.recipe, [], "generated", self.generator.lowered_db)

    def stream(
        self,
        *,
        seed: int = 0,
        position: float = 0.0,
        weights: Sequence[float] | None = None,
    ) -> Iterator[np.ndarray]:
        """Yields the endless sound in blocks [C, n] of some seconds. Arguments as of `make`."""
        return self._blocks(2**62, seed, position, weights, None)

    def _blocks(self, samples, seed, position, weights, morph_to):
        names = {"weights": weights, "morph_to": morph_to}
        for name, shares in names.items():
            if shares is not None:
                references.check_weights(list(shares), len(self.styles), field=name)
                names[name] = [float(share) for share in shares]
        _check_seed(seed)
        if not 0 <= position < math.inf:
            raise ChoiceError(f"position must be 0 s or later, got {position!r}.", field="position")
        first = round(position * self.sample_rate)
        return generators.stretch_blocks(
            self.generator, samples=samples, first=first, seed=int(seed), **names
        )

    def transfer(self, content: Any, sample_rate: int, *, seed: int = 0) -> Sound:
        """Gives a content the generator's style in one pass.

        Only a generator of `train_transfer_generator` or launch.generate --contents can.

        Args:
          content: an array [N] or [C, N]; the result has its length and level. More channels than
            the generator's are mixed down.
          sample_rate: of the content and of the result, in Hz.
          seed: an integer from 0; another one draws other noise.
        Raises:
          ChoiceError: the generator follows no content.
          ValueError: an invalid sound.
        """
        _check_seed(seed)
        rate, wave = as_rate(sample_rate), as_wave(content, "the content")
        if len(wave) > self.generator.channels:
            wave = audio.with_channels(wave, self.generator.channels)
        made = generators.transform(self.generator, wave, sample_rate=rate, seed=seed)
        return Sound(made, rate, self.recipe, [], "generated", 0.0)

    def save(self, path: str) -> None:
        """Writes the generator as one safetensors file, which `load_generator` reads."""
        generators.save(os.fspath(path), self.generator)

    def __repr__(self) -> str:
        return f"TrainedGenerator({', '.join(self.styles)}; {self.sample_rate} Hz, {self.recipe!r})"


def _check_seed(seed: Any) -> None:
    if isinstance(seed, bool) or not hasattr(seed, "__index__") or not 0 <= seed < 2**32:
        raise ChoiceError(
            f"seed must be an integer from 0 to 2**32 - 1, got {seed!r}.", field="seed"
        )


def train_generator(
    sounds: Any,
    sample_rate: int,
    *,
    recipe: str | Recipe = "texture",
    evaluations: int | None = None,
    train_seconds: float = generator_training.TRAIN_SECONDS,
    seed: Any = 0,
    names: Sequence[str] = (),
    base: TrainedGenerator | None = None,
    width: int | None = None,
    on_progress: Callable[[optimize.ProgressRow], None] | None = None,
    **choices: Any,
) -> TrainedGenerator:
    """Trains a generator on one or several sounds, each of which is a style.

    Args:
      sounds: an array [N] or [C, N], or a sequence of several.
      sample_rate: of the sounds, in Hz.
      recipe: a recipe or its name, whose distance is the loss.
      evaluations: length of the training, in place of `train_seconds`.
      train_seconds: the same in seconds by the clock, without compiling.
      seed: an integer or a PRNG key; with the same `evaluations` it gives the same weights on the
        same machine.
      names: of the styles.
      base: a generator that gets these styles besides its own, which stay as they are.
      width: channels of the network; the default is that of `generators.GeneratorConfig`. Not
        with `base`, which has a network.
      on_progress: called with a row after each chunk of evaluations, see `Model.run`.
      **choices: of the recipe, by name, such as views.
    Raises:
      ValueError: an invalid sound or choice; the message says which and why.

    Example:
      >>> fire = train_generator(*load("fire.wav"), train_seconds=60)  # doctest: +SKIP
      >>> fire.make(seconds=10).save("more_fire.wav")  # doctest: +SKIP
    """
    if base and width is not None:
        raise ChoiceError("width must be left out where there is a base.", field="width")
    _check_train_seconds(train_seconds)
    key, chosen = as_key(seed), _training_recipe(recipe, evaluations, choices)
    training = generator_training.prepare(
        chosen,
        as_waves(sounds),
        sample_rate=as_rate(sample_rate),
        names=names,
        base=base.generator if base else None,
        **({} if width is None else {"width": width}),
    )
    return _train(training, key, evaluations, train_seconds, on_progress)


def train_transfer_generator(
    style: Any,
    contents: Any,
    sample_rate: int,
    *,
    recipe: str | Recipe = "transfer",
    evaluations: int | None = None,
    train_seconds: float = generator_training.TRAIN_SECONDS,
    seed: Any = 0,
    name: str = "style",
    width: int | None = None,
    on_progress: Callable[[optimize.ProgressRow], None] | None = None,
    **choices: Any,
) -> TrainedGenerator:
    """Trains a generator that gives any content a style in one pass: `TrainedGenerator.transfer`.

    Args:
      style: an array [N] or [C, N].
      contents: an array, or a sequence of several, of about the kind that is to be given the
        style; each is cut or mirrored to 4 s.
      sample_rate: of all, in Hz.
      recipe: a transfer's, or any texture's, whose style distance is taken with weight 1.
      evaluations: see `train_generator`.
      train_seconds: see `train_generator`.
      seed: see `train_generator`.
      name: of the style.
      width: see `train_generator`.
      on_progress: see `train_generator`.
      **choices: of the recipe, by name, such as style_weight.
    Raises:
      ValueError: an invalid sound or choice; the message says which and why.

    Example:
      >>> fire = train_transfer_generator(fire_wave, [dog, clock], 44100)  # doctest: +SKIP
      >>> fire.transfer(dog, 44100).save("dog_of_fire.wav")  # doctest: +SKIP
    """
    _check_train_seconds(train_seconds)
    named = recipe_named(recipe)
    named = named if named.task == "transfer" else recipes.for_transfer(named)
    key, chosen = as_key(seed), _training_recipe(named, evaluations, choices)
    training = generator_transfers.prepare(
        chosen,
        as_wave(style, "the style"),
        as_waves(contents),
        sample_rate=as_rate(sample_rate),
        name=name,
        **({} if width is None else {"width": width}),
    )
    return _train(training, key, evaluations, train_seconds, on_progress)


def _check_train_seconds(train_seconds: float) -> None:
    if not 0 < train_seconds < math.inf:
        raise ChoiceError(
            f"train_seconds must be above 0, got {train_seconds!r}.", field="train_seconds"
        )


def _train(
    training: generator_training.Training,
    key: Any,
    evaluations: int | None,
    train_seconds: float,
    on_progress: Callable[[optimize.ProgressRow], None] | None,
) -> TrainedGenerator:
    """The generator of a training; without `evaluations`, they are counted from the seconds."""
    if evaluations is None:
        seconds = generator_training.seconds_per_evaluation(training)
        evaluations = max(1, round(train_seconds / seconds))
        training = generator_training.with_evaluations(training, evaluations)
    report = on_progress or (lambda row: None)
    outcome = generator_training.run(training, key, on_chunk=lambda rows: report(rows[-1]))
    generator = generator_training.finish(training, outcome.state.parameters)
    return TrainedGenerator(generator, outcome.progress)


def _training_recipe(
    recipe: str | Recipe, evaluations: int | None, choices: dict[str, Any]
) -> Recipe:
    """The recipe as a training uses it, with the user's choices."""
    chosen = recipe_named(recipe).replace(**choices)
    budget = chosen.optimiser.evaluations if evaluations is None else evaluations
    chosen = generator_training.generator_recipe(chosen, budget)
    if "learning_rate" not in choices:
        return chosen
    return chosen.replace(learning_rate=choices["learning_rate"])


def load_generator(path: str) -> TrainedGenerator:
    """Reads a generator that `TrainedGenerator.save` or launch.generate wrote.

    Raises ValueError where the file holds none that this version reads.
    """
    return TrainedGenerator(generators.load(os.fspath(path)))


__all__ = ["TrainedGenerator", "load_generator", "train_generator", "train_transfer_generator"]
