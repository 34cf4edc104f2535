"""synthesis.run: interruption and checkpoints, budgets of time, programs shared by runs."""

import os
import signal

import jax
import numpy as np
import pytest
from small_recipes import count_compilations, shared_problem, shared_texture

from audio_texture import synthesis


@pytest.mark.slow
@pytest.mark.parametrize("name", ["texture-fast", "infinite-width"])
def test_resumed_is_uninterrupted(tmp_path, name):
    """Stopped by Ctrl-C in the first of two chunks and resumed from the disk: the same samples."""
    problem, key = shared_problem(name), jax.random.key(0)
    options = {"checkpoint_path": str(tmp_path / "states"), "checkpoint_every": 10_000}

    def stop(rows):
        os.kill(os.getpid(), signal.SIGINT)

    partly = synthesis.run(problem, key, **options, on_chunk=stop)
    assert partly.outcome.reason == "interrupted" and partly.outcome.progress[-1].evaluations == 25
    assert np.all(np.isfinite(partly.wave))
    rows = []
    resumed = synthesis.run(problem, key, **options, resume=True, on_chunk=rows.append)
    np.testing.assert_array_equal(resumed.wave, shared_texture(name).wave)
    assert [row.evaluations for row in resumed.outcome.progress] == [25, 40] and len(rows) == 1


def test_parameters_are_handed_over_after_each_chunk():
    """Those of that moment: at the end, the ones that the sound is rendered from."""
    problem, seen = shared_problem("texture-fast"), []

    def keep(parameters, rows):
        seen.append((rows[-1].evaluations, jax.tree.map(np.array, parameters)))

    texture = synthesis.run(problem, jax.random.key(0), on_parameters=keep)
    assert [evaluations for evaluations, _ in seen] == [25, 40]
    first, last = (jax.tree.leaves(parameters) for _, parameters in seen)
    final = jax.tree.leaves(texture.outcome.state.parameters)
    for before, leaf, expected in zip(first, last, final, strict=True):
        np.testing.assert_array_equal(leaf, expected)
        assert np.any(before != leaf)


def test_ctrl_c_in_phase_recovery_keeps_the_evaluations(tmp_path):
    """The optimiser was done: --resume began all evaluations again, or at an older checkpoint."""
    problem, options = shared_problem("texture-fast"), {"checkpoint_path": str(tmp_path / "state")}

    def render(key, parameters):
        os.kill(os.getpid(), signal.SIGINT)
        return problem.render_output(key, parameters)

    stopped = problem._replace(render_output=render)
    partly = synthesis.run(stopped, jax.random.key(0), **options)
    assert partly.outcome.reason == "interrupted"
    steps = []
    resumed = synthesis.run(
        problem, jax.random.key(0), **options, resume=True, on_step=steps.append
    )
    assert resumed.outcome.reason == "evaluations" and not steps
    np.testing.assert_array_equal(resumed.wave, shared_texture().wave)


def test_resume_without_a_checkpoint_starts_anew(tmp_path):
    """Catches an error for a run that was stopped before its first checkpoint."""
    texture = synthesis.run(
        shared_problem("texture-fast"),
        jax.random.key(0),
        checkpoint_path=str(tmp_path / "none"),
        resume=True,
    )
    np.testing.assert_array_equal(texture.wave, shared_texture().wave)


def test_an_unwritable_checkpoint_stops_no_run(tmp_path):
    """Catches hours lost to a full disk: the run goes on and its caller is told.

    Without a caller who listens it is an error.
    """
    problem, errors = shared_problem("texture-fast"), []
    options = {"checkpoint_path": str(tmp_path / "nowhere" / "state"), "checkpoint_every": 1}
    texture = synthesis.run(problem, jax.random.key(0), **options, on_unsaved=errors.append)
    np.testing.assert_array_equal(texture.wave, shared_texture().wave)
    assert errors and all(isinstance(error, OSError) for error in errors)
    with pytest.raises(OSError):
        synthesis.run(problem, jax.random.key(0), **options)


def test_a_budget_of_seconds_still_makes_a_sound():
    """One evaluation is made whatever the budget."""
    texture = synthesis.run(shared_problem("texture-fast"), jax.random.key(0), max_seconds=0.0)
    assert texture.outcome.reason == "seconds" and texture.wave.shape == (1, 4000)


def test_samples_share_one_compilation():
    """Textures of one problem differ in their key alone: the second costs no compilation."""
    problem = shared_problem("texture-fast")
    synthesis.run(problem, jax.random.key(0), evaluations=3)
    with count_compilations() as compiled:
        synthesis.run(problem, jax.random.key(7), evaluations=3)
    assert not compiled
