"""The conditions under which choices have an effect, worked out of a recipe once."""

import numpy as np

from audio_texture.config import Recipe
from audio_texture.layer import receptive_fields
from audio_texture.terms import of_inputs

# Walks are only taken under time scales that hold their context: `initialise.WALK_CONTEXT` in ms.
SHORTEST_WALK_MS = 500.0


class Run:
    """A recipe as a program runs it: the conditions that rules are made of.

    Attributes:
      recipe: all choices.
      program: one of `effects.PROGRAMS`.
      mixed: whether several sounds are mixed or morphed.
      transfer, waveform, explicit, vgg, given_network: what the recipe is: a transfer, with a
        waveform canvas, explicit networks, VGG-19, a network from a file.
      style, style_views, content, envelopes, patches, rhythm: what is matched.
      networks, views: whether networks, or anything at all, are matched in views.
      walkable, walks: whether the run could start from a walk, and whether it does.
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

    def taps(self) -> list[str]:
        """Names of the layers that are matched."""
        which = [
            name for name, used in (("style", self.style_views), ("content", self.content)) if used
        ]
        return [tap.name for name in which for tap in self.recipe.taps(name)]

    def n_layers(self) -> int:
        """How many layers the networks have, to the last that is matched."""
        return max(map(_layer_number, self.taps()), default=0)

    def is_only_weight(self, name: str) -> bool:
        """Whether a balanced style is matched by nothing but this weight's term."""
        weights = [self.recipe.term(term.name).weight for term in of_inputs("wave")]
        return (
            self.transfer
            and self.recipe.transfer.balanced
            and not self.recipe.analysis.views
            and self.recipe.choice(name) == sum(weights) > 0
        )

    def has_pools(self) -> bool:
        """Whether a layer that is matched comes after a pool, where pool is above 1.

        The last layer, which is matched unless others are named, is a pool.
        """
        named = [
            (self.style_views, self.recipe.term("style").layers),
            (self.content, self.recipe.term("content").layers),
        ]
        return any(used and not taps for used, taps in named) or any(
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
    """1 of relu_1."""
    return int(tap.rpartition("_")[2])
