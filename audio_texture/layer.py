"""What a network is, as plain data: its layers, which infinite_width.py integrates over, and all that networks.py builds."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

# How an explicit network's weights may be drawn, what its kernels see beyond the ends, how it pools; networks.py says what each is.
INITIALISATIONS = ("normal", "uniform", "narrow")
PADDINGS = ("valid", "same")
POOLINGS = ("mean", "max")


@dataclasses.dataclass(frozen=True)
class Layer:
    """Convolution, ReLU, pooling; over frames, and what is said of frames holds along each axis that a network slides on.

    Attributes:
      width: frames a kernel spans.
      dilation: frames between a kernel's taps.
      pool: frames pooled into one after the ReLU; 1 is no pooling.
      filters: output channels of an explicit network; the closed form has infinitely many and ignores it.
      bins: that a 2-D kernel spans; 0 is as many as frames.
    """

    width: int = 11
    dilation: int = 1
    pool: int = 1
    filters: int = 4096
    bins: int = 0

    def __post_init__(self):
        for field in dataclasses.fields(self):
            least = 0 if field.name == "bins" else 1
            if getattr(self, field.name) < least:
                raise ValueError(
                    f"a layer's {field.name} must be at least {least}, got {getattr(self, field.name)}."
                )


def receptive_field(layers: Sequence[Layer]) -> int:
    """Frames of the input that one output frame of the last layer, after its pooling, sees."""
    field, stride = 1, 1
    for layer in layers:
        field += ((layer.width - 1) * layer.dilation + layer.pool - 1) * stride
        stride *= layer.pool
    return field


def cut_to(layers: Sequence[Layer], tap: str) -> tuple[Layer, ...]:
    """The layers up to a tap relu_i or pool_i, which is what the closed form of a tap is made of."""
    stage, _, number = tap.partition("_")
    *before, last = layers[: int(number)]
    return (*before, dataclasses.replace(last, pool=last.pool if stage == "pool" else 1))


# What a network's kernels slide along; networks.py says what each is.
KINDS = ("1d-frequency", "1d-time", "2d", "vgg19-grey", "vgg19-random")
_VGG_BLOCKS = (2, 2, 4, 4, 4)
_VGG_LAYERS = tuple(
    Layer(3, 1, 2 if number == convolutions else 1, filters)
    for filters, convolutions in zip((64, 128, 256, 512, 512), _VGG_BLOCKS, strict=True)
    for number in range(1, convolutions + 1)
)
# The authors' sizes; those of their network over bins are not known, and taken from the one over frames.
AUTHORS_LAYERS = {
    "1d-frequency": (Layer(11, 1, 2, 4096),) * 3,
    "1d-time": (Layer(11, 1, 2, 4096),) * 3,
    "2d": (Layer(11, 1, 2, 18), Layer(11, 1, 2, 36), Layer(11, 1, 2, 72)),
    "vgg19-grey": _VGG_LAYERS,
    "vgg19-random": (Layer(11, 1, 1, 64), *_VGG_LAYERS[1:]),
}


@dataclasses.dataclass(frozen=True)
class Description:
    """All that decides about a network but its weights: `networks.build` makes the module of it.

    Attributes:
      kind: one of KINDS.
      layers: the stacks; empty stands for the authors' sizes. VGG-19 has its own, or the first of them.
      initialisation, padding, pooling: as in networks.py. VGG-19 pads as it always does.
      channels: what the first kernels take in: bins ("1d-frequency") or frames ("1d-time"), or channels ("2d"); 0 is whatever the input has.
        VGG-19 sees one channel; it and "2d" inputs of any size.
    """

    kind: str
    layers: tuple[Layer, ...] = ()
    initialisation: str = "normal"
    padding: str = "same"
    pooling: str = "max"
    channels: int = 0

    def __post_init__(self):
        options = {
            "kind": KINDS,
            "initialisation": INITIALISATIONS,
            "padding": PADDINGS,
            "pooling": POOLINGS,
        }
        for name, allowed in options.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"a network's {name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}."
                )
        if self.channels < 0:
            raise ValueError(f"a network's channels must be at least 0, got {self.channels}.")
        object.__setattr__(self, "layers", tuple(self.layers) or AUTHORS_LAYERS[self.kind])
        if (
            self.kind.startswith("vgg19")
            and self.layers != AUTHORS_LAYERS[self.kind][: len(self.layers)]
        ):
            raise ValueError("the layers of VGG-19 are given: leave them out.")

    def to_json(self) -> dict[str, Any]:
        """Plain types only."""
        return {
            **dataclasses.asdict(self),
            "layers": [dataclasses.asdict(layer) for layer in self.layers],
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Description":
        """Inverse of `to_json`. Raises ValueError for anything else."""
        try:
            return cls(**{**values, "layers": tuple(Layer(**layer) for layer in values["layers"])})
        except (TypeError, KeyError) as error:
            raise ValueError(f"{str(values)[:80]!r} describes no network ({error}).") from error


class Field(NamedTuple):
    """How much of the spectrogram one output sees: frames and bins; math.inf is all there are."""

    frames: float
    bins: float

    def milliseconds(self, *, sample_rate: int, n_fft: int, hop_length: int) -> float:
        """From the first sample of the first frame's window to the last sample of the last one's."""
        return 1000 * ((self.frames - 1) * hop_length + n_fft) / sample_rate

    def hertz(self, *, sample_rate: int, n_fft: int) -> float:
        """Width of the bins; on a linear axis."""
        return min(self.bins * sample_rate / n_fft, sample_rate / 2)


def tap_names(kind: str, layer: int) -> dict[str, str]:
    """What the stages of a layer (from 1) are called: conv, batchnorm, relu and pool with _1, _2 ...

    In VGG-19 they have the names of its authors, conv1_1 to relu5_4 and pool1 to pool5, and no batch normalisation.
    """
    if not kind.startswith("vgg19"):
        return {stage: f"{stage}_{layer}" for stage in ("conv", "batchnorm", "relu", "pool")}
    block, before = 1, 0
    while layer - before > _VGG_BLOCKS[block - 1]:
        before += _VGG_BLOCKS[block - 1]
        block += 1
    return {
        "conv": f"conv{block}_{layer - before}",
        "relu": f"relu{block}_{layer - before}",
        "pool": f"pool{block}",
    }


def receptive_fields(description: Description) -> dict[str, Field]:
    """Every tap of a network, in order, and how much of its input one position of it sees."""
    fields = {}
    for i, layer in enumerate(description.layers, start=1):
        span = receptive_field([*description.layers[: i - 1], dataclasses.replace(layer, pool=1)])
        spans = {
            "conv": span,
            "batchnorm": span,
            "relu": span,
            "pool": receptive_field(description.layers[:i]),
        }
        if description.initialisation != "uniform" or description.kind.startswith("vgg19"):
            del spans["batchnorm"]
        if layer.pool == 1:
            del spans["pool"]
        upright = [
            dataclasses.replace(layer, width=layer.bins or layer.width)
            for layer in description.layers[:i]
        ]
        bins = {"pool": receptive_field(upright)}
        for stage, span in spans.items():
            other = bins.get(
                stage, receptive_field([*upright[:-1], dataclasses.replace(upright[-1], pool=1)])
            )
            one_dimensional = {
                "1d-frequency": Field(span, math.inf),
                "1d-time": Field(math.inf, span),
            }
            fields[tap_names(description.kind, i)[stage]] = one_dimensional.get(
                description.kind, Field(span, other)
            )
    return fields


def cut_after(description: Description, names: Sequence[str]) -> Description:
    """The network without the layers after the last one that is asked for: their weights need not be drawn.

    Raises:
      ValueError: no name, or a tap that the network has not; the message lists those it has.
    """
    known = list(receptive_fields(description))
    for name in names or [""]:
        if name not in known:
            raise ValueError(f"{name!r} is no layer of this network; there are {', '.join(known)}.")
    depth = max(
        i
        for i in range(1, len(description.layers) + 1)
        if set(names) & set(tap_names(description.kind, i).values())
    )
    return dataclasses.replace(description, layers=description.layers[:depth])
