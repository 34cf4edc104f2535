"""Kernel sizes from receptive fields in milliseconds and hertz, and descriptions of them."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from audio_texture.config import Recipe
from audio_texture.errors import ChoiceError
from audio_texture.layer import Layer, receptive_field, receptive_fields
from audio_texture.terms import TERMS
from audio_texture.views import View, parse_frequency

# Scale -> (bands, window in ms) of a view of bins that is put on that scale; None keeps its window.
# log: 90 rows an octave, as in the paper. cqt: constant Q from 139 Hz up.
ON_SCALE = {"linear": (0, None), "mel": (64, None), "log": (90, None), "cqt": (24, 500.0)}
# Widest explicit kernel in frames, as in Antognini, Hoffman & Weiss 2019; wider ones are dilated.
WIDEST = 64


def at_scales(recipe: Recipe, sample_rate: int) -> Recipe:
    """The recipe with its choices scale, time_scale and frequency_scale applied to its views.

    Each view gets a network for every time scale that is at least as long as its window. A
    frequency scale gives all kernels one height. Kernel sizes are those whose receptive field is
    nearest at the recipe's depth and pools; explicit kernels wider than WIDEST are dilated instead.
    The longest lag of the onset strength's autocorrelation becomes the longest time scale.

    Args:
      recipe: the choices.
      sample_rate: of the modelled sound, in Hz.
    Raises:
      ChoiceError: a time scale shorter than every view's window; a frequency scale in hertz where a
        view's rows are octaves apart, or the reverse.

    Example:
      >>> from audio_texture import recipes
      >>> recipe = recipes.named("texture-fast").replace(views="mel24@32/8:2", time_scale="40,200")
      >>> str(at_scales(recipe, 16000).analysis.views[0])
      'mel24@32.0/8.0:2,22'
    """
    time_scale, network = recipe.analysis.time_scale, recipe.network
    views = tuple(_on_scale(view, recipe.analysis.scale) for view in recipe.analysis.views)
    frames = {
        view: [_count_frames(view, milliseconds, sample_rate) for milliseconds in time_scale]
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
    """A view's kernel sizes.

    frames: wanted receptive field in frames for each time scale, 0 where it is too short.
    """
    own_sizes = [(int(np.ravel(width)[0]), int(np.ravel(width)[-1])) for width in view.widths]
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
        for own_width, own_height in own_sizes
        for width in widths
        for height in heights
    ]
    if recipe.network.kind == "1d-frequency":
        return tuple(dict.fromkeys(width for width, _ in pairs))
    return tuple(dict.fromkeys(pairs))


def describe_scales(recipe: Recipe, sample_rate: int) -> str:
    """What a recipe with views keeps whole, in words. sample_rate: of the modelled sound, Hz.

    Example:
      >>> from audio_texture import recipes
      >>> recipe = recipes.named("texture-fast").replace(views="mel24@32/8:2 mel8@64/32:1,32")
      >>> describe_scales(recipe, 16000)
      'events up to 1.06 s long are kept whole (networks see 40 ms to 1.06 s at once)'
    """
    views = recipe.analysis.views
    longest = _format_milliseconds(max(_spans(recipe, views, sample_rate)))
    seen = _describe_spans(recipe, views, sample_rate)
    kept = f"events up to {longest} long are kept whole"
    # Networks that all see the same need not be told twice.
    return kept if f" see {longest} at" in seen else f"{kept} ({seen})"


def _spans(recipe: Recipe, views: Sequence[View], sample_rate: int) -> list[float]:
    """The length of time that each network over some views sees at once, in ms."""
    return [
        view.milliseconds(recipe.field(width), sample_rate)
        for view in views
        for width in view.widths
    ]


def _describe_spans(recipe: Recipe, views: Sequence[View], sample_rate: int) -> str:
    """What the networks over some views see at once; where kernels slide along frequency, their
    heights too.
    """
    spans = _spans(recipe, views, sample_rate)
    seen = _format_range([_format_milliseconds(span) for span in (min(spans), max(spans))])
    if recipe.network.kind != "1d-frequency":
        heights = [
            _describe_height(recipe, view, width, sample_rate)
            for view in views
            for width in view.widths
        ]
        seen += f" by {_format_range(heights)}"
    return f"networks see {seen} at once"


def _describe_height(
    recipe: Recipe, view: View, width: int | tuple[int, int], sample_rate: int
) -> str:
    """The frequency range that the kernels of a network see, as text."""
    layers = [
        dataclasses.replace(layer, kernel_size=layer.kernel_bins or layer.kernel_size)
        for layer in recipe.layers(width)
    ]
    return view.height(receptive_field(layers), sample_rate)


def _format_range(texts: list[str]) -> str:
    """The first and the last of some amounts, whose unit is said once where it is the same."""
    first, last = texts[0], texts[-1]
    if first == last:
        return last
    number, _, unit = first.partition(" ")
    return f"{number if last.endswith(f' {unit}') else first} to {last}"


def _format_milliseconds(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms" if milliseconds < 999.5 else f"{milliseconds / 1000:.3g} s"


def describe_term(name: str, recipe: Recipe, sample_rate: int) -> str:
    """A term of the loss in words, for people: of a view's networks, what they see.

    Args:
      name: as in metrics.jsonl: of a view, or of a term of the registry; any other stays as it is.
      recipe: of the run, whose networks see `name` if it is a view.
      sample_rate: of the modelled sound, in Hz.

    Example:
      >>> from audio_texture import recipes
      >>> recipe = recipes.named("texture")
      >>> describe_term("mel24@32/8:2,8,16", recipe, 16000)
      'networks, 24 mel bands, 40 to 152 ms'
      >>> describe_term("rhythm", recipe, 16000)
      'rhythm: statistics of the onset strength'
    """
    if name in TERMS:
        return f"{name}: {TERMS[name].summary}"
    try:
        view = View.parse(name)
    except ValueError:
        return name
    rows = {
        "linear": "raw samples" if recipe.analysis.representation == "samples" else "all bins",
        "mel": f"{view.bands} mel bands",
        "log": f"{view.bands} rows an octave" if view.bands else "log frequency",
        "cqt": f"constant Q, {view.bands} rows an octave",
    }[view.scale]
    spans = sorted(view.milliseconds(recipe.field(width), sample_rate) for width in view.widths)
    span = " to ".join(f"{span:.0f}" for span in dict.fromkeys((spans[0], spans[-1])))
    return f"networks, {rows}, {span} ms"


def describe_receptive_fields(recipe: Recipe, sample_rate: int) -> list[str]:
    """What the networks of a transfer see at once: one line of text where they have one layer, else
    a line for each network with the receptive field of each of its layers.

    In milliseconds, and in hertz where the field does not span all bins. sample_rate: of the
    modelled sound, in Hz.
    """
    without_taps = recipe.replace(style_layers=(), content_layers=())
    views = tuple(dict.fromkeys([*recipe.analysis.views, *recipe.term("content").views]))
    if views and recipe.network.depth == 1 and not recipe.network.kind.startswith("vgg19"):
        return [_describe_spans(recipe, views, sample_rate)]
    lines = []
    for view in views:
        sizes = view.sizes(sample_rate)
        for width in view.widths:
            parts = []
            for name, field in receptive_fields(without_taps.description(width)).items():
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
    """Samples that the longest kernel spans at `places` successive frames; 0 without views."""

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


def _count_frames(view: View, milliseconds: float, sample_rate: int) -> int:
    """Frames that together span a length of time; 0 where it is shorter than a window."""
    hop = view.milliseconds(2, sample_rate) - view.milliseconds(1, sample_rate)
    return max(0, 1 + round((milliseconds - view.milliseconds(1, sample_rate)) / hop))


def _kernel_size(recipe: Recipe, field: int) -> int:
    """The kernel size whose network's receptive field is nearest to `field` frames, or rows."""
    network = recipe.network
    field_at_1, field_at_2 = (
        receptive_field((Layer(width, network.dilation, network.pool),) * network.depth)
        for width in (1, 2)
    )
    return 1 + max(0, round((field - field_at_1) / (field_at_2 - field_at_1)))
