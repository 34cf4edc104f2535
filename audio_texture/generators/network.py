"""The generating network: noise at several frame rates becomes gains over time and frequency.

Each level of convolutions has twice the frame rate of the level before it and sees noise of its
own, after the texture networks of Ulyanov, Lebedev, Vedaldi & Lempitsky 2016, and oscillators at
the beats of its style, if that has any. Each style has a scale and a shift for every channel
(Dumoulin, Shlens & Kudlur 2017). They follow no instance normalisation: its statistics over a block
would make samples depend on the block's length.

Convolutions are causal and keep the frames before a block, so blocks of any length give what one
pass gives.

T frames of a level, W channels of the network, C channels of the sound, S styles, B bands, V voices
(copies of the network with styles of their own, each for its own bands; usually one).
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import canvas
from audio_texture.generators import beats, noise, shaping
from audio_texture.generators.config import GeneratorConfig, Stage

# JAX or NumPy.
Array = Any

# Least and largest natural-log gain.
LEAST_GAIN, LARGEST_GAIN = -12.0, 4.0
# Floor of the powers that the network hears, relative to their mean.
HEARD_FLOOR = 1e-3
SLOPE = 0.2
KERNEL_SIZE = 3
# Names of the parameters that styles have rows of their own in, [S, W].
OF_STYLES = ("scale", "shift")


class Blend(NamedTuple):
    """The styles of a sound, mixed: what the network needs of them.

    Attributes:
      weights: [V, S] of the styles in each voice, with sum 1.
      shares: name of a stage -> [V, B], the part of each voice in its gains, with sum 1 over V.
      colour: [C, F] of `noise.coloured`.
      heard: [C, B] natural log of the noise's mean amplitude in the bands that the network hears.
      coupling: [n_fft // 2 + 1, C, C] of the middle stage, see `canvas.coupling`.
      beats: [S, P] of `beats.find_beats`.
    """

    weights: Array
    shares: dict[str, Array]
    colour: Array
    heard: Array
    coupling: Array
    beats: Array


class Content(NamedTuple):
    """What a generator that follows a content is given of it, for a number of chunks.

    Attributes:
      levels: [T, 2, B'] of frames of level 0: how loud each of `content_bands` bands is relative to
        its mean, in stds; first as heard by the levels up to the slow stage's, then as late as the
        wave is after that stage.
      wave: [C, chunks * N], the content itself, in the style's spectrum.
    """

    levels: Array
    wave: Array


class Convolution(nn.Module):
    """A causal convolution over frames with a scale and a shift for each style, and a leaky ReLU.

    Attributes:
      width: W.
      styles: S.
    """

    width: int
    styles: int

    @nn.compact
    def __call__(
        self, past: jax.Array, x: jax.Array, weights: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """Returns the frames for the next block, and the result [V, T, W].

        Args:
          past: [V, KERNEL_SIZE - 1, C], the frames before the block.
          x: [V, T, C].
          weights: [V, S] of the styles.
        """
        frames, joined = x.shape[1], jnp.concatenate([past, x], axis=1)
        # A product with the frames of a kernel side by side: XLA's convolutions and their gradients
        # are slower on a CPU.
        taps = jnp.concatenate([joined[:, i : i + frames] for i in range(KERNEL_SIZE)], axis=-1)
        y = nn.Dense(self.width, use_bias=False, name="kernel")(taps)
        scale = self.param("scale", nn.initializers.ones, (self.styles, self.width))
        shift = self.param("shift", nn.initializers.zeros, (self.styles, self.width))
        y = y * (weights @ scale)[:, None] + (weights @ shift)[:, None]
        return joined[:, frames:], nn.leaky_relu(y, SLOPE)


class Head(nn.Module):
    """Gains of a stage from features; at first 0, which leaves the noise as it is.

    Attributes:
      outputs: numbers for each frame.
      styles: S.
    """

    outputs: int
    styles: int

    @nn.compact
    def __call__(self, x: jax.Array, weights: jax.Array) -> jax.Array:
        """x: [V, T, W]; weights: [V, S]; returns [V, T, outputs]."""
        zeros = nn.initializers.zeros
        offset = self.param("shift", zeros, (self.styles, self.outputs))
        gains = nn.Dense(self.outputs, use_bias=False, kernel_init=zeros, name="kernel")(x)
        return jnp.clip(gains + (weights @ offset)[:, None], LEAST_GAIN, LARGEST_GAIN)


class Generator(nn.Module):
    """A generator of waves.

    Attributes:
      config: its sizes.
      styles: S.
    """

    config: GeneratorConfig
    styles: int = 1

    def setup(self):
        config = self.config
        for level in range(config.levels):
            for layer in ("first", "second"):
                convolution = Convolution(config.width, self.styles)
                setattr(self, f"{layer}_{level}", convolution)
        for stage in config.stages:
            outputs = stage.split * config.channels * stage.bands
            setattr(self, f"head_{stage.name}", Head(outputs, self.styles))

    def __call__(
        self,
        state: dict[str, Any],
        seed: jax.Array,
        chunk: jax.Array,
        chunks: int,
        blend: Blend,
        content: Content | None = None,
    ) -> tuple[dict[str, Any], jax.Array]:
        """Returns the state after some chunks, and their wave [C, chunks * N].

        Args:
          state: of `init_state`, or of the chunks before.
          seed: [] uint32.
          chunk: [] int32, number of the first chunk.
          chunks: how many.
          blend: of the styles.
          content: during the chunks, for a generator that follows one.
        """
        config, state = self.config, dict(state)
        wave = noise.coloured(seed, chunk, chunks, blend.colour)
        if content is not None:
            share = config.content_share
            wave = np.float32(np.sqrt(1 - share**2)) * wave + np.float32(share) * content.wave
        x = None
        for level in reversed(range(config.levels)):
            stages = [stage for stage in config.stages if stage.level == level]
            spectra = None
            inputs = [self._draw(seed, level, chunk, chunks)]
            if content is not None:
                levels = content.levels[:, 0 if level >= config.stages[0].level else 1]
                inputs.append(levels.reshape(-1, 2**level, config.content_bands).mean(axis=1))
            if stages and stages[0].hears:
                spectra = self._analyse(state, stages[0], wave)
                inputs.append(hear(spectra, stages[0], config.sample_rate, blend.heard))
            shared = jnp.concatenate(inputs, axis=-1)
            voices = (len(blend.weights), *shared.shape)
            inputs = [jnp.broadcast_to(shared[None], voices)]
            inputs.append(self._oscillate(blend, level, chunk, chunks))
            if x is not None:
                inputs.append(jnp.repeat(x, 2, axis=1))
            x = jnp.concatenate(inputs, axis=-1)
            for layer in ("first", "second"):
                name = f"{layer}_{level}"
                state[name], x = getattr(self, name)(state[name], x, blend.weights)
            for stage in stages:
                if spectra is None:
                    spectra = self._analyse(state, stage, wave)
                wave = self._shape(state, stage, spectra, x, blend)
                spectra = None
        return state, wave

    def _draw(self, seed, level, chunk, chunks):
        """Noise of a level, [T, noises]."""
        frames = self._frames(level, chunk, chunks)
        return noise.normal(seed, level, frames, self.config.noises)

    def _frames(self, level, chunk, chunks):
        """The numbers of a level's frames, [T] uint32."""
        count = self.config.frames(level)
        return (chunk * count + jnp.arange(chunks * count)).astype(jnp.uint32)

    def _oscillate(self, blend, level, chunk, chunks):
        """Oscillators of the styles' beats at a level's frames, [V, T, INPUTS]."""
        frames = self._frames(level, chunk, chunks) * np.uint32(2**level)
        return jnp.einsum("vs,stf->vtf", blend.weights, beats.oscillate(blend.beats, frames))

    def _analyse(self, state, stage, wave):
        """The spectra of a stage; its state becomes that after the block."""
        past, tail = state[stage.name]
        spectra, past = shaping.analyse(past, wave, n_fft=stage.n_fft)
        state[stage.name] = shaping.State(past, tail)
        return spectra

    def _shape(self, state, stage, spectra, x, blend):
        """The wave after a stage's gains; its state becomes that after the block."""
        raw = getattr(self, f"head_{stage.name}")(x, blend.weights)
        gains = raw.reshape(len(raw), -1, self.config.channels, stage.bands)
        gains = jnp.einsum("vtcb,vb->ctb", gains, blend.shares[stage.name])
        factors = jnp.exp(gains @ stage.band_weights(self.config.sample_rate).T)
        spectra = spectra * factors
        if stage.hears and self.config.channels > 1:
            spectra = jnp.stack(canvas.join_parts(list(spectra), blend.coupling))
        past, tail = state[stage.name]
        wave, tail = shaping.resynthesise(tail, spectra, n_fft=stage.n_fft)
        state[stage.name] = shaping.State(past, tail)
        return wave


def hear(spectra: jax.Array, stage: Stage, sample_rate: int, heard: jax.Array) -> jax.Array:
    """Returns how loud the bands of spectra [C, T, F] are: natural-log amplitudes [T, C * B]
    relative to `heard`, of a `Blend`.
    """
    powers = jnp.abs(spectra) ** 2 @ stage.band_weights(sample_rate)
    levels = 0.5 * jnp.log(powers * jnp.exp(-2 * heard)[:, None] + HEARD_FLOOR)
    return levels.transpose(1, 0, 2).reshape(levels.shape[1], -1)


def init_state(config: GeneratorConfig, *, voices: int = 1) -> dict[str, Any]:
    """Returns the state of silence; after `config.warm_up` chunks nothing of it is left."""
    state: dict[str, Any] = {}
    for level in range(config.levels):
        inputs = config.noises + beats.INPUTS + config.content_bands
        inputs += config.width if level < config.levels - 1 else 0
        inputs += config.channels * config.heard.bands if level == config.heard.level else 0
        state[f"first_{level}"] = jnp.zeros((voices, KERNEL_SIZE - 1, inputs))
        state[f"second_{level}"] = jnp.zeros((voices, KERNEL_SIZE - 1, config.width))
    for stage in config.stages:
        state[stage.name] = shaping.init(config.channels, stage.n_fft)
    return state
