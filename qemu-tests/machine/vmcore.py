# SPDX-License-Identifier: GPL-2.0-or-later
# An independent reader of ELF vmcores and of /proc/iomem, for comparing what was recovered with what the machine's memory was.

import mmap
import re
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
    """Of 32 and 64 bits, little and big endian."""
    assert content[:4] == b"\x7fELF", "no ELF file"
    wide, order = content[4] == 2, "<" if content[5] == 1 else ">"

    def unpack(layout: str, offset: int) -> tuple[int, ...]:
        return struct.unpack_from(order + layout, content, offset)

    # e_phoff and e_shoff; e_phentsize and e_phnum.
    phoff, shoff = unpack("QQ", 32) if wide else unpack("II", 28)
    phentsize, phnum = unpack("HH", 54 if wide else 42)
    if phnum == 0xFFFF:
        (phnum,) = unpack("I", shoff + (44 if wide else 28))
    headers = []
    for start in range(phoff, phoff + phnum * phentsize, phentsize):
        if wide:
            kind, _, offset, _, paddr, filesz, memsz, _ = unpack("IIQQQQQQ", start)
        else:
            kind, offset, _, paddr, filesz, memsz, _, _ = unpack("IIIIIIII", start)
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

    def __init__(self, path: Path, repeated: bool = False, page_size: int = PAGE) -> None:
        self.page_size = page_size
        self._file = path.open("rb")
        self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        self.offsets: dict[int, int] = {}
        self.notes = b""
        for header in program_headers(self._map):
            if header.kind == _NOTE:
                self.notes += self._map[header.offset : header.offset + header.filesz]
            if header.kind == _LOAD:
                assert header.filesz == header.memsz
                # Memory below 1 MiB begins and ends where the firmware says.
                frames = range(-(-header.paddr // page_size), (header.paddr + header.filesz) // page_size)
                for pfn in frames:
                    offset = header.offset + pfn * page_size - header.paddr
                    previous = self.offsets.setdefault(pfn, offset)
                    if previous != offset:
                        assert repeated, f"pfn {pfn} is stored twice"
                        self.offsets[pfn] = offset

    def page(self, pfn: int) -> bytes:
        offset = self.offsets[pfn]
        return self._map[offset : offset + self.page_size]

    def close(self) -> None:
        self._map.close()
        self._file.close()


# arch/powerpc/kexec/core.c: the reservation is not in /proc/iomem there.
_RESERVING = re.compile(r"Reserving (\d+)MB of memory at (\d+)MB for crashkernel")


def system_ram(iomem: str, page_size: int = PAGE, messages: str = "") -> Iterator[int]:
    """Page frames of "System RAM" that a capture kernel can see: without the crash reservation, and without the low 1 MiB, which
    kexec_file_load leaves out, and kexec-tools has copied elsewhere before the capture kernel uses it. `messages`: of the kernel, for those whose iomem does
    not have the reservation."""
    ram: list[range] = []
    crash: list[range] = []
    for mib, start in _RESERVING.findall(messages):
        crash.append(range((int(start) << 20) // page_size, (int(start) + int(mib) << 20) // page_size))
    for line in iomem.splitlines():
        bounds, _, name = line.partition(" : ")
        first, _, last = bounds.strip().partition("-")
        # Ends are inclusive; pages that are only partly RAM do not count.
        pages = range(-(-int(first, 16) // page_size), (int(last, 16) + 1) // page_size)
        if name == "System RAM" and not line.startswith(" "):
            ram.append(pages)
        if name == "Crash kernel":
            crash.append(pages)
    for pages in ram:
        for pfn in pages:
            if pfn * page_size >= 1 << 20 and not any(pfn in reserved for reserved in crash):
                yield pfn
