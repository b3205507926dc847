# SPDX-License-Identifier: GPL-2.0-or-later
# A machine that is armed, saved once, for many endings that each go on from there.

from dataclasses import dataclass, replace
from pathlib import Path

from machine.disk import Disk
from machine.product import Arming, Product
from machine.ranges import copy_image
from machine.rig import Rig
from machine.vm import Vm, VmConfig


@dataclass(frozen=True)
class ArmedMachine:
    """Its first drive is the disk."""

    config: VmConfig
    disk: Disk
    arming: Arming

    @staticmethod
    def save(config: VmConfig, disk: Disk, directory: Path, append: str = "") -> "ArmedMachine":
        """Boots, arms with `append` on the capture kernel's command line, and stops for good."""
        state = directory / "state"
        with Vm(config, directory) as vm:
            vm.boot()
            product = Product(vm, disk)
            product.configure(append=append)
            arming = product.arm()
            vm.must("sync")
            vm.save_state(state)
        return ArmedMachine(replace(config, incoming=state), disk, arming)

    def go_on(self, directory: Path) -> Rig:
        """The running machine, with a copy of its disk in `directory`."""
        disk = self.disk.at(directory / "disk.img")
        copy_image(self.disk.path, disk.path)
        first, *others = self.config.drives
        vm = Vm(replace(self.config, drives=[replace(first, path=disk.path), *others]), directory)
        vm.start()
        vm.cont()
        vm.wait_for_boot()
        return Rig(vm, disk, Product(vm, disk))
