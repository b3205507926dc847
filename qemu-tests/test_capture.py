# SPDX-License-Identifier: GPL-2.0-or-later
# One crash from end to end: what is recovered is what the memory was, and nothing else on the disk has changed.

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import pytest

from crash_report import parse_crash_report
from machine import workload
from machine.disk import Disk
from machine.drive import Drive
from machine.product import CRASHKERNEL, DUMPS, Arming, Product, build_product_disk
from machine.ranges import complement_ranges, copy_image, differing_ranges, hash_ranges, subtract_ranges
from machine.vm import Vm
from machine.vmcore import PAGE, ZERO_PAGE, Vmcore, system_ram

_MEMORY_MIB = 512


@dataclass
class Rig:
    vm: Vm
    disk: Disk
    product: Product
    directory: Path


@pytest.fixture(scope="session")
def product_disk(kernel: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_product_disk(tmp_path_factory.mktemp("product") / "tools.img", kernel)


@pytest.fixture
def rig(make_vm: Callable[..., Vm], pristine_disk: Disk, product_disk: Path, test_directory: Path) -> Rig:
    """A machine with an unprepared disk, booted."""
    disk = pristine_disk.at(test_directory / "disk.img")
    copy_image(pristine_disk.path, disk.path)
    drives = [Drive("disk0", disk.path, serial="DISK0"), Drive("tools", product_disk, serial="tools", read_only=True)]
    vm = make_vm(drives=drives, command_line=CRASHKERNEL, memory_mib=_MEMORY_MIB, stages=True)
    vm.boot()
    return Rig(vm, disk, Product(vm, disk), test_directory)


def capture(rig: Rig) -> None:
    """Panics, and returns in the next boot."""
    rig.vm.crash()
    rig.vm.wait_for_stage("reboot", timeout=180)
    rig.vm.wait_for_boot()
    rig.product.configure()


def test_every_byte(rig: Rig, tmp_path: Path) -> None:
    vm, product = rig.vm, rig.product
    before = tmp_path / "before.img"

    # prepare changes the region and four bytes of the swap header, undo puts the header back.
    vm.must("sync")
    copy_image(rig.disk.path, before)
    product.configure()
    product.command("prepare --swap 5ac1f3d0-0002-4000-8000-000000000002")
    swap_end = rig.disk.swap.end
    region_begin = rig.disk.swap.offset + int(vm.must("sed -n 's/^.*region_begin=//p;s/^begin=//p' /var/lib/crashdump/regions/* | head -n 1") or 0)
    header = [(rig.disk.swap.offset + 1028, rig.disk.swap.offset + 1032)]
    after = tmp_path / "after.img"
    copy_image(rig.disk.path, after)
    swap_area = [(rig.disk.swap.offset, swap_end)]
    changed = differing_ranges(before, after)
    outside_var = subtract_ranges(changed, [(rig.disk.var.offset, rig.disk.var.end)])
    assert outside_var, "prepare has written nothing"
    assert subtract_ranges(outside_var, [*header, (swap_end - (256 << 20), swap_end)]) == []
    assert subtract_ranges(outside_var, swap_area) == []
    assert region_begin >= 0

    # A crash with the swap in use.
    workload.fill_swap(vm, 64)
    arming = product.arm_prepared()
    iomem = vm.must("cat /proc/iomem")
    vm.hold_stages("start", "reboot")
    vm.must("sync")
    vm.crash()
    vm.wait_for_stage("start", timeout=120)
    vm.stop()
    memory = tmp_path / "memory"
    vm.pmemsave(0, _MEMORY_MIB << 20, memory)
    copy_image(rig.disk.path, before)
    vm.cont()
    vm.release_stage()
    vm.wait_for_stage("reboot", timeout=300)
    vm.stop()
    copy_image(rig.disk.path, after)
    vm.cont()
    written = differing_ranges(before, after)
    assert subtract_ranges(written, [arming.slot, arming.extent]) == []
    assert sum(end - begin for begin, end in written) > 1 << 20
    vm.hold_stages()
    vm.release_stage()
    vm.wait_for_boot()
    product.configure()

    # The swap is used again before recover runs.
    workload.fill_swap(vm, 64)
    assert workload.verify_swapped(vm)
    vm.must("sync")
    untouched = [arming.region, (rig.disk.data.offset, rig.disk.data.end), (0, rig.disk.var.offset)]
    digest = hash_ranges(rig.disk.path, untouched)
    output = product.command("recover --no-load", timeout=300)
    assert "complete" in output
    vm.must("sync")
    assert hash_ranges(rig.disk.path, untouched) == digest
    assert workload.verify_swapped(vm)

    [name] = product.dumps()
    check_memory(rig, name, memory, iomem, tmp_path)
    check_files(rig, name)
    assert complement_ranges([(0, 1)], 2) == [(1, 2)]


def check_memory(rig: Rig, name: str, memory: Path, iomem: str, tmp_path: Path) -> None:
    rig.vm.must("sync; umount /var")
    rig.vm.kill()
    vmcore_path = tmp_path / "vmcore"
    vmcore_path.write_bytes(rig.disk.read_var_file(f"/crash/kernel/dumps/{name}/vmcore"))
    vmcore = Vmcore(vmcore_path)
    crashed = memory.read_bytes()
    ram = set(system_ram(iomem))
    assert len(ram) > (_MEMORY_MIB - 224) * 256 * 9 // 10
    compared = 0
    for pfn in vmcore.offsets:
        if pfn in ram:
            assert vmcore.page(pfn) == crashed[pfn * PAGE : (pfn + 1) * PAGE], f"pfn {pfn:#x} differs"
            compared += 1
    missing = [pfn for pfn in ram if pfn not in vmcore.offsets and crashed[pfn * PAGE : (pfn + 1) * PAGE] != ZERO_PAGE]
    assert missing == []
    not_zero = sum(crashed[pfn * PAGE : (pfn + 1) * PAGE] != ZERO_PAGE for pfn in ram)
    assert 10000 < not_zero <= compared <= len(ram)
    print(f"{len(ram)} pages of RAM, {not_zero} of them not zero, {compared} compared, none differs, none is missing")
    vmcore.close()


def check_files(rig: Rig, name: str) -> None:
    directory = f"/crash/kernel/dumps/{name}"
    messages = rig.disk.read_var_file(f"{directory}/dmesg.txt").decode()
    assert "sysrq: Trigger a crash" in messages
    assert "Call Trace:" in messages
    assert "Kernel panic - not syncing: sysrq triggered crash" in messages
    assert messages.endswith("\n")
    info = json.loads(rig.disk.read_var_file(f"{directory}/info.json"))
    assert info["state"] == "complete" and info["vmcore"] == "present"
    peaks = [int(line.partition("=")[2]) for line in info["capture"] if line.startswith("vm_hwm_kib=")]
    assert len(peaks) == 1 and 0 < peaks[0] <= 16 * 1024
    print(f"capture's peak memory: {peaks[0]} KiB")
    report = parse_crash_report(rig.disk.read_var_file(f"/crash/linux-image-{info['release']}-{name}.crash"))
    assert report["ProblemType"] == "KernelCrash"
    assert report["VmCoreDmesg"].decode() == messages
