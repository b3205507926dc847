# SPDX-License-Identifier: GPL-2.0-or-later
# What the host does to the disks between a successful load and the panic. Every case goes on from the same armed machine, whose state
# was saved once, with copies of its disks: nothing may be written, and the reason is one clear line, unless the disk is what it was.

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from harm import OutsideTarget, require
from machine.disk import MIB, SWAP_UUID, Disk, make_ext4, make_swap, move_swap
from machine.drive import Drive
from machine.product import CRASHKERNEL, Arming, Product
from machine.ranges import Range, copy_image, differing_ranges, subtract_ranges
from machine.rig import MEMORY_MIB
from machine.vm import Vm, VmConfig

_OTHER_UUID = "5ac1f3d0-00ff-4000-8000-0000000000ff"
_LAST_PAGE = 1028  # in the swap header, as the UUID and the magic
_UUID = 1036
_MAGIC = 4086


@dataclass(frozen=True)
class Armed:
    """A machine that is armed and has not panicked. Its second disk is empty, and as large as the first."""

    config: VmConfig
    tools: Path
    disk: Disk
    twin: Path
    arming: Arming

    def go_on(self, directory: Path, change: Callable[[Disk, Arming], object], serials: tuple[str, str] = ("DISK0", "DISK1")) -> Vm:
        """The machine with copies of its disks in `directory`, changed while it is off; to be started."""
        disk = self.disk.at(directory / "disk.img")
        copy_image(self.disk.path, disk.path)
        copy_image(self.twin, directory / "twin.img")
        change(disk, self.arming)
        drives = _drives(disk.path, directory / "twin.img", self.tools, serials)
        return Vm(replace(self.config, drives=drives), directory)


def _drives(disk: Path, twin: Path, tools: Path, serials: tuple[str, str] = ("DISK0", "DISK1")) -> list[Drive]:
    return [
        Drive("disk0", disk, serial=serials[0]),
        Drive("tools", tools, serial="tools", read_only=True),
        Drive("disk1", twin, serial=serials[1]),
    ]


@pytest.fixture(scope="module")
def armed(module_directory: Path, kernel: Any, guest_initramfs: Path, pristine_disk: Disk, product_disk: Path) -> Iterator[Armed]:
    disk = pristine_disk.at(module_directory / "disk.img")
    copy_image(pristine_disk.path, disk.path)
    twin = module_directory / "twin.img"
    twin.touch()
    os.truncate(twin, disk.size)
    config = VmConfig(
        kernel=kernel.vmlinuz,
        initramfs=guest_initramfs,
        drives=_drives(disk.path, twin, product_disk),
        command_line=f"{CRASHKERNEL} crashdump.linger=1 crashdump.device_wait=6",
        memory_mib=MEMORY_MIB,
        stages=True,
    )
    state = module_directory / "state"
    with Vm(config, module_directory) as vm:
        vm.boot()
        product = Product(vm, disk)
        product.configure()
        arming = product.arm()
        vm.must("sync")
        vm.save_state(state)
    yield Armed(replace(config, incoming=state), product_disk, disk, twin, arming)


def unchanged(disk: Disk, arming: Arming) -> None:
    pass


def wrong_uuid(disk: Disk, arming: Arming) -> None:
    disk.flip_bit(disk.swap.offset + _UUID + 15)


def mkswap_again(disk: Disk, arming: Arming) -> None:
    make_swap(disk.path, disk.swap, _OTHER_UUID)


def last_page_raised(disk: Disk, arming: Arming) -> None:
    place = disk.swap.offset + _LAST_PAGE
    disk.write(place, (int.from_bytes(disk.read(place, 4), "little") + 1).to_bytes(4, "little"))


def suspended(disk: Disk, arming: Arming) -> None:
    disk.write(disk.swap.offset + _MAGIC, b"S1SUSPEND\0")


def file_system(disk: Disk, arming: Arming) -> None:
    make_ext4(disk.path, disk.swap, _OTHER_UUID, None)


def start_stamp(disk: Disk, arming: Arming) -> None:
    disk.flip_bit(arming.region[0] + 2000, 3)


