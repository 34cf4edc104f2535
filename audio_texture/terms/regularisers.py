"""Terms on the values of a spectrogram canvas. `build` ignores its argument; nothing is fitted."""

import dataclasses

from audio_texture import losses
from audio_texture.base import Term
from audio_texture.choices import TermChoices, weight


@dataclasses.dataclass(frozen=True)
class Bounds(TermChoices):
    """The penalty on values outside [0, 1]."""

    term = "bound"
    weight: float = weight(
        term, "Spectrogram canvas: weight of the penalty on values outside [0, 1]."
    )


@dataclasses.dataclass(frozen=True)
class Variation(TermChoices):
    """Squared differences of neighbouring values."""

    term = "variation"
    weight: float = weight(
        term, "Spectrogram canvas: weight of the squared differences of neighbours."
    )


@dataclasses.dataclass(frozen=True)
class Power(TermChoices):
    """The sixth powers of values."""

    term = "power"
    weight: float = weight(term, "Spectrogram canvas: weight of the values' sixth powers.")


TERMS = (
    Term(
        Bounds,
        lambda context: losses.bounds(),
        "canvas",
        "values outside [0, 1]",
        ("spectrogram",),
        elsewhere="ignored",
    ),
    Term(
        Variation,
        lambda context: losses.total_variation(),
        "canvas",
        "squared differences of neighbours",
        ("spectrogram",),
    ),
    Term(
        Power,
        lambda context: losses.sixth_power(),
        "canvas",
        "sixth powers of values",
        ("spectrogram",),
    ),
)
