# SPDX-License-Identifier: GPL-2.0-or-later
# The host's end of the control channel, a virtio-serial port. The guest's end is guest/agent; README.md describes the protocol.

import os
import select
import socket
import time
from pathlib import Path
from typing import Callable, NamedTuple, Optional

from machine.errors import LostMachine


class Completed(NamedTuple):
    """How a guest command ended. Bytes that are not UTF-8 are kept as surrogate escapes."""

    status: int
    out: str
    err: str


class AgentChannel:
    """Every request names the boot it is meant for, so that one that is delivered after a reboot is ignored there. `still_there` is
    called while waiting, and raises when waiting has become pointless."""

    _SLICE = 0.05

    def __init__(self, path: Path, still_there: Callable[[], None]) -> None:
        self._path = path
        self.still_there = still_there
        self._connection: Optional[socket.socket] = None
        self._buffer = b""
        self._next_id = 1
        self.boot_id = ""

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._buffer = b""

    def wait_for_hello(self, timeout: float) -> str:
        """Waits until the agent of a boot that has not been met before answers; returns its boot_id."""
        # A new connection: whatever QEMU still holds for the boot that is gone goes away with the old one.
        self.close()
        deadline = time.monotonic() + timeout
        self._connect(deadline)
        nonce = os.urandom(8).hex()
        next_question = 0.0
        while time.monotonic() < deadline:
            if time.monotonic() >= next_question:
                # Repeated: a guest that was on its way down may have swallowed the first. But once the channel takes no more (which
                # poll says of a quarter of what it holds, net/unix/af_unix.c) those that are in it will do.
                if select.select([], [self._connection], [], 0)[1]:
                    self._send(f"hello {nonce}\n".encode())
                next_question = time.monotonic() + 1
            line = self._read_line(min(deadline, time.monotonic() + 0.2))
            if line is None:
                continue
            words = line.split()
            if len(words) == 3 and words[:2] == ["hello", nonce] and words[2] != self.boot_id:
                self.boot_id = words[2]
                return self.boot_id
        raise LostMachine(f"no agent of a new boot answered within {timeout:g} s")

    def run(self, script: str, timeout: float) -> Completed:
        status, out, err = self._request("run", script.encode(errors="surrogateescape"), "", timeout, script)
        return Completed(status, out.decode(errors="surrogateescape"), err.decode(errors="surrogateescape"))

    def run_without_answer(self, script: str) -> None:
        """For what the guest does not survive."""
        self._send_request("run", script.encode(errors="surrogateescape"), "")

    def push(self, content: bytes, guest_path: str, mode: int, timeout: float) -> None:
        status, _, err = self._request("put", content, f"{mode:o} {guest_path}", timeout, f"put {guest_path}")
        if status != 0:
            raise LostMachine(f"put {guest_path}: {err.decode(errors='replace').strip()}")

    def pull(self, guest_path: str, timeout: float) -> bytes:
        status, content, err = self._request("get", b"", guest_path, timeout, f"get {guest_path}")
        if status != 0:
            raise FileNotFoundError(err.decode(errors="replace").strip())
        return content

    def _connect(self, deadline: float) -> None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        while True:
            try:
                connection.connect(str(self._path))
                break
            except OSError as error:
                self.still_there()
                if time.monotonic() > deadline:
                    raise LostMachine(f"{self._path}: {error}") from error
                time.sleep(self._SLICE)
        self._connection = connection

    def _request(self, verb: str, payload: bytes, rest: str, timeout: float, what: str) -> tuple[int, bytes, bytes]:
        deadline = time.monotonic() + timeout
        request = self._send_request(verb, payload, rest)
        while True:
            line = self._read_line(deadline)
            if line is None:
                raise LostMachine(f"no answer within {timeout:g} s to: {what}")
            words = line.split()
            # Answers to requests that were given up, and to hello, are read and dropped.
            if len(words) != 5 or words[0] != "done":
                continue
            out = self._read_exactly(int(words[3]), deadline, what)
            err = self._read_exactly(int(words[4]), deadline, what)
            if words[1] == request:
                return int(words[2]), out, err

    def _send_request(self, verb: str, payload: bytes, rest: str) -> str:
        if not self.boot_id:
            raise LostMachine("a request before wait_for_boot")
        request = str(self._next_id)
        self._next_id += 1
        header = f"{self.boot_id} {verb} {request} {len(payload)} {rest}".rstrip()
        assert "\n" not in header
        self._send(header.encode() + b"\n" + payload)
        return request

    def _send(self, data: bytes) -> None:
        assert self._connection is not None
        view = memoryview(data)
        self._connection.settimeout(1)
        # QEMU takes no more than the guest reads: a guest that has stopped reading must not hang the host.
        stalled = 0
        while view:
            try:
                view = view[self._connection.send(view) :]
                stalled = 0
            except TimeoutError:
                self.still_there()
                stalled += 1
                if stalled == 60:
                    raise LostMachine("the guest has stopped reading the control channel") from None
            except OSError as error:
                raise LostMachine(f"control channel: {error}") from error

    def _receive(self, deadline: float) -> bool:
        """Adds what has arrived to the buffer; False at the deadline."""
        assert self._connection is not None
        while True:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return False
            self._connection.settimeout(min(remaining, self._SLICE))
            try:
                data = self._connection.recv(1 << 20)
            except TimeoutError:
                self.still_there()
                continue
            except OSError as error:
                raise LostMachine(f"control channel: {error}") from error
            if not data:
                self.still_there()
                raise LostMachine("QEMU has closed the control channel")
            self._buffer += data
            return True

    def _read_line(self, deadline: float) -> Optional[str]:
        while b"\n" not in self._buffer:
            if not self._receive(deadline):
                return None
        line, self._buffer = self._buffer.split(b"\n", 1)
        return line.decode(errors="replace")

    def _read_exactly(self, length: int, deadline: float, what: str) -> bytes:
        parts = []
        missing = length
        while missing:
            if not self._buffer and not self._receive(deadline):
                raise LostMachine(f"{missing} of {length} bytes of an answer are missing: {what}")
            parts.append(self._buffer[:missing])
            missing -= len(parts[-1])
            self._buffer = self._buffer[len(parts[-1]) :]
        return b"".join(parts)
