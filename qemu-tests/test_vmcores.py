# SPDX-License-Identifier: GPL-2.0-or-later
# That the test vmcores can be relied on, without the product: they hold the whole memory, it is used as the recipe says, and what the
# kernel said of its pages fits what is in them.

import re
from collections import Counter
from dataclasses import dataclass
from typing import Iterator

import pytest

from machine.architecture import ARCHITECTURES
from machine.vmcore import Vmcore, system_ram
from machine.vmcores import VmcoreSet, vmcore_set
from platforms import ALL_VMCORE_SETS

_MARK = re.compile(rb"use_memory ([a-z]+) [0-9]{8}\n")

# include/uapi/linux/kernel-page-flags.h
_BUDDY, _ANON, _SWAPCACHE, _HUGE, _HWPOISON, _KSM, _THP, _OFFLINE = 10, 12, 13, 17, 19, 21, 22, 23


@dataclass(frozen=True)
class Contents:
    """What one vmcore of a set holds."""

    vmcore: Vmcore
    used: dict[str, list[int]]  # page frames by the kind of guest/use_memory.c


@pytest.fixture(scope="module", params=ALL_VMCORE_SETS)
def vmcores(request: pytest.FixtureRequest) -> VmcoreSet:
    return vmcore_set(request.param)


@pytest.fixture(scope="module")
def pages_of_mib(vmcores: VmcoreSet) -> int:
    return (1 << 20) // vmcores.page_size


@pytest.fixture(scope="module")
def contents(vmcores: VmcoreSet) -> Iterator[dict[str, Contents]]:
    """By the name of the file."""
    found = {}
    for path in vmcores.vmcores:
        vmcore = Vmcore(path, repeated=True, page_size=vmcores.page_size)
        used: dict[str, list[int]] = {}
        for pfn in vmcore.offsets:
            mark = _MARK.match(vmcore.page(pfn))
            if mark:
                used.setdefault(mark[1].decode(), []).append(pfn)
        found[path.name] = Contents(vmcore, used)
    yield found
    for content in found.values():
        content.vmcore.close()


@pytest.fixture(scope="module")
def ram(vmcores: VmcoreSet) -> set[int]:
    return set(system_ram(vmcores.record("iomem").decode(), vmcores.page_size, vmcores.record("dmesg").decode(errors="replace")))


def test_hold_all_memory(vmcores: VmcoreSet, contents: dict[str, Contents], ram: set[int], pages_of_mib: int) -> None:
    assert len(ram) > vmcores.info["memory_mib"] * pages_of_mib * 3 // 4
    for path in vmcores.vmcores:
        vmcore = contents[path.name].vmcore
        frames = set(vmcore.offsets)
        end = max(vmcore.offsets.values()) + vmcores.page_size
        if path == vmcores.kexec:
            # kexec-tools lets the capture kernel see the low 1 MiB as it was; on POWER also the firmware's page, in the reservation.
            more = {pfn for pfn in frames - ram if pfn >= pages_of_mib}
            assert frames >= ram and len(more) <= (1 if vmcores.info["architecture"].startswith("ppc64") else 0)
            assert path.stat().st_size == end
        else:
            # QEMU knows nothing of what is memory to the kernel: reservation, firmware and display memory are in its file too.
            assert frames > ram
            assert path.stat().st_size >= end


def test_name_their_kernel(vmcores: VmcoreSet, contents: dict[str, Contents]) -> None:
    for name, content in contents.items():
        if "-qemu" in name and "vmcoreinfo" not in ARCHITECTURES[vmcores.info["architecture"]].devices:
            assert b"OSRELEASE=" not in content.vmcore.notes
            continue
        information = re.findall(rb"[A-Z()a-z0-9_.]+=[^\n\0]*", content.vmcore.notes[content.vmcore.notes.index(b"OSRELEASE=") :])
        assert f"OSRELEASE={vmcores.info['release']}".encode() in information
        assert any(line.startswith(b"SYMBOL(swapper_pg_dir)=") for line in information)
    assert f"Linux version {vmcores.info['release']} " in vmcores.record("dmesg").decode()


def test_memory_is_used_as_asked(vmcores: VmcoreSet, contents: dict[str, Contents], pages_of_mib: int) -> None:
    words = vmcores.info["use"].split()
    for content in contents.values():
        for kind, amount in zip(words[::2], map(int, words[1::2])):
            pages = len(content.used.get(kind, ()))
            if kind in ("anonymous", "huge", "locked", "swapped", "hugetlb", "shared", "hugeshared", "dirty", "flushed"):
                assert pages == amount * pages_of_mib, kind
            if kind == "freed":
                assert amount * pages_of_mib * 0.9 < pages <= amount * pages_of_mib
            if kind == "gigantic":
                assert pages == 8 * amount  # one in a section
            if kind == "merged":
                # One in 16 is left; the old places of the others are free, with their content unless they have been used again.
                assert amount * pages_of_mib // 16 <= pages <= amount * pages_of_mib


def test_kernel_knows_every_kind_of_page(vmcores: VmcoreSet, ram: set[int], pages_of_mib: int) -> None:
    flags = vmcores.page_flags()
    assert len(vmcores.page_counts()) == len(flags) > max(ram)
    words = vmcores.info["use"].split()
    asked = Counter(dict(zip(words[::2], map(int, words[1::2]))))

    def count(flag: int) -> int:
        return sum(entry >> flag & 1 for entry in flags)

    vmstat = vmcores.vmstat()
    # Next to nothing moved while it was recorded: less than the tests of page classes allow for. A processor that fills or empties its
    # own list of free pages moves some dozens or hundreds at once (mm/page_alloc.c, 6.1, nr_pcp_free).
    moved = max(100, len(ram) * 0.003)
    assert abs(vmstat["nr_free_pages"] - vmcores.vmstat("vmstat-after")["nr_free_pages"]) < moved
    assert abs(count(_BUDDY) - vmstat["nr_free_pages"]) < moved
    assert count(_OFFLINE) == vmcores.info["balloon_mib"] * pages_of_mib
    assert count(_HWPOISON) == asked["poisoned"]
    # Of the small huge pages, as many again are free in the pool.
    assert count(_HUGE) == (2 * asked["hugetlb"] + 1024 * asked["gigantic"]) * pages_of_mib
    assert count(_THP) >= (asked["huge"] + asked["hugeshared"]) * pages_of_mib
    assert count(_SWAPCACHE) >= asked["swapped"] * pages_of_mib // 2
    assert count(_KSM) >= asked["merged"] * pages_of_mib // 16


def test_records_are_of_the_moment_of_the_vmcores(vmcores: VmcoreSet, contents: dict[str, Contents]) -> None:
    flags = vmcores.page_flags()
    for content in contents.values():
        for kind, flag in (("anonymous", _ANON), ("huge", _THP), ("locked", _ANON), ("hugetlb", _HUGE)):
            pages = content.used.get(kind, [])
            assert sum(flags[pfn] >> flag & 1 for pfn in pages) >= len(pages) * 0.99, kind
        # A page without any flag is in a processor's own list of free pages, which may hold tens of MiB since Linux 6.7.
        freed = content.used["freed"]
        assert sum(flags[pfn] == 0 or flags[pfn] >> _BUDDY & 1 for pfn in freed) >= len(freed) * 0.99
