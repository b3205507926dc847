# SPDX-License-Identifier: GPL-2.0-or-later
# Messages that can be written to no disk: in the machine's own memory, where the next boot finds them.

from pathlib import Path
from typing import Callable

import pytest

from machine.firmware import uefi_options
from machine.guest_image import DISK_MODULES, build_initramfs
from machine.kernel import Kernel
from machine.product import build_product_disk
from machine.rig import Rig

_PANIC = "Kernel panic - not syncing: sysrq triggered crash"


@pytest.mark.slow
def test_the_machines_own_memory_keeps_what_no_disk_can(make_rig: Callable[..., Rig], test_directory: Path) -> None:
    memory = (test_directory / "erst").resolve()
    rig = make_rig(
        extra_arguments=[
            *("-object", f"memory-backend-file,id=erst,mem-path={memory},size=65536,share=on"),
            *("-device", "acpi-erst,memdev=erst"),
        ]
    )
    crash_without_a_disk(rig, "erst")


@pytest.mark.slow
def test_variables_of_uefi_do_too(make_rig: Callable[..., Rig], kernel: Kernel, test_directory: Path, tmp_path: Path) -> None:
    initramfs = test_directory / "guest.cpio"
    build_initramfs(initramfs, kernel, [*DISK_MODULES, "efi_pstore"])
    tools = build_product_disk(tmp_path / "tools.img", kernel, packed=["--module", "efi_pstore"])
    rig = make_rig(tools=tools, initramfs=initramfs, **uefi_options(test_directory))
    crash_without_a_disk(rig, "efi")


def crash_without_a_disk(rig: Rig, backend: str) -> None:
    """Whose messages the next boot finds in that memory."""
    rig.boot()
    vm = rig.vm
    rig.product.configure(append="crashdump.pstore crashdump.linger=1")
    rig.product.arm()
    vm.must("mkdir -p /mnt/pstore && mount -t pstore pstore /mnt/pstore && [ -z \"$(ls /mnt/pstore)\" ]")
    # Another swap's header: the disk is not what it was, and nothing may be written to it.
    vm.must("sync")
    rig.disk.write(rig.disk.swap.offset + 1024, bytes(64))
    vm.crash()
    vm.wait_for_stage("reboot", timeout=180)
    assert f"pstore {backend}" in vm.status_lines, vm.status_lines
    vm.wait_for_boot()
    vm.must("mkdir -p /mnt/pstore && mount -t pstore pstore /mnt/pstore")
    kept = vm.must(f"cat /mnt/pstore/dmesg-{backend}-*")
    print(kept)
    assert "crashed: " in kept and _PANIC in kept
    # Only root may look.
    assert vm.run(f"cat /mnt/pstore/dmesg-{backend}-*", user="nobody").status != 0
