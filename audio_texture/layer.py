"""One convolution of a 1-D network along time: what networks.py draws at random and infinite_width.py integrates over."""

import dataclasses
from collections.abc import Sequence

# How an explicit network's weights may be drawn; networks.py says what each is.
INITIALISATIONS = ("normal", "uniform")


@dataclasses.dataclass(frozen=True)
class Layer:
    """Convolution over frames, ReLU, pooling.

    Attributes:
      width: frames a kernel spans.
      dilation: frames between a kernel's taps.
      pool: frames pooled into one after the ReLU; 1 is no pooling.
      filters: output channels of an explicit network; the closed form has infinitely many and ignores it.
    """

    width: int = 11
    dilation: int = 1
    pool: int = 1
    filters: int = 4096

    def __post_init__(self):
        for field in dataclasses.fields(self):
            if getattr(self, field.name) < 1:
                raise ValueError(f"a layer's {field.name} must be at least 1, got {getattr(self, field.name)}.")


def receptive_field(layers: Sequence[Layer]) -> int:
    """Frames of the input that one output frame of the last layer, after its pooling, sees."""
    field, stride = 1, 1
    for layer in layers:
        field += ((layer.width - 1) * layer.dilation + layer.pool - 1) * stride
        stride *= layer.pool
    return field
