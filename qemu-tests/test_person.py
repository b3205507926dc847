# SPDX-License-Identifier: GPL-2.0-or-later
# The person at the machine: is asked before anything is written, and gets a shell, on a serial line and at the keyboard. What he types
# in the shell shows up on the serial console, which he has sent it to.

import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from machine.armed import ArmedMachine
from machine.disk import SWAP_UUID, Disk
from machine.drive import Drive
from machine.kernel import Kernel
from machine.picture import Font, Picture
from machine.product import CRASHKERNEL, PROGRAM, build_product_disk
from machine.ranges import copy_image, differing_ranges
from machine.rig import MEMORY_MIB, Rig
from machine.typist import SerialTerminal, press_together
from machine.vm import Vm, VmConfig
from observed_crash import wait_for_status_line

_SLOW = pytest.mark.slow
_PANIC = "Kernel panic - not syncing: sysrq triggered crash"
_ASKED = r"capture confirm swap .* are as they were when the capture was prepared"


def type_slowly(typing: Callable[[str], None], text: str) -> None:
    """As a person does who has read what is asked: keys that do not stand alone do not count."""
    for key in text:
        time.sleep(2)
        typing(key)


def press_until(typing: Callable[[str], None], key: str, seen: Callable[[], bool]) -> None:
    """Again and again, as a person does who sees nothing happen: on a busy host two keys may come together, and then neither counts."""
    deadline = time.monotonic() + 60
    while not seen():
        assert time.monotonic() < deadline, f"the key {key!r} does nothing"
        typing(key)
        time.sleep(3)


def answer(vm: Vm, where: str, wrong_keys: str, key: str) -> None:
    def answered() -> bool:
        return any(line.startswith("answer ") for line in vm.status_lines)

    if where == "keyboard":
        type_slowly(vm.press, wrong_keys)
        assert not answered()
        press_until(vm.press, key, answered)
        return
    with vm.serial_terminal() as terminal:
        type_slowly(terminal.type, wrong_keys)
        assert not answered()
        press_until(terminal.type, key, answered)


def open_shell(vm: Vm, terminal: SerialTerminal) -> None:
    """Where one is offered, up to the page that it begins with."""
    press_until(terminal.type, "\r", lambda: "shell /dev/ttyS0" in vm.status_lines)
    vm.wait_for_console("crashhelp shows this page again", timeout=60)


@pytest.fixture(scope="module")
def keyboard_disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dedicated kernel's image, with the keyboard's drivers, which are built into the distribution's kernel."""
    drivers = ["--module", "i8042", "--module", "atkbd"]
    return build_product_disk(tmp_path_factory.mktemp("keyboard") / "tools.img", Kernel.build(), packed=drivers)


@pytest.fixture(scope="module", params=["dedicated", pytest.param("distribution", marks=_SLOW)])
def armed(
    request: pytest.FixtureRequest,
    module_directory: Path,
    kernel: Any,
    guest_initramfs: Path,
    pristine_disk: Disk,
) -> ArmedMachine:
    """Asks for long enough, or longer, and then offers a shell."""
    disk = pristine_disk.at(module_directory / f"{request.param}.img")
    copy_image(pristine_disk.path, disk.path)
    tools = request.getfixturevalue("keyboard_disk" if request.param == "dedicated" else "product_disk")
    config = VmConfig(
        kernel=kernel.vmlinuz,
        initramfs=guest_initramfs,
        drives=[Drive("disk0", disk.path, serial="DISK0"), Drive("tools", tools, serial="tools", read_only=True)],
        command_line=CRASHKERNEL,
        memory_mib=MEMORY_MIB,
        stages=True,
        terminal=True,
    )
    return ArmedMachine.save(
        config, disk, module_directory, append="crashdump.confirm=300 crashdump.screen=brown crashdump.shell crashdump.linger=120"
    )


