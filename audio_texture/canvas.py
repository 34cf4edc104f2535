"""What is optimised: a compressed spectrogram, or white noise that is shaped into a waveform.

A canvas's `init(key)` draws the parameters to start from; `render(parameters, constants)` makes of them what the objective
sees, and `invert(signal, constants)` parameters that render it, to start from a sound. Constants are handed over rather than closed over, so that one compiled program serves every reference.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.ndimage

from audio_texture import audio, spectrogram

# Colours of the noise along a morph, between which it fades.
KNOTS = 5


class Canvas(NamedTuple):
    """init: key -> parameters. render: (parameters, constants) -> signal. constants: pytree of arrays. invert: of render, where there is one."""

    init: Callable[[jax.Array], Any]
    render: Callable[[Any, Any], jax.Array]
    constants: Any
    invert: Callable[[jax.Array, Any], Any] | None = None


def spectrogram_canvas(shape: Sequence[int]) -> Canvas:
    """A compressed spectrogram of a shape [T, C, F], started uniform over [0, 0.1] as the authors'
    textures are.
    """
    return Canvas(
        init=lambda key: jax.random.uniform(key, tuple(shape), maxval=0.1),
        render=lambda parameters, _: parameters,
        constants=(),
        invert=lambda signal, _: signal,
    )


def standard_spectrogram_canvas(frames: int, mean: jax.Array, deviation: jax.Array) -> Canvas:
    """A compressed spectrogram [T, C, F] in units of a reference's deviation about its mean in each
    bin, [C, F] both; started normal.

    A preconditioner, as in `waveform_canvas`: loud and faint bins converge alike.
    """
    return Canvas(
        init=lambda key: jax.random.normal(key, (frames, *mean.shape)),
        render=lambda parameters, constants: constants[0][None] + constants[1][None] * parameters,
        constants=(mean, deviation),
        invert=lambda signal, constants: (signal - constants[0][None]) / constants[1][None],
    )


class Equaliser(NamedTuple):
    """Grid of the gains of `waveform_canvas`: n_fft and hop_length in samples, and mel bands."""

    n_fft: int
    hop_length: int
    bands: int


def waveform_canvas(
    references: Sequence[np.ndarray],
    weights: Sequence[float],
    *,
    sample_rate: int,
    samples: int,
    smoothing_hz: float,
    equaliser: Equaliser,
    morph_to: Sequence[float] | None = None,
) -> Canvas:
    """White noise, shaped by the references' long-term spectrum and then by gains over time and frequency into a wave.

    Parameters: noise z [C, samples], and gains g [C, T, B] in nepers (factors e^g) over frames and
    mel bands, zero at first. The wave is istft(L e^g L^-1 stft(irfft(A rfft(z)))), L the `coupling`
    of the channels. Both are preconditioners. Through A, gradients on z are those on the wave
    weighted by the spectrum, so that loud and faint bands converge alike. Through g, whole regions
    grow loud or fall silent
    together and by factors, which sample by sample takes hundreds of steps: quiet between ticks 40 dB louder is 4.6 nepers away.

    A also makes the start a good one: noise of the references' spectrum and, with several channels, of their correlation
    between channels at every frequency. The canvas is circular in z, and has edges in g.

    Args:
      references: waves [C, N_i].
      weights: of their power spectra.
      sample_rate: Hz.
      samples: length of the canvas.
      smoothing_hz: width over which a power spectrum is averaged; narrow keeps tones, and must.
      equaliser: the grid of the gains; no bands, no gains.
      morph_to: weights at the end, which the noise's colour fades to; of weights, and not of their parts of a sum, those between are means.
    """
    densities = [
        spectral_density(wave, sample_rate=sample_rate, samples=samples, smoothing_hz=smoothing_hz)
        for wave in references
    ]
    knots = np.linspace(0, 1, 1 if morph_to is None else KNOTS)
    ends = [np.asarray(shares) for shares in (weights, weights if morph_to is None else morph_to)]
    mixed = [mixed_density(densities, (1 - knot) * ends[0] + knot * ends[1]) for knot in knots]
    colours = [jnp.asarray(spectral_colour(density)) for density in mixed]
    coupled = coupling(np.mean(mixed, axis=0), sample_rate=sample_rate, equaliser=equaliser)
    fades = np.stack(
        [np.interp(np.linspace(0, 1, samples), knots, row) for row in np.eye(len(knots))]
    ).astype(np.float32)[:, None]
    sizes = {"n_fft": equaliser.n_fft, "hop_length": equaliser.hop_length}
    channels = len(references[0])
    gains = (channels, spectrogram.frame_count(samples, **sizes), equaliser.bands)

    def init(key):
        return {"noise": jax.random.normal(key, (channels, samples)), "gain": jnp.zeros(gains)}

    def render(parameters, constants):
        faded = zip(fades, constants["colours"], strict=True)
        wave = sum(fade * coloured(parameters["noise"], colour) for fade, colour in faded)
        sizes = {"sample_rate": sample_rate, "equaliser": equaliser}
        return equalised(wave, parameters["gain"], coupled=constants["coupling"], **sizes)

    def invert(wave, constants):
        return {"noise": whitened(wave, constants["colours"][0]), "gain": jnp.zeros(gains)}

    constants = {"colours": colours, "coupling": jnp.asarray(coupled)}
    return Canvas(init, render, constants, invert if morph_to is None else None)


def loop_canvas(
    colour: np.ndarray, coupled: np.ndarray, *, sample_rate: int, samples: int, equaliser: Equaliser
) -> Canvas:
    """`waveform_canvas` of a known colour that is circular in its gains too: the end flows into the beginning.

    colour: [samples // 2 + 1, C, C] of `spectral_colour`; coupled: of `coupling`; samples: at least
    two windows. The gains' frames stand around a circle; past the end the first ones come again.
    Where the length is no multiple of the hop they come again by up to half a hop off, so that over
    one window the continuation past the end fades into the beginning.
    """
    n_fft, hop = equaliser.n_fft, equaliser.hop_length
    channels, frames = colour.shape[-1], max(1, round(samples / hop))
    # Whole hops, so that a frame stands on the beginning.
    margin = -(-n_fft // hop) * hop
    padded = samples + margin + 2 * n_fft
    positions = (
        np.arange(spectrogram.frame_count(padded, n_fft=n_fft, hop_length=hop)) * hop - margin
    )
    around = np.round((positions % samples) / hop).astype(int) % frames
    fade = (np.cos(np.pi / 2 * (np.arange(n_fft) + 0.5) / n_fft) ** 2).astype(np.float32)[None]

    def init(key):
        return {
            "noise": jax.random.normal(key, (channels, samples)),
            "gain": jnp.zeros((channels, frames, equaliser.bands)),
        }

    def render(parameters, constants):
        wave = coloured(parameters["noise"], constants["colour"])
        # Slices, whose gradient is slices again.
        wave = jnp.concatenate([wave[:, samples - margin :], wave, wave[:, : 2 * n_fft]], axis=1)
        wave = equalised(
            wave,
            parameters["gain"][:, around],
            coupled=constants["coupling"],
            sample_rate=sample_rate,
            equaliser=equaliser,
        )[:, margin:]
        beginning = fade * wave[:, samples : samples + n_fft] + (1 - fade) * wave[:, :n_fft]
        return jnp.concatenate([beginning, wave[:, n_fft:samples]], axis=1)

    return Canvas(init, render, {"colour": jnp.asarray(colour), "coupling": jnp.asarray(coupled)})


def coupling(density: np.ndarray, *, sample_rate: int, equaliser: Equaliser) -> np.ndarray:
    """How each channel follows from those before it, at the frequencies of an equaliser's
    transform.

    The parts that gains act on are the first channel, what the second has that does not follow from
    the first, and so on. Gains of the channels themselves would have to agree to 0.1 % for a
    difference at -60 dB; and where two channels are equal, moving one gain alone would make a
    difference that the recording does not have.

    Args:
      density: [F', C, C] cross-spectral density on any grid from 0 to Nyquist.
      sample_rate: in Hz.
    Returns:
      [n_fft // 2 + 1, C, C] complex64, lower triangular with a diagonal of ones: the parts times it
      are the channels. The unit matrix for one channel, and without gains.
    """
    bins, channels = equaliser.n_fft // 2 + 1, density.shape[-1]
    if channels == 1 or not equaliser.bands:
        return np.tile(np.eye(channels, dtype=np.complex64), (bins, 1, 1))
    # In the gains' own bands: over a single bin channels that have nothing in common seem to follow
    # from each other, by chance and in another way at every bin.
    filters = _interpolation(spectrogram.mel_filters(sample_rate, equaliser.n_fft, equaliser.bands))
    grids = np.linspace(0, 1, len(density)), np.linspace(0, 1, bins)
    shares = np.stack([np.interp(*grids, column) for column in filters.T])
    shares = shares / np.maximum(shares.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    factor = _cholesky(np.tensordot(shares, density, 1))
    factor = factor / np.diagonal(factor, axis1=1, axis2=2)[:, None]
    return np.tensordot(filters, factor, 1).astype(np.complex64)


def part_levels(density: np.ndarray) -> np.ndarray:
    """How loud each of the parts that gains act on is in all channels together, as a share of the
    loudest: amplitudes [C].

    density: as of `coupling`.
    """
    powers = np.sum(np.abs(_cholesky(density)) ** 2, axis=(0, 1))
    return np.sqrt(powers / np.max(powers)).astype(np.float32)


def _split(spectra: Sequence[jax.Array], coupled: jax.Array) -> list[jax.Array]:
    """Spectra of C channels, [T, F] each -> those of their parts, see `coupling`; by forward
    substitution.
    """
    parts = []
    for row, spectrum in enumerate(spectra):
        follows = [coupled[:, row, column][None] * part for column, part in enumerate(parts)]
        parts.append(spectrum - sum(follows) if follows else spectrum)
    return parts


def _joined(parts: Sequence[jax.Array], coupled: jax.Array) -> list[jax.Array]:
    """Inverse of `_split`."""
    return [
        sum([coupled[:, row, column][None] * parts[column] for column in range(row)], part)
        for row, part in enumerate(parts)
    ]


def equalised(
    wave: jax.Array, gain: jax.Array, *, coupled: jax.Array, sample_rate: int, equaliser: Equaliser
) -> jax.Array:
    """Gains in nepers over the frames and mel bands of an equaliser, on the parts of a wave. [C,
    N], [C, T, B] -> [C, N].

    coupled: of `coupling`.
    """
    if not equaliser.bands:
        return wave
    sizes = {"n_fft": equaliser.n_fft, "hop_length": equaliser.hop_length}
    filters = _interpolation(spectrogram.mel_filters(sample_rate, equaliser.n_fft, equaliser.bands))
    spectra = jax.vmap(lambda channel: spectrogram.stft(channel, **sizes))(wave)
    factors = jnp.exp(gain @ filters.T)
    if len(wave) == 1:
        spectra = spectra * factors
    else:
        parts = [
            part * factor
            for part, factor in zip(_split(list(spectra), coupled), factors, strict=True)
        ]
        spectra = jnp.stack(_joined(parts, coupled))
    return jax.vmap(lambda spectrum: spectrogram.istft(spectrum, **sizes, length=wave.shape[1]))(
        spectra
    )


def gains_of(
    wave: np.ndarray, *, coupled: np.ndarray, sample_rate: int, equaliser: Equaliser
) -> np.ndarray:
    """How far the bands of a wave's parts lie above their mean power from window to window, in
    nepers.

    Args:
      wave: [C, N].
      coupled: of `coupling`.
    Returns:
      [C, T, B] float32.
    """
    sizes = {"n_fft": equaliser.n_fft, "hop_length": equaliser.hop_length}
    frames = spectrogram.frame_count(wave.shape[1], **sizes)
    if not equaliser.bands:
        return np.zeros((len(wave), frames, 0), np.float32)
    filters = _interpolation(spectrogram.mel_filters(sample_rate, equaliser.n_fft, equaliser.bands))
    spectra = [np.asarray(spectrogram.stft(jnp.asarray(channel), **sizes)) for channel in wave]
    powers = np.stack(
        [np.abs(part) ** 2 @ filters for part in _split(spectra, np.asarray(coupled))]
    )
    # Over five frames: noise brings its own fluctuations along.
    powers = scipy.ndimage.uniform_filter1d(powers, 5, axis=1, mode="nearest")
    mean = np.mean(powers, axis=1, keepdims=True)
    return (
        0.5
        * np.log(
            (powers + 1e-6 * mean + np.finfo(np.float32).tiny) / (mean + np.finfo(np.float32).tiny)
        )
    ).astype(np.float32)


def _interpolation(filters: np.ndarray) -> np.ndarray:
    """Mel filters [F, B] as weights that add up to one for every bin, those beyond the outermost bands' centres included."""
    filters = filters.copy()
    filters[: np.argmax(filters[:, 0]), 0] = 1
    filters[np.argmax(filters[:, -1]) :, -1] = 1
    return filters / filters.sum(axis=1, keepdims=True)


def coloured(noise: jax.Array, colour: jax.Array) -> jax.Array:
    """irfft(A rfft(noise)), A mixing the channels at every frequency. [C, N], [N // 2 + 1, C, C] -> [C, N]."""
    spectrum = jnp.einsum("fdc,cf->df", colour, jnp.fft.rfft(noise, axis=-1))
    return jnp.fft.irfft(spectrum, n=noise.shape[-1], axis=-1)


def whitened(wave: jax.Array, colour: jax.Array) -> jax.Array:
    """Inverse of `coloured` but where the colour is 80 dB under its mean: what little a wave has there is not blown up."""
    diagonal = jnp.abs(jnp.diagonal(colour, axis1=1, axis2=2))
    lifted = jnp.maximum(1e-4 * jnp.sqrt(jnp.mean(diagonal**2)) - diagonal, 0.0)
    full = colour + lifted[:, :, None] * jnp.eye(len(wave))[None]
    # Forward substitution: `triangular_solve` calls BLAS for every frequency, whose threads were seen
    # to wait for ever in a process that was forked from one that had them.
    white = []
    for row, spectrum in enumerate(jnp.fft.rfft(wave, axis=-1)):
        follows = [full[:, row, column] * part for column, part in enumerate(white)]
        white.append((spectrum - sum(follows)) / full[:, row, row])
    return jnp.fft.irfft(jnp.stack(white), n=wave.shape[-1], axis=-1)


def recoloured(
    wave: np.ndarray, other: np.ndarray, *, sample_rate: int, bands: int = 32
) -> np.ndarray:
    """A wave filtered, without shifting phases, to another's long-term level in each mel band: [C, N], [C, M] -> [C, N] float32.

    Within a band it keeps its own spectrum, and with it its tones. What lies 50 dB under its mean is not raised.
    """
    filters = _interpolation(spectrogram.mel_filters(sample_rate, 2048, bands))

    def band_powers(wave):
        density = spectral_density(
            wave, sample_rate=sample_rate, samples=2048, smoothing_hz=sample_rate / 2048
        )
        power = np.trace(density, axis1=1, axis2=2).real
        return power @ filters / filters.sum(axis=0)

    own, wanted = band_powers(wave), band_powers(other)
    gains = np.sqrt(wanted / np.maximum(own, 1e-5 * np.mean(own) + np.finfo(np.float64).tiny))
    spectrum = np.fft.rfft(wave)
    # In decibels, as bands may lie far apart.
    curve = np.exp(filters @ np.log(gains + 1e-6 * np.max(gains)))
    found = np.fft.irfft(
        spectrum * np.interp(np.fft.rfftfreq(wave.shape[1]), np.fft.rfftfreq(2048), curve),
        n=wave.shape[1],
    )
    return found.astype(np.float32)


def spectral_density(
    wave: np.ndarray, *, sample_rate: int, samples: int, smoothing_hz: float
) -> np.ndarray:
    """Cross-spectral density of a wave's channels, on the frequencies of a canvas whose length need not be the wave's.

    A Hann-windowed periodogram (no sinusoid leaks far) smoothed by a Gaussian. No phase of the wave's own enters.

    Args:
      wave: [C, N].
      samples: length of the canvas.
      smoothing_hz: equivalent noise bandwidth of the Gaussian.
    Returns:
      [samples // 2 + 1, C, C] complex128, positive semidefinite; power per sample of the canvas.
    """
    channels, length = wave.shape
    window = np.hanning(length + 2)[1:-1]
    spectra = np.fft.rfft(wave * window, axis=1)
    periodogram = spectra[:, None] * np.conj(spectra[None]) / np.sum(window**2)
    # At least as wide as the canvas's own bins: between sharper peaks its frequencies would miss some and count others twice.
    width = max(smoothing_hz, 1.5 * sample_rate / samples)
    sigma = width / np.sqrt(4 * np.pi) / (sample_rate / length)
    # mirror: the spectrum of a real wave is even about 0 and Nyquist.
    smooth = scipy.ndimage.gaussian_filter1d(periodogram, sigma, axis=-1, mode="mirror")
    from_grid, to_grid = np.fft.rfftfreq(length), np.fft.rfftfreq(samples)
    density = np.empty((len(to_grid), channels, channels), np.complex128)
    for row in range(channels):
        for column in range(channels):
            density[:, row, column] = np.interp(to_grid, from_grid, smooth[row, column])
    return density


def mixed_density(densities: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """The density between several [F, C, C]: at every frequency their powers' geometric mean, as spectra are compared by their logarithm.

    Where one is silent the other fades to 30 dB less at equal weights: powers count from 60 dB under their mean.
    """
    shares = np.divide(weights, sum(weights))
    mean = np.average(densities, axis=0, weights=shares)
    powers = [np.trace(density, axis1=1, axis2=2).real for density in densities]
    floored = [power + 1e-6 * np.mean(power) + np.finfo(np.float64).tiny for power in powers]
    geometric = np.exp(
        sum(share * np.log(power) for share, power in zip(shares, floored, strict=True))
    )
    arithmetic = sum(share * power for share, power in zip(shares, floored, strict=True))
    return mean * (geometric / arithmetic)[:, None, None]


def lost_level(
    densities: Sequence[np.ndarray], weights: Sequence[float], *, sample_rate: float
) -> float:
    """How far `mixed_density` lies below the references' mean power, as a factor of amplitude up to 1: two sounds of other bands leave little between.

    Of what is heard (`audio.audible_rms`). sample_rate: of the sounds that densities [F, C, C] are of, in Hz.
    """
    first = math.ceil(audio.LOWEST_AUDIBLE_HZ / (sample_rate / 2) * (len(densities[0]) - 1))
    power = lambda density: (
        float(np.sum(np.trace(density[first:], axis1=1, axis2=2).real)) + np.finfo(np.float64).tiny
    )
    return np.sqrt(
        power(mixed_density(densities, weights))
        / power(np.average(densities, axis=0, weights=weights))
    )


def spectral_colour(density: np.ndarray) -> np.ndarray:
    """The filter that gives white noise a density: its Cholesky factor at every frequency.

    Args:
      density: [F, C, C], positive semidefinite.
    Returns:
      [F, C, C], lower triangular; float32 for one channel, else complex64.
    """
    channels = density.shape[-1]
    if channels == 1:
        return np.sqrt(density.real).astype(np.float32)
    return _cholesky(density).astype(np.complex64)


def _cholesky(density: np.ndarray) -> np.ndarray:
    """Cholesky factor of densities [F, C, C], complex128, whose diagonal is above 0 whatever they
    are.
    """
    channels = density.shape[-1]
    # Channels that follow from each other make the density singular. A ridge of -120 dB keeps the
    # factor real; of -80 dB it was a difference between equal channels that the optimiser took for
    # a sound.
    power = np.trace(density, axis1=1, axis2=2).real
    ridge = 1e-12 * power / channels + 1e-14 * np.mean(power) + np.finfo(np.float64).tiny
    return np.linalg.cholesky(density + ridge[:, None, None] * np.eye(channels))
