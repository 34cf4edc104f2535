"""Views, the spectrograms that networks see: their text form, and views of a wave or canvas.

T frames, S streams (the channels, then sum and difference of neighbouring channels), F bins, C
channels, N samples. Streams have an axis of their own, [T, S, F], so that kernels that slide along
frequency never slide from one stream into the next.
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

# Frequency scale of a view's rows: STFT bins, mel bands, STFT bins on a log axis, constant Q.
SCALES = ("linear", "mel", "log", "cqt")
_TEXT = re.compile(
    r"(bins|mel(?=\d)|log|cqt(?=\d))((?<!bins)\d+)?"
    r"@([\d.e+-]+)/([\d.e+-]+):([\dx,]+)(?:\*([\d.e+-]+))?"
)


@dataclasses.dataclass(frozen=True)
class View:
    """A spectrogram's settings and the kernel widths of the networks over it.

    Attributes:
      bands: number of mel bands; rows an octave of log and cqt. 0 keeps all bins of linear, and
        every row of log.
      widths: kernel widths in frames, one network each; (frames, bins) for kernels that slide along
        bins and are not square.
      window_ms: window of the transform, in milliseconds; for cqt, whose windows are longer at
        lower frequencies, the longest one.
      hop_ms: time between frames, in milliseconds.
      weight: of this view in the style distance.
      scale: one of SCALES; by default linear where bands is 0, else mel.

    Example:
      >>> View.parse("mel24@32/8:2,8").sizes(16000)
      {'n_fft': 512, 'hop_length': 128}
    """

    bands: int
    widths: tuple[int | tuple[int, int], ...]
    window_ms: float
    hop_ms: float
    weight: float = 1.0
    scale: str = ""

    def __post_init__(self):
        object.__setattr__(self, "scale", self.scale or ("mel" if self.bands else "linear"))
        narrowest = min((np.ravel(width).min() for width in self.widths), default=0)
        if self.bands < 0 or narrowest < 1:
            raise ValueError(
                f"a view needs bands >= 0 and widths of at least one frame, got {self.bands} and "
                f"{self.widths}."
            )
        if not 0 < self.hop_ms <= self.window_ms / 2:
            raise ValueError(
                "a view's hop must be above 0 and at most half its window of "
                f"{self.window_ms:g} ms, got {self.hop_ms:g} ms."
            )
        if not self.weight > 0:
            raise ValueError(f"a view's weight must be above 0, got {self.weight:g}.")
        with_bands = {"linear": (False,), "log": (False, True), "mel": (True,), "cqt": (True,)}
        if (self.bands > 0) not in with_bands.get(self.scale, ()):
            raise ValueError(
                "a view's scale must be linear or log without bands, or mel, log or cqt with a "
                f"number of them, got {self.scale} and {self.bands}."
            )

    def sizes(self, sample_rate: int) -> dict[str, int]:
        """The STFT's n_fft and hop_length, in samples.

        n_fft is even, as phase recovery needs it, and a product of small primes: an FFT of 704
        samples takes a fifth of the time of one of 706. The hop is the same share of it as in ms.

        Example:
          >>> View.parse("bins@32/8:1").sizes(22050)
          {'n_fft': 704, 'hop_length': 176}
        """
        n_fft = 2 * _nearest_fast_length(round(self.window_ms * sample_rate / 2000))
        hop_length = max(1, round(n_fft * self.hop_ms / self.window_ms))
        return {"n_fft": n_fft, "hop_length": min(hop_length, n_fft // 2)}

    def milliseconds(self, frames: int, sample_rate: int) -> float:
        """Time that `frames` span, from the start of the first window to the end of the last.

        For cqt only the hops count, since most of its windows are shorter.

        Example:
          >>> View.parse("mel24@32/8:2").milliseconds(2, 16000)
          40.0
        """
        sizes = self.sizes(sample_rate)
        window = sizes["hop_length" if self.scale == "cqt" else "n_fft"]
        return 1000 * ((frames - 1) * sizes["hop_length"] + window) / sample_rate

    def rows_in(self, amount: float, unit: str, sample_rate: int) -> float:
        """Number of rows that span `amount` of `unit`, "hz" or "oct".

        For mel bands, hertz are taken below 1 kHz and octaves above it. Raises ChoiceError for
        octaves on a linear scale and for hertz on a log or cqt scale.
        """
        if self.scale == "mel":
            if unit == "oct":
                mels = float(spectrogram.hz_to_mel(np.array(1000 * 2**amount)) - 15)
            else:
                mels = float(spectrogram.hz_to_mel(np.array(500.0)) * amount / 500)
            return mels * (self.bands + 1) / float(spectrogram.hz_to_mel(np.array(sample_rate / 2)))
        if (unit == "oct") == (self.scale == "linear"):
            spacing = "hertz" if self.scale == "linear" else "octaves"
            raise ChoiceError(
                f"{amount:g}{unit}: rows of a view of {self.scale} scale are {spacing} apart.",
                field="frequency_scale",
                others=("views", "scale"),
            )
        n_fft = self.sizes(sample_rate)["n_fft"]
        if unit == "hz":
            return amount * n_fft / sample_rate
        # Every row of the log map: neighbours are a bin apart at the top.
        return amount * (self.bands or np.log(2) * (n_fft // 2 + 1))

    def height(self, rows: int, sample_rate: int) -> str:
        """Frequency range that `rows` span, as text in Hz or octaves."""
        unit, name = ("hz", "Hz") if self.scale in ("linear", "mel") else ("oct", "octaves")
        return f"{rows / self.rows_in(1.0, unit, sample_rate):.3g} {name}"

    @classmethod
    def parse(cls, text: str) -> "View":
        """Reads `bins@32/8:1,3` or `mel24@32/8:2,8,16*0.5`; ValueError where the text is no view.

        The form is rows@window/hop:widths*weight, window and hop in ms, widths in frames or
        frames x bins. Rows are bins, mel24 (24 bands), log (every row), log90 or cqt24 (rows an
        octave).
        """
        match = _TEXT.fullmatch(text.strip())
        if not match:
            raise ValueError(
                f"view {text!r} must look like bins@32/8:1,3 or mel24@32/8:2,8,16*0.5."
            )
        scale, bands, window, hop, widths, weight = match.groups()
        try:
            return cls(
                int(bands or 0),
                tuple(map(_parse_width, widths.split(","))),
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
        weight = f"*{self.weight!r}" if self.weight != 1 else ""
        return f"{rows}@{self.window_ms!r}/{self.hop_ms!r}:{widths}{weight}"


def _parse_width(text: str) -> int | tuple[int, int]:
    frames, times, bins = text.partition("x")
    return (int(frames), int(bins)) if times else int(frames)


def _nearest_fast_length(length: int) -> int:
    """The nearest length, at least 1, whose largest prime factor is at most 31."""

    def is_fast(candidate):
        for prime in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31):
            while candidate % prime == 0:
                candidate //= prime
        return candidate == 1

    length = max(1, length)
    nearest = sorted(range(max(1, length - 20), length + 21), key=lambda n: abs(n - length))
    return next(filter(is_fast, nearest), length)


# Gain of constant-Q rows: it gives a sinusoid the magnitude that it has in an STFT with n_fft 1024,
# for which the fixed compression is designed.
CONSTANT_Q_GAIN = 256


def of_wave(wave: jax.Array, *, view: View, rate: int, circular: bool = False) -> jax.Array:
    """Magnitudes [T, S, bands] of a wave in a view.

    The streams are the channels, then sum and difference of neighbouring channels: magnitudes of
    the channels alone do not determine the width and position of the stereo image.

    Args:
      wave: [C, N].
      view: the view.
      rate: sample rate in Hz.
      circular: whether the wave's end is followed by its beginning; there is then a frame for
        every hop.

    Example:
      >>> of_wave(jnp.ones((2, 800)), view=View.parse("mel8@32/16:1"), rate=8000).shape
      (5, 4, 8)
    """
    streams = streams_of(wave)
    if view.scale == "cqt":
        # The transform is circular: frames whose window spans the end and the beginning are cut.
        edge = 0 if circular else _edge(view, rate)
        rows = [_pool_hops(_constant_q(stream, view, rate), view, rate) for stream in streams]
        return jnp.stack([values[edge : len(values) - edge] for values in rows], axis=1)
    sizes = view.sizes(rate)
    if circular:
        streams = [append_start(stream[None], sizes)[0] for stream in streams]
    spectra = [_pool_bands(_magnitude(stream, sizes), view, rate) for stream in streams]
    return jnp.stack(spectra, axis=1)


def streams_of(wave: jax.Array) -> list[jax.Array]:
    """The streams [N] of a wave [C, N]: channels, then sum and difference of neighbours.

    Example:
      >>> len(streams_of(jnp.ones((2, 800))))
      4
    """
    streams = [*wave]
    for left, right in zip(wave[:-1], wave[1:], strict=True):
        streams += [(left + right) / np.sqrt(2), (left - right) / np.sqrt(2)]
    return streams


def check_view(view: View, *, rate: int) -> None:
    """ValueError where a view has no such bands at a sample rate in Hz.

    Example:
      >>> check_view(View.parse("mel24@32/16:1"), rate=22050)
    """
    wave = jax.ShapeDtypeStruct((1, 4 * view.sizes(rate)["n_fft"]), jnp.float32)
    jax.eval_shape(functools.partial(of_wave, view=view, rate=rate), wave)


def of_spectrogram(compressed: jax.Array, *, view: View, rate: int) -> jax.Array:
    """Compressed magnitudes [T, C, bands] of a spectrogram canvas in a view; one frame a hop.

    Args:
      compressed: [T, C, F], the canvas: compressed magnitudes.
      view: the view.
      rate: sample rate in Hz.
    """
    if view.scale in ("linear", "log"):
        return compressed
    magnitude = spectrogram.expand(compressed)
    pool = _pool_hops if view.scale == "cqt" else _pool_bands
    return spectrogram.compress(pool(magnitude, view, rate))


def compressed(wave: jax.Array, view: View, rate: int) -> jax.Array:
    """A wave [N] as a spectrogram canvas of a view's scale: compressed magnitudes [T, rows].

    A cqt canvas has several frames a hop. rate: sample rate in Hz.
    """
    if view.scale == "cqt":
        edge = _edge(view, rate) * _frames_per_hop(view, rate)
        magnitude = _constant_q(wave, view, rate)
        return spectrogram.compress(magnitude[edge : len(magnitude) - edge])
    values = spectrogram.compress(_magnitude(wave, view.sizes(rate)))
    return values @ log_map(view, rate).forward if view.scale == "log" else values


def log_map(view: View, rate: int) -> constant_q.LogMap:
    """The paper's map from bins to log rows (`constant_q.log_map`) of a log view.

    It has view.bands rows an octave; with 0 every row, which makes it invertible. rate: in Hz.
    """
    n_fft = view.sizes(rate)["n_fft"]
    if not view.bands:
        return constant_q.log_map(n_fft, exact=True)
    whole = constant_q.log_map(n_fft)
    octaves = np.log2((n_fft // 2 + 1) / whole.position[0])
    return constant_q.log_map(n_fft, rows=min(len(whole.position), round(view.bands * octaves)))


@functools.lru_cache(maxsize=16)
def constant_q_plan(view: View, rate: int, samples: int) -> constant_q.Plan:
    """The constant-Q transform of a cqt view for waves of `samples`. rate: in Hz.

    It has constant Q down to the frequency where a row's window reaches the view's window, and is
    linear below. In frequency, a row's window is Hann over two row spacings of f ln 2 / bands each;
    in time it is about as long as a Hann window of 4 / (width in Hz).
    """
    per_hop = _frames_per_hop(view, rate)
    hops = max(1, round(samples / view.sizes(rate)["hop_length"]))
    return constant_q.plan(samples=samples, frames=hops * per_hop, **_constant_q_axis(view, rate))


def _magnitude(wave: jax.Array, sizes: dict[str, int]) -> jax.Array:
    return jnp.abs(spectrogram.stft(wave, **sizes, center=False))


def _constant_q(wave: jax.Array, view: View, rate: int) -> jax.Array:
    """Magnitudes [T, F] of a circular wave's [N] constant-Q transform, several frames a hop."""
    return CONSTANT_Q_GAIN * jnp.abs(constant_q.cqt(wave, constant_q_plan(view, rate, len(wave))))


