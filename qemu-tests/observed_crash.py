# SPDX-License-Identifier: GPL-2.0-or-later
# One panic with a fault in the middle of its capture, watched from outside up to the reboot, and what is recovered in the next boot.

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

from machine.disk import Disk
from machine.product import Arming, Product
from machine.ranges import Range, copy_image, differing_ranges, subtract_ranges
from machine.vm import Vm
from recovered import RecoveredDump

_SWAP_ON = """
for entry in /sys/class/block/*; do
	if grep -qx PARTNAME=swap $entry/uevent; then device=/dev/${entry##*/}; fi
done
swapon $device && grep -q "^$device " /proc/swaps && swapoff $device
"""


def nothing(vm: Vm) -> None:
    pass


@dataclass(frozen=True)
class ObservedCrash:
    """`written`: what of the disk has changed while the capture kernel ran; `lines`: what came over its status port."""

    written: list[Range]
    lines: list[str]
    dmesg: str  # of the kernel that crashed, right before

    def said(self, word: str) -> list[str]:
        """What the capture program has said in lines that begin with the word."""
        return [line.removeprefix(f"capture {word} ") for line in self.lines if line.startswith(f"capture {word} ")]

    @property
    def ends(self) -> list[str]:
        """How each attempt has ended."""
        return [line.removeprefix(f"ended {number} ") for number in (1, 2) for line in self.lines if line.startswith(f"ended {number} ")]

    @property
    def messages_safe(self) -> bool:
        return "stage messages-safe" in self.lines

    def check_places(self, arming: Arming) -> None:
        assert subtract_ranges(self.written, [arming.slot, arming.extent]) == []


def crash(
    vm: Vm,
    disk: Disk,
    directory: Path,
    *,
    at_start: Callable[[Vm], None] = nothing,
    meanwhile: Callable[[Vm], None] = nothing,
    at_messages_safe: Optional[Callable[[Vm], None]] = None,
    before_reset: Callable[[Vm], None] = nothing,
    timeout: float = 240,
) -> ObservedCrash:
    """Panics, does `at_start` before the capture initramfs has loaded any driver, `meanwhile` when it goes on, and `at_messages_safe` when
    it has reported this; the rest is the machine's own doing. Returns in the reboot, when `before_reset` is done: wait_for_boot() comes next."""
    dmesg = vm.must("dmesg")
    vm.hold_stages("start", *(["messages-safe"] if at_messages_safe else []))
    vm.crash()
    vm.wait_for_stage("start", timeout=180)
    vm.stop()
    before, after = directory / "before.img", directory / "after.img"
    copy_image(disk.path, before)
    vm.cont()
    vm.pause_at_reboot()
    at_start(vm)
    vm.release_stage()
    meanwhile(vm)
    if at_messages_safe:
        vm.wait_for_stage("messages-safe", timeout=180)
        at_messages_safe(vm)
        vm.release_stage()
    # Nobody but its own software resets the machine.
    assert vm.wait_for_reboot_pause(timeout) == "guest-reset"
    lines = vm.status_lines
    copy_image(disk.path, after)
    before_reset(vm)
    vm.hold_stages()
    vm.resume_reboot()
    return ObservedCrash(differing_ranges(before, after), lines, dmesg)


def recover(vm: Vm, product: Product, crashed: ObservedCrash) -> list[RecoveredDump]:
    """In the boot after the crash: the swap can be used, and what there is of each attempt is recovered and read from the disk. The machine
    is off then. Whatever was reported safe is there, and no messages are others than the kernel's."""
    vm.wait_for_boot()
    product.configure()
    vm.must(_SWAP_ON)
    product.command("recover --no-load", timeout=300)
    vm.must(_SWAP_ON)
    names = product.dumps()
    vm.must("sync")
    console = vm.console.text()
    vm.kill()
    dumps = [RecoveredDump.read(product.disk, name) for name in names]
    for dump in dumps:
        dump.check_messages(console)
        before = _texts(crashed.dmesg)
        assert len(before) > 100 and _texts(dump.messages)[: len(before)] == before
    assert dumps or not crashed.messages_safe
    return dumps


def wait_for_status_line(vm: Vm, line: str, timeout: float = 60) -> None:
    deadline = time.monotonic() + timeout
    while line not in vm.status_lines:
        assert time.monotonic() < deadline, f"no line '{line}' on the status port"
        time.sleep(0.02)


def _texts(messages: str) -> list[str]:
    """The lines without their times. Of a record of several lines, the kernel puts the time before each, the recovered messages do not."""
    return [re.sub(r"^\[ *[0-9.]+\] ", "", line).strip() for line in messages.splitlines()]
