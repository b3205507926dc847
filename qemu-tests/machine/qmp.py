# SPDX-License-Identifier: GPL-2.0-or-later
# A QMP client: one command at a time, events kept in the order of their arrival.

import json
import select
import socket
import time
from typing import Any

from machine.errors import LostMachine, QmpError


class Qmp:
    """Events that arrive while a command is answered stay in `events` until wait_for_event takes them. `resets` counts all resets
    seen so far: a kexec jump is none, a reboot is one."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""
        self._replies: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.resets = 0
        self._receive_until(time.monotonic() + 10, lambda: bool(self._replies), "the greeting")
        self._replies.clear()
        self.command("qmp_capabilities")

    def close(self) -> None:
        self._connection.close()

    def command(self, name: str, timeout: float = 60, **arguments: Any) -> Any:
        message: dict[str, Any] = {"execute": name}
        if arguments:
            message["arguments"] = {key.replace("_", "-"): value for key, value in arguments.items()}
        try:
            self._connection.sendall(json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise LostMachine(f"QMP {name}: {error}") from error
        self._receive_until(time.monotonic() + timeout, lambda: bool(self._replies), name)
        reply = self._replies.pop(0)
        if "error" in reply:
            raise QmpError(f"QMP {name}: {reply['error'].get('desc', reply['error'])}")
        return reply["return"]

    def pump(self) -> None:
        """Takes in what has arrived, without waiting."""
        self._receive_until(0, lambda: True, "events")
        while select.select([self._connection], [], [], 0)[0]:
            self._receive()

    def wait_for_event(self, name: str, timeout: float) -> dict[str, Any]:
        """The oldest kept or the next event of that name; it and every older event are dropped."""

        def names() -> list[str]:
            return [event["event"] for event in self.events]

        self._receive_until(time.monotonic() + timeout, lambda: name in names(), f"event {name}")
        index = names().index(name)
        event = self.events[index]
        del self.events[: index + 1]
        return event

    def _receive_until(self, deadline: float, done: Any, what: str) -> None:
        while not done():
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise LostMachine(f"QMP: {what} did not come in time")
            if select.select([self._connection], [], [], min(remaining, 1))[0]:
                self._receive()

    def _receive(self) -> None:
        try:
            data = self._connection.recv(65536)
        except OSError as error:
            raise LostMachine(f"QMP: {error}") from error
        if not data:
            raise LostMachine("QMP: QEMU has closed the connection")
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            if not line.strip():
                continue
            message = json.loads(line)
            if "event" in message:
                self.events.append(message)
                if message["event"] == "RESET":
                    self.resets += 1
            else:
                self._replies.append(message)
