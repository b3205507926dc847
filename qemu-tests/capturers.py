# SPDX-License-Identifier: GPL-2.0-or-later
# What captures crashes, for measuring one beside the other: crashdump, and the distribution's kdump-tools with makedumpfile. Each says
# what its machine is made of, arms it, and tells whether the next boot has a complete dump.

import shutil
import struct
import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from machine.architecture import PLATFORMS, X86_64, Architecture
from machine.drive import Drive
from machine.guest_image import ALL_DISK_MODULES
from machine.kdump import KdumpFile, rearrange
from machine.kernel import Kernel
from machine.platform import Platform
from machine.product import DUMPS, Product
from machine.ranges import copy_image
from machine.system import SYSTEM_BOOT_SECONDS, SystemImage, fetch_system, wait_until_up
from machine.vm import BOOT_SECONDS, Vm, VmConfig
from readers import makedumpfile_messages

KDUMP_TOOLS = "kdump-tools"


class DoesNotWork(Exception):
    """There is no complete dump, and why."""


class Capturer(Protocol):
    """The machine's first drive, `disk0`, is what is written to. Init of the capture kernel must say something on the second serial port."""

    @property
    def description(self) -> str:
        """Of the row in a table: the machine, and what captures."""

    @property
    def architecture(self) -> Architecture: ...

    @property
    def boot_seconds(self) -> float:
        """Ten times what the boot and the capture take on a machine that does nothing else; a capture kernel without memory may stand still."""

    @property
    def capture_seconds(self) -> float: ...

    def config(self, directory: Path) -> VmConfig:
        """A machine with disks of its own in `directory`."""

    def arm(self, vm: Vm) -> None:
        """In the first boot."""

    def check(self, vm: Vm) -> None:
        """In the boot after the crash; the machine may be off afterwards."""


@dataclass(frozen=True)
class Crashdump:
    platform: Platform
    capture_kernel: str
    append: str
    boot_seconds: float = BOOT_SECONDS
    capture_seconds: float = 150

    @staticmethod
    def build(name: str, directory: Path, append: str) -> "Crashdump":
        """Of a name in PLATFORMS."""
        return Crashdump(Platform.build(name, directory, ALL_DISK_MODULES), PLATFORMS[name].capture_kernel, append)

    @property
    def description(self) -> str:
        return f"{self.architecture.name} | crashdump, {self.capture_kernel}"

    @property
    def architecture(self) -> Architecture:
        return self.platform.kernel.architecture

    def config(self, directory: Path) -> VmConfig:
        disk = directory / "disk.img"
        copy_image(self.platform.disk.path, disk)
        drives = [Drive("disk0", disk, serial="DISK0"), Drive("tools", self.platform.tools, serial="tools", read_only=True)]
        kernel = self.platform.kernel
        return VmConfig(kernel.vmlinuz, self.platform.initramfs, drives, architecture=kernel.architecture, stages=True)

    def arm(self, vm: Vm) -> None:
        product = self._product(vm)
        product.configure(append=self.append)
        product.prepare()
        loaded = vm.run("/tools/crashdump load")
        if loaded.status != 0:
            raise DoesNotWork(f"load: {(loaded.out + loaded.err).strip()}")

    def check(self, vm: Vm) -> None:
        if not any(line.startswith("capture result complete ") for line in vm.status_lines):
            raise DoesNotWork(f"no complete dump: {vm.status_lines[-3:]}")
        product = self._product(vm)
        product.configure()
        product.command("recover --no-load", timeout=300)
        [name] = product.dumps()
        if '"state": "complete"' not in vm.must(f"cat {DUMPS}/{name}/info.json"):
            raise DoesNotWork("what was recovered is not complete")

    def _product(self, vm: Vm) -> Product:
        return Product(vm, self.platform.disk.at(vm.drive("disk0").path))


