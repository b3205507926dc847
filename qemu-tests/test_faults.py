# SPDX-License-Identifier: GPL-2.0-or-later
# What goes wrong with disk or machine while a dump is written. Whatever it is: the machine reboots by itself, no byte outside this arming's
# places has changed, messages that were reported safe are recovered, and the swap is used again.

import re
import time
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from harm import OutsideTarget, require
from machine import faults
from machine.armed import ArmedMachine
from machine.disk import MIB, Disk
from machine.drive import Drive
from machine.kernel import Kernel
from machine.product import CRASHKERNEL, Arming, build_product_disk
from machine.ranges import copy_image, differing_ranges
from machine.rig import MEMORY_MIB, Rig
from machine.vm import Vm, VmConfig
from observed_crash import ObservedCrash, crash, recover, wait_for_status_line
from recovered import RecoveredDump

_SLOW = pytest.mark.slow
# Short enough for a test, and long enough for an emulated disk that works.
_DEADLINES = "crashdump.stall=10 crashdump.linger=1 crashdump.device_wait=6"

# How attempts end.
_NOT_FOUND = "looking for the swap .*: the target has not appeared .*"
_HANGS = r"no progress for 10 s \(and it cannot be killed: it hangs in the kernel\)"
_KILLED = "the capture program was ended by signal 9"


@pytest.fixture(scope="module")
def armed(module_directory: Path, kernel: Any, guest_initramfs: Path, pristine_disk: Disk, product_disk: Path) -> ArmedMachine:
    disk = pristine_disk.at(module_directory / "disk.img")
    copy_image(pristine_disk.path, disk.path)
    config = VmConfig(
        kernel=kernel.vmlinuz,
        initramfs=guest_initramfs,
        drives=[Drive("disk0", disk.path, serial="DISK0"), Drive("tools", product_disk, serial="tools", read_only=True)],
        command_line=f"{CRASHKERNEL} {_DEADLINES}",
        memory_mib=MEMORY_MIB,
        stages=True,
    )
    return ArmedMachine.save(config, disk, module_directory, append="unknown_nmi_panic sysrq_always_enabled")


@pytest.fixture
def going_on(armed: ArmedMachine, test_directory: Path) -> Iterator[Rig]:
    """The armed machine, before its panic."""
    rig = armed.go_on(test_directory)
    yield rig
    rig.vm.kill()


@pytest.fixture
def make_hotplug_rig(make_rig: Callable[..., Rig], all_drives_initramfs: Path) -> Callable[[str], Rig]:
    """make_hotplug_rig(interface): a machine that has booted, with a disk that can be unplugged."""

    def make(interface: str) -> Rig:
        rig = make_rig(interface=interface, hotplug=True, initramfs=all_drives_initramfs, command_line=f"{CRASHKERNEL} {_DEADLINES}")
        rig.boot()
        return rig

    return make


@pytest.mark.parametrize("interface", [pytest.param("ahci", marks=_SLOW), "nvme", pytest.param("scsi", marks=_SLOW)])
def test_kinds_of_disks(interface: str, make_rig: Callable[..., Rig], all_drives_initramfs: Path, tmp_path: Path) -> None:
    rig = make_rig(interface=interface, initramfs=all_drives_initramfs)
    rig.boot()
    arming = rig.product.arm()
    crashed = crash(rig.vm, rig.disk, tmp_path)
    crashed.check_places(arming)
    [result] = crashed.said("result")
    assert result.startswith("complete ") and crashed.said("failed") == []
    [dump] = recover(rig.vm, rig.product, crashed)
    assert dump.info["state"] == "complete" and dump.info["vmcore"] == "present"


# The fault, and what becomes of it: how each attempt ends, and the state of what is recovered of each.
_ERRORS = [
    ("write", "start", True, ["panic messages: header: write .*: I/O error", "messages-only .*"], ["incomplete"]),
    ("write", "start", False, ["panic messages: header: write .*: I/O error"] * 2, []),
    # What was not flushed may be on the disk all the same.
    ("flush", "start", True, ["panic messages: flush: I/O error", "messages-only .*"], ["torn", "incomplete"]),
    ("flush", "start", False, ["panic messages: flush: I/O error"] * 2, ["torn", "torn"]),
    # The partition table can be read at the second try.
    ("read", "start", True, ["complete .*"], ["complete"]),
    ("read", "start", False, [_NOT_FOUND], []),
    ("write", "messages-safe", True, ["incomplete .* write .*: I/O error"], ["torn"]),
    ("write", "messages-safe", False, ["incomplete .* write .*: I/O error"], ["torn"]),
    # Without a flush before it there is no trailer, but every page.
    ("flush", "messages-safe", True, ["incomplete .* flush: I/O error"], ["torn"]),
    ("flush", "messages-safe", False, ["incomplete .* flush: I/O error"], ["torn"]),
    # Nothing is read any more.
    ("read", "messages-safe", False, ["complete .*"], ["complete"]),
]
_SHORT = ("write", "messages-safe", False)


