# SPDX-License-Identifier: GPL-2.0-or-later
# What a test of the product plays with: a machine, its disk, and the product in its guest.

from dataclasses import dataclass

from machine.disk import Disk
from machine.product import DUMPS, Product
from machine.vm import Vm

# Enough for the production kernel beside the crash reservation; every further MiB makes each dump longer.
MEMORY_MIB = 512


@dataclass(frozen=True)
class Rig:
    vm: Vm
    disk: Disk
    product: Product

    def boot(self) -> None:
        self.vm.boot()
        self.product.configure()

    def crash_and_reboot(self) -> None:
        """Panics, and returns in the next boot."""
        self.vm.crash()
        self.vm.wait_for_stage("reboot", timeout=180)
        self.vm.wait_for_boot()
        self.product.configure()

    def must_recover_a_complete_dump(self) -> None:
        """In the next boot: the only dump there is."""
        self.vm.wait_for_boot()
        self.product.configure()
        self.product.command("recover --no-load", timeout=300)
        [name] = self.product.dumps()
        assert '"state": "complete"' in self.vm.must(f"cat {DUMPS}/{name}/info.json")
