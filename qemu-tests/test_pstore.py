# SPDX-License-Identifier: GPL-2.0-or-later
# Messages that can be written to no disk: in the machine's own memory, where the next boot finds them.

from pathlib import Path
from typing import Callable

import pytest

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
    assert "pstore erst" in vm.status_lines, vm.status_lines
    vm.wait_for_boot()
    vm.must("mkdir -p /mnt/pstore && mount -t pstore pstore /mnt/pstore")
    kept = vm.must("cat /mnt/pstore/dmesg-erst-*")
    print(kept)
    assert "crashed: " in kept and _PANIC in kept
    # Only root may look.
    assert vm.run("cat /mnt/pstore/dmesg-erst-*", user="nobody").status != 0