@pytest.mark.fault("I/O errors of a disk")
@pytest.mark.parametrize(
    ("kind", "stage", "once", "ends", "states"),
    [
        pytest.param(*row, id=f"{row[0]}-{row[1]}-{'once' if row[2] else 'always'}", marks=[] if row[:3] == _SHORT else [_SLOW])
        for row in _ERRORS
    ],
)
def test_errors_of_the_disk(
    kind: str, stage: str, once: bool, ends: list[str], states: list[str], going_on: Rig, armed: ArmedMachine, tmp_path: Path
) -> None:
    fault = partial(faults.inject_errors, drive_name="disk0", kind=kind, once=once)
    crashed, dumps = run(going_on, armed.arming, tmp_path, stage, fault, partial(faults.end_errors, drive_name="disk0"))
    check(crashed, dumps, ends, states)
    # Those who look at the console have the messages that no disk has.
    shown = re.search(r"crashdump: \| .*Kernel panic - not syncing: ", going_on.vm.console.text()) is not None
    assert shown == (not crashed.messages_safe)


_ERRORS_OF_OTHERS = [
    # The drivers of these ask again.
    ("write", "start", True, ["complete .*"], ["complete"]),
    # To NVMe these are errors of the medium, with another number.
    ("write", "messages-safe", False, ["incomplete .* write .*: .*"], ["torn"]),
    ("flush", "messages-safe", False, ["incomplete .* flush: .*"], ["torn"]),
]


@pytest.mark.fault("I/O errors of a disk")
@pytest.mark.parametrize("interface", ["ahci", "nvme", "scsi"])
@pytest.mark.parametrize(
    ("kind", "stage", "once", "ends", "states"), [pytest.param(*row, id=f"{row[0]}-{row[1]}") for row in _ERRORS_OF_OTHERS]
)
@pytest.mark.slow
def test_errors_of_other_kinds_of_disks(
    interface: str,
    kind: str,
    stage: str,
    once: bool,
    ends: list[str],
    states: list[str],
    make_hotplug_rig: Callable[[str], Rig],
    tmp_path: Path,
) -> None:
    rig = make_hotplug_rig(interface)
    arming = rig.product.arm()
    fault = partial(faults.inject_errors, drive_name="disk0", kind=kind, once=once)
    crashed, dumps = run(rig, arming, tmp_path, stage, fault, partial(faults.end_errors, drive_name="disk0"))
    check(crashed, dumps, ends, states)


# Bytes from the beginning of the slot or the extent that cannot be written.
_BAD_PLACES = [
    ("header", "slot", 0, ["panic messages: header: write .*: I/O error", "messages-only .*"], ["incomplete"]),
    ("messages", "slot", 4 * 4096, ["panic messages: .*write .*: I/O error", "messages-only .*"], ["torn", "incomplete"]),
    ("first-pages", "extent", 0, ["incomplete .* write .*: I/O error"], ["torn"]),
    ("pages", "extent", 4 * MIB, ["incomplete .* write .*: I/O error"], ["torn"]),
    ("later-pages", "extent", 12 * MIB, ["incomplete .* write .*: I/O error"], ["torn"]),
    ("trailer", "slot", 2 * 4096, ["incomplete .* write .*: I/O error"], ["torn"]),
]


@pytest.mark.fault("I/O errors of a disk")
@pytest.mark.parametrize(
    ("place", "offset", "ends", "states"), [pytest.param(*row[1:], id=row[0]) for row in _BAD_PLACES]
)
@pytest.mark.slow
def test_a_place_that_cannot_be_written(
    place: str, offset: int, ends: list[str], states: list[str], going_on: Rig, armed: ArmedMachine, tmp_path: Path
) -> None:
    begin, _ = getattr(armed.arming, place)
    fault = partial(faults.inject_errors, drive_name="disk0", kind="write", once=False, offset=begin + offset)
    crashed, dumps = run(going_on, armed.arming, tmp_path, "start", fault, partial(faults.end_errors, drive_name="disk0"))
    check(crashed, dumps, ends, states)


