# SPDX-License-Identifier: GPL-2.0-or-later
# Reads what `crashdump recover` has published from the image of a machine that is off, and compares it with what the machine was.

import json
import mmap
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harm import Lost, WrongBytes, require
from machine.disk import Disk
from machine.kdump import KdumpFile
from machine.vmcore import PAGE, Vmcore

_TIME = re.compile(r"\[ *[0-9]+\.[0-9]{6}\] ")


@dataclass(frozen=True)
class RecoveredDump:
    name: str
    info: dict[str, Any]  # info.json
    messages: str  # dmesg.txt

    @staticmethod
    def read(disk: Disk, name: str) -> "RecoveredDump":
        directory = _directory(name)
        info = json.loads(disk.read_var_file(f"{directory}/info.json"))
        return RecoveredDump(name, info, disk.read_var_file(f"{directory}/dmesg.txt").decode())

    def facts(self, member: str) -> dict[str, str]:
        """The key=value lines of `machine_facts` or `capture`, the capture's own account; of a key that repeats the last one."""
        return dict(line.split("=", 1) for line in self.info[member])

    def check_messages(self, console: str) -> None:
        """The panic is there to the last line that the console shows of it."""
        for text in ("sysrq: Trigger a crash", "Kernel panic - not syncing: sysrq triggered crash", "Call Trace:"):
            require(text in self.messages, Lost, f"no '{text}' in the messages")
        before_capture = console[: console.rindex("sysrq triggered crash")].count("Linux version")
        said = console.split("[    0.000000] Linux version")[before_capture]
        # Before it says its version, a capture kernel says other things at this time, and firmware and loaders without a time.
        last = [line for line in said.splitlines() if _TIME.match(line) and not line.startswith("[    0.000000]")][-1]
        require(self.messages.endswith(f"\n{last}\n"), Lost, f"the last line of the messages is not: {last}")


def read_vmcore(disk: Disk, name: str, directory: Path, page_size: int = PAGE) -> Vmcore | KdumpFile:
    """A copy of the dump's vmcore, of whichever format, is left in `directory`. The size of pages is for ELF, which does not tell."""
    path = directory / f"vmcore-{name}"
    path.write_bytes(disk.read_var_file(f"{_directory(name)}/vmcore"))
    with path.open("rb") as file:
        return Vmcore(path, page_size=page_size) if file.read(4) == b"\x7fELF" else KdumpFile(path)


def check_pages(
    dump: RecoveredDump, disk: Disk, directory: Path, memory: bytes | mmap.mmap, ram: set[int], page_size: int = PAGE
) -> int:
    """compare_pages() of the dump's vmcore, if it has one."""
    if dump.info["vmcore"] != "present":
        return 0
    return compare_pages(read_vmcore(disk, dump.name, directory, page_size), memory, ram)


def compare_pages(vmcore: Vmcore | KdumpFile, memory: bytes | mmap.mmap, ram: set[int]) -> int:
    """How many pages of the vmcore are RAM; each is equal to that of `memory`, the machine's as seen from outside."""
    compared = 0
    size = vmcore.page_size
    for pfn in vmcore.offsets:
        if pfn in ram:
            require(vmcore.page(pfn) == memory[pfn * size : (pfn + 1) * size], WrongBytes, f"pfn {pfn:#x} differs")
            compared += 1
    return compared


def _directory(name: str) -> str:
    return f"/crash/kernel/dumps/{name}"
