# SPDX-License-Identifier: GPL-2.0-or-later
# The host's end of the capture initramfs' status port (capture/README.md), a second serial port: it tells where it is, and waits at the
# stages named in crashdump.hold for an answer.

import socket
import threading
import time
from pathlib import Path
from typing import Callable, Optional

from machine.errors import LostMachine


class StageLine:
    """Answers every stage at once, in a thread of its own, except those in `hold`: there the guest waits until release()."""

    def __init__(self, path: Path, still_there: Callable[[], None]) -> None:
        self._still_there = still_there
        self._changed = threading.Condition()
        self._hold: set[str] = set()
        self._seen: list[str] = []
        self._lines: list[str] = []
        self._taken = 0
        self._waiting: Optional[str] = None
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._connection.connect(str(path))
        threading.Thread(target=self._receive, daemon=True).start()

    def close(self) -> None:
        try:
            # Wakes the thread, which close() alone would not.
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._connection.close()

    def hold(self, *names: str) -> None:
        """From now on the guest waits at these stages (and at no others)."""
        with self._changed:
            self._hold = set(names)

    def wait_for(self, name: str, timeout: float) -> None:
        """Returns when the guest has reached the stage; stages are consumed in order, also those before it."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while name not in self._seen[self._taken :]:
                if time.monotonic() > deadline:
                    raise LostMachine(f"stage '{name}' was not reached within {timeout:g} s; stages so far: {' '.join(self._seen)}")
                self._still_there()
                self._changed.wait(0.05)
            self._taken = self._seen.index(name, self._taken) + 1

    def release(self) -> None:
        """Lets the guest go on from the stage at which it is held."""
        with self._changed:
            if self._waiting is None:
                raise LostMachine("no stage is being held")
            self._waiting = None
        self._connection.sendall(b"go\n")

    @property
    def seen(self) -> list[str]:
        with self._changed:
            return list(self._seen)

    @property
    def lines(self) -> list[str]:
        """Everything that came over the port so far."""
        with self._changed:
            return list(self._lines)

    def _receive(self) -> None:
        buffer = b""
        while True:
            try:
                data = self._connection.recv(4096)
            except OSError:
                return
            if not data:
                return
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                text = line.decode(errors="replace").rstrip("\r")
                with self._changed:
                    self._lines.append(text)
                words = text.split()
                # Anything else on the line is the terminal's echo.
                if len(words) == 2 and words[0] == "hold":
                    self._reached(words[1])

    def _reached(self, name: str) -> None:
        with self._changed:
            self._seen.append(name)
            held = name in self._hold
            self._waiting = name if held else None
            self._changed.notify_all()
        if not held:
            try:
                self._connection.sendall(b"go\n")
            except OSError:
                pass
