"""The sizes of a generator."""

import dataclasses
import functools
from typing import Any

import numpy as np

from audio_texture import audio
from audio_texture.errors import ChoiceError
from audio_texture.generators import shaping


@dataclasses.dataclass(frozen=True)
class Stage:
    """Gains over frames of one window length.

    Attributes:
      name: "slow", "middle" or "fast".
      n_fft: window in samples; the hop is a quarter of it.
      bands: number of bands.
      level: level of the network whose features the gains are made from.
      split: frames of gains for each frame of that level.
      hears: whether the level also sees how loud each band is before these gains.
    """

    name: str
    n_fft: int
    bands: int
    level: int
    split: int = 1
    hears: bool = False

    def band_weights(self, sample_rate: int) -> np.ndarray:
        """Returns [F, B] of `shaping.band_weights`. sample_rate: in Hz."""
        return shaping.band_weights(self.n_fft, self.bands, sample_rate)


@dataclasses.dataclass(frozen=True)
class GeneratorConfig:
    """The sizes of a generator.

    Attributes:
      sample_rate: of its sound, in Hz.
      channels: of its sound.
      width: channels of the network.
      levels: of the network; each has half the frame rate of the one before.
      noises: random numbers that the network sees in each frame of each level; even.
      content_bands: bands of a content that the network follows; 0 for none.
      content_share: share of the content's own wave in what the gains shape, from 0 to 1; the rest
        is noise.
    """

    sample_rate: int
    channels: int = 1
    width: int = 48
    levels: int = 7
    noises: int = 8
    content_bands: int = 0
    content_share: float = 0.0

    def __post_init__(self):
        for name, least in {"width": 1, "levels": 4, "noises": 2, "channels": 1}.items():
            if getattr(self, name) < least:
                raise ChoiceError(
                    f"{name} must be at least {least}, got {getattr(self, name)}.", field=name
                )
        if not 0 <= self.content_share <= 1:
            raise ChoiceError(
                f"content_share must be from 0 to 1, got {self.content_share:g}.",
                field="content_share",
            )
        if self.noises % 2:
            raise ChoiceError(f"noises must be even, got {self.noises}.", field="noises")
        if not audio.LOWEST_RATE <= self.sample_rate <= audio.HIGHEST_RATE:
            raise ChoiceError(
                f"sample_rate must be from {audio.LOWEST_RATE} to {audio.HIGHEST_RATE} Hz, "
                f"got {self.sample_rate}.",
                field="sample_rate",
            )

    @property
    def n_fft(self) -> int:
        """The middle window in samples: the largest power of two up to 23.5 ms."""
        return 2 ** int(np.log2(self.sample_rate * 0.0235))

    @property
    def hop_length(self) -> int:
        """Samples of a frame of level 0."""
        return self.n_fft // shaping.OVERLAP

    @property
    def chunk(self) -> int:
        """Samples of a chunk, which is a frame of the coarsest level."""
        return self.hop_length * self.frames(0)

    def frames(self, level: int) -> int:
        """Returns how many frames of a level a chunk has."""
        return 2 ** (self.levels - 1 - level)

    @functools.cached_property
    def stages(self) -> tuple[Stage, ...]:
        """In the order in which they are applied: tones, then bursts, then transients."""
        return (
            Stage("slow", 8 * self.n_fft, 64, level=3),
            Stage("middle", self.n_fft, 32, level=0, hears=True),
            Stage("fast", self.n_fft // 8, 8, level=0, split=8),
        )

    @property
    def heard(self) -> Stage:
        """The stage that hears."""
        return next(stage for stage in self.stages if stage.hears)

    @property
    def warm_up(self) -> int:
        """Chunks after which nothing is left of the state before them."""
        # Two convolutions of kernel size 3 a level, each level late by its own frames.
        frames = sum(4 * 2**level for level in range(self.levels))
        samples = frames * self.hop_length + sum(2 * stage.n_fft for stage in self.stages)
        return -(-samples // self.chunk)

    @property
    def delay(self) -> int:
        """Samples that the wave is late after all stages."""
        return sum(stage.n_fft - stage.n_fft // shaping.OVERLAP for stage in self.stages)

    def to_json(self) -> dict[str, Any]:
        """Returns the sizes as plain types."""
        return dataclasses.asdict(self)
