# SPDX-License-Identifier: GPL-2.0-or-later
# Reads what `crashdump recover` has published from the image of a machine that is off, and compares it with what the machine was.

import json
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harm import Lost, WrongBytes, require
from machine.disk import Disk
from machine.kdump import KdumpFile
from machine.vmcore import PAGE, Vmcore


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
        """The panic is there to its last line: the one that the console shows right before the capture kernel's first."""
        for text in ("sysrq: Trigger a crash", "Kernel panic - not syncing: sysrq triggered crash", "Call Trace:"):
            require(text in self.messages, Lost, f"no '{text}' in the messages")
        before_capture = console[: console.rindex("sysrq triggered crash")].count("Linux version")
        said = console.split("[    0.000000] Linux version")[before_capture]
        require(self.messages.endswith("\n" + said.splitlines()[-1] + "\n"), Lost, "the last line of the messages is another")


def read_vmcore(disk: Disk, name: str, directory: Path) -> Vmcore | KdumpFile:
    """A copy of the dump's vmcore, of whichever format, is left in `directory`."""
    path = directory / f"vmcore-{name}"
    path.write_bytes(disk.read_var_file(f"{_directory(name)}/vmcore"))
    with path.open("rb") as file:
        return Vmcore(path) if file.read(4) == b"\x7fELF" else KdumpFile(path)


def check_pages(dump: RecoveredDump, disk: Disk, directory: Path, memory: bytes | mmap.mmap, ram: set[int]) -> int:
    """compare_pages() of the dump's vmcore, if it has one."""
    return compare_pages(read_vmcore(disk, dump.name, directory), memory, ram) if dump.info["vmcore"] == "present" else 0


def compare_pages(vmcore: Vmcore | KdumpFile, memory: bytes | mmap.mmap, ram: set[int]) -> int:
    """How many pages of the vmcore are RAM; each is equal to that of `memory`, the machine's as seen from outside."""
    compared = 0
    for pfn in vmcore.offsets:
        if pfn in ram:
            require(vmcore.page(pfn) == memory[pfn * PAGE : (pfn + 1) * PAGE], WrongBytes, f"pfn {pfn:#x} differs")
            compared += 1
    return compared


def _directory(name: str) -> str:
    return f"/crash/kernel/dumps/{name}"
