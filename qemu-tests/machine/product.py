# SPDX-License-Identifier: GPL-2.0-or-later
# crashdump inside a guest: its programs on the tools disk, its configuration, and what its state says of the places on the disk.

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Sequence

from machine.architecture import X86_64, Architecture
from machine.cpio import CpioWriter
from machine.disk import SWAP_UUID, SwapDisk
from machine.guest_image import build_sysroot, build_tools_disk
from machine.kernel import Kernel
from machine.ranges import Range
from machine.vm import Vm

_ROOT = Path(__file__).resolve().parent.parent.parent
_BUILD = _ROOT / "build"

DUMPS = "/var/crash/kernel/dumps"
CRASHKERNEL = X86_64.crashkernel


def program_for(architecture: Architecture) -> Path:
    """The static program of an architecture."""
    return _BUILD / f"{architecture.name}-static/crashdump"


PROGRAM = program_for(X86_64)
# For tests that compare all memory, or need large dumps.
ALL_PAGES = "crashdump.dump_level=1"

_USE_SWAP = """
for entry in /sys/class/block/*; do
	if grep -qx PARTNAME=swap $entry/uevent; then device=/dev/${entry##*/}; fi
done
swapon $device && awk -v device=$device '$1 == device { print $3 }' /proc/swaps && swapoff $device
"""


def build_product_disk(
    output: Path, kernel: Kernel, installed: bool = False, packed: Sequence[str] = (), programs: Optional[dict[str, bytes]] = None
) -> Path:
    """The read-only disk that the guest mounts on /tools: the command, the capture kernel and its initramfs, made with the further
    arguments `packed`, and with `installed` what `make install` puts into a machine, below installed/. `programs` take the place of those
    in the initramfs."""
    directory = output.with_suffix(".files")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    shutil.copy(program_for(kernel.architecture), directory / "crashdump")
    shutil.copy(kernel.vmlinuz, directory / "vmlinuz")
    shutil.copy(_initramfs(kernel, output.parent, packed), directory / "initramfs")
    if programs:
        # Of archives in a row the kernel takes the last one's file.
        with (directory / "initramfs").open("ab") as stream:
            cpio = CpioWriter(stream)
            for name, content in programs.items():
                cpio.file(name, content, 0o755)
            cpio.close()
    if installed:
        subprocess.run(["make", "-s", "install", f"DESTDIR={directory / 'installed'}"], cwd=_ROOT, env=_outside_make(), check=True)
    build_tools_disk(output, directory)
    shutil.rmtree(directory)
    return output


def build_debian_package() -> Path:
    """What `make deb` makes."""
    subprocess.run(["make", "-s", "deb"], cwd=_ROOT, env=_outside_make(), check=True)
    return max(_BUILD.glob("crashdump_*_amd64.deb"), key=lambda path: path.stat().st_mtime)


def _initramfs(kernel: Kernel, directory: Path, packed: Sequence[str]) -> Path:
    made = _BUILD / f"initramfs-{kernel.architecture.name}-{kernel.name}.img"
    if not packed:
        return made
    # Of the same programs; make would say that the one without them is up to date.
    programs = program_for(kernel.architecture).parent
    busybox = Path(build_sysroot(kernel.architecture.name)) / "bin/busybox"
    arguments = ["--init", programs / "crashdump-init", "--capture", programs / "crashdump-capture", "--busybox", busybox]
    output = directory / "initramfs"
    command = [_ROOT / "mkinitramfs-hooks/mkcrashinitramfs", "--kernel", kernel.release, "--root", kernel.directory, "-o", output]
    subprocess.run([*command, *arguments, *packed], check=True)
    return output


def _outside_make() -> dict[str, str]:
    """The environment without what a make that runs the tests tells the makes that it starts."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}


@dataclass(frozen=True)
class Arming:
    """The places of one arming, in bytes from the beginning of the whole image."""

    key_id: str
    region: Range
    slot: Range
    extent: Range


class Product:
    """The commands in a guest that has booted. configure() after each boot: the guest's /etc is in memory. `program` is on the tools disk, or
    what a guest has that the product is installed in."""

    def __init__(self, vm: Vm, disk: SwapDisk, swap_uuid: str = SWAP_UUID, program: str = "/tools/crashdump") -> None:
        self.vm = vm
        self.disk = disk
        self.swap_uuid = swap_uuid
        self.program = program

    def configure(self, *lines: str, append: str = "", named: bool = True) -> None:
        """`append` is for the capture kernel's command line. Not `named`: the product finds the swap itself."""
        always = ["KERNEL=/tools/vmlinuz", "INITRAMFS=/tools/initramfs"]
        if named:
            always.append(f"TARGET=UUID={self.swap_uuid}")
        always.append(f"COMMAND_LINE_APPEND={self.vm.config.architecture.always} {append}".rstrip())
        text = "\n".join([*always, *lines, ""])
        self.vm.push_file(text.encode(), "/etc/crashdump.conf")

    def command(self, arguments: str, timeout: float = 120) -> str:
        """Standard output of a subcommand that has to succeed."""
        return self.vm.must(f"{self.program} {arguments}", timeout)

    def status_of(self, arguments: str, timeout: float = 120) -> int:
        """The exit status of a subcommand that may fail."""
        return self.vm.run(f"{self.program} {arguments}", timeout).status

    def prepare(self, options: str = "") -> str:
        return self.command(f"prepare --swap {self.swap_uuid} {options}")

    def arm(self, options: str = "") -> Arming:
        """In a guest that is configured: prepares the swap, unless it is prepared, with these options; load()."""
        self.prepare(options)
        return self.load()

    def load(self) -> Arming:
        """Loads, and makes sure that status agrees."""
        self.command("load")
        self.command("status")
        return self.arming()

    def arming(self) -> Arming:
        """The arming that is loaded now."""
        armed = _fields(self.vm.must("cat /run/crashdump/armed"))
        record = _fields(self.vm.must(f"cat /var/lib/crashdump/keys/{armed['key-id'][0]}.key"))
        begin = self.disk.swap.offset + int(record["hint.region-begin"][0])
        end = self.disk.swap.offset + int(record["hint.region-end"][0])
        slot = begin + int(record["slot_offset"][0])
        extent = (begin + int(record["extent_begin"][0]), begin + int(record["extent_end"][0]))
        return Arming(armed["key-id"][0], (begin, end), (slot, slot + (1 << 20)), extent)

    def use_swap(self) -> int:
        """Switches the swap on and off; returns its size as the kernel has seen it, in KiB."""
        return int(self.vm.must(_USE_SWAP))

    def dumps(self) -> list[str]:
        """The names of the recovered dumps, oldest first."""
        return self.vm.must(f"ls {DUMPS} 2>/dev/null || true").split()


def _fields(text: str) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, _, value = line.partition("=")
        fields.setdefault(key, []).append(value)
    return fields
