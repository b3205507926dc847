# SPDX-License-Identifier: GPL-2.0-or-later
# The test vmcores: real kernels with their memory in use, each as /proc/vmcore shows it and as QEMU writes it, beside what the kernel
# itself said of every page right before. A set is made once and kept in the cache; vmcore_set() finds it there or has it made.

import fcntl
import hashlib
import json
import os
import shutil
import sys
import tempfile
from array import array
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from machine.architecture import ARCHITECTURES, Architecture
from machine.kernel import Kernel

_QEMU_TESTS = Path(__file__).resolve().parent.parent
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "crashdump/vmcores"
# What decides, beside the recipe and the kernel, what the memory of the guest looks like.
_INPUTS = ("guest", "guest.table", "machine/vmcore_maker.py", "machine/guest_image.py")

_USE = (
    "dirty 20 flushed 30 anonymous 30 huge 16 locked 4 swapped 12 merged 4 hugetlb 6 shared 30 hugeshared 4 objects 20000 poisoned 6 "
    "freed 300"
)
# For huge pages of 4 MiB; for pages of 64 KiB, as a tmpfs has only so many files as pages; and with huge pages of 16 MiB.
_USE_I386 = _USE.replace("hugetlb 6", "hugetlb 8")
_USE_PPC64 = _USE.replace("objects 20000", "objects 10000")
_USE_HASH = _USE_PPC64.replace("huge 16", "huge 32").replace("hugetlb 6", "hugetlb 32").replace("hugeshared 4", "hugeshared 16")


@dataclass(frozen=True)
class Recipe:
    """A guest. `corpus_mib`: of a file that was on its disk before and is read; `use`: KIND AMOUNT pairs, see guest/use_memory.c."""

    kernel: str  # as Kernel.named() has it
    architecture: str = "x86_64"  # in ARCHITECTURES
    memory_mib: int = 1024
    command_line: str = ""
    corpus_mib: int = 100
    use: str = _USE
    balloon_mib: int = 16
    by_qemu: bool = True
    qemu_arguments: tuple[str, ...] = ()
    kexec_options: str = ""


# Four and five levels of page tables, and struct pages that several huge pages share, are each there with at least one kernel.
RECIPES = {
    "bullseye": Recipe("bullseye"),
    "bookworm": Recipe("bookworm", command_line="no5lvl"),
    "trixie": Recipe("trixie", command_line="hugetlb_free_vmemmap=on"),
    "trixie-backports": Recipe("trixie-backports"),
    "trixie-gigantic": Recipe(
        "trixie",
        memory_mib=2560,
        command_line="hugetlb_free_vmemmap=on hugepagesz=1G hugepages=1",
        corpus_mib=20,
        use="gigantic 1 anonymous 10 poisoned 2 freed 50",
    ),
    # For measuring: most of it is page cache. Poisoning comes first since it gives the processors' own lists of free pages back, where
    # much of the capture kernel's compressed image would stay, as it does not in a machine that has been up for a while.
    "bookworm-4g": Recipe(
        "bookworm",
        memory_mib=4096,
        command_line="no5lvl",
        corpus_mib=1536,
        use="poisoned 2 dirty 40 flushed 100 anonymous 300 huge 100 hugetlb 16 shared 100 objects 100000 freed 800",
        by_qemu=False,
    ),
    # Two levels of page tables, memory above 896 MiB in no kernel mapping, ELF32.
    "i386": Recipe("bookworm", "i386", use=_USE_I386, kexec_options="--elf32-core-headers"),
    # Three levels; half of the memory is above 4 GiB.
    "i386-pae": Recipe(
        "bookworm+pae",
        "i386",
        memory_mib=1536,
        qemu_arguments=("-machine", "max-ram-below-4g=768M"),
        kexec_options="--elf64-core-headers",
    ),
    # Pages of 64 KiB; radix tables, and the hash table.
    "ppc64le": Recipe("bookworm", "ppc64le", memory_mib=2048, use=_USE_PPC64),
    "ppc64le-hash": Recipe("bookworm", "ppc64le-hash", memory_mib=2048, use=_USE_HASH),
    # The same of 4 KiB.
    "ppc64le-4k": Recipe("trixie", "ppc64le-4k", memory_mib=2048),
    # Big endian, 64 KiB.
    "ppc64": Recipe("production", "ppc64", memory_mib=2048, use=_USE_PPC64),
    "ppc64-hash": Recipe("production", "ppc64-hash", memory_mib=2048, use=_USE_HASH),
}


