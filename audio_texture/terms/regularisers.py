"""Terms on what a spectrogram canvas holds. `build` takes a `Context`; nothing is fitted."""

import dataclasses

from audio_texture import losses
from audio_texture.base import Term
from audio_texture.choices import TermChoices, weight


@dataclasses.dataclass(frozen=True)
class Bounds(TermChoices):
    """Values outside [0, 1]."""

    term = "bound"
    weight: float = weight(
        term, "Spectrogram canvas: weight of the penalty on values outside [0, 1]."
    )


@dataclasses.dataclass(frozen=True)
class Variation(TermChoices):
    """Differences of neighbours."""

    term = "variation"
    weight: float = weight(
        term, "Spectrogram canvas: weight of the squared differences of neighbours."
    )


@dataclasses.dataclass(frozen=True)
class Power(TermChoices):
    """Sixth powers of values."""

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
