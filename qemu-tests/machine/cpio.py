# SPDX-License-Identifier: GPL-2.0-or-later
# Writes initramfs archives (cpio "newc"), with device nodes and owners that need no privileges to make.

import stat
from typing import BinaryIO


class CpioWriter:
    """Parent directories are added on first use. close() writes the end mark; the stream stays open."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._inode = 0
        self._directories: set[str] = set()

    def file(self, name: str, content: bytes, mode: int = 0o644) -> None:
        self._parents(name)
        self._entry(name, stat.S_IFREG | mode, content)

    def symlink(self, name: str, target: str) -> None:
        self._parents(name)
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def directory(self, name: str, mode: int = 0o755) -> None:
        self._parents(name)
        if name not in self._directories:
            self._directories.add(name)
            self._entry(name, stat.S_IFDIR | mode, b"")

    def character_device(self, name: str, major: int, minor: int, mode: int = 0o600) -> None:
        self._parents(name)
        self._entry(name, stat.S_IFCHR | mode, b"", major, minor)

    def close(self) -> None:
        self._inode = -1
        self._entry("TRAILER!!!", 0, b"")

    def _parents(self, name: str) -> None:
        parent = name.rpartition("/")[0]
        if parent and parent not in self._directories:
            self.directory(parent)

    def _entry(self, name: str, mode: int, content: bytes, major: int = 0, minor: int = 0) -> None:
        self._inode += 1
        links = 2 if stat.S_ISDIR(mode) else 1
        fields = (self._inode, mode, 0, 0, links, 0, len(content), 0, 0, major, minor, len(name) + 1, 0)
        header = "070701" + "".join(f"{field:08x}" for field in fields)
        self._padded(header.encode() + name.encode() + b"\0")
        self._padded(content)

    def _padded(self, data: bytes) -> None:
        self._stream.write(data + b"\0" * (-len(data) % 4))
