# SPDX-License-Identifier: GPL-2.0-or-later
# A machine with the distribution's own systemd, udev and journal, as a user has it: / on a drive of its own, /var and the swap on the
# disk that the product writes to, both in fstab.

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

from machine.cpio import CpioWriter
from machine.disk import Disk, build_disk, lay_out
from machine.drive import Drive
from machine.errors import MachineError
from machine.guest_image import build_initramfs
from machine.kernel import Kernel
from machine.product import build_product_disk
from machine.ranges import copy_image
from machine.rig import Rig
from machine.vm import BOOT_SECONDS, Vm

_QEMU_TESTS = Path(__file__).resolve().parent.parent
# Room for a dump of 1 GiB in the region and in /var.
_SIZES = {"var_mib": 3072, "swap_mib": 3072}
VISITOR = "visitor"


@dataclass(frozen=True)
class SystemImage:
    """What machines are made from; none may be started with the images themselves."""

    initramfs: Path
    root: Path
    disk: Disk
    tools: Optional[Path] = None

    @staticmethod
    def build(kernel: Kernel, directory: Path) -> "SystemImage":
        """A small system, with the product on its tools drive."""
        image = SystemImage.of_packages(fetch_system("small"), kernel, directory)
        return replace(image, tools=build_product_disk(directory / "tools.img", kernel, installed=True))

    @staticmethod
    def of_packages(system: Path, kernel: Kernel, directory: Path) -> "SystemImage":
        """`system` as fetch_system() returns it."""
        image = SystemImage.in_directory(directory)
        build_initramfs(image.initramfs, kernel)
        # Of archives in a row the kernel takes the last one's file.
        with image.initramfs.open("ab") as stream:
            cpio = CpioWriter(stream)
            cpio.file("init", (_QEMU_TESTS / "system/init").read_bytes(), 0o755)
            cpio.close()
        copy_image(system / "root.img", image.root)
        build_disk(image.disk.path, **_SIZES, var_directory=system / "var")
        return image

    @staticmethod
    def in_directory(directory: Path) -> "SystemImage":
        """What of_packages() has left there."""
        return SystemImage(directory / "initramfs.cpio", directory / "root.img", lay_out(directory / "disk.img", **_SIZES))

    def copy_to(self, directory: Path) -> tuple[list[Drive], Disk]:
        """The drives of one machine, and its disk."""
        disk = self.disk.at(directory / "disk.img")
        root = directory / "root.img"
        copy_image(self.disk.path, disk.path)
        copy_image(self.root, root)
        drives = [Drive("disk0", disk.path, serial="DISK0"), Drive("root", root, serial="root")]
        if self.tools is not None:
            drives.append(Drive("tools", self.tools, serial="tools", read_only=True))
        return drives, disk


class SystemdGuest:
    """What is asked of a guest with systemd."""

    vm: Vm

    def wait_until_up(self) -> str:
        return wait_until_up(self.vm)

    def reboot(self) -> str:
        """An orderly reboot; returns as wait_until_up()."""
        self.vm.run_without_answer("systemctl reboot")
        self.vm.wait_for_boot(SYSTEM_BOOT_SECONDS)
        return self.wait_until_up()

    def property(self, unit: str, name: str) -> str:
        return self.vm.must(f"systemctl show --value -p {name} '{unit}'").strip()

    def moment(self, unit: str, name: str) -> int:
        """One of the unit's timestamps, in microseconds since the boot; it must have been reached in this boot."""
        microseconds = int(self.property(unit, f"{name}TimestampMonotonic"))
        assert microseconds > 0, f"{unit}: {name} has not happened"
        return microseconds

    def time(self, unit: str, name: str) -> float:
        """The same as seconds since 1970."""
        show = f"systemctl show --timestamp=us --value -p {name}Timestamp '{unit}'"
        return float(self.vm.must(f'date -d "$({show})" +%s.%6N'))

    def time_of_change(self, path: str) -> float:
        """When a directory has got its last entry, in seconds since 1970."""
        return float(self.vm.must(f"stat -c %.6Y {path}"))


@dataclass(frozen=True)
class BootedSystem(SystemdGuest, Rig):
    """A Rig whose guest keeps its /etc."""

    def install(self) -> None:
        """The first boot: `make install`, the configuration, and what a user does before enabling units."""
        self.vm.boot(SYSTEM_BOOT_SECONDS)
        self.wait_until_up()
        self.vm.must("cp -r --preserve=mode /tools/installed/. / && systemctl daemon-reload && systemd-tmpfiles --create crashdump.conf")
        self.product.configure("RESERVE=auto", named=False)

    def crash_into_next_boot(self, timeout: float = 180) -> None:
        """Panics, and returns when the next boot's agent answers; the boot may go on."""
        self.vm.crash()
        self.vm.wait_for_stage("reboot", timeout)
        self.vm.wait_for_boot(SYSTEM_BOOT_SECONDS)


# systemd does much more at a boot than the BusyBox guest.
SYSTEM_BOOT_SECONDS = 3 * BOOT_SECONDS


def wait_until_up(vm: Vm, timeout: float = 300) -> str:
    """Until no job of the boot is left; "running", or "degraded" if a unit has failed."""
    return vm.run("systemctl is-system-running --wait", timeout=timeout).out.strip()


def fetch_system(kind: str, suite: str = "bookworm") -> Path:
    """The directory that fetch-system makes; its name changes with what is in it."""
    result = subprocess.run([_QEMU_TESTS / "fetch-system", suite, kind], stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0:
        raise MachineError(f"fetch-system {suite} {kind} failed with status {result.returncode}")
    return Path(result.stdout.strip().splitlines()[-1])
