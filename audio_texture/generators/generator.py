"""A trained generator: endless sound from a seed and a position.

Sound is made in chunks (`GeneratorConfig.chunk` samples, 0.2 to 0.4 s). Everything random
is a function of the seed and the chunk's number, and the state is forgotten after
`GeneratorConfig.warm_up` chunks: any stretch can be made by itself and equals the same stretch of
a longer one.

C channels, N samples of a chunk, S styles.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from audio_texture import audio
from audio_texture.errors import ChoiceError
from audio_texture.generators import network
from audio_texture.generators.config import GeneratorConfig
from audio_texture.generators.network import Blend
from audio_texture.generators.styles import Styles, blend
from audio_texture.precision import single

# Chunks that `stretch` makes at once.
BLOCK_CHUNKS = 16
# Numbers of chunks have 31 bits; those of a block must fit too.
LAST_CHUNK = 2**31 - 2**10


class Generator(NamedTuple):
    """A trained generator; it holds no recording.

    Attributes:
      config: the sizes.
      parameters: of the network.
      styles: what it makes.
      factors: [C', C], turns modelled channels into written ones; see `audio.fold_channels`.
      peak: largest absolute sample of the recordings and of the sound it was last heard with, at
        their level: louder than full scale, everything is lowered by as much.
      training: how it was made, as plain types: the recipe, and what `training` records.
    """

    config: GeneratorConfig
    parameters: Any
    styles: Styles
    factors: np.ndarray
    peak: float
    training: dict[str, Any]

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        return self.config.sample_rate

    @property
    def channels(self) -> int:
        """Number of written channels."""
        return len(self.factors)

    @property
    def lowered_db(self) -> float:
        """By how much all sound is below the recordings' level, so that it does not clip."""
        return audio.lowering_db(self.peak, audio.KNEE) if self.peak > 1 else 0.0


class Position(NamedTuple):
    """Where a sound goes on.

    Attributes:
      seed: of the noise.
      chunk: number of the next chunk.
      state: of the network.
    """

    seed: np.uint32
    chunk: int
    state: Any


def begin(
    generator: Generator,
    mixed: Blend,
    *,
    seed: int,
    chunk: int = 0,
    content: network.Content | None = None,
) -> Position:
    """Returns the position before a chunk, as if the sound had always been playing.

    Args:
      generator: the generator.
      mixed: of `styles.blend`.
      seed: from 0 to 2^32 - 1.
      chunk: number of the first chunk.
      content: of the `warm_up` chunks before, for a generator that follows one.
    """
    warm_up = generator.config.warm_up
    state = network.init_state(generator.config, voices=len(mixed.weights))
    start = Position(np.uint32(seed), chunk - warm_up, state)
    return advance(generator, mixed, start, chunks=warm_up, content=content)[0]


@single
def advance(
    generator: Generator,
    mixed: Blend,
    position: Position,
    *,
    chunks: int,
    content: network.Content | None = None,
) -> tuple[Position, np.ndarray]:
    """Returns the next position and the wave [C, chunks * N] at the modelled level.

    Args:
      generator: the generator.
      mixed: of `styles.blend`; it may change from call to call.
      position: of `begin`, or of the last call.
      chunks: how many.
      content: during the chunks.
    Raises:
      ChoiceError: a position after the end of all sounds, some years from their beginning.
    """
    if abs(position.chunk) >= LAST_CHUNK:
        seconds = LAST_CHUNK * generator.config.chunk / generator.sample_rate
        raise ChoiceError(
            f"position must be before {seconds:.3g} s, the end of all sounds.", field="position"
        )
    run = compile_chunks(generator.config, len(generator.styles.names), chunks)
    number = np.int32(position.chunk)
    state, wave = run(generator.parameters, position.state, position.seed, number, mixed, content)
    return Position(position.seed, position.chunk + chunks, state), np.asarray(wave)


@functools.lru_cache(maxsize=16)
def compile_chunks(config: GeneratorConfig, styles: int, chunks: int) -> Any:
    """Returns the compiled step: (parameters, state, seed, chunk, blend, content) -> (state, wave).

    styles: S; chunks: how many it makes.
    """
    net = network.Generator(config, styles)

    def run(parameters, state, seed, chunk, mixed, content):
        return net.apply({"params": parameters}, state, seed, chunk, chunks, mixed, content)

    return jax.jit(run)


def stretch(
    generator: Generator,
    *,
    seconds: float,
    seed: int = 0,
    start: float = 0.0,
    weights: Sequence[float] | None = None,
    bands: Sequence[tuple[float, float]] | None = None,
) -> np.ndarray:
    """Returns a stretch of the endless sound of a seed, at the level of the recordings.

    Args:
      generator: the generator.
      seconds: length.
      seed: from 0 to 2^32 - 1.
      start: where the stretch begins, in seconds.
      weights: of the styles; equal if None.
      bands: see `styles.blend`.
    Returns:
      [C', samples] float32.
    """
    rate = generator.sample_rate
    first, count = round(start * rate), round(seconds * rate)
    blocks, made = [], 0
    for block in blocks_from(generator, seed=seed, first=first, weights=weights, bands=bands):
        blocks.append(block[:, : count - made])
        made += blocks[-1].shape[1]
        if made >= count:
            break
    return np.concatenate(blocks, axis=1)


def first_seconds(
    generator: Generator, weights: Sequence[float], *, seconds: float, seed: int = 0
) -> np.ndarray:
    """Returns the beginning of a seed's sound as it is modelled: [C, samples], not at its level.

    Args:
      generator: the generator; neither gains nor peak are needed.
      weights: of the styles.
      seconds: length.
      seed: from 0 to 2^32 - 1.
    """
    mixed, _ = blend(generator.styles, generator.config, weights)
    count = round(seconds * generator.sample_rate)
    position, waves = begin(generator, mixed, seed=seed), []
    for _ in range(-(-count // (BLOCK_CHUNKS * generator.config.chunk))):
        position, wave = advance(generator, mixed, position, chunks=BLOCK_CHUNKS)
        waves.append(wave)
    return np.concatenate(waves, axis=1)[:, :count]


def blocks_from(
    generator: Generator,
    *,
    seed: int = 0,
    first: int = 0,
    samples: int = 0,
    weights: Sequence[float] | None = None,
    bands: Sequence[tuple[float, float]] | None = None,
) -> Iterator[np.ndarray]:
    """Yields the endless sound of a seed in blocks [C', samples], at the level of the recordings.

    Blocks of any size hold the same samples.

    Args:
      generator: the generator.
      seed: from 0 to 2^32 - 1.
      first: number of the first sample.
      samples: of a block; 0 for as many as are made at once.
      weights: of the styles; equal if None.
      bands: see `styles.blend`.
    """
    config = generator.config
    mixed, gain = blend(generator.styles, config, weights, bands=bands)
    samples = samples or BLOCK_CHUNKS * config.chunk
    # Short blocks wait for as few chunks as possible.
    chunks = min(BLOCK_CHUNKS, -(-samples // config.chunk))
    position = begin(generator, mixed, seed=seed, chunk=first // config.chunk)
    held = np.zeros((generator.channels, 0), np.float32)
    skipped = first % config.chunk
    while True:
        while held.shape[1] < samples + skipped:
            position, wave = advance(generator, mixed, position, chunks=chunks)
            held = np.concatenate([held, to_output(generator, wave, gain)], axis=1)
        held = held[:, skipped:]
        skipped = 0
        yield held[:, :samples]
        held = held[:, samples:]


def to_output(generator: Generator, wave: np.ndarray, gain: float) -> np.ndarray:
    """Returns a wave [C, N] as it is written: [C', N] at the recordings' level, without clipping.

    gain: of `styles.blend`.
    """
    factor = np.float32(gain * 10 ** (-generator.lowered_db / 20))
    return audio.round_off_peaks(generator.factors @ (wave * factor))


def map_styles(generator: Generator) -> np.ndarray:
    """Returns the places of the styles on a map, on which alike styles lie near each other.

    A style is the vector of its scales and shifts in the network; the map has the two directions in
    which these vectors differ most (principal components), scaled so that the furthest style is at
    a distance of 1 from the mean.

    Returns:
      [S, 2]; 0 for a single style.
    """
    count = len(generator.styles.names)
    pairs = jax.tree_util.tree_flatten_with_path(generator.parameters)[0]
    rows = [leaf for path, leaf in pairs if path[-1].key in network.OF_STYLES]
    vectors = np.concatenate(rows, axis=1)
    centred = vectors - np.mean(vectors, axis=0, keepdims=True)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    places = np.zeros((count, 2))
    kept = min(2, len(sizes))
    places[:, :kept] = left[:, :kept] * sizes[None, :kept]
    return places / max(np.max(np.linalg.norm(places, axis=1)), np.finfo(np.float32).tiny)
