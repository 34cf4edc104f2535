"""Named end-to-end choices: the paper's, each cited system's, ours. Choices only, no mathematics.

A `Recipe` holds every choice of a run but its inputs, length and seed. Written beside an output as JSON it is, with those,
enough to make that output again. synthesis.py is the road that all recipes take.
"""

import dataclasses
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from audio_texture import audio, spectrogram
from audio_texture.layer import (
    AUTHORS_LAYERS,
    INITIALISATIONS,
    KINDS,
    Description,
    Layer,
    cut_after,
    receptive_field,
    receptive_fields,
)

# What a view's rows are spaced by: equally, in mels, or by their logarithm, as rows of an STFT or of a constant-Q transform.
SCALES = ("linear", "mel", "log", "cqt")
# Rows and window in ms that a view of bins has on another scale: the authors' 90 rows an octave; and a constant Q from 139 Hz up.
ON_SCALE = {"linear": (0, None), "mel": (64, None), "log": (90, None), "cqt": (24, 500.0)}


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
            return (
                mels
                * (self.bands + 1)
                / float(spectrogram.hz_to_mel(np.array(sample_rate / 2)))
            )
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


@dataclasses.dataclass(frozen=True)
class Tap:
    """An output of a network that is matched. name: as of `layer.receptive_fields`. weight: in the mean over the taps."""

    name: str
    weight: float = 1.0

    def __post_init__(self):
        if not 0 < self.weight < math.inf:
            raise ValueError(
                f"a layer's weight must be above 0, got {self.weight:g} for {self.name}."
            )

    @classmethod
    def parse(cls, text: str) -> "Tap":
        """`relu_1`, or `relu_1*0.5`."""
        name, times, weight = text.strip().partition("*")
        try:
            return cls(name, float(weight) if times else 1.0)
        except ValueError as error:
            raise ValueError(
                f"layer {text!r} must look like relu_1 or relu_1*0.5: {error}"
            ) from error

    def __str__(self) -> str:
        return self.name + (f"*{self.weight!r}" if self.weight != 1 else "")


def number(value: str | float) -> float:
    """One of several numbers that a flag takes."""
    try:
        return float(value)
    except ValueError as error:
        raise ValueError(f"{value!r} must be numbers separated by commas.") from error


# How fields that are no plain values are written, and what stands between several of them.
_PARSED = {
    "views": (View.parse, None),
    "content_views": (View.parse, None),
    "patches_views": (View.parse, None),
    "style_layers": (Tap.parse, ","),
    "content_layers": (Tap.parse, ","),
    "time_scale": (number, ","),
}


def parsed(name: str, value: Any) -> Any:
    """A field's value from that of its flag: views are text between blanks, layers between commas."""
    if name not in _PARSED:
        return value
    parse, separator = _PARSED[name]
    return tuple(map(parse, value.split(separator))) if value.strip() else ()


def _choice(
    default, unit_and_meaning: str, options: Sequence[str] = (), *, enters: str = "program"
):
    """enters: the compiled "program"; its "data", as a number that changes no shape; or "neither", used outside of it."""
    return dataclasses.field(
        default=default,
        metadata={"help": unit_and_meaning, "options": tuple(options), "enters": enters},
    )


