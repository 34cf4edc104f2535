"""checkpoint.py: a run that went through the disk is, to the bit, the run that did not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from audio_texture import checkpoint, optimize


def loss(parameters, data):
    value = jnp.sum((parameters["x"] ** 2 - data) ** 2) + jnp.sum(
        (parameters["x"][1:] - parameters["y"]) ** 2
    )
    return value, {"all": value}


DATA = jnp.linspace(0.5, 2, 12)


def start(optimizer):
    return optimizer.init({"x": jnp.full(12, 3.0), "y": jnp.zeros(11)}, DATA)


@pytest.mark.parametrize("method", [optimize.lbfgs, optimize.adam])
def test_goes_on_bit_for_bit(tmp_path, method):
    """Catches a state that loses its history, its moments, its counters or their types."""
    path = str(tmp_path / "state")
    optimizer = method(loss)
    whole = optimize.run(optimizer, start(optimizer), DATA, evaluations=40, chunk=10)
    half = optimize.run(optimizer, start(optimizer), DATA, evaluations=20, chunk=10)
    checkpoint.save(path, half.state, half.progress)
    state, rows = checkpoint.load(path, start(optimizer))
    assert rows == half.progress
    jax.tree.map(np.testing.assert_array_equal, state, half.state)
    assert jax.tree.map(
        lambda leaf: (leaf.shape, leaf.dtype, leaf.weak_type), state
    ) == jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype, leaf.weak_type), half.state)
    rest = optimize.run(optimizer, state, DATA, evaluations=40, chunk=10, progress=rows)
    jax.tree.map(np.testing.assert_array_equal, rest.state, whole.state)


def test_the_last_one_counts(tmp_path):
    """Saves lie over one another; no heap of old states grows."""
    path = str(tmp_path / "state")
    optimizer = optimize.adam(loss)
    actual = []

    def save(state, rows):
        return (
            checkpoint.save(path, state, rows),
            actual.append(np.asarray(state.parameters["x"])),
        )

    optimize.run(optimizer, start(optimizer), DATA, evaluations=30, chunk=10, on_chunk=save)
    state, rows = checkpoint.load(path, start(optimizer))
    np.testing.assert_array_equal(state.parameters["x"], actual[-1])
    assert int(state.evaluations) == 30 and [row.evaluations for row in rows] == [10, 20, 30]
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_nothing_there(tmp_path):
    like = start(optimize.adam(loss))
    assert checkpoint.load(str(tmp_path / "nowhere"), like) is None
    checkpoint.check(str(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()
    checkpoint.remove(str(tmp_path / "nowhere"))


def test_remove(tmp_path):
    path = tmp_path / "state"
    optimizer = optimize.adam(loss)
    outcome = optimize.run(optimizer, start(optimizer), DATA, evaluations=5)
    checkpoint.save(str(path), outcome.state, outcome.progress)
    checkpoint.remove(str(path))
    assert not path.exists()


def test_a_damaged_state_is_known(tmp_path):
    """Cut anywhere, or one bit of its arrays turned: DamagedError, which callers take as 'begin
    again', and never another array.
    """
    path, rng = tmp_path / "state", np.random.default_rng(0)
    optimizer = optimize.adam(loss)
    outcome = optimize.run(optimizer, start(optimizer), DATA, evaluations=5)
    checkpoint.save(str(path), outcome.state, outcome.progress)
    whole = path.read_bytes()
    spoilt = [whole[:at] for at in (0, 5, *rng.integers(8, len(whole), 20))]
    for at in rng.integers(8 + int.from_bytes(whole[:8], "little"), len(whole), 60):
        spoilt.append(whole[:at] + bytes([whole[at] ^ 1 << rng.integers(8)]) + whole[at + 1 :])
    for data in spoilt:
        path.write_bytes(data)
        with pytest.raises(checkpoint.DamagedError):
            checkpoint.check(str(path))
    path.write_bytes(whole)
    checkpoint.check(str(path))


def test_keys_go_round(tmp_path):
    """Typed PRNG keys are no plain arrays: catches a checkpoint that ends in a TypeError, or loses
    the generator.
    """
    tree = {
        "key": jax.random.split(jax.random.key(3), 2),
        "fast": jax.random.key(4, impl="rbg"),
        "x": jnp.ones(3),
    }
    checkpoint.save_tree(str(tmp_path / "state"), tree, [{"a": 1}])
    restored, rows = checkpoint.load_tree(str(tmp_path / "state"), jax.eval_shape(lambda: tree))
    assert rows == [{"a": 1}]

    def draw(tree):
        return (
            jax.random.normal(tree["key"][1], (4,)),
            jax.random.normal(tree["fast"], (4,)),
        )

    jax.tree.map(np.testing.assert_array_equal, draw(restored), draw(tree))


def test_state_of_another_problem_is_refused(tmp_path):
    """Catches a run that silently goes on from parameters of another length (another --seconds,
    another recipe).
    """
    optimizer = optimize.adam(loss)
    outcome = optimize.run(optimizer, start(optimizer), DATA, evaluations=5)
    checkpoint.save(str(tmp_path / "state"), outcome.state, outcome.progress)
    other = optimizer.init({"x": jnp.full(9, 3.0), "y": jnp.zeros(8)}, DATA[:9])
    with pytest.raises(ValueError):
        checkpoint.load(str(tmp_path / "state"), other)
