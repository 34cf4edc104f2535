"""The stages of a run as small frozen dataclasses: each holds its choices, their units and rules.

`config.Recipe` nests them, with the choices of the loss's terms (terms/).
"""

import dataclasses
import math

from audio_texture import audio, representation, views
from audio_texture.choices import DYNAMIC, HOST, Stage, choice, number
from audio_texture.errors import ChoiceError
from audio_texture.layer import INITIALISATIONS, KINDS
from audio_texture.views import SCALES, View


@dataclasses.dataclass(frozen=True)
class Signal(Stage):
    """Sample rate and level at which the sound is modelled, and how the result begins and ends."""

    sample_rate: int = choice(
        0,
        "Sample rate the sound is modelled at, in Hz; 0 is the input's own, up to 48000.",
        at_least=0,
    )
    level: float = choice(
        0.1,
        "Level (RMS) the reference is brought to before it is analysed; 0 leaves it as recorded.",
        kind=HOST,
        at_least=0,
    )
    fade_ms: float = choice(
        5.0,
        "Length of the fades at both ends of the result, in ms: at most 1000 and half the result; "
        "0 for none.",
        kind=HOST,
        at_least=0,
    )

    def __post_init__(self):
        super().__post_init__()
        if self.fade_ms > 1000:
            raise ChoiceError(
                f"fade_ms must be from 0 to 1000, got {self.fade_ms:g}.", field="fade_ms"
            )
        if self.sample_rate and not audio.LOWEST_RATE <= self.sample_rate <= audio.HIGHEST_RATE:
            raise ChoiceError(
                f"sample_rate must be 0 or from {audio.LOWEST_RATE} to {audio.HIGHEST_RATE} Hz, "
                f"got {self.sample_rate}.",
                field="sample_rate",
            )

    def fade_samples(self, sample_rate: int) -> int:
        """Length of a fade in samples. sample_rate: of the result, in Hz."""
        return round(self.fade_ms / 1000 * sample_rate)


@dataclasses.dataclass(frozen=True)
class Analysis(Stage):
    """The networks' input: views of the sound, compressed and standardised."""

    views: tuple[View, ...] = choice(
        (),
        "Views, separated by spaces: bins@32/8:1,3 is all bins, a window of 32 ms every 8 ms, "
        "kernels of 1 and 3 frames; mel24@32/8:2,8*0.5 has 24 mel bands and half the weight; log90 "
        "and cqt24 have 90 and 24 rows an octave, log has every row.",
        parse=View.parse,
    )
    scale: str = choice(
        "views",
        "Frequency scale for the views of bins; views keeps their own. log is the paper's map of "
        "bins, cqt a constant-Q transform.",
        options=["views", *SCALES],
    )
    time_scale: tuple[float, ...] = choice(
        (),
        "Lengths that networks see at once, in ms, such as 40,700. Events shorter than the longest "
        "stay whole, rhythms longer than it are lost. In place of the views' own widths: each view "
        "gets a network for each length.",
        parse=number,
        separator=",",
    )
    frequency_scale: str = choice(
        "",
        "Height of kernels that slide along frequency, such as 200hz, or 0.5oct on a log, cqt or "
        "mel scale, in place of the views' own.",
    )
    compression: str = choice(
        "relative",
        "Logarithm of magnitudes: fixed is the paper's log1p(x) / 7, relative is to each bin's "
        "mean in the reference. For signed values, peak is tanh relative to the largest value and "
        "none leaves values linear.",
        options=["relative", "fixed", "peak", "none"],
    )
    sharpness: float = choice(
        4.0,
        "Relative compression is logarithmic down to a bin's mean divided by this, linear below: "
        "with more of it, quiet sounds count more.",
        kind=DYNAMIC,
        above=0,
    )
    standardised: bool = choice(
        True,
        "Whether every bin is standardised by its mean and std in the reference.",
    )
    representation: str = choice(
        "magnitude",
        "Waveform canvas: what networks see of a frame: magnitude; real-imaginary parts; "
        "real-imaginary-magnitude; magnitude-phase, with the change of phase from bin to bin; "
        "samples, without a transform.",
        options=list(representation.PARTS),
    )

    def __post_init__(self):
        super().__post_init__()
        if not all(0 < scale < math.inf for scale in self.time_scale):
            raise ChoiceError(
                "time_scale must be milliseconds above 0, got "
                f"{', '.join(f'{scale:g}' for scale in self.time_scale)}.",
                field="time_scale",
            )
        if self.frequency_scale:
            views.parse_frequency(self.frequency_scale)

    def check(self, recipe):
        if self.frequency_scale and recipe.network.kind not in ("2d", "1d-time"):
            raise ChoiceError(
                f"frequency_scale={self.frequency_scale} is for networks that slide along "
                "frequency: network must be 2d or 1d-time.",
                field="frequency_scale",
                others=("network",),
            )
        representation.check(recipe)
        if recipe.canvas.kind == "spectrogram":
            self._check_spectrogram(recipe)

    def _check_spectrogram(self, recipe):
        if len({(view.window_ms, view.hop_ms) for view in self.views}) > 1:
            raise ChoiceError(
                "views on a spectrogram canvas must share one window and hop.",
                field="views",
                others=("canvas",),
            )
        row_scales = {
            (view.scale, view.bands) if view.scale in ("log", "cqt") else None
            for view in self.views
        }
        if len(row_scales) > 1:
            raise ChoiceError(
                "views on a spectrogram canvas must share one scale where one is log or cqt, "
                "which the canvas then has.",
                field="views",
                others=("canvas",),
            )
        if recipe.task == "transfer" and "cqt" in (
            self.scale,
            *(view.scale for view in self.views),
        ):
            raise ChoiceError(
                "scale must not be cqt for a transfer on a spectrogram canvas: use "
                "canvas=waveform, or another scale.",
                field="scale",
                others=("canvas", "views"),
            )
        if self.compression != "fixed":
            raise ChoiceError(
                "compression must be fixed on a spectrogram canvas, which holds compressed values "
                "itself.",
                field="compression",
                others=("canvas",),
            )


