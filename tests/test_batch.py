"""Batches against single runs: optimize.run_batch on small functions, batch.run_batch on sound."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import crackle, noise
from small_recipes import count_compilations

from audio_texture import batch, optimize, recipes, synthesis
from audio_texture.views import View

RATE = 8000
BASE = recipes.named("texture-fast").replace(views=(View(8, (2, 6), 16.0, 4.0),), evaluations=30)
MESH = jax.make_mesh((1,), ("runs",), axis_types=(jax.sharding.AxisType.Auto,))


def well(x, data):
    """Its minimum is at data["at"]; NaN from the start where data["bad"]."""
    value = jnp.sum(jnp.geomspace(1, 100, 12) * (x - data["at"]) ** 2)
    value = value + jnp.where(data["bad"] > 0, jnp.nan, 0.0)
    return value, {"well": value}


METHODS = {
    "lbfgs": optimize.lbfgs(well),
    "adam": optimize.adam(well, learning_rate=lambda data: data["rate"]),
}


# ---------------------------------------------------------------- small functions


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("together, mesh", [(True, None), (False, MESH)], ids=str)
def test_each_run_is_as_if_alone(method, together, mesh):
    """Own budgets, one that converges early, one that is NaN from its start: none disturbs."""
    optimizer = METHODS[method]
    starts = jnp.asarray(np.random.default_rng(0).standard_normal((4, 12)), jnp.float32)
    data = {
        "at": jnp.arange(48.0).reshape(4, 12),
        "bad": jnp.array([0.0, 1.0, 0.0, 0.0]),
        "rate": jnp.array([0.3, 0.1, 0.5, 0.02]),
    }
    budgets, tolerances = [7, 40, 40, 23], [0.0, 0.0, 0.9, 0.0]
    lengths = []
    outcomes = optimize.run_batch(
        optimizer,
        jax.vmap(optimizer.init)(starts, data),
        data,
        evaluations=budgets,
        tolerance=tolerances,
        together=together,
        mesh=mesh,
        window=10,
        chunk=10,
        on_chunk=lambda _, rows: lengths.append([len(own) for own in rows]),
    )
    assert outcomes[1].reason == "not finite" and np.all(np.isfinite(outcomes[1].state.parameters))
    assert lengths[0] == [1, 1, 1, 1] and lengths[-1][1] == 1
    for number, outcome in enumerate(outcomes):
        own = jax.tree.map(lambda leaf, number=number: leaf[number], data)
        single = optimize.run(
            optimizer,
            optimizer.init(starts[number], own),
            own,
            evaluations=budgets[number],
            tolerance=tolerances[number],
            window=10,
            chunk=10,
        )
        assert outcome.reason == single.reason
        assert int(outcome.state.evaluations) == int(single.state.evaluations)
        parameters = outcome.state.parameters, single.state.parameters
        np.testing.assert_allclose(*parameters, rtol=1e-3, atol=1e-3)
        evaluations = [[row.evaluations for row in run.progress] for run in (outcome, single)]
        assert evaluations[0] == evaluations[1]


def test_one_trace_serves_a_batch_of_any_budgets():
    """Chunks of uneven length and another batch of the same size compile nothing anew."""
    traces = []

    def loss(x, data):
        traces.append(1)
        return well(x, data)

    optimizer = optimize.lbfgs(loss)
    data = {"at": jnp.ones((3, 12)), "bad": jnp.zeros(3)}

    def run(budget):
        start = jax.vmap(optimizer.init)(jnp.zeros((3, 12)), data)
        options = {"evaluations": [budget] * 3, "tolerance": [0.0] * 3, "chunk": 4}
        return optimize.run_batch(optimizer, start, data, together=True, **options)

    run(9)
    before = len(traces)
    run(6)
    assert len(traces) - before <= 1, "beyond the shapes that init looks at"


# ---------------------------------------------------------------- sounds


RECIPES = [
    BASE,
    BASE.replace(sharpness=8.0, level=0.0, evaluations=20),
    BASE.replace(style_weight=3.0, smoothing_hz=5.0),
]
REFERENCES = [[crackle(6000)], [noise(6000)], [crackle(6000, seed=4)]]


@functools.cache
def batch_problems():
    """Three runs that share one program: other references, weights, sharpness, levels, budgets."""
    return batch.prepare_batch(RECIPES, REFERENCES, sample_rate=RATE, seconds=0.5)


@functools.cache
def single_runs():
    """The same three runs, each prepared and run by itself."""
    keys = jax.random.split(jax.random.key(0), 3)
    return [
        synthesis.run(synthesis.prepare(recipe, sounds, sample_rate=RATE, seconds=0.5), key)
        for recipe, sounds, key in zip(RECIPES, REFERENCES, keys, strict=True)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("together", [False, True])
def test_a_batch_is_its_single_runs(together):
    """In turn to the sample; together within 1e-3 in the last loss."""
    keys = jax.random.split(jax.random.key(0), 3)
    runs = batch.run_batch(batch_problems(), keys, together=together)
    assert runs.waves.shape == (3, 1, 4000) and runs.losses.shape == (3,)
    for number, single in enumerate(single_runs()):
        loss = runs.losses[number]
        assert loss == pytest.approx(float(single.outcome.state.value), abs=1e-3)
        assert sum(term[number] for term in runs.terms.values()) == pytest.approx(loss, rel=1e-4)
        evaluations = runs.outcomes[number].progress[-1].evaluations
        assert evaluations == RECIPES[number].optimiser.evaluations
        if not together:
            np.testing.assert_array_equal(runs.waves[number], single.wave)


def test_problems_alike_compile_nothing():
    """A problem of other sounds and numbers runs on the programs of one of the same shape."""
    problem = batch_problems()[0]
    synthesis.run(problem, jax.random.key(0), evaluations=3)
    other = BASE.replace(sharpness=2.0, evaluations=3)
    sounds = [noise(6000, seed=9)]
    with count_compilations() as compiled:
        like = synthesis.prepare(other, sounds, sample_rate=RATE, seconds=0.5, like=problem)
        synthesis.run(like, jax.random.key(5))
    assert not compiled


def test_memory_decides_the_size_of_a_batch():
    """By the compiler's account of memory, which grows with the runs; at least one fits."""
    start = jnp.zeros(12), {"at": jnp.ones(12), "bad": jnp.float32(0)}
    few, many = (optimize.batch_bytes(METHODS["lbfgs"], *start, runs=runs) for runs in (2, 64))
    assert 4 * few < many < 64 * few
    problem = batch_problems()[0]._replace(optimizer=METHODS["lbfgs"], init=lambda key: start)
    assert batch.fitting_batch(problem, 64, memory=10 * many) == 64
    assert batch.fitting_batch(problem, 64, memory=many // 2) in (31, 32)
    assert batch.fitting_batch(problem, 64, memory=1) == 1


CHANGES = {
    "a weight that was 0": ({"rhythm_weight": 0.01}, 6000, 0.5),
    "another kernel": ({"views": (View(8, (2, 5), 16.0, 4.0),)}, 6000, 0.5),
    "a longer reference": ({}, 6001, 0.5),
    "a longer result": ({}, 6000, 0.6),
}


@pytest.mark.parametrize("what", CHANGES)
def test_other_shapes_are_refused(what):
    """Catches a batch that would run one of its recipes by another's program."""
    choices, samples, seconds = CHANGES[what]
    options = {"sample_rate": RATE, "seconds": seconds, "like": batch_problems()[0]}
    with pytest.raises(ValueError, match="needs other programs than the problem it is to be like"):
        synthesis.prepare(BASE.replace(**choices), [noise(samples)], **options)


def test_batches_that_do_not_fit_are_refused():
    """As many keys as problems, one at least, all prepared alike."""
    problems, keys = batch_problems(), jax.random.split(jax.random.key(0), 3)
    with pytest.raises(ValueError, match="got 2 problems and 3 keys"):
        batch.run_batch(problems[:2], keys)
    with pytest.raises(ValueError, match="one at least"):
        batch.run_batch([], keys[:0])
    stranger = synthesis.prepare(RECIPES[0], REFERENCES[0], sample_rate=RATE, seconds=0.6)
    with pytest.raises(ValueError, match="prepared alike"):
        batch.run_batch([*problems[:2], stranger], keys)
