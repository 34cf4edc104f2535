"""What only a GPU can show; skipped without one."""

import jax
import numpy as np
import pytest

import audio_texture as at
from audio_texture import recipes, synthesis

pytestmark = pytest.mark.skipif(
    jax.default_backend() not in ("gpu", "tpu"), reason="there is no GPU or TPU on this machine."
)

RATE = 16000
WAVE = (0.1 * np.random.default_rng(0).standard_normal((1, 2 * RATE))).astype(np.float32)


def _losses(device, name, evaluations, **choices):
    with jax.default_device(device):
        recipe = recipes.named(name).replace(evaluations=evaluations, **choices)
        problem = synthesis.prepare(recipe, [WAVE], sample_rate=RATE, seconds=1.0)
        parameters, data = problem.init(jax.random.key(0))
        value, gradient = jax.jit(jax.value_and_grad(lambda p: problem.compiled.loss(p, data)[0]))(
            parameters
        )
        return float(value), jax.tree.map(np.asarray, gradient)


@pytest.mark.parametrize(
    "name, choices", [("texture", {}), ("infinite-width", {}), ("paper-1d", {"filters": 64})]
)
def test_losses_and_gradients_are_those_of_a_cpu(name, choices):
    """Matrix products in fewer bits, a GPU's default, would show in the differences of Grams."""
    here, there = jax.devices()[0], jax.devices("cpu")[0]
    value, gradient = _losses(here, name, 1, **choices)
    expected, expected_gradient = _losses(there, name, 1, **choices)
    assert value == pytest.approx(expected, rel=1e-3)
    for own, other in zip(
        jax.tree.leaves(gradient), jax.tree.leaves(expected_gradient), strict=True
    ):
        scale = np.sqrt(np.mean(other**2))
        assert np.sqrt(np.mean((own - other) ** 2)) < 2e-2 * scale


def test_a_batch_is_its_runs():
    """All runs of a batch go through one program at once; each is what it would be alone."""
    model = at.prepare("texture-fast", WAVE, RATE, seconds=1.0, evaluations=25)
    many = model.run_batch(seeds=range(4))
    alone = [model.run(seed) for seed in range(4)]
    np.testing.assert_allclose(many.losses, [sound.losses[-1] for sound in alone], rtol=0.05)


def test_the_same_seed_gives_the_same_samples():
    model = at.prepare("texture-fast", WAVE, RATE, seconds=1.0, evaluations=25)
    np.testing.assert_allclose(model.run(0).wave, model.run(0).wave, atol=1e-3)
