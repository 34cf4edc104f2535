"""The architecture of a network as plain data, without weights.

infinite_width.py integrates over these layers in closed form; networks.py builds modules of them.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from audio_texture.errors import ChoiceError

# Distribution of the weights, padding before a convolution, pooling: see networks.py.
INITIALISATIONS = ("normal", "uniform", "narrow")
PADDINGS = ("valid", "same")
POOLINGS = ("mean", "max")
# The names that files use for two fields of a layer.
_JSON_NAMES = {"kernel_size": "width", "kernel_bins": "bins"}


@dataclasses.dataclass(frozen=True)
class Layer:
    """Convolution, ReLU and pooling.

    The sizes count frames. A network over bins counts bins instead; a 2-D network uses the same
    sizes along both axes.

    Attributes:
      kernel_size: frames that a kernel spans.
      dilation: frames between the taps of a kernel.
      pool: frames pooled into one after the ReLU; 1 means no pooling.
      filters: output channels; ignored by the closed form, which has infinitely many.
      kernel_bins: bins that a 2-D kernel spans; 0 means as many as `kernel_size`.
    """

    kernel_size: int = 11
    dilation: int = 1
    pool: int = 1
    filters: int = 4096
    kernel_bins: int = 0

    def __post_init__(self):
        for field in dataclasses.fields(self):
            lowest = 0 if field.name == "kernel_bins" else 1
            value = getattr(self, field.name)
            if value < lowest:
                raise ChoiceError(
                    f"a layer's {field.name} must be at least {lowest}, got {value}.",
                    field=field.name,
                )

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as plain types, by the names that files use.

        Example:
          >>> Layer(3, filters=8).to_json()
          {'width': 3, 'dilation': 1, 'pool': 1, 'filters': 8, 'bins': 0}
        """
        return {_JSON_NAMES.get(name, name): n for name, n in dataclasses.asdict(self).items()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Layer":
        """Inverse of `to_json`. Raises TypeError for an unknown name."""
        names = {json_name: name for name, json_name in _JSON_NAMES.items()}
        return cls(**{names.get(name, name): value for name, value in values.items()})


def receptive_field(layers: Sequence[Layer]) -> int:
    """Returns how many input frames one output frame of the last layer depends on.

    Example:
      >>> receptive_field([Layer(11, pool=2), Layer(11)])
      32
    """
    frames, stride = 1, 1
    for layer in layers:
        frames += ((layer.kernel_size - 1) * layer.dilation + layer.pool - 1) * stride
        stride *= layer.pool
    return frames


def cut_to(layers: Sequence[Layer], tap: str) -> tuple[Layer, ...]:
    """Returns the layers up to a tap relu_i or pool_i; the last loses its pooling for relu_i.

    Example:
      >>> [layer.pool for layer in cut_to([Layer(3, pool=2), Layer(3, pool=2)], "relu_2")]
      [2, 1]
    """
    stage, _, number = tap.partition("_")
    *before, last = layers[: int(number)]
    return (*before, dataclasses.replace(last, pool=last.pool if stage == "pool" else 1))


# In "1d-frequency" the bins are the channels and kernels slide over frames, in "1d-time" the other
# way round; the modules are in networks.py.
KINDS = ("1d-frequency", "1d-time", "2d", "vgg19-grey", "vgg19-random")
_VGG_BLOCKS = (2, 2, 4, 4, 4)
_VGG_LAYERS = tuple(
    Layer(3, 1, 2 if number == convolutions else 1, filters)
    for filters, convolutions in zip((64, 128, 256, 512, 512), _VGG_BLOCKS, strict=True)
    for number in range(1, convolutions + 1)
)
# The sizes of the paper's authors. The sizes of their network over bins are unknown: here they are
# those of the network over frames.
AUTHORS_LAYERS = {
    "1d-frequency": (Layer(11, 1, 2, 4096),) * 3,
    "1d-time": (Layer(11, 1, 2, 4096),) * 3,
    "2d": (Layer(11, 1, 2, 18), Layer(11, 1, 2, 36), Layer(11, 1, 2, 72)),
    "vgg19-grey": _VGG_LAYERS,
    "vgg19-random": (Layer(11, 1, 1, 64), *_VGG_LAYERS[1:]),
}


@dataclasses.dataclass(frozen=True)
class NetworkConfig:
    """The architecture of a network; `networks.build` makes the module.

    Attributes:
      kind: one of KINDS.
      layers: the layers in order; empty means the authors' sizes. VGG-19 takes its own layers, or
        the first of them.
      initialisation: one of INITIALISATIONS.
      padding: one of PADDINGS; VGG-19 ignores it.
      pooling: one of POOLINGS.
      channels: input channels of the first kernels: bins ("1d-frequency"), frames ("1d-time") or
        channels ("2d"); 0 means any number. VGG-19 takes one channel.
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
            value = getattr(self, name)
            if value not in allowed:
                raise ChoiceError(
                    f"a network's {name} must be one of {', '.join(allowed)}, got {value!r}.",
                    field=name,
                )
        if self.channels < 0:
            raise ChoiceError(
                f"a network's channels must be at least 0, got {self.channels}.", field="channels"
            )
        authors = AUTHORS_LAYERS[self.kind]
        object.__setattr__(self, "layers", tuple(self.layers) or authors)
        if self.kind.startswith("vgg19") and self.layers != authors[: len(self.layers)]:
            raise ChoiceError("the layers of VGG-19 are fixed: leave them out.", field="layers")

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as plain types, as weight files and config.json hold them."""
        return {**vars(self), "layers": [layer.to_json() for layer in self.layers]}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "NetworkConfig":
        """Inverse of `to_json`. Raises ValueError for anything else."""
        try:
            layers = tuple(Layer.from_json(layer) for layer in values["layers"])
            return cls(**{**values, "layers": layers})
        except (TypeError, KeyError) as error:
            raise ValueError(f"{str(values)[:80]!r} describes no network ({error}).") from error


# Names by which what a network sees is matched as if it were a layer: all of it, and the magnitudes
# alone where it sees other parts too.
INPUT_TAPS = ("input", "magnitudes")


class ReceptiveField(NamedTuple):
    """The part of the spectrogram that one output depends on.

    Attributes:
      frames: number of frames; math.inf means all.
      bins: number of bins; math.inf means all.
    """

    frames: float
    bins: float

    def milliseconds(self, *, sample_rate: int, n_fft: int, hop_length: int) -> float:
        """Returns the time from the first sample of the first window to the last sample of the
        last window.

        Example:
          >>> ReceptiveField(11, 513).milliseconds(sample_rate=16000, n_fft=1024, hop_length=256)
          224.0
        """
        return 1000 * ((self.frames - 1) * hop_length + n_fft) / sample_rate

    def hertz(self, *, sample_rate: int, n_fft: int) -> float:
        """Returns the bandwidth of the bins on a linear axis."""
        return min(self.bins * sample_rate / n_fft, sample_rate / 2)


def tap_names(kind: str, layer: int) -> dict[str, str]:
    """Returns the tap name of each stage of a layer: conv, batchnorm, relu and pool.

    The names end in the number of the layer, from 1. VGG-19 keeps the names of its authors,
    conv1_1 to relu5_4 and pool1 to pool5, and has no batch normalisation.

    Example:
      >>> tap_names("vgg19-grey", 3)
      {'conv': 'conv2_1', 'relu': 'relu2_1', 'pool': 'pool2'}
    """
    if not kind.startswith("vgg19"):
        return {stage: f"{stage}_{layer}" for stage in ("conv", "batchnorm", "relu", "pool")}
    block, number = 1, layer
    while number > _VGG_BLOCKS[block - 1]:
        number -= _VGG_BLOCKS[block - 1]
        block += 1
    return {
        "conv": f"conv{block}_{number}",
        "relu": f"relu{block}_{number}",
        "pool": f"pool{block}",
    }


def receptive_fields(config: NetworkConfig) -> dict[str, ReceptiveField]:
    """Returns the receptive field of every tap of a network, in order of the taps.

    Example:
      >>> receptive_fields(NetworkConfig("1d-frequency", (Layer(11, pool=2),)))["pool_1"]
      ReceptiveField(frames=12, bins=inf)
    """
    fields = {}
    has_batchnorm = config.initialisation == "uniform" and not config.kind.startswith("vgg19")
    for i, layer in enumerate(config.layers, start=1):
        unpooled = (*config.layers[: i - 1], dataclasses.replace(layer, pool=1))
        for stage, name in tap_names(config.kind, i).items():
            if stage == "batchnorm" and not has_batchnorm or stage == "pool" and layer.pool == 1:
                continue
            layers = config.layers[:i] if stage == "pool" else unpooled
            frames = receptive_field(layers)
            if config.kind == "1d-frequency":
                fields[name] = ReceptiveField(frames, math.inf)
            elif config.kind == "1d-time":
                fields[name] = ReceptiveField(math.inf, frames)
            else:
                fields[name] = ReceptiveField(frames, receptive_field(along_bins(layers)))
    return fields


def along_bins(layers: Sequence[Layer]) -> list[Layer]:
    """Returns the layers of a 2-D network with `kernel_size` counting bins instead of frames."""
    return [
        dataclasses.replace(layer, kernel_size=layer.kernel_bins or layer.kernel_size)
        for layer in layers
    ]


def cut_after(config: NetworkConfig, names: Sequence[str]) -> NetworkConfig:
    """Returns the network without the layers after the deepest tap in `names`.

    Raises:
      ValueError: `names` is empty or holds a tap that the network lacks; the message lists the
        taps of the network.
    Example:
      >>> len(cut_after(NetworkConfig("2d"), ["relu_1", "conv_2"]).layers)
      2
    """
    known = list(receptive_fields(config))
    for name in names or [""]:
        if name not in known:
            raise ValueError(
                f"{name!r} is not a layer of this network; there are {', '.join(known)}."
            )
    depth = max(
        i
        for i in range(1, len(config.layers) + 1)
        if set(names) & set(tap_names(config.kind, i).values())
    )
    return dataclasses.replace(config, layers=config.layers[:depth])
