"""What kernels see of time and frequency: kernel sizes from milliseconds and hertz, and back."""

import dataclasses
import math

import numpy as np

from audio_texture.config import Recipe
from audio_texture.errors import ChoiceError
from audio_texture.layer import Layer, receptive_field, receptive_fields
from audio_texture.views import View, parse_frequency

# Rows and window in ms that a view of bins has on another scale: the authors' 90 rows an octave;
# and a constant Q from 139 Hz up.
ON_SCALE = {"linear": (0, None), "mel": (64, None), "log": (90, None), "cqt": (24, 500.0)}
# Frames that an explicit kernel spans at most before it is dilated: as many as in Antognini,
# Hoffman & Weiss 2019.
WIDEST = 64


def at_scales(recipe: Recipe, sample_rate: int) -> Recipe:
    """The recipe with the views that its scale, time_scale and frequency_scale ask for.

    Each view gets a network for every time scale that holds its window, and one kernel height in
    place of several where a frequency scale is given. Kernel sizes are the nearest ones at the
    recipe's depth and pools; explicit kernels wider than WIDEST are dilated instead. The onset
    strength's autocorrelation reaches to the longest time scale.

    Args:
      recipe: the choices.
      sample_rate: of the modelled sound, in Hz.
    Raises:
      ChoiceError: a time scale that is shorter than every view's window, a frequency scale in units
        that a view's rows do not have.
    """
    time_scale, network = recipe.analysis.time_scale, recipe.network
    views = tuple(_on_scale(view, recipe.analysis.scale) for view in recipe.analysis.views)
    frames = {
        view: [_frames(view, milliseconds, sample_rate) for milliseconds in time_scale]
        for view in views
    }
    for number, milliseconds in enumerate(time_scale):
        if views and not any(counts[number] for counts in frames.values()):
            shortest = min(view.milliseconds(1, sample_rate) for view in views)
            raise ChoiceError(
                f"{milliseconds:g} ms is shorter than the shortest window of the views, "
                f"{shortest:.3g} ms.",
                field="time_scale",
                others=("views",),
            )
    if network.filters and time_scale and network.kind != "1d-time":
        longest = max(max(counts) for counts in frames.values())
        needed = math.ceil((longest - 1) / (network.depth * (WIDEST - 1)))
        recipe = recipe.replace(dilation=max(network.dilation, needed))
    if time_scale:
        recipe = recipe.replace(rhythm_seconds=max(time_scale) / 1000)
    if time_scale or recipe.analysis.frequency_scale:
        views = tuple(
            dataclasses.replace(view, widths=_widths(recipe, view, frames[view], sample_rate))
            for view in views
            if not time_scale or any(frames[view])
        )
    return recipe.replace(views=views)


def _widths(
    recipe: Recipe, view: View, frames: list[int], sample_rate: int
) -> tuple[int | tuple[int, int], ...]:
    """A view's kernel sizes; frames: receptive fields asked for in time, 0 where none fits."""
    own = [(int(np.ravel(width)[0]), int(np.ravel(width)[-1])) for width in view.widths]
    widths, heights = [None], [None]
    if frames:
        kind = recipe.network.kind
        fields = [field for field in frames if field]
        widths = [field if kind == "1d-time" else _kernel_size(recipe, field) for field in fields]
        widths = widths or [None]
    if recipe.analysis.frequency_scale:
        rows = view.rows_in(*parse_frequency(recipe.analysis.frequency_scale), sample_rate)
        heights = [_kernel_size(recipe, max(1, round(rows)))]
    pairs = [
        (width or own_width, height or own_height)
        for own_width, own_height in own
        for width in widths
        for height in heights
    ]
    if recipe.network.kind == "1d-frequency":
        return tuple(dict.fromkeys(width for width, _ in pairs))
    return tuple(dict.fromkeys(pairs))


def describe_scales(recipe: Recipe, sample_rate: int) -> str:
    """What each view's kernels see, for humans: `mel24 40, 88 ms`.

    Where kernels slide along frequency, the rows they span too. sample_rate: of the modelled sound.
    """

    def describe(view, width):
        text = f"{view.milliseconds(recipe.field(width), sample_rate):.4g}"
        if recipe.network.kind == "1d-frequency":
            return text
        upright = [
            dataclasses.replace(layer, kernel_size=layer.kernel_bins or layer.kernel_size)
            for layer in recipe.layers(width)
        ]
        return f"{text} x {view.height(receptive_field(upright), sample_rate)}"

    return "; ".join(
        f"{str(view).split(':')[0]} {', '.join(describe(view, width) for width in view.widths)} ms"
        for view in recipe.analysis.views
    )


def describe_receptive_fields(recipe: Recipe, sample_rate: int) -> list[str]:
    """A line for each network on what one output of each of its layers sees.

    In milliseconds, and in hertz where it does not see all bins. sample_rate: of the modelled
    sound, in Hz.
    """
    whole = recipe.replace(style_layers=(), content_layers=())
    lines = []
    for view in dict.fromkeys([*recipe.analysis.views, *recipe.term("content").views]):
        sizes = view.sizes(sample_rate)
        for width in view.widths:
            parts = []
            for name, field in receptive_fields(whole.description(width)).items():
                if not recipe.network.filters and not name.startswith(("relu", "pool")):
                    continue
                text = f"{name} {field.milliseconds(sample_rate=sample_rate, **sizes):.0f} ms"
                if not math.isinf(field.bins) and view.scale == "linear":
                    hertz = field.hertz(sample_rate=sample_rate, n_fft=sizes["n_fft"])
                    text += f" x {hertz:.0f} Hz"
                parts.append(text)
            shown = dataclasses.replace(view, widths=(width,), weight=1.0)
            lines.append(f"{shown}: {', '.join(parts)}")
    return lines


def field_samples(recipe: Recipe, sample_rate: int, *, places: int = 1) -> int:
    """Samples that the longest kernel's frames reach over in so many places; 0 without kernels."""

    def of_view(view):
        sizes = view.sizes(sample_rate)
        return sizes["n_fft"] + (recipe.longest_field(view) + places - 2) * sizes["hop_length"]

    return max(map(of_view, recipe.analysis.views), default=0)


def _on_scale(view: View, scale: str) -> View:
    if view.scale != "linear" or scale == "views":
        return view
    bands, window_ms = ON_SCALE[scale]
    return dataclasses.replace(
        view, bands=bands, scale=scale, window_ms=window_ms or view.window_ms
    )


def _frames(view: View, milliseconds: float, sample_rate: int) -> int:
    """Frames that see a stretch of time; 0 where it is shorter than a window."""
    hop = view.milliseconds(2, sample_rate) - view.milliseconds(1, sample_rate)
    return max(0, 1 + round((milliseconds - view.milliseconds(1, sample_rate)) / hop))


def _kernel_size(recipe: Recipe, field: int) -> int:
    """The kernel size whose network's receptive field comes nearest to so many frames, or rows."""
    network = recipe.network
    least, more = (
        receptive_field((Layer(width, network.dilation, network.pool),) * network.depth)
        for width in (1, 2)
    )
    return 1 + max(0, round((field - least) / (more - least)))
