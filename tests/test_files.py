"""files.py: whole or not at all, and damaged files are known for what they are."""

import os

import numpy as np
import pytest
import safetensors.numpy

from audio_texture import files


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    """Catches a half-written file under its name, and a partial one left behind."""
    path = tmp_path / "notes.txt"
    files.write_text(str(path), "before")
    for name in ("replace", "fsync"):
        with monkeypatch.context() as patched:
            patched.setattr(
                os, name, lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
            )
            with pytest.raises(OSError, match="No space"):
                files.write_text(str(path), "after")
    assert path.read_text() == "before" and os.listdir(tmp_path) == ["notes.txt"]


def test_partials_are_hidden_and_no_users_file(tmp_path):
    """Today's 'stream.partial.wav' may be a recording of the user's; these names are nobody's."""
    partial = os.path.basename(files.partial_path(str(tmp_path / "stream.wav")))
    assert files.partial_of(partial) == "stream.wav"
    for name in (
        "stream.partial.wav",
        "stream.wav.partial",
        ".stream.wav.partial",
        ".stream.wav.backup00.partial",
    ):
        assert files.partial_of(name) is None


def test_arrays_are_read_as_they_were(tmp_path):
    """To the bit and of every type in use; the same arrays make the same bytes, whatever their
    order.
    """
    arrays = {
        "b": np.arange(6, dtype=np.int32).reshape(2, 3).T,
        "a": np.float32([1.5, np.nan]),
        "c": np.array(True),
        "d": np.zeros((0, 3), np.float64),
    }
    notes = {"one": "1", "two": "ü"}
    path = str(tmp_path / "arrays")
    files.write_arrays(path, arrays, notes)
    loaded, read = files.read_arrays(path)
    assert read == notes and loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(loaded[name], array)
        assert loaded[name].dtype == array.dtype
    assert (
        files.encode_arrays(dict(reversed(arrays.items())), dict(reversed(notes.items())))
        == (tmp_path / "arrays").read_bytes()
    )


def test_files_of_before_are_read(tmp_path):
    """Styles and weights that were written without a checksum."""
    (tmp_path / "old").write_bytes(
        safetensors.numpy.save({"a": np.ones(3, np.float32)}, {"format": "x"})
    )
    arrays, notes = files.read_arrays(str(tmp_path / "old"))
    np.testing.assert_array_equal(arrays["a"], np.ones(3))
    assert notes == {"format": "x"}


def test_damage_is_one_line(tmp_path):
    """Cut anywhere, or a bit turned: ValueError, or, where the bit decides about nothing, the very
    arrays.
    """
    path, rng = tmp_path / "arrays", np.random.default_rng(1)
    arrays = {"a": rng.standard_normal(50).astype(np.float32)}
    files.write_arrays(str(path), arrays, {"block": "3"})
    whole, refused = path.read_bytes(), 0
    for at in rng.integers(0, len(whole), 200):
        for data in (
            whole[:at],
            whole[:at] + bytes([whole[at] ^ 1 << rng.integers(8)]) + whole[at + 1 :],
        ):
            path.write_bytes(data)
            try:
                loaded, notes = files.read_arrays(str(path))
            except ValueError as error:
                refused += 1
                assert "\n" not in str(error)
            else:
                np.testing.assert_array_equal(loaded["a"], arrays["a"])
                assert notes["block"] == "3"
    assert refused > 380
