"""Lengths in the headers of sound files, checked against the file itself.

A recorder that crashes leaves a header that counts no samples, a program that writes to a pipe
cannot know how many samples will follow, and other programs count wrongly. libsndfile believes most
of these headers. `measure` returns how many bytes of samples are really present, and which bytes of
the header must change for libsndfile to read the file. It examines only containers whose header
tells libsndfile how many bytes to read.
"""

import io
import os
from typing import BinaryIO, Literal, NamedTuple


class Lengths(NamedTuple):
    """Lengths of a file's samples, in bytes.

    Attributes:
      promised: by the header; None if the header leaves the length open.
      present: in the file, at most `promised`.
      behind: bytes that follow the samples and belong to no chunk; 0 where that is not examined.
      patches: (offset, bytes) that repair the header.
    """

    promised: int | None
    present: int
    behind: int = 0
    patches: tuple[tuple[int, bytes], ...] = ()


class _Layout(NamedTuple):
    """The layout of a container's chunks.

    Attributes:
      first: offset of the first chunk.
      name: bytes of a chunk's name.
      length: bytes of a chunk's length.
      order: of the length's bytes, "little" or "big".
      counted: bytes of the chunk's own header that its length includes.
      align: chunks are padded to a multiple of this many bytes.
      data: name of the chunk that holds the samples.
      lead: bytes in that chunk before the samples.
    """

    first: int
    name: int
    length: int
    order: Literal["little", "big"]
    counted: int
    align: int
    data: bytes
    lead: int = 0


_RIFF = _Layout(first=12, name=4, length=4, order="little", counted=0, align=2, data=b"data")
_AIFF = _Layout(first=12, name=4, length=4, order="big", counted=0, align=2, data=b"SSND", lead=8)
_W64 = _Layout(first=40, name=16, length=8, order="little", counted=24, align=8, data=b"data")
_CAF = _Layout(first=8, name=4, length=8, order="big", counted=0, align=1, data=b"data", lead=4)
_MOST_CHUNKS = 10_000
# Lengths from here on mean that the length is unknown: programs write 2^31 or 2^32, less a header.
_OPEN_32 = 0x7FFF_0000


def measure(path: str) -> Lengths | None:
    """Returns which lengths a file's header promises and which are present; None for a container
    that is not examined. Raises OSError as `open` does.
    """
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        head = file.read(40)
        if head[:4] in (b".snd", b"dns."):
            return _measure_au(head, size)
        if head[:4] in (b"RIFF", b"RIFX", b"RF64") and head[8:12] == b"WAVE":
            layout = _RIFF._replace(order="big") if head[:4] == b"RIFX" else _RIFF
        elif head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
            layout = _AIFF
        elif head[:4] == b"riff" and head[24:28] == b"wave":
            layout = _W64
        elif head[:4] == b"caff":
            layout = _CAF
        else:
            return None
        return _measure_chunks(file, layout, size, long=head[:4] == b"RF64")


class OggEnd(NamedTuple):
    """How a file of Ogg pages ends.

    Attributes:
      state: "whole" (its last page is whole and marked as the last), "open" (whole but not marked)
        or "cut" (the file ends within a page).
      lost: share of the recording on a last page that is cut off; None if unknown.
    """

    state: str
    lost: float | None = 0.0


def ogg_end(path: str) -> OggEnd | None:
    """Returns how a file of Ogg pages ends (RFC 3533, section 6); None for other files.

    Raises OSError as `open` does.
    """
    with open(path, "rb") as file:
        if file.read(4) != b"OggS":
            return None
        # A page has at most 65307 bytes.
        file.seek(max(0, os.path.getsize(path) - 2 * 65_536))
        tail = file.read()
    last = tail.rfind(b"OggS")
    page = tail[max(last, 0) :]
    if last < 0 or len(page) < 27 or len(page) < 27 + page[26]:
        return OggEnd("cut", None)
    is_end = bool(page[5] & 4)
    if len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]]):
        return OggEnd("whole" if is_end else "open")
    before = tail.rfind(b"OggS", 0, last)
    # A page's position is that of its last sample.
    position, earlier = (
        int.from_bytes(tail[at + 6 : at + 14], "little", signed=True) for at in (last, before)
    )
    if before < 0 or not is_end or not 0 < earlier <= position:
        return OggEnd("cut", None)
    return OggEnd("cut", (position - earlier) / position)