@dataclass(frozen=True)
class KdumpTools:
    """As `apt install kdump-tools` leaves it. It makes the initrd of the capture kernel when the machine boots for the first time; `image` is
    what the disks are after that."""

    kernel: Kernel
    image: SystemImage
    boot_seconds: float = SYSTEM_BOOT_SECONDS
    capture_seconds: float = 600

    @staticmethod
    def install(directory: Path) -> "KdumpTools":
        """What is in `directory` is used again until its packages or the kernel change."""
        kernel = Kernel.fetch("bookworm")
        system = fetch_system("kdump-tools")
        installed = directory / f"{system.name}-{kernel.release}"
        if not installed.exists():
            new = installed.with_name(f"{installed.name}.new")
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(parents=True)
            KdumpTools(kernel, SystemImage.of_packages(system, kernel, new))._boot_for_the_first_time(new)
            new.rename(installed)
        return KdumpTools(kernel, SystemImage.in_directory(installed))

    def _boot_for_the_first_time(self, directory: Path) -> None:
        image = self.image
        drives = [Drive("disk0", image.disk.path, serial="DISK0"), Drive("root", image.root, serial="root")]
        config = self._config(drives, f" {self.architecture.crashkernel}")
        with Vm(config, directory / "boot") as vm:
            vm.boot(2 * SYSTEM_BOOT_SECONDS)
            # kdump-tools makes its initrd meanwhile, which takes five minutes on an emulated machine.
            wait_until_up(vm, timeout=1800)
            self.arm(vm)
            vm.pause_at_reboot()
            vm.run_without_answer("systemctl reboot")
            vm.wait_for_reboot_pause(SYSTEM_BOOT_SECONDS)

    @property
    def description(self) -> str:
        return f"{self.architecture.name} | kdump-tools and makedumpfile, {self.kernel.name}"

    @property
    def architecture(self) -> Architecture:
        return X86_64

    def config(self, directory: Path) -> VmConfig:
        drives, _ = self.image.copy_to(directory)
        return self._config(drives)

    def _config(self, drives: list[Drive], more: str = "") -> VmConfig:
        # The capture kernel is told what this kernel was, and its initrd wants to know where / is.
        return VmConfig(self.kernel.vmlinuz, self.image.initramfs, drives, f"root=LABEL=root{more}", memory_mib=512)

    def arm(self, vm: Vm) -> None:
        """The service has done that in the boot."""
        wait_until_up(vm)
        if vm.must("cat /sys/kernel/kexec_crash_loaded") != "1\n":
            raise DoesNotWork(vm.must("journalctl --boot --unit kdump-tools --output cat").strip().replace("\n", "; "))

    def check(self, vm: Vm) -> None:
        """kdump-tools takes no notice if makedumpfile fails (of `makedumpfile | cat` a shell has the status of cat), so the file's name means
        nothing. Its end does, and that all pages are there, and that a program finds the panic in them."""
        dumps = vm.run("ls -d /var/crash/*/dump*").out.split()
        if len(dumps) != 1 or dumps[0].endswith("-incomplete"):
            raise DoesNotWork(f"in /var/crash: {' '.join(dumps) or 'no dump'}")
        # So that the image has it all, and nothing of it only in the journal.
        vm.must("fsfreeze --freeze /var")
        vm.kill()
        disk = self.image.disk.at(vm.drive("disk0").path)
        flattened, vmcore, messages = (vm.directory / name for name in ("flattened", "vmcore", "messages"))
        try:
            flattened.write_bytes(disk.read_var_file(dumps[0].removeprefix("/var")))
            rearrange(flattened, vmcore)
            _read_all(vmcore)
            said = makedumpfile_messages(vmcore, messages)
        except (OSError, ValueError, KeyError, subprocess.CalledProcessError, AssertionError, struct.error, zlib.error) as failure:
            raise DoesNotWork(f"{dumps[0]} is not complete: {failure}") from failure
        if "Kernel panic - not syncing: sysrq triggered crash" not in said:
            raise DoesNotWork(f"{dumps[0]} does not have the panic's messages")


def _read_all(vmcore: Path) -> None:
    file = KdumpFile(vmcore)
    assert not file.incomplete and file.offsets, "marked as incomplete"
    for pfn in file.offsets:
        file.page(pfn)
    file.close()


def capturer_named(name: str, directory: Path, append: str) -> Capturer:
    """KDUMP_TOOLS, or crashdump on one of PLATFORMS; `append` is for the command line of crashdump's capture kernel."""
    return KdumpTools.install(directory) if name == KDUMP_TOOLS else Crashdump.build(name, directory, append)
