"""What blocks and loops share: a circular canvas of any length, and the walk of its gains."""

import math

import numpy as np

from audio_texture import canvas, initialise, layout, morphing, scales, walk
from audio_texture.base import Canvas
from audio_texture.config import Recipe
from audio_texture.streaming.style import Style


def circular_canvas(
    style: Style, samples: int, *, stretch: tuple[float, float] | None = None
) -> Canvas:
    """The canvas of a block or loop of `samples`.

    stretch: of a morph, the time at which the block begins and the whole length, both in seconds.
    """
    rate = style.sample_rate
    equaliser = layout.equaliser_of(style.recipe, rate)
    densities, fades = [style.density_at(0.0)], ()
    if stretch is not None:
        seconds = stretch[0] + np.arange(samples) / rate
        places = np.asarray(morphing.place_at(seconds, stretch[1]))
        # The same number for all blocks: they share one program.
        count = 2 + math.ceil((canvas.KNOTS - 2) * min(1.0, 2 * seconds.size / rate / stretch[1]))
        knots, fades = canvas.fades_between(places, count)
        densities = [style.density_at(knot) for knot in knots]
    coupled = np.mean(densities, axis=0)
    return canvas.loop_canvas(
        canvas.fading_colours([resample_density(own, samples) for own in densities], fades),
        canvas.coupling(coupled, sample_rate=rate, equaliser=equaliser),
        sample_rate=rate,
        samples=samples,
        equaliser=equaliser,
    )


def resample_density(density: np.ndarray, samples: int) -> np.ndarray:
    """The density [samples // 2 + 1, C, C] of a canvas of `samples`.

    Each frequency gets the mean density around it. density: [F, C, C], from 0 to Nyquist.
    """
    # Interpolating running sums rather than densities keeps the total power the same at any number
    # of frequencies.
    grid, edges = np.linspace(0, 0.5, len(density)), (np.arange(samples // 2 + 2) - 0.5) / samples
    steps = np.cumsum((density[1:] + density[:-1]) / 2, axis=0)
    running = np.concatenate([0 * density[:1], steps]) * grid[1]
    clipped = np.clip(edges, 0, 0.5)
    flat = running.reshape(len(grid), -1)
    at_edges = np.stack([np.interp(clipped, grid, column) for column in flat.T], axis=1)
    mean = np.diff(at_edges, axis=0) / np.diff(clipped)[:, None]
    return mean.reshape(-1, *density.shape[1:])


def field_samples(recipe: Recipe, rate: int) -> int:
    """Samples spanned by the longest kernel, or by the longest window if that is more."""
    return max(scales.field_samples(recipe, rate), layout.longest_window(recipe, rate))


def fit_walk(style: Style) -> tuple[walk.TransitionModel, float]:
    """The transitions of a walk through the references' gains, as of `initialise.fit_walk`."""
    levels = canvas.part_levels(style.density_at(0.0))
    return initialise.fit_walk(style.recipe, style.gains, style.sample_rate, levels=levels)
