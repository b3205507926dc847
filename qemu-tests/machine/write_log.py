# SPDX-License-Identifier: GPL-2.0-or-later
# Reads the log that QEMU's blklogwrites driver keeps of everything a machine writes to a disk, and makes the image that a power cut
# would have left: what was not flushed is gone. The format is that of Linux' dm-log-writes
# (Documentation/admin-guide/device-mapper/log-writes.rst). QEMU before 7.2.9 corrupts it when zeros are written ("block/blklogwrites:
# Fix a bug when logging "write zeroes" operations").

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Collection, Optional

from machine.ranges import Range, copy_image

SECTOR_SIZE = 512  # of the log; Vm starts the driver with it

_ENTRY = struct.Struct("<QQQQ")

_FLUSH = 1
_FUA = 2
_DISCARD = 4


@dataclass(frozen=True)
class LogEntry:
    """One request in the order in which QEMU took them. Bytes [offset, offset + length) of the disk; a flush may have none."""

    offset: int
    length: int
    flags: int
    data_position: int  # of the written bytes in the log file

    @property
    def is_flush(self) -> bool:
        return bool(self.flags & _FLUSH)

    @property
    def is_forced(self) -> bool:
        return bool(self.flags & _FUA)

    @property
    def is_discard(self) -> bool:
        return bool(self.flags & _DISCARD)

    @property
    def is_write(self) -> bool:
        return not self.is_discard and self.length > 0

    @property
    def range(self) -> Range:
        return (self.offset, self.offset + self.length)


class WriteLog:
    """A log as it is now. While the machine runs it only grows: read it anew for what came later. QMP `stop` makes QEMU flush its disks,
    which is logged as well: take the position (`len(entries)`) of a power cut before it, or kill QEMU without it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[LogEntry] = []
        log_size = path.stat().st_size
        # The entry count in the superblock (the first sector) is brought up to date only now and then, so it is not used: the log was
        # empty at first, and ends where nothing has been written. A last entry that QEMU was killed over is left out.
        position = SECTOR_SIZE
        with path.open("rb") as log:
            while True:
                log.seek(position)
                raw = log.read(_ENTRY.size)
                if len(raw) < _ENTRY.size or raw == bytes(_ENTRY.size):
                    return
                sector, sector_count, flags, _ = _ENTRY.unpack(raw)
                if flags & ~(_FLUSH | _FUA | _DISCARD):
                    raise ValueError(f"{path}: unknown flags {flags:#x} in entry {len(self.entries)}")
                position += SECTOR_SIZE
                entry = LogEntry(sector * SECTOR_SIZE, sector_count * SECTOR_SIZE, flags, position)
                if entry.is_write:
                    position += entry.length
                if position > log_size:
                    return
                self.entries.append(entry)

    def writes_since(self, index: int) -> list[Range]:
        """The ranges that entries from `index` on wrote or discarded."""
        return [entry.range for entry in self.entries[index:] if entry.length > 0]

    def flush_positions(self) -> list[int]:
        """The indices of all flushes."""
        return [index for index, entry in enumerate(self.entries) if entry.is_flush]

    def durable_count(self, until: Optional[int] = None) -> int:
        """How many of the first `until` entries (default: all) precede or are the last flush among them."""
        flushes = [index for index in self.flush_positions() if until is None or index < until]
        return flushes[-1] + 1 if flushes else 0

    def replay_power_cut(
        self,
        start_image: Path,
        output: Path,
        until: Optional[int] = None,
        surviving: Collection[int] = (),
        torn: Optional[int] = None,
    ) -> None:
        """Writes to `output` what a disk holds that started as `start_image` and lost power right before entry `until` (default: after
        the last): everything up to the last flush, forced writes, and the unflushed entries whose indices are in `surviving`; of entry
        `torn`, if it survives, only the first half of its sectors."""
        limit = len(self.entries) if until is None else until
        durable = self.durable_count(limit)
        copy_image(start_image, output)
        with self.path.open("rb") as log, output.open("r+b") as image:
            for index, entry in enumerate(self.entries[:limit]):
                if entry.length == 0 or not (index < durable or entry.is_forced or index in surviving):
                    continue
                if entry.is_discard:
                    content = bytes(entry.length)
                else:
                    log.seek(entry.data_position)
                    content = log.read(entry.length)
                    assert len(content) == entry.length, f"{self.path}: entry {index} is cut short"
                if index == torn:
                    content = content[: entry.length // SECTOR_SIZE // 2 * SECTOR_SIZE]
                image.seek(entry.offset)
                image.write(content)
