"""generators/noise.py: numbers from a seed and a position, and noise of a colour made of them."""

import generator_reference
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from helpers import relative_error
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_texture.generators import noise

SEEDS = st.integers(0, 2**32 - 1)
CHUNK = 16
coloured = jax.jit(noise.coloured, static_argnums=2)


def draw(seed=0, stream=0, frames=4000, count=64):
    numbers = noise.normal(np.uint32(seed), stream, np.arange(frames, dtype=np.uint32), count)
    return np.asarray(numbers, np.float64)


def standard_errors(x, y):
    """The mean product of two arrays of standard normal numbers, in standard errors of it."""
    return abs(np.mean(x * y)) * np.sqrt(np.size(x))


def test_scramble_is_exact():
    """Other programs draw the same bits: every operation must wrap at 32 bits."""
    numbers = np.random.default_rng(0).integers(0, 2**32, 200, dtype=np.uint32)
    numbers[:3] = 0, 1, 2**32 - 1
    made = noise.scramble(jnp.asarray(numbers))
    assert made.dtype == jnp.uint32
    assert made.tolist() == generator_reference.scramble(numbers).tolist()
    assert int(noise.scramble(jnp.uint32(1))) == 0x514E28B7  # Of MurmurHash3 itself.


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, stream=st.integers(0, 2000), frame=SEEDS)
def test_normal_numbers_equal_a_reference(seed, stream, frame):
    made = noise.normal(np.uint32(seed), stream, np.array([frame], np.uint32), 8)
    # A single other bit of the 24 that are used moves a number by more than this.
    np.testing.assert_allclose(made[0], generator_reference.draw(seed, stream, frame, 8), atol=3e-6)


def test_numbers_are_standard_normal_and_white():
    """Mean, variance, shape of the distribution, and no number that predicts another."""
    numbers = draw()
    assert abs(numbers.mean()) * np.sqrt(numbers.size) < 4
    assert abs(np.mean(numbers**2) - 1) * np.sqrt(numbers.size / 2) < 4
    assert scipy.stats.kstest(numbers.ravel(), "norm").pvalue > 1e-3
    assert 4.3 < np.abs(numbers).max() < 6  # The largest of a quarter million numbers.
    for x, y in (
        (numbers[1:], numbers[:-1]),
        (numbers[64:], numbers[:-64]),
        (numbers[:, 1:], numbers[:, :-1]),
        (numbers[:, :32], numbers[:, 32:]),
        (numbers[:, :32] ** 2 - 1, (numbers[:, 32:] ** 2 - 1) / 2),
    ):
        assert standard_errors(x, y) < 4


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 1},
        {"seed": 2**31},
        {"stream": 1},
        {"stream": noise.AUDIBLE},
        # A seed and a stream that add up to the same number.
        {"seed": 2**32 - 1, "stream": 1},
    ],
)
def test_seeds_and_streams_are_independent(other):
    assert standard_errors(draw(), draw(**other)) < 4
    assert standard_errors(draw()[1:], draw(**other)[:-1]) < 4


def test_a_frame_is_the_same_wherever_it_is_drawn():
    frames = np.array([2**32 - 1, 5, 0], np.uint32)
    made = noise.normal(np.uint32(3), 2, frames, 6)
    for frame, row in zip(frames, made, strict=True):
        np.testing.assert_array_equal(
            noise.normal(np.uint32(3), 2, np.array([frame], np.uint32), 6)[0], row
        )


def random_colour(channels=2):
    shape = channels, 2 * CHUNK + 1
    return np.random.default_rng(0).uniform(0.1, 2, shape).astype(np.float32)


@pytest.mark.parametrize(("chunk", "chunks"), [(0, 5), (3, 1), (-3, 4), (-8, 2), (1001, 3)])
def test_coloured_noise_equals_a_reference(chunk, chunks):
    """Odd and even, negative and far chunks: each has its own place in a frame of four."""
    colour = random_colour()
    made = coloured(np.uint32(7), jnp.int32(chunk), chunks, jnp.asarray(colour))
    assert made.shape == (2, chunks * CHUNK)
    assert relative_error(made, generator_reference.coloured(7, chunk, chunks, colour)) < 1e-5


def test_any_chunk_by_itself():
    """Catches noise that depends on where a block begins."""
    colour = jnp.asarray(random_colour())
    whole = np.asarray(coloured(np.uint32(1), jnp.int32(-3), 9, colour))
    for number in range(9):
        alone = coloured(np.uint32(1), jnp.int32(number - 3), 1, colour)
        begin = number * CHUNK
        np.testing.assert_allclose(alone, whole[:, begin : begin + CHUNK], atol=1e-5)


def test_the_power_spectrum_is_the_colour():
    """White noise of a colour of ones has variance 1, everywhere in a chunk, and in each band noise
    has the colour's power.
    """
    bins = 2 * 64 + 1
    ones = np.asarray(coloured(0, jnp.int32(0), 4000, jnp.ones((1, bins))))[0]
    assert abs(np.mean(ones**2) - 1) < 0.02
    by_place = np.mean(ones.reshape(-1, 128) ** 2, axis=0)
    assert np.all(np.abs(by_place - 1) < 5 * np.sqrt(2 / 2000))
    # Smooth over the four bins that the frames' window spans.
    colour = 1 + 0.9 * np.cos(2 * np.pi * np.arange(bins) / bins)
    made = coloured(1, jnp.int32(0), 4000, jnp.asarray(colour[None], jnp.float32))[0]
    frames = np.asarray(made).reshape(-1, 256) * np.hanning(256)
    powers = np.mean(np.abs(np.fft.rfft(frames)) ** 2, axis=0) / np.sum(np.hanning(256) ** 2)
    np.testing.assert_allclose(np.sqrt(powers[2:-2]), colour[2:-2], rtol=0.12, atol=0.01)


def test_channels_are_independent():
    made = np.asarray(coloured(0, jnp.int32(0), 600, jnp.ones((2, 65))), np.float64)
    # Windows overlap, so that samples are not quite independent.
    assert standard_errors(made[0], made[1]) < 5
