# SPDX-License-Identifier: GPL-2.0-or-later
# The parts of the harness that need no machine: the disk builder, hashing and comparing images, the write log, flattened files.

import io
import struct
import subprocess
from pathlib import Path

import pytest

from machine.cpio import CpioWriter
from machine.disk import MIB, SWAP_UUID, VAR_UUID, build_disk
from machine.installed import InstalledDisk
from machine.kdump import rearrange
from machine.ranges import complement_ranges, copy_image, differing_ranges, hash_ranges, subtract_ranges
from machine.write_log import SECTOR_SIZE, WriteLog


def _identify(path: Path, offset: int, tag: str) -> str:
    command = ["blkid", "--probe", f"--offset={offset}", f"--match-tag={tag}", "--output=value", path]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def test_disk_has_what_it_was_asked_for(tmp_path: Path) -> None:
    content = tmp_path / "content"
    (content / "lib").mkdir(parents=True)
    (content / "lib/file").write_bytes(b"in /var\n")
    disk = build_disk(tmp_path / "disk.img", var_mib=64, swap_mib=16, data_mib=32, var_directory=content)

    assert _identify(disk.path, disk.var.offset, "UUID") == VAR_UUID
    assert _identify(disk.path, disk.swap.offset, "UUID") == SWAP_UUID
    assert _identify(disk.path, disk.data.offset, "LABEL") == "data"
    assert disk.read_var_file("lib/file") == b"in /var\n"
    with pytest.raises(FileNotFoundError):
        disk.read_var_file("lib/other")
    # version 1, last_page, no bad pages
    assert struct.unpack("<III", disk.read(disk.swap.offset + 1024, 12)) == (1, 16 * MIB // 4096 - 1, 0)
    assert disk.read(disk.swap.offset + 4086, 10) == b"SWAPSPACE2"
    verified = subprocess.run(["sgdisk", "--verify", disk.path], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert "No problems found" in verified
    assert disk.path.stat().st_blocks * 512 < disk.size // 2, "the image is not sparse"


def test_an_installed_disk_has_its_parts(tmp_path: Path) -> None:
    esp, root = b"e" * (2 * MIB), b"r" * MIB + bytes(2 * MIB) + b"s" * MIB
    (tmp_path / "esp.img").write_bytes(esp)
    (tmp_path / "root.img").write_bytes(root)
    disk = InstalledDisk.build(tmp_path / "disk.img", tmp_path)
    assert disk.read(disk.esp.offset, disk.esp.size) == esp
    assert disk.read(disk.root.offset, disk.root.size) == root
    assert _identify(disk.path, disk.swap.offset, "UUID") == SWAP_UUID
    table = subprocess.run(["sgdisk", "--verify", "--print", disk.path], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert "No problems found" in table
    # The firmware finds its partition by the type.
    assert [line.split()[-2:] for line in table.splitlines()[-3:]] == [["EF00", "esp"], ["8300", "root"], ["8200", "swap"]]


def test_differences_are_found_to_the_byte(tmp_path: Path) -> None:
    first = tmp_path / "first"
    with first.open("wb") as image:
        image.truncate(64 * MIB)
        image.seek(10 * MIB)
        image.write(b"x" * 8192)
    second = tmp_path / "second"
    copy_image(first, second)
    assert differing_ranges(first, second) == []
    with second.open("r+b") as image:
        image.seek(5)
        image.write(b"a")
        image.seek(10 * MIB + 4094)
        image.write(b"yyyy")
        image.seek(20 * MIB)
        image.write(bytes(100))  # zeros in a hole are no difference
        image.seek(64 * MIB - 1)
        image.write(b"z")
    expected = [(5, 6), (10 * MIB + 4094, 10 * MIB + 4098), (64 * MIB - 1, 64 * MIB)]
    assert differing_ranges(first, second) == expected
    assert subtract_ranges(expected, [(0, 10 * MIB + 4096)]) == [(10 * MIB + 4096, 10 * MIB + 4098), (64 * MIB - 1, 64 * MIB)]

    assert hash_ranges(first) != hash_ranges(second)
    untouched = complement_ranges(expected, 64 * MIB)
    assert hash_ranges(first, untouched) == hash_ranges(second, untouched)
    for start, end in expected:
        assert hash_ranges(first, [(start, end)]) != hash_ranges(second, [(start, end)])


def test_hash_does_not_depend_on_holes(tmp_path: Path) -> None:
    written = tmp_path / "written"
    written.write_bytes(bytes(3 * MIB) + b"x" * 100 + bytes(MIB - 100))
    sparse = tmp_path / "sparse"
    copy_image(written, sparse)
    assert sparse.stat().st_blocks < written.stat().st_blocks
    for ranges in (None, [(7, 4 * MIB - 1)], [(3 * MIB + 50, 3 * MIB + 60)], [(1, 2), (3 * MIB - 10, 3 * MIB + 10)]):
        assert hash_ranges(written, ranges) == hash_ranges(sparse, ranges)


def _log_entry(sector: int, data: bytes, flags: int = 0, sector_count: int = 0) -> bytes:
    header = struct.pack("<QQQQ", sector, sector_count or len(data) // SECTOR_SIZE, flags, 0)
    return header.ljust(SECTOR_SIZE, b"\0") + data


def test_power_cut_keeps_only_what_was_flushed(tmp_path: Path) -> None:
    flush, forced, discard = 1, 2, 4
    image = tmp_path / "image"
    image.write_bytes(b"." * 16 * SECTOR_SIZE)
    log = tmp_path / "log"
    log.write_bytes(
        bytes(SECTOR_SIZE)
        + _log_entry(0, b"a" * SECTOR_SIZE)
        + _log_entry(2, b"", discard, 1)
        + _log_entry(0, b"", flush)
        + _log_entry(4, b"b" * 2 * SECTOR_SIZE)
        + _log_entry(8, b"c" * SECTOR_SIZE, forced)
        + _log_entry(10, b"d" * SECTOR_SIZE)
    )
    entries = WriteLog(log)
    assert [entry.is_flush for entry in entries.entries] == [False, False, True, False, False, False]
    assert entries.writes_since(3) == [(4 * 512, 6 * 512), (8 * 512, 9 * 512), (10 * 512, 11 * 512)]

    def sectors(until: int | None = None, surviving: tuple[int, ...] = (), torn: int | None = None) -> bytes:
        entries.replay_power_cut(image, tmp_path / "cut", until, surviving, torn)
        return (tmp_path / "cut").read_bytes()[::SECTOR_SIZE]

    assert sectors() == b"a.\0.....c......."
    assert sectors(surviving=(5,)) == b"a.\0.....c.d....."
    assert sectors(until=4) == b"a.\0............."
    assert sectors(until=2) == b"................"
    assert sectors(until=2, surviving=(1,)) == b"..\0............."
    assert sectors(surviving=(3,)) == b"a.\0.bb..c......."
    assert sectors(surviving=(3,), torn=3) == b"a.\0.b...c......."
    assert sectors(torn=3) == b"a.\0.....c......."
    assert image.read_bytes() == b"." * 16 * SECTOR_SIZE

    # QEMU killed in the middle of its last entry
    log.write_bytes(log.read_bytes()[:-1])
    assert len(WriteLog(log).entries) == 5


def test_cpio_is_what_cpio_reads() -> None:
    stream = io.BytesIO()
    archive = CpioWriter(stream)
    archive.file("a/b/file", b"12345", 0o640)
    archive.symlink("a/link", "b/file")
    archive.character_device("dev/console", 5, 1)
    archive.close()
    listing = subprocess.run(["cpio", "-tvn"], input=stream.getvalue(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    rows = [line.split() for line in listing.stdout.decode().splitlines()]
    found = {(row[0], *row[-3:]) if "->" in row else (row[0], row[-1]) for row in rows}
    assert found == {
        ("drwxr-xr-x", "a"),
        ("drwxr-xr-x", "a/b"),
        ("-rw-r-----", "a/b/file"),
        ("lrwxrwxrwx", "a/link", "->", "b/file"),
        ("drwxr-xr-x", "dev"),
        ("crw-------", "dev/console"),
    }


def test_a_flattened_file_is_read_up_to_its_end_or_refused(tmp_path: Path) -> None:
    flattened, restored = tmp_path / "flattened", tmp_path / "restored"
    pieces = [(6, b"behind"), (0, b"first\n"), (12, b"")]
    content = b"makedumpfile\0".ljust(4096, b"\0")
    content += b"".join(struct.pack(">qq", offset, len(piece)) + piece for offset, piece in pieces) + struct.pack(">qq", -1, -1)
    flattened.write_bytes(content)
    rearrange(flattened, restored)
    assert restored.read_bytes() == b"first\nbehind"
    for length in (4096, 4104, 4115, len(content) - 16, len(content) - 1):
        flattened.write_bytes(content[:length])
        with pytest.raises(AssertionError, match=f"ends at byte {length}"):
            rearrange(flattened, restored)