def end_stamp(disk: Disk, arming: Arming) -> None:
    disk.flip_bit(arming.region[1] - 2 * MIB - 1, 7)


def header_of_its_own(disk: Disk, arming: Arming) -> None:
    disk.flip_bit(arming.slot[0])


def trailer_of_another(disk: Disk, arming: Arming) -> None:
    # The last slot's second attempt: the trailer's last byte.
    last_slot = arming.region[1] - 2 * MIB - 4096 - MIB
    assert last_slot != arming.slot[0]
    disk.flip_bit(last_slot + 4 * 4096 - 1, 6)


def partition_moved(disk: Disk, arming: Arming) -> None:
    move_swap(disk, MIB)


def larger_disk(disk: Disk, arming: Arming) -> None:
    os.truncate(disk.path, disk.size + MIB)


_NOT_FOUND = rf"looking for the swap {SWAP_UUID}: the target has not appeared after \d+ ms; block devices seen: vda .*vda2 .*"
_HASH = r"has changed since load: hash is [0-9a-f]{16}, recorded was [0-9a-f]{16}"


_CHANGES = [
    (wrong_uuid, _NOT_FOUND),
    (mkswap_again, _NOT_FOUND),
    (last_page_raised, r"vda2: last_page of the swap is (\d+), recorded was (\d+)"),
    (suspended, r"vda2: a hibernation image may be on it: suspend signature S1SUSPEND at byte 4086"),
    (file_system, _NOT_FOUND),
    (start_stamp, rf"vda2: start stamp {_HASH}"),
    (end_stamp, rf"vda2: end stamp {_HASH}"),
    (header_of_its_own, rf"vda2: header or trailer of slot 0, attempt 1 {_HASH}"),
    (trailer_of_another, rf"vda2: header or trailer of slot 7, attempt 2 {_HASH}"),
    (partition_moved, r"vda2: start sector is 2101248, recorded was 2099200"),
    (larger_disk, r"vda2: size of the whole disk is \d+, recorded was \d+"),
]


@pytest.mark.fault("disk changed between load and crash")
@pytest.mark.parametrize(("change", "reason"), _CHANGES, ids=[change.__name__ for change, _ in _CHANGES])
def test_nothing_is_written_after(
    change: Callable[[Disk, Arming], object], reason: str, armed: Armed, test_directory: Path, tmp_path: Path
) -> None:
    with armed.go_on(test_directory, change) as vm:
        resume(vm)
        check_untouched(capture(vm, tmp_path))
        check_refusal(vm, reason)


def test_control_an_unchanged_disk_is_written(armed: Armed, test_directory: Path, tmp_path: Path) -> None:
    """Without this the others could pass because nothing works."""
    with armed.go_on(test_directory, unchanged) as vm:
        resume(vm)
        disk, twin = capture(vm, tmp_path)
        check_capture(vm, armed.arming, disk)
        check_untouched([twin])


@pytest.mark.fault("disks exchanged between load and crash")
def test_two_disks_that_have_changed_places(armed: Armed, test_directory: Path, tmp_path: Path) -> None:
    """The name that the disk had is that of another one now."""
    with armed.go_on(test_directory, change_places, serials=("DISK1", "DISK0")) as vm:
        resume(vm)
        other, disk = capture(vm, tmp_path)
        check_capture(vm, armed.arming, disk)
        check_untouched([other])


@pytest.mark.fault("disks exchanged between load and crash")
@pytest.mark.slow
def test_two_disks_that_have_exchanged_their_serials(armed: Armed, test_directory: Path, tmp_path: Path) -> None:
    """The UUID is where the serial is not."""
    with armed.go_on(test_directory, unchanged, serials=("DISK1", "DISK0")) as vm:
        resume(vm)
        check_untouched(capture(vm, tmp_path))
        check_refusal(vm, "vda2: serial is DISK1, recorded was DISK0")


@pytest.mark.fault("disks exchanged between load and crash")
def test_of_equal_disks_the_one_with_the_recorded_serial_is_written(armed: Armed, test_directory: Path, tmp_path: Path) -> None:
    with armed.go_on(test_directory, make_twin) as vm:
        resume(vm)
        disk, twin = capture(vm, tmp_path)
        check_capture(vm, armed.arming, disk)
        check_untouched([twin])


