# SPDX-License-Identifier: GPL-2.0-or-later
# Vmcores saved and exported again: what other programs read from each format is what the original holds.

import hashlib
import struct
import subprocess
from pathlib import Path
from typing import Iterable, Iterator, Mapping

import pytest

from machine.kdump import KdumpFile
from machine.product import PROGRAM
from machine.vmcore import PAGE, ZERO_PAGE, Vmcore
from machine.vmcores import VmcoreSet, vmcore_set
from platforms import slow_except
from readers import (
    DrgnReader,
    LibkdumpfileReader,
    makedumpfile_filter,
    makedumpfile_messages,
    makedumpfile_rearrange,
)

_KERNELS = slow_except(("bookworm", "bullseye", "trixie", "trixie-backports"), ("bookworm",))
_MADE_BY = slow_except(("kexec", "qemu"), ("kexec",))
# KPF_* of include/uapi/linux/kernel-page-flags.h.
_HWPOISON, _OFFLINE = 1 << 19, 1 << 23
_FORMATS = {
    "kdump-zstd": ["--compress", "zstd"],
    "kdump-zlib": ["--compress", "zlib"],
    "kdump-none": ["--compress", "none"],
    "elf": ["--format", "elf"],
}


class Exported:
    """A vmcore, and what `save` and `export` make of it in every format."""

    def __init__(self, vmcore: Path, directory: Path, formats: Iterable[str] = _FORMATS) -> None:
        self.original = vmcore
        self.dump = directory / "dump"
        crashdump("save", vmcore, "--dump-level", "1", "-o", self.dump)
        self.files = {name: directory / name for name in formats}
        for name, path in self.files.items():
            crashdump("export", self.dump, *_FORMATS[name], "-o", path)


def crashdump(*arguments: str | Path) -> str:
    return subprocess.run([PROGRAM, *arguments], stdout=subprocess.PIPE, check=True).stdout.decode(errors="surrogateescape")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    directory = tmp_path_factory.mktemp("small")
    write_small_vmcore(directory / "vmcore")
    return Exported(directory / "vmcore", directory)


@pytest.fixture(scope="module", params=_KERNELS)
def vmcores(request: pytest.FixtureRequest) -> VmcoreSet:
    return vmcore_set(request.param)


