"""Facts about a run that decide which of its choices have an effect (effects.py)."""

import numpy as np

from audio_texture.config import Recipe
from audio_texture.layer import INPUT_TAPS, receptive_fields
from audio_texture.terms import of_inputs

# Shortest time scale with which a run starts from a walk: `initialise.WALK_CONTEXT` in ms.
SHORTEST_WALK_MS = 500.0


class Run:
    """A recipe as a program runs it, as the flags that the rules of effects.py test.

    Attributes:
      recipe: all choices.
      program: one of `effects.PROGRAMS`.
      mixed: whether several sounds are mixed or morphed.
      transfer: whether it is a transfer.
      waveform: whether the canvas is a waveform.
      explicit, vgg, given_network: whether networks are explicit, VGG-19, from a file.
      style, content, envelopes, patches, rhythm: whether that is matched.
      style_views: whether the style is matched in views.
      networks: whether networks' features are matched; views: whether anything is, in views.
      walkable, walks: whether the run could start from a walk, and whether it does.
      from_generator: whether a generator's sound is what it starts from.
    """

    def __init__(self, recipe: Recipe, program: str, mixed: bool):
        self.recipe, self.program, self.mixed = recipe, program, mixed
        self.transfer = recipe.task == "transfer"
        self.waveform = recipe.canvas.kind == "waveform"
        self.explicit = recipe.network.filters > 0
        self.vgg = recipe.network.kind.startswith("vgg19")
        self.given_network = bool(recipe.network.weights_file)
        self.style = recipe.term("style").weight > 0
        self.style_views = bool(recipe.analysis.views) and self.style
        self.content = (
            self.transfer and recipe.term("content").weight > 0 and bool(recipe.content_views())
        )
        self.envelopes = (
            self.transfer and recipe.term("loudness").weight + recipe.term("spectrum").weight > 0
        )
        self.networks = self.style_views or self.content
        self.views = self.networks or self.envelopes
        self.patches = self.waveform and self.style and recipe.term("patches").weight > 0
        self.rhythm = self.waveform and self.style and recipe.term("rhythm").weight > 0
        self.walkable = (
            self.program == "texture"
            and self.waveform
            and not self.mixed
            and max(recipe.analysis.time_scale, default=np.inf) >= SHORTEST_WALK_MS
        )
        self.walks = self.walkable and recipe.canvas.start == "walk"
        self.from_generator = recipe.canvas.start == "generator"

    def taps(self) -> list[str]:
        """Names of the layers that are matched."""
        terms = [
            name for name, used in (("style", self.style_views), ("content", self.content)) if used
        ]
        return [tap.name for name in terms for tap in self.recipe.taps(name)]

    def only_inputs(self) -> bool:
        """Whether what networks see is matched, and none of their layers."""
        return bool(self.taps()) and set(self.taps()) <= set(INPUT_TAPS)

    def n_layers(self) -> int:
        """Number of layers up to the last matched one."""
        return max(map(_layer_number, self.taps()), default=0)

    def is_only_weight(self, name: str) -> bool:
        """Whether the term of this weight is all that a balanced style consists of."""
        weights = [self.recipe.term(term.name).weight for term in of_inputs("wave")]
        return (
            self.transfer
            and self.recipe.transfer.balanced
            and not self.recipe.analysis.views
            and self.recipe.choice(name) == sum(weights) > 0
        )

    def has_pools(self) -> bool:
        """Whether a matched layer is a pool or comes after one, provided that pool is above 1.

        Where no layers are named, the last layer is matched, which is a pool.
        """
        given = [
            (self.style_views, self.recipe.term("style").layers),
            (self.content, self.recipe.term("content").layers),
        ]
        return any(used and not taps for used, taps in given) or any(
            name.startswith("pool") or _layer_number(name) > 1 for name in self.taps()
        )

    def has_single_frames(self) -> bool:
        """Whether every kernel spans one frame."""
        views = [
            *(self.recipe.analysis.views if self.networks else ()),
            *(self.recipe.term("content").views if self.content else ()),
        ]
        widths = [width for view in views for width in view.widths]
        return (
            not (self.recipe.analysis.time_scale or self.recipe.analysis.frequency_scale)
            and max((int(np.max(width)) for width in widths), default=1) == 1
        )

    def has_single_tap(self) -> bool:
        """Whether the networks have one layer that can be matched."""
        taps = receptive_fields(self.recipe.description(1))
        return (
            len([name for name in taps if self.explicit or name.startswith(("relu", "pool"))]) == 1
        )


def _layer_number(tap: str) -> int:
    """The layer number in a tap's name: 1 for relu_1, 0 for the input."""
    return 0 if tap in INPUT_TAPS else int(tap.rpartition("_")[2])
