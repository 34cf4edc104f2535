"""Small generators for tests, of random weights: quick to make, and nothing in them is zero."""

import functools

import jax
import numpy as np
from helpers import correlated, crackle, noise

from audio_texture import generators
from audio_texture.generators import Generator, GeneratorConfig, network

RATE = 8000
SIZES = {"width": 4, "levels": 4, "noises": 4}


def config(channels: int = 1, **sizes: int) -> GeneratorConfig:
    """Sizes of a small generator."""
    return GeneratorConfig(RATE, channels, **{**SIZES, **sizes})


def recordings(channels: int = 1) -> list[np.ndarray]:
    """Two unlike sounds [channels, 6000], each with unlike channels where there are two."""
    if channels == 1:
        return [crackle(6000), noise(6000, seed=1)]
    return [correlated(6000, 0.7, make=crackle), correlated(6000, -0.3, seed=1)]


def random_parameters(net: network.Generator, seed: int = 0):
    """Parameters of a network, all drawn at random: `init_parameters` leaves its gains at 0."""
    shapes = jax.eval_shape(lambda: generators.init_parameters(net, jax.random.key(0)))
    rng = np.random.default_rng(seed)

    def draw(path, leaf):
        values = rng.standard_normal(leaf.shape).astype(np.float32)
        if path[-1].key == "scale":
            return 1 + 0.3 * values
        if path[-1].key == "shift":
            return 0.3 * values
        return values / np.float32(np.sqrt(leaf.shape[0]))

    return jax.tree_util.tree_map_with_path(draw, shapes)


@functools.cache
def make_generator(channels: int = 1, styles: int = 1, seed: int = 0) -> Generator:
    """A small generator of random weights with the colours of `recordings`."""
    sizes, waves = config(channels), recordings(channels)[:styles]
    names = ["crackle", "noise"][:styles]
    fitted = generators.fit_styles(names, waves, sizes, smoothing_hz=20.0)
    fitted = fitted._replace(gains=np.linspace(0.8, 0.5, styles, dtype=np.float32))
    return Generator(
        config=sizes,
        parameters=random_parameters(network.Generator(sizes, styles), seed),
        styles=fitted,
        factors=np.eye(channels, dtype=np.float32),
        peak=0.5,
        training={"recipe": {"name": "some"}, "evaluations": 3},
    )
