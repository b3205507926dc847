# SPDX-License-Identifier: GPL-2.0-or-later
# A panic into a crash kernel, with a loader of the harness' own and the guest's initramfs in the capture kernel too: what the harness
# sees of a kexec jump, and a control for the product's tests (if this fails, the fault is not the product's).

from pathlib import Path
from typing import Any, Callable

import pytest

from machine.disk import Disk
from machine.drive import Drive
from machine.guest_image import build_tools_disk, compile_guest_program
from machine.ranges import copy_image
from machine.vm import NO_TIMER_CHECK, Vm

_CAPTURE_COMMAND_LINE = f"console=ttyS0 quiet reset_devices nr_cpus=1 irqpoll nokaslr {NO_TIMER_CHECK} guest.var=none"


@pytest.fixture
def tools_disk(tmp_path: Path, kernel: Any, guest_initramfs: Path) -> Path:
    tools = tmp_path / "tools"
    tools.mkdir()
    compile_guest_program("load_crash_kernel", tools)
    (tools / "vmlinuz").write_bytes(kernel.vmlinuz.read_bytes())
    (tools / "initramfs").write_bytes(guest_initramfs.read_bytes())
    build_tools_disk(tmp_path / "tools.img", tools)
    return tmp_path / "tools.img"


def test_panic_jumps_into_the_crash_kernel(
    make_vm: Callable[..., Vm], pristine_disk: Disk, tools_disk: Path, test_directory: Path, tmp_path: Path
) -> None:
    copy_image(pristine_disk.path, test_directory / "disk.img")
    drives = [
        Drive("disk0", test_directory / "disk.img", serial="DISK0"),
        Drive("tools", tools_disk, serial="tools", read_only=True),
    ]
    vm = make_vm(drives=drives, command_line="crashkernel=192M", memory_mib=512)
    vm.boot()
    production = vm.boot_id
    vm.must(f"/tools/load_crash_kernel /tools/vmlinuz /tools/initramfs '{_CAPTURE_COMMAND_LINE}'")
    assert vm.must("cat /sys/kernel/kexec_crash_loaded") == "1\n"
    vm.must("yes crashed-memory-marker | dd of=/run/marker bs=1M count=4 iflag=fullblock")

    vm.crash()
    vm.wait_for_boot()
    capture = vm.boot_id
    assert capture != production
    assert vm.run("test -e /proc/vmcore").status == 0
    # A kexec jump is no reset: the memory of the kernel that crashed is still there, seen from outside.
    vm.stop()
    vm.pmemsave(0, 512 << 20, tmp_path / "memory")
    vm.cont()
    assert (tmp_path / "memory").read_bytes().count(b"crashed-memory-marker\n") * 22 >= (4 << 20) - 4096
    assert vm.must("head -c 4 /proc/vmcore") == "\x7fELF"

    vm.run_without_answer("reboot -f")
    vm.wait_for_reset(timeout=30)
    vm.wait_for_boot()
    assert vm.boots == 3
    assert vm.run("test -e /proc/vmcore").status != 0
