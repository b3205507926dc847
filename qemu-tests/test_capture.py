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
from machine.product import CRASHKERNEL, DUMPS, Product, build_product_disk
from machine.ranges import copy_image, differing_ranges, hash_ranges, subtract_ranges
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
    """A crash with the swap in use: what is recovered is the memory as QEMU shows it from outside, and only the arming's places change."""
    vm, product = rig.vm, rig.product
    before, after = tmp_path / "before.img", tmp_path / "after.img"
    arming = product.arm()
    workload.fill_swap(vm, 64)
    iomem = vm.must("cat /proc/iomem")
    vm.must("sync")
    vm.hold_stages("start", "reboot")
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

    # The swap is used again before recover runs, which changes nothing of it, nor of anything else but /var.
    workload.fill_swap(vm, 64)
    assert workload.verify_swapped(vm)
    untouched = [arming.region, (rig.disk.data.offset, rig.disk.data.end), (0, rig.disk.var.offset)]
    digest = hash_ranges(rig.disk.path, untouched)
    assert ": complete, messages and" in product.command("recover --no-load", timeout=300)
    assert hash_ranges(rig.disk.path, untouched) == digest
    assert workload.verify_swapped(vm)

    [name] = product.dumps()
    vm.must("sync")
    vm.kill()
    check_memory(rig, name, memory, iomem, tmp_path)
    check_files(rig, name)


def test_prepare_and_undo(rig: Rig, tmp_path: Path) -> None:
    """prepare changes the region and four bytes of the header; undo gives the header back to the bit."""
    vm, product = rig.vm, rig.product
    before, after = tmp_path / "before.img", tmp_path / "after.img"
    product.configure()
    copy_image(rig.disk.path, before)
    product.command(f"prepare --swap {product.swap_uuid}")
    copy_image(rig.disk.path, after)
    var = (rig.disk.var.offset, rig.disk.var.end)
    last_page = (rig.disk.swap.offset + 1028, rig.disk.swap.offset + 1032)
    region = product.load().region
    assert region[1] == rig.disk.swap.end
    changed = subtract_ranges(differing_ranges(before, after), [var])
    assert any(last_page[0] <= begin < last_page[1] for begin, _ in changed)
    assert any(region[0] <= begin < region[1] for begin, _ in changed)
    assert subtract_ranges(changed, [last_page, region]) == []
    product.command(f"prepare --swap {product.swap_uuid} --undo")
    copy_image(rig.disk.path, after)
    assert subtract_ranges(differing_ranges(before, after), [var, region]) == []
    assert vm.must("cat /sys/kernel/kexec_crash_loaded") == "0\n"
    vm.must("swapon /dev/vda2 && grep -q '^/dev/vda2 ' /proc/swaps && swapoff /dev/vda2")


def test_two_crashes_in_one_boot_and_nobody_else_sees_them(rig: Rig) -> None:
    """Crash, recover, which arms again, crash in the same boot. Two dumps, each with its own marker in the log; none is visible to a user."""
    vm, product = rig.vm, rig.product
    product.arm()
    check_privacy(rig)
    for marker in ("first-crash-marker", "second-crash-marker"):
        vm.must(f"echo {marker} >/dev/kmsg")
        capture(rig)
        product.command("recover", timeout=300)
        product.command("status")
    assert len(product.dumps()) == 2
    for name, marker, other in zip(product.dumps(), ("first", "second"), ("second", "first")):
        messages = vm.must(f"cat {DUMPS}/{name}/dmesg.txt")
        assert f"{marker}-crash-marker" in messages and f"{other}-crash-marker" not in messages
    check_privacy(rig)
    # Nothing is left to do, and the machine stays armed.
    assert product.command("recover") == ""
    product.command("status")


def test_second_crash_before_the_first_is_recovered(rig: Rig) -> None:
    """Both are recovered, the second in what the first has left of the region."""
    vm, product = rig.vm, rig.product
    first = product.arm()
    for marker in ("first-crash-marker", "second-crash-marker"):
        vm.must(f"echo {marker} >/dev/kmsg")
        capture(rig)
        second = product.load()
    assert second.slot != first.slot and subtract_ranges([second.extent], [first.extent]) == []
    product.command("recover", timeout=300)
    assert len(product.dumps()) == 2
    logs = [vm.must(f"cat {DUMPS}/{name}/dmesg.txt") for name in product.dumps()]
    assert ["first-crash-marker" in log for log in logs] == [True, False]
    assert ["second-crash-marker" in log for log in logs] == [False, True]


def check_privacy(rig: Rig) -> None:
    for path in ("/var/crash/kernel", "/var/lib/crashdump"):
        for script in (f"ls {path}", f"stat {path}/dumps {path}/keys", f"cat {path}/dumps/*/dmesg.txt {path}/keys/*"):
            assert rig.vm.run(script, user="nobody").status != 0


def check_memory(rig: Rig, name: str, memory: Path, iomem: str, tmp_path: Path) -> None:
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
