# SPDX-License-Identifier: GPL-2.0-or-later
# Somebody who types: at the machine's keyboard, or at a terminal on its first serial port.

import socket
import threading
from pathlib import Path
from typing import Any, Callable

# QEMU's names of keys, where they are not the character itself (qapi/ui.json, QKeyCode), on a US keyboard.
_KEYS = {
    " ": "spc",
    "\r": "ret",
    "-": "minus",
    "=": "equal",
    "/": "slash",
    ".": "dot",
    "|": "shift backslash",
    ">": "shift dot",
}


def press_keys(qmp: Callable[..., Any], text: str) -> None:
    """Presses and releases the keys for that text, one after the other."""
    for character in text:
        press_together(qmp, *_KEYS.get(character, f"shift {character.lower()}" if character.isupper() else character).split())


def press_together(qmp: Callable[..., Any], *names: str) -> None:
    """Presses keys by QEMU's names, and releases them."""
    # Held for longer than it takes QEMU's keyboard to hand the codes over, so that none is lost.
    qmp("send-key", keys=[{"type": "qcode", "data": name} for name in names], hold_time=20)


class SerialTerminal:
    """Connected as long as it is open; what the machine writes meanwhile is read and dropped, since the console's log has it too."""

    def __init__(self, path: Path) -> None:
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._connection.connect(str(path))
        threading.Thread(target=self._drain, daemon=True).start()

    def __enter__(self) -> "SerialTerminal":
        return self

    def __exit__(self, *_: Any) -> None:
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._connection.close()

    def type(self, text: str) -> None:
        self._connection.sendall(text.encode())

    def _drain(self) -> None:
        try:
            while self._connection.recv(65536):
                pass
        except OSError:
            pass
