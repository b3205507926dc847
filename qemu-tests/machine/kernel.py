# SPDX-License-Identifier: GPL-2.0-or-later
# A distribution kernel as fetch-kernel leaves it in the cache, and the order in which its modules are loaded.

import subprocess
from dataclasses import dataclass
from pathlib import Path

from machine.architecture import X86_64, Architecture
from machine.errors import MachineError

_FETCH = Path(__file__).resolve().parent.parent / "fetch-kernel"


@dataclass(frozen=True)
class Kernel:
    """`directory` holds vmlinuz and lib/modules/<release>."""

    name: str  # the suite in kernels.table
    directory: Path
    release: str
    architecture: Architecture

    @staticmethod
    def fetch(suite_or_version: str, architecture: Architecture = X86_64) -> "Kernel":
        arch = architecture.debian
        result = subprocess.run([_FETCH, suite_or_version, arch], stdout=subprocess.PIPE, text=True, check=False)
        if result.returncode != 0:
            raise MachineError(f"fetch-kernel {suite_or_version} {arch} failed with status {result.returncode}")
        directory = Path(result.stdout.strip().splitlines()[-1])
        return Kernel(suite_or_version, directory, (directory / "release").read_text().strip(), architecture)

    @property
    def vmlinuz(self) -> Path:
        return self.directory / "vmlinuz"

    @property
    def modules(self) -> Path:
        return self.directory / "lib/modules" / self.release

    def module_chain(self, name: str) -> list[Path]:
        """The files to load for a module, its dependencies first; empty if it is built in."""
        result = subprocess.run(
            ["modprobe", "-d", self.directory, "-S", self.release, "--show-depends", name],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise MachineError(f"module {name} of {self.release}: {result.stderr.strip()}")
        lines = (line.split() for line in result.stdout.splitlines())
        return [Path(words[1]) for words in lines if words[0] == "insmod"]
