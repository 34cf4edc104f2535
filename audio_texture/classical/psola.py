"""Another pitch for a voice: pitch-synchronous overlap-add in the time domain (TD-PSOLA).

Moulines & Charpentier, "Pitch-synchronous waveform processing techniques for text-to-speech
synthesis using diphones", Speech Communication 9, 1990. A mark is set in each period. A grain of
two periods around a mark holds the voice's resonances, since it is nearly the response to one
pulse. Grains at other distances have another pitch and the same resonances and length.

N samples, M marks.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from audio_texture.classical.pitch import HOP, PitchTrack, mix_down

_SEARCH = 0.2  # how far a mark may lie from where the pitch predicts it, in periods
_PEAK_SHARE = 0.1  # weight of the height of a mark's peak beside its likeness to the last period
_HALF_TAPS = 16  # of the filter that shifts a grain by a part of a sample


def mark_periods(wave: np.ndarray, track: PitchTrack, *, sample_rate: int) -> list[np.ndarray]:
    """A mark in each period of each part that has a pitch.

    The first mark of a part is its highest peak. From there each is set where the sound is most
    like the period before.

    Args:
      wave: [C, N]; all channels share the marks.
      track: of the wave.
      sample_rate: in Hz.
    Returns:
      Marks [M] in samples, with fractions, for each part with three marks or more.
    """
    mono = mix_down(wave).astype(np.float64)
    parts = []
    edges = np.flatnonzero(np.diff(np.pad(track.is_voiced, 1).astype(int)))
    for first, end in edges.reshape(-1, 2):
        bounds = (track.seconds[[first, end - 1]] + [-HOP / 2, HOP / 2]) * sample_rate
        start, stop = np.clip(np.round(bounds).astype(int), 0, len(mono))
        part = mono[start:stop]
        # The side on which pulses stand out.
        sign = np.sign(np.sum(part**3)) or 1.0
        peak = start + int(np.argmax(sign * part))
        step = _Stepper(sign * mono, track, sample_rate, start, stop)
        marks = [*step.walk(peak, -1)[::-1], float(peak), *step.walk(peak, 1)]
        if len(marks) >= 3:
            parts.append(np.array(marks))
    return parts


class _Stepper(NamedTuple):
    """Sets marks one after another in a part from start to stop, in samples."""

    mono: np.ndarray
    track: PitchTrack
    sample_rate: int
    start: int
    stop: int

    def walk(self, peak: int, direction: int) -> list[float]:
        """The marks after a peak, or, if the direction is -1, before it."""
        marks, mark = [], float(peak)
        while True:
            frequency = np.exp(self.track.log_frequency_at(np.array(mark / self.sample_rate)))
            mark = self._next(mark, direction, self.sample_rate / float(frequency))
            if not self.start <= mark < self.stop:
                return marks
            marks.append(mark)

    def _next(self, mark: float, direction: int, period: float) -> float:
        """The mark that follows; outside of the wave where it ends."""
        half, reach = int(np.ceil(period / 2)), max(1, int(_SEARCH * period))
        here, guess = round(mark), round(mark + direction * period)
        if min(here, guess - reach) < half or max(here, guess + reach) + half >= len(self.mono):
            return mark + direction * period
        template = self.mono[here - half : here + half + 1]
        around = self.mono[guess - reach - half : guess + reach + half + 1]
        powers = np.convolve(around**2, np.ones(len(template)), "valid")
        scale = np.sqrt(np.maximum(powers * (template @ template), np.finfo(float).tiny))
        scores = np.correlate(around, template, "valid") / scale
        peaks = around[half : half + 2 * reach + 1]
        scores = scores + _PEAK_SHARE * peaks / (np.max(np.abs(peaks)) or 1.0)
        best = int(np.argmax(scores))
        shift = 0.0
        if 0 < best < len(scores) - 1:
            left, middle, right = scores[best - 1 : best + 2]
            shift = 0.5 * (left - right) / min(left - 2 * middle + right, -1e-9)
            shift = float(np.clip(shift, -0.5, 0.5))
        # The template lies around a whole sample: the fraction of the last mark is kept.
        return guess - reach + best + shift + (mark - here)


def change_pitch(
    wave: np.ndarray,
    marks: list[np.ndarray],
    ratio_at: Callable[[np.ndarray], np.ndarray],
    *,
    sample_rate: int,
) -> np.ndarray:
    """The wave with another pitch in the parts that have marks; the rest stays.

    Grains that move apart or together keep their mean power.

    Args:
      wave: [C, N].
      marks: of `mark_periods`.
      ratio_at: seconds [...] -> new pitch over the old one, above 0.
      sample_rate: in Hz.
    Returns:
      [C, N] float64. With a ratio of 1 throughout, the wave up to rounding.
    """
    # Room for grains that reach over an end.
    pad = 2 * _HALF_TAPS + int(np.ceil(max((np.max(np.diff(part)) for part in marks), default=0)))
    source = np.pad(wave.astype(np.float64), ((0, 0), (pad, pad)))
    voiced_share, result = np.zeros(source.shape[1]), np.zeros_like(source)
    for part in marks:
        periods = np.diff(part)
        sides = list(zip([periods[0], *periods], [*periods, periods[-1]], strict=True))
        for i, mark in enumerate(part.tolist()):
            first, _, window = _grain_window(mark + pad, mark + pad, *sides[i])
            voiced_share[first : first + len(window)] += window
        ratios = ratio_at(part / sample_rate)
        for i, place in _new_places(part, np.append(periods, periods[-1:]), ratios):
            first, shift, window = _grain_window(float(part[i]) + pad, place + pad, *sides[i])
            grain = _read(source, first + shift, len(window)) * window
            result[:, first : first + len(window)] += grain / np.sqrt(ratios[i])
    result += source * (1 - voiced_share)
    return result[:, pad : result.shape[1] - pad]


def _new_places(marks: np.ndarray, periods: np.ndarray, ratios: np.ndarray):
    """The grains of a part in their new order: pairs (index of a mark, new place in samples)."""
    places, place = [], marks[0]
    while place < marks[-1] + 0.5 * periods[-1]:
        after = int(np.searchsorted(marks, place).clip(1, len(marks) - 1))
        nearest = after - int(place - marks[after - 1] < marks[after] - place)
        places.append((nearest, place))
        place += periods[nearest] / ratios[nearest]
    return places


def _grain_window(mark: float, place: float, before: float, after: float):
    """The window of a grain at its new place: halves of Hann windows, a period on each side.

    Returns the first sample of the result that it covers, what must be added to a place in the
    result for the place in the source, and the window.
    """
    first = int(np.ceil(place - before))
    distance = np.arange(first, int(np.floor(place + after)) + 1) - place
    phase = np.where(distance < 0, distance / before, distance / after)
    return first, mark - place, 0.5 + 0.5 * np.cos(np.pi * phase)


def _read(source: np.ndarray, first: float, length: int) -> np.ndarray:
    """Samples [C, length] of a source [C, N] from a place between two samples."""
    whole = int(np.floor(first))
    fraction = first - whole
    if fraction < 1e-9:
        return source[:, whole : whole + length]
    taps = np.arange(1 - _HALF_TAPS, _HALF_TAPS + 1)
    kernel = np.sinc(taps - fraction) * np.cos(0.5 * np.pi * (taps - fraction) / _HALF_TAPS) ** 2
    near = source[:, whole + 1 - _HALF_TAPS : whole + length + _HALF_TAPS]
    return np.stack([np.correlate(channel, kernel, "valid") for channel in near])
