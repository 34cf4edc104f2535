"""How loud a wave is, where it is silent, and how it is brought to a level."""

import math

import numpy as np

from audio_texture.audio.peaks import FULL_SCALE

# A file whose RMS lies below this (-100 dB of full scale) holds nothing but dither.
SILENCE = 1e-5
# The ends of a recording are silent if their RMS lies below this (-80 dB of full scale) and far
# below the loudest part of the recording.
NEAR_SILENCE = 1e-4
# Samples in the blocks whose levels tell where silence ends.
SILENCE_BLOCK = 256
# An event is within this many dB of the loudest block; the length of a block, and of the silence
# that parts two events, in seconds.
_EVENT_DB, _EVENT_BLOCK, _EVENT_GAP = 35.0, 0.02, 0.1
# So does a level that falls and rises again by this many dB.
_EVENT_RISE_DB = 10.0
# Frequencies below this many Hz are inaudible and add nothing to the level.
LOWEST_AUDIBLE_HZ = 20.0


def rms(wave: np.ndarray) -> float:
    """Returns the root mean square over all channels and samples; 0 for an empty wave.

    Example:
      >>> rms(np.array([[3.0, -3.0]]))
      3.0
    """
    return float(np.sqrt(np.mean(np.square(wave, dtype=np.float64)))) if wave.size else 0.0


def highpass_20hz(wave: np.ndarray, *, sample_rate: float) -> np.ndarray:
    """Returns a wave [..., N] without the frequencies below `LOWEST_AUDIBLE_HZ`, as float32.

    The filter has zero phase. The wave is mirrored at both ends, so that the ends do not ring.

    Example:
      >>> bool(rms(highpass_20hz(np.ones((1, 4000)), sample_rate=8000)) < 1e-3)
      True
    """
    # Imported here and below: it takes 0.7 s, which a first look at a file need not wait for.
    import scipy.signal

    sections = scipy.signal.butter(4, LOWEST_AUDIBLE_HZ, "high", fs=sample_rate, output="sos")
    return scipy.signal.sosfiltfilt(
        sections, wave, padlen=min(wave.shape[-1] - 1, round(sample_rate / 4))
    ).astype(np.float32)


def audible_rms(wave: np.ndarray, *, sample_rate: float) -> float:
    """Returns the RMS of the audible part of a wave [C, N], or of all of it if that is silent.

    Wind noise at 5 Hz can hold three quarters of a recording's power. If two sounds have the same
    plain RMS but only one has such noise, their audible parts differ in loudness.

    Example:
      >>> wave = np.sin(2 * np.pi * 500 * np.arange(8000) / 8000)[None]
      >>> round(audible_rms(wave + 0.5, sample_rate=8000), 2)
      0.71
    """
    if not wave.size:
        return rms(wave)
    # One channel at a time: ten minutes in double precision take much memory.
    powers = [rms(highpass_20hz(channel, sample_rate=sample_rate)) ** 2 for channel in wave]
    audible = math.sqrt(np.mean(powers))
    return audible if audible >= SILENCE else rms(wave)


def check_audible(wave: np.ndarray, name: str) -> None:
    """Raises ValueError, naming the sound, if it is digital silence or constant (DC).

    Example:
      >>> check_audible(np.zeros((1, 8)), "rain.wav")
      Traceback (most recent call last):
      ValueError: rain.wav is silent: its level must be above -100 dB of full scale.
    """
    if rms(wave) < SILENCE:
        raise ValueError(
            f"{name} is silent: its level must be above {20 * math.log10(SILENCE):.0f} dB"
            " of full scale."
        )
    if rms(wave - np.mean(wave, axis=-1, keepdims=True)) < SILENCE:
        raise ValueError(f"{name} is a constant (DC), not a sound.")


def match_level(wave: np.ndarray, wanted: float, *, sample_rate: float) -> tuple[np.ndarray, float]:
    """Scales a wave to a level, or to the highest level below it at which nothing clips.

    Args:
      wave: [C, N].
      wanted: level, as `audible_rms` measures it.
      sample_rate: in Hz.
    Returns:
      The wave, float32, with no sample over full scale, and how many dB it lies below the wanted
      level (mostly 0).
    Example:
      >>> wave = np.sin(2 * np.pi * 500 * np.arange(8000) / 8000)[None]
      >>> scaled, lacking_db = match_level(wave, 0.1, sample_rate=8000)
      >>> round(rms(scaled), 2), lacking_db
      (0.1, 0.0)
    """
    current = audible_rms(wave, sample_rate=sample_rate)
    return lower_to_full_scale(wave * (wanted / max(current, np.finfo(np.float32).tiny)))


def lower_to_full_scale(wave: np.ndarray) -> tuple[np.ndarray, float]:
    """The wave, float32, lowered as far as it must be for no sample to pass full scale, and by how
    many dB (mostly 0).

    Example:
      >>> wave, lowered_db = lower_to_full_scale(np.array([[1.0, -2.0]]))
      >>> wave, round(lowered_db, 2)
      (array([[ 0.4999, -0.9999]], dtype=float32), 6.02)
    """
    excess = max(float(np.max(np.abs(wave), initial=0.0)) / FULL_SCALE, 1.0)
    return (wave / excess).astype(np.float32), 20 * math.log10(excess)


def fade_in(wave: np.ndarray, samples: int) -> np.ndarray:
    """Returns a wave [C, N] with a raised-cosine fade over its first samples, as float32.

    A file that begins in full sound begins with a click. The rest of the wave stays as it is.

    Args:
      wave: [C, N].
      samples: length of the fade; a longer one than the wave is cut to its length.
    Example:
      >>> fade_in(np.ones((1, 5)), 2)
      array([[0.1464, 0.8536, 1.    , 1.    , 1.    ]], dtype=float32)
    """
    length = min(samples, wave.shape[1])
    faded = np.array(wave, np.float32)
    faded[:, :length] *= np.sin(np.pi / 2 * (np.arange(length) + 0.5) / max(length, 1)) ** 2
    return faded


