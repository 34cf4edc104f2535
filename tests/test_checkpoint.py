"""checkpoint.py: a run that went through the disk is, to the bit, the run that did not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from audio_texture import checkpoint, optimize


def loss(parameters, data):
    value = jnp.sum((parameters["x"] ** 2 - data) ** 2) + jnp.sum((parameters["x"][1:] - parameters["y"]) ** 2)
    return value, {"all": value}


DATA = jnp.linspace(0.5, 2, 12)


def start(optimizer):
    return optimizer.init({"x": jnp.full(12, 3.0), "y": jnp.zeros(11)}, DATA)


@pytest.mark.parametrize("method", [optimize.lbfgs, optimize.adam])
def test_goes_on_bit_for_bit(tmp_path, method):
    """Catches a state that lost its history, its moments, its counters or their types on the way."""
    folder = str(tmp_path / "states")
    optimizer = method(loss)
    whole = optimize.run(optimizer, start(optimizer), DATA, evaluations=40, chunk=10)
    half = optimize.run(optimizer, start(optimizer), DATA, evaluations=20, chunk=10)
    checkpoint.save(folder, half.state, half.progress)
    state, rows = checkpoint.load(folder, start(optimizer))
    assert rows == half.progress
    jax.tree.map(np.testing.assert_array_equal, state, half.state)
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype, leaf.weak_type), state) == jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype, leaf.weak_type), half.state)
    rest = optimize.run(optimizer, state, DATA, evaluations=40, chunk=10, progress=rows)
    jax.tree.map(np.testing.assert_array_equal, rest.state, whole.state)


def test_the_last_one_counts(tmp_path):
    """Saves lie over one another; no heap of old states grows."""
    folder = str(tmp_path)
    optimizer = optimize.adam(loss)
    found = []
    save = lambda state, rows: (checkpoint.save(folder, state, rows), found.append(np.asarray(state.parameters["x"])))
    optimize.run(optimizer, start(optimizer), DATA, evaluations=30, chunk=10, on_chunk=save)
    state, rows = checkpoint.load(folder, start(optimizer))
    np.testing.assert_array_equal(state.parameters["x"], found[-1])
    assert int(state.evaluations) == 30 and [row.evaluations for row in rows] == [10, 20, 30]
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1


def test_nothing_there(tmp_path):
    like = start(optimize.adam(loss))
    assert checkpoint.load(str(tmp_path / "nowhere"), like) is None
    assert checkpoint.load(str(tmp_path), like) is None
    assert not (tmp_path / "nowhere").exists()
    checkpoint.remove(str(tmp_path / "nowhere"))


def test_remove(tmp_path):
    folder = tmp_path / "states"
    optimizer = optimize.adam(loss)
    outcome = optimize.run(optimizer, start(optimizer), DATA, evaluations=5)
    checkpoint.save(str(folder), outcome.state, outcome.progress)
    checkpoint.remove(str(folder))
    assert not folder.exists()


def test_state_of_another_problem_is_refused(tmp_path):
    """Catches a run that silently goes on from parameters of another length (another --seconds, another recipe)."""
    optimizer = optimize.adam(loss)
    outcome = optimize.run(optimizer, start(optimizer), DATA, evaluations=5)
    checkpoint.save(str(tmp_path), outcome.state, outcome.progress)
    other = optimizer.init({"x": jnp.full(9, 3.0), "y": jnp.zeros(8)}, DATA[:9])
    with pytest.raises(ValueError):
        checkpoint.load(str(tmp_path), other)
