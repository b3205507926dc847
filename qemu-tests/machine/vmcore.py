# SPDX-License-Identifier: GPL-2.0-or-later
# An independent reader of ELF64 vmcores and of /proc/iomem, for comparing what was recovered with what the machine's memory was.

import mmap
import struct
from pathlib import Path
from typing import Iterator

PAGE = 4096
ZERO_PAGE = bytes(PAGE)


class Vmcore:
    """Page frames by number. A frame that two PT_LOADs cover (the kernel's text) must be at one place of the file; with `repeated`, as in
    /proc/vmcore, at several, of which the last counts."""

    def __init__(self, path: Path, repeated: bool = False) -> None:
        self._file = path.open("rb")
        self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        identification = self._map[:16]
        assert identification[:6] == b"\x7fELF\x02\x01", f"{path}: no little-endian ELF64 file"
        (phoff,) = struct.unpack_from("<Q", self._map, 32)
        phentsize, phnum = struct.unpack_from("<HH", self._map, 54)
        if phnum == 0xFFFF:
            (shoff,) = struct.unpack_from("<Q", self._map, 40)
            (phnum,) = struct.unpack_from("<I", self._map, shoff + 44)
        self.offsets: dict[int, int] = {}
        self.notes = b""
        for index in range(phnum):
            kind, _, offset, _, paddr, filesz, memsz, _ = struct.unpack_from("<IIQQQQQQ", self._map, phoff + index * phentsize)
            if kind == 4:
                self.notes += self._map[offset : offset + filesz]
            if kind == 1:
                assert filesz == memsz and filesz % PAGE == 0 and paddr % PAGE == 0
                frames = range(paddr // PAGE, (paddr + filesz) // PAGE)
                if repeated:
                    self.offsets.update(zip(frames, range(offset, offset + filesz, PAGE)))
                    continue
                for page in range(filesz // PAGE):
                    previous = self.offsets.setdefault(paddr // PAGE + page, offset + page * PAGE)
                    assert previous == offset + page * PAGE, f"pfn {paddr // PAGE + page} is stored twice"

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
