"""What the tests of streams and loops share: small recipes, blocks, and a test for borders."""

import dataclasses

import jax
import numpy as np
import scipy.signal
from helpers import crackle

from audio_texture import recipes, streaming
from audio_texture.recipes import View

RATE = 8000
# Dull, so that a cut is a jump.
REFERENCE = scipy.signal.lfilter([0.3], [1, -0.9], crackle(16000)).astype(np.float32)
KEY = jax.random.key(0)
SMALL = dataclasses.replace(
    recipes.named("texture-fast"),
    views=(View(8, (2, 6), 16.0, 4.0),),
    block_seconds=0.6,
    evaluations=8,
)
# Compiles in half the time.
SMALLEST = dataclasses.replace(SMALL, views=(View(8, (2,), 16.0, 4.0),), optimizer="adam")
_TINY_POWER = 1e-12


def make_blocks(stream, count, *, key=KEY, state=None):
    """The wave of `count` blocks [C, N], and the state after them."""
    state, waves = state or streaming.init_state(stream), []
    for _ in range(count):
        state, block = streaming.step(stream, key, state)
        waves.append(block.wave)
    return np.concatenate(waves, axis=1), state


def describe_windows(wave, centres, reach=128):
    """Features of windows [W, F]: band energies before and after, their change, largest jumps."""
    features = []
    for centre in centres:
        halves = wave[centre - reach : centre], wave[centre : centre + reach]
        before, after = (_band_energies(half) for half in halves)
        near = wave[centre - 16 : centre + 48]
        jumps = [np.max(np.abs(np.diff(near, order))) for order in (1, 2, 3)]
        at_centre = wave[centre - 4 : centre + 4]
        jumps += [np.abs(np.diff(at_centre, order))[3 - order // 2] for order in (1, 2)]
        logs = np.log10(np.array(jumps) + 1e-6)
        features.append(np.concatenate([before, after, np.abs(after - before), logs]))
    return np.array(features)


def _band_energies(half):
    power = np.abs(np.fft.rfft(half * np.hanning(len(half))))[1:] ** 2
    return np.log10(np.add.reduceat(power, [0, 4, 8, 16, 32]) + _TINY_POWER)


def border_p_value(at_borders, inside, *, shuffles=200):
    """p-value of a permutation test: windows at borders are as those inside.

    It compares the mean and spread of every feature and takes the largest difference.
    """
    everything, count = np.concatenate([at_borders, inside]), len(at_borders)
    standard = (everything - everything.mean(axis=0)) / everything.std(axis=0)
    moments = np.concatenate([standard, standard**2], axis=1)
    moments = moments / moments.std(axis=0)

    def gap(order):
        means = moments[order[:count]].mean(axis=0), moments[order[count:]].mean(axis=0)
        return np.max(np.abs(means[0] - means[1]))

    rng = np.random.default_rng(0)
    observed = gap(np.arange(len(moments)))
    exceeded = sum(gap(rng.permutation(len(moments))) >= observed for _ in range(shuffles))
    return (1 + exceeded) / (1 + shuffles)