def fade_out(wave: np.ndarray, samples: int, *, left: int = 0) -> np.ndarray:
    """Returns a wave [C, N] with a raised-cosine fade to the end of its sound, as float32.

    Args:
      wave: [C, N]; a whole sound, or a piece of it.
      samples: length of the fade.
      left: samples of the sound that follow the piece.
    Example:
      >>> fade_out(np.ones((1, 5)), 2)
      array([[1.    , 1.    , 1.    , 0.8536, 0.1464]], dtype=float32)
      >>> fade_out(np.ones((1, 5)), 2, left=1)
      array([[1.    , 1.    , 1.    , 1.    , 0.8536]], dtype=float32)
    """
    before_end = left + np.arange(wave.shape[1])[::-1]
    places = np.minimum((before_end + 0.5) / max(samples, 0.5), 1)
    return (wave * np.sin(np.pi / 2 * places) ** 2).astype(np.float32)


def fade_ends(wave: np.ndarray, samples: int) -> np.ndarray:
    """Returns a wave [C, N] with `fade_in` and `fade_out`, each over at most half of it.

    Example:
      >>> fade_ends(np.ones((1, 4)), 9)
      array([[0.1464, 0.8536, 0.8536, 0.1464]], dtype=float32)
    """
    samples = min(samples, wave.shape[1] // 2)
    return fade_out(fade_in(wave, samples), samples)


def trim_silence(wave: np.ndarray) -> np.ndarray:
    """Cuts silence off both ends: padding is no part of a texture. [C, N] -> [C, N or fewer].

    Example:
      >>> trim_silence(np.array([[0.0, 0.0, 0.5, -0.5, 0.0]])).shape
      (1, 2)
    """
    return wave[:, slice(*find_sound(wave))]


def find_sound(wave: np.ndarray) -> tuple[int, int]:
    """Returns where a wave [C, N] begins to sound and where it ends: the first sample and the one
    behind the last.

    First exact zeros in all channels are left out, then whole blocks (of 256 samples) that are
    `near_silent`, such as dither or the noise of a converter. A fade stays, down to where it is
    inaudible.

    Example:
      >>> find_sound(np.array([[0.0, 0.0, 0.5, -0.5, 0.0]]))
      (2, 4)
    """
    nonzero = np.flatnonzero(np.any(wave != 0, axis=0))
    if not len(nonzero):
        return 0, 0
    first, end = int(nonzero[0]), int(nonzero[-1]) + 1
    wave = wave[:, first:end]
    # Blocks are counted from either end, so that a last, shorter block needs no special case.
    silent_samples = []
    for view in (wave, wave[:, ::-1]):
        loud_blocks = np.flatnonzero(~near_silent(block_levels(view)))
        silent_samples.append(int(loud_blocks[0]) * SILENCE_BLOCK if len(loud_blocks) else 0)
    return first + silent_samples[0], end - silent_samples[1]


def measure_events(wave: np.ndarray, *, sample_rate: float) -> tuple[float, int]:
    """Returns for how many seconds a wave [C, N] sounds, and in how many events.

    It sounds where it is less than 35 dB below its loudest 20 ms. An event begins after 0.1 s of
    silence and more, or where the level, in dB, rises by 10 dB or more to a peak. So a continuous
    sound is a single event that lasts throughout.

    Example:
      >>> wave = np.random.default_rng(0).standard_normal((1, 8000))
      >>> wave[:, 1600:6400] *= 1e-3
      >>> measure_events(wave, sample_rate=8000)
      (0.4, 2)
    """
    size = max(1, round(_EVENT_BLOCK * sample_rate))
    levels = block_levels(wave, size)
    floor = 10 ** (-_EVENT_DB / 20) * np.max(levels, initial=0.0)
    sounding = np.flatnonzero(levels > floor)
    if not len(sounding):
        return 0.0, 0
    gaps = np.diff(sounding) * size > _EVENT_GAP * sample_rate
    levels_db = 20 * np.log10(np.pad(np.maximum(levels, floor), 1, constant_values=floor))
    import scipy.signal

    peaks, _ = scipy.signal.find_peaks(levels_db, prominence=_EVENT_RISE_DB)
    return len(sounding) * size / sample_rate, max(1 + int(np.sum(gaps)), len(peaks))


def near_silent(levels: np.ndarray) -> np.ndarray:
    """Says which blocks are inaudible beside the loudest block. [blocks] RMS -> [blocks] bool.

    A near-silent block lies below -80 dB of full scale and 60 dB below the loudest block. 16-bit
    dither lies at -96 dB, shaped dither up to about -82 dB. A recording that is quiet throughout
    has no near-silent block.

    Example:
      >>> near_silent(np.array([1e-6, 0.1])).tolist()
      [True, False]
    """
    return levels < min(NEAR_SILENCE, 1e-3 * np.max(levels, initial=0.0))


def block_levels(wave: np.ndarray, size: int = SILENCE_BLOCK) -> np.ndarray:
    """Returns the RMS [N // size] of the blocks of a wave [C, N], in the loudest channel.

    The block's mean is left out, since a constant is inaudible. size: of a block, in samples.

    Example:
      >>> block_levels(np.ones((1, 600))).tolist()
      [0.0, 0.0]
    """
    blocks = wave[:, : wave.shape[1] // size * size].reshape(len(wave), -1, size)
    return np.max(np.std(blocks, axis=2), axis=0, initial=0.0)
