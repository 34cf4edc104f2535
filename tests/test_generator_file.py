"""generators/generator_file.py: one file holds all of a generator, or is refused in one line."""

import json
import pathlib

import jax
import numpy as np
import pytest
import small_generators
from helpers import noise

from audio_texture import files, generators, streaming


def generator():
    return small_generators.make_generator(channels=2, styles=2)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("generators") / "two.safetensors")
    generators.save(path, generator())
    return path


def refusal(path):
    """The line with which a file is refused."""
    with pytest.raises(ValueError) as caught:
        generators.load(str(path))
    line = str(caught.value)
    assert "\n" not in line and repr(str(path)) in line
    return line


def rewritten(path, folder, *, arrays=(), described=(), **metadata):
    """A sound copy of the file with other arrays (None removes one), descriptions or metadata."""
    held, said = files.read_arrays(path)
    held = {**held, **dict(arrays)}
    said["generator"] = json.dumps({**json.loads(said["generator"]), **dict(described)})
    kept = {name: np.ascontiguousarray(array) for name, array in held.items() if array is not None}
    other = str(folder / "other.safetensors")
    said = {name: text for name, text in {**said, **metadata}.items() if name != files.CHECKSUM}
    files.write_arrays(other, kept, said)
    return other


def test_round_trip(path):
    saved, loaded = generator(), generators.load(path)
    for name in ("config", "peak", "training"):
        assert getattr(loaded, name) == getattr(saved, name)
    assert loaded.styles.names == ("crackle", "noise")
    np.testing.assert_array_equal(loaded.factors, saved.factors)
    for name, array in saved.styles._asdict().items():
        if name != "names":
            np.testing.assert_array_equal(getattr(loaded.styles, name), array, err_msg=name)
    jax.tree.map(np.testing.assert_array_equal, loaded.parameters, saved.parameters)
    sounds = [
        generators.stretch(held, seconds=0.1, seed=3, weights=[1, 2]) for held in (saved, loaded)
    ]
    np.testing.assert_array_equal(*sounds)


def test_the_file_is_small_and_holds_no_recording(path, tmp_path):
    """Weights in float32, and what a style needs beside them; a longer recording adds nothing."""
    held, _ = files.read_arrays(path)
    kinds = {name: np.float32 for name in held} | {"styles/beats": np.uint32}
    assert {name: array.dtype for name, array in held.items()} == kinds
    longer = generators.fit_styles(
        ["it"], [noise(60000)], small_generators.config(), smoothing_hz=20.0
    )
    shorter = generators.fit_styles(
        ["it"], [noise(6000)], small_generators.config(), smoothing_hz=20.0
    )
    assert [np.shape(x) for x in longer[1:]] == [np.shape(x) for x in shorter[1:]]


def test_it_is_told_from_other_files(path, tmp_path):
    text = tmp_path / "text.safetensors"
    text.write_text("not arrays")
    later = rewritten(path, tmp_path, format="audio-texture generator 12")
    assert generators.is_generator_file(path) and generators.is_generator_file(later)
    assert not generators.is_generator_file(str(text))
    assert not generators.is_generator_file(str(tmp_path / "none"))
    style = tmp_path / "style.safetensors"
    files.write_arrays(str(style), {"x": np.zeros(1)}, {"format": "audio-texture style 1"})
    assert not generators.is_generator_file(str(style))


def test_damage_is_found(path, tmp_path):
    """Cut short, and one bit turned in a weight or in the description, anywhere in the file."""
    damaged, whole = tmp_path / "damaged.safetensors", pathlib.Path(path).read_bytes()
    for size in (0, 7, 100, len(whole) // 2, len(whole) - 1):
        damaged.write_bytes(whole[:size])
        assert refusal(damaged)
    for place in np.linspace(0, len(whole) - 1, 40).astype(int):
        changed = bytearray(whole)
        changed[place] ^= 4
        damaged.write_bytes(changed)
        assert refusal(damaged)
    assert "No such file" in refusal(tmp_path / "none.safetensors")


def test_other_formats_and_versions(path, tmp_path):
    later = refusal(rewritten(path, tmp_path, format="audio-texture generator 2"))
    assert "'audio-texture generator 2'" in later and generators.FORMAT in later
    other = tmp_path / "other.safetensors"
    files.write_arrays(str(other), {"x": np.zeros(3, np.float32)}, {})
    assert "its format is None" in refusal(other)


def test_a_style_of_streams_is_no_generator(tmp_path):
    from small_recipes import RATE, REFERENCE, small

    fitted = streaming.fit_style(
        small(auditory_weight=0.0, patches_weight=0.0, rhythm_weight=0.0),
        [REFERENCE],
        sample_rate=RATE,
    )
    style = str(tmp_path / "style.safetensors")
    streaming.save_style(style, fitted)
    assert "holds no generator" in refusal(style)


FIRST = "first_0/kernel/kernel"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"arrays": {FIRST: np.zeros((3, 4), np.float32)}}, FIRST),
        ({"arrays": {FIRST: None}}, FIRST),
        ({"arrays": {"second_1/scale": np.zeros((3, 4), np.float32)}}, "second_1/scale"),
        ({"arrays": {"styles/colours": None}}, "styles/colours"),
        ({"arrays": {"styles/colours": np.ones((2, 2, 9), np.float32)}}, "styles/colours"),
        ({"arrays": {"styles/heard": np.ones((1, 2, 32), np.float32)}}, "styles/heard"),
        ({"arrays": {"styles/gains": np.ones(3, np.float32)}}, "styles/gains"),
        ({"arrays": {"styles/couplings.imag": np.ones((2, 3), np.float32)}}, "couplings"),
        ({"arrays": {"factors": np.ones((2, 3), np.float32)}}, "factors"),
        ({"described": {"styles": ["one"]}}, ""),
        ({"described": {"styles": "ab"}}, "styles"),
        ({"described": {"peak": "loud"}}, "'loud'"),
        ({"described": {"training": None}}, "training"),
        ({"described": {"config": {"sample_rate": 8000, "rooms": 3}}}, "rooms"),
        ({"described": {"config": {"sample_rate": 8000, "levels": 2}}}, "levels"),
        ({"described": {"config": {"sample_rate": 8000, "levels": "4"}}}, ""),
        ({"described": {"config": None}}, ""),
        ({"generator": "[]"}, ""),
        ({"generator": "{"}, ""),
    ],
)
def test_a_sound_file_of_another_configuration(path, tmp_path, changes, named):
    """Its checksum holds, but not what the configuration says. Catches a wrong sound, or an error
    of many lines later on.
    """
    assert named in refusal(rewritten(path, tmp_path, **changes))