@pytest.fixture(scope="module", params=_MADE_BY)
def real(request: pytest.FixtureRequest, vmcores: VmcoreSet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    directory = tmp_path_factory.mktemp("real")
    exported = Exported(getattr(vmcores, request.param), directory, ("kdump-zstd", "kdump-zlib", "elf"))
    yield exported
    for path in directory.iterdir():
        path.unlink()


def test_small_vmcore(small: Exported) -> None:
    """Every page of every format through libkdumpfile and drgn; what is not there is not read as zeros."""
    pages = small_pages()
    for path in small.files.values():
        for reader in (LibkdumpfileReader(path), DrgnReader(path)):
            assert [pfn for pfn, page in pages.items() if reader.page(pfn) != page] == [], path
            assert all(reader.page(pfn) is None for pfn in (0, max(pages) + 1, 0x300)), path
        assert LibkdumpfileReader(path).release == "6.1.0-small"


def test_flattened(small: Exported, tmp_path: Path) -> None:
    """A stream through a pipe becomes the same file."""
    command = [PROGRAM, "export", small.dump, "--format", "flattened", "--compress"]
    for compress in ("zstd", "zlib", "none"):
        restored = tmp_path / compress
        makedumpfile_rearrange([*command, compress], restored)
        assert restored.read_bytes() == small.files[f"kdump-{compress}"].read_bytes()


def test_every_page(real: Exported, vmcores: VmcoreSet) -> None:
    """Left out is only what has no content of its own: pages that the host has taken back, and those with a memory error."""
    original = Vmcore(real.original, repeated=True)
    flags = vmcores.page_flags()
    without_content = {pfn for pfn in original.offsets if pfn < len(flags) and flags[pfn] & (_OFFLINE | _HWPOISON)}
    for name, path in real.files.items():
        reader = LibkdumpfileReader(path)
        # libkdumpfile 0.5.1 takes the page right before a PT_LOAD for a part of it, filled with zeros.
        missing = (None, ZERO_PAGE) if name == "elf" else (None,)
        for pfn in original.offsets:
            page = reader.page(pfn)
            assert page == original.page(pfn) or (page in missing and pfn in without_content), f"{name}: page frame {pfn:#x}"
        drgn_reader = DrgnReader(path)
        sample = [pfn for pfn in original.offsets if pfn not in without_content][::97]
        assert [pfn for pfn in sample if drgn_reader.page(pfn) != original.page(pfn)] == [], name
    original.close()


def test_makedumpfile(real: Exported, tmp_path: Path) -> None:
    """Messages; and what it filters out of our files is what it filters out of the original, if it takes that."""
    messages = crashdump("messages", real.dump)
    assert messages.count("\n") > 200
    for name in ("kdump-zlib", "elf"):
        assert makedumpfile_messages(real.files[name], tmp_path / f"{name}.dmesg") == messages
    filtered = tmp_path / "filtered"
    if not makedumpfile_filter(real.original, filtered):
        assert real.original.name.endswith("-qemu.vmcore"), "only QEMU's files have no virtual addresses"
        return
    for name in ("kdump-zlib", "elf"):
        assert makedumpfile_filter(real.files[name], tmp_path / name)
    # In an ELF file nothing tells memory that was left out from memory that never was.
    assert (tmp_path / "kdump-zlib").read_bytes() == filtered.read_bytes()
    expected, found = KdumpFile(filtered), KdumpFile(tmp_path / "elf")
    assert found.offsets.keys() == expected.offsets.keys()
    assert all(found.page(pfn) == expected.page(pfn) for pfn in expected.offsets)
    expected.close()
    found.close()


def small_pages() -> Mapping[int, bytes]:
    """By page frame: text, numbers, zeros and noise, in three ranges."""
    pages = {}
    for pfn in (*range(0x100, 0x2C0), *range(0x4000, 0x4100), *range(0x20010, 0x20030)):
        kinds = (b"page %9d\n" % pfn * 300, pfn.to_bytes(8, "little") * 512, ZERO_PAGE, hashlib.shake_128(b"%d" % pfn).digest(PAGE))
        pages[pfn] = kinds[pfn // 5 % 4][:PAGE]
    return pages


def write_small_vmcore(path: Path) -> None:
    pages = small_pages()
    vmcoreinfo = b"OSRELEASE=6.1.0-small\nPAGESIZE=4096\nCRASHTIME=1700000000\nNUMBER(phys_base)=0\nKERNELOFFSET=0\n"
    vmcoreinfo += b"SYMBOL(swapper_pg_dir)=ffffffff82010000\nNUMBER(pgtable_l5_enabled)=0\n"
    notes = struct.pack("<III", 5, 336, 1) + b"CORE\0\0\0\0" + bytes(336)
    notes += struct.pack("<III", 11, len(vmcoreinfo), 0) + b"VMCOREINFO\0\0" + vmcoreinfo + bytes(-len(vmcoreinfo) % 4)
    ranges: list[list[int]] = []
    for pfn in pages:
        if ranges and ranges[-1][1] == pfn:
            ranges[-1][1] += 1
        else:
            ranges.append([pfn, pfn + 1])
    count = len(ranges) + 1
    offset = PAGE
    headers = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 4, 62, 1, 0, 64, 0, 0, 64, 56, count, 0, 0, 0)
    headers += struct.pack("<IIQQQQQQ", 4, 0, 64 + 56 * count, 0, 0, len(notes), len(notes), 0)
    for begin, end in ranges:
        size = (end - begin) * PAGE
        headers += struct.pack("<IIQQQQQQ", 1, 7, offset, 0xFFFF888000000000 + begin * PAGE, begin * PAGE, size, size, 0)
        offset += size
    path.write_bytes((headers + notes).ljust(PAGE, b"\0") + b"".join(pages.values()))
