"""Batches against single runs: optimize.run_batch on small functions, batch.run_batch on half a second of sound."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import crackle, noise

from audio_texture import batch, optimize, recipes, synthesis
from audio_texture.views import View

RATE = 8000
BASE = recipes.named("texture-fast").replace(views=(View(8, (2, 6), 16.0, 4.0),), evaluations=30)


def well(x, data):
    """Its minimum is at data["at"]; NaN from the start where data["bad"]."""
    value = jnp.sum(jnp.geomspace(1, 100, 12) * (x - data["at"]) ** 2) + jnp.where(
        data["bad"] > 0, jnp.nan, 0.0
    )
    return value, {"well": value}


METHODS = {
    "lbfgs": optimize.lbfgs(well),
    "adam": optimize.adam(well, learning_rate=lambda data: data["rate"]),
}
MESH = jax.make_mesh((1,), ("runs",), axis_types=(jax.sharding.AxisType.Auto,))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("together, mesh", [(True, None), (False, MESH)], ids=str)
def test_each_run_is_as_if_alone(method, together, mesh):
    """Budgets of their own, one that converges early, one that is NaN from its start: none disturbs another."""
    optimizer = METHODS[method]
    starts = jnp.asarray(np.random.default_rng(0).standard_normal((4, 12)), jnp.float32)
    data = {
        "at": jnp.arange(48.0).reshape(4, 12),
        "bad": jnp.array([0.0, 1.0, 0.0, 0.0]),
        "rate": jnp.array([0.3, 0.1, 0.5, 0.02]),
    }
    budgets, tolerances = [7, 40, 40, 33], [0.0, 0.0, 0.9, 0.0]
    rows_seen = []
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
        on_chunk=lambda _, rows: rows_seen.append([len(of_one) for of_one in rows]),
    )
    assert outcomes[1].reason == "not finite" and np.all(np.isfinite(outcomes[1].state.parameters))
    assert rows_seen[0] == [1, 1, 1, 1] and rows_seen[-1][1] == 1
    for number, outcome in enumerate(outcomes):
        own = jax.tree.map(lambda leaf: leaf[number], data)
        single = optimize.run(
            optimizer,
            optimizer.init(starts[number], own),
            own,
            evaluations=budgets[number],
            tolerance=tolerances[number],
            window=10,
            chunk=10,
        )
        assert (outcome.reason, int(outcome.state.evaluations)) == (
            single.reason,
            int(single.state.evaluations),
        )
        np.testing.assert_allclose(
            outcome.state.parameters, single.state.parameters, rtol=1e-3, atol=1e-3
        )
        assert [row.evaluations for row in outcome.progress] == [
            row.evaluations for row in single.progress
        ]


def test_one_trace_serves_a_batch_of_any_budgets():
    """Chunks of uneven length and another batch of the same size compile nothing anew."""
    traces = []
    loss = lambda x, data: (traces.append(1), well(x, data))[1]
    optimizer = optimize.lbfgs(loss)
    data = {"at": jnp.ones((3, 12)), "bad": jnp.zeros(3)}
    run = lambda budget: optimize.run_batch(
        optimizer,
        jax.vmap(optimizer.init)(jnp.zeros((3, 12)), data),
        data,
        evaluations=[budget] * 3,
        tolerance=[0.0] * 3,
        together=True,
        chunk=4,
    )
    run(9)
    before = len(traces)
    run(6)
    assert len(traces) - before <= 1, "beyond the shapes that init looks at"


@functools.cache
def varied():
    """Three runs that share one program: other references, weights, sharpness, levels, budgets."""
    chosen = [
        BASE,
        BASE.replace(sharpness=8.0, level=0.0, evaluations=20),
        BASE.replace(style_weight=3.0, smoothing_hz=5.0),
    ]
    references = [[crackle(6000)], [noise(6000)], [crackle(6000, seed=4)]]
    return (
        chosen,
        references,
        batch.prepare_batch(chosen, references, sample_rate=RATE, seconds=0.5),
    )


@functools.cache
def alone():
    """The same three, each prepared by itself."""
    chosen, references, _ = varied()
    keys = jax.random.split(jax.random.key(0), 3)
    problems = [
        synthesis.prepare(recipe, waves, sample_rate=RATE, seconds=0.5)
        for recipe, waves in zip(chosen, references, strict=True)
    ]
    return [synthesis.run(problem, key) for problem, key in zip(problems, keys, strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize("together", [False, True])
def test_a_batch_is_its_single_runs(together):
    """In turn to the sample; together within 1e-3 in final loss."""
    chosen, references, problems = varied()
    keys = jax.random.split(jax.random.key(0), 3)
    runs = batch.run_batch(problems, keys, together=together)
    assert runs.waves.shape == (3, 1, 4000) and runs.losses.shape == (3,)
    for number, single in enumerate(alone()):
        assert runs.losses[number] == pytest.approx(float(single.outcome.state.value), abs=1e-3)
        assert sum(term[number] for term in runs.terms.values()) == pytest.approx(
            runs.losses[number], rel=1e-4
        )
        assert runs.outcomes[number].progress[-1].evaluations == chosen[number].optimiser.evaluations
        if not together:
            np.testing.assert_array_equal(runs.waves[number], single.wave)


def test_problems_alike_compile_nothing():
    """Another recording, other weights: the second problem of a shape runs on the first one's programs."""
    chosen, _, problems = varied()
    synthesis.run(problems[0], jax.random.key(0))
    compiled = []
    note = lambda name, *_, **__: (
        compiled.append(name) if name == "/jax/core/compile/backend_compile_duration" else None
    )
    jax.monitoring.register_event_duration_secs_listener(note)
    other = BASE.replace(sharpness=2.0)
    problem = synthesis.prepare(
        other, [noise(6000, seed=9)], sample_rate=RATE, seconds=0.5, like=problems[0]
    )
    synthesis.run(problem, jax.random.key(5))
    jax.monitoring.unregister_event_duration_listener(note)
    assert not compiled


