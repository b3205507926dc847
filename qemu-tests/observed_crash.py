# SPDX-License-Identifier: GPL-2.0-or-later
# One panic with a fault in the middle of its capture, watched from outside up to the reboot, and what is recovered in the next boot.

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional, Sequence

from harm import Lost, OutsideTarget, WrongBytes, require
from machine.disk import Disk
from machine.product import Arming, Product
from machine.ranges import Range, copy_image, differing_ranges, subtract_ranges
from machine.vm import Vm
from machine.vmcore import system_ram
from recovered import RecoveredDump, check_pages


def nothing(vm: Vm) -> None:
    pass


@dataclass(frozen=True)
class ObservedCrash:
    """`written`: what of the disk has changed while the capture kernel ran; `lines`: what came over its status port."""

    written: list[Range]
    lines: list[str]
    dmesg: str  # of the kernel that crashed, right before
    memory: Path  # of the machine when the capture kernel had booted
    ram: set[int]  # the page frames in it that belong to the kernel that crashed

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
        outside = subtract_ranges(self.written, [arming.slot, arming.extent])
        require(outside == [], OutsideTarget, f"changed: {outside}")


def crash(
    vm: Vm,
    disk: Disk,
    directory: Path,
    *,
    at_start: Callable[[Vm], None] = nothing,
    meanwhile: Callable[[Vm], None] = nothing,
    at_messages_safe: Optional[Callable[[Vm], None]] = None,
    before_reset: Callable[[Vm], None] = nothing,
    cpu: int = 0,
    timeout: float = 240,
) -> ObservedCrash:
    """Panics on that processor, does `at_start` before the capture initramfs has loaded any driver, `meanwhile` when it goes on, and
    `at_messages_safe` when it has reported this; the rest is the machine's own doing. Returns in the reboot, when `before_reset` is done:
    wait_for_boot() comes next."""
    dmesg = vm.must("dmesg")
    ram = set(system_ram(vm.must("cat /proc/iomem"), vm.config.architecture.page_size, dmesg))
    vm.hold_stages("start", *(["messages-safe"] if at_messages_safe else []))
    vm.crash(cpu)
    vm.wait_for_stage("start", timeout=180)
    vm.stop()
    before, after, memory = directory / "before.img", directory / "after.img", directory / "memory"
    vm.pmemsave(0, vm.config.memory_mib << 20, memory)
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
    return ObservedCrash(differing_ranges(before, after), lines, dmesg, memory, ram)


def recover(vm: Vm, product: Product, crashed: ObservedCrash, configuration: Sequence[str] = ()) -> list[RecoveredDump]:
    """In the boot after the crash, with further lines of the configuration: the swap can be used, and what there is of each attempt is
    recovered and read from the disk. The machine is off then. Whatever was reported safe is there, no messages are others than the
    kernel's, and no pages than the machine's."""
    vm.wait_for_boot()
    product.configure(*configuration)
    product.use_swap()
    product.command("recover --no-load", timeout=300)
    product.use_swap()
    names = product.dumps()
    vm.must("sync")
    console = vm.console.text()
    vm.kill()
    dumps = [RecoveredDump.read(product.disk, name) for name in names]
    memory = crashed.memory.read_bytes()
    crashed.memory.unlink()
    require(dumps != [] or not crashed.messages_safe, Lost, "the messages were safe, and nothing has been recovered")
    if dumps:
        # An attempt that failed early may have left fewer messages than the other.
        longest = max(dumps, key=lambda dump: len(dump.messages))
        longest.check_messages(console, vm.config.architecture.unshown_lines)
        before = _texts(crashed.dmesg)
        assert len(before) > 100
        require(_texts(longest.messages)[: len(before)] == before, WrongBytes, "the messages are not those of the kernel")
    for dump in dumps:
        require(longest.messages.startswith(dump.messages), WrongBytes, f"the messages of {dump.name} are others")
        check_pages(dump, product.disk, crashed.memory.parent, memory, crashed.ram, vm.config.architecture)
    return dumps


def wait_for_status_line(vm: Vm, pattern: str, timeout: float = 60) -> None:
    """A whole line that matches."""
    deadline = time.monotonic() + timeout
    while not any(re.fullmatch(pattern, line) for line in vm.status_lines):
        assert time.monotonic() < deadline, f"no line like '{pattern}' on the status port: {vm.status_lines}"
        time.sleep(0.02)


def _texts(messages: str) -> list[str]:
    """The lines without their times. Of a record of several lines, the kernel puts the time before each, the recovered messages do not."""
    return [re.sub(r"^\[ *[0-9.]+\] ", "", line).strip() for line in messages.splitlines()]
