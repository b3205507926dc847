# SPDX-License-Identifier: GPL-2.0-or-later
# Reads what `crashdump recover` has published from the image of a machine that is off, and compares it with what the machine was.

import json
import mmap
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

from harm import Lost, WrongBytes, require
from machine.architecture import X86_64, Architecture
from machine.disk import Disk
from machine.kdump import KdumpFile
from machine.vmcore import PAGE, Vmcore

# Of any machine here; a hypervisor counts something for each.
_MOST_CPUS = 4

_TIME = re.compile(r"\[ *[0-9]+\.[0-9]{6}\] ")


@dataclass(frozen=True)
class RecoveredDump:
    name: str
    info: dict[str, Any]  # info.json
    messages: str  # dmesg.txt
    report: bytes  # report.crash

    @staticmethod
    def read(disk: Disk, name: str) -> "RecoveredDump":
        directory = _directory(name)
        info = json.loads(disk.read_var_file(f"{directory}/info.json"))
        messages = disk.read_var_file(f"{directory}/dmesg.txt").decode()
        return RecoveredDump(name, info, messages, disk.read_var_file(f"{directory}/report.crash"))

    def facts(self, member: str) -> dict[str, str]:
        """The key=value lines of `machine_facts` or `capture`, the capture's own account; of a key that repeats the last one."""
        return dict(line.split("=", 1) for line in self.info[member])

    def check_messages(self, console: str, unshown_lines: int = 0) -> None:
        """The panic is there to the last line that the console shows of it, and no more than `unshown_lines` behind that."""
        for text in ("sysrq: Trigger a crash", "Kernel panic - not syncing: sysrq triggered crash", "Call Trace:"):
            require(text in self.messages, Lost, f"no '{text}' in the messages")
        # The kernel's own line: the capture initramfs shows it, too, behind its own name. The capture kernel begins to speak at this time;
        # firmware and loaders between do without one.
        *_, line = re.finditer(r"^\[ *[0-9.]+\] Kernel panic - not syncing: sysrq triggered crash", console, re.MULTILINE)
        said, _, _ = console[line.start() :].partition("\n[    0.000000] ")
        last = [line for line in said.splitlines() if _TIME.match(line)][-1]
        _, found, behind = self.messages.rpartition(f"\n{last}\n")
        require(found != "" and behind.count("\n") <= unshown_lines, Lost, f"the last line of the messages is not: {last}")


def read_vmcore(disk: Disk, name: str, directory: Path, page_size: int = PAGE) -> Vmcore | KdumpFile:
    """A copy of the dump's vmcore, of whichever format, is left in `directory`. The size of pages is for ELF, which does not tell."""
    path = directory / f"vmcore-{name}"
    path.write_bytes(disk.read_var_file(f"{_directory(name)}/vmcore"))
    with path.open("rb") as file:
        return Vmcore(path, page_size=page_size) if file.read(4) == b"\x7fELF" else KdumpFile(path)


def check_pages(
    dump: RecoveredDump, disk: Disk, directory: Path, memory: bytes | mmap.mmap, ram: set[int], architecture: Architecture = X86_64
) -> int:
    """compare_pages() of the dump's vmcore, if it has one."""
    if dump.info["vmcore"] != "present":
        return 0
    return compare_pages(read_vmcore(disk, dump.name, directory, architecture.page_size), memory, ram, architecture)


def compare_pages(
    vmcore: Vmcore | KdumpFile, memory: bytes | mmap.mmap, ram: set[int], architecture: Architecture = X86_64
) -> int:
    """How many pages of the vmcore are RAM; each is equal to that of `memory`, the machine's as seen from outside, but for what the
    hypervisor goes on counting."""
    compared, counters = 0, 0
    size = vmcore.page_size
    for pfn in vmcore.offsets:
        if pfn in ram:
            page, original = vmcore.page(pfn), memory[pfn * size : (pfn + 1) * size]
            if page != original:
                differing = list(_differing_words(page, original))
                counters += len(differing)
                require(all(architecture.is_counter(at) for at in differing), WrongBytes, f"pfn {pfn:#x} differs")
            compared += 1
    require(counters <= _MOST_CPUS, WrongBytes, f"{counters} words differ where a hypervisor could have counters")
    return compared


def _differing_words(one: bytes, other: bytes) -> Iterator[int]:
    """The offsets of words of 32 bits."""
    assert len(one) == len(other)
    return (at for at in range(0, len(one), 4) if one[at : at + 4] != other[at : at + 4])


def _directory(name: str) -> str:
    return f"/crash/kernel/dumps/{name}"
