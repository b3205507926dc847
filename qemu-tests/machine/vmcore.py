# SPDX-License-Identifier: GPL-2.0-or-later
# An independent reader of ELF64 vmcores and of /proc/iomem, for comparing what was recovered with what the machine's memory was.

import mmap
import struct
from pathlib import Path
from typing import Iterator, NamedTuple

PAGE = 4096
ZERO_PAGE = bytes(PAGE)


class ProgramHeader(NamedTuple):
    kind: int
    offset: int
    paddr: int
    filesz: int
    memsz: int


_NOTE, _LOAD = 4, 1


def program_headers(content: bytes | mmap.mmap) -> list[ProgramHeader]:
    assert content[:6] == b"\x7fELF\x02\x01", "no little-endian ELF64 file"
    (phoff,) = struct.unpack_from("<Q", content, 32)
    phentsize, phnum = struct.unpack_from("<HH", content, 54)
    if phnum == 0xFFFF:
        (shoff,) = struct.unpack_from("<Q", content, 40)
        (phnum,) = struct.unpack_from("<I", content, shoff + 44)
    headers = []
    for index in range(phnum):
        kind, _, offset, _, paddr, filesz, memsz, _ = struct.unpack_from("<IIQQQQQQ", content, phoff + index * phentsize)
        headers.append(ProgramHeader(kind, offset, paddr, filesz, memsz))
    return headers


def memory_size(path: Path) -> int:
    """Bytes of memory that a vmcore holds; what it holds twice counts once."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        loads = sorted((header.paddr, header.paddr + header.filesz) for header in program_headers(content) if header.kind == _LOAD)
    size = covered = 0
    for start, end in loads:
        size += max(0, end - max(start, covered))
        covered = max(covered, end)
    return size


class Vmcore:
    """Page frames by number. A frame that two PT_LOADs cover (the kernel's text) must be at one place of the file; with `repeated`, as in
    /proc/vmcore, at several, of which the last counts."""

    def __init__(self, path: Path, repeated: bool = False) -> None:
        self._file = path.open("rb")
        self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        self.offsets: dict[int, int] = {}
        self.notes = b""
        for header in program_headers(self._map):
            if header.kind == _NOTE:
                self.notes += self._map[header.offset : header.offset + header.filesz]
            if header.kind == _LOAD:
                assert header.filesz == header.memsz and header.filesz % PAGE == 0 and header.paddr % PAGE == 0
                frames = range(header.paddr // PAGE, (header.paddr + header.filesz) // PAGE)
                for pfn, offset in zip(frames, range(header.offset, header.offset + header.filesz, PAGE)):
                    previous = self.offsets.setdefault(pfn, offset)
                    if previous != offset:
                        assert repeated, f"pfn {pfn} is stored twice"
                        self.offsets[pfn] = offset

    def page(self, pfn: int) -> bytes:
        offset = self.offsets[pfn]
        return self._map[offset : offset + PAGE]

    def close(self) -> None:
        self._map.close()
        self._file.close()


def system_ram(iomem: str) -> Iterator[int]:
    """Page frames of "System RAM" that a capture kernel can see: without the crash reservation, and without the low 1 MiB, which
    kexec_file_load leaves out."""
    ram: list[range] = []
    crash: list[range] = []
    for line in iomem.splitlines():
        bounds, _, name = line.partition(" : ")
        first, _, last = bounds.strip().partition("-")
        # Ends are inclusive; pages that are only partly RAM do not count.
        pages = range(-(-int(first, 16) // PAGE), (int(last, 16) + 1) // PAGE)
        if name == "System RAM" and not line.startswith(" "):
            ram.append(pages)
        if name == "Crash kernel":
            crash.append(pages)
    for pages in ram:
        for pfn in pages:
            if pfn * PAGE >= 1 << 20 and not any(pfn in reserved for reserved in crash):
                yield pfn
