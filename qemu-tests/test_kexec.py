# SPDX-License-Identifier: GPL-2.0-or-later
# A panic into a crash kernel, with a loader of the harness' own and the guest's initramfs in the capture kernel too: what the harness
# sees of a kexec jump, on every architecture, and a control for the product's tests (if this fails, the fault is not the product's).

from pathlib import Path
from typing import Callable

import pytest

from machine.architecture import PLATFORMS, PlatformParts
from machine.crash_kernel import add_crash_kernel, load_crash_kernel
from machine.disk import Disk
from machine.drive import Drive
from machine.guest_image import build_initramfs, build_tools_disk
from machine.kernel import Kernel
from machine.ranges import copy_image
from machine.vm import Vm
from platforms import platforms_where


def captures_itself(parts: PlatformParts) -> bool:
    return parts.kernel in (parts.capture_kernel, "production")


@pytest.mark.parametrize("platform", platforms_where(captures_itself))
def test_panic_jumps_into_the_crash_kernel(
    platform: str, make_vm: Callable[..., Vm], pristine_disk: Disk, test_directory: Path, tmp_path: Path
) -> None:
    parts = PLATFORMS[platform]
    architecture = parts.architecture
    kernel = Kernel.named(parts.kernel, architecture)
    initramfs = tmp_path / "guest.cpio"
    build_initramfs(initramfs, kernel)
    tools = tmp_path / "tools"
    tools.mkdir()
    add_crash_kernel(tools, kernel, initramfs)
    build_tools_disk(tmp_path / "tools.img", tools)
    copy_image(pristine_disk.path, test_directory / "disk.img")
    drives = [
        Drive("disk0", test_directory / "disk.img", serial="DISK0"),
        Drive("tools", tmp_path / "tools.img", serial="tools", read_only=True),
    ]
    vm = make_vm(
        kernel=kernel.vmlinuz,
        initramfs=initramfs,
        drives=drives,
        architecture=architecture,
        command_line=architecture.crashkernel,
        memory_mib=architecture.memory_mib,
    )
    vm.boot()
    production = vm.boot_id
    load_crash_kernel(vm)
    vm.must("yes crashed-memory-marker | dd of=/run/marker bs=1M count=4 iflag=fullblock")

    vm.crash()
    vm.wait_for_boot()
    capture = vm.boot_id
    assert capture != production
    assert vm.run("test -e /proc/vmcore").status == 0
    # A kexec jump is no reset: the memory of the kernel that crashed is still there, seen from outside.
    vm.stop()
    vm.pmemsave(0, architecture.memory_mib << 20, tmp_path / "memory")
    vm.cont()
    assert (tmp_path / "memory").read_bytes().count(b"crashed-memory-marker\n") * 22 >= (4 << 20) - 4096
    assert vm.must("head -c 4 /proc/vmcore") == "\x7fELF"

    vm.run_without_answer("reboot -f")
    vm.wait_for_reset(timeout=30)
    vm.wait_for_boot()
    assert vm.boots == 3
    assert vm.run("test -e /proc/vmcore").status != 0