@dataclass(frozen=True)
class Display:
    vm: Vm
    font: Font
    directory: Path

    @staticmethod
    def of(vm: Vm, directory: Path) -> "Display":
        return Display(vm, Font.of(vm, directory), directory)

    def wait_for(self, *words: str) -> None:
        """Until all of them stand on it together."""
        deadline = time.monotonic() + 60
        while True:
            text = self.font.read(Picture.of(self.vm, self.directory))
            if all(word in text for word in words):
                return
            assert time.monotonic() < deadline, text
            time.sleep(1)


@dataclass(frozen=True)
class Asked:
    """A machine that has crashed and waits for the answer."""

    rig: Rig
    display: Display


@pytest.fixture
def asked(armed: ArmedMachine, test_directory: Path) -> Iterator[Asked]:
    rig = armed.go_on(test_directory)
    try:
        display = Display.of(rig.vm, test_directory)
        rig.vm.crash()
        wait_for_status_line(rig.vm, _ASKED, timeout=120)
        rig.vm.wait_for_console("y: yes, n: no", timeout=60)
        yield Asked(rig, display)
    finally:
        rig.vm.kill()


def is_written(before: Disk, after: Disk) -> bool:
    """Whether anything in the partition with the region is not as before."""
    swap = after.swap
    return any(begin < swap.end and end > swap.offset for begin, end in differing_ranges(before.path, after.path))


@pytest.mark.parametrize("where", ["serial", "keyboard"])
def test_no_writes_nothing(where: str, asked: Asked, armed: ArmedMachine) -> None:
    vm = asked.rig.vm
    asked.display.wait_for("May messages and memory be written there?", f"vda2 (swap {SWAP_UUID}", "y: yes, n: no.")
    answer(vm, where, "x ", "n")
    wait_for_status_line(vm, "answer no", timeout=60)
    wait_for_status_line(vm, "ended 1 the answer was no: nothing was written", timeout=60)
    asked.display.wait_for("the answer was no: nothing was written")
    assert not is_written(armed.disk, asked.rig.disk)


@pytest.mark.parametrize("where", ["serial", "keyboard"])
def test_yes_and_then_a_shell(where: str, asked: Asked, armed: ArmedMachine) -> None:
    vm = asked.rig.vm
    assert not is_written(armed.disk, asked.rig.disk)
    if where == "keyboard":
        # What people do with a machine that is frozen.
        press_together(vm.qmp, "ctrl", "alt", "delete")
        time.sleep(2)
        assert not any(line.startswith("answer") for line in vm.status_lines)
    answer(vm, where, "", "y")
    wait_for_status_line(vm, "capture result complete .*", timeout=300)
    assert "answer yes" in vm.status_lines
    vm.wait_for_console(r"in \d+ s \(space: wait; Enter: a shell here\)", timeout=60)
    before = vm.console.position()
    if where == "keyboard":
        press_until(vm.press, "\r", lambda: "shell /dev/tty0" in vm.status_lines)
        time.sleep(2)
        vm.press("dmesg | tail -n 60 >/dev/ttyS0\r")
        vm.wait_for_console(re.escape(_PANIC), timeout=120, start=before)
        vm.press("clear\rdmesg | grep sysrq\r")
        asked.display.wait_for(_PANIC, "crashdump# ")
        vm.press("exit\r")
        wait_for_status_line(vm, "shell ended", timeout=60)
    else:
        with vm.serial_terminal() as terminal:
            open_shell(vm, terminal)
            terminal.type("dmesg | tail -n 60\r")
            vm.wait_for_console(re.escape(_PANIC), timeout=120, start=before)
            # The magic number of a zstd frame (RFC 8878).
            terminal.type("dmesg | zstd -1 | hexdump -n 4 -e '4/1 \"%02x\"'\r")
            vm.wait_for_console("28b52ffd", timeout=60, start=before)
            # Ctrl-C ends what runs, and not the shell.
            terminal.type("echo begun $((1 + 1)); sleep 1000\r")
            vm.wait_for_console("begun 2", timeout=60, start=before)
            time.sleep(2)
            ends = vm.console.position()
            terminal.type("\x03")
            vm.wait_for_console("crashdump# ", timeout=60, start=ends)
            terminal.type("echo still $((40 + 2)) there\r")
            vm.wait_for_console("still 42 there", timeout=60, start=before)
            terminal.type("exit\r")
            wait_for_status_line(vm, "shell ended", timeout=60)
    # Init has its console back, which the end of the shell's session has taken from it.
    vm.wait_for_console("crashdump: rebooting", timeout=60, start=before)
    asked.rig.must_recover_a_complete_dump()


