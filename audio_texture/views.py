"""What is seen of a sound through a view: magnitudes on its scale of frequency, of a wave or of a
spectrogram canvas.

T frames, S streams (channels, and of neighbouring channels their sum and difference), F bins, C
channels. Streams have an axis of their own, [T, S, F]: what slides along frequency must not slide
from one stream into the next.
"""

import dataclasses
import functools
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import constant_q, spectrogram
from audio_texture.errors import ChoiceError

# What a view's rows are spaced by: equally, in mels, or by their logarithm, as rows of an STFT or of a constant-Q transform.
SCALES = ("linear", "mel", "log", "cqt")


@dataclasses.dataclass(frozen=True)
class View:
    """One look at the sound: a spectrogram and the kernel widths of the networks over it.

    Attributes:
      bands: mel bands; rows an octave of log and cqt; 0 keeps all bins of the transform, and of log every row.
      widths: frames the kernels span, a network each; (frames, bins) where kernels slide along bins and are not square.
      window_ms, hop_ms: of the transform, in milliseconds, whatever the rate. Of cqt, whose windows grow towards low
        frequencies, the longest one.
      weight: of this view in the style distance.
      scale: one of SCALES; by default linear where bands is 0, else mel.
    """

    bands: int
    widths: tuple[int | tuple[int, int], ...]
    window_ms: float
    hop_ms: float
    weight: float = 1.0
    scale: str = ""

    def __post_init__(self):
        object.__setattr__(self, "scale", self.scale or ("mel" if self.bands else "linear"))
        if (
            self.bands < 0
            or not self.widths
            or min(np.ravel(width).min() for width in self.widths) < 1
        ):
            raise ValueError(
                f"a view needs bands >= 0 and widths of at least one frame, got {self.bands} and {self.widths}."
            )
        if not 0 < self.hop_ms <= self.window_ms / 2:
            raise ValueError(
                f"a view's hop must be above 0 and at most half its window of {self.window_ms:g} ms, got {self.hop_ms:g} ms."
            )
        if not self.weight > 0:
            raise ValueError(f"a view's weight must be above 0, got {self.weight:g}.")
        if (
            self.scale not in SCALES
            or (self.scale == "linear" and self.bands)
            or (self.scale in ("mel", "cqt") and not self.bands)
        ):
            raise ValueError(
                f"a view's scale must be linear or log without bands, or mel, log or cqt with a number of them, got {self.scale} and {self.bands}."
            )

    def sizes(self, sample_rate: int) -> dict[str, int]:
        """n_fft and hop_length in samples; n_fft is even, as phase recovery and fast transforms want it."""
        n_fft = 2 * max(1, round(self.window_ms * sample_rate / 2000))
        return {
            "n_fft": n_fft,
            "hop_length": min(max(1, round(self.hop_ms * sample_rate / 1000)), n_fft // 2),
        }

    def milliseconds(self, frames: int, sample_rate: int) -> float:
        """What so many frames see, from the first window's beginning to the last one's end; of cqt the hops alone, as most windows are shorter."""
        sizes = self.sizes(sample_rate)
        window = sizes["hop_length" if self.scale == "cqt" else "n_fft"]
        return 1000 * ((frames - 1) * sizes["hop_length"] + window) / sample_rate

    def rows_in(self, amount: float, unit: str, sample_rate: int) -> float:
        """How many rows make so many "hz" or "oct". Mel bands are hertz below 1 kHz and octaves above. ValueError where rows are of neither."""
        if self.scale == "mel":
            mels = float(
                spectrogram.hz_to_mel(np.array(1000 * 2**amount)) - 15
                if unit == "oct"
                else spectrogram.hz_to_mel(np.array(500.0)) * amount / 500
            )
            return mels * (self.bands + 1) / float(spectrogram.hz_to_mel(np.array(sample_rate / 2)))
        if (unit == "oct") == (self.scale == "linear"):
            raise ValueError(
                f"{amount:g}{unit}: rows of a view of {self.scale} scale are {'hertz' if self.scale == 'linear' else 'octaves'} apart."
            )
        n_fft = self.sizes(sample_rate)["n_fft"]
        if unit == "hz":
            return amount * n_fft / sample_rate
        # Every row of the log map: neighbours are a bin apart at the top.
        return amount * (self.bands or np.log(2) * (n_fft // 2 + 1))

    def height(self, rows: int, sample_rate: int) -> str:
        """What so many rows span, in Hz or octaves, for humans."""
        unit = {"linear": "hz", "mel": "hz"}.get(self.scale, "oct")
        return f"{rows / self.rows_in(1.0, unit, sample_rate):.3g} {'Hz' if unit == 'hz' else 'octaves'}"

    @classmethod
    def parse(cls, text: str) -> "View":
        """`bins@32/8:1,3` or `mel24@32/8:2,8,16*0.5`: bands @ window / hop in ms : widths in frames, or frames x bins, * weight.

        In the place of bins: mel24 (bands in all), log or log90 (every row, or so many an octave), cqt24 (an octave).
        """
        found = re.fullmatch(
            r"(bins|mel(?=\d)|log|cqt(?=\d))((?<!bins)\d+)?@([\d.e+-]+)/([\d.e+-]+):([\dx,]+)(?:\*([\d.e+-]+))?",
            text.strip(),
        )
        if not found:
            raise ValueError(
                f"view {text!r} must look like bins@32/8:1,3 or mel24@32/8:2,8,16*0.5."
            )
        scale, bands, window, hop, widths, weight = found.groups()
        try:
            sizes = tuple(
                tuple(map(int, width.split("x", 1))) if "x" in width else int(width)
                for width in widths.split(",")
            )
            return cls(
                int(bands or 0),
                sizes,
                float(window),
                float(hop),
                float(weight or 1),
                "linear" if scale == "bins" else scale,
            )
        except ValueError as error:
            raise ValueError(f"view {text!r}: {error}") from error

    def __str__(self) -> str:
        rows = f"{'bins' if self.scale == 'linear' else self.scale}{self.bands or ''}"
        widths = ",".join(
            "x".join(map(str, width)) if isinstance(width, tuple) else str(width)
            for width in self.widths
        )
        return f"{rows}@{self.window_ms!r}/{self.hop_ms!r}:{widths}" + (
            f"*{self.weight!r}" if self.weight != 1 else ""
        )


# Of constant-Q rows: a sinusoid then has the magnitude that it has in the STFT of 1024 the fixed compression is for.
CONSTANT_Q_GAIN = 256


def _magnitude(wave: jax.Array, sizes: dict[str, int]) -> jax.Array:
    return jnp.abs(spectrogram.stft(wave, **sizes, center=False))


def of_wave(wave: jax.Array, *, view: View, rate: int, circular: bool = False) -> jax.Array:
    """Magnitudes of a wave [C, N] in a view's bands, of its channels, their sums and differences:
    [T, S, bands].

    Magnitudes of the channels alone would leave open how they add up, and with it the width and place of the image.
    circular: as many frames as hops, the last ones reaching over the end into the beginning.
    """
    streams = [*wave]
    for left, right in zip(wave[:-1], wave[1:]):
        streams += [(left + right) / np.sqrt(2), (left - right) / np.sqrt(2)]
    if view.scale == "cqt":
        found = [_constant_q(stream, view, rate) for stream in streams]
        pooled = [
            jnp.mean(
                magnitude.reshape(
                    len(magnitude) // _frames_per_hop(view, rate), -1, magnitude.shape[1]
                ),
                axis=1,
            )
            for magnitude in found
        ]
        # Without those frames whose window sees the end and the beginning.
        edge = 0 if circular else _edge(view, rate)
        return jnp.stack([magnitude[edge : len(magnitude) - edge] for magnitude in pooled], axis=1)
    sizes = view.sizes(rate)
    if circular:
        streams = [_prolonged(stream[None], sizes)[0] for stream in streams]
    return jnp.stack([_banded(_magnitude(stream, sizes), view, rate) for stream in streams], axis=1)


def _edge(view: View, rate: int) -> int:
    """Hops that half a window reaches over."""
    sizes = view.sizes(rate)
    return -(-sizes["n_fft"] // (2 * sizes["hop_length"]))


def _constant_q(wave: jax.Array, view: View, rate: int) -> jax.Array:
    """Magnitudes [T, F] of the constant-Q transform of a circular wave [N], several frames a hop."""
    return CONSTANT_Q_GAIN * jnp.abs(constant_q.cqt(wave, constant_q_plan(view, rate, len(wave))))


@functools.lru_cache(maxsize=16)
def constant_q_plan(view: View, rate: int, samples: int) -> constant_q.Plan:
    """The transform of a cqt view: constant Q down to the frequency where a row's window is the view's, linear below.

    A row's window is Hann over two spacings, f ln 2 / bands each, and so reaches in time as far as a Hann window of 4 over its width.
    """
    hops = max(1, round(samples / view.sizes(rate)["hop_length"]))
    return constant_q.plan(
        samples=samples, frames=hops * _frames_per_hop(view, rate), **_constant_q_axis(view, rate)
    )


def _constant_q_axis(view: View, rate: int) -> dict[str, Any]:
    f_min = 2 * view.bands * rate / (np.log(2) * view.sizes(rate)["n_fft"])
    if f_min > rate / 4:
        raise ValueError(
            f"{str(view)!r}: {view.bands} rows an octave need a window of at least {8000 * view.bands / (np.log(2) * rate):.4g} ms at {rate} Hz."
        )
    return {"sample_rate": rate, "bins_per_octave": view.bands, "f_min": f_min}


def _frames_per_hop(view: View, rate: int) -> int:
    # A tenth more than the widest row holds: whatever the length, and one number for all lengths.
    return 1 + int(
        1.1
        * constant_q.widest_row(**_constant_q_axis(view, rate))
        * view.sizes(rate)["hop_length"]
        / rate
    )


def log_map(view: View, rate: int) -> constant_q.LogMap:
    """The authors' map (`constant_q.log_map`) of a log view at a rate in Hz: every row, nothing lost, or so many an octave as it has bands."""
    n_fft = view.sizes(rate)["n_fft"]
    if not view.bands:
        return constant_q.log_map(n_fft, exact=True)
    every = len(constant_q.log_map(n_fft).position)
    octaves = np.log2((n_fft // 2 + 1) / constant_q.log_map(n_fft).position[0])
    return constant_q.log_map(n_fft, rows=min(every, round(view.bands * octaves)))


def compressed(wave: jax.Array, view: View, rate: int) -> jax.Array:
    """What a spectrogram canvas of a view's scale holds of a wave [N]: [T, rows], of cqt several frames a hop."""
    if view.scale == "cqt":
        edge = _edge(view, rate) * _frames_per_hop(view, rate)
        magnitude = _constant_q(wave, view, rate)
        return spectrogram.compress(magnitude[edge : len(magnitude) - edge])
    compressed = spectrogram.compress(_magnitude(wave, view.sizes(rate)))
    return compressed @ log_map(view, rate).forward if view.scale == "log" else compressed


def _prolonged(wave: jax.Array, sizes: dict[str, int]) -> jax.Array:
    """A circular wave with as much of its beginning after its end as gives a frame for every hop."""
    frames = round(wave.shape[1] / sizes["hop_length"])
    return jnp.concatenate(
        [wave, wave[:, : sizes["n_fft"] + (frames - 1) * sizes["hop_length"] - wave.shape[1]]],
        axis=1,
    )


def parts_of_wave(wave: jax.Array, *, view: View, rate: int, circular: bool = False) -> jax.Array:
    """Real and imaginary parts of a wave's [C, N] transform as channels: [T, F, 2 C]; circular: see `of_wave`."""
    sizes = view.sizes(rate)
    wave = _prolonged(wave, sizes) if circular else wave
    spectra = [spectrogram.stft(channel, **sizes, center=False) for channel in wave]
    return jnp.stack(
        [part for spectrum in spectra for part in (jnp.real(spectrum), jnp.imag(spectrum))], axis=-1
    )


def of_spectrogram(compressed: jax.Array, *, view: View, rate: int) -> jax.Array:
    """A view's bands of a compressed spectrogram: [T, C, F] -> [T, C, bands]; of cqt a frame a hop."""
    if view.scale in ("linear", "log"):
        return compressed
    magnitude = spectrogram.expand(compressed)
    if view.scale == "cqt":
        per_hop = _frames_per_hop(view, rate)
        blocks = magnitude.reshape(len(magnitude) // per_hop, per_hop, *magnitude.shape[1:])
        return spectrogram.compress(jnp.mean(blocks, axis=1))
    return spectrogram.compress(_banded(magnitude, view, rate))


def _banded(magnitude: jax.Array, view: View, rate: int) -> jax.Array:
    if view.scale == "linear":
        return magnitude
    if view.scale == "log":
        # As the authors, on compressed values; between bins the interpolation passes below zero.
        return spectrogram.expand(spectrogram.compress(magnitude) @ log_map(view, rate).forward)
    return magnitude @ spectrogram.mel_filters(rate, view.sizes(rate)["n_fft"], view.bands)


def parse_frequency(text: str) -> tuple[float, str]:
    """Reads a frequency scale: 200hz -> (200.0, "hz"), 0.5oct -> (0.5, "oct")."""
    match = re.fullmatch(r"(\d+\.?\d*|\.\d+)(hz|oct)", text.strip().lower())
    if not match or not float(match[1]) > 0:
        raise ChoiceError(
            f"frequency_scale must be hertz or octaves above 0, such as 200hz or 0.5oct, got "
            f"{text!r}.",
            field="frequency_scale",
        )
    return float(match[1]), match[2]
