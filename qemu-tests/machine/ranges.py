# SPDX-License-Identifier: GPL-2.0-or-later
# Hashing, copying and comparing disk images, quick on sparse ones: holes are skipped, and count as equal to written zeros.

import hashlib
import os
import re
import subprocess
from pathlib import Path
from typing import BinaryIO, Iterator, Optional

_BLOCK = 4096
_WINDOW = 1 << 20
_ZEROS = bytes(_WINDOW)
_DIFFERENT = re.compile(rb"[^\0]+")

Range = tuple[int, int]  # half-open, in bytes


def copy_image(source: Path, target: Path) -> None:
    """A sparse copy that later writes to the source do not change."""
    subprocess.run(["cp", "--reflink=auto", "--sparse=always", source, target], check=True)


def hash_ranges(path: Path, ranges: Optional[list[Range]] = None) -> str:
    """A digest of the bytes of the ranges (default: all of the file). Two files with equal bytes have equal digests, wherever their
    holes are."""
    digest = hashlib.blake2b(digest_size=32)
    with path.open("rb", buffering=0) as stream:
        size = os.fstat(stream.fileno()).st_size
        for start, end in ranges if ranges is not None else [(0, size)]:
            assert start <= end <= size, f"{path}: range {start}-{end} of {size} bytes"
            digest.update(b"range %d %d\n" % (start, end))
            for window_start, window_end in _windows(stream, start, end):
                content = os.pread(stream.fileno(), window_end - window_start, window_start)
                if content == _ZEROS[: len(content)]:
                    continue
                # Blocks are cut at multiples of their size in the file, so that the digest does not depend on where data begins.
                position = window_start
                while position < window_end:
                    block_end = min(window_end, position - position % _BLOCK + _BLOCK)
                    block = content[position - window_start : block_end - window_start]
                    if block != _ZEROS[: len(block)]:
                        digest.update(b"%d\n" % position)
                        digest.update(block)
                    position = block_end
    return digest.hexdigest()


def differing_ranges(first: Path, second: Path) -> list[Range]:
    """The maximal byte ranges in which two images of equal size differ."""
    ranges: list[Range] = []
    with first.open("rb", buffering=0) as left, second.open("rb", buffering=0) as right:
        size = os.fstat(left.fileno()).st_size
        assert size == os.fstat(right.fileno()).st_size, f"{first} and {second} have different sizes"
        windows = sorted({start - start % _WINDOW for stream in (left, right) for start, _ in _windows(stream, 0, size)})
        for start in windows:
            left_content = os.pread(left.fileno(), _WINDOW, start)
            right_content = os.pread(right.fileno(), _WINDOW, start)
            if left_content != right_content:
                _add_differences(ranges, start, left_content, right_content)
    return ranges


def subtract_ranges(ranges: list[Range], allowed: list[Range]) -> list[Range]:
    """What of `ranges` lies outside all of `allowed`."""
    left = list(ranges)
    for allowed_start, allowed_end in allowed:
        pieces = []
        for start, end in left:
            pieces += [(start, min(end, allowed_start)), (max(start, allowed_end), end)]
        left = [(start, end) for start, end in pieces if start < end]
    return sorted(left)


def complement_ranges(ranges: list[Range], size: int) -> list[Range]:
    """All of [0, size) but the ranges: what must not change when only the ranges may."""
    return subtract_ranges([(0, size)], ranges)


def _add_differences(ranges: list[Range], base: int, left: bytes, right: bytes) -> None:
    for offset in range(0, len(left), _BLOCK):
        left_block = left[offset : offset + _BLOCK]
        right_block = right[offset : offset + _BLOCK]
        if left_block == right_block:
            continue
        difference = int.from_bytes(left_block, "big") ^ int.from_bytes(right_block, "big")
        for run in _DIFFERENT.finditer(difference.to_bytes(len(left_block), "big")):
            start, end = base + offset + run.start(), base + offset + run.end()
            if ranges and ranges[-1][1] == start:
                ranges[-1] = (ranges[-1][0], end)
            else:
                ranges.append((start, end))


def _windows(stream: BinaryIO, start: int, end: int) -> Iterator[Range]:
    """Windows within [start, end) that hold data; they end at multiples of the window size so that blocks line up."""
    position = start
    while position < end:
        try:
            data = os.lseek(stream.fileno(), position, os.SEEK_DATA)
        except OSError:  # ENXIO: only a hole is left
            return
        if data >= end:
            return
        hole = min(end, os.lseek(stream.fileno(), data, os.SEEK_HOLE))
        position = max(position, data - data % _BLOCK)
        while position < hole:
            window_end = min(end, position - position % _WINDOW + _WINDOW)
            yield position, window_end
            position = window_end
