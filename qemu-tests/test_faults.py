# SPDX-License-Identifier: GPL-2.0-or-later
# What goes wrong with disk or machine while a dump is written. Whatever it is: the machine reboots by itself, no byte outside this arming's
# places has changed, messages that were reported safe are recovered, and the swap is used again.

from pathlib import Path
from typing import Callable

import pytest

from machine import faults
from machine.rig import Rig
from observed_crash import crash, recover

_SLOW = pytest.mark.slow


@pytest.mark.parametrize("interface", [pytest.param("ahci", marks=_SLOW), "nvme", pytest.param("scsi", marks=_SLOW)])
def test_kinds_of_disks(interface: str, make_rig: Callable[..., Rig], all_drives_initramfs: Path, tmp_path: Path) -> None:
    rig = make_rig(interface=interface, initramfs=all_drives_initramfs)
    rig.boot()
    arming = rig.product.arm()
    crashed = crash(rig.vm, rig.disk, tmp_path)
    crashed.check_places(arming)
    [result] = crashed.said("result")
    assert result.startswith("complete ") and crashed.said("failed") == []
    dump = recover(rig.vm, rig.product, crashed)
    assert dump is not None and dump.info["state"] == "complete" and dump.info["vmcore"] == "present"
