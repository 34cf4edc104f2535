"""What a generator knows of its styles besides the network's weights, and mixtures of styles.

S styles, V voices, C channels, F frequencies of the noise, B bands.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from audio_texture import canvas, colour, references
from audio_texture.generators import noise, shaping
from audio_texture.generators.beats import find_beats
from audio_texture.generators.config import GeneratorConfig
from audio_texture.generators.network import Blend

# Chunks of noise over which its level in each band is measured.
_MEASURED_CHUNKS = 32
# Floor of a colour relative to the root of its mean square (-60 dB), where colours are mixed.
COLOUR_FLOOR = 1e-3


class Styles(NamedTuple):
    """The styles of a generator, as stacked arrays.

    Attributes:
      names: S names, each for a person.
      colours: [S, C, F] amplitude of the noise relative to white noise.
      heard: [S, C, B] of `network.Blend`.
      couplings: [S, n_fft // 2 + 1, C, C] of `canvas.coupling`.
      beats: [S, P] of `beats.find_beats`.
      gains: [S] factor from the network's wave to the level of the style's recording.
    """

    names: tuple[str, ...]
    colours: np.ndarray
    heard: np.ndarray
    couplings: np.ndarray
    beats: np.ndarray
    gains: np.ndarray

    def joined(self, others: "Styles") -> "Styles":
        """Returns these styles and further ones."""
        arrays = map(np.concatenate, zip(self[1:], others[1:], strict=True))
        return Styles(self.names + others.names, *arrays)


def fit_styles(
    names: Sequence[str],
    waves: Sequence[np.ndarray],
    config: GeneratorConfig,
    *,
    smoothing_hz: float,
) -> Styles:
    """Returns the styles of waves [C, N_i] at the generator's rate, with gains of 1.

    smoothing_hz: width over which their spectra are averaged, in Hz.
    """
    fitted = [_fit_style(wave, config, smoothing_hz) for wave in waves]
    arrays = [np.stack(values) for values in zip(*fitted, strict=True)]
    return Styles(tuple(names), *arrays, gains=np.ones(len(waves), np.float32))


def _fit_style(wave, config, smoothing_hz):
    """(colour [C, F], heard [C, B], coupling, beats [P]) of a wave."""
    rate, stage = config.sample_rate, config.heard
    density = colour.spectral_density(
        wave, sample_rate=rate, samples=4 * config.chunk, smoothing_hz=smoothing_hz
    )
    # Channels are made as parts that do not predict each other; the coupling joins them.
    factor = colour.spectral_colour(density)
    own = np.abs(np.diagonal(factor, axis1=1, axis2=2)).T.astype(np.float32)
    equaliser = canvas.Equaliser(stage.n_fft, stage.n_fft // shaping.OVERLAP, stage.bands)
    weights = stage.band_weights(rate)
    coupling = canvas.coupling(density, sample_rate=rate, equaliser=equaliser, filters=weights)
    drawn = noise.coloured(0, jnp.int32(0), _MEASURED_CHUNKS, jnp.asarray(own))
    past = jnp.zeros((len(own), stage.n_fft - stage.n_fft // shaping.OVERLAP))
    spectra = shaping.analyse(past, drawn, n_fft=stage.n_fft)[0]
    powers = np.mean(np.abs(spectra) ** 2 @ weights, axis=1)
    floor = 1e-10 * np.mean(powers) + np.finfo(np.float32).tiny
    heard = (0.5 * np.log(powers + floor)).astype(np.float32)
    return own, heard, coupling, find_beats(wave, config)


def blend(
    styles: Styles,
    config: GeneratorConfig,
    weights: Sequence[float] | None = None,
    *,
    bands: Sequence[tuple[float, float]] | None = None,
) -> tuple[Blend, float]:
    """Returns styles mixed by weights, and the factor to the level of their recordings.

    Between styles, the noise's spectrum is the geometric mean of theirs at every frequency (as
    `colour.mix_densities`), and the network's scales and shifts are averages of theirs.

    Args:
      styles: S of them.
      config: of the generator.
      weights: of the styles; equal if None.
      bands: (from, to) in Hz for each style, the band that it alone shapes, in place of weights.
    Raises:
      ChoiceError: weights or bands that do not fit.
    """
    count = len(styles.names)
    if bands is not None:
        references.check_bands(bands, count, config.sample_rate, weights)
        voices, edges = np.eye(count), bands
    else:
        weights = [1.0] * count if weights is None else list(weights)
        references.check_weights(weights, count)
        voices, edges = np.divide([weights], np.sum(weights)), [(0.0, math.inf)]
    nyquist, bins = config.sample_rate / 2, styles.colours.shape[-1]
    shares = {
        stage.name: _voice_shares(stage.band_weights(config.sample_rate), edges, nyquist)
        for stage in config.stages
    }
    at_bins = _inside(np.linspace(0, nyquist, bins), edges)
    at_heard = shares[config.heard.name]
    # [S, F] and [S, B]: the part of each style at every frequency and in every band.
    by_bin, by_band = voices.T @ at_bins, voices.T @ at_heard
    by_coupling = voices.T @ _inside(np.linspace(0, nyquist, styles.couplings.shape[1]), edges)
    mixed = Blend(
        weights=voices.astype(np.float32),
        shares={name: share.astype(np.float32) for name, share in shares.items()},
        colour=_mix_colours(styles.colours, by_bin),
        heard=np.einsum("scb,sb->cb", styles.heard, by_band).astype(np.float32),
        coupling=np.einsum("sfij,sf->fij", styles.couplings, by_coupling).astype(np.complex64),
        beats=styles.beats,
    )
    parts = voices.mean(axis=0)
    return mixed, float(np.sqrt(np.average(np.square(styles.gains), weights=parts)))


def _inside(frequencies, edges):
    """[V, n]: 1 where a frequency lies in a voice's band, else 0."""
    return np.stack([(low <= frequencies) & (frequencies < high) for low, high in edges]) * 1.0


def _voice_shares(weights, edges, nyquist):
    """[V, B]: 1 for the voice in whose band the tip of a band lies."""
    tips = np.argmax(weights, axis=0) / (len(weights) - 1) * nyquist
    return _inside(tips, edges)


def _mix_colours(colours, shares):
    """Colours [S, C, F] mixed by shares [S, F]: [C, F] float32."""
    scale = np.sqrt(np.mean(np.square(colours), axis=(1, 2), keepdims=True))
    floored = colours + COLOUR_FLOOR * scale
    geometric = np.exp(np.einsum("scf,sf->cf", np.log(floored), shares))
    mean = np.sqrt(np.einsum("scf,sf->cf", np.square(colours), shares))
    mean_floored = np.sqrt(np.einsum("scf,sf->cf", np.square(floored), shares))
    return (mean * geometric / mean_floored).astype(np.float32)