@dataclasses.dataclass(frozen=True)
class Network(Stage):
    """The networks over each view, one for each kernel width."""

    kind: str = choice(
        "1d-frequency",
        "Axis that kernels slide along. 1d-frequency: frames, with bins as channels; 1d-time: "
        "bins, with frames as channels (widths are frames x bins); 2d and VGG-19: both.",
        name="network",
        options=KINDS,
    )
    weights_file: str = choice(
        "",
        "File of an explicit network's weights, from launch.train or of VGG-19; the recipe takes "
        "network, views and sample rate from it. Empty draws weights at random.",
    )
    filters: int = choice(
        0, "Random filters per layer; 0 is infinitely many, in closed form.", at_least=0
    )
    growth: int = choice(
        1, "Ratio of a layer's number of filters to that of the layer before it.", at_least=1
    )
    depth: int = choice(1, "Layers of each network.", at_least=1)
    dilation: int = choice(1, "Frames between a kernel's taps.", at_least=1)
    pool: int = choice(1, "Frames pooled into one after each layer.", at_least=1)
    pooling: str = choice(
        "mean",
        "How an explicit network pools; the closed form supports mean only.",
        options=["mean", "max"],
    )
    initialisation: str = choice(
        "normal", "Distribution of an explicit network's weights.", options=INITIALISATIONS
    )
    padding: str = choice(
        "valid",
        "Padding of an explicit network's convolutions, as in JAX.",
        options=["valid", "same"],
    )

    def __post_init__(self):
        super().__post_init__()
        if self.filters == 0 and self.kind != "1d-frequency":
            raise ChoiceError(
                f"filters must be above 0 with network={self.kind}: only the Gram of 1d-frequency "
                "has a closed form here.",
                field="filters",
                others=("network",),
            )
        if self.filters == 0 and self.pooling == "max" and self.pool > 1:
            raise ChoiceError(
                "pooling must be mean with infinitely many filters: max pooling has no closed "
                "form.",
                field="pooling",
                others=("filters", "pool"),
            )

    def check(self, recipe):
        with_bins = any(
            isinstance(width, tuple) for view in recipe.analysis.views for width in view.widths
        )
        if self.kind not in ("2d", "1d-time") and with_bins:
            raise ChoiceError(
                "network must be 2d or 1d-time where widths have bins.",
                field="network",
                others=("views",),
            )


@dataclasses.dataclass(frozen=True)
class CanvasChoices(Stage):
    """What is optimised, and what it starts from."""

    kind: str = choice(
        "waveform", "What is optimised.", name="canvas", options=["waveform", "spectrogram"]
    )
    start: str = choice(
        "standard",
        "What the optimisation starts from. Spectrogram canvas: standard is Gaussian noise with "
        "the reference's mean and std, uniform is the paper's, over 0 to 0.1. Waveform canvas: "
        "standard is noise of the reference's spectrum; walk shapes it by the gains of a random "
        "walk through the reference, which keeps its events and their rhythm; generator is a "
        "sample of start_generator, from which 20 to 40 evaluations are enough.",
        options=["standard", "uniform", "walk", "generator"],
    )
    start_generator: str = choice(
        "", "File of a trained generator, from launch.generate, for start=generator.", kind=HOST
    )
    start_style: str = choice(
        "",
        "Style of start_generator that the start has: its name, or its number from 0. Empty is the "
        "first one.",
        kind=HOST,
    )
    smoothing_hz: float = choice(
        2.0,
        "Waveform canvas: width over which the reference's long-term spectrum is averaged, in Hz.",
        kind=HOST,
        above=0,
    )
    gain_bands: int = choice(
        24,
        "Waveform canvas: mel bands of the gains over time that shape the noise; 0 has none.",
        at_least=0,
    )
    gain_window_ms: float = choice(
        32.0,
        "Waveform canvas: window of the gains, in ms; they change every quarter of it.",
        above=0,
    )

    def check(self, recipe):
        without_gains = self.kind != "waveform" or not self.gain_bands
        if self.start == "walk" and (without_gains or recipe.task == "transfer"):
            raise ChoiceError(
                "start must not be walk without a waveform canvas and its gain_bands, nor for a "
                "transfer, which starts from its content.",
                field="start",
                others=("canvas", "gain_bands"),
            )
        if self.start == "generator" and (self.kind != "waveform" or recipe.task == "transfer"):
            raise ChoiceError(
                "start must not be generator without a waveform canvas, nor for a transfer, which "
                "starts from its content.",
                field="start",
                others=("canvas",),
            )
        if recipe.transfer.start_shape and without_gains:
            raise ChoiceError(
                "start_shape must be 0 without a waveform canvas and its gain_bands.",
                field="start_shape",
                others=("canvas", "gain_bands"),
            )


