"""Judging a texture against its reference: is it like it, and is it more than a copy of it?

A wave here is NumPy, float32 [samples] or [channels, samples], nominally in [-1, 1]. Of several
channels each is judged, and the sum and difference of every two neighbours, in proportion to their
power; `image_db` says whether they relate as they do in the reference. Every sound is brought to
the working rate, 16 kHz or the lowest of the rates given, cut at 20 Hz and at 0.44 of the rate, and
brought to one level. Nothing here needs a gradient; only the auditory statistics run in JAX.

Likeness comes as ratios in which 1 is the distance between the two halves of the reference itself:

    ratio = mean_ij D(candidate piece i, half j) / D(half 1, half 2)

with all pieces of one duration, so that what an average over few seconds misses is missed on both sides. About 1 is what
another recording of the same texture scores; a verbatim copy scores about 0.5, since one of its two distances is 0; so
below 1 a result follows the accidents of this recording. `copied` and `looped` say whether it does so by repeating it.

D is a mean of terms, each divided by its median over recordings (`UNITS`), and never less than `FLOOR` of that: two
halves can be alike by chance, or the reference may be a loop, and nothing should be asked to be nearer than that.

N samples, T frames, B bands, W windows, S random directions.
"""

import functools
from collections.abc import Mapping, Sequence

import jax
import numpy as np
import scipy.fft
import scipy.ndimage
import scipy.signal

from audio_texture import audio, auditory, spectrogram, statistics

WORKING_RATE = 16_000
LEVEL = 0.05  # RMS every sound is brought to
SHORTEST = 1.0  # seconds
_CUT = 0.42  # of the working rate: where the slope begins that ends all sounds alike at 0.44
MEASURES = ("auditory", "patches", "structure", "rhythm")
FLOOR = 0.3  # of the median distance between halves

# Frame and hop in seconds and the bands of the log-mel views, the two for likeness named by their hop
_VIEWS = {"8ms": (0.032, 0.008, 32), "32ms": (0.128, 0.032, 48)}
_DETAIL = (0.064, 0.008, 64)
WIDTHS = (1, 8, 32)  # frames
_DIRECTIONS = 64

# Copying: windows of 1/4 s every 1/8 s; the reference is compared with itself at least 1/2 s away.
_WINDOW, _STEP, _AWAY, _MARGIN = 0.25, 0.125, 0.5, 0.4
_MOST_WINDOWS = 120

MEANINGS = {
    "auditory": "likeness to the ear: 1 = the reference's halves to each other, lower is nearer, a copy has 0.5",
    "patches": "likeness of moments, 8 ms to 1 s of log-mel spectrum; read as auditory",
    "structure": "likeness of half and whole seconds and of slow modulation; read as auditory",
    "rhythm": "likeness of onsets: heights, gaps, rate, modulation; read as auditory",
    "copied": "share of quarter seconds taken from the reference; good is 0",
    "looped": "share of quarter seconds that repeat another part of the candidate; good is 0",
    "spectrum_db": "error of third-octave levels, dB RMS; good is under 2",
    "level_db": "candidate's level minus reference's, dB; good is near 0",
    "silence": "share of silent moments beyond the reference's; good is 0",
    "clicks": "jumps a second unlike any in the reference; good is 0",
    "clipping": "share of samples stuck at full scale; good is 0",
    "image_db": "error of the stereo image: levels of channels, and of difference to sum, by band, dB; good is under 2",
}
KEPT_MEANINGS = {
    "onsets_kept": "correlation with the content's onset strength; 1 = the content's own, 0 = none of it",
    "chroma_kept": "correlation with the content's pitch classes, moment by moment; read as onsets_kept, but noise of its spectrum has some",
    "pitch_kept": "correlation with the content's pitch contour where it is voiced; read as onsets_kept",
    "loudness_kept": "correlation with the content's loudness contour; read as onsets_kept",
}

# The median of each term between the two halves of a recording (128 clips of ESC-10 in nine classes that are not mostly
# silence, halves of 2.5 s): what makes terms count alike. The auditory groups have theirs in auditory.UNITS.
UNITS = {
    "auditory": auditory.UNITS._asdict(),
    "patches": {
        "8ms x 1": 0.33,
        "8ms x 8": 0.38,
        "8ms x 32": 0.36,
        "32ms x 1": 0.43,
        "32ms x 8": 0.47,
        "32ms x 32": 0.53,
    },
    "structure": {"0.5s": 0.38, "1s": 0.44, "modulation": 0.90},
    "rhythm": {"heights": 0.15, "gaps": 0.14, "rate": 0.09, "modulation": 0.85},
}


def meaning(measure: str) -> str:
    """What a measure says and what is good, in a line; `heldout_` measures are those of `held_out`."""
    if measure.startswith("heldout_"):
        return f"{measure.removeprefix('heldout_')} on the half kept back; 1 = what the reference itself scores, lower is nearer"
    return (MEANINGS | KEPT_MEANINGS)[measure]


def describe(rows: list[dict]) -> str:
    """A table as text, a row a candidate, then a line a measure with what is good. rows: `evaluate`'s, each with a "candidate"."""
    measures = [measure for measure in rows[0] if measure != "candidate"]
    first = max(len(str(row["candidate"])) for row in rows)
    widths = [max(len(measure), 7) for measure in measures]
    lines = [
        " " * first + "".join(f"  {measure:>{width}}" for measure, width in zip(measures, widths))
    ]
    for row in rows:
        values = (f"  {row[measure]:>{width}.2f}" for measure, width in zip(measures, widths))
        lines.append(f"{row['candidate']:{first}}" + "".join(values))
    return "\n".join(
        [
            *lines,
            "",
            *(f"{measure:{max(map(len, measures))}}  {meaning(measure)}" for measure in measures),
        ]
    )


# ---------------------------------------------------------------- preparation


