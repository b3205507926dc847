# SPDX-License-Identifier: GPL-2.0-or-later
# What a debugger may do that nothing in the machine can: change the code of a running kernel, which is read-only to the kernel itself.
# As much of GDB's remote protocol as that needs (GDB manual, appendix E).

import socket


class GdbStub:
    """QEMU's, at the socket of `-gdb unix:PATH,server=on,wait=off`. The machine stands still while a connection is there."""

    def __init__(self, connection: socket.socket, timeout: float = 60) -> None:
        self._connection = connection
        self._connection.settimeout(timeout)
        self._received = b""

    def write(self, address: int, content: bytes) -> None:
        """At a virtual address of the first processor."""
        answer = self._command(f"M{address:x},{len(content):x}:{content.hex()}")
        assert answer == "OK", f"{address:#x} is not written: {answer}"

    def detach(self) -> None:
        """Lets the machine go on."""
        assert self._command("D") == "OK"
        self._connection.close()

    def _command(self, command: str) -> str:
        self._connection.sendall(f"${command}#{sum(command.encode()) & 0xff:02x}".encode())
        # That the machine has stopped comes by itself.
        while (packet := self._packet()).startswith("T"):
            pass
        return packet

    def _packet(self) -> str:
        while True:
            packet, end, _ = self._received.partition(b"#")
            if end and len(self._received) >= len(packet) + 3:
                self._received = self._received[len(packet) + 3 :]
                self._connection.sendall(b"+")
                return packet.lstrip(b"+").removeprefix(b"$").decode()
            more = self._connection.recv(4096)
            assert more, "QEMU has closed the debugger's connection"
            self._received += more
