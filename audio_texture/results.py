"""The results that the API returns: new sounds that can be saved and shown in a notebook."""

import html
import os
from typing import Any, NamedTuple

import numpy as np

from audio_texture import audio, optimize, references, scales
from audio_texture.config import Recipe
from audio_texture.errors import ChoiceError
from audio_texture.sound_input import as_rate, as_wave


class Sound(NamedTuple):
    """A new sound, with the course of its optimisation.

    Attributes:
      wave: [C, N] float32.
      sample_rate: in Hz.
      recipe: the choices.
      progress: a row after each chunk of evaluations: evaluations, seconds, loss, terms.
      reason: why the optimiser stopped: "evaluations", "converged", "seconds", "interrupted" or
        "not finite"; "generated" where a generator made the sound, "direct" where a method made
        it in one pass.
      lowered_db: how far the sound is below the reference's level, to keep it from clipping.
    """

    wave: np.ndarray
    sample_rate: int
    recipe: Recipe
    progress: list[optimize.ProgressRow]
    reason: str
    lowered_db: float

    @property
    def losses(self) -> np.ndarray:
        """The loss after each chunk, [chunks]."""
        return np.array([row.loss for row in self.progress])

    @property
    def terms(self) -> dict[str, np.ndarray]:
        """The parts of the losses by name, [chunks] each."""
        names = self.progress[0].terms if self.progress else {}
        return {name: np.array([row.terms[name] for row in self.progress]) for name in names}

    def save(self, path: str) -> None:
        """Writes the sound to a .wav, .flac or .ogg file, see `save`."""
        save(path, self.wave, self.sample_rate)

    def __repr__(self) -> str:
        channels, samples = self.wave.shape
        loss = f", loss={self.progress[-1].loss:.4g}" if self.progress else ""
        return (
            f"Sound({samples / self.sample_rate:g} s, {channels} "
            f"channel{'s' if channels > 1 else ''}, {self.sample_rate} Hz{loss}, {self.recipe!r})"
        )

    def _repr_html_(self) -> str:
        """A player, the spectrogram and the losses, as notebooks show them."""
        from audio_texture import report

        sounds = [("", self.wave, self.sample_rate)]
        parts = [report.embed_player(self.wave, self.sample_rate)]
        parts.append(report.embed_spectrograms(sounds))
        if len(self.progress) > 1:
            rows = [row._asdict() for row in self.progress]
            rate = references.model_sample_rate(self.recipe, self.sample_rate)
            names = {name: scales.describe_term(name, self.recipe, rate) for name in self.terms}
            figure = report.draw_loss(rows, names)
            parts.append(report.embed_figures([(figure, "loss after each chunk")]))
        return f"<p>{html.escape(repr(self))}</p>{''.join(parts)}"


class Sounds(NamedTuple):
    """Several new sounds, made together.

    Attributes:
      waves: [n, C, N] float32.
      sample_rate: in Hz.
      recipe: the choices.
      losses: [n], final values; NaN where nothing is optimised.
      terms: name -> [n], final values.
    """

    waves: np.ndarray
    sample_rate: int
    recipe: Recipe
    losses: np.ndarray
    terms: dict[str, np.ndarray]

    def save(self, folder: str) -> None:
        """Writes the sounds to 0.wav, 1.wav, ... in a folder, which is created where missing."""
        os.makedirs(folder, exist_ok=True)
        for number, wave in enumerate(self.waves):
            save(os.path.join(folder, f"{number}.wav"), wave, self.sample_rate)

    def __repr__(self) -> str:
        count, _, samples = self.waves.shape
        return f"Sounds({count} of {samples / self.sample_rate:g} s, {self.recipe!r})"


def save(path: str, wave: Any, sample_rate: int) -> None:
    """Writes a sound to a file, in the format of its ending: .wav, .flac or .ogg.

    Args:
      path: of the file; an existing file is replaced.
      wave: [N] or [C, N].
      sample_rate: in Hz.
    Raises:
      ValueError: another ending, or a sound that the format cannot hold.

    Example:
      >>> import tempfile
      >>> path = os.path.join(tempfile.mkdtemp(), "silence.wav")
      >>> save(path, np.zeros((2, 800), np.float32), 8000)
      >>> audio.read(path)[0].shape
      (2, 800)
    """
    rate, wave, path = as_rate(sample_rate), as_wave(wave), os.fspath(path)
    ending = os.path.splitext(path)[1].lower()
    if ending not in audio.ENDINGS:
        raise ChoiceError(
            f"path must end in {', '.join(audio.ENDINGS)}, got {path!r}.", field="path"
        )
    audio.check_writable(ending, channels=len(wave), sample_rate=rate, samples=wave.shape[1])
    audio.write(path, wave, rate)
