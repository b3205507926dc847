# SPDX-License-Identifier: GPL-2.0-or-later
# A kernel in the cache, as fetch-kernel or kernel-configs/build-kernel leave it there, and the order in which its modules are loaded.

import subprocess
from dataclasses import dataclass
from pathlib import Path

from machine.architecture import X86_64, Architecture
from machine.errors import MachineError

_ROOT = Path(__file__).resolve().parent.parent.parent
_FETCH = _ROOT / "qemu-tests/fetch-kernel"
_BUILD = _ROOT / "kernel-configs/build-kernel"


@dataclass(frozen=True)
class Kernel:
    """`directory` holds vmlinuz and lib/modules/<release>."""

    name: str  # the suite in kernels.table, "dedicated" or "production"
    directory: Path
    release: str
    architecture: Architecture

    @staticmethod
    def fetch(suite: str, architecture: Architecture = X86_64) -> "Kernel":
        """The distribution's: a suite of kernels.table."""
        return Kernel._made_by(suite, architecture, _FETCH, suite, architecture.debian)

    @staticmethod
    def build(architecture: Architecture = X86_64) -> "Kernel":
        """The dedicated capture kernel; minutes if it is not in the cache."""
        return Kernel.named("dedicated", architecture)

    @staticmethod
    def named(name: str, architecture: Architecture) -> "Kernel":
        """"production" is one that is built as well, to crash: the distribution has none for the architecture, or none with kexec_file_load."""
        built = {"dedicated": architecture.name, "production": f"{architecture.name}-production"}
        if name in built:
            return Kernel._made_by(name, architecture, _BUILD, built[name])
        return Kernel.fetch(name, architecture)

    @staticmethod
    def _made_by(name: str, architecture: Architecture, script: Path, *arguments: str) -> "Kernel":
        result = subprocess.run([script, *arguments], stdout=subprocess.PIPE, text=True, check=False)
        if result.returncode != 0:
            raise MachineError(f"{script.name} {' '.join(arguments)} failed with status {result.returncode}")
        directory = Path(result.stdout.strip().splitlines()[-1])
        return Kernel(name, directory, (directory / "release").read_text().strip(), architecture)

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
