# SPDX-License-Identifier: GPL-2.0-or-later
# An independent reader of kdump-compressed files (makedumpfile's format, header version 6), also flattened ones.

import mmap
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import zstandard

_ZLIB, _INCOMPLETE, _ZSTD = 0x1, 0x8, 0x20


@dataclass(frozen=True)
class _Layout:
    """Where fields are: of the header, and of the sub header in the block behind it. The structures hold longs of the machine."""

    status: int
    notes: str  # offset and size
    notes_at: int
    max_pfn: int


_VERSION = 6
_LAYOUTS = {32: _Layout(status=412, notes="QI", notes_at=32, max_pfn=72), 64: _Layout(status=424, notes="QQ", notes_at=48, max_pfn=96)}
# Of a flattened file: its first block, and the offset and size in front of each piece, big endian; both are -1 at the end.
_FLATTENED_HEADER = 4096
_PIECE = struct.Struct(">qq")
# utsname.machine, behind signature and version.
_MACHINE_AT = 12 + 4 * 65


class KdumpFile:
    """Page frames by number, as in machine.vmcore.Vmcore. `offsets`: where what is stored of each page begins; zero pages share one place."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        assert self._map[:8] == b"KDUMP   ", f"{path}: no kdump file"
        # All is in the byte order of the machine that crashed.
        orders = [each for each in "<>" if self._numbers(f"{each}I", 8) == (_VERSION,)]
        assert orders, f"{path}: the header's version is not {_VERSION}"
        [order] = orders
        layout = _LAYOUTS[32 if self._map[_MACHINE_AT : _MACHINE_AT + 5] == b"i686\0" else 64]
        status, self.page_size, sub_header_blocks, bitmap_blocks = self._numbers(f"{order}4I", layout.status)
        assert self.page_size in (4096, 65536)
        self.incomplete = bool(status & _INCOMPLETE)
        notes_offset, notes_bytes = self._numbers(f"{order}{layout.notes}", self.page_size + layout.notes_at)
        (self.max_pfn,) = self._numbers(f"{order}Q", self.page_size + layout.max_pfn)
        self.notes = self._map[notes_offset : notes_offset + notes_bytes]
        begin = (1 + sub_header_blocks) * self.page_size
        half = bitmap_blocks // 2 * self.page_size
        descriptors = begin + 2 * half
        self.ram = set(_set_bits(self._map[begin : begin + half]))
        self._stored: dict[int, tuple[int, int]] = {}  # size, flags
        self.offsets: dict[int, int] = {}
        for rank, pfn in enumerate(_set_bits(self._map[begin + half : descriptors])):
            offset, size, flags = self._numbers(f"{order}QII", descriptors + 24 * rank)
            self.offsets[pfn] = offset
            self._stored[pfn] = (size, flags)
        self._zstd = zstandard.ZstdDecompressor()

    def _numbers(self, fields: str, offset: int) -> tuple[int, ...]:
        return struct.unpack_from(fields, self._map, offset)

    def page(self, pfn: int) -> bytes:
        size, flags = self._stored[pfn]
        stored = self._map[self.offsets[pfn] : self.offsets[pfn] + size]
        page = {0: lambda it: it, _ZLIB: zlib.decompress, _ZSTD: self._zstd.decompress}[flags](stored)
        assert len(page) == self.page_size
        return page

    def close(self) -> None:
        self._map.close()
        self._file.close()


def rearrange(flattened: Path, output: Path) -> None:
    """Writes each piece where it belongs. makedumpfile -R waits for ever for the rest of a file that has no end."""
    size = flattened.stat().st_size
    with flattened.open("rb") as pieces, output.open("wb") as file:
        assert pieces.read(_FLATTENED_HEADER).startswith(b"makedumpfile\0"), f"{flattened}: no flattened file"
        while True:
            header = pieces.read(_PIECE.size)
            assert len(header) == _PIECE.size, f"{flattened}: ends at byte {size}, without a mark of its end"
            offset, length = _PIECE.unpack(header)
            if (offset, length) == (-1, -1):
                return
            piece = pieces.read(length)
            assert len(piece) == length, f"{flattened}: ends at byte {size}, in a piece of {length} bytes"
            file.seek(offset)
            file.write(piece)


def _set_bits(bitmap: bytes) -> list[int]:
    return [8 * index + bit for index, byte in enumerate(bitmap) if byte for bit in range(8) if byte >> bit & 1]
