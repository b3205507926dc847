# SPDX-License-Identifier: GPL-2.0-or-later
# Builds the disk of a test machine as a sparse image, without mounting or loop devices: GPT, ext4 for /var, swap, a second ext4.

import struct
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional, Self, Sequence

MIB = 1 << 20

VAR_UUID = "5ac1f3d0-0001-4000-8000-000000000001"
SWAP_UUID = "5ac1f3d0-0002-4000-8000-000000000002"
DATA_UUID = "5ac1f3d0-0003-4000-8000-000000000003"
DISK_GUID = "5AC1F3D0-00D1-4000-8000-0000000000D1"
_PARTUUIDS = {
    "var": "5AC1F3D0-00A1-4000-8000-0000000000A1",
    "swap": "5AC1F3D0-00A2-4000-8000-0000000000A2",
    "data": "5AC1F3D0-00A3-4000-8000-0000000000A3",
    "root": "5AC1F3D0-00A4-4000-8000-0000000000A4",
    "esp": "5AC1F3D0-00A5-4000-8000-0000000000A5",
}
# As sgdisk has them; all others are Linux file systems.
_TYPES = {"swap": "8200", "esp": "ef00"}
_FIRST_MIB = 1


@dataclass(frozen=True)
class Partition:
    """Offsets and sizes in bytes within the image."""

    number: int
    label: str
    offset: int
    size: int
    partuuid: str

    @property
    def end(self) -> int:
        return self.offset + self.size


@dataclass(frozen=True)
class SwapDisk:
    """A raw image with a partition for swap, among others."""

    path: Path
    swap: Partition

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    def at(self, path: Path) -> Self:
        """The same layout in a copy of the image."""
        return replace(self, path=path)

    def read(self, offset: int, length: int) -> bytes:
        with self.path.open("rb") as image:
            image.seek(offset)
            content = image.read(length)
        assert len(content) == length, f"{self.path}: short read at {offset}"
        return content

    def write(self, offset: int, content: bytes) -> None:
        """Changes the image behind the machine's back: only while it is off, or for what its guest has not cached."""
        assert offset + len(content) <= self.size
        with self.path.open("r+b") as image:
            image.seek(offset)
            image.write(content)

    def flip_bit(self, offset: int, bit: int = 0) -> None:
        self.write(offset, bytes([self.read(offset, 1)[0] ^ (1 << bit)]))


@dataclass(frozen=True)
class Disk(SwapDisk):
    """Partitions 1 `var`, 2 `swap` and 3 `data`."""

    var: Partition
    data: Partition

    def read_var_file(self, name: str) -> bytes:
        """A file of the var file system (path without the leading /var), read from the image of a machine that is off."""
        return _debugfs_read(self.path, self.var, name)


def lay_out(path: Path, *, var_mib: int = 1024, swap_mib: int = 1024, data_mib: int = 64) -> Disk:
    """Where build_disk() puts the partitions."""
    return Disk(path, **lay_out_partitions(var=var_mib * MIB, swap=swap_mib * MIB, data=data_mib * MIB))


def lay_out_partitions(**sizes: int) -> dict[str, Partition]:
    """One behind the other, by label; whole MiB."""
    partitions = {}
    start = _FIRST_MIB * MIB
    for number, (label, size) in enumerate(sizes.items(), start=1):
        assert size % MIB == 0
        partitions[label] = Partition(number, label, start, size, _PARTUUIDS[label])
        start += size
    return partitions


def build_disk(
    path: Path,
    *,
    var_mib: int = 1024,
    swap_mib: int = 1024,
    data_mib: int = 64,
    var_directory: Optional[Path] = None,
    swap_uuid: str = SWAP_UUID,
    disk_guid: str = DISK_GUID,
    sector_size: int = 512,
) -> Disk:
    """All sizes in MiB. `var_directory`'s content becomes that of /var. The UUIDs are fixed so that two builds are alike."""
    disk = lay_out(path, var_mib=var_mib, swap_mib=swap_mib, data_mib=data_mib)
    write_partition_table(path, [disk.var, disk.swap, disk.data], disk_guid, sector_size)
    make_ext4(path, disk.var, VAR_UUID, var_directory)
    make_ext4(path, disk.data, DATA_UUID, None)
    make_swap(path, disk.swap, swap_uuid)
    return disk


