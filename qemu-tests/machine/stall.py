# SPDX-License-Identifier: GPL-2.0-or-later
# What a machine is doing that does not answer: whether its host lets it run, and for the person who reads why a test lost it.

import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any, Callable

from machine.errors import LostMachine, MachineError

# Where the guest is: on x86 with the end of the registers' line, on powerpc by itself.
_REGISTERS = re.compile(r"^(?:CPU#\d+|[RE]IP=.*|NIP [0-9a-f]+.*|.*HLT=1.*)$", re.MULTILINE)
_KERNEL_SECONDS = 5


def describe_stall(qmp: Callable[..., Any], process: int, directory: Path) -> str:
    """Two looks at the processors, a second apart, with the processor time that QEMU's threads have had, and what is on the screen, as a
    picture in the directory; then an NMI, for which a kernel that still works has a word on its console. Says what it could find out, and
    never fails."""
    lines = []
    try:
        lines.append(f"QEMU says: {qmp('query-status')['status']}")
        for look in ("now", "a second later"):
            registers = qmp("human-monitor-command", command_line="info registers -a")
            lines.append(f"{look}: {' | '.join(_REGISTERS.findall(registers))}")
            lines.append(qmp("human-monitor-command", command_line="x/12i $pc"))
            lines.append(f"  threads' processor time in ticks: {_thread_times(process)}")
            time.sleep(1)
        lines.append(_picture(qmp, directory.resolve() / "stalled.png"))
        qmp("inject-nmi")
        time.sleep(_KERNEL_SECONDS)
    except Exception as error:  # pylint: disable=broad-except
        lines.append(f"no more is known: {error}")
    return "\n".join(lines)


def _picture(qmp: Callable[..., Any], path: Path) -> str:
    try:
        qmp("screendump", filename=str(path), format="png")
        return f"its screen: {path}"
    except MachineError as error:
        return f"no screen: {error}"


def patiently(wait: Callable[[float], str], timeout: float, process: "subprocess.Popen[bytes]") -> str:
    """What `wait(timeout)` returns. It is called again, up to five times in all, if the process has not been let run for half of that
    time: by a host that was busy with other things."""
    for more in (4, 3, 2, 1, 0):
        before = _processor_seconds(process.pid)
        try:
            return wait(timeout)
        except LostMachine:
            if more == 0 or process.poll() is not None or _processor_seconds(process.pid) - before > timeout / 2:
                raise
    raise AssertionError("not reached")


def _processor_seconds(process: int) -> float:
    """What it has had of the host's processors; nothing if it is gone."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def _thread_times(process: int) -> str:
    times = []
    for task in sorted(Path(f"/proc/{process}/task").iterdir()):
        name, fields = (task / "stat").read_text().split("(", 1)[1].rsplit(")", 1)
        times.append(f"{name} {sum(map(int, fields.split()[11:13]))}")
    return ", ".join(times)
