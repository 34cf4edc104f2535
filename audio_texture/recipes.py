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

from audio_texture import audio
from audio_texture.layer import INITIALISATIONS, Layer, receptive_field


@dataclasses.dataclass(frozen=True)
class View:
    """One look at the sound: a spectrogram and the kernel widths of the networks over it.

    Attributes:
      bands: mel bands; 0 keeps all bins of the transform.
      widths: frames the kernels span, a network each; (frames, bins) where 2-D kernels are not square.
      window_ms, hop_ms: of the transform, in milliseconds, whatever the rate.
      weight: of this view in the style distance.
    """

    bands: int
    widths: tuple[int | tuple[int, int], ...]
    window_ms: float
    hop_ms: float
    weight: float = 1.0

    def __post_init__(self):
        if self.bands < 0 or not self.widths or min(np.ravel(width).min() for width in self.widths) < 1:
            raise ValueError(f"a view needs bands >= 0 and widths of at least one frame, got {self.bands} and {self.widths}.")
        if not 0 < self.hop_ms <= self.window_ms / 2:
            raise ValueError(f"a view's hop must be above 0 and at most half its window of {self.window_ms:g} ms, got {self.hop_ms:g} ms.")
        if not self.weight > 0:
            raise ValueError(f"a view's weight must be above 0, got {self.weight:g}.")

    def sizes(self, sample_rate: int) -> dict[str, int]:
        """n_fft and hop_length in samples; n_fft is even, as phase recovery and fast transforms want it."""
        n_fft = 2 * max(1, round(self.window_ms * sample_rate / 2000))
        return {"n_fft": n_fft, "hop_length": min(max(1, round(self.hop_ms * sample_rate / 1000)), n_fft // 2)}

    @classmethod
    def parse(cls, text: str) -> "View":
        """`bins@32/8:1,3` or `mel24@32/8:2,8,16*0.5`: bands @ window / hop in ms : widths in frames, or frames x bins, * weight."""
        found = re.fullmatch(r"(bins|mel(\d+))@([\d.e+-]+)/([\d.e+-]+):([\dx,]+)(?:\*([\d.e+-]+))?", text.strip())
        if not found:
            raise ValueError(f"view {text!r} must look like bins@32/8:1,3 or mel24@32/8:2,8,16*0.5.")
        _, bands, window, hop, widths, weight = found.groups()
        try:
            sizes = tuple(tuple(map(int, width.split("x", 1))) if "x" in width else int(width) for width in widths.split(","))
            return cls(int(bands or 0), sizes, float(window), float(hop), float(weight or 1))
        except ValueError as error:
            raise ValueError(f"view {text!r}: {error}") from error

    def __str__(self) -> str:
        bands = f"mel{self.bands}" if self.bands else "bins"
        widths = ",".join("x".join(map(str, width)) if isinstance(width, tuple) else str(width) for width in self.widths)
        return f"{bands}@{self.window_ms!r}/{self.hop_ms!r}:{widths}" + (f"*{self.weight!r}" if self.weight != 1 else "")


def _choice(default, unit_and_meaning: str, options: Sequence[str] = (), *, enters: str = "program"):
    """enters: the compiled "program"; its "data", as a number that changes no shape; or "neither", used outside of it."""
    return dataclasses.field(default=default, metadata={"help": unit_and_meaning, "options": tuple(options), "enters": enters})


@dataclasses.dataclass(frozen=True)
class Recipe:
    """All choices of a run but its inputs, length and seed. The launch programs have a flag for each field."""

    name: str
    summary: str
    # The sound as it is modelled.
    canvas: str = _choice("waveform", "What is optimised.", ["waveform", "spectrogram"])
    sample_rate: int = _choice(0, "Rate the sound is modelled at, in Hz; 0 is the input's own, up to 48000.")
    level: float = _choice(0.1, "Level (RMS) the reference is brought to before it is compressed; 0 leaves it as recorded.", enters="neither")
    views: tuple[View, ...] = _choice((), "Views, separated by blanks: bins@32/8:1,3 is all bins, a window of 32 ms every 8 ms, kernels of 1 and 3 frames; mel24@32/8:2,8*0.5 has 24 mel bands and half the weight.")
    compression: str = _choice("relative", "Logarithm of magnitudes: the authors' fixed log1p(x) / 7, or relative to each bin's mean in the reference; real-imaginary: tanh relative to the peak.", ["relative", "fixed", "peak"])
    sharpness: float = _choice(4.0, "Relative compression is logarithmic down to a bin's mean divided by this, linear below.", enters="data")
    standardised: bool = _choice(True, "Whether every bin is brought to mean 0 and deviation 1 by the reference's.")
    smoothing_hz: float = _choice(2.0, "Waveform canvas: width over which the reference's long-term spectrum is averaged, in Hz.", enters="neither")
    gain_bands: int = _choice(24, "Waveform canvas: mel bands of the gains over time that shape the noise; 0 has none.")
    gain_window_ms: float = _choice(32.0, "Waveform canvas: window of the gains, in ms; they change every quarter of it.")
    start: str = _choice("standard", "Spectrogram canvas: normal in units of the reference's deviation about its mean, or the authors' uniform over 0 to 0.1.", ["standard", "uniform"])
    representation: str = _choice("magnitude", "Waveform canvas: what networks see of the transform; real-imaginary is for 2-D networks.", ["magnitude", "real-imaginary"])
    # The networks.
    network: str = _choice("1d-frequency", "What kernels slide along: frames, with bins as channels, or both (2d).", ["1d-frequency", "2d"])
    filters: int = _choice(0, "Random filters a layer; 0 is infinitely many, in closed form.")
    depth: int = _choice(1, "Layers of each network.")
    dilation: int = _choice(1, "Frames between a kernel's taps.")
    pool: int = _choice(1, "Frames pooled into one after each layer.")
    pooling: str = _choice("mean", "How an explicit network pools; the closed form has the mean only.", ["mean", "max"])
    initialisation: str = _choice("normal", "Distribution of an explicit network's weights.", INITIALISATIONS)
    padding: str = _choice("valid", "What an explicit network's kernels see beyond the ends.", ["valid", "same"])
    # The loss.
    statistic: str = _choice("gram", "What is matched of the networks' features: their Gram; 2-D: that of every bin, or Gaussians' optimal transport.", ["gram", "bin-grams", "transport"])
    autocorrelation_weight: float = _choice(0.0, "Explicit 1-D networks: weight of the features' autocorrelation.", enters="data")
    diversity_weight: float = _choice(0.0, "Explicit 1-D networks: weight of the term that is large near a copy.", enters="data")
    normalised_by: str = _choice("target", "What each style distance is divided by: the target's own size, the distance at the start, or nothing.", ["target", "start", "nothing"])
    style_weight: float = _choice(1.0, "Weight of the style distance.", enters="data")
    auditory_weight: float = _choice(0.0, "Waveform canvas: weight of the distance of the ear's envelope statistics.", enters="data")
    patches_weight: float = _choice(0.0, "Waveform canvas: weight of the sliced optimal transport between log-mel patches.", enters="data")
    rhythm_weight: float = _choice(0.0, "Waveform canvas: weight of the distance of the onset strength's statistics.", enters="data")
    rhythm_seconds: float = _choice(2.0, "Longest lag of the onset strength's autocorrelation, in seconds.")
    bound_weight: float = _choice(0.0, "Spectrogram canvas: weight of the penalty on values outside [0, 1].", enters="data")
    block_seconds: float = _choice(5.0, "Longest stretch whose statistics are matched by itself, in seconds; longer canvases are cut in such blocks.")
    # The optimiser.
    optimizer: str = _choice("lbfgs", "Optimiser.", ["lbfgs", "adam"])
    history: int = _choice(10, "Pairs of steps and gradients L-BFGS remembers.")
    learning_rate: float = _choice(0.01, "Adam's learning rate.", enters="data")
    evaluations: int = _choice(250, "Budget: evaluations of the loss and its gradient.", enters="neither")
    tolerance: float = _choice(0.0, "Stops when the loss fell by less than this share over the last 100 evaluations; 0 never.", enters="neither")
    # Phase recovery, of the spectrogram canvas.
    phase_start: str = _choice("spsi", "Phases to start Griffin-Lim from.", ["spsi", "random"])
    phase_iterations: int = _choice(50, "Iterations of Griffin-Lim.")
    phase_momentum: float = _choice(0.0, "Momentum of Griffin-Lim: 0 is the classical form, 0.99 the fast one.")

    def __post_init__(self):
        at_least = {"evaluations": 1, "filters": 0, "depth": 1, "dilation": 1, "pool": 1, "history": 1, "phase_iterations": 0, "sample_rate": 0, "level": 0, "tolerance": 0, "bound_weight": 0, "auditory_weight": 0, "patches_weight": 0, "rhythm_weight": 0, "autocorrelation_weight": 0, "diversity_weight": 0, "gain_bands": 0}
        for name, least in at_least.items():
            if not getattr(self, name) >= least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}.")
        for name in ("learning_rate", "smoothing_hz", "style_weight", "block_seconds", "rhythm_seconds", "sharpness", "gain_window_ms"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name):g}.")
        if not 0 <= self.phase_momentum < 1:
            raise ValueError(f"phase_momentum must be from 0 to below 1, got {self.phase_momentum:g}.")
        if self.sample_rate and not audio.LOWEST_RATE <= self.sample_rate <= audio.HIGHEST_RATE:
            raise ValueError(f"sample_rate must be 0 or from {audio.LOWEST_RATE} to {audio.HIGHEST_RATE} Hz, got {self.sample_rate}.")
        for field in dataclasses.fields(self):
            options = field.metadata.get("options")
            if options and getattr(self, field.name) not in options:
                raise ValueError(f"{field.name} must be one of {', '.join(options)}, got {getattr(self, field.name)!r}.")
        of_waves = self.auditory_weight + self.patches_weight + self.rhythm_weight
        if not self.views and not of_waves:
            raise ValueError("views must hold at least one view where auditory_weight, patches_weight and rhythm_weight are 0.")
        if self.canvas == "spectrogram" and of_waves:
            raise ValueError("auditory_weight, patches_weight and rhythm_weight must be 0 on a spectrogram canvas: they are heard in a waveform.")
        if self.canvas == "spectrogram" and len({(view.window_ms, view.hop_ms) for view in self.views}) > 1:
            raise ValueError("views on a spectrogram canvas must share one window and hop.")
        if self.canvas == "spectrogram" and self.compression != "fixed":
            raise ValueError("compression must be fixed on a spectrogram canvas, which holds compressed values itself.")
        if self.filters == 0 and (self.network == "2d" or self.autocorrelation_weight or self.diversity_weight):
            raise ValueError("filters must be above 0 with network=2d, autocorrelation_weight or diversity_weight: those have no closed form here.")
        if self.network == "2d" and (self.autocorrelation_weight or self.diversity_weight):
            raise ValueError("autocorrelation_weight and diversity_weight must be 0 with network=2d: they are of features over frames.")
        if self.network != "2d" and (self.statistic != "gram" or any(isinstance(width, tuple) for view in self.views for width in view.widths)):
            raise ValueError("network must be 2d where statistic is not gram or widths have bins.")
        if self.representation == "real-imaginary" and (self.canvas, self.network, self.compression, self.standardised, any(view.bands for view in self.views)) != ("waveform", "2d", "peak", False, False):
            raise ValueError("representation=real-imaginary must go with a waveform canvas, network=2d, compression=peak, no standardisation and views of bins.")
        if self.compression == "peak" and self.representation != "real-imaginary":
            raise ValueError("compression=peak is for signed values: representation must be real-imaginary.")
        if self.filters == 0 and self.pooling == "max" and self.pool > 1:
            raise ValueError("pooling must be mean with infinitely many filters: max pooling has no closed form.")

    def layers(self, width: int | tuple[int, int]) -> tuple[Layer, ...]:
        """The network of one kernel width."""
        frames, bins = width if isinstance(width, tuple) else (width, 0)
        return (Layer(frames, self.dilation, self.pool, max(self.filters, 1), bins),) * self.depth

    def longest_field(self, view: View) -> int:
        """Frames that the widest network of a view sees."""
        return max(receptive_field(self.layers(width)) for width in view.widths)

    def numbers(self) -> dict[str, np.ndarray]:
        """The choices that enter compiled programs as data: those that change no shape, float32."""
        return {field.name: np.float32(getattr(self, field.name)) for field in dataclasses.fields(self) if field.metadata.get("enters") == "data"}

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
        """Plain types only; views in their text form."""
        return {**dataclasses.asdict(self), "views": [str(view) for view in self.views]}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Recipe":
        """Inverse of `to_json`. Raises ValueError for a field that does not exist, or one without default that is missing."""
        unknown = set(values) - {field.name for field in dataclasses.fields(cls)}
        if unknown:
            raise ValueError(f"no recipe has the field {sorted(unknown)[0]!r}.")
        missing = {"name", "summary", "views"} - set(values)
        if missing:
            raise ValueError(f"the recipe lacks the field {sorted(missing)[0]!r}.")
        return cls(**{**values, "views": tuple(View.parse(text) for text in values["views"])})


