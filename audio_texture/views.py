"""What is seen of a sound through a view: magnitudes on its scale of frequency, of a wave or of a
spectrogram canvas.

T frames, S streams (channels, and of neighbouring channels their sum and difference), F bins, C
channels. Streams have an axis of their own, [T, S, F]: what slides along frequency must not slide
from one stream into the next.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import constant_q, spectrogram
from audio_texture.recipes import View

# Of constant-Q rows: a sinusoid then has the magnitude that it has in the STFT of 1024 the fixed compression is for.
CONSTANT_Q_GAIN = 256


def _magnitude(wave: jax.Array, sizes: dict[str, int]) -> jax.Array:
    return jnp.abs(spectrogram.stft(wave, **sizes, center=False))


def of_wave(wave: jax.Array, *, view: View, rate: int, circular: bool = False) -> jax.Array:
    """Magnitudes of a wave [C, N] in a view's bands, of its channels, their sums and differences:
    [T, S, bands].

    Magnitudes of the channels alone would leave open how they add up, and with it the width and place of the image.
    circular: as many frames as hops, the last ones reaching over the end into the beginning.
    """
    streams = [*wave]
    for left, right in zip(wave[:-1], wave[1:]):
        streams += [(left + right) / np.sqrt(2), (left - right) / np.sqrt(2)]
    if view.scale == "cqt":
        found = [_constant_q(stream, view, rate) for stream in streams]
        pooled = [
            jnp.mean(
                magnitude.reshape(
                    len(magnitude) // _frames_per_hop(view, rate), -1, magnitude.shape[1]
                ),
                axis=1,
            )
            for magnitude in found
        ]
        # Without those frames whose window sees the end and the beginning.
        edge = 0 if circular else _edge(view, rate)
        return jnp.stack([magnitude[edge : len(magnitude) - edge] for magnitude in pooled], axis=1)
    sizes = view.sizes(rate)
    if circular:
        streams = [_prolonged(stream[None], sizes)[0] for stream in streams]
    return jnp.stack([_banded(_magnitude(stream, sizes), view, rate) for stream in streams], axis=1)


def _edge(view: View, rate: int) -> int:
    """Hops that half a window reaches over."""
    sizes = view.sizes(rate)
    return -(-sizes["n_fft"] // (2 * sizes["hop_length"]))


def _constant_q(wave: jax.Array, view: View, rate: int) -> jax.Array:
    """Magnitudes [T, F] of the constant-Q transform of a circular wave [N], several frames a hop."""
    return CONSTANT_Q_GAIN * jnp.abs(constant_q.cqt(wave, constant_q_plan(view, rate, len(wave))))


@functools.lru_cache(maxsize=16)
def constant_q_plan(view: View, rate: int, samples: int) -> constant_q.Plan:
    """The transform of a cqt view: constant Q down to the frequency where a row's window is the view's, linear below.

    A row's window is Hann over two spacings, f ln 2 / bands each, and so reaches in time as far as a Hann window of 4 over its width.
    """
    hops = max(1, round(samples / view.sizes(rate)["hop_length"]))
    return constant_q.plan(
        samples=samples, frames=hops * _frames_per_hop(view, rate), **_constant_q_axis(view, rate)
    )


def _constant_q_axis(view: View, rate: int) -> dict[str, Any]:
    f_min = 2 * view.bands * rate / (np.log(2) * view.sizes(rate)["n_fft"])
    if f_min > rate / 4:
        raise ValueError(
            f"{str(view)!r}: {view.bands} rows an octave need a window of at least {8000 * view.bands / (np.log(2) * rate):.4g} ms at {rate} Hz."
        )
    return {"sample_rate": rate, "bins_per_octave": view.bands, "f_min": f_min}


def _frames_per_hop(view: View, rate: int) -> int:
    # A tenth more than the widest row holds: whatever the length, and one number for all lengths.
    return 1 + int(
        1.1
        * constant_q.widest_row(**_constant_q_axis(view, rate))
        * view.sizes(rate)["hop_length"]
        / rate
    )


def log_map(view: View, rate: int) -> constant_q.LogMap:
    """The authors' map (`constant_q.log_map`) of a log view at a rate in Hz: every row, nothing lost, or so many an octave as it has bands."""
    n_fft = view.sizes(rate)["n_fft"]
    if not view.bands:
        return constant_q.log_map(n_fft, exact=True)
    every = len(constant_q.log_map(n_fft).position)
    octaves = np.log2((n_fft // 2 + 1) / constant_q.log_map(n_fft).position[0])
    return constant_q.log_map(n_fft, rows=min(every, round(view.bands * octaves)))


def compressed(wave: jax.Array, view: View, rate: int) -> jax.Array:
    """What a spectrogram canvas of a view's scale holds of a wave [N]: [T, rows], of cqt several frames a hop."""
    if view.scale == "cqt":
        edge = _edge(view, rate) * _frames_per_hop(view, rate)
        magnitude = _constant_q(wave, view, rate)
        return spectrogram.compress(magnitude[edge : len(magnitude) - edge])
    compressed = spectrogram.compress(_magnitude(wave, view.sizes(rate)))
    return compressed @ log_map(view, rate).forward if view.scale == "log" else compressed


def _prolonged(wave: jax.Array, sizes: dict[str, int]) -> jax.Array:
    """A circular wave with as much of its beginning after its end as gives a frame for every hop."""
    frames = round(wave.shape[1] / sizes["hop_length"])
    return jnp.concatenate(
        [wave, wave[:, : sizes["n_fft"] + (frames - 1) * sizes["hop_length"] - wave.shape[1]]],
        axis=1,
    )


def parts_of_wave(wave: jax.Array, *, view: View, rate: int, circular: bool = False) -> jax.Array:
    """Real and imaginary parts of a wave's [C, N] transform as channels: [T, F, 2 C]; circular: see `of_wave`."""
    sizes = view.sizes(rate)
    wave = _prolonged(wave, sizes) if circular else wave
    spectra = [spectrogram.stft(channel, **sizes, center=False) for channel in wave]
    return jnp.stack(
        [part for spectrum in spectra for part in (jnp.real(spectrum), jnp.imag(spectrum))], axis=-1
    )


def of_spectrogram(compressed: jax.Array, *, view: View, rate: int) -> jax.Array:
    """A view's bands of a compressed spectrogram: [T, C, F] -> [T, C, bands]; of cqt a frame a hop."""
    if view.scale in ("linear", "log"):
        return compressed
    magnitude = spectrogram.expand(compressed)
    if view.scale == "cqt":
        per_hop = _frames_per_hop(view, rate)
        blocks = magnitude.reshape(len(magnitude) // per_hop, per_hop, *magnitude.shape[1:])
        return spectrogram.compress(jnp.mean(blocks, axis=1))
    return spectrogram.compress(_banded(magnitude, view, rate))


def _banded(magnitude: jax.Array, view: View, rate: int) -> jax.Array:
    if view.scale == "linear":
        return magnitude
    if view.scale == "log":
        # As the authors, on compressed values; between bins the interpolation passes below zero.
        return spectrogram.expand(spectrogram.compress(magnitude) @ log_map(view, rate).forward)
    return magnitude @ spectrogram.mel_filters(rate, view.sizes(rate)["n_fft"], view.bands)
