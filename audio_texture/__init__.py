"""Sound textures and audio style transfer by the statistics of random CNNs, in JAX.

    import audio_texture as at

    wave, sample_rate = at.load("rain.wav")
    texture = at.texture(wave, sample_rate, seconds=10, seed=0)
    texture.save("more_rain.wav")

Importing the package takes milliseconds and changes no global setting: JAX and the submodules load
on first use.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audio_texture.api import (
        Model,
        Sound,
        Sounds,
        evaluate,
        keep_compiled_programs,
        load,
        loop,
        prepare,
        prepare_transfer,
        recipe,
        save,
        stream,
        texture,
        transfer,
    )
    from audio_texture.base import Objective, Term
    from audio_texture.choices import TermChoices, choice, weight
    from audio_texture.config import Recipe, register
    from audio_texture.errors import ChoiceError
    from audio_texture.metrics import give_verdict
    from audio_texture.trained import (
        TrainedGenerator,
        load_generator,
        train_generator,
        train_transfer_generator,
    )
    from audio_texture.views import View

__version__ = "0.1.0"

# Name -> the submodule that defines it, imported on first use.
_SUBMODULES = {
    # Sounds in, sounds out.
    "load": "api",
    "save": "api",
    # New sounds.
    "texture": "api",
    "transfer": "api",
    "stream": "api",
    "loop": "api",
    # Models: compiled once, run many times.
    "prepare": "api",
    "prepare_transfer": "api",
    "Model": "api",
    "Sound": "api",
    "Sounds": "api",
    "keep_compiled_programs": "api",
    # Generators: trained once, they make endless sound faster than it plays.
    "train_generator": "trained",
    "train_transfer_generator": "trained",
    "load_generator": "trained",
    "TrainedGenerator": "trained",
    # Quality measures.
    "evaluate": "api",
    "give_verdict": "metrics",
    # Choices of a run.
    "recipe": "api",
    "Recipe": "config",
    "View": "views",
    "ChoiceError": "errors",
    # A new term of the loss.
    "Objective": "base",
    "Term": "base",
    "TermChoices": "choices",
    "choice": "choices",
    "weight": "choices",
    "register": "config",
}

__all__ = [
    "ChoiceError",
    "Model",
    "Objective",
    "Recipe",
    "Sound",
    "Sounds",
    "Term",
    "TermChoices",
    "TrainedGenerator",
    "View",
    "choice",
    "evaluate",
    "give_verdict",
    "keep_compiled_programs",
    "load",
    "load_generator",
    "loop",
    "prepare",
    "prepare_transfer",
    "recipe",
    "register",
    "save",
    "stream",
    "texture",
    "train_generator",
    "train_transfer_generator",
    "transfer",
    "weight",
]


# Modules of before, and where what they held is now.
_RENAMED = {
    "objective": "losses and combinators",
    "quality": "metrics",
    "gallery": "report",
    "headers": "audio.headers",
}


def __getattr__(name: str):
    if name in _RENAMED:
        raise ImportError(f"audio_texture.{name} is audio_texture.{_RENAMED[name]} now.")
    if name not in _SUBMODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_SUBMODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_SUBMODULES])
