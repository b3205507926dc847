# SPDX-License-Identifier: GPL-2.0-or-later
# What the person at the machine sees: white on brown, what crashed and what becomes of it.

import os
import re
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from machine.firmware import uefi_options
from machine.guest_image import DISK_MODULES, build_initramfs
from machine.kernel import Kernel
from machine.picture import BROWN, WHITE, Font, Picture, is_like
from machine.product import CRASHKERNEL, build_product_disk
from machine.rig import Rig
from machine.vm import Vm

_SLOW = pytest.mark.slow
_PANIC = "Kernel panic - not syncing: sysrq triggered crash"


def has_room_for_code(font: Font) -> bool:
    return font.columns >= 128


def text_with(vm: Vm, font: Font, words: str, directory: Path, timeout: float = 60) -> str:
    """What is on the screen as soon as the words are."""
    deadline = time.monotonic() + timeout
    while True:
        picture = Picture.of(vm, directory)
        if has_room_for_code(font):
            picture = picture.without_code(font.columns, font.rows)
        shares = picture.shares()
        background = next(iter(shares))
        text = font.read(picture)
        if words in text:
            # Nothing else: no border but below the last whole row, and the text takes a small part of it.
            border = picture.height % (picture.height // font.rows) / picture.height
            others = {colour: share for colour, share in shares.items() if colour != background and not is_like(colour, WHITE)}
            assert is_like(background, BROWN) and sum(others.values()) <= border, shares
            assert shares[background] > 0.75
            return text
        assert time.monotonic() < deadline, f"{words!r} is not on the screen: {shares} {text}"
        time.sleep(1)


@pytest.mark.slow
def test_the_machine_switches_itself_off(make_rig: Callable[..., Rig], dedicated_disk: Path) -> None:
    rig = make_rig(tools=dedicated_disk)
    rig.boot()
    rig.product.configure(append="crashdump.final=poweroff")
    rig.product.arm()
    rig.vm.pause_at_reboot()
    rig.vm.crash()
    assert rig.vm.wait_for_reboot_pause(timeout=180) == "guest-shutdown"
    assert any(line.startswith("capture result complete ") for line in rig.vm.status_lines)


def is_halted(registers: str) -> bool:
    """Nothing but a reset ends that: the processor waits for an interrupt, and takes none."""
    flags = re.search(r"[ER]FL=([0-9a-f]+)", registers)
    return flags is not None and int(flags[1], 16) & 0x200 == 0 and "HLT=1" in registers


@pytest.mark.slow
def test_the_machine_halts(make_rig: Callable[..., Rig], dedicated_disk: Path) -> None:
    rig = make_rig(tools=dedicated_disk)
    rig.boot()
    rig.product.configure(append="crashdump.final=halt")
    rig.product.arm()
    vm = rig.vm
    vm.hold_stages("reboot")
    vm.crash()
    vm.wait_for_stage("reboot", timeout=180)
    vm.release_stage()
    deadline = time.monotonic() + 60
    while not is_halted(vm.qmp("human-monitor-command", command_line="info registers")):
        assert time.monotonic() < deadline
        time.sleep(1)
    # Until somebody resets it.
    vm.hold_stages()
    vm.reset()
    rig.must_recover_a_complete_dump()


@pytest.mark.slow
def test_a_machine_without_a_display(make_rig: Callable[..., Rig], dedicated_disk: Path) -> None:
    """Nothing waits for one."""
    rig = make_rig(tools=dedicated_disk, extra_arguments=["-vga", "none"])
    rig.boot()
    assert rig.vm.run("test -e /sys/class/graphics/fb0").status != 0
    rig.product.configure(append="crashdump.screen=brown")
    rig.product.arm()
    rig.vm.crash()
    rig.must_recover_a_complete_dump()
    # No step has run out of its time.
    assert not any(line.startswith("note ") for line in rig.vm.status_lines), rig.vm.status_lines


@pytest.mark.parametrize("display", ["text", pytest.param("uefi", marks=_SLOW), pytest.param("4K", marks=_SLOW)])
@pytest.mark.parametrize("capture_kernel", ["dedicated", pytest.param("distribution", marks=_SLOW)])
def test_what_is_on_the_screen(
    capture_kernel: str,
    display: str,
    make_rig: Callable[..., Rig],
    dedicated_disk: Path,
    product_disk: Path,
    test_directory: Path,
    tmp_path: Path,
) -> None:
    options: dict[str, Any] = {"tools": dedicated_disk if capture_kernel == "dedicated" else product_disk}
    if display != "text":
        # It sets a graphics mode up, which both kernels use as they find it.
        options |= uefi_options(test_directory)
    if display == "4K":
        options["extra_arguments"] += ["-global", "VGA.xres=3840", "-global", "VGA.yres=2160", "-global", "VGA.vgamem_mb=64"]
        # This firmware knows the mode, and has to be told to take it (drivers/firmware/efi/libstub/gop.c).
        options["command_line"] = f"{CRASHKERNEL} video=efifb:3840x2160"
    rig = make_rig(**options)
    rig.boot()
    vm = rig.vm
    assert (vm.run("test -e /sys/firmware/efi").status == 0) == (display != "text")
    rig.product.configure(append="crashdump.screen=brown")
    rig.product.arm()
    font = Font.of(vm, tmp_path)
    # Twice as wide as usual, or nobody could read them.
    assert display != "4K" or font.columns == 3840 // 16
    crash_and_look(rig, font, tmp_path, display)


def crash_and_look(rig: Rig, font: Font, directory: Path, display: str) -> None:
    """Of a machine that is armed; the dump is recovered at the end. `make pictures` keeps what is seen then, by the display's name."""
    vm = rig.vm
    vm.hold_stages("messages-safe", "reboot")
    before = vm.console.position()
    vm.crash()
    vm.wait_for_stage("messages-safe", timeout=120)
    during = text_with(vm, font, "Saved to  vda2 ", directory)
    print(during)
    for words in ("The Linux kernel of this machine has crashed.", _PANIC, "QEMU Standard PC", "Call trace\n    sysrq_handle_crash+0x"):
        assert words in during, during
    taken_along = Picture.of(vm, directory).code()
    print(taken_along)
    assert (taken_along is not None) == has_room_for_code(font)
    if taken_along is not None:
        # A part of what stands there, from its first line on.
        assert taken_along.startswith(_PANIC) and "sysrq_handle_crash+0x" in taken_along
        assert all(line in during for line in taken_along.splitlines()), taken_along
    vm.release_stage()
    vm.wait_for_stage("reboot", timeout=120)
    after = text_with(vm, font, "The memory is saved", directory)
    print(after)
    for words in (_PANIC, "The machine restarts in "):
        assert words in after, after
    # The same on the serial line, which may be a dumb one.
    said = vm.console.text(before)
    assert _PANIC in said and "crashdump: result: complete " in said and "\x1b" not in said, said
    if pictures := os.environ.get("CRASHDUMP_PICTURES"):
        vm.qmp("screendump", filename=str(Path(pictures) / f"{display}.png"), format="png")
    vm.hold_stages()
    vm.release_stage()
    rig.must_recover_a_complete_dump()


@pytest.mark.slow
@pytest.mark.parametrize(("driver", "vga", "device"), [("bochs", "std", "VGA"), ("virtio_gpu", "virtio", "virtio-vga")])
def test_a_display_that_the_crashed_kernel_drove_itself(
    driver: str, vga: str, device: str, kernel: Kernel, make_rig: Callable[..., Rig], test_directory: Path, tmp_path: Path
) -> None:
    """A picture in a graphics mode of its own, as on a desktop, and a driver for it in the capture initramfs."""
    initramfs = test_directory / "guest.cpio"
    build_initramfs(initramfs, kernel, [*DISK_MODULES, driver])
    tools = build_product_disk(tmp_path / "tools.img", kernel, packed=["--display", driver])
    display = ["-vga", vga, "-global", f"{device}.xres=1920", "-global", f"{device}.yres=1080"]
    rig = make_rig(tools=tools, initramfs=initramfs, extra_arguments=display)
    rig.boot()
    vm = rig.vm
    rig.product.configure(append="crashdump.screen=brown")
    rig.product.arm()
    font = Font.of(vm, tmp_path)
    vm.run("tr '\\0' '\\252' </dev/zero >/dev/fb0")  # until it is full
    picture = Picture.of(vm, tmp_path)
    assert (picture.width, picture.height) == (1920, 1080)
    assert next(iter(picture.shares())) == (0xAA, 0xAA, 0xAA), picture.shares()
    crash_and_look(rig, font, tmp_path, driver)
