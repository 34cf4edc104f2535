"""Images of mel spectrograms: figures side by side with axes, and small PNGs without axes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import scipy.signal

from audio_texture import audio, spectrogram
from audio_texture.report.figures import new_figure
from audio_texture.report.html_page import Sound

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TICKS = (200, 500, 1000, 2000, 5000, 10000, 20000)  # Hz


def draw_spectrograms(
    sounds: Sequence[Sound], *, range_db: float = 80.0, bands: int = 128
) -> "Figure":
    """Mel spectrograms side by side, on the same scales of time, frequency and level.

    Args:
      sounds: of any rates, channels and lengths.
      range_db: how far the scale reaches down from the loudest point of all, dB.
      bands: number of mel bands.
    """
    rate = min(48_000, *(sample_rate for _, _, sample_rate in sounds))
    waves = [
        audio.resample(audio.with_channels(wave, 1)[0], sample_rate, rate)
        for _, wave, sample_rate in sounds
    ]
    pictures = [_compute_picture(wave, rate, bands) for wave in waves]
    lengths = [len(wave) / rate for wave in waves]
    top = max(picture.max() for picture in pictures)
    figure = new_figure((6 * len(sounds), 3.6))
    axes = figure.subplots(1, len(sounds), sharey=True, squeeze=False)[0]
    ticks = [hertz for hertz in _TICKS if hertz < rate / 2]
    top_mel = float(spectrogram.hz_to_mel(np.array(rate / 2)))
    titles = [title for title, _, _ in sounds]
    for axis, title, picture, length in zip(axes, titles, pictures, lengths, strict=True):
        axis.imshow(
            picture,
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=top - range_db,
            vmax=top,
            extent=(0, length, 0, top_mel),
            interpolation="nearest",
        )
        axis.set(title=title, xlabel="time (s)", xlim=(0, max(lengths)))
        axis.set(yticks=spectrogram.hz_to_mel(np.array(ticks)))
        axis.set_yticklabels([f"{hertz / 1000:g}" for hertz in ticks])
    axes[0].set_ylabel("frequency (kHz, mel scale)")
    figure.colorbar(axes[-1].images[0], ax=axes.tolist(), label="dB", pad=0.01)
    return figure


def write_picture(
    path: str, wave: np.ndarray, sample_rate: int, *, range_db: float = 80.0, bands: int = 64
) -> None:
    """Writes a small mel spectrogram as a PNG without axes, for pages with many of them.

    Args:
      path: the file to write.
      wave: [C, N].
      sample_rate: Hz.
      range_db: how far the scale reaches down from the loudest point, dB.
      bands: number of mel bands, one row of pixels each.
    """
    from matplotlib.image import imsave

    picture = _compute_picture(audio.with_channels(wave, 1)[0], sample_rate, bands, columns=160)
    top = picture.max()
    imsave(path, picture, origin="lower", cmap="magma", vmin=top - range_db, vmax=top)


def _compute_picture(
    mono: np.ndarray, sample_rate: int, bands: int, columns: int = 400
) -> np.ndarray:
    """Mel spectrogram in dB of a wave [N]: [bands, about `columns`]."""
    n_fft = 2048
    hop = max(1, min(n_fft // 4, len(mono) // columns))
    padded = np.pad(mono, (0, max(0, n_fft - len(mono))))
    # SciPy, because JAX would compile a program for each length of sound.
    _, times, spectrum = scipy.signal.stft(padded, nperseg=n_fft, noverlap=n_fft - hop)
    power = np.abs(spectrum[:, times <= len(mono)]) ** 2
    filters = spectrogram.mel_filters(sample_rate, n_fft, bands)
    return 10 * np.log10(np.maximum(filters.T @ power, 1e-14))
