# SPDX-License-Identifier: GPL-2.0-or-later
# What other programs read from vmcores: libkdumpfile, drgn and makedumpfile.

import subprocess
from pathlib import Path
from typing import Iterable, Optional

import drgn
import kdumpfile

from machine.vmcore import PAGE


class LibkdumpfileReader:
    def __init__(self, path: Path) -> None:
        self._file = kdumpfile.kdumpfile(str(path))

    def page(self, pfn: int) -> Optional[bytes]:
        """Nothing if the file does not have it."""
        try:
            return bytes(self._file.read(kdumpfile.KDUMP_MACHPHYSADDR, pfn * PAGE, PAGE))
        except kdumpfile.exceptions.NoDataException:
            return None

    @property
    def release(self) -> str:
        return str(self._file.attr["linux.uts.release"])


class DrgnReader:
    def __init__(self, path: Path) -> None:
        self._program = drgn.Program()
        self._program.set_core_dump(path)

    def page(self, pfn: int) -> Optional[bytes]:
        try:
            return self._program.read(pfn * PAGE, PAGE, physical=True)
        except drgn.FaultError:
            return None


def makedumpfile_filter(vmcore: Path, output: Path, level: int = 31) -> bool:
    """Whether makedumpfile accepts the vmcore; then `output` is what it makes of it."""
    arguments = ["makedumpfile", "--message-level", "4", "-c", "-d", str(level), vmcore, output]
    return subprocess.run(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


def makedumpfile_messages(vmcore: Path, output: Path) -> str:
    subprocess.run(["makedumpfile", "--message-level", "4", "--dump-dmesg", vmcore, output], stdout=subprocess.DEVNULL, check=True)
    return output.read_text(errors="surrogateescape")


def makedumpfile_rearrange(stream: Iterable[str | Path], output: Path) -> None:
    """The command's flattened output, made a file."""
    with subprocess.Popen(stream, stdout=subprocess.PIPE) as writer:
        subprocess.run(["makedumpfile", "-R", output], stdin=writer.stdout, stdout=subprocess.DEVNULL, check=True)
        assert writer.stdout is not None
        writer.stdout.close()
        assert writer.wait() == 0
