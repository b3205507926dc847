# SPDX-License-Identifier: GPL-2.0-or-later
# Which pages each dump level keeps, page by page: against what the kernel itself said of them right before the crash, and against
# makedumpfile on the kernels that it knows.

import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Iterator

import pytest

from machine.kdump import KdumpFile
from machine.product import PROGRAM
from machine.vmcore import Vmcore
from machine.vmcores import VmcoreSet, vmcore_set
from platforms import ALL_VMCORE_SETS, slow_except
from readers import makedumpfile_filter

# makedumpfile of Debian 12 is for Linux up to 6.2 or so.
_KNOWN_TO_MAKEDUMPFILE = slow_except(("bullseye", "bookworm"), ("bookworm",))
_LEVELS = (1, 2, 4, 8, 16, 31)

# include/uapi/linux/kernel-page-flags.h, and include/linux/kernel-page-flags.h from 32 on
_LRU, _SLAB, _BUDDY, _ANON, _SWAPCACHE, _SWAPBACKED, _HUGE, _HWPOISON, _THP, _OFFLINE, _PRIVATE = 5, 7, 10, 12, 13, 14, 17, 19, 22, 23, 35

# Pages that may have changed hands, besides 1 %. Free pages on a processor's own lists look like the kernel's until they go back to the
# allocator: two processors with a free huge page, and some.
_CHANGED = {"plain": 2 * 512 + 256}

# The class that each bit of a level leaves out.
_LEFT_OUT = {"cache_clean": 2 | 4, "cache_private": 4, "user": 8, "free": 16}


def class_by_flags(flags: int) -> str:
    """From /proc/kpageflags. "plain": of the kernel's, and nothing is said of it."""

    def has(bit: int) -> bool:
        return bool(flags >> bit & 1)

    if has(_HWPOISON) or has(_OFFLINE):
        return "never_read"
    if has(_BUDDY):
        return "free"
    if has(_SLAB):
        return "kernel"
    if has(_HUGE) or has(_ANON):
        return "user"
    # Of a huge page of tmpfs, older kernels tell in its first page only that it is on an LRU list.
    if has(_LRU) or has(_THP) or (has(_SWAPBACKED) and has(_SWAPCACHE)):
        return "cache_private" if has(_PRIVATE) else "cache_clean"
    return "kernel" if flags else "plain"


def is_kept(page_class: str, level: int) -> bool:
    return page_class != "never_read" and not _LEFT_OUT.get(page_class, 0) & level


@pytest.fixture(scope="module", params=ALL_VMCORE_SETS)
def vmcores(request: pytest.FixtureRequest) -> VmcoreSet:
    return vmcore_set(request.param)


@pytest.fixture(scope="module")
def classes(vmcores: VmcoreSet) -> dict[int, str]:
    """What the kernel said."""
    return {pfn: class_by_flags(flags) for pfn, flags in enumerate(vmcores.page_flags())}


def save(vmcore: Path, level: int, dump: Path) -> dict[str, int]:
    """The pages by class, as `show` tells them; kept and left out."""
    subprocess.run([PROGRAM, "save", vmcore, "--dump-level", str(level), "-f", "-o", dump], stdout=subprocess.DEVNULL, check=True)
    shown = subprocess.run([PROGRAM, "show", dump], stdout=subprocess.PIPE, check=True).stdout.decode()
    return {name: int(pages) for name, pages in re.findall(r"^  (\w+) +(\d+) +\S+ \w+  (?:kept|left out)", shown, re.MULTILINE)}