_PAPER_WINDOW, _PAPER_HOP = 1000 * 1024 / 22050, 1000 * 256 / 22050

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="texture",
            summary="The default: infinitely wide networks over standardised bins and mel bands; optimises the waveform.",
            views=(View(0, (1, 3), 32.0, 8.0), View(24, (2, 8, 16), 32.0, 8.0), View(8, (4, 16, 32), 64.0, 32.0)),
            auditory_weight=0.01,
            patches_weight=0.1,
            rhythm_weight=0.01,
            evaluations=200,
        ),
        Recipe(
            name="texture-fast",
            summary="The default's networks alone, in fewer steps: for sounds without sparse events.",
            views=(View(0, (1, 3), 32.0, 8.0), View(24, (2, 8, 16), 32.0, 8.0)),
            evaluations=80,
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
            start="uniform",
            filters=512,
            autocorrelation_weight=1e3,
            diversity_weight=1e-3,
            evaluations=500,
            phase_iterations=200,
        ),
        Recipe(
            name="caracalla-roebel",
            summary="Caracalla & Roebel 2020: 2-D random nets on real and imaginary parts, a Gram for every bin; a waveform.",
            sample_rate=16000,
            views=(View(0, (3, 5, 7, 11, 15, 19, 23, 27), 32.0, 16.0),),
            representation="real-imaginary",
            compression="peak",
            standardised=False,
            gain_bands=0,
            network="2d",
            filters=128,
            statistic="bin-grams",
            evaluations=400,
        ),
        Recipe(
            name="gaussian-ot",
            summary="Gaussian optimal transport between maps of 2-D random nets on real and imaginary parts; a waveform.",
            sample_rate=16000,
            views=(View(0, ((2, 101), (3, 53), (5, 11), 3, 7, 11, 19, 27), 32.0, 16.0),),
            representation="real-imaginary",
            compression="peak",
            standardised=False,
            gain_bands=0,
            network="2d",
            filters=128,
            initialisation="narrow",
            statistic="transport",
            history=25,
            evaluations=400,
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
    )
}


def named(name: str) -> Recipe:
    """The recipe of that name. Raises ValueError, listing what there is, for another."""
    if name not in RECIPES:
        raise ValueError(f"{name!r} is no recipe; there are {', '.join(RECIPES)}.")
    return RECIPES[name]