@dataclasses.dataclass(frozen=True)
class Transfer(Stage):
    """Choices of transfers alone: how distances are balanced, and what a transfer starts from."""

    balanced: bool = choice(
        True,
        "Transfer: whether each distance is divided by its value for noise of the style's "
        "spectrum, so that equal weights are a compromise.",
        kind=HOST,
    )
    envelope_of: str = choice(
        "style",
        "Transfer: whose envelopes loudness_weight and spectrum_weight are for.",
        options=["style", "content"],
    )
    start_content: float = choice(
        0.0,
        "Transfer: share of the content in the start; the rest is noise. 1 is the content, 0 is "
        "noise of the style's spectrum.",
        kind=HOST,
        at_least=0,
    )
    start_recoloured: bool = choice(
        False,
        "Transfer: whether the content in the start is filtered to the style's long-term level in "
        "each band.",
        kind=HOST,
    )
    start_shape: float = choice(
        0.0,
        "Transfer, waveform canvas: factor of the content's log gains over time that shape the "
        "start: 0 leaves it unshaped, 1 applies them in full.",
        kind=HOST,
        at_least=0,
    )

    def __post_init__(self):
        super().__post_init__()
        if self.start_content > 1:
            raise ChoiceError(
                f"start_content must be from 0 to 1, got {self.start_content:g}.",
                field="start_content",
            )


@dataclasses.dataclass(frozen=True)
class Matching(Stage):
    """The lengths over which terms are matched, and how distances are normalised."""

    normalised_by: str = choice(
        "target",
        "What each style distance is divided by: the mean square of the target, the distance at "
        "the start, or nothing.",
        options=["target", "start", "nothing"],
    )
    block_seconds: float = choice(
        6.0,
        "Longest block whose statistics are matched as a whole, in seconds; longer canvases are "
        "cut into blocks. The memory needed grows with its square.",
        above=0,
    )
    stretch_seconds: float = choice(
        0.0,
        "Waveform canvas: longest stretch whose patches and onsets are matched as a whole, in "
        "seconds; 0 is about half of the shortest reference.",
        at_least=0,
    )


@dataclasses.dataclass(frozen=True)
class Optimiser(Stage):
    """The optimiser and its budget."""

    kind: str = choice("lbfgs", "Optimiser.", name="optimizer", options=["lbfgs", "adam"])
    history: int = choice(10, "Pairs of steps and gradients L-BFGS remembers.", at_least=1)
    learning_rate: float = choice(0.01, "Adam's learning rate.", kind=DYNAMIC, above=0)
    evaluations: int = choice(
        250,
        "Times the loss and its gradient are computed; more come closer and take longer.",
        kind=HOST,
        at_least=1,
    )
    tolerance: float = choice(
        0.0,
        "Stops when the loss fell by less than this share over the last 100 evaluations; 0 never "
        "stops early.",
        kind=HOST,
        at_least=0,
    )


@dataclasses.dataclass(frozen=True)
class Phase(Stage):
    """Phase recovery from a spectrogram canvas."""

    start: str = choice(
        "spsi",
        "Phases to start Griffin-Lim from.",
        name="phase_start",
        options=["spsi", "random"],
    )
    iterations: int = choice(
        50,
        "Iterations of Griffin-Lim; more fit the phases better and take longer.",
        name="phase_iterations",
        at_least=0,
    )
    momentum: float = choice(
        0.0,
        "Momentum of Griffin-Lim: 0 is the classical form, 0.99 the fast one.",
        name="phase_momentum",
    )

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.momentum < 1:
            raise ChoiceError(
                f"phase_momentum must be from 0 to below 1, got {self.momentum:g}.",
                field="phase_momentum",
            )
