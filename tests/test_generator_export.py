"""generators/export.py: the step as StableHLO, and the lines of README that play it."""

import importlib.util
import os
import re
import subprocess
import sys

import jax
import numpy as np
import pytest
import small_generators
from helpers import ROOT

from audio_texture import generators
from audio_texture.generators import GeneratorConfig

FLATBUFFERS = importlib.util.find_spec("flatbuffers")
needs_flatbuffers = pytest.mark.skipif(
    FLATBUFFERS is None, reason="JAX writes exported steps with the package flatbuffers."
)
RATE = small_generators.RATE


@needs_flatbuffers
def test_the_lines_of_readme_play_it(tmp_path):
    """With JAX and NumPy alone: two textures at once, with the samples that this library makes."""
    generator = small_generators.make_generator(channels=2, styles=2)
    (tmp_path / "generator.stablehlo").write_bytes(
        generators.export_step(generator, platforms=["cpu"])
    )
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (lines,) = (block for block in blocks if "export.deserialize" in block)
    assert len([line for line in lines.splitlines() if line and "import" not in line]) <= 10
    hidden = "import sys\nsys.modules |= dict.fromkeys(['audio_texture', 'flax'])\n"
    saved = "\nstate, later = make(state, seeds, chunks[:1] + 16, weights)"
    saved += "\nnp.save('wave.npy', np.concatenate([wave, later], axis=-1))\nprint(step.fun_name)"
    done = subprocess.run(
        [sys.executable, "-c", hidden + lines + saved],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ | {"PYTHONPATH": os.path.dirname(FLATBUFFERS.submodule_search_locations[0])},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"generator_{RATE}"
    waves = np.load(tmp_path / "wave.npy")
    assert waves.shape == (2, 2, 17 * generator.config.chunk)
    for seed, wave in enumerate(waves):
        expected = generators.stretch(generator, seconds=wave.shape[1] / RATE, seed=seed)
        np.testing.assert_allclose(wave, expected, atol=1e-5)


@needs_flatbuffers
def test_weights_and_levels():
    """Of each texture its own; a loud one is lowered and its peaks rounded, as everywhere."""
    generator = small_generators.make_generator(channels=1, styles=2)._replace(peak=1.5)
    loud = generator._replace(styles=generator.styles._replace(gains=np.float32([40, 5])))
    written = generators.export_step(loud, platforms=["cpu"])
    step = jax.export.deserialize(bytearray(written))
    assert step.platforms == ("cpu",)
    weights = np.float32([[0.25, 0.75], [3, 0]])
    state = np.zeros((2, step.in_avals[0].shape[1]), np.float32)
    before = loud.config.warm_up
    _, waves = jax.jit(step.call)(
        state, np.uint32([7, 7]), np.arange(-before, 2, dtype=np.int32), weights
    )
    for wave, parts in zip(waves[:, :, before * loud.config.chunk :], weights, strict=True):
        expected = generators.stretch(
            loud, seconds=wave.shape[1] / RATE, seed=7, weights=parts.tolist()
        )
        np.testing.assert_allclose(wave, expected, atol=1e-5)
        assert np.max(np.abs(expected)) < 1
    assert np.max(np.abs(waves)) > 0.9


def test_what_cannot_be_exported(monkeypatch):
    generator = small_generators.make_generator()
    config = GeneratorConfig(**{**generator.config.to_json(), "content_bands": 4})
    with pytest.raises(ValueError, match="follows a content"):
        generators.export_step(generator._replace(config=config))
    for platforms, said in (([], "got ''"), (["cpu", "phone"], "got 'cpu, phone'")):
        with pytest.raises(ValueError, match=said):
            generators.export_step(generator, platforms=platforms)
    monkeypatch.setitem(sys.modules, "flatbuffers", None)
    with pytest.raises(ValueError, match="pip install flatbuffers"):
        generators.export_step(generator)


@pytest.mark.parametrize("levels", [4, 7])
@pytest.mark.parametrize("sample_rate", [4000, 22050, 48000])
def test_readme_warms_up_for_long_enough(sample_rate, levels):
    assert GeneratorConfig(sample_rate, levels=levels).warm_up <= 16
