"""Images of mel spectrograms: figures with axes, and small PNGs without axes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import scipy.signal

from audio_texture import audio, spectrogram
from audio_texture.report.figures import WIDTH, new_figure
from audio_texture.report.html_page import Sound, embed_figures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TICKS = (200, 500, 1000, 2000, 5000, 10000, 20000)  # Hz


def draw_spectrograms(
    sounds: Sequence[Sound], *, range_db: float = 80.0, bands: int = 128
) -> list["Figure"]:
    """A mel spectrogram of each sound, on the same scales of time, frequency and level.

    They are figures of their own, so that a page can set them side by side or below each other.
    The rest of the axis of a sound shorter than the longest is as dark as silence.

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
    pictures = [compute_picture(wave, rate, bands) for wave in waves]
    longest = max(len(wave) / rate for wave in waves)
    top = max(picture.max() for picture in pictures)
    ticks = [hertz for hertz in _TICKS if hertz < rate / 2]
    top_mel = float(spectrogram.hz_to_mel(np.array(rate / 2)))
    figures = []
    for (title, _, _), wave, picture in zip(sounds, waves, pictures, strict=True):
        figure = new_figure((WIDTH, 3.0))
        axis = figure.subplots()
        image = axis.imshow(
            picture,
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=top - range_db,
            vmax=top,
            extent=(0, len(wave) / rate, 0, top_mel),
            # Stored as it is, and scaled by the browser.
            interpolation="none",
        )
        axis.set(title=title, xlabel="time (s)", xlim=(0, longest))
        axis.title.set_parse_math(False)
        _fill_after(axis, len(wave) / rate / longest)
        axis.set(yticks=spectrogram.hz_to_mel(np.array(ticks)), ylabel="frequency (kHz)")
        axis.set_yticklabels([f"{hertz / 1000:g}" for hertz in ticks])
        figure.colorbar(image, label="dB", pad=0.01)
        figures.append(figure)
    return figures


def _fill_after(axis: "Axes", share: float) -> None:
    """Fills the axis behind the end of a sound with the darkest colour, as silence, and says where
    the sound ends. share: of the axis that the sound takes.
    """
    import matplotlib

    axis.set_facecolor(matplotlib.colormaps["magma"](0))
    if share > 0.99:
        return
    axis.axvline(share * axis.get_xlim()[1], color="white", linewidth=0.8, linestyle=":")
    if share < 0.8:
        style = {"transform": axis.transAxes, "color": "white", "fontsize": "small", "va": "center"}
        axis.text(share + 0.02, 0.5, "ends here", **style)


def embed_spectrograms(sounds: Sequence[Sound]) -> str:
    """The spectrograms of `draw_spectrograms` as HTML: side by side, or below each other where the
    page is narrow.
    """
    return embed_figures(
        [
            (figure, f"spectrogram of {title}")
            for figure, (title, _, _) in zip(draw_spectrograms(sounds), sounds, strict=True)
        ]
    )


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

    picture = compute_picture(audio.with_channels(wave, 1)[0], sample_rate, bands, columns=160)
    top = picture.max()
    imsave(path, picture, origin="lower", cmap="magma", vmin=top - range_db, vmax=top)


def compute_picture(
    mono: np.ndarray, sample_rate: int, bands: int, columns: int = 400
) -> np.ndarray:
    """Mel spectrogram in dB of a wave [N]: [bands, from `columns` to twice as many, or fewer of a
    wave that is too short].
    """
    n_fft = 2048
    hop = max(1, min(n_fft // 4, len(mono) // columns))
    padded = np.pad(mono, (0, max(0, n_fft - len(mono))))
    # SciPy, because JAX would compile a program for each length of sound.
    _, times, spectrum = scipy.signal.stft(padded, nperseg=n_fft, noverlap=n_fft - hop)
    power = np.abs(spectrum[:, times <= len(mono)]) ** 2
    # Means over neighbouring frames: a long sound has more than a picture can show.
    power = power[:, : power.shape[1] // (group := max(1, power.shape[1] // columns)) * group]
    power = power.reshape(len(power), -1, group).mean(axis=2)
    filters = spectrogram.mel_filters(sample_rate, n_fft, bands)
    return 10 * np.log10(np.maximum(filters.T @ power, 1e-14))
