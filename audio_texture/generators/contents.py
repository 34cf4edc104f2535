"""Transfer in one pass: a generator that follows a content (Johnson, Alahi & Fei-Fei 2016).

C channels, N samples of a chunk, T frames of level 0.
"""

import jax.numpy as jnp
import numpy as np

from audio_texture import audio, colour
from audio_texture.errors import ChoiceError
from audio_texture.generators import noise, shaping
from audio_texture.generators.config import GeneratorConfig
from audio_texture.generators.generator import BLOCK_CHUNKS, Generator, advance, begin
from audio_texture.generators.network import Content
from audio_texture.generators.styles import blend
from audio_texture.precision import single

# Frames of level 0 that the network sees of the content ahead of the wave that it shapes.
LOOK_AHEAD = 4
# Least amplitude of a band relative to the mean of all, and least std of the natural logarithm of
# its amplitude: silence has no pattern.
_FLOOR, _LEAST_STD = 1e-3, 0.3
# Seconds of noise of the style that the content's spectrum is brought to.
_SPECTRUM_SECONDS = 8.0


def chunks_of(config: GeneratorConfig, samples: int) -> int:
    """Returns the number of chunks in which a result of `samples` is complete, after the warm-up.

    Example:
      >>> chunks_of(GeneratorConfig(16000), 64000)
      17
    """
    return -(-(samples + config.delay) // config.chunk)


def describe(wave: np.ndarray, config: GeneratorConfig, colours: np.ndarray) -> Content:
    """Returns what a generator is given of a content: `warm_up` chunks before, `chunks_of` after.

    Before its beginning and after its end the content is mirrored.

    Args:
      wave: [C, samples] at the generator's rate.
      config: of the generator.
      colours: [C, F] of the style, whose spectrum the content's own wave is brought to.
    """
    rate, stage = config.sample_rate, config.heard
    hop = stage.n_fft // shaping.OVERLAP
    chunks = chunks_of(config, wave.shape[1])
    before = config.warm_up * config.chunk
    after = chunks * config.chunk - wave.shape[1]
    padded = np.pad(wave, ((0, 0), (before, after)), "reflect")
    past = jnp.zeros((len(wave), stage.n_fft - hop))
    spectra = np.asarray(shaping.analyse(past, jnp.asarray(padded), n_fft=stage.n_fft)[0])
    weights = shaping.band_weights(stage.n_fft, config.content_bands, rate)
    powers = np.mean(np.abs(spectra) ** 2, axis=0) @ weights
    levels = 0.5 * np.log(powers + _FLOOR**2 * np.mean(powers) + np.finfo(np.float32).tiny)
    std = np.maximum(np.std(levels, axis=0, keepdims=True), _LEAST_STD)
    levels = ((levels - np.mean(levels, axis=0, keepdims=True)) / std).astype(np.float32)
    # The middle stage shapes a wave that the slow one has made late.
    slow = config.stages[0]
    late = (slow.n_fft - slow.n_fft // shaping.OVERLAP) // hop - LOOK_AHEAD
    pair = np.stack([levels, np.roll(levels, late, axis=0)], axis=1)
    count = round(_SPECTRUM_SECONDS * rate / config.chunk)
    style = np.asarray(noise.coloured(0, jnp.int32(0), count, jnp.asarray(colours)))
    return Content(pair, colour.match_band_levels(padded, style, sample_rate=rate))


@single
def transform(
    generator: Generator, content: np.ndarray, *, sample_rate: int, seed: int = 0
) -> np.ndarray:
    """Returns a content in a generator's style, at the content's length, rate and level.

    Args:
      generator: one that follows a content.
      content: [C', samples]; a mono content of a stereo generator becomes stereo.
      sample_rate: of the content, in Hz.
      seed: from 0 to 2^32 - 1.
    Returns:
      [C', samples] float32.
    Raises:
      ChoiceError: the generator follows no content, or has fewer channels than the content.
    """
    config = generator.config
    if not config.content_bands:
        raise ChoiceError("the generator follows no content.", field="generator")
    modelled = to_model(generator, content, sample_rate=sample_rate)
    mixed, _ = blend(generator.styles, config)
    described = describe(modelled, config, mixed.colour)
    warm_up, frames = config.warm_up, config.frames(0)

    def part(first, count):
        return Content(
            described.levels[first * frames : (first + count) * frames],
            described.wave[:, first * config.chunk : (first + count) * config.chunk],
        )

    position = begin(generator, mixed, seed=seed, content=part(0, warm_up))
    total, made, waves = chunks_of(config, modelled.shape[1]), 0, []
    while made < total:
        count = min(BLOCK_CHUNKS, total - made)
        position, wave = advance(
            generator, mixed, position, chunks=count, content=part(warm_up + made, count)
        )
        waves.append(wave)
        made += count
    wave = np.concatenate(waves, axis=1)[:, config.delay : config.delay + modelled.shape[1]]
    wave = audio.resample(generator.factors @ wave, config.sample_rate, sample_rate)
    level = audio.audible_rms(content, sample_rate=sample_rate)
    return audio.match_level(wave[:, : content.shape[1]], level, sample_rate=sample_rate)[0]


def to_model(generator: Generator, content: np.ndarray, *, sample_rate: int) -> np.ndarray:
    """Returns a content as a generator models it: [C, samples] at its rate.

    ChoiceError where the content has more channels than the generator.
    """
    config = generator.config
    if len(content) > generator.channels:
        raise ChoiceError(
            f"the content has {len(content)} channels, the generator {generator.channels}.",
            field="content",
        )
    wave = audio.resample(content, sample_rate, config.sample_rate)
    if len(wave) < generator.channels:
        wave = np.tile(wave.mean(axis=0, keepdims=True), (generator.channels, 1))
    return (np.linalg.pinv(generator.factors) @ wave).astype(np.float32)
