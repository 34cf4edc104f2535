"""A stretch of a generator's endless sound in blocks, whose weights may change along it.

C' written channels, S styles.
"""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from audio_texture import morphing
from audio_texture.generators import network
from audio_texture.generators.generator import (
    BLOCK_CHUNKS,
    Generator,
    Position,
    advance,
    blocks_from,
    to_output,
)
from audio_texture.generators.styles import blend


def stretch_blocks(
    generator: Generator,
    *,
    samples: int,
    first: int = 0,
    done: int = 0,
    seed: int = 0,
    weights: Sequence[float] | None = None,
    morph_to: Sequence[float] | None = None,
) -> Iterator[np.ndarray]:
    """Yields a stretch in blocks [C', n] of some seconds, at the level of the recordings.

    Args:
      generator: the generator.
      samples: length of the whole stretch.
      first: number of its first sample in the endless sound.
      done: samples of the stretch that are left out at its beginning, as they are made already.
      seed: of the sound, from 0 to 2^32 - 1.
      weights: of the styles; equal if None.
      morph_to: weights at the end of the stretch; they change evenly but for both ends, see
        `morphing.place_at`. Each chunk has weights of its own.
    """
    if morph_to is None:
        blocks = blocks_from(generator, seed=seed, first=first + done, weights=weights)
    else:
        ends = [_normalise(end, generator) for end in (weights, morph_to)]
        blocks = _morph(generator, seed, first, done, samples, ends)
    made = done
    while made < samples:
        block = next(blocks)[:, : samples - made]
        made += block.shape[1]
        yield block


def block_samples(generator: Generator) -> int:
    """Returns how many samples the blocks of `stretch_blocks` have, but for the last one, and the
    first of a morph that begins within a chunk.
    """
    return BLOCK_CHUNKS * generator.config.chunk


def _normalise(weights: Sequence[float] | None, generator: Generator) -> np.ndarray:
    """[S], of sum 1."""
    weights = [1.0] * len(generator.styles.names) if weights is None else weights
    return np.divide(weights, np.sum(weights))


def _morph(
    generator: Generator,
    seed: int,
    first: int,
    done: int,
    samples: int,
    ends: Sequence[np.ndarray],
) -> Iterator[np.ndarray]:
    """The blocks of a stretch whose weights change from `ends[0]` to `ends[1]`."""
    config, rate = generator.config, generator.sample_rate
    start, skipped = divmod(first + done, config.chunk)

    def mixed_at(chunk):
        # Of the middle of a chunk.
        seconds = ((chunk + 0.5) * config.chunk - first) / rate
        place = float(morphing.place_at(seconds, samples / rate))
        weights = (1 - place) * ends[0] + place * ends[1]
        return blend(generator.styles, config, weights.tolist())

    def chunks():
        # The chunks of the warm-up have their own weights too: a stretch that goes on in the middle
        # of a morph then has the samples of one that was never interrupted.
        warm = start - config.warm_up
        gain = mixed_at(warm - 1)[1]
        mixed, next_gain = mixed_at(warm)
        position = Position(np.uint32(seed), warm, network.init_state(config))
        for chunk in itertools.count(warm):
            position, wave = advance(generator, mixed, position, chunks=1)
            before, gain = gain, next_gain
            mixed, next_gain = mixed_at(chunk + 1)
            if chunk < start:
                continue
            # The gain goes from middle to middle too: a step of it would be a click.
            gains = np.interp(
                np.arange(config.chunk),
                [0, config.chunk],
                [(before + gain) / 2, (gain + next_gain) / 2],
            )
            yield to_output(generator, wave * gains.astype(np.float32), 1.0)

    made = chunks()
    while True:
        block = np.concatenate(list(itertools.islice(made, BLOCK_CHUNKS)), axis=1)
        yield block[:, skipped:]
        skipped = 0