def check(wave: np.ndarray, *, sample_rate: int, name: str = "a sound") -> None:
    """Raises ValueError, naming the sound, where it cannot be judged: no wave, shorter than 1 s, not finite, or silent."""
    if wave.ndim not in (1, 2):
        raise ValueError(
            f"{name} must be [samples] or [channels, samples], got shape {wave.shape}."
        )
    if wave.shape[-1] < SHORTEST * sample_rate:
        raise ValueError(
            f"{name} lasts {wave.shape[-1] / sample_rate:.3g} s; to be judged it must last at least {SHORTEST:g} s."
        )
    if not np.all(np.isfinite(wave)):
        raise ValueError(f"{name} has samples that are NaN or infinite.")
    if audio.rms(wave - np.mean(wave, axis=-1, keepdims=True)) < audio.SILENCE:
        raise ValueError(
            f"{name} is silent; to be judged it must be above {20 * np.log10(audio.SILENCE):.0f} dB of full scale."
        )


def prepare(wave: np.ndarray, *, sample_rate: int, rate: int, name: str = "a sound") -> np.ndarray:
    """Mono (see `audio.mono_weights`), at the working rate, without what lies below 20 Hz or above
    0.44 of the rate (7 kHz), and at one level.

    Args:
      wave: [N] or [C, N] float.
      sample_rate, rate: from and to, Hz.
      name: what an error calls it.
    Returns:
      [N'] float32 with an RMS of LEVEL.
    Raises:
      ValueError: see `check`.
    """
    wave = np.asarray(wave, np.float32)
    check(wave, sample_rate=sample_rate, name=name)
    return as_judged(wave, sample_rate=sample_rate, rate=rate)


def streams_of(wave: np.ndarray) -> np.ndarray:
    """What is judged of a wave: its channels, and of neighbours sum and difference over the root of
    two. [C, N] -> [S, N].
    """
    pairs = [(a + sign * b) / np.sqrt(2) for a, b in zip(wave[:-1], wave[1:]) for sign in (1, -1)]
    return np.stack([*wave, *pairs]).astype(np.float32)


def as_judged(wave: np.ndarray, *, sample_rate: int, rate: int) -> np.ndarray:
    """`prepare` of what need not be judged by itself: also of less than a second."""
    wave = np.atleast_2d(wave)
    wave = (audio.mono_weights(wave) @ wave).astype(np.float32)
    wave = audio.highpass_20hz(audio.resample(wave, sample_rate, rate), sample_rate=rate)
    # The slope of a resampler's filter is no trait of a texture, and only a sound that was at another rate has it.
    frequency = scipy.fft.rfftfreq(len(wave))
    band = np.cos(np.pi / 2 * np.clip((frequency - _CUT) / 0.02, 0, 1)).astype(np.float32)
    band[0] = 0
    wave = scipy.fft.irfft(scipy.fft.rfft(wave) * band, n=len(wave))
    # a sound may lie wholly above the working band: then there is nothing left to bring to a level
    return (wave * (LEVEL / max(audio.rms(wave), 0.1 * audio.SILENCE))).astype(np.float32)


def noise_like(wave: np.ndarray, *, seed: int) -> np.ndarray:
    """Noise with a sound's long-term spectrum and nothing else of it: its Fourier transform under random phases. [..., N]"""
    spectrum = scipy.fft.rfft(wave)
    phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, spectrum.shape[-1])
    phases[0] = 0.0  # DC has no phase
    return scipy.fft.irfft(spectrum * np.exp(1j * phases), n=wave.shape[-1]).astype(np.float32)


def _frames(wave: np.ndarray, length: int, hop: int) -> np.ndarray:
    """[N] -> [T, length]: whole frames, a view."""
    return np.lib.stride_tricks.sliding_window_view(wave, length)[::hop]


def log_mel(
    wave: np.ndarray, *, sample_rate: int, frame: float, hop: float, bands: int
) -> np.ndarray:
    """ln(mel power + a floor 70 dB below that of white noise at LEVEL): [N] -> [T, B] float32. frame, hop: in seconds."""
    n_fft, hop_length = round(frame * sample_rate), round(hop * sample_rate)
    window = scipy.signal.get_window("hann", n_fft).astype(np.float32)
    power = np.abs(scipy.fft.rfft(_frames(wave, n_fft, hop_length) * window)) ** 2
    filters = spectrogram.mel_filters(sample_rate, n_fft, bands)
    filters = filters / np.sum(filters, axis=0)
    return np.log(power @ filters + 1e-7 * np.sum(window**2) * LEVEL**2)


