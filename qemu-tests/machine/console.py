# SPDX-License-Identifier: GPL-2.0-or-later
# The log of the machine's first serial port. Tests use it to know when, never what: results come over the control channel.

import re
import time
from pathlib import Path
from typing import Callable

from machine.errors import LostMachine

_TAIL_LINES = 40


class Console:
    """The log goes on over resets and restarts of the machine."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()

    def text(self, start: int = 0) -> str:
        """What the guest has written at or behind position `start` (in bytes)."""
        if not self.path.exists():
            return ""
        return self.path.read_bytes()[start:].decode(errors="replace").replace("\r", "")

    def position(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def tail(self) -> str:
        return "\n".join(self.text().splitlines()[-_TAIL_LINES:])

    def wait_for(self, pattern: str, timeout: float, start: int, still_there: Callable[[], None]) -> str:
        """The first line that matches the pattern."""
        expression = re.compile(pattern)
        deadline = time.monotonic() + timeout
        while True:
            for line in self.text(start).splitlines():
                if expression.search(line):
                    return line
            if time.monotonic() > deadline:
                raise LostMachine(f"nothing like '{pattern}' on the console within {timeout:g} s")
            still_there()
            time.sleep(0.02)
