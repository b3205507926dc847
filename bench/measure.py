# SPDX-License-Identifier: GPL-2.0-or-later
# Runs a command once and says what it cost.

import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Sequence


class CommandFailed(Exception):
    """The last line that the command said."""


@dataclass(frozen=True)
class Cost:
    wall: float  # seconds
    cpu: float  # seconds, user and system
    peak: int  # bytes of resident memory, mapped files included
    size: int  # bytes of output

    def __add__(self, other: "Cost") -> "Cost":
        """One after the other."""
        return Cost(self.wall + other.wall, self.cpu + other.cpu, max(self.peak, other.peak), self.size + other.size)


def run_once(command: Sequence[str | Path], output: Optional[Path] = None) -> Cost:
    """`output` is the file that the command makes; it is gone before, and stays."""
    if output is not None:
        output.unlink(missing_ok=True)
    with tempfile.NamedTemporaryFile() as peak, tempfile.TemporaryFile() as said:
        # A process' peak counts what it was forked from, so it must not be forked from this interpreter.
        words = ["time", "--quiet", "--format=%M", f"--output={peak.name}", *map(str, command)]
        started = time.monotonic()
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            said.seek(0)
            lines = said.read().decode(errors="replace").replace("\r", "\n").split("\n")
            reason = next((line for line in reversed(lines) if line.strip()), f"status {process.returncode}")
            raise CommandFailed(reason.strip())
        peak_kib = int(peak.read())
    return Cost(wall, usage.ru_utime + usage.ru_stime, peak_kib << 10, output.stat().st_size if output is not None else 0)
