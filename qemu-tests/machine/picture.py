# SPDX-License-Identifier: GPL-2.0-or-later
# What a machine's display shows: its colours, its text, character by character, and what a phone reads off it.

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import zbar

from machine.vm import Vm

Colour = tuple[int, int, int]
BROWN: Colour = (170, 85, 0)
WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))


def is_like(colour: Colour, other: Colour) -> bool:
    """VGA's text mode has six bits for each part of a colour."""
    return all(abs(one - two) < 4 for one, two in zip(colour, other))


@dataclass(frozen=True)
class Picture:
    width: int
    height: int
    pixels: list[Colour]

    @staticmethod
    def of(vm: Vm, directory: Path) -> "Picture":
        path = directory / "screen.ppm"
        vm.qmp("screendump", filename=str(path.resolve()))
        magic, size, depth, data = path.read_bytes().split(b"\n", 3)
        assert (magic, depth) == (b"P6", b"255")
        width, height = map(int, size.split())
        parts = iter(data)
        pixels = list(zip(parts, parts, parts))
        assert len(pixels) == width * height
        return Picture(width, height, pixels)

    def shares(self) -> dict[Colour, float]:
        """The colours, and how much of the picture each has; the one of most first, which is the background's."""
        return {colour: count / len(self.pixels) for colour, count in Counter(self.pixels).most_common()}

    def code(self) -> str | None:
        """What a QR code says, if there is one."""
        image = zbar.Image(self.width, self.height, "Y800", bytes(sum(pixel) // 3 for pixel in self.pixels))
        zbar.ImageScanner().scan(image)
        return next((symbol.data for symbol in image), None)

    def without_code(self, columns: int, rows: int) -> "Picture":
        """The background in the place of what a terminal of that size shows of a QR code: characters of nothing but black and white."""
        background = next(iter(self.shares()))
        of_code = {BLACK, WHITE}
        pixels = list(self.pixels)
        width, height = self.width // columns, self.height // rows
        for row in range(rows):
            for column in range(columns):
                begin = row * height * self.width + column * width
                lines = [slice(begin + y * self.width, begin + y * self.width + width) for y in range(height)]
                if not all(of_code.issuperset(self.pixels[line]) for line in lines):
                    continue
                for line in lines:
                    pixels[line] = [background] * width
        return Picture(self.width, self.height, pixels)

    def cells(self, columns: int, rows: int) -> list[list[bytes]]:
        """Of a terminal of that size, row by row: which pixels of each character are not of the background's colour."""
        background = next(iter(self.shares()))
        drawn = bytes(pixel != background for pixel in self.pixels)
        width, height = self.width // columns, self.height // rows

        def cell(row: int, column: int) -> bytes:
            begin = row * height * self.width + column * width
            return b"".join(drawn[begin + y * self.width : begin + y * self.width + width] for y in range(height))

        return [[cell(row, column) for column in range(columns)] for row in range(rows)]


@dataclass(frozen=True)
class Font:
    """What characters look like on a machine's terminal, which has that many columns and rows."""

    columns: int
    rows: int
    characters: dict[bytes, str]

    @staticmethod
    def of(vm: Vm, directory: Path) -> "Font":
        """That of the guest's terminal in front, which is shown all of them for this."""
        rows, columns = map(int, vm.must("stty -F /dev/tty0 size").split())
        assert columns >= 64
        # Erased, no cursor, at the upper left; two rows of characters.
        half = len(_PRINTABLE) // 2
        text = "\\033[0m\\033[2J\\033[?25l\\033[H" + "".join(f"\\{ord(each):03o}" for each in _PRINTABLE[:half])
        text += "\\033[2;1H" + "".join(f"\\{ord(each):03o}" for each in _PRINTABLE[half:])
        vm.must(f"printf '{text}' >/dev/tty0")
        # A driver may show it later.
        deadline = time.monotonic() + 30
        while True:
            cells = Picture.of(vm, directory).cells(columns, rows)
            characters = dict(zip(cells[0][:half] + cells[1][: len(_PRINTABLE) - half], _PRINTABLE))
            if len(characters) == len(_PRINTABLE):
                break
            assert time.monotonic() < deadline, "two characters look the same"
            time.sleep(0.5)
        return Font(columns, rows, characters)

    def read(self, picture: Picture) -> str:
        """The picture's text, a line for each row; "?" for what is none of the characters."""
        rows = picture.cells(self.columns, self.rows)
        return "\n".join("".join(self.characters.get(cell, "?") for cell in row).rstrip() for row in rows)
