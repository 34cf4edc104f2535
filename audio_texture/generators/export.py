"""A generator's step as StableHLO, for programs that have neither Python nor this library.

E textures, C channels of the sound, N samples of a chunk, S styles, K numbers of a state.
"""

import importlib
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import export, flatten_util

from audio_texture import audio
from audio_texture.generators import network
from audio_texture.generators.generator import Generator
from audio_texture.generators.styles import mix_colours
from audio_texture.precision import single

# Where an exported step can run, by JAX's names.
PLATFORMS = ("cpu", "cuda", "rocm", "tpu")


@single
def export_step(generator: Generator, *, platforms: Sequence[str] = PLATFORMS) -> bytes:
    """Returns the step of a generator as `jax.export` writes it, weights inside.

    `jax.export.deserialize(...).call(state, seeds, chunks, weights)` returns (state, wave):

      state: [E, K] float32; zeros at first, of which nothing is left after `config.warm_up` chunks.
      seeds: [E] uint32.
      chunks: [M] int32, numbers of chunks that follow each other.
      weights: [E, S] float32 of the styles, none below 0 and not all 0.
      wave: [E, C, M * N] float32 within -1 to 1, the samples of `stretch` from chunk `chunks[0]`.

    E and M are whatever the arguments have; the other sizes are fixed. Bands for styles
    (`styles.blend`) cannot be exported: they are another program. The name of the function ends
    with the sample rate in Hz: "generator_16000".

    Args:
      generator: the generator.
      platforms: where it is to run, some of `PLATFORMS`.
    Raises:
      ValueError: a generator that follows a content; an unknown platform; the package flatbuffers,
        in which JAX writes, is not installed.
    """
    _check(generator, platforms)
    config = generator.config
    styles = len(generator.styles.names)
    net = network.Generator(config, styles)
    silence, unpack = flatten_util.ravel_pytree(network.init_state(config))

    def advance(state, seed, chunks, weights):
        mixed, gain = _blend(generator, weights)
        state, wave = net.apply(
            {"params": generator.parameters},
            unpack(state),
            seed,
            chunks[0],
            chunks.shape[0],
            mixed,
        )
        return flatten_util.ravel_pytree(state)[0], _to_output(generator, wave, gain)

    step = jax.vmap(advance, in_axes=(0, 0, None, 0))
    step.__name__ = f"generator_{config.sample_rate}"
    textures, chunks = export.symbolic_shape("textures, chunks")
    shapes = (
        jax.ShapeDtypeStruct((textures, silence.size), jnp.float32),
        jax.ShapeDtypeStruct((textures,), jnp.uint32),
        jax.ShapeDtypeStruct((chunks,), jnp.int32),
        jax.ShapeDtypeStruct((textures, styles), jnp.float32),
    )
    return bytes(export.export(jax.jit(step), platforms=platforms)(*shapes).serialize())


def _check(generator, platforms):
    if generator.config.content_bands:
        raise ValueError("a generator that follows a content cannot be exported.")
    if not platforms or not set(platforms) <= set(PLATFORMS):
        raise ValueError(
            f"platforms must be some of {', '.join(PLATFORMS)}, got {', '.join(platforms)!r}."
        )
    check_export_package()


def check_export_package() -> None:
    """Raises ValueError where the package is missing in which JAX writes exported steps."""
    try:
        importlib.import_module("flatbuffers")
    except ImportError as error:
        raise ValueError(
            "the package flatbuffers, with which JAX writes exported steps, is not installed: "
            "pip install flatbuffers"
        ) from error


def _blend(generator, weights):
    """`styles.blend` by weights [S], in JAX."""
    config, styles = generator.config, generator.styles
    parts = weights / jnp.sum(weights)
    shares = jnp.broadcast_to(parts[:, None], (len(styles.names), styles.colours.shape[-1]))
    mixed = network.Blend(
        weights=parts[None],
        shares={stage.name: np.ones((1, stage.bands), np.float32) for stage in config.stages},
        colour=mix_colours(jnp.asarray(styles.colours), shares, jnp),
        heard=jnp.einsum("scb,s->cb", styles.heard, parts),
        coupling=jnp.einsum("sfij,s->fij", styles.couplings, parts),
        beats=styles.beats,
    )
    return mixed, jnp.sqrt(jnp.sum(parts * np.square(styles.gains)))


def _to_output(generator, wave, gain):
    """`generator.to_output` in JAX."""
    wave = jnp.einsum("dc,cn->dn", generator.factors, wave * gain)
    wave = wave * np.float32(10 ** (-generator.lowered_db / 20))
    size, knee = jnp.abs(wave), audio.KNEE
    rounded = knee + (1 - knee) * jnp.tanh((size - knee) / (1 - knee))
    return jnp.where(size > knee, jnp.sign(wave) * jnp.minimum(rounded, audio.FULL_SCALE), wave)
