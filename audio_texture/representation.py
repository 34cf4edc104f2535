"""What networks see of each frame of a waveform canvas: magnitudes, parts of it, or its samples.

All but magnitudes depend on phase, so that a network may tell two sounds of equal magnitudes apart.

Sources: Caracalla & Roebel 2020 (real and imaginary parts); Mital, Time domain neural audio style
transfer, 2017 (combinations with magnitudes and with differences of phase, and networks over
samples).

T frames, F rows (bins; in `samples` the samples of a frame), C channels, S streams as in views.py,
P parts, N samples.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import spectrogram, views
from audio_texture.errors import ChoiceError
from audio_texture.views import View

# The parts of each row by the name of the representation, in the order in which networks see them.
PARTS = {
    "magnitude": ("magnitude",),
    "real-imaginary": ("real", "imaginary"),
    "real-imaginary-magnitude": ("real", "imaginary", "magnitude"),
    "magnitude-phase": ("magnitude", "cosine", "sine"),
    "samples": ("sample",),
}
# Added to the power of two bins before its root, whose slope is infinite at 0. At the usual level
# of 0.1 the bins of noise have a power of about 1.
_LEAST_POWER = 1e-12


def of_wave(
    wave: jax.Array, *, name: str, view: View, rate: int, circular: bool = False
) -> jax.Array:
    """What networks see of a wave: [T, S, F] magnitudes, or rows of parts [T, F, C P].

    The parts of the first channel come first. `magnitude-phase` has the parts of every stream in
    place of the channels, because its parts of two channels do not determine what is between them.

    Args:
      wave: [C, N].
      name: one of PARTS.
      view: its window, hop and, for magnitudes, scale.
      rate: sample rate in Hz.
      circular: as in `views.of_wave`.

    Example:
      >>> seen = of_wave(
      ...     jnp.ones((1, 800)), name="samples", view=View.parse("bins@32/16:1"), rate=8000
      ... )
      >>> seen.shape  # frames of 256 samples, 128 apart
      (5, 256, 1)
    """
    if name == "magnitude":
        return views.of_wave(wave, view=view, rate=rate, circular=circular)
    sizes = view.sizes(rate)
    wave = views.append_start(wave, sizes) if circular else wave
    if name == "samples":
        n_fft, hop_length = sizes["n_fft"], sizes["hop_length"]
        frames = [
            spectrogram.windowed_frames(channel, n_fft=n_fft, hop_length=hop_length)
            for channel in wave
        ]
        return jnp.stack(frames, axis=-1)
    streams = views.streams_of(wave) if name == "magnitude-phase" else wave
    parts = []
    for stream in streams:
        spectrum = spectrogram.stft(stream, **sizes, center=False)
        parts += [_part(spectrum, part) for part in PARTS[name]]
    return jnp.stack(parts, axis=-1)


def magnitudes(x: jax.Array, *, name: str) -> jax.Array:
    """The magnitudes alone among the parts [T, F, C P] of `of_wave`: [T, F, C].

    name: of a representation that has them; x is returned as it is for `magnitude`.

    Example:
      >>> magnitudes(jnp.array([[[3.0, -4.0, 5.0]]]), name="real-imaginary-magnitude").tolist()
      [[[5.0]]]
    """
    if name == "magnitude":
        return x
    return x[..., PARTS[name].index("magnitude") :: len(PARTS[name])]


def phase_change(spectrum: jax.Array) -> jax.Array:
    """How the phase changes from each bin to the next, as complex numbers [T, F].

    For bins of values a, below, and b the number is b conj(a) sqrt(2 / (|a|^2 + |b|^2)): its angle
    is the difference of the phases, which says at which time within the frame the sound is, and its
    size is the magnitude where both are equal, the smaller one up to sqrt(2) where they are not.
    So quiet bins, whose phases are random, count for little, angles need not be unwrapped, and the
    slope is at most of the order of 1, at silence too.

    Args:
      spectrum: [T, F] of `spectrogram.stft`. The bin below the first is its mirror image.

    Example:
      >>> below, bin_ = jnp.exp(0.1j), jnp.exp(0.4j)  # doctest: +ELLIPSIS
      >>> round(float(jnp.angle(phase_change(jnp.array([[below, bin_]]))[0, 1])), 3)
      0.3
    """
    below = jnp.concatenate([jnp.conj(spectrum[:, 1:2]), spectrum[:, :-1]], axis=1)
    power = jnp.real(spectrum) ** 2 + jnp.imag(spectrum) ** 2
    power = power + jnp.real(below) ** 2 + jnp.imag(below) ** 2
    return spectrum * jnp.conj(below) * (np.sqrt(2) * jax.lax.rsqrt(power + _LEAST_POWER))


def _part(spectrum: jax.Array, part: str) -> jax.Array:
    """One part of a spectrum [T, F] by its name."""
    if part == "magnitude":
        return jnp.abs(spectrum)
    if part in ("cosine", "sine"):
        spectrum = phase_change(spectrum)
    return jnp.real(spectrum) if part in ("real", "cosine") else jnp.imag(spectrum)


def check(recipe: Any) -> None:
    """ChoiceError where a recipe's representation does not go with its other choices."""
    analysis = recipe.analysis
    name = analysis.representation
    if analysis.compression == "peak" and name == "magnitude":
        raise ChoiceError(
            "compression=peak is for signed values: representation must not be magnitude.",
            field="compression",
            others=("representation",),
        )
    if name == "magnitude":
        return
    networks = ("1d-frequency",) if name == "samples" else ("1d-frequency", "2d")
    linear = analysis.scale in ("views", "linear") and all(
        view.scale == "linear" for view in (*analysis.views, *recipe.term("content").views)
    )
    fits = (
        recipe.canvas.kind == "waveform"
        and recipe.network.kind in networks
        and analysis.compression in ("peak", "none")
        and linear
    )
    if not fits:
        raise ChoiceError(
            f"representation={name} must go with a waveform canvas, network={' or '.join(networks)}"
            ", compression=peak or none, and views of bins.",
            field="representation",
            others=("canvas", "network", "compression", "views", "content_views", "scale"),
        )
    if recipe.network.weights_file:
        raise ChoiceError(
            "representation must be magnitude with weights_file: its network was trained on "
            f"magnitudes, got {name}.",
            field="representation",
            others=("weights_file",),
        )
    style = recipe.term("style")
    of_magnitudes = {
        "guide_levels": style.guide_levels > 1,
        "guide_bands": style.guide_bands > 1,
        "loudness_weight": recipe.term("loudness").weight > 0,
        "spectrum_weight": recipe.term("spectrum").weight > 0,
    }
    used = [choice for choice, is_used in of_magnitudes.items() if is_used]
    if recipe.task == "transfer" and used:
        raise ChoiceError(
            f"{used[0]} is for magnitudes: representation must be magnitude, got {name}.",
            field=used[0],
            others=("representation",),
        )
