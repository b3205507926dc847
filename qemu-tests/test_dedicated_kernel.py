# SPDX-License-Identifier: GPL-2.0-or-later
# The dedicated capture kernel (kernel-configs/) in a small reservation: whole captures on every kind of disk, behind an IOMMU that the
# crashed kernel had on, and with a watchdog that it left running. Behind the IOMMU the distribution's kernel too.

import re
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from machine.guest_image import DISK_MODULES, WATCHDOG_MODULES, build_initramfs
from machine.kernel import Kernel
from machine.product import CRASHKERNEL
from machine.rig import Rig
from machine.vm import Vm
from observed_crash import crash, recover
from recovered import RecoveredDump

_SLOW = pytest.mark.slow
# What `make footprint` must stay below.
_DEDICATED_CRASHKERNEL = "crashkernel=40M"
_SMALLEST_CRASHKERNEL = "crashkernel=24M"
# Disks of virtio heed the IOMMU only if they are told to.
_IOMMU = ["-device", "intel-iommu,intremap=on"]
for _device in ("virtio-blk-pci", "virtio-serial-pci"):
    _IOMMU += ["-global", f"{_device}.iommu_platform=on", "-global", f"{_device}.disable-legacy=on"]

# Long enough for a capture kernel of the distribution's to boot, emulated, on a busy machine.
_WATCHDOG_SECONDS = 40
# Longer than init's timeout of the watchdog.
_HELD_SECONDS = 70


@pytest.fixture
def make_dedicated_rig(make_rig: Callable[..., Rig], dedicated_disk: Path, all_drives_initramfs: Path) -> Callable[..., Rig]:
    """make_dedicated_rig(interface=..., ...): a machine that has booted, with the dedicated kernel to be loaded."""

    def make(**options: Any) -> Rig:
        options = {"tools": dedicated_disk, "initramfs": all_drives_initramfs, "command_line": _DEDICATED_CRASHKERNEL, **options}
        rig = make_rig(**options)
        rig.boot()
        return rig

    return make


def capture(rig: Rig, directory: Path, **arguments: Any) -> RecoveredDump:
    """One crash, whole, and what is recovered of it, all of which is checked."""
    arming = rig.product.arm()
    crashed = crash(rig.vm, rig.disk, directory, **arguments)
    crashed.check_places(arming)
    assert crashed.said("failed") == []
    [result] = crashed.said("result")
    assert result.startswith("complete ")
    [dump] = recover(rig.vm, rig.product, crashed)
    assert dump.info["state"] == "complete" and dump.info["vmcore"] == "present"
    return dump


def captured_console(rig: Rig, directory: Path, **arguments: Any) -> str:
    """The same; what the capture kernel had on its console."""
    capture(rig, directory, **arguments)
    # Of the kernels that boot, only this one is not told to be quiet.
    return rig.vm.console.text().split("[    0.000000] Linux version")[-1]


@pytest.mark.parametrize("interface", ["virtio", *(pytest.param(name, marks=_SLOW) for name in ("ahci", "nvme", "scsi"))])
def test_kinds_of_disks(interface: str, make_dedicated_rig: Callable[..., Rig], tmp_path: Path) -> None:
    said = captured_console(make_dedicated_rig(interface=interface), tmp_path)
    assert "-crashdump " in said
    # No driver has taken /dev/watchdog from that of the chip set.
    assert "iTCO_wdt: initialized" in said or "iTCO_wdt.0.auto: initialized" in said
    assert "legacy watchdog" not in said


@_SLOW
@pytest.mark.parametrize(("option", "level"), [("", 1), ("crashdump.compression_level=19", 19)], ids=["usual", "no-room"])
def test_smallest_reservation(option: str, level: int, make_dedicated_rig: Callable[..., Rig], tmp_path: Path) -> None:
    """Where there is no room for the level that is asked for, a lower one does."""
    dump = capture(make_dedicated_rig(command_line=f"{_SMALLEST_CRASHKERNEL} {option}"), tmp_path)
    [used] = {int(entry.split(":")[0]) for entry in dump.facts("capture")["compression_levels"].split()}
    print(f"level {used}")
    assert used == 1 if level == 1 else 1 <= used < level


