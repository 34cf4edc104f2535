"""What blocks and loops share: a circular canvas of any length, and the walk of its gains."""

import numpy as np

from audio_texture import canvas, initialise, layout, scales, walk
from audio_texture.base import Canvas
from audio_texture.config import Recipe
from audio_texture.streaming.style import Style


def circular_canvas(style: Style, position: float, samples: int) -> Canvas:
    """The canvas of a block or loop of `samples`. position: in a morph, from 0 (start) to 1."""
    equaliser = layout.equaliser_of(style.recipe, style.sample_rate)
    density = style.density_at(position)
    return canvas.loop_canvas(
        resample_colour(density, samples),
        canvas.coupling(density, sample_rate=style.sample_rate, equaliser=equaliser),
        sample_rate=style.sample_rate,
        samples=samples,
        equaliser=equaliser,
    )


def resample_colour(density: np.ndarray, samples: int) -> np.ndarray:
    """The noise filter [samples // 2 + 1, C, C] of a canvas of `samples`.

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
    return canvas.spectral_colour(mean.reshape(-1, *density.shape[1:]))


def field_samples(recipe: Recipe, rate: int) -> int:
    """Samples spanned by the longest kernel, or by the longest window if that is more."""
    return max(scales.field_samples(recipe, rate), layout.longest_window(recipe, rate))


def fit_walk(style: Style) -> tuple[walk.TransitionModel, float]:
    """The transitions of a walk through the references' gains, as of `initialise.fit_walk`."""
    levels = canvas.part_levels(style.density_at(0.0))
    return initialise.fit_walk(style.recipe, style.gains, style.sample_rate, levels=levels)