@dataclass(frozen=True)
class VmcoreSet:
    """The files of one recipe. Records: iomem, swaps, meminfo, zoneinfo, buddyinfo, vmstat, kpageflags, kpagecount, vmstat-after as in
    /proc, and dmesg; taken in this order right before the machine was stopped for `qemu`, and crashed for `kexec`."""

    name: str
    directory: Path

    @property
    def kexec(self) -> Path:
        """What /proc/vmcore of the capture kernel was."""
        return self.directory / f"{self.name}-kexec.vmcore"

    @property
    def qemu(self) -> Path:
        """QEMU's dump-guest-memory, with the VMCOREINFO of -device vmcoreinfo; not every recipe has it."""
        return self.directory / f"{self.name}-qemu.vmcore"

    @property
    def vmcores(self) -> list[Path]:
        return [path for path in (self.kexec, self.qemu) if path.exists()]

    @property
    def described(self) -> list[Path]:
        """Those with VMCOREINFO: QEMU has no device for it in machines of ppc64."""
        has_device = "vmcoreinfo" in self.architecture.devices
        return [path for path in self.vmcores if path == self.kexec or has_device]

    @property
    def info(self) -> dict[str, Any]:
        """The recipe, and `release`, the kernel's version."""
        return json.loads((self.directory / "info.json").read_text())

    @property
    def architecture(self) -> Architecture:
        return ARCHITECTURES[self.info["architecture"]]

    @property
    def page_size(self) -> int:
        return self.architecture.page_size

    def record(self, name: str) -> bytes:
        return (self.directory / name).read_bytes()

    def page_flags(self) -> "array[int]":
        """KPF_* bits by page frame (include/uapi/linux/kernel-page-flags.h)."""
        return self._numbers("kpageflags")

    def page_counts(self) -> "array[int]":
        """How often each page frame is mapped."""
        return self._numbers("kpagecount")

    def _numbers(self, name: str) -> "array[int]":
        """Of a record in the guest's byte order."""
        numbers = array("Q", self.record(name))
        if self.architecture.byte_order != {"little": "<", "big": ">"}[sys.byteorder]:
            numbers.byteswap()
        return numbers

    def vmstat(self, name: str = "vmstat") -> dict[str, int]:
        return {key: int(value) for key, value in (line.split() for line in self.record(name).decode().splitlines())}

    def meminfo(self) -> dict[str, int]:
        """In KiB, or numbers of huge pages."""
        fields = (line.split() for line in self.record("meminfo").decode().splitlines())
        return {words[0].rstrip(":"): int(words[1]) for words in fields}


def vmcore_set(name: str) -> VmcoreSet:
    """The set of a recipe, from the cache; if it is not there it is made, which takes a minute or more."""
    recipe = RECIPES[name]
    kernel = Kernel.named(recipe.kernel, ARCHITECTURES[recipe.architecture])
    directory = _CACHE / f"{name}-{_key(recipe, kernel)}"
    if directory.exists():
        return VmcoreSet(name, directory)
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "lock").open("w") as lock:
        # One machine at a time, and none for what another process has made in the meantime.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not directory.exists():
            _make(name, recipe, kernel, directory)
    return VmcoreSet(name, directory)


def _make(name: str, recipe: Recipe, kernel: Kernel, directory: Path) -> None:
    from machine.vmcore_maker import make_vmcores  # pylint: disable=import-outside-toplevel # needs QEMU; readers do not

    work = Path(tempfile.mkdtemp(prefix=".new.", dir=_CACHE))
    try:
        finished = VmcoreSet(name, work / "set")
        finished.directory.mkdir()
        make_vmcores(recipe, kernel, finished, work)
        (finished.directory / "info.json").write_text(json.dumps({**asdict(recipe), "release": kernel.release}, indent=1) + "\n")
        finished.directory.rename(directory)
    finally:
        shutil.rmtree(work)


def _key(recipe: Recipe, kernel: Kernel) -> str:
    digest = hashlib.sha256(repr((recipe, kernel.architecture, kernel.directory.name)).encode())
    for name in _INPUTS:
        path = _QEMU_TESTS / name
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            digest.update(f"{file.name}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:16]
