# SPDX-License-Identifier: GPL-2.0-or-later
# What a package leaves in a machine's files: what there is before, and what is different afterwards.

import re
from dataclasses import dataclass

from machine.vm import Vm

# Kind, mode, owners; of what is no directory also size, time of change and where a link leads. A directory's own change with any name in it.
_LIST = r"""
find /etc /usr /var/lib /boot -xdev -type d -printf '%y %m %u:%g\t%p\n' -o -printf '%y %m %u:%g %s %T@ %l\t%p\n'
find /boot/efi -xdev ! -type d -printf '%y %s %T@\t%p\n'
"""
_HASH = "find /etc /boot/grub -xdev -type f -exec sha256sum {} +"
_TIMES = re.compile(r" \d+ \d+\.\d+ ")


@dataclass(frozen=True)
class FileTraces:
    """By path."""

    files: dict[str, str]
    hashes: dict[str, str]

    @staticmethod
    def of(vm: Vm) -> "FileTraces":
        files = dict(reversed(line.split("\t", 1)) for line in vm.must(_LIST, timeout=300).splitlines())
        hashes = dict(reversed(line.split("  ", 1)) for line in vm.must(_HASH, timeout=300).splitlines())
        return FileTraces(files, hashes)

    def differences(self, later: "FileTraces") -> list[str]:
        """Lines for people: what has come, gone or changed since. What has the same content, as far as that was looked at, may have been
        written again."""
        lines = []
        for path in sorted(self.files.keys() | later.files.keys()):
            old, new = self.files.get(path, "nothing"), later.files.get(path, "nothing")
            if path in self.hashes and path in later.hashes:
                old, new = (_TIMES.sub(" ", seen) for seen in (old, new))
                old, new = f"{old} {self.hashes[path]}", f"{new} {later.hashes[path]}"
            if old != new:
                lines.append(f"{path}: {old} -> {new}")
        return lines