@pytest.mark.slow
def test_a_shell_before_and_the_question_behind_it(make_rig: Callable[..., Rig], dedicated_disk: Path) -> None:
    rig = make_rig(tools=dedicated_disk, terminal=True)
    vm = rig.vm
    rig.boot()
    rig.product.configure(append="crashdump.shell=before crashdump.confirm=120 crashdump.linger=60")
    rig.product.arm()
    vm.crash()
    vm.wait_for_console(r"The capture begins in \d+ s \(space: wait; Enter: a shell here\)", timeout=120)
    with vm.serial_terminal() as terminal:
        open_shell(vm, terminal)
        terminal.type("ls /proc/vmcore\rexit\r")
        wait_for_status_line(vm, "shell ended", timeout=60)
        wait_for_status_line(vm, _ASKED, timeout=120)
        vm.wait_for_console("y: yes, n: no", timeout=60)
        press_until(terminal.type, "n", lambda: "answer no" in vm.status_lines)
    wait_for_status_line(vm, "ended 1 the answer was no: nothing was written", timeout=60)


_ON_A_FILE_SYSTEM = ["modprobe ext4", "mount /dev/vdc /mnt", "zstd -1 </proc/vmcore >/mnt/vmcore.zst", "umount /mnt"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("capture_kernel", "lines"),
    [("distribution", _ON_A_FILE_SYSTEM), ("dedicated", ["zstd -1 </proc/vmcore >/dev/vdc"])],
    ids=["distribution", "dedicated"],
)
def test_the_memory_saved_by_hand(
    capture_kernel: str, lines: list[str], make_rig: Callable[..., Rig], dedicated_disk: Path, kernel: Kernel, tmp_path: Path
) -> None:
    """As the manual has it (crashdump-capture.8), on a disk that the crashed system did not use."""
    tools = dedicated_disk
    if capture_kernel == "distribution":
        tools = build_product_disk(tmp_path / "tools.img", kernel, packed=["--module", "ext4"])
    other = tmp_path / "other.img"
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", other, "1G"], check=True)
    rig = make_rig(tools=tools, terminal=True, drives=[Drive("other", other, serial="other")])
    vm = rig.vm
    rig.boot()
    rig.product.configure(append="crashdump.shell=before crashdump.linger=60")
    rig.product.arm()
    vm.crash()
    vm.wait_for_console(r"The capture begins in \d+ s \(space: wait; Enter: a shell here\)", timeout=120)
    with vm.serial_terminal() as terminal:
        open_shell(vm, terminal)
        for line in lines:
            before = vm.console.position()
            terminal.type(f"{line} && echo has $((3 * 7)) ended\r")
            vm.wait_for_console("has 21 ended", timeout=300, start=before)
        terminal.type("exit\r")
        wait_for_status_line(vm, "shell ended", timeout=60)
    rig.must_recover_a_complete_dump()
    vm.kill()
    saved = tmp_path / "vmcore.zst"
    if capture_kernel == "distribution":
        subprocess.run(["debugfs", "-R", f"dump /vmcore.zst {saved}", other], check=True, capture_output=True)
    else:
        other.rename(saved)
    # On a partition of its own there is something else behind it, of which zstd complains at the end.
    decompressed = subprocess.run(["zstd", "-q", "-d", "--stdout", saved], stdout=(tmp_path / "vmcore").open("wb"), check=False)
    assert (decompressed.returncode == 0) == (capture_kernel == "distribution")
    messages = subprocess.run([PROGRAM, "messages", tmp_path / "vmcore"], check=True, capture_output=True, text=True).stdout
    assert _PANIC in messages


