# SPDX-License-Identifier: GPL-2.0-or-later
# A machine as an installer leaves it: one disk that UEFI boots from, with the distribution's GRUB, kernel and initramfs, / and a swap.

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from machine.disk import MIB, SWAP_UUID, Partition, SwapDisk, lay_out_partitions, make_swap, write_partition_table
from machine.drive import Drive
from machine.firmware import uefi_options
from machine.product import Product
from machine.system import SYSTEM_BOOT_SECONDS, SystemdGuest, fetch_system
from machine.vm import Vm

_SWAP_MIB = 1024
# It makes a capture initramfs, which takes a minute on an emulated machine.
INSTALL_SECONDS = 900
# What packages make of the machine's own initramfs has the drivers of this machine only: one with all takes an emulated one ten minutes.
_SMALL_INITRAMFS = """
if [ -d /etc/initramfs-tools ]; then echo MODULES=dep >/etc/initramfs-tools/conf.d/modules
else echo 'hostonly="yes"' >/etc/dracut.conf.d/hostonly.conf; fi
"""


@dataclass(frozen=True)
class InstalledDisk(SwapDisk):
    """Partitions 1 `esp`, 2 `root` and 3 `swap`."""

    esp: Partition
    root: Partition

    @staticmethod
    def build(path: Path, system: Path) -> "InstalledDisk":
        """`system` as fetch_system("installed") returns it; its file systems have UUIDs already (system/fstab.installed)."""
        images = {label: system / f"{label}.img" for label in ("esp", "root")}
        sizes = {label: image.stat().st_size for label, image in images.items()}
        disk = InstalledDisk(path, **lay_out_partitions(**sizes, swap=_SWAP_MIB * MIB))
        write_partition_table(path, [disk.esp, disk.root, disk.swap])
        for partition in (disk.esp, disk.root):
            place = ["bs=1M", f"seek={partition.offset // MIB}", "conv=notrunc,sparse", "status=none"]
            subprocess.run(["dd", f"if={images[partition.label]}", f"of={path}", *place], check=True)
        make_swap(path, disk.swap, SWAP_UUID)
        return disk


@dataclass(frozen=True)
class InstalledSystem(SystemdGuest):
    vm: Vm
    disk: InstalledDisk
    product: Product

    @staticmethod
    def make(
        make_vm: Callable[..., Vm], directory: Path, suite: str, kind: str = "installed", secure_boot: bool = False
    ) -> "InstalledSystem":
        """A machine that is not started yet, with its disk in `directory`; `kind` as fetch_system() has it."""
        disk = InstalledDisk.build(directory / "disk.img", fetch_system(kind, suite))
        drives = [Drive("disk0", disk.path, serial="DISK0")]
        vm = make_vm(kernel=None, initramfs=None, drives=drives, one_thread=True, **uefi_options(directory, secure_boot))
        return InstalledSystem(vm, disk, Product(vm, disk, program="crashdump"))

    def boot_for_the_first_time(self) -> str:
        """GRUB gets its menu from update-grub, as all later ones; returns as wait_until_up()."""
        self.vm.boot(SYSTEM_BOOT_SECONDS)
        state = self.wait_until_up()
        self.vm.must(_SMALL_INITRAMFS)
        self.vm.must("update-grub 2>&1", timeout=300)
        return state

    def apt(self, arguments: str) -> str:
        return self.vm.must(f"DEBIAN_FRONTEND=noninteractive apt-get -y {arguments} 2>&1", timeout=INSTALL_SECONDS)

    def crash_into_next_boot(self) -> str:
        """As an administrator who wants to see it; waits until the machine is up again, which it has to become by itself, and returns as
        wait_until_up()."""
        self.vm.run_without_answer("crashdump test --crash")
        self.vm.wait_for_boot(3 * SYSTEM_BOOT_SECONDS)
        return self.wait_until_up()