def export(dump: Path) -> Iterator[KdumpFile]:
    path = dump.with_suffix(".kdump")
    subprocess.run([PROGRAM, "export", dump, "-f", "-o", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    file = KdumpFile(path)
    yield file
    file.close()
    path.unlink()


def test_counts_are_the_kernels_own(vmcores: VmcoreSet, tmp_path: Path) -> None:
    """Free, anonymous and file pages within 1 % of what the kernel counts."""
    for vmcore in vmcores.described:
        counted = save(vmcore, 31, tmp_path / "dump")
        vmstat, meminfo = vmcores.vmstat(), vmcores.meminfo()
        page_kib = vmcores.page_size // 1024
        huge = meminfo["HugePages_Total"] * meminfo["Hugepagesize"] // page_kib
        if "gigantic" in vmcores.name:
            huge = 1 << 18
        anonymous = vmstat["nr_anon_pages"] + vmstat["nr_isolated_anon"]
        swap_cache = vmstat.get("nr_swapcached", meminfo["SwapCached"] // page_kib)
        files = vmstat["nr_file_pages"] - swap_cache
        print(f"{vmcore.name}: {counted}; free {vmstat['nr_free_pages']}, anonymous {anonymous}, huge {huge}, swap cache {swap_cache}, files {files}")
        assert counted["free"] == pytest.approx(vmstat["nr_free_pages"], rel=0.01)
        assert counted["cache_clean"] + counted["cache_private"] == pytest.approx(files, rel=0.01)
        # Pages in the swap cache that are mapped are counted twice by the kernel.
        assert anonymous + huge <= counted["user"] * 1.01
        assert counted["user"] <= (anonymous + huge + swap_cache) * 1.01


@pytest.mark.parametrize("level", slow_except(_LEVELS, (16, 31)))
def test_kept_is_what_the_kernel_said(vmcores: VmcoreSet, classes: dict[int, str], level: int, tmp_path: Path) -> None:
    """Page by page. Between the record and the crash some pages have changed hands."""
    for vmcore in vmcores.described:
        original = Vmcore(vmcore, repeated=True, page_size=vmcores.page_size)
        save(vmcore, level, tmp_path / "dump")
        wrongly_kept: Counter[str] = Counter()
        wrongly_left_out: Counter[str] = Counter()
        total: Counter[str] = Counter()
        for dump in export(tmp_path / "dump"):
            for pfn in original.offsets:
                page_class = classes.get(pfn, "kernel")  # beyond RAM: devices' memory in QEMU's files
                total[page_class] += 1
                if is_kept(page_class, level) and pfn not in dump.offsets:
                    wrongly_left_out[page_class] += 1
                if not is_kept(page_class, level) and pfn in dump.offsets:
                    wrongly_kept[page_class] += 1
            if level == 31:
                # Of a page at the end of low memory only a part may be there, which the reader here leaves out.
                parts = dump.offsets.keys() - original.offsets.keys()
                assert all(pfn * vmcores.page_size < 1 << 20 for pfn in parts) and len(parts) <= 1
                assert [pfn for pfn in dump.offsets if pfn not in parts and dump.page(pfn) != original.page(pfn)] == []
        print(f"{vmcore.name}, level {level}: {dict(total)}; changed: kept {dict(wrongly_kept)}, left out {dict(wrongly_left_out)}")
        for page_class, pages in (wrongly_kept + wrongly_left_out).items():
            assert pages <= total[page_class] / 100 + _CHANGED.get(page_class, 32), page_class
        assert "never_read" not in wrongly_kept
        original.close()


@pytest.mark.parametrize("level", slow_except(_LEVELS, (4, 31)))
@pytest.mark.parametrize("name", _KNOWN_TO_MAKEDUMPFILE)
def test_kept_is_what_makedumpfile_keeps(name: str, level: int, tmp_path: Path) -> None:
    vmcores = vmcore_set(name)
    save(vmcores.kexec, level, tmp_path / "dump")
    assert makedumpfile_filter(vmcores.kexec, tmp_path / "filtered", level)
    theirs = KdumpFile(tmp_path / "filtered")
    flags = vmcores.page_flags()
    for ours in export(tmp_path / "dump"):
        more = Counter(class_by_flags(flags[pfn]) for pfn in ours.offsets.keys() - theirs.offsets.keys())
        less = Counter(class_by_flags(flags[pfn]) for pfn in theirs.offsets.keys() - ours.offsets.keys())
        print(f"{name}, level {level}: {len(ours.offsets)} and {len(theirs.offsets)} pages; only ours {dict(more)}, only theirs {dict(less)}")
        assert not more and not less
    theirs.close()