def standard(view: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each band of the reference; deviations under 1 dB of power are noise of measurement."""
    return np.mean(view, axis=0), np.maximum(np.std(view, axis=0), 0.23)


# ---------------------------------------------------------------- likeness


@functools.partial(jax.jit, static_argnames="sample_rate")
def _auditory(wave, *, sample_rate):
    """Comparable statistics of the cochlear bands below `prepare`'s cut, with 50 ms ramps over the seam."""
    bands = 1 + np.sum(auditory.cochlear_centers(sample_rate) < _CUT * sample_rate)
    envelope = auditory.envelopes(wave, sample_rate=sample_rate)[:bands]
    ramps = scipy.signal.windows.tukey(envelope.shape[1], 0.1 * sample_rate / len(wave)).astype(
        np.float32
    )
    return auditory.comparable(auditory.envelope_statistics(envelope, ramps))


@functools.lru_cache(maxsize=32)
def _directions(size: int) -> np.ndarray:
    """Fixed random directions [size, S] of unit length: the same for every sound."""
    directions = np.random.default_rng(size).standard_normal((size, _DIRECTIONS))
    return (directions / np.linalg.norm(directions, axis=0)).astype(np.float32)


def _projections(view: np.ndarray, width: int) -> np.ndarray:
    """Patches of `width` frames along the fixed directions, each sorted: [T, B] -> [T - width + 1, S].

    The mean absolute difference of two such arrays is the sliced 1-Wasserstein distance of the two sets of patches
    (Rabin, Peyre, Delon & Bernot 2011), with directions that are the same for all.
    """
    return statistics.sorted_patches(view, _directions(width * view.shape[1]))


def _modulation(view: np.ndarray, frame_rate: float) -> np.ndarray:
    """Log power of each band's fluctuation in half-octave bands from 0.7 to 30 Hz: [T, B] -> [Q, B]."""
    view = (view - np.mean(view, axis=0)) * np.hanning(len(view))[:, None]
    power = np.abs(np.fft.rfft(view, axis=0)) ** 2 / len(view)
    frequencies = np.fft.rfftfreq(len(view), 1 / frame_rate)
    edges = 0.7 * 2 ** np.arange(0, 5.6, 0.5)
    bands = [
        (frequencies >= low) & (frequencies < high) for low, high in zip(edges[:-1], edges[1:])
    ]
    return np.stack([np.log(np.mean(power[band], axis=0) + 1e-3) for band in bands if np.any(band)])


def onset_strength(wave: np.ndarray, *, sample_rate: int) -> np.ndarray:
    """Mean over 32 mel bands of the rise in dB over 16 ms (spectral flux, half-wave rectified), every 8 ms: [N] -> [T]."""
    frame, hop, bands = _VIEWS["8ms"]
    view = 4.34 * log_mel(wave, sample_rate=sample_rate, frame=frame, hop=hop, bands=bands)
    return np.mean(np.maximum(view[2:] - view[:-2], 0), axis=1)


def onsets(wave: np.ndarray, *, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Moments and heights of the onsets of a sound.

    Onsets are the peaks of `onset_strength` that stand out by at least 1 dB and are 30 ms apart.

    Returns:
      Seconds [n] and heights in dB [n].
    """
    frame, hop, _ = _VIEWS["8ms"]
    strength = onset_strength(wave, sample_rate=sample_rate)
    peaks, found = scipy.signal.find_peaks(strength, distance=round(0.03 / hop), prominence=1.0)
    return (peaks + 1) * hop + frame / 2, found["prominences"]


def features(
    wave: np.ndarray, standards: list, *, sample_rate: int
) -> dict[str, dict[str, np.ndarray]]:
    """What the four likeness measures compare: {measure: {term: array}}, with the terms of UNITS.

    Terms whose patches are longer than half the sound are left out.

    Args:
      wave: [N] at the working rate and level.
      standards: mean and deviation of each log-mel view of the whole reference, see `reference_standards`.
      sample_rate: Hz.
    """
    heard = {
        name: np.asarray(value)
        for name, value in _auditory(wave, sample_rate=sample_rate)._asdict().items()
    }

    views = [
        (view - mean) / deviation
        for view, (mean, deviation) in zip(views_of(wave, sample_rate=sample_rate), standards)
    ]
    patches = {
        f"{name} x {width}": _projections(view, width)
        for name, view in zip(_VIEWS, views)
        for width in WIDTHS
        if 2 * width <= len(view)
    }

    # 8 wide bands of the fine view: patches of 1/2 s and 1 s at 31 frames a second
    wide = views[0].reshape(len(views[0]), 8, -1).mean(axis=2)
    coarse = wide[: len(wide) // 4 * 4].reshape(-1, 4, 8).mean(axis=1)
    frame_rate = 1 / _VIEWS["8ms"][1]
    lengths = {"0.5s": round(frame_rate / 8), "1s": round(frame_rate / 4)}
    structure = {
        name: _projections(coarse, width)
        for name, width in lengths.items()
        if 1.25 * width <= len(coarse)
    }

    times, heights = onsets(wave, sample_rate=sample_rate)
    duration = len(wave) / sample_rate
    quantiles = np.linspace(0.05, 0.95, 19)
    gaps = np.diff(times) if len(times) > 1 else np.array([duration])
    rhythm = {
        "heights": np.quantile(np.log(heights), quantiles)
        if len(heights)
        else np.zeros(len(quantiles)),
        "gaps": np.quantile(np.log(gaps), quantiles),
        "rate": np.log([(len(times) + 0.5) / duration]),
        "modulation": _modulation(np.mean(views[0], axis=1, keepdims=True), frame_rate),
    }
    return {
        "auditory": heard,
        "patches": patches,
        "structure": {**structure, "modulation": _modulation(wide, frame_rate)},
        "rhythm": rhythm,
    }


def views_of(wave: np.ndarray, *, sample_rate: int) -> list[np.ndarray]:
    """The log-mel views for likeness of a wave [N] at the working rate and level: [T, B] each."""
    return [
        log_mel(wave, sample_rate=sample_rate, frame=frame, hop=hop, bands=bands)
        for frame, hop, bands in _VIEWS.values()
    ]


def reference_standards(reference: np.ndarray, *, sample_rate: int) -> list:
    """Mean and deviation by band of each log-mel view of the reference."""
    return [standard(view) for view in views_of(reference, sample_rate=sample_rate)]


def distances(a: dict, b: dict) -> dict[str, float]:
    """D of each measure between two sounds' `features`: the mean over terms of difference / unit.

    The difference is the root mean square in the auditory groups and the mean absolute difference elsewhere, which for
    sorted projections and for quantiles is the 1-Wasserstein distance.
    """

    def difference(measure, term):
        gap = a[measure][term] - b[measure][term]
        return np.sqrt(np.mean(gap**2)) if measure == "auditory" else np.mean(np.abs(gap))

    return {
        m: float(np.mean([difference(m, term) / UNITS[m][term] for term in a[m]])) for m in MEASURES
    }


def _pieces(wave: np.ndarray, length: int, most: int = 4) -> list[np.ndarray]:
    """Up to `most` pieces of `length` samples, evenly spread, not overlapping."""
    count = min(most, len(wave) // length)
    return [wave[s : s + length] for s in np.linspace(0, len(wave) - length, count).astype(int)]


def likeness(candidate: np.ndarray, reference: np.ndarray, *, sample_rate: int) -> dict[str, float]:
    """The four ratios. Both waves [N] at the working rate and level; 1 = as near as the reference's halves to each other."""
    length = min(len(candidate), len(reference)) // 2
    middle = len(reference) // 2
    standards = reference_standards(reference, sample_rate=sample_rate)
    judge = functools.partial(features, standards=standards, sample_rate=sample_rate)
    halves = [judge(reference[:length]), judge(reference[middle : middle + length])]
    pieces = [judge(piece) for piece in _pieces(candidate, length)]
    own = distances(*halves)
    found = [distances(piece, half) for piece in pieces for half in halves]
    return {m: float(np.mean([d[m] for d in found])) / max(own[m], FLOOR) for m in MEASURES}


def over_time(
    candidate: np.ndarray,
    references: Sequence[np.ndarray],
    *,
    sample_rate: int,
    bands: Sequence[tuple[float, float]] | None = None,
    measures: Sequence[str] = ("auditory", "patches"),
    seconds: float = 2.0,
    most: int = 24,
) -> tuple[np.ndarray, np.ndarray]:
    """How like a sound is to each of several references, stretch by stretch: what a mixture or morph is made of, and when.

    Args:
      candidate, references: [N] or [C, N].
      sample_rate: of all, Hz.
      bands: (from, to) in Hz for each reference, in which alone the two are compared.
      measures: whose geometric mean is taken.
      seconds: length of a stretch, or a third of the sound where that is less, but at least SHORTEST.
      most: how many stretches.
    Returns:
      Middles of the stretches in seconds [P], and ratios [P, R] as of `likeness`.
    Raises:
      ValueError: see `prepare`.
    """
    rate = min(sample_rate, WORKING_RATE)
    check(candidate, sample_rate=sample_rate, name="the candidate")
    duration = candidate.shape[-1] / sample_rate
    length = max(SHORTEST, min(seconds, duration / 3))
    starts = np.linspace(0, duration - length, min(most, max(1, round(2 * duration / length) - 1)))
    ratios = np.empty((len(starts), len(references)))
    for column, reference in enumerate(references):
        low, high = bands[column] if bands else (0.0, np.inf)
        seen, heard = (
            np.asarray(spectrogram.band(wave, sample_rate=sample_rate, low=low, high=high))
            if bands
            else wave
            for wave in (candidate, reference)
        )
        heard = prepare(heard, sample_rate=sample_rate, rate=rate, name="a reference")
        for row, start in enumerate(starts):
            first = round(start * sample_rate)
            piece = prepare(
                seen[..., first : first + round(length * sample_rate)],
                sample_rate=sample_rate,
                rate=rate,
                name="a stretch",
            )
            found = likeness(piece, heard, sample_rate=rate)
            ratios[row, column] = np.exp(
                np.mean([np.log(max(found[measure], 1e-3)) for measure in measures])
            )
    return starts + length / 2, ratios


def held_out(
    candidate, first_half, second_half, *, sample_rate: int, candidate_rate: int | None = None
) -> dict[str, float]:
    """The stricter test: made from the first half, judged on the second, where 1 is what the first half itself scores.

    Args:
      candidate, first_half, second_half: [N] or [C, N], at least 1 s.
      sample_rate: of the halves, Hz. candidate_rate: of the candidate, Hz; None means the same.
    Returns:
      {measure: mean_i D(candidate piece i, second) / D(first, second)}.
    """
    waves = {
        "the candidate": candidate,
        "the first half": first_half,
        "the second half": second_half,
    }
    judged, shares, rate = _judged(waves, [candidate_rate or sample_rate, sample_rate, sample_rate])

    def ratios(candidate, first, second):
        length = min(len(candidate), len(first), len(second))
        standards = reference_standards(first, sample_rate=rate)
        judge = functools.partial(features, standards=standards, sample_rate=rate)
        target = judge(second[:length])
        own = distances(judge(first[:length]), target)
        found = [distances(judge(piece), target) for piece in _pieces(candidate, length)]
        return {m: float(np.mean([d[m] for d in found])) / max(own[m], FLOOR) for m in MEASURES}

    return _averaged([ratios(*waves) for waves in judged], shares)


# Streams with less than this share of the reference's power (-30 dB) are not judged: next to the
# others they are not heard.
_FAINT = 1e-3


def _judged(
    waves: Mapping[str, np.ndarray], rates: Sequence[int]
) -> tuple[list[tuple[np.ndarray, ...]], np.ndarray, int]:
    """The streams of several sounds that are judged against each other; the last sound is the
    reference.

    Args:
      waves: what an error calls it -> [N] or [C, N]; those of most channels are mixed down to the
        fewest.
      rates: theirs, Hz.
    Returns:
      For each stream the sounds, as `prepare` makes them at the highest rate that suits all; the
      streams' shares of the reference's power [S], which add up to one; and the rate.
    """
    rate = min([*rates, WORKING_RATE])
    for (name, wave), its_rate in zip(waves.items(), rates, strict=True):
        check(wave, sample_rate=its_rate, name=name)
    sounds = [np.atleast_2d(np.asarray(wave, np.float32)) for wave in waves.values()]
    channels = min(map(len, sounds))
    # Sounds of as many channels are mixed alike: their signs and weights must agree.
    mixed = {len(sound): audio.mono_weights(sound) for sound in sounds}
    fewer = lambda sound: np.repeat((mixed[len(sound)] @ sound)[None], channels, axis=0).astype(
        np.float32
    )
    streams = [streams_of(sound if len(sound) == channels else fewer(sound)) for sound in sounds]
    powers = np.array([audio.rms(stream) ** 2 for stream in streams[-1]])
    streams, factors = audio.fold_channels(streams)
    shares = (factors != 0).T @ powers / np.sum(powers)
    chosen = np.flatnonzero(shares >= _FAINT)
    as_heard = [
        [as_judged(sound[number], sample_rate=its_rate, rate=rate) for number in chosen]
        for sound, its_rate in zip(streams, rates, strict=True)
    ]
    return list(zip(*as_heard, strict=True)), shares[chosen] / np.sum(shares[chosen]), rate


def _averaged(rows: Sequence[dict[str, float]], shares: np.ndarray) -> dict[str, float]:
    """The mean of every measure over streams."""
    return {measure: float(shares @ [row[measure] for row in rows]) for measure in rows[0]}


# ---------------------------------------------------------------- content

_CONTOUR = (0.064, 0.016)  # window and hop of pitch and loudness, seconds
_PITCHES = (70.0, 1600.0)  # Hz
_VOICED = 0.6  # of the energy, at the period's lag
_FEWEST_VOICED = 12  # frames, 0.2 s


def kept(
    candidate: np.ndarray,
    content: np.ndarray,
    *,
    sample_rate: int,
    candidate_rate: int | None = None,
) -> dict[str, float | None]:
    """How much of a content is kept in a transfer, moment by moment from the beginning of both: correlations, 1 for the content itself.

    Args:
      candidate, content: [N] or [C, N], at least 1 s; compared over the shorter one's length.
      sample_rate: of the content, Hz. candidate_rate: of the candidate, Hz; None means the same.
    Returns:
      {measure: value}, in the order and with the meaning of KEPT_MEANINGS; None where the content has nothing of the kind: no pitch
      that moves, no chroma that stands out, a constant loudness.
    Raises:
      ValueError: see `check`.
    """
    candidate_rate = candidate_rate or sample_rate
    rate = min(sample_rate, candidate_rate, WORKING_RATE)
    candidate, content = (
        np.atleast_2d(np.asarray(wave, np.float32)) for wave in (candidate, content)
    )
    if len(candidate) == len(content):
        # One mixture for both, so that what cancels in the one is not compared with what does not
        # in the other.
        weights = audio.mono_weights(content)
        candidate, content = weights @ candidate, weights @ content
    a = prepare(candidate, sample_rate=candidate_rate, rate=rate, name="the candidate")
    b = prepare(content, sample_rate=sample_rate, rate=rate, name="the content")
    a, b = (wave[: min(len(a), len(b))] for wave in (a, b))
    strengths = (
        scipy.ndimage.gaussian_filter1d(onset_strength(wave, sample_rate=rate), 2.0)
        for wave in (a, b)
    )
    return {
        "onsets_kept": _correlation(*strengths),
        "chroma_kept": _chroma_kept(a, b, rate),
        "pitch_kept": _pitch_kept(a, b, rate),
        "loudness_kept": _correlation(loudness(a, sample_rate=rate), loudness(b, sample_rate=rate)),
    }


def judge_transfer(candidate, content, style, *, sample_rate: int) -> dict[str, float | None]:
    """What a transfer has of its style, as textures are judged (`evaluate`), and what it kept of its content (`kept`)."""
    found = evaluate(candidate, style, sample_rate=sample_rate)
    of_style = {
        measure: found[measure]
        for measure in (*MEASURES, "copied", "spectrum_db", "clicks", "clipping")
    }
    return {**of_style, **kept(candidate, content, sample_rate=sample_rate)}


def _correlation(a: np.ndarray, b: np.ndarray, weights: np.ndarray | None = None) -> float | None:
    """Pearson's, under weights; None where b is constant, 0 where a alone is."""
    a, b = (x - np.average(x, weights=weights) for x in (a, b))
    mean = lambda x: np.average(x, weights=weights)
    if mean(b * b) < 1e-12:
        return None
    return float(mean(a * b) / np.sqrt(max(mean(a * a), 1e-12) * mean(b * b)))


def loudness(wave: np.ndarray, *, sample_rate: int) -> np.ndarray:
    """Level in dB of 64 ms every 16 ms, at least 60 dB under the loudest: [N] -> [T]."""
    window, hop = (round(seconds * sample_rate) for seconds in _CONTOUR)
    level = 10 * np.log10(np.mean(_frames(wave, window, hop) ** 2, axis=1) + 1e-20)
    return np.maximum(level, np.max(level) - 60)


def chroma(wave: np.ndarray, *, sample_rate: int) -> np.ndarray:
    """Magnitude by pitch class, from spectra of 128 ms between 130 and 4200 Hz (C3 to C8), every 32 ms: [N] -> [T, 12]."""
    frame, hop, _ = _VIEWS["32ms"]
    n_fft = round(frame * sample_rate)
    magnitude = np.abs(
        scipy.fft.rfft(
            _frames(wave, n_fft, round(hop * sample_rate)) * np.hanning(n_fft).astype(np.float32)
        )
    )
    frequencies = scipy.fft.rfftfreq(n_fft, 1 / sample_rate)
    inside = (frequencies >= 130) & (frequencies <= min(4200, _CUT * sample_rate))
    classes = 12 * np.log2(frequencies[inside] / 440) % 12
    # A bin belongs to its two nearest classes; those of a class are averaged, as high classes hold more bins.
    shares = np.maximum(0, 1 - np.abs((classes[:, None] - np.arange(12) + 6) % 12 - 6))
    return magnitude[:, inside] @ (shares / np.sum(shares, axis=0)).astype(np.float32)


def _chroma_kept(a: np.ndarray, b: np.ndarray, rate: int) -> float | None:
    """Mean over time, by the content's energy in chroma, of the correlation of the two sounds' twelve pitch classes."""
    a, b = (
        values - np.mean(values, axis=1, keepdims=True)
        for values in (chroma(wave, sample_rate=rate) for wave in (a, b))
    )
    sizes = [np.linalg.norm(values, axis=1) for values in (a, b)]
    if np.sum(sizes[1]) < 1e-9:
        return None
    correlations = np.sum(a * b, axis=1) / np.maximum(sizes[0] * sizes[1], 1e-12)
    return float(np.average(correlations, weights=sizes[1]))


def pitch(wave: np.ndarray, *, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Pitch and how voiced the sound is, of 64 ms every 16 ms.

    The pitch is the shortest lag whose normalised autocorrelation has a peak within a tenth of the highest between 70 and 1600 Hz
    (after Boersma 1993, without his octave costs), the lag refined by a parabola.

    Returns:
      Octaves over 1 Hz [T] and the autocorrelation there, at most about 1 [T].
    """
    window, hop = (round(seconds * sample_rate) for seconds in _CONTOUR)
    shape = np.hanning(window + 2)[1:-1]
    frames = _frames(wave, window, hop)
    frames = (frames - np.mean(frames, axis=1, keepdims=True)) * shape
    # Four lags a sample: between samples the peaks of high tones are lower than those of their multiples that meet one.
    finer = 4 * sample_rate
    lags = np.arange(int(finer / _PITCHES[1]), int(finer / _PITCHES[0]) + 2)
    own = scipy.fft.irfft(
        np.abs(scipy.fft.rfft(np.stack([*frames, shape]), 2 * window)) ** 2, 8 * window
    )[:, : lags[-1] + 1]
    own = own / np.maximum(own[:, :1], 1e-12)
    found = (own[:-1] / own[-1])[:, lags]
    inner = found[:, 1:-1]
    peaks = (inner >= found[:, :-2]) & (inner >= found[:, 2:])
    high = np.where(peaks, inner, 0.0)
    best = np.argmax(high >= 0.9 * np.max(high, axis=1, keepdims=True), axis=1)
    rows = np.arange(len(found))
    left, middle, right = (found[rows, best + i] for i in range(3))
    bend = left - 2 * middle + right
    shift = np.clip(0.5 * (left - right) / np.minimum(bend, -1e-9), -0.5, 0.5)
    return np.log2(finer / (lags[1] + best + shift)), high[rows, best]


def _pitch_kept(a: np.ndarray, b: np.ndarray, rate: int) -> float | None:
    """Correlation of the pitch contours, in octaves, where the content is voiced and loud."""
    (found, _), (wanted, voiced) = (pitch(wave, sample_rate=rate) for wave in (a, b))
    level = loudness(b, sample_rate=rate)
    where = (voiced > _VOICED) & (level > np.max(level) - 30)
    # A contour that moves by less than a quarter tone has nothing to correlate with.
    if np.sum(where) < _FEWEST_VOICED or np.std(wanted[where]) < 1 / 24:
        return None
    return _correlation(found[where], wanted[where])


# ---------------------------------------------------------------- copying


def flatten(wave: np.ndarray, reference: np.ndarray, *, sample_rate: int) -> np.ndarray:
    """Equal power in every band and at every moment: what two waves share then is neither spectrum nor events, only samples.

    The spectrum of the reference is divided out down to 40 dB below its peak, then each sample by the RMS of the 10 ms
    around it, down to 50 dB below the whole. Without the second step one tick is like every other tick; with it two ticks
    agree for as long as they last, a copy over all of its window.
    """
    power = np.mean(
        np.abs(scipy.fft.rfft(_frames(reference, 1024, 512) * np.hanning(1024).astype(np.float32)))
        ** 2,
        axis=0,
    )
    gain = 1 / np.sqrt(power + 1e-4 * np.max(power))
    spectrum = scipy.fft.rfft(wave)
    position = np.linspace(0, len(gain) - 1, len(spectrum))
    white = scipy.fft.irfft(spectrum * np.interp(position, np.arange(len(gain)), gain), n=len(wave))
    local = scipy.ndimage.uniform_filter1d(white**2, round(0.01 * sample_rate) | 1)
    return (white / np.sqrt(local + 1e-5 * np.mean(local) + 1e-30)).astype(np.float32)


def detail(view: np.ndarray) -> np.ndarray:
    """The fine grain of a log-mel view [T, B]: what is left when neighbouring bands and moments are taken out, frame by frame alike.

    Means over 5 bands and over 31 frames (1/4 s) are removed and frames brought to one length, so that events and
    spectrum, which two recordings of one texture share, leave little; a copy keeps it even under new phases.
    """
    view = view - scipy.ndimage.uniform_filter1d(view, 5, axis=1)
    view = view - scipy.ndimage.uniform_filter1d(view, 31, axis=0)
    length = np.linalg.norm(view, axis=1, keepdims=True)
    return view / np.maximum(length, 0.3 * np.median(length) + 1e-6)


def _starts(count: int, length: int, step: float) -> np.ndarray:
    """Where windows of `length` begin among `count` samples or frames: every `step`, or 120 evenly spread where that is more."""
    starts = np.arange(0, count - length + 1, step)
    if len(starts) > _MOST_WINDOWS:  # a minute of sound would take a minute
        starts = np.linspace(0, count - length, _MOST_WINDOWS)
    return np.round(starts).astype(int)


def wave_matches(
    candidate, reference, *, sample_rate: int, away: float | None = None
) -> np.ndarray:
    """For each window of the candidate the best match anywhere in the reference: [W], |normalised correlation| in [0, 1].

    Args:
      candidate, reference: [N], see `flatten`.
      away: when both are one sound, how many seconds off a match must lie; None looks everywhere.
    """
    length = round(_WINDOW * sample_rate)
    lags = np.arange(len(reference) - length + 1)
    size = scipy.fft.next_fast_len(len(reference), real=True)  # the lags kept do not wrap
    spectrum = scipy.fft.rfft(reference, size)
    sums = np.concatenate([[0.0], np.cumsum(reference.astype(np.float64) ** 2)])
    # A quiet stretch must not match by being divided by next to nothing.
    least = 0.01 * length * np.mean(reference**2) + np.finfo(np.float32).tiny
    norm = np.sqrt(np.maximum(sums[length:] - sums[:-length], least)).astype(np.float32)
    best = []
    for start in _starts(len(candidate), length, _STEP * sample_rate):
        window = candidate[start : start + length]
        match = (
            np.abs(
                scipy.fft.irfft(spectrum * np.conj(scipy.fft.rfft(window, size)), size)[: len(lags)]
            )
            / norm
        )
        if away is not None:
            match[np.abs(lags - start) < away * sample_rate] = 0
        best.append(np.max(match, initial=0) / max(np.linalg.norm(window), 1e-9))
    return np.array(best)


def detail_matches(
    candidate, reference, *, frame_rate: float, away: float | None = None
) -> np.ndarray:
    """The same with patches of `detail` [T, B], at lags of whole frames: [W], normalised correlation in [-1, 1]."""
    length = round(_WINDOW * frame_rate)
    starts = _starts(len(candidate), length, _STEP * frame_rate)

    def patches(view):
        patch = np.lib.stride_tricks.sliding_window_view(view, length, axis=0).reshape(
            len(view) - length + 1, -1
        )
        return patch / np.maximum(np.linalg.norm(patch, axis=1, keepdims=True), 1e-6)

    windows = np.stack([patches(candidate[start : start + length])[0] for start in starts])
    # in blocks, for a long reference's patches take 8 kB a frame
    blocks = [
        reference[i : i + 4096 + length - 1] for i in range(0, len(reference) - length + 1, 4096)
    ]
    match = np.concatenate([windows @ patches(block).T for block in blocks], axis=1)
    if away is not None:
        match[np.abs(starts[:, None] - np.arange(match.shape[1])) < away * frame_rate] = -1
    return np.max(match, axis=1)


def threshold(own: np.ndarray) -> float:
    """The least match that tells of copying, from the matches [W] of a reference's windows with its own other parts.

    Four tenths of the way from its best own match to 1: a texture that resembles itself (an engine, a clock) asks for more
    likeness than noise does, and one that repeats itself exactly can never be said to have been copied.
    Between the halves of 144 clips of ESC-10 in six classes, both ways, no window was flagged but for four clips of clocks:
    three that play the same samples again (correlation 0.9 to 1) and one window of a fourth.
    """
    best = float(np.max(own))
    return best + _MARGIN * (1 - best) + 1e-3  # rounding is no likeness either


def copying(candidate: np.ndarray, reference: np.ndarray, *, sample_rate: int) -> dict[str, float]:
    """Shares of the candidate's windows that repeat the reference (`copied`) or another part of the candidate (`looped`).

    A window of 1/4 s counts when its best match, as a flattened wave or as log-mel detail, lies above what the reference's
    own windows find in parts of it at least 1/2 s away, with a margin (`threshold`). Windows 40 dB below the sound's level
    are left out. Both waves [N] at the working rate and level.
    """
    frame, hop, bands = _DETAIL
    mel = functools.partial(log_mel, sample_rate=sample_rate, frame=frame, hop=hop, bands=bands)
    mean, deviation = standard(mel(reference))
    by_wave = functools.partial(wave_matches, sample_rate=sample_rate)
    by_detail = functools.partial(detail_matches, frame_rate=1 / hop)
    length = round(_WINDOW * sample_rate)
    starts = _starts(len(candidate), length, _STEP * sample_rate)
    loud = np.array([audio.rms(candidate[s : s + length]) > 0.01 * LEVEL for s in starts])

    copied, looped = np.zeros(len(starts), bool), np.zeros(len(starts), bool)
    for match, a, b in (
        (
            by_wave,
            *(flatten(x, reference, sample_rate=sample_rate) for x in (candidate, reference)),
        ),
        (by_detail, *(detail((mel(x) - mean) / deviation) for x in (candidate, reference))),
    ):
        least = threshold(match(b, b, away=_AWAY))
        # frames end a window before the samples do: one window less, mostly
        for flags, found in ((copied, match(a, b)), (looped, match(a, a, away=_AWAY))):
            flags[: len(found)] |= found[: len(flags)] > least
    share = lambda flagged: float(np.sum(flagged & loud) / max(np.sum(loud), 1))
    return {"copied": share(copied), "looped": share(looped)}


# ---------------------------------------------------------------- defects


def _centers(sample_rate: int) -> np.ndarray:
    """Of third octaves from 50 Hz to Nyquist, Hz."""
    centers = 1000 * 2 ** (np.arange(-13, 20) / 3)
    return centers[centers * 2 ** (1 / 6) <= sample_rate / 2]


def band_levels(wave: np.ndarray, *, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Long-term level in third-octave bands from 50 Hz to Nyquist: centres in Hz [B], dB [B] (floor: 60 dB below the sum)."""
    power = np.abs(scipy.fft.rfft(wave * scipy.signal.windows.tukey(len(wave), 0.05))) ** 2
    frequencies = scipy.fft.rfftfreq(len(wave), 1 / sample_rate)
    centers = _centers(sample_rate)
    band = [
        np.sum(power[(frequencies >= c / 2 ** (1 / 6)) & (frequencies < c * 2 ** (1 / 6))])
        for c in centers
    ]
    return centers, 10 * np.log10(
        np.array(band) / max(np.sum(power), np.finfo(np.float32).tiny) + 1e-6
    )


def _silence(wave: np.ndarray, sample_rate: int) -> float:
    """Share of 50 ms windows 60 dB below the sound's RMS, a constant aside. As it is, [N] or [C, N]: `prepare`'s filters ring into short silences."""
    wave = np.atleast_2d(wave)
    length = round(0.05 * sample_rate)
    level = np.sqrt(
        np.mean([np.var(_frames(channel, length, length), axis=1) for channel in wave], axis=0)
    )
    return float(np.mean(level < 1e-3 * np.sqrt(np.mean(np.var(wave, axis=1)))))


def _jumps(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Second difference over its RMS in the 25 ms around without the middle 5 ms, where filters ring: a lone jump stands far out. [N - 2]"""
    second = np.abs(np.diff(wave, 2)).astype(np.float64)
    around, middle = round(0.025 * sample_rate) | 1, round(0.005 * sample_rate) | 1
    mean = lambda x, n: scipy.ndimage.uniform_filter1d(x, n, mode="nearest") * n
    outside = (mean(second**2, around) - mean(second**2, middle)) / (around - middle)
    return second / np.sqrt(
        np.maximum(outside, 1e-4 * np.mean(second**2) + np.finfo(np.float32).tiny)
    )


def clicks(candidate, reference, *, sample_rate: int) -> float:
    """Jumps a second that stand out 1.5 times as far as any in the reference, and that are at least as large as its largest 0.1 %."""
    own, found = _jumps(reference, sample_rate), _jumps(candidate, sample_rate)
    large = np.quantile(np.abs(np.diff(reference, 2)), 0.999)
    where = np.flatnonzero((found > 1.5 * np.max(own)) & (np.abs(np.diff(candidate, 2)) > large))
    count = int(np.sum(np.diff(where) > 0.005 * sample_rate)) + 1 if len(where) else 0
    return count / (len(candidate) / sample_rate)


def _clipping(wave: np.ndarray) -> float:
    """Share of samples at full scale that are not alone there: a lone one may be a peak brought to full scale. [C, N]"""
    full = np.abs(wave) >= 0.9999
    beside = np.zeros_like(full)
    beside[:, 1:] |= full[:, :-1]
    beside[:, :-1] |= full[:, 1:]
    return float(np.mean(full & beside))


def evaluate(
    candidate, reference, *, sample_rate: int, candidate_rate: int | None = None
) -> dict[str, float]:
    """Judges a candidate against its reference.

    Args:
      candidate, reference: [N] or [C, N] in [-1, 1], at least 1 s.
      sample_rate: of the reference, Hz. candidate_rate: of the candidate, Hz; None means the same.
    Returns:
      {measure: value}, in the order and with the meaning of MEANINGS.
    Raises:
      ValueError: see `prepare`.
    """
    candidate_rate = candidate_rate or sample_rate
    waves = {"the candidate": candidate, "the reference": reference}
    judged, shares, rate = _judged(waves, [candidate_rate, sample_rate])
    copied = [copying(a, b, sample_rate=rate) for a, b in judged]
    levels = lambda wave: band_levels(wave, sample_rate=rate)[1]
    gaps = [np.mean((levels(a) - levels(b)) ** 2) for a, b in judged]
    candidate, reference = np.atleast_2d(candidate), np.atleast_2d(reference)
    level_db = lambda wave, rate: 20 * np.log10(audio.audible_rms(wave, sample_rate=rate))
    return {
        **_averaged([likeness(a, b, sample_rate=rate) for a, b in judged], shares),
        # What is taken over in one stream alone is taken over.
        **{measure: max(row[measure] for row in copied) for measure in copied[0]},
        "spectrum_db": float(np.sqrt(shares @ gaps)),
        "level_db": float(level_db(candidate, candidate_rate) - level_db(reference, sample_rate)),
        "silence": max(_silence(candidate, candidate_rate) - _silence(reference, sample_rate), 0.0),
        "clicks": max(clicks(a, b, sample_rate=rate) for a, b in judged),
        "clipping": _clipping(candidate),
        "image_db": image_error(
            candidate, reference, sample_rate=sample_rate, candidate_rate=candidate_rate
        ),
    }


# Of both sides of a comparison together (-30 dB): less on one side is not told from nothing.
_IMAGE_FLOOR = 1e-3


def image_error(
    candidate: np.ndarray, reference: np.ndarray, *, sample_rate: int, candidate_rate: int
) -> float:
    """How far the stereo image is from the reference's, in dB.

    Of every two neighbouring channels, in third octaves: the difference in dB of the two levels,
    and of the levels of their difference and sum, which is how wide and how much in phase they are.
    What counts is the mean error, weighted by the reference's power in a band. Times between
    channels are heard in it only as far as they move sum and difference.

    Args:
      candidate, reference: [C, N] and [D, M]; one channel is the same in all of the reference's.
      sample_rate, candidate_rate: of the reference and of the candidate, Hz.
    """
    rate = min(sample_rate, candidate_rate, WORKING_RATE)
    channels = max(len(candidate), len(reference))
    if channels == 1:
        return 0.0

    def bands(wave, its_rate):
        wave = streams_of(audio.with_channels(wave, channels) if len(wave) != channels else wave)
        heard = [
            audio.highpass_20hz(audio.resample(stream, its_rate, rate), sample_rate=rate)
            for stream in wave
        ]
        spread = [
            10 ** (band_levels(stream, sample_rate=rate)[1] / 10) if audio.rms(stream) else 0.0
            for stream in heard
        ]
        return np.stack(
            [
                levels * audio.rms(stream) ** 2 + np.zeros(len(_centers(rate)))
                for levels, stream in zip(spread, heard)
            ]
        )

    def sides(powers):
        numbers = [(i, i + 1) for i in range(channels - 1)]
        numbers += [(channels + 2 * i + 1, channels + 2 * i) for i in range(channels - 1)]
        pairs = np.array([[powers[a], powers[b]] for a, b in numbers])
        floor = _IMAGE_FLOOR * np.sum(pairs, axis=1, keepdims=True) + np.finfo(np.float64).tiny
        ratios = 10 * np.log10((pairs + floor)[:, 0] / (pairs + floor)[:, 1])
        return ratios, np.sum(pairs, axis=1)

    (found, _), (wanted, weights) = (
        sides(bands(candidate, candidate_rate)),
        sides(bands(reference, sample_rate)),
    )
    return float(
        np.sum(weights * np.abs(found - wanted)) / max(np.sum(weights), np.finfo(np.float64).tiny)
    )
