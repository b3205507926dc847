# SPDX-License-Identifier: GPL-2.0-or-later
# What is compared: this program, makedumpfile of two releases, and the least that could be done.

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from measure import run_once

_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_ROOT / "qemu-tests"))

from machine.vmcore import PAGE, ZERO_PAGE, Vmcore, memory_size  # noqa: E402

CRASHDUMP = _ROOT / "build/x86_64-static/crashdump"
_STRUCT_PAGE_BYTES = 64

# How often a dump of level 31 has to look at the struct pages: to count, and to write what is kept.
PASSES = 2


@dataclass(frozen=True)
class Contestant:
    """`command` writes `output` (nothing if None)."""

    name: str
    command: list[str | Path]
    output: Optional[Path] = None


@dataclass(frozen=True)
class Task:
    vmcore: Path
    level: int
    threads: int
    compression_level: int
    work: Path  # for outputs


def crashdump(task: Task) -> Contestant:
    output = task.work / "crashdump"
    options = [f"--dump-level={task.level}", f"--threads={task.threads}", f"--compression-level={task.compression_level}"]
    return Contestant(f"crashdump, zstd {task.compression_level}", [CRASHDUMP, "save", task.vmcore, "-o", output, *options], output)


def makedumpfiles(task: Task) -> list[Contestant]:
    """The machine's own, and the one of packages.table, with every compression that they were built with."""
    contestants = []
    newer = subprocess.run([_ROOT / "bench/fetch-makedumpfile"], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[-1]
    for program in ("makedumpfile", newer):
        about = subprocess.run([program, "-v"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout
        version = about.split("version", 1)[1].split()[0]
        enabled = dict(line.split() for line in about.splitlines() if line.endswith("abled"))
        for option, method in (("-l", "lzo"), ("-c", "zlib"), ("-z", "zstd")):
            if enabled.get(method, "enabled") == "disabled":
                continue  # It would not compress at all, and not say so.
            output = task.work / "makedumpfile"
            command = [program, option, "-d", str(task.level), task.vmcore, output]
            if task.threads > 1:
                command[1:1] = ["--num-threads", str(task.threads)]
            contestants.append(Contestant(f"makedumpfile {version} {option} ({method})", command, output))
    return contestants


def compress_kept_pages(task: Task, kept: Path) -> Contestant:
    output = task.work / "zstd"
    threads = "--single-thread" if task.threads == 1 else f"-T{task.threads}"
    command = ["zstd", "-q", f"-{task.compression_level}", threads, kept, "-o", output]
    return Contestant(f"zstd -{task.compression_level} of the kept pages", command, output)


def read_struct_pages(task: Task) -> Contestant:
    """As many bytes of the vmcore as there are of struct pages; which bytes does not matter to the time."""
    mib = memory_size(task.vmcore) // PAGE * _STRUCT_PAGE_BYTES >> 20
    return Contestant("one read of the struct pages", ["dd", f"if={task.vmcore}", "of=/dev/null", "bs=1M", f"count={mib}"])


def extract_kept_pages(task: Task, output: Path) -> None:
    """Writes the pages that crashdump keeps of the vmcore, one behind the other; zero pages if the level keeps them."""
    dump = task.work / "extract.dump"
    elf = task.work / "extract.elf"
    try:
        for command in (
            ["save", task.vmcore, "-o", dump, f"--dump-level={task.level}", "--force"],
            ["export", dump, "--format=elf", "-o", elf, "--force"],
        ):
            run_once([CRASHDUMP, *command])
        vmcore = Vmcore(elf)
        with output.open("wb") as stream:
            for pfn in sorted(vmcore.offsets):
                page = vmcore.page(pfn)
                if task.level & 1 == 0 or page != ZERO_PAGE:
                    stream.write(page)
        vmcore.close()
    finally:
        dump.unlink(missing_ok=True)
        elf.unlink(missing_ok=True)
    assert output.stat().st_size % PAGE == 0
