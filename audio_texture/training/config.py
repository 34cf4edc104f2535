"""The choices of a training: the spectrogram of a clip, and how a classifier is trained."""

import dataclasses
import math

from audio_texture import audio, spectrogram
from audio_texture.errors import ChoiceError

READOUTS = ("all", "mean")
# The mel spectrogram of the baseline, the same for every network.
BASELINE_FFT, BASELINE_HOP, BASELINE_BANDS = 1024, 512, 40


@dataclasses.dataclass(frozen=True)
class FrontEnd:
    """The spectrogram of a clip; the defaults are the authors'.

    Attributes:
      sample_rate: in Hz.
      n_fft: window in samples.
      hop_length: samples between frames.
      bands: mel bands; 0 keeps all bins.
      seconds: length that clips are cut or padded with zeros to.
    """

    sample_rate: int = 22050
    n_fft: int = 1024
    hop_length: int = 256
    bands: int = 0
    seconds: float = 5.0

    def __post_init__(self):
        if not audio.LOWEST_RATE <= self.sample_rate <= audio.HIGHEST_RATE:
            raise ChoiceError(
                f"sample_rate must be from {audio.LOWEST_RATE} to {audio.HIGHEST_RATE} Hz, "
                f"got {self.sample_rate}.",
                field="sample_rate",
            )
        if not 1 <= self.hop_length <= self.n_fft // 2:
            raise ChoiceError(
                f"hop_length must be from 1 to n_fft // 2 = {self.n_fft // 2}, "
                f"got {self.hop_length}.",
                field="hop_length",
                others=("n_fft",),
            )
        window = max(self.n_fft, BASELINE_FFT)
        if not (self.seconds * self.sample_rate >= window and math.isfinite(self.seconds)):
            raise ChoiceError(
                f"seconds must be at least one window of {window} samples, got {self.seconds:g}.",
                field="seconds",
                others=("n_fft", "sample_rate"),
            )
        self._check_bands()

    def _check_bands(self) -> None:
        if self.bands < 0:
            raise ChoiceError(f"bands must be at least 0, got {self.bands}.", field="bands")
        if self.bands:
            try:
                spectrogram.mel_filters(self.sample_rate, self.n_fft, self.bands)
            except ValueError as error:
                raise ChoiceError(
                    f"bands must each hold a bin: {error}",
                    field="bands",
                    others=("n_fft", "sample_rate"),
                ) from error

    @property
    def shape(self) -> tuple[int, int]:
        """Frames and bins (or bands) of a clip.

        Example:
          >>> FrontEnd(bands=64, seconds=1.0).shape
          (87, 64)
        """
        samples = round(self.seconds * self.sample_rate)
        frames = spectrogram.frame_count(samples, n_fft=self.n_fft, hop_length=self.hop_length)
        return frames, self.bands or self.n_fft // 2 + 1


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """How a classifier is trained; the defaults are the authors'.

    Attributes:
      epochs: passes over the training clips.
      batch: clips in a step.
      learning_rate: Adam's.
      secondary_classes: classes of equal size by spectral centroid for a second head; 0 means no
        second head.
      readout: the part of the network's last tap that the heads see: "all" of it, as the authors,
        or its "mean" over frames.
      shift: longest random rotation of training clips in time, as a share of their length.
      gain_db: largest random change of level of training clips, in dB.
    """

    epochs: int = 31
    batch: int = 20
    learning_rate: float = 1e-3
    secondary_classes: int = 0
    readout: str = "all"
    shift: float = 0.0
    gain_db: float = 0.0

    def __post_init__(self):
        lowest = {"epochs": 1, "batch": 2, "secondary_classes": 0, "gain_db": 0}
        for name, least in lowest.items():
            value = getattr(self, name)
            self._require(
                least <= value < math.inf, name, f"must be at least {least}, got {value}."
            )
        self._require(
            self.secondary_classes != 1, "secondary_classes", "must be 0 or at least 2, got 1."
        )
        self._require(
            0 < self.learning_rate < math.inf,
            "learning_rate",
            f"must be above 0, got {self.learning_rate:g}.",
        )
        self._require(0 <= self.shift <= 1, "shift", f"must be from 0 to 1, got {self.shift:g}.")
        options = ", ".join(READOUTS)
        self._require(
            self.readout in READOUTS, "readout", f"must be one of {options}, got {self.readout!r}."
        )

    def _require(self, valid: bool, name: str, rule: str) -> None:
        if not valid:
            raise ChoiceError(f"{name} {rule}", field=name)