@pytest.mark.slow
def test_a_shell_on_failure(make_rig: Callable[..., Rig], dedicated_disk: Path) -> None:
    rig = make_rig(tools=dedicated_disk, terminal=True)
    vm = rig.vm
    rig.boot()
    rig.product.configure(append="crashdump.shell=on-failure crashdump.device_wait=5 crashdump.linger=60")
    rig.product.arm()
    vm.must("sync")
    # Another disk, as far as anybody can tell.
    rig.disk.write(rig.disk.swap.offset + 1024, bytes(64))
    vm.crash()
    vm.wait_for_console(r"The machine restarts in \d+ s \(space: wait; Enter: a shell here\)", timeout=120)
    with vm.serial_terminal() as terminal:
        open_shell(vm, terminal)
        terminal.type("exit\r")
        wait_for_status_line(vm, "shell ended", timeout=60)
    vm.wait_for_boot()


@pytest.mark.slow
@pytest.mark.parametrize("default", ["yes", "no"])
def test_silence(default: str, make_rig: Callable[..., Rig], dedicated_disk: Path, test_directory: Path) -> None:
    rig = make_rig(tools=dedicated_disk, terminal=True)
    rig.boot()
    rig.product.configure(append=f"crashdump.confirm=3 crashdump.confirm_default={default} crashdump.linger=1")
    rig.product.arm()
    rig.vm.must("sync")
    rig.vm.stop()
    before = rig.disk.at(test_directory / "before.img")
    copy_image(rig.disk.path, before.path)
    rig.vm.cont()
    rig.vm.hold_stages("reboot")
    rig.vm.crash()
    rig.vm.wait_for_stage("reboot", timeout=180)
    assert f"answer {default}" in rig.vm.status_lines
    assert is_written(before, rig.disk) == (default == "yes")
    # Without the option no shell is offered.
    assert "shell here" not in rig.vm.console.text()


@pytest.mark.slow
def test_the_question_on_a_plain_display(make_rig: Callable[..., Rig], keyboard_disk: Path, tmp_path: Path) -> None:
    """Of a machine whose console it is, beside the serial line, which understands nothing but text."""
    rig = make_rig(tools=keyboard_disk, command_line=f"{CRASHKERNEL} console=tty0")
    vm = rig.vm
    rig.boot()
    rig.product.configure(append="crashdump.confirm=120 crashdump.linger=60")
    rig.product.arm()
    display = Display.of(vm, tmp_path)
    before = vm.console.position()
    vm.crash()
    wait_for_status_line(vm, _ASKED, timeout=120)
    display.wait_for(f"vda2 (swap {SWAP_UUID}", "y: yes, n: no")
    press_until(vm.press, "n", lambda: "answer no" in vm.status_lines)
    display.wait_for("the answer was no: nothing was written")
    wait_for_status_line(vm, "ended 1 the answer was no: nothing was written", timeout=60)
    shown = vm.console.text(before)
    assert "y: yes, n: no" in shown and "the answer was no: nothing was written" in shown
    assert "\x1b" not in shown


@pytest.mark.slow
def test_a_keyboard_on_usb(make_rig: Callable[..., Rig], tmp_path: Path) -> None:
    """And no other: the one on the board is not there."""
    drivers = [word for name in ("xhci_pci", "usbhid", "hid_generic") for word in ("--module", name)]
    tools = build_product_disk(tmp_path / "tools.img", Kernel.build(), packed=drivers)
    rig = make_rig(tools=tools, extra_arguments=["-machine", "i8042=off", "-device", "qemu-xhci", "-device", "usb-kbd"])
    vm = rig.vm
    rig.boot()
    rig.product.configure(append="crashdump.confirm=120 crashdump.screen=brown crashdump.linger=1")
    rig.product.arm()
    vm.crash()
    wait_for_status_line(vm, _ASKED, timeout=120)
    press_until(vm.press, "n", lambda: "answer no" in vm.status_lines)
    wait_for_status_line(vm, "ended 1 the answer was no: nothing was written", timeout=60)