@pytest.mark.parametrize("interface", ["ahci", *(pytest.param(name, marks=_SLOW) for name in ("virtio", "nvme"))])
@pytest.mark.parametrize("capture_kernel", ["dedicated", pytest.param("distribution", marks=_SLOW)])
def test_behind_an_iommu(
    capture_kernel: str, interface: str, make_dedicated_rig: Callable[..., Rig], product_disk: Path, tmp_path: Path
) -> None:
    rig = make_dedicated_rig(interface=interface, extra_arguments=_IOMMU, **others_for(capture_kernel, product_disk))
    # The disk's DMA and the interrupts of the kernel that crashes go through it.
    assert "DMAR-IR: Enabled IRQ remapping" in rig.vm.must("dmesg")
    find = "for partition in /sys/class/block/*; do grep -qx PARTNAME=swap $partition/uevent && realpath $partition; done; :"
    [device] = rig.vm.must(find).split()
    controller = re.sub(r"(/0000:[0-9a-f:.]+)/.*", r"\1", device)
    assert rig.vm.must(f"cat {controller}/iommu_group/type").startswith("DMA")
    said = captured_console(rig, tmp_path)
    assert ("-crashdump " in said) == (capture_kernel == "dedicated")
    assert "DMAR: Translation already enabled - trying to copy translation structures" in said


@pytest.fixture(scope="session")
def watchdog_initramfs(kernel: Kernel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("watchdog") / "guest.cpio"
    build_initramfs(output, kernel, [*DISK_MODULES, *WATCHDOG_MODULES])
    return output


@_SLOW
@pytest.mark.parametrize("arguments", [[], _IOMMU], ids=["", "iommu"])
@pytest.mark.parametrize("capture_kernel", ["dedicated", "distribution"])
def test_a_watchdog_that_the_crashed_kernel_left_running(
    capture_kernel: str,
    arguments: list[str],
    make_dedicated_rig: Callable[..., Rig],
    watchdog_initramfs: Path,
    product_disk: Path,
    tmp_path: Path,
) -> None:
    machine = {"watchdog": True, "initramfs": watchdog_initramfs, "extra_arguments": arguments}
    rig = make_dedicated_rig(**machine, **others_for(capture_kernel, product_disk))
    start_watchdog(rig.vm)
    said = captured_console(rig, tmp_path, at_start=lambda vm: time.sleep(_HELD_SECONDS))
    assert ("-crashdump " in said) == (capture_kernel == "dedicated")
    assert "i6300ESB timer" in said
    assert ("DMAR-IR: Enabled IRQ remapping" in said) == bool(arguments)


@_SLOW
def test_a_watchdog_that_nobody_feeds(make_dedicated_rig: Callable[..., Rig], watchdog_initramfs: Path, product_disk: Path) -> None:
    """The same with a capture kernel that does not drive it: the machine is reset in the middle of the capture."""
    rig = make_dedicated_rig(watchdog=True, initramfs=watchdog_initramfs, **others_for("distribution", product_disk))
    rig.product.configure(append="module_blacklist=i6300esb")
    start_watchdog(rig.vm)
    rig.product.arm()
    rig.vm.hold_stages("start")
    rig.vm.crash()
    rig.vm.wait_for_stage("start", timeout=60)
    rig.vm.wait_for_reset(timeout=60)
    assert rig.vm.status_lines[-1] == "hold start"


def others_for(capture_kernel: str, product_disk: Path) -> dict[str, Any]:
    """What is different about a machine that loads the distribution's kernel."""
    return {"tools": product_disk, "command_line": CRASHKERNEL} if capture_kernel == "distribution" else {}


def start_watchdog(vm: Vm) -> None:
    """Someone feeds it in the guest, up to the panic."""
    vm.must(f"watchdog -T {_WATCHDOG_SECONDS} -t 1 /dev/watchdog")
