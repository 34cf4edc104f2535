"""Small spectrograms and objectives for tests, and what objectives come to on them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from audio_texture import base, combinators, losses, networks
from audio_texture.layer import Layer

# Two spectrograms of different lengths, [T, F]; Y is the reference unless a test names another.
X, Y = (
    np.random.default_rng(seed).gamma(1.0, size=(frames, 6)).astype(np.float32) * np.float32(0.2)
    for seed, frames in ((0, 36), (1, 45))
)
# As much of the reference as X has frames.
SHORT_Y = Y[:36]


def explicit_gram(filters=20, form="auto", relative=True, seed=0):
    """The Gram of two taps of a random network."""
    net = networks.FrequencyAsChannels([Layer(3, 1, 2, filters)], "normal", "valid", "mean")

    def taps(weights, x):
        outputs = net.apply(weights, x)
        return {"a": outputs["relu_1"], "b": outputs["pool_1"]}

    statistic = losses.gram(relative=relative, form=form)
    return combinators.of_network(net.init, taps, jax.random.key(seed), statistic)


def _mean_distance(target, x):
    total = jnp.mean((jnp.mean(x, axis=0) - target) ** 2)
    return total, {"mean": total}


EXPLICIT = explicit_gram()
INFINITE = losses.infinite_gram([[Layer(2)], [Layer(5, 2, 2)]])
# A cheap objective of the same kind: the mean frame.
MEAN = base.Objective(lambda reference: jnp.mean(reference, axis=0), _mean_distance)


@functools.cache
def compile_fit(objective):
    """The objective's fit, compiled once for all tests of a file."""
    return jax.jit(objective.fit)


@functools.cache
def compile_distance(objective):
    """The objective's distance, compiled once for all tests of a file."""
    return jax.jit(objective.distance)


@functools.cache
def compile_gradient(objective):
    """((value, terms), gradient in x) of the objective's distance, compiled."""
    return jax.jit(jax.value_and_grad(objective.distance, argnums=1, has_aux=True))


def value_and_terms(objective, x, reference=Y):
    """The distance of x to the reference and its terms, as floats."""
    value, terms = compile_distance(objective)(compile_fit(objective)(reference), x)
    return float(value), {name: float(term) for name, term in terms.items()}


def value_of(objective, x, reference=Y):
    """The distance of x to the reference."""
    return value_and_terms(objective, x, reference)[0]


def value_and_gradient(objective, x, reference=Y):
    """The distance of x to the reference and its gradient in x."""
    (value, _), gradient = compile_gradient(objective)(compile_fit(objective)(reference), x)
    return float(value), np.asarray(gradient)


def check_promises(objective, *, zero=True):
    """What every objective promises: terms add up, targets are data, a reference is at 0.

    A target survives flattening and leaves as NumPy arrays: it can be saved, and serves another
    program. zero: whether the reference is at no distance from itself, to within the rounding of
    float32, which leaves about 1e-6 of the distance to another sound.
    """
    target, distance = compile_fit(objective)(Y), compile_distance(objective)
    total, terms = distance(target, X)
    assert total.shape == () and all(term.shape == () for term in terms.values()) and total > 0
    assert float(sum(terms.values())) == pytest.approx(float(total), rel=1e-6)
    leaves, structure = jax.tree.flatten(target)
    assert all(isinstance(leaf, jax.Array) for leaf in leaves)
    saved = jax.tree.unflatten(structure, [np.asarray(leaf) for leaf in leaves])
    assert float(distance(saved, X)[0]) == float(total)
    if zero:
        assert abs(float(distance(target, Y)[0])) < 1e-5 * float(total)
