"""walk.py: what is periodic stays so, every frame has its turn, and no walk is the recording."""

import functools

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_texture import walk


def ticks(frames, period, *, seed=0, features=4):
    """Faint noise with a pattern of three frames every `period`: [frames, features]."""
    rng = np.random.default_rng(seed)
    pattern = 4 + rng.standard_normal((3, features))
    actual = 0.3 * rng.standard_normal((frames, features))
    for start in range(5, frames - 3, period):
        actual[start : start + 3] += pattern
    return actual.astype(np.float32)


def onsets_of(path, features):
    level = features.mean(axis=1)[path]
    return np.flatnonzero((level[1:] > 2) & (level[:-1] <= 2)) + 1


@pytest.mark.parametrize("seed", range(3))
def test_keeps_a_period_across_jumps(seed):
    """Jumps lead to the same place of the period alone, so its beat goes on; jumping anywhere loses
    it.
    """
    features = ticks(400, 50)
    model = walk.fit_transitions(features, context=40, apart=10)
    path = walk.sample_path(jax.random.key(seed), model, 1000, piece=25)
    jumps = np.flatnonzero(np.diff(path) != 1)
    gaps = np.diff(onsets_of(path, features))
    assert len(jumps) > 10 and len(gaps) > 15
    # a jump may fall into a tick, which is then two
    assert np.mean(gaps == 50) > 0.8, gaps
    shuffled = model._replace(costs=np.ones_like(model.costs))
    assert (
        np.mean(
            np.diff(
                onsets_of(
                    walk.sample_path(jax.random.key(seed), shuffled, 1000, piece=25), features
                )
            )
            == 50
        )
        < 0.6
    )


def test_begins_in_step_with_the_recording():
    features = ticks(400, 50)
    model = walk.fit_transitions(features, context=40, apart=10)
    firsts = [
        onsets_of(walk.sample_path(jax.random.key(seed), model, 300, piece=25), features)[0]
        for seed in range(5)
    ]
    assert all(abs(first - 5) <= 1 or abs(first - 55) <= 1 for first in firsts), firsts
    assert (
        len({walk.sample_path(jax.random.key(seed), model, 1, piece=25)[0] for seed in range(20)})
        > 2
    ), "Every walk began at the same frame."


def test_every_frame_has_its_turn():
    """Of a sound without a pattern, a walk three times as long passes nearly all frames, and none
    too often.
    """
    features = np.random.default_rng(0).standard_normal((200, 6)).astype(np.float32)
    path = walk.sample_path(
        jax.random.key(0), walk.fit_transitions(features, context=10, apart=10), 600, piece=20
    )
    visits = np.bincount(path, minlength=200)
    assert np.mean(visits == 0) < 0.05 and visits.max() <= 8, np.bincount(visits)


def test_the_same_key_walks_the_same_way():
    model = walk.fit_transitions(ticks(200, 40), context=20, apart=10)
    for sample in (walk.sample_path, functools.partial(walk.sample_best_of_n, stretch=100)):
        first, again, other = (
            sample(jax.random.key(seed), model=model, length=300, piece=20) for seed in (1, 1, 2)
        )
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)


def test_the_best_walk_spreads_loud_parts_like_the_recording():
    """A loud frame in each half of the recording, and other noise: in a single walk both may come
    in one half, or neither.
    """
    rng = np.random.default_rng(3)
    features = rng.standard_normal((200, 4)).astype(np.float32)
    features[40:60] += 3
    features[140:160] += 3
    model = walk.fit_transitions(features, context=10, apart=10)

    def loud(path):
        return [int(np.sum(features[half].mean(axis=1) > 1.5)) for half in np.split(path, 2)]

    def uneven(paths):
        return np.mean([abs(np.subtract(*loud(path))) for path in paths])

    keys = jax.random.split(jax.random.key(0), 12)
    single = uneven([walk.sample_path(key, model, 200, piece=20) for key in keys])
    best = uneven([walk.sample_best_of_n(key, model, 200, piece=20, stretch=100) for key in keys])
    assert best < 0.6 * single, (best, single)


def test_costs_are_those_of_neighbourhoods():
    """Against every pair by hand, in float64; jumps that are too short or see one side of a
    neighbourhood at most lead nowhere.
    """
    features, context, apart = ticks(60, 20), 7, 4
    x = features.astype(np.float64)
    expected = np.full((60, 60), np.inf)
    for i in range(60):
        for j in range(60):
            offsets = [
                k for k in range(-context, context + 1) if 0 <= min(i, j) + k and max(i, j) + k < 60
            ]
            if abs(i - j) >= apart and len(offsets) > context:
                expected[i, j] = np.mean([np.sum((x[i + k] - x[j + k]) ** 2) for k in offsets])
    expected /= np.mean(expected[np.isfinite(expected)])
    np.testing.assert_allclose(
        walk.fit_transitions(features, context=context, apart=apart).costs,
        expected,
        rtol=1e-4,
        atol=1e-5,
    )


def test_level_and_scale_do_not_matter():
    features = ticks(150, 30)
    one, other = (
        walk.fit_transitions(scale * features + 2 * scale, context=15, apart=5)
        for scale in (1.0, 4.0)
    )
    np.testing.assert_allclose(one.costs, other.costs, rtol=1e-3, atol=1e-4)


def test_long_recordings_have_fewer_places(monkeypatch):
    """An hour's distances would not fit into memory; the period still does, as far as places are
    dense enough.
    """
    monkeypatch.setattr(walk, "MOST_PLACES", 128)
    features = ticks(1000, 50)
    model = walk.fit_transitions(features, context=40, apart=10)
    assert model.costs.shape == (125, 125) and model.stride == 8
    path = walk.sample_path(jax.random.key(0), model, 2000, piece=30)
    jumps = np.diff(path)[np.diff(path) != 1]
    assert path.max() < 1000 and np.all((jumps - 1) % 8 == 0), (
        "A jump changed the place between places."
    )


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(1, 90),
    st.integers(0, 50),
    st.integers(0, 50),
    st.floats(0.1, 50.0),
    st.integers(0, 10**6),
)
def test_any_recording_can_be_walked(frames, length, context, apart, piece, seed):
    """Silence, one frame, a context longer than all of it: a walk has the length asked for, in
    pieces of the recording.
    """
    features = (
        np.zeros((frames, 2), np.float32)
        if seed % 5 == 0
        else np.random.default_rng(seed).standard_normal((frames, 2)).astype(np.float32)
    )
    model = walk.fit_transitions(features, context=context, apart=apart)
    for path in (
        walk.sample_path(jax.random.key(seed), model, length, piece=piece),
        walk.sample_best_of_n(
            jax.random.key(seed), model, length, piece=piece, stretch=1 + seed % 60
        ),
    ):
        assert path.shape == (length,) and path.min() >= 0 and path.max() < frames