@pytest.mark.fault("disks exchanged between load and crash")
def test_equal_disks_with_equal_serials_are_not_written(armed: Armed, test_directory: Path, tmp_path: Path) -> None:
    with armed.go_on(test_directory, make_twin, serials=("DISK0", "DISK0")) as vm:
        resume(vm)
        check_untouched(capture(vm, tmp_path))
        check_refusal(vm, rf"2 devices have the swap UUID {SWAP_UUID} \(vda2, vdc2\), and 2 of them the recorded serial DISK0")


@pytest.mark.fault("disks exchanged between load and crash")
def test_equal_disks_without_serials_are_not_written(armed: Armed, test_directory: Path, tmp_path: Path) -> None:
    """The disk has had no serial at load either."""
    with armed.go_on(test_directory, unchanged, serials=("", "")) as vm:
        resume(vm)
        product = Product(vm, armed.disk.at(test_directory / "disk.img"))
        arming = product.load()
        assert arming.key_id != armed.arming.key_id
        assert "serial" not in vm.must("cat /run/crashdump/armed")
        vm.must("sync")
        vm.stop()
        make_twin(product.disk, arming)
        vm.cont()
        check_untouched(capture(vm, tmp_path))
        check_refusal(vm, rf"2 devices have the swap UUID {SWAP_UUID} \(vda2, vdc2\), and no serial was recorded to tell them apart")


def make_twin(disk: Disk, arming: Arming) -> None:
    copy_image(disk.path, disk.path.with_name("twin.img"))


def change_places(disk: Disk, arming: Arming) -> None:
    twin = disk.path.with_name("twin.img")
    disk.path.rename(twin.with_suffix(".old"))
    twin.rename(disk.path)
    twin.with_suffix(".old").rename(twin)


def resume(vm: Vm) -> None:
    vm.start()
    vm.cont()
    vm.wait_for_boot()


def capture(vm: Vm, directory: Path) -> list[list[Range]]:
    """Panics, and returns when the machine has rebooted: what of each disk has changed between the capture initramfs' first line, when
    no driver of a disk is loaded, and its last."""
    disks = [drive for drive in vm.config.drives if not drive.read_only]
    vm.hold_stages("start", "reboot")
    vm.crash()
    vm.wait_for_stage("start", timeout=180)
    vm.stop()
    for drive in disks:
        copy_image(drive.path, directory / drive.name)
    vm.cont()
    vm.release_stage()
    vm.wait_for_stage("reboot", timeout=240)
    vm.stop()
    written = [differing_ranges(directory / drive.name, drive.path) for drive in disks]
    vm.cont()
    vm.release_stage()
    vm.wait_for_reset(timeout=60)
    return written


def check_untouched(written: list[list[Range]]) -> None:
    require(not any(written), OutsideTarget, f"changed: {written}")


def said(vm: Vm, word: str) -> list[str]:
    """What the capture program has said in lines that begin with the word."""
    return [line.removeprefix(f"capture {word} ") for line in vm.status_lines if line.startswith(f"capture {word} ")]


def check_refusal(vm: Vm, reason: str) -> None:
    """One line says why, no second attempt follows, and the panic messages are at least shown."""
    [failure] = said(vm, "failed")
    assert re.fullmatch(reason, failure), failure
    assert [line for line in vm.status_lines if re.match("(attempt|ended) ", line)] == ["attempt 1", f"ended 1 {failure}"]
    assert said(vm, "result") == [] and "stage messages-safe" not in vm.status_lines
    assert any("sysrq" in line for line in said(vm, "message"))


def check_capture(vm: Vm, arming: Arming, written: list[Range]) -> None:
    assert said(vm, "failed") == []
    [result] = said(vm, "result")
    assert result.startswith("complete "), result
    outside = subtract_ranges(written, [arming.slot, arming.extent])
    require(outside == [], OutsideTarget, f"changed: {outside}")
    assert sum(end - begin for begin, end in written) > MIB