def test_memory_decides_the_size_of_a_batch():
    """By the compiler's account, which grows with the runs; a device that holds half as much gets half as many."""
    one = jnp.zeros(12), {"at": jnp.ones(12), "bad": jnp.float32(0)}
    few, many = (optimize.batch_bytes(METHODS["lbfgs"], *one, runs=runs) for runs in (2, 64))
    assert 4 * few < many < 64 * few
    problem = varied()[2][0]._replace(optimizer=METHODS["lbfgs"], init=lambda key: one)
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
    recipe = BASE.replace(**choices)
    like = varied()[2][0]
    with pytest.raises(ValueError, match="shape"):
        synthesis.prepare(recipe, [noise(samples)], sample_rate=RATE, seconds=seconds, like=like)


def test_batches_that_do_not_fit_are_refused():
    chosen, references, problems = varied()
    keys = jax.random.split(jax.random.key(0), 3)
    with pytest.raises(ValueError, match="got 3, 2 and 3"):
        batch.run_batch(problems, keys)
    with pytest.raises(ValueError, match="one at least"):
        batch.run_batch([], keys[:0])
    stranger = synthesis.prepare(chosen[0], references[0], sample_rate=RATE, seconds=0.5)
    with pytest.raises(ValueError, match="prepared alike"):
        batch.run_batch([*problems[:2], stranger], keys)


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_structures_keep_what_decides_the_program(name):
    """A recipe's structure is a valid recipe, its own structure, and blind to numbers and to nothing else."""
    recipe = recipes.named(name)
    assert recipe.static_config() == recipe.static_config().static_config()
    louder = recipe.replace(
        sharpness=9.0,
        style_weight=2 * recipe.term("style").weight,
        evaluations=7,
        learning_rate=0.3,
    )
    assert (
        louder.static_config()
        == recipe.static_config()
        != recipe.replace(block_seconds=1.0).static_config()
    )
    assert set(recipe.dynamic_hparams()) == {
        "sharpness",
        "style_weight",
        "auditory_weight",
        "patches_weight",
        "rhythm_weight",
        "levels_weight",
        "bound_weight",
        "autocorrelation_weight",
        "diversity_weight",
        "learning_rate",
        "content_weight",
        "loudness_weight",
        "spectrum_weight",
        "power_weight",
        "variation_weight",
    }