def write_partition_table(path: Path, partitions: Sequence[Partition], disk_guid: str = DISK_GUID, sector_size: int = 512) -> None:
    """A new, empty image. sgdisk knows only 512-byte sectors on image files; 4096 is for disks that are partitioned otherwise, so it is
    refused."""
    assert sector_size == 512, "a partition table for 4096-byte sectors is not built here"
    path.unlink(missing_ok=True)
    with path.open("wb") as image:
        # The last MiB is for the second copy of the partition table.
        image.truncate(partitions[-1].end + MIB)
    arguments = ["sgdisk", "--clear", f"--disk-guid={disk_guid}"]
    for partition in partitions:
        first = partition.offset // sector_size
        last = partition.end // sector_size - 1
        number = partition.number
        arguments += [f"--new={number}:{first}:{last}", f"--change-name={number}:{partition.label}"]
        arguments += [f"--partition-guid={number}:{partition.partuuid}"]
        arguments += [f"--typecode={number}:{_TYPES.get(partition.label, '8300')}"]
    subprocess.run([*arguments, path], check=True, stdout=subprocess.DEVNULL)


def make_ext4(image: Path, partition: Partition, uuid: str, directory: Optional[Path]) -> None:
    arguments = ["mke2fs", "-q", "-F", "-t", "ext4", "-U", uuid, "-L", partition.label]
    # Everything is initialised now: a lazily initialised inode table would be written in the middle of a test.
    arguments += ["-E", f"offset={partition.offset},root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0,nodiscard"]
    if directory is not None:
        arguments += ["-d", str(directory)]
    # mke2fs warns that it does not clear what is before the offset; nothing is there to clear.
    result = subprocess.run([*arguments, image, f"{partition.size // 1024}k"], stderr=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"mke2fs {image} {partition.label}: {result.stderr.strip()}")


def make_swap(image: Path, partition: Partition, uuid: str, page_size: int = 4096, byte_order: str = "<") -> None:
    """mkswap cannot write at an offset: it makes a sparse file of the partition's size, whose first page (all it writes) is copied. The
    numbers in it (union swap_header of include/linux/swap.h: version, last page, bad pages) are in the byte order of who makes it."""
    with tempfile.NamedTemporaryFile(dir=image.parent) as scratch:
        scratch.truncate(partition.size)
        subprocess.run(
            ["mkswap", f"--pagesize={page_size}", f"--uuid={uuid}", scratch.name],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        header = bytearray(scratch.read(page_size))
    struct.pack_into(f"{byte_order}3I", header, 1024, *struct.unpack_from("=3I", header, 1024))
    with image.open("r+b") as stream:
        stream.seek(partition.offset)
        stream.write(header)


def move_swap(disk: Disk, distance: int) -> Disk:
    """Moves the swap partition up, content and all, by `distance` bytes (a multiple of 1 MiB) into the data partition, which goes."""
    old = disk.swap
    swap = replace(old, offset=old.offset + distance)
    assert distance % MIB == 0 and disk.swap.end <= swap.end <= disk.data.end
    with tempfile.NamedTemporaryFile(dir=disk.path.parent) as scratch:
        copy = ["dd", "bs=1M", "status=none"]
        count = f"count={old.size // MIB}"
        subprocess.run([*copy, f"if={disk.path}", f"of={scratch.name}", f"skip={old.offset // MIB}", count, "conv=sparse"], check=True)
        subprocess.run(["truncate", f"--size={old.size}", scratch.name], check=True)
        # What is a hole in the copy must read as zeros in the new place too.
        subprocess.run(["fallocate", "--punch-hole", f"--offset={old.offset}", f"--length={old.size + distance}", disk.path], check=True)
        place = [f"seek={swap.offset // MIB}", "conv=notrunc,sparse"]
        subprocess.run([*copy, f"if={scratch.name}", f"of={disk.path}", *place], check=True)
    number = swap.number
    arguments = ["sgdisk", f"--delete={disk.data.number}", f"--delete={number}"]
    arguments += [f"--new={number}:{swap.offset // 512}:{swap.end // 512 - 1}", f"--change-name={number}:{swap.label}"]
    arguments += [f"--partition-guid={number}:{swap.partuuid}", f"--typecode={number}:8200"]
    subprocess.run([*arguments, disk.path], check=True, stdout=subprocess.DEVNULL)
    return replace(disk, swap=swap)


def _debugfs_read(image: Path, partition: Partition, name: str) -> bytes:
    with tempfile.NamedTemporaryFile(dir=image.parent) as scratch:
        result = subprocess.run(
            ["debugfs", "-R", f"dump {name} {scratch.name}", f"{image}?offset={partition.offset}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        # debugfs exits with 0 even when there is no such file.
        if result.returncode != 0 or "File not found" in result.stdout:
            raise FileNotFoundError(f"{name} in {partition.label} of {image}: {result.stdout.strip()}")
        return scratch.read()