class RepairedFile(io.RawIOBase):
    """A binary file for reading, with some bytes replaced by `patches`: (offset, bytes) pairs."""

    def __init__(self, path: str, patches: tuple[tuple[int, bytes], ...]):
        self._file, self._patches = open(path, "rb"), patches

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer) -> int:
        position, view = self._file.tell(), memoryview(buffer).cast("B")
        count = self._file.readinto(view)
        for offset, patch in self._patches:
            first, last = max(offset, position), min(offset + len(patch), position + count)
            if first < last:
                view[first - position : last - position] = patch[first - offset : last - offset]
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def _measure_au(head: bytes, size: int) -> Lengths | None:
    """Returns the lengths of an AU file of `size` bytes that begins with `head`."""
    order = "big" if head[:1] == b"." else "little"
    begin, declared = (int.from_bytes(head[at : at + 4], order) for at in (4, 8))
    present = size - begin
    if len(head) < 24 or present <= 0:
        return None
    if 0 < declared <= present:
        return Lengths(declared, declared, behind=present - declared)
    patch = (8, min(present, 0xFFFF_FFFE).to_bytes(4, order))
    return Lengths(declared if 0 < declared < _OPEN_32 else None, present, patches=(patch,))


def _measure_chunks(file: BinaryIO, layout: _Layout, size: int, *, long: bool) -> Lengths | None:
    """Returns the lengths of a file of chunks.

    size: of the file in bytes. long: whether it is RF64, with its lengths in a chunk ds64.
    """
    at, long_at = _find_samples(file, layout, size)
    header = layout.name + layout.length
    if at is None:
        return None
    declared = _length(file, layout, at)
    field, length, order = at + layout.name, layout.length, layout.order
    if long and declared in (0, 0xFFFF_FFFF):
        # RF64 keeps the length in a chunk of its own, as 64 bits.
        if long_at is None:
            return None
        field, length, declared = long_at + 16, 8, _integer(file, long_at + 16, 8, order)
    # From here on, lengths are those of the samples alone.
    begin, declared = at + header + layout.lead, declared - layout.counted - layout.lead
    present = size - begin
    if present <= 0:
        return Lengths(max(declared, 0), 0)
    if declared <= 0 and _is_chunks(file, layout, begin + max(declared, -layout.lead), size):
        return None
    if 0 < declared <= present:
        end = begin + declared
        # With 64-bit lengths libsndfile does not read exactly this many bytes, so what follows the
        # samples is not examined.
        if layout.length == 8:
            return Lengths(declared, declared)
        is_clean = any(_is_chunks(file, layout, at, size) for at in (end, _aligned(end, layout)))
        return Lengths(declared, declared, behind=0 if is_clean else size - end)
    is_open = declared <= 0 or declared >= (_OPEN_32 if length == 4 else 2**62)
    whole = present + layout.counted + layout.lead
    patches = [(field, min(whole, 2 ** (8 * length) - 2).to_bytes(length, order))]
    if long:
        patches.append((at + layout.name, b"\xff" * 4))
    elif layout.first == 12:
        patches.append((4, min(size - 8, 0xFFFF_FFFE).to_bytes(4, order)))
    return Lengths(None if is_open else declared, present, patches=tuple(patches))


def _find_samples(file: BinaryIO, layout: _Layout, size: int) -> tuple[int | None, int | None]:
    """Returns the offsets of the chunk of samples and of RF64's chunk of lengths; None for a
    missing chunk.
    """
    at, long_at = layout.first, None
    for _ in range(_MOST_CHUNKS):
        if at + layout.name + layout.length > size:
            break
        file.seek(at)
        name = file.read(4)
        if name == layout.data:
            return at, long_at
        if name == b"ds64":
            long_at = at
        length = _length(file, layout, at)
        if length < layout.counted:
            break
        at = _aligned(at + layout.name + layout.length + length - layout.counted, layout)
    return None, long_at


def _is_chunks(file: BinaryIO, layout: _Layout, at: int, size: int) -> bool:
    """Says whether only whole chunks with printable names lie from here to the end of the file."""
    for _ in range(_MOST_CHUNKS):
        # The last chunk may lack its padding.
        if size <= at < size + layout.align:
            return True
        if at + layout.name + layout.length > size:
            return False
        file.seek(at)
        name, length = file.read(4), _length(file, layout, at)
        if length < layout.counted or not all(0x20 <= letter < 0x7F for letter in name):
            return False
        at = _aligned(at + layout.name + layout.length + length - layout.counted, layout)
    return False


def _aligned(at: int, layout: _Layout) -> int:
    # Lengths of W64 count from the chunk's beginning, which is aligned too.
    return -(-at // layout.align) * layout.align


def _length(file: BinaryIO, layout: _Layout, at: int) -> int:
    return _integer(file, at + layout.name, layout.length, layout.order)


def _integer(file: BinaryIO, at: int, length: int, order: Literal["little", "big"]) -> int:
    file.seek(at)
    # Fields of 64 bits are signed: -1 means that the length is unknown.
    return int.from_bytes(file.read(length), order, signed=length == 8)
