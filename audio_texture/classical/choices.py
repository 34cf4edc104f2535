"""The classical methods by name, and their choices with units and ranges.

A recipe names its method by the choice `method`; "optimise" is every other recipe's. A choice of
one method has no effect under another.
"""

import dataclasses
from typing import NamedTuple

from audio_texture.choices import HOST, Stage, choice
from audio_texture.classical.descriptor_path import parse_path
from audio_texture.errors import ChoiceError

# Recipes of this method optimise a canvas; all others make the sound in one pass.
OPTIMISE = "optimise"
# Coefficients that are compared for each new one: more would take minutes, and only copy.
_MOST_PREDECESSORS = 100


class Method(NamedTuple):
    """A method that makes sound directly.

    Attributes:
      module: of the package, that has the function of the method's name, with _ for -.
      options: names of the choices that it takes, which are keywords of the function.
      task: "texture" or "transfer".
    """

    module: str
    options: tuple[str, ...] = ()
    task: str = "texture"


METHODS = {
    "phase-randomised": Method("baselines"),
    "shuffled-grains": Method("baselines", ("grain_ms",)),
    "ctflp": Method("ctflp", ("ctflp_order", "ctflp_envelope_order", "ctflp_frame_ms")),
    "wavelet-tree": Method("wavelet_tree", ("tree_threshold", "tree_predecessors")),
    "natural-grains": Method(
        "natural_grains", ("natural_grain_ms", "natural_grain_cuts", "natural_grain_likeness")
    ),
    "descriptor-grains": Method("descriptor_grains", ("grain_ms", "path")),
    "texenv": Method("texenv", ("texenv_bands", "texenv_rate_hz")),
    "prosody": Method("prosody", ("prosody_pitch", "prosody_energy"), "transfer"),
}


@dataclasses.dataclass(frozen=True)
class Classical(Stage):
    """How the sound is made, and the choices of the methods that make it without optimising."""

    method: str = choice(
        OPTIMISE,
        "How the sound is made: optimise changes a canvas until its statistics match; the others "
        "make it in one pass.",
        options=(OPTIMISE, *METHODS),
    )
    # Of several methods.
    grain_ms: float = choice(
        250.0,
        "shuffled-grains, descriptor-grains: length of a grain, in ms.",
        kind=HOST,
        above=0,
    )
    # Of ctflp.
    ctflp_order: int = choice(40, "ctflp: poles of each frame's spectrum.", kind=HOST, at_least=1)
    ctflp_envelope_order: int = choice(
        10, "ctflp: poles of each frame's envelope over time.", kind=HOST, at_least=1
    )
    ctflp_frame_ms: float = choice(
        50.0, "ctflp: length of a frame, in ms; frames overlap by half.", kind=HOST, above=0
    )
    # Of wavelet-tree.
    tree_threshold: float = choice(
        0.1,
        "wavelet-tree: how far ancestors and predecessors of a coefficient may differ, as a share "
        "of the range of most coefficients of their octave; 0 copies, larger ones mix more.",
        kind=HOST,
        at_least=0,
    )
    tree_predecessors: int = choice(
        3,
        "wavelet-tree: coefficients before one that must agree too, up to 100; more copy longer "
        "pieces.",
        kind=HOST,
        at_least=0,
    )
    # Of natural-grains.
    natural_grain_ms: float = choice(
        40.0,
        "natural-grains: shortest grain between two cuts, in ms, at most an eighth of the "
        "recording.",
        kind=HOST,
        above=0,
    )
    natural_grain_cuts: float = choice(
        50.0,
        "natural-grains: share of the moments of least change that become cuts, in %, up to 100; "
        "fewer make longer grains, and cut fewer events.",
        kind=HOST,
        above=0,
    )
    natural_grain_likeness: float = choice(
        2.0,
        "natural-grains: how strongly grains are preferred that begin as the one before ends; 0 "
        "makes all orders as likely, 1 is as published.",
        kind=HOST,
        at_least=0,
    )
    # Of descriptor-grains.
    path: str = choice(
        "",
        "descriptor-grains: course of descriptors over the result, separated by spaces: "
        "loudness:-20,0 rises evenly from 20 dB below the recording's RMS level to that level; "
        "centroid:100%,50%,100% goes from the brightest grain to the median and back. There are "
        "loudness (dB), centroid and pitch (Hz), flatness (0 to 1), crossings (of zero, per "
        "second). Where the recording has no such grain, the nearest ones are taken. Empty follows "
        "the recording's own distribution.",
        kind=HOST,
    )
    # Of texenv.
    texenv_bands: int = choice(
        32, "texenv: bands of noise, each with an envelope of its own.", kind=HOST, at_least=1
    )
    texenv_rate_hz: float = choice(
        172.0,
        "texenv: fastest fluctuation of the envelopes, in Hz; faster ones are the noise's own.",
        kind=HOST,
        above=0,
    )
    # Of prosody.
    prosody_pitch: float = choice(
        1.0,
        "prosody: share of the style's pitch in the result, from 0 (the content's pitch) to 1; 0.5 "
        "is half-way in semitones.",
        kind=HOST,
        at_least=0,
    )
    prosody_energy: float = choice(
        1.0,
        "prosody: share of the style's energy contour in the result, from 0 (the content's) to 1; "
        "0.5 is half-way in dB.",
        kind=HOST,
        at_least=0,
    )

    def __post_init__(self):
        super().__post_init__()
        parse_path(self.path)
        for name in ("prosody_pitch", "prosody_energy"):
            if getattr(self, name) > 1:
                raise ChoiceError(
                    f"{name} must be from 0 to 1, got {getattr(self, name):g}.", field=name
                )

    def check(self, recipe):
        if self.natural_grain_cuts > 100:
            raise ChoiceError(
                f"natural_grain_cuts must be at most 100 (%), got {self.natural_grain_cuts:g}.",
                field="natural_grain_cuts",
            )
        if self.tree_predecessors > _MOST_PREDECESSORS:
            raise ChoiceError(
                f"tree_predecessors must be at most {_MOST_PREDECESSORS}, got "
                f"{self.tree_predecessors}.",
                field="tree_predecessors",
            )
        if self.method != OPTIMISE and METHODS[self.method].task != recipe.task:
            raise ChoiceError(
                f"method={self.method} is for a {METHODS[self.method].task}, and this is a "
                f"{recipe.task}.",
                field="method",
                others=("recipe",),
            )
