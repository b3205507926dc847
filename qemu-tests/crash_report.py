# SPDX-License-Identifier: GPL-2.0-or-later
# A reader of crash reports, written from the rules that the distributions' readers follow, independent of our writer.

import base64
import zlib
from typing import Union

_KEY = set(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._-")


def parse_crash_report(content: bytes) -> dict[str, Union[str, bytes]]:
    """Texts as str, encoded values as bytes. Any departure from the rules is an assertion."""
    assert content.endswith(b"\n")
    values: dict[str, Union[str, bytes]] = {}
    lines = content[:-1].split(b"\n")
    position = 0
    while position < len(lines):
        key, colon, value = lines[position].partition(b":")
        assert colon and key and set(key) <= _KEY, f"line {position + 1} is no entry"
        assert key.decode() not in values
        assert position > 0 or key == b"ProblemType"
        position += 1
        continued = []
        while position < len(lines) and lines[position].startswith(b" "):
            continued.append(lines[position][1:])
            position += 1
        if value.strip() == b"base64":
            values[key.decode()] = _decode(key, continued)
        else:
            assert not continued and value.strip()
            values[key.decode()] = value.strip().decode("utf-8", "strict")
    return values


def _decode(key: bytes, lines: list[bytes]) -> bytes:
    pieces = [base64.b64decode(line, validate=True) for line in lines]
    # Readers tell the compression by the first line alone, and keep only the first member.
    assert pieces[0] == b"\x1f\x8b\x08\x08\0\0\0\0\x02\xff" + key + b"\0"
    assert all(len(line) <= 4 * 131072 for line in lines)
    decoder = zlib.decompressobj(16 + 15)
    content = decoder.decompress(b"".join(pieces))
    assert decoder.eof and decoder.unused_data == b""
    return content