@pytest.mark.fault("disk unplugged")
@pytest.mark.parametrize(
    ("interface", "stage", "ends", "states"),
    [
        # Gone at once; the others go when their drivers have let go of them.
        pytest.param("scsi", "messages-safe", ["incomplete .* write .*: .*"], ["torn"], id="scsi"),
        pytest.param("scsi", "start", [_NOT_FOUND], [], marks=_SLOW, id="scsi-before"),
        pytest.param("virtio", "messages-safe", ["incomplete .* write .*: .*"], ["torn"], marks=_SLOW, id="virtio"),
        pytest.param("nvme", "messages-safe", ["incomplete .* write .*: .*"], ["torn"], marks=_SLOW, id="nvme"),
    ],
)
def test_a_disk_that_is_unplugged(
    interface: str, stage: str, ends: list[str], states: list[str], make_hotplug_rig: Callable[[str], Rig], tmp_path: Path
) -> None:
    """It is back in the next boot."""
    rig = make_hotplug_rig(interface)
    arming = rig.product.arm()
    unplug, plug = partial(faults.unplug, drive_name="disk0"), partial(faults.plug, drive_name="disk0")
    crashed, dumps = run(rig, arming, tmp_path, stage, unplug, plug)
    check(crashed, dumps, ends, states)


@pytest.mark.fault("disk hangs")
@pytest.mark.parametrize(
    ("stage", "writes_only", "states"),
    [
        pytest.param("messages-safe", False, ["torn"], id="after-messages-safe"),
        # The write that hangs is carried out in the reboot, at last.
        pytest.param("start", True, ["torn"], id="the-first-write"),
        # Every deadline there is, one after the other: loading the drivers, the capture program, reboot(2).
        pytest.param("start", False, [], id="everything"),
    ],
)
@pytest.mark.slow
def test_a_disk_that_hangs(
    stage: str, writes_only: bool, states: list[str], going_on: Rig, armed: ArmedMachine, tmp_path: Path
) -> None:
    fault = partial(faults.hang, drive_name="disk0", writes_only=writes_only)
    crashed, dumps = run(going_on, armed.arming, tmp_path, stage, fault, partial(faults.end_hang, drive_name="disk0"))
    check(crashed, dumps, [_HANGS], states)


# Not AHCI: QEMU resets a port only when the last request has come to its end, and stands still until then.
@pytest.mark.fault("disk hangs")
@pytest.mark.parametrize("interface", ["nvme", "scsi"])
@pytest.mark.slow
def test_a_disk_that_hangs_until_its_driver_resets_it(interface: str, make_hotplug_rig: Callable[[str], Rig], tmp_path: Path) -> None:
    """These drivers have deadlines of their own, longer than ours, and may delay the reboot."""
    rig = make_hotplug_rig(interface)
    arming = rig.product.arm()
    hang, end = partial(faults.hang, drive_name="disk0"), partial(faults.end_hang, drive_name="disk0")
    crashed, dumps = run(rig, arming, tmp_path, "messages-safe", hang, end)
    check(crashed, dumps, [_HANGS], ["torn"])


@pytest.mark.fault("panic of the capture kernel")
@pytest.mark.parametrize(("stage", "states"), [("start", []), ("messages-safe", ["torn"])], ids=["start", "messages-safe"])
@pytest.mark.slow
def test_a_panic_of_the_capture_kernel(stage: str, states: list[str], going_on: Rig, armed: ArmedMachine, tmp_path: Path) -> None:
    crashed, dumps = run(going_on, armed.arming, tmp_path, stage, faults.interrupt)
    check(crashed, dumps, [], states)
    # It was not init that rebooted.
    assert "stage reboot" not in crashed.lines


@pytest.mark.fault("capture program killed or hung")
@pytest.mark.slow
def test_the_capture_program_is_killed_when_messages_are_safe(going_on: Rig, armed: ArmedMachine, tmp_path: Path) -> None:
    crashed, dumps = run(going_on, armed.arming, tmp_path, "messages-safe", faults.kill_for_memory)
    check(crashed, dumps, [_KILLED], ["torn"])


@pytest.mark.fault("capture program killed or hung")
@pytest.mark.slow
def test_the_capture_program_is_killed_before(make_hotplug_rig: Callable[[str], Rig], tmp_path: Path) -> None:
    """While it looks for its disk, which is not there yet; the second attempt finds it."""
    rig = make_hotplug_rig("scsi")
    rig.product.configure(append="sysrq_always_enabled")
    arming = rig.product.arm()

    def kill_and_plug(vm: Vm) -> None:
        wait_for_status_line(vm, "capture stage target")
        faults.kill_for_memory(vm)
        wait_for_status_line(vm, "attempt 2")
        faults.plug(vm, "disk0")

    crashed = crash(rig.vm, rig.disk, tmp_path, at_start=partial(faults.unplug, drive_name="disk0"), meanwhile=kill_and_plug)
    crashed.check_places(arming)
    check(crashed, recover(rig.vm, rig.product, crashed), [_KILLED, "messages-only .*"], ["incomplete"])