def _edge(view: View, rate: int) -> int:
    """Number of hops in half a window, rounded up."""
    sizes = view.sizes(rate)
    return -(-sizes["n_fft"] // (2 * sizes["hop_length"]))


def _constant_q_axis(view: View, rate: int) -> dict[str, Any]:
    """Frequency arguments of `constant_q.plan`; ChoiceError where the window is too short."""
    f_min = 2 * view.bands * rate / (np.log(2) * view.sizes(rate)["n_fft"])
    if f_min > rate / 4:
        shortest = 8000 * view.bands / (np.log(2) * rate)
        raise ChoiceError(
            f"{str(view)!r}: {view.bands} rows an octave need a window of at least "
            f"{shortest:.4g} ms at {rate} Hz.",
            field="views",
            others=("scale",),
        )
    return {"sample_rate": rate, "bins_per_octave": view.bands, "f_min": f_min}


def _frames_per_hop(view: View, rate: int) -> int:
    # A tenth more than the widest row needs, so that the number is the same for all lengths.
    widest = constant_q.widest_row(**_constant_q_axis(view, rate))
    return 1 + int(1.1 * widest * view.sizes(rate)["hop_length"] / rate)


def _pool_hops(magnitude: jax.Array, view: View, rate: int) -> jax.Array:
    """Mean over the frames of each hop: [T * n, ..., F] -> [T, ..., F]."""
    per_hop = _frames_per_hop(view, rate)
    shape = (len(magnitude) // per_hop, per_hop, *magnitude.shape[1:])
    return jnp.mean(magnitude.reshape(shape), axis=1)


def _pool_bands(magnitude: jax.Array, view: View, rate: int) -> jax.Array:
    """A view's bands of magnitudes [..., F]."""
    if view.scale == "linear":
        return magnitude
    if view.scale == "log":
        # The map is applied to compressed values, as in the paper, and may give values below 0.
        return spectrogram.expand(spectrogram.compress(magnitude) @ log_map(view, rate).forward)
    return magnitude @ spectrogram.mel_filters(rate, view.sizes(rate)["n_fft"], view.bands)


def append_start(wave: jax.Array, sizes: dict[str, int]) -> jax.Array:
    """A circular wave [C, N], continued with its beginning until every hop has a frame.

    sizes: of `View.sizes`.
    """
    frames = round(wave.shape[1] / sizes["hop_length"])
    length = sizes["n_fft"] + (frames - 1) * sizes["hop_length"]
    return jnp.concatenate([wave, wave[:, : length - wave.shape[1]]], axis=1)


def parse_frequency(text: str) -> tuple[float, str]:
    """Reads a frequency scale: an amount and its unit, "hz" or "oct". ChoiceError for other text.

    Example:
      >>> parse_frequency("200hz"), parse_frequency("0.5oct")
      ((200.0, 'hz'), (0.5, 'oct'))
    """
    match = re.fullmatch(r"(\d+\.?\d*|\.\d+)(hz|oct)", text.strip().lower())
    if not match or not float(match[1]) > 0:
        raise ChoiceError(
            f"frequency_scale must be hertz or octaves above 0, such as 200hz or 0.5oct, got "
            f"{text!r}.",
            field="frequency_scale",
        )
    return float(match[1]), match[2]
