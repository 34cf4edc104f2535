"""A style: everything that a stream or loop needs to know of its references, fitted once.

C channels, R references, F frequencies, T frames, G gain bands.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from audio_texture import (
    audio,
    base,
    canvas,
    features,
    layout,
    matching,
    mixing,
    morphing,
    references,
)
from audio_texture.config import Recipe
from audio_texture.errors import ChoiceError
from audio_texture.precision import single
from audio_texture.problem import keep


class Style(NamedTuple):
    """Fitted statistics of the references; it holds no recording.

    Attributes:
      recipe: the choices, without kernels too long for the references.
      sample_rate: of the model and of streams, Hz.
      levels: `audio.audible_rms` of each reference over the modelled channels.
      weights: of the references.
      balance: factors of the weights, or None; see `mixing.balance`.
      lengths: of the references, in samples.
      morph_to: weights at the end of a stream, or None.
      bands: (from, to) in Hz for each reference, or None.
      densities: [R, F, C, C] complex128, cross-spectral density of each reference, or of their
        bands together, on a grid from 0 to Nyquist.
      gains: [C, T, G] float32, gains that turn noise of that density into the references, one
        reference after the other.
      target: as of `matching.style_objective`.
      factors: [C', C], turns modelled channels into written ones; see `audio.fold_channels`.
      peaks: largest absolute sample of each reference.
    """

    recipe: Recipe
    sample_rate: int
    levels: list[float]
    weights: list[float]
    balance: dict[str, list[float]] | None
    lengths: list[int]
    morph_to: list[float] | None
    bands: list[tuple[float, float]] | None
    densities: np.ndarray
    gains: np.ndarray
    target: Any
    factors: np.ndarray
    peaks: list[float]

    @property
    def channels(self) -> int:
        """Number of written channels."""
        return len(self.factors)

    def compile_key(self) -> tuple[Hashable, ...]:
        """All that compiled functions of the style depend on, but for lengths; numbers of the
        recipe and weights of a file are constants in them.
        """
        recipe, mixture = self.recipe, (self.weights, self.balance, self.morph_to, self.bands)
        numbers = tuple(recipe.dynamic_hparams().items()), repr(mixture)
        shapes = self.sample_rate, self.densities.shape
        return recipe.static_config(), features.weights_version(recipe), *numbers, *shapes

    def weights_at(self, place: float) -> np.ndarray:
        """Weights, with sum 1, at a place of a morph from 0 (start) to 1: [R] float32."""
        if self.morph_to is None:
            return np.divide(self.weights, np.sum(self.weights)).astype(np.float32)
        course = morphing.course_of(self.weights, self.morph_to, self.balance)
        return np.asarray(course.weights_at(np.array([place])))[0]

    def gain_at(self, place: float) -> float:
        """The factor from the modelled wave to the references' level at a place of a morph."""
        weights = self.weights_at(place)
        lost = 1.0
        if not self.bands:
            shares = mixing.balanced(weights, self.balance)
            lost = canvas.lost_level(self.densities, shares, sample_rate=self.sample_rate)
        if not self.recipe.signal.level:
            return 1.0 / lost
        level = float(np.sqrt(np.average(np.square(self.levels), weights=weights)))
        return level / (lost * self.recipe.signal.level)

    def density_at(self, place: float) -> np.ndarray:
        """Cross-spectral density [F, C, C] at a place of a morph."""
        if self.bands:
            return canvas.mix_densities(self.densities, [1.0])
        shares = mixing.balanced(self.weights_at(place), self.balance).tolist()
        return canvas.mix_densities(self.densities, shares)


def check_recipe(recipe: Recipe) -> None:
    """Raises ChoiceError where a recipe cannot make streams and loops."""
    recipe.check_optimises("a stream or loop")
    if recipe.canvas.kind != "waveform":
        raise ChoiceError(
            f"the recipe {recipe.name!r} has a {recipe.canvas.kind} canvas; "
            "streams and loops need a waveform canvas, such as texture-fast has.",
            field="canvas",
            others=("recipe",),
        )
    if recipe.matching.normalised_by == "start":
        raise ChoiceError(
            "normalised_by must be target or nothing in a stream, "
            "whose blocks start from each other.",
            field="normalised_by",
        )


@single
def fit_style(
    recipe: Recipe,
    sounds: Sequence[np.ndarray],
    *,
    sample_rate: int,
    weights: Sequence[float] | None = None,
    morph_to: Sequence[float] | None = None,
    bands: Sequence[tuple[float, float]] | None = None,
    on_fit: Callable[[], None] = lambda: None,
) -> Style:
    """The style of one sound or a mixture; arguments and errors as of `synthesis.prepare`."""
    check_recipe(recipe)
    rate = references.model_sample_rate(recipe, sample_rate)
    references.check_mixture(
        recipe, len(sounds), rate=rate, weights=weights, morph_to=morph_to, bands=bands
    )
    folded, factors = audio.fold_channels(sounds)
    recipe, waves, weights = references.preprocess(
        recipe, folded, sample_rate=sample_rate, weights=weights, bands=bands
    )
    on_fit()
    canvas_waves, shares = layout.combine_bands(waves, weights, bands)
    balance = references.balance_of(recipe, waves, rate, bands)
    densities = _fit_densities(recipe, canvas_waves, rate)
    used = [any(ends) for ends in zip(shares, morph_to or shares, strict=True)]
    style = Style(
        recipe=recipe,
        sample_rate=rate,
        levels=[audio.audible_rms(wave, sample_rate=sample_rate) for wave in folded],
        weights=weights,
        balance={name: values.tolist() for name, values in balance.items()} if balance else None,
        lengths=[wave.shape[1] for wave in waves],
        morph_to=list(morph_to) if morph_to else None,
        bands=list(bands) if bands else None,
        densities=np.stack(densities),
        gains=_fit_gains(recipe, canvas_waves, densities, used, rate),
        factors=factors,
        peaks=[float(np.max(np.abs(wave))) for wave in sounds],
        target=None,
    )
    fit, _ = keep(("fit", *style.compile_key()), lambda: jax.jit(style_objective(style).fit))
    return style._replace(target=fit(waves))


def _fit_densities(recipe: Recipe, waves: Sequence[np.ndarray], rate: int) -> list[np.ndarray]:
    """Density of each wave on the grid of a block; loops of other lengths interpolate it."""
    samples = round(recipe.matching.block_seconds * rate)
    return [
        canvas.spectral_density(
            wave, sample_rate=rate, samples=samples, smoothing_hz=recipe.canvas.smoothing_hz
        )
        for wave in waves
    ]


def _fit_gains(
    recipe: Recipe,
    waves: Sequence[np.ndarray],
    densities: Sequence[np.ndarray],
    used: Sequence[bool],
    rate: int,
) -> np.ndarray:
    """Gains [C, T, G] of the waves in use, one after the other."""
    equaliser = layout.equaliser_of(recipe, rate)
    gains = []
    for wave, density, is_used in zip(waves, densities, used, strict=True):
        if is_used:
            coupled = canvas.coupling(density, sample_rate=rate, equaliser=equaliser)
            gains.append(
                canvas.measure_gains(wave, coupled=coupled, sample_rate=rate, equaliser=equaliser)
            )
    return np.concatenate(gains, axis=1)


def style_objective(
    style: Style,
    weights: list[Any] | None = None,
    *,
    circular: bool = False,
    stretch: tuple[Any, float] | None = None,
) -> base.Objective:
    """The distance to a style.

    Args:
      style: the style; its target is not needed.
      weights: in place of the style's; may be traced.
      circular: whether the wave's end flows into its beginning.
      stretch: the part of a morph that the wave is, see `morphing.morph`.
    """
    hparams = style.recipe.dynamic_hparams() | ({"balance": style.balance} if style.balance else {})
    return matching.style_objective(
        style.recipe,
        style.sample_rate,
        weights or style.weights,
        hparams=hparams,
        circular=circular,
        morph_to=style.morph_to,
        stretch=stretch,
        bands=style.bands,
    )