@pytest.mark.fault("capture program killed or hung")
@pytest.mark.slow
def test_the_capture_program_hangs_in_its_first_attempt(make_hotplug_rig: Callable[[str], Rig], tmp_path: Path) -> None:
    """It waits for its disk for longer than it may be silent."""
    rig = make_hotplug_rig("scsi")
    rig.product.configure(append="crashdump.device_wait=600")
    arming = rig.product.arm()

    def plug_later(vm: Vm) -> None:
        wait_for_status_line(vm, "attempt 2")
        faults.plug(vm, "disk0")

    crashed = crash(rig.vm, rig.disk, tmp_path, at_start=partial(faults.unplug, drive_name="disk0"), meanwhile=plug_later)
    crashed.check_places(arming)
    check(crashed, recover(rig.vm, rig.product, crashed), ["no progress for 10 s", "messages-only .*"], ["incomplete"])


@pytest.mark.fault("capture program that spins")
@pytest.mark.slow
@pytest.mark.parametrize(
    ("loop", "option", "ends"),
    [
        (":", "", ["no progress for 10 s", "no progress for 10 s"]),
        ("echo note again >&3", "crashdump.timeout=20", ["the time set by crashdump.timeout is over"]),
        ("memory=${memory:-word}$memory", "", 2 * ["the capture program (was ended by signal 9|ended with status .*)"]),
    ],
    ids=["silently", "talking", "taking-all-memory"],
)
def test_a_capture_program_that_spins(
    loop: str, option: str, ends: list[str], make_rig: Callable[..., Rig], kernel: Kernel, tmp_path: Path
) -> None:
    spinning = f"#!/bin/busybox sh\nwhile :; do {loop}; done\n"
    tools = build_product_disk(tmp_path / "tools.img", kernel, programs={"bin/crashdump-capture": spinning.encode()})
    rig = make_rig(tools=tools)
    rig.boot()
    rig.product.configure(append=f"{_DEADLINES} {option}")
    rig.product.arm()
    begun: list[float] = []
    crashed = crash(rig.vm, rig.disk, tmp_path, at_start=lambda vm: begun.append(time.monotonic()))
    # Twice ten seconds, or twenty; the same program is asked for the messages, which takes half a minute at most; and an emulated machine.
    assert time.monotonic() - begun[0] < 120
    assert crashed.written == []
    check(crashed, recover(rig.vm, rig.product, crashed), ends, [])


@pytest.mark.fault("host does not answer")
@pytest.mark.slow
def test_the_host_never_answers_when_messages_are_safe(make_rig: Callable[..., Rig], tmp_path: Path) -> None:
    rig = make_rig()
    rig.boot()
    rig.product.configure(append="crashdump.hold=start,messages-safe:20")
    arming = rig.product.arm()
    crashed = crash(rig.vm, rig.disk, tmp_path, at_start=lambda vm: vm.hold_stages("messages-safe"))
    crashed.check_places(arming)
    assert "hold messages-safe" in crashed.lines
    check(crashed, recover(rig.vm, rig.product, crashed), ["complete .*"], ["complete"])


@pytest.mark.fault("capture kernel without memory")
@pytest.mark.slow
def test_the_capture_kernel_has_no_memory(make_rig: Callable[..., Rig], tmp_path: Path) -> None:
    """So little that it panics before init runs: huge pages take all the rest."""
    rig = make_rig()
    rig.boot()
    vm, product = rig.vm, rig.product
    product.configure(append="hugepages=1000")
    product.arm()
    vm.must("sync; umount /var; sync")
    copy_image(rig.disk.path, tmp_path / "before.img")
    vm.pause_at_reboot()
    vm.crash()
    assert vm.wait_for_reboot_pause(timeout=120) == "guest-reset"
    changed = differing_ranges(tmp_path / "before.img", rig.disk.path)
    require(changed == [], OutsideTarget, f"changed: {changed}")
    assert vm.status_lines == []
    vm.resume_reboot()
    vm.wait_for_boot()
    product.configure()
    product.command("recover --no-load")
    assert product.dumps() == []
    product.load()


def nothing(vm: Vm) -> None:
    pass


def run(
    rig: Rig, arming: Arming, directory: Path, stage: str, fault: Callable[[Vm], None], end: Callable[[Vm], None] = nothing
) -> tuple[ObservedCrash, list[RecoveredDump]]:
    """A crash with the fault from this stage on; it ends before the next boot."""
    stages = {"at_start": fault} if stage == "start" else {"at_messages_safe": fault}
    crashed = crash(rig.vm, rig.disk, directory, before_reset=end, **stages)
    crashed.check_places(arming)
    return crashed, recover(rig.vm, rig.product, crashed)


def check(crashed: ObservedCrash, dumps: list[RecoveredDump], ends: list[str], states: list[str]) -> None:
    """How the attempts have ended, as regular expressions, and the states of what is recovered of them."""
    assert len(crashed.ends) == len(ends) and all(map(re.fullmatch, ends, crashed.ends)), crashed.ends
    assert sorted(dump.info["state"] for dump in dumps) == sorted(states)
