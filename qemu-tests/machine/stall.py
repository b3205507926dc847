# SPDX-License-Identifier: GPL-2.0-or-later
# What a machine is doing that does not answer: for the person who reads why a test lost it.

import re
import time
from pathlib import Path
from typing import Any, Callable

# Where the guest is: on x86 with the end of the registers' line, on powerpc by itself.
_REGISTERS = re.compile(r"^(?:CPU#\d+|[RE]IP=.*|NIP [0-9a-f]+.*|.*HLT=1.*)$", re.MULTILINE)
_KERNEL_SECONDS = 5


def describe_stall(qmp: Callable[..., Any], process: int) -> str:
    """Two looks at the processors, a second apart, with the processor time that QEMU's threads have had; then an NMI, for which a kernel
    that still works has a word on its console. Says what it could find out, and never fails."""
    lines = []
    try:
        lines.append(f"QEMU says: {qmp('query-status')['status']}")
        for look in ("now", "a second later"):
            registers = qmp("human-monitor-command", command_line="info registers -a")
            lines.append(f"{look}: {' | '.join(_REGISTERS.findall(registers))}")
            lines.append(f"  threads' processor time in ticks: {_thread_times(process)}")
            time.sleep(1)
        qmp("inject-nmi")
        time.sleep(_KERNEL_SECONDS)
    except Exception as error:  # pylint: disable=broad-except
        lines.append(f"no more is known: {error}")
    return "\n".join(lines)


def _thread_times(process: int) -> str:
    times = []
    for task in sorted(Path(f"/proc/{process}/task").iterdir()):
        name, fields = (task / "stat").read_text().split("(", 1)[1].rsplit(")", 1)
        times.append(f"{name} {sum(map(int, fields.split()[11:13]))}")
    return ", ".join(times)