@dataclasses.dataclass(frozen=True)
class Recipe:
    """All choices of a run but its inputs, length and seed. The launch programs have a flag for each field."""

    name: str
    summary: str
    task: str = _choice(
        "texture",
        "What is made: more of one sound, or one sound's content in another's style.",
        ["texture", "transfer"],
    )
    # The sound as it is modelled.
    canvas: str = _choice("waveform", "What is optimised.", ["waveform", "spectrogram"])
    sample_rate: int = _choice(
        0, "Rate the sound is modelled at, in Hz; 0 is the input's own, up to 48000."
    )
    level: float = _choice(
        0.1,
        "Level (RMS) the reference is brought to before it is compressed; 0 leaves it as recorded.",
        enters="neither",
    )
    views: tuple[View, ...] = _choice(
        (),
        "Views, separated by blanks: bins@32/8:1,3 is all bins, a window of 32 ms every 8 ms, kernels of 1 and 3 frames; mel24@32/8:2,8*0.5 has 24 mel bands and half the weight; log90 and cqt24 have so many rows an octave, log all.",
    )
    scale: str = _choice(
        "views",
        "Scale of frequency of the views of bins, in place of their own: log is the authors' map of bins, cqt a constant-Q transform.",
        ["views", *SCALES],
    )
    time_scale: tuple[float, ...] = _choice(
        (),
        "What the kernels of each view see, in milliseconds, a network each, separated by commas, in place of the views' widths. Events shorter than the longest are kept whole, rhythms longer than it are lost.",
    )
    frequency_scale: str = _choice(
        "",
        "What kernels that slide along frequency see of it, such as 200hz, or 0.5oct on a log, cqt or mel scale, in place of the views' widths.",
    )
    compression: str = _choice(
        "relative",
        "Logarithm of magnitudes: the authors' fixed log1p(x) / 7, or relative to each bin's mean in the reference; real-imaginary: tanh relative to the peak.",
        ["relative", "fixed", "peak"],
    )
    sharpness: float = _choice(
        4.0,
        "Relative compression is logarithmic down to a bin's mean divided by this, linear below.",
        enters="data",
    )
    standardised: bool = _choice(
        True, "Whether every bin is brought to mean 0 and deviation 1 by the reference's."
    )
    smoothing_hz: float = _choice(
        2.0,
        "Waveform canvas: width over which the reference's long-term spectrum is averaged, in Hz.",
        enters="neither",
    )
    gain_bands: int = _choice(
        24, "Waveform canvas: mel bands of the gains over time that shape the noise; 0 has none."
    )
    gain_window_ms: float = _choice(
        32.0, "Waveform canvas: window of the gains, in ms; they change every quarter of it."
    )
    start: str = _choice(
        "standard",
        "What is started from. Spectrogram canvas: normal in units of the reference's deviation about its mean, or the authors' uniform over 0 to 0.1. Waveform canvas: noise of the reference's spectrum, or the same in the gains of a random walk through the reference, which keeps its events and their rhythm.",
        ["standard", "uniform", "walk"],
    )
    representation: str = _choice(
        "magnitude",
        "Waveform canvas: what networks see of the transform; real-imaginary is for 2-D networks.",
        ["magnitude", "real-imaginary"],
    )
    # The networks.
    network: str = _choice(
        "1d-frequency",
        "What kernels slide along: frames, with bins as channels; bins, with frames as channels (1d-time, widths are frames x bins); or both (2d, and VGG-19, whose layers are given).",
        KINDS,
    )
    weights_file: str = _choice(
        "",
        "File of an explicit network's weights, of launch.train or of VGG-19, whose network, views and rate are then the recipe's. Empty draws them at random.",
    )
    filters: int = _choice(0, "Random filters a layer; 0 is infinitely many, in closed form.")
    growth: int = _choice(1, "Factor by which each layer has more filters than the one before.")
    depth: int = _choice(1, "Layers of each network.")
    dilation: int = _choice(1, "Frames between a kernel's taps.")
    pool: int = _choice(1, "Frames pooled into one after each layer.")
    pooling: str = _choice(
        "mean", "How an explicit network pools; the closed form has the mean only.", ["mean", "max"]
    )
    initialisation: str = _choice(
        "normal", "Distribution of an explicit network's weights.", INITIALISATIONS
    )
    padding: str = _choice(
        "valid", "What an explicit network's kernels see beyond the ends.", ["valid", "same"]
    )
    # The loss.
    style_layers: tuple[Tap, ...] = _choice(
        (),
        "Layers whose statistics are the style, between commas, each with its weight: relu_1,relu_2*0.5. Empty is the last.",
    )
    content_layers: tuple[Tap, ...] = _choice(
        (), "Transfer: layers whose activations are the content. Empty is the last."
    )
    content_views: tuple[View, ...] = _choice(
        (), "Transfer: views the content is seen in. Empty is those of the style."
    )
    statistic: str = _choice(
        "gram",
        "What is matched of the networks' features: their Gram, or that of each style layer with the next; 2-D: that of every bin, or Gaussians' optimal transport.",
        ["gram", "chained-gram", "bin-grams", "transport"],
    )
    gram_shift: float = _choice(
        0.0, "Explicit networks: what is added to features before their Gram."
    )
    autocorrelation_weight: float = _choice(
        0.0, "Explicit 1-D networks: weight of the features' autocorrelation.", enters="data"
    )
    diversity_weight: float = _choice(
        0.0, "Explicit 1-D networks: weight of the term that is large near a copy.", enters="data"
    )
    normalised_by: str = _choice(
        "target",
        "What each style distance is divided by: the target's own size, the distance at the start, or nothing.",
        ["target", "start", "nothing"],
    )
    style_weight: float = _choice(1.0, "Weight of the style distance.", enters="data")
    content_weight: float = _choice(1.0, "Transfer: weight of the content distance.", enters="data")
    balanced: bool = _choice(
        True,
        "Transfer: whether style and content distances are divided by what each is for noise of the style's spectrum, so that equal weights are a compromise.",
        enters="neither",
    )
    guide_levels: int = _choice(
        1,
        "Transfer: parts that moments are told apart in by how loud they are, each with a style of its own.",
    )
    guide_bands: int = _choice(
        1, "Transfer: parts that bins are told apart in by frequency, each with a style of its own."
    )
    envelope_of: str = _choice(
        "style", "Transfer: whose envelopes the two weights below are for.", ["style", "content"]
    )
    loudness_weight: float = _choice(
        0.0, "Transfer: weight of the distance of the envelope in time.", enters="data"
    )
    spectrum_weight: float = _choice(
        0.0, "Transfer: weight of the distance of the envelope in frequency.", enters="data"
    )
    auditory_weight: float = _choice(
        0.0,
        "Waveform canvas: weight of the distance of the ear's envelope statistics.",
        enters="data",
    )
    patches_weight: float = _choice(
        0.0,
        "Waveform canvas: weight of the sliced optimal transport between log-mel patches.",
        enters="data",
    )
    patches_views: tuple[View, ...] = _choice(
        (View(24, (1, 8, 32), 32.0, 8.0),),
        "Waveform canvas: views whose patches, as wide as their widths, are transported.",
    )
    rhythm_weight: float = _choice(
        0.0,
        "Waveform canvas: weight of the distance of the onset strength's statistics.",
        enters="data",
    )
    levels_weight: float = _choice(
        0.0,
        "Waveform canvas: weight of the squared differences of the mel bands' mean power, in nepers of power.",
        enters="data",
    )
    rhythm_seconds: float = _choice(
        2.0, "Longest lag of the onset strength's autocorrelation, in seconds."
    )
    bound_weight: float = _choice(
        0.0, "Spectrogram canvas: weight of the penalty on values outside [0, 1].", enters="data"
    )
    variation_weight: float = _choice(
        0.0, "Spectrogram canvas: weight of the squared differences of neighbours.", enters="data"
    )
    power_weight: float = _choice(
        0.0, "Spectrogram canvas: weight of the values' sixth powers.", enters="data"
    )
    block_seconds: float = _choice(
        6.0,
        "Longest stretch whose statistics are matched by itself, in seconds; longer canvases are cut in such blocks.",
    )
    stretch_seconds: float = _choice(
        0.0,
        "Waveform canvas: longest stretch whose patches and onsets are matched by themselves, in seconds; 0 is about half of the shortest reference.",
    )
    start_content: float = _choice(
        0.0,
        "Transfer: share of the content in what is started from; the rest is noise. 1 is the content, 0 noise of the style's spectrum.",
        enters="neither",
    )
    start_recoloured: bool = _choice(
        False,
        "Transfer: whether the content is started from with the style's long-term level in each band.",
        enters="neither",
    )
    start_shape: float = _choice(
        0.0,
        "Transfer, waveform canvas: how far the content's gains over time shape what is started from: 0 not, 1 as they are.",
        enters="neither",
    )
    # The optimiser.
    optimizer: str = _choice("lbfgs", "Optimiser.", ["lbfgs", "adam"])
    history: int = _choice(10, "Pairs of steps and gradients L-BFGS remembers.")
    learning_rate: float = _choice(0.01, "Adam's learning rate.", enters="data")
    evaluations: int = _choice(
        250, "Budget: evaluations of the loss and its gradient.", enters="neither"
    )
    tolerance: float = _choice(
        0.0,
        "Stops when the loss fell by less than this share over the last 100 evaluations; 0 never.",
        enters="neither",
    )
    # Phase recovery, of the spectrogram canvas.
    phase_start: str = _choice("spsi", "Phases to start Griffin-Lim from.", ["spsi", "random"])
    phase_iterations: int = _choice(50, "Iterations of Griffin-Lim.")
    phase_momentum: float = _choice(
        0.0, "Momentum of Griffin-Lim: 0 is the classical form, 0.99 the fast one."
    )

    def __post_init__(self):
        at_least = {
            "evaluations": 1,
            "filters": 0,
            "depth": 1,
            "dilation": 1,
            "pool": 1,
            "growth": 1,
            "guide_levels": 1,
            "guide_bands": 1,
            "loudness_weight": 0,
            "spectrum_weight": 0,
            "variation_weight": 0,
            "power_weight": 0,
            "content_weight": 0,
            "start_content": 0,
            "start_shape": 0,
            "history": 1,
            "phase_iterations": 0,
            "sample_rate": 0,
            "level": 0,
            "tolerance": 0,
            "bound_weight": 0,
            "auditory_weight": 0,
            "patches_weight": 0,
            "rhythm_weight": 0,
            "levels_weight": 0,
            "stretch_seconds": 0,
            "autocorrelation_weight": 0,
            "diversity_weight": 0,
            "gain_bands": 0,
        }
        for name, least in at_least.items():
            if not getattr(self, name) >= least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}.")
        if self.task == "transfer" and not (
            0 <= self.style_weight < math.inf and self.style_weight + self.content_weight > 0
        ):
            raise ValueError(
                f"style_weight must be at least 0 and not 0 with content_weight, got {self.style_weight:g}."
            )
        if self.task == "texture" and not 0 < self.style_weight < math.inf:
            raise ValueError(f"style_weight must be above 0, got {self.style_weight:g}.")
        for name in (
            "learning_rate",
            "smoothing_hz",
            "block_seconds",
            "rhythm_seconds",
            "sharpness",
            "gain_window_ms",
        ):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name):g}.")
        if self.start_content > 1:
            raise ValueError(f"start_content must be from 0 to 1, got {self.start_content:g}.")
        if self.start_shape and (self.canvas != "waveform" or not self.gain_bands):
            raise ValueError("start_shape must be 0 without a waveform canvas and its gain_bands.")
        if self.start == "walk" and (
            self.canvas != "waveform" or not self.gain_bands or self.task == "transfer"
        ):
            raise ValueError(
                "start must not be walk without a waveform canvas and its gain_bands, nor for a transfer, which starts from its content."
            )
        if not 0 <= self.phase_momentum < 1:
            raise ValueError(
                f"phase_momentum must be from 0 to below 1, got {self.phase_momentum:g}."
            )
        if self.sample_rate and not audio.LOWEST_RATE <= self.sample_rate <= audio.HIGHEST_RATE:
            raise ValueError(
                f"sample_rate must be 0 or from {audio.LOWEST_RATE} to {audio.HIGHEST_RATE} Hz, got {self.sample_rate}."
            )
        for field in dataclasses.fields(self):
            options = field.metadata.get("options")
            if options and getattr(self, field.name) not in options:
                raise ValueError(
                    f"{field.name} must be one of {', '.join(options)}, got {getattr(self, field.name)!r}."
                )
        if (
            self.task == "transfer"
            and not self.views
            and not self.content_views
            and self.content_weight + self.loudness_weight + self.spectrum_weight
        ):
            raise ValueError(
                "views or content_views must hold at least one view where content_weight, loudness_weight or spectrum_weight is above 0."
            )
        of_waves = (
            self.auditory_weight + self.patches_weight + self.rhythm_weight + self.levels_weight
        )
        if not self.views and not of_waves:
            raise ValueError(
                "views must hold at least one view where auditory_weight, patches_weight, rhythm_weight and levels_weight are 0."
            )
        if self.patches_weight and not self.patches_views:
            raise ValueError(
                "patches_views must hold at least one view where patches_weight is above 0."
            )
        if self.canvas == "spectrogram" and of_waves:
            raise ValueError(
                "auditory_weight, patches_weight, rhythm_weight and levels_weight must be 0 on a spectrogram canvas: they are heard in a waveform."
            )
        if (
            self.canvas == "spectrogram"
            and len({(view.window_ms, view.hop_ms) for view in self.views}) > 1
        ):
            raise ValueError("views on a spectrogram canvas must share one window and hop.")
        if (
            self.canvas == "spectrogram"
            and len(
                {
                    (view.scale, view.bands) if view.scale in ("log", "cqt") else None
                    for view in self.views
                }
            )
            > 1
        ):
            raise ValueError(
                "views on a spectrogram canvas must share one scale where one is log or cqt, which the canvas then has."
            )
        if (
            self.canvas == "spectrogram"
            and self.task == "transfer"
            and "cqt" in (self.scale, *(view.scale for view in self.views))
        ):
            raise ValueError(
                "scale must not be cqt for a transfer on a spectrogram canvas: use canvas=waveform, or another scale."
            )
        if self.canvas == "waveform" and self.variation_weight + self.power_weight:
            raise ValueError(
                "variation_weight and power_weight must be 0 on a waveform canvas: they are of spectrograms."
            )
        if self.canvas == "spectrogram" and self.compression != "fixed":
            raise ValueError(
                "compression must be fixed on a spectrogram canvas, which holds compressed values itself."
            )
        if self.filters == 0 and (
            self.network != "1d-frequency" or self.autocorrelation_weight or self.diversity_weight
        ):
            raise ValueError(
                f"filters must be above 0 with network={self.network}, autocorrelation_weight or diversity_weight: only the Gram of 1d-frequency has a closed form here."
            )
        if self.network != "1d-frequency" and (
            self.autocorrelation_weight or self.diversity_weight
        ):
            raise ValueError(
                f"autocorrelation_weight and diversity_weight must be 0 with network={self.network}: they are of features over frames."
            )
        if self.network != "2d" and self.statistic in ("bin-grams", "transport"):
            raise ValueError(f"network must be 2d with statistic={self.statistic}.")
        if self.network not in ("2d", "1d-time") and any(
            isinstance(width, tuple) for view in self.views for width in view.widths
        ):
            raise ValueError("network must be 2d or 1d-time where widths have bins.")
        if not all(0 < scale < math.inf for scale in self.time_scale):
            raise ValueError(
                f"time_scale must be milliseconds above 0, got {', '.join(f'{scale:g}' for scale in self.time_scale)}."
            )
        if self.frequency_scale:
            if self.network not in ("2d", "1d-time"):
                raise ValueError(
                    f"frequency_scale={self.frequency_scale} is for networks that slide along frequency: network must be 2d or 1d-time."
                )
            _amount(self.frequency_scale)
        if self.representation == "real-imaginary" and (
            self.canvas,
            self.network,
            self.compression,
            self.standardised,
            self.scale in ("views", "linear")
            and all(view.scale == "linear" for view in self.views),
        ) != ("waveform", "2d", "peak", False, True):
            raise ValueError(
                "representation=real-imaginary must go with a waveform canvas, network=2d, compression=peak, no standardisation and views of bins."
            )
        if self.compression == "peak" and self.representation != "real-imaginary":
            raise ValueError(
                "compression=peak is for signed values: representation must be real-imaginary."
            )
        for view in (*self.views, *self.content_views):
            for width in view.widths:
                self.description(width)
        if self.statistic == "chained-gram" and (not self.filters or len(self.style_layers) < 2):
            raise ValueError(
                "style_layers must be at least two, of a network with filters, for statistic=chained-gram."
            )
        closed = [
            tap.name
            for tap in (*self.style_layers, *self.content_layers)
            if self.filters == 0 and not tap.name.startswith(("relu", "pool"))
        ]
        if closed:
            raise ValueError(
                f"layers must be relu_ or pool_ with infinitely many filters, got {closed[0]!r}."
            )
        if self.filters == 0 and self.pooling == "max" and self.pool > 1:
            raise ValueError(
                "pooling must be mean with infinitely many filters: max pooling has no closed form."
            )

    def description(self, width: int | tuple[int, int]) -> Description:
        """The network of one kernel width, to its last layer that is matched."""
        frames, bins = width if isinstance(width, tuple) else (width, 0)
        if self.network == "1d-time":
            frames, bins = bins or frames, 0
        filters = [max(self.filters, 1) * self.growth**i for i in range(self.depth)]
        layers = (
            AUTHORS_LAYERS.get(self.network)
            if self.network.startswith("vgg19")
            else tuple(Layer(frames, self.dilation, self.pool, count, bins) for count in filters)
        )
        whole = Description(self.network, layers, self.initialisation, self.padding, self.pooling)
        asked = self._asked()
        names = [tap.name for layers in asked for tap in layers]
        cut = cut_after(whole, names) if names else whole
        return cut if all(asked) else whole

    def layers(self, width: int | tuple[int, int]) -> tuple[Layer, ...]:
        """Of `description`."""
        return self.description(width).layers

    def _asked(self) -> list[tuple[Tap, ...]]:
        return [self.style_layers, self.content_layers][: 2 if self.task == "transfer" else 1]

    def taps(self, which: str) -> tuple[Tap, ...]:
        """The layers that are matched of a network: which is "style" or "content"."""
        return {"style": self.style_layers, "content": self.content_layers}[which] or (
            Tap(list(receptive_fields(self.description(1)))[-1]),
        )

    def field(self, width: int | tuple[int, int]) -> int:
        """Frames that the network of one kernel width sees."""
        if self.network == "1d-time":
            return int(np.ravel(width)[0])
        fields = receptive_fields(self.description(width))
        return max(
            int(fields[tap.name].frames)
            for which in ("style", "content")[: len(self._asked())]
            for tap in self.taps(which)
        )

    def longest_field(self, view: View) -> int:
        """Frames that the widest network of a view sees."""
        return max(map(self.field, view.widths))

    def numbers(self) -> dict[str, np.ndarray]:
        """The choices that enter compiled programs as data: those that change no shape, float32."""
        return {
            field.name: np.float32(getattr(self, field.name))
            for field in dataclasses.fields(self)
            if field.metadata.get("enters") == "data"
        }

    def structure(self) -> "Recipe":
        """What is left to decide which program is compiled: of `numbers`, whether they are 0; of what is used outside, nothing."""
        erased = {"name": "", "summary": ""}
        for field in dataclasses.fields(self):
            if field.metadata.get("enters") == "data":
                erased[field.name] = float(getattr(self, field.name) != 0)
            elif field.metadata.get("enters") == "neither":
                erased[field.name] = field.default
        return dataclasses.replace(self, **erased)

    def to_json(self) -> dict[str, Any]:
        """Plain types only; views and layers in their text form."""
        return {
            **dataclasses.asdict(self),
            **{
                name: [
                    entry if isinstance(entry, float) else str(entry)
                    for entry in getattr(self, name)
                ]
                for name in _PARSED
            },
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Recipe":
        """Inverse of `to_json`. Raises ValueError for a field that does not exist, or one without default that is missing."""
        unknown = set(values) - {field.name for field in dataclasses.fields(cls)}
        if unknown:
            raise ValueError(f"no recipe has the field {sorted(unknown)[0]!r}.")
        missing = {"name", "summary", "views"} - set(values)
        if missing:
            raise ValueError(f"the recipe lacks the field {sorted(missing)[0]!r}.")
        texts = {
            name: tuple(map(parse, values[name]))
            for name, (parse, _) in _PARSED.items()
            if name in values
        }
        return cls(**{**values, **texts})


def for_transfer(recipe: Recipe) -> Recipe:
    """A texture's recipe as one of a transfer whose style is its distance, of weight 1, and which starts from noise."""
    return dataclasses.replace(
        recipe,
        task="transfer",
        style_weight=1.0,
        start="standard" if recipe.start == "walk" else recipe.start,
    )


def at_scales(recipe: Recipe, sample_rate: int) -> Recipe:
    """The recipe with the views that its scale, time_scale and frequency_scale ask for at a (modelled) rate in Hz.

    Each view gets a network for every time scale that holds its window, and one kernel height instead of several where a
    frequency scale is given; what is not given stays. Kernels are as wide as comes nearest, at the recipe's depth and pools;
    in closed form the width costs nothing, explicit kernels wider than WIDEST are dilated instead. The onset strength's
    autocorrelation reaches to the longest time scale.
    Raises:
      ValueError: a time scale that is shorter than every view's window, a frequency scale in units that a view's rows do not have.
    """
    views = tuple(_on_scale(view, recipe.scale) for view in recipe.views)
    times = {
        view: [_frames(view, milliseconds, sample_rate) for milliseconds in recipe.time_scale]
        for view in views
    }
    for number, milliseconds in enumerate(recipe.time_scale):
        if views and not any(frames[number] for frames in times.values()):
            shortest = min(view.milliseconds(1, sample_rate) for view in views)
            raise ValueError(
                f"{milliseconds:g} ms is shorter than the shortest window of the views, {shortest:.3g} ms."
            )
    if recipe.filters and recipe.time_scale and recipe.network != "1d-time":
        longest = max(max(frames) for frames in times.values())
        recipe = dataclasses.replace(
            recipe,
            dilation=max(recipe.dilation, math.ceil((longest - 1) / (recipe.depth * (WIDEST - 1)))),
        )
    if recipe.time_scale:
        recipe = dataclasses.replace(recipe, rhythm_seconds=max(recipe.time_scale) / 1000)

    def widths(view):
        frames, bins = [], [None]
        if recipe.time_scale:
            frames = [
                field if recipe.network == "1d-time" else _taps(recipe, field)
                for field in times[view]
                if field
            ]
        if recipe.frequency_scale:
            bins = [
                _taps(
                    recipe,
                    max(1, round(view.rows_in(*_amount(recipe.frequency_scale), sample_rate))),
                )
            ]
        both = [(int(np.ravel(width)[0]), int(np.ravel(width)[-1])) for width in view.widths]
        pairs = [
            (new or old[0], height or old[1])
            for old in both
            for new in (frames or [None])
            for height in bins
        ]
        if recipe.network == "1d-frequency":
            return tuple(dict.fromkeys(frame for frame, _ in pairs))
        return tuple(dict.fromkeys(pairs))

    if recipe.time_scale or recipe.frequency_scale:
        views = tuple(
            dataclasses.replace(view, widths=widths(view))
            for view in views
            if not recipe.time_scale or any(times[view])
        )
    return dataclasses.replace(recipe, views=views)


def scales(recipe: Recipe, sample_rate: int) -> str:
    """What each view's kernels see at a rate in Hz, for humans: `mel24 40, 88 ms`; where they slide along frequency, how many rows."""

    def of_width(view, width):
        text = f"{view.milliseconds(recipe.field(width), sample_rate):.4g}"
        if recipe.network == "1d-frequency":
            return text
        upright = [
            dataclasses.replace(layer, width=layer.bins or layer.width)
            for layer in recipe.layers(width)
        ]
        return f"{text} x {view.height(receptive_field(upright), sample_rate)}"

    return "; ".join(
        f"{str(view).split(':')[0]} {', '.join(of_width(view, width) for width in view.widths)} ms"
        for view in recipe.views
    )


def _on_scale(view: View, scale: str) -> View:
    if view.scale != "linear" or scale == "views":
        return view
    bands, window_ms = ON_SCALE[scale]
    return dataclasses.replace(
        view, bands=bands, scale=scale, window_ms=window_ms or view.window_ms
    )


def _frames(view: View, milliseconds: float, sample_rate: int) -> int:
    """Frames that see so much; 0 where not even one's window fits in."""
    hop = view.milliseconds(2, sample_rate) - view.milliseconds(1, sample_rate)
    return max(0, 1 + round((milliseconds - view.milliseconds(1, sample_rate)) / hop))


def _taps(recipe: Recipe, field: int) -> int:
    """The kernel width whose network comes nearest to seeing so many frames, or rows."""
    least, more = (
        receptive_field((Layer(width, recipe.dilation, recipe.pool),) * recipe.depth)
        for width in (1, 2)
    )
    return 1 + max(0, round((field - least) / (more - least)))


def _amount(text: str) -> tuple[float, str]:
    """200hz -> (200.0, "hz"); 0.5oct -> (0.5, "oct")."""
    found = re.fullmatch(r"(\d+\.?\d*|\.\d+)(hz|oct)", text.strip().lower())
    if not found or not float(found[1]) > 0:
        raise ValueError(
            f"frequency_scale must be hertz or octaves above 0, such as 200hz or 0.5oct, got {text!r}."
        )
    return float(found[1]), found[2]


# Frames that an explicit kernel spans at most before it is dilated: as many as Antognini, Hoffman & Weiss 2019 have.
WIDEST = 64
_PAPER_WINDOW, _PAPER_HOP = 1000 * 1024 / 22050, 1000 * 256 / 22050
# The paper's transfers: its spectrograms and weights, started from the content. The weight 1e7 is for Grams as means over 4096^2 entries.
_PAPER_TRANSFER = {
    "task": "transfer",
    "canvas": "spectrogram",
    "sample_rate": 22050,
    "level": 0.0,
    "compression": "fixed",
    "standardised": False,
    "start": "uniform",
    "start_content": 1.0,
    "bound_weight": 1e-3,
    "evaluations": 500,
    "phase_start": "random",
    "phase_iterations": 500,
}
_AUTHORS_NETWORK = {
    "depth": 3,
    "pool": 2,
    "pooling": "max",
    "padding": "same",
    "initialisation": "uniform",
    "style_layers": (Tap("relu_1"),),
    "content_layers": (Tap("relu_3"),),
}
_VGG_LAYERS = tuple(
    f"relu{block}_{number}"
    for block, count in enumerate((2, 2, 4, 4, 4), start=1)
    for number in range(1, count + 1)
)
# 2-D networks on real and imaginary parts, as in Caracalla & Roebel 2020.
_REAL_IMAGINARY = {
    "sample_rate": 16000,
    "representation": "real-imaginary",
    "compression": "peak",
    "standardised": False,
    "gain_bands": 0,
    "network": "2d",
    "filters": 128,
    "evaluations": 400,
}

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="texture",
            summary="The default: infinitely wide networks over standardised bins and mel bands; optimises the waveform.",
            views=(
                View(0, (1, 3), 32.0, 8.0),
                View(24, (2, 8, 16), 32.0, 8.0),
                View(8, (4, 16, 32), 64.0, 32.0),
            ),
            start="walk",
            auditory_weight=0.01,
            patches_weight=0.1,
            patches_views=(View(24, (1, 8, 32), 32.0, 8.0), View(48, (1, 8), 128.0, 32.0)),
            rhythm_weight=0.03,
            evaluations=200,
        ),
        Recipe(
            name="texture-fast",
            summary="The default's networks and the bands' levels alone, in fewer steps.",
            views=(View(0, (1, 3), 32.0, 8.0), View(24, (2, 8, 16), 32.0, 8.0)),
            start="walk",
            levels_weight=0.01,
            evaluations=60,
        ),
        Recipe(
            name="transfer",
            task="transfer",
            summary="The default of transfers: wide networks, the ear's statistics, onsets; from content and noise, each in its own units.",
            views=(View(0, (1, 3), 32.0, 8.0), View(24, (2, 8, 16), 32.0, 8.0)),
            auditory_weight=0.01,
            rhythm_weight=0.03,
            # Where a content is silent a style has no onsets: over all of it they are the style's.
            stretch_seconds=6.0,
            # Five seconds with their margins in one block: half the operations of two, whose forward pass is done twice.
            # From all of the content, onsets stay that no statistic sees: more style then does not come nearer to the style's rhythm.
            start_content=0.7,
            start_recoloured=True,
            evaluations=70,
        ),
        Recipe(
            name="mcdermott-simoncelli",
            summary="McDermott & Simoncelli 2011: the ear's envelope statistics alone, on a waveform; L-BFGS on all bands at once.",
            views=(),
            auditory_weight=1.0,
            gain_bands=0,
        ),
        Recipe(
            name="antognini",
            summary="Antognini, Hoffman & Weiss 2019: six random nets, Gram, autocorrelation and diversity; a log spectrogram.",
            canvas="spectrogram",
            sample_rate=16000,
            views=(View(0, (2, 4, 8, 16, 32, 64), 32.0, 8.0),),
            compression="fixed",
            standardised=False,
            # From raw values, as theirs, it is far from converged in any budget here.
            start="standard",
            filters=512,
            autocorrelation_weight=1e3,
            diversity_weight=1e-3,
            evaluations=500,
            phase_iterations=200,
        ),
        Recipe(
            name="caracalla-roebel",
            summary="Caracalla & Roebel 2020: 2-D random nets on real and imaginary parts, a Gram for every bin; a waveform.",
            **_REAL_IMAGINARY,
            views=(View(0, (3, 5, 7, 11, 15, 19, 23, 27), 32.0, 16.0),),
            statistic="bin-grams",
        ),
        Recipe(
            name="gaussian-ot",
            summary="Gaussian optimal transport between maps of 2-D random nets on real and imaginary parts; a waveform.",
            **_REAL_IMAGINARY,
            views=(View(0, ((2, 101), (3, 53), (5, 11), 3, 7, 11, 19, 27), 32.0, 16.0),),
            initialisation="narrow",
            statistic="transport",
            history=25,
        ),
        Recipe(
            name="infinite-width",
            summary="The quick one: the paper's road through a spectrogram, the closed form in place of its filters.",
            canvas="spectrogram",
            sample_rate=22050,
            views=(View(0, (1, 2, 4), _PAPER_WINDOW, _PAPER_HOP),),
            compression="fixed",
            bound_weight=1e-3,
            evaluations=100,
            phase_momentum=0.99,
        ),
        Recipe(
            name="paper-1d",
            summary="Huzaifah & Wyse 2019: 4096 random filters of width 11 on a log spectrogram, SPSI and Griffin-Lim.",
            canvas="spectrogram",
            sample_rate=22050,
            level=0.0,
            views=(View(0, (11,), _PAPER_WINDOW, _PAPER_HOP),),
            compression="fixed",
            standardised=False,
            start="uniform",
            filters=4096,
            initialisation="uniform",
            padding="same",
            pooling="max",
            normalised_by="nothing",
            style_weight=1e9,
            bound_weight=1e-3,
            evaluations=500,
        ),
        Recipe(
            name="ustyuzhaninov",
            summary="Ustyuzhaninov, Brendel, Gatys & Bethge 2016: shallow random 2-D nets of eight sizes; Grams of each by itself.",
            canvas="spectrogram",
            sample_rate=22050,
            level=0.0,
            views=(View(0, (3, 5, 7, 11, 15, 23, 37, 55), _PAPER_WINDOW, _PAPER_HOP),),
            compression="fixed",
            standardised=False,
            start="uniform",
            network="2d",
            filters=128,
            bound_weight=1e-3,
            evaluations=4000,
        ),
        Recipe(
            name="paper-transfer-1d",
            summary="Huzaifah & Wyse 2019: 3 layers of 4096 filters over frames, style at relu_1, content at relu_3; an accelerator's work.",
            **_PAPER_TRANSFER,
            **_AUTHORS_NETWORK,
            views=(View(0, (11,), _PAPER_WINDOW, _PAPER_HOP),),
            filters=4096,
            normalised_by="nothing",
            balanced=False,
            style_weight=1e7,
        ),
        Recipe(
            name="paper-transfer-2d",
            summary="Huzaifah & Wyse 2019: 18, 36 and 72 square filters over frames and bins; weights are balanced, 1e7 is for 4096 filters.",
            **_PAPER_TRANSFER,
            **_AUTHORS_NETWORK,
            views=(View(0, (11,), _PAPER_WINDOW, _PAPER_HOP),),
            network="2d",
            filters=18,
            growth=2,
        ),
        Recipe(
            name="paper-transfer-vgg19",
            summary="Huzaifah & Wyse 2019: VGG-19 (--weights_file) behind a random first layer; layers as in Gatys et al. 2016, balanced.",
            **_PAPER_TRANSFER,
            views=(View(0, (3,), _PAPER_WINDOW, _PAPER_HOP),),
            network="vgg19-random",
            filters=64,
            pooling="max",
            style_layers=tuple(Tap(f"relu{block}_1") for block in range(1, 6)),
            content_layers=(Tap("relu4_2"),),
        ),
        # Their sums, 1e-2 sum dF^2 + sum dG^2, as our means, of features a seventh in size: 49 x 100 x 4096 filters / 420 frames.
        Recipe(
            name="ulyanov-lebedev",
            summary="Ulyanov & Lebedev 2016: 4096 random filters of width 11, content weight 1e-2, from noise (theirs smaller).",
            **_PAPER_TRANSFER | {"start_content": 0.0, "bound_weight": 0.0, "evaluations": 300},
            views=(View(0, (11,), 1000 * 2048 / 22050, 1000 * 512 / 22050),),
            filters=4096,
            normalised_by="nothing",
            balanced=False,
            style_weight=46677.0,
        ),
        Recipe(
            name="grinstein",
            summary="Grinstein, Duong, Ozerov & Perez 2018: starts from the content, style alone, few steps; random net, or --weights_file.",
            **_PAPER_TRANSFER | {"evaluations": 100},
            views=(View(0, (11,), 1000 * 2048 / 22050, 1000 * 512 / 22050),),
            filters=4096,
            content_weight=0.0,
        ),
        Recipe(
            name="grinstein-auditory",
            summary="The same by the ear's statistics (McDermott & Simoncelli 2011), on a waveform.",
            task="transfer",
            views=(),
            auditory_weight=1.0,
            gain_bands=0,
            content_weight=0.0,
            start_content=1.0,
            evaluations=100,
        ),
        Recipe(
            name="verma-smith",
            summary="Verma & Smith 2018: small 2-D filters, energy over time and over frequency; random, theirs was trained.",
            **_PAPER_TRANSFER | {"sample_rate": 16000, "start_content": 0.0},
            views=(View(0, (3,), 32.0, 10.0),),
            network="2d",
            filters=32,
            growth=2,
            depth=3,
            pool=2,
            pooling="max",
            padding="same",
            style_layers=(Tap("relu_1"), Tap("relu_2"), Tap("relu_3")),
            content_layers=(Tap("relu_3"),),
            loudness_weight=1.0,
            spectrum_weight=1.0,
        ),
        Recipe(
            name="novak-nikulin",
            summary="Novak & Nikulin 2016: all of VGG-19 (--weights_file), each layer with the next, features less 1, weights in powers of 2.",
            **_PAPER_TRANSFER,
            views=(View(0, (3,), _PAPER_WINDOW, _PAPER_HOP),),
            network="vgg19-grey",
            filters=64,
            pooling="max",
            statistic="chained-gram",
            gram_shift=-1.0,
            style_layers=tuple(Tap(name, 2.0 ** (15 - i)) for i, name in enumerate(_VGG_LAYERS)),
            content_layers=tuple(Tap(name, 2.0**i) for i, name in enumerate(_VGG_LAYERS)),
        ),
        Recipe(
            name="gatys-control",
            summary="Gatys et al. 2017: style by regions, loud and quiet, low and high, and the content's loudness; the default's networks.",
            task="transfer",
            views=(View(0, (1, 3), 32.0, 8.0), View(24, (2, 8, 16), 32.0, 8.0)),
            guide_levels=2,
            guide_bands=2,
            envelope_of="content",
            loudness_weight=1.0,
            start_content=1.0,
            start_recoloured=True,
            evaluations=100,
        ),
        Recipe(
            name="mahendran-vedaldi",
            summary="Mahendran & Vedaldi 2015: what a layer keeps of a content: from noise to the same activations, no style.",
            **_PAPER_TRANSFER | {"start_content": 0.0, "bound_weight": 0.0, "evaluations": 400},
            views=(View(0, (11,), _PAPER_WINDOW, _PAPER_HOP),),
            filters=512,
            depth=3,
            pool=2,
            pooling="max",
            padding="same",
            content_layers=(Tap("relu_3"),),
            style_weight=0.0,
            balanced=False,
            variation_weight=1.0,
            power_weight=0.1,
        ),
    )
}


def names(task: str) -> list[str]:
    """Of the recipes for a task."""
    return [recipe.name for recipe in RECIPES.values() if recipe.task == task]


def named(name: str) -> Recipe:
    """The recipe of that name. Raises ValueError, listing what there is, for another."""
    if name not in RECIPES:
        raise ValueError(f"{name!r} is no recipe; there are {', '.join(RECIPES)}.")
    return RECIPES[name]
