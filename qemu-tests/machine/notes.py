# SPDX-License-Identifier: GPL-2.0-or-later
# An independent reader of the notes of a vmcore: what each processor was doing.

import struct
from typing import Iterator, NamedTuple

from machine.architecture import Architecture

_PRSTATUS = 1


class Processor(NamedTuple):
    """One processor's NT_PRSTATUS note."""

    pid: int
    program_counter: int
    stack_pointer: int


def processors(notes: bytes, architecture: Architecture) -> list[Processor]:
    """In the order of the notes, which is that of the processors' numbers."""
    registers = architecture.registers
    order = architecture.byte_order
    letter = "Q" if registers.size == 8 else "I"
    found = []
    for name, kind, content in _notes(notes, order):
        if name == b"CORE" and kind == _PRSTATUS:
            (pid,) = struct.unpack_from(f"{order}i", content, 16 + 2 * registers.size)
            values = [
                struct.unpack_from(order + letter, content, registers.offset + number * registers.size)[0]
                for number in (registers.program_counter, registers.stack_pointer)
            ]
            found.append(Processor(pid, *values))
    return found


def _notes(notes: bytes, order: str) -> Iterator[tuple[bytes, int, bytes]]:
    """Name, type and content of each."""
    at = 0
    while at + 12 <= len(notes):
        name_size, size, kind = struct.unpack_from(f"{order}III", notes, at)
        begin = at + 12 + -(-name_size // 4) * 4
        yield notes[at + 12 : at + 12 + name_size].rstrip(b"\0"), kind, notes[begin : begin + size]
        at = begin + -(-size // 4) * 4
