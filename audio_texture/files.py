"""Files that appear whole or not at all, and files of arrays that detect damage.

A file is first written under a hidden name in the same folder, then flushed to the disk and
renamed. So neither a kill nor a power cut nor a full disk leaves half a file under its name, and an
older file stays until the new file is whole.
"""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping

import numpy as np
import safetensors
import safetensors.numpy

# The metadata key under which a file of arrays holds its checksum.
CHECKSUM = "audio_texture_sha256"


def partial_path(path: str) -> str:
    """Returns a hidden name beside a path, different in every call: other processes may be writing
    the same file.
    """
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.{os.urandom(4).hex()}.partial")


def partial_of(entry: str) -> str | None:
    """Inverse of `partial_path`: returns the final name of a partial file; None for other names.

    Args:
      entry: name of a file, without its folder.

    Example:
      >>> partial_of(os.path.basename(partial_path("out/rain.wav")))
      'rain.wav'
    """
    match = re.fullmatch(r"\.(.+)\.[0-9a-f]{8}\.partial", entry, re.DOTALL)
    return match and match[1]


@contextlib.contextmanager
def replacing(path: str, *, sync: bool = True) -> Iterator[str]:
    """Yields a hidden path to write a file to, which is renamed to `path` at the end; if anything
    fails it is removed.

    Args:
      path: of the file.
      sync: waits until the file is on the disk before it is renamed, and for its name afterwards.
    Raises:
      OSError: the file cannot be written.
    """
    partial = partial_path(path)
    try:
        yield partial
        if sync:
            sync_file(partial)
        os.replace(partial, path)
        if sync:
            sync_folder(os.path.dirname(path) or ".")
    finally:
        with contextlib.suppress(OSError):
            os.remove(partial)


def sync_file(path: str) -> None:
    """Waits until a file's content is on the disk. Raises OSError if that fails."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: str) -> None:
    """Waits until a folder's names are on the disk, if its file system can do that."""
    with contextlib.suppress(OSError):
        sync_file(path)


def write_bytes(path: str, data: bytes, *, sync: bool = True) -> None:
    """Writes a file whole or not at all. Raises OSError if it cannot be written."""
    with replacing(path, sync=sync) as partial:
        with open(partial, "wb") as file:
            file.write(data)


def write_text(path: str, text: str, *, sync: bool = True) -> None:
    """Writes text in UTF-8 as `write_bytes` does."""
    write_bytes(path, text.encode(), sync=sync)


def write_arrays(
    path: str, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None
) -> None:
    """Writes arrays and texts as a safetensors file with a checksum over everything.

    The same arrays and texts make the same bytes. Raises OSError if it cannot be written.
    """
    write_bytes(path, encode_arrays(arrays, metadata))


def encode_arrays(
    arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None
) -> bytes:
    """Returns the bytes that `write_arrays` writes."""
    arrays = {name: np.array(array, order="C") for name, array in arrays.items()}
    notes = dict(metadata or {})
    encoded = safetensors.numpy.save(arrays, notes | {CHECKSUM: _checksum(arrays, notes)})
    # The library orders the metadata differently in every process.
    length = int.from_bytes(encoded[:8], "little")
    header = json.loads(encoded[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + encoded[8 + length :]


def read_arrays(path: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Inverse of `write_arrays`: returns arrays and texts; a safetensors file without a checksum is
    read too.

    Raises ValueError if the file is missing, of another kind, or cut or altered anywhere.

    Example:
      >>> import tempfile
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     write_arrays(f"{folder}/a", {"x": np.arange(3)}, {"unit": "Hz"})
      ...     arrays, texts = read_arrays(f"{folder}/a")
      >>> arrays["x"].tolist(), texts
      ([0, 1, 2], {'unit': 'Hz'})
    """
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}
            metadata = file.metadata() or {}
    except (OSError, safetensors.SafetensorError, TypeError) as error:
        raise ValueError(
            f"{path!r} is not a safetensors file that can be read ({error})."
        ) from error
    expected = metadata.pop(CHECKSUM, None)
    if expected is not None and expected != _checksum(arrays, metadata):
        raise ValueError(f"{path!r} is damaged: its content does not fit its checksum.")
    return arrays, metadata


def _checksum(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(sorted(metadata.items())).encode())
    for name, array in sorted(arrays.items()):
        digest.update(json.dumps([name, str(array.dtype), list(array.shape)]).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
